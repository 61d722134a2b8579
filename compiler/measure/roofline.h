#ifndef DSQ_ROOFLINE_H
#define DSQ_ROOFLINE_H
/* The least time that a network could take on a machine. Each layer takes the longer of two times: that of its cheapest
   algorithm's multiply-adds at the peak, and that of reading its weights once. Everything else is free. */
#include "bandwidth.h"
#include "../driver.h"
#include "peak.h"

typedef struct RoofLayer {
    int node;              /* of the optimized graph */
    int64_t macs, least;   /* multiply-adds of the direct algorithm, and of the cheapest */
    int tile, window;      /* Winograd's F(tile, window) is the cheapest; 0: the direct algorithm is */
    int64_t weights_bytes; /* constants that no earlier layer has read, before packing */
    double compute_ms, weights_ms, ms; /* for `least`, for the weights, and the larger of both */
} RoofLayer;
typedef struct Roofline {
    VEC(RoofLayer) layer;  /* those that have multiply-adds or weights */
    int64_t macs, least, weights_bytes;
    int threads;           /* 0: no times, because the target is another machine */
    const char *lacks;     /* in that case: what this machine lacks */
    Peak peak;
    Bandwidth speed;
    const char *from;      /* where the weights are between two inferences: "L2", "L3" or "memory" */
    double direct_ms, ms;  /* all multiply-adds of direct algorithms at the peak; the sum of the layers' times */
} Roofline;
/* The counts, without times. j has a graph after its passes. --strict allows direct algorithms alone. */
Roofline roofline_counts(const Job *j);
/* Adds the times at this speed. */
void roofline_times(Roofline *, int threads, Peak, const Bandwidth *);
/* Counts and times, at this machine's measured speed. Only instructions that the target's code may use are measured. */
Roofline roofline_here(const Job *, int threads);
const char *roofline_algorithm(Arena *, const RoofLayer *); /* "direct", "F(4x4, 3x3)" */
void roofline_print(const Job *, const Roofline *);
#endif
