/* Constants while a model is read: tensors of any type of numbers. */
#include "import.h"

#include <math.h>
#include <string.h>

#include "../../../ir/ops/ops.h"

static void put_bits(Tensor *t, int64_t i, uint64_t v)
{
    int size = dtype_size(t->stored);
    uint8_t *p = (uint8_t *)(uintptr_t)t->data + i * size; /* konst made it: it is ours to write */
    for (int k = 0; k < size; k++)
        p[k] = (uint8_t)(v >> (8 * k));
}

void tensor_put_int(Tensor *t, int64_t i, int64_t v)
{
    if (dtype_float(t->stored))
        tensor_put(t, i, (double)v);
    else
        put_bits(t, i, t->stored == DT_BOOL ? v != 0 : (uint64_t)v);
}

void tensor_put(Tensor *t, int64_t i, double v)
{
    uint64_t wide;
    uint32_t bits;
    float f = (float)v;
    memcpy(&wide, &v, sizeof wide);
    memcpy(&bits, &f, sizeof bits);
    if (t->stored == DT_F64)
        put_bits(t, i, wide);
    else if (t->stored == DT_F32)
        put_bits(t, i, bits);
    else
        tensor_put_int(t, i, t->stored == DT_BOOL ? v != 0 : float_int(v));
}

void tensor_copy(Tensor *y, int64_t i, const Tensor *x, int64_t at)
{
    if (dtype_float(x->stored))
        tensor_put(y, i, tensor_at(x, at));
    else
        tensor_put_int(y, i, tensor_int(x, at));
}

/* Room for integers that are looked at once. */
int64_t *konst_room(NodeCall *c, int64_t n)
{
    OnnxImport *x = c->x;
    if (n > MAX_ELEMS || n * (int64_t)sizeof(int64_t) > x->budget) {
        call_refuse(c, NULL, "it takes %lld elements in an order of their own", (long long)n);
        return NULL;
    }
    if (!konst_steps(c, n))
        return NULL;
    x->budget -= n * (int64_t)sizeof(int64_t);
    return NEW(x->arena, int64_t, n + 1);
}

/* What is computed from halves is f32. */
Tensor *konst(NodeCall *c, DType d, int rank, const int64_t *dim)
{
    OnnxImport *x = c->x;
    Tensor *t = NEW(x->arena, Tensor, 1);
    if (d == DT_F16 || d == DT_BF16)
        d = DT_F32;
    *t = (Tensor){.name = c->make.name, .type = type_make(d, rank, dim), .stored = d, .loc = c->make.loc};
    int64_t n = type_elems(&t->type), bytes = n * dtype_size(d);
    if (n <= MAX_ELEMS && !konst_steps(c, n))
        return NULL;
    if (n > MAX_ELEMS || bytes > x->budget) {
        call_refuse(c, NULL, "its result %s is too large to be computed ahead", type_text(x->arena, &t->type));
        return NULL;
    }
    x->budget -= bytes;
    t->data = NEW(x->arena, uint64_t, bytes / 8 + 1);
    return t;
}

Tensor *konst_view(NodeCall *c, const Tensor *of, int rank, const int64_t *dim)
{
    Tensor *t = NEW(c->x->arena, Tensor, 1);
    *t = *of;
    t->type = type_make(of->type.dtype, rank, dim);
    return t;
}

Tensor *konst_ints(NodeCall *c, const int64_t *v, int n)
{
    Tensor *t = konst(c, DT_I64, 1, (int64_t[]){n});
    for (int i = 0; t && i < n; i++)
        tensor_put_int(t, i, v[i]);
    return t;
}

Tensor *konst_strided(NodeCall *c, const Tensor *of, int rank, const int64_t *dim, int64_t first, const int64_t *stride)
{
    Tensor *t = konst(c, of->stored, rank, dim);
    if (!t)
        return NULL;
    t->name = of->name;
    ElemWalk w = walk_over(&t->type);
    memcpy(w.stride, stride, (size_t)rank * sizeof *stride);
    w.off = first;
    int64_t n = type_elems(&t->type);
    bool same = t->stored == of->stored;
    size_t size = (size_t)dtype_size(of->stored);
    uint8_t *to = (uint8_t *)(uintptr_t)t->data;
    for (int64_t i = 0; i < n; i++, walk_next(&w)) {
        if (same)
            memcpy(to + (size_t)i * size, (const uint8_t *)of->data + w.off * (int64_t)size, size);
        else
            tensor_put(t, i, tensor_at(of, w.off));
    }
    return t;
}

Tensor *konst_transposed(NodeCall *c, const Tensor *of, int rank, const int *perm)
{
    int64_t strides[MAX_RANK], dim[MAX_RANK], stride[MAX_RANK];
    row_strides(&of->type, strides);
    for (int d = 0; d < rank; d++) {
        dim[d] = of->type.dim[perm[d]];
        stride[d] = strides[perm[d]];
    }
    return konst_strided(c, of, rank, dim, 0, stride);
}

Tensor *konst_scaled(NodeCall *c, const Tensor *of, double factor)
{
    Tensor *t = konst(c, DT_F32, of->type.rank, of->type.dim);
    for (int64_t i = 0, n = t ? type_elems(&t->type) : 0; i < n; i++)
        tensor_put(t, i, tensor_at(of, i) * factor);
    if (t)
        t->name = of->name;
    return t;
}

bool konst_steps(NodeCall *c, int64_t n)
{
    c->x->steps -= n;
    return c->x->steps >= 0 || call_refuse(c, NULL, "the model has too much computed ahead for its size");
}

bool konst_is(const Tensor *t, double v)
{
    int64_t n = type_elems(&t->type);
    for (int64_t i = 0; i < n; i++)
        if (tensor_at(t, i) != v)
            return false;
    return n > 0;
}

bool broadcast_dims(const Type *a, const Type *b, Type *out)
{
    *out = a->rank >= b->rank ? *a : *b;
    for (int d = 0; d < out->rank; d++) {
        int da = d - (out->rank - a->rank), db = d - (out->rank - b->rank);
        int64_t p = da < 0 ? 1 : a->dim[da], q = db < 0 ? 1 : b->dim[db];
        if (p != q && p != 1 && q != 1)
            return false;
        out->dim[d] = p == 1 ? q : p;
    }
    return true;
}

void broadcast_strides(const Type *t, const Type *to, int64_t stride[MAX_RANK])
{
    int64_t own[MAX_RANK];
    row_strides(t, own);
    memset(stride, 0, MAX_RANK * sizeof *stride);
    for (int d = t->rank - 1, o = to->rank - 1; d >= 0; d--, o--)
        stride[o] = t->dim[d] == 1 ? 0 : own[d];
}
