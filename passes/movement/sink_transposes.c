/* sink-transposes: a transpose moves behind what works on any order of dimensions, until it meets its inverse or an
   operator that fixes the order.

     %1 = transpose %0 {perm=[0,3,1,2]}
     %2 = scale %1, @a {axis=1}                 =>    %2 = scale %0, @a {axis=3}
     %3 = add %2, %r                                  %3 = add %2, %s
                                                      %4 = transpose %3 {perm=[0,3,1,2]}

   where %r = transpose %s {perm=[0,3,1,2]}.

   So elementwise work stands behind the operator that makes its operand and can join it, and what is between two
   transposes of a network that was written channels-last has none. Norms, reductions, concat, slice and pad have
   their axes renamed. An operand that is not transposed is transposed back: where that adds a transpose for the one
   that goes, only behind an operator that can take the elementwise work, and never one of the caller's. A product
   takes a transpose of its last two dimensions as an attribute. Needs F_CANON, keeps everything. */
#include <string.h>

#include "../edit.h"

typedef struct Sink { Pass *p; Graph *g; } Sink;

static const Type *sunk_type(const Sink *s, ValueId v) { return &s->g->value.v[v].type; }

/* The transpose that makes v; NULL: something else does. */
static const Node *transpose_of(const Sink *s, ValueId v)
{
    int def = value_def(s->g, v);
    return def >= 0 && s->g->node.v[def].op == OP_transpose ? &s->g->node.v[def] : NULL;
}

static bool same_perm(const Ints *a, const Ints *b)
{
    return a->n == b->n && !memcmp(a->v, b->v, (size_t)a->n * sizeof *a->v);
}

static Ints inverse(const Ints *p)
{
    Ints q = {.n = p->n};
    for (int i = 0; i < p->n; i++)
        q.v[p->v[i]] = i;
    return q;
}

static bool identity(const Ints *p)
{
    for (int i = 0; i < p->n; i++)
        if (p->v[i] != i)
            return false;
    return true;
}

static ValueId add_sunk(Sink *s, Op op, const Attrs *a, const ValueId *in, int nin, const Node *like)
{
    const char *err = NULL;
    Node copy = *like; /* graph_add moves nodes */
    int i = graph_add(s->g, op, a, in, nin, copy.name, copy.loc, &err);
    if (i < 0)
        bug("%s: %s", op_info[op].name, err);
    return node_value(s->g, i);
}

/* v in another order of dimensions; of a transposed value, at most one transpose is left. */
static ValueId transposed(Sink *s, ValueId v, Ints perm, const Node *like)
{
    const Node *t = transpose_of(s, v);
    if (t) {
        for (int i = 0; i < perm.n; i++)
            perm.v[i] = t->attr.perm.v[perm.v[i]];
        v = t->in[0];
    }
    if (identity(&perm))
        return v;
    Attrs a;
    attrs_default(OP_transpose, &a);
    a.perm = perm;
    return add_sunk(s, OP_transpose, &a, &v, 1, like);
}

static ValueId reshaped(Sink *s, ValueId v, int rank, const int64_t *dim, const Node *like)
{
    Attrs a;
    attrs_default(OP_reshape, &a);
    a.shape.n = rank;
    memcpy(a.shape.v, dim, (size_t)rank * sizeof *dim);
    return add_sunk(s, OP_reshape, &a, &v, 1, like);
}

static bool has_output(const Sink *s, ValueId v) { return value_outputs(s->g, v) > 0; }

/* ---- operands ---- */

/* Parameters lie along an axis, whatever the order of dimensions is. */
static int moved_operands(const Node *n)
{
    return op_is(n->op, P_PARAM) || n->op == OP_layer_norm || n->op == OP_gather ? 1 : n->nin;
}

static bool takes_steps(const Sink *s, ValueId v)
{
    int def = value_def(s->g, v);
    return def >= 0 && value_uses(s->g, v) == 1 &&
           (op_is(s->g->node.v[def].op, P_ANCHOR) || op_is(s->g->node.v[def].op, P_ELEMENTWISE));
}

/* What transposing operand v back by perm's inverse costs: transposes that are added. */
static int added(const Sink *s, ValueId v, const Ints *perm)
{
    const Node *t = transpose_of(s, v);
    if (t)
        return !same_perm(&t->attr.perm, perm) && value_uses(s->g, v) > 1;
    return s->g->value.v[v].kind != VAL_CONST && long_dims(sunk_type(s, v), NULL) > 1;
}

