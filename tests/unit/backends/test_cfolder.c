/* The folder that the C backend writes: entry points, weights in three forms, self tests, names, and flags. */
#include "cbackend_programs.h"

void suite_cfolder(void);

/* ---- threads and traces ---- */

typedef struct Parts { int loops, parts; bool backwards; } Parts;

static void parallel_for(void *ctx, size_t n, void (*body)(void *, size_t, size_t), void *arg)
{
    Parts *p = ctx;
    p->loops++;
    for (size_t i = 0, step = p->backwards ? 1 : 2; i < n; i += step, p->parts++)
        if (p->backwards)
            body(arg, n - 1 - i, n - i);
        else
            body(arg, i, i + step < n ? i + step : n);
}

static void test_threads(void)
{
    begin_test();
    BackendOptions o = options("native");
    o.threads = true;
    build_threaded(o.target);
    Io io = interpret(true);
    void *lib = emit(&o) ? compile(&o, "cc", WARNINGS) : NULL;
    clear_outputs(&io);
    CU_ASSERT_EQUAL(run(lib, "run", &io, NULL), DSQ_OK);
    compare(&io, "run");
    for (int i = 0; i < 2; i++) {
        Parts parts = {.backwards = i};
        dsq_executor e = {.ctx = &parts, .threads = 3, .parallel_for = parallel_for};
        clear_outputs(&io);
        CU_ASSERT_EQUAL(run(lib, "run_mt", &io, &e), DSQ_OK);
        compare(&io, i ? "run_mt backwards" : "run_mt");
        /* Two convolutions of 3 rows, edge of 7 and the zeros, leading of 31 after its store, staged of 24. Counting
           and drifting are not divided. */
        CU_ASSERT_EQUAL(parts.loops, 5);
        CU_ASSERT_EQUAL(parts.parts, i ? 3 + 3 + 8 + 31 + 24 : 2 + 2 + 4 + 16 + 12);
    }
    CU_ASSERT_EQUAL(run(lib, "run_mt", &io, NULL), DSQ_EINVAL);
    if (lib)
        dlclose(lib);
    end_test();
}

static int traced[16], ntraced;

static void hook(void *user, int which)
{
    CU_ASSERT_PTR_EQUAL(user, traced);
    if (ntraced < LEN(traced))
        traced[ntraced++] = which;
}

static void check_trace(void)
{
    CU_ASSERT_EQUAL(ntraced, 4);
    for (int i = 0; i < ntraced; i++)
        CU_ASSERT_EQUAL(traced[i], i - 1);
}

static void test_trace(void)
{
    begin_test();
    BackendOptions o = options("generic");
    o.trace = true;
    build_conv(o.target);
    Io io = interpret(true);
    void *lib = emit(&o) ? compile(&o, "cc", WARNINGS) : NULL, *f = symbol(lib, "run_trace");
    if (f) {
        int (*r)(const float *, float *, void *, void (*)(void *, int), void *);
        memcpy(&r, &f, sizeof r);
        clear_outputs(&io);
        ntraced = 0;
        CU_ASSERT_EQUAL(r(io.got[0], io.got[1], io.arena, hook, traced), DSQ_OK);
        compare(&io, "run_trace");
        check_trace();
        dlclose(lib);
    }
    end_test();
}

/* With threads a traced run takes an executor, too. */
static void test_threads_trace(void)
{
    begin_test();
    BackendOptions o = options("generic");
    Parts parts = {0};
    dsq_executor e = {.ctx = &parts, .threads = 3, .parallel_for = parallel_for};
    o.trace = o.threads = true;
    build_threaded(o.target);
    Io io = interpret(true);
    void *lib = emit(&o) ? compile(&o, "cc", WARNINGS) : NULL, *f = symbol(lib, "run_trace");
    if (f) {
        int (*r)(const float *, float *, void *, const dsq_executor *, void (*)(void *, int), void *);
        memcpy(&r, &f, sizeof r);
        clear_outputs(&io);
        ntraced = 0;
        CU_ASSERT_EQUAL(r(io.got[0], io.got[1], io.arena, &e, hook, traced), DSQ_OK);
        compare(&io, "run_trace with threads");
        CU_ASSERT_EQUAL(ntraced, P->call.n + 1);
        CU_ASSERT_EQUAL(parts.loops, 5); /* as in run_mt */
        CU_ASSERT_EQUAL(r(io.got[0], io.got[1], io.arena, NULL, hook, traced), DSQ_EINVAL);
        dlclose(lib);
    }
    end_test();
}

