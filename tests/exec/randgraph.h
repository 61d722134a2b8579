#ifndef DSQ_RANDGRAPH_H
#define DSQ_RANDGRAPH_H
/* Random graphs for comparing evaluations: every operator, odd sizes, one channel, one pixel, branches and residuals,
   with numbers that single precision can follow (no cancellation, no division near zero, no jumps). */
#include "../../ir/graph/graph.h"

/* About `size` nodes, the same for equal seeds on every machine. Constants have numbers; one to three outputs. */
Graph *randgraph(Arena *, uint64_t seed, int size);
/* The same with more square convolutions of stride 1 or 2 than anything else, on maps of up to 20 x 20. */
Graph *randgraph_square(Arena *, uint64_t seed, int size);
/* A product of a matrix with a transposed one, most often its own, and elementwise steps that do or do not tell [i][j]
   from [j][i]. */
Graph *randproduct(Arena *, uint64_t seed);
#endif
