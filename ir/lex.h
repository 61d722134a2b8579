#ifndef DSQ_LEX_H
#define DSQ_LEX_H
/* Words of the IR text forms. Every function first skips blanks, line ends and comments (`;` to the end of the line),
   except lex_name, which follows its sigil directly. The lex_eat functions return false where the word does not stand
   here: they have consumed nothing and reported nothing. The functions below lex_expected report. */
#include "base/base.h"
#include "base/diag.h"

typedef struct Lex {
    Arena *arena;
    int file, line;
    const char *p, *start; /* the place in the NUL-terminated text, and where its line begins */
    bool semicolon;        /* `;` is a word, not a comment */
    const char *about;     /* begins every message, such as "rule 'x'"; may be NULL */
} Lex;
Lex lex_new(Arena *, const char *text, int file);

void lex_skip(Lex *);
Loc lex_here(const Lex *, int len);           /* the next len bytes */
bool lex_peek(Lex *, const char *text);
bool lex_eat(Lex *, const char *text);
bool lex_eat_word(Lex *, const char *word);   /* letters, digits and _; the whole word */
bool lex_eat_key(Lex *, const char *word);    /* "word=" */
int lex_word_length(Lex *);
const char *lex_word(Lex *);                  /* consumes and returns the word that stands here; "" where none does */

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
