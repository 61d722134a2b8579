/* Graph passes on random graphs: each pass alone keeps numbers, form and text; memory plans against a memory that is
   written to and read from node by node; kernel choices; --verify-each. What each pass makes of which graph stands in
   tests/ir. */
#include "../../compiler/spec.h"
#include "../../compiler/weights/weights.h"
#include "../../passes/edit.h"
#include "../exec/randgraph.h"

#include <CUnit/CUnit.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

void suite_passes(void);

enum { GRAPHS = 240 };
static const char *const target_names[] = {"x86-64-v4", "x86-64-v3", "aarch64", "generic", "cortex-m4"};

static const Target *target_of(uint64_t seed) { return target_find(target_names[seed % LEN(target_names)]); }

static void fail(uint64_t seed, const char *pass, const char *what)
{
    fprintf(stderr, "  graph %llu, %s: %s\n", (unsigned long long)seed, pass, what);
    CU_FAIL("see above");
}

/* ---- graphs ---- */

/* The input becomes a constant of the same numbers: whatever passes do with constants then meets every operator. */
static void fix_input(Graph *g, int i, uint64_t seed)
{
    ValueId in = g->input.v[i];
    Type t = g->value.v[in].type;
    float *x = NEW(g->arena, float, type_elems(&t));
    Rng r = rng_seed(seed, g->value.v[in].name);
    for (int64_t k = 0; k < type_elems(&t); k++)
        x[k] = (float)rng_normal(&r);
    value_replace(g, in, graph_const_f32(g, "fixed", t, x));
}

/* Random graphs of 3 to 26 nodes, every fifth with a constant in place of the first input. */
static Graph *graph_of(Arena *A, uint64_t seed)
{
    Graph *g = randgraph(A, seed, 3 + (int)(seed % 24));
    if (seed % 5 == 4)
        fix_input(g, 0, seed);
    for (int i = 0; i < g->value.n; i++)
        g->value.v[i].origin = g->value.v[i].kind == VAL_NODE ? i : -1;
    return g;
}

typedef struct Numbers { Arena *A; const Graph *g; double **of; } Numbers; /* of[v]: every value's numbers, or NULL */

static void keep(void *user, ValueId v, const double *x)
{
    Numbers *n = user;
    size_t elems = (size_t)type_elems(&n->g->value.v[v].type);
    n->of[v] = NEW(n->A, double, elems);
    memcpy(n->of[v], x, elems * sizeof *x);
}

static Numbers numbers(Arena *A, const Graph *g, uint64_t seed)
{
    Numbers n = {A, g, NEW(A, double *, g->value.n)};
    const double **in = NEW(A, const double *, g->input.n + 1);
    for (int i = 0; i < g->input.n; i++) {
        int64_t elems = type_elems(&g->value.v[g->input.v[i]].type);
        double *x = NEW(A, double, elems);
        Rng r = rng_seed(seed, g->value.v[g->input.v[i]].name);
        for (int64_t k = 0; k < elems; k++)
            x[k] = (double)(float)rng_normal(&r);
        in[i] = x;
    }
    graph_eval(g, in, keep, &n);
    return n;
}

/* Within 1e-5 of the largest magnitude; infinities of empty windows are equal, and so is what an infinity times zero
   makes. */
static bool close_to(const double *x, const double *ref, int64_t n)
{
    double err = 0, mag = 0;
    for (int64_t i = 0; i < n; i++) {
        if (x[i] != ref[i] && !(isnan(x[i]) && isnan(ref[i])))
            err = isnan(x[i] - ref[i]) ? INFINITY : fmax(err, fabs(x[i] - ref[i]));
        if (isfinite(ref[i]))
            mag = fmax(mag, fabs(ref[i]));
    }
    return err <= 1e-5 * mag;
}

/* Every output, and every value that claims to equal one of the graph as written. */
static const char *same_numbers(Arena *A, const Numbers *old, const Numbers *now)
{
    const Graph *g = now->g;
    for (int i = 0; i < g->output.n; i++) {
        ValueId v = g->output.v[i];
        if (!close_to(now->of[v], old->of[old->g->output.v[i]], type_elems(&g->value.v[v].type)))
            return arena_printf(A, "output %d has other numbers", i);
        if (g->value.v[v].origin < 0 && old->g->value.v[old->g->output.v[i]].origin >= 0)
            return arena_printf(A, "output %d does not say any more what it equals", i);
    }
    for (int i = 0; i < g->value.n; i++) {
        const Value *v = &g->value.v[i];
        if (v->kind != VAL_DEAD && v->origin >= 0 && now->of[i] && old->of[v->origin] &&
            !close_to(now->of[i], old->of[v->origin], type_elems(&v->type)))
            return arena_printf(A, "value %d is not what it was made from", i);
    }
    return NULL;
}

static const char *round_trip(Arena *A, const Graph *g)
{
    Buf b = {0};
    graph_print(&b, g, PRINT_LAYOUT | PRINT_DATA);
    Graph *again = graph_parse(A, b.s, diag_file("<round trip>", b.s, b.n));
    const char *wrong = again ? graph_diff(A, g, again) : "the text does not parse";
    buf_free(&b);
    return wrong;
}

