#ifndef TEST_CBACKEND_PROGRAMS_H
#define TEST_CBACKEND_PROGRAMS_H
/* Programs that the suites of the C backend print. */
#include "cbackend_harness.h"

/* ---- every operation on every type ---- */

static int64_t at_f, at_i;

static inline DType other(DType t) { return t == DT_F32 ? DT_I32 : DT_F32; }

static inline const Expr *apply(XOp op, VT t, const Expr *const *x, int i)
{
    if (xop_info[op].cls == XC_cast)
        return x_cast(&B, op, other(t.elem), x[0]);
    switch (op) {
    case X_shl:
    case X_shr: return x_bin(&B, op, x[0], x_bin(&B, X_and, x[1], x_const(&B, vt(DT_I32, 1), 31)));
    case X_fma: return x_fma(&B, true, x[0], x[1], x[2]);
    case X_select_gt: return x_select_gt(&B, x[0], x[1], x[2], x[3]);
    case X_select_ge: return x_select_ge(&B, x[0], x[1], x[2], x[3]);
    case X_lane: return x_lane(&B, x[0], i % t.lanes);
    case X_splat: return x_splat(&B, x_lane(&B, x[0], 0), t.lanes);
    default: return xop_info[op].arity == 1 ? x_un(&B, op, x[0]) : x_bin(&B, op, x[0], x[1]);
    }
}

/* t: of the operands. */
static inline bool operation_exists(XOp op, VT t)
{
    XClass c = xop_info[op].cls;
    bool floats = op == X_div || op == X_sqrt || op == X_fma || c == XC_math;
    bool integers = c == XC_bits || op == X_convert;
    return t.elem == DT_I32 ? !floats : !integers;
}

static inline void operation_kernel(XOp op, VT t, int in, const int *outs)
{
    const XInfo *info = &xop_info[op];
    bool integer = t.elem == DT_I32, fold = info->cls == XC_fold;
    if (!operation_exists(op, t))
        return;
    DType result = info->cls == XC_cast ? other(t.elem) : t.elem;
    int out = outs[result == DT_I32];
    begin_kernel(arena_printf(A, "%s_%s_%d", info->name, integer ? "i" : "f", t.lanes));
    int p = param("in", t.elem, ACC_RO, 1, 4 * ROW, 0, 0), q = param("out", result, ACC_WO, 1, ROW, 0, 0);
    const Ix *i = V(serial("i", C(0), C(ROW / t.lanes), 1));
    const Expr *x[4];
    for (int k = 0; k < 4; k++)
        x[k] = load1(p, plus(times(i, t.lanes), C(k * ROW)), t.lanes, 0);
    store1(q, fold ? i : times(i, t.lanes), apply(op, t, x, op * 7), 0);
    kb_end(&B);
    int64_t *at = result == DT_I32 ? &at_i : &at_f;
    CALL({in, 0}, {out, *at});
    *at += ROW;
}

static inline void partial_kernel(VT t, int n, int in, int out)
{
    begin_kernel(arena_printf(A, "part_%s_%d_%d", t.elem == DT_I32 ? "i" : "f", t.lanes, n));
    int p = param("in", t.elem, ACC_RO, 1, n, 0, 0), q = param("out", t.elem, ACC_WO, 1, t.lanes + n, 0, 0);
    store1(q, C(0), load1(p, C(0), t.lanes, n), 0); /* the rest of the vector is zero */
    store1(q, C(t.lanes), load1(p, C(0), t.lanes, n), n);
    int64_t *at = t.elem == DT_I32 ? &at_i : &at_f;
    CALL({in, 4 * ROW - n}, {out, *at});
    *at += 2 * t.lanes; /* what is stored too far stays visible */
}

/* Functions are text of the same operations, which take compilers long: a few, and large ones at one width. */
static inline bool worth_trying(const Target *t, XOp op, int lanes)
{
    bool large = op == X_pow || op == X_sin_quarter, vectors_only = xop_info[op].cls == XC_fold || op == X_splat;
    if (op >= X_expm1 && xop_info[op].cls == XC_math)
        return large && lanes == t->lanes;
    return (op != X_fma || t->fma) && (lanes > 1 || !vectors_only);
}

