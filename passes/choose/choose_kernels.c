/* choose-kernels: a Schedule for every node.

     %1 = conv2d %0, @w ... : f32[1,64,56,56]   =>   the same with schedule conv_tile lanes=16 tile=1x14x2 oc_outer

   Needs anchored graphs; keeps everything; gives F_SCHEDULE. The register tile is the one with the lowest estimated
   cycles: fused multiply-adds, at least the latency of a dependent chain, loads beside them, and whole tiles only as
   far as the map has pixels; where the pass is disabled, one vector of one pixel, or of one window. */
#include <math.h>

#include "../edit.h"
#include "inner.h"
#include "choose.h"
#include "schedule.h"

/* Registers that may hold accumulators. */
static int accumulators(const Target *t) { return t->lanes == 1 ? 16 : t->vregs >= 32 ? 28 : 12; }

/* What must fit: accumulators, one row of weights and one broadcast input at a time. Or accumulators, a vector of
   inputs for each pixel and the next row of weights. A spill in the inner loop costs more than any tile gains. */
bool tile_fits(const Target *t, int pixels, int nb)
{
    int operands = t->fma_by_lane ? pixels + 2 * nb : 1 + nb;
    return pixels * nb <= accumulators(t) && (t->lanes == 1 || pixels * nb + operands <= t->vregs);
}

static int lanes_for(const Target *t, int64_t channels)
{
    int lanes = t->lanes;
    while (lanes > t->min_lanes && lanes / 2 >= channels)
        lanes /= 2;
    return lanes;
}

/* A reduction step of a tile, in multiply-adds of a vector. Two of these are done in a cycle, and as many loads. A
   chain of them takes four cycles a link. streamed: the weights of a block of output channels do not stay in L1. */
static double step_cost(const Target *t, int pixels, int nb, int loads, bool streamed)
{
    double fma = pixels * nb, far = streamed ? nb * streamed_vector(t) : 0;
    return t->lanes == 1 ? fma + loads + 2 : fmax(fmax(fma, 8), fmax(loads, far));
}

double tile_cost(const Target *t, int pixels, int nb, bool streamed)
{
    int loads = pixels + nb;
    return step_cost(t, pixels, nb, loads, streamed) + (t->lanes == 1 ? 0 : 0.5 + 0.05 * loads);
}

static bool weights_streamed(const Target *t, int64_t red, int nb) { return red * nb * t->lanes * 4 > t->l1 / 2; }

/* The same for each step of a whole tile: accumulators are also begun, sent through the epilogue and stored, and the
   first and last links of their chains wait. */
static double whole_tile(const Target *t, int pixels, int nb, int64_t red)
{
    double around = t->lanes == 1 ? 0 : 24 + 4.0 * pixels * nb;
    return tile_cost(t, pixels, nb, weights_streamed(t, red, nb)) + around / (double)red;
}

double wide_stores(int results)
{
    enum { HIDDEN = 14 };
    return 10 + 7 * fmax(0, results - HIDDEN);
}

/* The same with vectors of 512 bits. Compilers older than the processor let every multiply-add load its weights anew
   where few pixels share them. pairs: two pixels share the last vector. It takes half as many multiply-adds, and is
   put together and stored in pieces. */
static double wide_tile(const Target *t, int pixels, int nb, int64_t red, bool pairs)
{
    enum { FEW_PIXELS = 4 };
    int loads = pixels + (pixels <= FEW_PIXELS ? pixels * nb : nb);
    double step = step_cost(t, pixels, nb, loads, weights_streamed(t, red, nb)) + 0.1 + 0.02 * loads;
    if (pairs)
        step -= pixels / 2 - 1;
    return step + (pairs ? 70 : wide_stores(pixels * nb)) / (double)red;
}

static double cut_cost(const Target *t, const ConvMap *m, int pixels, int nb, bool pairs)
{
    return wide(t) ? wide_tile(t, pixels, nb, m->red, pairs) : whole_tile(t, pixels, nb, m->red);
}

/* Sum over the map cut into rows x px tiles, its ragged edges included. */
static double map_cost(const Target *t, const ConvMap *m, const Schedule *s, int nb, bool pairs)
{
    int rows = s->rows, px = s->px, ry = (int)(m->h % rows), rx = (int)(m->w % px);
    int64_t ny = m->h / rows, nx = m->w / px;
    double cost = (double)(ny * nx) * cut_cost(t, m, rows * px, nb, pairs);
    if (rx)
        cost += (double)ny * cut_cost(t, m, rows * rx, nb, pairs);
    if (ry)
        cost += (double)nx * cut_cost(t, m, ry * px, nb, pairs) + (rx ? cut_cost(t, m, ry * rx, nb, pairs) : 0);
    return cost;
}

