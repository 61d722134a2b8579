/* fuse-epilogue: elementwise work joins the anchor that makes its operand, so that it runs on registers.

     %1 = conv2d %0, @w : ...                        %1, %2 = conv2d %0, @w
     %2 = add %1, %res                          =>            epilogue { add %res ; relu ; square } -> $2, $3 : ...
     %3 = relu %2
     %4 = square %3                                  where both %3 and %4 are read elsewhere

   A group grows from an anchor over elementwise nodes that have the anchor's shape and an operand inside. Values inside
   that are read outside are outs, stored in the same pass. Other operands are made elsewhere (residuals, gates,
   constants), must not depend on the group, and the anchor moves behind them. Anchors are visited from the last to the
   first, so that the add of two branches joins the branch computed last and reads the other; unless that one is read
   elsewhere too, and written for it, and the other is not.

   No group moves more bytes than its nodes did alone. All values of a group are of one size. A node that joins saves
   one read of its operand, and the write of that where nobody else reads it; its own result is written once, inside or
   outside. But a node outside may have shared a kernel with its readers and its result never have been written: so a
   node whose readers are all elementwise, and cannot join, stays with them, unless its operand is written for its sake
   only. The other way round, a node that the group alone reads is computed inside, from its own operands, where no
   anchor takes it for nothing:

     %1 = mul %conv, %gate
     %2 = conv2d %0, @down                      =>   %2 = conv2d %0, @down epilogue { mul %conv, %gate ; add $1, $0 }
     %3 = add %1, %2

   which reads one value in place of two and writes one less.

   Steps of unbounded slope (sqrt, sign) stay apart from anchors that sum: what such a step makes of the sum's rounding
   could not be told from an error of the kernel. What is left starts groups of its own, each in a map, which nodes join
   that read the map's operand; where the pass is disabled, every node does, alone. Needs F_CANON, gives F_ANCHORED: no
   elementwise node stands alone. */
#include "edit.h"

/* Operands from outside that a group may read, and outs: a kernel's parameters are bounded (lower/lower.h; C99 promises
   127). */
enum { MAX_OUTER = 32, MAX_STORED = 8 };

typedef VEC(ValueId) Values;
typedef VEC(int) Nodes;
typedef struct Group {
    Op anchor;
    ValueId alias;         /* operand of a map, equal to the anchor's value; else -1 */
    Nodes node;
    Values value;          /* the anchor's, then one per node */
    const Type *frame;
} Group;

typedef struct Fuse {
    Pass *p;
    Graph *g;
    int *uses;             /* per value: operand occurrences, and one for each output that it is */
    bool *home;            /* per node: an anchor will take it, and need not store for it what it reads */
    int *seen, stamp;      /* per node: the search that has been there */
    int *stack;
} Fuse;

static int find(const Group *s, ValueId v)
{
    if (v == s->alias)
        return 0;
    for (int i = s->value.n - 1; i >= 0; i--)
        if (s->value.v[i] == v)
            return i;
    return -1;
}

static bool elementwise(const Node *n) { return n->op != OP_NONE && op_is(n->op, P_ELEMENTWISE); }

static bool bare_anchor(const Node *n)
{
    return op_is(n->op, P_ANCHOR) && !n->nstep && n->nout == 1 && n->out[0].red == RED_NONE;
}

static int occurrences(const Node *n, ValueId v)
{
    int count = 0;
    for (int k = 0; k < n->nin; k++)
        count += n->in[k] == v;
    return count;
}

/* ---- what may be in a group ---- */

static void visit(Fuse *f, ValueId v, int *depth)
{
    int def = v >= 0 ? value_def(f->g, v) : -1;
    if (def >= 0 && f->seen[def] != f->stamp) {
        f->seen[def] = f->stamp;
        f->stack[(*depth)++] = def;
    }
}

/* Is v made, by nodes outside, of a value of the group? */
static bool depends(Fuse *f, const Group *s, ValueId v)
{
    int depth = 0, anchor = value_def(f->g, s->value.v[0]);
    f->stamp++;
    visit(f, v, &depth);
    while (depth) {
        int i = f->stack[--depth];
        const Node *n = &f->g->node.v[i];
        if (i == anchor || find(s, n->out[0].value) > 0)
            return true;
        for (int k = 0; k < n->nin; k++)
            visit(f, n->in[k], &depth);
        for (int t = 0; t < n->nstep; t++)
            for (int k = 0; k < n->step[t].nin; k++)
                visit(f, n->step[t].in[k], &depth);
    }
    return false;
}

static void add_once(Fuse *f, Values *s, ValueId v)
{
    for (int i = 0; i < s->n; i++)
        if (s->v[i] == v)
            return;
    PUSH(f->p->scratch, s, v);
}

