/* Rules from text. The first error in a rule ends the rule; reading goes on at the next one.

     rule     = "rule" name "exact=" ("yes" | "no") ["shared=" ("yes" | "no")] pattern "=>" term
                ["when" condition {"and" condition}]
     term     = "%" name | "@" name | "$" name | number | op "(" term {"," term} ")" [attrs]
     pattern  = term; op(...) may be named: "%" name "=" op "(" ... ")"
     attrs    = "{" "$" name "}" | "{" [item {"," item}] ["," "..."] "}"
     item     = name "=" (value | "$" name | "?")         "?" and "..." (all others) in patterns: whatever it is
     condition = expr ("==" | "!=" | "<" | "<=" | ">" | ">=") expr | "nonnegative" "(" var ")"
     expr     = term of constants | "$" name | "[" [expr {"," expr}] "]" | "shape" "(" var ")" | "rank" "(" var ")"
              | "dim" "(" var "," expr ")" | "uses" "(" var ")" | "elements" "(" var ")" */
#include <math.h>
#include <string.h>

#include "rules_parse.h"

/* Every rule is tried on random graphs when it is read, about a millisecond each. */
enum { MAX_RULES = 1000, MAX_SWAPS = 8 };

bool parse_fail(const Parse *s, Loc at, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    lex_error(&s->lex, at, NULL, "%s", arena_vprintf(s->A, fmt, ap));
    va_end(ap);
    return false;
}

/* ---- variables ---- */

static bool unbound(const Parse *s, Loc at, char sigil, const char *name)
{
    const char **cand = NEW(s->A, const char *, s->r->var.n + 1);
    int n = 0;
    for (int i = 0; i < s->r->var.n; i++)
        if (s->r->var.v[i].sigil == sigil)
            cand[n++] = s->r->var.v[i].name;
    const char *near = nearest_name(name, cand, n);
    return lex_error(&s->lex, at, near ? arena_printf(s->A, "did you mean '%c%s'?", sigil, near) : NULL,
                     "'%c%s' does not stand in the pattern", sigil, name);
}

int parse_variable(Parse *s, char sigil, Op op, int attr, Loc *at)
{
    lex_skip(&s->lex);
    *at = lex_here(&s->lex, 1);
    if (!lex_expect(&s->lex, (char[]){sigil, 0}))
        return -1;
    int len = (unsigned char)*s->lex.p > ' ' ? lex_word_length(&s->lex) : 0;
    at->len = len + 1;
    if (!len)
        return lex_expected(&s->lex, "a name"), -1;
    const char *name = lex_word(&s->lex);
    for (int i = 0; i < s->r->var.n; i++) {
        const RuleVar *v = &s->r->var.v[i];
        if (v->sigil != sigil || strcmp(v->name, name))
            continue;
        bool fits = attr < 0 ? v->attr < 0 && v->op == op
                             : v->attr >= 0 && attr_info[v->attr].kind == attr_info[attr].kind;
        if (sigil != '$' || op == OP_NONE || fits)
            return i;
        parse_fail(s, *at, "'$%s' holds %s%s, not %s%s", name, v->attr < 0 ? "all of " : "",
                   v->attr < 0 ? op_info[v->op].name : attr_info[v->attr].name, attr < 0 ? "all of " : "",
                   attr < 0 ? op_info[op].name : attr_info[attr].name);
        return -1;
    }
    if (!s->binding)
        return unbound(s, *at, sigil, name), -1;
    PUSH(s->A, &s->r->var, (RuleVar){sigil, name, *at, op, attr});
    return s->r->var.n - 1;
}

/* ---- terms ---- */

static RuleTerm *new_term(Parse *s, TermKind kind, Loc at)
{
    RuleTerm *t = NEW(s->A, RuleTerm, 1);
    *t = (RuleTerm){.kind = kind, .loc = at, .id = s->r->nterm++, .var = -1, .all = -1, .swap = -1};
    if (s->r->nterm <= MAX_TERMS)
        return t;
    parse_fail(s, at, "more than %d terms", MAX_TERMS);
    return NULL;
}

