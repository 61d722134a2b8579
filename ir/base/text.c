/* Text buffers, numbers as text, and names that are nearly right. */
#include "base.h"
#include "diag.h"

#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void buf_reserve(Buf *b, size_t more)
{
    size_t need;
    if (__builtin_add_overflow(b->n, more, &need) || need >= PTRDIFF_MAX / 2)
        out_of_memory();
    if (need < b->cap)
        return;
    size_t cap = b->cap ? b->cap : 64;
    while (cap <= need)
        cap *= 2;
    char *s = realloc(b->s, cap);
    if (!s)
        out_of_memory();
    b->s = s;
    b->cap = cap;
}

void buf_write(Buf *b, const void *s, size_t n)
{
    buf_reserve(b, n);
    if (n)
        memcpy(b->s + b->n, s, n);
    b->n += n;
    b->s[b->n] = 0;
}

void buf_puts(Buf *b, const char *s)
{
    buf_write(b, s, strlen(s));
}

void buf_putc(Buf *b, char c)
{
    buf_write(b, &c, 1);
}

void buf_vprintf(Buf *b, const char *fmt, va_list ap)
{
    va_list again;
    va_copy(again, ap);
    buf_reserve(b, 0);
    int n = vsnprintf(b->s + b->n, b->cap - b->n, fmt, ap);
    if (n < 0)
        out_of_memory();
    if ((size_t)n >= b->cap - b->n) {
        buf_reserve(b, (size_t)n);
        vsnprintf(b->s + b->n, b->cap - b->n, fmt, again);
    }
    va_end(again);
    b->n += (size_t)n;
}

void buf_printf(Buf *b, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    buf_vprintf(b, fmt, ap);
    va_end(ap);
}

void buf_free(Buf *b)
{
    free(b->s);
    *b = (Buf){0};
}

/* ---- UTF-8 ---- */

size_t utf8_char(const char *s, size_t n, unsigned *code)
{
    static const unsigned least[] = {0, 0, 0x80, 0x800, 0x10000};
    unsigned char c = (unsigned char)*s;
    size_t len = c < 0x80 ? 1 : c < 0xe0 ? 2 : c < 0xf0 ? 3 : 4;
    if (len > n || (len > 1 && c < 0xc2) || c > 0xf4)
        return 0;
    unsigned u = len == 1 ? c : c & (0x7fu >> len);
    for (size_t i = 1; i < len; i++) {
        if (((unsigned char)s[i] & 0xc0) != 0x80)
            return 0;
        u = u << 6 | ((unsigned char)s[i] & 0x3f);
    }
    *code = u;
    return u >= least[len] && !(u >= 0xd800 && u < 0xe000) && u <= 0x10ffff ? len : 0;
}

void buf_clean(Buf *b, const char *s, size_t n)
{
    unsigned code;
    for (size_t i = 0, len; i < n; i += len ? len : 1) {
        len = utf8_char(s + i, n - i, &code);
        if (len)
            buf_write(b, s + i, len);
        else
            buf_printf(b, "\\x%02x", (unsigned)(unsigned char)s[i]);
    }
}

/* ---- numbers ---- */

static locale_t c_locale(void)
{
    static locale_t c;
    if (!c && !(c = newlocale(LC_ALL_MASK, "C", (locale_t)0)))
        out_of_memory();
    return c;
}

/* "-d.ddde-xx" as printf writes it -> plain notation for exponents in -4..max_exp, else "-d.ddde-x". */
static void respell(char out[32], const char *sci, int max_exp)
{
    char digit[24];
    int n = 0;
    bool neg = *sci == '-';
    const char *p = sci + neg;
    for (; *p != 'e'; p++)
        if (*p != '.')
            digit[n++] = *p;
    int e = atoi(p + 1);
    while (n > 1 && digit[n - 1] == '0')
        n--;
    char *o = out;
    if (neg)
        *o++ = '-';
    if (e < -4 || e > max_exp) {
        *o++ = digit[0];
        if (n > 1) {
            *o++ = '.';
            memcpy(o, digit + 1, (size_t)n - 1);
            o += n - 1;
        }
        sprintf(o, "e%d", e);
        return;
    }
    if (e < 0) {
        *o++ = '0';
        *o++ = '.';
        for (int i = -1; i > e; i--)
            *o++ = '0';
    }
    for (int i = 0; i < n || i <= e; i++) {
        if (i && i == e + 1)
            *o++ = '.';
        *o++ = i < n ? digit[i] : '0';
    }
    *o = 0;
}

