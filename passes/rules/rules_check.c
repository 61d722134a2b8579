/* Is a rule true? Its pattern becomes a graph of random shapes, attributes and numbers (rules_guess.c), the rule is
   applied to it, and the graph is evaluated before and after. */
#include <math.h>
#include <string.h>

#include "../edit.h"
#include "rules_guess.h"

enum { TRIES = 6000, WANTED = 24, OWN_MAGNITUDE = 100 };
/* Larger than what numbers written with seven digits cause, smaller than what single precision does. */
#define SIDES_TOLERANCE 1e-6

/* largest: the largest finite magnitude of any value. */
typedef struct Sides { Arena *A; const Graph *g; const double **v; bool single; double largest; } Sides;

static void keep_side(void *user, ValueId v, const double *x)
{
    Sides *s = user;
    int64_t n = type_elems(&s->g->value.v[v].type);
    double *copy = NEW(s->A, double, n);
    for (int64_t i = 0; i < n; i++)
        copy[i] = s->single ? (double)(float)x[i] : x[i];
    s->v[v] = copy;
}

/* Normal numbers of many magnitudes, among them zeros and ones. */
static const double *input(const Trial *t, const Value *v, uint64_t seed)
{
    static const double spread[] = {1, 1, 0.01, 100}, some[] = {0, 1, -1, 0.5, 6, -6};
    int64_t n = type_elems(&v->type);
    double *x = NEW(t->A, double, n);
    Rng r = rng_seed(seed, v->name);
    double scale = spread[seed % LEN(spread)];
    for (int64_t i = 0; i < n; i++) {
        uint64_t k = rng_next(&r) % 40;
        x[i] = (double)(float)(k < LEN(some) ? some[k] : rng_normal(&r) * scale);
    }
    return x;
}

/* Every value of the graph, node by node. */
static Sides evaluate(const Trial *t, const Graph *g, uint64_t seed, bool single)
{
    Sides s = {t->A, g, NEW(t->A, const double *, g->value.n + 1), single, 0};
    for (int i = 0; i < g->input.n; i++)
        s.v[g->input.v[i]] = input(t, &g->value.v[g->input.v[i]], seed);
    for (int i = 0; i < g->node.n; i++)
        graph_eval_node(g, i, s.v, NULL, keep_side, &s);
    for (int i = 0; i < g->value.n; i++) {
        if (g->value.v[i].kind == VAL_CONST)
            s.v[i] = value_numbers(t->A, g, i);
        for (int64_t k = 0, n = s.v[i] ? type_elems(&g->value.v[i].type) : 0; k < n; k++)
            s.largest = isfinite(s.v[i][k]) ? fmax(s.largest, fabs(s.v[i][k])) : s.largest;
    }
    return s;
}

/* What the variables were: their numbers where they have one, else their types. */
static const char *describe(const Trial *t, const double **v)
{
    Buf b = {0};
    const Graph *g = t->before;
    for (int i = 0; i < g->value.n; i++) {
        const Value *val = &g->value.v[i];
        if (val->kind == VAL_NODE || !strncmp(val->name, "number", 6))
            continue;
        buf_printf(&b, "%s%c%s = ", b.n ? ", " : "", val->kind == VAL_CONST ? '@' : '%', val->name);
        if (type_elems(&val->type) == 1)
            buf_printf(&b, "%.9g", val->kind == VAL_CONST ? tensor_at(val->tensor, 0) : v[i][0]);
        else
            buf_puts(&b, type_text(t->A, &val->type));
    }
    const char *text = arena_strndup(t->A, b.s ? b.s : "", b.n);
    buf_free(&b);
    return text;
}

static bool differs(double a, double b, double tolerance)
{
    if (isnan(a) || isnan(b))
        return isnan(a) != isnan(b);
    return a != b && !(fabs(a - b) <= tolerance);
}

/* What the sides may differ by grows with what they add and subtract on the way: a result near zero has the rounding
   errors of its operands. A replacement cannot buy itself much of that with large numbers of its own. */
static double may_differ(const Sides *before, const Sides *after)
{
    return SIDES_TOLERANCE * fmax(before->largest, fmin(after->largest, OWN_MAGNITUDE * before->largest));
}

