#ifndef DSQ_ALIVE_H
#define DSQ_ALIVE_H
/* What blocks_of (blocks.h) finds alive in the order as it stands, kept up to date while layouts change: a change costs
   in proportion to the nodes that touch the value, not to the graph. */
#include "blocks.h"

typedef struct Alive Alive;
Alive *alive_new(Arena *, const Graph *, int64_t align);
int alive_changed(Alive *, ValueId);  /* its layout is another now; returns how many nodes touch it */
int64_t alive_peak(const Alive *);    /* Blocks.alive */
double alive_sum(const Alive *);      /* bytes times nodes, over all blocks */
#endif
