#ifndef DSQ_TEST_MANAGER_H
#define DSQ_TEST_MANAGER_H
/* For the suites of the pass manager: graphs, tables with another row, and what was said. */
#include "../../../compiler/spec/spec.h"
#include "../../../compiler/weights/weights.h"
#include "../../../passes/lower/lowering.h"
#include "../graphs.h"

static inline Graph *parse(Arena *A, const char *text)
{
    Graph *g = graph_parse(A, text, diag_file("test.dsq", text, strlen(text)));
    CU_ASSERT_FATAL(g != NULL);
    return g;
}

static inline char *said(Arena *A, Buf *b)
{
    diag_capture(NULL);
    char *s = arena_printf(A, "%s", b->s ? b->s : "");
    buf_free(b);
    diag_reset();
    return s;
}

/* The table with another row behind the pass `behind`. */
static inline const PassInfo *with_row(Arena *A, const char *behind, PassInfo row)
{
    PassInfo *t = NEW(A, PassInfo, npass_info + 1);
    for (int i = 0, n = 0; i < npass_info; i++) {
        t[n++] = pass_info[i];
        if (!strcmp(pass_info[i].name, behind))
            t[n++] = row;
    }
    return t;
}

static inline Graph *graph_of_spec(Arena *A)
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
#endif
