/* mean, sum and max over axes, argmax and argmin along one. */
#include "ops.h"

#include <math.h>

static bool reduced(const Attrs *a, int d) { return ints_have(&a->axes, d); }

static const char *infer_reduce(const OpCall *c, Type *out, int *nout)
{
    const Type *x = &c->in[0];
    *out = (Type){.dtype = x->dtype};
    for (int d = 0; d < x->rank; d++)
        if (!reduced(c->attr, d))
            out->dim[out->rank++] = x->dim[d];
        else if (c->attr->keep)
            out->dim[out->rank++] = 1;
    *nout = 1;
    return NULL;
}

/* Walks the input; the offset is the result's. */
static ElemWalk walk_reduced(const OpCall *c)
{
    const Type *x = &c->in[0];
    ElemWalk w = walk_over(x);
    int64_t s = 1;
    for (int d = x->rank - 1; d >= 0; d--)
        if (!reduced(c->attr, d)) {
            w.stride[d] = s;
            s *= x->dim[d];
        }
    return w;
}

static void reduce(const OpCall *c, const double *x, double *y)
{
    int64_t n = type_elems(&c->in[0]), groups = type_elems(&c->out[0]);
    for (int64_t i = 0; i < groups; i++)
        y[i] = c->op == OP_max ? -INFINITY : 0;
    ElemWalk w = walk_reduced(c);
    for (int64_t i = 0; i < n; i++, walk_next(&w))
        if (c->op != OP_max)
            y[w.off] += x[i];
        else if (isnan(x[i]) || x[i] > y[w.off])
            y[w.off] = x[i];
    for (int64_t i = 0; i < groups && c->op == OP_mean; i++)
        y[i] /= (double)(n / groups);
}

#define REDUCE(name)                                                                                                   \
    const char *infer_##name(const OpCall *c, Type *out, int *nout) { return infer_reduce(c, out, nout); }             \
    void ref_##name(const OpCall *c, const double *const *in, double *const *out) { reduce(c, in[0], out[0]); }        \
    void cost_##name(const OpCall *c, Cost *cost) { *cost = (Cost){0, type_elems(&c->in[0])}; }

REDUCE(mean)
REDUCE(sum)
REDUCE(max)

/* ---- argmax and argmin ---- */

static const char *infer_arg(const OpCall *c, Type *out, int *nout)
{
    const Type *x = &c->in[0];
    int axis = (int)c->attr->axis;
    if (x->dim[axis] > 1 << 24)
        FAIL(c, "%s has more than 2^24 elements in dimension %d: their numbers are not exact in f32",
             type_text(c->arena, x), axis);
    *out = (Type){.dtype = x->dtype};
    for (int d = 0; d < x->rank; d++)
        if (d != axis || c->attr->keep)
            out->dim[out->rank++] = d == axis ? 1 : x->dim[d];
    *nout = 1;
    return NULL;
}

static void arg(const OpCall *c, const double *x, double *y)
{
    int axis = (int)c->attr->axis;
    int64_t inner = elems_between(&c->in[0], axis + 1, c->in[0].rank), n = c->in[0].dim[axis];
    for (int64_t i = 0, groups = type_elems(&c->out[0]); i < groups; i++) {
        const double *from = x + i / inner * n * inner + i % inner;
        int64_t best = 0;
        for (int64_t k = 1; k < n; k++) {
            double p = from[k * inner], q = from[best * inner];
            bool better = c->op == OP_argmax ? p > q : p < q;
            if (better || (c->attr->last && p == q))
                best = k;
        }
        y[i] = (double)best;
    }
}

#define ARG(name)                                                                                                      \
    const char *infer_##name(const OpCall *c, Type *out, int *nout) { return infer_arg(c, out, nout); }                \
    void ref_##name(const OpCall *c, const double *const *in, double *const *out) { arg(c, in[0], out[0]); }           \
    void cost_##name(const OpCall *c, Cost *cost) { *cost = (Cost){0, type_elems(&c->in[0])}; }

ARG(argmax)
ARG(argmin)
