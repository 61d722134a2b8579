/* Why a layer has its schedule. choose-kernels keeps the cheapest candidate alone; here all are kept and sorted. */
#include "explain.h"

#include <stdlib.h>

#include "../edit.h"
#include "schedule.h"

static int by_slots(const void *x, const void *y)
{
    double a = slots_of(&((const Candidate *)x)->cost), b = slots_of(&((const Candidate *)y)->cost);
    return (a > b) - (a < b);
}

/* Winograd's plan of the node with tiles as in s. */
static KernelCost winograd_own(const Pass *p, const Graph *g, const Node *n, WinoRoom *room, const Schedule *s)
{
    Type out = node_step_type(g, n, 0);
    int threads = node_reduces(n) ? 1 : (int)imax(1, p->threads); /* as choose_winograd cuts the work */
    WinoMap map = {.in = &g->value.v[n->in[0]].type, .out = &out, .far = weights_far(p->target, room),
                   .threads = threads};
    if (!winograd_conv(g, n, s->peel, &map.conv))
        bug("a Winograd schedule for what has none");
    Winograd w = winograd_make(s->wino, map.conv.r);
    return winograd_cost(p->target, &map, &w, s);
}

/* The cost of a schedule that was not weighed as it is: one from a file, or completed since. False where the model has
   none. */
static bool own_cost(const Pass *p, const Graph *g, const Node *n, WinoRoom *room, Candidate *c)
{
    const Target *t = p->target;
    if (c->s.impl == IMPL_WINOGRAD) {
        c->cost = winograd_own(p, g, n, room, &c->s);
    } else if (c->s.impl == IMPL_DEPTHWISE) {
        DwMap d = depthwise_map(g, n);
        if (!dw_by_inputs(t, &c->s, d.v.k * d.h.k))
            return false;
        c->cost = depthwise_cost(t, &d, &c->s);
    } else if (is_conv(n->op)) {
        ConvMap m = conv_map(g, n);
        bool shared = n->op == OP_conv2d && m.images == 1 && !node_reduces(n); /* as choose_conv cuts the work */
        m.threads = shared ? (int)imax(1, p->threads) : 1;
        c->cost = conv_cost(t, &m, &c->s);
        if (m.threads <= 1) { /* for threads, direct kernels are weighed against each other alone */
            KernelCost arrival = conv_arrival(&(Choosing){.p = p, .g = g, .n = n, .room = room}, c->s.lanes);
            c->cost.of[COST_WEIGHTS] += slots_of(&arrival);
        }
    } else {
        ProductMap m = product_map(g, n);
        c->cost = product_cost(t, &m, &c->s);
    }
    return true;
}

/* The cost at which the schedule was weighed last; false where it was not. */
static bool weighed_cost(Arena *A, const Candidates *weighed, Candidate *c)
{
    for (int i = weighed->v.n - 1; i >= 0; i--)
        if (schedule_eq(A, &weighed->v.v[i].s, &c->s)) {
            c->cost = weighed->v.v[i].cost;
            return true;
        }
    return false;
}

/* The cheapest of what was weighed that is not the chosen one, each tile once. */
static void reject(Arena *A, Choice *c, Candidates *weighed)
{
    if (weighed->v.n)
        qsort(weighed->v.v, (size_t)weighed->v.n, sizeof *weighed->v.v, by_slots);
    bool direct = c->chosen.s.impl != IMPL_WINOGRAD, both = false;
    for (int i = 0; i < weighed->v.n && c->rejected < REJECTED; i++) {
        const Candidate *w = &weighed->v.v[i];
        bool same = schedule_eq(A, &w->s, &c->chosen.s), method = direct == (w->s.impl != IMPL_WINOGRAD);
        for (int k = 0; k < c->rejected && !same; k++)
            same = schedule_eq(A, &w->s, &c->other[k].s);
        if (same || (c->rejected == REJECTED - 1 && (method || both)))
            continue;
        c->other[c->rejected++] = *w;
        both = both || !method;
    }
}

Choices explain_choices(Arena *A, const Pass *p, const Graph *g)
{
    Choices all = {0};
    WinoRoom room = winograd_shared_room(A, g);
    for (int i = 0; i < g->node.n; i++) {
        const Node *n = &g->node.v[i];
        if (n->op == OP_NONE || !has_schedule(n) || !n->sched)
            continue;
        Candidates weighed = {.arena = arena_new()};
        Schedule model = {.impl = IMPL_GENERIC, .lanes = p->target->lanes, .px = 1, .rows = 1, .nb = 1};
        Choice c = {.node = i};
        choose_schedule(&(Choosing){.p = p, .g = g, .n = n, .room = &room, .weighed = &weighed}, &model);
        c.chosen.s = *n->sched;
        c.priced = weighed_cost(weighed.arena, &weighed, &c.chosen) || own_cost(p, g, n, &room, &c.chosen);
        if (c.priced)
            reject(weighed.arena, &c, &weighed);
        PUSH(A, &all.v, c);
        arena_free(weighed.arena);
    }
    return all;
}
