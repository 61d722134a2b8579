/* One dimension of Winograd's transforms on vectors: sums of a few terms, of which opposite points share theirs. */
#include "winograd_kernel.h"

/* sum of k[i] * x[i], terms that need no multiplication first. */
static const Expr *combine(KC *kc, int n, const double *k, const Expr *const *x)
{
    KB *b = &kc->b;
    const Expr *sum = NULL;
    for (int pass = 0; pass < 3; pass++)
        for (int i = 0; i < n; i++) {
            if (k[i] == 0 || pass != (k[i] == 1 ? 0 : k[i] == -1 && sum ? 1 : 2))
                continue;
            if (k[i] == 1)
                sum = sum ? x_bin(b, X_add, sum, x[i]) : x[i];
            else if (k[i] == -1 && sum)
                sum = x_bin(b, X_sub, sum, x[i]);
            else {
                const Expr *c = x_const(b, x[i]->type, k[i]);
                sum = sum ? x_fma(b, kc->t->fma, x[i], c, sum) : x_bin(b, X_mul, x[i], c);
            }
        }
    return kc_reg(kc, "t", sum);
}

void wino_input_rows(KC *kc, const Winograd *w, int first, bool pair, const Expr *const *d, const Expr **out)
{
    if (!pair) {
        out[0] = combine(kc, w->n, w->bt[first], d);
        return;
    }
    KB *b = &kc->b;
    double even[WINO_MAX_N], odd[WINO_MAX_N], point = 0;
    for (int i = 0; i < w->n; i++) {
        even[i] = (w->bt[first][i] + w->bt[first + 1][i]) / 2;
        odd[i] = (w->bt[first][i] - w->bt[first + 1][i]) / 2;
        point = odd[i] != 0 ? odd[i] : point; /* odd is the point, a power of two, times a row that ends in 1 */
    }
    for (int i = 0; i < w->n; i++)
        odd[i] /= point;
    const Expr *e = combine(kc, w->n, even, d), *o = combine(kc, w->n, odd, d);
    for (int k = 0; k < 2; k++) {
        const Expr *c = x_const(b, e->type, k ? -point : point);
        out[k] = kc_reg(kc, "v", point == 1 ? x_bin(b, k ? X_sub : X_add, e, o) : x_fma(b, kc->t->fma, o, c, e));
    }
}

/* Row i of At times the column d, whose pairs are given as sums (even i) or differences. */
static const Expr *output_row(KC *kc, const Winograd *w, int i, const Expr *const *d, const Expr *const *half)
{
    double k[WINO_MAX_N];
    const Expr *x[WINO_MAX_N];
    int n = 0;
    for (int p = 0; p < w->n; p++) {
        bool paired = p > 0 && p <= 2 * w->pairs;
        if (w->at[i][p] == 0 || (paired && p % 2 == 0))
            continue;
        k[n] = w->at[i][p], x[n++] = paired ? half[(p - 1) / 2] : d[p];
    }
    return combine(kc, n, k, x);
}

void wino_output_rows(KC *kc, const Winograd *w, int from, int step, int rows, const Expr *const *d, const Expr **out)
{
    for (int odd = 0; odd < 2; odd++) {
        const Expr *half[WINO_MAX_N];
        int first = from;
        while (first < rows && first % 2 != odd)
            first += step;
        for (int k = 0; k < w->pairs && first < rows; k++)
            half[k] = kc_reg(kc, odd ? "d" : "s", x_bin(&kc->b, odd ? X_sub : X_add, d[1 + 2 * k], d[2 + 2 * k]));
        for (int i = first; i < rows; i += step)
            if (i % 2 == odd)
                out[i] = output_row(kc, w, i, d, half);
    }
}
