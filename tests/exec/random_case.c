#include "random_case.h"

#include <math.h>
#include <string.h>

const Type *case_port(const Case *c, int i)
{
    const Graph *g = c->written;
    return &g->value.v[i < g->input.n ? g->input.v[i] : g->output.v[i - g->input.n]].type;
}

int case_ports(const Case *c) { return c->written->input.n + c->written->output.n; }

static void keep_output(void *user, ValueId v, const double *x)
{
    Case *c = user;
    for (int64_t k = 0; k < type_elems(&c->written->value.v[v].type); k++)
        if (isfinite(x[k]))
            c->largest[v] = fmax(c->largest[v], fabs(x[k]));
    for (int i = 0; i < c->written->output.n; i++)
        if (c->written->output.v[i] == v) {
            int64_t n = type_elems(&c->written->value.v[v].type);
            c->ref[i] = NEW(c->A, double, n);
            memcpy(c->ref[i], x, (size_t)n * sizeof *x);
        }
}

void case_fill(Case *c)
{
    const double *in[MAX_PORTS];
    for (int i = 0; i < case_ports(c); i++) {
        int64_t n = type_elems(case_port(c, i));
        c->io[i] = NEW(c->A, float, n);
        if (i >= c->written->input.n)
            continue;
        double *x = NEW(c->A, double, n);
        Rng r = rng_seed(c->seed, "input");
        for (int64_t k = 0; k < n; k++)
            x[k] = (double)(c->io[i][k] = (float)rng_normal(&r));
        in[i] = x;
    }
    c->largest = NEW(c->A, double, c->written->value.n);
    graph_eval(c->written, in, keep_output, c);
}

static bool clips(Op op)
{
    return op == OP_relu || op == OP_relu6 || op == OP_clamp || op == OP_maximum || op == OP_minimum ||
           op == OP_hard_sigmoid || op == OP_hard_swish;
}

/* The step behind which a value is zero everywhere: the operand that is so already, -1: this one. */
static ValueId zero_operand(const Case *c, const Node *n)
{
    for (int k = 0; k < n->nin; k++)
        if (!(c->largest[n->in[k]] > 0) && c->written->value.v[n->in[k]].kind == VAL_NODE)
            return n->in[k];
    return -1;
}

/* Of an output that is zero everywhere because a step clipped it, errors are measured in what that step was given. So
   they are where a convolution's windows lie in the padding: Winograd's method adds and subtracts what lies beside
   them. Any other output of zeros must be zero to the bit. */
static double clipped_from(const Case *c, int output)
{
    const Graph *g = c->written;
    double largest = 0;
    for (ValueId v = g->output.v[output]; v >= 0 && g->value.v[v].kind == VAL_NODE;) {
        const Node *n = &g->node.v[g->value.v[v].node];
        bool rounds = clips(n->op) || (c->winograd && n->op == OP_conv2d);
        for (int k = 0; k < n->nin && rounds; k++)
            largest = fmax(largest, c->largest[n->in[k]]);
        v = largest > 0 ? -1 : zero_operand(c, n);
    }
    return largest;
}

const char *case_against_reference(Case *c)
{
    for (int i = 0; i < c->written->output.n; i++) {
        const float *x = c->io[c->written->input.n + i];
        double err = 0, mag = 0;
        for (int64_t k = 0; k < type_elems(case_port(c, c->written->input.n + i)); k++) {
            double r = c->ref[i][k];
            if (isfinite(r))
                mag = fmax(mag, fabs(r));
            /* infinities of empty windows are equal, and so is what an infinity times zero makes */
            if ((double)x[k] == r || (isnan(x[k]) && isnan(r)))
                continue;
            err = isfinite(x[k]) ? fmax(err, fabs((double)x[k] - r)) : INFINITY;
        }
        mag = mag > 0 ? mag : clipped_from(c, i);
        if (!(err <= (c->winograd ? 1e-4 : 1e-5) * mag))
            return arena_printf(c->A, "output %d is %.3g of %.3g away from the reference", i, err, mag);
    }
    return NULL;
}

const char *case_interpret(Case *c)
{
    const char *wrong = program_check(c->p);
    if (wrong)
        return wrong;
    memset(c->arena, 0xff, (size_t)c->p->arena_bytes);
    for (int i = c->written->input.n; i < case_ports(c); i++)
        memset(c->io[i], 0xff, (size_t)type_elems(case_port(c, i)) * sizeof(float));
    Arena *scratch = arena_new();
    wrong = program_interp(c->p, c->io, c->arena, scratch);
    wrong = wrong ? arena_printf(c->A, "%s", wrong) : NULL;
    arena_free(scratch);
    return wrong;
}
