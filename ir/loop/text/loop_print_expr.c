/* Index expressions, numbers and expressions as text. */
#include "loop_print.h"

#include <math.h>
#include <string.h>

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

void loop_print_indices(LoopPrint *o, int n, const Ix *const *ix)
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

void loop_print_at(LoopPrint *o, int ref, int n, const Ix *const *ix)
{
    buf_puts(o->b, ref >= 0 ? o->k->param.v[ref].name : o->k->ptr.v[~ref].name);
    loop_print_indices(o, n, ix);
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

void loop_print_element(Buf *b, DType t, const void *p)
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

void loop_print_vt(Buf *b, VT t)
{
    buf_puts(b, dtype_name(t.elem));
    if (t.lanes != 1)
        buf_printf(b, "x%d", t.lanes);
}

static void print_operand(LoopPrint *o, const Expr *e)
{
    Buf *b = o->b;
    switch (e->op) {
    case X_const:
        print_number(b, e->type.elem, e->imm);
        return;
    case X_reg:
        buf_puts(b, o->k->reg.v[e->ref].name);
        loop_print_indices(o, e->nix, e->ix);
        return;
    case X_load:
        buf_puts(b, "load ");
        loop_print_at(o, e->ref, e->nix, e->ix);
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
        loop_print_expr(o, e->a[i], inner);
    }
    if (e->op == X_lane)
        buf_printf(b, ", %d", (int)e->imm);
    buf_putc(b, ')');
}

void loop_print_expr(LoopPrint *o, const Expr *e, PartType known)
{
    PartType t = expr_evident(o->k, e, false);
    int elem = known.elem >= 0 ? known.elem : t.elem >= 0 ? t.elem : DT_F32;
    int lanes = known.lanes ? known.lanes : t.lanes ? t.lanes : 1;
    print_operand(o, e);
    if (elem != (int)e->type.elem || lanes != e->type.lanes) {
        buf_puts(o->b, ": ");
        loop_print_vt(o->b, e->type);
    }
}
