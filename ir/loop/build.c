/* Constructors of kernels: kb_* append statements to the block that is open, x_* make expressions. Mistakes of a caller
   that would be hard to find later (unbalanced loops, operands of different types) are bugs here already. */
#include "loop_impl.h"

#include <math.h>
#include <string.h>

/* ---- statements ---- */

KB kb_begin(Arena *A, Kernel *k)
{
    KB b = {.A = A, .k = k, .names = names_of(A, k)};
    b.stack[0] = &k->body;
    return b;
}

static const char *unique(KB *b, const char *name)
{
    return name_unique(&b->names, name);
}

static Stmt *emit(KB *b, StmtKind kind)
{
    Stmt *s = NEW(b->A, Stmt, 1);
    s->kind = kind;
    block_push(b->A, b->stack[b->depth], s);
    return s;
}

int kb_param(KB *b, const char *name, DType elem, Access access, int rank, const int64_t *dim)
{
    if (rank < 1 || rank > MAX_IX)
        bug("parameter %s of rank %d", name, rank);
    KParam p = {.name = unique(b, name), .elem = elem, .rank = rank, .access = access};
    memcpy(p.dim, dim, (size_t)rank * sizeof *dim);
    PUSH(b->A, &b->k->param, p);
    return b->k->param.n - 1;
}

static int new_var(KB *b, const char *name)
{
    PUSH(b->A, &b->k->var, (KVar){unique(b, name)});
    return b->k->var.n - 1;
}

int kb_for(KB *b, LoopKind kind, const char *name, const Ix *lo, const Ix *hi, int64_t step)
{
    if (b->depth + 1 >= LEN(b->stack))
        bug("kernel %s: loops nested deeper than %d", b->k->name, LEN(b->stack));
    if (step < 1)
        bug("kernel %s: loop %s steps by %lld", b->k->name, name, (long long)step);
    Stmt *s = emit(b, ST_FOR);
    s->loop = kind;
    s->var = new_var(b, name);
    s->lo = lo;
    s->hi = hi;
    s->step = step;
    b->stack[++b->depth] = &s->body;
    return s->var;
}

void kb_end(KB *b)
{
    if (b->depth == 0)
        bug("kernel %s: kb_end without kb_for", b->k->name);
    b->depth--;
}

static int new_reg(KB *b, Reg r, const Expr *init)
{
    r.name = unique(b, r.name);
    r.type = init->type;
    PUSH(b->A, &b->k->reg, r);
    Stmt *s = emit(b, ST_LET);
    s->ref = b->k->reg.n - 1;
    s->val = init;
    return s->ref;
}

int kb_let(KB *b, const char *name, const Expr *init)
{
    return new_reg(b, (Reg){.name = name}, init);
}

int kb_tile(KB *b, const char *name, int d0, int d1, const Expr *init)
{
    return new_reg(b, (Reg){.name = name, .rank = d1 ? 2 : 1, .dim = {d0, d1}}, init);
}

/* Copies the indices of register reg's element into ix, returns their number. */
static int tile_index(KB *b, int reg, const Ix *i, const Ix *j, const Ix **ix)
{
    int n = (i != NULL) + (j != NULL);
    if (n != b->k->reg.v[reg].rank)
        bug("kernel %s: register %s has rank %d, not %d", b->k->name, b->k->reg.v[reg].name, b->k->reg.v[reg].rank, n);
    ix[0] = i;
    ix[1] = j;
    return n;
}

void kb_set(KB *b, int reg, const Ix *i, const Ix *j, const Expr *val)
{
    if (!vt_eq(b->k->reg.v[reg].type, val->type))
        bug("kernel %s: register %s set to a value of another type", b->k->name, b->k->reg.v[reg].name);
    Stmt *s = emit(b, ST_SET);
    s->ref = reg;
    s->nix = tile_index(b, reg, i, j, s->ix);
    s->val = val;
}

static int buffer_index(KB *b, int ref, const Ix *const *ix, const Ix **out)
{
    int n = ref_rank(b->k, ref);
    memcpy(out, ix, (size_t)n * sizeof *out);
    return n;
}

void kb_store(KB *b, int param, const Ix *const *ix, const Expr *val, int n)
{
    Stmt *s = emit(b, ST_STORE);
    s->ref = param;
    s->nix = buffer_index(b, param, ix, s->ix);
    s->val = val;
    s->n = n ? n : val->type.lanes;
}

void kb_prefetch(KB *b, int param, const Ix *const *ix)
{
    Stmt *s = emit(b, ST_PREFETCH);
    s->ref = param;
    s->nix = buffer_index(b, param, ix, s->ix);
}

int kb_index(KB *b, const char *name, int param, const Ix *const *ix)
{
    Stmt *s = emit(b, ST_INDEX);
    s->var = new_var(b, name);
    s->ref = param;
    s->nix = buffer_index(b, param, ix, s->ix);
    return s->var;
}

void kb_comment(KB *b, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    emit(b, ST_COMMENT)->text = arena_vprintf(b->A, fmt, ap);
    va_end(ap);
}

