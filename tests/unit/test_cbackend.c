/* The C backend: programs in loop IR are printed, compiled by the system's compilers, loaded and run, and must give the
   bits that the loop interpreter gives, on every target that this machine can run. */
#include "../../backends/backend.h"
#include "../../ir/loop_impl.h"
#include "../../runtime_min/dsq.h"

#include <CUnit/CUnit.h>
#include <dlfcn.h>
#include <ftw.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

void suite_cbackend(void);

static Arena *A;
static char folder[64];

/* ---- folders and commands ---- */

static int remove_entry(const char *path, const struct stat *st, int type, struct FTW *w)
{
    (void)st, (void)type, (void)w;
    return remove(path);
}

static void begin_test(void)
{
    A = arena_new();
    strcpy(folder, "/tmp/dsq-test-XXXXXX");
    if (!mkdtemp(folder))
        abort();
}

static void end_test(void)
{
    if (!getenv("DSQ_KEEP"))
        nftw(folder, remove_entry, 8, FTW_DEPTH | FTW_PHYS);
    arena_free(A);
}

/* Exit status of a shell command in the test's folder; what it printed is in out.txt. */
static int PRINTF(1, 2) sh(const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    const char *s = arena_printf(A, "cd %s && { %s; } >out.txt 2>&1", folder, arena_vprintf(A, fmt, ap));
    va_end(ap);
    int r = system(s);
    return WIFEXITED(r) ? WEXITSTATUS(r) : 255;
}

static char *slurp(const char *name)
{
    size_t n = 0;
    char *s = read_file(A, arena_printf(A, "%s/%s", folder, name), 1 << 26, &n);
    return s ? s : arena_strndup(A, "", 0);
}

static bool have(const char *tool)
{
    return sh("command -v %s", tool) == 0;
}

static void skip(const char *what)
{
    printf("# skipped: %s\n", what);
}

/* Runs a command that must succeed; shows what it printed where it does not. */
#define MUST(...)                                                                                                      \
    do {                                                                                                               \
        int r_ = sh(__VA_ARGS__);                                                                                      \
        CU_ASSERT_EQUAL(r_, 0);                                                                                        \
        if (r_)                                                                                                        \
            printf("%s", slurp("out.txt"));                                                                            \
    } while (0)

/* ---- programs ---- */

enum { MAX_IO = 12 };
static Program *P;
static KB B;

static Program *program(const char *name)
{
    P = NEW(A, Program, 1);
    *P = (Program){.arena = A, .name = name, .arena_align = 64};
    return P;
}

static int buffer(const char *name, BufKind kind, DType t, int64_t n, const void *data)
{
    PUSH(A, &P->buf, (PBuf){.name = name, .kind = kind, .type = type_make(t, 1, &n), .data = data, .align = 64});
    return P->buf.n - 1;
}

static void begin_kernel(const char *name)
{
    PUSH(A, &P->kernel, (Kernel){.name = name, .title = arena_printf(A, "%s of the tests", name)});
    B = kb_begin(A, &P->kernel.v[P->kernel.n - 1]);
}

static int param(const char *name, DType t, Access a, int rank, int64_t d0, int64_t d1, int64_t d2)
{
    return kb_param(&B, name, t, a, rank, (int64_t[]){d0, d1, d2});
}

static void call(int n, const Arg *arg)
{
    Call c = {.kernel = P->kernel.n - 1, .layers = "layer", .op = "op", .shape = "f32[1]", .epilogue = "relu"};
    for (int i = 0; i < n; i++)
        PUSH(A, &c.arg, arg[i]);
    PUSH(A, &P->call, c);
}
#define CALL(...) call(LEN(((Arg[]){__VA_ARGS__})), (Arg[]){__VA_ARGS__})

static const Ix *C(int64_t c) { return ix_const(A, c); }
static const Ix *V(int var) { return ix_var(A, var); }
static const Ix *plus(const Ix *a, const Ix *b) { return ix_add(A, a, b); }
static const Ix *times(const Ix *a, int64_t k) { return ix_mulc(A, a, k); }
static const Expr *load1(int p, const Ix *i, int lanes, int n) { return x_load(&B, p, (const Ix *[]){i}, lanes, n); }
static const Expr *load2(int p, const Ix *i, const Ix *j, int lanes)
{
    return x_load(&B, p, (const Ix *[]){i, j}, lanes, 0);
}
static void store1(int p, const Ix *i, const Expr *e, int n) { kb_store(&B, p, (const Ix *[]){i}, e, n); }
static const Expr *f32(double v) { return x_const(&B, vt(DT_F32, 1), v); }
static int serial(const char *name, const Ix *lo, const Ix *hi, int64_t step)
{
    return kb_for(&B, LOOP_SERIAL, name, lo, hi, step);
}

/* ---- numbers ---- */

static const float special[] = {
    0.0f, -0.0f, 1.0f, -1.0f, 1e-45f, -1e-45f, 1.17549435e-38f, 3.402823466e38f, -3.402823466e38f, 88.5f, -103.0f, 0.5f,
};

static float number(Rng *r, int64_t i)
{
    if (i % 5 == 3) {
        uint64_t which = rng_next(r) % (LEN(special) + 3);
        return which < LEN(special) ? special[which] : which == LEN(special) ? INFINITY : which == LEN(special) + 1 ? -INFINITY : NAN;
    }
    return (float)(rng_normal(r) * (i % 7 ? 1.0 : 30.0));
}

