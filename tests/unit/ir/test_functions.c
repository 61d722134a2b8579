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
};

enum { LANES = 64, BATCH = 1 << 14 };

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

typedef struct Machine { Arena *A; Program *p; float x[BATCH], y[BATCH]; } Machine;

typedef const Expr *Compute(KB *, const Expr *x, int which);

/* y[i] = compute(x[i]) */
static Machine *machine_of(Compute *compute, int which)
{
    Arena *A = arena_new();
    Machine *m = NEW(A, Machine, 1);
    int64_t n = BATCH;
    Program *p = m->p = NEW(A, Program, 1);
    *p = (Program){.arena = A, .name = "f", .arena_align = 64};
    PUSH(A, &p->buf, ((PBuf){.name = "x", .kind = BUF_INPUT, .type = type_make(DT_F32, 1, &n)}));
    PUSH(A, &p->buf, ((PBuf){.name = "y", .kind = BUF_OUTPUT, .type = type_make(DT_F32, 1, &n)}));
    Kernel *k = NEW(A, Kernel, 1);
    k->name = "k";
    KB b = kb_begin(A, k);
    int in = kb_param(&b, "x", DT_F32, ACC_RO, 1, &n), out = kb_param(&b, "y", DT_F32, ACC_WO, 1, &n);
    const Ix *i = ix_var(A, kb_for(&b, LOOP_SERIAL, "i", ix_const(A, 0), ix_const(A, n), LANES));
    const Expr *x = x_load(&b, in, &i, LANES, 0);
    kb_store(&b, out, &i, compute(&b, x, which), 0);
    kb_end(&b);
    PUSH(A, &p->kernel, *k);
    Call c = {0};
    PUSH(A, &c.arg, ((Arg){.buf = 0}));
    PUSH(A, &c.arg, ((Arg){.buf = 1}));
    PUSH(A, &p->call, c);
    CU_ASSERT_PTR_NULL(program_check(p));
    m->A = A;
    return m;
}

/* An operation of two operands has the same one twice, the second negated. */
static const Expr *operation(KB *b, const Expr *x, int op)
{
    return xop_info[op].arity == 1 ? x_un(b, (XOp)op, x) : x_bin(b, (XOp)op, x, x_un(b, X_neg, x));
}

static Machine *machine(XOp op) { return machine_of(operation, (int)op); }

static void run(Machine *m)
{
    Arena *scratch = arena_new();
    CU_ASSERT_PTR_NULL(program_interp(m->p, (float *[]){m->x, m->y}, NULL, scratch));
    arena_free(scratch);
}

static float one(XOp op, float x)
{
    Machine *m = machine(op);
    m->x[0] = x;
    run(m);
    float y = m->y[0];
    arena_free(m->A);
    return y;
}

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
    const uint32_t stride = 1237; /* odd, so that the patterns are spread over all residues */
    for (int k = 0; k < LEN(rows); k++) {
        Machine *m = machine(rows[k].op);
        Worst w = {0};
        uint64_t digest = 0xcbf29ce484222325u, bits = 0;
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

static const Expr *fast_erf(KB *b, const Expr *x, int fma) { return x_fast_erf(b, fma, x); }

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
    CU_add_test(s, "fast erf", test_fast_erf);
    CU_add_test(s, "for any number of lanes", test_texts);
}
