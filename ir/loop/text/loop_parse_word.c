/* Words, names in scope, types and numbers of the loop IR's text. */
#include "loop_parse.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_NESTING = 1000 };

/* ---- words ---- */

void lp_fail(Parser *P, Tok t, const char *fmt, ...)
{
    if (P->failed)
        return;
    P->failed = true;
    va_list ap;
    va_start(ap, fmt);
    error_at(t.loc, "%s", arena_vprintf(P->A, fmt, ap));
    va_end(ap);
}

/* Characters of the number at p. */
static int number_length(const char *p)
{
    const char *s = p;
    if (p[0] == '0' && p[1] == 'x')
        return 2 + (int)strspn(p + 2, "0123456789abcdefABCDEF");
    p += strspn(p, "0123456789");
    if (*p == '.' && p[1] != '.')
        p += 1 + strspn(p + 1, "0123456789");
    if (*p == 'e' && (isdigit((unsigned char)p[1]) || ((p[1] == '-' || p[1] == '+') && isdigit((unsigned char)p[2]))))
        p += 2 + strspn(p + 2, "0123456789");
    return (int)(p - s);
}

Tok lp_tok(Parser *P)
{
    lex_skip(&P->x);
    const char *s = P->x.p;
    int n = isdigit((unsigned char)*s) ? number_length(s) : lex_word_length(&P->x);
    n = n ? n : *s != 0;
    return (Tok){lex_here(&P->x, n), s, n};
}

const char *lp_text(Parser *P, Tok t)
{
    return t.n == 0   ? "the end"
           : t.n > 40 ? arena_printf(P->A, "'%.40s...'", t.s)
                      : arena_printf(P->A, "'%.*s'", t.n, t.s);
}

bool lp_peek(Parser *P, const char *word)
{
    if (P->failed)
        return false;
    if (!isalpha((unsigned char)*word))
        return lex_peek(&P->x, word);
    Tok t = lp_tok(P);
    return t.n == (int)strlen(word) && memcmp(t.s, word, (size_t)t.n) == 0;
}

bool lp_accept(Parser *P, const char *word)
{
    if (!lp_peek(P, word))
        return false;
    P->x.p += strlen(word);
    return true;
}

void lp_expect(Parser *P, const char *word)
{
    if (!lp_accept(P, word))
        lp_fail(P, lp_tok(P), "expected '%s', found %s", word, lp_text(P, lp_tok(P)));
}

/* Consumes the next token, which must be a number or a name. */
static Tok take_token(Parser *P, bool number, const char *what)
{
    Tok t = lp_tok(P);
    bool digit = isdigit((unsigned char)*t.s);
    if (number ? !digit : digit || !(isalpha((unsigned char)*t.s) || *t.s == '_'))
        lp_fail(P, t, "expected %s, found %s", what, lp_text(P, t));
    if (!P->failed)
        P->x.p += t.n;
    return t;
}

const char *lp_name(Parser *P)
{
    Tok t = take_token(P, false, "a name");
    return P->failed ? "" : arena_strndup(P->A, t.s, (size_t)t.n);
}

int64_t lp_int(Parser *P, int64_t max)
{
    int64_t r = 0;
    Tok t = take_token(P, true, "an integer");
    for (int i = 0; i < t.n && !P->failed; i++) {
        if (!isdigit((unsigned char)t.s[i]))
            lp_fail(P, t, "expected an integer, found %s", lp_text(P, t));
        else if ((r = r * 10 + (t.s[i] - '0')) > max)
            lp_fail(P, t, "an integer larger than %lld", (long long)max);
    }
    return P->failed ? 0 : r;
}

const char *lp_string(Parser *P)
{
    const char *s = "";
    if (!lp_peek(P, "\""))
        lp_fail(P, lp_tok(P), "expected a text in quotes, found %s", lp_text(P, lp_tok(P)));
    if (!P->failed && !lex_name(&P->x, &s))
        P->failed = true;
    return s;
}

bool lp_nest(Parser *P)
{
    if (P->nesting >= MAX_NESTING)
        lp_fail(P, lp_tok(P), "expressions nested deeper than %d", MAX_NESTING);
    P->nesting++;
    return !P->failed;
}

/* ---- names in scope ---- */

void lp_scope_set(Parser *P, const char *name, Entity kind, int number)
{
    PUSH(P->A, &P->shadow, (Shadow){name, dict_get(&P->scope, name)});
    dict_put(&P->scope, name, number * NENTITIES + (int)kind);
}

void lp_scope_restore(Parser *P, int mark)
{
    while (P->shadow.n > mark) {
        Shadow s = P->shadow.v[--P->shadow.n];
        dict_put(&P->scope, s.name, s.before);
    }
}

/* The number of the entity of this kind that name stands for; -1 where it is another thing or nothing. */
int lp_scope_find(const Parser *P, const char *name, Entity kind)
{
    int v = dict_get(&P->scope, name);
    return v >= 0 && v % NENTITIES == (int)kind ? v / NENTITIES : -1;
}

