/* Scalars of the spec language: expressions where integers, numbers and booleans are wanted, texts with $name and
   ${expression} elsewhere.
     or    = and {"or" and}           not  = "not" not | cmp       sum  = term {("+" | "-") term}
     and   = not {"and" not}          cmp  = sum [relation sum]    term = unary {("*" | "/" | "%") unary}
     unary = ("-" | "+") unary | number | "true" | "false" | "'" text "'" | "$"name | name "(" ... ")" | "(" or ")"
   On integers / and % round down. */
#include "spec_impl.h"

#include <ctype.h>
#include <math.h>
#include <string.h>

typedef struct Expr {
    const Cx *cx;
    const char *text, *p;
    Loc loc;
    bool exact;    /* loc.col + offset is a column of the file */
    const char *what; /* that is expected as a whole, for a first word that makes no sense */
    int skip;      /* > 0: parsed only, the result does not matter */
    int depth;
} Expr;

enum { EXPR_DEPTH = 64 };

/* ---- places and errors ---- */

static Expr expr_begin(const Cx *cx, const Yaml *y)
{
    int n = (int)strlen(y->text);
    Expr e = {.cx = cx, .text = y->text, .p = y->text, .loc = y->loc};
    e.exact = y->loc.len == n + (y->quoted ? 2 : 0);
    if (e.exact && y->quoted)
        e.loc.col++;
    return e;
}

static Loc expr_loc(const Expr *e, const char *at, const char *end)
{
    Loc loc = e->loc;
    if (e->exact) {
        loc.col += (int)(at - e->text);
        loc.len = (int)imax(end - at, 1);
    }
    return loc;
}

static const char *word_end(const char *p)
{
    while (isalnum((unsigned char)*p) || *p == '_')
        p++;
    return p;
}

static void space(Expr *e)
{
    while (*e->p == ' ' || *e->p == '\t' || *e->p == '\n')
        e->p++;
}

static bool take_op(Expr *e, const char *op)
{
    space(e);
    size_t n = strlen(op);
    if (strncmp(e->p, op, n) || (isalpha((unsigned char)*op) && word_end(e->p) != e->p + n))
        return false;
    e->p += n;
    return true;
}

static bool expected(Expr *e, const char *what)
{
    space(e);
    const char *end = *e->p ? word_end(e->p) : e->p;
    if (*e->p && end == e->p)
        end = e->p + 1;
    Arena *a = e->cx->s->arena;
    const char *found = *e->p ? spec_show(a, arena_strndup(a, e->p, (size_t)(end - e->p))) : "the end";
    const char *hint = NULL;
    if (isalpha((unsigned char)*e->p)) {
        const char *name = arena_strndup(a, e->p, (size_t)(end - e->p));
        if (env_find(e->cx->env, name))
            hint = arena_printf(a, "did you mean '$%s'?", name);
    }
    spec_error(e->cx, expr_loc(e, e->p, end), hint, "expected %s, found %s", what, found);
    return false;
}

/* ---- arithmetic ---- */

static bool type_error(Expr *e, const char *at, const char *op, const Pval *a, const Pval *b)
{
    if (b)
        spec_error(e->cx, expr_loc(e, at, at + strlen(op)), NULL, "'%s' does not take %s and %s", op, pval_kind(a),
                   pval_kind(b));
    else
        spec_error(e->cx, expr_loc(e, at, at + strlen(op)), NULL, "'%s' does not take %s", op, pval_kind(a));
    return false;
}

static bool divide(int64_t a, int64_t b, int64_t *q, int64_t *r)
{
    if (b == -1) { /* INT64_MIN / -1 overflows */
        *r = 0;
        return !__builtin_sub_overflow((int64_t)0, a, q);
    }
    *q = a / b;
    *r = a % b;
    if (*r && (*r < 0) != (b < 0)) {
        --*q;
        *r += b;
    }
    return true;
}

