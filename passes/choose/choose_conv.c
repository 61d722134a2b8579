/* The register tile of a dense, grouped or transposed convolution, and the order of the loops around it. */
#include "../edit.h"
#include "choose.h"
#include "schedule.h"

/* Should blocks of channels be outermost? They read their weights once and the input anew. That is for a small map,
   or for weights that do not stay in L2. */
static bool channels_outer(const Target *t, const Schedule *s, const ConvMap *m)
{
    bool small = m->h * m->w <= t->machine->small_map;
    return !s->peel && m->channels > s->nb * s->lanes && (small || m->weights > t->machine->l2 / 4);
}

/* May either be outermost? */
static bool either_outer(const Target *t, const Schedule *s, const ConvMap *m)
{
    return m->threads > 1 && !s->peel && m->channels > s->nb * s->lanes && m->weights <= t->machine->l2 / 4;
}

/* The two orders of loops around a tile: the usual one and, for threads, the other. */
static void weigh_orders(const Choosing *c, Cheapest *best, Schedule s, const ConvMap *m)
{
    const Target *t = c->p->target;
    bool usual = channels_outer(t, &s, m);
    for (int other = 0; other <= either_outer(t, &s, m); other++) {
        s.oc_outer = usual != other;
        KernelCost cost = conv_cost(t, m, &s);
        if (other)
            cost.of[COST_ORDER] += (t->machine->other_order - 1) * slots_of(&cost);
        weigh(c, best, &s, cost);
    }
}

/* The cheapest tile, made of whole windows of kh x kw. slots 0: none fits. */
static Cheapest cheapest_tile(const Choosing *c, const Schedule *s, const ConvMap *m, int kh, int kw)
{
    enum { MOST_ROWS = 4, MOST_NB = 4 };
    const Target *t = c->p->target;
    int64_t vec = (m->channels + s->lanes - 1) / s->lanes;
    Cheapest best = {.s = *s};
    Schedule try = *s;
    for (try.nb = 1; try.nb <= MOST_NB && try.nb <= vec; try.nb++)
        for (try.rows = kh; try.rows <= imax(kh, s->peel ? 1 : MOST_ROWS) && try.rows <= m->h; try.rows += kh)
            for (try.px = kw; tile_fits(t, try.rows * try.px, try.nb) && try.px <= m->w; try.px += kw) {
                if (t->lanes == 1 && try.rows * try.px > t->machine->scalar_pixels)
                    break;
                weigh_orders(c, &best, try, m);
            }
    return best;
}

/* The tile for so many threads, and the order of the loops around it. k: of the windows; NULL: none. Returns slots, 0:
   no tile fits, and this one is larger than it should be, but whole. */
static double choose_tile(const Choosing *c, Schedule *s, const Ints *k, int threads)
{
    ConvMap m = conv_map(c->g, c->n);
    m.threads = threads;
    int kh = k ? (int)k->v[0] : 1, kw = k ? (int)k->v[1] : 1;
    s->impl = c->n->attr.groups > 1 ? IMPL_CONV_GROUP : IMPL_CONV_TILE;
    Cheapest best = cheapest_tile(c, s, &m, kh, kw);
    *s = best.s;
    if (!best.slots) {
        s->rows = kh, s->px = kw, s->nb = 1;
        s->oc_outer = channels_outer(c->p->target, s, &m);
    }
    return best.slots;
}

/* ---- transposed convolutions ---- */

enum { MAX_PHASE_RUNS = 64, MAX_PHASES = 1024 };

/* The code of a transposed convolution grows with the runs of its phases: refuses what would run away. */
static bool check_phases(const Graph *g, const Node *n, const Type *out)
{
    const Type *in = &g->value.v[n->in[0]].type, *w = &g->value.v[n->in[1]].type;
    const int64_t *stride = n->attr.stride.v;
    if (imax(stride[0], stride[1]) > MAX_PHASES) {
        error_at(n->loc, "conv_transpose2d '%s': stride %lldx%lld, at most %d can be compiled", n->name ? n->name : "",
                 (long long)stride[0], (long long)stride[1], MAX_PHASES);
        return false;
    }
    int64_t runs[2] = {0, 0};
    for (int dim = 0; dim < 2; dim++)
        for (int64_t r = 0; r < imin(stride[dim], out->dim[2 + dim]) && runs[dim] <= MAX_PHASE_RUNS; runs[dim]++)
            r += transpose_run(&n->attr, in, out, w->dim[2 + dim], dim, r);
    if (runs[0] * runs[1] > MAX_PHASE_RUNS)
        error_at(n->loc, "conv_transpose2d '%s': stride %lldx%lld with dilation %lldx%lld needs more than %d loops",
                 n->name ? n->name : "", (long long)stride[0], (long long)stride[1], (long long)n->attr.dilation.v[0],
                 (long long)n->attr.dilation.v[1], MAX_PHASE_RUNS);
    return runs[0] * runs[1] <= MAX_PHASE_RUNS;
}

/* ---- what others ask ---- */

