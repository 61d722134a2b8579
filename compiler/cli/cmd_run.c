/* dsqc run */
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "cmd.h"
#include "../io/io.h"
#include "../emit/model.h"
#include "../report/reference.h"
#include "../report/report.h"
#include "term.h"

const char help_run[] =
    "Compiles the network for this machine with the system's C compiler ($CC) or, with --engine=llvm,\n"
    "without one, runs it on the inputs and writes the outputs (.npy) or prints the largest elements\n"
    "with their labels. Pictures are resized, cropped and normalized as the spec's `input` says. An\n"
    "input given several times makes a series of runs of one build.\n";
const char examples_run[] =
    "  dsqc run specs/resnet18.yaml --weights resnet18.safetensors --input cat.jpg --top 3\n"
    "  dsqc run net.yaml --input image=x.npy --output y.npy\n"
    "  dsqc run net.yaml -i a.png -i b.png -i c.png --top 1 --check\n"
    "  cat x.npy | dsqc run net.yaml --input - --output - --engine=reference > y.npy\n";

enum { DEFAULT_TOP = 5, SERIES_TOP = 8 };

/* "NAME=FILE", or "FILE" where there is only one port. */
typedef struct Given { int port; const char *file; } Given;

typedef struct Run {
    const Job *job;
    const Options *opt;
    const Graph *g;             /* the graph as written: its inputs and outputs are the interface */
    VEC(Given) in, out;
    int series;
    Model *model;               /* NULL: the reference computes */
    float **io;
} Run;

/* ---- what goes where ---- */

static bool assign(Run *r, const char *text, const char *option, const ValueId *port, int n, Given *out)
{
    Arena *A = r->job->arena;
    const char *names[64], *equals = strchr(text, '=');
    int count = (int)imin(n, LEN(names));
    for (int i = 0; i < count; i++)
        names[i] = r->g->value.v[port[i]].name;
    if (equals) {
        const char *said = arena_strndup(A, text, (size_t)(equals - text));
        for (int i = 0; i < n; i++)
            if (!strcmp(r->g->value.v[port[i]].name, said)) {
                *out = (Given){i, equals + 1};
                if (equals[1])
                    return true;
                return usage_error(r->opt->command, "%s %s names no file", option, text), false;
            }
        if (n > 1 || !strchr(said, '/'))
            return usage_error(r->opt->command, "%s: the network has no '%s'%s", option, said,
                               did_you_mean(A, said, names, count)), false;
    } else if (n > 1) {
        return usage_error(r->opt->command, "%s %s: which one? say NAME=%s, the names are %s, %s%s", option, text, text,
                           names[0], names[1], n > 2 ? ", ..." : ""), false;
    }
    *out = (Given){0, text};
    return true;
}

/* What is written there replaces what was; standard output, devices and pipes take one after the other. */
static bool replaces(const char *path)
{
    struct stat st;
    return strcmp(path, "-") && (stat(path, &st) || S_ISREG(st.st_mode));
}

static bool assign_all(Run *r)
{
    Arena *A = r->job->arena;
    const Graph *g = r->g;
    Given given;
    int *count = NEW(A, int, g->input.n);
    for (int i = 0; i < r->opt->inputs.n; i++) {
        if (!assign(r, r->opt->inputs.v[i], "--input", g->input.v, g->input.n, &given))
            return false;
        PUSH(A, &r->in, given);
        r->series = (int)imax(r->series, ++count[given.port]);
    }
    for (int i = 0; i < r->opt->outputs.n; i++) {
        if (!assign(r, r->opt->outputs.v[i], "--output", g->output.v, g->output.n, &given))
            return false;
        for (int k = 0; k < r->out.n; k++)
            if (!strcmp(r->out.v[k].file, given.file) && replaces(given.file))
                return usage_error(r->opt->command, "two outputs go to '%s'", given.file), false;
        PUSH(A, &r->out, given);
    }
    for (int i = 0; i < g->input.n; i++) {
        const Value *v = &g->value.v[g->input.v[i]];
        if (!count[i])
            return usage_error(r->opt->command, "no file for the input: --input %s=FILE, %s", v->name,
                               type_text(A, &v->type)), false;
        if (count[i] != r->series && count[i] != 1)
            return usage_error(r->opt->command, "the input '%s' is given %d times, another one %d times", v->name,
                               count[i], r->series), false;
    }
    if (r->series > 1 && r->opt->top > SERIES_TOP)
        return usage_error(r->opt->command, "--top=%d: a series of runs shows at most %d elements of each", r->opt->top,
                           SERIES_TOP), false;
    if (r->series > 1 && r->out.n)
        return usage_error(r->opt->command, "--output is for one run, the inputs make a series of %d", r->series),
               false;
    return true;
}

static bool outputs_writable(const Run *r)
{
    bool ok = true;
    for (int i = 0; i < r->out.n; i++)
        ok = out_writable(r->out.v[i].file, NULL) && ok;
    return ok;
}

