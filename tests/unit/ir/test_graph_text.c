/* The graph's text: what is read and printed, the messages of the parser, differences. */
#include "graph_text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void suite_graph_text(void);

static void test_text(void)
{
    Arena *a = arena_new();
    Graph *g = must_parse(a, fused);
    CU_ASSERT(!graph_check(g));
    expect_text(print(a, g, PRINT_LAYOUT), fused);
    const Node *n = &g->node.v[1];
    CU_ASSERT(n->nstep == 6 && n->nout == 3 && n->out[0].step == 6 && n->out[1].red == RED_MEAN);
    CU_ASSERT(n->step[2].nin == 2 && n->step[2].in[0] == ~2 && n->step[2].in[1] == g->node.v[0].out[0].value);
    CU_ASSERT(n->step[3].in[1] == ~3 && n->step[4].in[0] == ~1 && n->step[4].in[1] == ~4);
    CU_ASSERT_STRING_EQUAL(n->name, "conv1");
    CU_ASSERT_STRING_EQUAL(n->layers, "conv1 + \"bn1\"");
    CU_ASSERT(n->scratch == 5 && n->scratch_offset == 960);
    CU_ASSERT(g->arena_bytes == 4096 && g->arena_lower_bound == 2048);
    const Value *v = &g->value.v[n->out[0].value];
    CU_ASSERT(v->layout.order == ORDER_NHWC && v->layout.cstride == 8 && v->layout.border[2] == 1);
    CU_ASSERT(v->region == REGION_ARENA && v->offset == 0 && v->bytes == 800);
    /* Large constants print their numbers on request only; without them the graphs still correspond. */
    float data[108];
    for (int i = 0; i < 108; i++)
        data[i] = (float)i / 7;
    Tensor *t = g->value.v[dict_get(&g->consts, "conv1.weight")].tensor;
    t->data = data;
    expect_text(print(a, g, PRINT_LAYOUT), fused);
    CU_ASSERT(!graph_diff(a, g, must_parse(a, fused)));
    Graph *full = must_parse(a, print(a, g, PRINT_LAYOUT | PRINT_DATA));
    CU_ASSERT(!graph_diff(a, g, full));
    CU_ASSERT_EQUAL(tensor_at(full->value.v[dict_get(&full->consts, "conv1.weight")].tensor, 5), (double)data[5]);
    data[5] = 0;
    CU_ASSERT(strstr(graph_diff(a, g, full), "constant 'conv1.weight' differs at element 5") != NULL);
    arena_free(a);
}

static void test_places(void)
{
    Arena *a = arena_new();
    const char *text = "graph @g (%x: f32[1]) -> (%\"1\": f32[1]) {\n  ; nothing\n  %\"1\" = relu %x : f32[1]\n}\n";
    Graph *g = must_parse(a, text);
    expect_text(print(a, g, PRINT_LOC),
                "graph @g (%x: f32[1]) -> (%\"1\": f32[1]) {\n  %\"1\" = relu %x : f32[1]  ; test.dsq:3\n}\n");
    arena_free(a);
}

