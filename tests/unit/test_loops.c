/* Loop IR: index expressions, builder, text form, checker, interpreter, and the passes on loops. */
#include "../../ir/loops.h"

#include <CUnit/CUnit.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void suite_loops(void);

enum { ROWS = 16, COLS = 24, ELEMS = ROWS * COLS };

/* A program of one kernel with this body; x is read, y written, s is 16 x 24 of the arena, z the same memory. */
static char *program_text(Arena *a, const char *body)
{
    return arena_printf(a,
                        "program @p arena 2048 align 64 {\n"
                        "  buffer %%x : f32[16,24] input\n"
                        "  buffer %%y : f32[16,24] output\n"
                        "  const @w : f32[4] = [1, -2, 0.5, 3e-8]\n"
                        "  const @t : i32[4] = [3, 0, 2, -7]\n"
                        "  kernel @k (x: f32[16,24] ro, y: f32[16,24] wo, w: f32[4] const, t: i32[4] const,\n"
                        "             s: f32[16,24] rw alias, z: f32[16,24] rw alias) {\n%s\n  }\n"
                        "  call @k (%%x, %%y, @w, @t, arena+64, arena+64)\n}\n",
                        body);
}

/* Parses; *messages receives what diag said (caller frees). */
static Program *parse(Arena *a, const char *text, Buf *messages)
{
    *messages = (Buf){0};
    diag_reset();
    diag_capture(messages);
    Program *p = program_parse(a, text, diag_file("t.dsq", text, strlen(text)));
    diag_capture(NULL);
    return p;
}

/* A program that must parse and pass the checker. */
static Program *good(Arena *a, const char *text)
{
    Buf messages;
    Program *p = parse(a, text, &messages);
    const char *err = p ? program_check(p) : messages.s;
    if (err)
        printf("%s\n%s\n", text, err);
    CU_ASSERT_PTR_NULL_FATAL(err);
    buf_free(&messages);
    return p;
}

static char *text_of(Arena *a, const Program *p)
{
    Buf b = {0};
    program_print(&b, p, true);
    char *s = arena_strndup(a, b.s, b.n);
    buf_free(&b);
    return s;
}

/* What is wrong with p printed and read again; NULL: nothing. */
static const char *round_trip(Arena *a, const Program *p)
{
    char *s = text_of(a, p);
    Buf messages;
    Program *q = parse(a, s, &messages);
    const char *err = q ? program_diff(a, p, q) : arena_printf(a, "%s", messages.s);
    /* what a call computes is a comment and not read */
    if (!err && !(p->call.n && p->call.v[0].layers) && strcmp(s, text_of(a, q)))
        err = "same program, other text";
    buf_free(&messages);
    return err;
}

typedef struct Memory { float x[ELEMS], y[ELEMS]; _Alignas(64) char arena[2048]; } Memory;

/* Runs p on random numbers; what the interpreter says. */
static const char *run(Arena *a, const Program *p, uint64_t seed, Memory *m)
{
    Rng r = rng_seed(seed, "loops");
    memset(m, 0, sizeof *m);
    for (int i = 0; i < ELEMS; i++) {
        m->x[i] = (float)rng_normal(&r);
        float s = (float)rng_normal(&r);
        memcpy(m->arena + 64 + 4 * i, &s, 4);
    }
    return program_interp(p, (float *[]){m->x, m->y}, m->arena, a);
}

/* ---- index expressions ---- */

typedef struct Tree { char op; int64_t k; struct Tree *a, *b; } Tree;

static Tree *random_tree(Arena *a, Rng *r, int depth)
{
    Tree *t = NEW(a, Tree, 1);
    t->op = "cvvvv+-*/%mM"[rng_next(r) % (depth ? 12 : 5)];
    t->k = strchr("/%", t->op) ? 1 + (int64_t)(rng_next(r) % 12) : (int64_t)(rng_next(r) % 17) - 8;
    if (t->op == 'v')
        t->k = (int64_t)(rng_next(r) % 4);
    if (strchr("+-*/%mM", t->op))
        t->a = random_tree(a, r, depth - 1);
    if (strchr("+-mM", t->op))
        t->b = random_tree(a, r, depth - 1);
    return t;
}

static const Ix *tree_ix(Arena *a, const Tree *t)
{
    const Ix *x = t->a ? tree_ix(a, t->a) : NULL, *y = t->b ? tree_ix(a, t->b) : NULL;
    switch (t->op) {
    case 'c': return ix_const(a, t->k);
    case 'v': return ix_var(a, (int)t->k);
    case '+': return ix_add(a, x, y);
    case '-': return ix_sub(a, x, y);
    case '*': return ix_mulc(a, x, t->k);
    case '/': return ix_div(a, x, t->k);
    case '%': return ix_mod(a, x, t->k);
    case 'm': return ix_min(a, x, y);
    default: return ix_max(a, x, y);
    }
}

static int64_t tree_eval(const Tree *t, const int64_t *v)
{
    int64_t x = t->a ? tree_eval(t->a, v) : 0, y = t->b ? tree_eval(t->b, v) : 0;
    switch (t->op) {
    case 'c': return t->k;
    case 'v': return v[t->k];
    case '+': return x + y;
    case '-': return x - y;
    case '*': return x * t->k;
    case '/': return (int64_t)floor((double)x / (double)t->k);
    case '%': return x - t->k * (int64_t)floor((double)x / (double)t->k);
    case 'm': return x < y ? x : y;
    default: return x > y ? x : y;
    }
}

static bool sorted(Arena *a, const Ix *x)
{
    for (int i = 0; i < x->n; i++) {
        if (x->t[i].k == 0)
            return false;
        /* Adding in any order gives the same expression. */
        const Ix *rest = ix_sub(a, x, &(Ix){0, 1, &x->t[i]});
        if (rest->n != x->n - 1 || !ix_eq(ix_add(a, &(Ix){0, 1, &x->t[i]}, rest), x))
            return false;
    }
    return true;
}

