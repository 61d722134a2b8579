#ifndef DSQ_REFERENCE_H
#define DSQ_REFERENCE_H
/* The double-precision reference and comparisons with it. */
#include "../../ir/graph/graph.h"

/* Evaluates g. Entry v of the result: the numbers of value v, row-major, if wanted[v]; else NULL. in[i]: the elements
   of input i, row-major. */
double **reference_eval(Arena *, const Graph *g, float *const *in, const bool *wanted);
/* The outputs alone, in their order. */
double **reference_outputs(Arena *, const Graph *g, float *const *in);

/* The largest |x - ref|. Differences up to `noise` count as 0. Infinity, if x is NaN or infinite anywhere and ref is
   something else there. */
double largest_error(const float *x, const double *ref, int64_t n, double noise);
/* The same divided by the largest |ref|; not divided where every ref is 0. */
double relative_error(const float *x, const double *ref, int64_t n, double noise);
/* The error to allow for --flush-to-zero: what a sum loses when a million of its terms are subnormal. Else 0. */
double flush_noise(const Graph *);

/* How far results may be from the reference, relative to the largest magnitude: 1e-5, or 1e-4 behind a Winograd kernel
   (runtime_min/README.md, "Numbers"). value_tolerances: per value of a graph with schedules, including what made its
   operands; node_tolerance in passes/schedule.h is for one node alone. output_tolerance: the largest of the outputs. */
double *value_tolerances(Arena *, const Graph *);
double output_tolerance(Arena *, const Graph *);

/* Fills x with normal random numbers from seed and name, the same on every machine. */
void random_input(float *x, const Type *, uint64_t seed, const char *name);
#endif