static void test_parse_errors(void)
{
    static const struct { const char *text, *message; } cases[] = {
        {"", "test.dsq:1:1: error: 'graph' expected, found the end\n"},
        {"graph @g (%x: f32[1]) -> (%y: f32[1]) {\n  %y = rellu %x : f32[1]\n}\n",
         "test.dsq:2:8: error: unknown operator 'rellu'\n   2 |   %y = rellu %x : f32[1]\n"
         "     |        ^~~~~ did you mean 'relu'?\n"},
        {"graph @g (%x: f32[1]) -> (%y: f32[1]) {\n  %y = leaky_relu %x {alhpa=1} : f32[1]\n}\n",
         "test.dsq:2:23: error: leaky_relu: unknown attribute 'alhpa'\n"},
        {"graph @g (%x: f32[1]) -> (%y: f32[1]) {\n  %y = add %x, %z : f32[1]\n}\n",
         "test.dsq:2:16: error: %z is not made before its use\n"},
        {"graph @g (%x: f32[1]) -> (%y: f32[1]) {\n  %y = add %x, @weihgt : f32[1]\n}\n",
         "test.dsq:2:16: error: @weihgt is not made before its use\n"},
        {"graph @g (%x: f32[1]) -> (%y: f32[2]) {\n  %y = relu %x : f32[1]\n}\n",
         "test.dsq:1:28: error: output y is f32[1], the text says f32[2]\n"},
        {"graph @g (%x: f32[1]) -> (%y: f32[1]) {\n  %y = relu %x : f32[2]\n}\n",
         "test.dsq:2:18: error: relu gives f32[1], the text says f32[2]\n"},
        {"graph @g (%x: f32[1]) -> (%y: f32[1]) {\n  %x = relu %x : f32[1]\n}\n",
         "test.dsq:2:3: error: %x is made twice\n"},
        {"graph @g (%x: f32[1]) -> (%y: f32[1]) {\n}\n", "test.dsq:1:28: error: output y is never made\n"},
        {"graph @g (%x: f32[0]) -> (%y: f32[1]) {\n}\n",
         "test.dsq:1:15: error: sizes must be 1 or more, and a tensor at most 2^40 elements\n"},
        {"graph @g (%7: f32[1]) -> (%7: f32[1]) {\n}\n", "test.dsq:1:12: error: an input needs a name"},
        {"graph @g (%x: f32[1]) -> (%x: f32[1]) {\n  const @c : f32[2] = [1]\n}\n",
         "test.dsq:2:10: error: 1 numbers for f32[2]\n"},
        {"graph @g (%x: f32[1]) -> (%x: f32[1]) {\n  const @c : f32[2]\n  const @c : f32[2]\n}\n",
         "test.dsq:3:10: error: constant @c stands twice\n"},
        {"graph @g (%x: f32[1]) -> (%x: f32[1]) {\n  %1 = leaky_relu %x {alpha=1, alpha=2} : f32[1]\n}\n",
         "test.dsq:2:32: error: alpha stands twice\n"},
        {"graph @g (%x: f32[1]) -> (%x: f32[1]) {\n  %1 = relu %x epilogue { relu } : f32[1]\n}\n",
         "test.dsq:2:8: error: relu carries no epilogue\n"},
        {"graph @g (%x: f32[1]) -> (%x: f32[1]) {\n  %1 = map %x epilogue { add $0, $1 } : f32[1]\n}\n",
         "test.dsq:2:8: error: map: step 1 (add): operand 1 is neither a value nor an earlier step\n"},
        {"graph @g (%x: f32[1]) -> (%x: f32[1]) {\n  %1 = map %x epilogue { softmax } : f32[1]\n}\n",
         "test.dsq:2:8: error: map: step 1 is not elementwise\n"},
        {"graph @g (%x: f32[1], %z: f32[2]) -> (%x: f32[1]) {\n  %1 = map %x epilogue { add %z } : f32[1]\n}\n",
         "test.dsq:2:8: error: map: step 1 (add) gives f32[2], the anchor f32[1]\n"},
        {"graph @g (%x: f32[1]) -> (%x: f32[1]) {\n  %1 = map %x -> $1 : f32[1]\n}\n",
         "test.dsq:2:8: error: map: out 0 is of step 1, there are 0\n"},
        {"graph @g (%x: f32[1]) -> (%x: f32[1]) {\n  %1 = map %x -> mean($0, axes=[1]) : f32[1]\n}\n",
         "test.dsq:2:22: error: axis 1 is not a dimension of f32[1]\n"},
        {"graph @g (%x: f32[1]) -> (%x: f32[1]) {\n} x", "test.dsq:2:3: error: the end expected, found 'x'\n"},
        {"graph @\"g (", "test.dsq:1:8: error: the string does not end on its line\n"},
        {"graph @\"\\q\" (", "test.dsq:1:10: error: '\\q' is not an escape"},
        {"graph @g (%x: f32[1] nhwc(c=1)) -> (", "test.dsq:1:22: error: an nhwc layout with c=1 does not fit f32[1]\n"},
        {"graph @g (%x: f32[2] strided(stride=[1,2])) -> (",
         "test.dsq:1:37: error: one stride per dimension, none negative\n"},
        {"graph @g (%x: f32[2] strided(stride=[1])) -> (", "test.dsq:1:22: error: a strided layout has no storage\n"},
        {"graph @g (%x: f32[2] strided(stride=[4]) group(1, first=2, room=6)) -> (",
         "test.dsq:1:22: error: f32[2] reaches element 6 of 6\n"},
        {"graph @g (%x: f32[2] strided(stride=[0], axis=0, at=[0:3]) group(1, first=0, room=6)) -> (",
         "test.dsq:1:53: error: runs FIRST:END:STEP of 2 indices altogether are expected\n"},
        {"graph @g (%x: f32[2] strided(stride=[0], axis=0, at=[3]) group(1, first=0, room=6)) -> (",
         "test.dsq:1:53: error: 1 indices, the dimension has 2\n"},
        {"graph @g (%x: f32[2] group(0, first=0, room=6)) -> (", "test.dsq:1:27: error: groups count from 1\n"},
    };
    for (int i = 0; i < LEN(cases); i++) {
        Arena *a = arena_new();
        Buf m;
        Graph *g = parse(a, cases[i].text, &m);
        if (g || !m.s || strncmp(m.s, cases[i].message, strlen(cases[i].message)) != 0)
            fprintf(stderr, "%s\nexpected:\n%s\ngot:\n%s\n", cases[i].text, cases[i].message, m.s ? m.s : "nothing");
        CU_ASSERT(!g && m.s && !strncmp(m.s, cases[i].message, strlen(cases[i].message)));
        buf_free(&m);
        arena_free(a);
    }
}

