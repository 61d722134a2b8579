/* Graph IR: shape inference and its messages, text form, checker, rewriting helpers, reference evaluation.
   The numbers of every operator are compared with PyTorch in tests/exec/ops_torch.py. */
#include "../../ir/graph/graph.h"

#include <CUnit/CUnit.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void suite_graph(void);

/* A graph of one line on values that all tests share; with its result's type. */
static char *one_liner(Arena *a, const char *values, const char *line, const char *type)
{
    return arena_printf(a,
                        "graph @g (%%x: f32[1,6,9,9], %%v: f32[2,10], %%s: f32[], %%t: f32[5,2,3], %%h: f32[1,2,4]) "
                        "-> (%%y: %s) {\n  const @ih : f32[12,3]\n  const @hh : f32[12,4]\n  const @b12 : f32[12]\n"
                        "  const @w : f32[8,6,3,3]\n  const @c6 : f32[6]\n  const @c8 : f32[8]\n"
                        "  const @fc : f32[4,10]\n  const @c4 : f32[4]\n  const @dw : f32[6,1,3,3]\n%s"
                        "  %%y = %s : %s\n}\n",
                        type, values, line, type);
}

/* Parses; *messages receives what diag said (caller frees). */
static Graph *parse(Arena *a, const char *text, Buf *messages)
{
    *messages = (Buf){0};
    diag_reset();
    diag_capture(messages);
    Graph *g = graph_parse(a, text, diag_file("test.dsq", text, strlen(text)));
    diag_capture(NULL);
    return g;
}

static Graph *must_parse(Arena *a, const char *text)
{
    Buf m;
    Graph *g = parse(a, text, &m);
    if (!g) {
        fprintf(stderr, "%s%s", text, m.s ? m.s : "");
        CU_FAIL_FATAL("the text should parse");
    }
    buf_free(&m);
    return g;
}

static char *print(Arena *a, const Graph *g, unsigned flags)
{
    Buf b = {0};
    graph_print(&b, g, flags);
    char *s = arena_strndup(a, b.s, b.n);
    buf_free(&b);
    return s;
}

static void expect_text(const char *got, const char *want)
{
    if (strcmp(got, want) != 0) {
        fprintf(stderr, "got:\n%s\nexpected:\n%s\n", got, want);
        CU_FAIL("texts differ");
    }
}

/* ---- shapes ---- */

static void test_table(void)
{
    CU_ASSERT_EQUAL(op_by_name("conv2d"), OP_conv2d);
    CU_ASSERT_EQUAL(op_by_name("conv3d"), OP_NONE);
    CU_ASSERT_EQUAL(op_by_name("none"), OP_NONE);
    CU_ASSERT_EQUAL(attr_by_name("stride"), A_stride);
    CU_ASSERT_EQUAL(attr_by_name("strides"), -1);
    Attrs t;
    attrs_default(OP_conv2d, &t);
    CU_ASSERT(t.stride.n == 1 && t.stride.v[0] == 1 && t.pad.n == 1 && t.pad.v[0] == 0 && t.groups == 1);
    attrs_default(OP_l2_normalize, &t);
    CU_ASSERT(t.axes.n == 1 && t.axes.v[0] == 1 && t.eps == 1e-12);
    attrs_default(OP_avg_pool, &t);
    CU_ASSERT(t.count_include_pad && !t.ceil_mode && t.stride.n == 0);
    attrs_default(OP_softmax, &t);
    CU_ASSERT_EQUAL(t.axis, -1);
    CU_ASSERT(op_info[OP_slice].nattrs == 4 && op_info[OP_slice].attrs[1].required);
    CU_ASSERT(!op_info[OP_slice].attrs[3].required);
    CU_ASSERT_STRING_EQUAL(op_info[OP_slice].attrs[3].dflt, "1");
    for (Op op = OP_NONE + 1; op < NOPS; op++)
        CU_ASSERT(op_info[op].infer && op_info[op].ref && op_info[op].cost && op_info[op].doc);
    CU_ASSERT(op_is(OP_conv2d, P_ANCHOR | P_LINEAR) && !op_is(OP_relu, P_ELEMENTWISE | P_ANCHOR));
}

/* Shapes that can be worked out by hand; every line also makes the way through text and back. */
static const struct { const char *line, *type; } good[] = {
    {"conv2d %x, @w", "f32[1,8,7,7]"},
    {"conv2d %x, @w, @c8 {stride=2, pad=1}", "f32[1,8,5,5]"},
    {"conv2d %x, @w {pad=[1,2]}", "f32[1,8,9,11]"},
    {"conv2d %x, @w {pad=[0,1,1,0], dilation=[2,1]}", "f32[1,8,6,8]"},
    {"conv2d %x, @dw {groups=6, stride=[1,3]}", "f32[1,6,7,3]"},
    {"conv_transpose2d %x, @dw {stride=2}", "f32[1,1,19,19]"},
    {"conv_transpose2d %x, @dw {groups=6, stride=2, pad=1, output_pad=1}", "f32[1,6,18,18]"},
    {"linear %v, @fc", "f32[2,4]"},
    {"linear %v, @fc, @c4", "f32[2,4]"},
    {"matmul %v, %v {transpose_b=true}", "f32[2,2]"},
    {"matmul %x, %x {transpose_a=true}", "f32[1,6,9,9]"},
    {"batch_norm %x, @c6, @c6, @c6, @c6 {eps=0.001}", "f32[1,6,9,9]"},
    {"softmax %v {axis=0}", "f32[2,10]"},
    {"softmin %v", "f32[2,10]"},
    {"l2_normalize %x {axes=[-1,2]}", "f32[1,6,9,9]"},
    {"layer_norm %x, @c6, @c6 {axis=1}", "f32[1,6,9,9]"},
    {"gru %t, @ih, @hh", "f32[5,2,4]"},
    {"gru %t, %h, @ih, @hh, @b12, @b12 {reverse=true, linear_before_reset=false}", "f32[5,2,4]"},
    {"bias %x, @c6", "f32[1,6,9,9]"},
    {"scale_bias %x, @c6, @c6 {axis=-3}", "f32[1,6,9,9]"},
    {"clamp %v {min=-1, max=1.5}", "f32[2,10]"},
    {"leaky_relu %v {alpha=0.2}", "f32[2,10]"},
    {"gelu %v {approximate=tanh}", "f32[2,10]"},
    {"add %x, %s", "f32[1,6,9,9]"},
    {"mul %s, %s", "f32[]"},
    {"map %x", "f32[1,6,9,9]"},
    {"map %v {shape=[3,2,10]}", "f32[3,2,10]"},
    {"max_pool %x {kernel=2}", "f32[1,6,4,4]"},
    {"max_pool %x {kernel=2, ceil_mode=true}", "f32[1,6,5,5]"},
    {"max_pool %x {kernel=3, stride=2, pad=1, dilation=2}", "f32[1,6,4,4]"},
    {"max_pool %x {kernel=2, stride=3, pad=1, ceil_mode=true}", "f32[1,6,4,4]"},
    {"avg_pool %x {kernel=[2,9], stride=[1,2], count_include_pad=false}", "f32[1,6,8,1]"},
    {"avg_pool %x {kernel=10, stride=2, ceil_mode=true}", "f32[1,6,1,1]"},
    {"mean %x {axes=[3,2]}", "f32[1,6]"},
    {"sum %x {axes=[-1], keep=true}", "f32[1,6,9,1]"},
    {"max %v {axes=[0,1]}", "f32[]"},
    {"concat %x, %x, %x", "f32[1,18,9,9]"},
    {"concat %v {axis=0}", "f32[2,10]"},
    {"slice %x {axes=[3,1], start=[-3,0], end=[9223372036854775807,-1], step=[2,1]}", "f32[1,5,9,2]"},
    {"channel_shuffle %x {groups=3}", "f32[1,6,9,9]"},
    {"reshape %x {shape=[0,-1,27]}", "f32[1,18,27]"},
    {"reshape %s {shape=[1,1]}", "f32[1,1]"},
    {"flatten %x", "f32[1,486]"},
    {"flatten %x {axis=-2}", "f32[1,6,81]"},
    {"transpose %x {perm=[0,2,3,-3]}", "f32[1,9,9,6]"},
    {"upsample %x {scale=[2,3]}", "f32[1,6,18,27]"},
    {"upsample %x {scale=2, mode=bilinear, align_corners=true}", "f32[1,6,18,18]"},
    {"pad %v {pads=[1,0,2,3], value=-0.5}", "f32[5,13]"},
};

