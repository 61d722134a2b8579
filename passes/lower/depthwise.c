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
#include <stdlib.h>

#include "lower.h"

typedef struct Dw {
    ValueId in, bias;
    Type it, ot;
    Slide v, h;
    int wparam, lanes, valid, rows;
    int64_t channels;       /* coordinates of the result's channels: more than it has, by a table */
    const Ix *n, *y, *x, *ch, *block; /* ch: first channel of vector `block` */
    int64_t whole, count;   /* vectors of channels; those walked: count from first, then the tail */
    const Ix *first;
    bool with_tail;
    const Expr *init;
    bool once, stay;        /* each input is loaded once; the weights stay in registers */
    int w[DW_MAX_TAPS];
    DwVectors vec;          /* by a table: n > 0 */
    int table;
    const Ix *from;         /* where the vector lies */
} Dw;

static const Expr *dw_x(KC *kc, Dw *d, const Ix *const *coord)
{
    if (!d->vec.n)
        return kc_load(kc, d->in, &d->it, coord, 1, d->lanes, d->valid);
    return kc_load_along(kc, d->in, &d->it, coord, d->from, d->lanes);
}

static void coord_at(KC *kc, void *user, const Ix *r, const Ix *q, int j, const Ix **coord)
{
    (void)j;
    Dw *d = user;
    coord[0] = d->n, coord[1] = d->ch, coord[2] = ADD(d->y, r), coord[3] = ADD(d->x, q);
}

/* The weights of a row of taps for the vector of channels at work. */
static void load_weights(KC *kc, Dw *d, int64_t ky)
{
    for (int64_t kx = 0; kx < d->h.k; kx++) {
        const Ix *ix[4] = {d->block, IXC(ky), IXC(kx), IXC(0)};
        const char *name = arena_printf(kc->A, "w%lld_%lld", (long long)ky, (long long)kx);
        d->w[ky * d->h.k + kx] = kb_let(&kc->b, name, x_load(&kc->b, d->wparam, ix, d->lanes, 0));
    }
}

/* Adds input (i, j) of the tile's windows to every sum that it is part of. */
static void spread(KC *kc, Dw *d, int acc, const Ix *x, int px, int64_t i, int64_t j)
{
    KB *b = &kc->b;
    const Expr *in = NULL;
    for (int64_t ky = 0; ky < d->v.k; ky++)
        for (int64_t kx = d->h.k - 1; kx >= 0; kx--) {
            int64_t r = slide_output(&d->v, d->rows, i, ky), q = slide_output(&d->h, px, j, kx);
            if (r < 0 || q < 0)
                continue;
            if (!in) {
                const Ix *coord[4] = {d->n, d->ch, ADDC(MULC(d->y, d->v.s), i - d->v.p),
                                      ADDC(MULC(x, d->h.s), j - d->h.p)};
                in = kc_reg(kc, "x", dw_x(kc, d, coord));
            }
            const Ix *at = IXC(r * px + q);
            kb_set(b, acc, at, NULL,
                   x_fma(b, kc->t->fma, in, x_reg(b, d->w[ky * d->h.k + kx]), x_tile(b, acc, at, NULL)));
        }
}

/* Is it the i-th input row of a tap of the tile? */
static bool row_of(const Dw *d, int64_t i)
{
    for (int64_t ky = 0; ky < d->v.k; ky++)
        if (slide_output(&d->v, d->rows, i, ky) >= 0)
            return true;
    return false;
}

static void by_inputs(KC *kc, Dw *d, int acc, const Ix *x, int px)
{
    for (int64_t i = 0; i < slide_span(&d->v, d->rows); i++) {
        if (!row_of(d, i))
            continue;
        for (int64_t ky = 0; ky < d->v.k && !d->stay; ky++)
            if (slide_output(&d->v, d->rows, i, ky) >= 0)
                load_weights(kc, d, ky);
        for (int64_t j = 0; j < slide_span(&d->h, px); j++)
            spread(kc, d, acc, x, px, i, j);
    }
}

/* A row of px pixels of which taps are added up. */
typedef struct Taps { Dw *d; const Ix *x, *ky; int px; bool clip; } Taps;

