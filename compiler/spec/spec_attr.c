/* Attributes of an operator, and the words of its row that say numbers and names of its tensors. */
#include "foreign.h"
#include "spec_op.h"

#include <stdlib.h>
#include <string.h>

SpecWord *op_word(OpCase *c, const char *name)
{
    for (int i = 0; i < c->nword; i++)
        if (!strcmp(c->word[i].name, name))
            return &c->word[i];
    bug("op.def: %s has no spec word '%s'", c->info->name, name);
}

void op_words(OpCase *c)
{
    Arena *a = c->cx.s->arena;
    for (const char *p = c->info->spec; *p;) {
        size_t n = strcspn(p, " ");
        char *text = arena_strndup(a, p, n);
        SpecWord w = {.present = true};
        char *open = strchr(text, '[');
        if (open) {
            w.dims = arena_strndup(a, open + 1, strlen(open) - 2);
            *open = 0;
        }
        size_t len = strcspn(text, "!?-=");
        w.mode = text[len];
        w.present = w.mode != '-';
        if (w.mode == '=')
            w.ints = (Ints){1, {!strcmp(text + len + 1, "true") ? 1 : strtoll(text + len + 1, NULL, 10)}};
        text[len] = 0;
        w.name = w.tensor = text;
        if (c->nword == MAX_WORDS)
            bug("op.def: %s has more than %d spec words", c->info->name, MAX_WORDS);
        c->word[c->nword++] = w;
        p += n + strspn(p + n, " ");
    }
}

/* wanted: what may stand here besides these words, "an integer or ", or "". */
static bool read_enum(const OpCase *c, const AttrInfo *info, const char *wanted, const Yaml *y, int64_t *out)
{
    Arena *a = c->cx.s->arena;
    const char *text = eval_text(&c->cx, y), *cand[16];
    int n = 0;
    if (!text)
        return false;
    for (const char *p = info->choices; n < LEN(cand);) {
        size_t len = strcspn(p, "|");
        cand[n++] = arena_strndup(a, p, len);
        if (!strcmp(cand[n - 1], text)) {
            *out = n - 1;
            return true;
        }
        if (!p[len])
            break;
        p += len + 1;
    }
    const char *hint = foreign_hint(a, FOREIGN_VALUE, text, cand, n);
    spec_error(&c->cx, y->loc, hint ? hint : name_hint(a, text, cand, n), "expected %sone of %s, found %s", wanted,
               info->choices, spec_show(a, text));
    return false;
}

/* A word, or a parameter that is one; numbers and expressions are none. */
static bool is_word(const OpCase *c, const Yaml *y)
{
    if (y->kind != YAML_SCALAR || !*y->text)
        return false;
    if (*y->text == '$' && spec_identifier(y->text + 1)) {
        const Binding *b = env_find(c->cx.env, y->text + 1);
        return b && b->val.kind == PV_TEXT && !b->bad;
    }
    return spec_identifier(y->text);
}

static bool read_pad(OpCase *c, const Yaml *y)
{
    enum { VALID, SAME, SAME_LOWER }; /* as in attr.def */
    int64_t word;
    if (!is_word(c, y)) {
        bool ok = eval_ints(&c->cx, y, &c->attr.pad);
        c->listed = c->attr.pad.n == 4;
        return ok;
    }
    if (!read_enum(c, &attr_info[A_pad], "an integer, a list of them or ", y, &word))
        return false;
    c->same = word != VALID;
    c->lower = word == SAME_LOWER;
    return true;
}

static bool read_attr(OpCase *c, Attr attr, const Yaml *y)
{
    const AttrInfo *info = &attr_info[attr];
    void *field = (char *)&c->attr + info->offset;
    if (attr == A_pad)
        return read_pad(c, y);
    switch (info->kind) {
    case ATTR_INT: return eval_int(&c->cx, y, field);
    case ATTR_FLOAT: return eval_num(&c->cx, y, field);
    case ATTR_BOOL: return eval_bool(&c->cx, y, field);
    case ATTR_INTS: return eval_ints(&c->cx, y, field);
    case ATTR_ENUM: return read_enum(c, info, "", y, field);
    }
    return false;
}

