/* dsqc info */
#include <limits.h>
#include <stdio.h>

#include "cmd.h"
#include "../report/report.h"
#include "print_costs.h"
#include "term.h"
#include "../measure/together.h"

const char help_info[] =
    "Prints what a network takes in and gives out, and what it costs on the target: parameters,\n"
    "multiply-adds, flash (constants as they are packed) and RAM, per kernel and in total. No C is\n"
    "written. RAM of a kernel is the part of the arena in use while it runs; inputs and outputs\n"
    "are the caller's and not counted. The lower bound is what is alive at once at the worst moment;\n"
    "'proved optimal' where a search has shown that no smaller arena holds these results. Of a quantized\n"
    "model it shows the layers with their types, scales and zero points, and what they cost.\n\n"
    "--roofline prints the least time of an inference instead: for each layer the multiply-adds of the\n"
    "cheapest algorithm (direct, or Winograd's in the cheapest tile whose rounding is allowed) at the\n"
    "measured peak, or the time in which its weights are read once from the cache or memory that\n"
    "holds them all, whichever is longer. Transforms and activations are free in it. A target that\n"
    "this machine cannot run gets counts without times.\n";
const char examples_info[] =
    "  dsqc info specs/resnet18.yaml\n"
    "  dsqc info specs/resnet18.yaml --set pool=square_pooling --set classes=10\n"
    "  dsqc info specs/resnet18.yaml --roofline --threads=2\n"
    "  dsqc info specs/tiny/dscnn.yaml --target=cortex-m4 --json | jq .arena_bytes\n"
    "  dsqc info keywords_int8.tflite\n";

static void print_ports(Arena *A, const Graph *g, const char *title, const ValueId *v, int n)
{
    for (int i = 0; i < n; i++)
        printf("  %-11s %s %s\n", i ? "" : title, g->value.v[v[i]].name, type_text(A, &g->value.v[v[i]].type));
}

static void print_text(Arena *A, const Job *j, const Figures *f)
{
    const Graph *g = j->graph;
    printf("%s for %s, -O%d%s\n", j->spec->name, j->target->name, j->opt->level, j->opt->strict ? ", strict" : "");
    print_ports(A, g, "input", g->input.v, g->input.n);
    print_ports(A, g, "output", g->output.v, g->output.n);
    printf("  %-11s %s\n", "parameters", digits(A, f->parameters));
    printf("  %-11s %s\n", "MACs", digits(A, f->macs));
    printf("  %-11s %s bytes of constants\n", "flash", digits(A, f->weights_bytes));
    printf("  %-11s %s bytes of arena, at most %s of stack\n", "RAM", digits(A, f->arena_bytes),
           digits(A, f->stack_bytes));
    printf("  %-11s %s: %s bytes are alive at once\n\n", "arena", f->arena_proof, digits(A, f->arena_lower_bound));

    Table t = table_new(A, "llrrr");
    static const char *const heading[] = {"layers", "output", "MACs", "flash", "RAM"};
    for (int i = 0; i < LEN(heading); i++)
        table_cell(&t, "%s", heading[i]);
    for (int i = 0; i < j->program->call.n; i++) {
        const Call *c = &j->program->call.v[i];
        table_cell(&t, "%s", short_layers(A, c->layers ? c->layers : c->op));
        table_cell(&t, "%s", c->shape ? c->shape : "");
        table_cell(&t, "%s", digits(A, c->macs));
        table_cell(&t, "%s", digits(A, f->call[i].weights_bytes));
        table_cell(&t, "%s", digits(A, f->call[i].ram_bytes));
    }
    table_cell(&t, "total");
    table_cell(&t, "%s", plural(A, j->program->call.n, "kernel"));
    table_cell(&t, "%s", digits(A, f->macs));
    table_cell(&t, "%s", digits(A, f->weights_bytes));
    table_cell(&t, "%s", digits(A, f->arena_bytes));
    table_print(&t);
}

static int threads_here(const Options *o)
{
    return o->threads < 0 ? cores_of(INT_MAX) : (int)imax(1, o->threads);
}

/* What can be said without compiling it. */
static int quantized_info(Arena *A, Job *j, const Options *o)
{
    Buf b = {0};
    if (o->roofline)
        return usage_error(o->command, "--roofline is for networks of floats, '%s' computes with %s", j->spec->path,
                           j->spec->quantized->type);
    if (o->json)
        quantized_json(&b, j->spec);
    else
        quantized_print(A, j->spec);
    fwrite(b.s ? b.s : "", 1, b.n, stdout);
    buf_free(&b);
    job_close(j);
    return 0;
}

int cmd_info(Arena *A, const Options *o)
{
    Job j;
    int status = job_open(&j, A, o);
    if (status)
        return status;
    if (!job_read(&j))
        return 1;
    if (j.spec->quantized)
        return quantized_info(A, &j, o);
    if (!job_finish(&j))
        return 1;
    Figures f = figures(&j);
    Roofline roof;
    Costs costs;
    if (o->costs && !costs_of(&j, &costs))
        return 1;
    if (o->roofline)
        roof = roofline_here(&j, threads_here(o));
    if (o->json) {
        Buf b = {0};
        info_json(&b, &j, &f, o->roofline ? &roof : NULL, o->costs ? &costs : NULL);
        fwrite(b.s, 1, b.n, stdout);
        buf_free(&b);
    } else if (o->roofline) {
        roofline_print(&j, &roof);
    } else {
        print_text(A, &j, &f);
    }
    if (o->costs && !o->json)
        print_costs(A, &costs);
    job_close(&j);
    return 0;
}
