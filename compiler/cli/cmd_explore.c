/* dsqc explore */
#include <stdio.h>
#include <string.h>

#include "cmd.h"
#include "../explore/explore.h"
#include "../io/io.h"
#include "../report/report.h"
#include "print_costs.h"
#include "term.h"

const char help_explore[] =
    "Shows what each pass buys: compiles the network with every pass, with each one left out in turn,\n"
    "and with the required ones alone and the others added one after the other. For each it prints the\n"
    "kernels, the bytes of activations that they move, the arena, the multiply-adds, the machine code\n"
    "and the median time of an inference; '=' means the same as the row compared with. Where a pass\n"
    "that later ones need is left out, a minimal one stands in (fuse-epilogue: a kernel for every\n"
    "elementwise step). Times are taken in turns, one run of each variant after the other, on one thread.\n"
    "--html writes a page to look at in a browser: the graph after each pass, two side by side, every\n"
    "node's place in the spec, memory over time, bytes and time of each kernel, and its C.\n"
    "Without weights in the spec or on the command line they are random.\n";
const char examples_explore[] =
    "  dsqc explore specs/resnet18.yaml --set pool=square_pooling\n"
    "  dsqc explore specs/resnet50.yaml --html resnet50.html\n"
    "  dsqc explore net.yaml --disable-pass=dce --no-time --json | jq .everything.kernels\n"
    "  dsqc explore specs/tiny/dscnn.yaml --target=cortex-m4 --html dscnn.html   # code sizes, no times\n";

/* ---- tables ---- */

static const char *size_text(Arena *A, int64_t n, int64_t than)
{
    return n == than ? "=" : digits(A, n);
}

static const char *code_text(Arena *A, const Variant *v, const Variant *than)
{
    return !v->code_bytes ? "" : than && v->code_bytes == than->code_bytes ? "=" : digits(A, v->code_bytes);
}

/* Equal programs have equal times, and there a ratio would say nothing. */
static const char *time_text(Arena *A, const Variant *v, const Variant *than)
{
    if (v->median_ms <= 0)
        return "";
    if (than && v->hash == than->hash)
        return "=";
    const char *ms = ms_text(A, v->median_ms);
    return than ? arena_printf(A, "%s  %5.2fx", ms, v->median_ms / than->median_ms) : arena_printf(A, "%s        ", ms);
}

static void heading(Table *t, const char *first)
{
    static const char *const column[] = {"kernels", "bytes moved", "arena", "MACs", "code", "median time       "};
    table_cell(t, "%s", first);
    for (int i = 0; i < LEN(column); i++)
        table_cell(t, "%s", column[i]);
}

static void row(Table *t, const char *name, const Variant *v, const Variant *than)
{
    Arena *A = t->arena;
    table_cell(t, "%s", name);
    table_cell(t, "%s", than ? size_text(A, v->kernels, than->kernels) : digits(A, v->kernels));
    table_cell(t, "%s", than ? size_text(A, v->bytes_moved, than->bytes_moved) : digits(A, v->bytes_moved));
    table_cell(t, "%s", than ? size_text(A, v->arena_bytes, than->arena_bytes) : digits(A, v->arena_bytes));
    table_cell(t, "%s", than ? size_text(A, v->macs, than->macs) : digits(A, v->macs));
    table_cell(t, "%s", code_text(A, v, than));
    table_cell(t, "%s", time_text(A, v, than));
}

static void print_text(Arena *A, const Explore *e)
{
    const Job *j = e->job;
    const char *runs = e->not_timed ? arena_printf(A, "no times (%s)", e->not_timed) : plural(A, e->runs, "run");
    printf("%s for %s, -O%d%s, %s\n\n", j->spec->name, j->target->name, j->opt->level,
           j->opt->strict ? ", strict" : "", runs);
    Table off = table_new(A, "lrrrrrr"), on = table_new(A, "lrrrrrr");
    heading(&off, "each pass left out");
    row(&off, "none left out", everything(e), NULL);
    for (int i = 0; i < e->npass; i++)
        row(&off, arena_printf(A, "without %s", without(e, i)->pass->name), without(e, i), everything(e));
    table_print(&off);
    putchar('\n');
    heading(&on, "one after the other");
    row(&on, "what is required", with_first(e, 0), NULL);
    for (int i = 1; i <= e->npass; i++)
        row(&on, arena_printf(A, "+ %s", with_first(e, i)->pass->name), with_first(e, i), with_first(e, i - 1));
    table_print(&on);
}

/* "117 / 12.53 / 1.52": kernels, megabytes moved, megabytes of arena. */
static const char *short_figures(Arena *A, const Variant *v)
{
    return arena_printf(A, "%lld / %.2f / %.2f", (long long)v->kernels, (double)v->bytes_moved * 1e-6,
                        (double)v->arena_bytes * 1e-6);
}

static void print_markdown(Arena *A, const Explore *e)
{
    const Options *o = e->job->opt;
    printf("| network | what is required |");
    for (int i = 1; i <= e->npass; i++)
        printf(" + %s |", with_first(e, i)->pass->name);
    printf("\n| --- |");
    for (int i = 0; i <= e->npass; i++)
        printf(" --: |");
    printf("\n| `%s`", e->job->spec->name);
    for (int i = 0; i < o->set.n; i++)
        printf("%s `%s`", i ? "," : "", strchr(o->set.v[i], '=') + 1);
    printf(" |");
    for (int i = 0; i <= e->npass; i++) {
        const char *now = short_figures(A, with_first(e, i));
        bool same = i && !strcmp(now, short_figures(A, with_first(e, i - 1)));
        printf(" %s |", same ? "=" : now);
    }
    putchar('\n');
}

/* ---- the command ---- */

static bool write_page(const Explore *e, const char *path)
{
    Buf b = {0};
    explore_page(&b, e);
    bool ok = write_file(path, b.s, b.n);
    buf_free(&b);
    return ok;
}

static void print_result(Arena *A, const Explore *e)
{
    const Options *o = e->job->opt;
    if (o->html && !strcmp(o->html, "-"))
        return;
    if (o->markdown) {
        print_markdown(A, e);
    } else if (o->json) {
        Buf b = {0};
        explore_json(&b, e);
        fwrite(b.s, 1, b.n, stdout);
        buf_free(&b);
    } else {
        print_text(A, e);
        if (e->costs)
            print_costs(A, e->costs);
    }
}

int cmd_explore(Arena *A, const Options *o)
{
    Job j;
    int status = job_open(&j, A, o);
    if (status)
        return status;
    if (o->json && o->markdown)
        return usage_error(o->command, "--json and --markdown are two ways to print one table");
    Explore e = {.snapshots = o->html ? snapshots_new(A) : NULL};
    Costs costs;
    bool ok = job_read(&j) && explore(&j, &e) && job_write_report(&j) && (!o->costs || costs_of(&j, &costs));
    e.costs = o->costs ? &costs : NULL;
    if (ok) {
        print_result(A, &e);
        ok = !o->html || write_page(&e, o->html);
    }
    job_close(&j);
    return !ok;
}