static Values outer_of(Fuse *f, const Group *s)
{
    Values outer = {0};
    for (int i = 0; i < s->node.n; i++) {
        const Node *n = &f->g->node.v[s->node.v[i]];
        for (int k = 0; k < n->nin; k++)
            if (find(s, n->in[k]) < 0)
                add_once(f, &outer, n->in[k]);
    }
    return outer;
}

static bool joins(Fuse *f, const Group *s, Values *outer, const Node *n)
{
    if (!elementwise(n) || (op_is(n->op, P_STEEP) && s->anchor != OP_map) ||
        !type_eq(&f->g->value.v[n->out[0].value].type, s->frame))
        return false;
    bool inside = false;
    for (int k = 0; k < n->nin; k++)
        inside = inside || find(s, n->in[k]) >= 0;
    int before = outer->n;
    for (int k = 0; k < n->nin && inside; k++)
        if (find(s, n->in[k]) < 0)
            add_once(f, outer, n->in[k]);
    if (inside && outer->n <= MAX_OUTER) {
        int i = 0;
        while (i < n->nin && (find(s, n->in[i]) >= 0 || !depends(f, s, n->in[i])))
            i++;
        if (i == n->nin)
            return true;
    }
    outer->n = before;
    return false;
}

/* Reads of value i by nodes outside, and one for each output. */
static int outside(const Fuse *f, const Group *s, int i)
{
    int count = f->uses[s->value.v[i]];
    for (int k = 0; k < s->node.n; k++)
        count -= occurrences(&f->g->node.v[s->node.v[k]], s->value.v[i]);
    return count;
}

static int stored(const Fuse *f, const Group *s)
{
    int count = 0;
    for (int i = 0; i < s->value.n; i++)
        count += outside(f, s, i) > 0;
    return count;
}

static void drop(Group *s, int i)
{
    for (int k = i; k + 1 < s->node.n; k++) {
        s->node.v[k] = s->node.v[k + 1];
        s->value.v[k + 1] = s->value.v[k + 2];
    }
    s->node.n--, s->value.n--;
}

/* Are all of v's readers elementwise nodes of the frame's shape, which could compute it themselves? */
static bool kept_by_readers(const Fuse *f, ValueId v, const Type *frame)
{
    int count = 0;
    for (int i = 0; i < f->g->node.n; i++) {
        const Node *n = &f->g->node.v[i];
        int reads = n->op == OP_NONE ? 0 : occurrences(n, v);
        if (reads && (!elementwise(n) || !type_eq(&f->g->value.v[n->out[0].value].type, frame)))
            return false;
        count += reads;
    }
    return count == f->uses[v] && count;
}

/* Node i, whose result no other node inside reads: would what it reads be stored without it too? */
static bool reads_stored(const Fuse *f, const Group *s, int i)
{
    const Node *n = &f->g->node.v[s->node.v[i]];
    for (int k = 0; k < n->nin; k++) {
        int at = find(s, n->in[k]);
        if (at >= 0 && n->in[k] != s->alias && !outside(f, s, at))
            return false;
    }
    return true;
}

/* Leaves out what is better done by its readers. */
static void trim(const Fuse *f, Group *s)
{
    for (int i = s->node.n - 1; i >= 0; i--) {
        ValueId v = s->value.v[i + 1];
        if (f->uses[v] == outside(f, s, i + 1) && kept_by_readers(f, v, s->frame) && reads_stored(f, s, i))
            drop(s, i);
    }
    while (stored(f, s) > MAX_STORED)
        drop(s, s->node.n - 1);
}

/* Would an anchor in front of this one take node i, which alone reads what that makes? */
static bool other_home(const Fuse *f, const Group *s, int i)
{
    const Node *n = &f->g->node.v[s->node.v[i]];
    int anchor = value_def(f->g, s->value.v[0]);
    for (int k = 0; k < n->nin; k++) {
        int def = value_def(f->g, n->in[k]);
        if (find(s, n->in[k]) < 0 && def >= 0 && f->uses[n->in[k]] == occurrences(n, n->in[k]) &&
            type_eq(&f->g->value.v[n->in[k]].type, s->frame) &&
            ((def < anchor && bare_anchor(&f->g->node.v[def])) || f->home[def]))
            return true;
    }
    return false;
}

/* Leaves node i and what inside depends on it to that other anchor, where less is moved so. Here that anchor's result
   is written and read; there, whatever they read of this group. */
