/* lstm, gru, rnn: rnn.h says what their operands are. */
#include "rnn.h"

#include <math.h>

#include "ops.h"

/* How many operands from `from` on have that rank. */
static int of_rank(const Type *in, int nin, int from, int rank)
{
    int n = 0;
    while (from + n < nin && in[from + n].rank == rank)
        n++;
    return n;
}

bool recurrence_of(Op op, const Type *in, int nin, Recurrence *r)
{
    *r = (Recurrence){.gates = op == OP_lstm ? 4 : op == OP_gru ? 3 : 1, .states = op == OP_lstm ? 2 : 1,
                      .h = -1, .c = -1, .w_ih = -1, .b_ih = -1, .b_hh = -1};
    int states = of_rank(in, nin, 1, 3), w = 1 + states, weights = of_rank(in, nin, w, 2);
    int b = w + weights, biases = of_rank(in, nin, b, 1);
    if (states)
        r->h = 1, r->c = op == OP_lstm ? 2 : -1;
    r->w_hh = b - 1;
    if (weights == 2)
        r->w_ih = w;
    if (biases)
        r->b_hh = b + biases - 1;
    if (biases == 2)
        r->b_ih = b;
    return (!states || states == r->states) && (weights == 1 || weights == 2) && (!biases || biases == weights) &&
           b + biases == nin;
}

static const char *operands_text(const OpCall *c)
{
    const char *s = "";
    for (int i = 0; i < c->nin; i++)
        s = arena_printf(c->arena, "%s%s%s", s, i ? ", " : "", type_text(c->arena, &c->in[i]));
    return s;
}

static const char *check_one(const OpCall *c, const char *name, int operand, const Type *want)
{
    if (operand >= 0 && !type_eq(&c->in[operand], want))
        FAIL(c, "%s is %s, %s expected with input %s", name, type_text(c->arena, &c->in[operand]),
             type_text(c->arena, want), type_text(c->arena, &c->in[0]));
    return NULL;
}

static Type shaped(const OpCall *c, int rank, int64_t d0, int64_t d1, int64_t d2)
{
    return type_make(c->in[0].dtype, rank, (int64_t[]){d0, d1, d2});
}

/* H, the elements of the state. */
static int64_t state_size(const OpCall *c, const Recurrence *r) { return c->in[r->w_hh].dim[1]; }

static const char *check_shapes(const OpCall *c, const Recurrence *r)
{
    const Type *x = &c->in[0];
    int64_t size = state_size(c, r), rows = mul_sat(r->gates, size), features = x->dim[2];
    Type weight = shaped(c, 2, rows, size, 0), input = shaped(c, 2, rows, features, 0);
    Type bias = shaped(c, 1, rows, 0, 0), state = shaped(c, 3, 1, x->dim[1], size);
    const char *err = check_one(c, "weight_hh", r->w_hh, &weight);
    if (!err)
        err = check_one(c, "weight_ih", r->w_ih, &input);
    if (!err && r->w_ih < 0 && features != rows)
        FAIL(c, "input %s has %lld features, without weight_ih %lld expected: %d gate%s of %lld",
             type_text(c->arena, x), (long long)features, (long long)rows, r->gates, r->gates == 1 ? "" : "s",
             (long long)size);
    if (!err)
        err = check_one(c, "bias_ih", r->b_ih, &bias);
    if (!err)
        err = check_one(c, "bias_hh", r->b_hh, &bias);
    if (!err)
        err = check_one(c, "state h", r->h, &state);
    return err ? err : check_one(c, "state c", r->c, &state);
}

static const char *infer_recurrent(const OpCall *c, Type *out, int *nout)
{
    const Type *x = &c->in[0];
    Recurrence r;
    if (x->rank != 3)
        FAIL(c, "input %s has rank %d, [steps,batch,features] expected", type_text(c->arena, x), x->rank);
    if (!recurrence_of(c->op, c->in, c->nin, &r))
        FAIL(c, "operands %s found; input [T,N,I], %s [1,N,H] or none, weight_ih [%d*H,I], weight_hh [%d*H,H], both "
             "biases or none expected", operands_text(c), r.states == 2 ? "states h and c" : "state h", r.gates,
             r.gates);
    const char *err = check_shapes(c, &r);
    if (err)
        return err;
    out[0] = *x;
    out[0].dim[2] = state_size(c, &r);
    out[1] = out[0];
    out[1].dim[0] = 1;
    *nout = r.states;
    return NULL;
}

const char *infer_lstm(const OpCall *c, Type *out, int *nout) { return infer_recurrent(c, out, nout); }
const char *infer_gru(const OpCall *c, Type *out, int *nout) { return infer_recurrent(c, out, nout); }
const char *infer_rnn(const OpCall *c, Type *out, int *nout) { return infer_recurrent(c, out, nout); }

/* ---- reference ---- */

static double logistic(double x) { return 1 / (1 + exp(-x)); }

