/* Groups of fuse-epilogue: how they grow, and what they leave to others. Work is in proportion to the reads of a
   group's values. Candidates come from reader lists in the order of nodes. Counts of reads are kept as nodes come and
   go. */
#include "fuse_group.h"

#include <stdlib.h>

/* Operands from outside that a group may read, and outs: a kernel's parameters are bounded (lower/lower.h; C99 promises
   127). Nodes: what a group computes may become one expression, and compilers bound how deep those go (clang: 256). */
enum { MAX_OUTER = 32, MAX_STORED = 8, MAX_NODES = 64 };

typedef VEC(ValueId) Values;

bool elementwise(const Node *n) { return n->op != OP_NONE && op_is(n->op, P_ELEMENTWISE); }

bool bare_anchor(const Node *n)
{
    return op_is(n->op, P_ANCHOR) && !n->nstep && n->nout == 1 && n->out[0].red == RED_NONE;
}

static int occurrences(const Node *n, ValueId v)
{
    int count = 0;
    for (int k = 0; k < n->nin; k++)
        count += n->in[k] == v;
    return count;
}

static const Node *member(const Fuse *f, const Group *s, int i) { return &f->g->node.v[s->node.v[i]]; }

static bool in_frame(const Fuse *f, const Group *s, ValueId v) { return type_eq(&f->g->value.v[v].type, s->frame); }

/* ---- nodes come and go ---- */

static void join(Fuse *f, Group *s, int node)
{
    const Node *n = &f->g->node.v[node];
    PUSH(f->p->scratch, &s->node, node);
    PUSH(f->p->scratch, &s->value, n->out[0].value);
    f->at[n->out[0].value] = s->value.n;
    for (int k = 0; k < n->nin; k++)
        f->inner[n->in[k]]++;
}

/* Node i is of the group no more; close_up then removes its entries. */
static void part(Fuse *f, Group *s, int i)
{
    const Node *n = member(f, s, i);
    f->at[n->out[0].value] = 0;
    for (int k = 0; k < n->nin; k++)
        f->inner[n->in[k]]--;
}

static void close_up(Fuse *f, Group *s)
{
    int left = 0;
    for (int i = 0; i < s->node.n; i++) {
        ValueId v = s->value.v[i + 1];
        if (!f->at[v])
            continue;
        s->node.v[left++] = s->node.v[i];
        s->value.v[left] = v;
        f->at[v] = left + 1;
    }
    s->node.n = left;
    s->value.n = left + 1;
}

void group_done(Fuse *f, const Group *s)
{
    for (int i = 0; i < s->node.n; i++)
        part(f, (Group *)s, i);
    f->at[s->value.v[0]] = 0;
}

int group_stored(const Fuse *f, const Group *s)
{
    int count = 0;
    for (int i = 0; i < s->value.n; i++)
        count += reads_outside(f, s->value.v[i]) > 0;
    return count;
}

/* ---- what may be in a group ---- */

static void add_outer(Fuse *f, Values *outer, ValueId v, int node)
{
    if (f->outer[v])
        return;
    f->outer[v] = node + 1;
    PUSH(f->p->scratch, outer, v);
}

static void forget_outer(Fuse *f, Values *outer, int from)
{
    for (int i = from; i < outer->n; i++)
        f->outer[outer->v[i]] = 0;
    outer->n = from;
}

/* May a group that `node` joins read v from outside? An answer for an earlier node still holds, unless it depends on
   nodes behind that one. */
static bool may_read(Fuse *f, const Group *s, ValueId v, int node)
{
    int def = value_def(f->g, v), asked = f->outer[v] - 1;
    return group_find(f, s, v) >= 0 || def < 0 || (asked < node && f->top[def] < asked) ||
           !group_depends(f, s, v, node);
}

static bool joins(Fuse *f, const Group *s, Values *outer, int node)
{
    const Node *n = &f->g->node.v[node];
    if (!elementwise(n) || (op_is(n->op, P_STEEP) && s->anchor != OP_map) || !in_frame(f, s, n->out[0].value))
        return false;
    bool inside = false;
    for (int k = 0; k < n->nin; k++)
        inside = inside || group_find(f, s, n->in[k]) >= 0;
    int before = outer->n;
    for (int k = 0; k < n->nin && inside; k++)
        if (group_find(f, s, n->in[k]) < 0)
            add_outer(f, outer, n->in[k], node);
    bool ok = inside && outer->n <= MAX_OUTER;
    for (int k = 0; k < n->nin && ok; k++)
        ok = may_read(f, s, n->in[k], node);
    if (!ok)
        forget_outer(f, outer, before);
    return ok;
}

