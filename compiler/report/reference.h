#ifndef DSQ_REFERENCE_H
#define DSQ_REFERENCE_H
/* The double-precision reference and comparisons with it. */
#include "../../ir/graph/graph.h"

/* Evaluates g; entry v of the result is the numbers of value v where wanted[v] says so, else NULL. in[i]: the elements
   of input i, row-major. Memory comes from the arena. */
double **reference_eval(Arena *, const Graph *g, float *const *in, const bool *wanted);
/* The outputs alone, in their order. */
double **reference_outputs(Arena *, const Graph *g, float *const *in);

/* Largest |x - ref|; those of no more than `noise` count as none. The result is infinity where x is NaN or infinity
   and ref is something else. */
double largest_error(const float *x, const double *ref, int64_t n, double noise);
/* The same over the largest |ref|; |x| where every ref is 0. */
double relative_error(const float *x, const double *ref, int64_t n, double noise);
/* What a million terms of a sum lose that are zeros because they are subnormal; 0 without --flush-to-zero. */
double flush_noise(const Graph *);

/* How far results may be from the reference, relative to the largest magnitude (runtime_min/README.md,
   "Numbers"): 1e-5, or 1e-4 where a Winograd kernel made them or their operands (node_tolerance in passes/schedule.h is
   for one node alone). For every value of a graph with schedules; for the outputs, the largest. */
double *value_tolerances(Arena *, const Graph *);
double output_tolerance(Arena *, const Graph *);

/* Normal numbers, the same on every machine, from seed and name. */
void random_input(float *x, const Type *, uint64_t seed, const char *name);
#endif