/* Two inputs and two outputs: floats and integers. Sizes are those of all the kernels together. */
static inline void build_operations(const Target *t)
{
    program("ops");
    int in[2] = {buffer("floats", BUF_INPUT, DT_F32, 4 * ROW, NULL), buffer("ints", BUF_INPUT, DT_I32, 4 * ROW, NULL)};
    int out[2] = {buffer("f", BUF_OUTPUT, DT_F32, 1 << 16, NULL), buffer("i", BUF_OUTPUT, DT_I32, 1 << 16, NULL)};
    at_f = at_i = 0;
    for (int e = 0; e < 2; e++)
        for (int lanes = 1; lanes <= t->lanes; lanes *= lanes == 1 ? 4 : 2) {
            VT type = vt(e ? DT_I32 : DT_F32, lanes);
            for (int op = X_splat; op < NXOPS; op++)
                if (worth_trying(t, op, lanes))
                    operation_kernel(op, type, in[e], out);
            for (int n = 1; n < lanes; n++)
                partial_kernel(type, n, in[e], out[e]);
        }
    begin_kernel("index_values");
    int q = param("out", DT_I32, ACC_WO, 1, 9, 0, 0), i = serial("i", C(0), C(9), 1);
    const Ix *falling = plus(times(V(i), -2), C(5)); /* floor division of what becomes negative */
    store1(q, V(i), x_index(&B, plus(times(ix_div(A, falling, 3), -3), ix_mod(A, falling, 4))), 0);
    kb_end(&B);
    CALL({out[1], at_i});
    at_i += 9;
    int64_t n[2] = {at_f, at_i};
    for (int e = 0; e < 2; e++)
        P->buf.v[out[e]].type = type_make(e ? DT_I32 : DT_F32, 1, &n[e]);
}

/* ---- kernels as the lowering makes them ---- */

/* 3x3 convolution of a bordered [rows+2][px+2][in] map, px pixels x nb vectors of channels in registers. */
static inline void conv_kernel(const Target *t, int rows, int px, int nb, int channels, int lanes)
{
    begin_kernel("conv3x3");
    P->kernel.v[P->kernel.n - 1].title = "3x3 convolution\nin a register tile of px pixels x nb vectors";
    int in = param("in", DT_F32, ACC_RO, 3, rows + 2, px + 2, channels);
    int w = kb_param(&B, "w", DT_F32, ACC_CONST, 4, (int64_t[]){3, 3, channels, nb * lanes});
    int b = param("b", DT_F32, ACC_CONST, 1, nb * lanes, 0, 0);
    int out = param("out", DT_F32, ACC_WO, 3, rows, px, nb * lanes);
    const Ix *y = V(kb_for(&B, LOOP_PARALLEL, "y", C(0), C(rows), 1));
    int acc[8];
    for (int j = 0; j < nb; j++)
        acc[j] = kb_tile(&B, arena_printf(A, "acc%d", j), px, 0, load1(b, C(j * lanes), lanes, 0));
    const Ix *ky = V(serial("ky", C(0), C(3), 1)), *kx = V(serial("kx", C(0), C(3), 1));
    const Ix *c = V(serial("c", C(0), C(channels), 1));
    const Expr *wj[8];
    for (int j = 0; j < nb; j++)
        wj[j] = x_reg(&B, kb_let(&B, arena_printf(A, "w%d", j),
                                 x_load(&B, w, (const Ix *[]){ky, kx, c, C(j * lanes)}, lanes, 0)));
    const Ix *p = V(kb_for(&B, LOOP_UNROLL, "p", C(0), C(px), 1));
    const Expr *x = x_splat(&B, x_load(&B, in, (const Ix *[]){plus(y, ky), plus(p, kx), c}, 1, 0), lanes);
    for (int j = 0; j < nb; j++)
        kb_set(&B, acc[j], p, NULL, x_fma(&B, t->fma, x, wj[j], x_tile(&B, acc[j], p, NULL)));
    for (int i = 0; i < 4; i++)
        kb_end(&B);
    p = V(kb_for(&B, LOOP_UNROLL, "p", C(0), C(px), 1));
    for (int j = 0; j < nb; j++)
        kb_store(&B, out, (const Ix *[]){y, p, C(j * lanes)},
                 x_bin(&B, X_max, x_tile(&B, acc[j], p, NULL), f32(0)), 0);
    kb_end(&B);
    kb_end(&B);
}

