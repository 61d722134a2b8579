/* The C backend's arithmetic: programs are printed, compiled by the system's compilers, loaded and run, and must give
   the bits that the loop interpreter gives, on every target that this machine can run or emulate. */
#include "cbackend_programs.h"

void suite_cbackend(void);

/* A program made by build(target) gives the interpreter's bits on every target of this host, by every compiler. */
static void same_everywhere(void (*build)(const Target *), bool plain)
{
    for (int i = 0; i < HOST_TARGETS; i++) {
        if (!runs_here(host_targets[i])) {
            skip(host_targets[i]);
            continue;
        }
        for (int j = 0; j < LEN(compilers); j++) {
            begin_test();
            BackendOptions o = options(host_targets[i]);
            if (have(compilers[j])) {
                build(o.target);
                Io io = interpret(plain);
                void *lib = emit(&o) ? compile(&o, compilers[j], WARNINGS) : NULL;
                clear_outputs(&io);
                CU_ASSERT_EQUAL(run(lib, "run", &io, NULL), DSQ_OK);
                compare(&io, arena_printf(A, "%s, %s", host_targets[i], compilers[j]));
                if (lib)
                    dlclose(lib);
            } else
                skip(compilers[j]);
            end_test();
        }
    }
}

static void test_operations(void)
{
    same_everywhere(build_operations, false);
}

static void test_conv(void)
{
    same_everywhere(build_conv, true);
}

static void test_kernels(void)
{
    same_everywhere(build_kernels, false);
}

static void test_kernels_optimized(void)
{
    same_everywhere(build_kernels_optimized, true);
}

/* ---- other machines ---- */

static void build_everything(const Target *t, int which)
{
    void (*const build[])(const Target *) = {build_operations, build_conv, build_kernels_optimized, build_names};
    build[which](t);
}

/* aarch64 under user-mode emulation: the interpreter's bits. */
static void test_aarch64(void)
{
    for (int i = 0; i < 4; i++) {
        begin_test();
        BackendOptions o = options("aarch64");
        const char *cc = o.target->cc ? o.target->cc : "cc", *runner = o.target->cc ? "qemu-aarch64" : "";
        if (have(cc) && (!*runner || have(runner))) {
            build_everything(o.target, i);
            Io io = interpret(false);
            emit(&o);
            write_runner();
            clear_outputs(&io);
            move_io(&io, "io.bin", true);
            MUST("%s %s " WARNINGS " -c %s.c && %s -O1 -static -o st main.c %s.o", cc, o.target->cflags, P->name, cc,
                 P->name);
            MUST("timeout 60 %s ./st", runner);
            move_io(&io, "out.bin", false);
            compare(&io, "aarch64");
        } else
            skip("aarch64: no cross compiler or no qemu-aarch64");
        end_test();
    }
}

