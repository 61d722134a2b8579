/* Movement. */
#include "import.h"

#include <string.h>

#include "../../ir/ops/ops.h"

/* ---- shapes ---- */

static bool fit_shape(TflCall *c, const Type *t, Ints *s)
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
bool tf_shape_reshape(TflCall *c, int *rank, int64_t *dim)
{
    Ints s = {0};
    Type t = tf_type(c, 0);
    FlatVector v = flat_vector(c->op->options, ReshapeOptions_new_shape, 4);
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

bool tf_shape_squeeze(TflCall *c, int *rank, int64_t *dim)
{
    Type t = tf_type(c, 0);
    FlatVector v = flat_vector(c->op->options, SqueezeOptions_squeeze_dims, 4);
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

bool tf_shape_expand_dims(TflCall *c, int *rank, int64_t *dim)
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

static bool reshape(TflCall *c, ShapeFn *shape)
{
    int rank;
    int64_t dim[MAX_RANK];
    return shape(c, &rank, dim) && tf_give_shaped(c, 0, tf_plain(c, 0), rank, dim);
}

bool tflite_reshape(TflCall *c)
{
    return reshape(c, tf_shape_reshape);
}

bool tflite_squeeze(TflCall *c)
{
    return reshape(c, tf_shape_squeeze);
}

bool tflite_expand_dims(TflCall *c)
{
    return reshape(c, tf_shape_expand_dims);
}

bool tflite_transpose(TflCall *c)
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

bool tflite_concat(TflCall *c)
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

bool tflite_pack(TflCall *c)
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

/* ---- padding ---- */

/* The numbers of elements around, as the graph has them: all in front, then all behind. */
static bool read_pads(TflCall *c, bool map, Ints *pads)
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

bool tflite_pad(TflCall *c)
{
    Attrs a = tf_defaults(OP_pad);
    bool map = tf_type(c, 0).rank == 4;
    if (!read_pads(c, map, &a.pads) || (tf_has(c, 2) && !tf_scalar(c, 2, &a.value)))
        return false;
    return tf_give(c, 0, tf_add(c, OP_pad, &a, 1, tf_in(c, 0, map)), map);
}

/* Rows and columns mirrored, one by one: with those at the border (symmetric) or without (reflect). */
static ValueId mirrored(TflCall *c, ValueId x, int axis, int64_t before, int64_t after, bool symmetric)
{
    enum { MOST = 128 };
    int64_t n = tf_value_type(c, x).dim[axis], skip = !symmetric;
    ValueId in[2 * MOST + 1];
    int parts = 0;
    if (before > n - skip || after > n - skip || before > MOST || after > MOST)
        return tf_refuse(c, NULL, "it mirrors more elements than there are, or than %d", MOST), -1;
    for (int64_t i = before; i-- > 0;)
        in[parts++] = maker_slice(&c->make, x, axis, i + skip, i + skip + 1, 1);
    in[parts++] = x;
    for (int64_t i = 0; i < after; i++)
        in[parts++] = maker_slice(&c->make, x, axis, n - 1 - skip - i, n - skip - i, 1);
    Attrs a = tf_defaults(OP_concat);
    a.axis = axis;
    return tf_add_list(c, OP_concat, &a, in, parts);
}

bool tflite_mirror_pad(TflCall *c)
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

static bool read_block(TflCall *c, int64_t *b, bool to_space)
{
    Type t = tf_type(c, 0);
    *b = flat_int(c->op->options, BlockOptions_block_size, 4, 0);
    if (t.rank != 4 || *b < 1 || *b > 1 << 15 || (to_space ? t.dim[3] % (*b * *b) : t.dim[1] % *b || t.dim[2] % *b))
        return tf_refuse(c, NULL, "its input %s does not divide into blocks of %lld", tf_type_text(c, 0),
                         (long long)*b);
    return true;
}

bool tflite_depth_to_space(TflCall *c)
{
    Type t = tf_type(c, 0);
    int64_t b;
    if (!read_block(c, &b, true))
        return false;
    int64_t rest = t.dim[3] / (b * b), h = t.dim[1], w = t.dim[2], dim[6] = {t.dim[0], b, b, rest, h, w};
    ValueId v = tf_transpose(c, tf_reshape(c, tf_map(c, 0), 6, dim), 6, (int[]){0, 3, 4, 1, 5, 2});
    return tf_give(c, 0, tf_reshape(c, v, 4, (int64_t[]){t.dim[0], rest, h * b, w * b}), true);
}

bool tflite_space_to_depth(TflCall *c)
{
    Type t = tf_type(c, 0);
    int64_t b;
    if (!read_block(c, &b, false))
        return false;
    int64_t h = t.dim[1] / b, w = t.dim[2] / b, dim[6] = {t.dim[0], t.dim[3], h, b, w, b};
    ValueId v = tf_transpose(c, tf_reshape(c, tf_map(c, 0), 6, dim), 6, (int[]){0, 3, 5, 1, 2, 4});
    return tf_give(c, 0, tf_reshape(c, v, 4, (int64_t[]){t.dim[0], t.dim[3] * b * b, h, w}), true);
}
