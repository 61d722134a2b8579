/* .npy, pictures, what inputs take of them. */
#include "files.h"

#include <jpeglib.h>
#include <math.h>
#include <png.h>

void suite_inputs(void);

/* ---- npy ---- */

static Buf npy(const char *header, const void *numbers, size_t n)
{
    Buf b = {0};
    buf_write(&b, "\x93NUMPY\1\0", 8);
    buf_putc(&b, (char)strlen(header));
    buf_putc(&b, 0);
    buf_puts(&b, header);
    buf_write(&b, numbers, n);
    return b;
}

static void check_npy(const char *header, const void *numbers, size_t n, const char *type, const double *want)
{
    Buf b = npy(header, numbers, n);
    Tensor t = {.name = "t"};
    CU_ASSERT_FATAL(npy_read(arena, (uint8_t *)b.s, b.n, "t.npy", &t.type, &t.data));
    CU_ASSERT_STRING_EQUAL(type_text(arena, &t.type), type);
    t.stored = t.type.dtype;
    for (int64_t i = 0; i < type_elems(&t.type); i++)
        CU_ASSERT_EQUAL(tensor_at(&t, i), want[i]);
    buf_free(&b);
}

static void test_npy(void)
{
    static const uint8_t big[] = {0x3f, 0x80, 0, 0, 0x40, 0, 0, 0, 0x40, 0x40, 0, 0,
                                  0x40, 0x80, 0, 0, 0x40, 0xa0, 0, 0, 0x40, 0xc0, 0, 0};
    check_npy("{'descr': '>f4', 'fortran_order': True, 'shape': (2, 3), }  \n", big, 24, "f32[2,3]",
              (double[]){1, 3, 5, 2, 4, 6});
    check_npy("{\"shape\":(2L,3L),\"fortran_order\":False,\"descr\":\">f4\"}", big, 24, "f32[2,3]",
              (double[]){1, 2, 3, 4, 5, 6});
    check_npy("{'descr': '|i1', 'fortran_order': False, 'shape': (3,), }\n", "\xff\x01\x80", 3, "i8[3]",
              (double[]){-1, 1, -128});
    check_npy("{'descr': '<u2', 'fortran_order': False, 'shape': (), }\n", "\x34\x12", 2, "u16[]", (double[]){0x1234});
    check_npy("{'descr': '|b1', 'fortran_order': True, 'shape': (1,2), }\n", "\1\0", 2, "bool[1,2]", (double[]){1, 0});
    check_npy("{'descr': '<f2', 'fortran_order': False, 'shape': (3,), }\n", "\x00\x3c\x01\x00\x00\xc0", 6, "f16[3]",
              (double[]){1, 0x1p-24, -2});
    check_npy("{'descr': '<i8', 'fortran_order': True, 'shape': (2,1,2), }\n",
              (int64_t[]){1, -2, 1ll << 40, 4}, 32, "i64[2,1,2]", (double[]){1, 1ll << 40, -2, 4});
}

