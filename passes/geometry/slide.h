#ifndef DSQ_SLIDE_H
#define DSQ_SLIDE_H
/* Windows that slide along a dimension, and the phases of transposed convolutions. */
#include "../pass.h"

/* A window that slides along one dimension: input and output sizes, kernel, stride, dilation, leading pad;
   in elements. */
typedef struct Slide { int64_t in, out, k, s, d, p; } Slide;
/* How a window of k taps slides over operand 0 along H (dim 0) or W (dim 1): by the node's stride, dilation and pad. */
Slide node_slide(const Graph *, const Node *, int64_t k, int dim);
/* Index of the output, of n, whose window has input element i at tap k, or -1. */
int64_t slide_output(const Slide *, int64_t n, int64_t i, int64_t k);
/* How many elements the windows of n outputs span. */
int64_t slide_span(const Slide *, int64_t n);
/* One dimension of a convolution. Output o0 + ostep * i adds up taps k0 + kstep * j at input i * w.s + j * w.d - w.p. A
   plain convolution is one phase. A transposed one has a phase for each output modulo the stride, with negative w.d. */
typedef struct Phase { Slide w; int64_t k0, kstep, o0, ostep; } Phase;
/* Phase r (0 <= r < stride) of a transposed convolution with k taps along H (dim 0) or W (1). */
Phase transpose_phase(const Attrs *, const Type *in, const Type *out, int64_t k, int dim, int64_t r);
/* How many phases from r on differ only in which taps they use. One loop can run over them. */
int64_t transpose_run(const Attrs *, const Type *in, const Type *out, int64_t k, int dim, int64_t r);
#endif