/* ---- each pass alone ---- */

static int pass_index(const char *name)
{
    for (int i = 0; i < npass_info; i++)
        if (!strcmp(pass_info[i].name, name))
            return i;
    return -1;
}

static bool run(Graph *g, const Target *t, int pass)
{
    Pass p = {.target = t, .opt = 2, .scratch = arena_new()};
    bool changed = pass_info[pass].fn(&p, g);
    arena_free(p.scratch);
    return changed;
}

/* The passes that give what this one needs, and no others. */
static void prepare(Graph *g, const Target *t, int pass)
{
    unsigned need = pass_info[pass].needs;
    bool wanted[16] = {false};
    for (int i = pass - 1; i >= 0; i--)
        if (pass_info[i].gives & need) {
            wanted[i] = true;
            need |= pass_info[i].needs;
        }
    for (int i = 0; i < pass; i++)
        if (wanted[i])
            run(g, t, i);
}

/* A step equals a value of the graph as written, made by the same operator. */
static const char *step_origins(Arena *A, const Graph *before, const Graph *g)
{
    for (int i = 0; i < g->node.n; i++)
        for (int s = 0; s < g->node.v[i].nstep; s++) {
            const Step *step = &g->node.v[i].step[s];
            const Value *v = before->value.v, *end = v + before->value.n;
            while (v < end && (v->kind != VAL_NODE || v->origin != step->origin ||
                               before->node.v[v->node].op != step->op))
                v++;
            if (v == end)
                return arena_printf(A, "step %d of node %d does not say what it equals", s + 1, i);
        }
    return NULL;
}

static const char *try_pass(Arena *A, uint64_t seed, int pass)
{
    const Target *t = target_of(seed);
    Graph *g = graph_of(A, seed);
    prepare(g, t, pass);
    Graph *before = graph_clone(A, g);
    Numbers old = numbers(A, before, seed);
    bool changed = run(g, t, pass);
    const char *wrong = graph_check(g);
    if (wrong || (wrong = round_trip(A, g)))
        return wrong;
    Numbers now = numbers(A, g, seed);
    if ((wrong = same_numbers(A, &old, &now)))
        return wrong;
    if (pass == pass_index("fuse-epilogue") && (wrong = step_origins(A, before, g)))
        return wrong;
    if (!changed && (wrong = graph_diff(A, before, g)))
        return arena_printf(A, "it said that nothing changed, but %s", wrong);
    if (pass > pass_index("fuse-epilogue")) /* decisions are made once */
        return NULL;
    Graph *once = graph_clone(A, g);
    run(g, t, pass);
    wrong = graph_diff(A, once, g);
    return wrong ? arena_printf(A, "a second run changed something: %s", wrong) : NULL;
}

static void every_graph(const char *name)
{
    int pass = pass_index(name);
    CU_ASSERT_FATAL(pass >= 0);
    for (uint64_t seed = 1; seed <= GRAPHS; seed++) {
        Arena *A = arena_new();
        const char *wrong = try_pass(A, seed, pass);
        if (wrong)
            fail(seed, name, wrong);
        arena_free(A);
    }
}

static void test_canonicalise(void) { every_graph("canonicalise"); }
static void test_fold_constants(void) { every_graph("fold-constants"); }
static void test_fold_batch_norm(void) { every_graph("fold-batch-norm"); }
static void test_algebra(void) { every_graph("algebra"); }
static void test_dce(void) { every_graph("dce"); }
static void test_fuse_epilogue(void) { every_graph("fuse-epilogue"); }
static void test_choose_kernels(void) { every_graph("choose-kernels"); }
static void test_assign_layout(void) { every_graph("assign-layout"); }
static void test_match_borders(void) { every_graph("match-borders"); }
static void test_order(void) { every_graph("order"); }
static void test_plan_memory(void) { every_graph("plan-memory"); }

/* ---- what passes promise ---- */

static bool known(const Graph *g, const Node *n)
{
    for (int i = 0; i < n->nin; i++)
        if (g->value.v[n->in[i]].kind != VAL_CONST)
            return false;
    return true;
}

static const char *check_facts(const Graph *g)
{
    for (int i = 0; i < g->node.n; i++) {
        const Node *n = &g->node.v[i];
        if (op_is(n->op, P_ELEMENTWISE))
            return "an elementwise node stands alone";
        if (n->op == OP_split || n->op == OP_flatten || n->op == OP_batch_norm)
            return "an operator is left that another one stands for";
        if (!n->sched)
            return "a node has no schedule";
        bool read = false, read_by_node = false;
        for (int k = 0; k < n->nout; k++) {
            int uses = value_uses(g, n->out[k].value);
            read = read || uses;
            read_by_node = read_by_node || uses > (g->value.v[n->out[k].value].region == REGION_OUTPUT);
        }
        if (!read)
            return "a node is of no use";
        if (known(g, n) && read_by_node && n->op != OP_map)
            return "a node of constants is left";
    }
    for (int i = 0; i < g->value.n; i++)
        if (g->value.v[i].kind == VAL_CONST && !value_uses(g, i))
            return "a constant is of no use";
    return NULL;
}

