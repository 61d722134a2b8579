#ifndef DSQ_CONV_H
#define DSQ_CONV_H
/* Convolutions as geometry: borders, blocks of channels, what of a tile stays in registers. */
#include "slide.h"

/* A sum of so many terms in a row may round by more than the tolerance allows: they are added up in blocks. */
enum { LONG_SUM = 1024 };
/* Sums of this many products are added up apart: the rounding of one behind the other grows with their number. */
enum { SUM_BLOCK = 256 };
/* The map of a convolution that is not depthwise, which register tiles cut: its size (of a transposed one, of a phase),
   output channels of a group, turns of the reduction of one output (input channels of a group times taps), bytes of all
   weights, maps of that kind (images times groups). threads share one of them. */
typedef struct ConvMap { const Node *n; int64_t h, w, channels, red, weights, images; int threads; } ConvMap;
ConvMap conv_map(const Graph *, const Node *); /* for one thread */
/* Enlarges border (top, left, bottom, right) to what the convolution's windows reach around its operand 0. */
void conv_border(const Graph *, const Node *, int64_t border[4]);
/* Do its windows reach over the edge of the map? Those of a transposed convolution do without padding too. */
bool conv_overhangs(const Node *);
/* Do two pixels share the last vector of a tile's nb, the second pixel in its upper half? last_n of its lanes are
   used. Its weights and its init hold its channels twice then. red: reduction steps, fewer than the sums of blocks
   have. */
bool conv_pairs(const Target *, const Node *, int64_t red, int nb, int lanes, int last_n);
/* Output channels in `full` blocks of nb vectors. What is left is one narrower block of `tail` vectors (0: none), of
   which the last has `last` channels. */
typedef struct ChannelBlocks { int64_t full, rest; int tail, last; } ChannelBlocks;
static inline ChannelBlocks channel_blocks(int64_t channels, int nb, int lanes)
{
    int64_t full = channels / ((int64_t)nb * lanes), rest = channels - full * nb * lanes;
    int tail = (int)((rest + lanes - 1) / lanes);
    return (ChannelBlocks){full, rest, tail, (int)(rest - (int64_t)(tail - 1) * lanes)};
}

/* Does a depthwise kernel load each input of a tile once, for all sums that it is part of? Else it goes tap by tap, one
   row at a time. */
bool dw_by_inputs(const Target *, const Schedule *, int64_t taps);
/* Do so many weights fit the registers beside a tile's sums? */
bool dw_weights_stay(const Target *, int64_t taps, int64_t tile);
/* How many weights are in registers while such a tile runs: all, or those of the rows that meet an input row where all
   are too many. */
int64_t dw_weights(const Target *, int64_t tile, int64_t kh, int64_t kw, int rows);
/* Does a tile that loads each input once fit the registers? */
bool dw_tile_fits(const Target *, int64_t kh, int64_t kw, int rows, int px);
/* Does the border that the windows reach into outweigh the map? Then they are clipped instead. */
bool wide_border(const Graph *, const Node *);
/* Channels in the order in which they lie, at[c] elements on, as whole vectors: vector v begins start[v] elements on,
   channel c is lane slot[c] % lanes of vector slot[c] / lanes. A vector holds channels that lie side by side; where
   those are fewer than its lanes, the others are not channels of this value. */
typedef struct DwVectors { int n, lanes; int64_t *start, *slot; } DwVectors;
DwVectors dw_vectors(Arena *, const int64_t *at, int64_t channels, int lanes);
/* Indices 0..n by ascending at[]: order[i] is the index that lies i-th. */
int64_t *sorted_by(Arena *, const int64_t *at, int64_t n);

enum { DW_MAX_TAPS = 25 }; /* of a kernel that loads each input once: its code grows with them */
#endif
