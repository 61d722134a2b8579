/* softmax, softmin and l2_normalize. Where the axis is the contiguous dimension, vectors run along it and are folded;
   elsewhere vectors run across it. softmin is softmax of -x, so exp never overflows in either. */
#include <math.h>

#include "lower.h"

typedef struct Norm {
    ValueId in, out;
    const Type *t;
    int vdim, axis;
    bool along;            /* axis is vdim */
} Norm;

/* An element of the axis, or a vector of elements across it, of which n are valid. */
typedef struct SoftmaxPlace {
    const Norm *o;
    const Ix *coord[MAX_RANK];
    int lanes, n;
    const Expr *m, *s;     /* maximum and sum over the axis */
} SoftmaxPlace;

static const Expr *load_element(KC *kc, const SoftmaxPlace *p, ValueId v, int lanes, int n)
{
    return kc_load(kc, v, p->o->t, p->coord, p->o->vdim, lanes, n);
}

static const Expr *score(KC *kc, const SoftmaxPlace *p, int lanes, int n)
{
    const Expr *x = load_element(kc, p, p->o->in, lanes, n);
    return kc->n->op == OP_softmin ? x_un(&kc->b, X_neg, x) : x;
}

typedef void StepFn(KC *, const SoftmaxPlace *, int lanes, int n, int acc);

/* A walk along the axis from element `from` on, `by` elements at a time. */
typedef struct Steps { const SoftmaxPlace *p; StepFn *step; int64_t from, by; int lanes, n; } Steps;

static void step_at(KC *kc, const Steps *s, const Ix *at, int acc)
{
    SoftmaxPlace p = *s->p;
    p.coord[p.o->axis] = at;
    s->step(kc, &p, s->lanes, s->n, acc);
}

static void one_step(KC *kc, const Ix *i, int acc, const void *user)
{
    const Steps *s = user;
    step_at(kc, s, ADDC(MULC(i, s->by), s->from), acc);
}

static void steps(KC *kc, Steps s, int64_t to, XOp combine, int acc)
{
    int64_t count = (to - s.from) / s.by;
    if (combine == X_add && count >= LONG_SUM) {
        Terms t = {.name = "i", .add = one_step, .user = &s, .lanes = s.lanes};
        kc_add_up(kc, &t, IXC(0), IXC(count), count, acc);
        return;
    }
    step_at(kc, &s, IXV(kb_for(&kc->b, LOOP_SERIAL, "i", IXC(s.from), IXC(to), s.by)), acc);
    kb_end(&kc->b);
}

/* Runs step over the axis with an accumulator; returns the folded scalar (along) or the vector of results (across). */
static const Expr *walk(KC *kc, const SoftmaxPlace *p, const char *name, double zero, XOp combine, XOp fold,
                        StepFn *step)
{
    KB *b = &kc->b;
    bool along = p->o->along;
    int64_t size = p->o->t->dim[p->o->axis];
    int L = along ? kc->s->lanes : 1;
    int64_t whole = along ? size / L * L : 0;
    const Expr *r = NULL;
    if (along && L > 1 && whole) {
        int acc = step && combine != X_const ? kb_let(b, name, x_const(b, vt(DT_F32, L), zero)) : -1;
        steps(kc, (Steps){p, step, 0, L, L, L}, whole, combine, acc);
        r = acc >= 0 ? x_un(b, fold, x_reg(b, acc)) : NULL;
    } else
        whole = 0;
    if (whole == size)
        return r;
    int lanes = along ? 1 : p->lanes, n = along ? 1 : p->n;
    int acc = combine != X_const ? kb_let(b, name, r ? r : x_const(b, vt(DT_F32, lanes), zero)) : -1;
    steps(kc, (Steps){p, step, whole, 1, lanes, n}, size, combine, acc);
    return acc >= 0 ? x_reg(b, acc) : NULL;
}

static void add_to(KC *kc, int acc, XOp op, const Expr *x)
{
    kb_set(&kc->b, acc, NULL, NULL, x_bin(&kc->b, op, x_reg(&kc->b, acc), x));
}

