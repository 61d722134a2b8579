/* Modules: their definition, and their use, which expands the body with parameters bound and a scope of its own. */
#include "spec_impl.h"

#include <string.h>

const Module *module_find(const SpecReader *s, const char *name)
{
    int i = dict_get(&s->module_by_name, name);
    return i < 0 ? NULL : &s->module.v[i];
}

/* ---- definition ---- */

static bool module_inputs(SpecReader *s, const Yaml *y, Module *m)
{
    static const char *const just_x[] = {"x"};
    m->input = just_x;
    m->ninput = 1;
    if (!y)
        return true;
    if (y->kind != YAML_LIST || y->n < 1) {
        spec_error(NULL, y->loc, NULL, "expected a list of names such as [x, y], found %s", spec_found(s->arena, y));
        return false;
    }
    const char **name = NEW(s->arena, const char *, y->n);
    for (int i = 0; i < y->n; i++) {
        if (y->item[i]->kind != YAML_SCALAR || !spec_identifier(y->item[i]->text)) {
            spec_error(NULL, y->item[i]->loc, NULL, "expected a name, found %s", spec_found(s->arena, y->item[i]));
            return false;
        }
        name[i] = y->item[i]->text;
    }
    m->input = name;
    m->ninput = y->n;
    return true;
}

static bool module_map(SpecReader *s, const Yaml *y, Module *m)
{
    static const char *const keys[] = {"params", "inputs", "scope", "body", "output"};
    bool ok = spec_keys(NULL, y, "a module", keys, LEN(keys));
    const Yaml *params = yaml_get(y, "params");
    m->scope = yaml_get(y, "scope");
    m->body = yaml_get(y, "body");
    m->output = yaml_get(y, "output");
    ok = (!params || decls_read(s, params, &m->param)) && ok;
    ok = module_inputs(s, yaml_get(y, "inputs"), m) && ok;
    for (int i = 0; i < m->param.n; i++)
        for (int j = 0; j < LEN(step_keys); j++)
            if (!strcmp(m->param.v[i].name, step_keys[j])) {
                spec_error(NULL, m->param.v[i].loc, NULL, "'%s' cannot be a parameter: every step has that key",
                           step_keys[j]);
                ok = false;
            }
    if (!m->body) {
        spec_error(NULL, m->loc, NULL, "module '%s' has no body", m->name);
        return false;
    }
    return ok;
}

bool module_define(SpecReader *s, const char *name, Loc loc, const Yaml *y)
{
    Module m = {.name = name, .loc = loc};
    const Module *before = module_find(s, name);
    if (!spec_identifier(name)) {
        spec_error(NULL, loc, NULL, "a module's name must be letters, digits and '_', found %s",
                   spec_show(s->arena, name));
        return false;
    }
    if (op_exists(name)) {
        spec_error(NULL, loc, NULL, "module '%s' has the name of an operator", name);
        return false;
    }
    if (before) {
        spec_error(NULL, loc, NULL, "module '%s' is defined twice", name);
        note_at(before->loc, "first here");
        return false;
    }
    bool ok = module_inputs(s, NULL, &m);
    if (y->kind == YAML_MAP)
        ok = module_map(s, y, &m);
    else
        m.body = y;
    if (m.body && m.body->kind != YAML_LIST) {
        spec_error(NULL, m.body->loc, NULL, "the body of module '%s' must be a list of steps, found %s", name,
                   spec_found(s->arena, m.body));
        ok = false;
    }
    if (!ok)
        return false;
    dict_put(&s->module_by_name, name, s->module.n);
    PUSH(s->arena, &s->module, m);
    return true;
}

/* ---- use ---- */

