/* The contraction every fast kernel here is made of: rows x px pixels x nb vectors of output channels stay in
   registers while the reduction loops run; each input element is broadcast to nb fused multiply-adds.

     let acc0[14]: f32x16 = load bias[...]
     for ky .. { for kx .. { for c .. {
       let w0: f32x16 = load w[...]
       unroll q 0..14 { acc0[q] = fma(splat(load in[...]), w0, acc0[q]) }
     } } }
     unroll q 0..14 { store out[...] = epilogue(acc0[q]) }       finish.c */
#include "lower.h"

enum { MAX_PIXELS = 32 };

static const Ix *tile_index(KC *kc, const Contract *c, const Ix *r, const Ix *q) { return ADD(MULC(r, c->px), q); }

/* Opens unrolled loops over the tile's pixels; returns the number to close. */
static int pixels(KC *kc, const Contract *c, const Ix **r, const Ix **q)
{
    int n = 0;
    *r = *q = IXC(0);
    if (c->rows > 1)
        *r = IXV(kb_for(&kc->b, LOOP_UNROLL, "r", IXC(0), IXC(c->rows), 1)), n++;
    if (c->px > 1)
        *q = IXV(kb_for(&kc->b, LOOP_UNROLL, "q", IXC(0), IXC(c->px), 1)), n++;
    return n;
}

int kc_segments(const KC *kc, int64_t channels, int lanes, Segment *s)
{
    int nb = (int)imin(kc->s->nb, (channels + lanes - 1) / lanes), n = 0;
    ChannelBlocks b = channel_blocks(channels, nb, lanes);
    if (b.full)
        s[n++] = (Segment){.blocks = (int)b.full, .nb = nb, .last_n = lanes};
    if (b.rest)
        s[n++] = (Segment){.first = channels - b.rest, .blocks = 1, .nb = b.tail, .last_n = b.last};
    return n;
}

/* The hardware does not look far enough ahead for what comes from beyond L2. There is one prefetch a step at most,
   except where few passes have to do it. Where there are many passes, the last ones fetch what is there already. */
void kc_prefetch(KC *kc, const Panels *p, const Ix *panel, const Ix *pass, const Ix *step)
{
    enum { LINE = 16 };
    int64_t passes = p->passes >= 8 ? 8 : imin(p->passes, 4), part = p->wide / passes;
    const Ix *next = ix_min(kc->A, ADDC(panel, 1), IXC(p->panels - 1));
    const Ix *at = MULC(ADD(MULC(ix_min(kc->A, pass, IXC(passes - 1)), p->steps), step), part);
    for (int64_t i = 0; i < part; i += LINE)
        kb_prefetch(&kc->b, p->param, (const Ix *[]){next, ADDC(at, i)});
}

/* ---- two pixels that share their last vector ---- */

/* Of vector j. */
static int registers(const Contract *c, int j)
{
    int n = c->rows * c->px;
    return c->pairs && j == c->nb - 1 ? (n + 1) / 2 : n;
}

static const Expr *pair_x(KC *kc, const Contract *c, int p, const Ix *const *red, const Ix *shared)
{
    const Expr *x = c->x(kc, c->user, IXC(p / c->px), IXC(p % c->px), red, shared);
    return x_reg(&kc->b, kb_let(&kc->b, "x", x_splat(&kc->b, x, c->lanes)));
}

static void add_product(KC *kc, int acc, int p, const Expr *x, const Expr *w)
{
    kb_set(&kc->b, acc, IXC(p), NULL, x_fma(&kc->b, kc->t->fma, x, w, x_tile(&kc->b, acc, IXC(p), NULL)));
}

static void multiply_pairs(KC *kc, const Contract *c, const int *acc, const Expr *const *w, const Ix *const *red,
                           const Ix *shared)
{
    KB *b = &kc->b;
    int last = c->nb - 1, n = c->rows * c->px;
    for (int p = 0; p < n; p += 2) {
        const Expr *x = pair_x(kc, c, p, red, shared), *y = p + 1 < n ? pair_x(kc, c, p + 1, red, shared) : NULL;
        for (int j = 0; j < last; j++)
            add_product(kc, acc[j], p, x, w[j]);
        for (int j = 0; j < last && y; j++)
            add_product(kc, acc[j], p + 1, y, w[j]);
        if (y) {
            const Expr *upper = x_load(b, c->mask, (const Ix *[]){IXC(0)}, c->lanes, 0);
            x = x_reg(b, kb_let(b, "both", x_select_gt(b, upper, x_const(b, x->type, 0), y, x)));
        }
        add_product(kc, acc[last], p / 2, x, w[last]);
    }
}

/* The pixel's own vectors and what it has of the one that it shares. The upper half is stored with what lies below it,
   over channels of the pixel's vector before that one, which comes behind it; it may lie where an operand of the
   epilogue does, so that all results come before the first store. */
