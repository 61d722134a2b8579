/* linear and matmul as register tiles: rows of the left operand x vectors along the columns of the result.
   linear packs its weights as [block][k][nb * lanes]; matmul reads its right operand where it lies, in vectors when
   its columns are contiguous. Where it is the transpose of what lies there, vectors run along the sum instead and are
   added up behind it. Long sums are cut into blocks, so that rounding grows with the square root.

   To a linear layer, the rows of all leading dimensions are one matrix where they lie at one distance from each other.
   Where the weights stay in L2, a block of rows goes through all weights before the next; else a block of weights goes
   through all rows.

   A matrix times its own transpose is symmetric, to the bit: tiles above the diagonal are stored as columns and as
   rows, those on it are computed whole, those below it not at all. The node's cost stays what the graph says. */
#include "lower.h"

/* What the product is: settled before the loops begin. */
typedef struct Mm {
    ValueId a, b, bias;
    Type at, bt, ot;
    int64_t M, K, cols;
    bool ta, tb;
    int lanes, along;          /* vectors along the columns, or along the sum; the other one is 1 */
    int64_t block;             /* columns of a whole block */
    Segment seg[2];
    int nseg;
    const int64_t *order;      /* linear, by a table: the terms of the sum in the order in which they lie, else NULL */
    KcRun run;
    int at_row;                /* the dimension of the row */
    bool lead_inside;          /* the loops over leading dimensions are inside that over blocks of columns */
    bool even;                 /* what the steps read is the same at [i][j] and [j][i] */
} Mm;

/* Where the loops around a tile stand. */
typedef struct ProductWalk {
    const Mm *m;
    int *packed;               /* per segment: the parameter with its weights, -1: not yet */
    const Ix *lead[MAX_RANK];  /* coordinates of the result but the row and the column */
    const Ix *lo, *hi;         /* the rows at work, in tiles of `step`; NULL: all */
    int64_t step;
    const Segment *s;          /* block blk of these columns */
    const Ix *blk;
    int weights;               /* parameter, -1: none */
    const Ix *row;
    bool mirrored;             /* the tile lies above the diagonal of a symmetric result */
} ProductWalk;

/* A tile. blocked: loops of a sum in blocks, 0: it is one loop. */
typedef struct ProductTile { const ProductWalk *w; int blocked; } ProductTile;

static const Ix *sum_index(KC *kc, const ProductTile *t, const Ix *const *red)
{
    return t->blocked ? kc_blocked(kc, t->blocked, red) : red[0];
}

static int64_t wide(const ProductWalk *w) { return (int64_t)w->s->nb * w->m->lanes; }

static const Ix *column(KC *kc, const ProductWalk *w, int j)
{
    return ADD(MULC(w->blk, wide(w)), IXC(w->s->first + (int64_t)j * w->m->lanes));
}

/* Valid lanes of vector j. */
static int valid(const ProductWalk *w, int j) { return j == w->s->nb - 1 ? w->s->last_n : w->m->lanes; }

static const Expr *mm_init(KC *kc, const void *user, int j)
{
    const ProductWalk *w = ((const ProductTile *)user)->w;
    const Mm *m = w->m;
    if (m->bias < 0)
        return x_const(&kc->b, vt(DT_F32, m->lanes), 0);
    return kc_load_param(kc, m->bias, column(kc, w, j), true, m->lanes, valid(w, j));
}

/* The coordinates of a row but that of the column. */
static void lead(const ProductWalk *w, const Ix *row, const Ix **coord)
{
    for (int i = 0; i < w->m->ot.rank - 1; i++)
        coord[i] = i == w->m->at_row ? row : w->lead[i];
}

/* a[row + q][k], or the vector of n valid lanes from k on. */
static const Expr *left(KC *kc, const ProductWalk *w, const Ix *q, const Ix *k, int lanes, int n)
{
    const Mm *m = w->m;
    const Ix *coord[MAX_RANK], *row = ADD(w->row, q);
    int R = m->ot.rank, ra = m->at.rank;
    Type frame = m->ot; /* the operand's own coordinates in a frame of the result's rank */
    lead(w, row, coord);
    coord[R - 1] = k;
    if (m->ta)
        coord[R - 2] = k, coord[R - 1] = row;
    for (int i = 0; i < 2 && i < ra; i++)
        frame.dim[R - 1 - i] = m->at.dim[ra - 1 - i];
    if (m->order)
        return kc_load_along(kc, m->a, &frame, coord, kc_along(kc, &m->run, k), lanes);
    return kc_load(kc, m->a, &frame, coord, R - 1, lanes, n);
}

