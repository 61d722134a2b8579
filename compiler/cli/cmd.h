#ifndef DSQ_CMD_H
#define DSQ_CMD_H
/* One function a command: its exit status, or 0 where diag's errors decide. */
#include "options.h"

typedef int CmdFn(Arena *, const Options *);
#define X(name, operand, doc) CmdFn cmd_##name; extern const char help_##name[], examples_##name[];
COMMANDS(X)
#undef X
#endif
