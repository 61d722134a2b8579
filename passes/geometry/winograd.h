#ifndef DSQ_WINOGRAD_H
#define DSQ_WINOGRAD_H
/* Winograd convolution F(m x m, r x r): a tile of m x m outputs costs n x n products, n = m + r - 1. The direct way
   costs m x m x r x r.

     Y = At [sum over channels of (G g Gt) * (Bt d B)] A       * elementwise; d: n x n inputs, g: r x r taps */
#include "../pass.h"

enum { WINO_MAX_N = 8, WINO_MIN = 2, WINO_MAX = 6 };
/* Rows 2k+1 and 2k+2 of bt, and columns of at, belong to points a and -a, for k < pairs. The columns are equal in
   even rows and opposite in odd ones. Half the sum and half the difference of the rows have fewer terms than they. */
typedef struct Winograd {
    int m, r, n, pairs;
    double at[WINO_MAX_N][WINO_MAX_N], g[WINO_MAX_N][WINO_MAX_N], bt[WINO_MAX_N][WINO_MAX_N];
} Winograd;
Winograd winograd_make(int m, int r);
/* How far single-precision results may be from exact ones, relative to the largest: eight times the standard deviation
   for independent inputs and taps of one variance, whose products are rounded once. (Measured: 3 to 5 times.) */
double winograd_error(const Winograd *);
bool winograd_allowed(const Winograd *); /* is that within what is promised? */
/* A convolution as one of stride 1 with r x r taps, from `first` rows and columns beside the output's own place on.
   Stride 2 reads every second row and column: the input has 2 x 2 phases. Each phase has channels of its own and the
   taps that fall on it (space to depth). band: rows of the input are sorted into phases first, since they lie in the
   caller's order, without a border. Then all phases' channels lie side by side: groups = 1. */
typedef struct WinoConv { int r, stride; int64_t first[2]; bool band; int64_t groups, inner; } WinoConv;
/* False where there is none: dilation, groups, strides other than 1 and 2, windows that are not square. */
bool winograd_conv(const Graph *, const Node *, bool band, WinoConv *);

/* How a schedule cuts the map: ny x nx tiles per image. `tiles` of them are transformed at a time, `blocks` times.
   Planes are [n x n][tiles][channels] of the transformed input and of the products. Sizes: in elements, for one
   thread. */
typedef struct WinoPlan {
    int64_t ny, nx, tiles, blocks;
    int64_t group, channels;                 /* of the input, in whole vectors: of a group of the convolution, of all */
    int64_t band_rows, band_row;             /* rows of a band, and elements of one */
    int64_t v_plane, m_plane, v, m, band;
} WinoPlan;
WinoPlan winograd_plan(const Schedule *, const WinoConv *, const Type *in, const Type *out);
int64_t winograd_scratch(const Graph *, const Node *); /* bytes, for the node's schedule */

#endif