static inline void unroll(void)
{
    for (int i = 0; i < P->kernel.n; i++)
        loop_unroll(A, &P->kernel.v[i]);
}

static inline void optimize(void)
{
    unroll();
    for (int i = 0; i < P->kernel.n; i++) {
        loop_hoist(A, &P->kernel.v[i]);
        loop_cse(A, &P->kernel.v[i]);
    }
}

/* Two calls of one kernel, the second in place of the first's input through the arena. */
static inline void build_conv(const Target *t)
{
    enum { ROWS = 3 };
    int lanes = t->lanes, px = lanes == 1 ? 4 : t->vregs == 32 ? 14 : 6, nb = lanes == 1 ? 4 : 2, ch = 9;
    int n_in = (ROWS + 2) * (px + 2) * ch, n_w = 9 * ch * nb * lanes, n_out = ROWS * px * nb * lanes;
    program("conv");
    int in = buffer("image", BUF_INPUT, DT_F32, 2 * n_in, NULL);
    int out = buffer("out", BUF_OUTPUT, DT_F32, 2 * n_out, NULL);
    int w[2], b[2];
    for (int i = 0; i < 2; i++) {
        w[i] = buffer(arena_printf(A, "conv%d_weight", i), BUF_CONST, DT_F32, n_w, numbers(n_w, true, i ? "w1" : "w0"));
        b[i] = buffer(arena_printf(A, "conv%d_bias", i), BUF_CONST, DT_F32, nb * lanes, numbers(nb * lanes, true, "b"));
    }
    conv_kernel(t, ROWS, px, nb, ch, lanes);
    CALL({in, 0}, {w[0], 0}, {b[0], 0}, {ARG_ARENA, 64});
    CALL({in, n_in}, {w[1], 0}, {b[1], 0}, {out, 0});
    begin_kernel("copy");
    P->arena_bytes = 64 + 4 * n_out;
    int from = param("from", DT_F32, ACC_RO, 1, n_out, 0, 0), to = param("to", DT_F32, ACC_WO, 1, n_out, 0, 0);
    const Ix *i = V(serial("i", C(0), C(n_out), 1));
    store1(to, i, load1(from, i, 1, 0), 0);
    kb_end(&B);
    CALL({ARG_ARENA, 64}, {out, n_out});
    optimize();
}

/* One channel of a 7x7 stem with stride 2: the windows of px pixels overlap along the row. */
static inline void build_stem(const Target *t)
{
    enum { ROWS = 4, PX = 14, WIDTH = 2 * PX + 6 };
    int lanes = t->lanes, n_w = 7 * 7 * 2 * lanes;
    program("stem");
    int in = buffer("image", BUF_INPUT, DT_F32, (ROWS + 6) * WIDTH, NULL);
    int out = buffer("out", BUF_OUTPUT, DT_F32, ROWS * PX * 2 * lanes, NULL);
    int weight = buffer("weight", BUF_CONST, DT_F32, n_w, numbers(n_w, true, "w"));
    begin_kernel("stem7x7");
    int x = param("in", DT_F32, ACC_RO, 2, ROWS + 6, WIDTH, 0), w = param("w", DT_F32, ACC_CONST, 3, 7, 7, 2 * lanes);
    int q = param("out", DT_F32, ACC_WO, 3, ROWS, PX, 2 * lanes), acc[2];
    const Ix *y = V(serial("y", C(0), C(ROWS), 1));
    for (int j = 0; j < 2; j++)
        acc[j] = kb_tile(&B, j ? "b" : "a", PX, 0, x_const(&B, vt(DT_F32, lanes), 0));
    const Ix *ky = V(serial("ky", C(0), C(7), 1)), *kx = V(serial("kx", C(0), C(7), 1));
    const Ix *p = V(kb_for(&B, LOOP_UNROLL, "p", C(0), C(PX), 1));
    for (int j = 0; j < 2; j++)
        kb_set(&B, acc[j], p, NULL,
               x_fma(&B, t->fma, x_splat(&B, load2(x, plus(y, ky), plus(times(p, 2), kx), 1), lanes),
                     x_load(&B, w, (const Ix *[]){ky, kx, C(j * lanes)}, lanes, 0), x_tile(&B, acc[j], p, NULL)));
    for (int i = 0; i < 3; i++)
        kb_end(&B);
    p = V(kb_for(&B, LOOP_UNROLL, "p", C(0), C(PX), 1));
    for (int j = 0; j < 2; j++)
        kb_store(&B, q, (const Ix *[]){y, p, C(j * lanes)}, x_tile(&B, acc[j], p, NULL), 0);
    kb_end(&B);
    kb_end(&B);
    CALL({in, 0}, {weight, 0}, {out, 0});
    optimize();
}

