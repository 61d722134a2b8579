#ifndef DSQ_MATH_H
#define DSQ_MATH_H
/* Elementary functions in binary32 for generated code: freestanding, without tables, branches or state, so that
   compilers turn a loop over them into vector code.

   Contract. Every function takes every bit pattern: NaN gives NaN (its sign and payload are unspecified), infinities,
   zeros, subnormals and overflow give what C99 Annex F says; exception flags are not kept. With contraction off
   (-ffp-contract=off) the bits of a result that is a number are the same on every machine, compiler and optimisation
   level. With contraction to fused multiply-add they may differ, and the bounds below hold all the same.

   Largest error, in units in the last place of the exact result; measured over all 2^32 arguments, as gcc -O3 compiles
   the functions without and with contraction (what clang contracts stays below the same bounds):

       function       bound   not contracted   contracted
       dsq_expf       1.25        0.987           1.009
       dsq_sigmoidf   2.5         2.402           2.402
       dsq_tanhf      1.5         1.207           1.198
       dsq_erff       1.5         1.400           1.213
       dsq_logf       1.0         0.942           0.860
       dsq_sqrtf      0.5     correctly rounded

   The arithmetic must be IEEE 754 binary32, rounding to nearest. Where the hardware flushes subnormals to zero, so do
   these functions. */
#include <stdint.h>

#if defined __FAST_MATH__ || defined __ASSOCIATIVE_MATH__
#error "dsq_math.h: compile without -ffast-math and -fassociative-math; -ffp-contract and -fno-math-errno are welcome"
#endif
#if defined __FLT_EVAL_METHOD__ && (__FLT_EVAL_METHOD__ == 1 || __FLT_EVAL_METHOD__ == 2)
#error "dsq_math.h: float must be evaluated as float; on x86 compile with -msse2 -mfpmath=sse"
#endif

static inline uint32_t dsq_bits(float x)
{
    union { float f; uint32_t u; } v;
    v.f = x;
    return v.u;
}

static inline float dsq_from_bits(uint32_t u)
{
    union { float f; uint32_t u; } v;
    v.u = u;
    return v.f;
}

/* yes ? a : b, for yes 0 or 1. A compiler may move the computation of a or b into an arm of ?: and then, as it must not
   trap, no longer vectorise; a mask leaves it no arm. */
static inline float dsq_select(uint32_t yes, float a, float b)
{
    uint32_t mask = 0u - yes;
    return dsq_from_bits((dsq_bits(a) & mask) | (dsq_bits(b) & ~mask));
}

static inline float dsq_fabsf(float x)
{
    return dsq_from_bits(dsq_bits(x) & 0x7fffffffu);
}

static inline float dsq_copysignf(float magnitude, float sign)
{
    return dsq_from_bits((dsq_bits(magnitude) & 0x7fffffffu) | (dsq_bits(sign) & 0x80000000u));
}

/* exp(x) = 2^n (1 + p) for -104 <= x <= 89, with |p| < 0.42 accurate relative to itself.
   n is held as n + 256, so that no signed shift is needed. If x is NaN, p is NaN and n anything.
   Cody and Waite's reduction: ln 2 in two parts, of which the first has 15 bits and times n is exact; n is rounded by
   adding 1.5 * 2^23. The polynomial was fitted by Sollya's fpminimax on [-0.3475, 0.3475]; its error is 2^-28. */
typedef struct dsq_exp_parts {
    float p;
    uint32_t n256;
} dsq_exp_parts;

static inline dsq_exp_parts dsq_exp_reduce(float x)
{
    dsq_exp_parts e;
    float t = x * 0x1.715476p+0f + 0x1.8p+23f;
    float n = t - 0x1.8p+23f;
    float r = (x - n * 0x1.62e4p-1f) - n * 0x1.7f7d1cp-20f;
    float q = 0x1.695414p-10f;
    q = q * r + 0x1.123b04p-7f;
    q = q * r + 0x1.555a22p-5f;
    q = q * r + 0x1.55549p-3f;
    q = q * r + 0x1.fffffap-2f;
    e.p = (r * r) * q + r;
    e.n256 = dsq_bits(t) - 0x4b400000u + 256u;
    return e;
}

