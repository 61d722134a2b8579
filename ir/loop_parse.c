/* Reads the text form that loop_print.c describes. Names, indices and types are resolved while reading; what makes a
   program meaningful beyond that is program_check's. Parsing stops at the first error. */
#include "loop_impl.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_NESTING = 1000, MAX_BLOCKS = 63 };
#define MAX_NUMBER ((int64_t)1 << 40) /* in indices, dims and steps */

typedef enum TokKind { T_END, T_NAME, T_NUMBER, T_STRING, T_PUNCT } TokKind;
typedef struct Tok { TokKind kind; const char *s; int n, line, col; } Tok;

/* What a name stands for: kind and number, packed for a Map. */
typedef enum Entity { E_PARAM, E_VAR, E_REG, E_PTR, NENTITIES } Entity;
typedef struct Shadow { const char *name; int before; } Shadow;

typedef struct Parser {
    Arena *A;
    int file;
    const char *p, *line_start;
    int line;
    Tok t;                  /* the token to be read next */
    bool failed;
    int nesting, blocks;
    Program *prog;
    Kernel *k;
    Map scope, taken;       /* names as written to entities; names given */
    VEC(Shadow) shadow;     /* what to restore when a block ends */
} Parser;

/* An expression while its types are not known: e.type.lanes is 0 until then. */
typedef struct Node { Expr e; Tok t; } Node;

/* ---- tokens ---- */

static void fail_at(Parser *P, Tok t, const char *fmt, ...) PRINTF(3, 4);
static void fail_at(Parser *P, Tok t, const char *fmt, ...)
{
    if (P->failed)
        return;
    P->failed = true;
    va_list ap;
    va_start(ap, fmt);
    error_at((Loc){P->file, t.line, t.col, t.n}, "%s", arena_vprintf(P->A, fmt, ap));
    va_end(ap);
}

static const char *tok_text(Parser *P, Tok t)
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

/* Behind the closing quote, or where the line ends without one. */
static const char *string_end(const char *p)
{
    for (p++; *p && *p != '"' && *p != '\n'; p++)
        if (*p == '\\' && p[1] && p[1] != '\n')
            p++;
    return *p == '"' ? p + 1 : p;
}

static Tok advance(Parser *P)
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
        kind = T_STRING;
        e = string_end(s);
    } else if (s[0] == '.' && s[1] == '.') {
        e = s + 2;
    }
    P->t = (Tok){kind, s, (int)(e - s), P->line, (int)(s - P->line_start) + 1};
    P->p = e;
    if (e - s > 1 << 20) {
        P->t.n = 1;
        fail_at(P, P->t, "a word of more than a million characters");
    }
    return last;
}

static bool tok_is(Tok t, const char *s)
{
    return (t.kind == T_NAME || t.kind == T_PUNCT) && (int)strlen(s) == t.n && memcmp(t.s, s, (size_t)t.n) == 0;
}

static bool peek(const Parser *P, const char *s)
{
    return !P->failed && tok_is(P->t, s);
}

static bool accept(Parser *P, const char *s)
{
    if (!peek(P, s))
        return false;
    advance(P);
    return true;
}

static void expect(Parser *P, const char *s)
{
    if (!accept(P, s))
        fail_at(P, P->t, "expected '%s', found %s", s, tok_text(P, P->t));
}

static const char *parse_name(Parser *P)
{
    if (P->t.kind != T_NAME)
        fail_at(P, P->t, "expected a name, found %s", tok_text(P, P->t));
    if (P->failed)
        return "";
    Tok t = advance(P);
    return arena_strndup(P->A, t.s, (size_t)t.n);
}

/* 0 .. max */
static int64_t parse_int(Parser *P, int64_t max)
{
    int64_t r = 0;
    Tok t = P->t;
    bool digits = t.kind == T_NUMBER;
    for (int i = 0; digits && i < t.n; i++) {
        digits = isdigit((unsigned char)t.s[i]);
        r = digits && r <= max ? r * 10 + (t.s[i] - '0') : r;
    }
    if (!digits)
        fail_at(P, t, "expected an integer, found %s", tok_text(P, t));
    else if (r > max)
        fail_at(P, t, "an integer larger than %lld", (long long)max);
    if (P->failed)
        return 0;
    advance(P);
    return r;
}

