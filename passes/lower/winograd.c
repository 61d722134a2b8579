/* 3x3 convolutions of stride 1 by Winograd's short convolutions.

     for every block of tile rows (one block where oc_outer):
       V[n x n][tile][c]  = Bt d B                        input tiles, n x n pixels that overlap by two
       for every block of output channels:
         M[n x n][tile][o] = sum over c of V * U          n x n matrix products, in register tiles
         out               = epilogue(At M A + bias)      m x m pixels of every tile

   V and M lie in the kernel's scratch; U, the transformed weights, is packed [o block][n x n][c][nb * lanes], in the order
   in which it is read. Tiles that hang over the map's edge are computed whole, from the border in memory, and stored as
   far as they are inside. Transforms run in two passes, columns in registers first and rows on those; rows of
   opposite points share their even and odd parts. Each group of rows has a loop over the channels of its own, which reads
   the tile anew: that costs less than to keep n x n vectors. Every output is computed in the same way whatever the
   blocks and threads. */
#include "winograd.h"

typedef struct Seg { int64_t first; int blocks, nb, last_n, param; } Seg; /* output channels of one block shape */

typedef struct Wino {
    Winograd w;
    WinoPlan p;
    ValueId in, bias;
    Type it, ot;
    int lanes, v, m;            /* v, m: parameters */
    Seg seg[2];
    int nseg;
    const Ix *part, *v_part;    /* which part of M and V is this thread's */
    const Ix *n, *row, *tile;   /* image, tile row and tile with which the block begins */
    const Seg *s;
    const Ix *blk, *pos, *t;    /* of the product being written */
    const Ix *pass;             /* which of the register tiles over all tiles, of `passes` */
    int64_t passes;
    const Ix *ch;               /* the vector of outputs at work, ch_valid of its lanes, where its loop is outside the tiles' */
    int ch_valid;
} Wino;

WinoPlan winograd_plan(const Schedule *s, const Type *in, const Type *out)
{
    int64_t n = s->wino + 2, vec = (out->dim[1] + s->lanes - 1) / s->lanes;
    WinoPlan p = {.ny = (out->dim[2] + s->wino - 1) / s->wino, .nx = (out->dim[3] + s->wino - 1) / s->wino};
    int64_t rows = in->dim[0] * p.ny;
    p.tiles = (s->oc_outer ? rows : s->rows) * p.nx;
    p.blocks = s->oc_outer ? 1 : rows / s->rows;
    p.channels = round_up(in->dim[1], s->lanes);
    p.v_plane = p.tiles * p.channels + 16; /* 16: planes that lie multiples of 4 KB apart evict each other */
    p.m_plane = p.tiles * imin(s->nb, vec) * s->lanes + 16;
    p.v = n * n * p.v_plane, p.m = n * n * p.m_plane;
    return p;
}

int64_t winograd_scratch(const Schedule *s, const Type *in, const Type *out)
{
    WinoPlan p = winograd_plan(s, in, out);
    return 4 * (p.v * (s->oc_outer ? 1 : s->parts) + p.m * s->parts);
}

/* ---- transforms of one vector of channels ---- */

/* sum of k[i] * x[i], terms that need no multiplication first. */
static const Expr *combine(KC *kc, int n, const double *k, const Expr *const *x)
{
    KB *b = &kc->b;
    const Expr *sum = NULL;
    for (int pass = 0; pass < 3; pass++)
        for (int i = 0; i < n; i++) {
            if (k[i] == 0 || pass != (k[i] == 1 ? 0 : k[i] == -1 && sum ? 1 : 2))
                continue;
            if (k[i] == 1)
                sum = sum ? x_bin(b, X_add, sum, x[i]) : x[i];
            else if (k[i] == -1 && sum)
                sum = x_bin(b, X_sub, sum, x[i]);
            else {
                const Expr *c = x_const(b, x[i]->type, k[i]);
                sum = sum ? x_fma(b, kc->t->fma, x[i], c, sum) : x_bin(b, X_mul, x[i], c);
            }
        }
    return kc_reg(kc, "t", sum);
}

