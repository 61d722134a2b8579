/* An elementwise group that stands alone: one pass over the result. */
#include "lower.h"

static void body(KC *kc, const Ix *const *coord, int lanes, int n, void *user)
{
    int vdim = *(int *)user;
    ValueId out = kc_out(kc);
    const Expr *x = kc_load(kc, kc->n->in[0], kc_type(kc, out), coord, vdim, lanes, n);
    kc_store(kc, out, coord, vdim, kc_epilogue(kc, x, coord, vdim, lanes, n), n);
}

void lower_map(KC *kc)
{
    ValueId out = kc_out(kc);
    const Type *t = kc_type(kc, out);
    int vdim = value_vdim(kc->l->g, out);
    bool vector = kc_vector(kc, kc->n->in[0], t, vdim) && kc_epilogue_vector(kc, vdim);
    kc_zero_border(kc, out);
    kc_nest(kc, t, vdim, vector ? kc->s.lanes : 1, true, body, &vdim);
}
