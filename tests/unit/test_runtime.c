/* runtime_min: elementary functions against libm in double precision, memory, and the thread pool. */
#include "../../runtime_min/dsq_math.h"
#include "../../runtime_min/dsq_mem.h"
#include "../../runtime_min/dsq_pool.h"

#include <CUnit/CUnit.h>
#include <math.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#if defined __SANITIZE_ADDRESS__ || defined __SANITIZE_THREAD__
#define SANITIZED 1
#elif defined __has_feature
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SANITIZED 1
#endif
#endif

#define LEN(a) (sizeof(a) / sizeof *(a))

void suite_runtime(void);

static double logistic(double x)
{
    return 1.0 / (1.0 + exp(-x));
}

/* The bounds are those that dsq_math.h states. digest is that of the results on the strided arguments, computed
   without contraction: every machine and compiler must give these bits. */
static const struct function {
    const char *name;
    float (*f)(float);
    double (*exact)(double);
    double bound;
    uint64_t digest;
    float around[8]; /* where the method or the result changes; 0 and the largest numbers go without saying */
} functions[] = {
    {"dsq_expf", dsq_expf, exp, 1.25, 0x3db46d2691c01f62u,
     {88.7228f, -87.3365f, -103.9721f, 89.0f, -104.0f, 0.34657f, -0.34657f, 1.0f}},
    {"dsq_sigmoidf", dsq_sigmoidf, logistic, 2.5, 0xe42ffb3aab31f441u,
     {88.7228f, -87.3365f, -103.9721f, -104.0f, 17.3287f, -17.3287f}},
    {"dsq_tanhf", dsq_tanhf, tanh, 1.5, 0x2e963b91b7a14cf9u,
     {0.625f, -0.625f, 9.0109f, -9.0109f, 9.25f, -9.25f}},
    {"dsq_erff", dsq_erff, erf, 1.5, 0x64392e9709b141e6u,
     {0.8f, -0.8f, 3.8326f, -3.8326f, 4.0f, -4.0f}},
    {"dsq_logf", dsq_logf, log, 1.0, 0x7754e3550709ad49u,
     {1.0f, 0.70710678f, 1.41421356f, 2.0f, 0x1p-126f, -0x1p-126f}},
    {"dsq_sqrtf", dsq_sqrtf, sqrt, 0.5, 0x69606e5794466f11u,
     {1.0f, 4.0f, 0x1p-126f, 0x1p-148f, -1.0f}},
    {"dsq_sqrtf_soft", dsq_sqrtf_soft, sqrt, 0.5, 0x69606e5794466f11u,
     {1.0f, 4.0f, 0x1p-126f, 0x1p-148f, -1.0f}},
};

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

struct worst {
    double ulps;
    uint32_t at;
};

static float measure(const struct function *fn, uint32_t bits, struct worst *w)
{
    float x = dsq_from_bits(bits), y = fn->f(x);
    double e = ulps(y, fn->exact(x));
    if (e > w->ulps)
        *w = (struct worst){e, bits};
    return y;
}

static void expect_bound(const struct function *fn, struct worst w)
{
    if (w.ulps > fn->bound) {
        fprintf(stderr, "%s(%a): error %.4f ulp, bound %.2f\n", fn->name, dsq_from_bits(w.at), w.ulps, fn->bound);
        CU_FAIL("error above its bound");
    }
}

/* Whether this compiler fuses a * b + c: (1 + 2^-12)^2 - (1 + 2^-11) is 2^-24 then, and 0 otherwise. */
static int contracted(void)
{
    volatile float va = 1.0f + 0x1p-12f, vc = -(1.0f + 0x1p-11f);
    float a = va, c = vc;
    float r = a * a + c;
    return r != 0.0f;
}

