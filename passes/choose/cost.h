#ifndef DSQ_COST_H
#define DSQ_COST_H
/* What a kernel takes: asked for by shape and schedule, answered in named terms.

   Times are in slots (backends/machine.h): a slot is one multiply-add of a vector. All figures of the processor come
   from the target's row of machines.def; what stands in cost.c is geometry: how often what is loaded, multiplied and
   stored. Where threads share a kernel, its cost is that of the thread with most to do. */
#include "../geometry/conv.h"
#include "../geometry/winograd.h"

/* COST_X: what reports call it. */
#define COST_TERM_LIST(TERM) \
    TERM(MULTIPLY, "multiply-adds")  \
    TERM(LATENCY, "latency")         /* chains of dependent multiply-adds that are too few to hide it */ \
    TERM(LOADS, "loads")             /* that do not issue beside multiply-adds */ \
    TERM(WEIGHTS, "weights")         /* waiting for weights from beyond L1 */ \
    TERM(AGAIN, "inputs again")      /* waiting for inputs that have left L1 */ \
    TERM(LOOP, "loop")               /* counting and addresses of the inner loop */ \
    TERM(ENDS, "tile ends")          /* beginning and storing a tile's sums */ \
    TERM(TRANSFORM, "transforms")    /* of Winograd's inputs and outputs, sorting rows into bands */ \
    TERM(PLANES, "planes")           /* writing and reading Winograd's planes */ \
    TERM(ORDER, "order")             /* the less usual order of loops */
typedef enum CostTerm {
#define TERM(name, text) COST_##name,
    COST_TERM_LIST(TERM)
#undef TERM
    COST_TERMS
} CostTerm;
extern const char *const cost_term_name[COST_TERMS];
typedef struct KernelCost { double of[COST_TERMS]; } KernelCost;
double slots_of(const KernelCost *); /* the sum of all terms */

/* ---- kernels: shape and schedule -> cost. Schedules must fit the registers (tile_fits) ---- */
KernelCost conv_cost(const Target *, const ConvMap *, const Schedule *);
/* A depthwise convolution whose vertical and horizontal windows slide so. */
typedef struct DwMap { Slide v, h; int64_t channels, images; } DwMap;
KernelCost depthwise_cost(const Target *, const DwMap *, const Schedule *);
/* A product: `runs` matrices of `rows` x cols, each element a sum of `sum` products. */
typedef struct ProductMap { int64_t runs, rows, cols, sum; } ProductMap;
KernelCost product_cost(const Target *, const ProductMap *, const Schedule *);
/* Winograd's method on a convolution. far: weights arrive from beyond L3. */
typedef struct WinoMap { const Type *in, *out; WinoConv conv; bool far; int threads; } WinoMap;
KernelCost winograd_cost(const Target *, const WinoMap *, const Winograd *, const Schedule *);
/* What the weights of a direct convolution cost that arrive while it works. far: as in WinoMap. */
KernelCost arrival_cost(const Target *, int64_t weight_elems, int lanes, bool far);

/* Does a register tile of so many pixels and vectors of channels fit the registers? */
bool tile_fits(const Target *, int pixels, int nb);
/* The range of n equal pieces, and a head before them (or none), that takes longest where dsq_pool's threads share
   them: how many pieces it has, and whether it has the head. */
typedef struct ThreadRange { double pieces, heads; } ThreadRange;
ThreadRange longest_range(int threads, int64_t n, double piece, double head);
#endif
