/* plan-memory: offsets in one arena.

     %1 = conv2d ... : f32[1,16,8,8] nhwc(c=16)   =>   : f32[1,16,8,8] nhwc(c=16) @2048

   Values that may share memory form one block (blocks.c). Those are the values of a group, and a result that takes
   the place of an operand. Such an operand dies in the same kernel and is read only at the index that is written.
   Blocks are then placed (place.c, place_exact.c). The lower bound is the largest sum of blocks alive at once. The
   graph says how good the plan is known to be. Needs F_LAYOUT, gives F_OFFSETS.

   place-apart stands in where the pass is disabled: every storage has bytes of its own all the time. */
#include "blocks.h"
#include "../edit.h"

/* What is known of the plan; the first words are one of three phrases (ir/graph/graph.h). */
static const char *proof(Arena *A, const Placing *plan, int64_t alive)
{
    if (plan->bytes == alive)
        return "meets the bound";
    return arena_printf(A, "%s, %.3g %% above the bound", plan->optimal ? "proved optimal" : "best found",
                        100 * (double)(plan->bytes - alive) / (double)alive);
}

/* Every block is alive all the time, and none takes the place of another. */
static Blocks apart(Arena *A, Storages *s)
{
    for (int i = 0; i < s->g->node.n; i++)
        s->node[i].nover = 0;
    Blocks b = blocks_of(A, s, NULL);
    b.alive = 0;
    for (int i = 0; i < b.n; i++) {
        b.v[i].first = 0, b.v[i].last = s->g->node.n - 1;
        b.alive += b.v[i].bytes;
    }
    return b;
}

static Storages storages(const Pass *p, const Graph *g)
{
    return storages_of(p->scratch, g, arena_align(p->target));
}

/* Gives the blocks offsets, and the values theirs. */
static void place(const Pass *p, Graph *g, const Storages *s, Blocks *b)
{
    Placing plan = place_blocks(p->scratch, b);
    g->arena_bytes = plan.bytes;
    g->arena_lower_bound = b->alive;
    g->arena_proof = proof(g->arena, &plan, b->alive);
    for (int i = 0; i < g->value.n; i++) {
        Value *v = &g->value.v[i];
        if (v->kind == VAL_NODE)
            v->bytes = value_storage(v);
        if (s->of[i] >= 0)
            v->offset = b->v[b->of[s->of[i]]].offset;
    }
    for (int i = 0; i < g->node.n; i++)
        if (s->scratch[i] >= 0)
            g->node.v[i].scratch_offset = b->v[b->of[s->scratch[i]]].offset;
}

bool pass_plan_memory(Pass *p, Graph *g)
{
    graph_compact(g);
    Storages s = storages(p, g);
    Blocks b = blocks_of(p->scratch, &s, NULL);
    place(p, g, &s, &b);
    return true;
}

bool pass_place_apart(Pass *p, Graph *g)
{
    graph_compact(g);
    Storages s = storages(p, g);
    Blocks b = apart(p->scratch, &s);
    place(p, g, &s, &b);
    return true;
}
