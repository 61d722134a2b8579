#ifndef DSQ_GRAPH_H
#define DSQ_GRAPH_H
/* The graph IR: SSA values of tensor type, made by nodes in execution order.

     graph @tiny (%image: f32[1,3,32,32]) -> (%logits: f32[1,10]) {
       const @conv1.weight : f32[16,3,3,3]
       %1 = conv2d %image, @conv1.weight {stride=[2,2], pad=[1,1,1,1]}
            epilogue { bias @bn1.bias ; relu ; add %0 ; relu } -> $4, mean($2, axes=[2,3])
            : f32[1,16,16,16], f32[1,16]  name=conv1            ; tiny.yaml:7
     }

   A node is an anchor operator and, where passes fused something into it, an epilogue: elementwise steps on the
   anchor's result while it is in registers. $0 is the anchor's result, $k the result of the k-th step. A step's
   operands are values or earlier steps. If one operand is missing, the previous step's result comes first: `add %0`
   above means add $2, %0. The outs after -> say which results are kept, and through which reduction: over axes, or
   over windows that lie side by side, mean($2, kernel=[2,2]). Without -> the last step's result is kept. A node without
   steps and with one plain out is the operator itself. */
#include "layout.h"

typedef int ValueId; /* index into Graph.value; -1: none */

/* ---- operators and attributes: one row each in op.def and attr.def ---- */
typedef enum Op {
    OP_NONE,
#define OP(name, ...) OP_##name,
#include "op.def"
#undef OP
    NOPS
} Op;

/* Properties that passes ask for instead of names. */
enum {
    P_ELEMENTWISE = 1,   /* each output element depends on the operands' broadcast elements at that index */
    P_IN_PLACE = 2,      /* an anchor that may write over operand 0, if that has the result's layout and number of
                            elements: its kernel reads no element after it wrote the result's element of that index */
    P_ANCHOR = 8,        /* may carry an epilogue: its lowering has each result in a register before it is stored */
    P_LINEAR = 16,       /* weights times operand 0, plus bias: factor and bias per output channel fold into them */
    P_REDUCE = 32,       /* reduces over attr.axes */
    P_WINDOW = 64,       /* reduces over a window on H and W */
    P_MOVE = 128,        /* only moves or repeats elements */
    P_MULTI = 256,       /* several results */
    P_PARAM = 512,       /* elementwise with per-channel constants as operands 1.. (along attr.axis) */
    P_VIEW = 1024,       /* a row-major tensor keeps its element order (reshape, flatten) */
    P_STEEP = 2048,      /* unbounded slope somewhere, as a square root at 0: amplifies the rounding of its operand */
    P_COMMUTES = 4096,   /* its two operands may change places */
    P_NONNEGATIVE = 8192 /* no result is below zero */
};

/* ---- attributes ---- */
typedef struct Ints { int n; int64_t v[MAX_RANK * 2]; } Ints; /* shapes, pads, axes, permutations */
static inline bool ints_have(const Ints *x, int64_t n)
{
    for (int i = 0; i < x->n; i++)
        if (x->v[i] == n)
            return true;
    return false;
}
typedef enum AttrKind { ATTR_INT, ATTR_FLOAT, ATTR_BOOL, ATTR_INTS, ATTR_ENUM } AttrKind;
typedef enum Attr {
#define ATTR(name, ...) A_##name,
#include "attr.def"
#undef ATTR
    NATTRS
} Attr;
typedef int64_t AttrCType_INT, AttrCType_ENUM;
typedef double AttrCType_FLOAT;
typedef bool AttrCType_BOOL;
typedef Ints AttrCType_INTS;
/* One field per attribute: n->attr.stride. Fields that the operator does not list are zero. */
typedef struct Attrs {
#define ATTR(name, kind, ...) AttrCType_##kind name;
#include "attr.def"
#undef ATTR
} Attrs;
typedef struct AttrInfo {
    const char *name;
    AttrKind kind;
    const char *choices; /* ENUM: "nearest|bilinear" */
    const char *doc;
    size_t offset;
} AttrInfo;
extern const AttrInfo attr_info[NATTRS];
int attr_by_name(const char *);

/* ---- operator table ---- */
/* An operator applied to types and numbers, free of any graph: what infer, ref and cost see. */
typedef struct OpCall {
    Op op;
    const Attrs *attr;
    int nin, nout;
    const Type *in;        /* nin */
    const Type *out;       /* nout; for ref and cost */
    Arena *arena;          /* for error texts and scratch */
} OpCall;
typedef struct Cost { int64_t macs, flops; } Cost; /* multiply-adds of contractions; other scalar operations */
/* Fills out[0..*nout) (room for MAX_OUT); NULL, or a message in c->arena such as
   "input has 3 channels, weight f32[64,4,7,7] expects 4". */
