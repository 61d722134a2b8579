/* Branch and bound for the smallest plan of blocks whose times are fixed.

   Blocks are put down in the order of their offsets, each on the highest top of those below it. Every plan that
   cannot be pushed down is built this way. With the blocks down so far and the offset `last` of the last one, a
   branch ends
   - where a block not yet down would end above the limit;
   - where, at some time, all blocks not yet down that are alive then would end above the limit, stacked on the lowest
     place that one of them can have;
   - where a block not yet down fits below what is put down next: it could have been there, and that plan is looked at
     elsewhere.
   Of blocks that are alike the first goes lowest. At equal offsets the lower index comes first. Times at which
   nothing is alive part the blocks into groups. Only the largest groups matter. The idea of building plans from the
   bottom, and of these limits, is from Moffitt, "MiniMalloc: A Lightweight Memory Allocator for Hardware-Accelerated
   Machine Learning", ASPLOS 2023. */
#include <stdlib.h>
#include <string.h>

#include "blocks.h"

/* Blocks of a group at most, and steps of work for all groups: some tenths of a second. */
enum { MAX_GROUP = 400, WORK = 1 << 26 };

typedef struct Item { MemBlock *b; int lo, hi; /* sections that it is alive in */ int64_t bytes, at; bool down; } Item;
typedef struct PlanGroup {
    Item *item;
    int n, nsection;
    int64_t size;          /* of the best plan known */
    bool optimal;          /* no smaller one exists */
} PlanGroup;

typedef enum Found { FOUND, NONE, GAVE_UP } Found;
typedef struct PlanSearch {
    PlanGroup *g;
    int64_t limit, work;
    int64_t *top, *rest, *low;  /* per section: the highest top; bytes not yet down; the lowest place of one of them */
    int64_t *saved;             /* tops under the items that are down, a stack */
    int *choice;                /* n per depth */
} PlanSearch;

/* ---- groups ---- */

static int by_first(const void *x, const void *y)
{
    const MemBlock *a = *(MemBlock *const *)x, *b = *(MemBlock *const *)y;
    return a->first != b->first ? a->first - b->first : (a > b) - (a < b);
}

/* Sections: the moments at which a largest set of blocks is alive, after a block begins and before one ends. */
static PlanGroup make_group(Arena *A, MemBlock **b, int n)
{
    PlanGroup g = {.item = NEW(A, Item, n), .n = n};
    int *moment = NEW(A, int, n);
    for (int i = 0; i < n; i++) {
        g.item[i] = (Item){.b = b[i], .bytes = b[i]->bytes, .at = b[i]->offset};
        g.size = imax(g.size, b[i]->offset + b[i]->bytes);
        bool ends = i == n - 1;
        for (int k = 0; k <= i && !ends; k++)
            ends = b[k]->last >= b[i]->first && b[k]->last < b[i + 1]->first;
        if (ends)
            moment[g.nsection++] = b[i]->first;
    }
    for (int i = 0; i < n; i++) {
        Item *t = &g.item[i];
        while (moment[t->lo] < b[i]->first)
            t->lo++;
        t->hi = t->lo;
        while (t->hi + 1 < g.nsection && moment[t->hi + 1] <= b[i]->last)
            t->hi++;
    }
    return g;
}

static int make_groups(Arena *A, const Blocks *b, PlanGroup *groups)
{
    MemBlock **sorted = NEW(A, MemBlock *, b->n);
    for (int i = 0; i < b->n; i++)
        sorted[i] = &b->v[i];
    qsort(sorted, (size_t)b->n, sizeof *sorted, by_first);
    int n = 0;
    for (int i = 0, begin = 0, last = -1; i <= b->n; i++) {
        if (i > begin && (i == b->n || sorted[i]->first > last)) {
            groups[n++] = make_group(A, sorted + begin, i - begin);
            begin = i;
        }
        if (i < b->n)
            last = (int)imax(last, sorted[i]->last);
    }
    return n;
}

/* ---- search ---- */

/* On the highest top below it. */
static int64_t place_of(const PlanSearch *s, const Item *t)
{
    int64_t at = 0;
    for (int k = t->lo; k <= t->hi; k++)
        at = imax(at, s->top[k]);
    return at;
}

static void lowest_places(PlanSearch *s, int64_t last)
{
    PlanGroup *g = s->g;
    for (int k = 0; k < g->nsection; k++)
        s->low[k] = s->limit;
    for (int i = 0; i < g->n; i++) {
        Item *t = &g->item[i];
        s->work--;
        if (t->down)
            continue;
        t->at = place_of(s, t);
        for (int k = t->lo; k <= t->hi; k++)
            s->low[k] = imin(s->low[k], imax(t->at, last));
        s->work -= 2 * (t->hi - t->lo + 1);
    }
}

static bool hopeless(const PlanSearch *s, int64_t last)
{
    for (int k = 0; k < s->g->nsection; k++)
        if (s->rest[k] && s->low[k] + s->rest[k] > s->limit)
            return true;
    for (int i = 0; i < s->g->n; i++) {
        const Item *t = &s->g->item[i];
        if (!t->down && imax(t->at, last) + t->bytes > s->limit)
            return true;
    }
    return false;
}

static bool alike(const Item *a, const Item *b) { return a->lo == b->lo && a->hi == b->hi && a->bytes == b->bytes; }

static bool goes_first(const Item *a, const Item *b)
{
    if (a->at != b->at)
        return a->at < b->at;
    if (a->hi - a->lo != b->hi - b->lo)
        return a->hi - a->lo > b->hi - b->lo;
    return a->bytes > b->bytes;
}

