/* argmax and argmin: the best so far and where it was. Vectors lie across the axis or, where that is the contiguous
   dimension, along it; then each lane has a best of its own, and in the end the lanes are compared. */
#include "lower.h"

typedef struct Best {
    ValueId in;
    const Type *it;
    int axis, vdim;                /* vdim: of the input */
    int along;                     /* lanes along the axis, 1: across it or none */
} Best;

/* One element of the result, or a vector of them. coord: of the input. */
typedef struct Place { const Best *best; const Ix *coord[MAX_RANK]; int lanes, n; } Place;

/* p where x is better than y, else q. also: or as good. */
static const Expr *better(KC *kc, bool also, const Expr *x, const Expr *y, const Expr *p, const Expr *q)
{
    if (kc->n->op == OP_argmin) {
        const Expr *t = x;
        x = y, y = t;
    }
    return also ? x_select_ge(&kc->b, x, y, p, q) : x_select_gt(&kc->b, x, y, p, q);
}

static void take(KC *kc, int best, int at, const Expr *x, const Expr *i)
{
    KB *b = &kc->b;
    x = kc_reg(kc, "x", x);
    i = x_widen(b, i, x->type.lanes);
    kb_set(b, at, NULL, NULL, better(kc, kc->n->attr.last, x, x_reg(b, best), i, x_reg(b, at)));
    kb_set(b, best, NULL, NULL, x_bin(b, kc->n->op == OP_argmin ? X_min : X_max, x, x_reg(b, best)));
}

static const Expr *load_along(KC *kc, Place p, const Ix *i)
{
    const Best *a = p.best;
    p.coord[a->axis] = i;
    return kc_load(kc, a->in, a->it, p.coord, a->vdim, p.lanes, p.n);
}

/* Elements from..to of the axis, `by` at a time, into registers that have what stands before. */
static void walk(KC *kc, const Place *p, int best, int at, int64_t from, int64_t to, int64_t by)
{
    if (from >= to)
        return;
    const Ix *i = IXV(kb_for(&kc->b, LOOP_SERIAL, "i", IXC(from), IXC(to), by));
    take(kc, best, at, load_along(kc, *p, i), x_cast(&kc->b, X_convert, DT_F32, x_index(&kc->b, i)));
    kb_end(&kc->b);
}

/* The best of all lanes; among equal ones the first, or the last. */
static void best_of_lanes(KC *kc, const Best *a, const Expr *best, const Expr *at, int to_best, int to_at)
{
    KB *b = &kc->b;
    for (int k = 1; k < a->along; k++) {
        const Expr *x = kc_reg(kc, "x", x_lane(b, best, k)), *old = x_reg(b, to_best);
        const Expr *i = kc_reg(kc, "at", x_bin(b, X_add, x_lane(b, at, k), x_const(b, vt(DT_F32, 1), k)));
        const Expr *same = x_bin(b, kc->n->attr.last ? X_max : X_min, i, x_reg(b, to_at));
        kb_set(b, to_at, NULL, NULL, better(kc, false, x, old, i, better(kc, true, x, old, same, x_reg(b, to_at))));
        kb_set(b, to_best, NULL, NULL, x_bin(b, kc->n->op == OP_argmin ? X_min : X_max, x, old));
    }
}

/* Whole vectors of the axis; returns how many elements that were. */
static int64_t vectors(KC *kc, const Place *one, int *best, int *at)
{
    KB *b = &kc->b;
    const Best *a = one->best;
    int L = a->along;
    Place p = *one;
    p.lanes = p.n = L;
    int64_t whole = a->it->dim[a->axis] / L * L;
    int v = kb_let(b, "lanes", load_along(kc, p, IXC(0))), i = kb_let(b, "from", x_const(b, vt(DT_F32, L), 0));
    walk(kc, &p, v, i, L, whole, L);
    *best = kb_let(b, "best", x_lane(b, x_reg(b, v), 0));
    *at = kb_let(b, "at", x_lane(b, x_reg(b, i), 0));
    best_of_lanes(kc, a, x_reg(b, v), x_reg(b, i), *best, *at);
    return whole;
}

static void body(KC *kc, const Ix *const *coord, int lanes, int n, const void *user)
{
    const Best *a = user;
    Place p = {.best = a, .lanes = lanes, .n = n};
    KB *b = &kc->b;
    for (int d = 0, o = 0; d < a->it->rank; d++)
        if (d != a->axis)
            p.coord[d] = coord[o++];
        else
            o += kc->n->attr.keep;
    int best, at;
    int64_t from = 1;
    if (a->along > 1) {
        from = vectors(kc, &p, &best, &at);
    } else {
        best = kb_let(b, "best", load_along(kc, p, IXC(0)));
        at = kb_let(b, "at", x_const(b, vt(DT_F32, lanes), 0));
    }
    walk(kc, &p, best, at, from, a->it->dim[a->axis], 1);
    kc_store(kc, kc_out(kc), coord, value_vdim(kc->l->g, kc_out(kc)), x_reg(b, at), n);
}

void lower_arg(KC *kc)
{
    ValueId out = kc_out(kc);
    const Type *ot = kc_type(kc, out);
    Best a = {.in = kc->n->in[0], .it = kc_type(kc, kc->n->in[0]), .axis = (int)kc->n->attr.axis, .along = 1};
    int across = arg_across(kc->l->g, kc->n);
    a.vdim = across >= 0 ? across : a.axis;
    if (across < 0)
        a.along = kc->s->lanes;
    kc_zero_borders(kc);
    kc_nest(kc, ot, value_vdim(kc->l->g, out), across >= 0 ? kc->s->lanes : 1, true, body, &a);
}
