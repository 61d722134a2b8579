#ifndef DSQ_LOOP_CHECK_H
#define DSQ_LOOP_CHECK_H
/* The check of a kernel: statements (loop_check_kernel.c) and what stands in them (loop_check_expr.c). */
#include "loop_facts.h"
#include "loop_impl.h"

/* Largest magnitude of an index. */
#define LC_MAX_INDEX ((int64_t)1 << 47)

typedef struct KernelCheck {
    Arena *A;
    const Kernel *k;
    const char *error;      /* the first */
    int nvar, nreg, nptr;   /* defined so far */
    bool *var, *reg, *ptr;  /* visible here */
    bool *fixed;            /* variables that unrolling replaces by constants */
    Range *range;           /* of the values of variables */
    int64_t *far;           /* of |pointer|, elements from its parameter's first */
    bool *outside;          /* registers declared outside the parallel loop at work, NULL outside one */
    int depth;
    int64_t lanes;          /* of all registers so far */
} KernelCheck;

void lc_error(KernelCheck *, const char *fmt, ...) PRINTF(2, 3); /* the first one counts */
void lc_ix(KernelCheck *, const Ix *);
Range lc_range(KernelCheck *, const Ix *);    /* every value of the index lies in it */
bool lc_is_fixed(KernelCheck *, const Ix *);  /* constants, and variables that unrolling makes constant */
/* The parameter that ref[ix...] is in; NULL after an error. *far: no address is further from its first element. */
const KParam *lc_at(KernelCheck *, int ref, int n, const Ix *const *ix, int64_t *far);
void lc_tile(KernelCheck *, int reg, int n, const Ix *const *ix); /* an element of a register tile */
void lc_count(KernelCheck *, int n, int lanes); /* n elements of a value with so many lanes */
void lc_expr(KernelCheck *, const Expr *);
#endif
