/* Is a rule true? Its pattern becomes a graph of random shapes, attributes and numbers, the rule is applied to it, and
   the graph is evaluated before and after. Shapes are guessed from the root on: an elementwise operator wants operands
   that broadcast to its result, a per-channel constant has its channels, and what else an operator wants is left to
   chance among few sizes; what op_infer refuses is thrown away. */
#include <math.h>
#include <string.h>

#include "../edit.h"
#include "rules.h"

enum { TRIES = 6000, SMALL_TRIES = 300, WANTED = 24, SIZES = 3, OWN_MAGNITUDE = 100 };
/* Larger than what numbers written with seven digits cause, smaller than what single precision does. */
#define SIDES_TOLERANCE 1e-6

typedef struct Guess {
    Trial *t;
    Graph *g;
    Rng r;
    int64_t size[SIZES];
    Type base;
    VEC(double) hint;       /* numbers that stand in the conditions */
    Match m;                /* $variables as they were chosen */
} Guess;

static int64_t pick(Guess *s, int64_t lo, int64_t hi)
{
    return lo + (int64_t)(rng_next(&s->r) % (uint64_t)(hi - lo + 1));
}

static bool chance(Guess *s, int percent) { return pick(s, 1, 100) <= percent; }

static int64_t some_size(Guess *s) { return chance(s, 15) ? 1 : s->size[pick(s, 0, SIZES - 1)]; }

static void term_hints(Guess *s, const RuleTerm *t)
{
    if (t->kind == TERM_NUMBER)
        PUSH(s->g->arena, &s->hint, t->number);
    for (int i = 0; i < t->nin; i++)
        term_hints(s, t->in[i]);
}

static void hints(Guess *s, const RuleExpr *e)
{
    if (e && e->term)
        term_hints(s, e->term);
    for (int i = 0; e && i < e->n; i++)
        hints(s, e->item[i]);
}

static double some_hint(Guess *s) { return s->hint.n && chance(s, 30) ? s->hint.v[pick(s, 0, s->hint.n - 1)] : 0; }

/* ---- types ---- */

static Type any_type(Guess *s)
{
    if (chance(s, 60))
        return s->base;
    Type t = type_make(DT_F32, chance(s, 50) ? s->base.rank : (int)pick(s, 0, 4), s->base.dim);
    for (int i = 0; i < t.rank; i++)
        t.dim[i] = some_size(s);
    return t;
}

/* A type that broadcasts to t: of the last dimensions, or with ones. */
static Type narrower(Guess *s, const Type *t)
{
    int drop = chance(s, 60) ? (int)pick(s, 0, t->rank) : 0, ones = chance(s, 50) ? 100 : 40;
    bool channel = t->rank > 1 && chance(s, 50); /* [C,1,1] */
    if (channel)
        drop = 1;
    Type r = type_make(t->dtype, t->rank - drop, t->dim + drop);
    for (int i = channel; i < r.rank; i++)
        if (channel || chance(s, ones))
            r.dim[i] = 1;
    return r;
}

/* ---- attributes ---- */

static void any_ints(Guess *s, Ints *v)
{
    static const int counts[] = {1, 1, 1, 2, 2, 4};
    v->n = counts[pick(s, 0, LEN(counts) - 1)];
    for (int i = 0; i < v->n; i++)
        v->v[i] = chance(s, 20) ? some_size(s) : pick(s, 0, 3);
}

/* Half of the time the default, where there is one. */
static void any_attr(Guess *s, const OpAttr *oa, Attrs *a)
{
    void *f = (char *)a + attr_info[oa->attr].offset;
    if (!oa->required && chance(s, 50))
        return;
    switch (attr_info[oa->attr].kind) {
    case ATTR_INT: *(int64_t *)f = pick(s, 0, s->base.rank ? s->base.rank - 1 : 0); break;
    case ATTR_ENUM: *(int64_t *)f = pick(s, 0, 1); break;
    case ATTR_FLOAT: *(double *)f = (double)(float)(rng_normal(&s->r) * 2); break;
    case ATTR_BOOL: *(bool *)f = chance(s, 50); break;
    case ATTR_INTS: any_ints(s, f); break;
    }
}

static Attrs choose_attrs(Guess *s, const RuleTerm *t)
{
    Attrs any;
    attrs_default(t->op, &any);
    for (int i = 0; i < op_info[t->op].nattrs; i++)
        any_attr(s, &op_info[t->op].attrs[i], &any);
    Attrs a = term_attrs(t, &s->m, &any), *kept = NEW(s->g->arena, Attrs, 1);
    *kept = a;
    if (t->all >= 0)
        s->m.var[t->all] = (Bound){.set = true, .value = -1, .attr = -1, .attrs = kept};
    for (int i = 0; i < op_info[t->op].nattrs; i++) {
        int attr = (int)op_info[t->op].attrs[i].attr;
        if (t->how[i] >= 0 && !s->m.var[t->how[i]].set)
            s->m.var[t->how[i]] = (Bound){.set = true, .value = -1, .attr = attr, .attrs = kept};
    }
    return a;
}

/* ---- values ---- */

/* A constant's number: of either sign, of one, rounded, one everywhere, or zero. */
static double styled(int64_t style, double v)
{
    return style < 8 ? v : style < 15 ? fabs(v) : style < 17 ? -fabs(v) : style == 17 ? rint(v) : style == 18;
}

static ValueId constant(Guess *s, const char *name, Type type)
{
    int64_t n = type_elems(&type), style = pick(s, 0, 19);
    double scale = chance(s, 60) ? 1 : chance(s, 50) ? 0.25 : 3, centre = some_hint(s);
    float *x = NEW(s->g->arena, float, n);
    for (int64_t i = 0; i < n; i++)
        x[i] = (float)(centre + styled(style, rng_normal(&s->r) * scale));
    return graph_const_f32(s->g, name, type, x);
}

