/* The pass manager. Passes know nothing of each other; order, checks, times, dumps and comparisons are here alone. */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "facts.h"
#include "loops/loop_passes.h"
#include "verify.h"

#define PASS(name, fn, ...) PassFn fn;
#define MINIMAL_PASS(name, fn, ...) PassFn fn;
#include "pass.def"
const PassInfo pass_info[] = {
#define PASS(name, fn, kind, level, needs, gives, breaks, doc) \
    {name, fn, NULL, kind, level, needs, gives, breaks, NULL, doc},
#define MINIMAL_PASS(name, fn, of, needs, gives, breaks, doc) \
    {name, fn, NULL, MINIMAL, 0, needs, gives, breaks, of, doc},
#define LOWERING(name, needs, gives, doc) {name, NULL, NULL, REQUIRED, 0, needs, gives, 0, NULL, doc},
#define LOOP_PASS(name, fn, kind, needs, gives, breaks, doc) \
    {name, NULL, fn, kind, 0, needs, gives, breaks, NULL, doc},
#include "pass.def"
};
const int npass_info = LEN(pass_info);

static const struct { const char *first, *second, *reason; } constraint[] = {
#define ORDER(first, second, reason) {first, second, reason},
#include "pass.def"
};

/* ---- the table ---- */

static int row_index(const PassInfo *row, int n, const char *name)
{
    for (int i = 0; i < n; i++)
        if (!strcmp(row[i].name, name))
            return i;
    return -1;
}

const PassInfo *pass_find(const char *name)
{
    int i = row_index(pass_info, npass_info, name);
    return i < 0 ? NULL : &pass_info[i];
}

/* A minimal pass gives and needs no other facts than the one that it stands in for. */
static const char *stand_in_wrong(Arena *A, const PassInfo *row, int n, int i)
{
    int of = row_index(row, n, row[i].instead_of);
    if (of < 0 || of > i || row[of].kind != REDUCIBLE)
        return arena_printf(A, "pass '%s' stands in for '%s', which is no reducible pass before it", row[i].name,
                            row[i].instead_of);
    if (row[of].gives == row[i].gives && !(row[i].needs & ~row[of].needs))
        return NULL;
    return arena_printf(A, "pass '%s' stands in for '%s' and has other facts", row[i].name, row[of].name);
}

static const char *order_wrong(Arena *A, const PassInfo *row, int n)
{
    for (int i = 0; i < LEN(constraint); i++) {
        const char *first = constraint[i].first, *second = constraint[i].second;
        if (!pass_find(first) || !pass_find(second))
            return arena_printf(A, "there is no pass '%s', which a constraint names", pass_find(first) ? second : first);
        int a = row_index(row, n, first), b = row_index(row, n, second);
        if (a > b && b >= 0)
            return arena_printf(A, "pass '%s' must run before '%s': %s", first, second, constraint[i].reason);
    }
    return NULL;
}

const char *passes_wrong(Arena *A, const PassInfo *row, int n)
{
    unsigned have = 0;
    for (int i = 0; i < n; i++) {
        unsigned lacks = row[i].needs & ~have;
        const char *wrong = row[i].kind == MINIMAL ? stand_in_wrong(A, row, n, i) : NULL;
        if (wrong)
            return wrong;
        if (lacks)
            return arena_printf(A, "pass '%s' needs a graph that is %s, which no pass before it gives", row[i].name,
                                fact_name(lacks & -lacks));
        have = (have & ~row[i].breaks) | row[i].gives;
    }
    return order_wrong(A, row, n);
}

static void prove(const PassInfo *row, int n)
{
    Arena *A = arena_new();
    const char *wrong = passes_wrong(A, row, n);
    if (wrong)
        bug("%s", wrong);
    arena_free(A);
}

/* ---- choice of passes ---- */

static bool listed(const char *list, const char *name)
{
    size_t n = strlen(name);
    for (const char *s = list; s && *s; s += strcspn(s, ","), s += *s == ',')
        if (strcspn(s, ",") == n && !strncmp(s, name, n))
            return true;
    return false;
}

