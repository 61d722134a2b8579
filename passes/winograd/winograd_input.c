/* Tiles of the input, transformed: V[n x n][tile][channel] = Bt d B. Transforms run in two passes, columns in
   registers first and rows on those. Each group of rows has a loop over the channels of its own, which reads the tile
   anew. That costs less than to keep n x n vectors.

   Where the input lies in the caller's order, the rows that the block's tiles read are first sorted into a band:
     band[y][x][phase, channel] = in[channel][2 y + first + phase][2 x + ...], zero outside            (stride 2) */
#include "winograd_kernel.h"

void wino_vectors(KC *kc, int64_t n, int lanes, VectorFn *fn, const void *user)
{
    int64_t whole = n / lanes * lanes;
    if (whole) {
        const Ix *v = IXV(kb_for(&kc->b, LOOP_SERIAL, "c", IXC(0), IXC(whole), lanes));
        fn(kc, v, lanes, lanes, user);
        kb_end(&kc->b);
    }
    if (whole < n)
        fn(kc, IXC(whole), lanes, (int)(n - whole), user);
}

/* A tile: its place in the map, its row in the block and its number, the phase of the input at work and that phase's
   first channel in V, and the first of the rows of Bt. */
typedef struct InTile {
    const WinoWalk *w;
    const Ix *ty, *tx, *r, *t, *py, *px, *group;
    int first;
    bool pair;
} InTile;

/* The vector of channels from ch on at row i and column j of the tile. */
static const Expr *input_load(KC *kc, const InTile *a, int i, int j, const Ix *ch, int lanes, int valid)
{
    const WinoWalk *w = a->w;
    const Wino *c = w->c;
    int m = c->w.m, stride = c->conv.stride;
    if (c->conv.band) {
        const Ix *x = ADD(MULC(ADDC(MULC(a->tx, m), j), c->p.channels), ch);
        return x_load(&kc->b, c->band, (const Ix *[]){w->v_part, ADDC(MULC(a->r, m), i), x}, lanes, 0);
    }
    const Ix *y = ADDC(MULC(a->ty, m), i + c->conv.first[0]), *x = ADDC(MULC(a->tx, m), j + c->conv.first[1]);
    const Ix *coord[4] = {w->n, ch, ADD(MULC(y, stride), a->py), ADD(MULC(x, stride), a->px)};
    return kc_load(kc, c->in, &c->it, coord, 1, lanes, valid);
}

static void input_vector(KC *kc, const Ix *ch, int lanes, int valid, const void *user)
{
    const InTile *a = user;
    const Wino *c = a->w->c;
    const Winograd *w = &c->w;
    const Expr *r[2][WINO_MAX_N], *d[WINO_MAX_N], *out[2];
    for (int j = 0; j < w->n; j++) {
        for (int i = 0; i < w->n; i++)
            if (w->bt[a->first][i] != 0 || (a->pair && w->bt[a->first + 1][i] != 0))
                d[i] = kc_reg(kc, "x", input_load(kc, a, i, j, ch, lanes, valid));
        wino_input_rows(kc, w, a->first, a->pair, d, out);
        r[0][j] = out[0], r[1][j] = a->pair ? out[1] : NULL;
    }
    for (int k = 0; k <= a->pair; k++)
        for (int j = 0; j < w->n; j += 1 + (j > 0 && j <= 2 * w->pairs)) {
            bool pair = j > 0 && j <= 2 * w->pairs;
            wino_input_rows(kc, w, j, pair, r[k], out);
            for (int q = 0; q <= pair; q++) {
                const Ix *at = ADD(MULC(a->t, c->p.channels), ADD(a->group, ch));
                kb_store(&kc->b, c->v, (const Ix *[]){a->w->v_part, IXC((a->first + k) * w->n + j + q), at}, out[q], 0);
            }
        }
}

/* One tile of one phase. */
static void input_tile(KC *kc, InTile a)
{
    const Wino *c = a.w->c;
    bool vector = c->conv.band || kc_vector(kc, c->in, &c->it, 1);
    int64_t channels = c->conv.band ? c->p.channels : c->conv.inner; /* a band has whole vectors */
    for (int i = 0; i < c->w.n; i += 1 + a.pair) {
        a.first = i, a.pair = i > 0 && i <= 2 * c->w.pairs;
        wino_vectors(kc, channels, vector ? c->lanes : 1, input_vector, &a);
    }
}

/* ---- bands ---- */

static int64_t ceil_div(int64_t a, int64_t b) { return a >= 0 ? (a + b - 1) / b : -(-a / b); }

