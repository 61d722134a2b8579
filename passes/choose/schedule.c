/* The text of schedules, the names of layers, and the choices of a file in place of the cost model's. */
#include "schedule.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../edit.h"

/* ---- text ---- */

enum { NIMPLS = IMPL_WINOGRAD + 1 };

static const struct { const char *name; enum { FLAG, NUMBER, TILE } kind; size_t offset; } words[] = {
    {"m", NUMBER, offsetof(Schedule, wino)},
    {"lanes", NUMBER, offsetof(Schedule, lanes)},
    {"tile", TILE, 0},
    {"oc_outer", FLAG, offsetof(Schedule, oc_outer)},
    {"peel", FLAG, offsetof(Schedule, peel)},
    {"symmetric", FLAG, offsetof(Schedule, symmetric)},
    {"parts", NUMBER, offsetof(Schedule, parts)},
};

/* NULL, or what is wrong with a word of the text. */
static const char *parse_impl(Arena *A, const char *word, Schedule *s, const char **hint)
{
    const char *name[NIMPLS];
    for (int i = 0; i < NIMPLS; i++) { /* schedule_text has the names */
        const char *text = schedule_text(A, &(Schedule){.impl = (Impl)i});
        name[i] = arena_strndup(A, text, strcspn(text, " "));
        if (!strcmp(word, name[i])) {
            s->impl = (Impl)i;
            return NULL;
        }
    }
    *hint = name_hint(A, word, name, NIMPLS);
    return arena_printf(A, "there is no kernel '%s'", word);
}

static bool parse_number(const char *text, int *out)
{
    char *end;
    long v = strtol(text, &end, 10);
    *out = (int)v;
    return end != text && !*end && v > 0 && v <= 4096;
}

static bool parse_tile(const char *text, Schedule *s)
{
    int used = 0;
    return sscanf(text, "%4dx%4dx%4d%n", &s->rows, &s->px, &s->nb, &used) == 3 && !text[used] && s->rows > 0 &&
           s->px > 0 && s->nb > 0;
}

/* value: behind '=', NULL where there is none. NULL, or what a value should be. */
static const char *parse_value(int word, const char *value, Schedule *s)
{
    void *field = (char *)s + words[word].offset;
    switch (words[word].kind) {
    case NUMBER:
        return value && parse_number(value, field) ? NULL : "wants a number from 1 to 4096";
    case TILE:
        return value && parse_tile(value, s) ? NULL : "wants rows, pixels and vectors, such as 2x7x2";
    case FLAG:
        *(bool *)field = true;
    }
    return value ? "has no value" : NULL;
}

static const char *parse_word(Arena *A, const char *word, Schedule *s, const char **hint)
{
    const char *name[LEN(words)], *equals = strchr(word, '='), *wrong;
    const char *said = arena_strndup(A, word, strcspn(word, "="));
    for (int i = 0; i < LEN(words); i++) {
        name[i] = words[i].name;
        if (strcmp(said, name[i]))
            continue;
        wrong = parse_value(i, equals ? equals + 1 : NULL, s);
        return wrong ? arena_printf(A, "'%s': %s %s", word, said, wrong) : NULL;
    }
    *hint = name_hint(A, said, name, LEN(words));
    return arena_printf(A, "'%s' is no word of a schedule", said);
}

bool schedule_parse(Arena *A, const char *text, Schedule *s, Misread *m)
{
    *s = (Schedule){.px = 1, .rows = 1, .nb = 1};
    *m = (Misread){.len = (int)strlen(text)};
    const char *read = "";
    for (const char *p = text + strspn(text, " "); *p; p += strspn(p, " ")) {
        int n = (int)strcspn(p, " ");
        const char *word = arena_strndup(A, p, (size_t)n);
        m->wrong = *read ? parse_word(A, word, s, &m->hint) : parse_impl(A, word, s, &m->hint);
        if (m->wrong) {
            m->at = (int)(p - text);
            m->len = n;
            return false;
        }
        if (strncmp(word, "parts=", 6))
            read = arena_printf(A, "%s%s%s", read, *read ? " " : "", word);
        p += n;
    }
    s->parts = 0;
    const char *printed = schedule_text(A, s);
    if (!*read)
        m->wrong = "an empty schedule";
    else if (strcmp(read, printed))
        m->wrong = arena_printf(A, "'%s' would be '%s'", text, printed);
    return !m->wrong;
}

