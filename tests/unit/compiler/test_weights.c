/* Types and stored numbers, safetensors and how they lie, the report of differences, random weights. */
#include "weights.h"

#include <math.h>

void suite_weights(void);

/* ---- types ---- */

static void test_types(void)
{
    Type t, u;
    CU_ASSERT_EQUAL(type_parse("f32[1,3,224,224], x", &t), 16);
    CU_ASSERT_STRING_EQUAL(type_text(arena, &t), "f32[1,3,224,224]");
    CU_ASSERT_EQUAL(type_elems(&t), 150528);
    CU_ASSERT(type_valid(&t));
    CU_ASSERT_EQUAL(type_parse("bf16[ 4 , 5 ]", &u), 13);
    CU_ASSERT(u.dtype == DT_BF16 && u.rank == 2 && u.dim[1] == 5);
    CU_ASSERT(!type_eq(&t, &u));
    CU_ASSERT_EQUAL(type_parse("i8[]", &u), 4);
    CU_ASSERT(u.rank == 0 && type_elems(&u) == 1 && type_valid(&u));
    CU_ASSERT_EQUAL(type_parse("f32[0]", &u), 6);
    CU_ASSERT(!type_valid(&u));
    CU_ASSERT(type_parse("f32[4294967296,4294967296,4294967296]", &u) > 0);
    CU_ASSERT(!type_valid(&u));
    CU_ASSERT_EQUAL(type_elems(&u), MAX_ELEMS + 1);
    static const char *const bad[] = {"", "f32", "f31[1]", "f32[1", "f32[-1]", "f32[1,]", "f32[,1]", "f32[1 2]",
        "f32[1,1,1,1,1,1,1,1,1]", "f32[99999999999999999999]", "[1]", "f32 [1]", "ff32[1]"};
    for (int i = 0; i < LEN(bad); i++)
        CU_ASSERT_EQUAL(type_parse(bad[i], &u), 0);
}

static void check_stored(DType d, const void *bytes, const double *want, int n)
{
    uint8_t odd[200];
    memcpy(odd + 1, bytes, (size_t)(n * dtype_size(d)));
    Tensor t = {.name = "t", .type = type_make(DT_F32, 1, (int64_t[]){n}), .stored = d, .data = odd + 1};
    double all[16];
    tensor_f64(&t, all);
    const float *f = tensor_f32(arena, &t);
    for (int i = 0; i < n; i++) {
        CU_ASSERT_EQUAL(tensor_at(&t, i), want[i]);
        CU_ASSERT_EQUAL(all[i], want[i]);
        CU_ASSERT_EQUAL(f[i], (float)want[i]);
    }
}

static void test_stored(void)
{
    check_stored(DT_F32, "\0\0\x80\x3f\0\0\x20\xc1", (double[]){1, -10}, 2);
    check_stored(DT_F64, "\0\0\0\0\0\0\xf8\x3f", (double[]){1.5}, 1);
    check_stored(DT_F16, "\x00\x3c\xff\x7b\x01\x80\x00\x04\xff\x03", /* 1, max, -min, min normal, max subnormal */
                 (double[]){1, 65504, -0x1p-24, 0x1p-14, 0x1p-14 - 0x1p-24}, 5);
    check_stored(DT_BF16, "\x80\x3f\x49\xc0", (double[]){1, -3.140625}, 2);
    check_stored(DT_I8, "\x80\x7f", (double[]){-128, 127}, 2);
    check_stored(DT_U8, "\x80\xff", (double[]){128, 255}, 2);
    check_stored(DT_BOOL, "\0\2", (double[]){0, 1}, 2);
    check_stored(DT_I16, "\xfe\xff\0\x80", (double[]){-2, -32768}, 2);
    check_stored(DT_U16, "\xfe\xff", (double[]){65534}, 1);
    check_stored(DT_I32, "\xfe\xff\xff\xff", (double[]){-2}, 1);
    check_stored(DT_U32, "\xfe\xff\xff\xff", (double[]){4294967294.0}, 1);
    check_stored(DT_I64, "\xfe\xff\xff\xff\xff\xff\xff\xff", (double[]){-2}, 1);
    check_stored(DT_U64, "\0\0\0\0\0\0\0\x80", (double[]){0x1p63}, 1);
    /* 2^60 + 2^36 + 1 rounds up to f32; through double it would be a tie and round to even, down */
    int64_t v = (1ll << 60) + (1ll << 36) + 1;
    Tensor t = {.name = "t", .type = type_make(DT_F32, 1, (int64_t[]){1}), .stored = DT_I64, .data = &v};
    CU_ASSERT_EQUAL(*tensor_f32(arena, &t), 0x1p60f + 0x1p37f);
    float aligned[2] = {1, 2};
    Tensor view = {.name = "v", .type = type_make(DT_F32, 1, (int64_t[]){2}), .stored = DT_F32, .data = aligned};
    CU_ASSERT_PTR_EQUAL(tensor_f32(arena, &view), aligned);
}