static Graph *planned(Arena *A, uint64_t seed, const Target *t)
{
    Graph *g = graph_of(A, seed);
    PassOptions o = {.target = t, .opt = 2, .verify_each = true};
    CU_ASSERT_FATAL(passes_run(A, g, &o));
    return g;
}

static bool in_arena(const Graph *g, ValueId v)
{
    return g->value.v[v].kind == VAL_NODE && g->value.v[v].region == REGION_ARENA;
}

/* All passes that can be disabled, as a list. */
static const char *all_disabled(Arena *A)
{
    const char *list = "";
    for (int i = 0; i < npass_info; i++)
        if (pass_info[i].required != REQUIRED)
            list = arena_printf(A, "%s%s%s", list, *list ? "," : "", pass_info[i].name);
    return list;
}

/* What REDUCIBLE passes still do keeps the numbers, and no more than that: elementwise nodes are not joined, no tile is
   larger than a vector, and no value lies where another one lay. */
static const char *check_least(const Graph *g)
{
    for (int i = 0; i < g->node.n; i++) {
        const Node *n = &g->node.v[i];
        if (n->nstep > (n->op == OP_map))
            return "a step joined an anchor";
        if (!n->out[0].kernel.n && n->sched->px * n->sched->rows * n->sched->nb != 1)
            return "a tile was chosen";
    }
    for (int a = 0; a < g->value.n; a++)
        for (int b = 0; b < a; b++) {
            const Value *x = &g->value.v[a], *y = &g->value.v[b];
            bool arena = in_arena(g, a) && in_arena(g, b);
            bool view = arena && (op_is(g->node.v[x->node].op, P_VIEW) || op_is(g->node.v[y->node].op, P_VIEW));
            if (arena && !view && x->offset < y->offset + y->bytes && y->offset < x->offset + x->bytes)
                return "two values share memory";
        }
    return NULL;
}

static void test_least(void)
{
    for (uint64_t seed = 1; seed <= GRAPHS; seed++) {
        Arena *A = arena_new();
        Graph *g = graph_of(A, seed);
        PassOptions o = {.target = target_of(seed), .opt = 2, .verify_each = true, .disable = all_disabled(A)};
        CU_ASSERT_FATAL(passes_check_options(&o) && passes_run(A, g, &o));
        const char *wrong = check_least(g);
        if (wrong)
            fail(seed, "with everything disabled", wrong);
        arena_free(A);
    }
}

static void test_facts(void)
{
    for (uint64_t seed = 1; seed <= GRAPHS; seed++) {
        Arena *A = arena_new();
        const char *wrong = check_facts(planned(A, seed, target_of(seed)));
        if (wrong)
            fail(seed, "all passes", wrong);
        arena_free(A);
    }
}

/* ---- kernel choices ---- */

static const char *check_winograd(const Graph *g, const Node *n, const Target *t)
{
    const Schedule *s = n->sched;
    const Type *w = &g->value.v[n->in[1]].type, out = node_step_type(g, n, 0);
    const Attrs *a = &n->attr;
    if (n->op != OP_conv2d || a->groups != 1 || w->dim[2] < 2 || w->dim[2] != w->dim[3] || a->stride.v[0] > 2 ||
        a->stride.v[0] != a->stride.v[1] || a->dilation.v[0] != 1 || a->dilation.v[1] != 1 || t->mcu || t->lanes == 1)
        return "Winograd where it is not possible or does not pay";
    int64_t ny = (out.dim[2] + s->wino - 1) / s->wino;
    if (s->wino < 2 || s->wino > 6 || s->rows > ny || ny % s->rows || s->parts < 1)
        return "Winograd's map is not cut into equal blocks";
    if (s->px * s->nb + s->nb + 1 > t->vregs || (s->nb - 1) * s->lanes >= out.dim[1])
        return "Winograd's tile does not fit";
    return n->scratch > 0 && n->scratch_offset >= 0 ? NULL : "Winograd's planes have no place";
}

static int tile_rows(const Schedule *s) { return s->impl == IMPL_WINOGRAD ? s->rows * s->wino : s->rows; }

