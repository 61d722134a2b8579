/* Operators that move, repeat or interpolate elements. */
#include "ops.h"
#include "resample.h"

#include <math.h>
#include <string.h>

/* ---- concat and split ---- */

const char *infer_concat(const OpCall *c, Type *out, int *nout)
{
    int axis = (int)c->attr->axis;
    *out = c->in[0];
    for (int i = 1; i < c->nin; i++) {
        Type t = c->in[i];
        if (t.rank == out->rank)
            t.dim[axis] = c->in[0].dim[axis];
        if (!type_eq(&t, &c->in[0]))
            FAIL(c, "operand %d is %s, which cannot follow %s along dimension %d", i, type_text(c->arena, &c->in[i]),
                 type_text(c->arena, &c->in[0]), axis);
        if (!add_ok(out->dim[axis], c->in[i].dim[axis], &out->dim[axis]) || out->dim[axis] > MAX_ELEMS)
            FAIL(c, "result has more than 2^40 elements");
    }
    *nout = 1;
    return NULL;
}

/* Copies between a whole tensor and a part of it that begins at `from` along axis. */
static void copy_part(const Type *whole, const Type *part, int axis, int64_t from, double *to, const double *of,
                      bool to_whole)
{
    int64_t inner = elems_between(whole, axis + 1, whole->rank), outer = elems_between(whole, 0, axis);
    int64_t run = part->dim[axis] * inner, step = whole->dim[axis] * inner;
    for (int64_t o = 0; o < outer; o++) {
        int64_t w = o * step + from * inner, p = o * run;
        memcpy(to + (to_whole ? w : p), of + (to_whole ? p : w), (size_t)run * sizeof *to);
    }
}

void ref_concat(const OpCall *c, const double *const *in, double *const *out)
{
    int axis = (int)c->attr->axis;
    int64_t from = 0;
    for (int i = 0; i < c->nin; i++) {
        copy_part(&c->out[0], &c->in[i], axis, from, out[0], in[i], true);
        from += c->in[i].dim[axis];
    }
}

const char *infer_split(const OpCall *c, Type *out, int *nout)
{
    const Ints *sizes = &c->attr->sizes;
    int axis = (int)c->attr->axis;
    int64_t sum = 0;
    for (int i = 0; i < sizes->n; i++) {
        out[i] = c->in[0];
        sum += out[i].dim[axis] = sizes->v[i];
    }
    if (sum != c->in[0].dim[axis])
        FAIL(c, "sizes %s add up to %lld, input %s has %lld in dimension %d", ints_text(c->arena, sizes),
             (long long)sum, type_text(c->arena, &c->in[0]), (long long)c->in[0].dim[axis], axis);
    *nout = sizes->n;
    return NULL;
}

void ref_split(const OpCall *c, const double *const *in, double *const *out)
{
    int axis = (int)c->attr->axis;
    int64_t from = 0;
    for (int i = 0; i < c->nout; i++) {
        copy_part(&c->in[0], &c->out[i], axis, from, out[i], in[0], false);
        from += c->out[i].dim[axis];
    }
}

/* ---- slice, transpose, channel_shuffle: the result reads the input by other strides ---- */

static void read_walk(const OpCall *c, ElemWalk w, const double *x, double *y)
{
    for (int64_t i = 0, n = type_elems(&c->out[0]); i < n; i++, walk_next(&w))
        y[i] = x[w.off];
}

const char *infer_slice(const OpCall *c, Type *out, int *nout)
{
    const Attrs *a = c->attr;
    *out = c->in[0];
    for (int i = 0; i < a->axes.n; i++) {
        int64_t from = a->start.v[i], to = a->end.v[i], d = a->axes.v[i];
        if (from >= to)
            FAIL(c, "nothing is left of dimension %lld of %s between %lld and %lld", (long long)d,
                 type_text(c->arena, &c->in[0]), (long long)from, (long long)to);
        out->dim[d] = (to - from - 1) / a->step.v[i] + 1;
    }
    *nout = 1;
    return NULL;
}

