/* Graph text to Graph; the grammar stands at the head of graph_print.c. The first error ends the parse. */
#include "graph_parse.h"

#include <string.h>

/* ---- types and where values lie ---- */

static bool gp_type(GraphParse *s, Type *out)
{
    lex_skip(&s->lex);
    int n = type_parse(s->lex.p, out);
    if (!n)
        return lex_expected(&s->lex, "a type such as f32[1,3,224,224]");
    if (!type_valid(out)) {
        error_at(lex_here(&s->lex, n), "sizes must be 1 or more, and a tensor at most 2^40 elements");
        return false;
    }
    s->lex.p += n;
    return true;
}

bool gp_pair(GraphParse *s, const char *first, int64_t *x, const char *second, int64_t *y)
{
    if (!lex_expect(&s->lex, "("))
        return false;
    if (!lex_eat_key(&s->lex, first))
        return lex_expected(&s->lex, arena_printf(s->arena, "'%s='", first));
    if (!lex_int(&s->lex, x) || !lex_expect(&s->lex, ","))
        return false;
    if (!lex_eat_key(&s->lex, second))
        return lex_expected(&s->lex, arena_printf(s->arena, "'%s='", second));
    return lex_int(&s->lex, y) && lex_expect(&s->lex, ")");
}

bool gp_stored(GraphParse *s, Stored *out)
{
    static const char *const region[] = {"none", "arena", "input", "output", "const"};
    *out = (Stored){.offset = -1};
    if (!gp_type(s, &out->type))
        return false;
    if (!layout_parse(&s->lex, &out->type, &out->layout))
        return false;
    Lex before = s->lex;
    for (int i = 0; i < LEN(region); i++)
        if (lex_eat_word(&s->lex, region[i])) {
            if (lex_peek(&s->lex, "@")) { /* the next line, a constant */
                s->lex = before;
                return true;
            }
            out->region = (Region)i;
            return !lex_peek(&s->lex, "(") || gp_pair(s, "offset", &out->offset, "bytes", &out->bytes);
        }
    return true;
}

void gp_set_stored(Value *v, const Stored *st)
{
    v->layout = st->layout;
    v->region = st->region;
    v->offset = st->offset;
    v->bytes = st->bytes;
}

/* ---- values ---- */

bool gp_value_key(GraphParse *s, const char **key, const char **plain)
{
    bool quotes = *s->lex.p == '"';
    if (!lex_name(&s->lex, key))
        return false;
    bool digits = (*key)[strspn(*key, "0123456789")] == 0;
    *plain = digits && !quotes ? NULL : *key;
    if (digits && quotes)
        *key = arena_printf(s->arena, "\"%s", *key);
    return true;
}

bool gp_define(GraphParse *s, Loc at, const char *key, ValueId id)
{
    if (dict_get(&s->values, key) >= 0) {
        error_at(at, "%%%s is made twice", key);
        return false;
    }
    dict_put(&s->values, key, id);
    return true;
}

static bool unknown_value(GraphParse *s, Loc at, const char *sigil, const char *what, const Dict *in)
{
    VEC(const char *) cand = {0};
    for (int i = 0; i < in->cap; i++)
        if (in->slot[i].key)
            PUSH(s->arena, &cand, in->slot[i].key);
    const char *near = nearest_name(what, cand.v, cand.n);
    error_hint(at, near ? arena_printf(s->arena, "did you mean '%s%s'?", sigil, near) : NULL,
               "%s%s is not made before its use", sigil, what);
    return false;
}

/* An operand; *more is false where none stands here. */
static bool parse_operand(GraphParse *s, bool steps, Ref *out, bool *more)
{
    lex_skip(&s->lex);
    Loc at = lex_here(&s->lex, 1);
    *more = true;
    const char *key, *plain;
    if (lex_eat(&s->lex, "%")) {
        if (!gp_value_key(s, &key, &plain))
            return false;
        at.len = (int)(s->lex.p - s->lex.start) + 1 - at.col;
        *out = dict_get(&s->values, key);
        return *out >= 0 || unknown_value(s, at, "%", key, &s->values);
    }
    if (lex_eat(&s->lex, "@")) {
        if (!lex_name(&s->lex, &key))
            return false;
        at.len = (int)(s->lex.p - s->lex.start) + 1 - at.col;
        *out = dict_get(&s->g->consts, key);
        return *out >= 0 || unknown_value(s, at, "@", key, &s->g->consts);
    }
    if (steps && lex_eat(&s->lex, "$")) {
        int64_t k;
        if (!lex_int(&s->lex, &k))
            return false;
        if (k < 0 || k > 1 << 20) {
            error_at(at, "there is no step $%lld", (long long)k);
            return false;
        }
        *out = ~(int)k;
        return true;
    }
    *more = false;
    return true;
}

bool gp_operands(GraphParse *s, bool steps, Refs *out)
{
    Ref r;
    bool more;
    if (!parse_operand(s, steps, &r, &more))
        return false;
    while (more) {
        PUSH(s->arena, out, r);
        if (!lex_eat(&s->lex, ","))
            return true;
        if (!parse_operand(s, steps, &r, &more))
            return false;
        if (!more)
            return lex_expected(&s->lex, "an operand");
    }
    return true;
}

/* ---- the graph ---- */

