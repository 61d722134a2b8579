#ifndef DSQ_LOOP_IMPL_H
#define DSQ_LOOP_IMPL_H
/* What the files behind loops.h share among themselves and with the passes on loops; nobody else includes it. */
#include "loops.h"

/* Words of the text form and of C that no parameter, variable, register or pointer may be called. */
bool name_reserved(const char *);
bool name_valid(const char *); /* a C identifier that is not reserved */
/* Names taken so far, each with the number that its next namesake gets. */
Map names_of(Arena *, const Kernel *);
/* name itself where it is free, else name_1, name_2, ...; taken from then on. */
const char *name_unique(Map *, const char *name);

void ix_print(Buf *, const Kernel *, const Ix *);

/* The parameter that a reference (parameter or ~pointer) leads to. */
static inline int ref_param(const Kernel *k, int ref) { return ref >= 0 ? ref : k->ptr.v[~ref].param; }
/* Indices that an access through ref has: the parameter's rank, 1 through a pointer. */
static inline int ref_rank(const Kernel *k, int ref) { return ref >= 0 ? k->param.v[ref].rank : 1; }

/* What text says of an expression's type by itself: element type or -1, lanes or 0. A splat's width and a constant's type
   come from where they stand. Printer and parser must agree on it. */
typedef struct PartType { int elem, lanes; } PartType;
PartType expr_evident(const Kernel *, const Expr *);

int expr_arity(const Expr *);
bool expr_eq(const Expr *, const Expr *); /* same value from the same state: constants by their bits */
int64_t block_size(const Block *);        /* statements, nested ones included */
void block_push(Arena *, Block *, Stmt *);
#endif