static void max_step(KC *kc, const SoftmaxPlace *p, int lanes, int n, int acc)
{
    add_to(kc, acc, X_max, score(kc, p, lanes, n));
}

static void exp_step(KC *kc, const SoftmaxPlace *p, int lanes, int n, int acc)
{
    KB *b = &kc->b;
    const Expr *e = x_un(b, X_exp, x_bin(b, X_sub, score(kc, p, lanes, n), x_widen(b, p->m, lanes)));
    e = kc_reg(kc, "e", e);
    kc_store(kc, p->o->out, p->coord, p->o->vdim, e, n);
    add_to(kc, acc, X_add, e);
}

static void div_step(KC *kc, const SoftmaxPlace *p, int lanes, int n, int acc)
{
    (void)acc;
    const Expr *x = x_bin(&kc->b, X_div, load_element(kc, p, p->o->out, lanes, n), x_widen(&kc->b, p->s, lanes));
    kc_store(kc, p->o->out, p->coord, p->o->vdim, x, n);
}

static void softmax_body(KC *kc, const Ix *const *coord, int lanes, int n, const void *user)
{
    SoftmaxPlace p = {.o = user, .lanes = lanes, .n = n};
    for (int i = 0; i < p.o->t->rank; i++)
        p.coord[i] = coord[i];
    p.m = kc_reg(kc, "m", walk(kc, &p, "m", -INFINITY, X_max, X_hmax, max_step));
    p.s = kc_reg(kc, "s", walk(kc, &p, "s", 0, X_add, X_hsum, exp_step));
    walk(kc, &p, "", 0, X_const, X_const, div_step);
}

void lower_softmax(KC *kc)
{
    Norm o = {.in = kc->n->in[0], .out = kc_out(kc), .t = kc_type(kc, kc_out(kc))};
    o.axis = (int)(kc->n->attr.axis < 0 ? kc->n->attr.axis + o.t->rank : kc->n->attr.axis);
    o.vdim = value_vdim(kc->l->g, o.out);
    o.along = o.axis == o.vdim;
    Type frame = *o.t;
    frame.dim[o.axis] = 1;
    kc_zero_borders(kc);
    kc_nest(kc, &frame, o.vdim, o.along ? 1 : kc->s->lanes, true, softmax_body, &o);
}

/* x / max(sqrt(sum x^2), eps): the sum in vectors where all reduced elements are contiguous. */
typedef struct L2 {
    ValueId in, out;
    const Type *t;
    int vdim;
    bool reduced[MAX_RANK];
    Type inner;            /* the reduced dimensions, others 1 */
} L2;

/* The elements that are normalized together. acc: the register with their squares' sum. norm: its root. */
typedef struct L2Row { const L2 *o; const Ix *outer[MAX_RANK]; int acc; const Expr *norm; } L2Row;

static void l2_coord(const L2Row *r, const Ix *const *coord, const Ix **at)
{
    for (int i = 0; i < r->o->t->rank; i++)
        at[i] = r->o->reduced[i] ? coord[i] : r->outer[i];
}

/* Squares along the contiguous dimension from `first` on, `lanes` at a time. */
typedef struct L2Run { const L2 *o; const Ix *at[MAX_RANK]; int64_t first; int lanes; } L2Run;

static const Expr *square(KC *kc, const L2Run *r, const Ix *at)
{
    const Ix *coord[MAX_RANK];
    for (int i = 0; i < r->o->t->rank; i++)
        coord[i] = i == r->o->vdim ? at : r->at[i];
    const Expr *x = kc_reg(kc, "x", kc_load(kc, r->o->in, r->o->t, coord, r->o->vdim, r->lanes, r->lanes));
    return x_bin(&kc->b, X_mul, x, x);
}

static const Expr *square_term(KC *kc, const Ix *i, const void *user)
{
    const L2Run *r = user;
    return square(kc, r, ADDC(MULC(i, r->lanes), r->first));
}

