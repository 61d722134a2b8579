/* Tensor types, and the numbers of constants whatever their storage. */
#include "type.h"

#include <ctype.h>
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

static const struct { int size; const char *name; } dtype_info[NDTYPES] = {
#define X(n, b, t) [DT_##n] = {b, t},
    DTYPES(X)
#undef X
};

int dtype_size(DType d)
{
    return dtype_info[d].size;
}

const char *dtype_name(DType d)
{
    return dtype_info[d].name;
}

int dtype_parse(const char *s, int n)
{
    for (int i = 0; i < NDTYPES; i++)
        if ((int)strlen(dtype_info[i].name) == n && !memcmp(s, dtype_info[i].name, (size_t)n))
            return i;
    return -1;
}

Type type_make(DType d, int rank, const int64_t *dim)
{
    Type t = {.dtype = d, .rank = rank};
    for (int i = 0; i < rank; i++)
        t.dim[i] = dim[i];
    return t;
}

bool type_eq(const Type *a, const Type *b)
{
    if (a->dtype != b->dtype || a->rank != b->rank)
        return false;
    for (int i = 0; i < a->rank; i++)
        if (a->dim[i] != b->dim[i])
            return false;
    return true;
}

/* A type that is not valid gives MAX_ELEMS + 1 instead of an overflow. */
int64_t type_elems(const Type *t)
{
    int64_t n = 1;
    for (int i = 0; i < t->rank; i++) {
        if (!mul_ok(n, t->dim[i], &n) || n > MAX_ELEMS || n < 0)
            return MAX_ELEMS + 1;
    }
    return n;
}

bool type_valid(const Type *t)
{
    if (t->rank < 0 || t->rank > MAX_RANK)
        return false;
    for (int i = 0; i < t->rank; i++)
        if (t->dim[i] < 1)
            return false;
    return type_elems(t) <= MAX_ELEMS;
}

const char *type_text(Arena *a, const Type *t)
{
    char s[16 + MAX_RANK * 21];
    int n = sprintf(s, "%s[", dtype_name(t->dtype));
    for (int i = 0; i < t->rank; i++)
        n += sprintf(s + n, "%s%lld", i ? "," : "", (long long)t->dim[i]);
    s[n++] = ']';
    return arena_strndup(a, s, (size_t)n);
}

static const char *skip_blanks(const char *p)
{
    while (*p == ' ')
        p++;
    return p;
}

int type_parse(const char *s, Type *out)
{
    const char *p = s;
    while (isalnum((unsigned char)*p))
        p++;
    int d = dtype_parse(s, (int)imin(p - s, 16));
    if (d < 0 || *p != '[')
        return 0;
    Type t = {.dtype = (DType)d};
    p = skip_blanks(p + 1);
    while (*p != ']') {
        if (t.rank) {
            if (*p != ',')
                return 0;
            p = skip_blanks(p + 1);
        }
        if (t.rank == MAX_RANK || *p < '0' || *p > '9')
            return 0;
        int64_t v = 0;
        for (; *p >= '0' && *p <= '9'; p++)
            if (!mul_ok(v, 10, &v) || !add_ok(v, *p - '0', &v))
                return 0;
        t.dim[t.rank++] = v;
        p = skip_blanks(p);
    }
    *out = t;
    return (int)(p + 1 - s);
}

/* ---- numbers ---- */

static uint64_t load_bits(const uint8_t *p, int n)
{
    uint64_t v = 0;
    for (int i = 0; i < n; i++)
        v |= (uint64_t)p[i] << 8 * i;
    return v;
}

static double bits_f32(uint32_t b)
{
    float f;
    memcpy(&f, &b, sizeof f);
    return (double)f;
}

/* IEEE 754 binary16: every value is exact in double. */
static double bits_f16(uint32_t b)
{
    uint32_t e = b >> 10 & 31, m = b & 1023;
    if (e == 31) /* infinity or NaN: keep the payload's top */
        return bits_f32((b & 0x8000) << 16 | 0x7f800000 | m << 13);
    double x = e ? (double)(m | 1024) * (double)(1u << (e - 1)) * 0x1p-24 : (double)m * 0x1p-24;
    return b & 0x8000 ? -x : x;
}

