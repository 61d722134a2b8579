/* Threads that begin and end together. */
#include "together.h"

#include <unistd.h>

#include "../../ir/base/cleanup.h"

int cores_of(int threads)
{
    return (int)imax(1, imin(imin(threads, MOST_TOGETHER), sysconf(_SC_NPROCESSORS_ONLN)));
}

void run_together(int threads, void *(*fn)(void *), void *arg, size_t size)
{
    pthread_t id[MOST_TOGETHER];
    sigset_t before;
    signals_hold(&before); /* the main thread alone cleans up */
    for (int i = 1; i < threads; i++)
        if (pthread_create(&id[i], NULL, fn, (char *)arg + (size_t)i * size))
            out_of_memory();
    signals_release(&before);
    fn(arg);
    for (int i = 1; i < threads; i++)
        pthread_join(id[i], NULL);
}
