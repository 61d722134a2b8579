#ifndef DSQ_RULES_PARSE_H
#define DSQ_RULES_PARSE_H
/* What rules and terms (rules_parse.c) and conditions (rules_condition.c) have in common while they are read. */
#include "../../ir/graph/attr_text.h"
#include "rules.h"

enum { MAX_TERMS = 256 }; /* of a rule */

typedef struct Parse {
    Lex lex;
    Arena *A;
    Rule *r;
    bool binding; /* inside the pattern: variables may be new */
    int count;    /* of rules in this file */
} Parse;

/* Says what is wrong there; false. */
bool parse_fail(const Parse *, Loc at, const char *fmt, ...) PRINTF(3, 4);
/* The variable of that sigil which stands here, -1 after an error. op and attr: what a $variable is used for. */
int parse_variable(Parse *, char sigil, Op op, int attr, Loc *at);
/* A term; NULL after an error. parse_condition adds one to the rule; false after an error. */
RuleTerm *parse_term(Parse *);
bool parse_condition(Parse *);
#endif
