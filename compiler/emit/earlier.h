#ifndef DSQ_EARLIER_H
#define DSQ_EARLIER_H
#include "../driver.h"

/* Settles what becomes of the files that are in the folder, and locks it until `out` is committed. What dsqc has not
   written is never touched: where a file of `out` would replace such a one, false after a message. A report in the
   folder lists what dsqc wrote there; C also begins with a comment of ours. Files that an earlier compilation of this
   model wrote go when those of `out` appear; its report there, of that name, lists them. What stays: files that `out`
   has, files that the report of another model in the folder lists, and all that is no plain file under a name that dsqc
   gives. */
bool earlier_settle(const Job *, OutDir *out, const char *dir, const char *report);
#endif
