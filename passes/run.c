/* The pass manager. Passes know nothing of each other; order, checks, times, dumps and comparisons are here alone. */
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "edit.h"

#define PASS(name, fn, ...) PassFn fn;
#include "pass.def"
#undef PASS
const PassInfo pass_info[] = {
#define PASS(name, fn, required, level, needs, gives, doc) {name, fn, required, level, needs, gives, doc},
#include "pass.def"
#undef PASS
};
const int npass_info = LEN(pass_info);

/* ---- choice of passes ---- */

static bool listed(const char *list, const char *name)
{
    size_t n = strlen(name);
    for (const char *s = list; s && *s; s += strcspn(s, ","), s += *s == ',')
        if (strcspn(s, ",") == n && !strncmp(s, name, n))
            return true;
    return false;
}

static int pass_by_name(const char *s, size_t n)
{
    for (int i = 0; i < npass_info; i++)
        if (strlen(pass_info[i].name) == n && !strncmp(pass_info[i].name, s, n))
            return i;
    return -1;
}

static bool check_list(const char *what, const char *list)
{
    const char *names[LEN(pass_info)];
    for (int i = 0; i < npass_info; i++)
        names[i] = pass_info[i].name;
    bool ok = true;
    for (const char *s = list; s && *s; s += strcspn(s, ","), s += *s == ',') {
        size_t n = strcspn(s, ",");
        if (pass_by_name(s, n) >= 0)
            continue;
        char name[64];
        snprintf(name, sizeof name, "%.*s", (int)imin((int64_t)n, 63), s);
        const char *near = nearest_name(name, names, npass_info);
        error_at((Loc){0}, "--%s: there is no pass '%s'%s%s%s", what, name, near ? ", did you mean '" : "",
                 near ? near : "", near ? "'?" : "");
        ok = false;
    }
    return ok;
}

bool passes_check_options(const PassOptions *o)
{
    bool ok = check_list("passes", o->passes);
    ok = check_list("disable-pass", o->disable) && ok;
    ok = check_list("stop-after", o->stop_after) && ok;
    if (o->print_after && strcmp(o->print_after, "all"))
        ok = check_list("print-ir-after", o->print_after) && ok;
    for (int i = 0; i < npass_info; i++)
        if (listed(o->disable, pass_info[i].name) && pass_info[i].required) {
            error_at((Loc){0}, "--disable-pass: '%s' is required", pass_info[i].name);
            ok = false;
        }
    return ok;
}

/* The table's order gives every fact before it is needed. */
static void prove_order(void)
{
    unsigned have = 0;
    for (int i = 0; i < npass_info; i++) {
        if (pass_info[i].needs & ~have)
            bug("pass '%s' needs facts that no pass before it gives", pass_info[i].name);
        have |= pass_info[i].gives;
    }
}

/* ---- --verify-each ---- */

typedef struct Eval { Arena *A; Graph *g; double **by_origin; const char *first; double err; const double *const *ref; } Eval;

static void keep(void *user, ValueId v, const double *d)
{
    Eval *e = user;
    ValueId o = e->g->value.v[v].origin;
    if (o < 0)
        return;
    int64_t n = type_elems(&e->g->value.v[v].type);
    e->by_origin[o] = NEW(e->A, double, n);
    memcpy(e->by_origin[o], d, (size_t)n * sizeof *d);
}

/* Largest difference relative to the largest magnitude of the reference. */
static double difference(const double *a, const double *ref, int64_t n)
{
    double err = 0, mag = 0;
    for (int64_t i = 0; i < n; i++) {
        if (isnan(a[i]) != isnan(ref[i]))
            return INFINITY;
        if (a[i] != ref[i]) /* infinities may be equal */
            err = fmax(err, fabs(a[i] - ref[i]));
        if (isfinite(ref[i]))
            mag = fmax(mag, fabs(ref[i]));
    }
    return err == 0 ? 0 : err / mag;
}

/* Constants are rounded to single precision when passes make them: this is the contract for such sums. */
#define PASS_TOLERANCE 1e-5

static void compare(void *user, ValueId v, const double *d)
{
    Eval *e = user;
    const Value *val = &e->g->value.v[v];
    if (e->first || val->origin < 0 || !e->ref[val->origin])
        return;
    double err = difference(d, e->ref[val->origin], type_elems(&val->type));
    if (err <= PASS_TOLERANCE)
        return;
    e->first = val->kind == VAL_NODE ? node_title(&e->g->node.v[val->node]) : val->name;
    e->err = err;
}

