/* Elementwise operators. */
#include "rows.h"

#include <float.h>
#include <math.h>
#include <string.h>

bool import_unary(NodeCall *c)
{
    return call_give(c, 0, call_add(c, (Op)c->row->arg, NULL, 1, call_in(c, 0)));
}

bool import_identity(NodeCall *c)
{
    const Tensor *k = call_known(c, 0);
    return k ? call_give_known(c, 0, k) : call_give(c, 0, call_in(c, 0));
}

/* In inference the input; the mask is all ones. */
bool import_dropout(NodeCall *c)
{
    const Tensor *training = call_known(c, 2), *ratio = call_known(c, 1);
    c->rest = "its mask is not computed";
    if (training && !konst_is(training, 0) && !(ratio && konst_is(ratio, 0)))
        return call_refuse(c, "export the model in inference mode: model.eval()", "it is in training mode");
    return import_identity(c);
}

/* ---- two operands and more ---- */

/* x + k or x * k with k along one dimension: a bias or a scale, and where there is something to add it to, its
   operand. */
static bool scale_or_bias(NodeCall *c, ValueId x, const Tensor *k, bool scale)
{
    int axis;
    Type t = call_value_type(c, x);
    if (!one_axis(&t, &k->type, &axis) || !dtype_float(k->stored))
        return false;
    ValueId w = call_param(c, k, 1, (int64_t[]){t.dim[axis]});
    const Graph *g = c->x->g;
    const Value *v = &g->value.v[x];
    const Node *n = v->kind == VAL_NODE ? &g->node.v[v->node] : NULL;
    bool last = axis == t.rank - 1;
    if (n && !scale && n->op == OP_linear && n->nin == 2 && last)
        return call_give(c, 0, call_add(c, OP_linear, NULL, 3, n->in[0], n->in[1], w));
    if (n && n->op == OP_layer_norm && n->nin == (scale ? 1 : 2) && axis == n->attr.axis) {
        Attrs a = n->attr;
        return call_give(c, 0, scale ? call_add(c, OP_layer_norm, &a, 2, n->in[0], w)
                                     : call_add(c, OP_layer_norm, &a, 3, n->in[0], n->in[1], w));
    }
    Attrs a = call_defaults(scale ? OP_scale : OP_bias);
    a.axis = axis;
    return call_give(c, 0, call_add(c, scale ? OP_scale : OP_bias, &a, 2, x, w));
}

bool broadcast_known(NodeCall *c)
{
    if (c->opset < 7 && call_int(c, "broadcast", 0) && call_type(c, 0).rank != call_type(c, 1).rank)
        return call_refuse(c, "onnx.version_converter makes an opset of 7 or more of it",
                           "it broadcasts as opset %lld does",
                      (long long)c->opset);
    return true;
}

bool import_binary(NodeCall *c)
{
    Op op = (Op)c->row->arg;
    const Tensor *k[2] = {call_known(c, 0), call_known(c, 1)};
    if (!broadcast_known(c))
        return false;
    bool scale = op == OP_mul, sum = op == OP_add || (op == OP_sub && k[1]);
    if (op == OP_sub && k[1] && !k[0] && dtype_float(k[1]->stored) && type_elems(&k[1]->type) > 1)
        k[1] = konst_scaled(c, k[1], -1);
    for (int i = 0; i < 2 && (scale || sum); i++)
        if (k[i] && !k[1 - i] && scale_or_bias(c, call_in(c, 1 - i), k[i], scale))
            return true;
    return call_give(c, 0, call_add(c, op, NULL, 2, call_in(c, 0), call_in(c, 1)));
}

bool import_many(NodeCall *c)
{
    if (c->nin < 1)
        return call_refuse(c, NULL, "it has no operand");
    ValueId v = call_in(c, 0);
    for (int i = 1; i < c->nin; i++)
        v = call_add(c, (Op)c->row->arg, NULL, 2, v, call_in(c, i));
    return call_give(c, 0, v);
}

bool import_mean_of(NodeCall *c)
{
    ValueId v = call_in(c, 0);
    for (int i = 1; i < c->nin; i++)
        v = call_add(c, OP_add, NULL, 2, v, call_in(c, i));
    return call_give(c, 0, call_add(c, OP_mul, NULL, 2, v, call_scalar(c, 1.0 / c->nin)));
}

/* ---- bounds ---- */

static bool clip_bound(NodeCall *c, int i, const char *attr, double dflt, double *v)
{
    *v = call_float(c, attr, dflt);
    return !call_has(c, i) || call_scalar_in(c, i, v);
}

