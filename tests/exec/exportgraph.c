/* Writes graphs in text form as ONNX models, for comparison with another runtime.

     exportgraph < list           each line: GRAPH.dsq WEIGHTS MODEL.onnx

   WEIGHTS holds the float32 of every constant that has no numbers in the text, in their order. Exit status 1 if a graph
   could not be read or written. */
#include "../../compiler/io/io.h"
#include "../../compiler/onnx/onnx.h"

#include <stdio.h>
#include <string.h>

static bool bind(Graph *g, const char *path, size_t left, const char *from)
{
    for (int i = 0; i < g->value.n; i++) {
        Tensor *t = g->value.v[i].tensor;
        if (!t || t->data)
            continue;
        size_t bytes = (size_t)type_elems(&t->type) * sizeof(float);
        if (bytes > left) {
            fprintf(stderr, "%s is too short\n", path);
            return false;
        }
        t->data = from;
        t->stored = DT_F32;
        from += bytes;
        left -= bytes;
    }
    return !left;
}

static bool export(Arena *A, const char *path, const char *weights, const char *model)
{
    size_t n, nw;
    char *text = read_file(A, path, 1 << 20, &n), *data = read_file(A, weights, 1 << 30, &nw);
    Graph *g = text && data ? graph_parse(A, text, diag_file(path, text, n)) : NULL;
    OnnxSize size;
    return g && !graph_check(g) && bind(g, weights, nw, data) && onnx_write(A, g, model, &size);
}

int main(void)
{
    char graph[1024], weights[1024], model[1024];
    int failed = 0;
    while (scanf("%1023s %1023s %1023s", graph, weights, model) == 3) {
        Arena *A = arena_new();
        diag_reset();
        if (!export(A, graph, weights, model)) {
            fprintf(stderr, "%s failed\n", graph);
            failed = 1;
        }
        arena_free(A);
    }
    return failed;
}
