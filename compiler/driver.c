/* The whole way of a network, from spec to files: every stage, in the order in which it happens, and where to look.

     job_read    files     ->  graph as written
     job_build   graph     ->  graph, by passes  ->  loops  ->  loops, by passes
     job_write   loops     ->  files

   Commands (cli/cmd_*.c) call these; nothing else leads from one to the next. */
#include "driver.h"

#include <stdio.h>

#include "../passes/lower/lowering.h"
#include "cli/term.h"
#include "emit/earlier.h"
#include "emit/emit.h"

/* For --time-passes; `since` becomes now. */
static void stage_done(const Job *j, const char *name, double *since)
{
    double t = now_ms();
    if (j->opt->time_passes)
        fprintf(stderr, "%-20s %9.3f ms\n", name, t - *since);
    *since = now_ms();
}

/* ---- files -> the graph as written ---- */

bool job_read(Job *j)
{
    double t = now_ms();
    bool ok = job_read_rules(j) &&    /* passes/rules/: rewrite rules of --rules, and the bundled ones */
              job_read_spec(j) &&     /* compiler/network.c: a spec (spec/) or a model (onnx/): a graph */
              job_bind_weights(j) &&  /* compiler/weights/: a file is mapped, its tensors are the graph's constants */
              job_read_schedules(j);  /* compiler/tune/schedule_file.c: --schedule, in place of the cost model */
    stage_done(j, "spec and weights", &t);
    return ok;
}

/* ---- graph -> loops ---- */

bool job_build(Job *j, const PassOptions *po)
{
    double t = now_ms();
    j->graph = graph_clone(j->arena, j->written); /* the reference goes on evaluating the graph as written */
    if (!passes_run(j->graph, po))                /* passes/run.c: rows of passes/pass.def, graph -> graph */
        return false;
    stage_done(j, "graph passes", &t);
    if (po->stop_after && !is_loop_stage(po->stop_after))
        return true;

    j->program = lower_graph(j->arena, j->graph, j->target, j->opt->strict); /* passes/lower/: graph -> loops */
    j->program->flush_to_zero = j->opt->flush_to_zero;
    stage_done(j, "lowering", &t);
    if (!job_fits(j)) /* compiler/limits.c: pointers of 32 bits */
        return false;

    bool ok = passes_run_loops(j->graph, j->program, po); /* passes/run.c: further rows, loops -> loops */
    stage_done(j, "loop passes", &t);
    return ok;
}

bool job_finish(Job *j)
{
    PassOptions po = job_pass_options(j); /* compiler/job.c */
    return job_build(j, &po);
}

bool job_compile(Job *j)
{
    return job_read(j) && job_finish(j);
}

/* ---- loops -> files ---- */

static bool write_code(Job *j, BackendOptions *bo, Emit e, OutDir *out)
{
    bool llvm = j->llvm && emit_builds(e), cc = !j->llvm && emit_builds(e);
    if (llvm && !emit_llvm(j, bo, e, out))              /* backends/llvm/: objects, libraries; their NAME.loops */
        return false;
    return (!e.c || backend_c(j->program, bo, out)) &&  /* backends/c/: NAME.c, NAME.h, weights, runtime_min/ */
           (!e.selftest || emit_selftest(j, bo, out)) && /* compiler/emit/files.c */
           (!e.graph || emit_ir(j, false, out)) &&
           (!e.loops || llvm || emit_ir(j, true, out)) &&
           (!cc || emit_built(j, bo, e, out));          /* compiler/emit/build.c: the target's cc and ar */
}

bool job_write(Job *j, Emit e, const char *dir)
{
    Figures f = figures(j);                             /* compiler/report/figures.c: bytes, MACs, stack */
    BackendOptions bo = emit_options(j, e, &f);
    const char *report = arena_printf(j->arena, "%s.json", j->spec->name);
    OutDir *out = job_holds(j, f.weights_bytes) ? outdir_open(dir) : NULL; /* ir/base/out.c: beside their place */
    if (!out)
        return false;
    bool ok = write_code(j, &bo, e, out);
    f.stack_bytes = bo.stack_bytes;                     /* LLVM alone knows its own */
    ok = ok && emit_report(j, &f, report, out) &&       /* compiler/report/: NAME.json, which lists the files */
         earlier_settle(j, out, dir, report) &&         /* compiler/emit/earlier.c: files of the last compilation */
         job_write_report(j);                           /* --report */
    if (!ok) {
        outdir_abort(out);
        return false;
    }
    return outdir_commit(out);                          /* all files appear */
}

bool job_print(Job *j, bool loops)
{
    return emit_ir_to_stdout(j, loops) && job_write_report(j);
}
