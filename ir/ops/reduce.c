/* mean, sum and max over axes. */
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
