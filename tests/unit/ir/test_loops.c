/* Loop IR: index expressions, builder. */
#include "../loops.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

void suite_loops(void);

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
    const char *body = arena_printf(a, "for a 0..2 { for b 0..2 { for c 0..2 { ptr q = &w[%s] }}}", ix);
    Program *p = good(a, program_text(a, body));
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

void suite_loops(void)
{
    CU_pSuite s = CU_add_suite("loops", NULL, NULL);
    CU_add_test(s, "index expressions keep their values", test_ix_random);
    CU_add_test(s, "normal forms of index expressions", test_ix_forms);
    CU_add_test(s, "folding", test_folding);
    CU_add_test(s, "equality of kernels", test_kernel_eq);
}