static const char *parse_string(Parser *P)
{
    Tok t = P->t;
    if (t.kind != T_STRING || t.n < 2 || t.s[t.n - 1] != '"') {
        fail_at(P, t, t.kind == T_STRING ? "a text that does not end on its line" : "expected a text in quotes");
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
                fail_at(P, t, "a text with a zero byte");
        } else {
            *o++ = *p == 'n' ? '\n' : *p;
        }
    }
    advance(P);
    return s;
}

/* ---- names in scope ---- */

static void scope_set(Parser *P, const char *name, Entity kind, int number)
{
    PUSH(P->A, &P->shadow, (Shadow){name, map_get(&P->scope, name)});
    map_put(&P->scope, name, number * NENTITIES + (int)kind);
}

static void scope_restore(Parser *P, int mark)
{
    while (P->shadow.n > mark) {
        Shadow s = P->shadow.v[--P->shadow.n];
        map_put(&P->scope, s.name, s.before);
    }
}

/* The number of the entity of this kind that name stands for; -1 where it is another thing or nothing. */
static int scope_find(const Parser *P, const char *name, Entity kind)
{
    int v = map_get(&P->scope, name);
    return v >= 0 && v % NENTITIES == (int)kind ? v / NENTITIES : -1;
}

/* The name that an entity gets: as written, or made unique. */
static const char *new_name(Parser *P, Tok t, const char *name)
{
    if (!P->failed && !name_valid(name))
        fail_at(P, t, "'%s' cannot be a name here", name);
    return name_unique(&P->taken, name);
}

/* ---- index expressions ---- */

static const Ix *parse_ix(Parser *P);

static bool nest(Parser *P)
{
    if (P->nesting >= MAX_NESTING)
        fail_at(P, P->t, "expressions nested deeper than %d", MAX_NESTING);
    P->nesting++;
    return !P->failed;
}

static bool ix_small(const Ix *x)
{
    for (int i = 0; i < x->n; i++)
        if (x->t[i].k > MAX_NUMBER || x->t[i].k < -MAX_NUMBER)
            return false;
    return x->c <= MAX_NUMBER && x->c >= -MAX_NUMBER;
}

/* x itself, or 0 and an error where a number in it has grown too large. */
static const Ix *bounded(Parser *P, Tok t, const Ix *x)
{
    if (ix_small(x))
        return x;
    fail_at(P, t, "an index with a number larger than 2^40");
    return ix_const(P->A, 0);
}

static const Ix *parse_minmax(Parser *P, bool max)
{
    const Ix *a = parse_ix(P);
    expect(P, ",");
    const Ix *b = parse_ix(P);
    expect(P, ")");
    return max ? ix_max(P->A, a, b) : ix_min(P->A, a, b);
}

static const Ix *parse_ix_unit(Parser *P)
{
    const Ix *zero = ix_const(P->A, 0);
    Tok t = P->t;
    if (P->failed)
        return zero;
    if (t.kind == T_NUMBER)
        return ix_const(P->A, parse_int(P, MAX_NUMBER));
    if (accept(P, "(")) {
        const Ix *x = parse_ix(P);
        expect(P, ")");
        return x;
    }
    const char *name = parse_name(P);
    bool min = strcmp(name, "min") == 0, max = strcmp(name, "max") == 0;
    if ((min || max) && accept(P, "("))
        return bounded(P, t, parse_minmax(P, max));
    int v = scope_find(P, name, E_VAR);
    if (v < 0)
        fail_at(P, t, "'%s' is not an index variable here", name);
    return v < 0 ? zero : ix_var(P->A, v);
}

