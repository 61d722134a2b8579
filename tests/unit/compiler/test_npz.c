/* .npz: archives as numpy writes them, bad ones, and damage to files of both formats. */
#include "weights.h"

#include <zlib.h>

void suite_npz(void);

typedef struct Member { const char *name; const char *data; size_t n; bool deflated; } Member;

static void put_le(Buf *b, uint64_t v, int n)
{
    for (int i = 0; i < n; i++)
        buf_putc(b, (char)(v >> 8 * i));
}

/* A ZIP archive as numpy.savez writes it. zip64: 64-bit fields at the end and, in the directory, for sizes and offsets
   (1) or for offsets alone (2). */
static Buf zip(const Member *m, int n, int zip64)
{
    Buf b = {0}, dir = {0};
    for (int i = 0; i < n; i++) {
        uint8_t packed[4000];
        z_stream z = {.next_in = (Bytef *)m[i].data, .avail_in = (uInt)m[i].n, .next_out = packed,
                      .avail_out = sizeof packed};
        size_t size = m[i].n, at = b.n, name = strlen(m[i].name);
        const void *body = m[i].data;
        if (m[i].deflated) {
            deflateInit2(&z, 9, Z_DEFLATED, -15, 8, Z_DEFAULT_STRATEGY);
            deflate(&z, Z_FINISH);
            size = z.total_out;
            body = packed;
            deflateEnd(&z);
        }
        uint64_t crc = crc32(0, (const Bytef *)m[i].data, (uInt)m[i].n), method = m[i].deflated ? 8 : 0;
        uint64_t local[][2] = {{0x04034b50, 4}, {20, 2}, {0, 2}, {method, 2}, {0, 4}, {crc, 4}, {size, 4},
                               {m[i].n, 4}, {name, 2}, {0, 2}};
        for (int k = 0; k < LEN(local); k++)
            put_le(&b, local[k][0], (int)local[k][1]);
        buf_puts(&b, m[i].name);
        buf_write(&b, body, size);
        uint64_t ones = 0xffffffff, entry[][2] = {{0x02014b50, 4}, {20, 2}, {20, 2}, {0, 2}, {method, 2}, {0, 4},
            {crc, 4}, {zip64 == 1 ? ones : size, 4}, {zip64 == 1 ? ones : m[i].n, 4}, {name, 2},
            {(uint64_t[]){0, 28, 12}[zip64], 2}, {0, 2},
            {0, 2}, {0, 2}, {0, 4}, {zip64 ? ones : at, 4}};
        for (int k = 0; k < LEN(entry); k++)
            put_le(&dir, entry[k][0], (int)entry[k][1]);
        buf_puts(&dir, m[i].name);
        uint64_t extra[][2] = {{1, 2}, {zip64 == 1 ? 24 : 8, 2}, {m[i].n, 8}, {size, 8}, {at, 8}};
        for (int k = 0; k < LEN(extra) && zip64; k++)
            if (zip64 == 1 || k < 2 || k == 4)
                put_le(&dir, extra[k][0], (int)extra[k][1]);
    }
    size_t at = b.n, end = at + dir.n, count = (size_t)n;
    buf_write(&b, dir.s, dir.n);
    uint64_t end64[][2] = {{0x06064b50, 4}, {44, 8}, {45, 2}, {45, 2}, {0, 4}, {0, 4}, {count, 8}, {count, 8},
                           {dir.n, 8}, {at, 8}, {0x07064b50, 4}, {0, 4}, {end, 8}, {1, 4}};
    for (int k = 0; k < LEN(end64) && zip64; k++)
        put_le(&b, end64[k][0], (int)end64[k][1]);
    uint64_t last[][2] = {{0x06054b50, 4}, {0, 4}, {count, 2}, {count, 2}, {zip64 ? 0xffffffff : dir.n, 4},
                          {zip64 ? 0xffffffff : at, 4}, {0, 2}};
    for (int k = 0; k < LEN(last); k++)
        put_le(&b, last[k][0], (int)last[k][1]);
    buf_free(&dir);
    return b;
}

static Buf ones(const char *type)
{
    Type t;
    Buf b = {0};
    type_parse(type, &t);
    float *x = NEW(arena, float, type_elems(&t));
    for (int64_t i = 0; i < type_elems(&t); i++)
        x[i] = (float)(i + 1);
    npy_write(&b, &t, x);
    return b;
}

static void test_npz(void)
{
    Buf a = ones("f32[2,3]"), c = ones("f32[100]");
    for (int zip64 = 0; zip64 < 3; zip64++) {
        Member m[] = {{"a.npy", a.s, a.n, false}, {"conv1.weight.npy", c.s, c.n, true}};
        Buf b = zip(m, 2, zip64);
        Graph *g = graph("a conv1.weight", "f32[2,3]", "f32[100]");
        Weights w;
        CU_ASSERT_FATAL(bind(&b, g, false, &w));
        CU_ASSERT_EQUAL(tensor_at(constant(g, "a"), 5), 6);
        CU_ASSERT_EQUAL(tensor_at(constant(g, "conv1.weight"), 99), 100);
        const uint8_t *view = constant(g, "a")->data;
        CU_ASSERT(view >= w.file->map && view < w.file->map + w.file->n);
        weights_close(&w);
        buf_free(&b);
    }
    buf_free(&a);
    buf_free(&c);
}

