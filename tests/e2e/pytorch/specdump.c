/* specdump SPEC [--libdir DIR] [--set NAME=VALUE]... prints what a spec declares, one line each:
     input NAME TYPE / const NAME TYPE / output NAME TYPE / parameters COUNT / macs COUNT / nodes COUNT
   With --graph the graph's text instead. */
#include "../../../compiler/spec/spec.h"

#include <stdio.h>
#include <string.h>

static void dump(Buf *b, Arena *a, const Graph *g)
{
    for (int i = 0; i < g->input.n; i++) {
        const Value *v = &g->value.v[g->input.v[i]];
        buf_printf(b, "input %s %s\n", v->name, type_text(a, &v->type));
    }
    for (int i = 0; i < g->value.n; i++)
        if (g->value.v[i].kind == VAL_CONST)
            buf_printf(b, "const %s %s\n", g->value.v[i].name, type_text(a, &g->value.v[i].type));
    for (int i = 0; i < g->output.n; i++) {
        const Value *v = &g->value.v[g->output.v[i]];
        buf_printf(b, "output %s %s\n", v->name, type_text(a, &v->type));
    }
    buf_printf(b, "parameters %lld\nmacs %lld\nnodes %d\n", (long long)graph_parameters(g), (long long)graph_macs(g),
               g->node.n);
}

int main(int argc, char **argv)
{
    Param set[64];
    int nset = 0;
    const char *path = NULL, *libdir = NULL;
    bool text = false;
    for (int i = 1; i < argc; i++) {
        char *eq = i + 1 < argc ? strchr(argv[i + 1], '=') : NULL;
        if (!strcmp(argv[i], "--set") && eq && nset < LEN(set)) {
            *eq = 0;
            set[nset++] = (Param){argv[++i], eq + 1};
        } else if (!strcmp(argv[i], "--libdir") && i + 1 < argc) {
            libdir = argv[++i];
        } else if (!strcmp(argv[i], "--graph")) {
            text = true;
        } else if (!path && argv[i][0] != '-') {
            path = argv[i];
        } else {
            fprintf(stderr, "usage: specdump SPEC [--libdir DIR] [--set NAME=VALUE]... [--graph]\n");
            return 2;
        }
    }
    Arena *a = arena_new();
    Spec *spec = path ? spec_load(a, path, set, nset, libdir) : NULL;
    if (spec) {
        const char *wrong = graph_check(spec->graph);
        if (wrong)
            bug("%s", wrong);
        Buf b = {0};
        if (text)
            graph_print(&b, spec->graph, PRINT_LOC);
        else
            dump(&b, a, spec->graph);
        fwrite(b.s, 1, b.n, stdout);
        buf_free(&b);
    }
    bool ok = spec != NULL;
    arena_free(a);
    diag_reset();
    return ok ? 0 : 1;
}
