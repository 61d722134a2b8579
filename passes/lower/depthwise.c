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
    const Ix *n, *y, *ch;
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
    q = px > 1 ? IXV(kb_for(b, LOOP_UNROLL, "q", IXC(0), IXC(px), 1)) : IXC(0);
    const Ix *oc[4] = {d->n, d->ch, d->y, ADD(x, q)};
    kc_store(kc, kc_out(kc), oc, 1, kc_epilogue(kc, x_tile(b, acc, q, NULL), oc, 1, d->lanes, d->valid), d->valid);
    if (px > 1)
        kb_end(b);
}

void lower_depthwise(KC *kc)
{
    const Node *n = kc->n;
    const Value *wv = &kc->l->g->value.v[n->in[1]];
    Dw *d = NEW(kc->A, Dw, 1);
    if (!kc_epilogue_vector(kc, 1))
        kc->s.lanes = 1;
    *d = (Dw){.in = n->in[0], .bias = n->nin > 2 ? n->in[2] : -1, .it = *kc_type(kc, n->in[0]), .ot = *kc_type(kc, kc_out(kc)), .lanes = kc->s.lanes};
    d->v = kc_slide(kc, wv->type.dim[2], 0);
    d->h = kc_slide(kc, wv->type.dim[3], 1);
    int64_t C = d->it.dim[1], taps = d->v.k * d->h.k;
    const Layout *out = &kc->l->g->value.v[kc_out(kc)].layout;
    if (out->order == ORDER_STRIDED) {
        const Layout *in = &kc->l->g->value.v[d->in].layout;
        d->vec = dw_vectors(kc->l->A, in->at, C, d->lanes);
        d->table = kc_table(kc, "at", d->vec.start, d->vec.n);
        kc->slot = d->vec.slot, kc->slots = (int64_t)d->vec.n * d->lanes;
        C = (int64_t)d->vec.n * d->lanes;
    }
    const float *w = tensor_f32(kc->l->A, wv->tensor);
    float *p = NEW(kc->l->A, float, taps * C);
    for (int64_t c = 0; c < d->it.dim[1]; c++)
        for (int64_t k = 0; k < taps; k++)
            p[k * C + (d->vec.n ? d->vec.slot[c] : c)] = w[c * taps + k];
    d->wparam = kc_const(kc, "w", arena_printf(kc->l->A, "%s.dw", wv->name), DT_F32, 3, (int64_t[]){d->v.k, d->h.k, C}, p);
    kc_zero_border(kc, kc_out(kc));
    KB *b = &kc->b;
    bool batch = d->it.dim[0] > 1;
    d->n = batch ? IXV(kb_for(b, LOOP_PARALLEL, "n", IXC(0), IXC(d->it.dim[0]), 1)) : IXC(0);
    d->y = IXV(kb_for(b, batch ? LOOP_SERIAL : LOOP_PARALLEL, "y", IXC(0), IXC(d->ot.dim[2]), 1));
    int64_t whole = C / d->lanes * d->lanes;
    if (whole) {
        const Ix *v = IXV(kb_for(b, LOOP_SERIAL, d->vec.n ? "v" : "c", IXC(0), IXC(d->vec.n ? d->vec.n : whole), d->vec.n ? 1 : d->lanes));
        d->ch = d->vec.n ? MULC(v, d->lanes) : v;
        d->valid = d->lanes;
        if (d->vec.n)
            d->from = IXV(kb_index(b, "at", d->table, &v));
        kc_columns(kc, &d->h, kc->s.peel, kc->s.px, tile, d);
        kb_end(b);
    }
    if (whole < C) {
        d->ch = IXC(whole);
        d->valid = (int)(C - whole);
        kc_columns(kc, &d->h, kc->s.peel, kc->s.px, tile, d);
    }
    kb_end(b);
    if (batch)
        kb_end(b);
}
