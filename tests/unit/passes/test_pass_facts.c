/* What the pass manager knows of the table: constraints of order, and facts that passes need, give and break. */
#include <sys/wait.h>
#include <unistd.h>

#include "../../../passes/facts.h"
#include "manager.h"

void suite_pass_facts(void);

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
        {"plan-memory", {.name = "bad", .fn = pile_up}, "is not placed: node 1, softmax 'second' and node 0, softmax "
                                                        "'first' share"},
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

void suite_pass_facts(void)
{
    CU_pSuite s = CU_add_suite("pass facts", NULL, NULL);
    CU_add_test(s, "constraints of order", test_order);
    CU_add_test(s, "facts of the table", test_table);
    CU_add_test(s, "a broken fact is named", test_broken_facts);
}
