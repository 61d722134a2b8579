/* --verify-each on loops: the interpreter runs the program, a call at a time.

   Once lowered, each kernel is compared with its node, evaluated in double precision on the operands that kernels have
   stored. So rounding that is handed on from earlier kernels is nobody's fault, and a kernel that reads what another
   one has overwritten is found too. Passes on loops keep every bit: from then on, what a call stores is compared with
   what it stored before. Inputs are those of the reference, rounded to single precision. */
#include "verify.h"

#include <float.h>
#include <math.h>
#include <string.h>

#include "edit.h"

struct LoopVerify {
    Arena *A;
    const Graph *g;
    const Program *p;
    float **port;            /* the caller's memory: inputs, outputs */
    char *arena;
    float **seen;            /* per value: what its kernel stored, row-major */
    uint64_t *kernel;        /* per kernel: its hash when it was interpreted last */
    uint64_t *bits;          /* per call: a hash of all that it may have stored */
};

/* ---- memory ---- */

static int64_t param_bytes(const KParam *k)
{
    int64_t n = dtype_size(k->elem);
    for (int d = 0; d < k->rank; d++)
        n *= k->dim[d];
    return n;
}

static char *memory_at(const LoopVerify *v, Arg at)
{
    if (at.buf == ARG_ARENA)
        return v->arena + at.offset;
    int port = 0;
    for (int i = 0; i < at.buf; i++)
        port += v->p->buf.v[i].kind != BUF_CONST;
    return (char *)(v->port[port] + at.offset);
}

static int64_t port_bytes(const PBuf *b) { return type_elems(&b->type) * dtype_size(b->type.dtype); }

/* Inputs are the same in every run; whatever else a kernel may read before it is stored is NaN. */
static void fill(LoopVerify *v)
{
    int port = 0, input = 0;
    memset(v->arena, 0xff, (size_t)v->p->arena_bytes);
    for (int i = 0; i < v->p->buf.n; i++) {
        const PBuf *b = &v->p->buf.v[i];
        if (b->kind == BUF_CONST)
            continue;
        float *x = v->port[port++];
        memset(x, 0xff, (size_t)port_bytes(b));
        if (b->kind == BUF_OUTPUT)
            continue;
        const Value *in = &v->g->value.v[v->g->input.v[input++]];
        Rng rng = rng_seed(1, in->name);
        for (int64_t k = 0, n = type_elems(&in->type); k < n; k++)
            x[k] = (float)rng_normal(&rng);
        v->seen[in - v->g->value.v] = x;
    }
}

LoopVerify *loop_verify_begin(Arena *A, const Graph *g, const Program *p)
{
    enum { ALIGN = 64 };
    if (!verify_has_numbers(g))
        return NULL;
    LoopVerify *v = NEW(A, LoopVerify, 1);
    *v = (LoopVerify){.A = A, .g = g, .p = p, .port = NEW(A, float *, p->buf.n + 1),
                      .seen = NEW(A, float *, g->value.n + 1), .kernel = NEW(A, uint64_t, p->kernel.n + 1),
                      .bits = NEW(A, uint64_t, p->call.n + 1)};
    for (int i = 0, port = 0; i < p->buf.n; i++)
        if (p->buf.v[i].kind != BUF_CONST)
            v->port[port++] = arena_alloc(A, (size_t)port_bytes(&p->buf.v[i]), 1, ALIGN);
    v->arena = arena_alloc(A, (size_t)p->arena_bytes + 1, 1, ALIGN);
    return v;
}

/* ---- a run ---- */

static uint64_t stored_bits(const LoopVerify *v, const Call *c)
{
    const Kernel *k = &v->p->kernel.v[c->kernel];
    uint64_t h = 0;
    for (int i = 0; i < k->param.n; i++)
        if (k->param.v[i].access == ACC_WO || k->param.v[i].access == ACC_RW)
            h = hash_bytes(memory_at(v, c->arg.v[i]), (size_t)param_bytes(&k->param.v[i]), h);
    return h;
}

/* False after a message. */
static bool run_call(LoopVerify *v, int call, const char *pass)
{
    Program one = *v->p;
    one.call.v = v->p->call.v + call;
    one.call.n = 1;
    Arena *scratch = arena_new();
    const char *wrong = program_interp(&one, v->port, v->arena, scratch);
    if (wrong)
        error_at(one.call.v->loc, "pass '%s': kernel '%s' (%s): %s", pass,
                 v->p->kernel.v[one.call.v->kernel].name, one.call.v->layers, wrong);
    arena_free(scratch);
    return !wrong;
}

/* ---- against the graph ---- */

typedef struct CallOperands {
    LoopVerify *v;
    Arena *A;
    const double **x; /* per value; NULL: not needed yet */
} CallOperands;

typedef struct CallResult { CallOperands *o; const double *largest; double error; ValueId worst; } CallResult;

static void keep_view(void *user, ValueId id, const double *x)
{
    CallOperands *o = user;
    int64_t n = type_elems(&o->v->g->value.v[id].type);
    o->x[id] = memcpy(NEW(o->A, double, n), x, (size_t)n * sizeof *x);
}