double longest_range(int threads, int64_t n, double piece, double head)
{
    if (n + (head > 0) == 0)
        bug("no work for threads to share");
    int64_t all = n + (head > 0), ranges = imin(threads, all), each = all / ranges, longer = all % ranges;
    double first = (double)(each + (longer > 0)) * piece - (head > 0 ? piece - head : 0);
    return ranges > 1 ? fmax(first, (double)(each + (longer > 1)) * piece) : first;
}

double conv_tile_cost(const Target *t, const Schedule *s, const ConvMap *m)
{
    ChannelBlocks b = channel_blocks(m->channels, s->nb, s->lanes);
    double block = map_cost(t, m, s, s->nb, false);
    double tail = b.rest ? map_cost(t, m, s, b.tail, conv_pairs(t, m->n, m->red, b.tail, s->lanes, b.last)) : 0;
    double all = (double)b.full * block + tail, other_rows = all * (double)(m->h % s->rows) / (double)m->h;
    if (m->threads <= 1)
        return all;
    if (s->oc_outer && b.full > 1)
        return longest_range(m->threads, b.full, block, tail);
    double head = s->oc_outer ? tail : other_rows; /* threads share rows, also those of a single block */
    return longest_range(m->threads, m->h / s->rows, (all - head) / (double)(m->h / s->rows), head);
}

/* Should blocks of channels be outermost? They read their weights once and the input anew. That is for a small map,
   or for weights that do not stay in L2. */
static bool channels_outer(const Target *t, const Schedule *s, const ConvMap *m)
{
    return !s->peel && m->channels > s->nb * s->lanes && (m->h * m->w <= 28 * 28 || m->weights > t->l2 / 4);
}

/* The other order costs this much more where one is as good for threads as the other. */
static const double other_order = 1.03;

/* May either be outermost? */
static bool either_outer(const Target *t, const Schedule *s, const ConvMap *m)
{
    return m->threads > 1 && !s->peel && m->channels > s->nb * s->lanes && m->weights <= t->l2 / 4;
}

/* The tile, and the order of the loops around it. Tiles are made of whole windows of kh x kw. Returns the cost of a
   reduction step over the map; 0: no tile fits. */
static double conv_tile(const Target *t, Schedule *s, const ConvMap *m, int kh, int kw)
{
    int64_t vec = (m->channels + s->lanes - 1) / s->lanes;
    double best = 0;
    for (int nb = 1; nb <= 4 && nb <= vec; nb++)
        for (int rows = kh; rows <= imax(kh, s->peel ? 1 : 4) && rows <= m->h; rows += kh)
            for (int px = kw; tile_fits(t, rows * px, nb) && px <= m->w; px += kw) {
                if (t->lanes == 1 && rows * px > 4)
                    break;
                Schedule try = *s;
                try.rows = rows, try.px = px, try.nb = nb;
                for (int other = 0; other <= either_outer(t, &try, m); other++) {
                    try.oc_outer = channels_outer(t, &try, m) != other;
                    double cost = conv_tile_cost(t, &try, m) * (other ? other_order : 1);
                    if (best == 0 || cost < best * 0.999)
                        best = cost, *s = try;
                }
            }
    return best;
}

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

static bool depthwise(const Graph *g, const Node *n)
{
    int64_t groups = n->attr.groups;
    return n->op == OP_conv2d && groups > 1 && groups == g->value.v[n->in[0]].type.dim[1] &&
           g->value.v[n->in[1]].type.dim[0] == groups;
}

ConvMap conv_map(const Graph *g, const Node *n)
{
    Type out = node_step_type(g, n, 0);
    int64_t red = type_elems(&g->value.v[n->in[1]].type) / out.dim[1];
    ConvMap m = {n, out.dim[2], out.dim[3], out.dim[1] / n->attr.groups, red, red * out.dim[1] * 4, 1};
    if (n->op == OP_conv_transpose2d)
        m.h = imax(1, m.h / n->attr.stride.v[0]), m.w = imax(1, m.w / n->attr.stride.v[1]);
    return m;
}

