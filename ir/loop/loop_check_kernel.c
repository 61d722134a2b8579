/* What every kernel keeps to, whoever made it: a pass that is handed a kernel that was accepted here need not look
   again. Addresses are not checked against dims here (program_interp does that), but intervals prove that indices of
   registers stay in their tile, and that no index or address leaves 64 bits, so that passes may substitute and add
   without fear. */
#include "loop_facts.h"
#include "loop_impl.h"

#include <math.h>
#include <string.h>

/* Largest magnitude of an index, and of an element's address within a parameter. */
#define MAX_INDEX ((int64_t)1 << 47)
#define MAX_ADDRESS ((int64_t)1 << 60)
enum { MAX_TILE = 4096, MAX_REGISTER_LANES = 1 << 22, MAX_DEPTH = 64 };

typedef struct Check {
    Arena *A;
    const Kernel *k;
    const char *error;      /* the first */
    int nvar, nreg, nptr;   /* defined so far */
    bool *var, *reg, *ptr;  /* visible here */
    bool *fixed;            /* variables that unrolling replaces by constants */
    Range *range;           /* of the values of variables */
    int64_t *far;           /* of |pointer|, elements from its parameter's first */
    bool *outside;          /* registers declared outside the parallel loop at work, NULL outside one */
    int depth;
    int64_t lanes;          /* of all registers so far */
} Check;

static void kernel_error(Check *c, const char *fmt, ...) PRINTF(2, 3);
static void kernel_error(Check *c, const char *fmt, ...)
{
    if (c->error)
        return;
    va_list ap;
    va_start(ap, fmt);
    c->error = arena_printf(c->A, "kernel %s: %s", c->k->name, arena_vprintf(c->A, fmt, ap));
    va_end(ap);
}

/* ---- index expressions ---- */

static void check_ix(Check *c, const Ix *x);

static void check_atom(Check *c, const Atom *a)
{
    if (a->kind == ATOM_VAR) {
        bool exists = a->var >= 0 && a->var < c->k->var.n;
        if (!exists || !c->var[a->var])
            kernel_error(c, "variable %s is not defined here", exists ? c->k->var.v[a->var].name : "without a name");
        return;
    }
    check_ix(c, a->a);
    if (a->kind == ATOM_MIN || a->kind == ATOM_MAX)
        check_ix(c, a->b);
    else if (a->k < 1)
        kernel_error(c, "division of an index by %lld", (long long)a->k);
}

static int64_t range_magnitude(Range r)
{
    return imax(-r.lo, r.hi);
}

/* No partial sum leaves 2^47, even if every variable took the value 1. */
static void check_ix(Check *c, const Ix *x)
{
    bool fits = x->c >= -MAX_INDEX && x->c <= MAX_INDEX;
    int64_t sum = fits ? (x->c < 0 ? -x->c : x->c) : 0;
    for (int i = 0; i < x->n && fits && !c->error; i++) {
        check_atom(c, &x->t[i].atom);
        if (c->error)
            return;
        Range a = ix_range(c->range, &(Ix){0, 1, &(Term){1, x->t[i].atom}});
        int64_t k = x->t[i].k, m;
        fits = a.known && k >= -MAX_INDEX && k <= MAX_INDEX &&
               mul_ok(k < 0 ? -k : k, imax(1, range_magnitude(a)), &m) && add_ok(sum, m, &sum) && sum <= MAX_INDEX;
    }
    if (!fits)
        kernel_error(c, "an index may be larger than 2^47");
}

/* Every value of x lies in it. */
static Range index_range(Check *c, const Ix *x)
{
    check_ix(c, x);
    return c->error ? (Range){0, 0, true} : ix_range(c->range, x);
}

/* Only of constants and variables that unrolling makes constant. */
static bool is_fixed(Check *c, const Ix *x)
{
    for (int v = 0; v < c->k->var.n; v++)
        if (!c->fixed[v] && ix_uses(x, v))
            return false;
    return true;
}

/* ---- buffers, registers and pointers ---- */

