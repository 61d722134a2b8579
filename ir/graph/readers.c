/* ValueReader lists: for every value, what reads it.

   A read is an operand of a node, an operand of a step, or an output of the graph. The reads of one operand array
   stand side by side in Readers.read, from Node.reads or Step.reads on, so an operand leads to its read. The reads of
   one value form a list. The lists are made when somebody first asks, and the functions below keep them up to date.
   graph_compact renumbers nodes and drops them. */
#include "graph.h"

#include <string.h>

typedef struct Read {
    ValueId value;          /* -1: in no list, the operand is an earlier step */
    int node, step, operand;
    int prev, next;         /* in the value's list; 0: none */
} Read;
typedef struct Readings { int first, last, uses, outputs; } Readings; /* of one value; uses counts outputs, too */
struct Readers {
    bool known;
    VEC(Read) read;         /* number 0 is none */
    VEC(Readings) value;
    int outputs;            /* the read of output 0 */
};

Readers *readers_new(Arena *a) { return NEW(a, Readers, 1); }

void readers_forget(Graph *g) { g->readers->known = false; }

static Readings *readings(Graph *g, ValueId v)
{
    Readers *r = g->readers;
    while (r->value.n <= v)
        PUSH(g->arena, &r->value, (Readings){0});
    return &r->value.v[v];
}

/* ---- lists ---- */

static void link_read(Graph *g, int at, ValueId v)
{
    Read *p = &g->readers->read.v[at];
    p->value = v < 0 ? -1 : v;
    if (v < 0)
        return;
    Readings *of = readings(g, v);
    p->prev = of->last;
    p->next = 0;
    *(p->prev ? &g->readers->read.v[p->prev].next : &of->first) = at;
    of->last = at;
    of->uses++;
    of->outputs += p->node < 0;
}

static void unlink_read(Graph *g, int at)
{
    Read *p = &g->readers->read.v[at];
    if (p->value < 0)
        return;
    Readings *of = readings(g, p->value);
    *(p->prev ? &g->readers->read.v[p->prev].next : &of->first) = p->next;
    *(p->next ? &g->readers->read.v[p->next].prev : &of->last) = p->prev;
    of->uses--;
    of->outputs -= p->node < 0;
    p->value = -1;
}

static int new_read(Graph *g, int node, int step, int operand)
{
    Read p = {.value = -1, .node = node, .step = step, .operand = operand};
    PUSH(g->arena, &g->readers->read, p);
    return g->readers->read.n - 1;
}

/* The number of an operand's read; the operand must be where the lists say. */
static int read_at(const Graph *g, int first, int node, int step, int operand)
{
    int at = first + operand;
    const Read *p = at > 0 && at < g->readers->read.n ? &g->readers->read.v[at] : NULL;
    if (!p || p->node != node || p->step != step || p->operand != operand)
        bug("operands of node %d were changed without its readers", node);
    return at;
}

/* The reads of a new operand array; returns the first one's number. */
static int new_reads(Graph *g, int node, int step, const Ref *in, int n)
{
    int first = g->readers->read.n;
    for (int k = 0; k < n; k++)
        link_read(g, new_read(g, node, step, k), in[k]);
    return first;
}

static void link_steps(Graph *g, int node)
{
    Node *n = &g->node.v[node];
    for (int s = 0; s < n->nstep; s++)
        n->step[s].reads = new_reads(g, node, s, n->step[s].in, n->step[s].nin);
}

static void link_node(Graph *g, int node)
{
    Node *n = &g->node.v[node];
    n->reads = new_reads(g, node, -1, n->in, n->nin);
    link_steps(g, node);
}

static void unlink_operands(Graph *g, int node)
{
    const Node *n = &g->node.v[node];
    for (int k = 0; k < n->nin; k++)
        unlink_read(g, read_at(g, n->reads, node, -1, k));
}

static void unlink_steps(Graph *g, int node)
{
    const Node *n = &g->node.v[node];
    for (int s = 0; s < n->nstep; s++)
        for (int k = 0; k < n->step[s].nin; k++)
            unlink_read(g, read_at(g, n->step[s].reads, node, s, k));
}

static Readers *known(const Graph *graph)
{
    Readers *r = graph->readers;
    if (r->known)
        return r;
    Graph *g = (Graph *)graph; /* what is cached says nothing new */
    r->known = true;
    r->read.n = r->value.n = 0;
    new_read(g, -1, -1, -1);
    for (int i = 0; i < g->node.n; i++)
        if (g->node.v[i].op != OP_NONE)
            link_node(g, i);
    r->outputs = new_reads(g, -1, -1, g->output.v, g->output.n);
    return r;
}

/* ---- questions ---- */

static ValueReader reader_at(const Graph *g, int at)
{
    const Read *p = &g->readers->read.v[at];
    return (ValueReader){.node = p->node, .step = p->step, .operand = p->operand, .read = at, .next = p->next};
}