static const Ix *parse_ix_product(Parser *P)
{
    const Ix *x = parse_ix_unit(P);
    while (!P->failed && (peek(P, "*") || peek(P, "/") || peek(P, "%"))) {
        Tok op = advance(P);
        const Ix *y = parse_ix_unit(P);
        if (*op.s == '*' && !ix_is_const(y)) {
            const Ix *swap = x;
            x = y;
            y = swap;
        }
        if (!ix_is_const(y))
            fail_at(P, op, *op.s == '*' ? "a product of two variables" : "division by a variable");
        else if (*op.s != '*' && y->c < 1)
            fail_at(P, op, "division by %lld", (long long)y->c);
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

static const Ix *parse_ix(Parser *P)
{
    const Ix *x = ix_const(P->A, 0);
    if (!nest(P))
        return x;
    bool minus = accept(P, "-");
    do {
        Tok t = P->t;
        const Ix *y = parse_ix_product(P);
        x = bounded(P, t, minus ? ix_sub(P->A, x, y) : ix_add(P->A, x, y));
        minus = peek(P, "-");
    } while (accept(P, "+") || accept(P, "-"));
    P->nesting--;
    return x;
}

/* "[" ix {"," ix} "]"; the number of indices. */
static int parse_indices(Parser *P, const Ix **ix)
{
    int n = 0;
    Tok t = P->t;
    expect(P, "[");
    do {
        const Ix *x = parse_ix(P);
        if (n == MAX_IX)
            fail_at(P, t, "more than %d indices", MAX_IX);
        else
            ix[n++] = x;
    } while (accept(P, ","));
    expect(P, "]");
    return n;
}

/* A parameter or pointer with its indices. */
static int parse_at(Parser *P, int *ref, const Ix **ix)
{
    Tok t = P->t;
    const char *name = parse_name(P);
    int p = scope_find(P, name, E_PARAM), q = scope_find(P, name, E_PTR);
    *ref = p >= 0 ? p : q >= 0 ? ~q : 0;
    if (p < 0 && q < 0)
        fail_at(P, t, "'%s' is not a buffer or pointer here", name);
    int n = parse_indices(P, ix);
    if (!P->failed && n != ref_rank(P->k, *ref))
        fail_at(P, t, "'%s' has %d dimensions, here are %d indices", name, ref_rank(P->k, *ref), n);
    return n;
}

static int parse_first(Parser *P)
{
    return accept(P, "first") ? (int)parse_int(P, MAX_LANES) : 0;
}

/* ---- types and numbers ---- */

/* f32, f32x16 */
static VT parse_vt(Parser *P)
{
    Tok t = P->t;
    const char *s = parse_name(P), *x = strchr(s, 'x');
    size_t n = x ? (size_t)(x - s) : strlen(s);
    int elem = dtype_parse(s, (int)n), lanes = x ? atoi(x + 1) : 1;
    if (elem < 0 || (x && (!isdigit((unsigned char)x[1]) || x[1] == '0' || strlen(x) > 4 ||
                           strspn(x + 1, "0123456789") != strlen(x + 1))))
        fail_at(P, t, "expected a type like f32 or f32x16, found '%s'", s);
    return P->failed ? vt(DT_F32, 1) : vt((DType)elem, lanes);
}

/* "f32" "[" INT {"," INT} "]"; the rank. */
static int parse_type(Parser *P, DType *elem, int64_t *dim)
{
    Tok t = P->t;
    const char *s = parse_name(P);
    int e = dtype_parse(s, (int)strlen(s)), n = 0;
    if (e < 0)
        fail_at(P, t, "expected a type like f32[2,24,16], found '%s'", s);
    *elem = e < 0 ? DT_F32 : (DType)e;
    expect(P, "[");
    while (!P->failed && !peek(P, "]") && (n == 0 || accept(P, ","))) {
        int64_t d = parse_int(P, MAX_NUMBER);
        if (n == MAX_IX)
            fail_at(P, t, "more than %d dimensions", MAX_IX);
        else
            dim[n++] = d;
    }
    expect(P, "]");
    return n;
}

/* The number at t as the bits of an element of type elem, right-aligned in *bits. */
static bool number_bits(Parser *P, Tok t, bool minus, DType elem, uint64_t *bits)
{
    char *s = arena_printf(P->A, "%s%.*s", minus ? "-" : "", t.n, t.s), *end = s;
    bool floats = elem == DT_F32 || elem == DT_F64 || elem == DT_F16 || elem == DT_BF16;
    bool hex = t.n > 2 && t.s[1] == 'x' && floats && !minus;
    int width = 8 * dtype_size(elem);
    errno = 0;
    if (hex) {
        *bits = strtoull(s, &end, 16);
    } else if (elem == DT_F32) {
        float f = strtof(s, &end);
        uint32_t u;
        memcpy(&u, &f, sizeof u);
        *bits = u;
        errno = isinf(f) && t.kind == T_NUMBER ? ERANGE : 0;
    } else if (elem == DT_F64) {
        double f = strtod(s, &end);
        memcpy(bits, &f, sizeof f);
        errno = isinf(f) && t.kind == T_NUMBER ? ERANGE : 0;
    } else if (elem == DT_U8 || elem == DT_U16 || elem == DT_U32 || elem == DT_U64 || elem == DT_BOOL) {
        *bits = minus ? 0 : strtoull(s, &end, 10);
        if (width < 64 && *bits >> width)
            errno = ERANGE;
    } else if (!floats) {
        int64_t v = strtoll(s, &end, 10), most = INT64_MAX >> (64 - width);
        *bits = (uint64_t)v;
        if (v > most || v < -most - 1)
            errno = ERANGE;
    }
    if (*end || end == s || errno || (hex && width < 64 && *bits >> width)) {
        fail_at(P, t, "%s is not a number of type %s", tok_text(P, t), dtype_name(elem));
        return false;
    }
    return true;
}

static bool at_number(const Parser *P)
{
    return P->t.kind == T_NUMBER || peek(P, "-") || peek(P, "inf") || peek(P, "nan");
}

/* Sign, then digits, inf or nan; the sign is kept by pointing the token at it. */
static Tok parse_number(Parser *P)
{
    Tok sign = P->t;
    bool minus = accept(P, "-");
    Tok t = P->t;
    if (t.kind != T_NUMBER && !peek(P, "inf") && !peek(P, "nan")) {
        fail_at(P, t, "expected a number, found %s", tok_text(P, t));
        return t;
    }
    advance(P);
    if (minus && sign.s + 1 != t.s)
        fail_at(P, sign, "a sign apart from its number");
    if (minus) {
        t.s = sign.s;
        t.n++;
    }
    return t;
}

/* As number_bits, the sign being part of the token. */
static bool signed_bits(Parser *P, Tok t, DType elem, uint64_t *bits)
{
    bool minus = *t.s == '-';
    t.s += minus;
    t.n -= minus;
    return number_bits(P, t, minus, elem, bits);
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
        x->e.ix[0] = parse_ix(P);
        expect(P, ")");
        return;
    }
    if (op == NXOPS) {
        fail_at(P, t, "'%s' is not an operation", name);
        return;
    }
    x->e.op = (XOp)op;
    for (int i = 0; i < xop_info[op].arity; i++) {
        if (i)
            expect(P, ",");
        x->e.a[i] = &parse_expr(P)->e;
    }
    if (op == X_lane) {
        expect(P, ",");
        x->e.imm = (double)parse_int(P, MAX_LANES);
    }
    expect(P, ")");
}

static Node *parse_expr(Parser *P)
{
    Node *x = NEW(P->A, Node, 1);
    x->t = P->t;
    if (!nest(P))
        return x;
    if (at_number(P)) {
        x->e.op = X_const;
        x->t = parse_number(P);
    } else if (accept(P, "load")) {
        x->e.op = X_load;
        x->e.nix = parse_at(P, &x->e.ref, x->e.ix);
        x->e.n = parse_first(P);
    } else {
        const char *name = parse_name(P);
        if (accept(P, "(")) {
            parse_call(P, x, x->t, name);
        } else {
            x->e.op = X_reg;
            x->e.ref = scope_find(P, name, E_REG);
            if (x->e.ref < 0)
                fail_at(P, x->t, "'%s' is not a register here", name);
            else if (peek(P, "["))
                x->e.nix = parse_indices(P, x->e.ix);
        }
    }
    if (accept(P, ":"))
        x->e.type = parse_vt(P);
    P->nesting--;
    return x;
}

static double const_value(Parser *P, Tok t, DType elem)
{
    uint64_t bits = 0;
    float f;
    double d;
    if (!signed_bits(P, t, elem, &bits))
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
        fail_at(P, node->t, "%s has type %s, expected %s", tok_text(P, node->t),
                vt_text(P, (PartType){t.elem >= 0 ? t.elem : elem, t.lanes ? t.lanes : lanes}),
                vt_text(P, (PartType){elem, lanes}));
        return;
    }
    x->type = want;
    if (x->op == X_const)
        x->imm = const_value(P, node->t, want.elem);
    if (x->op == X_load && x->n == 0)
        x->n = lanes;
    XClass c = xop_info[x->op].cls;
    PartType inner = {elem, c == XC_splat ? 1 : c == XC_fold ? 0 : lanes};
    for (int i = 0; i < expr_arity(x); i++)
        /* Nodes are this parser's own until it returns. */
        resolve(P, (Expr *)(uintptr_t)x->a[i], inner);
}

