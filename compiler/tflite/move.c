/* Movement. */
#include "import.h"

#include <string.h>

#include "../../ir/ops/ops.h"

/* ---- shapes ---- */

static bool fit_shape(Call *c, const Type *t, Ints *s)
{
    int64_t n = type_elems(t), known = 1;
    int open = -1;
    for (int d = 0; d < s->n; d++) {
        if (s->v[d] == -1 && open < 0)
            open = d;
        else if (s->v[d] < 0 || !mul_ok(known, s->v[d], &known))
            return tf_refuse(c, NULL, "its shape %s has no meaning", ints_text(c->x->arena, s));
    }
    if (open >= 0)
        s->v[open] = known && n % known == 0 ? n / known : -1;
    return (open >= 0 ? s->v[open] >= 0 : known == n) ||
           tf_refuse(c, NULL, "its input %s does not fit the shape %s", tf_type_text(c, 0), ints_text(c->x->arena, s));
}

/* The shape is an operand, in old models an option alone. */
bool tf_shape_reshape(Call *c, int *rank, int64_t *dim)
{
    Ints s = {0};
    Type t = tf_type(c, 0);
    Vector v = flat_vector(c->op->options, ReshapeOptions_new_shape, 4);
    bool operand = tf_known(c, 1) && tf_known(c, 1)->type.rank == 1;
    if (tf_has(c, 1) && !tf_known(c, 1))
        return tf_refuse(c, "shapes are fixed when the network is compiled", "its shape is computed from the input");
    if (operand && !tf_ints(c, 1, &s))
        return false;
    if (!operand && (!v.p || v.n > MAX_RANK))
        return tf_refuse(c, NULL, "it has no shape, or one of more than %d dimensions", MAX_RANK);
    for (int i = 0; !operand && i < v.n; i++)
        s.v[s.n++] = vector_int(v, i, 4);
    if (s.n > MAX_RANK)
        return tf_refuse(c, NULL, "its result has more than %d dimensions", MAX_RANK);
    if (!fit_shape(c, &t, &s))
        return false;
    *rank = s.n;
    memcpy(dim, s.v, sizeof(int64_t) * (size_t)s.n);
    return true;
}

bool tf_shape_squeeze(Call *c, int *rank, int64_t *dim)
{
    Type t = tf_type(c, 0);
    Vector v = flat_vector(c->op->options, SqueezeOptions_squeeze_dims, 4);
    bool goes[MAX_RANK] = {false};
    for (int64_t i = 0; i < v.n; i++) {
        int64_t axis = vector_int(v, i, 4);
        if (!tf_axis(c, &axis, t.rank))
            return false;
        if (t.dim[axis] != 1)
            return tf_refuse(c, NULL, "dimension %lld of %s is not 1", (long long)axis, tf_type_text(c, 0));
        goes[axis] = true;
    }
    *rank = 0;
    for (int d = 0; d < t.rank; d++)
        if (!(v.n ? goes[d] : t.dim[d] == 1))
            dim[(*rank)++] = t.dim[d];
    return true;
}

bool tf_shape_expand_dims(Call *c, int *rank, int64_t *dim)
{
    Type t = tf_type(c, 0);
    double at;
    if (!tf_scalar(c, 1, &at))
        return false;
    int64_t axis = (int64_t)at;
    if (t.rank == MAX_RANK || !tf_axis(c, &axis, t.rank + 1))
        return tf_refuse(c, NULL, "its result has more than %d dimensions", MAX_RANK);
    *rank = t.rank + 1;
    for (int d = 0; d < *rank; d++)
        dim[d] = d < axis ? t.dim[d] : d == axis ? 1 : t.dim[d - 1];
    return true;
}

static bool reshape(Call *c, ShapeFn *shape)
{
    int rank;
    int64_t dim[MAX_RANK];
    return shape(c, &rank, dim) && tf_give_shaped(c, 0, tf_plain(c, 0), rank, dim);
}

bool tflite_reshape(Call *c)
{
    return reshape(c, tf_shape_reshape);
}

bool tflite_squeeze(Call *c)
{
    return reshape(c, tf_shape_squeeze);
}

bool tflite_expand_dims(Call *c)
{
    return reshape(c, tf_shape_expand_dims);
}

