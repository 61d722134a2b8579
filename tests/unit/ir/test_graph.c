/* Graphs: building and changing, the checker, costs, reference evaluation. The numbers of every operator are compared
   with PyTorch in tests/exec/ops_torch.py. */
#include "graph_text.h"

#include <stdio.h>
#include <string.h>

void suite_graph(void);

/* ---- building and changing ---- */

static const Loc nowhere = {0};

static ValueId add(Graph *g, Op op, const Attrs *t, const ValueId *in, int nin)
{
    const char *err;
    int node = graph_add(g, op, t, in, nin, NULL, nowhere, &err);
    if (node < 0) {
        fprintf(stderr, "%s: %s\n", op_info[op].name, err);
        CU_FAIL_FATAL("graph_add");
    }
    return node_value(g, node);
}

static Graph *small_net(Arena *a)
{
    return must_parse(a, "graph @net (%x: f32[1,3,8,8]) -> (%y: f32[1,10]) {\n"
                         "  const @w : f32[4,3,3,3]\n  const @b : f32[4]\n  const @m : f32[4]\n  const @v : f32[4]\n"
                         "  const @fc : f32[10,4]\n"
                         "  %1 = conv2d %x, @w {pad=1} : f32[1,4,8,8] name=conv\n"
                         "  %2 = batch_norm %1, @b, @b, @m, @v : f32[1,4,8,8]\n"
                         "  %3 = relu %2 : f32[1,4,8,8]\n"
                         "  %4 = mean %3 {axes=[2,3]} : f32[1,4]\n"
                         "  %y = linear %4, @fc : f32[1,10]\n}\n");
}

static void test_build(void)
{
    Arena *a = arena_new();
    int64_t dims[] = {1, 4};
    Type t = type_make(DT_F32, 2, dims);
    Graph *g = graph_new(a, "g");
    ValueId x = graph_input(g, "x", t, nowhere), c = graph_const(g, "c", t, nowhere);
    CU_ASSERT_EQUAL(graph_const(g, "c", t, nowhere), c);
    float one[4] = {1, 2, 3, 4};
    ValueId d = graph_const_f32(g, "c", t, one);
    one[0] = 9;
    CU_ASSERT(d != c && strcmp(g->value.v[d].name, "c") != 0);
    CU_ASSERT_EQUAL(tensor_at(g->value.v[d].tensor, 0), 1);
    ValueId in[2] = {x, c};
    const char *err = NULL;
    CU_ASSERT_EQUAL(graph_add(g, OP_conv2d, NULL, in, 2, NULL, nowhere, &err), -1);
    CU_ASSERT_STRING_EQUAL(err, "input f32[1,4] has rank 2, [N,C,H,W] expected");
    CU_ASSERT_EQUAL(g->node.n, 0);
    ValueId sum = add(g, OP_add, NULL, in, 2), soft = add(g, OP_softmax, NULL, &sum, 1);
    CU_ASSERT_EQUAL(g->node.v[1].attr.axis, 1);
    PUSH(a, &g->output, soft);
    g->value.v[soft].name = "p";
    CU_ASSERT(!graph_check(g));
    CU_ASSERT(value_uses(g, x) == 1 && value_uses(g, soft) == 1 && value_uses(g, d) == 0);
    CU_ASSERT(g->value.v[x].origin == -1 && g->value.v[sum].origin == -1);
    arena_free(a);
}

/* A pass that makes the same constant again gets the one that is there, subnormal numbers or not. */
static void test_constants_again(void)
{
    static const float numbers[][2] = {{1, 2}, {1, 1e-39f}, {-1e-40f, 3}};
    Arena *a = arena_new();
    int64_t two = 2;
    Type t = type_make(DT_F32, 1, &two);
    Graph *g = graph_new(a, "g");
    for (int i = 0; i < LEN(numbers); i++) {
        ValueId c = graph_const_f32(g, "c", t, numbers[i]);
        CU_ASSERT_EQUAL(graph_const_f32(g, "c", t, numbers[i]), c);
        CU_ASSERT_EQUAL(g->value.n, i + 1);
        CU_ASSERT_EQUAL(tensor_at(g->value.v[c].tensor, 0), i == 2 ? 0 : 1);
    }
    arena_free(a);
}

