/* Convolutions, products and pools. */
#include "rows.h"

#include <string.h>

#include "../../../ir/ops/ops.h"

/* ---- windows: 2-D as they are, 1-D as rows of height 1 ---- */

typedef struct OnnxWindow {
    int dims;                       /* 1 or 2 */
    Ints kernel, stride, dilation;  /* two numbers each */
    int64_t pad[4];                 /* top, left, bottom, right */
    bool same, lower;
} OnnxWindow;

/* [height, width] of a list of 1 or 2, or (sides 2) of begins and ends. */
static bool window_list(NodeCall *c, const char *name, int dims, int sides, int64_t dflt, int64_t *out)
{
    Ints v;
    bool given;
    if (!call_ints(c, name, &v, &given))
        return false;
    if (given && v.n != dims * sides)
        return call_refuse(c, NULL, "%s has %d numbers, %d are expected", name, v.n, dims * sides);
    for (int s = 0; s < sides; s++)
        for (int i = 0; i < 2; i++) {
            int at = i - (2 - dims);
            out[s * 2 + i] = at < 0 ? (sides == 2 ? 0 : 1) : given ? v.v[s * dims + at] : dflt;
        }
    return true;
}

static bool read_auto_pad(NodeCall *c, OnnxWindow *w)
{
    const char *text = call_text(c, "auto_pad", "NOTSET");
    w->lower = !strcmp(text, "SAME_LOWER");
    w->same = w->lower || !strcmp(text, "SAME_UPPER");
    if (!strcmp(text, "VALID"))
        memset(w->pad, 0, sizeof w->pad);
    return w->same || !strcmp(text, "VALID") || !strcmp(text, "NOTSET") || !*text ||
           call_refuse(c, NULL, "auto_pad is '%s', which ONNX does not know", text);
}

/* kernel: of the weight, two numbers; NULL: the attribute says it. */
static bool read_window(NodeCall *c, const int64_t *kernel, OnnxWindow *w)
{
    int rank = call_type(c, 0).rank;
    *w = (OnnxWindow){.dims = rank - 2, .kernel.n = 2, .stride.n = 2, .dilation.n = 2};
    if (rank != 3 && rank != 4)
        return call_refuse(c, NULL, "its input is %s: windows over one or two dimensions are compiled",
                           type_text(c->x->arena, (Type[]){call_type(c, 0)}));
    if (!window_list(c, "strides", w->dims, 1, 1, w->stride.v) ||
        !window_list(c, "dilations", w->dims, 1, 1, w->dilation.v) ||
        !window_list(c, "pads", w->dims, 2, 0, w->pad) || !window_list(c, "kernel_shape", w->dims, 1, -1, w->kernel.v))
        return false;
    for (int i = 0; kernel && i < 2; i++) {
        if (w->kernel.v[i] >= 0 && w->kernel.v[i] != kernel[i] && (w->dims == 2 || i))
            return call_refuse(c, NULL, "kernel_shape does not fit the weight");
        w->kernel.v[i] = kernel[i];
    }
    for (int i = 0; i < 4; i++)
        if (w->pad[i] < 0)
            return call_refuse(c, "a Slice in front does it", "pads are negative");
    return read_auto_pad(c, w);
}

/* [N,C,L] as [N,C,1,L]. */
static ValueId as_map(NodeCall *c, ValueId x)
{
    if (x < 0)
        return -1;
    Type t = call_value_type(c, x);
    return t.rank == 4 ? x : call_reshape(c, x, 4, (int64_t[]){t.dim[0], t.dim[1], 1, t.dim[2]});
}

static ValueId as_row(NodeCall *c, ValueId x, int dims)
{
    if (x < 0 || dims == 2)
        return x;
    Type t = call_value_type(c, x);
    return call_reshape(c, x, 3, (int64_t[]){t.dim[0], t.dim[1], t.dim[3]});
}

static bool set_pads(NodeCall *c, Op op, const OnnxWindow *w, Attrs *a, const ValueId *in, int nin)
{
    memcpy(a->pad.v, w->pad, sizeof w->pad);
    a->pad.n = 4;
    if (!w->same)
        return true;
    Type types[3];
    for (int i = 0; i < nin; i++)
        types[i] = call_value_type(c, in[i]);
    const char *err = attrs_pad_same(c->x->arena, op, a, types, nin, w->lower);
    return !err || call_refuse(c, NULL, "%s", err);
}

/* ---- convolutions ---- */

/* The weight as [.., .., kh, kw] and the bias, behind the input. */
static bool conv_operands(NodeCall *c, ValueId in[3], int *nin, int64_t kernel[2])
{
    const Tensor *w = call_known(c, 1), *b = call_known(c, 2);
    if (!w || (call_has(c, 2) && !b))
        return call_refuse(c, "weights have to be constants", "its %s is computed from the input",
                           w ? "bias" : "weight");
    int rank = w->type.rank;
    if ((rank != 3 && rank != 4) || rank != call_type(c, 0).rank)
        return call_refuse(c, NULL,
                           "its weight is %s and its input %s: convolutions over one or two dimensions are compiled",
                           type_text(c->x->arena, &w->type), type_text(c->x->arena, (Type[]){call_type(c, 0)}));
    kernel[0] = rank == 4 ? w->type.dim[2] : 1;
    kernel[1] = w->type.dim[rank - 1];
    in[0] = as_map(c, call_in(c, 0));
    in[1] = call_param(c, w, 4, (int64_t[]){w->type.dim[0], w->type.dim[1], kernel[0], kernel[1]});
    *nin = 2;
    if (b && !konst_is(b, 0))
        in[(*nin)++] = call_param(c, b, b->type.rank, b->type.dim);
    for (int i = 0; i < *nin; i++)
        if (in[i] < 0)
            return false;
    return true;
}

