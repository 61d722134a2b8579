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
   that read the map's operand. Needs F_CANON, gives F_ANCHORED: no elementwise node stands alone.

   wrap-elementwise stands in where the pass is disabled: every elementwise node gets a map of its own. */
#include "fuse_group.h"

/* ---- one node of many ---- */

/* What is read outside; the last value where nothing is. */
static void keep_outs(Fuse *f, Node *a, int anchor, const Group *s)
{
    Graph *g = f->g;
    int count = group_stored(f, s), last = s->node.n;
    a->out = NEW(g->arena, Out, count + 1);
    a->nout = 0;
    a->origin = g->value.v[s->value.v[0]].origin;
    for (int i = 0; i <= last; i++) {
        Value *v = &g->value.v[s->value.v[i]];
        if (!reads_outside(f, s->value.v[i]) && (count || i < last)) {
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
    Step *steps = NEW(g->arena, Step, s->node.n);
    keep_outs(f, a, anchor, s);
    Buf layers = {0};
    if (a->op != OP_map || a->layers)
        layers_add(&layers, node_title(a));
    for (int i = 0; i < s->node.n; i++) {
        const Node *n = &g->node.v[s->node.v[i]];
        Step *t = &steps[i];
        *t = (Step){.op = n->op, .attr = n->attr, .nin = n->nin, .in = NEW(g->arena, Ref, n->nin), .loc = n->loc,
                    .name = n->name, .origin = g->value.v[s->value.v[i + 1]].origin};
        for (int k = 0; k < n->nin; k++) {
            int inner = group_find(f, s, n->in[k]);
            t->in[k] = inner >= 0 ? ~inner : n->in[k];
        }
        layers_add(&layers, node_title(n));
    }
    node_set_steps(g, anchor, steps, s->node.n);
    for (int i = 0; i < s->node.n; i++)
        node_take_out(g, s->node.v[i]);
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
    if (broadcast) /* another operand reads the same elements only where it has the same shape */
        node_set_operand(g, node, k, node_value(g, map));
    f->top[map] = f->top[node];
    return map;
}

/* Makes the group one node. */
static bool fuse(Fuse *f, int anchor, Group s)
{
    if (s.node.n) {
        absorb(f, anchor, &s);
        group_fused(f, anchor, &s);
    }
    group_done(f, &s);
    return s.node.n;
}

/* A node alone, or with others that read what it reads, in a map. Where the group leaves it to its readers there is no
   map. */
static bool fuse_in_map(Fuse *f, int node)
{
    ValueId first = f->g->node.v[node].in[0];
    int map = start_map(f, node);
    if (fuse(f, map, group_grow(f, map, node)))
        return true;
    if (f->g->node.v[node].in[0] != first)
        node_set_operand(f->g, node, 0, first);
    node_remove(f->g, map);
    return false;
}

static bool fuse_rest(Fuse *f, int n)
{
    bool changed = false;
    for (int i = 0; i < n; i++)
        if (elementwise(&f->g->node.v[i]))
            changed |= fuse_in_map(f, i);
    return changed;
}

bool pass_fuse_epilogue(Pass *p, Graph *g)
{
    bool changed = false;
    graph_compact(g);
    int n = g->node.n;
    Fuse f = fuse_start(p, g);
    for (int i = n - 1; i >= 0; i--)
        if (bare_anchor(&g->node.v[i]))
            changed |= fuse(&f, i, group_grow(&f, i, i + 1));
    changed |= fuse_rest(&f, n);
    f.settle = true; /* what was left to readers that had no room for it */
    changed |= fuse_rest(&f, n);
    graph_compact(g);
    return changed;
}

bool pass_wrap_elementwise(Pass *p, Graph *g)
{
    bool changed = false;
    graph_compact(g);
    int n = g->node.n;
    Fuse f = fuse_start(p, g);
    for (int i = 0; i < n; i++)
        if (elementwise(&g->node.v[i])) {
            int map = start_map(&f, i);
            changed |= fuse(&f, map, group_of_one(&f, map, i));
        }
    graph_compact(g);
    return changed;
}
