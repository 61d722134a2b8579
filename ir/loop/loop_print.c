/* The text form of the loop IR; ir/loop/loop_parse.c reads it, and reading what is printed gives the same program.

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
#include "../lex.h"
#include "loop_impl.h"

#include <math.h>
#include <string.h>

/* Where statements stand; lines NULL: nobody asks. */
typedef struct Lines { Arena *A; size_t counted; int now; VEC(int) stmt; } Lines;
typedef struct Out { Buf *b; const Kernel *k; int indent; Lines *lines; } Out;

/* The line that is being printed. */
static int line_now(Lines *l, const Buf *b)
{
    for (; l->counted < b->n; l->counted++)
        l->now += b->s[l->counted] == '\n';
    return l->now + 1;
}

static void line(Out *o)
{
    for (int i = 0; i < o->indent; i++)
        buf_puts(o->b, "  ");
}

/* ---- index expressions ---- */

static void print_atom(Buf *b, const Kernel *k, const Atom *a)
{
    switch (a->kind) {
    case ATOM_VAR:
        buf_puts(b, k->var.v[a->var].name);
        return;
    case ATOM_DIV:
    case ATOM_MOD: {
        const Ix *x = a->a;
        bool plain = x->n == 1 && x->c == 0 && x->t[0].k == 1 && x->t[0].atom.kind != ATOM_MOD;
        if (!plain)
            buf_putc(b, '(');
        ix_print(b, k, x);
        buf_printf(b, "%s%c%lld", plain ? "" : ")", a->kind == ATOM_DIV ? '/' : '%', (long long)a->k);
        return;
    }
    case ATOM_MIN:
    case ATOM_MAX:
        buf_puts(b, a->kind == ATOM_MIN ? "min(" : "max(");
        ix_print(b, k, a->a);
        buf_puts(b, ", ");
        ix_print(b, k, a->b);
        buf_putc(b, ')');
        return;
    }
}

static uint64_t unsigned_magnitude(int64_t x)
{
    return x < 0 ? -(uint64_t)x : (uint64_t)x;
}

/* "x + p*14 + 3"; "3 - x" rather than "-x + 3". */
void ix_print(Buf *b, const Kernel *k, const Ix *x)
{
    bool const_first = x->n == 0 || (x->t[0].k < 0 && x->c > 0);
    if (const_first)
        buf_printf(b, "%lld", (long long)x->c);
    for (int i = 0; i < x->n; i++) {
        int64_t f = x->t[i].k;
        if (i || const_first)
            buf_puts(b, f < 0 ? " - " : " + ");
        else if (f < 0)
            buf_putc(b, '-');
        print_atom(b, k, &x->t[i].atom);
        if (unsigned_magnitude(f) != 1)
            buf_printf(b, "*%llu", (unsigned long long)unsigned_magnitude(f));
    }
    if (!const_first && x->c)
        buf_printf(b, x->c < 0 ? " - %llu" : " + %llu", (unsigned long long)unsigned_magnitude(x->c));
}

static void print_indices(Out *o, int n, const Ix *const *ix)
{
    if (n == 0)
        return;
    buf_putc(o->b, '[');
    for (int i = 0; i < n; i++) {
        buf_puts(o->b, i ? ", " : "");
        ix_print(o->b, o->k, ix[i]);
    }
    buf_putc(o->b, ']');
}

static void print_at(Out *o, int ref, int n, const Ix *const *ix)
{
    buf_puts(o->b, ref >= 0 ? o->k->param.v[ref].name : o->k->ptr.v[~ref].name);
    print_indices(o, n, ix);
}

/* ---- numbers ---- */

static void print_f32(Buf *b, float x)
{
    char s[32];
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    if (bits == 0x7fc00000u) {
        buf_puts(b, "nan");
    } else if (isnan(x)) {
        buf_printf(b, "0x%x", (unsigned)bits);
    } else if (isinf(x)) {
        buf_puts(b, x < 0 ? "-inf" : "inf");
    } else {
        fmt_float(s, x);
        buf_puts(b, s);
    }
}

