#ifndef DSQ_LOOP_IMPL_H
#define DSQ_LOOP_IMPL_H
/* What the files of ir/loop and the passes on loops share. Nobody else includes it. */
#include "loops.h"

enum { MAX_LANES = 64 };

/* Takes the name. NULL, or why it cannot be taken. what: the kind of thing that it names, for the message. */
const char *name_refused(Dict *, const char *what, const char *name);
/* Names taken so far, each with the number that its next namesake gets. */
Dict names_of(Arena *, const Kernel *);
/* name itself where it is free, else name_1, name_2, ...; taken from then on. */
const char *name_unique(Dict *, const char *name);

/* x with every variable v replaced by by[v], where that is not NULL; all at once. */
const Ix *ix_subst_all(Arena *, const Ix *x, const Ix *const *by);
void ix_print(Buf *, const Kernel *, const Ix *);

/* The indices of a tile's element, and of an element of a parameter or pointer; how many (loop_build.c). */
int kb_tile_index(KB *, int reg, const Ix *i, const Ix *j, const Ix **ix);
int kb_buffer_index(KB *, int ref, const Ix *const *ix, const Ix **out);

/* The parameter that a reference (parameter or ~pointer) leads to. */
static inline int ref_param(const Kernel *k, int ref) { return ref >= 0 ? ref : k->ptr.v[~ref].param; }
/* Indices that an access through ref has: the parameter's rank, 1 through a pointer. */
static inline int ref_rank(const Kernel *k, int ref) { return ref >= 0 ? k->param.v[ref].rank : 1; }

/* What an expression's text says of its type: element type or -1, lanes or 0 where it does not say. A splat's width and
   a constant's type follow from the context. Printer and parser must agree. written: the type stands beside the
   expression, where type.lanes is not 0. */
typedef struct PartType { int elem, lanes; } PartType;
PartType expr_evident(const Kernel *, const Expr *, bool written);
PartType operand_part(XOp, int elem, int lanes); /* what an operation of that type says of its operands' types */

/* NULL, or what is wrong with the kernel. */
const char *kernel_check(Arena *, const Kernel *);

int expr_arity(const Expr *);
bool expr_eq(const Expr *, const Expr *); /* same value from the same state: constants by their bits */
void block_push(Arena *, Block *, Stmt *);

/* Copies a kernel statement by statement. Variables, registers and pointers get new numbers, in the order
   of copying. */
typedef struct KernelCopy {
    Arena *A;
    const Kernel *from;
    Kernel to;
    const Ix **var;         /* per variable of from: what replaces it */
    int *reg, *ptr;         /* numbers in to */
    Dict names;
    const char *suffix;     /* of names defined now, "" outside unrolled loops */
    int64_t statements;     /* copied so far */
} KernelCopy;
KernelCopy copy_begin(Arena *, const Kernel *);
const Ix *copy_ix(KernelCopy *, const Ix *);
/* Appends the copy of s to out and returns it; of a loop only the head. */
Stmt *copy_stmt(KernelCopy *, Block *out, const Stmt *s);
/* e with subexpressions replaced by what swap returns for them, where that is not NULL. It is asked for the outermost
   first, then from left to right, and not for parts of a replacement. */
typedef const Expr *SwapFn(void *user, const Expr *);
const Expr *expr_swap(Arena *, const Expr *, SwapFn *, void *user);
/* Numbers variables, registers and pointers in the order of their definitions. Those without a definition
   are dropped. */
void kernel_renumber(Arena *, Kernel *);
#endif
