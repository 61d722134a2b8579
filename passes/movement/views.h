#ifndef DSQ_VIEWS_H
#define DSQ_VIEWS_H
/* Movement as arithmetic on addresses: where the elements of a concat, slice, shuffle, reshape or transpose lie, given
   where those of its operands lie. */
#include "../edit.h"

/* Element (i0, i1, ...) lies first + sum stride[d] * i_d elements into a storage, dimension `axis` by at[i] instead of
   stride where there is a table. channels: the dimension that is channels of a channels-last storage, whose border is
   around them, as Layout.last says: 1 or 3; 0: it is no such map. */
typedef struct Addr { int64_t first, stride[MAX_RANK]; int axis; int64_t *at; int channels; } Addr;

/* Can op be a view at all? */
bool view_op(Op);
/* The dimension of the result that is channels of maps, if `in` is that of its operands: the movement selects channels,
   or exchanges [N,C,H,W] and [N,H,W,C]. 0: it is no map. */
int view_channels(const Node *, int in);
/* Where dimension d of the operand, along which elements lie side by side, is in the view; -1: in none. */
int view_dim(const Graph *, const Node *, int d);
/* The address of a movement's result from those of its operands, which lie in one storage. NULL, or why it has
   none. */
const char *view_addr(Arena *, const Graph *, const Node *, const Addr *in, Addr *out);
Addr addr_rows(const Type *, int64_t first); /* dense, row-major */
/* The plainest layout that says the same, without group: ROW, or NHWC with cstride and border, or STRIDED. */
Layout addr_layout(const Addr *, const Type *, int64_t cstride, const int64_t border[4]);
#endif
