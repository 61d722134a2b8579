/* Padding that TensorFlow calls SAME and ONNX SAME_UPPER and SAME_LOWER, as numbers. */
#include "graph.h"

/* One dimension: result of ceil(in / stride) windows, or in * stride of a transposed convolution. */
static int64_t total_pad(bool transposed, int64_t in, int64_t extent, int64_t stride, int64_t *output_pad)
{
    if (!transposed) {
        int64_t last = (in - 1) / stride * stride; /* where the last window begins, without padding */
        return imax(last + extent - in, 0);
    }
    int64_t total = extent + *output_pad - stride;
    if (total < 0)
        *output_pad -= total;
    return imax(total, 0);
}

const char *attrs_pad_same(Arena *a, Op op, Attrs *t, const Type *in, int nin, bool lower)
{
    bool window = op_is(op, P_WINDOW), transposed = op == OP_conv_transpose2d;
    const char *err = attrs_normalize(a, op, t, in, nin);
    if (err)
        return err;
    if (in[0].rank != 4 || (!window && (nin < 2 || in[1].rank != 4)))
        return arena_printf(a, "pad: same needs an input of [N,C,H,W], found %s", type_text(a, &in[0]));
    t->pad.n = 4;
    for (int i = 0; i < 2; i++) {
        int64_t kernel = window ? t->kernel.v[i] : in[1].dim[2 + i], dilation = t->dilation.n ? t->dilation.v[i] : 1;
        int64_t extent, extra = transposed ? t->output_pad.v[i] : 0;
        if (!mul_ok(kernel - 1, dilation, &extent) || !add_ok(extent, 1, &extent) || extent > MAX_ELEMS)
            return "pad: same of a window that is too large";
        int64_t total = total_pad(transposed, in[0].dim[2 + i], extent, t->stride.v[i], &extra);
        t->pad.v[i] = lower ? total - total / 2 : total / 2;
        t->pad.v[2 + i] = total - t->pad.v[i];
        if (transposed)
            t->output_pad.v[i] = extra;
    }
    return attrs_normalize(a, op, t, in, nin);
}
