/* The pass manager: options and the choice of passes, order, facts, --verify-each on graphs and loops, the observer. */
#include <sys/wait.h>
#include <unistd.h>

#include "../../../compiler/spec/spec.h"
#include "../../../compiler/weights/weights.h"
#include "../../../passes/facts.h"
#include "../../../passes/lower/lowering.h"
#include "../graphs.h"

void suite_pass_manager(void);

static Graph *parse(Arena *A, const char *text)
{
    Graph *g = graph_parse(A, text, diag_file("test.dsq", text, strlen(text)));
    CU_ASSERT_FATAL(g != NULL);
    return g;
}

static char *said(Arena *A, Buf *b)
{
    diag_capture(NULL);
    char *s = arena_printf(A, "%s", b->s ? b->s : "");
    buf_free(b);
    diag_reset();
    return s;
}

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

/* The table with another row behind the pass `behind`. */
static const PassInfo *with_row(Arena *A, const char *behind, PassInfo row)
{
    PassInfo *t = NEW(A, PassInfo, npass_info + 1);
    for (int i = 0, n = 0; i < npass_info; i++) {
        t[n++] = pass_info[i];
        if (!strcmp(pass_info[i].name, behind))
            t[n++] = row;
    }
    return t;
}

static Graph *graph_of_spec(Arena *A)
{
    static const char text[] = "name: net\n"
                               "input:\n"
                               "  image: {type: 'f32[1,3,9,9]'}\n"
                               "network:\n"
                               "  - {op: conv2d, name: conv1, out: 5, kernel: 3, pad: 1}\n"
                               "  - {op: batch_norm, name: bn1}\n"
                               "  - relu\n"
                               "  - {op: conv2d, name: conv2, out: 4, kernel: 3}\n"
                               "  - relu\n"
                               "  - {op: mean, axes: [2, 3]}\n"
                               "output: y\n";
    Spec *s = spec_parse(A, "net.yaml", text, strlen(text), NULL, 0, NULL);
    CU_ASSERT_FATAL(s != NULL);
    Weights w;
    CU_ASSERT_FATAL(weights_bind(A, s->graph, "random:7", &(WeightsOptions){0}, &w));
    return s->graph;
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

/* ---- order ---- */

/* Two rows the wrong way round, whatever facts they need. */
static void test_order(void)
{
    static const struct { const char *first, *second, *reason; } pairs[] = {
#define ORDER(first, second, reason) {first, second, reason},
#include "../../passes/pass.def"
    };
    Arena *A = arena_new();
    CU_ASSERT_PTR_NULL(passes_wrong(A, pass_info, npass_info));
    for (int i = 0; i < LEN(pairs); i++) {
        const PassInfo row[] = {{.name = pairs[i].second}, {.name = pairs[i].first}};
        const char *wrong = passes_wrong(A, row, 2), *want = arena_printf(
            A, "pass '%s' must run before '%s': %s", pairs[i].first, pairs[i].second, pairs[i].reason);
        CU_ASSERT(wrong && !strcmp(wrong, want));
    }
    arena_free(A);
}

static void expect_wrong(const PassInfo *row, int n, const char *want)
{
    Arena *A = arena_new();
    const char *wrong = passes_wrong(A, row, n);
    CU_ASSERT(wrong && !strcmp(wrong, want));
    if (!wrong || strcmp(wrong, want))
        fprintf(stderr, "  got: %s\n", wrong ? wrong : "nothing");
    arena_free(A);
}

static void test_table(void)
{
    const PassInfo lay = {.name = "lay", .gives = F_LAYOUT}, place = {.name = "place", .needs = F_LAYOUT,
                   .gives = F_OFFSETS}, move = {.name = "move", .needs = F_LAYOUT, .breaks = F_OFFSETS},
                   lower = {.name = "low", .needs = F_OFFSETS};
    CU_ASSERT_PTR_NULL(passes_wrong(NULL, (const PassInfo[]){lay, move, place, lower}, 4));
    expect_wrong((const PassInfo[]){place, lay}, 2, "pass 'place' needs a graph that is laid out, which no pass before "
                 "it gives");
    expect_wrong((const PassInfo[]){lay, place, move, lower}, 4, "pass 'low' needs a graph that is placed, which no "
                 "pass before it gives");
    PassInfo whole = {.name = "whole", .kind = REDUCIBLE, .gives = F_CANON}, small = {.name = "small", .kind = MINIMAL,
             .instead_of = "whole"};
    expect_wrong((const PassInfo[]){whole, small}, 2, "pass 'small' stands in for 'whole' and has other facts");
    expect_wrong((const PassInfo[]){small, whole}, 2, "pass 'small' stands in for 'whole', which is no reducible pass "
                 "before it");
}

/* ---- facts ---- */

/* What the passes of a table say on standard error when one of them makes dsqc stop. loops: passes on loops follow. */
static char *last_words(Arena *A, Graph *g, const PassInfo *row, int n, bool loops)
{
    int fd[2];
    CU_ASSERT_FATAL(!pipe(fd));
    fflush(NULL);
    pid_t pid = fork();
    if (!pid) {
        dup2(fd[1], STDERR_FILENO);
        PassOptions o = {.target = target_find("x86-64-v3"), .opt = 2};
        bool ok = passes_run_rows(g, &o, row, n);
        if (ok && loops)
            passes_run_loop_rows(g, lower_graph(A, g, o.target, false), &o, row, n);
        _exit(0);
    }
    close(fd[1]);
    char *text = NEW(A, char, 4096);
    for (ssize_t got = 0, at = 0; (got = read(fd[0], text + at, (size_t)(4095 - at))) > 0;)
        at += got;
    close(fd[0]);
    int status;
    waitpid(pid, &status, 0);
    CU_ASSERT(WIFEXITED(status) && WEXITSTATUS(status) == 3);
    return text;
}

static bool flatten_again(Pass *p, Graph *g)
{
    (void)p;
    const char *err;
    int last = value_def(g, g->output.v[0]);
    ValueId in = g->node.v[last].in[0];
    int made = graph_add(g, OP_reshape, &(Attrs){.shape = {g->value.v[in].type.rank, {g->value.v[in].type.dim[0],
                         g->value.v[in].type.dim[1], g->value.v[in].type.dim[2], g->value.v[in].type.dim[3]}}}, &in, 1,
                         NULL, (Loc){0}, &err);
    node_set_operand(g, last, 0, node_value(g, made));
    graph_compact(g);
    return true;
}

static bool stand_alone(Pass *p, Graph *g)
{
    (void)p;
    const char *err;
    int last = value_def(g, g->output.v[0]);
    ValueId in = g->node.v[last].in[0];
    int made = graph_add(g, OP_abs, NULL, &in, 1, NULL, (Loc){0}, &err);
    node_set_operand(g, last, 0, node_value(g, made));
    graph_compact(g);
    return true;
}

static bool forget_schedule(Pass *p, Graph *g)
{
    (void)p;
    g->node.v[0].sched = NULL;
    return true;
}

static bool forget_region(Pass *p, Graph *g)
{
    (void)p;
    g->value.v[node_value(g, 0)].region = REGION_NONE;
    return true;
}

/* Every value of the arena at its start. */
static bool pile_up(Pass *p, Graph *g)
{
    (void)p;
    for (int i = 0; i < g->value.n; i++)
        if (in_arena(g, i))
            g->value.v[i].offset = 0;
    return true;
}

static bool beyond_arena(Pass *p, Graph *g)
{
    (void)p;
    g->arena_bytes = 300;
    return true;
}

static bool unroll_later(Arena *A, Kernel *k)
{
    (void)A;
    for (int i = 0; i < k->body.n; i++)
        if (k->body.v[i]->kind == ST_FOR)
            k->body.v[i]->loop = LOOP_UNROLL;
    return true;
}

/* A pass that breaks a fact which an earlier one gave is named, with the fact and the node. */
static void test_broken_facts(void)
{
    static const struct { const char *behind; PassInfo row; const char *want; } cases[] = {
        {"canonicalize", {.name = "bad", .fn = flatten_again}, "is not canonical: node 5, reshape 'reshape': it moves"},
        {"fuse-epilogue", {.name = "bad", .fn = stand_alone}, "is not anchored: node 2, abs 'abs' stands alone"},
        {"choose-kernels", {.name = "bad", .fn = forget_schedule}, "is not scheduled: node 0, conv2d 'conv1 + bn1 + "},
        {"assign-layout", {.name = "bad", .fn = forget_region}, "is not laid out: value "},
        {"plan-memory", {.name = "bad", .fn = pile_up}, "is not placed: node 1, softmax 'second' and node 0, softmax 'first' share"},
        {"plan-memory", {.name = "bad", .fn = beyond_arena}, "is not placed: node 1, softmax 'second' touches memory"},
        {"loop-unroll", {.name = "bad", .loop = unroll_later}, "is not unrolled: kernel 'k"},
    };
    static const char arena[] = "graph @g (%x: f32[8,8]) -> (%y: f32[8,8]) {\n"
                                "  %1 = softmax %x {axis=1} : f32[8,8]  name=first\n"
                                "  %2 = softmax %1 {axis=0} : f32[8,8]  name=second\n"
                                "  %y = matmul %1, %2 : f32[8,8]\n}\n";
    for (int i = 0; i < LEN(cases); i++) {
        Arena *A = arena_new();
        const PassInfo *row = with_row(A, cases[i].behind, cases[i].row);
        Graph *g = strcmp(cases[i].behind, "plan-memory") ? graph_of_spec(A) : parse(A, arena);
        const char *s = last_words(A, g, row, npass_info + 1, cases[i].row.loop != NULL);
        bool said = strstr(s, "after pass 'bad' the ") && strstr(s, cases[i].want);
        CU_ASSERT(said);
        if (!said)
            fprintf(stderr, "  behind %s: %s", cases[i].behind, s);
        arena_free(A);
    }
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

/* Wherever it stands, a pass on loops that changes numbers is named with the first kernel and its place in the YAML, and
   so is lowering. */
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
    CU_add_test(s, "constraints of order", test_order);
    CU_add_test(s, "facts of the table", test_table);
    CU_add_test(s, "a broken fact is named", test_broken_facts);
    CU_add_test(s, "wrong loops are named", test_wrong_loops);
    CU_add_test(s, "which rows run", test_rows);
    CU_add_test(s, "the observer of passes", test_observer);
    CU_add_test(s, "pass options", test_options);
    CU_add_test(s, "choice of passes", test_choice);
}
