/* eliminate-movement: split, slice, concat, channel_shuffle, reshape, flatten and transpose become index maps.

     %2, %3 = slices of %1 : f32[1,48,28,28]      =>   %1, %4 nhwc(c=24) group(1, ...): blocks of one storage
     %4 = conv2d ... (of %3)                           %2, %3, %5, %6 strided(..., at=[0:12,18816:18828])
     %5 = concat %2, %4                                               group(1, ...) view
     %6 = channel_shuffle %5 {groups=2}

   Values that movements connect form a group and share one storage. The results of movements are views of it. Where
   concat alone connects maps, their channels lie side by side in one map, so that every reader sees a plain one.
   Where channels are shuffled, each map is a block of its own, and readers go by tables. The kernels of convolutions
   and linear layers sort their tables, with their weights, so that they read runs. A depthwise convolution writes its
   result in the order in which it reads. Where a map's result lies in a group, its operand that dies there is written
   to that very place. The map changes it while it is near, and finds no other memory to write to. What cannot be a
   view keeps its kernel, and `why` says for what reason. Needs F_LAYOUT, keeps everything. */
#include <string.h>

#include "../choose/inner.h"
#include "../geometry/conv.h"
#include "../geometry/values.h"
#include "views.h"

typedef struct ViewGroup {
    VEC(ValueId) source;       /* values that kernels make */
    VEC(int) view;             /* nodes whose results are views of it, in their order */
    bool joins;                /* one of them reads values that differ */
    int64_t border[4], cstride, room;
    int64_t slack;             /* elements that readers of whole vectors may read behind the last */
    int id;
} ViewGroup;

typedef struct Mover {
    Pass *p;
    Graph *g;
    Arena *A;                  /* of the attempt */
    int *root;                 /* union-find over values */
    int *channels;             /* per value: the dimension that is channels of maps, by movement of channels alone; 0 */
    Addr *addr;
    ViewGroup **group;         /* per root */
    bool *placed;
    bool *lost;                /* per value: a view without an address, or made of one */
    int ids;                   /* groups that have a number */
} Mover;

static Value *value(const Mover *m, ValueId v) { return &m->g->value.v[v]; }

static bool is_view(const Node *n) { return n->op != OP_NONE && view_op(n->op) && !n->why; }

static int root_of(const Mover *m, int v)
{
    while (m->root[v] != v)
        v = m->root[v] = m->root[m->root[v]];
    return v;
}

static bool made_by_view(const Mover *m, ValueId v)
{
    int def = value_def(m->g, v);
    return def >= 0 && is_view(&m->g->node.v[def]);
}

static bool in_arena(const Value *v) { return v->kind == VAL_NODE && v->region == REGION_ARENA; }

/* ---- groups ---- */

static const char *impossible(const Mover *m, const Node *n)
{
    if (!in_arena(value(m, n->out[0].value)))
        return "its result lies with the caller";
    for (int k = 0; k < n->nin; k++)
        if (!in_arena(value(m, n->in[k])))
            return value(m, n->in[k])->kind == VAL_CONST ? "it reads a constant" : "it reads what lies with the caller";
    return NULL;
}

/* A border that a reader wants around a view must be the border of the storage. */
static void borders(Mover *m)
{
    for (int i = 0; i < m->g->node.n; i++) {
        const Node *n = &m->g->node.v[i];
        for (int k = 0; k < n->nout && n->op != OP_NONE; k++) {
            const Value *v = value(m, n->out[k].value);
            m->channels[n->out[k].value] = v->layout.order == ORDER_NHWC ? layout_channels(&v->layout) : 0;
        }
        if (!is_view(n))
            continue;
        int *out = &m->channels[n->out[0].value];
        *out = view_channels(n, m->channels[n->in[0]]);
        for (int k = 1; k < n->nin; k++)
            if (m->channels[n->in[k]] != m->channels[n->in[0]])
                *out = 0;
    }
}

static bool bordered(const int64_t b[4]) { return b[0] | b[1] | b[2] | b[3]; }
static bool has_border(const Layout *l) { return bordered(l->border); }

static ViewGroup *group_of(Mover *m, ValueId v)
{
    int r = root_of(m, v);
    if (!m->group[r])
        m->group[r] = NEW(m->A, ViewGroup, 1);
    return m->group[r];
}

