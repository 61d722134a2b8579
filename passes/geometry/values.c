/* Which elements of a value lie side by side, and what a node keeps of its results. */
#include "values.h"

int value_vdim(const Graph *g, ValueId id)
{
    const Value *v = &g->value.v[id];
    if (v->layout.order == ORDER_NHWC)
        return layout_channels(&v->layout);
    int d = imax(v->type.rank - 1, 0);
    while (d > 0 && v->type.dim[d] == 1)
        d--;
    return d;
}

Type node_frame(const Graph *g, const Node *n)
{
    return op_is(n->op, P_ANCHOR) ? node_step_type(g, n, 0) : g->value.v[n->out[0].value].type;
}

bool value_rows(const Value *v)
{
    const Layout *l = &v->layout;
    int rank = v->type.rank;
    if (l->order == ORDER_ROW)
        return v->type.dim[rank - 1] > 1;
    if (l->order == ORDER_NHWC)
        return l->last && !(l->border[0] | l->border[1] | l->border[2] | l->border[3]);
    int64_t rows = 1, step = 0;
    for (int d = rank - 2; d >= 0; rows *= v->type.dim[d--])
        if (v->type.dim[d] > 1 && rows == 1)
            step = l->stride[d];
        else if (v->type.dim[d] > 1 && l->stride[d] != step * rows)
            return false;
    return !l->at || l->axis == rank - 1;
}

const Ints *node_window(const Node *n)
{
    for (int i = 0; i < n->nout; i++)
        if (n->out[i].red != RED_NONE && n->out[i].kernel.n)
            return &n->out[i].kernel;
    return NULL;
}

static bool over_map(const Out *o) { return o->red != RED_NONE && !o->kernel.n; }

bool node_reduces(const Node *n)
{
    for (int i = 0; i < n->nout; i++)
        if (over_map(&n->out[i]))
            return true;
    return false;
}

int reduce_operand_dim(const Graph *g, const Node *n, int d)
{
    bool reduced[MAX_RANK] = {false};
    int rank = g->value.v[n->in[0]].type.rank, out = 0;
    for (int i = 0; i < n->attr.axes.n; i++)
        reduced[n->attr.axes.v[i]] = true;
    for (int i = 0; i < rank; i++) {
        if (n->attr.keep ? i == d : !reduced[i] && out == d)
            return i;
        out += !reduced[i];
    }
    return 0;
}

/* Has the value these rows, or one element for all? */
static bool same_rows(const Graph *g, ValueId v, const Type *frame)
{
    const Value *x = &g->value.v[v];
    bool rows = x->type.rank == frame->rank && x->kind != VAL_CONST;
    for (int i = 0; i < x->type.rank - 1 && rows; i++)
        rows = x->type.dim[i] == frame->dim[i];
    return rows || type_elems(&x->type) == 1;
}

/* Do they lie at one distance from each other? */
static bool even_rows(const Graph *g, ValueId v, const Type *frame)
{
    const Value *x = &g->value.v[v];
    return same_rows(g, v, frame) && (type_elems(&x->type) == 1 || value_rows(x));
}

/* Is it so of all values that the layer reads and makes, but for numbers per column? */
static bool all_values(const Graph *g, const Node *n, const Type *frame,
                       bool (*is)(const Graph *, ValueId, const Type *))
{
    bool all = is(g, n->in[0], frame);
    for (int i = 0; i < n->nout; i++)
        all = all && is(g, n->out[i].value, frame);
    for (int i = 0; i < n->nstep; i++)
        for (int k = 0; k < n->step[i].nin; k++) {
            bool param = op_is(n->step[i].op, P_PARAM) && k > 0 && n->step[i].attr.axis == frame->rank - 1;
            if (n->step[i].in[k] >= 0 && !param)
                all = all && is(g, n->step[i].in[k], frame);
        }
    return all;
}

int linear_rows(const Graph *g, const Node *n)
{
    if (n->op != OP_linear)
        return -1;
    Type frame = node_step_type(g, n, 0);
    int d = frame.rank - 2;
    while (d > 0 && frame.dim[d] == 1)
        d--;
    return d >= 0 && frame.dim[d] > 1 && all_values(g, n, &frame, same_rows) ? d : -1;
}

int linear_flat(const Graph *g, const Node *n)
{
    int d = linear_rows(g, n);
    Type frame = node_step_type(g, n, 0);
    return d >= 0 && all_values(g, n, &frame, even_rows) ? d : -1;
}

Recurrence node_recurrence(const Graph *g, const Node *n)
{
    Type in[8];
    Recurrence r;
    for (int k = 0; k < n->nin; k++)
        in[k] = g->value.v[n->in[k]].type;
    if (!recurrence_of(n->op, in, n->nin, &r))
        bug("operands of no recurrent layer");
    return r;
}

int64_t recurrence_scratch(const Graph *g, const Node *n)
{
    const Type *y = &g->value.v[n->out[0].value].type;
    bool before = n->op == OP_gru && !n->attr.linear_before_reset;
    return before && (y->dim[0] > 1 || node_recurrence(g, n).h >= 0) ? y->dim[1] * y->dim[2] * 4 : 0;
}
