#ifndef DSQ_RANDGRAPH_ELEMENTWISE_H
#define DSQ_RANDGRAPH_ELEMENTWISE_H
/* Elementwise nodes on values of the pool. -1 where the shapes do not fit. */
#include "randgraph_gen.h"

ValueId rg_unary(Gen *s);
Type rg_narrower(Gen *s, const Type *t);
ValueId rg_binary(Gen *s);
ValueId rg_choice(Gen *s); /* comparisons, what they choose, powers */
#endif
