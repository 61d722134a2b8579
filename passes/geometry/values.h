#ifndef DSQ_VALUES_H
#define DSQ_VALUES_H
/* What kernels ask of values and nodes, whatever the schedule. */
#include "../pass.h"

/* The dimension whose elements lie side by side: an NHWC layout's channels, else the last one larger than 1. */
int value_vdim(const Graph *, ValueId);
Type node_frame(const Graph *, const Node *); /* of the anchor's result and every step's, else of the node's result */
/* Do all rows, along the last dimension, lie at one distance from each other? */
bool value_rows(const Value *);
const Ints *node_window(const Node *); /* the windows of its outs, all of one size; NULL: none */
bool node_reduces(const Node *); /* an out over the whole map? */
/* The dimension of a reduction's operand that is dimension d of its result. */
int reduce_operand_dim(const Graph *, const Node *, int d);
/* The last of the leading dimensions that are not 1, where a linear layer and all that it reads and makes have the
   same rows; else -1. Those rows are one matrix wherever they lie at one distance from each other. */
int linear_rows(const Graph *, const Node *);
int linear_flat(const Graph *, const Node *); /* the same where they do lie so */
/* Does it walk its operand and its result, of one type, in the same vectors? */
static inline bool is_norm(Op op)
{
    return op == OP_softmax || op == OP_softmin || op == OP_l2_normalize || op == OP_layer_norm;
}
#endif
