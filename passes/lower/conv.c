/* Dense and grouped convolution in register tiles of pixels x output channels.

   Output channels are cut into blocks of nb vectors and one narrower tail block. Weights are packed at compile time in
   the order in which they are read: [group][block][ky][kx][c][nb * lanes], with c first for row-major input of few
   channels. Where the input has a border in memory, every window is whole; without one ("peel") rows clip ky, and
   the pixels at the left and right edge run as tiles of one pixel that clip kx. */
#include "lower.h"

/* Output channels of one block shape. pairs: two pixels share the last vector, bias: its channels twice. */
typedef struct Seg { int64_t first; int blocks, nb, last_n, wparam; bool pairs; int bias, mask; } Seg;

typedef struct Conv {
    ValueId in, bias;
    Type it, ot;
    int64_t groups, cg, og, kh, kw;
    Phase v, h;             /* vertical, horizontal */
    bool transposed;
    int64_t nv, nh;         /* phases that share the code being written, vertical and horizontal */
    const Ix *pv, *ph;      /* which of them */
    bool chan_outer;        /* loops c, ky, kx: input without channel runs */
    bool oc_outer;          /* blocks of output channels are outside the loops over the map, or over a part of it */
    const int64_t *order;   /* by a table: the channels of each group in the order in which they lie, else NULL */
    KcRun run;
    int cut;                /* one tap, many channels: loops over blocks of channels and in them, 0: loops over taps */
    int at_c, at_y, at_x;   /* which loops go over channels and taps */
    Seg seg[2];
    int nseg;
    const Ix *part, *first;     /* which part of the map is at work, its first row */
    int64_t height;             /* and its rows */
    /* the tile being written */
    const Ix *n, *g, *blk, *y, *x;
    bool fetch;                 /* the tiles over the map fetch the weights of the next block meanwhile */
    const Ix *pass;             /* which of them this is */
    const Seg *s;
    int lanes, from, to, rows;  /* segments and rows of the tiles being walked */
} Conv;

static const Ix *channel(KC *kc, const Conv *c, int j)
{
    return ADD(ADD(MULC(c->g, c->og), MULC(c->blk, (int64_t)c->s->nb * c->lanes)),
               IXC(c->s->first + (int64_t)j * c->lanes));
}

static const Expr *conv_init(KC *kc, void *user, int j)
{
    Conv *c = user;
    if (c->bias < 0)
        return x_const(&kc->b, vt(DT_F32, c->lanes), 0);
    if (c->s->pairs && j == c->s->nb - 1)
        return x_load(&kc->b, c->s->bias, (const Ix *[]){IXC(0)}, c->lanes, 0);
    int valid = j == c->s->nb - 1 ? c->s->last_n : c->lanes;
    return kc_load_param(kc, c->bias, channel(kc, c, j), true, c->lanes, valid);
}

/* Tiles along a row of the map; tiles in the map. */
static int64_t tiles_along(const KC *kc, const Conv *c) { return (c->h.w.out + kc->s->px - 1) / kc->s->px; }
static int64_t tiles_over(const KC *kc, const Conv *c)
{
    return (c->v.w.out + kc->s->rows - 1) / kc->s->rows * tiles_along(kc, c);
}

static void red_vars(KC *kc, const Conv *c, const Ix *const *red, const Ix **ch, const Ix **ky, const Ix **kx)
{
    if (c->cut) {
        *ch = kc_blocked(kc, c->cut, red), *ky = *kx = IXC(0);
        return;
    }
    *ch = red[c->at_c], *ky = red[c->at_y], *kx = red[c->at_x];
}

/* Where the channel lies that all pixels read. */
static const Ix *conv_along(KC *kc, void *user, const Ix *const *red)
{
    const Conv *c = user;
    const Ix *ch, *ky, *kx;
    red_vars(kc, c, red, &ch, &ky, &kx);
    return kc_along(kc, &c->run, ADD(MULC(c->g, c->cg), ch));
}

/* The coordinates of a pixel's input in that step. */
static void input_at(KC *kc, const Conv *c, const Ix *r, const Ix *q, const Ix *const *red, const Ix **coord)
{
    const Ix *ch, *ky, *kx;
    red_vars(kc, c, red, &ch, &ky, &kx);
    coord[0] = c->n;
    coord[1] = ADD(MULC(c->g, c->cg), ch);
    coord[2] = ADDC(ADD(MULC(ADD(c->y, r), c->v.w.s), MULC(ky, c->v.w.d)), -c->v.w.p);
    coord[3] = ADDC(ADD(MULC(ADD(c->x, q), c->h.w.s), MULC(kx, c->h.w.d)), -c->h.w.p);
}

