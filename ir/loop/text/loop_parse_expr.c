/* Index expressions and expressions of the loop IR's text. */
#include "loop_parse.h"

#include <ctype.h>
#include <string.h>

/* An expression while its types are not known: e.type.lanes is 0 until then. */
typedef struct Untyped { Expr e; Tok t; } Untyped;

/* ---- index expressions ---- */

static bool ix_small(const Ix *x)
{
    for (int i = 0; i < x->n; i++)
        if (x->t[i].k > LP_MAX_NUMBER || x->t[i].k < -LP_MAX_NUMBER)
            return false;
    return x->c <= LP_MAX_NUMBER && x->c >= -LP_MAX_NUMBER;
}

/* x itself, or 0 and an error where a number in it has grown too large. */
static const Ix *bounded(Parser *P, Tok t, const Ix *x)
{
    if (ix_small(x))
        return x;
    lp_fail(P, t, "an index with a number larger than 2^40");
    return ix_const(P->A, 0);
}

static const Ix *parse_minmax(Parser *P, bool max)
{
    const Ix *a = lp_ix(P);
    lp_expect(P, ",");
    const Ix *b = lp_ix(P);
    lp_expect(P, ")");
    return max ? ix_max(P->A, a, b) : ix_min(P->A, a, b);
}

static const Ix *parse_ix_unit(Parser *P)
{
    const Ix *zero = ix_const(P->A, 0);
    Tok t = lp_tok(P);
    if (P->failed)
        return zero;
    if (isdigit((unsigned char)*t.s))
        return ix_const(P->A, lp_int(P, LP_MAX_NUMBER));
    if (lp_accept(P, "(")) {
        const Ix *x = lp_ix(P);
        lp_expect(P, ")");
        return x;
    }
    const char *name = lp_name(P);
    bool min = strcmp(name, "min") == 0, max = strcmp(name, "max") == 0;
    if ((min || max) && lp_accept(P, "("))
        return bounded(P, t, parse_minmax(P, max));
    int v = lp_scope_find(P, name, E_VAR);
    if (v < 0)
        lp_fail(P, t, "'%s' is not an index variable here", name);
    return v < 0 ? zero : ix_var(P->A, v);
}

static const Ix *parse_ix_product(Parser *P)
{
    const Ix *x = parse_ix_unit(P);
    while (!P->failed && (lp_peek(P, "*") || lp_peek(P, "/") || lp_peek(P, "%"))) {
        Tok op = lp_tok(P);
        P->x.p++;
        const Ix *y = parse_ix_unit(P);
        if (*op.s == '*' && !ix_is_const(y)) {
            const Ix *swap = x;
            x = y;
            y = swap;
        }
        if (!ix_is_const(y))
            lp_fail(P, op, *op.s == '*' ? "a product of two variables" : "division by a variable");
        else if (*op.s != '*' && y->c < 1)
            lp_fail(P, op, "division by %lld", (long long)y->c);
        if (P->failed)
            break;
        if (*op.s == '*') {
            int64_t most = y->c < 0 ? -y->c : y->c, r;
            bool fits = mul_ok(x->c, most, &r);
            for (int i = 0; i < x->n; i++)
                fits = fits && mul_ok(x->t[i].k, most, &r);
            x = fits ? ix_mulc(P->A, x, y->c) : ix_const(P->A, INT64_MAX);
        } else {
            x = *op.s == '/' ? ix_div(P->A, x, y->c) : ix_mod(P->A, x, y->c);
        }
        x = bounded(P, op, x);
    }
    return x;
}

const Ix *lp_ix(Parser *P)
{
    const Ix *x = ix_const(P->A, 0);
    if (!lp_nest(P))
        return x;
    bool minus = lp_accept(P, "-");
    do {
        Tok t = lp_tok(P);
        const Ix *y = parse_ix_product(P);
        x = bounded(P, t, minus ? ix_sub(P->A, x, y) : ix_add(P->A, x, y));
        minus = lp_peek(P, "-");
    } while (lp_accept(P, "+") || lp_accept(P, "-"));
    P->nesting--;
    return x;
}

/* "[" ix {"," ix} "]"; the number of indices. */
int lp_indices(Parser *P, const Ix **ix)
{
    int n = 0;
    Tok t = lp_tok(P);
    lp_expect(P, "[");
    do {
        const Ix *x = lp_ix(P);
        if (n == MAX_IX)
            lp_fail(P, t, "more than %d indices", MAX_IX);
        else
            ix[n++] = x;
    } while (lp_accept(P, ","));
    lp_expect(P, "]");
    return n;
}