/* The items that may come next, the most promising first. */
static int choices(PlanSearch *s, int64_t last, int last_item, int *choice)
{
    Item *item = s->g->item;
    int64_t roof = INT64_MAX; /* a choice at or above it leaves a place below that is large enough for another one */
    int n = 0;
    for (int i = 0; i < s->g->n; i++)
        if (!item[i].down)
            roof = imin(roof, item[i].at + item[i].bytes);
    for (int i = 0; i < s->g->n; i++) {
        const Item *t = &item[i];
        if (t->down || t->at < last || t->at >= roof || (t->at == last && i < last_item))
            continue;
        bool second = false;
        for (int k = i - 1; k >= 0 && !second && item[k].lo == t->lo; k--)
            second = !item[k].down && alike(&item[k], t);
        if (second)
            continue;
        int at = n++;
        for (; at > 0 && goes_first(t, &item[choice[at - 1]]); at--)
            choice[at] = choice[at - 1];
        choice[at] = i;
        s->work -= n - at;
    }
    return n;
}

static int64_t *put_down(PlanSearch *s, Item *t, int64_t at, int64_t *saved)
{
    t->down = true;
    t->at = at;
    for (int k = t->lo; k <= t->hi; k++) {
        *saved++ = s->top[k];
        s->top[k] = at + t->bytes;
        s->rest[k] -= t->bytes;
    }
    return saved;
}

static void take_up(PlanSearch *s, Item *t, const int64_t *saved)
{
    t->down = false;
    for (int k = t->lo; k <= t->hi; k++) {
        s->top[k] = *saved++;
        s->rest[k] += t->bytes;
    }
}

static Found descend(PlanSearch *s, int depth, int64_t last, int last_item, int64_t *saved)
{
    PlanGroup *g = s->g;
    if (depth == g->n)
        return FOUND;
    lowest_places(s, last);
    if (s->work < 0)
        return GAVE_UP;
    if (hopeless(s, last))
        return NONE;
    int *choice = s->choice + (ptrdiff_t)depth * g->n, n = choices(s, last, last_item, choice);
    for (int i = 0; i < n; i++) {
        Item *t = &g->item[choice[i]];
        int64_t at = place_of(s, t), *above = put_down(s, t, at, saved);
        Found f = descend(s, depth + 1, at, choice[i], above);
        if (f != NONE)
            return f;
        take_up(s, t, saved);
    }
    return NONE;
}

static PlanSearch new_search(Arena *A, PlanGroup *g)
{
    int64_t tops = 0;
    for (int i = 0; i < g->n; i++)
        tops += g->item[i].hi - g->item[i].lo + 1;
    return (PlanSearch){.g = g, .top = NEW(A, int64_t, g->nsection), .rest = NEW(A, int64_t, g->nsection),
                        .low = NEW(A, int64_t, g->nsection), .saved = NEW(A, int64_t, tops),
                        .choice = NEW(A, int, (size_t)g->n * (size_t)g->n)};
}

/* A plan of the group of at most `limit` bytes. */
static Found find_plan(PlanSearch *s, int64_t limit, int64_t work)
{
    PlanGroup *g = s->g;
    s->limit = limit, s->work = work;
    for (int k = 0; k < g->nsection; k++)
        s->top[k] = s->rest[k] = 0;
    for (int i = 0; i < g->n; i++) {
        Item *t = &g->item[i];
        t->down = false;
        for (int k = t->lo; k <= t->hi; k++)
            s->rest[k] += t->bytes;
    }
    Found f = descend(s, 0, 0, -1, s->saved);
    if (f != FOUND)
        return f;
    g->size = 0;
    for (int i = 0; i < g->n; i++) {
        g->item[i].b->offset = g->item[i].at;
        g->size = imax(g->size, g->item[i].at + g->item[i].bytes);
    }
    return f;
}

static int64_t common_unit(const PlanGroup *g)
{
    int64_t unit = 0;
    for (int i = 0; i < g->n; i++)
        for (int64_t a = g->item[i].bytes, r; a; a = r) {
            r = unit % a;
            unit = a;
        }
    return unit;
}

/* Looks for the smallest plan of a group. `enough` is what the arena takes anyway. Half of the work is for a plan of
   that size, the rest for improving what is known. Offsets are sums of sizes, so the next smaller plan is smaller by
   their common unit. Returns the work left. */
static int64_t shrink(Arena *A, PlanGroup *g, int64_t enough, int64_t work)
{
    if (g->n > MAX_GROUP)
        return work;
    PlanSearch s = new_search(A, g);
    int64_t unit = common_unit(g), none = find_plan(&s, enough, work / 2) == NONE ? enough : -1;
    work = work - work / 2 + imax(s.work, 0);
    while (g->size > enough && g->size - unit > none && work > 0) {
        if (find_plan(&s, g->size - unit, work) == NONE)
            none = g->size - unit;
        work = s.work;
    }
    g->optimal = g->size - unit <= none;
    return work;
}

static int by_size(const void *x, const void *y)
{
    const PlanGroup *a = x, *b = y;
    return a->size != b->size ? (a->size < b->size) - (a->size > b->size) : a->item->b->first - b->item->b->first;
}

Placing place_exact(Arena *scratch, Blocks *b)
{
    PlanGroup *group = NEW(scratch, PlanGroup, b->n);
    int n = make_groups(scratch, b, group);
    qsort(group, (size_t)n, sizeof *group, by_size);
    Placing r = {.bytes = b->alive};
    int64_t work = WORK;
    for (int i = 0; i < n && group[i].size > r.bytes; i++) {
        work = shrink(scratch, &group[i], r.bytes, work);
        if (group[i].size > r.bytes)
            r = (Placing){group[i].size, group[i].optimal};
    }
    r.optimal |= r.bytes == b->alive;
    return r;
}