static void test_shapes(void)
{
    for (int i = 0; i < LEN(good); i++) {
        Arena *a = arena_new();
        Graph *g = must_parse(a, one_liner(a, "", good[i].line, good[i].type));
        const char *err = graph_check(g);
        if (err)
            fprintf(stderr, "%s: %s\n", good[i].line, err);
        CU_ASSERT(!err);
        Graph *again = must_parse(a, print(a, g, 0));
        CU_ASSERT(!graph_diff(a, g, again));
        arena_free(a);
    }
}

static const struct { const char *line, *message; } bad[] = {
    {"conv2d %v, @w", "input f32[2,10] has rank 2, [N,C,H,W] expected"},
    {"conv2d %x, @fc", "weight f32[4,10] has rank 2, 4 expected"},
    {"conv2d %x, @dw", "input has 6 channels, weight f32[6,1,3,3] expects 1"},
    {"conv2d %x, @w {groups=2}", "input has 3 channels in each of 2 groups, weight f32[8,6,3,3] expects 6"},
    {"conv2d %x, @w {groups=4}", "input's 6 channels do not divide into 4 groups"},
    {"conv2d %x, @w {groups=0}", "groups is 0, at least 1 expected"},
    {"conv2d %x, @w, @c6", "bias f32[6] does not fit, f32[8] expected"},
    {"conv2d %x, @w {dilation=5}", "kernel [3,3] with dilation [5,5] is larger than the padded input [9,9]"},
    {"conv2d %x, @w {dilation=4611686018427387904}", "dilation is 4611686018427387904, at most 1073741824 expected"},
    {"conv2d %x, @w {dilation=1073741824, pad=1073741819}", "kernel [3,3] with dilation [1073741824,1073741824]"},
    {"conv2d %x, @w {stride=0}", "stride is 0, at least 1 expected"},
    {"conv2d %x, @w {stride=[1,2,3]}", "stride has 3 numbers, 1 or 2 expected"},
    {"conv2d %x, @w {stride=[]}", "stride has 0 numbers, 1 or 2 expected"},
    {"conv2d %x, @w {pad=-1}", "pad is -1, at least 0 expected"},
    {"conv2d %x, @w {pad=[1,1,1]}", "pad has 3 numbers, 1, 2 or 4 expected"},
    {"conv2d %x, @w {pad=1073741824}", "has more than 2^40 elements"},
    {"conv2d %x", "1 operand found, 2 to 3 expected"},
    {"conv2d %x, @w, @c8, @c8", "4 operands found, 2 to 3 expected"},
    {"conv_transpose2d %x, @w", "input has 6 channels, weight f32[8,6,3,3] expects 8"},
    {"conv_transpose2d %x, @dw {output_pad=1}", "output_pad [1,1] must be less than stride [1,1] or dilation [1,1]"},
    {"conv_transpose2d %x, @dw {pad=6}", "pad [6,6,6,6] leaves nothing of a result of size 11"},
    {"conv_transpose2d %x, @dw {stride=1073741824, dilation=1073741824}", "more than 2^40 elements"},
    {"linear %v, @w", "weight f32[8,6,3,3] has rank 4, [out,in] expected"},
    {"linear %x, @fc", "input f32[1,6,9,9] has 9 features, weight f32[4,10] expects 10"},
    {"linear %s, @fc", "input f32[] has no dimension"},
    {"linear %v, @fc, @c6", "bias f32[6] does not fit, f32[4] expected"},
    {"matmul %v, %v", "f32[2,10] has 10 columns, f32[2,10] has 2 rows"},
    {"matmul %v, @c6", "must have two dimensions or more"},
    {"batch_norm %x, @c6, @c6, @c8, @c6", "input has 6 channels, running_mean is f32[8], f32[6] expected"},
    {"batch_norm %x, @c6, @c6, @c6, @c6 {eps=-1}", "eps is -1, a number that is not negative expected"},
    {"softmax %v {axis=2}", "axis 2 is not a dimension of f32[2,10]"},
    {"softmax %v {axis=-9223372036854775808}", "axis -9223372036854775808 is not a dimension"},
    {"softmax %s", "axis -1 is not a dimension of f32[]"},
    {"layer_norm %x, @c6", "input f32[1,6,9,9] has 9 elements along dimension 3, weight is f32[6], f32[9] expected"},
    {"gru %x, @ih, @hh", "input f32[1,6,9,9] has rank 4, [steps,batch,features] expected"},
    {"gru %t, %h, %h, @ih, @hh", "weight_hh [3*H,H], both biases or none expected"},
    {"lstm %t, %h, @ih, @hh", "input [T,N,I], states h and c [1,N,H] or none, weight_ih [4*H,I], weight_hh [4*H,H]"},
    {"gru %t, @ih, @hh, @b12", "both biases or none expected"},
    {"gru %t", "1 operand found, 2 to 6 expected"},
    {"gru %t, %h", "operands f32[5,2,3], f32[1,2,4] found; input [T,N,I], state h [1,N,H] or none"},
    {"gru %t, @hh", "input f32[5,2,3] has 3 features, without weight_ih 12 expected: 3 gates of 4"},
    {"rnn %t, @ih, @hh", "weight_hh is f32[12,4], f32[4,4] expected with input f32[5,2,3]"},
    {"gru %t, @fc, @hh", "weight_ih is f32[4,10], f32[12,3] expected with input f32[5,2,3]"},
    {"gru %t, @ih, @hh, @b12, @c8", "bias_hh is f32[8], f32[12] expected"},
    {"gru %t, %t, @ih, @hh", "state h is f32[5,2,3], f32[1,2,4] expected with input f32[5,2,3]"},
    {"rnn %t, @ih, @hh {nonlinearity=sigmoid}", "nonlinearity is one of tanh|relu"},
    {"l2_normalize %v {axes=[1,-1]}", "axes names dimension 1 twice"},
    {"bias %x, @c8", "input f32[1,6,9,9] has size 6 in dimension 1, bias is f32[8], f32[6] expected"},
    {"scale %x, @c6 {axis=2}", "input f32[1,6,9,9] has size 9 in dimension 2, weight is f32[6], f32[9] expected"},
    {"clamp %v {min=2, max=1}", "max 1 is less than min 2"},
    {"clamp %v {min=nan, max=1}", "min is not a finite float"},
    {"clamp %v {min=0, max=1e39}", "max is not a finite float"},
    {"clamp %v {min=0}", "clamp: attribute max is missing"},
    {"add %x, %v", "f32[1,6,9,9] and f32[2,10] do not broadcast"},
    {"map %v {shape=[1,1,1,1,1,1,1,2,10]}", "9 dimensions, at most 8 expected"},
    {"map %v {shape=[2,9]}", "f32[2,10] does not broadcast to f32[2,9]"},
    {"map %v {shape=[-1,10]}", "shape is -1, at least 1 expected"},
    {"max_pool %x {kernel=0}", "kernel is 0, at least 1 expected"},
    {"max_pool %x {kernel=2, pad=2}", "pad [2,2,2,2] is not less than the window [2,2]"},
    {"avg_pool %x {kernel=10}", "kernel [10,10] is larger than the padded input [9,9]"},
    {"max_pool %x {kernel=1073741824, dilation=1073741824}", "is larger than the padded input"},
    {"mean %v {axes=[]}", "axes is empty"},
    {"mean %v {axes=[0,0]}", "axes names dimension 0 twice"},
    {"concat %x, %v", "operand 1 is f32[2,10], which cannot follow f32[1,6,9,9] along dimension 1"},
    {"split %v {sizes=[3,8]}", "sizes [3,8] add up to 11, input f32[2,10] has 10 in dimension 1"},
    {"split %v {sizes=[0,10]}", "sizes is 0, at least 1 expected"},
    {"split %v {sizes=[5,5]}", "split has 2 results, 1 named"},
    {"slice %v {axes=[1], start=[4], end=[4]}", "nothing is left of dimension 1 of f32[2,10] between 4 and 4"},
    {"slice %v {axes=[1], start=[4], end=[8], step=0}", "step is 0, at least 1 expected"},
    {"slice %v {axes=[0,1], start=[4], end=[8,9]}", "axes, start and end have 2, 1 and 2 numbers"},
    {"slice %v {axes=[0,1], start=[0,0], end=[1,1], step=[1,1,1]}", "step has 3 numbers, 1 or one for each of 2 axes"},
    {"channel_shuffle %x {groups=4}", "input's 6 channels do not divide into 4 groups"},
    {"reshape %v {shape=[3,-1]}", "shape [3,-1] does not fit input f32[2,10] of 20 elements"},
    {"reshape %v {shape=[-1,-1]}", "shape [-1,-1] has more than one -1"},
    {"reshape %v {shape=[1,1,0]}", "shape [1,1,0] keeps dimension 2, which input f32[2,10] has not"},
    {"reshape %v {shape=[4294967296,4294967296]}", "more than 2^40 elements"},
    {"reshape %v {shape=[1,1,1,1,1,1,1,1,20]}", "9 dimensions, at most 8 expected"},
    {"transpose %v {perm=[0,0]}", "perm names dimension 0 twice"},
    {"transpose %v {perm=[0]}", "perm [0] has 1 numbers, input f32[2,10] has 2 dimensions"},
    {"upsample %x {scale=1073741824}", "more than 2^40 elements"},
    {"upsample %x {scale=2, align_corners=true}", "align_corners has no meaning for mode nearest"},
    {"upsample %x {scale=2, mode=cubic}", "mode is one of nearest|bilinear"},
    {"pad %v {pads=[1,1]}", "pads [1,1] has 2 numbers, two for each dimension of f32[2,10] expected"},
    {"pad %v {pads=[1,1,-1,0]}", "pads is -1, at least 0 expected"},
    {"relu @i", "operand i8[4] is not of a floating type"},
    {"add %s, @h", "operands f32[] and f16[4] differ in type"},
};