bool import_conv(NodeCall *c)
{
    ValueId in[3];
    int nin;
    int64_t kernel[2];
    OnnxWindow w;
    if (!conv_operands(c, in, &nin, kernel) || !read_window(c, kernel, &w))
        return false;
    Attrs a = call_defaults(OP_conv2d);
    a.stride = w.stride;
    a.dilation = w.dilation;
    a.groups = call_int(c, "group", 1);
    return set_pads(c, OP_conv2d, &w, &a, in, nin) &&
           call_give(c, 0, as_row(c, call_add_list(c, OP_conv2d, &a, in, nin), w.dims));
}

/* Padding so that the result has these sizes; the odd element is at the end, with SAME_LOWER at the beginning. */
static void pads_for(const OnnxWindow *w, const Ints *size, Attrs *a, const Type *x)
{
    for (int i = 0; i < 2; i++) {
        int at = i - (2 - w->dims) + size->n - w->dims;
        if (i < 2 - w->dims)
            continue;
        int64_t full = (x->dim[2 + i] - 1) * w->stride.v[i] + (w->kernel.v[i] - 1) * w->dilation.v[i] + 1;
        int64_t total = full + a->output_pad.v[i] - size->v[at];
        if (total < 0) { /* rows that no window reaches */
            a->output_pad.v[i] -= total;
            total = 0;
        }
        a->pad.v[i] = w->same && !w->lower ? total / 2 : total - total / 2;
        a->pad.v[2 + i] = total - a->pad.v[i];
    }
    a->pad.n = 4;
}

bool import_conv_transpose(NodeCall *c)
{
    ValueId in[3];
    int nin;
    int64_t kernel[2], extra[2];
    OnnxWindow w;
    Ints size;
    bool given;
    if (!conv_operands(c, in, &nin, kernel) || !read_window(c, kernel, &w) ||
        !window_list(c, "output_padding", w.dims, 1, 0, extra) || !call_ints(c, "output_shape", &size, &given))
        return false;
    if (given && size.n != w.dims && size.n != w.dims + 2)
        return call_refuse(c, NULL, "output_shape has %d numbers, %d are expected", size.n, w.dims);
    Attrs a = call_defaults(OP_conv_transpose2d);
    a.stride = w.stride;
    a.dilation = w.dilation;
    a.groups = call_int(c, "group", 1);
    a.output_pad = (Ints){2, {w.dims == 2 ? extra[0] : 0, extra[1]}};
    Type t = call_value_type(c, in[0]);
    if (!given && !set_pads(c, OP_conv_transpose2d, &w, &a, in, nin))
        return false;
    if (given)
        pads_for(&w, &size, &a, &t);
    return call_give(c, 0, as_row(c, call_add_list(c, OP_conv_transpose2d, &a, in, nin), w.dims));
}

/* ---- pools ---- */

bool import_pool(NodeCall *c)
{
    OnnxWindow w;
    c->rest = "its second result, the indices, is not computed";
    if (!read_window(c, NULL, &w))
        return false;
    if (w.kernel.v[1] < 1)
        return call_refuse(c, NULL, "kernel_shape is missing");
    w.kernel.v[0] = w.dims == 1 ? 1 : w.kernel.v[0];
    Op op = (Op)c->row->arg;
    Attrs a = call_defaults(op);
    a.kernel = w.kernel;
    a.stride = w.stride;
    a.ceil_mode = call_int(c, "ceil_mode", 0);
    if (op == OP_max_pool)
        a.dilation = w.dilation;
    else if (w.dilation.v[0] != 1 || w.dilation.v[1] != 1)
        return call_refuse(c, NULL, "an average with dilations is not compiled");
    a.count_include_pad = call_int(c, "count_include_pad", 0);
    ValueId x = as_map(c, call_in(c, 0));
    return x >= 0 && set_pads(c, op, &w, &a, &x, 1) && call_give(c, 0, as_row(c, call_add(c, op, &a, 1, x), w.dims));
}

bool import_global_pool(NodeCall *c)
{
    Op op = (Op)c->row->arg;
    Attrs a = call_defaults(op);
    for (int d = 2; d < call_type(c, 0).rank; d++)
        a.axes.v[a.axes.n++] = d;
    a.keep = true;
    return call_give(c, 0, a.axes.n ? call_add(c, op, &a, 1, call_in(c, 0)) : call_in(c, 0));
}

/* ---- products ---- */

