/* Constructors of expressions: x_*. Operations on constants give their result, and those that change nothing their
   operand. */
#include "loop_impl.h"

#include <math.h>

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
    e->nix = kb_tile_index(b, reg, i, j, e->ix);
    return e;
}

const Expr *x_load(KB *b, int param, const Ix *const *ix, int lanes, int n)
{
    Expr *e = make(b, X_load, vt(b->k->param.v[ref_param(b->k, param)].elem, lanes));
    e->ref = param;
    e->n = n ? n : lanes;
    e->nix = kb_buffer_index(b, param, ix, e->ix);
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
static const Expr *neutral_operand(XOp op, const Expr *a, const Expr *c)
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
    const Expr *same = neutral_operand(op, a, c);
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
