/* What NAME.c refuses to be compiled by: machines and options for which it would compute other numbers, or run wild,
   without a word. The tests are those of C99's own headers, for any compiler. Byte order has none there: what compilers
   define is asked. GCC's limits.h wants that of a libc, so that it is read only where a compiler defines no more. */
#include "c.h"

typedef struct Refusal { const char *when, *why; } Refusal;

static const Refusal always[] = {
    {"DSQ_CHAR_BIT != 8", "bytes must have 8 bits: sizes are given in them"},
    {"DSQ_INT_MAX < 2147483647",
     "int must have 32 bits: indices outgrow a shorter one; take a machine and compiler where it has"},
    {"FLT_RADIX != 2 || FLT_MANT_DIG != 24 || FLT_MAX_EXP != 128",
     "float must be IEEE 754 single precision; take a machine and compiler where it is"},
    {"defined FLT_EVAL_METHOD && FLT_EVAL_METHOD != 0 && FLT_EVAL_METHOD != 16",
     "float must be computed in float, not in a wider type: on 32-bit x86 compile with -msse2 -mfpmath=sse"},
    {"defined __FAST_MATH__ || defined __ASSOCIATIVE_MATH__ || defined __RECIPROCAL_MATH__ || defined _M_FP_FAST",
     "compile without -ffast-math and -funsafe-math-optimizations: they change results"},
    {"defined __FINITE_MATH_ONLY__ && __FINITE_MATH_ONLY__",
     "compile without -ffinite-math-only: NaN and infinity go through"},
};

static void refuse(Buf *b, const char *when, const char *why)
{
    buf_printf(b, "#if %s\n#error \"%s\"\n#endif\n", when, why);
}

/* The most bytes that are addressed from one pointer. */
static int64_t largest(const CFile *c)
{
    int64_t most = imax(c->p->arena_bytes, c->blob.bytes);
    for (int i = 0; i < c->p->buf.n; i++) {
        const Type *t = &c->p->buf.v[i].type;
        most = imax(most, type_elems(t) * dtype_size(t->dtype));
    }
    return most;
}

void c_refusals(const CFile *c, Buf *b)
{
    buf_puts(b, "\n#include <float.h>\n\n#if defined __CHAR_BIT__ && defined __INT_MAX__\n"
                "#define DSQ_CHAR_BIT __CHAR_BIT__\n#define DSQ_INT_MAX __INT_MAX__\n#else\n#include <limits.h>\n"
                "#define DSQ_CHAR_BIT CHAR_BIT\n#define DSQ_INT_MAX INT_MAX\n#endif\n");
    for (int i = 0; i < LEN(always); i++)
        refuse(b, always[i].when, always[i].why);
    int64_t bytes = largest(c);
    if (bytes > INT16_MAX)
        refuse(b, arena_printf(c->A, "PTRDIFF_MAX < %lld", (long long)bytes),
               arena_printf(c->A, "pointers must reach %lld bytes: take a larger machine or a smaller network",
                            (long long)bytes));
    if (c->blob.bytes)
        refuse(b,
               "(defined __BYTE_ORDER__ && __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__) || defined __BIG_ENDIAN__ || \\\n"
               "    defined __ARMEB__ || defined __MIPSEB__",
               arena_printf(c->A, "%s.bin is little-endian: for this machine give dsqc --weights-as=c", c->model));
}