static void test_refusals(void)
{
    for (int i = 0; i < LEN(bad); i++) {
        Arena *a = arena_new();
        Buf m;
        const char *more = "  const @i : i8[4]\n  const @h : f16[4]\n";
        Graph *g = parse(a, one_liner(a, more, bad[i].line, "f32[1]"), &m);
        if (g || !strstr(m.s, bad[i].message))
            fprintf(stderr, "%s: expected '%s', got\n%s\n", bad[i].line, bad[i].message, m.s ? m.s : "nothing");
        CU_ASSERT(!g && strstr(m.s, bad[i].message));
        CU_ASSERT_EQUAL(diag_errors(), 1);
        buf_free(&m);
        arena_free(a);
    }
}

/* Attributes that never came through a parser. */
static void test_hostile_attributes(void)
{
    Arena *a = arena_new();
    int64_t dims[] = {1, 6, 9, 9};
    Type in[2] = {type_make(DT_F32, 4, dims), type_make(DT_F32, 4, dims)}, out[MAX_OUT];
    Rng r = rng_seed(1, "hostile");
    static const int64_t numbers[] = {0, 1, -1, 2, 3, INT64_MAX, INT64_MIN, (int64_t)1 << 62, 1 << 30, 9, -4};
    for (int trial = 0; trial < 20000; trial++) {
        Attrs t;
        memset(&t, 0, sizeof t);
        for (int i = 0; i < NATTRS; i++) {
            void *f = (char *)&t + attr_info[i].offset;
            int64_t x = numbers[rng_next(&r) % LEN(numbers)];
            Ints *v = f;
            switch (attr_info[i].kind) {
            case ATTR_INT:
            case ATTR_ENUM: *(int64_t *)f = x; break;
            case ATTR_FLOAT: *(double *)f = x == 3 ? NAN : (double)x; break;
            case ATTR_BOOL: *(bool *)f = x & 1; break;
            case ATTR_INTS:
                v->n = (int)(rng_next(&r) % 20) - 2;
                for (int k = 0; k < LEN(v->v); k++)
                    v->v[k] = numbers[rng_next(&r) % LEN(numbers)];
            }
        }
        Op op = (Op)(1 + rng_next(&r) % (NOPS - 1));
        int nout = 0;
        OpCall c = {.op = op, .attr = &t, .nin = (int)(rng_next(&r) % 3), .in = in, .arena = a};
        const char *err = op_infer(&c, out, &nout);
        CU_ASSERT(err ? !nout : nout > 0);
        for (int i = 0; i < nout; i++)
            CU_ASSERT(type_valid(&out[i]));
    }
    arena_free(a);
}

static void test_normalize(void)
{
    Arena *a = arena_new();
    int64_t dims[] = {2, 6, 9, 9};
    Type in = type_make(DT_F32, 4, dims);
    Attrs t = {.axes = {3, {3, 0, 2}}, .start = {3, {1, 0, -4}}, .end = {3, {100, -1, INT64_MAX}}, .step = {1, {2}},
               .groups = 7};
    CU_ASSERT(!attrs_normalize(a, OP_slice, &t, &in, 1));
    Attrs want = {.axes = {3, {0, 2, 3}}, .start = {3, {0, 5, 1}}, .end = {3, {1, 9, 9}}, .step = {3, {2, 2, 2}}};
    CU_ASSERT(attrs_eq(OP_slice, &t, &want));
    CU_ASSERT_EQUAL(t.groups, 0);
    CU_ASSERT(!attrs_normalize(a, OP_slice, &t, &in, 1) && attrs_eq(OP_slice, &t, &want));
    Attrs pool = {.kernel = {1, {3}}, .pad = {2, {1, 0}}, .dilation = {1, {1}}};
    CU_ASSERT(!attrs_normalize(a, OP_max_pool, &pool, &in, 1));
    CU_ASSERT(pool.stride.n == 2 && pool.stride.v[0] == 3 && pool.stride.v[1] == 3);
    CU_ASSERT(pool.pad.n == 4 && pool.pad.v[0] == 1 && pool.pad.v[1] == 0 && pool.pad.v[2] == 1 && pool.pad.v[3] == 0);
    Attrs shape = {.shape = {3, {0, -1, 27}}};
    CU_ASSERT(!attrs_normalize(a, OP_reshape, &shape, &in, 1));
    CU_ASSERT(shape.shape.v[0] == 2 && shape.shape.v[1] == 18 && shape.shape.v[2] == 27);
    Attrs before = {.axis = 9};
    CU_ASSERT(attrs_normalize(a, OP_softmax, &before, &in, 1) != NULL);
    CU_ASSERT_EQUAL(before.axis, 9);
    arena_free(a);
}

