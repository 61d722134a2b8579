#ifndef DSQ_BASE_H
#define DSQ_BASE_H
/* Memory, growable arrays, text buffers and name tables that every part of the compiler uses.
   Memory comes from arenas and is released with them; nothing here is freed piece by piece. */
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LEN(a) ((int)(sizeof(a) / sizeof *(a)))
#define PRINTF(f, a) __attribute__((format(printf, f, a)))
#define NORETURN __attribute__((noreturn))

/* A bump allocator. Memory is zeroed. If memory is used up or a size overflows, the process ends with a message and
   status 1. So check sizes that come from outside before you ask for them. */
typedef struct Arena Arena;
NORETURN void out_of_memory(void);
void *mem_alloc(size_t n); /* malloc that ends the process where it fails: for libraries that take an allocator */
Arena *arena_new(void);
void arena_free(Arena *);
void *arena_alloc(Arena *, size_t n, size_t size, size_t align);
size_t arena_bytes(const Arena *); /* that the arena holds */
#define NEW(A, T, n) ((T *)arena_alloc((A), (size_t)(n), sizeof(T), _Alignof(T)))
char *arena_printf(Arena *, const char *fmt, ...) PRINTF(2, 3);
char *arena_vprintf(Arena *, const char *fmt, va_list);
char *arena_strndup(Arena *, const char *s, size_t n);

/* Growable arrays: VEC(int) xs = {0}; PUSH(A, &xs, 3); then xs.v[0] is 3 and xs.n is 1. When an array grows it moves,
   and the old block stays in the arena. */
#define VEC(T) struct { T *v; int n, cap; }
#define PUSH(A, x, ...)                                                                                                \
    ((x)->n == (x)->cap ? (void)((x)->v = vec_grow((A), (x)->v, &(x)->cap, sizeof *(x)->v)) : (void)0,                 \
     (void)((x)->v[(x)->n++] = (__VA_ARGS__)))
void *vec_grow(Arena *, void *v, int *cap, size_t size);

/* Growable malloc'ed text for output; buf_free releases it. s is always NUL-terminated once written to. */
typedef struct Buf { char *s; size_t n, cap; } Buf;
void buf_write(Buf *, const void *s, size_t n);
void buf_puts(Buf *, const char *s);
void buf_putc(Buf *, char c);
void buf_printf(Buf *, const char *fmt, ...) PRINTF(2, 3);
void buf_vprintf(Buf *, const char *fmt, va_list) PRINTF(2, 0);
void buf_free(Buf *);
/* Length of the UTF-8 character at s, which has n > 0 bytes left, with its code. 0 where it is not well-formed
   (RFC 3629). */
size_t utf8_char(const char *s, size_t n, unsigned *code);
void buf_clean(Buf *, const char *s, size_t n); /* appends s; a byte that is not part of UTF-8 becomes \xff, in hex */

/* A hash map from names to integers. dict_get returns -1 where there is none. dict_put replaces. Keys are copied. */
typedef struct Dict { struct DictSlot { const char *key; int val; } *slot; int n, cap; Arena *arena; } Dict;
Dict dict_new(Arena *);
int dict_get(const Dict *, const char *key);
void dict_put(Dict *, const char *key, int val);

/* Checked arithmetic: false on overflow, *r untouched then. */
bool mul_ok(int64_t a, int64_t b, int64_t *r);
bool add_ok(int64_t a, int64_t b, int64_t *r);
/* The quotient rounded towards minus infinity; k > 0. */
static inline int64_t floor_div(int64_t a, int64_t k) { return a / k - (a % k < 0); }
static inline int64_t round_up(int64_t x, int64_t to) { return (x + to - 1) / to * to; }
static inline int64_t imin(int64_t a, int64_t b) { return a < b ? a : b; }
static inline int64_t imax(int64_t a, int64_t b) { return a > b ? a : b; }

/* The candidate nearest to s by edit distance (transpositions count 1), or NULL where none is near. */
const char *nearest_name(const char *s, const char *const *cand, int n);
const char *name_hint(Arena *, const char *s, const char *const *cand, int n); /* "did you mean 'x'?", or NULL */

bool text_ends_with(const char *text, const char *end);
int by_text(const void *, const void *); /* for qsort of const char * */

/* Whether a text looks like a file of the right kind. Only then may a message quote it: whoever reads the message may
   not be allowed to read the file. Texts end with a NUL. */
bool text_is_word(const char *text, const char *word);       /* it begins with the word */
const char *text_start(const char *text, char comment);      /* past blanks and lines of comment */
bool text_has_line(const char *text, const char *const *word, int nword); /* a line begins with one of the words */

/* Deterministic random numbers, the same on every machine: SplitMix64 seeded by a number and a text. */
typedef struct Rng { uint64_t s; } Rng;
Rng rng_seed(uint64_t seed, const char *salt);
/* The finalizer of SplitMix64: Steele, Lea, Flood, "Fast Splittable Pseudorandom Number Generators", OOPSLA 2014. */
static inline uint64_t mix64(uint64_t z)
{
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}
static inline uint64_t rng_next(Rng *r) { return mix64(r->s += 0x9e3779b97f4a7c15u); }
double rng_uniform(Rng *);  /* in [0, 1), 53 bits */
double rng_normal(Rng *);   /* mean 0, variance 1: sum of 12 uniforms minus 6, no libm */

/* dlopen. NULL with the reason in *why. Ends the process where memory is used up. */
void *library_open(const char *path, const char **why);
/* Stores dlsym's result in the function pointer at `function`. dlsym returns a pointer to data, and ISO C does not
   convert that to a function. False where the library has no such name. */
bool library_find(void *library, const char *name, void *function);

uint64_t hash_bytes(const void *, size_t n, uint64_t seed); /* FNV-1a, mixed; the same everywhere */

/* Shortest decimal that reads back as the same float (double). Never prints inf or nan. Locale-free. */
void fmt_float(char out[32], float);
void fmt_double(char out[32], double);
#endif
