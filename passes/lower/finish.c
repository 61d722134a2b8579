/* What becomes of the anchor's results while they are in registers. The steps are applied, plain outs are stored,
   others are reduced.

     let tile = epilogue(acc0[0])                  mean over the map: first the tile's sum,
     let win = tile                                windows of 1x2
     store out[...] = tile                         a plain out
     let t = epilogue(acc0[1])
     tile = add(tile, t) ; win = add(win, t) ; store out[...] = t
     store pooled[...] = win / 2
     ...
     total = add(total, tile)                      then the tiles', of blocks of rows apart where there are many

   So the rounding error of a sum grows with the square root of the number of tiles, not with that of pixels. */
#include <math.h>

#include "lower.h"

/* Over the map, or over windows as wide as it that are more than a tile. */
static bool summed(const KC *kc, const Out *o) { return o->red != RED_NONE && (!o->kernel.n || kc->s->sum_rows); }
static bool over_window(const KC *kc, const Out *o) { return o->red != RED_NONE && o->kernel.n && !kc->s->sum_rows; }

bool kc_sums(const KC *kc) { return node_reduces(kc->n) || kc->s->sum_rows; }

static int neutral(KC *kc, const char *name, const Out *o, int lanes)
{
    return kb_let(&kc->b, name, x_const(&kc->b, vt(DT_F32, lanes), o->red == RED_MAX ? -INFINITY : 0));
}

static void gather(KC *kc, const Out *o, int reg, const Expr *x)
{
    KB *b = &kc->b;
    kb_set(b, reg, NULL, NULL, x_gather(b, o->red == RED_MAX ? X_maximum : X_add, reg, x));
}

/* What a register has gathered of count elements, as the out's value. */
static const Expr *result(KC *kc, const Out *o, int reg, int64_t count)
{
    const Expr *x = x_reg(&kc->b, reg);
    return o->red == RED_MEAN ? x_bin(&kc->b, X_div, x, x_const(&kc->b, x->type, (double)count)) : x;
}

/* ---- totals over the map ---- */

void kc_totals(KC *kc, int nb, int lanes)
{
    kc->vectors = nb, kc->sum_lanes = lanes;
    for (int i = 0; i < kc->n->nout; i++)
        for (int j = 0; j < nb && summed(kc, &kc->n->out[i]); j++)
            kc->sum[i][j].total = neutral(kc, "total", &kc->n->out[i], lanes);
}

void kc_store_totals(KC *kc, int j, const Ix *n, const Ix *channel, const Ix *part, int valid)
{
    const Ix *coord[4] = {n, channel, part, IXC(0)};
    int64_t height = kc->s->sum_rows ? kc->s->sum_rows : kc->frame.dim[2];
    for (int i = 0; i < kc->n->nout; i++) {
        const Out *o = &kc->n->out[i];
        if (summed(kc, o))
            kc_store(kc, o->value, coord, 1, result(kc, o, kc->sum[i][j].total, height * kc->frame.dim[3]), valid);
    }
}

/* Below this many tiles the total grows by one after the other. */
enum { MANY_TILES = 64 };

void kc_rows(KC *kc, LoopKind kind, const Ix *first, int64_t n, int64_t step, int64_t tiles, RowFn *row,
             const void *user)
{
    KB *b = &kc->b;
    int64_t block = step, all = n / step * tiles;
    while (block / step * tiles * (block / step * tiles) < all)
        block *= 2;
    kc->by_rows = kc_sums(kc) && all > MANY_TILES;
    const Ix *end = ADDC(first, n);
    if (kc->by_rows) {
        first = IXV(kb_for(b, LOOP_SERIAL, "rows", first, end, block));
        end = n % block ? ix_min(kc->A, ADDC(first, block), end) : ADDC(first, block);
        for (int i = 0; i < kc->n->nout; i++)
            for (int j = 0; j < kc->vectors && summed(kc, &kc->n->out[i]); j++)
                kc->sum[i][j].rows = neutral(kc, "part", &kc->n->out[i], kc->sum_lanes);
    }
    row(kc, IXV(kb_for(b, kind, "y", first, end, step)), user);
    kb_end(b);
    for (int i = 0; i < kc->n->nout && kc->by_rows; i++)
        for (int j = 0; j < kc->vectors && summed(kc, &kc->n->out[i]); j++)
            gather(kc, &kc->n->out[i], kc->sum[i][j].total, x_reg(b, kc->sum[i][j].rows));
    if (kc->by_rows)
        kb_end(b);
    kc->by_rows = false;
}

