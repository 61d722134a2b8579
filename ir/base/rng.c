/* Hashes, random numbers and checked arithmetic: integers only, so that every machine agrees. */
#include "base.h"

/* FNV-1a by bytes, then mixed. */
uint64_t hash_bytes(const void *p, size_t n, uint64_t seed)
{
    const unsigned char *s = p;
    uint64_t h = 0xcbf29ce484222325u ^ mix64(seed);
    for (size_t i = 0; i < n; i++)
        h = (h ^ s[i]) * 0x100000001b3u;
    return mix64(h);
}

Rng rng_seed(uint64_t seed, const char *salt)
{
    size_t n = 0;
    while (salt && salt[n])
        n++;
    return (Rng){hash_bytes(salt, n, seed + 0x9e3779b97f4a7c15u)};
}

double rng_uniform(Rng *r)
{
    return (double)(rng_next(r) >> 11) * 0x1p-53;
}

/* The sum is exact in integers and rounded once. */
double rng_normal(Rng *r)
{
    int64_t sum = -((int64_t)6 << 53);
    for (int i = 0; i < 12; i++)
        sum += (int64_t)(rng_next(r) >> 11);
    return (double)sum * 0x1p-53;
}

bool mul_ok(int64_t a, int64_t b, int64_t *r)
{
    int64_t x;
    if (__builtin_mul_overflow(a, b, &x))
        return false;
    *r = x;
    return true;
}

bool add_ok(int64_t a, int64_t b, int64_t *r)
{
    int64_t x;
    if (__builtin_add_overflow(a, b, &x))
        return false;
    *r = x;
    return true;
}
