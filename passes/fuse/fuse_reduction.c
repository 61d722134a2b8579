/* fuse-reduction: means, sums and maxima over H and W are taken while the map is made.

     %1 = conv2d %0, @w epilogue { relu ; square } : f32[1,1024,7,7]
     %2 = mean %1 {axes=[2,3]} : f32[1,1024]
                                                     =>
     %2 = conv2d %0, @w epilogue { relu ; square } -> mean($2, axes=[2,3]) : f32[1,1024]

   The same for max_pool and avg_pool whose windows lie side by side and fill the map, where a register tile is made of
   whole windows at no great cost (choose-kernels knows). A window as large as the map is a reduction over H and W. What
   makes the map is a convolution, or a map node for reductions over all of H and W; several reductions of one map all
   join. Where nobody else reads the map it is never stored. Steps that the reduction carried become a map node of its
   result. Every reduction that joins saves a read of the map, the last one its write where nothing else reads it. Needs
   F_ANCHORED, keeps everything. */
#include "../edit.h"

/* What node n reduces its operand to, as an out: red RED_NONE where it does not. */
static Out reduction(const Graph *g, const Node *n)
{
    Out o = {.red = RED_NONE};
    if (!op_is(n->op, P_REDUCE) && !op_is(n->op, P_WINDOW))
        return o;
    const Type *in = &g->value.v[n->in[0]].type;
    const Attrs *a = &n->attr;
    const Ints map = {2, {2, 3}};
    if (in->rank != 4)
        return o;
    if (op_is(n->op, P_REDUCE)) {
        if (a->axes.n == 2 && a->axes.v[0] == 2)
            o = (Out){.red = n->op == OP_mean ? RED_MEAN : n->op == OP_sum ? RED_SUM : RED_MAX,
                      .axes = a->axes, .keep = a->keep};
        return o;
    }
    for (int d = 0; d < 2; d++)
        if (a->kernel.v[d] != a->stride.v[d] || a->pad.v[d] || a->pad.v[2 + d] ||
            (a->dilation.n && a->dilation.v[d] != 1) || in->dim[2 + d] % a->kernel.v[d])
            return o;
    o.red = n->op == OP_avg_pool ? RED_MEAN : RED_MAX;
    if (a->kernel.v[0] == in->dim[2] && a->kernel.v[1] == in->dim[3])
        o.axes = map, o.keep = true;
    else
        o.kernel = a->kernel;
    return o;
}

static bool takes(const Pass *p, const Graph *g, const Node *a, const Out *o)
{
    if (a->nout == MAX_OUT || (a->op != OP_conv2d && (a->op != OP_map || o->kernel.n)))
        return false;
    for (int i = 0; i < a->nout && o->kernel.n; i++) { /* a tile is made of windows of one size */
        const Ints *k = &a->out[i].kernel;
        if (k->n && (k->v[0] != o->kernel.v[0] || k->v[1] != o->kernel.v[1]))
            return false;
    }
    return !o->kernel.n || conv_takes_window(p->target, g, a, &o->kernel);
}

/* The map of the reduction's steps, in place of the reduction. */
static void keep_steps(Graph *g, int node, ValueId reduced)
{
    Node *r = &g->node.v[node];
    Buf layers = {0};
    for (int i = 0; i < r->nstep; i++)
        layers_add(&layers, r->step[i].name ? r->step[i].name : op_info[r->step[i].op].name);
    r->op = OP_map;
    attrs_default(OP_map, &r->attr);
    node_set_operand(g, node, 0, reduced);
    r->name = NULL;
    r->layers = arena_printf(g->arena, "%s", layers.n ? layers.s : "map");
    buf_free(&layers);
}

/* The value that is reduced is no out any more. */
static void forget(Graph *g, int anchor, int out)
{
    Node *a = &g->node.v[anchor];
    Value *v = &g->value.v[a->out[out].value];
    if (!a->out[out].step)
        a->origin = v->origin;
    v->kind = VAL_DEAD;
    a->nout--;
    for (int i = out; i < a->nout; i++) {
        a->out[i] = a->out[i + 1];
        g->value.v[a->out[i].value].out = i;
    }
}

static void fuse(Graph *g, int anchor, int out, int node, Out o)
{
    Node *r = &g->node.v[node], *a = &g->node.v[anchor];
    const char *name = r->name ? r->name : op_info[r->op].name;
    ValueId v = r->in[0];
    o.step = a->out[out].step;
    if (!r->nstep && r->nout == 1) {
        o.value = r->out[0].value;
        node_take_out(g, node);
    } else {
        Type in = g->value.v[v].type, t;
        OpCall call = {.op = r->op, .attr = &r->attr, .nin = 1, .in = &in, .arena = g->arena};
        const char *err = op_infer(&call, &t, &call.nout);
        if (err)
            bug("%s: %s", name, err);
        o.value = graph_value(g, anchor, a->nout, t, r->loc);
        g->value.v[o.value].origin = r->origin;
        keep_steps(g, node, o.value);
    }
    Out *outs = NEW(g->arena, Out, a->nout + 1);
    for (int i = 0; i < a->nout; i++)
        outs[i] = a->out[i];
    g->value.v[o.value].node = anchor;
    g->value.v[o.value].out = a->nout;
    outs[a->nout++] = o;
    a->out = outs;
    a->layers = arena_printf(g->arena, "%s + %s", node_title(a), name);
    if (!value_uses(g, v))
        forget(g, anchor, out);
}

bool pass_fuse_reduction(Pass *p, Graph *g)
{
    bool changed = false;
    for (int i = 0; i < g->node.n; i++) {
        const Node *r = &g->node.v[i];
        Out o = r->op == OP_NONE ? (Out){.red = RED_NONE} : reduction(g, r);
        int def = o.red == RED_NONE ? -1 : value_def(g, r->in[0]);
        if (def < 0 || !takes(p, g, &g->node.v[def], &o))
            continue;
        int out = g->value.v[r->in[0]].out;
        if (g->node.v[def].out[out].red != RED_NONE)
            continue;
        fuse(g, def, out, i, o);
        changed = true;
    }
    graph_compact(g);
    return changed;
}
