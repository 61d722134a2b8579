/* legalize-schedules: every node gets a schedule that its kernel can have with the layouts that were given.

     %y = conv2d %1, @w : f32[1,32,8,8] output    conv_tile lanes=16 tile=1x8x2   =>   conv_tile lanes=1 tile=1x8x2

   choose-kernels runs before layouts are known and hopes for vectors. Where the operands or results of a kernel do not
   lie as vectors, it works on one element at a time. Nodes that later passes added get a schedule here. What follows
   from a schedule is computed anew: Winograd's scratch. Builders take schedules as they are. Needs F_SCHEDULE and
   F_LAYOUT, keeps everything. */
#include "../geometry/conv.h"
#include "../geometry/values.h"
#include "../geometry/vectors.h"
#include "../geometry/winograd.h"

/* ---- can the kernel work in vectors? ---- */

static const Type *type_of(const Graph *g, ValueId v) { return &g->value.v[v].type; }

/* Does operand 0, in its own coordinates, lie in vectors along d? */
static bool input_vector(const Graph *g, const Node *n, int d)
{
    const Type *t = type_of(g, n->in[0]);
    return t->dim[d] > 1 && value_vector(g, n->in[0], t, d);
}

/* Vectors of a depthwise convolution by a table are those of its operand. */
static bool conv_vector(const Graph *g, const Node *n)
{
    bool table = n->sched->impl == IMPL_DEPTHWISE && g->value.v[n->out[0].value].layout.order == ORDER_STRIDED;
    return table || epilogue_vector(g, n, 1);
}

static bool map_vector(const Graph *g, const Target *t, const Node *n)
{
    Type frame = node_frame(g, n);
    int vdim = node_reduces(n) ? 1 : value_vdim(g, n->out[0].value);
    bool across = !node_reduces(n) && value_across(g, t, n->in[0], &frame, vdim) >= 0;
    return !across && value_vector(g, n->in[0], &frame, vdim) && epilogue_vector(g, n, vdim);
}

static bool pool_vector(const Graph *g, const Node *n)
{
    return value_vdim(g, n->out[0].value) == 1 && value_vector(g, n->in[0], type_of(g, n->in[0]), 1) &&
           epilogue_vector(g, n, 1);
}

static bool reduce_vector(const Graph *g, const Node *n)
{
    int vdim = value_vdim(g, n->out[0].value), d = reduce_operand_dim(g, n, vdim);
    for (int i = 0; i < n->attr.axes.n; i++)
        if (n->attr.axes.v[i] == d)
            return false;
    return value_vector(g, n->in[0], type_of(g, n->in[0]), d) && epilogue_vector(g, n, vdim);
}

/* Along the result's contiguous dimension. l2_normalize has vectors only where its sum goes along it. */
static bool norm_vector(const Graph *g, const Node *n)
{
    int vdim = value_vdim(g, n->out[0].value);
    bool along = n->op != OP_l2_normalize;
    for (int i = 0; i < n->attr.axes.n && !along; i++)
        along = n->attr.axes.v[i] == vdim && type_of(g, n->in[0])->dim[vdim] > 1;
    return along && value_vector(g, n->in[0], type_of(g, n->in[0]), vdim);
}

static bool concat_vector(const Graph *g, const Node *n)
{
    int vdim = value_vdim(g, n->out[0].value);
    for (int i = 0; i < n->nin; i++)
        if (type_of(g, n->in[i])->dim[vdim] > 1 && value_vector(g, n->in[i], type_of(g, n->in[i]), vdim))
            return true;
    return false;
}

static bool slice_vector(const Graph *g, const Node *n, int vdim)
{
    const Attrs *a = &n->attr;
    for (int k = 0; k < a->axes.n; k++)
        if (a->axes.v[k] == vdim && k < a->step.n && a->step.v[k] != 1)
            return false;
    return input_vector(g, n, vdim);
}

static bool gather_vector(const Graph *g, const Node *n, int vdim)
{
    return n->attr.axis != vdim && input_vector(g, n, vdim);
}

