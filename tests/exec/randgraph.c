#include "randgraph_elementwise.h"
#include "randgraph_ops.h"

static ValueId movement(Gen *s)
{
    static const Op ops[] = {OP_concat, OP_split, OP_slice, OP_channel_shuffle, OP_reshape, OP_flatten, OP_transpose,
                             OP_upsample, OP_pad, OP_resize, OP_gather};
    ValueId x = any(s), in[3] = {x, x, x};
    const Type *t = type_of(s, x);
    int nin = 1, rank = t->rank;
    if (!rank)
        return -1;
    Op op = ops[pick(s, 0, LEN(ops) - 1)];
    Attrs a = defaults(op);
    int64_t d = rank > 1 && chance(s, 70) ? 1 : pick(s, 0, rank - 1), size = t->dim[d];
    switch (op) {
    case OP_concat:
        a.axis = d;
        for (int i = 0; i < s->pool.n && nin < 3; i++)
            if (type_eq(type_of(s, s->pool.v[i]), t) && chance(s, 50))
                in[nin++] = s->pool.v[i];
        break;
    case OP_split:
        a.axis = d;
        if (size < 2)
            return -1;
        a.sizes = (Ints){2, {pick(s, 1, size - 1), 0}};
        a.sizes.v[1] = size - a.sizes.v[0];
        break;
    case OP_slice:
        a.axes = (Ints){1, {d}};
        a.start = (Ints){1, {pick(s, 0, size - 1)}};
        a.end = (Ints){1, {pick(s, a.start.v[0] + 1, size)}};
        a.step = (Ints){1, {chance(s, 70) ? 1 : pick(s, 1, 3)}};
        break;
    case OP_channel_shuffle:
        if (rank < 2)
            return -1;
        a.groups = t->dim[1] % 3 == 0 ? 3 : t->dim[1] % 2 == 0 ? 2 : 1;
        break;
    case OP_reshape:
        a.shape.n = rank;
        for (int i = 0; i < rank; i++)
            a.shape.v[i] = t->dim[i];
        if (rank > 1 && chance(s, 50)) { /* two dimensions become one, or change places in size */
            int64_t last = a.shape.v[rank - 1];
            a.shape.v[rank - 1] = a.shape.v[rank - 2];
            a.shape.v[rank - 2] = last;
        } else
            a.shape.v[a.shape.n++] = 1;
        if (a.shape.n > 5)
            return -1;
        break;
    case OP_flatten: a.axis = pick(s, 0, rank - 1); break;
    case OP_transpose:
        for (int i = 0; i < rank; i++)
            a.perm.v[i] = i;
        a.perm.n = rank;
        for (int i = rank - 1; i > 0; i--) {
            int64_t j = pick(s, 0, i), keep = a.perm.v[i];
            a.perm.v[i] = a.perm.v[j], a.perm.v[j] = keep;
        }
        break;
    case OP_upsample:
        if (rank != 4)
            return -1;
        a.scale = (Ints){2, {pick(s, 1, 3), pick(s, 1, 2)}};
        a.mode = pick(s, 0, 1);
        a.align_corners = a.mode && chance(s, 40);
        break;
    case OP_pad:
        a.pads.n = 2 * rank;
        for (int i = 0; i < 2 * rank; i++)
            a.pads.v[i] = chance(s, 30) ? pick(s, 1, 2) : 0;
        a.value = chance(s, 50) ? 0 : 0.5;
        a.border = chance(s, 50) ? pick(s, 1, 2) : 0;
        break;
    case OP_resize:
        if (rank != 4)
            return -1;
        a.size = (Ints){2, {pick(s, 1, 17), pick(s, 1, 17)}};
        a.mode = pick(s, 0, 1);
        a.coords = pick(s, 0, 3);
        a.rounding = pick(s, 0, 3);
        a.scale_w = chance(s, 30) ? (double)a.size.v[1] / (double)t->dim[3] * 1.03 : 0;
        break;
    case OP_gather: {
        int64_t count = pick(s, 1, 20);
        a.axis = d;
        in[nin++] = constant_in(s, shape(1, &count), 0, (double)size);
        break;
    }
    default: break;
    }
    ValueId v = node(s, op, &a, in, nin);
    if (v >= 0 && op == OP_split)
        PUSH(s->A, &s->pool, s->g->node.v[s->g->value.v[v].node].out[1].value);
    return v;
}