/* Each pair differs in what the message names. */
static void test_diff(void)
{
    static const struct { const char *a, *b, *message; } cases[] = {
        {"%y = relu %x : f32[4]", "%y = abs %x : f32[4]", "relu and abs"},
        {"%y = leaky_relu %x : f32[4]", "%y = leaky_relu %x {alpha=2} : f32[4]", "attributes differ"},
        {"%1 = relu %x : f32[4] %2 = abs %x : f32[4] %y = sub %1, %2 : f32[4]",
         "%1 = relu %x : f32[4] %2 = abs %x : f32[4] %y = sub %2, %1 : f32[4]", "operand 0 differs"},
        {"%y = relu %x : f32[4] name=a", "%y = relu %x : f32[4]", "names differ"},
        {"%y = relu %x : f32[4] %1 = abs %x : f32[4]", "%y = relu %x : f32[4]", "the first graph has more nodes"},
        {"%y = map %x epilogue { relu ; add $0 } : f32[4]", "%y = map %x epilogue { relu ; add $1 } : f32[4]",
         "step 2: operand 1 differs"},
        {"%1, %y = map %x epilogue { relu } -> $0, $1 : f32[4], f32[4]",
         "%1, %y = map %x epilogue { relu } -> $1, $1 : f32[4], f32[4]", "result 0 is taken another way"},
        {"%y = relu %x : f32[4] arena(offset=64, bytes=16)", "%y = relu %x : f32[4] arena(offset=0, bytes=16)",
         "result 0 lies elsewhere"},
        {"%y = relu %x : f32[4] arena(offset=0, bytes=32)", "%y = relu %x : f32[4] arena(offset=0, bytes=16)",
         "result 0 lies elsewhere"},
        {"%y = relu %x : f32[4] arena(offset=0, bytes=16)", "%y = relu %x : f32[4] output(offset=0, bytes=16)",
         "result 0 lies elsewhere"},
        {"const @c : f32[1] = [1] %y = add %x, @c : f32[4]", "const @c : f32[1] = [2] %y = add %x, @c : f32[4]",
         "constant 'c' differs at element 0: 1 and 2"},
        {"const @c : f32[1] = [1] %y = add %x, @c : f32[4]", "const @c : f32[1] %y = add %x, @c : f32[4]",
         "constant 'c' has numbers in one graph only"},
        {"const @c : f32[1] %y = relu %x : f32[4]", "%y = relu %x : f32[4]", "constant 'c' is in the first graph only"},
        {"%y = relu %x : f32[4] %1 = relu %x : f32[4]", "%1 = relu %x : f32[4] %y = relu %x : f32[4]",
         "output 0 differs"},
    };
    for (int i = 0; i < LEN(cases); i++) {
        Arena *a = arena_new();
        const char *form = "graph @g (%%x: f32[4]) -> (%%y: f32[4]) { %s }";
        Graph *g = must_parse(a, arena_printf(a, form, cases[i].a));
        Graph *h = must_parse(a, arena_printf(a, form, cases[i].b));
        const char *diff = graph_diff(a, g, h);
        if (!diff || !strstr(diff, cases[i].message))
            fprintf(stderr, "expected '%s', got '%s'\n", cases[i].message, diff ? diff : "nothing");
        CU_ASSERT(diff && strstr(diff, cases[i].message));
        CU_ASSERT(graph_diff(a, h, g) != NULL);
        CU_ASSERT(!graph_diff(a, g, graph_clone(a, g)));
        arena_free(a);
    }
}

void suite_graph_text(void)
{
    CU_pSuite s = CU_add_suite("graph_text", NULL, NULL);
    CU_add_test(s, "text of a fused group", test_text);
    CU_add_test(s, "places in text", test_places);
    CU_add_test(s, "messages of the parser", test_parse_errors);
    CU_add_test(s, "differences", test_diff);
}
