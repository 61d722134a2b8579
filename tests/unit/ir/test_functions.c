/* The elementary functions of ir/loop/functions.loops, as the loop interpreter runs them, against libm in double
   precision. */
#include "../../../ir/loop/loops.h"

#include <CUnit/CUnit.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

void suite_functions(void);

/* bound: largest error in units of the last place, as functions.loops states it, rounded up. digest: of the results on
   the strided arguments. Every machine must give these bits. */
typedef struct Row {
    XOp op;
    double (*exact)(double);
    double bound;
    uint64_t digest;
    float around[8]; /* where the method or the result changes; 0 and the largest numbers go without saying */
} Row;
static const Row rows[] = {
    {X_exp, exp, 0.99, 0x3db46d2691c01f62u,
     {88.7228f, -87.3365f, -103.9721f, 89.0f, -104.0f, 0.34657f, -0.34657f, 1.0f}},
    {X_tanh, tanh, 1.21, 0x2e963b91b7a14cf9u, {0.625f, -0.625f, 9.0109f, -9.0109f, 9.25f, -9.25f}},
    {X_erf, erf, 1.41, 0x64392e9709b141e6u, {0.8f, -0.8f, 3.8326f, -3.8326f, 4.0f, -4.0f}},
    {X_sqrt_soft, sqrt, 0.5, 0x69606e5794466f11u, {1.0f, 4.0f, 0x1p-126f, 0x1p-148f, -1.0f}},
    {X_rint, rint, 0, 0xce7d300d29cdfad3u, {0.5f, -0.5f, 1.5f, 0x1p23f, -0x1p23f, 0x1p22f}},
    {X_floor, floor, 0, 0xd0ace4972d65431fu, {0.5f, -0.5f, 1.0f, -1.0f, 0x1p23f, -0x1p23f, 0x1p22f}},
    {X_ceil, ceil, 0, 0x5f0411634c874547u, {0.5f, -0.5f, 1.0f, -1.0f, 0x1p23f, -0x1p23f, 0x1p22f}},
    {X_trunc, trunc, 0, 0xce942a9ebb570c0du, {0.5f, -0.5f, 1.0f, -1.0f, 0x1p23f, -0x1p23f, 0x1p22f}},
    {X_expm1, expm1, 1.55, 0x35dbe7c01a99ffe9u, {88.7228f, 89.0f, -17.0f, -20.0f, 0x1p-25f, 0.34657f, -0.34657f, 1.0f}},
    {X_log, log, 0.78, 0x139414718f132081u, {1.0f, 0x1p-126f, 0.70710678f, 1.41421356f, -1.0f, 2.0f}},
    {X_log1p, log1p, 0.82, 0x8f39cf925f580dfdu, {-1.0f, 0x1p-26f, -0.29289322f, 0.41421356f, 1.0f, 0x1p24f}},
    {X_sin, sin, 0.81, 0x38d553eb1e22690du, {0.7853982f, 3.1415927f, 1.5707964f, 0x1.6ac5b2p+41f, 355.0f, 0x1p100f}},
    {X_cos, cos, 0.81, 0x5868d841c2a559c9u, {0.7853982f, 3.1415927f, 1.5707964f, 0x1.6ac5b2p+41f, 355.0f, 0x1p100f}},
    {X_tan, tan, 2.3, 0xb963447987479e28u, {0.7853982f, 3.1415927f, 1.5707964f, 0x1.6ac5b2p+41f, 355.0f, 0x1p100f}},
    {X_asin, asin, 2.5, 0xd250e0a5104b51e1u, {1.0f, -1.0f, 0.5f, 0.70710678f}},
    {X_acos, acos, 2.3, 0x8ecece15e49c074du, {1.0f, -1.0f, 0.5f, 0.70710678f}},
    {X_atan, atan, 1.42, 0x8837e3c77ab85393u, {1.0f, -1.0f, 0.5f, 1e8f}},
    {X_sinh, sinh, 3.8, 0xea0eb66da5d91ae9u, {1.0f, -1.0f, 88.7228f, 89.416f}},
    {X_cosh, cosh, 3.1, 0xfe46c7ba85f99e7u, {1.0f, -1.0f, 88.7228f, 89.416f}},
    {X_asinh, asinh, 1.7, 0xcc4f5743aba35ee8u, {1.0f, -1.0f, 4096.0f, 1e19f}},
    {X_acosh, acosh, 2.25, 0x6deee08b331c1f65u, {1.0f, 2.0f, 4096.0f, 1e19f}},
    {X_atanh, atanh, 2.0, 0x7b0ff2be1615c61au, {1.0f, -1.0f, 0.5f, 0x1p-20f}},
};

