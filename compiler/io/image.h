#ifndef DSQ_IMAGE_H
#define DSQ_IMAGE_H
/* Pictures as 8-bit samples. */
#include "../../ir/base/base.h"

/* px: [h][w][c], c = 1 (grey) or 3 (RGB) */
typedef struct Image { int w, h, c; uint8_t *px; } Image;

/* Larger pictures are refused before memory is asked for. */
enum { IMAGE_MAX_SIDE = 65535, IMAGE_MAX_PIXELS = 1 << 26 };

/* The first bytes tell the kinds apart: PNG, JPEG, PPM and PGM (binary and text). As in Pillow, alpha is dropped, the
   high byte of 16-bit samples counts, and a CMYK JPEG is inverted. channels: 1 or 3, what the picture is turned into.
   NULL, or what is wrong (in the arena). */
bool image_known(const uint8_t *data, size_t n);
/* FileLimit.bytes of a picture. */
int64_t image_bytes(const uint8_t *data, size_t n);
const char *image_read(Arena *, const uint8_t *data, size_t n, int channels, Image *);

/* The window of outw x outh pixels at (x0, y0) of the picture scaled to scaledw x scaledh: bilinear with antialiasing
   (a triangle as wide as the reduction), rounded to 8 bits between the two passes, bit for bit what Pillow's
   Image.resize(BILINEAR) followed by crop gives. */
Image image_scale(Arena *, const Image *, int64_t scaledw, int64_t scaledh, int64_t x0, int64_t y0, int outw, int outh);

/* Readers of one format each: c = 1 (grey) or 3 (RGB), as the file has it. */
const char *png_decode(Arena *, const uint8_t *data, size_t n, Image *);
const char *jpeg_decode(Arena *, const uint8_t *data, size_t n, Image *);
const char *pnm_decode(Arena *, const uint8_t *data, size_t n, Image *);
/* Fills in the size and memory, or says why not. */
const char *image_alloc(Arena *, int64_t w, int64_t h, int c, Image *);
#endif
