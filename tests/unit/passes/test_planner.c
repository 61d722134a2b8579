/* Order of nodes and offsets against brute force: random graphs of values with arbitrary sizes, and random blocks. */
#include "../../../passes/memory/blocks.h"

#include <CUnit/CUnit.h>
#include <stdio.h>
#include <string.h>

void suite_planner(void);

PassFn pass_order;

static int64_t pick(Rng *r, int64_t lo, int64_t hi) { return lo + (int64_t)(rng_next(r) % (uint64_t)(hi - lo + 1)); }

static void fail(uint64_t seed, const char *what)
{
    fprintf(stderr, "  seed %llu: %s\n", (unsigned long long)seed, what);
    CU_FAIL("see above");
}

/* ---- graphs ---- */

static ValueId add(Graph *g, Op op, const Attrs *a, const ValueId *in, int nin)
{
    const char *err = NULL;
    int i = graph_add(g, op, a, in, nin, NULL, (Loc){0}, &err);
    CU_ASSERT_FATAL(i >= 0);
    return node_value(g, i);
}

static ValueId near(Rng *r, const ValueId *v, int n, int reach) { return v[pick(r, imax(0, n - reach), n - 1)]; }

/* Another step of the node reads v. */
static void add_step(Graph *g, ValueId of, ValueId v)
{
    Node *n = &g->node.v[g->value.v[of].node];
    Step *s = NEW(g->arena, Step, n->nstep + 1);
    if (n->nstep)
        memcpy(s, n->step, (size_t)n->nstep * sizeof *s);
    s[n->nstep] = (Step){.op = OP_add, .nin = 2, .in = NEW(g->arena, Ref, 2), .origin = -1};
    s[n->nstep].in[0] = ~n->nstep, s[n->nstep].in[1] = v;
    n->step = s;
    n->out[0].step = ++n->nstep;
}

/* One node: a map, a view, an anchor with residuals of its size, or something of another size. reach: how far back its
   operands may lie. Types are not what the operators make of their operands: sizes are all that matters here. */
static ValueId random_node(Graph *g, Rng *r, const ValueId *v, int n, int reach, int64_t most)
{
    ValueId in[3] = {near(r, v, n, reach), near(r, v, n, reach), near(r, v, n, reach)};
    Type *t = &g->value.v[in[0]].type;
    int64_t kind = pick(r, 0, 9), size = t->dim[0];
    if (kind == 0)
        return add(g, OP_map, NULL, in, 1);
    if (kind == 1) {
        Attrs a;
        attrs_default(OP_reshape, &a);
        a.shape = (Ints){1, {size}};
        return add(g, OP_reshape, &a, in, 1);
    }
    Attrs a;
    attrs_default(OP_concat, &a);
    a.axis = 0;
    ValueId x = add(g, OP_concat, &a, in + 1, (int)pick(r, 1, 2));
    g->value.v[x].type.dim[0] = kind < 4 ? size : pick(r, 1, most);
    if (kind < 4)
        add_step(g, x, in[0]);
    for (int i = (int)imax(0, n - reach); i < n && kind == 3; i++)
        if (v[i] != in[0] && g->value.v[v[i]].type.dim[0] == size && g->node.v[g->value.v[x].node].nstep < 3)
            add_step(g, x, v[i]);
    return x;
}

static Graph *random_graph(Arena *A, uint64_t seed, int nodes, int reach, int64_t most)
{
    Rng r = rng_seed(seed, "graph");
    Graph *g = graph_new(A, "g");
    ValueId *v = NEW(A, ValueId, nodes + 1);
    v[0] = graph_input(g, "x", type_make(DT_F32, 1, (const int64_t[]){4}), (Loc){0});
    for (int i = 1; i <= nodes; i++)
        v[i] = random_node(g, &r, v, i, reach, most);
    for (int i = 0; i < g->value.n; i++) {
        Value *value = &g->value.v[i];
        value->layout = layout_row();
        value->region = value->kind == VAL_INPUT ? REGION_INPUT : REGION_ARENA;
        if (i && !value_uses(g, i) && pick(&r, 0, 2)) { /* some results remain unread */
            value->region = REGION_OUTPUT;
            value->name = arena_printf(A, "y%d", i);
            PUSH(A, &g->output, i);
        }
        if (i)
            g->node.v[value->node].scratch = pick(&r, 0, 9) ? 0 : pick(&r, 1, 4 * most);
    }
    return g;
}

