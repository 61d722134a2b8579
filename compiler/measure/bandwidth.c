/* Vector loads one behind the other from a range that fits L2, one that fits L3 and one that fits neither. Each thread
   has a range of its own, as threads have weights of their own. */
#include "bandwidth.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "../../ir/base/base.h"
#include "../emit/model.h"
#include "../cli/term.h"
#include "together.h"

typedef uint64_t V __attribute__((vector_size(64)));
enum { STEP = 8 };  /* vectors that are read side by side */

static void keep_read(const V *v)
{
    __asm__ volatile("" : : "r"(v) : "memory");
}

/* Copies for the widest loads. The one that the machine has is chosen when the program is loaded. The sums are spelt
   out, since compilers keep an array in memory. */
#if defined __x86_64__ && defined __gnu_linux__ && !defined __SANITIZE_ADDRESS__
__attribute__((target_clones("avx512f", "avx2", "default")))
#endif
static void read_all(const V *p, size_t n)
{
    V a = {0}, b = a, c = a, d = a;
    for (size_t i = 0; i + STEP <= n; i += STEP) {
        a |= p[i], b |= p[i + 1], c |= p[i + 2], d |= p[i + 3];
        a |= p[i + 4], b |= p[i + 5], c |= p[i + 6], d |= p[i + 7];
    }
    a |= b | c | d;
    keep_read(&a);
}

typedef struct Stretch { const V *p; size_t n; pthread_barrier_t *begin; double gbs; } Stretch;

/* The best of several stretches of at least `least_ms`: others use the machine too. */
static void *read_stretches(void *arg)
{
    enum { STRETCHES = 8 };
    static const double least_ms = 2;
    Stretch *s = arg;
    read_all(s->p, s->n);
    pthread_barrier_wait(s->begin);
    for (int i = 0; i < STRETCHES; i++) {
        double t = now_ms(), ms = 0;
        int64_t bytes = 0;
        for (; ms < least_ms; ms = now_ms() - t, bytes += (int64_t)(s->n * sizeof(V)))
            read_all(s->p, s->n);
        double gbs = (double)bytes / ms * 1e-6;
        s->gbs = gbs > s->gbs ? gbs : s->gbs;
    }
    return NULL;
}

static double measure_range(const V *p, int64_t bytes, int threads)
{
    Stretch s[MOST_TOGETHER] = {0};
    pthread_barrier_t begin;
    size_t each = (size_t)bytes / sizeof(V) / (size_t)threads / STEP * STEP;
    double sum = 0;
    pthread_barrier_init(&begin, NULL, (unsigned)threads);
    for (int i = 0; i < threads; i++)
        s[i] = (Stretch){p + (size_t)i * each, each, &begin, 0};
    run_together(threads, read_stretches, s, sizeof *s);
    pthread_barrier_destroy(&begin);
    for (int i = 0; i < threads; i++)
        sum += s[i].gbs;
    return sum;
}

/* What the kernel says is one cache's; sysconf adds up those of several clusters of cores. 0: unknown. */
static int64_t cache_bytes(int level, int which)
{
    char path[80];
    long kib = 0;
    snprintf(path, sizeof path, "/sys/devices/system/cpu/cpu0/cache/index%d/size", level);
    FILE *f = fopen(path, "r");
    bool found = f && fscanf(f, "%ldK", &kib) == 1;
    if (f)
        fclose(f);
    return found ? (int64_t)kib << 10 : imax(0, sysconf(which));
}

Bandwidth measure_bandwidth(int threads)
{
    Bandwidth b = {0};
    threads = cores_of(threads);
#if defined _SC_LEVEL2_CACHE_SIZE
    b.l2_bytes = cache_bytes(2, _SC_LEVEL2_CACHE_SIZE) * threads;
    b.l3_bytes = cache_bytes(3, _SC_LEVEL3_CACHE_SIZE);
#endif
    int64_t far = imin(imax(4 * imax(b.l2_bytes, b.l3_bytes), 64 << 20), 512 << 20);
    V *p = huge_alloc((size_t)far);
    memset(p, 1, (size_t)far);
    if (b.l2_bytes)
        b.l2 = measure_range(p, b.l2_bytes / 2, threads);
    if (b.l3_bytes)
        b.l3 = measure_range(p, imax(b.l3_bytes / 4, imin(4 * b.l2_bytes, b.l3_bytes / 2)), threads);
    b.memory = measure_range(p, far, threads);
    huge_free(p, (size_t)far);
    return b;
}

double bandwidth_of(const Bandwidth *b, int64_t bytes, const char **from)
{
    bool l2 = bytes <= b->l2_bytes, l3 = !l2 && bytes <= b->l3_bytes;
    if (from)
        *from = l2 ? "L2" : l3 ? "L3" : "memory";
    return l2 ? b->l2 : l3 ? b->l3 : b->memory;
}
