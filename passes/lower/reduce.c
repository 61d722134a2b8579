/* mean, sum and max over any axes: one output element (or a vector of them) at a time, long sums in blocks. */
#include <math.h>

#include "lower.h"

typedef struct Red {
    const Type *it;
    int vdim, axis[MAX_RANK], naxes;             /* vdim: of the input */
    bool max;
    int64_t inner;                               /* elements of the folded axes */
} Red;

/* The elements of one result, or of a vector of them. coord: of the input. */
typedef struct ReducePlace { const Red *r; const Ix *coord[MAX_RANK]; int lanes, n; } ReducePlace;

static const Expr *load_reduced(KC *kc, const ReducePlace *p)
{
    return kc_load(kc, kc->n->in[0], p->r->it, p->coord, p->r->vdim, p->lanes, p->n);
}

/* Term i of the sum over all reduced axes, i counting row-major over them. */
static const Expr *reduced_term(KC *kc, const Ix *i, const void *user)
{
    ReducePlace p = *(const ReducePlace *)user;
    const Red *r = p.r;
    for (int k = r->naxes - 1; k >= 0; k--) {
        int64_t d = r->it->dim[r->axis[k]];
        p.coord[r->axis[k]] = k ? ix_mod(kc->A, i, d) : i;
        i = ix_div(kc->A, i, d);
    }
    return load_reduced(kc, &p);
}

/* Sums over H and W walk rows, so that no index is divided. */
static const Expr *pixel_term(KC *kc, const Ix *x, const void *user)
{
    ReducePlace p = *(const ReducePlace *)user;
    p.coord[p.r->axis[1]] = x;
    return load_reduced(kc, &p);
}

static const Expr *rows_term(KC *kc, const Ix *y, const void *user)
{
    ReducePlace p = *(const ReducePlace *)user;
    const Red *r = p.r;
    p.coord[r->axis[0]] = y;
    const Expr *zero = x_const(&kc->b, vt(DT_F32, p.lanes), r->max ? -INFINITY : 0);
    return x_reg(&kc->b, kc_fold(kc, "row", r->max ? X_maximum : X_add, zero, r->it->dim[r->axis[1]], pixel_term, &p));
}

static void reduce_vector(KC *kc, const Ix *const *coord, int lanes, int n, const void *user)
{
    const Red *r = user;
    ReducePlace p = {.r = r, .lanes = lanes, .n = n};
    KB *b = &kc->b;
    bool keep = kc->n->attr.keep, two = r->naxes == 2;
    for (int i = 0, o = 0, k = 0; i < r->it->rank; i++) {
        bool reduced = k < r->naxes && r->axis[k] == i;
        if (reduced)
            k++;
        else
            p.coord[i] = coord[keep ? i : o];
        if (!reduced)
            o++;
    }
    const Expr *zero = x_const(b, vt(DT_F32, lanes), r->max ? -INFINITY : 0);
    int acc = kc_fold(kc, "acc", r->max ? X_maximum : X_add, zero, two ? r->it->dim[r->axis[0]] : r->inner,
                      two ? rows_term : reduced_term, &p);
    const Expr *x = x_reg(b, acc);
    if (kc->n->op == OP_mean)
        x = x_bin(b, X_div, x, x_const(b, vt(DT_F32, lanes), (double)r->inner));
    kc_store_results(kc, x, coord, value_vdim(kc->l->g, kc_out(kc)), lanes, n);
}

void lower_reduce(KC *kc)
{
    ValueId in = kc->n->in[0], out = kc_out(kc);
    const Attrs *a = &kc->n->attr;
    Red r = {.it = kc_type(kc, in), .max = kc->n->op == OP_max, .naxes = a->axes.n, .inner = 1};
    for (int i = 0; i < a->axes.n; i++) {
        r.axis[i] = (int)a->axes.v[i];
        r.inner *= r.it->dim[r.axis[i]];
    }
    int vdim = value_vdim(kc->l->g, out);
    r.vdim = reduce_operand_dim(kc->l->g, kc->n, vdim);
    kc_zero_borders(kc);
    kc_nest(kc, &kc->frame, vdim, kc->s->lanes, true, reduce_vector, &r);
}