static void form_groups(Mover *m)
{
    const Graph *g = m->g;
    for (int v = 0; v < g->value.n; v++) {
        m->root[v] = v;
        m->group[v] = NULL;
        m->placed[v] = m->lost[v] = false;
    }
    for (int i = 0; i < g->node.n; i++) {
        const Node *n = &g->node.v[i];
        for (int k = 0; is_view(n) && k < n->nin; k++)
            m->root[root_of(m, n->in[k])] = root_of(m, n->out[0].value);
    }
    borders(m);
    for (int i = 0; i < g->node.n; i++) {
        const Node *n = &g->node.v[i];
        if (!is_view(n))
            continue;
        ViewGroup *s = group_of(m, n->out[0].value);
        PUSH(m->A, &s->view, i);
        for (int k = 0; k < n->nin; k++) {
            s->joins = s->joins || n->in[k] != n->in[0];
            ValueId ends[2] = {n->in[k], n->out[0].value};
            for (int e = 0; e < 2; e++)
                for (int s = 0; s < 4; s++) {
                    int64_t *b = &group_of(m, ends[e])->border[s];
                    *b = imax(*b, value(m, ends[e])->layout.border[s]);
                }
        }
    }
}

/* Sources in the order in which concat puts them side by side. */
static void collect(Mover *m, ValueId v)
{
    if (m->placed[v])
        return;
    m->placed[v] = true;
    if (!made_by_view(m, v)) {
        PUSH(m->A, &group_of(m, v)->source, v);
        return;
    }
    const Node *n = &m->g->node.v[value_def(m->g, v)];
    for (int k = 0; k < n->nin; k++)
        collect(m, n->in[k]);
}

/* ---- placing ---- */

static int64_t channels_of(const Value *v) { return v->type.dim[layout_channels(&v->layout)]; }

static bool one_geometry(const Mover *m, const ViewGroup *s)
{
    const Value *first = value(m, s->source.v[0]);
    for (int i = 0; i < s->source.n; i++) {
        const Value *v = value(m, s->source.v[i]);
        const int64_t *a = v->type.dim, *b = first->type.dim;
        if (v->layout.order != ORDER_NHWC || a[0] != b[0] ||
            a[layout_height(&v->layout)] != b[layout_height(&first->layout)] ||
            a[layout_width(&v->layout)] != b[layout_width(&first->layout)])
            return false;
    }
    return true;
}

static Addr map_addr(const ViewGroup *s, const Value *v, int64_t cstride, int64_t first)
{
    const Layout *l = &v->layout;
    int64_t row = (s->border[1] + v->type.dim[layout_width(l)] + s->border[3]) * cstride;
    Addr a = {.first = first + s->border[0] * row + s->border[1] * cstride, .channels = layout_channels(l)};
    a.stride[0] = (s->border[0] + v->type.dim[layout_height(l)] + s->border[2]) * row;
    a.stride[layout_channels(l)] = 1, a.stride[layout_height(l)] = row, a.stride[layout_width(l)] = cstride;
    return a;
}

/* Channels of all sources side by side in one map. */
static void place_side_by_side(Mover *m, ViewGroup *s)
{
    const Value *first = value(m, s->source.v[0]);
    int64_t channels = 0, at = 0;
    for (int i = 0; i < s->source.n; i++)
        channels += channels_of(value(m, s->source.v[i]));
    s->cstride = round_up(channels, m->p->target->min_lanes);
    for (int i = 0; i < s->source.n; i++) {
        m->addr[s->source.v[i]] = map_addr(s, value(m, s->source.v[i]), s->cstride, at);
        at += channels_of(value(m, s->source.v[i]));
    }
    Layout whole = {.order = ORDER_NHWC, .cstride = s->cstride, .last = first->layout.last};
    memcpy(whole.border, s->border, sizeof whole.border);
    s->room = layout_room(&whole, &first->type);
}

/* Sources stand one after the other, each at a multiple of the channel stride. Maps have one channel stride, so that
   a table can lead from one to the next where they are of one geometry. */
