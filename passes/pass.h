#ifndef DSQ_PASS_H
#define DSQ_PASS_H
/* What a pass is, and the pass manager: pass_table.c has the rows of pass.def, pass_options.c chooses among them, run.c
   runs them. The manager alone verifies, times, dumps, stops and disables. */
#include "../backends/target.h"
#include "../ir/graph/graph.h"
#include "schedule.h"

/* What a pass sees besides the graph. */
typedef struct Pass {
    const Target *target;
    int opt;               /* -O level */
    bool strict;           /* only rewrites that are exact, or round like the graph as written to within 1e-5 */
    int threads;           /* the code is for so many threads, 0: for one */
    int winograd;          /* 0: where it pays; WINOGRAD_OFF; 2..6: this tile wherever it is possible */
    const struct Rules *rules; /* of the algebra pass; NULL: the bundled ones */
    const struct Schedules *schedules; /* in place of choose-kernels' own choices; NULL: none */
    Arena *scratch;        /* emptied after the pass */
} Pass;
enum { WINOGRAD_OFF = -1 };
typedef bool PassFn(Pass *, Graph *); /* true: something changed */
typedef bool LoopPassFn(Arena *, Kernel *); /* true: something changed. Every result keeps its bits */

/* Facts that passes need, give and break: FACT rows of pass.def. The manager proves at start-up that the order gives
   each before it is needed; builds with assertions check after every pass that those given so far hold (facts.c). */
enum { F_CANON = 1, F_ANCHORED = 2, F_LAYOUT = 4, F_SCHEDULE = 8, F_OFFSETS = 16, F_LOOPS = 32, F_UNROLLED = 64 };

/* OPTIONAL passes may be left out. Where a REDUCIBLE one is disabled, the MINIMAL one that names it stands in. */
typedef enum PassKind { OPTIONAL, REQUIRED, REDUCIBLE, MINIMAL } PassKind;

typedef struct PassInfo {
    const char *name;
    PassFn *fn;            /* of passes on the graph */
    LoopPassFn *loop;      /* of passes on loops. Lowering has neither: the driver calls it */
    PassKind kind;
    int level;
    unsigned needs, gives, breaks;
    const char *instead_of; /* MINIMAL */
    const char *doc;
} PassInfo;
extern const PassInfo pass_info[];
extern const int npass_info;

/* The row of that name, or NULL. */
const PassInfo *pass_find(const char *name);
/* Is it lowering or a pass on loops? */
static inline bool pass_is_late(const PassInfo *p) { return !p->fn; }
/* May --disable-pass name it? */
static inline bool pass_can_go(const PassInfo *p) { return p->kind == OPTIONAL || p->kind == REDUCIBLE; }

/* Sees the graph before the first pass (info NULL) and after each that runs. */
typedef void PassObserver(void *user, const PassInfo *info, const Graph *, double ms, bool changed);

typedef struct PassOptions {
    const Target *target;
    int opt;
    bool strict, verify_each, time_passes;
    int threads, winograd;         /* as in Pass */
    const struct Rules *rules;     /* NULL: the bundled ones */
    const struct Schedules *schedules; /* NULL: none */
    const char *passes;            /* comma list: run exactly these; NULL: all of the level */
    bool and_required;             /* besides `passes`, run what lowering and backends cannot do without. Of passes on
                                      loops all run where `passes` names none */
    const char *disable;           /* comma list */
    const char *print_after;       /* comma list, "all" or NULL; dumps go to stderr */
    const char *stop_after;
    PassObserver *observe;         /* NULL: nobody looks */
    void *observer;                /* its user */
} PassOptions;
/* What passes see with these options. */
static inline Pass pass_context(const PassOptions *o, Arena *scratch)
{
    return (Pass){.target = o->target, .opt = o->opt, .strict = o->strict, .threads = o->threads,
                  .winograd = o->winograd, .rules = o->rules, .schedules = o->schedules, .scratch = scratch};
}
/* Checks names in the options (diag error with the nearest name; false). With `passes` alone, without the required
   ones, names of passes on loops are not known, but to print_after. */
bool passes_check_options(const PassOptions *);
/* Whether a pass runs with these options. */
bool pass_runs(const PassOptions *, const char *name);

/* Runs the passes on the graph. False after an error that diag has (--verify-each found a difference: pass and first
   node named). */
bool passes_run(Graph *, const PassOptions *);
/* Runs the passes on loops. g, which the program was lowered from, is what --verify-each compares with; NULL: it does
   not compare. It interprets the program as lowered and after each pass. False after an error (pass and first kernel
   named). */
bool passes_run_loops(const Graph *g, Program *, const PassOptions *);

/* The same with other rows than the table's: what the tests do to the pass manager. */
bool passes_run_rows(Graph *, const PassOptions *, const PassInfo *, int n);
bool passes_run_loop_rows(const Graph *, Program *, const PassOptions *, const PassInfo *, int n);
/* NULL where the order of the rows gives every fact before it is needed and meets every ORDER; else what is wrong. */
const char *passes_wrong(Arena *, const PassInfo *, int n);
#endif