/* ---- weights, self tests, arguments ---- */

static const char *const as_name[] = {"c", "asm", "file"};

static void test_weights_as(void)
{
    for (int i = 0; i < 6; i++) {
        begin_test();
        BackendOptions o = options(i % 2 ? "native" : "generic");
        o.weights_as = (WeightsAs)(i / 2);
        build_conv(o.target);
        Io io = interpret(true);
        const char *cc = compilers[i % 2];
        void *lib = have(cc) && emit(&o) ? compile(&o, cc, WARNINGS) : NULL, *blob = NULL;
        if (o.weights_as == WEIGHTS_FILE) {
            size_t n = 0;
            char *s = read_file(A, arena_printf(A, "%s/conv.bin", folder), 1 << 26, &n);
            blob = memcpy(aligned((int64_t)n), s, n);
            CU_ASSERT_PTR_NOT_NULL(strstr(slurp("conv.h"), arena_printf(A, "CONV_WEIGHTS_BYTES   %zuu", n)));
        }
        clear_outputs(&io);
        CU_ASSERT_EQUAL(run(lib, "run", &io, blob), DSQ_OK);
        compare(&io, as_name[i / 2]);
        if (blob) {
            CU_ASSERT_EQUAL(run(lib, "run", &io, NULL), DSQ_EINVAL);
            CU_ASSERT_EQUAL(run(lib, "run", &io, (char *)blob + 4), DSQ_EINVAL);
        }
        if (lib)
            dlclose(lib);
        end_test();
    }
}

static bool emit_selftest(const BackendOptions *o, const Io *io, double tol)
{
    OutDir *dir = outdir_open(folder);
    const float *in[MAX_IO], *out[MAX_IO];
    int ni = 0, no = 0;
    for (int i = 0, k = 0; i < P->buf.n; i++)
        if (P->buf.v[i].kind == BUF_INPUT)
            in[ni++] = io->want[k++];
        else if (P->buf.v[i].kind == BUF_OUTPUT)
            out[no++] = io->want[k++];
    bool ok = dir && backend_c(P, o, dir) && backend_c_selftest(P, o, in, out, tol, dir) && outdir_commit(dir);
    CU_ASSERT(ok);
    return ok;
}

static void test_selftest(void)
{
    for (int i = 0; i < 3; i++) {
        begin_test();
        BackendOptions o = options("native");
        o.weights_as = (WeightsAs)i;
        build_conv(o.target);
        Io io = interpret(true);
        float largest = 0;
        int64_t n = type_elems(&P->buf.v[1].type);
        for (int64_t j = 0; j < n; j++)
            largest = fmaxf(largest, fabsf(io.want[1][j]));
        const char *more = i == WEIGHTS_ASM ? "conv_weights.S" : "";
        for (int wrong = 0; wrong < 3; wrong++) {
            io.want[1][5] += wrong == 1 ? 2e-5f * largest : wrong == 2 ? NAN : 0;
            emit_selftest(&o, &io, 1e-5);
            MUST("cc %s %s -DDSQ_SELFTEST_STDIO -o st conv.c conv_selftest.c %s", o.target->cflags, WARNINGS, more);
            CU_ASSERT_EQUAL(sh("./st"), wrong != 0);
            CU_ASSERT_PTR_NOT_NULL(strstr(slurp("out.txt"), wrong ? "FAILED" : "ok"));
            if (i == WEIGHTS_FILE)
                continue; /* nothing reads the file without stdio */
            MUST("cc %s %s -o st conv.c conv_selftest.c %s", o.target->cflags, WARNINGS, more);
            CU_ASSERT_EQUAL(sh("./st"), wrong != 0);
        }
        end_test();
    }
}

