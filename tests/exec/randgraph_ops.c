#include "randgraph_ops.h"

/* Now and then an input of the caller's that is channels-last. */
static ValueId conv_input(Gen *s)
{
    static const int64_t first[4] = {0, 3, 1, 2};
    ValueId x = any_rank4(s);
    return x >= 0 && s->g->value.v[x].kind == VAL_INPUT && chance(s, 30) ? transposed(s, x, first) : x;
}

ValueId rg_conv(Gen *s)
{
    ValueId x = conv_input(s);
    if (x < 0)
        return -1;
    const Type *t = type_of(s, x);
    Attrs a = defaults(OP_conv2d);
    int64_t c = t->dim[1], kh = pick(s, 1, 5), kw = chance(s, 70) ? kh : pick(s, 1, 5);
    if (chance(s, 30))
        kh = kw = 1;
    a.stride = (Ints){2, {pick(s, 1, 3), pick(s, 1, 2)}};
    if (chance(s, 50))
        a.stride = (Ints){2, {1, 1}};
    a.dilation = chance(s, 15) ? (Ints){2, {pick(s, 1, 2), pick(s, 1, 2)}} : (Ints){2, {1, 1}};
    a.pad = chance(s, 60) ? (Ints){4, {kh / 2, kw / 2, kh / 2, kw / 2}}
                          : (Ints){4, {pick(s, 0, 2), pick(s, 0, 2), pick(s, 0, 2), pick(s, 0, 2)}};
    bool depthwise = chance(s, 30);
    int64_t g = depthwise ? c : chance(s, 25) && c % 2 == 0 ? 2 : 1;
    int64_t out = g * pick(s, 1, depthwise ? (chance(s, 80) ? 1 : 2) : chance(s, 50) ? 40 / (int)g : 9);
    a.groups = g;
    int64_t wd[4] = {out, c / g, kh, kw};
    ValueId in[3] = {x, constant(s, shape(4, wd), sqrt(1.0 / (double)(c / g * kh * kw)), 0), -1};
    int nin = 2;
    if (chance(s, 50))
        in[nin++] = constant(s, shape(1, &out), 0.2, 0);
    return node(s, OP_conv2d, &a, in, nin);
}

/* Square windows of stride 1 or 2: what Winograd's kernels compute, but for a few paddings. */
ValueId rg_conv_square(Gen *s)
{
    ValueId x = conv_input(s);
    if (x < 0)
        return -1;
    const Type *t = type_of(s, x);
    Attrs a = defaults(OP_conv2d);
    int64_t stride = chance(s, 70) ? 1 : 2;
    int64_t k = chance(s, 60) ? 3 : stride == 2 && chance(s, 40) ? pick(s, 5, 7) : pick(s, 2, 5);
    int64_t c = t->dim[1], out = chance(s, 30) ? c : pick(s, 1, 40), wd[4] = {out, c, k, k}, p = k / 2;
    a.stride = (Ints){2, {stride, stride}};
    a.pad = chance(s, 60) ? (Ints){4, {p, p, p, p}}
                          : (Ints){4, {pick(s, 0, 3), pick(s, 0, 3), pick(s, 0, 3), pick(s, 0, 3)}};
    ValueId in[3] = {x, constant(s, shape(4, wd), sqrt(1.0 / (double)(c * k * k)), 0), -1};
    int nin = 2;
    if (chance(s, 50))
        in[nin++] = constant(s, shape(1, &out), 0.2, 0);
    return node(s, OP_conv2d, &a, in, nin);
}

ValueId rg_conv_transpose(Gen *s)
{
    ValueId x = any_rank4(s);
    if (x < 0)
        return -1;
    int64_t c = type_of(s, x)->dim[1], k = pick(s, 1, 4), g = chance(s, 20) && c % 2 == 0 ? 2 : 1, og = pick(s, 1, 9);
    int64_t out = g * og;
    Attrs a = defaults(OP_conv_transpose2d);
    int64_t st = pick(s, 1, 3), d = chance(s, 20) ? 2 : 1;
    a.stride = (Ints){2, {st, chance(s, 80) ? st : 1}};
    a.dilation = (Ints){2, {d, d}};
    a.pad = (Ints){1, {pick(s, 0, 1)}};
    if (st > 1 && chance(s, 30))
        a.output_pad = (Ints){2, {1, 0}};
    a.groups = g;
    int64_t wd[4] = {c, og, k, k};
    ValueId in[3] = {x, constant(s, shape(4, wd), sqrt(1.0 / (double)(c * k)), 0), constant(s, shape(1, &out), 0.2, 0)};
    return node(s, OP_conv_transpose2d, &a, in, chance(s, 50) ? 3 : 2);
}