/* An end of the floats bounds nothing, and infinities stay. */
static ValueId clip_one(NodeCall *c, ValueId x, double min, double max)
{
    if (min > -(double)FLT_MAX)
        return call_add(c, OP_maximum, NULL, 2, x, call_scalar(c, min));
    return max < (double)FLT_MAX ? call_add(c, OP_minimum, NULL, 2, x, call_scalar(c, max)) : x;
}

bool import_clip(NodeCall *c)
{
    Attrs a = call_defaults(OP_clamp);
    if (!clip_bound(c, 1, "min", -(double)FLT_MAX, &a.min) || !clip_bound(c, 2, "max", (double)FLT_MAX, &a.max))
        return false;
    if (isnan(a.min) || isnan(a.max) || a.min > (double)FLT_MAX || a.max < -(double)FLT_MAX)
        return call_refuse(c, NULL, "it clips to %g and %g", a.min, a.max);
    if (a.min > a.max)
        a.min = a.max;
    bool open = a.max >= (double)FLT_MAX;
    if (a.min == 0 && (open || a.max == 6))
        return call_give(c, 0, call_add(c, open ? OP_relu : OP_relu6, NULL, 1, call_in(c, 0)));
    if (open || a.min <= -(double)FLT_MAX)
        return call_give(c, 0, clip_one(c, call_in(c, 0), a.min, a.max));
    return call_give(c, 0, call_add(c, OP_clamp, &a, 1, call_in(c, 0)));
}

/* a x + b */
static ValueId line(NodeCall *c, ValueId x, double a, double b)
{
    if (a != 1)
        x = call_add(c, OP_mul, NULL, 2, x, call_scalar(c, a));
    return b != 0 ? call_add(c, OP_add, NULL, 2, x, call_scalar(c, b)) : x;
}

bool import_hard_sigmoid(NodeCall *c)
{
    double alpha = call_float(c, "alpha", 0.2), beta = call_float(c, "beta", 0.5);
    ValueId x = call_in(c, 0);
    if (fabs(alpha - 1.0 / 6) < 1e-7 && beta == 0.5)
        return call_give(c, 0, call_add(c, OP_hard_sigmoid, NULL, 1, x));
    Attrs a = call_defaults(OP_clamp);
    a.max = 1;
    return call_give(c, 0, call_add(c, OP_clamp, &a, 1, line(c, x, alpha, beta)));
}

/* ---- activations ---- */

static ValueId leaky(NodeCall *c, ValueId x, double alpha)
{
    Attrs a = call_defaults(OP_leaky_relu);
    a.alpha = alpha;
    return call_add(c, OP_leaky_relu, &a, 1, x);
}

bool import_leaky_relu(NodeCall *c)
{
    return call_give(c, 0, leaky(c, call_in(c, 0), call_float(c, "alpha", 0.01)));
}

/* Before opset 7 a slope [C] goes along axis 1. */
static const Tensor *channel_slope(NodeCall *c, const Tensor *slope, const Type *t)
{
    int64_t dim[MAX_RANK] = {type_elems(&slope->type)};
    if (c->opset >= 7 || slope->type.rank != 1 || dim[0] == 1 || t->rank < 2)
        return slope;
    for (int d = 1; d < t->rank; d++)
        dim[d] = 1;
    return konst_view(c, slope, t->rank - 1, dim);
}

/* max(x, 0) - slope max(-x, 0) */
bool import_prelu(NodeCall *c)
{
    Type t = call_type(c, 0);
    const Tensor *slope = call_known(c, 1);
    ValueId x = call_in(c, 0);
    int64_t n = slope ? type_elems(&slope->type) : 0;
    int axis;
    if (n && dtype_float(slope->stored) && slope->type.rank <= t.rank && konst_is(slope, tensor_at(slope, 0)))
        return call_give(c, 0, leaky(c, x, tensor_at(slope, 0)));
    ValueId low = call_add(c, OP_relu, NULL, 1, call_add(c, OP_neg, NULL, 1, x));
    slope = slope ? channel_slope(c, slope, &t) : NULL;
    if (slope && low >= 0 && one_axis(&t, &slope->type, &axis)) {
        Attrs a = call_defaults(OP_scale);
        a.axis = axis;
        low = call_add(c, OP_scale, &a, 2, low, call_param(c, slope, 1, (int64_t[]){t.dim[axis]}));
    } else {
        ValueId w = slope ? call_param(c, slope, slope->type.rank, slope->type.dim) : call_in(c, 1);
        low = call_add(c, OP_mul, NULL, 2, low, w);
    }
    return call_give(c, 0, call_add(c, OP_sub, NULL, 2, call_add(c, OP_relu, NULL, 1, x), low));
}

