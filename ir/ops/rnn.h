#ifndef DSQ_RNN_H
#define DSQ_RNN_H
/* The operands of recurrent layers (lstm, gru, rnn), which are told apart by rank:

     x [T,N,I]   h [1,N,H], lstm: c [1,N,H]   weight_ih [G*H,I]  weight_hh [G*H,H]   bias_ih [G*H]  bias_hh [G*H]

   States: all or none, none are zeros. Biases: both or none. The weights have PyTorch's shapes and order of gates: lstm
   i f g o (ONNX has i o f c), gru r z n (ONNX has z r h). Without weight_ih and bias_ih, x [T,N,G*H] is what they make
   of the input: so canonicalize leaves it, as the products of all steps are one `linear` layer.

   Results: y [T,N,H] and, of lstm, the last c [1,N,H]. The last h is a slice of y, at the last step or, in reverse, at
   the first. [T,N,H] is both PyTorch's output and, with a dimension of 1, what ONNX makes of one direction,
   [T,1,N,H]. A second direction is a second node: PyTorch's output is then a concat along the features, ONNX's
   along dimension 1, and neither moves anything. */
#include "../graph/graph.h"

typedef struct Recurrence {
    int gates, states;                       /* lstm 4 and 2, gru 3 and 1, rnn 1 and 1 */
    int h, c, w_ih, w_hh, b_ih, b_hh;        /* numbers of the operands; -1: there is none */
} Recurrence;
static inline bool is_recurrent(Op op) { return op == OP_lstm || op == OP_gru || op == OP_rnn; }
/* False where the ranks are none of the forms above. */
bool recurrence_of(Op, const Type *in, int nin, Recurrence *);
#endif
