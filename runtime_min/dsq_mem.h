#ifndef DSQ_MEM_H
#define DSQ_MEM_H
/* Copying and filling memory without libc. Freestanding C99, and all of it in this header, so that a generated NAME.c
   has no undefined symbol and several models link into one program.

   Compilers put calls of memcpy and memset in the place of such loops, even under -ffreestanding. Empty asm statements
   stop that: they hide that the pointers advance evenly. Copies go by the widest block that the target moves at once
   and end in bytes. Without GNU C, where strict aliasing cannot be lifted, all goes by bytes; so does a copy between
   addresses that differ in alignment on a target whose blocks must be aligned. */
#include <stddef.h>
#include <stdint.h>

#if defined __GNUC__
#define DSQ_OPAQUE(p) __asm__("" : "+r"(p))
#if defined __SSE2__ || defined __aarch64__
typedef uint8_t dsq_block __attribute__((vector_size(16), aligned(1), may_alias));
#define DSQ_BLOCK_ALIGN 1u
#elif defined __ARM_FEATURE_UNALIGNED || defined __riscv_misaligned_fast
typedef uintptr_t dsq_block __attribute__((aligned(1), may_alias));
#define DSQ_BLOCK_ALIGN 1u
#else
typedef uintptr_t dsq_block __attribute__((may_alias));
#define DSQ_BLOCK_ALIGN sizeof(dsq_block)
#endif
#else
#define DSQ_OPAQUE(p) ((void)(p))
typedef uint8_t dsq_block;
#define DSQ_BLOCK_ALIGN 1u
#endif

/* Copies n bytes. The areas must not overlap, unless they are the same. */
static inline void dsq_memcpy(void *dst, const void *src, size_t n)
{
    unsigned char *d = (unsigned char *)dst;
    const unsigned char *s = (const unsigned char *)src;
    if (((uintptr_t)d - (uintptr_t)s) % DSQ_BLOCK_ALIGN == 0) {
        for (; n != 0 && (uintptr_t)d % DSQ_BLOCK_ALIGN != 0; n--) {
            DSQ_OPAQUE(d);
            *d++ = *s++;
        }
        for (; n >= 4 * sizeof(dsq_block); n -= 4 * sizeof(dsq_block)) {
            DSQ_OPAQUE(d);
            const dsq_block *from = (const dsq_block *)(const void *)s;
            dsq_block a = from[0], b = from[1], c = from[2], e = from[3];
            dsq_block *to = (dsq_block *)(void *)d;
            to[0] = a;
            to[1] = b;
            to[2] = c;
            to[3] = e;
            d += 4 * sizeof(dsq_block);
            s += 4 * sizeof(dsq_block);
        }
        for (; n >= sizeof(dsq_block); n -= sizeof(dsq_block)) {
            DSQ_OPAQUE(d);
            *(dsq_block *)(void *)d = *(const dsq_block *)(const void *)s;
            d += sizeof(dsq_block);
            s += sizeof(dsq_block);
        }
    }
    for (; n != 0; n--) {
        DSQ_OPAQUE(d);
        *d++ = *s++;
    }
}

/* Copies n bytes. The areas may overlap; where they do not, dsq_memcpy is faster. */
static inline void dsq_memmove(void *dst, const void *src, size_t n)
{
    unsigned char *d = (unsigned char *)dst;
    const unsigned char *s = (const unsigned char *)src;
    if ((uintptr_t)d - (uintptr_t)s >= n) { /* dst lies before src, or behind its end */
        for (; n != 0; n--) {
            DSQ_OPAQUE(d);
            *d++ = *s++;
        }
    } else {
        for (d += n, s += n; n != 0; n--) {
            DSQ_OPAQUE(d);
            *--d = *--s;
        }
    }
}

/* Sets n bytes to the low byte of value. */
static inline void dsq_memset(void *dst, int value, size_t n)
{
    unsigned char *d = (unsigned char *)dst;
    unsigned char byte = (unsigned char)value;
    for (; n != 0 && (uintptr_t)d % DSQ_BLOCK_ALIGN != 0; n--) {
        DSQ_OPAQUE(d);
        *d++ = byte;
    }
    if (n >= sizeof(dsq_block)) {
        union { dsq_block b; unsigned char c[sizeof(dsq_block)]; } fill;
        for (size_t i = 0; i < sizeof(dsq_block); i++)
            fill.c[i] = byte;
        for (; n >= sizeof(dsq_block); n -= sizeof(dsq_block)) {
            DSQ_OPAQUE(d);
            *(dsq_block *)(void *)d = fill.b;
            d += sizeof(dsq_block);
        }
    }
    for (; n != 0; n--) {
        DSQ_OPAQUE(d);
        *d++ = byte;
    }
}
#endif
