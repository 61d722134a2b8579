/* Each worker has a slot of its own. The caller posts a range to it, and both wait on it. A loop wakes only the
   workers that have work, and no two workers share a cache line.

   A slot is idle, posted, taken or told to quit. The caller alone makes an idle slot posted. Its worker takes it, and
   makes it idle when the range is done, with release and acquire. So the range passes one way and the results the
   other. A slot may still be posted when the caller has done its own range, because the worker sleeps or has no
   processor. Then the caller takes it back and does that range, too. Ranges are the same whoever does them, and so
   are the results. Whoever waits spins first and then sleeps on the slot's condition. Sleeping needs both sides to
   agree: the sleeper sets `sleepers` and then reads `state`; the waker sets `state` and then reads `sleepers`. All
   four are sequentially consistent, so at least one of them sees the other, and no wake-up is lost. */
#if !defined _POSIX_C_SOURCE && !defined _GNU_SOURCE
#define _POSIX_C_SOURCE 200809L
#endif
#if !defined __STDC_VERSION__ || __STDC_VERSION__ < 201112L
#error "dsq_pool.c needs C11: compile it with -std=c11"
#endif
#include "dsq_pool.h"

#include <pthread.h>
#include <signal.h>
#include <stdalign.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

enum { IDLE, POSTED, TAKEN, QUIT };
enum { CACHE_LINES = 128, SPINS = 1000 };

struct slot {
    alignas(CACHE_LINES) atomic_int state;
    atomic_int sleepers; /* how many of worker and caller have given up spinning */
    int spins;
    void (*body)(void *arg, size_t begin, size_t end);
    void *arg;
    size_t begin, end;
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    pthread_t thread;
};

struct dsq_pool {
    dsq_executor executor;
    atomic_flag busy;
    unsigned workers;
    struct slot *slot; /* [workers] */
};

static void relax(void)
{
#if defined __x86_64__ || defined __i386__
    __builtin_ia32_pause();
#elif defined __aarch64__ || (defined __arm__ && __ARM_ARCH >= 7)
    __asm__ volatile("yield");
#endif
}

/* Returns once slot's state is idle (want_idle) or is not idle (otherwise), and gives that state. */
static int wait_for(struct slot *s, int want_idle)
{
    int state;
    for (int i = 0; i < s->spins; i++) {
        state = atomic_load_explicit(&s->state, memory_order_acquire);
        if ((state == IDLE) == want_idle)
            return state;
        relax();
    }
    pthread_mutex_lock(&s->mutex);
    atomic_fetch_add(&s->sleepers, 1);
    while (((state = atomic_load(&s->state)) == IDLE) != want_idle)
        pthread_cond_wait(&s->changed, &s->mutex);
    atomic_fetch_sub(&s->sleepers, 1);
    pthread_mutex_unlock(&s->mutex);
    return state;
}

static void set_state(struct slot *s, int state)
{
    atomic_store(&s->state, state);
    if (atomic_load(&s->sleepers) == 0)
        return;
    pthread_mutex_lock(&s->mutex);
    pthread_cond_broadcast(&s->changed);
    pthread_mutex_unlock(&s->mutex);
}

/* False where the other side was faster. */
static int leaves_posted(struct slot *s, int state)
{
    int posted = POSTED;
    return atomic_compare_exchange_strong(&s->state, &posted, state);
}

static void *worker_main(void *arg)
{
    struct slot *s = arg;
    while (wait_for(s, 0) != QUIT)
        if (leaves_posted(s, TAKEN)) {
            s->body(s->arg, s->begin, s->end);
            set_state(s, IDLE);
        }
    return NULL;
}

static void parallel_for(void *ctx, size_t n, void (*body)(void *arg, size_t begin, size_t end), void *arg)
{
    struct dsq_pool *p = ctx;
    if (n == 0)
        return;
    if (n == 1 || p->workers == 0 || atomic_flag_test_and_set_explicit(&p->busy, memory_order_acquire)) {
        body(arg, 0, n);
        return;
    }
    size_t ranges = n < p->executor.threads ? n : p->executor.threads;
    size_t length = n / ranges, longer = n % ranges; /* the first `longer` ranges have one index more */
    size_t first = length + (longer > 0), begin = first;
    for (size_t i = 1; i < ranges; i++) {
        struct slot *s = &p->slot[i - 1];
        s->body = body;
        s->arg = arg;
        s->begin = begin;
        s->end = begin += length + (i < longer);
        set_state(s, POSTED);
    }
    body(arg, 0, first);
    for (size_t i = 1; i < ranges; i++) {
        struct slot *s = &p->slot[i - 1];
        if (leaves_posted(s, IDLE))
            body(arg, s->begin, s->end);
    }
    for (size_t i = 1; i < ranges; i++)
        wait_for(&p->slot[i - 1], 1);
    atomic_flag_clear_explicit(&p->busy, memory_order_release);
}

static int start_worker(struct slot *s, int spins)
{
    atomic_init(&s->state, IDLE);
    atomic_init(&s->sleepers, 0);
    s->spins = spins;
    if (pthread_mutex_init(&s->mutex, NULL) != 0)
        return 0;
    if (pthread_cond_init(&s->changed, NULL) == 0) {
        if (pthread_create(&s->thread, NULL, worker_main, s) == 0)
            return 1;
        pthread_cond_destroy(&s->changed);
    }
    pthread_mutex_destroy(&s->mutex);
    return 0;
}

int dsq_pool_create(dsq_pool **pool, unsigned threads)
{
    if (pool == NULL)
        return DSQ_EINVAL;
    *pool = NULL;
    if (threads > DSQ_POOL_MAX_THREADS)
        return DSQ_EINVAL;
    long online = sysconf(_SC_NPROCESSORS_ONLN);
    unsigned processors = online < 1 ? 1 : (unsigned)online;
    if (threads == 0)
        threads = processors < DSQ_POOL_MAX_THREADS ? processors : DSQ_POOL_MAX_THREADS;

    struct dsq_pool *p = calloc(1, sizeof *p);
    if (p == NULL)
        return DSQ_ENOMEM;
    p->executor = (dsq_executor){p, threads, parallel_for};
    atomic_flag_clear(&p->busy);
    if (threads > 1) {
        p->slot = aligned_alloc(alignof(struct slot), (threads - 1) * sizeof *p->slot);
        if (p->slot == NULL) {
            free(p);
            return DSQ_ENOMEM;
        }
    }
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    while (p->workers < threads - 1 && start_worker(&p->slot[p->workers], threads <= processors ? SPINS : 0))
        p->workers++;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (p->workers < threads - 1) {
        dsq_pool_destroy(p);
        return DSQ_ENOMEM;
    }
    *pool = p;
    return DSQ_OK;
}

void dsq_pool_destroy(dsq_pool *p)
{
    if (p == NULL)
        return;
    for (unsigned i = 0; i < p->workers; i++)
        set_state(&p->slot[i], QUIT);
    for (unsigned i = 0; i < p->workers; i++) {
        struct slot *s = &p->slot[i];
        pthread_join(s->thread, NULL);
        pthread_cond_destroy(&s->changed);
        pthread_mutex_destroy(&s->mutex);
    }
    free(p->slot);
    free(p);
}

const dsq_executor *dsq_pool_executor(const dsq_pool *p)
{
    return &p->executor;
}