/* Chooses the tile of a convolution that is not depthwise, and the order of the loops. Returns its cost. k: of the
   windows; NULL: none. */
static double dense_conv(const Target *t, const Graph *g, const Node *n, Schedule *s, const Ints *k, int threads)
{
    ConvMap m = conv_map(g, n);
    m.threads = threads;
    int kh = k ? (int)k->v[0] : 1, kw = k ? (int)k->v[1] : 1;
    s->impl = n->attr.groups > 1 ? IMPL_CONV_GROUP : IMPL_CONV_TILE;
    double cost = conv_tile(t, s, &m, kh, kw);
    if (!cost) { /* larger than it should be, but whole */
        s->rows = kh, s->px = kw, s->nb = 1;
        s->oc_outer = channels_outer(t, s, &m);
    }
    return cost;
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
    if (depthwise(g, n) || (free.peel && conv_overhangs(n)))
        return false;
    double best = dense_conv(t, g, n, &free, NULL, 1), cost = dense_conv(t, g, n, &whole, k, 1);
    ConvMap m = conv_map(g, n);
    double vectors = (double)(m.h * m.w * ((m.channels + free.lanes - 1) / free.lanes));
    double saved = 2 * vectors / (double)m.red; /* a store and a load of each */
    return cost && cost <= 1.1 * best + saved;
}

int64_t sum_rows(const Pass *p, const Graph *g, const Node *n, const Schedule *s)
{
    enum { MOST_SUMS = 16 };
    Type out = node_step_type(g, n, 0);
    bool can = n->op == OP_conv2d && n->attr.groups == 1 && !node_window(n) && !p->least && !p->target->mcu;
    for (int i = 0; i < n->nout; i++)
        can = can && n->out[i].red != RED_SUM; /* windows have a mean or a maximum */
    if (!can || type_elems(&out) < PARALLEL_MIN)
        return 0;
    int64_t h = out.dim[2], block = (int64_t)s->rows * s->wino;
    if (s->impl == IMPL_WINOGRAD)
        return block < h && h % block == 0 ? block : 0;
    for (int64_t rows = s->rows; rows < h; rows += s->rows)
        if (h % rows == 0 && h / rows <= MOST_SUMS)
            return rows;
    return 0;
}

/* Two choices decide about results: Winograd's tile, and what a reduction adds up first. They are made for one
   thread. Then the work is cut for as many threads as there are. */
static void schedule_conv(Pass *p, const Graph *g, const Node *n, Schedule *s, WinoRoom *room)
{
    const Target *t = p->target;
    Type out = node_step_type(g, n, 0);
    s->lanes = lanes_for(t, out.dim[1] / n->attr.groups);
    if (n->op == OP_conv_transpose2d && !check_phases(g, n, &out))
        return;
    s->peel = conv_peels(t, g, n);
    if (depthwise(g, n)) {
        s->impl = IMPL_DEPTHWISE;
        s->lanes = lanes_for(t, out.dim[1]);
        s->peel = wide_border(g, n) || t->mcu || t->lanes == 1;
        const int64_t *taps = &g->value.v[n->in[1]].type.dim[2];
        Slide v = node_slide(g, n, taps[0], 0), h = node_slide(g, n, taps[1], 1);
        choose_depthwise(p, &v, &h, out.dim[1], s);
        return;
    }
    const Ints *k = node_window(n);
    if (k && conv_overhangs(n)) /* a window at the edge cannot be clipped pixel by pixel */
        s->peel = false;
    int64_t red = type_elems(&g->value.v[n->in[1]].type) / out.dim[1];
    double cost = dense_conv(t, g, n, s, k, 1) * (double)(red * out.dim[0]);
    if (node_reduces(n)) /* threads share blocks of channels, where there are several */
        s->oc_outer = channel_blocks(out.dim[1], s->nb, s->lanes).full > 1 || !sum_rows(p, g, n, s);
    choose_winograd(p, g, n, s, cost, room);
    bool shared = n->op == OP_conv2d && n->attr.groups == 1 && out.dim[0] == 1; /* else they share images or groups */
    if (p->threads > 1 && shared && s->impl == IMPL_CONV_TILE && !node_reduces(n))
        dense_conv(t, g, n, s, k, p->threads);
}