static const char *check_schedule(const Graph *g, const Node *n, const Target *t)
{
    const Schedule *s = n->sched;
    bool map = false, window = false;
    for (int i = 0; i < n->nout; i++) {
        const Out *o = &n->out[i];
        map = map || (o->red != RED_NONE && !o->kernel.n);
        window = window || o->kernel.n;
        if (o->kernel.n && !s->sum_rows && (s->rows % o->kernel.v[0] || s->px % o->kernel.v[1]))
            return "a tile of broken windows";
        if (s->sum_rows && o->red != RED_NONE && (o->kernel.v[0] != s->sum_rows || s->sum_rows % tile_rows(s)))
            return "sums of broken tiles";
    }
    if (s->px < 1 || s->rows < 1 || s->nb < 1)
        return "an empty tile";
    if (s->lanes > t->lanes || (s->lanes & (s->lanes - 1)))
        return "vectors that the target has not";
    if (s->impl == IMPL_WINOGRAD)
        return check_winograd(g, n, t);
    int vectors = s->impl == IMPL_DEPTHWISE ? 1 : s->nb; /* a depthwise kernel's come one after the other */
    if (t->lanes > 1 && s->px * s->rows * vectors + vectors + 1 > t->vregs)
        return "the tile does not fit the registers";
    if (s->peel && ((s->rows > 1 && !window) || (s->oc_outer && !map)))
        return "clipped windows in several rows or by channel blocks";
    if (n->op == OP_conv2d && s->impl != IMPL_DEPTHWISE && map && !s->oc_outer)
        return "a sum over the map that is not of one block of channels";
    if (n->op != OP_conv2d && n->op != OP_conv_transpose2d)
        return s->impl == IMPL_GENERIC ? NULL : "a convolution's kernel for something else";
    const Type *in = &g->value.v[n->in[0]].type;
    Type result = node_step_type(g, n, 0), *out = &result;
    int64_t groups = n->attr.groups, each = out->dim[1] / groups;
    bool depthwise = n->op == OP_conv2d && groups > 1 && groups == in->dim[1] && each == 1;
    Impl want = depthwise ? IMPL_DEPTHWISE : groups > 1 ? IMPL_CONV_GROUP : IMPL_CONV_TILE;
    if (s->impl != want)
        return "another kernel family";
    if (s->px > out->dim[3] || s->rows > out->dim[2] || (!depthwise && (s->nb - 1) * s->lanes >= each))
        return "a tile larger than the map";
    return NULL;
}

static void test_schedules(void)
{
    for (uint64_t seed = 1; seed <= GRAPHS; seed++) {
        Arena *A = arena_new();
        const Target *t = target_of(seed);
        Graph *g = planned(A, seed, t);
        for (int i = 0; i < g->node.n; i++) {
            const char *wrong = check_schedule(g, &g->node.v[i], t);
            if (wrong)
                fail(seed, "choose-kernels", wrong);
        }
        arena_free(A);
    }
}

/* ---- memory plans ---- */

/* The arena in words of 4 bytes; each holds the tag of the element that was written there last. A view's elements have
   the tags of those that its movement selects. */
typedef struct Memory { Arena *A; const Graph *g; int64_t words; double *word, **tag; int64_t align; } Memory;

/* Word of every element of v. */
static int64_t *places(const Memory *m, ValueId v)
{
    const Value *val = &m->g->value.v[v];
    int64_t n = type_elems(&val->type), coord[MAX_RANK] = {0}, *at = NEW(m->A, int64_t, n);
    for (int64_t i = 0; i < n; i++) {
        at[i] = val->offset / 4 + layout_place(&val->layout, &val->type, coord);
        for (int d = val->type.rank - 1; d >= 0 && ++coord[d] == val->type.dim[d]; d--)
            coord[d] = 0;
    }
    return at;
}

/* Where values do not share storage, all of it is the value's. */
static const char *write_value(Memory *m, ValueId v)
{
    const Value *val = &m->g->value.v[v];
    if (val->offset < 0 || val->offset % m->align || val->bytes != 4 * layout_room(&val->layout, &val->type) ||
        val->offset + val->bytes > m->g->arena_bytes)
        return "a value does not lie in the arena as it should";
    for (int64_t i = 0; !val->layout.group && i < val->bytes / 4; i++)
        m->word[val->offset / 4 + i] = -1;
    const int64_t *at = places(m, v);
    m->tag[v] = NEW(m->A, double, type_elems(&val->type));
    for (int64_t i = 0; i < type_elems(&val->type); i++)
        m->word[at[i]] = m->tag[v][i] = (double)v * 0x1p32 + (double)i;
    return NULL;
}

static const char *read_value(const Memory *m, ValueId v)
{
    if (v < 0 || !in_arena(m->g, v))
        return NULL;
    const int64_t *at = places(m, v);
    for (int64_t i = 0; i < type_elems(&m->g->value.v[v].type); i++)
        if (m->word[at[i]] != m->tag[v][i])
            return arena_printf(m->A, "element %lld of value %d is overwritten before it is read", (long long)i, v);
    return NULL;
}

static void make_view(Memory *m, const Node *n)
{
    Type in[64], out = m->g->value.v[n->out[0].value].type;
    const double *x[64];
    for (int k = 0; k < n->nin; k++) {
        in[k] = m->g->value.v[n->in[k]].type;
        x[k] = m->tag[n->in[k]];
    }
    double *y = m->tag[n->out[0].value] = NEW(m->A, double, type_elems(&out));
    OpCall call = {.op = n->op, .attr = &n->attr, .nin = n->nin, .nout = 1, .in = in, .out = &out, .arena = m->A};
    op_info[n->op].ref(&call, x, &y);
}

