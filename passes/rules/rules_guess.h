#ifndef DSQ_RULES_GUESS_H
#define DSQ_RULES_GUESS_H
/* A random graph of a rule's pattern, for rules_check.c. */
#include "rules.h"

/* The first trials are of single numbers, which make short messages. */
enum { SMALL_TRIES = 300 };
/* Sets before and root of the trial. Returns the node of the root; -1 where an operator refused (t->why). */
int rule_guess(Trial *t, uint64_t seed);
/* More than a trial is worth, whatever numbers a rule names. */
bool rule_too_large(const Graph *, int node);
#endif