/* 3x3 max pooling with stride 2 whose window is clipped by min and max, starting from -infinity. */
static inline void pool_kernel(int in, int out)
{
    begin_kernel("max_pool");
    int p = param("in", DT_F32, ACC_RO, 2, 7, 9, 0), q = param("out", DT_F32, ACC_WO, 2, 4, 5, 0);
    int y = serial("y", C(0), C(4), 1), x = serial("x", C(0), C(5), 1);
    int best = kb_let(&B, "best", f32(-INFINITY));
    const Ix *y0 = plus(times(V(y), 2), C(-1)), *x0 = plus(times(V(x), 2), C(-1));
    int i = serial("i", ix_max(A, y0, C(0)), ix_min(A, plus(y0, C(3)), C(7)), 1);
    int j = serial("j", ix_max(A, x0, C(0)), ix_min(A, plus(x0, C(3)), C(9)), 1);
    kb_set(&B, best, NULL, NULL, x_bin(&B, X_max, load2(p, V(i), V(j), 1), x_reg(&B, best)));
    kb_end(&B);
    kb_end(&B);
    kb_store(&B, q, (const Ix *[]){V(y), V(x)}, x_reg(&B, best), 0);
    kb_end(&B);
    kb_end(&B);
    CALL({in, 0}, {out, 0});
}

/* out[i] = in[table[i]] + in[floor((table[i] - 40) / 3) % 16] + ...: what may be negative before the remainder. */
static inline void table_kernel(int in, int out, int table)
{
    begin_kernel("gather");
    int p = param("in", DT_F32, ACC_RO, 1, 64, 0, 0), q = param("out", DT_F32, ACC_WO, 1, 64, 0, 0);
    int tab = param("tab", DT_I32, ACC_CONST, 1, 64, 0, 0);
    int i = serial("i", C(0), C(64), 1), s = kb_index(&B, "s", tab, (const Ix *[]){V(i)});
    const Ix *d = ix_div(A, plus(V(s), C(-40)), 3);
    const Expr *e = x_bin(&B, X_add, load1(p, V(s), 1, 0), load1(p, ix_mod(A, d, 16), 1, 0));
    e = x_bin(&B, X_add, e, load1(p, plus(ix_div(A, plus(V(i), C(-7)), 4), C(2)), 1, 0));
    e = x_bin(&B, X_add, e, load1(p, plus(ix_div(A, V(i), 4), times(ix_mod(A, plus(V(i), C(3)), 4), 9)), 1, 0));
    store1(q, V(i), e, 0);
    kb_end(&B);
    CALL({in, 64}, {out, 20}, {table, 0});
}

