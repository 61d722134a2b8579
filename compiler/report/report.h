#ifndef DSQ_REPORT_H
#define DSQ_REPORT_H
/* Everything that leaves dsqc as JSON. */
#include "figures.h"
#include "../measure/roofline.h"

/* NAME.json: no dates, no paths; the same input and version give the same bytes. It lists the files of `out` and itself
   by its name; out may be NULL. */
void report_json(Buf *, const Job *, const Figures *, const OutDir *out, const char *name);
/* Writes it where --report asks for it. False after a message. */
bool job_write_report(const Job *);
void info_json(Buf *, const Job *, const Figures *, const Roofline *); /* the last may be NULL */
/* A model of integers, which is no job yet (quantized.c). */
void quantized_print(Arena *, const Spec *);
void quantized_json(Buf *, const Spec *);

typedef struct BenchResult {
    int threads, runs;
    double median_ms, min_ms, p95_ms, gflop, gflops, peak_gflops;
    Roofline roof;
    const double *layer_ms; /* per call of the program, NULL without --layers */
} BenchResult;
void bench_json(Buf *, const Job *, const BenchResult *);
#endif
