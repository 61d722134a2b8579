/* The cost model: direct and depthwise convolutions, products. Winograd's method is in cost_winograd.c.

   A turn of the reduction of a register tile with p pixels and v vectors of output channels is p v multiply-adds and
   p + v loads. Multiply-adds of one chain wait for each other. Where weights do not stay in L1, their vectors
   arrive at the rate of L2. The slowest of the four is what the turn takes. Around its reduction, a tile's sums are
   begun, sent through the epilogue and stored (TileEnds). A map is cut into whole tiles and narrower ones at its
   right and lower edge. */
#include <math.h>

#include "cost_terms.h"

const char *const cost_term_name[COST_TERMS] = {
#define TERM(name, text) text,
    COST_TERM_LIST(TERM)
#undef TERM
};

double slots_of(const KernelCost *c)
{
    double sum = 0;
    for (int i = 0; i < COST_TERMS; i++)
        sum += c->of[i];
    return sum;
}

KernelCost terms_add(KernelCost a, KernelCost b, double times)
{
    for (int i = 0; i < COST_TERMS; i++)
        a.of[i] += b.of[i] * times;
    return a;
}

KernelCost terms_times(KernelCost a, double times) { return terms_add((KernelCost){{0}}, a, times); }

void terms_at_least(KernelCost *c, CostTerm term, double slots)
{
    double now = slots_of(c);
    if (slots > now)
        c->of[term] += slots - now;
}

bool tile_fits(const Target *t, int pixels, int nb)
{
    int operands = t->fma_by_lane ? pixels + 2 * nb : 1 + nb;
    return pixels * nb <= t->machine->accumulators && (t->lanes == 1 || pixels * nb + operands <= t->vregs);
}

bool weights_leave_l1(const Target *t, int64_t red, int nb, int lanes)
{
    return red * nb * lanes * 4 > t->machine->l1 / 2;
}

double arriving_vector(const Machine *m, int lanes, int rate)
{
    return rate ? m->rate * (double)(lanes * 4) / rate : 0;
}

double tile_ends(const TileEnds *e, int results) { return e->start + e->each * fmax(0, results - e->hidden); }

KernelCost turn_cost(const Target *t, int pixels, int nb, int loads, bool streamed)
{
    const Machine *m = t->machine;
    KernelCost c = {{[COST_MULTIPLY] = pixels * nb}};
    if (!m->overlaps) {
        c.of[COST_LOADS] = loads;
        return c;
    }
    terms_at_least(&c, COST_LATENCY, m->latency);
    terms_at_least(&c, COST_LOADS, loads);
    if (streamed)
        terms_at_least(&c, COST_WEIGHTS, nb * arriving_vector(m, t->lanes, m->between_rate));
    return c;
}

/* ---- dense convolutions and products ---- */

/* A tile, per turn of its reduction of `red` turns. pairs: two pixels share the last vector. It takes half as many
   multiply-adds, and is put together and stored in pieces. */
static KernelCost dense_tile(const Target *t, int pixels, int nb, int64_t red, bool pairs)
{
    const Machine *m = t->machine;
    int loads = pixels + (pixels <= m->folded_pixels ? pixels * nb : nb);
    KernelCost c = turn_cost(t, pixels, nb, loads, weights_leave_l1(t, red, nb, t->lanes));
    c.of[COST_LOOP] += m->turn + m->turn_load * loads;
    if (pairs)
        c.of[COST_MULTIPLY] -= pixels / 2 - 1;
    c.of[COST_ENDS] += (pairs ? m->paired : tile_ends(&m->dense, pixels * nb)) / (double)red;
    return c;
}

/* A map of h x w pixels cut into tiles of rows x px, its ragged edges included. */
typedef struct Cut { int64_t h, w, red; int rows, px, nb; bool pairs; } Cut;

static KernelCost cut_map(const Target *t, const Cut *k)
{
    int ry = (int)(k->h % k->rows), rx = (int)(k->w % k->px);
    int64_t ny = k->h / k->rows, nx = k->w / k->px;
    KernelCost c = terms_times(dense_tile(t, k->rows * k->px, k->nb, k->red, k->pairs), (double)(ny * nx));
    if (rx)
        c = terms_add(c, dense_tile(t, k->rows * rx, k->nb, k->red, k->pairs), (double)ny);
    if (ry)
        c = terms_add(c, dense_tile(t, ry * k->px, k->nb, k->red, k->pairs), (double)nx);
    if (rx && ry)
        c = terms_add(c, dense_tile(t, ry * rx, k->nb, k->red, k->pairs), 1);
    return c;
}

ThreadRange longest_range(int threads, int64_t n, double piece, double head)
{
    int64_t all = n + (head > 0), ranges = imin(threads, all);
    if (!all)
        bug("no work for threads to share");
    int64_t each = all / ranges, longer = all % ranges;
    ThreadRange first = {(double)(each + (longer > 0) - (head > 0)), head > 0};
    ThreadRange other = {(double)(each + (longer > 1)), 0};
    double first_slots = first.pieces * piece + first.heads * head;
    return ranges > 1 && other.pieces * piece > first_slots ? other : first;
}

static KernelCost shared(int threads, int64_t n, KernelCost piece, KernelCost head)
{
    ThreadRange r = longest_range(threads, n, slots_of(&piece), slots_of(&head));
    return terms_add(terms_times(piece, r.pieces), head, r.heads);
}

