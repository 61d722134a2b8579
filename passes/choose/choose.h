#ifndef DSQ_CHOOSE_H
#define DSQ_CHOOSE_H
/* What the files of choose-kernels ask each other. */
#include "../geometry/conv.h"
#include "../geometry/values.h"
#include "../geometry/winograd.h"

/* Does a register tile of so many pixels and vectors of channels fit the registers; what a step of it costs, in
   multiply-adds of a vector. streamed: its weights come from L2. */
bool tile_fits(const Target *, int pixels, int nb);
double tile_cost(const Target *, int pixels, int nb, bool streamed);
/* Bytes of the weights of all convolutions, and how many more they may still become when they are transformed. */
typedef struct WinoRoom {
    int64_t weights, left;
    unsigned *forms;       /* per weight: a bit for every form in which it is read already; NULL: not known */
} WinoRoom;
WinoRoom winograd_room(const Graph *);
WinoRoom winograd_shared_room(Arena *, const Graph *); /* the same, to note forms in */
/* Bytes by which those of one convolution grow. */
int64_t winograd_growth(const Graph *, const Node *, const WinoConv *, int lanes, int m);
/* Replaces the schedule of a direct convolution by Winograd's where that is possible and cheaper than `cost`
   multiply-adds of a vector; takes what its weights grow by from the room. */
void choose_winograd(const Pass *, const Graph *, const Node *, Schedule *, double cost, WinoRoom *room);
/* Chooses the tile and the order of the loops; s has lanes and peel. */
void choose_depthwise(const Pass *, const Slide *v, const Slide *h, int64_t channels, Schedule *s);
#endif
