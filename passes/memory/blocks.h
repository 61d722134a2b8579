#ifndef DSQ_BLOCKS_H
#define DSQ_BLOCKS_H
/* Which values share memory, how many bytes, and how long they are needed. Both the pass that orders nodes and the one
   that places values in the arena ask here. There are two levels:

   A storage is what lies in one place whatever the order of nodes: a value of the arena, all values of a group
   (eliminate-movement), or the scratch memory of one node. It is alive from the first to the last node that touches
   (writes or reads) it.

   A block is what lies in one place under a given order. Its storages follow each other: each takes the place of the
   one before in the node where that one is touched for the last time. */
#include "../pass.h"

typedef struct Storage { int64_t bytes; int touches; /* nodes that write or read it */ } Storage;
typedef struct NodeStorages {
    int n, *touch;         /* storages that the node touches, each once */
    int made;              /* the storage of the result that may take the place of an operand's, or -1 */
    int nover, *over;      /* the storages whose place it may take, if no later node touches them; all of its size */
} NodeStorages;
typedef struct Storages {
    const Graph *g;
    int n, *of, *scratch;  /* of: per value, scratch: per node, the storage or -1 */
    Storage *v;
    NodeStorages *node;    /* per node */
} Storages;
/* Sizes are in bytes, rounded up to align. g must have layouts. */
Storages storages_of(Arena *, const Graph *, int64_t align);
/* Updates whose place the node's result may take, after layouts have changed. */
void storages_place(Arena *, Storages *, int node);

/* first, last: positions in the order, both included. offset: bytes into the arena. */
typedef struct MemBlock { int first, last; int64_t bytes, offset; } MemBlock;
typedef struct Blocks {
    int n, *of;            /* per storage */
    MemBlock *v;
    int64_t alive;         /* the largest sum of blocks alive at once: no plan is smaller */
} Blocks;
/* order: all nodes, operands first; NULL: as they stand. */
Blocks blocks_of(Arena *, const Storages *, const int *order);

/* Offsets for blocks that do not overlap while both are alive. */
typedef struct Placing {
    int64_t bytes;         /* of the arena */
    bool optimal;          /* proved: these blocks have no smaller plan */
} Placing;
Placing place_blocks(Arena *scratch, Blocks *);
/* The exact part: looks for a smaller plan than the offsets that the blocks have, within a bound of work. */
Placing place_exact(Arena *scratch, Blocks *);
#endif
