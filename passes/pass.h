#ifndef DSQ_PASS_H
#define DSQ_PASS_H
/* The pass manager: passes are rows of pass.def, run in that order; passes/run.c alone verifies, times, dumps, stops
   and disables. */
#include "../backends/target.h"
#include "../ir/graph/graph.h"

/* What a pass sees besides the graph. */
typedef struct Pass {
    const Target *target;
    int opt;               /* -O level */
    bool strict;           /* only rewrites that are exact, or round like the graph as written to within 1e-5 */
    int threads;           /* the code is for so many threads, 0: for one */
    int winograd;          /* 0: where it pays; WINOGRAD_OFF; 2..6: this tile wherever it is possible */
    const struct Rules *rules; /* of the algebra pass; NULL: the bundled ones */
    const struct Schedules *schedules; /* in place of choose-kernels' own choices; NULL: none */
    bool least;            /* disabled, but REDUCIBLE: do only what later passes cannot do without */
    Arena *scratch;        /* emptied after the pass */
} Pass;
enum { WINOGRAD_OFF = -1 };
typedef bool PassFn(Pass *, Graph *); /* true: something changed */

/* Facts about a graph that passes need and give; run.c proves at start-up that the order satisfies them. */
enum { F_CANON = 1, F_ANCHORED = 2 /* no bare elementwise nodes */, F_LAYOUT = 4, F_SCHEDULE = 8, F_OFFSETS = 16 };

/* Whether a pass may be disabled: OPTIONAL ones are left out then, REDUCIBLE ones run with Pass.least. */
enum { OPTIONAL = false, REQUIRED = true, REDUCIBLE };

typedef struct PassInfo {
    const char *name;
    PassFn *fn;
    int required, level;
    unsigned needs, gives;
    const char *doc;
} PassInfo;
extern const PassInfo pass_info[];
extern const int npass_info;

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
    const char *disable;           /* comma list */
    const char *print_after;       /* a pass, "all" or NULL; dumps go to stderr */
    const char *stop_after;
    PassObserver *observe;         /* NULL: nobody looks */
    void *observer;                /* its user */
} PassOptions;
/* Checks names in the options (diag error with the nearest name; false). */
bool passes_check_options(const PassOptions *);
/* False after an error that diag has (--verify-each found a difference: pass and first node named). */
bool passes_run(Arena *, Graph *, const PassOptions *);
/* Whether a pass of the table runs with these options; also one that does its least. */
bool pass_runs(const PassOptions *, const char *name);
/* The same with other rows than the table's: what the tests do to the pass manager. */
bool passes_run_rows(Graph *, const PassOptions *, const PassInfo *, int n);

/* ---- what lowering makes of the scheduled graph ---- */
/* Loop kernels for every node, constants packed. g must have schedules, layouts and offsets. */
Program *lower_graph(Arena *, const Graph *, const Target *, bool strict);

/* A kernel choice. Prints to one line of text, which --schedule reads (passes/choose/schedule.c). */
typedef enum Impl { IMPL_GENERIC, IMPL_CONV_TILE, IMPL_DEPTHWISE, IMPL_CONV_GROUP, IMPL_WINOGRAD } Impl;
typedef struct Schedule {
    Impl impl;
    int lanes;             /* vector width along output channels (or the last dimension) */
    /* Register tile: rows x px pixels x nb vectors. Depthwise: of one vector; nb of them go along a row together. */
    int px, rows, nb;
    bool oc_outer;         /* output channel blocks outermost (weights read once), else rows */
    bool symmetric;        /* a matrix times its own transpose: one half is computed, each result stored twice */
    bool peel;             /* no border in memory: edge pixels run with clipped windows, Winograd's tiles in bands */
    /* Winograd: outputs of a tile along one side. px counts tiles, rows are tile rows of a block. */
    int wino;
    int parts;             /* Winograd: threads that have scratch of their own */
    int sum_rows;          /* a reduction over the map: so many rows at a time, 0: all of it. Follows from the rest */
} Schedule;
const char *schedule_text(Arena *, const Schedule *);
Schedule *schedule_generic(Graph *, const Target *); /* of a node that has no choice */
/* Can a convolution's register tiles be made of whole windows, at about the cost of the best ones? */
bool conv_takes_window(const Target *, const Graph *, const Node *, const Ints *kernel);
#endif
