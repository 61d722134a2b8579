#ifndef DSQ_WEIGHTS_H
#define DSQ_WEIGHTS_H
/* Binds the constants of a graph to the numbers of a weights file, or to random ones. */
#include "../../ir/base/files.h"
#include "../../ir/graph/graph.h"

typedef struct WeightFile WeightFile; /* an opened file: names, types, views into its mapping */
typedef struct Weights { uint8_t sha256[32]; WeightFile *file; } Weights;

/* extra_ok: the file may have tensors that the graph does not read. prefix: the file's names begin with it and the
   graph's do not, "module."; "-module.": the other way round; NULL: the names are the same. */
typedef struct WeightsOptions { bool extra_ok; const char *prefix; } WeightsOptions;

/* Gives every constant of g without data its data: views into the mapped file, which live until weights_close. source:
   a path (.safetensors or .npz, told apart by content) or "random:SEED". False after an error:
   - one error lists all differences between file and graph, with nearest names; num_batches_tracked is ignored;
   - NaN or infinity is an error that names the tensor and the first index. */
bool weights_bind(Arena *, Graph *, const char *source, const WeightsOptions *, Weights *out);
void weights_close(Weights *);
bool weights_random_source(const char *source);               /* "random:..." */
bool weights_random_seed(const char *source, uint64_t *seed); /* of such a source; false where it has none */
#define RANDOM_SEED "the seed must be a number from 0 to 18446744073709551615"
/* Reports numbers that the graph's operators cannot take, such as negative variances. file: diag's number of the file
   that they come from. False after errors. */
bool weights_check(const Graph *, int file);
/* Random numbers for one constant from seed and its name, the same on every machine. The last part of the name and the
   rank say what it is: weights are normal with variance 2 / fan-in (He), batch norm weights lie in [0.25, 0.75),
   running_var in [0.5, 1.5), biases and running_mean are small. */
void weights_random(Arena *, Tensor *, uint64_t seed);
/* Tensors with numbers as a .safetensors file, in that order. False after a message. */
bool safetensors_write(OutFile *, const Tensor *const *, int n);
#endif
