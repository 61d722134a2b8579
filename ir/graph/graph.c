/* Building and changing graphs. */
#include "graph.h"

#include <stdio.h>
#include <string.h>

static const char *copy_name(Graph *g, const char *name)
{
    return name ? arena_strndup(g->arena, name, strlen(name)) : NULL;
}

Graph *graph_new(Arena *a, const char *name)
{
    Graph *g = NEW(a, Graph, 1);
    g->arena = a;
    g->name = copy_name(g, name);
    g->consts = dict_new(a);
    g->suffixes = dict_new(a);
    g->made = dict_new(a);
    g->readers = readers_new(a);
    return g;
}

static ValueId add_value(Graph *g, ValueKind kind, const char *name, Type type, Loc loc)
{
    Value v = {.kind = kind, .type = type, .name = copy_name(g, name), .loc = loc, .node = -1, .origin = -1,
               .layout = layout_row(), .offset = -1};
    PUSH(g->arena, &g->value, v);
    return g->value.n - 1;
}

ValueId graph_input(Graph *g, const char *name, Type type, Loc loc)
{
    ValueId id = add_value(g, VAL_INPUT, name, type, loc);
    PUSH(g->arena, &g->input, id);
    return id;
}

ValueId graph_const(Graph *g, const char *name, Type type, Loc loc)
{
    ValueId id = dict_get(&g->consts, name);
    if (id >= 0) {
        if (!type_eq(&g->value.v[id].type, &type))
            bug("constant '%s' is used as %s and as %s", name, type_text(g->arena, &g->value.v[id].type),
                type_text(g->arena, &type));
        g->value.v[id].kind = VAL_CONST; /* it may have been removed as unused */
        return id;
    }
    id = add_value(g, VAL_CONST, name, type, loc);
    Tensor *t = NEW(g->arena, Tensor, 1);
    *t = (Tensor){.name = g->value.v[id].name, .type = type, .stored = DT_F32, .loc = loc};
    g->value.v[id].tensor = t;
    dict_put(&g->consts, name, id);
    return id;
}

static bool has_numbers(const Value *v, const Type *type, const float *data)
{
    const Tensor *t = v->tensor;
    return type_eq(&v->type, type) && t->data && t->stored == DT_F32 &&
           !memcmp(t->data, data, (size_t)type_elems(type) * sizeof *data);
}

/* A constant of that base name with these numbers, or -1. */
static ValueId const_with(const Graph *g, const char *name, const char *key, const Type *type, const float *data)
{
    ValueId same[] = {dict_get(&g->consts, name), dict_get(&g->made, key)};
    for (int i = 0; i < LEN(same); i++)
        if (same[i] >= 0 && has_numbers(&g->value.v[same[i]], type, data))
            return same[i];
    return -1;
}

ValueId graph_const_take(Graph *g, const char *name, Type type, const float *data)
{
    data = without_subnormals(g->arena, data, type_elems(&type)); /* as those are that it is compared with */
    uint64_t hash = hash_bytes(data, (size_t)type_elems(&type) * sizeof *data, 0);
    const char *unique = name, *key = arena_printf(g->arena, "%s %llx", name, (unsigned long long)hash);
    ValueId id = const_with(g, name, key, &type, data);
    if (id >= 0) {
        g->value.v[id].kind = VAL_CONST;
        return id;
    }
    int suffix = (int)imax(0, dict_get(&g->suffixes, name));
    while (dict_get(&g->consts, unique) >= 0)
        unique = arena_printf(g->arena, "%s$%d", name, ++suffix);
    if (suffix)
        dict_put(&g->suffixes, name, suffix);
    id = graph_const(g, unique, type, (Loc){0});
    dict_put(&g->made, key, id);
    g->value.v[id].tensor->data = data;
    return id;
}

ValueId graph_const_f32(Graph *g, const char *name, Type type, const float *data)
{
    size_t n = (size_t)type_elems(&type);
    float *copy = NEW(g->arena, float, n);
    memcpy(copy, data, n * sizeof *copy);
    return graph_const_take(g, name, type, copy);
}

ValueId graph_value(Graph *g, int node, int out, Type type, Loc loc)
{
    ValueId id = add_value(g, VAL_NODE, NULL, type, loc);
    g->value.v[id].node = node;
    g->value.v[id].out = out;
    return id;
}

