/* Conditions of rules, from text (the grammar is in rules_parse.c). */
#include <math.h>
#include <string.h>

#include "rules_parse.h"

static RuleExpr *expr(Parse *);

static RuleExpr *new_expr(Parse *s, ExprKind kind)
{
    RuleExpr *e = NEW(s->A, RuleExpr, 1);
    *e = (RuleExpr){.kind = kind, .loc = (lex_skip(&s->lex), lex_here(&s->lex, 1)), .var = -1};
    s->r->nterm++;
    if (s->r->nterm <= MAX_TERMS)
        return e;
    parse_fail(s, e->loc, "more than %d terms", MAX_TERMS);
    return NULL;
}

/* A value's or constant's name. */
static int value_name(Parse *s)
{
    Loc at;
    if (!lex_peek(&s->lex, "%") && !lex_peek(&s->lex, "@"))
        return lex_expected(&s->lex, "a variable"), -1;
    return parse_variable(s, *s->lex.p, OP_NONE, -1, &at);
}

static bool is_list(const RuleExpr *e) { return e->kind != EXPR_TERM; }

static bool integer(const Parse *s, const RuleExpr *e)
{
    if (is_list(e))
        return true;
    const RuleTerm *t = e->term;
    return (t->kind == TERM_NUMBER && t->number == floor(t->number) && fabs(t->number) < 1e15) ||
           parse_fail(s, e->loc, "an integer expected");
}

static RuleExpr *list(Parse *s)
{
    VEC(RuleExpr *) item = {0};
    RuleExpr *e = new_expr(s, EXPR_LIST);
    if (!e || !lex_expect(&s->lex, "["))
        return NULL;
    while (!lex_eat(&s->lex, "]")) {
        if (item.n && !lex_expect(&s->lex, ","))
            return NULL;
        RuleExpr *x = expr(s);
        if (!x || !integer(s, x))
            return NULL;
        PUSH(s->A, &item, x);
    }
    e->item = item.v;
    e->n = item.n;
    return e;
}

static RuleExpr *function(Parse *s, ExprKind kind)
{
    RuleExpr *e = new_expr(s, kind);
    if (!e || !lex_expect(&s->lex, "(") || (e->var = value_name(s)) < 0)
        return NULL;
    if (kind == EXPR_DIM) {
        e->item = NEW(s->A, RuleExpr *, 1);
        e->n = 1;
        if (!lex_expect(&s->lex, ",") || !(e->item[0] = expr(s)) || !integer(s, e->item[0]))
            return NULL;
    }
    return lex_expect(&s->lex, ")") ? e : NULL;
}

static RuleExpr *attr_expr(Parse *s)
{
    RuleExpr *e = new_expr(s, EXPR_ATTR);
    Loc at;
    if (!e || (e->var = parse_variable(s, '$', OP_NONE, -1, &at)) < 0)
        return NULL;
    if (s->r->var.v[e->var].attr >= 0)
        return e;
    parse_fail(s, at, "'$%s' holds all attributes of an operator: name one by {attribute=$x}",
               s->r->var.v[e->var].name);
    return NULL;
}

static bool is_float_attr(const Parse *s)
{
    Lex ahead = s->lex;
    ahead.p++;
    const char *name = lex_word(&ahead);
    for (int i = 0; i < s->r->var.n; i++) {
        const RuleVar *v = &s->r->var.v[i];
        if (v->sigil == '$' && !strcmp(v->name, name))
            return v->attr >= 0 && attr_info[v->attr].kind == ATTR_FLOAT;
    }
    return false;
}

static const struct { const char *name; ExprKind kind; } functions[] = {
    {"shape", EXPR_SHAPE}, {"rank", EXPR_RANK}, {"dim", EXPR_DIM}, {"uses", EXPR_USES}, {"elements", EXPR_ELEMENTS}};

/* A word of a condition that is neither an operator nor a function. */
static bool unknown_word(Parse *s)
{
    Lex ahead = s->lex;
    const char *w = lex_word(&ahead), *cand[LEN(functions) + 1] = {"nonnegative"};
    if (!*w || op_by_name(w) != OP_NONE || !lex_peek(&ahead, "("))
        return false;
    for (int i = 0; i < LEN(functions); i++)
        cand[i + 1] = functions[i].name;
    lex_error(&s->lex, lex_here(&s->lex, (int)strlen(w)), name_hint(s->A, w, cand, LEN(cand)),
              "unknown condition or operator '%s'", w);
    return true;
}

static RuleExpr *expr(Parse *s)
{
    for (int i = 0; i < LEN(functions); i++)
        if (lex_eat_word(&s->lex, functions[i].name))
            return function(s, functions[i].kind);
    if (lex_peek(&s->lex, "["))
        return list(s);
    if (lex_peek(&s->lex, "$") && !is_float_attr(s))
        return attr_expr(s);
    RuleExpr *e = new_expr(s, EXPR_TERM);
    if (!e || unknown_word(s) || !(e->term = parse_term(s)))
        return NULL;
    e->loc = e->term->loc;
    if (e->term->known)
        return e;
    parse_fail(s, e->loc,
               "a condition is made of constants: values stand in nonnegative, shape, rank, dim, uses and elements");
    return NULL;
}

static bool has_uses(const RuleExpr *e)
{
    bool found = e->kind == EXPR_USES;
    for (int i = 0; i < e->n; i++)
        found = found || has_uses(e->item[i]);
    return found;
}

static bool relation(Parse *s, CondKind *out)
{
    static const struct { const char *text; CondKind kind; } relations[] = {
        {"==", COND_EQ}, {"!=", COND_NE}, {"<=", COND_LE}, {">=", COND_GE}, {"<", COND_LT}, {">", COND_GT}};
    for (int i = 0; i < LEN(relations); i++)
        if (lex_eat(&s->lex, relations[i].text)) {
            *out = relations[i].kind;
            return true;
        }
    return lex_expected(&s->lex, "a comparison");
}

bool parse_condition(Parse *s)
{
    Cond c = {.var = -1};
    lex_skip(&s->lex);
    c.loc = lex_here(&s->lex, lex_word_length(&s->lex));
    if (lex_eat_word(&s->lex, "nonnegative")) {
        c.kind = COND_NONNEGATIVE;
        if (!lex_expect(&s->lex, "(") || (c.var = value_name(s)) < 0 || !lex_expect(&s->lex, ")"))
            return false;
    } else if (!(c.a = expr(s)) || !relation(s, &c.kind) || !(c.b = expr(s)) ||
               ((is_list(c.a) || is_list(c.b)) && !(integer(s, c.a) && integer(s, c.b))))
        return false;
    c.uses = c.a && (has_uses(c.a) || has_uses(c.b));
    PUSH(s->A, &s->r->cond, c);
    return true;
}