/* ---- files ---- */

static void test_safetensors(void)
{
    Buf b = safetensors("{\"__metadata__\":{\"format\":\"pt\"},"
                        "\"b\":{\"dtype\":\"BF16\",\"shape\":[2,2],\"data_offsets\":[24,32]},"
                        "\"bn.num_batches_tracked\":{\"dtype\":\"I64\",\"shape\":[],\"data_offsets\":[32,40]},"
                        "\"a\":{\"dtype\":\"F32\",\"shape\":[2,3],\"data_offsets\":[0,24]}}   ", 40);
    Graph *g = graph("a b", "f32[2,3]", "f32[2,2]");
    Weights w;
    CU_ASSERT_FATAL(bind(&b, g, false, &w));
    const Tensor *a = constant(g, "a");
    uint8_t want[32];
    sha256(b.s, b.n, want);
    CU_ASSERT(!memcmp(want, w.sha256, 32));
    CU_ASSERT_EQUAL(a->stored, DT_F32);
    CU_ASSERT(!memcmp(a->data, b.s + b.n - 40, 24));
    CU_ASSERT_EQUAL(constant(g, "b")->stored, DT_BF16);
    CU_ASSERT(!memcmp(constant(g, "b")->data, b.s + b.n - 16, 8));
    weights_close(&w);
    buf_free(&b);
}

static void test_safetensors_bad(void)
{
#define T(dtype, shape, offsets) "{\"a\":{\"dtype\":\"" dtype "\",\"shape\":" shape ",\"data_offsets\":" offsets "}}"
    static const char *const bad[][2] = {
        {T("F31", "[2]", "[0,8]"), "cannot read numbers of dtype 'F31'"},
        {T("F32", "[2]", "[8,0]"), "[8, 0] are not a range"},
        {T("F32", "[2]", "[-8,0]"), "are not a range"},
        {T("F32", "[2]", "[40,48]"), "beyond the file's 40 bytes"},
        {T("F32", "[2]", "[0,4]"), "span 4 bytes, f32[2] takes 8"},
        {T("F32", "[2]", "[0,12]"), "span 12 bytes, f32[2] takes 8"},
        {T("F32", "[2]", "[0,8,9]"), "not two numbers"},
        {T("F32", "[2]", "[0,8.0]"), "not two numbers"},
        {T("F32", "[-2]", "[0,8]"), "something else than sizes"},
        {T("F32", "[1e1]", "[0,8]"), "something else than sizes"},
        {T("F32", "2", "[0,8]"), "is not a list"},
        {T("F32", "[4294967296,4294967296]", "[0,8]"), "too large"},
        {T("F32", "[9223372036854775807,3]", "[0,8]"), "too large"},
        {T("F32", "[1,1,1,1,1,1,1,1,2]", "[0,8]"), "9 dimensions"},
        {T("F32", "[99999999999999999999]", "[0,8]"), "too big integer"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]},"
         "\"b\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[4,12]}}", "tensor 'b': it shares bytes with 'a'"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]},"
         "\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[8,16]}}", "duplicate object key"},
        {"{\"a\":{\"shape\":[2],\"data_offsets\":[0,8]}}", "it has no 'dtype'"},
        {"{\"a\":[1]}", "not an object"},
        {"{\"a\\n\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}}", "control character"},
        {"{\"\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}}", "without a name"},
        {"{\"a\":\n {\"dtype\" \"F32\"}}", ":2:15: error: header: ':' expected near '\"F32\"'"},
        {"[1]", "unknown kind"},
    };
    for (int i = 0; i < LEN(bad); i++) {
        Buf b = safetensors(bad[i][0], 40);
        Weights w;
        listen();
        CU_ASSERT(!bind(&b, graph("a", "f32[2]"), true, &w));
        CU_ASSERT(heard(bad[i][1]));
        buf_free(&b);
    }
    Buf b = safetensors(T("F32", "[2]", "[0,8]"), 8);
    Weights w;
    CU_ASSERT(bind(&b, graph("a", "f32[2]"), false, &w));
    weights_close(&w);
    Buf cut = {.s = b.s, .n = 40};
    listen();
    CU_ASSERT(!bind(&cut, graph("a", "f32[2]"), false, &w));
    CU_ASSERT(heard("longer than the file"));
    b.s[7] = 0x10;
    listen();
    CU_ASSERT(!bind(&b, graph("a", "f32[2]"), false, &w));
    CU_ASSERT(heard("which is the limit here"));
    listen();
    CU_ASSERT(!bind(&(Buf){.s = b.s}, graph("a", "f32[2]"), false, &w));
    CU_ASSERT(heard("is empty"));
    buf_free(&b);
