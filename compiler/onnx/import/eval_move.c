/* Movement of constants, of any type. */
#include "rows.h"

#include <string.h>

#include "../../../ir/ops/ops.h"

/* Writes a part of y that begins at `from` along axis. */
static void put_part(Tensor *y, const Tensor *x, int axis, int64_t from)
{
    int64_t stride[MAX_RANK];
    row_strides(&y->type, stride);
    ElemWalk w = walk_over(&x->type);
    memcpy(w.stride, stride, sizeof stride);
    w.off = from * stride[axis];
    for (int64_t i = 0, n = type_elems(&x->type); i < n; i++, walk_next(&w))
        tensor_copy(y, w.off, x, i);
}

bool eval_concat(NodeCall *c)
{
    const Tensor *first = call_known(c, 0);
    int64_t axis = call_int(c, "axis", 1), at = 0;
    if (!first || !wrap_axis(c, &axis, first->type.rank))
        return false;
    Type out = first->type;
    out.dim[axis] = 0;
    for (int i = 0; i < c->nin; i++) {
        const Tensor *k = call_known(c, i);
        Type t = k ? k->type : out;
        if (t.rank != out.rank || !add_ok(out.dim[axis], t.dim[axis], &out.dim[axis]))
            return call_refuse(c, NULL, "its operands do not fit together");
        t.dim[axis] = out.dim[axis];
        if (!k || !type_eq(&t, &out))
            return call_refuse(c, NULL, "its operands do not fit together");
    }
    Tensor *y = konst(c, first->stored, out.rank, out.dim);
    for (int i = 0; y && i < c->nin; i++) {
        put_part(y, call_known(c, i), (int)axis, at);
        at += call_known(c, i)->type.dim[axis];
    }
    return call_give_known(c, 0, y);
}

bool eval_slice(NodeCall *c)
{
    const Tensor *x = call_known(c, 0);
    Ints list[4];
    if (!x || !slice_lists(c, list))
        return false;
    int64_t stride[MAX_RANK], dim[MAX_RANK], first = 0;
    row_strides(&x->type, stride);
    memcpy(dim, x->type.dim, sizeof dim);
    for (int i = 0; i < list[0].n; i++) {
        int64_t axis = list[2].v[i], start = list[0].v[i], end = list[1].v[i], step = list[3].v[i];
        if (!slice_range(c, &x->type, &axis, &start, &end, step))
            return false;
        int64_t room = step > 0 ? end - start : start - end;
        int64_t size = step == INT64_MIN ? INT64_MAX : step < 0 ? -step : step;
        dim[axis] = room > 0 ? (room - 1) / size + 1 : 0;
        first += room > 0 ? start * stride[axis] : 0;
        stride[axis] = dim[axis] > 1 ? stride[axis] * step : 0;
    }
    return call_give_known(c, 0, konst_strided(c, x, x->type.rank, dim, first, stride));
}

bool eval_split(NodeCall *c)
{
    const Tensor *x = call_known(c, 0);
    int64_t axis = call_int(c, "axis", 0), stride[MAX_RANK], at = 0;
    Ints sizes;
    bool given;
    if (!x || !wrap_axis(c, &axis, x->type.rank) || !call_list(c, 1, "split", &sizes, &given))
        return false;
    int64_t n = x->type.dim[axis], each = (n + c->n->nout - 1) / c->n->nout;
    row_strides(&x->type, stride);
    for (int i = 0; i < c->n->nout; i++) {
        Type t = x->type;
        t.dim[axis] = given ? (i < sizes.n ? sizes.v[i] : -1) : imin(each, n - at);
        if (t.dim[axis] < 0 || t.dim[axis] > n - at)
            return call_refuse(c, NULL, "its parts do not add up to %lld", (long long)n);
        if (!call_give_known(c, i, konst_strided(c, x, t.rank, t.dim, at * stride[axis], stride)))
            return false;
        at += t.dim[axis];
    }
    return true;
}

