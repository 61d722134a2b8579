/* Operators that read their input through indices: gather and resize, and what pad's borders repeat. */
#include "resample.h"

#include "ops.h"

#include <math.h>

enum { CONSTANT, REFLECT, EDGE };                                          /* attr.def: border */
enum { NEAREST, BILINEAR };                                                /* mode */
enum { HALF_PIXEL, ALIGN_CORNERS, ASYMMETRIC, PYTORCH_HALF_PIXEL };        /* coords */
enum { HALF_DOWN, HALF_UP, FLOOR, CEIL };                                  /* rounding */

int64_t pad_index(const Attrs *a, const Type *in, int d, int64_t o)
{
    int64_t i = o - a->pads.v[d], last = in->dim[d] - 1;
    if (a->border == REFLECT)
        return i < 0 ? -i : i > last ? 2 * last - i : i;
    return imax(0, imin(i, last));
}

int64_t gather_index(double v, int64_t n)
{
    return v > 0 ? (int64_t)fmin(rint(v), (double)(n - 1)) : 0;
}

/* ---- gather ---- */

const char *infer_gather(const OpCall *c, Type *out, int *nout)
{
    if (c->in[1].rank != 1)
        FAIL(c, "indices are %s, a list expected", type_text(c->arena, &c->in[1]));
    *out = c->in[0];
    out->dim[c->attr->axis] = c->in[1].dim[0];
    *nout = 1;
    return NULL;
}

void ref_gather(const OpCall *c, const double *const *in, double *const *out)
{
    int axis = (int)c->attr->axis;
    int64_t inner = elems_between(&c->in[0], axis + 1, c->in[0].rank), size = c->in[0].dim[axis];
    int64_t n = c->in[1].dim[0], outer = elems_between(&c->in[0], 0, axis);
    double *y = out[0];
    for (int64_t o = 0; o < outer; o++)
        for (int64_t i = 0; i < n; i++) {
            const double *x = in[0] + (o * size + gather_index(in[1][i], size)) * inner;
            for (int64_t k = 0; k < inner; k++)
                *y++ = x[k];
        }
}

void cost_gather(const OpCall *c, Cost *cost)
{
    (void)c;
    *cost = (Cost){0, 0};
}

/* ---- resize ---- */

const char *infer_resize(const OpCall *c, Type *out, int *nout)
{
    if (c->in[0].rank != 4)
        FAIL(c, "input %s has rank %d, [N,C,H,W] expected", type_text(c->arena, &c->in[0]), c->in[0].rank);
    if (c->attr->scale_h < 0 || c->attr->scale_w < 0)
        FAIL(c, "scale_h is %g and scale_w %g, numbers above zero expected", c->attr->scale_h, c->attr->scale_w);
    *out = c->in[0];
    for (int i = 0; i < 2; i++)
        out->dim[2 + i] = c->attr->size.v[i];
    *nout = 1;
    return NULL;
}

/* Where in the input the result's index o lies. */
static double coordinate(const Attrs *a, double in, double out, double scale, double o)
{
    switch (a->coords) {
    case ALIGN_CORNERS: return out > 1 ? o * (in - 1) / (out - 1) : 0;
    case ASYMMETRIC: return o / scale;
    case PYTORCH_HALF_PIXEL:
        if (out <= 1)
            return 0;
        break;
    default: break;
    }
    return (o + 0.5) / scale - 0.5;
}

/* Without a scale of its own, asymmetric and half_pixel are ratios of integers, whose halves no rounding may miss. */
static double exact(const Attrs *a, int64_t in, int64_t out, int64_t o)
{
    double n = (double)in, size = (double)out;
    return a->coords == ASYMMETRIC ? (double)o * n / size : ((double)(2 * o + 1) * n - size) / (2 * size);
}

static double rounded(const Attrs *a, double x)
{
    switch (a->rounding) {
    case HALF_UP: return floor(x + 0.5);
    case FLOOR: return floor(x);
    case CEIL: return ceil(x);
    default: return ceil(x - 0.5);
    }
}

ResizeSource resize_source(const Attrs *a, int dim, int64_t in, int64_t o)
{
    int64_t out = a->size.v[dim], last = in - 1;
    double scale = dim ? a->scale_w : a->scale_h;
    bool ratio = !(scale > 0) && a->coords != ALIGN_CORNERS && (a->coords != PYTORCH_HALF_PIXEL || out > 1);
    double at = ratio ? exact(a, in, out, o) : coordinate(a, (double)in, (double)out, scale, (double)o);
    double low = a->mode == NEAREST ? rounded(a, at) : floor(at);
    low = fmax(-1, fmin(low, (double)in));
    int64_t i = (int64_t)low;
    ResizeSource s = {imax(0, imin(i, last)), imax(0, imin(i + 1, last)), a->mode == NEAREST ? 0 : at - low};
    if (s.i0 == s.i1) /* beyond the edge */
        s.part = 0;
    return s;
}

void ref_resize(const OpCall *c, const double *const *in, double *const *out)
{
    const Attrs *a = c->attr;
    int64_t h = c->in[0].dim[2], w = c->in[0].dim[3], planes = elems_between(&c->in[0], 0, 2);
    const double *x = in[0];
    double *y = out[0];
    for (int64_t p = 0; p < planes; p++, x += h * w)
        for (int64_t oy = 0; oy < a->size.v[0]; oy++)
            for (int64_t ox = 0; ox < a->size.v[1]; ox++) {
                ResizeSource r = resize_source(a, 0, h, oy), s = resize_source(a, 1, w, ox);
                const double *p0 = x + r.i0 * w, *p1 = x + r.i1 * w;
                *y++ = a->mode == NEAREST ? p0[s.i0]
                                          : (1 - r.part) * ((1 - s.part) * p0[s.i0] + s.part * p0[s.i1]) +
                                                r.part * ((1 - s.part) * p1[s.i0] + s.part * p1[s.i1]);
            }
}

void cost_resize(const OpCall *c, Cost *cost)
{
    *cost = (Cost){0, c->attr->mode == NEAREST ? 0 : mul_sat(7, type_elems(&c->out[0]))};
}
