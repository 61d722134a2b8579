#ifndef DSQ_CONV_KERNEL_H
#define DSQ_CONV_KERNEL_H
/* What the parts of lower_conv share. */
#include "lower.h"

/* Of a segment's blocks: two pixels share the last vector. bias: a parameter with its channels twice; mask: as that of
   Contract. */
typedef struct Pair { bool on; int bias, mask; } Pair;

/* What the convolution is: settled before the loops begin. */
typedef struct Conv {
    ValueId in, bias;
    Type it, ot;
    int64_t groups, cg, og, kh, kw;
    int lanes;
    Phase v, h;             /* vertical, horizontal */
    bool transposed;
    int64_t nv, nh;         /* phases that share the nest, vertical and horizontal */
    bool chan_outer;        /* loops c, ky, kx: input without channel runs */
    bool oc_outer;          /* blocks of output channels are outside the loops over the map, or over a part of it */
    const int64_t *order;   /* by a table: the channels of each group in the order in which they lie, else NULL */
    KcRun run;
    Segment seg[2];         /* of a group's output channels */
    Pair pair[2];
    int nseg;
} Conv;

/* Cuts the output channels of a group into blocks, and packs their weights and what else they need. (conv_weights.c) */
void conv_segments(KC *, Conv *);
#endif