/* x += residual in place, both parameters being the same memory; then gelu-like epilogues in vectors. */
static inline void epilogue_kernel(const Target *t, int in, int out, bool alias)
{
    int lanes = t->lanes, n = 96;
    begin_kernel(alias ? "add_in_place" : "epilogue");
    int p = param("x", DT_F32, alias ? ACC_RW : ACC_RO, 1, n, 0, 0), q = param("y", DT_F32, ACC_RW, 1, n, 0, 0);
    P->kernel.v[P->kernel.n - 1].param.v[p].alias = P->kernel.v[P->kernel.n - 1].param.v[q].alias = alias;
    kb_comment(&B, "a comment that ends */ and begins /* too soon\nin two lines");
    const Ix *i = V(serial("i", C(0), C(n), lanes));
    const Expr *x = load1(p, i, lanes, 0), *y = load1(q, i, lanes, 0);
    if (!alias) {
        const Expr *e = x_un(&B, X_erf, x_bin(&B, X_mul, x, f32(0.70710678118654752)));
        y = x_bin(&B, X_mul, x_bin(&B, X_mul, x, f32(0.5)), x_bin(&B, X_add, e, f32(1)));
        e = x_un(&B, X_exp, x_un(&B, X_neg, x_un(&B, X_abs, x)));
        y = x_bin(&B, X_sub, y, x_bin(&B, X_sub, x_un(&B, X_tanh, x), e));
        y = x_bin(&B, X_div, y, x_bin(&B, X_div, x, x_bin(&B, X_add, x_bin(&B, X_mul, x, x), f32(-3))));
        y = x_bin(&B, X_mul, y, x_bin(&B, X_mul, x_un(&B, X_neg, x), x_un(&B, X_neg, f32(1.0f / 3))));
    } else
        y = x_bin(&B, X_add, x, y);
    store1(q, i, y, 0);
    kb_end(&B);
    if (alias)
        CALL({ARG_ARENA, 0}, {ARG_ARENA, 0});
    else
        CALL({in, 0}, {ARG_ARENA, 0});
    (void)out;
}

/* A tile of rank 2, a register set in an inner block, things that nobody reads, a tail of 5. */
static inline void odd_kernel(const Target *t, int out)
{
    int lanes = t->lanes;
    begin_kernel("odd");
    int p = param("x", DT_F32, ACC_RO, 1, 96, 0, 0), q = param("y", DT_F32, ACC_WO, 1, 80, 0, 0);
    int unused = param("unused", DT_F32, ACC_RO, 1, 96, 0, 0);
    int tile = kb_tile(&B, "tile", 3, 2, x_const(&B, vt(DT_F32, lanes), 1.5));
    int dead = kb_let(&B, "dead", load1(unused, C(0), 1, 0)), sum = kb_let(&B, "sum", f32(0));
    int i = kb_for(&B, LOOP_UNROLL, "i", C(0), C(3), 1), j = kb_for(&B, LOOP_UNROLL, "j", C(0), C(2), 1);
    const Ix *at = plus(times(V(i), 2), V(j));
    kb_set(&B, tile, V(i), V(j), x_bin(&B, X_sub, load1(p, at, lanes, 0), x_tile(&B, tile, V(i), V(j))));
    kb_set(&B, dead, NULL, NULL, x_bin(&B, X_add, x_reg(&B, dead), f32(1)));
    kb_end(&B);
    kb_end(&B);
    int k = kb_for(&B, LOOP_UNROLL, "k", C(0), C(3), 1);
    kb_set(&B, sum, NULL, NULL, x_bin(&B, X_sub, x_un(&B, X_hsum, x_tile(&B, tile, V(k), C(1))), x_reg(&B, sum)));
    kb_set(&B, sum, NULL, NULL,
           x_bin(&B, X_add, x_un(&B, X_hmax, x_tile(&B, tile, V(k), C(0))), x_reg(&B, sum)));
    kb_end(&B);
    serial("nothing", C(0), C(4), 1);
    kb_let(&B, "nobody", f32(2));
    kb_end(&B);
    int n = lanes > 5 ? 5 : lanes;
    store1(q, C(0), x_bin(&B, X_mul, x_tile(&B, tile, C(2), C(1)), x_reg(&B, sum)), n);
    store1(q, C(16), load1(p, C(91), lanes > 4 ? lanes : 1, lanes > 4 ? 5 : 1), 0);
    int m = serial("m", C(0), C(6), 1);
    store1(q, plus(V(m), C(40)), x_bin(&B, X_mul, load1(p, plus(times(V(m), -1), C(5)), 1, 0), f32(-2)), 0);
    kb_end(&B);
    CALL({ARG_ARENA, 0}, {out, 90}, {ARG_ARENA, 0});
}

