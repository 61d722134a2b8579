/* What the functions of table.c ask of an operator and give as its results. */
#include "import.h"

#include <string.h>

#include "../../ir/ops/ops.h"

/* ---- operands ---- */

TflValue *tf_val(const TflCall *c, int i)
{
    return i < c->op->nin && c->op->in[i] >= 0 ? &c->x->val[c->op->in[i]] : NULL;
}

bool tf_has(const TflCall *c, int i)
{
    return tf_val(c, i) != NULL;
}

const Tensor *tf_known(const TflCall *c, int i)
{
    const TflValue *v = tf_val(c, i);
    return v ? v->k : NULL;
}

Type tf_type(const TflCall *c, int i)
{
    const TflValue *v = tf_val(c, i);
    return v ? v->type : (Type){0};
}

const char *tf_type_text(const TflCall *c, int i)
{
    Type t = tf_type(c, i);
    return type_text(c->x->arena, &t);
}

static bool known(TflCall *c, int i, const Tensor **t)
{
    *t = tf_known(c, i);
    if (*t)
        return true;
    if (!tf_has(c, i))
        return tf_refuse(c, NULL, "operand %d is missing", i);
    return tf_refuse(c, "shapes are fixed when the network is compiled", "operand %d is computed from the input", i);
}

static bool is_integer(DType d)
{
    return d == DT_I32 || d == DT_I64;
}

bool tf_ints(TflCall *c, int i, Ints *out)
{
    const Tensor *t;
    *out = (Ints){0};
    if (!known(c, i, &t))
        return false;
    int64_t n = type_elems(&t->type);
    if (!is_integer(t->stored) || n > LEN(out->v))
        return tf_refuse(c, NULL, "operand %d is %s, at most %d integers are expected", i,
                         type_text(c->x->arena, &t->type), LEN(out->v));
    out->n = (int)n;
    for (int k = 0; k < n; k++)
        out->v[k] = tensor_int(t, k);
    return true;
}

bool tf_scalar(TflCall *c, int i, double *v)
{
    const Tensor *t;
    if (!known(c, i, &t))
        return false;
    if (type_elems(&t->type) != 1)
        return tf_refuse(c, NULL, "operand %d is %s, one number is expected", i, tf_type_text(c, i));
    *v = tensor_at(t, 0);
    return true;
}

bool tf_axis(TflCall *c, int64_t *axis, int64_t rank)
{
    if (*axis < -rank || *axis >= rank)
        return tf_refuse(c, NULL, "axis or index %lld is not one of %lld", (long long)*axis, (long long)rank);
    *axis += *axis < 0 ? rank : 0;
    return true;
}

bool tf_axes(TflCall *c, int i, int rank, Ints *axes)
{
    if (!tf_ints(c, i, axes))
        return false;
    for (int k = 0; k < axes->n; k++)
        if (!tf_axis(c, &axes->v[k], rank))
            return false;
    return true;
}

/* ---- orders of dimensions ---- */

static const int first[4] = {0, 3, 1, 2}, last[4] = {0, 2, 3, 1};

int tf_map_axis(int64_t axis, bool map)
{
    return map ? last[axis] : (int)axis;
}

/* Its node has no name: no operator of the model is it. */
static ValueId turned(TflCall *c, ValueId v, const int perm[4])
{
    const char *name = c->make.name;
    c->make.name = NULL;
    v = tf_transpose(c, v, 4, perm);
    c->make.name = name;
    return v;
}

ValueId tf_to_map(TflCall *c, ValueId v)
{
    return turned(c, v, first);
}

ValueId tf_to_plain(TflCall *c, ValueId v)
{
    return turned(c, v, last);
}

static TflValue *tf_operand(TflCall *c, int i)
{
    TflValue *v = tf_val(c, i);
    if (!v)
        tf_refuse(c, NULL, "operand %d is missing", i);
    return v;
}

ValueId tf_plain(TflCall *c, int i)
{
    TflValue *v = tf_operand(c, i);
    if (!v)
        return -1;
    if (v->plain < 0)
        v->plain = v->k ? tf_param(c, v->k, NULL, -1, NULL) : tf_to_plain(c, v->map);
    return v->plain;
}

/* Of fewer dimensions, as if there were ones in front. */
ValueId tf_map(TflCall *c, int i)
{
    TflValue *v = tf_operand(c, i);
    if (!v)
        return -1;
    int rank = v->type.rank;
    int64_t dim[4] = {1, 1, 1, 1};
    if (rank > 4)
        return tf_refuse(c, NULL, "operand %d is %s, [N,H,W,C] is expected", i, tf_type_text(c, i)), -1;
    for (int d = 0; d < rank; d++)
        dim[4 - rank + d] = v->type.dim[d];
    if (v->map < 0 && v->k && rank == 4)
        v->map = tf_param(c, v->k, first, -1, NULL);
    else if (v->map < 0)
        v->map = tf_to_map(c, tf_reshape(c, tf_plain(c, i), 4, dim));
    return v->map;
}

