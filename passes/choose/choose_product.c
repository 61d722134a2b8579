/* The register tile of a product (linear, matmul, the state's in lstm, gru and rnn), and along which dimension its
   vectors run. */
#include "choose.h"
#include "../edit.h"
#include "inner.h"

ProductMap product_map(const Graph *g, const Node *n)
{
    Type out = node_step_type(g, n, 0);
    const Type *a = &g->value.v[n->in[0]].type;
    int64_t cols = out.dim[out.rank - 1], all = type_elems(&out) / cols;
    int64_t run = linear_rows(g, n) >= 0 ? all : out.rank > 1 ? out.dim[out.rank - 2] : 1;
    return (ProductMap){all / run, run, cols, a->dim[imax(a->rank - 1 - n->attr.transpose_a, 0)]};
}

/* Rows of channels reshaped from a map: as eliminate-movement leaves them, its columns lie side by side. */
static bool channels_of_map(const Graph *g, ValueId v)
{
    const Node *n = g->value.v[v].kind == VAL_NODE ? &g->node.v[g->value.v[v].node] : NULL;
    const Type *t = n && op_is(n->op, P_VIEW) ? &g->value.v[n->in[0]].type : NULL;
    return t && t->rank == 4 && t->dim[2] * t->dim[3] > 1;
}

/* The cheapest tile of a product of many rows, where registers are few. */
static void cheapest_tile(const Choosing *c, Schedule *s, const ProductMap *m)
{
    enum { MOST_NB = 4 };
    const Target *t = c->p->target;
    Cheapest best = {.s = *s};
    Schedule try = *s;
    for (try.nb = 1; try.nb <= MOST_NB && try.nb <= (m->cols + s->lanes - 1) / s->lanes; try.nb++)
        for (try.px = 1; try.px <= m->rows && tile_fits(t, try.px, try.nb); try.px++)
            weigh(c, &best, &try, product_cost(t, m, &try));
    *s = best.s;
}

/* Is it a matrix times its own transpose, of which one half is computed? Where vectors of columns are stored a second
   time lane by lane, long sums pay for that. */
static bool symmetric(const Target *t, const Node *n, int lanes, int64_t rows, int64_t sum, bool folded)
{
    return n->op == OP_matmul && n->in[0] == n->in[1] && n->attr.transpose_a != n->attr.transpose_b && rows > 1 &&
           (folded || lanes == 1 || sum >= t->machine->mirror_lanes * lanes);
}

void choose_product(const Choosing *c, Schedule *s)
{
    enum { ROWS = 4, NB = 4, ROW_NB = 8 }; /* ROW_NB: of a single row, where registers are many */
    const Target *t = c->p->target;
    const Node *n = c->n;
    ProductMap m = product_map(c->g, n);
    Type out = node_step_type(c->g, n, 0);
    int64_t rows = n->op == OP_linear ? m.runs * m.rows : out.rank > 1 ? out.dim[out.rank - 2] : 1;
    bool beside = !n->attr.transpose_b || channels_of_map(c->g, n->in[1]) || product_turns(t, c->g, n);
    bool across = n->op == OP_matmul && beside; /* columns lie side by side */
    bool along = n->op == OP_matmul && n->attr.transpose_b && !n->attr.transpose_a && m.sum > 1; /* the sum */
    s->lanes = n->op == OP_linear || across ? lanes_for(t, m.cols) : along ? lanes_for(t, m.sum) : 1;
    s->px = (int)imin(rows, ROWS);
    s->nb = (int)imin(t->machine->accumulators / s->px, t->vregs >= 32 && s->px == 1 ? ROW_NB : NB);
    while (!tile_fits(t, s->px, s->nb))
        s->nb--;
    s->rows = 1;
    s->symmetric = symmetric(t, n, s->lanes, rows, m.sum, along && !across);
    if (rows > ROWS && s->lanes > 1 && t->vregs < 32 && !s->symmetric)
        cheapest_tile(c, s, &m);
}

/* Weights of a single row are read once, straight into the multiply-add. */
static bool units_fit(const Target *t, int px, int nb)
{
    return tile_fits(t, px, nb) || (px == 1 && !t->fma_by_lane && nb <= t->machine->accumulators && nb + 2 <= t->vregs);
}

void choose_recurrence(const Choosing *c, Schedule *s)
{
    enum { VECTORS = 8 }; /* of a tile, at most (kc_contract) */
    const Target *t = c->p->target;
    const Type *y = &c->g->value.v[c->n->out[0].value].type;
    int gates = node_recurrence(c->g, c->n).gates - (c->n->op == OP_gru && !c->n->attr.linear_before_reset);
    s->lanes = y->dim[2] == 1 ? 1 : lanes_for(t, y->dim[2]);
    int64_t vec = (y->dim[2] + s->lanes - 1) / s->lanes;
    ProductMap m = {y->dim[0], y->dim[1], vec * s->lanes * gates, y->dim[2]};
    Cheapest best = {.s = *s};
    Schedule try = *s;
    for (try.nb = 1; try.nb <= imin(vec, VECTORS / gates); try.nb++)
        for (try.px = 1; try.px <= m.rows && units_fit(t, try.px, try.nb * gates); try.px++) {
            Schedule tile = try;
            tile.nb *= gates;
            if (m.rows % try.px == 0)
                weigh(c, &best, &try, product_cost(t, &m, &tile));
        }
    *s = best.s;
}
