/* Nodes of the graph's text: attributes, epilogues, results. */
#include "graph_parse.h"

/* ---- attributes ---- */

static bool parse_attributes(GraphParse *s, Op op, Loc op_at, Attrs *t)
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

static bool parse_step(GraphParse *s, int k, Step *out)
{
    Refs in = {0};
    *out = (Step){.origin = -1};
    if (!text_operator(&s->lex, &out->op, &out->loc) || !gp_operands(s, true, &in) ||
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
static bool normalize_step(GraphParse *s, const Node *n, Step *st, int k)
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

static bool parse_epilogue(GraphParse *s, Node *n)
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

static bool step_number(GraphParse *s, int *out)
{
    int64_t k;
    if (!lex_expect(&s->lex, "$") || !lex_int(&s->lex, &k))
        return false;
    *out = k < 0 || k > 1 << 20 ? -1 : (int)k;
    return true;
}

static bool out_of(GraphParse *s, Node *n, Out *o)
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

static bool parse_outs(GraphParse *s, Node *n, int node)
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
static bool rest_of_group(GraphParse *s, int node, Loc at)
{
    Node *n = &s->g->node.v[node];
    bool anchor = op_is(n->op, P_ANCHOR);
    if (!anchor && (lex_peek(&s->lex, "->") || lex_peek(&s->lex, "epilogue"))) {
        error_at(at, "%s carries no epilogue", op_info[n->op].name);
        return false;
    }
    if (lex_eat_word(&s->lex, "epilogue") && !parse_epilogue(s, n))
        return false;
    if (lex_eat(&s->lex, "->") && !parse_outs(s, n, node))
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

static bool result_types(GraphParse *s, const Node *n)
{
    if (!lex_expect(&s->lex, ":"))
        return false;
    for (int i = 0; i < n->nout; i++) {
        if (i && !lex_expect(&s->lex, ","))
            return false;
        Loc at = (lex_skip(&s->lex), lex_here(&s->lex, 1));
        Stored st;
        if (!gp_stored(s, &st))
            return false;
        Value *v = &s->g->value.v[n->out[i].value];
        if (!type_eq(&st.type, &v->type)) {
            error_at(at, "%s gives %s, the text says %s", op_info[n->op].name, type_text(s->arena, &v->type),
                     type_text(s->arena, &st.type));
            return false;
        }
        gp_set_stored(v, &st);
    }
    return true;
}

static bool suffixes(GraphParse *s, Node *n)
{
    if (lex_eat_key(&s->lex, "name") && !(lex_skip(&s->lex), lex_name(&s->lex, &n->name)))
        return false;
    if (lex_eat_key(&s->lex, "layers") && !(lex_skip(&s->lex), lex_name(&s->lex, &n->layers)))
        return false;
    n->view = lex_eat_word(&s->lex, "view");
    return !lex_eat_word(&s->lex, "scratch") || gp_pair(s, "bytes", &n->scratch, "offset", &n->scratch_offset);
}

typedef struct Name { const char *key; Loc at; } Name;
typedef VEC(Name) Names;

static bool result_names(GraphParse *s, Names *out)
{
    do {
        Name r;
        const char *plain;
        if (!lex_expect(&s->lex, "%"))
            return false;
        r.at = lex_here(&s->lex, 1);
        r.at.col--;
        if (!gp_value_key(s, &r.key, &plain))
            return false;
        r.at.len = (int)(s->lex.p - s->lex.start) + 1 - r.at.col;
        PUSH(s->arena, out, r);
    } while (lex_eat(&s->lex, ","));
    return lex_expect(&s->lex, "=");
}

bool gp_node(GraphParse *s)
{
    Names names = {0};
    Refs in = {0};
    Op op;
    Loc at;
    Attrs t;
    const char *err;
    if (!result_names(s, &names) || !text_operator(&s->lex, &op, &at) || !gp_operands(s, false, &in) ||
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
        if (!gp_define(s, names.v[k].at, names.v[k].key, n->out[k].value))
            return false;
    }
    return true;
}
