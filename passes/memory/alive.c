/* Bytes alive, incrementally. A storage is alive from the first to the last node that touches it. Where a node's
   result takes the place of a storage that dies there, the bytes are alive once, not twice. Both are ranges added to
   a tree over the nodes. The root of the tree knows the maximum. */
#include "alive.h"

#include "../edit.h"

struct Alive {
    Arena *A;
    Storages s;
    int64_t align;
    int *first, *last;     /* per storage: nodes that touch it */
    int *begin, *toucher;  /* per storage: its nodes are toucher[begin[i]] to toucher[begin[i + 1]] */
    int *value, *next;     /* per storage: its last value; per value: the one before it in its storage, -1 none */
    int64_t *saved;        /* per node: bytes of the place that its result takes over */
    int leaves;
    int64_t *most, *added; /* tree: the maximum below a node of it, what was added to all below */
    double sum;
};

/* Adds to positions a to b. */
static void add_bytes(Alive *m, int at, int from, int to, int a, int b, int64_t by)
{
    if (b < from || to < a)
        return;
    if (a <= from && to <= b) {
        m->added[at] += by;
        m->most[at] += by;
        return;
    }
    int middle = from + (to - from) / 2;
    add_bytes(m, 2 * at, from, middle, a, b, by);
    add_bytes(m, 2 * at + 1, middle + 1, to, a, b, by);
    m->most[at] = m->added[at] + imax(m->most[2 * at], m->most[2 * at + 1]);
}

static void add_range(Alive *m, int a, int b, int64_t by)
{
    if (!by || a > b)
        return;
    add_bytes(m, 1, 0, m->leaves - 1, a, b, by);
    m->sum += (double)by * (b - a + 1);
}

/* Does the result of node i take a place over? */
static bool takes_over(const Alive *m, int i)
{
    const NodeStorages *t = &m->s.node[i];
    for (int k = 0; k < t->nover; k++)
        if (m->last[t->over[k]] == i && m->first[t->made] == i)
            return true;
    return false;
}

static void place_result(Alive *m, int i)
{
    storages_place(m->A, &m->s, i);
    int64_t saved = takes_over(m, i) ? m->s.v[m->s.node[i].made].bytes : 0;
    add_range(m, i, i, m->saved[i] - saved);
    m->saved[i] = saved;
}

static void index_touchers(Alive *m)
{
    const Storages *s = &m->s;
    int *fill = NEW(m->A, int, s->n + 1);
    m->begin = NEW(m->A, int, s->n + 1);
    for (int k = 0; k < s->n; k++)
        m->begin[k + 1] = fill[k + 1] = m->begin[k] + s->v[k].touches;
    m->toucher = NEW(m->A, int, m->begin[s->n]);
    for (int i = 0; i < s->g->node.n; i++)
        for (int k = 0; k < s->node[i].n; k++)
            m->toucher[fill[s->node[i].touch[k]]++] = i;
    for (int k = 0; k < s->n; k++) {
        m->first[k] = s->v[k].touches ? m->toucher[m->begin[k]] : 0;
        m->last[k] = s->v[k].touches ? m->toucher[m->begin[k + 1] - 1] : -1;
    }
}

static void index_values(Alive *m)
{
    for (int k = 0; k < m->s.n; k++)
        m->value[k] = -1;
    for (int v = 0; v < m->s.g->value.n; v++)
        if (m->s.of[v] >= 0) {
            m->next[v] = m->value[m->s.of[v]];
            m->value[m->s.of[v]] = v;
        }
}

Alive *alive_new(Arena *A, const Graph *g, int64_t align)
{
    Alive *m = NEW(A, Alive, 1);
    *m = (Alive){.A = A, .s = storages_of(A, g, align), .align = align, .leaves = g->node.n};
    m->first = NEW(A, int, m->s.n), m->last = NEW(A, int, m->s.n);
    m->value = NEW(A, int, m->s.n), m->next = NEW(A, int, g->value.n);
    m->saved = NEW(A, int64_t, g->node.n);
    m->most = NEW(A, int64_t, 4 * g->node.n + 4), m->added = NEW(A, int64_t, 4 * g->node.n + 4);
    index_touchers(m);
    index_values(m);
    for (int k = 0; k < m->s.n; k++)
        add_range(m, m->first[k], m->last[k], m->s.v[k].bytes);
    for (int i = 0; i < g->node.n; i++)
        place_result(m, i);
    return m;
}

int alive_changed(Alive *m, ValueId v)
{
    int store = m->s.of[v];
    if (store < 0)
        return 0;
    int64_t bytes = 0;
    for (int i = m->value[store]; i >= 0; i = m->next[i])
        bytes = imax(bytes, round_up(value_storage(&m->s.g->value.v[i]), m->align));
    add_range(m, m->first[store], m->last[store], bytes - m->s.v[store].bytes);
    m->s.v[store].bytes = bytes;
    for (int k = m->begin[store]; k < m->begin[store + 1]; k++)
        place_result(m, m->toucher[k]);
    return m->begin[store + 1] - m->begin[store];
}

int64_t alive_peak(const Alive *m) { return m->leaves ? imax(0, m->most[1]) : 0; }
double alive_sum(const Alive *m) { return m->sum; }
