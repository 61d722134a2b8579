/* Dense and grouped convolution in register tiles of pixels x output channels.

   Output channels are cut into blocks of nb vectors and one narrower tail block. Weights are packed at compile time in
   the order in which they are read: [group][block][ky][kx][c][nb * lanes], with c first for row-major input of few
   channels. Where the input has a border in memory, every window is whole; without one ("peel") rows clip ky, and
   the pixels at the left and right edge run as tiles of one pixel that clip kx. */
#include "conv_kernel.h"

/* Where the loops around a tile stand. */
typedef struct ConvWalk {
    const Conv *c;
    const Ix *pv, *ph;      /* phase */
    const Ix *n, *g;        /* image, group */
    const Ix *part, *first; /* part of the map, its first row */
    int64_t height;         /* and its rows */
    int from, to;           /* segments whose tiles are walked */
    const Segment *s;       /* block blk of these channels */
    const Pair *pair;
    const Ix *blk;
    bool fetch;             /* the tiles over the map fetch the weights of the next block meanwhile */
    const Ix *pass;         /* which of these tiles this is */
    const Ix *y, *x;
    int rows;               /* of a tile */
} ConvWalk;

/* A tile and its reduction: at_c, at_y and at_x are the loops over channels and taps. cut: of one tap and many channels
   there are loops over blocks of channels and in them instead. */
typedef struct ConvTile { const ConvWalk *w; int cut, at_c, at_y, at_x; } ConvTile;

static const Ix *channel(KC *kc, const ConvWalk *w, int j)
{
    const Conv *c = w->c;
    return ADD(ADD(MULC(w->g, c->og), MULC(w->blk, (int64_t)w->s->nb * c->lanes)),
               IXC(w->s->first + (int64_t)j * c->lanes));
}

static const Expr *conv_init(KC *kc, const void *user, int j)
{
    const ConvWalk *w = ((const ConvTile *)user)->w;
    const Conv *c = w->c;
    const Segment *s = w->s;
    if (c->bias < 0)
        return x_const(&kc->b, vt(DT_F32, c->lanes), 0);
    if (w->pair->on && j == s->nb - 1)
        return x_load(&kc->b, w->pair->bias, (const Ix *[]){IXC(0)}, c->lanes, 0);
    return kc_load_param(kc, c->bias, channel(kc, w, j), true, c->lanes, j == s->nb - 1 ? s->last_n : c->lanes);
}

/* Tiles along a row of the map; tiles in the map. */
static int64_t tiles_along(const KC *kc, const Conv *c) { return (c->h.w.out + kc->s->px - 1) / kc->s->px; }
static int64_t tiles_over(const KC *kc, const Conv *c)
{
    return (c->v.w.out + kc->s->rows - 1) / kc->s->rows * tiles_along(kc, c);
}

static void red_vars(KC *kc, const ConvTile *t, const Ix *const *red, const Ix **ch, const Ix **ky, const Ix **kx)
{
    if (t->cut) {
        *ch = kc_blocked(kc, t->cut, red), *ky = *kx = IXC(0);
        return;
    }
    *ch = red[t->at_c], *ky = red[t->at_y], *kx = red[t->at_x];
}

/* Where the channel lies that all pixels read. */
static const Ix *conv_along(KC *kc, const void *user, const Ix *const *red)
{
    const ConvTile *t = user;
    const ConvWalk *w = t->w;
    const Ix *ch, *ky, *kx;
    red_vars(kc, t, red, &ch, &ky, &kx);
    return kc_along(kc, &w->c->run, ADD(MULC(w->g, w->c->cg), ch));
}

/* The coordinates of a pixel's input in that step. */
static void input_at(KC *kc, const ConvTile *t, const Ix *r, const Ix *q, const Ix *const *red, const Ix **coord)
{
    const ConvWalk *w = t->w;
    const Conv *c = w->c;
    const Ix *ch, *ky, *kx;
    red_vars(kc, t, red, &ch, &ky, &kx);
    coord[0] = w->n;
    coord[1] = ADD(MULC(w->g, c->cg), ch);
    coord[2] = ADDC(ADD(MULC(ADD(w->y, r), c->v.w.s), MULC(ky, c->v.w.d)), -c->v.w.p);
    coord[3] = ADDC(ADD(MULC(ADD(w->x, q), c->h.w.s), MULC(kx, c->h.w.d)), -c->h.w.p);
}

