#ifndef DSQ_WEIGHTS_H
#define DSQ_WEIGHTS_H
/* Binds the constants of a graph to the numbers of a weights file, or to random ones. */
#include "../../ir/base/files.h"
#include "../../ir/graph/graph.h"

typedef struct WeightFile WeightFile; /* an opened file: names, types, views into its mapping */
typedef struct Weights { uint8_t sha256[32]; WeightFile *file; } Weights;

/* extra_ok: tensors of the file that the graph does not read are no error. prefix: what the file's names have in front
   of the graph's, "module."; "-module.": what they lack; NULL: nothing. */
typedef struct WeightsOptions { bool extra_ok; const char *prefix; } WeightsOptions;

/* source: a path (.safetensors or .npz, told apart by content) or "random:SEED". Every constant of g without data gets
   its data (views into the mapping; they live until weights_close). Differences between the file and the graph are
   one error that lists them all with nearest names; NaN and infinity in a tensor are errors that name it and the first
   index; num_batches_tracked is ignored. False on error. */
bool weights_bind(Arena *, Graph *, const char *source, const WeightsOptions *, Weights *out);
void weights_close(Weights *);
bool weights_random_source(const char *source);               /* "random:..." */
bool weights_random_seed(const char *source, uint64_t *seed); /* of such a source; false where it has none */
#define RANDOM_SEED "the seed must be a number from 0 to 18446744073709551615"
/* Checks for numbers of the graph's constants that its operators cannot take, such as negative variances. file: of
   diag, where the numbers come from. False after errors. */
bool weights_check(const Graph *, int file);
/* Random numbers for one constant, the same on every machine, from seed and its name: weights He-scaled by fan-in
   (normal, variance 2 / fan-in), batch norm weight in [0.25, 0.75), bias small, running_mean small, running_var in
   [0.5, 1.5); recognized by the last part of the name and the rank. */
void weights_random(Arena *, Tensor *, uint64_t seed);
/* Tensors with numbers as a .safetensors file, in that order. False after a message. */
bool safetensors_write(OutFile *, const Tensor *const *, int n);
#endif
