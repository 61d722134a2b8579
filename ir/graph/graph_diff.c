/* Do two graphs mean the same? Both are walked side by side; values correspond by where they stand. */
#include "graph.h"

#include <math.h>
#include <string.h>

enum { SMALL_CONST = 16 };

typedef struct Diff { const Graph *a, *b; Arena *arena; ValueId *other; /* value of a -> value of b, -1 */ } Diff;
#define FAIL(c, ...) return arena_printf((c)->arena, __VA_ARGS__)

static bool same_text(const char *a, const char *b)
{
    return a && b ? !strcmp(a, b) : a == b;
}

static bool same_number(const Tensor *a, const Tensor *b, int64_t i)
{
    double x = tensor_at(a, i), y = tensor_at(b, i);
    if (isnan(x) || isnan(y))
        return isnan(x) && isnan(y);
    return a->type.dtype == DT_F32 ? (float)x == (float)y : x == y;
}

static const char *diff_tensor(const Diff *d, const Tensor *a, const Tensor *b)
{
    int64_t n = type_elems(&a->type);
    if (!a->data != !b->data && n <= SMALL_CONST)
        FAIL(d, "constant '%s' has numbers in one graph only", a->name);
    if (!a->data || !b->data || (a->data == b->data && a->stored == b->stored))
        return NULL;
    if (a->stored == b->stored && !memcmp(a->data, b->data, (size_t)(n * dtype_size(a->stored))))
        return NULL;
    for (int64_t i = 0; i < n; i++)
        if (!same_number(a, b, i))
            FAIL(d, "constant '%s' differs at element %lld: %.9g and %.9g", a->name, (long long)i, tensor_at(a, i),
                 tensor_at(b, i));
    return NULL;
}

static const char *diff_value(const Diff *d, ValueId ia, ValueId ib, const char *what)
{
    const Value *a = &d->a->value.v[ia], *b = &d->b->value.v[ib];
    if (a->kind != b->kind)
        FAIL(d, "%s is of another kind", what);
    if (!type_eq(&a->type, &b->type))
        FAIL(d, "%s is %s and %s", what, type_text(d->arena, &a->type), type_text(d->arena, &b->type));
    if (!layout_eq(&a->layout, &b->layout, &a->type))
        FAIL(d, "%s has another layout", what);
    if (a->region != b->region || a->offset != b->offset || a->bytes != b->bytes)
        FAIL(d, "%s lies elsewhere", what);
    d->other[ia] = ib;
    return NULL;
}

static const char *diff_consts(const Diff *d)
{
    int found[2] = {0, 0};
    for (int i = 0; i < d->b->value.n; i++)
        found[1] += d->b->value.v[i].kind == VAL_CONST;
    for (int i = 0; i < d->a->value.n; i++) {
        const Value *a = &d->a->value.v[i];
        if (a->kind != VAL_CONST)
            continue;
        ValueId other = dict_get(&d->b->consts, a->name);
        if (other < 0 || d->b->value.v[other].kind != VAL_CONST)
            FAIL(d, "constant '%s' is in the first graph only", a->name);
        const char *err = diff_value(d, i, other, arena_printf(d->arena, "constant '%s'", a->name));
        if (!err)
            err = diff_tensor(d, a->tensor, d->b->value.v[other].tensor);
        if (err)
            return err;
        found[0]++;
    }
    if (found[0] != found[1])
        FAIL(d, "%d and %d constants", found[0], found[1]);
    return NULL;
}

static bool same_ints(const Ints *a, const Ints *b)
{
    return a->n == b->n && !memcmp(a->v, b->v, (size_t)a->n * sizeof *a->v);
}

static bool same_ref(const Diff *d, Ref a, Ref b)
{
    return a < 0 || b < 0 ? a == b : d->other[a] == b;
}

static const char *diff_step(const Diff *d, const Step *a, const Step *b)
{
    if (a->op != b->op)
        FAIL(d, "%s and %s", op_info[a->op].name, op_info[b->op].name);
    if (!attrs_eq(a->op, &a->attr, &b->attr))
        return "attributes differ";
    if (a->nin != b->nin)
        FAIL(d, "%d and %d operands", a->nin, b->nin);
    for (int i = 0; i < a->nin; i++)
        if (!same_ref(d, a->in[i], b->in[i]))
            FAIL(d, "operand %d differs", i);
    return same_text(a->name, b->name) ? NULL : "names differ";
}

