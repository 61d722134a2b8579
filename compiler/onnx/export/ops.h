#ifndef DSQ_ONNX_OPS_H
#define DSQ_ONNX_OPS_H
/* What the operators' spellings in ONNX share. */
#include "build.h"

typedef void ExportFn(Onnx *, const Node *);
#define OP(name, ...) ExportFn export_##name;
#include "../../../ir/graph/op.def"
#undef OP

#define NAMES(...) ((const char *[]){__VA_ARGS__, NULL})
/* A node whose only result has no name of its own, as the operand of the next. */
#define MAKE(x, type, ...) (onnx_node(x, type, NULL, NAMES(__VA_ARGS__))->output[0])
/* The node that makes the first result of n. */
#define RESULT(x, n, type, ...) onnx_node(x, type, NAMES(onnx_value(x, (n)->out[0].value)), NAMES(__VA_ARGS__))

static inline const char *operand(Onnx *x, const Node *n, int i)
{
    return onnx_value(x, n->in[i]);
}

static inline const Type *type_of(const Onnx *x, ValueId id)
{
    return &x->g->value.v[id].type;
}

/* All operands of n in their order. */
static inline OnnxNode *direct(Onnx *x, const Node *n, const char *type)
{
    const char **in = NEW(x->arena, const char *, n->nin + 1);
    for (int i = 0; i < n->nin; i++)
        in[i] = operand(x, n, i);
    return onnx_node(x, type, NAMES(onnx_value(x, n->out[0].value)), in);
}
#endif
