/* A module of LLVM IR from a program: types, constants, functions, passes, code. */
#include "impl.h"

#include <stdio.h>
#include <string.h>

/* ---- small things ---- */

LLVMTypeRef l_type(const LMod *m, VT t)
{
    LLVMTypeRef e = t.elem == DT_F32 ? m->f32 : m->i32;
    return t.lanes == 1 ? e : LLVMVectorType(e, (unsigned)t.lanes);
}

LLVMValueRef l_int(const LMod *m, int64_t x)
{
    return LLVMConstInt(m->iptr, (unsigned long long)x, true);
}

LLVMValueRef l_splat(LMod *m, LLVMValueRef x, int lanes)
{
    if (lanes == 1)
        return x;
    LLVMTypeRef v = LLVMVectorType(LLVMTypeOf(x), (unsigned)lanes);
    LLVMValueRef first = LLVMBuildInsertElement(m->b, LLVMGetPoison(v), x, l_int(m, 0), "");
    LLVMValueRef zeros = LLVMConstNull(LLVMVectorType(m->i32, (unsigned)lanes));
    return LLVMBuildShuffleVector(m->b, first, LLVMGetPoison(v), zeros, "");
}

LLVMValueRef l_call(LMod *m, LLVMTypeRef type, LLVMValueRef fn, LLVMValueRef *arg, int n)
{
    return LLVMBuildCall2(m->b, type, fn, arg, (unsigned)n, "");
}

LLVMValueRef l_intrinsic(LMod *m, const char *name, LLVMTypeRef over, LLVMValueRef *arg, int n)
{
    unsigned id = LLVMLookupIntrinsicID(name, strlen(name));
    LLVMValueRef fn = LLVMGetIntrinsicDeclaration(m->mod, id, &over, 1);
    return l_call(m, LLVMIntrinsicGetType(m->ctx, id, &over, 1), fn, arg, n);
}

LLVMBasicBlockRef l_block(LMod *m, const char *name)
{
    LLVMValueRef fn = LLVMGetBasicBlockParent(LLVMGetInsertBlock(m->b));
    return LLVMAppendBasicBlockInContext(m->ctx, fn, name);
}

static LLVMAttributeRef make_attribute(const LMod *m, const char *name, const char *value)
{
    if (value)
        return LLVMCreateStringAttribute(m->ctx, name, (unsigned)strlen(name), value, (unsigned)strlen(value));
    return LLVMCreateEnumAttribute(m->ctx, LLVMGetEnumAttributeKindForName(name, strlen(name)), 0);
}

void l_attribute(LMod *m, LLVMValueRef fn, const char *name, const char *value)
{
    LLVMAddAttributeAtIndex(fn, LLVMAttributeFunctionIndex, make_attribute(m, name, value));
}

void l_param_attribute(LMod *m, LLVMValueRef fn, int param, const char *name)
{
    LLVMAddAttributeAtIndex(fn, (LLVMAttributeIndex)(1 + param), make_attribute(m, name, NULL));
}

/* "no-builtins": no loop becomes a call of memcpy or memset. "warn-stack-size": code generation tells the frame of
   every function, which diagnosed() keeps; a red zone below the stack pointer would be missing in it. The widths:
   vectors of 512 bits are registers also where LLVM would rather split them. */
LLVMValueRef l_function(LMod *m, const char *name, LLVMTypeRef type, bool exported)
{
    LLVMValueRef fn = LLVMAddFunction(m->mod, name, type);
    LLVMSetLinkage(fn, exported ? LLVMExternalLinkage : LLVMInternalLinkage);
    l_attribute(m, fn, "nounwind", NULL);
    l_attribute(m, fn, "noredzone", NULL);
    l_attribute(m, fn, "no-builtins", "");
    l_attribute(m, fn, "warn-stack-size", "0");
    l_attribute(m, fn, "min-legal-vector-width", "512");
    l_attribute(m, fn, "prefer-vector-width", "512");
    return fn;
}

/* ---- constants ---- */

bool l_failed(LLVMErrorRef err)
{
    if (!err)
        return false;
    char *text = LLVMGetErrorMessage(err);
    error_at((Loc){0}, "LLVM: %s", text);
    LLVMDisposeErrorMessage(text);
    return true;
}

const void *l_numbers(const PBuf *p)
{
    if (!p->data)
        bug("LLVM backend: constant @%s has no numbers", p->name);
    return p->data;
}

