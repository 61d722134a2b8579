/* Reductions and norms. */
#include "import.h"

/* The operand reduced; *map: whether the result is [N,C,H,W], too. */
static ValueId tf_reduce(TflCall *c, Op op, ValueId x, bool *map)
{
    Attrs a = tf_defaults(op);
    int rank = tf_type(c, 0).rank;
    if (!tf_axes(c, 1, rank, &a.axes))
        return -1;
    a.keep = flat_unsigned(c->op->options, ReducerOptions_keep_dims, 1, 0);
    bool turned = *map && !a.keep && ints_have(&a.axes, 1) != ints_have(&a.axes, 2) && !ints_have(&a.axes, 3);
    for (int i = 0; *map && i < a.axes.n; i++)
        a.axes.v[i] = tf_map_axis(a.axes.v[i], true);
    *map = *map && (a.keep || !a.axes.n);
    x = a.axes.n ? tf_add(c, op, &a, 1, x) : x;
    return turned ? tf_transpose(c, x, 3, (int[]){0, 2, 1}) : x; /* [N,W,C] of [N,C,W] */
}

/* What is left of a map without its batch is in no order that is one of ours: then as it is. */
static bool reduces_map(TflCall *c)
{
    Ints axes;
    return tf_prefers_map(c) && tf_ints(c, 1, &axes) && !ints_have(&axes, 0) && !ints_have(&axes, -4);
}

bool tflite_reduce(TflCall *c)
{
    bool map = reduces_map(c);
    ValueId x = tf_in(c, 0, map), v = tf_reduce(c, (Op)c->row->arg, x, &map);
    return tf_give(c, 0, v, map);
}

bool tflite_reduce_min(TflCall *c)
{
    bool map = reduces_map(c);
    ValueId x = tf_add(c, OP_neg, NULL, 1, tf_in(c, 0, map)), v = tf_reduce(c, OP_max, x, &map);
    return tf_give(c, 0, tf_add(c, OP_neg, NULL, 1, v), map);
}

/* ---- along the channels ---- */

static int channels(TflCall *c, bool map)
{
    int rank = tf_type(c, 0).rank;
    return map ? 1 : rank - 1;
}

static ValueId scaled(TflCall *c, ValueId x)
{
    FlatTable o = c->op->options;
    double beta = (double)flat_float(o, SoftmaxOptions_beta, o.at ? 0 : 1);
    return beta == 1 ? x : tf_add(c, OP_mul, NULL, 2, x, tf_number(c, beta));
}

bool tflite_softmax(TflCall *c)
{
    bool map = tf_prefers_map(c);
    Attrs a = tf_defaults(OP_softmax);
    a.axis = channels(c, map);
    return tf_give(c, 0, tf_add(c, OP_softmax, &a, 1, scaled(c, tf_in(c, 0, map))), map);
}

/* y - log(sum(exp(y))) with y = x - max(x) */
bool tflite_log_softmax(TflCall *c)
{
    bool map = tf_prefers_map(c);
    Attrs a = tf_defaults(OP_sum);
    a.axes = (Ints){1, {channels(c, map)}};
    a.keep = true;
    ValueId x = tf_in(c, 0, map), y = tf_add(c, OP_sub, NULL, 2, x, tf_add(c, OP_max, &a, 1, x));
    ValueId sum = tf_add(c, OP_sum, &a, 1, tf_add(c, OP_exp, NULL, 1, y));
    return tf_give(c, 0, tf_add(c, OP_sub, NULL, 2, y, tf_add(c, OP_log, NULL, 1, sum)), map);
}

bool tflite_l2(TflCall *c)
{
    bool map = tf_prefers_map(c);
    Attrs a = tf_defaults(OP_l2_normalize);
    a.axes = (Ints){1, {channels(c, map)}};
    a.eps = 1e-6;
    return tf_finish(c, tf_add(c, OP_l2_normalize, &a, 1, tf_in(c, 0, map)), map,
                       ArithmeticOptions_fused_activation_function);
}
