/* match-borders: results get the border of an operand whose place they can take, where that saves memory.

     %3 = conv2d %2 ... epilogue { add %1 } : f32[1,16,8,8] nhwc(c=16, border=[1,1,0,0])      (%1 has [1,1,1,1])
       =>   : f32[1,16,8,8] nhwc(c=16, border=[1,1,1,1])

   plan-memory writes a sum over a residual that dies there, if both lie alike. Borders are what the readers of each need,
   so they often differ by a row. Of the operands that a node reads at the index that it writes, the one whose border and
   the result's become the wider of both with the most profit is taken: less alive at the worst moment or, at no more of
   that, less over time. What was made alike before stays alike. Needs F_LAYOUT; keeps everything: readers do not mind a
   border that is wider than they need. */
#include <string.h>

#include "blocks.h"

/* Bytes alive at the worst moment, and summed over all nodes. */
typedef struct Use { int64_t peak; double sum; } Use;

typedef struct Match {
    Pass *p;
    Graph *g;
    int *alike;            /* per value: the group of values that were made alike */
    Use now;
    int64_t tries;         /* left: each looks at the whole graph */
} Match;

static Use measure(const Match *m)
{
    Arena *A = arena_new();
    Storages s = storages_of(A, m->g, m->p->target->lanes > 1 ? 64 : 16);
    Blocks b = blocks_of(A, &s, NULL);
    Use u = {.peak = b.alive};
    for (int i = 0; i < b.n; i++)
        u.sum += (double)b.v[i].bytes * (b.v[i].last - b.v[i].first + 1);
    arena_free(A);
    return u;
}

static bool less(const Use *a, const Use *b) { return a->peak != b->peak ? a->peak < b->peak : a->sum < b->sum; }

static bool padded(const Value *v)
{
    return v->kind == VAL_NODE && v->region == REGION_ARENA && v->layout.order == ORDER_NHWC;
}

static bool could_match(const Match *m, ValueId v, ValueId out)
{
    const Value *a = &m->g->value.v[v], *b = &m->g->value.v[out];
    return padded(a) && padded(b) && type_eq(&a->type, &b->type) && a->layout.cstride == b->layout.cstride &&
           a->layout.last == b->layout.last &&
           memcmp(a->layout.border, b->layout.border, sizeof a->layout.border);
}

/* Gives the groups of v and out the wider border on each side. */
static void widen(Match *m, ValueId v, ValueId out)
{
    int64_t border[4];
    for (int side = 0; side < 4; side++)
        border[side] = imax(m->g->value.v[v].layout.border[side], m->g->value.v[out].layout.border[side]);
    for (int i = 0; i < m->g->value.n; i++)
        if (m->alike[i] == m->alike[v] || m->alike[i] == m->alike[out])
            memcpy(m->g->value.v[i].layout.border, border, sizeof border);
}

static void restore(Match *m, const Layout *old)
{
    for (int i = 0; i < m->g->value.n; i++)
        m->g->value.v[i].layout = old[i];
}

/* Tries v as what out lies like; keeps the best one in *best. */
static void try_operand(Match *m, ValueId v, ValueId out, const Layout *old, ValueId *best, Use *use)
{
    if (v < 0 || !could_match(m, v, out) || m->tries-- <= 0)
        return;
    widen(m, v, out);
    Use u = measure(m);
    if (less(&u, use)) {
        *use = u;
        *best = v;
    }
    restore(m, old);
}

static bool match_node(Match *m, const Node *n, Layout *old)
{
    ValueId out = n->out[0].value, best = -1;
    Use use = m->now;
    if (!padded(&m->g->value.v[out]))
        return false;
    for (int i = 0; i < m->g->value.n; i++)
        old[i] = m->g->value.v[i].layout;
    if (op_is(n->op, P_IN_PLACE))
        try_operand(m, n->in[0], out, old, &best, &use);
    for (int s = 0; s < n->nstep; s++)
        for (int k = 0; k < n->step[s].nin; k++)
            try_operand(m, n->step[s].in[k], out, old, &best, &use);
    if (best < 0)
        return false;
    widen(m, best, out);
    for (int i = 0, from = m->alike[out]; i < m->g->value.n; i++)
        if (m->alike[i] == from)
            m->alike[i] = m->alike[best];
    m->now = use;
    return true;
}

bool pass_match_borders(Pass *p, Graph *g)
{
    enum { WORK = 1 << 22 };
    Match m = {.p = p, .g = g, .alike = NEW(p->scratch, int, g->value.n), .tries = WORK / (g->node.n + 1)};
    Layout *old = NEW(p->scratch, Layout, g->value.n);
    bool changed = false, again = true;
    for (int i = 0; i < g->value.n; i++)
        m.alike[i] = i;
    m.now = measure(&m);
    while (again) {
        again = false;
        for (int i = 0; i < g->node.n; i++)
            if (g->node.v[i].op != OP_NONE)
                again |= match_node(&m, &g->node.v[i], old);
        changed |= again;
    }
    return changed;
}
