/* Normalizations. */
#include "rows.h"

#include <string.h>

#include "../../../ir/ops/ops.h"

/* Constants [C] that follow a result per channel: x * scale + bias, parts that change nothing left out. */
static ValueId scale_and_bias(NodeCall *c, ValueId x, const Tensor *scale, const Tensor *bias, int axis)
{
    Attrs a = call_defaults(OP_scale_bias);
    a.axis = axis;
    bool s = scale && !konst_is(scale, 1), b = bias && !konst_is(bias, 0);
    if (!s && !b)
        return x;
    int64_t n = x < 0 ? 0 : call_value_type(c, x).dim[axis];
    if (!b)
        return call_add(c, OP_scale, &a, 2, x, call_param(c, scale, 1, &n));
    if (!s)
        return call_add(c, OP_bias, &a, 2, x, call_param(c, bias, 1, &n));
    return call_add(c, OP_scale_bias, &a, 3, x, call_param(c, scale, 1, &n), call_param(c, bias, 1, &n));
}

/* Constant operand i of so many numbers; NULL after refusing. */
static const Tensor *channel_numbers(NodeCall *c, int i, int64_t n)
{
    const Tensor *t = call_known(c, i);
    if (!t)
        call_refuse(c, "weights have to be constants", "its operand %d is computed from the input", i);
    else if (type_elems(&t->type) != n)
        call_refuse(c, NULL, "its operand %d is %s, %lld numbers are expected", i, type_text(c->x->arena, &t->type),
                    (long long)n);
    else
        return t;
    return NULL;
}

bool import_batch_norm(NodeCall *c)
{
    Attrs a = call_defaults(OP_batch_norm);
    Type t = call_type(c, 0);
    ValueId in[5] = {call_in(c, 0)};
    if (call_int(c, "training_mode", 0) || call_wanted(c, 1))
        return call_refuse(c, "export the model in inference mode: model.eval()", "it is in training mode");
    if (!call_int(c, "spatial", 1))
        return call_refuse(c, NULL, "it normalizes every element by itself (spatial=0)");
    if (t.rank < 2)
        return call_refuse(c, NULL, "its input is %s, [N,C,...] is expected", type_text(c->x->arena, &t));
    a.eps = call_float(c, "epsilon", 1e-5);
    for (int i = 1; i < 5; i++) {
        const Tensor *k = channel_numbers(c, i, t.dim[1]);
        if (!k)
            return false;
        in[i] = call_param(c, k, 1, &t.dim[1]);
        for (int64_t n = 0; i == 4 && n < t.dim[1]; n++)
            if (!(tensor_at(k, n) + a.eps > 0))
                return call_refuse(c, NULL, "its variance is %g at [%lld]", tensor_at(k, n), (long long)n);
    }
    return call_give(c, 0, call_add_list(c, OP_batch_norm, &a, in, 5));
}

/* layer_norm over the last dimension of x seen as [rows.., n]. */
static ValueId norm_rows(NodeCall *c, ValueId x, int rank, const int64_t *dim, double eps)
{
    Attrs a = call_defaults(OP_layer_norm);
    a.eps = eps;
    return call_add(c, OP_layer_norm, &a, 1, call_reshape(c, x, rank, dim));
}

bool import_instance_norm(NodeCall *c)
{
    Type t = call_type(c, 0);
    if (t.rank < 3)
        return call_refuse(c, NULL, "its input is %s, [N,C,...] is expected", type_text(c->x->arena, &t));
    const Tensor *scale = channel_numbers(c, 1, t.dim[1]), *bias = channel_numbers(c, 2, t.dim[1]);
    if (!scale || !bias)
        return false;
    int64_t rows[3] = {t.dim[0], t.dim[1], elems_between(&t, 2, t.rank)};
    ValueId v = norm_rows(c, call_in(c, 0), 3, rows, call_float(c, "epsilon", 1e-5));
    return call_give(c, 0, scale_and_bias(c, call_reshape(c, v, t.rank, t.dim), scale, bias, 1));
}