/* to[i] = w[i][...] x + b[i], for n rows; b NULL: none. */
static void gate_sums(double *to, const double *w, const double *x, const double *b, int64_t n, int64_t k)
{
    for (int64_t i = 0; i < n; i++) {
        double sum = b ? b[i] : 0;
        for (int64_t j = 0; j < k; j++)
            sum += w[i * k + j] * x[j];
        to[i] = sum;
    }
}

/* One step of one sequence. x: what the input brings to each gate; y: what the state does, of gru without its third
   gate where the reset comes first; h, c: the state, old and new. */
typedef struct RnnCell { const OpCall *call; int64_t n; double *x, *y, *h, *c; const double *w, *b; } RnnCell;

static void lstm_cell(const RnnCell *s)
{
    for (int64_t j = 0, n = s->n; j < n; j++) {
        double in = logistic(s->x[j] + s->y[j]), forget = logistic(s->x[n + j] + s->y[n + j]);
        double cell = tanh(s->x[2 * n + j] + s->y[2 * n + j]), out = logistic(s->x[3 * n + j] + s->y[3 * n + j]);
        s->c[j] = forget * s->c[j] + in * cell;
        s->h[j] = out * tanh(s->c[j]);
    }
}

static void gru_cell(const RnnCell *s)
{
    int64_t n = s->n;
    double *reset = s->y, *keep = s->y + n, *own = s->y + 2 * n;
    for (int64_t j = 0; j < 2 * n; j++)
        s->y[j] = logistic(s->x[j] + s->y[j]);
    for (int64_t j = 0; j < n; j++)
        s->c[j] = reset[j] * s->h[j];
    if (!s->call->attr->linear_before_reset)
        gate_sums(own, s->w + 2 * n * n, s->c, s->b ? s->b + 2 * n : NULL, n, n);
    for (int64_t j = 0; j < n; j++) {
        double a = s->call->attr->linear_before_reset ? reset[j] * own[j] : own[j];
        s->h[j] = (1 - keep[j]) * tanh(s->x[2 * n + j] + a) + keep[j] * s->h[j];
    }
}

static void rnn_cell(const RnnCell *s)
{
    for (int64_t j = 0; j < s->n; j++) {
        double sum = s->x[j] + s->y[j];
        s->h[j] = s->call->attr->nonlinearity ? (sum < 0 ? 0 : sum) : tanh(sum);
    }
}

static void reference(const OpCall *c, const double *const *in, double *const *out, void (*cell)(const RnnCell *))
{
    Recurrence r;
    recurrence_of(c->op, c->in, c->nin, &r);
    const Type *t = &c->in[0];
    int64_t T = t->dim[0], N = t->dim[1], I = t->dim[2], n = state_size(c, &r), rows = r.gates * n;
    RnnCell s = {.call = c, .n = n, .x = NEW(c->arena, double, rows), .y = NEW(c->arena, double, rows),
              .h = NEW(c->arena, double, n), .c = NEW(c->arena, double, n), .w = in[r.w_hh],
              .b = r.b_hh < 0 ? NULL : in[r.b_hh]};
    for (int64_t b = 0; b < N; b++) {
        for (int64_t j = 0; j < n; j++) {
            s.h[j] = r.h < 0 ? 0 : in[r.h][b * n + j];
            s.c[j] = r.c < 0 ? 0 : in[r.c][b * n + j];
        }
        for (int64_t k = 0; k < T; k++) {
            int64_t at = (c->attr->reverse ? T - 1 - k : k) * N + b;
            for (int64_t j = 0; j < rows && r.w_ih < 0; j++)
                s.x[j] = in[0][at * rows + j];
            if (r.w_ih >= 0)
                gate_sums(s.x, in[r.w_ih], in[0] + at * I, r.b_ih < 0 ? NULL : in[r.b_ih], rows, I);
            gate_sums(s.y, s.w, s.h, s.b, rows, n);
            cell(&s);
            for (int64_t j = 0; j < n; j++)
                out[0][at * n + j] = s.h[j];
        }
        for (int64_t j = 0; j < n && r.states == 2; j++)
            out[1][b * n + j] = s.c[j];
    }
}

void ref_lstm(const OpCall *c, const double *const *in, double *const *out) { reference(c, in, out, lstm_cell); }
void ref_gru(const OpCall *c, const double *const *in, double *const *out) { reference(c, in, out, gru_cell); }
void ref_rnn(const OpCall *c, const double *const *in, double *const *out) { reference(c, in, out, rnn_cell); }

/* ---- cost ---- */

/* flops: of the gates, for each element of the state. */
static void cost(const OpCall *c, Cost *cost, int64_t flops)
{
    Recurrence r;
    recurrence_of(c->op, c->in, c->nin, &r);
    int64_t n = type_elems(&c->out[0]), k = state_size(c, &r) + (r.w_ih < 0 ? 0 : c->in[0].dim[2]);
    *cost = (Cost){mul_sat(mul_sat(n, r.gates), k), mul_sat(n, flops)};
}

void cost_lstm(const OpCall *c, Cost *to) { cost(c, to, 13); }
void cost_gru(const OpCall *c, Cost *to) { cost(c, to, 11); }
void cost_rnn(const OpCall *c, Cost *to) { cost(c, to, 2); }