static Pass pass_of(Arena *A) { return (Pass){.target = target_find("generic"), .opt = 2, .scratch = A}; }

/* ---- order ---- */

/* Bytes alive while node i runs after the nodes in set, from the definition. */
static int64_t during(const Storages *s, unsigned set, int i)
{
    int64_t bytes = 0;
    bool in_place = false;
    for (int k = 0; k < s->n; k++) {
        unsigned touch = 0;
        for (int n = 0; n < s->g->node.n; n++)
            for (int t = 0; t < s->node[n].n; t++)
                touch |= (unsigned)(s->node[n].touch[t] == k) << n;
        if ((touch >> i & 1) || ((touch & set) && (touch & ~set)))
            bytes += s->v[k].bytes;
        for (int t = 0; t < s->node[i].nover; t++)
            in_place |= s->node[i].over[t] == k && !(touch & ~set & ~(1u << i));
    }
    return bytes - (in_place ? s->v[s->node[i].made].bytes : 0);
}

static bool can_run(const Graph *g, unsigned set, int i)
{
    const Node *n = &g->node.v[i];
    for (int k = 0; k < n->nin; k++)
        if (g->value.v[n->in[k]].kind == VAL_NODE && !(set >> g->value.v[n->in[k]].node & 1))
            return false;
    for (int s = 0; s < n->nstep; s++)
        for (int k = 0; k < n->step[s].nin; k++) {
            Ref v = n->step[s].in[k];
            if (v >= 0 && g->value.v[v].kind == VAL_NODE && !(set >> g->value.v[v].node & 1))
                return false;
        }
    return true;
}

/* The lowest peak of all orders, by dynamic programming over all sets of nodes. */
static int64_t lowest_peak(Arena *A, const Graph *g)
{
    Storages s = storages_of(A, g, 16);
    unsigned all = (1u << g->node.n) - 1;
    int64_t *peak = NEW(A, int64_t, (size_t)all + 1);
    for (unsigned set = 1; set <= all; set++)
        peak[set] = INT64_MAX;
    for (unsigned set = 0; set < all; set++)
        for (int i = 0; i < g->node.n && peak[set] < INT64_MAX; i++)
            if (!(set >> i & 1) && can_run(g, set, i)) {
                int64_t *to = &peak[set | 1u << i];
                *to = imin(*to, imax(peak[set], during(&s, set, i)));
            }
    return peak[all];
}

static int64_t peak_of(Arena *A, const Graph *g)
{
    Storages s = storages_of(A, g, 16);
    return blocks_of(A, &s, NULL).alive;
}

static bool operands_first(const Graph *g)
{
    for (int i = 0; i < g->node.n; i++) {
        const Node *n = &g->node.v[i];
        for (int k = 0; k < n->nout; k++)
            if (g->value.v[n->out[k].value].node != i)
                return false;
        for (int k = 0; k < n->nin; k++)
            if (g->value.v[n->in[k]].kind == VAL_NODE && g->value.v[n->in[k]].node >= i)
                return false;
        for (int s = 0; s < n->nstep; s++)
            for (int k = 0; k < n->step[s].nin; k++)
                if (n->step[s].in[k] >= 0 && g->value.v[n->step[s].in[k]].kind == VAL_NODE &&
                    g->value.v[n->step[s].in[k]].node >= i)
                    return false;
    }
    return true;
}

static void test_order_exact(void)
{
    int changed = 0, lower = 0;
    for (uint64_t seed = 1; seed <= 1000; seed++) {
        Arena *A = arena_new();
        Graph *g = random_graph(A, seed, 3 + (int)(seed % 9), 2 + (int)(seed % 7), 40);
        int64_t best = lowest_peak(A, g), before = peak_of(A, g);
        Pass p = pass_of(A);
        bool moved = pass_order(&p, g);
        if (!operands_first(g))
            fail(seed, "a node stands before its operands");
        if (peak_of(A, g) != best)
            fail(seed, arena_printf(A, "peak %lld, %lld is possible (%lld before)", (long long)peak_of(A, g),
                                    (long long)best, (long long)before));
        if (moved != (best < before))
            fail(seed, "changed without need, or not changed");
        changed += moved;
        lower += best < before;
        arena_free(A);
    }
    printf("  %d of 1000 orders could be better, %d were changed\n", lower, changed);
    CU_ASSERT(lower > 200);
}