bool eval_gather(NodeCall *c)
{
    const Tensor *x = call_known(c, 0), *k = call_known(c, 1);
    int64_t axis = call_int(c, "axis", 0), dim[MAX_RANK];
    int rank = 0;
    if (!x || !k || !wrap_axis(c, &axis, x->type.rank) || x->type.rank - 1 + k->type.rank > MAX_RANK)
        return false;
    for (int d = 0; d < x->type.rank; d++)
        if (d != axis)
            dim[rank++] = x->type.dim[d];
        else
            for (int e = 0; e < k->type.rank; e++)
                dim[rank++] = k->type.dim[e];
    int64_t outer = elems_between(&x->type, 0, (int)axis), inner = elems_between(&x->type, (int)axis + 1, x->type.rank);
    int64_t n = type_elems(&k->type), size = x->type.dim[axis];
    Tensor *y = konst(c, x->stored, rank, dim);
    for (int64_t i = 0; y && i < n; i++) {
        int64_t at = tensor_int(k, i);
        if (!wrap_axis(c, &at, size))
            return false;
        for (int64_t o = 0; o < outer; o++)
            for (int64_t e = 0; e < inner; e++)
                tensor_copy(y, (o * n + i) * inner + e, x, (o * size + at) * inner + e);
    }
    return call_give_known(c, 0, y);
}

bool eval_expand(NodeCall *c)
{
    const Tensor *x = call_known(c, 0);
    Ints s;
    Type out;
    int64_t stride[MAX_RANK];
    if (!x || !call_ints_in(c, 1, &s) || s.n > MAX_RANK)
        return false;
    Type want = type_make(x->stored, s.n, s.v);
    if (!broadcast_dims(&x->type, &want, &out))
        return call_refuse(c, NULL, "%s does not broadcast to its shape", type_text(c->x->arena, &x->type));
    broadcast_strides(&x->type, &out, stride);
    return call_give_known(c, 0, konst_strided(c, x, out.rank, out.dim, 0, stride));
}

bool eval_tile(NodeCall *c)
{
    const Tensor *x = call_known(c, 0);
    Ints r;
    if (!x || !call_ints_in(c, 1, &r) || r.n != x->type.rank)
        return false;
    Type out = x->type;
    for (int d = 0; d < r.n; d++)
        if (r.v[d] < 0 || !mul_ok(out.dim[d], r.v[d], &out.dim[d]))
            return call_refuse(c, NULL, "a repeat is %lld", (long long)r.v[d]);
    Tensor *y = konst(c, x->stored, out.rank, out.dim);
    int64_t stride[MAX_RANK];
    row_strides(&x->type, stride);
    ElemWalk w = walk_over(&out);
    for (int64_t i = 0, n = y ? type_elems(&out) : 0; i < n; i++, walk_next(&w)) {
        int64_t from = 0;
        for (int d = 0; d < out.rank; d++)
            from += w.at[d] % x->type.dim[d] * stride[d];
        tensor_copy(y, i, x, from);
    }
    return call_give_known(c, 0, y);
}

bool eval_constant_of_shape(NodeCall *c)
{
    Ints s;
    WireBytes msg;
    Tensor one = {.stored = DT_F32};
    const char *why = NULL;
    if (!call_ints_in(c, 0, &s) || s.n > MAX_RANK)
        return false;
    bool given = call_attr_bytes(c, "value", 5, &msg);
    if (given && (!model_tensor(c->x->m, msg, &one, &why) || why || type_elems(&one.type) != 1))
        return call_refuse(c, NULL, "its value is not one number");
    for (int d = 0; d < s.n; d++)
        if (s.v[d] < 0)
            return call_refuse(c, NULL, "a size is %lld", (long long)s.v[d]);
    Tensor *y = konst(c, one.stored, s.n, s.v);
    for (int64_t i = 0, n = y && given ? type_elems(&y->type) : 0; i < n; i++)
        tensor_copy(y, i, &one, 0);
    return call_give_known(c, 0, y);
}

