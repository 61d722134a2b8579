#ifndef DSQ_IMAGE_H
#define DSQ_IMAGE_H
/* Pictures as 8-bit samples. */
#include "../../ir/base/base.h"

/* px: [h][w][c], c = 1 (grey) or 3 (RGB) */
typedef struct Image { int w, h, c; uint8_t *px; } Image;

/* Larger pictures are refused before memory is asked for. */
enum { IMAGE_MAX_SIDE = 65535, IMAGE_MAX_PIXELS = 1 << 26 };

/* Do the first bytes say that it is a PNG, JPEG, PPM or PGM (binary or text)? */
bool image_known(const uint8_t *data, size_t n);
/* FileLimit.bytes of a picture. */
int64_t image_bytes(const uint8_t *data, size_t n);
/* Reads a picture of these kinds and makes it grey (channels 1) or RGB (3). As in Pillow, alpha is dropped, 16-bit
   samples give their high byte, and a CMYK JPEG is inverted. NULL, or what is wrong (in the arena). */
const char *image_read(Arena *, const uint8_t *data, size_t n, int channels, Image *);

/* The window of outw x outh pixels at (x0, y0) of the picture scaled to scaledw x scaledh. Scaling is bilinear with
   antialiasing (a triangle as wide as the reduction) and rounds to 8 bits between its two passes. The result is bit for
   bit that of Pillow's Image.resize(BILINEAR) and crop. */
Image image_scale(Arena *, const Image *, int64_t scaledw, int64_t scaledh, int64_t x0, int64_t y0, int outw, int outh);

/* Readers of one format each. The picture is grey (c = 1) or RGB (3), as in the file. NULL, or what is wrong. */
const char *png_decode(Arena *, const uint8_t *data, size_t n, Image *);
const char *jpeg_decode(Arena *, const uint8_t *data, size_t n, Image *);
const char *pnm_decode(Arena *, const uint8_t *data, size_t n, Image *);
/* Sets size and memory of a picture. NULL, or why it cannot be had. */
const char *image_alloc(Arena *, int64_t w, int64_t h, int c, Image *);
#endif
