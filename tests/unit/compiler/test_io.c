/* Files that appear whole or not at all, JSON. */
#include "../../../compiler/io/json.h"
#include "../../../ir/base/cleanup.h"
#include "files.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

void suite_io(void);

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
}
