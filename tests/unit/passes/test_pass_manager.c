/* The pass manager: options and the choice of passes, --verify-each on graphs and loops, the observer. */
#include "manager.h"

void suite_pass_manager(void);

/* No pass is wrong, so the graph is: a value claims to equal another one. */
static void test_verify_each(void)
{
    Arena *A = arena_new();
    PassOptions o = {.target = target_find("generic"), .opt = 2, .verify_each = true};
    static const char text[] = "graph @g (%x: f32[8]) -> (%y: f32[8], %z: f32[8]) {\n"
                               "  %1 = reshape %x {shape=[8]} : f32[8]\n"
                               "  %y = softmax %1 {axis=0} : f32[8]  name=soft\n"
                               "  %z = exp %x : f32[8]  name=steep\n}\n";
    for (int wrong = 0; wrong < 2; wrong++) {
        Graph *g = parse(A, text);
        for (int i = 0; i < g->value.n; i++)
            if (g->value.v[i].kind == VAL_NODE)
                g->value.v[i].origin = i;
        if (wrong) /* y is evaluated first: the numbers kept under its origin are z's */
            g->value.v[g->output.v[1]].origin = g->output.v[0];
        Buf b = {0};
        diag_capture(&b);
        bool ok = passes_run(g, &o);
        const char *s = said(A, &b);
        CU_ASSERT_EQUAL(ok, !wrong);
        CU_ASSERT(wrong ? strstr(s, "pass 'canonicalize' changed the numbers: first at 'soft'") != NULL : !*s);
    }
    arena_free(A);
}

/* ---- a pass that is wrong ---- */

static int drop_bias_of; /* the convolution with a bias that loses it */

static bool drop_bias(Pass *p, Graph *g)
{
    (void)p;
    for (int i = 0, seen = 0; i < g->node.n; i++) {
        Node *n = &g->node.v[i];
        if (n->op != OP_conv2d || n->nin < 3 || seen++ != drop_bias_of)
            continue;
        n->nin = 2;
        return true;
    }
    return false;
}

/* Wherever it stands among the others and whichever bias it drops, --verify-each names the pass and that node with its
   place in the YAML, not a node behind it. */
static void test_wrong_pass(void)
{
    static const char *const behind[] = {"canonicalize", "fold-batch-norm", "fuse-epilogue", "plan-memory"};
    static const char *const want[][4] = {{"'conv1'", "'conv1 + bn1'", "'conv1 + bn1 + relu'", "'conv1 + bn1 + relu'"},
                                          {"'conv2'", "'conv2'", "'conv2 + relu'", "'conv2 + relu + mean'"}};
    static const char *const place[] = {"net.yaml:5:10: error: ", "net.yaml:8:10: error: "};
    for (int b = 0; b < LEN(behind); b++)
        for (drop_bias_of = 0; drop_bias_of < 3; drop_bias_of++) { /* there is no third */
            Arena *A = arena_new();
            Graph *g = graph_of_spec(A);
            PassOptions o = {.target = target_find("generic"), .opt = 2, .verify_each = true};
            const PassInfo *row = with_row(A, behind[b], (PassInfo){.name = "drop-bias", .fn = drop_bias});
            Buf text = {0};
            diag_capture(&text);
            bool ok = passes_run_rows(g, &o, row, npass_info + 1);
            const char *s = said(A, &text);
            CU_ASSERT_EQUAL(ok, drop_bias_of == 2);
            if (!ok && !(strstr(s, "pass 'drop-bias' changed the numbers: first at ") &&
                         strstr(s, want[drop_bias_of][b]) &&
                         !strncmp(s, place[drop_bias_of], strlen(place[drop_bias_of])))) {
                fprintf(stderr, "  behind %s, bias %d: %s", behind[b], drop_bias_of, s);
                CU_FAIL("another message");
            }
            arena_free(A);
        }
}

/* A pass that forgets what its values equal is compared by the outputs. */
static bool forget(Pass *p, Graph *g)
{
    for (int i = 0; i < g->value.n; i++)
        g->value.v[i].origin = -1;
    return drop_bias(p, g);
}

static void test_forgetful_pass(void)
{
    Arena *A = arena_new();
    Graph *g = graph_of_spec(A);
    PassOptions o = {.target = target_find("generic"), .opt = 2, .verify_each = true};
    Buf text = {0};
    diag_capture(&text);
    drop_bias_of = 1;
    bool ok = passes_run_rows(g, &o, &(PassInfo){.name = "forget", .fn = forget}, 1);
    const char *s = said(A, &text);
    CU_ASSERT(!ok && strstr(s, "net.yaml:10:10: error: pass 'forget' changed the numbers: first at 'mean'"));
    arena_free(A);
}

/* ---- wrong loops ---- */

static const char *flip_in; /* part of the kernel's name */

