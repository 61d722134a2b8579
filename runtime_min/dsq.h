#ifndef DSQ_H
#define DSQ_H
/* What generated code and its callers share: error codes and the executor. Freestanding C99, usable from C++. */
#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Results of NAME_run and of the functions of this runtime. */
enum {
    DSQ_OK = 0,
    DSQ_EINVAL = 1, /* a pointer is null or misaligned, or a value is outside its range */
    DSQ_ENOMEM = 2  /* the system gave no memory or no thread */
};

/* Runs the parallel loops of NAME_run_mt. dsq_pool.h has one for POSIX threads; any other pool takes a dozen lines.

   parallel_for calls body on ranges [begin, end) that are not empty and together hold each of 0 .. n-1 exactly once, in
   any order and on any thread, and returns when all of them have returned; what they wrote is then visible to the
   caller. With n = 0 it calls nothing. It must not fail: an executor that can start no thread calls body(arg, 0, n).

   Results never depend on the executor, its number of threads or the ranges it chooses: a body computes each index by
   itself, in an order of operations fixed at compile time, and writes only what belongs to that index; private scratch
   memory is reserved in the arena for each index. An executor should give the same index to the same thread every time,
   so that weights stay in that core's cache.

   threads is the number of calls of body that may run at once, at least 1. Generated code may use it to choose how
   finely it divides a loop, never what it computes. ctx is handed back to parallel_for untouched. */
typedef struct dsq_executor {
    void *ctx;
    unsigned threads;
    void (*parallel_for)(void *ctx, size_t n, void (*body)(void *arg, size_t begin, size_t end), void *arg);
} dsq_executor;

#ifdef __cplusplus
}
#endif
#endif