/* Rows of channels reshaped from a map: as eliminate-movement leaves them, its columns lie side by side. */
static bool channels_of_map(const Graph *g, ValueId v)
{
    const Node *n = g->value.v[v].kind == VAL_NODE ? &g->node.v[g->value.v[v].node] : NULL;
    const Type *t = n && op_is(n->op, P_VIEW) ? &g->value.v[n->in[0]].type : NULL;
    return t && t->rank == 4 && t->dim[2] * t->dim[3] > 1;
}

/* The tile of a product of many rows, in runs of `run`, where registers are few: the one whose steps cost least. */
static void product_tile(const Target *t, Schedule *s, int64_t run, int64_t cols, int64_t sum)
{
    int64_t vec = (cols + s->lanes - 1) / s->lanes;
    double best = 0;
    for (int nb = 1; nb <= 4 && nb <= vec; nb++)
        for (int px = 1; px <= run && tile_fits(t, px, nb); px++) {
            double rest = run % px ? whole_tile(t, (int)(run % px), nb, sum) : 0;
            double cost = ((double)(run / px) * whole_tile(t, px, nb, sum) + rest) * ceil((double)vec / nb);
            if (best == 0 || cost < best * 0.999)
                best = cost, s->px = px, s->nb = nb;
        }
}

static void schedule_product(Pass *p, const Graph *g, const Node *n, Schedule *s)
{
    const Target *t = p->target;
    Type out = node_step_type(g, n, 0);
    int64_t cols = out.dim[out.rank - 1], run = out.rank > 1 ? out.dim[out.rank - 2] : 1, rows = run;
    if (n->op == OP_linear)
        rows = type_elems(&out) / cols;
    if (linear_rows(g, n) >= 0)
        run = rows;
    const Type *a = &g->value.v[n->in[0]].type;
    int64_t sum = a->dim[imax(a->rank - 1 - n->attr.transpose_a, 0)];
    bool beside = !n->attr.transpose_b || channels_of_map(g, n->in[1]) || product_turns(t, g, n);
    bool across = n->op == OP_matmul && beside; /* columns lie side by side */
    bool along = n->op == OP_matmul && n->attr.transpose_b && !n->attr.transpose_a && sum > 1; /* the sum */
    s->lanes = n->op == OP_linear || across ? lanes_for(t, cols) : along ? lanes_for(t, sum) : 1;
    s->px = (int)imin(rows, 4);
    s->nb = (int)imin(accumulators(t) / s->px, t->vregs >= 32 && s->px == 1 ? 8 : 4);
    while (!tile_fits(t, s->px, s->nb))
        s->nb--;
    s->rows = 1;
    /* Vectors of columns are stored a second time lane by lane, which long sums pay for. */
    s->symmetric = n->op == OP_matmul && n->in[0] == n->in[1] && n->attr.transpose_a != n->attr.transpose_b &&
                   rows > 1 && ((along && !across) || s->lanes == 1 || sum >= 8 * s->lanes);
    if (rows > 4 && s->lanes > 1 && t->vregs < 32 && !s->symmetric)
        product_tile(t, s, run, cols, sum);
}

Schedule *schedule_generic(Graph *g, const Target *t)
{
    Schedule *s = NEW(g->arena, Schedule, 1);
    *s = (Schedule){.impl = IMPL_GENERIC, .lanes = t->lanes, .px = 1, .rows = 1, .nb = 1};
    return s;
}

bool pass_choose_kernels(Pass *p, Graph *g)
{
    WinoRoom room = winograd_shared_room(p->scratch, g);
    for (int i = 0; i < g->node.n; i++) {
        Node *n = &g->node.v[i];
        if (n->op == OP_NONE)
            continue;
        Schedule *s = schedule_generic(g, p->target);
        if (n->op == OP_conv2d || n->op == OP_conv_transpose2d)
            schedule_conv(p, g, n, s, &room);
        else if (n->op == OP_linear || n->op == OP_matmul)
            schedule_product(p, g, n, s);
        if (p->least) {
            const Ints *window = node_window(n);
            s->rows = window ? (int)window->v[0] : 1;
            s->px = window ? (int)window->v[1] : 1;
            s->nb = 1;
        } else
            schedules_take(p, g, n, s);
        s->sum_rows = node_reduces(n) && !s->oc_outer ? (int)sum_rows(p, g, n, s) : 0;
        n->sched = s;
        if (s->impl == IMPL_WINOGRAD)
            n->scratch = winograd_scratch(g, n);
    }
    schedules_check(p, g);
    return true;
}

