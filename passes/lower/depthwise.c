/* Depthwise convolution (one channel in, one out per group): vectors along channels, px pixels of a row at a time.
   Weights are packed [ky][kx][C]. Borders and peeling as in conv.c. */
#include "lower.h"

typedef struct Dw {
    ValueId in, bias;
    Type it, ot;
    Slide v, h;
    int wparam, lanes, valid;
    const Ix *n, *y, *ch;
} Dw;

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
    kb_set(b, acc, q, NULL, x_fma(b, kc->t->fma, kc_load(kc, d->in, &d->it, coord, 1, d->lanes, d->valid), w, x_tile(b, acc, q, NULL)));
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
    const float *w = tensor_f32(kc->l->A, wv->tensor);
    float *p = NEW(kc->l->A, float, taps * C);
    for (int64_t c = 0; c < C; c++)
        for (int64_t k = 0; k < taps; k++)
            p[k * C + c] = w[c * taps + k];
    d->wparam = kc_const(kc, "w", arena_printf(kc->l->A, "%s.dw", wv->name), DT_F32, 3, (int64_t[]){d->v.k, d->h.k, C}, p);
    kc_zero_border(kc, kc_out(kc));
    KB *b = &kc->b;
    bool batch = d->it.dim[0] > 1;
    d->n = batch ? IXV(kb_for(b, LOOP_PARALLEL, "n", IXC(0), IXC(d->it.dim[0]), 1)) : IXC(0);
    d->y = IXV(kb_for(b, batch ? LOOP_SERIAL : LOOP_PARALLEL, "y", IXC(0), IXC(d->ot.dim[2]), 1));
    int64_t whole = C / d->lanes * d->lanes;
    if (whole) {
        d->ch = IXV(kb_for(b, LOOP_SERIAL, "c", IXC(0), IXC(whole), d->lanes));
        d->valid = d->lanes;
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
