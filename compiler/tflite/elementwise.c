/* Elementwise operators. */
#include "import.h"

#include <string.h>

static bool give_unary(TflCall *c, Op op, const Attrs *a)
{
    bool map = tf_prefers_map(c);
    return tf_give(c, 0, tf_add(c, op, a, 1, tf_in(c, 0, map)), map);
}

bool tflite_unary(TflCall *c)
{
    return give_unary(c, (Op)c->row->arg, NULL);
}

/* Numbers of another type, or on another grid, which are the same numbers here. */
bool tflite_identity(TflCall *c)
{
    const Tensor *k = tf_known(c, 0);
    bool map = tf_prefers_map(c);
    if (k)
        return tf_give_known(c, 0, k);
    return tf_give(c, 0, tf_in(c, 0, map), map);
}

/* ---- two operands ---- */

/* x + k or x * k along one dimension; -1: they are not of that form. */
static ValueId tf_scale_or_bias(TflCall *c, Op op, int of, bool map)
{
    const Tensor *k = tf_known(c, 1 - of);
    Type t = tf_type(c, of);
    int axis;
    if (!k || tf_known(c, of) || (op != OP_add && op != OP_mul) || !one_axis(&t, &k->type, &axis))
        return -1;
    Op is = op == OP_mul ? OP_scale : OP_bias;
    Attrs a = tf_defaults(is);
    a.axis = tf_map_axis(axis, map);
    return tf_add(c, is, &a, 2, tf_in(c, of, map), tf_param(c, k, NULL, 1, &t.dim[axis]));
}

/* One number, or an operand as the result has it. */
static ValueId side(TflCall *c, int i, bool map)
{
    const Tensor *k = tf_known(c, i);
    if (k && type_elems(&k->type) == 1)
        return tf_param(c, k, NULL, 1, (int64_t[]){1});
    return tf_in(c, i, map);
}

static ValueId binary(TflCall *c, Op op, bool map)
{
    for (int of = 0; of < 2; of++) {
        ValueId v = tf_scale_or_bias(c, op, of, map);
        if (v >= 0 || c->make.why)
            return v;
    }
    return tf_add(c, op, NULL, 2, side(c, 0, map), side(c, 1, map));
}

bool tflite_binary(TflCall *c)
{
    bool map = tf_prefers_map(c);
    return tf_give(c, 0, binary(c, (Op)c->row->arg, map), map);
}

bool tflite_arithmetic(TflCall *c)
{
    bool map = tf_prefers_map(c);
    return tf_finish(c, binary(c, (Op)c->row->arg, map), map, ArithmeticOptions_fused_activation_function);
}

bool tflite_squared_difference(TflCall *c)
{
    bool map = tf_prefers_map(c);
    return tf_give(c, 0, tf_add(c, OP_square, NULL, 1, binary(c, OP_sub, map)), map);
}

bool tflite_add_n(TflCall *c)
{
    bool map = tf_prefers_map(c);
    if (c->op->nin < 1)
        return tf_refuse(c, NULL, "it has no operand");
    ValueId v = tf_in(c, 0, map);
    for (int i = 1; i < c->op->nin; i++)
        v = tf_add(c, OP_add, NULL, 2, v, tf_in(c, i, map));
    return tf_give(c, 0, v, map);
}

/* ---- activations ---- */

/* arg: the lower bound; 1 above it. */
bool tflite_clamp(TflCall *c)
{
    Attrs a = tf_defaults(OP_clamp);
    a.min = c->row->arg;
    a.max = 1;
    return give_unary(c, OP_clamp, &a);
}

bool tflite_leaky_relu(TflCall *c)
{
    Attrs a = tf_defaults(OP_leaky_relu);
    a.alpha = (double)flat_float(c->op->options, LeakyReluOptions_alpha, 0);
    return give_unary(c, OP_leaky_relu, &a);
}

bool tflite_gelu(TflCall *c)
{
    Attrs a = tf_defaults(OP_gelu);
    a.approximate = flat_unsigned(c->op->options, GeluOptions_approximate, 1, 0) != 0;
    return give_unary(c, OP_gelu, &a);
}

/* max(x, 0) - slope max(-x, 0) */
bool tflite_prelu(TflCall *c)
{
    const Tensor *slope = tf_known(c, 1);
    bool map = tf_prefers_map(c);
    int axis;
    ValueId x = tf_in(c, 0, map), low = tf_add(c, OP_relu, NULL, 1, tf_add(c, OP_neg, NULL, 1, x));
    Type t = tf_type(c, 0);
    if (slope && one_axis(&t, &slope->type, &axis)) {
        Attrs a = tf_defaults(OP_scale);
        a.axis = tf_map_axis(axis, map);
        low = tf_add(c, OP_scale, &a, 2, low, tf_param(c, slope, NULL, 1, &t.dim[axis]));
    } else {
        low = tf_add(c, OP_mul, NULL, 2, low, side(c, 1, map));
    }
    return tf_give(c, 0, tf_add(c, OP_sub, NULL, 2, tf_add(c, OP_relu, NULL, 1, x), low), map);
}

bool tflite_rsqrt(TflCall *c)
{
    bool map = tf_prefers_map(c);
    ValueId root = tf_add(c, OP_sqrt, NULL, 1, tf_in(c, 0, map));
    return tf_give(c, 0, tf_add(c, OP_div, NULL, 2, tf_number(c, 1), root), map);
}
