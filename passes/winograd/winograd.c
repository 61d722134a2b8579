/* Convolutions by Winograd's short ones (winograd.h): small windows of stride 1; stride 2 is several of these.

     for every block of tile rows (one block where oc_outer):
       V[n x n][tile][c]  = Bt d B                        input tiles, n x n pixels that overlap (winograd_input.c)
       for every block of output channels:
         M[n x n][tile][o] = sum over c of V * U          n x n matrix products, in register tiles
         out               = epilogue(At M A + bias)      m x m pixels of every tile

   V and M lie in the kernel's scratch, U are the transformed weights (winograd_weights.c). Tiles that hang over the
   map's edge are computed whole, from the border in memory, and stored as far as they are inside. Every output is
   computed in the same way whatever the blocks and threads. */
#include "winograd_kernel.h"

/* ---- loops ---- */

static const Expr *zero(KC *kc, const void *user, int j)
{
    (void)j;
    return x_const(&kc->b, vt(DT_F32, ((const WinoProduct *)user)->w->c->lanes), 0);
}

/* The channel at which the sum is, where a group has so many. */
static const Ix *product_channel(KC *kc, const WinoProduct *a, const Ix *const *red, int64_t group)
{
    return a->w->c->conv.groups > 1 ? ADD(MULC(red[0], group), red[a->at_c]) : red[a->at_c];
}

static const Expr *product_xs(KC *kc, const void *user, const Ix *row, const Ix *q, const Ix *const *red, int lanes)
{
    const WinoProduct *a = user;
    const Wino *c = a->w->c;
    (void)row;
    const Ix *ix[3] = {a->w->v_part, a->pos,
                       ADD(MULC(ADD(a->t, q), c->p.channels), product_channel(kc, a, red, c->p.group))};
    return x_load(&kc->b, c->v, ix, lanes, 0);
}

static const Expr *product_x(KC *kc, const void *user, const Ix *row, const Ix *q, const Ix *const *red,
                             const Ix *shared)
{
    (void)shared;
    return product_xs(kc, user, row, q, red, 1);
}

static const Expr *product_w(KC *kc, const void *user, int j, const Ix *const *red)
{
    const WinoProduct *a = user;
    return wino_weight(kc, a, j, product_channel(kc, a, red, a->w->c->conv.inner));
}

static void product_store(KC *kc, const void *user, const Ix *row, const Ix *q, int j, const Expr *acc)
{
    const WinoProduct *a = user;
    const Wino *c = a->w->c;
    (void)row;
    const Ix *at = ADDC(MULC(ADD(a->t, q), (int64_t)a->w->s->nb * c->lanes), (int64_t)j * c->lanes);
    const Ix *ix[3] = {a->w->part, a->pos, at};
    kb_store(&kc->b, c->m, ix, acc, 0);
}

/* Over phases and channels; many channels in blocks. Returns which loop goes over channels. */
static int product_loops(KC *kc, const Wino *c, Contract *t)
{
    RedLoop ch = {.name = "c", .lo = IXC(0), .hi = IXC(c->conv.inner), .most = c->conv.inner};
    if (c->conv.groups > 1)
        t->red[t->nred++] = (RedLoop){.name = "phase", .lo = IXC(0), .hi = IXC(c->conv.groups), .most = c->conv.groups};
    kc_cut(t, &ch);
    int at_c = t->nred;
    t->red[t->nred++] = ch;
    if (kc_terms(t, 0, t->nred) >= LONG_SUM)
        kc_apart(t, at_c);
    return at_c;
}

static void products(KC *kc, const WinoWalk *w)
{
    KB *b = &kc->b;
    const Wino *c = w->c;
    int64_t px = imin(kc->s->px, c->p.tiles), whole = c->p.tiles / px * px;
    WinoProduct a = {.w = w, .passes = (c->p.tiles + px - 1) / px};
    Contract t = {.rows = 1, .px = (int)px, .nb = w->s->nb, .lanes = c->lanes, .last_n = c->lanes, .user = &a,
                  .init = zero, .x = product_x, .w = product_w, .store = product_store};
    if (c->conv.inner % c->lanes == 0)
        t.xs = product_xs;
    a.at_c = product_loops(kc, c, &t);
    a.pos = IXV(kb_for(b, LOOP_SERIAL, "p", IXC(0), IXC((int64_t)c->w.n * c->w.n), 1));
    a.pass = IXV(kb_for(b, LOOP_SERIAL, "pass", IXC(0), IXC(whole / px), 1));
    a.t = MULC(a.pass, px);
    kc_contract(kc, &t);
    kb_end(b);
    if (whole < c->p.tiles) {
        a.pass = IXC(whole / px);
        a.t = IXC(whole);
        t.px = (int)(c->p.tiles - whole);
        kc_contract(kc, &t);
    }
    kb_end(b);
}