static void square_body(KC *kc, const Ix *const *coord, int lanes, int n, const void *user)
{
    (void)lanes, (void)n;
    const L2Row *row = user;
    const L2 *o = row->o;
    KB *b = &kc->b;
    L2Run r = {.o = o, .lanes = kc->s->lanes};
    l2_coord(row, coord, r.at);
    int64_t size = o->reduced[o->vdim] ? o->t->dim[o->vdim] : 1;
    for (int part = 0; part < 2; part++) { /* whole vectors, then the rest one by one */
        int64_t count = part ? size % kc->s->lanes : size / kc->s->lanes;
        if (!count)
            continue;
        if (part)
            r.first = size - count, r.lanes = 1;
        const Expr *zero = x_const(b, vt(DT_F32, r.lanes), 0), *sum;
        if (size == 1)
            sum = square(kc, &r, r.at[o->vdim]);
        else
            sum = x_reg(b, kc_fold(kc, "squares", X_add, zero, count, square_term, &r));
        if (r.lanes > 1)
            sum = x_un(b, X_hsum, sum);
        kb_set(b, row->acc, NULL, NULL, x_bin(b, X_add, x_reg(b, row->acc), sum));
    }
}

/* Row i of those along vdim, counted row-major over the other reduced dimensions. */
static void add_row(KC *kc, const Ix *i, int acc, const void *user)
{
    L2Row r = *(const L2Row *)user;
    const Ix *coord[MAX_RANK];
    for (int d = r.o->t->rank - 1; d >= 0; d--) {
        int64_t size = d == r.o->vdim ? 1 : r.o->inner.dim[d];
        coord[d] = ix_mod(kc->A, i, size);
        i = ix_div(kc->A, i, size);
    }
    r.acc = acc;
    square_body(kc, coord, 1, 1, &r);
}

static void scale_body(KC *kc, const Ix *const *coord, int lanes, int n, const void *user)
{
    const L2Row *r = user;
    const L2 *o = r->o;
    const Ix *at[MAX_RANK];
    l2_coord(r, coord, at);
    const Expr *x = kc_load(kc, o->in, o->t, at, o->vdim, lanes, n);
    kc_store(kc, o->out, at, o->vdim, x_bin(&kc->b, X_div, x, x_widen(&kc->b, r->norm, lanes)), n);
}

static void l2_body(KC *kc, const Ix *const *coord, int lanes, int n, const void *user)
{
    (void)lanes, (void)n;
    const L2 *o = user;
    L2Row r = {.o = o};
    KB *b = &kc->b;
    for (int i = 0; i < o->t->rank; i++)
        r.outer[i] = coord[i];
    r.acc = kb_let(b, "sum", x_const(b, vt(DT_F32, 1), 0));
    Type rows = o->inner;
    rows.dim[o->vdim] = 1;
    int64_t count = type_elems(&rows);
    if (count < LONG_SUM) {
        kc_nest(kc, &rows, o->vdim, 1, false, square_body, &r);
    } else {
        Terms t = {.name = "row", .add = add_row, .user = &r, .lanes = 1};
        kc_add_up(kc, &t, IXC(0), IXC(count), count, r.acc);
    }
    const Expr *eps = x_const(b, vt(DT_F32, 1), kc->n->attr.eps);
    r.norm = kc_reg(kc, "norm", x_bin(b, X_max, eps, x_un(b, X_sqrt, x_reg(b, r.acc))));
    kc_nest(kc, &o->inner, o->vdim, kc->s->lanes, false, scale_body, &r);
}

void lower_l2(KC *kc)
{
    L2 o = {.in = kc->n->in[0], .out = kc_out(kc), .t = kc_type(kc, kc_out(kc))};
    const Ints *axes = &kc->n->attr.axes;
    o.vdim = value_vdim(kc->l->g, o.out);
    Type frame = *o.t;
    o.inner = *o.t;
    for (int i = 0; i < axes->n; i++)
        o.reduced[axes->v[i]] = true;
    for (int i = 0; i < o.t->rank; i++)
        *(o.reduced[i] ? &frame.dim[i] : &o.inner.dim[i]) = 1;
    kc_zero_borders(kc);
    kc_nest(kc, &frame, o.vdim, 1, true, l2_body, &o);
}
