/* Tuning a network. The whole of it is built with another schedule for every group of equal layers at a time. Each
   layer is timed in there, where its operands come from and its weights are cold. The cost model's network runs in
   turns with it. The machine's speed drifts, so the ratio of the two counts. From the best schedule so far the search
   goes on to those that differ from it in one respect, until none is left or enough were tried. The best ones are
   then measured once more, all layers together, since the lowest of many measurements is lower than it should be. */
#include "tune.h"

#include <math.h>
#include <stdio.h>
#include <unistd.h>

#include "../measure/measure.h"
#include "../cli/term.h"

/* Stretches of runs of both networks in turns: of one step, and of the last one. */
enum { STRETCHES = 7, LAST_STRETCHES = 15, MOST_RUNS = 200 };
static const double stretch_ms = 60;

/* ---- building and timing ---- */

static unsigned flags(const Job *j) { return MODEL_TRACE | (j->opt->threads ? MODEL_THREADS : 0); }

static bool build_base(Tune *t)
{
    Job *j = t->job;
    PassOptions po = job_pass_options(j);
    po.observe = tune_keep_graph, po.observer = t;
    if (!job_build(j, &po) || !(t->base = model_build(j, flags(j), (int)imax(j->opt->threads, 0))))
        return false;
    t->pass = pass_context(&po, j->arena);
    tune_make_groups(t);
    t->call_group = tune_groups_of_calls(t, j);
    t->io = random_io(j->arena, j->written);
    model_run(t->base, t->io);
    double once = fmin(time_run(t->base, t->io), time_run(t->base, t->io));
    t->run = j->opt->runs ? j->opt->runs : (int)imin(imax((int64_t)(stretch_ms / fmax(once, 1e-3)), 2), MOST_RUNS);
    return true;
}

/* A network under test; its memory goes with it. */
typedef struct TuneBuild { Job job; Model *model; const int *group; Schedules schedules; } TuneBuild;

static bool build_trial(const Tune *t, TuneBuild *b)
{
    Arena *A = arena_new();
    b->job = *t->job;
    b->job.arena = A;
    for (int i = 0; i < t->group.n; i++)
        for (int k = 0; k < t->group.v[i].node.n; k++) {
            const Node *n = &t->g->node.v[t->group.v[i].node.v[k]];
            PUSH(A, &b->schedules.layer,
                 (Chosen){.layer = layer_name(n), .shape = layer_shape(A, t->g, n), .s = t->group.v[i].now});
        }
    PassOptions po = job_pass_options(&b->job);
    po.schedules = &b->schedules;
    b->model = job_build(&b->job, &po) ? model_build(&b->job, flags(t->job), (int)imax(t->job->opt->threads, 0)) : NULL;
    if (b->model)
        b->group = tune_groups_of_calls(t, &b->job);
    return b->model;
}

static void build_close(TuneBuild *b)
{
    if (b->model)
        model_close(b->model);
    arena_free(b->job.arena);
}

/* Adds the times of the program's calls to those of their groups. */
static void add_times(const int *group, const double *call_ms, int calls, double *ms)
{
    for (int c = 0; c < calls; c++)
        if (group[c] >= 0)
            ms[group[c]] += call_ms[c];
}

static double sum(const double *ms, int n)
{
    double s = 0;
    for (int i = 0; i < n; i++)
        s += ms[i];
    return s;
}

/* The medians over the stretches of base and ratio, and how far the ratios are from it: the half in the middle. */
typedef struct Times { double base, ratio, noise; } Times;

static Times summary(double *base, double *ratio, int n)
{
    Times t = {.base = median(base, n), .ratio = median(ratio, n)};
    t.noise = (ratio[n - 1 - n / 4] - ratio[n / 4]) / 2;
    return t;
}

/* Per group, and behind the last the whole network. NULL where it was interrupted. */
static Times *measure_groups(const Tune *t, TuneBuild *b, int stretches)
{
    Arena *A = b->job.arena;
    int n = t->group.n, calls = t->job->program->call.n, other = b->job.program->call.n;
    double *base = NEW(A, double, (n + 1) * stretches), *ratio = NEW(A, double, (n + 1) * stretches);
    for (int s = 0; s < stretches; s++) {
        double *x = NEW(A, double, n + 1), *y = NEW(A, double, n + 1);
        if (*t->stop)
            return NULL;
        model_run(t->base, t->io); /* brings the weights back to where they are in a row of runs */
        double *ms = time_calls(A, calls, t->base, t->io, t->run, NULL);
        add_times(t->call_group, ms, calls, x);
        x[n] = sum(ms, calls);
        model_run(b->model, t->io);
        ms = time_calls(A, other, b->model, t->io, t->run, NULL);
        add_times(b->group, ms, other, y);
        y[n] = sum(ms, other);
        for (int i = 0; i <= n; i++) {
            base[i * stretches + s] = x[i];
            ratio[i * stretches + s] = x[i] > 0 ? y[i] / x[i] : 1;
        }
    }
    Times *all = NEW(A, Times, n + 1);
    for (int i = 0; i <= n; i++)
        all[i] = summary(base + i * stretches, ratio + i * stretches, stretches);
    return all;
}