static void test_npy_bad(void)
{
    static const char *const bad[][2] = {
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (2,), }", "f32[2] takes 8"},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (0,), }", "empty"},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (4611686018427387904,4,), }", "too large"},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (99999999999999999999,), }", "overflows"},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (-1,), }", "not a list of sizes"},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (1,1,1,1,1,1,1,1,1), }", "more than 8 dimensions"},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (1 1), }", "not a list of sizes"},
        {"{'descr': '<f4', 'fortran_order': Maybe, 'shape': (1,), }", "neither True nor False"},
        {"{'descr': '<c8', 'fortran_order': False, 'shape': (1,), }", "'<c8'"},
        {"{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (1,), }", "structured"},
        {"{'descr': '<f4', 'fortran_order': False, }", "lacks"},
        {"{'descr': '<f4', 'descr': '<f4', 'shape': (1,), }", "twice"},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (1,), 'x': 1}", "not expected"},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (1,), } x", "behind its header"},
        {"", "not a dictionary"},
    };
    for (int i = 0; i < LEN(bad); i++) {
        Buf b = npy(bad[i][0], "\0\0\0\0", 4);
        Type t;
        const void *data;
        listen();
        CU_ASSERT(!npy_read(arena, (uint8_t *)b.s, b.n, "t.npy", &t, &data));
        CU_ASSERT(heard(bad[i][1]));
        /* a shorter file of any length is an error as well, and never read beyond its end */
        for (size_t n = 0; n < b.n; n++) {
            uint8_t *cut = memcpy(malloc(n + 1), b.s, n);
            uint8_t *exact = realloc(cut, n ? n : 1);
            listen();
            CU_ASSERT(!npy_read(arena, exact, n, "t.npy", &t, &data));
            CU_ASSERT(heard("t.npy: error: "));
            free(exact);
        }
        buf_free(&b);
    }
    Buf more = npy("{'descr': '<i2', 'fortran_order': False, 'shape': (1,), }", "\0\0\0\0", 4);
    Type t;
    const void *data;
    listen();
    CU_ASSERT(!npy_read(arena, (uint8_t *)more.s, more.n, "t.npy", &t, &data));
    CU_ASSERT(heard("holds 4 bytes of numbers, i16[1] takes 2"));
    buf_free(&more);
}

static void test_npy_write(void)
{
    const float x[6] = {1, -2, 0.5f, 4, 5, 6};
    Type t = type_make(DT_F32, 3, (int64_t[]){1, 2, 3}), back;
    Buf b = {0};
    npy_write(&b, &t, x);
    CU_ASSERT_EQUAL((b.n - 24) % 64, 0);
    static const char head[] = "\x93NUMPY\1\0\x76\0{'descr': '<f4', 'fortran_order': False, 'shape': (1, 2, 3), } ";
    CU_ASSERT(!memcmp(b.s, head, sizeof head - 1));
    const void *data;
    CU_ASSERT_FATAL(npy_read(arena, (uint8_t *)b.s, b.n, "t.npy", &back, &data));
    CU_ASSERT(type_eq(&t, &back));
    CU_ASSERT(!memcmp(data, x, sizeof x));
    buf_free(&b);
}

/* ---- pictures ---- */

static InputSpec spec(int c, int h, int w, int resize)
{
    return (InputSpec){.name = "image", .type = type_make(DT_F32, 4, (int64_t[]){1, c, h, w}), .resize = resize,
                       .mean = {0, 0, 0}, .std = {1, 1, 1}};
}

/* Reads bytes as a picture; x in levels of 1/255. */
static bool picture(const void *bytes, size_t n, const InputSpec *in, float *x)
{
    char *path = in_folder("picture");
    bool ok = write_file(path, bytes, n) && input_read(arena, path, in, x);
    unlink(path);
    for (int64_t i = 0; ok && i < type_elems(&in->type); i++)
        x[i] *= 255;
    return ok;
}

static void check_levels(const float *x, const int *want, int n)
{
    for (int i = 0; i < n; i++)
        CU_ASSERT_DOUBLE_EQUAL(x[i], want[i], 1e-3);
}

