/* random [--products | --recurrent] [--schedules] FIRST COUNT TARGET[:M]...: random graphs through the whole compiler,
   per target:

     reference of the graph as written  ~  loop interpreter (1e-5 of the largest magnitude)
     interpreter before the loop passes  =  after them, to the bit
     interpreter  =  C compiled by the system's compiler and run here, to the bit, where this machine runs the target
     interpreter  =  what LLVM makes of it in this process, to the bit, likewise

   With M, graphs of square convolutions, which Winograd's kernels compute in tiles of M outputs (within 1e-4).
   With --schedules every layer has one that is some steps away from the cost model's, as dsqc tune would try it.
   A target "llvm:NAME" leaves the C out, which takes most of the time.

   Prints "ok random/TARGET/SEED" (product/...) or "not ok ..." with the reason below it. */
#include <dlfcn.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../backends/llvm/llvm.h"
#include "../../compiler/emit/cc.h"
#include "../../passes/choose/schedule.h"
#include "../../passes/lower/lowering.h"
#include "random_case.h"
#include "randgraph.h"
#include "randrnn.h"

static bool products; /* graphs of one product each */
static bool recurrent; /* of recurrent layers */
static bool scheduled; /* other schedules than the cost model's */
static const char *kind(void)
{
    if (recurrent)
        return "recurrent";
    return scheduled ? products ? "scheduled product" : "scheduled" : products ? "product" : "random";
}

enum { SIZE = 9, BATCH = 25 };

/* A third of the graphs is compiled without some of the passes that may be left out. */
static const char *some_disabled(Arena *A, uint64_t seed)
{
    const char *list = "";
    Rng r = rng_seed(seed, "passes");
    for (int i = 0; i < npass_info && seed % 3 == 2; i++)
        if (pass_can_go(&pass_info[i]) && rng_next(&r) % 2)
            list = arena_printf(A, "%s,%s", list, pass_info[i].name);
    return list;
}

/* ---- other schedules ---- */

static void keep_chosen(void *user, const PassInfo *info, const Graph *g, double ms, bool changed)
{
    (void)ms, (void)changed;
    Case *c = user;
    if (info && info->gives & F_SCHEDULE) /* choose-kernels, or the pass that stands in for it */
        c->chosen = graph_clone(c->A, g);
}

/* One to three steps from neighbour to neighbour. */
static Schedule wander(Case *c, const Pass *p, const Node *n, Rng *r)
{
    Schedule s = *n->sched;
    for (int steps = 1 + (int)(rng_next(r) % 3); steps > 0; steps--) {
        ScheduleList near = schedule_neighbours(c->A, p, c->chosen, n, n->sched, &s);
        if (near.s.n)
            s = near.s.v[rng_next(r) % (uint64_t)near.s.n];
    }
    return s;
}

/* For every layer of the graph as choose-kernels has left it. The text of each must read as it was. */
static const Schedules *other_schedules(Case *c, const PassOptions *o)
{
    Schedules *all = NEW(c->A, Schedules, 1);
    Pass p = pass_context(o, c->A);
    Rng r = rng_seed(c->seed, "schedules");
    for (int i = 0; i < c->chosen->node.n; i++) {
        const Node *n = &c->chosen->node.v[i];
        Chosen one = {0};
        if (n->op == OP_NONE || !has_schedule(n))
            continue;
        one.layer = layer_name(n), one.shape = layer_shape(c->A, c->chosen, n), one.s = wander(c, &p, n, &r);
        const char *text = schedule_text(c->A, &one.s);
        Misread m;
        if (!schedule_parse(c->A, text, &one.s, &m))
            c->wrong = arena_printf(c->A, "schedule '%s': %s", text, m.wrong);
        PUSH(c->A, &all->layer, one);
    }
    return all;
}

/* The same pass options, with schedules. */
static bool schedule(Case *c, PassOptions *o)
{
    for (int i = 0; i < c->g->node.n; i++) /* a schedule is found by its layer's name */
        if (!c->g->node.v[i].name)
            c->g->node.v[i].name = arena_printf(c->A, "layer%d", i);
    PassOptions first = *o;
    first.observe = keep_chosen, first.observer = c, first.verify_each = false;
    if (!passes_run(graph_clone(c->A, c->g), &first))
        return false;
    o->schedules = other_schedules(c, o);
    return !c->wrong;
}