static const Expr *conv_xs(KC *kc, void *user, const Ix *r, const Ix *q, const Ix *const *red, int lanes)
{
    const Conv *c = user;
    const Ix *coord[4];
    input_at(kc, c, r, q, red, coord);
    return kc_load(kc, c->in, &c->it, coord, 1, lanes, lanes);
}

static const Expr *conv_x(KC *kc, void *user, const Ix *r, const Ix *q, const Ix *const *red, const Ix *along)
{
    const Conv *c = user;
    const Ix *coord[4];
    input_at(kc, c, r, q, red, coord);
    return kc_load_along(kc, c->in, &c->it, coord, along, 1);
}

static const Expr *conv_w(KC *kc, void *user, int j, const Ix *const *red)
{
    Conv *c = user;
    const Ix *set = ADD(MULC(ADD(MULC(c->pv, c->nh), c->ph), c->groups), c->g); /* weights of this phase and group */
    const Ix *panel = ADD(MULC(set, c->s->blocks), c->blk), *ch, *ky, *kx, *step;
    int64_t kh = c->v.w.k, kw = c->h.w.k, wide = (int64_t)c->s->nb * c->lanes;
    red_vars(kc, c, red, &ch, &ky, &kx);
    if (c->chan_outer)
        step = ADD(MULC(ADD(MULC(ch, kh), ky), kw), kx);
    else
        step = ADD(MULC(ADD(MULC(ky, kw), kx), c->cg), ch);
    if (c->fetch && j == 0)
        kc_prefetch(kc, &(Panels){c->s->wparam, c->s->blocks * c->nv * c->nh * c->groups, c->cg * kh * kw, wide,
                                  tiles_over(kc, c)}, panel, c->pass, step);
    const Ix *ix[2] = {panel, ADDC(MULC(step, wide), (int64_t)j * c->lanes)};
    return x_load(&kc->b, c->s->wparam, ix, c->lanes, 0);
}

