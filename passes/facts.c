/* Facts about graphs and programs, looked up in what passes have made. A function per fact: NULL, or what is wrong. */
#include "facts.h"

#include "edit.h"
#include "memory/blocks.h"

static const char *title(Arena *A, const Graph *g, int node)
{
    const Node *n = &g->node.v[node];
    return arena_printf(A, "node %d, %s '%s'", node, op_info[n->op].name, node_title(n));
}

static void read_all(bool *read, const int *v, int n)
{
    for (int i = 0; i < n; i++)
        if (v[i] >= 0)
            read[v[i]] = true;
}

/* Per value: does a node read it? (The graph's own lists would be made by asking them.) */
static bool *values_read(Arena *A, const Graph *g)
{
    bool *read = NEW(A, bool, g->value.n + 1);
    for (int i = 0; i < g->node.n; i++) {
        const Node *n = &g->node.v[i];
        read_all(read, n->in, n->op == OP_NONE ? 0 : n->nin);
        for (int s = 0; s < n->nstep; s++)
            read_all(read, n->step[s].in, n->step[s].nin);
    }
    return read;
}

/* What an output alone reads has to be made by a node, even one that moves nothing. */
static const char *canonical(Arena *A, const Graph *g)
{
    const bool *read = values_read(A, g);
    for (int i = 0; i < g->node.n; i++) {
        const Node *n = &g->node.v[i];
        bool inside = false;
        for (int k = 0; k < n->nout && n->op != OP_NONE; k++)
            inside = inside || read[n->out[k].value];
        const char *left = inside ? not_canonical(g, n) : NULL;
        if (left)
            return arena_printf(A, "%s: %s", title(A, g, i), left);
    }
    return NULL;
}

static const char *anchored(Arena *A, const Graph *g)
{
    for (int i = 0; i < g->node.n; i++)
        if (op_is(g->node.v[i].op, P_ELEMENTWISE))
            return arena_printf(A, "%s stands alone", title(A, g, i));
    return NULL;
}

static const char *scheduled(Arena *A, const Graph *g)
{
    for (int i = 0; i < g->node.n; i++)
        if (g->node.v[i].op != OP_NONE && !g->node.v[i].sched)
            return arena_printf(A, "%s has no schedule", title(A, g, i));
    return NULL;
}

static const char *laid_out(Arena *A, const Graph *g)
{
    const bool *read = values_read(A, g);
    for (int i = 0; i < g->value.n; i++) {
        const Value *v = &g->value.v[i];
        if (v->kind == VAL_DEAD || (v->kind == VAL_CONST && !read[i]))
            continue;
        const char *wrong = v->region == REGION_NONE ? "has no region" : layout_check(A, &v->layout, &v->type);
        if (wrong)
            return arena_printf(A, "value %d%s%s: %s", i, v->name ? ", " : "", v->name ? v->name : "", wrong);
    }
    return NULL;
}

/* ---- places in the arena ---- */

typedef struct ArenaPlace { int first, last; int64_t at, end; } ArenaPlace; /* nodes that touch it, bytes */

static void touch(ArenaPlace *p, int node, int64_t at, int64_t bytes)
{
    p->first = p->last < 0 ? node : p->first;
    p->last = node;
    p->at = at;
    p->end = at + bytes;
}

static const Value *value_of(const Graph *g, const Storages *s, int storage)
{
    for (int i = 0; i < g->value.n; i++)
        if (s->of[i] == storage)
            return &g->value.v[i];
    return NULL;
}

/* The places of all storages. *wrong: the first node that touches one that has none. */
static ArenaPlace *find_places(Arena *A, const Graph *g, const Storages *s, const char **wrong)
{
    ArenaPlace *p = NEW(A, ArenaPlace, s->n + 1);
    int64_t *at = NEW(A, int64_t, s->n + 1);
    for (int i = 0; i < s->n; i++)
        p[i].last = at[i] = -1;
    for (int i = 0; i < g->value.n; i++)
        if (s->of[i] >= 0)
            at[s->of[i]] = g->value.v[i].offset;
    for (int i = 0; i < g->node.n; i++)
        if (s->scratch[i] >= 0)
            at[s->scratch[i]] = g->node.v[i].scratch_offset;
    for (int i = 0; i < g->node.n; i++)
        for (int k = 0; k < s->node[i].n; k++) {
            int t = s->node[i].touch[k];
            touch(&p[t], i, at[t], s->v[t].bytes);
            if (!*wrong && (at[t] < 0 || p[t].end > g->arena_bytes))
                *wrong = arena_printf(A, "%s touches memory that the arena does not have", title(A, g, i));
        }
    return p;
}