static const char *compile(Case *c, const Target *t)
{
    c->g = products      ? randproduct(c->A, c->seed)
           : recurrent   ? randrnn(c->A, c->seed)
           : c->winograd ? randgraph_square(c->A, c->seed, SIZE)
                         : randgraph(c->A, c->seed, SIZE);
    c->g->name = arena_printf(c->A, "r%llu", (unsigned long long)c->seed);
    c->written = graph_clone(c->A, c->g);
    case_fill(c);
    bool strict = c->seed % 4 && !c->winograd;
    PassOptions o = {.target = t, .opt = 2, .verify_each = true, .strict = strict, .threads = (int)(c->seed % 4),
                     .winograd = c->winograd ? c->winograd : WINOGRAD_OFF, .disable = some_disabled(c->A, c->seed)};
    if (scheduled && !schedule(c, &o))
        return c->wrong ? c->wrong : "it does not compile with the cost model's schedules";
    if (!passes_run(c->g, &o))
        return "a pass changed the numbers";
    c->p = lower_graph(c->A, c->g, t, strict);
    c->arena = aligned_alloc(64, (size_t)round_up(c->p->arena_bytes + 1, 64));
    const char *wrong = case_interpret(c);
    if (wrong || (wrong = case_against_reference(c)))
        return wrong;
    float *before[MAX_PORTS];
    for (int i = c->written->input.n; i < case_ports(c); i++) {
        size_t n = (size_t)type_elems(case_port(c, i));
        before[i] = NEW(c->A, float, n);
        memcpy(before[i], c->io[i], n * sizeof(float));
    }
    o.verify_each = false; /* the numbers are compared below, on these inputs */
    if (!passes_run_loops(NULL, c->p, &o))
        return "a pass on loops failed";
    if ((wrong = case_interpret(c)))
        return arena_printf(c->A, "after the loop passes: %s", wrong);
    for (int i = c->written->input.n; i < case_ports(c); i++)
        if (memcmp(before[i], c->io[i], (size_t)type_elems(case_port(c, i)) * sizeof(float)))
            return "the loop passes changed the numbers";
    return NULL;
}

/* The model's function of so many ports; dlsym gives a void pointer. */
typedef const float *In;
typedef union Run {
    void *sym;
    int (*p2)(In, float *, void *), (*p3)(In, In, In, void *), (*p4)(In, In, In, In, void *),
        (*p5)(In, In, In, In, In, void *), (*p6)(In, In, In, In, In, In, void *),
        (*p7)(In, In, In, In, In, In, In, void *);
} Run;

static int call(Run r, float *const *p, int n, void *arena)
{
    switch (n) {
    case 2: return r.p2(p[0], p[1], arena);
    case 3: return r.p3(p[0], p[1], p[2], arena);
    case 4: return r.p4(p[0], p[1], p[2], p[3], arena);
    case 5: return r.p5(p[0], p[1], p[2], p[3], p[4], arena);
    case 6: return r.p6(p[0], p[1], p[2], p[3], p[4], p[5], arena);
    case 7: return r.p7(p[0], p[1], p[2], p[3], p[4], p[5], p[6], arena);
    default: return -1;
    }
}

/* Fresh outputs in p, besides the inputs. */
static void fresh(Case *c, float **p)
{
    for (int i = 0; i < case_ports(c); i++) {
        size_t n = (size_t)type_elems(case_port(c, i));
        p[i] = i < c->written->input.n ? c->io[i] : NEW(c->A, float, n);
    }
    memset(c->arena, 0xff, (size_t)c->p->arena_bytes);
}

static const char *compare(Case *c, float *const *p, const char *what)
{
    for (int i = c->written->input.n; i < case_ports(c); i++)
        for (int64_t k = 0; k < type_elems(case_port(c, i)); k++)
            if (memcmp(&p[i][k], &c->io[i][k], sizeof(float)) && !(isnan(p[i][k]) && isnan(c->io[i][k])))
                return arena_printf(c->A, "%s gives %.9g for element %lld of output %d, the interpreter %.9g", what,
                                    (double)p[i][k], (long long)k, i - c->written->input.n, (double)c->io[i][k]);
    return NULL;
}

static const char *run_c(Case *c, void *lib)
{
    Run fn = {dlsym(lib, arena_printf(c->A, "%s_run", c->g->name))};
    float *p[MAX_PORTS];
    fresh(c, p);
    if (!fn.sym || call(fn, p, case_ports(c), c->arena))
        return "the compiled function is missing or refuses its arguments";
    return compare(c, p, "C");
}

static void *weights_memory(size_t n)
{
    static Arena *kept; /* until the process ends */
    kept = kept ? kept : arena_new();
    return arena_alloc(kept, n + 1, 1, 64);
}

typedef union LlvmFn { void *sym; int (*run)(float *const *, void *); } LlvmFn;

static const char *run_llvm(Case *c, const Target *t)
{
    BackendOptions o = {.target = t, .weights_as = WEIGHTS_ASM, .version = "test"};
    LlvmCode *code = llvm_load(c->A, c->p, &o, weights_memory);
    if (!code)
        return "LLVM does not compile it";
    LlvmFn fn = {llvm_function(code, LLVM_RUN)};
    float *p[MAX_PORTS];
    fresh(c, p);
    const char *wrong = fn.run(p, c->arena) ? "LLVM's function refuses its arguments" : compare(c, p, "LLVM");
    llvm_unload(code);
    return wrong;
}

