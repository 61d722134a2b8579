#ifndef DSQ_BACKEND_H
#define DSQ_BACKEND_H
#include "../ir/base/files.h"
#include "target.h"

typedef enum WeightsAs { WEIGHTS_C, WEIGHTS_ASM, WEIGHTS_FILE } WeightsAs;
/* Which files of code come with NAME.h. If none is set, it is NAME.c. */
typedef struct CodeFiles { bool c, obj, as, lib, shared, ir; } CodeFiles;
typedef struct BackendOptions {
    const Target *target;
    WeightsAs weights_as;
    bool threads;          /* NAME_run_mt */
    bool strict;
    bool trace;            /* NAME_run_trace(..., void (*hook)(void *user, int call), void *user). The hook is called
                              with -1 first and then after every call of a kernel. With threads, a
                              const dsq_executor * comes before the hook */
    bool shared_object;    /* for dlopen by dsqc itself */
    const char *cflags;    /* shown in the header's first comment; NULL: the target's */
    const char *version;   /* dsqc's */
    const char *triple, *cpu, *features; /* LLVM: instead of the target's; NULL: the target's */
    CodeFiles code;        /* NAME.h's first comment says how to build them */
    const char *made_by;   /* LLVM's version and machine; NULL: the target's C compiler */
    int64_t stack_bytes;   /* NAME_STACK_BYTES; 0: not known, so there is no such macro */
} BackendOptions;
/* All constants in one piece. at[i]: where the constant of buffer i begins, a multiple of BLOB_ALIGN; in bytes. */
enum { BLOB_ALIGN = 64 };
typedef struct Blob { int64_t *at, bytes; } Blob;
Blob blob_layout(Arena *, const Program *);

/* NAME_run, NAME_run_mt, NAME_run_trace. */
typedef enum RunKind { RUN, RUN_MT, RUN_TRACE } RunKind;
/* Interface of the model: names and types of inputs and outputs in order. */
typedef struct Iface { const char *name; Type type; } Iface;

/* The name of a model in C and in file names: `want`, an identifier, or another one where that is taken. *why is then
   what `want` is ("is a header of the system"), else NULL. Program.name is such a name. */
const char *c_model_name(Arena *, const char *want, const char **why);

/* Would libNAME.a or libNAME.so hide a library of the system? */
bool c_hides_library(const char *model);

/* Writes NAME.h, NAME.c and what they include into dir. NAME is the program's name. With WEIGHTS_FILE it also writes
   NAME.bin, with WEIGHTS_ASM NAME.bin and NAME_weights.S. NAME.h shows the shapes of the inputs' and outputs' PBufs.
   False after a message. */
bool backend_c(const Program *, const BackendOptions *, OutDir *dir);
/* The text, n bytes, of a file of runtime_min that NAME.c or NAME.h includes. NULL: there is no such file. */
const char *backend_runtime_text(const char *file, size_t *n);
/* The C text of every kernel, as NAME.c has it. */
const char **backend_c_kernels(Arena *, const Program *, const BackendOptions *);
/* Writes NAME.h and what it includes, without NAME.c. weights: also NAME.bin, and NAME_weights.S with WEIGHTS_ASM.
   False after a message. */
bool backend_c_interface(const Program *, const BackendOptions *, bool weights, OutDir *dir);
/* Writes NAME_selftest.c: a main that runs the model on the inputs and compares with the outputs, within tol relative
   to each output's largest magnitude. False after a message. */
bool backend_c_selftest(const Program *, const BackendOptions *, const float *const *in, const float *const *out,
                        double tol, OutDir *dir);
#endif
