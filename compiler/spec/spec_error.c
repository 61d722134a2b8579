/* How errors of a spec are said, what they show and hint at; keys of maps; limits. */
#include "foreign.h"
#include "spec_impl.h"

#include <ctype.h>
#include <string.h>

enum { SHOWN = 60, NOTES = 8 };

static bool said_before(SpecReader *s, Loc loc, const char *fmt)
{
    for (int i = 0; i < s->reported.n; i++) {
        const Reported *r = &s->reported.v[i];
        if (r->step != s->steps && r->loc.file == loc.file && r->loc.line == loc.line && r->loc.col == loc.col &&
            !strcmp(r->fmt, fmt))
            return true;
    }
    PUSH(s->arena, &s->reported, (Reported){loc, fmt, s->steps});
    return false;
}

void spec_error(const Cx *cx, Loc loc, const char *hint, const char *fmt, ...)
{
    Buf text = {0};
    va_list ap;
    if (cx && (spec_full() || said_before(cx->s, loc, fmt)))
        return;
    if (cx && cx->about)
        buf_printf(&text, "%s: ", cx->about);
    if (cx && cx->key)
        buf_printf(&text, "%s: ", cx->key);
    va_start(ap, fmt);
    buf_vprintf(&text, fmt, ap);
    va_end(ap);
    error_hint(loc, hint, "%s", text.s);
    buf_free(&text);
    int n = 0;
    for (const ModuleUse *u = cx ? cx->use : NULL; u; u = u->up)
        if (++n <= NOTES)
            note_at(u->loc, "in module '%s', used here", u->module->name);
    if (n > NOTES)
        error_more("     and %d modules further out", n - NOTES);
}

bool spec_full(void)
{
    return diag_errors() > SPEC_ERRORS;
}

const char *spec_show(Arena *a, const char *text)
{
    if (strlen(text) <= SHOWN)
        return arena_printf(a, "'%s'", text);
    size_t n = SHOWN;
    while (n > SHOWN - 4 && ((unsigned char)text[n] & 0xc0) == 0x80)
        n--;
    return arena_printf(a, "'%.*s...'", (int)n, text);
}

const char *spec_found(Arena *a, const Yaml *y)
{
    if (y->kind != YAML_SCALAR)
        return y->kind == YAML_LIST ? "a list" : "a map";
    return *y->text || y->quoted ? spec_show(a, y->text) : "nothing";
}

bool spec_identifier(const char *s)
{
    if (!isalpha((unsigned char)*s) && *s != '_')
        return false;
    while (isalnum((unsigned char)*s) || *s == '_')
        s++;
    return !*s;
}

const char *const step_kinds[5] = {"op", "repeat", "each", "sequential", "group"};
const char *const step_keys[6] = {"op", "name", "in", "as", "when", "shared"};

bool step_is_kind(const char *key)
{
    for (int i = 0; i < LEN(step_kinds); i++)
        if (!strcmp(key, step_kinds[i]))
            return true;
    return false;
}

/* The key that name begins with, such as pad for padding; NULL where none does. */
static const char *beginning(const char *name, const char *const *key, int n)
{
    enum { LETTERS = 3 };
    for (int i = 0; i < n; i++)
        if (strlen(key[i]) >= LETTERS && !strncmp(name, key[i], strlen(key[i])))
            return key[i];
    return NULL;
}

static bool is_key_of(const char *name, const char *const *key, int n)
{
    for (int i = 0; i < n; i++)
        if (!strcmp(key[i], name))
            return true;
    return false;
}

const char *key_hint(Arena *a, const char *name, const char *const *key, int n)
{
    bool spec = is_key_of("network", key, n), input = is_key_of("std", key, n);
    const char *hint = foreign_hint(a, spec ? FOREIGN_SPEC : input ? FOREIGN_INPUT : FOREIGN_ATTR, name, key, n);
    const char *begins = beginning(name, key, n);
    if (!hint)
        hint = name_hint(a, name, key, n);
    if (!hint && begins)
        hint = arena_printf(a, "did you mean '%s'?", begins);
    for (int i = 0; i < n && !hint; i++)
        if (!strcmp(key[i], "op") && step_is_kind(name))
            hint = arena_printf(a, "a step is one of 'op' and '%s', not both", name);
    return hint;
}

bool spec_keys(const Cx *cx, const Yaml *map, const char *what, const char *const *key, int n)
{
    Arena *a = arena_new();
    bool ok = true;
    if (map->kind != YAML_MAP) {
        spec_error(cx, map->loc, NULL, "%s must be a map, found %s", what, spec_found(a, map));
        ok = false;
    }
    for (int i = 0; i < map->npair; i++) {
        int k = 0;
        while (k < n && strcmp(key[k], map->pair[i].key))
            k++;
        if (k < n)
            continue;
        spec_error(cx, map->pair[i].key_loc, key_hint(a, map->pair[i].key, key, n), "%s has no key %s", what,
                   spec_show(a, map->pair[i].key));
        ok = false;
    }
    arena_free(a);
    return ok;
}

bool spec_work(const Cx *cx, Loc loc, size_t bytes)
{
    SpecReader *s = cx->s;
    s->work += 1 + (int64_t)(bytes / 16);
    if (s->work <= SPEC_WORK)
        return true;
    if (!s->stop)
        spec_error(cx, loc, NULL, "the spec takes more than %d evaluations", SPEC_WORK);
    s->stop = true;
    return false;
}
