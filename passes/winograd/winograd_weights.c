/* Weights of Winograd's convolutions, transformed when the network is compiled: [o block][n x
   n][channel][nb * lanes], in the order in which they are read. */
#include "winograd_kernel.h"

/* Taps g[r][r] of output o for channel k of the convolution of stride 1; outside the window they are zero. */
static void taps(const KC *kc, const Wino *c, const float *w, int64_t o, int64_t k, float *g)
{
    const Type *t = kc_type(kc, kc->n->in[1]);
    const WinoConv *v = &c->conv;
    int64_t channels = t->dim[1], phase = k / channels, size = t->dim[2], s = v->stride;
    const float *from = w + (o * channels + k % channels) * size * size;
    for (int64_t i = 0; i < v->r; i++)
        for (int64_t j = 0; j < v->r; j++) {
            int64_t y = (i + v->first[0]) * s + phase / s + kc->n->attr.pad.v[0];
            int64_t x = (j + v->first[1]) * s + phase % s + kc->n->attr.pad.v[1];
            g[i * v->r + j] = y >= 0 && y < size && x >= 0 && x < size ? from[y * size + x] : 0;
        }
}

int wino_pack(KC *kc, const Wino *c, int i)
{
    const Segment *s = &c->seg[i];
    const float *w = tensor_f32(kc->l->A, kc->l->g->value.v[kc->n->in[1]].tensor);
    int64_t ic = c->conv.groups * c->conv.inner, oc = c->ot.dim[1], wide = (int64_t)s->nb * c->lanes;
    int64_t nn = (int64_t)c->w.n * c->w.n;
    int64_t dim[2] = {s->blocks * nn, ic * wide};
    float *all = NEW(kc->l->A, float, dim[0] * dim[1]), g[WINO_MAX_N * WINO_MAX_N];
    double u[WINO_MAX_N * WINO_MAX_N];
    for (int64_t b = 0; b < s->blocks; b++)
        for (int64_t j = 0; j < wide && s->first + b * wide + j < oc; j++)
            for (int64_t k = 0; k < ic; k++) {
                taps(kc, c, w, s->first + b * wide + j, k, g);
                winograd_weights(&c->w, g, u);
                for (int64_t p = 0; p < nn; p++)
                    all[((b * nn + p) * ic + k) * wide + j] = (float)u[p];
            }
    const char *name = arena_printf(kc->l->A, "%s.winograd%d%s_%dx%d", kc->l->g->value.v[kc->n->in[1]].name, c->w.m,
                                    i ? "_tail" : "", s->nb, c->lanes);
    return kc_const(kc, i ? "wt" : "w", name, DT_F32, 2, dim, all);
}

const Expr *wino_weight(KC *kc, const WinoProduct *a, int j, const Ix *channel)
{
    enum { MOST_PASSES = 4 }; /* with more, the weights of a position are in L2 before the last */
    const Wino *c = a->w->c;
    const Segment *s = a->w->s;
    const int64_t nn = (int64_t)c->w.n * c->w.n, wide = (int64_t)s->nb * c->lanes;
    const Ix *panel = ADD(MULC(a->w->blk, nn), a->pos);
    if (j == 0 && c->lanes > 1 && a->passes <= MOST_PASSES)
        kc_prefetch(kc, &(Panels){s->weights, s->blocks * nn, c->conv.groups * c->conv.inner, wide, a->passes}, panel,
                    a->pass, channel);
    return x_load(&kc->b, s->weights, (const Ix *[]){panel, ADDC(MULC(channel, wide), (int64_t)j * c->lanes)}, c->lanes,
                  0);
}
