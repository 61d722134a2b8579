#ifndef DSQ_CC_H
#define DSQ_CC_H
/* The C compiler of a target: the system's own, or the cross compiler that the target names. */
#include "../../backends/target.h"

/* A new empty folder for passing files, removed when the process ends in whatever way, with all others. NULL after a
   message. */
const char *workdir_new(Arena *);

/* A command line under construction: words separated by blanks, as Target.cflags has them. */
typedef struct Words { Arena *arena; VEC(const char *) word; } Words;
void words_add(Words *, const char *text);

/* Starts the command line with the target's "cc", "ar" or "ld": $CC, $AR and $LD on the host. */
Words cc_tool(Arena *, const Target *, const char *name);
/* Runs it in dir. False after a message with what it printed. */
bool cc_run(Words *, const char *dir);
/* The same; then the file `result` is there and is not empty. False after a message. */
bool cc_make(Words *, const char *dir, const char *result);

/* Bytes of machine code in an object file. False after a message. */
bool object_code_bytes(const char *path, int64_t *bytes);

/* NULL where this machine can run the target's code, else what is in the way. */
const char *host_lacks(Arena *, const Target *);
#endif
