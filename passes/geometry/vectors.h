#ifndef DSQ_VECTORS_H
#define DSQ_VECTORS_H
/* What a kernel can take in vectors, for the layouts that were given. A frame is the type whose coordinates a kernel
   counts; its dimension vdim is the one that vectors run along. */
#include "../pass.h"

/* A constant that kernels store channels-last for a frame with vectors of channels: more than one channel and more
   than one pixel. */
bool const_channels_last(const Value *, const Type *frame, int vdim);
/* The dimension of a value that the frame's dimension vdim is, or -1 where the value is broadcast along it. */
int own_dim(const Type *, const Type *frame, int vdim);
/* Do the elements along dimension d lie side by side? channels_last: of a constant, whether it is stored so. */
bool side_by_side(const Value *, bool channels_last, int d);
/* Can several elements along vdim be loaded at once? One that is broadcast is splat. */
bool value_vector(const Graph *, ValueId, const Type *frame, int vdim);
/* The same of all that the node's steps read and of all that it makes. */
bool epilogue_vector(const Graph *, const Node *, int vdim);
/* The same of a linear layer or a product, with vectors along the columns of the result. */
bool product_vector(const Graph *, const Node *);
/* Where that is not so: do both operands of a product lie in vectors along the sum? */
bool product_along_sum(const Graph *, const Node *);
/* The operand's dimension that becomes vdim of an argmax or argmin, if its elements lie side by side. Else -1: vectors
   go along the axis. */
int arg_across(const Graph *, const Node *);
/* The frame's dimension along which the value lies side by side. It counts where it is another one than vdim and what
   is read and written is more than some times L1. Otherwise -1. */
int value_across(const Graph *, const Target *, ValueId, const Type *frame, int vdim);
#endif
