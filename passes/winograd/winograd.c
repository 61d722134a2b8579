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

static const Expr *zero(KC *kc, void *user, int j)
{
    (void)j;
    return x_const(&kc->b, vt(DT_F32, ((Wino *)user)->lanes), 0);
}

/* The channel at which the sum is, where a group has so many. */
static const Ix *product_channel(KC *kc, const Wino *c, const Ix *const *red, int64_t group)
{
    return c->conv.groups > 1 ? ADD(MULC(red[0], group), red[c->at_c]) : red[c->at_c];
}

static const Expr *product_xs(KC *kc, void *user, const Ix *row, const Ix *q, const Ix *const *red, int lanes)
{
    const Wino *c = user;
    (void)row;
    const Ix *ix[3] = {c->v_part, c->pos,
                       ADD(MULC(ADD(c->t, q), c->p.channels), product_channel(kc, c, red, c->p.group))};
    return x_load(&kc->b, c->v, ix, lanes, 0);
}

static const Expr *product_x(KC *kc, void *user, const Ix *row, const Ix *q, const Ix *const *red, const Ix *shared)
{
    (void)shared;
    return product_xs(kc, user, row, q, red, 1);
}

static const Expr *product_w(KC *kc, void *user, int j, const Ix *const *red)
{
    const Wino *c = user;
    return wino_weight(kc, c, j, product_channel(kc, c, red, c->conv.inner));
}

static void product_store(KC *kc, void *user, const Ix *row, const Ix *q, int j, const Expr *acc)
{
    const Wino *c = user;
    (void)row;
    const Ix *at = ADDC(MULC(ADD(c->t, q), (int64_t)c->s->nb * c->lanes), (int64_t)j * c->lanes);
    const Ix *ix[3] = {c->part, c->pos, at};
    kb_store(&kc->b, c->m, ix, acc, 0);
}

/* Over phases and channels; many channels in blocks. */
static void product_loops(KC *kc, Wino *c, Contract *t)
{
    RedLoop ch = {.name = "c", .lo = IXC(0), .hi = IXC(c->conv.inner), .most = c->conv.inner};
    if (c->conv.groups > 1)
        t->red[t->nred++] = (RedLoop){.name = "phase", .lo = IXC(0), .hi = IXC(c->conv.groups), .most = c->conv.groups};
    kc_cut(t, &ch);
    c->at_c = t->nred;
    t->red[t->nred++] = ch;
    if (kc_terms(t, 0, t->nred) >= LONG_SUM)
        kc_apart(t, c->at_c);
}

static void products(KC *kc, Wino *c)
{
    KB *b = &kc->b;
    int64_t px = imin(kc->s->px, c->p.tiles), whole = c->p.tiles / px * px;
    Contract t = {.rows = 1, .nb = c->s->nb, .lanes = c->lanes, .last_n = c->lanes, .user = c, .init = zero,
                  .x = product_x, .w = product_w, .store = product_store};
    if (c->conv.inner % c->lanes == 0)
        t.xs = product_xs;
    product_loops(kc, c, &t);
    c->pos = IXV(kb_for(b, LOOP_SERIAL, "p", IXC(0), IXC((int64_t)c->w.n * c->w.n), 1));
    c->passes = (c->p.tiles + px - 1) / px;
    c->pass = IXV(kb_for(b, LOOP_SERIAL, "pass", IXC(0), IXC(whole / px), 1));
    c->t = MULC(c->pass, px);
    t.px = (int)px;
    kc_contract(kc, &t);
    kb_end(b);
    if (whole < c->p.tiles) {
        c->pass = IXC(whole / px);
        c->t = IXC(whole);
        t.px = (int)(c->p.tiles - whole);
        kc_contract(kc, &t);
    }
    kb_end(b);
}

/* A tile of which ny x nx outputs are inside the map, and its rows from, from + step, ... oc: the first of its
   channels. */
typedef struct OutTile { const Wino *c; const Ix *ty, *tx, *t, *oc; int ny, nx, from, step; } OutTile;

