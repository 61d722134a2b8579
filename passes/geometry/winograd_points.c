/* The matrices of Winograd's short convolutions, by the construction of Toom and Cook: polynomials are multiplied by
   their values at m + r - 2 points and at infinity (Winograd, Arithmetic Complexity of Computations, 1980; Lavin and
   Gray, arXiv:1509.09308). The points are 0, 1, -1, 2, -2, 1/2, -1/2: those whose powers stay small, in pairs, and all
   numbers are fractions until the matrices are complete. */
#include <math.h>

#include "winograd.h"

typedef struct Q { int64_t n, d; } Q; /* n / d in lowest terms, d > 0 */

static Q q_make(int64_t n, int64_t d)
{
    int64_t a = n < 0 ? -n : n, b = d < 0 ? -d : d;
    while (b) {
        int64_t t = a % b;
        a = b, b = t;
    }
    if (!a)
        return (Q){0, 1};
    return d < 0 ? (Q){-n / a, -d / a} : (Q){n / a, d / a};
}

static Q q_mul(Q a, Q b) { return q_make(a.n * b.n, a.d * b.d); }
static Q q_sub(Q a, Q b) { return q_make(a.n * b.d - b.n * a.d, a.d * b.d); }
static double q_number(Q a) { return (double)a.n / (double)a.d; }

static const Q points[WINO_MAX_N - 1] = {{0, 1}, {1, 1}, {-1, 1}, {2, 1}, {-2, 1}, {1, 2}, {-1, 2}};

/* The coefficients of the product of (x - point) over all points but `without`, lowest power first. */
static int multiply_factors(int npoints, int without, Q *c)
{
    int degree = 0;
    c[0] = (Q){1, 1};
    for (int k = 0; k < npoints; k++) {
        if (k == without)
            continue;
        c[degree + 1] = c[degree];
        for (int i = degree; i > 0; i--)
            c[i] = q_sub(c[i - 1], q_mul(points[k], c[i]));
        c[0] = q_mul(q_make(-1, 1), q_mul(points[k], c[0]));
        degree++;
    }
    return degree;
}

Winograd winograd_make(int m, int r)
{
    Winograd w = {.m = m, .r = r, .n = m + r - 1};
    int last = w.n - 1; /* infinity */
    if (m < 1 || r < 1 || w.n > WINO_MAX_N)
        bug("no Winograd transform of %d outputs and %d taps", m, r);
    for (int i = 0; i < last; i++) {
        Q scale = {1, 1}, power = {1, 1}, c[WINO_MAX_N];
        for (int k = 0; k < last; k++)
            if (k != i)
                scale = q_mul(scale, q_sub(points[i], points[k]));
        for (int j = 0; j < m || j < r; j++, power = q_mul(power, points[i])) {
            if (j < m)
                w.at[j][i] = q_number(power);
            if (j < r)
                w.g[i][j] =
                    q_number(q_mul(power, (Q){scale.d * (scale.n < 0 ? -1 : 1), scale.n < 0 ? -scale.n : scale.n}));
        }
        for (int k = multiply_factors(last, i, c); k >= 0; k--)
            w.bt[i][k] = q_number(c[k]);
    }
    Q c[WINO_MAX_N];
    for (int k = multiply_factors(last, -1, c); k >= 0; k--)
        w.bt[last][k] = q_number(c[k]);
    w.at[m - 1][last] = w.g[last][r - 1] = 1;
    w.pairs = (last - 1) / 2;
    return w;
}

double winograd_error(const Winograd *w)
{
    double most = 0;
    for (int i = 0; i < w->m; i++) {
        double sum = 0;
        for (int p = 0; p < w->n; p++) {
            double g = 0, b = 0;
            for (int k = 0; k < w->r; k++)
                g += w->g[p][k] * w->g[p][k];
            for (int k = 0; k < w->n; k++)
                b += w->bt[p][k] * w->bt[p][k];
            sum += w->at[i][p] * w->at[i][p] * g * b;
        }
        most = fmax(most, sum / w->r);
    }
    return 8 * ldexp(most, -24);
}

void winograd_weights(const Winograd *w, const float *g, double *u)
{
    double half[WINO_MAX_N][WINO_MAX_N];
    for (int i = 0; i < w->n; i++)
        for (int x = 0; x < w->r; x++) {
            half[i][x] = 0;
            for (int y = 0; y < w->r; y++)
                half[i][x] += w->g[i][y] * (double)g[y * w->r + x];
        }
    for (int i = 0; i < w->n; i++)
        for (int j = 0; j < w->n; j++) {
            double sum = 0;
            for (int x = 0; x < w->r; x++)
                sum += half[i][x] * w->g[j][x];
            u[i * w->n + j] = sum;
        }
}
