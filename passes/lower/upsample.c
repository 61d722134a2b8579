/* Enlarging H and W by integer factors, and any other size. Source rows, columns and weights are tables made here but
   for the nearest neighbour by a factor. */
#include <math.h>

#include "../../ir/ops/resample.h"
#include "lower.h"

typedef struct Up { int vdim, row, row_w, col, col_w; } Up;

static void nearest_body(KC *kc, const Ix *const *coord, int lanes, int n, const void *user)
{
    int vdim = ((const Up *)user)->vdim;
    const Ints *s = &kc->n->attr.scale;
    const Ix *in[4] = {coord[0], coord[1], ix_div(kc->A, coord[2], s->v[0]), ix_div(kc->A, coord[3], s->v[1])};
    kc_store(kc, kc_out(kc), coord, vdim, kc_load(kc, kc->n->in[0], kc_type(kc, kc->n->in[0]), in, vdim, lanes, n), n);
}

/* Source positions i0, i1 and the weight of i1 for every output along a dimension, as PyTorch's interpolate. */
static void table(KC *kc, const char *dim, int64_t in, int64_t scale, int *at, int *weight)
{
    int64_t out = in * scale;
    bool corners = kc->n->attr.align_corners;
    int32_t *t = NEW(kc->l->A, int32_t, out * 2);
    float *w = NEW(kc->l->A, float, out);
    for (int64_t o = 0; o < out; o++) {
        double src = corners ? (out > 1 ? (double)o * (double)(in - 1) / (double)(out - 1) : 0)
                             : fmax(((double)o + 0.5) / (double)scale - 0.5, 0);
        int64_t i = imin((int64_t)src, in - 1);
        t[2 * o] = (int32_t)i, t[2 * o + 1] = (int32_t)imin(i + 1, in - 1);
        w[o] = (float)(src - (double)i);
    }
    const char *tag = arena_printf(kc->l->A, "bilinear.%lld_%lld%s", (long long)in, (long long)scale,
                                   corners ? "_corners" : "");
    *at = kc_const(kc, dim, arena_printf(kc->l->A, "%s.at", tag), DT_I32, 2, (int64_t[]){out, 2}, t);
    *weight = kc_const(kc, dim, arena_printf(kc->l->A, "%s.w", tag), DT_F32, 1, &out, w);
}

/* The same of resize, along H (0) or W (1). */
static void resize_table(KC *kc, int dim, int *at, int *weight)
{
    int64_t in = kc_type(kc, kc->n->in[0])->dim[2 + dim], out = kc->n->attr.size.v[dim];
    int32_t *t = NEW(kc->l->A, int32_t, out * 2);
    float *w = NEW(kc->l->A, float, out);
    for (int64_t o = 0; o < out; o++) {
        ResizeSource s = resize_source(&kc->n->attr, dim, in, o);
        t[2 * o] = (int32_t)s.i0, t[2 * o + 1] = (int32_t)s.i1, w[o] = (float)s.part;
    }
    const char *name = dim ? "cols" : "rows";
    const char *tag = arena_printf(kc->l->A, "resize.%lld_%lld", (long long)in, (long long)out);
    *at = kc_const(kc, name, arena_printf(kc->l->A, "%s.at", tag), DT_I32, 2, (int64_t[]){out, 2}, t);
    if (kc->n->attr.mode == 1)
        *weight = kc_const(kc, name, arena_printf(kc->l->A, "%s.w", tag), DT_F32, 1, &out, w);
}

static void picked_body(KC *kc, const Ix *const *coord, int lanes, int n, const void *user)
{
    const Up *u = user;
    const Ix *y = IXV(kb_index(&kc->b, "y", u->row, (const Ix *[]){coord[2], IXC(0)}));
    const Ix *x = IXV(kb_index(&kc->b, "x", u->col, (const Ix *[]){coord[3], IXC(0)}));
    const Ix *in[4] = {coord[0], coord[1], y, x};
    kc_store(kc, kc_out(kc), coord, u->vdim,
             kc_load(kc, kc->n->in[0], kc_type(kc, kc->n->in[0]), in, u->vdim, lanes, n), n);
}

static const Expr *mix(KC *kc, const Expr *a, const Expr *b, const Expr *w)
{
    KB *k = &kc->b;
    a = kc_reg(kc, "a", a);
    return x_fma(k, kc->t->fma, x_bin(k, X_sub, b, a), x_widen(k, w, a->type.lanes), a);
}

static void bilinear_body(KC *kc, const Ix *const *coord, int lanes, int n, const void *user)
{
    const Up *u = user;
    KB *b = &kc->b;
    const Type *it = kc_type(kc, kc->n->in[0]);
    const Ix *y[2], *x[2];
    for (int i = 0; i < 2; i++) {
        y[i] = IXV(kb_index(b, i ? "y1" : "y0", u->row, (const Ix *[]){coord[2], IXC(i)}));
        x[i] = IXV(kb_index(b, i ? "x1" : "x0", u->col, (const Ix *[]){coord[3], IXC(i)}));
    }
    const Expr *wy = x_load(b, u->row_w, &coord[2], 1, 0), *wx = x_load(b, u->col_w, &coord[3], 1, 0), *row[2];
    for (int i = 0; i < 2; i++) {
        const Expr *v[2];
        for (int j = 0; j < 2; j++)
            v[j] = kc_load(kc, kc->n->in[0], it, (const Ix *[]){coord[0], coord[1], y[i], x[j]}, u->vdim, lanes, n);
        row[i] = mix(kc, v[0], v[1], wx);
    }
    kc_store(kc, kc_out(kc), coord, u->vdim, mix(kc, row[0], row[1], wy), n);
}

void lower_upsample(KC *kc)
{
    ValueId out = kc_out(kc), in = kc->n->in[0];
    const Type *it = kc_type(kc, in);
    Up u = {.vdim = value_vdim(kc->l->g, out)};
    bool bilinear = kc->n->attr.mode == 1, resize = kc->n->op == OP_resize;
    if (resize) {
        resize_table(kc, 0, &u.row, &u.row_w);
        resize_table(kc, 1, &u.col, &u.col_w);
    } else if (bilinear) {
        table(kc, "rows", it->dim[2], kc->n->attr.scale.v[0], &u.row, &u.row_w);
        table(kc, "cols", it->dim[3], kc->n->attr.scale.v[1], &u.col, &u.col_w);
    }
    kc_zero_borders(kc);
    kc_nest(kc, kc_type(kc, out), u.vdim, kc->s->lanes, true,
            bilinear ? bilinear_body : resize ? picked_body : nearest_body, &u);
}
