/* Independent chains of fused multiply-adds on registers: what a core can do at most. Where there is no fused
   instruction, a multiplication and an addition in its place. */
#include "peak.h"

#include <stdbool.h>
#include <stdint.h>

#include "../../ir/base/base.h"
#include "../cli/term.h"
#include "together.h"
#if defined __x86_64__
#include <immintrin.h>
#elif defined __aarch64__
#include <arm_neon.h>
#endif

/* Enough chains to hide a latency of 4 to 5 cycles on two or three units, few enough for 16 registers. They are spelt
   out, since compilers keep an array in memory. */
enum { CHAINS = 12, STEPS = 20000 };

/* Volatile, since a compiler that knows the numbers finds chains that stand still. */
static volatile float numbers[3] = {0.999999f, 1e-6f, 2};

#define EACH_CHAIN(X) X(0) X(1) X(2) X(3) X(4) X(5) X(6) X(7) X(8) X(9) X(10) X(11)
#define DECLARE(i) V x##i = SET(numbers[2] * i);
#define ADVANCE(i) x##i = STEP(x##i, a, b);
#define GATHER(i) sum = STEP(sum, a, x##i);
#define CHAIN_LOOP                                                                                                     \
    V a = SET(numbers[0]), b = SET(numbers[1]), sum = SET(0);                                                          \
    EACH_CHAIN(DECLARE)                                                                                                \
    for (int n = 0; n < STEPS; n++)   {                                                                                \
        EACH_CHAIN(ADVANCE)                                                                                            \
    }                                                                                                                  \
    EACH_CHAIN(GATHER)                                                                                                 \
    keep_result(&sum);

/* The compiler must believe that the result is wanted. */
static void keep_result(const void *p)
{
    __asm__ volatile("" : : "r"(p) : "memory");
}

#if defined __x86_64__
#define V __m512
#define SET _mm512_set1_ps
#define STEP _mm512_fmadd_ps
__attribute__((target("avx512f"))) static void chains_avx512(void)
{
    CHAIN_LOOP
}
#undef V
#undef SET
#undef STEP

#define V __m256
#define SET _mm256_set1_ps
#define STEP _mm256_fmadd_ps
__attribute__((target("avx2,fma"))) static void chains_avx2(void)
{
    CHAIN_LOOP
}
#undef V
#undef SET
#undef STEP

#define V __m128
#define SET _mm_set1_ps
#define STEP(x, a, b) _mm_add_ps(_mm_mul_ps(x, a), b)
static void chains_sse(void)
{
    CHAIN_LOOP
}
#elif defined __aarch64__
#define V float32x4_t
#define SET vdupq_n_f32
#define STEP(x, a, b) vfmaq_f32(b, x, a)
static void chains_neon(void)
{
    CHAIN_LOOP
}
#else
#define V float
#define SET (float)
#define STEP(x, a, b) ((x) * (a) + (b))
static void chains_scalar(void)
{
    CHAIN_LOOP
}
#endif

typedef struct PeakIsa { const char *name; int lanes; void (*chains)(void); bool here; } PeakIsa;

static int find_isas(PeakIsa isa[4])
{
    int n = 0;
#if defined __x86_64__
    isa[n++] = (PeakIsa){"AVX-512", 16, chains_avx512, __builtin_cpu_supports("avx512f")};
    isa[n++] = (PeakIsa){"AVX2 and FMA", 8, chains_avx2,
                          __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")};
    isa[n++] = (PeakIsa){"SSE", 4, chains_sse, true};
#elif defined __aarch64__
    isa[n++] = (PeakIsa){"Advanced SIMD", 4, chains_neon, true};
#else
    isa[n++] = (PeakIsa){"scalar", 1, chains_scalar, true};
#endif
    return n;
}

typedef struct Load { const PeakIsa *isa; pthread_barrier_t *begin; double gflops; } Load;

/* The best of several short stretches: others use the machine too. */
static void *run_stretches(void *arg)
{
    enum { STRETCHES = 12, CALLS = 10 };
    Load *l = arg;
    l->isa->chains();
    pthread_barrier_wait(l->begin);
    for (int s = 0; s < STRETCHES; s++) {
        double t = now_ms();
        for (int i = 0; i < CALLS; i++)
            l->isa->chains();
        t = now_ms() - t;
        double gflops = 2.0 * CHAINS * STEPS * CALLS * l->isa->lanes / t * 1e-6;
        if (gflops > l->gflops)
            l->gflops = gflops;
    }
    return NULL;
}

static double measure_isa(const PeakIsa *isa, int threads)
{
    Load load[MOST_TOGETHER] = {0};
    pthread_barrier_t begin;
    double sum = 0;
    threads = cores_of(threads);
    pthread_barrier_init(&begin, NULL, (unsigned)threads);
    for (int i = 0; i < threads; i++)
        load[i] = (Load){isa, &begin, 0};
    run_together(threads, run_stretches, load, sizeof *load);
    pthread_barrier_destroy(&begin);
    for (int i = 0; i < threads; i++)
        sum += load[i].gflops;
    return sum;
}

Peak measure_peak(int threads, int lanes)
{
    PeakIsa isa[4];
    Peak best = {0, ""};
    int n = find_isas(isa);
    for (int i = 0; i < n; i++) {
        bool allowed = isa[i].here && (isa[i].lanes <= lanes || i == n - 1); /* every machine has the last */
        double gflops = allowed ? measure_isa(&isa[i], threads) : 0;
        if (gflops > best.gflops)
            best = (Peak){gflops, isa[i].name};
    }
    return best;
}
