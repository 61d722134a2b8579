/* Every operator of ir/graph/op.def in the operators of ONNX; elementwise ones are in ops_elementwise.c. An operator
   that has no function does not link. */
#include "../../../ir/ops/resample.h"
#include "ops.h"

#include <math.h>
#include <string.h>

/* pads as Pad takes them: n / 2 numbers in front, n / 2 behind. */
static const char *padded(Onnx *x, const char *in, const int64_t *pads, int n, double value)
{
    return MAKE(x, "Pad", in, onnx_ints(x, pads, n), onnx_scalar(x, value));
}

/* ---- contractions ---- */

static void set_window(Onnx *x, const Node *n, OnnxNode *o, const int64_t pad[4])
{
    const Attrs *a = &n->attr;
    onnx_list(x, o, "kernel_shape", type_of(x, n->in[1])->dim + 2, 2);
    onnx_list(x, o, "strides", a->stride.v, 2);
    onnx_list(x, o, "pads", pad, 4);
    onnx_list(x, o, "dilations", a->dilation.v, 2);
    onnx_int(x, o, "group", a->groups);
}

void export_conv2d(Onnx *x, const Node *n)
{
    set_window(x, n, direct(x, n, "Conv"), n->attr.pad.v);
}

/* We allow an output_pad that is less than the stride or the dilation, as PyTorch does. ONNX Runtime only allows one
   below the stride. Otherwise the whole result is made, enlarged and cut out. What output_pad adds holds bias
   alone. */
void export_conv_transpose2d(Onnx *x, const Node *n)
{
    const Attrs *a = &n->attr;
    const int64_t *extra = a->output_pad.v, *p = a->pad.v;
    if (extra[0] < a->stride.v[0] && extra[1] < a->stride.v[1]) {
        OnnxNode *o = direct(x, n, "ConvTranspose");
        set_window(x, n, o, p);
        onnx_list(x, o, "output_padding", extra, 2);
        return;
    }
    OnnxNode *o = onnx_node(x, "ConvTranspose", NULL, NAMES(operand(x, n, 0), operand(x, n, 1)));
    set_window(x, n, o, (int64_t[]){0, 0, 0, 0});
    const int64_t *size = type_of(x, n->out[0].value)->dim + 2;
    const char *wide = padded(x, o->output[0], (int64_t[]){0, 0, 0, 0, 0, 0, extra[0], extra[1]}, 8, 0);
    if (n->nin == 3)
        wide = MAKE(x, "Add", wide, onnx_param(x, n->in[2], 1, 4));
    RESULT(x, n, "Slice", wide, onnx_ints(x, p, 2), onnx_ints(x, (int64_t[]){p[0] + size[0], p[1] + size[1]}, 2),
           onnx_ints(x, (int64_t[]){2, 3}, 2));
}

/* The last two dimensions exchanged. */
static const char *transposed(Onnx *x, ValueId id)
{
    int rank = type_of(x, id)->rank;
    int64_t perm[MAX_RANK];
    for (int d = 0; d < rank; d++)
        perm[d] = d < rank - 2 ? d : 2 * rank - 3 - d;
    OnnxNode *o = onnx_node(x, "Transpose", NULL, NAMES(onnx_value(x, id)));
    onnx_list(x, o, "perm", perm, rank);
    return o->output[0];
}

void export_linear(Onnx *x, const Node *n)
{
    if (type_of(x, n->in[0])->rank == 2) {
        onnx_int(x, direct(x, n, "Gemm"), "transB", 1);
        return;
    }
    const char *in = operand(x, n, 0), *w = transposed(x, n->in[1]);
    if (n->nin == 2)
        RESULT(x, n, "MatMul", in, w);
    else
        RESULT(x, n, "Add", MAKE(x, "MatMul", in, w), operand(x, n, 2));
}

void export_matmul(Onnx *x, const Node *n)
{
    const char *a = n->attr.transpose_a ? transposed(x, n->in[0]) : operand(x, n, 0);
    const char *b = n->attr.transpose_b ? transposed(x, n->in[1]) : operand(x, n, 1);
    RESULT(x, n, "MatMul", a, b);
}

/* ---- normalization ---- */

void export_batch_norm(Onnx *x, const Node *n)
{
    onnx_float(x, direct(x, n, "BatchNormalization"), "epsilon", n->attr.eps);
}