static bool int_op(Expr *e, const char *at, char op, int64_t a, int64_t b, int64_t *r)
{
    bool ok = true;
    int64_t rest, quotient;
    if ((op == '/' || op == '%') && b == 0) {
        spec_error(e->cx, expr_loc(e, at, at + 1), NULL, "division by zero in '%.60s'", e->text);
        return false;
    }
    switch (op) {
    case '+': ok = add_ok(a, b, r); break;
    case '-': ok = !__builtin_sub_overflow(a, b, r); break;
    case '*': ok = mul_ok(a, b, r); break;
    case '/': ok = divide(a, b, r, &rest); break;
    default: ok = divide(a, b, &quotient, r); break;
    }
    if (!ok)
        spec_error(e->cx, expr_loc(e, at, at + 1), NULL, "the result of '%c' does not fit in 64 bits", op);
    return ok;
}

static bool arith(Expr *e, const char *at, char op, Pval *a, const Pval *b)
{
    char name[2] = {op, 0};
    if (e->skip)
        return true;
    if (!pval_is_num(a) || !pval_is_num(b) || (op == '%' && (a->kind == PV_NUM || b->kind == PV_NUM)))
        return type_error(e, at, name, a, b);
    if (a->kind == PV_INT && b->kind == PV_INT)
        return int_op(e, at, op, a->as.i, b->as.i, &a->as.i);
    double x = pval_num(a), y = pval_num(b), r;
    if (op == '/' && y == 0) {
        spec_error(e->cx, expr_loc(e, at, at + 1), NULL, "division by zero in '%.60s'", e->text);
        return false;
    }
    r = op == '+' ? x + y : op == '-' ? x - y : op == '*' ? x * y : x / y;
    if (!isfinite(r)) {
        spec_error(e->cx, expr_loc(e, at, at + 1), NULL, "the result of '%c' is not finite", op);
        return false;
    }
    *a = (Pval){.kind = PV_NUM, .as.d = r};
    return true;
}

static bool eval_compare(Expr *e, const char *at, const char *op, Pval *a, const Pval *b)
{
    if (e->skip)
        return true;
    bool equality = op[0] == '=' || op[0] == '!';
    int c;
    if (a->kind == PV_INT && b->kind == PV_INT)
        c = a->as.i < b->as.i ? -1 : a->as.i > b->as.i;
    else if (pval_is_num(a) && pval_is_num(b))
        c = pval_num(a) < pval_num(b) ? -1 : pval_num(a) > pval_num(b);
    else if (equality && a->kind == PV_TEXT && b->kind == PV_TEXT)
        c = strcmp(a->as.text, b->as.text);
    else if (equality && a->kind == PV_BOOL && b->kind == PV_BOOL)
        c = a->as.b != b->as.b;
    else
        return type_error(e, at, op, a, b);
    bool r = op[0] == '=' ? c == 0 : op[0] == '!' ? c != 0 : op[0] == '<' ? c < 0 : c > 0;
    if (!equality && op[1] == '=')
        r = r || c == 0;
    *a = (Pval){.kind = PV_BOOL, .as.b = r};
    return true;
}

/* ---- grammar ---- */

static bool expr_or(Expr *, Pval *);

static bool eval_number(Expr *e, Pval *v)
{
    const char *p = e->p, *start = p;
    while (isdigit((unsigned char)*p))
        p++;
    bool real = *p == '.';
    if (real)
        for (p++; isdigit((unsigned char)*p); p++)
            ;
    if (*p == 'e' || *p == 'E') {
        const char *q = p + 1 + (p[1] == '+' || p[1] == '-');
        if (isdigit((unsigned char)*q)) {
            real = true;
            for (p = q; isdigit((unsigned char)*p); p++)
                ;
        }
    }
    e->p = p;
    Yaml y = {.kind = YAML_SCALAR, .text = arena_strndup(e->cx->s->arena, start, (size_t)(p - start))};
    bool number = !isalnum((unsigned char)*p) && *p != '_';
    if (number && literal(&y, v))
        return true;
    const char *end = word_end(p);
    spec_error(e->cx, expr_loc(e, start, end), NULL, number ? "%s does not fit in 64 bits" : "%s is not a number",
               spec_show(e->cx->s->arena, arena_strndup(e->cx->s->arena, start, (size_t)(end - start))));
    return false;
}

