/* Index expressions, types, numbers and expressions of the loop IR's text. */
#include "loop_parse.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_NESTING = 1000 };

/* An expression while its types are not known: e.type.lanes is 0 until then. */
typedef struct Node { Expr e; Tok t; } Node;

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

static bool nest(Parser *P)
{
    if (P->nesting >= MAX_NESTING)
        lp_fail(P, lp_tok(P), "expressions nested deeper than %d", MAX_NESTING);
    P->nesting++;
    return !P->failed;
}

/* ---- names in scope ---- */

void lp_scope_set(Parser *P, const char *name, Entity kind, int number)
{
    PUSH(P->A, &P->shadow, (Shadow){name, map_get(&P->scope, name)});
    map_put(&P->scope, name, number * NENTITIES + (int)kind);
}

void lp_scope_restore(Parser *P, int mark)
{
    while (P->shadow.n > mark) {
        Shadow s = P->shadow.v[--P->shadow.n];
        map_put(&P->scope, s.name, s.before);
    }
}

/* The number of the entity of this kind that name stands for; -1 where it is another thing or nothing. */
int lp_scope_find(const Parser *P, const char *name, Entity kind)
{
    int v = map_get(&P->scope, name);
    return v >= 0 && v % NENTITIES == (int)kind ? v / NENTITIES : -1;
}

/* ---- index expressions ---- */

static bool ix_small(const Ix *x)
{
    for (int i = 0; i < x->n; i++)
        if (x->t[i].k > LP_MAX_NUMBER || x->t[i].k < -LP_MAX_NUMBER)
            return false;
    return x->c <= LP_MAX_NUMBER && x->c >= -LP_MAX_NUMBER;
}

/* x itself, or 0 and an error where a number in it has grown too large. */
static const Ix *bounded(Parser *P, Tok t, const Ix *x)
{
    if (ix_small(x))
        return x;
    lp_fail(P, t, "an index with a number larger than 2^40");
    return ix_const(P->A, 0);
}

static const Ix *parse_minmax(Parser *P, bool max)
{
    const Ix *a = lp_ix(P);
    lp_expect(P, ",");
    const Ix *b = lp_ix(P);
    lp_expect(P, ")");
    return max ? ix_max(P->A, a, b) : ix_min(P->A, a, b);
}

static const Ix *parse_ix_unit(Parser *P)
{
    const Ix *zero = ix_const(P->A, 0);
    Tok t = lp_tok(P);
    if (P->failed)
        return zero;
    if (isdigit((unsigned char)*t.s))
        return ix_const(P->A, lp_int(P, LP_MAX_NUMBER));
    if (lp_accept(P, "(")) {
        const Ix *x = lp_ix(P);
        lp_expect(P, ")");
        return x;
    }
    const char *name = lp_name(P);
    bool min = strcmp(name, "min") == 0, max = strcmp(name, "max") == 0;
    if ((min || max) && lp_accept(P, "("))
        return bounded(P, t, parse_minmax(P, max));
    int v = lp_scope_find(P, name, E_VAR);
    if (v < 0)
        lp_fail(P, t, "'%s' is not an index variable here", name);
    return v < 0 ? zero : ix_var(P->A, v);
}

static const Ix *parse_ix_product(Parser *P)
{
    const Ix *x = parse_ix_unit(P);
    while (!P->failed && (lp_peek(P, "*") || lp_peek(P, "/") || lp_peek(P, "%"))) {
        Tok op = lp_tok(P);
        P->x.p++;
        const Ix *y = parse_ix_unit(P);
        if (*op.s == '*' && !ix_is_const(y)) {
            const Ix *swap = x;
            x = y;
            y = swap;
        }
        if (!ix_is_const(y))
            lp_fail(P, op, *op.s == '*' ? "a product of two variables" : "division by a variable");
        else if (*op.s != '*' && y->c < 1)
            lp_fail(P, op, "division by %lld", (long long)y->c);
        if (P->failed)
            break;
        if (*op.s == '*') {
            int64_t most = y->c < 0 ? -y->c : y->c, r;
            bool fits = mul_ok(x->c, most, &r);
            for (int i = 0; i < x->n; i++)
                fits = fits && mul_ok(x->t[i].k, most, &r);
            x = fits ? ix_mulc(P->A, x, y->c) : ix_const(P->A, INT64_MAX);
        } else {
            x = *op.s == '/' ? ix_div(P->A, x, y->c) : ix_mod(P->A, x, y->c);
        }
        x = bounded(P, op, x);
    }
    return x;
}

const Ix *lp_ix(Parser *P)
{
    const Ix *x = ix_const(P->A, 0);
    if (!nest(P))
        return x;
    bool minus = lp_accept(P, "-");
    do {
        Tok t = lp_tok(P);
        const Ix *y = parse_ix_product(P);
        x = bounded(P, t, minus ? ix_sub(P->A, x, y) : ix_add(P->A, x, y));
        minus = lp_peek(P, "-");
    } while (lp_accept(P, "+") || lp_accept(P, "-"));
    P->nesting--;
    return x;
}

/* "[" ix {"," ix} "]"; the number of indices. */
int lp_indices(Parser *P, const Ix **ix)
{
    int n = 0;
    Tok t = lp_tok(P);
    lp_expect(P, "[");
    do {
        const Ix *x = lp_ix(P);
        if (n == MAX_IX)
            lp_fail(P, t, "more than %d indices", MAX_IX);
        else
            ix[n++] = x;
    } while (lp_accept(P, ","));
    lp_expect(P, "]");
    return n;
}

