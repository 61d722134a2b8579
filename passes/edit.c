/* What several graph passes do alike. */
#include <math.h>

#include "edit.h"

const char *node_title(const Node *n) { return n->layers ? n->layers : n->name ? n->name : op_info[n->op].name; }

const char *layers_join(Graph *g, const Node *a, const Node *b)
{
    return arena_printf(g->arena, "%s + %s", node_title(a), node_title(b));
}

bool value_known(const Graph *g, ValueId v) { return g->value.v[v].kind == VAL_CONST && g->value.v[v].tensor->data; }

double *value_numbers(Arena *scratch, const Graph *g, ValueId v)
{
    double *d = NEW(scratch, double, type_elems(&g->value.v[v].type));
    tensor_f64(g->value.v[v].tensor, d);
    return d;
}

ValueId const_f32(Graph *g, const char *base, Type t, const float *f)
{
    for (int64_t i = 0, n = type_elems(&t); i < n; i++)
        if (!isfinite(f[i])) {
            error_at((Loc){0}, "constant '%s' becomes %s at element %lld when it is computed ahead of time", base,
                     isnan(f[i]) ? "NaN" : "infinite", (long long)i);
            break;
        }
    return graph_const_f32(g, base, t, f);
}

ValueId const_of(Graph *g, Arena *scratch, const char *base, Type t, const double *d)
{
    int64_t n = type_elems(&t);
    float *f = NEW(scratch, float, n);
    for (int64_t i = 0; i < n; i++)
        f[i] = (float)d[i];
    return const_f32(g, base, t, f);
}

bool many_pixels(const Type *t) { return t->rank == 4 && t->dim[2] * t->dim[3] > 1; }

int value_def(const Graph *g, ValueId v) { return g->value.v[v].kind == VAL_NODE ? g->value.v[v].node : -1; }

void value_becomes(Graph *g, ValueId from, ValueId to)
{
    g->value.v[to].origin = g->value.v[from].origin;
    value_replace(g, from, to);
}

int64_t value_storage(const Value *v)
{
    return layout_room(&v->layout, &v->type) * dtype_size(v->type.dtype);
}
