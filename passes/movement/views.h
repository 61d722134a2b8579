#ifndef DSQ_VIEWS_H
#define DSQ_VIEWS_H
/* Movement as arithmetic on addresses: where the elements of a concat, slice, shuffle, reshape or transpose lie, given
   where those of its operands lie. */
#include "../edit.h"

/* Element (i0, i1, ...) lies first + sum of stride[d] * i_d elements into a storage. If there is a table, dimension
   `axis` adds at[i] instead. channels: which dimension is the channels of a channels-last map, 1 or 3 (Layout.last); 0:
   it is no such map. */
typedef struct Addr { int64_t first, stride[MAX_RANK]; int axis; int64_t *at; int channels; } Addr;

/* Can op be a view at all? */
bool view_op(Op);
/* Which dimension of the result is the channels of maps, if dimension `in` of the operands is. The movement must select
   channels, or exchange [N,C,H,W] and [N,H,W,C]. 0: the result is no such map. */
int view_channels(const Node *, int in);
/* The dimension of the view along which elements lie side by side, if they do so along dimension d of the operand; or
   -1. */
int view_dim(const Graph *, const Node *, int d);
/* Computes the address of a movement's result from those of its operands, which lie in one storage. NULL, or why there
   is none. */
const char *view_addr(Arena *, const Graph *, const Node *, const Addr *in, Addr *out);
Addr addr_rows(const Type *, int64_t first); /* dense, row-major */
/* The plainest layout that says the same, without group: ROW, or NHWC with cstride and border, or STRIDED. */
Layout addr_layout(const Addr *, const Type *, int64_t cstride, const int64_t border[4]);
#endif
