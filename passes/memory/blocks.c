/* Which values share memory, how much it is, and from when to when it is needed. */
#include "blocks.h"

#include "../edit.h"

static bool in_arena(const Graph *g, ValueId v)
{
    return v >= 0 && g->value.v[v].kind == VAL_NODE && g->value.v[v].region == REGION_ARENA;
}

static void touch(Storages *s, NodeStorages *n, int store)
{
    if (store < 0)
        return;
    for (int i = 0; i < n->n; i++)
        if (n->touch[i] == store)
            return;
    n->touch[n->n++] = store;
    s->v[store].touches++;
}

static void find_touches(Arena *A, Storages *s, int node)
{
    const Node *n = &s->g->node.v[node];
    NodeStorages *t = &s->node[node];
    if (n->view) /* no kernel runs */
        return;
    int most = n->nin + n->nout + 1;
    for (int k = 0; k < n->nstep; k++)
        most += n->step[k].nin;
    t->touch = NEW(A, int, most);
    for (int k = 0; k < n->nout; k++)
        touch(s, t, s->of[n->out[k].value]);
    touch(s, t, s->scratch[node]);
    for (int k = 0; k < n->nin; k++)
        touch(s, t, n->in[k] < 0 ? -1 : s->of[n->in[k]]);
    for (int k = 0; k < n->nstep; k++)
        for (int i = 0; i < n->step[k].nin; i++)
            touch(s, t, n->step[k].in[i] < 0 ? -1 : s->of[n->step[k].in[i]]);
}

/* Plain row-major or channels-last, with a storage of its own size. */
static bool has_plain_layout(const Value *v)
{
    Layout own = v->layout;
    own.group = 0;
    return own.order != ORDER_STRIDED && own.first == 0 &&
           layout_room(&own, &v->type) == layout_room(&v->layout, &v->type);
}

static bool same_elements(const Value *a, const Value *b)
{
    if (!has_plain_layout(a) || !has_plain_layout(b) || a->layout.order != b->layout.order ||
        a->type.dtype != b->type.dtype)
        return false;
    if (a->layout.order == ORDER_ROW)
        return type_elems(&a->type) == type_elems(&b->type);
    for (int i = 0; i < 4; i++)
        if (a->layout.border[i] != b->layout.border[i])
            return false;
    return type_eq(&a->type, &b->type) && a->layout.cstride == b->layout.cstride && a->layout.last == b->layout.last;
}

/* May the node's result `out` be written over v, which it reads? With equally many elements nothing is broadcast. A
   step reads the element that is written next, and so does an in-place anchor of its first operand. Any other operand
   of the anchor is read at many indices. A view of the same storage may have its elements in another order. */
static void try_over(Storages *s, const Node *n, NodeStorages *t, ValueId v, ValueId out)
{
    const Value *value = s->g->value.v;
    int store = v < 0 ? -1 : s->of[v];
    if (store < 0 || store == t->made || s->v[store].bytes != s->v[t->made].bytes ||
        !same_elements(&value[v], &value[out]))
        return;
    for (int k = 0; k < n->nin; k++) {
        bool same_index = k == 0 && op_is(n->op, P_IN_PLACE) && same_elements(&value[n->in[0]], &value[out]);
        if (!same_index && n->in[k] >= 0 && s->of[n->in[k]] == store)
            return;
    }
    for (int i = 0; i < n->nstep; i++)
        for (int k = 0; k < n->step[i].nin; k++) {
            Ref r = n->step[i].in[k];
            if (r >= 0 && s->of[r] == store && !same_elements(&value[r], &value[out]))
                return;
        }
    for (int i = 0; i < t->nover; i++)
        if (t->over[i] == store)
            return;
    t->over[t->nover++] = store;
}

/* A result through a reduction is complete when everything has been read, and lies apart. Of two results that are
   stored, one would be written while the other's operands are still read. */
