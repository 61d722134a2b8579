/* Do the offsets of a kernel fit int? Ranges of variables say so; where a table's number is part of an offset, the
   sizes of the buffers do. */
#include "c.h"

static bool int_fits(int64_t x)
{
    return x >= -INT32_MAX && x <= INT32_MAX;
}

static bool ix_fits(const KPrint *k, const Ix *x)
{
    for (int i = 0; i < x->n; i++) {
        const Atom *a = &x->t[i].atom;
        if (!int_fits(x->t[i].k) || (a->a && !ix_fits(k, a->a)) || (a->b && !ix_fits(k, a->b)))
            return false;
        Range r = ix_range(k->range, &(Ix){0, 1, &x->t[i]});
        if (r.known && (!int_fits(r.lo) || !int_fits(r.hi)))
            return false;
    }
    Range r = ix_range(k->range, x);
    return int_fits(x->c) && (!r.known || (int_fits(r.lo) && int_fits(r.hi)));
}

static bool expr_fits(KPrint *k, const Expr *e)
{
    if (e->op == X_index && !ix_fits(k, e->ix[0]))
        return false;
    if (e->op == X_load && !ix_fits(k, linear_offset(k->A, k->k, e->ref, e->nix, e->ix)))
        return false;
    for (int i = 0; i < xop_info[e->op].arity; i++)
        if (!expr_fits(k, e->a[i]))
            return false;
    return true;
}

static bool block_fits(KPrint *k, const Block *b)
{
    for (int i = 0; i < b->n; i++) {
        const Stmt *s = b->v[i];
        if (s->kind == ST_FOR) {
            loop_range(k->range, s);
            if (!ix_fits(k, s->lo) || !ix_fits(k, s->hi) || !int_fits(s->step) || !block_fits(k, &s->body))
                return false;
        } else if (s->kind == ST_INDEX)
            k->range[s->var] = (Range){0};
        bool memory = s->kind == ST_STORE || s->kind == ST_PREFETCH || s->kind == ST_INDEX || s->kind == ST_PTR;
        if ((memory && !ix_fits(k, linear_offset(k->A, k->k, s->ref, s->nix, s->ix))) ||
            (s->val && !expr_fits(k, s->val)))
            return false;
    }
    return true;
}

static bool params_fit(const Kernel *k)
{
    for (int i = 0; i < k->param.n; i++) {
        int64_t n = 1;
        for (int d = 0; d < k->param.v[i].rank; d++)
            if (!mul_ok(n, k->param.v[i].dim[d], &n) || !int_fits(n))
                return false;
    }
    return true;
}

bool c_fits_int(KPrint *k, const Block *body)
{
    return params_fit(k->k) && block_fits(k, body);
}
