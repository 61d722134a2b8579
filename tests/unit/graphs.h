#ifndef DSQ_TEST_GRAPHS_H
#define DSQ_TEST_GRAPHS_H
/* Random graphs for the suites of graph passes, as written and after all passes, on several targets. */
#include "../../passes/edit.h"
#include "../exec/randgraph.h"

#include <CUnit/CUnit.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

enum { GRAPHS = 240 };
static const char *const target_names[] = {"x86-64-v4", "x86-64-v3", "aarch64", "generic", "cortex-m4"};

static inline const Target *target_of(uint64_t seed) { return target_find(target_names[seed % LEN(target_names)]); }

static inline void fail(uint64_t seed, const char *pass, const char *what)
{
    fprintf(stderr, "  graph %llu, %s: %s\n", (unsigned long long)seed, pass, what);
    CU_FAIL("see above");
}

/* The input becomes a constant of the same numbers: whatever passes do with constants then meets every operator. */
static inline void fix_input(Graph *g, int i, uint64_t seed)
{
    ValueId in = g->input.v[i];
    Type t = g->value.v[in].type;
    float *x = NEW(g->arena, float, type_elems(&t));
    Rng r = rng_seed(seed, g->value.v[in].name);
    for (int64_t k = 0; k < type_elems(&t); k++)
        x[k] = (float)rng_normal(&r);
    value_replace(g, in, graph_const_f32(g, "fixed", t, x));
}

/* Random graphs of 3 to 26 nodes, every fifth with a constant in place of the first input. */
static inline Graph *graph_of(Arena *A, uint64_t seed)
{
    Graph *g = randgraph(A, seed, 3 + (int)(seed % 24));
    if (seed % 5 == 4)
        fix_input(g, 0, seed);
    for (int i = 0; i < g->value.n; i++)
        g->value.v[i].origin = g->value.v[i].kind == VAL_NODE ? i : -1;
    return g;
}

static inline int pass_index(const char *name)
{
    for (int i = 0; i < npass_info; i++)
        if (!strcmp(pass_info[i].name, name))
            return i;
    return -1;
}

/* After all passes. */
static inline Graph *planned(Arena *A, uint64_t seed, const Target *t)
{
    Graph *g = graph_of(A, seed);
    PassOptions o = {.target = t, .opt = 2, .verify_each = true};
    CU_ASSERT_FATAL(passes_run(g, &o));
    return g;
}

static inline bool in_arena(const Graph *g, ValueId v)
{
    return g->value.v[v].kind == VAL_NODE && g->value.v[v].region == REGION_ARENA;
}
#endif
