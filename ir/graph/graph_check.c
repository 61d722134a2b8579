/* What must hold of every graph, before and after every pass. */
#include "graph.h"

#include <string.h>

/* ---- nodes ---- */

typedef struct Infer { Arena *arena; const Graph *g; const Node *n; } Infer;
#define FAIL(c, ...) return arena_printf((c)->arena, __VA_ARGS__)

static bool in_graph(const Graph *g, ValueId id)
{
    return id >= 0 && id < g->value.n && g->value.v[id].kind != VAL_DEAD;
}

static const char *infer_anchor(const Infer *c, Type *out, int *nout)
{
    const Node *n = c->n;
    Type *in = NEW(c->arena, Type, n->nin + 1);
    for (int i = 0; i < n->nin; i++) {
        if (!in_graph(c->g, n->in[i]))
            FAIL(c, "operand %d is not a value of the graph", i);
        in[i] = c->g->value.v[n->in[i]].type;
    }
    return op_infer(&(OpCall){.op = n->op, .attr = &n->attr, .nin = n->nin, .in = in, .arena = c->arena}, out, nout);
}

/* Step k (from 1), given the anchor's type, which all earlier steps have too. */
static const char *check_step(const Infer *c, int k, const Type *anchor)
{
    const Step *s = &c->n->step[k - 1];
    if (s->op <= OP_NONE || s->op >= NOPS || !op_is(s->op, P_ELEMENTWISE))
        FAIL(c, "step %d is not elementwise", k);
    const char *name = op_info[s->op].name;
    Type *in = NEW(c->arena, Type, s->nin + 1), out[MAX_OUT];
    for (int i = 0; i < s->nin; i++) {
        Ref r = s->in[i];
        if (r < 0 ? ~r >= k : !in_graph(c->g, r))
            FAIL(c, "step %d (%s): operand %d is neither a value nor an earlier step", k, name, i);
        in[i] = r < 0 ? *anchor : c->g->value.v[r].type;
    }
    int nout;
    OpCall call = {.op = s->op, .attr = &s->attr, .nin = s->nin, .in = in, .arena = c->arena};
    const char *err = op_infer(&call, out, &nout);
    if (err)
        FAIL(c, "step %d (%s): %s", k, name, err);
    if (!type_eq(out, anchor))
        FAIL(c, "step %d (%s) gives %s, the anchor %s", k, name, type_text(c->arena, out),
             type_text(c->arena, anchor));
    return NULL;
}

Op out_op(const Out *o, Attrs *a)
{
    bool window = o->kernel.n;
    Op op = o->red == RED_SUM ? OP_sum : o->red == RED_MEAN ? OP_mean : OP_max;
    if (window && op != OP_sum)
        op = op == OP_mean ? OP_avg_pool : OP_max_pool;
    attrs_default(op, a);
    a->axes = o->axes, a->keep = o->keep, a->kernel = o->kernel;
    return op;
}

static const char *infer_out(const Infer *c, int i, const Type *anchor, Type *type)
{
    const Out *o = &c->n->out[i];
    if (o->step < 0 || o->step > c->n->nstep)
        FAIL(c, "out %d is of step %d, there are %d", i, o->step, c->n->nstep);
    *type = *anchor;
    if (o->red == RED_NONE)
        return NULL;
    if (o->kernel.n && (o->red == RED_SUM || o->axes.n || o->keep))
        FAIL(c, "out %d: a window has a mean or a max, and no axes", i);
    Attrs t;
    Type out[MAX_OUT];
    int nout;
    OpCall call = {.op = out_op(o, &t), .attr = &t, .nin = 1, .in = anchor, .arena = c->arena};
    const char *err = op_infer(&call, out, &nout);
    if (err)
        FAIL(c, "out %d: %s", i, err);
    *type = out[0];
    for (int d = 2; o->kernel.n && d < 4; d++)
        if (o->kernel.n != 2 || anchor->dim[d] % o->kernel.v[d - 2])
            FAIL(c, "out %d: windows do not divide %s", i, type_text(c->arena, anchor));
    return NULL;
}