static bool text_literal(Expr *e, Pval *v)
{
    const char *end = strchr(e->p + 1, *e->p);
    if (!end) {
        spec_error(e->cx, expr_loc(e, e->p, e->p + 1), NULL, "the text that begins here does not end");
        return false;
    }
    *v = (Pval){.kind = PV_TEXT, .as.text = arena_strndup(e->cx->s->arena, e->p + 1, (size_t)(end - e->p) - 1)};
    e->p = end + 1;
    return true;
}

static bool param_ref(Expr *e, const char *start, Pval *v)
{
    const char *end = word_end(e->p);
    const char *name = arena_strndup(e->cx->s->arena, e->p, (size_t)(end - e->p));
    if (end == e->p || isdigit((unsigned char)*name))
        return expected(e, "a parameter's name behind '$'");
    e->p = end;
    const Binding *b = env_find(e->cx->env, name);
    if (b && !b->bad) {
        *v = b->val;
        return true;
    }
    if (e->skip)
        return true;
    if (!b)
        spec_error(e->cx, expr_loc(e, start, end), env_hint(e->cx, name), "no parameter '%s' here", name);
    return false;
}

static bool check_dim(Expr *e, const char *at, ValueId id, int64_t k, Pval *v)
{
    if (e->skip)
        return true;
    if (id == POISON)
        return false;
    if (id == NO_VALUE) {
        spec_error(e->cx, expr_loc(e, at, word_end(at)), NULL, "there is no value here to take a dimension of");
        return false;
    }
    const Type *t = &e->cx->s->graph->value.v[id].type;
    if (k < 0)
        k += t->rank;
    if (k < 0 || k >= t->rank) {
        spec_error(e->cx, expr_loc(e, at, word_end(at)), NULL, "the value %s has no such dimension",
                   type_text(e->cx->s->arena, t));
        return false;
    }
    *v = (Pval){.kind = PV_INT, .as.i = t->dim[k]};
    return true;
}

/* channels([value]), dim([value,] k) */
static bool shape_call(Expr *e, const char *at, bool channels, Pval *v)
{
    ValueId id = e->cx->cur;
    Pval k = {.kind = PV_INT, .as.i = 1};
    space(e);
    bool named = isalpha((unsigned char)*e->p) || *e->p == '_';
    if (named) {
        const char *end = word_end(e->p);
        const char *name = arena_strndup(e->cx->s->arena, e->p, (size_t)(end - e->p));
        if (!e->skip) {
            if (!e->cx->value)
                id = NO_VALUE;
            else
                id = value_find(e->cx, name, expr_loc(e, e->p, end));
        }
        e->p = end;
        if (!channels && !take_op(e, ","))
            return expected(e, "',' and the dimension");
    }
    if (!channels && !expr_or(e, &k))
        return false;
    if (!take_op(e, ")"))
        return expected(e, "')'");
    if (!e->skip && k.kind != PV_INT)
        return type_error(e, at, "dim", &k, NULL);
    return check_dim(e, at, id, e->skip ? 0 : k.as.i, v);
}

static bool eval_call(Expr *e, const char *at, const char *name, Pval *v)
{
    static const char *const function[] = {"min", "max", "channels", "dim"};
    if (!strcmp(name, "channels") || !strcmp(name, "dim"))
        return shape_call(e, at, name[0] == 'c', v);
    bool smaller = !strcmp(name, "min");
    if (!smaller && strcmp(name, "max")) {
        spec_error(e->cx, expr_loc(e, at, word_end(at)), name_hint(e->cx->s->arena, name, function, LEN(function)),
                   "no function '%s'", name);
        return false;
    }
    if (!expr_or(e, v))
        return false;
    if (!take_op(e, ","))
        return expected(e, "','");
    do {
        Pval b = {0};
        if (!expr_or(e, &b))
            return false;
        if (e->skip)
            continue;
        if (!pval_is_num(v) || !pval_is_num(&b))
            return type_error(e, at, name, v, &b);
        bool less = v->kind == PV_INT && b.kind == PV_INT ? b.as.i < v->as.i : pval_num(&b) < pval_num(v);
        if (less == smaller)
            *v = b;
    } while (take_op(e, ","));
    return take_op(e, ")") || expected(e, "',' or ')'");
}

