#ifndef DSQ_REPORT_H
#define DSQ_REPORT_H
/* Everything that leaves dsqc as JSON. */
#include "costs.h"
#include "figures.h"
#include "../measure/roofline.h"

/* NAME.json. It has no dates and no paths, so the same input and version give the same bytes. It lists the files of
   `out` (may be NULL) and itself, called `name`. */
void report_json(Buf *, const Job *, const Figures *, const OutDir *out, const char *name);
/* Writes the report to the file of --report, if that was given. False after a message. */
bool job_write_report(const Job *);
/* The last two may be NULL. */
void info_json(Buf *, const Job *, const Figures *, const Roofline *, const Costs *);
/* A model of integers, which is no job yet (quantized.c). */
void quantized_print(Arena *, const Spec *);
void quantized_json(Buf *, const Spec *);

typedef struct BenchResult {
    int threads, runs;
    double median_ms, min_ms, p95_ms, gflop, gflops, peak_gflops;
    Roofline roof;
    const Costs *costs;     /* NULL without --costs */
    const double *layer_ms; /* per call of the program, NULL without --layers */
} BenchResult;
void bench_json(Buf *, const Job *, const BenchResult *);
#endif
