#ifndef DSQ_LOOP_INTERP_H
#define DSQ_LOOP_INTERP_H
/* What the files of the interpreter of loop IR share. */
#include "loop_impl.h"

/* An index expression: c + sum of k * var. slow: the expression where it has other atoms; else NULL. */
typedef struct AffineIx { int64_t c; int n; struct AffineTerm { int64_t k; int var; } *t; const Ix *slow; } AffineIx;

/* How races are found. The parts of a call are numbered: what comes before the parallel loop, then each iteration.
   Every four bytes that the kernel may store to have a mark: the part that stored them last, and the iteration that
   read them. If several iterations read them, `read` is the number of what comes before the loop. Numbers grow from
   call to call, so marks of earlier calls are lower. */
typedef struct AccessMark { uint32_t stored, read; } AccessMark;

/* Where an access goes: a parameter's memory and an index. base: through a pointer, where that points, in elements. */
typedef struct At {
    const KParam *param;
    char **mem;
    AccessMark **mark;            /* of mem; points to NULL where nothing need be marked */
    int64_t *base;          /* NULL: param itself */
    int64_t elems;          /* of param */
    int size;               /* bytes of an element */
    int n;
    AffineIx *ix;
    int64_t dim[MAX_IX];
    const Ix *const *source;
    int ref;
} At;

typedef struct XNode {
    XOp op;
    bool integer;           /* the operands */
    struct Ready *function; /* of an operation of class math */
    int lanes, n;
    struct XNode *a[4];
    void *out;              /* the value: lanes x 4 bytes */
    AffineIx *ix;             /* reg, index */
    const Reg *reg;
    At at;
} XNode;

typedef struct SNode {
    StmtKind kind;
    AffineIx lo, hi;
    int64_t step, *var;     /* FOR, INDEX: the variable; PTR: the pointer */
    bool parallel;          /* FOR */
    struct SNode *body;
    int nbody, n, bytes;
    const Reg *reg;
    char *file;             /* the register's elements */
    int64_t elems;
    AffineIx *ix;
    At at;
    XNode *val;
} SNode;

typedef struct Ready {
    SNode *body;
    int nbody;
    int64_t *var, *ptr;
    char **mem, **file;
    AccessMark **mark;            /* of every mem; NULL where the kernel has no parallel loop or never stores there */
    const void *result;     /* of a function */
} Ready;
/* A function on vectors of so many lanes. */
typedef struct ReadyFn { XOp op; int lanes; Ready *r; } ReadyFn;

typedef struct Interp {
    Arena *A;
    const Program *p;
    const Kernel *k;
    Ready *r;               /* of the kernel at work */
    VEC(ReadyFn) function;
    int call;
    uint32_t before, part;  /* numbers of what comes before the parallel loop, and of what runs now */
    AccessMark *arena, **mark;    /* of the arena and of every PBuf */
    const char *error;
} Interp;

/* ---- loop_interp_prepare.c ---- */
Ready *interp_prepare(Interp *, const Kernel *);

/* ---- loop_interp_lanes.c: r of n lanes; x->out of x->lanes ---- */
void lanes_f32(XOp, int n, float *restrict r, const float *a, const float *b, const float *c, const float *d);
/* Wrapping: on the bits, as unsigned. */
void lanes_i32(XOp, int n, int32_t *restrict r, const int32_t *a, const int32_t *b, const int32_t *c, const int32_t *d);
void lanes_cast(const XNode *x, const void *a);
/* Replaces subnormal numbers by zeros, as processors do in that mode. (They differ for a result that rounds up to the
   least normal number.) */
const float *lanes_flush(float *r, const float *a, int n);
/* Halves added (or compared) until one lane is left. */
void lanes_fold(const XNode *x, const void *a, int n, bool flush);
#endif
