/* Resize and Upsample. */
#include "rows.h"

#include <math.h>
#include <string.h>

/* Factors per dimension, by scales or sizes; false after refusing. */
static bool by_sizes(NodeCall *c, int i, const Type *t, double *factor)
{
    Ints s;
    if (!call_ints_in(c, i, &s))
        return false;
    if (s.n != t->rank)
        return call_refuse(c, NULL, "it has %d sizes for %s", s.n, type_text(c->x->arena, t));
    for (int d = 0; d < s.n; d++)
        factor[d] = (double)s.v[d] / (double)t->dim[d];
    return true;
}

static bool by_scales(NodeCall *c, const Tensor *k, const Type *t, double *factor)
{
    if (!k || type_elems(&k->type) != t->rank)
        return call_refuse(c, NULL, k ? "it has %lld scales for %s" : "its scales are computed from the input",
                           k ? (long long)type_elems(&k->type) : 0, type_text(c->x->arena, t));
    for (int d = 0; d < t->rank; d++)
        factor[d] = tensor_at(k, d);
    return true;
}

static bool factors(NodeCall *c, const Type *t, double *factor)
{
    bool old = !strcmp(c->n->type, "Upsample") || c->opset < 11;
    const Tensor *k = call_known(c, old ? 1 : 2);
    if (old && !call_has(c, 1))
        k = call_numbers(c, "scales", DT_F32);
    if (!old && call_has(c, 3))
        return by_sizes(c, 3, t, factor);
    if (!old && call_has(c, 2) && k && !type_elems(&k->type))
        return call_refuse(c, NULL, "it has neither scales nor sizes");
    return by_scales(c, k, t, factor);
}

/* Our modes: nearest takes source floor(i / scale), which half_pixel with whole factors gives, too. */
static bool modes(NodeCall *c, Attrs *a)
{
    bool old = !strcmp(c->n->type, "Upsample") || c->opset < 11;
    const char *mode = call_text(c, "mode", "nearest");
    const char *at = call_text(c, "coordinate_transformation_mode", old ? "asymmetric" : "half_pixel");
    const char *rounds = call_text(c, "nearest_mode", old ? "floor" : "round_prefer_floor");
    bool half = !strcmp(at, "half_pixel") || !strcmp(at, "pytorch_half_pixel");
    a->mode = !strcmp(mode, "linear") || !strcmp(mode, "bilinear");
    a->align_corners = a->mode && !strcmp(at, "align_corners");
    if (!a->mode && strcmp(mode, "nearest"))
        return call_refuse(c, NULL, "mode '%s' is not compiled", mode);
    bool asymmetric = !strcmp(at, "asymmetric"), known = half || a->align_corners;
    if (!a->mode)
        known = (asymmetric && !strcmp(rounds, "floor")) || (half && !strncmp(rounds, "round_prefer", 12));
    return known || call_refuse(c, NULL, "coordinates by '%s'%s%s are not compiled for mode '%s'", at,
                                a->mode ? "" : ", rounded by ", a->mode ? "" : rounds, mode);
}

bool import_resize(NodeCall *c)
{
    Type t = call_type(c, 0);
    double factor[MAX_RANK];
    Attrs a = call_defaults(OP_upsample);
    if (!factors(c, &t, factor))
        return false;
    bool same = true, plain = t.rank == 3 || t.rank == 4;
    for (int d = 0; d < t.rank; d++) {
        same = same && factor[d] == 1;
        bool whole = factor[d] == floor(factor[d]) && factor[d] >= 1 && factor[d] <= 1 << 20;
        plain = plain && (d < 2 ? factor[d] == 1 : whole);
    }
    if (same)
        return import_identity(c);
    if (!plain)
        return call_refuse(c, "H and W may be enlarged by whole factors",
                           "it changes %s by other factors than whole ones",
                           type_text(c->x->arena, &t));
    if (!modes(c, &a))
        return false;
    bool row = t.rank == 3;
    a.scale = (Ints){2, {row ? 1 : (int64_t)factor[2], (int64_t)factor[row ? 2 : 3]}};
    ValueId x = call_in(c, 0);
    if (row)
        x = call_reshape(c, x, 4, (int64_t[]){t.dim[0], t.dim[1], 1, t.dim[2]});
    x = call_add(c, OP_upsample, &a, 1, x);
    if (row && x >= 0)
        x = call_reshape(c, x, 3, (int64_t[]){t.dim[0], t.dim[1], call_value_type(c, x).dim[3]});
    return call_give(c, 0, x);
}