static void test_ix_random(void)
{
    Rng r = rng_seed(1, "ix");
    int wrong = 0;
    for (int i = 0; i < 3000 && !wrong; i++) {
        Arena *a = arena_new();
        const Tree *t = random_tree(a, &r, 4);
        const Ix *x = tree_ix(a, t);
        wrong += !sorted(a, x) || !ix_eq(x, tree_ix(a, t)) || ix_sub(a, x, x)->n != 0;
        for (int j = 0; j < 20; j++) {
            int64_t v[4];
            for (int k = 0; k < 4; k++)
                v[k] = (int64_t)(rng_next(&r) % 61) - 30;
            wrong += ix_eval(x, v) != tree_eval(t, v);
            int var = (int)(rng_next(&r) % 4);
            /* by a constant, and by another variable plus something */
            const Ix *s = ix_subst(a, x, var, ix_const(a, v[var]));
            wrong += ix_uses(s, var) || ix_eval(s, v) != tree_eval(t, v);
            s = ix_subst(a, x, var, ix_addc(a, ix_var(a, 3 - var), 5));
            v[var] = v[3 - var] + 5;
            wrong += ix_eval(s, v) != tree_eval(t, v);
        }
        arena_free(a);
    }
    CU_ASSERT_EQUAL(wrong, 0);
}

/* The text of an index expression of variables a, b, c as it comes back. */
static const char *normal_form(Arena *a, const char *ix)
{
    Program *p = good(a, program_text(a, arena_printf(a, "for a 0..2 { for b 0..2 { for c 0..2 { ptr q = &w[%s] }}}", ix)));
    const char *s = strstr(text_of(a, p), "&w[") + 3;
    return arena_strndup(a, s, strcspn(s, "]"));
}

static void test_ix_forms(void)
{
    static const char *const form[][2] = {
        {"3 + a + 14*b - a", "b*14 + 3"},
        {"(8*b + a)/8", "b + a/8"},
        {"(8*b + a)%8", "a%8"},
        {"(8*b + 16)/8", "b + 2"},
        {"(4*a + 2)/8", "a/2"},
        {"(4*a + 2)%8", "a%2*4 + 2"},
        {"(a/4 + 3)/2", "(a + 4)/8 + 1"},
        {"(a%8 + 3)/16", "0"},
        {"(a%8 + 3)%16", "a%8 + 3"},
        {"(a%16)%8", "a%8"},
        {"(a - 1)/8", "(a + 7)/8 - 1"},
        {"-a + 3", "3 - a"},
        {"-(a - b)", "-a + b"},
        {"min(a + 3, a)", "a"},
        {"max(a%4, 5)", "5"},
        {"min(7, max(b, a))", "min(max(a, b), 7)"},
        {"min(a, b) - min(b, a)", "0"},
        {"2*(a/3)*2 - c%2", "a/3*4 - c%2"},
        {"(a%3)/2", "(a%3)/2"},
        {"(-5)/3", "-2"},
        {"(-5)%3", "1"},
    };
    for (int i = 0; i < LEN(form); i++) {
        Arena *a = arena_new();
        const char *once = normal_form(a, form[i][0]);
        if (strcmp(once, form[i][1]))
            printf("%s gives %s\n", form[i][0], once);
        CU_ASSERT_STRING_EQUAL(once, form[i][1]);
        CU_ASSERT_STRING_EQUAL(normal_form(a, form[i][1]), form[i][1]);
        arena_free(a);
    }
}

/* ---- builder ---- */

static void test_folding(void)
{
    Arena *a = arena_new();
    Kernel k = {.name = "k"};
    KB b = kb_begin(a, &k);
    int p = kb_param(&b, "for", DT_F32, ACC_RO, 1, (int64_t[]){8});
    const Ix *zero = ix_const(a, 0);
    const Expr *x = x_load(&b, p, &zero, 1, 0), *v = x_load(&b, p, &zero, 8, 3);
    VT f = vt(DT_F32, 1);
    const Expr *c0 = x_const(&b, f, 0.0), *minus0 = x_const(&b, f, -0.0), *one = x_const(&b, f, 1);
    CU_ASSERT_STRING_EQUAL(k.param.v[p].name, "for_1");
    CU_ASSERT_PTR_EQUAL(x_bin(&b, X_mul, x, one), x);
    CU_ASSERT_PTR_EQUAL(x_bin(&b, X_add, minus0, x), x);
    CU_ASSERT_PTR_EQUAL(x_bin(&b, X_sub, x, c0), x);
    CU_ASSERT_PTR_EQUAL(x_bin(&b, X_div, v, one), v);
    CU_ASSERT_PTR_EQUAL(x_un(&b, X_neg, x_un(&b, X_neg, x)), x);
    CU_ASSERT_PTR_EQUAL(x_un(&b, X_hsum, x), x);
    CU_ASSERT_PTR_EQUAL(x_splat(&b, x, 1), x);
    /* not exact: -0 + 0 is 0, 0 x NaN is NaN */
    CU_ASSERT_EQUAL(x_bin(&b, X_add, x, c0)->op, X_add);
    CU_ASSERT_EQUAL(x_bin(&b, X_sub, x, minus0)->op, X_sub);
    CU_ASSERT_EQUAL(x_bin(&b, X_mul, x, c0)->op, X_mul);
    CU_ASSERT_EQUAL(x_fma(&b, true, x, c0, one)->op, X_fma);
    CU_ASSERT_EQUAL(x_fma(&b, true, x, one, c0)->op, X_add);
    CU_ASSERT_EQUAL(x_fma(&b, true, x, x, minus0)->op, X_mul);
    CU_ASSERT_EQUAL(x_fma(&b, false, x, x, x)->op, X_add);
    const Expr *e = x_bin(&b, X_mul, x_const(&b, f, 0.1), x_const(&b, f, 3));
    CU_ASSERT(e->op == X_const && e->imm == (double)(0.1f * 3.0f));
    e = x_bin(&b, X_max, v, x_const(&b, f, 0.5));
    CU_ASSERT(e->type.lanes == 8 && e->a[1]->op == X_const && e->a[1]->type.lanes == 8);
    e = x_bin(&b, X_add, x, v);
    CU_ASSERT(e->a[0]->op == X_splat && e->a[0]->a[0] == x);
    CU_ASSERT_PTR_EQUAL(x_select_gt(&b, one, c0, x, minus0), x);
    e = x_bin(&b, X_mul, x_const(&b, vt(DT_I32, 1), 65536), x_const(&b, vt(DT_I32, 1), 65537));
    CU_ASSERT_EQUAL(e->imm, 65536);
    arena_free(a);
}

