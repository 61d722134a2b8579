/* lstm, gru and rnn in the operators of ONNX, each one direction. ONNX has the gates in another order:

     lstm   i f g o  ->  i o f c        gru   r z n  ->  z r h                                                        */
#include <string.h>

#include "../../../ir/ops/rnn.h"
#include "ops.h"

/* Which of our gates each of ONNX's is, by their number. */
static const int gate_order[][4] = {[1] = {0}, [3] = {1, 0, 2}, [4] = {0, 3, 1, 2}};

/* The constant, blocks of rows of which are the gates, in ONNX's order. */
static float *gates(Onnx *x, ValueId id, const Recurrence *r)
{
    const Value *v = &x->g->value.v[id];
    int64_t n = type_elems(&v->type) / r->gates;
    const float *from = tensor_f32(x->arena, v->tensor);
    float *to = NEW(x->arena, float, n * r->gates);
    for (int k = 0; k < r->gates; k++)
        memcpy(to + k * n, from + gate_order[r->gates][k] * n, (size_t)n * sizeof *to);
    return to;
}

static const char *gate_weight(Onnx *x, ValueId id, const Recurrence *r)
{
    const Value *v = &x->g->value.v[id];
    return onnx_tensor(x, arena_printf(x->arena, "%s.gates", v->name), gates(x, id, r), 3,
                       (int64_t[]){1, v->type.dim[0], v->type.dim[1]});
}

/* For an input that is multiplied already: the unit matrix, with its rows in ONNX's order. */
static const char *unit(Onnx *x, int64_t n, const Recurrence *r)
{
    int64_t size = n / r->gates;
    float *w = NEW(x->arena, float, n * n);
    for (int64_t i = 0; i < n; i++)
        w[i * n + gate_order[r->gates][i / size] * size + i % size] = 1;
    return onnx_tensor(x, arena_printf(x->arena, "unit%d_%lld", r->gates, (long long)n), w, 3, (int64_t[]){1, n, n});
}

static const char *biases(Onnx *x, const Node *n, const Recurrence *r)
{
    if (r->b_hh < 0)
        return "";
    const int operand[] = {r->b_ih, r->b_hh};
    int64_t rows = x->g->value.v[n->in[r->b_hh]].type.dim[0];
    float *both = NEW(x->arena, float, 2 * rows);
    const char *name = "";
    for (int k = 0; k < 2; k++) {
        if (operand[k] < 0) /* the input has it */
            continue;
        memcpy(both + k * rows, gates(x, n->in[operand[k]], r), (size_t)rows * sizeof *both);
        name = arena_printf(x->arena, "%s%s%s", name, *name ? ", " : "", x->g->value.v[n->in[operand[k]]].name);
    }
    return onnx_tensor(x, arena_printf(x->arena, "%s.gates", name), both, 2, (int64_t[]){1, 2 * rows});
}

/* The result [steps,1,N,H] of ONNX loses its dimension of directions. */
static OnnxNode *recurrent(Onnx *x, const Node *n, const char *type)
{
    Recurrence r;
    Type in[8];
    for (int k = 0; k < n->nin; k++)
        in[k] = x->g->value.v[n->in[k]].type;
    if (!recurrence_of(n->op, in, n->nin, &r))
        bug("operands of no recurrent layer");
    const char *w = r.w_ih < 0 ? unit(x, in[0].dim[2], &r) : gate_weight(x, n->in[r.w_ih], &r);
    const char *h = r.h < 0 ? "" : onnx_value(x, n->in[r.h]), *c = r.c < 0 ? NULL : onnx_value(x, n->in[r.c]);
    const char *operands[] = {onnx_value(x, n->in[0]), w, gate_weight(x, n->in[r.w_hh], &r),
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
