/* The spec language: scopes and numbering, named values, tensors, repetition, parameters, limits. Messages are compared
   in tests/err, the bundled specs with PyTorch in tests/e2e/pytorch/names_torch.py. */
#include "specs.h"

void suite_spec(void);

/* ---- scopes ---- */

static void test_scopes(void)
{
    static const char modules[] =
        "modules:\n"
        "  plain: [batch_norm]\n"
        "  named: {scope: own, body: [{op: scale, weight: alpha}]}\n"
        "  pair: [{sequential: [scale, relu]}]\n"
        "  nested: {params: {inner: module}, body: [{op: $inner, name: a}, {op: $inner, name: b}]}\n";
    SAME(constants(load_steps(modules, "{op: plain, name: p}")), "p.weight p.bias p.running_mean p.running_var");
    SAME(constants(load_steps(modules, "plain")), "weight bias running_mean running_var");
    SAME(constants(load_steps(modules, "named, {op: named, name: other}")), "own.alpha other.alpha");
    SAME(constants(load_steps(modules, "{op: nested, inner: named, name: n}")), "n.a.alpha n.b.alpha");
    SAME(constants(load_steps(modules, "{op: nested, inner: pair}")), "a.0.weight b.0.weight");
    SAME(constants(load_steps(modules, "{group: [named, {op: scale, name: s}], name: g}")), "g.own.alpha g.s.weight");
    SAME(constants(load_steps(modules, "{group: [{op: scale, name: s}]}")), "s.weight");
    SAME(nodes(load_steps(modules, "{op: nested, inner: pair, name: n}, relu")), "n.a.0 n.a.1 n.b.0 n.b.1 relu");
}

static void test_numbering(void)
{
    static const char modules[] =
        "modules: {drop: [], own: {scope: s, body: [scale]}, two: [{sequential: [scale, scale]}]}";
    SAME(constants(load_steps(modules, "{sequential: [scale, relu, scale], name: f}")), "f.0.weight f.2.weight");
    SAME(constants(load_steps(modules, "{sequential: [drop, scale]}")), "1.weight");
    SAME(constants(load_steps(modules, "{sequential: [{op: scale, when: false}, scale]}")), "0.weight");
    SAME(constants(load_steps(modules, "{sequential: [{op: scale, name: a}, scale]}")), "a.weight 1.weight");
    SAME(constants(load_steps(modules, "{sequential: [own, two, {sequential: [relu, scale]}]}")),
         "0.weight 1.0.weight 1.1.weight 2.1.weight");
    SAME(constants(load_steps(modules, "{sequential: [scale, {repeat: 2, body: [relu, scale]}, "
                                       "{each: a, of: [1, 2], body: [scale]}, scale]}")),
         "0.weight 2.weight 4.weight 5.weight 6.weight 7.weight");
    SAME(constants(load_steps(modules, "{sequential: [scale, {group: [scale, {op: scale, name: n}]}]}")),
         "0.weight 1.weight 1.n.weight");
}

/* ---- values ---- */

static void test_values(void)
{
    SAME(output_type(load_steps("", "{op: split, sizes: [3, 5], as: [a, b]}, "
                                    "{op: conv2d, in: b, out: 4, kernel: 1, as: c}, "
                                    "{op: concat, in: [a, b, c, x, x0]}"), 0), "f32[1,28,16,16]");
    SAME(output_type(load_steps("", "{op: split, sizes: [3, 5], as: [a, b]}, relu"), 0), "f32[1,3,16,16]");
    SAME(output_type(load_steps("", "{op: max_pool, kernel: 2}, {sequential: [relu], in: x}"), 0), "f32[1,8,16,16]");
    SAME(output_type(load_steps("", "{repeat: 3, body: [{op: max_pool, kernel: 2, as: last}]}, "
                                    "{op: relu, in: last}"), 0), "f32[1,8,2,2]");
    /* x inside blocks is the enclosing body's */
    SAME(output_type(load_steps("", "{op: max_pool, kernel: 2}, {group: [{op: relu, in: x}]}"), 0), "f32[1,8,16,16]");
    /* inside a module its own input */
    SAME(output_type(load_steps("modules: {m: [{op: max_pool, kernel: 2}, {op: relu, in: x}]}",
                                "{op: max_pool, kernel: 2}, m"), 0), "f32[1,8,8,8]");
    /* a step that is left out gives its name to what passes by */
    SAME(output_type(load_steps("", "{op: max_pool, kernel: 2, when: false, as: a}, flatten, {op: relu, in: a}"), 0),
         "f32[1,8,16,16]");
    /* which is its own input where it names one, and the result before it where it names two */
    SAME(output_type(load_steps("", "{op: max_pool, kernel: 2, as: p}, {op: add, in: [x, p], when: false}"), 0),
         "f32[1,8,8,8]");
    SAME(output_type(load_steps("", "{op: max_pool, kernel: 2}, {op: relu, in: x, when: false, as: a}, flatten, "
                                    "{op: relu, in: a}"), 0), "f32[1,8,16,16]");
}

