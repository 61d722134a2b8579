/* Constants of the graph, of the model's. */
#include "import.h"

#include <string.h>

ValueId tf_number(TflCall *c, double v)
{
    float f = (float)v;
    char text[32];
    fmt_float(text, f);
    return graph_const_f32(c->x->g, text, type_make(DT_F32, 1, (int64_t[]){1}), &f);
}

float *tf_room(TflCall *c, int64_t n)
{
    int64_t bytes;
    if (!mul_ok(n, (int64_t)sizeof(float), &bytes) || bytes > c->x->budget) {
        tf_refuse(c, NULL, "its constants are too large to be computed ahead");
        return NULL;
    }
    c->x->budget -= bytes;
    return NEW(c->x->arena, float, n + 1);
}

ValueId tf_floats(TflCall *c, const char *what, int rank, const int64_t *dim, const float *data)
{
    return data ? graph_const_take(c->x->g, what, type_make(DT_F32, rank, dim), data) : -1;
}

/* Numbers as they are stored, in another order. */
static const void *permuted(TflCall *c, const Tensor *t, const int *perm, Type *type)
{
    int size = dtype_size(t->stored), rank = t->type.rank;
    int64_t n = type_elems(&t->type), stride[MAX_RANK], at[MAX_RANK] = {0}, from = 0, step = 1;
    for (int d = rank - 1; d >= 0; step *= t->type.dim[d--])
        stride[d] = step;
    *type = t->type;
    for (int d = 0; d < rank; d++)
        type->dim[d] = t->type.dim[perm[d]];
    uint8_t *out = (uint8_t *)tf_room(c, (n * size + 3) / 4);
    for (int64_t i = 0; out && i < n; i++) {
        memcpy(out + i * size, (const uint8_t *)t->data + from * size, (size_t)size);
        for (int d = rank - 1; d >= 0; d--) {
            from += stride[perm[d]];
            if (++at[d] < type->dim[d])
                break;
            from -= stride[perm[d]] * type->dim[d];
            at[d] = 0;
        }
    }
    return out;
}

static const char *param_key(const TflCall *c, const Tensor *t, const int *perm, const Type *type)
{
    const char *order = "";
    for (int d = 0; perm && d < t->type.rank; d++)
        order = arena_printf(c->x->arena, "%s%d", order, perm[d]);
    return arena_printf(c->x->arena, "%p %s %s", t->data, order, type_text(c->x->arena, type));
}

ValueId tf_param(TflCall *c, const Tensor *t, const int *perm, int rank, const int64_t *dim)
{
    TflImport *x = c->x;
    Type type = t->type, moved;
    if (!dtype_float(t->stored) && !x->quantized)
        return tf_refuse(c, NULL, "the constant '%s' is %s, floats are expected", t->name, dtype_name(t->stored)), -1;
    for (int d = 0; perm && d < t->type.rank; d++)
        type.dim[d] = t->type.dim[perm[d]];
    if (rank >= 0)
        type = type_make(DT_F32, rank, dim);
    else if (!type.rank)
        type = type_make(DT_F32, 1, (int64_t[]){1});
    type.dtype = DT_F32;
    if (!type_valid(&type) || type_elems(&type) != type_elems(&t->type))
        return tf_refuse(c, NULL, "the constant '%s' is %s, %s is expected", t->name, type_text(x->arena, &t->type),
                      type_text(x->arena, &type)), -1;
    const char *key = param_key(c, t, perm, &type);
    ValueId id = dict_get(&x->param, key);
    if (id >= 0)
        return id;
    const void *data = perm && !tf_keeps_order(&t->type, perm) ? permuted(c, t, perm, &moved) : t->data;
    x->budget -= type_elems(&type);
    if (x->budget < 0)
        tf_refuse(c, NULL, "its constants are too large to be computed ahead");
    if (!data || c->make.why)
        return -1;
    const char *why = dtype_float(t->stored) ? not_finite(x->arena, t) : NULL;
    if (why)
        return tf_refuse(c, NULL, "%s", why), -1;
    const char *name = *t->name && strlen(t->name) < 200 && text_is_clean(t->name) ? t->name : "constant";
    id = graph_const(x->g, fresh_const_name(x->arena, x->g, name), type, t->loc);
    Tensor *made = x->g->value.v[id].tensor;
    made->data = data;
    made->stored = t->stored;
    tensor_flush(x->arena, made);
    dict_put(&x->param, key, id);
    return id;
}
