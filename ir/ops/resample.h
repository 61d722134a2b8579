#ifndef DSQ_RESAMPLE_H
#define DSQ_RESAMPLE_H
/* Which input elements a result of pad, gather and resize is made of: for the reference and for kernels' tables. */
#include "../graph/graph.h"

/* The input's index along dimension d, of n, for index o of the result of a pad whose border is not constant. */
int64_t pad_index(const Attrs *, const Type *in, int d, int64_t o);
/* An index as gather takes it: the nearest integer, the first or last of n where it lies beyond. */
int64_t gather_index(double, int64_t n);
/* Result index o of resize along H (0) or W (1), of `in` elements, lies `part` of the way from *i0 to *i1. */
typedef struct ResizeSource { int64_t i0, i1; double part; } ResizeSource;
ResizeSource resize_source(const Attrs *, int dim, int64_t in, int64_t o);
#endif
