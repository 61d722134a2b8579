#ifndef DSQ_CMD_H
#define DSQ_CMD_H
/* One function per command. It returns the exit status; 0 becomes 1 where diag reported errors. */
#include "options.h"

typedef int CmdFn(Arena *, const Options *);
#define X(name, operand, doc) CmdFn cmd_##name; extern const char help_##name[], examples_##name[];
COMMANDS(X)
#undef X
#endif
