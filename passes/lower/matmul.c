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

typedef struct Mm {
    ValueId a, b, bias;
    Type at, bt, ot;
    int64_t M, K, cols;
    bool ta, tb;
    int blocked;               /* loops of a sum in blocks, 0: it is one loop */
    int wparam, lanes, last_n;
    int packed[2];             /* parameters with the weights of whole blocks and of the rest, -1: not yet */
    const Ix *lo, *hi;         /* the rows at work, in tiles of `step`; NULL: all */
    int64_t step;
    const int64_t *order;      /* linear, by a table: the terms of the sum in the order in which they lie, else NULL */
    KcRun run;
    int along;                 /* lanes of vectors along the sum, 1: none */
    int64_t first, wide;       /* first column of the segment, columns of a block */
    const Ix *lead[MAX_RANK];  /* coordinates of the result but the row and the column */
    int at_row;                /* the dimension of the row */
    bool lead_inside;          /* their loops are inside that over blocks of columns */
    const Ix *row, *blk;
    bool mirrored;             /* the tile lies above the diagonal of a symmetric result */
    bool even;                 /* what the steps read is the same at [i][j] and [j][i] */
} Mm;

static const Ix *sum_index(KC *kc, const Mm *m, const Ix *const *red)
{
    return m->blocked ? kc_blocked(kc, m->blocked, red) : red[0];
}

static const Ix *column(KC *kc, const Mm *m, int j)
{
    return ADD(MULC(m->blk, m->wide), IXC(m->first + (int64_t)j * m->lanes));
}

static const Expr *mm_init(KC *kc, void *user, int j)
{
    Mm *m = user;
    if (m->bias < 0)
        return x_const(&kc->b, vt(DT_F32, m->lanes), 0);
    return kc_load_param(kc, m->bias, column(kc, m, j), true, m->lanes,
                         (j + 1) * m->lanes == m->wide ? m->last_n : m->lanes);
}

/* The coordinates of a row but that of the column. */
static void lead(const Mm *m, const Ix *row, const Ix **coord)
{
    for (int i = 0; i < m->ot.rank - 1; i++)
        coord[i] = i == m->at_row ? row : m->lead[i];
}