static void clear_band(KC *kc, const WinoWalk *w, int64_t rows)
{
    const Wino *c = w->c;
    KB *b = &kc->b;
    const Ix *y = IXV(kb_for(b, LOOP_SERIAL, "y", IXC(0), IXC(rows), 1));
    const Ix *x = IXV(kb_for(b, LOOP_SERIAL, "x", IXC(0), IXC(c->p.band_row), c->lanes));
    kb_store(b, c->band, (const Ix *[]){w->v_part, y, x}, x_const(b, vt(DT_F32, c->lanes), 0), 0);
    kb_end(b);
    kb_end(b);
}

/* A rectangle of phases: as many pixels of the band have them. */
typedef struct Phases { int64_t py, px, ny, nx; } Phases;

/* All channels of those phases of a pixel, side by side. */
static void fill_pixel(KC *kc, const WinoWalk *w, const Ix *top, const Ix *y, const Ix *x, const Ix *ch,
                       int64_t channels, const Phases *f)
{
    const Wino *c = w->c;
    int64_t s = c->conv.stride;
    for (int64_t py = f->py; py < f->py + f->ny; py++)
        for (int64_t px = f->px; px < f->px + f->nx; px++)
            for (int64_t k = 0; k < channels; k++) {
                const Ix *from[4] = {w->n, ADDC(ch, k), ADDC(MULC(ADD(top, y), s), py),
                                     ADDC(MULC(ADDC(x, c->conv.first[1]), s), px)};
                const Ix *at = ADD(MULC(x, c->p.channels), ADDC(ch, (py * s + px) * c->it.dim[1] + k));
                kb_store(&kc->b, c->band, (const Ix *[]){w->v_part, y, at}, kc_load(kc, c->in, &c->it, from, 1, 1, 1),
                         0);
            }
}

static void fill_phases(KC *kc, const WinoWalk *w, const Ix *top, int64_t rows, Phases f)
{
    const Wino *c = w->c;
    KB *b = &kc->b;
    int64_t s = c->conv.stride, channels = c->it.dim[1], columns = c->p.band_row / c->p.channels;
    int64_t left = c->conv.first[1], x0 = imax(0, -left), x1 = imin(columns, ceil_div(c->it.dim[3] - f.px, s) - left);
    const Ix *y0 = ix_max(kc->A, IXC(0), MULC(top, -1));
    const Ix *y1 = ix_min(kc->A, IXC(rows), ix_sub(kc->A, IXC(ceil_div(c->it.dim[2] - f.py, s)), top));
    const Ix *y = IXV(kb_for(b, LOOP_SERIAL, "y", y0, y1, 1));
    bool few = channels <= 4; /* as of an image: they are written out */
    const Ix *ch = few ? IXC(0) : IXV(kb_for(b, LOOP_SERIAL, "c", IXC(0), IXC(channels), 1));
    const Ix *x = IXV(kb_for(b, LOOP_SERIAL, "x", IXC(x0), IXC(x1), 1));
    fill_pixel(kc, w, top, y, x, ch, few ? channels : 1, &f);
    kc_close(kc, few ? 2 : 3);
}

/* Sorts the rows that tile rows w->row.. of image w->n read. */
static void fill_band(KC *kc, const WinoWalk *w, int64_t rows)
{
    const Wino *c = w->c;
    int64_t band = rows * c->w.m + c->w.r - 1;
    const Ix *top = ADDC(MULC(w->row, c->w.m), c->conv.first[0]);
    int64_t s = c->conv.stride;
    int64_t ny = c->it.dim[2] % s ? 1 : s, nx = c->it.dim[3] % s ? 1 : s; /* with a rest: one at a time */
    clear_band(kc, w, band);
    for (int64_t py = 0; py < s; py += ny)
        for (int64_t px = 0; px < s; px += nx)
            fill_phases(kc, w, top, band, (Phases){py, px, ny, nx});
}

/* ---- loops ---- */

void wino_input(KC *kc, const WinoWalk *w, int64_t rows)
{
    KB *b = &kc->b;
    const Wino *c = w->c;
    bool phases = c->conv.groups > 1;
    if (c->conv.band)
        fill_band(kc, w, rows);
    InTile a = {.w = w, .py = IXC(0), .px = IXC(0), .group = IXC(0)};
    a.r = IXV(kb_for(b, LOOP_SERIAL, "ty", IXC(0), IXC(rows), 1));
    a.tx = IXV(kb_for(b, LOOP_SERIAL, "tx", IXC(0), IXC(c->p.nx), 1));
    a.ty = ADD(w->row, a.r), a.t = ADD(ADD(w->tile, MULC(a.r, c->p.nx)), a.tx);
    if (phases) {
        a.py = IXV(kb_for(b, LOOP_SERIAL, "py", IXC(0), IXC(c->conv.stride), 1));
        a.px = IXV(kb_for(b, LOOP_SERIAL, "px", IXC(0), IXC(c->conv.stride), 1));
        a.group = MULC(ADD(MULC(a.py, c->conv.stride), a.px), c->p.group);
    }
    input_tile(kc, a);
    kc_close(kc, phases ? 4 : 2);
}
