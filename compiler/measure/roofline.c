/* Counts from the optimized graph, times from them. */
#include "roofline.h"

#include <math.h>
#include <stdio.h>

#include "../../passes/edit.h"
#include "../../passes/geometry/winograd.h"
#include "../emit/cc.h"
#include "../cli/term.h"

/* ---- counts ---- */

static void count_winograd(const Graph *g, const Node *n, RoofLayer *l)
{
    WinoConv v;
    if (!winograd_conv(g, n, false, &v))
        return;
    Type out = node_step_type(g, n, 0);
    for (int m = WINO_MIN; m <= WINO_MAX && m + v.r - 1 <= WINO_MAX_N; m++) {
        Winograd w = winograd_make(m, v.r);
        if (!winograd_allowed(&w))
            continue;
        int64_t tiles = out.dim[0] * ((out.dim[2] + m - 1) / m) * ((out.dim[3] + m - 1) / m);
        int64_t macs = tiles * w.n * w.n * v.groups * v.inner * out.dim[1];
        if (macs < l->least)
            l->least = macs, l->tile = m, l->window = v.r;
    }
}

static int64_t new_bytes(const Graph *g, ValueId v, bool *seen)
{
    if (v < 0 || g->value.v[v].kind != VAL_CONST || seen[v])
        return 0;
    seen[v] = true;
    return type_elems(&g->value.v[v].type) * dtype_size(g->value.v[v].type.dtype);
}

static int64_t node_weights(const Graph *g, const Node *n, bool *seen)
{
    int64_t bytes = 0;
    for (int i = 0; i < n->nin; i++)
        bytes += new_bytes(g, n->in[i], seen);
    for (int s = 0; s < n->nstep; s++)
        for (int i = 0; i < n->step[s].nin; i++)
            bytes += new_bytes(g, n->step[s].in[i], seen);
    return bytes;
}

Roofline roofline_counts(const Job *j)
{
    const Graph *g = j->graph;
    Roofline r = {0};
    bool *seen = NEW(j->arena, bool, g->value.n);
    bool winograd = !j->opt->strict && job_pass_options(j).winograd != WINOGRAD_OFF && j->target->lanes > 1 &&
                    !j->target->mcu;
    for (int i = 0; i < g->node.n; i++) {
        const Node *n = &g->node.v[i];
        if (n->op == OP_NONE || n->view)
            continue;
        RoofLayer l = {.node = i, .macs = node_macs(g, n), .weights_bytes = node_weights(g, n, seen)};
        l.least = l.macs;
        if (winograd)
            count_winograd(g, n, &l);
        r.macs += l.macs, r.least += l.least, r.weights_bytes += l.weights_bytes;
        if (l.macs || l.weights_bytes)
            PUSH(j->arena, &r.layer, l);
    }
    return r;
}

/* ---- times ---- */

void roofline_times(Roofline *r, int threads, Peak peak, const Bandwidth *speed)
{
    r->threads = threads;
    r->peak = peak;
    r->speed = *speed;
    double gbs = bandwidth_of(speed, r->weights_bytes, &r->from);
    for (int i = 0; i < r->layer.n; i++) {
        RoofLayer *l = &r->layer.v[i];
        l->compute_ms = 2e-6 * (double)l->least / peak.gflops;
        l->weights_ms = 1e-6 * (double)l->weights_bytes / gbs;
        l->ms = fmax(l->compute_ms, l->weights_ms);
        r->ms += l->ms;
    }
    r->direct_ms = 2e-6 * (double)r->macs / peak.gflops;
}

Roofline roofline_here(const Job *j, int threads)
{
    Roofline r = roofline_counts(j);
    r.lacks = host_lacks(j->arena, j->target);
    if (r.lacks)
        return r;
    Bandwidth speed = measure_bandwidth(threads);
    roofline_times(&r, threads, measure_peak(threads, j->target->lanes), &speed);
    return r;
}

/* ---- text ---- */

const char *roofline_algorithm(Arena *A, const RoofLayer *l)
{
    if (!l->tile)
        return "direct";
    return arena_printf(A, "F(%dx%d, %dx%d)", l->tile, l->tile, l->window, l->window);
}

static void print_machine(Arena *A, const Roofline *r)
{
    if (r->lacks) {
        printf("  no times: %s\n\n", r->lacks);
        return;
    }
    printf("  %-10s %.1f GFLOP/s of multiply-adds (%s), %s\n", "peak", r->peak.gflops, r->peak.isa,
           plural(A, r->threads, "thread"));
    printf("  %-10s", "reads");
    if (r->speed.l2 > 0)
        printf(" L2 %.0f GB/s,", r->speed.l2);
    if (r->speed.l3 > 0)
        printf(" L3 %.0f GB/s,", r->speed.l3);
    printf(" memory %.0f GB/s; %s bytes of weights come from %s\n", r->speed.memory, digits(A, r->weights_bytes),
           r->from);
    printf("  %-10s %s with every multiply-add of the direct way, at the peak\n", "direct", ms_text(A, r->direct_ms));
    printf("  %-10s %s\n\n", "roofline", ms_text(A, r->ms));
}

static void time_cell(Table *t, const Roofline *r, double ms)
{
    table_cell(t, "%s", r->threads ? ms_text(t->arena, ms) : "");
}

void roofline_print(const Job *j, const Roofline *r)
{
    Arena *A = j->arena;
    Table t = table_new(A, "llrrrrr");
    static const char *const heading[] = {"layers", "cheapest", "MACs", "of direct", "weights", "at peak", "roofline"};
    printf("%s for %s, -O%d%s: least time of an inference\n", j->spec->name, j->target->name, j->opt->level,
           j->opt->strict ? ", strict" : "");
    print_machine(A, r);
    for (int i = 0; i < LEN(heading); i++)
        table_cell(&t, "%s", heading[i]);
    for (int i = 0; i < r->layer.n; i++) {
        const RoofLayer *l = &r->layer.v[i];
        table_cell(&t, "%s", short_layers(A, node_title(&j->graph->node.v[l->node])));
        table_cell(&t, "%s", l->macs ? roofline_algorithm(A, l) : "");
        table_cell(&t, "%s", digits(A, l->least));
        table_cell(&t, "%s", l->macs ? arena_printf(A, "%.0f %%", 100 * (double)l->least / (double)l->macs) : "");
        table_cell(&t, "%s", digits(A, l->weights_bytes));
        time_cell(&t, r, l->compute_ms);
        time_cell(&t, r, l->ms);
    }
    table_cell(&t, "total");
    table_cell(&t, "%s", "");
    table_cell(&t, "%s", digits(A, r->least));
    table_cell(&t, "%.0f %%", r->macs ? 100 * (double)r->least / (double)r->macs : 100);
    table_cell(&t, "%s", digits(A, r->weights_bytes));
    time_cell(&t, r, 2e-6 * (double)r->least / (r->threads ? r->peak.gflops : 1));
    time_cell(&t, r, r->ms);
    table_print(&t);
}