static bool leave(Fuse *f, Group *s, int i)
{
    Group rest = {.anchor = s->anchor, .alias = s->alias, .frame = s->frame}, left = {.alias = -1};
    PUSH(f->p->scratch, &rest.value, s->value.v[0]);
    for (int k = 0; k < s->node.n; k++) {
        const Node *n = &f->g->node.v[s->node.v[k]];
        bool goes = k == i;
        for (int j = 0; j < n->nin && k > i; j++)
            goes = goes || find(&left, n->in[j]) >= 0;
        PUSH(f->p->scratch, goes ? &left.node : &rest.node, s->node.v[k]);
        PUSH(f->p->scratch, goes ? &left.value : &rest.value, s->value.v[k + 1]);
    }
    int there = stored(f, &rest) + stored(f, &left);
    for (int k = 0; k < rest.value.n; k++) {
        int reads = 0;
        for (int j = 0; j < left.node.n; j++)
            reads += occurrences(&f->g->node.v[left.node.v[j]], rest.value.v[k]);
        there += reads > 0;
    }
    if (there >= stored(f, s) + 2)
        return false;
    *s = rest;
    return true;
}

/* Does every operand load as a vector along the channels? Else the whole group would be done in scalars. */
static bool loads_vectors(const Fuse *f, const Node *n, const Type *frame)
{
    for (int k = 0; k < n->nin; k++) {
        const Value *v = &f->g->value.v[n->in[k]];
        bool one_pixel = v->type.rank == 4 && v->type.dim[2] * v->type.dim[3] == 1;
        if (frame->rank == 4 && v->kind != VAL_CONST && !type_eq(&v->type, frame) && !one_pixel && type_elems(&v->type) > 1)
            return false;
    }
    return true;
}

/* Adds a node that makes an outer operand, is read inside only and has no better place. */
static bool pull(Fuse *f, Group *s)
{
    Values outer = outer_of(f, s);
    for (int i = 0; i < outer.n; i++) {
        int def = value_def(f->g, outer.v[i]);
        const Node *n = def >= 0 ? &f->g->node.v[def] : NULL;
        if (!n || !elementwise(n) || f->home[def] || !type_eq(&f->g->value.v[outer.v[i]].type, s->frame) ||
            !loads_vectors(f, n, s->frame))
            continue;
        int at = 0, reads = 0;
        for (int k = 0; k < s->node.n; k++) {
            reads += occurrences(&f->g->node.v[s->node.v[k]], outer.v[i]);
            at += s->node.v[k] < def;
        }
        if (reads != f->uses[outer.v[i]])
            continue;
        PUSH(f->p->scratch, &s->node, 0);
        PUSH(f->p->scratch, &s->value, 0);
        for (int k = s->node.n - 1; k > at; k--)
            s->node.v[k] = s->node.v[k - 1], s->value.v[k + 1] = s->value.v[k];
        s->node.v[at] = def, s->value.v[at + 1] = outer.v[i];
        if (outer_of(f, s).n <= MAX_OUTER)
            return true;
        drop(s, at);
    }
    return false;
}

/* The group of an anchor and nodes at position `from` or behind it, in their order. */
static Group grow(Fuse *f, const Node *anchor, int from)
{
    Group s = {.anchor = anchor->op, .alias = -1, .frame = &f->g->value.v[anchor->out[0].value].type};
    if (anchor->op == OP_map && type_eq(&f->g->value.v[anchor->in[0]].type, s.frame))
        s.alias = anchor->in[0];
    PUSH(f->p->scratch, &s.value, anchor->out[0].value);
    Values outer = {0};
    for (int i = from; i < (f->p->least ? from + 1 : f->g->node.n); i++)
        if (joins(f, &s, &outer, &f->g->node.v[i])) {
            PUSH(f->p->scratch, &s.node, i);
            PUSH(f->p->scratch, &s.value, f->g->node.v[i].out[0].value);
        }
    if (f->p->least)
        return s;
    for (int i = 0; i < s.node.n; i++)
        if (other_home(f, &s, i) && leave(f, &s, i))
            i = -1;
    trim(f, &s);
    while (pull(f, &s))
        ;
    return s;
}

/* ---- one node of many ---- */

/* What is read outside; the last value where nothing is. */
static void keep_outs(Fuse *f, Node *a, int anchor, const Group *s)
{
    Graph *g = f->g;
    int count = stored(f, s), last = s->node.n;
    a->out = NEW(g->arena, Out, count + 1);
    a->nout = 0;
    a->origin = g->value.v[s->value.v[0]].origin;
    for (int i = 0; i <= last; i++) {
        Value *v = &g->value.v[s->value.v[i]];
        if (!outside(f, s, i) && (count || i < last)) {
            v->kind = VAL_DEAD;
            continue;
        }
        v->node = anchor, v->out = a->nout;
        a->out[a->nout++] = (Out){.value = s->value.v[i], .step = i};
    }
}

