/* Offsets for blocks: first-fit in a few orders, hill climbing over orders where a gap to the bound remains, then the
   exact search. */
#include <stdlib.h>

#include "blocks.h"

typedef struct Plan {
    MemBlock **order, **placed; /* the blocks in the order in which they are placed, and by offset */
    int n;
} Plan;

static bool meet(const MemBlock *a, const MemBlock *b) { return a->first <= b->last && b->first <= a->last; }

/* Lowest offset at which a fits beside the n blocks placed already (sorted by offset). */
static void place_block(MemBlock *a, MemBlock **placed, int n)
{
    int64_t at = 0;
    for (int i = 0; i < n; i++) {
        if (!meet(a, placed[i]))
            continue;
        if (placed[i]->offset - at >= a->bytes)
            break;
        at = imax(at, placed[i]->offset + placed[i]->bytes);
    }
    a->offset = at;
}

/* Orders without ties: plans must not depend on the C library's qsort. */
static int by_size_then_first(double x, double y, const MemBlock *a, const MemBlock *b)
{
    return x != y ? (x < y ? 1 : -1) : a->first != b->first ? a->first - b->first : (a > b) - (a < b);
}

static int by_size(const void *x, const void *y)
{
    const MemBlock *a = *(MemBlock *const *)x, *b = *(MemBlock *const *)y;
    return by_size_then_first((double)a->bytes, (double)b->bytes, a, b);
}

static int by_area(const void *x, const void *y)
{
    const MemBlock *a = *(MemBlock *const *)x, *b = *(MemBlock *const *)y;
    return by_size_then_first((double)a->bytes * (a->last - a->first + 1),
                              (double)b->bytes * (b->last - b->first + 1), a, b);
}

static int by_first(const void *x, const void *y)
{
    const MemBlock *a = *(MemBlock *const *)x, *b = *(MemBlock *const *)y;
    return a->first != b->first ? a->first - b->first : by_size(x, y);
}

/* Places all blocks in order; returns the arena's size. */
static int64_t place_all(Plan *pl)
{
    int64_t size = 0;
    for (int i = 0; i < pl->n; i++) {
        MemBlock *b = pl->order[i];
        place_block(b, pl->placed, i);
        int at = i;
        for (; at > 0 && pl->placed[at - 1]->offset > b->offset; at--)
            pl->placed[at] = pl->placed[at - 1];
        pl->placed[at] = b;
        size = imax(size, b->offset + b->bytes);
    }
    return size;
}

/* The best of a few orders; its plan's size. */
static int64_t sort_and_place(Plan *pl)
{
    static int (*const rules[])(const void *, const void *) = {by_size, by_area, by_first};
    int best = 0;
    int64_t bytes = INT64_MAX;
    for (int i = 0; i < LEN(rules); i++) {
        qsort(pl->order, (size_t)pl->n, sizeof *pl->order, rules[i]);
        int64_t size = place_all(pl);
        if (size < bytes)
            bytes = size, best = i;
    }
    qsort(pl->order, (size_t)pl->n, sizeof *pl->order, rules[best]);
    return place_all(pl);
}

/* Moves the block at position `from` of the order to position `to`. */
static void move(MemBlock **order, int from, int to)
{
    MemBlock *b = order[from];
    for (; from > to; from--)
        order[from] = order[from - 1];
    for (; from < to; from++)
        order[from] = order[from + 1];
    order[to] = b;
}

static int topmost(const Plan *pl, int64_t bytes)
{
    int i = 0;
    while (pl->order[i]->offset + pl->order[i]->bytes < bytes)
        i++;
    return i;
}

/* Hill climbing over orders, as Arm's Vela does. The block that ends the arena is placed earlier, or any block
   earlier or later. What is no worse is kept. The work is bounded, and the random numbers are the same everywhere. */
static int64_t climb(Plan *pl, int64_t bytes, int64_t bound)
{
    enum { TRIES = 2000, WORK = 100 << 20 };
    Rng r = rng_seed(1, "plan-memory");
    int top = bytes > bound ? topmost(pl, bytes) : 0;
    for (int64_t tries = imin(TRIES, WORK / ((int64_t)pl->n * pl->n + 1)); tries > 0 && top > 0; tries--) {
        int from = rng_next(&r) % 2 ? top : (int)(rng_next(&r) % (uint64_t)pl->n);
        int to = (int)(rng_next(&r) % (uint64_t)(from == top ? top : pl->n));
        move(pl->order, from, to);
        int64_t size = place_all(pl);
        if (size > bytes) {
            move(pl->order, to, from);
            continue;
        }
        bytes = size;
        top = bytes > bound ? topmost(pl, bytes) : 0;
    }
    return place_all(pl);
}

Placing place_blocks(Arena *scratch, Blocks *b)
{
    Plan pl = {.order = NEW(scratch, MemBlock *, b->n), .placed = NEW(scratch, MemBlock *, b->n), .n = b->n};
    for (int i = 0; i < b->n; i++)
        pl.order[i] = &b->v[i];
    int64_t bytes = climb(&pl, sort_and_place(&pl), b->alive);
    if (bytes == b->alive)
        return (Placing){bytes, true};
    return place_exact(scratch, b);
}
