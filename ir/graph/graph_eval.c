/* The reference: a graph evaluated as written, node by node, in double precision. */
#include "graph.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Weights of linear beyond this many elements are turned into doubles by blocks of rows: VGG's would take 0.8 GB. */
enum { BIG_WEIGHT = 1 << 22 };

typedef struct Eval {
    const Graph *g;
    double **own;          /* per value: numbers that we allocated, or NULL */
    const double **val;    /* per value: its numbers, or NULL */
    int *uses;             /* operand occurrences still to come */
    RefSink *sink;
    void *user;
    Arena *arena;          /* of the node at work */
    double *largest;       /* where not NULL: the largest magnitude of anchor and steps */
} Eval;

static double *new_numbers(int64_t n)
{
    double *p = malloc((size_t)n * sizeof *p);
    if (!p)
        out_of_memory();
    return p;
}

static const Tensor *tensor_of(const Eval *e, ValueId id)
{
    const Tensor *t = e->g->value.v[id].tensor;
    if (!t->data)
        bug("constant '%s' has no numbers", t->name);
    return t;
}

static const double *doubles_of(Eval *e, ValueId id)
{
    if (!e->val[id] && e->g->value.v[id].kind == VAL_CONST) {
        const Tensor *t = tensor_of(e, id);
        e->own[id] = new_numbers(type_elems(&t->type));
        tensor_f64(t, e->own[id]);
        e->val[id] = e->own[id];
    }
    if (!e->val[id])
        bug("value %d is used before it is made", id);
    return e->val[id];
}

static void release(Eval *e, ValueId id)
{
    free(e->own[id]);
    e->own[id] = NULL;
    e->val[id] = NULL;
}

static void count_uses(Eval *e, const Node *n, int by)
{
    for (int i = 0; i < n->nin; i++)
        e->uses[n->in[i]] += by;
    for (int k = 0; k < n->nstep; k++)
        for (int i = 0; i < n->step[k].nin; i++)
            if (n->step[k].in[i] >= 0)
                e->uses[n->step[k].in[i]] += by;
}

static void release_unused(Eval *e, const Node *n)
{
    for (int i = 0; i < n->nin; i++)
        if (!e->uses[n->in[i]])
            release(e, n->in[i]);
    for (int k = 0; k < n->nstep; k++)
        for (int i = 0; i < n->step[k].nin; i++)
            if (n->step[k].in[i] >= 0 && !e->uses[n->step[k].in[i]])
                release(e, n->step[k].in[i]);
}

/* ---- calls ---- */

static OpCall infer(Eval *e, Op op, const Attrs *attr, const Type *in, int nin)
{
    OpCall c = {.op = op, .attr = attr, .nin = nin, .in = in, .arena = e->arena};
    Type *out = NEW(e->arena, Type, MAX_OUT);
    const char *err = op_infer(&c, out, &c.nout);
    if (err)
        bug("%s: %s", op_info[op].name, err);
    c.out = out;
    return c;
}

static void run_op(const OpCall *c, const double *const *in, double **out)
{
    for (int i = 0; i < c->nout; i++)
        out[i] = new_numbers(type_elems(&c->out[i]));
    op_info[c->op].ref(c, in, out);
}

static bool is_big_linear(const Eval *e, const Node *n)
{
    const Value *w = &e->g->value.v[n->in[n->nin > 1]];
    return n->op == OP_linear && w->kind == VAL_CONST && type_elems(&w->type) > BIG_WEIGHT;
}

/* linear by blocks of weight's rows: each block is a linear of its own with fewer outputs. */
static void linear_by_blocks(Eval *e, const Node *n, const OpCall *whole, double **out)
{
    const Tensor *w = tensor_of(e, n->in[1]);
    int64_t ni = w->type.dim[1], no = w->type.dim[0], rows = type_elems(&whole->in[0]) / ni;
    int64_t block = imax(BIG_WEIGHT / ni, 1);
    const double *x = doubles_of(e, n->in[0]), *bias = n->nin == 3 ? doubles_of(e, n->in[2]) : NULL;
    double *part = new_numbers(block * ni), *y = new_numbers(rows * block);
    out[0] = new_numbers(rows * no);
    for (int64_t o = 0; o < no; o += block) {
        int64_t count = imin(block, no - o);
        Tensor view = *w;
        view.type.dim[0] = count;
        view.data = (const char *)w->data + o * ni * dtype_size(w->stored);
        tensor_f64(&view, part);
        Type in[3] = {whole->in[0], view.type, {.rank = 1, .dim = {count}}}, res = whole->out[0];
        res.dim[res.rank - 1] = count;
        OpCall c = *whole;
        c.in = in;
        c.out = &res;
        op_info[OP_linear].ref(&c, (const double *const[]){x, part, bias ? bias + o : NULL}, &y);
        for (int64_t r = 0; r < rows; r++)
            memcpy(out[0] + r * no + o, y + r * count, (size_t)count * sizeof *y);
    }
    free(part);
    free(y);
}

static OpCall eval_anchor(Eval *e, const Node *n, double **out)
{
    Type *types = NEW(e->arena, Type, n->nin);
    const double **in = NEW(e->arena, const double *, n->nin);
    for (int i = 0; i < n->nin; i++)
        types[i] = e->g->value.v[n->in[i]].type;
    OpCall c = infer(e, n->op, &n->attr, types, n->nin);
    if (is_big_linear(e, n)) {
        linear_by_blocks(e, n, &c, out);
        return c;
    }
    for (int i = 0; i < n->nin; i++)
        in[i] = doubles_of(e, n->in[i]);
    run_op(&c, in, out);
    return c;
}

