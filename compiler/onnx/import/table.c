/* The operators of ONNX: a row for each and for each opset from which on it means something else. What only constants
   go into is eval.c's. */
#include "rows.h"

#include <string.h>

#define FLOAT_MODEL "export the float model: integers are not compiled yet"
#define QUANTIZED(name) {name, 1, NULL, 0, "the network is quantized", FLOAT_MODEL}
#define LACKS(name, what) {name, 1, NULL, 0, what, NULL}
#define NO_OPERATOR "there is no operator for it yet"
#define SHAPE_DATA "the shape of its result depends on the input"

static const OnnxRow rows[] = {
    /* contractions */
    {"Conv", 1, import_conv, 0, NULL, NULL},
    {"ConvTranspose", 1, import_conv_transpose, 0, NULL, NULL},
    {"Gemm", 1, import_gemm, 0, NULL, NULL},
    {"MatMul", 1, import_matmul, 0, NULL, NULL},
    LACKS("Einsum", NO_OPERATOR),

    /* normalization */
    {"BatchNormalization", 1, import_batch_norm, 0, NULL, NULL},
    {"InstanceNormalization", 1, import_instance_norm, 0, NULL, NULL},
    {"GroupNormalization", 18, import_group_norm, 0, NULL, NULL},
    {"LayerNormalization", 17, import_layer_norm, 0, NULL, NULL},
    {"LpNormalization", 1, import_lp_norm, 0, NULL, NULL},
    {"MeanVarianceNormalization", 9, import_mean_variance, 0, NULL, NULL},
    {"Softmax", 1, import_softmax_flat, 0, NULL, NULL},
    {"Softmax", 13, import_softmax, 0, NULL, NULL},
    {"LogSoftmax", 1, import_softmax_flat, 1, NULL, NULL},
    {"LogSoftmax", 13, import_softmax, 1, NULL, NULL},
    LACKS("Hardmax", NO_OPERATOR),
    LACKS("LRN", NO_OPERATOR),

    /* one operand */
    {"Relu", 1, import_unary, OP_relu, NULL, NULL},
    {"Sigmoid", 1, import_unary, OP_sigmoid, NULL, NULL},
    {"Tanh", 1, import_unary, OP_tanh, NULL, NULL},
    {"Exp", 1, import_unary, OP_exp, NULL, NULL},
    {"Sqrt", 1, import_unary, OP_sqrt, NULL, NULL},
    {"Abs", 1, import_unary, OP_abs, NULL, NULL},
    {"Sign", 9, import_unary, OP_sign, NULL, NULL},
    {"Neg", 1, import_unary, OP_neg, NULL, NULL},
    {"HardSwish", 14, import_unary, OP_hard_swish, NULL, NULL},
    {"HardSigmoid", 1, import_hard_sigmoid, 0, NULL, NULL},
    {"Clip", 1, import_clip, 0, NULL, NULL},
    {"LeakyRelu", 1, import_leaky_relu, 0, NULL, NULL},
    {"PRelu", 1, import_prelu, 0, NULL, NULL},
    {"Elu", 1, import_elu, 0, NULL, NULL},
    {"Selu", 1, import_selu, 0, NULL, NULL},
    {"Celu", 12, import_celu, 0, NULL, NULL},
    {"Softsign", 1, import_softsign, 0, NULL, NULL},
    {"Gelu", 20, import_gelu, 0, NULL, NULL},
    {"Reciprocal", 1, import_reciprocal, 0, NULL, NULL},
    {"Pow", 1, import_pow, 0, NULL, NULL},
    {"Identity", 1, import_identity, 0, NULL, NULL},
    {"Dropout", 1, import_dropout, 0, NULL, NULL},
    {"Cast", 1, import_cast, 0, NULL, NULL},
    {"CastLike", 15, import_cast_like, 0, NULL, NULL},
    {"Log", 1, import_unary, OP_log, NULL, NULL},
    {"Erf", 9, import_unary, OP_erf, NULL, NULL},
    {"Softplus", 1, import_unary, OP_softplus, NULL, NULL},
    {"Mish", 18, import_unary, OP_mish, NULL, NULL},
    {"Floor", 1, import_unary, OP_floor, NULL, NULL},
    {"Ceil", 1, import_unary, OP_ceil, NULL, NULL},
    {"Round", 11, import_unary, OP_round, NULL, NULL},
    {"Sin", 7, import_unary, OP_sin, NULL, NULL},
    {"Cos", 7, import_unary, OP_cos, NULL, NULL},
    {"Tan", 7, import_unary, OP_tan, NULL, NULL},
    {"Asin", 7, import_unary, OP_asin, NULL, NULL},
    {"Acos", 7, import_unary, OP_acos, NULL, NULL},
    {"Atan", 7, import_unary, OP_atan, NULL, NULL},
    {"Sinh", 9, import_unary, OP_sinh, NULL, NULL},
    {"Cosh", 9, import_unary, OP_cosh, NULL, NULL},
    {"Asinh", 9, import_unary, OP_asinh, NULL, NULL},
    {"Acosh", 9, import_unary, OP_acosh, NULL, NULL},
    {"Atanh", 9, import_unary, OP_atanh, NULL, NULL},
    {"Not", 1, import_truth, OP_not, NULL, NULL},
    {"ThresholdedRelu", 1, import_thresholded_relu, 0, NULL, NULL},
    {"Shrink", 9, import_shrink, 0, NULL, NULL},
    LACKS("IsNaN", NO_OPERATOR), LACKS("IsInf", NO_OPERATOR),

    /* two and more */
    {"Add", 1, import_binary, OP_add, NULL, NULL},
    {"Sub", 1, import_binary, OP_sub, NULL, NULL},
    {"Mul", 1, import_binary, OP_mul, NULL, NULL},
    {"Div", 1, import_binary, OP_div, NULL, NULL},
    {"Max", 1, import_many, OP_maximum, NULL, NULL},
    {"Min", 1, import_many, OP_minimum, NULL, NULL},
    {"Sum", 1, import_many, OP_add, NULL, NULL},
    {"Mean", 1, import_mean_of, 0, NULL, NULL},
    {"Greater", 1, import_truth, OP_greater, NULL, NULL},
    {"GreaterOrEqual", 12, import_truth, OP_greater_equal, NULL, NULL},
    {"Less", 1, import_truth, OP_less, NULL, NULL},
    {"LessOrEqual", 12, import_truth, OP_less_equal, NULL, NULL},
    {"Equal", 1, import_truth, OP_equal, NULL, NULL},
    {"And", 1, import_truth, OP_and, NULL, NULL},
    {"Or", 1, import_truth, OP_or, NULL, NULL},
    {"Xor", 1, import_truth, OP_xor, NULL, NULL},
    {"Where", 9, import_where, 0, NULL, NULL},
    LACKS("Mod", NO_OPERATOR),

    /* windows and reductions */
    {"MaxPool", 1, import_pool, OP_max_pool, NULL, NULL},
    {"AveragePool", 1, import_pool, OP_avg_pool, NULL, NULL},
    {"GlobalAveragePool", 1, import_global_pool, OP_mean, NULL, NULL},
    {"GlobalMaxPool", 1, import_global_pool, OP_max, NULL, NULL},
    {"ReduceMean", 1, import_reduce, OP_mean, NULL, NULL},
    {"ReduceSum", 1, import_reduce, OP_sum, NULL, NULL},
    {"ReduceMax", 1, import_reduce, OP_max, NULL, NULL},
    {"ReduceMin", 1, import_reduce_min, 0, NULL, NULL},
    {"ReduceL1", 1, import_reduce_l1, 0, NULL, NULL},
    {"ReduceL2", 1, import_reduce_l2, 0, NULL, NULL},
    {"ReduceSumSquare", 1, import_reduce_square, 0, NULL, NULL},
    {"ReduceLogSum", 1, import_reduce_log_sum, 0, NULL, NULL},
    {"ReduceLogSumExp", 1, import_reduce_log_sum_exp, 0, NULL, NULL},
    {"ArgMax", 1, import_arg, OP_argmax, NULL, NULL},
    {"ArgMin", 1, import_arg, OP_argmin, NULL, NULL},
    LACKS("ReduceProd", NO_OPERATOR), LACKS("TopK", NO_OPERATOR), LACKS("CumSum", NO_OPERATOR),
    LACKS("LpPool", NO_OPERATOR), LACKS("GlobalLpPool", NO_OPERATOR), LACKS("MaxRoiPool", NO_OPERATOR),
    LACKS("RoiAlign", NO_OPERATOR), LACKS("MaxUnpool", NO_OPERATOR),

    /* movement */
    {"Concat", 1, import_concat, 0, NULL, NULL},
    {"Split", 1, import_split, 0, NULL, NULL},
    {"Slice", 1, import_slice, 0, NULL, NULL},
    {"Gather", 1, import_gather, 0, NULL, NULL},
    {"Reshape", 1, import_reshape, 0, NULL, NULL},
    {"Flatten", 1, import_flatten, 0, NULL, NULL},
    {"Squeeze", 1, import_squeeze, 0, NULL, NULL},
    {"Unsqueeze", 1, import_unsqueeze, 0, NULL, NULL},
    {"Transpose", 1, import_transpose, 0, NULL, NULL},
    {"Expand", 8, import_expand, 0, NULL, NULL},
    {"Tile", 6, import_tile, 0, NULL, NULL},
    {"Pad", 1, import_pad, 0, NULL, NULL},
    {"DepthToSpace", 1, import_depth_to_space, 0, NULL, NULL},
    {"SpaceToDepth", 1, import_space_to_depth, 0, NULL, NULL},
    {"Upsample", 7, import_resize, 0, NULL, NULL},
    {"Resize", 10, import_resize, 0, NULL, NULL},
    LACKS("GatherElements", NO_OPERATOR), LACKS("GatherND", NO_OPERATOR), LACKS("ScatterElements", NO_OPERATOR),
    LACKS("ScatterND", NO_OPERATOR), LACKS("Scatter", NO_OPERATOR), LACKS("Trilu", NO_OPERATOR),
    LACKS("ReverseSequence", NO_OPERATOR), LACKS("GridSample", NO_OPERATOR), LACKS("OneHot", NO_OPERATOR),
    LACKS("NonZero", SHAPE_DATA), LACKS("Compress", SHAPE_DATA), LACKS("Unique", SHAPE_DATA),
    LACKS("NonMaxSuppression", SHAPE_DATA), LACKS("Range", SHAPE_DATA), LACKS("ConstantOfShape", SHAPE_DATA),

    /* control and what remembers */
    {"If", 1, import_if, 0, NULL, NULL},
    LACKS("Loop", "loops are not compiled"), LACKS("Scan", "loops are not compiled"),
    {"LSTM", 1, import_recurrent, OP_lstm, NULL, NULL},
    {"GRU", 1, import_recurrent, OP_gru, NULL, NULL},
    {"RNN", 1, import_recurrent, OP_rnn, NULL, NULL},

    QUANTIZED("QuantizeLinear"), QUANTIZED("DequantizeLinear"), QUANTIZED("DynamicQuantizeLinear"),
    QUANTIZED("QLinearConv"), QUANTIZED("QLinearMatMul"), QUANTIZED("ConvInteger"), QUANTIZED("MatMulInteger"),
};

/* The newest row that is no newer than the opset. */
const OnnxRow *row_find(const char *type, int64_t opset)
{
    const OnnxRow *best = NULL;
    for (int i = 0; i < LEN(rows); i++)
        if (!strcmp(rows[i].type, type) && rows[i].since <= opset)
            best = &rows[i];
    return best;
}
