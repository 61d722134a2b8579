/* match-borders: results get the border of an operand whose place they can take, where that saves memory.

     %3 = conv2d %2 ... epilogue { add %1 } : f32[1,16,8,8] nhwc(c=16, border=[1,1,0,0])      (%1 has [1,1,1,1])
       =>   : f32[1,16,8,8] nhwc(c=16, border=[1,1,1,1])

   plan-memory writes a sum over a residual that dies there, if both lie alike. Borders are what the readers of each
   need, so they often differ by a row. Candidates are the operands that a node reads at the index that it writes. The
   one with the most profit is taken: its border and the result's become the wider of both. Profit is less memory
   alive at the worst moment or, at no more of that, less over time. What was made alike before stays alike. Needs
   F_LAYOUT; keeps everything: readers do not mind a border that is wider than they need. */
#include <string.h>

#include "../memory/alive.h"

/* Bytes alive at the worst moment, and summed over all nodes. */
typedef struct Use { int64_t peak; double sum; } Use;

typedef struct BorderMatch {
    Pass *p;
    Graph *g;
    int *alike, *next;     /* per value: the group of values that were made alike, the next one of it, in a circle */
    int *size;             /* per group */
    Alive *alive;
    Use now;
    int64_t work;          /* left: values and the nodes that touch them, of which each try looks at two groups */
} BorderMatch;

static Use measure(const BorderMatch *m) { return (Use){alive_peak(m->alive), alive_sum(m->alive)}; }

static bool less(const Use *a, const Use *b) { return a->peak != b->peak ? a->peak < b->peak : a->sum < b->sum; }

static bool padded(const Value *v)
{
    return v->kind == VAL_NODE && v->region == REGION_ARENA && v->layout.order == ORDER_NHWC;
}

static bool could_match(const BorderMatch *m, ValueId v, ValueId out)
{
    const Value *a = &m->g->value.v[v], *b = &m->g->value.v[out];
    return padded(a) && padded(b) && type_eq(&a->type, &b->type) && a->layout.cstride == b->layout.cstride &&
           a->layout.last == b->layout.last &&
           memcmp(a->layout.border, b->layout.border, sizeof a->layout.border);
}

/* The values of a group have one border. */
static void set_border(BorderMatch *m, ValueId v, const int64_t *border)
{
    if (!memcmp(m->g->value.v[v].layout.border, border, sizeof m->g->value.v[v].layout.border))
        return;
    ValueId i = v;
    do {
        memcpy(m->g->value.v[i].layout.border, border, sizeof m->g->value.v[i].layout.border);
        m->work -= 1 + alive_changed(m->alive, i);
        i = m->next[i];
    } while (i != v);
}

/* Gives the groups of v and out the wider border on each side. */
static void widen(BorderMatch *m, ValueId v, ValueId out)
{
    int64_t border[4];
    for (int side = 0; side < 4; side++)
        border[side] = imax(m->g->value.v[v].layout.border[side], m->g->value.v[out].layout.border[side]);
    set_border(m, v, border);
    set_border(m, out, border);
}

/* Tries v as what out lies like; keeps the best one in *best. */
static void try_operand(BorderMatch *m, ValueId v, ValueId out, ValueId *best, Use *use)
{
    if (v < 0 || !could_match(m, v, out) || m->work <= 0)
        return;
    Layout before[2] = {m->g->value.v[v].layout, m->g->value.v[out].layout};
    widen(m, v, out);
    Use u = measure(m);
    if (less(&u, use)) {
        *use = u;
        *best = v;
    }
    set_border(m, v, before[0].border);
    set_border(m, out, before[1].border);
}

/* Makes one group of two: the smaller takes the other's name, and the circles become one. */
static void join(BorderMatch *m, ValueId v, ValueId out)
{
    ValueId large = m->size[m->alike[v]] < m->size[m->alike[out]] ? out : v, small = large == v ? out : v, i = small;
    if (m->alike[large] == m->alike[small])
        return;
    m->size[m->alike[large]] += m->size[m->alike[small]];
    do {
        m->alike[i] = m->alike[large];
        i = m->next[i];
    } while (i != small);
    i = m->next[large];
    m->next[large] = m->next[small];
    m->next[small] = i;
}

static bool match_node(BorderMatch *m, const Node *n)
{
    ValueId out = n->out[0].value, best = -1;
    Use use = m->now;
    if (!padded(&m->g->value.v[out]))
        return false;
    if (op_is(n->op, P_IN_PLACE))
        try_operand(m, n->in[0], out, &best, &use);
    for (int s = 0; s < n->nstep; s++)
        for (int k = 0; k < n->step[s].nin; k++)
            try_operand(m, n->step[s].in[k], out, &best, &use);
    if (best < 0)
        return false;
    widen(m, best, out);
    join(m, best, out);
    m->now = use;
    return true;
}

bool pass_match_borders(Pass *p, Graph *g)
{
    enum { WORK = 1 << 22 };
    int n = g->value.n;
    BorderMatch m = {.p = p, .g = g, .alike = NEW(p->scratch, int, n), .next = NEW(p->scratch, int, n),
                     .size = NEW(p->scratch, int, n), .work = WORK};
    bool changed = false, again = true;
    for (int i = 0; i < n; i++) {
        m.alike[i] = m.next[i] = i;
        m.size[i] = 1;
    }
    m.alive = alive_new(p->scratch, g, arena_align(p->target));
    m.now = measure(&m);
    while (again) {
        again = false;
        for (int i = 0; i < g->node.n; i++)
            if (g->node.v[i].op != OP_NONE)
                again |= match_node(&m, &g->node.v[i]);
        changed |= again;
    }
    return changed;
}
