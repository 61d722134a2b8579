/* Constants computed element by element. */
#include "rows.h"

#include <math.h>
#include <string.h>

#include "../../../ir/ops/ops.h"

/* ---- one number at a time ---- */

static double real(int op, double x, double y)
{
    switch (op) {
    case '+': return x + y;
    case '-': return x - y;
    case '*': return x * y;
    case '/': return x / y;
    case '%': return fmod(x, y);
    case '^': return pow(x, y);
    case '=': return x == y;
    case '>': return x > y;
    case '<': return x < y;
    case 'g': return x >= y;
    case 'l': return x <= y;
    case '&': return x != 0 && y != 0;
    case '|': return x != 0 || y != 0;
    case 'x': return (x != 0) != (y != 0);
    case 'M': return fmax(x, y);
    case 'm': return fmin(x, y);
    }
    return NAN;
}

/* Wraps around, as ONNX Runtime does; a division by zero gives 0. */
static int64_t binary_int(int op, int64_t x, int64_t y)
{
    uint64_t a = (uint64_t)x, b = (uint64_t)y;
    bool odd = !y || (x == INT64_MIN && y == -1);
    switch (op) {
    case '+': return (int64_t)(a + b);
    case '-': return (int64_t)(a - b);
    case '*': return (int64_t)(a * b);
    case '/': return odd ? (y ? x : 0) : x / y;
    case '%': return odd ? 0 : x % y + (x % y && (x % y < 0) != (y < 0) ? y : 0); /* the divisor's sign */
    case 'T': return odd ? 0 : x % y;                                             /* fmod: the dividend's */
    case '=': return x == y;
    case '>': return x > y;
    case '<': return x < y;
    case 'g': return x >= y;
    case 'l': return x <= y;
    case '&': return x && y;
    case '|': return x || y;
    case 'x': return !x != !y;
    case 'M': return imax(x, y);
    case 'm': return imin(x, y);
    case '^': return float_int(pow((double)x, (double)y));
    }
    return 0;
}

static bool compares(int op)
{
    return strchr("=><gl&|x", op) != NULL;
}

static double sign_of(double x)
{
    return (x > 0) - (x < 0);
}

static double real_unary(int op, double x)
{
    switch (op) {
    case '-': return -x;
    case 'a': return fabs(x);
    case '!': return x == 0;
    case 's': return sqrt(x);
    case 'e': return exp(x);
    case 'l': return log(x);
    case 'f': return floor(x);
    case 'c': return ceil(x);
    case 'r': return nearbyint(x);
    case 'g': return sign_of(x);
    case '/': return 1 / x;
    case 'R': return fmax(x, 0);
    case 'S': return 1 / (1 + exp(-x));
    case 't': return tanh(x);
    case 'E': return erf(x);
    case 'n': return sin(x);
    case 'o': return cos(x);
    }
    return NAN;
}

bool eval_unary(NodeCall *c)
{
    const Tensor *x = call_known(c, 0);
    int op = c->row->arg;
    bool exact = x && !dtype_float(x->stored);
    if (!x || (exact && !strchr("-a!g", op)))
        return false;
    Tensor *y = konst(c, x->stored, x->type.rank, x->type.dim);
    for (int64_t i = 0, n = y ? type_elems(&y->type) : 0; i < n; i++)
        if (exact && op == '-')
            tensor_put_int(y, i, binary_int('-', 0, tensor_int(x, i)));
        else if (exact && op == 'a')
            tensor_put_int(y, i, tensor_int(x, i) < 0 ? binary_int('-', 0, tensor_int(x, i)) : tensor_int(x, i));
        else
            tensor_put(y, i, real_unary(op, tensor_at(x, i)));
    return call_give_known(c, 0, y);
}

static Tensor *combine(NodeCall *c, int op, const Tensor *a, const Tensor *b)
{
    Type out;
    if (!broadcast_dims(&a->type, &b->type, &out))
        return call_refuse(c, NULL, "%s and %s do not broadcast", type_text(c->x->arena, &a->type),
                           type_text(c->x->arena, &b->type)), NULL;
    Tensor *y = konst(c, compares(op) ? DT_BOOL : a->stored, out.rank, out.dim);
    if (!y)
        return NULL;
    ElemWalk p = walk_over(&out), q = p;
    broadcast_strides(&a->type, &out, p.stride);
    broadcast_strides(&b->type, &out, q.stride);
    bool exact = !dtype_float(a->stored) && !dtype_float(b->stored);
    for (int64_t i = 0, n = type_elems(&out); i < n; i++, walk_next(&p), walk_next(&q))
        if (exact)
            tensor_put_int(y, i, binary_int(op, tensor_int(a, p.off), tensor_int(b, q.off)));
        else
            tensor_put(y, i, real(op, tensor_at(a, p.off), tensor_at(b, q.off)));
    y->name = dtype_float(a->stored) && type_elems(&a->type) == type_elems(&out) ? a->name : c->make.name;
    return y;
}

bool eval_binary(NodeCall *c)
{
    const Tensor *a = call_known(c, 0), *b = call_known(c, 1);
    int op = c->row->arg;
    if (op == '%' && call_int(c, "fmod", 0))
        op = 'T';
    if (!a || !b)
        return false;
    if (op == 'T' && dtype_float(a->stored))
        op = '%';
    return call_give_known(c, 0, combine(c, op, a, b));
}

bool eval_many(NodeCall *c)
{
    const Tensor *y = call_known(c, 0);
    for (int i = 1; y && i < c->nin; i++)
        y = call_has(c, i) ? combine(c, c->row->arg, y, call_known(c, i)) : NULL;
    return y && call_give_known(c, 0, y);
}