/* The file for an input in a run of the series; one that was given once serves all. */
static const char *file_for(const Run *r, int port, int run)
{
    const char *file = NULL;
    int k = 0;
    for (int i = 0; i < r->in.n; i++)
        if (r->in.v[i].port == port && k++ <= run)
            file = r->in.v[i].file;
    return file;
}

static bool read_inputs(Run *r, Arena *A, int run)
{
    for (int i = 0; i < r->g->input.n; i++)
        if (!input_read(A, file_for(r, i, run), &r->job->spec->input[i], r->io[i]))
            return false;
    return true;
}

/* ---- results ---- */

typedef struct Best { int64_t index; float value; } Best;

/* The k largest elements, the largest first; of equal ones the first. Returns how many there are. */
static int find_best(const float *x, int64_t n, int k, Best *best)
{
    int found = 0;
    for (int64_t i = 0; i < n; i++) {
        if (isnan(x[i]) || (found == k && !(x[i] > best[k - 1].value)))
            continue;
        int at = found < k ? found++ : k - 1;
        for (; at > 0 && x[i] > best[at - 1].value; at--)
            best[at] = best[at - 1];
        best[at] = (Best){i, x[i]};
    }
    return found;
}

/* Labels are for outputs of as many elements; n: elements of one output, of one image. */
static const char *label(const Run *r, int64_t n, int64_t i)
{
    const Spec *s = r->job->spec;
    return n == s->nlabels ? s->labels[i] : arena_printf(r->job->arena, "[%lld]", (long long)i);
}

/* Decimal points stand below each other, unless numbers are huge. */
static const char *number(Arena *A, float v)
{
    return arena_printf(A, fabsf(v) < 1e5f ? "%10.4f" : "%10.4g", (double)v);
}

static const Value *output(const Run *r, int i)
{
    return &r->g->value.v[r->g->output.v[i]];
}

static int64_t batch_of(const Type *t)
{
    return t->rank > 1 ? t->dim[0] : 1;
}

/* One line where the spec's labels fit none of the first `outputs` outputs. */
static void warn_labels(const Run *r, int outputs)
{
    const Spec *s = r->job->spec;
    for (int o = 0; o < outputs; o++)
        if (type_elems(&output(r, o)->type) / batch_of(&output(r, o)->type) == s->nlabels)
            return;
    if (!s->nlabels)
        return;
    const Value *v = output(r, 0);
    warn_at(loc_file(diag_file(s->path, NULL, 0)), "the labels are not used: there are %d, and '%s' has %lld elements",
            s->nlabels, v->name, (long long)(type_elems(&v->type) / batch_of(&v->type)));
}

static void print_nans(const Run *r, int o)
{
    const float *x = r->io[r->g->input.n + o];
    int64_t n = type_elems(&output(r, o)->type), nans = 0;
    for (int64_t i = 0; i < n; i++)
        nans += isnan(x[i]);
    if (nans)
        printf("%s: %lld of %lld elements are NaN\n", output(r, o)->name, (long long)nans, (long long)n);
}

/* The best elements of one run, a line each; a batch has a block for every image. */
static void print_best(Run *r, int top)
{
    Arena *A = r->job->arena;
    warn_labels(r, r->g->output.n);
    for (int o = 0; o < r->g->output.n; o++) {
        const Type *t = &output(r, o)->type;
        int64_t batch = batch_of(t), n = type_elems(t) / batch;
        print_nans(r, o);
        int k = (int)imin(top, n);
        for (int64_t b = 0; b < batch; b++) {
            Best *best = NEW(A, Best, k);
            int found = find_best(r->io[r->g->input.n + o] + b * n, n, k, best);
            if (r->g->output.n > 1 || batch > 1)
                printf("%s%s\n", output(r, o)->name, batch > 1 ? arena_printf(A, "[%lld]", (long long)b) : "");
            for (int i = 0; i < found; i++)
                printf("%s  %s\n", number(A, best[i].value), label(r, n, best[i].index));
        }
    }
}

static bool write_outputs(Run *r)
{
    for (int i = 0; i < r->out.n; i++) {
        Buf b = {0};
        int o = r->out.v[i].port;
        npy_write(&b, &output(r, o)->type, r->io[r->g->input.n + o]);
        bool ok = write_file(r->out.v[i].file, b.s, b.n);
        buf_free(&b);
        if (!ok)
            return false;
    }
    return true;
}

/* ---- computing ---- */

static void compute_reference(Run *r, Arena *scratch)
{
    double **ref = reference_outputs(scratch, r->g, r->io);
    for (int o = 0; o < r->g->output.n; o++)
        for (int64_t i = 0, n = type_elems(&output(r, o)->type); i < n; i++)
            r->io[r->g->input.n + o][i] = (float)ref[o][i];
}