static void test_replace(void)
{
    Arena *a = arena_new();
    Graph *g = small_net(a);
    for (int i = 0; i < g->value.n; i++)
        g->value.v[i].origin = i;
    ValueId bn = node_value(g, 1), relu = node_value(g, 2), y = g->output.v[0];
    /* A pass puts relu6 in relu's place: appended, then sorted into its place. */
    ValueId relu6 = add(g, OP_relu6, NULL, &bn, 1);
    value_replace(g, relu, relu6);
    CU_ASSERT(value_uses(g, relu) == 0 && value_uses(g, relu6) == 1 && g->value.v[relu6].origin == relu);
    CU_ASSERT(strstr(graph_check(g), "operand 0 is used before it is made") != NULL);
    node_remove(g, 2);
    CU_ASSERT_EQUAL(g->value.v[relu].kind, VAL_DEAD);
    graph_compact(g);
    CU_ASSERT(!graph_check(g));
    CU_ASSERT(g->node.n == 5 && g->node.v[2].op == OP_relu6 && g->node.v[3].op == OP_mean);
    /* The output's new value takes its name and origin. */
    ValueId neg = add(g, OP_neg, NULL, &y, 1), back = add(g, OP_neg, NULL, &neg, 1);
    g->value.v[back].origin = 1;
    g->output.v[0] = back;
    g->value.v[back].name = "z";
    g->value.v[y].name = NULL;
    value_replace(g, back, y);
    CU_ASSERT(g->output.v[0] == y && !strcmp(g->value.v[y].name, "z") && g->value.v[y].origin == 1);
    CU_ASSERT(!g->value.v[back].name);
    CU_ASSERT(!graph_check(g));
    arena_free(a);
}

/* An input cannot become an output under another name: the copy stays. */
static void test_replace_by_input(void)
{
    Arena *a = arena_new();
    Graph *g = must_parse(a, "graph @g (%x: f32[1,2]) -> (%y: f32[1,2], %z: f32[1,2]) {\n"
                             "  %y = flatten %x : f32[1,2]\n  %z = relu %y : f32[1,2]\n}\n");
    ValueId x = g->input.v[0], y = g->output.v[0], z = g->output.v[1];
    value_replace(g, y, x);
    CU_ASSERT(g->output.v[0] == y && g->node.v[1].in[0] == x && !graph_check(g));
    value_replace(g, z, y);
    CU_ASSERT(g->output.v[1] == z && !strcmp(g->value.v[y].name, "y") && !strcmp(g->value.v[z].name, "z"));
    CU_ASSERT(!graph_check(g));
    arena_free(a);
}

static void test_compact_keeps_order(void)
{
    Arena *a = arena_new();
    Graph *g = small_net(a);
    Graph *c = graph_clone(a, g);
    graph_compact(c);
    CU_ASSERT(!graph_diff(a, g, c));
    /* Reversed nodes come back in order. */
    for (int i = 0; i < c->node.n; i++)
        c->node.v[i] = g->node.v[g->node.n - 1 - i];
    for (int i = 0; i < c->node.n; i++)
        c->value.v[c->node.v[i].out[0].value].node = i;
    CU_ASSERT(graph_check(c) != NULL);
    graph_compact(c);
    CU_ASSERT(!graph_check(c) && !graph_diff(a, g, c));
    arena_free(a);
}

static void test_clone(void)
{
    Arena *a = arena_new(), *b = arena_new();
    Graph *g = must_parse(a, fused), *c = graph_clone(b, g);
    CU_ASSERT(!graph_diff(a, g, c) && !graph_check(c));
    c->node.v[1].step[0].in[1] = c->input.v[0];
    c->node.v[1].out[1].step = 0;
    c->node.v[0].attr.groups = 3;
    c->value.v[0].type.dim[0] = 7;
    CU_ASSERT(!graph_diff(a, g, must_parse(a, fused)));
    CU_ASSERT(c->value.v[dict_get(&c->consts, "k")].tensor->data == g->value.v[dict_get(&g->consts, "k")].tensor->data);
    arena_free(b);
    arena_free(a);
}

