/* Reader lists against what nodes say, through random edits; writes past them; bytes alive, kept up to date. */
#include "../graphs.h"

#include "../../../passes/memory/alive.h"

/* Reads of v, found by looking at every node. */
static int scanned(const Graph *g, ValueId v)
{
    int count = 0;
    for (int i = 0; i < g->node.n; i++) {
        const Node *n = &g->node.v[i];
        for (int k = 0; k < n->nin && n->op != OP_NONE; k++)
            count += n->in[k] == v;
        for (int s = 0; s < n->nstep && n->op != OP_NONE; s++)
            for (int k = 0; k < n->step[s].nin; k++)
                count += n->step[s].in[k] == v;
    }
    for (int i = 0; i < g->output.n; i++)
        count += g->output.v[i] == v;
    return count;
}

static bool reads(const Graph *g, const ValueReader *r, ValueId v)
{
    if (r->node < 0)
        return g->output.v[r->operand] == v;
    const Node *n = &g->node.v[r->node];
    return n->op != OP_NONE && (r->step < 0 ? n->in : n->step[r->step].in)[r->operand] == v;
}

static bool lists_true(const Graph *g)
{
    bool ok = true;
    for (ValueId v = 0; v < g->value.n && ok; v++) {
        int count = 0;
        for (ValueReader r = value_readers(g, v); r.read; r = reader_next(g, r), count++)
            ok = ok && reads(g, &r, v);
        ok = ok && count == value_uses(g, v) && count == scanned(g, v);
    }
    return ok;
}

/* A reader of a random value reads another value of its type, or all of them do, or a node gets its operands anew. */
static void edit(Graph *g, Rng *r)
{
    ValueId from = (ValueId)(rng_next(r) % (uint64_t)g->value.n), to = (ValueId)(rng_next(r) % (uint64_t)g->value.n);
    ValueReader at = value_readers(g, from);
    if (!at.read || g->value.v[to].kind == VAL_DEAD || !type_eq(&g->value.v[from].type, &g->value.v[to].type))
        return;
    switch (rng_next(r) % 4) {
    case 0: value_replace(g, from, to); break;
    case 1: reader_set(g, at, to); break;
    case 2:
        if (at.node >= 0)
            node_set_operands(g, at.node, g->node.v[at.node].in, g->node.v[at.node].nin);
        break;
    default:
        if (at.node >= 0)
            node_set_steps(g, at.node, g->node.v[at.node].step, g->node.v[at.node].nstep);
    }
}

static void test_edits(void)
{
    for (uint64_t seed = 1; seed <= GRAPHS / 2; seed++) {
        Arena *A = arena_new();
        Graph *g = seed % 2 ? graph_of(A, seed) : planned(A, seed, target_of(seed));
        Rng r = rng_seed(seed, "edits");
        bool ok = lists_true(g);
        for (int i = 0; i < 60 && ok; i++) {
            edit(g, &r);
            ok = lists_true(g);
        }
        if (!ok)
            fail(seed, "edits", "a list of readers is not what nodes read");
        arena_free(A);
    }
}

static void test_removed(void)
{
    Arena *A = arena_new();
    Graph *g = graph_new(A, "g");
    const char *err;
    ValueId x = graph_input(g, "x", type_make(DT_F32, 1, (int64_t[]){4}), (Loc){0});
    int a = graph_add(g, OP_relu, NULL, &x, 1, NULL, (Loc){0}, &err);
    CU_ASSERT(value_uses(g, x) == 1);
    int b = graph_add(g, OP_mul, NULL, (ValueId[]){x, x}, 2, NULL, (Loc){0}, &err);
    graph_add_output(g, node_value(g, a));
    CU_ASSERT(value_uses(g, x) == 3 && value_outputs(g, x) == 0 && value_outputs(g, node_value(g, a)) == 1);
    node_remove(g, b);
    CU_ASSERT(value_uses(g, x) == 1 && lists_true(g));
    value_replace(g, node_value(g, a), x);
    CU_ASSERT(value_outputs(g, x) == 0); /* an input keeps its name, the output its node */
    graph_compact(g);
    CU_ASSERT(lists_true(g) && !graph_check(g));
    arena_free(A);
}

/* A value before the last node that it could read in place of its first operand; -1: none. */
static ValueId other_operand(const Graph *g)
{
    int last = g->node.n - 1;
    ValueId kept = g->node.v[last].in[0];
    for (ValueId v = g->value.n - 1; v >= 0; v--)
        if (v != kept && g->value.v[v].kind == VAL_NODE && g->value.v[v].node < last &&
            type_eq(&g->value.v[v].type, &g->value.v[kept].type))
            return v;
    return -1;
}

static void test_forgotten(void)
{
    Arena *A = arena_new();
    Graph *g = NULL;
    for (uint64_t seed = 1; seed < 200 && !(g && g->output.n > 1 && other_operand(g) >= 0); seed++)
        g = graph_of(A, seed);
    CU_ASSERT_FATAL(g->output.n > 1 && other_operand(g) >= 0);
    CU_ASSERT(!graph_check(g) && value_uses(g, g->input.v[0]) >= 0);
    ValueId *in = g->node.v[g->node.n - 1].in, kept = in[0];
    in[0] = other_operand(g);
    const char *err = graph_check(g);
    CU_ASSERT(err && strstr(err, "list of its value's readers"));
    in[0] = kept;
    CU_ASSERT(!graph_check(g));
    g->output.n--; /* as a node that is gone */
    err = graph_check(g);
    CU_ASSERT(err && strstr(err, "that is gone"));
    arena_free(A);
}

static bool same_alive(const Graph *g, const Alive *m)
{
    Arena *A = arena_new();
    Storages s = storages_of(A, g, 64);
    Blocks b = blocks_of(A, &s, NULL);
    double sum = 0;
    for (int i = 0; i < b.n; i++)
        sum += (double)b.v[i].bytes * (b.v[i].last - b.v[i].first + 1);
    bool same = alive_peak(m) == b.alive && alive_sum(m) == sum;
    arena_free(A);
    return same;
}

static void test_alive(void)
{
    int changed = 0;
    for (uint64_t seed = 1; seed <= GRAPHS; seed++) {
        Arena *A = arena_new();
        Graph *g = planned(A, seed, target_find("x86-64-v3"));
        Rng r = rng_seed(seed, "alive");
        Alive *m = alive_new(A, g, 64);
        bool ok = same_alive(g, m);
        for (int i = 0; i < 20 && ok; i++) {
            ValueId v = (ValueId)(rng_next(&r) % (uint64_t)g->value.n);
            Value *x = &g->value.v[v];
            if (x->kind != VAL_NODE || x->layout.order != ORDER_NHWC || x->layout.group)
                continue;
            x->layout.border[rng_next(&r) % 4] = (int64_t)(rng_next(&r) % 3);
            alive_changed(m, v);
            ok = same_alive(g, m);
            changed++;
        }
        if (!ok)
            fail(seed, "alive", "the bytes alive are not those of blocks_of");
        arena_free(A);
    }
    CU_ASSERT(changed > GRAPHS);
}

void suite_readers(void);
void suite_readers(void)
{
    CU_pSuite s = CU_add_suite("readers", NULL, NULL);
    CU_add_test(s, "lists follow edits", test_edits);
    CU_add_test(s, "removed nodes read nothing", test_removed);
    CU_add_test(s, "writes past the lists are noticed", test_forgotten);
    CU_add_test(s, "bytes alive follow layouts", test_alive);
}
