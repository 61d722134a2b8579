/* Bodies of steps, expanded into the graph: modules, repetition, scopes and named values. */
#include "spec_impl.h"

#include <string.h>

typedef struct Results { ValueId v[MAX_OUT]; int n; } Results; /* n = 0: failed */

/* ---- names ---- */

static bool tensor_name(const char *s)
{
    if (!*s)
        return false;
    for (; *s; s++)
        if (!strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.", *s))
            return false;
    return true;
}

const char *scope_join(const Cx *cx, const char *scope, const char *name, Loc loc)
{
    Arena *a = cx->s->arena;
    if (!tensor_name(name)) {
        spec_error(cx, loc, NULL, "a name must be letters, digits, '_' and '.', found %s", spec_show(a, name));
        return NULL;
    }
    if (strlen(scope) + 1 + strlen(name) > SPEC_NAME) {
        spec_error(cx, loc, NULL, "the scoped name becomes longer than %d bytes", SPEC_NAME);
        return NULL;
    }
    return *scope ? arena_printf(a, "%s.%s", scope, name) : name;
}

const Module *module_find(const SpecReader *s, const char *name)
{
    int i = map_get(&s->module_by_name, name);
    return i < 0 ? NULL : &s->module.v[i];
}

static const char *value_hint(const Cx *cx, const char *name)
{
    VEC(const char *) cand = {0};
    for (int i = 0; i < cx->value->cap; i++)
        if (cx->value->slot[i].key)
            PUSH(cx->s->arena, &cand, cx->value->slot[i].key);
    return spec_hint(cx->s->arena, name, cand.v, cand.n);
}

ValueId value_find(const Cx *cx, const char *name, Loc loc)
{
    if (!spec_work(cx, loc))
        return POISON;
    ValueId id = map_get(cx->value, name);
    if (id != -1)
        return id;
    spec_error(cx, loc, value_hint(cx, name), "no value %s here", spec_show(cx->s->arena, name));
    return POISON;
}

/* ---- modules: definition ---- */

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
    static const char *const reserved[] = {"op", "name", "in", "as", "when"};
    for (int i = 0; i < m->param.n; i++)
        for (int j = 0; j < LEN(reserved); j++)
            if (!strcmp(m->param.v[i].name, reserved[j])) {
                spec_error(NULL, m->param.v[i].loc, NULL, "'%s' cannot be a parameter: every step has that key", reserved[j]);
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
        spec_error(NULL, loc, NULL, "a module's name must be letters, digits and '_', found %s", spec_show(s->arena, name));
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
    map_put(&s->module_by_name, name, s->module.n);
    PUSH(s->arena, &s->module, m);
    return true;
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
    map_put(cx->value, name, id);
    return true;
}

/* The values that `in` names. False after an error or where one of them is poisoned. */
static bool read_in(const Cx *cx, const Yaml *y, const ValueId **in, int *n)
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
   the value that went by. */
static void finish(Cx *cx, const Yaml *as, const Results *r, bool left_out)
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

/* ---- module uses ---- */

static bool check_cycle(const Cx *cx, const Module *m, Loc loc)
{
    Buf cycle = {0};
    const Use *u = cx->use;
    while (u && u->module != m)
        u = u->up;
    if (!u)
        return true;
    const Module *chain[SPEC_DEPTH + 1];
    int n = 0;
    for (const Use *w = cx->use; w != u->up && n < LEN(chain); w = w->up)
        chain[n++] = w->module;
    while (n-- > 0)
        buf_printf(&cycle, "%s -> ", chain[n]->name);
    buf_puts(&cycle, m->name);
    spec_error(cx, loc, NULL, "module '%s' uses itself: %s", m->name, cycle.s);
    buf_free(&cycle);
    return false;
}

static const Yaml *step_key(const Yaml *step, const char *key)
{
    return step->kind == YAML_MAP ? yaml_get(step, key) : NULL;
}

static bool check_args(const Cx *cx, const Module *m, const Yaml *step)
{
    static const char *const reserved[] = {"op", "name", "in", "as", "when"};
    const char *key[SPEC_PARAMS + LEN(reserved)];
    int n = 0;
    for (int i = 0; i < m->param.n; i++)
        key[n++] = m->param.v[i].name;
    for (int i = 0; i < LEN(reserved); i++)
        key[n++] = reserved[i];
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
    for (int i = 0; i < m->param.n; i++) {
        const Decl *d = &m->param.v[i];
        const Yaml *arg = step_key(step, d->name);
        Pval v = {0};
        bool good = arg || d->dflt;
        if (!good)
            spec_error(cx, loc, NULL, "module '%s' needs '%s'", m->name, d->name);
        good = good && param_bind(cx, inner, d, arg, &v);
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

static void use_module(Cx *cx, const Module *m, const Yaml *step, Loc loc, const char *name, const ValueId *in, int nin,
                       Results *r)
{
    Map value = map_new(cx->s->arena);
    Use use = {m, loc, cx->use};
    Cx inner = {cx->s, NULL, &value, cx->scope, NULL, cx->cur, &use, cx->depth + 1};
    r->n = 0;
    if (!check_cycle(cx, m, loc))
        return;
    if (nin != m->ninput) {
        spec_error(cx, loc, NULL, "module '%s' takes %d input%s, %d given", m->name, m->ninput,
                   m->ninput == 1 ? "" : "s", nin);
        return;
    }
    for (int i = 0; i < nin; i++)
        map_put(&value, m->input[i], in[i]);
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

/* ---- steps ---- */

static void unknown_op(const Cx *cx, const char *name, Loc loc)
{
    int n;
    const char *const *ops = op_names(cx->s->arena, &n);
    VEC(const char *) cand = {0};
    for (int i = 0; i < n; i++)
        PUSH(cx->s->arena, &cand, ops[i]);
    for (int i = 0; i < cx->s->module.n; i++)
        PUSH(cx->s->arena, &cand, cx->s->module.v[i].name);
    spec_error(cx, loc, spec_hint(cx->s->arena, name, cand.v, cand.n), "no operator or module %s",
               spec_show(cx->s->arena, name));
}

/* The step's own name, or its number in a sequential, or NULL. False after an error. */
static bool step_name(Cx *cx, const Yaml *step, const char **name)
{
    const Yaml *y = step_key(step, "name");
    int number = cx->number ? (*cx->number)++ : -1;
    *name = y ? eval_text(cx, y) : number >= 0 ? arena_printf(cx->s->arena, "%d", number) : NULL;
    return !y || *name;
}

static void step_op(Cx *cx, const Yaml *step, const Yaml *op, Results *r)
{
    const char *op_name = eval_text(cx, op), *name;
    const Yaml *in = step_key(step, "in");
    OpStep o = {.op_name = op_name, .loc = op->loc, .keys = step->kind == YAML_MAP ? step : NULL, .in_given = in};
    bool ok = step_name(cx, step, &name) && op_name;
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
        use_module(cx, m, step, op->loc, name, o.in, o.nin, r);
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
    static const char *const keys[] = {"sequential", "group", "name", "in", "as", "when"};
    Cx inner = *cx;
    int number = 0;
    const char *name;
    const Yaml *in = yaml_get(step, "in");
    bool ok = spec_keys(cx, step, numbered ? "a sequential" : "a group", keys, LEN(keys));
    ok = step_name(cx, step, &name) && ok;
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
    if (ok && name)
        ok = (inner.scope = scope_join(cx, cx->scope, name, yaml_get(step, "name") ? yaml_get(step, "name")->loc : body->loc));
    r->n = 0;
    if (!ok)
        return;
    expand_body(&inner, body);
    r->v[0] = inner.cur;
    r->n = inner.cur != POISON;
}

static bool count_step(Cx *cx, Loc loc)
{
    SpecReader *s = cx->s;
    if (s->stop)
        return false;
    if (++s->steps > SPEC_STEPS) {
        s->stop = true;
        spec_error(cx, loc, NULL, "the network expands to more than 20,000 steps");
        return false;
    }
    return true;
}

static bool index_name(const Cx *cx, const Yaml *y)
{
    if (y->kind == YAML_SCALAR && spec_identifier(y->text))
        return true;
    spec_error(cx, y->loc, NULL, "expected a name, found %s", spec_found(cx->s->arena, y));
    return false;
}

/* One round of repeat or each: the bindings are visible in it, values and numbering go on. */
static void round_of(Cx *cx, const Yaml *body, const Binding *b, int n)
{
    Env *env = NEW(cx->s->arena, Env, 1);
    *env = (Env){b, n, cx->env};
    Cx inner = *cx;
    inner.env = env;
    inner.depth++;
    if (count_step(cx, body->loc))
        expand_body(&inner, body);
    cx->cur = inner.cur;
}

static void step_repeat(Cx *cx, const Yaml *step, const Yaml *count, const Yaml *body)
{
    static const char *const keys[] = {"repeat", "index", "body", "in", "as", "when"};
    const Yaml *index = yaml_get(step, "index");
    int64_t n;
    bool ok = spec_keys(cx, step, "a repeat", keys, LEN(keys));
    ok = (!index || index_name(cx, index)) && ok;
    ok = eval_int(cx, count, &n) && ok;
    if (ok && (n < 0 || n > SPEC_REPEAT)) {
        spec_error(cx, count->loc, NULL, "repeat %lld; the count must be 0 to 10,000", (long long)n);
        ok = false;
    }
    if (!ok)
        cx->cur = POISON;
    for (int64_t i = 0; ok && i < n && !cx->s->stop; i++) {
        Binding *b = NEW(cx->s->arena, Binding, 1);
        if (index)
            *b = (Binding){index->text, {.kind = PV_INT, .as.i = i}, false};
        round_of(cx, body, b, index != NULL);
    }
}

static bool each_bind(const Cx *cx, const Yaml *each, const Yaml *of, int i, const Pval *item, Binding *b)
{
    if (each->kind == YAML_SCALAR) {
        *b = (Binding){each->text, *item, false};
        return true;
    }
    if (item->kind != PV_LIST || item->n != each->n) {
        Loc loc = of->kind == YAML_LIST ? of->item[i]->loc : of->loc;
        if (item->kind == PV_LIST)
            spec_error(cx, loc, NULL, "item %d has %d values for %d names", i, item->n, each->n);
        else
            spec_error(cx, loc, NULL, "item %d is %s, not a list of %d values", i, pval_kind(item), each->n);
        return false;
    }
    for (int k = 0; k < each->n; k++)
        b[k] = (Binding){each->item[k]->text, item->as.item[k], false};
    return true;
}

static void step_each(Cx *cx, const Yaml *step, const Yaml *each, const Yaml *body)
{
    static const char *const keys[] = {"each", "of", "index", "body", "in", "as", "when"};
    const Yaml *of = yaml_get(step, "of"), *index = yaml_get(step, "index");
    Pval list = {0};
    bool ok = spec_keys(cx, step, "an each", keys, LEN(keys));
    int names = each->kind == YAML_LIST ? each->n : 1;
    if (names > SPEC_PARAMS) {
        spec_error(cx, each->loc, NULL, "%d names; there can be at most %d", names, SPEC_PARAMS);
        ok = false;
    }
    for (int i = 0; ok && i < names; i++)
        ok = index_name(cx, each->kind == YAML_LIST ? each->item[i] : each);
    ok = (!index || index_name(cx, index)) && ok;
    if (!of)
        spec_error(cx, each->loc, NULL, "'each' needs 'of', a list");
    ok = of && eval_list(cx, of, &list) && ok;
    if (!ok)
        cx->cur = POISON;
    for (int i = 0; ok && i < list.n && !cx->s->stop; i++) {
        Binding *b = NEW(cx->s->arena, Binding, names + 1);
        ok = each_bind(cx, each, of, i, &list.as.item[i], b);
        if (!ok) {
            cx->cur = POISON;
            break;
        }
        if (index)
            b[names] = (Binding){index->text, {.kind = PV_INT, .as.i = i}, false};
        round_of(cx, body, b, names + (index != NULL));
    }
}

/* repeat and each are no blocks of their own: the enclosing body goes on in them. */
static void step_loop(Cx *cx, const Yaml *step, const char *kind, const Yaml *what, Results *r)
{
    const Yaml *body = yaml_get(step, "body"), *in = yaml_get(step, "in");
    r->n = 0;
    if (in) {
        const ValueId *v = NULL;
        int n = 0;
        bool ok = read_in(cx, in, &v, &n);
        if (ok && n != 1)
            spec_error(cx, in->loc, NULL, "'%s' takes one value", kind);
        cx->cur = ok && n == 1 ? v[0] : POISON;
    }
    if (!body) {
        spec_error(cx, what->loc, NULL, "'%s' needs 'body', a list of steps", kind);
        cx->cur = POISON;
    } else if (*kind == 'r') {
        step_repeat(cx, step, what, body);
    } else {
        step_each(cx, step, what, body);
    }
    r->v[0] = cx->cur;
    r->n = cx->cur != POISON;
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

static void step_map(Cx *cx, const Yaml *step)
{
    static const char *const kind[] = {"op", "repeat", "each", "sequential", "group"};
    const YamlPair *found = NULL;
    for (int i = 0; i < step->npair; i++)
        for (int k = 0; k < LEN(kind); k++)
            if (!strcmp(step->pair[i].key, kind[k])) {
                if (found) {
                    spec_error(cx, step->pair[i].key_loc, NULL, "a step is one of '%s' and '%s', not both", found->key,
                               kind[k]);
                    cx->cur = POISON;
                    return;
                }
                found = &step->pair[i];
            }
    bool out = false;
    if (!found) {
        const char *hint = NULL;
        for (int i = 0; i < step->npair && !hint; i++)
            hint = op_exists(step->pair[i].key) || module_find(cx->s, step->pair[i].key)
                       ? arena_printf(cx->s->arena, "write {op: %s, ...}", step->pair[i].key)
                       : spec_hint(cx->s->arena, step->pair[i].key, kind, LEN(kind));
        spec_error(cx, step->loc, hint, "a step needs one of 'op', 'repeat', 'each', 'sequential', 'group'");
        cx->cur = POISON;
        return;
    }
    Results r = {.v = {cx->cur}, .n = cx->cur != POISON}; /* of a step that is left out */
    if (!left_out(cx, step, &out))
        r.n = 0;
    else if (!out && *found->key == 'o')
        step_op(cx, step, found->val, &r);
    else if (!out && (*found->key == 's' || *found->key == 'g'))
        step_block(cx, step, found->val, *found->key == 's', &r);
    else if (!out)
        step_loop(cx, step, found->key, found->val, &r);
    finish(cx, yaml_get(step, "as"), &r, out);
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
    for (int i = 0; i < list->n && !diag_full(); i++) {
        const Yaml *step = list->item[i];
        if (!count_step(cx, step->loc))
            return;
        if (step->kind == YAML_MAP) {
            step_map(cx, step);
        } else if (step->kind == YAML_SCALAR && *step->text) {
            Results r;
            step_op(cx, step, step, &r);
            finish(cx, NULL, &r, false);
        } else {
            spec_error(cx, step->loc, NULL, "expected a step, found %s", spec_found(cx->s->arena, step));
            cx->cur = POISON;
        }
    }
}
