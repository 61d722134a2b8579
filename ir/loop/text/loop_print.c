/* The text form of the loop IR; loop_parse.c reads it, and reading what is printed gives the same program.

     program  = "program" "@"NAME "arena" INT "align" INT ["flush_to_zero"] "{" {buffer | kernel | call} "}"
     buffer   = "buffer" "%"NAME ":" TYPE ("input" | "output") ["align" INT]
              | "const" "@"NAME ":" TYPE ["align" INT] ["=" "[" NUMBER {"," NUMBER} "]"]
     call     = "call" "@"NAME "(" arg {"," arg} ")"
     arg      = ("%" | "@")NAME ["+" INT]              offset in elements
              | "arena" ["+" INT]                      offset in bytes
     kernel   = "kernel" "@"NAME [STRING] "(" param {"," param} ")" "{" {stmt} "}"
     param    = NAME ":" TYPE ("ro" | "wo" | "rw" | "const") ["alias"]
     stmt     = ["parallel"] "for" NAME ix ".." ix ["step" INT] "{" {stmt} "}"
              | "unroll" NAME ix ".." ix ["step" INT] "{" {stmt} "}"
              | "let" NAME ["[" INT {"," INT} "]"] ":" VT "=" expr
              | NAME ["[" ix {"," ix} "]"] "=" expr
              | "store" at ["first" INT] "=" expr
              | "index" NAME "=" at                    NAME is an index variable from here on
              | "prefetch" at
              | "ptr" NAME "=" "&" at                  afterwards NAME[i] is i elements further
              | "note" STRING                          a comment that reaches the generated code
              | "return" expr                          the last statement of a function
     function = "function" "@"NAME "(" NAME ":" VT {"," NAME ":" VT} ")" ":" VT "{" {stmt} "}"
     expr     = operand [":" VT]
     operand  = NUMBER | NAME ["[" ix {"," ix} "]"] | "load" at ["first" INT] | "index" "(" ix ")"
              | "lane" "(" expr "," INT ")" | OP "(" expr {"," expr} ")"     OP: a row of loop_op.def
     at       = NAME "[" ix {"," ix} "]"
     ix       = ["-"] product {("+" | "-") product}
     product  = unit {("*" | "/" | "%") unit}          one factor constant; divisors constant, division rounds down
     unit     = INT | NAME | "min" "(" ix "," ix ")" | "max" "(" ix "," ix ")" | "(" ix ")"
     VT       = f32, i32, f32x16, ...                  scalar or vector
     TYPE     = f32[2,24,16], ...
     NUMBER   = decimal | "inf" | "-inf" | "nan" | 0x...     hexadecimal: the bits of a float

   Functions stand in ir/loop/functions.loops alone.

   A ";" begins a comment that ends with the line. Types are written where they are not known from the register, from
   the let, from another operand or from the buffer: an expression of which nothing says how wide it is, is a scalar,
   and one of unknown element type is f32. "first 10": only so many elements are read or written. A name means the
   last definition in an enclosing block; parsing renames homonyms. */
#include "loop_print.h"

#include "../../lex.h"

/* The line that is being printed. */
static int line_now(Lines *l, const Buf *b)
{
    for (; l->counted < b->n; l->counted++)
        l->now += b->s[l->counted] == '\n';
    return l->now + 1;
}

static void line(LoopPrint *o)
{
    for (int i = 0; i < o->indent; i++)
        buf_puts(o->b, "  ");
}

/* ---- statements ---- */

static void print_block(LoopPrint *o, const Block *b);

static void print_for(LoopPrint *o, const Stmt *s)
{
    static const char *const word[] = {"for ", "unroll ", "parallel for "};
    buf_printf(o->b, "%s%s ", word[s->loop], o->k->var.v[s->var].name);
    ix_print(o->b, o->k, s->lo);
    buf_puts(o->b, "..");
    ix_print(o->b, o->k, s->hi);
    if (s->step != 1)
        buf_printf(o->b, " step %lld", (long long)s->step);
    buf_puts(o->b, " {\n");
    print_block(o, &s->body);
    line(o);
    buf_puts(o->b, "}\n");
}

