/* Max and average pooling: vectors along channels, windows clipped to the input by their loop bounds. */
#include <float.h>
#include <math.h>

#include "lower.h"

typedef struct Pool {
    Slide v, h;
    int vdim, counts;      /* counts: parameter with the divisor of each (row, column), -1: the constant */
    double divisor;
} Pool;

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

static void body(KC *kc, const Ix *const *coord, int lanes, int n, void *user)
{
    Pool *p = user;
    KB *b = &kc->b;
    bool max = kc->n->op == OP_max_pool;
    const Type *it = kc_type(kc, kc->n->in[0]);
    int acc = kb_let(b, "acc", x_const(b, vt(DT_F32, lanes), max ? -INFINITY : 0));
    const Ix *lo, *hi;
    kc_clip(kc, &p->v, coord[2], &lo, &hi);
    const Ix *ky = IXV(kb_for(b, LOOP_SERIAL, "ky", lo, hi, 1));
    bool rows = !max && p->v.k * p->h.k >= 64; /* sums of rows are added up: fewer roundings one behind the other */
    int row = rows ? kb_let(b, "row", x_const(b, vt(DT_F32, lanes), 0)) : acc;
    kc_clip(kc, &p->h, coord[3], &lo, &hi);
    const Ix *kx = IXV(kb_for(b, LOOP_SERIAL, "kx", lo, hi, 1));
    const Ix *ic[4] = {coord[0], coord[1], ADDC(ADD(MULC(coord[2], p->v.s), MULC(ky, p->v.d)), -p->v.p),
                       ADDC(ADD(MULC(coord[3], p->h.s), MULC(kx, p->h.d)), -p->h.p)};
    const Expr *x = kc_load(kc, kc->n->in[0], it, ic, p->vdim, lanes, n);
    kb_set(b, row, NULL, NULL, x_gather(b, max ? X_max : X_add, row, x));
    kb_end(b);
    if (rows)
        kb_set(b, acc, NULL, NULL, x_bin(b, X_add, x_reg(b, acc), x_reg(b, row)));
    kb_end(b);
    const Expr *r = x_reg(b, acc);
    if (!max && p->counts >= 0)
        r = x_bin(b, X_div, r, x_splat(b, x_load(b, p->counts, (const Ix *[]){coord[2], coord[3]}, 1, 0), lanes));
    else if (!max)
        r = x_bin(b, X_div, r, x_const(b, vt(DT_F32, lanes), p->divisor));
    kc_store_results(kc, r, coord, p->vdim, lanes, n);
}

void lower_pool(KC *kc)
{
    const Attrs *a = &kc->n->attr;
    Pool p = {.v = kc_slide(kc, a->kernel.v[0], 0), .h = kc_slide(kc, a->kernel.v[1], 1), .counts = -1};
    if (kc->n->op == OP_avg_pool)
        p.counts = count_table(kc, &p);
    p.vdim = value_vdim(kc->l->g, kc_out(kc));
    const Type *it = kc_type(kc, kc->n->in[0]);
    int lanes = p.vdim == 1 && kc_vector(kc, kc->n->in[0], it, 1) && kc_epilogue_vector(kc, 1) ? kc->s.lanes : 1;
    kc_zero_borders(kc);
    kc_nest(kc, &kc->frame, p.vdim, lanes, true, body, &p);
}
