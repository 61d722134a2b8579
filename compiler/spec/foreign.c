/* Words of other frameworks, and ours for them. */
#include "foreign.h"

#include <ctype.h>
#include <string.h>

typedef struct ForeignRow { Where where; const char *name, *ours, *say; } ForeignRow;
static const ForeignRow rows[] = {
#define FOREIGN(where, name, ours, say) {FOREIGN_##where, name, ours, say},
#include "foreign.def"
#undef FOREIGN
};

/* "torch.nn.Conv2d(3, 64)" -> "conv2d" */
static const char *bare(Arena *a, const char *name)
{
    size_t n = strcspn(name, "("), begin = n;
    while (begin > 0 && name[begin - 1] != '.')
        begin--;
    char *out = NEW(a, char, n - begin + 1), *o = out;
    for (size_t i = begin; i < n; i++)
        if (name[i] != '_' && name[i] != '-' && name[i] != ' ')
            *o++ = (char)tolower((unsigned char)name[i]);
    *o = 0;
    return out;
}

/* The first word of "a|b" that is a candidate, else NULL. */
static const char *first_of(Arena *a, const char *words, const char *const *cand, int n)
{
    for (const char *p = words; *p;) {
        size_t len = strcspn(p, "|");
        const char *word = arena_strndup(a, p, len);
        for (int i = 0; i < n; i++)
            if (!strcmp(cand[i], word))
                return cand[i];
        p += len + (p[len] == '|');
    }
    return NULL;
}

static const char *hint_of(Arena *a, const ForeignRow *r, const char *ours)
{
    if (!ours)
        return r->say;
    return arena_printf(a, "did you mean '%s'?%s%s", ours, *r->say ? " " : "", r->say);
}

const char *foreign_word(Arena *a, Where where, const char *name, const char *const *cand, int n)
{
    const char *word = bare(a, name), *ours = NULL;
    for (int i = 0; i < LEN(rows) && !ours; i++)
        if (rows[i].where == where && !strcmp(rows[i].name, word))
            ours = first_of(a, rows[i].ours, cand, n);
    return ours;
}

const char *foreign_hint(Arena *a, Where where, const char *name, const char *const *cand, int n)
{
    const char *word = bare(a, name);
    for (int i = 0; i < n; i++) /* ours in another spelling */
        if (strcmp(cand[i], name) && *word && !strcmp(bare(a, cand[i]), word))
            return arena_printf(a, "did you mean '%s'?", cand[i]);
    for (int i = 0; i < LEN(rows); i++) {
        const ForeignRow *r = &rows[i];
        if (r->where != where || strcmp(r->name, word))
            continue;
        const char *ours = first_of(a, r->ours, cand, n);
        if (ours || !*r->ours)
            return hint_of(a, r, ours);
    }
    return NULL;
}
