/* Where convolutions become Winograd's: the part of choose-kernels that knows what transforms, planes and weights cost.

     3x3, stride 1, 64 -> 64 channels at 56x56   =>   winograd m=4 lanes=16 tile=1x14x2

   Costs are counted in multiply-adds of a vector, those of bringing a vector from farther than L1 included. */
#include "lower/winograd.h"

/* Results may be so far from exact ones, relative to the largest (README, "Numbers"). */
static const double error_allowed = 1e-4;

/* A vector from L2, from L3, and one of weights, which are read once in a run and so from farther. */
static const double from_l2 = 1, from_l3 = 4, from_memory = 8;

/* The weights of all convolutions may grow to so many times their size. */
enum { GROWTH = 4 };

int64_t winograd_room(const Graph *g)
{
    int64_t bytes = 0;
    for (int i = 0; i < g->node.n; i++)
        if (g->node.v[i].op == OP_conv2d)
            bytes += type_elems(&g->value.v[g->node.v[i].in[1]].type) * 4;
    return (GROWTH - 1) * bytes;
}

/* Operations of one pass of a transform by k[rows][n] on a vector: its terms, of which rows (else columns) of opposite
   points share theirs. */
static double operations(const Winograd *w, int rows, const double (*k)[WINO_MAX_N], bool of_rows)
{
    double n = 2 * w->pairs;
    for (int i = 0; i < rows; i++)
        for (int j = 0; j < w->n; j++) {
            int point = of_rows ? i : j;
            if (k[i][j] != 0)
                n += point > 0 && point <= 2 * w->pairs ? 0.5 : 1;
        }
    return n;
}

/* step: what one channel of the product of a block costs. */
static double winograd_cost(const Target *t, const Winograd *w, const Schedule *s, const Type *in, const Type *out, double step)
{
    WinoPlan p = winograd_plan(s, in, out);
    double nn = w->n * w->n, channels = (double)in->dim[1], blocks = (double)p.blocks, tiles = blocks * (double)p.tiles;
    double vin = (double)p.channels / s->lanes, vout = (double)((out->dim[1] + s->lanes - 1) / s->lanes);
    double product = nn * (blocks * channels * step + 3 * tiles * vout); /* 3: a register is cleared, stored and used anew */
    double transform = tiles * vin * (2 * w->n * operations(w, w->n, w->bt, true) + 2 * nn) +
                       tiles * vout * ((w->n + w->m) * operations(w, w->m, w->at, false) + nn + 2 * w->m * w->m);
    double planes = 4 * (double)(p.v + p.m), weights = nn * channels * vout, all = 4 * weights * s->lanes + planes;
    double again = all > (double)t->l2 ? from_l3 : 0, plane = planes > (double)t->l2 ? from_l3 : from_l2;
    double traffic = weights * (from_memory + (blocks - 1) * again) + 2 * nn * tiles * (vin + vout) * plane;
    return product + transform + traffic;
}

/* The cheapest order of loops and number of tile rows in a block; returns its cost. */
static double choose_blocks(const Target *t, const Winograd *w, const Type *in, const Type *out, Schedule *s)
{
    double best = 0;
    Schedule try = *s;
    int64_t ny = (out->dim[2] + w->m - 1) / w->m, nx = (out->dim[3] + w->m - 1) / w->m;
    try.wino = w->m;
    for (int64_t rows = 1; rows <= ny + 1; rows++) {
        try.oc_outer = rows > ny;
        if (!try.oc_outer && ny % rows)
            continue;
        int64_t tiles = nx * (try.oc_outer ? in->dim[0] * ny : rows);
        double step = conv_tile(t, &try, 1, tiles, out->dim[1], in->dim[1]);
        try.rows = (int)imin(rows, ny);
        double cost = winograd_cost(t, w, &try, in, out, step);
        if (best == 0 || cost < best) {
            best = cost;
            *s = try;
        }
    }
    return best;
}

static bool possible(const Pass *p, const Graph *g, const Node *n)
{
    const Type *w = &g->value.v[n->in[1]].type;
    const Attrs *a = &n->attr;
    return n->op == OP_conv2d && a->groups == 1 && w->dim[2] == 3 && w->dim[3] == 3 && a->stride.v[0] == 1 && a->stride.v[1] == 1 &&
           a->dilation.v[0] == 1 && a->dilation.v[1] == 1 && n->nout == 1 && n->out[0].red == RED_NONE && !p->strict && !p->target->mcu;
}

void choose_winograd(const Pass *p, const Graph *g, const Node *n, Schedule *s, double cost, int64_t *room)
{
    bool any = p->winograd >= WINO_MIN;
    if (p->winograd == WINOGRAD_OFF || !possible(p, g, n) || (!any && (s->peel || s->lanes == 1)))
        return;
    const Type *in = &g->value.v[n->in[0]].type, *weight = &g->value.v[n->in[1]].type;
    Type out = node_step_type(g, n, 0);
    Schedule direct = *s;
    int64_t grows = 0, bytes = type_elems(weight) * 4;
    cost += (double)bytes / (4 * s->lanes) * from_memory;
    for (int m = any ? p->winograd : WINO_MIN; m <= (any ? p->winograd : WINO_MAX); m++) {
        Winograd w = winograd_make(m, 3);
        int64_t more = bytes / 9 * w.n * w.n - bytes;
        if (winograd_error(&w) > error_allowed || (!any && more > *room))
            continue;
        Schedule try = direct;
        try.impl = IMPL_WINOGRAD, try.peel = false, try.parts = (int)imax(1, p->threads);
        double c = choose_blocks(p->target, &w, in, &out, &try);
        if (any || c < cost) {
            *s = try;
            cost = c, grows = more;
        }
    }
    *room -= grows;
}
