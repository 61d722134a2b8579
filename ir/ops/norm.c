/* batch_norm, softmax, softmin, l2_normalize, layer_norm. */
#include "ops.h"

#include <math.h>

static const char *same_type(const OpCall *c, Type *out, int *nout)
{
    *out = c->in[0];
    *nout = 1;
    return NULL;
}

const char *infer_batch_norm(const OpCall *c, Type *out, int *nout)
{
    static const char *const name[] = {"input", "weight", "bias", "running_mean", "running_var"};
    const Type *x = &c->in[0];
    if (x->rank < 2)
        FAIL(c, "input %s has rank %d, [N,C,...] expected", type_text(c->arena, x), x->rank);
    for (int i = 1; i < c->nin; i++)
        if (c->in[i].rank != 1 || c->in[i].dim[0] != x->dim[1])
            FAIL(c, "input has %lld channels, %s is %s, %s[%lld] expected", (long long)x->dim[1], name[i],
                 type_text(c->arena, &c->in[i]), dtype_name(x->dtype), (long long)x->dim[1]);
    return same_type(c, out, nout);
}

void ref_batch_norm(const OpCall *c, const double *const *in, double *const *out)
{
    const Type *x = &c->in[0];
    int64_t inner = elems_between(x, 2, x->rank), rows = x->dim[0] * x->dim[1];
    for (int64_t r = 0; r < rows; r++) {
        int64_t ch = r % x->dim[1];
        double scale = in[1][ch] / sqrt(in[4][ch] + c->attr->eps);
        for (int64_t i = r * inner; i < (r + 1) * inner; i++)
            out[0][i] = (in[0][i] - in[3][ch]) * scale + in[2][ch];
    }
}

void cost_batch_norm(const OpCall *c, Cost *cost)
{
    *cost = (Cost){0, mul_sat(2, type_elems(&c->out[0]))};
}

/* exp(sign x - max) / sum along the axis */
static void softmax(const OpCall *c, const double *x, double *y, double sign)
{
    const Type *t = &c->in[0];
    int axis = (int)c->attr->axis;
    int64_t n = t->dim[axis], inner = elems_between(t, axis + 1, t->rank), outer = elems_between(t, 0, axis);
    for (int64_t o = 0; o < outer; o++)
        for (int64_t i = 0; i < inner; i++) {
            int64_t at = o * n * inner + i;
            double top = sign * x[at], sum = 0;
            for (int64_t k = 1; k < n; k++)
                top = fmax(top, sign * x[at + k * inner]);
            for (int64_t k = 0; k < n; k++)
                sum += y[at + k * inner] = exp(sign * x[at + k * inner] - top);
            for (int64_t k = 0; k < n; k++)
                y[at + k * inner] /= sum;
        }
}

const char *infer_softmax(const OpCall *c, Type *out, int *nout) { return same_type(c, out, nout); }
const char *infer_softmin(const OpCall *c, Type *out, int *nout) { return same_type(c, out, nout); }
void ref_softmax(const OpCall *c, const double *const *in, double *const *out) { softmax(c, in[0], out[0], 1); }
void ref_softmin(const OpCall *c, const double *const *in, double *const *out) { softmax(c, in[0], out[0], -1); }

/* Maximum, difference, exponential, sum, division. */
void cost_softmax(const OpCall *c, Cost *cost) { *cost = (Cost){0, mul_sat(5, type_elems(&c->out[0]))}; }
void cost_softmin(const OpCall *c, Cost *cost) { *cost = (Cost){0, mul_sat(5, type_elems(&c->out[0]))}; }

const char *infer_l2_normalize(const OpCall *c, Type *out, int *nout)
{
    return same_type(c, out, nout);
}

void ref_l2_normalize(const OpCall *c, const double *const *in, double *const *out)
{
    Type norms = c->in[0];
    for (int i = 0; i < c->attr->axes.n; i++)
        norms.dim[c->attr->axes.v[i]] = 1;
    int64_t n = type_elems(&c->in[0]), groups = type_elems(&norms);
    double *norm = NEW(c->arena, double, groups);
    ElemWalk start = walk_over(&c->in[0]);
    row_strides(&norms, start.stride);
    for (int i = 0; i < c->attr->axes.n; i++)
        start.stride[c->attr->axes.v[i]] = 0;
    ElemWalk w = start;
    for (int64_t i = 0; i < n; i++, walk_next(&w))
        norm[w.off] += in[0][i] * in[0][i];
    for (int64_t i = 0; i < groups; i++)
        norm[i] = sqrt(norm[i]) < c->attr->eps ? c->attr->eps : sqrt(norm[i]);
    w = start;
    for (int64_t i = 0; i < n; i++, walk_next(&w))
        out[0][i] = in[0][i] / norm[w.off];
}

void cost_l2_normalize(const OpCall *c, Cost *cost)
{
    *cost = (Cost){0, mul_sat(3, type_elems(&c->out[0]))};
}

const char *infer_layer_norm(const OpCall *c, Type *out, int *nout)
{
    static const char *const name[] = {"input", "weight", "bias"};
    const Type *x = &c->in[0];
    int64_t n = x->dim[c->attr->axis];
    for (int i = 1; i < c->nin; i++)
        if (c->in[i].rank != 1 || c->in[i].dim[0] != n)
            FAIL(c, "input %s has %lld elements along dimension %lld, %s is %s, %s[%lld] expected",
                 type_text(c->arena, x), (long long)n, (long long)c->attr->axis, name[i],
                 type_text(c->arena, &c->in[i]), dtype_name(x->dtype), (long long)n);
    return same_type(c, out, nout);
}

/* n numbers, `step` apart. */
static void normalize_row(const OpCall *c, const double *x, int64_t n, int64_t step, const double *const *in, double *y)
{
    double mean = 0, var = 0;
    for (int64_t k = 0; k < n; k++)
        mean += x[k * step];
    mean /= (double)n;
    for (int64_t k = 0; k < n; k++)
        var += (x[k * step] - mean) * (x[k * step] - mean);
    double sd = sqrt(var / (double)n + c->attr->eps);
    for (int64_t k = 0; k < n; k++)
        y[k * step] = (x[k * step] - mean) / sd * (c->nin > 1 ? in[1][k] : 1) + (c->nin > 2 ? in[2][k] : 0);
}

void ref_layer_norm(const OpCall *c, const double *const *in, double *const *out)
{
    const Type *t = &c->in[0];
    int axis = (int)c->attr->axis;
    int64_t n = t->dim[axis], inner = elems_between(t, axis + 1, t->rank), outer = elems_between(t, 0, axis);
    for (int64_t o = 0; o < outer; o++)
        for (int64_t i = 0; i < inner; i++)
            normalize_row(c, in[0] + o * n * inner + i, n, inner, in, out[0] + o * n * inner + i);
}

/* Sum; difference, square, sum; difference, two factors, sum. */
void cost_layer_norm(const OpCall *c, Cost *cost) { *cost = (Cost){0, mul_sat(8, type_elems(&c->out[0]))}; }