static void store_paired(KC *kc, const Contract *c, const int *acc, int p)
{
    int last = c->nb - 1, half = p % 2 * c->lanes / 2;
    const Out *out = &kc->n->out[0];
    const Ix *coord[8][MAX_RANK];
    const Expr *x[8];
    for (int j = 0; j <= last; j++) {
        c->coord(kc, c->user, IXC(p / c->px), IXC(p % c->px), j, coord[j]);
        if (j == last)
            coord[j][c->vdim] = ADDC(coord[j][c->vdim], -half);
        const Expr *sum = x_tile(&kc->b, acc[j], IXC(j == last ? p / 2 : p), NULL);
        x[j] = kc_reg(kc, "t", kc_epilogue(kc, sum, coord[j], c->vdim, c->lanes,
                                           j == last ? half + c->last_n : c->lanes)[out->step]);
    }
    for (int j = last; j >= 0; j--)
        kc_store(kc, out->value, coord[j], c->vdim, x[j], j == last ? half + c->last_n : c->lanes);
}

static void multiply(KC *kc, const Contract *c, const int *acc, const Ix *const *red)
{
    KB *b = &kc->b;
    const Expr *w[8];
    const Ix *shared = c->shared ? c->shared(kc, c->user, red) : NULL;
    for (int j = 0; j < c->nb; j++)
        w[j] = x_reg(b, kb_let(b, arena_printf(kc->A, "w%d", j), c->w(kc, c->user, j, red)));
    if (c->pairs) {
        multiply_pairs(kc, c, acc, w, red, shared);
        return;
    }
    const Ix *r, *q;
    int n = pixels(kc, c, &r, &q);
    const Ix *p = tile_index(kc, c, r, q);
    const Expr *x = c->x(kc, c->user, r, q, red, shared);
    x = x_splat(b, x, c->lanes);
    if (c->nb > 1)
        x = x_reg(b, kb_let(b, "x", x));
    for (int j = 0; j < c->nb; j++)
        kb_set(b, acc[j], p, NULL, x_fma(b, kc->t->fma, x, w[j], x_tile(b, acc[j], p, NULL)));
    kc_close(kc, n);
}

/* Several steps of the innermost loop: a vector of inputs per pixel, each of whose lanes is multiplied in one step. */
static void multiply_lanes(KC *kc, const Contract *c, const int *acc, const Ix **red, int steps)
{
    KB *b = &kc->b;
    const Expr *x[MAX_PIXELS], *w[8];
    const Ix **inner = &red[c->nred - 1], *first = *inner;
    for (int p = 0; p < c->rows * c->px; p++)
        x[p] = kc_reg(kc, "x", c->xs(kc, c->user, IXC(p / c->px), IXC(p % c->px), red, steps));
    for (int i = 0; i < steps; i++) {
        *inner = ADDC(first, i);
        for (int j = 0; j < c->nb; j++)
            w[j] = x_reg(b, kb_let(b, arena_printf(kc->A, "w%d", j), c->w(kc, c->user, j, red)));
        for (int p = 0; p < c->rows * c->px; p++)
            for (int j = 0; j < c->nb; j++)
                kb_set(b, acc[j], IXC(p), NULL, x_fma(b, kc->t->fma, x_splat(b, x_lane(b, x[p], i), c->lanes), w[j],
                                                      x_tile(b, acc[j], IXC(p), NULL)));
    }
}

/* Steps that one turn of the innermost loop takes. */
static int steps(const KC *kc, const Contract *c)
{
    return c->xs && kc->t->fma_by_lane && c->lanes == kc->t->lanes && c->rows * c->px <= MAX_PIXELS ? c->lanes : 1;
}

static void step(KC *kc, const Contract *c, const int *acc, const Ix **red)
{
    steps(kc, c) > 1 ? multiply_lanes(kc, c, acc, red, steps(kc, c)) : multiply(kc, c, acc, red);
}

static void open_loop(KC *kc, const Contract *c, const Ix **red, int k)
{
    const RedLoop *l = &c->red[k];
    const Ix *lo = l->lo, *hi = l->hi;
    if (l->in) {
        const RedLoop *blocks = &c->red[l->in - 1];
        lo = red[l->in - 1];
        hi = ADDC(lo, blocks->step);
        if (!ix_is_const(l->lo) || !ix_is_const(l->hi) || (l->hi->c - l->lo->c) % blocks->step)
            hi = ix_min(kc->A, hi, l->hi);
    }
    int64_t by = k == c->nred - 1 ? steps(kc, c) : imax(1, l->step);
    red[k] = IXV(kb_for(&kc->b, LOOP_SERIAL, l->name, lo, hi, by));
}

static void tiles(KC *kc, const Contract *c, const char *name, int *acc, const Expr *const *init)
{
    for (int j = 0; j < c->nb; j++)
        acc[j] = kb_tile(&kc->b, arena_printf(kc->A, "%s%d", name, j), registers(c, j), 0, init[j]);
}