/* ---- expressions ---- */

static Expr *make(KB *b, XOp op, VT type)
{
    Expr *e = NEW(b->A, Expr, 1);
    e->op = op;
    e->type = type;
    return e;
}

const Expr *x_const(KB *b, VT type, double v)
{
    Expr *e = make(b, X_const, type);
    e->imm = type.elem == DT_F32 ? (double)(float)v : v;
    return e;
}

const Expr *x_reg(KB *b, int reg)
{
    return x_tile(b, reg, NULL, NULL);
}

const Expr *x_tile(KB *b, int reg, const Ix *i, const Ix *j)
{
    Expr *e = make(b, X_reg, b->k->reg.v[reg].type);
    e->ref = reg;
    e->nix = tile_index(b, reg, i, j, e->ix);
    return e;
}

const Expr *x_load(KB *b, int param, const Ix *const *ix, int lanes, int n)
{
    Expr *e = make(b, X_load, vt(b->k->param.v[ref_param(b->k, param)].elem, lanes));
    e->ref = param;
    e->n = n ? n : lanes;
    e->nix = buffer_index(b, param, ix, e->ix);
    return e;
}

const Expr *x_splat(KB *b, const Expr *a, int lanes)
{
    if (a->type.lanes != 1)
        bug("kernel %s: splat of a vector", b->k->name);
    if (lanes == 1)
        return a;
    if (a->op == X_const)
        return x_const(b, vt(a->type.elem, lanes), a->imm);
    Expr *e = make(b, X_splat, vt(a->type.elem, lanes));
    e->a[0] = a;
    return e;
}

const Expr *x_lane(KB *b, const Expr *a, int lane)
{
    if (a->type.lanes == 1)
        return a;
    Expr *e = make(b, X_lane, vt(a->type.elem, 1));
    e->a[0] = a;
    e->imm = lane;
    return e;
}

const Expr *x_index(KB *b, const Ix *ix)
{
    Expr *e = make(b, X_index, vt(DT_I32, 1));
    e->nix = 1;
    e->ix[0] = ix;
    return e;
}

const Expr *x_widen(KB *b, const Expr *a, int lanes)
{
    return a->type.lanes == lanes ? a : x_splat(b, a, lanes);
}

/* Is x the constant v, down to the sign of zero? */
static bool is_const(const Expr *x, double v)
{
    return x->op == X_const && x->imm == v && signbit(x->imm) == signbit(v);
}

static bool is_float(const Expr *x)
{
    return x->type.elem == DT_F32 || x->type.elem == DT_F64;
}

static bool fold_un(XOp op, const Expr *a, double *r)
{
    if (a->op != X_const || a->type.elem != DT_F32)
        return false;
    float x = (float)a->imm;
    switch (op) {
    case X_neg: *r = -x; return true;
    case X_abs: *r = fabsf(x); return true;
    case X_sqrt: *r = sqrtf(x); return true;
    default: return false;
    }
}

static bool fold_f32(XOp op, float x, float y, double *r)
{
    switch (op) {
    case X_add: *r = x + y; return true;
    case X_sub: *r = x - y; return true;
    case X_mul: *r = x * y; return true;
    case X_div: *r = x / y; return true;
    case X_max: *r = x > y ? x : y; return true;
    case X_min: *r = x < y ? x : y; return true;
    case X_maximum: *r = x > y || isnan(x) ? x : y; return true;
    case X_minimum: *r = x < y || isnan(x) ? x : y; return true;
    default: return false;
    }
}

static bool fold_i32(XOp op, int32_t x, int32_t y, double *r)
{
    uint32_t ux = (uint32_t)x, uy = (uint32_t)y;
    switch (op) {
    case X_add: *r = (int32_t)(ux + uy); return true;
    case X_sub: *r = (int32_t)(ux - uy); return true;
    case X_mul: *r = (int32_t)(ux * uy); return true;
    case X_and: *r = (int32_t)(ux & uy); return true;
    case X_or: *r = (int32_t)(ux | uy); return true;
    case X_shl: *r = (int32_t)(ux << (uy & 31)); return true;
    case X_shr: *r = (int32_t)(ux >> (uy & 31)); return true;
    case X_max:
    case X_maximum: *r = x > y ? x : y; return true;
    case X_min:
    case X_minimum: *r = x < y ? x : y; return true;
    default: return false;
    }
}

static bool fold_bin(XOp op, const Expr *a, const Expr *c, double *r)
{
    if (a->op != X_const || c->op != X_const)
        return false;
    if (a->type.elem == DT_F32)
        return fold_f32(op, (float)a->imm, (float)c->imm, r);
    return a->type.elem == DT_I32 && fold_i32(op, (int32_t)a->imm, (int32_t)c->imm, r);
}

