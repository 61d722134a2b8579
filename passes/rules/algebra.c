/* algebra: rewrite rules until none fits any more. The rules are texts: passes/rules/algebra.rules and files of
   --rules.

     %1 = scale %0, @alpha        ; %2 = square %0
     %3 = scale %2, @beta         ; %4 = add %1, %3     =>   %4 = polynomial %0, @square_encoding, @alpha, @beta

   Rules are tried in their order at every node, a person's before the bundled ones. Those that are not exact fire
   only without --strict, the bundled ones only from -O1 on. What fired where is kept in the graph. Needs F_CANON,
   keeps everything. */
#include "../edit.h"
#include "rules.h"

/* A set of rules that goes on for longer than this goes round in a circle. There are limits for firings in all, and
   for rewrites of rewrites that took no node away. One of these may travel along the whole graph. From the CHASED-th
   of those on, what a rule made is visited before the rest of the graph. So a circle is run through in one place
   only. */
enum { FIRINGS = 1000, FIRINGS_PER_NODE = 20, REWRITES = 100, CHASED = 2 };

/* How a value came about: rewrites of rewrites, the last rule of a person among them, and the last of all; of the rules
   recorded as having fired there, the last, counted from 1 on. */
typedef struct Chain { int rewrites; const Rule *own, *last; int fired; } Chain;

typedef struct Algebra {
    Pass *p;
    Graph *g;
    const Rules *rules;
    int first, nodes;       /* firings and nodes that were there before */
    Arena *A;               /* emptied after each firing */
    VEC(Chain) chain;       /* per value */
    VEC(int) earlier;       /* per firing: that before it at the same value, counted from 1 on */
    VEC(int) todo;          /* nodes, as a stack */
} Algebra;

static bool wanted(const Algebra *s, int i)
{
    return (s->rules->rule.v[i]->exact || !s->p->strict) && (i < s->rules->own || s->p->opt > 0);
}

static Chain *chain_of(Algebra *s, ValueId v)
{
    while (s->chain.n <= v)
        PUSH(s->p->scratch, &s->chain, (Chain){0});
    return &s->chain.v[v];
}

/* What an earlier rule made and this one took is now part of this one's result. */
static void record(Algebra *s, const Match *m, const char *where)
{
    Graph *g = s->g;
    int head = chain_of(s, m->result)->fired;
    for (int i = 0; i < m->node.n; i++) {
        ValueId v = node_value(g, m->node.v[i]);
        int k = v == m->result ? 0 : chain_of(s, v)->fired;
        while (k) {
            int next = s->earlier.v[k - 1];
            g->fired.v[s->first + k - 1].value = m->result;
            s->earlier.v[k - 1] = head;
            head = k;
            k = next;
        }
        if (v != m->result)
            chain_of(s, v)->fired = 0;
    }
    PUSH(g->arena, &g->fired, (Fired){m->rule->name, m->rule->loc, m->result, where});
    PUSH(s->p->scratch, &s->earlier, head);
    chain_of(s, m->result)->fired = s->earlier.n;
}

/* The rule continues what came about by the rules before; nodes: so many there were before it fired. */
static Chain continued(Algebra *s, const Match *m, bool own, int nodes, const Rule **before)
{
    Chain c = {0};
    int taken = 0;
    for (int i = 0; i < m->node.n; i++) {
        const Chain *from = chain_of(s, node_value(s->g, m->node.v[i]));
        c.rewrites = from->rewrites > c.rewrites ? from->rewrites : c.rewrites;
        c.own = from->own ? from->own : c.own;
        c.last = from->last ? from->last : c.last;
        taken += s->g->node.v[m->node.v[i]].op == OP_NONE;
    }
    *before = c.last;
    c.rewrites += s->g->node.n - nodes >= taken;
    c.own = own ? m->rule : c.own;
    c.last = m->rule;
    for (int i = nodes; i < s->g->node.n; i++) {
        Chain *made = chain_of(s, node_value(s->g, i));
        made->rewrites = c.rewrites;
        made->own = c.own;
        made->last = c.last;
    }
    return c;
}

/* A person's rule is to blame rather than a bundled one. */
static void endless(const Chain *c, const Rule *before)
{
    const Rule *r = c->own ? c->own : c->last, *other = r == c->last ? before : c->last;
    bool turns = other && other != r;
    error_at(r->loc, "rule '%s': fires without end%s", r->name, turns ? ", in turns with others" : "");
    if (turns)
        note_at(other->loc, "rule '%s' fires in between", other->name);
}

static const char *node_place(Graph *g, const Node *n)
{
    const char *line = loc_text(g->arena, n->loc);
    return arena_printf(g->arena, "%s%s%s", node_title(n), *line ? ", " : "", line);
}

/* Tries a rule at a node. WRONG: an error was reported. */
static Outcome apply(Algebra *s, int k, int node)
{
    const Rule *r = s->rules->rule.v[k], *before;
    Graph *g = s->g;
    Match m;
    if (g->node.v[node].op == OP_NONE || !rule_match(s->A, g, r, node, false, &m))
        return RULE_DECLINED;
    const char *where = node_place(g, &g->node.v[node]), *why = NULL;
    int nodes = g->node.n;
    Outcome done = rule_fire(s->A, g, &m, &why);
    if (done == RULE_WRONG)
        error_at(r->loc, "rule '%s': at '%s' %s", r->name, where, why);
    if (done != RULE_FIRED)
        return done;
    Chain c = continued(s, &m, k < s->rules->own, nodes, &before);
    record(s, &m, where);
    if (c.rewrites > REWRITES + s->nodes || s->earlier.n > FIRINGS + FIRINGS_PER_NODE * s->nodes) {
        endless(&c, before);
        return RULE_WRONG;
    }
    for (int i = g->node.n - 1; i >= nodes && c.rewrites >= CHASED; i--)
        PUSH(s->p->scratch, &s->todo, i);
    return RULE_FIRED;
}

/* All rules at a node, and at what is made of it on a long chain of rewrites. False after an error. */
static bool visit(Algebra *s, int node)
{
    PUSH(s->p->scratch, &s->todo, node);
    while (s->todo.n) {
        int at = s->todo.v[--s->todo.n];
        bool fired = false;
        for (int k = 0; k < s->rules->rule.n; k++) {
            Outcome done = wanted(s, k) ? apply(s, k, at) : RULE_DECLINED;
            if (done == RULE_WRONG)
                return false;
            fired = fired || done == RULE_FIRED;
        }
        if (fired) {
            arena_free(s->A);
            s->A = arena_new();
        }
    }
    return true;
}

bool pass_algebra(Pass *p, Graph *g)
{
    const Rules *rules = p->rules ? p->rules : rules_bundled(g->arena); /* their names are kept */
    Algebra s = {.p = p, .g = g, .rules = rules, .first = g->fired.n, .nodes = g->node.n, .A = arena_new()};
    bool ok = true;
    for (int before = -1; before != g->fired.n && ok;) {
        before = g->fired.n;
        for (int i = 0; i < g->node.n && ok; i++) /* nodes made on the way are visited, too */
            ok = visit(&s, i);
    }
    arena_free(s.A);
    if (ok)
        graph_compact(g);
    return !ok || g->fired.n > s.first;
}
