#ifndef TEST_CBACKEND_OPERATIONS_H
#define TEST_CBACKEND_OPERATIONS_H
/* A program of every operation on every type. */
#include "cbackend_harness.h"

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
#endif
