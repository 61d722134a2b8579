/* Arithmetic on vectors as loop_op.def defines it. */
#include <float.h>
#include <math.h>
#include <string.h>

#include "loop_interp.h"

#define LANES(expr)                                                                                                    \
    for (int l = 0; l < n; l++)                                                                                        \
        r[l] = (expr);                                                                                                 \
    return

void lanes_f32(XOp op, int n, float *restrict r, const float *a, const float *b, const float *c, const float *d)
{
    switch (op) {
    case X_splat: LANES(a[0]);
    case X_add: LANES(a[l] + b[l]);
    case X_sub: LANES(a[l] - b[l]);
    case X_mul: LANES(a[l] * b[l]);
    case X_div: LANES(a[l] / b[l]);
    case X_max: LANES(a[l] > b[l] ? a[l] : b[l]);
    case X_min: LANES(a[l] < b[l] ? a[l] : b[l]);
    case X_maximum: LANES(a[l] > b[l] || isnan(a[l]) ? a[l] : b[l]);
    case X_minimum: LANES(a[l] < b[l] || isnan(a[l]) ? a[l] : b[l]);
    case X_neg: LANES(-a[l]);
    case X_abs: LANES(fabsf(a[l]));
    case X_sqrt: LANES(sqrtf(a[l]));
    case X_fma: LANES(fmaf(a[l], b[l], c[l]));
    case X_select_gt: LANES(a[l] > b[l] ? c[l] : d[l]);
    case X_select_ge: LANES(a[l] >= b[l] ? c[l] : d[l]);
    default: bug("interpreter: %s of f32", xop_info[op].name);
    }
}

void lanes_i32(XOp op, int n, int32_t *restrict r, const int32_t *a, const int32_t *b, const int32_t *c,
                      const int32_t *d)
{
    switch (op) {
    case X_splat: LANES(a[0]);
    case X_add: LANES((int32_t)((uint32_t)a[l] + (uint32_t)b[l]));
    case X_sub: LANES((int32_t)((uint32_t)a[l] - (uint32_t)b[l]));
    case X_mul: LANES((int32_t)((uint32_t)a[l] * (uint32_t)b[l]));
    case X_max:
    case X_maximum: LANES(a[l] > b[l] ? a[l] : b[l]);
    case X_min:
    case X_minimum: LANES(a[l] < b[l] ? a[l] : b[l]);
    case X_neg: LANES((int32_t)-(uint32_t)a[l]);
    case X_abs: LANES(a[l] < 0 ? (int32_t)-(uint32_t)a[l] : a[l]);
    case X_select_gt: LANES(a[l] > b[l] ? c[l] : d[l]);
    case X_select_ge: LANES(a[l] >= b[l] ? c[l] : d[l]);
    case X_and: LANES(a[l] & b[l]);
    case X_or: LANES(a[l] | b[l]);
    case X_shl: LANES((int32_t)((uint32_t)a[l] << (b[l] & 31)));
    case X_shr: LANES((int32_t)((uint32_t)a[l] >> (b[l] & 31)));
    default: bug("interpreter: %s of i32", xop_info[op].name);
    }
}

void lanes_cast(const XNode *x, const void *a)
{
    if (x->op == X_convert)
        for (int l = 0; l < x->lanes; l++)
            ((float *)x->out)[l] = (float)((const int32_t *)a)[l];
    else
        memcpy(x->out, a, (size_t)x->lanes * 4);
}

const float *lanes_flush(float *r, const float *a, int n)
{
    for (int l = 0; l < n; l++)
        r[l] = fabsf(a[l]) < FLT_MIN ? copysignf(0, a[l]) : a[l];
    return r;
}

void lanes_fold(const XNode *x, const void *a, int n, bool flush)
{
    union { float f[MAX_LANES]; int32_t i[MAX_LANES]; } v, half;
    XOp op = x->op == X_hsum ? X_add : X_max;
    memcpy(&v, a, (size_t)n * 4);
    for (n /= 2; n >= 1; n /= 2) {
        if (x->integer)
            lanes_i32(op, n, half.i, v.i, v.i + n, NULL, NULL);
        else
            lanes_f32(op, n, half.f, v.f, v.f + n, NULL, NULL);
        if (flush)
            lanes_flush(half.f, half.f, n);
        memcpy(&v, &half, (size_t)n * 4);
    }
    memcpy(x->out, &v, 4);
}
