/* Movement. */
#include "rows.h"

#include <math.h>
#include <string.h>

#include "../../../ir/ops/ops.h"

bool wrap_axis(NodeCall *c, int64_t *axis, int64_t rank)
{
    if (*axis < -rank || *axis >= rank)
        return call_refuse(c, NULL, "axis or index %lld is not one of %lld", (long long)*axis, (long long)rank);
    *axis += *axis < 0 ? rank : 0;
    return true;
}

static bool give_shape(NodeCall *c, int rank, const int64_t *dim)
{
    const Tensor *k = call_known(c, 0);
    return k ? call_give_known(c, 0, konst_view(c, k, rank, dim))
             : call_give(c, 0, recognize_view(c, call_reshape(c, call_in(c, 0), rank, dim)));
}

/* ---- shapes: constants keep their type ---- */

bool import_reshape(NodeCall *c)
{
    Ints s;
    Type t = call_type(c, 0);
    int64_t n = type_elems(&t), known = 1;
    int open = -1;
    bool zero = call_int(c, "allowzero", 0), given;
    if (!call_list(c, 1, "shape", &s, &given))
        return false;
    if (!given || s.n > MAX_RANK)
        return call_refuse(c, NULL, given ? "its result has more than 8 dimensions" : "it has no shape");
    for (int d = 0; d < s.n; d++) {
        if (!s.v[d] && !zero && d < t.rank)
            s.v[d] = t.dim[d];
        if (s.v[d] < 0 && open < 0)
            open = d;
        else if (s.v[d] < 0 || !mul_ok(known, s.v[d], &known))
            return call_refuse(c, NULL, "its shape has no meaning");
    }
    if (open >= 0)
        s.v[open] = known && n % known == 0 ? n / known : -1;
    if (open >= 0 ? s.v[open] < 0 : known != n)
        return call_refuse(c, NULL, "its input %s does not fit the shape %s", type_text(c->x->arena, &t),
                           ints_text(c->x->arena, &s));
    return give_shape(c, s.n, s.v);
}

bool import_flatten(NodeCall *c)
{
    Type t = call_type(c, 0);
    int64_t axis = call_int(c, "axis", 1), before = 1;
    if (axis != t.rank && !wrap_axis(c, &axis, t.rank))
        return false;
    for (int d = 0; d < axis; d++)
        before *= t.dim[d];
    return give_shape(c, 2, (int64_t[]){before, elems_between(&t, (int)axis, t.rank)});
}

bool import_squeeze(NodeCall *c)
{
    Type t = call_type(c, 0);
    Ints axes;
    bool given;
    if (!call_list(c, 1, "axes", &axes, &given))
        return false;
    int64_t dim[MAX_RANK];
    int rank = 0;
    for (int i = 0; i < axes.n; i++)
        if (!wrap_axis(c, &axes.v[i], t.rank))
            return false;
    for (int d = 0; d < t.rank; d++) {
        bool goes = given ? ints_have(&axes, d) : t.dim[d] == 1;
        if (goes && t.dim[d] != 1)
            return call_refuse(c, NULL, "dimension %d of %s is not 1", d, type_text(c->x->arena, &t));
        if (!goes)
            dim[rank++] = t.dim[d];
    }
    return give_shape(c, rank, dim);
}

bool import_unsqueeze(NodeCall *c)
{
    Type t = call_type(c, 0);
    Ints axes;
    bool given;
    if (!call_list(c, 1, "axes", &axes, &given))
        return false;
    int rank = t.rank + axes.n, from = 0;
    if (rank > MAX_RANK)
        return call_refuse(c, NULL, "its result has more than %d dimensions", MAX_RANK);
    int64_t dim[MAX_RANK];
    for (int i = 0; i < axes.n; i++)
        if (!wrap_axis(c, &axes.v[i], rank))
            return false;
    for (int d = 0; d < rank; d++) {
        bool one = ints_have(&axes, d);
        if (!one && from == t.rank)
            return call_refuse(c, NULL, "axes name a dimension twice");
        dim[d] = one ? 1 : t.dim[from++];
    }
    return give_shape(c, rank, dim);
}

bool import_transpose(NodeCall *c)
{
    Type t = call_type(c, 0);
    Ints p;
    bool given;
    int perm[MAX_RANK];
    unsigned seen = 0;
    if (!call_ints(c, "perm", &p, &given))
        return false;
    if (given && p.n != t.rank)
        return call_refuse(c, NULL, "perm has %d numbers, its input is %s", p.n, type_text(c->x->arena, &t));
    for (int d = 0; d < t.rank; d++) {
        int64_t at = given ? p.v[d] : t.rank - 1 - d;
        if (!wrap_axis(c, &at, t.rank))
            return false;
        perm[d] = (int)at;
        seen |= 1u << at;
    }
    if (seen != (1u << t.rank) - 1)
        return call_refuse(c, NULL, "perm names a dimension twice");
    const Tensor *k = call_known(c, 0);
    return k ? call_give_known(c, 0, konst_transposed(c, k, t.rank, perm))
             : call_give(c, 0, call_transpose(c, call_in(c, 0), t.rank, perm));
}