static void check_npz(const Buf *b, const char *want)
{
    Weights w;
    listen();
    CU_ASSERT(!bind(b, graph("a", "f32[100]"), true, &w));
    CU_ASSERT(heard(want));
}

static void test_npz_bad(void)
{
    Buf a = ones("f32[100]");
    Member stored = {"a.npy", a.s, a.n, false}, packed = {"a.npy", a.s, a.n, true};
    Buf b = zip(&stored, 1, 0);
    b.s[200] ^= 1;
    check_npz(&b, "checksum is wrong");
    b.n -= 5;
    check_npz(&b, "may have been cut off");
    buf_free(&b);
    b = zip(&packed, 1, 0);
    b.s[60] ^= 0x55;
    check_npz(&b, "damaged");
    b.s[60] ^= 0x55;
    size_t dir = b.n - 22 - 46 - 5;
    b.s[dir + 24]++;
    check_npz(&b, "cannot be unpacked"); /* one byte more than there is */
    b.s[dir + 24] -= 2;
    check_npz(&b, "cannot be unpacked"); /* one byte less */
    b.s[dir + 24]++;
    b.s[dir + 27] = 0x40;
    check_npz(&b, "claims a size");
    b.s[dir + 27] = 0;
    b.s[dir + 8] = 1;
    check_npz(&b, "encrypted");
    b.s[dir + 8] = 0;
    b.s[dir + 10] = 12;
    check_npz(&b, "method 12");
    b.s[dir + 10] = 8;
    b.s[dir + 42] = 9;
    check_npz(&b, "its place in the archive is wrong");
    b.s[dir + 42] = 0;
    b.s[dir + 22] = 0x7f;
    check_npz(&b, "beyond the end");
    buf_free(&b);
    Member two[] = {stored, stored}, text = {"a.txt", "x", 1, false}, torch = {"archive/data.pkl", "x", 1, false};
    b = zip(two, 2, 0);
    check_npz(&b, "is there twice");
    buf_free(&b);
    b = zip(&text, 1, 0);
    check_npz(&b, "not a .npy file");
    buf_free(&b);
    b = zip(&torch, 1, 0);
    check_npz(&b, "PyTorch checkpoint");
    buf_free(&b);
    stored.n -= 4;
    b = zip(&stored, 1, 0);
    check_npz(&b, "a.npy: error: holds 396 bytes of numbers, f32[100] takes 400");
    buf_free(&b);
    buf_free(&a);
}

/* Files with a few bytes changed or cut off are errors or not, but never more than that. */
static void test_damage(void)
{
    Buf a = ones("f32[2,3]"), c = ones("f32[100]");
    Member m[] = {{"a.npy", a.s, a.n, false}, {"b.npy", c.s, c.n, true}};
    Buf files[] = {zip(m, 2, 0), zip(m, 2, 1),
                   safetensors("{\"a\":{\"dtype\":\"F32\",\"shape\":[2,3],\"data_offsets\":[0,24]},"
                               "\"b\":{\"dtype\":\"F16\",\"shape\":[100],\"data_offsets\":[24,224]}}", 224)};
    Rng r = rng_seed(1, "damage");
    Arena *outer = arena;
    int good = 0;
    for (int i = 0; i < 3000; i++) {
        const Buf *f = &files[i % LEN(files)];
        size_t n = i % 7 ? f->n : (size_t)(rng_uniform(&r) * (double)f->n);
        uint8_t *p = malloc(n + 1);
        memcpy(p, f->s, n);
        for (int k = 0; k < i % 4 + 1 && n; k++)
            p[(size_t)(rng_uniform(&r) * (double)n)] = (uint8_t)rng_next(&r);
        arena = arena_new();
        Weights w;
        listen();
        if (bind(&(Buf){(char *)p, n, n + 1}, graph("a b", "f32[2,3]", "f32[100]"), true, &w)) {
            good++;
            weights_close(&w);
        } else {
            CU_ASSERT(diag_errors() > 0);
        }
        arena_free(arena);
        free(p);
    }
    arena = outer;
    diag_capture(NULL);
    buf_free(&said);
    diag_reset();
    CU_ASSERT(good > 0 && good < 3000);
    for (int i = 0; i < LEN(files); i++)
        buf_free(&files[i]);
    buf_free(&a);
    buf_free(&c);
}

void suite_npz(void)
{
    CU_pSuite s = CU_add_suite("npz", setup, teardown);
    CU_add_test(s, "npz", test_npz);
    CU_add_test(s, "bad npz", test_npz_bad);
    CU_add_test(s, "damaged files", test_damage);
}
