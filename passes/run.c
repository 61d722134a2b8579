/* The pass manager. Passes know nothing of each other; checks, times, dumps and comparisons are here alone.
   pass_table.c has the rows and proves their order, pass_options.c chooses among them. */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "facts.h"
#include "pass_options.h"
#include "verify.h"

static void prove(const PassInfo *row, int n)
{
    Arena *A = arena_new();
    const char *wrong = passes_wrong(A, row, n);
    if (wrong)
        bug("%s", wrong);
    arena_free(A);
}

/* ---- what both kinds of passes have ---- */

static double now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec * 1e-6;
}

static bool dumps(const PassOptions *o, const PassInfo *info)
{
    return o->print_after && (!strcmp(o->print_after, "all") || pass_listed(o->print_after, info->name));
}

static bool stops(const PassOptions *o, const PassInfo *info)
{
    return o->stop_after && pass_listed(o->stop_after, info->name);
}

/* ---- on the graph ---- */

/* Text that parses back to the same graph. */
static void check_round_trip(const Graph *g, const char *pass)
{
    if (g->node.n > 400)
        return;
    Arena *A = arena_new();
    Buf b = {0};
    graph_print(&b, g, PRINT_LAYOUT);
    Graph *again = graph_parse(A, b.s, diag_file("<round trip>", b.s, b.n));
    const char *diff = again ? graph_diff(A, g, again) : "does not parse";
    if (diff)
        bug("after pass '%s' the text form is not the graph: %s", pass, diff);
    buf_free(&b);
    arena_free(A);
}

static void check_facts(const Graph *g, const char *pass, unsigned facts)
{
    Arena *A = arena_new();
    const char *fact, *wrong = facts_wrong(A, g, facts, &fact);
    if (wrong)
        bug("after pass '%s' the graph is not %s: %s", pass, fact, wrong);
    arena_free(A);
}

static void check(const Graph *g, const char *pass, unsigned facts)
{
    const char *wrong = graph_check(g);
    if (wrong)
        bug("the graph is wrong after pass '%s': %s", pass, wrong);
#ifndef NDEBUG
    check_facts(g, pass, facts);
    check_round_trip(g, pass);
#else
    (void)facts, (void)check_facts, (void)check_round_trip;
#endif
}

static void dump(const Graph *g, const char *pass, int fired)
{
    Buf b = {0};
    buf_printf(&b, "; after %s\n", pass);
    for (int i = fired; i < g->fired.n; i++)
        buf_printf(&b, "; rule %s (%s) fired at %s\n", g->fired.v[i].rule, loc_text(g->arena, g->fired.v[i].loc),
                   g->fired.v[i].where);
    graph_print(&b, g, PRINT_LAYOUT | PRINT_LOC);
    fwrite(b.s, 1, b.n, stderr);
    buf_free(&b);
}

/* facts: that hold when the pass is done. */
static bool run_one(const PassInfo *info, Graph *g, const PassOptions *o, const GraphVerify *ref, unsigned facts)
{
    Pass p = pass_context(o, arena_new());
    bug_context(info->name, NULL);
    int errors = diag_errors(), fired = g->fired.n;
    double t = now_ms();
    bool changed = info->fn(&p, g);
    t = now_ms() - t;
    if (o->time_passes)
        fprintf(stderr, "%-20s %9.3f ms %9.1f KiB scratch %s\n", info->name, t, (double)arena_bytes(p.scratch) / 1024,
                changed ? "changed" : "");
    arena_free(p.scratch);
    if (diag_errors() > errors)
        return false;
    check(g, info->name, facts);
    if (dumps(o, info))
        dump(g, info->name, fired);
    if (o->observe)
        o->observe(o->observer, info, g, t, changed);
    bool ok = !ref || verify_graph(ref, g, info->name, fired);
    bug_context(NULL, NULL);
    return ok;
}