/* Too wide and too long for an exact answer: valid, no worse, the same again. */
static void test_order_large(void)
{
    static const struct { int nodes, reach; } sizes[] = {{60, 60}, {200, 20}, {400, 400}, {1000, 12}, {1000, 1000}};
    for (int i = 0; i < LEN(sizes); i++) {
        Arena *A = arena_new();
        int64_t peak[2];
        for (int again = 0; again < 2; again++) {
            Graph *g = random_graph(A, (uint64_t)i + 1, sizes[i].nodes, sizes[i].reach, 1000);
            int64_t before = peak_of(A, g);
            Pass p = pass_of(A);
            pass_order(&p, g);
            peak[again] = peak_of(A, g);
            if (!operands_first(g) || peak[again] > before)
                fail((uint64_t)i + 1, "a wrong or a worse order");
            if (!again)
                printf("  %d nodes, %d back: %lld bytes, %lld before\n", sizes[i].nodes, sizes[i].reach,
                       (long long)peak[0], (long long)before);
        }
        CU_ASSERT_EQUAL(peak[0], peak[1]);
        arena_free(A);
    }
}

/* ---- offsets ---- */

static Blocks random_blocks(Arena *A, uint64_t seed, int n, int times, int longest, int64_t most)
{
    Rng r = rng_seed(seed, "blocks");
    Blocks b = {.n = n, .v = NEW(A, MemBlock, n)};
    int64_t *alive = NEW(A, int64_t, times);
    for (int i = 0; i < n; i++) {
        int first = (int)pick(&r, 0, times - 1), last = (int)imin(times - 1, first + pick(&r, 0, longest));
        b.v[i] = (MemBlock){.first = first, .last = last, .bytes = 16 * pick(&r, 1, most)};
        for (int t = first; t <= last; t++)
            b.alive = imax(b.alive, alive[t] += b.v[i].bytes);
    }
    return b;
}

/* Blocks that fill `alive` units at every time, which leaves a plan no freedom. */
static Blocks tight_blocks(Arena *A, uint64_t seed, int most, int times, int longest, int64_t alive)
{
    Rng r = rng_seed(seed, "tight");
    Blocks b = {.v = NEW(A, MemBlock, most), .alive = 16 * alive};
    int64_t *load = NEW(A, int64_t, times + longest + 1);
    for (int t = 0; t < times; t++)
        while (load[t] < alive && b.n < most) {
            int64_t units = pick(&r, 1, imin(1 + alive / 2, alive - load[t]));
            int last = (int)imin(times - 1, t + pick(&r, 0, longest));
            b.v[b.n++] = (MemBlock){.first = t, .last = last, .bytes = 16 * units};
            for (int k = t; k <= last; k++)
                load[k] += units;
        }
    return b;
}

static bool meet(const MemBlock *a, const MemBlock *b) { return a->first <= b->last && b->first <= a->last; }

/* What the offsets take; -1 where blocks overlap. */
static int64_t size_of(const Blocks *b)
{
    int64_t size = 0;
    for (int i = 0; i < b->n; i++) {
        size = imax(size, b->v[i].offset + b->v[i].bytes);
        if (b->v[i].offset < 0)
            return -1;
        for (int k = 0; k < i; k++)
            if (meet(&b->v[i], &b->v[k]) && b->v[i].offset < b->v[k].offset + b->v[k].bytes &&
                b->v[k].offset < b->v[i].offset + b->v[i].bytes)
                return -1;
    }
    return size;
}

/* Is there a plan below `bytes`, of the n blocks in left on those in down? Each is put as low as it goes, in all
   orders. The order of the offsets of a smallest plan is among them. */
static bool smaller(MemBlock *const *left, int n, MemBlock **down, int ndown, int64_t bytes)
{
    for (int i = 0; i < n; i++) {
        MemBlock *rest[16], *b = left[i];
        memcpy(rest, left, (size_t)n * sizeof *rest);
        rest[i] = rest[n - 1];
        int64_t at = 0;
        for (bool again = true; again;) {
            again = false;
            for (int k = 0; k < ndown; k++)
                if (meet(b, down[k]) && at < down[k]->offset + down[k]->bytes && down[k]->offset < at + b->bytes)
                    at = down[k]->offset + down[k]->bytes, again = true;
        }
        b->offset = at;
        down[ndown] = b;
        if (at + b->bytes < bytes && smaller(rest, n - 1, down, ndown + 1, bytes))
            return true;
    }
    return !n;
}