static const KParam *check_ref(Check *c, int ref)
{
    const Kernel *k = c->k;
    if (ref >= k->param.n || (ref < 0 && ~ref >= k->ptr.n))
        kernel_error(c, "an access to nothing");
    else if (ref < 0 && !c->ptr[~ref])
        kernel_error(c, "pointer %s is not defined here", k->ptr.v[~ref].name);
    return c->error ? NULL : &k->param.v[ref_param(k, ref)];
}

/* The parameter that ref[ix...] is in; NULL after an error. *far: no address is further from its first element. */
static const KParam *check_at(Check *c, int ref, int n, const Ix *const *ix, int64_t *far)
{
    const KParam *p = check_ref(c, ref);
    if (!p)
        return NULL;
    int rank = ref_rank(c->k, ref);
    if (n != rank)
        kernel_error(c, "%d indices for %s of rank %d", n, ref >= 0 ? p->name : c->k->ptr.v[~ref].name, rank);
    int64_t stride = 1, address = ref < 0 ? c->far[~ref] : 0, b;
    for (int i = n - 1; i >= 0 && !c->error; i--) {
        int64_t m = range_magnitude(index_range(c, ix[i]));
        if (!mul_ok(m, stride, &b) || !add_ok(address, b, &address) || address > MAX_ADDRESS)
            kernel_error(c, "an address in %s may be larger than 2^60", p->name);
        stride *= ref >= 0 ? p->dim[i] : 1;
    }
    *far = address;
    return c->error ? NULL : p;
}

static void check_tile(Check *c, int reg, int n, const Ix *const *ix)
{
    if (reg < 0 || reg >= c->k->reg.n) {
        kernel_error(c, "an access to a register that does not exist");
        return;
    }
    const Reg *r = &c->k->reg.v[reg];
    if (!c->reg[reg])
        kernel_error(c, "register %s is not defined here", r->name);
    else if (n != r->rank)
        kernel_error(c, "%d indices for register %s of rank %d", n, r->name, r->rank);
    for (int i = 0; i < n && !c->error; i++) {
        Range v = index_range(c, ix[i]);
        if (c->error)
            return;
        if (!is_fixed(c, ix[i]))
            kernel_error(c, "an index of register %s stays variable: only unrolled loops may count in it", r->name);
        else if (v.lo < 0 || v.hi >= r->dim[i])
            kernel_error(c, "index %d of register %s may be %lld, dimension %lld", i, r->name,
                         (long long)(v.lo < 0 ? v.lo : v.hi), (long long)r->dim[i]);
    }
}

static void check_type(Check *c, VT t)
{
    if (t.elem != DT_F32 && t.elem != DT_I32)
        kernel_error(c, "values of this element type cannot be computed with: f32 and i32 can");
    else if (t.lanes < 1 || t.lanes > MAX_LANES || (t.lanes & (t.lanes - 1)))
        kernel_error(c, "%d lanes: a power of two up to %d is possible", t.lanes, MAX_LANES);
}

static void check_count(Check *c, int n, int lanes)
{
    if (n < 1 || n > lanes)
        kernel_error(c, "%d elements of a value with %d lanes", n, lanes);
}

/* ---- expressions ---- */

static void check_expr(Check *c, const Expr *e);

static void check_load(Check *c, const Expr *e)
{
    int64_t far;
    const KParam *p = check_at(c, e->ref, e->nix, e->ix, &far);
    if (!p)
        return;
    if (p->access == ACC_WO)
        kernel_error(c, "load from %s, which is write-only", p->name);
    if (p->elem != e->type.elem)
        kernel_error(c, "load of %s elements from %s", dtype_name(e->type.elem), p->name);
    check_count(c, e->n, e->type.lanes);
}

static void check_const(Check *c, const Expr *e)
{
    if (e->type.elem == DT_I32 && !(e->imm >= INT32_MIN && e->imm <= INT32_MAX && e->imm == trunc(e->imm)))
        kernel_error(c, "a constant that is not an i32");
    if (e->type.elem == DT_F32 && e->imm == e->imm && (double)(float)e->imm != e->imm)
        kernel_error(c, "a constant that is not an f32");
}

