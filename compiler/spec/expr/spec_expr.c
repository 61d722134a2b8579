/* Expressions of the spec language, where integers, numbers and booleans are wanted.
     or    = and {"or" and}           not  = "not" not | cmp       sum  = term {("+" | "-") term}
     and   = not {"and" not}          cmp  = sum [relation sum]    term = unary {("*" | "/" | "%") unary}
     unary = ("-" | "+") unary | number | "true" | "false" | "'" text "'" | "$"name | name "(" ... ")" | "(" or ")"
   On integers / and % round down. */
#include "spec_expr.h"

#include <ctype.h>
#include <string.h>

enum { EXPR_DEPTH = 64 };

/* ---- places and errors ---- */

SpecExpr expr_begin(const Cx *cx, const Yaml *y)
{
    int n = (int)strlen(y->text);
    SpecExpr e = {.cx = cx, .text = y->text, .p = y->text, .loc = y->loc};
    e.exact = y->loc.len == n + (y->quoted ? 2 : 0);
    if (e.exact && y->quoted)
        e.loc.col++;
    return e;
}

Loc expr_loc(const SpecExpr *e, const char *at, const char *end)
{
    Loc loc = e->loc;
    if (e->exact) {
        loc.col += (int)(at - e->text);
        loc.len = (int)imax(end - at, 1);
    }
    return loc;
}

const char *expr_word_end(const char *p)
{
    while (isalnum((unsigned char)*p) || *p == '_')
        p++;
    return p;
}

void expr_space(SpecExpr *e)
{
    while (*e->p == ' ' || *e->p == '\t' || *e->p == '\n')
        e->p++;
}

bool expr_take(SpecExpr *e, const char *op)
{
    expr_space(e);
    size_t n = strlen(op);
    if (strncmp(e->p, op, n) || (isalpha((unsigned char)*op) && expr_word_end(e->p) != e->p + n))
        return false;
    e->p += n;
    return true;
}

bool expr_expected(SpecExpr *e, const char *what)
{
    expr_space(e);
    const char *end = *e->p ? expr_word_end(e->p) : e->p;
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

/* ---- grammar ---- */

static bool eval_number(SpecExpr *e, Pval *v)
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
    const char *end = expr_word_end(p);
    spec_error(e->cx, expr_loc(e, start, end), NULL, number ? "%s does not fit in 64 bits" : "%s is not a number",
               spec_show(e->cx->s->arena, arena_strndup(e->cx->s->arena, start, (size_t)(end - start))));
    return false;
}

static bool text_literal(SpecExpr *e, Pval *v)
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