static bool check_cycle(const Cx *cx, const Module *m, Loc loc)
{
    Buf cycle = {0};
    const ModuleUse *u = cx->use;
    while (u && u->module != m)
        u = u->up;
    if (!u)
        return true;
    const Module *chain[SPEC_DEPTH + 1];
    int n = 0;
    for (const ModuleUse *w = cx->use; w != u->up && n < LEN(chain); w = w->up)
        chain[n++] = w->module;
    while (n-- > 0)
        buf_printf(&cycle, "%s -> ", chain[n]->name);
    buf_puts(&cycle, m->name);
    spec_error(cx, loc, NULL, "module '%s' uses itself: %s", m->name, cycle.s);
    buf_free(&cycle);
    return false;
}

static bool check_args(const Cx *cx, const Module *m, const Yaml *step)
{
    const char *key[SPEC_PARAMS + LEN(step_keys)];
    int n = 0;
    for (int i = 0; i < m->param.n; i++)
        key[n++] = m->param.v[i].name;
    for (int i = 0; i < LEN(step_keys); i++)
        key[n++] = step_keys[i];
    return step->kind != YAML_MAP || spec_keys(cx, step, arena_printf(cx->s->arena, "module '%s'", m->name), key, n);
}

/* Fills inner->env with the module's parameters. */
static bool bind_params(const Cx *cx, Cx *inner, const Module *m, const Yaml *step, Loc loc)
{
    Arena *a = cx->s->arena;
    Binding *b = NEW(a, Binding, m->param.n);
    Env *env = NEW(a, Env, 1);
    *env = (Env){b, 0, cx->s->env};
    inner->env = env;
    bool ok = check_args(cx, m, step);
    Cx outer = *cx;
    outer.about = arena_printf(a, "module '%s'", m->name);
    for (int i = 0; i < m->param.n; i++) {
        const Decl *d = &m->param.v[i];
        const Yaml *arg = step_key(step, d->name);
        Pval v = {0};
        bool good = arg || d->dflt;
        if (!good)
            spec_error(cx, loc, NULL, "module '%s' needs '%s', %s", m->name, d->name, decl_doc(d));
        outer.key = d->name;
        good = good && param_bind(&outer, inner, d, arg, &v);
        b[env->n++] = (Binding){d->name, v, !good};
        ok = ok && good;
    }
    return ok;
}

static bool module_results(const Cx *inner, const Module *m, Results *r)
{
    r->n = 0;
    if (!m->output) {
        r->v[0] = inner->cur;
        r->n = inner->cur != POISON;
        return r->n > 0;
    }
    const ValueId *v;
    int n;
    if (!read_in(inner, m->output, &v, &n))
        return false;
    if (n < 1 || n > MAX_OUT) {
        spec_error(inner, m->output->loc, NULL, "%d outputs; there can be 1 to %d", n, MAX_OUT);
        return false;
    }
    memcpy(r->v, v, (size_t)n * sizeof *v);
    r->n = n;
    return true;
}

void module_use(const Cx *cx, const Module *m, const Yaml *step, Loc loc, const char *name, const ValueId *in, int nin,
                Results *r)
{
    Dict value = dict_new(cx->s->arena);
    ModuleUse use = {m, loc, cx->use};
    Cx inner = {.s = cx->s, .value = &value, .scope = cx->scope, .cur = cx->cur, .shared = cx->shared, .use = &use,
                .depth = cx->depth + 1};
    r->n = 0;
    if (!check_cycle(cx, m, loc))
        return;
    if (nin != m->ninput) {
        spec_error(cx, loc, NULL, "module '%s' takes %d input%s, %d given", m->name, m->ninput,
                   m->ninput == 1 ? "" : "s", nin);
        return;
    }
    for (int i = 0; i < nin; i++)
        dict_put(&value, m->input[i], in[i]);
    inner.cur = in[0];
    if (!bind_params(cx, &inner, m, step, loc))
        return;
    if (!name && m->scope && !(name = eval_text(&inner, m->scope)))
        return;
    if (name && *name && !(inner.scope = scope_join(cx, cx->scope, name, loc)))
        return;
    expand_body(&inner, m->body);
    module_results(&inner, m, r);
}
