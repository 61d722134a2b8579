/* Depthwise convolution (one channel in, one out per group): vectors along channels, px pixels of a row at a time.
   Weights are packed [ky][kx][C]. Borders and peeling as in conv.c. Where the input's channels go by a table and the
   result lies in its order, vector v begins at table entry v, and weights and per-channel constants are packed along. */
#include <stdlib.h>

#include "lower.h"

typedef struct Dw {
    ValueId in, bias;
    Type it, ot;
    Slide v, h;
    int wparam, lanes, valid;
    int64_t channels;       /* coordinates of the result's channels: more than it has, by a table */
    const Ix *n, *y, *x, *ch;
    DwVectors vec;          /* by a table: n > 0 */
    int table;
    const Ix *from;         /* where the vector lies */
} Dw;

typedef struct Place { int64_t at, i; } Place;

static int by_place(const void *x, const void *y)
{
    const Place *a = x, *b = y;
    return a->at != b->at ? (a->at > b->at) - (a->at < b->at) : (a->i > b->i) - (a->i < b->i);
}

int64_t *sorted_by(Arena *A, const int64_t *at, int64_t n)
{
    Place *p = NEW(A, Place, n);
    int64_t *order = NEW(A, int64_t, n);
    for (int64_t i = 0; i < n; i++)
        p[i] = (Place){at[i], i};
    qsort(p, (size_t)n, sizeof *p, by_place);
    for (int64_t i = 0; i < n; i++)
        order[i] = p[i].i;
    return order;
}

DwVectors dw_vectors(Arena *A, const int64_t *at, int64_t channels, int lanes)
{
    DwVectors v = {.lanes = lanes, .start = NEW(A, int64_t, channels), .slot = NEW(A, int64_t, channels)};
    const int64_t *order = sorted_by(A, at, channels);
    int64_t lane = 0;
    for (int64_t i = 0; i < channels; i++) {
        int64_t c = order[i];
        if (!v.n || lane == lanes || at[c] != at[order[i - 1]] + 1)
            v.start[v.n++] = at[c], lane = 0;
        v.slot[c] = (int64_t)(v.n - 1) * lanes + lane++;
    }
    return v;
}

static const Expr *dw_x(KC *kc, Dw *d, const Ix *const *coord)
{
    if (!d->vec.n)
        return kc_load(kc, d->in, &d->it, coord, 1, d->lanes, d->valid);
    return kc_load_along(kc, d->in, &d->it, coord, d->from, d->lanes);
}

static void coord_at(KC *kc, void *user, const Ix *r, const Ix *q, int j, const Ix **coord)
{
    (void)r, (void)j;
    Dw *d = user;
    coord[0] = d->n, coord[1] = d->ch, coord[2] = d->y, coord[3] = ADD(d->x, q);
}

static void tile(KC *kc, const Ix *x, int px, bool clip_x, void *user)
{
    Dw *d = user;
    KB *b = &kc->b;
    const Expr *init = d->bias < 0 ? x_const(b, vt(DT_F32, d->lanes), 0) : kc_load_param(kc, d->bias, d->ch, true, d->lanes, d->valid);
    int acc = kb_tile(b, "acc", px, 0, init);
    const Ix *lo = IXC(0), *hi = IXC(d->v.k), *q = IXC(0);
    if (kc->s.peel)
        kc_clip(kc, &d->v, d->y, &lo, &hi);
    const Ix *ky = IXV(kb_for(b, LOOP_SERIAL, "ky", lo, hi, 1));
    lo = IXC(0), hi = IXC(d->h.k);
    if (clip_x)
        kc_clip(kc, &d->h, x, &lo, &hi);
    bool unroll = !clip_x && d->h.k <= 7;
    const Ix *kx = IXV(kb_for(b, unroll ? LOOP_UNROLL : LOOP_SERIAL, "kx", lo, hi, 1));
    const Ix *wix[3] = {ky, kx, d->ch};
    const Expr *w = x_reg(b, kb_let(b, "w", x_load(b, d->wparam, wix, d->lanes, d->valid < d->lanes ? d->valid : 0)));
    if (px > 1)
        q = IXV(kb_for(b, LOOP_UNROLL, "q", IXC(0), IXC(px), 1));
    const Ix *coord[4] = {d->n, d->ch, ADDC(ADD(MULC(d->y, d->v.s), MULC(ky, d->v.d)), -d->v.p),
                          ADDC(ADD(MULC(ADD(x, q), d->h.s), MULC(kx, d->h.d)), -d->h.p)};
    kb_set(b, acc, q, NULL, x_fma(b, kc->t->fma, dw_x(kc, d, coord), w, x_tile(b, acc, q, NULL)));
    if (px > 1)
        kb_end(b);
    kb_end(b);
    kb_end(b);
    d->x = x;
    kc_finish(kc, &(Finish){.rows = 1, .px = px, .nb = 1, .lanes = d->lanes, .last_n = d->valid, .vdim = 1, .acc = &acc,
                            .coord = coord_at, .user = d});
}