const char *node_infer(Arena *a, const Graph *g, const Node *n, Type *out)
{
    Infer c = {a, g, n};
    Type res[MAX_OUT];
    int nres;
    const char *err = infer_anchor(&c, res, &nres);
    if (err)
        return err;
    bool plain = !n->nstep;
    for (int i = 0; i < n->nout; i++)
        plain = plain && !n->out[i].step && n->out[i].red == RED_NONE;
    if (n->nout < 1 || n->nout > MAX_OUT)
        FAIL(&c, "%d results, 1 to %d expected", n->nout, MAX_OUT);
    if (!op_is(n->op, P_ANCHOR)) {
        if (!plain)
            FAIL(&c, "not an operator that carries an epilogue");
        if (n->nout != nres)
            FAIL(&c, "%d results, %d expected", n->nout, nres);
        memcpy(out, res, (size_t)nres * sizeof *out);
        return NULL;
    }
    for (int k = 1; k <= n->nstep && !err; k++)
        err = check_step(&c, k, res);
    for (int i = 0; i < n->nout && !err; i++)
        err = infer_out(&c, i, res, &out[i]);
    return err;
}

Type node_step_type(const Graph *g, const Node *n, int k)
{
    Arena *a = arena_new();
    Infer c = {a, g, n};
    Type res[MAX_OUT];
    int nres;
    const char *err = infer_anchor(&c, res, &nres);
    if (!err && (k < 0 || k > n->nstep))
        err = "there is no such step";
    if (!err && k > 0)
        err = check_step(&c, k, res);
    if (err)
        bug("%s, step %d: %s", op_info[n->op].name, k, err);
    arena_free(a);
    return res[0];
}

/* ---- graphs ---- */

typedef struct GraphCheck { const Graph *g; Arena *arena; char *defined; } GraphCheck;

static const char *node_title(Arena *a, const Node *n)
{
    const char *op = n->op > OP_NONE && n->op < NOPS ? op_info[n->op].name : "?";
    return n->name ? arena_printf(a, "%s '%s'", op, n->name) : op;
}

static const char *check_normal(const GraphCheck *c, Op op, const Attrs *t, Type in, int nin)
{
    Attrs copy = *t;
    const char *err = attrs_normalize(c->arena, op, &copy, &in, nin);
    if (!err && !attrs_eq(op, &copy, t))
        err = "attributes are not in their normal form";
    return err;
}

/* Every operand is made before the node. */
static const char *check_order(const GraphCheck *c, const Node *n)
{
    for (int i = 0; i < n->nin; i++)
        if (!in_graph(c->g, n->in[i]) || !c->defined[n->in[i]])
            FAIL(c, "operand %d is used before it is made", i);
    if (n->op == OP_gather && c->g->value.v[n->in[1]].kind != VAL_CONST) /* kernels have tables of them */
        FAIL(c, "the indices of gather are not constant");
    for (int k = 0; k < n->nstep; k++)
        for (int i = 0; i < n->step[k].nin; i++) {
            Ref r = n->step[k].in[i];
            if (r >= 0 && (!in_graph(c->g, r) || !c->defined[r]))
                FAIL(c, "step %d: operand %d is used before it is made", k + 1, i);
        }
    return NULL;
}

static const char *check_result(const GraphCheck *c, int node, int i, const Type *type)
{
    ValueId id = c->g->node.v[node].out[i].value;
    if (!in_graph(c->g, id))
        FAIL(c, "result %d is not a value of the graph", i);
    const Value *v = &c->g->value.v[id];
    if (v->kind != VAL_NODE || v->node != node || v->out != i)
        FAIL(c, "result %d is a value of node %d, out %d", i, v->node, v->out);
    if (!type_eq(&v->type, type))
        FAIL(c, "result %d is %s, inferred is %s", i, type_text(c->arena, &v->type), type_text(c->arena, type));
    c->defined[id] = 1;
    return NULL;
}