static void test_math_range(void)
{
    const uint32_t stride = 1237; /* odd, so that the patterns are spread over all residues */
    for (size_t i = 0; i < LEN(functions); i++) {
        const struct function *fn = &functions[i];
        struct worst w = {0.0, 0};
        uint64_t digest = 0xcbf29ce484222325u;
        for (uint64_t bits = 0; bits <= UINT32_MAX; bits += stride) {
            float y = measure(fn, (uint32_t)bits, &w);
            digest = (digest ^ (isnan(y) ? 0x7fc00000u : dsq_bits(y))) * 0x100000001b3u;
        }
        expect_bound(fn, w);
        if (!contracted() && digest != fn->digest) {
            fprintf(stderr, "%s: digest of the results is %#llx\n", fn->name, (unsigned long long)digest);
            CU_FAIL("other bits than on other machines");
        }
    }
}

static void test_math_neighbourhoods(void)
{
    static const uint32_t everywhere[] = {0, 0x80000000u, 0x00800000u, 0x80800000u, 0x7f800000u, 0xff800000u,
                                          0x7fc00000u, 0xffc00000u, 0xffffffffu};
    for (size_t i = 0; i < LEN(functions); i++) {
        const struct function *fn = &functions[i];
        struct worst w = {0.0, 0};
        for (uint32_t d = 0; d <= 4000; d++) {
            for (size_t k = 0; k < LEN(everywhere); k++)
                measure(fn, everywhere[k] + d - 2000, &w);
            for (size_t k = 0; k < LEN(fn->around); k++)
                measure(fn, dsq_bits(fn->around[k]) + d - 2000, &w);
        }
        expect_bound(fn, w);
    }
}

static void expect_bits(float got, float want)
{
    CU_ASSERT_EQUAL(dsq_bits(got), dsq_bits(want));
}

static void test_math_special(void)
{
    const float inf = (float)INFINITY;
    for (int s = 0; s < 2; s++) {
        float z = s ? -0.0f : 0.0f, one = s ? -1.0f : 1.0f, i = s ? -inf : inf, d = s ? -0x1p-149f : 0x1p-149f;
        expect_bits(dsq_expf(z), 1.0f);
        expect_bits(dsq_expf(i), s ? 0.0f : inf);
        expect_bits(dsq_sigmoidf(z), 0.5f);
        expect_bits(dsq_sigmoidf(i), s ? 0.0f : 1.0f);
        expect_bits(dsq_tanhf(z), z);
        expect_bits(dsq_tanhf(d), d);
        expect_bits(dsq_tanhf(i), one);
        expect_bits(dsq_erff(z), z);
        expect_bits(dsq_erff(d), d);
        expect_bits(dsq_erff(i), one);
        expect_bits(dsq_logf(z), -inf);
        expect_bits(dsq_sqrtf(z), z);
        expect_bits(dsq_sqrtf_soft(z), z);
    }
    expect_bits(dsq_logf(inf), inf);
    expect_bits(dsq_logf(1.0f), 0.0f);
    expect_bits(dsq_sqrtf(inf), inf);
    expect_bits(dsq_sqrtf_soft(inf), inf);
    expect_bits(dsq_expf(0x1.62e42ep+6f), expf(0x1.62e42ep+6f)); /* the last argument below overflow */
    expect_bits(dsq_expf(0x1.62e43p+6f), inf);
    CU_ASSERT(isnan(dsq_sqrtf(-0x1p-149f)) && isnan(dsq_sqrtf_soft(-0x1p-149f)) && isnan(dsq_sqrtf(-inf)));
    CU_ASSERT(isnan(dsq_logf(-0x1p-149f)) && isnan(dsq_logf(-inf)));
    for (size_t i = 0; i < LEN(functions); i++)
        CU_ASSERT(isnan(functions[i].f(dsq_from_bits(0x7f800001u))) && isnan(functions[i].f(-(float)NAN)));
}