static bool has_numbers(const Graph *g)
{
    for (int i = 0; i < g->value.n; i++)
        if (g->value.v[i].kind == VAL_CONST && !g->value.v[i].tensor->data) {
            error_at(g->value.v[i].loc, "--verify-each evaluates the graph, but constant '%s' has no numbers: give --weights",
                     g->value.v[i].name);
            return false;
        }
    return true;
}

static const double **random_inputs(Arena *A, const Graph *g)
{
    const double **in = NEW(A, const double *, g->input.n + 1);
    for (int i = 0; i < g->input.n; i++) {
        int64_t n = type_elems(&g->value.v[g->input.v[i]].type);
        double *x = NEW(A, double, n);
        Rng r = rng_seed(1, g->value.v[g->input.v[i]].name);
        for (int64_t k = 0; k < n; k++)
            x[k] = rng_normal(&r);
        in[i] = x;
    }
    return in;
}

static double **evaluate(Arena *A, Graph *g)
{
    Eval e = {.A = A, .g = g, .by_origin = NEW(A, double *, g->value.n + 1)};
    graph_eval(g, random_inputs(A, g), keep, &e);
    return e.by_origin;
}

static bool same_numbers(Arena *A, Graph *g, const char *pass, double *const *ref)
{
    Eval e = {.A = A, .g = g, .ref = (const double *const *)ref};
    graph_eval(g, random_inputs(A, g), compare, &e);
    if (e.first)
        error_at((Loc){0}, "pass '%s' changed the numbers: first at '%s', relative error %.3g", pass, e.first, e.err);
    return !e.first;
}

/* ---- running ---- */

/* Text that parses back to the same graph, after every pass of builds with assertions. */
static void check_round_trip(const Graph *g, const char *pass)
{
#ifndef NDEBUG
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
#else
    (void)g, (void)pass;
#endif
}

static double now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec * 1e-6;
}

static void dump(const Graph *g, const char *pass)
{
    Buf b = {0};
    buf_printf(&b, "; after %s\n", pass);
    graph_print(&b, g, PRINT_LAYOUT | PRINT_LOC);
    fwrite(b.s, 1, b.n, stderr);
    buf_free(&b);
}

static bool run_one(const PassInfo *info, Graph *g, const PassOptions *o, double *const *ref)
{
    Pass p = {.target = o->target, .opt = o->opt, .strict = o->strict, .threads = o->threads, .winograd = o->winograd,
              .scratch = arena_new()};
    bug_context(info->name, NULL);
    int errors = diag_errors();
    double t = now_ms();
    bool changed = info->fn(&p, g);
    t = now_ms() - t;
    if (o->time_passes)
        fprintf(stderr, "%-18s %9.3f ms %9.1f KiB scratch %s\n", info->name, t, (double)arena_bytes(p.scratch) / 1024,
                changed ? "changed" : "");
    arena_free(p.scratch);
    if (diag_errors() > errors)
        return false;
    const char *err = graph_check(g);
    if (err)
        bug("the graph is wrong after pass '%s': %s", info->name, err);
    check_round_trip(g, info->name);
    if (o->print_after && (!strcmp(o->print_after, "all") || listed(o->print_after, info->name)))
        dump(g, info->name);
    bool ok = true;
    if (ref && changed) {
        Arena *A = arena_new();
        ok = same_numbers(A, g, info->name, ref);
        arena_free(A);
    }
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

static bool wanted(const PassInfo *p, const PassOptions *o)
{
    if (o->passes)
        return listed(o->passes, p->name);
    return (p->required || p->level <= o->opt) && !listed(o->disable, p->name);
}

bool passes_run(Arena *A, Graph *g, const PassOptions *o)
{
    (void)A;
    prove_order();
    name_origins(g);
    if (o->verify_each && !has_numbers(g))
        return false;
    Arena *scratch = arena_new();
    double **ref = o->verify_each ? evaluate(scratch, g) : NULL;
    bool ok = true;
    for (int i = 0; i < npass_info && ok; i++) {
        if (!wanted(&pass_info[i], o))
            continue;
        ok = run_one(&pass_info[i], g, o, ref);
        if (o->stop_after && listed(o->stop_after, pass_info[i].name))
            break;
    }
    arena_free(scratch);
    return ok;
}
