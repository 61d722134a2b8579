/* Files that appear whole or not at all, .npy, pictures. */
#include "../../ir/base/cleanup.h"
#include "../../compiler/io/io.h"
#include "../../compiler/io/json.h"

#include <CUnit/CUnit.h>
#include <dirent.h>
#include <fcntl.h>
#include <jpeglib.h>
#include <math.h>
#include <png.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

void suite_io(void);

static char folder[] = "/tmp/dsq-io-XXXXXX";
static Arena *arena;
static Buf said;

static int setup(void)
{
    arena = arena_new();
    return !mkdtemp(folder);
}

static int teardown(void)
{
    arena_free(arena);
    diag_reset();
    return rmdir(folder);
}

static char *in_folder(const char *name)
{
    return arena_printf(arena, "%s/%s", folder, name);
}

/* Captures messages from here on; heard(part) tells whether they contain part, and forgets them. */
static void listen(void)
{
    diag_reset();
    buf_free(&said);
    diag_capture(&said);
}

static bool heard(const char *part)
{
    diag_capture(NULL);
    bool yes = *part ? said.s && strstr(said.s, part) : !said.n;
    if (!yes)
        fprintf(stderr, "expected '%s' in: %s\n", part, said.s ? said.s : "");
    buf_free(&said);
    diag_reset();
    return yes;
}

static int entries(const char *dir)
{
    DIR *d = opendir(dir);
    int n = 0;
    while (d && readdir(d))
        n++;
    if (d)
        closedir(d);
    return n - 2;
}

static bool holds(const char *path, const char *want)
{
    char text[1 << 10]; /* file_begins: it may be written anew afterwards */
    int64_t n = file_begins(path, text, sizeof text);
    return n == (int64_t)strlen(want) && !memcmp(text, want, (size_t)n);
}

/* ---- files in ---- */

static void test_read(void)
{
    char *path = in_folder("a");
    size_t n = 99;
    CU_ASSERT_FATAL(write_file(path, "he\0lo", 5));
    char *s = read_file(arena, path, 5, &n);
    CU_ASSERT_FATAL(s && n == 5);
    CU_ASSERT(!memcmp(s, "he\0lo", 6));
    listen();
    CU_ASSERT_PTR_NULL(read_file(arena, path, 4, &n));
    CU_ASSERT(heard("larger than 4 bytes"));
    listen();
    CU_ASSERT_PTR_NULL(read_file(arena, folder, 100, &n));
    CU_ASSERT(heard("is a directory, expected a file"));
    const uint8_t *m = map_file(path, &n);
    CU_ASSERT_FATAL(m && n == 5);
    CU_ASSERT(!memcmp(m, "he\0lo", 5));
    unmap_file(m, n);
    listen();
    CU_ASSERT(!write_file(path, "", 0));
    CU_ASSERT(heard("this command reads it, too"));
    file_replaces(path);
    CU_ASSERT(write_file(path, "", 0));
    m = map_file(path, &n);
    CU_ASSERT(m && n == 0);
    unmap_file(m, n);
    unlink(path);
    listen();
    CU_ASSERT_PTR_NULL(map_file(path, &n));
    CU_ASSERT(heard("No such file"));
    listen();
    CU_ASSERT_PTR_NULL(map_file(folder, &n));
    CU_ASSERT(heard("is a directory"));
}

static void test_pipe(void)
{
    char *path = in_folder("pipe");
    CU_ASSERT_FATAL(!mkfifo(path, 0600));
    pid_t pid = fork();
    if (!pid) {
        int fd = open(path, O_WRONLY);
        _exit(write(fd, "through", 7) != 7);
    }
    size_t n;
    const uint8_t *m = map_file(path, &n);
    CU_ASSERT(m && n == 7 && !memcmp(m, "through", 7));
    unmap_file(m, n);
    waitpid(pid, NULL, 0);
    unlink(path);
}

/* ---- files out ---- */