static void test_math_bits(void)
{
    for (uint64_t bits = 0; bits <= UINT32_MAX; bits += 65537) {
        float x = dsq_from_bits((uint32_t)bits);
        if (dsq_bits(dsq_fabsf(x)) != (bits & 0x7fffffffu) ||
            dsq_bits(dsq_copysignf(x, -2.0f)) != (bits | 0x80000000u) ||
            dsq_bits(dsq_copysignf(-2.0f, x)) != (0x40000000u | (bits & 0x80000000u)) ||
            dsq_bits(dsq_select(1, x, 3.0f)) != bits || dsq_bits(dsq_select(0, 3.0f, x)) != bits)
            CU_FAIL("a bit was changed");
    }
}

/* Every size with every pair of alignments, and not a byte beside. */
enum { AREA = 1300, MARGIN = 32 };

static void expect_copy(void (*copy)(void *, const void *, size_t), size_t to, size_t from, size_t n)
{
    unsigned char src[AREA], dst[AREA], want[AREA];
    for (size_t i = 0; i < AREA; i++) {
        src[i] = (unsigned char)(i * 7 + 1);
        dst[i] = want[i] = (unsigned char)(200 - i);
    }
    for (size_t i = 0; i < n; i++)
        want[to + i] = src[from + i];
    copy(dst + to, src + from, n);
    CU_ASSERT_EQUAL(memcmp(dst, want, AREA), 0);
}

static void test_memory(void)
{
    static const size_t large[] = {255, 256, 257, 511, 1000, 1024};
    for (size_t k = 0; k < 150 + LEN(large); k++) {
        size_t n = k < 150 ? k : large[k - 150];
        for (size_t to = 0; to < MARGIN; to += to < 17 ? 1 : 15) {
            unsigned char got[AREA], want[AREA];
            memset(got, 0x5a, AREA);
            memcpy(want, got, AREA);
            memset(want + to, (int)(k + 0x80), n);
            dsq_memset(got + to, (int)(k + 0x80) - 0x300, n); /* only the low byte counts */
            CU_ASSERT_EQUAL(memcmp(got, want, AREA), 0);
            for (size_t from = 0; from < 17; from++) {
                expect_copy(dsq_memcpy, to, from, n);
                expect_copy(dsq_memmove, to, from, n);
            }
        }
    }
    for (size_t n = 0; n < 70; n++)
        for (size_t to = 0; to < 40; to++) {
            unsigned char got[128], want[128];
            for (size_t i = 0; i < sizeof got; i++)
                got[i] = want[i] = (unsigned char)(i * 11);
            memmove(want + to, want + 20, n);
            dsq_memmove(got + to, got + 20, n);
            CU_ASSERT_EQUAL(memcmp(got, want, sizeof got), 0);
            dsq_memcpy(got, got, n);
            CU_ASSERT_EQUAL(memcmp(got, want, sizeof got), 0);
        }
}

enum { MAX_N = 200 };

struct visits {
    unsigned count[MAX_N];
    unsigned calls[MAX_N]; /* by first index */
    pthread_t thread[MAX_N];
    float result[MAX_N];
};

static void visit(void *arg, size_t begin, size_t end)
{
    struct visits *v = arg;
    v->calls[begin]++;
    for (size_t i = begin; i < end; i++) {
        v->count[i]++;
        v->thread[i] = pthread_self();
        float sum = 0.0f;
        for (int k = 1; k <= 50; k++)
            sum += dsq_tanhf((float)i / (float)k);
        v->result[i] = sum;
    }
}

static dsq_pool *new_pool(unsigned threads)
{
    dsq_pool *pool;
    CU_ASSERT_EQUAL_FATAL(dsq_pool_create(&pool, threads), DSQ_OK);
    return pool;
}

/* The same thread, unless the caller, this one, did what the worker had not begun. */
static int same_worker(pthread_t a, pthread_t b)
{
    return pthread_equal(a, b) || pthread_equal(a, pthread_self()) || pthread_equal(b, pthread_self());
}

