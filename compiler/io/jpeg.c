/* JPEG by libjpeg. */
#include "image.h"

#include <setjmp.h>
#include <stdio.h>

#include <jerror.h>
#include <jpeglib.h>

/* A progressive file may repeat scans without end, and each is the work of a whole picture. Encoders make some ten
   scans. As many as that pass at any size. More pass while scans times pixels are at most this. */
enum { USUAL_SCANS = 20, MAX_SCANS = 500, MAX_SCAN_PIXELS = 1 << 28 };
/* The coefficients of a progressive picture, which libjpeg has in memory: 32 million pixels without subsampling. */
enum { MAX_COEFFICIENT_BYTES = 192 << 20 };
/* And what it needs besides; where it asks for more, it says so in its own words. */
enum { MAX_MEMORY = MAX_COEFFICIENT_BYTES + (32 << 20) };

typedef struct JpegReader {
    struct jpeg_error_mgr errors;
    struct jpeg_progress_mgr progress;
    jmp_buf jump;
    Arena *arena;
    const char *err;
} JpegReader;

static void on_error(j_common_ptr c)
{
    JpegReader *r = (JpegReader *)c->err;
    char text[JMSG_LENGTH_MAX];
    if (c->err->msg_code == JERR_OUT_OF_MEMORY)
        out_of_memory();
    c->err->format_message(c, text);
    r->err = arena_printf(r->arena, "libjpeg: %s", text);
    longjmp(r->jump, 1);
}

/* level -1: damaged data. Missing data are an error; what was merely skipped is not. */
static void on_message(j_common_ptr c, int level)
{
    if (level == -1 && (c->err->msg_code == JWRN_JPEG_EOF || c->err->msg_code == JWRN_HIT_MARKER))
        on_error(c);
}

static void on_progress(j_common_ptr c)
{
    JpegReader *r = (JpegReader *)c->err;
    const j_decompress_ptr d = (j_decompress_ptr)c;
    int64_t pixels = (int64_t)d->image_width * d->image_height;
    int64_t most = imin(MAX_SCANS, imax(USUAL_SCANS, MAX_SCAN_PIXELS / imax(pixels, 1)));
    if (d->input_scan_number > most) {
        r->err = arena_printf(r->arena, "it has more than %lld scans, which is the limit for a picture of %dx%d",
                              (long long)most, (int)d->image_width, (int)d->image_height);
        longjmp(r->jump, 1);
    }
}

/* CMYK as Adobe writes it, inverted, -> RGB in place of the first three of four. Pillow takes all such files so. */
static void cmyk_to_rgb(const uint8_t *from, uint8_t *to, int w)
{
    for (int x = 0; x < w; x++)
        for (int k = 0; k < 3; k++) {
            int light = from[x * 4 + 3];
            to[x * 3 + k] = (uint8_t)(light - ((255 - from[x * 4 + k]) * light + 127) / 255);
        }
}

/* Blocks of 64 numbers of two bytes each. NULL, or why it is too much. */
static const char *too_many_coefficients(Arena *a, const j_decompress_ptr c)
{
    int64_t bytes = 0;
    for (int i = 0; i < c->num_components && c->progressive_mode; i++) {
        const jpeg_component_info *p = &c->comp_info[i];
        bytes += (int64_t)p->width_in_blocks * p->height_in_blocks * DCTSIZE2 * (int)sizeof(JCOEF);
    }
    if (bytes <= MAX_COEFFICIENT_BYTES)
        return NULL;
    return arena_printf(a, "a progressive picture of %dx%d needs %lld bytes for its coefficients, %d are the limit; "
                        "save it as baseline JPEG", (int)c->image_width, (int)c->image_height, (long long)bytes,
                        MAX_COEFFICIENT_BYTES);
}

static void decode(JpegReader *r, j_decompress_ptr c, const uint8_t *data, size_t n, Image *im)
{
    jpeg_mem_src(c, data, (unsigned long)n);
    jpeg_read_header(c, TRUE);
    bool cmyk = c->jpeg_color_space == JCS_CMYK || c->jpeg_color_space == JCS_YCCK;
    c->out_color_space = cmyk ? JCS_CMYK : c->jpeg_color_space == JCS_GRAYSCALE ? JCS_GRAYSCALE : JCS_RGB;
    r->err = image_alloc(r->arena, c->image_width, c->image_height, c->out_color_space == JCS_GRAYSCALE ? 1 : 3, im);
    if (!r->err)
        r->err = too_many_coefficients(r->arena, c);
    if (r->err)
        return;
    jpeg_start_decompress(c);
    uint8_t *line = NEW(r->arena, uint8_t, im->w * 4);
    while (c->output_scanline < c->output_height) {
        uint8_t *to = im->px + (size_t)c->output_scanline * (size_t)im->w * (size_t)im->c;
        JSAMPROW row = cmyk ? line : to;
        jpeg_read_scanlines(c, &row, 1);
        if (cmyk)
            cmyk_to_rgb(line, to, im->w);
    }
    jpeg_finish_decompress(c);
}

const char *jpeg_decode(Arena *a, const uint8_t *data, size_t n, Image *im)
{
    struct jpeg_decompress_struct c = {0};
    JpegReader r = {.arena = a, .progress = {.progress_monitor = on_progress}};
    c.err = jpeg_std_error(&r.errors);
    r.errors.error_exit = on_error;
    r.errors.emit_message = on_message;
    if (!setjmp(r.jump)) {
        jpeg_create_decompress(&c);
        c.progress = &r.progress;
        c.mem->max_memory_to_use = MAX_MEMORY;
        decode(&r, &c, data, n, im);
    }
    jpeg_destroy_decompress(&c);
    return r.err;
}