enum { LANES = 64, BATCH = 1 << 14 };
static const double POW_BOUND = 1.1;

static uint32_t bits_of(float x)
{
    uint32_t u;
    memcpy(&u, &x, sizeof u);
    return u;
}

static float from_bits(uint32_t u)
{
    float x;
    memcpy(&x, &u, sizeof x);
    return x;
}

/* ---- running an operation ---- */

typedef struct Machine { Arena *A; Program *p; float x[BATCH], e[BATCH], y[BATCH]; } Machine;

typedef const Expr *Compute(KB *, const Expr *x, const Expr *e, int which);

/* y[i] = compute(x[i], e[i]) */
static Machine *machine_of(Compute *compute, int which)
{
    Arena *A = arena_new();
    Machine *m = NEW(A, Machine, 1);
    int64_t n = BATCH;
    Program *p = m->p = NEW(A, Program, 1);
    *p = (Program){.arena = A, .name = "f", .arena_align = 64};
    PUSH(A, &p->buf, ((PBuf){.name = "x", .kind = BUF_INPUT, .type = type_make(DT_F32, 1, &n)}));
    PUSH(A, &p->buf, ((PBuf){.name = "e", .kind = BUF_INPUT, .type = type_make(DT_F32, 1, &n)}));
    PUSH(A, &p->buf, ((PBuf){.name = "y", .kind = BUF_OUTPUT, .type = type_make(DT_F32, 1, &n)}));
    Kernel *k = NEW(A, Kernel, 1);
    k->name = "k";
    KB b = kb_begin(A, k);
    int in = kb_param(&b, "x", DT_F32, ACC_RO, 1, &n), second = kb_param(&b, "e", DT_F32, ACC_RO, 1, &n);
    int out = kb_param(&b, "y", DT_F32, ACC_WO, 1, &n);
    const Ix *i = ix_var(A, kb_for(&b, LOOP_SERIAL, "i", ix_const(A, 0), ix_const(A, n), LANES));
    const Expr *x = x_load(&b, in, &i, LANES, 0);
    kb_store(&b, out, &i, compute(&b, x, x_load(&b, second, &i, LANES, 0), which), 0);
    kb_end(&b);
    PUSH(A, &p->kernel, *k);
    Call c = {0};
    for (int k = 0; k < 3; k++)
        PUSH(A, &c.arg, ((Arg){.buf = k}));
    PUSH(A, &p->call, c);
    CU_ASSERT_PTR_NULL(program_check(p));
    m->A = A;
    return m;
}

static const Expr *operation(KB *b, const Expr *x, const Expr *e, int op)
{
    return xop_info[op].arity == 1 ? x_un(b, (XOp)op, x) : x_bin(b, (XOp)op, x, e);
}

static Machine *machine(XOp op) { return machine_of(operation, (int)op); }

static void run(Machine *m)
{
    Arena *scratch = arena_new();
    CU_ASSERT_PTR_NULL(program_interp(m->p, (float *[]){m->x, m->e, m->y}, NULL, scratch));
    arena_free(scratch);
}

static float two(XOp op, float x, float e)
{
    Machine *m = machine(op);
    m->x[0] = x, m->e[0] = e;
    run(m);
    float y = m->y[0];
    arena_free(m->A);
    return y;
}

static float one(XOp op, float x) { return two(op, x, -x); }

/* ---- errors ---- */

/* |y - exact| in units of the last place that a float near exact has; infinity counts as 2^128. */
static double ulps(float y, double exact)
{
    if (isnan(exact) || isnan(y))
        return isnan(exact) && isnan(y) ? 0.0 : INFINITY;
    if (isinf(exact))
        return isinf(y) && !signbit(y) == !signbit(exact) ? 0.0 : INFINITY;
    double got = isinf(y) ? copysign(0x1p128, y) : y;
    double want = fabs(exact) > 0x1p128 ? copysign(0x1p128, exact) : exact;
    int e;
    frexp(want, &e);
    e = want == 0.0 || e < -125 ? -125 : e > 128 ? 128 : e;
    return fabs(got - want) / ldexp(1.0, e - 24);
}

typedef struct Worst { double ulps; float at; } Worst;

static void measure(const Row *r, Machine *m, int n, Worst *w)
{
    run(m);
    for (int i = 0; i < n; i++) {
        double e = ulps(m->y[i], r->exact(m->x[i]));
        if (e > w->ulps)
            *w = (Worst){e, m->x[i]};
    }
}

