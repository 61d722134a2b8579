#ifndef DSQ_TEST_HEARD_H
#define DSQ_TEST_HEARD_H
/* The messages that a suite listens to. */
#include "../../../ir/base/diag.h"

#include <stdio.h>
#include <string.h>

static Buf said;

/* Captures messages from here on; heard(part) tells whether they contain part ("": whether there are none), and forgets
   them. */
static inline void listen(void)
{
    diag_reset();
    buf_free(&said);
    diag_capture(&said);
}

static inline bool heard(const char *part)
{
    diag_capture(NULL);
    bool yes = *part ? said.s && strstr(said.s, part) : !said.n;
    if (!yes)
        fprintf(stderr, "expected '%s' in: %s\n", part, said.s ? said.s : "");
    buf_free(&said);
    diag_reset();
    return yes;
}
#endif