static bool same_sides(Trial *t, uint64_t seed, bool single)
{
    Sides before = evaluate(t, t->before, seed, single), after = evaluate(t, t->after, seed, single);
    const double *a = before.v[t->root], *b = after.v[t->result];
    int64_t n = type_elems(&t->before->value.v[t->root].type);
    double tolerance = single ? 0 : may_differ(&before, &after);
    for (int64_t i = 0; i < n; i++)
        if (differs(a[i], b[i], tolerance)) {
            const char *where = n > 1 ? arena_printf(t->A, " at element %lld", (long long)i) : "";
            t->why = arena_printf(t->A, "the sides differ%s%s: with %s the pattern is %.9g, the replacement %.9g",
                                  single ? " in single precision, so that exact=yes is not true" : "", where,
                                  describe(t, before.v), a[i], b[i]);
            return false;
        }
    return true;
}

/* As kernels have them. */
static void round_attributes(Graph *g)
{
    for (int i = 0; i < g->node.n; i++)
        for (int k = 0; k < op_info[g->node.v[i].op].nattrs; k++) {
            const AttrInfo *a = &attr_info[op_info[g->node.v[i].op].attrs[k].attr];
            double *x = (double *)(void *)((char *)&g->node.v[i].attr + a->offset);
            if (a->kind == ATTR_FLOAT)
                *x = (double)(float)*x;
        }
}

static bool same_floats(Trial *t, uint64_t seed)
{
    round_attributes(t->before);
    round_attributes(t->after);
    return same_sides(t, seed, true);
}

TrialResult rule_trial(Trial *t, Arena *A, const Rule *r, uint64_t seed)
{
    *t = (Trial){.A = A, .rule = r};
    Match m;
    int root = rule_guess(t, seed);
    if (root < 0 || !rule_match(A, t->before, r, root, true, &m))
        return TRIAL_NONE;
    t->after = graph_clone(A, t->before);
    const char *why = NULL;
    switch (rule_fire(A, t->after, &m, &why)) {
    case RULE_DECLINED: t->why = why; return TRIAL_NONE;
    case RULE_WRONG: {
        Sides s = evaluate(t, t->before, seed, false);
        t->why = arena_printf(A, "with %s: %s", describe(t, s.v), why);
        return TRIAL_WRONG;
    }
    case RULE_FIRED: break;
    }
    t->result = m.result;
    graph_compact(t->after);
    for (int i = 0; i < t->after->node.n; i++)
        if (rule_too_large(t->after, i)) {
            const Node *n = &t->after->node.v[i];
            t->why = arena_printf(A, "%s: %s in the replacement is too large to try", op_info[n->op].name,
                                  type_text(A, &t->after->value.v[n->out[0].value].type));
            return TRIAL_NONE;
        }
    return same_sides(t, seed, false) && (!r->exact || same_floats(t, seed)) ? TRIAL_SAME : TRIAL_WRONG;
}

bool rule_check(const Rule *r)
{
    int done = 0;
    Arena *keep_why = arena_new();
    const char *refused = NULL;
    bool ok = true;
    for (uint64_t seed = 0; seed < TRIES && done < WANTED && ok; seed++) {
        Arena *A = arena_new();
        Trial t;
        TrialResult result = rule_trial(&t, A, r, seed);
        done += result == TRIAL_SAME;
        if (done == WANTED / 4 && seed < SMALL_TRIES)
            seed = SMALL_TRIES;
        ok = result != TRIAL_WRONG;
        if (!ok)
            error_at(r->loc, "rule '%s': %s", r->name, t.why);
        else if (result == TRIAL_NONE && t.why)
            refused = arena_strndup(keep_why, t.why, strlen(t.why));
        arena_free(A);
    }
    if (ok && !done) {
        error_at(r->loc, "rule '%s': among %d random graphs there was none that its pattern and conditions fit%s%s",
                 r->name, TRIES, refused ? "; the last one was refused: " : "", refused ? refused : "");
        ok = false;
    }
    arena_free(keep_why);
    return ok;
}
