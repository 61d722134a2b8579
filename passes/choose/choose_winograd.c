/* Where convolutions become Winograd's: the part of choose-kernels that knows what transforms, planes and weights cost.

     3x3, stride 1, 64 -> 64 channels at 56x56   =>   winograd m=4 lanes=16 tile=1x14x2

   Costs are counted in multiply-adds of a vector, those of bringing a vector from farther than L1 included. */
#include <math.h>

#include "choose.h"
#include "schedule.h"

/* Results may be so far from exact ones, relative to the largest (runtime_min/README.md, "Numbers"). */
static const double error_allowed = 1e-4;

bool winograd_allowed(const Winograd *w) { return winograd_error(w) <= error_allowed; }

/* The weights of all convolutions may grow to so many times their size. */
enum { GROWTH = 4 };

/* Below so many channels what surrounds the transforms costs more than they save. */
enum { LEAST_CHANNELS = 12 };

WinoRoom winograd_shared_room(Arena *A, const Graph *g)
{
    WinoRoom r = {.forms = NEW(A, unsigned, g->value.n)};
    bool *seen = NEW(A, bool, g->value.n);
    for (int i = 0; i < g->node.n; i++) {
        ValueId w = g->node.v[i].op == OP_conv2d ? g->node.v[i].in[1] : -1;
        if (w < 0 || seen[w])
            continue;
        seen[w] = true;
        r.weights += type_elems(&g->value.v[w].type) * 4;
    }
    r.left = (GROWTH - 1) * r.weights;
    return r;
}

WinoRoom winograd_room(const Graph *g)
{
    Arena *A = arena_new();
    WinoRoom r = winograd_shared_room(A, g);
    r.forms = NULL;
    arena_free(A);
    return r;
}

int64_t winograd_growth(const Graph *g, const Node *n, const WinoConv *v, int lanes, int m)
{
    const Type *w = &g->value.v[n->in[1]].type;
    int64_t side = m + v->r - 1;
    return 4 * (round_up(w->dim[0], lanes) * v->groups * v->inner * side * side - type_elems(w));
}

enum { PLAIN_FORM = 1 };

static unsigned form_bit(const WinoConv *v, int m)
{
    return 1u << (m + (v->stride == 1 ? 0 : WINO_MAX_N));
}

/* Bytes that these weights add. Weights that several convolutions read are stored once in every form. The first form
   takes the plain one's place. */
static int64_t room_taken(const WinoRoom *room, const Graph *g, const Node *n, const WinoConv *v, int lanes, int m)
{
    unsigned forms = room->forms ? room->forms[n->in[1]] : 0;
    if (forms & form_bit(v, m))
        return 0;
    return winograd_growth(g, n, v, lanes, m) + (forms ? 4 * type_elems(&g->value.v[n->in[1]].type) : 0);
}