/* Rows first and, where it is a pair, first + 1 of Bt times the column d. */
static void input_rows(KC *kc, const Winograd *w, int first, bool pair, const Expr *const *d, const Expr **out)
{
    if (!pair) {
        out[0] = combine(kc, w->n, w->bt[first], d);
        return;
    }
    KB *b = &kc->b;
    double even[WINO_MAX_N], odd[WINO_MAX_N], point = 0;
    for (int i = 0; i < w->n; i++) {
        even[i] = (w->bt[first][i] + w->bt[first + 1][i]) / 2;
        odd[i] = (w->bt[first][i] - w->bt[first + 1][i]) / 2;
        point = odd[i] != 0 ? odd[i] : point; /* odd is the point, a power of two, times a row that ends in 1 */
    }
    for (int i = 0; i < w->n; i++)
        odd[i] /= point;
    const Expr *e = combine(kc, w->n, even, d), *o = combine(kc, w->n, odd, d);
    for (int k = 0; k < 2; k++) {
        const Expr *c = x_const(b, e->type, k ? -point : point);
        out[k] = kc_reg(kc, "v", point == 1 ? x_bin(b, k ? X_sub : X_add, e, o) : x_fma(b, kc->t->fma, o, c, e));
    }
}

/* Row i of At times the column d, whose pairs are given as sums (even i) or differences. */
static const Expr *output_row(KC *kc, const Winograd *w, int i, const Expr *const *d, const Expr *const *half)
{
    double k[WINO_MAX_N];
    const Expr *x[WINO_MAX_N];
    int n = 0;
    for (int p = 0; p < w->n; p++) {
        bool paired = p > 0 && p <= 2 * w->pairs;
        if (w->at[i][p] == 0 || (paired && p % 2 == 0))
            continue;
        k[n] = w->at[i][p], x[n++] = paired ? half[(p - 1) / 2] : d[p];
    }
    return combine(kc, n, k, x);
}

/* Rows `from`, from + step, ... of At times d, fewer than `rows`. */
static void output_rows(KC *kc, const Winograd *w, int from, int step, int rows, const Expr *const *d, const Expr **out)
{
    for (int odd = 0; odd < 2; odd++) {
        const Expr *half[WINO_MAX_N];
        int first = from;
        while (first < rows && first % 2 != odd)
            first += step;
        for (int k = 0; k < w->pairs && first < rows; k++)
            half[k] = kc_reg(kc, odd ? "d" : "s", x_bin(&kc->b, odd ? X_sub : X_add, d[1 + 2 * k], d[2 + 2 * k]));
        for (int i = first; i < rows; i += step)
            if (i % 2 == odd)
                out[i] = output_row(kc, w, i, d, half);
    }
}

/* ---- loops ---- */

typedef void VectorFn(KC *, const Wino *, const Ix *c, int lanes, int valid, void *);

/* Calls fn for the vectors of n channels and for the one that has fewer of them. */
static void vectors(KC *kc, const Wino *c, int64_t n, int lanes, VectorFn *fn, void *user)
{
    int64_t whole = n / lanes * lanes;
    if (whole) {
        const Ix *v = IXV(kb_for(&kc->b, LOOP_SERIAL, "c", IXC(0), IXC(whole), lanes));
        fn(kc, c, v, lanes, lanes, user);
        kb_end(&kc->b);
    }
    if (whole < n)
        fn(kc, c, IXC(whole), lanes, (int)(n - whole), user);
}

typedef struct InTile { const Ix *ty, *tx, *t; int first; bool pair; } InTile;

static void input_vector(KC *kc, const Wino *c, const Ix *ch, int lanes, int valid, void *user)
{
    const InTile *a = user;
    const Winograd *w = &c->w;
    const int64_t *pad = kc->n->attr.pad.v;
    const Expr *r[2][WINO_MAX_N], *d[WINO_MAX_N], *out[2];
    const Ix *y = ADDC(MULC(a->ty, w->m), -pad[0]), *x = ADDC(MULC(a->tx, w->m), -pad[1]);
    for (int j = 0; j < w->n; j++) {
        for (int i = 0; i < w->n; i++)
            if (w->bt[a->first][i] != 0 || (a->pair && w->bt[a->first + 1][i] != 0)) {
                const Ix *coord[4] = {c->n, ch, ADDC(y, i), ADDC(x, j)};
                d[i] = kc_reg(kc, "x", kc_load(kc, c->in, &c->it, coord, 1, lanes, valid));
            }
        input_rows(kc, w, a->first, a->pair, d, out);
        r[0][j] = out[0], r[1][j] = a->pair ? out[1] : NULL;
    }
    for (int k = 0; k <= a->pair; k++)
        for (int j = 0; j < w->n; j += 1 + (j > 0 && j <= 2 * w->pairs)) {
            bool pair = j > 0 && j <= 2 * w->pairs;
            input_rows(kc, w, j, pair, r[k], out);
            for (int q = 0; q <= pair; q++) {
                const Ix *ix[3] = {c->v_part, IXC((a->first + k) * w->n + j + q), ADD(MULC(a->t, c->p.channels), ch)};
                kb_store(&kc->b, c->v, ix, out[q], 0);
            }
        }
}

