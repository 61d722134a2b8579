/* Steps that repeat their body: repeat and each. */
#include "spec_impl.h"

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
void step_loop(Cx *cx, const Yaml *step, const char *kind, const Yaml *what, Results *r)
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
