/* Operators that work element by element. The unary and binary ones are one line each: name, scalar operations per
   element, and the formula in x (and y) with the call's attributes in a. NaN goes through, as in PyTorch. */
#include "ops.h"

#include <math.h>

static const char *same_type(const OpCall *c, Type *out, int *nout)
{
    *out = c->in[0];
    *nout = 1;
    return NULL;
}

static double clamp(double x, double lo, double hi)
{
    x = x < lo ? lo : x;
    return x > hi ? hi : x;
}

static double sigmoid(double x)
{
    return 1 / (1 + exp(-x));
}

static double gelu(double x, bool tanh_formula)
{
    const double sqrt_half = 0.70710678118654752440, sqrt_2_pi = 0.79788456080286535588;
    return tanh_formula ? 0.5 * x * (1 + tanh(sqrt_2_pi * (x + 0.044715 * x * x * x)))
                        : 0.5 * x * (1 + erf(x * sqrt_half));
}

static double softplus(double x)
{
    return fmax(x, 0) + log1p(exp(-fabs(x)));
}

#define UNARY(name, work, formula)                                                                                     \
    const char *infer_##name(const OpCall *c, Type *out, int *nout) { return same_type(c, out, nout); }                \
    void ref_##name(const OpCall *c, const double *const *in, double *const *out)                                      \
    {                                                                                                                  \
        const Attrs *a = c->attr;                                                                                      \
        (void)a;                                                                                                       \
        for (int64_t i = 0, n = type_elems(&c->in[0]); i < n; i++) {                                                   \
            double x = in[0][i];                                                                                       \
            out[0][i] = (formula);                                                                                     \
        }                                                                                                              \
    }                                                                                                                  \
    void cost_##name(const OpCall *c, Cost *cost) { *cost = (Cost){0, mul_sat(work, type_elems(&c->out[0]))}; }

UNARY(relu, 1, x < 0 ? 0 : x)
UNARY(relu6, 2, clamp(x, 0, 6))
UNARY(clamp, 2, clamp(x, a->min, a->max))
UNARY(leaky_relu, 2, x > 0 ? x : a->alpha * x)
UNARY(sigmoid, 3, sigmoid(x))
UNARY(tanh, 1, tanh(x))
UNARY(hard_sigmoid, 4, clamp(x / 6 + 0.5, 0, 1))
UNARY(hard_swish, 5, x * clamp(x / 6 + 0.5, 0, 1))
UNARY(silu, 4, x * sigmoid(x))
UNARY(gelu, 5, gelu(x, a->approximate == 1))
UNARY(exp, 1, exp(x))
UNARY(log, 1, log(x))
UNARY(sqrt, 1, sqrt(x))
UNARY(erf, 1, erf(x))
UNARY(softplus, 4, isnan(x) ? x : softplus(x))
UNARY(mish, 6, isnan(x) ? x : x * tanh(softplus(x)))
UNARY(elu, 3, x > 0 ? x : a->alpha * expm1(x))
UNARY(abs, 1, fabs(x))
UNARY(sign, 2, isnan(x) ? x : (x > 0) - (x < 0))
UNARY(neg, 1, -x)
UNARY(square, 1, x * x)
UNARY(floor, 1, floor(x))
UNARY(ceil, 1, ceil(x))
UNARY(round, 1, rint(x))
UNARY(trunc, 1, trunc(x))
UNARY(sin, 1, sin(x))
UNARY(cos, 1, cos(x))
UNARY(tan, 1, tan(x))
UNARY(asin, 1, asin(x))
UNARY(acos, 1, acos(x))
UNARY(atan, 1, atan(x))
UNARY(sinh, 1, sinh(x))
UNARY(cosh, 1, cosh(x))
UNARY(asinh, 1, asinh(x))
UNARY(acosh, 1, acosh(x))
UNARY(atanh, 1, atanh(x))
UNARY(not, 1, x == 0)

/* ---- two operands and three ---- */

