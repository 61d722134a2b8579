/* Elementwise operators as expressions on registers, and a node's epilogue made of them. */
#include "lower.h"

const Expr *kc_reg(KC *kc, const char *name, const Expr *x)
{
    return x->op == X_reg || x->op == X_const ? x : x_reg(&kc->b, kb_let(&kc->b, name, x));
}

#define K(v) x_const(b, x->type, (v))
#define BIN(op, p, q) x_bin(b, X_##op, (p), (q))
#define UN(op, p) x_un(b, X_##op, (p))

static const Expr *sigmoid(KB *b, const Expr *x) { return BIN(div, K(1), BIN(add, K(1), UN(exp, UN(neg, x)))); }

/* min(max(x, lo), hi) in the operand order that lets NaN through. */
static const Expr *clamp(KB *b, const Expr *x, double lo, double hi) { return BIN(min, K(hi), BIN(max, K(lo), x)); }

static const Expr *hard_sigmoid(KC *kc, const Expr *x)
{
    KB *b = &kc->b;
    return clamp(b, x_fma(b, kc->t->fma, x, K(1.0 / 6), K(0.5)), 0, 1);
}

/* x (1 + erf(x / sqrt 2)) / 2 */
static const Expr *gelu(KC *kc, const Expr *x)
{
    KB *b = &kc->b;
    const Expr *s = BIN(mul, x, K(0.7071067811865476));
    const Expr *erf = kc->l->strict ? UN(erf, s) : x_fast_erf(b, kc->t->fma, s);
    const Expr *half = kc_reg(kc, "h", BIN(mul, K(0.5), x));
    return x_fma(b, kc->t->fma, half, erf, half);
}

static const Expr *gelu_tanh(KC *kc, const Expr *x)
{
    KB *b = &kc->b;
    const Expr *u = BIN(mul, K(0.7978845608028654), x_fma(b, kc->t->fma, BIN(mul, K(0.044715), BIN(mul, x, x)), x, x));
    return BIN(mul, BIN(mul, K(0.5), x), BIN(add, K(1), UN(tanh, u)));
}

/* log(1 + e^x) without overflow. */
static const Expr *softplus(KB *b, const Expr *x)
{
    return BIN(add, BIN(max, K(0), x), UN(log1p, UN(exp, UN(neg, UN(abs, x)))));
}

/* x n / (n + 2) with n = e^x (e^x + 2), which is x tanh(log(1 + e^x)). From 20 on the factor is 1. */
static const Expr *mish(KC *kc, const Expr *x)
{
    KB *b = &kc->b;
    const Expr *e = kc_reg(kc, "e", UN(exp, BIN(min, K(20), x)));
    const Expr *n = kc_reg(kc, "n", BIN(mul, e, BIN(add, e, K(2))));
    return BIN(mul, x, BIN(div, n, BIN(add, n, K(2))));
}

/* x to the power of y; by a few multiplications where y is known and they are as accurate. */
static const Expr *power(KC *kc, const Expr *x, const Expr *y)
{
    KB *b = &kc->b;
    double by = y->op == X_const ? y->imm : 0;
    if (by == 0.5 && !kc->l->strict) /* differs for -infinity */
        return UN(sqrt, BIN(add, x, K(0)));
    if (by == 1)
        return x;
    if (by == -1)
        return BIN(div, K(1), x);
    if (by != 2 && by != 3 && by != 4 && by != -2)
        return BIN(pow, x, y);
    x = kc_reg(kc, "t", x);
    const Expr *square = BIN(mul, x, x);
    if (by == 3)
        return BIN(mul, square, x);
    if (by == 2 || by == -2)
        return by == 2 ? square : BIN(div, K(1), square);
    square = kc_reg(kc, "t", square);
    return BIN(mul, square, square);
}

static bool is_choice(const Expr *x)
{
    return (x->op == X_select_gt || x->op == X_select_ge) && x->a[2]->op == X_const && x->a[3]->op == X_const;
}

/* p where x is not 0, else q. A comparison in its place needs no number in between. */
static const Expr *choose(KB *b, const Expr *x, const Expr *p, const Expr *q)
{
    if (!is_choice(x))
        return x_select_ge(b, K(0), UN(abs, x), q, p);
    const Expr *first = x->a[2]->imm != 0 ? p : q, *second = x->a[3]->imm != 0 ? p : q;
    return x->op == X_select_gt ? x_select_gt(b, x->a[0], x->a[1], first, second)
                                : x_select_ge(b, x->a[0], x->a[1], first, second);
}