static void add_tap(KC *kc, const Ix *kx, int acc, void *user)
{
    const Taps *t = user;
    Dw *d = t->d;
    KB *b = &kc->b;
    const Ix *wix[4] = {d->block, t->ky, kx, IXC(0)}, *q = IXC(0);
    const Expr *w = x_reg(b, kb_let(b, "w", x_load(b, d->wparam, wix, d->lanes, 0)));
    if (t->px > 1)
        q = IXV(kb_for(b, LOOP_UNROLL, "q", IXC(0), IXC(t->px), 1));
    const Ix *coord[4] = {d->n, d->ch, ADDC(ADD(MULC(d->y, d->v.s), MULC(t->ky, d->v.d)), -d->v.p),
                          ADDC(ADD(MULC(ADD(t->x, q), d->h.s), MULC(kx, d->h.d)), -d->h.p)};
    kb_set(b, acc, q, NULL, x_fma(b, kc->t->fma, dw_x(kc, d, coord), w, x_tile(b, acc, q, NULL)));
    if (t->px > 1)
        kb_end(b);
}

/* A row of the window; of a large one, apart. */
static void add_taps(KC *kc, const Ix *ky, int acc, void *user)
{
    Taps *t = user;
    const Dw *d = t->d;
    const Ix *lo = IXC(0), *hi = IXC(d->h.k);
    bool apart = d->v.k * d->h.k >= LONG_SUM;
    int row = apart ? kb_tile(&kc->b, "row", t->px, 0, x_const(&kc->b, vt(DT_F32, d->lanes), 0)) : acc;
    t->ky = ky;
    if (t->clip)
        kc_clip(kc, &d->h, t->x, &lo, &hi);
    Terms row_terms = {.name = "kx", .add = add_tap, .user = t, .elems = t->px, .lanes = d->lanes,
                       .unroll = !t->clip && d->h.k <= 7};
    kc_add_up(kc, &row_terms, lo, hi, d->h.k, row);
    if (apart)
        kc_add_parts(kc, acc, row, t->px);
}

/* Tap after tap, those inside the input. */
static void by_taps(KC *kc, Dw *d, int acc, const Ix *x, int px, bool clip_x)
{
    const Ix *lo = IXC(0), *hi = IXC(d->v.k);
    Taps t = {.d = d, .x = x, .px = px, .clip = clip_x};
    if (kc->s->peel)
        kc_clip(kc, &d->v, d->y, &lo, &hi);
    Terms rows = {.name = "ky", .add = add_taps, .user = &t, .elems = px, .lanes = d->lanes};
    kc_add_up(kc, &rows, lo, hi, d->v.k, acc);
}

static void tile(KC *kc, const Ix *x, int px, bool clip_x, void *user)
{
    Dw *d = user;
    int acc = kb_tile(&kc->b, "acc", d->rows * px, 0, d->init);
    if (d->once)
        by_inputs(kc, d, acc, x, px);
    else
        by_taps(kc, d, acc, x, px, clip_x);
    d->x = x;
    kc_finish(kc, &(Finish){.rows = d->rows, .px = px, .nb = 1, .lanes = d->lanes, .last_n = d->valid, .vdim = 1,
                            .acc = &acc, .coord = coord_at, .user = d});
}

static void row(KC *kc, const Ix *y, void *user)
{
    Dw *d = user;
    d->y = y;
    kc_columns(kc, &d->h, kc->s->peel, kc->s->px, tile, d);
}

/* The vector of channels at work, and what its pixels share. */
static void begin_vector(KC *kc, Dw *d, const Ix *v, int valid)
{
    KB *b = &kc->b;
    d->block = v, d->ch = MULC(v, d->lanes), d->valid = valid;
    if (d->vec.n)
        d->from = IXV(kb_index(b, "at", d->table, &v));
    const Expr *init = d->bias < 0 ? x_const(b, vt(DT_F32, d->lanes), 0)
                                   : kc_load_param(kc, d->bias, d->ch, true, d->lanes, valid);
    d->init = kc_reg(kc, "b", init);
    for (int64_t ky = 0; ky < d->v.k && d->stay; ky++)
        load_weights(kc, d, ky);
}

/* Vectors from..to of a row of tiles, and the tail where that comes next. */
static void vectors(KC *kc, const Ix *y, void *user)
{
    Dw *d = user;
    if (d->count) {
        const Ix *v = IXV(kb_for(&kc->b, LOOP_SERIAL, "v", d->first, ADDC(d->first, d->count), 1));
        begin_vector(kc, d, v, d->lanes);
        row(kc, y, d);
        kb_end(&kc->b);
    }
    if (d->with_tail) {
        begin_vector(kc, d, IXC(d->whole), (int)(d->channels % d->lanes));
        row(kc, y, d);
    }
}

