/* lstm, gru and rnn in the operators of ONNX, each one direction. ONNX has the gates in another order:

     lstm   i f g o  ->  i o f c        gru   r z n  ->  z r h                                                        */
#include <string.h>

#include "../../ir/ops/rnn.h"
#include "build.h"

/* The constant, blocks of rows of which are the gates, in ONNX's order. */
static float *gates(Onnx *x, ValueId id, const Recurrence *r)
{
    static const int order[][4] = {[1] = {0}, [3] = {1, 0, 2}, [4] = {0, 3, 1, 2}};
    const Value *v = &x->g->value.v[id];
    int64_t n = type_elems(&v->type) / r->gates;
    const float *from = tensor_f32(x->arena, v->tensor);
    float *to = NEW(x->arena, float, n * r->gates);
    for (int k = 0; k < r->gates; k++)
        memcpy(to + k * n, from + order[r->gates][k] * n, (size_t)n * sizeof *to);
    return to;
}

static const char *weight(Onnx *x, ValueId id, const Recurrence *r)
{
    const Value *v = &x->g->value.v[id];
    return onnx_tensor(x, arena_printf(x->arena, "%s.gates", v->name), gates(x, id, r), 3,
                       (int64_t[]){1, v->type.dim[0], v->type.dim[1]});
}

static const char *biases(Onnx *x, const Node *n, const Recurrence *r)
{
    if (r->b_ih < 0)
        return "";
    const Value *v = &x->g->value.v[n->in[r->b_ih]];
    int64_t rows = v->type.dim[0];
    float *both = NEW(x->arena, float, 2 * rows);
    memcpy(both, gates(x, n->in[r->b_ih], r), (size_t)rows * sizeof *both);
    memcpy(both + rows, gates(x, n->in[r->b_hh], r), (size_t)rows * sizeof *both);
    const char *name = arena_printf(x->arena, "%s, %s.gates", v->name, x->g->value.v[n->in[r->b_hh]].name);
    return onnx_tensor(x, name, both, 2, (int64_t[]){1, 2 * rows});
}

/* The result [steps,1,N,H] of ONNX loses its dimension of directions. */
static OnnxNode *recurrent(Onnx *x, const Node *n, const char *type)
{
    Recurrence r;
    Type in[8];
    for (int k = 0; k < n->nin; k++)
        in[k] = x->g->value.v[n->in[k]].type;
    if (!recurrence_of(n->op, in, n->nin, &r) || r.w_ih < 0)
        bug("a recurrent layer as a spec cannot have it");
    const char *h = r.h < 0 ? "" : onnx_value(x, n->in[r.h]), *c = r.c < 0 ? NULL : onnx_value(x, n->in[r.c]);
    const char *operands[] = {onnx_value(x, n->in[0]), weight(x, n->in[r.w_ih], &r), weight(x, n->in[r.w_hh], &r),
                              biases(x, n, &r), "", h, c, NULL};
    for (int k = LEN(operands) - 2; k > 0 && (!operands[k] || !*operands[k]); k--)
        operands[k] = NULL;
    const char *y = onnx_value(x, n->out[0].value), *four = onnx_name(x, arena_printf(x->arena, "%s.%s", y, type));
    const char *out[] = {four, NULL, NULL, NULL};
    if (n->nout > 1 && value_uses(x->g, n->out[1].value))
        out[1] = "", out[2] = onnx_value(x, n->out[1].value);
    OnnxNode *o = onnx_node(x, type, out, operands);
    onnx_int(x, o, "hidden_size", x->g->value.v[n->out[0].value].type.dim[2]);
    onnx_text(x, o, "direction", n->attr.reverse ? "reverse" : "forward");
    const Type *t = &x->g->value.v[n->out[0].value].type;
    onnx_node(x, "Reshape", (const char *[]){y, NULL},
              (const char *[]){four, onnx_ints(x, t->dim, t->rank), NULL});
    return o;
}

void export_lstm(Onnx *x, const Node *n)
{
    recurrent(x, n, "LSTM");
}

void export_gru(Onnx *x, const Node *n)
{
    onnx_int(x, recurrent(x, n, "GRU"), "linear_before_reset", n->attr.linear_before_reset);
}

void export_rnn(Onnx *x, const Node *n)
{
    onnx_texts(x, recurrent(x, n, "RNN"), "activations", n->attr.nonlinearity ? "Relu" : "Tanh");
}