/* Blocks of channels, each over the whole map. Threads share blocks, or rows with all their channels. */
static KernelCost conv_turns(const Target *t, const ConvMap *m, const Schedule *s)
{
    ChannelBlocks b = channel_blocks(m->channels, s->nb, s->lanes);
    Cut whole = {m->h, m->w, m->red, s->rows, s->px, s->nb, false}, rest = whole;
    KernelCost block = cut_map(t, &whole), tail = {{0}};
    if (b.rest) {
        rest.nb = b.tail, rest.pairs = conv_pairs(t, m->n, m->red, b.tail, s->lanes, b.last);
        tail = cut_map(t, &rest);
    }
    KernelCost all = terms_add(tail, block, (double)b.full);
    if (m->threads <= 1)
        return all;
    if (s->oc_outer && b.full > 1)
        return shared(m->threads, b.full, block, tail);
    /* of one block: the rows left behind the pieces */
    KernelCost head = s->oc_outer ? tail : terms_times(all, (double)(m->h % s->rows) / (double)m->h);
    int64_t pieces = m->h / s->rows;
    if (!pieces)
        return all;
    return shared(m->threads, pieces, terms_times(terms_add(all, head, -1), 1 / (double)pieces), head);
}

KernelCost conv_cost(const Target *t, const ConvMap *m, const Schedule *s)
{
    return terms_times(conv_turns(t, m, s), (double)(m->red * m->images));
}

KernelCost product_cost(const Target *t, const ProductMap *m, const Schedule *s)
{
    int64_t vec = (m->cols + s->lanes - 1) / s->lanes;
    Cut rows = {1, m->rows, m->sum, 1, s->px, s->nb, false};
    return terms_times(cut_map(t, &rows), ceil((double)vec / s->nb) * (double)(m->sum * m->runs));
}

KernelCost arrival_cost(const Target *t, int64_t weight_elems, int lanes, bool far)
{
    const Machine *m = t->machine;
    double vector = arriving_vector(m, lanes, far ? m->memory_rate : m->l3_rate);
    return (KernelCost){{[COST_WEIGHTS] = (double)weight_elems / lanes * vector / 2}}; /* half arrives during work */
}

/* ---- depthwise convolutions ---- */

/* Rows of the input that tiles of `rows` rows read. */
static int64_t input_rows(const Slide *v, int rows) { return imin(slide_span(v, rows), rows * v->k); }

/* Do they stay in L1 until the tiles below read some of them again? The lines of a vector of channels are as far
   apart as pixels. Where that is a multiple of a high power of two, they share the cache's sets with few others. A
   quarter of the cache is for what the tiles write. */
static bool rows_stay(const Machine *m, const DwMap *d, int rows)
{
    int64_t pixel = d->channels * 4, apart = m->line;
    while (apart < m->way && pixel % (2 * apart) == 0)
        apart *= 2;
    return input_rows(&d->v, rows) * d->h.in * apart <= m->l1 * 3 / 4;
}

/* One vector of channels of a tile. */
static KernelCost dw_tile(const Target *t, const DwMap *d, const Schedule *s, int rows, int px)
{
    const Machine *m = t->machine;
    int64_t kh = d->v.k, kw = d->h.k, tile = rows * px, taps = kh * kw, ih = input_rows(&d->v, rows);
    double loads = (double)(ih * imin(slide_span(&d->h, px), px * kw)) * (d->channels % s->lanes ? 2 : 1);
    if (!dw_weights_stay(t, taps, tile))
        loads += (double)(ih * dw_weights(t, tile, kh, kw, rows));
    KernelCost c = {{[COST_MULTIPLY] = (double)(tile * taps)}};
    terms_at_least(&c, COST_LOADS, loads);
    c.of[COST_LOOP] = m->tap_load * loads;
    c.of[COST_ENDS] = tile_ends(&m->depthwise, (int)tile);
    if (!rows_stay(m, d, rows)) { /* waiting for what the tiles above have read, too, and for stores */
        double again = (double)(imax(0, ih - rows * d->v.s) * px * d->h.s) *
                       arriving_vector(m, t->lanes, m->again_rate);
        c.of[COST_AGAIN] = fmax(0, again - c.of[COST_ENDS]);
    }
    return c;
}

static KernelCost dw_other(const Target *t, const DwMap *d, const Schedule *s, int rows, int px)
{
    KernelCost c = dw_tile(t, d, s, rows, px);
    c.of[COST_ENDS] += t->machine->other_tile;
    return c;
}

/* A row of tiles, with what is left of it at the right. */
static KernelCost dw_row(const Target *t, const DwMap *d, const Schedule *s, int rows)
{
    int64_t rest = d->h.out % s->px;
    KernelCost c = terms_times(dw_tile(t, d, s, rows, s->px), (double)(d->h.out / s->px));
    return rest ? terms_add(c, dw_other(t, d, s, rows, (int)rest), 1) : c;
}

KernelCost depthwise_cost(const Target *t, const DwMap *d, const Schedule *s)
{
    int rest = (int)(d->v.out % s->rows);
    KernelCost c = terms_times(dw_row(t, d, s, s->rows), (double)(d->v.out / s->rows));
    if (rest) {
        c = terms_add(c, dw_row(t, d, s, rest), 1);
        c.of[COST_ENDS] += t->machine->other_tile;
    }
    return terms_times(c, ceil((double)d->channels / s->lanes) * (double)d->images);
}
