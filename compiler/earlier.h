#ifndef DSQ_EARLIER_H
#define DSQ_EARLIER_H
#include "driver.h"

/* Files that an earlier compilation of this model wrote into the folder go when those of `out` appear. Its report there,
   of that name, lists them. What stays: files that `out` has, files that the report of another model in the folder
   lists, and all that is no plain file under a name that dsqc gives. */
void earlier_drop(const Job *, OutDir *out, const char *dir, const char *report);
#endif
