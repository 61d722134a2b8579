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

#include "order.h"
#include "../edit.h"

/* Steps of work: about a tenth of a second. */
enum { WORK = 1 << 25 };

/* ---- what is alive ---- */

Effect order_effect(Ordering *o, int node, int64_t alive)
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

void order_count(Ordering *o, int node, int by)
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
        Effect e = order_effect(o, o->order[i], *alive);
        order_count(o, o->order[i], 1);
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

/* ---- the order given ---- */

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
                Effect first = order_effect(o, b, alive);
                order_count(o, b, 1);
                Effect then = order_effect(o, a, first.after);
                order_count(o, b, -1);
                if (first.during <= enough && then.during <= enough) {
                    o->order[i] = b, o->order[i + 1] = a;
                    swapped = true;
                }
            }
            alive = order_effect(o, o->order[i], alive).after;
            order_count(o, o->order[i], 1);
        }
        for (int i = p->begin; i < p->end; i++)
            order_count(o, o->order[i], -1);
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
        if (order_search(o, p, alive, floor, width))
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
