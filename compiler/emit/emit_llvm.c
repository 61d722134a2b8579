/* The files that --backend=llvm makes. */
#include "emit.h"

#include "../../backends/llvm/llvm.h"
#include "cc.h"
#include "../cli/term.h"

/* The object in work, and what its line information leads to beside the result. */
static bool object(const Job *j, BackendOptions *bo, const char *path, OutDir *dir)
{
    Arena *A = j->arena;
    LlvmFacts facts;
    Buf text = {0};
    const char *loops = arena_printf(A, "%s.loops", j->program->name);
    LoopLines lines = program_print_lines(A, &text, j->program);
    progress("compiling %s.o ...", j->program->name);
    bool ok = llvm_object(A, j->program, bo, &lines, loops, path, &facts) && outdir_add(dir, loops, text.s, text.n);
    progress_end();
    buf_free(&text);
    if (!ok)
        return false;
    bo->stack_bytes = facts.stack_bytes;
    bo->made_by = arena_printf(A, "LLVM %s for %s%s%s", llvm_version(), facts.triple,
                               *facts.cpu ? ", " : "", facts.cpu);
    return true;
}

static bool emit_text(const Job *j, const BackendOptions *bo, bool ir, OutDir *dir)
{
    Buf b = {0};
    bool ok = llvm_text(j->arena, j->program, bo, ir, &b) &&
              outdir_add(dir, arena_printf(j->arena, "%s.%s", j->program->name, ir ? "ll" : "s"), b.s, b.n);
    buf_free(&b);
    return ok;
}

static bool shared(const Job *j, const char *work, const char *object, OutDir *dir)
{
    const char *lib = arena_printf(j->arena, "lib%s.so", j->program->name);
    Words w = cc_tool(j->arena, j->target, "ld");
    words_add(&w, "-shared -z noexecstack -o");
    words_add(&w, lib);
    words_add(&w, object);
    return cc_make(&w, work, lib) && outdir_add_file(dir, lib, arena_printf(j->arena, "%s/%s", work, lib));
}

bool emit_llvm(const Job *j, BackendOptions *bo, Emit e, OutDir *dir)
{
    Arena *A = j->arena;
    const char *work = workdir_new(A), *name = arena_printf(A, "%s.o", j->program->name);
    if (!work)
        return false;
    const char *path = arena_printf(A, "%s/%s", work, name);
    return object(j, bo, path, dir) &&
           (!e.obj || outdir_add_file(dir, name, path)) &&
           (!e.lib || llvm_archive(path, j->program->name, dir, arena_printf(A, "lib%s.a", j->program->name))) &&
           (!e.shared || shared(j, work, name, dir)) && (!e.as || emit_text(j, bo, false, dir)) &&
           (!e.ir || emit_text(j, bo, true, dir)) &&
           backend_c_interface(j->program, bo, e.as || e.ir || bo->weights_as == WEIGHTS_FILE, dir);
}