static bool constant_data(GraphParse *s, Tensor *t, Loc at)
{
    VEC(double) data = {0};
    if (!lex_expect(&s->lex, "["))
        return false;
    while (!lex_eat(&s->lex, "]")) {
        double x;
        if ((data.n && !lex_expect(&s->lex, ",")) || !lex_number(&s->lex, &x))
            return false;
        PUSH(s->arena, &data, x);
    }
    if (data.n != type_elems(&t->type)) {
        error_at(at, "%d numbers for %s", data.n, type_text(s->arena, &t->type));
        return false;
    }
    t->data = data.v;
    t->stored = DT_F64;
    if (t->type.dtype == DT_F32) {
        float *f = NEW(s->arena, float, data.n);
        for (int i = 0; i < data.n; i++)
            f[i] = (float)data.v[i];
        t->data = f;
        t->stored = DT_F32;
    }
    return true;
}

static bool parse_constant(GraphParse *s)
{
    const char *key;
    Stored st;
    if (!lex_expect(&s->lex, "@"))
        return false;
    Loc at = lex_here(&s->lex, 1);
    if (!lex_name(&s->lex, &key))
        return false;
    at.len = (int)(s->lex.p - s->lex.start) + 1 - at.col;
    if (dict_get(&s->g->consts, key) >= 0) {
        error_at(at, "constant @%s stands twice", key);
        return false;
    }
    if (!lex_expect(&s->lex, ":") || !gp_stored(s, &st))
        return false;
    ValueId id = graph_const(s->g, key, st.type, at);
    Value *v = &s->g->value.v[id];
    gp_set_stored(v, &st);
    return !lex_eat(&s->lex, "=") || constant_data(s, v->tensor, at);
}

static bool parse_input(GraphParse *s)
{
    const char *key, *plain;
    Stored st;
    if (!lex_expect(&s->lex, "%"))
        return false;
    Loc at = lex_here(&s->lex, 1);
    if (!gp_value_key(s, &key, &plain))
        return false;
    if (!plain) {
        error_at(at, "an input needs a name, quoted if it is a number");
        return false;
    }
    if (!lex_expect(&s->lex, ":") || !gp_stored(s, &st))
        return false;
    ValueId id = graph_input(s->g, plain, st.type, at);
    gp_set_stored(&s->g->value.v[id], &st);
    return gp_define(s, at, key, id);
}

/* Outputs are named before they are made. */
typedef struct Output { bool constant; const char *key, *plain; Type type; Loc at; } Output;
typedef VEC(Output) Outputs;

static bool parse_output(GraphParse *s, Outputs *out)
{
    Output o = {0};
    o.constant = lex_peek(&s->lex, "@");
    if (!lex_eat(&s->lex, "@") && !lex_expect(&s->lex, "%"))
        return false;
    o.at = lex_here(&s->lex, 1);
    if (!(o.constant ? lex_name(&s->lex, &o.key) : gp_value_key(s, &o.key, &o.plain)))
        return false;
    o.at.len = (int)(s->lex.p - s->lex.start) + 1 - o.at.col;
    if (!lex_expect(&s->lex, ":") || !gp_type(s, &o.type))
        return false;
    PUSH(s->arena, out, o);
    return true;
}

static bool bind_outputs(GraphParse *s, const Outputs *outputs)
{
    for (int i = 0; i < outputs->n; i++) {
        const Output *o = &outputs->v[i];
        ValueId id = dict_get(o->constant ? &s->g->consts : &s->values, o->key);
        if (id < 0) {
            error_at(o->at, "output %s is never made", o->key);
            return false;
        }
        Value *v = &s->g->value.v[id];
        if (!type_eq(&v->type, &o->type)) {
            error_at(o->at, "output %s is %s, the text says %s", o->key, type_text(s->arena, &v->type),
                     type_text(s->arena, &o->type));
            return false;
        }
        if (v->kind == VAL_NODE)
            v->name = o->plain;
        graph_add_output(s->g, id);
    }
    return true;
}

static bool parse_head(GraphParse *s, Outputs *outputs)
{
    const char *title;
    if (!lex_eat_word(&s->lex, "graph"))
        return lex_expected(&s->lex, "'graph'");
    if (!lex_expect(&s->lex, "@") || !lex_name(&s->lex, &title))
        return false;
    s->g = graph_new(s->arena, title);
    if (!lex_expect(&s->lex, "("))
        return false;
    if (!lex_peek(&s->lex, ")"))
        do {
            if (!parse_input(s))
                return false;
        } while (lex_eat(&s->lex, ","));
    if (!lex_expect(&s->lex, ")") || !lex_expect(&s->lex, "->") || !lex_expect(&s->lex, "("))
        return false;
    do {
        if (!parse_output(s, outputs))
            return false;
    } while (lex_eat(&s->lex, ","));
    if (!lex_expect(&s->lex, ")"))
        return false;
    Graph *g = s->g;
    if (lex_eat_word(&s->lex, "arena") && !gp_pair(s, "bytes", &g->arena_bytes, "lower_bound", &g->arena_lower_bound))
        return false;
    return lex_expect(&s->lex, "{");
}

static bool parse_graph(GraphParse *s)
{
    Outputs outputs = {0};
    if (!parse_head(s, &outputs))
        return false;
    while (!lex_eat(&s->lex, "}"))
        if (!(lex_eat_word(&s->lex, "const") ? parse_constant(s) : gp_node(s)))
            return false;
    lex_skip(&s->lex);
    if (*s->lex.p)
        return lex_expected(&s->lex, "the end");
    return bind_outputs(s, &outputs);
}

Graph *graph_parse(Arena *arena, const char *text, int file)
{
    GraphParse s = {.lex = lex_new(arena, text, file), .arena = arena, .values = dict_new(arena)};
    return parse_graph(&s) ? s.g : NULL;
}
