/* NAME_selftest.c: the model against a recorded input and output, on a host or a board. */
#include "c.h"

/* The file's own names. Like the model's they begin with its name: see inner in file.c. */
typedef struct Test {
    CFile *c;
    const char **port, **want; /* arrays of an input or output, and of what an output should be */
    const char *arena, *compare;
} Test;

static Test names(CFile *c)
{
    int n = c->p->buf.n;
    Test t = {.c = c, .port = NEW(c->A, const char *, n + 1), .want = NEW(c->A, const char *, n + 1)};
    for (int i = 0; i < n; i++) {
        bool input = c->p->buf.v[i].kind == BUF_INPUT;
        t.port[i] = arena_printf(c->A, "%s_selftest_%s%d", c->model, input ? "in" : "out", i);
        t.want[i] = arena_printf(c->A, "%s_selftest_want%d", c->model, i);
    }
    t.arena = arena_printf(c->A, "%s_selftest_arena", c->model);
    t.compare = arena_printf(c->A, "%s_selftest_compare", c->model);
    return t;
}

static void arrays(const Test *t, Buf *b, const float *const *in, const float *const *out)
{
    CFile *c = t->c;
    for (int i = 0, ni = 0, no = 0; i < c->p->buf.n; i++) {
        const PBuf *p = &c->p->buf.v[i];
        if (p->kind == BUF_CONST)
            continue;
        buf_printf(b, "/* %s */\n", p->name);
        if (p->kind == BUF_INPUT) {
            c_array(c, b, "", t->port[i], &p->type, in[ni++], 1);
        } else {
            c_array(c, b, "", t->want[i], &p->type, out[no++], 1);
            buf_printf(b, "static %s %s[%s];\n", c_dtype(p->type.dtype), t->port[i], c->elems[i]);
        }
    }
    if (c->p->arena_bytes)
        buf_printf(b, "static unsigned char %s[%s_ARENA_BYTES]\n    __attribute__((aligned(%s_ARENA_ALIGN)));\n",
                   t->arena, c->MODEL, c->MODEL);
}

static void compare_function(const Test *t, Buf *b, double tol)
{
    buf_printf(b, "\n/* 0 where each element is within the limit of the largest finite magnitude, else 1; NaN and\n"
                  "   infinities fit their like. */\n"
                  "static int %s(const char *name, const float *got, const float *want, size_t n)\n{\n"
                  "    const float limit = ", t->compare);
    c_number(t->c, b, DT_F32, tol);
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

static void test_function(const Test *t, Buf *b)
{
    CFile *c = t->c;
    bool file = c->o->weights_as == WEIGHTS_FILE;
    const char *param = file ? "const void *blob" : "void";
    buf_printf(b, "\n#ifdef __cplusplus\nextern \"C\"\n#endif\nint %s_selftest(%s);\n\n"
                  "int %s_selftest(%s)\n{\n    int bad = %s_run(", c->model, param, c->model, param, c->model);
    for (BufKind kind = BUF_INPUT; kind <= BUF_OUTPUT; kind++)
        for (int i = 0; i < c->p->buf.n; i++)
            if (c->p->buf.v[i].kind == kind)
                c_wrap(b, 8, arena_printf(c->A, "%s, ", t->port[i]));
    c_wrap(b, 8, arena_printf(c->A, "%s%s) != DSQ_OK;", c->p->arena_bytes ? t->arena : "NULL", file ? ", blob" : ""));
    buf_putc(b, '\n');
    for (int i = 0; i < c->p->buf.n; i++)
        if (c->p->buf.v[i].kind == BUF_OUTPUT)
            buf_printf(b, "    bad |= %s(\"%s\", %s,\n        %s, %s);\n", t->compare, c->p->buf.v[i].name, t->port[i],
                       t->want[i], c->elems[i]);
    buf_puts(b, "    return bad;\n}\n");
}

/* The contents of a file are at a multiple of 64 bytes, and may be more than a program can hold itself. */
static void main_function(const Test *t, Buf *b)
{
    CFile *c = t->c;
    if (c->o->weights_as != WEIGHTS_FILE) {
        buf_printf(b, "\n#ifndef DSQ_SELFTEST_NO_MAIN\nint main(void)\n{\n    return %s_selftest();\n}\n#endif\n",
                   c->model);
        return;
    }
    buf_printf(b, "\n#if defined DSQ_SELFTEST_STDIO && !defined DSQ_SELFTEST_NO_MAIN\n"
                  "#include <stdint.h>\n#include <stdlib.h>\n\n"
                  "int main(void)\n{\n"
                  "    const size_t bytes = %s_WEIGHTS_BYTES;\n"
                  "    unsigned char *memory = (unsigned char *)malloc(bytes + 64), *blob = memory;\n"
                  "    FILE *f = fopen(\"%s.bin\", \"rb\");\n"
                  "    if (!memory || !f)\n        return 1;\n"
                  "    blob += (64 - (uintptr_t)blob %% 64) %% 64;\n"
                  "    if (fread(blob, 1, bytes, f) != bytes) {\n        printf(\"%s.bin: cannot be read\\n\");\n"
                  "        return 1;\n    }\n"
                  "    fclose(f);\n"
                  "    return %s_selftest(blob);\n}\n#endif\n",
               c->MODEL, c->model, c->model, c->model);
}

bool backend_c_selftest(const Program *p, const BackendOptions *o, const float *const *in, const float *const *out,
                        double tol, OutDir *dir)
{
    Arena *A = arena_new();
    CFile c = c_file(A, p, o);
    Test t = names(&c);
    Buf b = {0}, data = {0};
    arrays(&t, &data, in, out);
    buf_printf(&b, "/* %s_selftest.c: runs %s on a recorded input and compares with the recorded output; 0 where they\n"
                   "   agree. Freestanding; -DDSQ_SELFTEST_STDIO prints what was found, -DDSQ_SELFTEST_NO_MAIN leaves\n"
                   "   main out. */\n"
                   "#include \"%s.h\"\n\n#ifdef DSQ_SELFTEST_STDIO\n#include <stdio.h>\n#endif\n",
               c.model, c.model, c.model);
    c_special_macros(&c, &b);
    buf_putc(&b, '\n');
    buf_write(&b, data.s, data.n);
    compare_function(&t, &b, tol);
    test_function(&t, &b);
    main_function(&t, &b);
    bool ok = outdir_add(dir, arena_printf(A, "%s_selftest.c", c.model), b.s, b.n);
    buf_free(&b);
    buf_free(&data);
    c_file_free(&c);
    arena_free(A);
    return ok;
}
