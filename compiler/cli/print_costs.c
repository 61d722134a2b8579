/* --costs as a table. */
#include <math.h>
#include <stdio.h>

#include "print_costs.h"
#include "term.h"

/* Which terms some kernel has. */
static void used_terms(const Costs *all, bool used[COST_TERMS])
{
    for (int i = 0; i < all->group.n; i++)
        for (int k = -1; k < all->group.v[i].choice->rejected; k++)
            for (int t = 0; t < COST_TERMS; t++) {
                const Choice *c = all->group.v[i].choice;
                used[t] |= (k < 0 ? &c->chosen : &c->other[k])->cost.of[t] != 0;
            }
}

/* than: the chosen one, in a row of what was rejected. priced: it has a cost. */
static void row(Table *t, const Costs *all, const bool used[COST_TERMS], const Candidate *c, const Candidate *than,
                bool priced)
{
    double cycles = cycles_of(all, &c->cost), rate = all->target->machine->rate;
    double more = than ? 100 * (cycles / cycles_of(all, &than->cost) - 1) : 0;
    table_cell(t, "%s", schedule_text(t->arena, &c->s));
    table_cell(t, "%s", priced ? digits(t->arena, llround(cycles)) : "no choice");
    table_cell(t, "%s", than ? arena_printf(t->arena, "%+.1f %%", more) : "");
    for (int i = 0; i < COST_TERMS; i++)
        if (used[i])
            table_cell(t, "%s", c->cost.of[i] != 0 ? digits(t->arena, llround(c->cost.of[i] / rate)) : "");
}

void print_costs(Arena *A, const Costs *all)
{
    bool used[COST_TERMS] = {false};
    used_terms(all, used);
    Table t = table_new(A, "llrrrrrrrrrrrr");
    static const char *const heading[] = {"layers", "kernel, and what was rejected", "cycles", ""};
    for (int i = 0; i < LEN(heading); i++)
        table_cell(&t, "%s", heading[i]);
    for (int i = 0; i < COST_TERMS; i++)
        if (used[i])
            table_cell(&t, "%s", cost_term_name[i]);
    t.align = arena_printf(A, "%.*s", t.cell.n, t.align);
    for (int i = 0; i < all->group.n; i++) {
        const CostGroup *g = &all->group.v[i];
        const char *layer = short_layers(A, g->layer);
        if (g->layers > 1)
            layer = arena_printf(A, "%s and %s", layer, plural(A, g->layers - 1, "other"));
        table_cell(&t, "%s", layer);
        row(&t, all, used, &g->choice->chosen, NULL, g->choice->priced);
        for (int k = 0; k < g->choice->rejected; k++) {
            table_cell(&t, "%s", "");
            row(&t, all, used, &g->choice->other[k], &g->choice->chosen, true);
        }
    }
    printf("\nwhat the cost model expects of machine %s, in cycles of a core:\n", all->target->machine->name);
    table_print(&t);
}
