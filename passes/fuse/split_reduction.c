/* split-reduction: a convolution whose kernel goes by rows of the map reduces windows of whole rows instead of all of
   it. A node of its own reduces the windows' results.

     %1, %2 = conv2d %0, @w -> $0, mean($0, axes=[2,3], keep=true) : f32[1,64,56,56], f32[1,64,1,1]
     %3 = map %2 epilogue { sigmoid } : f32[1,64,1,1]
                                                     =>
     %1, %2 = conv2d %0, @w -> $0, mean($0, kernel=[8,56]) : f32[1,64,56,56], f32[1,64,7,1]
     %3 = mean %2 {axes=[2,3], keep=true} epilogue { sigmoid } : f32[1,64,1,1]

   So threads can share the rows, and a block of them stays in cache while all channels are computed. choose-kernels
   has decided which rows go together (Schedule.sum_rows). A map that alone reads the reduction becomes what is left
   of it. The sum is the same, to the bit, for any number of threads. Needs F_SCHEDULE, keeps everything. */
#include "../edit.h"
#include "../geometry/values.h"

/* The map that alone reads v, as what it maps, and reduces nothing itself; -1: there is none. */
static int only_map(const Graph *g, ValueId v)
{
    ValueReader r = value_readers(g, v);
    bool map = value_uses(g, v) == 1 && r.node >= 0 && r.step < 0 && g->node.v[r.node].op == OP_map;
    return map && !node_reduces(&g->node.v[r.node]) ? r.node : -1;
}

/* Makes w, the windows' results, of out `out`, and reduces it to what the out was. */
static void split(Pass *p, Graph *g, int conv, int out)
{
    Out whole = g->node.v[conv].out[out];
    Type map = node_step_type(g, &g->node.v[conv], 0), rows = map;
    ValueId v = whole.value;
    int64_t height = g->node.v[conv].sched->sum_rows;
    rows.dim[2] /= height, rows.dim[3] = 1;
    ValueId w = graph_value(g, conv, out, rows, g->value.v[v].loc);
    Attrs a;
    Op op = out_op(&whole, &a);
    int reader = only_map(g, v);
    if (reader < 0) {
        const char *err = NULL;
        reader = graph_add(g, op, &a, &w, 1, NULL, g->value.v[v].loc, &err);
        if (reader < 0)
            bug("%s: %s", op_info[op].name, err);
        g->node.v[reader].sched = schedule_generic(g, p->target);
        value_becomes(g, v, node_value(g, reader));
    } else {
        Node *n = &g->node.v[reader];
        n->op = op, n->attr = a, n->origin = g->value.v[v].origin;
        node_set_operand(g, reader, 0, w);
    }
    g->value.v[v].kind = VAL_DEAD;
    Out *o = &g->node.v[conv].out[out];
    o->value = w, o->keep = false, o->axes = (Ints){0}, o->kernel = (Ints){2, {height, map.dim[3]}};
}

bool pass_split_reduction(Pass *p, Graph *g)
{
    bool changed = false;
    for (int i = 0, n = g->node.n; i < n; i++)
        for (int k = 0; k < g->node.v[i].nout && g->node.v[i].sched && g->node.v[i].sched->sum_rows; k++)
            if (g->node.v[i].out[k].red != RED_NONE && !g->node.v[i].out[k].kernel.n) {
                split(p, g, i, k);
                changed = true;
            }
    graph_compact(g);
    return changed;
}
