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
        if (listed(o->disable, pass_info[i].name) && pass_info[i].required == REQUIRED) {
            error_at((Loc){0}, "--disable-pass: '%s' is required", pass_info[i].name);
            ok = false;
        } else if (listed(o->disable, pass_info[i].name) && listed(o->passes, pass_info[i].name)) {
            error_at((Loc){0}, "--disable-pass: '%s' is in --passes, too", pass_info[i].name);
            ok = false;
        }
    return ok;
}

/* The table's order gives every fact before it is needed. */
static void prove_order(const PassInfo *row, int n)
{
    unsigned have = 0;
    for (int i = 0; i < n; i++) {
        if (row[i].needs & ~have)
            bug("pass '%s' needs facts that no pass before it gives", row[i].name);
        have |= row[i].gives;
    }
}

/* ---- --verify-each ---- */

/* Each value that claims to equal one of the graph as written (its origin) is computed by its node from the reference's
   numbers and compared with the reference's. So what a pass did to one node shows at that node, and rounding handed on
   from earlier ones (a deep network may amplify it without bound) is nobody's fault. Values without an origin are
   computed from what precedes them. */
typedef struct Verify {
    Arena *A;
    const Graph *g;
    const double **in;       /* per input of the graph */
    double **ref;            /* per value of the graph as written */
    double **output;         /* the same for each output: these are compared even where no origin is known */
} Verify;

static double *copy_of(Arena *A, const Graph *g, ValueId v, const double *x)
{
    int64_t n = type_elems(&g->value.v[v].type);
    return memcpy(NEW(A, double, n), x, (size_t)n * sizeof *x);
}

static void keep_reference(void *user, ValueId v, const double *x)
{
    Verify *r = user;
    double *copy = copy_of(r->A, r->g, v, x);
    if (r->g->value.v[v].origin >= 0)
        r->ref[r->g->value.v[v].origin] = copy;
    for (int i = 0; i < r->g->output.n; i++)
        if (r->g->output.v[i] == v)
            r->output[i] = copy;
}

static bool has_numbers(const Graph *g)
{
    for (int i = 0; i < g->value.n; i++)
        if (g->value.v[i].kind == VAL_CONST && !g->value.v[i].tensor->data) {
            error_at(g->value.v[i].loc,
                     "--verify-each evaluates the graph, but constant '%s' has no numbers: give --weights",
                     g->value.v[i].name);
            return false;
        }
    return true;
}

static Verify evaluate(Arena *A, const Graph *g)
{
    Verify r = {A, g, NEW(A, const double *, g->input.n + 1), NEW(A, double *, g->value.n + 1),
                NEW(A, double *, g->output.n + 1)};
    for (int i = 0; i < g->input.n; i++) {
        int64_t n = type_elems(&g->value.v[g->input.v[i]].type);
        double *x = NEW(A, double, n);
        Rng rng = rng_seed(1, g->value.v[g->input.v[i]].name);
        for (int64_t k = 0; k < n; k++)
            x[k] = rng_normal(&rng);
        r.in[i] = x;
    }
    graph_eval(g, r.in, keep_reference, &r);
    return r;
}

/* What the value must be, or NULL where nothing is known of it. */
static const double *expected(const Verify *r, const Graph *g, ValueId v)
{
    if (g->value.v[v].origin >= 0 && r->ref[g->value.v[v].origin])
        return r->ref[g->value.v[v].origin];
    for (int i = 0; i < g->output.n; i++)
        if (g->output.v[i] == v)
            return r->output[i];
    return NULL;
}

/* Constants are rounded to single precision when passes make them: this is the contract for such sums. */
#define PASS_TOLERANCE 1e-5

/* Largest difference, relative to the largest magnitude of the reference or, where that is more, of what the value was
   computed from in its node. */
static double difference(const double *x, const double *ref, int64_t n, double largest)
{
    double err = 0;
    largest = isfinite(largest) ? largest : 0;
    for (int64_t i = 0; i < n; i++) {
        if (isnan(x[i]) != isnan(ref[i]))
            return INFINITY;
        if (x[i] != ref[i]) /* infinities may be equal */
            err = fmax(err, fabs(x[i] - ref[i]));
        if (isfinite(ref[i]))
            largest = fmax(largest, fabs(ref[i]));
    }
    return err == 0 ? 0 : err / largest;
}

typedef struct Compare {
    const Verify *ref;
    Arena *A;
    const Graph *g;
    const char *pass;
    int fired;               /* so many rules had fired before the pass */
    const double **now;      /* per value: the reference's numbers where they are known */
    double largest;          /* magnitude inside the node at work */
    bool ok;
} Compare;

/* May the rule that fired there have changed v? The readers of a value that was put in place of another show it
   first. */