static bool parse_attribute(Parse *s, RuleTerm *t, unsigned *given)
{
    int row;
    Loc at;
    if (!text_attr_name(&s->lex, t->op, given, &row) || !lex_expect(&s->lex, "="))
        return false;
    Attr a = op_info[t->op].attrs[row].attr;
    if (lex_peek(&s->lex, "$"))
        return (t->how[row] = parse_variable(s, '$', t->op, a, &at)) >= 0;
    at = lex_here(&s->lex, 1);
    if (!lex_eat(&s->lex, "?"))
        return text_attr_value(&s->lex, a, &t->attr);
    t->how[row] = ATTR_ANY;
    return s->binding ||
           parse_fail(s, at, "'?' stands in patterns only: a replacement must say what the attribute is");
}

static bool attributes(Parse *s, RuleTerm *t)
{
    unsigned given = 0;
    Loc at;
    attrs_default(t->op, &t->attr);
    for (int i = 0; i < MAX_OP_ATTRS; i++)
        t->how[i] = ATTR_FIXED;
    if (!lex_eat(&s->lex, "{"))
        return text_attrs_complete(&s->lex, t->op, t->loc, given);
    if (lex_peek(&s->lex, "$"))
        return (t->all = parse_variable(s, '$', t->op, -1, &at)) >= 0 && lex_expect(&s->lex, "}");
    for (bool first = true; !lex_eat(&s->lex, "}"); first = false) {
        if (!first && !lex_expect(&s->lex, ","))
            return false;
        lex_skip(&s->lex);
        at = lex_here(&s->lex, 3);
        if (lex_eat(&s->lex, "...")) {
            if (!s->binding)
                return parse_fail(s, at, "'...' stands in patterns only: a replacement must say what the attributes "
                                         "are");
            for (int i = 0; i < op_info[t->op].nattrs; i++)
                if (!(given & 1u << i))
                    t->how[i] = ATTR_ANY;
            return lex_expect(&s->lex, "}");
        }
        if (!parse_attribute(s, t, &given))
            return false;
    }
    return text_attrs_complete(&s->lex, t->op, t->loc, given);
}

static bool operator_fits(Parse *s, RuleTerm *t)
{
    const OpInfo *info = &op_info[t->op];
    if (op_is(t->op, P_MULTI))
        return parse_fail(s, t->loc, "%s has several results, which rules cannot name", info->name);
    if (t->nin < info->min_in || (info->max_in >= 0 && t->nin > info->max_in)) {
        const char *more = info->max_in < 0 ? " or more" : "";
        if (info->max_in > info->min_in)
            more = arena_printf(s->A, " to %d", info->max_in);
        return parse_fail(s, t->loc, "%s: %d operand%s found, %d%s expected", info->name, t->nin,
                          t->nin == 1 ? "" : "s", info->min_in, more);
    }
    t->known = true;
    for (int i = 0; i < t->nin; i++)
        t->known = t->known && t->in[i]->known;
    if (!s->binding || !op_is(t->op, P_COMMUTES))
        return true;
    if (s->r->nswap == MAX_SWAPS)
        return parse_fail(s, t->loc, "more than %d operators that commute", MAX_SWAPS);
    t->swap = s->r->nswap++;
    return true;
}

static RuleTerm *call(Parse *s)
{
    Op op;
    Loc at;
    VEC(RuleTerm *) in = {0};
    if (!text_operator(&s->lex, &op, &at))
        return NULL;
    RuleTerm *t = new_term(s, TERM_OP, at);
    if (!t || !lex_expect(&s->lex, "("))
        return NULL;
    do {
        RuleTerm *x = parse_term(s);
        if (!x)
            return NULL;
        PUSH(s->A, &in, x);
    } while (lex_eat(&s->lex, ","));
    t->op = op;
    t->in = in.v;
    t->nin = in.n;
    return lex_expect(&s->lex, ")") && attributes(s, t) && operator_fits(s, t) ? t : NULL;
}

static RuleTerm *named(Parse *s, int var, Loc at)
{
    RuleTerm *t = call(s);
    if (t && t->known) {
        parse_fail(s, at, "the name of a value, not of a constant, expected");
        return NULL;
    }
    if (t)
        t->var = var;
    return t;
}

