#ifndef DSQ_TFLITE_MODEL_H
#define DSQ_TFLITE_MODEL_H
/* The tables of a .tflite file as views into it. Memory is in proportion to the file, within the limits below. */
#include "../../ir/type.h"
#include "flat.h"

enum {
    MODEL_MOST = 1 << 17,   /* tensors, operators, and operands of one operator */
    MODEL_PORTS = 1 << 10   /* inputs, and outputs */
};

typedef enum TflOperator {
#define OPERATOR(name, number) TF_##name = number,
#include "operators.def"
#undef OPERATOR
} TflOperator;
const char *operator_name(Arena *, int64_t code); /* "CONV_2D" */

/* TensorType as the file numbers it. */
enum { TT_FLOAT32, TT_FLOAT16, TT_INT32, TT_UINT8, TT_INT64, TT_STRING, TT_BOOL, TT_INT16, TT_COMPLEX64, TT_INT8 };
bool tensor_dtype(int64_t type, DType *);    /* false: no type of numbers that is read here */
const char *tensor_type_name(int64_t type);  /* "int8" */

/* The grid of a quantized tensor: (number - zero point) scale. One scale, or one for each element along axis; zero
   points as many, or none: they are 0. */
typedef struct TflQuant { FlatVector scale, zero; int axis; } TflQuant;

typedef struct TflTensor {
    const char *name;
    int64_t type;
    int rank;
    int64_t dim[MAX_RANK];
    bool open;              /* the file says that a dimension is not settled */
    bool constant, variable, sparse;
    const uint8_t *data;    /* of a constant, as many bytes as its type takes; of strings and their like any number */
    int64_t bytes;
    TflQuant quant;         /* scale.n 0: none */
} TflTensor;
bool tensor_quantized(const TflTensor *);    /* integers on a grid */
const char *tensor_show(Arena *, const char *name); /* for messages: its beginning, without control characters */
/* "i8[1,32,32,16] q(0.0509:-128)", "i8[16,3,3,3] q(16 scales, axis 0)", "f32[1,10]" */
const char *tensor_text(Arena *, const TflTensor *);

typedef struct TflOp {
    int64_t code;
    const char *custom;     /* the name of a custom operator */
    int64_t version;
    int nin, nout;
    const int *in, *out;    /* tensors, -1: left out */
    int options_type;       /* member of the union, 0: none */
    FlatTable options;
} TflOp;

typedef struct TflModel {
    Flat flat;
    const char *path;
    TflTensor *tensor; int ntensor;
    TflOp *op; int nop;
    const int *input, *output; int ninput, noutput;
} TflModel;

/* False after a message that names what is malformed. */
bool tmodel_parse(TflModel *, Arena *, const char *path, const uint8_t *, size_t n, Loc);
#endif