static void columns(KC *kc, const Ix *y, void *user)
{
    Dw *d = user;
    d->y = y;
    kc_columns(kc, &d->h, kc->s.peel, kc->s.px, tile, d);
}

/* Vectors of channels inside a row. */
static void row(KC *kc, const Ix *y, void *user)
{
    Dw *d = user;
    int64_t whole = d->channels / d->lanes * d->lanes;
    if (whole) {
        d->valid = d->lanes;
        if (d->vec.n) {
            const Ix *v = IXV(kb_for(&kc->b, LOOP_SERIAL, "v", IXC(0), IXC(d->vec.n), 1));
            d->ch = MULC(v, d->lanes);
            d->from = IXV(kb_index(&kc->b, "at", d->table, &v));
        } else
            d->ch = IXV(kb_for(&kc->b, LOOP_SERIAL, "c", IXC(0), IXC(whole), d->lanes));
        columns(kc, y, d);
        kb_end(&kc->b);
    }
    if (whole < d->channels) {
        d->ch = IXC(whole);
        d->valid = (int)(d->channels - whole);
        columns(kc, y, d);
    }
}

/* One vector of channels over the whole map, whose results are reduced. */
static void map(KC *kc, Dw *d, const Ix *ch, int valid)
{
    d->ch = ch, d->valid = valid;
    kc_totals(kc, 1, d->lanes);
    kc_rows(kc, LOOP_SERIAL, d->ot.dim[2], 1, d->ot.dim[3] / kc->s.px + 2, columns, d);
    kc_store_totals(kc, 0, d->n, ch, valid);
}

void lower_depthwise(KC *kc)
{
    const Node *n = kc->n;
    const Value *wv = &kc->l->g->value.v[n->in[1]];
    Dw *d = NEW(kc->A, Dw, 1);
    const Layout *out = &kc->l->g->value.v[kc_out(kc)].layout; /* strided: in the order of the operand's table */
    if (out->order != ORDER_STRIDED && !kc_epilogue_vector(kc, 1))
        kc->s.lanes = 1;
    *d = (Dw){.in = n->in[0], .bias = n->nin > 2 ? n->in[2] : -1, .it = *kc_type(kc, n->in[0]), .ot = kc->frame, .lanes = kc->s.lanes};
    d->v = kc_slide(kc, wv->type.dim[2], 0);
    d->h = kc_slide(kc, wv->type.dim[3], 1);
    int64_t C = d->it.dim[1], taps = d->v.k * d->h.k;
    if (out->order == ORDER_STRIDED) {
        const Layout *in = &kc->l->g->value.v[d->in].layout;
        d->vec = dw_vectors(kc->l->A, in->at, C, d->lanes);
        d->table = kc_table(kc, "at", d->vec.start, d->vec.n);
        kc->slot = d->vec.slot, kc->slots = (int64_t)d->vec.n * d->lanes;
        C = kc->slots;
    }
    d->channels = C;
    const float *w = tensor_f32(kc->l->A, wv->tensor);
    float *p = NEW(kc->l->A, float, taps * C);
    for (int64_t c = 0; c < d->it.dim[1]; c++)
        for (int64_t k = 0; k < taps; k++)
            p[k * C + (d->vec.n ? d->vec.slot[c] : c)] = w[c * taps + k];
    d->wparam = kc_const(kc, "w", arena_printf(kc->l->A, "%s.dw", wv->name), DT_F32, 3, (int64_t[]){d->v.k, d->h.k, C}, p);
    kc_zero_borders(kc);
    KB *b = &kc->b;
    bool batch = d->it.dim[0] > 1;
    d->n = batch ? IXV(kb_for(b, LOOP_PARALLEL, "n", IXC(0), IXC(d->it.dim[0]), 1)) : IXC(0);
    LoopKind kind = batch ? LOOP_SERIAL : LOOP_PARALLEL;
    int64_t whole = C / d->lanes * d->lanes;
    if (!node_reduces(kc->n))
        kc_rows(kc, kind, d->ot.dim[2], 1, 1, row, d);
    else {
        if (whole < d->channels)
            map(kc, d, IXC(whole), (int)(d->channels - whole));
        if (whole) {
            map(kc, d, IXV(kb_for(b, kind, "c", IXC(0), IXC(whole), d->lanes)), d->lanes);
            kb_end(b);
        }
    }
    if (batch)
        kb_end(b);
}