static void output_coord(KC *kc, void *user, const Ix *r, const Ix *q, int j, const Ix **coord)
{
    const OutTile *a = user;
    (void)j;
    coord[0] = a->c->n, coord[1] = a->oc;
    coord[2] = ADD(MULC(a->ty, a->c->w.m), ADDC(MULC(r, a->step), a->from));
    coord[3] = ADD(MULC(a->tx, a->c->w.m), q);
}

static void output_vector(KC *kc, const Wino *c, const Ix *ch, int lanes, int valid, void *user)
{
    OutTile *a = user;
    const Winograd *w = &c->w;
    const Seg *s = c->s;
    const Expr *r[WINO_MAX_N][WINO_MAX_N], *d[WINO_MAX_N] = {0}, *out[WINO_MAX_N], *bias = NULL;
    bool sums = kc_sums(kc);
    int rows = (a->ny - a->from + a->step - 1) / a->step, tile = -1;
    a->oc = ADDC(ADD(MULC(c->blk, (int64_t)s->nb * lanes), ch), s->first);
    if (c->bias >= 0)
        bias = kc_reg(kc, "b", kc_load_param(kc, c->bias, a->oc, true, lanes, valid));
    if (sums)
        tile = kb_tile(&kc->b, "y", rows * a->nx, 0, x_const(&kc->b, vt(DT_F32, lanes), 0));
    for (int j = 0; j < w->n; j++) {
        for (int i = 0; i < w->n; i++) {
            bool used = false;
            for (int k = a->from; k < a->ny; k += a->step)
                used |= w->at[k][i] != 0;
            const Ix *ix[3] = {c->part, IXC(i * w->n + j), ADD(MULC(a->t, (int64_t)s->nb * lanes), ch)};
            if (used)
                d[i] = kc_reg(kc, "x", x_load(&kc->b, c->m, ix, lanes, 0));
        }
        wino_output_rows(kc, w, a->from, a->step, a->ny, d, out);
        for (int i = a->from; i < a->ny; i += a->step)
            r[i][j] = out[i];
    }
    for (int i = a->from; i < a->ny; i += a->step) {
        wino_output_rows(kc, w, 0, 1, a->nx, r[i], out);
        for (int j = 0; j < a->nx; j++) {
            const Ix *coord[4], *at = IXC((i - a->from) / a->step * a->nx + j);
            const Expr *y = bias ? x_bin(&kc->b, X_add, out[j], bias) : out[j];
            output_coord(kc, a, IXC((i - a->from) / a->step), IXC(j), 0, coord);
            sums ? kb_set(&kc->b, tile, at, NULL, y) : kc_store_results(kc, y, coord, 1, lanes, valid);
        }
    }
    if (sums)
        kc_finish(kc, &(Finish){rows, a->nx, 1, lanes, valid, 1, &tile, output_coord, a, NULL, false});
}

static int64_t block_channels(const Wino *c) { return (int64_t)(c->s->nb - 1) * c->lanes + c->s->last_n; }

/* Tile rows lo..hi of the block, each with ny rows inside the map. */
static void output_tiles(KC *kc, Wino *c, const Ix *lo, const Ix *hi, int ny)
{
    KB *b = &kc->b;
    int64_t width = c->ot.dim[3], m = c->w.m, whole = width / m;
    OutTile a = {.c = c, .ny = ny};
    const Ix *r = IXV(kb_for(b, LOOP_SERIAL, "ty", lo, hi, 1));
    bool apart = kc_sums(kc) && c->p.tiles >= LONG_SUM; /* rows of tiles */
    if (apart)
        kc_begin_columns(kc);
    for (int edge = 0; edge < 2; edge++) {
        a.nx = (int)(edge ? width % m : m);
        if (edge ? !a.nx : !whole)
            continue;
        a.tx = edge ? IXC(whole) : IXV(kb_for(b, LOOP_SERIAL, "tx", IXC(0), IXC(whole), 1));
        a.ty = ADD(c->row, r);
        a.t = ADD(ADD(c->tile, MULC(r, c->p.nx)), a.tx);
        a.step = ny * c->w.n > 24 ? 2 : 1; /* as many vectors wait for the second pass */
        for (a.from = 0; a.from < a.step; a.from++)
            if (c->ch)
                output_vector(kc, c, c->ch, c->lanes, c->ch_valid, &a);
            else
                wino_vectors(kc, c, block_channels(c), c->lanes, output_vector, &a);
        if (!edge)
            kb_end(b);
    }
    if (apart)
        kc_end_columns(kc);
    kb_end(b);
}