bool tflite_transpose(Call *c)
{
    Ints p;
    int rank = tf_type(c, 0).rank, perm[MAX_RANK];
    unsigned seen = 0;
    if (!tf_axes(c, 1, rank, &p))
        return false;
    for (int d = 0; d < p.n && d < rank; d++) {
        perm[d] = (int)p.v[d];
        seen |= 1u << perm[d];
    }
    if (p.n != rank || seen != (1u << rank) - 1)
        return tf_refuse(c, NULL, "its order %s is none of %s", ints_text(c->x->arena, &p), tf_type_text(c, 0));
    return tf_give(c, 0, tf_transpose(c, tf_plain(c, 0), rank, perm), false);
}

/* ---- joining ---- */

bool tflite_concat(Call *c)
{
    Attrs a = tf_defaults(OP_concat);
    bool map = tf_prefers_map(c);
    a.axis = flat_int(c->op->options, ConcatenationOptions_axis, 4, 0);
    if (c->op->nin < 1 || !tf_axis(c, &a.axis, tf_type(c, 0).rank))
        return tf_refuse(c, NULL, "it has no operand");
    a.axis = tf_map_axis(a.axis, map);
    ValueId *in = NEW(c->x->arena, ValueId, c->op->nin + 1);
    for (int i = 0; i < c->op->nin; i++)
        in[i] = tf_in(c, i, map);
    ValueId v = c->op->nin == 1 ? in[0] : tf_add_list(c, OP_concat, &a, in, c->op->nin);
    return tf_finish(c, v, map, ConcatenationOptions_fused_activation_function);
}

bool tflite_pack(Call *c)
{
    Attrs a = tf_defaults(OP_concat);
    Type t = tf_type(c, 0);
    int64_t dim[MAX_RANK];
    a.axis = flat_int(c->op->options, PackOptions_axis, 4, 0);
    if (c->op->nin < 1 || t.rank >= MAX_RANK || !tf_axis(c, &a.axis, t.rank + 1))
        return tf_refuse(c, NULL, "its operands are none that it can join");
    for (int d = 0; d <= t.rank; d++)
        dim[d] = d < a.axis ? t.dim[d] : d == a.axis ? 1 : t.dim[d - 1];
    ValueId *in = NEW(c->x->arena, ValueId, c->op->nin + 1);
    for (int i = 0; i < c->op->nin; i++)
        in[i] = tf_reshape(c, tf_plain(c, i), t.rank + 1, dim);
    return tf_give(c, 0, c->op->nin == 1 ? in[0] : tf_add_list(c, OP_concat, &a, in, c->op->nin), false);
}

/* ---- parts ---- */

static ValueId part(Call *c, ValueId x, int64_t axis, int64_t start, int64_t end, int64_t step)
{
    Attrs a = tf_defaults(OP_slice);
    a.axes = (Ints){1, {axis}};
    a.start = (Ints){1, {start}};
    a.end = (Ints){1, {end}};
    a.step = (Ints){1, {step}};
    return tf_add(c, OP_slice, &a, 1, x);
}

/* Operand i in parts of those sizes along an axis: the results. */
static bool split(Call *c, int i, int64_t axis, const Ints *sizes)
{
    Attrs a = tf_defaults(OP_split);
    bool map = tf_prefers_map(c);
    const char *err = NULL;
    ValueId x = tf_in(c, i, map);
    a.axis = tf_map_axis(axis, map);
    a.sizes = *sizes;
    if (x < 0 || sizes->n == 1)
        return tf_give(c, 0, x, map);
    int node = graph_add(c->x->g, OP_split, &a, &x, 1, c->name, c->loc, &err);
    if (node < 0)
        return tf_refuse(c, NULL, "%s", err);
    for (int k = 0; k < sizes->n; k++)
        tf_give(c, k, c->x->g->node.v[node].out[k].value, map);
    return true;
}

static bool parts_fit(Call *c)
{
    Ints few;
    return c->op->nout <= LEN(few.v) || tf_refuse(c, NULL, "it has %d results, at most %d are compiled", c->op->nout, LEN(few.v));
}

/* Operands: the axis, the input. */
bool tflite_split(Call *c)
{
    Ints axis, sizes = {0};
    Type t = tf_type(c, 1);
    if (!parts_fit(c) || !tf_axes(c, 0, t.rank, &axis) || axis.n != 1)
        return tf_refuse(c, NULL, "its axis is no number");
    int64_t n = t.dim[axis.v[0]];
    if (n % c->op->nout)
        return tf_refuse(c, NULL, "%lld do not divide into %d parts", (long long)n, c->op->nout);
    for (int i = 0; i < c->op->nout; i++)
        sizes.v[sizes.n++] = n / c->op->nout;
    return split(c, 1, axis.v[0], &sizes);
}

