#ifndef DSQ_EMIT_H
#define DSQ_EMIT_H
#include "../driver.h"

/* The words of --emit. */
typedef struct Emit { bool c, obj, as, lib, shared, selftest, graph, loops, ir; } Emit;
/* Adds what the LLVM backend makes to the folder: objects, with NAME.h and the text of the loop IR to which their line
   information leads; libraries; text. Sets bo->stack_bytes, which only the object tells. False after a message. */
bool emit_llvm(const Job *, BackendOptions *bo, Emit, OutDir *);
#endif