/* ---- text ---- */

static const char fused[] =
    "graph @tiny (%image: f32[1,3,8,8] nhwc(c=4) input) -> (%logits: f32[1,4,4,4], %2: f32[1,4], @k: f32[2]) "
    "arena(bytes=4096, lower_bound=2048) {\n"
    "  const @conv1.weight : f32[4,3,3,3]\n"
    "  const @bn1.bias : f32[4] = [1, -2.5, 0.1, 3e38]\n"
    "  const @k : f32[2] = [inf, nan]\n"
    "  const @\"odd name\" : f32[] = [2]\n"
    "  %1 = conv2d %image, @conv1.weight {stride=[2,2], pad=[1,1,1,1]} : f32[1,4,4,4] arena(offset=64, bytes=256)\n"
    "  %logits, %2, %3 = conv2d %image, @conv1.weight {stride=[2,2], pad=[1,1,1,1]}\n"
    "       epilogue { bias @bn1.bias name=bn1 ; relu ; add %1 ; sub @\"odd name\", $3 ; mul $1, $4 ; "
    "leaky_relu {alpha=0.3} } -> $6, mean($2, axes=[2,3]), max($0, axes=[3], keep=true)\n"
    "       : f32[1,4,4,4] nhwc(c=8, border=[1,0,1,0]) arena(offset=0, bytes=800), f32[1,4] output, f32[1,4,4,1]"
    "  name=conv1  layers=\"conv1 + \\\"bn1\\\"\"  scratch(bytes=5, offset=960)\n"
    "  %4, %5 = split %3 {sizes=[1,3]} : f32[1,1,4,1], f32[1,3,4,1]\n"
    "  %6 = map %5 -> sum($0, axes=[1]) : f32[1,4,1]\n"
    "}\n";

static void test_text(void)
{
    Arena *a = arena_new();
    Graph *g = must_parse(a, fused);
    CU_ASSERT(!graph_check(g));
    expect_text(print(a, g, PRINT_LAYOUT), fused);
    const Node *n = &g->node.v[1];
    CU_ASSERT(n->nstep == 6 && n->nout == 3 && n->out[0].step == 6 && n->out[1].red == RED_MEAN);
    CU_ASSERT(n->step[2].nin == 2 && n->step[2].in[0] == ~2 && n->step[2].in[1] == g->node.v[0].out[0].value);
    CU_ASSERT(n->step[3].in[1] == ~3 && n->step[4].in[0] == ~1 && n->step[4].in[1] == ~4);
    CU_ASSERT_STRING_EQUAL(n->name, "conv1");
    CU_ASSERT_STRING_EQUAL(n->layers, "conv1 + \"bn1\"");
    CU_ASSERT(n->scratch == 5 && n->scratch_offset == 960);
    CU_ASSERT(g->arena_bytes == 4096 && g->arena_lower_bound == 2048);
    const Value *v = &g->value.v[n->out[0].value];
    CU_ASSERT(v->layout.order == ORDER_NHWC && v->layout.cstride == 8 && v->layout.border[2] == 1);
    CU_ASSERT(v->region == REGION_ARENA && v->offset == 0 && v->bytes == 800);
    /* Large constants print their numbers on request only; without them the graphs still correspond. */
    float data[108];
    for (int i = 0; i < 108; i++)
        data[i] = (float)i / 7;
    Tensor *t = g->value.v[map_get(&g->consts, "conv1.weight")].tensor;
    t->data = data;
    expect_text(print(a, g, PRINT_LAYOUT), fused);
    CU_ASSERT(!graph_diff(a, g, must_parse(a, fused)));
    Graph *full = must_parse(a, print(a, g, PRINT_LAYOUT | PRINT_DATA));
    CU_ASSERT(!graph_diff(a, g, full));
    CU_ASSERT_EQUAL(tensor_at(full->value.v[map_get(&full->consts, "conv1.weight")].tensor, 5), (double)data[5]);
    data[5] = 0;
    CU_ASSERT(strstr(graph_diff(a, g, full), "constant 'conv1.weight' differs at element 5") != NULL);
    arena_free(a);
}

static void test_places(void)
{
    Arena *a = arena_new();
    const char *text = "graph @g (%x: f32[1]) -> (%\"1\": f32[1]) {\n  ; nothing\n  %\"1\" = relu %x : f32[1]\n}\n";
    Graph *g = must_parse(a, text);
    expect_text(print(a, g, PRINT_LOC),
                "graph @g (%x: f32[1]) -> (%\"1\": f32[1]) {\n  %\"1\" = relu %x : f32[1]  ; test.dsq:3\n}\n");
    arena_free(a);
}

