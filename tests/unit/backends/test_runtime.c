/* runtime_min: memory, and the thread pool. */
#include "../../../runtime_min/dsq_mem.h"
#include "../../../runtime_min/dsq_pool.h"

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
            sum += tanhf((float)i / (float)k);
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
                CU_ASSERT(i >= n || memcmp(&v[0].result[i], &serial.result[i], sizeof(float)) == 0);
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
    CU_add_test(s, "copy and fill", test_memory);
    CU_add_test(s, "pool: static partition, same results", test_pool_partition);
    CU_add_test(s, "pool: ranges taken back", test_pool_takes_back);
    CU_add_test(s, "pool: nested loops", test_pool_nested);
    CU_add_test(s, "pool: several callers", test_pool_shared);
    CU_add_test(s, "pool: sleep and wake", test_pool_sleep);
    CU_add_test(s, "pool: creation and its failures", test_pool_create);
}
