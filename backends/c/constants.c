/* Weights are arrays in NAME_weights.h, or one blob of constants at multiples of 64 bytes. The assembler includes the
   blob, or the caller maps it. */
#include "c.h"

#include <string.h>

enum { NUMBERS_PER_LINE = 12 };

void c_array(CFile *c, Buf *b, const char *before, const char *name, const Type *t, const void *data, int align)
{
    Tensor x = {.type = *t, .stored = t->dtype, .data = data};
    int64_t n = type_elems(t);
    buf_printf(b, "%sstatic const %s %s[%lld]", before, c_dtype(t->dtype), name, (long long)n);
    if (align > dtype_size(t->dtype))
        buf_printf(b, " __attribute__((aligned(%d)))", align);
    buf_puts(b, " = {");
    size_t start = 0;
    Buf s = {0};
    for (int64_t i = 0, on_line = 0; i < n; i++, on_line++) {
        s.n = 0;
        c_number(c, &s, t->dtype, tensor_at(&x, i));
        if (i == 0 || on_line == NUMBERS_PER_LINE || b->n - start + s.n + 2 > COLUMNS) {
            buf_puts(b, "\n   ");
            start = b->n - 3;
            on_line = 0;
        }
        buf_printf(b, " %s,", s.s);
    }
    buf_puts(b, "\n};\n");
    buf_free(&s);
}

static void macros(CFile *c, Buf *b)
{
    const char *blob = c->o->weights_as == WEIGHTS_FILE ? c->weights : arena_printf(c->A, "%s_weights", c->model);
    buf_printf(b, "#define %s_CONST(type, offset) \\\n"
                  "    ((const type *)(const void *)((const unsigned char *)%s + (offset)))\n", c->MODEL, blob);
    for (int i = 0; i < c->p->buf.n; i++) {
        const PBuf *p = &c->p->buf.v[i];
        if (p->kind == BUF_CONST)
            buf_printf(b, "#define %-24s %s_CONST(%s, %lld)   /* %s */\n", c->buf[i], c->MODEL, c_dtype(p->type.dtype),
                       (long long)c->blob.at[i], type_text(c->A, &p->type));
    }
    buf_putc(b, '\n');
}

void c_constants(CFile *c, Buf *b)
{
    if (c->o->weights_as != WEIGHTS_C) {
        if (c->o->weights_as == WEIGHTS_ASM)
            buf_printf(b, "#ifdef __cplusplus\nextern \"C\"\n#else\nextern\n#endif\n"
                          "const unsigned char %s_weights[]\n"
                          "#if !defined _WIN32 && !defined __CYGWIN__\n"
                          "    __attribute__((visibility(\"hidden\")))\n#endif\n    ;\n", c->model);
        macros(c, b);
        return;
    }
    for (int i = 0; i < c->p->buf.n; i++) {
        const PBuf *p = &c->p->buf.v[i];
        if (p->kind != BUF_CONST)
            continue;
        if (!p->data)
            bug("C backend: constant @%s has no numbers", p->name);
        buf_printf(b, "/* %s */\n", type_text(c->A, &p->type));
        c_array(c, b, "DSQ_WEIGHTS_SECTION ", c->buf[i], &p->type, p->data,
                c->o->target->lanes > 1 ? p->align : 1);
        buf_putc(b, '\n');
    }
}

/* One text for ELF, Mach-O and PE. Symbols begin as those of C do there. */
static bool asm_file(CFile *c, OutDir *dir)
{
    Buf b = {0};
    const char *m = c->model, *M = c->MODEL;
    buf_printf(&b,
               "/* %s_weights.S: the weights of %s, which the assembler includes: GNU's or LLVM's, for ELF,\n"
               "   Mach-O or PE. It looks for %s.bin in the working directory and the folders of -I;\n"
               "   -D%s_BIN='\"path\"' names another place.\n"
               "   -DDSQ_WEIGHTS_ASM_SECTION='.section .ext_flash,\"a\"' puts them into a section of yours. */\n"
               "#ifndef %s_BIN\n#define %s_BIN \"%s.bin\"\n#endif\n"
               "#if defined DSQ_WEIGHTS_SECTION && !defined DSQ_WEIGHTS_ASM_SECTION\n"
               "#error \"DSQ_WEIGHTS_SECTION is for arrays of C; here DSQ_WEIGHTS_ASM_SECTION is a directive\"\n"
               "#endif\n\n",
               m, m, m, M, M, M, m);
    buf_puts(&b,
             "#if defined __APPLE__ || ((defined _WIN32 || defined __CYGWIN__) && defined __i386__)\n"
             "#define DSQ_SYMBOL(name) _##name\n#else\n#define DSQ_SYMBOL(name) name\n#endif\n\n"
             "#if defined DSQ_WEIGHTS_ASM_SECTION\n    DSQ_WEIGHTS_ASM_SECTION\n"
             "#elif defined __APPLE__\n    .section __TEXT,__const\n"
             "#elif defined _WIN32 || defined __CYGWIN__\n    .section .rdata,\"dr\"\n"
             "#else\n    .section .rodata\n#endif\n");
    const char *symbol = arena_printf(c->A, "DSQ_SYMBOL(%s_weights)", m);
    buf_printf(&b,
               "    .balign %d\n    .globl %s\n#if defined __APPLE__\n    .private_extern %s\n"
               "#elif defined __ELF__\n    .hidden %s\n    .type %s, %%object\n#endif\n"
               "%s:\n    .incbin %s_BIN\n"
               "#if defined __ELF__\n    .size %s, . - %s\n    .section .note.GNU-stack, \"\", %%progbits\n#endif\n",
               BLOB_ALIGN, symbol, symbol, symbol, symbol, symbol, M, symbol, symbol);
    bool ok = outdir_add(dir, arena_printf(c->A, "%s_weights.S", m), b.s, b.n);
    buf_free(&b);
    return ok;
}

static int64_t pad(OutFile *f, int64_t from, int64_t to)
{
    static const char zeros[BLOB_ALIGN];
    for (; from < to; from += imin(BLOB_ALIGN, to - from))
        out_write(f, zeros, (size_t)imin(BLOB_ALIGN, to - from));
    return to;
}

bool c_blob(CFile *c, OutDir *dir)
{
    if (c->o->weights_as == WEIGHTS_C)
        return true;
    OutFile *f = outdir_begin(dir, arena_printf(c->A, "%s.bin", c->model));
    int64_t at = 0;
    for (int i = 0; f && i < c->p->buf.n; i++) {
        const PBuf *p = &c->p->buf.v[i];
        if (p->kind != BUF_CONST)
            continue;
        if (!p->data)
            bug("C backend: constant @%s has no numbers", p->name);
        int64_t n = type_elems(&p->type) * dtype_size(p->type.dtype);
        at = pad(f, at, c->blob.at[i]) + n;
        out_write(f, p->data, (size_t)n);
    }
    if (f)
        pad(f, at, c->blob.bytes);
    return outdir_end(dir, f) && (c->o->weights_as != WEIGHTS_ASM || asm_file(c, dir));
}
