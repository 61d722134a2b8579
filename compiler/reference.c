/* Keeps what the double-precision evaluation passes by, and compares with it. */
#include "reference.h"

#include <math.h>
#include <string.h>

typedef struct Kept { Arena *arena; const Graph *g; const bool *wanted; double **value; } Kept;

static void keep(void *user, ValueId v, const double *x)
{
    Kept *k = user;
    if (!k->wanted[v] || k->value[v])
        return;
    int64_t n = type_elems(&k->g->value.v[v].type);
    k->value[v] = NEW(k->arena, double, n);
    memcpy(k->value[v], x, (size_t)n * sizeof *x);
}

double **reference_eval(Arena *A, const Graph *g, float *const *in, const bool *wanted)
{
    Kept k = {A, g, wanted, NEW(A, double *, g->value.n)};
    const double **x = NEW(A, const double *, g->input.n);
    for (int i = 0; i < g->input.n; i++) {
        ValueId v = g->input.v[i];
        int64_t n = type_elems(&g->value.v[v].type);
        double *wide = NEW(A, double, n);
        for (int64_t e = 0; e < n; e++)
            wide[e] = (double)in[i][e];
        x[i] = wide;
        keep(&k, v, wide);
    }
    graph_eval(g, x, keep, &k);
    return k.value;
}

double **reference_outputs(Arena *A, const Graph *g, float *const *in)
{
    bool *wanted = NEW(A, bool, g->value.n);
    for (int i = 0; i < g->output.n; i++)
        wanted[g->output.v[i]] = true;
    double **value = reference_eval(A, g, in, wanted), **out = NEW(A, double *, g->output.n);
    for (int i = 0; i < g->output.n; i++)
        out[i] = value[g->output.v[i]];
    return out;
}

double largest_error(const float *x, const double *ref, int64_t n)
{
    double worst = 0;
    for (int64_t i = 0; i < n; i++) {
        if ((double)x[i] == ref[i] || (isnan(x[i]) && isnan(ref[i])))
            continue;
        double d = fabs((double)x[i] - ref[i]);
        if (!(d <= HUGE_VAL) || !isfinite(x[i]))
            return HUGE_VAL;
        worst = fmax(worst, d);
    }
    return worst;
}

double relative_error(const float *x, const double *ref, int64_t n)
{
    double worst = largest_error(x, ref, n), largest = 0;
    for (int64_t i = 0; i < n; i++)
        if (isfinite(ref[i]))
            largest = fmax(largest, fabs(ref[i]));
    return largest > 0 ? worst / largest : worst;
}

void random_input(float *x, const Type *t, uint64_t seed, const char *name)
{
    Rng r = rng_seed(seed, name);
    for (int64_t i = 0, n = type_elems(t); i < n; i++)
        x[i] = (float)rng_normal(&r);
}
