/* In place of the LLVM backend where dsqc is built without LLVM. */
#include "llvm.h"

bool llvm_present(void) { return false; }
const char *llvm_version(void) { return NULL; }

NORETURN static void absent(void)
{
    bug("the LLVM backend is not there, and nobody looked");
}

bool llvm_open(void) { absent(); }

bool llvm_object(Arena *A, const Program *p, const BackendOptions *o, const LoopLines *lines, const char *loops,
                 const char *path, LlvmFacts *facts)
{
    (void)A, (void)p, (void)o, (void)lines, (void)loops, (void)path, (void)facts;
    absent();
}

bool llvm_text(Arena *A, const Program *p, const BackendOptions *o, bool ir, Buf *out)
{
    (void)A, (void)p, (void)o, (void)ir, (void)out;
    absent();
}

bool llvm_archive(const char *object, const char *name, OutDir *dir, const char *lib)
{
    (void)object, (void)name, (void)dir, (void)lib;
    absent();
}

LlvmCode *llvm_load(Arena *A, const Program *p, const BackendOptions *o, WeightsMemory *memory)
{
    (void)A, (void)p, (void)o, (void)memory;
    absent();
}

void *llvm_function(const LlvmCode *c, LlvmRun kind)
{
    (void)c, (void)kind;
    absent();
}

void llvm_unload(LlvmCode *c)
{
    (void)c;
    absent();
}
