#ifndef DSQ_WINOGRAD_KERNEL_H
#define DSQ_WINOGRAD_KERNEL_H
/* What the parts of lower_winograd share. */
#include "../geometry/winograd.h"
#include "../lower/lower.h"

/* u[n][n] = G g Gt for taps g[r][r]. */
void winograd_weights(const Winograd *, const float *g, double *u);

/* What the convolution is: settled before the loops begin. v, m, band: parameters for the planes of the transformed
   input, the planes of products, and the sorted rows of the input. */
typedef struct Wino {
    Winograd w;
    WinoConv conv;
    WinoPlan p;
    ValueId in, bias;
    Type it, ot;
    int lanes, v, m, band;
    Segment seg[2];
    int nseg;
} Wino;

/* Where the loops stand. */
typedef struct WinoWalk {
    const Wino *c;
    const Ix *part, *v_part;    /* which part of M and V is this thread's */
    const Ix *n, *row, *tile;   /* image, tile row and tile with which the block begins */
    const Segment *s;           /* block blk of these output channels */
    const Ix *blk;
    const Ix *ch;               /* vector of outputs at work where its loop is outside the tiles'; ch_valid lanes */
    int ch_valid;
} WinoWalk;

/* Calls fn for the vectors of n channels and for the one that has fewer of them. */
typedef void VectorFn(KC *, const Ix *c, int lanes, int valid, const void *);
void wino_vectors(KC *, int64_t n, int lanes, VectorFn *, const void *user);

/* ---- one dimension of a transform, on vectors (winograd_lines.c) ---- */
/* Row `first` of Bt times the column d, to out[0]. pair: also row first + 1, to out[1]. */
void wino_input_rows(KC *, const Winograd *, int first, bool pair, const Expr *const *d, const Expr **out);
/* Rows from, from + step, ... below `rows` of At times the column d, each to out[row]. */
void wino_output_rows(KC *, const Winograd *, int from, int step, int rows, const Expr *const *d, const Expr **out);

/* Transforms `rows` tile rows from w->row on of image w->n into V. (winograd_input.c) */
void wino_input(KC *, const WinoWalk *w, int64_t rows);

/* ---- weights (winograd_weights.c) ---- */
/* Packs the weights of segment i, transformed; returns their parameter. */
int wino_pack(KC *, const Wino *, int i);
/* A product: the position of its planes, the first tile of a register tile, which is number `pass` of `passes`, and the
   loop over channels. */
typedef struct WinoProduct { const WinoWalk *w; const Ix *pos, *t, *pass; int64_t passes; int at_c; } WinoProduct;
/* The weights of output vector j for an input channel; fetches some that come later. */
const Expr *wino_weight(KC *, const WinoProduct *, int j, const Ix *channel);
#endif