/* The rest of the rows comes first: the parallel loop must be the last statement. */
static void rows(KC *kc, Dw *d, LoopKind kind, RowFn *fn)
{
    int64_t oh = d->ot.dim[2], step = kc->s->rows, n = oh / step * step;
    if (n < oh) {
        d->rows = (int)(oh - n);
        fn(kc, IXC(n), d);
    }
    d->rows = (int)step;
    kc_rows(kc, kind, IXC(0), n, step, d->ot.dim[3] / kc->s->px + 2, fn, d);
}

/* Blocks of nb vectors of channels outermost; what is left comes first. */
static void blocks(KC *kc, Dw *d, LoopKind kind)
{
    int64_t nb = imin(kc->s->nb, imax(1, d->whole)), n = d->whole / nb;
    d->first = IXC(n * nb), d->count = d->whole % nb, d->with_tail = d->channels % d->lanes;
    if (d->count || d->with_tail)
        rows(kc, d, n ? LOOP_SERIAL : kind, vectors);
    if (!n)
        return;
    d->first = MULC(IXV(kb_for(&kc->b, kind, "blk", IXC(0), IXC(n), 1)), nb), d->count = nb, d->with_tail = false;
    rows(kc, d, LOOP_SERIAL, vectors);
    kb_end(&kc->b);
}

/* One vector of channels over the whole map, whose results are reduced. */
static void map(KC *kc, Dw *d, const Ix *v, int valid)
{
    begin_vector(kc, d, v, valid);
    kc_totals(kc, 1, d->lanes);
    rows(kc, d, LOOP_SERIAL, row);
    kc_store_totals(kc, 0, d->n, d->ch, IXC(0), valid);
}

static void maps(KC *kc, Dw *d, LoopKind kind)
{
    if (d->channels % d->lanes)
        map(kc, d, IXC(d->whole), (int)(d->channels % d->lanes));
    if (d->whole) {
        map(kc, d, IXV(kb_for(&kc->b, kind, "v", IXC(0), IXC(d->whole), 1)), d->lanes);
        kb_end(&kc->b);
    }
}

static void pack(KC *kc, Dw *d, const Value *wv)
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
    d->wparam = kc_const(kc, "w", name, DT_F32, 4, (int64_t[]){n, d->v.k, d->h.k, lanes}, p);
}

void lower_depthwise(KC *kc)
{
    const Node *n = kc->n;
    const Value *wv = &kc->l->g->value.v[n->in[1]];
    Dw *d = NEW(kc->A, Dw, 1);
    const Layout *out = &kc->l->g->value.v[kc_out(kc)].layout; /* strided: in the order of the operand's table */
    *d = (Dw){.in = n->in[0], .bias = n->nin > 2 ? n->in[2] : -1, .it = *kc_type(kc, n->in[0]), .ot = kc->frame,
              .lanes = kc->s->lanes};
    d->v = kc_slide(kc, wv->type.dim[2], 0);
    d->h = kc_slide(kc, wv->type.dim[3], 1);
    d->channels = d->it.dim[1];
    if (out->order == ORDER_STRIDED) {
        const Layout *in = &kc->l->g->value.v[d->in].layout;
        d->vec = dw_vectors(kc->l->A, in->at, d->channels, d->lanes);
        d->table = kc_table(kc, "at", d->vec.start, d->vec.n);
        kc->slot = d->vec.slot, kc->slots = d->channels = (int64_t)d->vec.n * d->lanes;
    }
    int64_t taps = d->v.k * d->h.k;
    d->once = dw_by_inputs(kc->t, kc->s, taps);
    d->stay = d->once && dw_weights_stay(kc->t, taps, kc->s->rows * kc->s->px);
    pack(kc, d, wv);
    kc_zero_borders(kc);
    bool batch = d->it.dim[0] > 1;
    d->n = batch ? IXV(kb_for(&kc->b, LOOP_PARALLEL, "n", IXC(0), IXC(d->it.dim[0]), 1)) : IXC(0);
    LoopKind kind = batch ? LOOP_SERIAL : LOOP_PARALLEL;
    d->whole = d->channels / d->lanes;
    if (node_reduces(n))
        maps(kc, d, kind);
    else if (kc->s->oc_outer)
        blocks(kc, d, kind);
    else {
        d->first = IXC(0), d->count = d->whole, d->with_tail = d->channels % d->lanes;
        rows(kc, d, kind, vectors);
    }
    if (batch)
        kb_end(&kc->b);
}
