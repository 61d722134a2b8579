/* Arithmetic and comparisons of expressions: integers in 64 bits, numbers in double precision. */
#include "spec_expr.h"

#include <math.h>
#include <string.h>

bool expr_type_error(SpecExpr *e, const char *at, const char *op, const Pval *a, const Pval *b)
{
    if (b)
        spec_error(e->cx, expr_loc(e, at, at + strlen(op)), NULL, "'%s' does not take %s and %s", op, pval_kind(a),
                   pval_kind(b));
    else
        spec_error(e->cx, expr_loc(e, at, at + strlen(op)), NULL, "'%s' does not take %s", op, pval_kind(a));
    return false;
}

static bool divide(int64_t a, int64_t b, int64_t *q, int64_t *r)
{
    if (b == -1) { /* INT64_MIN / -1 overflows */
        *r = 0;
        return !__builtin_sub_overflow((int64_t)0, a, q);
    }
    *q = a / b;
    *r = a % b;
    if (*r && (*r < 0) != (b < 0)) {
        --*q;
        *r += b;
    }
    return true;
}

bool expr_int_op(SpecExpr *e, const char *at, char op, int64_t a, int64_t b, int64_t *r)
{
    bool ok = true;
    int64_t rest, quotient;
    if ((op == '/' || op == '%') && b == 0) {
        spec_error(e->cx, expr_loc(e, at, at + 1), NULL, "division by zero in '%.60s'", e->text);
        return false;
    }
    switch (op) {
    case '+': ok = add_ok(a, b, r); break;
    case '-': ok = !__builtin_sub_overflow(a, b, r); break;
    case '*': ok = mul_ok(a, b, r); break;
    case '/': ok = divide(a, b, r, &rest); break;
    default: ok = divide(a, b, &quotient, r); break;
    }
    if (!ok)
        spec_error(e->cx, expr_loc(e, at, at + 1), NULL, "the result of '%c' does not fit in 64 bits", op);
    return ok;
}

bool expr_arith(SpecExpr *e, const char *at, char op, Pval *a, const Pval *b)
{
    char name[2] = {op, 0};
    if (e->skip)
        return true;
    if (!pval_is_num(a) || !pval_is_num(b) || (op == '%' && (a->kind == PV_NUM || b->kind == PV_NUM)))
        return expr_type_error(e, at, name, a, b);
    if (a->kind == PV_INT && b->kind == PV_INT)
        return expr_int_op(e, at, op, a->as.i, b->as.i, &a->as.i);
    double x = pval_num(a), y = pval_num(b), r;
    if (op == '/' && y == 0) {
        spec_error(e->cx, expr_loc(e, at, at + 1), NULL, "division by zero in '%.60s'", e->text);
        return false;
    }
    r = op == '+' ? x + y : op == '-' ? x - y : op == '*' ? x * y : x / y;
    if (!isfinite(r)) {
        spec_error(e->cx, expr_loc(e, at, at + 1), NULL, "the result of '%c' is not finite", op);
        return false;
    }
    *a = (Pval){.kind = PV_NUM, .as.d = r};
    return true;
}

bool expr_compare(SpecExpr *e, const char *at, const char *op, Pval *a, const Pval *b)
{
    if (e->skip)
        return true;
    bool equality = op[0] == '=' || op[0] == '!';
    int c;
    if (a->kind == PV_INT && b->kind == PV_INT)
        c = a->as.i < b->as.i ? -1 : a->as.i > b->as.i;
    else if (pval_is_num(a) && pval_is_num(b))
        c = pval_num(a) < pval_num(b) ? -1 : pval_num(a) > pval_num(b);
    else if (equality && a->kind == PV_TEXT && b->kind == PV_TEXT)
        c = strcmp(a->as.text, b->as.text);
    else if (equality && a->kind == PV_BOOL && b->kind == PV_BOOL)
        c = a->as.b != b->as.b;
    else
        return expr_type_error(e, at, op, a, b);
    bool r = op[0] == '=' ? c == 0 : op[0] == '!' ? c != 0 : op[0] == '<' ? c < 0 : c > 0;
    if (!equality && op[1] == '=')
        r = r || c == 0;
    *a = (Pval){.kind = PV_BOOL, .as.b = r};
    return true;
}