/* A dense convolution without bias: k x k, stride 1, same size. */
static ValueId dense(Gen *s, ValueId x, int64_t out, int64_t k)
{
    if (x < 0)
        return -1;
    const Type *t = type_of(s, x);
    Attrs a = defaults(OP_conv2d);
    int64_t wd[4] = {out, t->dim[1], k, k};
    a.pad = (Ints){4, {k / 2, k / 2, k / 2, k / 2}};
    ValueId in[2] = {x, constant(s, shape(4, wd), sqrt(1.0 / (double)(t->dim[1] * k * k)), 0)};
    return node(s, OP_conv2d, &a, in, 2);
}

static ValueId depthwise(Gen *s, ValueId x)
{
    if (x < 0)
        return -1;
    Attrs a = defaults(OP_conv2d);
    int64_t c = type_of(s, x)->dim[1], wd[4] = {c, 1, 3, 3}, stride = pick(s, 1, 2);
    a.pad = (Ints){4, {1, 1, 1, 1}};
    a.stride = (Ints){2, {stride, stride}};
    a.groups = c;
    ValueId in[3] = {x, constant(s, shape(4, wd), 0.33, 0), constant(s, shape(1, &c), 0.2, 0)};
    return node(s, OP_conv2d, &a, in, chance(s, 50) ? 3 : 2);
}

/* x by a number per channel that all of x decides. */
static ValueId gated(Gen *s, ValueId x)
{
    ValueId in[2] = {x, rg_one(s, OP_sigmoid, rg_over_map(s, x, true))};
    return node(s, OP_mul, NULL, in, 2);
}

/* What movement is for: units of ShuffleNetV2, or maps that concat joins, and a reader of the result. */
static ValueId units(Gen *s)
{
    ValueId x = any(s), y;
    const Type *t = type_of(s, x);
    if (t->rank != 4)
        return -1;
    int64_t half = pick(s, 1, 13);
    bool shuffles = chance(s, 60);
    x = dense(s, x, 2 * half, 1);
    for (int64_t n = pick(s, 1, 3); n > 0; n--) {
        Attrs a = defaults(OP_slice);
        a.axes = (Ints){1, {1}};
        a.start = (Ints){1, {half}};
        a.end = (Ints){1, {2 * half}};
        ValueId in[3] = {x, -1, -1};
        y = shuffles ? node(s, OP_slice, &a, &x, 1) : x;
        in[1] = rg_one(s, OP_relu, dense(s, y, shuffles ? half : pick(s, 1, 9), chance(s, 70) ? 1 : 3));
        if (chance(s, 40))
            in[1] = gated(s, in[1]);
        if (shuffles) {
            a.start.v[0] = 0, a.end.v[0] = half;
            in[0] = node(s, OP_slice, &a, &x, 1);
        }
        x = node(s, OP_concat, NULL, in, 2);
        a = defaults(OP_channel_shuffle);
        a.groups = 2;
        if (shuffles)
            x = node(s, OP_channel_shuffle, &a, &x, 1);
    }
    if (x < 0)
        return -1;
    switch (pick(s, 0, 4)) {
    case 0: return dense(s, x, pick(s, 1, 20), chance(s, 60) ? 1 : 3);
    case 1: return dense(s, depthwise(s, x), pick(s, 1, 20), 1);
    case 2: return depthwise(s, x);
    case 3: {
        Attrs a = defaults(OP_flatten);
        a.axis = 1;
        x = node(s, OP_flatten, &a, &x, 1);
        int64_t wd[2] = {pick(s, 1, 20), type_of(s, x)->dim[1]};
        ValueId in[2] = {x, constant(s, shape(2, wd), sqrt(1.0 / (double)wd[1]), 0)};
        return node(s, OP_linear, NULL, in, 2);
    }
    default: return rg_over_map(s, x, chance(s, 50));
    }
}

