/* assign-layout: where each value's elements lie.

     %1 = conv2d %image, @w1 ... : f32[1,16,8,8]          =>   : f32[1,16,8,8] nhwc(c=16, border=[1,1,1,1])
     %2 = conv2d %1, @w2 {pad=[1,1,1,1]} ...                   (%2 reads whole windows)

   Values of rank 4 with more than one pixel are channels-last, their pixels padded to the narrowest vector, with the
   zero border that the convolutions which read them ask for; all others are row-major. The caller's tensors are
   row-major: a dense convolution reads such an input directly; for other readers, and for outputs that a vector kernel
   makes, a map converts. So it does for constants that a convolution cannot read as they lie. Needs F_SCHEDULE, gives
   F_LAYOUT. */
#include <string.h>

#include "lower/winograd.h"

static bool spatial(const Type *t) { return t->rank == 4; }

static bool many_pixels(const Type *t) { return spatial(t) && t->dim[2] * t->dim[3] > 1; }

/* Pixels a multiple of 2 KB apart fall into few sets of a cache, and a load is taken to depend on the store of another
   pixel: a fifth to a half of the speed. One more line for each pixel costs less. */
static int64_t channel_stride(const Target *t, int64_t channels)
{
    int64_t s = round_up(channels, t->min_lanes);
    return t->lanes > 1 && s * 4 % 2048 == 0 ? s + 16 : s;
}

static bool is_conv(const Node *n) { return n->op == OP_conv2d || n->op == OP_conv_transpose2d; }

static bool peels(const Node *n) { return n->sched && n->sched->peel; }

/* Winograd's tiles are whole and, with a stride, read all phases. */
static void winograd_reach(const Graph *g, const Node *n, int dim, int64_t out, int64_t *lo, int64_t *hi)
{
    WinoConv v;
    if (!winograd_conv(g, n, false, &v))
        bug("a Winograd kernel for what has none");
    *lo = v.stride * v.first[dim];
    *hi = v.stride * (round_up(out, n->sched->wino) + v.first[dim] + v.r - 1) - 1;
}

void conv_border(const Graph *g, const Node *n, int64_t border[4])
{
    const Type *in = &g->value.v[n->in[0]].type, *w = &g->value.v[n->in[1]].type;
    Type out = node_step_type(g, n, 0);
    for (int dim = 0; dim < 2; dim++) {
        int64_t lo = 0, hi = 0, size = in->dim[2 + dim], k = w->dim[2 + dim];
        if (n->op == OP_conv2d) {
            lo = -n->attr.pad.v[dim];
            hi = (out.dim[2 + dim] - 1) * n->attr.stride.v[dim] + lo + (k - 1) * n->attr.dilation.v[dim];
            if (n->sched && n->sched->impl == IMPL_WINOGRAD)
                winograd_reach(g, n, dim, out.dim[2 + dim], &lo, &hi);
        } else
            for (int64_t r = 0; r < imin(n->attr.stride.v[dim], out.dim[2 + dim]); r++) {
                Phase p = transpose_phase(&n->attr, in, &out, k, dim, r);
                if (p.w.k > 0) {
                    lo = imin(lo, (p.w.k - 1) * p.w.d - p.w.p);
                    hi = imax(hi, p.w.out - 1 - p.w.p);
                }
            }
        border[dim] = imax(border[dim], -lo);
        border[2 + dim] = imax(border[2 + dim], hi - (size - 1));
    }
}

/* A copy of v made by a map node, to be sorted into place by graph_compact. */
static ValueId add_map(Pass *p, Graph *g, ValueId v)
{
    const char *err = NULL;
    Attrs a;
    attrs_default(OP_map, &a);
    int i = graph_add(g, OP_map, &a, &v, 1, NULL, g->value.v[v].loc, &err);
    if (i < 0)
        bug("map: %s", err);
    g->node.v[i].sched = schedule_generic(g, p->target);
    ValueId r = node_value(g, i);
    g->value.v[r].origin = g->value.v[v].origin;
    return r;
}

/* Can this node read operand k row-major, as the caller gives it? Scalar kernels read anything. Weights are packed, and
   constants other than a convolution's operand 0 are stored as their readers want them (lower/access.c). */
static bool reads_rows(const Target *t, const Graph *g, const Node *n, int k)
{
    if (g->value.v[n->in[k]].kind == VAL_CONST && (k > 0 || !is_conv(n)))
        return true;
    if (is_conv(n))
        return k == 0 && peels(n) && (t->lanes == 1 || n->sched->impl != IMPL_DEPTHWISE);
    if (t->lanes == 1 || !many_pixels(&g->value.v[n->in[k]].type))
        return true;
    return n->op == OP_map || !many_pixels(&g->value.v[n->out[0].value].type);
}

