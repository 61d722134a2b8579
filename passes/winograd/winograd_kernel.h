#ifndef DSQ_WINOGRAD_KERNEL_H
#define DSQ_WINOGRAD_KERNEL_H
/* What the parts of lower_winograd share. */
#include "../geometry/winograd.h"
#include "../lower/lower.h"

/* u[n][n] = G g Gt for taps g[r][r]. */
void winograd_weights(const Winograd *, const float *g, double *u);

typedef struct Seg { int64_t first; int blocks, nb, last_n, param; } Seg; /* output channels of one block shape */

/* The kernel under construction. v, m, band: its parameters for the planes of the transformed input, the planes of
   products, and the sorted rows of the input. */
typedef struct Wino {
    Winograd w;
    WinoConv conv;
    WinoPlan p;
    ValueId in, bias;
    Type it, ot;
    int lanes, v, m, band;
    Seg seg[2];
    int nseg;
    const Ix *part, *v_part;    /* which part of M, and of V, is this thread's */
    const Ix *n, *row, *tile;   /* image, first tile row and first tile of the block */
    const Seg *s;
    const Ix *blk, *pos, *t;    /* of the product being written: block of channels, position, first tile */
    int at_c;                   /* which reduction loop goes over channels */
    const Ix *pass;             /* which of the `passes` register tiles that cover all tiles */
    int64_t passes;
    const Ix *ch;               /* where channels are outside the tiles: the vector at work, of ch_valid lanes */
    int ch_valid;
} Wino;

/* Calls fn inside a loop over whole vectors of n channels, and once for the remaining channels. */
typedef void VectorFn(KC *, const Wino *, const Ix *c, int lanes, int valid, void *);
void wino_vectors(KC *, const Wino *, int64_t n, int lanes, VectorFn *, void *user);

/* ---- one dimension of a transform, on vectors (winograd_lines.c) ---- */
/* Row `first` of Bt times the column d, to out[0]. pair: also row first + 1, to out[1]. */
void wino_input_rows(KC *, const Winograd *, int first, bool pair, const Expr *const *d, const Expr **out);
/* Rows from, from + step, ... below `rows` of At times the column d, each to out[row]. */
void wino_output_rows(KC *, const Winograd *, int from, int step, int rows, const Expr *const *d, const Expr **out);

/* Transforms `rows` tile rows from c->row on of image c->n into V. (winograd_input.c) */
void wino_input(KC *, Wino *, int64_t rows);

/* ---- weights (winograd_weights.c) ---- */
/* Packs the segment's weights, transformed. */
void wino_pack(KC *, Wino *, int segment);
/* The weights of output vector j for an input channel at position c->pos. Also prefetches weights of
   later positions. */
const Expr *wino_weight(KC *, const Wino *, int j, const Ix *channel);
#endif
