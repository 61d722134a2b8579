/* Convolutions, pools and products. */
#include "import.h"

#include <string.h>

#include "../../ir/ops/ops.h"

enum { SAME, VALID };

/* ---- windows ---- */

typedef struct TflWindow { int64_t padding; Ints stride, dilation; } TflWindow;

static bool positive(TflCall *c, const char *what, const Ints *v)
{
    for (int i = 0; i < v->n; i++)
        if (v->v[i] < 1)
            return tf_refuse(c, NULL, "its %s is %lld", what, (long long)v->v[i]);
    return true;
}

static bool tf_read_window(TflCall *c, FlatField padding, FlatField stride_h, FlatField stride_w, TflWindow *w)
{
    FlatTable o = c->op->options;
    w->padding = flat_int(o, padding, 1, SAME);
    w->stride = (Ints){2, {flat_int(o, stride_h, 4, 0), flat_int(o, stride_w, 4, 0)}};
    w->dilation = (Ints){2, {1, 1}};
    if (w->padding != SAME && w->padding != VALID)
        return tf_refuse(c, NULL, "its padding %lld is neither SAME nor VALID", (long long)w->padding);
    return positive(c, "stride", &w->stride);
}

static bool tf_set_pads(TflCall *c, Op op, const TflWindow *w, Attrs *a, const ValueId *in, int nin)
{
    Type types[3];
    a->pad = (Ints){4, {0}};
    if (w->padding == VALID)
        return true;
    for (int i = 0; i < nin; i++) {
        if (in[i] < 0)
            return false;
        types[i] = tf_value_type(c, in[i]);
    }
    const char *err = attrs_pad_same(c->x->arena, op, a, types, nin, false);
    return !err || tf_refuse(c, NULL, "%s", err);
}

/* ---- convolutions ---- */

/* A constant of so many dimensions; NULL after refusing. */
static const Tensor *tf_weight(TflCall *c, int i, int rank)
{
    const Tensor *w = tf_known(c, i);
    if (!w)
        tf_refuse(c, "weights have to be constants",
                  tf_has(c, i) ? "its weight is computed from the input" : "it has no weight");
    else if (w->type.rank != rank)
        tf_refuse(c, NULL, "its weight is %s, %d dimensions are expected", type_text(c->x->arena, &w->type), rank);
    else
        return w;
    return NULL;
}

static bool misfit(TflCall *c)
{
    return tf_refuse(c, NULL, "its input %s does not fit its weight %s", tf_type_text(c, 0), tf_type_text(c, 1));
}

static bool is_zero(const Tensor *t)
{
    int64_t n = type_elems(&t->type);
    for (int64_t i = 0; i < n; i++)
        if (tensor_at(t, i) != 0)
            return false;
    return true;
}

/* The bias of [n] behind what is there, unless it changes nothing. */
static bool bias(TflCall *c, int i, int64_t n, ValueId *in, int *nin)
{
    const Tensor *b = tf_known(c, i);
    if (!tf_has(c, i) || (b && is_zero(b)))
        return true;
    if (!b)
        return tf_refuse(c, "weights have to be constants", "its bias is computed from the input");
    in[(*nin)++] = tf_param(c, b, NULL, 1, &n);
    return true;
}

static bool is_map(TflCall *c, int i)
{
    return tf_type(c, i).rank == 4 || tf_refuse(c, NULL, "its input is %s, [N,H,W,C] is expected", tf_type_text(c, i));
}

static bool convolve(TflCall *c, const Tensor *w, const int *perm, TflWindow *win, int64_t groups, FlatField activation)
{
    ValueId in[3] = {tf_map(c, 0), tf_param(c, w, perm, -1, NULL)};
    int nin = 2;
    if (in[1] < 0 || !bias(c, 2, tf_value_type(c, in[1]).dim[0], in, &nin) || !positive(c, "dilation", &win->dilation))
        return false;
    Attrs a = tf_defaults(OP_conv2d);
    a.stride = win->stride;
    a.dilation = win->dilation;
    a.groups = groups;
    return tf_set_pads(c, OP_conv2d, win, &a, in, nin) &&
           tf_finish(c, tf_add_list(c, OP_conv2d, &a, in, nin), true, activation);
}