/* Before opset 21 scale and bias were of one number a group. */
static const Tensor *of_channels(NodeCall *c, int i, int64_t channels, int64_t groups)
{
    const Tensor *t = call_known(c, i);
    if (!t || type_elems(&t->type) == channels || type_elems(&t->type) != groups)
        return channel_numbers(c, i, channels);
    t = konst_strided(c, t, 2, (int64_t[]){groups, channels / groups}, 0, (int64_t[]){1, 0});
    return t ? konst_view(c, t, 1, &channels) : NULL;
}

bool import_group_norm(NodeCall *c)
{
    Type t = call_type(c, 0);
    int64_t groups = call_int(c, "num_groups", 0);
    if (t.rank < 3 || groups < 1 || t.dim[1] % groups)
        return call_refuse(c, NULL, "%lld groups of an input %s", (long long)groups, type_text(c->x->arena, &t));
    const Tensor *scale = of_channels(c, 1, t.dim[1], groups), *bias = of_channels(c, 2, t.dim[1], groups);
    if (!scale || !bias)
        return false;
    int64_t rows[3] = {t.dim[0], groups, elems_between(&t, 1, t.rank) / groups};
    ValueId v = norm_rows(c, call_in(c, 0), 3, rows, call_float(c, "epsilon", 1e-5));
    return call_give(c, 0, scale_and_bias(c, call_reshape(c, v, t.rank, t.dim), scale, bias, 1));
}

/* Mean and 1 / deviation over the dimensions from axis on, where they are asked for. */
static bool give_statistics(NodeCall *c, ValueId x, int axis, int rank, double eps)
{
    if (!call_wanted(c, 1) && !call_wanted(c, 2))
        return true;
    Attrs a = call_defaults(OP_mean);
    a.keep = true;
    for (int d = axis; d < rank; d++)
        a.axes.v[a.axes.n++] = d;
    ValueId mean = call_add(c, OP_mean, &a, 1, x);
    ValueId var = call_add(c, OP_mean, &a, 1, call_add(c, OP_square, NULL, 1, call_add(c, OP_sub, NULL, 2, x, mean)));
    ValueId sd = call_add(c, OP_sqrt, NULL, 1, call_add(c, OP_add, NULL, 2, var, call_scalar(c, eps)));
    return call_give(c, 1, mean) && call_give(c, 2, call_add(c, OP_div, NULL, 2, call_scalar(c, 1), sd));
}

/* Over the dimensions from axis on, seen as one. */
bool import_layer_norm(NodeCall *c)
{
    Type t = call_type(c, 0);
    int64_t axis = call_int(c, "axis", -1), n;
    if (axis < 0)
        axis += t.rank;
    if (axis < 0 || axis >= t.rank)
        return call_refuse(c, NULL, "axis %lld is not a dimension of %s", (long long)axis, type_text(c->x->arena, &t));
    n = elems_between(&t, (int)axis, t.rank);
    int64_t dim[MAX_RANK];
    memcpy(dim, t.dim, sizeof dim);
    dim[axis] = n;
    ValueId in[3] = {call_reshape(c, call_in(c, 0), (int)axis + 1, dim)};
    int nin = 1;
    for (int i = 1; i < 3 && call_has(c, i); i++) {
        const Tensor *k = channel_numbers(c, i, n);
        if (!k)
            return false;
        in[nin++] = call_param(c, k, 1, &n);
    }
    Attrs a = call_defaults(OP_layer_norm);
    a.eps = call_float(c, "epsilon", 1e-5);
    return give_statistics(c, call_in(c, 0), (int)axis, t.rank, a.eps) &&
           call_give(c, 0, call_reshape(c, call_add_list(c, OP_layer_norm, &a, in, nin), t.rank, t.dim));
}

