/* Resize and Upsample. */
#include "rows.h"

#include <math.h>
#include <string.h>

enum { ALIGN_CORNERS = 1 }; /* of coords */

/* Factors per dimension, by scales or sizes; false after refusing. */
static bool by_sizes(NodeCall *c, int i, const Type *t, double *factor)
{
    Ints s;
    if (!call_ints_in(c, i, &s))
        return false;
    if (strcmp(call_text(c, "keep_aspect_ratio_policy", "stretch"), "stretch"))
        return call_refuse(c, NULL, "sizes that keep the aspect ratio are not compiled");
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

/* One of a list of names that ends in NULL; false after refusing. */
static bool one_of(NodeCall *c, const char *what, const char *text, const char *const *name, int64_t *which)
{
    for (*which = 0; name[*which]; ++*which)
        if (!strcmp(name[*which], text))
            return true;
    return call_refuse(c, NULL, "%s '%s' is not compiled", what, text);
}

/* Modes of upsample: nearest takes source floor(i / scale), which half_pixel with whole factors gives, too. False where
   it has none for these. */
static bool upsample_modes(Attrs *a, const char *at, const char *rounds)
{
    bool half = !strcmp(at, "half_pixel") || !strcmp(at, "pytorch_half_pixel");
    a->align_corners = a->mode && !strcmp(at, "align_corners");
    if (a->mode)
        return half || a->align_corners;
    return (!strcmp(at, "asymmetric") && !strcmp(rounds, "floor")) || (half && !strncmp(rounds, "round_prefer", 12));
}

/* The attributes of the upsample (*whole: H and W grow by whole factors) or resize that it is. */
static bool modes(NodeCall *c, Attrs *up, Attrs *any, bool *whole)
{
    static const char *const coords[] = {"half_pixel", "align_corners", "asymmetric", "pytorch_half_pixel", NULL};
    static const char *const rounding[] = {"round_prefer_floor", "round_prefer_ceil", "floor", "ceil", NULL};
    static const char *const mode[] = {"nearest", "linear", "bilinear", NULL};
    bool old = !strcmp(c->n->type, "Upsample") || c->opset < 11;
    const char *at = call_text(c, "coordinate_transformation_mode", old ? "asymmetric" : "half_pixel");
    const char *rounds = call_text(c, "nearest_mode", old ? "floor" : "round_prefer_floor");
    if (!one_of(c, "mode", call_text(c, "mode", "nearest"), mode, &any->mode) ||
        !one_of(c, "coordinates by", at, coords, &any->coords) ||
        !one_of(c, "rounding by", rounds, rounding, &any->rounding))
        return false;
    any->mode = up->mode = any->mode > 0;
    *whole = *whole && upsample_modes(up, at, rounds);
    return *whole || !call_int(c, "antialias", 0) || call_refuse(c, NULL, "antialiasing is not compiled");
}

/* Sizes of the result. ONNX counts with the scale that it was told, which need not be the ratio of the sizes. Runtimes
   multiply in f32: 10 times 0.7 is 7. */
static bool resize_sizes(NodeCall *c, const Type *t, const double *factor, Attrs *a)
{
    a->size.n = 2;
    for (int d = 2; d < 4; d++) {
        double n = (double)t->dim[d], out = floor(n * factor[d] * (1 + 1e-7));
        double *scale = d == 2 ? &a->scale_h : &a->scale_w;
        if (!(out >= 1 && out <= 1 << 23))
            return call_refuse(c, NULL, "it makes %g elements of %lld", out, (long long)t->dim[d]);
        a->size.v[d - 2] = (int64_t)out;
        *scale = (float)(out / n) == (float)factor[d] ? 0 : factor[d];
        if (*scale > 0 && a->coords == ALIGN_CORNERS)
            return call_refuse(c, "sizes in place of scales mean one thing",
                          "ONNX and its runtimes differ on align_corners where %g elements become %g", n,
                          n * factor[d]);
    }
    return true;
}

/* A row is a map of height 1. */
static ValueId resize_map(NodeCall *c, Type t, double *factor)
{
    Attrs up = call_defaults(OP_upsample), any = call_defaults(OP_resize);
    bool whole = true;
    for (int d = 2; d < 4; d++)
        whole = whole && factor[d] == floor(factor[d]) && factor[d] >= 1 && factor[d] <= 1 << 20;
    if (!modes(c, &up, &any, &whole) || !resize_sizes(c, &t, factor, &any))
        return -1;
    up.scale = (Ints){2, {(int64_t)factor[2], (int64_t)factor[3]}};
    ValueId x = call_reshape(c, call_in(c, 0), 4, t.dim);
    return call_add(c, whole ? OP_upsample : OP_resize, whole ? &up : &any, 1, x);
}

bool import_resize(NodeCall *c)
{
    Type t = call_type(c, 0), map = t;
    double factor[MAX_RANK + 1];
    if (!factors(c, &t, factor))
        return false;
    bool same = true, plain = t.rank == 3 || t.rank == 4, row = t.rank == 3;
    for (int d = 0; d < t.rank; d++) {
        same = same && factor[d] == 1;
        plain = plain && (d > 1 || factor[d] == 1) && factor[d] > 0;
    }
    if (same)
        return import_identity(c);
    if (!plain)
        return call_refuse(c, "H and W may change", "it changes %s along other dimensions", type_text(c->x->arena, &t));
    if (row) {
        map = type_make(DT_F32, 4, (int64_t[]){t.dim[0], t.dim[1], 1, t.dim[2]});
        factor[3] = factor[2];
        factor[2] = 1;
    }
    ValueId x = resize_map(c, map, factor);
    if (row && x >= 0)
        x = call_reshape(c, x, 3, (int64_t[]){t.dim[0], t.dim[1], call_value_type(c, x).dim[3]});
    return call_give(c, 0, x);
}
