/* What schedules a layer can have: which ones are right, and which are worth a try beside a given one. */
#include <stdlib.h>
#include <string.h>

#include "choose.h"
#include "schedule.h"

/* ---- what is possible ---- */

static bool lanes_fit(const Target *t, int lanes)
{
    return lanes >= imax(1, t->min_lanes) && lanes <= t->lanes && !(lanes & (lanes - 1));
}

static const char *tile_wrong(Arena *A, const Target *t, int pixels, int nb, int most_nb)
{
    if (nb > most_nb)
        return arena_printf(A, "at most %d vectors of channels", most_nb);
    if (!tile_fits(t, pixels, nb))
        return arena_printf(A, "%d x %d vectors do not fit the %d registers", pixels, nb, t->vregs);
    return NULL;
}

/* The schedule with the best blocks that the cost model finds for tiles of m outputs. False where there is none. */
static bool winograd_for(const Pass *p, const Graph *g, const Node *n, int lanes, int m, Schedule *s)
{
    Pass only = *p;
    only.winograd = m;
    WinoRoom room = winograd_room(g);
    Choosing c = {.p = &only, .g = g, .n = n, .room = &room};
    *s = (Schedule){.impl = IMPL_CONV_TILE, .lanes = lanes, .px = 1, .rows = 1, .nb = 1,
                    .peel = conv_peels(p->target, g, n)};
    if (n->op == OP_conv2d && m >= WINO_MIN && m <= WINO_MAX)
        choose_winograd(&c, s, conv_arrival(&c, lanes));
    return s->impl == IMPL_WINOGRAD && s->wino == m;
}

static const char *winograd_wrong(const Pass *p, const Graph *g, const Node *n, const Schedule *s)
{
    Schedule best;
    WinoConv v;
    Type out = node_step_type(g, n, 0);
    if (p->winograd == WINOGRAD_OFF || !winograd_for(p, g, n, s->lanes, s->wino, &best))
        return arena_printf(p->scratch, "Winograd's method with m=%d does not apply%s", s->wino,
                            p->strict ? " under --strict" : p->winograd == WINOGRAD_OFF ? " with --winograd=off" : "");
    if (s->peel != best.peel)
        return best.peel ? "it needs peel" : "it cannot peel";
    if (node_reduces(n) && !s->oc_outer && !sum_rows(p, g, n, s))
        return "a reduction over the map needs oc_outer, or rows that divide it";
    int64_t ny = (out.dim[2] + s->wino - 1) / s->wino;
    if (s->rows > ny || ny % s->rows || (s->oc_outer && s->rows != ny))
        return arena_printf(p->scratch, "the map has %lld rows of tiles, %s", (long long)ny,
                            s->oc_outer ? "which are one block with oc_outer" : "blocks must be equal parts of them");
    if (!winograd_conv(g, n, s->peel, &v) || s->px > winograd_plan(s, &v, &g->value.v[n->in[0]].type, &out).tiles)
        return "more tiles at a time than a block has";
    return tile_wrong(p->scratch, p->target, s->px, s->nb, 4);
}

/* May the layer do with a border where the cost model would have it do without, and the other way round? */
static bool peel_is_free(const Pass *p, const Graph *g, const Node *n)
{
    return n->op == OP_conv2d && !p->target->mcu && p->target->lanes > 1 && !wide_border(g, n);
}

static const char *conv_wrong(const Pass *p, const Graph *g, const Node *n, const Schedule *model, const Schedule *s)
{
    ConvMap m = conv_map(g, n);
    const Ints *k = node_window(n);
    if (s->peel != model->peel && !peel_is_free(p, g, n))
        return model->peel ? "it needs peel" : "it cannot peel";
    if (s->peel && conv_overhangs(n) && (s->rows > 1 || k))
        return "clipped rows run one at a time";
    if (k && (s->rows % k->v[0] || s->px % k->v[1]))
        return arena_printf(p->scratch, "its tiles are made of windows of %lldx%lld", (long long)k->v[0],
                            (long long)k->v[1]);
    if (s->rows > imax(m.h, model->rows) || s->px > imax(m.w, model->px))
        return arena_printf(p->scratch, "the tile is larger than the map of %lldx%lld", (long long)m.h, (long long)m.w);
    if (node_reduces(n) && !s->oc_outer && !sum_rows(p, g, n, s))
        return "a reduction over the map needs oc_outer, or rows that divide it";
    return tile_wrong(p->scratch, p->target, s->rows * s->px, s->nb, 4);
}

