/* dsqc compile */
#include <stdio.h>
#include <string.h>

#include "../emit/cc.h"
#include "cmd.h"
#include "../emit/earlier.h"
#include "../emit/emit.h"
#include "../io/io.h"
#include "../emit/model.h"
#include "../report/reference.h"
#include "../report/report.h"
#include "term.h"

const char help_compile[] =
    "Compiles the network that SPEC describes, with its trained weights, into a folder that is\n"
    "complete by itself: NAME.h (the interface and every size), NAME.c and what it includes, and the\n"
    "report NAME.json. obj, asm, lib and shared also run the target's C compiler ($CC and $AR on the\n"
    "host) on them and leave its result beside NAME.h in place of the C.\n"
    "With --backend=llvm no C compiler is needed: NAME.o (or lib, shared, asm, llvm-ir) is LLVM's, and\n"
    "NAME.loops is the text that its line information leads to. Only shared calls the linker ($LD).\n";
const char examples_compile[] =
    "  dsqc compile specs/resnet18.yaml --weights resnet18.safetensors -o out\n"
    "  dsqc compile specs/tiny/dscnn.yaml --weights random:1 --target=cortex-m4 -o out\n"
    "  dsqc compile net.yaml --emit=lib --threads -o out\n"
    "  dsqc compile net.yaml --emit=graph -o -      # the graph after all passes\n";

/* Constants up to this size are written as C arrays; compilers are slow on more. */
enum { SMALL_WEIGHTS = 1 << 20 };

static Emit emit_of(const Job *j)
{
    const Options *o = j->opt;
    const char *e = o->emit;
    Emit w = {list_has(e, "c"), list_has(e, "obj"), list_has(e, "asm"), list_has(e, "lib"), list_has(e, "shared"),
              list_has(e, "selftest"), list_has(e, "graph"), list_has(e, "loops"), list_has(e, "llvm-ir")};
    if (!e || (w.selftest && !w.obj && !w.as && !w.lib && !w.shared && !w.ir))
        *(j->llvm ? &w.obj : &w.c) = true;
    return w;
}

static WeightsAs weights_as(const Job *j, const Figures *f)
{
    const char *as = j->opt->weights_as;
    if (as)
        return !strcmp(as, "c") ? WEIGHTS_C : !strcmp(as, "asm") ? WEIGHTS_ASM : WEIGHTS_FILE;
    if (j->llvm)
        return WEIGHTS_ASM;
    return j->target->mcu || f->weights_bytes <= SMALL_WEIGHTS ? WEIGHTS_C : WEIGHTS_ASM;
}

/* ---- text of the IRs ---- */

static void print_ir(Buf *b, const Job *j, bool loops)
{
    if (loops)
        program_print(b, j->program, false);
    else
        graph_print(b, j->graph, PRINT_LAYOUT | PRINT_LOC);
}

static bool add_ir(const Job *j, OutDir *dir, bool loops)
{
    Buf b = {0};
    print_ir(&b, j, loops);
    bool ok = outdir_add(dir, arena_printf(j->arena, "%s.%s", j->spec->name, loops ? "loops" : "dsq"), b.s, b.n);
    buf_free(&b);
    return ok;
}

static bool write_to_stdout(const Job *j, bool loops)
{
    Buf b = {0};
    print_ir(&b, j, loops);
    bool ok = write_file("-", b.s, b.n);
    buf_free(&b);
    return ok;
}

/* ---- what the C compiler makes ---- */

/* Adds a file of the working folder to the output. */
static bool copy_file(const Job *j, const char *work, const char *name, OutDir *dir)
{
    return outdir_add_file(dir, name, arena_printf(j->arena, "%s/%s", work, name));
}

/* Runs the C compiler in work on the model's sources; its result is added to the output where there is one. */
static bool build(const Job *j, const BackendOptions *bo, const char *work, const char *how, const char *result,
                  OutDir *dir)
{
    Words w = cc_tool(j->arena, j->target, "cc");
    words_add(&w, j->target->cflags);
    words_add(&w, how);
    words_add(&w, "-o");
    words_add(&w, result);
    words_add(&w, arena_printf(j->arena, "%s.c", j->program->name));
    if (bo->weights_as == WEIGHTS_ASM && !strstr(how, "-S"))
        words_add(&w, arena_printf(j->arena, "%s_weights.S", j->program->name));
    progress("compiling %s ...", result);
    bool ok = cc_make(&w, work, result);
    progress_end();
    return ok && (!dir || copy_file(j, work, result, dir));
}

static bool archive(const Job *j, const char *work, const char *object, const char *result, OutDir *dir)
{
    Words w = cc_tool(j->arena, j->target, "ar");
    words_add(&w, arena_printf(j->arena, "rcD %s %s", result, object));
    return cc_make(&w, work, result) && copy_file(j, work, result, dir);
}