bool eval_nonzero(NodeCall *c)
{
    const Tensor *x = call_known(c, 0);
    if (!x || !konst_steps(c, type_elems(&x->type)))
        return false;
    int64_t n = type_elems(&x->type), count = 0, k = 0;
    for (int64_t i = 0; i < n; i++)
        count += tensor_at(x, i) != 0;
    Tensor *y = konst(c, DT_I64, 2, (int64_t[]){x->type.rank, count});
    ElemWalk w = walk_over(&x->type);
    for (int64_t i = 0; y && i < n; i++, walk_next(&w))
        if (tensor_at(x, i) != 0) {
            for (int d = 0; d < x->type.rank; d++)
                tensor_put_int(y, d * count + k, w.at[d]);
            k++;
        }
    return call_give_known(c, 0, y);
}

/* Integers only: what torch makes of the pads of its own layers. Floats are table.c's. */
bool eval_pad(NodeCall *c)
{
    const Tensor *x = call_known(c, 0);
    Ints p;
    bool given;
    double value = 0;
    if (!x || dtype_float(x->stored) || strcmp(call_text(c, "mode", "constant"), "constant") || call_has(c, 3) ||
        !call_list(c, 1, "pads", &p, &given) || p.n != 2 * x->type.rank ||
        (call_has(c, 2) && !call_scalar_in(c, 2, &value)))
        return false;
    Type out = x->type;
    int64_t stride[MAX_RANK], from = 0;
    for (int d = 0; d < out.rank; d++)
        if (p.v[d] < 0 || p.v[out.rank + d] < 0 || !add_ok(out.dim[d], p.v[d], &out.dim[d]) ||
            !add_ok(out.dim[d], p.v[out.rank + d], &out.dim[d]))
            return false;
    Tensor *y = konst(c, x->stored, out.rank, out.dim);
    for (int64_t i = 0, n = y ? type_elems(&out) : 0; i < n; i++)
        tensor_put(y, i, value);
    row_strides(&out, stride);
    ElemWalk w = walk_over(&x->type);
    memcpy(w.stride, stride, sizeof stride);
    for (int d = 0; d < out.rank; d++)
        from += p.v[d] * stride[d];
    w.off = from;
    for (int64_t i = 0, n = y ? type_elems(&x->type) : 0; i < n; i++, walk_next(&w))
        tensor_put_int(y, w.off, tensor_int(x, i));
    return call_give_known(c, 0, y);
}

/* Where the slice that row i of the indices names begins; -1 after refusing. */
static int64_t scatter_at(NodeCall *c, const Type *t, const Tensor *k, int64_t i, int depth)
{
    int64_t stride[MAX_RANK], at = 0;
    row_strides(t, stride);
    for (int d = 0; d < depth; d++) {
        int64_t x = tensor_int(k, i * depth + d);
        if (!wrap_axis(c, &x, t->dim[d]))
            return -1;
        at += x * stride[d];
    }
    return at;
}

bool eval_scatter_nd(NodeCall *c)
{
    const Tensor *x = call_known(c, 0), *k = call_known(c, 1), *u = call_known(c, 2);
    if (!x || !k || !u || !k->type.rank || strcmp(call_text(c, "reduction", "none"), "none"))
        return false;
    int64_t depth = k->type.dim[k->type.rank - 1], n = elems_between(&k->type, 0, k->type.rank - 1);
    if (depth < 1 || depth > x->type.rank)
        return call_refuse(c, NULL, "its indices have no place in %s", type_text(c->x->arena, &x->type));
    int64_t part = elems_between(&x->type, (int)depth, x->type.rank), all = type_elems(&x->type), at;
    if (type_elems(&u->type) != mul_sat(n, part))
        return call_refuse(c, NULL, "its updates do not fit its indices");
    Tensor *y = konst(c, x->stored, x->type.rank, x->type.dim);
    for (int64_t i = 0; y && i < all; i++)
        tensor_copy(y, i, x, i);
    for (int64_t i = 0; y && i < n; i++) {
        if ((at = scatter_at(c, &x->type, k, i, (int)depth)) < 0)
            return false;
        for (int64_t e = 0; e < part; e++)
            tensor_copy(y, at + e, u, i * part + e);
    }
    return call_give_known(c, 0, y);
}