static bool meets(const ArenaPlace *a, const ArenaPlace *b)
{
    return a->at < b->end && b->at < a->end && a->first <= b->last && b->first <= a->last;
}

/* Does b take the place of a in the node where a is touched for the last time? */
static bool follows(const Storages *s, const ArenaPlace *p, int a, int b)
{
    const NodeStorages *n = &s->node[p[b].first];
    bool may = p[a].last == p[b].first && n->made == b && p[a].at == p[b].at;
    for (int k = 0; may && k < n->nover; k++)
        if (n->over[k] == a)
            return true;
    return false;
}

static const char *overlap(Arena *A, const Graph *g, const Storages *s, const ArenaPlace *p)
{
    enum { FEW = 1000 }; /* storages: every one is compared with every other one */
    for (int a = 0; a < s->n && s->n <= FEW; a++)
        for (int b = 0; b < a; b++) {
            if (p[a].last < 0 || p[b].last < 0 || !meets(&p[a], &p[b]) || follows(s, p, a, b) || follows(s, p, b, a))
                continue;
            const Value *x = value_of(g, s, a), *y = value_of(g, s, b);
            return arena_printf(A, "%s and %s share memory while both are alive",
                                x ? title(A, g, x->node) : "scratch", y ? title(A, g, y->node) : "scratch");
        }
    return NULL;
}

static const char *placed(Arena *A, const Graph *g)
{
    Storages s = storages_of(A, g, 64), exact = storages_of(A, g, 1);
    const char *wrong = NULL;
    for (int i = 0; i < s.n; i++) /* what may follow what depends on rounded sizes, which the target decides */
        s.v[i].bytes = exact.v[i].bytes;
    const ArenaPlace *p = find_places(A, g, &s, &wrong);
    return wrong ? wrong : overlap(A, g, &s, p);
}

/* ---- loops ---- */

static bool has_unrolled(const Block *b)
{
    for (int i = 0; i < b->n; i++)
        if (b->v[i]->kind == ST_FOR && (b->v[i]->loop == LOOP_UNROLL || has_unrolled(&b->v[i]->body)))
            return true;
    return false;
}

static const char *unrolled(Arena *A, const Program *p)
{
    for (int i = 0; i < p->kernel.n; i++)
        if (has_unrolled(&p->kernel.v[i].body))
            return arena_printf(A, "kernel '%s' has a loop marked unroll", p->kernel.v[i].name);
    return NULL;
}

/* ---- the table ---- */

static const struct { unsigned bit; const char *name, *(*wrong)(Arena *, const Graph *); } graph_fact[] = {
#define FACT(bit, name, wrong, doc) {bit, name, wrong},
#include "pass.def"
};
static const struct { unsigned bit; const char *name, *(*wrong)(Arena *, const Program *); } loop_fact[] = {
#define LOOP_FACT(bit, name, wrong, doc) {bit, name, wrong},
#include "pass.def"
};

const char *fact_name(unsigned bit)
{
    for (int i = 0; i < LEN(graph_fact); i++)
        if (graph_fact[i].bit == bit)
            return graph_fact[i].name;
    for (int i = 0; i < LEN(loop_fact); i++)
        if (loop_fact[i].bit == bit)
            return loop_fact[i].name;
    bug("fact %u has no row", bit);
}

const char *facts_wrong(Arena *A, const Graph *g, unsigned facts, const char **fact)
{
    const char *wrong = NULL;
    for (int i = 0; i < LEN(graph_fact) && !wrong; i++)
        if (facts & graph_fact[i].bit) {
            *fact = graph_fact[i].name;
            wrong = graph_fact[i].wrong(A, g);
        }
    return wrong;
}

const char *loop_facts_wrong(Arena *A, const Program *p, unsigned facts, const char **fact)
{
    const char *wrong = NULL;
    for (int i = 0; i < LEN(loop_fact) && !wrong; i++)
        if (facts & loop_fact[i].bit && loop_fact[i].wrong) {
            *fact = loop_fact[i].name;
            wrong = loop_fact[i].wrong(A, p);
        }
    return wrong;
}