/* gain elu(x / width) */
static bool exponential(NodeCall *c, double gain, double alpha, double width)
{
    Attrs a = call_defaults(OP_elu);
    a.alpha = alpha;
    return call_give(c, 0, line(c, call_add(c, OP_elu, &a, 1, line(c, call_in(c, 0), 1 / width, 0)), gain, 0));
}

bool import_elu(NodeCall *c)
{
    return exponential(c, 1, call_float(c, "alpha", 1), 1);
}

bool import_selu(NodeCall *c)
{
    return exponential(c, call_float(c, "gamma", 1.0507009873554805), call_float(c, "alpha", 1.6732632423543772), 1);
}

bool import_celu(NodeCall *c)
{
    double alpha = call_float(c, "alpha", 1);
    return exponential(c, alpha, 1, alpha);
}

/* x where it is above alpha, else 0. */
bool import_thresholded_relu(NodeCall *c)
{
    ValueId x = call_in(c, 0), above = call_add(c, OP_greater, NULL, 2, x, call_scalar(c, call_float(c, "alpha", 1)));
    return call_give(c, 0, call_add(c, OP_where, NULL, 3, above, x, call_scalar(c, 0)));
}

/* Nearer to zero by bias, and 0 from -lambd to lambd. */
bool import_shrink(NodeCall *c)
{
    double bias = call_float(c, "bias", 0), limit = call_float(c, "lambd", 0.5);
    ValueId x = call_in(c, 0), above = call_add(c, OP_greater, NULL, 2, x, call_scalar(c, limit));
    ValueId below = call_add(c, OP_less, NULL, 2, x, call_scalar(c, -limit));
    ValueId v = call_add(c, OP_where, NULL, 3, above, line(c, x, 1, -bias), call_scalar(c, 0));
    return call_give(c, 0, call_add(c, OP_where, NULL, 3, below, line(c, x, 1, bias), v));
}

bool import_softsign(NodeCall *c)
{
    ValueId x = call_in(c, 0), below = line(c, call_add(c, OP_abs, NULL, 1, x), 1, 1);
    return call_give(c, 0, call_add(c, OP_div, NULL, 2, x, below));
}

bool import_gelu(NodeCall *c)
{
    Attrs a = call_defaults(OP_gelu);
    a.approximate = !strcmp(call_text(c, "approximate", "none"), "tanh");
    return call_give(c, 0, call_add(c, OP_gelu, &a, 1, call_in(c, 0)));
}

bool import_reciprocal(NodeCall *c)
{
    return call_give(c, 0, call_add(c, OP_div, NULL, 2, call_scalar(c, 1), call_in(c, 0)));
}

/* Products and roots where they are as good; -1 where not. */
static ValueId small_power(NodeCall *c, ValueId x, double p)
{
    double size = fabs(p);
    if (size == 0.5)
        return call_add(c, OP_sqrt, NULL, 1, x);
    ValueId square = size >= 2 && size <= 4 ? call_add(c, OP_square, NULL, 1, x) : x, v = -1;
    if (size == 1 || size == 1.5 || size == 2 || size == 2.5)
        v = square;
    else if (size == 3)
        v = call_add(c, OP_mul, NULL, 2, square, x);
    else if (size == 4)
        v = call_add(c, OP_square, NULL, 1, square);
    return size == floor(size) ? v : call_add(c, OP_mul, NULL, 2, v, call_add(c, OP_sqrt, NULL, 1, x));
}

bool import_pow(NodeCall *c)
{
    const Tensor *k = call_known(c, 1);
    int64_t n = k ? type_elems(&k->type) : 0;
    double p = n ? tensor_at(k, 0) : 0, twice = 2 * fabs(p);
    bool small = twice == 1 || twice == 2 || twice == 3 || twice == 4 || twice == 5 || twice == 6 || twice == 8;
    ValueId x = call_in(c, 0);
    if (!n || !konst_is(k, p) || k->type.rank > call_type(c, 0).rank || !small)
        return broadcast_known(c) && call_give(c, 0, call_add(c, OP_pow, NULL, 2, x, call_number(c, 1)));
    ValueId v = small_power(c, x, p);
    return call_give(c, 0, p < 0 ? call_add(c, OP_div, NULL, 2, call_scalar(c, 1), v) : v);
}
