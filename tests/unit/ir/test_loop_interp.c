/* Loop IR: the interpreter. */
#include "../loops.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

void suite_loop_interp(void);

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

/* What another order of a parallel loop's iterations would make of the numbers. */
static void test_independence(void)
{
    static const char *const row[][2] = {
        {"store y[2, 0] = 1 parallel for i 0..4 { store y[i, 0] = 0 }",
         "kernel k, call 0: store of 1 at y[i, 0]: element 48 of y is stored before the parallel loop, and accessed in "
         "iteration 2 of the parallel loop, i = 2"},
        {"parallel for i 0..4 { store y[i/2, 0] = 0 }",
         "element 0 of y is stored in iteration 0 of the parallel loop, "
         "and accessed in iteration 1 of the parallel loop, i = 1"},
        {"parallel for i 8..32 step 7 { store y[1, i - 8] = 0: f32x8 }",
         "store of 8 at y[1, i - 8]: element 31 of y is stored in iteration 0"},
        {"parallel for i 0..4 { ptr p = &y[1, i*8] store p[0] = 0: f32x8 store p[8] first 1 = 0: f32x8 }",
         "store of 8 at p[0]: element 32 of y is stored in iteration 0"},
        {"parallel for i 0..4 { store s[i + 1, 0] = 0 let r: f32 = load s[i, 0] }",
         "load of 1 at s[i, 0]: element 24 of s is stored in iteration 0 of the parallel loop, "
         "and accessed in iteration 1"},
        {"parallel for i 0..4 { let r: f32 = load s[i + 1, 0] store s[i, 0] = r }",
         "store of 1 at s[i, 0]: element 24 of s is read in iteration 0 of the parallel loop, "
         "and accessed in iteration 1"},
        {"parallel for i 0..4 { let r: f32 = load z[3, 0] store s[i, 0] = r }",
         "store of 1 at s[i, 0]: element 72 of s is read in several iterations"},
        {"parallel for i 0..4 { store s[i, 0] = 0 let r: f32 = load z[i/2, 0] }",
         "load of 1 at z[i/2, 0]: element 0 of z is stored in iteration 0"},
        /* what an iteration stored is its own, and what came before is everybody's */
        {"for i 0..16 { store s[0, i] = 1 store s[0, i] = 2 }\n"
         "parallel for i 1..16 { for j 0..2 { let r: f32 = add(load z[0, i], load s[i, 0]) store s[i, 0] = r\n"
         "store s[i, 8] = splat(load z[i, 0]): f32x8 store y[i, j] = load z[i, 15] } let all: f32x16 = load s[0, 0] }",
         NULL},
        {"for i 0..4 { for j 0..4 { store y[0, 0] = load x[0, 0] } }", NULL},
    };
    for (int i = 0; i < LEN(row); i++) {
        Arena *a = arena_new();
        Program *p = good(a, program_text(a, row[i][0]));
        /* the second call has nothing to do with the first */
        PUSH(a, &p->call, p->call.v[0]);
        Memory m;
        const char *err = run(a, p, 1, &m);
        if (row[i][1])
            expect_refusal(row[i][0], err, row[i][1]);
        else if (err)
            printf("%s: %s\n", row[i][0], err);
        CU_ASSERT_EQUAL(err == NULL, row[i][1] == NULL);
        arena_free(a);
    }
}

void suite_loop_interp(void)
{
    CU_pSuite s = CU_add_suite("loop interpreter", NULL, NULL);
    CU_add_test(s, "arithmetic", test_arithmetic);
    CU_add_test(s, "integers", test_integers);
    CU_add_test(s, "violations", test_violations);
    CU_add_test(s, "iterations of a parallel loop are independent", test_independence);
}
