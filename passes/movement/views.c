/* Addresses of views; see views.h. */
#include "views.h"

#include <string.h>

#include "../edit.h"

/* Tables longer than this cost more than they save. */
enum { MAX_TABLE = 1 << 20 };

bool view_op(Op op) { return op_is(op, P_MOVE) && op != OP_pad && op != OP_split && op != OP_gather; }

/* [N,C,H,W] to [N,H,W,C] and back */
static int channels_moved(const Ints *perm, int in)
{
    static const int64_t back[4] = {0, 2, 3, 1}, front[4] = {0, 3, 1, 2};
    bool moved = perm->n == 4 && !memcmp(perm->v, in == 1 ? back : front, sizeof back);
    return moved ? 4 - in : 0;
}

int view_channels(const Node *n, int in)
{
    switch (n->op) {
    case OP_channel_shuffle: return in == 1 ? in : 0;
    case OP_concat: return n->attr.axis == in ? in : 0;
    case OP_slice: return n->attr.axes.n == 1 && n->attr.axes.v[0] == in ? in : 0;
    case OP_transpose: return in ? channels_moved(&n->attr.perm, in) : 0;
    default: return 0;
    }
}

/* Dimensions from *i and *j on that multiply to as many elements: both move behind them. */
static void next_group(const Type *in, const Type *out, const int *from, const int *to, int *i, int *j)
{
    int64_t pi = in->dim[from[(*i)++]], pj = out->dim[to[(*j)++]];
    while (pi != pj)
        if (pi < pj)
            pi *= in->dim[from[(*i)++]];
        else
            pj *= out->dim[to[(*j)++]];
}

/* What lies side by side along the last of some dimensions does so along the last of those that they become. */
static int reshape_dim(const Type *in, const Type *out, int d)
{
    int from[MAX_RANK], to[MAX_RANK], nf = long_dims(in, from);
    long_dims(out, to);
    for (int i = 0, j = 0; i < nf;) {
        next_group(in, out, from, to, &i, &j);
        if (from[i - 1] == d)
            return to[j - 1];
    }
    return -1;
}

int view_dim(const Graph *g, const Node *n, int d)
{
    if (op_is(n->op, P_VIEW))
        return reshape_dim(&g->value.v[n->in[0]].type, &g->value.v[n->out[0].value].type, d);
    for (int i = 0; n->op == OP_transpose && i < n->attr.perm.n; i++)
        if (n->attr.perm.v[i] == d)
            return i;
    return d;
}

/* Where index i of dimension d lies, counted from the address's first element. */
static int64_t along(const Addr *a, int d, int64_t i) { return a->at && a->axis == d ? a->at[i] : i * a->stride[d]; }

/* Gives dimension d a table, or what says the same without one. */
static void set_table(Addr *a, int d, int64_t *at, int64_t n)
{
    int64_t step = n > 1 ? at[1] - at[0] : 0;
    bool even = step >= 0;
    for (int64_t i = 1; i < n && even; i++)
        even = at[i] - at[i - 1] == step;
    if (a->at && a->axis == d)
        a->at = NULL;
    a->stride[d] = 0;
    if (even) {
        a->first += at[0];
        a->stride[d] = step;
        return;
    }
    a->axis = d;
    a->at = at;
}

Addr addr_rows(const Type *t, int64_t first)
{
    Addr a = {.first = first};
    int64_t s = 1;
    for (int d = t->rank - 1; d >= 0; d--) {
        a.stride[d] = s;
        s *= t->dim[d];
    }
    return a;
}

static const char *slice(Arena *A, const Node *n, const Type *out, const Addr *x, Addr *y)
{
    *y = *x;
    for (int k = 0; k < n->attr.axes.n; k++) {
        int d = (int)n->attr.axes.v[k];
        int64_t start = n->attr.start.v[k], step = k < n->attr.step.n ? n->attr.step.v[k] : 1;
        if (x->at && x->axis == d) {
            int64_t *at = NEW(A, int64_t, out->dim[d]);
            for (int64_t i = 0; i < out->dim[d]; i++)
                at[i] = x->at[start + i * step];
            set_table(y, d, at, out->dim[d]);
        } else {
            y->first += start * x->stride[d];
            y->stride[d] = x->stride[d] * step;
        }
    }
    return NULL;
}

/* Does each operand continue the one before along the axis? */
static bool continuous(const Graph *g, const Node *n, int axis, const Addr *x)
{
    int64_t next = x[0].first;
    for (int k = 0; k < n->nin; k++) {
        if ((x[k].at && x[k].axis == axis) || x[k].first != next || x[k].stride[axis] != x[0].stride[axis])
            return false;
        next += g->value.v[n->in[k]].type.dim[axis] * x[k].stride[axis];
    }
    return true;
}

static const char *concat(Arena *A, const Graph *g, const Node *n, const Type *out, const Addr *x, Addr *y)
{
    int axis = (int)n->attr.axis;
    *y = (Addr){.channels = x[0].channels};
    for (int d = 0; d < out->rank; d++)
        y->stride[d] = x[0].stride[d];
    bool table = !continuous(g, n, axis, x);
    if (table && out->dim[axis] > MAX_TABLE)
        return "its table would be too long";
    int64_t *at = table ? NEW(A, int64_t, out->dim[axis]) : NULL, total = 0;
    for (int k = 0; k < n->nin; k++) {
        const Type *t = &g->value.v[n->in[k]].type;
        if (x[k].at && x[k].axis != axis && t->dim[x[k].axis] > 1)
            return "an operand is shuffled along another dimension";
        for (int d = 0; d < out->rank; d++)
            if (d != axis && t->dim[d] > 1 && x[k].stride[d] != y->stride[d])
                return "the operands do not lie side by side";
        for (int64_t i = 0; table && i < t->dim[axis]; i++)
            at[total++] = x[k].first + along(&x[k], axis, i);
        if (x[k].channels != y->channels)
            y->channels = 0;
    }
    if (table)
        set_table(y, axis, at, total);
    else
        y->first = x[0].first;
    return NULL;
}

