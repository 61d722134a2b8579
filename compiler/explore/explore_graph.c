/* Snapshots of the graph after each pass, each node once however long it stays the same. Values keep their number from
   pass to pass, so that texts of two stages can be compared; dumps of single graphs number them anew. */
#include "explore.h"

#include <string.h>

#include "../../passes/edit.h"

Snapshots *snapshots_new(Arena *A)
{
    Snapshots *s = NEW(A, Snapshots, 1);
    *s = (Snapshots){.arena = A, .seen = dict_new(A), .name = dict_new(A), .constants = dict_new(A), .next = 1};
    return s;
}

/* Values that are made without a name get the next numbers in the order of execution. */
static void number_values(Snapshots *s, const Graph *g)
{
    int *number = NEW(s->arena, int, g->value.n + 1);
    if (s->nnumber)
        memcpy(number, s->number, (size_t)s->nnumber * sizeof *number);
    s->number = number;
    s->nnumber = g->value.n;
    for (int i = 0; i < g->node.n; i++)
        for (int k = 0; g->node.v[i].op != OP_NONE && k < g->node.v[i].nout; k++) {
            ValueId v = g->node.v[i].out[k].value;
            if (g->value.v[v].name)
                number[v] = 0;
            else if (!number[v])
                number[v] = s->next++;
        }
}

static void add_constants(Snapshots *s, const Graph *g)
{
    for (int i = 0; i < g->value.n; i++) {
        const Value *v = &g->value.v[i];
        if (v->kind != VAL_CONST || dict_get(&s->constants, v->name) >= 0)
            continue;
        dict_put(&s->constants, v->name, 1);
        PUSH(s->arena, &s->constant, (ConstInfo){v->name, type_text(s->arena, &v->type)});
    }
}

static void add_loc(Arena *A, NodeRecord *r, Loc loc)
{
    if (loc.file <= 0 || loc.line <= 0)
        return;
    for (int i = 0; i < r->loc.n; i++)
        if (r->loc.v[i].file == loc.file && r->loc.v[i].line == loc.line)
            return;
    PUSH(A, &r->loc, loc);
}

static const char *place_name(Arena *A, const Node *n)
{
    return arena_printf(A, "%s@%d:%d:%d", n->name ? n->name : "", n->loc.file, n->loc.line, n->loc.col);
}

/* How many nodes have each name and place: only what is unique identifies an anchor. */
static Dict count_names(Arena *A, const Graph *g)
{
    Dict count = dict_new(A);
    for (int i = 0; i < g->node.n; i++)
        if (g->node.v[i].op != OP_NONE) {
            const char *name = place_name(A, &g->node.v[i]);
            dict_put(&count, name, (int)imax(dict_get(&count, name), 0) + 1);
        }
    return count;
}

/* A node is about the values that it makes, what they and its steps were in the graph as written, and the place in the
   spec that its anchor has by itself (passes give the anchor's own result up when they fuse). */
static void add_keys(Snapshots *s, const Graph *g, const Node *n, const Dict *count, NodeRecord *r)
{
    for (int k = 0; k < n->nout; k++) {
        ValueId v = n->out[k].value, origin = g->value.v[v].origin;
        PUSH(s->arena, &r->key, v);
        if (origin >= 0 && origin != v)
            PUSH(s->arena, &r->key, origin);
    }
    if (n->origin >= 0)
        PUSH(s->arena, &r->key, n->origin);
    for (int i = 0; i < n->nstep; i++)
        if (n->step[i].origin >= 0)
            PUSH(s->arena, &r->key, n->step[i].origin);
    const char *name = place_name(s->arena, n);
    if (dict_get(count, name) != 1 || n->loc.line <= 0)
        return;
    if (dict_get(&s->name, name) < 0)
        dict_put(&s->name, name, s->name.n);
    PUSH(s->arena, &r->key, -1 - dict_get(&s->name, name));
}

static int record_of(Snapshots *s, const Graph *g, const Node *n, const Dict *count)
{
    NodeRecord r = {.title = node_title(n)};
    Buf text = {0}, all = {0};
    node_print(&text, g, n, s->number);
    if (n->sched)
        buf_printf(&text, "\n       ; %s", schedule_text(s->arena, n->sched));
    add_loc(s->arena, &r, n->loc);
    for (int i = 0; i < n->nstep; i++)
        add_loc(s->arena, &r, n->step[i].loc);
    add_keys(s, g, n, count, &r);
    buf_printf(&all, "%s\n%s", text.s, r.title);
    for (int i = 0; i < r.loc.n; i++)
        buf_printf(&all, " %d:%d", r.loc.v[i].file, r.loc.v[i].line);
    for (int i = 0; i < r.key.n; i++)
        buf_printf(&all, " %d", r.key.v[i]);
    int index = dict_get(&s->seen, all.s);
    if (index < 0) {
        index = s->record.n;
        dict_put(&s->seen, all.s, index);
        r.text = arena_strndup(s->arena, text.s, text.n);
        PUSH(s->arena, &s->record, r);
    }
    buf_free(&text);
    buf_free(&all);
    return index;
}

void snapshots_take(void *user, const PassInfo *pass, const Graph *g, double ms, bool changed)
{
    Snapshots *s = user;
    Arena *scratch = arena_new();
    Stage stage = {.pass = pass, .ms = ms, .changed = changed};
    Dict count = count_names(scratch, g);
    number_values(s, g);
    add_constants(s, g);
    s->at = NEW(s->arena, int, g->node.n + 1);
    for (int i = 0; i < g->node.n; i++) {
        s->at[i] = g->node.v[i].op == OP_NONE ? -1 : stage.record.n;
        if (s->at[i] >= 0)
            PUSH(s->arena, &stage.record, record_of(s, g, &g->node.v[i], &count));
    }
    PUSH(s->arena, &s->stage, stage);
    arena_free(scratch);
}
