/* conv2d and conv_transpose2d, as in PyTorch. */
#include "ops.h"

#include <string.h>

typedef struct Shape {
    int64_t n, c, h, w;         /* input */
    int64_t oc, oh, ow;         /* result */
    int64_t kh, kw, groups;
    int64_t cg, og;             /* input and output channels of one group */
} Shape;

static const char *check_ranks(const OpCall *c)
{
    if (c->in[0].rank != 4)
        FAIL(c, "input %s has rank %d, [N,C,H,W] expected", type_text(c->arena, &c->in[0]), c->in[0].rank);
    if (c->in[1].rank != 4)
        FAIL(c, "weight %s has rank %d, 4 expected", type_text(c->arena, &c->in[1]), c->in[1].rank);
    return NULL;
}

static const char *check_bias(const OpCall *c, int64_t channels)
{
    if (c->nin == 3 && (c->in[2].rank != 1 || c->in[2].dim[0] != channels))
        FAIL(c, "bias %s does not fit, %s[%lld] expected", type_text(c->arena, &c->in[2]),
             dtype_name(c->in[2].dtype), (long long)channels);
    return NULL;
}

/* (k - 1) d + 1, or INT64_MAX where that overflows. */
static int64_t extent(int64_t k, int64_t d)
{
    return add_sat(mul_sat(k - 1, d), 1);
}

const char *infer_conv2d(const OpCall *c, Type *out, int *nout)
{
    const char *err = check_ranks(c);
    if (err)
        return err;
    const Type *x = &c->in[0], *w = &c->in[1];
    const Attrs *a = c->attr;
    long long channels = x->dim[1], outs = w->dim[0], per = w->dim[1], groups = a->groups;
    if (channels % groups)
        FAIL(c, "input's %lld channels do not divide into %lld groups", channels, groups);
    if (outs % groups)
        FAIL(c, "%lld output channels do not divide into %lld groups", outs, groups);
    if (per != channels / groups && groups == 1)
        FAIL(c, "input has %lld channels, weight %s expects %lld", channels, type_text(c->arena, w), per);
    if (per != channels / groups)
        FAIL(c, "input has %lld channels in each of %lld groups, weight %s expects %lld", channels / groups, groups,
             type_text(c->arena, w), per);
    if ((err = check_bias(c, outs)))
        return err;
    *out = (Type){x->dtype, 4, {x->dim[0], outs}};
    int64_t room[2], ext[2];
    for (int i = 0; i < 2; i++) {
        room[i] = x->dim[2 + i] + a->pad.v[i] + a->pad.v[2 + i];
        ext[i] = extent(w->dim[2 + i], a->dilation.v[i]);
    }
    if (ext[0] > room[0] || ext[1] > room[1])
        FAIL(c, "kernel [%lld,%lld] with dilation %s is larger than the padded input [%lld,%lld]",
             (long long)w->dim[2], (long long)w->dim[3], ints_text(c->arena, &a->dilation), (long long)room[0],
             (long long)room[1]);
    for (int i = 0; i < 2; i++)
        out->dim[2 + i] = (room[i] - ext[i]) / a->stride.v[i] + 1;
    *nout = 1;
    return NULL;
}

const char *infer_conv_transpose2d(const OpCall *c, Type *out, int *nout)
{
    const char *err = check_ranks(c);
    if (err)
        return err;
    const Type *x = &c->in[0], *w = &c->in[1];
    const Attrs *a = c->attr;
    long long channels = x->dim[1], groups = a->groups;
    if (channels % groups)
        FAIL(c, "input's %lld channels do not divide into %lld groups", channels, groups);
    if (w->dim[0] != channels)
        FAIL(c, "input has %lld channels, weight %s expects %lld", channels, type_text(c->arena, w),
             (long long)w->dim[0]);
    *out = (Type){x->dtype, 4, {x->dim[0], mul_sat(w->dim[1], groups)}};
    if (out->dim[1] > MAX_ELEMS)
        FAIL(c, "%lld groups of %lld output channels are more than 2^40", groups, (long long)w->dim[1]);
    if ((err = check_bias(c, out->dim[1])))
        return err;
    for (int i = 0; i < 2; i++) {
        int64_t s = a->stride.v[i], d = a->dilation.v[i], extra = a->output_pad.v[i];
        int64_t crop = a->pad.v[i] + a->pad.v[2 + i];
        int64_t full = add_sat(mul_sat(x->dim[2 + i] - 1, s), extent(w->dim[2 + i], d));
        if (extra >= imax(s, d))
            FAIL(c, "output_pad %s must be less than stride %s or dilation %s", ints_text(c->arena, &a->output_pad),
                 ints_text(c->arena, &a->stride), ints_text(c->arena, &a->dilation));
        if (full > MAX_ELEMS)
            FAIL(c, "result has more than 2^40 elements");
        if (full + extra <= crop)
            FAIL(c, "pad %s leaves nothing of a result of size %lld", ints_text(c->arena, &a->pad),
                 (long long)(full + extra));
        out->dim[2 + i] = full + extra - crop;
    }
    *nout = 1;
    return NULL;
}

static Shape shape_of(const OpCall *c)
{
    const Type *x = &c->in[0], *w = &c->in[1], *y = &c->out[0];
    Shape s = {x->dim[0], x->dim[1], x->dim[2], x->dim[3], y->dim[1], y->dim[2], y->dim[3],
               w->dim[2], w->dim[3], c->attr->groups, 0, 0};
    s.cg = s.c / s.groups;
    s.og = s.oc / s.groups;
    return s;
}

