/* Random weights that keep a deep network's numbers in range, the same on every machine. Only operations that
   IEEE 754 rounds correctly are used, and none that a compiler may contract into a fused multiply-add. */
#include "weights.h"

#include <math.h>
#include <string.h>

/* Sum of twelve 16-bit uniforms, three draws of 64 bits: mean 0, variance 1 - 2^-32, within +-6. */
static inline double normal(Rng *r)
{
    const uint64_t even = 0x0000ffff0000ffffu; /* two sums of six side by side */
    const int32_t mean = 12 * 65535 / 2;
    uint64_t sum = 0;
    for (int i = 0; i < 3; i++) {
        uint64_t x = rng_next(r);
        sum += (x & even) + (x >> 16 & even);
    }
    return (double)((int32_t)((sum & 0xffffffff) + (sum >> 32)) - mean) * 0x1p-16;
}

static bool one_of(const char *s, const char *const *names, int n)
{
    for (int i = 0; i < n; i++)
        if (!strcmp(s, names[i]))
            return true;
    return false;
}

void weights_random(Arena *a, Tensor *t, uint64_t seed)
{
    static const char *const around_one[] = {"running_var", "alpha"};
    const char *dot = strrchr(t->name, '.'), *last = dot ? dot + 1 : t->name;
    int64_t n = type_elems(&t->type);
    float *x = NEW(a, float, n);
    Rng r = rng_seed(seed, t->name);
    if (t->type.rank >= 2) {
        /* He et al., "Delving Deep into Rectifiers", ICCV 2015, eq. 10 */
        const double scale = sqrt(2.0 / (double)(n / t->type.dim[0]));
        for (int64_t i = 0; i < n; i++)
            x[i] = (float)(normal(&r) * scale);
    } else if (one_of(last, around_one, LEN(around_one)) || !strcmp(last, "weight")) {
        /* A normalization's factor is below one: it holds back the gain of He's scale where no ReLU follows and of
           residual sums, so that neither depth nor squares make the numbers run away. */
        const double lo = strcmp(last, "weight") ? 0.5 : 0.25, range = strcmp(last, "weight") ? 1 : 0.5;
        for (int64_t i = 0; i < n; i++)
            x[i] = (float)((double)(rng_next(&r) >> 41) * 0x1p-23 * range + lo);
    } else if (!strcmp(last, "beta")) { /* the factor of a square: within +-0.1 */
        for (int64_t i = 0; i < n; i++)
            x[i] = (float)((rng_uniform(&r) - 0.5) * 0.2);
    } else {
        for (int64_t i = 0; i < n; i++)
            x[i] = (float)(normal(&r) * 0.1);
    }
    t->data = x;
    t->stored = DT_F32;
}