/* Does the kernel read an element of operand 0 for the last time before it writes that of the result, if both have as
   many? */
static bool in_place(Op op)
{
    static const Op ops[] = {OP_map, OP_softmax, OP_softmin, OP_l2_normalize, OP_mean, OP_sum, OP_max};
    for (int i = 0; i < LEN(ops); i++)
        if (ops[i] == op)
            return true;
    return false;
}

/* May a kernel write `made` while it reads v, by a step (or as what a map maps)? Not where they meet, unless it reads
   just the element that it is about to write: no broadcast, no other layout. */
static const char *while_written(const Memory *m, const Node *n, ValueId made, ValueId v, bool step)
{
    if (v < 0 || !in_arena(m->g, v) || !in_arena(m->g, made))
        return NULL;
    const Value *out = &m->g->value.v[made], *in = &m->g->value.v[v];
    int64_t nout = type_elems(&out->type), nin = type_elems(&in->type);
    const int64_t *to = places(m, made), *from = places(m, v);
    char *written = NEW(m->A, char, m->words);
    for (int64_t i = 0; !out->layout.group && i < out->bytes / 4; i++)
        written[out->offset / 4 + i] = 1;
    for (int64_t i = 0; i < nout; i++)
        written[to[i]] = 1;
    for (int64_t i = 0; i < nin; i++)
        if (written[from[i]] && !(step && nin == nout && from[i] == to[i]))
            return arena_printf(m->A, "%s writes over value %d while it reads it", op_info[n->op].name, v);
    return NULL;
}

static const char *execute(Memory *m, const Node *n)
{
    const char *wrong = NULL;
    if (n->view) {
        make_view(m, n);
        return NULL;
    }
    for (int o = 0; o < n->nout; o++) {
        ValueId out = n->out[o].value;
        for (int k = 0; k < n->nin && !wrong; k++)
            if (!(wrong = read_value(m, n->in[k])))
                wrong = while_written(m, n, out, n->in[k], k == 0 && in_place(n->op));
        for (int s = 0; s < n->nstep && !wrong; s++)
            for (int k = 0; k < n->step[s].nin && !wrong; k++)
                if (!(wrong = read_value(m, n->step[s].in[k])))
                    wrong = while_written(m, n, out, n->step[s].in[k], true);
    }
    for (int k = 0; k < n->nout && !wrong; k++)
        if (in_arena(m->g, n->out[k].value))
            wrong = write_value(m, n->out[k].value);
    return wrong;
}

/* First and last kernel that writes or reads each value, or any value of its group. */
typedef struct Life { int first, last; } Life;

static void live(const Graph *g, Life *life, ValueId v, int at)
{
    if (v < 0)
        return;
    int group = g->value.v[v].layout.group;
    for (int i = group ? 0 : v; i < (group ? g->value.n : v + 1); i++)
        if (i == v || g->value.v[i].layout.group == group) {
            life[i].first = (int)imin(life[i].first, at);
            life[i].last = (int)imax(life[i].last, at);
        }
}

static const Life *lives(Arena *A, const Graph *g)
{
    Life *life = NEW(A, Life, g->value.n);
    for (int i = 0; i < g->value.n; i++)
        life[i] = (Life){g->node.n, -1};
    for (int i = 0; i < g->node.n; i++) {
        const Node *n = &g->node.v[i];
        for (int k = 0; !n->view && k < n->nout; k++)
            live(g, life, n->out[k].value, i);
        for (int k = 0; !n->view && k < n->nin; k++)
            live(g, life, n->in[k], i);
        for (int s = 0; s < n->nstep; s++)
            for (int k = 0; k < n->step[s].nin; k++)
                live(g, life, n->step[s].in[k], i);
    }
    return life;
}

/* Words in use while node i runs: what it or a later node reads and a node before it or itself wrote, and its scratch. */
static int64_t alive_bytes(const Memory *m, int i, const Life *life)
{
    const Node *n = &m->g->node.v[i];
    char *used = NEW(m->A, char, m->words);
    int64_t words = 0;
    if (n->scratch)
        memset(used + n->scratch_offset / 4, 1, (size_t)round_up(n->scratch, m->align) / 4);
    for (int v = 0; v < m->g->value.n; v++)
        if (in_arena(m->g, v) && life[v].first <= i && i <= life[v].last)
            memset(used + m->g->value.v[v].offset / 4, 1, (size_t)round_up(m->g->value.v[v].bytes, m->align) / 4);
    for (int64_t w = 0; w < m->words; w++)
        words += used[w];
    return 4 * words;
}