/* d - log(sum(exp(d))) with d = x - max(x), which no exponential overflows. */
static ValueId log_softmax(NodeCall *c, ValueId x, int64_t axis)
{
    Attrs a = call_defaults(OP_sum);
    a.axes = (Ints){1, {axis}};
    a.keep = true;
    ValueId d = call_add(c, OP_sub, NULL, 2, x, call_add(c, OP_max, &a, 1, x));
    ValueId sum = call_add(c, OP_sum, &a, 1, call_add(c, OP_exp, NULL, 1, d));
    return call_add(c, OP_sub, NULL, 2, d, call_add(c, OP_log, NULL, 1, sum));
}

/* softmax(-x) is softmin(x). */
static ValueId soft(NodeCall *c, ValueId x, int64_t axis)
{
    if (c->row->arg)
        return log_softmax(c, x, axis);
    const Graph *g = c->x->g;
    const Value *v = x >= 0 ? &g->value.v[x] : NULL;
    const Node *n = v && v->kind == VAL_NODE ? &g->node.v[v->node] : NULL;
    Attrs a = call_defaults(OP_softmax);
    a.axis = axis;
    return n && n->op == OP_neg ? call_add(c, OP_softmin, &a, 1, n->in[0]) : call_add(c, OP_softmax, &a, 1, x);
}

bool import_softmax(NodeCall *c)
{
    return call_give(c, 0, soft(c, call_in(c, 0), call_int(c, "axis", -1)));
}

/* Before opset 13: over all dimensions from axis on at once. */
bool import_softmax_flat(NodeCall *c)
{
    Type t = call_type(c, 0);
    int64_t axis = call_int(c, "axis", 1);
    if (axis < 0)
        axis += t.rank;
    if (axis < 0 || axis >= t.rank)
        return call_refuse(c, NULL, "axis %lld is not a dimension of %s", (long long)axis, type_text(c->x->arena, &t));
    int64_t rest = elems_between(&t, (int)axis, t.rank), dim[2] = {type_elems(&t) / rest, rest};
    if (rest == t.dim[axis])
        return call_give(c, 0, soft(c, call_in(c, 0), axis));
    ValueId v = soft(c, call_reshape(c, call_in(c, 0), 2, dim), 1);
    return call_give(c, 0, call_reshape(c, v, t.rank, t.dim));
}

bool import_lp_norm(NodeCall *c)
{
    int64_t p = call_int(c, "p", 2), axis = call_int(c, "axis", -1);
    ValueId x = call_in(c, 0);
    Attrs a = call_defaults(p == 1 ? OP_sum : OP_l2_normalize);
    a.axes = (Ints){1, {axis}};
    a.keep = true;
    if (p == 2)
        return call_give(c, 0, call_add(c, OP_l2_normalize, &a, 1, x));
    if (p != 1)
        return call_refuse(c, NULL, "p is %lld, 1 or 2 is expected", (long long)p);
    ValueId norm = call_add(c, OP_sum, &a, 1, call_add(c, OP_abs, NULL, 1, x));
    return call_give(c, 0, call_add(c, OP_div, NULL, 2, x, norm));
}

/* (x - mean) / sqrt(mean of squares of that), by axes */
bool import_mean_variance(NodeCall *c)
{
    Attrs a = call_defaults(OP_mean);
    bool given;
    if (!call_ints(c, "axes", &a.axes, &given))
        return false;
    if (!given)
        a.axes = (Ints){3, {0, 2, 3}};
    a.keep = true;
    ValueId x = call_in(c, 0), centred = call_add(c, OP_sub, NULL, 2, x, call_add(c, OP_mean, &a, 1, x));
    ValueId var = call_add(c, OP_mean, &a, 1, call_add(c, OP_square, NULL, 1, centred));
    ValueId sd = call_add(c, OP_add, NULL, 2, call_add(c, OP_sqrt, NULL, 1, var), call_scalar(c, 1e-9));
    return call_give(c, 0, call_add(c, OP_div, NULL, 2, centred, sd));
}
