#ifndef DSQ_MACHINE_H
#define DSQ_MACHINE_H
/* What a processor takes: a row of backends/isa/machines.def each. Passes have no such figure of their own: the cost
   model (passes/choose/cost.c) and everything else that weighs one way of doing a thing against another reads it here.

   Times are in slots. In one slot a multiply-add of the widest vector issues (of a scalar, on targets without
   vectors). */
#include <stdbool.h>
#include <stdint.h>

/* A register tile runs `start + each * max(0, results - hidden)` slots besides its reduction: sums are begun, sent
   through the epilogue and stored, and the first and last links of their chains wait. The multiply-adds of the next
   tile hide what `hidden` results take. */
typedef struct TileEnds { double start, each; int hidden; } TileEnds;

/* What the inner dimension of a value saves or costs, in loads of an element. */
typedef struct InnerPrices {
    double scattered;       /* an element that is read alone and not in a vector */
    double copied;          /* one that a map copies first */
    double across;          /* one that a norm reads across its axis */
    double folded;          /* one whose vector a reduction adds up lane by lane */
    double alone;           /* one of a reduction that has no vectors */
    double turned;          /* one of a matrix that is transposed first, in lanes of a sum that is folded */
    int few_rows;           /* so many rows pay for a copy of a product's right operand */
} InnerPrices;

typedef struct Machine {
    const char *name;
    /* issue */
    double rate;            /* slots of a cycle */
    double latency;         /* slots from a multiply-add to one that needs its result */
    bool overlaps;          /* loads issue beside multiply-adds, as many in a cycle; else each takes a slot */
    double turn, turn_load; /* a turn of an inner loop, and each load in it, besides multiply-adds and loads */
    double panel_load;      /* a load in a product of Winograd's planes, beside multiply-adds */
    double panel_turn, panel_turn_load; /* as turn and turn_load, there */
    double tap_load;        /* each load of a depthwise tile */
    int folded_pixels;      /* compilers load weights anew for each multiply-add in tiles of so many pixels; 0: never */
    /* registers */
    int accumulators;       /* that may hold sums; the others are for operands */
    int spare;              /* that a depthwise kernel leaves free: inputs on their way, addresses, constants */
    int scalar_pixels;      /* pixels of a tile without vectors */
    int tap_pixels;         /* pixels of a depthwise tile that goes tap by tap */
    /* around a tile */
    TileEnds dense, depthwise;
    double paired;          /* the ends of a tile two pixels of which share a vector */
    double other_tile;      /* the code of another tile: a narrower one at the end of a row, or rows of it */
    /* memory */
    int64_t l1, l2, l3;     /* data caches, bytes: a core's share of them; 0: none */
    int l2_rate, l3_rate, memory_rate; /* bytes that arrive in a cycle, one behind the other; 0: no such cache */
    int between_rate;       /* the same from L2 between multiply-adds */
    int again_rate;         /* the same for what a tile above has read already; 0: that costs nothing */
    int line, way;          /* bytes: of a cache line; between addresses that share a set of L1 */
    int alias;              /* bytes apart, a load is taken to depend on a store; 0: never */
    /* fitted */
    double stored;          /* a sum that is cleared, stored and used anew, in slots */
    double waits;           /* the part of the shorter one of computing and waiting that does not overlap */
    double sorted_vector, sorted_element; /* of rows of the caller's order that Winograd sorts first */
    int small_map;          /* pixels: on a map no larger, blocks of channels outermost read weights once */
    double other_order;     /* the less usual order of loops costs so much more */
    int least_channels;     /* fewer do not pay for Winograd's transforms */
    int mirror_lanes;       /* sums of so many vectors pay for results that are stored lane by lane as well */
    int parallel_elements;  /* below so many, a parallel region costs more than it saves */
    InnerPrices inner;
} Machine;
#endif