static void place_in_blocks(Mover *m, ViewGroup *s)
{
    s->room = s->cstride = 0;
    for (int i = 0; i < s->source.n; i++)
        if (value(m, s->source.v[i])->layout.order == ORDER_NHWC)
            s->cstride = imax(s->cstride, value(m, s->source.v[i])->layout.cstride);
    for (int i = 0; i < s->source.n; i++) {
        const Value *v = value(m, s->source.v[i]);
        Addr *a = &m->addr[s->source.v[i]];
        Layout own = {.order = v->layout.order, .cstride = s->cstride, .last = v->layout.last};
        s->room = s->cstride ? round_up(s->room, s->cstride) : s->room;
        memcpy(own.border, s->border, sizeof own.border);
        *a = own.order == ORDER_NHWC ? map_addr(s, v, s->cstride, s->room) : addr_rows(&v->type, s->room);
        s->room += layout_room(&own, &v->type);
    }
}

static void place_sources(Mover *m, ViewGroup *s)
{
    if (one_geometry(m, s))
        place_side_by_side(m, s);
    else
        place_in_blocks(m, s);
}

/* A view that is refused becomes a source, with a group of its own. What that is to be is known at once where its views
   are those of this source alone and no border decides about strides; else another attempt finds out. */
static bool starts_group(Mover *m, const ViewGroup *s, ValueId v)
{
    if (s->joins || s->source.n > 1 || bordered(s->border))
        return false;
    ViewGroup own = {0};
    PUSH(m->A, &own.source, v);
    place_sources(m, &own);
    return true;
}

/* Addresses of the group's views; false where some have none (their nodes are told why). */
static bool place_views(Mover *m, const ViewGroup *s)
{
    bool all = true;
    for (int i = 0; i < s->view.n; i++) {
        Node *n = &m->g->node.v[s->view.v[i]];
        ValueId v = n->out[0].value;
        Addr *in = NEW(m->A, Addr, n->nin);
        bool lost = false;
        for (int k = 0; k < n->nin; k++) {
            in[k] = m->addr[n->in[k]];
            lost = lost || m->lost[n->in[k]];
        }
        if (!lost)
            n->why = view_addr(m->A, m->g, n, in, &m->addr[v]);
        all = all && !lost && !n->why;
        m->lost[v] = lost || (n->why && !starts_group(m, s, v));
    }
    return all;
}

static bool read_by_kernel(const Mover *m, ValueId v)
{
    for (ValueReader r = value_readers(m->g, v); r.read; r = reader_next(m->g, r))
        if (r.node >= 0 && (r.step >= 0 || !is_view(&m->g->node.v[r.node])))
            return true;
    return false;
}

/* Does a kernel have to go by a table? */
static bool tables(const Mover *m, const ViewGroup *s)
{
    for (int i = 0; i < s->view.n; i++) {
        ValueId v = m->g->node.v[s->view.v[i]].out[0].value;
        const Addr *a = &m->addr[v];
        int c = m->channels[v];
        if (((a->at && value(m, v)->type.dim[a->axis] > 1) || (c && a->stride[c] != 1)) && read_by_kernel(m, v))
            return true;
    }
    return false;
}

static bool same_channels(const Mover *m, const ViewGroup *s)
{
    for (int i = 1; i < s->source.n; i++)
        if (channels_of(value(m, s->source.v[i])) != channels_of(value(m, s->source.v[0])))
            return false;
    return true;
}

static bool place_group(Mover *m, ViewGroup *s)
{
    bool maps = one_geometry(m, s);
    if (maps) {
        place_side_by_side(m, s);
        if (!place_views(m, s))
            return false;
        if (s->source.n == 1 || !tables(m, s) || !same_channels(m, s))
            return true;
    }
    place_in_blocks(m, s);
    return place_views(m, s);
}

/* ---- readers ---- */

/* Operands that a kernel can lay out in any order of channels. */
static bool per_channel(const Mover *m, const Step *s, int k)
{
    const Value *v = value(m, s->in[k]);
    return v->kind == VAL_CONST && (type_elems(&v->type) == 1 || (k > 0 && op_is(s->op, P_PARAM) && v->type.rank == 1));
}

