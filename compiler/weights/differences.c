/* One message that says where a weights file and a graph differ: all tensors, and which of them may be the same ones.
   Where a prefix explains it, the message names the option that takes it off. */
#include "file.h"

#include <string.h>

enum {
    MAX_ROWS = 1000,     /* of each kind */
    MAX_COMPARED = 20000 /* names, in search of pairs */
};

typedef VEC(const char *) Names;

static const char *declared_at(Arena *a, Loc loc, Loc *last)
{
    if (!loc.line || (loc.file == last->file && loc.line == last->line))
        return "";
    *last = loc;
    return arena_printf(a, "(%s:%d)", diag_path(loc.file), loc.line);
}

/* ---- pairs: a missing tensor and one that is not used, which may be the same ---- */

typedef struct Pairs {
    const Differences *d;
    Arena *arena;
    int *of;           /* per missing tensor: the one that is not used, -1: none */
    int *by;           /* the other way */
    int compared;
} Pairs;

static void pair_up(Pairs *p, int missing, int unused)
{
    p->of[missing] = unused;
    p->by[unused] = missing;
}

/* The only missing tensor of its shape? */
static bool only_one(const Differences *d, int missing)
{
    for (int i = 0; i < d->missing.n; i++)
        if (i != missing && same_dims(&d->missing.v[i]->type, &d->missing.v[missing]->type))
            return false;
    return true;
}

/* By the nearest name among those of the same shape, or of any. Where one of a shape is missing and one is left over,
   the shape decides. */
static void find_pair(Pairs *p, int missing, bool any_shape)
{
    const Differences *d = p->d;
    const Tensor *m = d->missing.v[missing];
    Names cand = {0};
    VEC(int) at = {0};
    for (int i = 0; i < d->unused.n && p->compared < MAX_COMPARED; i++)
        if (p->by[i] < 0 && (any_shape || same_dims(&d->unused.v[i]->type, &m->type))) {
            PUSH(p->arena, &cand, d->unused.v[i]->name);
            PUSH(p->arena, &at, i);
            p->compared++;
        }
    const char *near = nearest_name(m->name, cand.v, cand.n);
    if (!near && !any_shape && cand.n == 1 && only_one(d, missing))
        near = cand.v[0];
    for (int i = 0; near && i < cand.n; i++)
        if (cand.v[i] == near) {
            pair_up(p, missing, at.v[i]);
            return;
        }
}

static void pair_by_prefix(Pairs *p, const char *prefix)
{
    const Differences *d = p->d;
    Dict unused = dict_new(p->arena);
    for (int i = 0; i < d->unused.n; i++)
        dict_put(&unused, d->unused.v[i]->name, i);
    for (int i = 0; i < d->missing.n; i++) {
        int k = dict_get(&unused, name_in_file(p->arena, prefix, d->missing.v[i]->name));
        if (k >= 0)
            pair_up(p, i, k);
    }
}

static Pairs find_pairs(const Differences *d, Arena *a, const char *prefix)
{
    Pairs p = {d, a, NEW(a, int, d->missing.n), NEW(a, int, d->unused.n), 0};
    for (int i = 0; i < d->missing.n; i++)
        p.of[i] = -1;
    for (int i = 0; i < d->unused.n; i++)
        p.by[i] = -1;
    if (prefix)
        pair_by_prefix(&p, prefix);
    for (int any = 0; any < 2; any++)
        for (int i = 0; i < d->missing.n && i < MAX_ROWS; i++)
            if (p.of[i] < 0)
                find_pair(&p, i, any);
    return p;
}

/* ---- a prefix that all names have, or lack ---- */

enum { SEEN = 16, CANDIDATES = 8 }; /* missing tensors that candidates come from */

/* A name goes on behind one of these. */
static bool is_separator(char c)
{
    return strchr("./:-_", c) != NULL;
}

static void add_candidate(Arena *a, Names *v, const char *prefix)
{
    for (int i = 0; i < v->n; i++)
        if (!strcmp(v->v[i], prefix))
            return;
    if (v->n < CANDIDATES)
        PUSH(a, v, prefix);
}

/* What entries of the file have in front of this name. */
static void more_in_file(const Differences *d, Arena *a, const char *name, Names *out)
{
    size_t n = strlen(name);
    for (int i = 0; i < d->f->entry.n; i++) {
        const char *have = d->f->entry.v[i].name;
        size_t all = strlen(have);
        if (all > n && !strcmp(have + all - n, name) && is_separator(have[all - n - 1]))
            add_candidate(a, out, arena_strndup(a, have, all - n));
    }
}

/* What this name has in front of an entry of the file, behind a "-". */
static void less_in_file(const Differences *d, Arena *a, const char *name, Names *out)
{
    for (const char *p = name; *p; p++)
        if (is_separator(*p) && dict_get(&d->f->index, p + 1) >= 0)
            add_candidate(a, out, arena_printf(a, "-%.*s", (int)(p + 1 - name), name));
}

/* How many of the tensors the file has, with their shapes, under this prefix. */
static int found_with(const Differences *d, Arena *a, const char *prefix)
{
    int count = 0;
    for (int i = 0; i < d->wanted.n; i++) {
        const Tensor *t = d->wanted.v[i];
        int k = dict_get(&d->f->index, name_in_file(a, prefix, t->name));
        count += k >= 0 && same_dims(&d->f->entry.v[k].type, &t->type);
    }
    return count;
}