double tensor_at(const Tensor *t, int64_t i)
{
    const uint8_t *p = (const uint8_t *)t->data + i * dtype_info[t->stored].size;
    switch (t->stored) {
    case DT_F32: return bits_f32((uint32_t)load_bits(p, 4));
    case DT_F64: {
        uint64_t b = load_bits(p, 8);
        double d;
        memcpy(&d, &b, sizeof d);
        return d;
    }
    case DT_F16: return bits_f16((uint32_t)load_bits(p, 2));
    case DT_BF16: return bits_f32((uint32_t)load_bits(p, 2) << 16);
    case DT_I8: return (int8_t)*p;
    case DT_U8: return *p;
    case DT_BOOL: return *p != 0;
    case DT_I16: return (int16_t)load_bits(p, 2);
    case DT_U16: return (uint16_t)load_bits(p, 2);
    case DT_I32: return (int32_t)load_bits(p, 4);
    case DT_U32: return (uint32_t)load_bits(p, 4);
    case DT_I64: return (double)(int64_t)load_bits(p, 8);
    case DT_U64: return (double)load_bits(p, 8);
    case NDTYPES: break;
    }
    bug("tensor '%s' is stored as dtype %d", t->name, (int)t->stored);
}

/* 64-bit integers must not be rounded twice on their way through double. */
static float element_f32(const Tensor *t, int64_t i)
{
    if (t->stored == DT_I64)
        return (float)(int64_t)load_bits((const uint8_t *)t->data + i * 8, 8);
    if (t->stored == DT_U64)
        return (float)load_bits((const uint8_t *)t->data + i * 8, 8);
    return (float)tensor_at(t, i);
}

static bool native_f32(const Tensor *t)
{
    return t->stored == DT_F32 && __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__;
}

/* Can its numbers be read where they lie? */
static bool is_array(const Tensor *t) { return native_f32(t) && (uintptr_t)t->data % _Alignof(float) == 0; }

const float *tensor_f32(Arena *a, const Tensor *t)
{
    const bool native = native_f32(t);
    if (is_array(t))
        return t->data;
    int64_t n = type_elems(&t->type);
    float *f = NEW(a, float, n);
    if (native) {
        memcpy(f, t->data, (size_t)n * sizeof *f);
        return f;
    }
    for (int64_t i = 0; i < n; i++)
        f[i] = element_f32(t, i);
    return f;
}

void tensor_f64(const Tensor *t, double *out)
{
    int64_t n = type_elems(&t->type);
    const float *x = t->data;
    if (is_array(t)) {
        for (int64_t i = 0; i < n; i++)
            out[i] = (double)x[i];
        return;
    }
    for (int64_t i = 0; i < n; i++)
        out[i] = tensor_at(t, i);
}

static bool is_subnormal(float x)
{
    return x != 0 && x > -FLT_MIN && x < FLT_MIN;
}

/* In bits, block by block: networks have tens of millions of numbers. */
static bool any_subnormal(const float *x, int64_t n)
{
    enum { BLOCK = 64 };
    for (; n >= BLOCK; x += BLOCK, n -= BLOCK) {
        uint32_t bits[BLOCK], any = 0;
        memcpy(bits, x, sizeof bits);
        for (int i = 0; i < BLOCK; i++)
            any |= (bits[i] & 0x7fffffff) - 1 < 0x7fffff;
        if (any)
            return true;
    }
    for (int64_t i = 0; i < n; i++)
        if (is_subnormal(x[i]))
            return true;
    return false;
}

const float *without_subnormals(Arena *a, const float *x, int64_t n)
{
    if (!any_subnormal(x, n))
        return x;
    float *y = NEW(a, float, n);
    for (int64_t i = 0; i < n; i++)
        y[i] = is_subnormal(x[i]) ? copysignf(0, x[i]) : x[i];
    return y;
}

void tensor_flush(Arena *a, Tensor *t)
{
    bool any = false;
    int64_t n = type_elems(&t->type);
    if (t->stored != DT_F32 && t->stored != DT_BF16 && t->stored != DT_F64) /* others have none, as f32 */
        return;
    if (is_array(t)) {
        t->data = without_subnormals(a, t->data, n);
        return;
    }
    for (int64_t i = 0; i < n && !any; i++)
        any = is_subnormal(element_f32(t, i));
    if (any) {
        t->data = without_subnormals(a, tensor_f32(a, t), n);
        t->stored = DT_F32;
    }
}
