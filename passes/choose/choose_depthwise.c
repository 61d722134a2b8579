/* The register tile of a depthwise convolution: the part of choose-kernels that knows what loads cost beside its few
   multiply-adds.

     3x3, stride 1, 192 channels at 28x28   =>   depthwise lanes=16 tile=4x4x2 oc_outer

   Costs are counted in multiply-adds of a vector, of which there are as many to a cycle as loads. */
#include "choose.h"
#include "schedule.h"

/* What a tile costs besides: its start, its addresses, the beginning and the end of its chains of sums. */
static const double begin_tile = 8;

/* A tile of another shape between those of a row, or a row of them at the end. */
static const double other_code = 16;

/* Weights in registers while a tile runs: all, or those of the rows that meet an input row where all are too many. */
static int64_t weights(const Target *t, int64_t tile, int64_t kh, int64_t kw, int rows)
{
    return dw_weights_stay(t, kh * kw, tile) ? kh * kw : imin(rows, kh) * kw;
}

bool dw_tile_fits(const Target *t, int64_t kh, int64_t kw, int rows, int px)
{
    return dw_weights_stay(t, weights(t, rows * px, kh, kw, rows), rows * px);
}

/* The layer: how its windows slide, and whether vectors of its channels lie across lines of the cache. */
typedef struct Dw { const Target *t; const Slide *v, *h; int64_t channels; bool across; } Dw;

/* Rows of the input that tiles of `rows` rows read. */
static int64_t input_rows(const Slide *v, int rows) { return imin(slide_span(v, rows), rows * v->k); }

/* Do they stay in L1 until the tiles below read some of them again? The lines of a vector of channels are as far
   apart as pixels. Where that is a multiple of a high power of two, they share the cache's sets with few others. A
   quarter of the cache is for what the tiles write. */
static bool rows_stay(const Dw *d, int rows)
{
    enum { LINE = 64, WAY = 4096 };
    int64_t pixel = d->channels * 4, apart = LINE;
    while (apart < WAY && pixel % (2 * apart) == 0)
        apart *= 2;
    return input_rows(d->v, rows) * d->h->in * apart <= d->t->l1 * 3 / 4;
}

static double dw_tile_cost(const Dw *d, int rows, int px)
{
    const Target *t = d->t;
    int64_t kh = d->v->k, kw = d->h->k, tile = rows * px, taps = kh * kw;
    int64_t ih = input_rows(d->v, rows), iw = imin(slide_span(d->h, px), px * kw);
    double loads = (double)(ih * iw) * (d->across ? 2 : 1);
    if (!dw_weights_stay(t, taps, tile))
        loads += (double)(ih * weights(t, tile, kh, kw, rows));
    double fma = (double)(tile * taps);
    double around = wide(t) ? wide_stores(rows * px) : begin_tile + 2 * (double)tile;
    double again = rows_stay(d, rows) ? 0 : (double)(imax(0, ih - rows * d->v->s) * px * d->h->s) * streamed_vector(t);
    if (wide(t) && again > around) /* waiting for what the tiles above have read, too, and for stores */
        around = again;
    return (fma > loads ? fma : loads) + 0.1 * loads + around;
}

/* The map in tiles of rows x px, with what is left of it at the right and below. */
static double dw_map_cost(const Dw *d, int rows, int px)
{
    int64_t rest_y = d->v->out % rows, rest_x = d->h->out % px;
    double cost = 0;
    for (int i = 0; i < 2; i++) {
        int r = i ? (int)rest_y : rows;
        double n = i ? 1 : (double)(d->v->out / rows);
        if (r)
            cost += n * ((double)(d->h->out / px) * dw_tile_cost(d, r, px) +
                         (rest_x ? dw_tile_cost(d, r, (int)rest_x) + other_code : 0)) + (i ? other_code : 0);
    }
    return cost;
}

/* How many vectors of channels go along a row of tiles together: as many as leave their windows in L1 until the next
   row reads them again. So each line of the input comes there once. Threads share blocks of them, or rows. */
static void blocks(const Pass *p, const Slide *v, const Slide *h, int64_t channels, Schedule *s)
{
    int64_t rows = input_rows(v, s->rows), whole = channels / s->lanes;
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
    Dw d = {t, v, h, channels, channels % s->lanes};
    double best = 0;
    for (int rows = 1; rows <= 4 && rows <= v->out; rows++)
        for (int px = 1; px <= 14 && px <= h->out; px++) {
            if (!dw_tile_fits(t, v->k, h->k, rows, px))
                break;
            double cost = dw_map_cost(&d, rows, px);
            if (best == 0 || cost < best * 0.999)
                best = cost, s->rows = rows, s->px = px;
        }
    blocks(p, v, h, channels, s);
}