/* b[k][col], b being transposed where matmul says so, or the vector from there on along its last dimension. */
static const Expr *right(KC *kc, const ProductWalk *w, const Ix *k, const Ix *col, int lanes, int n)
{
    const Mm *m = w->m;
    const Ix *coord[MAX_RANK];
    int R = m->ot.rank, vdim = m->tb && m->along == 1 ? R - 2 : R - 1;
    Type frame = m->ot;
    for (int i = 0; i < R - 2; i++)
        coord[i] = w->lead[i];
    coord[R - 2] = m->tb ? col : k;
    coord[R - 1] = m->tb ? k : col;
    frame.dim[R - 2] = m->bt.dim[m->bt.rank - 2], frame.dim[R - 1] = m->bt.dim[m->bt.rank - 1];
    return kc_load(kc, m->b, &frame, coord, vdim, lanes, n);
}

static const Expr *mm_x(KC *kc, const void *user, const Ix *r, const Ix *q, const Ix *const *red, const Ix *shared)
{
    const ProductTile *t = user;
    (void)r, (void)shared;
    return left(kc, t->w, q, sum_index(kc, t, red), 1, 1);
}

static const Expr *mm_w(KC *kc, const void *user, int j, const Ix *const *red)
{
    const ProductTile *t = user;
    const ProductWalk *w = t->w;
    int lanes = w->m->lanes;
    const Ix *k = sum_index(kc, t, red);
    if (w->weights < 0)
        return right(kc, w, k, column(kc, w, j), lanes, valid(w, j));
    return x_load(&kc->b, w->weights, (const Ix *[]){w->blk, k, IXC((int64_t)j * lanes)}, lanes, 0);
}

static void mm_coord(KC *kc, const void *user, const Ix *r, const Ix *q, int j, const Ix **coord)
{
    const ProductWalk *w = ((const ProductTile *)user)->w;
    (void)r;
    lead(w, ADD(w->row, q), coord);
    coord[w->m->ot.rank - 1] = column(kc, w, j);
}

/* [column][row] for [row][column] */
static void mirror(KC *kc, const void *user, const Ix *const *coord, int lane, const Ix **at)
{
    int R = ((const ProductTile *)user)->w->m->ot.rank;
    for (int i = 0; i < R - 2; i++)
        at[i] = coord[i];
    at[R - 2] = ADDC(coord[R - 1], lane);
    at[R - 1] = coord[R - 2];
}

static bool even_epilogue(const KC *kc, int rank)
{
    for (int i = 0; i < kc->n->nstep; i++) {
        const Step *s = &kc->n->step[i];
        for (int k = 0; k < s->nin; k++) {
            const Type *t = s->in[k] < 0 ? NULL : kc_type(kc, s->in[k]);
            bool same = !t || type_elems(t) == 1 || (op_is(s->op, P_PARAM) && k > 0 && s->attr.axis < rank - 2);
            if (!same && (op_is(s->op, P_PARAM) || t->dim[t->rank - 1] > 1 || (t->rank > 1 && t->dim[t->rank - 2] > 1)))
                return false;
        }
    }
    return true;
}

/* ---- vectors along the sum ---- */

/* Opens an unrolled loop over the rows of a tile, where there are several. */
static const Ix *tile_rows(KC *kc, int px)
{
    return px > 1 ? IXV(kb_for(&kc->b, LOOP_UNROLL, "q", IXC(0), IXC(px), 1)) : IXC(0);
}

static void close_rows(KC *kc, int px)
{
    if (px > 1)
        kb_end(&kc->b);
}

/* A tile of px x nb sums, each of a vector of terms. */
typedef struct Dots { const ProductWalk *w; int px, nb; } Dots;

static const Ix *dot(KC *kc, const Dots *d, const Ix *q, int j) { return ADDC(MULC(q, d->nb), j); }

