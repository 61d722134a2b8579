/* Vectors of elements that lie side by side. */
#include "vectors.h"
#include "values.h"

static bool channels_frame(const Type *frame, int vdim) { return frame->rank == 4 && vdim == 1; }

bool const_channels_last(const Value *v, const Type *frame, int vdim)
{
    const Type *t = &v->type;
    return v->kind == VAL_CONST && channels_frame(frame, vdim) && t->rank >= 3 && t->dim[t->rank - 3] > 1 &&
           t->dim[t->rank - 1] * t->dim[t->rank - 2] > 1;
}

int own_dim(const Type *t, const Type *frame, int vdim)
{
    int d = vdim - (frame->rank - t->rank);
    return d >= 0 && t->dim[d] > 1 ? d : -1;
}

bool side_by_side(const Value *v, bool channels_last, int d)
{
    if (v->kind == VAL_CONST && channels_last)
        return d == v->type.rank - 3;
    return layout_contiguous(&v->layout, &v->type, d);
}

bool value_vector(const Graph *g, ValueId id, const Type *frame, int vdim)
{
    const Value *v = &g->value.v[id];
    int d = own_dim(&v->type, frame, vdim);
    return d < 0 || side_by_side(v, const_channels_last(v, frame, vdim), d);
}

bool epilogue_vector(const Graph *g, const Node *n, int vdim)
{
    Type frame = node_frame(g, n);
    for (int i = 0; i < n->nout; i++)
        if (!value_vector(g, n->out[i].value, &g->value.v[n->out[i].value].type, vdim))
            return false;
    for (int i = 0; i < n->nstep; i++) {
        const Step *s = &n->step[i];
        for (int k = 0; k < s->nin && !op_is(s->op, P_PARAM); k++)
            if (s->in[k] >= 0 && !value_vector(g, s->in[k], &frame, vdim))
                return false;
    }
    return true;
}

bool product_vector(const Graph *g, const Node *n)
{
    const Type *b = &g->value.v[n->in[1]].type;
    return epilogue_vector(g, n, node_frame(g, n).rank - 1) &&
           (n->op == OP_linear || value_vector(g, n->in[1], b, b->rank - (n->attr.transpose_b ? 2 : 1)));
}

bool product_along_sum(const Graph *g, const Node *n)
{
    const Type *a = &g->value.v[n->in[0]].type, *b = &g->value.v[n->in[1]].type;
    return n->attr.transpose_b && !n->attr.transpose_a && a->dim[a->rank - 1] > 1 &&
           value_vector(g, n->in[0], a, a->rank - 1) && value_vector(g, n->in[1], b, b->rank - 1);
}

int arg_across(const Graph *g, const Node *n)
{
    const Type *t = &g->value.v[n->in[0]].type;
    int vdim = value_vdim(g, n->out[0].value), axis = (int)n->attr.axis;
    int d = vdim + (!n->attr.keep && vdim >= axis);
    return d != axis && d < t->rank && t->dim[d] > 1 && value_vector(g, n->in[0], t, d) ? d : -1;
}

int value_across(const Graph *g, const Target *target, ValueId v, const Type *frame, int vdim)
{
    const Value *x = &g->value.v[v];
    const Type *t = &x->type;
    int d = 0, more = frame->rank - t->rank;
    while (d < t->rank && (t->dim[d] == 1 || !layout_contiguous(&x->layout, t, d)))
        d++;
    bool large = target->lanes > 1 && type_elems(frame) * 8 > 4 * target->machine->l1;
    return large && d < t->rank && d + more != vdim && frame->dim[vdim] > 1 ? d + more : -1;
}