/* A tile of which ny x nx outputs are inside the map, and its rows from, from + step, ... oc: the first of its
   channels. */
typedef struct OutTile { const WinoWalk *w; const Ix *ty, *tx, *t, *oc; int ny, nx, from, step; } OutTile;

static void output_coord(KC *kc, const void *user, const Ix *r, const Ix *q, int j, const Ix **coord)
{
    const OutTile *a = user;
    int m = a->w->c->w.m;
    (void)j;
    coord[0] = a->w->n, coord[1] = a->oc;
    coord[2] = ADD(MULC(a->ty, m), ADDC(MULC(r, a->step), a->from));
    coord[3] = ADD(MULC(a->tx, m), q);
}

/* The first channel of vector ch of the block. */
static const Ix *first_channel(KC *kc, const WinoWalk *w, const Ix *ch, int lanes)
{
    return ADDC(ADD(MULC(w->blk, (int64_t)w->s->nb * lanes), ch), w->s->first);
}

static void output_vector(KC *kc, const Ix *ch, int lanes, int valid, const void *user)
{
    OutTile a = *(const OutTile *)user;
    const Wino *c = a.w->c;
    const Winograd *w = &c->w;
    const Expr *r[WINO_MAX_N][WINO_MAX_N], *d[WINO_MAX_N] = {0}, *out[WINO_MAX_N], *bias = NULL;
    bool sums = kc_sums(kc);
    int rows = (a.ny - a.from + a.step - 1) / a.step, tile = -1;
    a.oc = first_channel(kc, a.w, ch, lanes);
    if (c->bias >= 0)
        bias = kc_reg(kc, "b", kc_load_param(kc, c->bias, a.oc, true, lanes, valid));
    if (sums)
        tile = kb_tile(&kc->b, "y", rows * a.nx, 0, x_const(&kc->b, vt(DT_F32, lanes), 0));
    for (int j = 0; j < w->n; j++) {
        for (int i = 0; i < w->n; i++) {
            bool used = false;
            for (int k = a.from; k < a.ny; k += a.step)
                used |= w->at[k][i] != 0;
            const Ix *ix[3] = {a.w->part, IXC(i * w->n + j), ADD(MULC(a.t, (int64_t)a.w->s->nb * lanes), ch)};
            if (used)
                d[i] = kc_reg(kc, "x", x_load(&kc->b, c->m, ix, lanes, 0));
        }
        wino_output_rows(kc, w, a.from, a.step, a.ny, d, out);
        for (int i = a.from; i < a.ny; i += a.step)
            r[i][j] = out[i];
    }
    for (int i = a.from; i < a.ny; i += a.step) {
        wino_output_rows(kc, w, 0, 1, a.nx, r[i], out);
        for (int j = 0; j < a.nx; j++) {
            const Ix *coord[4], *at = IXC((i - a.from) / a.step * a.nx + j);
            const Expr *y = bias ? x_bin(&kc->b, X_add, out[j], bias) : out[j];
            output_coord(kc, &a, IXC((i - a.from) / a.step), IXC(j), 0, coord);
            sums ? kb_set(&kc->b, tile, at, NULL, y) : kc_store_results(kc, y, coord, 1, lanes, valid);
        }
    }
    if (sums)
        kc_finish(kc, &(Finish){rows, a.nx, 1, lanes, valid, 1, &tile, output_coord, &a, NULL, false});
}

static int64_t block_channels(const WinoWalk *w) { return (int64_t)(w->s->nb - 1) * w->c->lanes + w->s->last_n; }