/* Operands: the input, the sizes, of which one may be -1, the axis. */
bool tflite_split_v(Call *c)
{
    Ints axis, sizes;
    Type t = tf_type(c, 0);
    if (!parts_fit(c) || !tf_axes(c, 2, t.rank, &axis) || !tf_ints(c, 1, &sizes) || axis.n != 1)
        return tf_refuse(c, NULL, "its axis is no number");
    int64_t sum = 0, open = -1;
    for (int i = 0; i < sizes.n; i++) {
        if (sizes.v[i] < 0)
            open = i;
        else
            sum += imin(sizes.v[i], MAX_ELEMS);
    }
    if (open >= 0)
        sizes.v[open] = t.dim[axis.v[0]] - sum;
    if (sizes.n != c->op->nout)
        return tf_refuse(c, NULL, "it has %d sizes and %d results", sizes.n, c->op->nout);
    return split(c, 0, axis.v[0], &sizes);
}

/* Ranges of every dimension; steps in any direction, one by one where they go back. */
static bool slice(Call *c, const Ints *start, const Ints *end, const Ints *step, bool map, ValueId *x)
{
    Type t = tf_type(c, 0);
    *x = tf_in(c, 0, map);
    for (int d = 0; d < t.rank && *x >= 0; d++) {
        int64_t s = start->v[d], e = end->v[d], by = step->v[d];
        if (s == 0 && e == t.dim[d] && by == 1)
            continue;
        if (by > 0) {
            *x = part(c, *x, tf_map_axis(d, map), s, e, by);
            continue;
        }
        enum { MOST = 256 };
        int64_t n = (s - e - by - 1) / -by;
        if (n > MOST)
            return tf_refuse(c, NULL, "it takes %lld elements backwards", (long long)n);
        ValueId one[MOST];
        for (int i = 0; i < n; i++)
            one[i] = part(c, *x, tf_map_axis(d, map), s + i * by, s + i * by + 1, 1);
        Attrs a = tf_defaults(OP_concat);
        a.axis = tf_map_axis(d, map);
        *x = n == 1 ? one[0] : tf_add_list(c, OP_concat, &a, one, (int)n);
    }
    return *x >= 0;
}

bool tflite_slice(Call *c)
{
    Ints start, end, step = {0};
    Type t = tf_type(c, 0);
    ValueId x;
    bool map = tf_prefers_map(c);
    if (!tf_ints(c, 1, &start) || !tf_ints(c, 2, &end))
        return false;
    if (start.n != t.rank || end.n != t.rank)
        return tf_refuse(c, NULL, "its ranges are not as many as its input, %s, has dimensions", tf_type_text(c, 0));
    for (int d = 0; d < t.rank; d++) {
        step.v[d] = 1;
        end.v[d] = end.v[d] == -1 ? t.dim[d] : start.v[d] + imin(end.v[d], MAX_ELEMS);
        if (start.v[d] < 0 || end.v[d] > t.dim[d] || start.v[d] >= end.v[d])
            return tf_refuse(c, NULL, "its range of dimension %d lies outside %s, or is empty", d, tf_type_text(c, 0));
    }
    return slice(c, &start, &end, &step, map, &x) && tf_give(c, 0, x, map);
}

static bool bit(int64_t mask, int d)
{
    return mask >> d & 1;
}

bool tf_strided(Call *c, const Type *t, Strided *s)
{
    Table o = c->op->options;
    int64_t begins = flat_int(o, StridedSliceOptions_begin_mask, 4, 0), ends = flat_int(o, StridedSliceOptions_end_mask, 4, 0);
    int64_t shrinks = flat_int(o, StridedSliceOptions_shrink_axis_mask, 4, 0);
    if (!tf_ints(c, 1, &s->start) || !tf_ints(c, 2, &s->end) || !tf_ints(c, 3, &s->step))
        return false;
    if (flat_int(o, StridedSliceOptions_ellipsis_mask, 4, 0) || flat_int(o, StridedSliceOptions_new_axis_mask, 4, 0) ||
        flat_unsigned(o, StridedSliceOptions_offset, 1, 0))
        return tf_refuse(c, NULL, "it inserts or leaves out dimensions");
    int n = s->start.n;
    if (n > t->rank || s->end.n != n || s->step.n != n)
        return tf_refuse(c, NULL, "its ranges do not fit its input %s", type_text(c->x->arena, t));
    s->rank = 0;
    for (int d = 0; d < t->rank; d++) {
        int64_t size = t->dim[d], *b = &s->start.v[d], *e = &s->end.v[d], *by = &s->step.v[d];
        if (d >= n)
            *b = 0, *e = size, *by = 1;
        if (!*by || *by < -MAX_ELEMS || *by > MAX_ELEMS)
            return tf_refuse(c, NULL, "a step is %lld", (long long)*by);
        bool up = *by > 0;
        int64_t low = up ? 0 : -1, high = up ? size : size - 1, left;
        *b = bit(begins, d) && d < n ? (up ? 0 : size - 1) : imin(imax(*b < 0 ? *b + size : *b, low), high);
        *e = bit(ends, d) && d < n ? (up ? size : -1) : imin(imax(*e < 0 ? *e + size : *e, low), high);
        if (bit(shrinks, d) && d < n)
            *e = *b + 1, *by = 1;
        left = *by > 0 ? (*e - *b + *by - 1) / *by : (*b - *e - *by - 1) / -*by;
        if (left < 1 || *b < 0 || *b >= size)
            return tf_refuse(c, NULL, "nothing is left of dimension %d of %s", d, type_text(c->x->arena, t));
        if (!(bit(shrinks, d) && d < n))
            s->dim[s->rank++] = left;
    }
    return true;
}

