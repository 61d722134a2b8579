/* choose-kernels: a Schedule for every node.

     %1 = conv2d %0, @w ... : f32[1,64,56,56]   =>   the same with schedule conv_tile lanes=16 tile=1x14x2 oc_outer

   Needs anchored graphs; keeps everything; gives F_SCHEDULE. The register tile is the one with the lowest estimated
   cycles: fused multiply-adds, at least the latency of a dependent chain, loads beside them, and whole tiles only as
   far as the map has pixels. */
#include "lower/winograd.h"

/* Registers that may hold accumulators. */
static int accumulators(const Target *t) { return t->lanes == 1 ? 16 : t->vregs >= 32 ? 28 : 12; }

/* Accumulators, one row of weights and one broadcast input at a time must fit: a spill in the inner loop costs more
   than any tile gains. */
bool tile_fits(const Target *t, int pixels, int nb)
{
    return pixels * nb <= accumulators(t) && (t->lanes == 1 || pixels * nb + nb + 1 <= t->vregs);
}

static int lanes_for(const Target *t, int64_t channels)
{
    int lanes = t->lanes;
    while (lanes > t->min_lanes && lanes / 2 >= channels)
        lanes /= 2;
    return lanes;
}

/* Cost of one reduction step of a tile, in multiply-adds of a vector. streamed: the weights of a block of output
   channels do not stay in L1, each vector of them comes from L2 at about the cost of one multiply-add. */
double tile_cost(const Target *t, int pixels, int nb, bool streamed)
{
    double fma = pixels * nb, loads = pixels + nb;
    if (t->lanes == 1)
        return fma + loads + 2;
    return imax(imax((int64_t)fma, 8), (int64_t)loads) + 1 + 0.1 * loads + (streamed ? nb : 0);
}

/* Sum over the map cut into rows x px tiles, its ragged edges included. */
static double map_cost(const Target *t, int64_t h, int64_t w, int rows, int px, int nb, int64_t red)
{
    bool streamed = red * nb * t->lanes * 4 > t->l1 / 2;
    double whole = (double)(h / rows), rest_y = (double)(h % rows ? 1 : 0), cost = 0;
    int64_t nx = w / px, rx = w % px;
    cost += whole * ((double)nx * tile_cost(t, rows * px, nb, streamed) + (rx ? tile_cost(t, rows * (int)rx, nb, streamed) : 0));
    if (rest_y > 0)
        cost += (double)nx * tile_cost(t, (int)(h % rows) * px, nb, streamed) + (rx ? tile_cost(t, (int)(h % rows * rx), nb, streamed) : 0);
    return cost;
}

