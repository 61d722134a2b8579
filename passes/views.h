#ifndef DSQ_VIEWS_H
#define DSQ_VIEWS_H
/* Movement as arithmetic on addresses: where the elements of a concat, slice, shuffle, reshape or transpose lie, given
   where those of its operands lie. */
#include "edit.h"

/* Element (i0, i1, ...) lies first + sum stride[d] * i_d elements into a storage, dimension `axis` by at[i] instead of
   stride where there is a table. map: channels of a channels-last storage, whose border is around them. */
typedef struct Addr { int64_t first, stride[MAX_RANK]; int axis; int64_t *at; bool map; } Addr;

/* Can op be a view at all? */
bool view_op(Op);
/* Is the result of this movement a selection of channels of maps, if its operands are? */
bool view_of_channels(const Node *);
/* The address of a movement's result from those of its operands, which lie in one storage. NULL, or why there is none. */
const char *view_addr(Arena *, const Graph *, const Node *, const Addr *in, Addr *out);
Addr addr_rows(const Type *, int64_t first); /* dense, row-major */
/* The plainest layout that says the same, without group: ROW, or NHWC with cstride and border, or STRIDED. */
Layout addr_layout(const Addr *, const Type *, int64_t cstride, const int64_t border[4]);
#endif