static const char *check_plan(Arena *A, const Graph *g, const Target *t)
{
    Memory m = {A, g, g->arena_bytes / 4, NEW(A, double, g->arena_bytes / 4 + 1), NEW(A, double *, g->value.n),
                t->lanes > 1 ? 64 : 16};
    for (int64_t i = 0; i < m.words; i++)
        m.word[i] = -1;
    const Life *life = lives(A, g);
    int64_t bound = 0;
    const char *wrong = NULL;
    for (int i = 0; i < g->node.n && !wrong; i++) {
        wrong = execute(&m, &g->node.v[i]);
        bound = imax(bound, alive_bytes(&m, i, life));
    }
    if (!wrong && bound != g->arena_lower_bound)
        wrong = arena_printf(A, "lower bound is %lld, not %lld", (long long)bound, (long long)g->arena_lower_bound);
    return wrong || g->arena_bytes >= bound ? wrong : "the arena is smaller than what is alive at once";
}

static void test_plans(void)
{
    int met = 0, all = 0;
    double worst = 1;
    for (uint64_t seed = 1; seed <= GRAPHS; seed++)
        for (int i = 0; i < LEN(target_names); i += 3) {
            Arena *A = arena_new();
            const Target *t = target_find(target_names[i]);
            Graph *g = planned(A, seed, t);
            const char *wrong = check_plan(A, g, t);
            if (wrong)
                fail(seed, "plan-memory", wrong);
            all++, met += g->arena_bytes == g->arena_lower_bound;
            if (g->arena_lower_bound)
                worst = fmax(worst, (double)g->arena_bytes / (double)g->arena_lower_bound);
            arena_free(A);
        }
    printf("  %d of %d plans meet the lower bound, the worst is %.3f of it\n", met, all, worst);
    CU_ASSERT(met == all); /* no law of nature, but so it has been */
}

/* ---- the pass manager ---- */

static Graph *parse(Arena *A, const char *text)
{
    Graph *g = graph_parse(A, text, diag_file("test.dsq", text, strlen(text)));
    CU_ASSERT_FATAL(g != NULL);
    return g;
}

static char *said(Arena *A, Buf *b)
{
    diag_capture(NULL);
    char *s = arena_printf(A, "%s", b->s ? b->s : "");
    buf_free(b);
    diag_reset();
    return s;
}

/* No pass is wrong, so the graph is: a value claims to equal another one. */
static void test_verify_each(void)
{
    Arena *A = arena_new();
    PassOptions o = {.target = target_find("generic"), .opt = 2, .verify_each = true};
    static const char text[] = "graph @g (%x: f32[8]) -> (%y: f32[8], %z: f32[8]) {\n"
                               "  %1 = reshape %x {shape=[8]} : f32[8]\n"
                               "  %y = softmax %1 {axis=0} : f32[8]  name=soft\n"
                               "  %z = exp %x : f32[8]  name=steep\n}\n";
    for (int wrong = 0; wrong < 2; wrong++) {
        Graph *g = parse(A, text);
        for (int i = 0; i < g->value.n; i++)
            if (g->value.v[i].kind == VAL_NODE)
                g->value.v[i].origin = i;
        if (wrong) /* y is evaluated first: the numbers kept under its origin are z's */
            g->value.v[g->output.v[1]].origin = g->output.v[0];
        Buf b = {0};
        diag_capture(&b);
        bool ok = passes_run(A, g, &o);
        const char *s = said(A, &b);
        CU_ASSERT_EQUAL(ok, !wrong);
        CU_ASSERT(wrong ? strstr(s, "pass 'canonicalise' changed the numbers: first at 'soft'") != NULL : !*s);
    }
    arena_free(A);
}

/* ---- a pass that is wrong ---- */

static int drop_bias_of; /* the convolution with a bias that loses it */

static bool drop_bias(Pass *p, Graph *g)
{
    (void)p;
    for (int i = 0, seen = 0; i < g->node.n; i++) {
        Node *n = &g->node.v[i];
        if (n->op != OP_conv2d || n->nin < 3 || seen++ != drop_bias_of)
            continue;
        n->nin = 2;
        return true;
    }
    return false;
}

/* The table with another row behind the pass `behind`. */
static const PassInfo *with_row(Arena *A, const char *behind, PassInfo row)
{
    PassInfo *t = NEW(A, PassInfo, npass_info + 1);
    for (int i = 0, n = 0; i < npass_info; i++) {
        t[n++] = pass_info[i];
        if (!strcmp(pass_info[i].name, behind))
            t[n++] = row;
    }
    return t;
}

static Graph *graph_of_spec(Arena *A)
{
    static const char text[] = "name: net\n"
                               "input:\n"
                               "  image: {type: 'f32[1,3,9,9]'}\n"
                               "network:\n"
                               "  - {op: conv2d, name: conv1, out: 5, kernel: 3, pad: 1}\n"
                               "  - {op: batch_norm, name: bn1}\n"
                               "  - relu\n"
                               "  - {op: conv2d, name: conv2, out: 4, kernel: 3}\n"
                               "  - relu\n"
                               "  - {op: mean, axes: [2, 3]}\n"
                               "output: y\n";
    Spec *s = spec_parse(A, "net.yaml", text, strlen(text), NULL, 0, NULL);
    CU_ASSERT_FATAL(s != NULL);
    Weights w;
    CU_ASSERT_FATAL(weights_bind(A, s->graph, "random:7", false, &w));
    return s->graph;
}