const Expr *x_un(KB *b, XOp op, const Expr *a)
{
    if (xop_info[op].arity != 1 || op == X_splat || op == X_lane || xop_info[op].cls == XC_cast)
        bug("kernel %s: %s is not a unary operation", b->k->name, xop_info[op].name);
    double r;
    if (xop_info[op].cls == XC_fold) {
        if (a->type.lanes == 1)
            return a;
        Expr *e = make(b, op, vt(a->type.elem, 1));
        e->a[0] = a;
        return e;
    }
    if (fold_un(op, a, &r))
        return x_const(b, a->type, r);
    if (op == X_neg && a->op == X_neg)
        return a->a[0];
    if (op == X_abs && (a->op == X_abs || a->op == X_neg))
        return a->op == X_abs ? a : x_un(b, X_abs, a->a[0]);
    Expr *e = make(b, op, a->type);
    e->a[0] = a;
    return e;
}

const Expr *x_cast(KB *b, XOp op, DType to, const Expr *a)
{
    if (xop_info[op].cls != XC_cast)
        bug("kernel %s: %s is not a cast", b->k->name, xop_info[op].name);
    Expr *e = make(b, op, vt(to, a->type.lanes));
    e->a[0] = a;
    return e;
}

/* x where `a op c` is exactly x for every x, NaN and signed zeros included; NULL elsewhere. */
static const Expr *identity(XOp op, const Expr *a, const Expr *c)
{
    double nothing = is_float(a) ? -0.0 : 0.0;
    switch (op) {
    case X_add: return is_const(c, nothing) ? a : is_const(a, nothing) ? c : NULL;
    case X_sub: return is_const(c, 0.0) ? a : NULL;
    case X_mul: return is_const(c, 1.0) ? a : is_const(a, 1.0) ? c : NULL;
    case X_div: return is_const(c, 1.0) ? a : NULL;
    case X_max:
    case X_min:
    case X_maximum:
    case X_minimum: return expr_eq(a, c) ? a : NULL;
    default: return NULL;
    }
}

const Expr *x_bin(KB *b, XOp op, const Expr *a, const Expr *c)
{
    if (xop_info[op].arity != 2)
        bug("kernel %s: %s is not a binary operation", b->k->name, xop_info[op].name);
    int lanes = a->type.lanes > c->type.lanes ? a->type.lanes : c->type.lanes;
    a = x_widen(b, a, lanes);
    c = x_widen(b, c, lanes);
    if (!vt_eq(a->type, c->type))
        bug("kernel %s: %s of different types", b->k->name, xop_info[op].name);
    double r;
    if (fold_bin(op, a, c, &r))
        return x_const(b, a->type, r);
    const Expr *same = identity(op, a, c);
    if (same)
        return same;
    Expr *e = make(b, op, a->type);
    e->a[0] = a;
    e->a[1] = c;
    return e;
}

const Expr *x_fma(KB *b, bool has_fma, const Expr *a, const Expr *c, const Expr *d)
{
    int lanes = (int)imax(imax(a->type.lanes, c->type.lanes), d->type.lanes);
    a = x_widen(b, a, lanes);
    c = x_widen(b, c, lanes);
    d = x_widen(b, d, lanes);
    if (!has_fma || is_const(a, 1.0) || is_const(c, 1.0) || (is_float(d) && is_const(d, -0.0)))
        return x_bin(b, X_add, x_bin(b, X_mul, a, c), d);
    if (!vt_eq(a->type, c->type) || !vt_eq(a->type, d->type))
        bug("kernel %s: fma of different types", b->k->name);
    if (a->op == X_const && c->op == X_const && d->op == X_const && a->type.elem == DT_F32)
        return x_const(b, a->type, fmaf((float)a->imm, (float)c->imm, (float)d->imm));
    Expr *e = make(b, X_fma, a->type);
    e->a[0] = a;
    e->a[1] = c;
    e->a[2] = d;
    return e;
}

static const Expr *select(KB *b, XOp op, const Expr *a, const Expr *c, const Expr *d, const Expr *e)
{
    int lanes = (int)imax(imax(a->type.lanes, c->type.lanes), imax(d->type.lanes, e->type.lanes));
    a = x_widen(b, a, lanes);
    c = x_widen(b, c, lanes);
    d = x_widen(b, d, lanes);
    e = x_widen(b, e, lanes);
    if (!vt_eq(a->type, c->type) || !vt_eq(a->type, d->type) || !vt_eq(a->type, e->type))
        bug("kernel %s: %s of different types", b->k->name, xop_info[op].name);
    if (a->op == X_const && c->op == X_const)
        return (op == X_select_gt ? a->imm > c->imm : a->imm >= c->imm) ? d : e;
    if (expr_eq(d, e))
        return d;
    Expr *r = make(b, op, a->type);
    r->a[0] = a;
    r->a[1] = c;
    r->a[2] = d;
    r->a[3] = e;
    return r;
}

const Expr *x_select_gt(KB *b, const Expr *a, const Expr *c, const Expr *d, const Expr *e)
{
    return select(b, X_select_gt, a, c, d, e);
}

const Expr *x_select_ge(KB *b, const Expr *a, const Expr *c, const Expr *d, const Expr *e)
{
    return select(b, X_select_ge, a, c, d, e);
}