static float *numbers(int64_t n, bool plain, const char *salt)
{
    Rng r = rng_seed(7, salt);
    float *x = NEW(A, float, n);
    for (int64_t i = 0; i < n; i++)
        x[i] = plain ? (float)rng_normal(&r) : number(&r, i);
    return x;
}

/* Equal bits, any two NaN being equal. */
static int64_t first_difference(const float *x, const float *y, int64_t n, bool integer)
{
    for (int64_t i = 0; i < n; i++)
        if (memcmp(&x[i], &y[i], 4) && (integer || !isnan(x[i]) || !isnan(y[i])))
            return i;
    return -1;
}

typedef struct Io { float *want[MAX_IO], *got[MAX_IO]; int n; void *arena; } Io;

static void *aligned(int64_t n)
{
    return arena_alloc(A, (size_t)(n ? n : 1), 1, 64);
}

/* Inputs, and what the interpreter makes of them. arena NULL: one of the program's size. */
static Io interpret_in(bool plain, void *arena)
{
    const char *wrong = program_check(P);
    CU_ASSERT_PTR_NULL(wrong);
    if (wrong)
        printf("%s\n", wrong);
    Io io = {.arena = arena ? arena : aligned(P->arena_bytes)};
    for (int i = 0; i < P->buf.n; i++) {
        const PBuf *b = &P->buf.v[i];
        int64_t n = type_elems(&b->type);
        if (b->kind == BUF_CONST)
            continue;
        io.want[io.n] = b->kind == BUF_INPUT ? numbers(n, plain, b->name) : aligned(4 * n);
        io.got[io.n] = b->kind == BUF_INPUT ? io.want[io.n] : aligned(4 * n);
        if (b->kind == BUF_OUTPUT)
            memset(io.want[io.n], 0x55, (size_t)n * 4); /* what is not written stays */
        io.n++;
    }
    wrong = program_interp(P, io.want, io.arena, A);
    CU_ASSERT_PTR_NULL(wrong);
    if (wrong)
        printf("%s\n", wrong);
    return io;
}

static Io interpret(bool plain)
{
    return interpret_in(plain, NULL);
}

static void clear_outputs(Io *io)
{
    for (int i = 0, k = 0; i < P->buf.n; i++)
        if (P->buf.v[i].kind != BUF_CONST) {
            if (P->buf.v[i].kind == BUF_OUTPUT)
                memset(io->got[k], 0x55, (size_t)type_elems(&P->buf.v[i].type) * 4);
            k++;
        }
    memset(io->arena, 0x55, (size_t)P->arena_bytes);
}

static void compare(const Io *io, const char *what)
{
    for (int i = 0, k = 0; i < P->buf.n; i++) {
        const PBuf *b = &P->buf.v[i];
        if (b->kind == BUF_CONST)
            continue;
        int64_t at = b->kind == BUF_OUTPUT
                         ? first_difference(io->want[k], io->got[k], type_elems(&b->type), b->type.dtype == DT_I32) : -1;
        CU_ASSERT_EQUAL(at, -1);
        if (at >= 0)
            printf("%s: %s[%lld] is %.9g, the interpreter has %.9g\n", what, b->name, (long long)at, (double)io->got[k][at],
                   (double)io->want[k][at]);
        k++;
    }
}

/* ---- printing and loading ---- */

static bool emit(const BackendOptions *o)
{
    OutDir *dir = outdir_open(folder);
    bool ok = dir && backend_c(P, o, dir) && outdir_commit(dir);
    CU_ASSERT(ok);
    return ok;
}

static BackendOptions options(const char *target)
{
    return (BackendOptions){.target = target_find(target), .version = "test"};
}

static void *compile(const BackendOptions *o, const char *cc, const char *warn)
{
    const char *more = o->weights_as == WEIGHTS_ASM ? arena_printf(A, "%s_weights.S -I.", P->name) : "";
    MUST("%s %s %s -shared -fPIC -o %s.so %s.c %s", cc, o->target->cflags, warn, P->name, P->name, more);
    void *lib = dlopen(arena_printf(A, "%s/%s.so", folder, P->name), RTLD_NOW | RTLD_LOCAL);
    CU_ASSERT_PTR_NOT_NULL(lib);
    return lib;
}

typedef int Run3(const void *, void *, void *);
typedef int Run4(const void *, void *, void *, const void *);
typedef int Run5(const void *, const void *, void *, void *, void *);

static void *symbol(void *lib, const char *suffix)
{
    void *f = lib ? dlsym(lib, arena_printf(A, "%s_%s", P->name, suffix)) : NULL;
    CU_ASSERT_PTR_NOT_NULL(f);
    return f;
}

/* NAME_run of programs with 1 input and 1 output, or 2 and 2; further: what follows the arena. */
static int run(void *lib, const char *suffix, const Io *io, const void *further)
{
    void *f = symbol(lib, suffix);
    if (!f)
        return -1;
    if (io->n == 4) {
        Run5 *r;
        memcpy(&r, &f, sizeof r);
        return r(io->got[0], io->got[1], io->got[2], io->got[3], io->arena);
    }
    Run4 *r;
    memcpy(&r, &f, sizeof r);
    return r(io->got[0], io->got[1], io->arena, further);
}

