/* order: nodes in the order that needs the least memory at the worst moment.

     %1 = conv2d %0 ... : f32[1,8,8,8]                   %2 = max_pool %0 ... : f32[1,8,4,4]
     %2 = max_pool %0 ... : f32[1,8,4,4]           =>    %1 = conv2d %0 ... : f32[1,8,8,8]
     %3 = max_pool %1 ... : f32[1,8,4,4]                 %3 = max_pool %1 ... : f32[1,8,4,4]
     %4 = concat %2, %3                                  %4 = concat %2, %3

   What is alive is counted as plan-memory will count it (blocks.h). How much that is after some nodes depends on
   which they are, not on their order, so the search goes over sets of nodes. Some nodes have every other before or
   after them in every order. They cut the order into parts that do not depend on each other. Only parts that alone
   need more than some other part must are touched. Each is searched level by level with the best few sets kept, then
   with more. The search ends when none had to be left out (the result is then optimal), or when the part needs no
   more than another part does, or when the work is used up. The result is the same on every machine and no worse than
   the order given. It is as near to that order as the memory found allows. Needs F_LAYOUT; keeps everything. */
#include <stdlib.h>
#include <string.h>

#include "blocks.h"
#include "../edit.h"

/* Steps of work: about a tenth of a second. */
enum { WORK = 1 << 25 };

typedef struct Links { int *begin, *v; } Links; /* of node i: v[begin[i]] to v[begin[i + 1]] */
/* The nodes at positions begin to end - 1. */
typedef struct Part { int begin, end; int64_t given, peak; /* in the order given, in the best one known */ } Part;
typedef struct Ordering {
    Arena *A;
    Storages s;
    int n, *order;         /* nodes by position; nodes are numbered as given */
    Links before, behind;  /* nodes that a node needs and that need it */
    int *done;             /* per storage: nodes that have touched it */
    int *seen;             /* per storage: the end of the last part that asked for it */
    int64_t work;
} Ordering;

/* ---- what is alive ---- */

typedef struct Effect { int64_t during, after; } Effect;

/* Bytes alive while node runs, where `alive` are before, and when it has run. */
static Effect effect(Ordering *o, int node, int64_t alive)
{
    const NodeStorages *t = &o->s.node[node];
    Effect e = {alive, alive};
    for (int k = 0; k < t->n; k++) {
        const Storage *s = &o->s.v[t->touch[k]];
        int done = o->done[t->touch[k]];
        if (!done)
            e.during += s->bytes, e.after += s->bytes;
        if (done + 1 == s->touches)
            e.after -= s->bytes;
    }
    for (int k = 0; k < t->nover; k++)
        if (!o->done[t->made] && o->done[t->over[k]] + 1 == o->s.v[t->over[k]].touches) {
            e.during -= o->s.v[t->made].bytes;
            break;
        }
    o->work -= t->n;
    return e;
}

static void count(Ordering *o, int node, int by)
{
    const NodeStorages *t = &o->s.node[node];
    for (int k = 0; k < t->n; k++)
        o->done[t->touch[k]] += by;
    o->work -= t->n;
}

/* Runs the nodes at positions begin to end; returns the peak. */
static int64_t run(Ordering *o, int begin, int end, int64_t *alive)
{
    int64_t peak = 0;
    for (int i = begin; i < end; i++) {
        Effect e = effect(o, o->order[i], *alive);
        count(o, o->order[i], 1);
        peak = imax(peak, e.during);
        *alive = e.after;
    }
    return peak;
}

/* ---- dependences and parts ---- */

static int needed(const Graph *g, const Node *n, int k)
{
    if (k < n->nin)
        return n->in[k] < 0 ? -1 : value_def(g, n->in[k]);
    k -= n->nin;
    for (int s = 0; s < n->nstep; k -= n->step[s++].nin)
        if (k < n->step[s].nin)
            return n->step[s].in[k] < 0 ? -1 : value_def(g, n->step[s].in[k]);
    return -2; /* no more operands */
}

static void link_nodes(Ordering *o, const Graph *g)
{
    int edges = 0, *fill = NEW(o->A, int, o->n + 1);
    o->before.begin = NEW(o->A, int, o->n + 1);
    o->behind.begin = NEW(o->A, int, o->n + 2);
    for (int i = 0; i < o->n; i++) {
        o->before.begin[i] = edges;
        for (int k = 0, d; (d = needed(g, &g->node.v[i], k)) != -2; k++)
            if (d >= 0) {
                edges++;
                o->behind.begin[d + 1]++;
            }
    }
    o->before.begin[o->n] = edges;
    o->before.v = NEW(o->A, int, edges);
    o->behind.v = NEW(o->A, int, edges);
    for (int i = 0; i < o->n; i++)
        o->behind.begin[i + 1] += o->behind.begin[i];
    memcpy(fill, o->behind.begin, (size_t)(o->n + 1) * sizeof *fill);
    for (int i = 0, at = 0; i < o->n; i++)
        for (int k = 0, d; (d = needed(g, &g->node.v[i], k)) != -2; k++)
            if (d >= 0) {
                o->before.v[at++] = d;
                o->behind.v[fill[d]++] = i;
            }
}