/* The fewest significant digits that read back: up to `sure` digits every decimal survives the way through a normal
   number, so trailing zeros tell how many are needed; `all` digits always suffice. Subnormals have fewer to keep. */
static void fmt_number(char out[32], double x, bool single)
{
    if (!isfinite(x))
        bug("a number that is not finite reached the printer");
    int sure = single ? 6 : 15, all = single ? 9 : 17;
    if (fabs(x) < (single ? 1.17549435082228751e-38 : 2.2250738585072014e-308))
        sure = 1;
    char sci[32];
    locale_t old = uselocale(c_locale());
    for (int p = sure; p <= all; p++) {
        snprintf(sci, sizeof sci, "%.*e", p - 1, x);
        if (p == all || (single ? strtof(sci, NULL) == (float)x : strtod(sci, NULL) == x))
            break;
    }
    uselocale(old);
    respell(out, sci, all - 1);
}

void fmt_float(char out[32], float x)
{
    fmt_number(out, (double)x, true);
}

void fmt_double(char out[32], double x)
{
    fmt_number(out, x, false);
}

/* ---- names ---- */

enum { NAME_MAX_COMPARED = 200 };

/* Optimal string alignment distance, or anything above limit once it must exceed that. */
static int edit_distance(const char *a, int n, const char *b, int m, int limit)
{
    int rows[3][NAME_MAX_COMPARED + 1], *before = rows[0], *prev = rows[1], *row = rows[2];
    for (int j = 0; j <= m; j++)
        prev[j] = before[j] = j;
    for (int i = 1; i <= n; i++) {
        int least = row[0] = i;
        for (int j = 1; j <= m; j++) {
            int d = prev[j - 1] + (a[i - 1] != b[j - 1]);
            d = (int)imin(d, imin(prev[j], row[j - 1]) + 1);
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                d = (int)imin(d, before[j - 2] + 1);
            row[j] = d;
            least = (int)imin(least, d);
        }
        if (least > limit)
            return least;
        int *t = before;
        before = prev;
        prev = row;
        row = t;
    }
    return prev[m];
}

const char *nearest_name(const char *s, const char *const *cand, int n)
{
    size_t len = strlen(s);
    if (!len || len > NAME_MAX_COMPARED)
        return NULL;
    int best = (int)imax(1, (int64_t)len / 3) + 1;
    const char *found = NULL;
    for (int i = 0; i < n && best > 0; i++) {
        size_t m = strlen(cand[i]);
        if (m > NAME_MAX_COMPARED || (m > len ? m - len : len - m) >= (size_t)best)
            continue;
        int d = edit_distance(s, (int)len, cand[i], (int)m, best - 1);
        if (d < best && d < (int)imax((int64_t)len, (int64_t)m)) {
            best = d;
            found = cand[i];
        }
    }
    return found;
}

const char *name_hint(Arena *a, const char *s, const char *const *cand, int n)
{
    const char *near = nearest_name(s, cand, n);
    return near ? arena_printf(a, "did you mean '%s'?", near) : NULL;
}

/* ---- whose text it is ---- */

static bool goes_on(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
}

bool text_is_word(const char *text, const char *word)
{
    size_t n = strlen(word);
    return !strncmp(text, word, n) && !goes_on(text[n]);
}

const char *text_start(const char *text, char comment)
{
    for (const char *p = text;; p++) {
        if (*p == comment && *p)
            p += strcspn(p, "\n");
        if (!*p || !strchr(" \t\r\n", *p))
            return p;
    }
}

bool text_ends_with(const char *text, const char *end)
{
    size_t n = strlen(text), m = strlen(end);
    return n >= m && !strcmp(text + n - m, end);
}

int by_text(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

bool text_has_line(const char *text, const char *const *word, int nword)
{
    for (const char *p = text; p; p = strchr(p, '\n'), p += p != NULL)
        for (int i = 0; i < nword; i++)
            if (text_is_word(p, word[i]))
                return true;
    return false;
}
