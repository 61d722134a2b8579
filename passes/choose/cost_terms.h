#ifndef DSQ_COST_TERMS_H
#define DSQ_COST_TERMS_H
/* What the files of the cost model share. */
#include "cost.h"

KernelCost terms_add(KernelCost a, KernelCost b, double times); /* a + b times */
KernelCost terms_times(KernelCost, double times);
/* Where it takes fewer slots than that, the difference is due to `term`. */
void terms_at_least(KernelCost *, CostTerm term, double slots);
/* A turn of a tile's reduction, without its loop. streamed: its weights do not stay in L1. */
KernelCost turn_cost(const Target *, int pixels, int nb, int loads, bool streamed);
/* Do the weights of a tile, `red` turns of nb vectors, leave L1 before the next tile reads them? Half of it is theirs.
   */
bool weights_leave_l1(const Target *, int64_t red, int nb, int lanes);
/* Slots that a vector takes which arrives at so many bytes a cycle. rate 0: none. */
double arriving_vector(const Machine *, int lanes, int rate);
double tile_ends(const TileEnds *, int results);
#endif