static const Expr *conv_xs(KC *kc, const void *user, const Ix *r, const Ix *q, const Ix *const *red, int lanes)
{
    const ConvTile *t = user;
    const Conv *c = t->w->c;
    const Ix *coord[4];
    input_at(kc, t, r, q, red, coord);
    return kc_load(kc, c->in, &c->it, coord, 1, lanes, lanes);
}

static const Expr *conv_x(KC *kc, const void *user, const Ix *r, const Ix *q, const Ix *const *red, const Ix *along)
{
    const ConvTile *t = user;
    const Conv *c = t->w->c;
    const Ix *coord[4];
    input_at(kc, t, r, q, red, coord);
    return kc_load_along(kc, c->in, &c->it, coord, along, 1);
}

static const Expr *conv_w(KC *kc, const void *user, int j, const Ix *const *red)
{
    const ConvTile *t = user;
    const ConvWalk *w = t->w;
    const Conv *c = w->c;
    const Segment *s = w->s;
    const Ix *set = ADD(MULC(ADD(MULC(w->pv, c->nh), w->ph), c->groups), w->g); /* weights of this phase and group */
    const Ix *panel = ADD(MULC(set, s->blocks), w->blk), *ch, *ky, *kx, *step;
    int64_t kh = c->v.w.k, kw = c->h.w.k, wide = (int64_t)s->nb * c->lanes;
    red_vars(kc, t, red, &ch, &ky, &kx);
    if (c->chan_outer)
        step = ADD(MULC(ADD(MULC(ch, kh), ky), kw), kx);
    else
        step = ADD(MULC(ADD(MULC(ky, kw), kx), c->cg), ch);
    if (w->fetch && j == 0)
        kc_prefetch(kc, &(Panels){s->weights, s->blocks * c->nv * c->nh * c->groups, c->cg * kh * kw, wide,
                                  tiles_over(kc, c)}, panel, w->pass, step);
    const Ix *ix[2] = {panel, ADDC(MULC(step, wide), (int64_t)j * c->lanes)};
    return x_load(&kc->b, s->weights, ix, c->lanes, 0);
}

static void conv_coord(KC *kc, const void *user, const Ix *r, const Ix *q, int j, const Ix **coord)
{
    const ConvWalk *w = ((const ConvTile *)user)->w;
    const Conv *c = w->c;
    coord[0] = w->n, coord[1] = channel(kc, w, j);
    coord[2] = ADD(ADDC(MULC(ADD(w->y, r), c->v.ostep), c->v.o0), w->pv);
    coord[3] = ADD(ADDC(MULC(ADD(w->x, q), c->h.ostep), c->h.o0), w->ph);
}

/* Which loops' sums are added up apart, so that no more than LONG_SUM numbers are added one behind the other. */
static void tap_blocks(const Conv *c, Contract *t)
{
    if (kc_terms(t, 0, t->nred) < LONG_SUM)
        return;
    int inner = !c->chan_outer && c->cg >= SUM_BLOCK ? t->nred - 1 : 1;
    while (inner < t->nred - 1 && kc_terms(t, inner, t->nred) >= LONG_SUM)
        inner++;
    kc_apart(t, inner);
}

static int add_loop(Contract *t, RedLoop l)
{
    t->red[t->nred] = l;
    return t->nred++;
}

/* A loop over taps, many in blocks; returns its place. */
static int taps(KC *kc, Contract *t, const char *name, const Slide *w, const Ix *o, bool clip)
{
    RedLoop l = {.name = name, .lo = IXC(0), .hi = IXC(w->k), .most = w->k};
    if (clip)
        kc_clip(kc, w, o, &l.lo, &l.hi);
    kc_cut(t, &l);
    return add_loop(t, l);
}

/* Loops over the taps and channels. Many channels go in blocks, each with all taps. */
static void tap_loops(KC *kc, ConvTile *in, Contract *t, bool clip_x)
{
    const ConvWalk *w = in->w;
    const Conv *c = w->c;
    RedLoop ch = {.name = "c", .lo = IXC(0), .hi = IXC(c->cg), .most = c->cg};
    kc_cut(t, &ch);
    if (c->chan_outer)
        in->at_c = add_loop(t, ch);
    in->at_y = taps(kc, t, "ky", &c->v.w, w->y, kc->s->peel);
    in->at_x = taps(kc, t, "kx", &c->h.w, w->x, clip_x);
    if (!c->chan_outer)
        in->at_c = add_loop(t, ch);
    tap_blocks(c, t);
}