/* A parameter or pointer with its indices. */
int lp_at(Parser *P, int *ref, const Ix **ix)
{
    Tok t = lp_tok(P);
    const char *name = lp_name(P);
    int p = lp_scope_find(P, name, E_PARAM), q = lp_scope_find(P, name, E_PTR);
    *ref = p >= 0 ? p : q >= 0 ? ~q : 0;
    if (p < 0 && q < 0)
        lp_fail(P, t, "'%s' is not a buffer or pointer here", name);
    int n = lp_indices(P, ix);
    if (!P->failed && n != ref_rank(P->k, *ref))
        lp_fail(P, t, "'%s' has %d dimensions, here are %d indices", name, ref_rank(P->k, *ref), n);
    return n;
}

int lp_first(Parser *P)
{
    return lp_accept(P, "first") ? (int)lp_int(P, MAX_LANES) : 0;
}

/* ---- expressions ---- */

static Untyped *parse_expr(Parser *P);

static void parse_call(Parser *P, Untyped *x, Tok t, const char *name)
{
    int op = 0;
    while (op < NXOPS && (strcmp(xop_info[op].name, name) || xop_info[op].cls == XC_leaf))
        op++;
    if (strcmp(name, "index") == 0) {
        x->e.op = X_index;
        x->e.nix = 1;
        x->e.ix[0] = lp_ix(P);
        lp_expect(P, ")");
        return;
    }
    if (op == NXOPS) {
        lp_fail(P, t, "'%s' is not an operation", name);
        return;
    }
    x->e.op = (XOp)op;
    for (int i = 0; i < xop_info[op].arity; i++) {
        if (i)
            lp_expect(P, ",");
        x->e.a[i] = &parse_expr(P)->e;
    }
    if (op == X_lane) {
        lp_expect(P, ",");
        x->e.imm = (double)lp_int(P, MAX_LANES);
    }
    lp_expect(P, ")");
}

static Untyped *parse_expr(Parser *P)
{
    Untyped *x = NEW(P->A, Untyped, 1);
    x->t = lp_tok(P);
    if (!lp_nest(P))
        return x;
    if (lp_at_number(P)) {
        x->e.op = X_const;
        x->t = lp_number_token(P);
    } else if (lp_accept(P, "load")) {
        x->e.op = X_load;
        x->e.nix = lp_at(P, &x->e.ref, x->e.ix);
        x->e.n = lp_first(P);
    } else {
        const char *name = lp_name(P);
        if (lp_accept(P, "(")) {
            parse_call(P, x, x->t, name);
        } else {
            x->e.op = X_reg;
            x->e.ref = lp_scope_find(P, name, E_REG);
            if (x->e.ref < 0)
                lp_fail(P, x->t, "'%s' is not a register here", name);
            else if (lp_peek(P, "["))
                x->e.nix = lp_indices(P, x->e.ix);
        }
    }
    if (lp_accept(P, ":"))
        x->e.type = lp_vt(P);
    P->nesting--;
    return x;
}

static double const_value(Parser *P, Tok t, DType elem)
{
    uint64_t bits = 0;
    float f;
    double d;
    if (!lp_number_bits(P, t, elem, &bits))
        return 0;
    switch (elem) {
    case DT_F32:
        memcpy(&f, &(uint32_t){(uint32_t)bits}, sizeof f);
        return (double)f;
    case DT_F64:
        memcpy(&d, &bits, sizeof d);
        return d;
    default:
        return (double)(int64_t)bits;
    }
}

static const char *vt_text(Parser *P, PartType t)
{
    const char *elem = dtype_name((DType)t.elem);
    return t.lanes == 1 ? elem : arena_printf(P->A, "%sx%d", elem, t.lanes);
}

/* Gives x and its operands their types; known is what the context says. */
static void resolve(Parser *P, Expr *x, PartType known)
{
    const Untyped *node = (const Untyped *)x;
    if (P->failed)
        return;
    PartType t = expr_evident(P->k, x, true);
    int elem = known.elem >= 0 ? known.elem : t.elem >= 0 ? t.elem : DT_F32;
    int lanes = known.lanes ? known.lanes : t.lanes ? t.lanes : 1;
    VT want = vt((DType)elem, lanes);
    if ((t.elem >= 0 && t.elem != elem) || (t.lanes && t.lanes != lanes)) {
        lp_fail(P, node->t, "%s has type %s, expected %s", lp_text(P, node->t),
                vt_text(P, (PartType){t.elem >= 0 ? t.elem : elem, t.lanes ? t.lanes : lanes}),
                vt_text(P, (PartType){elem, lanes}));
        return;
    }
    x->type = want;
    if (x->op == X_const)
        x->imm = const_value(P, node->t, want.elem);
    if (x->op == X_load && x->n == 0)
        x->n = lanes;
    PartType inner = operand_part(x->op, elem, lanes);
    for (int i = 0; i < expr_arity(x); i++)
        /* Nodes are this parser's own until it returns. */
        resolve(P, (Expr *)(uintptr_t)x->a[i], inner);
}

const Expr *lp_value(Parser *P, int elem, int lanes)
{
    Untyped *x = parse_expr(P);
    resolve(P, &x->e, (PartType){elem, lanes});
    return &x->e;
}
