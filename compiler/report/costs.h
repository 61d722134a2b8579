#ifndef DSQ_COSTS_H
#define DSQ_COSTS_H
/* --costs: why each layer has its kernel. The cost model's terms for the schedule that was taken and for the cheapest
   ones that were not. */
#include "../../passes/choose/explain.h"
#include "../driver.h"
#include "../io/json.h"

/* Layers that cost the same with one schedule; layer, shape: of the first. The model has no cost for kernels of which
   it weighs no other: Choice.priced. */
typedef struct CostGroup { const char *layer, *shape; int layers; const Choice *choice; } CostGroup;
typedef struct Costs { const Target *target; VEC(CostGroup) group; } Costs;
/* Compiles the graph as written as far as choose-kernels once more. False after a message. */
bool costs_of(const Job *, Costs *);
/* A list, one object a group: layer, shape, how many, schedule, cycles, terms (in cycles, zeros left out), rejected.
   cycles: null where the model has no cost. */
json_t *costs_json(Arena *, const Costs *);
/* By the target's row of machines.def, of the thread with most to do. */
double cycles_of(const Costs *, const KernelCost *);
#endif