static void test_check(void)
{
    Arena *a = arena_new();
    Graph *good_one = must_parse(a, fused);
    const int fusednode = 1;
#define BREAK(change, message)                                                                                         \
    do {                                                                                                               \
        Graph *g = graph_clone(a, good_one);                                                                           \
        Node *n = &g->node.v[fusednode];                                                                               \
        (void)n;                                                                                                       \
        change;                                                                                                        \
        const char *err = graph_check(g);                                                                              \
        if (!err || !strstr(err, message))                                                                             \
            fprintf(stderr, "expected '%s', got '%s'\n", message, err ? err : "nothing");                              \
        CU_ASSERT(err && strstr(err, message));                                                                        \
        print(a, g, PRINT_LAYOUT); /* dumps of broken graphs must not fail */                                          \
    } while (0)
    BREAK(n->in[0] = 99999, "node 1 (conv2d 'conv1'): operand 0 is used before it is made");
    BREAK(n->in[0] = n->out[0].value, "operand 0 is used before it is made");
    BREAK(n->step[2].in[1] = g->node.v[2].out[0].value, "step 3: operand 1 is used before it is made");
    BREAK(n->step[0].in[0] = ~1, "step 1 (bias): operand 0 is neither a value nor an earlier step");
    BREAK(n->step[1].op = OP_softmax, "step 2 is not elementwise");
    BREAK(n->step[1].nin = 0, "step 2 (relu): 0 operands found, 1 expected");
    BREAK(n->step[0].attr.axis = -3, "attributes are not in their normal form");
    BREAK(n->step[0].attr.axis = 0, "step 1 (bias): input f32[1,4,4,4] has size 1 in dimension 0, bias is f32[4]");
    BREAK(n->attr.stride.n = 1, "attributes are not in their normal form");
    BREAK(n->attr.stride.v[0] = 0, "stride is 0, at least 1 expected");
    BREAK(n->attr.stride.v[0] = 4, "step 3 (add)");
    BREAK(n->out[0].step = 7, "out 0 is of step 7, there are 6");
    BREAK(n->out[1].axes.v[0] = 9, "out 1: axis 9 is not a dimension of f32[1,4,4,4]");
    BREAK(n->out[1].keep = true, "result 1 is f32[1,4], inferred is f32[1,4,1,1]");
    BREAK(n->nout = 0, "0 results, 1 to 16 expected");
    BREAK(g->value.v[n->out[1].value].out = 0, "result 1 is a value of node 1, out 0");
    BREAK(g->value.v[n->out[1].value].kind = VAL_DEAD, "result 1 is not a value of the graph");
    BREAK(g->node.v[2].out[1].step = 1, "not an operator that carries an epilogue");
    BREAK(g->node.v[2].nout = 1, "1 results, 2 expected");
    BREAK(g->node.v[0].op = OP_NONE, "step 3: operand 1 is used before it is made");
    BREAK(g->value.v[0].type.dim[1] = 0, "value 0 has no valid type");
    BREAK(g->value.v[0].origin = g->value.n, "is not a value");
    BREAK(g->value.v[0].layout.cstride = 2, "an nhwc layout with c=2 does not fit");
    BREAK(g->value.v[g->output.v[1]].layout.border[0] = 1, "a layout other than nhwc has a border");
    BREAK(g->value.v[g->output.v[0]].name = "image", "two values are called 'image'");
    BREAK(g->value.v[g->output.v[2]].tensor->type.dim[0] = 3, "constant 'k' and its tensor differ in type");
    BREAK(g->output.n = 0, "the graph has no output");
    BREAK(g->output.v[0] = -1, "output 0 is never made");
    BREAK(g->input.v[0] = g->output.v[0], "input 0 is not an input value");
    arena_free(a);
}