/* The tiles of a tile row that have nx columns inside the map: those before `whole`, or the one there. */
static void output_columns(KC *kc, OutTile a, int64_t whole, bool edge)
{
    const WinoWalk *w = a.w;
    const Ix *row = a.t;
    a.tx = edge ? IXC(whole) : IXV(kb_for(&kc->b, LOOP_SERIAL, "tx", IXC(0), IXC(whole), 1));
    a.t = ADD(row, a.tx);
    a.step = a.ny * w->c->w.n > 24 ? 2 : 1; /* as many vectors wait for the second pass */
    for (a.from = 0; a.from < a.step; a.from++)
        if (w->ch)
            output_vector(kc, w->ch, w->c->lanes, w->ch_valid, &a);
        else
            wino_vectors(kc, block_channels(w), w->c->lanes, output_vector, &a);
    kc_close(kc, !edge);
}

/* Tile rows lo..hi of the block, each with ny rows inside the map. */
static void output_tiles(KC *kc, const WinoWalk *w, const Ix *lo, const Ix *hi, int ny)
{
    const Wino *c = w->c;
    int64_t width = c->ot.dim[3], m = c->w.m, whole = width / m;
    const Ix *r = IXV(kb_for(&kc->b, LOOP_SERIAL, "ty", lo, hi, 1));
    OutTile a = {.w = w, .ny = ny, .ty = ADD(w->row, r), .t = ADD(w->tile, MULC(r, c->p.nx))};
    bool apart = kc_sums(kc) && c->p.tiles >= LONG_SUM; /* rows of tiles */
    if (apart)
        kc_begin_columns(kc);
    a.nx = (int)m;
    if (whole)
        output_columns(kc, a, whole, false);
    a.nx = (int)(width % m);
    if (a.nx)
        output_columns(kc, a, whole, true);
    if (apart)
        kc_end_columns(kc);
    kb_end(&kc->b);
}

static void all_tiles(KC *kc, const WinoWalk *w, int64_t rows)
{
    const Wino *c = w->c;
    int64_t m = c->w.m, whole = c->ot.dim[2] / m, edge = c->ot.dim[2] % m;
    const Ix *left = ix_sub(kc->A, IXC(whole), w->row); /* whole tile rows from w->row on */
    const Ix *end = edge ? ix_min(kc->A, IXC(rows), left) : IXC(rows);
    if (whole)
        output_tiles(kc, w, IXC(0), end, (int)m);
    if (edge)
        output_tiles(kc, w, ix_max(kc->A, IXC(0), left), IXC(rows), (int)edge);
}

/* A vector of channels whose sums over the block are in registers meanwhile. */
static void output_totals(KC *kc, const Ix *ch, int lanes, int valid, const void *user)
{
    WinoWalk w = *(const WinoWalk *)user;
    int64_t rows = kc->s->oc_outer ? w.c->p.ny : kc->s->rows;
    w.ch = ch, w.ch_valid = valid;
    kc_totals(kc, 1, lanes);
    all_tiles(kc, &w, rows);
    kc_store_totals(kc, 0, w.n, first_channel(kc, &w, ch, lanes), ix_div(kc->A, w.row, rows), valid);
}

/* The outputs of `rows` tile rows from w.row on. */
static void output(KC *kc, const WinoWalk *w, int64_t rows)
{
    if (kc_sums(kc))
        wino_vectors(kc, block_channels(w), w->c->lanes, output_totals, w);
    else
        all_tiles(kc, w, rows);
}

/* Calls fn with n, row and tile set: for the block of tile rows at hand, or for all images. */
static void images(KC *kc, WinoWalk w, void (*fn)(KC *, const WinoWalk *, int64_t rows))
{
    if (!kc->s->oc_outer) {
        fn(kc, &w, kc->s->rows);
        return;
    }
    const WinoPlan *p = &w.c->p;
    w.n = kc_each(kc, LOOP_SERIAL, "n", w.c->it.dim[0]);
    w.row = IXC(0), w.tile = MULC(w.n, p->ny * p->nx);
    fn(kc, &w, p->ny);
    kc_close(kc, w.c->it.dim[0] > 1);
}

/* One block of output channels. */
static void wino_channels(KC *kc, const WinoWalk *w)
{
    products(kc, w);
    images(kc, *w, output);
}

/* As many parts as threads can share n pieces of work among. */
static int64_t parts_of(const KC *kc, int64_t n) { return imin(kc->s->parts, n); }