static void test_pool_partition(void)
{
    static const unsigned counts[] = {1, 2, 3, 4, 7, 16};
    struct visits serial = {0};
    visit(&serial, 0, MAX_N);
    for (size_t k = 0; k < LEN(counts); k++) {
        dsq_pool *pool = new_pool(counts[k]);
        const dsq_executor *e = dsq_pool_executor(pool);
        CU_ASSERT_EQUAL(e->threads, counts[k]);
        for (size_t n = 0; n <= MAX_N; n++) {
            struct visits v[2] = {0};
            e->parallel_for(e->ctx, n, visit, &v[0]);
            e->parallel_for(e->ctx, n, visit, &v[1]);
            unsigned calls = 0;
            for (size_t i = 0; i < MAX_N; i++) {
                calls += v[0].calls[i];
                CU_ASSERT_EQUAL(v[0].count[i], i < n);
                CU_ASSERT_EQUAL(v[0].calls[i], v[1].calls[i]);
                CU_ASSERT(i >= n || same_worker(v[0].thread[i], v[1].thread[i]));
                CU_ASSERT(i >= n || dsq_bits(v[0].result[i]) == dsq_bits(serial.result[i]));
            }
            CU_ASSERT_EQUAL(calls, n < counts[k] ? n : counts[k]);
            CU_ASSERT(n == 0 || pthread_equal(v[0].thread[0], pthread_self()));
        }
        dsq_pool_destroy(pool);
    }
}

/* More workers than can wake up while the caller does next to nothing: it does ranges of theirs, and none twice. */
static void test_pool_takes_back(void)
{
    dsq_pool *pool = new_pool(64);
    const dsq_executor *e = dsq_pool_executor(pool);
    int own = 0, others = 0;
    for (int k = 0; k < 200; k++) {
        struct visits v = {0};
        e->parallel_for(e->ctx, 64, visit, &v);
        for (int i = 0; i < 64; i++) {
            CU_ASSERT_EQUAL(v.count[i], 1);
            pthread_equal(v.thread[i], pthread_self()) ? own++ : others++;
        }
    }
    CU_ASSERT(own > 200);
    CU_ASSERT(others > 0);
    dsq_pool_destroy(pool);
}

struct nested {
    const dsq_executor *executor;
    struct visits inner[8];
};

static void nest(void *arg, size_t begin, size_t end)
{
    struct nested *o = arg;
    for (size_t i = begin; i < end; i++)
        o->executor->parallel_for(o->executor->ctx, 10 * i, visit, &o->inner[i]);
}

static void test_pool_nested(void)
{
    dsq_pool *pool = new_pool(3);
    struct nested o = {.executor = dsq_pool_executor(pool)};
    o.executor->parallel_for(o.executor->ctx, LEN(o.inner), nest, &o);
    for (size_t i = 0; i < LEN(o.inner); i++)
        for (size_t k = 0; k < MAX_N; k++) {
            CU_ASSERT_EQUAL(o.inner[i].count[k], k < 10 * i);
            CU_ASSERT(k >= 10 * i || pthread_equal(o.inner[i].thread[k], o.inner[i].thread[0]));
        }
    dsq_pool_destroy(pool);
}

static void *use_pool(void *arg)
{
    const dsq_executor *e = arg;
    for (int k = 0; k < 300; k++) {
        struct visits v = {0};
        e->parallel_for(e->ctx, 50, visit, &v);
        for (size_t i = 0; i < MAX_N; i++)
            if (v.count[i] != (i < 50))
                return arg;
    }
    return NULL;
}

static void test_pool_shared(void)
{
    dsq_pool *pool = new_pool(3);
    pthread_t user[3];
    for (size_t i = 0; i < LEN(user); i++)
        CU_ASSERT_EQUAL_FATAL(pthread_create(&user[i], NULL, use_pool, (void *)dsq_pool_executor(pool)), 0);
    for (size_t i = 0; i < LEN(user); i++) {
        void *failed;
        pthread_join(user[i], &failed);
        CU_ASSERT_PTR_NULL(failed);
    }
    dsq_pool_destroy(pool);
}