/* ---- types and numbers ---- */

/* f32, f32x16 */
VT lp_vt(Parser *P)
{
    Tok t = lp_tok(P);
    const char *s = lp_name(P), *x = strchr(s, 'x');
    size_t n = x ? (size_t)(x - s) : strlen(s);
    int elem = dtype_parse(s, (int)n), lanes = x ? atoi(x + 1) : 1;
    if (elem < 0 || (x && (!isdigit((unsigned char)x[1]) || x[1] == '0' || strlen(x) > 4 ||
                           strspn(x + 1, "0123456789") != strlen(x + 1))))
        lp_fail(P, t, "expected a type like f32 or f32x16, found '%s'", s);
    if (lanes == 1 && P->widen)
        lanes = P->widen;
    return P->failed ? vt(DT_F32, 1) : vt((DType)elem, lanes);
}

/* "f32" "[" INT {"," INT} "]"; the rank. */
int lp_type(Parser *P, DType *elem, int64_t *dim)
{
    Tok t = lp_tok(P);
    const char *s = lp_name(P);
    int e = dtype_parse(s, (int)strlen(s)), n = 0;
    if (e < 0)
        lp_fail(P, t, "expected a type like f32[2,24,16], found '%s'", s);
    *elem = e < 0 ? DT_F32 : (DType)e;
    lp_expect(P, "[");
    while (!P->failed && !lp_peek(P, "]") && (n == 0 || lp_accept(P, ","))) {
        int64_t d = lp_int(P, LP_MAX_NUMBER);
        if (n == MAX_IX)
            lp_fail(P, t, "more than %d dimensions", MAX_IX);
        else
            dim[n++] = d;
    }
    lp_expect(P, "]");
    return n;
}

bool lp_at_number(Parser *P)
{
    return isdigit((unsigned char)*lp_tok(P).s) || lp_peek(P, "-") || lp_peek(P, "inf") || lp_peek(P, "nan");
}

Tok lp_number_token(Parser *P)
{
    Tok t = lp_tok(P);
    if (lp_accept(P, "-"))
        t.n = 1 + (lp_tok(P).s == t.s + 1 ? lp_tok(P).n : 0);
    const char *s = t.s + (*t.s == '-');
    int n = t.n - (*t.s == '-');
    if (!isdigit((unsigned char)*s) && !(n == 3 && (memcmp(s, "inf", 3) == 0 || memcmp(s, "nan", 3) == 0)))
        lp_fail(P, t, "expected a number, found %s", lp_text(P, t));
    if (!P->failed)
        P->x.p = t.s + t.n;
    return t;
}

/* The number at s as the bits of an element, *end behind it; errno is set where it does not fit. */
static uint64_t read_bits(const char *s, DType elem, char **end)
{
    uint64_t bits = 0;
    int width = 8 * dtype_size(elem);
    switch (elem) {
    case DT_F32: {
        float f = strtof(s, end);
        errno = isinf(f) && strchr("0123456789", s[*s == '-']) ? ERANGE : 0;
        memcpy(&bits, &f, sizeof f);
        break;
    }
    case DT_F64: {
        double f = strtod(s, end);
        errno = isinf(f) && strchr("0123456789", s[*s == '-']) ? ERANGE : 0;
        memcpy(&bits, &f, sizeof f);
        break;
    }
    case DT_F16:
    case DT_BF16:
        break; /* as bits only */
    case DT_I8:
    case DT_I16:
    case DT_I32:
    case DT_I64: {
        int64_t v = strtoll(s, end, 10), most = INT64_MAX >> (64 - width);
        if (v > most || v < -most - 1)
            errno = ERANGE;
        bits = (uint64_t)v;
        break;
    }
    default:
        if (*s != '-')
            bits = strtoull(s, end, 10);
        if (width < 64 && bits >> width)
            errno = ERANGE;
    }
    return bits;
}

bool lp_number_bits(Parser *P, Tok t, DType elem, uint64_t *bits)
{
    char *s = arena_strndup(P->A, t.s, (size_t)t.n), *end = s;
    bool floats = elem == DT_F32 || elem == DT_F64 || elem == DT_F16 || elem == DT_BF16;
    errno = 0;
    if (floats && s[0] == '0' && s[1] == 'x') {
        int width = 8 * dtype_size(elem);
        *bits = strtoull(s + 2, &end, 16);
        if (width < 64 && *bits >> width)
            errno = ERANGE;
    } else {
        *bits = read_bits(s, elem, &end);
    }
    if (*end || end == s || errno)
        lp_fail(P, t, "%s is not a number of type %s", lp_text(P, t), dtype_name(elem));
    return !P->failed;
}

bool lp_number(Parser *P, DType elem, uint64_t *bits)
{
    Tok t = lp_number_token(P);
    return !P->failed && lp_number_bits(P, t, elem, bits);
}