/* Milliseconds. */
static double compute(Run *r, Arena *scratch)
{
    double t = now_ms();
    if (r->model)
        model_run(r->model, r->io);
    else
        compute_reference(r, scratch);
    return now_ms() - t;
}

static double worst_error(const Run *r, Arena *scratch)
{
    double **ref = reference_outputs(scratch, r->g, r->io), worst = 0;
    for (int o = 0; o < r->g->output.n; o++)
        worst = fmax(worst, relative_error(r->io[r->g->input.n + o], ref[o], type_elems(&output(r, o)->type),
                                           flush_noise(r->g)));
    return worst;
}

typedef struct Result { double ms, error; } Result;

/* Run number `run` of the series. False after a message. */
static bool infer(Run *r, int run, Result *out)
{
    Arena *scratch = arena_new();
    bool ok = read_inputs(r, scratch, run);
    if (ok) {
        out->ms = compute(r, scratch);
        out->error = r->opt->check ? worst_error(r, scratch) : 0;
    }
    arena_free(scratch);
    return ok;
}

static bool check(const Run *r, double error)
{
    double agreement = output_tolerance(r->job->arena, r->model ? r->job->graph : r->g);
    if (error <= agreement)
        return true;
    error_at((Loc){0}, "the outputs are %.2g of the largest magnitude away from the reference, more than %.0e", error,
             agreement);
    return false;
}

static bool run_one(Run *r)
{
    Result result;
    if (!infer(r, 0, &result) || !write_outputs(r))
        return false;
    int top = r->opt->top ? r->opt->top : r->out.n ? 0 : DEFAULT_TOP;
    if (top)
        print_best(r, top);
    if (!r->opt->quiet)
        fprintf(stderr, "%s, the first run\n", ms_text(r->job->arena, result.ms));
    if (r->opt->check && !check(r, result.error))
        return false;
    if (r->opt->check && !r->opt->quiet)
        fprintf(stderr, "agrees with the reference to %.1e of the largest magnitude\n", result.error);
    return true;
}

/* A table with a row for every run: the best elements of the first output. */
static bool run_series(Run *r)
{
    Arena *A = r->job->arena;
    int64_t n = type_elems(&output(r, 0)->type);
    int top = (int)imin(imin(r->opt->top ? r->opt->top : DEFAULT_TOP, n), SERIES_TOP);
    bool checks = r->opt->check;
    Best best[SERIES_TOP];
    double worst = 0;
    Table t = table_new(A, arena_printf(A, "l%.*s%s", top, "llllllll", checks ? "rr" : "r"));
    table_cell(&t, "%s", r->g->value.v[r->g->input.v[r->in.v[0].port]].name);
    for (int k = 0; k < top; k++)
        table_cell(&t, "%s", k ? "" : output(r, 0)->name);
    if (checks)
        table_cell(&t, "error");
    table_cell(&t, "time");
    for (int i = 0; i < r->series; i++) {
        Result result;
        if ((i == 0 && r->model && !infer(r, i, &result)) || !infer(r, i, &result)) /* the very first run is cold */
            return false;
        const char *file = file_for(r, r->in.v[0].port, i), *slash = strrchr(file, '/');
        table_cell(&t, "%s", slash ? slash + 1 : file);
        int found = find_best(r->io[r->g->input.n], n, top, best);
        for (int k = 0; k < found; k++)
            table_cell(&t, "%s %s", number(A, best[k].value) + 2, label(r, n, best[k].index));
        for (int k = found; k < top; k++) /* there were NaNs */
            table_cell(&t, "-");
        if (checks)
            table_cell(&t, "%.1e", result.error);
        table_cell(&t, "%s", ms_text(A, result.ms));
        worst = fmax(worst, result.error);
    }
    table_print(&t);
    warn_labels(r, 1);
    return !checks || check(r, worst);
}

static bool run(Run *r)
{
    const Options *o = r->opt;
    bool reference = o->engine && !strcmp(o->engine, "reference");
    if (!reference) {
        r->model = model_build(r->job, o->threads ? MODEL_THREADS : 0, (int)imax(o->threads, 0));
        if (!r->model)
            return false;
    }
    r->io = io_alloc(r->job->arena, r->g);
    bool ok = r->series > 1 ? run_series(r) : run_one(r);
    if (r->model)
        model_close(r->model);
    return ok;
}

int cmd_run(Arena *A, const Options *o)
{
    Job j;
    int status = job_open(&j, A, o);
    if (status)
        return status;
    bool reference = o->engine && !strcmp(o->engine, "reference");
    if (!job_read(&j))
        return 1;
    Run r = {.job = &j, .opt = o, .g = j.written};
    if (!assign_all(&r))
        return 2;
    bool ok = outputs_writable(&r) && (reference || job_finish(&j)) && job_write_report(&j) && run(&r);
    job_close(&j);
    return !ok;
}
