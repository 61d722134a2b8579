/* The LLVM backend's arithmetic: programs become functions in this process, or objects that are linked and run under
   emulators, and must give the bits that the loop interpreter gives. */
#include "../../../backends/llvm/llvm.h"
#include "cbackend_programs.h"

void suite_llvm(void);

static void *weights_memory(size_t n)
{
    return aligned((int64_t)n);
}

typedef union LlvmFn {
    void *sym;
    int (*run)(float *const *, void *);
    int (*mt)(float *const *, void *, const dsq_executor *);
    int (*trace)(float *const *, void *, const dsq_executor *, void (*)(void *, int), void *);
} LlvmFn;

static LlvmFn function(const LlvmCode *code, LlvmRun kind)
{
    return (LlvmFn){code ? llvm_function(code, kind) : NULL};
}

static void run_and_compare(Io *io, const LlvmCode *code, const char *what)
{
    LlvmFn f = function(code, LLVM_RUN);
    clear_outputs(io);
    CU_ASSERT_PTR_NOT_NULL(f.sym);
    if (!f.sym)
        return;
    CU_ASSERT_EQUAL(f.run(io->got, io->arena), DSQ_OK);
    compare(io, what);
}

static void same_everywhere(void (*build)(const Target *), bool plain)
{
    for (int i = 0; i < HOST_TARGETS; i++) {
        if (!runs_here(host_targets[i])) {
            skip(host_targets[i]);
            continue;
        }
        begin_test();
        BackendOptions o = options(host_targets[i]);
        build(o.target);
        Io io = interpret(plain);
        LlvmCode *code = llvm_load(A, P, &o, weights_memory);
        run_and_compare(&io, code, arena_printf(A, "%s, LLVM", host_targets[i]));
        if (code)
            llvm_unload(code);
        end_test();
    }
}

static void test_operations(void) { same_everywhere(build_operations, false); }
static void test_conv(void) { same_everywhere(build_conv, true); }
static void test_stem(void) { same_everywhere(build_stem, true); }
static void test_kernels(void) { same_everywhere(build_kernels, false); }
static void test_kernels_optimized(void) { same_everywhere(build_kernels_optimized, true); }

/* ---- elementary functions ---- */

enum { STEP = 9973, ARGUMENTS = 1 << 16 };
static const XOp math_op[] = {X_exp, X_tanh, X_erf, X_sqrt, X_sqrt_soft};

/* out[k][i] = f_k(in[i]), in vectors of the target's width. */
static void build_math(const Target *t)
{
    program("functions");
    int in = buffer("x", BUF_INPUT, DT_F32, ARGUMENTS, NULL);
    int out = buffer("y", BUF_OUTPUT, DT_F32, LEN(math_op) * ARGUMENTS, NULL);
    for (int k = 0; k < LEN(math_op); k++) {
        begin_kernel(xop_info[math_op[k]].name);
        int p = param("x", DT_F32, ACC_RO, 1, ARGUMENTS, 0, 0), q = param("y", DT_F32, ACC_WO, 1, ARGUMENTS, 0, 0);
        const Ix *i = V(serial("i", C(0), C(ARGUMENTS), t->lanes));
        store1(q, i, x_un(&B, math_op[k], load1(p, i, t->lanes, 0)), 0);
        kb_end(&B);
        CALL({in, 0}, {out, k * ARGUMENTS});
    }
}

static void test_math(void)
{
    begin_test();
    BackendOptions o = options("native");
    build_math(o.target);
    LlvmCode *code = llvm_load(A, P, &o, weights_memory);
    LlvmFn f = function(code, LLVM_RUN);
    enum { RESULTS = ARGUMENTS * LEN(math_op) };
    float *x = aligned(4 * ARGUMENTS), *got = aligned(4 * RESULTS), *want = aligned(4 * RESULTS);
    int wrong = f.sym ? 0 : 1;
    uint32_t bits = 0;
    for (int round = 0; f.sym && round < 7; round++) { /* all exponents, seven times 65,536 arguments */
        for (int i = 0; i < ARGUMENTS; i++, bits += STEP)
            memcpy(&x[i], &bits, 4);
        CU_ASSERT_EQUAL(f.run((float *[]){x, got}, aligned(1)), DSQ_OK);
        CU_ASSERT_PTR_NULL(program_interp(P, (float *[]){x, want}, NULL, A));
        for (int i = 0; i < RESULTS; i++)
            if (memcmp(&want[i], &got[i], 4) && !(isnan(want[i]) && isnan(got[i])) && wrong++ < 3)
                printf("%s(%a) is %a, the interpreter's %a\n", xop_info[math_op[i / ARGUMENTS]].name,
                       (double)x[i % ARGUMENTS], (double)got[i], (double)want[i]);
    }
    CU_ASSERT_EQUAL(wrong, 0);
    if (code)
        llvm_unload(code);
    end_test();
}

