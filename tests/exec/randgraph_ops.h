#ifndef DSQ_RANDGRAPH_OPS_H
#define DSQ_RANDGRAPH_OPS_H
/* Nodes of every kind but movement, products and elementwise ones, on values of the pool. -1 where the shapes do not
   fit. */
#include "randgraph_gen.h"

ValueId rg_conv(Gen *s);
ValueId rg_conv_square(Gen *s);
ValueId rg_conv_transpose(Gen *s);
ValueId rg_batch_norm(Gen *s);
ValueId rg_per_channel(Gen *s);
ValueId rg_pool(Gen *s);
ValueId rg_one(Gen *s, Op op, ValueId x);
ValueId rg_over_map(Gen *s, ValueId x, bool keep);
ValueId rg_group(Gen *s);
ValueId rg_reduction(Gen *s);
ValueId rg_layer_norm(Gen *s, ValueId x, int64_t axis);
ValueId rg_norm(Gen *s);
#endif
