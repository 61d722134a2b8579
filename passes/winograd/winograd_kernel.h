#ifndef DSQ_WINOGRAD_KERNEL_H
#define DSQ_WINOGRAD_KERNEL_H
/* What the parts of lower_winograd share. */
#include "../geometry/winograd.h"
#include "../lower/lower.h"

/* u[n][n] = G g Gt for taps g[r][r]. */
void winograd_weights(const Winograd *, const float *g, double *u);

typedef struct Seg { int64_t first; int blocks, nb, last_n, param; } Seg; /* output channels of one block shape */

/* The kernel under construction. v, m, band: parameters for the planes of inputs and of products, and for the phases
   of a band of input rows. */
typedef struct Wino {
    Winograd w;
    WinoConv conv;
    WinoPlan p;
    ValueId in, bias;
    Type it, ot;
    int lanes, v, m, band;
    Seg seg[2];
    int nseg;
    const Ix *part, *v_part;    /* which part of M and V is this thread's */
    const Ix *n, *row, *tile;   /* image, tile row and tile with which the block begins */
    const Seg *s;
    const Ix *blk, *pos, *t;    /* of the product being written */
    int at_c;                   /* the loop over channels of a product */
    const Ix *pass;             /* which of the register tiles over all tiles, of `passes` */
    int64_t passes;
    const Ix *ch;               /* the vector of outputs at work where its loop is outside the tiles'; ch_valid lanes */
    int ch_valid;
} Wino;

/* Calls fn for the vectors of n channels and for the one that has fewer of them. */
typedef void VectorFn(KC *, const Wino *, const Ix *c, int lanes, int valid, void *);
void wino_vectors(KC *, const Wino *, int64_t n, int lanes, VectorFn *, void *user);

/* ---- one dimension of a transform, on vectors (winograd_lines.c) ---- */
/* Rows first and, where it is a pair, first + 1 of Bt times the column d. */
void wino_input_rows(KC *, const Winograd *, int first, bool pair, const Expr *const *d, const Expr **out);
/* Rows `from`, from + step, ... of At times d, fewer than `rows`. */
void wino_output_rows(KC *, const Winograd *, int from, int step, int rows, const Expr *const *d, const Expr **out);

/* Transforms `rows` tile rows from c->row on of image c->n into V. (winograd_input.c) */
void wino_input(KC *, Wino *, int64_t rows);

/* ---- weights (winograd_weights.c) ---- */
/* Packs the segment's weights, transformed. */
void wino_pack(KC *, Wino *, int segment);
/* The weights of output vector j for an input channel at position c->pos; fetches some that come later. */
const Expr *wino_weight(KC *, const Wino *, int j, const Ix *channel);
#endif
