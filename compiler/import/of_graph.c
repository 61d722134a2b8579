/* A spec of a graph that a reader of models has made. */
#include "import.h"

#include "../../passes/pass.h"

PassFn pass_dce;

void spec_of_graph(Spec *s, Graph *g)
{
    Pass p = {.scratch = g->arena};
    pass_dce(&p, g);
    s->graph = g;
    s->ninput = g->input.n;
    s->input = NEW(g->arena, InputSpec, s->ninput + 1);
    for (int i = 0; i < s->ninput; i++) {
        const Value *v = &g->value.v[g->input.v[i]];
        s->input[i] = (InputSpec){.name = v->name, .type = v->type, .std = {1, 1, 1, 1}};
    }
}