static inline void make_kernels(const Target *t)
{
    int32_t *table = NEW(A, int32_t, 64);
    Rng r = rng_seed(3, "table");
    for (int i = 0; i < 64; i++)
        table[i] = (int32_t)(rng_next(&r) % 64);
    program("kernels");
    int in = buffer("image", BUF_INPUT, DT_F32, 200, NULL), out = buffer("out", BUF_OUTPUT, DT_F32, 170, NULL);
    int tab = buffer("table", BUF_CONST, DT_I32, 64, table);
    P->arena_bytes = 4 * 96;
    begin_kernel("fill");
    int q = param("out", DT_F32, ACC_WO, 1, 170, 0, 0), i = serial("i", C(0), C(170), 1);
    store1(q, V(i), f32(-1), 0);
    kb_end(&B);
    CALL({out, 0});
    pool_kernel(in, out);
    table_kernel(in, out, tab);
    epilogue_kernel(t, in, out, false);
    epilogue_kernel(t, in, out, true);
    odd_kernel(t, out);
}

static inline void build_kernels(const Target *t)
{
    make_kernels(t);
    unroll();
}

static inline void build_kernels_optimized(const Target *t)
{
    make_kernels(t);
    optimize();
}

/* Names that mean something to C, to its compilers or to the helpers of the file itself. */
static inline void build_names(const Target *t)
{
    program("class");
    int in = buffer("max_f32", BUF_INPUT, DT_F32, 64, NULL), out = buffer("asm", BUF_OUTPUT, DT_F32, 64, NULL);
    int w = buffer("f32x8", BUF_CONST, DT_F32, 64, numbers(64, true, "w"));
    begin_kernel("dsq_expf");
    int p = param("linux", DT_F32, ACC_RO, 1, 64, 0, 0), q = param("__x", DT_F32, ACC_WO, 1, 64, 0, 0);
    int c = param("f32x8", DT_F32, ACC_CONST, 1, 64, 0, 0);
    int acc = kb_tile(&B, "y", 2, 0, x_const(&B, vt(DT_F32, t->lanes), 3)), y1 = kb_let(&B, "y1", load1(c, C(1), 1, 0));
    int i = kb_for(&B, LOOP_UNROLL, "main", C(0), C(2), 1);
    kb_set(&B, acc, V(i), NULL, x_bin(&B, X_add, x_tile(&B, acc, V(i), NULL), x_widen(&B, x_reg(&B, y1), t->lanes)));
    kb_end(&B);
    int j = kb_for(&B, LOOP_PARALLEL, "begin", C(0), C(64 / t->lanes), 1);
    const Ix *at = times(V(j), t->lanes);
    const Expr *e = x_bin(&B, X_max, x_un(&B, X_exp, load1(p, at, t->lanes, 0)), load1(c, at, t->lanes, 0));
    store1(q, at, x_bin(&B, X_sub, x_bin(&B, X_sub, e, x_tile(&B, acc, C(0), NULL)), x_tile(&B, acc, C(1), NULL)), 0);
    kb_end(&B);
    CALL({in, 0}, {out, 0}, {w, 0});
    unroll();
}

/* Zeroes an edge, reads a bias, then y = x + bias for every third index from 2 on: the edge is one more index, the bias
   belongs to every part. */
static inline void edge_kernel(int in, int out, int at)
{
    begin_kernel("edge");
    int p = param("x", DT_F32, ACC_RO, 1, 32, 0, 0), q = param("y", DT_F32, ACC_WO, 1, 32, 0, 0);
    int i = serial("i", C(0), C(33), 3);
    for (int k = 0; k < 2; k++)
        store1(q, ix_addc(A, V(i), k), f32(-4), 0);
    kb_end(&B);
    int end = serial("end", C(23), C(32), 3);
    store1(q, V(end), f32(-4), 0);
    kb_end(&B);
    int bias = kb_let(&B, "bias", load1(p, C(1), 1, 0));
    int y = kb_for(&B, LOOP_PARALLEL, "y", C(2), C(21), 3);
    store1(q, V(y), x_bin(&B, X_add, load1(p, V(y), 1, 0), x_reg(&B, bias)), 0);
    kb_end(&B);
    CALL({in, 0}, {out, at});
}

