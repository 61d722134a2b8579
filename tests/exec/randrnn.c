/* Random recurrent layers: sizes of one, odd ones, some that do not fill vectors, sums in blocks; states that come from
   outside, from nodes or not at all; both directions, several layers; transposes around them. */
#include <math.h>

#include "randrnn.h"

typedef struct Gen { Arena *A; Graph *g; Rng r; int nconst; } Gen;

static int64_t pick(Gen *s, int64_t lo, int64_t hi)
{
    return lo + (int64_t)(rng_next(&s->r) % (uint64_t)(hi - lo + 1));
}

static bool chance(Gen *s, int percent) { return pick(s, 1, 100) <= percent; }

static const Type *type_of(const Gen *s, ValueId v) { return &s->g->value.v[v].type; }

static Type dims(int rank, int64_t a, int64_t b, int64_t c) { return type_make(DT_F32, rank, (int64_t[]){a, b, c}); }

static ValueId constant(Gen *s, Type t, double sd)
{
    int64_t n = type_elems(&t);
    float *x = NEW(s->A, float, n);
    for (int64_t i = 0; i < n; i++)
        x[i] = (float)(sd * rng_normal(&s->r));
    return graph_const_f32(s->g, arena_printf(s->A, "c%d", s->nconst++), t, x);
}

static int node(Gen *s, Op op, const Attrs *a, const ValueId *in, int nin)
{
    const char *err = NULL;
    int i = graph_add(s->g, op, a, in, nin, NULL, (Loc){0}, &err);
    if (i < 0)
        bug("randrnn: %s: %s", op_info[op].name, err);
    return i;
}

static ValueId value(Gen *s, Op op, const Attrs *a, const ValueId *in, int nin)
{
    return node_value(s->g, node(s, op, a, in, nin));
}

static ValueId swapped(Gen *s, ValueId x, int64_t p, int64_t q, int64_t r)
{
    Attrs a;
    attrs_default(OP_transpose, &a);
    a.perm = (Ints){3, {p, q, r}};
    return value(s, OP_transpose, &a, &x, 1);
}

static ValueId slice(Gen *s, ValueId x, int64_t axis, int64_t from)
{
    Attrs a;
    attrs_default(OP_slice, &a);
    a.axes = (Ints){1, {axis}}, a.start = (Ints){1, {from}}, a.end = (Ints){1, {from + 1}};
    return value(s, OP_slice, &a, &x, 1);
}

/* [1,N,H]: an input, made from one, or one of several that stand in it. */
static ValueId state(Gen *s, const char *name, int64_t N, int64_t H)
{
    int kind = (int)pick(s, 0, 3);
    ValueId h = graph_input(s->g, name, dims(3, kind == 2 ? 3 : 1, N, H), (Loc){0});
    if (kind == 1)
        h = value(s, OP_tanh, NULL, &h, 1);
    if (kind == 3)
        h = swapped(s, value(s, OP_tanh, NULL, (ValueId[]){swapped(s, h, 1, 2, 0)}, 1), 2, 0, 1);
    return kind == 2 ? slice(s, h, 0, pick(s, 0, 2)) : h;
}

/* The node. c: gets the last c of lstm. */
static ValueId layer(Gen *s, Op op, ValueId x, const ValueId *states, int64_t H, bool reverse, ValueId *c)
{
    int64_t I = type_of(s, x)->dim[2], gates = op == OP_lstm ? 4 : op == OP_gru ? 3 : 1;
    ValueId in[8] = {x};
    int nin = 1;
    Attrs a;
    attrs_default(op, &a);
    a.reverse = reverse;
    a.nonlinearity = op == OP_rnn && chance(s, 30);
    a.linear_before_reset = op == OP_gru && chance(s, 60);
    for (int k = 0; states && k < (op == OP_lstm ? 2 : 1); k++)
        in[nin++] = states[k];
    in[nin++] = constant(s, dims(2, gates * H, I, 0), sqrt(1.0 / (double)I));
    in[nin++] = constant(s, dims(2, gates * H, H, 0), sqrt((a.nonlinearity ? 0.3 : 1.5) / (double)H));
    for (int k = 0, biases = chance(s, 75) ? 2 : 0; k < biases; k++)
        in[nin++] = constant(s, dims(1, gates * H, 0, 0), 0.3);
    int i = node(s, op, &a, in, nin);
    if (op == OP_lstm)
        *c = s->g->node.v[i].out[1].value;
    return node_value(s->g, i);
}

