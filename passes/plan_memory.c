/* plan-memory: offsets in one arena.

     %1 = conv2d ... : f32[1,16,8,8] nhwc(c=16)   =>   : f32[1,16,8,8] nhwc(c=16) @2048

   Values that may share storage form one block: a view and its operand, and an elementwise result that takes the place
   of an operand which dies in the same kernel and is read only at the index that is written. Blocks are then placed
   first-fit in several orders and the best plan is kept; the lower bound is the largest sum of blocks alive at once.
   Where no plan meets it, hill climbing over orders follows. Where the pass is disabled, no value takes the place of
   another. Needs F_LAYOUT, gives F_OFFSETS. */
#include <stdlib.h>

#include "edit.h"

typedef struct BlockInfo { int first, last; int64_t bytes, offset; bool used; } BlockInfo;
typedef struct Plan {
    Pass *p;
    Graph *g;
    int64_t align;
    int *block;            /* per value: its block, -1 none; blocks are named by their first value */
    int *last_use;         /* per value: index of the last node that reads it */
    BlockInfo *info;       /* per value (block name), then one per node for scratch */
    int ninfo;
    BlockInfo **order, **placed; /* the blocks in use in the order in which they are placed, and by offset */
    int n;
} Plan;

static bool in_arena(const Graph *g, ValueId v)
{
    return g->value.v[v].kind == VAL_NODE && g->value.v[v].region == REGION_ARENA;
}

static bool same_layout(const Layout *a, const Layout *b)
{
    for (int i = 0; i < 4; i++)
        if (a->border[i] != b->border[i])
            return false;
    return a->order == b->order && (a->order == ORDER_ROW || a->cstride == b->cstride);
}

static void read_by(Plan *pl, ValueId v, int node)
{
    if (v >= 0)
        pl->last_use[v] = (int)imax(pl->last_use[v], node);
}

static void liveness(Plan *pl)
{
    const Graph *g = pl->g;
    for (int i = 0; i < g->value.n; i++)
        pl->last_use[i] = g->value.v[i].kind == VAL_NODE ? g->value.v[i].node : -1;
    for (int i = 0; i < g->node.n; i++) {
        const Node *n = &g->node.v[i];
        for (int k = 0; k < n->nin; k++)
            read_by(pl, n->in[k], i);
        for (int s = 0; s < n->nstep; s++)
            for (int k = 0; k < n->step[s].nin; k++)
                read_by(pl, n->step[s].in[k], i);
    }
    for (int i = 0; i < g->value.n && pl->p->least; i++)
        pl->last_use[i] = g->node.n - 1;
}

/* May node i's result be written over value v? Values of one block have equally many elements: a step that reads another
   one of v's block does not broadcast it, it reads the index that is written. */
static bool over(const Plan *pl, int i, ValueId v)
{
    const Graph *g = pl->g;
    const Node *n = &g->node.v[i];
    ValueId out = n->out[0].value;
    if (v < 0 || pl->p->least || !in_arena(g, v) || !in_arena(g, out) || pl->info[pl->block[v]].last != i)
        return false;
    if (!type_eq(&g->value.v[v].type, &g->value.v[out].type) ||
        !same_layout(&g->value.v[v].layout, &g->value.v[out].layout))
        return false;
    for (int k = 0; k < n->nin; k++) /* an anchor other than map reads its own operands at many indices */
        if (n->op != OP_map && n->in[k] >= 0 && pl->block[n->in[k]] == pl->block[v])
            return false;
    return true;
}

static ValueId place_of(const Plan *pl, int i)
{
    const Graph *g = pl->g;
    const Node *n = &g->node.v[i];
    if (op_is(n->op, P_VIEW)) {
        const Value *a = &g->value.v[n->in[0]], *b = &g->value.v[n->out[0].value];
        bool rows = a->layout.order == ORDER_ROW && b->layout.order == ORDER_ROW;
        return rows && in_arena(g, n->in[0]) && in_arena(g, n->out[0].value) ? n->in[0] : -1;
    }
    if (n->nout != 1)
        return -1;
    if (n->op == OP_map && over(pl, i, n->in[0]))
        return n->in[0];
    for (int s = 0; s < n->nstep; s++)
        for (int k = 0; k < n->step[s].nin; k++)
            if (over(pl, i, n->step[s].in[k]))
                return n->step[s].in[k];
    return -1;
}