/* Is v read by what can join no group of this frame? */
static bool stays_read(const Fuse *f, const Group *s, ValueId v)
{
    for (ValueReader r = value_readers(f->g, v); r.read; r = reader_next(f->g, r))
        if (r.node < 0 || r.step >= 0 || !elementwise(&f->g->node.v[r.node]) ||
            !in_frame(f, s, f->g->node.v[r.node].out[0].value))
            return true;
    return false;
}

static void keep_value_of(Fuse *f, ValueId v, Values *kept)
{
    if (f->kept[v])
        return;
    f->kept[v] = true;
    PUSH(f->p->scratch, kept, v);
}

/* ---- candidates: readers of the group's values, a heap by their nodes ---- */

typedef VEC(ValueReader) Heap;

static bool candidate(const ValueReader *r, int from) { return r->node >= from && r->step < 0; }

static ValueReader skip(const Fuse *f, ValueReader r, int from)
{
    while (r.read && !candidate(&r, from))
        r = reader_next(f->g, r);
    return r;
}

static void heap_put(Fuse *f, Heap *h, ValueReader r)
{
    if (!r.read)
        return;
    PUSH(f->p->scratch, h, r);
    int i = h->n - 1;
    for (; i && h->v[(i - 1) / 2].node > r.node; i = (i - 1) / 2)
        h->v[i] = h->v[(i - 1) / 2];
    h->v[i] = r;
}

static ValueReader heap_take(Heap *h)
{
    ValueReader least = h->v[0], last = h->v[--h->n];
    int i = 0;
    for (int c = 1; c < h->n; c = 2 * i + 1) {
        c += c + 1 < h->n && h->v[c + 1].node < h->v[c].node;
        if (h->v[c].node >= last.node)
            break;
        h->v[i] = h->v[c];
        i = c;
    }
    h->v[i] = last;
    return least;
}

/* Adds nodes in their order. Where more values than a group may store are read outside for good, no larger group is of
   any use. */
static void add_readers(Fuse *f, Group *s, int from)
{
    Heap h = {0};
    Values outer = {0}, kept = {0};
    int last = -1;
    if (s->alias >= 0)
        heap_put(f, &h, skip(f, value_readers(f->g, s->alias), from));
    heap_put(f, &h, skip(f, value_readers(f->g, s->value.v[0]), from));
    while (h.n && kept.n <= MAX_STORED && s->node.n < MAX_NODES) {
        ValueReader r = heap_take(&h);
        heap_put(f, &h, skip(f, reader_next(f->g, r), from));
        if (r.node == last)
            continue;
        last = r.node;
        const Node *n = &f->g->node.v[r.node];
        if (joins(f, s, &outer, r.node)) {
            ValueId v = n->out[0].value;
            join(f, s, r.node);
            s->low = (int)imin(s->low, f->top[r.node]);
            if (stays_read(f, s, v))
                keep_value_of(f, v, &kept);
            heap_put(f, &h, skip(f, value_readers(f->g, v), from));
        } else
            for (int k = 0; k < n->nin; k++)
                if (f->at[n->in[k]])
                    keep_value_of(f, n->in[k], &kept);
    }
    forget_outer(f, &outer, 0);
    for (int i = 0; i < kept.n; i++)
        f->kept[kept.v[i]] = false;
}

/* ---- what is better done elsewhere ---- */

/* Are all of v's readers elementwise nodes of the frame's shape, which could compute it themselves? */
static bool kept_by_readers(const Fuse *f, const Group *s, ValueId v)
{
    return value_uses(f->g, v) && !stays_read(f, s, v);
}

/* Node i, whose result no other node inside reads: would what it reads be stored without it too? */
static bool reads_stored(const Fuse *f, const Group *s, int i)
{
    const Node *n = member(f, s, i);
    for (int k = 0; k < n->nin; k++)
        if (f->at[n->in[k]] && n->in[k] != s->alias && !reads_outside(f, n->in[k]))
            return false;
    return true;
}

/* Drops the last node; returns how many more values are stored. */
static int drop_last(Fuse *f, Group *s)
{
    int last = s->node.n - 1, more = 0;
    const Node *n = member(f, s, last);
    more -= reads_outside(f, n->out[0].value) > 0;
    f->at[n->out[0].value] = 0;
    for (int k = 0; k < n->nin; k++) {
        more += f->at[n->in[k]] && !reads_outside(f, n->in[k]);
        f->inner[n->in[k]]--;
    }
    s->node.n--, s->value.n--;
    return more;
}

/* Leaves out what is better done by its readers. */
static void trim(Fuse *f, Group *s)
{
    for (int i = s->node.n - 1; i >= 0; i--) {
        ValueId v = s->value.v[i + 1];
        if (!f->settle && !f->inner[v] && kept_by_readers(f, s, v) && reads_stored(f, s, i))
            part(f, s, i);
    }
    close_up(f, s);
    for (int stored = group_stored(f, s); stored > MAX_STORED;)
        stored += drop_last(f, s);
}

