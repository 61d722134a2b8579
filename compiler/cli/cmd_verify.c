/* dsqc verify */
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "cmd.h"
#include "../io/io.h"
#include "../emit/model.h"
#include "../report/reference.h"
#include "../report/report.h"
#include "term.h"

const char help_verify[] =
    "Compiles the network, runs it on seeded random inputs (normal numbers), and compares the result\n"
    "of every fused group, as it lies in memory when its kernel has run, with a double-precision\n"
    "evaluation of the graph as written. Prints the largest error of each, relative to the largest\n"
    "magnitude of that result: 'error'. Where that is beyond the tolerance, the group alone is evaluated\n"
    "in double precision on the inputs that it really had: 'own' error, relative to the largest magnitude\n"
    "inside the group (a relu may leave next to nothing of the sums before it). A group whose own error is\n"
    "within the tolerance passes on rounding that it was handed (sqrt and sign amplify it without bound\n"
    "near zero); an output of the network must be within the tolerance all the same. The tolerance is 1e-5,\n"
    "and 1e-4 for what a Winograd kernel (--winograd) makes or hands on.\n"
    "Exit status 1 where a group's own error or an output's error is beyond; the first is named.\n"
    "With --threads the outputs must be the same bits on one thread and on several.\n"
    "Without weights in the spec or on the command line they are random.\n";
const char examples_verify[] =
    "  dsqc verify specs/resnet18.yaml --weights random:1\n"
    "  dsqc verify specs/resnet18.yaml --set unit=square_encoding --target=generic --runs 1\n"
    "  dsqc verify net.yaml --engine=loops      # no C compiler needed\n";

enum { DEFAULT_RUNS = 3 };

/* The result of a call that is compared: a value and the value of the graph as written that it equals, -1
   where there is none. */
typedef struct Watch {
    int call;
    const Value *value;
    ValueId origin;
    Arg at;
    double error, own, largest;  /* own: 0 where error never was beyond the tolerance */
    double tolerance, own_tolerance; /* the group's, with and without the rounding that it is handed */
} Watch;

typedef struct Verify {
    const Job *job;
    const Options *opt;
    VEC(Watch) watch;            /* by call */
    bool *wanted;                /* values of the graph as written */
    float **io;
    const uint8_t *arena;
    Model *model;                /* NULL: the loop interpreter */
    double **reference;
    Arena *run;                  /* emptied between runs */
    float **seen;                /* per value of the compiled graph: its elements in this run, once it is made */
    int next;                    /* watch */
} Verify;

static void find_watches(Verify *v)
{
    const Job *j = v->job;
    const double *tolerance = value_tolerances(j->arena, j->graph);
    double given = v->opt->tolerance;
    v->wanted = NEW(j->arena, bool, j->written->value.n);
    for (int c = 0; c < j->program->call.n; c++) {
        const Call *call = &j->program->call.v[c];
        for (int i = 0; i < call->out.n; i++) {
            if (call->out.v[i].value < 0)
                continue;
            const Value *value = &j->graph->value.v[call->out.v[i].value];
            Watch w = {.call = c, .value = value, .origin = value->origin, .at = call->out.v[i].at};
            w.tolerance = tolerance[call->out.v[i].value];
            w.own_tolerance = node_tolerance(&j->graph->node.v[value->node]);
            if (given > 0)
                w.tolerance = w.own_tolerance = given;
            PUSH(j->arena, &v->watch, w);
            if (value->origin >= 0)
                v->wanted[value->origin] = true;
        }
    }
    v->seen = NEW(j->arena, float *, j->graph->value.n);
}

/* Where an argument lies: in the arena, or in an input or output of the caller. */
static const float *memory_at(const Verify *v, Arg at)
{
    if (at.buf == ARG_ARENA)
        return (const float *)(const void *)(v->arena + at.offset);
    const Program *p = v->job->program;
    int port = 0;
    for (int i = 0; i < at.buf; i++)
        port += p->buf.v[i].kind != BUF_CONST;
    return v->io[port] + at.offset;
}

/* ---- a group on its own ---- */

typedef struct Copy { Arena *arena; const Graph *g; double *x; } Copy;

static void copy_result(void *user, ValueId id, const double *x)
{
    Copy *c = user;
    int64_t n = type_elems(&c->g->value.v[id].type);
    c->x = memcpy(NEW(c->arena, double, n), x, (size_t)n * sizeof *x);
}

/* The numbers of id as the kernels of this run see them. A view is made by no kernel. */
static void need_value(const Verify *v, const double **in, ValueId id)
{
    const Graph *g = v->job->graph;
    if (id < 0 || in[id] || g->value.v[id].kind == VAL_CONST)
        return;
    if (!v->seen[id]) {
        const Node *n = &g->node.v[g->value.v[id].node];
        for (int i = 0; i < n->nin; i++)
            need_value(v, in, n->in[i]);
        Copy c = {.arena = v->run, .g = g};
        graph_eval_node(g, g->value.v[id].node, in, NULL, copy_result, &c);
        in[id] = c.x;
        return;
    }
    int64_t n = type_elems(&g->value.v[id].type);
    double *x = NEW(v->run, double, n);
    for (int64_t i = 0; i < n; i++)
        x[i] = (double)v->seen[id][i];
    in[id] = x;
}

