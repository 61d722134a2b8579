/* Expressions and texts of the spec language. */
#include "specs.h"

void suite_spec_expr(void);

/* The integer that the expression gives as the number of channels, -1: refused. */
static long long value(const char *expr)
{
    char text[1024];
    snprintf(text, sizeof text, "input: {x0: 'f32[1,8,16,16]'}\nparams: {n: 7, neg: -7}\n"
             "network: [{op: conv2d, out: \"%s\", kernel: 1}]\n", expr);
    Spec *s = load_set(text, NULL, 0);
    return s ? s->graph->value.v[s->graph->output.v[0]].type.dim[1] : -1;
}

static void test_arithmetic(void)
{
    CU_ASSERT_EQUAL(value("2 + 3 * 4"), 14);
    CU_ASSERT_EQUAL(value("(2 + 3) * 4"), 20);
    CU_ASSERT_EQUAL(value("20 - 3 - 4"), 13);
    CU_ASSERT_EQUAL(value("100 / 7 / 2"), 7);
    CU_ASSERT_EQUAL(value("-(-5)"), 5);
    CU_ASSERT_EQUAL(value("10 + -7 / 2"), 6);   /* rounds down, not to zero */
    CU_ASSERT_EQUAL(value("10 + 7 / -2"), 6);
    CU_ASSERT_EQUAL(value("10 + -7 % 3"), 12);  /* the divisor's sign */
    CU_ASSERT_EQUAL(value("10 + 7 % -3"), 8);
    CU_ASSERT_EQUAL(value("10 + $neg / 2"), 6);
    CU_ASSERT_EQUAL(value("$n*$n"), 49);
    CU_ASSERT_EQUAL(value("9223372036854775807 - 9223372036854775806"), 1);
    CU_ASSERT_EQUAL(value("-9223372036854775807 - 1 + 9223372036854775807 + 3"), 2);
    CU_ASSERT_EQUAL(value("9223372036854775807 + 1"), -1);
    CU_ASSERT_EQUAL(value("-9223372036854775807 - 2"), -1);
    CU_ASSERT_EQUAL(value("(-9223372036854775807 - 1) / -1"), -1);
    CU_ASSERT_EQUAL(value("2 * 2.5"), -1); /* a number, not an integer */
}

static void test_functions(void)
{
    CU_ASSERT_EQUAL(value("min(3, 9, 2, 5)"), 2);
    CU_ASSERT_EQUAL(value("max($n / 16, 1)"), 1);
    CU_ASSERT_EQUAL(value("channels()"), 8);
    CU_ASSERT_EQUAL(value("channels(x) + channels(x0)"), 16);
    CU_ASSERT_EQUAL(value("dim(x, 2) * dim(3)"), 256);
    CU_ASSERT_EQUAL(value("dim(x, -1) + dim(-4)"), 17);
    CU_ASSERT_EQUAL(value("dim(x, 4)"), -1);
    CU_ASSERT_EQUAL(value("channels(y)"), -1);
}

static bool truth(const char *expr)
{
    char step[512];
    snprintf(step, sizeof step, "{op: square, when: \"%s\"}, relu", expr);
    Spec *s = load_steps("params: {n: 7, r: 2.5, yes: true, no: false, t: word}", step);
    CU_ASSERT_PTR_NOT_NULL_FATAL(s);
    return s->graph->node.n == 2;
}

static void test_conditions(void)
{
    CU_ASSERT(truth("$n == 7 and $n != 8 and $n < 8 and $n <= 7 and $n > 6 and $n >= 7"));
    CU_ASSERT(!truth("$n == 8 or $n != 7 or $n < 7 or $n <= 6 or $n > 7 or $n >= 8"));
    CU_ASSERT(truth("$r > 2 and 2.5 == $r and 1e1 == 10"));
    CU_ASSERT(truth("not $no"));
    CU_ASSERT(truth("not not $yes"));
    CU_ASSERT(truth("true or false and false")); /* and binds tighter */
    CU_ASSERT(!truth("(true or false) and false"));
    CU_ASSERT(truth("$t == 'word' and $t != 'other'"));
    CU_ASSERT(truth("$n == 7 or 1 / 0 == 1"));   /* the rest is not evaluated */
    CU_ASSERT(!truth("$n != 7 and channels(nothing) == $nothing"));
    CU_ASSERT(!truth("false and (true or 1 / 0 == 1)"));
}

static void test_texts(void)
{
    SAME(nodes(load_steps("params: {n: 3, t: ab}", "{op: relu, name: 'a$n'}, {op: relu, name: '${$n + 1}_${t}x'}")),
         "a3 4_abx");
    SAME(nodes(load_steps("params: {b: true, r: 0.5}", "{op: relu, name: '$b${2 * 3}$r'}")), "true60.5");
    Spec *s = load("name: net_${$n * 2}\nparams: {n: 4}\ninput: {a: 'f32[$n,${2 * $n}]'}\nweights: w$n$$.npz\n"
                   "network: [relu]\noutput: out$n\n");
    CU_ASSERT_PTR_NOT_NULL_FATAL(s);
    SAME(s->name, "net_8");
    SAME(s->weights, "w4$.npz");
    SAME(output_type(s, 0), "f32[4,8]");
    SAME(s->graph->value.v[s->graph->output.v[0]].name, "out4");
}

void suite_spec_expr(void)
{
    CU_pSuite s = CU_add_suite("spec_expr", NULL, clean);
    CU_add_test(s, "arithmetic", test_arithmetic);
    CU_add_test(s, "functions", test_functions);
    CU_add_test(s, "conditions", test_conditions);
    CU_add_test(s, "texts", test_texts);
}