/* a[row + q][k], or the vector of n valid lanes from k on. */
static const Expr *left(KC *kc, const Mm *m, const Ix *q, const Ix *k, int lanes, int n)
{
    const Ix *coord[MAX_RANK], *row = ADD(m->row, q);
    int R = m->ot.rank, ra = m->at.rank;
    Type frame = m->ot; /* the operand's own coordinates in a frame of the result's rank */
    lead(m, row, coord);
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
static const Expr *right(KC *kc, const Mm *m, const Ix *k, const Ix *col, int lanes, int n)
{
    const Ix *coord[MAX_RANK];
    int R = m->ot.rank, vdim = m->tb && m->along == 1 ? R - 2 : R - 1;
    Type frame = m->ot;
    for (int i = 0; i < R - 2; i++)
        coord[i] = m->lead[i];
    coord[R - 2] = m->tb ? col : k;
    coord[R - 1] = m->tb ? k : col;
    frame.dim[R - 2] = m->bt.dim[m->bt.rank - 2], frame.dim[R - 1] = m->bt.dim[m->bt.rank - 1];
    return kc_load(kc, m->b, &frame, coord, vdim, lanes, n);
}

static const Expr *mm_x(KC *kc, void *user, const Ix *r, const Ix *q, const Ix *const *red, const Ix *shared)
{
    (void)r, (void)shared;
    return left(kc, user, q, sum_index(kc, user, red), 1, 1);
}

static const Expr *mm_w(KC *kc, void *user, int j, const Ix *const *red)
{
    Mm *m = user;
    const Ix *k = sum_index(kc, m, red);
    if (m->wparam >= 0) {
        const Ix *ix[3] = {m->blk, k, IXC((int64_t)j * m->lanes)};
        return x_load(&kc->b, m->wparam, ix, m->lanes, 0);
    }
    return right(kc, m, k, column(kc, m, j), m->lanes, (j + 1) * m->lanes == m->wide ? m->last_n : m->lanes);
}

static void mm_coord(KC *kc, void *user, const Ix *r, const Ix *q, int j, const Ix **coord)
{
    Mm *m = user;
    (void)r;
    lead(m, ADD(m->row, q), coord);
    coord[m->ot.rank - 1] = column(kc, m, j);
}

/* [column][row] for [row][column] */
static void mirror(KC *kc, void *user, const Ix *const *coord, int lane, const Ix **at)
{
    int R = ((Mm *)user)->ot.rank;
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

/* The tile of px x nb sums at work. */
typedef struct Dots { Mm *m; int px, nb; } Dots;

static const Ix *dot(KC *kc, const Dots *d, const Ix *q, int j) { return ADDC(MULC(q, d->nb), j); }

/* acc[q][j] += a[row q][k...] b[column j][k...], of which n lanes are valid. */
static void multiply(KC *kc, const Dots *d, int acc, const Ix *k, int n)
{
    KB *b = &kc->b;
    Mm *m = d->m;
    const Expr *w[8];
    for (int j = 0; j < d->nb; j++)
        w[j] = kc_reg(kc, arena_printf(kc->A, "w%d", j), right(kc, m, k, column(kc, m, j), m->along, n));
    const Ix *q = tile_rows(kc, d->px);
    const Expr *x = kc_reg(kc, "x", left(kc, m, q, k, m->along, n));
    for (int j = 0; j < d->nb; j++) {
        const Ix *at = dot(kc, d, q, j);
        kb_set(b, acc, at, NULL, x_fma(b, kc->t->fma, x, w[j], x_tile(b, acc, at, NULL)));
    }
    close_rows(kc, d->px);
}

static int zero_tile(KC *kc, const Dots *d, const char *name)
{
    return kb_tile(&kc->b, name, d->px * d->nb, 0, x_const(&kc->b, vt(DT_F32, d->m->along), 0));
}

/* SUM_BLOCK vectors along the sum. */
static void add_block(KC *kc, const Ix *i, int acc, void *user)
{
    const Dots *d = user;
    int64_t block = (int64_t)SUM_BLOCK * d->m->along;
    int part = zero_tile(kc, d, "part");
    const Ix *from = MULC(i, block);
    multiply(kc, d, part, IXV(kb_for(&kc->b, LOOP_SERIAL, "k", from, ADDC(from, block), d->m->along)), d->m->along);
    kb_end(&kc->b);
    kc_add_parts(kc, acc, part, d->px * d->nb);
}

static void dots(KC *kc, Mm *m, int nb, int px)
{
    KB *b = &kc->b;
    Dots d = {m, px, nb};
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
                            .coord = mm_coord, .user = m, .twin = m->mirrored ? mirror : NULL, .even = m->even});
}

static void tile(KC *kc, Mm *m, int nb, int rows)
{
    if (m->along > 1) {
        dots(kc, m, nb, rows);
        return;
    }
    Contract t = {.rows = 1, .px = rows, .nb = nb, .lanes = m->lanes, .last_n = m->last_n, .vdim = m->ot.rank - 1,
                  .user = m, .init = mm_init, .x = mm_x, .w = mm_w, .coord = mm_coord,
                  .twin = m->mirrored ? mirror : NULL, .even = m->even};
    m->blocked = m->K >= 2 * SUM_BLOCK ? kc_blocks(kc, &t, "k", m->K) : 0;
    if (!m->blocked)
        t.red[0] = (RedLoop){.name = "k", .lo = IXC(0), .hi = IXC(m->K)}, t.nred = 1;
    kc_contract(kc, &t);
}

/* Rows lo to hi in tiles of px rows and one of the rest. */
static void rows(KC *kc, Mm *m, int nb, const Ix *lo, const Ix *hi, int64_t px)
{
    m->row = IXV(kb_for(&kc->b, LOOP_SERIAL, "m", lo, hi, px));
    tile(kc, m, nb, (int)px);
    kb_end(&kc->b);
}

