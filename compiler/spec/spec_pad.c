/* Shapes that do not fit because a pad was given in the order of PyTorch's F.pad. */
#include "spec_impl.h"

static bool lists_pad(const SpecReader *s, int node)
{
    for (int i = 0; i < s->listed_pads.n; i++)
        if (s->listed_pads.v[i] == node)
            return true;
    return false;
}

/* Would this padding be another one if it were left, right, top, bottom? */
static bool order_matters(const Ints *pad)
{
    const int64_t *p = pad->v;
    return p[0] + p[2] != p[2] + p[3] || p[1] + p[3] != p[0] + p[1];
}

static void note_order(Loc loc, const char *name, const Ints *pad)
{
    const long long p[4] = {pad->v[0], pad->v[1], pad->v[2], pad->v[3]};
    note_at(loc, "the pad of '%s' is top %lld, left %lld, bottom %lld, right %lld; "
            "F.pad(x, (%lld, %lld, %lld, %lld)) of PyTorch is [%lld, %lld, %lld, %lld] here",
            name, p[0], p[1], p[2], p[3], p[0], p[1], p[2], p[3], p[2], p[0], p[3], p[1]);
}

void spec_note_pads(const Cx *cx, const Ints *own, const OpStep *step, const ValueId *in, int nin)
{
    enum { FAR = 64 };
    const Graph *g = cx->s->graph;
    VEC(ValueId) from = {0};
    if (own && order_matters(own)) {
        note_order(step->loc, step->node_name, own);
        return;
    }
    for (int i = 0; i < nin; i++)
        PUSH(cx->s->arena, &from, in[i]);
    for (int i = 0; i < from.n && i < FAR; i++) {
        const Value *v = &g->value.v[from.v[i]];
        const Node *n = v->kind == VAL_NODE ? &g->node.v[v->node] : NULL;
        if (n && lists_pad(cx->s, v->node) && order_matters(&n->attr.pad)) {
            note_order(n->loc, n->name ? n->name : op_info[n->op].name, &n->attr.pad);
            return;
        }
        for (int k = 0; n && k < n->nin; k++)
            PUSH(cx->s->arena, &from, n->in[k]);
    }
}