ValueReader value_readers(const Graph *g, ValueId v)
{
    const Readers *r = known(g);
    return reader_at(g, v >= 0 && v < r->value.n ? r->value.v[v].first : 0);
}

ValueReader reader_next(const Graph *g, ValueReader r) { return reader_at(g, r.next); }

int value_uses(const Graph *g, ValueId v)
{
    const Readers *r = known(g);
    return v >= 0 && v < r->value.n ? r->value.v[v].uses : 0;
}

int value_outputs(const Graph *g, ValueId v)
{
    const Readers *r = known(g);
    return v >= 0 && v < r->value.n ? r->value.v[v].outputs : 0;
}

/* ---- edits ---- */

static void move_read(Graph *g, int at, ValueId v)
{
    unlink_read(g, at);
    link_read(g, at, v);
}

void node_set_operand(Graph *g, int node, int k, ValueId v)
{
    Node *n = &g->node.v[node];
    n->in[k] = v;
    if (g->readers->known)
        move_read(g, read_at(g, n->reads, node, -1, k), v);
}

void step_set_operand(Graph *g, int node, int step, int k, Ref r)
{
    Step *s = &g->node.v[node].step[step];
    s->in[k] = r;
    if (g->readers->known)
        move_read(g, read_at(g, s->reads, node, step, k), r);
}

void node_set_operands(Graph *g, int node, const ValueId *in, int nin)
{
    Node *n = &g->node.v[node];
    ValueId *copy = NEW(g->arena, ValueId, nin + 1);
    for (int k = 0; k < nin; k++)
        copy[k] = in[k];
    if (g->readers->known) {
        unlink_operands(g, node);
        n->reads = new_reads(g, node, -1, in, nin);
    }
    n->in = copy;
    n->nin = nin;
}

void node_set_steps(Graph *g, int node, Step *step, int nstep)
{
    Node *n = &g->node.v[node];
    if (g->readers->known)
        unlink_steps(g, node);
    n->step = step;
    n->nstep = nstep;
    if (g->readers->known)
        link_steps(g, node);
}

void node_take_out(Graph *g, int node)
{
    if (g->readers->known) {
        unlink_operands(g, node);
        unlink_steps(g, node);
    }
    g->node.v[node].op = OP_NONE;
}

void readers_add_node(Graph *g, int node)
{
    if (g->readers->known)
        link_node(g, node);
}

void graph_set_output(Graph *g, int i, ValueId v)
{
    g->output.v[i] = v;
    if (g->readers->known)
        move_read(g, read_at(g, g->readers->outputs, -1, -1, i), v);
}

void reader_set(Graph *g, ValueReader r, ValueId v)
{
    if (r.node < 0)
        graph_set_output(g, r.operand, v);
    else if (r.step < 0)
        node_set_operand(g, r.node, r.operand, v);
    else
        step_set_operand(g, r.node, r.step, r.operand, v);
}

void graph_add_output(Graph *g, ValueId v)
{
    PUSH(g->arena, &g->output, v);
    readers_forget(g);
}

/* ---- checker ---- */

static const char *check_reads(const Graph *g, int first, int node, int step, const Ref *in, int n, int *uses)
{
    for (int k = 0; k < n; k++) {
        int at = first + k;
        const Read *p = at > 0 && at < g->readers->read.n ? &g->readers->read.v[at] : NULL;
        if (!p || p->node != node || p->step != step || p->operand != k || p->value != (in[k] < 0 ? -1 : in[k]))
            return "is not in the list of its value's readers: set operands by node_set_operand and its like";
        if (in[k] >= 0)
            uses[in[k]]++;
    }
    return NULL;
}

static const char *check_node_reads(const Graph *g, int i, int *uses)
{
    const Node *n = &g->node.v[i];
    if (n->op == OP_NONE)
        return NULL;
    const char *err = check_reads(g, n->reads, i, -1, n->in, n->nin, uses);
    for (int s = 0; s < n->nstep && !err; s++)
        err = check_reads(g, n->step[s].reads, i, s, n->step[s].in, n->step[s].nin, uses);
    return err ? arena_printf(g->arena, "node %d %s", i, err) : NULL;
}

const char *readers_check(Arena *scratch, const Graph *g)
{
    const Readers *r = g->readers;
    if (!r->known)
        return NULL;
    int *uses = NEW(scratch, int, g->value.n + 1);
    const char *err = check_reads(g, r->outputs, -1, -1, g->output.v, g->output.n, uses);
    if (err)
        return arena_printf(g->arena, "an output %s", err);
    for (int i = 0; i < g->node.n && !err; i++)
        err = check_node_reads(g, i, uses);
    for (int v = 0; v < g->value.n && !err; v++)
        if (uses[v] != (v < r->value.n ? r->value.v[v].uses : 0))
            err = arena_printf(g->arena, "value %d is read by a node that is gone: remove nodes by node_take_out", v);
    return err;
}
