/* Does a rule's pattern stand at a node? Operators that commute are tried in every order. What matched must have no
   reader outside the match, but for its root, unless the rule says shared=yes: else its work would be done twice. */
#include <math.h>
#include <string.h>

#include "../edit.h"
#include "rules.h"

enum { FEW_NUMBERS = 16 };

typedef struct Try { Arena *A; const Graph *g; Match *m; unsigned swapped; } Try;

/* ---- attributes ---- */

static const size_t kind_size[] = {
    [ATTR_INT] = sizeof(int64_t), [ATTR_FLOAT] = sizeof(double), [ATTR_BOOL] = sizeof(bool),
    [ATTR_INTS] = sizeof(Ints), [ATTR_ENUM] = sizeof(int64_t),
};

static const void *field(const Attrs *t, int attr) { return (const char *)t + attr_info[attr].offset; }

Attrs term_attrs(const RuleTerm *t, const Match *m, const Attrs *like)
{
    if (t->all >= 0)
        return m->var[t->all].set ? *m->var[t->all].attrs : *like;
    Attrs a = t->attr;
    for (int i = 0; i < op_info[t->op].nattrs; i++) {
        Attr to = op_info[t->op].attrs[i].attr;
        const Bound *b = t->how[i] >= 0 && m->var[t->how[i]].set ? &m->var[t->how[i]] : NULL;
        if (t->how[i] != ATTR_FIXED) /* a variable may have been bound by another attribute of the same kind */
            memcpy((char *)&a + attr_info[to].offset, b ? field(b->attrs, b->attr) : field(like, (int)to),
                   kind_size[attr_info[to].kind]);
    }
    return a;
}

static void bind_attr(Try *s, int var, int attr, const Attrs *from)
{
    if (s->m->var[var].set)
        return;
    Attrs *copy = NEW(s->A, Attrs, 1);
    *copy = *from;
    s->m->var[var] = (Bound){.set = true, .value = -1, .attr = attr, .attrs = copy};
}

static bool attrs_match(Try *s, const RuleTerm *t, const Node *n)
{
    Type *in = NEW(s->A, Type, n->nin + 1);
    for (int i = 0; i < n->nin; i++)
        in[i] = s->g->value.v[n->in[i]].type;
    Attrs a = term_attrs(t, s->m, &n->attr);
    if (attrs_normalize(s->A, t->op, &a, in, n->nin) || !attrs_eq(t->op, &a, &n->attr))
        return false;
    if (t->all >= 0)
        bind_attr(s, t->all, -1, &n->attr);
    for (int i = 0; i < op_info[t->op].nattrs; i++)
        if (t->how[i] >= 0)
            bind_attr(s, t->how[i], (int)op_info[t->op].attrs[i].attr, &n->attr);
    return true;
}

/* ---- terms ---- */

static bool same_constant(const Try *s, ValueId a, ValueId b)
{
    const Value *x = &s->g->value.v[a], *y = &s->g->value.v[b];
    if (a == b)
        return true;
    if (!value_known(s->g, a) || !value_known(s->g, b) || !type_eq(&x->type, &y->type))
        return false;
    for (int64_t i = 0, n = type_elems(&x->type); i < n; i++)
        if (!(tensor_at(x->tensor, i) == tensor_at(y->tensor, i)))
            return false;
    return true;
}

static bool bind(Try *s, int var, ValueId v)
{
    Bound *b = &s->m->var[var];
    if (b->set)
        return same_constant(s, b->value, v);
    if (s->m->rule->var.v[var].sigil == '@' && !value_known(s->g, v))
        return false;
    *b = (Bound){.set = true, .value = v};
    return true;
}

/* A constant of that number everywhere, which does not make the result of an elementwise operator any larger. */
static bool number_matches(const Try *s, const RuleTerm *t, const Node *reader, ValueId v)
{
    if (!value_known(s->g, v))
        return false;
    const Value *c = &s->g->value.v[v];
    for (int64_t i = 0, n = type_elems(&c->type); i < n; i++)
        if (tensor_at(c->tensor, i) != (double)(float)t->number)
            return false;
    bool fits = !op_is(reader->op, P_ELEMENTWISE);
    for (int i = 0; i < reader->nin; i++)
        fits = fits || (reader->in[i] != v &&
                        type_eq(&s->g->value.v[reader->in[i]].type, &s->g->value.v[reader->out[0].value].type));
    return fits;
}

static bool match_term(Try *s, const RuleTerm *t, const Node *reader, ValueId v);

static bool match_node(Try *s, const RuleTerm *t, int node)
{
    const Node *n = &s->g->node.v[node];
    if (n->op != t->op || n->nin != t->nin || n->nstep || n->nout != 1 || n->out[0].red != RED_NONE ||
        !attrs_match(s, t, n))
        return false;
    bool swap = t->swap >= 0 && s->swapped & 1u << t->swap;
    for (int i = 0; i < t->nin; i++)
        if (!match_term(s, t->in[i], n, n->in[swap ? 1 - i : i]))
            return false;
    for (int i = 0; i < s->m->node.n; i++)
        if (s->m->node.v[i] == node)
            return true;
    PUSH(s->A, &s->m->node, node);
    return true;
}

