#ifndef DSQ_PASS_OPTIONS_H
#define DSQ_PASS_OPTIONS_H
/* What the manager (run.c) asks the options. */
#include "pass.h"

/* Is name in a comma list? NULL is an empty one. */
bool pass_listed(const char *list, const char *name);
/* pass_runs for a row, which need not be one of the table's. */
bool pass_wanted(const PassInfo *, const PassOptions *);
#endif
