/* Expressions as C: the rows of backends/isa with operands put in, and no more parentheses than C needs. */
#include "c.h"

#include <string.h>

/* How tightly a spelling binds: by the loosest operator outside its parentheses. */
static int pattern_prec(const char *s)
{
    int depth = 0, prec = *s == '-' || (*s == '(' && strncmp(s, "(%", 2)) ? PREC_UNARY : PREC_POSTFIX;
    for (const char *p = s; *p; p++) {
        depth += (*p == '(' || *p == '[') - (*p == ')' || *p == ']');
        if (depth || p == s)
            continue;
        if (!strncmp(p, " + ", 3) || !strncmp(p, " - ", 3))
            return PREC_ADD;
        if (*p == '*' || *p == '/')
            prec = PREC_MUL;
    }
    return prec;
}

/* What an operand must bind like where it stands: anything within parentheses or brackets, else more tightly than the
   operator to its left, and as tightly as the one to its right. */
static int operand_prec(const char *pattern, const char *at, int prec)
{
    int depth = 0;
    for (const char *p = pattern; p < at; p++)
        depth += (*p == '(' || *p == '[') - (*p == ')' || *p == ']');
    if (depth)
        return PREC_ANY;
    return at == pattern || prec == PREC_POSTFIX ? prec : prec + 1;
}

static void print_operand(KPrint *k, Buf *b, const Operands *o, int i, int prec)
{
    if (o->text[i])
        buf_puts(b, o->text[i]);
    else if (o->e && o->e[i])
        c_expr(k, b, o->e[i], prec);
    else
        bug("C backend: a spelling wants operand %c", 'a' + i);
}

void c_pattern(KPrint *k, Buf *b, const char *pattern, const Operands *o)
{
    int prec = pattern_prec(pattern);
    for (const char *p = pattern; *p; p++) {
        if (*p != '%') {
            buf_putc(b, *p);
            continue;
        }
        const char *at = p++;
        switch (*p) {
        case 'a': case 'b': case 'c': case 'd':
            print_operand(k, b, o, *p - 'a', operand_prec(pattern, at, prec));
            break;
        case 'p': buf_puts(b, o->p); break;
        case 'n': case 'i': buf_printf(b, "%d", o->n); break;
        case 'm': buf_printf(b, "0x%llx", (1ull << o->n) - 1); break;
        default: bug("C backend: %%%c in a spelling", *p);
        }
    }
}

/* A spelling in its place, with parentheses where it binds less than it must. */
static void print_spelling(KPrint *k, Buf *b, const char *pattern, const Operands *o, int prec)
{
    int mine = pattern_prec(pattern);
    c_need(k->c, pattern);
    if (mine < prec)
        buf_putc(b, '(');
    c_pattern(k, b, pattern, o);
    if (mine < prec)
        buf_putc(b, ')');
}

const char *c_reg(const KPrint *k, int reg, int nix, const Ix *const *ix)
{
    return k->elem[reg][reg_offset(&k->k->reg.v[reg], nix, ix)];
}

static void print_constant(KPrint *k, Buf *b, const Expr *e, int prec)
{
    Buf s = {0};
    c_number(k->c, &s, e->type.elem, e->imm);
    if (e->type.lanes > 1) {
        c_typename(k->c, e->type);
        print_spelling(k, b, isa_instr(k->c->isa, X_splat, e->type, ""), &(Operands){.text = {s.s}}, prec);
    } else
        buf_printf(b, *s.s == '-' && prec > PREC_UNARY ? "(%s)" : "%s", s.s);
    buf_free(&s);
}

static void print_load(KPrint *k, Buf *b, const Expr *e, int prec)
{
    const Ix *at = linear_offset(k->A, k->k, e->ref, e->nix, e->ix);
    if (e->type.lanes == 1) {
        c_element(k, b, e->ref, at);
        return;
    }
    c_typename(k->c, e->type);
    bool part = e->n < e->type.lanes;
    const char *row = isa_load(k->c->isa, e->type, part);
    if (!row)
        row = arena_printf(k->A, "%s(%%p, %%n)", c_part(k->c, e->type, false));
    Buf p = {0};
    c_address(k, &p, e->ref, at);
    print_spelling(k, b, row, &(Operands){.p = p.s, .n = e->n}, prec);
    buf_free(&p);
}

/* Rows of variant "n" take a scalar for the splat operand b; operands a and b of fma and mul may be exchanged. */
static const char *splat_row(KPrint *k, const Expr *e, const Expr **a)
{
    if (e->op != X_fma && e->op != X_mul)
        return NULL;
    const char *row = isa_instr(k->c->isa, e->op, e->type, "n");
    if (!row || (a[0]->op != X_splat && a[1]->op != X_splat))
        return NULL;
    const Expr *vector = a[1]->op == X_splat ? a[0] : a[1], *splat = a[1]->op == X_splat ? a[1] : a[0];
    a[0] = vector;
    a[1] = splat->a[0];
    return row;
}

static void operation(KPrint *k, Buf *b, const Expr *e, int prec)
{
    const Expr *a[4] = {e->a[0], e->a[1], e->a[2], e->a[3]};
    VT t = xop_info[e->op].cls == XC_fold ? a[0]->type : e->type;
    if (t.lanes == 1 && (e->op == X_splat || xop_info[e->op].cls == XC_fold)) {
        c_expr(k, b, a[0], prec);
        return;
    }
    c_typename(k->c, t);
    const char *row = t.lanes > 1 ? splat_row(k, e, a) : NULL;
    if (!row)
        row = isa_instr(k->c->isa, e->op, t, "");
    if (!row) {
        static const char *const operands[] = {"", "%a", "%a, %b", "%a, %b, %c", "%a, %b, %c, %d"};
        row = arena_printf(k->A, "%s(%s)", c_lanewise(k->c, e->op, t), operands[xop_info[e->op].arity]);
    }
    print_spelling(k, b, row, &(Operands){.e = a, .n = (int)e->imm}, prec);
}

void c_expr(KPrint *k, Buf *b, const Expr *e, int prec)
{
    switch (e->op) {
    case X_const:
        print_constant(k, b, e, prec);
        break;
    case X_reg:
        buf_puts(b, c_reg(k, e->ref, e->nix, e->ix));
        break;
    case X_load:
        print_load(k, b, e, prec);
        break;
    case X_index:
        if (k->wide) {
            buf_puts(b, "(int)");
            c_ix(k, b, e->ix[0], PREC_POSTFIX);
        } else
            c_ix(k, b, e->ix[0], prec);
        break;
    default:
        operation(k, b, e, prec);
    }
}
