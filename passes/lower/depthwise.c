/* Depthwise convolution (one channel in, one out per group): vectors along channels, tiles of rows x px pixels.

   Where registers are many and windows whole, each input of a tile is loaded once, for all sums that it is part of. A
   vector's weights stay in registers from tile to tile. Loads would limit the kernel otherwise. The sum of a pixel
   runs tap by tap in either case. Weights are packed [vector][ky][kx][lanes]. Borders and peeling as in conv.c.

     for blk .. { for y .. step rows { for v .. nb {      blocks of vectors: rows that tiles share are still in L1
       let w00 .. w22 = load w[v, ...]
       for x .. step px { let acc[rows * px] = bias ; let x = load in[...] ; acc[0] = fma(x, w01, acc[0]) ; ...
                          store }
     } } }

   Where the input's channels go by a table and the result lies in its order, vector v begins at table entry v.
   Weights and per-channel constants are packed along. */
#include "lower.h"

/* What the convolution is: settled before the loops begin. */
typedef struct Dw {
    ValueId in, bias;
    Type it;
    Slide v, h;
    int lanes, wparam;
    int64_t channels;       /* coordinates of the result's channels: more than it has, by a table */
    int64_t whole;          /* whole vectors of them */
    bool once, stay;        /* each input is loaded once; the weights stay in registers */
    DwVectors vec;          /* by a table: n > 0 */
    int table;
} Dw;

/* A vector of channels, and what its pixels share. */
typedef struct Vector {
    const Ix *block, *ch;   /* its number, its first channel */
    int valid;
    const Ix *from;         /* where it lies, by a table */
    const Expr *init;
    int w[DW_MAX_TAPS];     /* weights that stay */
} Vector;

/* Where the loops around a tile stand. */
typedef struct DepthwiseWalk {
    const Dw *d;
    const Ix *n;
    const Ix *first;        /* vectors walked along each row of tiles: `count` from first, then the tail */
    int64_t count;
    bool with_tail;
    Vector vec;             /* the one at work */
    const Ix *y, *x;
    int rows;               /* of a tile */
} DepthwiseWalk;

static const Expr *dw_x(KC *kc, const DepthwiseWalk *w, const Ix *const *coord)
{
    const Dw *d = w->d;
    if (!d->vec.n)
        return kc_load(kc, d->in, &d->it, coord, 1, d->lanes, w->vec.valid);
    return kc_load_along(kc, d->in, &d->it, coord, w->vec.from, d->lanes);
}

static void coord_at(KC *kc, const void *user, const Ix *r, const Ix *q, int j, const Ix **coord)
{
    (void)j;
    const DepthwiseWalk *w = user;
    coord[0] = w->n, coord[1] = w->vec.ch, coord[2] = ADD(w->y, r), coord[3] = ADD(w->x, q);
}

/* The weights of a row of taps for a vector of channels, to registers w[]. */
static void load_weights(KC *kc, const Dw *d, const Ix *block, int64_t ky, int *w)
{
    for (int64_t kx = 0; kx < d->h.k; kx++) {
        const Ix *ix[4] = {block, IXC(ky), IXC(kx), IXC(0)};
        const char *name = arena_printf(kc->A, "w%lld_%lld", (long long)ky, (long long)kx);
        w[ky * d->h.k + kx] = kb_let(&kc->b, name, x_load(&kc->b, d->wparam, ix, d->lanes, 0));
    }
}

/* Adds input (i, j) of the tile's windows to every sum that it is part of. taps: the weights' registers. */
static void spread(KC *kc, const DepthwiseWalk *w, int acc, int px, int64_t i, int64_t j, const int *taps)
{
    KB *b = &kc->b;
    const Dw *d = w->d;
    const Expr *in = NULL;
    for (int64_t ky = 0; ky < d->v.k; ky++)
        for (int64_t kx = d->h.k - 1; kx >= 0; kx--) {
            int64_t r = slide_output(&d->v, w->rows, i, ky), q = slide_output(&d->h, px, j, kx);
            if (r < 0 || q < 0)
                continue;
            if (!in) {
                const Ix *coord[4] = {w->n, w->vec.ch, ADDC(MULC(w->y, d->v.s), i - d->v.p),
                                      ADDC(MULC(w->x, d->h.s), j - d->h.p)};
                in = kc_reg(kc, "x", dw_x(kc, w, coord));
            }
            const Ix *at = IXC(r * px + q);
            kb_set(b, acc, at, NULL,
                   x_fma(b, kc->t->fma, in, x_reg(b, taps[ky * d->h.k + kx]), x_tile(b, acc, at, NULL)));
        }
}