static void test_bad_arguments(void)
{
    begin_test();
    BackendOptions o = options("generic");
    build_conv(o.target);
    Io io = interpret(true);
    void *lib = emit(&o) ? compile(&o, "cc", "") : NULL, *f = symbol(lib, "run");
    if (f) {
        Run3 *r;
        memcpy(&r, &f, sizeof r);
        char *x = (char *)io.got[0], *y = (char *)io.got[1], *a = io.arena;
        CU_ASSERT_EQUAL(r(NULL, y, a), DSQ_EINVAL);
        CU_ASSERT_EQUAL(r(x, NULL, a), DSQ_EINVAL);
        CU_ASSERT_EQUAL(r(x, y, NULL), DSQ_EINVAL);
        CU_ASSERT_EQUAL(r(x + 1, y, a), DSQ_EINVAL);
        CU_ASSERT_EQUAL(r(x, y + 2, a), DSQ_EINVAL);
        CU_ASSERT_EQUAL(r(x, y, a + 4), DSQ_EINVAL);
        CU_ASSERT_EQUAL(r(x, y, a), DSQ_OK);
        dlclose(lib);
    }
    end_test();
}

/* ---- files as others compile them ---- */

/* Two models in one program, one arena for both, no undefined symbol in either. */
static void test_freestanding(void)
{
    for (int j = 0; j < LEN(compilers); j++) {
        begin_test();
        if (have(compilers[j])) {
            BackendOptions o = options("generic");
            build_conv(o.target);
            Io conv = interpret(true);
            emit_selftest(&o, &conv, 0);
            int64_t bytes = P->arena_bytes;
            build_kernels_optimized(o.target);
            Io kernels = interpret(true);
            emit_selftest(&o, &kernels, 0);
            bytes = imax(bytes, P->arena_bytes);
            static const char *const level[] = {"-O0", "-O2", "-O3"};
            for (int i = 0; i < LEN(level); i++) {
                MUST("%s %s -std=c99 -ffreestanding " WARNINGS " -c conv.c kernels.c", compilers[j], level[i]);
                MUST("nm -u conv.o kernels.o");
                CU_ASSERT_STRING_EQUAL(slurp("out.txt"), "\nconv.o:\n\nkernels.o:\n");
            }
            write_file_in("main.c", "int conv_selftest(void), kernels_selftest(void), both(void);\n"
                                    "int main(void) { return conv_selftest() + kernels_selftest() + both(); }\n");
            write_file_in("both.c", arena_printf(A,
                "#include \"conv.h\"\n#include \"kernels.h\"\n"
                "static unsigned char arena[%lld] __attribute__((aligned(64)));\n"
                "static float x[CONV_IMAGE_ELEMS + KERNELS_IMAGE_ELEMS], y[CONV_OUT_ELEMS], z[KERNELS_OUT_ELEMS];\n"
                "int both(void);\nint both(void) { return conv_run(x, y, arena) + kernels_run(x, z, arena); }\n",
                (long long)bytes));
            MUST("%s -DDSQ_SELFTEST_NO_MAIN -O1 -o both main.c both.c conv.o kernels.o *_selftest.c", compilers[j]);
            MUST("./both");
        } else
            skip(compilers[j]);
        end_test();
    }
}