/* NAME of {tensor: NAME}; NULL after an error. */
static const char *read_whole_name(const Cx *cx, const Yaml *y)
{
    static const char *const keys[] = {"tensor"};
    const Yaml *name = yaml_get(y, "tensor");
    if (!spec_keys(cx, y, "a tensor's name", keys, LEN(keys)))
        return NULL;
    if (!name)
        spec_error(cx, y->loc, NULL, "expected {tensor: NAME}, found an empty map");
    return name ? eval_text(cx, name) : NULL;
}

/* `bias: false`, `bias: true`, `weight: alpha`, `weight: {tensor: head.alpha}` */
static bool read_tensor_word(OpCase *c, SpecWord *w, const Yaml *y)
{
    Pval v;
    if (y->kind == YAML_MAP) {
        w->present = w->whole = true;
        return (w->tensor = read_whole_name(&c->cx, y));
    }
    if (!eval_any(&c->cx, y, &v))
        return false;
    if (v.kind == PV_BOOL && (w->mode || v.as.b)) {
        w->present = v.as.b;
        return true;
    }
    if (v.kind != PV_TEXT) {
        const char *wanted = w->mode ? "true, false or another name" : "another name";
        spec_error(&c->cx, y->loc, NULL, "expected %s for the tensor, found %s", wanted,
                   spec_found(c->cx.s->arena, y));
        return false;
    }
    w->present = true;
    w->tensor = v.as.text;
    return true;
}

static bool read_word(OpCase *c, SpecWord *w, const YamlPair *p)
{
    w->given = true;
    w->loc = p->val->loc;
    if (w->dims)
        return read_tensor_word(c, w, p->val);
    int attr = attr_by_name(w->name);
    if (attr >= 0 && attr_info[attr].kind == ATTR_INTS)
        return eval_ints(&c->cx, p->val, &w->ints);
    w->ints.n = 1;
    bool on = false, is_bool = attr >= 0 && attr_info[attr].kind == ATTR_BOOL;
    bool ok = is_bool ? eval_bool(&c->cx, p->val, &on) : eval_int(&c->cx, p->val, &w->ints.v[0]);
    if (is_bool)
        w->ints.v[0] = on;
    return ok;
}

static bool unknown_key(const OpCase *c, const YamlPair *p)
{
    const char *cand[MAX_OP_ATTRS + MAX_WORDS + LEN(step_keys)];
    int n = 0;
    for (int i = 0; i < c->info->nattrs; i++)
        cand[n++] = attr_info[c->info->attrs[i].attr].name;
    for (int i = 0; i < c->nword; i++)
        cand[n++] = c->word[i].name;
    for (int i = 0; i < LEN(step_keys); i++)
        cand[n++] = step_keys[i];
    spec_error(&c->cx, p->key_loc, key_hint(c->cx.s->arena, p->key, cand, n), "unknown attribute %s",
               spec_show(c->cx.s->arena, p->key));
    return false;
}

static bool read_key(OpCase *c, const YamlPair *p)
{
    for (int i = 0; i < LEN(step_keys); i++)
        if (!strcmp(p->key, step_keys[i]))
            return true;
    c->cx.key = p->key;
    for (int i = 0; i < c->info->nattrs; i++)
        if (!strcmp(p->key, attr_info[c->info->attrs[i].attr].name))
            return read_attr(c, c->info->attrs[i].attr, p->val);
    for (int i = 0; i < c->nword; i++)
        if (!strcmp(p->key, c->word[i].name))
            return read_word(c, &c->word[i], p);
    c->cx.key = NULL;
    return unknown_key(c, p);
}

static bool missing(const OpCase *c, const char *name)
{
    spec_error(&c->cx, c->step->loc, NULL, "'%s' is missing", name);
    return false;
}

bool op_keys(OpCase *c)
{
    bool ok = true;
    const Yaml *keys = c->step->keys;
    attrs_default(c->op, &c->attr);
    for (int i = 0; keys && i < keys->npair; i++)
        ok = read_key(c, &keys->pair[i]) && ok;
    c->cx.key = NULL;
    for (int i = 0; i < c->info->nattrs; i++) {
        const char *name = attr_info[c->info->attrs[i].attr].name;
        if (c->info->attrs[i].required && !(keys && yaml_get(keys, name)))
            ok = missing(c, name);
    }
    for (int i = 0; i < c->nword; i++)
        if (c->word[i].mode == '!' && !c->word[i].given)
            ok = missing(c, c->word[i].name);
    return ok;
}