/* ---- steps ---- */

/* Messages of a compiler that an interrupt has ended with us are nobody's business. */
static bool build_or_say(const Tune *t, TuneBuild *b)
{
    Buf log = {0};
    diag_capture(&log);
    bool ok = build_trial(t, b);
    diag_capture(NULL);
    if (!ok && !*t->stop && log.s)
        fputs(log.s, stderr);
    buf_free(&log);
    return ok;
}

/* Was the network that was built the one with every group's best? */
static bool all_best(const Tune *t)
{
    for (int i = 0; i < t->group.n; i++)
        if (!schedule_eq(t->job->arena, &t->group.v[i].now, &t->group.v[i].best))
            return false;
    return true;
}

/* One build and its times, of which the groups that tried something learn. last: all have their best. */
static bool tune_step(Tune *t, bool last)
{
    TuneBuild b = {0};
    bool ok = build_or_say(t, &b);
    const Times *times = ok ? measure_groups(t, &b, last ? LAST_STRETCHES : STRETCHES) : NULL;
    for (int i = 0; times && i < t->group.n; i++) {
        TuneGroup *g = &t->group.v[i];
        const Times *m = &times[i];
        if (g->ms <= 0)
            g->ms = m->base;
        bool other = !schedule_eq(t->job->arena, &g->now, last ? &g->model : &g->best);
        if (!other)
            continue;
        tune_note(t, g, &g->now, m->ratio, m->noise, last);
        if (last)
            tune_confirm(g, m->ratio, m->noise);
        else
            tune_learn(t, g, &g->now, m->ratio, m->noise);
    }
    if (times && last)
        t->base_ms = times[t->group.n].base, t->tuned_ms = t->base_ms * times[t->group.n].ratio;
    build_close(&b);
    t->file.complete = times && last && all_best(t);
    return times && tune_save(t);
}

/* Those of which nothing more is tried, a line each. */
static void report_done(Tune *t)
{
    for (int i = 0; i < t->group.n; i++) {
        TuneGroup *g = &t->group.v[i];
        if (!g->done || g->reported)
            continue;
        g->reported = true;
        if (!t->job->opt->quiet)
            progress_line("[%3d %%] %s: %s", 100 * tune_done(t) / t->group.n, tune_title(t, g), tune_result(t, g));
    }
}

int tune_done(const Tune *t)
{
    int n = 0;
    for (int i = 0; i < t->group.n; i++)
        n += t->group.v[i].done;
    return n;
}

bool tune_run(Tune *t)
{
    for (int n = 1; !t->file.complete; n++) {
        bool any = false;
        for (int i = 0; i < t->group.n; i++) {
            TuneGroup *g = &t->group.v[i];
            g->done = !tune_next(t, g);
            any = any || !g->done;
        }
        report_done(t);
        if (!any)
            break;
        if (!t->job->opt->quiet)
            progress("[%3d %%] step %d", 100 * tune_done(t) / t->group.n, n);
        if (*t->stop || !tune_step(t, false))
            return false;
    }
    tune_keep_room(t);
    bool ok = true;
    while (ok && !t->file.complete) { /* again without those that turned out no better */
        for (int i = 0; i < t->group.n; i++)
            t->group.v[i].now = t->group.v[i].best;
        ok = !*t->stop && tune_step(t, true);
    }
    progress_end();
    return ok;
}

bool tune_open(Tune *t, Job *j, const char *path, volatile sig_atomic_t *stop)
{
    *t = (Tune){.job = j, .path = path, .stop = stop, .file = schedule_file_for(j)};
    const ScheduleFile *before = NULL;
    file_replaces(path); /* going on reads it, and writes it anew after each step */
    if (!access(path, F_OK) && (!(before = schedule_file_read(j->arena, path)) || !tune_same_work(before, j)))
        return false;
    return build_base(t) && (!before || tune_take_over(t, before)) && tune_save(t);
}

void tune_close(Tune *t)
{
    if (t->base)
        model_close(t->base);
}
