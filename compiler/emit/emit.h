#ifndef DSQ_EMIT_H
#define DSQ_EMIT_H
/* The files that `dsqc compile` writes; the driver has their order. All functions: false after a message. */
#include "../driver.h"
#include "../report/report.h"

/* Does a library or object, assembler text or LLVM IR have to be made? */
static inline bool emit_builds(Emit e) { return e.obj || e.as || e.lib || e.shared || e.ir; }
BackendOptions emit_options(const Job *, Emit, const Figures *);
/* What the LLVM backend makes: objects, with NAME.h and the text of the loop IR to which their line information leads;
   libraries; text. Sets bo->stack_bytes, which only the object tells. */
bool emit_llvm(const Job *, BackendOptions *bo, Emit, OutDir *);
/* What the C compiler makes: objects, assembler text and libraries, with the header and, where they are apart, the
   weights. */
bool emit_built(const Job *, const BackendOptions *, Emit, OutDir *);
/* NAME.dsq, the graph after the passes, or NAME.loops. */
bool emit_ir(const Job *, bool loops, OutDir *);
bool emit_ir_to_stdout(const Job *, bool loops);
/* A program that runs the model on inputs of its own and compares with the reference. */
bool emit_selftest(const Job *, const BackendOptions *, OutDir *);
/* The report, which lists the files before it. */
bool emit_report(const Job *, const Figures *, const char *name, OutDir *);
#endif
