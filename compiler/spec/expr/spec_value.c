/* Evaluated scalars and lists: what an integer, a number, a list, ... may be in a spec; parameters by name. */
#include "../spec_impl.h"

#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- values and names ---- */

const char *pval_kind(const Pval *v)
{
    static const char *const kind[] = {"an integer", "a number", "true or false", "text", "a list"};
    return kind[v->kind];
}

const char *pval_text(Arena *a, const Pval *v)
{
    char num[32];
    switch (v->kind) {
    case PV_INT: return arena_printf(a, "%lld", (long long)v->as.i);
    case PV_NUM: fmt_double(num, v->as.d); return arena_strndup(a, num, strlen(num));
    case PV_BOOL: return v->as.b ? "true" : "false";
    case PV_TEXT: return v->as.text;
    default: return NULL;
    }
}

const Binding *env_find(const Env *env, const char *name)
{
    for (; env; env = env->up)
        for (int i = env->n; i-- > 0;)
            if (!strcmp(env->v[i].name, name))
                return &env->v[i];
    return NULL;
}

const char *env_hint(const Cx *cx, const char *name)
{
    VEC(const char *) cand = {0};
    for (const Env *env = cx->env; env; env = env->up)
        for (int i = 0; i < env->n; i++)
            PUSH(cx->s->arena, &cand, env->v[i].name);
    const char *near = nearest_name(name, cand.v, cand.n);
    return near ? arena_printf(cx->s->arena, "did you mean '$%s'?", near) : NULL;
}

/* ---- typed ---- */

static bool wrong_kind(const Cx *cx, const Yaml *y, const char *what, const Pval *v)
{
    Arena *a = cx->s->arena;
    const char *text = pval_text(a, v);
    if (v->kind == PV_NUM && strspn(text, "-0123456789") == strlen(text))
        text = arena_printf(a, "%s.0", text);
    spec_error(cx, y->loc, NULL, "expected %s, found %s", what, text ? spec_show(a, text) : "a list");
    return false;
}

bool eval_int(const Cx *cx, const Yaml *y, int64_t *out)
{
    Pval v;
    if (!eval_expr(cx, y, "an integer", &v))
        return false;
    if (v.kind != PV_INT)
        return wrong_kind(cx, y, "an integer", &v);
    *out = v.as.i;
    return true;
}

bool eval_num(const Cx *cx, const Yaml *y, double *out)
{
    Pval v;
    if (!eval_expr(cx, y, "a number", &v))
        return false;
    if (!pval_is_num(&v))
        return wrong_kind(cx, y, "a number", &v);
    *out = pval_num(&v);
    return true;
}

bool eval_bool(const Cx *cx, const Yaml *y, bool *out)
{
    Pval v;
    if (!eval_expr(cx, y, "true or false", &v))
        return false;
    if (v.kind != PV_BOOL)
        return wrong_kind(cx, y, "true or false", &v);
    *out = v.as.b;
    return true;
}

/* ---- lists and untyped values ---- */

bool is_expression(const char *text)
{
    if (strstr(text, "${"))
        return false;
    const char *open = strchr(text, '(');
    return strchr(text, '$') || (open && open > text && isalpha((unsigned char)*text) && text[strlen(text) - 1] == ')');
}

bool literal(const Yaml *y, Pval *v)
{
    if (y->kind != YAML_SCALAR || y->quoted || !*y->text)
        return false;
    const char *t = y->text;
    if (!strcmp(t, "true") || !strcmp(t, "false")) {
        *v = (Pval){.kind = PV_BOOL, .as.b = *t == 't'};
        return true;
    }
    const char *digits = t + (*t == '-' || *t == '+');
    if (!isdigit((unsigned char)*digits) && !(*digits == '.' && isdigit((unsigned char)digits[1])))
        return false;
    if (strspn(digits, "0123456789") == strlen(digits)) {
        int64_t i = 0;
        for (const char *p = digits; *p; p++)
            if (!mul_ok(i, 10, &i) || __builtin_sub_overflow(i, (int64_t)(*p - '0'), &i))
                return false;
        if (*t != '-' && __builtin_sub_overflow((int64_t)0, i, &i))
            return false;
        *v = (Pval){.kind = PV_INT, .as.i = i};
        return true;
    }
    if (strspn(digits, "0123456789.eE+-") != strlen(digits))
        return false;
    char *end;
    double d = strtod(t, &end);
    if (*end || !isfinite(d))
        return false;
    *v = (Pval){.kind = PV_NUM, .as.d = d};
    return true;
}

bool eval_any(const Cx *cx, const Yaml *y, Pval *v)
{
    if (y->kind == YAML_LIST)
        return eval_list(cx, y, v);
    if (y->kind == YAML_SCALAR && literal(y, v))
        return spec_work(cx, y->loc, 0);
    if (y->kind == YAML_SCALAR && is_expression(y->text))
        return eval_expr(cx, y, "a value", v);
    const char *text = eval_text(cx, y);
    *v = (Pval){.kind = PV_TEXT, .as.text = text};
    return text != NULL;
}

bool eval_list(const Cx *cx, const Yaml *y, Pval *v)
{
    if (y->kind == YAML_SCALAR && is_expression(y->text))
        return eval_expr(cx, y, "a list", v) && (v->kind == PV_LIST || wrong_kind(cx, y, "a list", v));
    if (y->kind != YAML_LIST) {
        spec_error(cx, y->loc, NULL, "expected a list, found %s", spec_found(cx->s->arena, y));
        return false;
    }
    if (!spec_work(cx, y->loc, 0))
        return false;
    Pval *item = NEW(cx->s->arena, Pval, y->n);
    for (int i = 0; i < y->n; i++)
        if (!eval_any(cx, y->item[i], &item[i]))
            return false;
    *v = (Pval){.kind = PV_LIST, .n = y->n, .as.item = item};
    return true;
}

bool eval_ints(const Cx *cx, const Yaml *y, Ints *out)
{
    Pval v = {.kind = PV_LIST, .n = y->n};
    *out = (Ints){0};
    if (y->kind != YAML_LIST && !eval_expr(cx, y, "an integer or a list of them", &v))
        return false;
    if (v.kind != PV_INT && v.kind != PV_LIST)
        return wrong_kind(cx, y, "an integer or a list of them", &v);
    if (v.kind == PV_LIST && v.n > LEN(out->v)) {
        spec_error(cx, y->loc, NULL, "a list of %d integers; there can be at most %d", v.n, LEN(out->v));
        return false;
    }
    out->n = v.kind == PV_INT ? 1 : v.n;
    if (v.kind == PV_INT)
        out->v[0] = v.as.i;
    for (int i = 0; v.kind == PV_LIST && i < v.n; i++) {
        if (y->kind == YAML_LIST) {
            if (!eval_int(cx, y->item[i], &out->v[i]))
                return false;
        } else if (v.as.item[i].kind != PV_INT) {
            return wrong_kind(cx, y, "a list of integers", &v.as.item[i]);
        } else {
            out->v[i] = v.as.item[i].as.i;
        }
    }
    return true;
}