static const Expr *parse_value(Parser *P, int elem, int lanes)
{
    Node *x = parse_expr(P);
    resolve(P, &x->e, (PartType){elem, lanes});
    return &x->e;
}

/* ---- statements ---- */

static void parse_block(Parser *P, Block *out);

static void parse_for(Parser *P, Stmt *s, LoopKind kind)
{
    s->kind = ST_FOR;
    s->loop = kind;
    Tok t = P->t;
    const char *name = parse_name(P), *given = new_name(P, t, name);
    s->lo = parse_ix(P);
    expect(P, "..");
    s->hi = parse_ix(P);
    s->step = accept(P, "step") ? parse_int(P, MAX_NUMBER) : 1;
    PUSH(P->A, &P->k->var, (KVar){given});
    s->var = P->k->var.n - 1;
    int mark = P->shadow.n;
    scope_set(P, name, E_VAR, s->var);
    parse_block(P, &s->body);
    scope_restore(P, mark);
}

static void parse_let(Parser *P, Stmt *s)
{
    s->kind = ST_LET;
    Tok t = P->t;
    const char *name = parse_name(P);
    Reg r = {.name = new_name(P, t, name)};
    if (accept(P, "[")) {
        do {
            int64_t d = parse_int(P, MAX_NUMBER);
            if (r.rank == LEN(r.dim))
                fail_at(P, t, "a register of more than %d dimensions", LEN(r.dim));
            else
                r.dim[r.rank++] = d;
        } while (accept(P, ","));
        expect(P, "]");
    }
    expect(P, ":");
    r.type = parse_vt(P);
    expect(P, "=");
    s->val = parse_value(P, r.type.elem, r.type.lanes);
    PUSH(P->A, &P->k->reg, r);
    s->ref = P->k->reg.n - 1;
    scope_set(P, name, E_REG, s->ref);
}

