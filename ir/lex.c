/* The words of the IR text forms. */
#include "lex.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

Lex lex_new(Arena *arena, const char *text, int file)
{
    return (Lex){.arena = arena, .file = file, .line = 1, .p = text, .start = text};
}

Loc lex_here(const Lex *s, int len)
{
    return (Loc){s->file, s->line, (int)(s->p - s->start) + 1, len};
}

void lex_skip(Lex *s)
{
    for (;; s->p++) {
        if (*s->p == ';' && !s->semicolon)
            while (s->p[1] && s->p[1] != '\n')
                s->p++;
        else if (*s->p == '\n')
            s->line++, s->start = s->p + 1;
        else if (*s->p != ' ' && *s->p != '\t' && *s->p != '\r')
            return;
    }
}

bool lex_peek(Lex *s, const char *text)
{
    lex_skip(s);
    return !strncmp(s->p, text, strlen(text));
}

bool lex_eat(Lex *s, const char *text)
{
    if (!lex_peek(s, text))
        return false;
    s->p += strlen(text);
    return true;
}

static bool is_word(char c)
{
    return isalnum((unsigned char)c) || c == '_';
}

/* May stand in a name without quotes; c is not NUL. */
static bool is_bare(char c)
{
    return is_word(c) || strchr(".-/$", c);
}

int lex_word_length(Lex *s)
{
    lex_skip(s);
    int n = 0;
    while (is_word(s->p[n]) && n < 1 << 20)
        n++;
    return n;
}

bool lex_eat_word(Lex *s, const char *word)
{
    int n = lex_word_length(s);
    if (n != (int)strlen(word) || memcmp(s->p, word, (size_t)n) != 0)
        return false;
    s->p += n;
    return true;
}

/* "name=" and the like */
bool lex_eat_key(Lex *s, const char *word)
{
    int n = lex_word_length(s);
    if (n != (int)strlen(word) || memcmp(s->p, word, (size_t)n) != 0 || s->p[n] != '=')
        return false;
    s->p += n + 1;
    return true;
}

bool lex_error(const Lex *s, Loc at, const char *hint, const char *fmt, ...)
{
    Buf b = {0};
    va_list ap;
    va_start(ap, fmt);
    buf_vprintf(&b, fmt, ap);
    va_end(ap);
    error_hint(at, hint, "%s%s%s", s->about ? s->about : "", s->about ? ": " : "", b.s);
    buf_free(&b);
    return false;
}

bool lex_expected(Lex *s, const char *what)
{
    lex_skip(s);
    int n = lex_word_length(s);
    if (n || !*s->p)
        lex_error(s, lex_here(s, n), NULL, "%s expected, found %s%.*s%s", what, n ? "'" : "the end",
                  (int)imin(n, 40), s->p, n ? "'" : "");
    else
        lex_error(s, lex_here(s, 1), NULL, "%s expected, found '%c'", what, *s->p);
    return false;
}

bool lex_expect(Lex *s, const char *text)
{
    return lex_eat(s, text) || lex_expected(s, arena_printf(s->arena, "'%s'", text));
}

const char *lex_word(Lex *s)
{
    int n = lex_word_length(s);
    const char *w = arena_strndup(s->arena, s->p, (size_t)n);
    s->p += n;
    return w;
}

static int hex_digit(char c)
{
    const char *digits = "0123456789abcdef", *at = c ? strchr(digits, tolower((unsigned char)c)) : NULL;
    return at ? (int)(at - digits) : -1;
}

static bool quoted(Lex *s, const char **out)
{
    size_t n = 1;
    while (s->p[n] && s->p[n] != '"' && s->p[n] != '\n')
        n += s->p[n] == '\\' && s->p[n + 1] ? 2 : 1;
    if (s->p[n] != '"')
        return lex_error(s, lex_here(s, 1), NULL, "the string does not end on its line");
    const char *end = s->p + n;
    char *o = NEW(s->arena, char, n + 1);
    *out = o;
    for (s->p++; s->p < end; s->p++) {
        if (*s->p != '\\') {
            *o++ = *s->p;
            continue;
        }
        char c = *++s->p;
        if (c == 'x' && hex_digit(s->p[1]) >= 0 && hex_digit(s->p[2]) >= 0 &&
            (hex_digit(s->p[1]) || hex_digit(s->p[2]))) {
            *o++ = (char)(hex_digit(s->p[1]) * 16 + hex_digit(s->p[2]));
            s->p += 2;
        } else if (c == 'n' || c == 't' || c == '"' || c == '\\') {
            *o++ = c == 'n' ? '\n' : c == 't' ? '\t' : c;
        } else {
            return lex_error(s, lex_here(s, 1), NULL,
                             "'\\%c' is not an escape: \\n, \\t, \\\", \\\\ and \\x01 to \\xff are", c);
        }
    }
    s->p++;
    return true;
}

bool lex_name(Lex *s, const char **out)
{
    if (*s->p == '"')
        return quoted(s, out);
    int n = 0;
    while (s->p[n] && is_bare(s->p[n]))
        n++;
    if (!n)
        return lex_expected(s, "a name");
    *out = arena_strndup(s->arena, s->p, (size_t)n);
    s->p += n;
    return true;
}

bool lex_int(Lex *s, int64_t *out)
{
    lex_skip(s);
    char *end;
    errno = 0;
    long long v = strtoll(s->p, &end, 10);
    if (end == s->p || isspace((unsigned char)*s->p))
        return lex_expected(s, "an integer");
    if (errno)
        return lex_error(s, lex_here(s, (int)(end - s->p)), NULL, "the integer does not fit 64 bits");
    *out = v;
    s->p = end;
    return true;
}

bool lex_number(Lex *s, double *out)
{
    lex_skip(s);
    char *end;
    double v = strtod(s->p, &end);
    if (end == s->p || isspace((unsigned char)*s->p))
        return lex_expected(s, "a number");
    *out = v;
    s->p = end;
    return true;
}

bool lex_bool(Lex *s, bool *out)
{
    if ((*out = lex_eat_word(s, "true")) || lex_eat_word(s, "false"))
        return true;
    return lex_expected(s, "true or false");
}

void lex_put_quoted(Buf *b, const char *s)
{
    buf_putc(b, '"');
    for (; *s; s++) {
        unsigned char c = (unsigned char)*s;
        if (c == '"' || c == '\\')
            buf_printf(b, "\\%c", c);
        else if (c < 0x20 || c == 0x7f)
            buf_printf(b, c == '\n' ? "\\n" : c == '\t' ? "\\t" : "\\x%02x", c);
        else
            buf_putc(b, *s);
    }
    buf_putc(b, '"');
}

void lex_put_name(Buf *b, const char *s)
{
    const char *p = s;
    while (*p && is_bare(*p))
        p++;
    if (*s && !*p)
        buf_puts(b, s);
    else
        lex_put_quoted(b, s);
}
