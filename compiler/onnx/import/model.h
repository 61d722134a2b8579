#ifndef DSQ_ONNX_MODEL_H
#define DSQ_ONNX_MODEL_H
/* The messages of onnx.proto as views into the file. Names and dimensions are copied; numbers, attributes and inner
   graphs stay where they lie until somebody asks. Memory is in proportion to the file. */
#include "../../../ir/type.h"
#include "../../import/wire.h"

enum {
    MODEL_NODES = 40000,    /* in all graphs that are read, and as many initializers, functions and attributes of one */
    MODEL_NAMES = 1 << 19,  /* operands and results of them */
    MODEL_DEPTH = 16        /* functions and branches inside each other */
};

/* Element types of TensorProto, as its numbers. */
typedef enum OnnxType {
    ONNX_NONE, ONNX_FLOAT, ONNX_UINT8, ONNX_INT8, ONNX_UINT16, ONNX_INT16, ONNX_INT32, ONNX_INT64, ONNX_STRING,
    ONNX_BOOL, ONNX_FLOAT16, ONNX_DOUBLE, ONNX_UINT32, ONNX_UINT64, ONNX_COMPLEX64, ONNX_COMPLEX128, ONNX_BFLOAT16
} OnnxType;
bool onnx_dtype(int64_t type, DType *);       /* false: no type of numbers that is read here */
const char *onnx_type_name(int64_t type);     /* as ONNX says it: "int64"; "of unknown type" */

typedef struct MAttr { const char *name; WireBytes msg; } MAttr;
typedef struct MNode {
    const char *name, *type, *domain;         /* "" where there is none */
    const char **in, **out;
    MAttr *attr;
    int nin, nout, nattr;
    int line;                                 /* of the model's text, see import.c */
} MNode;

/* dim < 0: not known, then `symbol` may name it. */
typedef struct MDim { int64_t dim; const char *symbol; } MDim;
typedef struct MPort { const char *name; int64_t type; bool shaped, tensor; int rank; MDim dim[MAX_RANK]; } MPort;

typedef struct MGraph {
    const char *name;
    VEC(MNode) node;
    VEC(WireBytes) tensor;                    /* initializers: tensor.c reads them */
    VEC(MPort) input, output;
    bool sparse;                              /* it has sparse initializers */
} MGraph;

typedef struct MFunction {
    const char *name, *domain;
    const char **in, **out;
    int nin, nout;
    VEC(MNode) node;
    int64_t opset;                            /* of ai.onnx, 0: the model's */
} MFunction;

typedef struct OnnxModel {
    Arena *arena;
    const char *path;
    Loc loc;                                  /* of the file */
    int64_t ir_version, opset;
    const char *producer;
    MGraph graph;
    VEC(MFunction) function;
    Dict function_at;                          /* "domain:name" -> index */
    VEC(struct MFile { const char *path; WireBytes map; }) external; /* mapped files of external data */
    int nodes, names;                         /* so far */
} OnnxModel;

/* Both report what is wrong. */
bool model_parse(OnnxModel *, WireBytes file);
bool model_graph(OnnxModel *, WireBytes msg, MGraph *); /* a branch of If */

/* A TensorProto, its numbers as views where they lie as ours do, else copied. A dimension may be 0. False after a
   message. Elements that are no numbers leave data NULL, and *why says so. */
bool model_tensor(OnnxModel *, WireBytes msg, Tensor *, const char **why);

/* A text of the file as a string; NULL after a message where it holds a NUL. */
const char *model_text(OnnxModel *, WireBytes, const char *what);
#endif
