/* Parts of tensors, of which a row of parts may make a new one. */
#include "import.h"

/* Operand i in parts of those sizes along an axis: the results. */
static bool tf_split(TflCall *c, int i, int64_t axis, const Ints *sizes)
{
    Attrs a = tf_defaults(OP_split);
    bool map = tf_prefers_map(c);
    ValueId x = tf_in(c, i, map);
    a.axis = tf_map_axis(axis, map);
    a.sizes = *sizes;
    if (x < 0 || sizes->n == 1)
        return tf_give(c, 0, x, map);
    int node = maker_add_node(&c->make, OP_split, &a, &x, 1);
    if (node < 0)
        return false;
    for (int k = 0; k < sizes->n; k++)
        tf_give(c, k, c->x->g->node.v[node].out[k].value, map);
    return true;
}

static bool parts_fit(TflCall *c)
{
    Ints few;
    return c->op->nout <= LEN(few.v) ||
           tf_refuse(c, NULL, "it has %d results, at most %d are compiled", c->op->nout, LEN(few.v));
}

/* Operands: the axis, the input. */
bool tflite_split(TflCall *c)
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
    return tf_split(c, 1, axis.v[0], &sizes);
}

/* Operands: the input, the sizes, of which one may be -1, the axis. */
bool tflite_split_v(TflCall *c)
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
    return tf_split(c, 0, axis.v[0], &sizes);
}

/* Ranges of every dimension; steps in any direction, one by one where they go back. */
static bool slice(TflCall *c, const Ints *start, const Ints *end, const Ints *step, bool map, ValueId *x)
{
    Type t = tf_type(c, 0);
    *x = tf_in(c, 0, map);
    for (int d = 0; d < t.rank && *x >= 0; d++) {
        int64_t s = start->v[d], e = end->v[d], by = step->v[d];
        if (s == 0 && e == t.dim[d] && by == 1)
            continue;
        if (by > 0) {
            *x = maker_slice(&c->make, *x, tf_map_axis(d, map), s, e, by);
            continue;
        }
        enum { MOST = 256 };
        int64_t n = (s - e - by - 1) / -by;
        if (n > MOST)
            return tf_refuse(c, NULL, "it takes %lld elements backwards", (long long)n);
        ValueId one[MOST];
        for (int i = 0; i < n; i++)
            one[i] = maker_slice(&c->make, *x, tf_map_axis(d, map), s + i * by, s + i * by + 1, 1);
        Attrs a = tf_defaults(OP_concat);
        a.axis = tf_map_axis(d, map);
        *x = n == 1 ? one[0] : tf_add_list(c, OP_concat, &a, one, (int)n);
    }
    return *x >= 0;
}

bool tflite_slice(TflCall *c)
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

bool tf_strided(TflCall *c, const Type *t, Strided *s)
{
    FlatTable o = c->op->options;
    int64_t begins = flat_int(o, StridedSliceOptions_begin_mask, 4, 0);
    int64_t ends = flat_int(o, StridedSliceOptions_end_mask, 4, 0);
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

bool tflite_strided_slice(TflCall *c)
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

bool tflite_unpack(TflCall *c)
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
        if (!tf_give_shaped(c, i, maker_slice(&c->make, x, axis, i, i + 1, 1), rank, dim))
            return false;
    return x >= 0;
}

bool tflite_gather(TflCall *c)
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
    if (flat_int(c->op->options, GatherOptions_batch_dims, 4, 0))
        return tf_refuse(c, NULL, "it takes other parts for each batch");
    if (n < 1 || n > MOST || t.rank - 1 + k->type.rank > MAX_RANK)
        return tf_refuse(c, NULL, "it takes %lld parts of %s, at most %d are compiled", (long long)n,
                         tf_type_text(c, 0), MOST);
    ValueId x = tf_in(c, 0, map), one[MOST];
    for (int i = 0; i < n; i++) {
        int64_t at = tensor_int(k, i);
        if (!tf_axis(c, &at, t.dim[axis]))
            return false;
        one[i] = maker_slice(&c->make, x, tf_map_axis(axis, map), at, at + 1, 1);
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