/* Operands and result of an operation that is not a leaf. */
static void check_op(Check *c, const Expr *e)
{
    const char *name = xop_info[e->op].name;
    VT want = e->type;
    XClass cls = xop_info[e->op].cls;
    for (int i = 0; i < expr_arity(e) && !c->error; i++) {
        if (!e->a[i]) {
            kernel_error(c, "%s without operand %d", name, i);
            return;
        }
        check_expr(c, e->a[i]);
        VT got = e->a[i]->type;
        if (cls == XC_cast)
            want.elem = e->type.elem == DT_F32 ? DT_I32 : DT_F32;
        else if (cls == XC_splat)
            want.lanes = 1;
        else if (cls == XC_fold)
            want.lanes = got.lanes;
        if (!vt_eq(got, want))
            kernel_error(c, "operand %d of %s is %s of %d lanes, not %s of %d", i, name, dtype_name(got.elem),
                         got.lanes, dtype_name(want.elem), want.lanes);
    }
    if (c->error)
        return;
    if (cls == XC_bits && e->type.elem != DT_I32)
        kernel_error(c, "%s of floats", name);
    bool floats = cls == XC_math || e->op == X_convert || e->op == X_div || e->op == X_sqrt || e->op == X_fma;
    if (floats && e->type.elem != DT_F32)
        kernel_error(c, "%s of integers", name);
    if (cls == XC_splat && e->type.lanes < 2)
        kernel_error(c, "splat to a scalar");
    if (cls == XC_fold && (e->type.lanes != 1 || e->a[0]->type.lanes < 2))
        kernel_error(c, "%s wants a vector and gives a scalar", name);
    if (e->op == X_lane && !(e->imm >= 0 && e->imm < e->a[0]->type.lanes && e->imm == trunc(e->imm)))
        kernel_error(c, "lane %g of %d", e->imm, e->a[0]->type.lanes);
}

static void check_expr(Check *c, const Expr *e)
{
    if ((int)e->op < 0 || e->op >= NXOPS) {
        kernel_error(c, "an expression of unknown kind");
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
        check_tile(c, e->ref, e->nix, e->ix);
        if (!c->error && !vt_eq(e->type, c->k->reg.v[e->ref].type))
            kernel_error(c, "register %s read as another type", c->k->reg.v[e->ref].name);
        return;
    case X_load:
        check_load(c, e);
        return;
    case X_index:
        if (e->nix != 1 || !vt_eq(e->type, vt(DT_I32, 1)))
            kernel_error(c, "index() is a scalar of type i32");
        else
            check_ix(c, e->ix[0]);
        return;
    default:
        check_op(c, e);
    }
}

/* ---- statements ---- */

static void check_block(Check *c, const Block *b);

/* Trip count 1, whatever the variables. */
static bool runs_once(const Check *c, const Stmt *s)
{
    const Ix *d = ix_sub(c->A, s->hi, s->lo);
    return ix_is_const(d) && d->c > 0 && d->c <= s->step;
}

static void check_for(Check *c, const Stmt *s)
{
    const char *name = s->var == c->nvar && s->var < c->k->var.n ? c->k->var.v[s->var].name : "";
    if (!*name) {
        kernel_error(c, "variables are not numbered in the order of their definitions");
        return;
    }
    c->nvar++;
    if (s->step < 1 || s->step > MAX_INDEX)
        kernel_error(c, "loop %s steps by %lld", name, (long long)s->step);
    Range lo = index_range(c, s->lo);
    check_ix(c, s->hi);
    if (c->error)
        return;
    if (runs_once(c, s))
        c->range[s->var] = lo;
    else
        loop_range(c->range, s);
    bool outside_fixed = is_fixed(c, s->lo) && is_fixed(c, s->hi);
    if (s->loop == LOOP_UNROLL && !outside_fixed)
        kernel_error(c, "unrolled loop %s has variable bounds", name);
    if (++c->depth >= MAX_DEPTH)
        kernel_error(c, "loops nested deeper than %d", MAX_DEPTH);
    c->var[s->var] = true;
    c->fixed[s->var] = s->loop == LOOP_UNROLL || (s->loop == LOOP_SERIAL && outside_fixed && runs_once(c, s));
    check_block(c, &s->body);
    c->var[s->var] = false;
    c->depth--;
}

