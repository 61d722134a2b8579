/* Passes on loops: the same bits before and after, on a product of matrices and on random kernels. */
#include "../../../passes/loops/loop_passes.h"
#include "../loops.h"

#include <math.h>

void suite_loop_passes(void);

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

/* ---- passes ---- */

/* Loads that remain in a block of lets and stores. */
static void test_cse_kills(void)
{
    static const struct { const char *body; int loads; } row[] = {
        {"let a: f32x4 = load s[0, 0] "
         "let b: f32x4 = load s[0, 0] store y[0, 0] = add(a, b)", 1},
        {"let a: f32x4 = load s[0, 0] store s[0, 0] = 1: f32x4 "
         "let b: f32x4 = load s[0, 0] store y[0, 0] = add(a, b)", 2},
        {"let a: f32x4 = load s[0, 0] store z[0, 0] = 1: f32x4 "
         "let b: f32x4 = load s[0, 0] store y[0, 0] = add(a, b)", 2},
        {"let a: f32x4 = load x[0, 0] store z[0, 0] = 1: f32x4 "
         "let b: f32x4 = load x[0, 0] store y[0, 0] = add(a, b)", 1},
        {"let a: f32x4 = load s[0, 0] store y[0, 0] = 1: f32x4 "
         "let b: f32x4 = load s[0, 0] store y[0, 0] = add(a, b)", 1},
        {"let a: f32x4 = load x[0, 0] first 3 "
         "let b: f32x4 = load x[0, 0] store y[0, 0] = add(a, b)", 2},
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
    default:
        x = gen_expr(g, depth - 1);
        return arena_printf(g->a, "fma(%s, tile[%d], %s)", x, pick(g, 2), gen_expr(g, depth - 1));
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

void suite_loop_passes(void)
{
    CU_pSuite s = CU_add_suite("loop_passes", NULL, NULL);
    CU_add_test(s, "a product of matrices", test_matmul);
    CU_add_test(s, "stores end what is known of memory", test_cse_kills);
    CU_add_test(s, "random kernels", test_random_kernels);
}
