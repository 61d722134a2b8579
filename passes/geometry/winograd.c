/* Convolutions that Winograd's method can compute, and how a schedule cuts their maps. */
#include "winograd.h"

bool winograd_conv(const Graph *g, const Node *n, bool band, WinoConv *v)
{
    enum { MOST_TAPS = 5 };
    *v = (WinoConv){.band = band};
    if (n->op != OP_conv2d)
        return false;
    const Type *w = &g->value.v[n->in[1]].type;
    const Attrs *a = &n->attr;
    if (a->groups != 1 || w->dim[2] != w->dim[3] || a->stride.v[0] != a->stride.v[1] || a->stride.v[0] > 2 ||
        a->dilation.v[0] != 1 || a->dilation.v[1] != 1)
        return false;
    int64_t s = a->stride.v[0], taps[2];
    for (int d = 0; d < 2; d++) {
        v->first[d] = floor_div(-a->pad.v[d], s);
        taps[d] = floor_div(w->dim[2 + d] - 1 - a->pad.v[d], s) - v->first[d] + 1;
    }
    v->r = (int)taps[0], v->stride = (int)s;
    v->groups = band ? 1 : s * s, v->inner = band ? s * s * w->dim[1] : w->dim[1];
    return taps[0] == taps[1] && taps[0] >= 2 && taps[0] <= MOST_TAPS;
}

WinoPlan winograd_plan(const Schedule *s, const WinoConv *v, const Type *in, const Type *out)
{
    int64_t m = s->wino, n = m + v->r - 1, vec = (out->dim[1] + s->lanes - 1) / s->lanes;
    WinoPlan p = {.ny = (out->dim[2] + m - 1) / m, .nx = (out->dim[3] + m - 1) / m};
    int64_t rows = in->dim[0] * p.ny, wide = imin(s->nb, vec) * s->lanes;
    p.tiles = (s->oc_outer ? rows : s->rows) * p.nx;
    p.blocks = s->oc_outer ? 1 : rows / s->rows;
    p.group = round_up(v->inner, s->lanes);
    p.channels = v->groups * p.group;
    p.v_plane = p.tiles * p.channels + 16; /* 16: planes that lie multiples of 4 KB apart evict each other */
    p.m_plane = p.tiles * wide + 16;
    p.v = n * n * p.v_plane, p.m = n * n * p.m_plane;
    p.band_rows = (s->oc_outer ? p.ny : s->rows) * m + v->r - 1;
    p.band_row = (p.nx * m + v->r - 1) * p.channels;
    p.band = v->band ? p.band_rows * p.band_row : 0;
    return p;
}

int64_t winograd_scratch(const Graph *g, const Node *n)
{
    const Schedule *s = n->sched;
    Type out = node_step_type(g, n, 0);
    WinoConv v;
    if (!winograd_conv(g, n, s->peel, &v))
        bug("a Winograd kernel for what has none");
    WinoPlan p = winograd_plan(s, &v, &g->value.v[n->in[0]].type, &out);
    return 4 * ((p.v + p.band) * (s->oc_outer ? 1 : s->parts) + p.m * s->parts);
}
