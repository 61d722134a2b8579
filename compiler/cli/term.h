#ifndef DSQ_TERM_H
#define DSQ_TERM_H
/* What people see on a terminal: tables, progress, numbers with thousands separators. */
#include "../../ir/base/base.h"

/* A table whose first row is its heading. align: one 'l' or 'r' a column. */
typedef struct Table { Arena *arena; const char *align; VEC(const char *) cell; } Table;
Table table_new(Arena *, const char *align);
void table_cell(Table *, const char *fmt, ...) PRINTF(2, 3); /* row by row */
/* To standard output; on a terminal too narrow for it the first column is cut. */
void table_print(const Table *);

/* One line that the next call overwrites, on a terminal only. progress_end removes it. */
void progress(const char *fmt, ...) PRINTF(1, 2);
void progress_end(void);
void progress_off(void); /* --quiet: none from now on */
void progress_line(const char *fmt, ...) PRINTF(1, 2); /* one that stays */

const char *digits(Arena *, int64_t);          /* 11,689,512 */
const char *plural(Arena *, int64_t n, const char *noun); /* "1 kernel", "12 kernels" */
/* "layer1.0.conv1 + layer1.0.bn1" as "layer1.0.conv1 + bn1": the scope that all names share is said once. */
const char *short_layers(Arena *, const char *layers);
const char *ms_text(Arena *, double ms);       /* with a unit that fits, four digits: 23.45 ms, 812.3 us */
double now_ms(void);                           /* milliseconds of a monotonic clock */
#endif