static const char *const host_targets[] = {"generic", "x86-64-v2", "x86-64-v3", "x86-64-v4", "native"};
static const char *const compilers[] = {"gcc", "clang"};
enum { HOST_TARGETS = LEN(host_targets) };

/* The targets before x86-64-vN are what a machine of level N runs. */
static bool runs_here(const char *target)
{
    if (!strcmp(target, "generic") || !strcmp(target, "native"))
        return true;
#if defined __x86_64__
    const char *isa = target_find("native")->isa;
    int level = !strcmp(isa, "avx512") ? 4 : !strcmp(isa, "avx2") ? 3 : !strcmp(isa, "sse42") ? 2 : 1;
    return target[strlen(target) - 1] - '0' <= level;
#else
    return false;
#endif
}

#define WARNINGS "-Wall -Wextra -Wpedantic -Wconversion -Wshadow -Werror"

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

/* ---- every operation on every type ---- */

enum { ROW = 256 };
static int64_t at_f, at_i;

static const Expr *apply(XOp op, VT t, const Expr *const *x, int i)
{
    switch (op) {
    case X_fma: return x_fma(&B, true, x[0], x[1], x[2]);
    case X_select_gt: return x_select_gt(&B, x[0], x[1], x[2], x[3]);
    case X_lane: return x_lane(&B, x[0], i % t.lanes);
    case X_splat: return x_splat(&B, x_lane(&B, x[0], 0), t.lanes);
    default: return xop_info[op].arity == 1 ? x_un(&B, op, x[0]) : x_bin(&B, op, x[0], x[1]);
    }
}

static void operation_kernel(XOp op, VT t, int in, int out)
{
    const XInfo *info = &xop_info[op];
    bool integer = t.elem == DT_I32, fold = info->cls == XC_fold;
    if (integer && (op == X_div || op == X_sqrt || op == X_fma || info->cls == XC_math))
        return;
    begin_kernel(arena_printf(A, "%s_%s_%d", info->name, integer ? "i" : "f", t.lanes));
    int p = param("in", t.elem, ACC_RO, 1, 4 * ROW, 0, 0), q = param("out", t.elem, ACC_WO, 1, ROW, 0, 0);
    const Ix *i = V(serial("i", C(0), C(ROW / t.lanes), 1));
    const Expr *x[4];
    for (int k = 0; k < 4; k++)
        x[k] = load1(p, plus(times(i, t.lanes), C(k * ROW)), t.lanes, 0);
    store1(q, fold ? i : times(i, t.lanes), apply(op, t, x, op * 7), 0);
    kb_end(&B);
    int64_t *at = integer ? &at_i : &at_f;
    CALL({in, 0}, {out, *at});
    *at += ROW;
}

static void partial_kernel(VT t, int n, int in, int out)
{
    begin_kernel(arena_printf(A, "part_%s_%d_%d", t.elem == DT_I32 ? "i" : "f", t.lanes, n));
    int p = param("in", t.elem, ACC_RO, 1, n, 0, 0), q = param("out", t.elem, ACC_WO, 1, t.lanes + n, 0, 0);
    store1(q, C(0), load1(p, C(0), t.lanes, n), 0); /* the rest of the vector is zero */
    store1(q, C(t.lanes), load1(p, C(0), t.lanes, n), n);
    int64_t *at = t.elem == DT_I32 ? &at_i : &at_f;
    CALL({in, 4 * ROW - n}, {out, *at});
    *at += t.lanes + n;
}

/* Two inputs and two outputs: floats and integers. Sizes are those of all the kernels together. */
static void build_operations(const Target *t)
{
    program("ops");
    int in[2] = {buffer("floats", BUF_INPUT, DT_F32, 4 * ROW, NULL), buffer("ints", BUF_INPUT, DT_I32, 4 * ROW, NULL)};
    int out[2] = {buffer("f", BUF_OUTPUT, DT_F32, 1 << 16, NULL), buffer("i", BUF_OUTPUT, DT_I32, 1 << 16, NULL)};
    at_f = at_i = 0;
    for (int e = 0; e < 2; e++)
        for (int lanes = 1; lanes <= t->lanes; lanes *= lanes == 1 ? 4 : 2) {
            VT type = vt(e ? DT_I32 : DT_F32, lanes);
            for (int op = X_splat; op < NXOPS; op++)
                if ((op != X_fma || t->fma) && (lanes > 1 || (xop_info[op].cls != XC_fold && op != X_splat)))
                    operation_kernel(op, type, in[e], out[e]);
            for (int n = 1; n < lanes; n++)
                partial_kernel(type, n, in[e], out[e]);
        }
    begin_kernel("index_values");
    int q = param("out", DT_I32, ACC_WO, 1, 9, 0, 0), i = serial("i", C(0), C(9), 1);
    store1(q, V(i), x_index(&B, plus(times(ix_div(A, plus(V(i), C(-3)), 2), -3), C(7))), 0);
    kb_end(&B);
    CALL({out[1], at_i});
    at_i += 9;
    int64_t n[2] = {at_f, at_i};
    for (int e = 0; e < 2; e++)
        P->buf.v[out[e]].type = type_make(e ? DT_I32 : DT_F32, 1, &n[e]);
}

static void test_operations(void)
{
    same_everywhere(build_operations, false);
}

