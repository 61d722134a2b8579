/* Shapes of operators and their messages, attributes. */
#include "graph_text.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

void suite_graph_shapes(void);

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

void suite_graph_shapes(void)
{
    CU_pSuite s = CU_add_suite("graph_shapes", NULL, NULL);
    CU_add_test(s, "operator table", test_table);
    CU_add_test(s, "shapes", test_shapes);
    CU_add_test(s, "refusals", test_refusals);
    CU_add_test(s, "hostile attributes", test_hostile_attributes);
    CU_add_test(s, "normal form of attributes", test_normalize);
}