/* Transforms `rows` tile rows from c->row on of image c->n. */
static void input(KC *kc, Wino *c, int64_t rows)
{
    KB *b = &kc->b;
    int lanes = kc_vector(kc, c->in, &c->it, 1) ? c->lanes : 1;
    const Ix *r = IXV(kb_for(b, LOOP_SERIAL, "ty", IXC(0), IXC(rows), 1));
    const Ix *x = IXV(kb_for(b, LOOP_SERIAL, "tx", IXC(0), IXC(c->p.nx), 1));
    InTile a = {.ty = ADD(c->row, r), .tx = x, .t = ADD(ADD(c->tile, MULC(r, c->p.nx)), x)};
    for (int i = 0; i < c->w.n; i += 1 + a.pair) {
        a.first = i, a.pair = i > 0 && i <= 2 * c->w.pairs;
        vectors(kc, c, c->it.dim[1], lanes, input_vector, &a);
    }
    kb_end(b);
    kb_end(b);
}

static const Expr *zero(KC *kc, void *user, int j)
{
    (void)j;
    return x_const(&kc->b, vt(DT_F32, ((Wino *)user)->lanes), 0);
}

static const Expr *product_x(KC *kc, void *user, const Ix *row, const Ix *q, const Ix *const *red)
{
    const Wino *c = user;
    (void)row;
    const Ix *ix[3] = {c->v_part, c->pos, ADD(MULC(ADD(c->t, q), c->p.channels), red[0])};
    return x_load(&kc->b, c->v, ix, 1, 0);
}

/* Every pass over the weights of a position fetches its part of those of the next one: they come from farther than the
   hardware looks ahead. */
static void prefetch(KC *kc, const Wino *c, const Ix *panel, const Ix *ch)
{
    enum { LINE = 16, MOST_PASSES = 4 };
    int64_t step = (int64_t)c->s->nb * c->lanes / c->passes;
    if (c->lanes == 1 || c->passes > MOST_PASSES)
        return;
    const Ix *at = MULC(ADD(MULC(c->pass, c->it.dim[1]), ch), step);
    for (int64_t i = 0; i < step; i += LINE)
        kb_prefetch(&kc->b, c->s->param, (const Ix *[]){panel, ADDC(at, i)});
}

static const Expr *product_w(KC *kc, void *user, int j, const Ix *const *red)
{
    const Wino *c = user;
    const int64_t nn = (int64_t)c->w.n * c->w.n, wide = (int64_t)c->s->nb * c->lanes;
    const Ix *panel = ADD(MULC(c->blk, nn), c->pos);
    if (j == 0)
        prefetch(kc, c, ix_min(kc->A, ADDC(panel, 1), IXC(c->s->blocks * nn - 1)), red[0]);
    const Ix *ix[2] = {panel, ADDC(MULC(red[0], wide), (int64_t)j * c->lanes)};
    return x_load(&kc->b, c->s->param, ix, c->lanes, 0);
}

static void product_store(KC *kc, void *user, const Ix *row, const Ix *q, int j, const Expr *acc)
{
    const Wino *c = user;
    (void)row;
    const Ix *at = ADDC(MULC(ADD(c->t, q), (int64_t)c->s->nb * c->lanes), (int64_t)j * c->lanes);
    const Ix *ix[3] = {c->part, c->pos, at};
    kb_store(&kc->b, c->m, ix, acc, 0);
}

static void products(KC *kc, Wino *c)
{
    KB *b = &kc->b;
    int64_t px = imin(kc->s.px, c->p.tiles), whole = c->p.tiles / px * px;
    Contract t = {.rows = 1, .nb = c->s->nb, .lanes = c->lanes, .last_n = c->lanes, .nred = 1, .user = c, .init = zero,
                  .x = product_x, .w = product_w, .store = product_store,
                  .red = {{"c", IXC(0), IXC(c->it.dim[1])}}};
    c->pos = IXV(kb_for(b, LOOP_SERIAL, "p", IXC(0), IXC((int64_t)c->w.n * c->w.n), 1));
    c->passes = (c->p.tiles + px - 1) / px;
    c->pass = IXV(kb_for(b, LOOP_SERIAL, "pass", IXC(0), IXC(whole / px), 1));
    c->t = MULC(c->pass, px);
    t.px = (int)px;
    kc_contract(kc, &t);
    kb_end(b);
    if (whole < c->p.tiles) {
        c->pass = IXC(whole / px);
        c->t = IXC(whole);
        t.px = (int)(c->p.tiles - whole);
        kc_contract(kc, &t);
    }
    kb_end(b);
}