/* Can depthwise node n read a map by a table? Then its result lies in the order of the table. */
static bool permutes(const Mover *m, const Node *n)
{
    ValueId out = n->out[0].value;
    const Value *v = value(m, out);
    if (n->nout != 1 || n->out[0].red != RED_NONE || !in_arena(v) || m->group[root_of(m, out)] ||
        has_border(&v->layout))
        return false;
    for (int s = 0; s < n->nstep; s++)
        for (int k = 0; k < n->step[s].nin; k++)
            if (n->step[s].in[k] >= 0 && !per_channel(m, &n->step[s], k))
                return false;
    for (ValueReader r = value_readers(m->g, out); r.read; r = reader_next(m->g, r)) {
        const Node *reader = r.node < 0 ? NULL : &m->g->node.v[r.node];
        if (reader && (r.step >= 0 || r.operand > 0 || reader->op != OP_conv2d || reader->attr.groups > 1))
            return false;
    }
    return true;
}

static bool depthwise(const Node *n) { return n->sched && n->sched->impl == IMPL_DEPTHWISE; }

/* Nodes that go by a table and write in its order. */
static bool goes_by_table(const Mover *m, const Node *n)
{
    if (n->op == OP_NONE || !depthwise(n) || !made_by_view(m, n->in[0]))
        return false;
    const Addr *a = &m->addr[n->in[0]];
    return a->channels == 1 && a->at && a->axis == 1 && permutes(m, n);
}

static bool winograd(const Node *n) { return n->sched && n->sched->impl == IMPL_WINOGRAD; }

/* Do a view's elements lie side by side along the result's vectors, or is it one element there? */
static bool in_vectors(const Mover *m, const Node *n, const Layout *l, const Type *t)
{
    bool map = op_is(n->op, P_ANCHOR) && (is_conv(n->op) || node_reduces(n) || node_window(n)); /* of channels */
    int d = (map ? 1 : value_vdim(m->g, n->out[0].value)) - (node_step_type(m->g, n, 0).rank - t->rank);
    return m->p->target->lanes == 1 || d < 0 || t->dim[d] == 1 || layout_contiguous(l, t, d);
}

/* Can a product read its operand in vectors, along the columns or along the sum? What a tile reads one by one may lie
   in any way. */
static bool product_reads(const Mover *m, const Node *n, int k, const Layout *l, const Type *t)
{
    bool sum = n->attr.transpose_b && !n->attr.transpose_a && layout_contiguous(l, t, t->rank - 1);
    bool columns = t->rank > 1 && layout_contiguous(l, t, t->rank - (n->attr.transpose_b ? 2 : 1));
    return m->p->target->lanes == 1 || k != 1 || columns || sum;
}

static const char *cannot_read(const Mover *m, const Node *n, int k, ValueId v)
{
    const Addr *a = &m->addr[v];
    const Type *t = &value(m, v)->type;
    Layout l = addr_layout(a, t, group_of((Mover *)m, v)->cstride, group_of((Mover *)m, v)->border);
    if (k < 0) /* a map reads the elements one by one, at the price of moving them */
        return in_vectors(m, n, &l, t) || (n->op == OP_map && !l.at) ? NULL : "an epilogue reads it in vectors";
    bool by_vectors = layout_contiguous(&l, t, 1) || m->p->target->lanes == 1;
    if (k > 0 && (n->op == OP_conv2d || n->op == OP_conv_transpose2d || n->op == OP_linear))
        return "it makes weights";
    if (is_norm(n->op) && k == 0 && !in_vectors(m, n, &l, t))
        return "a norm reads it in vectors";
    if (is_recurrent(n->op) && !in_vectors(m, n, &l, t))
        return "a recurrent layer reads it in vectors";
    if (n->op == OP_matmul && product_copies(m->p->target, m->g, n) && !product_reads(m, n, k, &l, t))
        return "a product reads its columns in vectors";
    if (depthwise(n) && !by_vectors && !goes_by_table(m, n))
        return "a depthwise convolution reads its channels in vectors";
    if (winograd(n) && !by_vectors)
        return "a Winograd convolution reads its channels in vectors";
    return NULL;
}

