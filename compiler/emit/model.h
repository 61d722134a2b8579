#ifndef DSQ_MODEL_H
#define DSQ_MODEL_H
/* Compiled code in this process. Either the C backend writes it and the system's C compiler builds it, or LLVM makes
   it. */
#include "../driver.h"

typedef struct Model Model;
enum { MODEL_TRACE = 1, MODEL_THREADS = 2 };
/* Writes, compiles and loads. flags: MODEL_TRACE for model_trace; MODEL_THREADS to run on `threads` threads, 0: on all
   processors. NULL after a message. */
Model *model_build(const Job *, unsigned flags, int threads);
/* The two halves of model_build for the C backend. model_compile makes the sources and an object in a temporary folder;
   it needs the target's compiler alone. model_load does the rest. False, or NULL, after a message. */
typedef struct Built { const char *dir; unsigned flags; int64_t code_bytes; /* machine code in the object */ } Built;
bool model_compile(const Job *, unsigned flags, Built *);
Model *model_load(const Job *, const Built *, int threads);
void model_close(Model *);
int model_threads(const Model *);

/* One inference. io: the memory of every input, then of every output, as io_alloc gives it. */
void model_run(Model *, float *const *io);
void model_run_alone(Model *, float *const *io); /* on this thread, whatever else the model has */
/* The same with a hook: it is called with -1 first, and after every call of the program with the call's number. */
typedef void TraceFn(void *user, int call);
void model_trace(Model *, float *const *io, TraceFn *hook, void *user);
const uint8_t *model_arena(const Model *); /* with all intermediate values, after a run */

/* Memory for each input and then each output of a graph: 64-byte aligned, zeroed. */
float **io_alloc(Arena *, const Graph *);
/* Zeroed memory on a 2 MB boundary, in huge pages where the system gives them. */
void *huge_alloc(size_t n);
void huge_free(void *, size_t n);
#endif