/* ---- parts ---- */

bool import_concat(NodeCall *c)
{
    Attrs a = call_defaults(OP_concat);
    ValueId *in = NEW(c->x->arena, ValueId, c->nin + 1);
    a.axis = call_int(c, "axis", 1);
    for (int i = 0; i < c->nin; i++)
        in[i] = call_in(c, i);
    if (c->nin == 1)
        return call_give(c, 0, in[0]);
    return call_give(c, 0, call_add_list(c, OP_concat, &a, in, c->nin));
}

/* The sizes of a split's results: said, or equal ones, of which the last may be smaller. */
static bool split_sizes(NodeCall *c, int64_t n, Ints *sizes)
{
    bool given;
    int64_t parts = call_int(c, "num_outputs", c->n->nout), sum = 0;
    if (!call_list(c, 1, "split", sizes, &given))
        return false;
    int64_t each = parts > 0 ? (n + parts - 1) / parts : 0;
    for (int i = 0; !given && i < parts && i < LEN(sizes->v); i++)
        sizes->v[sizes->n++] = i < parts - 1 ? each : n - each * (parts - 1);
    for (int i = 0; i < sizes->n; i++)
        if (sizes->v[i] < 1 || !add_ok(sum, sizes->v[i], &sum))
            return call_refuse(c, NULL, "a part of it is empty");
    return (sizes->n == c->n->nout && sum == n) ||
           call_refuse(c, NULL, "its parts do not add up to %lld", (long long)n);
}

bool import_split(NodeCall *c)
{
    Type t = call_type(c, 0);
    Attrs a = call_defaults(OP_split);
    a.axis = call_int(c, "axis", 0);
    if (!wrap_axis(c, &a.axis, t.rank) || !split_sizes(c, t.dim[a.axis], &a.sizes))
        return false;
    ValueId x = call_in(c, 0);
    if (a.sizes.n == 1)
        return call_give(c, 0, x);
    int node = maker_add_node(&c->make, OP_split, &a, &x, 1);
    if (node < 0)
        return false;
    for (int i = 0; i < a.sizes.n; i++)
        call_give(c, i, c->x->g->node.v[node].out[i].value);
    return true;
}

/* ---- repetition ---- */

static ValueId map_to(NodeCall *c, ValueId x, int rank, const int64_t *dim)
{
    Attrs a = call_defaults(OP_map);
    a.shape.n = rank;
    memcpy(a.shape.v, dim, (size_t)rank * sizeof *dim);
    return call_add(c, OP_map, &a, 1, x);
}

bool import_expand(NodeCall *c)
{
    Ints s;
    Type t = call_type(c, 0), out;
    if (!call_ints_in(c, 1, &s))
        return false;
    if (s.n > MAX_RANK)
        return call_refuse(c, NULL, "its result has more than %d dimensions", MAX_RANK);
    Type want = type_make(DT_F32, s.n, s.v);
    if (!type_valid(&want) || !broadcast_dims(&t, &want, &out) || !type_valid(&out))
        return call_refuse(c, NULL, "%s does not broadcast to the shape %s", type_text(c->x->arena, &t),
                           ints_text(c->x->arena, &s));
    ValueId x = call_in(c, 0);
    if (type_elems(&out) == type_elems(&t))
        return call_give(c, 0, call_reshape(c, x, out.rank, out.dim));
    return call_give(c, 0, map_to(c, x, out.rank, out.dim));
}

/* Dimension by dimension: [.., d, ..] as [.., 1, d, ..], repeated there. */
bool import_tile(NodeCall *c)
{
    Ints r;
    ValueId x = call_in(c, 0);
    if (x < 0 || !call_ints_in(c, 1, &r))
        return false;
    Type t = call_value_type(c, x);
    if (r.n != t.rank)
        return call_refuse(c, NULL, "it has %d repeats for %s", r.n, type_text(c->x->arena, &t));
    for (int d = 0; d < t.rank && x >= 0; d++) {
        if (r.v[d] == 1)
            continue;
        int64_t before = elems_between(&t, 0, d), rest = elems_between(&t, d, t.rank), size;
        if (r.v[d] < 1 || !mul_ok(t.dim[d], r.v[d], &size) || size > MAX_ELEMS)
            return call_refuse(c, NULL, "a repeat is %lld", (long long)r.v[d]);
        x = call_reshape(c, x, 3, (int64_t[]){before, 1, rest});
        x = map_to(c, x, 3, (int64_t[]){before, r.v[d], rest});
        t.dim[d] = size;
        x = call_reshape(c, x, t.rank, t.dim);
    }
    return call_give(c, 0, x);
}

