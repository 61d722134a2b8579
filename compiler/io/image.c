/* What all kinds of pictures share: size limits, PPM and PGM, colours, scaling. */
#include "image.h"

#include <math.h>
#include <string.h>

const char *image_alloc(Arena *a, int64_t w, int64_t h, int c, Image *im)
{
    if (w < 1 || h < 1)
        return "the picture is empty";
    if (w > IMAGE_MAX_SIDE || h > IMAGE_MAX_SIDE || w * h > IMAGE_MAX_PIXELS)
        return arena_printf(a, "a picture of %lldx%lld is larger than the limit of %d pixels and %d a side",
                            (long long)w, (long long)h, IMAGE_MAX_PIXELS, IMAGE_MAX_SIDE);
    *im = (Image){(int)w, (int)h, c, NEW(a, uint8_t, (size_t)(w * h * c))};
    return NULL;
}

/* ---- PPM and PGM: netpbm's ppm(5), pgm(5) ---- */

typedef struct PnmCursor { const uint8_t *p, *end; } PnmCursor;

/* The next number, past blanks and comments; -1 where there is none or it is beyond 65535. */
static int pnm_number(PnmCursor *c)
{
    while (c->p < c->end && (*c->p == ' ' || (*c->p >= '\t' && *c->p <= '\r') || *c->p == '#')) {
        if (*c->p == '#')
            while (c->p < c->end && *c->p != '\n')
                c->p++;
        else
            c->p++;
    }
    if (c->p == c->end || *c->p < '0' || *c->p > '9')
        return -1;
    int v = 0;
    for (; c->p < c->end && *c->p >= '0' && *c->p <= '9'; c->p++)
        if ((v = v * 10 + *c->p - '0') > 65535)
            return -1;
    return v;
}

const char *pnm_decode(Arena *a, const uint8_t *data, size_t n, Image *im)
{
    PnmCursor c = {data + 2, data + n};
    const bool text = data[1] == '2' || data[1] == '3';
    const int channels = data[1] == '3' || data[1] == '6' ? 3 : 1;
    int w = pnm_number(&c), h = pnm_number(&c), max = pnm_number(&c);
    if (w < 1 || h < 1 || max < 1)
        return "its header is not that of a PPM or PGM picture";
    size_t samples = (size_t)w * (size_t)h * (size_t)channels, bytes = max > 255 ? 2 : 1;
    if (!text && c.p < c.end)
        c.p++; /* exactly one blank */
    if (samples > (size_t)(c.end - c.p) / (text ? 1 : bytes))
        return "it ends within the picture";
    const char *err = image_alloc(a, w, h, channels, im);
    for (size_t i = 0; !err && i < samples; i++) {
        int v;
        if (text) {
            v = pnm_number(&c);
        } else {
            v = bytes == 2 ? c.p[0] << 8 | c.p[1] : c.p[0];
            c.p += bytes;
        }
        if (v < 0 || v > max)
            return "it has a sample that is missing or beyond its maximum";
        im->px[i] = (uint8_t)((v * 255 + max / 2) / max);
    }
    return err;
}

/* ---- colours ---- */

bool image_known(const uint8_t *d, size_t n)
{
    return (n >= 8 && !memcmp(d, "\x89PNG\r\n\x1a\n", 8)) || (n >= 3 && !memcmp(d, "\xff\xd8\xff", 3)) ||
        (n >= 3 && d[0] == 'P' && memchr("2356", d[1], 4) && (d[2] == '#' || d[2] == ' ' || (d[2] >= 9 && d[2] <= 13)));
}

static int64_t be32(const uint8_t *p)
{
    return (int64_t)p[0] << 24 | p[1] << 16 | p[2] << 8 | p[3];
}

/* PNG packs what its first chunk tells of, in the worst case as it is. The others do not begin with their size: a JPEG
   has less than four bytes a pixel, text some twelve. */
int64_t image_bytes(const uint8_t *d, size_t n)
{
    enum { TEXT = 16 << 20, MOST_JPEG = 4 * IMAGE_MAX_PIXELS, MOST_PNM = 12 * IMAGE_MAX_PIXELS };
    if (!image_known(d, n))
        return 0;
    if (*d != 0x89)
        return *d == 'P' ? MOST_PNM : MOST_JPEG;
    if (n < 29 || be32(d + 16) > IMAGE_MAX_SIDE || be32(d + 20) > IMAGE_MAX_SIDE)
        return 0;
    int64_t w = be32(d + 16), h = be32(d + 20), bits = d[24] * (d[25] == 2 ? 3 : d[25] == 6 ? 4 : d[25] == 4 ? 2 : 1);
    int64_t raw = 2 * h + 16 + h * ((w * bits + 7) / 8 + 8);
    return raw + raw / 1000 + TEXT;
}

