#ifndef DSQ_ONNX_EVAL_H
#define DSQ_ONNX_EVAL_H
/* Nodes of constants: the functions that the rows of eval.c name. All return whether the results were given; a node
   that they do not know is left to table.c. */
#include "rows.h"

/* eval_numbers.c: element by element, and reductions */
ImportFn eval_unary, eval_binary, eval_many, eval_where, eval_cast, eval_reduce, eval_range, eval_clip;
/* eval_move.c */
ImportFn eval_concat, eval_slice, eval_gather, eval_expand, eval_tile, eval_split, eval_constant_of_shape, eval_nonzero,
    eval_pad, eval_scatter_nd;
#endif
