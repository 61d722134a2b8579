#ifndef DSQ_TEST_ISA_NUMBERS_H
#define DSQ_TEST_ISA_NUMBERS_H
/* The numbers that every row of an ISA computes with. */
#include "../../../ir/base/base.h"

#include <math.h>
#include <string.h>

/* Elements of an operand, and which operand of the integers is shift counts. */
enum { ELEMS = 1024, SHIFTS = 4 };

static const float edge_f32[] = {0.0f, -0.0f, 1.0f, -1.0f, INFINITY, -INFINITY, NAN, -NAN, 0x1p-149f, -0x1p-149f,
                                 0x1.fffffcp-127f, 0x1p-126f, -0x1p-126f, 3.402823466e38f, -3.402823466e38f, 0.5f,
                                 -0.5f, 1.5f, 2.5f, 16777216.0f, -3.0f, 1e30f, 0x1p-100f};
static const int32_t edge_i32[] = {0, 1, -1, 2, -2, INT32_MAX, INT32_MIN, INT32_MAX - 1, INT32_MIN + 1, 0x7f800000,
                                   0x7f800001, 16777217, -16777217, 33554435, 65536, 0x55555555, 31, 1000000007};

/* Number i of operand k: in the first two operands every edge meets every other. */
static inline int edge_at(Rng *r, int k, int i, int n)
{
    if (i < n * n)
        return k == 0 ? i / n : k == 1 ? i % n : (int)(rng_next(r) % (uint64_t)n);
    return i % 4 == 0 ? (int)(rng_next(r) % (uint64_t)n) : -1;
}

/* Four operands of floats; as many of integers, and shift counts behind them. */
static inline void fill(uint64_t seed, float *f, int32_t *x)
{
    Rng r = rng_seed(seed, "isa");
    for (int at = 0; at < 4 * ELEMS; at++) {
        int k = at / ELEMS, i = at % ELEMS, e = edge_at(&r, k, i, LEN(edge_f32));
        uint32_t bits = (uint32_t)rng_next(&r);
        f[at] = e >= 0 ? edge_f32[e] : (float)rng_normal(&r);
        if (e < 0 && i % 2)
            memcpy(&f[at], &bits, sizeof bits);
        e = edge_at(&r, k, i, LEN(edge_i32));
        memcpy(&x[at], &bits, sizeof bits);
        x[at] = e >= 0 ? edge_i32[e] : i % 2 ? x[at] : x[at] % 1000;
    }
    for (int i = 0; i < ELEMS; i++)
        x[SHIFTS * ELEMS + i] = i < 64 ? i % 32 : (int32_t)(rng_next(&r) % 32);
}
#endif
