#ifndef DSQ_CHOOSE_H
#define DSQ_CHOOSE_H
/* What the files of choose-kernels ask each other. */
#include "cost.h"
#include "../geometry/values.h"

/* A schedule that was weighed. */
typedef struct Candidate { Schedule s; KernelCost cost; } Candidate;
typedef struct Candidates { Arena *arena; VEC(Candidate) v; } Candidates;

/* Bytes of the weights of all convolutions, and how many more they may still become when they are transformed. */
typedef struct WinoRoom {
    int64_t weights, left;
    unsigned *forms;       /* per weight: a bit for every form in which it is read already; NULL: not known */
} WinoRoom;
WinoRoom winograd_room(const Graph *);
WinoRoom winograd_shared_room(Arena *, const Graph *); /* the same, to note forms in */
/* Do weights arrive from beyond L3 in every run? Those that fit it, transformed, are still there when the next run
   begins. */
bool weights_far(const Target *, const WinoRoom *);
/* Bytes by which those of one convolution grow. */
int64_t winograd_growth(const Graph *, const Node *, const WinoConv *, int lanes, int m);

/* The node whose schedule is being chosen. */
typedef struct Choosing {
    const Pass *p;
    const Graph *g;
    const Node *n;
    WinoRoom *room;        /* of convolutions */
    Candidates *weighed;   /* gets all that was weighed; NULL: nobody asks */
} Choosing;

/* The cheapest of what was weighed, and how many slots it takes; 0: nothing yet. */
typedef struct Cheapest { Schedule s; double slots; } Cheapest;
/* Of candidates within a thousandth of each other the first one counts. */
void weigh(const Choosing *, Cheapest *, const Schedule *, KernelCost);

/* Vectors for so many channels: the widest that they fill by more than half. */
int lanes_for(const Target *, int64_t channels);

/* Dispatches to one of these. */
void choose_schedule(const Choosing *, Schedule *s);
/* ---- each completes s, which has what every node has ---- */
/* A convolution that is not depthwise, direct or by Winograd's method. */
void choose_conv(const Choosing *, Schedule *s);
/* The same by the direct kernel and for one thread; `cost`: what it takes, 0 where no tile fits. False after an error:
   its code would be too large. */
bool choose_direct(const Choosing *, Schedule *s, KernelCost *cost);
void choose_depthwise(const Choosing *, Schedule *s);
/* linear and matmul */
void choose_product(const Choosing *, Schedule *s);
/* lstm, gru, rnn: px sequences of the batch x nb vectors of units, of which a tile has all gates. px divides the
   batch. */
void choose_recurrence(const Choosing *, Schedule *s);
/* Replaces the schedule of a direct convolution by Winograd's where that is possible and cheaper than `direct`; takes
   what its weights grow by from the room. */
void choose_winograd(const Choosing *, Schedule *s, KernelCost direct);
/* What a convolution's weights cost that arrive while its direct kernel works. */
KernelCost conv_arrival(const Choosing *, int lanes);

/* ---- shapes ---- */
bool conv_is_depthwise(const Graph *, const Node *);
DwMap depthwise_map(const Graph *, const Node *);
ProductMap product_map(const Graph *, const Node *);
#endif
