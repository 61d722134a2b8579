/* layer_norm: (x - mean) / sqrt(var + eps) * weight + bias along one axis. Where the axis is the contiguous dimension,
   vectors run along it and their sums are folded; elsewhere vectors run across it. The variance is that of the
   differences from the mean, so that nothing cancels, and all sums are in blocks. Of rows far from zero the mean is
   rounded by much, compared with the differences: theirs has what it lacks. */
#include "lower.h"

typedef struct Ln {
    ValueId in, out, weight, bias;    /* -1: none */
    const Type *t;
    int vdim, axis, along;            /* along: lanes of vectors along the axis, 1: none */
    const Ix *coord[MAX_RANK];
    int lanes, n;                     /* of the vectors across the axis */
    int64_t first;                    /* what is left behind whole vectors along the axis begins here */
    int step;                         /* lanes of the part of the axis at work: `along` or 1 */
    const Expr *mean, *scale, *shift; /* scale: 1 / sqrt(var + eps); shift: what is added behind it */
} Ln;

static int lanes_at(const Ln *o) { return o->along > 1 ? o->step : o->lanes; }

static const Expr *input(KC *kc, const Ln *o)
{
    bool across = o->along == 1;
    return kc_load(kc, o->in, o->t, o->coord, o->vdim, lanes_at(o), across ? o->n : o->step);
}

static const Expr *centered(KC *kc, const Ln *o)
{
    return x_bin(&kc->b, X_sub, input(kc, o), x_widen(&kc->b, o->mean, lanes_at(o)));
}

static void add_to(KC *kc, int acc, const Ix *k, const Expr *x)
{
    kb_set(&kc->b, acc, k, NULL, x_bin(&kc->b, X_add, x_tile(&kc->b, acc, k, NULL), x));
}

static void add_input(KC *kc, const Ix *i, int acc, void *user)
{
    Ln *o = user;
    o->coord[o->axis] = ADDC(MULC(i, o->step), o->first);
    add_to(kc, acc, IXC(0), input(kc, o));
}

static void add_difference(KC *kc, const Ix *i, int acc, void *user)
{
    Ln *o = user;
    o->coord[o->axis] = ADDC(MULC(i, o->step), o->first);
    const Expr *d = kc_reg(kc, "d", centered(kc, o));
    add_to(kc, acc, IXC(0), x_bin(&kc->b, X_mul, d, d));
    add_to(kc, acc, IXC(1), d);
}

/* The means of n sums that `add` makes of all elements: of whole vectors along the axis, then of the rest one by one.
   Across it, vectors of means. */
static void means_of(KC *kc, Ln *o, const char *name, AddFn *add, int n, const Expr **mean)
{
    KB *b = &kc->b;
    int64_t size = o->t->dim[o->axis], whole = o->along > 1 ? size / o->along : 0;
    for (int part = 0; part < 2; part++) {
        o->step = part ? 1 : o->along;
        o->first = part ? whole * o->along : 0;
        int64_t count = part ? size - o->first : whole;
        if (!count)
            continue;
        Terms t = {.name = "i", .add = add, .user = o, .elems = n, .lanes = lanes_at(o), .least = FOLD_LONG};
        int acc = kb_tile(b, name, n, 0, x_const(b, vt(DT_F32, t.lanes), 0));
        kc_add_up(kc, &t, IXC(0), IXC(count), count, acc);
        for (int k = 0; k < n; k++) {
            const Expr *x = x_tile(b, acc, IXC(k), NULL);
            if (o->along > 1 && !part)
                x = x_un(b, X_hsum, x);
            mean[k] = part && whole ? x_bin(b, X_add, mean[k], x) : x;
        }
    }
    for (int k = 0; k < n; k++)
        mean[k] = x_bin(b, X_div, mean[k], x_const(b, mean[k]->type, (double)size));
}

/* Stores the elements from coordinate `at` of the axis on. */
static void result(KC *kc, Ln *o, const Ix *at, int lanes, int n)
{
    KB *b = &kc->b;
    bool along = o->along > 1;
    o->coord[o->axis] = at;
    const Expr *y = x_fma(b, kc->t->fma, centered(kc, o), x_widen(b, o->scale, lanes), x_widen(b, o->shift, lanes));
    const Expr *w = o->weight < 0 ? NULL : kc_load_param(kc, o->weight, at, along, lanes, n);
    const Expr *c = o->bias < 0 ? NULL : kc_load_param(kc, o->bias, at, along, lanes, n);
    if (w && c)
        y = x_fma(b, kc->t->fma, y, w, c);
    else if (w)
        y = x_bin(b, X_mul, y, w);
    kc_store(kc, o->out, o->coord, o->vdim, y, n);
}

static void results(KC *kc, Ln *o)
{
    int64_t size = o->t->dim[o->axis], whole = o->along > 1 ? size / o->along * o->along : 0;
    for (int part = 0; part < 2; part++) {
        int64_t lo = part ? whole : 0, hi = part ? size : whole;
        o->step = part ? 1 : o->along;
        if (lo == hi)
            continue;
        const Ix *i = IXV(kb_for(&kc->b, LOOP_SERIAL, "i", IXC(lo), IXC(hi), o->step));
        result(kc, o, i, lanes_at(o), o->along > 1 ? o->step : o->n);
        kb_end(&kc->b);
    }
}

static void body(KC *kc, const Ix *const *coord, int lanes, int n, void *user)
{
    Ln *o = user;
    KB *b = &kc->b;
    for (int i = 0; i < o->t->rank; i++)
        o->coord[i] = coord[i];
    o->lanes = lanes, o->n = n;
    const Expr *mean, *of[2];
    means_of(kc, o, "sum", add_input, 1, &mean);
    o->mean = kc_reg(kc, "mean", mean);
    means_of(kc, o, "sums", add_difference, 2, of);
    const Expr *off = kc_reg(kc, "off", of[1]), *zero = x_const(b, off->type, 0);
    const Expr *var = x_bin(b, X_max, zero, x_bin(b, X_sub, of[0], x_bin(b, X_mul, off, off)));
    const Expr *sd = x_un(b, X_sqrt, x_bin(b, X_add, var, x_const(b, var->type, kc->n->attr.eps)));
    o->scale = kc_reg(kc, "scale", x_bin(b, X_div, x_const(b, var->type, 1), sd));
    o->shift = kc_reg(kc, "shift", x_un(b, X_neg, x_bin(b, X_mul, off, o->scale)));
    results(kc, o);
}

void lower_layer_norm(KC *kc)
{
    const Node *n = kc->n;
    Ln o = {.in = n->in[0], .out = kc_out(kc), .weight = n->nin > 1 ? n->in[1] : -1, .bias = n->nin > 2 ? n->in[2] : -1,
            .t = kc_type(kc, kc_out(kc)), .axis = (int)n->attr.axis, .along = 1};
    o.vdim = value_vdim(kc->l->g, o.out);
    bool inside = o.axis == o.vdim;
    int lanes = kc->s->lanes;
    while (inside && lanes > 1 && lanes > o.t->dim[o.axis])
        lanes = lanes / 2 < kc->t->min_lanes ? 1 : lanes / 2;
    if (inside)
        o.along = lanes;
    Type frame = *o.t;
    frame.dim[o.axis] = 1;
    kc_zero_borders(kc);
    kc_nest(kc, &frame, o.vdim, inside ? 1 : lanes, true, body, &o);
}
