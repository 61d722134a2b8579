/* Reductions in a convolution's tiles: which shapes fuse, and that sums over large maps stay within 1e-5 of the double
   reference, also where every pixel is the same and rounding always goes one way. */
#include "../../../ir/loop/loops.h"
#include "../../../passes/lower/lowering.h"
#include "../../../passes/pass.h"

#include <CUnit/CUnit.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void suite_fusion(void);

static const char *const target_names[] = {"x86-64-v4", "x86-64-v3", "aarch64", "generic", "cortex-m4"};

typedef struct Case {
    Arena *A;
    const Target *t;
    Graph *written, *g;
    Program *p;
    double **ref;              /* per output */
} Case;

/* Constants become normal numbers, "zero" ones 0 and "tenth" ones 0.1. */
static Graph *graph_of(Arena *A, const char *text, uint64_t seed)
{
    Graph *g = graph_parse(A, text, diag_file("<test>", text, strlen(text)));
    CU_ASSERT_PTR_NOT_NULL_FATAL(g);
    for (int i = 0; i < g->value.n; i++) {
        Value *v = &g->value.v[i];
        if (v->kind != VAL_CONST)
            continue;
        Rng r = rng_seed(seed, v->name);
        int64_t n = type_elems(&v->type);
        float *x = NEW(A, float, n);
        for (int64_t k = 0; k < n; k++)
            x[k] = !strcmp(v->name, "zero") ? 0 : !strcmp(v->name, "tenth") ? 0.1f : (float)rng_normal(&r);
        v->tensor->data = x;
    }
    return g;
}

static void keep(void *user, ValueId v, const double *x)
{
    Case *c = user;
    for (int i = 0; i < c->written->output.n; i++)
        if (c->written->output.v[i] == v) {
            size_t n = (size_t)type_elems(&c->written->value.v[v].type);
            c->ref[i] = NEW(c->A, double, n);
            memcpy(c->ref[i], x, n * sizeof *x);
        }
}

static double error_of(const float *x, const double *ref, int64_t n)
{
    double err = 0, mag = 0;
    for (int64_t i = 0; i < n; i++) {
        err = isnan(x[i]) ? INFINITY : fmax(err, fabs((double)x[i] - ref[i]));
        mag = fmax(mag, fabs(ref[i]));
    }
    return mag > 0 ? err / mag : err;
}

/* Compiles the text, runs it in the interpreter on one input and returns the largest relative error of any output. */
static double run(Case *c, const char *text, const char *target, uint64_t seed)
{
    *c = (Case){.A = arena_new(), .t = target_find(target)};
    c->g = graph_of(c->A, text, seed);
    c->written = graph_clone(c->A, c->g);
    PassOptions o = {.target = c->t, .opt = 2};
    CU_ASSERT_FATAL(passes_run(c->g, &o));
    c->p = lower_graph(c->A, c->g, c->t, false);
    const char *wrong = program_check(c->p);
    if (wrong)
        fprintf(stderr, "  %s: %s\n", target, wrong);
    CU_ASSERT_FATAL(!wrong);
    float *io[8];
    const Type *it = &c->g->value.v[c->g->input.v[0]].type;
    double *in = NEW(c->A, double, type_elems(it));
    io[0] = NEW(c->A, float, type_elems(it));
    Rng r = rng_seed(seed, "input");
    for (int64_t k = 0; k < type_elems(it); k++)
        in[k] = (double)(io[0][k] = (float)rng_normal(&r));
    c->ref = NEW(c->A, double *, c->written->output.n);
    graph_eval(c->written, (const double *const[]){in}, keep, c);
    for (int i = 0; i < c->written->output.n; i++)
        io[1 + i] = NEW(c->A, float, type_elems(&c->written->value.v[c->written->output.v[i]].type));
    void *arena = aligned_alloc(64, (size_t)round_up(c->p->arena_bytes + 1, 64));
    memset(arena, 0xff, (size_t)c->p->arena_bytes);
    wrong = program_interp(c->p, io, arena, c->A);
    if (wrong)
        fprintf(stderr, "  %s: %s\n", target, wrong);
    CU_ASSERT(!wrong);
    double worst = 0;
    for (int i = 0; i < c->written->output.n; i++)
        worst =
            fmax(worst, error_of(io[1 + i], c->ref[i], type_elems(&c->written->value.v[c->written->output.v[i]].type)));
    free(arena);
    return worst;
}

/* Does no convolution store its map? */
static bool never_stored(const Case *c)
{
    for (int i = 0; i < c->g->node.n; i++) {
        const Node *n = &c->g->node.v[i];
        for (int k = 0; k < n->nout; k++)
            if (n->op == OP_conv2d && n->out[k].red == RED_NONE)
                return false;
    }
    return true;
}

