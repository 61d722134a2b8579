#ifndef DSQ_MODEL_H
#define DSQ_MODEL_H
/* Compiled code inside this process. The C backend writes it, the system's C compiler builds it, and then it is
   loaded; or it is LLVM's. */
#include "../driver.h"

typedef struct Model Model;
enum { MODEL_TRACE = 1, MODEL_THREADS = 2 };
/* Writes, compiles and loads. threads counts with MODEL_THREADS only; 0: all processors. NULL after a message. */
Model *model_build(const Job *, unsigned flags, int threads);
/* The two halves of model_build for the C backend. The first makes the sources and an object of them in a folder,
   which needs the target's compiler alone. The second does the rest. False and NULL after a message. */
typedef struct Built { const char *dir; unsigned flags; int64_t code_bytes; /* machine code in the object */ } Built;
bool model_compile(const Job *, unsigned flags, Built *);
Model *model_load(const Job *, const Built *, int threads);
void model_close(Model *);
int model_threads(const Model *);

/* One inference. io: the memory of every input, then of every output, as io_alloc gives it. */
void model_run(Model *, float *const *io);
void model_run_alone(Model *, float *const *io); /* on this thread, whatever else the model has */
/* The same with a hook, called with -1 first and then with its number after every call of the program. */
typedef void TraceFn(void *user, int call);
void model_trace(Model *, float *const *io, TraceFn *hook, void *user);
const uint8_t *model_arena(const Model *);

/* Memory for the inputs and outputs of a graph in that order, 64-byte aligned, zeroed. */
float **io_alloc(Arena *, const Graph *);
/* Zeroed memory on a 2 MB boundary, in huge pages where the system gives them. */
void *huge_alloc(size_t n);
void huge_free(void *, size_t n);
#endif
