/* Tokens of the loop IR's text. */
#include "loop_parse.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_NESTING = 1000 };

void lp_fail(Parser *P, Tok t, const char *fmt, ...)
{
    if (P->failed)
        return;
    P->failed = true;
    va_list ap;
    va_start(ap, fmt);
    error_at((Loc){P->file, t.line, t.col, t.n}, "%s", arena_vprintf(P->A, fmt, ap));
    va_end(ap);
}

const char *lp_text(Parser *P, Tok t)
{
    if (t.kind == T_END)
        return "the end";
    return t.n > 40 ? arena_printf(P->A, "'%.40s...'", t.s) : arena_printf(P->A, "'%.*s'", t.n, t.s);
}

static void skip_blank(Parser *P)
{
    for (;; P->p++) {
        if (*P->p == ';')
            while (*P->p && *P->p != '\n')
                P->p++;
        if (*P->p == '\n') {
            P->line++;
            P->line_start = P->p + 1;
        } else if (*P->p != ' ' && *P->p != '\t' && *P->p != '\r') {
            return;
        }
    }
}

static bool name_char(char c)
{
    return isalnum((unsigned char)c) || c == '_';
}

static const char *number_end(const char *p)
{
    if (p[0] == '0' && p[1] == 'x') {
        for (p += 2; isxdigit((unsigned char)*p); p++)
            ;
        return p;
    }
    while (isdigit((unsigned char)*p))
        p++;
    if (*p == '.' && p[1] != '.')
        for (p++; isdigit((unsigned char)*p); p++)
            ;
    if (*p == 'e' && (isdigit((unsigned char)p[1]) || ((p[1] == '-' || p[1] == '+') && isdigit((unsigned char)p[2]))))
        for (p += 2; isdigit((unsigned char)*p); p++)
            ;
    return p;
}

/* Behind the closing quote; p + 1 where the line ends without one. */
static const char *string_end(const char *p)
{
    const char *q = p + 1;
    for (; *q && *q != '"' && *q != '\n'; q++)
        if (*q == '\\' && q[1] && q[1] != '\n')
            q++;
    return *q == '"' ? q + 1 : p + 1;
}

Tok lp_advance(Parser *P)
{
    Tok last = P->t;
    skip_blank(P);
    const char *s = P->p, *e = s + 1;
    TokKind kind = T_PUNCT;
    if (!*s) {
        kind = T_END;
        e = s;
    } else if (isdigit((unsigned char)*s)) {
        kind = T_NUMBER;
        e = number_end(s);
    } else if (name_char(*s)) {
        kind = T_NAME;
        while (name_char(*e))
            e++;
    } else if (*s == '"') {
        e = string_end(s);
        kind = e - s > 1 ? T_STRING : T_PUNCT;
    } else if (s[0] == '.' && s[1] == '.') {
        e = s + 2;
    }
    P->t = (Tok){kind, s, (int)(e - s), P->line, (int)(s - P->line_start) + 1};
    P->p = e;
    if (e - s > 1 << 20) {
        P->t.n = 1;
        lp_fail(P, P->t, "a word of more than a million characters");
    }
    return last;
}

static bool tok_is(Tok t, const char *s)
{
    return (t.kind == T_NAME || t.kind == T_PUNCT) && (int)strlen(s) == t.n && memcmp(t.s, s, (size_t)t.n) == 0;
}

bool lp_peek(const Parser *P, const char *s)
{
    return !P->failed && tok_is(P->t, s);
}

bool lp_accept(Parser *P, const char *s)
{
    if (!lp_peek(P, s))
        return false;
    lp_advance(P);
    return true;
}

void lp_expect(Parser *P, const char *s)
{
    if (!lp_accept(P, s))
        lp_fail(P, P->t, "expected '%s', found %s", s, lp_text(P, P->t));
}

const char *lp_name(Parser *P)
{
    if (P->t.kind != T_NAME)
        lp_fail(P, P->t, "expected a name, found %s", lp_text(P, P->t));
    if (P->failed)
        return "";
    Tok t = lp_advance(P);
    return arena_strndup(P->A, t.s, (size_t)t.n);
}

/* 0 .. max */
int64_t lp_int(Parser *P, int64_t max)
{
    int64_t r = 0;
    Tok t = P->t;
    bool digits = t.kind == T_NUMBER;
    for (int i = 0; digits && i < t.n; i++) {
        digits = isdigit((unsigned char)t.s[i]);
        r = digits && r <= max ? r * 10 + (t.s[i] - '0') : r;
    }
    if (!digits)
        lp_fail(P, t, "expected an integer, found %s", lp_text(P, t));
    else if (r > max)
        lp_fail(P, t, "an integer larger than %lld", (long long)max);
    if (P->failed)
        return 0;
    lp_advance(P);
    return r;
}

const char *lp_string(Parser *P)
{
    Tok t = P->t;
    if (t.kind != T_STRING) {
        lp_fail(P, t, "expected a text in quotes on one line");
        return "";
    }
    char *s = NEW(P->A, char, t.n), *o = s;
    for (const char *p = t.s + 1; p < t.s + t.n - 1; p++) {
        if (*p != '\\') {
            *o++ = *p;
        } else if (*++p == 'x' && isxdigit((unsigned char)p[1]) && isxdigit((unsigned char)p[2])) {
            *o = (char)strtol((char[]){p[1], p[2], 0}, NULL, 16);
            p += 2;
            if (!*o++)
                lp_fail(P, t, "a text with a zero byte");
        } else {
            *o++ = *p == 'n' ? '\n' : *p;
        }
    }
    lp_advance(P);
    return s;
}

bool lp_nest(Parser *P)
{
    if (P->nesting >= MAX_NESTING)
        lp_fail(P, P->t, "expressions nested deeper than %d", MAX_NESTING);
    P->nesting++;
    return !P->failed;
}