/* The order of dimensions that all operands can give up; NULL: none. */
static const Node *goes(const Sink *s, const Node *n)
{
    const Node *first = NULL;
    int rank = sunk_type(s, n->in[0])->rank, more = 0, gone = 0;
    for (int k = 0; k < moved_operands(n) && !first; k++) {
        const Node *t = transpose_of(s, n->in[k]);
        if (t && value_uses(s->g, n->in[k]) == 1 && t->attr.perm.n == sunk_type(s, n->out[0].value)->rank)
            first = t;
    }
    if (!op_is(n->op, P_ELEMENTWISE) && moved_operands(n) == 1)
        first = transpose_of(s, n->in[0]) && value_uses(s->g, n->in[0]) == 1 ? transpose_of(s, n->in[0]) : NULL;
    for (int k = 0; k < moved_operands(n) && first; k++) {
        const Node *t = transpose_of(s, n->in[k]);
        int extra = added(s, n->in[k], &first->attr.perm);
        if (extra && (s->g->value.v[n->in[k]].kind == VAL_INPUT || rank != first->attr.perm.n))
            return NULL;
        more += extra;
        gone += t && same_perm(&t->attr.perm, &first->attr.perm) && value_uses(s->g, n->in[k]) == 1;
    }
    if (!first || more > gone || (more == gone && more && !takes_steps(s, first->in[0])))
        return NULL;
    return first;
}

/* Operand v of a result of that rank, in the order before the transpose. */
static ValueId before(Sink *s, ValueId v, const Ints *perm, const Node *like)
{
    const Type t = *sunk_type(s, v);
    int64_t dim[MAX_RANK], wide[MAX_RANK];
    Ints back = inverse(perm);
    if (type_elems(&t) == 1)
        return v;
    for (int d = 0; d < perm->n; d++)
        wide[d] = d < perm->n - t.rank ? 1 : t.dim[d - (perm->n - t.rank)];
    for (int d = 0; d < perm->n; d++)
        dim[d] = wide[back.v[d]];
    if (long_dims(&t, NULL) == 1 && !transpose_of(s, v))
        return reshaped(s, v, perm->n, dim, like);
    return transposed(s, t.rank < perm->n ? reshaped(s, v, perm->n, wide, like) : v, back, like);
}

/* ---- attributes ---- */

static void sort_axes(Ints *axes)
{
    for (int i = 1; i < axes->n; i++)
        for (int k = i; k > 0 && axes->v[k] < axes->v[k - 1]; k--) {
            int64_t v = axes->v[k];
            axes->v[k] = axes->v[k - 1], axes->v[k - 1] = v;
        }
}

static void rename_axes(Op op, Attrs *a, const Ints *perm)
{
    a->axis = op_is(op, P_PARAM) || op == OP_softmax || op == OP_softmin || op == OP_layer_norm || op == OP_concat ||
              op == OP_gather
                  ? perm->v[a->axis] : 0;
    for (int i = 0; i < a->axes.n; i++)
        a->axes.v[i] = perm->v[a->axes.v[i]];
    sort_axes(&a->axes);
    Ints pads = a->pads;
    for (int i = 0; i < pads.n; i++)
        a->pads.v[perm->v[i % perm->n] + i / perm->n * perm->n] = pads.v[i];
}

/* The order of what a reduction leaves: which of the dimensions left below is each of those left above. */
static Ints perm_left(const Node *n, const Ints *perm)
{
    if (!op_is(n->op, P_REDUCE) || n->attr.keep)
        return *perm;
    bool gone[MAX_RANK] = {false};
    Ints left = {0};
    for (int i = 0; i < n->attr.axes.n; i++)
        gone[perm->v[n->attr.axes.v[i]]] = true;
    for (int i = 0; i < perm->n; i++) {
        int64_t below = 0;
        for (int d = 0; d < perm->v[i]; d++)
            below += !gone[d];
        if (!gone[perm->v[i]])
            left.v[left.n++] = below;
    }
    return left;
}

static bool any_order(const Node *n)
{
    switch (n->op) {
    case OP_softmax: case OP_softmin: case OP_l2_normalize: case OP_layer_norm: return true;
    case OP_concat: case OP_pad: case OP_gather: return true;
    case OP_slice: return n->attr.axes.n == 1;
    default: return op_is(n->op, P_REDUCE) || op_is(n->op, P_ELEMENTWISE);
    }
}

