/* Loop IR: text form, checker. */
#include "../loops.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void suite_loop_text(void);

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
        {"unroll i 0..4 step 2 { ptr q = &x[i, 3] ptr r = &q[i + 1] store y[0, i] = load r[0] }",
         "ptr r = &q[i + 1]"},
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
        const Type *t = &q->buf.v[i].type;
        memcpy(copy, q->buf.v[i].data, (size_t)type_elems(t) * (size_t)dtype_size(t->dtype));
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
        {"let r[2]: f32 = 0 unroll i 0..3 { store y[0, 0] = r[1 - i] }", "register r may be -1, dimension 2"},
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

void suite_loop_text(void)
{
    CU_pSuite s = CU_add_suite("loop_text", NULL, NULL);
    CU_add_test(s, "text", test_text);
    CU_add_test(s, "numbers in text", test_data);
    CU_add_test(s, "messages of the parser", test_parse_errors);
    CU_add_test(s, "checker on text", test_check_text);
    CU_add_test(s, "checker on programs", test_check_program);
    CU_add_test(s, "checker on what is built", test_check_built);
}