static void parse_set(Parser *P, Stmt *s)
{
    s->kind = ST_SET;
    Tok t = P->t;
    const char *name = parse_name(P);
    s->ref = scope_find(P, name, E_REG);
    if (s->ref < 0) {
        fail_at(P, t, "'%s' begins no statement and is not a register here", name);
        return;
    }
    if (peek(P, "["))
        s->nix = parse_indices(P, s->ix);
    expect(P, "=");
    VT type = P->k->reg.v[s->ref].type;
    s->val = parse_value(P, type.elem, type.lanes);
}

static void parse_store(Parser *P, Stmt *s)
{
    s->kind = ST_STORE;
    s->nix = parse_at(P, &s->ref, s->ix);
    s->n = parse_first(P);
    expect(P, "=");
    if (P->failed)
        return;
    s->val = parse_value(P, P->k->param.v[ref_param(P->k, s->ref)].elem, 0);
    s->n = s->n ? s->n : s->val->type.lanes;
}

static void parse_index(Parser *P, Stmt *s)
{
    s->kind = ST_INDEX;
    Tok t = P->t;
    const char *name = parse_name(P);
    expect(P, "=");
    s->nix = parse_at(P, &s->ref, s->ix);
    PUSH(P->A, &P->k->var, (KVar){new_name(P, t, name)});
    s->var = P->k->var.n - 1;
    scope_set(P, name, E_VAR, s->var);
}

