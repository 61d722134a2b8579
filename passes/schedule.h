#ifndef DSQ_PASSES_SCHEDULE_H
#define DSQ_PASSES_SCHEDULE_H
/* What choose-kernels decides for a node and lowering follows. */
#include "../backends/target.h"
#include "../ir/graph/graph.h"

/* A kernel choice. Prints to one line of text, which --schedule reads (passes/choose/schedule.c). */
typedef enum Impl { IMPL_GENERIC, IMPL_CONV_TILE, IMPL_DEPTHWISE, IMPL_CONV_GROUP, IMPL_WINOGRAD } Impl;
typedef struct Schedule {
    Impl impl;
    int lanes;             /* vector width along output channels (or the last dimension) */
    /* Register tile: rows x px pixels x nb vectors. Depthwise: of one vector; nb of them go along a row together. */
    int px, rows, nb;
    bool oc_outer;         /* output channel blocks outermost (weights read once), else rows */
    bool symmetric;        /* a matrix times its own transpose: one half is computed, each result stored twice */
    bool peel;             /* no border in memory: edge pixels run with clipped windows, Winograd's tiles in bands */
    /* Winograd: outputs of a tile along one side. px counts tiles, rows are tile rows of a block. */
    int wino;
    int parts;             /* Winograd: threads that have scratch of their own */
    int sum_rows;          /* a reduction over the map: so many rows at a time, 0: all of it. Follows from the rest */
} Schedule;
const char *schedule_text(Arena *, const Schedule *);
Schedule *schedule_generic(Graph *, const Target *); /* of a node that has no choice */
/* How far the node's results may be from exact ones of its operands, relative to the largest magnitude inside it: 1e-5,
   or 1e-4 where a Winograd kernel makes them (runtime_min/README.md, "Numbers"). */
double node_tolerance(const Node *);
/* Can a convolution's register tiles be made of whole windows, at about the cost of the best ones? */
bool conv_takes_window(const Target *, const Graph *, const Node *, const Ints *kernel);
#endif
