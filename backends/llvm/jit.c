/* Programs as functions in this process, through ORC's LLJIT: the object that would be written, linked in memory. */
#include "impl.h"

#include <string.h>

struct LlvmCode {
    LLVMOrcLLJITRef jit;
    void *run[3];
};

/* The weights stand where the loader of a program would have them: at one address, outside the code. */
static bool define_weights(LLVMOrcLLJITRef jit, const LMod *m, void *weights)
{
    LLVMOrcCSymbolMapPair pair = {
        LLVMOrcLLJITMangleAndIntern(jit, arena_printf(m->A, "%s_weights", m->model)),
        {(LLVMOrcExecutorAddress)(uintptr_t)weights, {LLVMJITSymbolGenericFlagsExported, 0}},
    };
    return !l_failed(LLVMOrcJITDylibDefine(LLVMOrcLLJITGetMainJITDylib(jit), LLVMOrcAbsoluteSymbols(&pair, 1)));
}

static bool link_code(LlvmCode *code, LMod *m, void *weights)
{
    static const char *const name[] = {"dsqc_run", "dsqc_run_mt", "dsqc_run_trace"};
    const bool wanted[] = {true, m->o->threads, m->o->trace};
    LLVMMemoryBufferRef object;
    if (!l_emit(m, LLVMObjectFile, NULL, &object))
        return false;
    if (l_failed(LLVMOrcCreateLLJIT(&code->jit, NULL))) {
        LLVMDisposeMemoryBuffer(object);
        return false;
    }
    if (l_failed(LLVMOrcLLJITAddObjectFile(code->jit, LLVMOrcLLJITGetMainJITDylib(code->jit), object)) ||
        (m->weights && !define_weights(code->jit, m, weights)))
        return false;
    for (int i = 0; i < LEN(name); i++) {
        LLVMOrcExecutorAddress at;
        if (!wanted[i])
            continue;
        if (l_failed(LLVMOrcLLJITLookup(code->jit, &at, name[i])))
            return false;
        code->run[i] = (void *)(uintptr_t)at;
    }
    return true;
}

LlvmCode *llvm_load(Arena *A, const Program *p, const BackendOptions *o, WeightsMemory *memory)
{
    CodeMachine machine;
    LMod m;
    if (!machine_open(A, o, &machine))
        return NULL;
    LlvmCode *code = NEW(A, LlvmCode, 1);
    bool ok = l_module(&m, A, p, o, &machine, OUTSIDE_FAR, NULL, NULL, true);
    void *weights = ok ? memory((size_t)m.blob.bytes) : NULL;
    if (weights)
        l_put_weights(&m, weights);
    ok = ok && link_code(code, &m, weights);
    l_module_free(&m);
    machine_close(&machine);
    if (!ok)
        llvm_unload(code);
    return ok ? code : NULL;
}

void *llvm_function(const LlvmCode *c, LlvmRun kind)
{
    return c->run[kind];
}

void llvm_unload(LlvmCode *c)
{
    if (c->jit)
        l_failed(LLVMOrcDisposeLLJIT(c->jit));
    c->jit = NULL;
}