/* Is it the i-th input row of a tap of the tile? */
static bool row_of(const DepthwiseWalk *w, int64_t i)
{
    for (int64_t ky = 0; ky < w->d->v.k; ky++)
        if (slide_output(&w->d->v, w->rows, i, ky) >= 0)
            return true;
    return false;
}

static void by_inputs(KC *kc, const DepthwiseWalk *w, int acc, int px)
{
    const Dw *d = w->d;
    int some[DW_MAX_TAPS]; /* of the row at work, where weights do not stay */
    for (int64_t i = 0; i < slide_span(&d->v, w->rows); i++) {
        if (!row_of(w, i))
            continue;
        for (int64_t ky = 0; ky < d->v.k && !d->stay; ky++)
            if (slide_output(&d->v, w->rows, i, ky) >= 0)
                load_weights(kc, d, w->vec.block, ky, some);
        for (int64_t j = 0; j < slide_span(&d->h, px); j++)
            spread(kc, w, acc, px, i, j, d->stay ? w->vec.w : some);
    }
}

/* A row of px pixels of which taps are added up; ky: those of one row of the window. */
typedef struct Taps { const DepthwiseWalk *w; const Ix *ky; int px; bool clip; } Taps;

static void add_tap(KC *kc, const Ix *kx, int acc, const void *user)
{
    const Taps *t = user;
    const DepthwiseWalk *w = t->w;
    const Dw *d = w->d;
    KB *b = &kc->b;
    const Ix *wix[4] = {w->vec.block, t->ky, kx, IXC(0)}, *q = IXC(0);
    const Expr *weight = x_reg(b, kb_let(b, "w", x_load(b, d->wparam, wix, d->lanes, 0)));
    if (t->px > 1)
        q = IXV(kb_for(b, LOOP_UNROLL, "q", IXC(0), IXC(t->px), 1));
    const Ix *coord[4] = {w->n, w->vec.ch, ADDC(ADD(MULC(w->y, d->v.s), MULC(t->ky, d->v.d)), -d->v.p),
                          ADDC(ADD(MULC(ADD(w->x, q), d->h.s), MULC(kx, d->h.d)), -d->h.p)};
    kb_set(b, acc, q, NULL, x_fma(b, kc->t->fma, dw_x(kc, w, coord), weight, x_tile(b, acc, q, NULL)));
    if (t->px > 1)
        kb_end(b);
}

/* A row of the window; of a large one, apart. */
static void add_taps(KC *kc, const Ix *ky, int acc, const void *user)
{
    Taps t = *(const Taps *)user;
    const Dw *d = t.w->d;
    const Ix *lo = IXC(0), *hi = IXC(d->h.k);
    bool apart = d->v.k * d->h.k >= LONG_SUM;
    int row = apart ? kb_tile(&kc->b, "row", t.px, 0, x_const(&kc->b, vt(DT_F32, d->lanes), 0)) : acc;
    t.ky = ky;
    if (t.clip)
        kc_clip(kc, &d->h, t.w->x, &lo, &hi);
    Terms row_terms = {.name = "kx", .add = add_tap, .user = &t, .elems = t.px, .lanes = d->lanes,
                       .unroll = !t.clip && d->h.k <= 7};
    kc_add_up(kc, &row_terms, lo, hi, d->h.k, row);
    if (apart)
        kc_add_parts(kc, acc, row, t.px);
}