static bool may_concern(const Graph *g, const Fired *f, ValueId v)
{
    bool read = false;
    if (g->value.v[v].kind == VAL_NODE) {
        const Node *n = &g->node.v[g->value.v[v].node];
        for (int i = 0; i < n->nin; i++)
            read = read || n->in[i] == f->value;
    }
    return read || f->value == v;
}

/* Names the rules that may have done it, or the pass. */
static void blame(const Compare *c, ValueId v, double err)
{
    const Value *val = &c->g->value.v[v];
    const Node *n = val->kind == VAL_NODE ? &c->g->node.v[val->node] : NULL;
    const char *where = n ? node_title(n) : val->name;
    bool found = false;
    for (int i = c->g->fired.n - 1; i >= c->fired; i--) {
        const Fired *f = &c->g->fired.v[i];
        if (!may_concern(c->g, f, v))
            continue;
        if (found)
            note_at(f->loc, "or rule '%s', which fired there before", f->rule);
        else
            error_at(f->loc, "rule '%s': pass '%s' changed the numbers: first at '%s', relative error %.3g", f->rule,
                     c->pass, where, err);
        found = true;
    }
    if (!found)
        error_at(n ? n->loc : val->loc, "pass '%s' changed the numbers: first at '%s', relative error %.3g", c->pass,
                 where, err);
}

/* A value as it was computed; later nodes read what it should have been. */
static void compare(void *user, ValueId v, const double *x)
{
    Compare *c = user;
    const Value *val = &c->g->value.v[v];
    const double *ref = expected(c->ref, c->g, v);
    double err = ref ? difference(x, ref, type_elems(&val->type), c->largest) : 0;
    c->now[v] = ref ? ref : copy_of(c->A, c->g, v, x);
    if (err <= PASS_TOLERANCE || !c->ok)
        return;
    blame(c, v, err);
    c->ok = false;
}

static bool same_numbers(const Graph *g, const char *pass, const Verify *ref, int fired)
{
    Arena *A = arena_new();
    Compare c = {.ref = ref, .A = A, .g = g, .pass = pass, .fired = fired,
                 .now = NEW(A, const double *, g->value.n + 1), .ok = true};
    for (int i = 0; i < g->input.n; i++)
        c.now[g->input.v[i]] = ref->in[i];
    for (int i = 0; i < g->node.n && c.ok; i++)
        if (g->node.v[i].op != OP_NONE)
            graph_eval_node(g, i, c.now, &c.largest, compare, &c);
    for (int i = 0; i < g->output.n && c.ok; i++) {
        ValueId v = g->output.v[i];
        if (g->value.v[v].kind != VAL_CONST)
            continue;
        double *x = NEW(A, double, type_elems(&g->value.v[v].type));
        tensor_f64(g->value.v[v].tensor, x);
        c.largest = 0;
        compare(&c, v, x);
    }
    arena_free(A);
    return c.ok;
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

static bool least(const PassInfo *p, const PassOptions *o)
{
    return p->required == REDUCIBLE && listed(o->disable, p->name);
}

static bool run_one(const PassInfo *info, Graph *g, const PassOptions *o, const Verify *ref)
{
    Pass p = {.target = o->target, .opt = o->opt, .strict = o->strict, .threads = o->threads, .winograd = o->winograd,
              .rules = o->rules, .schedules = o->schedules, .least = least(info, o),
              .scratch = arena_new()};
    bug_context(info->name, NULL);
    int errors = diag_errors(), fired = g->fired.n;
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
        dump(g, info->name, fired);
    if (o->observe)
        o->observe(o->observer, info, g, t, changed);
    bool ok = !ref || same_numbers(g, info->name, ref, fired);
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
    return p->required == REDUCIBLE || ((p->required || p->level <= o->opt) && !listed(o->disable, p->name));
}

bool pass_runs(const PassOptions *o, const char *name)
{
    int i = pass_by_name(name, strlen(name));
    return i >= 0 && wanted(&pass_info[i], o);
}

bool passes_run_rows(Graph *g, const PassOptions *o, const PassInfo *row, int n)
{
    prove_order(row, n);
    name_origins(g);
    if (o->verify_each && !has_numbers(g))
        return false;
    Arena *scratch = arena_new();
    Verify ref = {0};
    if (o->verify_each)
        ref = evaluate(scratch, g);
    if (o->observe)
        o->observe(o->observer, NULL, g, 0, false);
    bool ok = true;
    for (int i = 0; i < n && ok; i++) {
        if (!wanted(&row[i], o))
            continue;
        ok = run_one(&row[i], g, o, o->verify_each ? &ref : NULL);
        if (o->stop_after && listed(o->stop_after, row[i].name))
            break;
    }
    arena_free(scratch);
    return ok;
}

bool passes_run(Arena *A, Graph *g, const PassOptions *o)
{
    (void)A;
    return passes_run_rows(g, o, pass_info, npass_info);
}
