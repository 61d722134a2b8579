/* Graph text to Graph; the grammar stands at the head of graph_print.c. The first error ends the parse. */
#include "attr_text.h"

#include <string.h>

typedef struct Parse {
    Lex lex;
    Arena *arena;
    Graph *g;
    Map values;             /* "%" names -> ValueId */
} Parse;

/* ---- types and where values lie ---- */

static bool type(Parse *s, Type *out)
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

/* "(first=1, second=2)" */
static bool pair(Parse *s, const char *first, int64_t *x, const char *second, int64_t *y)
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

typedef struct Stored { Type type; Layout layout; Region region; int64_t offset, bytes; } Stored;

static bool stored(Parse *s, Stored *out)
{
    static const char *const region[] = {"none", "arena", "input", "output", "const"};
    *out = (Stored){.offset = -1};
    if (!type(s, &out->type))
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
            return !lex_peek(&s->lex, "(") || pair(s, "offset", &out->offset, "bytes", &out->bytes);
        }
    return true;
}

static void set_stored(Value *v, const Stored *st)
{
    v->layout = st->layout;
    v->region = st->region;
    v->offset = st->offset;
    v->bytes = st->bytes;
}

/* ---- values ---- */

/* The key of a "%" name: a quoted name of digits is not a plain value. */
static bool value_key(Parse *s, const char **key, const char **plain)
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

static bool define_value(Parse *s, Loc at, const char *key, ValueId id)
{
    if (map_get(&s->values, key) >= 0) {
        error_at(at, "%%%s is made twice", key);
        return false;
    }
    map_put(&s->values, key, id);
    return true;
}