/* Tells the nodes that make what the reader cannot read. */
static bool reader_agrees(Mover *m, const Node *reader)
{
    bool all = true;
    for (int k = 0; k < reader->nin; k++)
        if (made_by_view(m, reader->in[k])) {
            Node *made = &m->g->node.v[value_def(m->g, reader->in[k])];
            all = !(made->why = cannot_read(m, reader, k, reader->in[k])) && all;
        }
    for (int s = 0; s < reader->nstep; s++)
        for (int k = 0; k < reader->step[s].nin; k++) {
            Ref r = reader->step[s].in[k];
            if (r < 0 || !made_by_view(m, r))
                continue;
            Node *made = &m->g->node.v[value_def(m->g, r)];
            all = !(made->why = cannot_read(m, reader, -1, r)) && all;
        }
    return all;
}

/* ---- the whole ---- */

/* Tables are of i32. */
static bool fits_tables(Mover *m, const ViewGroup *s)
{
    for (int i = 0; s->room > INT32_MAX && i < s->view.n; i++)
        m->g->node.v[s->view.v[i]].why = "the storage would have more than 2^31 elements";
    return s->room <= INT32_MAX;
}

/* One attempt with the movements that are still views; false where one of them turned out to be none. */
static bool attempt(Mover *m)
{
    form_groups(m);
    Graph *g = m->g;
    bool all = true;
    for (int i = 0; i < g->node.n; i++) {
        Node *n = &g->node.v[i];
        if (!is_view(n))
            continue;
        collect(m, n->out[0].value);
        const Layout *own = &value(m, n->out[0].value)->layout; /* a view's border may lie around other dimensions */
        if (has_border(own) && m->channels[n->out[0].value] != layout_channels(own)) {
            n->why = "a convolution reads the border around it";
            all = false;
        }
    }
    for (int v = 0, n = all ? g->value.n : 0; v < n; v++)
        if (m->group[v])
            all = place_group(m, m->group[v]) && fits_tables(m, m->group[v]) && all;
    for (int i = 0, n = all ? g->node.n : 0; i < n; i++)
        if (g->node.v[i].op != OP_NONE && !is_view(&g->node.v[i]))
            all = reader_agrees(m, &g->node.v[i]) && all;
    return all;
}

static Layout in_group(Layout l, const ViewGroup *s)
{
    l.group = s->id;
    l.room = s->room + s->slack;
    return l;
}

/* The table outlives the pass. */
static void keep_table(Graph *g, Layout *l, const Type *t)
{
    if (!l->at)
        return;
    int64_t n = t->dim[l->axis], *at = NEW(g->arena, int64_t, n);
    memcpy(at, l->at, (size_t)n * sizeof *at);
    l->at = at;
}

/* A depthwise convolution that reads by a table writes vector after vector. */
static void permute(Mover *m, const Node *n, int id)
{
    Value *in = value(m, n->in[0]), *out = value(m, n->out[0].value);
    const Type *t = &out->type;
    DwVectors v = dw_vectors(m->g->arena, in->layout.at, t->dim[1], n->sched->lanes);
    int64_t cstride = (int64_t)v.n * v.lanes, *at = NEW(m->g->arena, int64_t, t->dim[1]);
    for (int64_t c = 0; c < t->dim[1]; c++)
        at[c] = v.slot[c];
    int64_t row = t->dim[3] * cstride;
    out->layout = (Layout){.order = ORDER_STRIDED, .axis = 1, .at = at, .group = id,
                           .room = t->dim[0] * t->dim[2] * row, .stride = {t->dim[2] * row, 0, row, cstride}};
}

/* Does the node read v, which nobody else does, at the index that it writes next? */
static bool dies_in_place(const Mover *m, const Node *n, ValueId v)
{
    const Value *a = value(m, v), *out = value(m, n->out[0].value);
    return v >= 0 && in_arena(a) && !a->layout.group && a->layout.order == ORDER_NHWC &&
           a->layout.last == out->layout.last && type_eq(&a->type, &out->type) && value_uses(m->g, v) == 1;
}

