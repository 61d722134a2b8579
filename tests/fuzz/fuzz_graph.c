/* libFuzzer target: graph text of any kind must be refused with a message or give a graph that passes the checker,
   prints, reads back equal, clones, and, where it is small, evaluates. */
#include "../../ir/graph/graph.h"
#include "fuzz.h"

#include <string.h>

enum { SMALL = 20000 };

static void ignore(void *user, ValueId id, const double *x)
{
    (void)user;
    (void)id;
    (void)x;
}

/* Few enough elements and multiply-adds; constants without numbers get some. */
static bool make_small(Arena *a, Graph *g)
{
    int64_t work = graph_macs(g);
    for (int i = 0; i < g->node.n; i++) {
        const Attrs *t = &g->node.v[i].attr;
        for (int k = 0; k < g->node.v[i].nout; k++) {
            int64_t window = t->kernel.n ? t->kernel.v[0] * t->kernel.v[1] : 1, elems;
            elems = type_elems(&g->value.v[g->node.v[i].out[k].value].type);
            work = work > SMALL || window > SMALL || elems > SMALL ? SMALL + 1 : work + window * elems;
        }
    }
    for (int i = 0; i < g->value.n; i++)
        work = work > SMALL ? work : work + type_elems(&g->value.v[i].type);
    if (work > SMALL)
        return false;
    for (int i = 0; i < g->node.n; i++) { /* an anchor's own result may be larger than what its reductions keep */
        Type t = node_step_type(g, &g->node.v[i], 0);
        if (type_elems(&t) > SMALL)
            return false;
    }
    for (int i = 0; i < g->value.n; i++) {
        Tensor *t = g->value.v[i].tensor;
        if (t && !t->data)
            t->data = NEW(a, double, type_elems(&t->type));
    }
    return true;
}

static void exercise(Arena *a, Graph *g)
{
    const char *err = graph_check(g);
    if (err)
        bug("the parser made a graph that fails the checker: %s", err);
    Buf b = {0};
    graph_print(&b, g, PRINT_LAYOUT | PRINT_DATA);
    Graph *again = graph_parse(a, b.s, diag_file("printed", b.s, b.n)), *copy = graph_clone(a, g);
    err = again ? graph_diff(a, g, again) : "it does not parse";
    if (err)
        bug("printed and read back: %s\n%s", err, b.s);
    graph_compact(copy);
    if ((err = graph_diff(a, g, copy)))
        bug("the clone differs: %s", err);
    buf_free(&b);
    if (!make_small(a, g))
        return;
    const double **in = NEW(a, const double *, g->input.n + 1);
    for (int i = 0; i < g->input.n; i++)
        in[i] = NEW(a, double, type_elems(&g->value.v[g->input.v[i]].type));
    graph_eval(g, in, ignore, NULL);
}

static void fuzz(Arena *a, const uint8_t *data, size_t n)
{
    char *text = arena_strndup(a, (const char *)data, n);
    Graph *g = graph_parse(a, text, diag_file("fuzz", text, n));
    if (!g && !diag_errors())
        bug("refused without a message");
    if (g)
        exercise(a, g);
}
