#ifndef DSQ_IO_H
#define DSQ_IO_H
/* Inputs of networks: arrays and pictures. Every function that fails has said why through diag. */
#include "../../ir/base/files.h"
#include "../spec/spec.h"

/* .npy, any dtype that DType knows, C or Fortran order (turned into C order), little or big endian. */
bool npy_read(Arena *, const uint8_t *data, size_t n, const char *path, Type *, const void **data_out);
/* The type alone, from the first n bytes of `whole`, which its numbers must fill. */
bool npy_type(Arena *, const uint8_t *data, size_t n, int64_t whole, const char *path, Type *);
/* FileLimit.bytes of a .npy file. */
int64_t npy_bytes(const uint8_t *data, size_t n);
/* How many bytes the header takes, as the first n bytes say; n where they do not. */
int64_t npy_header_bytes(const uint8_t *data, size_t n);
/* Header of a .npy image for f32 numbers in C order, followed by them. */
void npy_write(Buf *, const Type *, const float *);

/* Fills x (input's elements, f32) from path by its content: .npy (any numeric dtype, shape must equal the input's
   with or without leading ones), PNG, JPEG, PPM/PGM: resized (bilinear with antialiasing, as torchvision's
   Resize + CenterCrop), scaled to 0..1, (v - mean) / std; grey to RGB and RGB to grey (ITU-R 601) as the input's
   channels ask, which come first or, in an input [1,H,W,C], last; alpha is dropped. False on error. */
bool input_read(Arena *, const char *path, const InputSpec *, float *x);
#endif