/* Tap after tap, those inside the input. */
static void by_taps(KC *kc, const DepthwiseWalk *w, int acc, int px, bool clip_x)
{
    const Dw *d = w->d;
    const Ix *lo = IXC(0), *hi = IXC(d->v.k);
    Taps t = {.w = w, .px = px, .clip = clip_x};
    if (kc->s->peel)
        kc_clip(kc, &d->v, w->y, &lo, &hi);
    Terms rows = {.name = "ky", .add = add_taps, .user = &t, .elems = px, .lanes = d->lanes};
    kc_add_up(kc, &rows, lo, hi, d->v.k, acc);
}

static void sum_depthwise_tile(KC *kc, const Ix *x, int px, bool clip_x, const void *user)
{
    DepthwiseWalk w = *(const DepthwiseWalk *)user;
    const Dw *d = w.d;
    int acc = kb_tile(&kc->b, "acc", w.rows * px, 0, w.vec.init);
    w.x = x;
    if (d->once)
        by_inputs(kc, &w, acc, px);
    else
        by_taps(kc, &w, acc, px, clip_x);
    kc_finish(kc, &(Finish){.rows = w.rows, .px = px, .nb = 1, .lanes = d->lanes, .last_n = w.vec.valid, .vdim = 1,
                            .acc = &acc, .coord = coord_at, .user = &w});
}

static void depthwise_row(KC *kc, const Ix *y, const void *user)
{
    DepthwiseWalk w = *(const DepthwiseWalk *)user;
    w.y = y;
    kc_columns(kc, &w.d->h, kc->s->peel, kc->s->px, sum_depthwise_tile, &w);
}

/* Begins vector number `block` of channels. */
static Vector vector(KC *kc, const Dw *d, const Ix *block, int valid)
{
    KB *b = &kc->b;
    Vector v = {.block = block, .ch = MULC(block, d->lanes), .valid = valid};
    if (d->vec.n)
        v.from = IXV(kb_index(b, "at", d->table, &block));
    const Expr *init = d->bias < 0 ? x_const(b, vt(DT_F32, d->lanes), 0)
                                   : kc_load_param(kc, d->bias, v.ch, true, d->lanes, valid);
    v.init = kc_reg(kc, "b", init);
    for (int64_t ky = 0; ky < d->v.k && d->stay; ky++)
        load_weights(kc, d, block, ky, v.w);
    return v;
}

/* Channels behind the whole vectors. */
static int tail_channels(const Dw *d) { return (int)(d->channels % d->lanes); }
static Vector tail(KC *kc, const Dw *d) { return vector(kc, d, IXC(d->whole), tail_channels(d)); }

/* The vectors of a row of tiles. */
static void vectors(KC *kc, const Ix *y, const void *user)
{
    DepthwiseWalk w = *(const DepthwiseWalk *)user;
    if (w.count) {
        const Ix *v = IXV(kb_for(&kc->b, LOOP_SERIAL, "v", w.first, ADDC(w.first, w.count), 1));
        w.vec = vector(kc, w.d, v, w.d->lanes);
        depthwise_row(kc, y, &w);
        kb_end(&kc->b);
    }
    if (w.with_tail) {
        w.vec = tail(kc, w.d);
        depthwise_row(kc, y, &w);
    }
}

/* The rest of the rows comes first: the parallel loop must be the last statement. */
static void depthwise_rows(KC *kc, DepthwiseWalk w, LoopKind kind, RowFn *fn)
{
    int64_t oh = kc->frame.dim[2], step = kc->s->rows, n = oh / step * step;
    if (n < oh) {
        w.rows = (int)(oh - n);
        fn(kc, IXC(n), &w);
    }
    w.rows = (int)step;
    kc_rows(kc, kind, IXC(0), n, step, kc->frame.dim[3] / kc->s->px + 2, fn, &w);
}

/* Blocks of nb vectors of channels outermost; what is left comes first. */
static void depthwise_blocks(KC *kc, DepthwiseWalk w, LoopKind kind)
{
    const Dw *d = w.d;
    int64_t nb = imin(kc->s->nb, imax(1, d->whole)), n = d->whole / nb;
    w.first = IXC(n * nb), w.count = d->whole % nb, w.with_tail = tail_channels(d);
    if (w.count || w.with_tail)
        depthwise_rows(kc, w, n ? LOOP_SERIAL : kind, vectors);
    if (!n)
        return;
    w.first = MULC(IXV(kb_for(&kc->b, kind, "blk", IXC(0), IXC(n), 1)), nb), w.count = nb, w.with_tail = false;
    depthwise_rows(kc, w, LOOP_SERIAL, vectors);
    kb_end(&kc->b);
}

