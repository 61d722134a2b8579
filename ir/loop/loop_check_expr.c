/* What stands in a kernel's statements: index expressions, accesses, values. */
#include "loop_check.h"

#include <math.h>

#define MAX_ADDRESS ((int64_t)1 << 60) /* of an element within a parameter */

void lc_error(KernelCheck *c, const char *fmt, ...)
{
    if (c->error)
        return;
    va_list ap;
    va_start(ap, fmt);
    c->error = arena_printf(c->A, "kernel %s: %s", c->k->name, arena_vprintf(c->A, fmt, ap));
    va_end(ap);
}

/* ---- index expressions ---- */

static void check_atom(KernelCheck *c, const Atom *a)
{
    if (a->kind == ATOM_VAR) {
        bool exists = a->var >= 0 && a->var < c->k->var.n;
        if (!exists || !c->var[a->var])
            lc_error(c, "variable %s is not defined here", exists ? c->k->var.v[a->var].name : "without a name");
        return;
    }
    lc_ix(c, a->a);
    if (a->kind == ATOM_MIN || a->kind == ATOM_MAX)
        lc_ix(c, a->b);
    else if (a->k < 1)
        lc_error(c, "division of an index by %lld", (long long)a->k);
}

static int64_t range_magnitude(Range r)
{
    return imax(-r.lo, r.hi);
}

/* No partial sum leaves 2^47, even if every variable took the value 1. */
void lc_ix(KernelCheck *c, const Ix *x)
{
    bool fits = x->c >= -LC_MAX_INDEX && x->c <= LC_MAX_INDEX;
    int64_t sum = fits ? (x->c < 0 ? -x->c : x->c) : 0;
    for (int i = 0; i < x->n && fits && !c->error; i++) {
        check_atom(c, &x->t[i].atom);
        if (c->error)
            return;
        Range a = ix_range(c->range, &(Ix){0, 1, &(Term){1, x->t[i].atom}});
        int64_t k = x->t[i].k, m;
        fits = a.known && k >= -LC_MAX_INDEX && k <= LC_MAX_INDEX &&
               mul_ok(k < 0 ? -k : k, imax(1, range_magnitude(a)), &m) && add_ok(sum, m, &sum) && sum <= LC_MAX_INDEX;
    }
    if (!fits)
        lc_error(c, "an index may be larger than 2^47");
}

/* Every value of x lies in it. */
Range lc_range(KernelCheck *c, const Ix *x)
{
    lc_ix(c, x);
    return c->error ? (Range){0, 0, true} : ix_range(c->range, x);
}

/* Only of constants and variables that unrolling makes constant. */
bool lc_is_fixed(KernelCheck *c, const Ix *x)
{
    for (int v = 0; v < c->k->var.n; v++)
        if (!c->fixed[v] && ix_uses(x, v))
            return false;
    return true;
}

/* ---- buffers, registers and pointers ---- */

static const KParam *check_ref(KernelCheck *c, int ref)
{
    const Kernel *k = c->k;
    if (ref >= k->param.n || (ref < 0 && ~ref >= k->ptr.n))
        lc_error(c, "an access to nothing");
    else if (ref < 0 && !c->ptr[~ref])
        lc_error(c, "pointer %s is not defined here", k->ptr.v[~ref].name);
    return c->error ? NULL : &k->param.v[ref_param(k, ref)];
}

/* The parameter that ref[ix...] is in; NULL after an error. *far: no address is further from its first element. */
const KParam *lc_at(KernelCheck *c, int ref, int n, const Ix *const *ix, int64_t *far)
{
    const KParam *p = check_ref(c, ref);
    if (!p)
        return NULL;
    int rank = ref_rank(c->k, ref);
    if (n != rank)
        lc_error(c, "%d indices for %s of rank %d", n, ref >= 0 ? p->name : c->k->ptr.v[~ref].name, rank);
    int64_t stride = 1, address = ref < 0 ? c->far[~ref] : 0, b;
    for (int i = n - 1; i >= 0 && !c->error; i--) {
        int64_t m = range_magnitude(lc_range(c, ix[i]));
        if (!mul_ok(m, stride, &b) || !add_ok(address, b, &address) || address > MAX_ADDRESS)
            lc_error(c, "an address in %s may be larger than 2^60", p->name);
        stride *= ref >= 0 ? p->dim[i] : 1;
    }
    *far = address;
    return c->error ? NULL : p;
}