ValueId rg_batch_norm(Gen *s)
{
    ValueId x = any(s);
    if (type_of(s, x)->rank < 2)
        return -1;
    Type c = shape(1, &type_of(s, x)->dim[1]);
    ValueId in[5] = {x, constant_in(s, c, 0.5, 1.5), constant(s, c, 0.2, 0), constant(s, c, 0.2, 0),
                     constant_in(s, c, 0.5, 1.5)};
    return node(s, OP_batch_norm, NULL, in, 5);
}

static ValueId polynomial(Gen *s, ValueId x, const Attrs *a, Type c)
{
    static const int64_t one = 1;
    ValueId in[7] = {node(s, OP_tanh, NULL, &x, 1)}; /* bounded */
    int nin = (int)pick(s, 3, 7);
    for (int i = 1; i < nin; i++) {
        Type t = chance(s, 20) ? shape(1, &one) : c;
        in[i] = constant(s, t, chance(s, 20) ? 0 : 0.5, chance(s, 10));
    }
    return node(s, OP_polynomial, a, in, nin);
}

ValueId rg_per_channel(Gen *s)
{
    static const Op ops[] = {OP_bias, OP_scale, OP_scale_bias, OP_polynomial};
    ValueId x = any(s);
    const Type *t = type_of(s, x);
    if (!t->rank)
        return -1;
    Op op = ops[pick(s, 0, LEN(ops) - 1)];
    Attrs a = defaults(op);
    a.axis = t->rank > 1 && chance(s, 80) ? 1 : pick(s, 0, t->rank - 1);
    Type c = shape(1, &t->dim[a.axis]);
    if (op == OP_polynomial)
        return polynomial(s, x, &a, c);
    ValueId in[3] = {x, op == OP_bias ? constant(s, c, 0.2, 0) : constant_in(s, c, 0.5, 1.5), constant(s, c, 0.2, 0)};
    return node(s, op, &a, in, op == OP_scale_bias ? 3 : 2);
}

ValueId rg_pool(Gen *s)
{
    ValueId x = any_rank4(s);
    if (x < 0)
        return -1;
    Op op = chance(s, 50) ? OP_max_pool : OP_avg_pool;
    Attrs a = defaults(op);
    int64_t k = pick(s, 1, 3);
    a.kernel = (Ints){2, {k, chance(s, 70) ? k : pick(s, 1, 3)}};
    if (chance(s, 70))
        a.stride = (Ints){1, {pick(s, 1, 3)}};
    if (k > 1 && a.kernel.v[1] > 1)
        a.pad = (Ints){1, {pick(s, 0, 1)}};
    a.ceil_mode = chance(s, 30);
    if (op == OP_avg_pool)
        a.count_include_pad = chance(s, 50);
    else if (chance(s, 20))
        a.dilation = (Ints){1, {2}};
    const int64_t *size = &type_of(s, x)->dim[2];
    bool empty = a.dilation.v[0] == 2 && imin(size[0], size[1]) == 1; /* windows may lie in the padding alone */
    x = node(s, op, &a, &x, 1);
    return x >= 0 && empty ? node(s, OP_relu, NULL, &x, 1) : x; /* not -infinity, which gelu makes NaN */
}

ValueId rg_one(Gen *s, Op op, ValueId x) { return node(s, op, NULL, &x, 1); }

ValueId rg_over_map(Gen *s, ValueId x, bool keep)
{
    static const Op ops[] = {OP_mean, OP_mean, OP_sum, OP_max};
    Op op = ops[pick(s, 0, 3)];
    Attrs a = defaults(op);
    a.axes = (Ints){2, {2, 3}};
    a.keep = keep;
    return node(s, op, &a, &x, 1);
}

/* A pool whose windows lie side by side and fill the map. */
static ValueId windows(Gen *s, ValueId x)
{
    Op op = chance(s, 50) ? OP_max_pool : OP_avg_pool;
    Attrs a = defaults(op);
    a.kernel.n = 2;
    for (int d = 0; d < 2; d++) {
        int64_t size = type_of(s, x)->dim[2 + d], k = pick(s, 1, 4);
        while (size % k)
            k--;
        a.kernel.v[d] = k > 1 || size % 3 ? k : 3;
    }
    return node(s, op, &a, &x, 1);
}