/* Does this reader of input or constant v need a channels-last copy of it? */
static bool wants_copy(const Target *t, const Graph *g, ValueId v, const ValueReader *r)
{
    if (r->node < 0)
        return false;
    if (r->step < 0)
        return !reads_rows(t, g, &g->node.v[r->node], r->operand);
    return g->value.v[v].kind == VAL_INPUT && t->lanes > 1 && many_pixels(&g->value.v[v].type);
}

/* Inputs and constants get one channels-last copy for the readers that need it. */
static void convert_inputs(Pass *p, Graph *g)
{
    for (int in = 0, values = g->value.n; in < values; in++) {
        ValueId copy = -1;
        bool given = g->value.v[in].kind == VAL_INPUT || g->value.v[in].kind == VAL_CONST;
        if (!given || g->value.v[in].type.rank != 4)
            continue;
        for (ValueReader r = value_readers(g, in); r.read; r = reader_next(g, r)) {
            if (!wants_copy(p->target, g, in, &r))
                continue;
            if (copy < 0)
                copy = add_map(p, g, in);
            reader_set(g, r, copy);
        }
    }
    graph_compact(g);
}

static Map names_of(Arena *A, const Graph *g)
{
    Map names = map_new(A);
    for (int i = 0; i < g->value.n; i++)
        if (g->value.v[i].kind != VAL_DEAD && g->value.v[i].name)
            map_put(&names, g->value.v[i].name, 0);
    return names;
}

/* name, or name_1, name_2 ... where a value has it already. Per name: the last suffix that was taken. */
static const char *unused_name(const Graph *g, Map *names, const char *name)
{
    const char *unique = name;
    int suffix = (int)imax(0, map_get(names, name));
    while (map_get(names, unique) >= 0)
        unique = arena_printf(g->arena, "%s_%d", name, ++suffix);
    map_put(names, name, suffix);
    map_put(names, unique, 0);
    return unique;
}

/* Is value v a mere copy? Then its map writes rows as well as channels-last. */
static bool is_copy(const Graph *g, ValueId v)
{
    const Node *n = &g->node.v[g->value.v[v].node];
    return n->op == OP_map && !n->nstep && n->nout == 1;
}

/* Outputs lie with the caller: what is an input or a constant, is read elsewhere too, or is stored channels-last gets a
   map. */
static void convert_outputs(Pass *p, Graph *g)
{
    Map names = names_of(p->scratch, g);
    for (int i = 0; i < g->output.n; i++) {
        ValueId v = g->output.v[i];
        bool made_here = g->value.v[v].kind == VAL_NODE;
        bool rows = p->target->lanes == 1 || !many_pixels(&g->value.v[v].type) || (made_here && is_copy(g, v));
        if (made_here && value_uses(g, v) == 1 && rows)
            continue;
        const char *name = g->value.v[v].name;
        if (made_here && name)
            g->value.v[v].name = NULL;
        else if (made_here) /* the same value again */
            name = unused_name(g, &names, "again");
        else
            name = unused_name(g, &names, arena_printf(g->arena, "%s_out", name));
        ValueId copy = add_map(p, g, v);
        graph_set_output(g, i, copy);
        g->value.v[copy].name = name;
    }
}

bool pass_assign_layout(Pass *p, Graph *g)
{
    const Target *t = p->target;
    convert_inputs(p, g);
    convert_outputs(p, g);
    for (int i = 0; i < g->value.n; i++) {
        Value *v = &g->value.v[i];
        v->layout = layout_row();
        v->region = v->kind == VAL_INPUT ? REGION_INPUT : v->kind == VAL_CONST ? REGION_CONST : REGION_ARENA;
        if (v->kind == VAL_NODE && many_pixels(&v->type))
            v->layout = (Layout){.order = ORDER_NHWC, .cstride = channel_stride(t, v->type.dim[1])};
    }
    for (int i = 0; i < g->output.n; i++) {
        Value *v = &g->value.v[g->output.v[i]];
        v->layout = layout_row();
        v->region = REGION_OUTPUT;
    }
    for (int i = 0; i < g->node.n; i++) {
        const Node *n = &g->node.v[i];
        if (!is_conv(n) || peels(n))
            continue;
        Value *v = &g->value.v[n->in[0]];
        int64_t border[4] = {0};
        conv_border(g, n, border);
        if (v->kind != VAL_NODE || v->region == REGION_OUTPUT) {
            if (border[0] | border[1] | border[2] | border[3])
                bug("a convolution reads the border of a value that has none");
            continue;
        }
        if (v->layout.order == ORDER_ROW && (border[0] | border[1] | border[2] | border[3]))
            v->layout = (Layout){.order = ORDER_NHWC, .cstride = channel_stride(t, v->type.dim[1])};
        for (int k = 0; k < 4; k++)
            v->layout.border[k] = imax(v->layout.border[k], border[k]);
    }
    return true;
}