static void expect_bound(const Row *r, Worst w)
{
    if (w.ulps > r->bound)
        printf("%s(%a): error %.4f ulp, bound %.2f\n", xop_info[r->op].name, (double)w.at, w.ulps, r->bound);
    CU_ASSERT(w.ulps <= r->bound);
}

/* ---- tests ---- */

static void test_range(void)
{
    for (int k = 0; k < LEN(rows); k++) {
        Machine *m = machine(rows[k].op);
        Worst w = {0};
        uint64_t digest = 0xcbf29ce484222325u, bits = 0;
        const uint32_t stride = rows[k].op <= X_sqrt_soft ? 1237 : 9973; /* odd, so that all residues occur */
        while (bits <= UINT32_MAX) {
            int n = 0;
            for (; n < BATCH && bits <= UINT32_MAX; n++, bits += stride)
                m->x[n] = from_bits((uint32_t)bits);
            measure(&rows[k], m, n, &w);
            for (int i = 0; i < n; i++)
                digest = (digest ^ (isnan(m->y[i]) ? 0x7fc00000u : bits_of(m->y[i]))) * 0x100000001b3u;
        }
        expect_bound(&rows[k], w);
        if (digest != rows[k].digest)
            printf("%s: digest of the results is %#llx\n", xop_info[rows[k].op].name, (unsigned long long)digest);
        CU_ASSERT_EQUAL(digest, rows[k].digest);
        arena_free(m->A);
    }
}

static void test_neighbourhoods(void)
{
    static const uint32_t everywhere[] = {0, 0x80000000u, 0x00800000u, 0x80800000u, 0x7f800000u, 0xff800000u,
                                          0x7fc00000u, 0xffc00000u, 0xffffffffu};
    enum { NEAR = 4001 };
    for (int k = 0; k < LEN(rows); k++) {
        Machine *m = machine(rows[k].op);
        Worst w = {0};
        for (int i = 0; i < LEN(everywhere) + LEN(rows[k].around); i++) {
            bool special = i < LEN(everywhere);
            uint32_t at = special ? everywhere[i] : bits_of(rows[k].around[i - LEN(everywhere)]);
            for (int d = 0; d < NEAR; d++)
                m->x[d] = from_bits(at + (uint32_t)(d - NEAR / 2));
            measure(&rows[k], m, NEAR, &w);
        }
        expect_bound(&rows[k], w);
        arena_free(m->A);
    }
}

static void expect_bits(float got, float want)
{
    CU_ASSERT_EQUAL(bits_of(got), bits_of(want));
}

static void test_special(void)
{
    const float inf = (float)INFINITY;
    for (int s = 0; s < 2; s++) {
        float z = s ? -0.0f : 0.0f, unit = s ? -1.0f : 1.0f, i = s ? -inf : inf, d = s ? -0x1p-149f : 0x1p-149f;
        expect_bits(one(X_exp, z), 1.0f);
        expect_bits(one(X_exp, i), s ? 0.0f : inf);
        expect_bits(one(X_tanh, z), z);
        expect_bits(one(X_tanh, d), d);
        expect_bits(one(X_tanh, i), unit);
        expect_bits(one(X_erf, z), z);
        expect_bits(one(X_erf, d), d);
        expect_bits(one(X_erf, i), unit);
        expect_bits(one(X_sqrt_soft, z), z);
        static const XOp odd[] = {X_rint, X_floor, X_ceil, X_trunc, X_expm1, X_log1p, X_sin, X_tan, X_asin, X_atan,
                                  X_sinh, X_asinh, X_atanh};
        for (int k = 0; k < LEN(odd); k++)
            expect_bits(one(odd[k], z), z);
        expect_bits(one(X_ceil, unit * 0.25f), s ? -0.0f : 1.0f);
        expect_bits(one(X_rint, unit * 0.5f), z);
        expect_bits(one(X_log, z), -inf);
        CU_ASSERT(isnan(one(X_sin, i)) && isnan(one(X_cos, i)) && isnan(one(X_tan, i)));
        expect_bits(one(X_copysign, i), -i);
        expect_bits(one(X_copysign, d), -d);
    }
    expect_bits(one(X_sqrt_soft, inf), inf);
    expect_bits(one(X_exp, 0x1.62e42ep+6f), expf(0x1.62e42ep+6f)); /* the last argument below overflow */
    expect_bits(one(X_exp, 0x1.62e43p+6f), inf);
    CU_ASSERT(isnan(one(X_sqrt_soft, -0x1p-149f)));
    for (int k = 0; k < LEN(rows); k++)
        CU_ASSERT(isnan(one(rows[k].op, from_bits(0x7f800001u))) && isnan(one(rows[k].op, -(float)NAN)));
}