static void all_rows(KC *kc, Mm *m, int nb, int64_t from)
{
    if (m->lo) {
        rows(kc, m, nb, m->lo, m->hi, m->step);
        return;
    }
    int64_t px = imin(kc->s->px, m->M - from), whole = from + (m->M - from) / px * px;
    rows(kc, m, nb, IXC(from), IXC(whole), px);
    if (whole < m->M)
        rows(kc, m, nb, IXC(whole), IXC(m->M), m->M - whole);
}

/* The rows of a block of columns, which begins at a multiple of `block`, or of what is left behind the last (tail): all
   of them, or those above the diagonal and those that it crosses. */
static void segment(KC *kc, Mm *m, int nb, int64_t block, bool tail)
{
    if (!kc->s->symmetric) {
        all_rows(kc, m, nb, 0);
        return;
    }
    int64_t px = imin(kc->s->px, block);
    while (block % px)
        px--;
    const Ix *begin = tail ? IXC(m->first) : MULC(m->blk, m->wide);
    m->mirrored = true;
    if (tail ? m->first > 0 : m->cols >= 2 * block)
        rows(kc, m, nb, IXC(0), begin, px);
    m->mirrored = false;
    if (tail)
        all_rows(kc, m, nb, m->first);
    else
        rows(kc, m, nb, begin, ADDC(begin, block), px);
}

/* weight f32[O][K] to [block][K][wide] from column first on. */
static int pack(KC *kc, Mm *m, int64_t blocks, const char *suffix)
{
    int *param = &m->packed[*suffix != 0];
    if (*param >= 0)
        return *param;
    const Value *wv = &kc->l->g->value.v[m->b];
    const float *w = tensor_f32(kc->l->A, wv->tensor);
    int64_t O = wv->type.dim[0];
    float *p = NEW(kc->l->A, float, blocks * m->K * m->wide);
    for (int64_t b = 0; b < blocks; b++)
        for (int64_t j = 0; j < m->wide; j++) {
            int64_t o = m->first + b * m->wide + j;
            if (o < O)
                for (int64_t k = 0; k < m->K; k++)
                    p[(b * m->K + k) * m->wide + j] = w[o * m->K + (m->order ? m->order[k] : k)];
        }
    const char *name = arena_printf(kc->l->A, "%s.tile%s_%dx%d", wv->name, suffix, (int)(m->wide / m->lanes), m->lanes);
    *param = kc_const(kc, *suffix ? "wt" : "w", name, DT_F32, 3, (int64_t[]){blocks, m->K, m->wide}, p);
    return *param;
}

/* Opens loops over the leading dimensions. */
static int open_lead(KC *kc, Mm *m, bool outermost)
{
    int opened = 0;
    for (int i = 0; i < m->ot.rank - 2; i++)
        if (m->ot.dim[i] > 1 && kc->rows < 0) {
            LoopKind kind = outermost && !opened ? LOOP_PARALLEL : LOOP_SERIAL;
            m->lead[i] = IXV(kb_for(&kc->b, kind, "i", IXC(0), IXC(m->ot.dim[i]), 1)), opened++;
        }
    return opened;
}

/* One block of columns, or as many as the loop around it has. */
static void columns(KC *kc, Mm *m, int nb, int64_t block, bool tail)
{
    int opened = m->lead_inside ? open_lead(kc, m, false) : 0;
    segment(kc, m, nb, block, tail);
    kc_close(kc, opened);
}

static void all_columns(KC *kc, Mm *m, LoopKind kind)
{
    bool constant = kc->n->op == OP_linear;
    int64_t vec = (m->cols + m->lanes - 1) / m->lanes, nb = imin(kc->s->nb, vec), full = m->cols / (nb * m->lanes);
    int64_t rest = m->cols - full * nb * m->lanes;
    if (rest) { /* before the parallel loop over whole blocks */
        int64_t nv = (rest + m->lanes - 1) / m->lanes;
        m->first = full * nb * m->lanes, m->wide = nv * m->lanes, m->last_n = (int)(rest - (nv - 1) * m->lanes);
        m->blk = IXC(0);
        if (constant)
            m->wparam = pack(kc, m, 1, full ? "_tail" : "");
        columns(kc, m, (int)nv, nb * m->lanes, true);
    }
    if (full) {
        m->first = 0, m->wide = nb * m->lanes, m->last_n = m->lanes;
        if (constant)
            m->wparam = pack(kc, m, full, "");
        m->blk = IXV(kb_for(&kc->b, kind, "oc", IXC(0), IXC(full), 1));
        columns(kc, m, (int)nb, nb * m->lanes, false);
        kb_end(&kc->b);
    }
}

