#ifndef DSQ_VERIFY_H
#define DSQ_VERIFY_H
/* --verify-each: numbers after every pass. */
#include "pass.h"

/* How the graph as written computes: inputs, and the value of every node. */
typedef struct GraphVerify GraphVerify;
/* NULL after a message: a constant has no numbers. */
GraphVerify *verify_begin(Arena *, const Graph *);
/* False after a message that names the pass, or the rules that fired in it (from `fired` on), and the first node. */
bool verify_graph(const GraphVerify *, const Graph *, const char *pass, int fired);

/* ---- loops (verify_loops.c) ---- */
typedef struct LoopVerify LoopVerify;
/* A program of the graph g; both stay the caller's. NULL after a message: a constant has no numbers. */
LoopVerify *loop_verify_begin(Arena *, const Graph *g, const Program *);
/* Interprets the program. Each kernel must give what its node makes, in double precision, of the operands that the
   kernel really read, to within node_tolerance. False after a message that names `stage` and the first kernel. */
bool verify_lowered(LoopVerify *, const char *stage);
/* Interprets it again. Every kernel must store the bits that it stored before. */
bool verify_loops(LoopVerify *, const char *pass);

/* ---- for both ---- */
/* False after a message that names the first constant without. */
bool verify_has_numbers(const Graph *);
/* Largest difference, relative to the largest magnitude of the reference or, where that is more, to `largest`. */
double relative_difference(const double *x, const double *ref, int64_t n, double largest);
#endif