/* acc[q][j] += a[row q][k...] b[column j][k...], of which n lanes are valid. */
static void multiply(KC *kc, const Dots *d, int acc, const Ix *k, int n)
{
    KB *b = &kc->b;
    int along = d->w->m->along;
    const Expr *w[8];
    for (int j = 0; j < d->nb; j++)
        w[j] = kc_reg(kc, arena_printf(kc->A, "w%d", j), right(kc, d->w, k, column(kc, d->w, j), along, n));
    const Ix *q = tile_rows(kc, d->px);
    const Expr *x = kc_reg(kc, "x", left(kc, d->w, q, k, along, n));
    for (int j = 0; j < d->nb; j++) {
        const Ix *at = dot(kc, d, q, j);
        kb_set(b, acc, at, NULL, x_fma(b, kc->t->fma, x, w[j], x_tile(b, acc, at, NULL)));
    }
    close_rows(kc, d->px);
}

static int zero_tile(KC *kc, const Dots *d, const char *name)
{
    return kb_tile(&kc->b, name, d->px * d->nb, 0, x_const(&kc->b, vt(DT_F32, d->w->m->along), 0));
}

/* SUM_BLOCK vectors along the sum. */
static void add_block(KC *kc, const Ix *i, int acc, const void *user)
{
    const Dots *d = user;
    int along = d->w->m->along, part = zero_tile(kc, d, "part");
    int64_t block = (int64_t)SUM_BLOCK * along;
    const Ix *from = MULC(i, block);
    multiply(kc, d, part, IXV(kb_for(&kc->b, LOOP_SERIAL, "k", from, ADDC(from, block), along)), along);
    kb_end(&kc->b);
    kc_add_parts(kc, acc, part, d->px * d->nb);
}

static void dots(KC *kc, const ProductWalk *w, int px)
{
    KB *b = &kc->b;
    const Mm *m = w->m;
    int nb = w->s->nb;
    Dots d = {w, px, nb};
    int64_t block = (int64_t)SUM_BLOCK * m->along, whole = m->K / m->along * m->along, blocks = whole / block;
    int64_t blocked = blocks >= 2 ? blocks * block : 0;
    int acc = zero_tile(kc, &d, "acc");
    if (blocked) {
        Terms t = {.name = "blk", .add = add_block, .user = &d, .elems = px * nb, .lanes = m->along};
        kc_add_up(kc, &t, IXC(0), IXC(blocks), blocks, acc);
    }
    if (blocked < whole) {
        multiply(kc, &d, acc, IXV(kb_for(b, LOOP_SERIAL, "k", IXC(blocked), IXC(whole), m->along)), m->along);
        kb_end(b);
    }
    if (whole < m->K)
        multiply(kc, &d, acc, IXC(whole), (int)(m->K - whole));
    int sum[8];
    for (int j = 0; j < nb; j++)
        sum[j] = kb_tile(b, arena_printf(kc->A, "s%d", j), px, 0, x_const(b, vt(DT_F32, 1), 0));
    const Ix *q = tile_rows(kc, px);
    for (int j = 0; j < nb; j++)
        kb_set(b, sum[j], q, NULL, x_un(b, X_hsum, x_tile(b, acc, dot(kc, &d, q, j), NULL)));
    close_rows(kc, px);
    kc_finish(kc, &(Finish){.rows = 1, .px = px, .nb = nb, .lanes = 1, .last_n = 1, .vdim = m->ot.rank - 1, .acc = sum,
                            .coord = mm_coord, .user = &(ProductTile){.w = w}, .twin = w->mirrored ? mirror : NULL,
                            .even = m->even});
}

static void sum_product_tile(KC *kc, const ProductWalk *w, int rows)
{
    const Mm *m = w->m;
    if (m->along > 1) {
        dots(kc, w, rows);
        return;
    }
    ProductTile in = {.w = w};
    Contract t = {.rows = 1, .px = rows, .nb = w->s->nb, .lanes = m->lanes, .last_n = w->s->last_n,
                  .vdim = m->ot.rank - 1, .user = &in, .init = mm_init, .x = mm_x, .w = mm_w, .coord = mm_coord,
                  .twin = w->mirrored ? mirror : NULL, .even = m->even};
    in.blocked = m->K >= 2 * SUM_BLOCK ? kc_blocks(kc, &t, "k", m->K) : 0;
    if (!in.blocked)
        t.red[0] = (RedLoop){.name = "k", .lo = IXC(0), .hi = IXC(m->K)}, t.nred = 1;
    kc_contract(kc, &t);
}