static void test_module_values(void)
{
    static const char modules[] =
        "modules:\n"
        "  swap: {inputs: [x, y], body: [], output: [y, x]}\n"
        "  first: {inputs: [x, y], body: [{op: relu, in: y, as: z}, flatten], output: z}\n"
        "  nothing: []\n";
    SAME(output_type(load_steps(modules, "{op: max_pool, kernel: 2, as: p}, {op: swap, in: [p, x], as: [a, b]}, "
                                         "{op: relu, in: b}"), 0), "f32[1,8,8,8]");
    SAME(output_type(load_steps(modules, "{op: max_pool, kernel: 2, as: p}, {op: first, in: [x, p]}"), 0),
         "f32[1,8,8,8]");
    SAME(output_type(load_steps(modules, "nothing, relu, nothing"), 0), "f32[1,8,16,16]");
    Spec *s = load("input: {a: 'f32[1,2]', b: 'f32[1,3]'}\n"
                   "network: [{op: relu, as: p}, {op: concat, in: [p, b], as: q}]\noutput: [q, p]\n");
    SAME(output_type(s, 0), "f32[1,5]");
    SAME(output_type(s, 1), "f32[1,2]");
}

static void test_constants(void)
{
    Spec *s = load_steps("", "{op: constant, value: [1, 2.5, -3], shape: [3, 1, 1], as: c}, "
                             "{op: conv2d, in: x, out: 3, kernel: 1, bias: false}, "
                             "{op: parameter, name: gamma, shape: [channels(x) - 5, 1, 1], as: g}, "
                             "{op: mul, in: [c, g]}");
    SAME(constants(s), "constant weight gamma");
    SAME(output_type(s, 0), "f32[3,1,1]");
    CU_ASSERT_PTR_NOT_NULL_FATAL(s);
    const Tensor *t = s->graph->value.v[dict_get(&s->graph->consts, "constant")].tensor;
    CU_ASSERT_EQUAL(tensor_at(t, 1), 2.5);
    CU_ASSERT_EQUAL(tensor_at(t, 2), -3.0);
    s = load_steps("", "{op: constant, value: 'dim(x, 2) * 2.0', shape: [1, 2], as: c}, {op: neg, in: c}");
    CU_ASSERT_PTR_NOT_NULL_FATAL(s);
    CU_ASSERT_EQUAL(tensor_at(s->graph->value.v[dict_get(&s->graph->consts, "constant")].tensor, 1), 32.0);
}

/* ---- operators ---- */

static void test_tensors(void)
{
    SAME(constants(load_steps("", "{op: conv2d, name: c, out: 4, kernel: 1}")), "c.weight c.bias");
    SAME(constants(load_steps("params: {with: false}", "{op: conv2d, name: c, out: 4, kernel: 1, bias: $with}")),
         "c.weight");
    SAME(constants(load_steps("", "{op: conv2d, name: c, out: 4, kernel: 1, weight: w, bias: b}")), "c.w c.b");
    Spec *s = load_steps("", "{op: conv2d, out: 4, kernel: [3, 5], groups: 2, pad: [1, 2], stride: [2, 1]}");
    SAME(output_type(s, 0), "f32[1,4,8,16]");
    CU_ASSERT_PTR_NOT_NULL_FATAL(s);
    SAME(type_text(arena, &s->graph->value.v[dict_get(&s->graph->consts, "weight")].type), "f32[4,4,3,5]");
    SAME(output_type(load_steps("params: {p: [1, 2, 3, 4]}", "{op: max_pool, kernel: 5, stride: 1, pad: $p}"), 0),
         "f32[1,8,16,18]");
    s = load_steps("", "{op: conv_transpose2d, out: 6, kernel: 2, stride: 2, groups: 2, bias: false}");
    CU_ASSERT_PTR_NOT_NULL_FATAL(s);
    SAME(type_text(arena, &s->graph->value.v[dict_get(&s->graph->consts, "weight")].type), "f32[8,3,2,2]");
    s = load_steps("", "{op: scale, axis: -1}");
    CU_ASSERT_PTR_NOT_NULL_FATAL(s);
    SAME(type_text(arena, &s->graph->value.v[dict_get(&s->graph->consts, "weight")].type), "f32[16]");
    s = load_steps("", "{op: gelu, approximate: tanh}, {op: leaky_relu, alpha: 0.5 / 2}, "
                       "{op: mean, axes: [2, 3], keep: true}");
    CU_ASSERT_PTR_NOT_NULL_FATAL(s);
    CU_ASSERT_EQUAL(s->graph->node.v[0].attr.approximate, 1);
    CU_ASSERT_EQUAL(s->graph->node.v[1].attr.alpha, 0.25);
    SAME(output_type(s, 0), "f32[1,8,1,1]");
}

