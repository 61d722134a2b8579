/* Types, numbers and helper functions: what the rows of backends/isa become in a file of C. */
#include "c.h"

#include <ctype.h>
#include <math.h>
#include <string.h>

const char *c_dtype(DType t)
{
    switch (t) {
    case DT_F32: return "float";
    case DT_F64: return "double";
    case DT_I8: return "signed char";
    case DT_U8: return "unsigned char";
    case DT_I16: return "short";
    case DT_U16: return "unsigned short";
    case DT_I32: return "int";
    case DT_U32: return "unsigned";
    default: bug("C backend: no type for %s", dtype_name(t));
    }
}

static const char *lane_name(DType t)
{
    return t == DT_F32 ? "f32" : t == DT_I32 ? "i32" : dtype_name(t);
}

/* Files of several models may be one translation unit. */
static void once(Buf *b, const char *name, const char *text)
{
    buf_printf(b, "#ifndef DSQ_HAS_%s\n#define DSQ_HAS_%s\n%s#endif\n", name, name, text);
}

const char *c_typename(CFile *c, VT t)
{
    if (t.lanes == 1)
        return c_dtype(t.elem);
    const char *name = arena_printf(c->A, "%sx%d", lane_name(t.elem), t.lanes);
    if (dict_get(&c->needed, name) < 0) {
        const char *type = isa_type(c->isa, t);
        if (!type)
            bug("C backend: %s has no type for %s", c->isa, name);
        dict_put(&c->needed, name, 1);
        const char *attribute = strstr(type, " __attribute__");
        int n = attribute ? (int)(attribute - type) : (int)strlen(type);
        once(&c->types, name, arena_printf(c->A, "typedef %.*s %s%s;\n", n, type, name, type + n));
    }
    return name;
}

static void need_type(CFile *c, const char *name)
{
    static const DType elem[] = {DT_F32, DT_I32};
    for (int i = 0; i < LEN(elem); i++)
        for (int lanes = 2; lanes <= 64; lanes *= 2)
            if (isa_type(c->isa, vt(elem[i], lanes)) &&
                !strcmp(name, arena_printf(c->A, "%sx%d", lane_name(elem[i]), lanes)))
                c_typename(c, vt(elem[i], lanes));
}

static void need_word(CFile *c, const char *name)
{
    if (dict_get(&c->needed, name) >= 0)
        return;
    const char *text = isa_helper(c->isa, name);
    if (!strcmp(name, "sqrt_soft_f32")) {
        c_lanewise(c, X_sqrt_soft, vt(DT_F32, 1));
    } else if (text) {
        dict_put(&c->needed, name, 1);
        c_need(c, text);
        once(&c->helpers, name, text);
    } else
        need_type(c, name);
}

void c_need(CFile *c, const char *text)
{
    for (const char *p = text; *p;) {
        const char *start = p;
        while (isalnum((unsigned char)*p) || *p == '_')
            p++;
        if (p == start)
            p++;
        else if (isalpha((unsigned char)*start))
            need_word(c, arena_strndup(c->A, start, (size_t)(p - start)));
    }
}

/* ---- helpers without a row ---- */

/* "hsum(a) { halves added until one lane is left }" and the same for the largest. */
static void fold_helper(CFile *c, Buf *b, const char *name, XOp op, VT t)
{
    const char *type = c_typename(c, t), *elem = c_dtype(t.elem);
    buf_printf(b, "static inline %s %s(%s a)\n{\n    union { %s v; %s e[%d]; } x = {a};\n", elem, name, type, type,
               elem, t.lanes);
    buf_printf(b, "    for (int n = %d; n >= 1; n /= 2)\n        for (int i = 0; i < n; i++)\n", t.lanes / 2);
    const char *x = "x.e[i]", *y = "x.e[i + n]";
    const char *row = isa_instr(c->isa, op == X_hsum ? X_add : X_max, vt(t.elem, 1), "");
    c_need(c, row);
    buf_puts(b, "            x.e[i] = ");
    c_pattern(NULL, b, row, &(Operands){.text = {x, y}});
    buf_puts(b, ";\n    return x.e[0];\n}\n");
}