#undef T
}

static void test_report(void)
{
    Buf b = safetensors("{\"fc.weight\":{\"dtype\":\"F32\",\"shape\":[2,2],\"data_offsets\":[0,16]},"
                        "\"layer1.0.se.down.weight\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[16,20]}}", 20);
    static const char spec[] = "a\nb\nc\n";
    Weights w;
    for (int surplus = 0; surplus < 2; surplus++) {
        listen();
        Graph *g = graph_new(arena, "g");
        int f = diag_file("specs/modules/se.yaml", spec, sizeof spec - 1);
        Type t = type_make(DT_F32, 4, (int64_t[]){4, 64, 1, 1}), bias = type_make(DT_F32, 1, (int64_t[]){4}),
             fc = type_make(DT_F32, 2, (int64_t[]){3, 2});
        graph_const(g, "layer1.0.se.fc1.weight", t, (Loc){f, 2, 1, 1});
        graph_const(g, "layer1.0.se.fc1.bias", bias, (Loc){f, 2, 1, 1});
        graph_const(g, "fc.weight", fc, (Loc){0});
        CU_ASSERT(!bind(&b, g, surplus, &w));
        CU_ASSERT_EQUAL(diag_errors(), 1);
        CU_ASSERT(heard(arena_printf(arena, surplus ?
            "%s: error: 2 tensors are missing, 1 has another shape\n"
            "  missing   layer1.0.se.fc1.weight  f32[4,64,1,1]  (specs/modules/se.yaml:2)"
            "  the file has 'layer1.0.se.down.weight'\n"
            "  missing   layer1.0.se.fc1.bias    f32[4]\n"
            "  shape     fc.weight               f32[2,2] in the file, f32[3,2] expected\n" :
            "%s: error: 2 tensors are missing, 1 has another shape, 1 is not used\n"
            "  missing   layer1.0.se.fc1.weight  f32[4,64,1,1]  (specs/modules/se.yaml:2)\n"
            "  missing   layer1.0.se.fc1.bias    f32[4]\n"
            "  shape     fc.weight               f32[2,2] in the file, f32[3,2] expected\n"
            "  not used  layer1.0.se.down.weight  did you mean 'layer1.0.se.fc1.weight'?\n", path)));
    }
    Graph *g = graph("fc.weight", "f32[2,2]");
    CU_ASSERT(bind(&b, g, true, &w));
    weights_close(&w);
    listen();
    g = graph("fc.weight", "f32[2,2]");
    CU_ASSERT(!bind(&b, g, false, &w));
    CU_ASSERT(heard(": error: 1 tensor is not used\n"));
    buf_free(&b);
}

static void check_not_finite(const char *dtype, const void *bytes, int size, const char *want)
{
    char *header = arena_printf(arena, "{\"a\":{\"dtype\":\"%s\",\"shape\":[2,3],\"data_offsets\":[0,%d]}}", dtype,
                                size * 6);
    Buf b = safetensors(header, 0);
    for (int i = 0; i < 6; i++)
        buf_write(&b, i == 4 ? bytes : "\0\0\0\0\0\0\0\0", (size_t)size);
    Weights w;
    listen();
    CU_ASSERT(!bind(&b, graph("a", "f32[2,3]"), false, &w));
    CU_ASSERT(heard(want));
    buf_free(&b);
}

