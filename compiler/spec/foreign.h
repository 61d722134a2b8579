#ifndef DSQ_FOREIGN_H
#define DSQ_FOREIGN_H
/* What a word of PyTorch, Keras, ONNX or TFLite is called in a spec: rows of foreign.def. */
#include "../../ir/base/base.h"

typedef enum Where { FOREIGN_OP, FOREIGN_ATTR, FOREIGN_SPEC, FOREIGN_INPUT, FOREIGN_VALUE } Where;

/* "did you mean 'pad'?", or a sentence that says what to write; NULL where the word is in no table or none of the
   candidates, the words that may stand there, is meant. */
const char *foreign_hint(Arena *, Where, const char *name, const char *const *cand, int n);
/* The candidate alone; NULL too where the table has a sentence only. */
const char *foreign_word(Arena *, Where, const char *name, const char *const *cand, int n);
#endif
