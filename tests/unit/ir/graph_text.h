#ifndef DSQ_TEST_GRAPH_TEXT_H
#define DSQ_TEST_GRAPH_TEXT_H
/* Graphs from text, and their text again. */
#include "../../../ir/graph/graph.h"

#include <CUnit/CUnit.h>
#include <stdio.h>
#include <string.h>

/* A graph of one line on values that all tests share; with its result's type. */
static inline char *one_liner(Arena *a, const char *values, const char *line, const char *type)
{
    return arena_printf(a,
                        "graph @g (%%x: f32[1,6,9,9], %%v: f32[2,10], %%s: f32[], %%t: f32[5,2,3], %%h: f32[1,2,4]) "
                        "-> (%%y: %s) {\n  const @ih : f32[12,3]\n  const @hh : f32[12,4]\n  const @b12 : f32[12]\n"
                        "  const @w : f32[8,6,3,3]\n  const @c6 : f32[6]\n  const @c8 : f32[8]\n"
                        "  const @fc : f32[4,10]\n  const @c4 : f32[4]\n  const @dw : f32[6,1,3,3]\n%s"
                        "  %%y = %s : %s\n}\n",
                        type, values, line, type);
}

/* Parses; *messages receives what diag said (caller frees). */
static inline Graph *parse(Arena *a, const char *text, Buf *messages)
{
    *messages = (Buf){0};
    diag_reset();
    diag_capture(messages);
    Graph *g = graph_parse(a, text, diag_file("test.dsq", text, strlen(text)));
    diag_capture(NULL);
    return g;
}

static inline Graph *must_parse(Arena *a, const char *text)
{
    Buf m;
    Graph *g = parse(a, text, &m);
    if (!g) {
        fprintf(stderr, "%s%s", text, m.s ? m.s : "");
        CU_FAIL_FATAL("the text should parse");
    }
    buf_free(&m);
    return g;
}

static inline char *print(Arena *a, const Graph *g, unsigned flags)
{
    Buf b = {0};
    graph_print(&b, g, flags);
    char *s = arena_strndup(a, b.s, b.n);
    buf_free(&b);
    return s;
}

static inline void expect_text(const char *got, const char *want)
{
    if (strcmp(got, want) != 0) {
        fprintf(stderr, "got:\n%s\nexpected:\n%s\n", got, want);
        CU_FAIL("texts differ");
    }
}

static const char fused[] =
    "graph @tiny (%image: f32[1,3,8,8] nhwc(c=4) input) -> (%logits: f32[1,4,4,4], %2: f32[1,4], @k: f32[2]) "
    "arena(bytes=4096, lower_bound=2048) {\n"
    "  const @conv1.weight : f32[4,3,3,3]\n"
    "  const @bn1.bias : f32[4] = [1, -2.5, 0.1, 3e38]\n"
    "  const @k : f32[2] = [inf, nan]\n"
    "  const @\"odd name\" : f32[] = [2]\n"
    "  %1 = conv2d %image, @conv1.weight {stride=[2,2], pad=[1,1,1,1]} : f32[1,4,4,4] arena(offset=64, bytes=256)\n"
    "  %logits, %2, %3 = conv2d %image, @conv1.weight {stride=[2,2], pad=[1,1,1,1]}\n"
    "       epilogue { bias @bn1.bias name=bn1 ; relu ; add %1 ; sub @\"odd name\", $3 ; mul $1, $4 ; "
    "leaky_relu {alpha=0.3} } -> $6, mean($2, axes=[2,3]), max($0, axes=[3], keep=true)\n"
    "       : f32[1,4,4,4] nhwc(c=8, border=[1,0,1,0]) arena(offset=0, bytes=800), f32[1,4] output, f32[1,4,4,1]"
    "  name=conv1  layers=\"conv1 + \\\"bn1\\\"\"  scratch(bytes=5, offset=960)\n"
    "  %4, %5 = split %3 {sizes=[1,3]} : f32[1,1,4,1], f32[1,3,4,1]\n"
    "  %6 = map %5 -> sum($0, axes=[1]) : f32[1,4,1]\n"
    "}\n";
#endif
