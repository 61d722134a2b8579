#ifndef DSQ_BANDWIDTH_H
#define DSQ_BANDWIDTH_H
/* How fast this machine reads from L2, L3 and memory, measured. */
#include <stdint.h>

/* Speeds in 10^9 bytes a second, all threads together; sizes in bytes. Both are 0 for a cache whose size the system
   does not tell. */
typedef struct Bandwidth { int64_t l2_bytes, l3_bytes; double l2, l3, memory; } Bandwidth;
/* On so many threads at once; takes about 0.2 s. */
Bandwidth measure_bandwidth(int threads);
/* The speed of the nearest cache or memory that holds so many bytes from one inference to the next. *from (may be
   NULL): its name. */
double bandwidth_of(const Bandwidth *, int64_t bytes, const char **from);
#endif