/* Notes the form in which this convolution reads its weights. */
static void take_room(WinoRoom *room, const Graph *g, const Node *n, const WinoConv *v, const Schedule *s)
{
    unsigned form = s->impl == IMPL_WINOGRAD ? form_bit(v, s->wino) : PLAIN_FORM, *forms = &room->forms[n->in[1]];
    if (form == PLAIN_FORM && *forms && !(*forms & form))
        room->left -= 4 * type_elems(&g->value.v[n->in[1]].type);
    else if (form != PLAIN_FORM)
        room->left -= room_taken(room, g, n, v, s->lanes, s->wino);
    *forms |= form;
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

/* The machine, and what its caches do for the convolution at hand. */
typedef struct Costs {
    const Target *t;
    const Type *in, *out;
    WinoConv conv;
    double far; /* a vector of weights, from where they are */
    int threads;
} Costs;

/* What a vector costs per lane that arrives at so many bytes a cycle, in which two multiply-adds are done. */
static double lane_cost(int rate) { return rate ? 2.0 * sizeof(float) / rate : 0; }

static int64_t channels(const Costs *c) { return c->conv.groups * c->conv.inner; }

/* Computing and waiting overlap but for a fifth. */
static double overlapped(double compute, double wait)
{
    return compute > wait ? compute + wait / 5 : wait + compute / 5;
}

/* A step of a register tile. Loads count nearly twice beside multiply-adds: 16 tiles x 1 vector run at half the
   peak. */
static double step_cost(const Costs *c, int64_t px, int nb, bool streamed)
{
    double tile = tile_cost(c->t, (int)px, nb, streamed), loads = 1.7 * (double)(px + nb);
    return tile > loads ? tile : loads;
}

/* The products of one position and nb vectors of output channels for all tiles of a block. Meanwhile the weights of
   the next arrive. They come from `far` where they are read for the first time or do not stay in L2 (afar). */
static double product_cost(const Costs *c, const Schedule *s, int64_t tiles, int nb, bool afar)
{
    bool streamed = channels(c) * nb * s->lanes * 4 > c->t->l1 / 2;
    int64_t whole = tiles / s->px, rest = tiles % s->px;
    double steps = (double)whole * step_cost(c, s->px, nb, streamed) + (rest ? step_cost(c, rest, nb, streamed) : 0);
    double far = afar ? nb * c->far : 0, stores = 3 * (double)tiles * nb; /* 3: cleared, stored and used anew */
    return (double)channels(c) * overlapped(steps, far) + stores;
}

/* Sorting rows into bands, element by element. */
static double band_cost(const Costs *c, const Schedule *s, const WinoPlan *p, int64_t blocks)
{
    if (!c->conv.band)
        return 0;
    double rows = (double)(blocks * p->band_rows * (s->oc_outer ? c->in->dim[0] : 1));
    return rows * ((double)p->band_row / s->lanes * 2 +
                   3 * (double)p->band_row * (double)c->conv.inner / (double)p->channels);
}

/* The products of one position for all output channels of the thread that has most of them: with channels outermost the
   first has the narrower block at the end, the last as many others as any. */
static double longest_products(const Costs *c, const Schedule *s, int64_t tiles, int64_t parts, bool afar)
{
    ChannelBlocks b = channel_blocks(c->out->dim[1], s->nb, s->lanes);
    double block = product_cost(c, s, tiles, s->nb, afar), tail = b.tail ? product_cost(c, s, tiles, b.tail, afar) : 0;
    return fmax((double)(b.full / parts) * block + tail, (double)((b.full + parts - 1) / parts) * block);
}

/* Of the thread that has most to do. With channels outermost, one alone transforms the input. */
static double winograd_cost(const Costs *c, const Winograd *w, const Schedule *s)
{
    WinoPlan p = winograd_plan(s, &c->conv, c->in, c->out);
    int64_t vout = (c->out->dim[1] + s->lanes - 1) / s->lanes, vin = p.channels / s->lanes;
    int64_t shared = s->oc_outer ? imax(1, channel_blocks(c->out->dim[1], s->nb, s->lanes).full) : p.blocks;
    int64_t parts = imin(c->threads, shared), blocks = (p.blocks + parts - 1) / parts;
    if (s->oc_outer)
        blocks = 1;
    double nn = w->n * w->n, tiles = (double)blocks * (double)p.tiles, l2 = (double)c->t->l2;
    double planes = 4 * (double)(p.v + p.m), weights = 4 * nn * (double)(channels(c) * vout * s->lanes), product = 0;
    for (int again = 0; again < 2; again++) /* the first block, and the others */
        product += nn * (double)(again ? blocks - 1 : 1) *
                   longest_products(c, s, p.tiles, s->oc_outer ? parts : 1, !again || weights + planes > l2);
    double vectors = s->oc_outer ? (double)vout / (double)parts : (double)vout; /* of outputs */
    double input = tiles * (double)vin * (2 * w->n * operations(w, w->n, w->bt, true) + 2 * nn) +
                   band_cost(c, s, &p, blocks);
    double output = tiles * vectors * ((w->n + w->m) * operations(w, w->m, w->at, false) + nn + 2 * w->m * w->m);
    double traffic = 2 * nn * tiles * ((double)vin + vectors) * s->lanes *
                     lane_cost(planes > l2 ? c->t->l3_rate : c->t->l2_rate);
    return product + input + output + traffic;
}

/* In these loops, which also prefetch, LLVM moves accumulators about when three or more vectors of weights leave it one
   register: 9 x 3 take twice their time. */
static bool fits(const Target *t, int px, int nb)
{
    return tile_fits(t, px, nb) && (nb < 3 || px * nb + nb + 2 < t->vregs);
}

/* The cheapest order of loops, number of tile rows in a block and register tile; returns its cost. A map that is
   reduced must be one block, or blocks of whole rows. */
static double choose_blocks(const Pass *p, const Graph *g, const Node *n, const Costs *c, const Winograd *w,
                            Schedule *s)
{
    double best = 0;
    Schedule try = *s;
    int64_t ny = (c->out->dim[2] + w->m - 1) / w->m, vec = (c->out->dim[1] + s->lanes - 1) / s->lanes;
    try.wino = w->m;
    for (int64_t rows = 1; rows <= ny + 1; rows++) { /* ny + 1: all images in one block */
        try.oc_outer = rows > ny;
        if (!try.oc_outer && (ny % rows || ny * c->in->dim[0] == rows))
            continue;
        try.rows = (int)imin(rows, ny);
        if (!try.oc_outer && node_reduces(n) && !sum_rows(p, g, n, &try))
            continue;
        for (try.nb = 1; try.nb <= 4 && try.nb <= vec; try.nb++)
            for (try.px = 1; fits(c->t, try.px, try.nb) && try.px <= winograd_plan(&try, &c->conv, c->in, c->out).tiles;
                 try.px++) {
                double cost = winograd_cost(c, w, &try);
                if (best == 0 || cost < best * 0.999) {
                    best = cost;
                    *s = try;
                }
            }
    }
    return best;
}

static bool possible(const Pass *p, const Graph *g, const Node *n, bool band, WinoConv *v)
{
    return winograd_conv(g, n, band, v) && !node_window(n) && !p->strict && !p->target->mcu;
}

void choose_winograd(const Pass *p, const Graph *g, const Node *n, Schedule *s, double cost, WinoRoom *room)
{
    bool any = p->winograd >= WINO_MIN;
    const Type *in = &g->value.v[n->in[0]].type, *weight = &g->value.v[n->in[1]].type;
    Costs c = {.t = p->target, .in = in, .threads = 1};
    bool band = s->peel && (p->target->lanes > 1 || g->value.v[n->in[0]].kind == VAL_INPUT);
    if (p->winograd == WINOGRAD_OFF || !possible(p, g, n, band, &c.conv) || (!any && s->lanes == 1))
        return;
    Type out = node_step_type(g, n, 0);
    if (!any && imin(channels(&c), out.dim[1]) < LEAST_CHANNELS)
        return;
    c.out = &out;
    Schedule direct = *s;
    /* Weights that fit L3, transformed, are still there when the next run begins. */
    c.far = s->lanes * lane_cost(room->weights > p->target->l3 ? p->target->memory_rate : p->target->l3_rate);
    double least = cost + (double)type_elems(weight) / s->lanes * c.far / 2; /* half of it while there is work to do */
    for (int m = any ? p->winograd : WINO_MIN; m <= (any ? p->winograd : WINO_MAX) && m + c.conv.r - 1 <= WINO_MAX_N;
         m++) {
        Winograd w = winograd_make(m, c.conv.r);
        int64_t more = room_taken(room, g, n, &c.conv, s->lanes, m);
        if (!winograd_allowed(&w) || (!any && more > room->left))
            continue;
        Schedule try = direct;
        try.impl = IMPL_WINOGRAD, try.peel = band, try.parts = (int)imax(1, p->threads);
        double estimate = choose_blocks(p, g, n, &c, &w, &try);
        if (any || estimate < least) {
            *s = try;
            least = estimate;
        }
    }
    if (room->forms)
        take_room(room, g, n, &c.conv, s);
    if (s->impl == IMPL_WINOGRAD && p->threads > 1 && !node_reduces(n)) { /* the same tile for any number of threads */
        Winograd w = winograd_make(s->wino, c.conv.r);
        c.threads = p->threads;
        choose_blocks(p, g, n, &c, &w, s);
    }
}
