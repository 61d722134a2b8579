/* The search of order: over sets of nodes of one part, level by level. What is alive after some nodes depends on which
   they are, not on their order. Of each level the best few sets are kept. */
#include <stdlib.h>
#include <string.h>

#include "order.h"

/* Nodes of the part that have run, numbered from its begin as given. */
typedef struct Set {
    uint64_t *bits;
    uint64_t hash;
    int64_t alive, peak;   /* after them; at the worst moment so far */
    int level;             /* how many they are */
    int parent;            /* the set that it was made from, -1 none */
    int move, moves;       /* by running these nodes of OrderSearch.move */
} Set;
typedef VEC(int) Sets;
typedef struct OrderSearch {
    Ordering *o;
    Arena *A;
    const Part *part;
    int n, words, width;
    int64_t floor, best;   /* what is low enough; a set that needs this or more is of no use */
    VEC(Set) set;
    Sets *level;           /* sets by how many nodes they have */
    VEC(int) move;         /* the nodes that made them */
    int *table, cap;       /* of sets by hash, -1 free */
    uint64_t *now, *ready; /* the set that o->done stands for, and nodes of which it has all operands */
    int *missing;          /* per node: operands' nodes that it has not */
    int found;             /* the best set of all nodes, -1 none */
    bool cut;              /* sets were left out */
} OrderSearch;

static int node_of(const OrderSearch *s, int i) { return s->part->begin + i; }

static void flip(OrderSearch *s, int i)
{
    Ordering *o = s->o;
    int node = node_of(s, i), by = s->now[i / 64] >> i % 64 & 1 ? -1 : 1;
    s->now[i / 64] ^= 1ull << i % 64;
    order_count(o, node, by);
    for (int k = o->behind.begin[node]; k < o->behind.begin[node + 1]; k++) {
        int later = o->behind.v[k] - s->part->begin;
        if (o->behind.v[k] >= s->part->end)
            continue;
        s->missing[later] -= by;
        uint64_t bit = 1ull << later % 64;
        s->ready[later / 64] = s->missing[later] ? s->ready[later / 64] & ~bit : s->ready[later / 64] | bit;
    }
    o->work--;
}

static int lowest_bit(uint64_t x)
{
    int i = 0;
    while (!(x & 0xff))
        x >>= 8, i += 8;
    while (!(x & 1))
        x >>= 1, i++;
    return i;
}

static void go_to(OrderSearch *s, const uint64_t *bits)
{
    for (int w = 0; w < s->words; w++)
        for (uint64_t d; (d = s->now[w] ^ bits[w]);)
            flip(s, 64 * w + lowest_bit(d));
    s->o->work -= s->words;
}

/* The next node from i on that can run; n where there is none. */
static int next_ready(const OrderSearch *s, int i)
{
    for (int w = i / 64; w < s->words; w++) {
        uint64_t x = s->ready[w] & ~s->now[w];
        if (w == i / 64)
            x &= ~0ull << i % 64;
        if (x)
            return 64 * w + lowest_bit(x);
    }
    return s->n;
}

static void move(OrderSearch *s, Set *t, int i)
{
    Effect e = order_effect(s->o, node_of(s, i), t->alive);
    t->peak = imax(t->peak, e.during);
    t->alive = e.after;
    t->hash ^= mix64((uint64_t)i + 1);
    t->level++;
    t->moves++;
    PUSH(s->A, &s->move, i);
    flip(s, i);
}

/* Runs what can run without a new peak and leaves no more alive than before. What follows needs no more than if it
   had waited: storages that it begins would be begun all the same, and those that it ends would live until then. */
static void settle(OrderSearch *s, Set *t)
{
    for (int i = next_ready(s, 0); i < s->n;) {
        Effect e = order_effect(s->o, node_of(s, i), t->alive);
        bool free = e.during <= imax(t->peak, s->floor) && e.after <= t->alive;
        if (free)
            move(s, t, i);
        i = next_ready(s, free ? 0 : i + 1);
    }
}

static int *slot(OrderSearch *s, const Set *t)
{
    int at = (int)(t->hash & (uint64_t)(s->cap - 1));
    for (; s->table[at] >= 0; at = (at + 1) & (s->cap - 1)) {
        const Set *u = &s->set.v[s->table[at]];
        if (u->hash == t->hash && !memcmp(u->bits, t->bits, (size_t)s->words * sizeof *t->bits))
            break;
    }
    return &s->table[at];
}