static bool match_term(Try *s, const RuleTerm *t, const Node *reader, ValueId v)
{
    if (t->kind == TERM_NUMBER)
        return number_matches(s, t, reader, v);
    if (t->kind == TERM_VAR)
        return bind(s, t->var, v);
    int def = value_def(s->g, v);
    return def >= 0 && match_node(s, t, def) && (t->var < 0 || bind(s, t->var, v));
}

static bool read_inside_only(const Try *s)
{
    for (int i = 0; i < s->m->node.n; i++) {
        if (s->m->node.v[i] == s->m->root)
            continue;
        ValueId v = node_value(s->g, s->m->node.v[i]);
        int inside = 0;
        for (int k = 0; k < s->m->node.n; k++) {
            const Node *n = &s->g->node.v[s->m->node.v[k]];
            for (int j = 0; j < n->nin; j++)
                inside += n->in[j] == v;
        }
        if (value_uses(s->g, v) != inside)
            return false;
    }
    return true;
}

/* ---- numbers ---- */

/* How many numbers the constants of a term have. */
static int64_t given_numbers(const Graph *g, const Match *m, const RuleTerm *t)
{
    int64_t n = t->nin ? 0 : 1;
    if (t->kind == TERM_VAR && m->var[t->var].value >= 0)
        n = type_elems(&g->value.v[m->var[t->var].value].type);
    for (int i = 0; i < t->nin; i++)
        n += given_numbers(g, m, t->in[i]);
    return n;
}

static const char *numbers(Arena *A, const Graph *g, const Match *m, const RuleTerm *t, int64_t most, Numbers *out)
{
    *out = (Numbers){.v = NULL};
    if (t->kind == TERM_NUMBER || (t->kind == TERM_VAR && m->var[t->var].value < 0)) {
        out->type = type_make(DT_F32, 0, NULL);
        out->v = NEW(A, double, 1);
        out->v[0] = t->number;
        if (t->kind == TERM_VAR)
            memcpy(out->v, field(m->var[t->var].attrs, m->var[t->var].attr), sizeof(double));
        return NULL;
    }
    if (t->kind == TERM_VAR) {
        out->type = g->value.v[m->var[t->var].value].type;
        out->v = value_numbers(A, g, m->var[t->var].value);
        return NULL;
    }
    Type *in = NEW(A, Type, t->nin), type[MAX_OUT];
    const double **x = NEW(A, const double *, t->nin);
    for (int i = 0; i < t->nin; i++) {
        Numbers n;
        const char *err = numbers(A, g, m, t->in[i], most, &n);
        if (err) {
            out->large = n.large;
            return err;
        }
        if (i && n.type.rank == 0 && op_is(t->op, P_PARAM)) /* a single number serves all channels */
            n.type = type_make(DT_F32, 1, (const int64_t[]){1});
        in[i] = n.type;
        x[i] = n.v;
    }
    Attrs a = term_attrs(t, m, NULL);
    OpCall c = {.op = t->op, .attr = &a, .nin = t->nin, .in = in, .out = type, .arena = A};
    const char *err = op_infer(&c, type, &c.nout);
    if (!err)
        err = attrs_normalize(A, t->op, &a, in, t->nin);
    if (err)
        return arena_printf(A, "%s: %s", op_info[t->op].name, err);
    if ((out->large = type_elems(&type[0]) > most))
        return arena_printf(A, "%s: the constant %s would be larger than those that it is made of", op_info[t->op].name,
                            type_text(A, &type[0]));
    out->type = type[0];
    out->v = NEW(A, double, type_elems(&type[0]));
    op_info[t->op].ref(&c, x, &out->v);
    return NULL;
}

const char *term_numbers(Arena *A, const Graph *g, const Match *m, const RuleTerm *t, Numbers *out)
{
    return numbers(A, g, m, t, imax(given_numbers(g, m, t), FEW_NUMBERS), out);
}

/* ---- conditions ---- */

static bool nonnegative(const Try *s, ValueId v)
{
    int def = value_def(s->g, v);
    if (def >= 0) {
        const Node *n = &s->g->node.v[def];
        return !n->nstep && n->out[0].red == RED_NONE && op_is(n->op, P_NONNEGATIVE);
    }
    if (!value_known(s->g, v))
        return false;
    const Value *c = &s->g->value.v[v];
    for (int64_t i = 0, n = type_elems(&c->type); i < n; i++)
        if (!(tensor_at(c->tensor, i) >= 0))
            return false;
    return true;
}

static bool list_value(const Try *s, const RuleExpr *e, Ints *out);

static bool single(const Try *s, const RuleExpr *e, int64_t *out)
{
    Ints list;
    if (!list_value(s, e, &list) || list.n != 1)
        return false;
    *out = list.v[0];
    return true;
}