static ValueId product(Gen *s)
{
    ValueId x = any(s);
    const Type *t = type_of(s, x);
    if (!t->rank)
        return -1;
    int64_t k = t->dim[t->rank - 1], out = pick(s, 1, 40);
    if (chance(s, 60)) {
        int64_t wd[2] = {out, k};
        ValueId in[3] = {x, constant(s, shape(2, wd), sqrt(1.0 / (double)k), 0), constant(s, shape(1, &out), 0.2, 0)};
        return node(s, OP_linear, NULL, in, chance(s, 50) ? 3 : 2);
    }
    if (t->rank < 2)
        return -1;
    Attrs a = defaults(OP_matmul);
    a.transpose_a = chance(s, 30);
    a.transpose_b = chance(s, 50);
    if (a.transpose_a)
        k = t->dim[t->rank - 2];
    int64_t wd[2] = {a.transpose_b ? out : k, a.transpose_b ? k : out};
    ValueId in[2] = {x, chance(s, 60) ? constant(s, shape(2, wd), sqrt(1.0 / (double)k), 0) : x};
    if (in[1] == x) { /* x x^T, bounded */
        a.transpose_a = false, a.transpose_b = true;
        in[0] = in[1] = node(s, OP_tanh, NULL, &x, 1);
    }
    return node(s, OP_matmul, &a, in, 2);
}

static ValueId linear(Gen *s, ValueId x, int64_t out)
{
    if (x < 0)
        return -1;
    const Type *t = type_of(s, x);
    int64_t wd[2] = {out, t->dim[t->rank - 1]};
    ValueId in[3] = {x, constant(s, shape(2, wd), sqrt(1.0 / (double)wd[1]), 0), constant(s, shape(1, &out), 0.2, 0)};
    return node(s, OP_linear, NULL, in, chance(s, 70) ? 3 : 2);
}

/* Over all but the last dimension as steps; randrnn.c has what is recurrent alone. */
static ValueId recurrent(Gen *s)
{
    static const Op ops[] = {OP_lstm, OP_gru, OP_rnn};
    ValueId x = any(s);
    const Type *t = type_of(s, x);
    Op op = ops[pick(s, 0, LEN(ops) - 1)];
    int64_t in = t->rank ? t->dim[t->rank - 1] : 1, steps = type_elems(t) / in, n = pick(s, 1, 20);
    int64_t gates = op == OP_lstm ? 4 : op == OP_gru ? 3 : 1, wd[2] = {gates * n, in}, rd[2] = {gates * n, n};
    if (steps > 60)
        return -1;
    Attrs flat = defaults(OP_reshape), a = defaults(op);
    flat.shape = (Ints){3, {steps, 1, in}};
    a.reverse = chance(s, 30);
    x = rg_one(s, OP_tanh, x);
    ValueId v[3] = {node(s, OP_reshape, &flat, &x, 1), constant(s, shape(2, wd), sqrt(1.0 / (double)in), 0),
                    constant(s, shape(2, rd), sqrt(1.0 / (double)n), 0)};
    return node(s, op, &a, v, 3);
}

/* What is channels-first here and channels-last there: linear layers, norms and maps between transposes, with a
   residual on either side and convolutions, which want a border, before and behind. */
