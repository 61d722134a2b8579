/* Threads that begin and end together. */
#include "together.h"

#include <unistd.h>

#include "base/base.h"

int cores_of(int threads)
{
    return (int)imax(1, imin(imin(threads, MOST_TOGETHER), sysconf(_SC_NPROCESSORS_ONLN)));
}

void run_together(int threads, void *(*fn)(void *), void *arg, size_t size)
{
    pthread_t id[MOST_TOGETHER];
    for (int i = 1; i < threads; i++)
        if (pthread_create(&id[i], NULL, fn, (char *)arg + (size_t)i * size))
            out_of_memory();
    fn(arg);
    for (int i = 1; i < threads; i++)
        pthread_join(id[i], NULL);
}
