#ifndef DSQ_EARLIER_H
#define DSQ_EARLIER_H
#include "../driver.h"

/* Decides which files of the folder `dir` to remove when those of `out` appear, and locks the folder until `out` is
   committed. report: the name of this model's report there.
   - Removed are files that an earlier compilation of this model wrote: its report lists them.
   - Kept are files that `out` has, files that the report of another model lists, and whatever is no plain file under a
     name that dsqc gives.
   - A file that dsqc did not write is never touched. Reports list what dsqc wrote, and its C begins with a comment of
     ours. False after a message where a file of `out` would replace another program's. */
bool earlier_settle(const Job *, OutDir *out, const char *dir, const char *report);
#endif
