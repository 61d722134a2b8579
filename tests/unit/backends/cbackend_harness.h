#ifndef TEST_CBACKEND_HARNESS_H
#define TEST_CBACKEND_HARNESS_H
/* What the suites of the C backend share: a folder per test, programs in loop IR built by hand, the interpreter's
   results, and compiling, loading and running what the printer makes of them. */
#include "../../../backends/backend.h"
#include "../../../ir/loop/loop_impl.h"
#include "../../../runtime_min/dsq.h"

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

static Arena *A; /* of the test at work, as are the folder and the program under construction */
static char folder[64];

/* ---- folders and commands ---- */

static inline int remove_entry(const char *path, const struct stat *st, int type, struct FTW *w)
{
    (void)st, (void)type, (void)w;
    return remove(path);
}

static inline void begin_test(void)
{
    A = arena_new();
    strcpy(folder, "/tmp/dsq-test-XXXXXX");
    if (!mkdtemp(folder))
        abort();
}

static inline void end_test(void)
{
    if (!getenv("DSQ_KEEP"))
        nftw(folder, remove_entry, 8, FTW_DEPTH | FTW_PHYS);
    arena_free(A);
}

/* Exit status of a shell command in the test's folder; what it printed is in out.txt. */
static inline int PRINTF(1, 2) sh(const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    const char *s = arena_printf(A, "cd %s && { %s; } >out.txt 2>&1", folder, arena_vprintf(A, fmt, ap));
    va_end(ap);
    int r = system(s);
    return WIFEXITED(r) ? WEXITSTATUS(r) : 255;
}

static inline char *slurp(const char *name)
{
    size_t n = 0;
    char *s = read_file(A, arena_printf(A, "%s/%s", folder, name), 1 << 26, &n);
    return s ? s : arena_strndup(A, "", 0);
}

static inline bool have(const char *tool)
{
    return sh("command -v %s", tool) == 0;
}

static inline void skip(const char *what)
{
    printf("# skipped: %s\n", what);
}