/* red: reduction steps of an output, input channels times taps. Returns the cost of one of them over the map. */
static double conv_tile(const Target *t, Schedule *s, int64_t h, int64_t w, int64_t channels, int64_t red)
{
    int64_t vec = (channels + s->lanes - 1) / s->lanes;
    double best = 0;
    for (int nb = 1; nb <= 4 && nb <= vec; nb++)
        for (int rows = 1; rows <= (s->peel ? 1 : 4) && rows <= h; rows++)
            for (int px = 1; tile_fits(t, rows * px, nb) && px <= w; px++) {
                if (t->lanes == 1 && rows * px > 4)
                    break;
                int rest = (int)(vec % nb);
                double cost = (double)(vec / nb) * map_cost(t, h, w, rows, px, nb, red) + (rest ? map_cost(t, h, w, rows, px, rest, red) : 0);
                if (best == 0 || cost < best * 0.999) {
                    best = cost;
                    s->rows = rows, s->px = px, s->nb = nb;
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
        error_at(n->loc, "conv_transpose2d '%s': stride %lldx%lld with dilation %lldx%lld needs more than %d loops", n->name ? n->name : "",
                 (long long)stride[0], (long long)stride[1], (long long)n->attr.dilation.v[0],
                 (long long)n->attr.dilation.v[1], MAX_PHASE_RUNS);
    return runs[0] * runs[1] <= MAX_PHASE_RUNS;
}

/* Does the border that the windows reach into outweigh the map? Then they are clipped instead. */
static bool wide_border(const Graph *g, const Node *n)
{
    const int64_t *in = g->value.v[n->in[0]].type.dim;
    int64_t b[4] = {0};
    conv_border(g, n, b);
    double whole = (double)(b[0] + in[2] + b[2]) * (double)(b[1] + in[3] + b[3]);
    return whole > 4 * (double)in[2] * (double)in[3] + 64;
}

/* room: bytes by which the weights may grow. */
static void schedule_conv(Pass *p, const Graph *g, const Node *n, Schedule *s, int64_t *room)
{
    const Target *t = p->target;
    const Value *in = &g->value.v[n->in[0]], *w = &g->value.v[n->in[1]];
    Type out = node_step_type(g, n, 0);
    int64_t channels = out.dim[1] / n->attr.groups, h = out.dim[2], wd = out.dim[3];
    bool transposed = n->op == OP_conv_transpose2d;
    s->lanes = lanes_for(t, channels);
    if (transposed && !check_phases(g, n, &out))
        return;
    bool clip = wide_border(g, n);
    s->peel = clip || (!transposed && (t->mcu || t->lanes == 1 || in->kind == VAL_INPUT));
    if (!transposed && n->attr.groups == in->type.dim[1] && w->type.dim[0] == n->attr.groups && n->attr.groups > 1) {
        s->impl = IMPL_DEPTHWISE;
        s->lanes = lanes_for(t, out.dim[1]);
        s->peel = clip || t->mcu || t->lanes == 1;
        s->px = (int)imin(wd, t->lanes == 1 ? 4 : 7);
        s->rows = s->nb = 1;
        return;
    }
    s->impl = n->attr.groups > 1 ? IMPL_CONV_GROUP : IMPL_CONV_TILE;
    if (transposed)
        h = imax(1, h / n->attr.stride.v[0]), wd = imax(1, wd / n->attr.stride.v[1]);
    int64_t red = type_elems(&w->type) / out.dim[1], weights = type_elems(&w->type) * 4;
    double cost = conv_tile(t, s, h, wd, channels, red) * (double)(red * out.dim[0]);
    s->oc_outer = !s->peel && channels > s->nb * s->lanes && (h * wd <= 28 * 28 || weights > t->l2 / 4);
    choose_winograd(p, g, n, s, cost, room);
}

static void schedule_product(Pass *p, const Graph *g, const Node *n, Schedule *s)
{
    const Target *t = p->target;
    Type out = node_step_type(g, n, 0);
    int64_t rows = out.rank > 1 ? out.dim[out.rank - 2] : 1, cols = out.dim[out.rank - 1];
    bool vector = n->op == OP_linear || (!n->attr.transpose_b && g->value.v[n->in[1]].type.rank != 4);
    s->lanes = vector ? lanes_for(t, cols) : 1;
    s->px = (int)imin(rows, 4);
    s->nb = (int)imin(accumulators(t) / s->px, t->vregs >= 32 && s->px == 1 ? 8 : 4);
    while (!tile_fits(t, s->px, s->nb))
        s->nb--;
    s->rows = 1;
}

bool pass_choose_kernels(Pass *p, Graph *g)
{
    int64_t room = winograd_room(g);
    for (int i = 0; i < g->node.n; i++) {
        Node *n = &g->node.v[i];
        if (n->op == OP_NONE)
            continue;
        Schedule *s = NEW(g->arena, Schedule, 1);
        *s = (Schedule){.impl = IMPL_GENERIC, .lanes = p->target->lanes, .px = 1, .rows = 1, .nb = 1};
        if (n->op == OP_conv2d || n->op == OP_conv_transpose2d)
            schedule_conv(p, g, n, s, &room);
        else if (n->op == OP_linear || n->op == OP_matmul)
            schedule_product(p, g, n, s);
        n->sched = s;
        if (s->impl == IMPL_WINOGRAD) {
            Type out = node_step_type(g, n, 0);
            n->scratch = winograd_scratch(s, &g->value.v[n->in[0]].type, &out);
        }
    }
    return true;
}

const char *schedule_text(Arena *A, const Schedule *s)
{
    static const char *const impl[] = {"generic", "conv_tile", "depthwise", "conv_group", "winograd"};
    if (s->impl == IMPL_GENERIC && s->px * s->nb == 1)
        return arena_printf(A, "%s lanes=%d", impl[s->impl], s->lanes);
    if (s->impl == IMPL_WINOGRAD)
        return arena_printf(A, "%s m=%d lanes=%d tile=%dx%dx%d%s%s", impl[s->impl], s->wino, s->lanes, s->rows, s->px, s->nb,
                            s->oc_outer ? " oc_outer" : "", s->parts > 1 ? arena_printf(A, " parts=%d", s->parts) : "");
    return arena_printf(A, "%s lanes=%d tile=%dx%dx%d%s%s", impl[s->impl], s->lanes, s->rows, s->px, s->nb,
                        s->oc_outer ? " oc_outer" : "", s->peel ? " peel" : "");
}
