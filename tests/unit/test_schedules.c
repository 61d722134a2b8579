/* The schedules that choose-kernels gives random graphs: tiles fit registers and maps. */
#include "graphs.h"

void suite_schedules(void);

static const char *check_winograd(const Graph *g, const Node *n, const Target *t)
{
    const Schedule *s = n->sched;
    const Type *w = &g->value.v[n->in[1]].type, out = node_step_type(g, n, 0);
    const Attrs *a = &n->attr;
    if (n->op != OP_conv2d || a->groups != 1 || w->dim[2] < 2 || w->dim[2] != w->dim[3] || a->stride.v[0] > 2 ||
        a->stride.v[0] != a->stride.v[1] || a->dilation.v[0] != 1 || a->dilation.v[1] != 1 || t->mcu || t->lanes == 1)
        return "Winograd where it is not possible or does not pay";
    int64_t ny = (out.dim[2] + s->wino - 1) / s->wino;
    if (s->wino < 2 || s->wino > 6 || s->rows > ny || ny % s->rows || s->parts < 1)
        return "Winograd's map is not cut into equal blocks";
    if (s->px * s->nb + s->nb + 1 > t->vregs || (s->nb - 1) * s->lanes >= out.dim[1])
        return "Winograd's tile does not fit";
    return n->scratch > 0 && n->scratch_offset >= 0 ? NULL : "Winograd's planes have no place";
}

static int tile_rows(const Schedule *s) { return s->impl == IMPL_WINOGRAD ? s->rows * s->wino : s->rows; }

static const char *check_schedule(const Graph *g, const Node *n, const Target *t)
{
    const Schedule *s = n->sched;
    bool map = false, window = false;
    for (int i = 0; i < n->nout; i++) {
        const Out *o = &n->out[i];
        map = map || (o->red != RED_NONE && !o->kernel.n);
        window = window || o->kernel.n;
        if (o->kernel.n && !s->sum_rows && (s->rows % o->kernel.v[0] || s->px % o->kernel.v[1]))
            return "a tile of broken windows";
        if (s->sum_rows && o->red != RED_NONE && (o->kernel.v[0] != s->sum_rows || s->sum_rows % tile_rows(s)))
            return "sums of broken tiles";
    }
    if (s->px < 1 || s->rows < 1 || s->nb < 1)
        return "an empty tile";
    if (s->lanes > t->lanes || (s->lanes & (s->lanes - 1)))
        return "vectors that the target has not";
    if (s->impl == IMPL_WINOGRAD)
        return check_winograd(g, n, t);
    int vectors = s->impl == IMPL_DEPTHWISE ? 1 : s->nb; /* a depthwise kernel's come one after the other */
    if (t->lanes > 1 && s->px * s->rows * vectors + vectors + 1 > t->vregs)
        return "the tile does not fit the registers";
    if (s->peel && ((s->rows > 1 && !window) || (s->oc_outer && !map)))
        return "clipped windows in several rows or by channel blocks";
    if (n->op == OP_conv2d && s->impl != IMPL_DEPTHWISE && map && !s->oc_outer)
        return "a sum over the map that is not of one block of channels";
    if (n->op != OP_conv2d && n->op != OP_conv_transpose2d)
        return s->impl == IMPL_GENERIC ? NULL : "a convolution's kernel for something else";
    const Type *in = &g->value.v[n->in[0]].type;
    Type result = node_step_type(g, n, 0), *out = &result;
    int64_t groups = n->attr.groups, each = out->dim[1] / groups;
    bool depthwise = n->op == OP_conv2d && groups > 1 && groups == in->dim[1] && each == 1;
    Impl want = depthwise ? IMPL_DEPTHWISE : groups > 1 ? IMPL_CONV_GROUP : IMPL_CONV_TILE;
    if (s->impl != want)
        return "another kernel family";
    if (s->px > out->dim[3] || s->rows > out->dim[2] || (!depthwise && (s->nb - 1) * s->lanes >= each))
        return "a tile larger than the map";
    return NULL;
}

static void test_schedules(void)
{
    for (uint64_t seed = 1; seed <= GRAPHS; seed++) {
        Arena *A = arena_new();
        const Target *t = target_of(seed);
        Graph *g = planned(A, seed, t);
        for (int i = 0; i < g->node.n; i++) {
            const char *wrong = check_schedule(g, &g->node.v[i], t);
            if (wrong)
                fail(seed, "choose-kernels", wrong);
        }
        arena_free(A);
    }
}

void suite_schedules(void)
{
    CU_pSuite s = CU_add_suite("schedules", NULL, NULL);
    CU_add_test(s, "tiles fit registers and maps", test_schedules);
}
