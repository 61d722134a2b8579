/* What is known before the network runs: shapes, integers that are computed from them, constants of another shape. */
#include "import.h"

#include <string.h>

enum { MOST = 1024 }; /* integers of a list */

static bool few_integers(const Tensor *k)
{
    return k && (k->stored == DT_I32 || k->stored == DT_I64) && type_elems(&k->type) <= MOST;
}

/* Room for integers of a shape. */
static Tensor *new_integers(TflCall *c, int rank, const int64_t *dim, int64_t **v)
{
    Tensor *t = NEW(c->x->arena, Tensor, 1);
    *t = (Tensor){.name = c->make.name, .type = type_make(DT_I64, rank, dim), .stored = DT_I64, .loc = c->make.loc};
    int64_t n = type_elems(&t->type);
    if (n > MOST) {
        tf_refuse(c, NULL, "it computes %lld integers, at most %d are computed ahead", (long long)n, MOST);
        return NULL;
    }
    t->data = *v = NEW(c->x->arena, int64_t, n + 1);
    return t;
}

static bool give(TflCall *c, int rank, const int64_t *dim, const int64_t *v)
{
    int64_t *out;
    Tensor *t = new_integers(c, rank, dim, &out);
    for (int64_t i = 0; t && i < type_elems(&t->type); i++)
        out[i] = v[i];
    return tf_give_known(c, 0, t);
}

static int64_t at(const Tensor *k, int64_t i)
{
    return tensor_int(k, i);
}

static bool evaluate_shape(TflCall *c)
{
    Type t = tf_type(c, 0);
    return tf_has(c, 0) && give(c, 1, (int64_t[]){t.rank}, t.dim);
}

static bool give_rank(TflCall *c)
{
    return tf_has(c, 0) && give(c, 0, NULL, (int64_t[]){tf_type(c, 0).rank});
}

/* All operands one behind the other. */
static bool give_joined(TflCall *c, bool pack)
{
    int64_t v[MOST], n = 0;
    for (int i = 0; i < c->op->nin; i++) {
        const Tensor *k = tf_known(c, i);
        int64_t each = type_elems(&k->type);
        if (k->type.rank > 1 || (pack && k->type.rank) || n + each > MOST)
            return false;
        for (int64_t e = 0; e < each; e++)
            v[n++] = at(k, e);
    }
    return give(c, 1, &n, v);
}

static bool give_slice(TflCall *c)
{
    Strided s;
    const Tensor *k = tf_known(c, 0);
    int64_t v[MOST], n = 0;
    if (k->type.rank != 1 || !tf_strided(c, &k->type, &s))
        return false;
    for (int64_t i = s.start.v[0]; s.step.v[0] > 0 ? i < s.end.v[0] : i > s.end.v[0]; i += s.step.v[0])
        v[n++] = at(k, i);
    return give(c, s.rank, s.dim, v);
}

static bool give_gather(TflCall *c)
{
    const Tensor *k = tf_known(c, 0), *index = tf_known(c, 1);
    int64_t v[MOST], n = type_elems(&index->type);
    if (k->type.rank != 1 || n > MOST)
        return false;
    for (int64_t i = 0; i < n; i++) {
        int64_t from = at(index, i);
        if (!tf_axis(c, &from, k->type.dim[0]))
            return false;
        v[i] = at(k, from);
    }
    return give(c, index->type.rank, index->type.dim, v);
}

static bool arithmetic(int64_t code, int64_t a, int64_t b, int64_t *v)
{
    switch (code) {
    case TF_ADD: return add_ok(a, b, v);
    case TF_SUB: return b != INT64_MIN && add_ok(a, -b, v);
    case TF_MUL: return mul_ok(a, b, v);
    case TF_DIV: *v = b ? a / imax(b, 1) : 0; return b > 0;
    case TF_FLOOR_DIV: *v = b > 0 ? floor_div(a, b) : 0; return b > 0;
    case TF_MINIMUM: *v = imin(a, b); return true;
    case TF_MAXIMUM: *v = imax(a, b); return true;
    }
    return false;
}

/* Of lists as long as each other, or of a list and a number. */
static bool give_arithmetic(TflCall *c)
{
    const Tensor *a = tf_known(c, 0), *b = tf_known(c, 1);
    int64_t na = type_elems(&a->type), nb = type_elems(&b->type), v[MOST];
    const Tensor *large = na > nb || (na == nb && a->type.rank >= b->type.rank) ? a : b;
    if ((na != nb && na != 1 && nb != 1) || a->type.rank > 1 || b->type.rank > 1)
        return false;
    for (int64_t i = 0; i < type_elems(&large->type); i++)
        if (!arithmetic(c->op->code, at(a, na == 1 ? 0 : i), at(b, nb == 1 ? 0 : i), &v[i]))
            return false;
    return give(c, large->type.rank, large->type.dim, v);
}

static bool give_product(TflCall *c)
{
    const Tensor *k = tf_known(c, 0);
    int64_t product = 1;
    if (k->type.rank > 1)
        return false;
    for (int64_t i = 0; i < type_elems(&k->type); i++)
        if (!mul_ok(product, at(k, i), &product))
            return false;
    bool keep = flat_unsigned(c->op->options, ReducerOptions_keep_dims, 1, 0);
    return give(c, keep, (int64_t[]){1}, &product);
}

static bool give_cast(TflCall *c)
{
    const Tensor *k = tf_known(c, 0);
    int64_t to = flat_int(c->op->options, CastOptions_out_data_type, 1, TT_FLOAT32), v[MOST];
    for (int64_t i = 0; i < type_elems(&k->type); i++)
        v[i] = at(k, i);
    return (to == TT_INT32 || to == TT_INT64) && give(c, k->type.rank, k->type.dim, v);
}

/* A constant seen as of another shape. */
static bool give_view(TflCall *c, ShapeFn *shape)
{
    const Tensor *k = tf_known(c, 0);
    int rank;
    int64_t dim[MAX_RANK];
    if (!k || !shape(c, &rank, dim))
        return false;
    Tensor *t = NEW(c->x->arena, Tensor, 1);
    *t = *k;
    t->type = type_make(k->type.dtype, rank, dim);
    return tf_give_known(c, 0, t);
}

static bool lists(TflCall *c)
{
    switch (c->op->code) {
    case TF_PACK: return flat_int(c->op->options, PackOptions_axis, 4, 0) == 0 && give_joined(c, true);
    case TF_CONCATENATION: return give_joined(c, false);
    case TF_STRIDED_SLICE: return give_slice(c);
    case TF_GATHER: return c->op->nin == 2 && give_gather(c);
    case TF_REDUCE_PROD: return give_product(c);
    case TF_CAST: return give_cast(c);
    default: return c->op->nin == 2 && give_arithmetic(c);
    }
}

bool tf_evaluate(TflCall *c)
{
    switch (c->op->code) {
    case TF_SHAPE: return evaluate_shape(c);
    case TF_RANK: return give_rank(c);
    case TF_RESHAPE: return give_view(c, tf_shape_reshape);
    case TF_SQUEEZE: return give_view(c, tf_shape_squeeze);
    case TF_EXPAND_DIMS: return give_view(c, tf_shape_expand_dims);
    }
    for (int i = 0; i < c->op->nin; i++)
        if (!few_integers(tf_known(c, i)))
            return false;
    return c->op->nin > 0 && lists(c);
}