static void sum_conv_tile(KC *kc, const ConvWalk *w, int px, bool clip_x)
{
    const Conv *c = w->c;
    const Segment *s = w->s;
    ConvTile in = {.w = w};
    Contract t = {.rows = w->rows, .px = px, .nb = s->nb, .lanes = c->lanes, .last_n = s->last_n, .vdim = 1,
                  .user = &in, .init = conv_init, .x = conv_x, .w = conv_w, .coord = conv_coord,
                  .shared = c->order ? conv_along : NULL, .pairs = w->pair->on, .mask = w->pair->mask};
    if (!c->chan_outer && !c->order && c->cg % kc->t->lanes == 0 && kc_vector(kc, c->in, &c->it, 1))
        t.xs = conv_xs;
    bool inside = !kc->s->peel || !conv_overhangs(kc->n);
    int64_t many = c->chan_outer ? (int64_t)LONG_SUM * SUM_BLOCK : 2 * SUM_BLOCK; /* else tap_loops has blocks */
    bool one = c->v.w.k * c->h.w.k == 1 && c->cg >= many && inside;
    in.cut = one ? kc_blocks(kc, &t, "c", c->cg) : 0;
    if (!in.cut)
        tap_loops(kc, &in, &t, clip_x);
    kc_contract(kc, &t);
}

/* All output channels of segments from..to at one tile of pixels. */
static void conv_channels(KC *kc, const Ix *x, int px, bool clip_x, const void *user)
{
    ConvWalk w = *(const ConvWalk *)user;
    const Conv *c = w.c;
    w.x = x;
    if (w.fetch)
        w.pass = ADD(MULC(ix_div(kc->A, w.y, kc->s->rows), tiles_along(kc, c)), ix_div(kc->A, x, kc->s->px));
    for (int i = w.from; i < w.to; i++) {
        w.s = &c->seg[i], w.pair = &c->pair[i];
        if (!c->oc_outer)
            w.blk = kc_each(kc, LOOP_SERIAL, "oc", w.s->blocks);
        sum_conv_tile(kc, &w, px, clip_x);
        kc_close(kc, !c->oc_outer && w.s->blocks > 1);
    }
}

static void conv_row(KC *kc, const Ix *y, const void *user)
{
    ConvWalk w = *(const ConvWalk *)user;
    w.y = y;
    kc_columns(kc, &w.c->h.w, kc->s->peel, kc->s->px, conv_channels, &w);
}

/* The rest of the rows comes first: the parallel loop must be the last statement. */
static void conv_rows(KC *kc, ConvWalk w, LoopKind kind)
{
    int64_t step = imin(kc->s->rows, w.height), whole = w.height / step * step;
    if (whole < w.height) {
        w.rows = (int)(w.height - whole);
        conv_row(kc, ADDC(w.first, whole), &w);
    }
    w.rows = (int)step;
    kc_rows(kc, kind, w.first, whole, step, w.c->h.w.out / kc->s->px + 2, conv_row, &w);
}

/* All but the phases and what depends on them. */
static Conv conv_of(KC *kc)
{
    const Node *n = kc->n;
    const Type *w = kc_type(kc, n->in[1]);
    Conv c = {.in = n->in[0], .bias = n->nin > 2 ? n->in[2] : -1, .it = *kc_type(kc, n->in[0]), .ot = kc->frame,
              .groups = n->attr.groups, .kh = w->dim[2], .kw = w->dim[3], .lanes = kc->s->lanes,
              .oc_outer = kc->s->oc_outer || kc_sums(kc), .transposed = n->op == OP_conv_transpose2d};
    c.cg = c.it.dim[1] / c.groups, c.og = c.ot.dim[1] / c.groups;
    const Value *in = &kc->l->g->value.v[c.in];
    c.chan_outer = !layout_contiguous(&in->layout, &in->type, 1) && !in->layout.at && c.it.dim[2] * c.it.dim[3] > 1;
    c.order = kc_sort(kc, c.in, 1, c.groups, &c.run);
    return c;
}