/* ---- kernels as the lowering makes them ---- */

/* 3x3 convolution of a bordered [rows+2][px+2][in] map, px pixels x nb vectors of channels in registers. */
static void conv_kernel(const Target *t, int rows, int px, int nb, int channels, int lanes)
{
    begin_kernel("conv3x3");
    P->kernel.v[P->kernel.n - 1].title = "3x3 convolution\nin a register tile of px pixels x nb vectors";
    int in = param("in", DT_F32, ACC_RO, 3, rows + 2, px + 2, channels);
    int w = kb_param(&B, "w", DT_F32, ACC_CONST, 4, (int64_t[]){3, 3, channels, nb * lanes});
    int b = param("b", DT_F32, ACC_CONST, 1, nb * lanes, 0, 0), out = param("out", DT_F32, ACC_WO, 3, rows, px, nb * lanes);
    const Ix *y = V(kb_for(&B, LOOP_PARALLEL, "y", C(0), C(rows), 1));
    int acc[8];
    for (int j = 0; j < nb; j++)
        acc[j] = kb_tile(&B, arena_printf(A, "acc%d", j), px, 0, load1(b, C(j * lanes), lanes, 0));
    const Ix *ky = V(serial("ky", C(0), C(3), 1)), *kx = V(serial("kx", C(0), C(3), 1));
    const Ix *c = V(serial("c", C(0), C(channels), 1));
    const Expr *wj[8];
    for (int j = 0; j < nb; j++)
        wj[j] = x_reg(&B, kb_let(&B, arena_printf(A, "w%d", j),
                                 x_load(&B, w, (const Ix *[]){ky, kx, c, C(j * lanes)}, lanes, 0)));
    const Ix *p = V(kb_for(&B, LOOP_UNROLL, "p", C(0), C(px), 1));
    const Expr *x = x_splat(&B, x_load(&B, in, (const Ix *[]){plus(y, ky), plus(p, kx), c}, 1, 0), lanes);
    for (int j = 0; j < nb; j++)
        kb_set(&B, acc[j], p, NULL, x_fma(&B, t->fma, x, wj[j], x_tile(&B, acc[j], p, NULL)));
    for (int i = 0; i < 4; i++)
        kb_end(&B);
    p = V(kb_for(&B, LOOP_UNROLL, "p", C(0), C(px), 1));
    for (int j = 0; j < nb; j++)
        kb_store(&B, out, (const Ix *[]){y, p, C(j * lanes)},
                 x_bin(&B, X_max, x_tile(&B, acc[j], p, NULL), f32(0)), 0);
    kb_end(&B);
    kb_end(&B);
}

static void unroll(void)
{
    for (int i = 0; i < P->kernel.n; i++)
        loop_unroll(A, &P->kernel.v[i]);
}

static void optimise(void)
{
    unroll();
    for (int i = 0; i < P->kernel.n; i++) {
        loop_hoist(A, &P->kernel.v[i]);
        loop_cse(A, &P->kernel.v[i]);
    }
}

/* Two calls of one kernel, the second in place of the first's input through the arena. */
static void build_conv(const Target *t)
{
    enum { ROWS = 3 };
    int lanes = t->lanes, px = lanes == 1 ? 4 : t->vregs == 32 ? 14 : 6, nb = lanes == 1 ? 4 : 2, ch = 9;
    int n_in = (ROWS + 2) * (px + 2) * ch, n_w = 9 * ch * nb * lanes, n_out = ROWS * px * nb * lanes;
    program("conv");
    int in = buffer("image", BUF_INPUT, DT_F32, 2 * n_in, NULL), out = buffer("out", BUF_OUTPUT, DT_F32, 2 * n_out, NULL);
    int w[2], b[2];
    for (int i = 0; i < 2; i++) {
        w[i] = buffer(arena_printf(A, "conv%d_weight", i), BUF_CONST, DT_F32, n_w, numbers(n_w, true, i ? "w1" : "w0"));
        b[i] = buffer(arena_printf(A, "conv%d_bias", i), BUF_CONST, DT_F32, nb * lanes, numbers(nb * lanes, true, "b"));
    }
    conv_kernel(t, ROWS, px, nb, ch, lanes);
    CALL({in, 0}, {w[0], 0}, {b[0], 0}, {ARG_ARENA, 64});
    CALL({in, n_in}, {w[1], 0}, {b[1], 0}, {out, 0});
    begin_kernel("copy");
    P->arena_bytes = 64 + 4 * n_out;
    int from = param("from", DT_F32, ACC_RO, 1, n_out, 0, 0), to = param("to", DT_F32, ACC_WO, 1, n_out, 0, 0);
    const Ix *i = V(serial("i", C(0), C(n_out), 1));
    store1(to, i, load1(from, i, 1, 0), 0);
    kb_end(&B);
    CALL({ARG_ARENA, 64}, {out, n_out});
    optimise();
}

static void test_conv(void)
{
    same_everywhere(build_conv, true);
}

