/* A rule's replacement in place of what its pattern matched. Parts of the replacement that are constants are computed
   here, in double precision, and rounded once. */
#include <float.h>
#include <math.h>

#include "../edit.h"
#include "rules.h"

typedef struct Build {
    Arena *A;
    Graph *g;
    const Match *m;
    Numbers *known;         /* per term: the numbers of the largest parts that are constants */
    VEC(int) made;          /* nodes */
    const char *why;
} Build;

static bool in_range(const Numbers *n)
{
    for (int64_t i = 0, k = type_elems(&n->type); i < k; i++)
        if (!isfinite((float)n->v[i]) || (n->v[i] != 0 && fabs(n->v[i]) < FLT_MIN))
            return false;
    return true;
}

static bool is_bound_constant(const Build *s, const RuleTerm *t, bool param)
{
    return t->kind == TERM_VAR && s->m->var[t->var].value >= 0 &&
           !(param && s->g->value.v[s->m->var[t->var].value].type.rank == 0);
}

/* Computes what is constant. param: as a per-channel operand. */
static Outcome compute(Build *s, const RuleTerm *t, bool param)
{
    if (!t->known) {
        Outcome all = RULE_FIRED;
        for (int i = 0; i < t->nin && all == RULE_FIRED; i++)
            all = compute(s, t->in[i], i > 0 && op_is(t->op, P_PARAM));
        return all;
    }
    if (is_bound_constant(s, t, param))
        return RULE_FIRED;
    Numbers *n = &s->known[t->id];
    if ((s->why = term_numbers(s->A, s->g, s->m, t, n)))
        return n->large ? RULE_DECLINED : RULE_WRONG;
    if (param && n->type.rank == 0)
        n->type = type_make(DT_F32, 1, (const int64_t[]){1});
    return in_range(n) ? RULE_FIRED : RULE_DECLINED;
}

/* A name for a constant: that of the first one which it is made of. */
static const char *base_name(const Build *s, const RuleTerm *t)
{
    if (t->kind == TERM_VAR && s->m->var[t->var].value >= 0)
        return s->g->value.v[s->m->var[t->var].value].name;
    for (int i = 0; i < t->nin; i++) {
        const char *name = base_name(s, t->in[i]);
        if (name)
            return name;
    }
    return NULL;
}

static bool same_call(const Node *n, Op op, const Attrs *a, const ValueId *in, int nin)
{
    bool same = n->op == op && n->nin == nin && attrs_eq(op, &n->attr, a);
    for (int i = 0; i < nin && same; i++)
        same = n->in[i] == in[i];
    return same;
}

/* The term's value, made where it is not there; -1 with s->why set where the operator refuses its operands. */
static ValueId build_term(Build *s, const RuleTerm *t)
{
    Graph *g = s->g;
    if (s->known[t->id].v) {
        const char *name = base_name(s, t);
        return const_of(g, g->node.v[s->m->root].loc, name ? name : s->m->rule->name,
                        s->known[t->id].type, s->known[t->id].v);
    }
    if (t->kind == TERM_VAR)
        return s->m->var[t->var].value;
    ValueId *in = NEW(s->A, ValueId, t->nin);
    Type *types = NEW(s->A, Type, t->nin);
    for (int i = 0; i < t->nin; i++) {
        if ((in[i] = build_term(s, t->in[i])) < 0)
            return -1;
        types[i] = g->value.v[in[i]].type;
    }
    Attrs a = term_attrs(t, s->m, NULL);
    const char *err = attrs_normalize(s->A, t->op, &a, types, t->nin);
    for (int i = 0; i < s->made.n && !err; i++)
        if (same_call(&g->node.v[s->made.v[i]], t->op, &a, in, t->nin))
            return node_value(g, s->made.v[i]);
    int node = err ? -1 : graph_add(g, t->op, &a, in, t->nin, NULL, g->node.v[s->m->root].loc, &err);
    if (node < 0) {
        s->why = arena_printf(s->A, "%s: %s", op_info[t->op].name, err);
        return -1;
    }
    PUSH(s->A, &s->made, node);
    return node_value(g, node);
}

/* ---- names ---- */

/* The nodes made are called like those of the same operator that they replace. Where some have no successor, those are
   layers of the last one made, which then has the root's name. */
static void take_names(Build *s)
{
    Graph *g = s->g;
    const Match *m = s->m;
    int last = s->made.v[s->made.n - 1], left = m->node.n, of_last = -1;
    bool *taken = NEW(s->A, bool, m->node.n);
    for (int i = s->made.n - 1; i >= 0; i--) {
        Node *to = &g->node.v[s->made.v[i]];
        int k = m->node.n - 1;
        while (k >= 0 && (taken[k] || g->node.v[m->node.v[k]].op != to->op))
            k--;
        if (k < 0)
            continue;
        const Node *from = &g->node.v[m->node.v[k]];
        taken[k] = true;
        left--;
        if (s->made.v[i] == last)
            of_last = k;
        to->name = from->name;
        to->layers = from->layers;
        to->loc = from->loc;
    }
    if (!left)
        return;
    Node *to = &g->node.v[last];
    Buf layers = {0};
    for (int k = 0; k < m->node.n; k++)
        if (!taken[k] || k == of_last || m->node.v[k] == m->root)
            layers_add(&layers, node_title(&g->node.v[m->node.v[k]]));
    to->name = g->node.v[m->root].name;
    to->loc = g->node.v[m->root].loc;
    to->layers = arena_strndup(g->arena, layers.s, layers.n);
    buf_free(&layers);
}

/* ---- ---- */

/* An output keeps the node that makes it where the replacement is a value that has a name already. */
static bool output_stays(const Build *s, const RuleTerm *t)
{
    const Graph *g = s->g;
    ValueId root = node_value(g, s->m->root), v = t->kind == TERM_VAR ? s->m->var[t->var].value : -1;
    bool named = t->known || (v >= 0 && (g->value.v[v].name || value_outputs(g, v)));
    return named && value_outputs(g, root) && (t->known || t->kind == TERM_VAR);
}

Outcome rule_fire(Arena *A, Graph *g, Match *m, const char **why)
{
    const Rule *r = m->rule;
    Build s = {.A = A, .g = g, .m = m, .known = NEW(A, Numbers, r->nterm)};
    ValueId root = node_value(g, m->root);
    if (output_stays(&s, r->replacement))
        return RULE_DECLINED;
    Outcome numbers = compute(&s, r->replacement, false);
    ValueId now = numbers == RULE_FIRED ? build_term(&s, r->replacement) : -1;
    if (numbers == RULE_FIRED && now >= 0 && !type_eq(&g->value.v[now].type, &g->value.v[root].type)) {
        s.why = arena_printf(A, "the pattern is %s, the replacement %s", type_text(A, &g->value.v[root].type),
                             type_text(A, &g->value.v[now].type));
        now = -1;
    }
    *why = s.why;
    if (now < 0)
        return numbers == RULE_DECLINED ? RULE_DECLINED : RULE_WRONG;
    if (s.made.n)
        take_names(&s);
    m->result = now;
    value_replace(g, root, now);
    for (int i = m->node.n - 1; i >= 0; i--)
        if (!value_uses(g, node_value(g, m->node.v[i])))
            node_remove(g, m->node.v[i]);
    return RULE_FIRED;
}