/* C = A B, A f32[6,10], B f32[10,32]: 3 rows x 2 vectors of 8 at a time. */
static Program *matmul(Arena *a)
{
    Program *p = NEW(a, Program, 1);
    *p = (Program){.arena = a, .name = "p", .arena_align = 64};
    Kernel k = {.name = "matmul", .title = "a \"title\""};
    KB b = kb_begin(a, &k);
    int pa = kb_param(&b, "a", DT_F32, ACC_RO, 2, (int64_t[]){6, 10});
    int pb = kb_param(&b, "b", DT_F32, ACC_RO, 2, (int64_t[]){10, 32});
    int pc = kb_param(&b, "c", DT_F32, ACC_WO, 2, (int64_t[]){6, 32});
    const Ix *zero = ix_const(a, 0);
    const Ix *m = ix_var(a, kb_for(&b, LOOP_PARALLEL, "m", zero, ix_const(a, 6), 3));
    const Ix *n = ix_var(a, kb_for(&b, LOOP_SERIAL, "n", zero, ix_const(a, 32), 16));
    int acc = kb_tile(&b, "acc", 3, 2, x_const(&b, vt(DT_F32, 8), 0));
    const Ix *k0 = ix_var(a, kb_for(&b, LOOP_SERIAL, "k", zero, ix_const(a, 10), 1));
    const Ix *r = ix_var(a, kb_for(&b, LOOP_UNROLL, "r", zero, ix_const(a, 3), 1));
    const Ix *j = ix_var(a, kb_for(&b, LOOP_UNROLL, "j", zero, ix_const(a, 2), 1));
    const Expr *x = x_load(&b, pa, (const Ix *[]){ix_add(a, m, r), k0}, 1, 0);
    int w = kb_let(&b, "w", x_load(&b, pb, (const Ix *[]){k0, ix_add(a, n, ix_mulc(a, j, 8))}, 8, 0));
    kb_set(&b, acc, r, j, x_fma(&b, true, x, x_reg(&b, w), x_tile(&b, acc, r, j)));
    kb_end(&b);
    kb_end(&b);
    kb_end(&b);
    r = ix_var(a, kb_for(&b, LOOP_UNROLL, "r", zero, ix_const(a, 3), 1));
    j = ix_var(a, kb_for(&b, LOOP_UNROLL, "j", zero, ix_const(a, 2), 1));
    kb_comment(&b, "row %d", 1);
    kb_store(&b, pc, (const Ix *[]){ix_add(a, m, r), ix_add(a, n, ix_mulc(a, j, 8))}, x_tile(&b, acc, r, j), 0);
    while (b.depth)
        kb_end(&b);
    PUSH(a, &p->kernel, k);
    PUSH(a, &p->buf, (PBuf){"a", BUF_INPUT, type_make(DT_F32, 2, (int64_t[]){6, 10}), NULL, 64});
    PUSH(a, &p->buf, (PBuf){"b", BUF_INPUT, type_make(DT_F32, 2, (int64_t[]){10, 32}), NULL, 64});
    PUSH(a, &p->buf, (PBuf){"c", BUF_OUTPUT, type_make(DT_F32, 2, (int64_t[]){6, 32}), NULL, 64});
    Call c = {.layers = "fc", .macs = 1920};
    for (int i = 0; i < 3; i++)
        PUSH(a, &c.arg, (Arg){i, 0});
    PUSH(a, &p->call, c);
    return p;
}

static bool (*const passes[])(Arena *, Kernel *) = {loop_unroll, loop_hoist, loop_cse};
static const char *const pass_names[] = {"loop_unroll", "loop_hoist", "loop_cse"};

static int count(const Block *b, StmtKind kind)
{
    int n = 0;
    for (int i = 0; i < b->n; i++)
        n += (b->v[i]->kind == kind) + (b->v[i]->kind == ST_FOR ? count(&b->v[i]->body, kind) : 0);
    return n;
}

static void test_matmul(void)
{
    Arena *a = arena_new();
    Program *p = matmul(a);
    Kernel *k = &p->kernel.v[0];
    float A[60], B[320], C[192], want[192] = {0};
    Rng r = rng_seed(7, "matmul");
    for (int i = 0; i < 60; i++)
        A[i] = (float)rng_normal(&r);
    for (int i = 0; i < 320; i++)
        B[i] = (float)rng_normal(&r);
    for (int i = 0; i < 192; i++)
        for (int j = 0; j < 10; j++)
            want[i] = fmaf(A[i / 32 * 10 + j], B[j * 32 + i % 32], want[i]);
    for (int i = -1; i < LEN(passes); i++) {
        if (i >= 0)
            CU_ASSERT_TRUE(passes[i](a, k));
        CU_ASSERT_PTR_NULL(program_check(p));
        const char *err = round_trip(a, p);
        if (err)
            printf("%s\n", err);
        CU_ASSERT_PTR_NULL(err);
        memset(C, 0, sizeof C);
        CU_ASSERT_PTR_NULL(program_interp(p, (float *[]){A, B, C}, NULL, a));
        CU_ASSERT_EQUAL(memcmp(C, want, sizeof C), 0);
    }
    /* two vectors of b per step, though three rows ask for them; one pointer for each of a, b and c */
    CU_ASSERT_EQUAL(count(&k->body, ST_FOR), 3);
    CU_ASSERT_EQUAL(count(&k->body, ST_PTR), 3);
    CU_ASSERT_EQUAL(count(&k->body, ST_COMMENT), 6);
    CU_ASSERT_EQUAL(count(&k->body, ST_STORE), 6);
    for (int i = 0; i < LEN(passes); i++)
        CU_ASSERT_FALSE(passes[i](a, k));
    arena_free(a);
}

static void test_kernel_eq(void)
{
    Arena *a = arena_new();
    const char *body = "for i 0..4 { let r: f32x4 = splat(load w[i]) store y[i, 0] = mul(r, 2.5) note \"a\" }";
    const Kernel *k = good(a, program_text(a, body))->kernel.v;
    static const char *const same[] = {
        "for j 0..4 { let q: f32x4 = splat(load w[j]) store y[j, 0] = mul(q, 2.5) note \"b\" }"};
    static const char *const other[] = {
        "for i 0..4 { let r: f32x4 = splat(load w[i]) store y[i, 0] = mul(r, 2) note \"a\" }",
        "for i 0..3 { let r: f32x4 = splat(load w[i]) store y[i, 0] = mul(r, 2.5) note \"a\" }",
        "for i 0..4 { let r: f32x4 = splat(load w[0]) store y[i, 0] = mul(r, 2.5) note \"a\" }",
        "for i 0..4 { let r: f32x4 = splat(load w[i]) store y[i, 0] first 3 = mul(r, 2.5) note \"a\" }",
        "for i 0..4 { let r: f32x4 = splat(load w[i]) store y[i, 0] = add(r, 2.5) note \"a\" }"};
    for (int i = 0; i < LEN(same); i++)
        CU_ASSERT_TRUE(kernel_eq(k, good(a, program_text(a, same[i]))->kernel.v));
    for (int i = 0; i < LEN(other); i++)
        CU_ASSERT_FALSE(kernel_eq(k, good(a, program_text(a, other[i]))->kernel.v));
    Kernel alias = *k;
    alias.param.v = NEW(a, KParam, alias.param.n);
    memcpy(alias.param.v, k->param.v, (size_t)k->param.n * sizeof *k->param.v);
    alias.param.v[0].alias = true;
    CU_ASSERT_FALSE(kernel_eq(k, &alias));
    arena_free(a);
}