bool tflite_strided_slice(Call *c)
{
    Strided s;
    Type t = tf_type(c, 0);
    ValueId x;
    bool map = tf_prefers_map(c);
    if (!tf_strided(c, &t, &s))
        return false;
    map = map && s.rank == t.rank;
    if (!slice(c, &s.start, &s.end, &s.step, map, &x))
        return false;
    return map ? tf_give(c, 0, x, true) : tf_give_shaped(c, 0, x, s.rank, s.dim);
}

bool tflite_unpack(Call *c)
{
    Type t = tf_type(c, 0);
    int64_t axis = flat_int(c->op->options, UnpackOptions_axis, 4, 0), dim[MAX_RANK];
    int rank = 0;
    if (!tf_axis(c, &axis, t.rank))
        return false;
    if (t.dim[axis] != c->op->nout)
        return tf_refuse(c, NULL, "its input %s has not %d parts", tf_type_text(c, 0), c->op->nout);
    for (int d = 0; d < t.rank; d++)
        if (d != axis)
            dim[rank++] = t.dim[d];
    ValueId x = tf_plain(c, 0);
    for (int i = 0; i < c->op->nout && x >= 0; i++)
        if (!tf_give_shaped(c, i, part(c, x, axis, i, i + 1, 1), rank, dim))
            return false;
    return x >= 0;
}

bool tflite_gather(Call *c)
{
    enum { MOST = 256 };
    const Tensor *k = tf_known(c, 1);
    Type t = tf_type(c, 0);
    int64_t axis = flat_int(c->op->options, GatherOptions_axis, 4, 0), dim[MAX_RANK], n = k ? type_elems(&k->type) : 0;
    bool map = tf_prefers_map(c) && k && k->type.rank == 1;
    if (!k)
        return tf_refuse(c, NULL, "its indices are computed from the input");
    if (!tf_axis(c, &axis, t.rank))
        return false;
    if (flat_int(c->op->options, GatherOptions_batch_dims, 4, 0) || n < 1 || n > MOST || t.rank - 1 + k->type.rank > MAX_RANK)
        return tf_refuse(c, NULL, "it takes %lld parts of %s, at most %d are compiled", (long long)n, tf_type_text(c, 0), MOST);
    ValueId x = tf_in(c, 0, map), one[MOST];
    for (int i = 0; i < n; i++) {
        int64_t at = (int64_t)tensor_at(k, i);
        if (!tf_axis(c, &at, t.dim[axis]))
            return false;
        one[i] = part(c, x, tf_map_axis(axis, map), at, at + 1, 1);
    }
    Attrs a = tf_defaults(OP_concat);
    a.axis = tf_map_axis(axis, map);
    x = n == 1 ? one[0] : tf_add_list(c, OP_concat, &a, one, (int)n);
    int rank = 0;
    for (int d = 0; d < t.rank; d++)
        if (d != axis)
            dim[rank++] = t.dim[d];
        else
            for (int e = 0; e < k->type.rank; e++)
                dim[rank++] = k->type.dim[e];
    return map ? tf_give(c, 0, x, true) : tf_give_shaped(c, 0, x, rank, dim);
}

/* ---- padding ---- */

