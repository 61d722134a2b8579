#ifndef DSQ_FIGURES_H
#define DSQ_FIGURES_H
/* What each kernel call of a compiled network costs: for info, the report and the tables. */
#include "../driver.h"

typedef struct CallFigures {
    int64_t weights_bytes;  /* constants that it reads and no earlier call read */
    int64_t ram_bytes;      /* arena bytes in use while it runs */
    int node;               /* the graph's node that it is part of, -1 where unknown */
} CallFigures;
/* A range of the arena in use from call `first` to call `last`, for a value, or for all those of one group > 0: `more`
   counts those that kernels make besides the one named, which is of `node`. A view is part of its operands'. */
typedef struct ArenaUse { const char *what; int64_t offset, bytes; int first, last, node, group, more; } ArenaUse;
typedef struct Figures {
    CallFigures *call;           /* one per call of the program */
    VEC(ArenaUse) use;           /* by offset, then first call */
    int64_t weights_bytes, arena_bytes, arena_lower_bound, stack_bytes, macs, parameters, bytes_moved;
    const char *arena_proof;     /* how good arena_bytes is known to be */
} Figures;
Figures figures(const Job *);

#endif
