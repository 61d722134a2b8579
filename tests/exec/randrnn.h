#ifndef DSQ_RANDRNN_H
#define DSQ_RANDRNN_H
#include "../../ir/graph/graph.h"

/* Layers of lstm, gru or rnn, as randgraph.h has it for other operators. */
Graph *randrnn(Arena *, uint64_t seed);
#endif
