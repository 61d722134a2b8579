#ifndef DSQ_EXPLORE_H
#define DSQ_EXPLORE_H
/* What each pass is worth: the network is compiled without each pass in turn, and with one pass after the other. Also
   the graph after each pass. */
#include "../report/costs.h"
#include "../report/figures.h"

/* ---- the graph after each pass ---- */

/* A node after some pass. If it prints and means the same after several passes, it is one record. */
typedef struct NodeRecord {
    const char *text, *title;   /* IR without names; "conv1 + bn1 + relu" */
    VEC(Loc) loc;               /* of the anchor, then of steps on other lines */
    VEC(int) key;               /* two records that share a key belong to the same layer */
} NodeRecord;
typedef struct Stage { const PassInfo *pass; /* NULL: as written */ double ms; bool changed; VEC(int) record; } Stage;
typedef struct ConstInfo { const char *name, *type; } ConstInfo;
typedef struct Snapshots {
    Arena *arena;
    VEC(NodeRecord) record;
    VEC(Stage) stage;
    VEC(ConstInfo) constant;    /* of all stages */
    int *at;                    /* per node of the last graph: its position in the last stage, or -1 */
    Dict seen, name, constants;
    int *number, nnumber, next; /* names of values, the same at every stage */
} Snapshots;
Snapshots *snapshots_new(Arena *);
PassObserver snapshots_take;    /* user: Snapshots */

/* ---- variants ---- */

typedef struct Variant {
    const PassInfo *pass;       /* what is left out, or added last; NULL: nothing */
    const char *disable;        /* --disable-pass */
    int64_t kernels, bytes_moved, arena_bytes, macs;
    int64_t code_bytes;         /* 0: not compiled to machine code */
    double median_ms;           /* 0: not measured */
    uint64_t hash;              /* of the program; equal programs are built and measured once */
    struct Model *model;
} Variant;
typedef struct Explore {
    const Costs *costs;        /* NULL without --costs */
    Job *job;                   /* with every pass */
    Figures figures;
    Snapshots *snapshots;       /* NULL: they are not taken */
    int npass;                  /* number of passes that can be left out */
    Variant *variant;           /* 2 npass + 2: all passes; without each; required ones alone; these and each added */
    const char *not_timed;      /* why nothing was timed; NULL: it was */
    int runs;
    const double *call_ms;      /* per call of the variant with all passes; NULL: not measured */
} Explore;
static inline const Variant *everything(const Explore *e) { return &e->variant[0]; }
static inline const Variant *without(const Explore *e, int i) { return &e->variant[1 + i]; }
/* With the first i of the passes that can be left out. */
static inline const Variant *with_first(const Explore *e, int i) { return &e->variant[1 + e->npass + i]; }
/* Compiles and measures all variants. The job must have been read. False after a message. */
bool explore(Job *, Explore *);

/* ---- what comes out ---- */
void explore_json(Buf *, const Explore *);
/* A web page in one file, with data, style and script. */
void explore_page(Buf *, const Explore *);
#endif
