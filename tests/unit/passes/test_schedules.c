/* The schedules that choose-kernels gives: tiles fit registers and maps, threads have equal shares. */
#include "../../../passes/choose/explain.h"
#include "../../../passes/choose/schedule.h"
#include "../../../runtime_min/dsq_pool.h"
#include "../graphs.h"

void suite_schedules(void);

static const char *check_winograd(const Graph *g, const Node *n, const Target *t)
{
    const Schedule *s = n->sched;
    const Type *w = &g->value.v[n->in[1]].type, out = node_step_type(g, n, 0);
    const Attrs *a = &n->attr;
    if (n->op != OP_conv2d || a->groups != 1 || w->dim[2] < 2 || w->dim[2] != w->dim[3] || a->stride.v[0] > 2 ||
        a->stride.v[0] != a->stride.v[1] || a->dilation.v[0] != 1 || a->dilation.v[1] != 1 || t->mcu || t->lanes == 1)
        return "Winograd where it is not possible or does not pay";
    int64_t ny = (out.dim[2] + s->wino - 1) / s->wino;
    if (s->wino < 2 || s->wino > 6 || s->rows > ny || ny % s->rows || s->parts < 1)
        return "Winograd's map is not cut into equal blocks";
    if (s->px * s->nb + s->nb + 1 > t->vregs || (s->nb - 1) * s->lanes >= out.dim[1])
        return "Winograd's tile does not fit";
    return n->scratch > 0 && n->scratch_offset >= 0 ? NULL : "Winograd's planes have no place";
}

static int tile_rows(const Schedule *s) { return s->impl == IMPL_WINOGRAD ? s->rows * s->wino : s->rows; }

static const char *check_schedule(const Graph *g, const Node *n, const Target *t)
{
    const Schedule *s = n->sched;
    bool map = false, window = false;
    for (int i = 0; i < n->nout; i++) {
        const Out *o = &n->out[i];
        map = map || (o->red != RED_NONE && !o->kernel.n);
        window = window || o->kernel.n;
        if (o->kernel.n && !s->sum_rows && (s->rows % o->kernel.v[0] || s->px % o->kernel.v[1]))
            return "a tile of broken windows";
        if (s->sum_rows && o->red != RED_NONE && (o->kernel.v[0] != s->sum_rows || s->sum_rows % tile_rows(s)))
            return "sums of broken tiles";
    }
    if (s->px < 1 || s->rows < 1 || s->nb < 1)
        return "an empty tile";
    if (s->lanes > t->lanes || (s->lanes & (s->lanes - 1)))
        return "vectors that the target has not";
    if (s->impl == IMPL_WINOGRAD)
        return check_winograd(g, n, t);
    int vectors = s->impl == IMPL_DEPTHWISE ? 1 : s->nb; /* a depthwise kernel's come one after the other */
    if (t->lanes > 1 && s->px * s->rows * vectors + vectors + 1 > t->vregs)
        return "the tile does not fit the registers";
    if (s->peel && ((s->rows > 1 && !window) || (s->oc_outer && !map)))
        return "clipped windows in several rows or by channel blocks";
    if (n->op == OP_conv2d && s->impl != IMPL_DEPTHWISE && map && !s->oc_outer)
        return "a sum over the map that is not of one block of channels";
    if (n->op != OP_conv2d && n->op != OP_conv_transpose2d)
        return s->impl == IMPL_GENERIC ? NULL : "a convolution's kernel for something else";
    const Type *in = &g->value.v[n->in[0]].type;
    Type result = node_step_type(g, n, 0), *out = &result;
    int64_t groups = n->attr.groups, each = out->dim[1] / groups;
    bool depthwise = n->op == OP_conv2d && groups > 1 && groups == in->dim[1] && each == 1;
    Impl want = depthwise ? IMPL_DEPTHWISE : groups > 1 ? IMPL_CONV_GROUP : IMPL_CONV_TILE;
    if (s->impl != want)
        return "another kernel family";
    if (s->px > out->dim[3] || s->rows > out->dim[2] || (!depthwise && (s->nb - 1) * s->lanes >= each))
        return "a tile larger than the map";
    return NULL;
}

static void test_schedules(void)
{
    for (uint64_t seed = 1; seed <= GRAPHS; seed++) {
        Arena *A = arena_new();
        const Target *t = target_of(seed);
        Graph *g = planned(A, seed, t);
        for (int i = 0; i < g->node.n; i++) {
            const char *wrong = check_schedule(g, &g->node.v[i], t);
            if (wrong)
                fail(seed, "choose-kernels", wrong);
        }
        arena_free(A);
    }
}