/* The blocks of channels of segment i, each over the map or the part of it at work. */
static void conv_blocks(KC *kc, ConvWalk w, int i, LoopKind kind)
{
    const Conv *c = w.c;
    const Segment *s = &c->seg[i];
    bool loop = s->blocks > 1, sums = kc_sums(kc);
    w.s = s, w.from = i, w.to = i + 1;
    w.fetch = loop && kc->l->weights_beyond_l2 && !kc->s->sum_rows;
    w.blk = kc_each(kc, kind, "oc", s->blocks);
    if (sums)
        kc_totals(kc, s->nb, c->lanes);
    conv_rows(kc, w, loop || sums ? LOOP_SERIAL : kind);
    for (int j = 0; j < s->nb && sums; j++)
        kc_store_totals(kc, j, w.n, channel(kc, &w, j), w.part, j == s->nb - 1 ? s->last_n : c->lanes);
    kc_close(kc, loop);
}

/* The parts of the map that are added up together, all channels of each. */
static void parts(KC *kc, ConvWalk w, LoopKind kind)
{
    int64_t height = kc->s->sum_rows;
    w.part = IXV(kb_for(&kc->b, kind, "part", IXC(0), IXC(w.height / height), 1));
    w.height = height;
    w.first = MULC(w.part, height);
    for (int i = 0; i < w.c->nseg; i++)
        conv_blocks(kc, w, i, LOOP_SERIAL);
    kb_end(&kc->b);
}

/* The loops around the tiles. kind: PARALLEL where this nest is the kernel's last statement. */
static void nest(KC *kc, ConvWalk w, LoopKind kind)
{
    const Conv *c = w.c;
    int64_t images = c->it.dim[0];
    w.n = kc_each(kc, kind, "n", images);
    kind = images > 1 ? LOOP_SERIAL : kind;
    w.g = kc_each(kc, kind, "g", c->groups);
    kind = c->groups > 1 ? LOOP_SERIAL : kind;
    w.part = w.first = IXC(0), w.height = c->v.w.out;
    w.to = c->nseg;
    if (kc->s->sum_rows)
        parts(kc, w, kind);
    else if (!c->oc_outer)
        conv_rows(kc, w, kind);
    else
        for (int i = c->nseg - 1; i >= 0; i--) /* the tail first: the blocks' loop may be parallel */
            conv_blocks(kc, w, i, i ? LOOP_SERIAL : kind);
    kc_close(kc, (c->groups > 1) + (images > 1));
}

void lower_conv(KC *kc)
{
    Conv c = conv_of(kc);
    c.v = (Phase){.w = kc_slide(kc, c.kh, 0), .kstep = 1, .ostep = 1};
    c.h = (Phase){.w = kc_slide(kc, c.kw, 1), .kstep = 1, .ostep = 1};
    c.nv = c.nh = 1;
    kc_zero_borders(kc);
    conv_segments(kc, &c);
    nest(kc, (ConvWalk){.c = &c, .pv = IXC(0), .ph = IXC(0)}, LOOP_PARALLEL);
}

/* Phases from (y, x) on that share their code. */
static void phases(KC *kc, Conv c, int64_t y, int64_t x)
{
    const Attrs *a = &kc->n->attr;
    ConvWalk w = {.c = &c};
    c.v = transpose_phase(a, &c.it, &c.ot, c.kh, 0, y);
    c.h = transpose_phase(a, &c.it, &c.ot, c.kw, 1, x);
    w.pv = IXV(kb_for(&kc->b, LOOP_SERIAL, "py", IXC(0), IXC(c.nv), 1));
    w.ph = IXV(kb_for(&kc->b, LOOP_SERIAL, "px", IXC(0), IXC(c.nh), 1));
    conv_segments(kc, &c);
    nest(kc, w, LOOP_SERIAL);
    kc_close(kc, 2);
}

void lower_conv_transpose(KC *kc)
{
    Conv c = conv_of(kc);
    const Attrs *a = &kc->n->attr;
    kc_zero_borders(kc);
    for (int64_t y = 0; y < imin(a->stride.v[0], c.ot.dim[2]); y += c.nv) {
        c.nv = transpose_run(a, &c.it, &c.ot, c.kh, 0, y);
        for (int64_t x = 0; x < imin(a->stride.v[1], c.ot.dim[3]); x += c.nh) {
            c.nh = transpose_run(a, &c.it, &c.ot, c.kw, 1, x);
            phases(kc, c, y, x);
        }
    }
}