static bool unknown_value(Parse *s, Loc at, const char *sigil, const char *what, const Map *in)
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
static bool parse_operand(Parse *s, bool steps, Ref *out, bool *more)
{
    lex_skip(&s->lex);
    Loc at = lex_here(&s->lex, 1);
    *more = true;
    const char *key, *plain;
    if (lex_eat(&s->lex, "%")) {
        if (!value_key(s, &key, &plain))
            return false;
        at.len = (int)(s->lex.p - s->lex.start) + 1 - at.col;
        *out = map_get(&s->values, key);
        return *out >= 0 || unknown_value(s, at, "%", key, &s->values);
    }
    if (lex_eat(&s->lex, "@")) {
        if (!lex_name(&s->lex, &key))
            return false;
        at.len = (int)(s->lex.p - s->lex.start) + 1 - at.col;
        *out = map_get(&s->g->consts, key);
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

typedef VEC(Ref) Refs;

static bool parse_operands(Parse *s, bool steps, Refs *out)
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

/* ---- attributes ---- */

static bool parse_attributes(Parse *s, Op op, Loc op_at, Attrs *t)
{
    unsigned given = 0;
    attrs_default(op, t);
    if (lex_eat(&s->lex, "{"))
        for (bool first = true; !lex_eat(&s->lex, "}"); first = false) {
            if (!first && !lex_expect(&s->lex, ","))
                return false;
            int row;
            if (!text_attr_name(&s->lex, op, &given, &row) || !lex_expect(&s->lex, "=") ||
                !text_attr_value(&s->lex, op_info[op].attrs[row].attr, t))
                return false;
        }
    return text_attrs_complete(&s->lex, op, op_at, given);
}

/* ---- nodes ---- */

static bool parse_step(Parse *s, int k, Step *out)
{
    Refs in = {0};
    *out = (Step){.origin = -1};
    if (!text_operator(&s->lex, &out->op, &out->loc) || !parse_operands(s, true, &in) ||
        !parse_attributes(s, out->op, out->loc, &out->attr))
        return false;
    bool understood = in.n + 1 == op_info[out->op].min_in;
    out->nin = in.n + understood;
    out->in = NEW(s->arena, Ref, out->nin + 1);
    out->in[0] = ~(k - 1);
    for (int i = 0; i < in.n; i++)
        out->in[i + understood] = in.v[i];
    return !lex_eat_key(&s->lex, "name") || (lex_skip(&s->lex), lex_name(&s->lex, &out->name));
}

/* Attributes of step k get their normal form as soon as operand 0's type is known. */
static bool normalize_step(Parse *s, const Node *n, Step *st, int k)
{
    Ref first = st->nin ? st->in[0] : -1;
    const char *err = st->nin ? NULL : "no operands";
    Type in = {0};
    if (!err && first < 0 && ~first >= k)
        err = arena_printf(s->arena, "step $%d is not made yet", ~first);
    if (!err)
        in = first < 0 ? node_step_type(s->g, n, 0) : s->g->value.v[first].type;
    if (!err)
        err = attrs_normalize(s->arena, st->op, &st->attr, &in, st->nin);
    if (err)
        error_at(st->loc, "%s: %s", op_info[st->op].name, err);
    return !err;
}

static bool epilogue(Parse *s, Node *n)
{
    VEC(Step) steps = {0};
    if (!lex_expect(&s->lex, "{"))
        return false;
    s->lex.semicolon = true;
    do {
        Step st;
        if (!parse_step(s, steps.n + 1, &st) || !normalize_step(s, n, &st, steps.n + 1))
            return false;
        PUSH(s->arena, &steps, st);
    } while (lex_eat(&s->lex, ";"));
    if (!lex_peek(&s->lex, "}"))
        return lex_expected(&s->lex, "';' or '}'");
    s->lex.semicolon = false;
    n->step = steps.v;
    n->nstep = steps.n;
    n->out[0].step = steps.n;
    return lex_eat(&s->lex, "}");
}

static bool step_number(Parse *s, int *out)
{
    int64_t k;
    if (!lex_expect(&s->lex, "$") || !lex_int(&s->lex, &k))
        return false;
    *out = k < 0 || k > 1 << 20 ? -1 : (int)k;
    return true;
}

static bool out_of(Parse *s, Node *n, Out *o)
{
    static const ReduceKind kinds[] = {RED_MEAN, RED_SUM, RED_MAX};
    *o = (Out){.value = -1};
    if (lex_peek(&s->lex, "$"))
        return step_number(s, &o->step);
    for (int i = 0; i < LEN(kinds); i++)
        if (lex_eat_word(&s->lex, reduce_name(kinds[i])))
            o->red = kinds[i];
    if (o->red == RED_NONE)
        return lex_expected(&s->lex, "$step, mean, sum or max");
    Loc at = lex_here(&s->lex, 1);
    if (!lex_expect(&s->lex, "(") || !step_number(s, &o->step) || !lex_expect(&s->lex, ","))
        return false;
    bool window = lex_eat_key(&s->lex, "kernel");
    if (!window && !lex_eat_key(&s->lex, "axes"))
        return lex_expected(&s->lex, "'axes=' or 'kernel='");
    if (!text_ints(&s->lex, window ? &o->kernel : &o->axes))
        return false;
    if (!window && lex_eat(&s->lex, ",")) {
        if (!lex_eat_key(&s->lex, "keep"))
            return lex_expected(&s->lex, "'keep='");
        if (!lex_bool(&s->lex, &o->keep))
            return false;
    }
    Attrs t;
    Type anchor = node_step_type(s->g, n, 0);
    Op op = out_op(o, &t);
    const char *err = attrs_normalize(s->arena, op, &t, &anchor, 1);
    if (err) {
        error_at(at, "%s", err);
        return false;
    }
    o->axes = t.axes;
    o->kernel = window ? t.kernel : (Ints){0};
    return lex_expect(&s->lex, ")");
}

static bool outs(Parse *s, Node *n, int node)
{
    VEC(Out) list = {0};
    do {
        Out o;
        if (!out_of(s, n, &o))
            return false;
        o.value = list.n ? -1 : n->out[0].value;
        PUSH(s->arena, &list, o);
    } while (list.n < MAX_OUT && lex_eat(&s->lex, ","));
    for (int i = 1; i < list.n; i++)
        list.v[i].value = graph_value(s->g, node, i, (Type){0}, n->loc);
    n->out = list.v;
    n->nout = list.n;
    return true;
}

/* Epilogue and outs, and with them the types of the results. */
static bool rest_of_group(Parse *s, int node, Loc at)
{
    Node *n = &s->g->node.v[node];
    bool anchor = op_is(n->op, P_ANCHOR);
    if (!anchor && (lex_peek(&s->lex, "->") || lex_peek(&s->lex, "epilogue"))) {
        error_at(at, "%s carries no epilogue", op_info[n->op].name);
        return false;
    }
    if (lex_eat_word(&s->lex, "epilogue") && !epilogue(s, n))
        return false;
    if (lex_eat(&s->lex, "->") && !outs(s, n, node))
        return false;
    Type types[MAX_OUT];
    const char *err = node_infer(s->arena, s->g, n, types);
    if (err) {
        error_at(at, "%s: %s", op_info[n->op].name, err);
        return false;
    }
    for (int i = 0; i < n->nout; i++)
        s->g->value.v[n->out[i].value].type = types[i];
    return true;
}

static bool result_types(Parse *s, const Node *n)
{
    if (!lex_expect(&s->lex, ":"))
        return false;
    for (int i = 0; i < n->nout; i++) {
        if (i && !lex_expect(&s->lex, ","))
            return false;
        Loc at = (lex_skip(&s->lex), lex_here(&s->lex, 1));
        Stored st;
        if (!stored(s, &st))
            return false;
        Value *v = &s->g->value.v[n->out[i].value];
        if (!type_eq(&st.type, &v->type)) {
            error_at(at, "%s gives %s, the text says %s", op_info[n->op].name, type_text(s->arena, &v->type),
                     type_text(s->arena, &st.type));
            return false;
        }
        set_stored(v, &st);
    }
    return true;
}

static bool suffixes(Parse *s, Node *n)
{
    if (lex_eat_key(&s->lex, "name") && !(lex_skip(&s->lex), lex_name(&s->lex, &n->name)))
        return false;
    if (lex_eat_key(&s->lex, "layers") && !(lex_skip(&s->lex), lex_name(&s->lex, &n->layers)))
        return false;
    n->view = lex_eat_word(&s->lex, "view");
    return !lex_eat_word(&s->lex, "scratch") || pair(s, "bytes", &n->scratch, "offset", &n->scratch_offset);
}

typedef struct Name { const char *key; Loc at; } Name;
typedef VEC(Name) Names;

static bool result_names(Parse *s, Names *out)
{
    do {
        Name r;
        const char *plain;
        if (!lex_expect(&s->lex, "%"))
            return false;
        r.at = lex_here(&s->lex, 1);
        r.at.col--;
        if (!value_key(s, &r.key, &plain))
            return false;
        r.at.len = (int)(s->lex.p - s->lex.start) + 1 - r.at.col;
        PUSH(s->arena, out, r);
    } while (lex_eat(&s->lex, ","));
    return lex_expect(&s->lex, "=");
}

static bool node(Parse *s)
{
    Names names = {0};
    Refs in = {0};
    Op op;
    Loc at;
    Attrs t;
    const char *err;
    if (!result_names(s, &names) || !text_operator(&s->lex, &op, &at) || !parse_operands(s, false, &in) ||
        !parse_attributes(s, op, at, &t))
        return false;
    int i = graph_add(s->g, op, &t, in.v, in.n, NULL, at, &err);
    if (i < 0) {
        error_at(at, "%s: %s", op_info[op].name, err);
        return false;
    }
    if (!rest_of_group(s, i, at))
        return false;
    Node *n = &s->g->node.v[i];
    if (n->nout != names.n) {
        error_at(names.v[0].at, "%s has %d result%s, %d named", op_info[op].name, n->nout, n->nout == 1 ? "" : "s",
                 names.n);
        return false;
    }
    if (!result_types(s, n) || !suffixes(s, n))
        return false;
    for (int k = 0; k < names.n; k++) {
        s->g->value.v[n->out[k].value].loc = names.v[k].at;
        if (!define_value(s, names.v[k].at, names.v[k].key, n->out[k].value))
            return false;
    }
    return true;
}

/* ---- the graph ---- */

static bool constant_data(Parse *s, Tensor *t, Loc at)
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

static bool parse_constant(Parse *s)
{
    const char *key;
    Stored st;
    if (!lex_expect(&s->lex, "@"))
        return false;
    Loc at = lex_here(&s->lex, 1);
    if (!lex_name(&s->lex, &key))
        return false;
    at.len = (int)(s->lex.p - s->lex.start) + 1 - at.col;
    if (map_get(&s->g->consts, key) >= 0) {
        error_at(at, "constant @%s stands twice", key);
        return false;
    }
    if (!lex_expect(&s->lex, ":") || !stored(s, &st))
        return false;
    ValueId id = graph_const(s->g, key, st.type, at);
    Value *v = &s->g->value.v[id];
    set_stored(v, &st);
    return !lex_eat(&s->lex, "=") || constant_data(s, v->tensor, at);
}

static bool parse_input(Parse *s)
{
    const char *key, *plain;
    Stored st;
    if (!lex_expect(&s->lex, "%"))
        return false;
    Loc at = lex_here(&s->lex, 1);
    if (!value_key(s, &key, &plain))
        return false;
    if (!plain) {
        error_at(at, "an input needs a name, quoted if it is a number");
        return false;
    }
    if (!lex_expect(&s->lex, ":") || !stored(s, &st))
        return false;
    ValueId id = graph_input(s->g, plain, st.type, at);
    set_stored(&s->g->value.v[id], &st);
    return define_value(s, at, key, id);
}

/* Outputs are named before they are made. */
typedef struct Output { bool constant; const char *key, *plain; Type type; Loc at; } Output;
typedef VEC(Output) Outputs;

static bool parse_output(Parse *s, Outputs *out)
{
    Output o = {0};
    o.constant = lex_peek(&s->lex, "@");
    if (!lex_eat(&s->lex, "@") && !lex_expect(&s->lex, "%"))
        return false;
    o.at = lex_here(&s->lex, 1);
    if (!(o.constant ? lex_name(&s->lex, &o.key) : value_key(s, &o.key, &o.plain)))
        return false;
    o.at.len = (int)(s->lex.p - s->lex.start) + 1 - o.at.col;
    if (!lex_expect(&s->lex, ":") || !type(s, &o.type))
        return false;
    PUSH(s->arena, out, o);
    return true;
}

static bool bind_outputs(Parse *s, const Outputs *outputs)
{
    for (int i = 0; i < outputs->n; i++) {
        const Output *o = &outputs->v[i];
        ValueId id = map_get(o->constant ? &s->g->consts : &s->values, o->key);
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

static bool head(Parse *s, Outputs *outputs)
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
    if (lex_eat_word(&s->lex, "arena") && !pair(s, "bytes", &g->arena_bytes, "lower_bound", &g->arena_lower_bound))
        return false;
    return lex_expect(&s->lex, "{");
}

static bool graph(Parse *s)
{
    Outputs outputs = {0};
    if (!head(s, &outputs))
        return false;
    while (!lex_eat(&s->lex, "}"))
        if (!(lex_eat_word(&s->lex, "const") ? parse_constant(s) : node(s)))
            return false;
    lex_skip(&s->lex);
    if (*s->lex.p)
        return lex_expected(&s->lex, "the end");
    return bind_outputs(s, &outputs);
}

Graph *graph_parse(Arena *arena, const char *text, int file)
{
    Parse s = {.lex = lex_new(arena, text, file), .arena = arena, .values = map_new(arena)};
    return graph(&s) ? s.g : NULL;
}