/* Would an anchor in front of this one take node i, which alone reads what that makes? */
static bool other_home(const Fuse *f, const Group *s, int i)
{
    const Node *n = member(f, s, i);
    int anchor = value_def(f->g, s->value.v[0]);
    for (int k = 0; k < n->nin; k++) {
        int def = value_def(f->g, n->in[k]);
        if (group_find(f, s, n->in[k]) < 0 && def >= 0 && value_uses(f->g, n->in[k]) == occurrences(n, n->in[k]) &&
            in_frame(f, s, n->in[k]) && ((def < anchor && bare_anchor(&f->g->node.v[def])) || f->home[def]))
            return true;
    }
    return false;
}

/* Counts reads by node i and by what inside depends on it; by -1: forgets them. goes: per node of the group. */
static void count_leaving(Fuse *f, const Group *s, int i, bool *goes, int by)
{
    for (int k = i; k < s->node.n; k++) {
        const Node *n = member(f, s, k);
        goes[k] = k == i;
        for (int j = 0; j < n->nin && k > i; j++) {
            int at = f->at[n->in[j]] - 2;
            goes[k] = goes[k] || (at >= i && goes[at]);
        }
        for (int j = 0; j < n->nin && goes[k]; j++)
            f->leaving[n->in[j]] += by;
    }
}

/* Leaves node i and what inside depends on it to that other anchor, where less is moved so. Here that anchor's result
   is written and read; there, whatever they read of this group. */
static bool leave(Fuse *f, Group *s, int i)
{
    bool *goes = NEW(f->p->scratch, bool, s->node.n);
    count_leaving(f, s, i, goes, 1);
    int there = 0;
    for (int k = 0; k < s->value.n; k++) {
        ValueId v = s->value.v[k];
        int uses = value_uses(f->g, v), leaving = f->leaving[v];
        if (k && goes[k - 1])
            there += uses > leaving;
        else
            there += (uses > f->inner[v] - leaving) + (leaving > 0);
    }
    count_leaving(f, s, i, goes, -1);
    if (there >= group_stored(f, s) + 2)
        return false;
    for (int k = i; k < s->node.n; k++)
        if (goes[k])
            part(f, s, k);
    close_up(f, s);
    return true;
}

/* ---- what is pulled in ---- */

/* A value from outside, and where it is read first. */
typedef struct Outer { ValueId value; int node, operand; } Outer;
typedef VEC(Outer) Outers;

static bool earlier(const Outer *a, const Outer *b)
{
    return a->node != b->node ? a->node < b->node : a->operand < b->operand;
}

/* Enters what a node reads from outside, in the order in which the group's nodes read it. */
static void enter_outers(Fuse *f, const Group *s, int node, Outers *o)
{
    const Node *n = &f->g->node.v[node];
    for (int k = 0; k < n->nin; k++) {
        Outer x = {n->in[k], node, k};
        int i = 0;
        if (group_find(f, s, x.value) >= 0)
            continue;
        while (i < o->n && o->v[i].value != x.value)
            i++;
        if (i == o->n)
            PUSH(f->p->scratch, o, x);
        else if (earlier(&x, &o->v[i]))
            o->v[i] = x;
        for (; i && earlier(&o->v[i], &o->v[i - 1]); i--) {
            Outer t = o->v[i - 1];
            o->v[i - 1] = o->v[i], o->v[i] = t;
        }
    }
}

/* Does every operand load as a vector? Otherwise the whole group would be done in scalars. Products are done by rows,
   where every operand does. Along the channels of a map three kinds of operands do: those of its type, those of one
   pixel, and those that are the same for all channels. */
static bool loads_vectors(const Fuse *f, const Group *s, const Node *n)
{
    for (int k = 0; k < n->nin && s->frame->rank == 4 && s->anchor != OP_linear && s->anchor != OP_matmul; k++) {
        const Value *v = &f->g->value.v[n->in[k]];
        const Type *t = &v->type;
        bool one_pixel = t->rank == 4 && t->dim[2] * t->dim[3] == 1;
        bool splat = t->rank < 3 || t->dim[t->rank - 3] == 1;
        if (v->kind != VAL_CONST && !type_eq(t, s->frame) && !one_pixel && !splat)
            return false;
    }
    return true;
}

/* Is the outer value made by a node that is read inside only and has no better place? */
static bool can_pull(const Fuse *f, const Group *s, ValueId v)
{
    int def = value_def(f->g, v);
    const Node *n = def >= 0 ? &f->g->node.v[def] : NULL;
    return n && elementwise(n) && !f->home[def] && in_frame(f, s, v) && loads_vectors(f, s, n) &&
           f->inner[v] == value_uses(f->g, v);
}