static void test_out(void)
{
    char *path = in_folder("out"), *link = in_folder("link");
    OutFile *o = out_open(path);
    CU_ASSERT_FATAL(o != NULL);
    CU_ASSERT(out_write(o, "one", 3));
    CU_ASSERT(access(path, F_OK) != 0);
    CU_ASSERT(out_commit(o));
    CU_ASSERT(holds(path, "one"));
    CU_ASSERT(!chmod(path, 0640));
    o = out_open(path);
    CU_ASSERT(out_write(o, "two", 3));
    CU_ASSERT(holds(path, "one"));
    out_abort(o);
    CU_ASSERT(holds(path, "one"));
    CU_ASSERT_EQUAL(entries(folder), 1);
    CU_ASSERT(!symlink("out", link));
    CU_ASSERT(write_file(link, "three", 5));
    CU_ASSERT(holds(path, "three"));
    struct stat st;
    CU_ASSERT(!lstat(link, &st) && S_ISLNK(st.st_mode));
    CU_ASSERT(!stat(path, &st) && (st.st_mode & 0777) == 0640);
    unlink(link);
    unlink(path);
    CU_ASSERT_EQUAL(entries(folder), 0);
}

static void test_out_errors(void)
{
    listen();
    CU_ASSERT_PTR_NULL(out_open(folder));
    CU_ASSERT(heard("it is a directory"));
    listen();
    CU_ASSERT(!write_file(in_folder("no/such/place"), "x", 1));
    CU_ASSERT(heard("No such file or directory"));
    CU_ASSERT_EQUAL(entries(folder), 0);
}

/* A disk that is full after four bytes, as a limit on file sizes in a child. */
static void test_out_full(void)
{
    fflush(NULL);
    pid_t pid = fork();
    if (!pid) {
        signal(SIGXFSZ, SIG_IGN);
        setrlimit(RLIMIT_FSIZE, &(struct rlimit){4, 4});
        listen();
        bool wrote = write_file(in_folder("full"), "12345678", 8);
        _exit(wrote || !said.s || !strstr(said.s, "cannot write: File too large"));
    }
    int status;
    waitpid(pid, &status, 0);
    CU_ASSERT(WIFEXITED(status) && !WEXITSTATUS(status));
    CU_ASSERT_EQUAL(entries(folder), 0);
}

/* A pipe (or a device) is written to, not replaced. Never try this on a real device: a fault would destroy it. */
static void test_out_special(void)
{
    char *path = in_folder("pipe"), got[8] = "";
    CU_ASSERT_FATAL(!mkfifo(path, 0600));
    int fd = open(path, O_RDONLY | O_NONBLOCK);
    CU_ASSERT(write_file(path, "through", 7));
    CU_ASSERT(read(fd, got, 7) == 7 && !strcmp(got, "through"));
    close(fd);
    struct stat st;
    CU_ASSERT(!lstat(path, &st) && S_ISFIFO(st.st_mode));
    unlink(path);
    CU_ASSERT_EQUAL(entries(folder), 0);
}