typedef struct Own { const Verify *v; ValueId value; double error; /* absolute */ } Own;

static void take_own(void *user, ValueId id, const double *x)
{
    Own *o = user;
    if (id == o->value)
        o->error = largest_error(o->v->seen[id], x, type_elems(&o->v->job->graph->value.v[id].type),
                                 flush_noise(o->v->job->written));
}

static double own_error(const Verify *v, const Watch *w)
{
    const Graph *g = v->job->graph;
    const Node *n = &g->node.v[w->value->node];
    const double **in = NEW(v->run, const double *, g->value.n);
    for (int i = 0; i < n->nin; i++)
        need_value(v, in, n->in[i]);
    for (int s = 0; s < n->nstep; s++)
        for (int i = 0; i < n->step[s].nin; i++)
            need_value(v, in, n->step[s].in[i]);
    Own o = {v, (ValueId)(w->value - g->value.v), 0};
    double largest;
    graph_eval_node(g, w->value->node, in, &largest, take_own, &o);
    return largest > 0 ? o.error / largest : o.error;
}

static void compare_call(void *user, int call)
{
    Verify *v = user;
    if (call < 0)
        v->next = 0;
    for (; v->next < v->watch.n && v->watch.v[v->next].call == call; v->next++) {
        Watch *w = &v->watch.v[v->next];
        int64_t n = type_elems(&w->value->type);
        float *x = NEW(v->run, float, n);
        layout_gather(&w->value->layout, &w->value->type, memory_at(v, w->at), x);
        v->seen[w->value - v->job->graph->value.v] = x;
        if (w->origin < 0) /* made by a pass, kept for the groups that read it */
            continue;
        const double *ref = v->reference[w->origin];
        double error = relative_error(x, ref, n, flush_noise(v->job->written));
        w->error = fmax(w->error, error);
        if (!(error <= w->tolerance))
            w->own = fmax(w->own, own_error(v, w));
        for (int64_t i = 0; i < n; i++)
            w->largest = fmax(w->largest, fabs(ref[i]));
    }
}

/* The interpreter, a call at a time so that each result is seen before its memory is used again. */
static void interpret(Verify *v, void *arena)
{
    const Program *p = v->job->program;
    compare_call(v, -1);
    for (int c = 0; c < p->call.n; c++) {
        Program one = *p;
        Arena *scratch = arena_new();
        one.call.v = p->call.v + c;
        one.call.n = 1;
        progress("interpreting kernel %d of %d", c + 1, p->call.n);
        const char *wrong = program_interp(&one, v->io, arena, scratch);
        if (wrong)
            bug("kernel '%s' (%s): %s", p->kernel.v[one.call.v->kernel].name, one.call.v->layers, wrong);
        arena_free(scratch);
        compare_call(v, c);
    }
    progress_end();
}

/* The outputs lie in v->io from a run on several threads; on one they must be the same bits. */
static bool threads_agree(Verify *v)
{
    const Graph *g = v->job->written;
    float **one = io_alloc(v->run, g);
    memcpy(one, v->io, (size_t)g->input.n * sizeof *one);
    model_run_alone(v->model, one);
    for (int o = 0; o < g->output.n; o++) {
        const Value *out = &g->value.v[g->output.v[o]];
        int port = g->input.n + o;
        if (!memcmp(one[port], v->io[port], (size_t)type_elems(&out->type) * sizeof(float)))
            continue;
        error_at(out->loc, "'%s': %s give other bits than one", out->name,
                 plural(v->run, model_threads(v->model), "thread"));
        return false;
    }
    return true;
}

static bool run_all(Verify *v, int runs)
{
    const Job *j = v->job;
    const Graph *g = j->written;
    void *arena = NULL;
    bool loops = v->opt->engine && !strcmp(v->opt->engine, "loops");
    if (loops) {
        v->arena = arena = huge_alloc((size_t)j->program->arena_bytes);
    } else {
        v->model = model_build(j, MODEL_TRACE | (v->opt->threads ? MODEL_THREADS : 0), (int)imax(v->opt->threads, 0));
        if (!v->model)
            return false;
        v->arena = model_arena(v->model);
    }
    v->io = io_alloc(j->arena, g);
    bool ok = true;
    for (int run = 0; ok && run < runs; run++) {
        v->run = arena_new();
        progress("run %d of %d", run + 1, runs);
        for (int i = 0; i < g->input.n; i++) {
            const Value *in = &g->value.v[g->input.v[i]];
            random_input(v->io[i], &in->type, (uint64_t)imax(v->opt->seed, 1) + (uint64_t)run, in->name);
            v->seen[j->graph->input.v[i]] = v->io[i];
        }
        v->reference = reference_eval(v->run, g, v->io, v->wanted);
        if (loops)
            interpret(v, arena);
        else
            model_trace(v->model, v->io, compare_call, v);
        ok = loops || !v->opt->threads || threads_agree(v);
        arena_free(v->run);
    }
    progress_end();
    if (v->model)
        model_close(v->model);
    return ok;
}