/* ---- arithmetic ---- */

static void test_arithmetic(void)
{
    static const struct { const char *value; float want[8]; } row[] = {
        {"load x[0, 0] first 3: f32x8", {1, 2, 3, 0, 0, 0, 0, 0}},
        {"sub(load x[0, 0], load x[0, 1]): f32x4", {-1, -1, -1, -1}},
        {"add(load x[0, 0], splat(load x[0, 2])): f32x2", {4, 5}},
        {"div(load x[0, 0], 0): f32x2", {INFINITY, INFINITY}},
        {"max(nan, load x[0, 0])", {1}},
        {"max(load x[0, 0], nan)", {NAN}},
        {"min(nan, load x[0, 0])", {1}},
        {"min(-inf, load x[0, 0])", {-INFINITY}},
        {"neg(load x[0, 0])", {-1}},
        {"div(1, abs(neg(sub(load x[0, 0], 1))))", {INFINITY}},
        {"sqrt(add(load x[0, 0], 1))", {1.41421356237309505f}},
        /* 2^-46 remains of the square, rounded once */
        {"fma(0x3f800001, 0x3f800001, -1.0000002)", {0x1p-46f}},
        {"select_gt(load x[0, 0], 2, 10, 20): f32x4", {20, 20, 10, 10}},
        {"select_gt(nan, load x[0, 0], 10, 20)", {20}},
        {"exp(0)", {1}},
        {"tanh(inf)", {1}},
        {"erf(-inf)", {-1}},
        /* (16777216 + -16777216) + (1 + 1), not from left to right */
        {"hsum(select_gt(load x[0, 0], 2.5, select_gt(load x[0, 0], 3.5, 1, -16777216), "
         "select_gt(load x[0, 0], 1.5, 1, 16777216)): f32x4)", {2}},
        {"hmax(neg(load x[0, 0]): f32x8)", {-1}},
        {"lane(load x[0, 0]: f32x4, 2)", {3}},
    };
    for (int i = 0; i < LEN(row); i++) {
        Arena *a = arena_new();
        Program *p = good(a, program_text(a, arena_printf(a, "store y[0, 0] = %s", row[i].value)));
        Memory m = {0};
        for (int j = 0; j < ELEMS; j++)
            m.x[j] = (float)(j + 1);
        CU_ASSERT_PTR_NULL(program_interp(p, (float *[]){m.x, m.y}, m.arena, a));
        CU_ASSERT_PTR_NULL(round_trip(a, p));
        int wrong = 0;
        for (int j = 0; j < 8; j++)
            wrong += isnan(row[i].want[j]) ? !isnan(m.y[j]) : m.y[j] != row[i].want[j];
        if (wrong)
            printf("%s: %g %g %g %g\n", row[i].value, m.y[0], m.y[1], m.y[2], m.y[3]);
        CU_ASSERT_EQUAL(wrong, 0);
        arena_free(a);
    }
}

static void test_integers(void)
{
    static const struct { const char *value; int32_t want; } row[] = {
        {"add(load t[1], 2147483647)", 2147483647},
        {"add(load t[0], 2147483647)", -2147483646},
        {"mul(load t[3], 613566757)", -3},
        {"neg(-2147483648)", -2147483648},
        {"abs(load t[3])", 7},
        {"max(load t[3], index(i*3 - 7))", -4},
        {"min(hsum(load t[0]: i32x4), 4)", -2},
        {"select_gt(load t[0], load t[3], lane(load t[0]: i32x4, 2), 9)", 2},
    };
    for (int i = 0; i < LEN(row); i++) {
        Arena *a = arena_new();
        char *text = arena_printf(a,
                                  "program @p arena 0 align 1 {\n buffer %%y : i32[1] output\n"
                                  " const @t : i32[4] = [3, 0, 2, -7]\n"
                                  " kernel @k (t: i32[4] const, y: i32[1] wo) { for i 1..2 { store y[0] = %s } }\n"
                                  " call @k (@t, %%y)\n}\n",
                                  row[i].value);
        Program *p = good(a, text);
        int32_t y = 0;
        CU_ASSERT_PTR_NULL(program_interp(p, (float *[]){(float *)(void *)&y}, NULL, a));
        CU_ASSERT_PTR_NULL(round_trip(a, p));
        CU_ASSERT_EQUAL(y, row[i].want);
        arena_free(a);
    }
}

/* ---- text ---- */

static void test_text(void)
{
    /* names that the builder would refuse are renamed, types are where they are needed and only there */
    static const char *const pair[][2] = {
        {"for i 0..2 { } for i 0..2 { let r: f32 = 0 } let r: f32 = 1", "i_1"},
        {"let r: f32 = 1 let r: f32 = add(r, 1)", "r_1: f32 = add(r, 1)"},
        {"store y[0, 0] = add(load x[0, 0], load w[0] first 3): f32x8",
         "store y[0, 0] = add(load x[0, 0], load w[0] first 3): f32x8"},
        {"store y[0, 0] = mul(splat(hsum(load x[0, 0]: f32x8)), load x[0, 0]: f32x4)",
         "mul(splat(hsum(load x[0, 0]: f32x8)), load x[0, 0]): f32x4"},
        {"store y[0, 0] = 0.1: f32x8", "store y[0, 0] = 0.1: f32x8"},
        {"let acc[2, 3]: f32x4 = splat(load w[1]) store y[0, 0] first 2 = acc[1, 2]",
         "store y[0, 0] first 2 = acc[1, 2]"},
        {"note \"a \\\"b\\\" \\\\ \\n \\x01\"", "note \"a \\\"b\\\" \\\\ \\n \\x01\""},
        {"unroll i 0..4 step 2 { ptr q = &x[i, 3] ptr r = &q[i + 1] store y[0, i] = load r[0] }", "ptr r = &q[i + 1]"},
        {"index i = t[2] store y[i, 0] = nan store y[0, 0] = -inf store y[0, 0] = 0xffc00001", "= 0xffc00001"},
    };
    for (int i = 0; i < LEN(pair); i++) {
        Arena *a = arena_new();
        Program *p = good(a, program_text(a, pair[i][0]));
        const char *err = round_trip(a, p);
        CU_ASSERT_PTR_NULL(err);
        if (err || !strstr(text_of(a, p), pair[i][1]))
            printf("%s\n%s\n", err ? err : "", text_of(a, p));
        CU_ASSERT_PTR_NOT_NULL(strstr(text_of(a, p), pair[i][1]));
        arena_free(a);
    }
}

