/* dsqc tune */
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "cmd.h"
#include "../../ir/base/cleanup.h"
#include "../emit/cc.h"
#include "print_costs.h"
#include "term.h"
#include "../tune/tune.h"

const char help_tune[] =
    "Measures, for every layer that computes sums of products, other schedules than the cost model's\n"
    "choice: register tiles, vector widths, orders of loops, borders, and Winograd's tiles where\n"
    "--winograd allows them. The whole network is built with another schedule for all layers at a\n"
    "time and runs in turns with the cost model's, so each layer is timed where it stands. Layers\n"
    "that are one kernel share what is measured. A schedule is kept where it is faster by more than\n"
    "the noise, also when all that were kept run together.\n\n"
    "The result is for --schedule of compile, run, verify, bench and info, with the same spec, target\n"
    "and options. It is written whole after every step: Ctrl-C ends the work, and the same command\n"
    "goes on where it was. The file can be edited; what a layer cannot have is an error there.\n"
    "--runs sets the runs of a stretch (default: 60 ms' worth). Let the machine be idle otherwise.\n";
const char examples_tune[] =
    "  dsqc tune specs/resnet18.yaml -o resnet18.schedule.json\n"
    "  dsqc compile specs/resnet18.yaml --weights resnet18.safetensors --schedule=resnet18.schedule.json -o out\n"
    "  dsqc tune net.yaml --threads=2 --backend=llvm -o net.schedule.json\n";

static volatile sig_atomic_t stop;

const char *tune_title(const Tune *t, const TuneGroup *g)
{
    const char *first = short_layers(t->job->arena, g->layer);
    return g->node.n == 1 ? first
                          : arena_printf(t->job->arena, "%s and %s", first,
                                         plural(t->job->arena, g->node.n - 1, "other"));
}

static bool changed(const Tune *t, const TuneGroup *g) { return !schedule_eq(t->job->arena, &g->model, &g->best); }

const char *tune_result(const Tune *t, const TuneGroup *g)
{
    Arena *A = t->job->arena;
    const char *was = schedule_text(A, &g->model);
    if (!changed(t, g))
        return arena_printf(A, "%s stays", was);
    return arena_printf(A, "%s in place of %s, %.1f %% less time", schedule_text(A, &g->best), was,
                        100 * (1 - g->ratio));
}

static void print_result(const Tune *t)
{
    Arena *A = t->job->arena;
    Table table = table_new(A, "lllr");
    static const char *const heading[] = {"layers", "the cost model's", "faster", "less time"};
    int layers = 0, better = 0;
    for (int i = 0; i < LEN(heading); i++)
        table_cell(&table, "%s", heading[i]);
    for (int i = 0; i < t->group.n; i++) {
        const TuneGroup *g = &t->group.v[i];
        layers += g->node.n;
        if (!changed(t, g))
            continue;
        better += g->node.n;
        table_cell(&table, "%s", tune_title(t, g));
        table_cell(&table, "%s", schedule_text(A, &g->model));
        table_cell(&table, "%s", schedule_text(A, &g->best));
        table_cell(&table, "%.1f %%", 100 * (1 - g->ratio));
    }
    printf("%s for %s: %s, %d with a faster schedule than the cost model's", t->job->spec->name, t->job->target->name,
           plural(A, layers, "layer"), better);
    if (t->base_ms > 0)
        printf("; %s in place of %s", ms_text(A, t->tuned_ms), ms_text(A, t->base_ms));
    printf("\n%s", better ? "\n" : "");
    if (better)
        table_print(&table);
}

static int tune(Job *j, const char *path)
{
    Tune t;
    bool ok = tune_open(&t, j, path, &stop);
    if (ok) {
        interrupt_sets(&stop);
        ok = tune_run(&t);
    }
    if (ok && !j->opt->quiet)
        print_result(&t);
    Costs costs;
    if (ok && j->opt->costs && costs_of(j, &costs))
        print_costs(j->arena, &costs);
    if (stop)
        fprintf(stderr, "interrupted; %s has %s, with which the same command goes on\n", path,
                plural(j->arena, t.file.measured.n, "measurement"));
    tune_close(&t);
    return stop ? 128 + SIGINT : !ok;
}

int cmd_tune(Arena *A, const Options *o)
{
    Job j;
    if (!o->output || !strcmp(o->output, "-"))
        return usage_error(o->command, "-o SCHEDULE.json is needed: the file that is written after every step");
    int status = job_open(&j, A, o);
    if (status)
        return status;
    const char *lacks = host_lacks(A, j.target);
    PassOptions po = job_pass_options(&j);
    if (!pass_runs(&po, "choose-kernels"))
        return usage_error(o->command, "nothing can be tuned without choose-kernels");
    if (lacks) {
        error_at((Loc){0}, "cannot measure here: %s", lacks);
        return 1;
    }
    status = job_read(&j) ? tune(&j, o->output) : 1;
    job_close(&j);
    return status;
}
