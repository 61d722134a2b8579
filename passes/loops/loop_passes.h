#ifndef DSQ_LOOP_PASSES_H
#define DSQ_LOOP_PASSES_H
/* The passes on loops: Kernel -> Kernel, true where something changed. Every number that a kernel stores keeps its
   bits. */
#include "../../ir/loop/loops.h"

bool loop_unroll(Arena *, Kernel *);    /* expands unroll loops and loops of one turn, tile indices become constants */
bool loop_hoist(Arena *, Kernel *);     /* addresses that share their variable part become ptr + constant */
bool loop_cse(Arena *, Kernel *);       /* a load or splat that a block does twice is done once */
#endif
