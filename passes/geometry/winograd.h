#ifndef DSQ_WINOGRAD_H
#define DSQ_WINOGRAD_H
/* Winograd convolution F(m x m, r x r): a tile of m x m outputs costs n x n products, n = m + r - 1. The direct way
   costs m x m x r x r.

     Y = At [sum over channels of (G g Gt) * (Bt d B)] A       * elementwise; d: n x n inputs, g: r x r taps */
#include "../pass.h"

enum { WINO_MAX_N = 8, WINO_MIN = 2, WINO_MAX = 6 };
/* For k < pairs, rows 2k+1 and 2k+2 of bt, and the same columns of at, belong to points a and -a. These columns are
   equal in even rows and opposite in odd ones. Half the sum and half the difference of the rows have fewer terms than
   the rows themselves. */
typedef struct Winograd {
    int m, r, n, pairs;
    double at[WINO_MAX_N][WINO_MAX_N], g[WINO_MAX_N][WINO_MAX_N], bt[WINO_MAX_N][WINO_MAX_N];
} Winograd;
Winograd winograd_make(int m, int r);
/* How far single-precision results may be from exact ones, relative to the largest result: eight standard deviations,
   for independent inputs and taps of one variance and one rounding a product. (Measured: 3 to 5.) */
double winograd_error(const Winograd *);
bool winograd_allowed(const Winograd *); /* is that within 1e-4, which is promised? */
/* A convolution as one of stride 1 with r x r taps. Output (y, x) reads inputs from (y + first[0], x + first[1]) on. A
   stride of 2 reads every second row and column. So the input has 2 x 2 phases (space to depth), each with channels of
   its own and the taps that fall on it. groups: the number of phases; inner: the channels of each. band: the input lies
   in the caller's order, without a border. Its rows are first sorted into phases whose channels lie side by side. Then
   groups = 1. */
typedef struct WinoConv { int r, stride; int64_t first[2]; bool band; int64_t groups, inner; } WinoConv;
/* False where there is none: dilation, groups, strides other than 1 and 2, windows that are not square. */
bool winograd_conv(const Graph *, const Node *, bool band, WinoConv *);

/* How a schedule cuts the map: ny x nx tiles an image, of which `tiles` are transformed at a time, `blocks` times. v: n
   x n planes [tiles][channels] of the transformed input. m: n x n planes [tiles][output channels of a block] of the
   products. Sizes are in elements, for one thread. */
typedef struct WinoPlan {
    int64_t ny, nx, tiles, blocks;
    int64_t group, channels;                 /* of the input, in whole vectors: of a group of the convolution, of all */
    int64_t band_rows, band_row;             /* rows of a band, and elements of one */
    int64_t v_plane, m_plane, v, m, band;
} WinoPlan;
WinoPlan winograd_plan(const Schedule *, const WinoConv *, const Type *in, const Type *out);
int64_t winograd_scratch(const Graph *, const Node *); /* bytes, for the node's schedule */

#endif
