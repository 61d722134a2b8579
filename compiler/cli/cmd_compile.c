/* dsqc compile */
#include <stdio.h>
#include <string.h>

#include "../emit/emit.h"
#include "cmd.h"
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

/* Made before the files appear: nothing may fail after that. */
static const char *summary(const Job *j, const char *dir)
{
    Arena *A = j->arena;
    const Figures now = figures(j), *f = &now;
    return arena_printf(A, "%s for %s: %s, %s MACs, %s bytes of weights, %s of arena (%s) -> %s\n", j->spec->name,
                        j->target->name, plural(A, j->program->call.n, "kernel"), digits(A, f->macs),
                        digits(A, f->weights_bytes), digits(A, f->arena_bytes), f->arena_proof, dir);
}

static bool compile_to(Job *j, Emit e)
{
    const Options *o = j->opt;
    if (option_is(o->output, "-"))
        return job_print(j, e.loops);
    const char *dir = o->output ? o->output : arena_printf(j->arena, "generated/%s", j->spec->name);
    if ((e.lib || e.shared) && c_hides_library(j->spec->name)) {
        error_at(loc_file(diag_file(j->spec->path, NULL, 0)), "lib%s is a library of the system, which "
                 "the model's would hide: the spec needs another name", j->spec->name);
        return false;
    }
    const char *said = o->quiet ? "" : summary(j, dir);
    if (!job_write(j, e, dir))
        return false;
    fputs(said, stderr);
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