void export_softmax(Onnx *x, const Node *n)
{
    onnx_int(x, direct(x, n, "Softmax"), "axis", n->attr.axis);
}

void export_softmin(Onnx *x, const Node *n)
{
    onnx_int(x, RESULT(x, n, "Softmax", MAKE(x, "Neg", operand(x, n, 0))), "axis", n->attr.axis);
}

/* LpNormalization has neither several axes nor an eps. */
void export_l2_normalize(Onnx *x, const Node *n)
{
    OnnxNode *norm = onnx_node(x, "ReduceL2", NULL, NAMES(operand(x, n, 0)));
    onnx_list(x, norm, "axes", n->attr.axes.v, n->attr.axes.n);
    onnx_int(x, norm, "keepdims", 1);
    RESULT(x, n, "Div", operand(x, n, 0), MAKE(x, "Max", norm->output[0], onnx_scalar(x, n->attr.eps)));
}

/* LayerNormalization is younger than this opset. In the order in which runtimes look for it to fuse. */
void export_layer_norm(Onnx *x, const Node *n)
{
    const Attrs *a = &n->attr;
    int rank = type_of(x, n->in[0])->rank;
    OnnxNode *mean = onnx_node(x, "ReduceMean", NULL, NAMES(operand(x, n, 0)));
    const char *centered = MAKE(x, "Sub", operand(x, n, 0), mean->output[0]);
    OnnxNode *var = onnx_node(x, "ReduceMean", NULL, NAMES(MAKE(x, "Pow", centered, onnx_scalar(x, 2))));
    onnx_list(x, mean, "axes", &a->axis, 1);
    onnx_list(x, var, "axes", &a->axis, 1);
    const char *sd = MAKE(x, "Sqrt", MAKE(x, "Add", var->output[0], onnx_scalar(x, a->eps)));
    if (n->nin == 1)
        RESULT(x, n, "Div", centered, sd);
    else if (n->nin == 2)
        RESULT(x, n, "Mul", MAKE(x, "Div", centered, sd), onnx_param(x, n->in[1], (int)a->axis, rank));
    else
        RESULT(x, n, "Add", MAKE(x, "Mul", MAKE(x, "Div", centered, sd), onnx_param(x, n->in[1], (int)a->axis, rank)),
               onnx_param(x, n->in[2], (int)a->axis, rank));
}

/* ---- windows and reductions ---- */

/* How far the last window hangs over what is there, bottom and right; ceil_mode makes that possible. Written as
   padding, since the runtimes' ceil_mode differ among each other. */
static void overhang(const Onnx *x, const Node *n, const int64_t dilation[2], int64_t over[2])
{
    const Attrs *a = &n->attr;
    const Type *in = type_of(x, n->in[0]), *out = type_of(x, n->out[0].value);
    for (int i = 0; i < 2; i++) {
        int64_t end = (out->dim[2 + i] - 1) * a->stride.v[i] + (a->kernel.v[i] - 1) * dilation[i] + 1;
        over[i] = imax(end - in->dim[2 + i] - a->pad.v[i] - a->pad.v[2 + i], 0);
    }
}

static OnnxNode *pool(Onnx *x, const Node *n, const char *type, const char *in, const int64_t pad[4])
{
    OnnxNode *o = RESULT(x, n, type, in);
    onnx_list(x, o, "kernel_shape", n->attr.kernel.v, 2);
    onnx_list(x, o, "strides", n->attr.stride.v, 2);
    onnx_list(x, o, "pads", pad, 4);
    return o;
}

/* A dilated window may see nothing but padding, which ONNX does not define: then -inf is written out. */
void export_max_pool(Onnx *x, const Node *n)
{
    const Attrs *a = &n->attr;
    int64_t over[2];
    overhang(x, n, a->dilation.v, over);
    int64_t pad[4] = {a->pad.v[0], a->pad.v[1], a->pad.v[2] + over[0], a->pad.v[3] + over[1]};
    const char *in = operand(x, n, 0);
    bool dilated = a->dilation.v[0] > 1 || a->dilation.v[1] > 1;
    if (dilated && (pad[0] || pad[1] || pad[2] || pad[3])) {
        in = padded(x, in, (int64_t[]){0, 0, pad[0], pad[1], 0, 0, pad[2], pad[3]}, 8, -HUGE_VAL);
        for (int i = 0; i < 4; i++)
            pad[i] = 0;
    }
    OnnxNode *o = pool(x, n, "MaxPool", in, pad);
    if (dilated)
        onnx_list(x, o, "dilations", a->dilation.v, 2);
}

