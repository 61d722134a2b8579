#ifndef DSQ_LLVM_IMPL_H
#define DSQ_LLVM_IMPL_H
/* Shared by the files of the LLVM backend. */
#include <stdio.h>

#include "../../ir/loop/loop_facts.h"
#include "../backend.h"
#include "api.h"
#include "llvm.h"

enum { MAX_VECTOR = 64 };

/* ---- machine.c ---- */
typedef struct CodeMachine {
    LLVMTargetMachineRef tm;
    const char *triple, *cpu;
    bool elf, big_endian;
} CodeMachine;
/* false after a message. jit: for code that is run in this process. */
bool machine_open(Arena *, const BackendOptions *, CodeMachine *);
void machine_close(CodeMachine *);
/* Is a square root an instruction there? */
bool machine_has_sqrt(const CodeMachine *);

/* ---- load.c ---- */
/* LLVM prints messages about names that it does not know, and goes on. catch_printed sends standard error to a file;
   printed() ends that and returns the first line. */
typedef struct Printed { FILE *file; } Printed;
Printed catch_printed(void);
const char *printed(Arena *, Printed *);
/* Notes that the user named the machine with --triple, --cpu or --features; NULL: it is a row of targets.def. */
void llvm_machine_is_wished(const char *triple);
/* Ends the process where LLVM gives up. A full disk, or a machine that the user named, is an error; the rest is
   a bug. */
NORETURN void llvm_gives_up(const char *why);

/* ---- one module under construction ---- */
typedef enum WeightsIn {
    IN_OBJECT,             /* a section of the object, whose numbers are put there afterwards (elf.c) */
    IN_MODULE,             /* LLVM's own constants, where the object is not ELF */
    OUTSIDE,               /* an undefined symbol */
    OUTSIDE_FAR,           /* the same, anywhere in memory */
    IN_ARGUMENT            /* a pointer that NAME_run is given */
} WeightsIn;

typedef struct LKernel {
    LLVMValueRef fn, head, part; /* head: statements before the shared loop; part: what the executor calls */
    LLVMTypeRef type, head_type, args;
    int64_t iterations;    /* of the loop that threads share, else 0 */
    bool beside;           /* part takes one index more, and index 0 is the head */
} LKernel;

/* The function of an operation of class math on so many lanes. */
typedef struct MathFn { XOp op; int lanes; LLVMValueRef fn; LLVMTypeRef type; } MathFn;

typedef struct LMod {
    Arena *A;
    const Program *p;
    BackendOptions options;
    const BackendOptions *o; /* = &options: a copy in which constants are always a blob */
    const CodeMachine *machine;
    const char *model;     /* names begin with it */
    Blob blob;             /* where constants lie */
    WeightsIn weights_in;
    LLVMContextRef ctx;
    LLVMModuleRef mod;
    LLVMBuilderRef b;
    LLVMTypeRef f32, i1, i8, i32, iptr, ptr, none;
    LLVMValueRef weights;
    LKernel *kernel;
    bool soft_sqrt;
    bool rounds; /* it has instructions for floor and its like */
    VEC(MathFn) math;
    /* debug information; lines NULL: none */
    const LoopLines *lines;
    LLVMDIBuilderRef di;
    LLVMMetadataRef file, scope;
    const char *refused;   /* what code generation cannot do, in its words, or NULL */
    int64_t run_frame, kernel_frame, part_frame, math_frame; /* largest stack frames that code generation made */
} LMod;

LLVMTypeRef l_type(const LMod *, VT);
LLVMValueRef l_int(const LMod *, int64_t);               /* of pointer size */
LLVMValueRef l_splat(LMod *, LLVMValueRef scalar, int lanes);
LLVMValueRef l_call(LMod *, LLVMTypeRef, LLVMValueRef fn, LLVMValueRef *arg, int n);
/* An intrinsic of one overloaded type, on n arguments. */
LLVMValueRef l_intrinsic(LMod *, const char *name, LLVMTypeRef over, LLVMValueRef *arg, int n);
LLVMBasicBlockRef l_block(LMod *, const char *name);     /* at the end of the function under construction */
void l_attribute(LMod *, LLVMValueRef fn, const char *name, const char *value); /* value NULL: one of LLVM's own */
void l_param_attribute(LMod *, LLVMValueRef fn, int param, const char *name);
void l_flag(LMod *, const char *name, unsigned value);   /* of the module */
LLVMValueRef l_function(LMod *, const char *name, LLVMTypeRef, bool exported);

/* ---- kernel.c, expr.c, index.c ---- */
typedef struct LKern {
    LMod *m;
    const Kernel *k;
    LLVMValueRef fn, *param, *var, *ptr, **elem;
    Range *range;          /* of every variable that is in scope */
    bool no_stores;
    const int *line;       /* of the next statement in the text, NULL: no debug information */
} LKern;
/* The stack slot of a register's element. */
static inline LLVMValueRef l_element(const LKern *k, int reg, int nix, const Ix *const *ix)
{
    return k->elem[reg][reg_offset(&k->k->reg.v[reg], nix, ix)];
}
void l_kernel(LMod *, int kernel);
LLVMValueRef l_expr(LKern *, const Expr *);
void l_store_value(LKern *, LLVMValueRef, VT, LLVMValueRef at, int n);
LLVMValueRef l_ix(LKern *, const Ix *);
LLVMValueRef l_address(LKern *, int ref, int nix, const Ix *const *ix);
/* Calls the function of an operation of class math. */
LLVMValueRef l_math(LMod *, XOp, int lanes, LLVMValueRef *a);

/* ---- run.c ---- */
void l_run(LMod *);
/* Sets the mode of --flush-to-zero. Returns a stack slot with the mode before, or NULL without the option. */
LLVMValueRef l_flush_begin(LMod *);
void l_flush_again(LMod *, LLVMValueRef before);
void l_flush_end(LMod *, LLVMValueRef before);
void l_adapters(LMod *);   /* functions of one signature that this process calls: "dsqc_run" and its siblings */

/* ---- module.c ---- */
/* Everything but code generation. False after a message. */
bool l_module(LMod *, Arena *, const Program *, const BackendOptions *, const CodeMachine *, WeightsIn,
              const LoopLines *, const char *loops, bool adapters);
void l_module_free(LMod *);
bool l_failed(LLVMErrorRef); /* after its message; takes the error */
const void *l_numbers(const PBuf *); /* of a constant */
/* Copies the constants to their places from `at` on. */
void l_put_weights(const LMod *, uint8_t *at);
/* Code generation, to a file or, where path is NULL, to memory. False after a message. */
bool l_emit(LMod *, LLVMCodeGenFileType, const char *path, LLVMMemoryBufferRef *);
int64_t l_stack_bytes(const LMod *);

/* ---- debug.c ---- */
void l_debug_begin(LMod *, const char *loops);
void l_debug_function(LMod *, LLVMValueRef fn, const char *name, int line);
void l_debug_line(LMod *, int line);
void l_debug_end(LMod *);

/* ---- elf.c ---- */
/* A relocatable ELF file in memory. */
typedef struct ElfSymbol { const char *name; bool undefined, global; } ElfSymbol;
typedef struct Elf { VEC(ElfSymbol) symbol; int64_t weights_at, weights_bytes; } Elf;
/* Finds symbols, and the section `weights`. False where the bytes are no ELF file. */
bool elf_read(Arena *, const uint8_t *, size_t n, const char *weights, Elf *);
#endif