static void parse_ptr(Parser *P, Stmt *s)
{
    s->kind = ST_PTR;
    Tok t = P->t;
    const char *name = parse_name(P);
    expect(P, "=");
    expect(P, "&");
    s->nix = parse_at(P, &s->ref, s->ix);
    if (P->failed)
        return;
    PUSH(P->A, &P->k->ptr, (KPtr){new_name(P, t, name), ref_param(P->k, s->ref)});
    s->ptr = P->k->ptr.n - 1;
    scope_set(P, name, E_PTR, s->ptr);
}

static void parse_stmt(Parser *P, Stmt *s)
{
    if (accept(P, "parallel")) {
        expect(P, "for");
        parse_for(P, s, LOOP_PARALLEL);
    } else if (accept(P, "for")) {
        parse_for(P, s, LOOP_SERIAL);
    } else if (accept(P, "unroll")) {
        parse_for(P, s, LOOP_UNROLL);
    } else if (accept(P, "let")) {
        parse_let(P, s);
    } else if (accept(P, "store")) {
        parse_store(P, s);
    } else if (accept(P, "ptr")) {
        parse_ptr(P, s);
    } else if (accept(P, "note")) {
        s->kind = ST_COMMENT;
        s->text = parse_string(P);
    } else if (accept(P, "index")) {
        parse_index(P, s);
    } else {
        parse_set(P, s);
    }
}

static void parse_block(Parser *P, Block *out)
{
    expect(P, "{");
    if (++P->blocks > MAX_BLOCKS)
        fail_at(P, P->t, "loops nested deeper than %d", MAX_BLOCKS);
    int mark = P->shadow.n;
    while (!P->failed && !peek(P, "}") && P->t.kind != T_END) {
        Stmt *s = NEW(P->A, Stmt, 1);
        parse_stmt(P, s);
        block_push(P->A, out, s);
    }
    scope_restore(P, mark);
    P->blocks--;
    expect(P, "}");
}

/* ---- kernels, buffers, calls ---- */

static void parse_param(Parser *P)
{
    static const char *const access[] = {"ro", "wo", "rw", "const"};
    Tok t = P->t;
    const char *name = parse_name(P);
    KParam q = {.name = new_name(P, t, name)};
    expect(P, ":");
    q.rank = parse_type(P, &q.elem, q.dim);
    int a = 0;
    while (a < LEN(access) && !peek(P, access[a]))
        a++;
    if (a == LEN(access))
        fail_at(P, P->t, "expected ro, wo, rw or const, found %s", tok_text(P, P->t));
    else
        advance(P);
    q.access = (Access)a;
    q.alias = accept(P, "alias");
    PUSH(P->A, &P->k->param, q);
    scope_set(P, name, E_PARAM, P->k->param.n - 1);
}

static void parse_kernel(Parser *P, const Map *kernels)
{
    Kernel k = {0};
    P->k = &k;
    P->taken = map_new(P->A);
    expect(P, "@");
    Tok t = P->t;
    k.name = parse_name(P);
    if (map_get(kernels, k.name) >= 0)
        fail_at(P, t, "kernel @%s is defined twice", k.name);
    if (P->t.kind == T_STRING)
        k.title = parse_string(P);
    expect(P, "(");
    while (!P->failed && !peek(P, ")") && (k.param.n == 0 || accept(P, ",")))
        parse_param(P);
    expect(P, ")");
    parse_block(P, &k.body);
    scope_restore(P, 0);
    PUSH(P->A, &P->prog->kernel, k);
    P->k = NULL;
}

static void parse_data(Parser *P, PBuf *b)
{
    Tok t = P->t;
    int64_t want = type_elems(&b->type), n = 0;
    int size = dtype_size(b->type.dtype);
    Buf data = {0};
    expect(P, "[");
    do {
        uint64_t bits = 0;
        signed_bits(P, parse_number(P), b->type.dtype, &bits);
        buf_write(&data, &bits, (size_t)size);
        n++;
    } while (!P->failed && n <= want && accept(P, ","));
    if (!P->failed && (n != want || !peek(P, "]")))
        fail_at(P, t, "%s numbers than the %lld of %s", n < want ? "fewer" : "more", (long long)want, b->name);
    expect(P, "]");
    if (!P->failed) {
        void *d = arena_alloc(P->A, data.n, 1, 64);
        memcpy(d, data.s, data.n);
        b->data = d;
    }
    buf_free(&data);
}