static void output(Gen *s, ValueId v)
{
    graph_output(s->g, arena_printf(s->A, "out%d", s->g->output.n), v, (Loc){0});
}

/* One layer in one or both directions. */
static ValueId directions(Gen *s, Op op, ValueId x, const ValueId *states, int64_t H, ValueId *c)
{
    bool both = chance(s, 35), reverse = chance(s, 40);
    ValueId y[2];
    for (int d = 0; d <= both; d++)
        y[d] = layer(s, op, x, states, H, both ? d : reverse, c);
    Attrs a;
    attrs_default(OP_concat, &a);
    a.axis = chance(s, 80) ? 2 : 0;
    return both ? value(s, OP_concat, &a, y, 2) : y[0];
}

Graph *randrnn(Arena *A, uint64_t seed)
{
    static const Op ops[] = {OP_lstm, OP_lstm, OP_gru, OP_gru, OP_rnn};
    static const int64_t sizes[] = {1, 2, 3, 4, 5, 7, 8, 9, 12, 15, 16, 17, 24, 33, 40, 64};
    static const int64_t steps[] = {1, 1, 2, 3, 5, 17}, rows[] = {1, 1, 1, 2, 3, 4, 6, 7, 12};
    Gen s = {.A = A, .g = graph_new(A, "recurrent"), .r = rng_seed(seed, "randrnn")};
    int64_t T = steps[pick(&s, 0, LEN(steps) - 1)], N = rows[pick(&s, 0, LEN(rows) - 1)];
    int64_t H = sizes[pick(&s, 0, LEN(sizes) - 1)], I = pick(&s, 1, 20);
    if (chance(&s, 4))
        H = pick(&s, 512, 530), T = 2, N = pick(&s, 1, 2);
    Op op = ops[pick(&s, 0, LEN(ops) - 1)];
    bool batch_first = chance(&s, 30), with_state = chance(&s, 50);
    ValueId x = graph_input(s.g, "x", batch_first ? dims(3, N, T, I) : dims(3, T, N, I), (Loc){0}), states[2], c = -1;
    if (chance(&s, 30))
        x = value(&s, OP_relu, NULL, &x, 1);
    if (batch_first)
        x = swapped(&s, x, 1, 0, 2);
    for (int k = 0; with_state && k < 2; k++)
        if (op == OP_lstm || !k)
            states[k] = state(&s, k ? "c" : "h", N, H);
    ValueId y = directions(&s, op, x, with_state ? states : NULL, H, &c);
    if (chance(&s, 40) && H < 512)
        output(&s, y), y = directions(&s, op, y, with_state ? states : NULL, H, &c);
    if (c >= 0 && chance(&s, 60))
        output(&s, c);
    if (chance(&s, 30))
        output(&s, slice(&s, y, 0, chance(&s, 50) ? 0 : type_of(&s, y)->dim[0] - 1));
    if (chance(&s, 30))
        y = value(&s, OP_relu, NULL, &y, 1);
    if (batch_first || chance(&s, 15))
        y = batch_first ? swapped(&s, y, 1, 0, 2) : swapped(&s, y, 2, 1, 0);
    if (chance(&s, 30)) {
        int64_t out = pick(&s, 1, 12), n = type_of(&s, y)->dim[2];
        ValueId in[] = {y, constant(&s, dims(2, out, n, 0), sqrt(1.0 / (double)n))};
        y = value(&s, OP_linear, NULL, in, 2);
    }
    output(&s, y);
    graph_compact(s.g);
    return s.g;
}
