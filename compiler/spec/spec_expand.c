/* Bodies of steps, expanded into the graph: operators, modules, scopes and named values. */
#include "foreign.h"
#include "spec_impl.h"

#include <string.h>

/* ---- names ---- */

const char *scope_join(const Cx *cx, const char *scope, const char *name, Loc loc)
{
    Arena *a = cx->s->arena;
    if (!*name || !text_is_clean(name)) {
        spec_error(cx, loc, NULL, "%s", *name ? "a name must have no control characters" : "a name must not be empty");
        return NULL;
    }
    if (strlen(scope) + 1 + strlen(name) > SPEC_NAME) {
        spec_error(cx, loc, NULL, "the scoped name becomes longer than %d bytes", SPEC_NAME);
        return NULL;
    }
    return *scope ? arena_printf(a, "%s.%s", scope, name) : name;
}

static const char *value_hint(const Cx *cx, const char *name)
{
    VEC(const char *) cand = {0};
    for (int i = 0; i < cx->value->cap; i++)
        if (cx->value->slot[i].key)
            PUSH(cx->s->arena, &cand, cx->value->slot[i].key);
    return name_hint(cx->s->arena, name, cand.v, cand.n);
}

ValueId value_find(const Cx *cx, const char *name, Loc loc)
{
    if (!spec_work(cx, loc, 0))
        return POISON;
    ValueId id = dict_get(cx->value, name);
    if (id != -1)
        return id;
    spec_error(cx, loc, value_hint(cx, name), "no value %s here", spec_show(cx->s->arena, name));
    return POISON;
}

/* ---- inputs and results of a step ---- */

static bool put_value(const Cx *cx, const char *name, Loc loc, ValueId id)
{
    if (!spec_identifier(name)) {
        spec_error(cx, loc, NULL, "a value's name must be letters, digits and '_', found %s",
                   spec_show(cx->s->arena, name));
        return false;
    }
    if (!strcmp(name, "x")) {
        spec_error(cx, loc, NULL, "'x' is the input of the body: choose another name");
        return false;
    }
    dict_put(cx->value, name, id);
    return true;
}

bool read_in(const Cx *cx, const Yaml *y, const ValueId **in, int *n)
{
    int count = y->kind == YAML_LIST ? y->n : 1;
    ValueId *v = NEW(cx->s->arena, ValueId, count);
    bool ok = true;
    for (int i = 0; i < count; i++) {
        const Yaml *item = y->kind == YAML_LIST ? y->item[i] : y;
        const char *name = eval_text(cx, item);
        v[i] = name ? value_find(cx, name, item->loc) : POISON;
        ok = ok && v[i] != POISON;
    }
    *in = v;
    *n = count;
    return ok;
}

/* The step's results become the current value and get the names in `as`; of a step that is left out, all of them name
   the value that passes by: its one input, or the previous result. */
static void finish_step(Cx *cx, const Yaml *as, const Results *r, bool left_out)
{
    cx->cur = r->n ? r->v[0] : POISON;
    if (!as)
        return;
    int count = as->kind == YAML_LIST ? as->n : 1;
    if (r->n && count != r->n && !left_out)
        spec_error(cx, as->loc, NULL, "%d name%s for %d result%s", count, count == 1 ? "" : "s", r->n,
                   r->n == 1 ? "" : "s");
    for (int i = 0; i < count; i++) {
        const Yaml *item = as->kind == YAML_LIST ? as->item[i] : as;
        const char *name = eval_text(cx, item);
        if (name)
            put_value(cx, name, item->loc, i < r->n ? r->v[i] : left_out ? cx->cur : POISON);
    }
}

/* ---- steps ---- */

const Yaml *step_key(const Yaml *step, const char *key)
{
    return step->kind == YAML_MAP ? yaml_get(step, key) : NULL;
}

