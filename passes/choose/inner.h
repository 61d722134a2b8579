#ifndef DSQ_INNER_H
#define DSQ_INNER_H
/* Which dimension of a value lies innermost in memory. */
#include "../pass.h"

enum { ANY_DIM = -1 };
/* Per value the dimension whose elements shall lie side by side, ANY_DIM for constants, with room for `more` values.
   Values of rank 4 have 1 (channels) or 3 where their makers may choose; a view has what its operand's becomes in it.
   */
int *inner_dims(Pass *, const Graph *, int more);
/* Can a product read this operand's columns, along the result's last dimension, in vectors only after it is transposed,
   and is that worth a kernel? */
bool product_turns(const Target *, const Graph *, const Node *);
/* Do so many rows read its right operand that one which does not lie in vectors is worth a copy? */
bool product_copies(const Target *, const Graph *, const Node *);
#endif
