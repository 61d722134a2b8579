/* lstm, gru, rnn: a loop over time around the product of the state with weight_hh. What the input brings to the gates
   is there already: a `linear` layer has multiplied all steps with weight_ih (canonicalize).

     first step
     for s 1..T {                                       step s, or T - 1 - s in reverse
       for units 0..H/(u*lanes) {                       u vectors of units, all of their gates
         acc[gates * u] = bias_hh
         for k 0..H { acc = fma(splat(y[s - 1, n, k]), w[units, k], acc) }
         c = f * c + i * g ; y[s, n] = o * tanh(c)      in registers
     } }

   The weights of all gates of a unit stand side by side, so that gates meet in registers. The state is never copied: h
   of the last step is read where it is a result, c stands in its result. The first step comes apart: its states are
   operands, or zeros, and then there is no product. A gru whose reset gate comes before the product takes two turns
   over the units. The first one leaves reset * h in scratch, and the update gate where the result will be.

   Sequences of a batch do not know each other: tiles of them, of which threads have some each, go through all steps. */
#include "lower.h"

typedef struct Rnn {
    Recurrence r;
    ValueId x, h0, c0, w, bias, y, c;  /* -1: none */
    Type xt, yt, st;                   /* [T,N,G*H], [T,N,H], a state: [1,N,H] */
    int64_t T, N, H;
    int lanes, u, px;                  /* u: vectors of units in a block; px: rows of the batch in a tile */
    int scratch;                       /* the parameter */
    int (*packed)[2];                  /* parameters of weights, per turn, of whole blocks and the rest; -1: not yet */
    /* where the loops stand: a function that opens one has a copy */
    const Ix *t, *before, *row;        /* this step, the one before, the tile's first row */
    bool first;                        /* the first step */
    int gate, gates;                   /* the first one, how many */
    bool second;                       /* the second turn: the product is that of reset * h */
    int64_t from;                      /* units: the first one of all blocks */
    const Ix *blk;
    int nv, last_n, wparam, blocked;
} Rnn;

typedef void TakeFn(KC *, const void *, const Ix *, const Ix *, const Expr *const *);

static bool stateless(const Rnn *m) { return m->first && m->h0 < 0; }

static const Ix *unit(KC *kc, const Rnn *m, int v)
{
    return ADDC(MULC(m->blk, (int64_t)m->nv * m->lanes), m->from + (int64_t)v * m->lanes);
}

static int valid(const Rnn *m, int v) { return v == m->nv - 1 ? m->last_n : m->lanes; }

/* h of the step before. */
static const Expr *state(KC *kc, const Rnn *m, const Ix *row, const Ix *k, int lanes, int n)
{
    if (m->first)
        return kc_load(kc, m->h0, &m->st, (const Ix *[]){IXC(0), row, k}, 2, lanes, n);
    return kc_load(kc, m->y, &m->yt, (const Ix *[]){m->before, row, k}, 2, lanes, n);
}

/* ---- the product ---- */

static const Expr *bias(KC *kc, const void *user, int j)
{
    const Rnn *m = user;
    int v = j / m->gates, gate = m->gate + j % m->gates;
    if (m->bias < 0)
        return x_const(&kc->b, vt(DT_F32, m->lanes), 0);
    return kc_load_param(kc, m->bias, ADDC(unit(kc, m, v), gate * m->H), m->lanes > 1, m->lanes, valid(m, v));
}

static const Ix *term(KC *kc, const Rnn *m, const Ix *const *red)
{
    return m->blocked ? kc_blocked(kc, m->blocked, red) : red[0];
}

static const Expr *factor(KC *kc, const void *user, const Ix *r, const Ix *q, const Ix *const *red, const Ix *shared)
{
    const Rnn *m = user;
    const Ix *k = term(kc, m, red), *row = ADD(m->row, q);
    (void)r, (void)shared;
    return m->second ? x_load(&kc->b, m->scratch, (const Ix *[]){row, k}, 1, 0) : state(kc, m, row, k, 1, 1);
}