static void test_data(void)
{
    Arena *a = arena_new();
    const char *text = "program @p arena 0 align 1 {\n"
                       "  const @a : f32[5] align 64 = [0.1, -0, inf, nan, 0xffc00001]\n"
                       "  const @b : f64[2] = [0.1, -1e-320]\n"
                       "  const @c : f16[1] = [0x3c00]\n"
                       "  const @d : u8[2] = [0, 255]\n"
                       "  const @e : i64[2] = [-9223372036854775808, 9223372036854775807]\n"
                       "  const @f : u64[1] = [18446744073709551615]\n"
                       "}\n";
    Program *p = good(a, text);
    CU_ASSERT_PTR_NULL(round_trip(a, p));
    const float *f = p->buf.v[0].data;
    CU_ASSERT(f[0] == 0.1f && f[1] == 0 && signbit(f[1]) && isinf(f[2]) && isnan(f[3]) && isnan(f[4]));
    CU_ASSERT_EQUAL(((const uint8_t *)p->buf.v[3].data)[1], 255);
    CU_ASSERT_STRING_EQUAL(text_of(a, p) + strlen("program @p arena 0 align 1 {\n  const @a : f32[5] align 64 = "),
                           strstr(text, "[0.1"));
    /* differences are seen */
    for (int i = 0; i < p->buf.n; i++) {
        Program *q = good(a, text);
        char *copy = NEW(a, char, 64);
        memcpy(copy, q->buf.v[i].data, (size_t)type_elems(&q->buf.v[i].type) * (size_t)dtype_size(q->buf.v[i].type.dtype));
        copy[0] ^= 1;
        q->buf.v[i].data = copy;
        CU_ASSERT_PTR_NOT_NULL(program_diff(a, p, q));
    }
    arena_free(a);
}

static void test_parse_errors(void)
{
    static const struct { const char *body, *message; } row[] = {
        {"for i 0..2 { store y[i] = 0 }", "8:20: error: 'y' has 2 dimensions, here are 1 indices"},
        {"store q[0] = 0", "8:7: error: 'q' is not a buffer or pointer here"},
        {"for i 0..2 { } store y[0, i] = 0", "'i' is not an index variable here"},
        {"for i 0..2 { let r: f32 = 0 } store y[0, 0] = r", "'r' is not a register here"},
        {"r = 1", "'r' begins no statement and is not a register here"},
        {"let r: f32 = frobnicate(1)", "'frobnicate' is not an operation"},
        {"let r: f32x4 = 0 let s: f32x8 = r", "'r' has type f32x4, expected f32x8"},
        {"let r: i32 = load x[0, 0]", "'load' has type f32, expected i32"},
        {"let r: f32 = add(1)", "expected ',', found ')'"},
        {"let r: f17 = 1", "expected a type like f32 or f32x16, found 'f17'"},
        {"let r: i32 = 2147483648", "'2147483648' is not a number of type i32"},
        {"let r: i32 = 0.5", "'0.5' is not a number of type i32"},
        {"let r: f32 = 1e40", "'1e40' is not a number of type f32"},
        {"let r: f32 = - 1", "expected a number, found '-'"},
        {"for for 0..2 { }", "'for' cannot be a name here"},
        {"for i 0..2 { ptr p = &w[i*i] }", "a product of two variables"},
        {"for i 0..2 { ptr p = &w[3/i] }", "division by a variable"},
        {"for i 0..2 { ptr p = &w[i/0] }", "division by 0"},
        {"for i 0..9999999999999 { }", "an integer larger than 1099511627776"},
        {"for i 0..2 { ptr p = &w[i*1048576*1048576*2] }", "an index with a number larger than 2^40"},
        {"note \"abc", "the string does not end on its line"},
        {"note \"abc\\\"", "the string does not end on its line"},
        {"store y[0, 0] = 0 }}}}", "text after the program's end"},
        {"let r[1,2,3,4]: f32 = 0", "more than 3 dimensions"},
    };
    for (int i = 0; i < LEN(row); i++) {
        Arena *a = arena_new();
        Buf messages;
        Program *p = parse(a, program_text(a, row[i].body), &messages);
        CU_ASSERT_PTR_NULL(p);
        bool right = messages.s && strstr(messages.s, row[i].message);
        if (!right)
            printf("%s\n%s\n", row[i].body, messages.s ? messages.s : "(nothing)");
        CU_ASSERT_TRUE(right);
        buf_free(&messages);
        arena_free(a);
    }
}

/* ---- checker ---- */

static void expect_refusal(const char *what, const char *err, const char *want)
{
    bool right = err && strstr(err, want);
    if (!right)
        printf("%s\n  says: %s\n  not:  %s\n", what, err ? err : "(nothing)", want);
    CU_ASSERT_TRUE(right);
}