static void sleep_ms(long ms)
{
    nanosleep(&(struct timespec){.tv_nsec = ms * 1000000}, NULL);
}

struct slow {
    size_t index;
    atomic_uint done;
};

static void slow_at(void *arg, size_t begin, size_t end)
{
    struct slow *s = arg;
    for (size_t i = begin; i < end; i++) {
        if (i == s->index)
            sleep_ms(3);
        atomic_fetch_add(&s->done, 1);
    }
}

/* Workers and caller that have gone to sleep are woken. */
static void test_pool_sleep(void)
{
    dsq_pool *pool = new_pool(2);
    const dsq_executor *e = dsq_pool_executor(pool);
    for (size_t k = 0; k < 20; k++) {
        struct slow s = {.index = k % 2};
        atomic_init(&s.done, 0);
        e->parallel_for(e->ctx, 2, slow_at, &s);
        CU_ASSERT_EQUAL(atomic_load(&s.done), 2);
        if (k % 3)
            sleep_ms(2);
    }
    dsq_pool_destroy(pool);
    pool = new_pool(4); /* ended while asleep, and at once */
    sleep_ms(2);
    dsq_pool_destroy(pool);
    dsq_pool_destroy(new_pool(4));
}

#if !defined SANITIZED
static int create_in_little_memory(void)
{
    struct rlimit few = {64 << 20, 64 << 20};
    dsq_pool *pool = (dsq_pool *)&few;
    if (setrlimit(RLIMIT_AS, &few) != 0)
        return 10;
    int status = dsq_pool_create(&pool, DSQ_POOL_MAX_THREADS);
    return pool != NULL ? 11 : status;
}
#endif

static void test_pool_create(void)
{
    dsq_pool *pool = (dsq_pool *)&pool;
    CU_ASSERT_EQUAL(dsq_pool_create(NULL, 2), DSQ_EINVAL);
    CU_ASSERT_EQUAL(dsq_pool_create(&pool, DSQ_POOL_MAX_THREADS + 1), DSQ_EINVAL);
    CU_ASSERT_PTR_NULL(pool);
    dsq_pool_destroy(NULL);
    pool = new_pool(0);
    CU_ASSERT_EQUAL(dsq_pool_executor(pool)->threads, (unsigned)sysconf(_SC_NPROCESSORS_ONLN));
    dsq_pool_destroy(pool);
#if !defined SANITIZED
    fflush(NULL);
    pid_t child = fork();
    if (child == 0)
        _exit(create_in_little_memory());
    int status = -1;
    CU_ASSERT(child > 0 && waitpid(child, &status, 0) == child);
    CU_ASSERT(WIFEXITED(status));
    CU_ASSERT_EQUAL(WEXITSTATUS(status), DSQ_ENOMEM);
#endif
}

void suite_runtime(void)
{
    CU_pSuite s = CU_add_suite("runtime", NULL, NULL);
    CU_add_test(s, "functions over the whole range", test_math_range);
    CU_add_test(s, "functions near special points", test_math_neighbourhoods);
    CU_add_test(s, "special values", test_math_special);
    CU_add_test(s, "bit operations", test_math_bits);
    CU_add_test(s, "copy and fill", test_memory);
    CU_add_test(s, "pool: static partition, same results", test_pool_partition);
    CU_add_test(s, "pool: ranges taken back", test_pool_takes_back);
    CU_add_test(s, "pool: nested loops", test_pool_nested);
    CU_add_test(s, "pool: several callers", test_pool_shared);
    CU_add_test(s, "pool: sleep and wake", test_pool_sleep);
    CU_add_test(s, "pool: creation and its failures", test_pool_create);
}