static void test_costs(void)
{
    Arena *a = arena_new();
    Graph *g = small_net(a);
    CU_ASSERT_EQUAL(node_macs(g, &g->node.v[0]), 4 * 3 * 3 * 3 * 8 * 8);
    CU_ASSERT_EQUAL(node_macs(g, &g->node.v[4]), 40);
    CU_ASSERT_EQUAL(graph_macs(g), 4 * 3 * 3 * 3 * 8 * 8 + 40);
    CU_ASSERT_EQUAL(graph_parameters(g), 4 * 3 * 3 * 3 + 4 + 40); /* @b is weight and bias; @m and @v do not count */
    Graph *t = must_parse(a, one_liner(a, "", "conv_transpose2d %x, @dw {groups=6, stride=2}", "f32[1,6,19,19]"));
    CU_ASSERT_EQUAL(graph_macs(t), 6 * 81 * 9);
    Graph *m = must_parse(a, one_liner(a, "", "matmul %x, %x", "f32[1,6,9,9]"));
    CU_ASSERT_EQUAL(graph_macs(m), 6 * 9 * 9 * 9);
    Graph *big = must_parse(a, "graph @g (%x: f32[1048576,1048576]) -> (%y: f32[1048576,1048576]) {\n"
                               "  %1 = matmul %x, %x : f32[1048576,1048576]\n"
                               "  %2 = matmul %x, %1 : f32[1048576,1048576]\n"
                               "  %3 = matmul %x, %2 : f32[1048576,1048576]\n"
                               "  %4 = matmul %x, %3 : f32[1048576,1048576]\n"
                               "  %5 = matmul %x, %4 : f32[1048576,1048576]\n"
                               "  %6 = matmul %x, %5 : f32[1048576,1048576]\n"
                               "  %7 = matmul %x, %6 : f32[1048576,1048576]\n"
                               "  %y = matmul %x, %7 : f32[1048576,1048576]\n}\n");
    CU_ASSERT_EQUAL(graph_macs(big), INT64_MAX);
    arena_free(a);
}

/* ---- evaluation ---- */

typedef struct Seen { Arena *arena; const Graph *g; double **v; int *calls; } Seen;

static void remember(void *user, ValueId id, const double *x)
{
    Seen *s = user;
    int64_t n = type_elems(&s->g->value.v[id].type);
    s->v[id] = NEW(s->arena, double, n);
    memcpy(s->v[id], x, (size_t)n * sizeof *x);
    s->calls[id]++;
}

static Seen eval(Arena *a, const Graph *g, const double *const *in)
{
    Seen s = {a, g, NEW(a, double *, g->value.n), NEW(a, int, g->value.n)};
    graph_eval(g, in, remember, &s);
    return s;
}

static void test_eval(void)
{
    Arena *a = arena_new();
    /* Sums of 2x2 windows of 0..8, and ten times their last element. */
    Graph *g = must_parse(a, "graph @g (%x: f32[1,1,3,3]) -> (%y: f32[1,2,2,2], %x: f32[1,1,3,3], @b: f32[2]) {\n"
                             "  const @w : f32[2,1,2,2] = [1, 1, 1, 1, 0, 0, 0, 10]\n  const @b : f32[2] = [0.5, -1]\n"
                             "  %y = conv2d %x, @w, @b : f32[1,2,2,2]\n}\n");
    double x[9] = {0, 1, 2, 3, 4, 5, 6, 7, 8};
    static const double want[8] = {8.5, 12.5, 20.5, 24.5, 39, 49, 69, 79};
    Seen s = eval(a, g, (const double *const[]){x});
    CU_ASSERT(!memcmp(s.v[g->output.v[0]], want, sizeof want));
    CU_ASSERT(s.calls[g->output.v[0]] == 1 && s.calls[g->output.v[1]] == 1 && s.calls[g->output.v[2]] == 1);
    CU_ASSERT_EQUAL(s.v[g->output.v[1]][8], 8);
    CU_ASSERT_EQUAL(s.v[g->output.v[2]][1], -1);
    CU_ASSERT_EQUAL(s.calls[dict_get(&g->consts, "w")], 0);
    arena_free(a);
}