enum { MAX_OUT = 16 };
typedef const char *InferFn(const OpCall *, Type *out, int *nout);
/* Computes out from in, row-major in logical (NCHW) order, in double precision, as the definition says. */
typedef void RefFn(const OpCall *, const double *const *in, double *const *out);
typedef void CostFn(const OpCall *, Cost *);

typedef struct OpAttr { Attr attr; bool required; const char *dflt; /* spec text of the default, "" = zero */ } OpAttr;
enum { MAX_OP_ATTRS = 12 };
typedef struct OpInfo {
    const char *name;
    unsigned prop;
    int min_in, max_in;      /* max_in -1: any number */
    OpAttr attrs[MAX_OP_ATTRS];
    int nattrs;
    const char *spec;        /* spec-only words and parameter tensors, see op.def */
    const char *doc;
    InferFn *infer;
    RefFn *ref;
    CostFn *cost;
} OpInfo;
extern const OpInfo *const op_info; /* NOPS rows, filled before main */
Op op_by_name(const char *); /* OP_NONE where unknown */
void attrs_default(Op, Attrs *);                       /* the operator's defaults */
bool attrs_eq(Op, const Attrs *, const Attrs *);
/* Gives attributes their normal form, on which infer, ref, cost and every pass rely. Idempotent. NULL, or what is
   wrong.
   - kernel, stride, dilation, scale and output_pad have two numbers, pad has [top, left, bottom, right].
   - A pool's absent stride is its kernel.
   - axis, axes and perm count from the front, and axes ascend. start, end and step of a slice are sorted along with its
     axes and lie inside the dimension.
   - reshape's shape has neither 0 nor -1.
   - Attributes that op does not list are zero. */
const char *attrs_normalize(Arena *, Op, Attrs *, const Type *in, int nin);
/* Sets pad so that a convolution or pool of stride s makes ceil(in / s) of each dimension, and a transposed
   convolution in * s. Where a transposed convolution's window is smaller than its stride, output_pad makes up for
   that. An odd element is at the end; with `lower` at the beginning. The other attributes get their normal form.
   NULL, or what is wrong. */
const char *attrs_pad_same(Arena *, Op, Attrs *, const Type *in, int nin, bool lower);
/* Everything there is to check about a call (operand count and types, attributes in any spelling, shapes, limits);
   fills out[0..*nout). NULL, or what is wrong. Use this, not op_info[].infer, which expects normalized attributes. */
const char *op_infer(const OpCall *, Type *out, int *nout);
static inline bool op_is(Op op, unsigned prop) { return (op_info[op].prop & prop) == prop; }

/* ---- graph ---- */
typedef enum Region { REGION_NONE, REGION_ARENA, REGION_INPUT, REGION_OUTPUT, REGION_CONST } Region;

typedef enum ValueKind { VAL_DEAD, VAL_INPUT, VAL_CONST, VAL_NODE } ValueKind;
typedef struct Value {
    ValueKind kind;
    Type type;
    const char *name;     /* inputs, outputs, constants ("conv1.weight"); NULL for plain values */
    Loc loc;
    int node, out;        /* VAL_NODE: the node that makes it and which of its outs */
    Tensor *tensor;       /* VAL_CONST */
    ValueId origin;       /* the value of the graph as written that this one equals, or -1. Passes keep it. */
    Layout layout;        /* assign-layout, eliminate-movement */
    Region region;
    int64_t offset;       /* of the storage: bytes into the arena, -1 before plan-memory */
    int64_t bytes;        /* of the storage, with border and stride, 0 before plan-memory */
} Value;

typedef int Ref; /* operand of a step: a ValueId, or ~k for $k */
typedef struct Step {
    Op op;
    Attrs attr;
    int nin;
    Ref *in;
    Loc loc;
    const char *name;
    ValueId origin;
    int reads;            /* for readers.c */
} Step;
typedef enum ReduceKind { RED_NONE, RED_MEAN, RED_SUM, RED_MAX } ReduceKind;
/* A kept result: of step `step` (0: of the anchor), plain or reduced. It is reduced over axes or, where kernel has
   numbers, over windows of that height and width that lie side by side. keep: reduced dimensions stay, of size 1. */
