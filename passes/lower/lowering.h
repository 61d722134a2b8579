#ifndef DSQ_LOWERING_H
#define DSQ_LOWERING_H
/* What lowering makes of a graph with schedules, layouts and offsets. */
#include "../../backends/target.h"
#include "../../ir/graph/graph.h"

/* A kernel of loops for every node that is no view, constants packed as they are read. strict: functions to the last
   bits. The program lives in the arena and refers to the graph's names and numbers. */
Program *lower_graph(Arena *, const Graph *, const Target *, bool strict);
#endif