/* 3x3 max pooling with stride 2 whose window is clipped by min and max, starting from -infinity. */
static void pool_kernel(int in, int out)
{
    begin_kernel("max_pool");
    int p = param("in", DT_F32, ACC_RO, 2, 7, 9, 0), q = param("out", DT_F32, ACC_WO, 2, 4, 5, 0);
    int y = serial("y", C(0), C(4), 1), x = serial("x", C(0), C(5), 1);
    int best = kb_let(&B, "best", f32(-INFINITY));
    const Ix *y0 = plus(times(V(y), 2), C(-1)), *x0 = plus(times(V(x), 2), C(-1));
    int i = serial("i", ix_max(A, y0, C(0)), ix_min(A, plus(y0, C(3)), C(7)), 1);
    int j = serial("j", ix_max(A, x0, C(0)), ix_min(A, plus(x0, C(3)), C(9)), 1);
    kb_set(&B, best, NULL, NULL, x_bin(&B, X_max, load2(p, V(i), V(j), 1), x_reg(&B, best)));
    kb_end(&B);
    kb_end(&B);
    kb_store(&B, q, (const Ix *[]){V(y), V(x)}, x_reg(&B, best), 0);
    kb_end(&B);
    kb_end(&B);
    CALL({in, 0}, {out, 0});
}

/* out[i] = in[table[i]] + in[floor((table[i] - 40) / 3) % 16] + i: indices that may be negative before the remainder. */
static void table_kernel(int in, int out, int table)
{
    begin_kernel("gather");
    int p = param("in", DT_F32, ACC_RO, 1, 64, 0, 0), q = param("out", DT_F32, ACC_WO, 1, 64, 0, 0);
    int tab = param("tab", DT_I32, ACC_CONST, 1, 64, 0, 0);
    int i = serial("i", C(0), C(64), 1), s = kb_index(&B, "s", tab, (const Ix *[]){V(i)});
    const Ix *d = ix_div(A, plus(V(s), C(-40)), 3);
    const Expr *e = x_bin(&B, X_add, load1(p, V(s), 1, 0), load1(p, ix_mod(A, d, 16), 1, 0));
    e = x_bin(&B, X_add, e, load1(p, plus(ix_div(A, plus(V(i), C(-7)), 4), C(2)), 1, 0));
    e = x_bin(&B, X_add, e, load1(p, plus(ix_div(A, V(i), 4), times(ix_mod(A, plus(V(i), C(3)), 4), 9)), 1, 0));
    store1(q, V(i), e, 0);
    kb_end(&B);
    CALL({in, 64}, {out, 20}, {table, 0});
}

/* x += residual in place, both parameters being the same memory; then gelu-like epilogues in vectors. */
static void epilogue_kernel(const Target *t, int in, int out, bool alias)
{
    int lanes = t->lanes, n = 96;
    begin_kernel(alias ? "add_in_place" : "epilogue");
    int p = param("x", DT_F32, alias ? ACC_RW : ACC_RO, 1, n, 0, 0), q = param("y", DT_F32, ACC_RW, 1, n, 0, 0);
    P->kernel.v[P->kernel.n - 1].param.v[p].alias = P->kernel.v[P->kernel.n - 1].param.v[q].alias = alias;
    kb_comment(&B, "a comment that ends */ and begins /* too soon\nin two lines");
    const Ix *i = V(serial("i", C(0), C(n), lanes));
    const Expr *x = load1(p, i, lanes, 0), *y = load1(q, i, lanes, 0);
    if (!alias) {
        const Expr *e = x_un(&B, X_erf, x_bin(&B, X_mul, x, f32(0.70710678118654752)));
        y = x_bin(&B, X_mul, x_bin(&B, X_mul, x, f32(0.5)), x_bin(&B, X_add, e, f32(1)));
        y = x_bin(&B, X_sub, y, x_bin(&B, X_sub, x_un(&B, X_tanh, x), x_un(&B, X_exp, x_un(&B, X_neg, x_un(&B, X_abs, x)))));
        y = x_bin(&B, X_div, y, x_bin(&B, X_div, x, x_bin(&B, X_add, x_bin(&B, X_mul, x, x), f32(-3))));
        y = x_bin(&B, X_mul, y, x_bin(&B, X_mul, x_un(&B, X_neg, x), x_un(&B, X_neg, f32(1.0f / 3))));
    } else
        y = x_bin(&B, X_add, x, y);
    store1(q, i, y, 0);
    kb_end(&B);
    if (alias)
        CALL({ARG_ARENA, 0}, {ARG_ARENA, 0});
    else
        CALL({in, 0}, {ARG_ARENA, 0});
    (void)out;
}