/* Rows lo to hi in tiles of px rows and one of the rest. */
static void product_rows(KC *kc, ProductWalk w, const Ix *lo, const Ix *hi, int64_t px)
{
    w.row = IXV(kb_for(&kc->b, LOOP_SERIAL, "m", lo, hi, px));
    sum_product_tile(kc, &w, (int)px);
    kb_end(&kc->b);
}

static void all_rows(KC *kc, ProductWalk w, int64_t from)
{
    if (w.lo) {
        product_rows(kc, w, w.lo, w.hi, w.step);
        return;
    }
    int64_t M = w.m->M, px = imin(kc->s->px, M - from), whole = from + (M - from) / px * px;
    product_rows(kc, w, IXC(from), IXC(whole), px);
    if (whole < M)
        product_rows(kc, w, IXC(whole), IXC(M), M - whole);
}

/* Of a symmetric result: the rows of a block of columns, or of what is left behind the last (tail), that lie above the
   diagonal, and those that it crosses. */
static void upper_rows(KC *kc, ProductWalk w, bool tail)
{
    int64_t block = w.m->block, px = imin(kc->s->px, block), first = w.s->first;
    while (block % px)
        px--;
    const Ix *begin = tail ? IXC(first) : MULC(w.blk, wide(&w));
    w.mirrored = true;
    if (tail ? first > 0 : w.m->cols >= 2 * block)
        product_rows(kc, w, IXC(0), begin, px);
    w.mirrored = false;
    if (tail)
        all_rows(kc, w, first);
    else
        product_rows(kc, w, begin, ADDC(begin, block), px);
}

/* The weights of segment i, f32[O][K], as [block][K][wide]. */
static int pack_product(KC *kc, const Mm *m, int i)
{
    const Segment *s = &m->seg[i];
    const Value *wv = &kc->l->g->value.v[m->b];
    const float *w = tensor_f32(kc->l->A, wv->tensor);
    int64_t O = wv->type.dim[0], wide = (int64_t)s->nb * m->lanes;
    float *p = NEW(kc->l->A, float, s->blocks * m->K * wide);
    for (int64_t b = 0; b < s->blocks; b++)
        for (int64_t j = 0; j < wide; j++) {
            int64_t o = s->first + b * wide + j;
            if (o < O)
                for (int64_t k = 0; k < m->K; k++)
                    p[(b * m->K + k) * wide + j] = w[o * m->K + (m->order ? m->order[k] : k)];
        }
    const char *name = arena_printf(kc->l->A, "%s.tile%s_%dx%d", wv->name, i ? "_tail" : "", s->nb, m->lanes);
    return kc_const(kc, i ? "wt" : "w", name, DT_F32, 3, (int64_t[]){s->blocks, m->K, wide}, p);
}

/* Opens loops over the leading dimensions. */
static int open_lead(KC *kc, ProductWalk *w, LoopKind kind)
{
    const Type *t = &w->m->ot;
    int opened = 0;
    for (int i = 0; i < t->rank - 2; i++)
        if (t->dim[i] > 1 && kc->rows < 0)
            w->lead[i] = IXV(kb_for(&kc->b, opened++ ? LOOP_SERIAL : kind, "i", IXC(0), IXC(t->dim[i]), 1));
    return opened;
}

/* One block of columns, or as many as the loop around it has. */
static void product_columns(KC *kc, ProductWalk w, bool tail)
{
    int opened = w.m->lead_inside ? open_lead(kc, &w, LOOP_SERIAL) : 0;
    if (kc->s->symmetric)
        upper_rows(kc, w, tail);
    else
        all_rows(kc, w, 0);
    kc_close(kc, opened);
}