static ValueId tokens(Gen *s)
{
    static const int64_t last[] = {0, 2, 3, 1}, first[] = {0, 3, 1, 2}, heads[] = {0, 2, 1, 3};
    ValueId x = any(s), y, r;
    if (type_of(s, x)->rank != 4)
        return -1;
    if (chance(s, 50))
        x = chance(s, 60) ? depthwise(s, x) : dense(s, x, pick(s, 1, 20), 3);
    y = r = transposed(s, x, chance(s, 80) ? last : heads);
    if (chance(s, 50))
        y = rg_layer_norm(s, y, chance(s, 80) ? 3 : 1);
    if (y < 0)
        return -1;
    int64_t size = type_of(s, y)->dim[3];
    y = linear(s, y, chance(s, 50) ? size : pick(s, 1, 40));
    if (chance(s, 50))
        y = rg_one(s, chance(s, 50) ? OP_gelu : OP_tanh, y);
    if (chance(s, 40))
        y = linear(s, y, size);
    if (chance(s, 20))
        y = rg_one(s, OP_softmax, y);
    if (y < 0)
        return -1;
    if (chance(s, 40) && type_eq(type_of(s, y), type_of(s, r)))
        y = node(s, OP_add, NULL, (ValueId[]){y, r}, 2);
    if (chance(s, 30))
        PUSH(s->A, &s->pool, y);
    y = transposed(s, y, chance(s, 85) ? first : heads);
    if (y >= 0 && chance(s, 60) && type_eq(type_of(s, y), type_of(s, x)))
        y = node(s, OP_add, NULL, (ValueId[]){x, y}, 2);
    switch (pick(s, 0, 4)) {
    case 0: return depthwise(s, y);
    case 1: return dense(s, y, pick(s, 1, 20), chance(s, 50) ? 1 : 3);
    case 2: return y < 0 ? -1 : rg_over_map(s, y, chance(s, 50));
    default: return y;
    }
}

typedef ValueId Make(Gen *);

static Graph *generate(Arena *A, uint64_t seed, int size, Make *const *make, int nmake, int64_t most)
{
    static const int64_t channels[] = {1, 2, 3, 4, 5, 8, 12, 16, 17, 24, 33};
    Gen s = {.A = A, .g = graph_new(A, "random"), .r = rng_seed(seed, "randgraph")};
    int64_t dim[4] = {chance(&s, 80) ? 1 : 2, channels[pick(&s, 0, LEN(channels) - 1)],
                      chance(&s, 10) ? 1 : pick(&s, 1, most), pick(&s, 1, most)};
    PUSH(A, &s.pool, graph_input(s.g, "x", shape(4, dim), (Loc){0}));
    if (chance(&s, 20)) {
        int64_t two[2] = {dim[0], pick(&s, 1, 40)};
        PUSH(A, &s.pool, graph_input(s.g, "y", shape(2, two), (Loc){0}));
    }
    for (int tries = 0; s.g->node.n < size && tries < size * 20; tries++) {
        ValueId v = make[pick(&s, 0, nmake - 1)](&s);
        if (v >= 0)
            PUSH(A, &s.pool, v);
    }
    graph_compact(s.g);
    int nout = (int)pick(&s, 1, 3);
    for (int i = s.pool.n - 1; i >= 0 && nout; i--) {
        ValueId v = s.pool.v[i];
        if (s.g->value.v[v].kind != VAL_NODE || (i < s.pool.n - 1 && !chance(&s, 40)))
            continue;
        s.g->value.v[v].name = arena_printf(A, "out%d", s.g->output.n);
        PUSH(A, &s.g->output, v);
        nout--;
    }
    return s.g->output.n ? s.g : generate(A, seed ^ 0x9e3779b97f4a7c15u, size, make, nmake, most);
}

Graph *randgraph(Arena *A, uint64_t seed, int size)
{
    /* the first one in every seventh graph alone */
    static Make *const make[] = {recurrent, rg_conv, rg_conv, rg_group, rg_group, rg_conv_transpose, rg_batch_norm,
                                 rg_per_channel, rg_unary, rg_unary, rg_unary, rg_binary, rg_binary, rg_choice,
                                 rg_pool, rg_reduction, rg_norm, movement, movement, units, product, tokens, tokens};
    int without = seed % 7 != 3;
    return generate(A, seed, size, make + without, LEN(make) - without, 15);
}