static void check(const char *text, uint64_t seed, bool fused)
{
    for (int t = 0; t < LEN(target_names); t++) {
        Case c;
        double err = run(&c, text, target_names[t], seed);
        if (!(err <= 1e-5) || (fused && !never_stored(&c))) {
            fprintf(stderr, "  %s, seed %llu: error %.3g, %d kernels\n%s\n", target_names[t], (unsigned long long)seed,
                    err, c.p->call.n, text);
            CU_FAIL("see above");
        }
        arena_free(c.A);
    }
}

/* The mean of squares and the largest element of relu of a convolution from x to map. */
static const char *text_of(Arena *A, const char *x, const char *map, const char *mean, const char *conv,
                           const char *consts)
{
    int sizes = (int)strcspn(mean, "]");
    return arena_printf(A,
                        "graph @g (%%x: %s) -> (%%a: %s, %%b: %.*s,1,1]) {\n%s  %%1 = %s : %s\n  %%2 = relu %%1 : %s\n"
                        "  %%3 = square %%2 : %s\n  %%a = mean %%3 {axes=[2,3]} : %s\n"
                        "  %%b = max %%2 {axes=[2,3], keep=true} : %.*s,1,1]\n}\n",
                        x, mean, sizes, mean, consts, conv, map, map, map, mean, sizes, mean);
}

static void test_maps(void)
{
    static const struct { const char *x, *map, *mean, *conv, *consts; } shapes[] = {
        {"f32[1,3,112,112]", "f32[1,5,112,112]", "f32[1,5]", "conv2d %x, @w", "const @w : f32[5,3,1,1]\n"},
        {"f32[2,2,9,13]", "f32[2,33,9,13]", "f32[2,33]", "conv2d %x, @w, @b {pad=[1,1,1,1]}",
         "const @w : f32[33,2,3,3]\nconst @b : f32[33]\n"},
        {"f32[1,1,300,310]", "f32[1,1,300,310]", "f32[1,1]", "conv2d %x, @zero, @tenth",
         "const @zero : f32[1,1,1,1]\nconst @tenth : f32[1]\n"},
        {"f32[1,19,40,7]", "f32[1,19,40,7]", "f32[1,19]", "conv2d %x, @w {groups=19, pad=[1,1,1,1]}",
         "const @w : f32[19,1,3,3]\n"},
        {"f32[2,6,5,31]", "f32[2,18,5,31]", "f32[2,18]", "conv2d %x, @w {groups=2}", "const @w : f32[18,3,1,1]\n"},
        {"f32[1,4,1,1]", "f32[1,70,1,1]", "f32[1,70]", "conv2d %x, @w", "const @w : f32[70,4,1,1]\n"},
    };
    for (int i = 0; i < LEN(shapes); i++) {
        Arena *A = arena_new();
        check(text_of(A, shapes[i].x, shapes[i].map, shapes[i].mean, shapes[i].conv, shapes[i].consts), (uint64_t)i + 1,
              true);
        arena_free(A);
    }
}

/* Windows of every size that some tile takes; whether fused or not the numbers are the same. */
static void test_windows(void)
{
    int fused = 0;
    for (int kh = 1; kh <= 4; kh++)
        for (int kw = 1; kw <= 4; kw++) {
            Arena *A = arena_new();
            int h = kh * (kw + 1), w = kw * (kh + 2), pad = kw % 2, co = 5 + 13 * kh;
            const char *map = arena_printf(A, "f32[1,%d,%d,%d]", co, h, w);
            const char *pooled = arena_printf(A, "f32[1,%d,%d,%d]", co, h / kh, w / kw);
            const char *text =
                arena_printf(A,
                             "graph @g (%%x: f32[1,3,%d,%d]) -> (%%a: %s, %%b: %s, %%c: f32[1,%d]) {\n"
                             "  const @v : f32[3,3,1,1]\n  const @w : f32[%d,3,%d,%d]\n"
                             "  %%0 = conv2d %%x, @v : f32[1,3,%d,%d]\n"
                             "  %%1 = conv2d %%0, @w {pad=[%d,%d,%d,%d]} : %s\n"
                             "  %%2 = square %%1 : %s\n  %%a = avg_pool %%2 {kernel=[%d,%d]} : %s\n"
                             "  %%b = max_pool %%1 {kernel=[%d,%d]} : %s\n"
                             "  %%c = mean %%1 {axes=[2,3]} : f32[1,%d]\n}\n",
                             h, w, pooled, pooled, co, co, 2 * pad + 1, 2 * pad + 1, h, w, pad, pad, pad, pad, map, map,
                             kh, kw, pooled, kh, kw, pooled, co);
            check(text, (uint64_t)(kh * 10 + kw), false);
            Case c;
            run(&c, text, "x86-64-v4", 1);
            for (int i = 0; i < c.g->node.n; i++)
                for (int k = 0; k < c.g->node.v[i].nout; k++)
                    fused += c.g->node.v[i].out[k].kernel.n > 0;
            arena_free(c.A);
            arena_free(A);
        }
    CU_ASSERT(fused >= 28);
}