/* The prefix that finds most, or NULL where none finds more than is found already. */
static const char *best_prefix(const Differences *d, Arena *a, int *found)
{
    const char *best = NULL;
    Names cand = {0};
    *found = d->wanted.n - d->missing.n - d->shape.n;
    for (int i = 0; i < d->missing.n && i < SEEN; i++)
        more_in_file(d, a, d->missing.v[i]->name, &cand);
    for (int i = 0; i < d->missing.n && i < SEEN; i++)
        less_in_file(d, a, d->missing.v[i]->name, &cand);
    for (int i = 0; i < cand.n; i++) {
        int n = found_with(d, a, cand.v[i]);
        if (n > *found)
            best = cand.v[i], *found = n;
    }
    return best;
}

/* "--weights-prefix=module. --weights-extra=ignore": what to give where `found` tensors of the file are used. */
static const char *options_text(const Differences *d, Arena *a, const char *prefix, int found)
{
    const char *extra = "";
    int counters = 0;
    for (int i = 0; i < d->f->entry.n; i++)
        counters += tensor_ignored(d->f->entry.v[i].name);
    if (!d->o->extra_ok && d->f->entry.n - counters > found)
        extra = " --weights-extra=ignore";
    return arena_printf(a, "%s%s", shell_word(a, arena_printf(a, "--weights-prefix=%s", prefix)), extra);
}

/* Where it explains all, this is the whole message. */
static void explain_prefix(const Differences *d, Arena *a, const char *prefix, int found)
{
    const bool lacks = *prefix == '-', all = found == d->wanted.n;
    const char *options = options_text(d, a, prefix, all ? found : d->f->entry.n);
    const char *what = lacks ? arena_printf(a, "without '%s' in front", prefix + 1)
                             : arena_printf(a, "with '%s' in front", prefix);
    if (all)
        error_at(loc_file(d->f->file), "it has all %d tensors, %s of their names: give %s", found, what, options);
    else
        error_more("  %d of the %d tensors are there %s of their names: %s", found, d->wanted.n, what, options);
}

/* ---- the table ---- */

/* "  missing   name  type  (place)" in columns. */
static void print_expected(const Differences *d, const Tensor *const *v, int n, int name_width, const Pairs *pairs)
{
    Arena *a = d->f->arena;
    const char *kind = pairs ? "missing" : "shape";
    int rows = (int)imin(n, MAX_ROWS), width = 0;
    const char **type = NEW(a, const char *, rows);
    for (int i = 0; i < rows; i++) {
        type[i] = type_text(a, &v[i]->type);
        if (!pairs) {
            Type have = d->f->entry.v[dict_get(&d->f->index, name_in_file(a, d->o->prefix, v[i]->name))].type;
            have.dtype = v[i]->type.dtype; /* the shape is what differs */
            type[i] = arena_printf(a, "%s in the file, %s expected", type_text(a, &have), type[i]);
        }
        width = (int)imax(width, (int64_t)strlen(type[i]));
    }
    Loc last = {0};
    for (int i = 0; i < rows; i++) {
        const char *where = declared_at(a, v[i]->loc, &last);
        const char *like = pairs && d->o->extra_ok && pairs->of[i] >= 0 ? d->unused.v[pairs->of[i]]->name : NULL;
        Buf row = {0};
        buf_printf(&row, "  %-9s %-*s  %-*s  %s", kind, name_width, v[i]->name, width, type[i], where);
        if (like)
            buf_printf(&row, "%sthe file has '%s'", *where ? "  " : "", like);
        while (row.s[row.n - 1] == ' ')
            row.s[--row.n] = 0;
        error_more("%s", row.s);
        buf_free(&row);
    }
    if (n > rows)
        error_more("  %-9s %d more", kind, n - rows);
}

static void print_unused(const Differences *d, const Pairs *p)
{
    for (int i = 0; i < d->unused.n && i < MAX_ROWS; i++) {
        const char *s = p->by[i] < 0 ? NULL : d->missing.v[p->by[i]]->name;
        const char *end = s ? "'?" : "";
        error_more("  not used  %s%s%s%s", d->unused.v[i]->name, s ? "  did you mean '" : "", s ? s : "", end);
    }
    if (d->unused.n > MAX_ROWS)
        error_more("  not used  %d more", d->unused.n - MAX_ROWS);
}

static void append_count(Buf *b, int n, const char *one, const char *many)
{
    const char *noun = b->n ? "" : n == 1 ? "tensor " : "tensors ";
    if (n)
        buf_printf(b, "%s%d %s%s", b->n ? ", " : "", n, noun, n == 1 ? one : many);
}

static void print_table(const Differences *d, const Pairs *p)
{
    const bool unused = !d->o->extra_ok && d->unused.n;
    Buf head = {0};
    append_count(&head, d->missing.n, "is missing", "are missing");
    append_count(&head, d->shape.n, "has another shape", "have another shape");
    append_count(&head, unused ? d->unused.n : 0, "is not used", "are not used");
    error_at(loc_file(d->f->file), "%s", head.s);
    buf_free(&head);
    int width = 0;
    for (int i = 0; i < d->missing.n; i++)
        width = (int)imax(width, (int64_t)strlen(d->missing.v[i]->name));
    for (int i = 0; i < d->shape.n; i++)
        width = (int)imax(width, (int64_t)strlen(d->shape.v[i]->name));
    width = (int)imin(width, 60);
    print_expected(d, d->missing.v, d->missing.n, width, p);
    print_expected(d, d->shape.v, d->shape.n, width, NULL);
    if (unused)
        print_unused(d, p);
    if (unused && !d->missing.n && !d->shape.n)
        error_more("  --weights-extra=ignore lets tensors be that are not used");
}

void differences_report(const Differences *d)
{
    Arena *a = arena_new();
    int found;
    const char *prefix = best_prefix(d, a, &found);
    if (!prefix || found < d->wanted.n) {
        Pairs pairs = find_pairs(d, a, prefix);
        print_table(d, &pairs);
    }
    if (prefix)
        explain_prefix(d, a, prefix, found);
    arena_free(a);
}
