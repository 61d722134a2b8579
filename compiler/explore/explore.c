/* Compiles the variants of a network, builds those whose programs differ, and times them in turns. */
#include "explore.h"

#include <string.h>

#include "../emit/cc.h"
#include "../measure/measure.h"
#include "../cli/term.h"

static const double budget_ms = 5000;
enum { LEAST_RUNS = 5, MOST_RUNS = 1000 };

/* ---- which ---- */

static bool can_be_left_out(const PassInfo *p, const Options *o)
{
    return !pass_is_late(p) && pass_can_go(p) && p->level <= o->level && !list_has(o->disable_pass, p->name);
}

static const char *also(Arena *A, const char *list, const PassInfo *p)
{
    return list ? arena_printf(A, "%s,%s", list, p->name) : p->name;
}

static void choose_variants(Arena *A, const Options *o, Explore *e)
{
    const PassInfo **pass = NEW(A, const PassInfo *, npass_info);
    for (int i = 0; i < npass_info; i++)
        if (can_be_left_out(&pass_info[i], o))
            pass[e->npass++] = &pass_info[i];
    int n = e->npass;
    e->variant = NEW(A, Variant, 2 * n + 2);
    e->variant[0].disable = o->disable_pass;
    for (int i = 0; i < n; i++)
        e->variant[1 + i] = (Variant){.pass = pass[i], .disable = also(A, o->disable_pass, pass[i])};
    for (int i = 0; i <= n; i++) {
        Variant *v = &e->variant[1 + n + i];
        v->pass = i ? pass[i - 1] : NULL;
        v->disable = o->disable_pass;
        for (int k = i; k < n; k++)
            v->disable = also(A, v->disable, pass[k]);
    }
}

/* ---- compiling ---- */

static size_t data_bytes(const Type *t)
{
    return (size_t)(type_elems(t) * dtype_size(t->dtype));
}

static uint64_t program_hash(const Program *p)
{
    Buf b = {0};
    program_print(&b, p, false);
    uint64_t h = hash_bytes(b.s, b.n, 1);
    buf_free(&b);
    for (int i = 0; i < p->buf.n; i++)
        if (p->buf.v[i].data)
            h = hash_bytes(p->buf.v[i].data, data_bytes(&p->buf.v[i].type), h);
    return h;
}

static void take_figures(const Job *j, const Figures *f, Variant *v)
{
    v->kernels = j->program->call.n;
    v->bytes_moved = f->bytes_moved;
    v->arena_bytes = f->arena_bytes;
    for (int i = 0; i < j->program->call.n; i++)
        v->macs += j->program->call.v[i].macs;
    v->hash = program_hash(j->program);
}

static const Variant *same_program(const Explore *e, const Variant *v)
{
    const Variant *w = e->variant;
    while (w->hash != v->hash)
        w++;
    return w;
}

/* Machine code of what was compiled; the model outlives j's arena. */
static bool build_variant(Arena *A, const Job *j, const Explore *e, Variant *v)
{
    Job *kept = NEW(A, Job, 1);
    *kept = *j;
    kept->arena = A;
    Built b;
    if (!model_compile(kept, 0, &b))
        return false;
    v->code_bytes = b.code_bytes;
    if (e->not_timed)
        return true;
    v->model = model_load(kept, &b, 1);
    kept->graph = NULL;
    kept->program = NULL;
    return v->model;
}

static bool compile_everything(Job *j, Explore *e)
{
    PassOptions po = job_pass_options(j);
    if (e->snapshots) {
        po.observe = snapshots_take;
        po.observer = e->snapshots;
    }
    if (!job_build(j, &po))
        return false;
    e->figures = figures(j);
    take_figures(j, &e->figures, &e->variant[0]);
    return j->opt->no_time || build_variant(j->arena, j, e, &e->variant[0]);
}

static bool compile_variant(const Job *whole, Explore *e, Variant *v)
{
    Job j = *whole;
    Options quiet = *whole->opt;
    quiet.print_ir_after = NULL;
    quiet.time_passes = false;
    j.opt = &quiet;
    j.arena = arena_new();
    PassOptions po = job_pass_options(&j);
    po.disable = v->disable;
    bool ok = job_build(&j, &po);
    if (ok) {
        Figures f = figures(&j);
        take_figures(&j, &f, v);
        if (!whole->opt->no_time && same_program(e, v) == v)
            ok = build_variant(whole->arena, &j, e, v);
    }
    arena_free(j.arena);
    if (!ok)
        note_at((Loc){0}, "that was with --disable-pass=%s", v->disable);
    return ok;
}

/* ---- timing ---- */

/* One run of each in turn, so that whatever else the machine does meets all of them alike; the run before each one that
   counts brings code and weights back into the caches. */
static void time_variants(Arena *A, Explore *e, float *const *io)
{
    int n = 2 * e->npass + 2;
    double once = 0;
    for (int i = 0; i < n; i++)
        if (e->variant[i].model) {
            model_run(e->variant[i].model, io);
            once += 2 * time_run(e->variant[i].model, io);
        }
    int asked = e->job->opt->runs;
    e->runs = asked ? asked : (int)imin(imax((int64_t)(budget_ms / once), LEAST_RUNS), MOST_RUNS);
    double *ms = NEW(A, double, (int64_t)n * e->runs);
    for (int run = 0; run < e->runs; run++) {
        progress("run %d of %d", run + 1, e->runs);
        for (int i = 0; i < n; i++)
            if (e->variant[i].model) {
                model_run(e->variant[i].model, io);
                ms[i * e->runs + run] = time_run(e->variant[i].model, io);
            }
    }
    progress_end();
    for (int i = 0; i < n; i++)
        if (e->variant[i].model)
            e->variant[i].median_ms = median(ms + i * e->runs, e->runs);
}

static bool time_kernels(Explore *e, float *const *io)
{
    const Job *j = e->job;
    Model *m = model_build(j, MODEL_TRACE, 1);
    if (!m)
        return false;
    e->call_ms = time_calls(j->arena, j->program->call.n, m, io, (int)imax(e->runs, 3), "layers");
    model_close(m);
    return true;
}

static bool time_all(Explore *e)
{
    float **io = random_io(e->job->arena, e->job->written);
    time_variants(e->job->arena, e, io);
    return !e->snapshots || time_kernels(e, io);
}

bool explore(Job *j, Explore *e)
{
    e->job = j;
    e->not_timed = j->opt->no_time ? "--no-time" : host_lacks(j->arena, j->target);
    choose_variants(j->arena, j->opt, e);
    int n = 2 * e->npass + 2;
    for (int i = 0; i < n; i++) {
        progress("variant %d of %d", i + 1, n);
        if (!(i ? compile_variant(j, e, &e->variant[i]) : compile_everything(j, e)))
            return false;
    }
    progress_end();
    if (!e->not_timed && !time_all(e))
        return false;
    for (int i = 0; i < n; i++) {
        const Variant *same = same_program(e, &e->variant[i]);
        e->variant[i].code_bytes = same->code_bytes;
        e->variant[i].median_ms = same->median_ms;
        if (e->variant[i].model)
            model_close(e->variant[i].model);
    }
    return true;
}
