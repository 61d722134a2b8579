/* PNG by libpng. */
#include "image.h"

#include <png.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>

typedef struct PngReader {
    Arena *arena;
    const uint8_t *at;
    size_t left;
    const char *err;
    Image *im;
    png_structp png;
    png_infop info;
} PngReader;

static void on_error(png_structp png, png_const_charp what)
{
    PngReader *r = png_get_error_ptr(png);
    if (!r->err)
        r->err = arena_printf(r->arena, "libpng: %s", what);
    png_longjmp(png, 1);
}

static void on_warning(png_structp png, png_const_charp what)
{
    (void)png;
    (void)what;
}

/* Memory that does not fail: libpng would call it an error of the picture. */
static png_voidp png_memory(png_structp png, png_alloc_size_t n)
{
    (void)png;
    return mem_alloc(n);
}

static void give_back(png_structp png, png_voidp p)
{
    (void)png;
    free(p);
}

static void on_read(png_structp png, png_bytep to, size_t n)
{
    PngReader *r = png_get_io_ptr(png);
    if (n > r->left)
        png_error(png, "the file ends within the picture");
    memcpy(to, r->at, n);
    r->at += n;
    r->left -= n;
}

/* Skips chunks that say nothing of the pixels used here, rather than unpacking each: text, profiles, palettes to choose
   from. */
static void skip_chunks(png_structp png)
{
    static const png_byte chunks[] = "zTXt\0iTXt\0tEXt\0iCCP\0sPLT\0eXIf\0hIST\0pCAL\0sCAL\0tIME\0oFFs\0bKGD\0pHYs";
    png_set_keep_unknown_chunks(png, PNG_HANDLE_CHUNK_NEVER, NULL, 0);
    png_set_keep_unknown_chunks(png, PNG_HANDLE_CHUNK_NEVER, chunks, (int)sizeof chunks / 5);
}

static void decode(PngReader *r)
{
    png_structp png = r->png;
    skip_chunks(png);
    png_set_read_fn(png, r, on_read);
    png_set_user_limits(png, IMAGE_MAX_SIDE, IMAGE_MAX_SIDE);
    png_set_chunk_malloc_max(png, 8u << 20);
    png_read_info(png, r->info);
    png_set_palette_to_rgb(png);
    png_set_expand_gray_1_2_4_to_8(png);
    png_set_strip_16(png);
    png_set_strip_alpha(png);
    int passes = png_set_interlace_handling(png);
    png_read_update_info(png, r->info);
    int w = (int)png_get_image_width(png, r->info), h = (int)png_get_image_height(png, r->info);
    r->err = image_alloc(r->arena, w, h, png_get_channels(png, r->info), r->im);
    if (r->err)
        return;
    for (int pass = 0; pass < passes; pass++)
        for (int y = 0; y < h; y++)
            png_read_row(png, r->im->px + (size_t)y * (size_t)w * (size_t)r->im->c, NULL);
    png_read_end(png, NULL);
}

const char *png_decode(Arena *a, const uint8_t *data, size_t n, Image *im)
{
    PngReader r = {.arena = a, .at = data, .left = n, .im = im};
    r.png = png_create_read_struct_2(PNG_LIBPNG_VER_STRING, &r, on_error, on_warning, NULL, png_memory, give_back);
    r.info = r.png ? png_create_info_struct(r.png) : NULL;
    if (!r.info)
        out_of_memory();
    if (!setjmp(png_jmpbuf(r.png)))
        decode(&r);
    png_destroy_read_struct(&r.png, &r.info, NULL);
    return r.err;
}
