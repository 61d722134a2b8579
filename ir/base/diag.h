#ifndef DSQ_DIAG_H
#define DSQ_DIAG_H
/* Errors with their place:
     specs/mynet.yaml:17:31: error: conv2d 'layer2.0.conv1': unknown attribute 'strides'
       17 |   - {op: conv2d, name: conv1, strides: 2, out: 128, kernel: 3}
          |                               ^~~~~~~ did you mean 'stride'?
   One process compiles one thing at a time, so the state is global; diag_reset empties it. */
#include "base.h"

typedef struct Loc { int file, line, col, len; } Loc; /* file 0: no place. line and col count from 1 (bytes). */

void diag_reset(void);
/* Registers a source; text (may be NULL) must stay alive. Returns the number for Loc.file. */
int diag_file(const char *path, const char *text, size_t n);
const char *diag_path(int file);
const char *diag_text(int file, size_t *n); /* what was registered, NULL without text */
Loc loc_file(int file); /* a place that names the file alone */

/* hint may be NULL: it is printed after the caret. After 20 errors one line says that more were left out. */
void error_at(Loc, const char *fmt, ...) PRINTF(2, 3);
void error_hint(Loc, const char *hint, const char *fmt, ...) PRINTF(3, 4);
void warn_at(Loc, const char *fmt, ...) PRINTF(2, 3);
void note_at(Loc, const char *fmt, ...) PRINTF(2, 3);
/* A line that continues the last error. It is printed as it is, without a place: for tables of differing tensors. */
void error_more(const char *fmt, ...) PRINTF(1, 2);
int diag_errors(void);
bool diag_full(void); /* 20 errors were printed: give up where convenient */

/* "file.yaml:7" for comments and dumps, "" without a place. */
const char *loc_text(Arena *, Loc);

/* Is it UTF-8 without control characters? Characters that change the direction of text count as such. */
bool text_is_clean(const char *);

/* A fault of dsqc: prints the message, with the pass and the node at work (bug_context), and exits with status 3. */
NORETURN void bug(const char *fmt, ...) PRINTF(1, 2);
void bug_context(const char *pass, const char *node);

/* Where messages go: stderr by default; tests and fuzzers capture. NULL restores stderr. */
void diag_capture(Buf *);
/* Between the two, messages are neither printed nor counted: for an attempt that may fail. */
void diag_quiet(void);
void diag_loud(void);
#endif
