/* Arenas, text, numbers, names, random numbers, and the exact form of messages. */
#include "../../../ir/base/base.h"
#include "../../../ir/base/diag.h"

#include <CUnit/CUnit.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

void suite_base(void);

static void test_arena(void)
{
    Arena *a = arena_new();
    for (int i = 0; i < 2000; i++) {
        size_t align = (size_t)1 << (i % 7), n = (size_t)(i * 37 % 5000);
        unsigned char *p = arena_alloc(a, n, 1, align);
        CU_ASSERT_EQUAL((uintptr_t)p % align, 0);
        for (size_t k = 0; k < n; k++)
            if (p[k])
                CU_FAIL("arena memory is not zero");
        if (n)
            memset(p, 0xff, n);
    }
    char *big = NEW(a, char, 10000000), *small = NEW(a, char, 10);
    memset(big, 1, 10000000);
    memset(small, 2, 10);
    CU_ASSERT_EQUAL(big[9999999], 1);
    CU_ASSERT(arena_bytes(a) >= 10000010);
    CU_ASSERT_STRING_EQUAL(arena_printf(a, "%d-%s", 7, "x"), "7-x");
    CU_ASSERT_STRING_EQUAL(arena_strndup(a, "hello", 4), "hell");
    arena_free(a);
}

