/* Graph passes on random graphs: each pass alone keeps numbers, form and text; what all of them promise. What each pass
   makes of which graph stands in tests/ir. */
#include "../../../passes/lower/lowering.h"
#include "../graphs.h"

void suite_passes(void);

/* ---- numbers and text ---- */

typedef struct Numbers { Arena *A; const Graph *g; double **of; } Numbers; /* of[v]: every value's numbers, or NULL */

static void keep(void *user, ValueId v, const double *x)
{
    Numbers *n = user;
    size_t elems = (size_t)type_elems(&n->g->value.v[v].type);
    n->of[v] = NEW(n->A, double, elems);
    memcpy(n->of[v], x, elems * sizeof *x);
}

static Numbers numbers(Arena *A, const Graph *g, uint64_t seed)
{
    Numbers n = {A, g, NEW(A, double *, g->value.n)};
    const double **in = NEW(A, const double *, g->input.n + 1);
    for (int i = 0; i < g->input.n; i++) {
        int64_t elems = type_elems(&g->value.v[g->input.v[i]].type);
        double *x = NEW(A, double, elems);
        Rng r = rng_seed(seed, g->value.v[g->input.v[i]].name);
        for (int64_t k = 0; k < elems; k++)
            x[k] = (double)(float)rng_normal(&r);
        in[i] = x;
    }
    graph_eval(g, in, keep, &n);
    return n;
}

/* Within 1e-5 of the largest magnitude; infinities of empty windows are equal, and so is what an infinity times zero
   makes. */
static bool close_to(const double *x, const double *ref, int64_t n)
{
    double err = 0, mag = 0;
    for (int64_t i = 0; i < n; i++) {
        if (x[i] != ref[i] && !(isnan(x[i]) && isnan(ref[i])))
            err = isnan(x[i] - ref[i]) ? INFINITY : fmax(err, fabs(x[i] - ref[i]));
        if (isfinite(ref[i]))
            mag = fmax(mag, fabs(ref[i]));
    }
    return err <= 1e-5 * mag;
}

/* Every output, and every value that claims to equal one of the graph as written. */
static const char *same_numbers(Arena *A, const Numbers *old, const Numbers *now)
{
    const Graph *g = now->g;
    for (int i = 0; i < g->output.n; i++) {
        ValueId v = g->output.v[i];
        if (!close_to(now->of[v], old->of[old->g->output.v[i]], type_elems(&g->value.v[v].type)))
            return arena_printf(A, "output %d has other numbers", i);
        if (g->value.v[v].origin < 0 && old->g->value.v[old->g->output.v[i]].origin >= 0)
            return arena_printf(A, "output %d does not say any more what it equals", i);
    }
    for (int i = 0; i < g->value.n; i++) {
        const Value *v = &g->value.v[i];
        if (v->kind != VAL_DEAD && v->origin >= 0 && now->of[i] && old->of[v->origin] &&
            !close_to(now->of[i], old->of[v->origin], type_elems(&v->type)))
            return arena_printf(A, "value %d is not what it was made from", i);
    }
    return NULL;
}

static const char *round_trip(Arena *A, const Graph *g)
{
    Buf b = {0};
    graph_print(&b, g, PRINT_LAYOUT | PRINT_DATA);
    Graph *again = graph_parse(A, b.s, diag_file("<round trip>", b.s, b.n));
    const char *wrong = again ? graph_diff(A, g, again) : "the text does not parse";
    buf_free(&b);
    return wrong;
}

/* ---- each pass alone ---- */

static bool run(Graph *g, const Target *t, int pass)
{
    Pass p = {.target = t, .opt = 2, .scratch = arena_new()};
    bool changed = pass_info[pass].fn(&p, g);
    arena_free(p.scratch);
    return changed;
}

