#ifndef DSQ_FACTS_H
#define DSQ_FACTS_H
/* Facts about graphs and programs (FACT rows of pass.def), checked on what passes have made. */
#include "pass.h"

const char *fact_name(unsigned fact); /* of one bit */
/* NULL where all of these facts hold; else the first one that does not, *fact, and why. Time and memory in proportion
   to the graph; that no two values overlap is looked at where there are few nodes. */
const char *facts_wrong(Arena *, const Graph *, unsigned facts, const char **fact);
const char *loop_facts_wrong(Arena *, const Program *, unsigned facts, const char **fact);
#endif