static void test_parse_errors(void)
{
    static const struct { const char *text, *message; } cases[] = {
        {"", "test.dsq:1:1: error: 'graph' expected, found the end\n"},
        {"graph @g (%x: f32[1]) -> (%y: f32[1]) {\n  %y = rellu %x : f32[1]\n}\n",
         "test.dsq:2:8: error: unknown operator 'rellu'\n   2 |   %y = rellu %x : f32[1]\n"
         "     |        ^~~~~ did you mean 'relu'?\n"},
        {"graph @g (%x: f32[1]) -> (%y: f32[1]) {\n  %y = leaky_relu %x {alhpa=1} : f32[1]\n}\n",
         "test.dsq:2:23: error: leaky_relu: unknown attribute 'alhpa'\n"},
        {"graph @g (%x: f32[1]) -> (%y: f32[1]) {\n  %y = add %x, %z : f32[1]\n}\n",
         "test.dsq:2:16: error: %z is not made before its use\n"},
        {"graph @g (%x: f32[1]) -> (%y: f32[1]) {\n  %y = add %x, @weihgt : f32[1]\n}\n",
         "test.dsq:2:16: error: @weihgt is not made before its use\n"},
        {"graph @g (%x: f32[1]) -> (%y: f32[2]) {\n  %y = relu %x : f32[1]\n}\n",
         "test.dsq:1:28: error: output y is f32[1], the text says f32[2]\n"},
        {"graph @g (%x: f32[1]) -> (%y: f32[1]) {\n  %y = relu %x : f32[2]\n}\n",
         "test.dsq:2:18: error: relu gives f32[1], the text says f32[2]\n"},
        {"graph @g (%x: f32[1]) -> (%y: f32[1]) {\n  %x = relu %x : f32[1]\n}\n",
         "test.dsq:2:3: error: %x is made twice\n"},
        {"graph @g (%x: f32[1]) -> (%y: f32[1]) {\n}\n", "test.dsq:1:28: error: output y is never made\n"},
        {"graph @g (%x: f32[0]) -> (%y: f32[1]) {\n}\n",
         "test.dsq:1:15: error: sizes must be 1 or more, and a tensor at most 2^40 elements\n"},
        {"graph @g (%7: f32[1]) -> (%7: f32[1]) {\n}\n", "test.dsq:1:12: error: an input needs a name"},
        {"graph @g (%x: f32[1]) -> (%x: f32[1]) {\n  const @c : f32[2] = [1]\n}\n",
         "test.dsq:2:10: error: 1 numbers for f32[2]\n"},
        {"graph @g (%x: f32[1]) -> (%x: f32[1]) {\n  const @c : f32[2]\n  const @c : f32[2]\n}\n",
         "test.dsq:3:10: error: constant @c stands twice\n"},
        {"graph @g (%x: f32[1]) -> (%x: f32[1]) {\n  %1 = leaky_relu %x {alpha=1, alpha=2} : f32[1]\n}\n",
         "test.dsq:2:32: error: alpha stands twice\n"},
        {"graph @g (%x: f32[1]) -> (%x: f32[1]) {\n  %1 = relu %x epilogue { relu } : f32[1]\n}\n",
         "test.dsq:2:8: error: relu carries no epilogue\n"},
        {"graph @g (%x: f32[1]) -> (%x: f32[1]) {\n  %1 = map %x epilogue { add $0, $1 } : f32[1]\n}\n",
         "test.dsq:2:8: error: map: step 1 (add): operand 1 is neither a value nor an earlier step\n"},
        {"graph @g (%x: f32[1]) -> (%x: f32[1]) {\n  %1 = map %x epilogue { softmax } : f32[1]\n}\n",
         "test.dsq:2:8: error: map: step 1 is not elementwise\n"},
        {"graph @g (%x: f32[1], %z: f32[2]) -> (%x: f32[1]) {\n  %1 = map %x epilogue { add %z } : f32[1]\n}\n",
         "test.dsq:2:8: error: map: step 1 (add) gives f32[2], the anchor f32[1]\n"},
        {"graph @g (%x: f32[1]) -> (%x: f32[1]) {\n  %1 = map %x -> $1 : f32[1]\n}\n",
         "test.dsq:2:8: error: map: out 0 is of step 1, there are 0\n"},
        {"graph @g (%x: f32[1]) -> (%x: f32[1]) {\n  %1 = map %x -> mean($0, axes=[1]) : f32[1]\n}\n",
         "test.dsq:2:22: error: axis 1 is not a dimension of f32[1]\n"},
        {"graph @g (%x: f32[1]) -> (%x: f32[1]) {\n} x", "test.dsq:2:3: error: the end expected, found 'x'\n"},
        {"graph @\"g (", "test.dsq:1:8: error: the string does not end on its line\n"},
        {"graph @\"\\q\" (", "test.dsq:1:10: error: '\\q' is not an escape"},
        {"graph @g (%x: f32[1] nhwc(c=1)) -> (", "test.dsq:1:22: error: an nhwc layout with c=1 does not fit f32[1]\n"},
        {"graph @g (%x: f32[2] strided(stride=[1,2])) -> (",
         "test.dsq:1:37: error: one stride per dimension, none negative\n"},
        {"graph @g (%x: f32[2] strided(stride=[1])) -> (", "test.dsq:1:22: error: a strided layout has no storage\n"},
        {"graph @g (%x: f32[2] strided(stride=[4]) group(1, first=2, room=6)) -> (",
         "test.dsq:1:22: error: f32[2] reaches element 6 of 6\n"},
        {"graph @g (%x: f32[2] strided(stride=[0], axis=0, at=[0:3]) group(1, first=0, room=6)) -> (",
         "test.dsq:1:53: error: runs FIRST:END:STEP of 2 indices altogether are expected\n"},
        {"graph @g (%x: f32[2] strided(stride=[0], axis=0, at=[3]) group(1, first=0, room=6)) -> (",
         "test.dsq:1:53: error: 1 indices, the dimension has 2\n"},
        {"graph @g (%x: f32[2] group(0, first=0, room=6)) -> (", "test.dsq:1:27: error: groups count from 1\n"},
    };
    for (int i = 0; i < LEN(cases); i++) {
        Arena *a = arena_new();
        Buf m;
        Graph *g = parse(a, cases[i].text, &m);
        if (g || !m.s || strncmp(m.s, cases[i].message, strlen(cases[i].message)) != 0)
            fprintf(stderr, "%s\nexpected:\n%s\ngot:\n%s\n", cases[i].text, cases[i].message, m.s ? m.s : "nothing");
        CU_ASSERT(!g && m.s && !strncmp(m.s, cases[i].message, strlen(cases[i].message)));
        buf_free(&m);
        arena_free(a);
    }
}

/* Each pair differs in what the message names. */
static void test_diff(void)
{
    static const struct { const char *a, *b, *message; } cases[] = {
        {"%y = relu %x : f32[4]", "%y = abs %x : f32[4]", "relu and abs"},
        {"%y = leaky_relu %x : f32[4]", "%y = leaky_relu %x {alpha=2} : f32[4]", "attributes differ"},
        {"%1 = relu %x : f32[4] %2 = abs %x : f32[4] %y = sub %1, %2 : f32[4]",
         "%1 = relu %x : f32[4] %2 = abs %x : f32[4] %y = sub %2, %1 : f32[4]", "operand 0 differs"},
        {"%y = relu %x : f32[4] name=a", "%y = relu %x : f32[4]", "names differ"},
        {"%y = relu %x : f32[4] %1 = abs %x : f32[4]", "%y = relu %x : f32[4]", "the first graph has more nodes"},
        {"%y = map %x epilogue { relu ; add $0 } : f32[4]", "%y = map %x epilogue { relu ; add $1 } : f32[4]",
         "step 2: operand 1 differs"},
        {"%1, %y = map %x epilogue { relu } -> $0, $1 : f32[4], f32[4]",
         "%1, %y = map %x epilogue { relu } -> $1, $1 : f32[4], f32[4]", "result 0 is taken another way"},
        {"%y = relu %x : f32[4] arena(offset=64, bytes=16)", "%y = relu %x : f32[4] arena(offset=0, bytes=16)",
         "result 0 lies elsewhere"},
        {"%y = relu %x : f32[4] arena(offset=0, bytes=32)", "%y = relu %x : f32[4] arena(offset=0, bytes=16)",
         "result 0 lies elsewhere"},
        {"%y = relu %x : f32[4] arena(offset=0, bytes=16)", "%y = relu %x : f32[4] output(offset=0, bytes=16)",
         "result 0 lies elsewhere"},
        {"const @c : f32[1] = [1] %y = add %x, @c : f32[4]", "const @c : f32[1] = [2] %y = add %x, @c : f32[4]",
         "constant 'c' differs at element 0: 1 and 2"},
        {"const @c : f32[1] = [1] %y = add %x, @c : f32[4]", "const @c : f32[1] %y = add %x, @c : f32[4]",
         "constant 'c' has numbers in one graph only"},
        {"const @c : f32[1] %y = relu %x : f32[4]", "%y = relu %x : f32[4]", "constant 'c' is in the first graph only"},
        {"%y = relu %x : f32[4] %1 = relu %x : f32[4]", "%1 = relu %x : f32[4] %y = relu %x : f32[4]",
         "output 0 differs"},
    };
    for (int i = 0; i < LEN(cases); i++) {
        Arena *a = arena_new();
        const char *form = "graph @g (%%x: f32[4]) -> (%%y: f32[4]) { %s }";
        Graph *g = must_parse(a, arena_printf(a, form, cases[i].a));
        Graph *h = must_parse(a, arena_printf(a, form, cases[i].b));
        const char *diff = graph_diff(a, g, h);
        if (!diff || !strstr(diff, cases[i].message))
            fprintf(stderr, "expected '%s', got '%s'\n", cases[i].message, diff ? diff : "nothing");
        CU_ASSERT(diff && strstr(diff, cases[i].message));
        CU_ASSERT(graph_diff(a, h, g) != NULL);
        CU_ASSERT(!graph_diff(a, g, graph_clone(a, g)));
        arena_free(a);
    }
}

