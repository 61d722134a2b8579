#ifndef DSQ_VALUES_H
#define DSQ_VALUES_H
/* Questions about values and nodes that do not depend on the schedule. */
#include "../../ir/ops/rnn.h"
#include "../pass.h"

/* The dimension whose elements lie side by side: an NHWC layout's channels, else the last one larger than 1. */
int value_vdim(const Graph *, ValueId);
Type node_frame(const Graph *, const Node *); /* of the anchor's result and every step's, else of the node's result */
/* Do all rows, along the last dimension, lie at one distance from each other? */
bool value_rows(const Value *);
const Ints *node_window(const Node *); /* height and width of its outs' windows, all of one size; NULL: it has none */
bool node_reduces(const Node *); /* has it an out that is reduced over the whole map? */
/* The dimension of a reduction's operand that is dimension d of its result. */
int reduce_operand_dim(const Graph *, const Node *, int d);
/* The dimension that counts the rows of a linear layer, if all that it reads and makes has the same rows: the last
   leading dimension that is not 1. Else -1. linear_flat: the same, if the rows also lie at one distance from each
   other. Then they are one matrix. */
int linear_rows(const Graph *, const Node *);
int linear_flat(const Graph *, const Node *);
/* The operands of a recurrent layer, and the bytes that its kernel needs beside them. */
Recurrence node_recurrence(const Graph *, const Node *);
int64_t recurrence_scratch(const Graph *, const Node *);
/* Is it a norm along an axis? Its result has its operand's type, and it walks both in the same vectors. */
static inline bool is_norm(Op op)
{
    return op == OP_softmax || op == OP_softmin || op == OP_l2_normalize || op == OP_layer_norm;
}
#endif
