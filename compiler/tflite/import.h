#ifndef DSQ_TFLITE_IMPORT_H
#define DSQ_TFLITE_IMPORT_H
/* A .tflite model on its way into a graph; README.md beside this has the plan. Operators are taken in their order,
   those that an output depends on. */
#include "../import/import.h"
#include "../import/maker.h"
#include "model.h"
#include "tflite.h"

/* A tensor of the model in the graph. Models are channels-last, the graph is channels-first: a map of [N,H,W,C] may be
   there as it is, as [N,C,H,W], or both, as its readers want it. */
typedef struct TflValue {
    Type type;                /* as the model means it, f32 but for constants */
    const Tensor *k;          /* a constant of any type of numbers */
    ValueId plain, map;       /* -1: not there */
    bool made, broken;
} TflValue;

typedef struct TflImport {
    Arena *arena;
    TflModel *m;
    Graph *g;
    const ModelShape *shape;  /* of --shape */
    int nshape;
    TflValue *val;            /* for each tensor */
    bool *needed;             /* tensors that an output depends on */
    VEC(Failure) failure;
    VEC(Failure) wrong;       /* the file is malformed */
    Dict param;                /* constants of the graph by what they are made from: ValueId */
    Dict port;                 /* names of inputs and outputs */
    const char *quantized;    /* the type of integers that it computes with, NULL: none */
    int *first_node;          /* for each operator the first node of the graph that is its own, and one more */
    int64_t budget;           /* bytes that may still be computed ahead */
    int file;                 /* diag: the operators as text, one a line */
} TflImport;

/* An operator at work. */
typedef struct TflCall {
    TflImport *x;
    const TflOp *op;
    const struct TflRow *row;
    NodeMaker make;           /* its nodes have the name of its first result */
} TflCall;

typedef bool TflFn(TflCall *);
/* options: the member of the union that its options are, 0: it has none. why, help: known and refused. ahead: compiled
   where its operands are known. */
typedef struct TflRow {
    int code;
    TflFn *fn;
    int options, arg;
    const char *why, *help;
    bool ahead;
} TflRow;
const TflRow *tf_row(int64_t code); /* NULL: not known. (table.c) */

/* ---- call.c: what the functions of rows ask and give ---- */

#define tf_refuse(c, ...) maker_refuse(&(c)->make, __VA_ARGS__)

bool tf_has(const TflCall *, int i);                    /* operand i is given */
TflValue *tf_val(const TflCall *, int i);
const Tensor *tf_known(const TflCall *, int i);         /* its numbers, where it is a constant, else NULL */
Type tf_type(const TflCall *, int i);                   /* as the model means it; rank 0 where it is left out */
const char *tf_type_text(const TflCall *, int i);
bool tf_ints(TflCall *, int i, Ints *);                 /* an operand of integers, at most 16; false after refusing */
bool tf_scalar(TflCall *, int i, double *);             /* an operand of one number */
bool tf_axes(TflCall *, int i, int rank, Ints *);       /* an operand of axes, counted from the front */
bool tf_axis(TflCall *, int64_t *axis, int64_t rank);   /* counts it from the front */
/* An operand in the graph, -1 after refusing: as it is, or of four dimensions as [N,C,H,W]. */
ValueId tf_plain(TflCall *, int i);
ValueId tf_map(TflCall *, int i);
/* Whether work in any order of dimensions is done on [N,C,H,W]: all operands have four dimensions, or are constants,
   and one is there in that order alone. */
bool tf_prefers_map(const TflCall *);
ValueId tf_in(TflCall *, int i, bool map);
int tf_map_axis(int64_t axis, bool map);                     /* of a dimension of [N,H,W,C] */

/* Nodes of the graph (../import/maker.h). */
#define tf_value_type(c, v) maker_type(&(c)->make, (v))
#define tf_defaults(op) maker_defaults(op)
#define tf_add(c, ...) maker_add(&(c)->make, __VA_ARGS__)
#define tf_add_list(c, ...) maker_add_list(&(c)->make, __VA_ARGS__)
#define tf_reshape(c, ...) maker_reshape(&(c)->make, __VA_ARGS__)
bool tf_keeps_order(const Type *, const int *perm);       /* of the dimensions that are longer than 1 */
/* By a view where nothing moves. */
ValueId tf_transpose(TflCall *, ValueId, int rank, const int *perm);
ValueId tf_to_map(TflCall *, ValueId);                       /* [N,H,W,C] as [N,C,H,W], and back */
ValueId tf_to_plain(TflCall *, ValueId);

/* ---- param.c ---- */
ValueId tf_number(TflCall *, double);                     /* f32[1] */
/* A constant with its dimensions in another order (perm NULL: as they are), then seen as of a shape (rank -1: as it
   is). -1 after refusing. */
ValueId tf_param(TflCall *, const Tensor *, const int *perm, int rank, const int64_t *dim);
ValueId tf_floats(TflCall *, const char *what, int rank, const int64_t *dim, const float *); /* kept where they are */
float *tf_room(TflCall *, int64_t n);                   /* for numbers that are computed ahead; NULL after refusing */

/* ---- call.c: results ---- */
/* False where the value is -1. */
bool tf_give(TflCall *, int i, ValueId, bool map);
bool tf_give_shaped(TflCall *, int i, ValueId plain, int rank, const int64_t *dim); /* reshaped */
bool tf_give_known(TflCall *, int i, const Tensor *);
/* Result 0 behind the activation that the operator's options name. */
bool tf_finish(TflCall *, ValueId, bool map, FlatField activation);
ValueId tf_activation(TflCall *, ValueId, int64_t activation);

/* ---- import.c ---- */
const char *tf_title(const TflImport *, int tensor);

/* ---- constants.c ---- */
/* An operator of integers that are known, of which shapes are made: true, and its results are given. */
bool tf_evaluate(TflCall *);

/* ---- the functions of table.c, by file ---- */
/* conv.c */
TflFn tflite_conv, tflite_depthwise, tflite_transpose_conv, tflite_pool, tflite_linear, tflite_batch_matmul;
/* elementwise.c */
TflFn tflite_unary, tflite_binary, tflite_arithmetic, tflite_squared_difference, tflite_clamp,
    tflite_leaky_relu, tflite_prelu, tflite_gelu, tflite_rsqrt, tflite_identity, tflite_add_n;
/* reduce.c */
TflFn tflite_reduce, tflite_reduce_min, tflite_softmax, tflite_log_softmax, tflite_l2;
/* move.c */
TflFn tflite_reshape, tflite_squeeze, tflite_expand_dims, tflite_transpose, tflite_concat, tflite_pack, tflite_pad,
    tflite_mirror_pad, tflite_depth_to_space, tflite_space_to_depth;
/* parts.c */
TflFn tflite_split, tflite_split_v, tflite_slice, tflite_strided_slice, tflite_unpack, tflite_gather;
/* resize.c */
TflFn tflite_bilinear, tflite_nearest;

/* Bounds of a strided slice, of constants as of values. dim: of what is left, without dimensions that shrink.
   False after refusing. (parts.c) */
typedef struct Strided { Ints start, end, step; int rank; int64_t dim[MAX_RANK]; } Strided;
bool tf_strided(TflCall *, const Type *, Strided *);
/* The shape that RESHAPE, SQUEEZE or EXPAND_DIMS gives. */
typedef bool ShapeFn(TflCall *, int *rank, int64_t *dim);
ShapeFn tf_shape_reshape, tf_shape_squeeze, tf_shape_expand_dims;

/* ---- summary.c ---- */
/* What a quantized model holds, for info. */
struct Quantized *summarize(TflImport *);
#endif
