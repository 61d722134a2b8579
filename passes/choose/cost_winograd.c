/* The cost of Winograd's method: transforms, products of planes, and the planes' way through the caches. */
#include <math.h>

#include "cost_terms.h"

/* Multiply-adds of one pass of a transform by k[rows][n] on a vector: its terms, of which rows (else columns) of
   opposite points share theirs. */
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

static int64_t channels(const WinoMap *c) { return c->conv.groups * c->conv.inner; }

/* Computing, and waiting for weights: they overlap but for a part of the shorter one. */
static KernelCost overlapped(const Machine *m, KernelCost compute, double wait)
{
    double slots = slots_of(&compute);
    compute.of[COST_WEIGHTS] += slots > wait ? wait * m->waits : wait - slots + slots * m->waits;
    return compute;
}

/* A turn of a register tile over planes. */
static KernelCost plane_turn(const Target *t, int64_t px, int nb, bool streamed)
{
    const Machine *m = t->machine;
    int loads = (int)px + nb;
    KernelCost c = turn_cost(t, (int)px, nb, loads, streamed);
    c.of[COST_LOOP] += m->panel_turn + m->panel_turn_load * loads;
    terms_at_least(&c, COST_LOADS, m->panel_load * loads);
    return c;
}

/* The products of one position and nb vectors of output channels for all tiles of a block. Meanwhile the weights of
   the next arrive. afar: from beyond L2, where they are read for the first time or do not stay there. */
static KernelCost position_cost(const Target *t, const WinoMap *c, const Schedule *s, int64_t tiles, int nb, bool afar)
{
    const Machine *m = t->machine;
    bool streamed = weights_leave_l1(t, channels(c), nb, s->lanes);
    int64_t rest = tiles % s->px;
    KernelCost turn = terms_times(plane_turn(t, s->px, nb, streamed), (double)(tiles / s->px));
    if (rest)
        turn = terms_add(turn, plane_turn(t, rest, nb, streamed), 1);
    double far = nb * arriving_vector(m, s->lanes, c->far ? m->memory_rate : m->l3_rate);
    KernelCost all = terms_times(overlapped(m, turn, afar ? far : 0), (double)channels(c));
    all.of[COST_ENDS] += m->stored * (double)tiles * nb;
    return all;
}

/* Sorting rows into bands, element by element. */
static double band_slots(const Target *t, const WinoMap *c, const Schedule *s, const WinoPlan *p, int64_t blocks)
{
    const Machine *m = t->machine;
    if (!c->conv.band)
        return 0;
    double rows = (double)(blocks * p->band_rows * (s->oc_outer ? c->in->dim[0] : 1));
    return rows * ((double)p->band_row / s->lanes * m->sorted_vector +
                   m->sorted_element * (double)p->band_row * (double)c->conv.inner / (double)p->channels);
}

/* The products of one position for all output channels of the thread that has most of them. With channels outermost the
   first has the narrower block at the end, the last as many others as any. */
static KernelCost longest_products(const Target *t, const WinoMap *c, const Schedule *s, int64_t tiles, int64_t parts,
                                   bool afar)
{
    ChannelBlocks b = channel_blocks(c->out->dim[1], s->nb, s->lanes);
    KernelCost block = position_cost(t, c, s, tiles, s->nb, afar), tail = {{0}};
    if (b.tail)
        tail = position_cost(t, c, s, tiles, b.tail, afar);
    KernelCost first = terms_add(tail, block, (double)(b.full / parts));
    KernelCost last = terms_times(block, (double)((b.full + parts - 1) / parts));
    return slots_of(&first) >= slots_of(&last) ? first : last;
}

/* With channels outermost, one thread alone transforms the input. */
KernelCost winograd_cost(const Target *t, const WinoMap *c, const Winograd *w, const Schedule *s)
{
    const Machine *m = t->machine;
    WinoPlan p = winograd_plan(s, &c->conv, c->in, c->out);
    int64_t vout = (c->out->dim[1] + s->lanes - 1) / s->lanes, vin = p.channels / s->lanes;
    int64_t shared = s->oc_outer ? imax(1, channel_blocks(c->out->dim[1], s->nb, s->lanes).full) : p.blocks;
    int64_t parts = imin(c->threads, shared), blocks = s->oc_outer ? 1 : (p.blocks + parts - 1) / parts;
    double nn = w->n * w->n, tiles = (double)blocks * (double)p.tiles, l2 = (double)m->l2;
    double planes = 4 * (double)(p.v + p.m), weights = 4 * nn * (double)(channels(c) * vout * s->lanes);
    int64_t sharing = s->oc_outer ? parts : 1;
    KernelCost cost = terms_times(longest_products(t, c, s, p.tiles, sharing, true), nn); /* of the first block */
    KernelCost others = longest_products(t, c, s, p.tiles, sharing, weights + planes > l2);
    cost = terms_add(cost, others, nn * (double)(blocks - 1));
    double vectors = s->oc_outer ? (double)vout / (double)parts : (double)vout; /* of outputs */
    double in = tiles * (double)vin * (2 * w->n * operations(w, w->n, w->bt, true) + 2 * nn);
    double out = tiles * vectors * ((w->n + w->m) * operations(w, w->m, w->at, false) + nn + 2 * w->m * w->m);
    cost.of[COST_TRANSFORM] += in + out + band_slots(t, c, s, &p, blocks);
    cost.of[COST_PLANES] += 2 * nn * tiles * ((double)vin + vectors) *
                            arriving_vector(m, s->lanes, planes > l2 ? m->l3_rate : m->l2_rate);
    return cost;
}
