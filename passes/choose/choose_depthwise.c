/* The register tile of a depthwise convolution, and the order of the loops around it.

     3x3, stride 1, 192 channels at 28x28   =>   depthwise lanes=16 tile=4x4x2 oc_outer */
#include "choose.h"
#include "schedule.h"

DwMap depthwise_map(const Graph *g, const Node *n)
{
    const int64_t *taps = &g->value.v[n->in[1]].type.dim[2];
    Type out = node_step_type(g, n, 0);
    return (DwMap){node_slide(g, n, taps[0], 0), node_slide(g, n, taps[1], 1), out.dim[1], out.dim[0]};
}

/* How many vectors of channels go along a row of tiles together: as many as leave their windows in L1 until the next
   row reads them again. So each line of the input comes there once. Threads share blocks of them, or rows. */
static void choose_blocks(const Pass *p, const DwMap *d, Schedule *s)
{
    int64_t rows = imin(slide_span(&d->v, s->rows), s->rows * d->v.k), whole = d->channels / s->lanes;
    int64_t fit = p->target->machine->l1 / 2 / (rows * d->h.in * s->lanes * 4);
    s->nb = (int)imax(1, imin(fit, whole));
    int64_t n = whole / s->nb;
    bool even = d->channels % (s->nb * s->lanes) == 0 && n % imax(1, p->threads) == 0;
    s->oc_outer = p->threads <= 1 || even || n >= 4 * p->threads;
}

void choose_depthwise(const Choosing *c, Schedule *s)
{
    enum { MOST_ROWS = 4, MOST_PIXELS = 14 };
    const Target *t = c->p->target;
    DwMap d = depthwise_map(c->g, c->n);
    s->impl = IMPL_DEPTHWISE;
    s->lanes = lanes_for(t, d.channels);
    s->peel = wide_border(c->g, c->n) || t->mcu || t->lanes == 1;
    s->px = (int)imin(d.h.out, t->machine->tap_pixels);
    s->rows = s->nb = 1;
    if (!dw_by_inputs(t, s, d.v.k * d.h.k))
        return;
    Cheapest best = {.s = *s};
    Schedule try = *s;
    for (try.rows = 1; try.rows <= MOST_ROWS && try.rows <= d.v.out; try.rows++)
        for (try.px = 1; try.px <= MOST_PIXELS && try.px <= d.h.out; try.px++) {
            if (!dw_tile_fits(t, d.v.k, d.h.k, try.rows, try.px))
                break;
            weigh(c, &best, &try, depthwise_cost(t, &d, &try));
        }
    *s = best.s;
    choose_blocks(c->p, &d, s);
}