/* Objects, assembler text and libraries come with the header and, with --weights-as=file, the weights. */
static bool write_built(const Job *j, const BackendOptions *bo, Emit e, OutDir *dir)
{
    Arena *A = j->arena;
    const char *name = j->program->name, *work = workdir_new(A);
    OutDir *sources = work ? outdir_open(work) : NULL;
    if (!sources)
        return false;
    if (!job_write_c(j, bo, sources)) {
        outdir_abort(sources);
        return false;
    }
    if (!outdir_commit(sources))
        return false;
    const char *object = arena_printf(A, "%s.o", name), *pic = j->target->mcu ? "" : " -fPIC";
    bool ok = true;
    if (e.as)
        ok = build(j, bo, work, arena_printf(A, "-S%s", pic), arena_printf(A, "%s.s", name), dir);
    if (ok && (e.obj || e.lib))
        ok = build(j, bo, work, arena_printf(A, "-r -nostdlib%s", pic), object, e.obj ? dir : NULL);
    if (ok && e.lib)
        ok = archive(j, work, object, arena_printf(A, "lib%s.a", name), dir);
    if (ok && e.shared)
        ok = build(j, bo, work, arena_printf(A, "-shared%s", pic), arena_printf(A, "lib%s.so", name), dir);
    if (!ok || e.c)
        return ok;
    ok = copy_file(j, work, arena_printf(A, "%s.h", name), dir) && copy_file(j, work, "dsq.h", dir) &&
         (!bo->threads || (copy_file(j, work, "dsq_pool.c", dir) && copy_file(j, work, "dsq_pool.h", dir)));
    bool asm_text = e.as && bo->weights_as == WEIGHTS_ASM; /* objects and libraries hold the weights */
    if (ok && (bo->weights_as == WEIGHTS_FILE || asm_text))
        ok = copy_file(j, work, arena_printf(A, "%s.bin", name), dir);
    if (ok && asm_text)
        ok = copy_file(j, work, arena_printf(A, "%s_weights.S", name), dir);
    return ok;
}

/* ---- the folder ---- */

static bool write_selftest(const Job *j, const BackendOptions *bo, OutDir *dir)
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

static bool write_files(const Job *j, Figures *f, Emit e, OutDir *dir)
{
    bool builds = e.obj || e.as || e.lib || e.shared || e.ir;
    BackendOptions bo = {.target = j->target, .weights_as = weights_as(j, f), .threads = j->opt->threads != 0,
                         .strict = j->opt->strict, .version = DSQ_VERSION, .stack_bytes = f->stack_bytes,
                         .triple = j->opt->triple, .cpu = j->opt->cpu, .features = j->opt->features,
                         .code = {e.c, e.obj, e.as, e.lib, e.shared, e.ir}};
    if (j->llvm && builds && !emit_llvm(j, &bo, e, dir))
        return false;
    f->stack_bytes = bo.stack_bytes;
    return (!e.c || job_write_c(j, &bo, dir)) && (!e.selftest || write_selftest(j, &bo, dir)) &&
           (!e.graph || add_ir(j, dir, false)) &&
           (!e.loops || (j->llvm && builds) /* it is there */ || add_ir(j, dir, true)) &&
           (!builds || j->llvm || write_built(j, &bo, e, dir));
}

/* Last, since it lists the others. */
static bool add_report(const Job *j, const Figures *f, OutDir *out, const char *name)
{
    Buf b = {0};
    report_json(&b, j, f, out, name);
    bool ok = outdir_add(out, name, b.s, b.n);
    buf_free(&b);
    return ok;
}

static void print_summary(const Job *j, const Figures *f, const char *dir)
{
    Arena *A = j->arena;
    fprintf(stderr, "%s for %s: %s, %s MACs, %s bytes of weights, %s of arena (%s) -> %s\n", j->spec->name,
            j->target->name, plural(A, j->program->call.n, "kernel"), digits(A, f->macs), digits(A, f->weights_bytes),
            digits(A, f->arena_bytes), f->arena_proof, dir);
}

static bool compile_to(const Job *j, Emit e)
{
    const Options *o = j->opt;
    if (o->output && !strcmp(o->output, "-"))
        return write_to_stdout(j, e.loops) && job_write_report(j);
    const char *dir = o->output ? o->output : arena_printf(j->arena, "generated/%s", j->spec->name);
    const char *report = arena_printf(j->arena, "%s.json", j->spec->name);
    if ((e.lib || e.shared) && c_hides_library(j->spec->name)) {
        error_at(loc_file(diag_file(j->spec->path, NULL, 0)), "lib%s is a library of the system, which "
                 "the model's would hide: the spec needs another name", j->spec->name);
        return false;
    }
    Figures f = figures(j);
    OutDir *out = job_holds(j, f.weights_bytes) ? outdir_open(dir) : NULL;
    if (!out)
        return false;
    if (!write_files(j, &f, e, out) || !add_report(j, &f, out, report) || !earlier_settle(j, out, dir, report) ||
        !job_write_report(j)) {
        outdir_abort(out);
        return false;
    }
    if (!outdir_commit(out))
        return false;
    if (!o->quiet)
        print_summary(j, &f, dir);
    return true;
}

int cmd_compile(Arena *A, const Options *o)
{
    Job j;
    int status = job_open(&j, A, o);
    if (status)
        return status;
    Emit e = emit_of(&j);
    if (o->output && !strcmp(o->output, "-") && (!o->emit || strchr(o->emit, ',') || e.graph == e.loops))
        return usage_error(o->command, "-o - takes one text: --emit=graph or --emit=loops");
    if (o->stop_after && !(o->output && !strcmp(o->output, "-") && e.loops == is_loop_stage(o->stop_after)))
        return usage_error(o->command, "--stop-after=%s leaves text only: --emit=%s -o -", o->stop_after,
                           is_loop_stage(o->stop_after) ? "loops" : "graph");
    if (e.shared && j.target->mcu)
        return usage_error(o->command, "--emit=shared: there are no shared libraries on %s; --emit=lib is static",
                           j.target->name);
    bool ok = job_compile(&j) && compile_to(&j, e);
    job_close(&j);
    return !ok;
}