/* The first store of a block stores the opposite. */
static bool flip_store(Arena *A, Block *b)
{
    for (int i = 0; i < b->n; i++) {
        Stmt *s = b->v[i];
        if (s->kind == ST_FOR && flip_store(A, &s->body))
            return true;
        if (s->kind != ST_STORE)
            continue;
        Expr *e = NEW(A, Expr, 1);
        *e = (Expr){.op = X_neg, .type = s->val->type, .a = {s->val}};
        s->val = e;
        return true;
    }
    return false;
}

/* Says that nothing changed. */
static bool flip_sign(Arena *A, Kernel *k)
{
    if (strstr(k->name, flip_in))
        flip_store(A, &k->body);
    return false;
}

static bool run_flipped(Arena *A, const PassInfo *row, int n, bool in_lowering)
{
    PassOptions o = {.target = target_find("x86-64-v3"), .opt = 2, .verify_each = true};
    Graph *g = graph_of_spec(A);
    CU_ASSERT_FATAL(passes_run(g, &o));
    Program *p = lower_graph(A, g, o.target, false);
    for (int i = 0; i < p->kernel.n && in_lowering; i++)
        flip_sign(A, &p->kernel.v[i]);
    return passes_run_loop_rows(g, p, &o, row, n);
}

/* Wherever it stands, a pass on loops that changes numbers is named with the first kernel and its place in the YAML,
   and so is lowering. */
static void test_wrong_loops(void)
{
    static const char *const behind[] = {NULL, "lower", "loop-unroll", "loop-hoist", "loop-cse"};
    static const struct { const char *flip, *place, *kernel; } cases[] = {
        {"conv1", "net.yaml:5:10: error: ", "(conv1 + bn1 + relu), "},
        {"conv2", "net.yaml:8:10: error: ", "(conv2 + relu + mean), "},
        {"none", NULL, NULL}};
    for (int b = 0; b < LEN(behind); b++)
        for (int i = 0; i < LEN(cases); i++) {
            Arena *A = arena_new();
            PassInfo bad = {.name = "flip-sign", .loop = flip_sign};
            const PassInfo *row = behind[b] ? with_row(A, behind[b], bad) : pass_info;
            Buf text = {0};
            diag_capture(&text);
            flip_in = cases[i].flip;
            bool ok = run_flipped(A, row, npass_info + (row != pass_info), row == pass_info);
            const char *s = said(A, &text);
            const char *begins = arena_printf(A, "%spass '%s' changed the numbers: first in kernel '", cases[i].place ?
                                              cases[i].place : "", behind[b] ? bad.name : "lower");
            bool right = cases[i].place ? !ok && !strncmp(s, begins, strlen(begins)) && strstr(s, cases[i].kernel)
                                        : ok && !*s;
            CU_ASSERT(right);
            if (!right)
                fprintf(stderr, "  behind %s, %s: %s", behind[b] ? behind[b] : "nothing", flip_in, s);
            arena_free(A);
        }
}

/* ---- the observer ---- */

typedef struct Seen { int n, nodes; const char *last; } Seen;

static void see(void *user, const PassInfo *info, const Graph *g, double ms, bool changed)
{
    Seen *s = user;
    CU_ASSERT((info != NULL) == (s->n > 0) && ms >= 0 && (changed || !info || g->node.n == s->nodes));
    s->n++;
    s->nodes = g->node.n;
    s->last = info ? info->name : NULL;
}

static void test_observer(void)
{
    Arena *A = arena_new();
    Seen seen = {0};
    PassOptions o = {.target = target_find("generic"), .opt = 2, .stop_after = "fuse-epilogue", .observe = see,
                     .observer = &seen};
    CU_ASSERT(passes_run(graph_of_spec(A), &o));
    int ran = 0;
    for (int i = 0; i <= pass_index("fuse-epilogue"); i++)
        ran += pass_info[i].kind != MINIMAL;
    CU_ASSERT_EQUAL(seen.n, 1 + ran);
    CU_ASSERT(seen.last && !strcmp(seen.last, "fuse-epilogue"));
    arena_free(A);
}

static void expect_refused(PassOptions o, const char *message)
{
    Arena *A = arena_new();
    Buf b = {0};
    diag_capture(&b);
    bool ok = passes_check_options(&o);
    const char *s = said(A, &b);
    CU_ASSERT(message ? !ok && strstr(s, message) : ok && !*s);
    if (message && !strstr(s, message))
        fprintf(stderr, "  got: %s", s);
    arena_free(A);
}