/* The passes that give what this one needs, and no others. */
static void prepare(Graph *g, const Target *t, int pass)
{
    unsigned need = pass_info[pass].needs;
    bool wanted[64] = {false};
    for (int i = pass - 1; i >= 0; i--)
        if (pass_info[i].kind != MINIMAL && pass_info[i].gives & need) {
            wanted[i] = true;
            need |= pass_info[i].needs;
        }
    for (int i = 0; i < pass; i++)
        if (wanted[i])
            run(g, t, i);
}

/* A step equals a value of the graph as written, made by the same operator. */
static const char *step_origins(Arena *A, const Graph *before, const Graph *g)
{
    for (int i = 0; i < g->node.n; i++)
        for (int s = 0; s < g->node.v[i].nstep; s++) {
            const Step *step = &g->node.v[i].step[s];
            const Value *v = before->value.v, *end = v + before->value.n;
            while (v < end && (v->kind != VAL_NODE || v->origin != step->origin ||
                               before->node.v[v->node].op != step->op))
                v++;
            if (v == end)
                return arena_printf(A, "step %d of node %d does not say what it equals", s + 1, i);
        }
    return NULL;
}

static const char *try_pass(Arena *A, uint64_t seed, int pass)
{
    const Target *t = target_of(seed);
    Graph *g = graph_of(A, seed);
    prepare(g, t, pass);
    Graph *before = graph_clone(A, g);
    Numbers old = numbers(A, before, seed);
    bool changed = run(g, t, pass);
    const char *wrong = graph_check(g);
    if (wrong || (wrong = round_trip(A, g)))
        return wrong;
    Numbers now = numbers(A, g, seed);
    if ((wrong = same_numbers(A, &old, &now)))
        return wrong;
    if (pass == pass_index("fuse-epilogue") && (wrong = step_origins(A, before, g)))
        return wrong;
    if (!changed && (wrong = graph_diff(A, before, g)))
        return arena_printf(A, "it said that nothing changed, but %s", wrong);
    if (pass > pass_index("fuse-epilogue")) /* decisions are made once */
        return NULL;
    Graph *once = graph_clone(A, g);
    run(g, t, pass);
    wrong = graph_diff(A, once, g);
    return wrong ? arena_printf(A, "a second run changed something: %s", wrong) : NULL;
}

static void every_graph(const char *name)
{
    int pass = pass_index(name);
    CU_ASSERT_FATAL(pass >= 0);
    for (uint64_t seed = 1; seed <= GRAPHS; seed++) {
        Arena *A = arena_new();
        const char *wrong = try_pass(A, seed, pass);
        if (wrong)
            fail(seed, name, wrong);
        arena_free(A);
    }
}

static void test_canonicalize(void) { every_graph("canonicalize"); }
static void test_sink_transposes(void) { every_graph("sink-transposes"); }
static void test_fold_constants(void) { every_graph("fold-constants"); }
static void test_fold_batch_norm(void) { every_graph("fold-batch-norm"); }
static void test_decompose_batch_norm(void) { every_graph("decompose-batch-norm"); }
static void test_wrap_elementwise(void) { every_graph("wrap-elementwise"); }
static void test_default_kernels(void) { every_graph("default-kernels"); }
static void test_place_apart(void) { every_graph("place-apart"); }
static void test_algebra(void) { every_graph("algebra"); }
static void test_dce(void) { every_graph("dce"); }
static void test_fuse_epilogue(void) { every_graph("fuse-epilogue"); }
static void test_choose_kernels(void) { every_graph("choose-kernels"); }
static void test_assign_layout(void) { every_graph("assign-layout"); }
static void test_match_borders(void) { every_graph("match-borders"); }
static void test_order(void) { every_graph("order"); }
static void test_plan_memory(void) { every_graph("plan-memory"); }

/* ---- what passes promise ---- */

static bool known(const Graph *g, const Node *n)
{
    for (int i = 0; i < n->nin; i++)
        if (g->value.v[n->in[i]].kind != VAL_CONST)
            return false;
    return true;
}

