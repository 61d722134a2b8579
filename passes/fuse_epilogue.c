/* fuse-epilogue: elementwise work joins the anchor that makes its operand, so that it runs on registers.

     %1 = conv2d %0, @w, @b : f32[1,64,56,56]
     %2 = add %1, %res                          =>   %1 = conv2d %0, @w, @b epilogue { add %res ; relu } : ...
     %3 = relu %2

   A group grows from an anchor over elementwise nodes that have the anchor's shape. It may end where no value inside
   it but the last is read outside: chains, and trees or DAGs such as a x + b x^2 or x * sigmoid(x). Other operands are
   values made elsewhere (residuals, gates, constants); the anchor moves behind them. Anchors are visited from the last
   to the first, so that the add of two branches joins the branch computed last and reads the other. Steps of unbounded
   slope (sqrt, sign) stay apart from anchors that sum: what such a step makes of the sum's rounding could not be told
   from an error of the kernel. What is left starts groups of its own, each in a map; where the pass is
   disabled, every node does. Needs F_CANON, gives F_ANCHORED: no elementwise node stands alone. */
#include "edit.h"

/* Operands from outside that a group may read: a kernel's parameters are bounded (lower/lower.h; C99 promises 127). */
enum { MAX_OUTER = 32 };

typedef VEC(ValueId) Values;
typedef struct Group {
    VEC(int) node;
    Values value;          /* the anchor's, then one per node */
    Values outer;          /* operands of the nodes that are made elsewhere */
    int outside;           /* how often values other than the last are read by nodes outside */
} Group;

static int find(const Values *s, ValueId v)
{
    for (int i = s->n - 1; i >= 0; i--)
        if (s->v[i] == v)
            return i;
    return -1;
}

static bool joins(const Graph *g, const Group *s, Op anchor, const Node *n, const Type *frame)
{
    if (op_is(n->op, P_STEEP) && anchor != OP_map)
        return false;
    if (n->op == OP_NONE || !op_is(n->op, P_ELEMENTWISE) || !type_eq(&g->value.v[n->out[0].value].type, frame))
        return false;
    bool inside = false;
    int outer = s->outer.n;
    for (int k = 0; k < n->nin; k++)
        if (find(&s->value, n->in[k]) >= 0)
            inside = true;
        else
            outer += find(&s->outer, n->in[k]) < 0;
    return inside && outer <= MAX_OUTER;
}

static void join(Pass *p, const Graph *g, Group *s, int node, const int *uses)
{
    const Node *n = &g->node.v[node];
    s->outside += uses[s->value.v[s->value.n - 1]];
    for (int k = 0; k < n->nin; k++)
        if (find(&s->value, n->in[k]) >= 0)
            s->outside--;
        else if (find(&s->outer, n->in[k]) < 0)
            PUSH(p->scratch, &s->outer, n->in[k]);
    PUSH(p->scratch, &s->node, node);
    PUSH(p->scratch, &s->value, n->out[0].value);
}

/* The largest group that may end, of an anchor and nodes at position `from` or behind it. */
static Group grow(Pass *p, const Graph *g, const Node *anchor, int from, const int *uses)
{
    Group s = {0}, best;
    PUSH(p->scratch, &s.value, anchor->out[0].value);
    best = s;
    const Type *frame = &g->value.v[anchor->out[0].value].type;
    for (int i = from; i < (p->least ? from + 1 : g->node.n); i++) {
        if (!joins(g, &s, anchor->op, &g->node.v[i], frame))
            continue;
        join(p, g, &s, i, uses);
        if (!s.outside)
            best = s; /* shares storage with s, of which it is a prefix */
    }
    return best;
}