/* Opens a loop over this part's share of n pieces. */
static const Ix *share(KC *kc, const WinoWalk *w, const char *name, int64_t n, int64_t parts)
{
    const Ix *lo = ix_div(kc->A, MULC(w->part, n), parts), *hi = ix_div(kc->A, MULC(ADDC(w->part, 1), n), parts);
    return IXV(kb_for(&kc->b, LOOP_SERIAL, name, lo, hi, 1));
}

/* A parameter for planes in the kernel's scratch, behind those at *offset. */
static int scratch(KC *kc, const char *name, int64_t parts, int64_t planes, int64_t plane, int64_t *offset)
{
    PUSH(kc->l->A, &kc->call.arg, ((Arg){ARG_ARENA, *offset}));
    *offset += 4 * parts * planes * plane;
    return kb_param(&kc->b, name, DT_F32, ACC_RW, 3, (int64_t[]){parts, planes, plane});
}

static Wino *wino_of(KC *kc)
{
    const Node *n = kc->n;
    const Schedule *s = kc->s;
    Wino *c = NEW(kc->A, Wino, 1);
    *c = (Wino){.in = n->in[0], .bias = n->nin > 2 ? n->in[2] : -1, .lanes = s->lanes, .it = *kc_type(kc, n->in[0]),
                .ot = kc->frame};
    if (!winograd_conv(kc->l->g, n, s->peel, &c->conv))
        bug("a Winograd kernel for what has none");
    c->w = winograd_make(s->wino, c->conv.r);
    c->p = winograd_plan(s, &c->conv, &c->it, &c->ot);
    int64_t offset = n->scratch_offset, nn = (int64_t)c->w.n * c->w.n, inputs = s->oc_outer ? 1 : s->parts;
    c->v = scratch(kc, "v", inputs, nn, c->p.v_plane, &offset);
    c->m = scratch(kc, "m", s->parts, nn, c->p.m_plane, &offset);
    if (s->peel)
        c->band = scratch(kc, "band", inputs, c->p.band_rows, c->p.band_row, &offset);
    c->nseg = kc_segments(kc, c->ot.dim[1], c->lanes, c->seg);
    for (int i = 0; i < c->nseg; i++)
        c->seg[i].weights = wino_pack(kc, c, i);
    return c;
}

/* One block of all tiles. Threads share blocks of channels. */
static void by_channels(KC *kc, WinoWalk w)
{
    const Wino *c = w.c;
    int64_t parts = parts_of(kc, c->seg[0].blocks);
    images(kc, w, wino_input);
    w.part = kc_each(kc, LOOP_PARALLEL, "part", parts);
    for (int i = 0; i < c->nseg; i++) {
        w.s = &c->seg[i];
        if (i == 0)
            w.blk = share(kc, &w, "oc", w.s->blocks, parts);
        else { /* once, by the first part, which has no more blocks than others */
            kb_for(&kc->b, LOOP_SERIAL, "tail", w.part, IXC(1), 1);
            w.blk = IXC(0);
        }
        wino_channels(kc, &w);
        kb_end(&kc->b);
    }
    kc_close(kc, parts > 1);
}

/* Blocks of tile rows, which threads share. */
static void by_rows(KC *kc, WinoWalk w)
{
    const Wino *c = w.c;
    int64_t parts = parts_of(kc, c->p.blocks), per_image = c->p.ny / kc->s->rows;
    w.part = w.v_part = kc_each(kc, LOOP_PARALLEL, "part", parts);
    const Ix *block = share(kc, &w, "block", c->p.blocks, parts);
    bool batch = c->it.dim[0] > 1;
    w.n = batch ? ix_div(kc->A, block, per_image) : IXC(0);
    w.row = MULC(batch ? ix_mod(kc->A, block, per_image) : block, kc->s->rows);
    w.tile = IXC(0);
    wino_input(kc, &w, kc->s->rows);
    for (int i = 0; i < c->nseg; i++) {
        w.s = &c->seg[i];
        w.blk = IXV(kb_for(&kc->b, LOOP_SERIAL, "oc", IXC(0), IXC(w.s->blocks), 1));
        wino_channels(kc, &w);
        kb_end(&kc->b);
    }
    kc_close(kc, 1 + (parts > 1));
}

void lower_winograd(KC *kc)
{
    WinoWalk w = {.c = wino_of(kc), .part = IXC(0), .v_part = IXC(0), .blk = IXC(0)};
    kc_zero_borders(kc);
    kc->s->oc_outer ? by_channels(kc, w) : by_rows(kc, w);
}
