/* Integers and truths (0 and 1) that are computed are floats in the graph. What they stand for is kept beside them:
   operators that would count otherwise with floats are refused, and so are sums and products, which floats round. */
#include "rows.h"

#include <string.h>

/* What moves its first operand, or takes one number out of several. */
static const char *const keeps[] = {
    "Identity", "Concat", "Split", "Slice", "Gather", "Reshape", "Flatten", "Squeeze", "Unsqueeze", "Transpose",
    "Expand", "Tile", "DepthToSpace", "SpaceToDepth", "Max", "Min", "Neg", "Abs", "Sign", "ReduceMax", "ReduceMin",
    "If",
};
/* What asks a number and makes something else of it. */
static const char *const asks[] = {
    "Cast", "CastLike", "Where", "Greater", "GreaterOrEqual", "Less", "LessOrEqual", "Equal", "And", "Or", "Xor", "Not",
};

static bool is_among(const char *type, const char *const *name, int n)
{
    for (int i = 0; i < n; i++)
        if (!strcmp(type, name[i]))
            return true;
    return false;
}

bool kinds_fit(NodeCall *c)
{
    if (is_among(c->n->type, keeps, LEN(keeps)) || is_among(c->n->type, asks, LEN(asks)))
        return true;
    for (int i = 0; i < c->nin; i++)
        if (call_has(c, i) && !call_known(c, i) && !dtype_float(call_kind(c, i)))
            return refuse(c, "Cast to float before it", "its operand %d is computed and is %s", i,
                          dtype_name(call_kind(c, i)));
    return true;
}

void kinds_give(NodeCall *c)
{
    DType first = c->nin && is_among(c->n->type, keeps, LEN(keeps)) ? call_kind(c, 0) : DT_F32;
    for (int i = 0; i < c->n->nout; i++)
        if (c->kind[i] == (DType)-1)
            c->kind[i] = first;
}

/* ---- from one to another ---- */

static bool give_kind(NodeCall *c, ValueId v, DType kind)
{
    c->kind[0] = kind;
    return call_give(c, 0, v);
}

/* Integers that f32 has may be cut. What others do beyond their range, ONNX leaves open. */
static bool cast(NodeCall *c, DType to)
{
    DType from = call_kind(c, 0);
    ValueId x = call_number(c, 0);
    if (dtype_float(to) || from == to || (from == DT_BOOL && to != DT_BOOL))
        return give_kind(c, x, to);
    if (to == DT_BOOL)
        return give_kind(c, call_add(c, OP_not, NULL, 1, call_add(c, OP_not, NULL, 1, x)), to);
    if (to != DT_I32 && to != DT_I64)
        return refuse(c, NULL, "it makes %s of a computed tensor, which are floats here", dtype_name(to));
    return give_kind(c, dtype_float(from) ? call_add(c, OP_trunc, NULL, 1, x) : x, to);
}

bool import_cast(NodeCall *c)
{
    DType d;
    int64_t to = call_int(c, "to", 0);
    if (!onnx_dtype(to, &d))
        return refuse(c, NULL, "it makes %s of a computed tensor, which are floats here", onnx_type_name(to));
    return cast(c, d);
}

bool import_cast_like(NodeCall *c)
{
    return cast(c, call_kind(c, 1));
}

/* ---- truths ---- */

bool import_truth(NodeCall *c)
{
    Op op = (Op)c->row->arg;
    if (!broadcast_known(c))
        return false;
    ValueId v = op == OP_not ? call_add(c, op, NULL, 1, call_number(c, 0))
                             : call_add(c, op, NULL, 2, call_number(c, 0), call_number(c, 1));
    return give_kind(c, v, DT_BOOL);
}

bool import_where(NodeCall *c)
{
    ValueId v = call_add(c, OP_where, NULL, 3, call_number(c, 0), call_number(c, 1), call_number(c, 2));
    return give_kind(c, v, call_kind(c, 1));
}

bool import_arg(NodeCall *c)
{
    Attrs a = call_defaults((Op)c->row->arg);
    a.axis = call_int(c, "axis", 0);
    a.keep = call_int(c, "keepdims", 1) != 0;
    a.last = call_int(c, "select_last_index", 0) != 0;
    return give_kind(c, call_add(c, (Op)c->row->arg, &a, 1, call_in(c, 0)), DT_I64);
}
