/* Costs of every kernel call, from the program and the graph that it was lowered from. */
#include "figures.h"

#include <stdlib.h>
#include <string.h>

#include "../emit/stack.h"

/* For every node the first and the last call that it became: calls stand in the order of nodes, and the last one of a
   node completes its values. */
typedef struct NodeSpan { int first, last; } NodeSpan;

static NodeSpan *node_spans(Arena *A, const Job *j, CallFigures *call)
{
    const Graph *g = j->graph;
    const Program *p = j->program;
    NodeSpan *span = NEW(A, NodeSpan, g->node.n);
    for (int n = 0; n < g->node.n; n++)
        span[n] = (NodeSpan){-1, -1};
    for (int c = 0, begin = 0; c < p->call.n; c++) {
        call[c].node = -1;
        for (int k = 0; k < p->call.v[c].out.n; k++) {
            int v = p->call.v[c].out.v[k].value;
            if (v < 0 || v >= g->value.n || g->value.v[v].kind != VAL_NODE)
                continue;
            int n = g->value.v[v].node;
            if (span[n].last < 0)
                span[n].first = begin;
            span[n].last = c;
            for (int i = span[n].first; i <= c; i++)
                call[i].node = n;
        }
        if (call[c].node >= 0)
            begin = c + 1;
    }
    return span;
}

static int by_offset(const void *x, const void *y)
{
    const ArenaUse *a = x, *b = y;
    return a->offset != b->offset ? (a->offset > b->offset) - (a->offset < b->offset) : a->first - b->first;
}

/* Values of one group are one range. */
static void use_value(Arena *A, Figures *f, ArenaUse u)
{
    for (int i = 0; u.group && i < f->use.n; i++) {
        ArenaUse *o = &f->use.v[i];
        if (o->group != u.group)
            continue;
        o->first = (int)imin(o->first, u.first);
        o->last = (int)imax(o->last, u.last);
        o->more++;
        return;
    }
    PUSH(A, &f->use, u);
}

static void use_until(int *last, const Graph *g, int ref, int at)
{
    if (ref >= 0 && ref < g->value.n)
        last[ref] = (int)imax(last[ref], at);
}

/* Per value the last call that reads it. A node without a call is a view: its operands are read as long as its
   results are. The loop over the nodes from the last to the first sees to that. */
static const int *last_calls(Arena *A, const Job *j, const NodeSpan *span)
{
    const Graph *g = j->graph;
    int *last = NEW(A, int, g->value.n);
    for (int i = 0; i < g->output.n; i++)
        use_until(last, g, g->output.v[i], j->program->call.n - 1);
    for (int n = g->node.n - 1; n >= 0; n--) {
        const Node *node = &g->node.v[n];
        if (node->op == OP_NONE)
            continue;
        int at = span[n].last;
        for (int i = 0; i < node->nout && span[n].last < 0; i++)
            at = (int)imax(at, last[node->out[i].value]);
        for (int i = 0; i < node->nin; i++)
            use_until(last, g, node->in[i], at);
        for (int s = 0; s < node->nstep; s++)
            for (int i = 0; i < node->step[s].nin; i++)
                use_until(last, g, node->step[s].in[i], at);
    }
    return last;
}

static void collect_uses(Arena *A, const Job *j, const NodeSpan *span, Figures *f)
{
    const Graph *g = j->graph;
    const int *last = last_calls(A, j, span);
    for (int n = 0; n < g->node.n; n++) {
        const Node *node = &g->node.v[n];
        if (node->op == OP_NONE || span[n].last < 0)
            continue;
        if (node->scratch)
            use_value(A, f, (ArenaUse){.what = "scratch", .offset = node->scratch_offset, .bytes = node->scratch,
                                       .first = span[n].first, .last = span[n].last, .node = n});
        for (int k = 0; k < node->nout; k++) {
            const Value *v = &g->value.v[node->out[k].value];
            if (v->region != REGION_ARENA || v->offset < 0)
                continue;
            const char *what = v->name ? v->name : node->layers ? node->layers : node->name ? node->name : "value";
            int end = (int)imax(span[n].last, last[node->out[k].value]);
            use_value(A, f, (ArenaUse){.what = what, .offset = v->offset, .bytes = v->bytes, .first = span[n].first,
                                       .last = end, .node = n, .group = v->layout.group});
        }
    }
    if (f->use.n)
        qsort(f->use.v, (size_t)f->use.n, sizeof *f->use.v, by_offset);
}

/* Bytes of the union of the ranges in use; they are sorted by offset. */
static int64_t live_bytes(const Figures *f, int call)
{
    int64_t sum = 0, end = 0;
    for (int i = 0; i < f->use.n; i++) {
        const ArenaUse *u = &f->use.v[i];
        if (call < u->first || call > u->last)
            continue;
        int64_t from = imax(u->offset, end), to = u->offset + u->bytes;
        if (to > from)
            sum += to - from;
        end = imax(end, to);
    }
    return sum;
}

static int64_t buf_bytes(const PBuf *b)
{
    return type_elems(&b->type) * dtype_size(b->type.dtype);
}

Figures figures(const Job *j)
{
    const Program *p = j->program;
    Arena *A = j->arena;
    Figures f = {.call = NEW(A, CallFigures, p->call.n), .arena_bytes = p->arena_bytes,
                 .arena_lower_bound = j->graph->arena_lower_bound, .arena_proof = j->graph->arena_proof,
                 .stack_bytes = stack_bound(p, j->target), .macs = graph_macs(j->written),
                 .parameters = graph_parameters(j->written)};
    collect_uses(A, j, node_spans(A, j, f.call), &f);
    bool *seen = NEW(A, bool, p->buf.n);
    for (int c = 0; c < p->call.n; c++) {
        const Call *call = &p->call.v[c];
        f.bytes_moved += call->bytes_read + call->bytes_written;
        f.call[c].ram_bytes = live_bytes(&f, c);
        for (int i = 0; i < call->arg.n; i++) {
            int b = call->arg.v[i].buf;
            if (b < 0 || p->buf.v[b].kind != BUF_CONST || seen[b])
                continue;
            seen[b] = true;
            f.call[c].weights_bytes += buf_bytes(&p->buf.v[b]);
        }
    }
    for (int b = 0; b < p->buf.n; b++)
        if (p->buf.v[b].kind == BUF_CONST)
            f.weights_bytes += buf_bytes(&p->buf.v[b]);
    return f;
}
