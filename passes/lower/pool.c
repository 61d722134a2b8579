/* Max and average pooling: vectors along channels, windows clipped to the input by their loop bounds.

   Maxima in vectors are taken for px pixels of a row together: those of the columns that their windows span, of which
   neighbours share, then those of each window's columns. */
#include <float.h>
#include <math.h>

#include "lower.h"

typedef struct Pool {
    Slide v, h;
    int vdim, lanes, counts; /* counts: parameter with the divisor of each (row, column), -1: the constant */
    double divisor;
} Pool;

/* Where maxima of columns are taken: a vector of channels of a row. */
typedef struct PoolWalk { const Pool *p; const Ix *n, *y, *c; int valid; } PoolWalk;

/* Elements that PyTorch divides a window's sum by. */
static int64_t covered(const Slide *w, int64_t o, int64_t pad_end, bool include_pad)
{
    int64_t lo = o * w->s - w->p, hi = imin(lo + w->k, w->in + pad_end);
    return include_pad ? hi - lo : imin(hi, w->in) - imax(lo, 0);
}

static int count_table(KC *kc, Pool *p)
{
    const Attrs *a = &kc->n->attr;
    float *t = NEW(kc->l->A, float, p->v.out * p->h.out);
    bool same = true;
    for (int64_t y = 0; y < p->v.out; y++)
        for (int64_t x = 0; x < p->h.out; x++) {
            t[y * p->h.out + x] = (float)(covered(&p->v, y, a->pad.v[2], a->count_include_pad) *
                                          covered(&p->h, x, a->pad.v[3], a->count_include_pad));
            same = same && t[y * p->h.out + x] == t[0];
        }
    p->divisor = t[0];
    if (same)
        return -1;
    uint64_t h = hash_bytes(t, (size_t)(p->v.out * p->h.out) * sizeof *t, 0);
    return kc_const(kc, "count", arena_printf(kc->l->A, "window_count.%016llx", (unsigned long long)h), DT_F32, 2,
                    (int64_t[]){p->v.out, p->h.out}, t);
}

/* One window, its row at work and the loads of its elements. */
typedef struct Window { const Pool *p; const Ix *const *coord, *ky; bool max; int lanes, n; } Window;

static void add_element(KC *kc, const Ix *kx, int acc, const void *user)
{
    const Window *w = user;
    const Pool *p = w->p;
    const Ix *ic[4] = {w->coord[0], w->coord[1], ADDC(ADD(MULC(w->coord[2], p->v.s), MULC(w->ky, p->v.d)), -p->v.p),
                       ADDC(ADD(MULC(w->coord[3], p->h.s), MULC(kx, p->h.d)), -p->h.p)};
    const Expr *x = kc_load(kc, kc->n->in[0], kc_type(kc, kc->n->in[0]), ic, p->vdim, w->lanes, w->n);
    kb_set(&kc->b, acc, NULL, NULL, x_gather(&kc->b, w->max ? X_maximum : X_add, acc, x));
}

static void add_row(KC *kc, const Ix *ky, int acc, const void *user)
{
    Window w = *(const Window *)user;
    const Pool *p = w.p;
    bool rows = !w.max && p->v.k * p->h.k >= 64; /* sums of rows are added up: fewer roundings one behind the other */
    int row = rows ? kb_let(&kc->b, "row", x_const(&kc->b, vt(DT_F32, w.lanes), 0)) : acc;
    const Ix *lo, *hi;
    w.ky = ky;
    kc_clip(kc, &p->h, w.coord[3], &lo, &hi);
    Terms t = {.name = "kx", .add = add_element, .user = &w, .lanes = w.lanes};
    kc_add_up(kc, &t, lo, hi, w.max ? 1 : p->h.k, row);
    if (rows)
        kc_add_parts(kc, acc, row, 0);
}

static void pool_vector(KC *kc, const Ix *const *coord, int lanes, int n, const void *user)
{
    const Pool *p = user;
    KB *b = &kc->b;
    bool max = kc->n->op == OP_max_pool;
    int acc = kb_let(b, "acc", x_const(b, vt(DT_F32, lanes), max ? -INFINITY : 0));
    Window w = {.p = p, .coord = coord, .max = max, .lanes = lanes, .n = n};
    Terms t = {.name = "ky", .add = add_row, .user = &w, .lanes = lanes};
    const Ix *lo, *hi;
    kc_clip(kc, &p->v, coord[2], &lo, &hi);
    kc_add_up(kc, &t, lo, hi, max ? 1 : p->v.k, acc);
    const Expr *r = x_reg(b, acc);
    if (!max && p->counts >= 0)
        r = x_bin(b, X_div, r, x_splat(b, x_load(b, p->counts, (const Ix *[]){coord[2], coord[3]}, 1, 0), lanes));
    else if (!max)
        r = x_bin(b, X_div, r, x_const(b, vt(DT_F32, lanes), p->divisor));
    kc_store_results(kc, r, coord, p->vdim, lanes, n);
}

/* ---- maxima of columns ---- */

/* Bytes of the results that a row of tiles makes before it goes on to the next channels: maps usually come from beyond
   L1, in the order in which they lie. */
enum { NEAR = 512 };

