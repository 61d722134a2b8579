/* Target machines: from a row of targets.def, or from what --triple, --cpu and --features say. */
#include "impl.h"

#include <string.h>

/* A message of LLVM's as text of ours. */
static const char *own(Arena *A, char *text)
{
    if (!text)
        out_of_memory();
    const char *copy = arena_printf(A, "%s", text);
    LLVMDisposeMessage(text);
    return copy;
}

/* ---- machines ---- */

typedef struct Names3 { const char *triple, *cpu, *features, *abi; } Names3;

static Names3 names_of_target(Arena *A, const BackendOptions *o)
{
    const Target *t = o->target;
    Names3 n = {t->triple, t->cpu, t->features, t->abi};
    if (!strcmp(t->name, "native"))
        n = (Names3){NULL, own(A, LLVMGetHostCPUName()), own(A, LLVMGetHostCPUFeatures()), ""};
    if (o->triple) /* another machine: nothing of the row fits */
        n = (Names3){own(A, LLVMNormalizeTargetTriple(o->triple)), "", "", ""};
    if (!n.triple || !*n.triple)
        n.triple = own(A, LLVMGetDefaultTargetTriple());
    if (o->cpu)
        n.cpu = o->cpu, n.features = "";
    if (o->features)
        n.features = *n.features ? arena_printf(A, "%s,%s", n.features, o->features) : o->features;
    return n;
}

bool machine_open(Arena *A, const BackendOptions *o, CodeMachine *m)
{
    if (!llvm_open())
        return false;
    Names3 n = names_of_target(A, o);
    llvm_machine_is_wished(o->triple || o->cpu || o->features ? n.triple : NULL);
    LLVMTargetRef target;
    char *why = NULL;
    if (LLVMGetTargetFromTriple(n.triple, &target, &why)) {
        error_at((Loc){0}, "LLVM: %s", own(A, why));
        return false;
    }
    LLVMTargetMachineOptionsRef to = LLVMCreateTargetMachineOptions();
    LLVMTargetMachineOptionsSetCPU(to, n.cpu);
    LLVMTargetMachineOptionsSetFeatures(to, n.features);
    if (*n.abi)
        LLVMTargetMachineOptionsSetABI(to, n.abi);
    LLVMTargetMachineOptionsSetCodeGenOptLevel(to, LLVMCodeGenLevelDefault);
    LLVMTargetMachineOptionsSetRelocMode(to, o->target->mcu ? LLVMRelocStatic : LLVMRelocPIC);
    bool riscv = !strncmp(n.triple, "riscv", 5); /* its small code model cannot reach above 2 GB */
    LLVMTargetMachineOptionsSetCodeModel(to, riscv ? LLVMCodeModelMedium : LLVMCodeModelDefault);
    Printed p = catch_printed();
    m->tm = LLVMCreateTargetMachineWithOptions(target, n.triple, to);
    const char *said = printed(A, &p);
    LLVMDisposeTargetMachineOptions(to);
    if (!m->tm || *said) {
        error_at((Loc){0}, "LLVM: %s", *said ? said : arena_printf(A, "no machine for %s", n.triple));
        if (m->tm)
            LLVMDisposeTargetMachine(m->tm);
        return false;
    }
    m->triple = n.triple;
    m->cpu = n.cpu;
    m->elf = !strstr(n.triple, "darwin") && !strstr(n.triple, "macos") && !strstr(n.triple, "-ios") &&
             !strstr(n.triple, "windows") && !strstr(n.triple, "wasm");
    LLVMTargetDataRef layout = LLVMCreateTargetDataLayout(m->tm);
    m->big_endian = LLVMByteOrder(layout) == LLVMBigEndian;
    LLVMDisposeTargetData(layout);
    if (m->big_endian)
        error_at((Loc){0}, "%s is big-endian: weights are written as little-endian machines read them", n.triple);
    return !m->big_endian || (machine_close(m), false);
}

void machine_close(CodeMachine *m)
{
    LLVMDisposeTargetMachine(m->tm);
}

/* What the probe cannot be compiled for is no error; LLVM's own handler ends the process. */
static void ignored(LLVMDiagnosticInfoRef info, void *user)
{
    (void)info;
    *(bool *)user = true;
}

bool machine_has_sqrt(const CodeMachine *m)
{
    Arena *A = arena_new();
    LLVMContextRef ctx = LLVMContextCreate();
    bool refused = false;
    LLVMContextSetDiagnosticHandler(ctx, ignored, &refused);
    LLVMModuleRef mod = LLVMModuleCreateWithNameInContext("probe", ctx);
    LLVMTargetDataRef layout = LLVMCreateTargetDataLayout(m->tm);
    LLVMSetModuleDataLayout(mod, layout);
    LLVMSetTarget(mod, m->triple);
    LLVMBuilderRef b = LLVMCreateBuilderInContext(ctx);
    LLVMTypeRef f32 = LLVMFloatTypeInContext(ctx), type = LLVMFunctionType(f32, &f32, 1, false);
    LLVMValueRef fn = LLVMAddFunction(mod, "probe", type), x = LLVMGetParam(fn, 0);
    unsigned id = LLVMLookupIntrinsicID("llvm.sqrt", 9);
    LLVMPositionBuilderAtEnd(b, LLVMAppendBasicBlockInContext(ctx, fn, ""));
    LLVMBuildRet(b, LLVMBuildCall2(b, type, LLVMGetIntrinsicDeclaration(mod, id, &f32, 1), &x, 1, ""));
    LLVMMemoryBufferRef text;
    char *why = NULL;
    bool has = false;
    Printed p = catch_printed();
    if (LLVMTargetMachineEmitToMemoryBuffer(m->tm, mod, LLVMAssemblyFile, &why, &text)) {
        LLVMDisposeMessage(why);
    } else {
        has = !refused && !strstr(arena_strndup(A, LLVMGetBufferStart(text), LLVMGetBufferSize(text)), "sqrtf");
        LLVMDisposeMemoryBuffer(text);
    }
    printed(A, &p);
    LLVMDisposeBuilder(b);
    LLVMDisposeTargetData(layout);
    LLVMDisposeModule(mod);
    LLVMContextDispose(ctx);
    arena_free(A);
    return has;
}
