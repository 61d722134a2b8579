#ifndef DSQ_FOREIGN_H
#define DSQ_FOREIGN_H
/* What a word of PyTorch, Keras, ONNX or TFLite is called in a spec: rows of foreign.def. */
#include "../../ir/base/base.h"

typedef enum Where { FOREIGN_OP, FOREIGN_ATTR, FOREIGN_SPEC, FOREIGN_INPUT, FOREIGN_VALUE } Where;

/* A hint for a foreign word: "did you mean 'pad'?", or a sentence that says what to write. cand: the words that may
   stand there. NULL: no row has the word, or it means none of the candidates. */
const char *foreign_hint(Arena *, Where, const char *name, const char *const *cand, int n);
/* The candidate alone. Also NULL where the row has a sentence only. */
const char *foreign_word(Arena *, Where, const char *name, const char *const *cand, int n);
#endif
