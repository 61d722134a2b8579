/* canonicalize: one way to write each thing.

     %1, %2 = split %0 {sizes=[8,8]}        =>   %1 = slice %0 {axes=[1], start=[0], end=[8]} ; %2 = slice ...
     %1 = flatten %0                        =>   %1 = reshape %0 {shape=[1,400]}
     %1 = mul %0, %0                        =>   %1 = square %0
     %1 = gather %0, @i  with i = 3, 5, 7   =>   %1 = slice %0 {axes=[1], start=[3], end=[8], step=[2]}
     %1 = pad %0 {pads=..} ; conv2d %1      =>   conv2d %0 {pad=..}
     lstm %x, @ih, @hh, ...                 =>   %1 = linear %x, @ih, ... ; lstm %1, @hh, ...   (gru and rnn, too)
     concat of more operands than a kernel has parameters   =>   concat of concats
     identity reshapes, slices, transposes, concats, shuffles, pads and upsamples   =>   nothing

   Needs nothing, keeps everything, gives F_CANON: no split, no flatten, no movement that moves nothing. */
#include "../ir/ops/resample.h"
#include "edit.h"
#include "geometry/values.h"

static int add_like(Graph *g, Op op, const Attrs *a, const ValueId *in, int nin, const Node *like)
{
    const char *err = NULL;
    int i = graph_add(g, op, a, in, nin, like->name, like->loc, &err);
    if (i < 0)
        bug("%s: %s", op_info[op].name, err);
    return i;
}

static void replace_node(Graph *g, int node, ValueId by)
{
    ValueId old = node_value(g, node);
    if (g->value.v[by].origin < 0)
        g->value.v[by].origin = g->value.v[old].origin;
    value_replace(g, old, by);
    if (!value_uses(g, old))
        node_remove(g, node);
}

static bool split_to_slices(Graph *g, int node)
{
    Node n = g->node.v[node]; /* graph_add moves nodes */
    if (n.op != OP_split)
        return false;
    int64_t at = 0;
    for (int i = 0; i < n.nout; i++) {
        Attrs a;
        attrs_default(OP_slice, &a);
        a.axes = (Ints){1, {n.attr.axis}};
        a.start = (Ints){1, {at}};
        a.end = (Ints){1, {at += n.attr.sizes.v[i]}};
        ValueId v = node_value(g, add_like(g, OP_slice, &a, n.in, 1, &n)), old = n.out[i].value;
        g->value.v[v].origin = g->value.v[old].origin;
        value_replace(g, old, v);
    }
    for (int i = 0; i < n.nout; i++) /* an output that could not be renamed stays */
        if (value_uses(g, n.out[i].value))
            return true;
    node_remove(g, node);
    return true;
}

/* Does every element stay where it is? */
static bool resize_same(const Node *n, const Type *in)
{
    for (int d = 0; d < 2; d++)
        for (int64_t o = 0; o < in->dim[2 + d]; o++) {
            ResizeSource s = resize_source(&n->attr, d, in->dim[2 + d], o);
            if (s.i0 != o || s.part != 0)
                return false;
        }
    return true;
}

/* A movement whose result has its operand's shape and element order. */
static bool identity(const Graph *g, const Node *n)
{
    const Type *in = &g->value.v[n->in[0]].type, *out = &g->value.v[n->out[0].value].type;
    if (n->nstep || n->nout > 1 || !type_eq(in, out))
        return false;
    switch (n->op) {
    case OP_reshape: case OP_flatten: case OP_slice: case OP_concat: case OP_pad: case OP_upsample: return true;
    case OP_resize: return resize_same(n, in);
    case OP_channel_shuffle: return n->attr.groups == 1 || n->attr.groups == in->dim[1];
    case OP_transpose:
        for (int i = 0; i < n->attr.perm.n; i++)
            if (n->attr.perm.v[i] != i && in->dim[i] > 1)
                return false;
        return true;
    default: return false;
    }
}

