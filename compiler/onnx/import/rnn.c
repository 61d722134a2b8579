/* LSTM, GRU and RNN: a layer of ours for each direction. ONNX has the gates in another order than PyTorch and we:

     lstm   i o f c  ->  i f g o        gru   z r h  ->  r z n                                                        */
#include <string.h>
#include <strings.h>

#include "../../../ir/ops/rnn.h"
#include "rows.h"

enum { X, W, R, B, LENGTHS, H0, C0, PEEPHOLES }; /* operands */

/* Which of ONNX's gates each of ours is, by their number. */
static const int gate_at[][4] = {[1] = {0}, [3] = {1, 0, 2}, [4] = {0, 2, 3, 1}};
static const char *const activation[][3] = {[1] = {"Tanh"}, [3] = {"Sigmoid", "Tanh"},
                                            [4] = {"Sigmoid", "Tanh", "Tanh"}};

/* The node in sizes: steps T, batch N, features I, units H. */
typedef struct RnnNode {
    NodeCall *c;
    Op op;
    Attrs attr;
    int gates, directions, states;
    bool batch_first, reverse;
    int64_t T, N, I, H;
    ValueId x;
    ValueId y[2], last[2][2]; /* by direction: [T,N,H]; h and c after the last step, [1,N,H] */
} RnnNode;

/* The activations are those of our layers; rnn has relu, too. */
static bool read_activations(RnnNode *r)
{
    WireBytes msg;
    int per = r->gates == 4 ? 3 : r->gates == 3 ? 2 : 1, i = 0, relu = 0;
    if (!call_attr(r->c, "activations", &msg))
        return true;
    Wire w = wire_open(msg);
    for (WireField f; wire_next(&w, &f);) {
        if (f.number != 9 || f.kind != WIRE_BYTES)
            continue;
        const char *name = arena_strndup(r->c->x->arena, (const char *)f.bytes.p, f.bytes.n);
        bool is_relu = r->op == OP_rnn && !strcasecmp(name, "Relu");
        if (!is_relu && strcasecmp(name, activation[r->gates][i % per]) != 0)
            return call_refuse(r->c, NULL, "its activation '%s' is not that of PyTorch's layer",
                               import_show(r->c->x, name));
        relu += is_relu;
        i++;
    }
    if (relu && relu != i)
        return call_refuse(r->c, NULL, "its directions have different activations");
    r->attr.nonlinearity = relu > 0;
    return true;
}

/* What our layers do not have. */
static bool check_form(RnnNode *r)
{
    NodeCall *c = r->c;
    WireBytes clip;
    const Tensor *lengths = call_known(c, LENGTHS), *peepholes = call_known(c, PEEPHOLES);
    if (call_attr(c, "clip", &clip))
        return call_refuse(c, NULL, "it clips what goes into its activations");
    if (call_int(c, "input_forget", 0))
        return call_refuse(c, NULL, "its input and forget gates are one (input_forget=1)");
    if (r->op == OP_lstm && call_has(c, PEEPHOLES) && !(peepholes && konst_is(peepholes, 0)))
        return call_refuse(c, NULL, "it has peepholes");
    if (call_has(c, LENGTHS) && !(lengths && konst_is(lengths, (double)r->T)))
        return call_refuse(c, "leave sequence_lens out", "its sequences have lengths of their own");
    return read_activations(r);
}

/* A constant operand of that shape; NULL after refusing. */
static const Tensor *gate_numbers(const RnnNode *r, int i, int rank, int64_t rows, int64_t columns)
{
    const Tensor *t = call_known(r->c, i);
    Type want = type_make(DT_F32, rank, (int64_t[]){r->directions, rows, columns}), is = call_type(r->c, i);
    want.dtype = is.dtype;
    if (!t)
        call_refuse(r->c, "weights have to be constants", "its operand %d is computed from the input", i);
    else if (!type_eq(&is, &want))
        call_refuse(r->c, NULL, "its operand %d is %s, %s is expected", i, type_text(r->c->x->arena, &is),
               type_text(r->c->x->arena, &want));
    else
        return t;
    return NULL;
}

/* Gates of direction d in our order, as rows of so many columns. half: of a bias, 0 or 1 of two. */
static ValueId gate_param(const RnnNode *r, const Tensor *t, int rank, int64_t columns, int d, int half)
{
    int64_t block = r->H * columns, dim[2] = {r->gates * r->H, columns};
    int64_t first = (d * (rank == 1 ? 2 : 1) + half) * r->gates * block;
    Tensor *to = t ? konst(r->c, t->stored, rank, dim) : NULL;
    for (int k = 0; to && k < r->gates; k++)
        for (int64_t i = 0; i < block; i++)
            tensor_copy(to, k * block + i, t, first + gate_at[r->gates][k] * block + i);
    if (to)
        to->name = t->name;
    return call_param(r->c, to, rank, dim);
}

static ValueId slice_one(const RnnNode *r, ValueId v, int64_t at)
{
    Attrs a = call_defaults(OP_slice);
    a.axes = (Ints){1, {0}}, a.start = (Ints){1, {at}}, a.end = (Ints){1, {at + 1}};
    return call_add(r->c, OP_slice, &a, 1, v);
}

static bool state_is_zero(const RnnNode *r, int i)
{
    return !call_has(r->c, i) || (call_known(r->c, i) && konst_is(call_known(r->c, i), 0));
}