static void test_outdir(void)
{
    char *dir = in_folder("x/y/z");
    OutDir *o = outdir_open(dir);
    CU_ASSERT_FATAL(o != NULL);
    CU_ASSERT(outdir_add(o, "a.c", "int a;", 6));
    CU_ASSERT(outdir_add(o, "a.h", "", 0));
    CU_ASSERT(access(in_folder("x/y/z/a.c"), F_OK) != 0);
    outdir_abort(o);
    CU_ASSERT_EQUAL(entries(folder), 0);
    o = outdir_open(dir);
    outdir_add(o, "a.c", "int a;", 6);
    outdir_add(o, "a.h", "", 0);
    CU_ASSERT(outdir_commit(o));
    CU_ASSERT(holds(in_folder("x/y/z/a.c"), "int a;"));
    CU_ASSERT_EQUAL(entries(dir), 2);

    /* a link that leads out of the folder is replaced, not followed */
    CU_ASSERT(write_file(in_folder("victim"), "safe", 4));
    unlink(in_folder("x/y/z/a.h"));
    CU_ASSERT(!symlink("../../../victim", in_folder("x/y/z/a.h")));
    o = outdir_open(arena_printf(arena, "%s/", dir));
    outdir_add(o, "a.h", "new", 3);
    CU_ASSERT(outdir_commit(o));
    CU_ASSERT(holds(in_folder("victim"), "safe"));
    CU_ASSERT(holds(in_folder("x/y/z/a.h"), "new"));

    /* what an earlier compilation left goes with the others, and not before */
    CU_ASSERT(write_file(in_folder("x/y/z/old"), "old", 3));
    for (int commit = 0; commit < 2; commit++) {
        o = outdir_open(dir);
        outdir_add(o, "a.h", "new", 3);
        outdir_drop(o, "old");
        CU_ASSERT_STRING_EQUAL(outdir_name(o, 0), "a.h");
        CU_ASSERT_PTR_NULL(outdir_name(o, 1));
        CU_ASSERT(holds(in_folder("x/y/z/old"), "old"));
        if (commit)
            CU_ASSERT(outdir_commit(o))
        else
            outdir_abort(o);
    }
    CU_ASSERT(access(in_folder("x/y/z/old"), F_OK) != 0);

    /* a folder in the way of one file: nothing changes */
    mkdir(in_folder("x/y/z/b"), 0700);
    o = outdir_open(dir);
    CU_ASSERT(outdir_add(o, "a.h", "newer", 5));
    listen();
    CU_ASSERT(!outdir_add(o, "b", "b", 1));
    CU_ASSERT(!outdir_commit(o));
    CU_ASSERT(heard("it is a directory"));
    CU_ASSERT(holds(in_folder("x/y/z/a.h"), "new"));
    CU_ASSERT_EQUAL(entries(dir), 3);

    /* one that comes between: what was new is taken back */
    rmdir(in_folder("x/y/z/b"));
    o = outdir_open(dir);
    outdir_add(o, "n", "n", 1);
    outdir_add(o, "b", "b", 1);
    mkdir(in_folder("x/y/z/b"), 0700);
    listen();
    CU_ASSERT(!outdir_commit(o));
    CU_ASSERT(heard("cannot write"));
    CU_ASSERT_EQUAL(entries(dir), 3);

    listen();
    CU_ASSERT_PTR_NULL(outdir_open(in_folder("victim")));
    CU_ASSERT(heard("it is a file"));
    listen();
    CU_ASSERT_PTR_NULL(outdir_open(in_folder("w/../victim/v")));
    CU_ASSERT(heard("cannot write"));
    CU_ASSERT_EQUAL(entries(folder), 2);
    CU_ASSERT(!system(arena_printf(arena, "rm -r '%s'/x '%s'/victim", folder, folder)));
}

/* A child that opens a folder and a file and then ends in some way: nothing may be left. how: a signal, or -1 where
   memory is used up. */
static void leave_by(int how)
{
    fflush(NULL);
    pid_t pid = fork();
    if (!pid) {
        static OutDir *volatile d; /* reachable, so that no leak is reported */
        static OutFile *volatile o;
        d = outdir_open(in_folder("p/q"));
        outdir_add(d, "f", "data", 4);
        o = out_open(in_folder("single"));
        out_write(o, "data", 4);
        bool there = entries(folder) == 2;
        if (how < 0 && !freopen("/dev/null", "w", stderr))
            exit(1);
        if (how < 0)
            out_of_memory();
        if (how)
            raise(how);
        exit(!there);
    }
    int status;
    waitpid(pid, &status, 0);
    if (how > 0)
        CU_ASSERT(WIFSIGNALED(status) && WTERMSIG(status) == how)
    else
        CU_ASSERT(WIFEXITED(status) && WEXITSTATUS(status) == -how)
    CU_ASSERT_EQUAL(entries(folder), 0);
}

