#ifndef DSQ_MEASURE_H
#define DSQ_MEASURE_H
/* Times of compiled code, as bench and explore take them. */
#include "../emit/model.h"

/* Memory for inputs and outputs, as of io_alloc; inputs have normal random numbers, the same in each run. */
float **random_io(Arena *, const Graph *);
double median(double *ms, int n);              /* sorts ms */
double time_run(Model *, float *const *io);    /* milliseconds of one inference */
/* Median milliseconds of every call of the program, from traced runs. The model must have been built with MODEL_TRACE.
   what: what to show as progress; NULL: nothing. */
double *time_calls(Arena *, int ncalls, Model *, float *const *io, int runs, const char *what);
#endif