static ValueId times(NodeCall *c, ValueId v, double factor)
{
    return factor == 1 ? v : call_add(c, OP_mul, NULL, 2, v, call_scalar(c, factor));
}

/* factor * t, spread over [n]; NULL where it is not of that form. */
static const Tensor *as_bias(NodeCall *c, const Tensor *t, int64_t n, double factor)
{
    int64_t elems = type_elems(&t->type), last = t->type.rank ? t->type.dim[t->type.rank - 1] : 1;
    if (!dtype_float(t->stored) || elems != last || (elems != n && elems != 1))
        return NULL;
    if (elems != n)
        t = konst_strided(c, t, 1, &n, 0, (int64_t[]){0});
    else if (t->type.rank != 1)
        t = konst_view(c, t, 1, &n);
    return t && factor != 1 ? konst_scaled(c, t, factor) : t;
}

/* A B with a constant B of [k,n] or, turned, [n,k]: a linear layer. */
static ValueId linear(NodeCall *c, ValueId x, const Tensor *b, bool turned, double factor, const Tensor *bias)
{
    if (!turned)
        b = konst_transposed(c, b, 2, (int[]){1, 0});
    if (b && factor != 1)
        b = konst_scaled(c, b, factor);
    if (!b)
        return -1;
    ValueId w = call_param(c, b, 2, b->type.dim);
    if (!bias || konst_is(bias, 0))
        return call_add(c, OP_linear, NULL, 2, x, w);
    return call_add(c, OP_linear, NULL, 3, x, w, call_param(c, bias, 1, bias->type.dim));
}

bool import_gemm(NodeCall *c)
{
    double alpha = call_float(c, "alpha", 1), beta = call_float(c, "beta", 1);
    bool ta = call_int(c, "transA", 0), tb = call_int(c, "transB", 0);
    const Tensor *b = call_known(c, 1), *bias = NULL;
    if (call_type(c, 0).rank != 2 || call_type(c, 1).rank != 2)
        return call_refuse(c, NULL, "its operands are no matrices");
    ValueId x = call_in(c, 0), y;
    if (b && b->stored != DT_F32 && !dtype_float(b->stored))
        return call_refuse(c, NULL, "its operand 1 is %s, floats are expected", dtype_name(b->stored));
    if (b && call_known(c, 2))
        bias = as_bias(c, call_known(c, 2), b->type.dim[!tb], beta);
    if (b) {
        if (ta)
            x = call_transpose(c, x, 2, (int[]){1, 0});
        y = linear(c, x, b, tb, alpha, bias);
    } else {
        Attrs a = call_defaults(OP_matmul);
        a.transpose_a = ta;
        a.transpose_b = tb;
        y = times(c, call_add(c, OP_matmul, &a, 2, x, call_in(c, 1)), alpha);
    }
    if (call_has(c, 2) && !bias && beta != 0)
        y = call_add(c, OP_add, NULL, 2, y, times(c, call_in(c, 2), beta));
    return call_give(c, 0, y);
}

/* What a transpose of the last two dimensions reads; v itself where none makes it. */
static ValueId untransposed(const NodeCall *c, ValueId v, bool *turned)
{
    const Graph *g = c->x->g;
    const Node *n = v >= 0 && g->value.v[v].kind == VAL_NODE ? &g->node.v[g->value.v[v].node] : NULL;
    *turned = false;
    if (!n || n->op != OP_transpose)
        return v;
    int rank = n->attr.perm.n;
    for (int d = 0; d < rank; d++)
        if (n->attr.perm.v[d] != (d < rank - 2 ? d : 2 * rank - 3 - d))
            return v;
    *turned = rank >= 2;
    return *turned ? n->in[0] : v;
}

/* Vectors are matrices of one row or column, which is taken away from the result. */
bool import_matmul(NodeCall *c)
{
    const Tensor *b = call_known(c, 1);
    Type ta = call_type(c, 0), tb = call_type(c, 1);
    if (!ta.rank || !tb.rank)
        return call_refuse(c, NULL, "an operand is a single number");
    ValueId x = call_in(c, 0);
    if (b && tb.rank == 2 && dtype_float(b->stored))
        return call_give(c, 0, linear(c, x, b, false, 1, NULL));
    ValueId y = call_in(c, 1);
    if (ta.rank == 1)
        x = call_reshape(c, x, 2, (int64_t[]){1, ta.dim[0]});
    if (tb.rank == 1)
        y = call_reshape(c, y, 2, (int64_t[]){tb.dim[0], 1});
    Attrs a = call_defaults(OP_matmul);
    x = untransposed(c, x, &a.transpose_a);
    y = untransposed(c, y, &a.transpose_b);
    ValueId v = call_add(c, OP_matmul, &a, 2, x, y);
    if (v < 0)
        return false;
    Type t = call_value_type(c, v);
    int64_t dim[MAX_RANK];
    int rank = 0;
    for (int d = 0; d < t.rank; d++)
        if (!(d == t.rank - 2 && ta.rank == 1) && !(d == t.rank - 1 && tb.rank == 1))
            dim[rank++] = t.dim[d];
    return call_give(c, 0, call_reshape(c, v, rank, dim));
}
