/* The schedules that choose-kernels gives: tiles fit registers and maps, threads have equal shares. */
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
                CU_ASSERT_DOUBLE_EQUAL(longest_range((int)threads, (int64_t)n, r.piece, r.head), r.longest, 1e-9);
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
    CU_ASSERT_FATAL(passes_run(A, g, &o));
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
    double ratio = own->impl == IMPL_WINOGRAD ? 1 : conv_tile_cost(t, own, &m) / conv_tile_cost(t, one, &m);
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

void suite_schedules(void)
{
    CU_pSuite s = CU_add_suite("schedules", NULL, NULL);
    CU_add_test(s, "tiles fit registers and maps", test_schedules);
    CU_add_test(s, "ranges of threads", test_ranges);
    CU_add_test(s, "work cut for threads", test_threads);
}
