/* The files of a compiled network that need no C compiler: texts of the IRs, the self-test, the report. */
#include <string.h>

#include "../io/io.h"
#include "../report/reference.h"
#include "emit.h"
#include "model.h"

/* Constants up to this size are written as C arrays; compilers are slow on more. */
enum { SMALL_WEIGHTS = 1 << 20 };

static WeightsAs weights_as(const Job *j, const Figures *f)
{
    const char *as = j->opt->weights_as;
    if (as)
        return !strcmp(as, "c") ? WEIGHTS_C : !strcmp(as, "asm") ? WEIGHTS_ASM : WEIGHTS_FILE;
    if (j->llvm)
        return WEIGHTS_ASM;
    return j->target->mcu || f->weights_bytes <= SMALL_WEIGHTS ? WEIGHTS_C : WEIGHTS_ASM;
}

BackendOptions emit_options(const Job *j, Emit e, const Figures *f)
{
    const Options *o = j->opt;
    return (BackendOptions){.target = j->target, .weights_as = weights_as(j, f), .threads = o->threads != 0,
                            .strict = o->strict, .version = DSQ_VERSION, .stack_bytes = f->stack_bytes,
                            .triple = o->triple, .cpu = o->cpu, .features = o->features,
                            .code = {e.c, e.obj, e.as, e.lib, e.shared, e.ir}};
}

/* ---- text of the IRs ---- */

static void print_ir(Buf *b, const Job *j, bool loops)
{
    if (loops)
        program_print(b, j->program, false);
    else
        graph_print(b, j->graph, PRINT_LAYOUT | PRINT_LOC);
}

bool emit_ir(const Job *j, bool loops, OutDir *dir)
{
    Buf b = {0};
    print_ir(&b, j, loops);
    bool ok = outdir_add(dir, arena_printf(j->arena, "%s.%s", j->spec->name, loops ? "loops" : "dsq"), b.s, b.n);
    buf_free(&b);
    return ok;
}

bool emit_ir_to_stdout(const Job *j, bool loops)
{
    Buf b = {0};
    print_ir(&b, j, loops);
    bool ok = write_file("-", b.s, b.n);
    buf_free(&b);
    return ok;
}

/* ---- beside the code ---- */

bool emit_selftest(const Job *j, const BackendOptions *bo, OutDir *dir)
{
    const Graph *g = j->written;
    float **io = io_alloc(j->arena, g);
    for (int i = 0; i < g->input.n; i++) {
        const Value *v = &g->value.v[g->input.v[i]];
        random_input(io[i], &v->type, 1, v->name);
    }
    double **ref = reference_outputs(j->arena, g, io);
    for (int o = 0; o < g->output.n; o++)
        for (int64_t i = 0, n = type_elems(&g->value.v[g->output.v[o]].type); i < n; i++)
            io[g->input.n + o][i] = (float)ref[o][i];
    return backend_c_selftest(j->program, bo, (const float *const *)io, (const float *const *)(io + g->input.n),
                              output_tolerance(j->arena, j->graph), dir);
}

bool emit_report(const Job *j, const Figures *f, const char *name, OutDir *out)
{
    Buf b = {0};
    report_json(&b, j, f, out, name);
    bool ok = outdir_add(out, name, b.s, b.n);
    buf_free(&b);
    return ok;
}