void ref_slice(const OpCall *c, const double *const *in, double *const *out)
{
    ElemWalk w = walk_over(&c->out[0]);
    row_strides(&c->in[0], w.stride);
    for (int i = 0; i < c->attr->axes.n; i++) {
        int64_t d = c->attr->axes.v[i];
        w.off += c->attr->start.v[i] * w.stride[d];
        /* A step beyond the dimension takes one element and may be huge. */
        w.stride[d] = c->out[0].dim[d] > 1 ? w.stride[d] * c->attr->step.v[i] : 0;
    }
    read_walk(c, w, in[0], out[0]);
}

const char *infer_transpose(const OpCall *c, Type *out, int *nout)
{
    *out = c->in[0];
    for (int d = 0; d < out->rank; d++)
        out->dim[d] = c->in[0].dim[c->attr->perm.v[d]];
    *nout = 1;
    return NULL;
}

void ref_transpose(const OpCall *c, const double *const *in, double *const *out)
{
    ElemWalk w = walk_over(&c->out[0]);
    int64_t stride[MAX_RANK];
    row_strides(&c->in[0], stride);
    for (int d = 0; d < w.rank; d++)
        w.stride[d] = stride[c->attr->perm.v[d]];
    read_walk(c, w, in[0], out[0]);
}

const char *infer_channel_shuffle(const OpCall *c, Type *out, int *nout)
{
    const Type *x = &c->in[0];
    if (x->rank < 2)
        FAIL(c, "input %s has rank %d, [N,C,...] expected", type_text(c->arena, x), x->rank);
    if (x->dim[1] % c->attr->groups)
        FAIL(c, "input's %lld channels do not divide into %lld groups", (long long)x->dim[1],
             (long long)c->attr->groups);
    *out = *x;
    *nout = 1;
    return NULL;
}

/* [N, C/groups, groups, rest] read from [N, groups, C/groups, rest] */
void ref_channel_shuffle(const OpCall *c, const double *const *in, double *const *out)
{
    const Type *x = &c->in[0];
    int64_t inner = elems_between(x, 2, x->rank), groups = c->attr->groups, per = x->dim[1] / groups;
    ElemWalk w = {4, {x->dim[0], per, groups, inner}, {x->dim[1] * inner, inner, per * inner, 1}, {0}, 0};
    read_walk(c, w, in[0], out[0]);
}

/* ---- reshape and flatten ---- */

static void copy(const OpCall *c, const double *x, double *y)
{
    memcpy(y, x, (size_t)type_elems(&c->in[0]) * sizeof *x);
}

const char *infer_reshape(const OpCall *c, Type *out, int *nout)
{
    *out = type_make(c->in[0].dtype, c->attr->shape.n, c->attr->shape.v);
    *nout = 1;
    return NULL;
}

void ref_reshape(const OpCall *c, const double *const *in, double *const *out) { copy(c, in[0], out[0]); }

const char *infer_flatten(const OpCall *c, Type *out, int *nout)
{
    int axis = (int)c->attr->axis;
    *out = type_make(c->in[0].dtype, axis + 1, c->in[0].dim);
    out->dim[axis] = elems_between(&c->in[0], axis, c->in[0].rank);
    *nout = 1;
    return NULL;
}

void ref_flatten(const OpCall *c, const double *const *in, double *const *out) { copy(c, in[0], out[0]); }

/* ---- pad ---- */

/* A mirror shows no more than there is. */
static const char *wide_border(const OpCall *c)
{
    const Type *x = &c->in[0];
    for (int i = 0; i < 2 * x->rank && c->attr->border == 1; i++)
        if (c->attr->pads.v[i] >= x->dim[i % x->rank])
            FAIL(c, "border reflect of %lld elements, %s has %lld in dimension %d",
                 (long long)c->attr->pads.v[i], type_text(c->arena, x), (long long)x->dim[i % x->rank], i % x->rank);
    return NULL;
}

const char *infer_pad(const OpCall *c, Type *out, int *nout)
{
    const char *err = c->attr->border ? wide_border(c) : NULL;
    *out = c->in[0];
    for (int d = 0; d < out->rank; d++)
        out->dim[d] += c->attr->pads.v[d] + c->attr->pads.v[out->rank + d];
    *nout = 1;
    return err;
}