/* e^x. Overflows to infinity above 88.7228, is subnormal below -87.3365 and zero below -103.9721.
   2^n is applied as two factors: neither leaves the range of normal numbers, and only the second product may round. */
static inline float dsq_expf(float x)
{
    x = dsq_select(89.0f < x, 89.0f, x);
    x = dsq_select(-104.0f > x, -104.0f, x);
    dsq_exp_parts e = dsq_exp_reduce(x);
    uint32_t half = e.n256 >> 1;
    float s = dsq_from_bits((half - 1u) << 23);
    float t = dsq_from_bits((e.n256 - half - 1u) << 23);
    return (1.0f + e.p) * s * t;
}

/* 1 / (1 + e^-x), from e^-|x|: no overflow, and the lower tail keeps its precision down to the subnormals. */
static inline float dsq_sigmoidf(float x)
{
    float e = dsq_expf(-dsq_fabsf(x));
    return dsq_select(x < 0.0f, e, 1.0f) / (1.0f + e);
}

/* tanh x = x + x^3 P(x^2) below 0.625, 1 - 2 / (e^2x + 1) from there on with e^2x + 1 = 2^n p + (2^n + 1); P by
   Sollya's fpminimax, error 2^-27. It is 1 from 9.0109 on. */
static inline float dsq_tanhf(float x)
{
    float a = dsq_fabsf(x);
    a = dsq_select(9.25f < a, 9.25f, a);
    float z = a * a;
    float p = -0x1.758facp-8f;
    p = p * z + 0x1.5211c4p-6f;
    p = p * z + -0x1.b838ap-5f;
    p = p * z + 0x1.110704p-3f;
    p = p * z + -0x1.555532p-2f;
    p = a * (z * p) + a;
    dsq_exp_parts e = dsq_exp_reduce(a + a);
    float s = dsq_from_bits((e.n256 - 129u) << 23);
    float q = 1.0f - 2.0f / (s * e.p + (s + 1.0f));
    return dsq_copysignf(dsq_select(a < 0.625f, p, q), x);
}

/* erf x = x + x P(x^2) below 0.8, and 1 - exp(-(x + x Q(x))) with sign from there on, as Njuffa arranges it
   (https://stackoverflow.com/q/35148198); P by Sollya's fpminimax, Q by its remez with coefficients rounded one by one,
   both fitted for relative error in erf: 2^-28. It is 1 from 3.8326 on. */
static inline float dsq_erff(float x)
{
    float a = dsq_fabsf(x);
    a = dsq_select(4.0f < a, 4.0f, a);
    float z = a * a;
    float p = -0x1.5774dap-11f;
    p = p * z + 0x1.4d71bcp-8f;
    p = p * z + -0x1.b77672p-6f;
    p = p * z + 0x1.ce2896p-4f;
    p = p * z + -0x1.812732p-2f;
    p = p * z + 0x1.06eba8p-3f;
    p = a * p + a;
    float q = 0x1.c58956p-13f;
    q = q * a + -0x1.a7d2cep-9f;
    q = q * a + 0x1.77fde8p-6f;
    q = q * a + -0x1.af85c8p-4f;
    q = q * a + -0x1.457406p-1f;
    q = q * a + -0x1.073cd2p-3f;
    q = a * q - a;
    q = 1.0f - dsq_expf(q);
    return dsq_copysignf(dsq_select(a < 0.8f, p, q), x);
}

/* Natural logarithm: -infinity at both zeros, NaN below them. x = 2^n (1 + f) with 1 + f in [sqrt 1/2, sqrt 2);
   log x = n ln 2 + (f - f^2 / 2 + f^3 P(f)), ln 2 in two parts as above; P by Sollya's fpminimax, error 2^-26. */