static ValueId number(Guess *s, double v, Type type)
{
    int64_t n = type_elems(&type);
    float *x = NEW(s->g->arena, float, n);
    for (int64_t i = 0; i < n; i++)
        x[i] = (float)v;
    return graph_const_f32(s->g, "number", type, x);
}

/* An operator whose results are never negative, for variables of which a condition says so. */
static ValueId made_nonnegative(Guess *s, ValueId v)
{
    Op op = OP_NONE + 1;
    while (op < NOPS && !(op_is(op, P_ELEMENTWISE | P_NONNEGATIVE) && op_info[op].max_in == 1))
        op++;
    const char *err = NULL;
    int node = op < NOPS ? graph_add(s->g, op, NULL, &v, 1, NULL, (Loc){0}, &err) : -1;
    return node < 0 ? v : node_value(s->g, node);
}

static bool wants_nonnegative(const Rule *r, int var)
{
    for (int i = 0; i < r->cond.n; i++)
        if (r->cond.v[i].kind == COND_NONNEGATIVE && r->cond.v[i].var == var)
            return true;
    return false;
}

static ValueId variable(Guess *s, int var, const Type *type)
{
    Bound *b = &s->m.var[var];
    const RuleVar *v = &s->t->rule->var.v[var];
    if (b->set)
        return b->value;
    b->set = true;
    b->value = v->sigil == '@' ? constant(s, v->name, *type) : graph_input(s->g, v->name, *type, (Loc){0});
    if (v->sigil == '%' && wants_nonnegative(s->t->rule, var))
        b->value = made_nonnegative(s, b->value);
    return b->value;
}

/* A type for operand i of an operator whose result is to be `want`; whole: the operand that has the result's shape. */
static bool operand_type(Guess *s, const RuleTerm *t, const Attrs *a, int i, int64_t whole, const Type *want, Type *out)
{
    int64_t axis = a->axis < 0 ? a->axis + want->rank : a->axis;
    *out = any_type(s);
    if (!op_is(t->op, P_ELEMENTWISE))
        return true;
    if (i && op_is(t->op, P_PARAM)) {
        if (axis < 0 || axis >= want->rank)
            return false;
        *out = type_make(DT_F32, 1, &want->dim[axis]);
        return true;
    }
    bool same = i == whole || op_is(t->op, P_PARAM) || (t->in[i]->kind != TERM_NUMBER && chance(s, 40));
    *out = same ? *want : narrower(s, want);
    return true;
}

/* More than a trial is worth, whatever numbers a rule names. */
static bool too_large(const Graph *g, int node)
{
    const Node *n = &g->node.v[node];
    const Ints *kernel = &n->attr.kernel;
    return type_elems(&g->value.v[n->out[0].value].type) > 1 << 16 || node_macs(g, n) > 1 << 22 ||
           (kernel->n == 2 && (kernel->v[0] > 64 || kernel->v[1] > 64));
}

/* The term as nodes; -1 where an operator refused. want: a type for its result, which may become another. */
static ValueId guess_term(Guess *s, const RuleTerm *t, Type want)
{
    if (t->kind == TERM_NUMBER)
        return number(s, t->number, want);
    if (t->kind == TERM_VAR)
        return variable(s, t->var, &want);
    Attrs a = choose_attrs(s, t);
    int64_t whole = pick(s, 0, t->nin - 1);
    ValueId *in = NEW(s->g->arena, ValueId, t->nin);
    for (int i = 0; i < t->nin; i++) {
        Type ask;
        if (!operand_type(s, t, &a, i, whole, &want, &ask) || (in[i] = guess_term(s, t->in[i], ask)) < 0)
            return -1;
    }
    const char *err = NULL;
    int node = graph_add(s->g, t->op, &a, in, t->nin, NULL, t->loc, &err);
    if (node >= 0 && t->var >= 0)
        s->m.var[t->var] = (Bound){.set = true, .value = node_value(s->g, node)};
    if (node < 0 && !s->t->why)
        s->t->why = arena_printf(s->t->A, "%s: %s", op_info[t->op].name, err);
    return node < 0 || too_large(s->g, node) ? -1 : node_value(s->g, node);
}

static int guess(Trial *t, uint64_t seed)
{
    static const int64_t sizes[] = {1, 2, 3, 4, 5, 7, 8};
    Guess s = {.t = t, .g = graph_new(t->A, "rule"), .r = rng_seed(seed, t->rule->name)};
    s.m = (Match){.rule = t->rule, .var = NEW(t->A, Bound, t->rule->var.n + 1)};
    for (int i = 0; i < t->rule->cond.n; i++) {
        hints(&s, t->rule->cond.v[i].a);
        hints(&s, t->rule->cond.v[i].b);
    }
    for (int i = 0; i < SIZES; i++) { /* the first trials are of single numbers, which make short messages */
        double size = some_hint(&s);
        s.size[i] = seed < SMALL_TRIES ? 1 : sizes[pick(&s, 0, LEN(sizes) - 1)];
        if (seed >= SMALL_TRIES && size >= 1 && size <= 16)
            s.size[i] = (int64_t)size;
    }
    s.base.rank = chance(&s, 50) ? 4 : (int)pick(&s, 0, 4);
    for (int i = 0; i < s.base.rank; i++)
        s.base.dim[i] = s.size[i % SIZES];
    ValueId root = guess_term(&s, t->rule->pattern, s.base);
    if (root < 0)
        return -1;
    t->before = s.g;
    t->root = root;
    return s.g->value.v[root].node;
}

/* ---- comparing ---- */

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
    int root = guess(t, seed);
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
        if (too_large(t->after, i)) {
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