static RuleTerm *var_term(Parse *s, char sigil)
{
    Loc at;
    int before = s->r->var.n, var = parse_variable(s, sigil, OP_NONE, -1, &at);
    if (var < 0)
        return NULL;
    const RuleVar *v = &s->r->var.v[var];
    if (sigil == '%' && s->binding && !lex_peek(&s->lex, "=>") && lex_eat(&s->lex, "=")) {
        if (var == before)
            return named(s, var, at);
        parse_fail(s, at, "'%%%s' is named twice", v->name);
        return NULL;
    }
    if (sigil == '$' && (s->binding || v->attr < 0 || attr_info[v->attr].kind != ATTR_FLOAT)) {
        parse_fail(s, at, "'$%s' is not a number that can be calculated with", v->name);
        return NULL;
    }
    RuleTerm *t = new_term(s, TERM_VAR, at);
    if (t) {
        t->var = var;
        t->known = sigil != '%';
    }
    return t;
}

RuleTerm *parse_term(Parse *s)
{
    lex_skip(&s->lex);
    char c = *s->lex.p;
    if (c == '%' || c == '@' || c == '$')
        return var_term(s, c);
    if (c != '-' && c != '.' && (c < '0' || c > '9'))
        return call(s);
    RuleTerm *t = new_term(s, TERM_NUMBER, lex_here(&s->lex, 1));
    if (!t || !lex_number(&s->lex, &t->number))
        return NULL;
    t->loc.len = (int)(s->lex.p - s->lex.start) + 1 - t->loc.col;
    t->known = true;
    if (isfinite((float)t->number))
        return t;
    parse_fail(s, t->loc, "the number is not a finite float");
    return NULL;
}

/* ---- rules ---- */

static bool yes_or_no(Parse *s, bool *out)
{
    *out = lex_eat_word(&s->lex, "yes");
    return *out || lex_eat_word(&s->lex, "no") || lex_expected(&s->lex, "yes or no");
}

static bool check_new(const Parse *s, const Rules *rules)
{
    for (int i = 0; i < rules->rule.n; i++) {
        const Rule *r = rules->rule.v[i];
        if (!strcmp(r->name, s->r->name) && r->loc.file == s->r->loc.file) {
            parse_fail(s, s->r->loc, "the name stands twice");
            note_at(r->loc, "the other one");
            return false;
        }
    }
    return true;
}

static bool rule(Parse *s, Rules *rules)
{
    Rule *r = s->r = NEW(s->A, Rule, 1);
    lex_skip(&s->lex);
    r->loc = lex_here(&s->lex, lex_word_length(&s->lex));
    r->name = lex_word(&s->lex);
    if (!*r->name)
        return lex_expected(&s->lex, "the rule's name");
    s->lex.about = arena_printf(s->A, "rule '%s'", r->name);
    if (!check_new(s, rules))
        return false;
    if (!lex_eat_key(&s->lex, "exact"))
        return lex_expected(&s->lex, "'exact=yes' or 'exact=no'");
    if (!yes_or_no(s, &r->exact) || (lex_eat_key(&s->lex, "shared") && !yes_or_no(s, &r->shared)))
        return false;
    s->binding = true;
    if (s->count++ == MAX_RULES)
        return parse_fail(s, r->loc, "the file has more than %d rules", MAX_RULES);
    if (!(r->pattern = parse_term(s)))
        return false;
    s->binding = false;
    if (r->pattern->kind != TERM_OP || r->pattern->known)
        return parse_fail(s, r->pattern->loc, "a pattern is an operator on at least one value");
    if (!lex_expect(&s->lex, "=>") || !(r->replacement = parse_term(s)))
        return false;
    if (lex_eat_word(&s->lex, "when"))
        do
            if (!parse_condition(s))
                return false;
        while (lex_eat_word(&s->lex, "and"));
    PUSH(s->A, &rules->rule, r);
    return true;
}

/* Leaves the text at the next line that begins a rule. */
static void recover(Lex *s)
{
    for (; *s->p; s->p++)
        if (*s->p == '\n') {
            s->line++;
            s->start = s->p + 1;
            if (!strncmp(s->start, "rule ", 5)) {
                s->p++;
                return;
            }
        }
}

bool rules_parse(Arena *A, Rules *rules, const char *text, int file)
{
    Parse s = {.lex = lex_new(A, text, file), .A = A};
    int errors = diag_errors();
    for (lex_skip(&s.lex); *s.lex.p && !diag_full(); lex_skip(&s.lex)) {
        s.lex.about = NULL;
        if (!(lex_eat_word(&s.lex, "rule") ? rule(&s, rules) : lex_expected(&s.lex, "'rule'")))
            recover(&s.lex);
    }
    return diag_errors() == errors;
}
