/* Declared parameters: of a spec, set by default or with --set, and of modules, given at each use. */
#include "spec_impl.h"

#include <string.h>

/* A word that stands for a type in a module's params: the parameter has no default then. */
static const struct { const char *word; DeclType type; const char *doc; } type_word[] = {
    {"int", DECL_INT, "an integer"}, {"number", DECL_NUM, "a number"}, {"bool", DECL_BOOL, "true or false"},
    {"module", DECL_MODULE, "the name of a module"}, {"text", DECL_TEXT, "text"}, {"list", DECL_LIST, "a list"},
};

static DeclType default_type(const Yaml *y)
{
    static const DeclType of_kind[] = {DECL_INT, DECL_NUM, DECL_BOOL, DECL_TEXT, DECL_LIST};
    Pval v;
    if (y->kind == YAML_LIST)
        return DECL_LIST;
    if (literal(y, &v))
        return of_kind[v.kind];
    return is_expression(y->text) ? DECL_ANY : DECL_TEXT;
}

static bool decl_read(SpecReader *s, const YamlPair *p, Decl *d)
{
    *d = (Decl){p->key, p->key_loc, DECL_ANY, p->val};
    if (!spec_identifier(p->key)) {
        spec_error(NULL, p->key_loc, NULL, "a parameter's name must be letters, digits and '_', found %s",
                   spec_show(s->arena, p->key));
        return false;
    }
    if (p->val->kind == YAML_MAP || (p->val->kind == YAML_SCALAR && !*p->val->text && !p->val->quoted)) {
        spec_error(NULL, p->val->loc, NULL, "parameter '%s' needs a type (int, number, bool, module, text, list) or a "
                   "default, found %s", p->key, spec_found(s->arena, p->val));
        return false;
    }
    if (p->val->kind == YAML_SCALAR && !p->val->quoted)
        for (int i = 0; i < LEN(type_word); i++)
            if (!strcmp(p->val->text, type_word[i].word)) {
                d->type = type_word[i].type;
                d->dflt = NULL;
                return true;
            }
    d->type = default_type(p->val);
    return true;
}

bool decls_read(SpecReader *s, const Yaml *map, Decls *out)
{
    *out = (Decls){0};
    if (map->kind != YAML_MAP) {
        spec_error(NULL, map->loc, NULL, "expected a map of parameters, found %s", spec_found(s->arena, map));
        return false;
    }
    if (map->npair > SPEC_PARAMS) {
        spec_error(NULL, map->loc, NULL, "%d parameters; there can be at most %d", map->npair, SPEC_PARAMS);
        return false;
    }
    bool ok = true;
    out->v = NEW(s->arena, Decl, map->npair);
    for (int i = 0; i < map->npair; i++)
        ok = decl_read(s, &map->pair[i], &out->v[out->n++]) && ok;
    return ok;
}

static const char *type_doc(DeclType type)
{
    for (int i = 0; i < LEN(type_word); i++)
        if (type_word[i].type == type)
            return type_word[i].doc;
    return "a value";
}

const char *decl_doc(const Decl *d)
{
    return type_doc(d->type);
}

/* Evaluates y as a value of that type. */
static bool eval_typed(const Cx *cx, DeclType type, const Yaml *y, Pval *v)
{
    switch (type) {
    case DECL_INT:
        v->kind = PV_INT;
        return eval_int(cx, y, &v->as.i);
    case DECL_NUM:
        v->kind = PV_NUM;
        return eval_num(cx, y, &v->as.d);
    case DECL_BOOL:
        v->kind = PV_BOOL;
        return eval_bool(cx, y, &v->as.b);
    case DECL_LIST:
        return eval_list(cx, y, v);
    case DECL_ANY:
        return eval_any(cx, y, v);
    case DECL_TEXT:
    case DECL_MODULE:
        break;
    }
    v->kind = PV_TEXT;
    v->as.text = eval_text(cx, y);
    return v->as.text != NULL;
}

bool param_bind(const Cx *cx, const Cx *inner, const Decl *d, const Yaml *arg, Pval *v)
{
    if (!arg)
        return eval_typed(inner, d->type, d->dflt, v);
    if (!eval_typed(cx, d->type, arg, v))
        return false;
    if (d->type != DECL_MODULE || module_find(cx->s, v->as.text) || op_exists(v->as.text))
        return true;
    VEC(const char *) cand = {0};
    for (int i = 0; i < cx->s->module.n; i++)
        PUSH(cx->s->arena, &cand, cx->s->module.v[i].name);
    spec_error(cx, arg->loc, name_hint(cx->s->arena, v->as.text, cand.v, cand.n),
               "expected the name of a module or operator, found %s", spec_show(cx->s->arena, v->as.text));
    return false;
}

