/* algebra: rewrite rules until none fits any more. The rules are texts, passes/algebra.rules and files of --rules.

     %1 = scale %0, @alpha        ; %2 = square %0
     %3 = scale %2, @beta         ; %4 = add %1, %3     =>   %4 = polynomial %0, @square_encoding, @alpha, @beta

   Rules are tried in their order at every node, a person's before the bundled ones; those that are not exact only
   without --strict, the bundled ones only from -O1 on. What fired where is kept in the graph. Needs F_CANON, keeps
   everything. */
#include "edit.h"
#include "rules.h"

/* A set of rules that goes on for longer than this goes round in a circle. */
enum { FIRINGS = 1000, FIRINGS_PER_NODE = 20 };

static bool wanted(const Pass *p, const Rules *rules, int i)
{
    return (rules->rule.v[i]->exact || !p->strict) && (i < rules->own || p->opt > 0);
}

static bool holds(const Graph *g, const Match *m, ValueId v)
{
    for (int i = 0; i < m->node.n; i++)
        if (node_value(g, m->node.v[i]) == v)
            return true;
    return false;
}

/* What an earlier rule made and this one took is now part of this one's result. */
static void record(Graph *g, int first, const Match *m, const char *where, const bool *taken)
{
    for (int i = first; i < g->fired.n; i++)
        if (taken[i - first])
            g->fired.v[i].value = m->result;
    PUSH(g->arena, &g->fired, (Fired){m->rule->name, m->rule->loc, m->result, where});
}

static const char *place(Graph *g, const Node *n)
{
    const char *line = loc_text(g->arena, n->loc);
    return arena_printf(g->arena, "%s%s%s", node_title(n), *line ? ", " : "", line);
}

/* Tries a rule at a node. */
static Outcome apply(Pass *p, Graph *g, const Rule *r, int node, int first)
{
    Match m;
    if (g->node.v[node].op == OP_NONE || !rule_match(p->scratch, g, r, node, false, &m))
        return RULE_DECLINED;
    const char *where = place(g, &g->node.v[node]), *why = NULL;
    bool *taken = NEW(p->scratch, bool, g->fired.n - first + 1);
    for (int i = first; i < g->fired.n; i++)
        taken[i - first] = holds(g, &m, g->fired.v[i].value);
    Outcome done = rule_fire(p->scratch, g, &m, &why);
    if (done == RULE_FIRED)
        record(g, first, &m, where, taken);
    else if (done == RULE_WRONG)
        error_at(r->loc, "rule '%s': at '%s' %s", r->name, where, why);
    return done;
}

bool pass_algebra(Pass *p, Graph *g)
{
    const Rules *rules = p->rules ? p->rules : rules_bundled(g->arena); /* their names are kept */
    int first = g->fired.n, limit = FIRINGS + FIRINGS_PER_NODE * g->node.n;
    for (int before = -1; before != g->fired.n;) {
        before = g->fired.n;
        for (int i = 0; i < g->node.n; i++) /* nodes made on the way are visited, too */
            for (int k = 0; k < rules->rule.n; k++) {
                const Rule *r = rules->rule.v[k];
                Outcome done = wanted(p, rules, k) ? apply(p, g, r, i, first) : RULE_DECLINED;
                if (done == RULE_WRONG)
                    return true;
                if (done == RULE_FIRED && g->fired.n - first > limit) {
                    error_at(r->loc, "rule '%s': fires without end, alone or in turns with others", r->name);
                    return true;
                }
            }
    }
    graph_compact(g);
    return g->fired.n > first;
}