typedef struct Out { ValueId value; int step; ReduceKind red; Ints axes; bool keep; Ints kernel; } Out;
static inline const char *reduce_name(ReduceKind r) { return r == RED_MEAN ? "mean" : r == RED_SUM ? "sum" : "max"; }
Op out_op(const Out *, Attrs *); /* the operator that a reduced out is, applied to its step's result */

struct Schedule;
typedef struct Node {
    Op op;                /* OP_NONE: removed */
    Attrs attr;
    int nin;
    ValueId *in;
    int nstep;
    Step *step;
    int nout;
    Out *out;
    const char *name;     /* scoped name in the spec, "layer1.0.conv1", or NULL */
    const char *layers;   /* names of all that was fused in, "conv1 + bn1 + relu", NULL: name */
    Loc loc;
    bool view;            /* movement that is an index map: the result lies in the operands' storage, no kernel runs */
    const char *why;      /* movement that remains a kernel: the reason */
    ValueId origin;       /* Value.origin of $0, where $0 is no out */
    struct Schedule *sched; /* chosen by choose-kernels */
    int64_t scratch, scratch_offset; /* bytes of arena that the kernel itself needs */
    int reads;            /* for readers.c */
} Node;

/* A rewrite rule that was applied. Dumps and reports list it, and --verify-each names it where numbers changed. */
typedef struct Fired { const char *rule; Loc loc; ValueId value; const char *where; } Fired;

typedef struct Readers Readers;
typedef struct Graph {
    Arena *arena;
    const char *name;
    VEC(Value) value;
    VEC(Node) node;       /* execution order; removed nodes have op OP_NONE until graph_compact */
    VEC(ValueId) input, output;
    Dict consts;          /* constant name -> ValueId */
    Dict suffixes;        /* base name -> the last suffix that graph_const_f32 tried */
    Dict made;            /* base name and hash of the numbers -> the constant that graph_const_f32 made */
    Readers *readers;     /* who reads each value */
    VEC(Fired) fired;     /* in order; value: what the result was computed into */
    int64_t arena_bytes, arena_lower_bound; /* plan-memory */
    bool flush_to_zero;   /* the reference takes what is subnormal as f32 for zero. Not part of the text form */
    const char *arena_proof; /* plan-memory: "meets the bound", "proved optimal, N % above the bound" or
                                "best found, N % above the bound". Not part of the text form */
} Graph;

Graph *graph_new(Arena *, const char *name);
ValueId graph_input(Graph *, const char *name, Type, Loc);
/* Makes v the next output and returns the output's value. Each output is a value of its own that a node makes. So where
   v is an input, a constant or an output already, a `map` copies it. */
ValueId graph_output(Graph *, const char *name, ValueId v, Loc);
/* The constant of that name, made on first use. A second use must agree in type (bug otherwise). */
ValueId graph_const(Graph *, const char *name, Type, Loc);
/* A constant with numbers that a pass made. If another constant has the name and other numbers, the name gets a suffix.
   graph_const_f32 copies data. graph_const_take keeps it: it lies in the graph's arena, and weights may be most of the
   memory there is. */
ValueId graph_const_f32(Graph *, const char *name, Type, const float *data);
ValueId graph_const_take(Graph *, const char *name, Type, const float *data);
/* Appends op(in...) and infers its types; attr is normalized (NULL: the defaults). Returns the node index, or -1 with
   *err set to the reason. Pointers into g->node.v and g->value.v do not survive the call. */
int graph_add(Graph *, Op, const Attrs *, const ValueId *in, int nin, const char *name, Loc, const char **err);
static inline ValueId node_value(const Graph *g, int node) { return g->node.v[node].out[0].value; }
/* A new value, to be entered as out `out` of a node by the caller. */
ValueId graph_value(Graph *, int node, int out, Type, Loc);
/* Checks a node's operator, operands, steps and outs, and gives the type of each out. NULL, or what is wrong. */
const char *node_infer(Arena *, const Graph *, const Node *, Type *out);
/* Type of $k of a node (k = 0: the anchor's result). bug() on a malformed node. */
Type node_step_type(const Graph *, const Node *, int k);

/* ---- readers (readers.c) ---- */
/* Where a value is read: operand `operand` of a node or of its step `step` (-1: of the node itself), or, where node is
   -1, output `operand` of the graph. */