/* The divisor may count padding, but never what hangs over it: with both, the zeros are written out. */
void export_avg_pool(Onnx *x, const Node *n)
{
    const Attrs *a = &n->attr;
    const int64_t none[4] = {0}, *p = a->pad.v;
    int64_t over[2];
    overhang(x, n, (int64_t[]){1, 1}, over);
    const char *in = operand(x, n, 0);
    bool hangs = over[0] || over[1];
    if (a->count_include_pad && hangs) {
        if (p[0] || p[1] || p[2] || p[3])
            in = padded(x, in, (int64_t[]){0, 0, p[0], p[1], 0, 0, p[2], p[3]}, 8, 0);
        p = none;
    }
    OnnxNode *o = pool(x, n, "AveragePool", in, (int64_t[]){p[0], p[1], p[2] + over[0], p[3] + over[1]});
    onnx_int(x, o, "count_include_pad", a->count_include_pad && !hangs);
}

static void reduce(Onnx *x, const Node *n, const char *type)
{
    OnnxNode *o = direct(x, n, type);
    onnx_list(x, o, "axes", n->attr.axes.v, n->attr.axes.n);
    onnx_int(x, o, "keepdims", n->attr.keep);
}

void export_mean(Onnx *x, const Node *n)
{
    reduce(x, n, "ReduceMean");
}

void export_max(Onnx *x, const Node *n)
{
    reduce(x, n, "ReduceMax");
}

void export_sum(Onnx *x, const Node *n)
{
    const Ints *axes = &n->attr.axes;
    onnx_int(x, RESULT(x, n, "ReduceSum", operand(x, n, 0), onnx_ints(x, axes->v, axes->n)), "keepdims", n->attr.keep);
}

static void arg(Onnx *x, const Node *n, const char *type)
{
    OnnxNode *o = onnx_node(x, type, NULL, NAMES(operand(x, n, 0)));
    onnx_int(x, o, "axis", n->attr.axis);
    onnx_int(x, o, "keepdims", n->attr.keep);
    onnx_int(x, o, "select_last_index", n->attr.last);
    onnx_int(x, RESULT(x, n, "Cast", o->output[0]), "to", ONNX__TENSOR_PROTO__DATA_TYPE__FLOAT);
}

void export_argmax(Onnx *x, const Node *n)
{
    arg(x, n, "ArgMax");
}

void export_argmin(Onnx *x, const Node *n)
{
    arg(x, n, "ArgMin");
}

/* ---- movement ---- */

void export_concat(Onnx *x, const Node *n)
{
    onnx_int(x, direct(x, n, "Concat"), "axis", n->attr.axis);
}

void export_split(Onnx *x, const Node *n)
{
    const char **out = NEW(x->arena, const char *, n->nout + 1);
    for (int i = 0; i < n->nout; i++)
        out[i] = onnx_value(x, n->out[i].value);
    const Ints *sizes = &n->attr.sizes;
    OnnxNode *o = onnx_node(x, "Split", out, NAMES(operand(x, n, 0), onnx_ints(x, sizes->v, sizes->n)));
    onnx_int(x, o, "axis", n->attr.axis);
}

void export_slice(Onnx *x, const Node *n)
{
    const Attrs *a = &n->attr;
    RESULT(x, n, "Slice", operand(x, n, 0), onnx_ints(x, a->start.v, a->start.n), onnx_ints(x, a->end.v, a->end.n),
           onnx_ints(x, a->axes.v, a->axes.n), onnx_ints(x, a->step.v, a->step.n));
}

static const char *reshaped(Onnx *x, const char *in, const int64_t *dim, int rank)
{
    return MAKE(x, "Reshape", in, onnx_ints(x, dim, rank));
}

static void to_result_shape(Onnx *x, const Node *n, const char *in)
{
    const Type *out = type_of(x, n->out[0].value);
    RESULT(x, n, "Reshape", in, onnx_ints(x, out->dim, out->rank));
}