/* ---- repetition and parameters ---- */

static void test_repetition(void)
{
    SAME(nodes(load_steps("", "{repeat: 3, index: i, body: [{op: relu, name: 'r${$i * 10}'}]}")), "r0 r10 r20");
    SAME(nodes(load_steps("", "{repeat: 0, body: [square]}, relu")), "relu");
    /* beside op it is a parameter like any other */
    SAME(nodes(load_steps("modules: {m: {params: {group: 1}, body: [{op: relu, name: 'r$group'}]}}",
                          "{group: 7, op: m}")), "r7");
    SAME(nodes(load_steps("params: {l: [[a, 1], [b, 2]]}",
                          "{each: [s, n], of: $l, index: i, body: [{op: relu, name: '$s${$n + $i}'}]}")), "a1 b3");
    SAME(nodes(load_steps("params: {t: q}", "{each: s, of: [p, 2, $t], body: [{op: relu, name: n$s}]}")), "np n2 nq");
    SAME(nodes(load_steps("", "{each: a, of: [1, 2], body: [{each: b, of: [$a, 3 * $a], body: "
                              "[{op: relu, name: 'r$b'}]}]}")), "r1 r3 r2 r6");
}

static void test_parameters(void)
{
    static const char modules[] =
        "params: {w: 5}\n"
        "modules:\n"
        "  m:\n    params: {out: int, half: $out / 2, kind: relu, on: true}\n"
        "    body: [{op: conv2d, out: $half, kernel: 1, when: $on}, {op: $kind}]\n"
        "  outer: [{op: m, out: $w}]\n"
        "  shadow: {params: {w: 6}, body: [{op: m, out: $w}]}\n";
    SAME(output_type(load_steps(modules, "{op: m, out: 6}"), 0), "f32[1,3,16,16]");
    SAME(output_type(load_steps(modules, "{op: m, out: 6, half: 2 * $w}"), 0), "f32[1,10,16,16]");
    SAME(output_type(load_steps(modules, "{op: m, out: 6, on: false, kind: flatten}"), 0), "f32[1,2048]");
    SAME(output_type(load_steps(modules, "outer"), 0), "f32[1,2,16,16]");
    SAME(output_type(load_steps(modules, "shadow"), 0), "f32[1,3,16,16]");
    SAME(output_type(load_steps(modules, "{op: shadow, w: channels() * 2}"), 0), "f32[1,8,16,16]");
}

static void test_set(void)
{
    static const char text[] =
        "params: {n: 4, half: $n / 2, on: false, r: 1.5, kind: relu, list: [1, 2]}\ninput: {a: 'f32[1,$n,$half]'}\n"
        "network: [{op: $kind}, {op: square, when: $on}, {each: i, of: $list, body: [{op: leaky_relu, alpha: $r * $i}]}"
        "]\n";
    Param set[] = {{"n", "9"}, {"n", "6"}, {"on", "true"}, {"r", "2"}, {"kind", "abs"}, {"list", "[3, 0.5, 1]"}};
    Spec *s = load_set(text, NULL, 0);
    SAME(output_type(s, 0), "f32[1,4,2]");
    CU_ASSERT_PTR_NOT_NULL_FATAL(s);
    uint8_t digest[32];
    memcpy(digest, s->sha256, sizeof digest);
    s = load_set(text, NULL, 0);
    CU_ASSERT(s && !memcmp(digest, s->sha256, sizeof digest));
    s = load_set(text, set, LEN(set));
    SAME(output_type(s, 0), "f32[1,6,3]");
    SAME(nodes(s), "abs square leaky_relu leaky_relu leaky_relu");
    CU_ASSERT_PTR_NOT_NULL_FATAL(s);
    CU_ASSERT_EQUAL(s->graph->node.v[3].attr.alpha, 1.0);
    CU_ASSERT(memcmp(digest, s->sha256, sizeof digest) != 0);
    set[0] = (Param){"half", "5"};
    SAME(output_type(load_set(text, set, 1), 0), "f32[1,4,5]");
}