/* ---- building and changing ---- */

static const Loc nowhere = {0};

static ValueId add(Graph *g, Op op, const Attrs *t, const ValueId *in, int nin)
{
    const char *err;
    int node = graph_add(g, op, t, in, nin, NULL, nowhere, &err);
    if (node < 0) {
        fprintf(stderr, "%s: %s\n", op_info[op].name, err);
        CU_FAIL_FATAL("graph_add");
    }
    return node_value(g, node);
}

static Graph *small_net(Arena *a)
{
    return must_parse(a, "graph @net (%x: f32[1,3,8,8]) -> (%y: f32[1,10]) {\n"
                         "  const @w : f32[4,3,3,3]\n  const @b : f32[4]\n  const @m : f32[4]\n  const @v : f32[4]\n"
                         "  const @fc : f32[10,4]\n"
                         "  %1 = conv2d %x, @w {pad=1} : f32[1,4,8,8] name=conv\n"
                         "  %2 = batch_norm %1, @b, @b, @m, @v : f32[1,4,8,8]\n"
                         "  %3 = relu %2 : f32[1,4,8,8]\n"
                         "  %4 = mean %3 {axes=[2,3]} : f32[1,4]\n"
                         "  %y = linear %4, @fc : f32[1,10]\n}\n");
}

static void test_build(void)
{
    Arena *a = arena_new();
    int64_t dims[] = {1, 4};
    Type t = type_make(DT_F32, 2, dims);
    Graph *g = graph_new(a, "g");
    ValueId x = graph_input(g, "x", t, nowhere), c = graph_const(g, "c", t, nowhere);
    CU_ASSERT_EQUAL(graph_const(g, "c", t, nowhere), c);
    float one[4] = {1, 2, 3, 4};
    ValueId d = graph_const_f32(g, "c", t, one);
    one[0] = 9;
    CU_ASSERT(d != c && strcmp(g->value.v[d].name, "c") != 0);
    CU_ASSERT_EQUAL(tensor_at(g->value.v[d].tensor, 0), 1);
    ValueId in[2] = {x, c};
    const char *err = NULL;
    CU_ASSERT_EQUAL(graph_add(g, OP_conv2d, NULL, in, 2, NULL, nowhere, &err), -1);
    CU_ASSERT_STRING_EQUAL(err, "input f32[1,4] has rank 2, [N,C,H,W] expected");
    CU_ASSERT_EQUAL(g->node.n, 0);
    ValueId sum = add(g, OP_add, NULL, in, 2), soft = add(g, OP_softmax, NULL, &sum, 1);
    CU_ASSERT_EQUAL(g->node.v[1].attr.axis, 1);
    PUSH(a, &g->output, soft);
    g->value.v[soft].name = "p";
    CU_ASSERT(!graph_check(g));
    CU_ASSERT(value_uses(g, x) == 1 && value_uses(g, soft) == 1 && value_uses(g, d) == 0);
    CU_ASSERT(g->value.v[x].origin == -1 && g->value.v[sum].origin == -1);
    arena_free(a);
}

/* A pass that makes the same constant again gets the one that is there, subnormal numbers or not. */
static void test_constants_again(void)
{
    static const float numbers[][2] = {{1, 2}, {1, 1e-39f}, {-1e-40f, 3}};
    Arena *a = arena_new();
    int64_t two = 2;
    Type t = type_make(DT_F32, 1, &two);
    Graph *g = graph_new(a, "g");
    for (int i = 0; i < LEN(numbers); i++) {
        ValueId c = graph_const_f32(g, "c", t, numbers[i]);
        CU_ASSERT_EQUAL(graph_const_f32(g, "c", t, numbers[i]), c);
        CU_ASSERT_EQUAL(g->value.n, i + 1);
        CU_ASSERT_EQUAL(tensor_at(g->value.v[c].tensor, 0), i == 2 ? 0 : 1);
    }
    arena_free(a);
}

static void test_replace(void)
{
    Arena *a = arena_new();
    Graph *g = small_net(a);
    for (int i = 0; i < g->value.n; i++)
        g->value.v[i].origin = i;
    ValueId bn = node_value(g, 1), relu = node_value(g, 2), y = g->output.v[0];
    /* A pass puts relu6 in relu's place: appended, then sorted into its place. */
    ValueId relu6 = add(g, OP_relu6, NULL, &bn, 1);
    value_replace(g, relu, relu6);
    CU_ASSERT(value_uses(g, relu) == 0 && value_uses(g, relu6) == 1 && g->value.v[relu6].origin == relu);
    CU_ASSERT(strstr(graph_check(g), "operand 0 is used before it is made") != NULL);
    node_remove(g, 2);
    CU_ASSERT_EQUAL(g->value.v[relu].kind, VAL_DEAD);
    graph_compact(g);
    CU_ASSERT(!graph_check(g));
    CU_ASSERT(g->node.n == 5 && g->node.v[2].op == OP_relu6 && g->node.v[3].op == OP_mean);
    /* The output's new value takes its name and origin. */
    ValueId neg = add(g, OP_neg, NULL, &y, 1), back = add(g, OP_neg, NULL, &neg, 1);
    g->value.v[back].origin = 1;
    g->output.v[0] = back;
    g->value.v[back].name = "z";
    g->value.v[y].name = NULL;
    value_replace(g, back, y);
    CU_ASSERT(g->output.v[0] == y && !strcmp(g->value.v[y].name, "z") && g->value.v[y].origin == 1);
    CU_ASSERT(!g->value.v[back].name);
    CU_ASSERT(!graph_check(g));
    arena_free(a);
}

/* An input cannot become an output under another name: the copy stays. */
static void test_replace_by_input(void)
{
    Arena *a = arena_new();
    Graph *g = must_parse(a, "graph @g (%x: f32[1,2]) -> (%y: f32[1,2], %z: f32[1,2]) {\n"
                             "  %y = flatten %x : f32[1,2]\n  %z = relu %y : f32[1,2]\n}\n");
    ValueId x = g->input.v[0], y = g->output.v[0], z = g->output.v[1];
    value_replace(g, y, x);
    CU_ASSERT(g->output.v[0] == y && g->node.v[1].in[0] == x && !graph_check(g));
    value_replace(g, z, y);
    CU_ASSERT(g->output.v[1] == z && !strcmp(g->value.v[y].name, "y") && !strcmp(g->value.v[z].name, "z"));
    CU_ASSERT(!graph_check(g));
    arena_free(a);
}

