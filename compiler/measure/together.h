#ifndef DSQ_TOGETHER_H
#define DSQ_TOGETHER_H
/* The same measurement on several cores at once. */
#include <pthread.h>
#include <stddef.h>

enum { MOST_TOGETHER = 256 };
/* How many of the threads can have a processor of their own. */
int cores_of(int threads);
/* Calls fn(arg + i * size) on a thread of its own for every i < threads <= MOST_TOGETHER; returns when all have. */
void run_together(int threads, void *(*fn)(void *), void *arg, size_t size);
#endif
