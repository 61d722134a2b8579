/* Winograd's transforms against plain convolution, and how far single precision strays. */
#include <CUnit/CUnit.h>
#include <math.h>

#include "../../../ir/base/base.h"
#include "../../../passes/winograd/winograd_kernel.h"

void suite_winograd(void);

enum { MAX_R = 4 };

static double small(Rng *r) { return (double)(int)(rng_next(r) % 17) - 8; }

/* at (U * V) a, with U from the taps and V = bt d b. */
static void by_transform(const Winograd *w, const double *d, const float *g, double *out)
{
    int n = w->n;
    double u[WINO_MAX_N * WINO_MAX_N];
    winograd_weights(w, g, u);
    for (int i = 0; i < n; i++)
        for (int j = 0; j < n; j++) {
            double v = 0;
            for (int y = 0; y < n; y++)
                for (int x = 0; x < n; x++)
                    v += w->bt[i][y] * w->bt[j][x] * d[y * n + x];
            u[i * n + j] *= v;
        }
    for (int y = 0; y < w->m; y++)
        for (int x = 0; x < w->m; x++) {
            double sum = 0;
            for (int i = 0; i < n; i++)
                for (int j = 0; j < n; j++)
                    sum += w->at[y][i] * w->at[x][j] * u[i * n + j];
            out[y * w->m + x] = sum;
        }
}

static void test_identity(void)
{
    Rng rng = rng_seed(7, "winograd");
    for (int r = 1; r <= MAX_R; r++)
        for (int m = 1; m + r - 1 <= WINO_MAX_N; m++)
            for (int trial = 0; trial < 5; trial++) {
                Winograd w = winograd_make(m, r);
                double d[WINO_MAX_N * WINO_MAX_N], out[WINO_MAX_N * WINO_MAX_N];
                float g[MAX_R * MAX_R];
                for (int i = 0; i < w.n * w.n; i++)
                    d[i] = small(&rng);
                for (int i = 0; i < r * r; i++)
                    g[i] = (float)small(&rng);
                by_transform(&w, d, g, out);
                for (int y = 0; y < m; y++)
                    for (int x = 0; x < m; x++) {
                        double direct = 0;
                        for (int ky = 0; ky < r; ky++)
                            for (int kx = 0; kx < r; kx++)
                                direct += d[(y + ky) * w.n + x + kx] * (double)g[ky * r + kx];
                        CU_ASSERT_DOUBLE_EQUAL(out[y * m + x], direct, 1e-9);
                    }
            }
}

/* What the lowering relies on. Columns of opposite points are equal or opposite. Inputs and outputs are transformed
   with numbers that single precision has. */
static void test_pairs(void)
{
    for (int m = WINO_MIN; m <= WINO_MAX; m++) {
        Winograd w = winograd_make(m, 3);
        CU_ASSERT_EQUAL(w.n, m + 2);
        CU_ASSERT_EQUAL(w.pairs, m / 2);
        for (int k = 1; k <= 2 * w.pairs; k += 2) {
            for (int i = 0; i < m; i++)
                CU_ASSERT_EQUAL(w.at[i][k], i % 2 ? -w.at[i][k + 1] : w.at[i][k + 1]);
        }
        for (int i = 0; i < w.n; i++)
            for (int j = 0; j < w.n; j++) {
                CU_ASSERT_EQUAL((double)(float)w.bt[i][j], w.bt[i][j]);
                CU_ASSERT_EQUAL((double)(float)w.at[i][j], w.at[i][j]);
            }
    }
}

static float f32(double x) { return (float)x; }

/* One channel in single precision, all windows: the largest error over the largest output stays under the bound. */
static void test_error(void)
{
    Rng rng = rng_seed(11, "winograd");
    double before = 0;
    for (int k = 0; k < 4 * (WINO_MAX - WINO_MIN + 1); k++) {
        int m = WINO_MIN + k / 4, r = 2 + k % 4;
        if (m + r - 1 > WINO_MAX_N)
            continue;
        Winograd w = winograd_make(m, r);
        double bound = winograd_error(&w), worst = 0, largest = 0;
        if (r == 3) {
            CU_ASSERT(bound > before && bound < 1e-4);
            before = bound;
        }
        for (int trial = 0; trial < 200; trial++) {
            int n = w.n;
            double d[WINO_MAX_N * WINO_MAX_N], u[WINO_MAX_N * WINO_MAX_N], exact[WINO_MAX_N * WINO_MAX_N];
            float g[25], half[WINO_MAX_N][WINO_MAX_N], prod[WINO_MAX_N][WINO_MAX_N];
            for (int i = 0; i < n * n; i++)
                d[i] = (double)f32(rng_normal(&rng));
            for (int i = 0; i < r * r; i++)
                g[i] = f32(rng_normal(&rng));
            by_transform(&w, d, g, exact);
            winograd_weights(&w, g, u);
            for (int i = 0; i < n; i++)
                for (int x = 0; x < n; x++) {
                    half[i][x] = 0;
                    for (int y = 0; y < n; y++)
                        half[i][x] = f32((double)half[i][x] + w.bt[i][y] * d[y * n + x]);
                }
            for (int i = 0; i < n; i++)
                for (int j = 0; j < n; j++) {
                    float v = 0;
                    for (int x = 0; x < n; x++)
                        v = f32((double)v + w.bt[j][x] * (double)half[i][x]);
                    prod[i][j] = f32((double)v * (double)f32(u[i * n + j]));
                }
            for (int y = 0; y < m; y++)
                for (int x = 0; x < m; x++) {
                    double sum = 0;
                    for (int i = 0; i < n; i++)
                        for (int j = 0; j < n; j++)
                            sum = (double)f32(sum + w.at[y][i] * w.at[x][j] * (double)prod[i][j]);
                    worst = fmax(worst, fabs(sum - exact[y * m + x]));
                    largest = fmax(largest, fabs(exact[y * m + x]));
                }
        }
        CU_ASSERT(worst > 0 && worst <= bound * largest);
    }
}

void suite_winograd(void)
{
    CU_pSuite s = CU_add_suite("winograd", NULL, NULL);
    CU_add_test(s, "the transforms compute a convolution", test_identity);
    CU_add_test(s, "opposite points come in pairs", test_pairs);
    CU_add_test(s, "single precision stays within the bound", test_error);
}