/* Window elements of one group for up to PANEL output pixels, whose windows begin at row iy[p] and column ix[p]:
   col[k][p] with k = (channel, ky, kx). */
static void gather(const Shape *s, const Attrs *a, const double *x, const int64_t *iy, const int64_t *ix, int np,
                   double *col)
{
    for (int64_t ic = 0; ic < s->cg; ic++, x += s->h * s->w)
        for (int64_t ky = 0; ky < s->kh; ky++)
            for (int64_t kx = 0; kx < s->kw; kx++, col += PANEL)
                for (int p = 0; p < np; p++) {
                    int64_t r = iy[p] + ky * a->dilation.v[0], q = ix[p] + kx * a->dilation.v[1];
                    col[p] = r >= 0 && r < s->h && q >= 0 && q < s->w ? x[r * s->w + q] : 0;
                }
}

/* One group's output channels at np pixels: products of weight rows with the gathered windows, in pieces of the rows
   whose part of col stays in the first-level cache. acc: [og][PANEL] */
static void products(const Shape *s, const double *w, const double *bias, const double *col, double *acc)
{
    enum { PIECE = 96 };
    int64_t nk = s->cg * s->kh * s->kw;
    for (int64_t oc = 0; oc < s->og; oc++)
        for (int p = 0; p < PANEL; p++)
            acc[oc * PANEL + p] = bias ? bias[oc] : 0;
    for (int64_t k = 0; k < nk; k += PIECE)
        for (int64_t oc = 0; oc < s->og; oc++)
            panel_dot(acc + oc * PANEL, w + oc * nk + k, col + k * PANEL, imin(PIECE, nk - k));
}

/* Per PANEL of output pixels and group: gathers the windows once, then every output channel is a product with them. */
void ref_conv2d(const OpCall *c, const double *const *in, double *const *out)
{
    const Attrs *a = c->attr;
    Shape s = shape_of(c);
    int64_t nk = s.cg * s.kh * s.kw, pixels = s.oh * s.ow, iy[PANEL], ix[PANEL];
    double *col = NEW(c->arena, double, nk * PANEL), *acc = NEW(c->arena, double, s.og * PANEL);
    for (int64_t n = 0; n < s.n; n++)
        for (int64_t p0 = 0; p0 < pixels; p0 += PANEL) {
            int np = (int)imin(PANEL, pixels - p0);
            for (int p = 0; p < np; p++) {
                iy[p] = (p0 + p) / s.ow * a->stride.v[0] - a->pad.v[0];
                ix[p] = (p0 + p) % s.ow * a->stride.v[1] - a->pad.v[1];
            }
            for (int64_t g = 0; g < s.groups; g++) {
                gather(&s, a, in[0] + (n * s.c + g * s.cg) * s.h * s.w, iy, ix, np, col);
                products(&s, in[1] + g * s.og * nk, c->nin == 3 ? in[2] + g * s.og : NULL, col, acc);
                for (int64_t oc = 0; oc < s.og; oc++)
                    memcpy(out[0] + (n * s.oc + g * s.og + oc) * pixels + p0, acc + oc * PANEL,
                           (size_t)np * sizeof *acc);
            }
        }
}

/* Adds one input plane times one kernel into one output plane. */
static void scatter(const Shape *s, const Attrs *a, const double *x, const double *w, double *y)
{
    for (int64_t ky = 0; ky < s->kh; ky++)
        for (int64_t kx = 0; kx < s->kw; kx++, w++)
            for (int64_t iy = 0; iy < s->h; iy++) {
                int64_t oy = iy * a->stride.v[0] + ky * a->dilation.v[0] - a->pad.v[0];
                if (oy < 0 || oy >= s->oh)
                    continue;
                for (int64_t ix = 0; ix < s->w; ix++) {
                    int64_t ox = ix * a->stride.v[1] + kx * a->dilation.v[1] - a->pad.v[1];
                    if (ox >= 0 && ox < s->ow)
                        y[oy * s->ow + ox] += x[iy * s->w + ix] * *w;
                }
            }
}

void ref_conv_transpose2d(const OpCall *c, const double *const *in, double *const *out)
{
    Shape s = shape_of(c);
    int64_t pixels = s.oh * s.ow;
    for (int64_t n = 0; n < s.n; n++)
        for (int64_t oc = 0; oc < s.oc; oc++) {
            double *y = out[0] + (n * s.oc + oc) * pixels;
            for (int64_t p = 0; p < pixels; p++)
                y[p] = c->nin == 3 ? in[2][oc] : 0;
            for (int64_t ic = oc / s.og * s.cg; ic < (oc / s.og + 1) * s.cg; ic++)
                scatter(&s, c->attr, in[0] + (n * s.c + ic) * s.h * s.w,
                        in[1] + (ic * s.og + oc % s.og) * s.kh * s.kw, y);
        }
}

/* Multiply-adds with padding counted as if it were data, as is usual. */
void cost_conv2d(const OpCall *c, Cost *cost)
{
    cost->macs = mul_sat(type_elems(&c->out[0]), elems_between(&c->in[1], 1, 4));
    cost->flops = c->nin == 3 ? type_elems(&c->out[0]) : 0;
}

void cost_conv_transpose2d(const OpCall *c, Cost *cost)
{
    cost->macs = mul_sat(type_elems(&c->in[0]), elems_between(&c->in[1], 1, 4));
    cost->flops = c->nin == 3 ? type_elems(&c->out[0]) : 0;
}