/* A factor or summand that differs along one dimension is one per channel of that, unless it repeats the other operand
   along it. */
static bool per_channel(const Sink *s, const Node *n, const Ints *perm, Op *op, Attrs *a, ValueId *in)
{
    int rank = perm->n, k = s->g->value.v[n->in[0]].kind == VAL_CONST ? 0 : 1;
    const Type *t = n->nin == 2 ? sunk_type(s, n->in[k]) : NULL;
    if ((n->op != OP_mul && n->op != OP_add) || s->g->value.v[n->in[k]].kind != VAL_CONST || long_dims(t, NULL) != 1)
        return false;
    const Type *x = sunk_type(s, n->in[!k]);
    int d = 0;
    while (t->dim[d] == 1)
        d++;
    if (x->rank != rank || x->dim[d + rank - t->rank] != t->dim[d])
        return false;
    *op = n->op == OP_mul ? OP_scale : OP_bias;
    attrs_default(*op, a);
    a->axis = perm->v[d + rank - t->rank];
    in[0] = n->in[!k], in[1] = n->in[k];
    return true;
}

/* ---- the moves ---- */

static bool sink(Sink *s, int node)
{
    Node n = s->g->node.v[node];
    const Node *t = any_order(&n) && !n.nstep && n.nout == 1 ? goes(s, &n) : NULL;
    if (!t)
        return false;
    Ints perm = t->attr.perm, left = perm_left(&n, &perm);
    if (has_output(s, n.out[0].value) && !identity(&left))
        return false;
    Attrs a = n.attr;
    Op op = n.op;
    ValueId *in = NEW(s->p->scratch, ValueId, n.nin), old = n.out[0].value;
    if (per_channel(s, &n, &perm, &op, &a, in)) {
        int64_t size = type_elems(sunk_type(s, in[1]));
        in[0] = before(s, in[0], &perm, &n);
        in[1] = reshaped(s, in[1], 1, &size, &n);
    } else {
        rename_axes(op, &a, &perm);
        for (int k = 0; k < n.nin; k++)
            in[k] = k < moved_operands(&n) ? before(s, n.in[k], &perm, &n) : n.in[k];
    }
    ValueId made = add_sunk(s, op, &a, in, n.nin, &n);
    value_becomes(s->g, old, identity(&left) ? made : transposed(s, made, left, &n));
    node_remove(s->g, node);
    return true;
}

/* A product of an operand whose last two dimensions are exchanged. */
static bool into_product(Sink *s, int node, int k)
{
    Node *n = &s->g->node.v[node];
    const Node *t = n->op == OP_matmul ? transpose_of(s, n->in[k]) : NULL;
    if (!t || n->nstep)
        return false;
    Ints exchanged = last_exchanged(t->attr.perm.n);
    if (!same_perm(&t->attr.perm, &exchanged))
        return false;
    bool *flag = k ? &n->attr.transpose_b : &n->attr.transpose_a;
    *flag = !*flag;
    node_set_operand(s->g, node, k, t->in[0]);
    return true;
}

static bool into_transpose(Sink *s, int node)
{
    Node n = s->g->node.v[node];
    if (n.op != OP_transpose || !transpose_of(s, n.in[0]) || has_output(s, n.out[0].value))
        return false;
    value_becomes(s->g, n.out[0].value, transposed(s, n.in[0], n.attr.perm, &n));
    node_remove(s->g, node);
    return true;
}

bool pass_sink_transposes(Pass *p, Graph *g)
{
    Sink s = {p, g};
    bool changed = false;
    for (int i = 0, nodes = g->node.n; i < nodes; i++)
        if (g->node.v[i].op != OP_NONE) {
            bool product = into_product(&s, i, 0);
            product = g->node.v[i].op == OP_matmul && (into_product(&s, i, 1) || product);
            changed |= product || into_transpose(&s, i) || sink(&s, i);
        }
    for (int i = g->node.n - 1; i >= 0; i--) /* transposes that nothing reads any more */
        if (g->node.v[i].op == OP_transpose && !value_uses(g, node_value(g, i))) {
            node_remove(g, i);
            changed = true;
        }
    for (int i = 0; i < g->node.n && changed; i++) /* dimensions of 1 that moved among each other */
        remove_identity(g, i);
    graph_compact(g);
    return changed;
}