/* Where sums go that are complete: to those of the rows, or of the map. */
static int outer(const KC *kc, const Sum *s) { return kc->by_rows ? s->rows : s->total; }

void kc_begin_columns(KC *kc)
{
    for (int i = 0; i < kc->n->nout; i++)
        for (int j = 0; j < kc->vectors && summed(kc, &kc->n->out[i]); j++)
            kc->sum[i][j].columns = neutral(kc, "part", &kc->n->out[i], kc->sum_lanes);
    kc->by_columns = true;
}

void kc_end_columns(KC *kc)
{
    for (int i = 0; i < kc->n->nout; i++)
        for (int j = 0; j < kc->vectors && summed(kc, &kc->n->out[i]); j++) {
            const Sum *s = &kc->sum[i][j];
            gather(kc, &kc->n->out[i], outer(kc, s), x_reg(&kc->b, s->columns));
        }
    kc->by_columns = false;
}

/* The tile's sums are added to the columns', the rows' or the map's. */
static void tile_end(KC *kc)
{
    for (int i = 0; i < kc->n->nout; i++)
        for (int j = 0; j < kc->vectors && summed(kc, &kc->n->out[i]); j++) {
            const Sum *s = &kc->sum[i][j];
            gather(kc, &kc->n->out[i], kc->by_columns ? s->columns : outer(kc, s), x_reg(&kc->b, s->tile));
        }
}

/* ---- windows ---- */

typedef int Windows[MAX_OUT][MAX_VECTORS]; /* registers */

static int valid_lanes(const Finish *f, int j) { return j == f->nb - 1 ? f->last_n : f->lanes; }

static void store_windows(KC *kc, const Finish *f, Windows win, const Ix *r, const Ix *q)
{
    for (int i = 0; i < kc->n->nout; i++) {
        const Out *o = &kc->n->out[i];
        for (int j = 0; j < f->nb && over_window(kc, o); j++) {
            const Ix *coord[4];
            f->coord(kc, f->user, r, q, j, coord);
            for (int d = 0; d < 2; d++)
                coord[2 + d] = ix_div(kc->A, coord[2 + d], o->kernel.v[d]);
            kc_store(kc, o->value, coord, 1, result(kc, o, win[i][j], o->kernel.v[0] * o->kernel.v[1]),
                     valid_lanes(f, j));
        }
    }
}

/* ---- tiles ---- */

static bool is_stored(const Out *o) { return o->red == RED_NONE; }

/* Stores the plain outs. Where there are several results, or they are used again, all are computed before the first is
   stored. */
static const Expr **store(KC *kc, const Expr *acc, const Ix *const *coord, int vdim, int lanes, int valid, bool again)
{
    const Node *n = kc->n;
    const Expr **r = kc_epilogue(kc, acc, coord, vdim, lanes, valid);
    for (int i = 0; i < n->nout && (again || n->nout > 1); i++)
        r[n->out[i].step] = kc_reg(kc, "t", r[n->out[i].step]);
    for (int i = 0; i < n->nout; i++)
        if (is_stored(&n->out[i]))
            kc_store(kc, n->out[i].value, coord, vdim, r[n->out[i].step], valid);
    return r;
}

void kc_store_results(KC *kc, const Expr *acc, const Ix *const *coord, int vdim, int lanes, int n)
{
    store(kc, acc, coord, vdim, lanes, n, false);
}

static const Expr *lane_of(KC *kc, const Expr *x, int lane) { return x->type.lanes > 1 ? x_lane(&kc->b, x, lane) : x; }