static const char *depthwise_wrong(const Pass *p, const Graph *g, const Node *n, const Schedule *model,
                                   const Schedule *s)
{
    const int64_t *k = &g->value.v[n->in[1]].type.dim[2];
    ConvMap m = conv_map(g, n);
    if (s->peel != model->peel)
        return model->peel ? "it needs peel" : "it cannot peel";
    if (s->px > m.w || s->rows > m.h)
        return arena_printf(p->scratch, "the tile is larger than the map of %lldx%lld", (long long)m.h, (long long)m.w);
    if (!dw_by_inputs(p->target, s, k[0] * k[1])) {
        if (s->rows != 1 || s->nb != model->nb || s->oc_outer != model->oc_outer)
            return "only the pixels and the lanes of a depthwise convolution are free here";
        return tile_wrong(p->scratch, p->target, s->px, 1, 1);
    }
    if (!dw_tile_fits(p->target, k[0], k[1], s->rows, s->px))
        return arena_printf(p->scratch, "%d x %d sums and their weights do not fit the %d registers", s->rows, s->px,
                            p->target->vregs);
    if (s->nb > imax(1, node_step_type(g, n, 0).dim[1] / s->lanes))
        return "blocks of more vectors of channels than there are";
    return NULL;
}

static const char *product_wrong(const Pass *p, const Graph *g, const Node *n, const Schedule *model, const Schedule *s)
{
    Type out = node_step_type(g, n, 0);
    int64_t rows = out.rank > 1 ? out.dim[out.rank - 2] : 1;
    if (s->rows != 1 || s->oc_outer || s->peel || s->symmetric != model->symmetric || model->symmetric)
        return "only the tile's columns and vectors and the lanes of a product are free";
    if (model->lanes == 1 && s->lanes > 1)
        return "its operands do not lie in vectors";
    if (s->px > rows)
        return arena_printf(p->scratch, "the matrix has %lld rows", (long long)rows);
    return tile_wrong(p->scratch, p->target, s->px, s->nb, 8);
}

const char *schedule_wrong(const Pass *p, const Graph *g, const Node *n, const Schedule *model, const Schedule *s)
{
    if (schedule_eq(p->scratch, model, s))
        return NULL;
    if (!lanes_fit(p->target, s->lanes))
        return arena_printf(p->scratch, "lanes=%d, and the target has vectors of %d to %d", s->lanes,
                            p->target->min_lanes, p->target->lanes);
    if (s->impl == IMPL_WINOGRAD)
        return winograd_wrong(p, g, n, s);
    Impl direct = model->impl == IMPL_WINOGRAD ? IMPL_CONV_TILE : model->impl;
    if (s->impl != direct)
        return "it is a layer of another kind";
    if (s->symmetric && !model->symmetric)
        return "its result is not symmetric";
    switch (direct) {
    case IMPL_CONV_TILE: case IMPL_CONV_GROUP: return conv_wrong(p, g, n, model, s);
    case IMPL_DEPTHWISE: return depthwise_wrong(p, g, n, model, s);
    default: return product_wrong(p, g, n, model, s);
    }
}

/* ---- what is near ---- */

typedef struct Space {
    Arena *A;
    const Pass *p;
    const Graph *g;
    const Node *n;
    const Schedule *model, *around;
    ScheduleList list;
} Space;

static void try(Space *sp, Schedule s)
{
    if (schedule_eq(sp->A, &s, sp->around) || schedule_wrong(sp->p, sp->g, sp->n, sp->model, &s))
        return;
    for (int i = 0; i < sp->list.s.n; i++)
        if (schedule_eq(sp->A, &s, &sp->list.s.v[i]))
            return;
    PUSH(sp->A, &sp->list.s, s);
}

typedef struct RankedTile { Schedule s; double cost; } RankedTile;

static int by_cost(const void *x, const void *y)
{
    const RankedTile *a = x, *b = y;
    if (a->cost != b->cost)
        return (a->cost > b->cost) - (a->cost < b->cost);
    return a->s.px != b->s.px ? b->s.px - a->s.px : b->s.nb - a->s.nb;
}

/* The `most` tiles that the cost model thinks best, everything else as in s. */
static void try_tiles(Space *sp, const Schedule *s, int most)
{
    enum { ROWS = 4, NB = 4 };
    ConvMap m = conv_map(sp->g, sp->n);
    VEC(RankedTile) tile = {0};
    RankedTile t = {.s = *s};
    for (t.s.rows = 1; t.s.rows <= imin(ROWS, m.h); t.s.rows++)
        for (t.s.nb = 1; t.s.nb <= imin(NB, (m.channels + s->lanes - 1) / s->lanes); t.s.nb++)
            for (t.s.px = 1; t.s.px <= m.w && tile_fits(sp->p->target, t.s.rows * t.s.px, t.s.nb); t.s.px++)
                if (!schedule_wrong(sp->p, sp->g, sp->n, sp->model, &t.s)) {
                    KernelCost cost = conv_cost(sp->p->target, &m, &t.s);
                    t.cost = slots_of(&cost);
                    PUSH(sp->A, &tile, t);
                }
    if (tile.n)
        qsort(tile.v, (size_t)tile.n, sizeof *tile.v, by_cost);
    for (int i = 0; i < tile.n && i < most; i++)
        try(sp, tile.v[i].s);
}

