/* The function that hands ranges of a shared loop to a kernel, and its arguments. */
#include "c.h"

#include <string.h>

/* A call of a function of the kernel with the members of args, and more. */
static void call_with_members(CFile *c, Buf *out, int indent, const char *name, const Kernel *k, const char *more)
{
    Names member = names_new(c->A, c->isa, &c->global); /* constants may be macros */
    indent += (int)strlen(name) + 1;
    buf_printf(out, "%s(", name);
    for (int i = 0; i < k->param.n; i++)
        c_wrap(out, indent, arena_printf(c->A, "a->%s%s", names_take(&member, k->param.v[i].name),
                                         *more || i < k->param.n - 1 ? ", " : ");"));
    if (*more)
        c_wrap(out, indent, more);
}

void c_part_function(CFile *c, Buf *out, int kernel)
{
    const Kernel *k = &c->p->kernel.v[kernel];
    const KernelText *t = &c->kernel[kernel];
    Names member = names_new(c->A, c->isa, &c->global); /* constants may be macros */
    buf_printf(out, "\nstruct %s {\n", t->args_name);
    for (int i = 0; i < k->param.n; i++) {
        const KParam *p = &k->param.v[i];
        buf_printf(out, "    %s%s *%s;\n", c_readonly(p->access), c_dtype(p->elem), names_take(&member, p->name));
    }
    buf_printf(out, "};\n\nstatic void %s(void *arg, size_t begin, size_t end)\n{\n", t->part_name);
    buf_printf(out, "    const struct %s *a = (const struct %s *)arg;\n", t->args_name, t->args_name);
    const char *begin = "begin", *end = "end";
    if (c_flush_type(c))
        buf_printf(out, "    const %s mode = flush_begin();\n", c_flush_type(c));
    if (t->beside) {
        buf_puts(out, "    if (begin == 0)\n        ");
        call_with_members(c, out, 8, t->head_name, k, "");
        buf_putc(out, '\n');
        begin = "(begin - (begin > 0))", end = "(end - 1)";
    }
    buf_puts(out, "    ");
    call_with_members(c, out, 4, t->name, k, arena_printf(c->A, "(%s)%s, (%s)%s);", t->index, begin, t->index, end));
    buf_puts(out, c_flush_type(c) ? "\n    flush_set(mode);\n}\n" : "\n}\n");
}
