/* lstm, gru and rnn of a spec: nn.LSTM, nn.GRU and nn.RNN of PyTorch, with their parameters' names.

     {op: lstm, name: rnn, hidden: 64, layers: 2, bidirectional: true, in: [x, h, c], as: [y, h_n, c_n]}

   makes a node for each layer and direction, in PyTorch's order, with rnn.weight_ih_l0, rnn.weight_ih_l0_reverse,
   rnn.weight_ih_l1 and so on. What a spec calls a tensor stands in place of weight_ih alone. States come and go as
   [layers * directions, N, hidden]; without h and c they are zeros. Results that `as` does not name are not made. */
#include <string.h>

#include "spec_op.h"

typedef struct RnnStep {
    OpCase *c;
    int64_t layers, hidden, batch;
    int directions, states;       /* states: what lstm (h, c) and the others (h) have */
    ValueId *last[2];             /* the last h, and c, of each layer and direction */
} RnnStep;

static Graph *graph(const RnnStep *r) { return r->c->cx.s->graph; }

/* The first result of a node that only arranges. */
static ValueId arrange(const RnnStep *r, Op op, const Attrs *a, const ValueId *in, int nin)
{
    const char *err = NULL;
    int node = graph_add(graph(r), op, a, in, nin, r->c->step->node_name, r->c->step->loc, &err);
    if (node < 0)
        bug("%s: %s", op_info[op].name, err);
    return node_value(graph(r), node);
}

static ValueId slice_at(const RnnStep *r, ValueId v, int64_t i)
{
    Attrs a;
    attrs_default(OP_slice, &a);
    a.axes = (Ints){1, {0}}, a.start = (Ints){1, {i}}, a.end = (Ints){1, {i + 1}};
    return arrange(r, OP_slice, &a, &v, 1);
}

static ValueId joined(const RnnStep *r, const ValueId *v, int64_t n, int64_t axis)
{
    Attrs a;
    attrs_default(OP_concat, &a);
    a.axis = axis;
    return n == 1 ? *v : arrange(r, OP_concat, &a, v, (int)n);
}

/* One direction of a layer on x; *y: its results. */
static bool direction(const RnnStep *r, int64_t layer, int d, ValueId x, ValueId *y)
{
    OpCase *c = r->c;
    Arena *A = c->cx.s->arena;
    int64_t at = layer * r->directions + d, all = r->layers * r->directions;
    ValueId in[3] = {x}, out[MAX_OUT];
    for (int k = 1; k < c->step->nin; k++)
        in[k] = all == 1 ? c->step->in[k] : slice_at(r, c->step->in[k], at);
    const char *suffix = arena_printf(A, "_l%lld%s", (long long)layer, d ? "_reverse" : "");
    const char *name = all == 1 ? c->step->node_name : arena_printf(A, "%s%s", c->step->node_name, suffix);
    c->attr.reverse = c->attr.reverse || d;
    int n = op_node(c, name, in, c->step->nin, suffix, out);
    if (n < 0)
        return false;
    *y = out[0];
    bool wanted = r->last[0] != NULL;
    if (wanted)
        r->last[0][at] = slice_at(r, *y, c->attr.reverse ? 0 : graph(r)->value.v[*y].type.dim[0] - 1);
    if (wanted && r->states == 2)
        r->last[1][at] = out[1];
    return true;
}

/* All layers; the results of the last one, or POISON. */
static ValueId layers(const RnnStep *r)
{
    ValueId x = r->c->step->in[0], y[2];
    bool reverse = r->c->attr.reverse;
    for (int64_t l = 0; l < r->layers; l++) {
        for (int d = 0; d < r->directions; d++) {
            r->c->attr.reverse = reverse;
            if (!direction(r, l, d, x, &y[d]))
                return POISON;
        }
        x = joined(r, y, r->directions, 2);
    }
    return x;
}