static bool attr_value(const Bound *b, Ints *out)
{
    const void *f = field(b->attrs, b->attr);
    out->n = 1;
    switch (attr_info[b->attr].kind) {
    case ATTR_INT: case ATTR_ENUM: memcpy(&out->v[0], f, sizeof(int64_t)); return true;
    case ATTR_BOOL: out->v[0] = *(const bool *)f; return true;
    case ATTR_INTS: memcpy(out, f, sizeof *out); return true;
    case ATTR_FLOAT: break;
    }
    return false;
}

/* False where a condition asks for what is not there, such as dim(%x, 4) of a matrix: then it does not hold. */
static bool list_value(const Try *s, const RuleExpr *e, Ints *out)
{
    *out = (Ints){.n = 1};
    const Type *t = e->var >= 0 && e->kind != EXPR_ATTR ? &s->g->value.v[s->m->var[e->var].value].type : NULL;
    int64_t d;
    switch (e->kind) {
    case EXPR_TERM: out->v[0] = (int64_t)e->term->number; return true;
    case EXPR_ATTR: return attr_value(&s->m->var[e->var], out);
    case EXPR_RANK: out->v[0] = t->rank; return true;
    case EXPR_ELEMENTS: out->v[0] = type_elems(t); return true;
    case EXPR_USES: out->v[0] = value_uses(s->g, s->m->var[e->var].value); return true;
    case EXPR_SHAPE:
        out->n = t->rank;
        memcpy(out->v, t->dim, (size_t)t->rank * sizeof *t->dim);
        return true;
    case EXPR_DIM:
        if (!single(s, e->item[0], &d))
            return false;
        d += d < 0 ? t->rank : 0;
        out->v[0] = d >= 0 && d < t->rank ? t->dim[d] : 0;
        return out->v[0] > 0;
    case EXPR_LIST:
        out->n = e->n;
        for (int i = 0; i < e->n; i++)
            if (i == LEN(out->v) || !single(s, e->item[i], &out->v[i]))
                return false;
        return true;
    }
    return false;
}

static bool condition_holds(CondKind k, double x, double y)
{
    switch (k) {
    case COND_EQ: return x == y;
    case COND_NE: return x != y;
    case COND_LT: return x < y;
    case COND_LE: return x <= y;
    case COND_GT: return x > y;
    case COND_GE: return x >= y;
    case COND_NONNEGATIVE: break;
    }
    return false;
}

static bool lists_compare(const Try *s, const Cond *c)
{
    Ints a, b;
    if (!list_value(s, c->a, &a) || !list_value(s, c->b, &b))
        return false;
    bool equal = a.n == b.n && !memcmp(a.v, b.v, (size_t)a.n * sizeof *a.v);
    if (c->kind == COND_EQ || c->kind == COND_NE)
        return equal == (c->kind == COND_EQ);
    return a.n == 1 && b.n == 1 && condition_holds(c->kind, (double)a.v[0], (double)b.v[0]);
}

/* The comparison holds for every element; a constant of one element is compared with all of the other. */
static bool constants_compare(const Try *s, const Cond *c)
{
    Numbers a, b;
    if (term_numbers(s->A, s->g, s->m, c->a->term, &a) || term_numbers(s->A, s->g, s->m, c->b->term, &b))
        return false;
    int64_t na = type_elems(&a.type), nb = type_elems(&b.type);
    if (na != nb && na != 1 && nb != 1)
        return false;
    for (int64_t i = 0; i < imax(na, nb); i++)
        if (!condition_holds(c->kind, a.v[na == 1 ? 0 : i], b.v[nb == 1 ? 0 : i]))
            return false;
    return true;
}

static bool conditions_hold(const Try *s, bool any_uses)
{
    const Rule *r = s->m->rule;
    for (int i = 0; i < r->cond.n; i++) {
        const Cond *c = &r->cond.v[i];
        if (c->uses && any_uses)
            continue;
        bool lists = c->kind != COND_NONNEGATIVE && (c->a->kind != EXPR_TERM || c->b->kind != EXPR_TERM);
        if (c->kind == COND_NONNEGATIVE ? !nonnegative(s, s->m->var[c->var].value)
                                        : lists ? !lists_compare(s, c) : !constants_compare(s, c))
            return false;
    }
    return true;
}

bool rule_match(Arena *A, const Graph *g, const Rule *r, int node, bool any_uses, Match *out)
{
    if (g->node.v[node].op != r->pattern->op)
        return false;
    for (unsigned order = 0; order < 1u << r->nswap; order++) {
        *out = (Match){.rule = r, .root = node, .var = NEW(A, Bound, r->var.n + 1)};
        Try s = {A, g, out, order};
        if (match_node(&s, r->pattern, node) &&
            (r->pattern->var < 0 || bind(&s, r->pattern->var, node_value(g, node))) &&
            (r->shared || read_inside_only(&s)) && conditions_hold(&s, any_uses))
            return true;
    }
    return false;
}