static void print_f64(Buf *b, double x)
{
    char s[32];
    uint64_t bits;
    memcpy(&bits, &x, sizeof bits);
    if (bits == 0x7ff8000000000000u) {
        buf_puts(b, "nan");
    } else if (isnan(x)) {
        buf_printf(b, "0x%llx", (unsigned long long)bits);
    } else if (isinf(x)) {
        buf_puts(b, x < 0 ? "-inf" : "inf");
    } else {
        fmt_double(s, x);
        buf_puts(b, s);
    }
}

static void print_number(Buf *b, DType elem, double x)
{
    if (elem == DT_F32)
        print_f32(b, (float)x);
    else if (elem == DT_F64)
        print_f64(b, x);
    else
        buf_printf(b, "%lld", (long long)x);
}

#define ELEMENT(T, b, p, ...)                                                                                          \
    do {                                                                                                               \
        T v;                                                                                                           \
        memcpy(&v, p, sizeof v);                                                                                       \
        __VA_ARGS__;                                                                                                   \
    } while (0)

static void print_element(Buf *b, DType t, const void *p)
{
    switch (t) {
    case DT_F32: ELEMENT(float, b, p, print_f32(b, v)); return;
    case DT_F64: ELEMENT(double, b, p, print_f64(b, v)); return;
    case DT_I8: ELEMENT(int8_t, b, p, buf_printf(b, "%d", v)); return;
    case DT_U8:
    case DT_BOOL: ELEMENT(uint8_t, b, p, buf_printf(b, "%u", v)); return;
    case DT_I16: ELEMENT(int16_t, b, p, buf_printf(b, "%d", v)); return;
    case DT_U16: ELEMENT(uint16_t, b, p, buf_printf(b, "%u", v)); return;
    case DT_I32: ELEMENT(int32_t, b, p, buf_printf(b, "%ld", (long)v)); return;
    case DT_U32: ELEMENT(uint32_t, b, p, buf_printf(b, "%lu", (unsigned long)v)); return;
    case DT_I64: ELEMENT(int64_t, b, p, buf_printf(b, "%lld", (long long)v)); return;
    case DT_U64: ELEMENT(uint64_t, b, p, buf_printf(b, "%llu", (unsigned long long)v)); return;
    default: ELEMENT(uint16_t, b, p, buf_printf(b, "0x%04x", v)); return; /* f16, bf16 */
    }
}

/* ---- expressions ---- */

PartType expr_evident(const Kernel *k, const Expr *e, bool written)
{
    PartType t = {-1, 0};
    if (written && e->type.lanes)
        return (PartType){(int)e->type.elem, e->type.lanes};
    switch (e->op) {
    case X_const:
        return t;
    case X_reg:
        return (PartType){k->reg.v[e->ref].type.elem, k->reg.v[e->ref].type.lanes};
    case X_load:
        return (PartType){k->param.v[ref_param(k, e->ref)].elem, 0};
    case X_index:
        return (PartType){DT_I32, 1};
    default:
        break;
    }
    XClass c = xop_info[e->op].cls;
    for (int i = 0; i < expr_arity(e); i++) {
        PartType a = expr_evident(k, e->a[i], written);
        t.elem = t.elem < 0 ? a.elem : t.elem;
        t.lanes = t.lanes ? t.lanes : a.lanes;
    }
    if (c == XC_splat)
        t.lanes = 0;
    if (c == XC_fold)
        t.lanes = 1;
    if (c == XC_bits || c == XC_cast)
        t.elem = c == XC_bits ? (int)DT_I32 : -1;
    return t;
}

PartType operand_part(XOp op, int elem, int lanes)
{
    XClass c = xop_info[op].cls;
    return (PartType){c == XC_cast ? -1 : elem, c == XC_splat ? 1 : c == XC_fold ? 0 : lanes};
}

static void print_vt(Buf *b, VT t)
{
    buf_puts(b, dtype_name(t.elem));
    if (t.lanes != 1)
        buf_printf(b, "x%d", t.lanes);
}

