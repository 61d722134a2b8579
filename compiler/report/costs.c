/* Why each layer has its kernel: the choices of choose-kernels, weighed once more, with layers alike in one group. */
#include "costs.h"

#include "../../passes/choose/schedule.h"

double cycles_of(const Costs *c, const KernelCost *cost) { return slots_of(cost) / c->target->machine->rate; }

static bool alike(Arena *A, const CostGroup *g, const Choice *c)
{
    return g->choice->priced == c->priced && schedule_eq(A, &g->choice->chosen.s, &c->chosen.s) &&
           slots_of(&g->choice->chosen.cost) == slots_of(&c->chosen.cost);
}

static void enter_choice(Arena *A, Costs *all, const Graph *g, const Choice *c)
{
    const Node *n = &g->node.v[c->node];
    for (int i = 0; i < all->group.n; i++)
        if (alike(A, &all->group.v[i], c)) {
            all->group.v[i].layers++;
            return;
        }
    PUSH(A, &all->group, ((CostGroup){layer_name(n), layer_shape(A, g, n), 1, c}));
}

bool costs_of(const Job *j, Costs *all)
{
    Arena *A = j->arena;
    PassOptions o = job_pass_options(j);
    o.stop_after = "choose-kernels", o.print_after = NULL, o.time_passes = o.verify_each = false;
    Graph *g = graph_clone(A, j->written);
    *all = (Costs){.target = j->target};
    if (!passes_run(g, &o))
        return false;
    Pass p = pass_context(&o, A);
    Choices *c = NEW(A, Choices, 1);
    *c = explain_choices(A, &p, g);
    for (int i = 0; i < c->v.n; i++)
        enter_choice(A, all, g, &c->v.v[i]);
    return true;
}

static json_t *candidate_json(Arena *A, const Costs *all, const Candidate *c, bool priced)
{
    json_t *o = js_object(), *terms = js_object();
    js_put(o, "schedule", js_text(schedule_text(A, &c->s)));
    js_put(o, "cycles", priced ? js_real(cycles_of(all, &c->cost), 0) : json_null());
    for (int i = 0; i < COST_TERMS; i++)
        if (c->cost.of[i] != 0)
            js_put(terms, cost_term_name[i], js_real(c->cost.of[i] / all->target->machine->rate, 0));
    js_put(o, "terms", terms);
    return o;
}

json_t *costs_json(Arena *A, const Costs *all)
{
    json_t *list = js_list();
    for (int i = 0; i < all->group.n; i++) {
        const CostGroup *g = &all->group.v[i];
        json_t *o = candidate_json(A, all, &g->choice->chosen, g->choice->priced), *rejected = js_list();
        js_put(o, "layer", js_text(g->layer));
        js_put(o, "shape", js_text(g->shape));
        js_put(o, "layers", js_int(g->layers));
        for (int k = 0; k < g->choice->rejected; k++)
            js_add(rejected, candidate_json(A, all, &g->choice->other[k], true));
        js_put(o, "rejected", rejected);
        js_add(list, o);
    }
    return list;
}