/* Flags that allow contraction and library calls: the file itself says no. */
static void test_flags(void)
{
    for (int j = 0; j < LEN(compilers); j++) {
        begin_test();
        BackendOptions o = options("native");
        if (have(compilers[j])) {
            build_threaded(o.target);
            epilogue_kernel(o.target, 0, 0, false);
            P->arena_bytes = imax(P->arena_bytes, 4 * 96);
            int out = 1, at = (int)type_elems(&P->buf.v[out].type);
            int64_t more = at + 96;
            P->buf.v[out].type = type_make(DT_F32, 1, &more);
            begin_kernel("move");
            int p = param("x", DT_F32, ACC_RO, 1, 96, 0, 0), q = param("y", DT_F32, ACC_WO, 1, 96, 0, 0);
            const Ix *i = V(serial("i", C(0), C(96), 1));
            store1(q, i, load1(p, i, 1, 0), 0);
            kb_end(&B);
            CALL({ARG_ARENA, 0}, {out, at});
            Io io = interpret(true);
            Target t = *o.target;
            t.cflags = "-O3 -std=gnu11 -march=native";
            o.target = &t;
            void *lib = emit(&o) ? compile(&o, compilers[j], WARNINGS) : NULL;
            clear_outputs(&io);
            CU_ASSERT_EQUAL(run(lib, "run", &io, NULL), DSQ_OK);
            compare(&io, compilers[j]);
            if (lib)
                dlclose(lib);
            MUST("%s %s -c conv.c && nm -u conv.o", compilers[j], "-O3 -std=gnu11 -march=native");
            if (!strcmp(compilers[j], "gcc"))
                CU_ASSERT_STRING_EQUAL(slurp("out.txt"), "");
        } else
            skip(compilers[j]);
        end_test();
    }
}

static void test_deterministic(void)
{
    static const char *const file[] = {"conv.c", "conv.h", "conv.bin", "conv_weights.S"};
    const char *first[LEN(file)] = {0};
    Arena *keep = arena_new();
    for (int i = 0; i < 2; i++) {
        begin_test();
        BackendOptions o = options("x86-64-v3");
        o.weights_as = WEIGHTS_ASM;
        o.threads = true;
        build_threaded(o.target);
        emit(&o);
        for (int j = 0; j < LEN(file); j++) {
            size_t n = 0;
            const char *s = read_file(A, arena_printf(A, "%s/%s", folder, file[j]), 1 << 26, &n);
            if (i == 0)
                first[j] = arena_strndup(keep, s, n);
            else
                CU_ASSERT_EQUAL(memcmp(first[j], s, n + 1), 0);
        }
        end_test();
    }
    arena_free(keep);
}

static void test_names(void)
{
    begin_test();
    BackendOptions o = options("native");
    o.threads = true;
    build_names(o.target);
    Io io = interpret(false);
    emit(&o);
    void *lib = compile(&o, "cc", WARNINGS);
    clear_outputs(&io);
    CU_ASSERT_EQUAL(run(lib, "run", &io, NULL), DSQ_OK);
    compare(&io, "names");
    write_file_in("m.cc", "#include \"class.h\"\n#include \"class.h\"\n"
                          "int main() { return class_run(0, 0, 0) != DSQ_EINVAL; }\n");
    if (have("c++"))
        MUST("c++ -Wall -Wextra -o m m.cc ./class.so && ./m");
    else
        skip("no c++");
    if (lib)
        dlclose(lib);
    end_test();
}

void suite_cfolder(void)
{
    CU_pSuite s = CU_add_suite("cfolder", NULL, NULL);
    CU_add_test(s, "threads", test_threads);
    CU_add_test(s, "trace", test_trace);
    CU_add_test(s, "threads and trace", test_threads_trace);
    CU_add_test(s, "weights as arrays, by the assembler, as a file", test_weights_as);
    CU_add_test(s, "self test", test_selftest);
    CU_add_test(s, "bad arguments", test_bad_arguments);
    CU_add_test(s, "freestanding, two models in one program", test_freestanding);
    CU_add_test(s, "flags that allow what they should not", test_flags);
    CU_add_test(s, "deterministic", test_deterministic);
    CU_add_test(s, "names", test_names);
}