static void lane_helper(CFile *c, Buf *b, const char *name, XOp op, VT t)
{
    static const char letter[] = "abcd";
    static const char *const x[] = {"x.e[i]", "y.e[i]", "z.e[i]", "w.e[i]"};
    const char *type = c_typename(c, t);
    const char *row = isa_instr(c->isa, op, vt(t.elem, 1), "");
    if (!row)
        bug("C backend: no spelling of %s on %s", xop_info[op].name, lane_name(t.elem));
    c_need(c, row);
    int arity = xop_info[op].arity;
    buf_printf(b, "static inline %s %s(", type, name);
    for (int i = 0; i < arity; i++)
        buf_printf(b, "%s%s %c", i ? ", " : "", type, letter[i]);
    buf_printf(b, ")\n{\n    union { %s v; %s e[%d]; } ", type, c_dtype(t.elem), t.lanes);
    for (int i = 0; i < arity; i++)
        buf_printf(b, "%s%c = {%c}", i ? ", " : "", x[i][0], letter[i]);
    buf_printf(b, ";\n    for (int i = 0; i < %d; i++)\n        x.e[i] = ", t.lanes);
    c_pattern(NULL, b, row, &(Operands){.text = {x[0], x[1], x[2], x[3]}});
    buf_puts(b, ";\n    return x.v;\n}\n");
}

const char *c_lanewise(CFile *c, XOp op, VT t)
{
    const char *lanes = t.lanes > 1 ? arena_printf(c->A, "x%d", t.lanes) : "";
    const char *name = arena_printf(c->A, "%s_%s%s", xop_info[op].name, lane_name(t.elem), lanes);
    if (dict_get(&c->needed, name) >= 0)
        return name;
    dict_put(&c->needed, name, 1);
    Buf b = {0};
    if (xop_info[op].cls == XC_math)
        c_function(c, &b, name, op, t.lanes);
    else if (xop_info[op].cls == XC_fold)
        fold_helper(c, &b, name, op, t);
    else
        lane_helper(c, &b, name, op, t);
    once(&c->helpers, name, b.s);
    buf_free(&b);
    return name;
}

const char *c_part(CFile *c, VT t, bool store)
{
    const char *type = c_typename(c, t), *elem = c_dtype(t.elem);
    const char *name = arena_printf(c->A, "%s_part_%s", store ? "store" : "load", type);
    if (dict_get(&c->needed, name) >= 0)
        return name;
    dict_put(&c->needed, name, 1);
    Buf b = {0};
    if (store)
        buf_printf(&b, "static inline void %s(%s *p, int n, %s a)\n{\n    union { %s v; %s e[%d]; } x = {a};\n"
                   "    for (int i = 0; i < n; i++)\n        p[i] = x.e[i];\n}\n",
                   name, elem, type, type, elem, t.lanes);
    else
        buf_printf(&b, "static inline %s %s(const %s *p, int n)\n{\n    union { %s e[%d]; %s v; } x = {{0}};\n"
                   "    for (int i = 0; i < n; i++)\n        x.e[i] = p[i];\n    return x.v;\n}\n",
                   type, name, elem, elem, t.lanes, type);
    once(&c->helpers, name, b.s);
    buf_free(&b);
    return name;
}

/* ---- numbers ---- */

void c_number(CFile *c, Buf *b, DType t, double v)
{
    if (t != DT_F32) {
        int64_t i = (int64_t)v;
        if (i == INT32_MIN)
            buf_puts(b, "(-2147483647 - 1)");
        else
            buf_printf(b, "%lld", (long long)i);
        return;
    }
    float f = (float)v;
    if (!isfinite(f)) {
        c->special = true;
        buf_puts(b, isnan(f) ? "DSQ_NAN" : f < 0 ? "-DSQ_INF" : "DSQ_INF");
    } else if (f == 0)
        buf_puts(b, signbit(f) ? "-0.0f" : "0.0f");
    else {
        char s[32];
        fmt_float(s, f);
        buf_puts(b, s);
        buf_puts(b, strpbrk(s, ".e") ? "f" : ".0f");
    }
}

void c_special_macros(const CFile *c, Buf *b)
{
    if (c->special)
        buf_puts(b, "\n#if defined __GNUC__\n#define DSQ_INF __builtin_inff()\n#define DSQ_NAN __builtin_nanf(\"\")\n"
                    "#else\n#include <math.h>\n#define DSQ_INF INFINITY\n#define DSQ_NAN NAN\n#endif\n");
}

void c_wrap(Buf *b, int indent, const char *item)
{
    size_t start = b->n;
    while (start > 0 && b->s[start - 1] != '\n')
        start--;
    if (b->n - start + strlen(item) > COLUMNS) {
        while (b->n > start && b->s[b->n - 1] == ' ')
            b->s[--b->n] = 0;
        buf_printf(b, "\n%*s", indent, "");
    }
    buf_puts(b, item);
}