static void print_expr(Out *o, const Expr *e, PartType known);

static void print_operand(Out *o, const Expr *e)
{
    Buf *b = o->b;
    switch (e->op) {
    case X_const:
        print_number(b, e->type.elem, e->imm);
        return;
    case X_reg:
        buf_puts(b, o->k->reg.v[e->ref].name);
        print_indices(o, e->nix, e->ix);
        return;
    case X_load:
        buf_puts(b, "load ");
        print_at(o, e->ref, e->nix, e->ix);
        if (e->n != e->type.lanes)
            buf_printf(b, " first %d", e->n);
        return;
    case X_index:
        buf_puts(b, "index(");
        ix_print(b, o->k, e->ix[0]);
        buf_putc(b, ')');
        return;
    default:
        break;
    }
    PartType inner = operand_part(e->op, (int)e->type.elem, e->type.lanes);
    buf_printf(b, "%s(", xop_info[e->op].name);
    for (int i = 0; i < expr_arity(e); i++) {
        buf_puts(b, i ? ", " : "");
        print_expr(o, e->a[i], inner);
    }
    if (e->op == X_lane)
        buf_printf(b, ", %d", (int)e->imm);
    buf_putc(b, ')');
}

/* known: what the context says of the type. */
static void print_expr(Out *o, const Expr *e, PartType known)
{
    PartType t = expr_evident(o->k, e, false);
    int elem = known.elem >= 0 ? known.elem : t.elem >= 0 ? t.elem : DT_F32;
    int lanes = known.lanes ? known.lanes : t.lanes ? t.lanes : 1;
    print_operand(o, e);
    if (elem != (int)e->type.elem || lanes != e->type.lanes) {
        buf_puts(o->b, ": ");
        print_vt(o->b, e->type);
    }
}

/* ---- statements ---- */

static void print_block(Out *o, const Block *b);

static void print_for(Out *o, const Stmt *s)
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

static void print_let(Out *o, const Stmt *s)
{
    const Reg *r = &o->k->reg.v[s->ref];
    buf_printf(o->b, "let %s", r->name);
    for (int i = 0; i < r->rank; i++)
        buf_printf(o->b, "%s%lld%s", i ? "," : "[", (long long)r->dim[i], i + 1 == r->rank ? "]" : "");
    buf_puts(o->b, ": ");
    print_vt(o->b, r->type);
}

static void print_stmt(Out *o, const Stmt *s)
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
            print_indices(o, s->nix, s->ix);
        }
        buf_puts(b, " = ");
        print_expr(o, s->val, (PartType){(int)k->reg.v[s->ref].type.elem, k->reg.v[s->ref].type.lanes});
        break;
    case ST_STORE:
        buf_puts(b, "store ");
        print_at(o, s->ref, s->nix, s->ix);
        if (s->n != s->val->type.lanes)
            buf_printf(b, " first %d", s->n);
        buf_puts(b, " = ");
        print_expr(o, s->val, (PartType){(int)k->param.v[ref_param(k, s->ref)].elem, 0});
        break;
    case ST_INDEX:
        buf_printf(b, "index %s = ", k->var.v[s->var].name);
        print_at(o, s->ref, s->nix, s->ix);
        break;
    case ST_PTR:
        buf_printf(b, "ptr %s = &", k->ptr.v[s->ptr].name);
        print_at(o, s->ref, s->nix, s->ix);
        break;
    case ST_PREFETCH:
        buf_puts(b, "prefetch ");
        print_at(o, s->ref, s->nix, s->ix);
        break;
    case ST_COMMENT:
        buf_puts(b, "note ");
        lex_put_quoted(b, s->text);
        break;
    case ST_RETURN:
        buf_puts(b, "return ");
        print_expr(o, s->val, (PartType){(int)s->val->type.elem, s->val->type.lanes});
        break;
    }
    buf_putc(b, '\n');
}

static void print_block(Out *o, const Block *b)
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
    Out o = {b, k, indent, lines};
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
            print_element(b, p->type.dtype, (const char *)p->data + i * size);
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
