/* Ranges of index expressions by interval arithmetic, and where accesses lie. */
#include "loop_facts.h"

static Range atom_range(const Range *var, const Atom *a)
{
    if (a->kind == ATOM_VAR)
        return var ? var[a->var] : (Range){0};
    Range x = ix_range(var, a->a);
    switch (a->kind) {
    case ATOM_DIV:
        return (Range){floor_div(x.lo, a->k), floor_div(x.hi, a->k), x.known};
    case ATOM_MOD:
        if (x.known && floor_div(x.lo, a->k) == floor_div(x.hi, a->k)) {
            int64_t base = floor_div(x.lo, a->k) * a->k;
            return (Range){x.lo - base, x.hi - base, true};
        }
        return (Range){0, a->k - 1, true};
    default: {
        Range y = ix_range(var, a->b);
        bool known = x.known && y.known;
        return a->kind == ATOM_MIN ? (Range){imin(x.lo, y.lo), imin(x.hi, y.hi), known}
                                   : (Range){imax(x.lo, y.lo), imax(x.hi, y.hi), known};
    }
    }
}

/* Sums saturate: a range that is not known for certain to fit is no use to anybody. */
static bool scaled_add(int64_t *sum, int64_t k, int64_t x)
{
    int64_t kx;
    return mul_ok(k, x, &kx) && add_ok(*sum, kx, sum);
}

Range ix_range(const Range *var, const Ix *x)
{
    Range r = {x->c, x->c, true};
    for (int i = 0; i < x->n; i++) {
        Range a = atom_range(var, &x->t[i].atom);
        int64_t k = x->t[i].k;
        r.known = r.known && a.known && scaled_add(&r.lo, k, k > 0 ? a.lo : a.hi) &&
                  scaled_add(&r.hi, k, k > 0 ? a.hi : a.lo);
    }
    return r;
}

void loop_range(Range *var, const Stmt *s)
{
    Range lo = ix_range(var, s->lo), hi = ix_range(var, s->hi);
    bool known = lo.known && hi.known;
    int64_t last = known && lo.lo == lo.hi ? lo.lo + floor_div(hi.hi - 1 - lo.lo, s->step) * s->step : hi.hi - 1;
    var[s->var] = (Range){lo.lo, imax(last, lo.lo), known};
}

const Ix *linear_offset(Arena *A, const Kernel *k, int ref, int nix, const Ix *const *ix)
{
    if (ref < 0)
        return ix[0];
    const KParam *p = &k->param.v[ref];
    const Ix *at = ix_const(A, 0);
    int64_t stride = 1;
    for (int d = nix - 1; d >= 0; d--) {
        at = ix_add(A, at, ix_mulc(A, ix[d], stride));
        stride *= p->dim[d];
    }
    return at;
}

int64_t reg_elems(const Reg *r)
{
    int64_t n = 1;
    for (int i = 0; i < r->rank; i++)
        n *= r->dim[i];
    return n;
}

int64_t reg_offset(const Reg *r, int nix, const Ix *const *ix)
{
    int64_t at = 0;
    for (int i = 0; i < nix; i++) {
        if (!ix_is_const(ix[i]))
            bug("an index of register %s is not a constant: loop-unroll comes first", r->name);
        at = at * r->dim[i] + ix[i]->c;
    }
    return at;
}