static const int ohwi_to_oihw[4] = {0, 3, 1, 2};

bool tflite_conv(TflCall *c)
{
    TflWindow win;
    const Tensor *w = tf_weight(c, 1, 4);
    FlatTable o = c->op->options;
    if (!w || !is_map(c, 0) ||
        !tf_read_window(c, Conv2DOptions_padding, Conv2DOptions_stride_h, Conv2DOptions_stride_w, &win))
        return false;
    int64_t channels = tf_type(c, 0).dim[3], each = w->type.dim[3];
    if (each < 1 || channels % each)
        return misfit(c);
    win.dilation = (Ints){2, {flat_int(o, Conv2DOptions_dilation_h_factor, 4, 1),
                              flat_int(o, Conv2DOptions_dilation_w_factor, 4, 1)}};
    return convolve(c, w, ohwi_to_oihw, &win, channels / each, Conv2DOptions_fused_activation_function);
}

/* The weight is [1,kh,kw,C M]. */
bool tflite_depthwise(TflCall *c)
{
    static const int perm[4] = {3, 0, 1, 2};
    TflWindow win;
    const Tensor *w = tf_weight(c, 1, 4);
    FlatTable o = c->op->options;
    if (!w || !is_map(c, 0) || !tf_read_window(c, DepthwiseConv2DOptions_padding, DepthwiseConv2DOptions_stride_h,
                                               DepthwiseConv2DOptions_stride_w, &win))
        return false;
    int64_t channels = tf_type(c, 0).dim[3];
    if (w->type.dim[0] != 1 || w->type.dim[3] % channels)
        return misfit(c);
    win.dilation = (Ints){2, {flat_int(o, DepthwiseConv2DOptions_dilation_h_factor, 4, 1),
                              flat_int(o, DepthwiseConv2DOptions_dilation_w_factor, 4, 1)}};
    return convolve(c, w, perm, &win, channels, DepthwiseConv2DOptions_fused_activation_function);
}

/* Padding, of rows or columns, so that the result has the size that the operator names: what SAME takes away from a
   convolution of that size, half of it in front; the rest, or rows that no window reaches, behind. */
static void tf_pads_for(const TflWindow *w, int side, int64_t in, int64_t kernel, int64_t out, Attrs *a)
{
    int64_t stride = w->stride.v[side], full = (in - 1) * stride + kernel;
    int64_t windows = w->padding == SAME ? (out + stride - 1) / stride : (out - kernel + stride) / stride;
    int64_t before = imax(0, (windows - 1) * stride + kernel - out) / 2, after = full - before - out;
    a->pad.v[side] = before;
    a->pad.v[2 + side] = imax(after, 0);
    a->output_pad.v[side] = imax(-after, 0);
}

/* Operands: the shape of the result, the weight [out,kh,kw,in], the input, a bias. */
bool tflite_transpose_conv(TflCall *c)
{
    static const int perm[4] = {3, 0, 1, 2};
    TflWindow win;
    Ints shape;
    const Tensor *w = tf_weight(c, 1, 4);
    if (!w || !is_map(c, 2) || !tf_ints(c, 0, &shape) ||
        !tf_read_window(c, TransposeConvOptions_padding, TransposeConvOptions_stride_h, TransposeConvOptions_stride_w,
                        &win))
        return false;
    Type t = tf_type(c, 2);
    if (shape.n != 4 || shape.v[1] < 1 || shape.v[2] < 1 || shape.v[0] != t.dim[0] || shape.v[3] != w->type.dim[0])
        return tf_refuse(c, NULL, "the shape of its result, %s, does not fit", ints_text(c->x->arena, &shape));
    ValueId in[3] = {tf_map(c, 2), tf_param(c, w, perm, -1, NULL)};
    int nin = 2;
    if (in[0] < 0 || in[1] < 0 || !bias(c, 3, w->type.dim[0], in, &nin))
        return false;
    Attrs a = tf_defaults(OP_conv_transpose2d);
    a.stride = win.stride;
    a.pad.n = 4;
    a.output_pad.n = 2;
    for (int i = 0; i < 2; i++)
        tf_pads_for(&win, i, t.dim[1 + i], w->type.dim[1 + i], shape.v[1 + i], &a);
    return tf_finish(c, tf_add_list(c, OP_conv_transpose2d, &a, in, nin), true,
                       TransposeConvOptions_fused_activation_function);
}

