/* fold-constants: a node whose operands are all constants with numbers is computed now, in double precision.

     %1 = mul @a, @b   =>   @mul$1

   What only outputs read stays: a constant is no place for an output. Needs nothing, keeps everything. */
#include "../edit.h"

static bool read_by_node(const Graph *g, ValueId v) { return value_uses(g, v) > value_outputs(g, v); }

static bool foldable(const Graph *g, const Node *n)
{
    if (n->op == OP_NONE || n->nstep || n->nin == 0)
        return false;
    for (int i = 0; i < n->nin; i++)
        if (!value_known(g, n->in[i]))
            return false;
    for (int i = 0; i < n->nout; i++)
        if (read_by_node(g, n->out[i].value))
            return true;
    return false;
}

static void fold(Pass *p, Graph *g, int node)
{
    const Node n = g->node.v[node];
    Type *in = NEW(p->scratch, Type, n.nin), *out = NEW(p->scratch, Type, n.nout);
    const double **x = NEW(p->scratch, const double *, n.nin);
    double **y = NEW(p->scratch, double *, n.nout);
    for (int i = 0; i < n.nin; i++) {
        in[i] = g->value.v[n.in[i]].type;
        x[i] = value_numbers(p->scratch, g, n.in[i]);
    }
    for (int i = 0; i < n.nout; i++) {
        out[i] = g->value.v[n.out[i].value].type;
        y[i] = NEW(p->scratch, double, type_elems(&out[i]));
    }
    OpCall call = {.op = n.op, .attr = &n.attr, .nin = n.nin, .nout = n.nout, .in = in, .out = out,
                   .arena = p->scratch};
    op_info[n.op].ref(&call, x, y);
    for (int i = 0; i < n.nout; i++)
        value_becomes(g, n.out[i].value, const_of(g, n.loc, n.name ? n.name : op_info[n.op].name, out[i], y[i]));
    for (int i = 0; i < n.nout; i++)
        if (value_uses(g, n.out[i].value))
            return; /* an output keeps the node */
    node_remove(g, node);
}

bool pass_fold_constants(Pass *p, Graph *g)
{
    bool changed = false;
    for (int i = 0; i < g->node.n; i++)
        if (foldable(g, &g->node.v[i])) {
            fold(p, g, i);
            changed = true;
        }
    graph_compact(g);
    return changed;
}