static void test_check_text(void)
{
    static const char *const row[][2] = {
        {"let r: f32x3 = 0", "3 lanes"},
        {"let r: f32x128 = 0", "128 lanes"},
        {"let r: i8 = 0", "element type cannot be computed with"},
        {"let r: i32 = div(1, 2)", "div of integers"},
        {"let r: i32 = exp(1)", "exp of integers"},
        {"let r: f32 = load y[0, 0]", "load from y, which is write-only"},
        {"store x[0, 0] = 0", "store to x, which is read-only"},
        {"store w[0] = 0", "store to w, which is read-only"},
        {"store y[0, 0] first 4 = 0", "4 elements of a value with 1 lanes"},
        {"let r: f32x4 = load x[0, 0] first 5", "5 elements of a value with 4 lanes"},
        {"let r: f32 = lane(load x[0, 0]: f32x4, 4)", "lane 4 of 4"},
        {"let r: f32 = hsum(load x[0, 0]: f32)", "hsum wants a vector"},
        {"let r: f32 = splat(load x[0, 0])", "splat to a scalar"},
        {"index i = w[0]", "which is not a readable buffer of i32"},
        {"let r[2]: f32 = 0 for i 0..2 { r[i] = 1 }", "an index of register r stays variable"},
        {"let r[2]: f32 = 0 r[2] = 1", "index 0 of register r may be 2, dimension 2"},
        {"let r[2]: f32 = 0 unroll i 0..3 { store y[0, 0] = r[1 - i] }", "index 0 of register r may be -1, dimension 2"},
        {"let r[2]: f32 = 0 unroll i 0..2 { unroll j i..i*3 step 2 { r[j] = 0 } }", "register r may be 2"},
        {"let r[3]: f32 = 0 unroll i 0..4 step 3 { r[i/2 + i%2] = 0 }", NULL},
        {"let r[2]: f32 = 0 r = 1", "0 indices for register r of rank 1"},
        {"let r[0]: f32 = 0", "register r must have 1 to 4096 elements"},
        {"let r[100, 100]: f32 = 0", "register r must have 1 to 4096 elements"},
        {"for i 0..4 { unroll j 0..i { } }", "unrolled loop j has variable bounds"},
        {"for i 0..4 step 0 { }", "loop i steps by 0"},
        {"parallel for i 0..4 { } store y[0, 0] = 0", "a parallel loop must be the last statement"},
        {"for i 0..4 { parallel for j 0..4 { } }", "a parallel loop must be the last statement"},
        {"let r: f32 = 0 parallel for i 0..4 { r = 1 }", "set inside the parallel loop and declared outside"},
        {"for i 0..1099511627776 { ptr p = &w[i*1024] }", "an index may be larger than 2^47"},
        {"for i 0..1099511627776 { ptr p = &x[i*64, i] ptr q = &p[i*120] }", NULL},
        {"for i 0..1000 { for j 0..1099511627776 { ptr p = &x[i + j*128, 0] } }", "an index may be larger"},
        {"for a 0..2 { unroll i 0..2 { let r[2]: f32 = 0 for j i..i + 1 { r[j] = 1 } } }", NULL},
    };
    for (int i = 0; i < LEN(row); i++) {
        Arena *a = arena_new();
        Buf messages;
        Program *p = parse(a, program_text(a, row[i][0]), &messages);
        CU_ASSERT_PTR_NOT_NULL(p);
        const char *err = p ? program_check(p) : messages.s;
        if (row[i][1])
            expect_refusal(row[i][0], err, row[i][1]);
        else
            CU_ASSERT_PTR_NULL(err);
        buf_free(&messages);
        arena_free(a);
    }
}

/* Programs that differ from a good one in one place. */
static void test_check_program(void)
{
    static const char good_text[] =
        "program @p arena 1024 align 64 { buffer %x : f32[8] input align 4 buffer %y : f32[8] output const @w : f32[8]"
        " kernel @k (a: f32[8] ro, b: f32[8] rw alias, c: f32[4] const) { } kernel @l () { }"
        " call @k (%x, arena+992, @w+4) }";
    static const struct { const char *from, *to, *message; } row[] = {
        {"@p", "@if", "the program's name 'if'"},
        {"align 64", "align 48", "arena of 1024 bytes aligned to 48"},
        {"align 64", "align 0", "aligned to 0"},
        {"align 4", "align 3", "alignment 3 is not a power of two"},
        {"%y : f32[8]", "%int : f32[8]", "buffer 'int' is not a free C identifier"},
        {"@l", "@for", "kernel 'for' is not a free C identifier"},
        {"a: f32[8]", "a: f32[]", "parameter a has rank 0"},
        {"a: f32[8]", "a: f32[0]", "parameter a: dimension 0 is 0"},
        {"a: f32[8]", "a: f32[1099511627776,2]", "parameter a: dimension 1 is 2"},
        {"@k (%x, arena+992, @w+4)", "@k (%x, arena+992)", "2 arguments for 3 parameters"},
        {"arena+992", "arena+996", "parameter b at arena+996 needs 32 bytes of an arena of 1024"},
        {"arena+992", "arena+2", "parameter b at arena+2"},
        {"@w+4", "@w+5", "parameter c needs 4 elements of w from 5 on"},
        {"@w+4", "%x", "parameter c wants a constant"},
        {"@w+4", "arena", "parameter c wants a constant"},
        {"arena+992", "%x", "parameter b would write to x"},
        {"arena+992", "@w", "parameter b would write to w"},
        {"(%x, arena+992", "(arena+968, arena+992", "b and a share memory and do not say alias"},
        {"%x : f32[8]", "%x : i32[8]", "parameter a is not of buffer x's type"},
    };
    Arena *a = arena_new();
    good(a, good_text);
    for (int i = 0; i < LEN(row); i++) {
        const char *at = strstr(good_text, row[i].from);
        char *text = arena_printf(a, "%.*s%s%s", (int)(at - good_text), good_text, row[i].to, at + strlen(row[i].from));
        Buf messages;
        Program *p = parse(a, text, &messages);
        CU_ASSERT_PTR_NOT_NULL(p);
        expect_refusal(row[i].to, p ? program_check(p) : messages.s, row[i].message);
        buf_free(&messages);
    }
    arena_free(a);
}

/* What no text can say, a pass could build. */
static void test_check_built(void)
{
    static const char body[] = "for i 0..4 { let r: f32x4 = load x[i, 0] let q: f32x4 = add(r, r) ptr p = &x[i, 0] "
                               "ptr o = &w[0] index j = t[i] store y[i, j] = mul(q, load p[4]) }";
    for (int i = 0; i < 15; i++) {
        Arena *a = arena_new();
        Program *p = good(a, program_text(a, body));
        Kernel *k = p->kernel.v;
        Block *b = &k->body.v[0]->body;
        Expr *add = (Expr *)(uintptr_t)b->v[1]->val, *load = (Expr *)(uintptr_t)b->v[0]->val;
        const char *want = "not numbered in the order";
        switch (i) {
        case 0: b->v[0]->ref = 1, b->v[1]->ref = 0; break;
        case 1: b->v[2]->ptr = 1; break;
        case 2: b->v[4]->var = 0; break;
        case 3: b->n--, b->v[4] = b->v[5], want = "variable j is not defined here"; break;
        case 4: add->a[1] = NULL, want = "add without operand 1"; break;
        case 5: add->type.lanes = 8, want = "operand 0 of add is f32 of 4 lanes, not f32 of 8"; break;
        case 6: load->ref = 99, want = "an access to nothing"; break;
        case 7: load->ref = ~0, want = "pointer p is not defined here"; break;
        case 8: load->nix = 1, want = "1 indices for x of rank 2"; break;
        case 9: load->type.elem = DT_I32, want = "load of i32 elements from x"; break;
        case 10: k->ptr.v[1].param = 0, want = "pointer o does not point into its parameter"; break;
        case 11: k->reg.v[1].name = "r", want = "the name r is given twice"; break;
        case 12: add->op = NXOPS, want = "an expression of unknown kind"; break;
        case 13: b->n = 1, want = "without a definition"; break;
        case 14: k->reg.v[0].type.lanes = 8, want = "register r begins with a value of another type"; break;
        }
        expect_refusal(arena_printf(a, "case %d", i), program_check(p), want);
        arena_free(a);
    }
}

