/* Reductions. Axes are an attribute, in newer opsets an operand; none means all. */
#include "rows.h"

/* False after refusing. *nothing: no dimension is reduced. */
static bool read_axes(NodeCall *c, Attrs *a, bool *nothing)
{
    bool given;
    int rank = call_type(c, 0).rank;
    *nothing = false;
    if (!call_list(c, 1, "axes", &a->axes, &given))
        return false;
    if (!a->axes.n) {
        *nothing = call_int(c, "noop_with_empty_axes", 0) || !rank;
        for (int d = 0; d < rank; d++)
            a->axes.v[a->axes.n++] = d;
    }
    a->keep = call_int(c, "keepdims", 1);
    return true;
}

static ValueId onnx_reduce(NodeCall *c, Op op, ValueId x)
{
    Attrs a = call_defaults(op);
    bool nothing;
    if (!read_axes(c, &a, &nothing))
        return -1;
    return nothing ? x : call_add(c, op, &a, 1, x);
}

static ValueId unary(NodeCall *c, Op op, ValueId x)
{
    return call_add(c, op, NULL, 1, x);
}

bool import_reduce(NodeCall *c)
{
    return call_give(c, 0, onnx_reduce(c, (Op)c->row->arg, call_in(c, 0)));
}

bool import_reduce_min(NodeCall *c)
{
    return call_give(c, 0, unary(c, OP_neg, onnx_reduce(c, OP_max, unary(c, OP_neg, call_in(c, 0)))));
}

bool import_reduce_l1(NodeCall *c)
{
    return call_give(c, 0, onnx_reduce(c, OP_sum, unary(c, OP_abs, call_in(c, 0))));
}

bool import_reduce_square(NodeCall *c)
{
    return call_give(c, 0, onnx_reduce(c, OP_sum, unary(c, OP_square, call_in(c, 0))));
}

bool import_reduce_l2(NodeCall *c)
{
    return call_give(c, 0, unary(c, OP_sqrt, onnx_reduce(c, OP_sum, unary(c, OP_square, call_in(c, 0)))));
}

bool import_reduce_log_sum(NodeCall *c)
{
    return call_give(c, 0, unary(c, OP_log, onnx_reduce(c, OP_sum, call_in(c, 0))));
}

/* max + log(sum(exp(x - max))), which no exponential overflows. */
bool import_reduce_log_sum_exp(NodeCall *c)
{
    Attrs a = call_defaults(OP_max);
    bool nothing;
    ValueId x = call_in(c, 0);
    if (!read_axes(c, &a, &nothing) || nothing)
        return nothing && call_give(c, 0, x);
    a.keep = true;
    ValueId most = call_add(c, OP_max, &a, 1, x), rest = call_add(c, OP_sub, NULL, 2, x, most);
    ValueId sum = call_add(c, OP_sum, &a, 1, call_add(c, OP_exp, NULL, 1, rest));
    ValueId v = call_add(c, OP_add, NULL, 2, call_add(c, OP_log, NULL, 1, sum), most);
    if (v < 0 || call_int(c, "keepdims", 1))
        return call_give(c, 0, v);
    Type t = call_value_type(c, v);
    int rank = 0;
    for (int d = 0; d < t.rank; d++) {
        bool reduced = false;
        for (int i = 0; i < a.axes.n; i++)
            reduced |= a.axes.v[i] == d || a.axes.v[i] == d - t.rank;
        if (!reduced)
            t.dim[rank++] = t.dim[d];
    }
    return call_give(c, 0, call_reshape(c, v, rank, t.dim));
}