/* A parameter or pointer with its indices. */
int lp_at(Parser *P, int *ref, const Ix **ix)
{
    Tok t = lp_tok(P);
    const char *name = lp_name(P);
    int p = lp_scope_find(P, name, E_PARAM), q = lp_scope_find(P, name, E_PTR);
    *ref = p >= 0 ? p : q >= 0 ? ~q : 0;
    if (p < 0 && q < 0)
        lp_fail(P, t, "'%s' is not a buffer or pointer here", name);
    int n = lp_indices(P, ix);
    if (!P->failed && n != ref_rank(P->k, *ref))
        lp_fail(P, t, "'%s' has %d dimensions, here are %d indices", name, ref_rank(P->k, *ref), n);
    return n;
}

int lp_first(Parser *P)
{
    return lp_accept(P, "first") ? (int)lp_int(P, MAX_LANES) : 0;
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

static bool at_number(Parser *P)
{
    return isdigit((unsigned char)*lp_tok(P).s) || lp_peek(P, "-") || lp_peek(P, "inf") || lp_peek(P, "nan");
}

/* Digits, inf or nan, with a sign right before them. */
static Tok parse_number(Parser *P)
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

/* t, as parse_number gives it, as the bits of an element, right-aligned. */
static bool number_bits(Parser *P, Tok t, DType elem, uint64_t *bits)
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
    Tok t = parse_number(P);
    return !P->failed && number_bits(P, t, elem, bits);
}

/* ---- expressions ---- */

static Node *parse_expr(Parser *P);

static void parse_call(Parser *P, Node *x, Tok t, const char *name)
{
    int op = 0;
    while (op < NXOPS && (strcmp(xop_info[op].name, name) || xop_info[op].cls == XC_leaf))
        op++;
    if (strcmp(name, "index") == 0) {
        x->e.op = X_index;
        x->e.nix = 1;
        x->e.ix[0] = lp_ix(P);
        lp_expect(P, ")");
        return;
    }
    if (op == NXOPS) {
        lp_fail(P, t, "'%s' is not an operation", name);
        return;
    }
    x->e.op = (XOp)op;
    for (int i = 0; i < xop_info[op].arity; i++) {
        if (i)
            lp_expect(P, ",");
        x->e.a[i] = &parse_expr(P)->e;
    }
    if (op == X_lane) {
        lp_expect(P, ",");
        x->e.imm = (double)lp_int(P, MAX_LANES);
    }
    lp_expect(P, ")");
}

static Node *parse_expr(Parser *P)
{
    Node *x = NEW(P->A, Node, 1);
    x->t = lp_tok(P);
    if (!nest(P))
        return x;
    if (at_number(P)) {
        x->e.op = X_const;
        x->t = parse_number(P);
    } else if (lp_accept(P, "load")) {
        x->e.op = X_load;
        x->e.nix = lp_at(P, &x->e.ref, x->e.ix);
        x->e.n = lp_first(P);
    } else {
        const char *name = lp_name(P);
        if (lp_accept(P, "(")) {
            parse_call(P, x, x->t, name);
        } else {
            x->e.op = X_reg;
            x->e.ref = lp_scope_find(P, name, E_REG);
            if (x->e.ref < 0)
                lp_fail(P, x->t, "'%s' is not a register here", name);
            else if (lp_peek(P, "["))
                x->e.nix = lp_indices(P, x->e.ix);
        }
    }
    if (lp_accept(P, ":"))
        x->e.type = lp_vt(P);
    P->nesting--;
    return x;
}

static double const_value(Parser *P, Tok t, DType elem)
{
    uint64_t bits = 0;
    float f;
    double d;
    if (!number_bits(P, t, elem, &bits))
        return 0;
    switch (elem) {
    case DT_F32:
        memcpy(&f, &(uint32_t){(uint32_t)bits}, sizeof f);
        return (double)f;
    case DT_F64:
        memcpy(&d, &bits, sizeof d);
        return d;
    default:
        return (double)(int64_t)bits;
    }
}

static const char *vt_text(Parser *P, PartType t)
{
    const char *elem = dtype_name((DType)t.elem);
    return t.lanes == 1 ? elem : arena_printf(P->A, "%sx%d", elem, t.lanes);
}

/* Gives x and its operands their types; known is what the context says. */
static void resolve(Parser *P, Expr *x, PartType known)
{
    const Node *node = (const Node *)x;
    if (P->failed)
        return;
    PartType t = expr_evident(P->k, x, true);
    int elem = known.elem >= 0 ? known.elem : t.elem >= 0 ? t.elem : DT_F32;
    int lanes = known.lanes ? known.lanes : t.lanes ? t.lanes : 1;
    VT want = vt((DType)elem, lanes);
    if ((t.elem >= 0 && t.elem != elem) || (t.lanes && t.lanes != lanes)) {
        lp_fail(P, node->t, "%s has type %s, expected %s", lp_text(P, node->t),
                vt_text(P, (PartType){t.elem >= 0 ? t.elem : elem, t.lanes ? t.lanes : lanes}),
                vt_text(P, (PartType){elem, lanes}));
        return;
    }
    x->type = want;
    if (x->op == X_const)
        x->imm = const_value(P, node->t, want.elem);
    if (x->op == X_load && x->n == 0)
        x->n = lanes;
    PartType inner = operand_part(x->op, elem, lanes);
    for (int i = 0; i < expr_arity(x); i++)
        /* Nodes are this parser's own until it returns. */
        resolve(P, (Expr *)(uintptr_t)x->a[i], inner);
}

const Expr *lp_value(Parser *P, int elem, int lanes)
{
    Node *x = parse_expr(P);
    resolve(P, &x->e, (PartType){elem, lanes});
    return &x->e;
}
