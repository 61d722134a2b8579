#ifndef DSQ_CONV_H
#define DSQ_CONV_H
/* Convolutions as geometry: borders, blocks of channels, what of a tile stays in registers. */
#include "slide.h"

/* From this many terms on, a sum one after the other may round by more than the tolerance allows. So it goes
   in blocks. */
enum { LONG_SUM = 1024 };
/* The length of such a block, in terms. */
enum { SUM_BLOCK = 256 };
/* The map of a convolution that is not depthwise, which register tiles cut: its size (of a transposed one, of a phase),
   output channels of a group, turns of the reduction of one output (input channels of a group times taps), bytes of all
   weights, maps of that kind (images times groups). threads share one of them. */
typedef struct ConvMap { const Node *n; int64_t h, w, channels, red, weights, images; int threads; } ConvMap;
ConvMap conv_map(const Graph *, const Node *); /* for one thread */
/* Enlarges border (top, left, bottom, right, in pixels) to what the convolution's windows reach around operand 0. */
void conv_border(const Graph *, const Node *, int64_t border[4]);
/* Do its windows reach over the edge of the map? Those of a transposed convolution always do. */
bool conv_overhangs(const Node *);
/* Do two pixels share the last of a tile's nb vectors, the second pixel in its upper half? Then weights and bias have
   that vector's channels twice. last_n: its channels, half its lanes at most. red: reduction steps; only sums that need
   no blocks can be shared. */
bool conv_pairs(const Target *, const Node *, int64_t red, int nb, int lanes, int last_n);
/* Output channels in `full` blocks of nb vectors. The remainder, `rest` channels, is one narrower block of `tail`
   vectors (0: none). Its last vector has `last` channels. */
typedef struct ChannelBlocks { int64_t full, rest; int tail, last; } ChannelBlocks;
static inline ChannelBlocks channel_blocks(int64_t channels, int nb, int lanes)
{
    int64_t full = channels / ((int64_t)nb * lanes), rest = channels - full * nb * lanes;
    int tail = (int)((rest + lanes - 1) / lanes);
    return (ChannelBlocks){full, rest, tail, (int)(rest - (int64_t)(tail - 1) * lanes)};
}

/* Does a depthwise kernel load each input of a tile once, for all sums that it is part of? If not, it goes tap by tap,
   one row at a time. taps: of the window. */
bool dw_by_inputs(const Target *, const Schedule *, int64_t taps);
/* Do `taps` vectors of weights fit the registers beside `tile` sums? */
bool dw_weights_stay(const Target *, int64_t taps, int64_t tile);
/* How many weights are in registers while such a tile runs: all, or those of the rows that meet an input row where all
   are too many. */
int64_t dw_weights(const Target *, int64_t tile, int64_t kh, int64_t kw, int rows);
/* Does a tile that loads each input once fit the registers? */
bool dw_tile_fits(const Target *, int64_t kh, int64_t kw, int rows, int px);
/* Would the border outweigh the map? Then windows are clipped instead. */
bool wide_border(const Graph *, const Node *);
/* Channels as vectors, in the order in which they lie. at[c]: where channel c lies, in elements. Vector v begins at
   start[v]. Channel c is lane slot[c] % lanes of vector slot[c] / lanes. A vector holds channels that lie side by side.
   If these are fewer than its lanes, the other lanes are no channels of this value. */
typedef struct DwVectors { int n, lanes; int64_t *start, *slot; } DwVectors;
DwVectors dw_vectors(Arena *, const int64_t *at, int64_t channels, int lanes);
/* The indices 0 to n - 1 sorted by at[]: the i-th is the index with the i-th smallest place. */
int64_t *sorted_by(Arena *, const int64_t *at, int64_t n);

enum { DW_MAX_TAPS = 25 }; /* of a kernel that loads each input once: its code grows with them */
#endif
