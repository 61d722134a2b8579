/* NAME_selftest.c: the model against a recorded input and output, on a host or a board. */
#include "c.h"

static void arrays(CFile *c, Buf *b, const float *const *in, const float *const *out, const char **want)
{
    for (int i = 0, ni = 0, no = 0; i < c->p->buf.n; i++) {
        const PBuf *p = &c->p->buf.v[i];
        if (p->kind == BUF_INPUT)
            c_array(c, b, c->buf[i], &p->type, in[ni++], 1);
        else if (p->kind == BUF_OUTPUT) {
            c_array(c, b, want[i], &p->type, out[no++], 1);
            buf_printf(b, "static %s %s[%s];\n", c_dtype(p->type.dtype), c->buf[i], c->elems[i]);
        }
    }
    if (c->p->arena_bytes)
        buf_printf(b, "static unsigned char %s[%s_ARENA_BYTES] __attribute__((aligned(%s_ARENA_ALIGN)));\n",
                   c->arena, c->MODEL, c->MODEL);
}

static void compare_function(CFile *c, Buf *b, double tol)
{
    buf_puts(b, "\n/* 0 where each element is within the limit of the largest finite magnitude, else 1; NaN and\n"
                "   infinities fit their like. */\n"
                "static int compare(const char *name, const float *got, const float *want, size_t n)\n{\n"
                "    const float limit = ");
    c_number(c, b, DT_F32, tol);
    buf_puts(b, ";\n"
                "    float largest = 0.0f, error = 0.0f;\n    int bad = 0;\n"
                "    for (size_t i = 0; i < n; i++) {\n"
                "        float m = want[i] < 0.0f ? -want[i] : want[i];\n"
                "        if (m > largest && m - m == 0.0f)\n"
                "            largest = m;\n    }\n"
                "    for (size_t i = 0; i < n; i++) {\n"
                "        float d = got[i] > want[i] ? got[i] - want[i] : want[i] - got[i];\n"
                "        error = d > error ? d : error;\n"
                "        bad |= !(d <= limit*largest || got[i] == want[i] ||\n"
                "                 (got[i] != got[i] && want[i] != want[i]));\n    }\n"
                "#ifdef DSQ_SELFTEST_STDIO\n"
                "    printf(\"%s: largest error %g, largest magnitude %g: %s\\n\", name, (double)error,\n"
                "           (double)largest, bad ? \"FAILED\" : \"ok\");\n"
                "#else\n    (void)name;\n#endif\n    return bad;\n}\n");
}

static void test_function(CFile *c, Buf *b, const char *const *want)
{
    bool file = c->o->weights_as == WEIGHTS_FILE;
    const char *param = file ? arena_printf(c->A, "const void *%s", c->weights) : "void";
    buf_printf(b, "\nint %s_selftest(%s);\nint %s_selftest(%s)\n{\n    int bad = %s_run(", c->model, param, c->model,
               param, c->model);
    for (BufKind kind = BUF_INPUT; kind <= BUF_OUTPUT; kind++)
        for (int i = 0; i < c->p->buf.n; i++)
            if (c->p->buf.v[i].kind == kind)
                c_wrap(b, 8, arena_printf(c->A, "%s, ", c->buf[i]));
    c_wrap(b, 8, arena_printf(c->A, "%s%s%s) != DSQ_OK;", c->p->arena_bytes ? c->arena : "NULL", file ? ", " : "",
                              file ? c->weights : ""));
    buf_putc(b, '\n');
    for (int i = 0; i < c->p->buf.n; i++)
        if (want[i])
            buf_printf(b, "    bad |= compare(\"%s\", %s, %s, %s);\n", c->buf[i], c->buf[i], want[i], c->elems[i]);
    buf_puts(b, "    return bad;\n}\n");
}

static void main_function(CFile *c, Buf *b)
{
    if (c->o->weights_as != WEIGHTS_FILE) {
        buf_printf(b, "\n#ifndef DSQ_SELFTEST_NO_MAIN\nint main(void)\n{\n    return %s_selftest();\n}\n#endif\n",
                   c->model);
        return;
    }
    buf_printf(b, "\n#if defined DSQ_SELFTEST_STDIO && !defined DSQ_SELFTEST_NO_MAIN\n"
                  "static unsigned char blob[%s_WEIGHTS_BYTES] __attribute__((aligned(64)));\n\n"
                  "int main(void)\n{\n"
                  "    FILE *f = fopen(\"%s.bin\", \"rb\");\n"
                  "    size_t n = f ? fread(blob, 1, sizeof blob, f) : 0;\n"
                  "    if (f)\n        fclose(f);\n"
                  "    if (n != sizeof blob) {\n        printf(\"%s.bin: cannot be read\\n\");\n"
                  "        return 1;\n    }\n"
                  "    return %s_selftest(blob);\n}\n#endif\n",
               c->MODEL, c->model, c->model, c->model);
}

bool backend_c_selftest(const Program *p, const BackendOptions *o, const float *const *in, const float *const *out,
                        double tol, OutDir *dir)
{
    Arena *A = arena_new();
    CFile c = c_file(A, p, o);
    const char **want = NEW(A, const char *, p->buf.n + 1);
    for (int i = 0; i < p->buf.n; i++)
        if (p->buf.v[i].kind == BUF_OUTPUT)
            want[i] = names_take(&c.global, arena_printf(A, "%s_expected", c.buf[i]));
    Buf b = {0}, data = {0};
    arrays(&c, &data, in, out, want);
    buf_printf(&b, "/* %s_selftest.c: runs %s on a recorded input and compares with the recorded output; 0 where they\n"
                   "   agree. Freestanding; -DDSQ_SELFTEST_STDIO prints what was found, -DDSQ_SELFTEST_NO_MAIN leaves\n"
                   "   main out. */\n"
                   "#include \"%s.h\"\n\n#ifdef DSQ_SELFTEST_STDIO\n#include <stdio.h>\n#endif\n",
               c.model, c.model, c.model);
    c_special_macros(&c, &b);
    buf_putc(&b, '\n');
    buf_write(&b, data.s, data.n);
    compare_function(&c, &b, tol);
    test_function(&c, &b, want);
    main_function(&c, &b);
    bool ok = outdir_add(dir, arena_printf(A, "%s_selftest.c", c.model), b.s, b.n);
    buf_free(&b);
    buf_free(&data);
    c_file_free(&c);
    arena_free(A);
    return ok;
}
