#ifndef DSQ_IMPORT_H
#define DSQ_IMPORT_H
/* What readers of models have in common, whatever the format. */
#include "../spec/spec.h"

enum { FAILURES_LISTED = 1000 }; /* in a message */

/* What cannot be compiled, or is malformed, for the list that the user sees. line: of the text that stands for the
   model, 0: none. what "": the model as a whole. help NULL: nothing helps. */
typedef struct Failure { int line; const char *what, *why, *help; } Failure;
/* One error: their number, and each on a line. file: of diag. */
void list_failures(int file, const Failure *, int n, const char *one, const char *many);

int64_t float_int(double);                       /* cut; what has no place becomes the nearest end, NaN 0 */
int64_t tensor_int(const Tensor *, int64_t i);   /* all bits of integers; floats are cut */
bool dtype_float(DType); /* of any width */
bool ints_eq(const Ints *, const Ints *);
/* Why the numbers of a constant, as f32, are not all finite; NULL: they are. */
const char *not_finite(Arena *, const Tensor *);
/* Whether a constant of type k differs along one dimension of x alone, and does not enlarge x; *axis: which, else -1.
   One of one element does not. */
bool one_axis(const Type *x, const Type *k, int *axis);

/* The name, or that with a number where another constant of the graph has it. */
const char *fresh_const_name(Arena *, const Graph *, const char *name);
/* The name, or a longer one where an input or output of the graph has it. ports: names so far, empty before the first
   output, when the graph has its inputs. */
const char *fresh_port_name(Arena *, Dict *ports, const Graph *, const char *name);

/* What a graph that was read from a model gives besides: inputs without mean and scale. Nodes that no output depends on
   are removed. (of_graph.c) */
void spec_of_graph(Spec *, Graph *);
#endif