/* The direct kernel: the best tile for s's order, border and lanes. */
static void try_direct(Space *sp, Schedule s)
{
    s.impl = sp->n->attr.groups > 1 ? IMPL_CONV_GROUP : IMPL_CONV_TILE;
    s.wino = 0;
    s.oc_outer |= node_reduces(sp->n) && !sum_rows(sp->p, sp->g, sp->n, &s);
    if (lanes_fit(sp->p->target, s.lanes))
        try_tiles(sp, &s, 1);
}

static void near_winograd(Space *sp)
{
    Schedule a = *sp->around, s = a;
    Type out = node_step_type(sp->g, sp->n, 0);
    int ny = (int)((out.dim[2] + a.wino - 1) / a.wino);
    for (s.rows = ny; s.rows > 0; s.rows--) /* larger blocks first */
        for (int outer = 1; outer >= 0; outer--) {
            s.oc_outer = outer;
            if (outer != a.oc_outer || abs(s.rows - a.rows) <= imax(1, a.rows / 2))
                try(sp, s);
        }
    s = a;
    for (int nb = 1; nb <= 4; nb++)
        for (int d = -2; d <= 2; d++) {
            s.nb = nb;
            s.px = (nb == a.nb ? a.px : (int)imax(1, a.px * a.nb / nb)) + d;
            if (s.px > 0)
                try(sp, s);
        }
}

static void near_conv(Space *sp)
{
    enum { TILES = 10 };
    Schedule a = *sp->around, s;
    int lanes = a.lanes;
    for (int m = WINO_MAX; sp->p->winograd != WINOGRAD_OFF && m >= WINO_MIN; m--)
        if (winograd_for(sp->p, sp->g, sp->n, lanes, m, &s))
            try(sp, s);
    if (a.impl == IMPL_WINOGRAD) {
        s = a;
        s.oc_outer = true, s.peel = sp->model->peel;
        try_direct(sp, s);
        near_winograd(sp);
        return;
    }
    s = a, s.oc_outer = !a.oc_outer;
    try(sp, s);
    s = a, s.peel = !a.peel;
    s.rows = s.peel && conv_overhangs(sp->n) ? 1 : s.rows;
    try(sp, s);
    s = a, s.lanes = lanes / 2;
    try_direct(sp, s);
    s = a, s.lanes = lanes * 2;
    try_direct(sp, s);
    try_tiles(sp, &a, TILES);
}

static void near_depthwise(Space *sp)
{
    Schedule s = *sp->around;
    int w = (int)conv_map(sp->g, sp->n).w;
    s.lanes = sp->around->lanes / 2;
    try(sp, s);
    s.lanes = sp->around->lanes * 2;
    try(sp, s);
    s = *sp->around, s.oc_outer = !s.oc_outer;
    try(sp, s);
    s = *sp->around, s.nb *= 2;
    try(sp, s);
    s = *sp->around, s.nb = (s.nb + 1) / 2;
    try(sp, s);
    s = *sp->around;
    for (int whole = 1; whole >= 0; whole--) /* tiles that cut the row without a rest first */
        for (s.rows = 1; s.rows <= 4; s.rows++)
            for (s.px = 16; s.px > 1; s.px--)
                if ((w % s.px == 0) == whole)
                    try(sp, s);
}

static void near_product(Space *sp)
{
    Schedule s = *sp->around;
    for (s.nb = 8; s.nb > 0; s.nb--)
        try(sp, s);
    s = *sp->around;
    for (s.px = 8; s.px > 0; s.px--)
        try(sp, s);
    s = *sp->around;
    s.lanes = sp->around->lanes / 2;
    try(sp, s);
}

ScheduleList schedule_neighbours(Arena *A, const Pass *p, const Graph *g, const Node *n, const Schedule *model,
                                 const Schedule *around)
{
    Space sp = {.A = A, .p = p, .g = g, .n = n, .model = model, .around = around};
    switch (model->impl) {
    case IMPL_CONV_TILE: case IMPL_CONV_GROUP: case IMPL_WINOGRAD: near_conv(&sp); break;
    case IMPL_DEPTHWISE: near_depthwise(&sp); break;
    default: near_product(&sp);
    }
    return sp.list;
}