/* ---- NAME_run_mt and NAME_run_trace ---- */

static void by_threes(void *ctx, size_t n, void (*body)(void *, size_t, size_t), void *arg)
{
    (void)ctx;
    for (size_t at = (n + 2) / 3; at-- > 0;)
        body(arg, 3 * at, 3 * at + 3 < n ? 3 * at + 3 : n);
}

typedef struct Heard { int n, last; bool in_order; } Heard;

static void hear(void *user, int call)
{
    Heard *h = user;
    h->in_order = h->in_order && call == h->last + 1;
    h->last = call;
    h->n++;
}

static void test_siblings(void)
{
    begin_test();
    BackendOptions o = options("native");
    o.threads = o.trace = true;
    build_threaded(o.target);
    Io io = interpret(true);
    LlvmCode *code = llvm_load(A, P, &o, weights_memory);
    LlvmFn mt = function(code, LLVM_RUN_MT), trace = function(code, LLVM_RUN_TRACE), run = function(code, LLVM_RUN);
    dsq_executor e = {.threads = 2, .parallel_for = by_threes}, nothing = {.threads = 2};
    Heard h = {.last = -2, .in_order = true};
    CU_ASSERT_PTR_NOT_NULL(code);
    if (code) {
        clear_outputs(&io);
        CU_ASSERT_EQUAL(mt.mt(io.got, io.arena, &e), DSQ_OK);
        compare(&io, "run_mt");
        clear_outputs(&io);
        CU_ASSERT_EQUAL(trace.trace(io.got, io.arena, &e, hear, &h), DSQ_OK);
        compare(&io, "run_trace");
        CU_ASSERT(h.in_order);
        CU_ASSERT_EQUAL(h.n, P->call.n + 1);
        CU_ASSERT_EQUAL(mt.mt(io.got, io.arena, NULL), DSQ_EINVAL);
        CU_ASSERT_EQUAL(mt.mt(io.got, io.arena, &nothing), DSQ_EINVAL);
        CU_ASSERT_EQUAL(trace.trace(io.got, io.arena, &e, NULL, &h), DSQ_EINVAL);
        CU_ASSERT_EQUAL(trace.trace(io.got, io.arena, &nothing, hear, &h), DSQ_EINVAL);
        CU_ASSERT_EQUAL(run.run(io.got, NULL), P->arena_bytes ? DSQ_EINVAL : DSQ_OK);
        CU_ASSERT_EQUAL(run.run(io.got, (char *)io.arena + 4), P->arena_bytes ? DSQ_EINVAL : DSQ_OK);
        float *without[MAX_IO] = {0}, *odd[MAX_IO];
        memcpy(odd, io.got, sizeof odd);
        odd[0] = (float *)(void *)((char *)odd[0] + 1);
        CU_ASSERT_EQUAL(run.run(without, io.arena), DSQ_EINVAL);
        CU_ASSERT_EQUAL(run.run(odd, io.arena), DSQ_EINVAL);
        llvm_unload(code);
    }
    end_test();
}

/* ---- objects ---- */