static const char *check_facts(const Graph *g)
{
    for (int i = 0; i < g->node.n; i++) {
        const Node *n = &g->node.v[i];
        if (op_is(n->op, P_ELEMENTWISE))
            return "an elementwise node stands alone";
        if (n->op == OP_split || n->op == OP_flatten || n->op == OP_batch_norm)
            return "an operator is left that another one stands for";
        if (!n->sched)
            return "a node has no schedule";
        bool read = false, read_by_node = false;
        for (int k = 0; k < n->nout; k++) {
            int uses = value_uses(g, n->out[k].value);
            read = read || uses;
            read_by_node = read_by_node || uses > (g->value.v[n->out[k].value].region == REGION_OUTPUT);
        }
        if (!read)
            return "a node is of no use";
        if (known(g, n) && read_by_node && n->op != OP_map)
            return "a node of constants is left";
    }
    for (int i = 0; i < g->value.n; i++)
        if (g->value.v[i].kind == VAL_CONST && !value_uses(g, i))
            return "a constant is of no use";
    return NULL;
}

/* All passes that can be disabled, as a list. */
static const char *all_disabled(Arena *A)
{
    const char *list = "";
    for (int i = 0; i < npass_info; i++)
        if (pass_can_go(&pass_info[i]))
            list = arena_printf(A, "%s%s%s", list, *list ? "," : "", pass_info[i].name);
    return list;
}

/* What stands in for REDUCIBLE passes keeps the numbers, and does no more than that: elementwise nodes are not joined,
   no tile is larger than a vector, and no value lies where another one lay. */
static const char *check_least(const Graph *g)
{
    for (int i = 0; i < g->node.n; i++) {
        const Node *n = &g->node.v[i];
        if (n->nstep > (n->op == OP_map))
            return "a step joined an anchor";
        if (!n->out[0].kernel.n && n->sched->px * n->sched->rows * n->sched->nb != 1)
            return "a tile was chosen";
    }
    for (int a = 0; a < g->value.n; a++)
        for (int b = 0; b < a; b++) {
            const Value *x = &g->value.v[a], *y = &g->value.v[b];
            bool arena = in_arena(g, a) && in_arena(g, b);
            bool view = arena && (op_is(g->node.v[x->node].op, P_VIEW) || op_is(g->node.v[y->node].op, P_VIEW));
            if (arena && !view && x->offset < y->offset + y->bytes && y->offset < x->offset + x->bytes)
                return "two values share memory";
        }
    return NULL;
}

static void test_least(void)
{
    for (uint64_t seed = 1; seed <= GRAPHS; seed++) {
        Arena *A = arena_new();
        Graph *g = graph_of(A, seed);
        PassOptions o = {.target = target_of(seed), .opt = 2, .verify_each = true, .disable = all_disabled(A)};
        CU_ASSERT_FATAL(passes_check_options(&o) && passes_run(g, &o));
        const char *wrong = check_least(g);
        if (wrong)
            fail(seed, "with everything disabled", wrong);
        arena_free(A);
    }
}

static void test_facts(void)
{
    for (uint64_t seed = 1; seed <= GRAPHS; seed++) {
        Arena *A = arena_new();
        const char *wrong = check_facts(planned(A, seed, target_of(seed)));
        if (wrong)
            fail(seed, "all passes", wrong);
        arena_free(A);
    }
}

/* ---- limits ---- */

/* Sums of more values than a kernel has parameters. */
static void test_operands(void)
{
    enum { TERMS = 100 };
    Arena *A = arena_new();
    Graph *g = graph_new(A, "sums");
    const char *err;
    Type t = type_make(DT_F32, 1, (const int64_t[]){8});
    ValueId x = graph_input(g, "x", t, (Loc){0}), term[TERMS];
    Attrs a;
    attrs_default(OP_softmax, &a);
    for (int i = 0; i < TERMS; i++)
        term[i] = node_value(g, graph_add(g, OP_softmax, &a, i ? &term[i - 1] : &x, 1, NULL, (Loc){0}, &err));
    for (int i = 0; i < TERMS; i++)
        x = node_value(g, graph_add(g, OP_add, NULL, (const ValueId[]){x, term[i]}, 2, NULL, (Loc){0}, &err));
    g->value.v[x].name = "y";
    PUSH(A, &g->output, x);
    PassOptions o = {.target = target_find("generic"), .verify_each = true};
    CU_ASSERT_FATAL(passes_run(g, &o));
    int steps = 0;
    for (int i = 0; i < g->node.n; i++) {
        CU_ASSERT(g->node.v[i].nstep <= 33);
        steps += g->node.v[i].nstep;
    }
    CU_ASSERT_EQUAL(steps, TERMS);
    lower_graph(A, g, o.target, false);
    arena_free(A);
}