static const char *check_node(const GraphCheck *c, int node)
{
    const Node *n = &c->g->node.v[node];
    Type out[MAX_OUT];
    const char *err = check_order(c, n);
    if (!err)
        err = node_infer(c->arena, c->g, n, out);
    if (!err)
        err = check_normal(c, n->op, &n->attr, c->g->value.v[n->in[0]].type, n->nin);
    if (!err && op_is(n->op, P_ANCHOR)) {
        Type anchor = node_step_type(c->g, n, 0);
        for (int k = 0; k < n->nstep && !err; k++) {
            Ref first = n->step[k].in[0];
            err = check_normal(c, n->step[k].op, &n->step[k].attr, first < 0 ? anchor : c->g->value.v[first].type,
                               n->step[k].nin);
        }
    }
    for (int i = 0; i < n->nout && !err; i++)
        err = check_result(c, node, i, &out[i]);
    return err;
}

static const char *check_value(const GraphCheck *c, ValueId id, Dict *names)
{
    const Value *v = &c->g->value.v[id];
    if (v->origin < -1 || v->origin >= c->g->value.n)
        FAIL(c, "value %d: origin %d is not a value", id, v->origin);
    if (v->kind == VAL_DEAD)
        return NULL;
    if (!type_valid(&v->type))
        FAIL(c, "value %d has no valid type", id);
    const char *err = layout_check(c->arena, &v->layout, &v->type);
    if (err)
        FAIL(c, "value %d: %s", id, err);
    if (v->kind == VAL_CONST) {
        if (!v->name || dict_get(&c->g->consts, v->name) != id)
            FAIL(c, "constant %d ('%s') is not the one of that name", id, v->name ? v->name : "");
        if (!v->tensor || !type_eq(&v->tensor->type, &v->type))
            FAIL(c, "constant '%s' and its tensor differ in type", v->name);
    } else if (v->name) {
        if (dict_get(names, v->name) >= 0)
            FAIL(c, "two values are called '%s'", v->name);
        dict_put(names, v->name, id);
    } else if (v->kind == VAL_INPUT) {
        FAIL(c, "input %d has no name", id);
    }
    c->defined[id] = v->kind != VAL_NODE;
    return NULL;
}

static const char *check_graph(const GraphCheck *c)
{
    const Graph *g = c->g;
    const char *err = NULL;
    Dict names = dict_new(c->arena);
    for (int i = 0; i < g->value.n && !err; i++)
        err = check_value(c, i, &names);
    for (int i = 0; i < g->input.n && !err; i++)
        if (!in_graph(g, g->input.v[i]) || g->value.v[g->input.v[i]].kind != VAL_INPUT)
            FAIL(c, "input %d is not an input value", i);
    for (int i = 0; i < g->node.n && !err; i++)
        if (g->node.v[i].op != OP_NONE && (err = check_node(c, i)))
            FAIL(c, "node %d (%s): %s", i, node_title(c->arena, &g->node.v[i]), err);
    if (!err && !g->output.n)
        err = "the graph has no output";
    for (int i = 0; i < g->output.n && !err; i++)
        if (!in_graph(g, g->output.v[i]) || !c->defined[g->output.v[i]])
            FAIL(c, "output %d is never made", i);
    return err;
}

const char *graph_check(const Graph *g)
{
    GraphCheck c = {g, arena_new(), NULL};
    c.defined = NEW(c.arena, char, g->value.n + 1);
    const char *err = check_graph(&c);
    if (!err)
        err = readers_check(c.arena, g);
    if (err)
        err = arena_strndup(g->arena, err, strlen(err));
    arena_free(c.arena);
    return err;
}