static const char *diff_out(const Diff *d, const Out *a, const Out *b, int i)
{
    if (a->step != b->step || a->red != b->red || a->keep != b->keep || !same_ints(&a->axes, &b->axes) ||
        !same_ints(&a->kernel, &b->kernel))
        FAIL(d, "result %d is taken another way", i);
    return diff_value(d, a->value, b->value, arena_printf(d->arena, "result %d", i));
}

static const char *diff_node(const Diff *d, const Node *a, const Node *b)
{
    Step first = {.op = a->op, .attr = a->attr, .nin = a->nin, .in = a->in, .name = a->name};
    Step second = {.op = b->op, .attr = b->attr, .nin = b->nin, .in = b->in, .name = b->name};
    const char *err = diff_step(d, &first, &second);
    if (!err && a->nstep != b->nstep)
        FAIL(d, "%d and %d steps", a->nstep, b->nstep);
    if (!err && a->nout != b->nout)
        FAIL(d, "%d and %d results", a->nout, b->nout);
    for (int k = 0; k < a->nstep && !err; k++)
        if ((err = diff_step(d, &a->step[k], &b->step[k])))
            FAIL(d, "step %d: %s", k + 1, err);
    for (int i = 0; i < a->nout && !err; i++)
        err = diff_out(d, &a->out[i], &b->out[i], i);
    if (!err && a->view != b->view)
        return "one is a view";
    if (!err && !same_text(a->layers, b->layers))
        return "layers differ";
    if (!err && (a->scratch != b->scratch || a->scratch_offset != b->scratch_offset))
        return "scratch differs";
    return err;
}

static int next_node(const Graph *g, int i)
{
    while (i < g->node.n && g->node.v[i].op == OP_NONE)
        i++;
    return i;
}

static const char *diff_nodes(const Diff *d)
{
    int i = next_node(d->a, 0), k = next_node(d->b, 0);
    for (int at = 0; i < d->a->node.n && k < d->b->node.n; at++) {
        const Node *n = &d->a->node.v[i];
        const char *err = diff_node(d, n, &d->b->node.v[k]);
        if (err)
            FAIL(d, "node %d (%s%s%s): %s", at, op_info[n->op].name, n->name ? " " : "", n->name ? n->name : "", err);
        i = next_node(d->a, i + 1);
        k = next_node(d->b, k + 1);
    }
    if (i < d->a->node.n || k < d->b->node.n)
        FAIL(d, "the %s graph has more nodes", i < d->a->node.n ? "first" : "second");
    return NULL;
}

/* The name by which a caller knows an input or an output. */
static bool same_name(const Diff *d, ValueId a, ValueId b)
{
    return same_text(d->a->value.v[a].name, d->b->value.v[b].name);
}

static const char *diff_graph(const Diff *d)
{
    const Graph *a = d->a, *b = d->b;
    const char *err = NULL;
    if (!same_text(a->name, b->name))
        return "graph names differ";
    if (a->arena_bytes != b->arena_bytes || a->arena_lower_bound != b->arena_lower_bound)
        return "arena sizes differ";
    if (a->input.n != b->input.n || a->output.n != b->output.n)
        return "numbers of inputs or outputs differ";
    for (int i = 0; i < a->input.n && !err; i++) {
        if (!same_name(d, a->input.v[i], b->input.v[i]))
            FAIL(d, "names of input %d differ", i);
        err = diff_value(d, a->input.v[i], b->input.v[i], arena_printf(d->arena, "input %d", i));
    }
    if (err || (err = diff_consts(d)) || (err = diff_nodes(d)))
        return err;
    for (int i = 0; i < a->output.n; i++)
        if (d->other[a->output.v[i]] != b->output.v[i] || !same_name(d, a->output.v[i], b->output.v[i]))
            FAIL(d, "output %d differs", i);
    return NULL;
}

const char *graph_diff(Arena *arena, const Graph *a, const Graph *b)
{
    Diff d = {a, b, arena_new(), NULL};
    d.other = NEW(d.arena, ValueId, a->value.n + 1);
    for (int i = 0; i < a->value.n; i++)
        d.other[i] = -1;
    const char *err = diff_graph(&d);
    if (err)
        err = arena_strndup(arena, err, strlen(err));
    arena_free(d.arena);
    return err;
}
