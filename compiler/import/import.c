/* What readers of models have in common. */
#include "import.h"

#include <math.h>
#include <string.h>

void list_failures(int file, const Failure *f, int n, const char *one, const char *many)
{
    error_at(loc_file(file), "%d %s", n, n == 1 ? one : many);
    for (int i = 0; i < n && i < FAILURES_LISTED; i++)
        error_more("  %s%s%s%s%s", f[i].what, *f[i].what ? ": " : "", f[i].why, f[i].help ? "; " : "",
                   f[i].help ? f[i].help : "");
    if (n > FAILURES_LISTED)
        error_more("  ... and %d more", n - FAILURES_LISTED);
}

/* ---- constants ---- */

static uint64_t bits_at(const Tensor *t, int64_t i, int size)
{
    uint64_t v = 0;
    const uint8_t *p = (const uint8_t *)t->data + i * size;
    for (int k = 0; k < size; k++)
        v |= (uint64_t)p[k] << (8 * k);
    return v;
}

int64_t float_int(double x)
{
    if (isnan(x))
        return 0;
    return x >= 0x1p63 ? INT64_MAX : x < -0x1p63 ? INT64_MIN : (int64_t)x;
}

int64_t tensor_int(const Tensor *t, int64_t i)
{
    if (t->stored == DT_I64 || t->stored == DT_U64)
        return (int64_t)bits_at(t, i, 8);
    return float_int(tensor_at(t, i));
}

bool ints_eq(const Ints *a, const Ints *b)
{
    return a->n == b->n && !memcmp(a->v, b->v, (size_t)a->n * sizeof *a->v);
}

bool dtype_float(DType d)
{
    return d == DT_F32 || d == DT_F64 || d == DT_F16 || d == DT_BF16;
}

const char *not_finite(Arena *A, const Tensor *t)
{
    int64_t n = type_elems(&t->type);
    for (int64_t i = 0; i < n; i++) {
        double x = tensor_at(t, i);
        if (!isfinite((float)x))
            return arena_printf(A, "the constant '%s' holds %s at element %lld", t->name,
                                isnan(x) ? "NaN" : isinf(x) ? "infinity" : "a number too large for f32", (long long)i);
    }
    return NULL;
}

bool one_axis(const Type *x, const Type *k, int *axis)
{
    *axis = -1;
    if (k->rank > x->rank || type_elems(k) == 1)
        return false;
    for (int d = 0; d < k->rank; d++) {
        int at = d + x->rank - k->rank;
        if (k->dim[d] == 1)
            continue;
        if (k->dim[d] != x->dim[at] || *axis >= 0)
            return false;
        *axis = at;
    }
    return *axis >= 0;
}

/* ---- names ---- */

const char *fresh_const_name(Arena *A, const Graph *g, const char *want)
{
    const char *name = want;
    for (int i = 1; dict_get(&g->consts, name) >= 0; i++)
        name = arena_printf(A, "%s$%d", want, i);
    return name;
}

static void take_port_names(Dict *ports, const Graph *g)
{
    for (int i = 0; i < g->input.n; i++)
        dict_put(ports, g->value.v[g->input.v[i]].name, 1);
}

/* A number is tried once for each name: many outputs may be of one. */
const char *fresh_port_name(Arena *A, Dict *ports, const Graph *g, const char *want)
{
    const char *name = want;
    if (!ports->n)
        take_port_names(ports, g);
    int first = dict_get(ports, want), i = first < 0 ? 1 : first;
    for (; dict_get(ports, name) >= 0; i++)
        name = i == 1 ? arena_printf(A, "%s_out", want) : arena_printf(A, "%s_out%d", want, i);
    dict_put(ports, want, i);
    if (name != want)
        dict_put(ports, name, 1);
    return name;
}
