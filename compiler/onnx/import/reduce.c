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