/* A tile of rank 2, a register set in an inner block, things that nobody reads, a tail of 5. */
static void odd_kernel(const Target *t, int out)
{
    int lanes = t->lanes;
    begin_kernel("odd");
    int p = param("x", DT_F32, ACC_RO, 1, 96, 0, 0), q = param("y", DT_F32, ACC_WO, 1, 80, 0, 0);
    int unused = param("unused", DT_F32, ACC_RO, 1, 96, 0, 0);
    int tile = kb_tile(&B, "tile", 3, 2, x_const(&B, vt(DT_F32, lanes), 1.5));
    int dead = kb_let(&B, "dead", load1(unused, C(0), 1, 0)), sum = kb_let(&B, "sum", f32(0));
    int i = kb_for(&B, LOOP_UNROLL, "i", C(0), C(3), 1), j = kb_for(&B, LOOP_UNROLL, "j", C(0), C(2), 1);
    const Ix *at = plus(times(V(i), 2), V(j));
    kb_set(&B, tile, V(i), V(j), x_bin(&B, X_sub, load1(p, at, lanes, 0), x_tile(&B, tile, V(i), V(j))));
    kb_set(&B, dead, NULL, NULL, x_bin(&B, X_add, x_reg(&B, dead), f32(1)));
    kb_end(&B);
    kb_end(&B);
    int k = kb_for(&B, LOOP_UNROLL, "k", C(0), C(3), 1);
    kb_set(&B, sum, NULL, NULL, x_bin(&B, X_sub, x_un(&B, X_hsum, x_tile(&B, tile, V(k), C(1))), x_reg(&B, sum)));
    kb_set(&B, sum, NULL, NULL,
           x_bin(&B, X_add, x_un(&B, X_hmax, x_tile(&B, tile, V(k), C(0))), x_reg(&B, sum)));
    kb_end(&B);
    serial("nothing", C(0), C(4), 1);
    kb_let(&B, "nobody", f32(2));
    kb_end(&B);
    int n = lanes > 5 ? 5 : lanes;
    store1(q, C(0), x_bin(&B, X_mul, x_tile(&B, tile, C(2), C(1)), x_reg(&B, sum)), n);
    store1(q, C(16), load1(p, C(91), lanes > 4 ? lanes : 1, lanes > 4 ? 5 : 1), 0);
    int m = serial("m", C(0), C(6), 1);
    store1(q, plus(V(m), C(40)), x_bin(&B, X_mul, load1(p, plus(times(V(m), -1), C(5)), 1, 0), f32(-2)), 0);
    kb_end(&B);
    CALL({ARG_ARENA, 0}, {out, 90}, {ARG_ARENA, 0});
}

static void make_kernels(const Target *t)
{
    int32_t *table = NEW(A, int32_t, 64);
    Rng r = rng_seed(3, "table");
    for (int i = 0; i < 64; i++)
        table[i] = (int32_t)(rng_next(&r) % 64);
    program("kernels");
    int in = buffer("image", BUF_INPUT, DT_F32, 200, NULL), out = buffer("out", BUF_OUTPUT, DT_F32, 170, NULL);
    int tab = buffer("table", BUF_CONST, DT_I32, 64, table);
    P->arena_bytes = 4 * 96;
    begin_kernel("fill");
    int q = param("out", DT_F32, ACC_WO, 1, 170, 0, 0), i = serial("i", C(0), C(170), 1);
    store1(q, V(i), f32(-1), 0);
    kb_end(&B);
    CALL({out, 0});
    pool_kernel(in, out);
    table_kernel(in, out, tab);
    epilogue_kernel(t, in, out, false);
    epilogue_kernel(t, in, out, true);
    odd_kernel(t, out);
}

static void build_kernels(const Target *t)
{
    make_kernels(t);
    unroll();
}

static void test_kernels(void)
{
    same_everywhere(build_kernels, false);
}

static void build_kernels_optimised(const Target *t)
{
    make_kernels(t);
    optimise();
}

static void test_kernels_optimised(void)
{
    same_everywhere(build_kernels_optimised, true);
}

/* ---- threads and traces ---- */

/* Zeroes an edge, reads a bias, then y = x + bias for every third index from 2 on: the edge belongs to the caller, the
   bias to every part. */
static void edge_kernel(int in, int out, int at)
{
    begin_kernel("edge");
    int p = param("x", DT_F32, ACC_RO, 1, 32, 0, 0), q = param("y", DT_F32, ACC_WO, 1, 32, 0, 0);
    int i = serial("i", C(0), C(32), 1);
    store1(q, V(i), f32(-4), 0);
    kb_end(&B);
    int bias = kb_let(&B, "bias", load1(p, C(1), 1, 0));
    int y = kb_for(&B, LOOP_PARALLEL, "y", C(2), C(21), 3);
    store1(q, V(y), x_bin(&B, X_add, load1(p, V(y), 1, 0), x_reg(&B, bias)), 0);
    kb_end(&B);
    CALL({in, 0}, {out, at});
}

/* What comes before the parallel loop reads what it writes: this cannot be repeated, and stays in one piece. */
static void counting_kernel(int in, int out, int at)
{
    begin_kernel("counting");
    int p = param("x", DT_F32, ACC_RO, 1, 32, 0, 0), q = param("y", DT_F32, ACC_RW, 1, 32, 0, 0);
    store1(q, C(0), f32(1), 0);
    int a = kb_let(&B, "a", load1(q, C(0), 1, 0));
    store1(q, C(0), x_bin(&B, X_add, x_reg(&B, a), load1(p, C(3), 1, 0)), 0);
    int b = kb_let(&B, "b", load1(q, C(0), 1, 0));
    int y = kb_for(&B, LOOP_PARALLEL, "y", C(1), C(32), 1);
    store1(q, V(y), x_bin(&B, X_mul, load1(p, V(y), 1, 0), x_reg(&B, b)), 0);
    kb_end(&B);
    CALL({in, 0}, {out, at});
}