static void test_compact_keeps_order(void)
{
    Arena *a = arena_new();
    Graph *g = small_net(a);
    Graph *c = graph_clone(a, g);
    graph_compact(c);
    CU_ASSERT(!graph_diff(a, g, c));
    /* Reversed nodes come back in order. */
    for (int i = 0; i < c->node.n; i++)
        c->node.v[i] = g->node.v[g->node.n - 1 - i];
    for (int i = 0; i < c->node.n; i++)
        c->value.v[c->node.v[i].out[0].value].node = i;
    CU_ASSERT(graph_check(c) != NULL);
    graph_compact(c);
    CU_ASSERT(!graph_check(c) && !graph_diff(a, g, c));
    arena_free(a);
}

static void test_clone(void)
{
    Arena *a = arena_new(), *b = arena_new();
    Graph *g = must_parse(a, fused), *c = graph_clone(b, g);
    CU_ASSERT(!graph_diff(a, g, c) && !graph_check(c));
    c->node.v[1].step[0].in[1] = c->input.v[0];
    c->node.v[1].out[1].step = 0;
    c->node.v[0].attr.groups = 3;
    c->value.v[0].type.dim[0] = 7;
    CU_ASSERT(!graph_diff(a, g, must_parse(a, fused)));
    CU_ASSERT(c->value.v[map_get(&c->consts, "k")].tensor->data == g->value.v[map_get(&g->consts, "k")].tensor->data);
    arena_free(b);
    arena_free(a);
}

static void test_check(void)
{
    Arena *a = arena_new();
    Graph *good_one = must_parse(a, fused);
    const int fusednode = 1;
#define BREAK(change, message)                                                                                         \
    do {                                                                                                               \
        Graph *g = graph_clone(a, good_one);                                                                           \
        Node *n = &g->node.v[fusednode];                                                                               \
        (void)n;                                                                                                       \
        change;                                                                                                        \
        const char *err = graph_check(g);                                                                              \
        if (!err || !strstr(err, message))                                                                             \
            fprintf(stderr, "expected '%s', got '%s'\n", message, err ? err : "nothing");                              \
        CU_ASSERT(err && strstr(err, message));                                                                        \
        print(a, g, PRINT_LAYOUT); /* dumps of broken graphs must not fail */                                          \
    } while (0)
    BREAK(n->in[0] = 99999, "node 1 (conv2d 'conv1'): operand 0 is used before it is made");
    BREAK(n->in[0] = n->out[0].value, "operand 0 is used before it is made");
    BREAK(n->step[2].in[1] = g->node.v[2].out[0].value, "step 3: operand 1 is used before it is made");
    BREAK(n->step[0].in[0] = ~1, "step 1 (bias): operand 0 is neither a value nor an earlier step");
    BREAK(n->step[1].op = OP_softmax, "step 2 is not elementwise");
    BREAK(n->step[1].nin = 0, "step 2 (relu): 0 operands found, 1 expected");
    BREAK(n->step[0].attr.axis = -3, "attributes are not in their normal form");
    BREAK(n->step[0].attr.axis = 0, "step 1 (bias): input f32[1,4,4,4] has size 1 in dimension 0, bias is f32[4]");
    BREAK(n->attr.stride.n = 1, "attributes are not in their normal form");
    BREAK(n->attr.stride.v[0] = 0, "stride is 0, at least 1 expected");
    BREAK(n->attr.stride.v[0] = 4, "step 3 (add)");
    BREAK(n->out[0].step = 7, "out 0 is of step 7, there are 6");
    BREAK(n->out[1].axes.v[0] = 9, "out 1: axis 9 is not a dimension of f32[1,4,4,4]");
    BREAK(n->out[1].keep = true, "result 1 is f32[1,4], inferred is f32[1,4,1,1]");
    BREAK(n->nout = 0, "0 results, 1 to 16 expected");
    BREAK(g->value.v[n->out[1].value].out = 0, "result 1 is a value of node 1, out 0");
    BREAK(g->value.v[n->out[1].value].kind = VAL_DEAD, "result 1 is not a value of the graph");
    BREAK(g->node.v[2].out[1].step = 1, "not an operator that carries an epilogue");
    BREAK(g->node.v[2].nout = 1, "1 results, 2 expected");
    BREAK(g->node.v[0].op = OP_NONE, "step 3: operand 1 is used before it is made");
    BREAK(g->value.v[0].type.dim[1] = 0, "value 0 has no valid type");
    BREAK(g->value.v[0].origin = g->value.n, "is not a value");
    BREAK(g->value.v[0].layout.cstride = 2, "an nhwc layout with c=2 does not fit");
    BREAK(g->value.v[g->output.v[1]].layout.border[0] = 1, "a layout other than nhwc has a border");
    BREAK(g->value.v[g->output.v[0]].name = "image", "two values are called 'image'");
    BREAK(g->value.v[g->output.v[2]].tensor->type.dim[0] = 3, "constant 'k' and its tensor differ in type");
    BREAK(g->output.n = 0, "the graph has no output");
    BREAK(g->output.v[0] = -1, "output 0 is never made");
    BREAK(g->input.v[0] = g->output.v[0], "input 0 is not an input value");
    arena_free(a);
}

static void test_costs(void)
{
    Arena *a = arena_new();
    Graph *g = small_net(a);
    CU_ASSERT_EQUAL(node_macs(g, &g->node.v[0]), 4 * 3 * 3 * 3 * 8 * 8);
    CU_ASSERT_EQUAL(node_macs(g, &g->node.v[4]), 40);
    CU_ASSERT_EQUAL(graph_macs(g), 4 * 3 * 3 * 3 * 8 * 8 + 40);
    CU_ASSERT_EQUAL(graph_parameters(g), 4 * 3 * 3 * 3 + 4 + 40); /* @b is weight and bias; @m and @v do not count */
    Graph *t = must_parse(a, one_liner(a, "", "conv_transpose2d %x, @dw {groups=6, stride=2}", "f32[1,6,19,19]"));
    CU_ASSERT_EQUAL(graph_macs(t), 6 * 81 * 9);
    Graph *m = must_parse(a, one_liner(a, "", "matmul %x, %x", "f32[1,6,9,9]"));
    CU_ASSERT_EQUAL(graph_macs(m), 6 * 9 * 9 * 9);
    Graph *big = must_parse(a, "graph @g (%x: f32[1048576,1048576]) -> (%y: f32[1048576,1048576]) {\n"
                               "  %1 = matmul %x, %x : f32[1048576,1048576]\n"
                               "  %2 = matmul %x, %1 : f32[1048576,1048576]\n"
                               "  %3 = matmul %x, %2 : f32[1048576,1048576]\n"
                               "  %4 = matmul %x, %3 : f32[1048576,1048576]\n"
                               "  %5 = matmul %x, %4 : f32[1048576,1048576]\n"
                               "  %6 = matmul %x, %5 : f32[1048576,1048576]\n"
                               "  %7 = matmul %x, %6 : f32[1048576,1048576]\n"
                               "  %y = matmul %x, %7 : f32[1048576,1048576]\n}\n");
    CU_ASSERT_EQUAL(graph_macs(big), INT64_MAX);
    arena_free(a);
}

/* ---- evaluation ---- */

typedef struct Seen { Arena *arena; const Graph *g; double **v; int *calls; } Seen;

static void remember(void *user, ValueId id, const double *x)
{
    Seen *s = user;
    int64_t n = type_elems(&s->g->value.v[id].type);
    s->v[id] = NEW(s->arena, double, n);
    memcpy(s->v[id], x, (size_t)n * sizeof *x);
    s->calls[id]++;
}

