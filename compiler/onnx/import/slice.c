/* Slices, and elements by index. */
#include "rows.h"

#include "../../../ir/ops/ops.h"

/* Indices in a constant of their own. */
static ValueId gather_elements(NodeCall *c, ValueId x, int64_t axis, const int64_t *at, int64_t n)
{
    Attrs a = call_defaults(OP_gather);
    a.axis = axis;
    Tensor *k = konst(c, DT_F32, 1, &n);
    for (int64_t i = 0; k && i < n; i++)
        tensor_put(k, i, (double)at[i]);
    if (!k)
        return -1;
    k->name = arena_printf(c->x->arena, "%s.indices", c->make.name);
    return call_add(c, OP_gather, &a, 2, x, call_param(c, k, 1, &n));
}

/* Elements in any order along an axis: a part with a step where that says it; a few parts, which need not be moved;
   else a gather. */
static ValueId pick_any(NodeCall *c, ValueId x, int64_t axis, const int64_t *at, int64_t n)
{
    enum { PARTS = 16, MOST = 1 << 24 }; /* indices are floats */
    int64_t step = n > 1 ? at[1] - at[0] : 1;
    bool even = step > 0;
    for (int64_t i = 1; i < n; i++)
        even = even && at[i] - at[i - 1] == step;
    if (even && n)
        return maker_slice(&c->make, x, axis, at[0], at[n - 1] + 1, step);
    if (!n || (x >= 0 && call_value_type(c, x).dim[axis] > MOST))
        return call_refuse(c, NULL, "it takes %lld elements in an order of their own", (long long)n), -1;
    ValueId one[PARTS];
    int64_t parts = 1;
    for (int64_t i = 1; i < n; i++) /* runs that go up by one stay together */
        parts += at[i] != at[i - 1] + 1;
    if (parts > PARTS)
        return gather_elements(c, x, axis, at, n);
    parts = 0;
    for (int64_t i = 0, k; i < n; i = k) {
        for (k = i + 1; k < n && at[k] == at[k - 1] + 1; k++)
            continue;
        one[parts++] = maker_slice(&c->make, x, axis, at[i], at[k - 1] + 1, 1);
    }
    Attrs a = call_defaults(OP_concat);
    a.axis = axis;
    return call_add_list(c, OP_concat, &a, one, (int)parts);
}

/* starts, ends, axes and steps: attributes before opset 10, then operands. */
bool slice_lists(NodeCall *c, Ints list[4])
{
    static const char *const name[] = {"starts", "ends", "axes", "steps"};
    bool given[4];
    for (int i = 0; i < 4; i++)
        if (!call_list(c, i + 1, name[i], &list[i], &given[i]))
            return false;
    int n = list[0].n;
    for (int i = 0; i < n && !given[2]; i++)
        list[2].v[list[2].n++] = i;
    for (int i = 0; i < n && !given[3]; i++)
        list[3].v[list[3].n++] = 1;
    return (list[1].n == n && list[2].n == n && list[3].n == n) ||
           call_refuse(c, NULL, "its starts, ends, axes and steps are not as many");
}

bool slice_range(NodeCall *c, const Type *t, int64_t *axis, int64_t *start, int64_t *end, int64_t step)
{
    if (!wrap_axis(c, axis, t->rank))
        return false;
    int64_t n = t->dim[*axis], low = step > 0 ? 0 : -1, high = step > 0 ? n : n - 1;
    if (!step)
        return call_refuse(c, NULL, "a step is 0");
    *start = *start < 0 ? imax(*start, -n) + n : imin(*start, n);
    *end = *end < -n ? (step > 0 ? 0 : -1) : *end < 0 ? *end + n : imin(*end, n);
    *start = imin(imax(*start, 0), high);
    *end = imin(imax(*end, low), n);
    return true;
}

bool import_slice(NodeCall *c)
{
    Ints list[4];
    ValueId x = call_in(c, 0);
    if (x < 0 || !slice_lists(c, list))
        return false;
    for (int i = 0; i < list[0].n; i++) {
        Type t = call_value_type(c, x);
        int64_t axis = list[2].v[i], start = list[0].v[i], end = list[1].v[i], step = list[3].v[i];
        if (!slice_range(c, &t, &axis, &start, &end, step))
            return false;
        if (step > 0 ? start >= end : start <= end)
            return call_refuse(c, NULL, "nothing is left of %s", type_text(c->x->arena, &t));
        if (step > 0) {
            x = maker_slice(&c->make, x, axis, start, end, imin(step, MAX_ELEMS));
        } else {
            step = imax(step, -MAX_ELEMS);
            int64_t n = (start - end - step - 1) / -step, *at = konst_room(c, n);
            for (int64_t k = 0; at && k < n; k++)
                at[k] = start + k * step;
            x = at ? pick_any(c, x, axis, at, n) : -1;
        }
        if (x < 0)
            return false;
    }
    return call_give(c, 0, x);
}

bool import_gather(NodeCall *c)
{
    Type t = call_type(c, 0);
    const Tensor *k = call_known(c, 1);
    int64_t axis = call_int(c, "axis", 0);
    if (!k)
        return call_refuse(c, NULL, "its indices are computed from the input");
    if (!wrap_axis(c, &axis, t.rank))
        return false;
    int64_t n = type_elems(&k->type), *at = konst_room(c, n), dim[MAX_RANK];
    if (!at)
        return false;
    for (int64_t i = 0; i < n; i++) {
        at[i] = tensor_int(k, i);
        if (!wrap_axis(c, &at[i], t.dim[axis]))
            return false;
    }
    int rank = 0;
    if (t.rank - 1 + k->type.rank > MAX_RANK)
        return call_refuse(c, NULL, "its result has more than %d dimensions", MAX_RANK);
    for (int d = 0; d < t.rank; d++)
        if (d != axis)
            dim[rank++] = t.dim[d];
        else
            for (int e = 0; e < k->type.rank; e++)
                dim[rank++] = k->type.dim[e];
    ValueId v = pick_any(c, call_in(c, 0), axis, at, n);
    return v >= 0 && call_give(c, 0, call_reshape(c, v, rank, dim));
}