/* ---- padding ---- */

static bool pad_lists(NodeCall *c, const Type *t, Ints *pads)
{
    Ints some, axes;
    bool given, all;
    if (!call_list(c, 1, "pads", &some, &given) || (call_has(c, 3) && !call_ints_in(c, 3, &axes)))
        return false;
    all = !call_has(c, 3);
    for (int d = 0; all && d < t->rank; d++)
        axes.v[d] = d;
    axes.n = all ? t->rank : axes.n;
    if (some.n != 2 * axes.n)
        return call_refuse(c, NULL, "pads has %d numbers, %d are expected", some.n, 2 * axes.n);
    *pads = (Ints){2 * t->rank, {0}};
    for (int i = 0; i < axes.n; i++) {
        if (!wrap_axis(c, &axes.v[i], t->rank))
            return false;
        pads->v[axes.v[i]] = some.v[i];
        pads->v[t->rank + axes.v[i]] = some.v[axes.n + i];
    }
    return true;
}

/* What is padded by less than nothing is cut. */
bool import_pad(NodeCall *c)
{
    Type t = call_type(c, 0);
    Attrs a = call_defaults(OP_pad);
    const char *mode = call_text(c, "mode", "constant");
    a.border = !strcmp(mode, "reflect") ? 1 : !strcmp(mode, "edge") ? 2 : 0;
    if (!a.border && strcmp(mode, "constant"))
        return call_refuse(c, NULL, "padding of mode '%s' is not compiled", mode);
    a.value = call_float(c, "value", 0);
    if (!pad_lists(c, &t, &a.pads) || (call_has(c, 2) && !call_scalar_in(c, 2, &a.value)))
        return false;
    ValueId x = call_in(c, 0);
    bool any = false;
    for (int d = 0; d < t.rank && x >= 0; d++) {
        int64_t *lo = &a.pads.v[d], *hi = &a.pads.v[t.rank + d];
        *lo = imax(*lo, -MAX_ELEMS); /* more than there is, too */
        *hi = imax(*hi, -MAX_ELEMS);
        if (*lo < 0 || *hi < 0)
            x = maker_slice(&c->make, x, d, imax(-*lo, 0), t.dim[d] - imax(-*hi, 0), 1);
        *lo = imax(*lo, 0);
        *hi = imax(*hi, 0);
        any |= *lo || *hi;
    }
    return call_give(c, 0, any ? call_add(c, OP_pad, &a, 1, x) : x);
}

/* ---- depth and space ---- */

static bool block_of(NodeCall *c, int64_t *b, const Type *t, bool to_space)
{
    *b = call_int(c, "blocksize", 0);
    if (t->rank != 4 || *b < 1 || *b > 1 << 15 || (to_space ? t->dim[1] % (*b * *b) : t->dim[2] % *b || t->dim[3] % *b))
        return call_refuse(c, NULL, "its input %s does not divide into blocks of %lld", type_text(c->x->arena, t),
                           (long long)*b);
    return true;
}

bool import_depth_to_space(NodeCall *c)
{
    Type t = call_type(c, 0);
    int64_t b;
    if (!block_of(c, &b, &t, true))
        return false;
    int64_t rest = t.dim[1] / (b * b), h = t.dim[2], w = t.dim[3];
    bool crd = !strcmp(call_text(c, "mode", "DCR"), "CRD");
    const int64_t dcr_dim[6] = {t.dim[0], b, b, rest, h, w}, crd_dim[6] = {t.dim[0], rest, b, b, h, w};
    static const int dcr_perm[6] = {0, 3, 4, 1, 5, 2}, crd_perm[6] = {0, 1, 4, 2, 5, 3};
    ValueId v = call_reshape(c, call_in(c, 0), 6, crd ? crd_dim : dcr_dim);
    v = call_transpose(c, v, 6, crd ? crd_perm : dcr_perm);
    return call_give(c, 0, call_reshape(c, v, 4, (int64_t[]){t.dim[0], rest, h * b, w * b}));
}

bool import_space_to_depth(NodeCall *c)
{
    Type t = call_type(c, 0);
    int64_t b;
    if (!block_of(c, &b, &t, false))
        return false;
    int64_t h = t.dim[2] / b, w = t.dim[3] / b, dim[6] = {t.dim[0], t.dim[1], h, b, w, b};
    ValueId v = call_transpose(c, call_reshape(c, call_in(c, 0), 6, dim), 6, (int[]){0, 3, 5, 1, 2, 4});
    return call_give(c, 0, call_reshape(c, v, 4, (int64_t[]){t.dim[0], t.dim[1] * b * b, h, w}));
}
