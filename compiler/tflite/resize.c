/* RESIZE_BILINEAR and RESIZE_NEAREST_NEIGHBOR. Whole factors are `upsample` where that means the same; anything else is
   a product with a matrix for the columns and one for the rows. */
#include "import.h"

#include <math.h>

typedef struct Resize { bool linear, corners, half; int64_t in[2], out[2]; } Resize;

/* Where the centre, or the corner, of element i of the result lies in the input. */
static double source(const Resize *r, int side, int64_t i)
{
    double in = (double)r->in[side], out = (double)r->out[side];
    double scale = r->corners && r->out[side] > 1 ? (in - 1) / (out - 1) : in / out;
    return r->half ? ((double)i + 0.5) * scale - (r->linear ? 0.5 : 0) : (double)i * scale;
}

/* [out,in]: what each element of the result takes of each one of the input. */
static ValueId matrix(TflCall *c, const Resize *r, int side)
{
    int64_t in = r->in[side], out = r->out[side];
    float *m = tf_room(c, out * in);
    for (int64_t i = 0; m && i < out; i++) {
        double at = source(r, side, i);
        if (!r->linear)
            at = r->corners ? floor(at + 0.5) : floor(at);
        at = fmin(fmax(at, 0), (double)(in - 1));
        int64_t low = (int64_t)at, high = imin(low + 1, in - 1);
        m[i * in + low] += (float)(1 - (at - (double)low));
        m[i * in + high] += (float)(at - (double)low);
    }
    const char *name = arena_printf(c->x->arena, "resize.%s%lldto%lld%s%s", r->linear ? "" : "nearest.", (long long)in,
                                    (long long)out, r->corners ? ".corners" : "", r->half ? ".half" : "");
    return tf_floats(c, name, 2, (int64_t[]){out, in}, m);
}

/* `upsample` has nearest from the corner, and bilinear from the centre or from corner to corner. */
static bool is_upsample(const Resize *r)
{
    for (int i = 0; i < 2; i++)
        if (r->out[i] % r->in[i])
            return false;
    return r->linear ? r->corners != r->half : !r->corners;
}

static ValueId resized(TflCall *c, const Resize *r)
{
    ValueId x = tf_map(c, 0);
    Attrs a = tf_defaults(OP_upsample);
    if (r->in[0] == r->out[0] && r->in[1] == r->out[1])
        return x;
    if (is_upsample(r)) {
        a.scale = (Ints){2, {r->out[0] / r->in[0], r->out[1] / r->in[1]}};
        a.mode = r->linear;
        a.align_corners = r->corners;
        return tf_add(c, OP_upsample, &a, 1, x);
    }
    if (r->in[1] != r->out[1])
        x = tf_add(c, OP_linear, NULL, 2, x, matrix(c, r, 1));
    if (r->in[0] != r->out[0])
        x = tf_add(c, OP_matmul, NULL, 2, matrix(c, r, 0), x);
    return x;
}

static bool resize(TflCall *c, bool linear, FlatField corners, FlatField half)
{
    Ints size;
    Type t = tf_type(c, 0);
    if (t.rank != 4)
        return tf_refuse(c, NULL, "its input is %s, [N,H,W,C] is expected", tf_type_text(c, 0));
    if (!tf_ints(c, 1, &size))
        return false;
    if (size.n != 2 || size.v[0] < 1 || size.v[1] < 1)
        return tf_refuse(c, NULL, "its size is no height and width");
    Resize r = {linear, flat_unsigned(c->op->options, corners, 1, 0), flat_unsigned(c->op->options, half, 1, 0),
                {t.dim[1], t.dim[2]}, {size.v[0], size.v[1]}};
    if (r.corners && r.half)
        return tf_refuse(c, NULL, "it has both align_corners and half_pixel_centers");
    return tf_give(c, 0, resized(c, &r), true);
}

bool tflite_bilinear(TflCall *c)
{
    return resize(c, true, ResizeBilinearOptions_align_corners, ResizeBilinearOptions_half_pixel_centers);
}

bool tflite_nearest(TflCall *c)
{
    return resize(c, false, ResizeNearestNeighborOptions_align_corners,
                  ResizeNearestNeighborOptions_half_pixel_centers);
}
