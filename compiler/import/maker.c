/* Nodes that readers of models make. */
#include "maker.h"

#include <stdarg.h>
#include <string.h>

bool maker_refuse(NodeMaker *m, const char *help, const char *fmt, ...)
{
    if (m->why)
        return false;
    va_list ap;
    va_start(ap, fmt);
    m->why = arena_vprintf(m->g->arena, fmt, ap);
    va_end(ap);
    m->help = help;
    return false;
}

Attrs maker_defaults(Op op)
{
    Attrs a;
    attrs_default(op, &a);
    return a;
}

Type maker_type(const NodeMaker *m, ValueId v)
{
    return v < 0 ? (Type){0} : m->g->value.v[v].type;
}

int maker_add_node(NodeMaker *m, Op op, const Attrs *attr, const ValueId *in, int nin)
{
    const char *err = NULL;
    for (int i = 0; i < nin; i++)
        if (in[i] < 0)
            return -1;
    if (m->made && ++*m->made > m->most)
        return maker_refuse(m, NULL, "the model makes more than %d nodes", m->most), -1;
    int node = graph_add(m->g, op, attr, in, nin, m->name, m->loc, &err);
    if (node < 0)
        maker_refuse(m, NULL, "%s", err);
    return node;
}

ValueId maker_add_list(NodeMaker *m, Op op, const Attrs *attr, const ValueId *in, int nin)
{
    int node = maker_add_node(m, op, attr, in, nin);
    return node < 0 ? -1 : node_value(m->g, node);
}

ValueId maker_add(NodeMaker *m, Op op, const Attrs *attr, int nin, ...)
{
    ValueId in[8];
    va_list ap;
    va_start(ap, nin);
    for (int i = 0; i < nin && i < LEN(in); i++)
        in[i] = va_arg(ap, ValueId);
    va_end(ap);
    return maker_add_list(m, op, attr, in, nin);
}

ValueId maker_reshape(NodeMaker *m, ValueId v, int rank, const int64_t *dim)
{
    if (v < 0)
        return -1;
    Type have = maker_type(m, v), want = type_make(have.dtype, rank, dim);
    if (type_eq(&have, &want))
        return v;
    Attrs a = maker_defaults(OP_reshape);
    a.shape.n = rank;
    memcpy(a.shape.v, dim, (size_t)rank * sizeof *dim);
    return maker_add(m, OP_reshape, &a, 1, v);
}

ValueId maker_slice(NodeMaker *m, ValueId v, int64_t axis, int64_t start, int64_t end, int64_t step)
{
    Attrs a = maker_defaults(OP_slice);
    a.axes = (Ints){1, {axis}};
    a.start = (Ints){1, {start}};
    a.end = (Ints){1, {end}};
    a.step = (Ints){1, {step}};
    return maker_add(m, OP_slice, &a, 1, v);
}