/* ---- pools ---- */

bool tflite_pool(TflCall *c)
{
    TflWindow win;
    Op op = (Op)c->row->arg;
    FlatTable o = c->op->options;
    Attrs a = tf_defaults(op);
    a.kernel = (Ints){2, {flat_int(o, Pool2DOptions_filter_height, 4, 0),
                          flat_int(o, Pool2DOptions_filter_width, 4, 0)}};
    if (!is_map(c, 0) || !positive(c, "window", &a.kernel) ||
        !tf_read_window(c, Pool2DOptions_padding, Pool2DOptions_stride_h, Pool2DOptions_stride_w, &win))
        return false;
    a.stride = win.stride;
    a.count_include_pad = false;
    ValueId x = tf_map(c, 0);
    return tf_set_pads(c, op, &win, &a, &x, 1) &&
           tf_finish(c, tf_add(c, op, &a, 1, x), true, Pool2DOptions_fused_activation_function);
}

/* ---- products ---- */

/* x of any shape as rows of so many numbers. */
static ValueId rows(TflCall *c, int64_t n)
{
    Type t = tf_type(c, 0);
    int64_t elems = type_elems(&t);
    if (n < 1 || elems % n)
        return misfit(c), -1;
    if (t.rank >= 1 && t.dim[t.rank - 1] == n)
        return tf_plain(c, 0);
    return tf_reshape(c, tf_plain(c, 0), 2, (int64_t[]){elems / n, n});
}

bool tflite_linear(TflCall *c)
{
    const Tensor *w = tf_weight(c, 1, 2);
    Type t = tf_type(c, 0);
    if (!w)
        return false;
    if (flat_int(c->op->options, FullyConnectedOptions_weights_format, 1, 0))
        return tf_refuse(c, NULL, "its weights are in the order of one processor");
    bool keep = flat_unsigned(c->op->options, FullyConnectedOptions_keep_num_dims, 1, 0);
    int64_t n = w->type.dim[1], out = w->type.dim[0], dim[MAX_RANK];
    ValueId in[3] = {rows(c, n), tf_param(c, w, NULL, -1, NULL)};
    int nin = 2;
    if (in[0] < 0 || !bias(c, 2, out, in, &nin))
        return false;
    if (keep && t.dim[t.rank - 1] != n)
        return misfit(c);
    ValueId v = tf_add_list(c, OP_linear, NULL, in, nin);
    v = tf_activation(c, v, flat_int(c->op->options, FullyConnectedOptions_fused_activation_function, 1, 0));
    memcpy(dim, t.dim, sizeof dim);
    if (keep)
        dim[t.rank - 1] = out;
    return keep ? tf_give_shaped(c, 0, v, t.rank, dim)
                : tf_give_shaped(c, 0, v, 2, (int64_t[]){type_elems(&t) / n, out});
}

/* By a constant matrix it is a linear layer. */
static ValueId by_matrix(TflCall *c, const Tensor *w, bool turned)
{
    static const int turn[2] = {1, 0};
    return tf_add(c, OP_linear, NULL, 2, tf_plain(c, 0), tf_param(c, w, turned ? NULL : turn, -1, NULL));
}

bool tflite_batch_matmul(TflCall *c)
{
    Attrs a = tf_defaults(OP_matmul);
    const Tensor *w = tf_known(c, 1);
    a.transpose_a = flat_unsigned(c->op->options, BatchMatMulOptions_adj_x, 1, 0);
    a.transpose_b = flat_unsigned(c->op->options, BatchMatMulOptions_adj_y, 1, 0);
    if (w && w->type.rank == 2 && !a.transpose_a)
        return tf_give(c, 0, by_matrix(c, w, a.transpose_b), false);
    return tf_give(c, 0, tf_add(c, OP_matmul, &a, 2, tf_plain(c, 0), tf_plain(c, 1)), false);
}