/* ---- interpreter ---- */

static void test_violations(void)
{
    static const char *const row[][2] = {
        {"for i 0..17 { store y[i, 0] = 0 }",
         "kernel k, call 0: store of 1 at y[i, 0]: index 0 is 16, dimension 16, i = 16"},
        {"for i 0..4 { store y[0, i*8 - 1] = 0 }", "index 1 is -1, dimension 24, i = 0"},
        {"for i 0..4 { let r: f32x8 = load x[1, i*8] }", "load of 8 at x[1, i*8]: index 1 is 24, dimension 24, i = 3"},
        {"for i 0..4 { let r: f32x8 = load x[1, i*8 + 1] }", "index 1 is 17, dimension 24, i = 2"},
        {"store y[0, 17] = 0: f32x8", "store of 8 at y[0, 17]: index 1 is 17"},
        {"index i = t[3] store y[i + 6, 0] = 0", "index 0 is -1, dimension 16"},
        {"for i 0..5 { index j = t[i] }", "index of 1 at t[i]: index 0 is 4, dimension 4, i = 4"},
        {"ptr p = &x[15, 0] let r: f32x8 = load p[17]", "load of 8 at p[17]: element 377 of x, which has 384"},
        {"for i 0..2 { ptr p = &x[0, i] let r: f32 = load p[-1] }", "element -1 of x"},
        /* what is masked is not accessed, and a pointer is not an access */
        {"let r: f32x8 = load x[15, 20] first 4 store y[0, 20] first 4 = r", NULL},
        {"ptr p = &x[16, 0] let r: f32 = load p[-1] for i 4..4 { store y[99, 99] = 0 }", NULL},
    };
    for (int i = 0; i < LEN(row); i++) {
        Arena *a = arena_new();
        Memory m;
        const char *err = run(a, good(a, program_text(a, row[i][0])), 1, &m);
        if (row[i][1])
            expect_refusal(row[i][0], err, row[i][1]);
        else
            CU_ASSERT_PTR_NULL(err);
        arena_free(a);
    }
    Arena *a = arena_new();
    Program *p = good(a, program_text(a, "for i 0..4 { store y[0, i] = load w[i] }"));
    p->buf.v[2].data = NULL;
    Memory m;
    expect_refusal("no data", run(a, p, 1, &m), "w has no numbers");
    arena_free(a);
}

/* ---- passes ---- */

/* Loads that remain in a block of lets and stores. */
static void test_cse_kills(void)
{
    static const struct { const char *body; int loads; } row[] = {
        {"let a: f32x4 = load s[0, 0] let b: f32x4 = load s[0, 0] store y[0, 0] = add(a, b)", 1},
        {"let a: f32x4 = load s[0, 0] store s[0, 0] = 1: f32x4 let b: f32x4 = load s[0, 0] store y[0, 0] = add(a, b)", 2},
        {"let a: f32x4 = load s[0, 0] store z[0, 0] = 1: f32x4 let b: f32x4 = load s[0, 0] store y[0, 0] = add(a, b)", 2},
        {"let a: f32x4 = load x[0, 0] store z[0, 0] = 1: f32x4 let b: f32x4 = load x[0, 0] store y[0, 0] = add(a, b)", 1},
        {"let a: f32x4 = load s[0, 0] store y[0, 0] = 1: f32x4 let b: f32x4 = load s[0, 0] store y[0, 0] = add(a, b)", 1},
        {"let a: f32x4 = load x[0, 0] first 3 let b: f32x4 = load x[0, 0] store y[0, 0] = add(a, b)", 2},
        {"let a: f32x4 = load x[0, 0] let b: f32x8 = load x[0, 0] store y[0, 0] = b store y[0, 0] = a", 2},
        {"let a: f32 = load x[0, 0] let b: f32x4 = splat(load x[0, 0]) store y[0, 0] = b store y[0, 0] = a", 2},
        {"store y[0, 0] = mul(load x[0, 0], load x[0, 0])", 1},
        {"let a: f32 = load x[0, 0] for i 0..2 { } store y[0, 0] = add(a, load x[0, 0])", 2},
        {"let a: f32 = load x[0, 0] a = 2 store y[0, 0] = add(a, load x[0, 0])", 1},
    };
    for (int i = 0; i < LEN(row); i++) {
        Arena *a = arena_new();
        Program *p = good(a, program_text(a, row[i].body));
        Memory before, after;
        CU_ASSERT_PTR_NULL(run(a, p, 3, &before));
        loop_cse(a, p->kernel.v);
        CU_ASSERT_PTR_NULL(program_check(p));
        CU_ASSERT_PTR_NULL(run(a, p, 3, &after));
        CU_ASSERT_EQUAL(memcmp(&before, &after, sizeof before), 0);
        int loads = 0;
        for (const char *s = text_of(a, p); (s = strstr(s, "load ")); s++)
            loads++;
        CU_ASSERT_EQUAL(loads, row[i].loads);
        arena_free(a);
    }
}

typedef struct Gen { Arena *a; Rng r; Buf out; int depth, nreg, nvar, budget; int reg[8], var[8]; } Gen;

static int pick(Gen *g, int n)
{
    return (int)(rng_next(&g->r) % (uint64_t)n);
}

/* An index in 0..max, for visible variables of at most 3. */
static const char *gen_index(Gen *g, int max)
{
    const char *v = g->nvar ? arena_printf(g->a, "i%d", g->var[pick(g, g->nvar)]) : "2";
    const char *u = g->nvar ? arena_printf(g->a, "i%d", g->var[pick(g, g->nvar)]) : "1";
    int c = pick(g, max - 9 > 0 ? max - 9 : 1);
    switch (pick(g, max < 12 ? 2 : 7)) {
    case 0: return arena_printf(g->a, "%d", pick(g, max + 1));
    case 1: return arena_printf(g->a, "min(%s, %d)", v, max);
    case 2: return arena_printf(g->a, "(%s*5 + %s)%%%d", v, u, max + 1);
    case 3: return arena_printf(g->a, "max(%s*2 - 1, 0) + (%s + 1)/2", v, u);
    default: return arena_printf(g->a, "%s + %s*2 + %d", u, v, c);
    }
}