typedef struct ValueReader { int node, step, operand, read, next; } ValueReader;
/* Walks over all readers of a value, in time proportional to their number. Readers come in the order of nodes at the
   time when the lists were made; readers added since follow. During the walk the reader at hand may be set to read
   something else, and its node may be taken out.
     for (ValueReader r = value_readers(g, v); r.read; r = reader_next(g, r)) */
ValueReader value_readers(const Graph *, ValueId);
ValueReader reader_next(const Graph *, ValueReader);
void reader_set(Graph *, ValueReader, ValueId);      /* it reads this value now */
int value_uses(const Graph *, ValueId);              /* operand occurrences plus one per graph output */
int value_outputs(const Graph *, ValueId);           /* how many outputs of the graph it is */
/* These functions change what a node reads, or an output, and keep the lists true. graph_check reports writes to
   Node.in, Step.in or Node.op past them. A new node may be written to directly, from graph_add to the first question
   about readers. */
void node_set_operand(Graph *, int node, int k, ValueId);
void node_set_operands(Graph *, int node, const ValueId *in, int nin); /* copies them */
void step_set_operand(Graph *, int node, int step, int k, Ref);
void node_set_steps(Graph *, int node, Step *, int nstep);            /* keeps the array */
void node_take_out(Graph *, int node); /* removes a node whose results are dead, or made by another node by now */
void graph_add_output(Graph *, ValueId);
void graph_set_output(Graph *, int i, ValueId);
void readers_forget(Graph *);          /* the lists are made again at the next question; for graph.c */
void readers_add_node(Graph *, int node); /* a node was appended; for graph.c */
Readers *readers_new(Arena *);
const char *readers_check(Arena *scratch, const Graph *); /* NULL, or what is wrong with lists that were made */

/* Every node that reads `from` reads `to` from now on. `to` takes over the origin if it has none. If `from` is an
   output, `to` becomes that output, with its name and origin. But where `to` has a name already (an input, a constant,
   another output), the output stays as it is, and so does the node that makes it. */
void value_replace(Graph *, ValueId from, ValueId to);
void node_remove(Graph *, int node);                 /* bug() where a result is still used */
/* Drops removed nodes and renumbers the others. A node that stands before the node of an operand moves after it; the
   others keep their order. So a pass may append nodes and leave the order to this function. */
void graph_compact(Graph *);
Graph *graph_clone(Arena *, const Graph *);          /* tensors' data, names and schedules are shared */

/* ---- checker: NULL, or what is wrong (in the graph's arena), naming the node ---- */
const char *graph_check(const Graph *);

/* ---- text ---- */
enum { PRINT_LAYOUT = 1, PRINT_LOC = 2, PRINT_DATA = 4 /* all constants' numbers, not only the small ones */ };
void graph_print(Buf *, const Graph *, unsigned flags);
/* One node as graph_print has it, without names and place. Value v is printed as %number[v], or by its name where
   number[v] is 0. */
void node_print(Buf *, const Graph *, const Node *, const int *number);
/* Attributes as graph_print has them, " {stride=[2,2], groups=4}". Defaults are left out. in: operand 0's type. */
void attrs_print(Buf *, Arena *, Op, const Attrs *, const Type *in);
/* Parses graph text. Errors go to diag with places in `file` (diag_file), and the result is NULL. Layouts, offsets and
   numbers of constants are optional in the text. */
Graph *graph_parse(Arena *, const char *text, int file);
/* NULL where both mean the same (names of plain values, places, origins and schedules aside), else the first
   difference. A constant of more than 16 elements may have its numbers on one side only. */
const char *graph_diff(Arena *, const Graph *, const Graph *);

/* ---- reference: double precision evaluation, node by node ---- */
/* Evaluates the graph. in[i]: row-major numbers of input i. sink(user, value, numbers) is called once for every input,
   for every value that a node makes, and for every constant that is an output. The numbers are valid during the call
   only. bug() where a constant has no numbers. */
typedef void RefSink(void *user, ValueId, const double *);
void graph_eval(const Graph *, const double *const *in, RefSink *sink, void *user);
/* Evaluates one node. in[v]: row-major numbers of each value v that it reads; constants are not needed. sink gets its
   results. *largest: the largest magnitude among the results of the anchor and all steps; may be NULL. */
void graph_eval_node(const Graph *, int node, const double *const *in, double *largest, RefSink *sink, void *user);

/* ---- cost ---- */
int64_t node_macs(const Graph *, const Node *);
int64_t graph_macs(const Graph *);
/* Elements of weights as PyTorch counts parameters: without running statistics. */
int64_t graph_parameters(const Graph *);
#endif