static const Expr *unit_weights(KC *kc, const void *user, int j, const Ix *const *red)
{
    const Rnn *m = user;
    const Ix *ix[3] = {m->blk, term(kc, m, red), IXC((int64_t)j * m->lanes)};
    return x_load(&kc->b, m->wparam, ix, m->lanes, 0);
}

/* weight_hh [G*H][H] to [block][k][vector of units][gate][lanes]. */
static int pack(KC *kc, const Rnn *m, int64_t blocks)
{
    const Value *wv = &kc->l->g->value.v[m->w];
    const float *w = tensor_f32(kc->l->A, wv->tensor);
    int64_t wide = (int64_t)m->nv * m->gates * m->lanes;
    float *p = NEW(kc->l->A, float, blocks * m->H * wide);
    for (int64_t b = 0; b < blocks; b++)
        for (int64_t j = 0; j < wide; j++) {
            int64_t gate = m->gate + j / m->lanes % m->gates;
            int64_t i = m->from + (b * m->nv + j / m->lanes / m->gates) * m->lanes + j % m->lanes;
            for (int64_t k = 0; i < m->H && k < m->H; k++)
                p[(b * m->H + k) * wide + j] = w[(gate * m->H + i) * m->H + k];
        }
    const char *name = arena_printf(kc->l->A, "%s.tile%d_%dx%d_%d", wv->name, m->gate, m->nv, m->lanes, (int)m->from);
    return kc_const(kc, "w", name, DT_F32, 3, (int64_t[]){blocks, m->H, wide}, p);
}

static void product(KC *kc, Rnn m, TakeFn *take)
{
    Contract t = {.rows = 1, .px = m.px, .nb = m.nv * m.gates, .lanes = m.lanes, .last_n = m.last_n, .vdim = 2,
                  .user = &m, .init = bias, .x = factor, .w = unit_weights, .take = take};
    m.blocked = m.H >= 2 * SUM_BLOCK ? kc_blocks(kc, &t, "k", m.H) : 0;
    if (!m.blocked)
        t.red[0] = (RedLoop){.name = "k", .lo = IXC(0), .hi = IXC(m.H)}, t.nred = 1;
    kc_contract(kc, &t);
}

/* Without a state the sums are the biases; of gru all of them in one turn, though a product has two gates at most. */
static void no_product(KC *kc, const Rnn *m, TakeFn *take)
{
    enum { MOST = 8 / 2 * 3 };
    const Expr *sum[MOST];
    for (int j = 0; j < m->nv * m->gates; j++)
        sum[j] = kc_reg(kc, "b", bias(kc, m, j));
    const Ix *q = m->px > 1 ? IXV(kb_for(&kc->b, LOOP_UNROLL, "q", IXC(0), IXC(m->px), 1)) : IXC(0);
    take(kc, m, IXC(0), q, sum);
    kc_close(kc, m->px > 1);
}

/* ---- what becomes of the sums ---- */

/* A vector of units of one row. sum: of its gates. */
typedef struct Cell { const Rnn *m; const Expr *const *sum; const Ix *row, *unit; int n; } Cell;

static Cell cell_of(KC *kc, const Rnn *m, const Ix *q, const Expr *const *sum, int v)
{
    return (Cell){m, sum + (ptrdiff_t)v * m->gates, ADD(m->row, q), unit(kc, m, v), valid(m, v)};
}

static const Expr *load(KC *kc, const Cell *s, ValueId v, const Type *t, const Ix *step)
{
    return kc_load(kc, v, t, (const Ix *[]){step, s->row, s->unit}, 2, s->m->lanes, s->n);
}

static const Expr *gate_input(KC *kc, const Cell *s, int gate)
{
    const Rnn *m = s->m;
    const Ix *coord[] = {m->t, s->row, ADDC(s->unit, gate * m->H)};
    return kc_load(kc, m->x, &m->xt, coord, 2, m->lanes, s->n);
}

static const Expr *gate_function(KC *kc, Op op, const Expr *x)
{
    return kc_reg(kc, "g", elem_expr(kc, op, NULL, (const Expr *[]){x, NULL}));
}

/* A gate: the function of its sum and the input. */
static const Expr *gate(KC *kc, const Cell *s, Op op, int gate)
{
    return gate_function(kc, op, x_bin(&kc->b, X_add, s->sum[gate - s->m->gate], gate_input(kc, s, gate)));
}

