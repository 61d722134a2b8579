/* --flush-to-zero, as backends/c/flush.c has it. Kernels are functions of their own, so that nothing moves past the
   intrinsics that set the mode. */
#include "impl.h"

#include <string.h>

typedef struct LFlushMode { const char *get, *set; unsigned bits, width; } LFlushMode;

static const LFlushMode modes[] = {
    [FLUSH_MXCSR] = {"llvm.x86.sse.stmxcsr", "llvm.x86.sse.ldmxcsr", 0x8040, 32}, /* FTZ, DAZ; by way of memory */
    [FLUSH_FPCR] = {"llvm.aarch64.get.fpcr", "llvm.aarch64.set.fpcr", 1 << 24, 64},
    [FLUSH_FPSCR] = {"llvm.arm.get.fpscr", "llvm.arm.set.fpscr", 1 << 24, 32},
};

static const LFlushMode *mode_of(const LMod *m)
{
    if (m->o->target->flush == FLUSH_NONE)
        bug("LLVM backend: %s has no mode that flushes to zero", m->o->target->name);
    return &modes[m->o->target->flush];
}

static LLVMTypeRef mode_type(LMod *m) { return LLVMIntTypeInContext(m->ctx, mode_of(m)->width); }

static LLVMValueRef call_intrinsic(LMod *m, const char *name, LLVMValueRef *arg, int n)
{
    unsigned id = LLVMLookupIntrinsicID(name, strlen(name));
    LLVMValueRef fn = LLVMGetIntrinsicDeclaration(m->mod, id, NULL, 0);
    return l_call(m, LLVMIntrinsicGetType(m->ctx, id, NULL, 0), fn, arg, n);
}

static bool by_memory(const LMod *m) { return m->o->target->flush == FLUSH_MXCSR; }

void l_flush_end(LMod *m, LLVMValueRef before)
{
    if (!before)
        return;
    LLVMValueRef arg = by_memory(m) ? before : LLVMBuildLoad2(m->b, mode_type(m), before, "");
    call_intrinsic(m, mode_of(m)->set, &arg, 1);
}

/* The second of the modes in memory is the one with the bits set. */
static LLVMValueRef flushing(LMod *m, LLVMValueRef modes_at)
{
    LLVMValueRef one = LLVMConstInt(m->i32, 1, false);
    return LLVMBuildGEP2(m->b, mode_type(m), modes_at, &one, 1, "");
}

void l_flush_again(LMod *m, LLVMValueRef before)
{
    if (before)
        l_flush_end(m, flushing(m, before));
}

/* Memory of the function's frame. */
static LLVMValueRef two_modes(LMod *m)
{
    LLVMBasicBlockRef now = LLVMGetInsertBlock(m->b), entry = LLVMGetEntryBasicBlock(LLVMGetBasicBlockParent(now));
    LLVMValueRef first = LLVMGetFirstInstruction(entry);
    if (first)
        LLVMPositionBuilderBefore(m->b, first);
    LLVMValueRef at = LLVMBuildAlloca(m->b, LLVMArrayType2(mode_type(m), 2), "mode");
    LLVMPositionBuilderAtEnd(m->b, now);
    return at;
}

LLVMValueRef l_flush_begin(LMod *m)
{
    if (!m->p->flush_to_zero)
        return NULL;
    LLVMTypeRef t = mode_type(m);
    LLVMValueRef before = two_modes(m);
    if (by_memory(m))
        call_intrinsic(m, mode_of(m)->get, &before, 1);
    else
        LLVMBuildStore(m->b, call_intrinsic(m, mode_of(m)->get, NULL, 0), before);
    LLVMValueRef bits = LLVMConstInt(t, mode_of(m)->bits, false);
    LLVMBuildStore(m->b, LLVMBuildOr(m->b, LLVMBuildLoad2(m->b, t, before, ""), bits, ""), flushing(m, before));
    l_flush_again(m, before);
    return before;
}