static inline float dsq_logf(float x)
{
    uint32_t tiny = x < 0x1p-126f;
    uint32_t u = dsq_bits(dsq_select(tiny, x * 0x1p23f, x)) + (0x3f800000u - 0x3f3504f3u);
    float n = (float)(int32_t)(u >> 23) - dsq_select(tiny, 150.0f, 127.0f);
    float f = dsq_from_bits((u & 0x007fffffu) + 0x3f3504f3u) - 1.0f;
    float p = -0x1.2a6f78p-4f;
    p = p * f + 0x1.015974p-3f;
    p = p * f + -0x1.0e96ccp-3f;
    p = p * f + 0x1.239ce2p-3f;
    p = p * f + -0x1.5466fep-3f;
    p = p * f + 0x1.99944ep-3f;
    p = p * f + -0x1.000234p-2f;
    p = p * f + 0x1.55557p-2f;
    p = p * f + -0.5f;
    float y = ((f * f) * p + n * 0x1.7f7d1cp-20f) + f + n * 0x1.62e4p-1f;
    y = dsq_select(x > 0x1.fffffep+127f, x, y);
    y = dsq_select(x == 0.0f, dsq_from_bits(0xff800000u), y);
    return dsq_select((uint32_t)!(x >= 0.0f), dsq_from_bits(0x7fc00000u), y);
}

/* Correctly rounded square root in integers, one bit per step (as in fdlibm's e_sqrtf.c): for cores without the
   instruction. -0 gives -0, numbers below give NaN. */
static inline float dsq_sqrtf_soft(float x)
{
    uint32_t m = dsq_bits(x);
    if (m == 0u || m >= 0x7f800000u) /* +0, infinity, NaN, or the sign bit is set */
        return m << 1 == 0u || m == 0x7f800000u ? x : dsq_from_bits(0x7fc00000u);
    uint32_t e = m >> 23;
    if (e == 0u) {
        for (e = 1u; m < 0x00800000u; e--)
            m <<= 1;
    } else {
        m = (m & 0x007fffffu) | 0x00800000u;
    }
    /* x = m 2^(e - 150) with 2^23 <= m < 2^24 and e > -23, modulo 2^32; e - 127 is made even. */
    if ((e & 1u) == 0u)
        m <<= 1;
    m <<= 1;
    uint32_t root = 0u, sum = 0u;
    for (uint32_t bit = 0x01000000u; bit != 0u; bit >>= 1) {
        uint32_t t = sum + bit;
        if (t <= m) {
            sum = t + bit;
            m -= t;
            root += bit;
        }
        m <<= 1;
    }
    /* root has one bit more than the result; no square root of a float lies midway between two floats. */
    return dsq_from_bits(((root + 1u) >> 1) + (((e + 125u) >> 1) << 23));
}

/* Correctly rounded square root. __builtin_sqrtf is used only under -fno-math-errno (which also lets loops vectorise),
   for without it compilers add a call to sqrtf that sets errno. */
static inline float dsq_sqrtf(float x)
{
#if !defined __GNUC__
    return dsq_sqrtf_soft(x);
#elif defined __SSE2__ || defined __aarch64__ || (defined __ARM_FP && (__ARM_FP & 4)) || defined __riscv_flen
#if defined __NO_MATH_ERRNO__
    return __builtin_sqrtf(x);
#else
    float y;
#if defined __AVX__
    __asm__("vsqrtss %1, %1, %0" : "=x"(y) : "x"(x));
#elif defined __SSE2__
    __asm__("sqrtss %1, %0" : "=x"(y) : "x"(x));
#elif defined __aarch64__
    __asm__("fsqrt %s0, %s1" : "=w"(y) : "w"(x));
#elif defined __riscv_flen
    __asm__("fsqrt.s %0, %1" : "=f"(y) : "f"(x));
#else
    __asm__("vsqrt.f32 %0, %1" : "=t"(y) : "t"(x));
#endif
    return y;
#endif
#else
    return dsq_sqrtf_soft(x);
#endif
}
#endif