/* The numbers of elements around, as the graph has them: all in front, then all behind. */
static bool read_pads(Call *c, bool map, Ints *pads)
{
    Ints p;
    int rank = tf_type(c, 0).rank;
    if (!tf_ints(c, 1, &p))
        return false;
    if (p.n != 2 * rank)
        return tf_refuse(c, NULL, "it has %d numbers of elements around its input %s", p.n, tf_type_text(c, 0));
    *pads = (Ints){p.n, {0}};
    for (int i = 0; i < p.n; i++) {
        if (p.v[i] < 0)
            return tf_refuse(c, NULL, "it adds %lld elements", (long long)p.v[i]);
        pads->v[tf_map_axis(i / 2, map) + (i % 2 ? rank : 0)] = p.v[i];
    }
    return true;
}

bool tflite_pad(Call *c)
{
    Attrs a = tf_defaults(OP_pad);
    bool map = tf_type(c, 0).rank == 4;
    if (!read_pads(c, map, &a.pads) || (tf_has(c, 2) && !tf_scalar(c, 2, &a.value)))
        return false;
    return tf_give(c, 0, tf_add(c, OP_pad, &a, 1, tf_in(c, 0, map)), map);
}

/* Rows and columns mirrored, one by one: with those at the border (symmetric) or without (reflect). */
static ValueId mirrored(Call *c, ValueId x, int axis, int64_t before, int64_t after, bool symmetric)
{
    enum { MOST = 128 };
    int64_t n = tf_value_type(c, x).dim[axis], skip = !symmetric;
    ValueId in[2 * MOST + 1];
    int parts = 0;
    if (before > n - skip || after > n - skip || before > MOST || after > MOST)
        return tf_refuse(c, NULL, "it mirrors more elements than there are, or than %d", MOST), -1;
    for (int64_t i = before; i-- > 0;)
        in[parts++] = part(c, x, axis, i + skip, i + skip + 1, 1);
    in[parts++] = x;
    for (int64_t i = 0; i < after; i++)
        in[parts++] = part(c, x, axis, n - 1 - skip - i, n - skip - i, 1);
    Attrs a = tf_defaults(OP_concat);
    a.axis = axis;
    return tf_add_list(c, OP_concat, &a, in, parts);
}

bool tflite_mirror_pad(Call *c)
{
    Ints pads;
    bool map = tf_prefers_map(c), symmetric = flat_int(c->op->options, MirrorPadOptions_mode, 1, 0) == 1;
    if (!read_pads(c, map, &pads))
        return false;
    ValueId x = tf_in(c, 0, map);
    for (int d = 0, rank = tf_type(c, 0).rank; d < rank && x >= 0; d++)
        if (pads.v[d] || pads.v[rank + d])
            x = mirrored(c, x, d, pads.v[d], pads.v[rank + d], symmetric);
    return tf_give(c, 0, x, map);
}

/* ---- depth and space ---- */

static bool read_block(Call *c, int64_t *b, bool to_space)
{
    Type t = tf_type(c, 0);
    *b = flat_int(c->op->options, BlockOptions_block_size, 4, 0);
    if (t.rank != 4 || *b < 1 || *b > 1 << 15 || (to_space ? t.dim[3] % (*b * *b) : t.dim[1] % *b || t.dim[2] % *b))
        return tf_refuse(c, NULL, "its input %s does not divide into blocks of %lld", tf_type_text(c, 0), (long long)*b);
    return true;
}

bool tflite_depth_to_space(Call *c)
{
    Type t = tf_type(c, 0);
    int64_t b;
    if (!read_block(c, &b, true))
        return false;
    int64_t rest = t.dim[3] / (b * b), h = t.dim[1], w = t.dim[2], dim[6] = {t.dim[0], b, b, rest, h, w};
    ValueId v = tf_transpose(c, tf_reshape(c, tf_map(c, 0), 6, dim), 6, (int[]){0, 3, 4, 1, 5, 2});
    return tf_give(c, 0, tf_reshape(c, v, 4, (int64_t[]){t.dim[0], rest, h * b, w * b}), true);
}

bool tflite_space_to_depth(Call *c)
{
    Type t = tf_type(c, 0);
    int64_t b;
    if (!read_block(c, &b, false))
        return false;
    int64_t h = t.dim[1] / b, w = t.dim[2] / b, dim[6] = {t.dim[0], t.dim[3], h, b, w, b};
    ValueId v = tf_transpose(c, tf_reshape(c, tf_map(c, 0), 6, dim), 6, (int[]){0, 3, 5, 1, 2, 4});
    return tf_give(c, 0, tf_reshape(c, v, 4, (int64_t[]){t.dim[0], t.dim[3] * b * b, h, w}), true);
}