static bool brute_force(Arena *A, const Blocks *b, int64_t bytes)
{
    MemBlock *copy = NEW(A, MemBlock, b->n), *left[16], *down[16];
    memcpy(copy, b->v, (size_t)b->n * sizeof *copy);
    for (int i = 0; i < b->n; i++)
        left[i] = &copy[i];
    return smaller(left, b->n, down, 0, bytes);
}

/* Alone from a bad plan, then behind the heuristics. True where no plan meets the bound. */
static bool check_exact(Arena *A, uint64_t seed, Blocks *b)
{
    int64_t at = 0, proved = b->alive;
    for (int all = 0; all < 2; all++) {
        for (int i = 0; i < b->n; i++)
            b->v[i].offset = at, at += b->v[i].bytes;
        Placing r = all ? place_blocks(A, b) : place_exact(A, b);
        if (size_of(b) != r.bytes || r.bytes < b->alive || !r.optimal)
            fail(seed, arena_printf(A, "%lld bytes%s, offsets take %lld", (long long)r.bytes,
                                    r.optimal ? ", optimal" : "", (long long)size_of(b)));
        if (r.bytes > proved && brute_force(A, b, r.bytes))
            fail(seed, arena_printf(A, "less than %lld bytes are possible", (long long)r.bytes));
        proved = imax(proved, r.bytes);
    }
    return proved > b->alive;
}

static void test_place_exact(void)
{
    int gaps = 0;
    for (uint64_t seed = 1; seed <= 3000; seed++) {
        Arena *A = arena_new();
        Blocks b = random_blocks(A, seed, 1 + (int)(seed % 12), 2 + (int)(seed % 6), 3, 1 + (int64_t)(seed % 12));
        gaps += check_exact(A, seed, &b);
        b = tight_blocks(A, seed, 11, 9, 6, 11);
        gaps += check_exact(A, seed, &b);
        arena_free(A);
    }
    printf("  %d of 6000 have no plan as small as what is alive at once\n", gaps);
    CU_ASSERT(gaps > 1);
}

static void test_place_large(void)
{
    int met = 0, proved = 0, gave_up = 0, n = 0;
    for (uint64_t seed = 1; seed <= 24; seed++, n++) {
        static const int sizes[] = {20, 60, 150, 500};
        Arena *A = arena_new();
        Blocks b = random_blocks(A, seed, sizes[seed % 4], sizes[seed % 4], 2 + (int)(seed % 9), 40);
        Placing r = place_blocks(A, &b);
        if (size_of(&b) != r.bytes || r.bytes < b.alive)
            fail(seed, "blocks overlap");
        met += r.bytes == b.alive;
        proved += r.optimal;
        arena_free(A);
    }
    printf("  of %d large plans %d meet the bound, %d are proved\n", n, met, proved);
    CU_ASSERT(proved == n);
    for (uint64_t seed = 1; seed <= 6; seed++, n++) { /* a puzzle: to be given up at the bound of work */
        Arena *A = arena_new();
        Blocks b = tight_blocks(A, seed, 64, 64, 6, 20);
        Placing r = place_blocks(A, &b);
        if (size_of(&b) != r.bytes || r.bytes < b.alive || (r.bytes == b.alive && !r.optimal))
            fail(seed, "a wrong plan");
        gave_up += !r.optimal;
        arena_free(A);
    }
    CU_ASSERT(gave_up > 0);
}

static void test_place_nothing(void)
{
    Arena *A = arena_new();
    Blocks b = {0};
    Placing r = place_blocks(A, &b);
    CU_ASSERT(r.bytes == 0 && r.optimal);
    arena_free(A);
}

void suite_planner(void)
{
    CU_pSuite s = CU_add_suite("planner", NULL, NULL);
    CU_add_test(s, "the best of all orders of small graphs", test_order_exact);
    CU_add_test(s, "orders of large graphs", test_order_large);
    CU_add_test(s, "the smallest of all plans of few blocks", test_place_exact);
    CU_add_test(s, "plans of many blocks", test_place_large);
    CU_add_test(s, "a plan of nothing", test_place_nothing);
}
