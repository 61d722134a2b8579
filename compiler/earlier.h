#ifndef DSQ_EARLIER_H
#define DSQ_EARLIER_H
#include "driver.h"

/* Files that an earlier compilation of this model wrote into the folder, as its report there says, go when those of `out`
   appear. Those that `out` has stay, those that the report of another model in the folder lists, and all that is no
   plain file under a name that dsqc gives. report: the name of the report. */
void earlier_drop(const Job *, OutDir *out, const char *dir, const char *report);
#endif
