/* Whether a value is made of a group's values is asked from both ends, a step here and a step there, until one has
   nothing left: a long chain leads to one of them, the other is often read once. */
#include "fuse_group.h"

typedef struct Search { const Group *s; int node, end, depth, next; bool met; } Search;

static void visit(Fuse *f, Search *q, ValueId v)
{
    int def = v >= 0 ? value_def(f->g, v) : -1;
    if (def < 0 || f->top[def] < q->s->low || f->seen[def] == f->stamp)
        return;
    f->seen[def] = f->stamp;
    f->stack[q->depth++] = def;
    q->met = q->met || f->at[f->g->node.v[def].out[0].value] || f->reached[def] == f->stamp;
}

/* One node more that the value depends on; false where there is none. */
static bool step_back(Fuse *f, Search *q)
{
    if (!q->depth)
        return false;
    const Node *n = &f->g->node.v[f->stack[--q->depth]];
    for (int k = 0; k < n->nin; k++)
        visit(f, q, n->in[k]);
    for (int t = 0; t < n->nstep; t++)
        for (int k = 0; k < n->step[t].nin; k++)
            visit(f, q, n->step[t].in[k]);
    return true;
}

static void reach(Fuse *f, ValueReader r)
{
    if (r.read)
        PUSH(f->p->scratch, &f->ahead, r);
}

/* One reader more of what depends on the group; false where there is none. */
static bool step_ahead(Fuse *f, Search *q)
{
    while (!f->ahead.n && q->next < q->s->value.n)
        reach(f, value_readers(f->g, q->s->value.v[q->next++]));
    if (!f->ahead.n)
        return false;
    ValueReader r = f->ahead.v[--f->ahead.n];
    reach(f, reader_next(f->g, r));
    if (r.node < 0 || r.node == q->node || f->top[r.node] > q->end || f->reached[r.node] == f->stamp)
        return true;
    const Node *n = &f->g->node.v[r.node];
    if (f->at[n->out[0].value])
        return true;
    f->reached[r.node] = f->stamp;
    q->met = q->met || f->seen[r.node] == f->stamp;
    for (int k = 0; k < n->nout; k++)
        reach(f, value_readers(f->g, n->out[k].value));
    return true;
}

bool group_depends(Fuse *f, const Group *s, ValueId v, int node)
{
    Search q = {.s = s, .node = node, .end = f->top[value_def(f->g, v)]};
    f->stamp++;
    f->ahead.n = 0;
    visit(f, &q, v);
    while (!q.met && step_back(f, &q) && !q.met && step_ahead(f, &q))
        ;
    return q.met;
}
