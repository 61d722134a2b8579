/* dce: removes nodes and constants that no output depends on. Needs nothing, keeps everything. */
#include "pass.h"

static bool used(const int *uses, const Node *n)
{
    for (int i = 0; i < n->nout; i++)
        if (uses[n->out[i].value])
            return true;
    return false;
}

static void count(const Node *n, int *uses, int by)
{
    for (int i = 0; i < n->nin; i++)
        uses[n->in[i]] += by;
    for (int s = 0; s < n->nstep; s++)
        for (int i = 0; i < n->step[s].nin; i++)
            if (n->step[s].in[i] >= 0)
                uses[n->step[s].in[i]] += by;
}

bool pass_dce(Pass *p, Graph *g)
{
    bool changed = false;
    int *uses = NEW(p->scratch, int, g->value.n);
    for (int i = 0; i < g->node.n; i++)
        if (g->node.v[i].op != OP_NONE)
            count(&g->node.v[i], uses, 1);
    for (int i = 0; i < g->output.n; i++)
        uses[g->output.v[i]]++;
    graph_compact(g); /* definitions before uses, so that one walk backwards is enough */
    for (int i = g->node.n - 1; i >= 0; i--)
        if (!used(uses, &g->node.v[i])) {
            count(&g->node.v[i], uses, -1);
            node_remove(g, i);
            changed = true;
        }
    for (int i = 0; i < g->value.n; i++)
        if (g->value.v[i].kind == VAL_CONST && !uses[i]) {
            g->value.v[i].kind = VAL_DEAD;
            changed = true;
        }
    graph_compact(g);
    return changed;
}