static const char *broadcast(const OpCall *c, Type *out, int *nout)
{
    *out = c->in[0];
    for (int i = 1; i < c->nin; i++) {
        const Type x = *out, *y = &c->in[i];
        *out = x.rank >= y->rank ? x : *y;
        for (int d = 0; d < out->rank; d++) {
            int dx = d - (out->rank - x.rank), dy = d - (out->rank - y->rank);
            int64_t p = dx < 0 ? 1 : x.dim[dx], q = dy < 0 ? 1 : y->dim[dy];
            if (p != q && p != 1 && q != 1)
                FAIL(c, "%s and %s do not broadcast", type_text(c->arena, &x), type_text(c->arena, y));
            out->dim[d] = imax(p, q);
        }
    }
    *nout = 1;
    return NULL;
}

static ElemWalk walk_operand(const OpCall *c, int i)
{
    ElemWalk w = walk_over(&c->out[0]);
    int64_t stride[MAX_RANK];
    row_strides(&c->in[i], stride);
    for (int d = c->in[i].rank - 1, o = w.rank - 1; d >= 0; d--, o--)
        w.stride[o] = c->in[i].dim[d] == 1 ? 0 : stride[d];
    return w;
}

#define BINARY(name, formula)                                                                                          \
    const char *infer_##name(const OpCall *c, Type *out, int *nout) { return broadcast(c, out, nout); }                \
    void ref_##name(const OpCall *c, const double *const *in, double *const *out)                                      \
    {                                                                                                                  \
        ElemWalk p = walk_operand(c, 0), q = walk_operand(c, 1);                                                       \
        for (int64_t i = 0, n = type_elems(&c->out[0]); i < n; i++, walk_next(&p), walk_next(&q)) {                    \
            double x = in[0][p.off], y = in[1][q.off];                                                                 \
            out[0][i] = (formula);                                                                                     \
        }                                                                                                              \
    }                                                                                                                  \
    void cost_##name(const OpCall *c, Cost *cost) { *cost = (Cost){0, type_elems(&c->out[0])}; }

BINARY(add, x + y)
BINARY(sub, x - y)
BINARY(mul, x * y)
BINARY(div, x / y)
BINARY(maximum, isnan(x) || x > y ? x : y)
BINARY(minimum, isnan(x) || x < y ? x : y)
BINARY(pow, pow(x, y))
BINARY(greater, x > y)
BINARY(greater_equal, x >= y)
BINARY(less, x < y)
BINARY(less_equal, x <= y)
BINARY(equal, x == y)
BINARY(and, x != 0 && y != 0)
BINARY(or, x != 0 || y != 0)
BINARY(xor, (x != 0) != (y != 0))

const char *infer_where(const OpCall *c, Type *out, int *nout) { return broadcast(c, out, nout); }

void ref_where(const OpCall *c, const double *const *in, double *const *out)
{
    ElemWalk w[3];
    for (int k = 0; k < 3; k++)
        w[k] = walk_operand(c, k);
    for (int64_t i = 0, n = type_elems(&c->out[0]); i < n; i++) {
        out[0][i] = in[0][w[0].off] != 0 ? in[1][w[1].off] : in[2][w[2].off];
        for (int k = 0; k < 3; k++)
            walk_next(&w[k]);
    }
}

void cost_where(const OpCall *c, Cost *cost)
{
    *cost = (Cost){0, type_elems(&c->out[0])};
}

/* ---- the bare anchor: its operand, broadcast to a shape where one is given ---- */

const char *infer_map(const OpCall *c, Type *out, int *nout)
{
    const Type *in = &c->in[0];
    const Ints *shape = &c->attr->shape;
    *nout = 1;
    *out = shape->n ? type_make(in->dtype, shape->n, shape->v) : *in;
    for (int d = 0; d < in->rank; d++) {
        int o = d + out->rank - in->rank;
        if (o < 0 || (in->dim[d] != 1 && in->dim[d] != out->dim[o]))
            FAIL(c, "%s does not broadcast to %s", type_text(c->arena, in), type_text(c->arena, out));
    }
    return NULL;
}