/* A tile of which ny x nx outputs are inside the map; rows from, from + step, ... of them. oc: the first of its channels. */
typedef struct OutTile { const Wino *c; const Ix *ty, *tx, *t, *oc; int ny, nx, from, step; } OutTile;

static void output_coord(KC *kc, void *user, const Ix *r, const Ix *q, int j, const Ix **coord)
{
    const OutTile *a = user;
    (void)j;
    coord[0] = a->c->n, coord[1] = a->oc;
    coord[2] = ADD(MULC(a->ty, a->c->w.m), ADDC(MULC(r, a->step), a->from));
    coord[3] = ADD(MULC(a->tx, a->c->w.m), q);
}

static void output_vector(KC *kc, const Wino *c, const Ix *ch, int lanes, int valid, void *user)
{
    OutTile *a = user;
    const Winograd *w = &c->w;
    const Seg *s = c->s;
    const Expr *r[WINO_MAX_N][WINO_MAX_N], *d[WINO_MAX_N] = {0}, *out[WINO_MAX_N], *bias = NULL;
    bool reduces = node_reduces(kc->n);
    int rows = (a->ny - a->from + a->step - 1) / a->step, tile = -1;
    a->oc = ADDC(ADD(MULC(c->blk, (int64_t)s->nb * lanes), ch), s->first);
    if (c->bias >= 0)
        bias = kc_reg(kc, "b", kc_load_param(kc, c->bias, a->oc, true, lanes, valid));
    if (reduces)
        tile = kb_tile(&kc->b, "y", rows * a->nx, 0, x_const(&kc->b, vt(DT_F32, lanes), 0));
    for (int j = 0; j < w->n; j++) {
        for (int i = 0; i < w->n; i++) {
            bool used = false;
            for (int k = a->from; k < a->ny; k += a->step)
                used |= w->at[k][i] != 0;
            const Ix *ix[3] = {c->part, IXC(i * w->n + j), ADD(MULC(a->t, (int64_t)s->nb * lanes), ch)};
            if (used)
                d[i] = kc_reg(kc, "x", x_load(&kc->b, c->m, ix, lanes, 0));
        }
        output_rows(kc, w, a->from, a->step, a->ny, d, out);
        for (int i = a->from; i < a->ny; i += a->step)
            r[i][j] = out[i];
    }
    for (int i = a->from; i < a->ny; i += a->step) {
        output_rows(kc, w, 0, 1, a->nx, r[i], out);
        for (int j = 0; j < a->nx; j++) {
            const Ix *coord[4], *at = IXC((i - a->from) / a->step * a->nx + j);
            const Expr *y = bias ? x_bin(&kc->b, X_add, out[j], bias) : out[j];
            output_coord(kc, a, IXC((i - a->from) / a->step), IXC(j), 0, coord);
            reduces ? kb_set(&kc->b, tile, at, NULL, y) : kc_store_results(kc, y, coord, 1, lanes, valid);
        }
    }
    if (reduces)
        kc_finish(kc, &(Finish){rows, a->nx, 1, lanes, valid, 1, &tile, output_coord, a, NULL, false});
}

static int64_t block_channels(const Wino *c) { return (int64_t)(c->s->nb - 1) * c->lanes + c->s->last_n; }

/* Tile rows lo..hi of the block, each with ny rows inside the map. */
static void output_tiles(KC *kc, Wino *c, const Ix *lo, const Ix *hi, int ny)
{
    KB *b = &kc->b;
    int64_t width = c->ot.dim[3], m = c->w.m, whole = width / m;
    OutTile a = {.c = c, .ny = ny};
    const Ix *r = IXV(kb_for(b, LOOP_SERIAL, "ty", lo, hi, 1));
    for (int edge = 0; edge < 2; edge++) {
        a.nx = (int)(edge ? width % m : m);
        if (edge ? !a.nx : !whole)
            continue;
        a.tx = edge ? IXC(whole) : IXV(kb_for(b, LOOP_SERIAL, "tx", IXC(0), IXC(whole), 1));
        a.ty = ADD(c->row, r);
        a.t = ADD(ADD(c->tile, MULC(r, c->p.nx)), a.tx);
        a.step = ny * c->w.n > 24 ? 2 : 1; /* as many vectors wait for the second pass */
        for (a.from = 0; a.from < a.step; a.from++)
            if (c->ch)
                output_vector(kc, c, c->ch, c->lanes, c->ch_valid, &a);
            else
                vectors(kc, c, block_channels(c), c->lanes, output_vector, &a);
        if (!edge)
            kb_end(b);
    }
    kb_end(b);
}

