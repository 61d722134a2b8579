/* memcpy, memmove and memset under their own names, for bare-metal programs without libc whose compiler calls them
   for the program's own structures and arrays. Generated code needs none of them: link this file only where the linker
   misses these names. They are weak, so that definitions of the program's own win. */
#if __STDC_HOSTED__
#error "dsq_libc.c is for programs without libc: compile it with -ffreestanding"
#endif
#include "dsq_mem.h"

#if defined __GNUC__
#define DSQ_WEAK __attribute__((weak))
#else
#define DSQ_WEAK
#endif

void *memcpy(void *restrict dst, const void *restrict src, size_t n);
void *memmove(void *dst, const void *src, size_t n);
void *memset(void *dst, int value, size_t n);

DSQ_WEAK void *memcpy(void *restrict dst, const void *restrict src, size_t n)
{
    dsq_memcpy(dst, src, n);
    return dst;
}

DSQ_WEAK void *memmove(void *dst, const void *src, size_t n)
{
    dsq_memmove(dst, src, n);
    return dst;
}

DSQ_WEAK void *memset(void *dst, int value, size_t n)
{
    dsq_memset(dst, value, n);
    return dst;
}
