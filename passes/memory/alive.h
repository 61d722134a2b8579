#ifndef DSQ_ALIVE_H
#define DSQ_ALIVE_H
/* The bytes that blocks_of (blocks.h) finds alive in the graph's own order, kept up to date while layouts change. A
   change takes time in proportion to the nodes that touch the value, not to the graph. */
#include "blocks.h"

typedef struct Alive Alive;
Alive *alive_new(Arena *, const Graph *, int64_t align);
int alive_changed(Alive *, ValueId);  /* call it after the value's layout changed; returns how many nodes touch it */
int64_t alive_peak(const Alive *);    /* Blocks.alive */
double alive_sum(const Alive *);      /* bytes times the number of nodes they are alive in, over all blocks */
#endif