/* The loop reads what was stored before it: that comes first. */
static inline void leading_kernel(int in, int out, int at)
{
    begin_kernel("leading");
    int p = param("x", DT_F32, ACC_RO, 1, 32, 0, 0), q = param("y", DT_F32, ACC_RW, 1, 32, 0, 0);
    store1(q, C(0), load1(p, C(3), 1, 0), 0);
    int y = kb_for(&B, LOOP_PARALLEL, "y", C(1), C(32), 1);
    store1(q, V(y), x_bin(&B, X_mul, load1(p, V(y), 1, 0), load1(q, C(0), 1, 0)), 0);
    kb_end(&B);
    CALL({in, 0}, {out, at});
}

/* What comes before the parallel loop reads what it writes: this cannot be repeated, and stays in one piece. */
static inline void counting_kernel(int in, int out, int at)
{
    begin_kernel("counting");
    int p = param("x", DT_F32, ACC_RO, 1, 32, 0, 0), q = param("y", DT_F32, ACC_RW, 1, 32, 0, 0);
    store1(q, C(0), f32(1), 0);
    int a = kb_let(&B, "a", load1(q, C(0), 1, 0));
    store1(q, C(0), x_bin(&B, X_add, x_reg(&B, a), load1(p, C(3), 1, 0)), 0);
    int b = kb_let(&B, "b", load1(q, C(0), 1, 0));
    int y = kb_for(&B, LOOP_PARALLEL, "y", C(1), C(32), 1);
    store1(q, V(y), x_bin(&B, X_mul, load1(p, V(y), 1, 0), x_reg(&B, b)), 0);
    kb_end(&B);
    CALL({in, 0}, {out, at});
}

/* Loops before the parallel one store, read that and store again. Nothing is left in registers: only the head runs
   them. */
static inline void staged_kernel(int in, int out, int at)
{
    begin_kernel("staged");
    int p = param("x", DT_F32, ACC_RO, 1, 32, 0, 0), q = param("y", DT_F32, ACC_RW, 1, 32, 0, 0);
    int i = serial("i", C(0), C(8), 1);
    store1(q, V(i), load1(p, V(i), 1, 0), 0);
    kb_end(&B);
    int j = serial("j", C(1), C(8), 1);
    int sum = kb_let(&B, "sum", load1(q, ix_addc(A, V(j), -1), 1, 0));
    store1(q, V(j), x_bin(&B, X_add, x_reg(&B, sum), load1(q, V(j), 1, 0)), 0);
    kb_end(&B);
    int y = kb_for(&B, LOOP_PARALLEL, "y", C(8), C(32), 1);
    store1(q, V(y), x_bin(&B, X_mul, load1(p, V(y), 1, 0), load1(q, C(7), 1, 0)), 0);
    kb_end(&B);
    CALL({in, 0}, {out, at});
}

/* What comes before the parallel loop reads what the loop writes. Repeated by a later part, it would read something
   else. */
static inline void drifting_kernel(int out, int at)
{
    begin_kernel("drifting");
    int q = param("y", DT_F32, ACC_RW, 1, 32, 0, 0);
    int a = kb_let(&B, "a", load1(q, C(5), 1, 0));
    int y = kb_for(&B, LOOP_PARALLEL, "y", C(0), C(32), 1);
    store1(q, V(y), x_bin(&B, X_add, load1(q, V(y), 1, 0), x_reg(&B, a)), 0);
    kb_end(&B);
    CALL({out, at});
}

static inline void build_threaded(const Target *t)
{
    build_conv(t);
    int out = 1;
    int64_t n = type_elems(&P->buf.v[out].type), more = n + 128;
    P->buf.v[out].type = type_make(DT_F32, 1, &more);
    edge_kernel(0, out, (int)n);
    counting_kernel(0, out, (int)n + 32);
    leading_kernel(0, out, (int)n + 64);
    staged_kernel(0, out, (int)n + 96);
    drifting_kernel(out, (int)n + 64);
}
#endif