static void build_threaded(const Target *t)
{
    build_conv(t);
    int out = 1;
    int64_t n = type_elems(&P->buf.v[out].type), more = n + 64;
    P->buf.v[out].type = type_make(DT_F32, 1, &more);
    edge_kernel(0, out, (int)n);
    counting_kernel(0, out, (int)n + 32);
}

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
        CU_ASSERT_EQUAL(parts.loops, 3); /* two convolutions of 3 rows, 7 indices of edge; counting is not divided */
        CU_ASSERT_EQUAL(parts.parts, i ? 3 + 3 + 7 : 2 + 2 + 4);
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
        CU_ASSERT_EQUAL(ntraced, 4);
        for (int i = 0; i < ntraced; i++)
            CU_ASSERT_EQUAL(traced[i], i - 1);
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
        void *lib = have(compilers[i % 2]) && emit(&o) ? compile(&o, compilers[i % 2], "-Wall -Wextra -Wpedantic -Werror") : NULL;
        void *blob = NULL;
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

static void write_file_in(const char *name, const char *text)
{
    CU_ASSERT(write_file(arena_printf(A, "%s/%s", folder, name), text, strlen(text)));
}

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
            build_kernels_optimised(o.target);
            Io kernels = interpret(true);
            emit_selftest(&o, &kernels, 0);
            bytes = imax(bytes, P->arena_bytes);
            static const char *const level[] = {"-O0", "-O2", "-O3"};
            for (int i = 0; i < LEN(level); i++) {
                MUST("%s %s -std=c99 -ffreestanding -ffp-contract=off " WARNINGS " -c conv.c kernels.c", compilers[j], level[i]);
                MUST("nm -u conv.o kernels.o");
                CU_ASSERT_STRING_EQUAL(slurp("out.txt"), "\nconv.o:\n\nkernels.o:\n");
            }
            write_file_in("main.c", arena_printf(A, "int conv_selftest(void), kernels_selftest(void);\n"
                                                    "int main(void) { return conv_selftest() + 2 * kernels_selftest(); }\n"));
            write_file_in("both.c", arena_printf(A,
                "#include \"conv.h\"\n#include \"kernels.h\"\n"
                "static unsigned char arena[%lld] __attribute__((aligned(64)));\n"
                "static float x[CONV_IMAGE_ELEMS + KERNELS_IMAGE_ELEMS], y[CONV_OUT_ELEMS], z[KERNELS_OUT_ELEMS];\n"
                "int both(void);\nint both(void) { return conv_run(x, y, arena) + kernels_run(x, z, arena); }\n", (long long)bytes));
            MUST("%s -DDSQ_SELFTEST_NO_MAIN -O1 -o both main.c both.c conv.o kernels.o conv_selftest.c kernels_selftest.c", compilers[j]);
            MUST("./both");
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

/* Names that mean something to C, to its compilers or to the helpers of the file itself. */
static void build_names(const Target *t)
{
    program("class");
    int in = buffer("max_f32", BUF_INPUT, DT_F32, 64, NULL), out = buffer("asm", BUF_OUTPUT, DT_F32, 64, NULL);
    int w = buffer("f32x8", BUF_CONST, DT_F32, 64, numbers(64, true, "w"));
    begin_kernel("dsq_expf");
    int p = param("linux", DT_F32, ACC_RO, 1, 64, 0, 0), q = param("__x", DT_F32, ACC_WO, 1, 64, 0, 0);
    int c = param("f32x8", DT_F32, ACC_CONST, 1, 64, 0, 0);
    int acc = kb_tile(&B, "y", 2, 0, x_const(&B, vt(DT_F32, t->lanes), 3)), y1 = kb_let(&B, "y1", load1(c, C(1), 1, 0));
    int i = kb_for(&B, LOOP_UNROLL, "main", C(0), C(2), 1);
    kb_set(&B, acc, V(i), NULL, x_bin(&B, X_add, x_tile(&B, acc, V(i), NULL), x_widen(&B, x_reg(&B, y1), t->lanes)));
    kb_end(&B);
    int j = kb_for(&B, LOOP_PARALLEL, "begin", C(0), C(64 / t->lanes), 1);
    const Ix *at = times(V(j), t->lanes);
    const Expr *e = x_bin(&B, X_max, x_un(&B, X_exp, load1(p, at, t->lanes, 0)), load1(c, at, t->lanes, 0));
    store1(q, at, x_bin(&B, X_sub, x_bin(&B, X_sub, e, x_tile(&B, acc, C(0), NULL)), x_tile(&B, acc, C(1), NULL)), 0);
    kb_end(&B);
    CALL({in, 0}, {out, 0}, {w, 0});
    unroll();
}

/* What the printer makes of the names of build_names. */
static void use_printed_names(void)
{
    P->name = "class_1";
}

static void test_names(void)
{
    begin_test();
    BackendOptions o = options("native");
    o.threads = true;
    build_names(o.target);
    Io io = interpret(false);
    emit(&o);
    use_printed_names();
    void *lib = compile(&o, "cc", WARNINGS);
    clear_outputs(&io);
    CU_ASSERT_EQUAL(run(lib, "run", &io, NULL), DSQ_OK);
    compare(&io, "names");
    MUST("printf '#include \"class_1.h\"\\n#include \"class_1.h\"\\nint main() { return class_1_run(0, 0, 0) != DSQ_EINVAL; }' > m.cc && "
         "g++ -Wall -Wextra -o m m.cc ./class_1.so && ./m");
    if (lib)
        dlclose(lib);
    end_test();
}

/* ---- other machines ---- */

static void build_everything(const Target *t, int which)
{
    void (*const build[])(const Target *) = {build_operations, build_conv, build_kernels_optimised, build_names};
    build[which](t);
}