/* 1 where x is not 0, else 0. */
static const Expr *truth(KB *b, const Expr *x) { return choose(b, x, K(1), K(0)); }

static const Expr *comparison(KB *b, Op op, const Expr *x, const Expr *y)
{
    switch (op) {
    case OP_greater: return x_select_gt(b, x, y, K(1), K(0));
    case OP_greater_equal: return x_select_ge(b, x, y, K(1), K(0));
    case OP_less: return x_select_gt(b, y, x, K(1), K(0));
    default: return x_select_ge(b, y, x, K(1), K(0));
    }
}

/* The function of loop IR that an operator of one operand is; X_const: none. */
static XOp function_of(Op op)
{
    switch (op) {
#define SAME(name) case OP_##name: return X_##name
    SAME(abs); SAME(neg); SAME(sqrt); SAME(exp); SAME(tanh); SAME(log); SAME(erf); SAME(floor); SAME(ceil);
    SAME(trunc); SAME(sin); SAME(cos); SAME(tan); SAME(asin); SAME(acos); SAME(atan); SAME(sinh); SAME(cosh);
    SAME(asinh); SAME(acosh); SAME(atanh);
#undef SAME
    case OP_round: return X_rint;
    default: return X_const;
    }
}

/* a[0] is x, then the coefficients. Those that are known to be zero cost nothing. */
static const Expr *polynomial(KC *kc, const Expr *x, const Expr *const *a)
{
    KB *b = &kc->b;
    int k = 1;
    while (a[k + 1])
        k++;
    const Expr *y = a[k];
    while (--k > 0) {
        bool none = a[k]->op == X_const && a[k]->imm == 0;
        if (y->op == X_const && y->imm == 0)
            y = a[k];
        else
            y = none ? BIN(mul, x, y) : x_fma(b, kc->t->fma, x, y, a[k]);
    }
    return y;
}

/* One step's value from its operands' values, all of one type and NULL behind the last; x, where it is used twice, is a
   register. */
const Expr *elem_expr(KC *kc, Op op, const Attrs *at, const Expr *const *a)
{
    KB *b = &kc->b;
    bool fma = kc->t->fma;
    const Expr *x = a[0];
    if (function_of(op) != X_const)
        return x_un(b, function_of(op), x);
    switch (op) {
    case OP_bias: case OP_add: return BIN(add, x, a[1]);
    case OP_sub: return BIN(sub, x, a[1]);
    case OP_scale: case OP_mul: return BIN(mul, x, a[1]);
    case OP_div: return BIN(div, x, a[1]);
    case OP_scale_bias: return x_fma(b, fma, x, a[1], a[2]);
    case OP_maximum: return BIN(maximum, x, a[1]);
    case OP_minimum: return BIN(minimum, x, a[1]);
    case OP_relu: return BIN(max, K(0), x);
    case OP_relu6: return clamp(b, x, 0, 6);
    case OP_clamp: return clamp(b, x, at->min, at->max);
    case OP_pow: return power(kc, x, a[1]);
    case OP_greater: case OP_greater_equal: case OP_less: case OP_less_equal: return comparison(b, op, x, a[1]);
    case OP_and: return choose(b, x, truth(b, a[1]), K(0));
    case OP_or: return choose(b, x, K(1), truth(b, a[1]));
    case OP_not: return choose(b, x, K(0), K(1));
    case OP_where: return choose(b, x, a[1], a[2]);
    case OP_sigmoid: return sigmoid(b, x);
    case OP_hard_sigmoid: return hard_sigmoid(kc, x);
    default: break;
    }
    x = kc_reg(kc, "t", x);
    switch (op) {
    case OP_square: return BIN(mul, x, x);
    case OP_softplus: return softplus(b, x);
    case OP_mish: return mish(kc, x);
    case OP_elu: return x_select_gt(b, x, K(0), x, BIN(mul, K(at->alpha), UN(expm1, x)));
    case OP_equal: {
        const Expr *y = kc_reg(kc, "u", a[1]);
        return x_select_ge(b, x, y, x_select_ge(b, y, x, K(1), K(0)), K(0));
    }
    case OP_xor: {
        const Expr *y = kc_reg(kc, "u", truth(b, a[1]));
        return choose(b, x, BIN(sub, K(1), y), y);
    }
    case OP_polynomial: return polynomial(kc, x, a);
    case OP_silu: return BIN(div, x, BIN(add, K(1), UN(exp, UN(neg, x))));
    case OP_hard_swish: return BIN(mul, x, hard_sigmoid(kc, x));
    case OP_leaky_relu: return x_select_gt(b, x, K(0), x, BIN(mul, x, K(at->alpha)));
    case OP_sign: return x_select_gt(b, x, K(0), K(1), x_select_gt(b, K(0), x, K(-1), x));
    case OP_gelu:
        return at->approximate ? gelu_tanh(kc, x) : gelu(kc, x);
    default: bug("no expression for operator '%s'", op_info[op].name);
    }
}