static int rng_below(Rng *r, int n) { return (int)(rng_next(r) % (uint64_t)n); }

/* Reductions of several steps of a map that is large enough for its kernel to go by rows. A map reads them, or maps
   that reduce themselves, or nobody else. */
static const char *split_text(Arena *A, Rng *r)
{
    static const int channels[] = {7, 16, 24, 32, 40}, windows[] = {1, 1, 3, 5};
    int n = 1 + rng_below(r, 4) / 3, h = 24 + rng_below(r, 17), w = 24 + rng_below(r, 17);
    int k = windows[rng_below(r, LEN(windows))];
    int c = channels[rng_below(r, LEN(channels))], in = 1 + rng_below(r, 20), pad = k / 2;
    static const char *const reductions[] = {"mean", "max", "mean", "max", "mean", "sum"};
    const char *map = arena_printf(A, "f32[%d,%d,%d,%d]", n, c, h, w), *one = arena_printf(A, "f32[%d,%d,1,1]", n, c);
    const char *first = reductions[rng_below(r, LEN(reductions))], *second = reductions[rng_below(r, LEN(reductions))];
    const char *gate = rng_below(r, 2) ? "mul %2, %6" : "add %1, %6", *last = rng_below(r, 2) ? "mean" : "max";
    return arena_printf(A,
                        "graph @g (%%x: f32[%d,3,%d,%d]) -> (%%a: %s, %%b: %s, %%c: %s, %%d: %s) {\n"
                        "  const @v : f32[%d,3,1,1]\n"
                        "  const @w : f32[%d,%d,%d,%d]\n  %%0 = conv2d %%x, @v : f32[%d,%d,%d,%d]\n"
                        "  %%1 = conv2d %%0, @w {pad=[%d,%d,%d,%d]} : %s\n  %%2 = relu %%1 : %s\n"
                        "  %%4 = %s %%%d {axes=[2,3], keep=true} : %s\n  %%b = %s %%1 {axes=[2,3], keep=true} : %s\n"
                        "  %%6 = sigmoid %%4 : %s\n  %%a = %s : %s\n  %%c = %s %%6 {axes=[2,3], keep=true} : %s\n"
                        "  %%d = square %%6 : %s\n}\n",
                        n, h, w, map, one, one, one, in, c, in, k, k, n, in, h, w, pad, pad, pad, pad, map, map, first,
                        1 + rng_below(r, 2), one, second, one, one, gate, map, last, one, one);
}

static void test_split(void)
{
    enum { CASES = 40 };
    int split = 0;
    for (uint64_t seed = 1; seed <= CASES; seed++) {
        Arena *A = arena_new();
        Rng r = rng_seed(seed, "split");
        const char *text = split_text(A, &r);
        check(text, seed, false);
        Case c;
        run(&c, text, "x86-64-v4", seed);
        for (int i = 0; i < c.g->node.n; i++)
            split += c.g->node.v[i].sched && c.g->node.v[i].sched->sum_rows;
        arena_free(c.A);
        arena_free(A);
    }
    if (split < CASES / 4)
        fprintf(stderr, "  %d of %d go by rows\n", split, CASES);
    CU_ASSERT(split >= CASES / 4);
}

/* More readers than a group may have nodes. What leaves its group for them finds a map in the end. */
static void test_many_readers(void)
{
    for (int n = 20; n <= 180; n += 40) {
        Buf text = {0};
        buf_puts(&text, "graph @g (%x: f32[1,2,4,4]) -> (%y: f32[1,2,4,4]) {\n  %a = sigmoid %x : f32[1,2,4,4]\n");
        for (int i = 0; i < n; i++)
            buf_printf(&text, "  %%q%d = %s %%a : f32[1,2,4,4]\n", i, i % 2 ? "tanh" : "exp");
        for (int i = 1; i < n; i++)
            buf_printf(&text, "  %%%c%d = add %%%c%d, %%q%d : f32[1,2,4,4]\n", 's', i, i > 1 ? 's' : 'q', i - 1, i);
        buf_printf(&text, "  %%y = relu %%s%d : f32[1,2,4,4]\n}\n", n - 1);
        check(text.s, (uint64_t)n, false);
        buf_free(&text);
    }
}

void suite_fusion(void)
{
    CU_pSuite s = CU_add_suite("fusion", NULL, NULL);
    CU_add_test(s, "sums over the map", test_maps);
    CU_add_test(s, "windows", test_windows);
    CU_add_test(s, "more readers than a group takes", test_many_readers);
    CU_add_test(s, "sums by rows", test_split);
}
