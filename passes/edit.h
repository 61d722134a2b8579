#ifndef DSQ_EDIT_H
#define DSQ_EDIT_H
/* What several graph passes share. */
#include "pass.h"

/* Adds a title to a text of layers, "conv1 + bn1". A long text ends by saying that there are more. */
void layers_add(Buf *, const char *title);
/* The layers of two nodes that became one. */
const char *layers_join(Graph *, const Node *a, const Node *b);
const char *node_title(const Node *); /* its layers, else its name, else the operator's name */
/* Readers of a movement that moves nothing read its operand; what an output alone reads stays. True: it was one. */
bool remove_identity(Graph *, int node);
/* Why canonicalize would write the node in another way (transposes and pads that it merges aside), or NULL. */
const char *not_canonical(const Graph *, const Node *);
/* Is it a constant with numbers? */
bool value_known(const Graph *, ValueId);
/* The numbers of a known constant, in scratch. */
double *value_numbers(Arena *scratch, const Graph *, ValueId);
/* A constant made by a pass, named after base. at: the place of the step that is computed ahead of time. Numbers that
   are not finite are reported as an error there. const_f32 keeps the floats, which lie in the graph's arena; const_of
   rounds and copies. */
ValueId const_f32(Graph *, Loc at, const char *base, Type, const float *);
ValueId const_of(Graph *, Loc at, const char *base, Type, const double *);
static inline bool peels(const Node *n) { return n->sched && n->sched->peel; }
static inline bool is_resampling(Op op) { return op == OP_upsample || op == OP_resize; }
static inline bool is_conv(Op op) { return op == OP_conv2d || op == OP_conv_transpose2d; }
/* Rank 4 with more than one pixel: what may be stored channels-last. */
bool many_pixels(const Type *);
/* How many dimensions are larger than 1. dims (may be NULL) gets their indices. */
int long_dims(const Type *, int *dims);
/* The permutation that exchanges the last two of so many dimensions, as a product's transpose_a and _b do. */
Ints last_exchanged(int rank);
/* Is v an input of the caller's with its dimensions in another order, that dense convolutions alone read? They read it
   where it lies. */
bool caller_transposed(const Graph *, ValueId v);
/* Node that makes v, or -1 for inputs and constants. */
int value_def(const Graph *, ValueId);
/* Every use of from becomes a use of to, which takes over the origin: it now equals what from was in the graph as
   written. */
void value_becomes(Graph *, ValueId from, ValueId to);
/* Bytes that a value's storage takes, border and channel stride included. */
int64_t value_storage(const Value *);
#endif
