/* Windows along one dimension; transposed convolutions as several plain ones, a phase for each step of the stride. */
#include "slide.h"

Slide node_slide(const Graph *g, const Node *n, int64_t k, int dim)
{
    const Attrs *a = &n->attr;
    return (Slide){.in = g->value.v[n->in[0]].type.dim[2 + dim], .out = node_step_type(g, n, 0).dim[2 + dim], .k = k,
                   .s = a->stride.v[dim], .d = a->dilation.n ? a->dilation.v[dim] : 1, .p = a->pad.v[dim]};
}

int64_t slide_output(const Slide *s, int64_t n, int64_t i, int64_t k)
{
    int64_t o = i - k * s->d;
    return o < 0 || o % s->s || o / s->s >= n ? -1 : o / s->s;
}

int64_t slide_span(const Slide *s, int64_t n) { return (n - 1) * s->s + (s->k - 1) * s->d + 1; }

Phase transpose_phase(const Attrs *a, const Type *in, const Type *out, int64_t k, int dim, int64_t r)
{
    int64_t s = a->stride.v[dim], d = a->dilation.v[dim], pad = a->pad.v[dim], g = s, rem = d;
    while (rem) { /* gcd(s, d) */
        int64_t t = g % rem;
        g = rem, rem = t;
    }
    int64_t k0 = 0, kstep = s / g;
    while (k0 < kstep && (r + pad - k0 * d) % s)
        k0++;
    bool any = k0 < kstep && k0 < k;
    int64_t taps = any ? (k - 1 - k0) / kstep + 1 : 0;
    return (Phase){.w = {.in = in->dim[2 + dim], .out = (out->dim[2 + dim] - r + s - 1) / s, .k = taps, .s = 1,
                         .d = -(d / g), .p = any ? -(r + pad - k0 * d) / s : 0},
                   .k0 = k0, .kstep = kstep, .o0 = r, .ostep = s};
}

static bool same_work(const Phase *a, const Phase *b)
{
    return a->w.k == b->w.k && a->w.p == b->w.p && a->w.out == b->w.out;
}

int64_t transpose_run(const Attrs *a, const Type *in, const Type *out, int64_t k, int dim, int64_t r)
{
    int64_t n = imin(a->stride.v[dim], out->dim[2 + dim]), first = r;
    Phase p = transpose_phase(a, in, out, k, dim, r);
    for (r++; r < n; r++) {
        Phase q = transpose_phase(a, in, out, k, dim, r);
        if (!same_work(&p, &q))
            break;
    }
    return r - first;
}