/* Wherever it stands among the others and whichever bias it drops, --verify-each names the pass and that node with its
   place in the YAML, not a node behind it. */
static void test_wrong_pass(void)
{
    static const char *const behind[] = {"canonicalise", "fold-batch-norm", "fuse-epilogue", "plan-memory"};
    static const char *const want[][4] = {{"'conv1'", "'conv1 + bn1'", "'conv1 + bn1 + relu'", "'conv1 + bn1 + relu'"},
                                          {"'conv2'", "'conv2'", "'conv2 + relu'", "'conv2 + relu + mean'"}};
    static const char *const place[] = {"net.yaml:5:10: error: ", "net.yaml:8:10: error: "};
    for (int b = 0; b < LEN(behind); b++)
        for (drop_bias_of = 0; drop_bias_of < 3; drop_bias_of++) { /* there is no third */
            Arena *A = arena_new();
            Graph *g = graph_of_spec(A);
            PassOptions o = {.target = target_find("generic"), .opt = 2, .verify_each = true};
            const PassInfo *row = with_row(A, behind[b], (PassInfo){.name = "drop-bias", .fn = drop_bias});
            Buf text = {0};
            diag_capture(&text);
            bool ok = passes_run_rows(g, &o, row, npass_info + 1);
            const char *s = said(A, &text);
            CU_ASSERT_EQUAL(ok, drop_bias_of == 2);
            if (!ok && !(strstr(s, "pass 'drop-bias' changed the numbers: first at ") &&
                         strstr(s, want[drop_bias_of][b]) &&
                         !strncmp(s, place[drop_bias_of], strlen(place[drop_bias_of])))) {
                fprintf(stderr, "  behind %s, bias %d: %s", behind[b], drop_bias_of, s);
                CU_FAIL("another message");
            }
            arena_free(A);
        }
}

/* A pass that forgets what its values equal is compared by the outputs. */
static bool forget(Pass *p, Graph *g)
{
    for (int i = 0; i < g->value.n; i++)
        g->value.v[i].origin = -1;
    return drop_bias(p, g);
}

static void test_forgetful_pass(void)
{
    Arena *A = arena_new();
    Graph *g = graph_of_spec(A);
    PassOptions o = {.target = target_find("generic"), .opt = 2, .verify_each = true};
    Buf text = {0};
    diag_capture(&text);
    drop_bias_of = 1;
    bool ok = passes_run_rows(g, &o, &(PassInfo){.name = "forget", .fn = forget}, 1);
    const char *s = said(A, &text);
    CU_ASSERT(!ok && strstr(s, "net.yaml:10:10: error: pass 'forget' changed the numbers: first at 'mean'"));
    arena_free(A);
}

/* ---- the observer ---- */

typedef struct Seen { int n, nodes; const char *last; } Seen;

static void see(void *user, const PassInfo *info, const Graph *g, double ms, bool changed)
{
    Seen *s = user;
    CU_ASSERT((info != NULL) == (s->n > 0) && ms >= 0 && (changed || !info || g->node.n == s->nodes));
    s->n++;
    s->nodes = g->node.n;
    s->last = info ? info->name : NULL;
}

static void test_observer(void)
{
    Arena *A = arena_new();
    Seen seen = {0};
    PassOptions o = {.target = target_find("generic"), .opt = 2, .stop_after = "fuse-epilogue", .observe = see,
                     .observer = &seen};
    CU_ASSERT(passes_run(A, graph_of_spec(A), &o));
    CU_ASSERT_EQUAL(seen.n, 2 + pass_index("fuse-epilogue"));
    CU_ASSERT(seen.last && !strcmp(seen.last, "fuse-epilogue"));
    arena_free(A);
}

static void expect_refused(PassOptions o, const char *message)
{
    Arena *A = arena_new();
    Buf b = {0};
    diag_capture(&b);
    bool ok = passes_check_options(&o);
    const char *s = said(A, &b);
    CU_ASSERT(message ? !ok && strstr(s, message) : ok && !*s);
    if (message && !strstr(s, message))
        fprintf(stderr, "  got: %s", s);
    arena_free(A);
}

static void test_options(void)
{
    expect_refused((PassOptions){.passes = "dce,fuse-epilogue", .disable = "fold-constants", .print_after = "all"}, NULL);
    expect_refused((PassOptions){.passes = "dce,fuse-epilogue", .disable = "fold-constants,dce"},
                   "--disable-pass: 'dce' is in --passes, too");
    expect_refused((PassOptions){.passes = "dce,fuse-epiloge"},
                   "--passes: there is no pass 'fuse-epiloge', did you mean 'fuse-epilogue'?");
    expect_refused((PassOptions){.disable = "xyz"}, "--disable-pass: there is no pass 'xyz'");
    expect_refused((PassOptions){.disable = "assign-layout"}, "'assign-layout' is required");
    expect_refused((PassOptions){.print_after = "dc"}, "--print-ir-after: there is no pass 'dc'");
    expect_refused((PassOptions){.stop_after = "dcee"}, "did you mean 'dce'?");
}

