#ifndef DSQ_ONNX_BUILD_H
#define DSQ_ONNX_BUILD_H
/* An ONNX graph under construction. Tensors go by name; constants become initializers when they are first asked for. */
#include "../onnx.h"
#include "onnx.pb-c.h"

/* Operators that mean what we write, and no newer ones: readers of any age should take the file. HardSwish is the
   youngest that is used. */
enum { ONNX_OPSET = 14, ONNX_IR = 7 };

typedef struct Onnx {
    Arena *arena;
    const Graph *g;
    Dict taken;                       /* every name in use */
    const char **value;               /* by ValueId, NULL until asked for */
    Dict made;                        /* initializers by what is in them: index into initializer */
    VEC(Onnx__TensorProto *) initializer;
    VEC(Onnx__NodeProto *) node;
    VEC(Onnx__ValueInfoProto *) input, output;
} Onnx;

typedef Onnx__NodeProto OnnxNode;

const char *onnx_value(Onnx *, ValueId);
/* A tensor [C] so that it broadcasts along `axis` of a tensor of that rank: [C,1,...]. */
const char *onnx_param(Onnx *, ValueId, int axis, int rank);
const char *onnx_scalar(Onnx *, double);
const char *onnx_floats(Onnx *, const double *, int n);
const char *onnx_ints(Onnx *, const int64_t *, int n);
/* A tensor that the weight of that name does not have as it is; one for each name. */
const char *onnx_tensor(Onnx *, const char *name, const float *, int rank, const int64_t *dim);
const char *onnx_name(Onnx *, const char *wanted); /* a new name: wanted, or with a number behind it */

/* Lists end with NULL; an input "" is one left out. Without `out` the node makes a tensor that only it names. */
OnnxNode *onnx_node(Onnx *, const char *type, const char *const *out, const char *const *in);
void onnx_int(Onnx *, OnnxNode *, const char *name, int64_t);
void onnx_float(Onnx *, OnnxNode *, const char *name, double);
void onnx_list(Onnx *, OnnxNode *, const char *name, const int64_t *, int n);
void onnx_text(Onnx *, OnnxNode *, const char *name, const char *);
void onnx_texts(Onnx *, OnnxNode *, const char *name, const char *); /* a list of one */

/* ops.c: a node of our graph as nodes of ONNX. */
void onnx_export_node(Onnx *, const Node *);
#endif