/* The loop that decides everything, as test_cbackend.c has it for gcc. */
static void inner_loop(void (*build)(const Target *))
{
    begin_test();
    BackendOptions o = options("x86-64-v4");
    LlvmFacts facts;
    build(o.target);
    CU_ASSERT(llvm_object(A, P, &o, NULL, NULL, arena_printf(A, "%s/x.o", folder), &facts));
    MUST("objdump -d --no-show-raw-insn x.o > code.s");
    int fma = 0, between = 0, last = 0, spills = 0;
    char *save = NULL;
    for (char *line = strtok_r(slurp("code.s"), "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
        bool is_fma = strstr(line, "vfmadd");
        fma += is_fma;
        between += fma > 0;
        spills += fma > 0 && fma < 28 && strstr(line, "rsp");
        last = is_fma ? between : last;
    }
    bool good = fma == 28 && !spills && last <= 28 + 14 + 2;
    CU_ASSERT(good);
    if (!good)
        printf("%s: %d fused multiply-adds, %d instructions from first to last, %d spills\n", P->name, fma, last,
               spills);
    end_test();
}

static void test_inner_loop(void)
{
    inner_loop(build_conv);
    inner_loop(build_stem);
}

/* Every target's object: its machine, and nothing undefined but arithmetic in software. */
static void test_objects(void)
{
    static const char *const target[][2] = {
        {"generic", ""}, {"x86-64-v2", "X86-64"}, {"x86-64-v4", "X86-64"}, {"aarch64", "AArch64"},
        {"cortex-m4", "ARM"}, {"cortex-m7", "ARM"}, {"cortex-m55", "ARM"}, {"rv32imc", "RISC-V"}, {"rv64gc", "RISC-V"},
    };
    void (*const build[])(const Target *) = {build_operations, build_conv, build_kernels_optimized, build_math};
    for (int i = 0; i < LEN(target); i++)
        for (int j = 0; j < LEN(build); j++) {
            begin_test();
            BackendOptions o = options(target[i][0]);
            LlvmFacts facts;
            build[j](o.target);
            CU_ASSERT(llvm_object(A, P, &o, NULL, NULL, arena_printf(A, "%s/x.o", folder), &facts));
            MUST("readelf -h x.o | grep -q 'Machine:.*%s'", target[i][1]);
            sh("nm -u x.o | grep -v '%s'", strcmp(target[i][0], "rv32imc") ? "^$" : " __[a-z]*[sd][if]2*3*$");
            CU_ASSERT_STRING_EQUAL(slurp("out.txt"), "");
            end_test();
        }
}

/* What LLVM does not know, or cannot do, is an error with a name. */
static void refused(const BackendOptions *o, const char *wanted)
{
    Buf said = {0};
    LlvmFacts facts;
    diag_reset();
    diag_capture(&said);
    CU_ASSERT_FALSE(llvm_object(A, P, o, NULL, NULL, arena_printf(A, "%s/x.o", folder), &facts));
    diag_capture(NULL);
    CU_ASSERT_PTR_NOT_NULL(strstr(said.s ? said.s : "", wanted));
    if (!strstr(said.s ? said.s : "", wanted))
        printf("%s", said.s ? said.s : "nothing was said\n");
    buf_free(&said);
    diag_reset();
}

static void test_refusals(void)
{
    begin_test();
    BackendOptions o = options("x86-64-v3");
    build_conv(o.target);
    o.cpu = "pentium17";
    refused(&o, "'pentium17' is not a recognized processor");
    o.cpu = "x86-64";
    refused(&o, "fused multiply-adds, which x86-64 lacks");
    o.cpu = NULL, o.triple = "nonsense";
    refused(&o, "nonsense");
    o.triple = "powerpc64-unknown-linux-gnu";
    refused(&o, "big-endian");
    end_test();
}

/* ---- other machines ---- */

static void test_aarch64(void)
{
    void (*const build[])(const Target *) = {build_operations, build_conv, build_kernels_optimized, build_math};
    begin_test();
    BackendOptions o = options("aarch64");
    const char *cc = o.target->cc ? o.target->cc : "cc", *runner = o.target->cc ? "qemu-aarch64" : "";
    bool able = have(cc) && (!*runner || have(runner));
    end_test();
    for (int i = 0; able && i < LEN(build); i++) {
        begin_test();
        LlvmFacts facts;
        build[i](o.target);
        Io io = interpret(false);
        OutDir *dir = outdir_open(folder);
        CU_ASSERT(dir && backend_c_interface(P, &o, false, dir) && outdir_commit(dir));
        CU_ASSERT(llvm_object(A, P, &o, NULL, NULL, arena_printf(A, "%s/%s.o", folder, P->name), &facts));
        write_runner();
        clear_outputs(&io);
        move_io(&io, "io.bin", true);
        MUST("%s -O1 -static -o st main.c %s.o", cc, P->name);
        MUST("timeout 60 %s ./st", runner);
        move_io(&io, "out.bin", false);
        compare(&io, "aarch64, LLVM");
        end_test();
    }
    if (!able)
        skip("aarch64: no cross compiler or no qemu-aarch64");
}

void suite_llvm(void)
{
    CU_pSuite s = CU_add_suite("llvm", NULL, NULL);
    if (!llvm_present()) {
        skip("built without LLVM");
        return;
    }
    CU_add_test(s, "every operation", test_operations);
    CU_add_test(s, "convolution tile", test_conv);
    CU_add_test(s, "stem", test_stem);
    CU_add_test(s, "kernels", test_kernels);
    CU_add_test(s, "kernels after passes", test_kernels_optimized);
    CU_add_test(s, "elementary functions", test_math);
    CU_add_test(s, "threads and traces", test_siblings);
    CU_add_test(s, "inner loop", test_inner_loop);
    CU_add_test(s, "objects of every target", test_objects);
    CU_add_test(s, "refusals", test_refusals);
    CU_add_test(s, "aarch64 emulated", test_aarch64);
}