int graph_add(Graph *g, Op op, const Attrs *attr, const ValueId *in, int nin, const char *name, Loc loc,
              const char **err)
{
    Attrs t;
    attrs_default(op, &t);
    if (attr)
        t = *attr;
    Type *types = NEW(g->arena, Type, nin + 1), out[MAX_OUT];
    for (int i = 0; i < nin; i++)
        types[i] = g->value.v[in[i]].type;
    OpCall call = {.op = op, .attr = &t, .nin = nin, .in = types, .arena = g->arena};
    int nout;
    if ((*err = op_infer(&call, out, &nout)) || (*err = attrs_normalize(g->arena, op, &t, types, nin)))
        return -1;
    Node n = {.op = op, .attr = t, .nin = nin, .in = NEW(g->arena, ValueId, nin + 1), .nout = nout,
              .out = NEW(g->arena, Out, nout), .name = copy_name(g, name), .loc = loc, .origin = -1,
              .scratch_offset = -1};
    for (int i = 0; i < nin; i++)
        n.in[i] = in[i];
    for (int i = 0; i < nout; i++)
        n.out[i].value = graph_value(g, g->node.n, i, out[i], loc);
    PUSH(g->arena, &g->node, n);
    readers_add_node(g, g->node.n - 1);
    return g->node.n - 1;
}

ValueId graph_output(Graph *g, const char *name, ValueId v, Loc loc)
{
    if (g->value.v[v].kind != VAL_NODE || g->value.v[v].name) {
        const char *err;
        int copy = graph_add(g, OP_map, NULL, &v, 1, name, loc, &err);
        if (copy < 0)
            bug("output '%s': %s", name, err);
        v = node_value(g, copy);
    }
    g->value.v[v].name = copy_name(g, name);
    graph_add_output(g, v);
    return v;
}

/* ---- changes ---- */

static void replace_outputs(Graph *g, ValueId from, ValueId to)
{
    Value *old = &g->value.v[from], *now = &g->value.v[to];
    bool named = now->name || value_outputs(g, to);
    for (ValueReader r = value_readers(g, from); r.read && !named; r = reader_next(g, r)) {
        graph_set_output(g, r.operand, to); /* nodes read `to` by now */
        if (old->name)
            now->name = old->name;
        if (old->origin >= 0)
            now->origin = old->origin;
    }
    if (!named && now->name == old->name)
        old->name = NULL;
}

void value_replace(Graph *g, ValueId from, ValueId to)
{
    if (from == to)
        return;
    for (ValueReader r = value_readers(g, from); r.read; r = reader_next(g, r))
        if (r.node >= 0)
            reader_set(g, r, to);
    if (g->value.v[to].origin < 0)
        g->value.v[to].origin = g->value.v[from].origin;
    replace_outputs(g, from, to);
}

void node_remove(Graph *g, int node)
{
    Node *n = &g->node.v[node];
    for (int i = 0; i < n->nout; i++) {
        ValueId id = n->out[i].value;
        if (value_uses(g, id))
            bug("node %d (%s) is removed while its result is used", node, op_info[n->op].name);
        g->value.v[id].kind = VAL_DEAD;
    }
    node_take_out(g, node);
}

/* ---- order ---- */

/* Depth-first over operands, with a stack of its own: chains may be as long as the graph. */
typedef struct Sort { Graph *g; Arena *arena; char *state; VEC(int) stack, order; } Sort;
enum { NEW_NODE, OPEN, DONE };

static void need(Sort *s, ValueId id)
{
    if (id < 0 || s->g->value.v[id].kind != VAL_NODE)
        return;
    int node = s->g->value.v[id].node;
    if (s->state[node] == OPEN)
        bug("node %d (%s) depends on itself", node, op_info[s->g->node.v[node].op].name);
    if (s->state[node] == NEW_NODE)
        PUSH(s->arena, &s->stack, node);
}

static void sort_from(Sort *s, int root)
{
    PUSH(s->arena, &s->stack, root);
    while (s->stack.n) {
        int i = s->stack.v[s->stack.n - 1];
        const Node *n = &s->g->node.v[i];
        if (s->state[i] != NEW_NODE) {
            s->stack.n--;
            if (s->state[i] == OPEN)
                PUSH(s->arena, &s->order, i);
            s->state[i] = DONE;
            continue;
        }
        s->state[i] = OPEN;
        for (int k = n->nstep - 1; k >= 0; k--)
            for (int j = n->step[k].nin - 1; j >= 0; j--)
                need(s, n->step[k].in[j]);
        for (int k = n->nin - 1; k >= 0; k--)
            need(s, n->in[k]);
    }
}

/* Node order.v[i] becomes node i. Where none moves behind another, each goes to its place at once: a copy of all nodes
   is megabytes of fresh memory. */