bool expr_param(SpecExpr *e, const char *start, Pval *v)
{
    const char *end = expr_word_end(e->p);
    const char *name = arena_strndup(e->cx->s->arena, e->p, (size_t)(end - e->p));
    if (end == e->p || isdigit((unsigned char)*name))
        return expr_expected(e, "a parameter's name behind '$'");
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

static bool check_dim(SpecExpr *e, const char *at, ValueId id, int64_t k, Pval *v)
{
    if (e->skip)
        return true;
    if (id == POISON)
        return false;
    if (id == NO_VALUE) {
        spec_error(e->cx, expr_loc(e, at, expr_word_end(at)), NULL, "there is no value here to take a dimension of");
        return false;
    }
    const Type *t = &e->cx->s->graph->value.v[id].type;
    if (k < 0)
        k += t->rank;
    if (k < 0 || k >= t->rank) {
        spec_error(e->cx, expr_loc(e, at, expr_word_end(at)), NULL, "the value %s has no such dimension",
                   type_text(e->cx->s->arena, t));
        return false;
    }
    *v = (Pval){.kind = PV_INT, .as.i = t->dim[k]};
    return true;
}

/* channels([value]), dim([value,] k) */
static bool shape_call(SpecExpr *e, const char *at, bool channels, Pval *v)
{
    ValueId id = e->cx->cur;
    Pval k = {.kind = PV_INT, .as.i = 1};
    expr_space(e);
    bool named = isalpha((unsigned char)*e->p) || *e->p == '_';
    if (named) {
        const char *end = expr_word_end(e->p);
        const char *name = arena_strndup(e->cx->s->arena, e->p, (size_t)(end - e->p));
        if (!e->skip) {
            if (!e->cx->value)
                id = NO_VALUE;
            else
                id = value_find(e->cx, name, expr_loc(e, e->p, end));
        }
        e->p = end;
        if (!channels && !expr_take(e, ","))
            return expr_expected(e, "',' and the dimension");
    }
    if (!channels && !expr_whole(e, &k))
        return false;
    if (!expr_take(e, ")"))
        return expr_expected(e, "')'");
    if (!e->skip && k.kind != PV_INT)
        return expr_type_error(e, at, "dim", &k, NULL);
    return check_dim(e, at, id, e->skip ? 0 : k.as.i, v);
}

static bool eval_call(SpecExpr *e, const char *at, const char *name, Pval *v)
{
    static const char *const function[] = {"min", "max", "channels", "dim"};
    if (!strcmp(name, "channels") || !strcmp(name, "dim"))
        return shape_call(e, at, name[0] == 'c', v);
    bool smaller = !strcmp(name, "min");
    if (!smaller && strcmp(name, "max")) {
        spec_error(e->cx, expr_loc(e, at, expr_word_end(at)), name_hint(e->cx->s->arena, name, function, LEN(function)),
                   "no function '%s'", name);
        return false;
    }
    if (!expr_whole(e, v))
        return false;
    if (!expr_take(e, ","))
        return expr_expected(e, "','");
    do {
        Pval b = {0};
        if (!expr_whole(e, &b))
            return false;
        if (e->skip)
            continue;
        if (!pval_is_num(v) || !pval_is_num(&b))
            return expr_type_error(e, at, name, v, &b);
        bool less = v->kind == PV_INT && b.kind == PV_INT ? b.as.i < v->as.i : pval_num(&b) < pval_num(v);
        if (less == smaller)
            *v = b;
    } while (expr_take(e, ","));
    return expr_take(e, ")") || expr_expected(e, "',' or ')'");
}

static bool primary(SpecExpr *e, Pval *v)
{
    expr_space(e);
    const char *at = e->p;
    *v = (Pval){.kind = PV_INT};
    if (isdigit((unsigned char)*at) || (*at == '.' && isdigit((unsigned char)at[1])))
        return eval_number(e, v);
    if (*at == '\'' || *at == '"')
        return text_literal(e, v);
    if (*at == '$') {
        e->p++;
        return expr_param(e, at, v);
    }
    if (expr_take(e, "("))
        return expr_whole(e, v) && (expr_take(e, ")") || expr_expected(e, "')'"));
    if (expr_take(e, "true") || expr_take(e, "false")) {
        *v = (Pval){.kind = PV_BOOL, .as.b = *at == 't'};
        return true;
    }
    const char *end = expr_word_end(at);
    if (end > at && !isdigit((unsigned char)*at)) {
        e->p = end;
        expr_space(e);
        if (*e->p == '(') {
            e->p++;
            return eval_call(e, at, arena_strndup(e->cx->s->arena, at, (size_t)(end - at)), v);
        }
        e->p = at;
    }
    return expr_expected(e, at == e->text && e->what ? e->what : "a number, $parameter or function");
}

static bool unary(SpecExpr *e, Pval *v)
{
    expr_space(e);
    const char *at = e->p;
    if (++e->depth > EXPR_DEPTH) {
        spec_error(e->cx, expr_loc(e, at, at + 1), NULL, "expression nested more than %d deep", EXPR_DEPTH);
        return false;
    }
    bool ok, minus = expr_take(e, "-");
    if (minus || expr_take(e, "+")) {
        ok = unary(e, v);
        if (ok && !e->skip && !pval_is_num(v))
            ok = expr_type_error(e, at, minus ? "-" : "+", v, NULL);
        else if (ok && minus && !e->skip && v->kind == PV_INT)
            ok = expr_int_op(e, at, '-', 0, v->as.i, &v->as.i);
        else if (ok && minus && !e->skip)
            v->as.d = -v->as.d;
    } else {
        ok = primary(e, v);
    }
    e->depth--;
    return ok;
}

static bool eval_term(SpecExpr *e, Pval *v)
{
    bool ok = unary(e, v);
    for (expr_space(e); ok && *e->p && strchr("*/%", *e->p); expr_space(e)) {
        const char *at = e->p++;
        Pval b;
        ok = unary(e, &b) && expr_arith(e, at, *at, v, &b);
    }
    return ok;
}

static bool sum(SpecExpr *e, Pval *v)
{
    bool ok = eval_term(e, v);
    for (expr_space(e); ok && (*e->p == '+' || *e->p == '-'); expr_space(e)) {
        const char *at = e->p++;
        Pval b;
        ok = eval_term(e, &b) && expr_arith(e, at, *at, v, &b);
    }
    return ok;
}

static bool relation(SpecExpr *e, Pval *v)
{
    static const char *const ops[] = {"==", "!=", "<=", ">=", "<", ">"};
    if (!sum(e, v))
        return false;
    expr_space(e);
    for (int i = 0; i < LEN(ops); i++) {
        const char *at = e->p;
        Pval b;
        if (expr_take(e, ops[i]))
            return sum(e, &b) && expr_compare(e, at, ops[i], v, &b);
    }
    return true;
}

static bool want_bool(SpecExpr *e, const char *at, const char *op, const Pval *v)
{
    return e->skip || v->kind == PV_BOOL || expr_type_error(e, at, op, v, NULL);
}

static bool expr_not(SpecExpr *e, Pval *v)
{
    expr_space(e);
    const char *at = e->p;
    if (!expr_take(e, "not"))
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
static bool chain(SpecExpr *e, Pval *v, const char *op, bool stops_at, bool (*operand)(SpecExpr *, Pval *))
{
    if (!operand(e, v))
        return false;
    int skip = e->skip;
    bool ok = true;
    for (expr_space(e); ok; expr_space(e)) {
        const char *at = e->p;
        if (!expr_take(e, op))
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

static bool expr_and(SpecExpr *e, Pval *v)
{
    return chain(e, v, "and", false, expr_not);
}

bool expr_whole(SpecExpr *e, Pval *v)
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
    SpecExpr e = expr_begin(cx, y);
    e.what = what;
    if (!expr_whole(&e, v))
        return false;
    expr_space(&e);
    return !*e.p || expr_expected(&e, "an operator or the end");
}