/* A view of a view is a view; every view is a reshape. */
static bool plain_view(Graph *g, int node)
{
    Node n = g->node.v[node];
    if (!op_is(n.op, P_VIEW))
        return false;
    int def = value_def(g, n.in[0]);
    bool chain = def >= 0 && op_is(g->node.v[def].op, P_VIEW);
    if (n.op == OP_reshape && !chain)
        return false;
    Attrs a;
    attrs_default(OP_reshape, &a);
    const Type *out = &g->value.v[n.out[0].value].type;
    a.shape.n = out->rank;
    for (int i = 0; i < out->rank; i++)
        a.shape.v[i] = out->dim[i];
    ValueId in = chain ? g->node.v[def].in[0] : n.in[0];
    replace_node(g, node, node_value(g, add_like(g, OP_reshape, &a, &in, 1, &n)));
    return true;
}

static bool transpose_of_transpose(Graph *g, int node)
{
    Node *n = &g->node.v[node];
    int def = value_def(g, n->in[0]);
    if (n->op != OP_transpose || def < 0 || g->node.v[def].op != OP_transpose)
        return false;
    const Node *first = &g->node.v[def];
    Ints p = n->attr.perm;
    for (int i = 0; i < p.n; i++)
        p.v[i] = first->attr.perm.v[n->attr.perm.v[i]];
    n->attr.perm = p;
    node_set_operand(g, node, 0, first->in[0]);
    return true;
}

/* Zeros around H and W that only one convolution reads are its own padding. */
static bool pad_into_conv(Graph *g, int node)
{
    Node *n = &g->node.v[node];
    if (n->op != OP_conv2d)
        return false;
    int def = value_def(g, n->in[0]);
    if (def < 0 || g->node.v[def].op != OP_pad || g->node.v[def].attr.value != 0 || g->node.v[def].attr.border ||
        value_uses(g, n->in[0]) != 1)
        return false;
    const Ints *p = &g->node.v[def].attr.pads; /* N C H W leading, then trailing */
    if (p->n != 8 || p->v[0] || p->v[1] || p->v[4] || p->v[5])
        return false;
    const int side[4] = {2, 3, 6, 7};
    Attrs a = n->attr;
    for (int i = 0; i < 4; i++)
        a.pad.v[i] += p->v[side[i]];
    if (attrs_normalize(g->arena, OP_conv2d, &a, &g->value.v[n->in[0]].type, n->nin)) /* too large a number */
        return false;
    n->attr = a;
    node_set_operand(g, node, 0, g->node.v[def].in[0]);
    node_remove(g, def);
    return true;
}

/* A kernel's parameters are bounded (lower/lower.h; C99 promises 127): parts of at most that many operands each. */
enum { MAX_CONCAT = 32 };

static bool concat_of_concats(Graph *g, int node)
{
    Node n = g->node.v[node]; /* graph_add moves nodes */
    if (n.op != OP_concat || n.nin <= MAX_CONCAT)
        return false;
    int parts = (n.nin + MAX_CONCAT - 1) / MAX_CONCAT;
    ValueId *in = NEW(g->arena, ValueId, parts);
    for (int i = 0; i < parts; i++) {
        int first = i * MAX_CONCAT, count = (int)imin(MAX_CONCAT, n.nin - first);
        in[i] = count == 1 ? n.in[first] : node_value(g, add_like(g, OP_concat, &n.attr, n.in + first, count, &n));
    }
    node_set_operands(g, node, in, parts);
    concat_of_concats(g, node);
    return true;
}

static bool product_to_square(Graph *g, int node)
{
    Node *n = &g->node.v[node];
    if (n->op != OP_mul || n->in[0] != n->in[1])
        return false;
    n->op = OP_square;
    node_set_operands(g, node, n->in, 1);
    attrs_default(OP_square, &n->attr);
    return true;
}