static void check_let(Check *c, const Stmt *s)
{
    if (s->ref != c->nreg || s->ref >= c->k->reg.n) {
        kernel_error(c, "registers are not numbered in the order of their definitions");
        return;
    }
    const Reg *r = &c->k->reg.v[s->ref];
    int64_t n = 1;
    if (r->rank < 0 || r->rank > LEN(r->dim))
        kernel_error(c, "register %s has rank %d", r->name, r->rank);
    for (int i = 0; i < r->rank && !c->error; i++)
        if (r->dim[i] < 1 || !mul_ok(n, r->dim[i], &n) || n > MAX_TILE)
            kernel_error(c, "register %s must have 1 to %d elements", r->name, MAX_TILE);
    if (!c->error)
        check_expr(c, s->val);
    if (!c->error && !vt_eq(r->type, s->val->type))
        kernel_error(c, "register %s begins with a value of another type", r->name);
    if ((c->lanes += n * r->type.lanes) > MAX_REGISTER_LANES && !c->error)
        kernel_error(c, "registers of more than %d lanes", MAX_REGISTER_LANES);
    c->nreg++;
    c->reg[s->ref] = true;
}

static void check_set(Check *c, const Stmt *s)
{
    check_tile(c, s->ref, s->nix, s->ix);
    if (c->error)
        return;
    check_expr(c, s->val);
    const Reg *r = &c->k->reg.v[s->ref];
    if (!c->error && !vt_eq(r->type, s->val->type))
        kernel_error(c, "register %s set to a value of another type", r->name);
    if (c->outside && c->outside[s->ref])
        kernel_error(c, "register %s is set inside the parallel loop and declared outside", r->name);
}

static void check_store(Check *c, const Stmt *s)
{
    int64_t far;
    const KParam *p = check_at(c, s->ref, s->nix, s->ix, &far);
    if (!p)
        return;
    if (p->access != ACC_WO && p->access != ACC_RW)
        kernel_error(c, "store to %s, which is read-only", p->name);
    check_expr(c, s->val);
    if (c->error)
        return;
    if (s->val->type.elem != p->elem)
        kernel_error(c, "store of %s elements to %s", dtype_name(s->val->type.elem), p->name);
    check_count(c, s->n, s->val->type.lanes);
}

static void check_index(Check *c, const Stmt *s)
{
    int64_t far;
    const KParam *p = check_at(c, s->ref, s->nix, s->ix, &far);
    if (!p)
        return;
    if (p->elem != DT_I32 || p->access == ACC_WO)
        kernel_error(c, "index from %s, which is not a readable buffer of i32", p->name);
    if (s->var != c->nvar || s->var >= c->k->var.n) {
        kernel_error(c, "variables are not numbered in the order of their definitions");
        return;
    }
    c->nvar++;
    c->range[s->var] = (Range){INT32_MIN, INT32_MAX, true};
    c->var[s->var] = true;
}

static void check_ptr(Check *c, const Stmt *s)
{
    int64_t far;
    const KParam *p = check_at(c, s->ref, s->nix, s->ix, &far);
    if (!p)
        return;
    if (s->ptr != c->nptr || s->ptr >= c->k->ptr.n) {
        kernel_error(c, "pointers are not numbered in the order of their definitions");
        return;
    }
    if (c->k->ptr.v[s->ptr].param != ref_param(c->k, s->ref))
        kernel_error(c, "pointer %s does not point into its parameter", c->k->ptr.v[s->ptr].name);
    c->nptr++;
    c->far[s->ptr] = far;
    c->ptr[s->ptr] = true;
}

static void check_stmt(Check *c, const Stmt *s)
{
    switch (s->kind) {
    case ST_FOR: check_for(c, s); return;
    case ST_LET: check_let(c, s); return;
    case ST_SET: check_set(c, s); return;
    case ST_STORE: check_store(c, s); return;
    case ST_INDEX: check_index(c, s); return;
    case ST_PTR: check_ptr(c, s); return;
    case ST_PREFETCH: check_at(c, s->ref, s->nix, s->ix, &(int64_t){0}); return;
    case ST_COMMENT:
        if (!s->text)
            kernel_error(c, "a comment without text");
        return;
    case ST_RETURN:
        if (c->depth > 0 || s != c->k->body.v[c->k->body.n - 1])
            kernel_error(c, "a return that is not the last statement");
        else
            check_expr(c, s->val);
        return;
    }
    kernel_error(c, "a statement of unknown kind");
}