/* ---- threads ---- */

typedef struct Ranges { double piece, head, longest; size_t range[64]; } Ranges;

static void note_range(void *arg, size_t begin, size_t end)
{
    ((Ranges *)arg)->range[begin] = end;
}

/* What a range takes is what the cost model says of the ranges that the pool makes. */
static void test_ranges(void)
{
    for (unsigned threads = 1; threads <= 5; threads++) {
        dsq_pool *pool;
        CU_ASSERT_EQUAL_FATAL(dsq_pool_create(&pool, threads), DSQ_OK);
        const dsq_executor *e = dsq_pool_executor(pool);
        for (size_t n = 1; n < 40; n++)
            for (int head = 0; head < 3; head++) {
                Ranges r = {.piece = 2, .head = (double[]){0, 0.5, 5}[head]};
                size_t all = n + (head > 0);
                e->parallel_for(e->ctx, all, note_range, &r);
                for (size_t i = 0; i < all; i = r.range[i])
                    r.longest =
                        fmax(r.longest, (double)(r.range[i] - i) * r.piece + (i == 0 && head ? r.head - r.piece : 0));
                ThreadRange longest = longest_range((int)threads, (int64_t)n, r.piece, r.head);
                CU_ASSERT_DOUBLE_EQUAL(longest.pieces * r.piece + longest.heads * r.head, r.longest, 1e-9);
            }
        dsq_pool_destroy(pool);
    }
}

typedef struct Layer { int c, out, size, k; } Layer;

/* A convolution between others, scheduled for so many threads; reduced where `mean`. */
static const Schedule *schedule_of(Arena *A, const Layer *l, bool mean, int threads, ConvMap *m)
{
    const char *text = arena_printf(A,
                                    "graph @g (%%x: f32[1,3,%d,%d]) -> (%%y: f32[1,%d,1,1]) {\n"
                                    "  const @v : f32[%d,3,1,1]\n"
                                    "  const @w : f32[%d,%d,%d,%d]\n  %%1 = conv2d %%x, @v : f32[1,%d,%d,%d]\n"
                                    "  %%2 = conv2d %%1, @w {pad=[%d,%d,%d,%d]} : f32[1,%d,%d,%d]\n"
                                    "  %%3 = %s : f32[1,%d,%d,%d]\n"
                                    "  %%y = mean %%3 {axes=[2,3], keep=true} : f32[1,%d,1,1]\n}\n",
                                    l->size, l->size, l->out, l->c, l->out, l->c, l->k, l->k, l->c, l->size, l->size,
                                    l->k / 2, l->k / 2, l->k / 2, l->k / 2, l->out, l->size, l->size,
                                    mean ? "relu %2" : "softmax %2 {axis=1}", l->out, l->size, l->size, l->out);
    Graph *g = graph_parse(A, text, diag_file("layer", text, strlen(text)));
    CU_ASSERT_PTR_NOT_NULL_FATAL(g);
    PassOptions o = {.target = target_find("x86-64-v4"), .opt = 2, .threads = threads, .stop_after = "choose-kernels"};
    CU_ASSERT_FATAL(passes_run(g, &o));
    const Node *n = &g->node.v[1];
    CU_ASSERT_EQUAL_FATAL(n->op, OP_conv2d);
    *m = conv_map(g, n);
    m->threads = threads;
    return n->sched;
}

/* How long the thread with most to do takes, relative to how long it takes with the schedule for one thread. 1 for
   Winograd's. other: is it another schedule? */
static double cut(const Layer *l, int threads, bool *other)
{
    Arena *A = arena_new();
    ConvMap m;
    const Target *t = target_find("x86-64-v4");
    const Schedule *one = schedule_of(A, l, false, 1, &m), *own = schedule_of(A, l, false, threads, &m);
    CU_ASSERT_EQUAL(own->impl, one->impl);
    CU_ASSERT_EQUAL(own->wino, one->wino);
    KernelCost of_own = conv_cost(t, &m, own), of_one = conv_cost(t, &m, one);
    double ratio = own->impl == IMPL_WINOGRAD ? 1 : slots_of(&of_own) / slots_of(&of_one);
    if (ratio > 1.001)
        fprintf(stderr, "  %d -> %d, %dx%d: %s for %d threads, %s for one\n", l->c, l->out, l->size, l->size,
                schedule_text(A, own), threads, schedule_text(A, one));
    *other = !schedule_eq(A, one, own);
    CU_ASSERT(ratio <= 1.001);
    one = schedule_of(A, l, true, 1, &m), own = schedule_of(A, l, true, threads, &m);
    CU_ASSERT(schedule_eq(A, one, own)); /* it decides about the sums */
    CU_ASSERT_EQUAL(one->sum_rows, own->sum_rows);
    arena_free(A);
    return ratio;
}

