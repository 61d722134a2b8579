#ifndef DSQ_REFERENCE_H
#define DSQ_REFERENCE_H
/* The double-precision reference and comparisons with it. */
#include "../ir/graph.h"

/* Evaluates g; entry v of the result is the numbers of value v where wanted[v] says so, else NULL. in[i]: the elements
   of input i, row-major. Memory comes from the arena. */
double **reference_eval(Arena *, const Graph *g, float *const *in, const bool *wanted);
/* The outputs alone, in their order. */
double **reference_outputs(Arena *, const Graph *g, float *const *in);

/* Largest |x - ref|. NaN or infinity in x where ref is something else: infinity. */
double largest_error(const float *x, const double *ref, int64_t n);
/* The same over the largest |ref|; |x| where every ref is 0. */
double relative_error(const float *x, const double *ref, int64_t n);

/* Normal numbers, the same on every machine, from seed and name. */
void random_input(float *x, const Type *, uint64_t seed, const char *name);
#endif
