/* assign-layout: where each value's elements lie.

     %1 = conv2d %image, @w1 ... : f32[1,16,8,8]          =>   : f32[1,16,8,8] nhwc(c=16, border=[1,1,1,1])
     %2 = conv2d %1, @w2 {pad=[1,1,1,1]} ...                   (%2 reads whole windows)

   Of values of rank 4 with more than one pixel, those whose channels shall lie side by side (inner.c) are
   channels-last, their pixels padded to the narrowest vector, with the zero border that the convolutions which read
   them ask for; all others are row-major. What is transposed to such a map, [N,H,W,C], lies the same way, so that the
   transpose is a view. The caller's tensors are row-major: a dense convolution reads such an input directly; for
   other readers, for outputs that a vector kernel makes, and where a value lies as a reader cannot have it, a map
   converts. So it does for constants that a convolution cannot read as they lie. A product whose columns do not lie
   side by side gets its operand transposed. Needs F_SCHEDULE, gives F_LAYOUT. */
#include <string.h>

#include "../edit.h"
#include "inner.h"
#include "../geometry/conv.h"
#include "../geometry/values.h"
#include "../movement/views.h"

/* Pixels a multiple of `alias` bytes apart fall into few sets of a cache, and a load is taken to depend on the store of
   another pixel. That costs a fifth to a half of the speed, one more line for each pixel less. */
static int64_t channel_stride(const Target *t, int64_t channels)
{
    const Machine *m = t->machine;
    int64_t s = round_up(channels, t->min_lanes);
    return m->alias && s * 4 % m->alias == 0 ? s + m->line / 4 : s;
}

/* A copy of v made by a map node, to be sorted into place by graph_compact. */
static ValueId add_map(Pass *p, Graph *g, ValueId v)
{
    const char *err = NULL;
    Attrs a;
    attrs_default(OP_map, &a);
    int i = graph_add(g, OP_map, &a, &v, 1, NULL, g->value.v[v].loc, &err);
    if (i < 0)
        bug("map: %s", err);
    g->node.v[i].sched = schedule_generic(g, p->target);
    ValueId r = node_value(g, i);
    g->value.v[r].origin = g->value.v[v].origin;
    return r;
}

/* ---- copies for readers ---- */

typedef struct Convert { Pass *p; Graph *g; int *dim; /* per value: the one inside */ } Convert;

/* Can this convolution read its operand as the caller gives it? Scalar kernels read anything. */
static bool reads_rows(const Target *t, const Node *n)
{
    return peels(n) && (t->lanes == 1 || n->sched->impl != IMPL_DEPTHWISE);
}

static bool by_channels(const Convert *c, const Node *n)
{
    ValueId out = n->out[0].value;
    return many_pixels(&c->g->value.v[out].type) ? c->dim[out] == 1 : is_conv(n->op);
}

/* The same of a product: its columns or, where vectors run along the sum, both operands' last dimension. */
static int must_have_product(const Convert *c, const Node *n, int k)
{
    const Type *t = &c->g->value.v[n->in[k]].type;
    bool along = n->attr.transpose_b && !n->attr.transpose_a && !product_turns(c->p->target, c->g, n);
    bool columns = k == 1 && !n->attr.transpose_b;
    return t->rank == 4 && t->dim[3] > 1 && (along || columns) && product_copies(c->p->target, c->g, n) ? 3 : ANY_DIM;
}

/* The dimension that must lie inside for the node to read operand k. Weights are packed, and constants other than a
   convolution's operand 0 are stored as their readers want them (lower/access.c). */
static int must_have(const Convert *c, const Node *n, int k)
{
    const Target *t = c->p->target;
    const Value *v = &c->g->value.v[n->in[k]];
    if (is_conv(n->op))
        return k > 0 || reads_rows(t, n) || (v->kind == VAL_NODE && !many_pixels(&v->type)) ? ANY_DIM : 1;
    if (v->kind == VAL_CONST || t->lanes == 1 || !many_pixels(&v->type) || n->op == OP_map)
        return ANY_DIM;
    if (n->op == OP_transpose && v->kind == VAL_INPUT) /* a copy itself, or none (eliminate-movement) */
        return ANY_DIM;
    if (n->op == OP_matmul)
        return must_have_product(c, n, k);
    if (is_norm(n->op) && k == 0)
        return c->dim[n->out[0].value] % 2 == 1 ? c->dim[n->out[0].value] : ANY_DIM;
    if (!by_channels(c, n))
        return ANY_DIM;
    return v->kind == VAL_INPUT || op_is(n->op, P_WINDOW) || is_resampling(n->op) ? 1 : ANY_DIM;
}