/* ---- Winograd's method ---- */

static Impl conv_impl(const char *target)
{
    Arena *A = arena_new();
    Graph *g = graph_new(A, "conv");
    const char *err;
    ValueId x = graph_input(g, "x", type_make(DT_F32, 4, (const int64_t[]){1, 32, 14, 14}), (Loc){0});
    ValueId w = graph_const(g, "w", type_make(DT_F32, 4, (const int64_t[]){32, 32, 3, 3}), (Loc){0});
    Attrs a;
    attrs_default(OP_conv2d, &a);
    a.pad = (Ints){4, {1, 1, 1, 1}};
    ValueId y = node_value(g, graph_add(g, OP_conv2d, &a, (const ValueId[]){x, w}, 2, NULL, (Loc){0}, &err));
    g->value.v[y].name = "y";
    PUSH(A, &g->output, y);
    PassOptions o = {.target = target_find(target), .winograd = 2, .passes = "choose-kernels"};
    CU_ASSERT_FATAL(passes_check_options(&o) && passes_run(g, &o));
    Impl impl = g->node.v[value_def(g, y)].sched->impl;
    arena_free(A);
    return impl;
}

/* Other scalar targets have it where it is asked for. Microcontrollers never do: no room in flash for the weights. */
static void test_winograd_targets(void)
{
    CU_ASSERT_EQUAL(conv_impl("generic"), IMPL_WINOGRAD);
    CU_ASSERT_EQUAL(conv_impl("x86-64-v3"), IMPL_WINOGRAD);
    for (int i = 0; i < ntargets; i++)
        if (targets[i].mcu)
            CU_ASSERT_NOT_EQUAL(conv_impl(targets[i].name), IMPL_WINOGRAD);
}

void suite_passes(void)
{
    CU_pSuite s = CU_add_suite("passes", NULL, NULL);
    CU_add_test(s, "Winograd's method and targets", test_winograd_targets);
    CU_add_test(s, "canonicalize on random graphs", test_canonicalize);
    CU_add_test(s, "sink-transposes on random graphs", test_sink_transposes);
    CU_add_test(s, "fold-constants on random graphs", test_fold_constants);
    CU_add_test(s, "fold-batch-norm on random graphs", test_fold_batch_norm);
    CU_add_test(s, "algebra on random graphs", test_algebra);
    CU_add_test(s, "dce on random graphs", test_dce);
    CU_add_test(s, "fuse-epilogue on random graphs", test_fuse_epilogue);
    CU_add_test(s, "choose-kernels on random graphs", test_choose_kernels);
    CU_add_test(s, "assign-layout on random graphs", test_assign_layout);
    CU_add_test(s, "match-borders on random graphs", test_match_borders);
    CU_add_test(s, "order on random graphs", test_order);
    CU_add_test(s, "plan-memory on random graphs", test_plan_memory);
    CU_add_test(s, "decompose-batch-norm on random graphs", test_decompose_batch_norm);
    CU_add_test(s, "wrap-elementwise on random graphs", test_wrap_elementwise);
    CU_add_test(s, "default-kernels on random graphs", test_default_kernels);
    CU_add_test(s, "place-apart on random graphs", test_place_apart);
    CU_add_test(s, "what all passes leave behind", test_facts);
    CU_add_test(s, "what disabled passes still do", test_least);
    CU_add_test(s, "operands of a group", test_operands);
}
