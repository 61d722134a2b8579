/* Index expressions as C: `y*1920 + x*64 + c`. Floor division and remainder are C's where the range of the operand
   shows that it is not negative, else helper functions. */
#include "c.h"

#include <string.h>

static const char *helper(KPrint *p, const char *name)
{
    name = arena_printf(p->A, "%s_%s", name, p->wide ? "i64" : "i32");
    c_need(p->c, name);
    return name;
}

static void call2(KPrint *p, Buf *b, const char *name, const Ix *x, const Ix *y)
{
    buf_printf(b, "%s(", helper(p, name));
    c_ix(p, b, x, PREC_ANY);
    buf_puts(b, ", ");
    c_ix(p, b, y, PREC_ANY);
    buf_putc(b, ')');
}

static bool plain_division(const KPrint *p, const Atom *a)
{
    Range r = ix_range(p->range, a->a);
    return r.known && r.lo >= 0;
}

static void c_atom(KPrint *p, Buf *b, const Atom *a)
{
    switch (a->kind) {
    case ATOM_VAR:
        buf_puts(b, p->var[a->var]);
        break;
    case ATOM_DIV:
    case ATOM_MOD:
        if (plain_division(p, a)) {
            c_ix(p, b, a->a, PREC_MUL);
            buf_printf(b, "%c%lld", a->kind == ATOM_DIV ? '/' : '%', (long long)a->k);
        } else
            call2(p, b, a->kind == ATOM_DIV ? "floor_div" : "floor_mod", a->a, ix_const(p->A, a->k));
        break;
    default:
        call2(p, b, a->kind == ATOM_MIN ? "min" : "max", a->a, a->b);
    }
}

static bool is_product(const KPrint *p, const Term *t)
{
    return (t->k != 1 && t->k != -1) ||
           ((t->atom.kind == ATOM_DIV || t->atom.kind == ATOM_MOD) && plain_division(p, &t->atom));
}

static int64_t abs_factor(int64_t k)
{
    return k < 0 ? -k : k;
}

/* Largest stride first, and a positive term in front of negative ones. */
static const Term **readable(KPrint *p, const Ix *x)
{
    const Term **t = NEW(p->A, const Term *, x->n + 1);
    for (int i = 0; i < x->n; i++) {
        int j = i;
        for (; j > 0 && abs_factor(t[j - 1]->k) < abs_factor(x->t[i].k); j--)
            t[j] = t[j - 1];
        t[j] = &x->t[i];
    }
    for (int i = 0; i < x->n; i++)
        if (t[i]->k > 0) {
            const Term *first = t[i];
            memmove(t + 1, t, (size_t)i * sizeof *t);
            t[0] = first;
            break;
        }
    return t;
}

void c_ix(KPrint *p, Buf *b, const Ix *x, int prec)
{
    const Term **t = readable(p, x);
    int items = x->n + (x->c != 0 || x->n == 0);
    bool negative = x->n ? t[0]->k < 0 : x->c < 0;
    int mine = items > 1 ? PREC_ADD : negative ? PREC_UNARY : x->n && is_product(p, t[0]) ? PREC_MUL : PREC_POSTFIX;
    if (mine < prec)
        buf_putc(b, '(');
    bool const_first = x->c > 0 && negative;
    if (const_first)
        buf_printf(b, "%lld", (long long)x->c);
    for (int i = 0; i < x->n; i++) {
        int64_t k = t[i]->k;
        buf_puts(b, i == 0 && !const_first ? k < 0 ? "-" : "" : k < 0 ? " - " : " + ");
        c_atom(p, b, &t[i]->atom);
        if (abs_factor(k) != 1)
            buf_printf(b, "*%lld", (long long)abs_factor(k));
    }
    if ((x->c || !x->n) && !const_first)
        buf_printf(b, x->n ? x->c < 0 ? " - %lld" : " + %lld" : "%lld", (long long)(x->n ? abs_factor(x->c) : x->c));
    if (mine < prec)
        buf_putc(b, ')');
}

static const char *base(const KPrint *p, int ref)
{
    return ref < 0 ? p->ptr[~ref] : p->param[ref];
}

void c_address(KPrint *p, Buf *b, int ref, const Ix *at)
{
    buf_puts(b, base(p, ref));
    if (ix_is_const(at) && at->c == 0)
        return;
    Buf t = {0};
    c_ix(p, &t, at, PREC_ANY);
    buf_printf(b, *t.s == '-' ? " - %s" : " + %s", t.s + (*t.s == '-'));
    buf_free(&t);
}

void c_element(KPrint *p, Buf *b, int ref, const Ix *at)
{
    buf_printf(b, "%s[", base(p, ref));
    c_ix(p, b, at, PREC_ANY);
    buf_putc(b, ']');
}