/* The same for what steps read: as the result lies, whose vectors they are applied to. A map reads other operands one
   by one, which costs no more than the copy would, but for the caller's, which it would read as often as it is run.
   */
static int must_have_step(const Convert *c, const Node *n, ValueId v)
{
    const Value *x = &c->g->value.v[v];
    const Type *frame = &c->g->value.v[n->out[0].value].type;
    if (x->kind == VAL_CONST || c->p->target->lanes == 1 || !many_pixels(&x->type))
        return ANY_DIM;
    if (by_channels(c, n))
        return x->kind == VAL_INPUT || n->op != OP_map ? 1 : ANY_DIM;
    return n->op == OP_linear || n->op == OP_matmul ? frame->rank - 1 : ANY_DIM;
}

/* The dimension that must lie inside for this reader of v. */
static int must_have_read(const Convert *c, const ValueReader *r, ValueId v)
{
    const Node *n = &c->g->node.v[r->node];
    return r->step < 0 ? must_have(c, n, r->operand) : must_have_step(c, n, v);
}

/* Does the reader need a border around v, which what lies with the caller has not? */
static bool needs_border(const Convert *c, const ValueReader *r, ValueId v)
{
    const Node *n = r->node < 0 ? NULL : &c->g->node.v[r->node];
    int64_t b[4] = {0};
    if (!n || !is_conv(n->op) || r->step >= 0 || r->operand || c->g->value.v[v].kind == VAL_NODE || peels(n))
        return false;
    conv_border(c->g, n, b);
    return b[0] | b[1] | b[2] | b[3];
}

/* Makes one copy of a value that lies otherwise, or without the border. It serves all readers that must have
   dimension d inside. */
static void copy_value(Convert *c, ValueId v, int d)
{
    ValueId copy = -1;
    for (ValueReader r = value_readers(c->g, v); r.read; r = reader_next(c->g, r)) {
        if (r.node < 0 || must_have_read(c, &r, v) != d || (c->dim[v] == d && !needs_border(c, &r, v)))
            continue;
        if (copy < 0) {
            copy = add_map(c->p, c->g, v);
            c->dim[copy] = d;
        }
        reader_set(c->g, r, copy);
    }
}

static void convert_values(Convert *c)
{
    for (int v = 0, values = c->g->value.n; v < values; v++) {
        const Value *x = &c->g->value.v[v];
        if (x->kind == VAL_DEAD || x->type.rank != 4)
            continue;
        copy_value(c, v, 1);
        if (many_pixels(&x->type) && c->dim[v] != 3 && c->dim[v] != ANY_DIM)
            copy_value(c, v, 3);
    }
}

/* The right operand of a product with its last two dimensions exchanged, by a kernel. */
static void turn_products(Convert *c)
{
    Graph *g = c->g;
    for (int i = 0, nodes = g->node.n; i < nodes; i++) {
        const Node *n = &g->node.v[i];
        const Type *t = n->op == OP_matmul ? &g->value.v[n->in[1]].type : NULL;
        if (!t || c->dim[n->in[1]] == t->rank - 2 || !product_turns(c->p->target, g, n))
            continue;
        Attrs a;
        const char *err = NULL;
        attrs_default(OP_transpose, &a);
        a.perm = last_exchanged(t->rank);
        ValueId in = n->in[1];
        int turned = graph_add(g, OP_transpose, &a, &in, 1, NULL, n->loc, &err);
        if (turned < 0)
            bug("transpose: %s", err);
        g->node.v[turned].sched = schedule_generic(g, c->p->target);
        g->node.v[turned].why = "a product reads its columns in vectors";
        c->dim[node_value(g, turned)] = g->node.v[turned].attr.perm.n - 1;
        node_set_operand(g, i, 1, node_value(g, turned));
        g->node.v[i].attr.transpose_b = false;
    }
}

static Dict names_of(Arena *A, const Graph *g)
{
    Dict names = dict_new(A);
    for (int i = 0; i < g->value.n; i++)
        if (g->value.v[i].kind != VAL_DEAD && g->value.v[i].name)
            dict_put(&names, g->value.v[i].name, 0);
    return names;
}

/* name, or name_1, name_2 ... where a value has it already. Per name: the last suffix that was taken. */
static const char *unused_name(const Graph *g, Dict *names, const char *name)
{
    const char *unique = name;
    int suffix = (int)imax(0, dict_get(names, name));
    while (dict_get(names, unique) >= 0)
        unique = arena_printf(g->arena, "%s_%d", name, ++suffix);
    dict_put(names, name, suffix);
    dict_put(names, unique, 0);
    return unique;
}