/* One anchor with everything that an epilogue can hold, and the same as nodes of their own. */
static void test_eval_epilogue(void)
{
    Arena *a = arena_new();
    const char *head = "(%x: f32[1,3,5,5], %r: f32[1,4,5,5]) -> (%o: f32[1,4,5,5], %m: f32[1,4], %k: f32[1,1,5,5], "
                       "%s: f32[4,5], %raw: f32[1,4,5,5]) {\n"
                       "  const @w : f32[4,3,3,3]\n  const @b : f32[4] = [1, -2, 3, 0.5]\n"
                       "  const @row : f32[5] = [1, 2, 3, 4, 5]\n";
    const char *fused_text = "  %o, %m, %k, %s, %raw = conv2d %x, @w {pad=1}\n"
                             "    epilogue { bias @b ; relu ; add %r ; sub @row, $3 {} ; mul $4, $2 }\n"
                             "    -> $5, mean($2, axes=[2,3]), max($4, axes=[1], keep=true), sum($5, axes=[0,2]), $0\n"
                             "    : f32[1,4,5,5], f32[1,4], f32[1,1,5,5], f32[4,5], f32[1,4,5,5]\n}\n";
    const char *plain = "  %raw = conv2d %x, @w {pad=1} : f32[1,4,5,5]\n  %1 = bias %raw, @b : f32[1,4,5,5]\n"
                        "  %2 = relu %1 : f32[1,4,5,5]\n  %3 = add %2, %r : f32[1,4,5,5]\n"
                        "  %4 = sub @row, %3 : f32[1,4,5,5]\n  %o = mul %4, %2 : f32[1,4,5,5]\n"
                        "  %m = mean %2 {axes=[2,3]} : f32[1,4]\n  %k = max %4 {axes=[1], keep=true} : f32[1,1,5,5]\n"
                        "  %s = sum %o {axes=[0,2]} : f32[4,5]\n}\n";
    double x[75], r[100];
    float w[108];
    Rng rng = rng_seed(7, "epilogue");
    for (int i = 0; i < 75; i++)
        x[i] = rng_normal(&rng);
    for (int i = 0; i < 100; i++)
        r[i] = rng_normal(&rng);
    for (int i = 0; i < 108; i++)
        w[i] = (float)rng_normal(&rng);
    Seen s[2];
    Graph *g[2];
    for (int i = 0; i < 2; i++) {
        g[i] = must_parse(a, arena_printf(a, "graph @g %s%s", head, i ? plain : fused_text));
        CU_ASSERT(!graph_check(g[i]));
        g[i]->value.v[dict_get(&g[i]->consts, "w")].tensor->data = w;
        s[i] = eval(a, g[i], (const double *const[]){x, r});
    }
    for (int i = 0; i < g[0]->output.n; i++) {
        ValueId p = g[0]->output.v[i], q = g[1]->output.v[i];
        CU_ASSERT(!memcmp(s[0].v[p], s[1].v[q], (size_t)type_elems(&g[0]->value.v[p].type) * sizeof(double)));
    }
    arena_free(a);
}

/* Weights beyond a limit are read by blocks of rows; the last block is a short one. */
static void test_eval_big_linear(void)
{
    Arena *a = arena_new();
    enum { IN = 3000, OUT = 2997 };
    Graph *g = must_parse(a, "graph @g (%x: f32[2,3000]) -> (%y: f32[2,2997]) {\n  const @w : f32[2997,3000]\n"
                             "  const @b : f32[2997]\n  %y = linear %x, @w, @b : f32[2,2997]\n}\n");
    double *x = NEW(a, double, 2 * IN);
    float *w = NEW(a, float, (size_t)IN * OUT), *b = NEW(a, float, OUT);
    for (int i = 0; i < 2 * IN; i++)
        x[i] = i % 7 - 3;
    for (int i = 0; i < IN * OUT; i++)
        w[i] = (float)(i % 11 - 5);
    for (int i = 0; i < OUT; i++)
        b[i] = (float)i;
    g->value.v[dict_get(&g->consts, "w")].tensor->data = w;
    g->value.v[dict_get(&g->consts, "b")].tensor->data = b;
    Seen s = eval(a, g, (const double *const[]){x});
    int wrong = 0;
    for (int r = 0; r < 2; r++)
        for (int o = 0; o < OUT; o++) {
            double sum = o;
            for (int i = 0; i < IN; i++)
                sum += x[r * IN + i] * (double)w[o * IN + i];
            wrong += s.v[g->output.v[0]][r * OUT + o] != sum;
        }
    CU_ASSERT_EQUAL(wrong, 0);
    arena_free(a);
}

void suite_graph(void)
{
    CU_pSuite s = CU_add_suite("graph", NULL, NULL);
    CU_add_test(s, "building", test_build);
    CU_add_test(s, "constants made again", test_constants_again);
    CU_add_test(s, "replacing values", test_replace);
    CU_add_test(s, "replacing by an input", test_replace_by_input);
    CU_add_test(s, "order", test_compact_keeps_order);
    CU_add_test(s, "clones", test_clone);
    CU_add_test(s, "checker", test_check);
    CU_add_test(s, "costs", test_costs);
    CU_add_test(s, "evaluation", test_eval);
    CU_add_test(s, "evaluation of an epilogue", test_eval_epilogue);
    CU_add_test(s, "evaluation of a large linear", test_eval_big_linear);
}