static void test_finite(void)
{
    check_not_finite("F32", "\0\0\xc0\x7f", 4, "tensor 'a' holds NaN at [1,1]");
    check_not_finite("F32", "\0\0\x80\xff", 4, "tensor 'a' holds infinity at [1,1]");
    check_not_finite("BF16", "\xc0\x7f", 2, "tensor 'a' holds NaN at [1,1]");
    check_not_finite("F16", "\x00\x7c", 2, "tensor 'a' holds infinity at [1,1]");
    check_not_finite("F64", "\0\0\0\0\0\0\xf0\x7f", 8, "tensor 'a' holds infinity at [1,1]");
    check_not_finite("F64", "\0\0\0\0\0\0\xf0\x7e", 8, "tensor 'a' holds a number too large for f32 at [1,1]");
}

/* ---- random ---- */

static double moment(const Tensor *t, int power)
{
    double s = 0;
    int64_t n = type_elems(&t->type);
    for (int64_t i = 0; i < n; i++)
        s += power == 1 ? tensor_at(t, i) : tensor_at(t, i) * tensor_at(t, i);
    return s / (double)n;
}

static void check_range(const Tensor *t, double lo, double hi)
{
    double least = tensor_at(t, 0), most = least;
    for (int64_t i = 0; i < type_elems(&t->type); i++) {
        least = fmin(least, tensor_at(t, i));
        most = fmax(most, tensor_at(t, i));
    }
    CU_ASSERT(least >= lo && most < hi);
    CU_ASSERT(most - least > 0.9 * (hi - lo));
}

static void test_random(void)
{
    Graph *g = graph("c.weight bn.weight bn.bias bn.running_mean bn.running_var e.alpha e.beta", "f32[64,32,3,3]",
                     "f32[1000]", "f32[1000]", "f32[1000]", "f32[1000]", "f32[1000]", "f32[1000]");
    Weights w;
    CU_ASSERT_FATAL(weights_bind(arena, g, "random:7", &(WeightsOptions){0}, &w));
    const Tensor *c = constant(g, "c.weight");
    CU_ASSERT_DOUBLE_EQUAL(moment(c, 1), 0, 0.003);
    CU_ASSERT_DOUBLE_EQUAL(moment(c, 2) / (2.0 / 288), 1, 0.05);
    check_range(constant(g, "bn.weight"), 0.25, 0.75);
    check_range(constant(g, "bn.running_var"), 0.5, 1.5);
    check_range(constant(g, "e.alpha"), 0.5, 1.5);
    check_range(constant(g, "e.beta"), -0.1, 0.1);
    CU_ASSERT_DOUBLE_EQUAL(moment(constant(g, "bn.bias"), 2), 0.01, 0.002);
    CU_ASSERT_DOUBLE_EQUAL(moment(constant(g, "bn.running_mean"), 2), 0.01, 0.002);
    CU_ASSERT(tensor_at(constant(g, "bn.bias"), 0) != tensor_at(constant(g, "bn.running_mean"), 0));
    uint8_t h[32];
    sha256("random:7", 8, h);
    CU_ASSERT(!memcmp(h, w.sha256, 32));
    weights_close(&w);
    /* the numbers are a promise to every machine */
    uint8_t all[32];
    char hex[65];
    sha256(c->data, sizeof(float) * (size_t)type_elems(&c->type), all);
    sha256_hex(all, hex);
    CU_ASSERT_STRING_EQUAL(hex, "4e0e8675111919169bffa9baa7cb57eb8b42280d8642c6fc8e99688c203e72f9");
    static const char *const bad[] = {"random:", "random:-1", "random:x", "random:1x", "random:18446744073709551616"};
    for (int i = 0; i < LEN(bad); i++) {
        listen();
        CU_ASSERT(!weights_bind(arena, g, bad[i], &(WeightsOptions){0}, &w));
        CU_ASSERT(heard("the seed must be a number"));
    }
}

void suite_weights(void)
{
    CU_pSuite s = CU_add_suite("weights", setup, teardown);
    CU_add_test(s, "types", test_types);
    CU_add_test(s, "stored numbers", test_stored);
    CU_add_test(s, "safetensors", test_safetensors);
    CU_add_test(s, "bad safetensors", test_safetensors_bad);
    CU_add_test(s, "differences", test_report);
    CU_add_test(s, "NaN and infinity", test_finite);
    CU_add_test(s, "random weights", test_random);
}