static void conv_coord(KC *kc, void *user, const Ix *r, const Ix *q, int j, const Ix **coord)
{
    Conv *c = user;
    coord[0] = c->n, coord[1] = channel(kc, c, j);
    coord[2] = ADD(ADDC(MULC(ADD(c->y, r), c->v.ostep), c->v.o0), c->pv);
    coord[3] = ADD(ADDC(MULC(ADD(c->x, q), c->h.ostep), c->h.o0), c->ph);
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
static void tap_loops(KC *kc, Conv *c, Contract *t, bool clip_x)
{
    RedLoop ch = {.name = "c", .lo = IXC(0), .hi = IXC(c->cg), .most = c->cg};
    kc_cut(t, &ch);
    if (c->chan_outer)
        c->at_c = add_loop(t, ch);
    c->at_y = taps(kc, t, "ky", &c->v.w, c->y, kc->s->peel);
    c->at_x = taps(kc, t, "kx", &c->h.w, c->x, clip_x);
    if (!c->chan_outer)
        c->at_c = add_loop(t, ch);
    tap_blocks(c, t);
}

static void tile(KC *kc, Conv *c, int px, bool clip_x)
{
    Contract t = {.rows = c->rows, .px = px, .nb = c->s->nb, .lanes = c->lanes, .last_n = c->s->last_n, .vdim = 1,
                  .user = c, .init = conv_init, .x = conv_x, .w = conv_w, .coord = conv_coord,
                  .shared = c->order ? conv_along : NULL};
    if (!c->chan_outer && !c->order && c->cg % kc->t->lanes == 0 && kc_vector(kc, c->in, &c->it, 1))
        t.xs = conv_xs;
    bool inside = !kc->s->peel || !conv_overhangs(kc->n);
    int64_t many = c->chan_outer ? (int64_t)LONG_SUM * SUM_BLOCK : 2 * SUM_BLOCK; /* else tap_loops has blocks */
    bool one = c->v.w.k * c->h.w.k == 1 && c->cg >= many && inside;
    c->cut = one ? kc_blocks(kc, &t, "c", c->cg) : 0;
    if (!c->cut)
        tap_loops(kc, c, &t, clip_x);
    t.pairs = c->s->pairs, t.mask = c->s->mask;
    kc_contract(kc, &t);
}

/* All output channels of segments from..to at one tile of pixels. */
static void channels(KC *kc, const Ix *x, int px, bool clip_x, void *user)
{
    Conv *c = user;
    c->x = x;
    if (c->fetch)
        c->pass = ADD(MULC(ix_div(kc->A, c->y, kc->s->rows), tiles_along(kc, c)), ix_div(kc->A, x, kc->s->px));
    for (int i = c->from; i < c->to; i++) {
        c->s = &c->seg[i];
        bool loop = c->s->blocks > 1 && !c->oc_outer;
        if (loop)
            c->blk = IXV(kb_for(&kc->b, LOOP_SERIAL, "oc", IXC(0), IXC(c->s->blocks), 1));
        else if (c->s->blocks == 1)
            c->blk = IXC(0);
        tile(kc, c, px, clip_x);
        if (loop)
            kb_end(&kc->b);
    }
}

static void row(KC *kc, const Ix *y, void *user)
{
    Conv *c = user;
    c->y = y;
    kc_columns(kc, &c->h.w, kc->s->peel, kc->s->px, channels, c);
}

/* The rest of the rows comes first: the parallel loop must be the last statement. */
static void rows(KC *kc, Conv *c, int from, int to, bool parallel)
{
    int64_t step = imin(kc->s->rows, c->height), whole = c->height / step * step;
    c->from = from, c->to = to;
    if (whole < c->height) {
        c->rows = (int)(c->height - whole);
        row(kc, ADDC(c->first, whole), c);
    }
    c->rows = (int)step;
    kc_rows(kc, parallel ? LOOP_PARALLEL : LOOP_SERIAL, c->first, whole, step, c->h.w.out / kc->s->px + 2, row, c);
}

/* The weight of group g, its output o, its input ch, tap (ky, kx) counted among those of phases v and h. */
static float weight_at(const Conv *c, const float *w, const Phase *v, const Phase *h, int64_t g, int64_t o,
                       const int64_t *k)
{
    int64_t ch = k[c->chan_outer ? 0 : 2];
    if (c->order)
        ch = c->order[g * c->cg + ch];
    int64_t ky = k[c->chan_outer ? 1 : 0], kx = k[c->chan_outer ? 2 : 1];
    int64_t first = c->transposed ? g * c->cg + ch : g * c->og + o, inner = c->transposed ? c->og : c->cg;
    ky = v->k0 + ky * v->kstep, kx = h->k0 + kx * h->kstep;
    return w[((first * inner + (c->transposed ? o : ch)) * c->kh + ky) * c->kw + kx];
}

/* One set of weights to [block][..reduction..][nb * lanes], zero where channels end; returns the place behind it. */
static float *pack_set(const Conv *c, const Seg *s, const float *w, const Phase *v, const Phase *h, int64_t g,
                       const int64_t *n, float *p)
{
    int64_t wide = (int64_t)s->nb * c->lanes, k[3];
    for (int64_t b = 0; b < s->blocks; b++)
        for (k[0] = 0; k[0] < n[0]; k[0]++)
            for (k[1] = 0; k[1] < n[1]; k[1]++)
                for (k[2] = 0; k[2] < n[2]; k[2]++, p += wide)
                    for (int64_t j = 0; j < wide; j++) {
                        int64_t o = s->first + b * wide + j;
                        if (o >= c->og && s->pairs) /* the upper half */
                            o -= c->lanes / 2;
                        if (o < c->og)
                            p[j] = weight_at(c, w, v, h, g, o, k);
                    }
    return p;
}

/* Weights to [phase, group][block][..reduction..][nb * lanes]. */
static void pack(KC *kc, Conv *c, int i)
{
    Seg *s = &c->seg[i];
    ValueId wid = kc->n->in[1];
    const float *w = tensor_f32(kc->l->A, kc->l->g->value.v[wid].tensor);
    int64_t wide = (int64_t)s->nb * c->lanes, kh = c->v.w.k, kw = c->h.w.k, sets = c->nv * c->nh * c->groups;
    int64_t n[3] = {c->chan_outer ? c->cg : kh, c->chan_outer ? kh : kw, c->chan_outer ? kw : c->cg};
    float *all = NEW(kc->l->A, float, sets * s->blocks * imax(1, n[0]) * imax(1, n[1]) * imax(1, n[2]) * wide);
    float *p = all;
    for (int64_t y = 0; y < c->nv; y++)
        for (int64_t x = 0; x < c->nh; x++)
            for (int64_t g = 0; g < c->groups; g++) {
                Phase v = c->v, h = c->h;
                if (c->transposed) {
                    v = transpose_phase(&kc->n->attr, &c->it, &c->ot, c->kh, 0, c->v.o0 + y);
                    h = transpose_phase(&kc->n->attr, &c->it, &c->ot, c->kw, 1, c->h.o0 + x);
                }
                p = pack_set(c, s, w, &v, &h, g, n, p);
            }
    const char *name = arena_printf(kc->l->A, "%s.tile%s_%dx%d%s", kc->l->g->value.v[wid].name, i ? "_tail" : "", s->nb,
                                    c->lanes, c->chan_outer ? "_c" : "");
    int64_t dim[2] = {sets * s->blocks, imax(1, n[0] * n[1] * n[2]) * wide};
    s->wparam = kc_const(kc, i ? "wt" : "w", name, DT_F32, 2, dim, all);
}

/* What shared vectors need besides their weights. */
static void pair(KC *kc, Conv *c, Seg *s)
{
    int64_t n = c->lanes;
    s->pairs = conv_pairs(kc->t, kc->n, c->cg * c->kh * c->kw, s->nb, c->lanes, s->last_n);
    if (!s->pairs)
        return;
    float *upper = NEW(kc->l->A, float, n), *twice = NEW(kc->l->A, float, n);
    const Value *bias = c->bias >= 0 ? &kc->l->g->value.v[c->bias] : NULL;
    const float *from = bias ? tensor_f32(kc->l->A, bias->tensor) : NULL;
    for (int64_t i = 0; i < n; i++) {
        upper[i] = i >= n / 2;
        if (bias && i % (n / 2) < s->last_n)
            twice[i] = from[type_elems(&bias->type) > 1 ? s->first + (s->nb - 1) * n + i % (n / 2) : 0];
    }
    s->mask = kc_const(kc, "upper", arena_printf(kc->l->A, "upper.%lld", (long long)n), DT_F32, 1, &n, upper);
    if (bias)
        s->bias = kc_const(kc, "bias_t", arena_printf(kc->l->A, "%s.twice", bias->name), DT_F32, 1, &n, twice);
}

static void segments(KC *kc, Conv *c)
{
    int nb = (int)imin(kc->s->nb, (c->og + c->lanes - 1) / c->lanes);
    ChannelBlocks b = channel_blocks(c->og, nb, c->lanes);
    c->nseg = 0;
    if (b.full)
        c->seg[c->nseg++] = (Seg){.blocks = (int)b.full, .nb = nb, .last_n = c->lanes};
    if (b.rest)
        c->seg[c->nseg++] = (Seg){.first = c->og - b.rest, .blocks = 1, .nb = b.tail, .last_n = b.last};
    for (int i = 0; i < c->nseg; i++) {
        pair(kc, c, &c->seg[i]);
        pack(kc, c, i);
    }
}

static Conv *conv_new(KC *kc)
{
    const Node *n = kc->n;
    const Type *w = kc_type(kc, n->in[1]);
    Conv *c = NEW(kc->A, Conv, 1);
    *c = (Conv){.in = n->in[0], .bias = n->nin > 2 ? n->in[2] : -1, .it = *kc_type(kc, n->in[0]), .ot = kc->frame,
                .groups = n->attr.groups, .kh = w->dim[2], .kw = w->dim[3], .lanes = kc->s->lanes,
                .oc_outer = kc->s->oc_outer || kc_sums(kc)};
    c->cg = c->it.dim[1] / c->groups, c->og = c->ot.dim[1] / c->groups;
    c->nv = c->nh = 1;
    c->pv = c->ph = IXC(0);
    const Value *in = &kc->l->g->value.v[c->in];
    c->chan_outer = !layout_contiguous(&in->layout, &in->type, 1) && !in->layout.at && c->it.dim[2] * c->it.dim[3] > 1;
    c->order = kc_sort(kc, c->in, 1, c->groups, &c->run);
    return c;
}

/* The blocks of channels of segment i, each over the map or the part of it at work. */
static void blocks(KC *kc, Conv *c, int i, bool parallel)
{
    bool loop = c->seg[i].blocks > 1, sums = kc_sums(kc);
    c->fetch = loop && kc->l->weights_far && !kc->s->sum_rows;
    LoopKind kind = parallel ? LOOP_PARALLEL : LOOP_SERIAL;
    c->blk = loop ? IXV(kb_for(&kc->b, kind, "oc", IXC(0), IXC(c->seg[i].blocks), 1)) : IXC(0);
    if (sums)
        kc_totals(kc, c->seg[i].nb, c->lanes);
    rows(kc, c, i, i + 1, parallel && !loop && !sums);
    c->s = &c->seg[i];
    for (int j = 0; j < c->seg[i].nb && sums; j++)
        kc_store_totals(kc, j, c->n, channel(kc, c, j), c->part, j == c->s->nb - 1 ? c->s->last_n : c->lanes);
    if (loop)
        kb_end(&kc->b);
}

/* The parts of the map that are added up together, all channels of each. */
static void parts(KC *kc, Conv *c, bool parallel)
{
    c->part =
        IXV(kb_for(&kc->b, parallel ? LOOP_PARALLEL : LOOP_SERIAL, "part", IXC(0), IXC(c->height / kc->s->sum_rows), 1));
    c->height = kc->s->sum_rows;
    c->first = MULC(c->part, c->height);
    for (int i = 0; i < c->nseg; i++)
        blocks(kc, c, i, false);
    kb_end(&kc->b);
}

/* The loops around the tiles. parallel: this nest is the kernel's last statement. */
static void nest(KC *kc, Conv *c, bool parallel)
{
    KB *b = &kc->b;
    segments(kc, c);
    bool batch = c->it.dim[0] > 1, group = c->groups > 1;
    LoopKind kind = parallel ? LOOP_PARALLEL : LOOP_SERIAL;
    c->n = batch ? IXV(kb_for(b, kind, "n", IXC(0), IXC(c->it.dim[0]), 1)) : IXC(0);
    parallel = parallel && !batch;
    c->g = group ? IXV(kb_for(b, parallel ? LOOP_PARALLEL : LOOP_SERIAL, "g", IXC(0), IXC(c->groups), 1)) : IXC(0);
    parallel = parallel && !group;
    c->part = c->first = IXC(0), c->height = c->v.w.out;
    if (kc->s->sum_rows)
        parts(kc, c, parallel);
    else if (!c->oc_outer)
        rows(kc, c, 0, c->nseg, parallel);
    else
        for (int i = c->nseg - 1; i >= 0; i--) /* the tail first: the blocks' loop may be parallel */
            blocks(kc, c, i, i == 0 && parallel);
    if (group)
        kb_end(b);
    if (batch)
        kb_end(b);
}

void lower_conv(KC *kc)
{
    Conv *c = conv_new(kc);
    c->v = (Phase){.w = kc_slide(kc, c->kh, 0), .kstep = 1, .ostep = 1};
    c->h = (Phase){.w = kc_slide(kc, c->kw, 1), .kstep = 1, .ostep = 1};
    kc_zero_borders(kc);
    nest(kc, c, true);
}

void lower_conv_transpose(KC *kc)
{
    Conv *c = conv_new(kc);
    const Attrs *a = &kc->n->attr;
    KB *b = &kc->b;
    c->transposed = true;
    kc_zero_borders(kc);
    for (int64_t y = 0; y < imin(a->stride.v[0], c->ot.dim[2]); y += c->nv) {
        c->nv = transpose_run(a, &c->it, &c->ot, c->kh, 0, y);
        for (int64_t x = 0; x < imin(a->stride.v[1], c->ot.dim[3]); x += c->nh) {
            c->nh = transpose_run(a, &c->it, &c->ot, c->kw, 1, x);
            c->v = transpose_phase(a, &c->it, &c->ot, c->kh, 0, y);
            c->h = transpose_phase(a, &c->it, &c->ot, c->kw, 1, x);
            c->pv = IXV(kb_for(b, LOOP_SERIAL, "py", IXC(0), IXC(c->nv), 1));
            c->ph = IXV(kb_for(b, LOOP_SERIAL, "px", IXC(0), IXC(c->nh), 1));
            nest(kc, c, false);
            kb_end(b);
            kb_end(b);
        }
    }
}
