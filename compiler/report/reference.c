/* Keeps what the double-precision evaluation passes by, and compares with it. */
#include "reference.h"

#include "../../passes/schedule.h"

#include <float.h>
#include <math.h>
#include <string.h>

typedef struct Kept { Arena *arena; const Graph *g; const bool *wanted; double **value; } Kept;

static void keep_value(void *user, ValueId v, const double *x)
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
            wide[e] = g->flush_to_zero && fabsf(in[i][e]) < FLT_MIN ? 0 : (double)in[i][e];
        x[i] = wide;
        keep_value(&k, v, wide);
    }
    graph_eval(g, x, keep_value, &k);
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

double flush_noise(const Graph *g)
{
    return g->flush_to_zero ? 0x1p20 * (double)FLT_MIN : 0;
}

double largest_error(const float *x, const double *ref, int64_t n, double noise)
{
    double worst = 0;
    for (int64_t i = 0; i < n; i++) {
        if ((double)x[i] == ref[i] || (isnan(x[i]) && isnan(ref[i])))
            continue;
        double d = fabs((double)x[i] - ref[i]);
        if (!(d <= HUGE_VAL) || !isfinite(x[i]))
            return HUGE_VAL;
        worst = d <= noise ? worst : fmax(worst, d);
    }
    return worst;
}

double relative_error(const float *x, const double *ref, int64_t n, double noise)
{
    double worst = largest_error(x, ref, n, noise), largest = 0;
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

double *value_tolerances(Arena *A, const Graph *g)
{
    double *t = NEW(A, double, g->value.n);
    for (int i = 0; i < g->node.n; i++) {
        const Node *n = &g->node.v[i];
        double most = node_tolerance(n);
        for (int k = 0; k < n->nin; k++)
            most = n->in[k] < 0 ? most : fmax(most, t[n->in[k]]);
        for (int s = 0; s < n->nstep; s++)
            for (int k = 0; k < n->step[s].nin; k++)
                most = n->step[s].in[k] < 0 ? most : fmax(most, t[n->step[s].in[k]]);
        for (int k = 0; k < n->nout; k++)
            t[n->out[k].value] = most;
    }
    return t;
}

double output_tolerance(Arena *A, const Graph *g)
{
    const double *t = value_tolerances(A, g);
    double most = 0;
    for (int i = 0; i < g->output.n; i++)
        most = fmax(most, t[g->output.v[i]]);
    return most;
}