void l_put_weights(const LMod *m, uint8_t *at)
{
    for (int i = 0; i < m->p->buf.n; i++) {
        const PBuf *p = &m->p->buf.v[i];
        if (p->kind == BUF_CONST)
            memcpy(at + m->blob.at[i], l_numbers(p), (size_t)(type_elems(&p->type) * dtype_size(p->type.dtype)));
    }
}

static LLVMValueRef constants_in_module(LMod *m)
{
    char *bytes = NEW(m->A, char, m->blob.bytes);
    l_put_weights(m, (uint8_t *)bytes);
    return LLVMConstStringInContext2(m->ctx, bytes, (size_t)m->blob.bytes, true);
}

/* In an object file the constants are so many zeros first, for which LLVM needs no memory; as they are "externally
   initialized", it takes none of them for the number 0. */
static void add_weights(LMod *m)
{
    if (!m->blob.bytes || m->weights_in == IN_ARGUMENT)
        return;
    const char *name = arena_printf(m->A, "%s_weights", m->model);
    LLVMTypeRef type = LLVMArrayType2(m->i8, (uint64_t)m->blob.bytes);
    LLVMValueRef init = NULL;
    if (m->weights_in == IN_MODULE) {
        init = constants_in_module(m);
    } else if (m->weights_in == IN_OBJECT) {
        init = LLVMConstNull(type);
    }
    LLVMValueRef g = m->weights = LLVMAddGlobal(m->mod, type, name);
    LLVMSetGlobalConstant(g, true);
    LLVMSetAlignment(g, 64);
    if (init) {
        LLVMSetInitializer(g, init);
        LLVMSetLinkage(g, LLVMInternalLinkage);
    }
    if (m->weights_in == IN_OBJECT) {
        LLVMSetExternallyInitialized(g, true);
        LLVMSetSection(g, arena_printf(m->A, ".rodata.%s_weights", m->model));
    } else if (m->weights_in == OUTSIDE) {
        LLVMSetVisibility(g, LLVMHiddenVisibility);
    }
}

/* ---- code generation's reports ---- */

static bool begins(const char *s, const char *with)
{
    return !strncmp(s, with, strlen(with));
}

/* The model's functions first: its name may begin as the runtime's do. */
static void frame(LMod *m, const char *fn, int64_t bytes)
{
    if (begins(fn, arena_printf(m->A, "%s_run", m->model)))
        m->run_frame = imax(m->run_frame, bytes);
    else if (strlen(fn) > 5 && !strcmp(fn + strlen(fn) - 5, "_part"))
        m->part_frame = imax(m->part_frame, bytes);
    else if (begins(fn, arena_printf(m->A, "%s_k", m->model)))
        m->kernel_frame = imax(m->kernel_frame, bytes);
    else if (begins(fn, "dsq_"))
        m->math_frame = imax(m->math_frame, bytes);
}

static void diagnosed(LLVMDiagnosticInfoRef info, void *user)
{
    LMod *m = user;
    char *text = LLVMGetDiagInfoDescription(info);
    const char *size = strstr(text, "stack frame size");
    long long bytes;
    char fn[256];
    if (size && sscanf(size, "stack frame size (%lld) exceeds limit (0) in function '%255[^']", &bytes, fn) == 2)
        frame(m, fn, bytes);
    else if (LLVMGetDiagInfoSeverity(info) == LLVMDSError && !m->refused)
        m->refused = arena_strndup(m->A, text, strlen(text));
    LLVMDisposeMessage(text);
}

int64_t l_stack_bytes(const LMod *m)
{
    enum { SOFTWARE = 64 /* words of a routine for arithmetic in software */, LINKAGE = 2 /* words a call */ };
    int64_t words = 4 * LINKAGE + (m->soft_sqrt ? SOFTWARE : 0);
    int64_t linkage = words * (int64_t)LLVMPointerSize(LLVMGetModuleDataLayout(m->mod));
    return round_up(m->run_frame + m->part_frame + m->kernel_frame + m->math_frame + linkage, 16);
}

/* ---- the whole ---- */

static void types(LMod *m)
{
    m->f32 = LLVMFloatTypeInContext(m->ctx);
    m->i1 = LLVMInt1TypeInContext(m->ctx);
    m->i8 = LLVMInt8TypeInContext(m->ctx);
    m->i32 = LLVMInt32TypeInContext(m->ctx);
    m->ptr = LLVMPointerTypeInContext(m->ctx, 0);
    m->iptr = LLVMIntPtrTypeInContext(m->ctx, LLVMGetModuleDataLayout(m->mod));
    m->none = LLVMVoidTypeInContext(m->ctx);
}