static int step_axis(const Step *s, const Type *frame)
{
    return (int)(s->attr.axis < 0 ? s->attr.axis + frame->rank : s->attr.axis);
}

/* Does the value of this operator become simpler where an operand is a known number? */
static bool wants_number(Op op)
{
    return op == OP_pow || op == OP_where || (op >= OP_greater && op <= OP_equal);
}

/* The number that a constant is everywhere, as an expression; NULL elsewhere. */
static const Expr *uniform(KC *kc, ValueId id, int lanes)
{
    const Value *v = &kc->l->g->value.v[id];
    int64_t elems = type_elems(&v->type), i = 1;
    if (v->kind != VAL_CONST)
        return NULL;
    double first = tensor_at(v->tensor, 0);
    while (i < elems && tensor_at(v->tensor, i) == first)
        i++;
    return i == elems ? x_const(&kc->b, vt(DT_F32, lanes), first) : NULL;
}

/* A per-channel constant as an operand of a step; one that is the same number everywhere is that number. */
static const Expr *step_param(KC *kc, ValueId id, const Ix *at, bool vector, int lanes, int n)
{
    const Value *v = &kc->l->g->value.v[id];
    int64_t elems = type_elems(&v->type), i = 0;
    if (v->kind == VAL_CONST) {
        double first = tensor_at(v->tensor, 0);
        while (i < elems && tensor_at(v->tensor, i) == first)
            i++;
        if (i == elems && (elems == 1 || first == 0))
            return x_const(&kc->b, vt(DT_F32, lanes), first);
    }
    return kc_load_param(kc, id, at, vector, lanes, n);
}

const Expr **kc_epilogue(KC *kc, const Expr *acc, const Ix *const *coord, int vdim, int lanes, int n)
{
    const Node *node = kc->n;
    const Expr **r = NEW(kc->A, const Expr *, node->nstep + 1);
    int *uses = NEW(kc->A, int, node->nstep + 1);
    for (int i = 0; i < node->nstep; i++)
        for (int k = 0; k < node->step[i].nin; k++)
            if (node->step[i].in[k] < 0)
                uses[~node->step[i].in[k]]++;
    for (int i = 0; i < node->nout; i++)
        uses[node->out[i].step]++;
    r[0] = uses[0] > 1 ? kc_reg(kc, "t", acc) : acc;
    for (int i = 0; i < node->nstep; i++) {
        const Step *s = &node->step[i];
        const Expr **a = NEW(kc->A, const Expr *, s->nin + 1);
        for (int k = 0; k < s->nin; k++) {
            if (s->in[k] < 0)
                a[k] = r[~s->in[k]];
            else if (op_is(s->op, P_PARAM) && k > 0) {
                int axis = step_axis(s, &kc->frame);
                a[k] = step_param(kc, s->in[k], coord[axis], axis == vdim, lanes, n);
            } else if (!wants_number(s->op) || !(a[k] = uniform(kc, s->in[k], lanes)))
                a[k] = kc_load(kc, s->in[k], &kc->frame, coord, vdim, lanes, n);
        }
        const Expr *x = elem_expr(kc, s->op, &s->attr, a);
        r[i + 1] = uses[i + 1] > 1 ? kc_reg(kc, "t", x) : x;
    }
    return r;
}