static void all_tiles(KC *kc, Wino *c, int64_t rows)
{
    int64_t m = c->w.m, whole = c->ot.dim[2] / m, edge = c->ot.dim[2] % m;
    const Ix *left = ix_sub(kc->A, IXC(whole), c->row); /* whole tile rows from c->row on */
    const Ix *end = edge ? ix_min(kc->A, IXC(rows), left) : IXC(rows);
    if (whole)
        output_tiles(kc, c, IXC(0), end, (int)m);
    if (edge)
        output_tiles(kc, c, ix_max(kc->A, IXC(0), left), IXC(rows), (int)edge);
}

/* A vector of channels whose sums over the map are in registers meanwhile. */
static void output_totals(KC *kc, const Wino *c, const Ix *ch, int lanes, int valid, void *user)
{
    Wino *all = user;
    all->ch = ch, all->ch_valid = valid;
    kc_totals(kc, 1, lanes);
    all_tiles(kc, all, c->p.ny);
    kc_store_totals(kc, 0, c->n, ADDC(ADD(MULC(c->blk, (int64_t)c->s->nb * lanes), ch), c->s->first), valid);
    all->ch = NULL;
}

/* The outputs of `rows` tile rows from c->row on: of the whole map where it is reduced. */
static void output(KC *kc, Wino *c, int64_t rows)
{
    if (node_reduces(kc->n))
        vectors(kc, c, block_channels(c), c->lanes, output_totals, c);
    else
        all_tiles(kc, c, rows);
}

/* Calls fn with c->n, c->row and c->tile set: for the block of tile rows at hand, or for all images. */
static void images(KC *kc, Wino *c, void (*fn)(KC *, Wino *, int64_t rows))
{
    if (!kc->s.oc_outer) {
        fn(kc, c, kc->s.rows);
        return;
    }
    bool batch = c->it.dim[0] > 1;
    c->n = batch ? IXV(kb_for(&kc->b, LOOP_SERIAL, "n", IXC(0), IXC(c->it.dim[0]), 1)) : IXC(0);
    c->row = IXC(0), c->tile = MULC(c->n, c->p.ny * c->p.nx);
    fn(kc, c, c->p.ny);
    if (batch)
        kb_end(&kc->b);
}

/* One block of output channels. */
static void channels(KC *kc, Wino *c)
{
    products(kc, c);
    images(kc, c, output);
}

/* Opens a loop over as many parts as threads can share the n pieces of work among; returns their number. */
static int64_t divide(KC *kc, Wino *c, int64_t n)
{
    int64_t parts = imin(kc->s.parts, n);
    c->part = parts > 1 ? IXV(kb_for(&kc->b, LOOP_PARALLEL, "part", IXC(0), IXC(parts), 1)) : IXC(0);
    return parts;
}

/* Opens a loop over this part's share of n pieces. */
static const Ix *share(KC *kc, const Wino *c, const char *name, int64_t n, int64_t parts)
{
    const Ix *lo = ix_div(kc->A, MULC(c->part, n), parts), *hi = ix_div(kc->A, MULC(ADDC(c->part, 1), n), parts);
    return IXV(kb_for(&kc->b, LOOP_SERIAL, name, lo, hi, 1));
}

static void close(KC *kc, int n)
{
    while (n--)
        kb_end(&kc->b);
}

/* ---- weights ---- */