static Seen eval(Arena *a, const Graph *g, const double *const *in)
{
    Seen s = {a, g, NEW(a, double *, g->value.n), NEW(a, int, g->value.n)};
    graph_eval(g, in, remember, &s);
    return s;
}

static void test_eval(void)
{
    Arena *a = arena_new();
    /* Sums of 2x2 windows of 0..8, and ten times their last element. */
    Graph *g = must_parse(a, "graph @g (%x: f32[1,1,3,3]) -> (%y: f32[1,2,2,2], %x: f32[1,1,3,3], @b: f32[2]) {\n"
                             "  const @w : f32[2,1,2,2] = [1, 1, 1, 1, 0, 0, 0, 10]\n  const @b : f32[2] = [0.5, -1]\n"
                             "  %y = conv2d %x, @w, @b : f32[1,2,2,2]\n}\n");
    double x[9] = {0, 1, 2, 3, 4, 5, 6, 7, 8};
    static const double want[8] = {8.5, 12.5, 20.5, 24.5, 39, 49, 69, 79};
    Seen s = eval(a, g, (const double *const[]){x});
    CU_ASSERT(!memcmp(s.v[g->output.v[0]], want, sizeof want));
    CU_ASSERT(s.calls[g->output.v[0]] == 1 && s.calls[g->output.v[1]] == 1 && s.calls[g->output.v[2]] == 1);
    CU_ASSERT_EQUAL(s.v[g->output.v[1]][8], 8);
    CU_ASSERT_EQUAL(s.v[g->output.v[2]][1], -1);
    CU_ASSERT_EQUAL(s.calls[map_get(&g->consts, "w")], 0);
    arena_free(a);
}

/* One anchor with everything that an epilogue can hold, and the same as nodes of their own. */
static void test_eval_epilogue(void)
{
    Arena *a = arena_new();
    const char *head = "(%x: f32[1,3,5,5], %r: f32[1,4,5,5]) -> (%o: f32[1,4,5,5], %m: f32[1,4], %k: f32[1,1,5,5], "
                       "%s: f32[4,5], %raw: f32[1,4,5,5]) {\n"
                       "  const @w : f32[4,3,3,3]\n  const @b : f32[4] = [1, -2, 3, 0.5]\n"
                       "  const @row : f32[5] = [1, 2, 3, 4, 5]\n";
    const char *fused_text = "  %o, %m, %k, %s, %raw = conv2d %x, @w {pad=1}\n"
                             "    epilogue { bias @b ; relu ; add %r ; sub @row, $3 {} ; mul $4, $2 }\n"
                             "    -> $5, mean($2, axes=[2,3]), max($4, axes=[1], keep=true), sum($5, axes=[0,2]), $0\n"
                             "    : f32[1,4,5,5], f32[1,4], f32[1,1,5,5], f32[4,5], f32[1,4,5,5]\n}\n";
    const char *plain = "  %raw = conv2d %x, @w {pad=1} : f32[1,4,5,5]\n  %1 = bias %raw, @b : f32[1,4,5,5]\n"
                        "  %2 = relu %1 : f32[1,4,5,5]\n  %3 = add %2, %r : f32[1,4,5,5]\n"
                        "  %4 = sub @row, %3 : f32[1,4,5,5]\n  %o = mul %4, %2 : f32[1,4,5,5]\n"
                        "  %m = mean %2 {axes=[2,3]} : f32[1,4]\n  %k = max %4 {axes=[1], keep=true} : f32[1,1,5,5]\n"
                        "  %s = sum %o {axes=[0,2]} : f32[4,5]\n}\n";
    double x[75], r[100];
    float w[108];
    Rng rng = rng_seed(7, "epilogue");
    for (int i = 0; i < 75; i++)
        x[i] = rng_normal(&rng);
    for (int i = 0; i < 100; i++)
        r[i] = rng_normal(&rng);
    for (int i = 0; i < 108; i++)
        w[i] = (float)rng_normal(&rng);
    Seen s[2];
    Graph *g[2];
    for (int i = 0; i < 2; i++) {
        g[i] = must_parse(a, arena_printf(a, "graph @g %s%s", head, i ? plain : fused_text));
        CU_ASSERT(!graph_check(g[i]));
        g[i]->value.v[map_get(&g[i]->consts, "w")].tensor->data = w;
        s[i] = eval(a, g[i], (const double *const[]){x, r});
    }
    for (int i = 0; i < g[0]->output.n; i++) {
        ValueId p = g[0]->output.v[i], q = g[1]->output.v[i];
        CU_ASSERT(!memcmp(s[0].v[p], s[1].v[q], (size_t)type_elems(&g[0]->value.v[p].type) * sizeof(double)));
    }
    arena_free(a);
}

/* Weights beyond a limit are read by blocks of rows; the last block is a short one. */
static void test_eval_big_linear(void)
{
    Arena *a = arena_new();
    enum { IN = 3000, OUT = 2997 };
    Graph *g = must_parse(a, "graph @g (%x: f32[2,3000]) -> (%y: f32[2,2997]) {\n  const @w : f32[2997,3000]\n"
                             "  const @b : f32[2997]\n  %y = linear %x, @w, @b : f32[2,2997]\n}\n");
    double *x = NEW(a, double, 2 * IN);
    float *w = NEW(a, float, (size_t)IN * OUT), *b = NEW(a, float, OUT);
    for (int i = 0; i < 2 * IN; i++)
        x[i] = i % 7 - 3;
    for (int i = 0; i < IN * OUT; i++)
        w[i] = (float)(i % 11 - 5);
    for (int i = 0; i < OUT; i++)
        b[i] = (float)i;
    g->value.v[map_get(&g->consts, "w")].tensor->data = w;
    g->value.v[map_get(&g->consts, "b")].tensor->data = b;
    Seen s = eval(a, g, (const double *const[]){x});
    int wrong = 0;
    for (int r = 0; r < 2; r++)
        for (int o = 0; o < OUT; o++) {
            double sum = o;
            for (int i = 0; i < IN; i++)
                sum += x[r * IN + i] * (double)w[o * IN + i];
            wrong += s.v[g->output.v[0]][r * OUT + o] != sum;
        }
    CU_ASSERT_EQUAL(wrong, 0);
    arena_free(a);
}

void suite_graph(void)
{
    CU_pSuite s = CU_add_suite("graph", NULL, NULL);
    CU_add_test(s, "operator table", test_table);
    CU_add_test(s, "shapes", test_shapes);
    CU_add_test(s, "refusals", test_refusals);
    CU_add_test(s, "hostile attributes", test_hostile_attributes);
    CU_add_test(s, "normal form of attributes", test_normalize);
    CU_add_test(s, "text of a fused group", test_text);
    CU_add_test(s, "places in text", test_places);
    CU_add_test(s, "messages of the parser", test_parse_errors);
    CU_add_test(s, "differences", test_diff);
    CU_add_test(s, "building", test_build);
    CU_add_test(s, "constants made again", test_constants_again);
    CU_add_test(s, "replacing values", test_replace);
    CU_add_test(s, "replacing by an input", test_replace_by_input);
    CU_add_test(s, "order", test_compact_keeps_order);
    CU_add_test(s, "clones", test_clone);
    CU_add_test(s, "checker", test_check);
    CU_add_test(s, "costs", test_costs);
    CU_add_test(s, "evaluation", test_eval);
    CU_add_test(s, "evaluation of an epilogue", test_eval_epilogue);
    CU_add_test(s, "evaluation of a large linear", test_eval_big_linear);
}
