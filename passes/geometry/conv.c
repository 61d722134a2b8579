/* Borders of convolutions, what their tiles keep in registers, and the order of channels that go by a table. */
#include <stdlib.h>

#include "conv.h"
#include "winograd.h"

/* Winograd's tiles are whole and, with a stride, read all phases. */
static void winograd_reach(const Graph *g, const Node *n, int dim, int64_t out, int64_t *lo, int64_t *hi)
{
    WinoConv v;
    if (!winograd_conv(g, n, false, &v))
        bug("a Winograd kernel for what has none");
    *lo = v.stride * v.first[dim];
    *hi = v.stride * (round_up(out, n->sched->wino) + v.first[dim] + v.r - 1) - 1;
}

bool conv_overhangs(const Node *n)
{
    const int64_t *pad = n->attr.pad.v;
    return n->op == OP_conv_transpose2d || (pad[0] | pad[1] | pad[2] | pad[3]);
}

void conv_border(const Graph *g, const Node *n, int64_t border[4])
{
    const Type *in = &g->value.v[n->in[0]].type, *w = &g->value.v[n->in[1]].type;
    Type out = node_step_type(g, n, 0);
    for (int dim = 0; dim < 2; dim++) {
        int64_t lo = 0, hi = 0, size = in->dim[2 + dim], k = w->dim[2 + dim];
        if (n->op == OP_conv2d) {
            lo = -n->attr.pad.v[dim];
            hi = (out.dim[2 + dim] - 1) * n->attr.stride.v[dim] + lo + (k - 1) * n->attr.dilation.v[dim];
            if (n->sched && n->sched->impl == IMPL_WINOGRAD)
                winograd_reach(g, n, dim, out.dim[2 + dim], &lo, &hi);
        } else
            for (int64_t r = 0; r < imin(n->attr.stride.v[dim], out.dim[2 + dim]); r++) {
                Phase p = transpose_phase(&n->attr, in, &out, k, dim, r);
                if (p.w.k > 0) {
                    lo = imin(lo, (p.w.k - 1) * p.w.d - p.w.p);
                    hi = imax(hi, p.w.out - 1 - p.w.p);
                }
            }
        border[dim] = imax(border[dim], -lo);
        border[2 + dim] = imax(border[2 + dim], hi - (size - 1));
    }
}

ConvMap conv_map(const Graph *g, const Node *n)
{
    Type out = node_step_type(g, n, 0);
    int64_t red = type_elems(&g->value.v[n->in[1]].type) / out.dim[1];
    ConvMap m = {n, out.dim[2], out.dim[3], out.dim[1] / n->attr.groups, red, red * out.dim[1] * 4,
                 out.dim[0] * n->attr.groups, 1};
    if (n->op == OP_conv_transpose2d)
        m.h = imax(1, m.h / n->attr.stride.v[0]), m.w = imax(1, m.w / n->attr.stride.v[1]);
    return m;
}

bool wide_border(const Graph *g, const Node *n)
{
    const int64_t *in = g->value.v[n->in[0]].type.dim;
    int64_t b[4] = {0};
    Node direct = *n;
    direct.sched = NULL; /* Winograd's tiles reach further */
    conv_border(g, &direct, b);
    double whole = (double)(b[0] + in[2] + b[2]) * (double)(b[1] + in[3] + b[3]);
    return whole > 4 * (double)in[2] * (double)in[3] + 64;
}

bool conv_pairs(const Target *t, const Node *n, int64_t red, int nb, int lanes, int last_n)
{
    return n->op == OP_conv2d && n->attr.groups == 1 && red < 2 * SUM_BLOCK && nb > 1 && lanes >= 8 && t->vregs >= 32 &&
           last_n * 2 <= lanes && n->nout == 1 && n->out[0].red == RED_NONE;
}

bool dw_by_inputs(const Target *t, const Schedule *s, int64_t taps)
{
    return !s->peel && s->lanes > 1 && t->vregs >= 32 && taps <= DW_MAX_TAPS;
}

bool dw_weights_stay(const Target *t, int64_t taps, int64_t tile)
{
    return tile + taps + t->machine->spare <= t->vregs;
}

int64_t dw_weights(const Target *t, int64_t tile, int64_t kh, int64_t kw, int rows)
{
    return dw_weights_stay(t, kh * kw, tile) ? kh * kw : imin(rows, kh) * kw;
}

bool dw_tile_fits(const Target *t, int64_t kh, int64_t kw, int rows, int px)
{
    return dw_weights_stay(t, dw_weights(t, rows * px, kh, kw, rows), rows * px);
}

typedef struct ChannelPlace { int64_t at, i; } ChannelPlace;

static int by_place(const void *x, const void *y)
{
    const ChannelPlace *a = x, *b = y;
    return a->at != b->at ? (a->at > b->at) - (a->at < b->at) : (a->i > b->i) - (a->i < b->i);
}

int64_t *sorted_by(Arena *A, const int64_t *at, int64_t n)
{
    ChannelPlace *p = NEW(A, ChannelPlace, n);
    int64_t *order = NEW(A, int64_t, n);
    for (int64_t i = 0; i < n; i++)
        p[i] = (ChannelPlace){at[i], i};
    qsort(p, (size_t)n, sizeof *p, by_place);
    for (int64_t i = 0; i < n; i++)
        order[i] = p[i].i;
    return order;
}

DwVectors dw_vectors(Arena *A, const int64_t *at, int64_t channels, int lanes)
{
    DwVectors v = {.lanes = lanes, .start = NEW(A, int64_t, channels), .slot = NEW(A, int64_t, channels)};
    const int64_t *order = sorted_by(A, at, channels);
    int64_t lane = 0;
    for (int64_t i = 0; i < channels; i++) {
        int64_t c = order[i];
        if (!v.n || lane == lanes || at[c] != at[order[i - 1]] + 1)
            v.start[v.n++] = at[c], lane = 0;
        v.slot[c] = (int64_t)(v.n - 1) * lanes + lane++;
    }
    return v;
}
