/* Arenas and growable arrays. */
#include "cleanup.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Under AddressSanitizer each allocation is a block of its own, so that overruns are seen. */
#if defined(__SANITIZE_ADDRESS__)
#define BLOCK_BYTES 0
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define BLOCK_BYTES 0
#endif
#endif
#ifndef BLOCK_BYTES
#define BLOCK_BYTES ((size_t)1 << 16)
#endif

typedef struct Chunk {
    struct Chunk *next;
    size_t used, cap;
    unsigned char mem[];
} Chunk;

/* first: the block that small requests are cut from; large ones stand behind it in the list. */
struct Arena { Chunk *first; size_t bytes; };

NORETURN void out_of_memory(void)
{
    fputs("dsqc: error: out of memory\n", stderr);
    leave(1);
}

void *mem_alloc(size_t n)
{
    void *p = malloc(n ? n : 1);
    if (!p)
        out_of_memory();
    return p;
}

Arena *arena_new(void)
{
    Arena *a = calloc(1, sizeof *a);
    if (!a)
        out_of_memory();
    return a;
}

void arena_free(Arena *a)
{
    if (!a)
        return;
    for (Chunk *b = a->first, *next; b; b = next) {
        next = b->next;
        free(b);
    }
    free(a);
}

static void *block_cut(Chunk *b, size_t bytes, size_t align)
{
    uintptr_t at = (uintptr_t)b->mem + b->used;
    size_t skip = (size_t)(-at & (align - 1));
    if (skip > b->cap - b->used || bytes > b->cap - b->used - skip)
        return NULL;
    void *p = b->mem + b->used + skip;
    b->used += skip + bytes;
    return p;
}

void *arena_alloc(Arena *a, size_t n, size_t size, size_t align)
{
    size_t bytes, cap;
    if (__builtin_mul_overflow(n, size, &bytes) || __builtin_add_overflow(bytes, align - 1, &cap) ||
        cap > PTRDIFF_MAX - sizeof(Chunk))
        out_of_memory();
    a->bytes += bytes;
    void *p = a->first ? block_cut(a->first, bytes, align) : NULL;
    if (p)
        return p;
    bool large = cap > BLOCK_BYTES / 4;
    Chunk *b = calloc(1, sizeof *b + (large ? cap : BLOCK_BYTES));
    if (!b)
        out_of_memory();
    b->cap = large ? cap : BLOCK_BYTES;
    if (large && a->first) {
        b->next = a->first->next;
        a->first->next = b;
    } else {
        b->next = a->first;
        a->first = b;
    }
    return block_cut(b, bytes, align);
}

size_t arena_bytes(const Arena *a)
{
    return a->bytes;
}

char *arena_vprintf(Arena *a, const char *fmt, va_list ap)
{
    va_list again;
    va_copy(again, ap);
    int n = vsnprintf(NULL, 0, fmt, again);
    va_end(again);
    if (n < 0)
        out_of_memory();
    char *s = NEW(a, char, (size_t)n + 1);
    vsnprintf(s, (size_t)n + 1, fmt, ap);
    return s;
}

char *arena_printf(Arena *a, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    char *s = arena_vprintf(a, fmt, ap);
    va_end(ap);
    return s;
}

char *arena_strndup(Arena *a, const char *s, size_t n)
{
    if (n == SIZE_MAX)
        out_of_memory();
    char *d = NEW(a, char, n + 1);
    if (n)
        memcpy(d, s, n);
    return d;
}

void *vec_grow(Arena *a, void *v, int *cap, size_t size)
{
    if (*cap > INT_MAX / 2)
        out_of_memory();
    int more = *cap ? *cap * 2 : 8;
    void *w = arena_alloc(a, (size_t)more, size, _Alignof(max_align_t));
    if (*cap)
        memcpy(w, v, (size_t)*cap * size);
    *cap = more;
    return w;
}
