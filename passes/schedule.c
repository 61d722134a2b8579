/* The text of schedules, the names of layers, and the choices of a file in place of the cost model's. */
#include "schedule.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "edit.h"

/* ---- text ---- */

enum { NIMPLS = IMPL_WINOGRAD + 1 };

static const struct { const char *name; bool number; size_t offset; } words[] = {
    {"m", true, offsetof(Schedule, wino)},
    {"lanes", true, offsetof(Schedule, lanes)},
    {"oc_outer", false, offsetof(Schedule, oc_outer)},
    {"peel", false, offsetof(Schedule, peel)},
    {"symmetric", false, offsetof(Schedule, symmetric)},
    {"parts", true, offsetof(Schedule, parts)},
};

/* schedule_text has the names. */
static bool parse_impl(Arena *A, const char *word, Schedule *s)
{
    for (int i = 0; i < NIMPLS; i++) {
        const char *text = schedule_text(A, &(Schedule){.impl = (Impl)i});
        size_t n = strcspn(text, " ");
        if (strlen(word) == n && !strncmp(text, word, n)) {
            s->impl = (Impl)i;
            return true;
        }
    }
    return false;
}

static bool parse_number(const char *text, int *out)
{
    char *end;
    long v = strtol(text, &end, 10);
    *out = (int)v;
    return end != text && !*end && v > 0 && v <= 4096;
}

static bool parse_word(const char *word, Schedule *s)
{
    int used = 0;
    if (sscanf(word, "tile=%4dx%4dx%4d%n", &s->rows, &s->px, &s->nb, &used) == 3)
        return !word[used] && s->rows > 0 && s->px > 0 && s->nb > 0;
    for (int i = 0; i < LEN(words); i++) {
        size_t n = strlen(words[i].name);
        void *field = (char *)s + words[i].offset;
        if (strncmp(word, words[i].name, n))
            continue;
        if (words[i].number && word[n] == '=')
            return parse_number(word + n + 1, field);
        if (!words[i].number && !word[n]) {
            *(bool *)field = true;
            return true;
        }
    }
    return false;
}

const char *schedule_parse(Arena *A, const char *text, Schedule *s)
{
    *s = (Schedule){.px = 1, .rows = 1, .nb = 1};
    const char *read = "";
    for (const char *p = text + strspn(text, " "); *p; p += strspn(p, " ")) {
        size_t n = strcspn(p, " ");
        const char *word = arena_strndup(A, p, n);
        p += n;
        if (!(*read ? parse_word(word, s) : parse_impl(A, word, s)))
            return arena_printf(A, "'%s' is no word of a schedule", word);
        if (strncmp(word, "parts=", 6))
            read = arena_printf(A, "%s%s%s", read, *read ? " " : "", word);
    }
    s->parts = 0;
    if (!*read)
        return "an empty schedule";
    const char *printed = schedule_text(A, s);
    return strcmp(read, printed) ? arena_printf(A, "'%s' would be '%s'", text, printed) : NULL;
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
        buf_printf(&b, "%s%s%s%s", i ? ", " : " -> ", o->red == RED_NONE ? "" : reduce_name(o->red), o->red == RED_NONE ? "" : " ",
                   type_text(A, &g->value.v[o->value].type));
    }
    const char *s = arena_strndup(A, b.s, b.n);
    buf_free(&b);
    return s;
}

/* ---- choices of a file ---- */

static const Chosen *find(const Schedules *all, const char *layer, const char *shape)
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
    const Chosen *c = find(p->schedules, layer, shape);
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

/* The shape of the last layer of that name; NULL: one has the shape that the file says. Layers that the spec does not name
   share their operator's name. */
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
    Map known = map_new(p->scratch);
    for (int i = 0; i < g->node.n; i++)
        if (g->node.v[i].op != OP_NONE && has_schedule(&g->node.v[i])) {
            names[n++] = layer_name(&g->node.v[i]);
            map_put(&known, names[n - 1], 1);
        }
    for (int i = 0; p->schedules && i < p->schedules->layer.n && !diag_full(); i++) {
        const Chosen *c = &p->schedules->layer.v[i];
        if (map_get(&known, c->layer) >= 0) {
            const char *other = other_shape(p, g, c);
            if (other)
                error_at(c->shape_at, "layer '%s' is another one here: '%s'", c->layer, other);
            continue;
        }
        error_hint(c->layer_at, name_hint(p->scratch, c->layer, names, n),
                   "the network has no layer '%s' that computes sums of products", c->layer);
    }
}
