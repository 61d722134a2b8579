#include "randgraph_elementwise.h"

/* x where the operator is defined and its slope is bounded. Operators with jumps take the input, whose numbers all
   precisions have. */
static ValueId in_domain(Gen *s, Op op, ValueId x)
{
    ValueId in[2] = {x, -1};
    switch (op) {
    case OP_exp: case OP_square: case OP_sinh: case OP_cosh: case OP_tan:
        return node(s, OP_tanh, NULL, &x, 1);
    case OP_asin: case OP_acos: case OP_atanh:
        in[0] = node(s, OP_tanh, NULL, &x, 1);
        in[1] = constant_in(s, shape(0, NULL), 0.2, 0.7);
        return node(s, OP_mul, NULL, in, 2);
    case OP_sqrt: case OP_log: case OP_acosh:
        in[0] = node(s, OP_sigmoid, NULL, &x, 1);
        in[1] = constant_in(s, shape(0, NULL), 1.5, 2);
        return op == OP_sqrt ? in[0] : node(s, OP_add, NULL, in, 2);
    case OP_sign: case OP_floor: case OP_ceil: case OP_round: case OP_trunc: case OP_not:
        return s->g->input.v[0];
    default: return x;
    }
}

ValueId rg_unary(Gen *s)
{
    static const Op ops[] = {OP_relu, OP_relu6, OP_clamp, OP_leaky_relu, OP_sigmoid, OP_tanh, OP_hard_sigmoid,
                             OP_hard_swish, OP_silu, OP_gelu, OP_abs, OP_neg, OP_square, OP_exp, OP_sqrt, OP_sign,
                             OP_log, OP_erf, OP_softplus, OP_mish, OP_elu, OP_floor, OP_ceil, OP_round, OP_trunc,
                             OP_sin, OP_cos, OP_tan, OP_asin, OP_acos, OP_atan, OP_sinh, OP_cosh, OP_asinh, OP_acosh,
                             OP_atanh, OP_not};
    Op op = ops[chance(s, 60) ? pick(s, 0, 15) : pick(s, 16, LEN(ops) - 1)];
    Attrs a = defaults(op);
    if (op == OP_clamp)
        a.min = -0.7, a.max = 1.1;
    if (op == OP_gelu)
        a.approximate = pick(s, 0, 1);
    ValueId x = in_domain(s, op, any(s));
    return node(s, op, &a, &x, 1);
}

/* A shape that broadcasts to t. */
Type rg_narrower(Gen *s, const Type *t)
{
    int drop = chance(s, 30) ? (int)pick(s, 0, t->rank) : 0;
    Type r = shape(t->rank - drop, t->dim + drop);
    for (int i = 0; i < r.rank; i++)
        if (chance(s, 40))
            r.dim[i] = 1;
    return r;
}

/* The same shape where it also repeats what has shape t along dimensions of 1. */
static Type repeating(Gen *s, Type r, const Type *t)
{
    for (int i = 0; i < r.rank; i++)
        if (t->dim[i + t->rank - r.rank] == 1 && chance(s, 60))
            r.dim[i] = pick(s, 2, 9);
    return r;
}

ValueId rg_binary(Gen *s)
{
    static const Op ops[] = {OP_add, OP_mul, OP_sub, OP_div, OP_maximum, OP_minimum};
    ValueId x = any(s), y = -1;
    Op op = ops[pick(s, 0, LEN(ops) - 1)];
    if (op == OP_add || op == OP_maximum || op == OP_minimum)
        for (int i = s->pool.n - 1; i >= 0 && y < 0; i--) /* a residual */
            if (s->pool.v[i] != x && type_eq(type_of(s, s->pool.v[i]), type_of(s, x)) && chance(s, 50))
                y = s->pool.v[i];
    if (op == OP_mul && chance(s, 50) && type_of(s, x)->rank == 4) { /* a gate */
        Attrs a = defaults(OP_mean);
        a.axes = (Ints){2, {2, 3}};
        a.keep = true;
        y = node(s, OP_mean, &a, &x, 1);
        y = y < 0 ? y : node(s, OP_sigmoid, NULL, &y, 1);
    }
    if (y < 0) {
        Type t = rg_narrower(s, type_of(s, x));
        if (chance(s, 25))
            t = repeating(s, t, type_of(s, x));
        y = op == OP_add || op == OP_sub ? constant(s, t, 0.5, 0) : constant_in(s, t, 0.5, 1.5);
    }
    ValueId in[2] = {x, y};
    if (op != OP_div && chance(s, 50))
        in[0] = y, in[1] = x;
    return node(s, op, NULL, in, 2);
}

/* A positive base, and exponents that become multiplications among others. */
static ValueId power(Gen *s, ValueId x)
{
    static const float by[] = {2, 3, 4, 0.5f, -1, -2, 1, 1.7f, -0.3f};
    float *y = NEW(s->A, float, 1);
    *y = by[pick(s, 0, LEN(by) - 1)];
    ValueId in[2] = {in_domain(s, OP_log, x), -1};
    if (in[0] < 0)
        return -1;
    Type t = rg_narrower(s, type_of(s, in[0]));
    in[1] = chance(s, 60) ? graph_const_f32(s->g, arena_printf(s->A, "c%d", s->nconst++), shape(0, NULL), y)
                          : constant(s, t, 1.5, 0);
    return node(s, OP_pow, NULL, in, 2);
}

/* A comparison of the input, whose numbers are exact, with constants; what follows from several; what it chooses. */
ValueId rg_choice(Gen *s)
{
    static const Op ops[] = {OP_greater, OP_greater_equal, OP_less, OP_less_equal, OP_equal, OP_and, OP_or, OP_xor};
    ValueId x = any(s), in[3];
    if (chance(s, 20))
        return power(s, x);
    in[0] = s->g->input.v[0], in[1] = constant(s, rg_narrower(s, type_of(s, in[0])), 0.7, 0);
    in[1] = chance(s, 20) ? in[0] : in[1];
    in[0] = node(s, ops[pick(s, 0, 4)], NULL, in, 2);
    if (chance(s, 40)) {
        in[1] = constant(s, rg_narrower(s, type_of(s, in[0])), 1, 0);
        in[1] = node(s, ops[pick(s, 0, 4)], NULL, (ValueId[]){s->g->input.v[0], in[1]}, 2);
        in[0] = node(s, ops[pick(s, 5, LEN(ops) - 1)], NULL, in, 2);
    }
    if (in[0] < 0 || !type_eq(type_of(s, in[0]), type_of(s, x)) || chance(s, 20))
        return in[0];
    in[1] = x, in[2] = constant(s, rg_narrower(s, type_of(s, x)), 1, 0);
    if (chance(s, 30))
        in[1] = in[2], in[2] = x;
    return node(s, OP_where, NULL, in, 3);
}
