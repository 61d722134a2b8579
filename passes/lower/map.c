/* An elementwise group that stands alone: one pass over the result. Where the map is also reduced over H and W, vectors
   of channels are outermost and rows are walked in tiles of pixels. */
#include "lower.h"

static void copy_vector(KC *kc, const Ix *const *coord, int lanes, int n, const void *user)
{
    int vdim = *(const int *)user;
    kc_store_results(kc, kc_load(kc, kc->n->in[0], &kc->frame, coord, vdim, lanes, n), coord, vdim, lanes, n);
}

typedef struct MapWalk { const Ix *n, *ch, *y, *x; int lanes, valid; } MapWalk;

static void coord_at(KC *kc, const void *user, const Ix *r, const Ix *q, int j, const Ix **coord)
{
    (void)j;
    const MapWalk *w = user;
    coord[0] = w->n, coord[1] = w->ch, coord[2] = ADD(w->y, r), coord[3] = ADD(w->x, q);
}

static void reduce_pixels(KC *kc, const Ix *x, int px, bool clip, const void *user)
{
    (void)clip;
    MapWalk w = *(const MapWalk *)user;
    KB *b = &kc->b;
    w.x = x;
    int acc = kb_tile(b, "v", px, 0, x_const(b, vt(DT_F32, w.lanes), 0));
    const Ix *q = IXV(kb_for(b, LOOP_UNROLL, "q", IXC(0), IXC(px), 1)), *coord[4];
    coord_at(kc, &w, IXC(0), q, 0, coord);
    kb_set(b, acc, q, NULL, kc_load(kc, kc->n->in[0], &kc->frame, coord, 1, w.lanes, w.valid));
    kb_end(b);
    kc_finish(kc, &(Finish){.rows = 1, .px = px, .nb = 1, .lanes = w.lanes, .last_n = w.valid, .vdim = 1, .acc = &acc,
                            .coord = coord_at, .user = &w});
}

enum { PIXELS = 4 };

static void reduce_row(KC *kc, const Ix *y, const void *user)
{
    MapWalk w = *(const MapWalk *)user;
    w.y = y;
    Slide s = {.in = kc->frame.dim[3], .out = kc->frame.dim[3], .k = 1, .s = 1, .d = 1};
    kc_columns(kc, &s, false, PIXELS, reduce_pixels, &w);
}

static void reduce_channels(KC *kc, const Ix *const *coord, int lanes, int n, const void *user)
{
    (void)user;
    MapWalk w = {.n = coord[0], .ch = coord[1], .lanes = lanes, .valid = n};
    kc_totals(kc, 1, lanes);
    kc_rows(kc, LOOP_SERIAL, IXC(0), kc->frame.dim[2], 1, kc->frame.dim[3] / PIXELS + 1, reduce_row, &w);
    kc_store_totals(kc, 0, w.n, w.ch, IXC(0), n);
}

void lower_map(KC *kc)
{
    bool reduces = node_reduces(kc->n);
    int vdim = reduces ? 1 : value_vdim(kc->l->g, kc_out(kc));
    kc_zero_borders(kc);
    Type t = kc->frame;
    if (reduces)
        t.dim[2] = t.dim[3] = 1;
    int across = reduces ? -1 : kc_across(kc, kc->n->in[0], &kc->frame, vdim);
    if (across >= 0)
        kc_nest_across(kc, &t, vdim, across, true, copy_vector, &vdim);
    else
        kc_nest(kc, &t, vdim, kc->s->lanes, true, reduces ? reduce_channels : copy_vector, &vdim);
}