static inline void write_file_in(const char *name, const char *text)
{
    CU_ASSERT(write_file(arena_printf(A, "%s/%s", folder, name), text, strlen(text)));
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

static inline Program *program(const char *name)
{
    P = NEW(A, Program, 1);
    *P = (Program){.arena = A, .name = name, .arena_align = 64};
    return P;
}

static inline int buffer(const char *name, BufKind kind, DType t, int64_t n, const void *data)
{
    PUSH(A, &P->buf, (PBuf){.name = name, .kind = kind, .type = type_make(t, 1, &n), .data = data, .align = 64});
    return P->buf.n - 1;
}

static inline void begin_kernel(const char *name)
{
    PUSH(A, &P->kernel, (Kernel){.name = name, .title = arena_printf(A, "%s of the tests", name)});
    B = kb_begin(A, &P->kernel.v[P->kernel.n - 1]);
}

static inline int param(const char *name, DType t, Access a, int rank, int64_t d0, int64_t d1, int64_t d2)
{
    return kb_param(&B, name, t, a, rank, (int64_t[]){d0, d1, d2});
}

static inline void call(int n, const Arg *arg)
{
    Call c = {.kernel = P->kernel.n - 1, .layers = "layer", .op = "op", .shape = "f32[1]", .epilogue = "relu"};
    for (int i = 0; i < n; i++)
        PUSH(A, &c.arg, arg[i]);
    PUSH(A, &P->call, c);
}
#define CALL(...) call(LEN(((Arg[]){__VA_ARGS__})), (Arg[]){__VA_ARGS__})

static inline const Ix *C(int64_t c) { return ix_const(A, c); }
static inline const Ix *V(int var) { return ix_var(A, var); }
static inline const Ix *plus(const Ix *a, const Ix *b) { return ix_add(A, a, b); }
static inline const Ix *times(const Ix *a, int64_t k) { return ix_mulc(A, a, k); }
static inline const Expr *load1(int p, const Ix *i, int lanes, int n)
{
    return x_load(&B, p, (const Ix *[]){i}, lanes, n);
}
static inline const Expr *load2(int p, const Ix *i, const Ix *j, int lanes)
{
    return x_load(&B, p, (const Ix *[]){i, j}, lanes, 0);
}
static inline void store1(int p, const Ix *i, const Expr *e, int n) { kb_store(&B, p, (const Ix *[]){i}, e, n); }
static inline const Expr *f32(double v) { return x_const(&B, vt(DT_F32, 1), v); }
static inline int serial(const char *name, const Ix *lo, const Ix *hi, int64_t step)
{
    return kb_for(&B, LOOP_SERIAL, name, lo, hi, step);
}

/* ---- numbers ---- */

static const float special[15] = {
    0.0f, -0.0f, 1.0f, -1.0f, 1e-45f, -1e-45f, 1.17549435e-38f, 3.402823466e38f, -3.402823466e38f, 88.5f, -103.0f, 0.5f,
    INFINITY, -INFINITY, NAN,
};

enum { ROW = 256, SPECIALS = 15 };

/* Among the first two rows of ROW numbers every special number meets every other. */
static inline float number(Rng *r, int64_t i)
{
    int64_t row = i / ROW, at = i % ROW;
    bool pair = row < 2 && at < SPECIALS * SPECIALS;
    if (pair || at % 5 == 3)
        return special[pair ? row ? at / SPECIALS : at % SPECIALS : (int64_t)(rng_next(r) % SPECIALS)];
    return (float)(rng_normal(r) * (i % 7 ? 1.0 : 30.0));
}

static inline float *numbers(int64_t n, bool plain, const char *salt)
{
    Rng r = rng_seed(7, salt);
    float *x = NEW(A, float, n);
    for (int64_t i = 0; i < n; i++)
        x[i] = plain ? (float)rng_normal(&r) : number(&r, i);
    return x;
}

/* Equal bits, any two NaN being equal. */
static inline int64_t first_difference(const float *x, const float *y, int64_t n, bool integer)
{
    for (int64_t i = 0; i < n; i++)
        if (memcmp(&x[i], &y[i], 4) && (integer || !isnan(x[i]) || !isnan(y[i])))
            return i;
    return -1;
}

typedef struct Io { float *want[MAX_IO], *got[MAX_IO]; int n; void *arena; } Io;

static inline void *aligned(int64_t n)
{
    return arena_alloc(A, (size_t)(n ? n : 1), 1, 64);
}

/* Inputs, and what the interpreter makes of them. arena NULL: one of the program's size. */
static inline Io interpret_in(bool plain, void *arena)
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

static inline Io interpret(bool plain)
{
    return interpret_in(plain, NULL);
}

static inline void clear_outputs(Io *io)
{
    for (int i = 0, k = 0; i < P->buf.n; i++)
        if (P->buf.v[i].kind != BUF_CONST) {
            if (P->buf.v[i].kind == BUF_OUTPUT)
                memset(io->got[k], 0x55, (size_t)type_elems(&P->buf.v[i].type) * 4);
            k++;
        }
    memset(io->arena, 0x55, (size_t)P->arena_bytes);
}

static inline void compare(const Io *io, const char *what)
{
    for (int i = 0, k = 0; i < P->buf.n; i++) {
        const PBuf *b = &P->buf.v[i];
        if (b->kind == BUF_CONST)
            continue;
        bool integer = b->type.dtype == DT_I32;
        int64_t n = b->kind == BUF_OUTPUT ? type_elems(&b->type) : 0;
        int64_t at = first_difference(io->want[k], io->got[k], n, integer);
        CU_ASSERT_EQUAL(at, -1);
        if (at >= 0)
            printf("%s: %s[%lld] is %.9g, the interpreter has %.9g\n", what, b->name, (long long)at,
                   (double)io->got[k][at], (double)io->want[k][at]);
        k++;
    }
}

/* ---- printing and loading ---- */

static inline bool emit(const BackendOptions *o)
{
    OutDir *dir = outdir_open(folder);
    bool ok = dir && backend_c(P, o, dir) && outdir_commit(dir);
    CU_ASSERT(ok);
    return ok;
}

static inline BackendOptions options(const char *target)
{
    return (BackendOptions){.target = target_find(target), .version = "test"};
}

static inline void *compile(const BackendOptions *o, const char *cc, const char *warn)
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

static inline void *symbol(void *lib, const char *suffix)
{
    void *f = lib ? dlsym(lib, arena_printf(A, "%s_%s", P->name, suffix)) : NULL;
    CU_ASSERT_PTR_NOT_NULL(f);
    return f;
}

/* NAME_run of programs with 1 input and 1 output, or 2 and 2; further: what follows the arena. */
static inline int run(void *lib, const char *suffix, const Io *io, const void *further)
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

/* ---- on other machines ---- */

/* A program that runs the model on io.bin, all inputs and outputs one after the other, and writes them to out.bin. */
static inline void write_runner(void)
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
    buf_printf(&b, "static unsigned char arena[%lld] __attribute__((aligned(64)));\nint main(void)\n{\n"
                   "    size_t n = 0;\n    FILE *f = fopen(\"io.bin\", \"rb\"), *g = fopen(\"out.bin\", \"wb\");\n",
               (long long)P->arena_bytes + 1);
    for (int step = 0; step < 2; step++) {
        for (int i = 0; i < P->buf.n; i++)
            if (P->buf.v[i].kind != BUF_CONST)
                buf_printf(&b, "    n += %s(io%d, 1, sizeof io%d, %s);\n", step ? "fwrite" : "fread", i, i,
                           step ? "g" : "f");
        if (!step)
            buf_printf(&b, "    if (%s_run(%sarena))\n        return 1;\n", P->name, args.s);
    }
    buf_puts(&b, "    fclose(f);\n    fclose(g);\n    return n == 0;\n}\n");
    write_file_in("main.c", b.s);
    buf_free(&b);
    buf_free(&args);
}

static inline void move_io(Io *io, const char *name, bool out)
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

static const char *const host_targets[] = {"generic", "x86-64-v2", "x86-64-v3", "x86-64-v4", "native"};
static const char *const compilers[] = {"gcc", "clang"};
enum { HOST_TARGETS = LEN(host_targets) };

/* The targets before x86-64-vN are what a machine of level N runs. */
static inline bool runs_here(const char *target)
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
#endif