/* What is left comes before the parallel loop over whole blocks. */
static void all_columns(KC *kc, ProductWalk w, LoopKind kind)
{
    const Mm *m = w.m;
    for (int i = m->nseg - 1; i >= 0; i--) {
        bool tail = i > 0 || m->seg[i].last_n < m->lanes;
        w.s = &m->seg[i];
        if (kc->n->op == OP_linear && w.packed[i] < 0)
            w.packed[i] = pack_product(kc, m, i);
        w.weights = w.packed[i];
        w.blk = tail ? IXC(0) : IXV(kb_for(&kc->b, kind, "oc", IXC(0), IXC(w.s->blocks), 1));
        product_columns(kc, w, tail);
        kc_close(kc, !tail);
    }
}

/* Do the weights stay in L2 while rows pass by? */
static bool near_weights(const KC *kc, const Mm *m) { return m->K * m->cols * 4 <= kc->t->machine->l2 / 2; }

/* Rows of a block that stays in L2 beside such weights, with what is made of it. 0: all do, or the weights do not. */
static int64_t row_block(const KC *kc, const Mm *m)
{
    int64_t bytes = (m->K + m->cols) * 4, px = kc->s->px;
    if (kc->rows < 0 || m->lanes == 1 || !near_weights(kc, m) || m->M * bytes <= kc->t->machine->l2 / 2)
        return 0;
    return imax(kc->t->machine->l2 / 4 / bytes / px, 8) * px;
}

static void blocks_of_rows(KC *kc, ProductWalk w, int64_t block)
{
    int64_t M = w.m->M, px = kc->s->px, whole = M / px * px;
    if (whole < M) { /* before the parallel loop */
        w.lo = IXC(whole), w.hi = IXC(M), w.step = M - whole;
        all_columns(kc, w, LOOP_SERIAL);
    }
    w.lo = IXV(kb_for(&kc->b, LOOP_PARALLEL, "rows", IXC(0), IXC(whole), block));
    w.hi = whole % block ? ix_min(kc->A, ADDC(w.lo, block), IXC(whole)) : ADDC(w.lo, block);
    w.step = px;
    all_columns(kc, w, LOOP_SERIAL);
    kb_end(&kc->b);
}

static Mm mm_of(KC *kc)
{
    const Node *n = kc->n;
    bool linear = n->op == OP_linear, vector = product_vector(kc->l->g, n);
    Mm m = {.a = n->in[0], .b = n->in[1], .bias = n->nin > 2 ? n->in[2] : -1, .at = *kc_type(kc, n->in[0]),
            .bt = *kc_type(kc, n->in[1]), .ot = kc->frame, .ta = n->attr.transpose_a, .tb = n->attr.transpose_b,
            .lanes = vector ? kc->s->lanes : 1, .along = vector ? 1 : kc->s->lanes};
    int R = m.ot.rank;
    m.cols = m.ot.dim[R - 1];
    m.K = m.ta ? m.at.dim[m.at.rank - 2] : m.at.dim[m.at.rank - 1];
    if (linear && kc->l->g->value.v[m.b].kind != VAL_CONST)
        bug("linear's weight is not a constant");
    m.M = kc->rows >= 0 ? type_elems(&m.ot) / m.cols : R > 1 ? m.ot.dim[R - 2] : 1;
    m.at_row = kc->rows >= 0 ? kc->rows : R - 2;
    if (linear)
        m.order = kc_sort(kc, m.a, m.at.rank - 1, 1, &m.run);
    m.nseg = kc_segments(kc, m.cols, m.lanes, m.seg);
    m.block = imin(kc->s->nb, (m.cols + m.lanes - 1) / m.lanes) * m.lanes;
    m.lead_inside = linear && !near_weights(kc, &m);
    m.even = even_epilogue(kc, R);
    return m;
}

void lower_matmul(KC *kc)
{
    const Mm m = mm_of(kc);
    int packed[2] = {-1, -1};
    ProductWalk w = {.m = &m, .packed = packed};
    kc_zero_borders(kc);
    for (int i = 0; i < m.ot.rank - 1; i++)
        w.lead[i] = IXC(0);
    int64_t block = row_block(kc, &m);
    if (block) {
        blocks_of_rows(kc, w, block);
        return;
    }
    int opened = m.lead_inside ? 0 : open_lead(kc, &w, LOOP_PARALLEL);
    all_columns(kc, w, opened ? LOOP_SERIAL : LOOP_PARALLEL);
    kc_close(kc, opened);
}
