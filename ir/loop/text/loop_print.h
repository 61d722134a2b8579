#ifndef DSQ_LOOP_PRINT_H
#define DSQ_LOOP_PRINT_H
/* The printer of the loop IR's text: programs and statements (loop_print.c), what stands in them
   (loop_print_expr.c). */
#include "../loop_impl.h"

/* Where statements stand; lines NULL: nobody asks. */
typedef struct Lines { Arena *A; size_t counted; int now; VEC(int) stmt; } Lines;
typedef struct LoopPrint { Buf *b; const Kernel *k; int indent; Lines *lines; } LoopPrint;

void loop_print_indices(LoopPrint *, int n, const Ix *const *ix);       /* "[i, j]"; nothing for none */
void loop_print_at(LoopPrint *, int ref, int n, const Ix *const *ix);   /* "x[i, j]" */
void loop_print_vt(Buf *, VT);                                          /* "f32x16" */
void loop_print_element(Buf *, DType, const void *);                    /* a number of a buffer */
/* known: what the context says of the type. */
void loop_print_expr(LoopPrint *, const Expr *, PartType known);
#endif