/* Do the weights stay in L2 while rows pass by? */
static bool near_weights(const KC *kc, const Mm *m) { return m->K * m->cols * 4 <= kc->t->l2 / 2; }

/* Rows of a block that stays in L2 beside such weights, with what is made of it. 0: all do, or the weights do not. */
static int64_t row_block(const KC *kc, const Mm *m)
{
    int64_t bytes = (m->K + m->cols) * 4, px = kc->s->px;
    if (kc->rows < 0 || m->lanes == 1 || !near_weights(kc, m) || m->M * bytes <= kc->t->l2 / 2)
        return 0;
    return imax(kc->t->l2 / 4 / bytes / px, 8) * px;
}

static void blocks_of_rows(KC *kc, Mm *m, int64_t block)
{
    int64_t px = kc->s->px, whole = m->M / px * px;
    if (whole < m->M) { /* before the parallel loop */
        m->lo = IXC(whole), m->hi = IXC(m->M), m->step = m->M - whole;
        all_columns(kc, m, LOOP_SERIAL);
    }
    m->lo = IXV(kb_for(&kc->b, LOOP_PARALLEL, "rows", IXC(0), IXC(whole), block));
    m->hi = whole % block ? ix_min(kc->A, ADDC(m->lo, block), IXC(whole)) : ADDC(m->lo, block);
    m->step = px;
    all_columns(kc, m, LOOP_SERIAL);
    kb_end(&kc->b);
}

/* Vectors along the columns or, where those do not lie side by side, along the sum. */
static void choose_vectors(const KC *kc, Mm *m)
{
    bool vector = product_vector(kc->l->g, kc->n);
    m->along = vector ? 1 : kc->s->lanes;
    m->lanes = vector ? kc->s->lanes : 1;
}

void lower_matmul(KC *kc)
{
    const Node *n = kc->n;
    bool linear = n->op == OP_linear;
    Mm *m = NEW(kc->A, Mm, 1);
    *m = (Mm){.a = n->in[0], .b = n->in[1], .bias = n->nin > 2 ? n->in[2] : -1, .at = *kc_type(kc, n->in[0]),
              .bt = *kc_type(kc, n->in[1]), .ot = kc->frame, .ta = n->attr.transpose_a, .tb = n->attr.transpose_b,
              .wparam = -1, .packed = {-1, -1}, .lanes = kc->s->lanes};
    int R = m->ot.rank;
    m->cols = m->ot.dim[R - 1];
    m->K = m->ta ? m->at.dim[m->at.rank - 2] : m->at.dim[m->at.rank - 1];
    if (linear && kc->l->g->value.v[m->b].kind != VAL_CONST)
        bug("linear's weight is not a constant");
    m->M = kc->rows >= 0 ? type_elems(&m->ot) / m->cols : R > 1 ? m->ot.dim[R - 2] : 1;
    m->at_row = kc->rows >= 0 ? kc->rows : R - 2;
    if (linear)
        m->order = kc_sort(kc, m->a, m->at.rank - 1, 1, &m->run);
    choose_vectors(kc, m);
    m->even = even_epilogue(kc, R);
    kc_zero_borders(kc);
    for (int i = 0; i < R - 1; i++)
        m->lead[i] = IXC(0);
    int64_t block = row_block(kc, m);
    if (block) {
        blocks_of_rows(kc, m, block);
        return;
    }
    m->lead_inside = linear && !near_weights(kc, m);
    int opened = m->lead_inside ? 0 : open_lead(kc, m, true);
    all_columns(kc, m, opened ? LOOP_SERIAL : LOOP_PARALLEL);
    kc_close(kc, opened);
}