static void all_tiles(KC *kc, Wino *c, int64_t rows)
{
    int64_t m = c->w.m, whole = c->ot.dim[2] / m, edge = c->ot.dim[2] % m;
    const Ix *left = ix_sub(kc->A, IXC(whole), c->row); /* whole tile rows from c->row on */
    const Ix *end = edge ? ix_min(kc->A, IXC(rows), left) : IXC(rows);
    if (whole)
        output_tiles(kc, c, IXC(0), end, (int)m);
    if (edge)
        output_tiles(kc, c, ix_max(kc->A, IXC(0), left), IXC(rows), (int)edge);
}

/* A vector of channels whose sums over the block are in registers meanwhile. */
static void output_totals(KC *kc, const Wino *c, const Ix *ch, int lanes, int valid, void *user)
{
    Wino *all = user;
    all->ch = ch, all->ch_valid = valid;
    kc_totals(kc, 1, lanes);
    int64_t rows = kc->s->oc_outer ? c->p.ny : kc->s->rows;
    const Ix *oc = ADDC(ADD(MULC(c->blk, (int64_t)c->s->nb * lanes), ch), c->s->first);
    all_tiles(kc, all, rows);
    kc_store_totals(kc, 0, c->n, oc, ix_div(kc->A, c->row, rows), valid);
    all->ch = NULL;
}

/* The outputs of `rows` tile rows from c->row on. */
static void output(KC *kc, Wino *c, int64_t rows)
{
    if (kc_sums(kc))
        wino_vectors(kc, c, block_channels(c), c->lanes, output_totals, c);
    else
        all_tiles(kc, c, rows);
}

/* Calls fn with c->n, c->row and c->tile set: for the block of tile rows at hand, or for all images. */
static void images(KC *kc, Wino *c, void (*fn)(KC *, Wino *, int64_t rows))
{
    if (!kc->s->oc_outer) {
        fn(kc, c, kc->s->rows);
        return;
    }
    bool batch = c->it.dim[0] > 1;
    c->n = batch ? IXV(kb_for(&kc->b, LOOP_SERIAL, "n", IXC(0), IXC(c->it.dim[0]), 1)) : IXC(0);
    c->row = IXC(0), c->tile = MULC(c->n, c->p.ny * c->p.nx);
    fn(kc, c, c->p.ny);
    if (batch)
        kb_end(&kc->b);
}

/* One block of output channels. */
static void channels(KC *kc, Wino *c)
{
    products(kc, c);
    images(kc, c, output);
}

/* Opens a loop over as many parts as threads can share the n pieces of work among; returns their number. */
static int64_t divide(KC *kc, Wino *c, int64_t n)
{
    int64_t parts = imin(kc->s->parts, n);
    c->part = parts > 1 ? IXV(kb_for(&kc->b, LOOP_PARALLEL, "part", IXC(0), IXC(parts), 1)) : IXC(0);
    return parts;
}

/* Opens a loop over this part's share of n pieces. */
static const Ix *share(KC *kc, const Wino *c, const char *name, int64_t n, int64_t parts)
{
    const Ix *lo = ix_div(kc->A, MULC(c->part, n), parts), *hi = ix_div(kc->A, MULC(ADDC(c->part, 1), n), parts);
    return IXV(kb_for(&kc->b, LOOP_SERIAL, name, lo, hi, 1));
}

