#ifndef DSQ_RULES_H
#define DSQ_RULES_H
/* Rewrite rules, as lines of graph text (passes/rules/algebra.rules says what may stand in them). rules_parse.c reads
   them, rules_condition.c what is behind "when". rules_match.c finds a pattern and tests conditions. rules_build.c puts
   the replacement in its place. rules_check.c tries a rule on random shapes and numbers, which rules_guess.c chooses.
   algebra.c is the pass. None of them knows an operator. */
#include "../pass.h"

/* A variable by its sigil: %x any value, @a a constant with numbers, $k an attribute of op (attr -1: all of them). */
typedef struct RuleVar { char sigil; const char *name; Loc loc; Op op; int attr; } RuleVar;

typedef enum TermKind { TERM_VAR, TERM_NUMBER, TERM_OP } TermKind;
enum { ATTR_FIXED = -1, ATTR_ANY = -2 };
typedef struct RuleTerm RuleTerm;
struct RuleTerm {
    TermKind kind;
    Loc loc;
    int id;                 /* unique in its rule, from 0 on */
    int var;                /* VAR; OP: the %variable that names the result, or -1 */
    double number;
    Op op;
    int nin;
    RuleTerm **in;
    Attrs attr;             /* the ATTR_FIXED ones, not normalized; those that are not given have their default */
    int how[MAX_OP_ATTRS];  /* per attribute of the operator: ATTR_FIXED, ATTR_ANY, or the $variable */
    int all;                /* the $variable that holds all attributes, or -1 */
    bool known;             /* made of constants and numbers alone */
    int swap;               /* OP: its bit among the rule's operators that commute, or -1 */
};

/* What conditions compare: lists of integers, or constants (element by element, all of them). */
typedef enum ExprKind {
    EXPR_TERM, EXPR_LIST, EXPR_ATTR, EXPR_SHAPE, EXPR_RANK, EXPR_DIM, EXPR_USES, EXPR_ELEMENTS
} ExprKind;
typedef struct RuleExpr RuleExpr;
struct RuleExpr {
    ExprKind kind;
    Loc loc;
    int var;                /* ATTR, SHAPE, RANK, DIM, USES, ELEMENTS */
    RuleTerm *term;
    int n;
    RuleExpr **item;        /* LIST: its numbers; DIM: the dimension */
};
typedef enum CondKind { COND_EQ, COND_NE, COND_LT, COND_LE, COND_GT, COND_GE, COND_NONNEGATIVE } CondKind;
typedef struct Cond { CondKind kind; Loc loc; int var; RuleExpr *a, *b; bool uses; } Cond; /* var: NONNEGATIVE */

typedef struct Rule {
    const char *name;
    Loc loc;                /* of its name */
    bool exact, shared;
    RuleTerm *pattern, *replacement;
    VEC(Cond) cond;
    VEC(RuleVar) var;
    int nterm, nswap;
} Rule;
typedef struct RuleFile { uint8_t sha256[32]; } RuleFile;
typedef struct Rules {
    VEC(Rule *) rule;
    int own;                /* the first `own` rules are the user's */
    VEC(RuleFile) file;     /* the user's */
} Rules;

/* Appends the rules of a text; false after errors. */
bool rules_parse(Arena *, Rules *, const char *text, int file);
/* The rules of the user's files, then the bundled ones. The user's are tried as they are read. NULL after errors. */
Rules *rules_load(Arena *, const char *const *paths, int n);
Rules *rules_bundled(Arena *);

/* ---- matching ---- */
/* What a variable stands for: a value, or an attribute (attr -1: all) of attrs. */
typedef struct Bound { bool set; ValueId value; int attr; const Attrs *attrs; } Bound;
typedef struct Match {
    const Rule *rule;
    int root;
    Bound *var;
    VEC(int) node;          /* all that matched, operands before their readers */
    ValueId result;         /* of rule_fire: what stands for the root now */
} Match;
/* Does the rule match with this node as its root? any_uses: take conditions on uses(...) as true. */
bool rule_match(Arena *, const Graph *, const Rule *, int node, bool any_uses, Match *);
/* Computes a term of constants in double precision. NULL, or what is wrong. large: a part of the term would have more
   elements than its constants have together, and more than a few. */
typedef struct Numbers { Type type; double *v; bool large; } Numbers;
const char *term_numbers(Arena *, const Graph *, const Match *, const RuleTerm *, Numbers *);
/* The attributes that a term asks for, taken from its variables. like: the node that it is compared with, or NULL. */
Attrs term_attrs(const RuleTerm *, const Match *, const Attrs *like);

/* ---- rewriting ---- */
typedef enum Outcome { RULE_FIRED, RULE_DECLINED, RULE_WRONG } Outcome;
/* Replaces the pattern. DECLINED: nothing was changed. A constant would leave the range of floats, or be larger than
   what it is made of, or an output would lose its node. WRONG: the rule allowed what it should not have; *why says
   what. The graph is then of no use. */
Outcome rule_fire(Arena *, Graph *, Match *, const char **why);

/* ---- checking ---- */
/* A test of a rule. before: the pattern as a graph of random shapes, attributes and numbers, made from the seed. after:
   what the rule makes of it. Value root of the first must equal value result of the second. */
typedef struct Trial {
    Arena *A;
    const Rule *rule;
    Graph *before, *after;
    ValueId root, result;
    const char *why;
} Trial;
typedef enum TrialResult { TRIAL_NONE, TRIAL_SAME, TRIAL_WRONG } TrialResult;
/* NONE: the rule does not match what this seed gives. WRONG: Trial.why says how the sides differ. They are compared in
   double precision. If the rule says that it is exact, they are also compared with every result rounded to single
   precision. */
TrialResult rule_trial(Trial *, Arena *, const Rule *, uint64_t seed);
/* Several trials. False after a message: the rule is wrong, or no shapes were found to try it on. */
bool rule_check(const Rule *);
#endif