static void print_let(LoopPrint *o, const Stmt *s)
{
    const Reg *r = &o->k->reg.v[s->ref];
    buf_printf(o->b, "let %s", r->name);
    for (int i = 0; i < r->rank; i++)
        buf_printf(o->b, "%s%lld%s", i ? "," : "[", (long long)r->dim[i], i + 1 == r->rank ? "]" : "");
    buf_puts(o->b, ": ");
    loop_print_vt(o->b, r->type);
}

static void print_stmt(LoopPrint *o, const Stmt *s)
{
    Buf *b = o->b;
    const Kernel *k = o->k;
    if (o->lines)
        PUSH(o->lines->A, &o->lines->stmt, line_now(o->lines, b));
    line(o);
    switch (s->kind) {
    case ST_FOR:
        print_for(o, s);
        return;
    case ST_LET:
    case ST_SET:
        if (s->kind == ST_LET) {
            print_let(o, s);
        } else {
            buf_puts(b, k->reg.v[s->ref].name);
            loop_print_indices(o, s->nix, s->ix);
        }
        buf_puts(b, " = ");
        loop_print_expr(o, s->val, (PartType){(int)k->reg.v[s->ref].type.elem, k->reg.v[s->ref].type.lanes});
        break;
    case ST_STORE:
        buf_puts(b, "store ");
        loop_print_at(o, s->ref, s->nix, s->ix);
        if (s->n != s->val->type.lanes)
            buf_printf(b, " first %d", s->n);
        buf_puts(b, " = ");
        loop_print_expr(o, s->val, (PartType){(int)k->param.v[ref_param(k, s->ref)].elem, 0});
        break;
    case ST_INDEX:
        buf_printf(b, "index %s = ", k->var.v[s->var].name);
        loop_print_at(o, s->ref, s->nix, s->ix);
        break;
    case ST_PTR:
        buf_printf(b, "ptr %s = &", k->ptr.v[s->ptr].name);
        loop_print_at(o, s->ref, s->nix, s->ix);
        break;
    case ST_PREFETCH:
        buf_puts(b, "prefetch ");
        loop_print_at(o, s->ref, s->nix, s->ix);
        break;
    case ST_COMMENT:
        buf_puts(b, "note ");
        lex_put_quoted(b, s->text);
        break;
    case ST_RETURN:
        buf_puts(b, "return ");
        loop_print_expr(o, s->val, (PartType){(int)s->val->type.elem, s->val->type.lanes});
        break;
    }
    buf_putc(b, '\n');
}

static void print_block(LoopPrint *o, const Block *b)
{
    o->indent++;
    for (int i = 0; i < b->n; i++)
        print_stmt(o, b->v[i]);
    o->indent--;
}

/* ---- kernels and programs ---- */

static void print_type(Buf *b, DType elem, int rank, const int64_t *dim)
{
    buf_puts(b, dtype_name(elem));
    buf_putc(b, '[');
    for (int i = 0; i < rank; i++)
        buf_printf(b, i ? ",%lld" : "%lld", (long long)dim[i]);
    buf_putc(b, ']');
}

static void print_kernel(Buf *b, const Kernel *k, int indent, Lines *lines)
{
    static const char *const access[] = {"ro", "wo", "rw", "const"};
    LoopPrint o = {b, k, indent, lines};
    line(&o);
    buf_printf(b, "kernel @%s ", k->name);
    if (k->title) {
        lex_put_quoted(b, k->title);
        buf_putc(b, ' ');
    }
    buf_putc(b, '(');
    for (int i = 0; i < k->param.n; i++) {
        const KParam *p = &k->param.v[i];
        buf_printf(b, "%s%s: ", i ? ", " : "", p->name);
        print_type(b, p->elem, p->rank, p->dim);
        buf_printf(b, " %s%s", access[p->access], p->alias ? " alias" : "");
    }
    buf_puts(b, ") {\n");
    print_block(&o, &k->body);
    line(&o);
    buf_puts(b, "}\n");
}

void kernel_print(Buf *b, const Kernel *k)
{
    print_kernel(b, k, 0, NULL);
}