bool conv_is_depthwise(const Graph *g, const Node *n)
{
    int64_t groups = n->attr.groups;
    return n->op == OP_conv2d && groups > 1 && groups == g->value.v[n->in[0]].type.dim[1] &&
           g->value.v[n->in[1]].type.dim[0] == groups;
}

bool conv_peels(const Target *t, const Graph *g, const Node *n)
{
    return wide_border(g, n) ||
           (n->op == OP_conv2d && (t->mcu || t->lanes == 1 || g->value.v[n->in[0]].kind == VAL_INPUT ||
                                   caller_transposed(g, n->in[0])));
}

bool conv_takes_window(const Target *t, const Graph *g, const Node *n, const Ints *k)
{
    Schedule free = {.lanes = lanes_for(t, node_step_type(g, n, 0).dim[1] / n->attr.groups),
                     .peel = conv_peels(t, g, n)};
    Schedule whole = free;
    if (conv_is_depthwise(g, n) || (free.peel && conv_overhangs(n)))
        return false;
    Pass p = {.target = t};
    Choosing c = {.p = &p, .g = g, .n = n};
    double best = choose_tile(&c, &free, NULL, 1), cost = choose_tile(&c, &whole, k, 1);
    ConvMap m = conv_map(g, n);
    double vectors = (double)(m.h * m.w * ((m.channels + free.lanes - 1) / free.lanes));
    double saved = 2 * vectors * (double)m.images; /* a store and a load of each */
    return cost && cost <= 1.1 * best + saved;
}

int64_t sum_rows(const Pass *p, const Graph *g, const Node *n, const Schedule *s)
{
    enum { MOST_SUMS = 16 };
    Type out = node_step_type(g, n, 0);
    bool can = n->op == OP_conv2d && n->attr.groups == 1 && !node_window(n) && !p->target->mcu;
    for (int i = 0; i < n->nout; i++)
        can = can && n->out[i].red != RED_SUM; /* windows have a mean or a maximum */
    if (!can || type_elems(&out) < p->target->machine->parallel_elements)
        return 0;
    int64_t h = out.dim[2], block = (int64_t)s->rows * s->wino;
    if (s->impl == IMPL_WINOGRAD)
        return block < h && h % block == 0 ? block : 0;
    for (int64_t rows = s->rows; rows < h; rows += s->rows)
        if (h % rows == 0 && h / rows <= MOST_SUMS)
            return rows;
    return 0;
}

KernelCost conv_arrival(const Choosing *c, int lanes)
{
    int64_t weights = type_elems(&c->g->value.v[c->n->in[1]].type);
    return arrival_cost(c->p->target, weights, lanes, weights_far(c->p->target, c->room));
}

/* To the direct kernel's cost, and to all that was weighed. */
static void add_arrival(const Choosing *c, KernelCost *direct, int lanes)
{
    KernelCost arrival = conv_arrival(c, lanes);
    double slots = slots_of(&arrival);
    direct->of[COST_WEIGHTS] += slots;
    for (int i = 0; c->weighed && i < c->weighed->v.n; i++)
        c->weighed->v.v[i].cost.of[COST_WEIGHTS] += slots;
}

bool choose_direct(const Choosing *c, Schedule *s, KernelCost *cost)
{
    const Target *t = c->p->target;
    const Node *n = c->n;
    Type out = node_step_type(c->g, n, 0);
    s->lanes = lanes_for(t, out.dim[1] / n->attr.groups);
    *cost = (KernelCost){{0}};
    if (n->op == OP_conv_transpose2d && !check_phases(c->g, n, &out))
        return false;
    const Ints *k = node_window(n);
    s->peel = conv_peels(t, c->g, n) && !(k && conv_overhangs(n)); /* windows at the edge are not clipped by pixels */
    ConvMap m = conv_map(c->g, n);
    if (choose_tile(c, s, k, 1))
        *cost = conv_cost(t, &m, s);
    return true;
}

/* Two choices decide about results: Winograd's tile, and what a reduction adds up first. They are made for one
   thread. Then the work is cut for as many threads as there are. */
void choose_conv(const Choosing *c, Schedule *s)
{
    const Pass *p = c->p;
    const Graph *g = c->g;
    const Node *n = c->n;
    Type out = node_step_type(g, n, 0);
    KernelCost direct;
    if (!choose_direct(c, s, &direct))
        return;
    add_arrival(c, &direct, s->lanes);
    if (node_reduces(n)) /* threads share blocks of channels, where there are several */
        s->oc_outer = channel_blocks(out.dim[1], s->nb, s->lanes).full > 1 || !sum_rows(p, g, n, s);
    choose_winograd(c, s, direct);
    bool shared = n->op == OP_conv2d && n->attr.groups == 1 && out.dim[0] == 1; /* else they share images or groups */
    if (p->threads > 1 && shared && s->impl == IMPL_CONV_TILE && !node_reduces(n)) {
        if (c->weighed)
            c->weighed->v.n = 0; /* what was weighed for one thread */
        choose_tile(c, s, node_window(n), p->threads);
    }
}