bool tf_prefers_map(const TflCall *c)
{
    bool any = false;
    for (int i = 0; i < c->op->nin; i++) {
        const TflValue *v = tf_val(c, i);
        if (v && !v->k && v->type.rank != 4)
            return false;
        any |= v && v->map >= 0 && v->plain < 0;
    }
    return any;
}

ValueId tf_in(TflCall *c, int i, bool map)
{
    return map ? tf_map(c, i) : tf_plain(c, i);
}

/* ---- the graph ---- */

bool tf_keeps_order(const Type *t, const int *perm)
{
    int before = -1;
    for (int d = 0; d < t->rank; d++) {
        if (t->dim[perm[d]] == 1)
            continue;
        if (perm[d] < before)
            return false;
        before = perm[d];
    }
    return true;
}

/* Of a transpose: one transpose, or none. */
static ValueId tf_untransposed(const TflCall *c, ValueId v, int rank, const int *perm, int64_t *order)
{
    const Graph *g = c->x->g;
    const Node *n = g->value.v[v].kind == VAL_NODE ? &g->node.v[g->value.v[v].node] : NULL;
    bool made = n && n->op == OP_transpose;
    for (int d = 0; d < rank; d++)
        order[d] = made ? n->attr.perm.v[perm[d]] : perm[d];
    return made ? n->in[0] : v;
}

ValueId tf_transpose(TflCall *c, ValueId v, int rank, const int *perm)
{
    if (v < 0)
        return -1;
    Type t = tf_value_type(c, v);
    if (t.rank != rank)
        return tf_refuse(c, NULL, "%s has not %d dimensions", type_text(c->x->arena, &t), rank), -1;
    Attrs a = tf_defaults(OP_transpose);
    v = tf_untransposed(c, v, rank, perm, a.perm.v);
    t = tf_value_type(c, v);
    int order[MAX_RANK];
    int64_t dim[MAX_RANK];
    bool moves = false;
    a.perm.n = rank;
    for (int d = 0; d < rank; d++) {
        order[d] = (int)a.perm.v[d];
        dim[d] = t.dim[order[d]];
        moves |= order[d] != d;
    }
    if (!moves)
        return v;
    return tf_keeps_order(&t, order) ? tf_reshape(c, v, rank, dim) : tf_add(c, OP_transpose, &a, 1, v);
}

/* ---- results ---- */

static TflValue *tf_result(const TflCall *c, int i)
{
    return i < c->op->nout ? &c->x->val[c->op->out[i]] : NULL;
}

bool tf_give(TflCall *c, int i, ValueId v, bool map)
{
    TflValue *r = tf_result(c, i);
    if (!r || v < 0)
        return v >= 0;
    Type t = tf_value_type(c, v);
    r->type = t;
    for (int d = 0; map && d < 4; d++)
        r->type.dim[d] = t.dim[last[d]];
    r->map = map ? v : -1;
    r->plain = map ? -1 : v;
    return true;
}

bool tf_give_shaped(TflCall *c, int i, ValueId plain, int rank, const int64_t *dim)
{
    return tf_give(c, i, rank ? tf_reshape(c, plain, rank, dim) : tf_reshape(c, plain, 1, (int64_t[]){1}), false);
}

bool tf_give_known(TflCall *c, int i, const Tensor *k)
{
    TflValue *r = tf_result(c, i);
    if (r && k) {
        r->k = k;
        r->type = k->type;
    }
    return k != NULL;
}

static ValueId tf_clamp(TflCall *c, ValueId v, double low, double high)
{
    Attrs a = tf_defaults(OP_clamp);
    a.min = low;
    a.max = high;
    return tf_add(c, OP_clamp, &a, 1, v);
}

static ValueId activate(TflCall *c, ValueId v, int64_t activation)
{
    switch (activation) {
    case 0: return v;
    case 1: return tf_add(c, OP_relu, NULL, 1, v);
    case 2: return tf_clamp(c, v, -1, 1);
    case 3: return tf_add(c, OP_relu6, NULL, 1, v);
    case 4: return tf_add(c, OP_tanh, NULL, 1, v);
    }
    return tf_refuse(c, NULL, "its activation %lld is not compiled", (long long)activation), -1;
}

/* Its node has no name of its own: the layer's is that of the operator. */
ValueId tf_activation(TflCall *c, ValueId v, int64_t activation)
{
    const char *name = c->make.name;
    c->make.name = NULL;
    v = activate(c, v, activation);
    c->make.name = name;
    return v;
}

bool tf_finish(TflCall *c, ValueId v, bool map, FlatField activation)
{
    return tf_give(c, 0, tf_activation(c, v, flat_int(c->op->options, activation, 1, 0)), map);
}