static void eval_step(Eval *e, const Step *s, const Type *anchor, double *const *made, double **out)
{
    Type *types = NEW(e->arena, Type, s->nin);
    const double **in = NEW(e->arena, const double *, s->nin);
    for (int i = 0; i < s->nin; i++) {
        Ref r = s->in[i];
        types[i] = r < 0 ? *anchor : e->g->value.v[r].type;
        in[i] = r < 0 ? made[~r] : doubles_of(e, r);
    }
    OpCall c = infer(e, s->op, &s->attr, types, s->nin);
    run_op(&c, in, out);
}

/* What an out keeps of the step result `of`, in memory of its own. */
static double *eval_out(Eval *e, const Out *o, const Type *type, const double *of)
{
    if (o->red == RED_NONE) {
        size_t bytes = (size_t)type_elems(type) * sizeof *of;
        return memcpy(new_numbers(type_elems(type)), of, bytes);
    }
    Attrs *t = NEW(e->arena, Attrs, 1);
    Op op = out_op(o, t);
    attrs_normalize(e->arena, op, t, type, 1);
    OpCall c = infer(e, op, t, type, 1);
    double *res;
    run_op(&c, &of, &res);
    return res;
}

static double largest_of(const double *x, int64_t n)
{
    double largest = 0;
    for (int64_t i = 0; i < n; i++)
        largest = fmax(largest, fabs(x[i]));
    return largest;
}

static void flush(const Eval *e, double *x, const Type *t)
{
    for (int64_t i = 0, n = type_elems(t); e->g->flush_to_zero && i < n; i++)
        if (fabs(x[i]) < (double)FLT_MIN)
            x[i] = copysign(0, x[i]);
}

static void eval_node(Eval *e, const Node *n)
{
    double **made = NEW(e->arena, double *, n->nstep + MAX_OUT); /* results of the anchor, or of anchor and steps */
    OpCall anchor = eval_anchor(e, n, made);
    flush(e, made[0], &anchor.out[0]);
    for (int k = 0; k < n->nstep; k++) {
        eval_step(e, &n->step[k], anchor.out, made, &made[k + 1]);
        flush(e, made[k + 1], anchor.out);
    }
    for (int k = 0; e->largest && k <= n->nstep; k++)
        *e->largest = fmax(*e->largest, largest_of(made[k], type_elems(anchor.out)));
    bool multi = op_is(n->op, P_MULTI), plain = multi || (n->nout == 1 && n->out[0].red == RED_NONE);
    for (int i = 0; i < n->nout; i++) {
        int from = multi ? i : n->out[i].step;
        ValueId id = n->out[i].value;
        e->own[id] = plain ? made[from] : eval_out(e, &n->out[i], anchor.out, made[from]);
        if (!plain)
            flush(e, e->own[id], &e->g->value.v[id].type);
        e->val[id] = e->own[id];
        if (plain)
            made[from] = NULL;
    }
    for (int k = 0; k < (multi ? n->nout : n->nstep + 1); k++)
        free(made[k]);
}

void graph_eval(const Graph *g, const double *const *in, RefSink *sink, void *user)
{
    Arena *a = arena_new();
    Eval e = {g, NEW(a, double *, g->value.n + 1), NEW(a, const double *, g->value.n + 1),
              NEW(a, int, g->value.n + 1), sink, user, NULL, NULL};
    for (int i = 0; i < g->node.n; i++)
        if (g->node.v[i].op != OP_NONE)
            count_uses(&e, &g->node.v[i], 1);
    for (int i = 0; i < g->input.n; i++) {
        e.val[g->input.v[i]] = in[i];
        sink(user, g->input.v[i], in[i]);
    }
    for (int i = 0; i < g->node.n; i++) {
        const Node *n = &g->node.v[i];
        if (n->op == OP_NONE)
            continue;
        e.arena = arena_new();
        eval_node(&e, n);
        arena_free(e.arena);
        for (int k = 0; k < n->nout; k++)
            sink(user, n->out[k].value, e.val[n->out[k].value]);
        count_uses(&e, n, -1);
        release_unused(&e, n);
        for (int k = 0; k < n->nout; k++)
            if (!e.uses[n->out[k].value])
                release(&e, n->out[k].value);
    }
    bool *sunk = NEW(a, bool, g->value.n + 1);
    for (int i = 0; i < g->output.n; i++) {
        ValueId id = g->output.v[i];
        if (g->value.v[id].kind == VAL_CONST && !sunk[id]) {
            sink(user, id, doubles_of(&e, id));
            release(&e, id);
            sunk[id] = true;
        }
    }
    arena_free(a);
}

void graph_eval_node(const Graph *g, int node, const double *const *in, double *largest, RefSink *sink, void *user)
{
    Arena *a = arena_new();
    const Node *n = &g->node.v[node];
    Eval e = {g, NEW(a, double *, g->value.n + 1), NEW(a, const double *, g->value.n + 1), NEW(a, int, g->value.n + 1),
              sink, user, a, largest};
    memcpy(e.val, in, (size_t)g->value.n * sizeof *in);
    if (largest)
        *largest = 0;
    eval_node(&e, n);
    for (int k = 0; k < n->nout; k++)
        sink(user, n->out[k].value, e.val[n->out[k].value]);
    for (int i = 0; i < g->value.n; i++)
        free(e.own[i]);
    arena_free(a);
}
