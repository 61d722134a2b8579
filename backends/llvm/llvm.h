#ifndef DSQ_LLVM_H
#define DSQ_LLVM_H
/* The LLVM backend: loop IR to objects, libraries and functions in this process, without a C compiler. Nothing outside
   this folder sees LLVM's headers; without LLVM, none.c stands in for the rest of it. */
#include "../backend.h"

bool llvm_present(void); /* this dsqc was built with it */
bool llvm_open(void);    /* loads the library if it is not loaded yet; false after a message */
const char *llvm_version(void); /* "19.1.7", once it is loaded */

/* What is known of an object after code generation. */
typedef struct LlvmFacts {
    int64_t stack_bytes;   /* of the deepest path below NAME_run and its siblings */
    const char *triple, *cpu;
} LlvmFacts;

/* Writes the object file `path`, with the weights in it unless weights_as is WEIGHTS_FILE. loops: the name of the file
   that holds the text of program_print_lines, for debuggers. False after a message. */
bool llvm_object(Arena *, const Program *, const BackendOptions *, const LoopLines *lines, const char *loops,
                 const char *path, LlvmFacts *);
/* Assembler text, or LLVM IR after all passes. The weights are an undefined symbol in it, NAME_weights. */
bool llvm_text(Arena *, const Program *, const BackendOptions *, bool ir, Buf *);
/* Adds `lib`, a static library of one object whose member is NAME.o. */
bool llvm_archive(const char *object, const char *name, OutDir *, const char *lib);

/* The program as functions in this process. llvm_load: NULL after a message. */
typedef struct LlvmCode LlvmCode;
/* memory: gives the weights their place, which must stay as long as the code. */
typedef void *WeightsMemory(size_t bytes);
LlvmCode *llvm_load(Arena *, const Program *, const BackendOptions *, WeightsMemory *memory);
void llvm_unload(LlvmCode *);
typedef enum LlvmRun { LLVM_RUN, LLVM_RUN_MT, LLVM_RUN_TRACE } LlvmRun;
/* "int f(float *const *io, void *arena, ...)": io[i] of every input, then of every output; the further arguments are
   those of NAME_run_mt or NAME_run_trace. NULL where the options did not ask for it. */
void *llvm_function(const LlvmCode *, LlvmRun);
#endif