void kc_cut(Contract *c, RedLoop *l)
{
    int64_t step = SUM_BLOCK, n = l->most;
    if (n < LONG_SUM)
        return;
    while ((n + step - 1) / step >= LONG_SUM)
        step *= SUM_BLOCK;
    for (; step > 1; n = step, step /= SUM_BLOCK) {
        c->red[c->nred++] = (RedLoop){.name = "blk", .lo = l->lo, .hi = l->hi, .most = (n + step - 1) / step,
                                      .step = step, .in = l->in};
        l->in = c->nred, l->most = step;
    }
}

int64_t kc_terms(const Contract *c, int from, int to)
{
    int64_t n = 1;
    for (int k = from; k < to; k++)
        n *= c->red[k].most;
    return n;
}

void kc_apart(Contract *c, int inner)
{
    c->red[inner - 1].apart = true;
    for (int from = 0, to = inner; kc_terms(c, from, inner) >= LONG_SUM; from = to) {
        to = inner - 1;
        while (to > from + 1 && kc_terms(c, from, to) >= LONG_SUM)
            to--;
        c->red[to - 1].apart = true;
    }
}

int kc_blocks(KC *kc, Contract *c, const char *name, int64_t n)
{
    RedLoop blk = {.name = "blk", .lo = IXC(0), .hi = IXC(n / SUM_BLOCK), .most = n / SUM_BLOCK};
    kc_cut(c, &blk);
    c->red[c->nred++] = blk;
    c->red[c->nred++] = (RedLoop){.name = name, .lo = IXC(0), .hi = IXC(SUM_BLOCK), .most = SUM_BLOCK};
    kc_apart(c, c->nred - 1);
    c->rest = n % SUM_BLOCK, c->last = blk.hi;
    return c->nred;
}

const Ix *kc_blocked(KC *kc, int loops, const Ix *const *red)
{
    return ADD(MULC(red[loops - 2], SUM_BLOCK), red[loops - 1]);
}

static void new_part(KC *kc, const Contract *c, int *part)
{
    const Expr *zero[8];
    for (int j = 0; j < c->nb; j++)
        zero[j] = x_const(&kc->b, vt(DT_F32, c->lanes), 0);
    tiles(kc, c, "part", part, zero);
}

static void add_part(KC *kc, const Contract *c, const int *acc, const int *part)
{
    KB *b = &kc->b;
    const Ix *r, *q;
    int n = pixels(kc, c, &r, &q);
    const Ix *p = tile_index(kc, c, r, q);
    for (int j = 0; j < c->nb; j++)
        kb_set(b, acc[j], p, NULL, x_bin(b, X_add, x_tile(b, acc[j], p, NULL), x_tile(b, part[j], p, NULL)));
    kc_close(kc, n);
}

/* Adds what loop k and those inside it make to acc. */
static void sums(KC *kc, const Contract *c, const int *acc, const Ix **red, int k)
{
    if (k == c->nred) {
        step(kc, c, acc, red);
        return;
    }
    int part[8];
    open_loop(kc, c, red, k);
    if (c->red[k].apart)
        new_part(kc, c, part);
    sums(kc, c, c->red[k].apart ? part : acc, red, k + 1);
    if (c->red[k].apart)
        add_part(kc, c, acc, part);
    kb_end(&kc->b);
}

/* The steps behind the last whole block; behind many blocks they are one themselves. */
static void rest(KC *kc, const Contract *c, const int *acc, const Ix **red)
{
    int k = c->nred - 1, part[8];
    bool apart = k > 1;
    red[k - 1] = c->last;
    if (apart)
        new_part(kc, c, part);
    red[k] = IXV(kb_for(&kc->b, LOOP_SERIAL, c->red[k].name, IXC(0), IXC(c->rest), steps(kc, c)));
    step(kc, c, apart ? part : acc, red);
    kb_end(&kc->b);
    if (apart)
        add_part(kc, c, acc, part);
}

void kc_contract(KC *kc, const Contract *c)
{
    KB *b = &kc->b;
    int acc[8];
    const Expr *init[8];
    const Ix *red[MAX_RED], *r, *q;
    for (int j = 0; j < c->nb; j++)
        init[j] = kc_reg(kc, "b", c->init(kc, c->user, j));
    tiles(kc, c, "acc", acc, init);
    sums(kc, c, acc, red, 0);
    if (c->rest)
        rest(kc, c, acc, red);
    if (c->pairs) {
        for (int p = 0; p < c->rows * c->px; p++)
            store_paired(kc, c, acc, p);
        return;
    }
    if (!c->store && !c->take) {
        kc_finish(kc, &(Finish){c->rows, c->px, c->nb, c->lanes, c->last_n, c->vdim, acc, c->coord, c->user, c->twin,
                                c->even});
        return;
    }
    int n = pixels(kc, c, &r, &q);
    const Ix *p = tile_index(kc, c, r, q);
    for (int j = 0; j < c->nb; j++)
        init[j] = x_tile(b, acc[j], p, NULL);
    for (int j = 0; j < c->nb && c->store; j++)
        c->store(kc, c->user, r, q, j, init[j]);
    if (c->take)
        c->take(kc, c->user, r, q, init);
    kc_close(kc, n);
}