static void move_nodes(Sort *s)
{
    Node *v = s->g->node.v;
    bool rising = true;
    for (int i = 1; i < s->order.n; i++)
        rising = rising && s->order.v[i] > s->order.v[i - 1];
    Node *from = v;
    if (!rising) {
        from = NEW(s->arena, Node, s->g->node.n);
        memcpy(from, v, (size_t)s->g->node.n * sizeof *v);
    }
    for (int i = 0; i < s->order.n; i++)
        if (from != v || s->order.v[i] != i)
            v[i] = from[s->order.v[i]];
}

void graph_compact(Graph *g)
{
    Sort s = {.g = g, .arena = arena_new()};
    s.state = NEW(s.arena, char, g->node.n + 1);
    for (int i = 0; i < g->node.n; i++)
        if (g->node.v[i].op != OP_NONE && s.state[i] == NEW_NODE)
            sort_from(&s, i);
    move_nodes(&s);
    for (int i = 0; i < s.order.n; i++)
        for (int k = 0; k < g->node.v[i].nout; k++)
            g->value.v[g->node.v[i].out[k].value].node = i;
    g->node.n = s.order.n;
    readers_forget(g);
    arena_free(s.arena);
}

/* ---- copies ---- */

static void *copy_array(Arena *a, const void *v, int n, size_t size)
{
    void *copy = arena_alloc(a, (size_t)n + 1, size, _Alignof(max_align_t));
    if (n)
        memcpy(copy, v, (size_t)n * size);
    return copy;
}
#define COPY(a, v, n) copy_array((a), (v), (n), sizeof *(v))

Graph *graph_clone(Arena *a, const Graph *g)
{
    Graph *c = NEW(a, Graph, 1);
    *c = *g;
    c->arena = a;
    c->consts = dict_new(a);
    c->suffixes = dict_new(a);
    c->made = dict_new(a);
    c->readers = readers_new(a);
    c->value.v = COPY(a, g->value.v, g->value.n);
    c->node.v = COPY(a, g->node.v, g->node.n);
    c->input.v = COPY(a, g->input.v, g->input.n);
    c->output.v = COPY(a, g->output.v, g->output.n);
    c->fired.v = COPY(a, g->fired.v, g->fired.n);
    c->value.cap = g->value.n;
    c->node.cap = g->node.n;
    c->input.cap = g->input.n;
    c->output.cap = g->output.n;
    c->fired.cap = g->fired.n;
    for (int i = 0; i < c->value.n; i++) {
        Value *v = &c->value.v[i];
        if (!v->tensor)
            continue;
        v->tensor = COPY(a, v->tensor, 1);
        dict_put(&c->consts, v->name, i);
    }
    for (int i = 0; i < c->node.n; i++) {
        Node *n = &c->node.v[i];
        n->in = COPY(a, n->in, n->nin);
        n->out = COPY(a, n->out, n->nout);
        n->step = COPY(a, n->step, n->nstep);
        for (int k = 0; k < n->nstep; k++)
            n->step[k].in = COPY(a, n->step[k].in, n->step[k].nin);
    }
    return c;
}

/* ---- cost ---- */

int64_t node_macs(const Graph *g, const Node *n)
{
    if (n->op == OP_NONE)
        return 0;
    Arena *a = arena_new();
    Type *in = NEW(a, Type, n->nin + 1), out[MAX_OUT];
    for (int i = 0; i < n->nin; i++)
        in[i] = g->value.v[n->in[i]].type;
    OpCall call = {.op = n->op, .attr = &n->attr, .nin = n->nin, .in = in, .out = out, .arena = a};
    const char *err = op_infer(&call, out, &call.nout);
    if (err)
        bug("%s: %s", op_info[n->op].name, err);
    Cost cost = {0, 0};
    op_info[n->op].cost(&call, &cost);
    arena_free(a);
    return cost.macs;
}

int64_t graph_macs(const Graph *g)
{
    int64_t sum = 0;
    for (int i = 0; i < g->node.n; i++)
        if (!add_ok(sum, node_macs(g, &g->node.v[i]), &sum))
            return INT64_MAX;
    return sum;
}

int64_t graph_parameters(const Graph *g)
{
    Arena *a = arena_new();
    bool *statistic = NEW(a, bool, g->value.n + 1);
    for (int i = 0; i < g->node.n; i++)
        for (int k = 3; g->node.v[i].op == OP_batch_norm && k < 5; k++)
            statistic[g->node.v[i].in[k]] = true;
    int64_t sum = 0;
    for (int i = 0; i < g->value.n; i++)
        if (g->value.v[i].kind == VAL_CONST && !statistic[i] &&
            !add_ok(sum, type_elems(&g->value.v[i].type), &sum))
            sum = INT64_MAX;
    arena_free(a);
    return sum;
}