static const char *watch_name(const Verify *v, const Watch *w)
{
    const char *layers = v->job->program->call.v[w->call].layers;
    if (layers)
        layers = short_layers(v->job->arena, layers);
    if (w->value->name && layers && v->job->program->call.v[w->call].out.n > 1)
        return arena_printf(v->job->arena, "%s -> %s", layers, w->value->name);
    return layers ? layers : w->value->name ? w->value->name : "?";
}

static bool is_output(const Verify *v, const Watch *w)
{
    const Graph *g = v->job->graph;
    for (int i = 0; i < g->output.n; i++)
        if (&g->value.v[g->output.v[i]] == w->value)
            return true;
    return false;
}

static bool passes(const Verify *v, const Watch *w)
{
    return w->error <= w->tolerance || (w->own <= w->own_tolerance && !is_output(v, w));
}

static void print_table(const Verify *v)
{
    Arena *A = v->job->arena;
    Table t = table_new(A, "llrrrl");
    static const char *const heading[] = {"layers", "output", "largest", "error", "own", ""};
    for (int i = 0; i < LEN(heading); i++)
        table_cell(&t, "%s", heading[i]);
    for (int i = 0; i < v->watch.n; i++) {
        const Watch *w = &v->watch.v[i];
        if (w->origin < 0)
            continue;
        table_cell(&t, "%s", watch_name(v, w));
        table_cell(&t, "%s", type_text(A, &w->value->type));
        table_cell(&t, "%.4g", w->largest);
        table_cell(&t, "%.1e", w->error);
        table_cell(&t, "%s", w->error <= w->tolerance ? "" : arena_printf(A, "%.1e", w->own));
        table_cell(&t, "%s", w->error <= w->tolerance ? "" : passes(v, w) ? "inherited" : "beyond tolerance");
    }
    table_print(&t);
}

/* No error that could be measured: one of the two left the range of f32. */
static void say_infinite(const Verify *v, const Watch *w)
{
    const char *name = watch_name(v, w);
    if (!(w->largest <= FLT_MAX))
        error_at(w->value->loc, "'%s' reaches %.2g, beyond f32 (3.4e38): weights or inputs are too large for it", name,
                 w->largest);
    else
        error_at(w->value->loc,
                 "'%s' is infinite or NaN in f32, where the reference stays below %.2g: a sum or product on "
                 "the way is beyond f32 (3.4e38)",
                 name, w->largest);
}

static bool judge(const Verify *v, int runs)
{
    const Watch *first = NULL, *worst = NULL;
    int inherited = 0, compared = 0;
    double largest = 0;
    for (int i = 0; i < v->watch.n; i++) {
        const Watch *w = &v->watch.v[i];
        if (w->origin < 0)
            continue;
        compared++;
        largest = fmax(largest, w->tolerance);
        if (!passes(v, w) && !first)
            first = w;
        if (w->error > w->tolerance)
            inherited++;
        else if (!worst || w->error > worst->error)
            worst = w;
    }
    if (first && first->error > FLT_MAX) {
        say_infinite(v, first);
        return false;
    }
    if (first) {
        error_at(first->value->loc,
                 "'%s': %.2g of the largest magnitude away from the reference (own error %.2g), more than %.0e",
                 watch_name(v, first), first->error, first->own, first->tolerance);
        return false;
    }
    printf("\n%s, %s, %s: %s within %.0e of the reference; worst %.1e\n", v->job->spec->name, v->job->target->name,
           plural(v->job->arena, runs, "run"), plural(v->job->arena, compared - inherited, "result"), largest,
           worst ? worst->error : 0);
    if (inherited)
        printf("%s beyond it by inherited rounding alone\n", plural(v->job->arena, inherited, "inner result"));
    if (compared < v->watch.n)
        printf("%s made by passes alone: the graph as written has nothing to compare with\n",
               plural(v->job->arena, v->watch.n - compared, "result"));
    return true;
}

int cmd_verify(Arena *A, const Options *o)
{
    Job j;
    int status = job_open(&j, A, o);
    if (status)
        return status;
    if (!job_compile(&j))
        return 1;
    Verify v = {.job = &j, .opt = o};
    int runs = o->runs ? o->runs : DEFAULT_RUNS;
    find_watches(&v);
    if (!v.watch.n)
        bug("no kernel has a result that could be compared");
    bool ok = job_write_report(&j) && run_all(&v, runs);
    if (ok) {
        if (!o->quiet)
            print_table(&v);
        ok = judge(&v, runs);
    }
    job_close(&j);
    return !ok;
}