/* What a child that runs f leaves as exit status; its stderr goes to text. */
static int child_status(void (*f)(void), char *text, size_t cap)
{
    int fd[2];
    if (pipe(fd))
        return -1;
    fflush(NULL);
    pid_t pid = fork();
    if (!pid) {
        dup2(fd[1], STDERR_FILENO);
        f();
        _exit(0);
    }
    close(fd[1]);
    size_t n = 0;
    ssize_t got;
    while (n + 1 < cap && (got = read(fd[0], text + n, cap - 1 - n)) > 0)
        n += (size_t)got;
    text[n] = 0;
    close(fd[0]);
    int status;
    waitpid(pid, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void overflow_alloc(void)
{
    static Arena *volatile kept; /* reachable, so that no leak is reported behind the message */
    volatile size_t n = SIZE_MAX / 4;
    kept = arena_new();
    arena_alloc(kept, n, 8, 8);
}

static void raise_bug(void)
{
    bug_context("fuse", "conv1");
    bug("%d is odd", 3);
}

static void test_fatal(void)
{
    char text[1000];
    CU_ASSERT_EQUAL(child_status(overflow_alloc, text, sizeof text), 1);
    CU_ASSERT_STRING_EQUAL(text, "dsqc: error: out of memory\n");
    CU_ASSERT_EQUAL(child_status(raise_bug, text, sizeof text), 3);
    CU_ASSERT_PTR_NOT_NULL(strstr(text, "internal error: 3 is odd"));
    CU_ASSERT_PTR_NOT_NULL(strstr(text, "fuse"));
    CU_ASSERT_PTR_NOT_NULL(strstr(text, "conv1"));
}

static void test_vec_buf(void)
{
    Arena *a = arena_new();
    VEC(int) v = {0};
    for (int i = 0; i < 10000; i++)
        PUSH(a, &v, i * 3);
    for (int i = 0; i < v.n; i++)
        if (v.v[i] != i * 3)
            CU_FAIL("vector lost an element");
    CU_ASSERT_EQUAL(v.n, 10000);
    Buf b = {0};
    char want[4000] = "";
    for (int i = 0; i < 500; i++) {
        buf_printf(&b, "%d,", i);
        sprintf(want + strlen(want), "%d,", i);
    }
    CU_ASSERT_STRING_EQUAL(b.s, want);
    CU_ASSERT_EQUAL(b.n, strlen(want));
    buf_free(&b);
    buf_puts(&b, "ab");
    buf_putc(&b, 'c');
    buf_write(&b, "d\0e", 3);
    CU_ASSERT_EQUAL(b.n, 6);
    CU_ASSERT(!memcmp(b.s, "abcd\0e\0", 7));
    buf_free(&b);
    arena_free(a);
}

static void test_map(void)
{
    Arena *a = arena_new();
    Dict m = dict_new(a);
    char key[20];
    CU_ASSERT_EQUAL(dict_get(&m, "x"), -1);
    for (int i = 0; i < 5000; i++) {
        sprintf(key, "k%d", i);
        dict_put(&m, key, i);
        if (dict_get(&m, "absent") != -1)
            CU_FAIL("map found an absent key");
    }
    dict_put(&m, "k77", -5);
    CU_ASSERT_EQUAL(m.n, 5000);
    for (int i = 0; i < 5000; i++) {
        sprintf(key, "k%d", i);
        if (dict_get(&m, key) != (i == 77 ? -5 : i))
            CU_FAIL("map lost a key");
    }
    CU_ASSERT_EQUAL(dict_get(&m, "k5000"), -1);
    CU_ASSERT_EQUAL(dict_get(&m, ""), -1);
    arena_free(a);
}

static void test_checked(void)
{
    int64_t r = 5;
    CU_ASSERT(!mul_ok(INT64_MAX, 2, &r));
    CU_ASSERT(!add_ok(INT64_MAX, 1, &r));
    CU_ASSERT(!mul_ok(INT64_MIN, -1, &r));
    CU_ASSERT_EQUAL(r, 5);
    CU_ASSERT(mul_ok(-3, 7, &r));
    CU_ASSERT_EQUAL(r, -21);
}

static void test_nearest(void)
{
    static const char *const attr[] = {"kernel", "stride", "pad", "dilation"};
    CU_ASSERT_STRING_EQUAL(nearest_name("strides", attr, LEN(attr)), "stride");
    CU_ASSERT_STRING_EQUAL(nearest_name("padd", attr, LEN(attr)), "pad");
    CU_ASSERT_STRING_EQUAL(nearest_name("krenel", attr, LEN(attr)), "kernel");
    CU_ASSERT_PTR_NULL(nearest_name("epsilon", attr, LEN(attr)));
    CU_ASSERT_PTR_NULL(nearest_name("x", attr, LEN(attr)));
    CU_ASSERT_PTR_NULL(nearest_name("", attr, LEN(attr)));
    static const char *const near[] = {"abdc", "abcde"};
    CU_ASSERT_STRING_EQUAL(nearest_name("abcd", near, 2), "abdc");
}

static void check_float(float x, const char *want)
{
    char s[32];
    fmt_float(s, x);
    CU_ASSERT_STRING_EQUAL(s, want);
}

static void test_numbers(void)
{
    check_float(0.0f, "0");
    check_float(-0.0f, "-0");
    check_float(1.0f, "1");
    check_float(0.1f, "0.1");
    check_float(-2.5f, "-2.5");
    check_float(1e-5f, "1e-5");
    check_float(0.00012f, "0.00012");
    check_float(100.0f, "100");
    check_float(16777216.0f, "16777216");
    check_float(3.4028235e38f, "3.4028235e38");
    check_float(1.17549435e-38f, "1.1754944e-38");
    check_float(1e-45f, "1e-45");
    check_float(0.333333343f, "0.33333334");
    char s[32];
    fmt_double(s, 0.1);
    CU_ASSERT_STRING_EQUAL(s, "0.1");
    fmt_double(s, 5e-324);
    CU_ASSERT_STRING_EQUAL(s, "5e-324");
    fmt_double(s, -1.7976931348623157e308);
    CU_ASSERT_STRING_EQUAL(s, "-1.7976931348623157e308");
    Rng r = rng_seed(1, "numbers");
    for (int i = 0; i < 100000; i++) {
        uint64_t bits = rng_next(&r);
        uint32_t low = (uint32_t)bits;
        float f;
        double d;
        memcpy(&f, &low, sizeof f);
        memcpy(&d, &bits, sizeof d);
        if (isfinite(f)) {
            fmt_float(s, f);
            float back = strtof(s, NULL);
            if (memcmp(&back, &f, sizeof f))
                CU_FAIL("float does not read back");
        }
        if (isfinite(d)) {
            fmt_double(s, d);
            double back = strtod(s, NULL);
            if (memcmp(&back, &d, sizeof d))
                CU_FAIL("double does not read back");
        }
    }
}

/* The stream is part of the format of random:SEED: these numbers may never change. */
static void test_rng(void)
{
    Rng zero = {0};
    CU_ASSERT_EQUAL(rng_next(&zero), 0xe220a8397b1dcdafu); /* SplitMix64 with seed 0, first two outputs */
    CU_ASSERT_EQUAL(rng_next(&zero), 0x6e789e6aa1b965f4u);
    Rng a = rng_seed(1, "conv1.weight"), b = rng_seed(1, "conv2.weight"), c = rng_seed(2, "conv1.weight");
    uint64_t x = rng_next(&a);
    CU_ASSERT_NOT_EQUAL(x, rng_next(&b));
    CU_ASSERT_NOT_EQUAL(x, rng_next(&c));
    double sum = 0, sq = 0, u = 0;
    int n = 200000;
    for (int i = 0; i < n; i++) {
        double z = rng_normal(&a), v = rng_uniform(&a);
        CU_ASSERT_FATAL(v >= 0 && v < 1 && fabs(z) <= 6);
        sum += z;
        sq += z * z;
        u += v;
    }
    CU_ASSERT_DOUBLE_EQUAL(sum / n, 0, 0.01);
    CU_ASSERT_DOUBLE_EQUAL(sq / n, 1, 0.02);
    CU_ASSERT_DOUBLE_EQUAL(u / n, 0.5, 0.005);
}

/* ---- messages ---- */

static Buf said;

static void begin(void)
{
    diag_reset();
    buf_free(&said);
    diag_capture(&said);
}

static void end(const char *want)
{
    diag_capture(NULL);
    CU_ASSERT_STRING_EQUAL(said.s ? said.s : "", want);
    if (strcmp(said.s ? said.s : "", want))
        fprintf(stderr, "got:\n%swant:\n%s", said.s ? said.s : "", want);
    buf_free(&said);
    diag_reset();
}

static void test_diag_form(void)
{
    static const char text[] =
        "name: x\n  - {op: conv2d, name: conv1, strides: 2, out: 128, kernel: 3}\r\n\tüß: 日本 bad\n";
    begin();
    int f = diag_file("specs/mynet.yaml", text, sizeof text - 1), w = diag_file("weights.safetensors", NULL, 0);
    error_hint((Loc){f, 2, 31, 7}, "did you mean 'stride'?",
               "conv2d '%s': unknown attribute 'strides'", "layer2.0.conv1");
    error_at((Loc){f, 3, 15, 3}, "no \033[2J and no \u202e here");
    note_at((Loc){f, 1, 1, 400}, "declared here");
    warn_at(loc_file(w), "odd");
    error_at(loc_file(w), "2 tensors are missing");
    error_more("  missing   a\n");
    error_more("  missing   %s", "b");
    error_hint((Loc){0}, "did you mean '--set'?", "unknown option '--sett'");
    error_at((Loc){f, 9, 4, 1}, "beyond the end");
    CU_ASSERT_EQUAL(diag_errors(), 5);
    end("specs/mynet.yaml:2:31: error: conv2d 'layer2.0.conv1': unknown attribute 'strides'\n"
        "   2 |   - {op: conv2d, name: conv1, strides: 2, out: 128, kernel: 3}\n"
        "     |                               ^~~~~~~ did you mean 'stride'?\n"
        "specs/mynet.yaml:3:15: error: no \\x1b[2J and no \\xe2\\x80\\xae here\n"
        "   3 |         üß: 日本 bad\n"
        "     |                  ^~~\n"
        "specs/mynet.yaml:1:1: note: declared here\n"
        "   1 | name: x\n"
        "     | ^~~~~~~\n"
        "weights.safetensors: warning: odd\n"
        "weights.safetensors: error: 2 tensors are missing\n"
        "  missing   a\n"
        "  missing   b\n"
        "dsqc: error: unknown option '--sett'; did you mean '--set'?\n"
        "specs/mynet.yaml:9:4: error: beyond the end\n");
}

static void test_diag_long_line(void)
{
    char line[1000];
    memset(line, 'x', sizeof line);
    memcpy(line + 500, "here", 4);
    begin();
    int f = diag_file("a.yaml", line, sizeof line);
    error_at((Loc){f, 1, 501, 4}, "long");
    char want[1000] = "a.yaml:1:501: error: long\n   1 | ...", *p = want + strlen(want);
    memset(p, 'x', 60);
    memcpy(p + 60, "here", 4);
    memset(p + 64, 'x', 46);
    strcpy(p + 110, "...\n     | ");
    p += strlen(p);
    memset(p, ' ', 63);
    strcpy(p + 63, "^~~~\n");
    end(want);

    /* characters are not cut in pieces, even if the place is inside of one */
    for (int i = 0; i + 3 <= 1000; i += 3)
        memcpy(line + i, "\u65e5", 3);
    begin();
    f = diag_file("a.yaml", line, sizeof line);
    error_at((Loc){f, 1, 503, 1}, "long");
    CU_ASSERT_PTR_NULL(strstr(said.s, "\\x"));
    diag_capture(NULL);
    diag_reset();
    buf_free(&said);
}

static void test_diag_limit(void)
{
    begin();
    for (int i = 0; i < 30; i++) {
        error_at((Loc){0}, "e%d", i);
        error_more("m%d", i);
        CU_ASSERT_EQUAL(diag_full(), i >= 19);
    }
    CU_ASSERT_EQUAL(diag_errors(), 30);
    char want[2000] = "";
    for (int i = 0; i < 20; i++)
        sprintf(want + strlen(want), "dsqc: error: e%d\nm%d\n", i, i);
    strcat(want, "dsqc: more than 20 errors, the others are left out\n");
    end(want);
}

static void test_diag_place(void)
{
    Arena *a = arena_new();
    diag_reset();
    int f = diag_file("a/b/net.yaml", NULL, 0);
    CU_ASSERT_STRING_EQUAL(diag_path(f), "a/b/net.yaml");
    CU_ASSERT_STRING_EQUAL(loc_text(a, (Loc){f, 7, 1, 1}), "net.yaml:7");
    CU_ASSERT_STRING_EQUAL(loc_text(a, (Loc){0}), "");
    diag_reset();
    CU_ASSERT_STRING_EQUAL(diag_path(f), "");
    arena_free(a);
}

void suite_base(void)
{
    CU_pSuite s = CU_add_suite("base", NULL, NULL);
    CU_add_test(s, "arena", test_arena);
    CU_add_test(s, "fatal ends", test_fatal);
    CU_add_test(s, "vec and buf", test_vec_buf);
    CU_add_test(s, "map", test_map);
    CU_add_test(s, "checked arithmetic", test_checked);
    CU_add_test(s, "nearest name", test_nearest);
    CU_add_test(s, "numbers as text", test_numbers);
    CU_add_test(s, "random numbers", test_rng);
    CU_add_test(s, "message form", test_diag_form);
    CU_add_test(s, "message on a long line", test_diag_long_line);
    CU_add_test(s, "message limit", test_diag_limit);
    CU_add_test(s, "places", test_diag_place);
}