/* What fuses into a convolution: reductions of it and of its steps, gates, residuals, several results. */
ValueId rg_group(Gen *s)
{
    ValueId x = rg_conv(s), r = -1;
    if (x < 0)
        return -1;
    if (chance(s, 50))
        x = rg_one(s, OP_relu, x);
    if (chance(s, 40))
        PUSH(s->A, &s->pool, x);
    ValueId y = chance(s, 60) ? rg_one(s, OP_square, x) : x;
    switch (pick(s, 0, 7)) {
    case 0: return rg_over_map(s, y, chance(s, 50));
    case 1:
        PUSH(s->A, &s->pool, rg_over_map(s, x, chance(s, 50)));
        return rg_over_map(s, y, chance(s, 50));
    case 2: case 3: case 4:
        if ((r = windows(s, y)) >= 0 && chance(s, 40))
            PUSH(s->A, &s->pool, rg_over_map(s, x, true));
        return r;
    case 5:
        PUSH(s->A, &s->pool, rg_one(s, OP_tanh, y));
        return rg_one(s, OP_sigmoid, x);
    default: {
        ValueId gate[2] = {y, rg_one(s, OP_sigmoid, rg_over_map(s, x, true))};
        ValueId sum[2] = {node(s, OP_mul, NULL, gate, 2), -1};
        const Type *t = type_of(s, x);
        int64_t wd[4] = {t->dim[1], t->dim[1], 1, 1};
        if (chance(s, 30))
            return sum[0];
        ValueId down[2] = {x, constant(s, shape(4, wd), sqrt(1.0 / (double)wd[0]), 0)};
        sum[1] = chance(s, 60) ? node(s, OP_conv2d, NULL, down, 2) : x;
        return node(s, OP_add, NULL, sum, 2);
    }
    }
}

/* Of all numbers of a value in a row, or in two; sums of one sign. */
static ValueId long_reduction(Gen *s, Op op, ValueId x)
{
    int64_t n = type_elems(type_of(s, x)), rows = n % 2 || chance(s, 50) ? 1 : 2;
    Attrs flat = defaults(OP_reshape), a = defaults(op);
    bool across = chance(s, 50);
    flat.shape = across ? (Ints){2, {n / rows, rows}} : (Ints){2, {rows, n / rows}};
    a.axes = (Ints){1, {!across}};
    x = node(s, OP_reshape, &flat, &x, 1);
    return node(s, op, &a, (ValueId[]){op == OP_max ? x : rg_one(s, OP_abs, x)}, 1);
}

ValueId rg_reduction(Gen *s)
{
    static const Op ops[] = {OP_mean, OP_sum, OP_max};
    ValueId x = any(s);
    if (chance(s, 20))
        return long_reduction(s, ops[pick(s, 0, 2)], x);
    const Type *t = type_of(s, x);
    Op op = ops[pick(s, 0, 2)];
    Attrs a = defaults(op);
    a.keep = chance(s, 60);
    if (t->rank == 4 && chance(s, 60))
        a.axes = (Ints){2, {2, 3}};
    else
        for (int i = 0; i < t->rank; i++)
            if (chance(s, 40))
                a.axes.v[a.axes.n++] = i;
    return a.axes.n && (a.keep || t->rank > a.axes.n) ? node(s, op, &a, &x, 1) : -1;
}

/* eps is large: a row of equal numbers is zero, not the rounding of its mean. */
ValueId rg_layer_norm(Gen *s, ValueId x, int64_t axis)
{
    if (x < 0)
        return -1;
    Attrs a = defaults(OP_layer_norm);
    int64_t n = type_of(s, x)->dim[axis];
    ValueId in[3] = {x, constant_in(s, shape(1, &n), 0.5, 1.5), constant(s, shape(1, &n), 0.2, 0)};
    a.axis = axis, a.eps = 0.1;
    return node(s, OP_layer_norm, &a, in, (int)pick(s, 1, 3));
}

/* Of the input, rounded so that many are equal, in an axis of several vectors among others. */
static ValueId arg(Gen *s, ValueId x)
{
    Op op = chance(s, 50) ? OP_argmax : OP_argmin;
    Attrs a = defaults(op);
    x = rg_one(s, OP_round, x);
    if (x < 0 || !type_of(s, x)->rank)
        return -1;
    a.axis = pick(s, 0, type_of(s, x)->rank - 1);
    a.keep = chance(s, 50);
    a.last = chance(s, 50);
    return node(s, op, &a, &x, 1);
}

ValueId rg_norm(Gen *s)
{
    if (chance(s, 15))
        return arg(s, s->g->input.v[s->g->input.n - 1]);
    static const Op ops[] = {OP_softmax, OP_softmin, OP_l2_normalize, OP_layer_norm};
    ValueId x = any(s);
    const Type *t = type_of(s, x);
    if (!t->rank)
        return -1;
    Op op = ops[pick(s, 0, LEN(ops) - 1)];
    if (op == OP_layer_norm)
        return rg_layer_norm(s, x, pick(s, 0, t->rank - 1));
    Attrs a = defaults(op);
    a.axis = pick(s, 0, t->rank - 1);
    if (op == OP_l2_normalize) { /* away from zero */
        a.axes = (Ints){1, {pick(s, 0, t->rank - 1)}};
        ValueId in[2] = {node(s, OP_sigmoid, NULL, &x, 1), constant_in(s, shape(0, NULL), 0.5, 1)};
        x = node(s, OP_add, NULL, in, 2);
    }
    return node(s, op, &a, &x, 1);
}
