#ifndef DSQ_BANDWIDTH_H
#define DSQ_BANDWIDTH_H
/* How fast this machine reads what is far from its cores, measured. */
#include <stdint.h>

/* 10^9 bytes a second, all threads together. A cache is not measured where the system does not tell its size: it is
   0. */
typedef struct Bandwidth { int64_t l2_bytes, l3_bytes; double l2, l3, memory; } Bandwidth;
/* On so many threads at once; takes about 0.2 s. */
Bandwidth measure_bandwidth(int threads);
/* The speed of what holds so many bytes from one inference to the next, and its name in *from (may be NULL). */
double bandwidth_of(const Bandwidth *, int64_t bytes, const char **from);
#endif
