/* RESIZE_BILINEAR and RESIZE_NEAREST_NEIGHBOR: `upsample` where whole factors mean the same, else `resize`. */
#include "import.h"

#include "../../ir/ops/ops.h"

enum { HALF_PIXEL, ALIGN_CORNERS, ASYMMETRIC }; /* coords */
enum { HALF_UP = 1, FLOOR };                    /* rounding */
enum { MOST_SIZE = 1 << 24, MOST_FACTOR = 1 << 20 };

typedef struct Resize { bool linear, corners, half; int64_t in[2], out[2]; } Resize;

/* `upsample` has nearest from the corner, and bilinear from the centre or from corner to corner. */
static bool is_upsample(const Resize *r)
{
    for (int i = 0; i < 2; i++)
        if (r->out[i] % r->in[i] || r->out[i] / r->in[i] > MOST_FACTOR)
            return false;
    return r->linear ? r->corners != r->half : !r->corners;
}

/* Nearest from the centre takes floor((i + 1/2) / scale), which is half_pixel's coordinate with its half rounded up. */
static ValueId resized(TflCall *c, const Resize *r)
{
    ValueId x = tf_map(c, 0);
    Attrs up = tf_defaults(OP_upsample), any = tf_defaults(OP_resize);
    if (x < 0 || (r->in[0] == r->out[0] && r->in[1] == r->out[1]))
        return x;
    if (is_upsample(r)) {
        up.scale = (Ints){2, {r->out[0] / r->in[0], r->out[1] / r->in[1]}};
        up.mode = r->linear;
        up.align_corners = r->corners;
        return tf_add(c, OP_upsample, &up, 1, x);
    }
    any.size = (Ints){2, {r->out[0], r->out[1]}};
    any.mode = r->linear;
    any.coords = r->corners ? ALIGN_CORNERS : r->half ? HALF_PIXEL : ASYMMETRIC;
    any.rounding = r->corners || r->half ? HALF_UP : FLOOR;
    return tf_add(c, OP_resize, &any, 1, x);
}

static bool resize(TflCall *c, bool linear, FlatField corners, FlatField half)
{
    Ints size;
    Type t = tf_type(c, 0);
    if (t.rank != 4)
        return tf_refuse(c, NULL, "its input is %s, [N,H,W,C] is expected", tf_type_text(c, 0));
    if (!tf_ints(c, 1, &size))
        return false;
    if (size.n != 2 || imin(size.v[0], size.v[1]) < 1 || imax(size.v[0], size.v[1]) > MOST_SIZE)
        return tf_refuse(c, NULL, "its size %s is no height and width of at most %d", ints_text(c->x->arena, &size),
                         MOST_SIZE);
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