static const char *gen_at(Gen *g, const char *param, int lanes)
{
    const char *row = gen_index(g, ROWS - 1);
    return arena_printf(g->a, "%s[%s, %s]", param, row, gen_index(g, COLS - lanes));
}

/* An expression of f32x4. */
static const char *gen_expr(Gen *g, int depth)
{
    static const char *const readable[] = {"x", "s", "z"};
    const char *buf = readable[pick(g, 3)], *x;
    switch (pick(g, depth ? 9 : 5)) {
    case 0: return arena_printf(g->a, "%d", pick(g, 5) - 2);
    case 1: return arena_printf(g->a, "load %s", gen_at(g, buf, 4));
    case 2: return arena_printf(g->a, "splat(load %s)", gen_at(g, buf, 1));
    case 3: return arena_printf(g->a, "splat(load w[%s])", gen_index(g, 3));
    case 4: return g->nreg ? arena_printf(g->a, "r%d", g->reg[pick(g, g->nreg)]) : "1";
    case 5: return arena_printf(g->a, "splat(hsum(load %s: f32x8))", gen_at(g, buf, 8));
    case 6: x = gen_expr(g, depth - 1); return arena_printf(g->a, "add(%s, %s)", x, gen_expr(g, depth - 1));
    case 7: x = gen_expr(g, depth - 1); return arena_printf(g->a, "mul(%s, %s)", x, gen_expr(g, depth - 1));
    default: x = gen_expr(g, depth - 1); return arena_printf(g->a, "fma(%s, tile[%d], %s)", x, pick(g, 2), gen_expr(g, depth - 1));
    }
}

static void gen_block(Gen *g, int n)
{
    static const char *const loops[] = {"for i%d 0..%d {\n", "unroll i%d 0..%d {\n", "for i%d %d..3 {\n",
                                        "for i%d 0..%d step 2 {\n", "unroll i%d %d..4 step 3 {\n"};
    static const char *const stored[] = {"y", "s", "z"};
    int nreg = g->nreg, nvar = g->nvar, id;
    for (int i = 0; i < n && g->budget > 0; i++) {
        g->budget--;
        switch (pick(g, 8)) {
        case 0:
        case 1:
            if (g->depth == 3 || g->nvar == 8)
                break;
            id = g->budget;
            buf_printf(&g->out, loops[pick(g, 5)], id, pick(g, 4));
            g->var[g->nvar++] = id;
            g->depth++;
            gen_block(g, 1 + pick(g, 5));
            g->depth--;
            g->nvar--;
            buf_puts(&g->out, "}\n");
            break;
        case 2:
            if (g->nreg == 8)
                break;
            buf_printf(&g->out, "let r%d: f32x4 = %s\n", g->budget, gen_expr(g, 2));
            g->reg[g->nreg++] = g->budget;
            break;
        case 3:
            if (g->nreg)
                buf_printf(&g->out, "r%d = %s\n", g->reg[pick(g, g->nreg)], gen_expr(g, 2));
            break;
        case 4:
            if (g->nvar == 8)
                break;
            buf_printf(&g->out, "index i%d = t[%s]\n", g->budget, gen_index(g, 2));
            g->var[g->nvar++] = g->budget;
            break;
        case 5:
            buf_printf(&g->out, "tile[%d] = %s\n", pick(g, 2), gen_expr(g, 2));
            break;
        default:
            buf_printf(&g->out, "store %s = %s: f32x4\n", gen_at(g, stored[pick(g, 3)], 4), gen_expr(g, 3));
        }
    }
    g->nreg = nreg;
    g->nvar = nvar;
}

static const char *check_passes(Arena *a, Program *p, const Memory *want, uint64_t seed, int order)
{
    for (int i = 0; i < LEN(passes); i++) {
        int n = i == 0 ? 0 : 1 + (order + i) % 2;
        bool changed = passes[n](a, p->kernel.v);
        Memory m;
        const char *err = program_check(p);
        err = err ? err : round_trip(a, p);
        err = err ? err : run(a, p, seed, &m);
        if (!err && memcmp(&m, want, sizeof m))
            err = "other numbers";
        if (!err && passes[n](a, p->kernel.v))
            err = "a second time changes again";
        if (!err && strstr(text_of(a, p), "_at[-"))
            err = "a negative displacement";
        if (err)
            return arena_printf(a, "%s%s: %s\n%s", pass_names[n], changed ? "" : " (unchanged)", err, text_of(a, p));
    }
    return NULL;
}

static void test_random_kernels(void)
{
    int failed = 0;
    for (uint64_t seed = 0; seed < 400 && !failed; seed++) {
        Gen g = {.a = arena_new(), .r = rng_seed(seed, "kernel"), .budget = 60};
        buf_puts(&g.out, "let tile[2]: f32x4 = splat(load w[2])\n");
        while (g.budget > 0)
            gen_block(&g, 8);
        buf_puts(&g.out, "unroll q 0..2 { store y[q, 0] = tile[q] }\n");
        Program *p = good(g.a, program_text(g.a, g.out.s));
        Memory want;
        const char *err = run(g.a, p, seed, &want);
        err = err ? err : round_trip(g.a, p);
        err = err ? err : check_passes(g.a, p, &want, seed, (int)(seed % 2));
        if (err)
            printf("seed %d: %s\n%s\n", (int)seed, err, g.out.s);
        failed += err != NULL;
        buf_free(&g.out);
        arena_free(g.a);
    }
    CU_ASSERT_EQUAL(failed, 0);
}

void suite_loops(void)
{
    CU_pSuite s = CU_add_suite("loops", NULL, NULL);
    CU_add_test(s, "index expressions keep their values", test_ix_random);
    CU_add_test(s, "normal forms of index expressions", test_ix_forms);
    CU_add_test(s, "folding", test_folding);
    CU_add_test(s, "a product of matrices through all passes", test_matmul);
    CU_add_test(s, "equality of kernels", test_kernel_eq);
    CU_add_test(s, "arithmetic", test_arithmetic);
    CU_add_test(s, "integers", test_integers);
    CU_add_test(s, "text", test_text);
    CU_add_test(s, "numbers in text", test_data);
    CU_add_test(s, "messages of the parser", test_parse_errors);
    CU_add_test(s, "checker on text", test_check_text);
    CU_add_test(s, "checker on programs", test_check_program);
    CU_add_test(s, "checker on what is built", test_check_built);
    CU_add_test(s, "violations", test_violations);
    CU_add_test(s, "stores end what is known of memory", test_cse_kills);
    CU_add_test(s, "random kernels through all passes", test_random_kernels);
}