/* The first state of direction d, [1,N,H]. */
static ValueId first_state(const RnnNode *r, int i, int d)
{
    int64_t dim[3] = {1, r->N, r->H};
    if (state_is_zero(r, i)) {
        Tensor *zero = konst(r->c, DT_F32, 3, dim);
        if (zero)
            zero->name = "zeros";
        return call_param(r->c, zero, 3, dim);
    }
    ValueId v = call_in(r->c, i);
    if (r->batch_first && v >= 0)
        v = call_transpose(r->c, v, 3, (const int[]){1, 0, 2});
    return r->directions == 1 ? v : slice_one(r, v, d);
}

static bool check_state(const RnnNode *r, int i)
{
    Type is = call_type(r->c, i), want = type_make(is.dtype, 3, (int64_t[]){r->directions, r->N, r->H});
    if (r->batch_first)
        want.dim[0] = r->N, want.dim[1] = r->directions;
    return !call_has(r->c, i) || type_eq(&is, &want) ||
           call_refuse(r->c, NULL, "its operand %d is %s, %s is expected", i, type_text(r->c->x->arena, &is),
                  type_text(r->c->x->arena, &want));
}

static bool rnn_direction(RnnNode *r, int d)
{
    int64_t rows = r->gates * r->H;
    ValueId in[7] = {r->x};
    int nin = 1;
    bool stateless = state_is_zero(r, H0) && (r->states == 1 || state_is_zero(r, C0));
    for (int k = 0; k < r->states && !stateless; k++)
        in[nin++] = first_state(r, H0 + k, d);
    in[nin++] = gate_param(r, gate_numbers(r, W, 3, rows, r->I), 2, r->I, d, 0);
    in[nin++] = gate_param(r, gate_numbers(r, R, 3, rows, r->H), 2, r->H, d, 0);
    for (int half = 0; half < 2 && call_has(r->c, B); half++)
        in[nin++] = gate_param(r, gate_numbers(r, B, 2, 2 * rows, 1), 1, 1, d, half);
    r->attr.reverse = r->reverse || d;
    r->y[d] = call_add_list(r->c, r->op, &r->attr, in, nin);
    if (r->y[d] < 0)
        return false;
    const Graph *g = r->c->x->g;
    if (r->states == 2)
        r->last[1][d] = g->node.v[g->value.v[r->y[d]].node].out[1].value;
    if (call_wanted(r->c, 1))
        r->last[0][d] = slice_one(r, r->y[d], r->attr.reverse ? 0 : r->T - 1);
    return true;
}

static ValueId both_directions(const RnnNode *r, const ValueId *v, int64_t axis)
{
    Attrs a = call_defaults(OP_concat);
    a.axis = axis;
    return r->directions == 1 ? v[0] : call_add_list(r->c, OP_concat, &a, v, 2);
}

/* [T,N,H] each to [T,D,N,H], [N,T,D,H] where the batch comes first. */
static ValueId all_steps(const RnnNode *r)
{
    ValueId v[2];
    for (int d = 0; d < r->directions; d++)
        v[d] = call_reshape(r->c, r->y[d], 4, (int64_t[]){r->T, 1, r->N, r->H});
    ValueId all = both_directions(r, v, 1);
    return r->batch_first && all >= 0 ? call_transpose(r->c, all, 4, (const int[]){2, 0, 1, 3}) : all;
}

static ValueId last_state(const RnnNode *r, int k)
{
    ValueId all = both_directions(r, r->last[k], 0);
    return r->batch_first && all >= 0 ? call_transpose(r->c, all, 3, (const int[]){1, 0, 2}) : all;
}

static bool read_sizes(RnnNode *r)
{
    NodeCall *c = r->c;
    Type x = call_type(c, X), w = call_type(c, R);
    const char *direction = call_text(c, "direction", "forward");
    r->reverse = !strcasecmp(direction, "reverse");
    r->directions = !strcasecmp(direction, "bidirectional") ? 2 : 1;
    r->batch_first = call_int(c, "layout", 0);
    if (x.rank != 3 || w.rank != 3)
        return call_refuse(c, NULL, "its input is %s and R is %s, three dimensions are expected",
                      type_text(c->x->arena, &x), type_text(c->x->arena, &w));
    r->T = x.dim[r->batch_first], r->N = x.dim[!r->batch_first], r->I = x.dim[2], r->H = w.dim[2];
    return true;
}

/* row->arg: the operator of ours. */
bool import_recurrent(NodeCall *c)
{
    RnnNode r = {.c = c, .op = (Op)c->row->arg};
    r.gates = r.op == OP_lstm ? 4 : r.op == OP_gru ? 3 : 1;
    r.states = r.op == OP_lstm ? 2 : 1;
    r.attr = call_defaults(r.op);
    r.attr.linear_before_reset = r.op == OP_gru && call_int(c, "linear_before_reset", 0);
    if (!read_sizes(&r) || !check_form(&r) || !check_state(&r, H0) || (r.states == 2 && !check_state(&r, C0)))
        return false;
    r.x = call_in(c, X);
    if (r.batch_first && r.x >= 0)
        r.x = call_transpose(c, r.x, 3, (const int[]){1, 0, 2});
    for (int d = 0; d < r.directions; d++)
        if (!rnn_direction(&r, d))
            return false;
    if (call_wanted(c, 0) && !call_give(c, 0, all_steps(&r)))
        return false;
    for (int k = 0; k < r.states; k++)
        if (call_wanted(c, 1 + k) && !call_give(c, 1 + k, last_state(&r, k)))
            return false;
    return true;
}