void export_channel_shuffle(Onnx *x, const Node *n)
{
    const Type *t = type_of(x, n->in[0]);
    int64_t groups = n->attr.groups, rest = type_elems(t) / (t->dim[0] * t->dim[1]);
    int64_t parts[] = {t->dim[0], groups, t->dim[1] / groups, rest};
    OnnxNode *swap = onnx_node(x, "Transpose", NULL, NAMES(reshaped(x, operand(x, n, 0), parts, 4)));
    onnx_list(x, swap, "perm", (int64_t[]){0, 2, 1, 3}, 4);
    to_result_shape(x, n, swap->output[0]);
}

void export_reshape(Onnx *x, const Node *n)
{
    to_result_shape(x, n, operand(x, n, 0));
}

void export_flatten(Onnx *x, const Node *n)
{
    if (n->attr.axis == 1)
        onnx_int(x, direct(x, n, "Flatten"), "axis", 1);
    else
        to_result_shape(x, n, operand(x, n, 0));
}

void export_transpose(Onnx *x, const Node *n)
{
    onnx_list(x, direct(x, n, "Transpose"), "perm", n->attr.perm.v, n->attr.perm.n);
}

void export_upsample(Onnx *x, const Node *n)
{
    const Attrs *a = &n->attr;
    double scale[] = {1, 1, (double)a->scale.v[0], (double)a->scale.v[1]};
    OnnxNode *o = RESULT(x, n, "Resize", operand(x, n, 0), "", onnx_floats(x, scale, 4));
    onnx_text(x, o, "mode", a->mode ? "linear" : "nearest");
    onnx_text(x, o, "coordinate_transformation_mode",
              !a->mode ? "asymmetric" : a->align_corners ? "align_corners" : "half_pixel");
    if (!a->mode)
        onnx_text(x, o, "nearest_mode", "floor");
}

/* Both scales, or the size that the result has. */
void export_resize(Onnx *x, const Node *n)
{
    static const char *const coords[] = {"half_pixel", "align_corners", "asymmetric", "pytorch_half_pixel"};
    static const char *const rounding[] = {"round_prefer_floor", "round_prefer_ceil", "floor", "ceil"};
    const Attrs *a = &n->attr;
    const Type *out = type_of(x, n->out[0].value);
    double scale[] = {1, 1, a->scale_h, a->scale_w};
    OnnxNode *o = a->scale_h > 0 && a->scale_w > 0
                      ? RESULT(x, n, "Resize", operand(x, n, 0), "", onnx_floats(x, scale, 4))
                      : RESULT(x, n, "Resize", operand(x, n, 0), "", "", onnx_ints(x, out->dim, 4));
    onnx_text(x, o, "mode", a->mode ? "linear" : "nearest");
    onnx_text(x, o, "coordinate_transformation_mode", coords[a->coords]);
    if (!a->mode)
        onnx_text(x, o, "nearest_mode", rounding[a->rounding]);
}

void export_gather(Onnx *x, const Node *n)
{
    const Tensor *t = x->g->value.v[n->in[1]].tensor;
    int64_t count = type_elems(&t->type), *at = NEW(x->arena, int64_t, count);
    for (int64_t i = 0; i < count; i++)
        at[i] = gather_index(tensor_at(t, i), type_of(x, n->in[0])->dim[n->attr.axis]);
    onnx_int(x, RESULT(x, n, "Gather", operand(x, n, 0), onnx_ints(x, at, (int)count)), "axis", n->attr.axis);
}

void export_pad(Onnx *x, const Node *n)
{
    static const char *const mode[] = {"constant", "reflect", "edge"};
    const char *in = operand(x, n, 0), *pads = onnx_ints(x, n->attr.pads.v, n->attr.pads.n);
    if (n->attr.border)
        onnx_text(x, RESULT(x, n, "Pad", in, pads), "mode", mode[n->attr.border]);
    else
        RESULT(x, n, "Pad", in, pads, onnx_scalar(x, n->attr.value));
}

/* ---- the table ---- */

static ExportFn *const table[NOPS] = {
#define OP(name, ...) [OP_##name] = export_##name,
#include "../../../ir/graph/op.def"
#undef OP
};

void onnx_export_node(Onnx *x, const Node *n)
{
    if (n->nstep)
        bug("ONNX has no epilogues: node %s", n->name ? n->name : op_info[n->op].name);
    table[n->op](x, n);
    if (n->name) /* the last one is the layer, and keeps its name */
        x->node.v[x->node.n - 1]->name = arena_strndup(x->arena, n->name, strlen(n->name));
}
