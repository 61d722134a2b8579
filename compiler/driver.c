/* The whole way of a network: a spec in YAML becomes a graph, passes rewrite the graph, lowering makes loops of it,
   passes rewrite the loops, and a backend prints them. job_build and job_compile at the end are the list. */
#include "driver.h"

#include <stdio.h>
#include <string.h>

#include "cli/term.h"

const LoopPass loop_passes[] = {
    {"loop-unroll", loop_unroll},
    {"loop-hoist", loop_hoist},
    {"loop-cse", loop_cse},
    {NULL, NULL},
};

static void stage_done(const Job *j, const char *name, double *since)
{
    double t = now_ms();
    if (j->opt->time_passes)
        fprintf(stderr, "%-18s %9.3f ms\n", name, t - *since);
    *since = now_ms();
}

static void dump_program(const Job *j, const char *after)
{
    const char *wanted = j->opt->print_ir_after;
    if (!wanted || (strcmp(wanted, after) && strcmp(wanted, "all")))
        return;
    Buf b = {0};
    program_print(&b, j->program, false);
    fprintf(stderr, "; after %s\n%s\n", after, b.s ? b.s : "");
    buf_free(&b);
}

static void check_program(const Job *j, const char *after)
{
    const char *wrong = program_check(j->program);
    if (wrong)
        bug("program is malformed after %s: %s", after, wrong);
}

static bool stops_after(const Job *j, const char *name)
{
    return j->opt->stop_after && !strcmp(j->opt->stop_after, name);
}

static void run_loop_passes(Job *j)
{
    bool stop = stops_after(j, "lower");
    for (const LoopPass *p = loop_passes; p->name && !stop; p++) {
        for (int i = 0; i < j->program->kernel.n; i++) {
            Kernel *k = &j->program->kernel.v[i];
            bug_context(p->name, k->name);
            p->fn(j->arena, k);
        }
        bug_context(NULL, NULL);
        check_program(j, p->name);
        dump_program(j, p->name);
        stop = stops_after(j, p->name);
    }
}

bool job_write_c(const Job *j, const BackendOptions *b, OutDir *dir)
{
    return backend_c(j->program, b, dir);
}

bool job_build(Job *j, const PassOptions *po)
{
    double t = now_ms();
    j->graph = graph_clone(j->arena, j->written);
    if (!passes_run(j->arena, j->graph, po)) /* passes/run.c: the rows of passes/pass.def, graph -> graph */
        return false;
    stage_done(j, "graph passes", &t);
    if (po->stop_after)
        return true;

    j->program = lower_graph(j->arena, j->graph, j->target, j->opt->strict); /* passes/lower/: graph -> loops */
    j->program->flush_to_zero = j->opt->flush_to_zero;
    check_program(j, "lowering");
    dump_program(j, "lower");
    stage_done(j, "lowering", &t);
    if (!job_fits(j))
        return false;

    run_loop_passes(j); /* passes/loop_*.c: loops -> loops */
    stage_done(j, "loop passes", &t);
    return true; /* backends/c/ prints the loops: job_write_c */
}

bool job_begin(Job *j)
{
    double t = now_ms();
    if (!job_read(j)) /* compiler/spec/spec.c, compiler/weights/: YAML and tensors -> the graph as written */
        return false;
    stage_done(j, "spec and weights", &t);
    return true;
}

bool job_compile(Job *j)
{
    return job_begin(j) && job_finish(j);
}

bool job_finish(Job *j)
{
    PassOptions po = job_pass_options(j);
    return job_build(j, &po);
}
