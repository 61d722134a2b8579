#ifndef DSQ_SPEC_EXPR_H
#define DSQ_SPEC_EXPR_H
/* Expressions at work: grammar (spec_expr.c), arithmetic (spec_arith.c), texts that contain them (spec_text.c). */
#include "../spec_impl.h"

typedef struct SpecExpr {
    const Cx *cx;
    const char *text, *p;
    Loc loc;
    bool exact;    /* loc.col + offset is a column of the file */
    const char *what; /* that is expected as a whole, for a first word that makes no sense */
    int skip;      /* > 0: parsed only, the result does not matter */
    int depth;
} SpecExpr;

/* ---- spec_expr.c ---- */
SpecExpr expr_begin(const Cx *, const Yaml *);
Loc expr_loc(const SpecExpr *, const char *at, const char *end);
const char *expr_word_end(const char *);
void expr_space(SpecExpr *);
bool expr_take(SpecExpr *, const char *op);           /* a sign, or a whole word */
bool expr_expected(SpecExpr *, const char *what);     /* false, after the error that something else stands here */
bool expr_param(SpecExpr *, const char *start, Pval *); /* "$name", whose '$' is at start */
bool expr_whole(SpecExpr *, Pval *);

/* ---- spec_arith.c ---- */
/* at: where the operator stands. False after an error. b NULL: op has one operand. */
bool expr_type_error(SpecExpr *, const char *at, const char *op, const Pval *a, const Pval *b);
bool expr_int_op(SpecExpr *, const char *at, char op, int64_t a, int64_t b, int64_t *r);
bool expr_arith(SpecExpr *, const char *at, char op, Pval *a, const Pval *b);
bool expr_compare(SpecExpr *, const char *at, const char *op, Pval *a, const Pval *b);
#endif
