/* max_pool and avg_pool on [N,C,H,W], with PyTorch's rules for ceil_mode and divisors. */
#include "ops.h"

#include <math.h>

/* One dimension of a pool. */
typedef struct Axis { int64_t in, out, kernel, stride, dilation, lo, hi; } Axis;

static Axis axis_of(const OpCall *c, int i)
{
    const Attrs *a = c->attr;
    return (Axis){c->in[0].dim[2 + i], 0, a->kernel.v[i], a->stride.v[i], c->op == OP_max_pool ? a->dilation.v[i] : 1,
                  a->pad.v[i], a->pad.v[2 + i]};
}

/* ATen's pooling_output_shape: with ceil_mode a last window may hang over, but must begin inside the input or the
   leading padding. 0 where no window fits. */
static int64_t out_size(const Axis *a, int64_t extent, bool ceil_mode)
{
    int64_t room = a->in + a->lo + a->hi - extent + (ceil_mode ? a->stride - 1 : 0);
    if (room < 0)
        return 0;
    int64_t out = room / a->stride + 1;
    if (ceil_mode && (out - 1) * a->stride >= a->in + a->lo)
        out--;
    return out;
}

static const char *infer_pool(const OpCall *c, Type *out, int *nout)
{
    const Type *x = &c->in[0];
    const Attrs *t = c->attr;
    if (x->rank != 4)
        FAIL(c, "input %s has rank %d, [N,C,H,W] expected", type_text(c->arena, x), x->rank);
    *out = *x;
    for (int i = 0; i < 2; i++) {
        Axis a = axis_of(c, i);
        int64_t extent = (a.kernel - 1) * a.dilation + 1;
        if (a.lo >= extent || a.hi >= extent)
            FAIL(c, "pad %s is not less than the window %s", ints_text(c->arena, &t->pad),
                 ints_text(c->arena, &t->kernel));
        out->dim[2 + i] = out_size(&a, extent, t->ceil_mode);
        if (out->dim[2 + i] < 1)
            FAIL(c, "kernel %s is larger than the padded input [%lld,%lld]", ints_text(c->arena, &t->kernel),
                 (long long)(x->dim[2] + t->pad.v[0] + t->pad.v[2]),
                 (long long)(x->dim[3] + t->pad.v[1] + t->pad.v[3]));
    }
    *nout = 1;
    return NULL;
}

const char *infer_max_pool(const OpCall *c, Type *out, int *nout) { return infer_pool(c, out, nout); }
const char *infer_avg_pool(const OpCall *c, Type *out, int *nout) { return infer_pool(c, out, nout); }

static double window_max(const double *x, const Axis *v, const Axis *h, int64_t oy, int64_t ox)
{
    double top = -INFINITY;
    for (int64_t ky = 0; ky < v->kernel; ky++)
        for (int64_t kx = 0; kx < h->kernel; kx++) {
            int64_t y = oy * v->stride - v->lo + ky * v->dilation, z = ox * h->stride - h->lo + kx * h->dilation;
            if (y < 0 || y >= v->in || z < 0 || z >= h->in)
                continue;
            double e = x[y * h->in + z];
            top = isnan(e) || e > top ? e : top;
        }
    return top;
}

/* The divisor counts the window cut to the padded input, or to the input. */
static double window_mean(const double *x, const Axis *v, const Axis *h, int64_t oy, int64_t ox, bool count_pad)
{
    int64_t y0 = oy * v->stride - v->lo, x0 = ox * h->stride - h->lo;
    int64_t y1 = imin(y0 + v->kernel, v->in + v->hi), x1 = imin(x0 + h->kernel, h->in + h->hi);
    int64_t padded = (y1 - y0) * (x1 - x0);
    y0 = imax(y0, 0), x0 = imax(x0, 0), y1 = imin(y1, v->in), x1 = imin(x1, h->in);
    double sum = 0;
    for (int64_t y = y0; y < y1; y++)
        for (int64_t z = x0; z < x1; z++)
            sum += x[y * h->in + z];
    return sum / (double)(count_pad ? padded : (y1 - y0) * (x1 - x0));
}

static void ref_pool(const OpCall *c, const double *x, double *y)
{
    Axis v = axis_of(c, 0), h = axis_of(c, 1);
    int64_t oh = c->out[0].dim[2], ow = c->out[0].dim[3], planes = elems_between(&c->in[0], 0, 2);
    for (int64_t p = 0; p < planes; p++, x += v.in * h.in)
        for (int64_t oy = 0; oy < oh; oy++)
            for (int64_t ox = 0; ox < ow; ox++)
                *y++ = c->op == OP_max_pool ? window_max(x, &v, &h, oy, ox)
                                            : window_mean(x, &v, &h, oy, ox, c->attr->count_include_pad);
}

void ref_max_pool(const OpCall *c, const double *const *in, double *const *out) { ref_pool(c, in[0], out[0]); }
void ref_avg_pool(const OpCall *c, const double *const *in, double *const *out) { ref_pool(c, in[0], out[0]); }

static void cost_pool(const OpCall *c, Cost *cost)
{
    *cost = (Cost){0, mul_sat(type_elems(&c->out[0]), mul_sat(c->attr->kernel.v[0], c->attr->kernel.v[1]))};
}

void cost_max_pool(const OpCall *c, Cost *cost) { cost_pool(c, cost); }
void cost_avg_pool(const OpCall *c, Cost *cost) { cost_pool(c, cost); }