/* One vector of channels over the whole map, whose results are reduced. */
static void map(KC *kc, DepthwiseWalk w, Vector v)
{
    w.vec = v;
    kc_totals(kc, 1, w.d->lanes);
    depthwise_rows(kc, w, LOOP_SERIAL, depthwise_row);
    kc_store_totals(kc, 0, w.n, v.ch, IXC(0), v.valid);
}

static void maps(KC *kc, DepthwiseWalk w, LoopKind kind)
{
    const Dw *d = w.d;
    if (tail_channels(d))
        map(kc, w, tail(kc, d));
    if (d->whole) {
        const Ix *v = IXV(kb_for(&kc->b, kind, "v", IXC(0), IXC(d->whole), 1));
        map(kc, w, vector(kc, d, v, d->lanes));
        kb_end(&kc->b);
    }
}

static int pack_depthwise(KC *kc, const Dw *d, const Value *wv)
{
    const float *w = tensor_f32(kc->l->A, wv->tensor);
    int64_t taps = d->v.k * d->h.k, lanes = d->lanes, n = (d->channels + lanes - 1) / lanes;
    float *p = NEW(kc->l->A, float, n * taps * lanes);
    for (int64_t c = 0; c < d->it.dim[1]; c++) {
        int64_t at = d->vec.n ? d->vec.slot[c] : c;
        for (int64_t k = 0; k < taps; k++)
            p[(at / lanes * taps + k) * lanes + at % lanes] = w[c * taps + k];
    }
    const char *name = arena_printf(kc->l->A, "%s.dw", wv->name);
    return kc_const(kc, "w", name, DT_F32, 4, (int64_t[]){n, d->v.k, d->h.k, lanes}, p);
}

static Dw dw_of(KC *kc)
{
    const Node *n = kc->n;
    const Value *wv = &kc->l->g->value.v[n->in[1]];
    Dw d = {.in = n->in[0], .bias = n->nin > 2 ? n->in[2] : -1, .it = *kc_type(kc, n->in[0]), .lanes = kc->s->lanes,
            .v = kc_slide(kc, wv->type.dim[2], 0), .h = kc_slide(kc, wv->type.dim[3], 1)};
    d.channels = d.it.dim[1];
    if (kc_order(kc, kc_out(kc)) == ORDER_STRIDED) { /* in the order of the operand's table */
        const Layout *in = &kc->l->g->value.v[d.in].layout;
        d.vec = dw_vectors(kc->l->A, in->at, d.channels, d.lanes);
        d.table = kc_table(kc, "at", d.vec.start, d.vec.n);
        kc->slot = d.vec.slot, kc->slots = d.channels = (int64_t)d.vec.n * d.lanes;
    }
    int64_t taps = d.v.k * d.h.k;
    d.whole = d.channels / d.lanes;
    d.once = dw_by_inputs(kc->t, kc->s, taps);
    d.stay = d.once && dw_weights_stay(kc->t, taps, kc->s->rows * kc->s->px);
    d.wparam = pack_depthwise(kc, &d, wv);
    return d;
}

void lower_depthwise(KC *kc)
{
    const Dw d = dw_of(kc);
    DepthwiseWalk w = {.d = &d, .first = IXC(0), .count = d.whole, .with_tail = tail_channels(&d)};
    int64_t images = d.it.dim[0];
    kc_zero_borders(kc);
    w.n = kc_each(kc, LOOP_PARALLEL, "n", images);
    LoopKind kind = images > 1 ? LOOP_SERIAL : LOOP_PARALLEL;
    if (node_reduces(kc->n))
        maps(kc, w, kind);
    else if (kc->s->oc_outer)
        depthwise_blocks(kc, w, kind);
    else
        depthwise_rows(kc, w, kind, vectors);
    kc_close(kc, images > 1);
}
