#ifndef DSQ_ONNX_ROWS_H
#define DSQ_ONNX_ROWS_H
/* The functions that the rows of table.c and eval.c name, a file per family. */
#include "import.h"

/* conv.c */
ImportFn import_conv, import_conv_transpose, import_pool, import_global_pool, import_gemm, import_matmul;
/* elementwise.c */
ImportFn import_unary, import_binary, import_many, import_mean_of, import_clip, import_leaky_relu, import_hard_sigmoid,
    import_elu, import_selu, import_celu, import_softsign, import_prelu, import_reciprocal, import_pow, import_identity,
    import_dropout, import_gelu, import_thresholded_relu, import_shrink;
bool broadcast_known(NodeCall *); /* false after refusing what opsets before 7 call broadcasting */
/* kind.c */
ImportFn import_cast, import_cast_like, import_truth, import_where, import_arg;
/* norm.c */
ImportFn import_batch_norm, import_instance_norm, import_group_norm, import_layer_norm, import_softmax,
    import_softmax_flat, import_lp_norm, import_mean_variance;
/* reduce.c */
ImportFn import_reduce, import_reduce_min, import_reduce_l1, import_reduce_l2, import_reduce_square,
    import_reduce_log_sum, import_reduce_log_sum_exp;
/* move.c */
ImportFn import_concat, import_split, import_reshape, import_flatten, import_squeeze, import_unsqueeze,
    import_transpose, import_expand, import_tile, import_pad, import_depth_to_space, import_space_to_depth;
/* slice.c */
ImportFn import_slice, import_gather;
/* rnn.c */
ImportFn import_recurrent;
/* resize.c */
ImportFn import_resize;
/* Counts an axis or index from the front; of a slice, start and end, too, clipped to the dimension (end -1: before
   the first one). False after refusing. */
bool wrap_axis(NodeCall *, int64_t *axis, int64_t rank);
bool slice_lists(NodeCall *, Ints list[4]); /* starts, ends, axes, steps */
bool slice_range(NodeCall *, const Type *, int64_t *axis, int64_t *start, int64_t *end, int64_t step);

/* The functions that the rows of eval.c name, for nodes of constants. All return whether the results were given; a node
   that they do not know is left to table.c. */
/* eval_numbers.c: element by element, and reductions */
ImportFn eval_unary, eval_binary, eval_many, eval_where, eval_cast, eval_reduce, eval_range, eval_clip;
/* eval_move.c */
ImportFn eval_concat, eval_slice, eval_gather, eval_expand, eval_tile, eval_split, eval_constant_of_shape, eval_nonzero,
    eval_pad, eval_scatter_nd;
#endif