bool eval_clip(NodeCall *c)
{
    const Tensor *y = call_known(c, 0);
    if (!y || c->nin < 2) /* bounds as attributes: table.c's, and fold-constants' */
        return false;
    if (call_has(c, 1))
        y = combine(c, 'M', y, call_known(c, 1));
    if (y && call_has(c, 2))
        y = combine(c, 'm', y, call_known(c, 2));
    return y && call_give_known(c, 0, y);
}

bool eval_where(NodeCall *c)
{
    const Tensor *in[3] = {call_known(c, 0), call_known(c, 1), call_known(c, 2)};
    Type some, out;
    if (!in[0] || !in[1] || !in[2])
        return false;
    if (!broadcast_dims(&in[1]->type, &in[2]->type, &some) || !broadcast_dims(&in[0]->type, &some, &out))
        return call_refuse(c, NULL, "its operands do not broadcast");
    Tensor *y = konst(c, in[1]->stored, out.rank, out.dim);
    if (!y)
        return false;
    ElemWalk w[3];
    for (int k = 0; k < 3; k++) {
        w[k] = walk_over(&out);
        broadcast_strides(&in[k]->type, &out, w[k].stride);
    }
    for (int64_t i = 0, n = type_elems(&out); i < n; i++) {
        int from = tensor_int(in[0], w[0].off) ? 1 : 2;
        tensor_copy(y, i, in[from], w[from].off);
        for (int k = 0; k < 3; k++)
            walk_next(&w[k]);
    }
    return call_give_known(c, 0, y);
}

bool eval_cast(NodeCall *c)
{
    const Tensor *x = call_known(c, 0);
    int64_t to = call_int(c, "to", 0);
    DType d;
    if (!x)
        return false;
    if (!onnx_dtype(to, &d))
        return call_refuse(c, NULL, "it makes %s of a tensor", onnx_type_name(to));
    if (d == x->stored || (dtype_float(d) && dtype_float(x->stored)))
        return call_give_known(c, 0, x);
    Tensor *y = konst(c, d, x->type.rank, x->type.dim);
    for (int64_t i = 0, n = y ? type_elems(&y->type) : 0; i < n; i++)
        tensor_copy(y, i, x, i);
    return call_give_known(c, 0, y);
}

bool eval_range(NodeCall *c)
{
    const Tensor *k[3] = {call_known(c, 0), call_known(c, 1), call_known(c, 2)};
    for (int i = 0; i < 3; i++)
        if (!k[i] || type_elems(&k[i]->type) != 1)
            return false;
    double start = tensor_at(k[0], 0), end = tensor_at(k[1], 0), step = tensor_at(k[2], 0);
    double count = ceil((end - start) / step);
    if (!(fabs(count) < 1e12))
        return call_refuse(c, NULL, "its range has no end");
    int64_t n = count > 0 ? (int64_t)count : 0;
    Tensor *y = konst(c, k[0]->stored, 1, &n);
    for (int64_t i = 0; y && i < n; i++)
        tensor_put(y, i, start + (double)i * step);
    return call_give_known(c, 0, y);
}

/* ---- reductions ---- */

static bool reduced_axes(NodeCall *c, const Type *t, Ints *axes)
{
    bool given;
    if (!call_list(c, 1, "axes", axes, &given))
        return false;
    for (int i = 0; i < axes->n; i++)
        if (!wrap_axis(c, &axes->v[i], t->rank))
            return false;
    if (axes->n || call_int(c, "noop_with_empty_axes", 0))
        return true;
    for (int d = 0; d < t->rank; d++)
        axes->v[axes->n++] = d;
    return true;
}

static void accumulate(Tensor *y, int64_t to, int op, const Tensor *x, int64_t i)
{
    if (dtype_float(x->stored))
        tensor_put(y, to, real(op, tensor_at(y, to), tensor_at(x, i)));
    else
        tensor_put_int(y, to, binary_int(op, tensor_int(y, to), tensor_int(x, i)));
}

bool eval_reduce(NodeCall *c)
{
    const Tensor *x = call_known(c, 0);
    int op = c->row->arg == 'e' ? '+' : c->row->arg, rank = 0;
    Ints axes;
    if (!x || !reduced_axes(c, &x->type, &axes) || !type_elems(&x->type))
        return false;
    if ((c->row->arg == 'e' && !dtype_float(x->stored)) || !konst_steps(c, type_elems(&x->type)))
        return false;
    Type kept = x->type;
    int64_t dim[MAX_RANK];
    for (int i = 0; i < axes.n; i++)
        kept.dim[axes.v[i]] = 1;
    for (int d = 0; d < kept.rank; d++)
        if (call_int(c, "keepdims", 1) || !ints_have(&axes, d))
            dim[rank++] = kept.dim[d];
    Tensor *y = konst(c, dtype_float(x->stored) ? DT_F64 : x->stored, rank, dim);
    int64_t n = type_elems(&x->type), m = type_elems(&kept);
    for (int64_t i = 0; y && i < m; i++)
        tensor_put_int(y, i, op == '*' ? 1 : 0);
    bool *seen = NEW(c->x->arena, bool, m);
    ElemWalk w = walk_over(&x->type);
    broadcast_strides(&kept, &x->type, w.stride);
    for (int64_t i = 0; y && i < n; i++, walk_next(&w))
        if (seen[w.off] || op == '*' || op == '+') {
            accumulate(y, w.off, op, x, i);
        } else {
            tensor_copy(y, w.off, x, i);
            seen[w.off] = true;
        }
    for (int64_t i = 0; y && c->row->arg == 'e' && i < m; i++)
        tensor_put(y, i, tensor_at(y, i) * (double)m / (double)n);
    return call_give_known(c, 0, y);
}