static void test_left_behind(void)
{
    static const int kinds[] = {SIGHUP, SIGINT, SIGQUIT, SIGABRT, SIGPIPE, SIGALRM, SIGTERM, SIGXCPU, SIGUSR1, SIGUSR2,
                                SIGSYS, SIGTRAP, SIGVTALRM, SIGPROF, SIGIO};
    leave_by(0);
    leave_by(-1);
    for (int i = 0; i < LEN(kinds); i++)
        leave_by(kinds[i]);
}

/* A tree as a compiler may leave it. */
static void test_remove_tree(void)
{
    mkdir(in_folder("t"), 0700);
    mkdir(in_folder("t/u"), 0700);
    CU_ASSERT(!symlink("..", in_folder("t/u/up")));
    for (int i = 0; i < 200; i++)
        CU_ASSERT(write_file(arena_printf(arena, "%s/t/u/a_name_of_some_length_%d", folder, i), "x", 1));
    CU_ASSERT(write_file(in_folder("beside"), "x", 1));
    remove_tree(in_folder("t"));
    CU_ASSERT_EQUAL(entries(folder), 1);
    remove_tree(in_folder("beside"));
    remove_tree(in_folder("nothing"));
    CU_ASSERT_EQUAL(entries(folder), 0);
}

/* ---- JSON ---- */

static void test_json(void)
{
    json_t *o = js_object(), *list = js_list();
    Buf b = {0};
    json_error_t e;
    js_put(o, "te\xffxt", js_text("\xe9t\xc3\xa9 \xed\xa0\x80 \xf0\x9f\x98\x80 \xc3"));
    js_put(o, "none", js_text(NULL));
    js_put(o, "n", js_int(INT64_MAX));
    js_add(list, js_real(1.0 / 3, 2));
    js_add(list, js_real(NAN, 2));
    js_add(list, js_real(-INFINITY, 2));
    js_add(list, js_real(1e300, 9));
    js_put(o, "list", list);
    js_print(&b, o, JSON_SORT_KEYS | JSON_COMPACT | JSON_REAL_PRECISION(3));
    CU_ASSERT_STRING_EQUAL(b.s, "{\"list\":[0.33,null,null,1e300],\"n\":9223372036854775807,\"none\":null,"
                                "\"te\\\\xffxt\":\"\\\\xe9t\xc3\xa9 \\\\xed\\\\xa0\\\\x80 \xf0\x9f\x98\x80 \\\\xc3\"}");
    json_t *back = js_read(b.s, b.n, &e);
    CU_ASSERT_STRING_EQUAL(json_string_value(json_object_get(back, "te\\xffxt")),
                           "\\xe9t\xc3\xa9 \\xed\\xa0\\x80 \xf0\x9f\x98\x80 \\xc3");
    json_decref(back);
    buf_free(&b);
    CU_ASSERT_PTR_NULL(js_read("{", 1, &e));
}

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
    CU_ASSERT(heard("a picture fills f32[1,1,h,w], f32[1,3,h,w] or, channels last, f32[1,h,w,3]; the input 'image' is f32[1,2,1,1]"));
}

static void test_sha256(void)
{
    uint8_t h[32];
    char hex[65];
    sha256("abc", 3, h); /* FIPS 180-4, example 1 */
    sha256_hex(h, hex);
    CU_ASSERT_STRING_EQUAL(hex, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

void suite_io(void)
{
    CU_pSuite s = CU_add_suite("io", setup, teardown);
    CU_add_test(s, "read and map", test_read);
    CU_add_test(s, "map a pipe", test_pipe);
    CU_add_test(s, "one file out", test_out);
    CU_add_test(s, "errors of files out", test_out_errors);
    CU_add_test(s, "a full disk", test_out_full);
    CU_add_test(s, "a pipe out", test_out_special);
    CU_add_test(s, "a folder out", test_outdir);
    CU_add_test(s, "nothing left behind", test_left_behind);
    CU_add_test(s, "a tree", test_remove_tree);
    CU_add_test(s, "JSON", test_json);
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
