/* fuse-epilogue: elementwise work joins the anchor that makes its operand, so that it runs on registers.

     %1 = conv2d %0, @w, @b : f32[1,64,56,56]
     %2 = add %1, %res                          =>   %1 = conv2d %0, @w, @b epilogue { add %res ; relu } : ...
     %3 = relu %2

   A group grows from an anchor over elementwise nodes that have the anchor's shape. It may end where no value inside
   it but the last is read outside: chains, and trees or DAGs such as a x + b x^2 or x * sigmoid(x). Other operands are
   values made elsewhere (residuals, gates, constants); the anchor moves behind them. Anchors are visited from the last
   to the first, so that the add of two branches joins the branch computed last and reads the other. Steps of unbounded
   slope (sqrt, sign) stay apart from anchors that sum: what such a step makes of the sum's rounding could not be told
   from an error of the kernel. What is left starts groups of its own, each in a map. Needs F_CANON, gives F_ANCHORED: no elementwise node stands alone. */
#include "edit.h"

typedef struct Group { VEC(int) node; VEC(ValueId) value; } Group; /* value[0]: the anchor's, then one per node */

static int find(const Group *s, ValueId v)
{
    for (int i = 0; i < s->value.n; i++)
        if (s->value.v[i] == v)
            return i;
    return -1;
}

/* How often the group's values are read by nodes outside it. last is not counted. */
static bool closed(const Graph *g, const Group *s, const int *uses)
{
    int outside = 0;
    for (int i = 0; i < s->value.n - 1; i++)
        outside += uses[s->value.v[i]];
    for (int i = 0; i < s->node.n; i++) {
        const Node *n = &g->node.v[s->node.v[i]];
        for (int k = 0; k < n->nin; k++)
            if (find(s, n->in[k]) >= 0)
                outside--;
    }
    return outside == 0;
}

static bool joins(const Graph *g, const Group *s, Op anchor, const Node *n, const Type *frame)
{
    if (op_is(n->op, P_STEEP) && anchor != OP_map)
        return false;
    if (n->op == OP_NONE || !op_is(n->op, P_ELEMENTWISE) || n->nstep || !type_eq(&g->value.v[n->out[0].value].type, frame))
        return false;
    bool inside = false;
    for (int k = 0; k < n->nin; k++)
        inside = inside || find(s, n->in[k]) >= 0;
    return inside;
}

/* The largest closed group of nodes behind position `from`. */
static Group grow(Pass *p, const Graph *g, ValueId start, int from, const int *uses)
{
    Group s = {0}, best = {0};
    PUSH(p->scratch, &s.value, start);
    best = s;
    const Type *frame = &g->value.v[start].type;
    Op anchor = g->node.v[from].op;
    for (int i = from + 1; i < g->node.n; i++) {
        if (!joins(g, &s, anchor, &g->node.v[i], frame))
            continue;
        PUSH(p->scratch, &s.node, i);
        PUSH(p->scratch, &s.value, g->node.v[i].out[0].value);
        if (closed(g, &s, uses))
            best = s; /* shares storage with s, of which it is a prefix */
    }
    return best;
}

static void absorb(Graph *g, int anchor, const Group *s)
{
    Node *a = &g->node.v[anchor];
    a->step = NEW(g->arena, Step, s->node.n);
    for (int i = 0; i < s->node.n; i++) {
        Node *n = &g->node.v[s->node.v[i]];
        Step *t = &a->step[i];
        ValueId made = n->out[0].value;
        *t = (Step){.op = n->op, .attr = n->attr, .nin = n->nin, .in = NEW(g->arena, Ref, n->nin), .loc = n->loc, .name = n->name,
                    .origin = g->value.v[made].origin};
        for (int k = 0; k < n->nin; k++) {
            int inner = find(s, n->in[k]);
            t->in[k] = inner >= 0 ? ~inner : n->in[k];
        }
        a->layers = a->op == OP_map && !a->layers ? node_title(n) : layers_join(g, a, n);
        n->op = OP_NONE;
        g->value.v[s->value.v[i]].kind = VAL_DEAD;
    }
    a->nstep = s->node.n;
    ValueId last = s->value.v[s->node.n];
    g->value.v[last].node = anchor;
    g->value.v[last].out = 0;
    a->out[0].value = last;
    a->out[0].step = a->nstep;
}

/* A map in front of an elementwise node: of an operand that has the result's shape, else of the first, broadcast. */
static void start_map(Graph *g, int node)
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
    int m = graph_add(g, OP_map, &a, &n.in[k], 1, NULL, n.loc, &err);
    if (m < 0)
        bug("map: %s", err);
    ValueId old = n.in[k], v = node_value(g, m);
    Node *first = &g->node.v[node];
    for (int i = 0; i < first->nin; i++) /* x * x reads the map twice */
        if (first->in[i] == old)
            first->in[i] = v;
}

static void count_uses(const Graph *g, int *uses)
{
    for (int i = 0; i < g->value.n; i++)
        uses[i] = 0;
    for (int i = 0; i < g->node.n; i++) {
        const Node *n = &g->node.v[i];
        for (int k = 0; k < (n->op == OP_NONE ? 0 : n->nin); k++)
            uses[n->in[k]]++;
        for (int s = 0; s < (n->op == OP_NONE ? 0 : n->nstep); s++)
            for (int k = 0; k < n->step[s].nin; k++)
                if (n->step[s].in[k] >= 0)
                    uses[n->step[s].in[k]]++;
    }
    for (int i = 0; i < g->output.n; i++)
        uses[g->output.v[i]]++;
}

static bool fuse_anchors(Pass *p, Graph *g)
{
    bool changed = false;
    int *uses = NEW(p->scratch, int, g->value.n);
    count_uses(g, uses); /* stays true: a group's outer operands keep their readers' number */
    for (int i = g->node.n - 1; i >= 0; i--) {
        Node *n = &g->node.v[i];
        if (n->op == OP_NONE || !op_is(n->op, P_ANCHOR) || n->nstep || n->nout != 1)
            continue;
        Group s = grow(p, g, n->out[0].value, i, uses);
        if (s.node.n) {
            absorb(g, i, &s);
            changed = true;
        }
    }
    return changed;
}

bool pass_fuse_epilogue(Pass *p, Graph *g)
{
    bool changed = fuse_anchors(p, g);
    graph_compact(g);
    for (;;) { /* each round makes a map of the first elementwise node left and lets its group grow */
        int i = 0;
        while (i < g->node.n && !(g->node.v[i].op != OP_NONE && op_is(g->node.v[i].op, P_ELEMENTWISE)))
            i++;
        if (i == g->node.n)
            return changed;
        start_map(g, i);
        graph_compact(g);
        fuse_anchors(p, g);
        graph_compact(g);
        changed = true;
    }
}
