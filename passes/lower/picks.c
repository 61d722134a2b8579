/* Elements picked by index: gather, and pad where the border repeats the tensor. A table has the indices of a dimension
   that are not the result's own. What lies side by side is read in vectors: the inner dimension where it
   has no table, and what pad leaves as it is. */
#include "../../ir/ops/resample.h"
#include "lower.h"

typedef struct Picks {
    int vdim, table[MAX_RANK];   /* -1: none */
    int64_t from;                /* this nest begins at index `from` of the result along vdim */
    bool run;                    /* and reads the whole input along it, side by side */
} Picks;

static void body(KC *kc, const Ix *const *coord, int lanes, int n, const void *user)
{
    const Picks *p = user;
    ValueId x = kc->n->in[0];
    const Type *it = kc_type(kc, x);
    const Ix *to[MAX_RANK], *in[MAX_RANK];
    for (int d = 0; d < it->rank; d++) {
        to[d] = d == p->vdim ? ADDC(coord[d], p->from) : coord[d];
        if (d == p->vdim && p->run)
            in[d] = coord[d];
        else
            in[d] = p->table[d] < 0 ? to[d] : IXV(kb_index(&kc->b, "i", p->table[d], &to[d]));
    }
    kc_store(kc, kc_out(kc), to, p->vdim, kc_load(kc, x, it, in, p->vdim, lanes, n), n);
}

/* Indices from..from + n of the result along vdim. */
static void pick_range(KC *kc, Picks p, int64_t from, int64_t n, bool run, bool all)
{
    if (n == 0)
        return;
    Type frame = *kc_type(kc, kc_out(kc));
    frame.dim[p.vdim] = n;
    p.from = from, p.run = run;
    kc_nest(kc, &frame, p.vdim, run || p.table[p.vdim] < 0 ? kc->s->lanes : 1, all, body, &p);
}

static int64_t pick(const KC *kc, int d, int64_t o)
{
    const Type *it = kc_type(kc, kc->n->in[0]);
    if (kc->n->op == OP_pad)
        return pad_index(&kc->n->attr, it, d, o);
    return d == kc->n->attr.axis ? gather_index(tensor_at(kc->l->g->value.v[kc->n->in[1]].tensor, o), it->dim[d]) : o;
}

static int table(KC *kc, int d, int64_t n)
{
    int64_t *at = NEW(kc->A, int64_t, n);
    bool same = n == kc_type(kc, kc->n->in[0])->dim[d];
    for (int64_t o = 0; o < n; o++) {
        at[o] = pick(kc, d, o);
        same = same && at[o] == o;
    }
    return same ? -1 : kc_table(kc, arena_printf(kc->A, "at%d", d), at, n);
}

void lower_picks(KC *kc)
{
    ValueId out = kc_out(kc);
    const Type *ot = kc_type(kc, out);
    Picks p = {.vdim = value_vdim(kc->l->g, out)};
    for (int d = 0; d < ot->rank; d++)
        p.table[d] = table(kc, d, ot->dim[d]);
    int64_t size = ot->dim[p.vdim];
    if (kc->n->op == OP_gather || p.table[p.vdim] < 0) {
        pick_range(kc, p, 0, size, false, true);
        return;
    }
    int64_t lead = kc->n->attr.pads.v[p.vdim], n = kc_type(kc, kc->n->in[0])->dim[p.vdim];
    pick_range(kc, p, 0, lead, false, false);
    pick_range(kc, p, lead, n, true, false);
    pick_range(kc, p, lead + n, size - lead - n, false, false);
}