/* Loops are unrolled and tiled already, and vectors are there: what is left is to make values of variables, to share
   what several statements compute, and to move what loops repeat. Not instcombine: it turns max(0, x) into a comparison
   and a selection, of which code generation for AVX-512 no longer makes VMAXPS. */
static const char passes[] =
    "always-inline,function(sroa,early-cse<memssa>,simplifycfg,loop-mssa(licm),early-cse<memssa>,simplifycfg),"
    "globaldce";

static bool optimize(LMod *m)
{
    LLVMPassBuilderOptionsRef o = LLVMCreatePassBuilderOptions();
    LLVMErrorRef err = LLVMRunPasses(m->mod, passes, m->machine->tm, o);
    LLVMDisposePassBuilderOptions(o);
    return !l_failed(err);
}

static void verify(const LMod *m)
{
    char *text = NULL;
    if (LLVMVerifyModule(m->mod, LLVMReturnStatusAction, &text))
        llvm_gives_up(arena_printf(m->A, "malformed IR: %s", text));
    LLVMDisposeMessage(text);
}

void l_flag(LMod *m, const char *name, unsigned value)
{
    LLVMAddModuleFlag(m->mod, LLVMModuleFlagBehaviorWarning, name, strlen(name),
                      LLVMValueAsMetadata(LLVMConstInt(m->i32, value, false)));
}

bool l_module(LMod *m, Arena *A, const Program *p, const BackendOptions *o, const CodeMachine *machine,
              WeightsIn weights, const LoopLines *lines, const char *loops, bool adapters)
{
    *m = (LMod){.A = A, .p = p, .options = *o, .o = &m->options, .machine = machine, .weights_in = weights,
                .lines = lines};
    m->options.weights_as = weights == IN_ARGUMENT ? WEIGHTS_FILE : WEIGHTS_ASM;
    m->model = p->name;
    m->blob = blob_layout(A, p);
    m->ctx = LLVMContextCreate();
    LLVMContextSetDiagnosticHandler(m->ctx, diagnosed, m);
    m->mod = LLVMModuleCreateWithNameInContext(m->model, m->ctx);
    m->b = LLVMCreateBuilderInContext(m->ctx);
    LLVMSetTarget(m->mod, machine->triple);
    LLVMTargetDataRef layout = LLVMCreateTargetDataLayout(machine->tm);
    LLVMSetModuleDataLayout(m->mod, layout);
    LLVMDisposeTargetData(layout);
    types(m);
    if (!o->target->mcu)
        l_flag(m, "PIC Level", 2);
    m->soft_sqrt = !machine_has_sqrt(machine);
    m->rounds = o->target->lanes > 1;
    l_debug_begin(m, loops);
    add_weights(m);
    m->kernel = NEW(A, LKernel, p->kernel.n + 1);
    for (int i = 0; i < p->kernel.n; i++) {
        bug_context("llvm-backend", p->kernel.v[i].name);
        l_kernel(m, i);
    }
    bug_context("llvm-backend", NULL);
    l_run(m);
    if (adapters)
        l_adapters(m);
    l_debug_end(m);
    verify(m);
    bool ok = optimize(m);
    bug_context(NULL, NULL);
    return ok;
}

void l_module_free(LMod *m)
{
    LLVMDisposeBuilder(m->b);
    if (m->di)
        LLVMDisposeDIBuilder(m->di);
    LLVMDisposeModule(m->mod);
    LLVMContextDispose(m->ctx);
}

bool l_emit(LMod *m, LLVMCodeGenFileType type, const char *path, LLVMMemoryBufferRef *out)
{
    char *text = NULL;
    bug_context("llvm-backend", NULL);
    Printed p = catch_printed();
    LLVMBool failed = path ? LLVMTargetMachineEmitToFile(m->machine->tm, m->mod, path, type, &text)
                           : LLVMTargetMachineEmitToMemoryBuffer(m->machine->tm, m->mod, type, &text, out);
    const char *said = printed(m->A, &p);
    bug_context(NULL, NULL);
    if (m->refused)
        error_at((Loc){0}, "LLVM does not compile this for %s: %s", m->machine->triple, m->refused);
    else if (failed)
        error_at((Loc){0}, "LLVM: %s", text);
    else if (*said)
        warn_at((Loc){0}, "LLVM: %s", said + (strncmp(said, "warning: ", 9) ? 0 : 9));
    if (failed)
        LLVMDisposeMessage(text);
    return !failed && !m->refused;
}