static void name_origins(Graph *g)
{
    for (int i = 0; i < g->value.n; i++)
        if (g->value.v[i].origin >= 0)
            return;
    for (int i = 0; i < g->value.n; i++)
        if (g->value.v[i].kind == VAL_NODE)
            g->value.v[i].origin = i;
}

bool passes_run_rows(Graph *g, const PassOptions *o, const PassInfo *row, int n)
{
    prove(row, n);
    name_origins(g);
    Arena *scratch = arena_new();
    GraphVerify *ref = o->verify_each ? verify_begin(scratch, g) : NULL;
    bool ok = ref || !o->verify_each;
    if (ok && o->observe)
        o->observe(o->observer, NULL, g, 0, false);
    unsigned facts = 0;
    for (int i = 0; i < n && ok; i++) {
        if (pass_is_late(&row[i]) || !pass_wanted(&row[i], o))
            continue;
        facts = (facts & ~row[i].breaks) | row[i].gives;
        ok = run_one(&row[i], g, o, ref, facts);
        if (stops(o, &row[i]))
            break;
    }
    arena_free(scratch);
    return ok;
}

bool passes_run(Graph *g, const PassOptions *o)
{
    return passes_run_rows(g, o, pass_info, npass_info);
}

/* ---- on loops ---- */

static void run_kernels(const PassInfo *info, Program *p, const PassOptions *o)
{
    bool changed = false;
    double t = now_ms();
    for (int i = 0; i < p->kernel.n; i++) {
        Kernel *k = &p->kernel.v[i];
        bug_context(info->name, k->name);
        changed |= info->loop(p->arena, k);
    }
    bug_context(NULL, NULL);
    if (o->time_passes)
        fprintf(stderr, "%-20s %9.3f ms %23s %s\n", info->name, now_ms() - t, "", changed ? "changed" : "");
}

static void check_program(const Program *p, const char *pass, unsigned facts)
{
    const char *wrong = program_check(p);
    if (wrong)
        bug("program is malformed after %s: %s", pass, wrong);
#ifndef NDEBUG
    Arena *A = arena_new();
    const char *fact;
    wrong = loop_facts_wrong(A, p, facts, &fact);
    if (wrong)
        bug("after pass '%s' the program is not %s: %s", pass, fact, wrong);
    arena_free(A);
#else
    (void)facts;
#endif
}

static void dump_program(const Program *p, const char *pass)
{
    Buf b = {0};
    program_print(&b, p, false);
    fprintf(stderr, "; after %s\n%s\n", pass, b.s ? b.s : "");
    buf_free(&b);
}

/* Lowering is done already: what follows a pass follows it, too. */
static bool run_late(const PassInfo *info, Program *p, const PassOptions *o, LoopVerify *ref, unsigned facts)
{
    if (info->loop)
        run_kernels(info, p, o);
    check_program(p, info->name, facts);
    if (dumps(o, info))
        dump_program(p, info->name);
    if (!ref)
        return true;
    return info->loop ? verify_loops(ref, info->name) : verify_lowered(ref, info->name);
}

bool passes_run_loop_rows(const Graph *g, Program *p, const PassOptions *o, const PassInfo *row, int n)
{
    prove(row, n);
    Arena *scratch = arena_new();
    LoopVerify *ref = o->verify_each && g ? loop_verify_begin(scratch, g, p) : NULL;
    bool ok = ref || !o->verify_each || !g;
    unsigned facts = 0;
    for (int i = 0; i < n && ok; i++) {
        if (!pass_is_late(&row[i]) || !pass_wanted(&row[i], o))
            continue;
        facts = (facts & ~row[i].breaks) | row[i].gives;
        ok = run_late(&row[i], p, o, ref, facts);
        if (stops(o, &row[i]))
            break;
    }
    arena_free(scratch);
    return ok;
}

bool passes_run_loops(const Graph *g, Program *p, const PassOptions *o)
{
    return passes_run_loop_rows(g, p, o, pass_info, npass_info);
}