/* ---- the spec's own ---- */

/* "name=value" as text of its own, so that messages can point into it: the value as YAML, placed behind "name=". */
static const Yaml *set_value(SpecReader *s, const Param *p, DeclType type)
{
    Arena *a = s->arena;
    char *text = arena_printf(a, "%s=%s", p->name, p->value);
    size_t n = strlen(text), skip = strlen(p->name) + 1;
    int file = diag_file("--set", text, n);
    Yaml *y = NEW(a, Yaml, 1);
    *y = (Yaml){.kind = YAML_SCALAR, .loc = {file, 1, (int)skip + 1, (int)(n - skip)}, .text = p->value};
    if (type != DECL_LIST)
        return y;
    char *padded = arena_strndup(a, text, n);
    memset(padded, ' ', skip);
    return yaml_parse(a, padded, n, file);
}

static bool set_param(const Cx *cx, const Param *p, const Decl *d, const Pval *dflt, Pval *v)
{
    static const DeclType of_kind[] = {DECL_INT, DECL_NUM, DECL_BOOL, DECL_TEXT, DECL_LIST};
    DeclType type = d->type == DECL_ANY && dflt ? of_kind[dflt->kind] : d->type;
    const Yaml *y = set_value(cx->s, p, type);
    if (!y)
        return false;
    if (type == DECL_LIST)
        return eval_list(cx, y, v);
    if (type == DECL_TEXT || type == DECL_MODULE) {
        *v = (Pval){.kind = PV_TEXT, .as.text = p->value};
        if (strlen(p->value) <= SPEC_TEXT)
            return true;
        spec_error(NULL, y->loc, NULL, "text longer than %d bytes", SPEC_TEXT);
        return false;
    }
    bool ok = literal(y, v);
    if (ok && type == DECL_NUM)
        ok = pval_is_num(v);
    else if (ok)
        ok = v->kind == (type == DECL_BOOL ? PV_BOOL : PV_INT);
    if (!ok)
        spec_error(NULL, y->loc, NULL, "parameter '%s' is %s, found %s", d->name, type_doc(type),
                   spec_show(cx->s->arena, p->value));
    if (ok && type == DECL_NUM && v->kind == PV_INT)
        *v = (Pval){.kind = PV_NUM, .as.d = pval_num(v)};
    return ok;
}

static bool unknown_set(SpecReader *s, const Decls *decl, const Param *p)
{
    VEC(const char *) cand = {0};
    for (int i = 0; i < decl->n; i++) {
        if (!strcmp(decl->v[i].name, p->name))
            return false;
        PUSH(s->arena, &cand, decl->v[i].name);
    }
    const char *text = arena_printf(s->arena, "%s=%s", p->name, p->value);
    int file = diag_file("--set", text, strlen(text));
    spec_error(NULL, (Loc){file, 1, 1, (int)strlen(p->name)}, name_hint(s->arena, p->name, cand.v, cand.n),
               "the spec has no parameter %s", spec_show(s->arena, p->name));
    return true;
}

bool params_read(SpecReader *s, const Yaml *map, const Param *set, int nset)
{
    Decls decl = {0};
    if (map && !decls_read(s, map, &decl))
        return false;
    bool ok = true;
    for (int i = 0; i < nset; i++)
        ok = !unknown_set(s, &decl, &set[i]) && ok;
    Binding *b = NEW(s->arena, Binding, decl.n);
    Env *env = NEW(s->arena, Env, 1);
    *env = (Env){.v = b};
    s->env = env;
    Cx cx = {.s = s, .env = env, .scope = "", .cur = NO_VALUE};
    for (int i = 0; i < decl.n; i++) {
        const Decl *d = &decl.v[i];
        const Param *given = NULL;
        for (int j = 0; j < nset; j++)
            if (!strcmp(set[j].name, d->name))
                given = &set[j];
        Pval dflt, v = {0};
        bool good = !d->dflt || eval_typed(&cx, d->type, d->dflt, &dflt);
        if (good && given)
            good = set_param(&cx, given, d, d->dflt ? &dflt : NULL, &v);
        else if (good && d->dflt)
            v = dflt;
        else if (good) {
            spec_error(NULL, d->loc, NULL, "parameter '%s' has no value: give --set %s=...", d->name, d->name);
            good = false;
        }
        b[env->n++] = (Binding){d->name, v, !good};
        ok = ok && good;
    }
    return ok;
}