Graph *randgraph_square(Arena *A, uint64_t seed, int size)
{
    static Make *const make[] = {rg_conv_square, rg_conv_square, rg_conv_square, rg_conv_square, rg_conv_square,
                                 rg_conv_square, rg_conv, rg_per_channel, rg_unary, rg_binary, rg_binary, rg_reduction,
                                 movement};
    return generate(A, seed, size, make, LEN(make), 20);
}

/* One elementwise step on v: of the value alone, or of operands along rows, columns or both. */
static ValueId product_step(Gen *s, ValueId v, ValueId full)
{
    static const Op unary_ops[] = {OP_relu, OP_abs, OP_neg, OP_tanh};
    const Type t = *type_of(s, v);
    int kind = (int)pick(s, 0, 6);
    ValueId in[2] = {v, full};
    if (kind < 2)
        return node(s, unary_ops[pick(s, 0, LEN(unary_ops) - 1)], NULL, in, 1);
    if (kind == 2 || kind == 3) { /* per row, per column, or per matrix */
        Attrs a = defaults(OP_scale);
        a.axis = pick(s, t.rank > 2 ? t.rank - 3 : 0, t.rank - 1);
        in[1] = constant_in(s, shape(1, &t.dim[a.axis]), 0.5, 1.5);
        return node(s, OP_scale, &a, in, 2);
    }
    if (kind < 6)
        in[1] = constant(s, rg_narrower(s, &t), 0.5, 0);
    return node(s, chance(s, 50) ? OP_add : OP_mul, NULL, in, 2);
}

Graph *randproduct(Arena *A, uint64_t seed)
{
    static const int64_t rows[] = {1, 2, 3, 4, 5, 7, 8, 12, 15, 16, 17, 31, 33, 40, 65};
    static const int64_t sums[] = {1, 2, 3, 7, 8, 9, 15, 16, 17, 33, 49, 64, 100, 129};
    Gen s = {.A = A, .g = graph_new(A, "product"), .r = rng_seed(seed, "randproduct")};
    int64_t m = rows[pick(&s, 0, LEN(rows) - 1)], k = sums[pick(&s, 0, LEN(sums) - 1)];
    if (chance(&s, 8))
        m = pick(&s, 1, 5), k = chance(&s, 50) ? 8200 : 600; /* summed in blocks */
    int lead = (int)pick(&s, 0, 2);
    Attrs a = defaults(OP_matmul);
    a.transpose_a = chance(&s, 40);
    a.transpose_b = !a.transpose_a;
    int64_t dim[4] = {pick(&s, 1, 2), pick(&s, 1, 3)}, whole[4] = {dim[0], dim[1]};
    dim[lead] = a.transpose_a ? k : m, dim[lead + 1] = a.transpose_a ? m : k;
    whole[lead] = whole[lead + 1] = m;
    ValueId x = graph_input(s.g, "x", shape(lead + 2, dim), (Loc){0}), other = x;
    if (chance(&s, 20))
        other = graph_input(s.g, "other", shape(lead + 2, dim), (Loc){0});
    ValueId full = graph_input(s.g, "full", shape(lead + 2, whole), (Loc){0});
    if (chance(&s, 50)) /* made here, so that the result may take its place in memory */
        full = node(&s, OP_tanh, NULL, &full, 1);
    ValueId in[2] = {x, other}, v = node(&s, OP_matmul, &a, in, 2);
    for (int steps = (int)pick(&s, 0, 4); steps; steps--)
        v = product_step(&s, v, full);
    if (chance(&s, 40)) /* into the arena */
        v = node(&s, OP_softmax, NULL, &v, 1);
    s.g->value.v[v].name = "out";
    PUSH(A, &s.g->output, v);
    return s.g;
}