/* Adds a node that makes an outer operand. */
static bool pull(Fuse *f, Group *s, Outers *o)
{
    for (int i = 0; i < o->n; i++) {
        if (!can_pull(f, s, o->v[i].value))
            continue;
        int def = value_def(f->g, o->v[i].value);
        Outers more = {0};
        for (int k = 0; k < o->n; k++)
            if (k != i)
                PUSH(f->p->scratch, &more, o->v[k]);
        enter_outers(f, s, def, &more);
        if (more.n > MAX_OUTER)
            continue;
        join(f, s, def);
        *o = more;
        return true;
    }
    return false;
}

static int by_number(const void *x, const void *y)
{
    const int *a = x, *b = y;
    return (*a > *b) - (*a < *b);
}

static void pull_all(Fuse *f, Group *s)
{
    Outers o = {0};
    int before = s->node.n;
    for (int i = 0; i < before; i++)
        enter_outers(f, s, s->node.v[i], &o);
    while (s->node.n < MAX_NODES && pull(f, s, &o))
        ;
    if (s->node.n == before)
        return;
    qsort(s->node.v, (size_t)s->node.n, sizeof *s->node.v, by_number);
    for (int i = 0; i < s->node.n; i++) {
        s->value.v[i + 1] = member(f, s, i)->out[0].value;
        f->at[s->value.v[i + 1]] = i + 2;
    }
}

/* ---- the whole ---- */

static bool has_home(const Fuse *f, const Node *n)
{
    const Graph *g = f->g;
    for (int k = 0; k < n->nin && elementwise(n) && !op_is(n->op, P_STEEP); k++) {
        ValueId v = n->in[k];
        int def = value_def(g, v);
        if (def >= 0 && value_uses(g, v) == occurrences(n, v) &&
            type_eq(&g->value.v[v].type, &g->value.v[n->out[0].value].type) &&
            (bare_anchor(&g->node.v[def]) || f->home[def]))
            return true;
    }
    return false;
}

Fuse fuse_start(Pass *p, Graph *g)
{
    int n = g->node.n, values = g->value.n + 2 * n, nodes = 3 * n + 1; /* with room for two maps of every node */
    Arena *A = p->scratch;
    Fuse f = {.p = p, .g = g, .home = NEW(A, bool, nodes), .top = NEW(A, int, nodes), .at = NEW(A, int, values),
              .inner = NEW(A, int, values), .outer = NEW(A, int, values), .kept = NEW(A, bool, values),
              .leaving = NEW(A, int, values), .seen = NEW(A, int, nodes), .reached = NEW(A, int, nodes),
              .stack = NEW(A, int, nodes)};
    for (int i = 0; i < n; i++) {
        f.top[i] = i;
        f.home[i] = has_home(&f, &g->node.v[i]);
    }
    return f;
}

/* The anchor alone. */
static Group group_begin(Fuse *f, int anchor, int from)
{
    const Node *a = &f->g->node.v[anchor];
    bool map = a->op == OP_map;
    Group s = {.anchor = a->op, .alias = -1, .frame = &f->g->value.v[a->out[0].value].type,
               .low = f->top[map ? from : anchor]};
    if (map && type_eq(&f->g->value.v[a->in[0]].type, s.frame))
        s.alias = a->in[0];
    PUSH(f->p->scratch, &s.value, a->out[0].value);
    f->at[a->out[0].value] = 1;
    return s;
}

Group group_of_one(Fuse *f, int map, int node)
{
    Group s = group_begin(f, map, node);
    Values outer = {0};
    if (joins(f, &s, &outer, node))
        join(f, &s, node);
    forget_outer(f, &outer, 0);
    return s;
}

Group group_grow(Fuse *f, int anchor, int from)
{
    Group s = group_begin(f, anchor, from);
    add_readers(f, &s, from);
    for (int i = 0; i < s.node.n && !f->settle; i++)
        if (other_home(f, &s, i) && leave(f, &s, i))
            i = -1;
    trim(f, &s);
    pull_all(f, &s);
    return s;
}

/* Raises the top of a node and of what depends on it. */
void group_fused(Fuse *f, int anchor, const Group *s)
{
    int top = f->top[anchor], depth = 0;
    for (int i = 0; i < s->node.n; i++)
        top = (int)imax(top, f->top[s->node.v[i]]);
    f->top[anchor] = top;
    f->stack[depth++] = anchor;
    while (depth) {
        const Node *n = &f->g->node.v[f->stack[--depth]];
        for (int k = 0; k < n->nout; k++)
            for (ValueReader r = value_readers(f->g, n->out[k].value); r.read; r = reader_next(f->g, r))
                if (r.node >= 0 && f->top[r.node] < top) {
                    f->top[r.node] = top;
                    f->stack[depth++] = r.node;
                }
    }
}
