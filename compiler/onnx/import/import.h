#ifndef DSQ_ONNX_IMPORT_H
#define DSQ_ONNX_IMPORT_H
/* An ONNX model on its way into a graph; README.md beside this has the plan. Nodes are taken in their order. A node
   of constants becomes a constant (eval.c), any other one becomes nodes of ours (table.c and the functions that it
   names). */
#include "../../import/import.h"
#include "../../import/maker.h"
#include "../onnx.h"
#include "model.h"

/* A tensor of the model. A constant becomes one of the graph when a node first reads it. A broken one has no value: its
   failure says why, or the operands of its maker do. */
typedef struct OnnxValue {
    const char *name;
    const Tensor *k;          /* a constant, of any type of numbers, a dimension may be 0; else NULL */
    ValueId id;               /* of the graph, -1: none */
    DType kind;               /* of a computed tensor: what the floats stand for */
    const struct Made *made;  /* NULL: an input or an initializer */
    int failure;              /* index into OnnxImport.failure, -1: none */
    bool broken;
} OnnxValue;

/* A node of the model and its operands: indices into OnnxImport.val, -1 where one is left out. */
typedef struct Made { const MNode *node; int nin; const int *in; } Made;

/* Where names are looked up: the model's graph, the body of a function, a branch inside either. */
typedef struct Scope {
    Dict name;                 /* index into OnnxImport.val */
    const struct Scope *up;   /* of a branch. A function sees nothing outside */
    const struct NodeCall *call;  /* of a function: its attributes are those of this node */
    const char *prefix;       /* of node names */
    int64_t opset;
    int depth;
    int line;                 /* of the node that a function or branch stands for, 0: the node's own */
} Scope;

typedef struct OnnxImport {
    Arena *arena;
    OnnxModel *m;
    Graph *g;
    const ModelShape *shape;  /* of --shape */
    int nshape;
    bool *shape_used;
    VEC(OnnxValue) val;
    VEC(Failure) failure;     /* reported where an output depends on it */
    VEC(Failure) unfit;       /* outputs that cannot be one */
    VEC(Failure) wrong;       /* reported in any case: the file is malformed */
    Dict producer;             /* results of the model's graph: line of the node */
    Dict param;                /* constants of the graph by what they are made from: ValueId */
    Dict port;                 /* names of inputs and outputs */
    int64_t budget;           /* bytes that may still be computed ahead */
    int work;                 /* nodes translated, those of a function every time, and nodes made */
    int64_t steps;            /* numbers that may still be looked at */
    Dict finite;               /* numbers that were found to be finite */
    int file;                 /* diag: the nodes as text, one a line */
} OnnxImport;

/* A node at work. */
typedef struct NodeCall {
    OnnxImport *x;
    const MNode *n;
    Scope *scope;
    int64_t opset;
    NodeMaker make;           /* its nodes have the node's name, or that of its first result */
    const struct OnnxRow *row;
    int nin;
    const int *in;            /* OnnxImport.val */
    const char *rest;         /* why results that are not given are not there */
    int because;              /* an operand of the pattern that this node ends, and that is broken; -1 */
    const Tensor **given_k;   /* results */
    ValueId *given;
    DType *kind;              /* of results that are computed; (DType)-1: not said yet */
} NodeCall;

typedef bool ImportFn(NodeCall *);
/* why, help: an operator that is known and refused. */
typedef struct OnnxRow { const char *type; int since; ImportFn *fn; int arg; const char *why, *help; } OnnxRow;
const OnnxRow *row_find(const char *type, int64_t opset); /* NULL: no opset up to that one has it. (table.c) */

/* ---- call.c: what the functions of rows ask and give ---- */

#define call_refuse(c, ...) maker_refuse(&(c)->make, __VA_ARGS__)

bool call_has(const NodeCall *, int i);                   /* operand i is given */
const Tensor *call_known(const NodeCall *, int i);        /* its numbers, where it is a constant, else NULL */
Type call_type(const NodeCall *, int i);                  /* of numbers as stored; activations are f32 */
ValueId call_in(NodeCall *, int i);                       /* operand i in the graph, -1 after refusing */
DType call_kind(const NodeCall *, int i);                 /* what the numbers of operand i stand for */
ValueId call_number(NodeCall *, int i);                   /* the same as call_in, of integers and truths, too */
#define call_value_type(c, v) maker_type(&(c)->make, (v))
bool call_ints_in(NodeCall *, int i, Ints *);             /* an operand of integers, at most 16; false after refusing */
bool call_scalar_in(NodeCall *, int i, double *);         /* an operand of one number */
/* The list that operand i or, in older opsets, an attribute holds. *given: whether it is there. */
bool call_list(NodeCall *, int i, const char *attr, Ints *, bool *given);