/* Bases and exponents whose powers are numbers, others of every kind, and all pairs of special ones. */
static void test_pow(void)
{
    static const float special[] = {0, -0.0f, 1, -1, 2, -2, 3, -3, 0.5f, -0.5f, 1.5f, 0x1p24f, 0x1p24f - 1,
                                    1 - 0x1p-24f, 0x1p-149f, 3e38f, -3e38f, INFINITY, -INFINITY, NAN};
    Machine *m = machine(X_pow);
    Rng r = rng_seed(1, "pow");
    double worst = 0;
    for (int round = 0; round < 12; round++) {
        for (int i = 0; i < BATCH; i++) {
            m->x[i] = from_bits((uint32_t)rng_next(&r));
            m->e[i] = from_bits((uint32_t)rng_next(&r));
            if (round == 0)
                m->x[i] = special[i % LEN(special)], m->e[i] = special[i / LEN(special) % LEN(special)];
            else if (round < 10) {
                m->x[i] = fabsf(m->x[i]);
                m->e[i] = (float)(rng_uniform(&r) * 300 - 150) / (float)fmax(fabs(log2(m->x[i])), 1e-7);
            } else if (round == 10)
                m->e[i] = (float)(rng_next(&r) % 21) - 10;
        }
        run(m);
        for (int i = 0; i < BATCH; i++) {
            double e = ulps(m->y[i], pow(m->x[i], m->e[i]));
            bool sign = isnan(m->y[i]) || !signbit(m->y[i]) == !signbit(pow(m->x[i], m->e[i]));
            if (e > POW_BOUND || !sign)
                printf("pow(%a, %a) = %a: error %.4f ulp\n", (double)m->x[i], (double)m->e[i], (double)m->y[i], e);
            worst = sign && e <= worst ? worst : sign ? e : INFINITY;
        }
    }
    CU_ASSERT(worst <= POW_BOUND);
    arena_free(m->A);
}

static const Expr *fast_erf(KB *b, const Expr *x, const Expr *e, int fma)
{
    (void)e;
    return x_fast_erf(b, fma, x);
}

/* The distance, not the units: gelu adds 1 to it. */
static void test_fast_erf(void)
{
    const uint32_t stride = 977;
    for (int fma = 0; fma < 2; fma++) {
        Machine *m = machine_of(fast_erf, fma);
        double worst = 0;
        for (uint64_t bits = 0; bits <= UINT32_MAX;) {
            int n = 0;
            for (; n < BATCH && bits <= UINT32_MAX; n++, bits += stride)
                m->x[n] = from_bits((uint32_t)bits);
            run(m);
            for (int i = 0; i < n; i++) {
                double e = isnan(m->x[i]) ? isnan(m->y[i]) ? 0 : INFINITY : fabs(m->y[i] - erf(m->x[i]));
                worst = e <= worst ? worst : e; /* NaN is the worst */
            }
        }
        if (!(worst <= 4e-7))
            printf("fast erf, fma %d: error %g\n", fma, worst);
        CU_ASSERT(worst <= 4e-7);
        arena_free(m->A);
    }
}

/* Functions are checked kernels for any number of lanes, and print as the language says. */
static void test_texts(void)
{
    Arena *A = arena_new();
    for (int op = 0; op < NXOPS; op++)
        for (int lanes = 1; xop_info[op].cls == XC_math && lanes <= LANES; lanes *= 2) {
            const Kernel *f = xop_function(A, (XOp)op, lanes);
            CU_ASSERT_EQUAL(f->args, xop_info[op].arity);
            for (int i = 0; i < f->reg.n; i++)
                CU_ASSERT_EQUAL(f->reg.v[i].type.lanes, lanes);
            CU_ASSERT(vt_eq(f->body.v[f->body.n - 1]->val->type, vt(DT_F32, lanes)));
        }
    arena_free(A);
}

void suite_functions(void)
{
    CU_pSuite s = CU_add_suite("elementary functions", NULL, NULL);
    CU_add_test(s, "the whole range", test_range);
    CU_add_test(s, "near special points", test_neighbourhoods);
    CU_add_test(s, "special values", test_special);
    CU_add_test(s, "powers", test_pow);
    CU_add_test(s, "fast erf", test_fast_erf);
    CU_add_test(s, "for any number of lanes", test_texts);
}
