#ifndef DSQ_EXPLORE_H
#define DSQ_EXPLORE_H
/* What each pass buys: a network compiled with passes left out one at a time, and with them added one after the other;
   and what the passes made of the graph on the way. */
#include "../report/figures.h"

/* ---- the graph after each pass ---- */

/* A node at some stage; nodes that print and mean the same at several stages are one record. */
typedef struct NodeRecord {
    const char *text, *title;   /* IR without names; "conv1 + bn1 + relu" */
    VEC(Loc) loc;               /* of the anchor, then of the steps that stand on other lines */
    VEC(int) key;               /* records of two stages that share a key are about the same thing */
} NodeRecord;
typedef struct Stage { const PassInfo *pass; /* NULL: as written */ double ms; bool changed; VEC(int) record; } Stage;
typedef struct ConstInfo { const char *name, *type; } ConstInfo;
typedef struct Snapshots {
    Arena *arena;
    VEC(NodeRecord) record;
    VEC(Stage) stage;
    VEC(ConstInfo) constant;    /* of all stages */
    int *at;                    /* per node of the last graph: its position in the last stage, -1 none */
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
    Job *job;                   /* with every pass */
    Figures figures;
    Snapshots *snapshots;       /* NULL: nobody looks */
    int npass;                  /* that can be left out */
    Variant *variant;           /* everything; without each; then required ones alone, and each added: 2 npass + 2 */
    const char *not_timed;      /* why, NULL: all are */
    int runs;
    const double *call_ms;      /* per call of everything, NULL: not measured */
} Explore;
static inline const Variant *everything(const Explore *e) { return &e->variant[0]; }
static inline const Variant *without(const Explore *e, int i) { return &e->variant[1 + i]; }
/* With the first i of the passes that can be left out. */
static inline const Variant *with_first(const Explore *e, int i) { return &e->variant[1 + e->npass + i]; }
/* j has been read. False after a message. */
bool explore(Job *, Explore *);

/* ---- what comes out ---- */
void explore_json(Buf *, const Explore *);
/* A page of its own: data, style and script in one file. */
void explore_page(Buf *, const Explore *);
#endif