static void test_options(void)
{
    expect_refused((PassOptions){.passes = "dce,fuse-epilogue", .disable = "fold-constants", .print_after = "all"},
                   NULL);
    expect_refused((PassOptions){.passes = "dce,fuse-epilogue", .disable = "fold-constants,dce"},
                   "--disable-pass: 'dce' is in --passes, too");
    expect_refused((PassOptions){.passes = "dce,fuse-epiloge"},
                   "--passes: there is no pass 'fuse-epiloge', did you mean 'fuse-epilogue'?");
    expect_refused((PassOptions){.disable = "xyz"}, "--disable-pass: there is no pass 'xyz'");
    expect_refused((PassOptions){.disable = "assign-layout"}, "'assign-layout' is required");
    expect_refused((PassOptions){.disable = "lower"}, "'lower' is required");
    expect_refused((PassOptions){.disable = "loop-unroll"}, "'loop-unroll' is required");
    expect_refused((PassOptions){.disable = "place-apart"}, "'place-apart' is required");
    expect_refused((PassOptions){.disable = "plan-memory,loop-hoist,loop-cse"}, NULL);
    expect_refused((PassOptions){.passes = "plan-memory,place-apart"},
                   "--passes: 'place-apart' stands in for 'plan-memory', which is there, too");
    expect_refused((PassOptions){.passes = "dce,loop-cse"}, "--passes: there is no pass 'loop-cse'");
    expect_refused((PassOptions){.passes = "dce,loop-cse", .and_required = true, .stop_after = "lower"}, NULL);
    expect_refused((PassOptions){.print_after = "dc"}, "--print-ir-after: there is no pass 'dc'");
    expect_refused((PassOptions){.stop_after = "dcee"}, "did you mean 'dce'?");
}

/* Levels, --disable-pass, --passes and stop_after, seen by what they leave in the graph. */
static void test_choice(void)
{
    static const char text[] = "graph @g (%x: f32[2]) -> (%y: f32[2]) {\n  const @a : f32[2] = [1, 2]\n"
                               "  %1 = softmax @a {axis=0} : f32[2]\n  %2 = mul %x, %1 : f32[2]\n"
                               "  %y = abs %2 : f32[2]\n}\n";
    static const struct { PassOptions o; int nodes; Op first; bool offsets; } cases[] = {
        {{.opt = 0}, 2, OP_softmax, true},
        {{.opt = 1}, 1, OP_map, true},
        {{.opt = 2, .disable = "fold-constants"}, 2, OP_softmax, true},
        {{.opt = 2, .passes = "fold-constants"}, 2, OP_mul, false},
        {{.opt = 0, .passes = "dce"}, 3, OP_softmax, false},
        {{.opt = 2, .stop_after = "fold-constants"}, 2, OP_mul, false},
        {{.opt = 2, .stop_after = "fuse-epilogue"}, 1, OP_map, false},
    };
    for (int i = 0; i < LEN(cases); i++) {
        Arena *A = arena_new();
        Graph *g = parse(A, text);
        PassOptions o = cases[i].o;
        o.target = target_find("generic");
        CU_ASSERT(passes_run(g, &o));
        CU_ASSERT_EQUAL(g->node.n, cases[i].nodes);
        CU_ASSERT_EQUAL(g->node.v[0].op, cases[i].first);
        CU_ASSERT_EQUAL(g->value.v[g->output.v[0]].region == REGION_OUTPUT, cases[i].offsets);
        arena_free(A);
    }
}

/* Which rows run, by names: of those that have a stand-in, and of those on loops. */
static void test_rows(void)
{
    static const char *const names[] = {"dce", "plan-memory", "place-apart", "loop-unroll", "loop-hoist", "loop-cse"};
    static const struct { PassOptions o; const char *runs; } cases[] = {
        {{.opt = 2}, "110111"},
        {{.opt = 2, .disable = "plan-memory,loop-hoist"}, "101101"},
        {{.opt = 2, .passes = "dce"}, "100000"},
        {{.opt = 2, .passes = "dce", .and_required = true}, "110111"},
        {{.opt = 2, .passes = "loop-cse", .and_required = true}, "010101"},
        {{.opt = 2, .passes = "place-apart", .and_required = true}, "001111"},
        {{.opt = 2, .passes = "order", .disable = "plan-memory,loop-cse", .and_required = true}, "001110"},
    };
    for (int i = 0; i < LEN(cases); i++) {
        char runs[LEN(names) + 1] = {0};
        for (int k = 0; k < LEN(names); k++)
            runs[k] = pass_runs(&cases[i].o, names[k]) ? '1' : '0';
        CU_ASSERT_STRING_EQUAL(runs, cases[i].runs);
    }
}

void suite_pass_manager(void)
{
    CU_pSuite s = CU_add_suite("pass manager", NULL, NULL);
    CU_add_test(s, "--verify-each", test_verify_each);
    CU_add_test(s, "a wrong pass is named", test_wrong_pass);
    CU_add_test(s, "a forgetful pass is named", test_forgetful_pass);
    CU_add_test(s, "wrong loops are named", test_wrong_loops);
    CU_add_test(s, "which rows run", test_rows);
    CU_add_test(s, "the observer of passes", test_observer);
    CU_add_test(s, "pass options", test_options);
    CU_add_test(s, "choice of passes", test_choice);
}
