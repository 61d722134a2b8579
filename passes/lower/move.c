/* Movement that no pass could remove: each output element is read from where it comes from. Vectors are used along a
   dimension that is contiguous, and advances by one, on both sides. */
#include "lower.h"

typedef struct Move {
    ValueId in;
    const Type *frame;             /* the type whose elements the nest walks */
    int vdim;
    int64_t offset;                /* concat: where this operand starts along axis */
    int axis;
    /* Input coordinates of frame coordinates. */
    void (*from)(KC *, const struct Move *, const Ix *const *coord, const Ix **in);
} Move;

static void copy_body(KC *kc, const Ix *const *coord, int lanes, int n, const void *user)
{
    const Move *m = user;
    const Type *it = kc_type(kc, m->in);
    const Ix *in[MAX_RANK];
    m->from(kc, m, coord, in);
    kc_store(kc, kc_out(kc), coord, m->vdim,
             kc_load(kc, m->in, it, in, m->vdim < it->rank ? m->vdim : it->rank - 1, lanes, n), n);
}

/* concat walks the operands: store coordinates are shifted instead. */
static void concat_body(KC *kc, const Ix *const *coord, int lanes, int n, const void *user)
{
    const Move *m = user;
    const Ix *to[MAX_RANK];
    for (int i = 0; i < m->frame->rank; i++)
        to[i] = i == m->axis ? ADDC(coord[i], m->offset) : coord[i];
    kc_store(kc, kc_out(kc), to, m->vdim, kc_load(kc, m->in, m->frame, coord, m->vdim, lanes, n), n);
}

static void lower_concat(KC *kc)
{
    ValueId out = kc_out(kc);
    int rank = kc_type(kc, out)->rank, axis = (int)(kc->n->attr.axis < 0 ? kc->n->attr.axis + rank : kc->n->attr.axis);
    int64_t offset = 0;
    for (int i = 0; i < kc->n->nin; i++) {
        ValueId in = kc->n->in[i];
        const Move m = {.in = in, .frame = kc_type(kc, in), .axis = axis, .vdim = value_vdim(kc->l->g, out),
                        .offset = offset};
        bool vector = kc_vector(kc, m.in, m.frame, m.vdim) && m.frame->dim[m.vdim] > 1;
        kc_nest(kc, m.frame, m.vdim, vector ? kc->s->lanes : 1, false, concat_body, &m);
        offset += m.frame->dim[axis];
    }
}

static void from_slice(KC *kc, const Move *m, const Ix *const *coord, const Ix **in)
{
    const Attrs *a = &kc->n->attr;
    const Type *it = kc_type(kc, m->in);
    for (int i = 0; i < it->rank; i++)
        in[i] = coord[i];
    for (int k = 0; k < a->axes.n; k++) {
        int d = (int)a->axes.v[k];
        int64_t start = a->start.v[k] < 0 ? a->start.v[k] + it->dim[d] : a->start.v[k];
        start = imax(0, imin(start, it->dim[d]));
        in[d] = ADDC(MULC(coord[d], k < a->step.n ? a->step.v[k] : 1), start);
    }
}

static void from_shuffle(KC *kc, const Move *m, const Ix *const *coord, const Ix **in)
{
    int64_t g = kc->n->attr.groups, n = kc_type(kc, m->in)->dim[1] / g;
    for (int i = 0; i < kc_type(kc, m->in)->rank; i++)
        in[i] = coord[i];
    in[1] = ADD(MULC(ix_mod(kc->A, coord[1], g), n), ix_div(kc->A, coord[1], g));
}

static void from_transpose(KC *kc, const Move *m, const Ix *const *coord, const Ix **in)
{
    for (int i = 0; i < kc_type(kc, m->in)->rank; i++)
        in[kc->n->attr.perm.v[i]] = coord[i];
}

/* The result's dimension along which the operand lies, -1: that of vdim. */
static int transposed_across(const KC *kc, ValueId in, int vdim)
{
    const Ints *perm = &kc->n->attr.perm;
    int d = kc_across(kc, in, kc_type(kc, in), (int)perm->v[vdim]);
    for (int i = 0; i < perm->n && d >= 0; i++)
        if (perm->v[i] == d)
            return i;
    return -1;
}

static void from_view(KC *kc, const Move *m, const Ix *const *coord, const Ix **in)
{
    const Type *it = kc_type(kc, m->in), *ot = kc_type(kc, kc_out(kc));
    const Ix *linear = IXC(0);
    for (int i = 0; i < ot->rank; i++)
        linear = ADD(MULC(linear, ot->dim[i]), coord[i]);
    for (int i = it->rank - 1; i >= 0; i--) {
        in[i] = i ? ix_mod(kc->A, linear, it->dim[i]) : linear;
        linear = ix_div(kc->A, linear, it->dim[i]);
    }
}

static void fill_body(KC *kc, const Ix *const *coord, int lanes, int n, const void *user)
{
    kc_store(kc, kc_out(kc), coord, *(const int *)user, x_const(&kc->b, vt(DT_F32, lanes), kc->n->attr.value), n);
}

static void pad_body(KC *kc, const Ix *const *coord, int lanes, int n, const void *user)
{
    const Move *m = user;
    const Ix *to[MAX_RANK];
    for (int i = 0; i < m->frame->rank; i++)
        to[i] = ADDC(coord[i], kc->n->attr.pads.v[i]);
    kc_store(kc, kc_out(kc), to, m->vdim, kc_load(kc, m->in, m->frame, coord, m->vdim, lanes, n), n);
}

static void lower_pad(KC *kc)
{
    ValueId out = kc_out(kc);
    ValueId in = kc->n->in[0];
    const Move m = {.in = in, .frame = kc_type(kc, in), .vdim = value_vdim(kc->l->g, out)};
    kc_nest(kc, kc_type(kc, out), m.vdim, kc->s->lanes, false, fill_body, &m.vdim);
    bool vector = kc_vector(kc, m.in, m.frame, m.vdim) && m.frame->dim[m.vdim] > 1;
    kc_nest(kc, m.frame, m.vdim, vector ? kc->s->lanes : 1, false, pad_body, &m);
}

void lower_move(KC *kc)
{
    ValueId out = kc_out(kc), in = kc->n->in[0];
    kc_zero_borders(kc);
    if (kc->n->op == OP_concat) {
        lower_concat(kc);
        return;
    }
    if (kc->n->op == OP_gather || kc->n->op == OP_pad) {
        kc->n->op == OP_gather || kc->n->attr.border ? lower_picks(kc) : lower_pad(kc);
        return;
    }
    const Type *ot = kc_type(kc, out);
    Move m = {.in = in, .frame = ot, .vdim = value_vdim(kc->l->g, out)};
    switch (kc->n->op) {
    case OP_slice: m.from = from_slice; break;
    case OP_channel_shuffle: m.from = from_shuffle; break;
    case OP_transpose: m.from = from_transpose; break;
    case OP_reshape: case OP_flatten: m.from = from_view; break;
    default: bug("no lowering for operator '%s'", op_info[kc->n->op].name);
    }
    int across = kc->n->op == OP_transpose ? transposed_across(kc, in, m.vdim) : -1;
    if (across >= 0)
        kc_nest_across(kc, ot, m.vdim, across, true, copy_body, &m);
    else
        kc_nest(kc, ot, m.vdim, kc->s->lanes, true, copy_body, &m);
}
