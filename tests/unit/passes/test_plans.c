/* Memory plans of random graphs, against a memory that is written to and read from node by node. */
#include "../graphs.h"

void suite_plans(void);

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
    static const Op ops[] = {OP_map, OP_softmax, OP_softmin, OP_l2_normalize, OP_layer_norm, OP_mean, OP_sum, OP_max};
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
    if (n->view && !in_arena(m->g, n->in[0])) /* of the caller's input */
        return in_arena(m->g, n->out[0].value) ? "a view of what the caller has lies in the arena" : NULL;
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

/* Words in use while node i runs: what it or a later node reads and it or a node before it wrote, and its scratch. */
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
                arena_align(t)};
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

void suite_plans(void)
{
    CU_pSuite s = CU_add_suite("plans", NULL, NULL);
    CU_add_test(s, "plans keep every value until it is read", test_plans);
}
