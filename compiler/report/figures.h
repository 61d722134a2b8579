#ifndef DSQ_FIGURES_H
#define DSQ_FIGURES_H
/* What each kernel call of a compiled network costs, for info, the report and tables. */
#include "../driver.h"

typedef struct CallFigures {
    int64_t weights_bytes;  /* of constants that it reads and no earlier call read */
    int64_t ram_bytes;      /* bytes of the arena in use while it runs */
    int node;               /* the node that it computes, or -1 */
} CallFigures;
/* A range of the arena that is in use from call `first` to call `last`. what: the value there, made by `node`. group >
   0: all values of that group; more: how many of them kernels make besides the named one. Views have no range of their
   own: they lie in their operands'. */
typedef struct ArenaUse { const char *what; int64_t offset, bytes; int first, last, node, group, more; } ArenaUse;
typedef struct Figures {
    CallFigures *call;           /* one per call of the program */
    VEC(ArenaUse) use;           /* by offset, then first call */
    int64_t weights_bytes, arena_bytes, arena_lower_bound, stack_bytes, macs, parameters, bytes_moved;
    const char *arena_proof;     /* how good arena_bytes is known to be */
} Figures;
Figures figures(const Job *);

#endif
