#ifndef DSQ_BACKEND_H
#define DSQ_BACKEND_H
#include "../ir/base/files.h"
#include "target.h"

typedef enum WeightsAs { WEIGHTS_C, WEIGHTS_ASM, WEIGHTS_FILE } WeightsAs;
/* The files of code that come with NAME.h; none: NAME.c. */
typedef struct CodeFiles { bool c, obj, as, lib, shared, ir; } CodeFiles;
typedef struct BackendOptions {
    const Target *target;
    WeightsAs weights_as;
    bool threads;          /* NAME_run_mt */
    bool strict;
    bool trace;            /* NAME_run_trace(..., void (*hook)(void *, int call), void *): hook(-1) first, then after
                              every call; with threads a const dsq_executor * stands in front of the hook */
    bool shared_object;    /* for dlopen by dsqc itself */
    const char *cflags;    /* shown in the header's first comment; NULL: the target's */
    const char *version;   /* dsqc's */
    const char *triple, *cpu, *features; /* LLVM: in place of the target's; NULL: not said */
    CodeFiles code;        /* NAME.h's first comment says what to do with them */
    const char *made_by;   /* LLVM's version and machine; NULL: the target's C compiler */
    int64_t stack_bytes;   /* NAME_STACK_BYTES; 0: not known, no such macro */
} BackendOptions;
/* All constants in one piece, each at a multiple of BLOB_ALIGN bytes: where the one of buffer i begins. */
enum { BLOB_ALIGN = 64 };
typedef struct Blob { int64_t *at, bytes; } Blob;
Blob blob_layout(Arena *, const Program *);

/* NAME_run, NAME_run_mt, NAME_run_trace. */
typedef enum RunKind { RUN, RUN_MT, RUN_TRACE } RunKind;
/* Interface of the model: names and types of inputs and outputs in order. */
typedef struct Iface { const char *name; Type type; } Iface;

/* What a model that is called `want`, an identifier, is called in C and in file names: the same, unless that is taken.
   *why is NULL or says by what ("is a header of the system"). Programs have such a name. */
const char *c_model_name(Arena *, const char *want, const char **why);

/* Whether libNAME.a and libNAME.so would be found in place of a library of the system. */
bool c_hides_library(const char *model);

/* Writes NAME.h, NAME.c and what it includes into dir; NAME.bin besides with WEIGHTS_FILE, and NAME_weights.S with
   WEIGHTS_ASM. NAME is the program's name. The shapes that NAME.h
   shows are those of the inputs' and outputs' PBufs. False when writing failed. */
bool backend_c(const Program *, const BackendOptions *, OutDir *dir);
/* The text of a file that NAME.c and NAME.h include, the same for every model; NULL: it is none of those. */
const char *backend_runtime_text(const char *file, size_t *n);
/* The text of every kernel as NAME.c has it. */
const char **backend_c_kernels(Arena *, const Program *, const BackendOptions *);
/* Without NAME.c: NAME.h and what it includes; with weights also NAME.bin, and NAME_weights.S with WEIGHTS_ASM. */
bool backend_c_interface(const Program *, const BackendOptions *, bool weights, OutDir *dir);
/* NAME_selftest.c: a main that runs the model on x and compares with y within tol of the largest magnitude. */
bool backend_c_selftest(const Program *, const BackendOptions *, const float *const *in, const float *const *out,
                        double tol, OutDir *dir);
#endif
