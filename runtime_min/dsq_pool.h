#ifndef DSQ_POOL_H
#define DSQ_POOL_H
/* A dsq_executor on POSIX threads. Compile dsq_pool.c as C11 or later (-std=c11) and link it with -pthread. Nothing
   else in this runtime needs either. */
#include "dsq.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct dsq_pool dsq_pool;

#define DSQ_POOL_MAX_THREADS 1024u

/* Starts threads - 1 workers; whoever calls parallel_for is the remaining one. threads = 0 stands for the number of
   processors online. Returns DSQ_OK, DSQ_EINVAL (pool is null, or threads above DSQ_POOL_MAX_THREADS) or DSQ_ENOMEM
   (no memory, or a thread could not be started), and then *pool, if there is one, is null.
   Workers block all signals, and compute in the floating-point environment of the thread that created the pool. */
int dsq_pool_create(dsq_pool **pool, unsigned threads);

/* Ends and joins the workers. No parallel_for of this pool may be running. Null is allowed. */
void dsq_pool_destroy(dsq_pool *pool);

/* The executor to hand to NAME_run_mt; it belongs to the pool and lives as long as it does.
   n indices are cut into min(n, threads) ranges whose lengths differ by at most one; range i goes to worker i and
   range 0 to the caller, who then does the ranges that their workers have not begun, having no processor at that time.
   Idle workers spin for some tens of microseconds, the time between two layers, and sleep after that; with more threads
   than processors they sleep at once.
   parallel_for may be called from several threads and from within a body: while the pool is at work, such a call runs
   all its indices on the thread that made it. */
const dsq_executor *dsq_pool_executor(const dsq_pool *pool);

#ifdef __cplusplus
}
#endif
#endif