static void test_scaling(void)
{
    /* Pillow 9.4: Image.fromarray(a).resize((4, 3), BILINEAR), .resize((12, 10), BILINEAR).crop((4, 3, 9, 7)) */
    static const int reduced[] = {70, 118, 137, 135, 130, 110, 150, 122, 103, 151, 112, 141};
    static const int enlarged[] = {46, 84, 167, 236, 161, 68, 136, 166, 156, 210,
                                   111, 138, 137, 131, 189, 165, 91, 90, 163, 110};
    Buf b = {0};
    buf_puts(&b, "P5 # a comment\n9 7\n255\n");
    for (int y = 0; y < 7; y++)
        for (int x = 0; x < 9; x++)
            buf_putc(&b, (char)(x * x * 13 + y * 57 + x * y * 7));
    float x[20];
    InputSpec in = spec(1, 3, 4, 0);
    CU_ASSERT_FATAL(picture(b.s, b.n, &in, x));
    check_levels(x, reduced, 12);
    in = spec(1, 4, 5, 10); /* 9x7 -> 12x10, corner at (3.5, 3): half to even gives (4, 3) */
    CU_ASSERT_FATAL(picture(b.s, b.n, &in, x));
    check_levels(x, enlarged, 20);
    in = spec(1, 28, 28, 20);
    listen();
    float big[28 * 28];
    CU_ASSERT(!picture(b.s, b.n, &in, big));
    CU_ASSERT(heard("smaller than the input's 28x28"));
    buf_free(&b);
}

static void test_colours(void)
{
    static const char rgb[] = "P3 3 1 255  10 200 30  169 0 1  0 0 255";
    float x[9];
    InputSpec in = spec(3, 1, 3, 0);
    CU_ASSERT(picture(rgb, sizeof rgb - 1, &in, x));
    check_levels(x, (const int[]){10, 169, 0, 200, 0, 0, 30, 1, 255}, 9);
    in = spec(1, 1, 3, 0);
    CU_ASSERT(picture(rgb, sizeof rgb - 1, &in, x));
    check_levels(x, (const int[]){124, 51, 29}, 3); /* Pillow's convert('L') */
    in = spec(3, 1, 2, 0);
    CU_ASSERT(picture("P2 2 1 10 5 10", 14, &in, x));
    check_levels(x, (const int[]){128, 255, 128, 255, 128, 255}, 6);
    CU_ASSERT(picture("P5 2 1 65535 \x80\0\xff\xff", 17, &in, x));
    check_levels(x, (const int[]){128, 255}, 2);
    listen();
    CU_ASSERT(!picture("P5 2 1 65535 \x80\0\xff", 16, &in, x));
    CU_ASSERT(heard("ends within the picture"));
    in.mean[0] = 0.5;
    in.std[0] = 0.25;
    CU_ASSERT(picture("P2 2 1 10 5 10", 14, &in, x));
    CU_ASSERT_DOUBLE_EQUAL(x[1] / 255, (1 - 0.5) / 0.25, 1e-6);
}

static void test_png(void)
{
    static const uint8_t px[] = {10, 20, 30, 255, 100, 200, 50, 128, 7, 8, 9, 0, 255, 255, 255, 255};
    png_image image = {.version = PNG_IMAGE_VERSION, .width = 2, .height = 2, .format = PNG_FORMAT_RGBA};
    uint8_t file[1000];
    png_alloc_size_t n = sizeof file;
    CU_ASSERT_FATAL(png_image_write_to_memory(&image, file, &n, 0, px, 0, NULL));
    float x[12];
    InputSpec in = spec(3, 2, 2, 0);
    CU_ASSERT_FATAL(picture(file, n, &in, x));
    check_levels(x, (const int[]){10, 100, 7, 255, 20, 200, 8, 255, 30, 50, 9, 255}, 12);
    for (size_t cut = 8; cut < n; cut += 5) {
        listen();
        CU_ASSERT(!picture(file, cut, &in, x));
        CU_ASSERT(heard("ends within the picture"));
    }
    file[50] ^= 0x55;
    listen();
    CU_ASSERT(!picture(file, n, &in, x));
    CU_ASSERT(heard("picture: error: libpng: "));
}

