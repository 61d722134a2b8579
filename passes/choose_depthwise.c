/* The register tile of a depthwise convolution: the part of choose-kernels that knows what loads cost beside its few
   multiply-adds.

     3x3, stride 1, 192 channels at 28x28   =>   depthwise lanes=16 tile=4x4x2 oc_outer

   Costs are counted in multiply-adds of a vector, of which there are as many to a cycle as loads. */
#include "lower/lower.h"

/* What a tile costs besides: its start, its addresses, the beginning and the end of its chains of sums. */
static const double begin_tile = 8;

/* A tile of another shape between those of a row, or a row of them at the end. */
static const double other_code = 16;

/* Weights in registers while a tile runs: all, or where those are too many, those of the rows that meet an input row. */
static int64_t weights(const Target *t, int64_t tile, int64_t kh, int64_t kw, int rows)
{
    return dw_weights_stay(t, kh * kw, tile) ? kh * kw : imin(rows, kh) * kw;
}

bool dw_tile_fits(const Target *t, int64_t kh, int64_t kw, int rows, int px)
{
    return dw_weights_stay(t, weights(t, rows * px, kh, kw, rows), rows * px);
}

static double dw_tile_cost(const Target *t, const Slide *v, const Slide *h, int rows, int px, bool across)
{
    int64_t tile = rows * px, taps = v->k * h->k;
    int64_t ih = imin(slide_span(v, rows), rows * v->k);
    int64_t iw = imin(slide_span(h, px), px * h->k);
    double loads = (double)(ih * iw) * (across ? 2 : 1);
    if (!dw_weights_stay(t, taps, tile))
        loads += (double)(ih * weights(t, tile, v->k, h->k, rows));
    double fma = (double)(tile * taps);
    return (fma > loads ? fma : loads) + 0.1 * loads + 2 * (double)tile + begin_tile;
}

/* The map in tiles of rows x px, with what is left of it at the right and below. */
static double dw_map_cost(const Target *t, const Slide *v, const Slide *h, int rows, int px, bool across)
{
    int64_t rest_y = v->out % rows, rest_x = h->out % px;
    double cost = 0;
    for (int i = 0; i < 2; i++) {
        int r = i ? (int)rest_y : rows;
        double n = i ? 1 : (double)(v->out / rows);
        if (r)
            cost += n * ((double)(h->out / px) * dw_tile_cost(t, v, h, r, px, across) +
                         (rest_x ? dw_tile_cost(t, v, h, r, (int)rest_x, across) + other_code : 0)) + (i ? other_code : 0);
    }
    return cost;
}

/* How many vectors of channels go along a row of tiles together: as many as leave their windows in L1 until the next row
   reads them again, so that each line of the input comes there once. Threads share blocks of them, or rows. */
static void blocks(const Pass *p, const Slide *v, const Slide *h, int64_t channels, Schedule *s)
{
    int64_t rows = imin(slide_span(v, s->rows), s->rows * v->k), whole = channels / s->lanes;
    int64_t fit = p->target->l1 / 2 / (rows * h->in * s->lanes * 4);
    s->nb = (int)imax(1, imin(fit, whole));
    int64_t n = whole / s->nb;
    bool even = channels % (s->nb * s->lanes) == 0 && n % imax(1, p->threads) == 0;
    s->oc_outer = p->threads <= 1 || even || n >= 4 * p->threads;
}

void choose_depthwise(const Pass *p, const Slide *v, const Slide *h, int64_t channels, Schedule *s)
{
    const Target *t = p->target;
    s->px = (int)imin(h->out, t->lanes == 1 ? 4 : 7);
    s->rows = s->nb = 1;
    if (!dw_by_inputs(t, s, v->k * h->k))
        return;
    bool across = channels % s->lanes; /* vectors lie across lines of the cache */
    double best = 0;
    for (int rows = 1; rows <= 4 && rows <= v->out; rows++)
        for (int px = 1; px <= 14 && px <= h->out; px++) {
            if (!dw_tile_fits(t, v->k, h->k, rows, px))
                break;
            double cost = dw_map_cost(t, v, h, rows, px, across);
            if (best == 0 || cost < best * 0.999)
                best = cost, s->rows = rows, s->px = px;
        }
    blocks(p, v, h, channels, s);
}