void ref_map(const OpCall *c, const double *const *in, double *const *out)
{
    ElemWalk p = walk_operand(c, 0);
    for (int64_t i = 0, n = type_elems(&c->out[0]); i < n; i++, walk_next(&p))
        out[0][i] = in[0][p.off];
}

void cost_map(const OpCall *c, Cost *cost)
{
    (void)c;
    *cost = (Cost){0, 0};
}

/* ---- per-channel constants ---- */

static const char *infer_per_channel(const OpCall *c, const char *first, Type *out, int *nout)
{
    const Type *x = &c->in[0];
    int64_t size = x->dim[c->attr->axis];
    for (int i = 1; i < c->nin; i++)
        if (c->in[i].rank != 1 || c->in[i].dim[0] != size)
            FAIL(c, "input %s has size %lld in dimension %lld, %s is %s, %s[%lld] expected", type_text(c->arena, x),
                 (long long)size, (long long)c->attr->axis, i == 1 ? first : "bias", type_text(c->arena, &c->in[i]),
                 dtype_name(x->dtype), (long long)size);
    return same_type(c, out, nout);
}

/* The channel of element i is i / inner % dim[axis]. */
#define CHANNEL(name, first, work, formula)                                                                            \
    const char *infer_##name(const OpCall *c, Type *out, int *nout) { return infer_per_channel(c, first, out, nout); } \
    void ref_##name(const OpCall *c, const double *const *in, double *const *out)                                      \
    {                                                                                                                  \
        const Type *t = &c->in[0];                                                                                     \
        int64_t inner = elems_between(t, (int)c->attr->axis + 1, t->rank), size = t->dim[c->attr->axis];               \
        for (int64_t i = 0, n = type_elems(t); i < n; i++) {                                                           \
            int64_t ch = i / inner % size;                                                                             \
            double x = in[0][i];                                                                                       \
            out[0][i] = (formula);                                                                                     \
        }                                                                                                              \
    }                                                                                                                  \
    void cost_##name(const OpCall *c, Cost *cost) { *cost = (Cost){0, mul_sat(work, type_elems(&c->out[0]))}; }

CHANNEL(bias, "bias", 1, x + in[1][ch])
CHANNEL(scale, "weight", 1, x * in[1][ch])
CHANNEL(scale_bias, "weight", 2, x * in[1][ch] + in[2][ch])

const char *infer_polynomial(const OpCall *c, Type *out, int *nout)
{
    const Type *x = &c->in[0];
    int64_t size = x->dim[c->attr->axis];
    for (int i = 1; i < c->nin; i++)
        if (c->in[i].rank != 1 || (c->in[i].dim[0] != size && c->in[i].dim[0] != 1))
            FAIL(c, "input %s has size %lld in dimension %lld, coefficient %d is %s, %s[%lld] or %s[1] expected",
                 type_text(c->arena, x), (long long)size, (long long)c->attr->axis, i - 1,
                 type_text(c->arena, &c->in[i]), dtype_name(x->dtype), (long long)size, dtype_name(x->dtype));
    return same_type(c, out, nout);
}

void ref_polynomial(const OpCall *c, const double *const *in, double *const *out)
{
    const Type *t = &c->in[0];
    int64_t inner = elems_between(t, (int)c->attr->axis + 1, t->rank), size = t->dim[c->attr->axis];
    for (int64_t i = 0, n = type_elems(t); i < n; i++) {
        int64_t ch = i / inner % size;
        double x = in[0][i], y = 0;
        for (int k = c->nin - 1; k > 0; k--) {
            double coefficient = in[k][c->in[k].dim[0] == 1 ? 0 : ch];
            y = k == c->nin - 1 ? coefficient : y * x + coefficient;
        }
        out[0][i] = y;
    }
}

void cost_polynomial(const OpCall *c, Cost *cost)
{
    *cost = (Cost){0, mul_sat(2 * (c->nin - 2), type_elems(&c->out[0]))};
}
