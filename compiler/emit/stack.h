#ifndef DSQ_STACK_H
#define DSQ_STACK_H
#include "../../backends/target.h"

/* An upper bound on the stack that NAME_run and what it calls use, in bytes. */
int64_t stack_bound(const Program *, const Target *);
#endif
