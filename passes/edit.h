#ifndef DSQ_EDIT_H
#define DSQ_EDIT_H
/* What several graph passes do alike. */
#include "pass.h"

/* Adds a title to a text of layers, "conv1 + bn1"; a long one just says that there are more. */
void layers_add(Buf *, const char *title);
/* The layers of two nodes that became one. */
const char *layers_join(Graph *, const Node *a, const Node *b);
const char *node_title(const Node *); /* its layers, else its name, else its operator's */
/* Constant with numbers? */
bool value_known(const Graph *, ValueId);
/* The numbers of a known constant, in scratch. */
double *value_numbers(Arena *scratch, const Graph *, ValueId);
/* A constant made by a pass. base names it, and `at` is the step that is computed ahead of time. Numbers that are not
   finite are an error of the input. The floats are taken, in the graph's arena. */
ValueId const_f32(Graph *, Loc at, const char *base, Type, const float *);
ValueId const_of(Graph *, Loc at, const char *base, Type, const double *);
static inline bool peels(const Node *n) { return n->sched && n->sched->peel; }
static inline bool is_resampling(Op op) { return op == OP_upsample || op == OP_resize; }
static inline bool is_conv(Op op) { return op == OP_conv2d || op == OP_conv_transpose2d; }
/* Rank 4 with more than one pixel: what may be stored channels-last. */
bool many_pixels(const Type *);
/* How many dimensions are larger than 1; dims: which ones, NULL: nobody asks. */
int long_dims(const Type *, int *dims);
/* The permutation that exchanges the last two of so many dimensions, as a product's transpose_a and _b do. */
Ints last_exchanged(int rank);
/* Node that makes v, or -1 for inputs and constants. */
int value_def(const Graph *, ValueId);
/* Every use of from becomes to, which from now on equals what from was in the graph as written. */
void value_becomes(Graph *, ValueId from, ValueId to);
/* Bytes that a value's storage takes, border and channel stride included. */
int64_t value_storage(const Value *);
#endif
