#ifndef DSQ_IO_H
#define DSQ_IO_H
/* Inputs of networks: arrays and pictures. Every function that fails has reported why through diag. */
#include "../../ir/base/files.h"
#include "../spec/spec.h"

/* Reads a .npy file: any dtype that DType knows, little or big endian, C or Fortran order. The numbers come out in C
   order and little endian. path: for messages. */
bool npy_read(Arena *, const uint8_t *data, size_t n, const char *path, Type *, const void **data_out);
/* Reads the type alone from the first n bytes. whole: the file's size in bytes, which type and header must fill. */
bool npy_type(Arena *, const uint8_t *data, size_t n, int64_t whole, const char *path, Type *);
/* FileLimit.bytes of a .npy file. */
int64_t npy_bytes(const uint8_t *data, size_t n);
/* The length of the header in bytes; n where the first n bytes do not say. */
int64_t npy_header_bytes(const uint8_t *data, size_t n);
/* Appends a .npy file with these f32 numbers, in C order. */
void npy_write(Buf *, const Type *, const float *);

/* Reads the file at path into x, the input's elements in NCHW. Its content says what it is:
   - .npy: any numeric dtype. Its shape must be the input's, with or without leading ones. Numbers are taken as they
     are.
   - PNG, JPEG, PPM, PGM: made grey or RGB as the input's channels ask (ITU-R 601), which come first or, in an input
     [1,H,W,C], last. Resized (bilinear with antialiasing, as torchvision's Resize and CenterCrop), scaled to 0..1, then
     (v - mean) / std. Alpha is dropped.
   False on error. */
bool input_read(Arena *, const char *path, const InputSpec *, float *x);
#endif
