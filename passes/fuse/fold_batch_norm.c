/* fold-batch-norm: per-channel affine steps behind a linear anchor disappear into its weights and bias.

     %1 = conv2d %0, @conv1.weight                                        %1 = conv2d %0, @conv1.weight$1, @bn1.bias$1
     %2 = batch_norm %1, @bn1.weight, @bn1.bias, @bn1.mean, @bn1.var  =>

   The same for scale, bias and scale_bias on the output channels. A batch_norm behind anything else becomes a
   scale_bias. Numbers are computed in double precision and rounded once. Needs F_CANON, keeps everything; afterwards no
   batch_norm with known statistics is left.

   decompose-batch-norm stands in where the pass is disabled: every batch_norm becomes a scale_bias. */
#include <math.h>

#include "../edit.h"

typedef struct Affine { int64_t n; double *scale, *shift; } Affine;

/* The per-channel affine that a node is, or n = 0. */
static Affine affine_of(Pass *p, const Graph *g, const Node *n)
{
    Affine a = {0};
    if (n->op != OP_batch_norm && n->op != OP_scale && n->op != OP_scale_bias && n->op != OP_bias)
        return a;
    for (int i = 1; i < n->nin; i++)
        if (!value_known(g, n->in[i]))
            return a;
    a.n = type_elems(&g->value.v[n->in[1]].type);
    a.scale = NEW(p->scratch, double, a.n);
    a.shift = NEW(p->scratch, double, a.n);
    const double *k[5] = {0};
    for (int i = 1; i < n->nin; i++)
        k[i] = value_numbers(p->scratch, g, n->in[i]);
    for (int64_t c = 0; c < a.n; c++) {
        a.scale[c] = n->op == OP_bias ? 1 : k[1][c];
        a.shift[c] = n->op == OP_bias ? k[1][c] : n->op == OP_scale ? 0 : k[2][c];
        if (n->op == OP_batch_norm) {
            a.scale[c] = k[1][c] / sqrt(k[4][c] + n->attr.eps);
            a.shift[c] = k[2][c] - k[3][c] * a.scale[c];
        }
    }
    return a;
}

/* The dimension along which the node's constants lie. */
static int64_t channel_axis(const Graph *g, const Node *n)
{
    int rank = g->value.v[n->in[0]].type.rank;
    return n->op == OP_batch_norm ? 1 : n->attr.axis < 0 ? n->attr.axis + rank : n->attr.axis;
}

/* The linear anchor in front of node n whose output channels lie along n's axis, or -1. */
static int linear_anchor(const Graph *g, const Node *n)
{
    int def = value_def(g, n->in[0]);
    if (def < 0 || value_uses(g, n->in[0]) != 1)
        return -1;
    const Node *a = &g->node.v[def];
    if (!op_is(a->op, P_LINEAR) || a->nstep || !value_known(g, a->in[1]) || (a->nin > 2 && !value_known(g, a->in[2])))
        return -1;
    int rank = g->value.v[n->in[0]].type.rank;
    return channel_axis(g, n) == (a->op == OP_linear ? rank - 1 : 1) ? def : -1;
}

/* Weights times the factor of their output channel, rounded once. */
static ValueId scaled_weights(Pass *p, Graph *g, const Node *a, Loc at, const double *scale)
{
    const Value *v = &g->value.v[a->in[1]];
    const Type *w = &v->type;
    bool transposed = a->op == OP_conv_transpose2d;
    int64_t n = type_elems(w), block = transposed ? w->dim[2] * w->dim[3] : n / w->dim[0], og = w->dim[1];
    int64_t group_in = transposed ? w->dim[0] / a->attr.groups : 1;
    const float *from = tensor_f32(p->scratch, v->tensor);
    float *to = NEW(g->arena, float, n);
    for (int64_t b = 0; b < n / block; b++) { /* blocks of one output channel */
        double s = scale[transposed ? b / og / group_in * og + b % og : b];
        for (int64_t i = b * block; i < (b + 1) * block; i++)
            to[i] = (float)((double)from[i] * s);
    }
    return const_f32(g, at, v->name, *w, to);
}

static void fold_into(Pass *p, Graph *g, int anchor, int node, Affine f)
{
    Node a = g->node.v[anchor], n = g->node.v[node];
    Type bt = type_make(DT_F32, 1, &f.n);
    bool biased = a.nin > 2;
    double *b = biased ? value_numbers(p->scratch, g, a.in[2]) : NEW(p->scratch, double, f.n);
    for (int64_t c = 0; c < f.n; c++)
        b[c] = b[c] * f.scale[c] + f.shift[c];
    const char *bias_name = g->value.v[biased ? a.in[2] : n.in[n.nin > 2 ? 2 : 1]].name;
    ValueId in[3] = {a.in[0]};
    in[1] = n.op == OP_bias ? a.in[1] : scaled_weights(p, g, &a, n.loc, f.scale);
    biased = biased || n.op != OP_scale;
    if (biased)
        in[2] = const_of(g, n.loc, bias_name, bt, b);
    Node *to = &g->node.v[anchor];
    node_set_operands(g, anchor, in, biased ? 3 : 2);
    to->layers = layers_join(g, &a, &n);
    value_becomes(g, n.out[0].value, a.out[0].value);
    node_remove(g, node);
}

/* False where the node is another affine step than batch_norm. */
static bool to_scale_bias(Graph *g, int node, Affine f)
{
    Node *n = &g->node.v[node];
    if (n->op != OP_batch_norm)
        return false;
    Type t = type_make(DT_F32, 1, &f.n);
    ValueId in[3] = {n->in[0]};
    in[1] = const_of(g, n->loc, g->value.v[n->in[1]].name, t, f.scale);
    in[2] = const_of(g, n->loc, g->value.v[n->in[2]].name, t, f.shift);
    n->op = OP_scale_bias;
    node_set_operands(g, node, in, 3);
    attrs_default(OP_scale_bias, &n->attr);
    n->attr.axis = 1;
    return true;
}

bool pass_fold_batch_norm(Pass *p, Graph *g)
{
    bool changed = false;
    for (int i = 0; i < g->node.n; i++) {
        Node *n = &g->node.v[i];
        Affine f = n->op == OP_NONE ? (Affine){0} : affine_of(p, g, n);
        if (!f.n)
            continue;
        int anchor = linear_anchor(g, n);
        if (anchor >= 0)
            fold_into(p, g, anchor, i, f);
        else if (!to_scale_bias(g, i, f))
            continue;
        changed = true;
    }
    graph_compact(g);
    return changed;
}

bool pass_decompose_batch_norm(Pass *p, Graph *g)
{
    bool changed = false;
    for (int i = 0; i < g->node.n; i++)
        if (g->node.v[i].op == OP_batch_norm) {
            Affine f = affine_of(p, g, &g->node.v[i]);
            changed |= f.n && to_scale_bias(g, i, f);
        }
    return changed;
}