static void absorb(Graph *g, int anchor, const Group *s)
{
    Node *a = &g->node.v[anchor];
    a->step = NEW(g->arena, Step, s->node.n);
    Buf layers = {0};
    if (a->op != OP_map || a->layers)
        buf_puts(&layers, node_title(a));
    for (int i = 0; i < s->node.n; i++) {
        Node *n = &g->node.v[s->node.v[i]];
        Step *t = &a->step[i];
        ValueId made = n->out[0].value;
        *t = (Step){.op = n->op, .attr = n->attr, .nin = n->nin, .in = NEW(g->arena, Ref, n->nin), .loc = n->loc,
                    .name = n->name, .origin = g->value.v[made].origin};
        for (int k = 0; k < n->nin; k++) {
            int inner = find(&s->value, n->in[k]);
            t->in[k] = inner >= 0 ? ~inner : n->in[k];
        }
        buf_printf(&layers, "%s%s", layers.n ? " + " : "", node_title(n));
        n->op = OP_NONE;
        g->value.v[s->value.v[i]].kind = VAL_DEAD;
    }
    a->nstep = s->node.n;
    a->layers = arena_strndup(g->arena, layers.s, layers.n);
    buf_free(&layers);
    ValueId last = s->value.v[s->node.n];
    g->value.v[last].node = anchor;
    g->value.v[last].out = 0;
    a->out[0].value = last;
    a->out[0].step = a->nstep;
}

/* Operand occurrences of every value, and one for each output that it is; with room for a map of every node. */
static int *count_uses(Pass *p, const Graph *g)
{
    int *uses = NEW(p->scratch, int, g->value.n + g->node.n);
    for (int i = 0; i < g->node.n; i++) {
        const Node *n = &g->node.v[i];
        for (int k = 0; k < n->nin; k++)
            uses[n->in[k]]++;
        for (int s = 0; s < n->nstep; s++)
            for (int k = 0; k < n->step[s].nin; k++)
                if (n->step[s].in[k] >= 0)
                    uses[n->step[s].in[k]]++;
    }
    for (int i = 0; i < g->output.n; i++)
        uses[g->output.v[i]]++;
    return uses;
}

/* A map in front of an elementwise node: of an operand that has the result's shape, else of the first, broadcast. */
static int start_map(Graph *g, int node, int *uses)
{
    Node n = g->node.v[node];
    const Type *t = &g->value.v[n.out[0].value].type;
    int k = 0;
    while (k < n.nin && !type_eq(&g->value.v[n.in[k]].type, t))
        k++;
    Attrs a;
    attrs_default(OP_map, &a);
    if (k == n.nin) {
        k = 0;
        a.shape.n = t->rank;
        for (int i = 0; i < t->rank; i++)
            a.shape.v[i] = t->dim[i];
    }
    const char *err = NULL;
    int map = graph_add(g, OP_map, &a, &n.in[k], 1, NULL, n.loc, &err);
    if (map < 0)
        bug("map: %s", err);
    ValueId old = n.in[k];
    for (int i = 0; i < n.nin; i++) /* max(x, x) reads the map twice */
        if (n.in[i] == old) {
            n.in[i] = node_value(g, map);
            uses[n.in[i]]++;
        }
    return map;
}

static bool fuse(Pass *p, Graph *g, int anchor, int from, const int *uses)
{
    Group s = grow(p, g, &g->node.v[anchor], from, uses);
    if (s.node.n)
        absorb(g, anchor, &s);
    return s.node.n;
}

bool pass_fuse_epilogue(Pass *p, Graph *g)
{
    bool changed = false;
    graph_compact(g);
    int *uses = count_uses(p, g), n = g->node.n; /* stays true for whatever may still be inside a group */
    for (int i = p->least ? -1 : n - 1; i >= 0; i--) {
        const Node *a = &g->node.v[i];
        if (op_is(a->op, P_ANCHOR) && !a->nstep && a->nout == 1 && a->out[0].red == RED_NONE)
            changed |= fuse(p, g, i, i + 1, uses);
    }
    for (int i = 0; i < n; i++)
        if (g->node.v[i].op != OP_NONE && op_is(g->node.v[i].op, P_ELEMENTWISE))
            changed |= fuse(p, g, start_map(g, i, uses), i, uses);
    graph_compact(g);
    return changed;
}