static const Expr *old_state(KC *kc, const Cell *s) { return state(kc, s->m, s->row, s->unit, s->m->lanes, s->n); }

static void store_units(KC *kc, const Cell *s, ValueId v, const Ix *step, const Expr *x)
{
    kc_store(kc, v, (const Ix *[]){step, s->row, s->unit}, 2, x, s->n);
}

static void lstm_cell(KC *kc, const Cell *s)
{
    KB *b = &kc->b;
    const Rnn *m = s->m;
    const Expr *in = gate(kc, s, OP_sigmoid, 0), *forget = stateless(m) ? NULL : gate(kc, s, OP_sigmoid, 1);
    const Expr *new = x_bin(b, X_mul, in, gate(kc, s, OP_tanh, 2)), *out = gate(kc, s, OP_sigmoid, 3);
    if (forget)
        new = x_fma(b, kc->t->fma, forget, load(kc, s, m->first ? m->c0 : m->c, &m->st, IXC(0)), new);
    const Expr *c = kc_reg(kc, "c", new);
    store_units(kc, s, m->c, IXC(0), c);
    store_units(kc, s, m->y, m->t, x_bin(b, X_mul, out, gate_function(kc, OP_tanh, c)));
}

/* z h + (1 - z) n */
static void gru_store(KC *kc, const Cell *s, const Expr *update, const Expr *new)
{
    KB *b = &kc->b;
    const Expr *h = stateless(s->m) ? x_un(b, X_neg, new) : x_bin(b, X_sub, old_state(kc, s), new);
    store_units(kc, s, s->m->y, s->m->t, x_fma(b, kc->t->fma, update, h, new));
}

static void gru_cell(KC *kc, const Cell *s)
{
    bool after = kc->n->attr.linear_before_reset;
    const Expr *reset = after ? gate(kc, s, OP_sigmoid, 0) : x_const(&kc->b, s->sum[2]->type, 1);
    const Expr *update = gate(kc, s, OP_sigmoid, 1);
    const Expr *sum = x_fma(&kc->b, kc->t->fma, reset, s->sum[2], gate_input(kc, s, 2));
    gru_store(kc, s, update, gate_function(kc, OP_tanh, sum));
}

static void reset_cell(KC *kc, const Cell *s)
{
    KB *b = &kc->b;
    const Expr *h = x_bin(b, X_mul, gate(kc, s, OP_sigmoid, 0), old_state(kc, s));
    kb_store(b, s->m->scratch, (const Ix *[]){s->row, s->unit}, h, s->n < s->m->lanes ? s->n : 0);
    store_units(kc, s, s->m->y, s->m->t, gate(kc, s, OP_sigmoid, 1));
}

static void update_cell(KC *kc, const Cell *s)
{
    const Expr *update = kc_reg(kc, "z", load(kc, s, s->m->y, &s->m->yt, s->m->t));
    gru_store(kc, s, update, gate(kc, s, OP_tanh, 2));
}

static void rnn_cell(KC *kc, const Cell *s)
{
    store_units(kc, s, s->m->y, s->m->t, gate(kc, s, kc->n->attr.nonlinearity ? OP_relu : OP_tanh, 0));
}

#define TAKE(name)                                                                                                     \
    static void take_##name(KC *kc, const void *user, const Ix *r, const Ix *q, const Expr *const *sum)                \
    {                                                                                                                  \
        (void)r;                                                                                                       \
        for (int v = 0; v < ((const Rnn *)user)->nv; v++) {                                                            \
            Cell s = cell_of(kc, user, q, sum, v);                                                                     \
            name##_cell(kc, &s);                                                                                       \
        }                                                                                                              \
    }
TAKE(lstm)
TAKE(gru)
TAKE(reset)
TAKE(update)
TAKE(rnn)

/* ---- loops ---- */

/* blocks: of units, from m.blk on. rest: those that are no whole block. */
static void block(KC *kc, Rnn m, int64_t blocks, bool rest, TakeFn *take)
{
    if (stateless(&m)) {
        no_product(kc, &m, take);
        return;
    }
    int *packed = &m.packed[m.second][rest];
    m.wparam = *packed = *packed < 0 ? pack(kc, &m, blocks) : *packed;
    product(kc, m, take);
}

