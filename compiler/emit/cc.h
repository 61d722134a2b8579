#ifndef DSQ_CC_H
#define DSQ_CC_H
/* The C compiler of a target: the system's own, or the cross compiler that the target names. */
#include "../../backends/target.h"

/* A new empty folder for temporary files. It is removed when the process ends, in whatever way. NULL after
   a message. */
const char *workdir_new(Arena *);

/* A command line under construction: words separated by blanks, as Target.cflags has them. */
typedef struct Words { Arena *arena; VEC(const char *) word; } Words;
void words_add(Words *, const char *text);

/* A command line that begins with the target's "cc", "ar" or "ld" (name). For the host these are $CC, $AR and $LD. */
Words cc_tool(Arena *, const Target *, const char *name);
/* Runs it in dir. False after a message with what it printed. */
bool cc_run(Words *, const char *dir);
/* The same, and checks that the file `result` then exists and is not empty. False after a message. */
bool cc_make(Words *, const char *dir, const char *result);

/* Bytes of machine code in an object file. False after a message. */
bool object_code_bytes(const char *path, int64_t *bytes);

/* NULL where this machine can run the target's code, else what is in the way. */
const char *host_lacks(Arena *, const Target *);
#endif
