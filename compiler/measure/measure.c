/* Times of compiled code. */
#include "measure.h"

#include <stdlib.h>

#include "../report/reference.h"
#include "../cli/term.h"

float **random_io(Arena *A, const Graph *g)
{
    float **io = io_alloc(A, g);
    for (int i = 0; i < g->input.n; i++) {
        const Value *v = &g->value.v[g->input.v[i]];
        random_input(io[i], &v->type, 1, v->name);
    }
    return io;
}

static int by_value(const void *x, const void *y)
{
    double a = *(const double *)x, b = *(const double *)y;
    return (a > b) - (a < b);
}

double median(double *ms, int n)
{
    qsort(ms, (size_t)n, sizeof *ms, by_value);
    return n % 2 ? ms[n / 2] : (ms[n / 2 - 1] + ms[n / 2]) / 2;
}

double time_run(Model *m, float *const *io)
{
    double t = now_ms();
    model_run(m, io);
    return now_ms() - t;
}

typedef struct CallClock { double *ms; int runs, run; double last; } CallClock; /* ms[call * runs + run] */

static void tick(void *user, int call)
{
    CallClock *c = user;
    double t = now_ms();
    if (call >= 0)
        c->ms[(size_t)call * (size_t)c->runs + (size_t)c->run] = t - c->last;
    c->last = now_ms();
}

double *time_calls(Arena *A, int ncalls, Model *m, float *const *io, int runs, const char *what)
{
    CallClock c = {.ms = NEW(A, double, (int64_t)ncalls * runs), .runs = runs};
    double *call = NEW(A, double, ncalls);
    for (c.run = 0; c.run < runs; c.run++) {
        if (what)
            progress("%s: run %d of %d", what, c.run + 1, runs);
        model_trace(m, io, tick, &c);
    }
    if (what)
        progress_end();
    for (int i = 0; i < ncalls; i++)
        call[i] = median(c.ms + (size_t)i * (size_t)runs, runs);
    return call;
}
