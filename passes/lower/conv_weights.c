/* Weights of dense and grouped convolutions, packed when the network is compiled in the order in which they are read:
   [phase, group][block][..reduction..][nb * lanes]. */
#include "conv_kernel.h"

/* The weight of group g, its output o, its input ch, tap (ky, kx) counted among those of phases v and h. */
static float weight_at(const Conv *c, const float *w, const Phase *v, const Phase *h, int64_t g, int64_t o,
                       const int64_t *k)
{
    int64_t ch = k[c->chan_outer ? 0 : 2];
    if (c->order)
        ch = c->order[g * c->cg + ch];
    int64_t ky = k[c->chan_outer ? 1 : 0], kx = k[c->chan_outer ? 2 : 1];
    int64_t first = c->transposed ? g * c->cg + ch : g * c->og + o, inner = c->transposed ? c->og : c->cg;
    ky = v->k0 + ky * v->kstep, kx = h->k0 + kx * h->kstep;
    return w[((first * inner + (c->transposed ? o : ch)) * c->kh + ky) * c->kw + kx];
}

/* One set of weights to [block][..reduction..][nb * lanes], zero where channels end; returns the place behind it. */
static float *pack_set(const Conv *c, const Segment *s, bool pairs, const float *w, const Phase *v, const Phase *h,
                       int64_t g, const int64_t *n, float *p)
{
    int64_t wide = (int64_t)s->nb * c->lanes, k[3];
    for (int64_t b = 0; b < s->blocks; b++)
        for (k[0] = 0; k[0] < n[0]; k[0]++)
            for (k[1] = 0; k[1] < n[1]; k[1]++)
                for (k[2] = 0; k[2] < n[2]; k[2]++, p += wide)
                    for (int64_t j = 0; j < wide; j++) {
                        int64_t o = s->first + b * wide + j;
                        if (o >= c->og && pairs) /* the upper half */
                            o -= c->lanes / 2;
                        if (o < c->og)
                            p[j] = weight_at(c, w, v, h, g, o, k);
                    }
    return p;
}

/* Weights to [phase, group][block][..reduction..][nb * lanes]. */
static int pack(KC *kc, const Conv *c, int i)
{
    const Segment *s = &c->seg[i];
    ValueId wid = kc->n->in[1];
    const float *w = tensor_f32(kc->l->A, kc->l->g->value.v[wid].tensor);
    int64_t wide = (int64_t)s->nb * c->lanes, kh = c->v.w.k, kw = c->h.w.k, sets = c->nv * c->nh * c->groups;
    int64_t n[3] = {c->chan_outer ? c->cg : kh, c->chan_outer ? kh : kw, c->chan_outer ? kw : c->cg};
    float *all = NEW(kc->l->A, float, sets * s->blocks * imax(1, n[0]) * imax(1, n[1]) * imax(1, n[2]) * wide);
    float *p = all;
    for (int64_t y = 0; y < c->nv; y++)
        for (int64_t x = 0; x < c->nh; x++)
            for (int64_t g = 0; g < c->groups; g++) {
                Phase v = c->v, h = c->h;
                if (c->transposed) {
                    v = transpose_phase(&kc->n->attr, &c->it, &c->ot, c->kh, 0, c->v.o0 + y);
                    h = transpose_phase(&kc->n->attr, &c->it, &c->ot, c->kw, 1, c->h.o0 + x);
                }
                p = pack_set(c, s, c->pair[i].on, w, &v, &h, g, n, p);
            }
    const char *name = arena_printf(kc->l->A, "%s.tile%s_%dx%d%s", kc->l->g->value.v[wid].name, i ? "_tail" : "", s->nb,
                                    c->lanes, c->chan_outer ? "_c" : "");
    int64_t dim[2] = {sets * s->blocks, imax(1, n[0] * n[1] * n[2]) * wide};
    return kc_const(kc, i ? "wt" : "w", name, DT_F32, 2, dim, all);
}

/* What shared vectors need besides their weights. */
static Pair pair(KC *kc, const Conv *c, const Segment *s)
{
    int64_t n = c->lanes;
    Pair p = {.on = conv_pairs(kc->t, kc->n, c->cg * c->kh * c->kw, s->nb, c->lanes, s->last_n)};
    if (!p.on)
        return p;
    float *upper = NEW(kc->l->A, float, n), *twice = NEW(kc->l->A, float, n);
    const Value *bias = c->bias >= 0 ? &kc->l->g->value.v[c->bias] : NULL;
    const float *from = bias ? tensor_f32(kc->l->A, bias->tensor) : NULL;
    for (int64_t i = 0; i < n; i++) {
        upper[i] = i >= n / 2;
        if (bias && i % (n / 2) < s->last_n)
            twice[i] = from[type_elems(&bias->type) > 1 ? s->first + (s->nb - 1) * n + i % (n / 2) : 0];
    }
    p.mask = kc_const(kc, "upper", arena_printf(kc->l->A, "upper.%lld", (long long)n), DT_F32, 1, &n, upper);
    if (bias)
        p.bias = kc_const(kc, "bias_t", arena_printf(kc->l->A, "%s.twice", bias->name), DT_F32, 1, &n, twice);
    return p;
}

void conv_segments(KC *kc, Conv *c)
{
    c->nseg = kc_segments(kc, c->og, c->lanes, c->seg);
    for (int i = 0; i < c->nseg; i++) {
        c->pair[i] = pair(kc, c, &c->seg[i]);
        c->seg[i].weights = pack(kc, c, i);
    }
}
