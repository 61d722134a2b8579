#ifndef DSQ_RANDGRAPH_GEN_H
#define DSQ_RANDGRAPH_GEN_H
/* A random graph in the making: what its makers draw and add. */
#include <math.h>
#include <string.h>

#include "randgraph.h"


typedef struct Gen { Arena *A; Graph *g; Rng r; VEC(ValueId) pool; int nconst; } Gen;

static inline int64_t pick(Gen *s, int64_t lo, int64_t hi)
{
    return lo + (int64_t)(rng_next(&s->r) % (uint64_t)(hi - lo + 1));
}

static inline bool chance(Gen *s, int percent) { return pick(s, 1, 100) <= percent; }

static inline const Type *type_of(const Gen *s, ValueId v) { return &s->g->value.v[v].type; }

static inline Type shape(int rank, const int64_t *dim) { return type_make(DT_F32, rank, dim); }

/* A constant: normal numbers times sd plus mean. */
static inline ValueId constant(Gen *s, Type t, double sd, double mean)
{
    int64_t n = type_elems(&t);
    float *x = NEW(s->A, float, n);
    for (int64_t i = 0; i < n; i++)
        x[i] = (float)(mean + sd * rng_normal(&s->r));
    return graph_const_f32(s->g, arena_printf(s->A, "c%d", s->nconst++), t, x);
}

/* A constant in [lo, hi). */
static inline ValueId constant_in(Gen *s, Type t, double lo, double hi)
{
    int64_t n = type_elems(&t);
    float *x = NEW(s->A, float, n);
    for (int64_t i = 0; i < n; i++)
        x[i] = (float)(lo + (hi - lo) * rng_uniform(&s->r));
    return graph_const_f32(s->g, arena_printf(s->A, "c%d", s->nconst++), t, x);
}

/* Adds a node; -1 where the operator refuses the shapes. The first result. */
static inline ValueId node(Gen *s, Op op, const Attrs *a, const ValueId *in, int nin)
{
    const char *err = NULL;
    for (int k = 0; k < nin; k++)
        if (in[k] < 0) /* was refused itself */
            return -1;
    int i = graph_add(s->g, op, a, in, nin, NULL, (Loc){0}, &err);
    if (i < 0)
        return -1;
    int64_t n = type_elems(type_of(s, node_value(s->g, i)));
    if (n > 60000) {
        node_remove(s->g, i);
        return -1;
    }
    return node_value(s->g, i);
}

static inline ValueId any(Gen *s) { return s->pool.v[chance(s, 60) ? s->pool.n - 1 : pick(s, 0, s->pool.n - 1)]; }

static inline ValueId any_rank4(Gen *s)
{
    for (int i = 0; i < 8; i++) {
        ValueId v = any(s);
        if (type_of(s, v)->rank == 4)
            return v;
    }
    return -1;
}

static inline Attrs defaults(Op op)
{
    Attrs a;
    attrs_default(op, &a);
    return a;
}

static inline ValueId transposed(Gen *s, ValueId x, const int64_t perm[4])
{
    if (x < 0)
        return -1;
    Attrs a = defaults(OP_transpose);
    a.perm.n = 4;
    memcpy(a.perm.v, perm, 4 * sizeof *perm);
    return node(s, OP_transpose, &a, &x, 1);
}
#endif