/* Do a gather's indices rise by one step? Then the slice that takes the same elements. */
static bool same_slice(const Graph *g, const Node *n, Attrs *slice)
{
    if (n->op != OP_gather || !g->value.v[n->in[1]].tensor->data)
        return false;
    const Tensor *t = g->value.v[n->in[1]].tensor;
    int64_t count = type_elems(&t->type), size = g->value.v[n->in[0]].type.dim[n->attr.axis];
    int64_t first = gather_index(tensor_at(t, 0), size);
    int64_t step = count > 1 ? gather_index(tensor_at(t, 1), size) - first : 1;
    for (int64_t i = 1; i < count; i++)
        if (gather_index(tensor_at(t, i), size) != first + i * step)
            return false;
    if (step < 1)
        return false;
    attrs_default(OP_slice, slice);
    slice->axes = (Ints){1, {n->attr.axis}};
    slice->start = (Ints){1, {first}};
    slice->end = (Ints){1, {first + (count - 1) * step + 1}};
    slice->step = (Ints){1, {step}};
    return true;
}

static bool gather_to_slice(Graph *g, int node)
{
    Node *n = &g->node.v[node];
    Attrs a;
    if (!same_slice(g, n, &a))
        return false;
    n->op = OP_slice;
    node_set_operands(g, node, n->in, 1);
    n->attr = a;
    return true;
}

/* What the input brings to the gates does not depend on the state: one product for all steps. */
static bool project_inputs(Graph *g, int node)
{
    Node n = g->node.v[node]; /* graph_add moves nodes */
    Recurrence r = {.w_ih = -1};
    if (is_recurrent(n.op))
        r = node_recurrence(g, &n);
    if (r.w_ih < 0)
        return false;
    Node first = n;
    first.name = n.name ? arena_printf(g->arena, "%s.input", n.name) : NULL;
    ValueId input[3] = {n.in[0], n.in[r.w_ih], r.b_ih < 0 ? -1 : n.in[r.b_ih]}, rest[8];
    rest[0] = node_value(g, add_like(g, OP_linear, NULL, input, r.b_ih < 0 ? 2 : 3, &first));
    int nin = 1;
    for (int k = 1; k < n.nin; k++)
        if (k != r.w_ih && k != r.b_ih)
            rest[nin++] = n.in[k];
    node_set_operands(g, node, rest, nin);
    return true;
}

bool remove_identity(Graph *g, int node)
{
    Node *n = &g->node.v[node];
    if (n->op == OP_NONE || !identity(g, n))
        return false;
    replace_node(g, node, n->in[0]);
    return true;
}

const char *not_canonical(const Graph *g, const Node *n)
{
    Attrs slice;
    if (n->op == OP_split)
        return "slices say the same";
    if (same_slice(g, n, &slice))
        return "a slice says the same";
    if (n->op == OP_flatten)
        return "a reshape says the same";
    if (n->op == OP_mul && n->in[0] == n->in[1])
        return "a square says the same";
    if (is_recurrent(n->op) && node_recurrence(g, n).w_ih >= 0)
        return "a layer ahead of it multiplies the input of all steps";
    if (n->op == OP_concat && n->nin > MAX_CONCAT)
        return "no kernel has as many parameters";
    return identity(g, n) ? "it moves nothing" : NULL;
}

bool pass_canonicalize(Pass *p, Graph *g)
{
    (void)p;
    bool changed = false;
    for (int i = 0; i < g->node.n; i++) { /* nodes added on the way are visited too */
        if (g->node.v[i].op == OP_NONE)
            continue;
        changed |= split_to_slices(g, i) || plain_view(g, i) || transpose_of_transpose(g, i) ||
                   product_to_square(g, i) || gather_to_slice(g, i) || concat_of_concats(g, i) ||
                   project_inputs(g, i);
        while (pad_into_conv(g, i))
            changed = true;
        changed |= remove_identity(g, i);
    }
    graph_compact(g);
    return changed;
}