/* As many as leave half of the registers to columns. */
static int pixels(const KC *kc, const Pool *p)
{
    int px = 1;
    while (px < p->h.out && (px + 1) * kc->frame.dim[1] * 4 <= NEAR && slide_span(&p->h, px + 1) <= kc->t->vregs / 2)
        px++;
    return px;
}

static const Expr *window_max(KC *kc, const Pool *p, const int *col, int64_t q)
{
    KB *b = &kc->b;
    int acc = kb_let(b, "acc", x_reg(b, col[q * p->h.s]));
    for (int64_t kx = 1; kx < p->h.k; kx++)
        kb_set(b, acc, NULL, NULL, x_gather(b, X_maximum, acc, x_reg(b, col[q * p->h.s + kx * p->h.d])));
    return x_reg(b, acc);
}

/* A register for each column of px windows. */
static int *column_maxima(KC *kc, const Pool *p, int px)
{
    int64_t span = slide_span(&p->h, px);
    int *col = NEW(kc->A, int, span);
    for (int64_t j = 0; j < span; j++) {
        bool read = false;
        for (int64_t kx = 0; kx < p->h.k; kx++)
            read = read || slide_output(&p->h, px, j, kx) >= 0;
        col[j] = read ? kb_let(&kc->b, "col", x_const(&kc->b, vt(DT_F32, p->lanes), -INFINITY)) : -1;
    }
    return col;
}

/* px windows of a vector of channels. */
static void windows(KC *kc, const PoolWalk *w, const Ix *x, int px)
{
    KB *b = &kc->b;
    const Pool *p = w->p;
    int *col = column_maxima(kc, p, px);
    const Ix *lo, *hi;
    kc_clip(kc, &p->v, w->y, &lo, &hi);
    const Ix *ky = IXV(kb_for(b, LOOP_SERIAL, "ky", lo, hi, 1));
    for (int64_t j = 0; j < slide_span(&p->h, px); j++)
        if (col[j] >= 0) {
            const Ix *ic[4] = {w->n, w->c, ADDC(ADD(MULC(w->y, p->v.s), MULC(ky, p->v.d)), -p->v.p),
                               ADDC(MULC(x, p->h.s), j - p->h.p)};
            const Expr *in = kc_load(kc, kc->n->in[0], kc_type(kc, kc->n->in[0]), ic, p->vdim, p->lanes, w->valid);
            kb_set(b, col[j], NULL, NULL, x_gather(b, X_maximum, col[j], in));
        }
    kb_end(b);
    for (int64_t q = 0; q < px; q++)
        kc_store_results(kc, window_max(kc, p, col, q), (const Ix *[]){w->n, w->c, w->y, ADDC(x, q)}, p->vdim, p->lanes,
                         w->valid);
}

/* A vector of channels. Windows that leave the input come one by one, without sharing. */
static void vector(KC *kc, PoolWalk w, const Ix *c, int valid, const Ix *x, int px, bool clip_x)
{
    w.c = c, w.valid = valid;
    if (clip_x)
        pool_vector(kc, (const Ix *[]){w.n, c, w.y, x}, w.p->lanes, valid, w.p);
    else
        windows(kc, &w, x, px);
}

/* All channels, which lie side by side. */
static void max_tile(KC *kc, const Ix *x, int px, bool clip_x, const void *user)
{
    const PoolWalk *w = user;
    int lanes = w->p->lanes;
    int64_t channels = kc->frame.dim[1], whole = channels / lanes * lanes;
    if (whole) {
        vector(kc, *w, IXV(kb_for(&kc->b, LOOP_SERIAL, "c", IXC(0), IXC(whole), lanes)), lanes, x, px, clip_x);
        kb_end(&kc->b);
    }
    if (whole < channels)
        vector(kc, *w, IXC(whole), (int)(channels - whole), x, px, clip_x);
}

static void max_rows(KC *kc, const Pool *p)
{
    const int64_t *dim = kc->frame.dim;
    LoopKind kind = type_elems(&kc->frame) >= kc->t->machine->parallel_elements ? LOOP_PARALLEL : LOOP_SERIAL;
    PoolWalk w = {.p = p, .n = kc_each(kc, kind, "n", dim[0])};
    w.y = IXV(kb_for(&kc->b, dim[0] > 1 ? LOOP_SERIAL : kind, "y", IXC(0), IXC(dim[2]), 1));
    kc_columns(kc, &p->h, true, pixels(kc, p), max_tile, &w);
    kc_close(kc, 1 + (dim[0] > 1));
}

void lower_pool(KC *kc)
{
    const Attrs *a = &kc->n->attr;
    Pool p = {.v = kc_slide(kc, a->kernel.v[0], 0), .h = kc_slide(kc, a->kernel.v[1], 1), .counts = -1};
    if (kc->n->op == OP_avg_pool)
        p.counts = count_table(kc, &p);
    p.vdim = value_vdim(kc->l->g, kc_out(kc));
    p.lanes = kc->s->lanes;
    while (p.lanes > kc->t->min_lanes && p.lanes / 2 >= kc->frame.dim[1])
        p.lanes /= 2;
    kc_zero_borders(kc);
    if (kc->n->op == OP_max_pool && p.lanes > 1 && pixels(kc, &p) > 1)
        max_rows(kc, &p);
    else
        kc_nest(kc, &kc->frame, p.vdim, p.lanes, true, pool_vector, &p);
}