/* late: names of lowering and of passes on loops are known, too. */
static bool check_list(const char *what, const char *list, bool late)
{
    const char *names[LEN(pass_info)];
    int known = 0;
    for (int i = 0; i < npass_info; i++)
        if (late || !pass_is_late(&pass_info[i]))
            names[known++] = pass_info[i].name;
    bool ok = true;
    for (const char *s = list; s && *s; s += strcspn(s, ","), s += *s == ',') {
        char name[64];
        snprintf(name, sizeof name, "%.*s", (int)imin((int64_t)strcspn(s, ","), 63), s);
        const PassInfo *p = pass_find(name);
        if (p && (late || !pass_is_late(p)))
            continue;
        const char *near = nearest_name(name, names, known);
        error_at((Loc){0}, "--%s: there is no pass '%s'%s%s%s", what, name, near ? ", did you mean '" : "",
                 near ? near : "", near ? "'?" : "");
        ok = false;
    }
    return ok;
}

/* What is wrong with naming this pass in these lists; NULL: nothing. */
static const char *refused(Arena *A, const PassOptions *o, const PassInfo *p)
{
    if (listed(o->disable, p->name) && !pass_can_go(p))
        return arena_printf(A, "--disable-pass: '%s' is required", p->name);
    if (listed(o->disable, p->name) && listed(o->passes, p->name))
        return arena_printf(A, "--disable-pass: '%s' is in --passes, too", p->name);
    if (p->kind == MINIMAL && listed(o->passes, p->name) && listed(o->passes, p->instead_of))
        return arena_printf(A, "--passes: '%s' stands in for '%s', which is there, too", p->name, p->instead_of);
    return NULL;
}

bool passes_check_options(const PassOptions *o)
{
    bool late = !o->passes || o->and_required, ok = check_list("passes", o->passes, late);
    ok = check_list("disable-pass", o->disable, late) && ok;
    ok = check_list("stop-after", o->stop_after, late) && ok;
    if (o->print_after && strcmp(o->print_after, "all"))
        ok = check_list("print-ir-after", o->print_after, true) && ok;
    Arena *A = arena_new();
    for (int i = 0; i < npass_info; i++) {
        const char *wrong = refused(A, o, &pass_info[i]);
        if (wrong)
            error_at((Loc){0}, "%s", wrong);
        ok = ok && !wrong;
    }
    arena_free(A);
    return ok;
}

static bool names_loop_pass(const char *list)
{
    for (int i = 0; i < npass_info; i++)
        if (pass_info[i].loop && listed(list, pass_info[i].name))
            return true;
    return false;
}

/* The minimal pass for p, by its own name in --passes. */
static bool replaced(const PassOptions *o, const PassInfo *p)
{
    for (int i = 0; i < npass_info; i++)
        if (pass_info[i].kind == MINIMAL && !strcmp(pass_info[i].instead_of, p->name))
            return listed(o->passes, pass_info[i].name);
    return false;
}

static bool wanted(const PassInfo *p, const PassOptions *o)
{
    bool all = !o->passes || o->and_required;
    if (p->kind == MINIMAL) {
        const PassInfo *of = pass_find(p->instead_of);
        return listed(o->passes, p->name) || (all && !(of && wanted(of, o)));
    }
    if (listed(o->disable, p->name))
        return false;
    if (listed(o->passes, p->name))
        return true;
    if (p->kind == REQUIRED || p->kind == REDUCIBLE)
        return all && !replaced(o, p);
    return o->passes ? all && p->loop && !names_loop_pass(o->passes) : p->level <= o->opt;
}

bool pass_runs(const PassOptions *o, const char *name)
{
    const PassInfo *p = pass_find(name);
    return p && wanted(p, o);
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
    return o->print_after && (!strcmp(o->print_after, "all") || listed(o->print_after, info->name));
}

static bool stops(const PassOptions *o, const PassInfo *info)
{
    return o->stop_after && listed(o->stop_after, info->name);
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
    Pass p = {.target = o->target, .opt = o->opt, .strict = o->strict, .threads = o->threads, .winograd = o->winograd,
              .rules = o->rules, .schedules = o->schedules, .scratch = arena_new()};
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
        if (pass_is_late(&row[i]) || !wanted(&row[i], o))
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
        if (!pass_is_late(&row[i]) || !wanted(&row[i], o))
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