void lc_tile(KernelCheck *c, int reg, int n, const Ix *const *ix)
{
    if (reg < 0 || reg >= c->k->reg.n) {
        lc_error(c, "an access to a register that does not exist");
        return;
    }
    const Reg *r = &c->k->reg.v[reg];
    if (!c->reg[reg])
        lc_error(c, "register %s is not defined here", r->name);
    else if (n != r->rank)
        lc_error(c, "%d indices for register %s of rank %d", n, r->name, r->rank);
    for (int i = 0; i < n && !c->error; i++) {
        Range v = lc_range(c, ix[i]);
        if (c->error)
            return;
        if (!lc_is_fixed(c, ix[i]))
            lc_error(c, "an index of register %s stays variable: only unrolled loops may count in it", r->name);
        else if (v.lo < 0 || v.hi >= r->dim[i])
            lc_error(c, "index %d of register %s may be %lld, dimension %lld", i, r->name,
                     (long long)(v.lo < 0 ? v.lo : v.hi), (long long)r->dim[i]);
    }
}

static void check_type(KernelCheck *c, VT t)
{
    if (t.elem != DT_F32 && t.elem != DT_I32)
        lc_error(c, "values of this element type cannot be computed with: f32 and i32 can");
    else if (t.lanes < 1 || t.lanes > MAX_LANES || (t.lanes & (t.lanes - 1)))
        lc_error(c, "%d lanes: a power of two up to %d is possible", t.lanes, MAX_LANES);
}

void lc_count(KernelCheck *c, int n, int lanes)
{
    if (n < 1 || n > lanes)
        lc_error(c, "%d elements of a value with %d lanes", n, lanes);
}

/* ---- expressions ---- */

static void check_load(KernelCheck *c, const Expr *e)
{
    int64_t far;
    const KParam *p = lc_at(c, e->ref, e->nix, e->ix, &far);
    if (!p)
        return;
    if (p->access == ACC_WO)
        lc_error(c, "load from %s, which is write-only", p->name);
    if (p->elem != e->type.elem)
        lc_error(c, "load of %s elements from %s", dtype_name(e->type.elem), p->name);
    lc_count(c, e->n, e->type.lanes);
}

static void check_const(KernelCheck *c, const Expr *e)
{
    if (e->type.elem == DT_I32 && !(e->imm >= INT32_MIN && e->imm <= INT32_MAX && e->imm == trunc(e->imm)))
        lc_error(c, "a constant that is not an i32");
    if (e->type.elem == DT_F32 && e->imm == e->imm && (double)(float)e->imm != e->imm)
        lc_error(c, "a constant that is not an f32");
}

/* Operands and result of an operation that is not a leaf. */
static void check_op(KernelCheck *c, const Expr *e)
{
    const char *name = xop_info[e->op].name;
    VT want = e->type;
    XClass cls = xop_info[e->op].cls;
    for (int i = 0; i < expr_arity(e) && !c->error; i++) {
        if (!e->a[i]) {
            lc_error(c, "%s without operand %d", name, i);
            return;
        }
        lc_expr(c, e->a[i]);
        VT got = e->a[i]->type;
        if (cls == XC_cast)
            want.elem = e->type.elem == DT_F32 ? DT_I32 : DT_F32;
        else if (cls == XC_splat)
            want.lanes = 1;
        else if (cls == XC_fold)
            want.lanes = got.lanes;
        if (!vt_eq(got, want))
            lc_error(c, "operand %d of %s is %s of %d lanes, not %s of %d", i, name, dtype_name(got.elem),
                     got.lanes, dtype_name(want.elem), want.lanes);
    }
    if (c->error)
        return;
    if (cls == XC_bits && e->type.elem != DT_I32)
        lc_error(c, "%s of floats", name);
    bool floats = cls == XC_math || e->op == X_convert || e->op == X_div || e->op == X_sqrt || e->op == X_fma;
    if (floats && e->type.elem != DT_F32)
        lc_error(c, "%s of integers", name);
    if (cls == XC_splat && e->type.lanes < 2)
        lc_error(c, "splat to a scalar");
    if (cls == XC_fold && (e->type.lanes != 1 || e->a[0]->type.lanes < 2))
        lc_error(c, "%s wants a vector and gives a scalar", name);
    if (e->op == X_lane && !(e->imm >= 0 && e->imm < e->a[0]->type.lanes && e->imm == trunc(e->imm)))
        lc_error(c, "lane %g of %d", e->imm, e->a[0]->type.lanes);
}

void lc_expr(KernelCheck *c, const Expr *e)
{
    if ((int)e->op < 0 || e->op >= NXOPS) {
        lc_error(c, "an expression of unknown kind");
        return;
    }
    check_type(c, e->type);
    if (c->error)
        return;
    switch (e->op) {
    case X_const:
        check_const(c, e);
        return;
    case X_reg:
        lc_tile(c, e->ref, e->nix, e->ix);
        if (!c->error && !vt_eq(e->type, c->k->reg.v[e->ref].type))
            lc_error(c, "register %s read as another type", c->k->reg.v[e->ref].name);
        return;
    case X_load:
        check_load(c, e);
        return;
    case X_index:
        if (e->nix != 1 || !vt_eq(e->type, vt(DT_I32, 1)))
            lc_error(c, "index() is a scalar of type i32");
        else
            lc_ix(c, e->ix[0]);
        return;
    default:
        check_op(c, e);
    }
}