static void check_block(Check *c, const Block *b)
{
    for (int i = 0; i < b->n && !c->error; i++) {
        const Stmt *s = b->v[i];
        bool parallel = s->kind == ST_FOR && s->loop == LOOP_PARALLEL;
        if (parallel && (c->depth > 0 || i + 1 < b->n)) {
            kernel_error(c, "a parallel loop must be the last statement of the kernel");
            return;
        }
        if (parallel) {
            c->outside = NEW(c->A, bool, c->k->reg.n + 1);
            memcpy(c->outside, c->reg, (size_t)c->k->reg.n * sizeof *c->reg);
        }
        check_stmt(c, s);
    }
    /* What this block defined is out of sight behind it. */
    for (int i = 0; i < b->n && !c->error; i++) {
        const Stmt *s = b->v[i];
        if (s->kind == ST_LET)
            c->reg[s->ref] = false;
        else if (s->kind == ST_INDEX)
            c->var[s->var] = false;
        else if (s->kind == ST_PTR)
            c->ptr[s->ptr] = false;
    }
}

/* ---- the whole kernel ---- */

static void check_name(Check *c, Map *names, const char *what, const char *name)
{
    const char *wrong = name_refused(names, what, name);
    if (wrong)
        kernel_error(c, "%s", wrong);
}

static void check_param(Check *c, const KParam *p)
{
    int64_t n = 1;
    if (p->rank < 1 || p->rank > MAX_IX)
        kernel_error(c, "parameter %s has rank %d", p->name, p->rank);
    for (int i = 0; i < p->rank && !c->error; i++)
        if (p->dim[i] < 1 || !mul_ok(n, p->dim[i], &n) || n > MAX_ELEMS)
            kernel_error(c, "parameter %s: dimension %d is %lld", p->name, i, (long long)p->dim[i]);
    if ((int)p->elem < 0 || p->elem >= NDTYPES || (int)p->access < 0 || p->access > ACC_CONST)
        kernel_error(c, "parameter %s has an unknown type or access", p->name);
}

const char *kernel_check(Arena *A, const Kernel *k)
{
    Map names = map_new(A);
    Check kc = {.A = A, .k = k}, *c = &kc;
    c->var = NEW(A, bool, k->var.n + 1);
    c->fixed = NEW(A, bool, k->var.n + 1);
    c->range = NEW(A, Range, k->var.n + 1);
    c->reg = NEW(A, bool, k->reg.n + 1);
    c->ptr = NEW(A, bool, k->ptr.n + 1);
    c->far = NEW(A, int64_t, k->ptr.n + 1);
    for (int i = 0; i < k->param.n; i++) {
        check_name(c, &names, "parameter", k->param.v[i].name);
        check_param(c, &k->param.v[i]);
    }
    for (int i = 0; i < k->var.n; i++)
        check_name(c, &names, "variable", k->var.v[i].name);
    for (int i = 0; i < k->reg.n; i++)
        check_name(c, &names, "register", k->reg.v[i].name);
    for (int i = 0; i < k->ptr.n; i++)
        check_name(c, &names, "pointer", k->ptr.v[i].name);
    c->nreg = k->args;
    for (int i = 0; i < k->args; i++)
        c->reg[i] = true;
    const Stmt *last = k->body.n ? k->body.v[k->body.n - 1] : NULL;
    if (!(last && last->kind == ST_RETURN) != !k->args)
        kernel_error(c, "a function ends with a return, and nothing else does");
    if (!c->error)
        check_block(c, &k->body);
    if (c->nvar < k->var.n || c->nreg < k->reg.n || c->nptr < k->ptr.n)
        kernel_error(c, "a variable, register or pointer without a definition");
    return c->error;
}