bool schedule_eq(Arena *A, const Schedule *a, const Schedule *b)
{
    Schedule x = *a, y = *b;
    x.parts = y.parts = 0;
    return !strcmp(schedule_text(A, &x), schedule_text(A, &y));
}

/* ---- layers ---- */

bool has_schedule(const Node *n)
{
    return n->op == OP_conv2d || n->op == OP_conv_transpose2d || n->op == OP_linear || n->op == OP_matmul;
}

const char *layer_name(const Node *n) { return n->name ? n->name : node_title(n); }

const char *layer_shape(Arena *A, const Graph *g, const Node *n)
{
    Buf b = {0};
    buf_puts(&b, op_info[n->op].name);
    for (int i = 0; i < n->nin; i++)
        buf_printf(&b, "%s%s", i ? ", " : " ", type_text(A, &g->value.v[n->in[i]].type));
    attrs_print(&b, A, n->op, &n->attr, &g->value.v[n->in[0]].type);
    for (int i = 0; i < n->nstep; i++)
        buf_printf(&b, " %s", op_info[n->step[i].op].name);
    for (int i = 0; i < n->nout; i++) {
        const Out *o = &n->out[i];
        bool of_map = o->red != RED_NONE && (!o->kernel.n || (n->sched && n->sched->sum_rows)); /* split or not */
        buf_printf(&b, "%s%s%s%s", i ? ", " : " -> ", o->red == RED_NONE ? "" : reduce_name(o->red),
                   o->red == RED_NONE || of_map ? "" : " ", of_map ? "" : type_text(A, &g->value.v[o->value].type));
    }
    const char *s = arena_strndup(A, b.s, b.n);
    buf_free(&b);
    return s;
}

/* ---- choices of a file ---- */

static const Chosen *find_chosen(const Schedules *all, const char *layer, const char *shape)
{
    for (int i = 0; i < all->layer.n; i++)
        if (!strcmp(all->layer.v[i].layer, layer) && !strcmp(all->layer.v[i].shape, shape))
            return &all->layer.v[i];
    return NULL;
}

void schedules_take(Pass *p, const Graph *g, const Node *n, Schedule *s)
{
    if (!p->schedules || !has_schedule(n))
        return;
    const char *layer = layer_name(n), *shape = layer_shape(p->scratch, g, n);
    const Chosen *c = find_chosen(p->schedules, layer, shape);
    if (!c)
        return;
    const char *wrong = schedule_wrong(p, g, n, s, &c->s);
    if (wrong) {
        error_at(c->at, "layer '%s' cannot have this schedule: %s; the compiler's own choice is '%s'", layer, wrong,
                 schedule_text(p->scratch, s));
        return;
    }
    *s = c->s;
    s->parts = s->impl == IMPL_WINOGRAD ? (int)imax(1, p->threads) : 0;
}

/* The shape of the last layer of that name. NULL: one has the shape that the file says. Layers that the spec does not
   name share their operator's name. */
static const char *other_shape(Pass *p, const Graph *g, const Chosen *c)
{
    const char *shape = NULL;
    for (int i = 0; i < g->node.n; i++) {
        const Node *n = &g->node.v[i];
        if (n->op == OP_NONE || !has_schedule(n) || strcmp(layer_name(n), c->layer))
            continue;
        shape = layer_shape(p->scratch, g, n);
        if (!strcmp(shape, c->shape))
            return NULL;
    }
    return shape;
}

void schedules_check(Pass *p, const Graph *g)
{
    const char **names = NEW(p->scratch, const char *, g->node.n);
    int n = 0;
    Dict known = dict_new(p->scratch);
    for (int i = 0; i < g->node.n; i++)
        if (g->node.v[i].op != OP_NONE && has_schedule(&g->node.v[i])) {
            names[n++] = layer_name(&g->node.v[i]);
            dict_put(&known, names[n - 1], 1);
        }
    for (int i = 0; p->schedules && i < p->schedules->layer.n && !diag_full(); i++) {
        const Chosen *c = &p->schedules->layer.v[i];
        if (dict_get(&known, c->layer) >= 0) {
            const char *other = other_shape(p, g, c);
            if (other)
                error_at(c->shape_at, "layer '%s' is another one here: '%s'", c->layer, other);
            continue;
        }
        error_hint(c->layer_at, name_hint(p->scratch, c->layer, names, n),
                   "the network has no layer '%s' that computes sums of products", c->layer);
    }
}