static void grow_table(OrderSearch *s)
{
    s->cap = s->cap ? 2 * s->cap : 256;
    s->table = NEW(s->A, int, s->cap);
    memset(s->table, 0xff, (size_t)s->cap * sizeof *s->table);
    for (int i = 0; i < s->set.n; i++)
        *slot(s, &s->set.v[i]) = i;
}

/* Keeps a set, unless it is known with no higher peak. t.bits is s->now. */
static void keep_set(OrderSearch *s, Set t)
{
    if (2 * s->set.n >= s->cap)
        grow_table(s);
    int *at = slot(s, &t);
    s->o->work -= s->words;
    if (*at >= 0) {
        Set *u = &s->set.v[*at];
        if (t.peak >= u->peak)
            return;
        t.bits = u->bits;
        *u = t;
    } else {
        t.bits = NEW(s->A, uint64_t, s->words);
        memcpy(t.bits, s->now, (size_t)s->words * sizeof *t.bits);
        *at = s->set.n;
        PUSH(s->A, &s->level[t.level], s->set.n);
        PUSH(s->A, &s->set, t);
    }
    if (t.level == s->n)
        s->best = imax(t.peak, s->floor), s->found = *at;
}

static void extend(OrderSearch *s, int parent)
{
    for (int i = -1;;) {
        Set t = s->set.v[parent];
        go_to(s, t.bits);
        i = next_ready(s, i + 1);
        if (i == s->n || s->o->work < 0)
            return;
        t.parent = parent, t.move = s->move.n, t.moves = 0, t.bits = s->now;
        move(s, &t, i);
        if (imax(t.peak, s->floor) >= s->best)
            continue;
        settle(s, &t);
        keep_set(s, t);
    }
}

/* The sets of a level: the lower peak first, then less alive, then the first found. */
typedef struct Rank { int64_t peak, alive; int set; } Rank;

static int by_rank(const void *x, const void *y)
{
    const Rank *a = x, *b = y;
    if (a->peak != b->peak)
        return a->peak < b->peak ? -1 : 1;
    return a->alive != b->alive ? (a->alive < b->alive ? -1 : 1) : a->set - b->set;
}

static void extend_level(OrderSearch *s, const Sets *level)
{
    Rank *rank = NEW(s->A, Rank, level->n);
    for (int i = 0; i < level->n; i++) {
        const Set *t = &s->set.v[level->v[i]];
        rank[i] = (Rank){imax(t->peak, s->floor), t->alive, level->v[i]};
    }
    if (level->n)
        qsort(rank, (size_t)level->n, sizeof *rank, by_rank);
    s->cut |= level->n > s->width;
    for (int i = 0; i < imin(level->n, s->width); i++)
        if (rank[i].peak < s->best)
            extend(s, rank[i].set);
}

/* Writes the order by which the set was found. */
static void write_order(const OrderSearch *s, int set)
{
    for (; set >= 0; set = s->set.v[set].parent) {
        const Set *t = &s->set.v[set];
        for (int k = 0; k < t->moves; k++)
            s->o->order[s->part->begin + t->level - t->moves + k] = node_of(s, s->move.v[t->move + k]);
    }
}

bool order_search(Ordering *o, Part *part, int64_t alive, int64_t floor, int width)
{
    int n = part->end - part->begin, words = (n + 63) / 64;
    OrderSearch s = {.o = o, .A = arena_new(), .part = part, .n = n, .words = words, .width = width, .floor = floor,
                     .best = part->peak, .found = -1};
    s.level = NEW(s.A, Sets, n + 1);
    s.now = NEW(s.A, uint64_t, words);
    s.ready = NEW(s.A, uint64_t, words);
    s.missing = NEW(s.A, int, n);
    for (int i = 0; i < n; i++) {
        for (int k = o->before.begin[part->begin + i]; k < o->before.begin[part->begin + i + 1]; k++)
            s.missing[i] += o->before.v[k] >= part->begin;
        s.ready[i / 64] |= (uint64_t)!s.missing[i] << i % 64;
    }
    Set none = {.bits = s.now, .alive = alive, .parent = -1};
    settle(&s, &none);
    keep_set(&s, none);
    for (int i = 0; i < n && o->work > 0 && s.best > floor; i++)
        extend_level(&s, &s.level[i]);
    bool finished = s.best <= floor || (!s.cut && o->work > 0);
    if (s.found >= 0) {
        write_order(&s, s.found);
        part->peak = s.best;
    }
    go_to(&s, NEW(s.A, uint64_t, words));
    arena_free(s.A);
    return finished;
}
