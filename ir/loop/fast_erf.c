/* The error function in some twenty operations, in place and with fma where there is one. Most of them do not wait
   for each other. @erf of functions.loops takes a hundred in one chain, longer than a linear layer of 96 inputs. */
#include "loops.h"

/* Coefficients from that of the highest power on. */
static const Expr *horner(KB *b, bool fma, const Expr *x, const double *c, int n)
{
    const Expr *y = x_const(b, x->type, c[0]);
    for (int i = 1; i < n; i++)
        y = x_fma(b, fma, y, x, x_const(b, x->type, c[i]));
    return y;
}

/* x P(x^2) / Q(x^2) up to 4, where it is 1: Eigen's generic_fast_erf. */
const Expr *x_fast_erf(KB *b, bool fma, const Expr *x)
{
    static const double p[] = {-2.72614225801306e-10, 2.77068142495902e-08, -2.10102402082508e-06,
                               -5.69250639462346e-05, -7.34990630326855e-04, -2.95459980854025e-03,
                               -1.60960333262415e-02};
    static const double q[] = {-1.45660718464996e-05, -2.13374055278905e-04, -1.68282697438203e-03,
                               -7.37332916720468e-03, -1.42647390514189e-02};
    const Expr *low = x_const(b, x->type, -4), *high = x_const(b, x->type, 4);
    x = x_bin(b, X_min, high, x_bin(b, X_max, low, x)); /* NaN goes through */
    const Expr *t = x_reg(b, kb_let(b, "t", x)), *z = x_reg(b, kb_let(b, "z", x_bin(b, X_mul, t, t)));
    return x_bin(b, X_div, x_bin(b, X_mul, t, horner(b, fma, z, p, LEN(p))), horner(b, fma, z, q, LEN(q)));
}
