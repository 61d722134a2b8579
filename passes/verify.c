/* --verify-each on graphs.

   Each value that claims to equal one of the graph as written (its origin) is computed by its node from the reference's
   numbers and compared with the reference's. So what a pass did to one node shows at that node, and rounding handed on
   from earlier ones (a deep network may amplify it without bound) is nobody's fault. Values without an origin are
   computed from what precedes them. */
#include "verify.h"

#include <math.h>
#include <string.h>

#include "edit.h"

struct GraphVerify {
    Arena *A;
    const Graph *g;
    const double **in;       /* per input of the graph */
    double **ref;            /* per value of the graph as written */
    double **output;         /* the same for each output: these are compared even where no origin is known */
};

static double *copy_of(Arena *A, const Graph *g, ValueId v, const double *x)
{
    int64_t n = type_elems(&g->value.v[v].type);
    return memcpy(NEW(A, double, n), x, (size_t)n * sizeof *x);
}

static void keep_reference(void *user, ValueId v, const double *x)
{
    GraphVerify *r = user;
    double *copy = copy_of(r->A, r->g, v, x);
    if (r->g->value.v[v].origin >= 0)
        r->ref[r->g->value.v[v].origin] = copy;
    for (int i = 0; i < r->g->output.n; i++)
        if (r->g->output.v[i] == v)
            r->output[i] = copy;
}

bool verify_has_numbers(const Graph *g)
{
    for (int i = 0; i < g->value.n; i++)
        if (g->value.v[i].kind == VAL_CONST && !g->value.v[i].tensor->data) {
            error_at(g->value.v[i].loc,
                     "--verify-each evaluates the graph, but constant '%s' has no numbers: give --weights",
                     g->value.v[i].name);
            return false;
        }
    return true;
}

GraphVerify *verify_begin(Arena *A, const Graph *g)
{
    if (!verify_has_numbers(g))
        return NULL;
    GraphVerify *r = NEW(A, GraphVerify, 1);
    *r = (GraphVerify){A, g, NEW(A, const double *, g->input.n + 1), NEW(A, double *, g->value.n + 1),
                       NEW(A, double *, g->output.n + 1)};
    for (int i = 0; i < g->input.n; i++) {
        int64_t n = type_elems(&g->value.v[g->input.v[i]].type);
        double *x = NEW(A, double, n);
        Rng rng = rng_seed(1, g->value.v[g->input.v[i]].name);
        for (int64_t k = 0; k < n; k++)
            x[k] = rng_normal(&rng);
        r->in[i] = x;
    }
    graph_eval(g, r->in, keep_reference, r);
    return r;
}

/* What the value must be, or NULL where nothing is known of it. */
static const double *expected(const GraphVerify *r, const Graph *g, ValueId v)
{
    if (g->value.v[v].origin >= 0 && r->ref[g->value.v[v].origin])
        return r->ref[g->value.v[v].origin];
    for (int i = 0; i < g->output.n; i++)
        if (g->output.v[i] == v)
            return r->output[i];
    return NULL;
}

/* Constants are rounded to single precision when passes make them: this is the contract for such sums. */
#define PASS_TOLERANCE 1e-5

double relative_difference(const double *x, const double *ref, int64_t n, double largest)
{
    double err = 0;
    largest = isfinite(largest) ? largest : 0;
    for (int64_t i = 0; i < n; i++) {
        if (isnan(x[i]) != isnan(ref[i]))
            return INFINITY;
        if (x[i] != ref[i]) /* infinities may be equal */
            err = fmax(err, fabs(x[i] - ref[i]));
        if (isfinite(ref[i]))
            largest = fmax(largest, fabs(ref[i]));
    }
    return err == 0 ? 0 : err / largest;
}

typedef struct Compare {
    const GraphVerify *ref;
    Arena *A;
    const Graph *g;
    const char *pass;
    int fired;               /* so many rules had fired before the pass */
    const double **now;      /* per value: the reference's numbers where they are known */
    double largest;          /* magnitude inside the node at work */
    bool ok;
} Compare;

/* May the rule that fired there have changed v? The readers of a value that was put in place of another show it
   first. */
static bool may_concern(const Graph *g, const Fired *f, ValueId v)
{
    bool read = false;
    if (g->value.v[v].kind == VAL_NODE) {
        const Node *n = &g->node.v[g->value.v[v].node];
        for (int i = 0; i < n->nin; i++)
            read = read || n->in[i] == f->value;
    }
    return read || f->value == v;
}

/* Names the rules that may have done it, or the pass. */
static void blame(const Compare *c, ValueId v, double err)
{
    const Value *val = &c->g->value.v[v];
    const Node *n = val->kind == VAL_NODE ? &c->g->node.v[val->node] : NULL;
    const char *where = n ? node_title(n) : val->name;
    bool found = false;
    for (int i = c->g->fired.n - 1; i >= c->fired; i--) {
        const Fired *f = &c->g->fired.v[i];
        if (!may_concern(c->g, f, v))
            continue;
        if (found)
            note_at(f->loc, "or rule '%s', which fired there before", f->rule);
        else
            error_at(f->loc, "rule '%s': pass '%s' changed the numbers: first at '%s', relative error %.3g", f->rule,
                     c->pass, where, err);
        found = true;
    }
    if (!found)
        error_at(n ? n->loc : val->loc, "pass '%s' changed the numbers: first at '%s', relative error %.3g", c->pass,
                 where, err);
}

/* A value as it was computed; later nodes read what it should have been. */
static void compare(void *user, ValueId v, const double *x)
{
    Compare *c = user;
    const Value *val = &c->g->value.v[v];
    const double *ref = expected(c->ref, c->g, v);
    double err = ref ? relative_difference(x, ref, type_elems(&val->type), c->largest) : 0;
    c->now[v] = ref ? ref : copy_of(c->A, c->g, v, x);
    if (err <= PASS_TOLERANCE || !c->ok)
        return;
    blame(c, v, err);
    c->ok = false;
}

bool verify_graph(const GraphVerify *ref, const Graph *g, const char *pass, int fired)
{
    Arena *A = arena_new();
    Compare c = {.ref = ref, .A = A, .g = g, .pass = pass, .fired = fired,
                 .now = NEW(A, const double *, g->value.n + 1), .ok = true};
    for (int i = 0; i < g->input.n; i++)
        c.now[g->input.v[i]] = ref->in[i];
    for (int i = 0; i < g->node.n && c.ok; i++)
        if (g->node.v[i].op != OP_NONE)
            graph_eval_node(g, i, c.now, &c.largest, compare, &c);
    for (int i = 0; i < g->output.n && c.ok; i++) {
        ValueId v = g->output.v[i];
        if (g->value.v[v].kind != VAL_CONST)
            continue;
        double *x = NEW(A, double, type_elems(&g->value.v[v].type));
        tensor_f64(g->value.v[v].tensor, x);
        c.largest = 0;
        compare(&c, v, x);
    }
    arena_free(A);
    return c.ok;
}
