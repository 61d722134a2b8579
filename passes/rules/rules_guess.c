/* The pattern of a rule as a graph of random shapes, attributes and numbers. Shapes are guessed from the root on: an
   elementwise operator wants operands that broadcast to its result, a per-channel constant has its channels, and what
   else an operator wants is left to chance among few sizes; what op_infer refuses is thrown away. */
#include <math.h>

#include "rules_guess.h"

enum { SIZES = 3 };

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

bool rule_too_large(const Graph *g, int node)
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
    return node < 0 || rule_too_large(s->g, node) ? -1 : node_value(s->g, node);
}

int rule_guess(Trial *t, uint64_t seed)
{
    static const int64_t sizes[] = {1, 2, 3, 4, 5, 7, 8};
    Guess s = {.t = t, .g = graph_new(t->A, "rule"), .r = rng_seed(seed, t->rule->name)};
    s.m = (Match){.rule = t->rule, .var = NEW(t->A, Bound, t->rule->var.n + 1)};
    for (int i = 0; i < t->rule->cond.n; i++) {
        hints(&s, t->rule->cond.v[i].a);
        hints(&s, t->rule->cond.v[i].b);
    }
    for (int i = 0; i < SIZES; i++) {
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