/* The work is cut so that no thread has more than with one thread's tiles; results stay what they are. */
static void test_threads(void)
{
    static const Layer layers[] = {{512, 128, 28, 1}, {64, 144, 28, 1}, {128, 512, 7, 1}, {40, 24, 14, 1},
                                   {64, 64, 56, 3}, {128, 128, 28, 3}, {512, 512, 7, 3}, {32, 200, 13, 5}};
    for (int i = 0; i < LEN(layers); i++)
        for (int threads = 2; threads <= 5; threads++) {
            bool other;
            double ratio = cut(&layers[i], threads, &other);
            if (threads == 2 && layers[i].out == 128 && layers[i].k == 1) /* eight vectors in blocks of three */
                CU_ASSERT(ratio < 0.9);
            if (threads == 2 && layers[i].size == 7 && layers[i].k == 3) /* 32 vectors in blocks of three */
                CU_ASSERT(other);
        }
}

/* ---- costs ---- */

/* A graph of one convolution between others, scheduled; p: the options it was scheduled with. */
static const Graph *scheduled(Arena *A, const Target *t, const Layer *l, int groups, int threads, Pass *p)
{
    const char *text = arena_printf(A,
                                    "graph @g (%%x: f32[1,3,%d,%d]) -> (%%y: f32[1,%d,%d,%d]) {\n"
                                    "  const @v : f32[%d,3,1,1]\n  const @w : f32[%d,%d,%d,%d]\n"
                                    "  %%1 = conv2d %%x, @v : f32[1,%d,%d,%d]\n"
                                    "  %%y = conv2d %%1, @w {pad=[%d,%d,%d,%d], groups=%d} : f32[1,%d,%d,%d]\n}\n",
                                    l->size, l->size, l->out, l->size, l->size, l->c, l->out, l->c / groups, l->k, l->k,
                                    l->c, l->size, l->size, l->k / 2, l->k / 2, l->k / 2, l->k / 2, groups, l->out,
                                    l->size, l->size);
    Graph *g = graph_parse(A, text, diag_file("layer", text, strlen(text)));
    CU_ASSERT_PTR_NOT_NULL_FATAL(g);
    PassOptions o = {.target = t, .opt = 2, .threads = threads, .stop_after = "choose-kernels"};
    CU_ASSERT_FATAL(passes_run(g, &o));
    *p = (Pass){.target = t, .opt = 2, .threads = threads, .scratch = A};
    return g;
}

static void cheapest_of(const Target *t, const Layer *l, int groups, int threads)
{
    Arena *A = arena_new();
    Pass p;
    const Graph *g = scheduled(A, t, l, groups, threads, &p);
    Choices c = explain_choices(A, &p, g);
    for (int i = 0; i < c.v.n; i++) {
        const Choice *x = &c.v.v[i];
        CU_ASSERT(schedule_eq(A, &x->chosen.s, g->node.v[x->node].sched));
        double own = slots_of(&x->chosen.cost), before = 0;
        for (int k = 0; k < x->rejected; k++) {
            double slots = slots_of(&x->other[k].cost);
            CU_ASSERT(!schedule_eq(A, &x->chosen.s, &x->other[k].s) && slots >= before);
            if (slots < own * 0.998)
                printf("  %s, %d threads: %s at %.0f, %s at %.0f\n", t->name, threads,
                       schedule_text(A, &x->chosen.s), own, schedule_text(A, &x->other[k].s), slots);
            CU_ASSERT(slots >= own * 0.998);
            before = slots;
        }
    }
    arena_free(A);
}

/* What the explanation rejects costs no less than what was chosen, and the chosen one is priced as it was weighed. */
static void test_cheapest(void)
{
    static const Layer layers[] = {{64, 64, 56, 3}, {128, 512, 7, 1}, {3, 24, 31, 3}, {40, 24, 14, 1}, {16, 200, 13, 5},
                                   {1, 1, 1, 1}, {512, 512, 7, 3}};
    static const char *const names[] = {"x86-64-v2", "x86-64-v3", "x86-64-v4", "aarch64", "cortex-m4", "generic"};
    for (int t = 0; t < LEN(names); t++)
        for (int threads = 1; threads <= 3; threads += 2) {
            for (int i = 0; i < LEN(layers); i++)
                cheapest_of(target_find(names[t]), &layers[i], 1, threads);
            cheapest_of(target_find(names[t]), &(Layer){48, 48, 29, 3}, 48, threads);
        }
}

