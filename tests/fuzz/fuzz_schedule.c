/* libFuzzer target. Schedule files of any kind must be refused with a message, or print as text that reads as the
   same. Each schedule in them is impossible for a layer of the network below, or its code gives the right numbers. */
#include "../../compiler/tune/schedule_file.h"
#include "../../compiler/weights/weights.h"
#include "../../passes/lower/lowering.h"
#include "fuzz.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_TRIED = 6, ELEMS = 4 * 9 * 7, OUTPUTS = 5 };

static const char network[] = "name: net\n"
                              "input: {image: {type: 'f32[1,4,9,7]'}}\n"
                              "network:\n"
                              "  - {op: conv2d, name: dense, out: 17, kernel: 3, pad: 1}\n"
                              "  - relu\n"
                              "  - {op: conv2d, name: depthwise, out: 17, kernel: 3, pad: 1, groups: 17}\n"
                              "  - {op: conv2d, name: pointwise, out: 16, kernel: 1}\n"
                              "  - {op: conv2d, name: strided, out: 16, kernel: 3, pad: 1, stride: 2}\n"
                              "  - {op: conv2d, name: grouped, out: 24, kernel: 3, pad: 1, groups: 2}\n"
                              "  - {op: mean, axes: [2, 3]}\n"
                              "  - {op: linear, name: fc, out: 5}\n"
                              "output: y\n";

/* The network as written, as choose-kernels leaves it, and its numbers. Made once. */
static struct {
    Arena *A;
    Graph *written, *chosen;
    float image[ELEMS];
    double right[OUTPUTS];
} net;

static void keep_chosen(void *user, const PassInfo *info, const Graph *g, double ms, bool changed)
{
    (void)user, (void)ms, (void)changed;
    if (info && !strcmp(info->name, "choose-kernels"))
        net.chosen = graph_clone(net.A, g);
}

static void keep_output(void *user, ValueId v, const double *x)
{
    (void)user;
    if (v == net.written->output.v[0])
        memcpy(net.right, x, sizeof net.right);
}

/* Threads: Winograd's planes come in parts. */
static PassOptions options(void)
{
    return (PassOptions){.target = target_find("x86-64-v4"), .opt = 2, .threads = 2};
}

static void make_network(void)
{
    Weights w;
    PassOptions o = options();
    net.A = arena_new();
    Spec *spec = spec_parse(net.A, "net.yaml", network, strlen(network), NULL, 0, NULL);
    o.observe = keep_chosen;
    if (!spec || !weights_bind(net.A, spec->graph, "random:1", &(WeightsOptions){0}, &w))
        bug("the network of this test is wrong");
    net.written = spec->graph;
    if (!passes_run(graph_clone(net.A, net.written), &o) || !net.chosen)
        bug("the network of this test does not compile");
    double x[ELEMS];
    Rng r = rng_seed(1, "image");
    for (int i = 0; i < ELEMS; i++)
        x[i] = (double)(net.image[i] = (float)rng_normal(&r));
    graph_eval(net.written, (const double *[]){x}, keep_output, NULL);
}

static void check_numbers(Arena *A, const Program *p, const char *schedule)
{
    float out[OUTPUTS];
    double error = 0, largest = 0;
    void *arena = arena_alloc(A, (size_t)p->arena_bytes + 1, 1, 64);
    const char *wrong = program_check(p);
    if (!wrong)
        wrong = program_interp(p, (float *[]){net.image, out}, arena, A);
    if (wrong)
        bug("'%s': %s", schedule, wrong);
    for (int i = 0; i < OUTPUTS; i++) {
        error = fmax(error, isfinite(out[i]) ? fabs((double)out[i] - net.right[i]) : INFINITY);
        largest = fmax(largest, fabs(net.right[i]));
    }
    if (!(error <= 1e-4 * largest))
        bug("'%s': the numbers are %g of %g away", schedule, error, largest);
}

/* The network with this schedule for a layer, where that can have it. */
static void try_schedule(const Node *layer, const Schedule *s)
{
    Arena *A = arena_new();
    Schedules one = {0};
    PassOptions o = options();
    PUSH(A, &one.layer, (Chosen){.layer = layer_name(layer), .shape = layer_shape(A, net.chosen, layer), .s = *s});
    o.schedules = &one;
    Graph *g = graph_clone(A, net.written);
    diag_reset();
    bool ok = passes_run(g, &o);
    if (ok == (diag_errors() > 0))
        bug("'%s': %s", schedule_text(A, s), ok ? "accepted with a message" : "refused without a message");
    if (ok)
        check_numbers(A, lower_graph(A, g, o.target, false), schedule_text(A, s));
    arena_free(A);
}

/* Layers of the file have those of the network in turns. */
static void try_schedules(const ScheduleFile *f)
{
    if (!net.A)
        make_network();
    for (int i = 0, at = 0; i < f->layers.layer.n && i < MOST_TRIED; i++, at++) {
        const Graph *g = net.chosen;
        while (g->node.v[at % g->node.n].op == OP_NONE || !has_schedule(&g->node.v[at % g->node.n]))
            at++;
        try_schedule(&g->node.v[at % g->node.n], &f->layers.layer.v[i].s);
    }
}

static void print_and_read(Arena *a, const ScheduleFile *f)
{
    Buf text = {0}, again = {0};
    schedule_file_print(&text, a, f);
    const ScheduleFile *read = schedule_file_parse(a, "printed", text.s, text.n);
    if (!read)
        bug("it prints as what is not read: %s", text.s);
    schedule_file_print(&again, a, read);
    if (strcmp(text.s, again.s))
        bug("printed and read back: %s\nis %s", text.s, again.s);
    buf_free(&text);
    buf_free(&again);
}

static void fuzz(Arena *a, const uint8_t *data, size_t n)
{
    char *text = arena_strndup(a, (const char *)data, n);
    const ScheduleFile *f = schedule_file_parse(a, "fuzz.json", text, n);
    if (!f != (diag_errors() > 0))
        bug(f ? "accepted with a message" : "refused without a message");
    if (f) {
        print_and_read(a, f);
        try_schedules(f);
    }
}