static const char *shuffle(Arena *A, const Node *n, const Type *t, const Addr *x, Addr *y)
{
    int64_t groups = n->attr.groups, size = t->dim[1] / groups;
    if (t->dim[1] > MAX_TABLE)
        return "its table would be too long";
    int64_t *at = NEW(A, int64_t, t->dim[1]);
    for (int64_t c = 0; c < t->dim[1]; c++)
        at[c] = along(x, 1, c % groups * size + c / groups);
    *y = *x;
    if (x->at && x->axis != 1)
        return "the operand is shuffled along another dimension";
    set_table(y, 1, at, t->dim[1]);
    return NULL;
}

static const char *transpose(const Node *n, const Type *t, const Addr *x, Addr *y)
{
    *y = *x;
    for (int d = 0; d < t->rank; d++) {
        int from = (int)n->attr.perm.v[d];
        y->stride[d] = x->stride[from];
        if (x->at && x->axis == from)
            y->axis = d;
    }
    return NULL;
}

/* All elements of t in row-major order, as a table. */
static int64_t *every_element(Arena *A, const Type *t, const Addr *x)
{
    int64_t n = type_elems(t), *at = NEW(A, int64_t, n), coord[MAX_RANK] = {0};
    for (int64_t i = 0; i < n; i++) {
        for (int d = 0; d < t->rank; d++)
            at[i] += along(x, d, coord[d]);
        for (int d = t->rank - 1; d >= 0 && ++coord[d] == t->dim[d]; d--)
            coord[d] = 0;
    }
    return at;
}

/* Old dimensions from[0..nf) become new ones to[0..nt) of as many elements: strides of the new ones. */
static bool regroup(const Type *in, const Type *out, const Addr *x, Addr *y, const int *from, int nf, const int *to,
                    int nt)
{
    if (nf == 1 && nt == 1) {
        y->stride[to[0]] = x->stride[from[0]];
        if (x->at && x->axis == from[0])
            y->axis = to[0], y->at = x->at;
        return true;
    }
    for (int k = 0; k < nf; k++)
        if ((x->at && x->axis == from[k]) ||
            (k + 1 < nf && x->stride[from[k]] != x->stride[from[k + 1]] * in->dim[from[k + 1]]))
            return false;
    int64_t s = x->stride[from[nf - 1]];
    for (int k = nt - 1; k >= 0; k--) {
        y->stride[to[k]] = s;
        s *= out->dim[to[k]];
    }
    return true;
}

static const char *reshape(Arena *A, const Type *in, const Type *out, const Addr *x, Addr *y)
{
    int from[MAX_RANK], to[MAX_RANK], nf = long_dims(in, from), nt = long_dims(out, to);
    *y = (Addr){.first = x->first};
    if (nt == 1 && type_elems(out) <= MAX_TABLE) {
        set_table(y, to[0], every_element(A, in, x), out->dim[to[0]]);
        return NULL;
    }
    for (int i = 0, j = 0; i < nf;) {
        int i0 = i, j0 = j;
        next_group(in, out, from, to, &i, &j);
        if (!regroup(in, out, x, y, from + i0, i - i0, to + j0, j - j0))
            return "the elements do not lie in the order of the new shape";
    }
    return NULL;
}

const char *view_addr(Arena *A, const Graph *g, const Node *n, const Addr *in, Addr *out)
{
    const Type *t = &g->value.v[n->in[0]].type, *r = &g->value.v[n->out[0].value].type;
    const char *why;
    switch (n->op) {
    case OP_slice: why = slice(A, n, r, in, out); break;
    case OP_concat: why = concat(A, g, n, r, in, out); break;
    case OP_channel_shuffle: why = shuffle(A, n, t, in, out); break;
    case OP_transpose: why = transpose(n, t, in, out); break;
    case OP_reshape: case OP_flatten: why = reshape(A, t, r, in, out); break;
    default: bug("'%s' is no view", op_info[n->op].name);
    }
    out->channels = view_channels(n, n->op == OP_concat ? out->channels : in->channels);
    return why;
}

static bool dense(const Addr *a, const Type *t)
{
    Addr rows = addr_rows(t, 0);
    for (int d = 0; d < t->rank; d++)
        if (t->dim[d] > 1 && (a->stride[d] != rows.stride[d] || (a->at && a->axis == d)))
            return false;
    return true;
}

Layout addr_layout(const Addr *a, const Type *t, int64_t cstride, const int64_t border[4])
{
    Layout l = {.order = ORDER_STRIDED, .first = a->first, .axis = a->axis, .at = a->at};
    bool table = a->at && t->dim[a->axis] > 1;
    if (a->channels && !table && (t->dim[a->channels] == 1 || a->stride[a->channels] == 1)) {
        l = (Layout){.order = ORDER_NHWC, .cstride = cstride, .last = a->channels == 3};
        int64_t width = border[1] + t->dim[layout_width(&l)] + border[3];
        l.first = a->first - (border[0] * width + border[1]) * cstride;
        memcpy(l.border, border, sizeof l.border);
    } else if (dense(a, t))
        l = (Layout){.order = ORDER_ROW, .first = a->first};
    else
        memcpy(l.stride, a->stride, sizeof l.stride);
    return l;
}
