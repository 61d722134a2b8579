/* The table of passes, and what is wrong with an order of its rows: facts come before they are needed, and every ORDER
   of pass.def holds. */
#include <string.h>

#include "facts.h"
#include "loops/loop_passes.h"

#define PASS(name, fn, ...) PassFn fn;
#define MINIMAL_PASS(name, fn, ...) PassFn fn;
#include "pass.def"
const PassInfo pass_info[] = {
#define PASS(name, fn, kind, level, needs, gives, breaks, doc) \
    {name, fn, NULL, kind, level, needs, gives, breaks, NULL, doc},
#define MINIMAL_PASS(name, fn, of, needs, gives, breaks, doc) \
    {name, fn, NULL, MINIMAL, 0, needs, gives, breaks, of, doc},
#define LOWERING(name, needs, gives, doc) {name, NULL, NULL, REQUIRED, 0, needs, gives, 0, NULL, doc},
#define LOOP_PASS(name, fn, kind, needs, gives, breaks, doc) \
    {name, NULL, fn, kind, 0, needs, gives, breaks, NULL, doc},
#include "pass.def"
};
const int npass_info = LEN(pass_info);

static const struct { const char *first, *second, *reason; } constraint[] = {
#define ORDER(first, second, reason) {first, second, reason},
#include "pass.def"
};

static int row_index(const PassInfo *row, int n, const char *name)
{
    for (int i = 0; i < n; i++)
        if (!strcmp(row[i].name, name))
            return i;
    return -1;
}

const PassInfo *pass_find(const char *name)
{
    int i = row_index(pass_info, npass_info, name);
    return i < 0 ? NULL : &pass_info[i];
}

/* A minimal pass gives and needs no other facts than the one that it stands in for. */
static const char *stand_in_wrong(Arena *A, const PassInfo *row, int n, int i)
{
    int of = row_index(row, n, row[i].instead_of);
    if (of < 0 || of > i || row[of].kind != REDUCIBLE)
        return arena_printf(A, "pass '%s' stands in for '%s', which is no reducible pass before it", row[i].name,
                            row[i].instead_of);
    if (row[of].gives == row[i].gives && !(row[i].needs & ~row[of].needs))
        return NULL;
    return arena_printf(A, "pass '%s' stands in for '%s' and has other facts", row[i].name, row[of].name);
}

static const char *order_wrong(Arena *A, const PassInfo *row, int n)
{
    for (int i = 0; i < LEN(constraint); i++) {
        const char *first = constraint[i].first, *second = constraint[i].second;
        const char *unknown = !pass_find(first) ? first : !pass_find(second) ? second : NULL;
        if (unknown)
            return arena_printf(A, "there is no pass '%s', which a constraint names", unknown);
        int a = row_index(row, n, first), b = row_index(row, n, second);
        if (a > b && b >= 0)
            return arena_printf(A, "pass '%s' must run before '%s': %s", first, second, constraint[i].reason);
    }
    return NULL;
}

const char *passes_wrong(Arena *A, const PassInfo *row, int n)
{
    unsigned have = 0;
    for (int i = 0; i < n; i++) {
        unsigned lacks = row[i].needs & ~have;
        const char *wrong = row[i].kind == MINIMAL ? stand_in_wrong(A, row, n, i) : NULL;
        if (wrong)
            return wrong;
        if (lacks)
            return arena_printf(A, "pass '%s' needs a graph that is %s, which no pass before it gives", row[i].name,
                                fact_name(lacks & -lacks));
        have = (have & ~row[i].breaks) | row[i].gives;
    }
    return order_wrong(A, row, n);
}