static void pack(KC *kc, Wino *c, int i)
{
    Seg *s = &c->seg[i];
    const float *g = tensor_f32(kc->l->A, kc->l->g->value.v[kc->n->in[1]].tensor);
    int64_t ic = c->it.dim[1], oc = c->ot.dim[1], wide = (int64_t)s->nb * c->lanes, nn = (int64_t)c->w.n * c->w.n;
    int64_t dim[2] = {s->blocks * nn, ic * wide};
    float *all = NEW(kc->l->A, float, s->blocks * nn * ic * wide);
    double u[WINO_MAX_N * WINO_MAX_N];
    for (int64_t b = 0; b < s->blocks; b++)
        for (int64_t j = 0; j < wide && s->first + b * wide + j < oc; j++)
            for (int64_t k = 0; k < ic; k++) {
                winograd_weights(&c->w, g + ((s->first + b * wide + j) * ic + k) * 9, u);
                for (int64_t p = 0; p < nn; p++)
                    all[((b * nn + p) * ic + k) * wide + j] = (float)u[p];
            }
    const char *name = arena_printf(kc->l->A, "%s.winograd%d%s_%dx%d", kc->l->g->value.v[kc->n->in[1]].name, c->w.m, i ? "_tail" : "",
                                    s->nb, c->lanes);
    s->param = kc_const(kc, i ? "wt" : "w", name, DT_F32, 2, dim, all);
}

static void segments(KC *kc, Wino *c)
{
    int64_t oc = c->ot.dim[1], vec = (oc + c->lanes - 1) / c->lanes, nb = imin(kc->s.nb, vec), full = oc / (nb * c->lanes);
    int64_t rest = oc - full * nb * c->lanes, last = (rest + c->lanes - 1) / c->lanes;
    if (full)
        c->seg[c->nseg++] = (Seg){.blocks = (int)full, .nb = (int)nb, .last_n = c->lanes};
    if (rest)
        c->seg[c->nseg++] = (Seg){.first = oc - rest, .blocks = 1, .nb = (int)last, .last_n = (int)(rest - (last - 1) * c->lanes)};
    for (int i = 0; i < c->nseg; i++)
        pack(kc, c, i);
}

static int scratch(KC *kc, const char *name, int64_t parts, int64_t positions, int64_t plane, int64_t *offset)
{
    PUSH(kc->l->A, &kc->call.arg, ((Arg){ARG_ARENA, *offset}));
    *offset += 4 * parts * positions * plane;
    return kb_param(&kc->b, name, DT_F32, ACC_RW, 3, (int64_t[]){parts, positions, plane});
}

void lower_winograd(KC *kc)
{
    const Node *n = kc->n;
    if (!kc_epilogue_vector(kc, 1))
        kc->s.lanes = 1;
    Wino *c = NEW(kc->A, Wino, 1);
    *c = (Wino){.w = winograd_make(kc->s.wino, 3), .in = n->in[0], .bias = n->nin > 2 ? n->in[2] : -1, .lanes = kc->s.lanes,
                .it = *kc_type(kc, n->in[0]), .ot = kc->frame};
    c->p = winograd_plan(&kc->s, &c->it, &c->ot);
    int64_t offset = n->scratch_offset, nn = (int64_t)c->w.n * c->w.n;
    bool outer = kc->s.oc_outer;
    c->v = scratch(kc, "v", outer ? 1 : kc->s.parts, nn, c->p.v_plane, &offset);
    c->m = scratch(kc, "m", kc->s.parts, nn, c->p.m_plane, &offset);
    segments(kc, c);
    kc_zero_borders(kc);
    c->part = c->v_part = c->blk = IXC(0);
    if (outer) {
        images(kc, c, input);
        int64_t parts = divide(kc, c, c->seg[0].blocks);
        for (int i = 0; i < c->nseg; i++) {
            c->s = &c->seg[i];
            if (i == 0)
                c->blk = share(kc, c, "oc", c->s->blocks, parts);
            else { /* once, by the last part */
                kb_for(&kc->b, LOOP_SERIAL, "tail", ix_sub(kc->A, IXC(parts - 1), c->part), IXC(1), 1);
                c->blk = IXC(0);
            }
            channels(kc, c);
            kb_end(&kc->b);
        }
        close(kc, parts > 1);
        return;
    }
    int64_t parts = divide(kc, c, c->p.blocks), per_image = c->p.ny / kc->s.rows;
    const Ix *block = share(kc, c, "block", c->p.blocks, parts);
    bool batch = c->it.dim[0] > 1;
    c->v_part = c->part;
    c->n = batch ? ix_div(kc->A, block, per_image) : IXC(0);
    c->row = MULC(batch ? ix_mod(kc->A, block, per_image) : block, kc->s.rows);
    c->tile = IXC(0);
    input(kc, c, kc->s.rows);
    for (int i = 0; i < c->nseg; i++) {
        c->s = &c->seg[i];
        c->blk = IXV(kb_for(&kc->b, LOOP_SERIAL, "oc", IXC(0), IXC(c->s->blocks), 1));
        channels(kc, c);
        kb_end(&kc->b);
    }
    close(kc, 1 + (parts > 1));
}
