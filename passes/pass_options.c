/* Which passes the options choose, and what is wrong with the names in them. */
#include <stdio.h>
#include <string.h>

#include "pass_options.h"

bool pass_listed(const char *list, const char *name)
{
    size_t n = strlen(name);
    for (const char *s = list; s && *s; s += strcspn(s, ","), s += *s == ',')
        if (strcspn(s, ",") == n && !strncmp(s, name, n))
            return true;
    return false;
}

/* late: names of lowering and of passes on loops are known, too. */
static const char *nearest_pass(Arena *A, const char *name, bool late)
{
    const char **names = NEW(A, const char *, npass_info);
    int known = 0;
    for (int i = 0; i < npass_info; i++)
        if (late || !pass_is_late(&pass_info[i]))
            names[known++] = pass_info[i].name;
    return nearest_name(name, names, known);
}

static bool check_list(Arena *A, const char *what, const char *list, bool late)
{
    bool ok = true;
    for (const char *s = list; s && *s; s += strcspn(s, ","), s += *s == ',') {
        char name[64];
        snprintf(name, sizeof name, "%.*s", (int)imin((int64_t)strcspn(s, ","), 63), s);
        const PassInfo *p = pass_find(name);
        if (p && (late || !pass_is_late(p)))
            continue;
        const char *near = nearest_pass(A, name, late);
        error_at((Loc){0}, "--%s: there is no pass '%s'%s%s%s", what, name, near ? ", did you mean '" : "",
                 near ? near : "", near ? "'?" : "");
        ok = false;
    }
    return ok;
}

/* What is wrong with naming this pass in these lists; NULL: nothing. */
static const char *refused(Arena *A, const PassOptions *o, const PassInfo *p)
{
    if (pass_listed(o->disable, p->name) && !pass_can_go(p))
        return arena_printf(A, "--disable-pass: '%s' is required", p->name);
    if (pass_listed(o->disable, p->name) && pass_listed(o->passes, p->name))
        return arena_printf(A, "--disable-pass: '%s' is in --passes, too", p->name);
    if (p->kind == MINIMAL && pass_listed(o->passes, p->name) && pass_listed(o->passes, p->instead_of))
        return arena_printf(A, "--passes: '%s' stands in for '%s', which is there, too", p->name, p->instead_of);
    return NULL;
}

bool passes_check_options(const PassOptions *o)
{
    Arena *A = arena_new();
    bool late = !o->passes || o->and_required, ok = check_list(A, "passes", o->passes, late);
    ok = check_list(A, "disable-pass", o->disable, late) && ok;
    ok = check_list(A, "stop-after", o->stop_after, late) && ok;
    if (o->print_after && strcmp(o->print_after, "all"))
        ok = check_list(A, "print-ir-after", o->print_after, true) && ok;
    for (int i = 0; i < npass_info; i++) {
        const char *wrong = refused(A, o, &pass_info[i]);
        if (wrong)
            error_at((Loc){0}, "%s", wrong);
        ok = ok && !wrong;
    }
    arena_free(A);
    return ok;
}

static bool names_loop_pass(const char *list)
{
    for (int i = 0; i < npass_info; i++)
        if (pass_info[i].loop && pass_listed(list, pass_info[i].name))
            return true;
    return false;
}

/* The minimal pass for p, by its own name in --passes. */
static bool replaced(const PassOptions *o, const PassInfo *p)
{
    for (int i = 0; i < npass_info; i++)
        if (pass_info[i].kind == MINIMAL && !strcmp(pass_info[i].instead_of, p->name))
            return pass_listed(o->passes, pass_info[i].name);
    return false;
}

bool pass_wanted(const PassInfo *p, const PassOptions *o)
{
    bool all = !o->passes || o->and_required;
    if (p->kind == MINIMAL) {
        const PassInfo *of = pass_find(p->instead_of);
        return pass_listed(o->passes, p->name) || (all && !(of && pass_wanted(of, o)));
    }
    if (pass_listed(o->disable, p->name))
        return false;
    if (pass_listed(o->passes, p->name))
        return true;
    if (p->kind == REQUIRED || p->kind == REDUCIBLE)
        return all && !replaced(o, p);
    return o->passes ? all && p->loop && !names_loop_pass(o->passes) : p->level <= o->opt;
}

bool pass_runs(const PassOptions *o, const char *name)
{
    const PassInfo *p = pass_find(name);
    return p && pass_wanted(p, o);
}
