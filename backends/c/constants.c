/* Weights: arrays in NAME_weights.h, or one blob of constants at multiples of 64 bytes that the assembler includes or the
   caller maps. */
#include "c.h"

#include <string.h>

enum { BLOB_ALIGN = 64, NUMBERS_PER_LINE = 12 };

void c_array(CFile *c, Buf *b, const char *name, const Type *t, const void *data, int align)
{
    Tensor x = {.type = *t, .stored = t->dtype, .data = data};
    int64_t n = type_elems(t);
    buf_printf(b, "static const %s %s[%lld]", c_dtype(t->dtype), name, (long long)n);
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
    buf_printf(b, "#define CONST(type, offset) ((const type *)(const void *)((const unsigned char *)%s + (offset)))\n",
               blob);
    for (int i = 0; i < c->p->buf.n; i++) {
        const PBuf *p = &c->p->buf.v[i];
        if (p->kind == BUF_CONST)
            buf_printf(b, "#define %-24s CONST(%s, %lld)   /* %s */\n", c->buf[i], c_dtype(p->type.dtype),
                       (long long)c->offset[i], type_text(c->A, &p->type));
    }
    buf_putc(b, '\n');
}

void c_constants(CFile *c, Buf *b)
{
    if (c->o->weights_as != WEIGHTS_C) {
        if (c->o->weights_as == WEIGHTS_ASM)
            buf_printf(b, "extern const unsigned char %s_weights[] __attribute__((visibility(\"hidden\")));\n",
                       c->model);
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
        c_array(c, b, c->buf[i], &p->type, p->data, c->o->target->lanes > 1 ? p->align : 1);
        buf_putc(b, '\n');
    }
}

static bool asm_file(CFile *c, OutDir *dir)
{
    Buf b = {0};
    buf_printf(&b,
               "/* The weights of %s as the assembler includes them: %s.bin, looked for in the working directory and\n"
               "   then in the folders of -I. -D%s_BIN='\"path\"' names another place. For ELF, by GNU's or LLVM's\n"
               "   assembler. */\n"
               "#ifndef %s_BIN\n#define %s_BIN \"%s.bin\"\n#endif\n"
               "    .section .rodata\n    .balign %d\n    .globl %s_weights\n    .hidden %s_weights\n"
               "    .type %s_weights, %%object\n%s_weights:\n    .incbin %s_BIN\n"
               "    .size %s_weights, . - %s_weights\n    .section .note.GNU-stack, \"\", %%progbits\n",
               c->model, c->model, c->MODEL, c->MODEL, c->MODEL, c->model, BLOB_ALIGN, c->model, c->model, c->model,
               c->model, c->MODEL, c->model, c->model);
    bool ok = outdir_add(dir, arena_printf(c->A, "%s_weights.S", c->model), b.s, b.n);
    buf_free(&b);
    return ok;
}

typedef VEC(Piece) Pieces;

/* Zeros up to an offset. */
static void pad_to(CFile *c, Pieces *v, int64_t *at, int64_t offset)
{
    static const char zeros[BLOB_ALIGN];
    for (; *at < offset; *at += imin(BLOB_ALIGN, offset - *at))
        PUSH(c->A, v, ((Piece){zeros, (size_t)imin(BLOB_ALIGN, offset - *at)}));
}

bool c_blob(CFile *c, OutDir *dir)
{
    if (c->o->weights_as == WEIGHTS_C)
        return true;
    Pieces v = {0};
    int64_t at = 0;
    for (int i = 0; i < c->p->buf.n; i++) {
        const PBuf *p = &c->p->buf.v[i];
        if (p->kind != BUF_CONST)
            continue;
        if (!p->data)
            bug("C backend: constant @%s has no numbers", p->name);
        pad_to(c, &v, &at, c->offset[i]);
        int64_t bytes = type_elems(&p->type) * dtype_size(p->type.dtype);
        PUSH(c->A, &v, ((Piece){p->data, (size_t)bytes}));
        at += bytes;
    }
    pad_to(c, &v, &at, c->blob_bytes);
    bool ok = outdir_add_pieces(dir, arena_printf(c->A, "%s.bin", c->model), v.v, v.n);
    return ok && (c->o->weights_as != WEIGHTS_ASM || asm_file(c, dir));
}

void c_layout_blob(CFile *c)
{
    c->offset = NEW(c->A, int64_t, c->p->buf.n + 1);
    for (int i = 0; i < c->p->buf.n; i++) {
        const PBuf *p = &c->p->buf.v[i];
        if (p->kind != BUF_CONST || c->o->weights_as == WEIGHTS_C)
            continue;
        c->offset[i] = c->blob_bytes;
        c->blob_bytes = round_up(c->blob_bytes + type_elems(&p->type) * dtype_size(p->type.dtype), BLOB_ALIGN);
    }
}