static void print_buffer(Buf *b, const PBuf *p, bool data)
{
    buf_printf(b, p->kind == BUF_CONST ? "  const @%s : " : "  buffer %%%s : ", p->name);
    print_type(b, p->type.dtype, p->type.rank, p->type.dim);
    if (p->kind != BUF_CONST)
        buf_puts(b, p->kind == BUF_INPUT ? " input" : " output");
    if (p->align)
        buf_printf(b, " align %d", p->align);
    if (data && p->kind == BUF_CONST && p->data) {
        int64_t n = type_elems(&p->type);
        int size = dtype_size(p->type.dtype);
        for (int64_t i = 0; i < n; i++) {
            buf_puts(b, i == 0 ? " = [" : i % 16 == 0 ? ",\n    " : ", ");
            loop_print_element(b, p->type.dtype, (const char *)p->data + i * size);
        }
        buf_putc(b, ']');
    }
    buf_putc(b, '\n');
}

/* "; conv5, conv2d + bias + relu, direct f32[1,1024,7,7]": for the reader. */
static void print_call_note(Buf *b, const Call *c)
{
    const char *const part[] = {c->layers, c->op, c->epilogue, c->impl, c->shape};
    bool any = false;
    for (int i = 0; i < LEN(part); i++) {
        if (!part[i] || !*part[i])
            continue;
        buf_puts(b, any ? ", " : "  ; ");
        for (const char *s = part[i]; *s; s++)
            buf_putc(b, (unsigned char)*s < ' ' ? ' ' : *s);
        any = true;
    }
    if (c->macs)
        buf_printf(b, "%s%lld macs", any ? ", " : "  ; ", (long long)c->macs);
}

static void print_call(Buf *b, const Program *p, const Call *c)
{
    buf_printf(b, "  call @%s (", p->kernel.v[c->kernel].name);
    for (int i = 0; i < c->arg.n; i++) {
        const Arg *a = &c->arg.v[i];
        buf_puts(b, i ? ", " : "");
        if (a->buf == ARG_ARENA)
            buf_puts(b, "arena");
        else
            buf_printf(b, "%c%s", p->buf.v[a->buf].kind == BUF_CONST ? '@' : '%', p->buf.v[a->buf].name);
        if (a->offset)
            buf_printf(b, "+%lld", (long long)a->offset);
    }
    buf_putc(b, ')');
    print_call_note(b, c);
    buf_putc(b, '\n');
}

static void print_head(Buf *b, const Program *p, bool data)
{
    buf_printf(b, "program @%s arena %lld align %lld%s {\n", p->name, (long long)p->arena_bytes,
               (long long)p->arena_align, p->flush_to_zero ? " flush_to_zero" : "");
    for (int i = 0; i < p->buf.n; i++)
        print_buffer(b, &p->buf.v[i], data);
}

/* "  ; conv1 + bn1, specs/resnet.yaml:12" for every call of the kernel. */
static void print_origins(Arena *A, Buf *b, const Program *p, int kernel)
{
    for (int i = 0; i < p->call.n; i++) {
        const Call *c = &p->call.v[i];
        if (c->kernel != kernel)
            continue;
        buf_puts(b, "  ; ");
        for (const char *s = c->layers ? c->layers : c->op ? c->op : "call"; *s; s++)
            buf_putc(b, (unsigned char)*s < ' ' ? ' ' : *s);
        const char *place = loc_text(A, c->loc);
        buf_printf(b, "%s%s\n", *place ? ", " : "", place);
    }
}

LoopLines program_print_lines(Arena *A, Buf *b, const Program *p)
{
    LoopLines at = {NEW(A, int *, p->kernel.n + 1), NEW(A, int, p->kernel.n + 1), NEW(A, int, p->call.n + 1)};
    Lines lines = {.A = A, .counted = b->n};
    print_head(b, p, false);
    for (int i = 0; i < p->kernel.n; i++) {
        print_origins(A, b, p, i);
        at.kernel[i] = line_now(&lines, b);
        lines.stmt.v = NULL;
        lines.stmt.n = lines.stmt.cap = 0;
        print_kernel(b, &p->kernel.v[i], 1, &lines);
        at.stmt[i] = lines.stmt.v;
    }
    for (int i = 0; i < p->call.n; i++) {
        at.call[i] = line_now(&lines, b);
        print_call(b, p, &p->call.v[i]);
    }
    buf_puts(b, "}\n");
    return at;
}

void program_print(Buf *b, const Program *p, bool data)
{
    print_head(b, p, data);
    for (int i = 0; i < p->kernel.n; i++)
        print_kernel(b, &p->kernel.v[i], 1, NULL);
    for (int i = 0; i < p->call.n; i++)
        print_call(b, p, &p->call.v[i]);
    buf_puts(b, "}\n");
}
