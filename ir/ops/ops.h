#ifndef DSQ_OPS_H
#define DSQ_OPS_H
/* What the operator families share. infer, ref and cost are called through op_infer and the evaluator, so their
   attributes are normalized (attrs_normalize), the operand count is right, operands are valid and of one dtype. */
#include "../graph/graph.h"

#define OP(name, ...)                                                                                                  \
    InferFn infer_##name;                                                                                              \
    RefFn ref_##name;                                                                                                  \
    CostFn cost_##name;
#include "../graph/op.def"
#undef OP

/* For infer functions: returns a message, in the call's arena. */
#define FAIL(c, ...) return arena_printf((c)->arena, __VA_ARGS__)

const char *ints_text(Arena *, const Ints *);       /* "[1,2]" */
int64_t mul_sat(int64_t a, int64_t b);              /* for non-negative factors; INT64_MAX where it overflows */
int64_t add_sat(int64_t a, int64_t b);
void row_strides(const Type *, int64_t stride[MAX_RANK]);
int64_t elems_between(const Type *, int from, int to); /* product of dim[from..to) */

/* Visits all indices of a shape in row-major order. off is where the element at the current index lies in another
   tensor, which begins at off and goes by stride; both in elements. Set stride and off before the first walk_next. */
typedef struct ElemWalk { int rank; int64_t dim[MAX_RANK], stride[MAX_RANK], at[MAX_RANK], off; } ElemWalk;
ElemWalk walk_over(const Type *shape); /* all strides zero */
static inline void walk_next(ElemWalk *w)
{
    for (int d = w->rank - 1; d >= 0; d--) {
        w->off += w->stride[d];
        if (++w->at[d] < w->dim[d])
            return;
        w->off -= w->dim[d] * w->stride[d];
        w->at[d] = 0;
    }
}

/* acc[x] += sum over k < nk of w[k] * col[k][x], for x < PANEL. The width is fixed so that compilers vectorize it. */
enum { PANEL = 32 };
void panel_dot(double *restrict acc, const double *restrict w, const double *restrict col, int64_t nk);
#endif