void storages_place(Arena *A, Storages *s, int node)
{
    const Node *n = &s->g->node.v[node];
    NodeStorages *t = &s->node[node];
    ValueId out = -1;
    t->made = -1;
    t->nover = 0;
    for (int k = 0, stored = 0; k < n->nout; k++)
        if (n->out[k].red == RED_NONE)
            out = stored++ ? -1 : n->out[k].value;
    if (out < 0 || s->of[out] < 0 || n->view)
        return;
    t->made = s->of[out];
    if (!t->over)
        t->over = NEW(A, int, t->n);
    if (op_is(n->op, P_IN_PLACE))
        try_over(s, n, t, n->in[0], out);
    for (int k = 0; k < n->nstep; k++)
        for (int i = 0; i < n->step[k].nin; i++)
            try_over(s, n, t, n->step[k].in[i], out);
}

Storages storages_of(Arena *A, const Graph *g, int64_t align)
{
    Storages s = {.g = g, .of = NEW(A, int, g->value.n), .scratch = NEW(A, int, g->node.n),
                .v = NEW(A, Storage, g->value.n + g->node.n), .node = NEW(A, NodeStorages, g->node.n)};
    for (int i = 0; i < g->value.n; i++)
        s.of[i] = -1;
    Dict shared = dict_new(A); /* groups -> storages */
    for (int i = 0; i < g->node.n; i++) {
        const Node *n = &g->node.v[i];
        for (int k = 0; k < n->nout; k++) {
            ValueId v = n->out[k].value;
            if (!in_arena(g, v))
                continue;
            int group = g->value.v[v].layout.group;
            const char *key = group ? arena_printf(A, "%d", group) : NULL;
            s.of[v] = group ? dict_get(&shared, key) : -1;
            if (s.of[v] < 0)
                s.of[v] = s.n++;
            if (group)
                dict_put(&shared, key, s.of[v]);
            Storage *t = &s.v[s.of[v]];
            t->bytes = imax(t->bytes, round_up(value_storage(&g->value.v[v]), align));
        }
        s.scratch[i] = n->scratch ? s.n++ : -1;
        if (n->scratch)
            s.v[s.scratch[i]].bytes = round_up(n->scratch, align);
    }
    for (int i = 0; i < g->node.n; i++)
        find_touches(A, &s, i);
    for (int i = 0; i < g->node.n; i++)
        storages_place(A, &s, i);
    return s;
}

/* The block that the node's result takes over, -1 none. left: per storage, nodes still to touch it. All that could give
   their place are of one size and end here: which one does makes no difference to what is alive. */
static int taken_over(const Blocks *b, const NodeStorages *t, const int *left)
{
    for (int k = 0; k < t->nover; k++)
        if (left[t->over[k]] == 1)
            return b->of[t->over[k]];
    return -1;
}

static int64_t most_alive(Arena *A, const Blocks *b, int positions)
{
    int64_t *change = NEW(A, int64_t, positions + 1), alive = 0, most = 0;
    for (int i = 0; i < b->n; i++) {
        change[b->v[i].first] += b->v[i].bytes;
        change[b->v[i].last + 1] -= b->v[i].bytes;
    }
    for (int i = 0; i < positions; i++)
        most = imax(most, alive += change[i]);
    return most;
}

Blocks blocks_of(Arena *A, const Storages *s, const int *order)
{
    Blocks b = {.of = NEW(A, int, s->n), .v = NEW(A, MemBlock, s->n)};
    int *left = NEW(A, int, s->n);
    for (int i = 0; i < s->n; i++) {
        b.of[i] = -1;
        left[i] = s->v[i].touches;
    }
    for (int at = 0; at < s->g->node.n; at++) {
        const NodeStorages *t = &s->node[order ? order[at] : at];
        for (int k = 0; k < t->n; k++) {
            int store = t->touch[k];
            if (b.of[store] < 0 && store == t->made)
                b.of[store] = taken_over(&b, t, left);
            if (b.of[store] < 0) {
                b.of[store] = b.n++;
                b.v[b.of[store]] = (MemBlock){.first = at, .bytes = s->v[store].bytes};
            }
            b.v[b.of[store]].last = at;
        }
        for (int k = 0; k < t->n; k++)
            left[t->touch[k]]--;
    }
    b.alive = most_alive(A, &b, s->g->node.n);
    return b;
}
