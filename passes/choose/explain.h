#ifndef DSQ_EXPLAIN_H
#define DSQ_EXPLAIN_H
/* Why a layer has its schedule: what else was weighed, and what the terms of the costs are. */
#include "choose.h"

enum { REJECTED = 4 };
/* The schedule of a node with its cost, and the three cheapest others that were weighed, cheapest first. Where none of
   them is of the other method (direct, Winograd's), the cheapest of that stands last. priced: has the model a cost for
   this kind of kernel? */
typedef struct Choice {
    int node;
    Candidate chosen, other[REJECTED];
    int rejected;
    bool priced;
} Choice;
typedef struct Choices { VEC(Choice) v; } Choices;
/* Of the convolutions and products of a graph that has schedules (F_SCHEDULE) and no layouts yet, in the order of
   nodes. Weighs anew what choose-kernels weighed with the same options. */
Choices explain_choices(Arena *, const Pass *, const Graph *);
#endif