/* Offsets beyond 31 bits, in an arena of address space without memory behind it. */
static void test_wide(void)
{
    begin_test();
    int64_t row = (int64_t)1 << 31;
    BackendOptions o = options("generic");
    program("wide");
    int in = buffer("x", BUF_INPUT, DT_F32, 64, NULL), out = buffer("y", BUF_OUTPUT, DT_F32, 64, NULL);
    begin_kernel("far");
    int p = param("x", DT_F32, ACC_RO, 1, 64, 0, 0), q = param("far", DT_F32, ACC_RW, 2, 2, row, 0);
    int r = param("y", DT_F32, ACC_WO, 1, 64, 0, 0);
    int y = serial("y", C(0), C(2), 1), x = serial("x", C(0), C(32), 1);
    const Ix *at = plus(times(V(y), 32), V(x)), *end = plus(V(x), C(row - 40));
    kb_store(&B, q, (const Ix *[]){V(y), end}, load1(p, at, 1, 0), 0);
    store1(r, at, x_bin(&B, X_add, load2(q, V(y), end, 1), load1(p, ix_mod(A, plus(at, C(-5)), 64), 1, 0)), 0);
    kb_end(&B);
    kb_end(&B);
    CALL({in, 0}, {ARG_ARENA, 0}, {out, 0});
    void *far = mmap(NULL, (size_t)row * 8, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (far != MAP_FAILED) {
        P->arena_bytes = row * 8;
        Io io = interpret_in(true, far);
        void *lib = emit(&o) ? compile(&o, "cc", WARNINGS) : NULL;
        P->arena_bytes = 0; /* clear_outputs leaves it alone */
        clear_outputs(&io);
        CU_ASSERT_EQUAL(run(lib, "run", &io, NULL), DSQ_OK);
        compare(&io, "wide");
        CU_ASSERT_PTR_NOT_NULL(strstr(slurp("wide.c"), "for (long long y"));
        if (lib)
            dlclose(lib);
        munmap(far, (size_t)row * 8);
    } else
        skip("no address space for 16 GiB");
    end_test();
}

/* Microcontrollers: no warning and no call of a library, but of software floating point where there is no other. */
static void test_cross(void)
{
    static const char *const target[] = {"aarch64", "cortex-m4", "cortex-m7", "cortex-m55", "rv32imc", "rv64gc"};
    for (int i = 0; i < LEN(target); i++) {
        begin_test();
        BackendOptions o = options(target[i]);
        if (o.target->cc && have(o.target->cc)) {
            for (int j = 0; j < 4; j++) {
                build_everything(o.target, j);
                emit(&o);
                MUST("%s %s " WARNINGS " -c %s.c -o %d.o", o.target->cc, o.target->cflags, P->name, j);
                sh("nm -u %d.o | grep -v ' __[a-z]*[sd][if]2*3*$'", j);
                CU_ASSERT_STRING_EQUAL(slurp("out.txt"), "");
                if (strcmp(target[i], "rv32imc")) {
                    MUST("nm -u %d.o", j);
                    CU_ASSERT_STRING_EQUAL(slurp("out.txt"), "");
                }
            }
        } else
            skip(target[i]);
        end_test();
    }
}

/* The loop that decides everything: 2 weight vectors, 14 or 28 broadcasts, 28 fused multiply-adds, and little else
   from the first of these to the last. */
static void inner_loop(void (*build)(const Target *))
{
    begin_test();
    BackendOptions o = options("x86-64-v4");
    build(o.target);
    emit(&o);
    MUST("gcc %s -c %s.c && objdump -d --no-show-raw-insn %s.o > code.s", o.target->cflags, P->name, P->name);
    int fma = 0, between = 0, last = 0, spills = 0;
    char *save = NULL;
    for (char *line = strtok_r(slurp("code.s"), "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
        bool is_fma = strstr(line, "vfmadd");
        fma += is_fma;
        between += fma > 0;
        spills += fma > 0 && fma < 28 && strstr(line, "rsp");
        last = is_fma ? between : last;
    }
    bool good = fma == 28 && !spills && last <= 28 + 14 + 2; /* the compiler moves an instruction or two */
    CU_ASSERT(good);
    if (!good)
        printf("%s: %d fused multiply-adds, %d instructions from first to last, %d spills\n", P->name, fma, last,
               spills);
    end_test();
}

static void test_inner_loop(void)
{
    begin_test();
    bool able = have("gcc") && have("objdump");
    end_test();
    if (able) {
        inner_loop(build_conv);
        inner_loop(build_stem);
    } else
        skip("no gcc or objdump");
}

static void test_stem(void)
{
    same_everywhere(build_stem, true);
}

void suite_cbackend(void)
{
    CU_pSuite s = CU_add_suite("cbackend", NULL, NULL);
    CU_add_test(s, "every operation", test_operations);
    CU_add_test(s, "convolution tile", test_conv);
    CU_add_test(s, "stem", test_stem);
    CU_add_test(s, "kernels", test_kernels);
    CU_add_test(s, "kernels after passes", test_kernels_optimized);
    CU_add_test(s, "offsets beyond 31 bits", test_wide);
    CU_add_test(s, "aarch64 emulated", test_aarch64);
    CU_add_test(s, "cross compilers", test_cross);
    CU_add_test(s, "inner loop", test_inner_loop);
}