static void test_inputs(void)
{
    Spec *s = load("input: {a: {type: 'f32[1,3,8,8]', mean: [0.5, 0.25, 0], std: 0.5, resize: 9}, b: 'f32[4]'}\n"
                   "labels: [cat, dog, 3]\nnetwork: [relu]\n");
    CU_ASSERT_PTR_NOT_NULL_FATAL(s);
    CU_ASSERT_EQUAL(s->ninput, 2);
    SAME(s->input[1].name, "b");
    CU_ASSERT_EQUAL(s->input[0].mean[1], 0.25);
    CU_ASSERT_EQUAL(s->input[0].std[2], 0.5);
    CU_ASSERT_EQUAL(s->input[0].resize, 9);
    CU_ASSERT_EQUAL(s->input[1].std[0], 1.0);
    CU_ASSERT_EQUAL(s->nlabels, 3);
    SAME(s->labels[2], "3");
    SAME(s->name, "t");
    CU_ASSERT_PTR_NULL(s->weights);
}

/* ---- limits ---- */

static bool refused(const char *head, const char *steps, const char *reason)
{
    char text[8192];
    snprintf(text, sizeof text, "input: {x0: 'f32[1,8,16,16]'}\n%s\nnetwork: [%s]\n", head, steps);
    Spec *s = load_set(text, NULL, 0);
    bool ok = !s && strstr(said_text(), reason);
    if (!ok)
        fprintf(stderr, "%s: expected '%s', found %s\n", steps, reason, said_text());
    return ok;
}

static void test_visibility(void)
{
    static const char modules[] = "modules: {m: [{op: relu, name: r$i}], outer: {params: {p: 3}, body: [inner]}, "
                                  "inner: [{op: leaky_relu, alpha: $p}]}";
    CU_ASSERT(refused(modules, "{repeat: 2, index: i, body: [m]}", "no parameter 'i' here"));
    CU_ASSERT(refused(modules, "outer", "no parameter 'p' here"));
    CU_ASSERT(refused("modules: {m: [{op: relu, in: y}]}", "{op: relu, as: y}, m", "no value 'y' here"));
    CU_ASSERT(refused("modules: {m: [{op: relu, as: y}]}", "m, {op: relu, in: y}", "no value 'y' here"));
    CU_ASSERT(refused("", "{repeat: 2, index: i, body: [relu]}, {op: relu, name: r$i}", "no parameter 'i' here"));
}

static void test_limits(void)
{
    CU_ASSERT(refused("", "{repeat: 20000, body: []}", "0 to 10,000"));
    CU_ASSERT_PTR_NOT_NULL(load_steps("", "{repeat: 9998, body: [relu]}"));
    CU_ASSERT_PTR_NOT_NULL(load_steps("", "{repeat: 9990, body: []}, relu"));
    CU_ASSERT(refused("", "{repeat: 10000, body: [relu, relu, relu, relu, relu]}", "more than 50,000 steps"));
    CU_ASSERT(refused("params: {l: [1, 2]}", "{each: a, of: [$l, $l, $l], body: [{each: b, of: $a, body: "
                      "[{repeat: 10000, body: []}]}]}", "more than 50,000 steps"));
    CU_ASSERT(refused("modules: {a: [{op: b}], b: [{op: c}], c: [{op: a}]}", "a",
                      "module 'a' uses itself: a -> b -> c -> a"));
    CU_ASSERT(refused("", "{op: reshape, shape: [1, 1, 1, 1, 1, 1, 1, 1, 2048]}", "at most 8"));
    /* each step evaluates a list of 400 items */
    Buf b = {0};
    buf_puts(&b, "params: {l: [1]}\nmodules: {m: {params: {a: list}, body: []}}");
    Buf steps = {0};
    buf_puts(&steps, "{repeat: 10000, body: [{op: m, a: [0");
    for (int i = 0; i < 400; i++)
        buf_printf(&steps, ", %d", i);
    buf_puts(&steps, "]}]}");
    CU_ASSERT(refused(b.s, steps.s, "evaluations"));
    buf_free(&b);
    buf_free(&steps);
}

void suite_spec(void)
{
    CU_pSuite s = CU_add_suite("spec", NULL, clean);
    CU_add_test(s, "scopes", test_scopes);
    CU_add_test(s, "numbering in a sequential", test_numbering);
    CU_add_test(s, "named values", test_values);
    CU_add_test(s, "inputs and outputs of modules", test_module_values);
    CU_add_test(s, "constants and parameters as values", test_constants);
    CU_add_test(s, "parameter tensors and attributes", test_tensors);
    CU_add_test(s, "repeat and each", test_repetition);
    CU_add_test(s, "parameters of modules", test_parameters);
    CU_add_test(s, "--set and the digest", test_set);
    CU_add_test(s, "inputs and labels", test_inputs);
    CU_add_test(s, "what a body sees", test_visibility);
    CU_add_test(s, "limits", test_limits);
}