static void unknown_op(const Cx *cx, const char *name, Loc loc)
{
    int n;
    const char *const *ops = op_names(cx->s->arena, &n);
    VEC(const char *) cand = {0};
    for (int i = 0; i < n; i++)
        PUSH(cx->s->arena, &cand, ops[i]);
    for (int i = 0; i < cx->s->module.n; i++)
        PUSH(cx->s->arena, &cand, cx->s->module.v[i].name);
    const char *hint = foreign_hint(cx->s->arena, FOREIGN_OP, name, cand.v, cand.n);
    if (!hint)
        hint = spec_bundled_module(cx->s, name);
    if (!hint)
        hint = name_hint(cx->s->arena, name, cand.v, cand.n);
    spec_error(cx, loc, hint, "no operator or module %s", spec_show(cx->s->arena, name));
}

/* The step's own name, or its number in a sequential, or NULL. False after an error. */
static bool step_name(Cx *cx, const Yaml *step, const char **name)
{
    const Yaml *y = step_key(step, "name");
    int number = cx->number ? (*cx->number)++ : -1;
    *name = y ? eval_text(cx, y) : number >= 0 ? arena_printf(cx->s->arena, "%d", number) : NULL;
    return !y || *name;
}

/* `shared: true` holds for all that the step expands to. False after an error. */
static bool step_shared(Cx *cx, const Yaml *step)
{
    const Yaml *y = step_key(step, "shared");
    bool shared = false;
    if (y && !eval_bool(cx, y, &shared))
        return false;
    cx->shared = cx->shared || shared;
    return true;
}

static void step_op(const Cx *around, const Yaml *step, const Yaml *op, Results *r)
{
    Cx own = *around, *cx = &own;
    const char *op_name = eval_text(cx, op), *name;
    const Yaml *in = step_key(step, "in");
    OpStep o = {.op_name = op_name, .loc = op->loc, .keys = step->kind == YAML_MAP ? step : NULL, .in_given = in};
    bool ok = step_shared(cx, step);
    ok = step_name(cx, step, &name) && op_name && ok;
    ValueId *cur = NEW(cx->s->arena, ValueId, 1);
    *cur = cx->cur;
    o.in = cur;
    o.nin = 1;
    if (in)
        ok = read_in(cx, in, &o.in, &o.nin) && ok;
    r->n = 0;
    if (!ok)
        return;
    const Module *m = module_find(cx->s, op_name);
    if (m) {
        module_use(cx, m, step, op->loc, name, o.in, o.nin, r);
        return;
    }
    if (!op_exists(op_name)) {
        unknown_op(cx, op_name, op->loc);
        return;
    }
    Loc loc = step_key(step, "name") ? step_key(step, "name")->loc : op->loc;
    o.tensor_scope = name ? scope_join(cx, cx->scope, name, loc) : cx->scope;
    o.node_name = name ? o.tensor_scope : scope_join(cx, cx->scope, op_name, loc);
    if (o.tensor_scope && o.node_name)
        r->n = (int)imax(op_expand(cx, &o, r->v), 0);
}

/* sequential and group: a body in the same names, with a scope where the step has a name. */
static void step_block(Cx *cx, const Yaml *step, const Yaml *body, bool numbered, Results *r)
{
    static const char *const keys[] = {"sequential", "group", "name", "in", "as", "when", "shared"};
    Cx inner = *cx;
    int number = 0;
    const char *name;
    const Yaml *in = yaml_get(step, "in");
    bool ok = spec_keys(cx, step, numbered ? "a sequential" : "a group", keys, LEN(keys));
    ok = step_name(cx, step, &name) && step_shared(&inner, step) && ok;
    if (in) {
        const ValueId *v = NULL;
        int n = 0;
        ok = read_in(cx, in, &v, &n) && ok;
        if (ok && n != 1) {
            spec_error(cx, in->loc, NULL, "a %s takes one value", numbered ? "sequential" : "group");
            ok = false;
        }
        if (ok)
            inner.cur = v[0];
    }
    inner.number = numbered ? &number : NULL;
    inner.depth++;
    const Yaml *own = yaml_get(step, "name");
    if (ok && name)
        ok = (inner.scope = scope_join(cx, cx->scope, name, own ? own->loc : body->loc));
    r->n = 0;
    if (!ok)
        return;
    expand_body(&inner, body);
    r->v[0] = inner.cur;
    r->n = inner.cur != POISON;
}

bool count_step(Cx *cx, Loc loc)
{
    SpecReader *s = cx->s;
    if (s->stop)
        return false;
    if (++s->steps > SPEC_STEPS) {
        s->stop = true;
        spec_error(cx, loc, NULL, "the network expands to more than 50,000 steps");
        return false;
    }
    return true;
}

