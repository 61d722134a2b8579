#ifndef DSQ_LOOP_FACTS_H
#define DSQ_LOOP_FACTS_H
/* What is true of loops whoever prints or runs them: ranges of indices, what is read, what threads may share. */
#include "loops.h"

/* ---- ranges (loop_range.c) ---- */
/* From lo to hi, both included; known: nothing lies outside. */
typedef struct Range { int64_t lo, hi; bool known; } Range;
/* What x can be where variable v is in var[v]. var NULL: nothing is known of variables. */
Range ix_range(const Range *var, const Ix *x);
void loop_range(Range *var, const Stmt *loop);  /* notes the range of a loop's variable */

/* ---- places ---- */
/* Row-major offset of an access, in elements from its parameter or pointer. */
const Ix *linear_offset(Arena *, const Kernel *, int ref, int nix, const Ix *const *ix);
int64_t reg_elems(const Reg *);
/* Offset of a tile index within the register's elements. The index is constant after loop-unroll. */
int64_t reg_offset(const Reg *, int nix, const Ix *const *ix);

/* ---- liveness (loop_live.c) ---- */
/* Which parts of a kernel somebody reads. Backends print only those. */
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
    Block before;          /* the statements before it, with their stores; where `head`, one thread runs them */
    Block again;           /* those without stores, which every range runs first */
    bool head;             /* `before` stores something */
    bool beside;           /* `before` may run at the same time as the loop */
} Shared;
Shared kernel_shared(Arena *, const Kernel *);
#endif