/* All units of the rows at work. */
static void units(KC *kc, Rnn m, int first_gate, int gates, TakeFn *take)
{
    int64_t vec = (m.H + m.lanes - 1) / m.lanes, u = imin(m.u, vec), full = m.H / (u * m.lanes);
    int64_t rest = m.H - full * u * m.lanes, nv = (rest + m.lanes - 1) / m.lanes;
    m.gate = first_gate, m.gates = gates;
    if (full) {
        m.from = 0, m.nv = (int)u, m.last_n = m.lanes;
        m.blk = IXV(kb_for(&kc->b, LOOP_SERIAL, "units", IXC(0), IXC(full), 1));
        block(kc, m, full, false, take);
        kb_end(&kc->b);
    }
    if (rest) {
        m.from = full * u * m.lanes, m.nv = (int)nv, m.last_n = (int)(rest - (nv - 1) * m.lanes);
        m.blk = IXC(0);
        block(kc, m, 1, true, take);
    }
}

static void one_step(KC *kc, Rnn m)
{
    if (m.r.gates == 3 && !kc->n->attr.linear_before_reset && !stateless(&m)) {
        units(kc, m, 0, 2, take_reset);
        m.second = true;
        units(kc, m, 2, 1, take_update);
        return;
    }
    units(kc, m, 0, m.r.gates, m.r.gates == 4 ? take_lstm : m.r.gates == 3 ? take_gru : take_rnn);
}

static void sequence(KC *kc, Rnn m)
{
    bool reverse = kc->n->attr.reverse;
    m.first = true, m.t = IXC(reverse ? m.T - 1 : 0);
    one_step(kc, m);
    if (m.T == 1)
        return;
    const Ix *s = IXV(kb_for(&kc->b, LOOP_SERIAL, "s", IXC(1), IXC(m.T), 1));
    m.first = false, m.t = reverse ? ADDC(MULC(s, -1), m.T - 1) : s, m.before = ADDC(m.t, reverse ? 1 : -1);
    one_step(kc, m);
    kb_end(&kc->b);
}

static int scratch(KC *kc, const Rnn *m)
{
    if (!kc->n->scratch)
        return -1;
    PUSH(kc->l->A, &kc->call.arg, ((Arg){ARG_ARENA, kc->n->scratch_offset}));
    return kb_param(&kc->b, "reset", DT_F32, ACC_RW, 2, (int64_t[]){m->N, m->H});
}

void lower_rnn(KC *kc)
{
    const Node *n = kc->n;
    Recurrence r = node_recurrence(kc->l->g, n);
    int packed[2][2] = {{-1, -1}, {-1, -1}};
    Rnn m = {.r = r, .x = n->in[0], .h0 = r.h < 0 ? -1 : n->in[r.h], .c0 = r.c < 0 ? -1 : n->in[r.c],
             .w = n->in[r.w_hh], .bias = r.b_hh < 0 ? -1 : n->in[r.b_hh], .y = n->out[0].value,
             .c = n->nout > 1 ? n->out[1].value : -1, .xt = *kc_type(kc, n->in[0]), .yt = *kc_type(kc, kc_out(kc)),
             .lanes = kc->s->lanes, .u = kc->s->nb, .px = kc->s->px, .packed = packed};
    if (r.w_ih >= 0 || kc->l->g->value.v[m.w].kind != VAL_CONST)
        bug("a recurrent layer's weights are no constants, or its input is not multiplied yet");
    m.T = m.yt.dim[0], m.N = m.yt.dim[1], m.H = m.yt.dim[2];
    m.st = m.yt, m.st.dim[0] = 1;
    m.scratch = scratch(kc, &m);
    bool parallel = m.N > m.px && type_elems(&m.xt) >= kc->t->machine->parallel_elements;
    m.row = IXV(kb_for(&kc->b, parallel ? LOOP_PARALLEL : LOOP_SERIAL, "n", IXC(0), IXC(m.N), m.px));
    sequence(kc, m);
    kb_end(&kc->b);
}
