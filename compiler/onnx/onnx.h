#ifndef DSQ_ONNX_H
#define DSQ_ONNX_H
/* ONNX files. Nothing outside this folder knows protobuf. */
#include "../../ir/graph/graph.h"

typedef struct OnnxSize { int nodes; int64_t bytes; } OnnxSize;
/* Writes a graph as spec_load and weights_bind leave it (no epilogues, every output made by a node, all constants with
   data) as a model in float32: weights under their own names and with their own numbers, inputs and outputs under
   theirs. The same graph gives the same bytes. path: "-" is standard output. False after a message: it cannot be
   written, or is larger than the 2 GB that protobuf allows. */
bool onnx_write(Arena *, const Graph *, const char *path, OnnxSize *);
#endif
