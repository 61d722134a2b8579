/* layer_norm: (x - mean) / sqrt(var + eps) * weight + bias along one axis. Where the axis is the contiguous dimension,
   vectors run along it and their sums are folded; elsewhere vectors run across it. The variance is that of the
   differences from the mean, so that nothing cancels, and all sums are in blocks. Of rows far from zero the mean is
   rounded by much, compared with the differences: theirs has what it lacks. */
#include "lower.h"

typedef struct Ln {
    ValueId in, out, weight, bias;    /* -1: none */
    const Type *t;
    int vdim, axis, along;            /* along: lanes of vectors along the axis, 1: none */
} Ln;

/* The elements of an axis. Vectors across it have `lanes`, of which n are valid. */
typedef struct LayerNormPlace {
    const Ln *o;
    const Ix *coord[MAX_RANK];
    int lanes, n;
    int64_t first;                    /* what is left behind whole vectors along the axis begins here */
    int step;                         /* lanes of the part of the axis at work: `along` or 1 */
    const Expr *mean, *scale, *shift; /* scale: 1 / sqrt(var + eps); shift: what is added behind it */
} LayerNormPlace;

static int lanes_at(const LayerNormPlace *p) { return p->o->along > 1 ? p->step : p->lanes; }

/* The elements from coordinate `at` of the axis on. */
static const Expr *input(KC *kc, const LayerNormPlace *p, const Ix *at)
{
    LayerNormPlace here = *p;
    here.coord[p->o->axis] = at;
    return kc_load(kc, p->o->in, p->o->t, here.coord, p->o->vdim, lanes_at(p), p->o->along == 1 ? p->n : p->step);
}

static const Expr *centered(KC *kc, const LayerNormPlace *p, const Ix *at)
{
    return x_bin(&kc->b, X_sub, input(kc, p, at), x_widen(&kc->b, p->mean, lanes_at(p)));
}

static void add_to(KC *kc, int acc, const Ix *k, const Expr *x)
{
    kb_set(&kc->b, acc, k, NULL, x_bin(&kc->b, X_add, x_tile(&kc->b, acc, k, NULL), x));
}

static void add_input(KC *kc, const Ix *i, int acc, const void *user)
{
    const LayerNormPlace *p = user;
    add_to(kc, acc, IXC(0), input(kc, p, ADDC(MULC(i, p->step), p->first)));
}

static void add_difference(KC *kc, const Ix *i, int acc, const void *user)
{
    const LayerNormPlace *p = user;
    const Expr *d = kc_reg(kc, "d", centered(kc, p, ADDC(MULC(i, p->step), p->first)));
    add_to(kc, acc, IXC(0), x_bin(&kc->b, X_mul, d, d));
    add_to(kc, acc, IXC(1), d);
}

/* The means of n sums that `add` makes of all elements: of whole vectors along the axis, then of the rest one by one.
   Across it, vectors of means. */
static void means_of(KC *kc, LayerNormPlace p, const char *name, AddFn *add, int n, const Expr **mean)
{
    KB *b = &kc->b;
    const Ln *o = p.o;
    int64_t size = o->t->dim[o->axis], whole = o->along > 1 ? size / o->along : 0;
    for (int part = 0; part < 2; part++) {
        p.step = part ? 1 : o->along;
        p.first = part ? whole * o->along : 0;
        int64_t count = part ? size - p.first : whole;
        if (!count)
            continue;
        Terms t = {.name = "i", .add = add, .user = &p, .elems = n, .lanes = lanes_at(&p), .least = FOLD_LONG};
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
static void result(KC *kc, LayerNormPlace p, const Ix *at)
{
    KB *b = &kc->b;
    const Ln *o = p.o;
    bool along = o->along > 1;
    int lanes = lanes_at(&p), n = along ? p.step : p.n;
    const Expr *y = x_fma(b, kc->t->fma, centered(kc, &p, at), x_widen(b, p.scale, lanes), x_widen(b, p.shift, lanes));
    const Expr *w = o->weight < 0 ? NULL : kc_load_param(kc, o->weight, at, along, lanes, n);
    const Expr *c = o->bias < 0 ? NULL : kc_load_param(kc, o->bias, at, along, lanes, n);
    if (w && c)
        y = x_fma(b, kc->t->fma, y, w, c);
    else if (w)
        y = x_bin(b, X_mul, y, w);
    p.coord[o->axis] = at;
    kc_store(kc, o->out, p.coord, o->vdim, y, n);
}

static void results(KC *kc, LayerNormPlace p)
{
    const Ln *o = p.o;
    int64_t size = o->t->dim[o->axis], whole = o->along > 1 ? size / o->along * o->along : 0;
    for (int part = 0; part < 2; part++) {
        int64_t lo = part ? whole : 0, hi = part ? size : whole;
        p.step = part ? 1 : o->along;
        if (lo == hi)
            continue;
        result(kc, p, IXV(kb_for(&kc->b, LOOP_SERIAL, "i", IXC(lo), IXC(hi), p.step)));
        kb_end(&kc->b);
    }
}

static void norm_vector(KC *kc, const Ix *const *coord, int lanes, int n, const void *user)
{
    LayerNormPlace p = {.o = user, .lanes = lanes, .n = n};
    KB *b = &kc->b;
    for (int i = 0; i < p.o->t->rank; i++)
        p.coord[i] = coord[i];
    const Expr *mean, *of[2];
    means_of(kc, p, "sum", add_input, 1, &mean);
    p.mean = kc_reg(kc, "mean", mean);
    means_of(kc, p, "sums", add_difference, 2, of);
    const Expr *off = kc_reg(kc, "off", of[1]), *zero = x_const(b, off->type, 0);
    const Expr *var = x_bin(b, X_max, zero, x_bin(b, X_sub, of[0], x_bin(b, X_mul, off, off)));
    const Expr *sd = x_un(b, X_sqrt, x_bin(b, X_add, var, x_const(b, var->type, kc->n->attr.eps)));
    p.scale = kc_reg(kc, "scale", x_bin(b, X_div, x_const(b, var->type, 1), sd));
    p.shift = kc_reg(kc, "shift", x_un(b, X_neg, x_bin(b, X_mul, off, p.scale)));
    results(kc, p);
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
    kc_nest(kc, &frame, o.vdim, inside ? 1 : lanes, true, norm_vector, &o);
}
