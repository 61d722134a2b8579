#ifndef DSQ_MEASURE_H
#define DSQ_MEASURE_H
/* Times of compiled code, as bench and explore take them. */
#include "../emit/model.h"

/* Inputs of seeded normal numbers, and room for the outputs, as io_alloc orders them. */
float **random_io(Arena *, const Graph *);
double median(double *ms, int n);              /* sorts ms */
double time_run(Model *, float *const *io);    /* milliseconds of one inference */
/* Median milliseconds of every call of the program, in runs of their own; the model was built with MODEL_TRACE.
   what: the word with which progress is shown, NULL: it is not. */
double *time_calls(Arena *, int ncalls, Model *, float *const *io, int runs, const char *what);
#endif