static void ref_border(const OpCall *c, const double *x, double *y)
{
    ElemWalk w = walk_over(&c->out[0]);
    int64_t stride[MAX_RANK];
    row_strides(&c->in[0], stride);
    for (int64_t i = 0, n = type_elems(&c->out[0]); i < n; i++, walk_next(&w)) {
        int64_t from = 0;
        for (int d = 0; d < w.rank; d++)
            from += pad_index(c->attr, &c->in[0], d, w.at[d]) * stride[d];
        y[i] = x[from];
    }
}

void ref_pad(const OpCall *c, const double *const *in, double *const *out)
{
    if (c->attr->border) {
        ref_border(c, in[0], out[0]);
        return;
    }
    for (int64_t i = 0, n = type_elems(&c->out[0]); i < n; i++)
        out[0][i] = c->attr->value;
    ElemWalk w = walk_over(&c->in[0]);
    row_strides(&c->out[0], w.stride);
    for (int d = 0; d < w.rank; d++)
        w.off += c->attr->pads.v[d] * w.stride[d];
    for (int64_t i = 0, n = type_elems(&c->in[0]); i < n; i++, walk_next(&w))
        out[0][w.off] = in[0][i];
}

/* ---- upsample ---- */

enum { NEAREST, BILINEAR };

const char *infer_upsample(const OpCall *c, Type *out, int *nout)
{
    if (c->in[0].rank != 4)
        FAIL(c, "input %s has rank %d, [N,C,H,W] expected", type_text(c->arena, &c->in[0]), c->in[0].rank);
    if (c->attr->align_corners && c->attr->mode == NEAREST)
        FAIL(c, "align_corners has no meaning for mode nearest");
    *out = c->in[0];
    for (int i = 0; i < 2; i++)
        out->dim[2 + i] = mul_sat(out->dim[2 + i], c->attr->scale.v[i]);
    if (out->dim[2] > MAX_ELEMS || out->dim[3] > MAX_ELEMS)
        FAIL(c, "result has more than 2^40 elements");
    *nout = 1;
    return NULL;
}

/* Where result index o lies in the input: between *i0 and *i1, *part of the way. */
static void upsample_source(const Attrs *a, int64_t o, int64_t scale, int64_t size, int64_t *i0, int64_t *i1,
                            double *part)
{
    double at;
    if (a->align_corners)
        at = size * scale > 1 ? (double)o * (double)(size - 1) / (double)(size * scale - 1) : 0;
    else
        at = fmax(((double)o + 0.5) / (double)scale - 0.5, 0);
    *i0 = a->mode == NEAREST ? o / scale : imin((int64_t)at, size - 1);
    *i1 = imin(*i0 + 1, size - 1);
    *part = a->mode == NEAREST ? 0 : at - (double)*i0;
}

void ref_upsample(const OpCall *c, const double *const *in, double *const *out)
{
    const Attrs *a = c->attr;
    int64_t h = c->in[0].dim[2], w = c->in[0].dim[3], planes = elems_between(&c->in[0], 0, 2);
    const double *x = in[0];
    double *y = out[0];
    for (int64_t p = 0; p < planes; p++, x += h * w)
        for (int64_t oy = 0; oy < h * a->scale.v[0]; oy++)
            for (int64_t ox = 0; ox < w * a->scale.v[1]; ox++) {
                int64_t y0, y1, x0, x1;
                double fy, fx;
                upsample_source(a, oy, a->scale.v[0], h, &y0, &y1, &fy);
                upsample_source(a, ox, a->scale.v[1], w, &x0, &x1, &fx);
                *y++ = a->mode == NEAREST ? x[y0 * w + x0]
                                          : (1 - fy) * ((1 - fx) * x[y0 * w + x0] + fx * x[y0 * w + x1]) +
                                                fy * ((1 - fx) * x[y1 * w + x0] + fx * x[y1 * w + x1]);
            }
}

void cost_upsample(const OpCall *c, Cost *cost)
{
    *cost = (Cost){0, c->attr->mode == NEAREST ? 0 : mul_sat(7, type_elems(&c->out[0]))};
}

#define FREE(name)                                                                                                     \
    void cost_##name(const OpCall *c, Cost *cost)                                                                      \
    {                                                                                                                  \
        (void)c;                                                                                                       \
        *cost = (Cost){0, 0};                                                                                          \
    }

FREE(concat)
FREE(split)
FREE(slice)
FREE(channel_shuffle)
FREE(reshape)
FREE(flatten)
FREE(transpose)
FREE(pad)