static void segments(KC *kc, Wino *c)
{
    int64_t oc = c->ot.dim[1];
    int nb = (int)imin(kc->s->nb, (oc + c->lanes - 1) / c->lanes);
    ChannelBlocks b = channel_blocks(oc, nb, c->lanes);
    if (b.full)
        c->seg[c->nseg++] = (Seg){.blocks = (int)b.full, .nb = nb, .last_n = c->lanes};
    if (b.rest)
        c->seg[c->nseg++] = (Seg){.first = oc - b.rest, .blocks = 1, .nb = b.tail, .last_n = b.last};
    for (int i = 0; i < c->nseg; i++)
        wino_pack(kc, c, i);
}

static int scratch(KC *kc, const char *name, int64_t parts, int64_t planes, int64_t plane, int64_t *offset)
{
    PUSH(kc->l->A, &kc->call.arg, ((Arg){ARG_ARENA, *offset}));
    *offset += 4 * parts * planes * plane;
    return kb_param(&kc->b, name, DT_F32, ACC_RW, 3, (int64_t[]){parts, planes, plane});
}

void lower_winograd(KC *kc)
{
    const Node *n = kc->n;
    Wino *c = NEW(kc->A, Wino, 1);
    *c = (Wino){.in = n->in[0], .bias = n->nin > 2 ? n->in[2] : -1, .lanes = kc->s->lanes, .it = *kc_type(kc, n->in[0]),
                .ot = kc->frame};
    if (!winograd_conv(kc->l->g, n, kc->s->peel, &c->conv))
        bug("a Winograd kernel for what has none");
    c->w = winograd_make(kc->s->wino, c->conv.r);
    c->p = winograd_plan(kc->s, &c->conv, &c->it, &c->ot);
    int64_t offset = n->scratch_offset, nn = (int64_t)c->w.n * c->w.n;
    bool outer = kc->s->oc_outer;
    int64_t inputs = outer ? 1 : kc->s->parts;
    c->v = scratch(kc, "v", inputs, nn, c->p.v_plane, &offset);
    c->m = scratch(kc, "m", kc->s->parts, nn, c->p.m_plane, &offset);
    if (kc->s->peel)
        c->band = scratch(kc, "band", inputs, c->p.band_rows, c->p.band_row, &offset);
    segments(kc, c);
    kc_zero_borders(kc);
    c->part = c->v_part = c->blk = IXC(0);
    if (outer) {
        images(kc, c, wino_input);
        int64_t parts = divide(kc, c, c->seg[0].blocks);
        for (int i = 0; i < c->nseg; i++) {
            c->s = &c->seg[i];
            if (i == 0)
                c->blk = share(kc, c, "oc", c->s->blocks, parts);
            else { /* once, by the first part, which has no more blocks than others */
                kb_for(&kc->b, LOOP_SERIAL, "tail", c->part, IXC(1), 1);
                c->blk = IXC(0);
            }
            channels(kc, c);
            kb_end(&kc->b);
        }
        kc_close(kc, parts > 1);
        return;
    }
    int64_t parts = divide(kc, c, c->p.blocks), per_image = c->p.ny / kc->s->rows;
    const Ix *block = share(kc, c, "block", c->p.blocks, parts);
    bool batch = c->it.dim[0] > 1;
    c->v_part = c->part;
    c->n = batch ? ix_div(kc->A, block, per_image) : IXC(0);
    c->row = MULC(batch ? ix_mod(kc->A, block, per_image) : block, kc->s->rows);
    c->tile = IXC(0);
    wino_input(kc, c, kc->s->rows);
    for (int i = 0; i < c->nseg; i++) {
        c->s = &c->seg[i];
        c->blk = IXV(kb_for(&kc->b, LOOP_SERIAL, "oc", IXC(0), IXC(c->s->blocks), 1));
        channels(kc, c);
        kb_end(&kc->b);
    }
    kc_close(kc, 1 + (parts > 1));
}