/* The row of machines.def, and nothing else, says what a kernel takes. */
static void test_machine_decides(void)
{
    Arena *A = arena_new();
    Target t = *target_find("x86-64-v4");
    Machine m = *t.machine;
    t.machine = &m;
    Pass p;
    const Layer l = {128, 128, 28, 3};
    const Graph *g = scheduled(A, &t, &l, 1, 1, &p);
    const Schedule *before = g->node.v[1].sched;
    ConvMap map = conv_map(g, &g->node.v[1]);
    Schedule tile = {.impl = IMPL_CONV_TILE, .lanes = 16, .px = 2, .rows = 1, .nb = 1};
    KernelCost cost = conv_cost(&t, &map, &tile);
    m.latency *= 2;
    KernelCost slow = conv_cost(&t, &map, &tile);
    CU_ASSERT_EQUAL(slow.of[COST_MULTIPLY], cost.of[COST_MULTIPLY]);
    CU_ASSERT(slow.of[COST_LATENCY] > 2 * cost.of[COST_LATENCY]); /* two chains, which hid two slots of eight */
    m = *target_find("x86-64-v4")->machine;
    m.dense.each *= 2, m.dense.hidden = 0;
    slow = conv_cost(&t, &map, &tile);
    CU_ASSERT(slow.of[COST_ENDS] > cost.of[COST_ENDS] && slow.of[COST_LATENCY] == cost.of[COST_LATENCY]);
    m = *target_find("x86-64-v4")->machine;
    m.l2_rate = m.l3_rate = 1; /* planes and transformed weights hardly arrive: the direct way */
    const Schedule *after = scheduled(A, &t, &l, 1, 1, &p)->node.v[1].sched;
    CU_ASSERT_EQUAL(before->impl, IMPL_WINOGRAD);
    CU_ASSERT_EQUAL(after->impl, IMPL_CONV_TILE);
    m = *target_find("x86-64-v4")->machine;
    m.accumulators = 8;
    after = scheduled(A, &t, &l, 1, 1, &p)->node.v[1].sched;
    CU_ASSERT(after->px * after->nb <= 8 && before->px * before->nb > 8);
    arena_free(A);
}

/* ---- schedules for the layouts that were given ---- */

/* A node that reads a map channels-last, %m, or in rows, %r, with the schedule it had (NULL: none) and has then. */
typedef struct Legal { const char *node, *schedule, *legal; } Legal;

#define NHWC " nhwc(c=16) arena"
static const Legal legal[] = {
    {"conv2d %m, @w : f32[1,16,6,6]" NHWC, "conv_tile lanes=8 tile=1x6x2", "conv_tile lanes=8 tile=1x6x2"},
    {"conv2d %m, @w : f32[1,16,6,6] arena", "conv_tile lanes=8 tile=1x6x2", "conv_tile lanes=1 tile=1x6x2"},
    {"conv2d %m, @w epilogue { add $0, %m } : f32[1,16,6,6]" NHWC, "conv_tile lanes=8 tile=1x6x2",
     "conv_tile lanes=8 tile=1x6x2"},
    {"conv2d %m, @w epilogue { add $0, %r } : f32[1,16,6,6]" NHWC, "conv_tile lanes=8 tile=1x6x2",
     "conv_tile lanes=1 tile=1x6x2"},
    {"conv2d %m, @d {groups=16} : f32[1,16,6,6]" NHWC, "depthwise lanes=16 tile=2x3x1 oc_outer",
     "depthwise lanes=16 tile=2x3x1 oc_outer"},
    {"conv2d %m, @d {groups=16} : f32[1,16,6,6] arena", "depthwise lanes=16 tile=2x3x1 oc_outer",
     "depthwise lanes=1 tile=1x3x1 oc_outer"},
    {"map %m epilogue { relu $0 } : f32[1,16,6,6]" NHWC, "generic lanes=16", "generic lanes=16"},
    {"map %m epilogue { relu $0 } : f32[1,16,6,6] arena", "generic lanes=16", "generic lanes=1"},
    {"map %r epilogue { relu $0 } : f32[1,16,6,6] arena", NULL, "generic lanes=16"},
    {"mean %m {axes=[2,3], keep=true} : f32[1,16,1,1] arena", "generic lanes=16", "generic lanes=16"},
    {"mean %m {axes=[1], keep=true} : f32[1,1,6,6] arena", "generic lanes=16", "generic lanes=1"},
    {"max_pool %m {kernel=[2,2]} : f32[1,16,3,3]" NHWC, "generic lanes=16", "generic lanes=16"},
    {"max_pool %r {kernel=[2,2]} : f32[1,16,3,3] arena", "generic lanes=16", "generic lanes=1"},
    {"softmax %m {axis=1} : f32[1,16,6,6]" NHWC, "generic lanes=16", "generic lanes=16"},
    {"softmax %m {axis=1} : f32[1,16,6,6] arena", "generic lanes=16", "generic lanes=1"},
    {"l2_normalize %m {axes=[2]} : f32[1,16,6,6]" NHWC, "generic lanes=16", "generic lanes=1"},
    {"slice %m {axes=[1], start=[0], end=[16], step=[2]} : f32[1,8,6,6] nhwc(c=16) arena", "generic lanes=16",
     "generic lanes=1"},
    {"transpose %r {perm=[0,1,3,2]} : f32[1,16,6,6] arena", "generic lanes=16", "generic lanes=1"},
    {"matmul %r, %r : f32[1,16,6,6] arena", "generic lanes=16 tile=1x4x1", "generic lanes=16 tile=1x4x1"},
    {"matmul %r, %r {transpose_b=true} : f32[1,16,6,6] arena", "generic lanes=8 tile=1x4x1",
     "generic lanes=8 tile=1x4x1"}, /* along the sum */
    {"matmul %m, %m {transpose_b=true} : f32[1,16,6,6] arena", "generic lanes=8 tile=1x4x1",
     "generic lanes=1 tile=1x4x1"},
};