static bool primary(Expr *e, Pval *v)
{
    space(e);
    const char *at = e->p;
    *v = (Pval){.kind = PV_INT};
    if (isdigit((unsigned char)*at) || (*at == '.' && isdigit((unsigned char)at[1])))
        return eval_number(e, v);
    if (*at == '\'' || *at == '"')
        return text_literal(e, v);
    if (*at == '$') {
        e->p++;
        return param_ref(e, at, v);
    }
    if (take_op(e, "("))
        return expr_or(e, v) && (take_op(e, ")") || expected(e, "')'"));
    if (take_op(e, "true") || take_op(e, "false")) {
        *v = (Pval){.kind = PV_BOOL, .as.b = *at == 't'};
        return true;
    }
    const char *end = word_end(at);
    if (end > at && !isdigit((unsigned char)*at)) {
        e->p = end;
        space(e);
        if (*e->p == '(') {
            e->p++;
            return eval_call(e, at, arena_strndup(e->cx->s->arena, at, (size_t)(end - at)), v);
        }
        e->p = at;
    }
    return expected(e, at == e->text && e->what ? e->what : "a number, $parameter or function");
}

static bool unary(Expr *e, Pval *v)
{
    space(e);
    const char *at = e->p;
    if (++e->depth > EXPR_DEPTH) {
        spec_error(e->cx, expr_loc(e, at, at + 1), NULL, "expression nested more than %d deep", EXPR_DEPTH);
        return false;
    }
    bool ok, minus = take_op(e, "-");
    if (minus || take_op(e, "+")) {
        ok = unary(e, v);
        if (ok && !e->skip && !pval_is_num(v))
            ok = type_error(e, at, minus ? "-" : "+", v, NULL);
        else if (ok && minus && !e->skip && v->kind == PV_INT)
            ok = int_op(e, at, '-', 0, v->as.i, &v->as.i);
        else if (ok && minus && !e->skip)
            v->as.d = -v->as.d;
    } else {
        ok = primary(e, v);
    }
    e->depth--;
    return ok;
}

static bool eval_term(Expr *e, Pval *v)
{
    bool ok = unary(e, v);
    for (space(e); ok && *e->p && strchr("*/%", *e->p); space(e)) {
        const char *at = e->p++;
        Pval b;
        ok = unary(e, &b) && arith(e, at, *at, v, &b);
    }
    return ok;
}

static bool sum(Expr *e, Pval *v)
{
    bool ok = eval_term(e, v);
    for (space(e); ok && (*e->p == '+' || *e->p == '-'); space(e)) {
        const char *at = e->p++;
        Pval b;
        ok = eval_term(e, &b) && arith(e, at, *at, v, &b);
    }
    return ok;
}

static bool relation(Expr *e, Pval *v)
{
    static const char *const ops[] = {"==", "!=", "<=", ">=", "<", ">"};
    if (!sum(e, v))
        return false;
    space(e);
    for (int i = 0; i < LEN(ops); i++) {
        const char *at = e->p;
        Pval b;
        if (take_op(e, ops[i]))
            return sum(e, &b) && eval_compare(e, at, ops[i], v, &b);
    }
    return true;
}

static bool want_bool(Expr *e, const char *at, const char *op, const Pval *v)
{
    return e->skip || v->kind == PV_BOOL || type_error(e, at, op, v, NULL);
}

