#ifndef DSQ_LEX_H
#define DSQ_LEX_H
/* Words of the IR text forms. Every function skips blanks, line ends and comments (`;` to the end of the line) first,
   but for lex_name, which follows its sigil directly. Functions that return false without "expected" in their
   description have consumed nothing and said nothing. */
#include "base/base.h"
#include "base/diag.h"

typedef struct Lex {
    Arena *arena;
    int file, line;
    const char *p, *start; /* NUL-terminated text: where we are, and where its line begins */
    bool semicolon;        /* `;` is a word, not a comment */
    const char *about;     /* stands in front of every message, "rule 'x'", or NULL */
} Lex;
Lex lex_new(Arena *, const char *text, int file);

void lex_skip(Lex *);
Loc lex_here(const Lex *, int len);
bool lex_peek(Lex *, const char *text);
bool lex_eat(Lex *, const char *text);
bool lex_eat_word(Lex *, const char *word);   /* letters, digits and _; the whole word */
bool lex_eat_key(Lex *, const char *word);    /* "word=" */
int lex_word_length(Lex *);
const char *lex_word(Lex *);                  /* "" where none stands here */

/* Reports; hint may be NULL. Returns false. */
bool lex_error(const Lex *, Loc, const char *hint, const char *fmt, ...) PRINTF(4, 5);
/* Reports "WHAT expected, found ..." here; returns false. */
bool lex_expected(Lex *, const char *what);
/* Each reports what was expected where it returns false. */
bool lex_expect(Lex *, const char *text);
bool lex_name(Lex *, const char **out);       /* A-Za-z0-9_.-/$, or "quoted\n" */
bool lex_int(Lex *, int64_t *out);
bool lex_number(Lex *, double *out);          /* also inf and nan */
bool lex_bool(Lex *, bool *out);

/* The other direction: a name as lex_name reads it. */
void lex_put_name(Buf *, const char *);
void lex_put_quoted(Buf *, const char *);
#endif