/* A model's files; models that share a folder share the runtime's. */
static bool emit(const Case *c, const BackendOptions *o, const char *dir)
{
    OutDir *out = outdir_open(dir);
    return out && backend_c(c->p, o, out) && outdir_commit(out);
}

/* One shared object of all cases' C, as one translation unit. Headers of vector types take longer to read than a
   case. */
static void *build(Arena *A, Case *c, int n, const Target *t)
{
    static Arena *forever;
    static const char *root;
    static int count;
    if (!forever) {
        forever = arena_new();
        root = workdir_new(forever);
    }
    const char *dir = arena_printf(A, "%s/%d", root, count++);
    BackendOptions o = {.target = t, .weights_as = WEIGHTS_C, .shared_object = true, .version = "test"};
    Words w = cc_tool(A, t, "cc");
    words_add(&w, "-shared -fPIC -std=gnu99 -w");
    words_add(&w, t->cflags);
    words_add(&w, "-o all.so all.c");
    Buf all = {0};
    bool ok = root;
    for (int i = 0; i < n && ok; i++)
        if (!c[i].wrong) {
            ok = emit(&c[i], &o, dir);
            buf_printf(&all, "#include \"%s.c\"\n", c[i].g->name);
        }
    ok = ok && all.n && write_file(arena_printf(A, "%s/all.c", dir), all.s, all.n) && cc_run(&w, dir);
    buf_free(&all);
    if (!ok)
        return NULL;
    return dlopen(arena_printf(A, "%s/all.so", dir), RTLD_NOW | RTLD_LOCAL);
}

/* Did Winograd's kernels compute some of this? */
static bool transformed(const Case *c)
{
    for (int i = 0; i < c->p->call.n; i++)
        if (!strncmp(c->p->call.v[i].impl, "winograd", 8))
            return true;
    return false;
}

static int batch(uint64_t first, int n, const Target *t, int winograd, bool with_c)
{
    Arena *A = arena_new();
    Case c[BATCH];
    int bad = 0;
    bool here = !host_lacks(A, t);
    for (int i = 0; i < n; i++) {
        c[i] = (Case){.seed = first + (uint64_t)i, .winograd = winograd, .A = arena_new()};
        c[i].wrong = compile(&c[i], t);
    }
    void *lib = here && with_c ? build(A, c, n, t) : NULL;
    for (int i = 0; i < n; i++) {
        if (!c[i].wrong && here && llvm_present())
            c[i].wrong = run_llvm(&c[i], t);
        if (!c[i].wrong && here && with_c)
            c[i].wrong = lib ? run_c(&c[i], lib) : "the C does not compile";
        const char *m = winograd ? arena_printf(A, ":%d", winograd) : "";
        printf("%s %s/%s%s/%llu\n", c[i].wrong ? "not ok" : "ok", kind(), t->name, m, (unsigned long long)c[i].seed);
        if (c[i].wrong)
            printf("    %s\n", c[i].wrong), bad++;
        free(c[i].arena);
    }
    int tiled = 0;
    for (int i = 0; i < n; i++)
        tiled += !c[i].wrong && transformed(&c[i]);
    if (winograd && !bad && tiled < n / 2)
        printf("not ok random/%s:%d: %d of %d graphs have a Winograd kernel\n", t->name, winograd, tiled, n), bad++;
    fflush(stdout);
    if (lib)
        dlclose(lib);
    for (int i = 0; i < n; i++)
        arena_free(c[i].A);
    arena_free(A);
    return bad;
}

int main(int argc, char **argv)
{
    products = argc > 1 && !strcmp(argv[1], "--products");
    recurrent = argc > 1 && !strcmp(argv[1], "--recurrent");
    argc -= products || recurrent, argv += products || recurrent;
    scheduled = argc > 1 && !strcmp(argv[1], "--schedules");
    argc -= scheduled, argv += scheduled;
    if (argc < 4) {
        fprintf(stderr, "usage: random [--products | --recurrent] [--schedules] FIRST COUNT [llvm:]TARGET[:M]...\n");
        return 2;
    }
    uint64_t first = strtoull(argv[1], NULL, 10);
    int count = atoi(argv[2]), bad = 0;
    for (int k = 3; k < argc; k++) {
        bool llvm = !strncmp(argv[k], "llvm:", 5);
        const char *spec = argv[k] + (llvm ? 5 : 0), *colon = strchr(spec, ':');
        char name[32];
        snprintf(name, sizeof name, "%.*s", (int)strcspn(spec, ":"), spec);
        const Target *t = target_find(name);
        if (!t) {
            printf("not ok random/%s\n    no such target\n", argv[k]);
            return 1;
        }
        for (int i = 0; i < count; i += BATCH)
            bad += batch(first + (uint64_t)i, (int)imin(BATCH, count - i), t, colon ? atoi(colon + 1) : 0, !llvm);
    }
    return bad > 0;
}
