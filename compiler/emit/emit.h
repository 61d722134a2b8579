#ifndef DSQ_EMIT_H
#define DSQ_EMIT_H
#include "../driver.h"

/* The words of --emit. */
typedef struct Emit { bool c, obj, as, lib, shared, selftest, graph, loops, ir; } Emit;
/* What the LLVM backend makes: objects with NAME.h and the text of the loop IR that their line information leads to,
   libraries, text. Fills in what only the object knows: bo->stack_bytes. False after a message. */
bool emit_llvm(const Job *, BackendOptions *bo, Emit, OutDir *);
#endif
