/* What the target's C compiler and archiver make of the C: objects, assembler text, libraries. */
#include <string.h>

#include "../cli/term.h"
#include "cc.h"
#include "emit.h"

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
bool emit_built(const Job *j, const BackendOptions *bo, Emit e, OutDir *dir)
{
    Arena *A = j->arena;
    const char *name = j->program->name, *work = workdir_new(A);
    OutDir *sources = work ? outdir_open(work) : NULL;
    if (!sources)
        return false;
    if (!backend_c(j->program, bo, sources)) {
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