static void make_blocks(Plan *pl)
{
    Graph *g = pl->g;
    for (int i = 0; i < g->value.n; i++)
        pl->block[i] = -1;
    for (int i = 0; i < g->node.n; i++) {
        const Node *n = &g->node.v[i];
        ValueId host = place_of(pl, i);
        for (int k = 0; k < n->nout; k++) {
            ValueId v = n->out[k].value;
            Value *val = &g->value.v[v];
            val->bytes = value_storage(val);
            if (!in_arena(g, v))
                continue;
            int b = k == 0 && host >= 0 ? pl->block[host] : v;
            pl->block[v] = b;
            BlockInfo *f = &pl->info[b];
            if (b == v)
                *f = (BlockInfo){.first = i, .last = i, .used = true};
            f->last = (int)imax(f->last, pl->last_use[v]);
            f->bytes = imax(f->bytes, round_up(val->bytes, pl->align));
        }
        if (n->scratch)
            pl->info[g->value.n + i] =
                (BlockInfo){.first = i, .last = i, .bytes = round_up(n->scratch, pl->align), .used = true};
    }
}

static bool meet(const BlockInfo *a, const BlockInfo *b) { return a->first <= b->last && b->first <= a->last; }

/* Lowest offset at which a fits beside the n blocks placed already (sorted by offset). */
static void place(BlockInfo *a, BlockInfo **placed, int n)
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
static int compare(double x, double y, const BlockInfo *a, const BlockInfo *b)
{
    return x != y ? (x < y ? 1 : -1) : a->first != b->first ? a->first - b->first : (a > b) - (a < b);
}

static int by_size(const void *x, const void *y)
{
    const BlockInfo *a = *(BlockInfo *const *)x, *b = *(BlockInfo *const *)y;
    return compare((double)a->bytes, (double)b->bytes, a, b);
}

static int by_area(const void *x, const void *y)
{
    const BlockInfo *a = *(BlockInfo *const *)x, *b = *(BlockInfo *const *)y;
    return compare((double)a->bytes * (a->last - a->first + 1), (double)b->bytes * (b->last - b->first + 1), a, b);
}

static int by_first(const void *x, const void *y)
{
    const BlockInfo *a = *(BlockInfo *const *)x, *b = *(BlockInfo *const *)y;
    return a->first != b->first ? a->first - b->first : by_size(x, y);
}

/* Places all blocks in order; returns the arena's size. */
static int64_t place_all(Plan *pl)
{
    int64_t size = 0;
    for (int i = 0; i < pl->n; i++) {
        BlockInfo *b = pl->order[i];
        place(b, pl->placed, i);
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
static void move(BlockInfo **order, int from, int to)
{
    BlockInfo *b = order[from];
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

/* Hill climbing over orders, as Arm's Vela does: the block that ends the arena is placed earlier, or any block earlier or
   later; what is no worse is kept. The work is bounded, the random numbers are the same everywhere. */
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

/* The largest sum of blocks that are alive at once. */
static int64_t lower_bound(const Plan *pl)
{
    int64_t *change = NEW(pl->p->scratch, int64_t, pl->g->node.n + 1), alive = 0, bound = 0;
    for (int b = 0; b < pl->ninfo; b++)
        if (pl->info[b].used) {
            change[pl->info[b].first] += pl->info[b].bytes;
            change[pl->info[b].last + 1] -= pl->info[b].bytes;
        }
    for (int i = 0; i < pl->g->node.n; i++)
        bound = imax(bound, alive += change[i]);
    return bound;
}

bool pass_plan_memory(Pass *p, Graph *g)
{
    Plan pl = {.p = p, .g = g, .align = p->target->lanes > 1 ? 64 : 16, .ninfo = g->value.n + g->node.n};
    pl.block = NEW(p->scratch, int, g->value.n);
    pl.last_use = NEW(p->scratch, int, g->value.n);
    pl.info = NEW(p->scratch, BlockInfo, pl.ninfo);
    liveness(&pl);
    make_blocks(&pl);
    pl.order = NEW(p->scratch, BlockInfo *, pl.ninfo);
    pl.placed = NEW(p->scratch, BlockInfo *, pl.ninfo);
    for (int i = 0; i < pl.ninfo; i++)
        if (pl.info[i].used)
            pl.order[pl.n++] = &pl.info[i];
    g->arena_lower_bound = lower_bound(&pl);
    g->arena_bytes = climb(&pl, sort_and_place(&pl), g->arena_lower_bound);
    for (int i = 0; i < g->value.n; i++)
        if (in_arena(g, i) && pl.block[i] >= 0)
            g->value.v[i].offset = pl.info[pl.block[i]].offset;
    for (int i = 0; i < g->node.n; i++)
        if (g->node.v[i].scratch)
            g->node.v[i].scratch_offset = pl.info[g->value.n + i].offset;
    return true;
}
