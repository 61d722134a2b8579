#ifndef DSQ_TFLITE_H
#define DSQ_TFLITE_H
/* TensorFlow Lite models. Nothing outside this folder knows their format. */
#include "../spec/spec.h"

/* Whether a file is taken for a .tflite model: by its ending, or as it begins. */
bool tflite_known(const char *path);
/* A model as a spec would give it, and with all its numbers: views into the bytes. NULL after one message that lists
   everything that cannot be compiled, operator by operator. A model of integers gives a spec with `quantized`, whose
   graph has its operators and shapes, and not its numbers. path is used in messages. */
Spec *tflite_parse(Arena *, const char *path, const uint8_t *, size_t n, const ModelShape *shape, int nshape);
#endif
