#ifndef DSQ_FIGURES_H
#define DSQ_FIGURES_H
/* What each kernel call of a compiled network costs: for info, the report and the tables. */
#include "driver.h"

typedef struct CallFigures {
    int64_t weights_bytes;  /* constants that it reads and no earlier call read */
    int64_t ram_bytes;      /* arena bytes in use while it runs */
    int node;               /* the graph's node that it is part of, -1 where unknown */
} CallFigures;
/* A range of the arena in use from call `first` to call `last`. */
typedef struct ArenaUse { const char *what; int64_t offset, bytes; int first, last, node; /* that makes it, -1: none */ } ArenaUse;
typedef struct Figures {
    CallFigures *call;           /* one per call of the program */
    VEC(ArenaUse) use;           /* by offset, then first call */
    int64_t weights_bytes, arena_bytes, arena_lower_bound, stack_bytes, macs, parameters, bytes_moved;
} Figures;
Figures figures(const Job *);

/* Elements of a value's storage are not in row-major order under every layout: gathers them so. `memory` is where the
   value's storage begins. */
void gather_value(const Value *, const float *memory, float *out);

#endif
