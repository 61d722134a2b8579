#ifndef DSQ_LOOP_FACTS_H
#define DSQ_LOOP_FACTS_H
/* Facts about loops that do not depend on who prints or runs them: ranges of indices, what is read, what
   threads share. */
#include "loops.h"

/* ---- ranges (loop_range.c) ---- */
/* From lo to hi, both included. Not known: the value may be anything. */
typedef struct Range { int64_t lo, hi; bool known; } Range;
/* The range of x where each variable v lies in var[v]. var NULL: nothing is known of variables. */
Range ix_range(const Range *var, const Ix *x);
void loop_range(Range *var, const Stmt *loop);  /* sets var[] of the loop's variable */

/* ---- places ---- */
/* Row-major offset of an access, in elements from its parameter or pointer. */
const Ix *linear_offset(Arena *, const Kernel *, int ref, int nix, const Ix *const *ix);
int64_t reg_elems(const Reg *);
/* Offset of a tile index within the register's elements. The index is constant after loop-unroll. */
int64_t reg_offset(const Reg *, int nix, const Ix *const *ix);

/* ---- liveness (loop_live.c) ---- */
/* The parts of a kernel that are read. Backends print only those. */
typedef struct Live {
    bool *param, *var, *ptr;
    bool **elem;           /* per register and element of its tile */
} Live;
Live live_of(Arena *, const Kernel *, const Block *body);
bool live_stmt(const Live *, const Kernel *, const Stmt *);

/* ---- threads (loop_share.c) ---- */
/* A kernel cut for threads. loop NULL: no loop can be shared. */
typedef struct Shared {
    const Stmt *loop;      /* its iterations are divided into ranges */
    int64_t iterations;
    Block before;          /* the statements before it */
    Block again;           /* the same without stores: every range runs them first */
    bool head;             /* `before` stores something, so one thread runs it once */
    bool beside;           /* that may be at the same time as the loop: neither reads what the other stores */
} Shared;
Shared kernel_shared(Arena *, const Kernel *);
#endif