static bool check_inputs(const RnnStep *r)
{
    OpCase *c = r->c;
    int n = c->step->nin;
    const char *in = r->states == 2 ? "in: [x, h, c]" : "in: [x, h]";
    if (n != 1 && n != 1 + r->states) {
        spec_error(&c->cx, c->step->loc, arena_printf(c->cx.s->arena, "with the state: %s", in),
                   "1 or %d inputs expected, %d given", 1 + r->states, n);
        return false;
    }
    const Type *x = &graph(r)->value.v[c->step->in[0]].type;
    if (x->rank != 3) {
        spec_error(&c->cx, c->step->loc, "reshape or transpose it", "input %s has rank %d, [steps,batch,features] "
                   "expected", type_text(c->cx.s->arena, x), x->rank);
        return false;
    }
    Type want = type_make(DT_F32, 3, (int64_t[]){r->layers * r->directions, x->dim[1], r->hidden});
    for (int k = 1; k < n; k++) {
        const Type *t = &graph(r)->value.v[c->step->in[k]].type;
        if (type_eq(t, &want))
            continue;
        spec_error(&c->cx, c->step->loc, NULL, "the state %s is %s, %s expected: [layers * directions,batch,hidden]",
                   k == 1 ? "h" : "c", type_text(c->cx.s->arena, t), type_text(c->cx.s->arena, &want));
        return false;
    }
    return true;
}

static bool check_number(const OpCase *c, const SpecWord *w, int64_t most)
{
    int64_t n = w->ints.v[0];
    if (n >= 1 && n <= most)
        return true;
    spec_error(&c->cx, w->loc, NULL, "'%s' is %lld, 1 to %lld expected", w->name, (long long)n, (long long)most);
    return false;
}

/* `bias: false` leaves both of them out. {tensor: NAME} is one tensor, whatever the layer. */
static bool check_tensors(const RnnStep *r)
{
    OpCase *c = r->c;
    bool ok = true;
    for (int i = 0; i < c->nword; i++) {
        SpecWord *w = &c->word[i];
        w->present = !w->dims || strncmp(w->name, "bias", 4) || op_word(c, "bias")->ints.v[0];
        if (w->given && !w->present) {
            spec_error(&c->cx, w->loc, NULL, "'%s' is given with 'bias: false'", w->name);
            ok = false;
        }
        if (w->whole && r->layers * r->directions > 1) {
            spec_error(&c->cx, w->loc, NULL, "'%s' is one tensor, each of %lld layers and directions has its own",
                       w->name, (long long)(r->layers * r->directions));
            ok = false;
        }
    }
    return ok;
}

/* How many results `as` names; one where it stands nowhere. */
static int names(const OpStep *step)
{
    const Yaml *as = step->keys ? yaml_get(step->keys, "as") : NULL;
    return as && as->kind == YAML_LIST ? as->n : 1;
}

int rnn_expand(OpCase *c, ValueId *out)
{
    enum { MOST_LAYERS = 64 };
    const SpecWord *layer = op_word(c, "layers"), *hidden = op_word(c, "hidden");
    RnnStep r = {.c = c, .layers = layer->ints.v[0], .hidden = hidden->ints.v[0], .states = c->op == OP_lstm ? 2 : 1,
             .directions = op_word(c, "bidirectional")->ints.v[0] ? 2 : 1};
    if (!check_number(c, layer, MOST_LAYERS) || !check_number(c, hidden, (int64_t)1 << 20))
        return -1;
    if (r.directions == 2 && c->attr.reverse) {
        spec_error(&c->cx, op_word(c, "bidirectional")->loc, NULL,
                   "'bidirectional' has both directions, 'reverse' one");
        return -1;
    }
    if (!check_tensors(&r) || !check_inputs(&r))
        return -1;
    bool all = names(c->step) != 1;
    int64_t each = r.layers * r.directions;
    for (int k = 0; k < r.states && all; k++)
        r.last[k] = NEW(c->cx.s->arena, ValueId, each);
    out[0] = layers(&r);
    for (int k = 0; k < r.states && all && out[0] != POISON; k++)
        out[1 + k] = joined(&r, r.last[k], each, 0);
    return out[0] == POISON ? -1 : all ? 1 + r.states : 1;
}