/* Is value v a mere copy? Then its map writes rows as well as channels-last. */
static bool is_copy(const Graph *g, ValueId v)
{
    const Node *n = &g->node.v[g->value.v[v].node];
    return n->op == OP_map && !n->nstep && n->nout == 1;
}

/* Outputs lie with the caller: what is an input or a constant, is read elsewhere too, or is stored channels-last gets a
   map. */
static void convert_outputs(Convert *c)
{
    Graph *g = c->g;
    Dict names = names_of(c->p->scratch, g);
    for (int i = 0; i < g->output.n; i++) {
        ValueId v = g->output.v[i];
        bool made_here = g->value.v[v].kind == VAL_NODE;
        bool rows = c->p->target->lanes == 1 || !many_pixels(&g->value.v[v].type) || c->dim[v] != 1 ||
                    (made_here && is_copy(g, v));
        if (made_here && value_uses(g, v) == 1 && rows)
            continue;
        const char *name = g->value.v[v].name;
        if (made_here && name)
            g->value.v[v].name = NULL;
        else if (made_here) /* the same value again */
            name = unused_name(g, &names, "again");
        else
            name = unused_name(g, &names, arena_printf(g->arena, "%s_out", name));
        ValueId copy = add_map(c->p, g, v);
        c->dim[copy] = 3;
        graph_set_output(g, i, copy);
        g->value.v[copy].name = name;
    }
}

/* ---- layouts ---- */

static Layout channels_last(const Target *t, int64_t channels, bool last)
{
    return (Layout){.order = ORDER_NHWC, .cstride = channel_stride(t, channels), .last = last};
}

static void give_layouts(const Convert *c)
{
    Graph *g = c->g;
    for (int i = 0; i < g->value.n; i++) {
        Value *v = &g->value.v[i];
        v->layout = layout_row();
        v->region = v->kind == VAL_INPUT ? REGION_INPUT : v->kind == VAL_CONST ? REGION_CONST : REGION_ARENA;
        if (v->kind == VAL_NODE && many_pixels(&v->type) && c->dim[i] == 1)
            v->layout = channels_last(c->p->target, v->type.dim[1], false);
    }
    for (int i = 0; i < g->output.n; i++) {
        Value *v = &g->value.v[g->output.v[i]];
        v->layout = layout_row();
        v->region = REGION_OUTPUT;
    }
}

static bool bordered(const int64_t b[4]) { return b[0] | b[1] | b[2] | b[3]; }

static void give_border(const Convert *c, const Node *n)
{
    Value *v = &c->g->value.v[n->in[0]];
    int64_t border[4] = {0};
    conv_border(c->g, n, border);
    if (v->kind != VAL_NODE || v->region == REGION_OUTPUT) {
        if (bordered(border))
            bug("a convolution reads the border of a value that has none");
        return;
    }
    if (v->layout.order == ORDER_ROW && bordered(border))
        v->layout = channels_last(c->p->target, v->type.dim[1], false);
    for (int k = 0; k < 4; k++)
        v->layout.border[k] = imax(v->layout.border[k], border[k]);
}

/* What a view makes a map of is that map, in its own dimensions. */
static void spread_map(const Convert *c, const Node *n)
{
    const Value *out = &c->g->value.v[n->out[0].value];
    int channels = layout_channels(&out->layout), from = view_channels(n, channels) ? channels : 4 - channels;
    for (int k = 0; k < n->nin && view_channels(n, from) == channels; k++) {
        Value *v = &c->g->value.v[n->in[k]];
        bool rows = v->kind == VAL_NODE && v->region == REGION_ARENA && v->layout.order == ORDER_ROW;
        if (!rows || !many_pixels(&v->type) || c->dim[n->in[k]] != from)
            continue;
        v->layout = channels_last(c->p->target, v->type.dim[from], from == 3);
        memcpy(v->layout.border, out->layout.border, sizeof out->layout.border);
    }
}

bool pass_assign_layout(Pass *p, Graph *g)
{
    int more = 3 * g->value.n + g->node.n + g->output.n; /* copies of two kinds, of outputs, and transposes */
    Convert c = {p, g, inner_dims(p, g, more)};
    convert_values(&c);
    turn_products(&c);
    convert_outputs(&c);
    graph_compact(g);
    give_layouts(&c);
    for (int i = 0; i < g->node.n; i++)
        if (is_conv(g->node.v[i].op) && !peels(&g->node.v[i]))
            give_border(&c, &g->node.v[i]);
    for (int i = g->node.n - 1; i >= 0; i--) {
        const Node *n = &g->node.v[i];
        if (view_op(n->op) && g->value.v[n->out[0].value].layout.order == ORDER_NHWC)
            spread_map(&c, n);
    }
    return true;
}