static void need(CallOperands *o, ValueId id);

static void need_all(CallOperands *o, const Node *n)
{
    for (int i = 0; i < n->nin; i++)
        need(o, n->in[i]);
    for (int s = 0; s < n->nstep; s++)
        for (int i = 0; i < n->step[s].nin; i++)
            need(o, n->step[s].in[i]);
}

static double *widened(Arena *A, const float *x, int64_t n, bool flush)
{
    double *wide = NEW(A, double, n);
    for (int64_t i = 0; i < n; i++)
        wide[i] = flush && fabsf(x[i]) < FLT_MIN ? 0 : (double)x[i];
    return wide;
}

/* The numbers of a value as kernels see them. No kernel makes a view. */
static void need(CallOperands *o, ValueId id)
{
    const Graph *g = o->v->g;
    if (id < 0 || o->x[id] || g->value.v[id].kind == VAL_CONST)
        return;
    if (o->v->seen[id]) {
        o->x[id] = widened(o->A, o->v->seen[id], type_elems(&g->value.v[id].type), g->flush_to_zero);
        return;
    }
    int node = g->value.v[id].node;
    need_all(o, &g->node.v[node]);
    graph_eval_node(g, node, o->x, NULL, keep_view, o);
}

static void compare(void *user, ValueId id, const double *ref)
{
    CallResult *r = user;
    const LoopVerify *v = r->o->v;
    if (!v->seen[id])
        return;
    int64_t n = type_elems(&v->g->value.v[id].type);
    double *x = widened(r->o->A, v->seen[id], n, v->g->flush_to_zero);
    double noise = v->g->flush_to_zero ? 0x1p20 * (double)FLT_MIN : 0; /* of sums whose terms are flushed */
    for (int64_t i = 0; i < n; i++)
        if (fabs(x[i] - ref[i]) <= noise)
            x[i] = ref[i];
    double error = relative_difference(x, ref, n, *r->largest);
    if (error > r->error)
        r->error = error, r->worst = id;
}

/* The largest error of the results of a node, of what its kernel has read. */
static double node_error(LoopVerify *v, int node)
{
    Arena *A = arena_new();
    double largest = 0;
    CallOperands o = {v, A, NEW(A, const double *, v->g->value.n + 1)};
    CallResult r = {.o = &o, .largest = &largest};
    need_all(&o, &v->g->node.v[node]);
    graph_eval_node(v->g, node, o.x, &largest, compare, &r);
    arena_free(A);
    return r.error;
}

static void keep_results(LoopVerify *v, const Call *c)
{
    for (int i = 0; i < c->out.n; i++) {
        int id = c->out.v[i].value;
        if (id < 0)
            continue;
        const Value *value = &v->g->value.v[id];
        v->seen[id] = NEW(v->A, float, type_elems(&value->type));
        layout_gather(&value->layout, &value->type, (const float *)(void *)memory_at(v, c->out.v[i].at), v->seen[id]);
    }
}

static void say_changed(const LoopVerify *v, const char *pass, const Call *c, const char *by)
{
    error_at(c->loc, "pass '%s' changed the numbers: first in kernel '%s' (%s), %s", pass,
             v->p->kernel.v[c->kernel].name, c->layers, by);
}

/* Each node whose results are complete after the call, once. */
static bool verify_results(LoopVerify *v, const Call *c, const char *stage)
{
    keep_results(v, c);
    for (int i = 0, done = -1; i < c->out.n; i++) {
        int id = c->out.v[i].value, node = id < 0 ? -1 : v->g->value.v[id].node;
        if (node < 0 || node == done)
            continue;
        done = node;
        double error = node_error(v, node);
        if (error <= node_tolerance(&v->g->node.v[node]))
            continue;
        say_changed(v, stage, c, arena_printf(v->A, "relative error %.3g", error));
        return false;
    }
    return true;
}

bool verify_lowered(LoopVerify *v, const char *stage)
{
    fill(v);
    for (int i = 0; i < v->p->kernel.n; i++)
        v->kernel[i] = kernel_hash(&v->p->kernel.v[i]);
    for (int i = 0; i < v->p->call.n; i++) {
        if (!run_call(v, i, stage) || !verify_results(v, &v->p->call.v[i], stage))
            return false;
        v->bits[i] = stored_bits(v, &v->p->call.v[i]);
    }
    return true;
}

/* ---- against the program as it was ---- */

static bool same_kernels(LoopVerify *v)
{
    bool same = true;
    for (int i = 0; i < v->p->kernel.n; i++) {
        uint64_t now = kernel_hash(&v->p->kernel.v[i]);
        same = same && now == v->kernel[i];
        v->kernel[i] = now;
    }
    return same;
}

bool verify_loops(LoopVerify *v, const char *pass)
{
    if (same_kernels(v))
        return true;
    fill(v);
    for (int i = 0; i < v->p->call.n; i++) {
        const Call *c = &v->p->call.v[i];
        if (!run_call(v, i, pass))
            return false;
        if (stored_bits(v, c) == v->bits[i])
            continue;
        say_changed(v, pass, c, "which stored other bits before");
        return false;
    }
    return true;
}
