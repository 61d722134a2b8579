#ifndef DSQ_ROOFLINE_H
#define DSQ_ROOFLINE_H
/* The least time that a network could take on a machine: each layer does the multiply-adds of its
   cheapest algorithm at the peak, or reads its weights once, whichever takes longer. Transforms, activations and what
   surrounds the multiply-adds are free in it. */
#include "bandwidth.h"
#include "../driver.h"
#include "peak.h"

typedef struct RoofLayer {
    int node;              /* of the optimized graph */
    int64_t macs, least;   /* multiply-adds of the direct way, and of the cheapest */
    int tile, window;      /* F(tile, window) is the cheapest; 0: the direct way is */
    int64_t weights_bytes; /* constants that no layer before has read, as the graph has them */
    double compute_ms, weights_ms, ms; /* of `least`, of the weights, and the larger */
} RoofLayer;
typedef struct Roofline {
    VEC(RoofLayer) layer;  /* those that have multiply-adds or weights */
    int64_t macs, least, weights_bytes;
    int threads;           /* 0: no times, since the target is another machine */
    const char *lacks;     /* then: the reason */
    Peak peak;
    Bandwidth speed;
    const char *from;      /* where the weights are between two inferences: "L2", "L3" or "memory" */
    double direct_ms, ms;  /* all multiply-adds of the direct way at the peak; the sum of the layers' times */
} Roofline;
/* The counts; j has a graph after its passes. --strict allows the direct way alone. */
Roofline roofline_counts(const Job *j);
/* Adds the times at this speed. */
void roofline_times(Roofline *, int threads, Peak, const Bandwidth *);
/* Both, with the speed of this machine measured within what the target's code may use. */
Roofline roofline_here(const Job *, int threads);
const char *roofline_algorithm(Arena *, const RoofLayer *); /* "direct", "F(4x4, 3x3)" */
void roofline_print(const Job *, const Roofline *);
#endif