/* Attributes by name. dflt where there is none. */
bool call_attr(const NodeCall *, const char *name, WireBytes *msg); /* the AttributeProto */
bool call_attr_bytes(const NodeCall *, const char *name, int field, WireBytes *);
int64_t call_int(const NodeCall *, const char *name, int64_t dflt);
double call_float(const NodeCall *, const char *name, double dflt);
double short_number(double);                          /* of a float: the shortest decimal that means it */
const char *call_text(const NodeCall *, const char *name, const char *dflt);
bool call_ints(NodeCall *, const char *name, Ints *, bool *given); /* false after refusing: more than 16 */
Tensor *call_numbers(NodeCall *, const char *name, DType); /* all integers or floats of a list; NULL: none */

/* Nodes of the graph (../../import/maker.h). */
#define call_defaults(op) maker_defaults(op)
#define call_add(c, ...) maker_add(&(c)->make, __VA_ARGS__)
#define call_add_list(c, ...) maker_add_list(&(c)->make, __VA_ARGS__)
#define call_reshape(c, ...) maker_reshape(&(c)->make, __VA_ARGS__)
ValueId call_transpose(NodeCall *, ValueId, int rank, const int *perm);
ValueId call_scalar(NodeCall *, double);                  /* f32[1] */
/* A constant of the graph with the numbers of t in another shape. -1 after refusing: integers, or not finite. */
ValueId call_param(NodeCall *, const Tensor *t, int rank, const int64_t *dim);

bool call_wanted(const NodeCall *, int i);                /* result i has a name */
bool call_give(NodeCall *, int i, ValueId);               /* false where the value is -1 */
bool call_give_known(NodeCall *, int i, const Tensor *);  /* false where it is NULL */

/* ---- konst.c: constants ---- */
void tensor_put(Tensor *, int64_t i, double);
void tensor_put_int(Tensor *, int64_t i, int64_t);
void tensor_copy(Tensor *, int64_t i, const Tensor *from, int64_t at);
/* Room for numbers. NULL after refusing: the model would have more computed ahead than it may. */
Tensor *konst(NodeCall *, DType, int rank, const int64_t *dim);
int64_t *konst_room(NodeCall *, int64_t n);           /* for integers; NULL after refusing, as above */
Tensor *konst_view(NodeCall *, const Tensor *, int rank, const int64_t *dim); /* the same numbers, another shape */
Tensor *konst_ints(NodeCall *, const int64_t *, int n);
/* Element at coord of the result is number first + sum coord stride of t. */
Tensor *konst_strided(NodeCall *, const Tensor *, int rank, const int64_t *dim, int64_t first, const int64_t *stride);
Tensor *konst_transposed(NodeCall *, const Tensor *, int rank, const int *perm);
Tensor *konst_scaled(NodeCall *, const Tensor *, double factor);
bool broadcast_dims(const Type *, const Type *, Type *out); /* false where they do not broadcast */
void broadcast_strides(const Type *, const Type *to, int64_t stride[MAX_RANK]);
bool konst_is(const Tensor *, double);                /* every number is that one */
/* Counts numbers that are looked at; false after refusing, where a model has that done too often for its size. */
bool konst_steps(NodeCall *, int64_t n);
enum { IMPORT_WORK = 40000 };

/* ---- kind.c: integers and truths among computed tensors ---- */
bool kinds_fit(NodeCall *);  /* may the operator have operands of these kinds? False after refusing */
void kinds_give(NodeCall *); /* the results' kinds, where the row's function did not say */

/* A node of constants, or of which only shapes count: true, and its results are given, where they can be computed now.
   (eval.c) */
bool evaluate(NodeCall *);
bool evaluate_alone(const NodeCall *); /* an operator that only evaluate knows */

/* Where this node is the last of several that spell out one operator: true, and its results are given. (pattern.c) */
bool recognize(NodeCall *);
ValueId recognize_view(NodeCall *, ValueId); /* a channel shuffle that a reshape ends, or the value itself */

/* ---- import.c ---- */
enum { LEFT_OUT = -2 };
/* OnnxImport.val; -1: unknown; LEFT_OUT: an operand that a call of the function leaves out. */
int import_find(const Scope *, const char *name);
NodeMaker import_maker(OnnxImport *, const char *name, Loc);
void import_nodes(OnnxImport *, Scope *, const MNode *, int n);
/* NULL after noting that there is one of that name. */
OnnxValue *import_new(OnnxImport *, Scope *, const char *name, int line, const char *what);
void import_wrong(OnnxImport *, int line, const char *what, const char *fmt, ...) PRINTF(4, 5);

/* The value is broken; why NULL: because something before it is. */
void import_fail(OnnxImport *, OnnxValue *, Failure);
const char *import_show(const OnnxImport *, const char *name); /* for messages: a long one is cut */

/* ---- ports.c ---- */
void import_initializers(OnnxImport *, Scope *, const MGraph *);
void import_inputs(OnnxImport *, Scope *);
/* Gives the graph its outputs. Keeps those failures that one depends on, in the order of the nodes. */
void import_outputs(OnnxImport *, Scope *);

/* ---- inline.c ---- */
const MFunction *find_function(const OnnxModel *, const MNode *);
bool import_function(NodeCall *, const MFunction *);
bool import_if(NodeCall *);
#endif