/* The operand whose place is the result's own, where that is a map of a group; -1: none. */
static ValueId in_place(const Mover *m, const Node *n)
{
    if (n->op == OP_NONE || n->view || n->nout != 1 || n->out[0].red != RED_NONE)
        return -1;
    const Layout *l = &value(m, n->out[0].value)->layout;
    if (!l->group || l->order != ORDER_NHWC)
        return -1;
    if (op_is(n->op, P_IN_PLACE) && dies_in_place(m, n, n->in[0]))
        return n->in[0];
    for (int s = 0; s < n->nstep; s++)
        for (int k = 0; k < n->step[s].nin; k++)
            if (n->step[s].in[k] >= 0 && dies_in_place(m, n, n->step[s].in[k]))
                return n->step[s].in[k];
    return -1;
}

static void commit(Mover *m)
{
    Graph *g = m->g;
    for (int i = 0; i < g->node.n; i++)
        if (goes_by_table(m, &g->node.v[i])) {
            ViewGroup *s = group_of(m, g->node.v[i].in[0]);
            s->slack = imax(s->slack, g->node.v[i].sched->lanes);
        }
    for (int i = 0; i < g->node.n; i++) {
        Node *n = &g->node.v[i];
        if (!is_view(n))
            continue;
        n->view = true;
        ViewGroup *s = group_of(m, n->out[0].value);
        if (!s->id)
            s->id = ++m->ids;
        for (int k = -1; k < n->nin; k++) {
            ValueId v = k < 0 ? n->out[0].value : n->in[k];
            Value *val = value(m, v);
            val->layout = in_group(addr_layout(&m->addr[v], &val->type, s->cstride, s->border), s);
            keep_table(g, &val->layout, &val->type);
        }
    }
    for (int i = 0; i < g->node.n; i++)
        if (goes_by_table(m, &g->node.v[i]))
            permute(m, &g->node.v[i], ++m->ids);
    for (int i = g->node.n - 1; i >= 0; i--) { /* chains from their ends */
        ValueId v = in_place(m, &g->node.v[i]);
        if (v >= 0)
            value(m, v)->layout = value(m, g->node.v[i].out[0].value)->layout;
    }
}

/* The caller's input in another order of dimensions: its readers go by strides. It is in no group of this pass. */
static bool caller_views(Mover *m)
{
    Graph *g = m->g;
    bool any = false;
    for (int i = 0; i < g->node.n; i++) {
        Node *n = &g->node.v[i];
        ValueId v = n->op == OP_transpose ? n->out[0].value : -1;
        bool all = v >= 0 && caller_transposed(g, v);
        for (ValueReader r = value_readers(g, imax(v, 0)); all && r.read; r = reader_next(g, r))
            all = peels(&g->node.v[r.node]);
        if (!all)
            continue;
        Addr in = addr_rows(&value(m, n->in[0])->type, 0), out;
        static const int64_t none[4];
        if (view_addr(m->p->scratch, g, n, &in, &out))
            continue;
        value(m, v)->layout = addr_layout(&out, &value(m, v)->type, 0, none);
        value(m, v)->layout.group = ++m->ids;
        value(m, v)->layout.room = type_elems(&value(m, v)->type);
        value(m, v)->region = REGION_INPUT;
        n->view = any = true;
        n->why = "it shows what lies with the caller";
    }
    return any;
}

bool pass_eliminate_movement(Pass *p, Graph *g)
{
    Arena *A = p->scratch;
    Mover m = {.p = p, .g = g, .root = NEW(A, int, g->value.n), .channels = NEW(A, int, g->value.n),
               .addr = NEW(A, Addr, g->value.n),
               .group = NEW(A, ViewGroup *, g->value.n), .placed = NEW(A, bool, g->value.n),
               .lost = NEW(A, bool, g->value.n)};
    bool any = false, callers = caller_views(&m);
    for (int i = 0; i < g->node.n; i++) {
        Node *n = &g->node.v[i];
        if (n->op == OP_NONE || !view_op(n->op) || n->view)
            continue;
        if (!n->why)
            n->why = impossible(&m, n);
        any = any || !n->why;
    }
    for (bool done = !any; !done;) {
        m.A = arena_new();
        done = attempt(&m);
        if (done)
            commit(&m);
        arena_free(m.A);
    }
    for (int i = 0; callers && i < g->node.n; i++)
        if (g->node.v[i].view)
            g->node.v[i].why = NULL;
    return any || callers;
}