static void parse_buffer(Parser *P, Map *buffers, bool constant)
{
    PBuf b = {.kind = BUF_CONST};
    expect(P, constant ? "@" : "%");
    Tok t = P->t;
    b.name = parse_name(P);
    if (map_get(buffers, b.name) >= 0)
        fail_at(P, t, "buffer %s is defined twice", b.name);
    expect(P, ":");
    t = P->t;
    b.type.rank = parse_type(P, &b.type.dtype, b.type.dim);
    if (!P->failed && !type_valid(&b.type))
        fail_at(P, t, "an impossible type");
    if (!constant)
        b.kind = accept(P, "input") ? BUF_INPUT : BUF_OUTPUT;
    if (b.kind == BUF_OUTPUT)
        expect(P, "output");
    if (accept(P, "align"))
        b.align = (int)parse_int(P, 1 << 30);
    if (constant && accept(P, "="))
        parse_data(P, &b);
    map_put(buffers, b.name, P->prog->buf.n);
    PUSH(P->A, &P->prog->buf, b);
}

static Arg parse_arg(Parser *P, const Map *buffers)
{
    Arg a = {.buf = ARG_ARENA};
    if (!accept(P, "arena")) {
        bool constant = accept(P, "@");
        if (!constant)
            expect(P, "%");
        Tok t = P->t;
        const char *name = parse_name(P);
        a.buf = map_get(buffers, name);
        if (a.buf < 0 || (P->prog->buf.v[a.buf].kind == BUF_CONST) != constant)
            fail_at(P, t, "there is no buffer %c%s", constant ? '@' : '%', name);
    }
    if (accept(P, "+"))
        a.offset = parse_int(P, (int64_t)1 << 50);
    return a;
}

static void parse_prog_call(Parser *P, const Map *buffers, const Map *kernels)
{
    Call c = {0};
    expect(P, "@");
    Tok t = P->t;
    const char *name = parse_name(P);
    c.loc = (Loc){P->file, t.line, t.col, t.n};
    c.kernel = map_get(kernels, name);
    if (c.kernel < 0)
        fail_at(P, t, "there is no kernel @%s", name);
    expect(P, "(");
    while (!P->failed && !peek(P, ")") && (c.arg.n == 0 || accept(P, ",")))
        PUSH(P->A, &c.arg, parse_arg(P, buffers));
    expect(P, ")");
    PUSH(P->A, &P->prog->call, c);
}

Program *program_parse(Arena *A, const char *text, int file)
{
    Program *prog = NEW(A, Program, 1);
    Parser P = {.A = A, .file = file, .p = text, .line_start = text, .line = 1, .prog = prog, .scope = map_new(A)};
    Map buffers = map_new(A), kernels = map_new(A);
    prog->arena = A;
    advance(&P);
    expect(&P, "program");
    expect(&P, "@");
    prog->name = parse_name(&P);
    expect(&P, "arena");
    prog->arena_bytes = parse_int(&P, (int64_t)1 << 50);
    expect(&P, "align");
    prog->arena_align = parse_int(&P, MAX_NUMBER);
    expect(&P, "{");
    while (!P.failed && !accept(&P, "}")) {
        bool constant = peek(&P, "const");
        if (accept(&P, "buffer") || accept(&P, "const")) {
            parse_buffer(&P, &buffers, constant);
        } else if (accept(&P, "kernel")) {
            parse_kernel(&P, &kernels);
            map_put(&kernels, prog->kernel.v[prog->kernel.n - 1].name, prog->kernel.n - 1);
        } else if (accept(&P, "call")) {
            parse_prog_call(&P, &buffers, &kernels);
        } else {
            fail_at(&P, P.t, "expected buffer, const, kernel, call or '}', found %s", tok_text(&P, P.t));
        }
    }
    if (!P.failed && P.t.kind != T_END)
        fail_at(&P, P.t, "text after the program's end");
    return P.failed ? NULL : prog;
}
