/* choose-kernels: a Schedule for every node.

     %1 = conv2d %0, @w ... : f32[1,64,56,56]   =>   the same with schedule conv_tile lanes=16 tile=1x14x2 oc_outer

   Needs anchored graphs; keeps everything; gives F_SCHEDULE. Candidates are weighed by the cost model (cost.h), and the
   cheapest one is taken.

   default-kernels stands in where the pass is disabled: direct kernels in the cost model's order of loops, with a tile
   of one vector of one pixel, or of one window. */
#include "../edit.h"
#include "choose.h"
#include "schedule.h"

int lanes_for(const Target *t, int64_t channels)
{
    int lanes = t->lanes;
    while (lanes > t->min_lanes && lanes / 2 >= channels)
        lanes /= 2;
    return lanes;
}

void weigh(const Choosing *c, Cheapest *best, const Schedule *s, KernelCost cost)
{
    double slots = slots_of(&cost);
    if (best->slots == 0 || slots < best->slots * 0.999)
        *best = (Cheapest){*s, slots};
    if (c->weighed)
        PUSH(c->weighed->arena, &c->weighed->v, ((Candidate){*s, cost}));
}

void choose_schedule(const Choosing *c, Schedule *s)
{
    if (conv_is_depthwise(c->g, c->n))
        choose_depthwise(c, s);
    else if (is_conv(c->n->op))
        choose_conv(c, s);
    else if (c->n->op == OP_linear || c->n->op == OP_matmul)
        choose_product(c, s);
    else if (is_recurrent(c->n->op))
        choose_recurrence(c, s);
}

bool pass_choose_kernels(Pass *p, Graph *g)
{
    WinoRoom room = winograd_shared_room(p->scratch, g);
    for (int i = 0; i < g->node.n; i++) {
        Node *n = &g->node.v[i];
        if (n->op == OP_NONE)
            continue;
        Schedule *s = schedule_generic(g, p->target);
        choose_schedule(&(Choosing){.p = p, .g = g, .n = n, .room = &room}, s);
        schedules_take(p, g, n, s);
        s->sum_rows = node_reduces(n) && !s->oc_outer ? (int)sum_rows(p, g, n, s) : 0;
        n->sched = s;
        if (s->impl == IMPL_WINOGRAD)
            n->scratch = winograd_scratch(g, n);
        if (is_recurrent(n->op))
            n->scratch = recurrence_scratch(g, n);
    }
    schedules_check(p, g);
    return true;
}

/* Of one vector of one pixel, or of one window. */
static void smallest_tile(const Node *n, Schedule *s)
{
    const Ints *window = node_window(n);
    s->rows = window ? (int)window->v[0] : 1;
    s->px = window ? (int)window->v[1] : 1;
    s->nb = 1;
}

bool pass_default_kernels(Pass *p, Graph *g)
{
    for (int i = 0; i < g->node.n; i++) {
        Node *n = &g->node.v[i];
        if (n->op == OP_NONE)
            continue;
        Schedule *s = schedule_generic(g, p->target);
        Choosing c = {.p = p, .g = g, .n = n};
        KernelCost cost;
        if (is_conv(n->op) && !conv_is_depthwise(g, n)) {
            choose_direct(&c, s, &cost);
            s->oc_outer = s->oc_outer || node_reduces(n); /* the sums of all rows stay in registers */
        } else {
            choose_schedule(&c, s);
        }
        smallest_tile(n, s);
        n->sched = s;
        n->scratch = 0;
    }
    return true;
}