/* Across the axis, or along it where it is a vector long. */
static bool arg_vector(const Graph *g, const Node *n)
{
    const Type *t = type_of(g, n->in[0]);
    int axis = (int)n->attr.axis;
    return arg_across(g, n) >= 0 || (t->dim[axis] >= n->sched->lanes && value_vector(g, n->in[0], t, axis));
}

static bool transpose_vector(const Graph *g, const Target *t, const Node *n, int vdim)
{
    int from = (int)n->attr.perm.v[vdim];
    return from == vdim && value_across(g, t, n->in[0], type_of(g, n->in[0]), from) < 0 && input_vector(g, n, vdim);
}

/* Along the units: in the input's gates, the states and the results. */
static bool recurrence_vector(const Graph *g, const Node *n)
{
    Recurrence r = node_recurrence(g, n);
    const ValueId v[] = {n->in[0], r.h < 0 ? -1 : n->in[r.h], r.c < 0 ? -1 : n->in[r.c], n->out[0].value,
                         n->nout > 1 ? n->out[1].value : -1};
    for (int i = 0; i < LEN(v); i++)
        if (v[i] >= 0 && !value_vector(g, v[i], type_of(g, v[i]), 2))
            return false;
    return true;
}

static bool kernel_vector(const Graph *g, const Target *t, const Node *n)
{
    int vdim = value_vdim(g, n->out[0].value);
    switch (n->op) {
    case OP_conv2d: case OP_conv_transpose2d: return conv_vector(g, n);
    case OP_linear: case OP_matmul: return product_vector(g, n) || product_along_sum(g, n);
    case OP_map: return map_vector(g, t, n);
    case OP_max_pool: case OP_avg_pool: return pool_vector(g, n);
    case OP_upsample: case OP_resize: return vdim == 1 && value_vector(g, n->in[0], type_of(g, n->in[0]), 1);
    case OP_concat: return concat_vector(g, n);
    case OP_pad: /* what surrounds the operand is filled in vectors */
        return n->attr.border ? input_vector(g, n, vdim) : true;
    case OP_gather: return gather_vector(g, n, vdim);
    case OP_argmax: case OP_argmin: return arg_vector(g, n);
    case OP_lstm: case OP_gru: case OP_rnn: return recurrence_vector(g, n);
    case OP_slice: return slice_vector(g, n, vdim);
    case OP_channel_shuffle: return vdim != 1 && input_vector(g, n, vdim);
    case OP_transpose: return transpose_vector(g, t, n, vdim);
    case OP_reshape: case OP_flatten: return false;
    default: return op_is(n->op, P_REDUCE) ? reduce_vector(g, n) : !is_norm(n->op) || norm_vector(g, n);
    }
}

/* ---- what follows ---- */

static void legalize(const Graph *g, const Target *t, Node *n)
{
    Schedule *s = n->sched;
    if (!kernel_vector(g, t, n))
        s->lanes = 1;
    if (s->impl == IMPL_DEPTHWISE) {
        const Type *w = type_of(g, n->in[1]);
        if (!dw_by_inputs(t, s, w->dim[2] * w->dim[3])) /* tap by tap, a row at a time */
            s->rows = 1;
    }
    if (s->impl == IMPL_WINOGRAD)
        n->scratch = winograd_scratch(g, n);
    if (is_recurrent(n->op))
        n->scratch = recurrence_scratch(g, n);
}

bool pass_legalize_schedules(Pass *p, Graph *g)
{
    bool changed = false;
    for (int i = 0; i < g->node.n; i++) {
        Node *n = &g->node.v[i];
        if (n->op == OP_NONE || n->view)
            continue;
        const Schedule *was = n->sched;
        n->sched = schedule_generic(g, p->target);
        if (was)
            *n->sched = *was; /* copies of the graph share the old one */
        legalize(g, p->target, n);
        changed = changed || !was || was->lanes != n->sched->lanes || was->rows != n->sched->rows;
    }
    return changed;
}
