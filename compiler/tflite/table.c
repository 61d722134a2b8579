/* The operators of TensorFlow Lite: a row for each that is compiled, or of which there is more to say than that it is
   not. The third column is the member of BuiltinOptions that its options are. */
#include "import.h"

#define ROW(code, fn, options, arg) {TF_##code, fn, options, arg, NULL, NULL, false}
#define LACKS(code, why, help) {TF_##code, NULL, 0, 0, why, help, false}
#define KNOWN_AHEAD "it is compiled where its operands are known before the network runs"
#define AHEAD(code, options) {TF_##code, NULL, options, 0, KNOWN_AHEAD, NULL, true}
#define STATE "it keeps or shares a state between operators"
#define BRANCH "it runs another graph of the model"
#define RECURRENT "recurrent layers are not compiled yet"

static const TflRow rows[] = {
    ROW(CONV_2D, tflite_conv, 1, 0),
    ROW(DEPTHWISE_CONV_2D, tflite_depthwise, 2, 0),
    ROW(TRANSPOSE_CONV, tflite_transpose_conv, 49, 0),
    ROW(FULLY_CONNECTED, tflite_linear, 8, 0),
    ROW(BATCH_MATMUL, tflite_batch_matmul, 101, 0),
    ROW(AVERAGE_POOL_2D, tflite_pool, 5, OP_avg_pool),
    ROW(MAX_POOL_2D, tflite_pool, 5, OP_max_pool),

    ROW(ADD, tflite_arithmetic, 11, OP_add),
    ROW(SUB, tflite_arithmetic, 28, OP_sub),
    ROW(MUL, tflite_arithmetic, 21, OP_mul),
    ROW(DIV, tflite_arithmetic, 29, OP_div),
    ROW(ADD_N, tflite_add_n, 0, 0),
    ROW(MAXIMUM, tflite_binary, 0, OP_maximum),
    ROW(MINIMUM, tflite_binary, 0, OP_minimum),
    ROW(SQUARED_DIFFERENCE, tflite_squared_difference, 0, 0),

    ROW(RELU, tflite_unary, 0, OP_relu),
    ROW(RELU6, tflite_unary, 0, OP_relu6),
    ROW(RELU_N1_TO_1, tflite_clamp, 0, -1),
    ROW(RELU_0_TO_1, tflite_clamp, 0, 0),
    ROW(LEAKY_RELU, tflite_leaky_relu, 75, 0),
    ROW(PRELU, tflite_prelu, 0, 0),
    ROW(ELU, tflite_unary, 0, OP_elu),
    ROW(GELU, tflite_gelu, 116, 0),
    ROW(LOGISTIC, tflite_unary, 0, OP_sigmoid),
    ROW(TANH, tflite_unary, 0, OP_tanh),
    ROW(HARD_SWISH, tflite_unary, 0, OP_hard_swish),
    ROW(EXP, tflite_unary, 0, OP_exp),
    ROW(SQRT, tflite_unary, 0, OP_sqrt),
    ROW(RSQRT, tflite_rsqrt, 0, 0),
    ROW(SQUARE, tflite_unary, 0, OP_square),
    ROW(ABS, tflite_unary, 0, OP_abs),
    ROW(NEG, tflite_unary, 0, OP_neg),
    ROW(SIGN, tflite_unary, 0, OP_sign),
    ROW(LOG, tflite_unary, 0, OP_log),
    ROW(FLOOR, tflite_unary, 0, OP_floor),
    ROW(CEIL, tflite_unary, 0, OP_ceil),
    ROW(ROUND, tflite_unary, 0, OP_round),
    ROW(SIN, tflite_unary, 0, OP_sin),
    ROW(COS, tflite_unary, 0, OP_cos),
    ROW(DEQUANTIZE, tflite_identity, 0, 0),
    ROW(QUANTIZE, tflite_identity, 0, 0),

    ROW(SOFTMAX, tflite_softmax, 9, 0),
    ROW(LOG_SOFTMAX, tflite_log_softmax, 0, 0),
    ROW(L2_NORMALIZATION, tflite_l2, 12, 0),
    ROW(MEAN, tflite_reduce, 27, OP_mean),
    ROW(SUM, tflite_reduce, 27, OP_sum),
    ROW(REDUCE_MAX, tflite_reduce, 27, OP_max),
    ROW(REDUCE_MIN, tflite_reduce_min, 27, 0),

    ROW(RESHAPE, tflite_reshape, 17, 0),
    ROW(SQUEEZE, tflite_squeeze, 30, 0),
    ROW(EXPAND_DIMS, tflite_expand_dims, 0, 0),
    ROW(TRANSPOSE, tflite_transpose, 0, 0),
    ROW(CONCATENATION, tflite_concat, 10, 0),
    ROW(PACK, tflite_pack, 59, 0),
    ROW(UNPACK, tflite_unpack, 64, 0),
    ROW(SPLIT, tflite_split, 0, 0),
    ROW(SPLIT_V, tflite_split_v, 0, 0),
    ROW(SLICE, tflite_slice, 0, 0),
    ROW(STRIDED_SLICE, tflite_strided_slice, 32, 0),
    ROW(GATHER, tflite_gather, 23, 0),
    ROW(PAD, tflite_pad, 0, 0),
    ROW(PADV2, tflite_pad, 0, 0),
    ROW(MIRROR_PAD, tflite_mirror_pad, 77, 0),
    ROW(DEPTH_TO_SPACE, tflite_depth_to_space, 94, 0),
    ROW(SPACE_TO_DEPTH, tflite_space_to_depth, 19, 0),
    ROW(RESIZE_BILINEAR, tflite_bilinear, 15, 0),
    ROW(RESIZE_NEAREST_NEIGHBOR, tflite_nearest, 74, 0),

    /* of shapes: constants.c */
    AHEAD(SHAPE, 55),
    AHEAD(RANK, 0),
    AHEAD(CAST, 37),
    AHEAD(REDUCE_PROD, 27),
    AHEAD(FLOOR_DIV, 0),

    LACKS(CALL_ONCE, STATE, NULL),
    LACKS(VAR_HANDLE, STATE, NULL),
    LACKS(READ_VARIABLE, STATE, NULL),
    LACKS(ASSIGN_VARIABLE, STATE, NULL),
    LACKS(IF, BRANCH, NULL),
    LACKS(WHILE, BRANCH, NULL),
    LACKS(CALL, BRANCH, NULL),
    LACKS(LSTM, RECURRENT, NULL),
    LACKS(RNN, RECURRENT, NULL),
    LACKS(SVDF, RECURRENT, NULL),
    LACKS(UNIDIRECTIONAL_SEQUENCE_LSTM, RECURRENT, NULL),
    LACKS(UNIDIRECTIONAL_SEQUENCE_RNN, RECURRENT, NULL),
    LACKS(BIDIRECTIONAL_SEQUENCE_LSTM, RECURRENT, NULL),
    LACKS(BIDIRECTIONAL_SEQUENCE_RNN, RECURRENT, NULL),
    LACKS(NON_MAX_SUPPRESSION_V4, "how much it gives depends on the input", "cut the model in front of it"),
    LACKS(NON_MAX_SUPPRESSION_V5, "how much it gives depends on the input", "cut the model in front of it"),
    LACKS(DENSIFY, "weights that are stored as sparse tensors are not read", NULL),
};

const TflRow *tf_row(int64_t code)
{
    for (int i = 0; i < LEN(rows); i++)
        if (rows[i].code == code)
            return &rows[i];
    return NULL;
}