static bool left_out(const Cx *cx, const Yaml *step, bool *out)
{
    const Yaml *when = yaml_get(step, "when");
    bool b = true;
    if (when && !eval_bool(cx, when, &b))
        return false;
    *out = !b;
    return true;
}

/* For a key of a step that has none of the words that make one. */
static const char *kind_hint(const Cx *cx, const char *key)
{
    Arena *a = cx->s->arena;
    int n;
    const char *const *ops = op_names(a, &n);
    if (op_exists(key) || module_find(cx->s, key))
        return arena_printf(a, "write {op: %s, ...}", key);
    const char *hint = name_hint(a, key, step_kinds, LEN(step_kinds));
    if (!hint)
        hint = foreign_hint(a, FOREIGN_ATTR, key, step_kinds, LEN(step_kinds));
    return hint ? hint : foreign_hint(a, FOREIGN_OP, key, ops, n);
}

/* What makes a step of its kind; beside `op` the words of other kinds are keys, for the operator or module to take or
   refuse. NULL after an error. */
static const YamlPair *step_kind(const Cx *cx, const Yaml *step)
{
    const YamlPair *found = NULL;
    for (int i = 0; i < step->npair; i++)
        if (!strcmp(step->pair[i].key, "op"))
            return &step->pair[i];
    for (int i = 0; i < step->npair; i++) {
        const YamlPair *p = &step->pair[i];
        if (!step_is_kind(p->key))
            continue;
        if (found) {
            spec_error(cx, p->key_loc, NULL, "a step is one of '%s' and '%s', not both", found->key, p->key);
            return NULL;
        }
        found = p;
    }
    if (found)
        return found;
    const char *hint = NULL;
    for (int i = 0; i < step->npair && !hint; i++)
        hint = kind_hint(cx, step->pair[i].key);
    spec_error(cx, step->loc, hint, "a step needs one of 'op', 'repeat', 'each', 'sequential', 'group'");
    return NULL;
}

static void step_map(Cx *cx, const Yaml *step)
{
    const YamlPair *found = step_kind(cx, step);
    bool out = false;
    if (!found) {
        cx->cur = POISON;
        return;
    }
    Results r = {.v = {cx->cur}, .n = cx->cur != POISON};
    const ValueId *in;
    int n;
    if (!left_out(cx, step, &out))
        r.n = 0;
    else if (out && yaml_get(step, "in")) { /* the one input that it names passes by */
        bool ok = read_in(cx, yaml_get(step, "in"), &in, &n);
        if (!ok || n == 1) {
            r.n = ok;
            r.v[0] = ok ? in[0] : POISON;
        }
    }
    else if (!out && *found->key == 'o')
        step_op(cx, step, found->val, &r);
    else if (!out && (*found->key == 's' || *found->key == 'g'))
        step_block(cx, step, found->val, *found->key == 's', &r);
    else if (!out)
        step_loop(cx, step, found->key, found->val, &r);
    finish_step(cx, yaml_get(step, "as"), &r, out);
}

void expand_body(Cx *cx, const Yaml *list)
{
    if (list->kind != YAML_LIST) {
        spec_error(cx, list->loc, NULL, "expected a list of steps, found %s", spec_found(cx->s->arena, list));
        cx->cur = POISON;
        return;
    }
    if (cx->depth > SPEC_DEPTH) {
        spec_error(cx, list->loc, NULL, "modules and bodies nested more than %d deep", SPEC_DEPTH);
        cx->s->stop = true;
        cx->cur = POISON;
        return;
    }
    for (int i = 0; i < list->n && !spec_full(); i++) {
        const Yaml *step = list->item[i];
        if (!count_step(cx, step->loc))
            return;
        if (step->kind == YAML_MAP) {
            step_map(cx, step);
        } else if (step->kind == YAML_SCALAR && *step->text) {
            Results r;
            step_op(cx, step, step, &r);
            finish_step(cx, NULL, &r, false);
        } else {
            spec_error(cx, step->loc, NULL, "expected a step, found %s", spec_found(cx->s->arena, step));
            cx->cur = POISON;
        }
    }
}