static const char *legal_text(Arena *A, const Legal *l)
{
    const char *text = arena_printf(A,
                                    "graph @g (%%x: f32[1,16,6,6] input) -> (%%y: f32[1]) {\n"
                                    "  const @w : f32[16,16,1,1]\n  const @d : f32[16,1,1,1]\n"
                                    "  %%m = map %%x : f32[1,16,6,6]" NHWC "\n  %%r = map %%x : f32[1,16,6,6] arena\n"
                                    "  %%n = %s\n  %%y = sum %%n {axes=[1,2,3]} : f32[1] output\n}\n", l->node);
    Graph *g = graph_parse(A, text, diag_file("legal", text, strlen(text)));
    CU_ASSERT_PTR_NOT_NULL_FATAL(g);
    Schedule given;
    Misread m;
    Node *n = &g->node.v[2];
    if (l->schedule) {
        CU_ASSERT_FATAL(schedule_parse(A, l->schedule, &given, &m));
        n->sched = &given;
    }
    PassOptions o = {.target = target_find("x86-64-v4"), .opt = 2, .passes = "legalize-schedules"};
    CU_ASSERT_FATAL(passes_run(g, &o));
    CU_ASSERT_PTR_NOT_EQUAL(n->sched, &given); /* another graph may have that one */
    return schedule_text(A, n->sched);
}

static void test_legal(void)
{
    for (int i = 0; i < LEN(legal); i++) {
        Arena *A = arena_new();
        const char *text = legal_text(A, &legal[i]);
        if (strcmp(text, legal[i].legal))
            fail((uint64_t)i, legal[i].node, text);
        arena_free(A);
    }
}

/* What is legal stays so, whatever the graph. */
static void test_legal_twice(void)
{
    for (uint64_t seed = 1; seed <= GRAPHS; seed++) {
        Arena *A = arena_new();
        const Target *t = target_of(seed);
        Graph *g = planned(A, seed, t);
        Pass p = {.target = t, .opt = 2, .scratch = A};
        if (pass_info[pass_index("legalize-schedules")].fn(&p, g))
            fail(seed, "legalize-schedules", "a legal schedule becomes another one");
        arena_free(A);
    }
}

void suite_schedules(void)
{
    CU_pSuite s = CU_add_suite("schedules", NULL, NULL);
    CU_add_test(s, "tiles fit registers and maps", test_schedules);
    CU_add_test(s, "ranges of threads", test_ranges);
    CU_add_test(s, "work cut for threads", test_threads);
    CU_add_test(s, "the cheapest is chosen", test_cheapest);
    CU_add_test(s, "machines decide", test_machine_decides);
    CU_add_test(s, "vectors only where layouts have them", test_legal);
    CU_add_test(s, "a legal schedule stays", test_legal_twice);
}