/* A program that runs the model on io.bin, all inputs and outputs one after the other, and writes them to out.bin. */
static void write_runner(void)
{
    Buf b = {0}, args = {0};
    buf_printf(&b, "#include \"%s.h\"\n#include <stdio.h>\n#include <string.h>\n", P->name);
    for (int i = 0; i < P->buf.n; i++)
        if (P->buf.v[i].kind != BUF_CONST) {
            const PBuf *p = &P->buf.v[i];
            buf_printf(&b, "static %s io%d[%lld];\n", p->type.dtype == DT_I32 ? "int" : "float", i,
                       (long long)type_elems(&p->type));
            buf_printf(&args, "io%d, ", i);
        }
    buf_printf(&b, "static unsigned char arena[%lld] __attribute__((aligned(64)));\nint main(void)\n{\n    size_t n = 0;\n"
                   "    FILE *f = fopen(\"io.bin\", \"rb\"), *g = fopen(\"out.bin\", \"wb\");\n", (long long)P->arena_bytes + 1);
    for (int step = 0; step < 2; step++) {
        for (int i = 0; i < P->buf.n; i++)
            if (P->buf.v[i].kind != BUF_CONST)
                buf_printf(&b, "    n += %s(io%d, 1, sizeof io%d, %s);\n", step ? "fwrite" : "fread", i, i, step ? "g" : "f");
        if (!step)
            buf_printf(&b, "    if (%s_run(%sarena))\n        return 1;\n", P->name, args.s);
    }
    buf_puts(&b, "    fclose(f);\n    fclose(g);\n    return n == 0;\n}\n");
    write_file_in("main.c", b.s);
    buf_free(&b);
    buf_free(&args);
}

static void move_io(Io *io, const char *name, bool out)
{
    FILE *f = fopen(arena_printf(A, "%s/%s", folder, name), out ? "wb" : "rb");
    CU_ASSERT_PTR_NOT_NULL(f);
    for (int i = 0, k = 0; f && i < P->buf.n; i++)
        if (P->buf.v[i].kind != BUF_CONST) {
            size_t n = (size_t)type_elems(&P->buf.v[i].type);
            CU_ASSERT_EQUAL(out ? fwrite(io->got[k], 4, n, f) : fread(io->got[k], 4, n, f), n);
            k++;
        }
    if (f)
        fclose(f);
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
            if (i == 3)
                use_printed_names();
            write_runner();
            clear_outputs(&io);
            move_io(&io, "io.bin", true);
            MUST("%s %s " WARNINGS " -c %s.c && %s -O1 -static -o st main.c %s.o", cc, o.target->cflags, P->name, cc, P->name);
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
                MUST("%s %s " WARNINGS " -c %s.c -o %d.o", o.target->cc, o.target->cflags, j == 3 ? "class_1" : P->name, j);
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

/* The loop that decides everything: 2 weight vectors, 14 or 28 broadcasts, 28 fused multiply-adds, and little else. */
static void test_inner_loop(void)
{
    begin_test();
    BackendOptions o = options("x86-64-v4");
    if (have("gcc") && have("objdump")) {
        build_conv(o.target);
        emit(&o);
        MUST("gcc %s -c conv.c && objdump -d --no-show-raw-insn conv.o > conv.s", o.target->cflags);
        /* from the first fused multiply-add to the jump behind the last */
        int fma = 0, between = 0, last = 0, spills = 0;
        char *save = NULL;
        for (char *line = strtok_r(slurp("conv.s"), "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
            bool is_fma = strstr(line, "vfmadd");
            fma += is_fma;
            between += fma > 0;
            spills += fma > 0 && fma < 28 && strstr(line, "rsp");
            last = is_fma ? between : last;
        }
        CU_ASSERT_EQUAL(fma, 28);
        CU_ASSERT_EQUAL(spills, 0);
        CU_ASSERT(last <= 28 + 14 + 2); /* the broadcasts at most, and two instructions that the compiler moved */
        if (fma != 28 || spills || last > 44)
            printf("%d fused multiply-adds, %d instructions from the first to the last, %d spills\n", fma, last, spills);
    } else
        skip("no gcc or objdump");
    end_test();
}

void suite_cbackend(void)
{
    CU_pSuite s = CU_add_suite("cbackend", NULL, NULL);
    CU_add_test(s, "every operation", test_operations);
    CU_add_test(s, "convolution tile", test_conv);
    CU_add_test(s, "kernels", test_kernels);
    CU_add_test(s, "kernels after passes", test_kernels_optimised);
    CU_add_test(s, "threads", test_threads);
    CU_add_test(s, "trace", test_trace);
    CU_add_test(s, "weights as arrays, by the assembler, as a file", test_weights_as);
    CU_add_test(s, "self test", test_selftest);
    CU_add_test(s, "bad arguments", test_bad_arguments);
    CU_add_test(s, "freestanding, two models in one program", test_freestanding);
    CU_add_test(s, "deterministic", test_deterministic);
    CU_add_test(s, "names", test_names);
    CU_add_test(s, "offsets beyond 31 bits", test_wide);
    CU_add_test(s, "aarch64 emulated", test_aarch64);
    CU_add_test(s, "cross compilers", test_cross);
    CU_add_test(s, "inner loop", test_inner_loop);
}
