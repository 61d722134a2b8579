#ifndef DSQ_LOOP_PARSE_H
#define DSQ_LOOP_PARSE_H
/* The parser of the loop IR's text: words, types and numbers (loop_parse_word.c), expressions (loop_parse_expr.c),
   statements and programs (loop_parse.c). After the first error every function returns at once, with something
   harmless; loops end because no word is accepted any more. */
#include "../../lex.h"
#include "../loop_impl.h"

#define LP_MAX_NUMBER ((int64_t)1 << 40) /* in indices, dims and steps */

typedef struct Tok { Loc loc; const char *s; int n; } Tok; /* n 0: the end */

/* What a name stands for: kind and number, packed for a Dict. */
typedef enum Entity { E_PARAM, E_VAR, E_REG, E_PTR, NENTITIES } Entity;
typedef struct Shadow { const char *name; int before; } Shadow;

typedef struct Parser {
    Arena *A;
    Lex x;
    bool failed;
    int nesting, blocks;
    int widen;              /* scalars become vectors of so many lanes, 0: they stay scalars */
    VT result;              /* of the function that is being read */
    Program *prog;
    Kernel *k;
    Dict scope, taken;      /* names as written to entities; names given */
    VEC(Shadow) shadow;     /* what to restore when a block ends */
} Parser;

void lp_fail(Parser *, Tok, const char *fmt, ...) PRINTF(3, 4);
Tok lp_tok(Parser *);                   /* the next name, number or sign, without consuming it */
const char *lp_text(Parser *, Tok);     /* for messages */
/* word: letters (then the whole word counts) or signs */
bool lp_peek(Parser *, const char *word);
bool lp_accept(Parser *, const char *word);
void lp_expect(Parser *, const char *word);
const char *lp_name(Parser *);
int64_t lp_int(Parser *, int64_t max);  /* 0 .. max */
const char *lp_string(Parser *);
bool lp_nest(Parser *);                 /* one level deeper, until --nesting; false after an error */

/* From here to the end of the block, name means this entity. */
void lp_scope_set(Parser *, const char *name, Entity, int number);
void lp_scope_restore(Parser *, int mark); /* to the scope as it was when shadow.n was mark */
int lp_scope_find(const Parser *, const char *name, Entity); /* its number; -1: another thing or nothing */

const Ix *lp_ix(Parser *);
int lp_indices(Parser *, const Ix **ix);        /* [i, j]; how many */
int lp_at(Parser *, int *ref, const Ix **ix);   /* buffer[i, j] */
int lp_first(Parser *);                         /* "first 10"; 0 without */
VT lp_vt(Parser *);
int lp_type(Parser *, DType *, int64_t *dim);   /* f32[2,3]; the rank */
bool lp_at_number(Parser *);
Tok lp_number_token(Parser *);                  /* digits, inf or nan, with a sign right before them */
/* That token as the bits of an element, right-aligned; false after an error. */
bool lp_number_bits(Parser *, Tok, DType, uint64_t *bits);
bool lp_number(Parser *, DType, uint64_t *bits);
/* An expression. elem, lanes: its type where the context says it, else -1 and 0. */
const Expr *lp_value(Parser *, int elem, int lanes);
#endif