/* Results that a tile stores a second time, lane by lane. */
static void store_twins(KC *kc, const Finish *f, const Expr *acc, const Expr *const *x, const Ix *const *coord,
                        int valid)
{
    const Ix *at[MAX_RANK];
    for (int lane = 0; lane < valid; lane++) {
        f->twin(kc, f->user, coord, lane, at);
        if (!f->even)
            kc_store_results(kc, lane_of(kc, acc, lane), at, f->vdim, 1, 1);
        for (int i = 0; i < kc->n->nout && f->even; i++)
            kc_store(kc, kc->n->out[i].value, at, f->vdim, lane_of(kc, x[kc->n->out[i].step], lane), 1);
    }
}

static void pixel_of(KC *kc, const Finish *f, const Ix *r, const Ix *q, int j, const Ix **coord, const Expr **acc)
{
    f->coord(kc, f->user, r, q, j, coord);
    *acc = x_tile(&kc->b, f->acc[j], ADD(MULC(r, f->px), q), NULL);
}

/* Nothing is reduced: unrolled loops over the tile. */
static void store_tile(KC *kc, const Finish *f)
{
    const Ix *r = IXC(0), *q = IXC(0), *coord[MAX_RANK];
    const Expr *acc;
    if (f->rows > 1)
        r = IXV(kb_for(&kc->b, LOOP_UNROLL, "r", IXC(0), IXC(f->rows), 1));
    if (f->px > 1)
        q = IXV(kb_for(&kc->b, LOOP_UNROLL, "q", IXC(0), IXC(f->px), 1));
    for (int j = 0; j < f->nb; j++) {
        pixel_of(kc, f, r, q, j, coord, &acc);
        const Expr **x = store(kc, acc, coord, f->vdim, f->lanes, valid_lanes(f, j), f->twin);
        if (f->twin)
            store_twins(kc, f, acc, x, coord, valid_lanes(f, j));
    }
    kc_close(kc, (f->rows > 1) + (f->px > 1));
}

/* The first of a tile or window begins its register. */
static void reduce_pixel(KC *kc, const Finish *f, Windows win, int64_t r, int64_t q, bool first)
{
    const Ix *coord[MAX_RANK];
    const Expr *acc;
    for (int j = 0; j < f->nb; j++) {
        pixel_of(kc, f, IXC(r), IXC(q), j, coord, &acc);
        const Expr **x = store(kc, acc, coord, f->vdim, f->lanes, valid_lanes(f, j), false);
        for (int i = 0; i < kc->n->nout; i++) {
            const Out *o = &kc->n->out[i];
            int *reg = summed(kc, o) ? &kc->sum[i][j].tile : &win[i][j];
            bool begins = summed(kc, o) ? r + q == 0 : first;
            if (!is_stored(o) && begins)
                *reg = kb_let(&kc->b, summed(kc, o) ? "tile" : "win", x[o->step]);
            else if (!is_stored(o))
                gather(kc, o, *reg, x[o->step]);
        }
    }
}

/* Written out pixel by pixel, window by window; a tile without windows is one. */
static void reduce_tile(KC *kc, const Finish *f)
{
    const Ints *k = kc->s->sum_rows ? NULL : node_window(kc->n);
    int64_t h = k ? k->v[0] : f->rows, w = k ? k->v[1] : f->px;
    if (f->rows % h || f->px % w)
        bug("a tile of %dx%d pixels is not made of windows", f->rows, f->px);
    Windows win;
    for (int64_t y = 0; y < f->rows; y += h)
        for (int64_t x = 0; x < f->px; x += w) {
            for (int64_t r = 0; r < h; r++)
                for (int64_t q = 0; q < w; q++)
                    reduce_pixel(kc, f, win, y + r, x + q, r + q == 0);
            store_windows(kc, f, win, IXC(y), IXC(x));
        }
    tile_end(kc);
}

void kc_finish(KC *kc, const Finish *f)
{
    bool reduces = false;
    for (int i = 0; i < kc->n->nout; i++)
        reduces = reduces || !is_stored(&kc->n->out[i]);
    reduces ? reduce_tile(kc, f) : store_tile(kc, f);
}
