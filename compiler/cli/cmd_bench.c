/* dsqc bench */
#include <math.h>
#include <stdio.h>

#include "cmd.h"
#include "../io/io.h"
#include "../measure/measure.h"
#include "../measure/peak.h"
#include "../report/report.h"
#include "print_costs.h"
#include "term.h"
#include "../measure/together.h"

const char help_bench[] =
    "Compiles the network for this machine, runs it on random inputs, and prints the latency of an\n"
    "inference, the GFLOP/s (a multiply-add counts two) and the share of the peak that this core\n"
    "reaches on multiply-adds in registers with the target's vectors, measured just before and after;\n"
    "and how much of that time the network's roofline would take (dsqc info --roofline). With --layers\n"
    "it also times every kernel, in runs of their own. Without weights in the spec they are random.\n";
const char examples_bench[] =
    "  dsqc bench specs/resnet18.yaml\n"
    "  dsqc bench specs/shufflenet_v2_x1_0.yaml --layers --threads=2\n"
    "  dsqc bench specs/resnet50.yaml --json --runs=20 | jq .gflops\n";

static const double warm_up_ms = 200, budget_ms = 2000;
enum { LEAST_RUNS = 10, MOST_RUNS = 10000 };

/* Runs until caches and clocks have settled; the shortest run seen. */
static double warm_up(Model *m, float *const *io)
{
    double least = HUGE_VAL, begin = now_ms();
    for (int i = 0; i < 3 || now_ms() - begin < warm_up_ms; i++)
        least = fmin(least, time_run(m, io));
    return least;
}

/* ---- layers ---- */

static void print_layers(const Job *j, const BenchResult *r)
{
    Arena *A = j->arena;
    Table t = table_new(A, "llrrrrl");
    static const char *const heading[] = {"layers", "output", "median", "share", "GFLOP/s", "of peak", "kernel"};
    double sum = 0;
    for (int i = 0; i < LEN(heading); i++)
        table_cell(&t, "%s", heading[i]);
    for (int i = 0; i < j->program->call.n; i++)
        sum += r->layer_ms[i];
    for (int i = 0; i < j->program->call.n; i++) {
        const Call *c = &j->program->call.v[i];
        double gflops = 2e-6 * (double)c->macs / r->layer_ms[i];
        bool counts = c->macs > 0 && r->layer_ms[i] > 0;
        table_cell(&t, "%s", short_layers(A, c->layers ? c->layers : c->op));
        table_cell(&t, "%s", c->shape ? c->shape : "");
        table_cell(&t, "%s", ms_text(A, r->layer_ms[i]));
        table_cell(&t, "%.1f %%", 100 * r->layer_ms[i] / sum);
        table_cell(&t, "%s", counts ? arena_printf(A, "%.1f", gflops) : "");
        table_cell(&t, "%s", counts ? arena_printf(A, "%.0f %%", 100 * gflops / r->peak_gflops) : "");
        table_cell(&t, "%s", c->impl ? c->impl : "");
    }
    putchar('\n');
    table_print(&t);
}

/* ---- the whole ---- */

static void measure(const Job *j, Model *m, float *const *io, BenchResult *r)
{
    double least = warm_up(m, io);
    r->runs = j->opt->runs ? j->opt->runs : (int)imin(imax((int64_t)(budget_ms / least), LEAST_RUNS), MOST_RUNS);
    double *ms = NEW(j->arena, double, r->runs);
    for (int i = 0; i < r->runs; i++) {
        if (i % 16 == 0)
            progress("run %d of %d", i + 1, r->runs);
        ms[i] = time_run(m, io);
    }
    progress_end();
    r->median_ms = median(ms, r->runs);
    r->min_ms = ms[0];
    r->p95_ms = ms[(int)imin(r->runs - 1, (int64_t)ceil(0.95 * r->runs) - 1)];
    r->gflop = 2e-9 * (double)graph_macs(j->written);
    r->gflops = r->gflop / r->median_ms * 1e3;
    r->threads = model_threads(m);
}

static void print_text(const Job *j, const BenchResult *r, const char *isa)
{
    printf("%s for %s, -O%d%s, %s, %s\n", j->spec->name, j->target->name, j->opt->level,
           j->opt->strict ? ", strict" : "", plural(j->arena, r->threads, "thread"),
           plural(j->arena, r->runs, "run"));
    printf("  median  %s   min %s   p95 %s\n", ms_text(j->arena, r->median_ms), ms_text(j->arena, r->min_ms),
           ms_text(j->arena, r->p95_ms));
    printf("  speed   %.1f GFLOP/s, %.1f %% of the measured peak of %s (%.1f GFLOP/s, %s)\n", r->gflops,
           100 * r->gflops / r->peak_gflops,
           cores_of(r->threads) > 1 ? arena_printf(j->arena, "%d cores", cores_of(r->threads)) : "this core",
           r->peak_gflops, isa);
    printf("  roofline %s, %.0f %% of it reached (every multiply-add at the peak: %s)\n", ms_text(j->arena, r->roof.ms),
           100 * r->roof.ms / r->median_ms, ms_text(j->arena, r->roof.direct_ms));
    if (r->layer_ms)
        print_layers(j, r);
    if (r->costs)
        print_costs(j->arena, r->costs);
}

static void bench(const Job *j, Model *m, const Costs *costs)
{
    float **io = random_io(j->arena, j->graph);
    BenchResult r = {.costs = costs};
    Peak before = measure_peak(model_threads(m), j->target->lanes); /* of the vectors that the code may use */
    measure(j, m, io, &r);
    if (j->opt->layers)
        r.layer_ms = time_calls(j->arena, j->program->call.n, m, io, r.runs, "layers");
    Peak after = measure_peak(model_threads(m), j->target->lanes);
    Bandwidth speed = measure_bandwidth(r.threads);
    r.peak_gflops = fmax(before.gflops, after.gflops);
    r.roof = roofline_counts(j);
    roofline_times(&r.roof, r.threads, (Peak){r.peak_gflops, before.isa}, &speed);
    if (!j->opt->json) {
        print_text(j, &r, before.isa);
        return;
    }
    Buf b = {0};
    bench_json(&b, j, &r);
    fwrite(b.s, 1, b.n, stdout);
    buf_free(&b);
}

int cmd_bench(Arena *A, const Options *o)
{
    Job j;
    int status = job_open(&j, A, o);
    if (status)
        return status;
    unsigned flags = (o->layers ? MODEL_TRACE : 0) | (o->threads ? MODEL_THREADS : 0);
    Costs costs;
    if (!job_compile(&j) || !job_write_report(&j) || (o->costs && !costs_of(&j, &costs)))
        return 1;
    Model *m = model_build(&j, flags, (int)imax(o->threads, 0));
    if (!m)
        return 1;
    bench(&j, m, o->costs ? &costs : NULL);
    model_close(m);
    job_close(&j);
    return 0;
}
