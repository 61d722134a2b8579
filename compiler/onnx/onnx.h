#ifndef DSQ_ONNX_H
#define DSQ_ONNX_H
/* ONNX files, out and in. Nothing outside this folder knows their format. */
#include "../spec/spec.h"

typedef struct OnnxSize { int nodes; int64_t bytes; } OnnxSize;
/* Writes a graph as spec_load and weights_bind leave it (no epilogues, every output made by a node, all constants with
   data) as a model in float32: weights under their own names and with their own numbers, inputs and outputs under
   theirs. The same graph gives the same bytes. path: "-" is standard output. False after a message: it cannot be
   written, or is larger than the 2 GB that protobuf allows. */
bool onnx_write(Arena *, const Graph *, const char *path, OnnxSize *);

/* Whether a file is taken for an ONNX model: by its ending, or as it begins. */
bool onnx_known(const char *path);
/* A model as a spec would give it, and with all its numbers: views into the bytes. Sizes that it leaves open come from
   shape; a batch that is left open is 1. NULL after one message that lists everything that cannot be compiled, node by
   node. path is used in messages, and external data lie beside it. */
Spec *onnx_parse(Arena *, const char *path, const uint8_t *, size_t n, const ModelShape *shape, int nshape);
#endif