/* Levels, --disable-pass, --passes and stop_after, seen by what they leave in the graph. */
static void test_choice(void)
{
    static const char text[] = "graph @g (%x: f32[2]) -> (%y: f32[2]) {\n  const @a : f32[2] = [1, 2]\n"
                               "  %1 = softmax @a {axis=0} : f32[2]\n  %2 = mul %x, %1 : f32[2]\n"
                               "  %y = abs %2 : f32[2]\n}\n";
    static const struct { PassOptions o; int nodes; Op first; bool offsets; } cases[] = {
        {{.opt = 0}, 2, OP_softmax, true},
        {{.opt = 1}, 1, OP_map, true},
        {{.opt = 2, .disable = "fold-constants"}, 2, OP_softmax, true},
        {{.opt = 2, .passes = "fold-constants"}, 2, OP_mul, false},
        {{.opt = 0, .passes = "dce"}, 3, OP_softmax, false},
        {{.opt = 2, .stop_after = "fold-constants"}, 2, OP_mul, false},
        {{.opt = 2, .stop_after = "fuse-epilogue"}, 1, OP_map, false},
    };
    for (int i = 0; i < LEN(cases); i++) {
        Arena *A = arena_new();
        Graph *g = parse(A, text);
        PassOptions o = cases[i].o;
        o.target = target_find("generic");
        CU_ASSERT(passes_run(A, g, &o));
        CU_ASSERT_EQUAL(g->node.n, cases[i].nodes);
        CU_ASSERT_EQUAL(g->node.v[0].op, cases[i].first);
        CU_ASSERT_EQUAL(g->value.v[g->output.v[0]].region == REGION_OUTPUT, cases[i].offsets);
        arena_free(A);
    }
}

/* ---- limits ---- */

/* Sums of more values than a kernel has parameters. */
static void test_operands(void)
{
    enum { TERMS = 100 };
    Arena *A = arena_new();
    Graph *g = graph_new(A, "sums");
    const char *err;
    Type t = type_make(DT_F32, 1, (const int64_t[]){8});
    ValueId x = graph_input(g, "x", t, (Loc){0}), term[TERMS];
    Attrs a;
    attrs_default(OP_softmax, &a);
    for (int i = 0; i < TERMS; i++)
        term[i] = node_value(g, graph_add(g, OP_softmax, &a, i ? &term[i - 1] : &x, 1, NULL, (Loc){0}, &err));
    for (int i = 0; i < TERMS; i++)
        x = node_value(g, graph_add(g, OP_add, NULL, (const ValueId[]){x, term[i]}, 2, NULL, (Loc){0}, &err));
    g->value.v[x].name = "y";
    PUSH(A, &g->output, x);
    PassOptions o = {.target = target_find("generic"), .verify_each = true};
    CU_ASSERT_FATAL(passes_run(A, g, &o));
    int steps = 0;
    for (int i = 0; i < g->node.n; i++) {
        CU_ASSERT(g->node.v[i].nstep <= 33);
        steps += g->node.v[i].nstep;
    }
    CU_ASSERT_EQUAL(steps, TERMS);
    lower_graph(A, g, o.target, false);
    arena_free(A);
}

void suite_passes(void)
{
    CU_pSuite s = CU_add_suite("passes", NULL, NULL);
    CU_add_test(s, "canonicalise on random graphs", test_canonicalise);
    CU_add_test(s, "fold-constants on random graphs", test_fold_constants);
    CU_add_test(s, "fold-batch-norm on random graphs", test_fold_batch_norm);
    CU_add_test(s, "algebra on random graphs", test_algebra);
    CU_add_test(s, "dce on random graphs", test_dce);
    CU_add_test(s, "fuse-epilogue on random graphs", test_fuse_epilogue);
    CU_add_test(s, "choose-kernels on random graphs", test_choose_kernels);
    CU_add_test(s, "assign-layout on random graphs", test_assign_layout);
    CU_add_test(s, "match-borders on random graphs", test_match_borders);
    CU_add_test(s, "order on random graphs", test_order);
    CU_add_test(s, "plan-memory on random graphs", test_plan_memory);
    CU_add_test(s, "what all passes leave behind", test_facts);
    CU_add_test(s, "what disabled passes still do", test_least);
    CU_add_test(s, "tiles fit registers and maps", test_schedules);
    CU_add_test(s, "plans keep every value until it is read", test_plans);
    CU_add_test(s, "--verify-each", test_verify_each);
    CU_add_test(s, "a wrong pass is named", test_wrong_pass);
    CU_add_test(s, "a forgetful pass is named", test_forgetful_pass);
    CU_add_test(s, "the observer of passes", test_observer);
    CU_add_test(s, "pass options", test_options);
    CU_add_test(s, "choice of passes", test_choice);
    CU_add_test(s, "operands of a group", test_operands);
}