static void absorb(Fuse *f, int anchor, const Group *s)
{
    Graph *g = f->g;
    Node *a = &g->node.v[anchor];
    a->step = NEW(g->arena, Step, s->node.n);
    keep_outs(f, a, anchor, s);
    Buf layers = {0};
    if (a->op != OP_map || a->layers)
        buf_puts(&layers, node_title(a));
    for (int i = 0; i < s->node.n; i++) {
        Node *n = &g->node.v[s->node.v[i]];
        Step *t = &a->step[i];
        *t = (Step){.op = n->op, .attr = n->attr, .nin = n->nin, .in = NEW(g->arena, Ref, n->nin), .loc = n->loc,
                    .name = n->name, .origin = g->value.v[s->value.v[i + 1]].origin};
        for (int k = 0; k < n->nin; k++) {
            int inner = find(s, n->in[k]);
            t->in[k] = inner >= 0 ? ~inner : n->in[k];
            f->uses[n->in[k]] -= n->in[k] == s->alias;
        }
        buf_printf(&layers, "%s%s", layers.n ? " + " : "", node_title(n));
        n->op = OP_NONE;
    }
    a->nstep = s->node.n;
    a->layers = arena_strndup(g->arena, layers.s, layers.n);
    buf_free(&layers);
}

/* A map in front of an elementwise node: of an operand that has the result's shape, else of the first, broadcast. */
static int start_map(Fuse *f, int node)
{
    Graph *g = f->g;
    Node n = g->node.v[node];
    const Type *t = &g->value.v[n.out[0].value].type;
    int k = 0;
    while (k < n.nin && !type_eq(&g->value.v[n.in[k]].type, t))
        k++;
    Attrs a;
    attrs_default(OP_map, &a);
    bool broadcast = k == n.nin;
    if (broadcast) {
        k = 0;
        a.shape.n = t->rank;
        for (int i = 0; i < t->rank; i++)
            a.shape.v[i] = t->dim[i];
    }
    const char *err = NULL;
    int map = graph_add(g, OP_map, &a, &n.in[k], 1, NULL, n.loc, &err);
    if (map < 0)
        bug("map: %s", err);
    f->uses[n.in[k]]++;
    if (broadcast) { /* another operand reads the same elements only where it has the same shape */
        f->uses[n.in[k]]--;
        n.in[k] = node_value(g, map);
        f->uses[n.in[k]]++;
    }
    return map;
}

static bool fuse(Fuse *f, int anchor, int from)
{
    Group s = grow(f, &f->g->node.v[anchor], from);
    if (s.node.n)
        absorb(f, anchor, &s);
    return s.node.n;
}

static void count_uses(Fuse *f)
{
    const Graph *g = f->g;
    for (int i = 0; i < g->node.n; i++) {
        const Node *n = &g->node.v[i];
        for (int k = 0; k < n->nin; k++)
            f->uses[n->in[k]]++;
        for (int s = 0; s < n->nstep; s++)
            for (int k = 0; k < n->step[s].nin; k++)
                if (n->step[s].in[k] >= 0)
                    f->uses[n->step[s].in[k]]++;
    }
    for (int i = 0; i < g->output.n; i++)
        f->uses[g->output.v[i]]++;
}

static bool has_home(const Fuse *f, const Node *n)
{
    const Graph *g = f->g;
    for (int k = 0; k < n->nin && elementwise(n) && !op_is(n->op, P_STEEP); k++) {
        ValueId v = n->in[k];
        int def = value_def(g, v);
        if (def >= 0 && f->uses[v] == occurrences(n, v) && type_eq(&g->value.v[v].type, &g->value.v[n->out[0].value].type) &&
            (bare_anchor(&g->node.v[def]) || f->home[def]))
            return true;
    }
    return false;
}

bool pass_fuse_epilogue(Pass *p, Graph *g)
{
    bool changed = false;
    graph_compact(g);
    int n = g->node.n, values = g->value.n + n, nodes = 2 * n + 1; /* with room for a map of every node */
    Fuse f = {.p = p, .g = g, .uses = NEW(p->scratch, int, values), .home = NEW(p->scratch, bool, nodes),
              .seen = NEW(p->scratch, int, nodes), .stack = NEW(p->scratch, int, nodes)};
    count_uses(&f);
    for (int i = 0; i < n; i++)
        f.home[i] = has_home(&f, &g->node.v[i]);
    for (int i = n - 1; i >= 0 && !p->least; i--)
        if (bare_anchor(&g->node.v[i]))
            changed |= fuse(&f, i, i + 1);
    for (int i = 0; i < n; i++)
        if (elementwise(&g->node.v[i]))
            changed |= fuse(&f, start_map(&f, i), i);
    graph_compact(g);
    return changed;
}