static void test_jpeg(void)
{
    struct jpeg_compress_struct c;
    struct jpeg_error_mgr errors;
    unsigned char *file = NULL;
    unsigned long n = 0;
    c.err = jpeg_std_error(&errors);
    jpeg_create_compress(&c);
    jpeg_mem_dest(&c, &file, &n);
    c.image_width = c.image_height = 32;
    c.input_components = 3;
    c.in_color_space = JCS_RGB;
    jpeg_set_defaults(&c);
    jpeg_set_quality(&c, 95, TRUE);
    jpeg_start_compress(&c, TRUE);
    for (int y = 0; y < 32; y++) {
        uint8_t line[96], *row = line;
        for (int x = 0; x < 32; x++)
            memcpy(line + x * 3, (uint8_t[]){(uint8_t)(x * 8), (uint8_t)(y * 8), 128}, 3);
        jpeg_write_scanlines(&c, &row, 1);
    }
    jpeg_finish_compress(&c);
    jpeg_destroy_compress(&c);
    float *x = NEW(arena, float, 3 * 32 * 32);
    InputSpec in = spec(3, 32, 32, 0);
    CU_ASSERT_FATAL(picture(file, n, &in, x));
    for (int i = 0; i < 32 * 32; i++) {
        CU_ASSERT_DOUBLE_EQUAL(x[i], i % 32 * 8, 12);
        CU_ASSERT_DOUBLE_EQUAL(x[1024 + i], i / 32 * 8, 12);
        CU_ASSERT_DOUBLE_EQUAL(x[2048 + i], 128, 12);
    }
    listen();
    CU_ASSERT(!picture(file, n - 20, &in, x));
    CU_ASSERT(heard("picture: error: libjpeg: Premature end of JPEG file"));
    free(file);
}

static void test_input(void)
{
    Type t = type_make(DT_F32, 2, (int64_t[]){2, 3});
    Buf b = {0};
    npy_write(&b, &t, (float[]){1, 2, 3, 4, 5, 6});
    float x[6];
    InputSpec in = spec(1, 2, 3, 0);
    in.mean[0] = 7; /* numbers are taken as they are */
    CU_ASSERT(picture(b.s, b.n, &in, x));
    check_levels(x, (const int[]){255, 510, 765, 1020, 1275, 1530}, 6);
    in = spec(1, 3, 2, 0);
    listen();
    CU_ASSERT(!picture(b.s, b.n, &in, x));
    CU_ASSERT(heard("has the shape f32[2,3], the input 'image' expects f32[1,1,3,2]"));
    buf_free(&b);
    listen();
    CU_ASSERT(!picture("GIF89a", 6, &in, x));
    CU_ASSERT(heard("neither .npy nor a PNG"));
    listen();
    CU_ASSERT(!picture("", 0, &in, x));
    CU_ASSERT(heard("an empty file"));
    listen();
    CU_ASSERT(!picture("P6 60000 60000 255\n", 19, &in, x));
    CU_ASSERT(heard("ends within the picture"));
    in = spec(2, 1, 1, 0);
    listen();
    CU_ASSERT(!picture("P2 1 1 1 1", 10, &in, x));
    CU_ASSERT(heard("a picture fills f32[1,1,h,w], f32[1,3,h,w] or, channels last, f32[1,h,w,3]; the input "
                    "'image' is f32[1,2,1,1]"));
}

static void test_sha256(void)
{
    uint8_t h[32];
    char hex[65];
    sha256("abc", 3, h); /* FIPS 180-4, example 1 */
    sha256_hex(h, hex);
    CU_ASSERT_STRING_EQUAL(hex, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

void suite_inputs(void)
{
    CU_pSuite s = CU_add_suite("inputs", setup, teardown);
    CU_add_test(s, "npy", test_npy);
    CU_add_test(s, "bad npy", test_npy_bad);
    CU_add_test(s, "npy out", test_npy_write);
    CU_add_test(s, "scaling", test_scaling);
    CU_add_test(s, "colours", test_colours);
    CU_add_test(s, "png", test_png);
    CU_add_test(s, "jpeg", test_jpeg);
    CU_add_test(s, "inputs", test_input);
    CU_add_test(s, "sha256", test_sha256);
}
