/* What can be computed while a model is read: shapes, indices and constants. Integers stay integers. */
#include "rows.h"

#include <string.h>

static bool eval_shape(NodeCall *c)
{
    Type t = call_type(c, 0);
    int64_t start = call_int(c, "start", 0), end = call_int(c, "end", t.rank);
    start = imin(imax(start < 0 ? start + t.rank : start, 0), t.rank);
    end = imin(imax(end < 0 ? end + t.rank : end, start), t.rank);
    return call_give_known(c, 0, konst_ints(c, t.dim + start, (int)(end - start)));
}

static bool eval_size(NodeCall *c)
{
    Type t = call_type(c, 0);
    int64_t n = type_elems(&t);
    Tensor *k = konst_ints(c, &n, 1);
    return k && call_give_known(c, 0, konst_view(c, k, 0, NULL));
}

/* A number or a list of them as an attribute. */
static const Tensor *constant_numbers(NodeCall *c)
{
    bool whole = call_attr(c, "value_int", &(WireBytes){0}), real = call_attr(c, "value_float", &(WireBytes){0});
    if (!whole && !real) {
        const Tensor *list = call_numbers(c, "value_ints", DT_I64);
        return list ? list : call_numbers(c, "value_floats", DT_F32);
    }
    Tensor *k = konst(c, whole ? DT_I64 : DT_F32, 0, NULL);
    if (k && whole)
        tensor_put_int(k, 0, call_int(c, "value_int", 0));
    else if (k)
        tensor_put(k, 0, call_float(c, "value_float", 0));
    return k;
}

static bool eval_constant(NodeCall *c)
{
    WireBytes msg;
    const char *why;
    if (!call_attr_bytes(c, "value", 5, &msg)) {
        const Tensor *k = constant_numbers(c);
        return k ? call_give_known(c, 0, k) : call_refuse(c, NULL, "it holds neither numbers nor a tensor of them");
    }
    Tensor *t = NEW(c->x->arena, Tensor, 1);
    if (!model_tensor(c->x->m, msg, t, &why))
        return call_refuse(c, NULL, "its tensor is malformed");
    if (why)
        return call_refuse(c, NULL, "%s", why);
    if (!*t->name)
        t->name = c->n->nout ? c->n->out[0] : c->make.name;
    return call_give_known(c, 0, t);
}

/* only: what counts is shapes, operands need not be constants. */
static const struct { const char *type; ImportFn *fn; int arg; bool only; } rows[] = {
    {"Shape", eval_shape, 0, true}, {"Size", eval_size, 0, true}, {"Constant", eval_constant, 0, true},

    {"Concat", eval_concat, 0, false}, {"Slice", eval_slice, 0, false}, {"Gather", eval_gather, 0, false},
    {"Expand", eval_expand, 0, false}, {"Tile", eval_tile, 0, false}, {"Split", eval_split, 0, false},
    {"ConstantOfShape", eval_constant_of_shape, 0, false}, {"NonZero", eval_nonzero, 0, false},
    {"Cast", eval_cast, 0, false}, {"Where", eval_where, 0, false}, {"Range", eval_range, 0, false},
    {"Clip", eval_clip, 0, false}, {"Pad", eval_pad, 0, false},
    {"ScatterND", eval_scatter_nd, 0, false},

    {"Add", eval_binary, '+', false}, {"Sub", eval_binary, '-', false}, {"Mul", eval_binary, '*', false},
    {"Div", eval_binary, '/', false}, {"Mod", eval_binary, '%', false}, {"Pow", eval_binary, '^', false},
    {"Equal", eval_binary, '=', false}, {"Greater", eval_binary, '>', false}, {"Less", eval_binary, '<', false},
    {"GreaterOrEqual", eval_binary, 'g', false}, {"LessOrEqual", eval_binary, 'l', false},
    {"And", eval_binary, '&', false}, {"Or", eval_binary, '|', false}, {"Xor", eval_binary, 'x', false},
    {"Max", eval_many, 'M', false}, {"Min", eval_many, 'm', false}, {"Sum", eval_many, '+', false},

    {"Neg", eval_unary, '-', false}, {"Abs", eval_unary, 'a', false}, {"Not", eval_unary, '!', false},
    {"Sqrt", eval_unary, 's', false}, {"Exp", eval_unary, 'e', false}, {"Log", eval_unary, 'l', false},
    {"Floor", eval_unary, 'f', false}, {"Ceil", eval_unary, 'c', false}, {"Round", eval_unary, 'r', false},
    {"Sign", eval_unary, 'g', false}, {"Reciprocal", eval_unary, '/', false}, {"Relu", eval_unary, 'R', false},
    {"Sigmoid", eval_unary, 'S', false}, {"Tanh", eval_unary, 't', false}, {"Erf", eval_unary, 'E', false},
    {"Sin", eval_unary, 'n', false}, {"Cos", eval_unary, 'o', false},

    {"ReduceProd", eval_reduce, '*', false}, {"ReduceSum", eval_reduce, '+', false},
    {"ReduceMax", eval_reduce, 'M', false}, {"ReduceMin", eval_reduce, 'm', false},
    {"ReduceMean", eval_reduce, 'e', false},
};

static bool all_known(const NodeCall *c)
{
    for (int i = 0; i < c->nin; i++)
        if (call_has(c, i) && !call_known(c, i))
            return false;
    return true;
}

static int eval_row(const char *type)
{
    int i = 0;
    while (i < LEN(rows) && strcmp(rows[i].type, type))
        i++;
    return i < LEN(rows) ? i : -1;
}

bool evaluate_alone(const NodeCall *c)
{
    const OnnxRow *row = row_find(c->n->type, INT64_MAX);
    return eval_row(c->n->type) >= 0 && (!row || !row->fn);
}

bool evaluate(NodeCall *c)
{
    int i = eval_row(c->n->type);
    if (i < 0 || *c->n->domain || c->n->nout < 1)
        return false;
    OnnxRow row = {rows[i].type, 1, rows[i].fn, rows[i].arg, NULL, NULL};
    c->row = &row;
    bool done = (rows[i].only ? c->nin <= 1 : all_known(c)) && rows[i].fn(c);
    c->row = NULL;
    return done;
}