/* A node cuts where every node before it has a reader up to it, and every node behind it an operand from it on. */
static int find_parts(Ordering *o, Part *part)
{
    int n = 0, *from = NEW(o->A, int, o->n + 1);
    from[o->n] = o->n;
    for (int i = o->n - 1; i >= 0; i--) {
        int latest = -1;
        for (int k = o->before.begin[i]; k < o->before.begin[i + 1]; k++)
            latest = (int)imax(latest, o->before.v[k]);
        from[i] = (int)imin(from[i + 1], latest);
    }
    for (int i = 0, begin = 0, until = 0; i < o->n; i++) {
        if ((until <= i && from[i + 1] >= i) || i == o->n - 1) {
            part[n++] = (Part){.begin = begin, .end = i + 1};
            begin = i + 1;
        }
        int first = o->n;
        for (int k = o->behind.begin[i]; k < o->behind.begin[i + 1]; k++)
            first = (int)imin(first, o->behind.v[k]);
        until = (int)imax(until, first);
    }
    return n;
}

/* ---- what any order needs ---- */

/* Whether a storage is alive while node i of the part runs, in every order. It was touched before the part, by i, or
   by a node that i needs. And it will be touched by i, by a node that needs i, or after the part. */
typedef struct Always { bool *touched, *up, *down; } Always;

static void find_always(Ordering *o, const Part *p, int storage, Always *a)
{
    int n = p->end - p->begin, left = o->s.v[storage].touches - o->done[storage];
    for (int i = 0; i < n; i++) {
        const NodeStorages *t = &o->s.node[p->begin + i];
        a->touched[i] = false;
        for (int k = 0; k < t->n; k++)
            a->touched[i] |= t->touch[k] == storage;
        left -= a->touched[i];
        a->up[i] = a->touched[i] || o->done[storage];
        for (int k = o->before.begin[p->begin + i]; k < o->before.begin[p->begin + i + 1]; k++)
            a->up[i] |= o->before.v[k] >= p->begin && a->up[o->before.v[k] - p->begin];
        o->work -= t->n;
    }
    for (int i = n - 1; i >= 0; i--) {
        a->down[i] = left;
        for (int k = o->behind.begin[p->begin + i]; k < o->behind.begin[p->begin + i + 1]; k++)
            a->down[i] |= o->behind.v[k] < p->end &&
                          (a->touched[o->behind.v[k] - p->begin] || a->down[o->behind.v[k] - p->begin]);
    }
}

/* No order of the part needs less than this. The part stands as given. o->done is what was touched before it, and of
   that `alive` bytes still are alive. */
static int64_t least(Ordering *o, const Part *p, int64_t alive)
{
    int n = p->end - p->begin;
    int64_t *need = NEW(o->A, int64_t, n), most = 0;
    bool *in_place = NEW(o->A, bool, n);
    Always a = {NEW(o->A, bool, n), NEW(o->A, bool, n), NEW(o->A, bool, n)};
    for (int i = 0; i < n; i++)
        for (int k = 0; k < o->s.node[p->begin + i].n && o->work > 0; k++) {
            int storage = o->s.node[p->begin + i].touch[k];
            if (o->seen[storage] == p->end)
                continue;
            o->seen[storage] = p->end;
            find_always(o, p, storage, &a);
            if (o->done[storage])
                alive -= o->s.v[storage].bytes;
            for (int j = 0; j < n; j++) {
                const NodeStorages *t = &o->s.node[p->begin + j];
                if (a.up[j] && (a.touched[j] || a.down[j]))
                    need[j] += o->s.v[storage].bytes;
                for (int m = 0; m < t->nover; m++)
                    in_place[j] |= t->over[m] == storage && !a.down[j];
            }
        }
    for (int i = 0; i < n; i++)
        most = imax(most, need[i] - (in_place[i] ? o->s.v[o->s.node[p->begin + i].made].bytes : 0));
    return o->work > 0 ? alive + most : 0;
}

/* ---- search: sets of nodes of one part, level by level ---- */