static bool expr_not(Expr *e, Pval *v)
{
    space(e);
    const char *at = e->p;
    if (!take_op(e, "not"))
        return relation(e, v);
    if (++e->depth > EXPR_DEPTH) {
        spec_error(e->cx, expr_loc(e, at, at + 3), NULL, "expression nested more than %d deep", EXPR_DEPTH);
        return false;
    }
    bool ok = expr_not(e, v) && want_bool(e, at, "not", v);
    v->as.b = !e->skip && ok && !v->as.b;
    e->depth--;
    return ok;
}

/* A chain of "and" or of "or": the rest is only parsed once the result is known. */
static bool chain(Expr *e, Pval *v, const char *op, bool stops_at, bool (*operand)(Expr *, Pval *))
{
    if (!operand(e, v))
        return false;
    int skip = e->skip;
    bool ok = true;
    for (space(e); ok; space(e)) {
        const char *at = e->p;
        if (!take_op(e, op))
            break;
        Pval b;
        ok = want_bool(e, at, op, v);
        if (ok && !e->skip && v->as.b == stops_at)
            e->skip++;
        ok = ok && operand(e, &b) && want_bool(e, at, op, &b);
        if (ok && !e->skip)
            v->as.b = b.as.b;
    }
    e->skip = skip;
    return ok;
}

static bool expr_and(Expr *e, Pval *v)
{
    return chain(e, v, "and", false, expr_not);
}

static bool expr_or(Expr *e, Pval *v)
{
    if (++e->depth > EXPR_DEPTH) {
        spec_error(e->cx, expr_loc(e, e->p, e->p + 1), NULL, "expression nested more than %d deep", EXPR_DEPTH);
        return false;
    }
    bool ok = chain(e, v, "or", true, expr_and);
    e->depth--;
    return ok;
}

bool eval_expr(const Cx *cx, const Yaml *y, const char *what, Pval *v)
{
    if (y->kind != YAML_SCALAR || !*y->text) {
        spec_error(cx, y->loc, NULL, "expected %s, found %s", what, spec_found(cx->s->arena, y));
        return false;
    }
    if (!spec_work(cx, y->loc, strlen(y->text)))
        return false;
    Expr e = expr_begin(cx, y);
    e.what = what;
    if (!expr_or(&e, v))
        return false;
    space(&e);
    return !*e.p || expected(&e, "an operator or the end");
}

/* ---- texts ---- */

/* "$name", "${expression}" or "${name}" at e->p, which stands behind the '$'. */
static bool interpolate(Expr *e, Pval *v)
{
    const char *start = e->p - 1;
    if (*e->p != '{')
        return param_ref(e, start, v);
    const char *end = word_end(++e->p);
    bool ok = *end == '}' && end > e->p && !isdigit((unsigned char)*e->p) ? param_ref(e, start, v) : expr_or(e, v);
    return ok && (take_op(e, "}") || expected(e, "'}'"));
}

const char *eval_text(const Cx *cx, const Yaml *y)
{
    Arena *a = cx->s->arena;
    if (y->kind != YAML_SCALAR || (!*y->text && !y->quoted)) {
        spec_error(cx, y->loc, NULL, "expected text, found %s", spec_found(a, y));
        return NULL;
    }
    if (!spec_work(cx, y->loc, strlen(y->text)))
        return NULL;
    Expr e = expr_begin(cx, y);
    char out[SPEC_TEXT + 1];
    size_t n = 0;
    while (*e.p) {
        const char *piece = e.p, *at = e.p;
        size_t len = 1;
        if (*e.p++ == '$' && *e.p != '$') {
            Pval v;
            if (!interpolate(&e, &v))
                return NULL;
            piece = pval_text(a, &v);
            if (!piece) {
                spec_error(cx, expr_loc(&e, at, e.p), NULL, "expected text, found a list");
                return NULL;
            }
            len = strlen(piece);
        } else if (*at == '$') {
            e.p++; /* $$ */
        }
        if (len > SPEC_TEXT - n) {
            spec_error(cx, y->loc, NULL, "text becomes longer than %d bytes", SPEC_TEXT);
            return NULL;
        }
        memcpy(out + n, piece, len);
        n += len;
    }
    return spec_work(cx, y->loc, n) ? arena_strndup(a, out, n) : NULL;
}