/* ITU-R BT.601 luma, rounded as Pillow does. */
static uint8_t luma(const uint8_t *p)
{
    return (uint8_t)((p[0] * 19595 + p[1] * 38470 + p[2] * 7471 + 0x8000) >> 16);
}

static void convert(Arena *a, Image *im, int channels)
{
    int64_t n = (int64_t)im->w * im->h;
    if (im->c == channels)
        return;
    uint8_t *to = NEW(a, uint8_t, n * channels);
    for (int64_t i = 0; i < n; i++) {
        if (channels == 1)
            to[i] = luma(im->px + i * 3);
        else
            memset(to + i * 3, im->px[i], 3);
    }
    im->px = to;
    im->c = channels;
}

const char *image_read(Arena *a, const uint8_t *data, size_t n, int channels, Image *im)
{
    const char *err = data[0] == 'P' ? pnm_decode(a, data, n, im)
        : data[0] == 0xff ? jpeg_decode(a, data, n, im) : png_decode(a, data, n, im);
    if (!err)
        convert(a, im, channels);
    return err;
}

/* ---- scaling: the arithmetic of Pillow's Resample.c ---- */

enum { WEIGHT_BITS = 32 - 8 - 2 };
/* Output element i is the sum of n[i] source elements from first[i], with weights w[i * stride...]. */
typedef struct ResizeTaps { int count, stride, *first, *n, *w; } ResizeTaps;

static ResizeTaps taps_new(Arena *a, int source, int64_t scaled, int64_t from, int count)
{
    double ratio = (double)source / (double)scaled, width = ratio < 1 ? 1 : ratio, inv = 1 / width;
    ResizeTaps t = {.count = count, .stride = (int)ceil(width) * 2 + 1};
    t.first = NEW(a, int, count);
    t.n = NEW(a, int, count);
    t.w = NEW(a, int, (size_t)count * (size_t)t.stride);
    double *w = NEW(a, double, t.stride);
    for (int i = 0; i < count; i++) {
        double centre = ((double)(from + i) + 0.5) * ratio, sum = 0;
        int lo = (int)imax((int64_t)(centre - width + 0.5), 0);
        int n = (int)imin((int64_t)(centre + width + 0.5), source) - lo;
        for (int k = 0; k < n; k++) {
            double d = fabs((k + lo - centre + 0.5) * inv);
            sum += w[k] = d < 1 ? 1 - d : 0;
        }
        for (int k = 0; k < n; k++)
            t.w[i * (int64_t)t.stride + k] = (int)(0.5 + (sum != 0 ? w[k] / sum : w[k]) * (1 << WEIGHT_BITS));
        t.first[i] = lo;
        t.n[i] = n;
    }
    return t;
}

/* One pass: `count` output elements of c samples each, `step` samples apart in the source. */
static void weigh(const ResizeTaps *t, int i, const uint8_t *from, int64_t step, int c, uint8_t *to)
{
    const int *w = t->w + i * (int64_t)t->stride;
    for (int k = 0; k < c; k++) {
        int64_t sum = 1 << (WEIGHT_BITS - 1);
        for (int j = 0; j < t->n[i]; j++)
            sum += (int64_t)from[(t->first[i] + j) * step + k] * w[j];
        sum >>= WEIGHT_BITS;
        to[k] = (uint8_t)imax(0, imin(sum, 255));
    }
}

Image image_scale(Arena *a, const Image *im, int64_t scaledw, int64_t scaledh, int64_t x0, int64_t y0, int outw,
                  int outh)
{
    const int c = im->c;
    ResizeTaps tx = taps_new(a, im->w, scaledw, x0, outw), ty = taps_new(a, im->h, scaledh, y0, outh);
    int top = ty.first[0], bottom = ty.first[outh - 1] + ty.n[outh - 1];
    int64_t row = (int64_t)outw * c;
    uint8_t *wide = NEW(a, uint8_t, (bottom - top) * row);
    for (int y = top; y < bottom; y++)
        for (int x = 0; x < outw; x++)
            weigh(&tx, x, im->px + (int64_t)y * im->w * c, c, c, wide + (y - top) * row + (int64_t)x * c);
    Image out = {outw, outh, c, NEW(a, uint8_t, outh * row)};
    for (int y = 0; y < outh; y++)
        ty.first[y] -= top;
    for (int y = 0; y < outh; y++)
        for (int64_t x = 0; x < outw; x++)
            weigh(&ty, y, wide + x * c, row, c, out.px + y * row + x * c);
    return out;
}
