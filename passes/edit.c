/* What several graph passes do alike. */
#include <math.h>
#include <string.h>

#include "edit.h"

const char *node_title(const Node *n) { return n->layers ? n->layers : n->name ? n->name : op_info[n->op].name; }

/* Names are joined again and again, and would take memory by the square of their number. After so many bytes a text
   just says that there are more. */
enum { LONG_LAYERS = 2000 };

void layers_add(Buf *layers, const char *title)
{
    static const char more[] = " + ...";
    if (layers->n <= LONG_LAYERS)
        buf_printf(layers, "%s%s", layers->n ? " + " : "", title);
    else if (strcmp(layers->s + layers->n - strlen(more), more))
        buf_puts(layers, more);
}

const char *layers_join(Graph *g, const Node *a, const Node *b)
{
    Buf layers = {0};
    layers_add(&layers, node_title(a));
    layers_add(&layers, node_title(b));
    const char *s = arena_strndup(g->arena, layers.s, layers.n);
    buf_free(&layers);
    return s;
}

bool value_known(const Graph *g, ValueId v) { return g->value.v[v].kind == VAL_CONST && g->value.v[v].tensor->data; }

double *value_numbers(Arena *scratch, const Graph *g, ValueId v)
{
    double *d = NEW(scratch, double, type_elems(&g->value.v[v].type));
    tensor_f64(g->value.v[v].tensor, d);
    return d;
}

/* "[1,0,2]" of element i */
static const char *index_text(Arena *A, const Type *t, int64_t i)
{
    const char *text = "]";
    for (int d = t->rank - 1; d >= 0; d--) {
        text = arena_printf(A, "%lld%s%s", (long long)(i % t->dim[d]), d < t->rank - 1 ? "," : "", text);
        i /= t->dim[d];
    }
    return arena_printf(A, "[%s", text);
}

ValueId const_f32(Graph *g, Loc at, const char *base, Type t, const float *f)
{
    for (int64_t i = 0, n = type_elems(&t); i < n; i++)
        if (!isfinite(f[i])) {
            error_at(at, "constant '%s' becomes %s at %s when this step is computed ahead of time: %s", base,
                     isnan(f[i]) ? "NaN" : "infinite", index_text(g->arena, &t, i),
                     isnan(f[i]) ? "the root of a negative number, or infinities that cancel"
                                 : "the numbers that it is made of are too large together for f32 (3.4e38)");
            break;
        }
    return graph_const_take(g, base, t, f);
}

ValueId const_of(Graph *g, Loc at, const char *base, Type t, const double *d)
{
    int64_t n = type_elems(&t);
    float *f = NEW(g->arena, float, n);
    for (int64_t i = 0; i < n; i++)
        f[i] = (float)d[i];
    return const_f32(g, at, base, t, f);
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

int long_dims(const Type *t, int *dims)
{
    int n = 0;
    for (int d = 0; d < t->rank; d++)
        if (t->dim[d] > 1) {
            if (dims)
                dims[n] = d;
            n++;
        }
    return n;
}

Ints last_exchanged(int rank)
{
    Ints p = {.n = rank};
    for (int d = 0; d < rank; d++)
        p.v[d] = d < rank - 2 ? d : 2 * rank - 3 - d;
    return p;
}

bool caller_transposed(const Graph *g, ValueId v)
{
    int def = value_def(g, v);
    const Node *n = def < 0 ? NULL : &g->node.v[def];
    if (!n || n->op != OP_transpose || n->nstep || g->value.v[n->in[0]].kind != VAL_INPUT || value_outputs(g, v))
        return false;
    bool any = false;
    for (ValueReader r = value_readers(g, v); r.read; r = reader_next(g, r)) {
        const Node *reader = r.node < 0 ? NULL : &g->node.v[r.node];
        if (!reader || reader->op != OP_conv2d || reader->attr.groups != 1 || r.step >= 0 || r.operand)
            return false;
        any = true;
    }
    return any;
}
