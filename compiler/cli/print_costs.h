#ifndef DSQ_PRINT_COSTS_H
#define DSQ_PRINT_COSTS_H
#include "../report/costs.h"

/* A table on standard output: the kernel of each group of layers, and below it what was rejected. */
void print_costs(Arena *, const Costs *);
#endif
