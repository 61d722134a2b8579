/* libFuzzer: any bytes as a .tflite model. They must be refused with a message, or give a graph that passes the
   checker, with numbers for all constants. */
#include "../../compiler/tflite/tflite.h"
#include "fuzz.h"

static void exercise(Arena *a, const Spec *spec)
{
    const Graph *g = spec->graph;
    const char *err = graph_check(g);
    double sum = 0;
    if (err)
        bug("the model made a graph that fails the checker: %s", err);
    for (int i = 0; i < g->value.n; i++) {
        const Value *v = &g->value.v[i];
        for (int64_t k = 0; v->kind == VAL_CONST && k < type_elems(&v->type); k++)
            sum += tensor_at(v->tensor, k);
    }
    volatile double kept = sum;
    (void)kept;
    if (g->value.n > 200 || spec->quantized)
        return;
    Buf b = {0};
    graph_print(&b, g, 0);
    Graph *again = graph_parse(a, b.s, diag_file("printed", b.s, b.n));
    err = again ? graph_diff(a, g, again) : "it does not parse";
    if (err)
        bug("printed and read back: %s\n%s", err, b.s);
    buf_free(&b);
}

static void fuzz(Arena *a, const uint8_t *data, size_t n)
{
    Spec *spec = tflite_parse(a, "fuzz.tflite", data, n, NULL, 0);
    if (!spec && !diag_errors())
        bug("refused without a message");
    if (spec && diag_errors())
        bug("accepted with a message: %s", messages.s);
    if (spec)
        exercise(a, spec);
}