/* Nodes of the part that have run, numbered from its begin as given. */
typedef struct Set {
    uint64_t *bits;
    uint64_t hash;
    int64_t alive, peak;   /* after them; at the worst moment so far */
    int level;             /* how many they are */
    int parent;            /* the set that it was made from, -1 none */
    int move, moves;       /* by running these nodes of Search.move */
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
    count(o, node, by);
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
    Effect e = effect(s->o, node_of(s, i), t->alive);
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
        Effect e = effect(s->o, node_of(s, i), t->alive);
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

/* Looks for an order of the part with a lower peak than part->peak, keeping `width` sets of a level; `floor` is low
   enough. o->done is what was touched before the part. True where nothing better is left to be found. */
static bool search(Ordering *o, Part *part, int64_t alive, int64_t floor, int width)
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

/* Swaps neighbours back to the order given where that needs no more than `enough`. */
static void tidy(Ordering *o, const Part *p, int64_t before, int64_t enough)
{
    bool swapped = true;
    while (swapped && o->work > 0) {
        int64_t alive = before;
        swapped = false;
        for (int i = p->begin; i < p->end; i++) {
            int a = o->order[i], b = i + 1 < p->end ? o->order[i + 1] : a;
            bool tied = a <= b;
            for (int k = o->before.begin[b]; k < o->before.begin[b + 1] && !tied; k++)
                tied = o->before.v[k] == a;
            if (!tied) {
                Effect first = effect(o, b, alive);
                count(o, b, 1);
                Effect then = effect(o, a, first.after);
                count(o, b, -1);
                if (first.during <= enough && then.during <= enough) {
                    o->order[i] = b, o->order[i + 1] = a;
                    swapped = true;
                }
            }
            alive = effect(o, o->order[i], alive).after;
            count(o, o->order[i], 1);
        }
        for (int i = p->begin; i < p->end; i++)
            count(o, o->order[i], -1);
    }
}

/* ---- the pass ---- */

static int64_t run_up_to(Ordering *o, int end)
{
    int64_t alive = 0;
    memset(o->done, 0, (size_t)o->s.n * sizeof *o->done);
    run(o, 0, end, &alive);
    return alive;
}

static void improve(Ordering *o, Part *p, int64_t floor)
{
    enum { MOST_SETS = 1 << 15 };
    int64_t alive = run_up_to(o, p->begin);
    for (int width = 1; width <= MOST_SETS && o->work > 0; width *= 8)
        if (search(o, p, alive, floor, width))
            break;
}

/* Undoes what was not needed for a peak of `enough`. */
static bool keep_given(Ordering *o, const Part *p, int64_t enough)
{
    if (p->given <= enough) {
        for (int i = p->begin; i < p->end; i++)
            o->order[i] = i;
        return false;
    }
    tidy(o, p, run_up_to(o, p->begin), enough);
    return true;
}

static int by_given(const void *x, const void *y)
{
    const Part *a = x, *b = y;
    return a->given != b->given ? (a->given < b->given) - (a->given > b->given) : a->begin - b->begin;
}

bool pass_order(Pass *p, Graph *g)
{
    graph_compact(g);
    Arena *A = p->scratch;
    Ordering o = {.A = A, .s = storages_of(A, g, arena_align(p->target)), .n = g->node.n,
               .order = NEW(A, int, g->node.n), .work = WORK};
    o.done = NEW(A, int, o.s.n);
    o.seen = NEW(A, int, o.s.n);
    for (int i = 0; i < o.n; i++)
        o.order[i] = i;
    link_nodes(&o, g);
    Part *part = NEW(A, Part, o.n + 1);
    int n = find_parts(&o, part);
    int64_t floor = 0, alive = 0;
    for (int i = 0; i < n; i++) {
        floor = imax(floor, least(&o, &part[i], alive));
        part[i].given = part[i].peak = run(&o, part[i].begin, part[i].end, &alive);
    }
    qsort(part, (size_t)n, sizeof *part, by_given);
    for (int i = 0; i < n && part[i].given > floor; i++) {
        improve(&o, &part[i], floor);
        floor = imax(floor, part[i].peak);
    }
    bool changed = false;
    for (int i = 0; i < n; i++)
        changed |= part[i].peak < part[i].given && keep_given(&o, &part[i], floor);
    if (!changed)
        return false;
    Node *sorted = NEW(A, Node, o.n);
    for (int i = 0; i < o.n; i++) {
        sorted[i] = g->node.v[o.order[i]];
        for (int k = 0; k < sorted[i].nout; k++)
            g->value.v[sorted[i].out[k].value].node = i;
    }
    memcpy(g->node.v, sorted, (size_t)o.n * sizeof *sorted);
    return true;
}
