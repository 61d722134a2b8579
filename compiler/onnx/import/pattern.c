/* Operators that exporters spell out, recognized again, so that an import costs what a spec costs. Those that hold in
   the graph that is being made are matched there (its constants and attributes have one form); gelu and hard_swish
   are matched in the nodes of the model. What is left over unused is dropped. */
#include "import.h"

#include <math.h>
#include <string.h>

/* A few roundings of f32: a model with another number is another one. */
static bool near(double x, double want)
{
    return fabs(x - want) <= 4e-7 * fabs(want);
}

/* ---- in the model ---- */

/* The node that makes a tensor, where it is of that type; NULL. */
static const Made *made_by(const NodeCall *c, int val, const char *type)
{
    const Made *m = val >= 0 ? c->x->val.v[val].made : NULL;
    return m && !strcmp(m->node->type, type) && !*m->node->domain ? m : NULL;
}

static bool known_number(const NodeCall *c, int val, double *v)
{
    const Tensor *k = val >= 0 ? c->x->val.v[val].k : NULL;
    if (!k || !dtype_float(k->stored) || type_elems(&k->type) != 1)
        return false;
    *v = tensor_at(k, 0);
    return true;
}

/* Numbers and other factors of a tree of Mul and of Div by numbers. */
typedef struct Product { double number; int n, val[6]; bool large; } Product;

static void take_factor(const NodeCall *c, int val, int stop, int depth, Product *p);

static void take_factors(const NodeCall *c, const MNode *n, const int *in, int nin, int stop, int depth, Product *p)
{
    double v;
    bool quotient = !strcmp(n->type, "Div");
    p->large = p->large || nin != 2 || (quotient && !known_number(c, in[1], &v));
    if (p->large)
        return;
    take_factor(c, in[0], stop, depth, p);
    if (quotient)
        p->number /= v;
    else
        take_factor(c, in[1], stop, depth, p);
}

static void take_factor(const NodeCall *c, int val, int stop, int depth, Product *p)
{
    double v;
    const Made *mul = made_by(c, val, "Mul"), *div = made_by(c, val, "Div");
    if (known_number(c, val, &v))
        p->number *= v;
    else if (val != stop && depth && mul)
        take_factors(c, mul->node, mul->in, mul->nin, stop, depth - 1, p);
    else if (val != stop && depth && div && div->nin == 2 && known_number(c, div->in[1], &v))
        take_factors(c, div->node, div->in, div->nin, stop, depth - 1, p);
    else if (p->n < LEN(p->val))
        p->val[p->n++] = val;
    else
        p->large = true;
}

/* This node, a Mul or a Div, as a product whose factor `stop` is not taken apart. */
static Product product_here(const NodeCall *c, int stop)
{
    Product p = {.number = 1};
    return take_factors(c, c->n, c->in, c->nin, stop, 3, &p), p;
}

static Product product_of(const NodeCall *c, int val, int stop)
{
    Product p = {.number = 1};
    return take_factor(c, val, stop, 3, &p), p;
}

/* val = number + rest; *rest: the other operand. */
static bool sum_with(const NodeCall *c, int val, double number, int *rest)
{
    const Made *m = made_by(c, val, "Add");
    double v;
    for (int i = 0; m && m->nin == 2 && i < 2; i++)
        if (known_number(c, m->in[i], &v) && near(v, number)) {
            *rest = m->in[1 - i];
            return true;
        }
    return false;
}

/* u = x / sqrt(2); *x */
static bool erf_argument(const NodeCall *c, int val, int *x)
{
    const Made *m = made_by(c, val, "Erf");
    Product p = {.number = 1};
    if (m && m->nin == 1)
        take_factor(c, m->in[0], -1, 1, &p);
    *x = p.n == 1 ? p.val[0] : -1;
    return m && p.n == 1 && !p.large && near(p.number, 0.70710678118654752);
}

/* x x x or Pow(x, 3) */
static bool cube_of(const NodeCall *c, const Product *p, int x)
{
    double v;
    const Made *m = p->n == 1 ? made_by(c, p->val[0], "Pow") : NULL;
    if (m)
        return m->nin == 2 && m->in[0] == x && known_number(c, m->in[1], &v) && v == 3;
    return p->n == 3 && p->val[0] == x && p->val[1] == x && p->val[2] == x;
}

/* sqrt(2 / pi) (x + 0.044715 x^3); *x */
static bool tanh_argument(const NodeCall *c, int val, int *x)
{
    const Made *m = made_by(c, val, "Tanh"), *sum;
    if (!m || m->nin != 1)
        return false;
    Product p = product_of(c, m->in[0], -1);
    sum = p.n == 1 && !p.large && near(p.number, 0.79788456080286536) ? made_by(c, p.val[0], "Add") : NULL;
    for (int i = 0; sum && sum->nin == 2 && i < 2; i++) {
        *x = sum->in[i];
        Product q = product_of(c, sum->in[1 - i], *x);
        if (*x >= 0 && !q.large && near(q.number, 0.044715) && cube_of(c, &q, *x))
            return true;
    }
    return false;
}

static ValueId pattern_input(NodeCall *c, int val)
{
    const OnnxValue *v = &c->x->val.v[val];
    if (v->broken)
        c->because = val;
    return v->broken ? -1 : v->k ? call_param(c, v->k, v->k->type.rank, v->k->type.dim) : v->id;
}

/* Numbers of more dimensions than x give the result more, which operators of x alone have not. What fails before x
   fails there. */
static bool keeps_rank(const NodeCall *c, int x)
{
    const OnnxValue *of = &c->x->val.v[x];
    int rank = of->k ? of->k->type.rank : call_value_type(c, of->id).rank;
    for (int i = 0; !of->broken && i < c->nin; i++)
        if (c->x->val.v[c->in[i]].broken || call_type(c, i).rank > rank)
            return false;
    return true;
}

/* This node is number x other, and nothing else. */
static bool is_product(const NodeCall *c, double number, int x, int other)
{
    Product p = product_here(c, x);
    return !p.large && p.n == 2 && near(p.number, number) &&
           ((p.val[0] == x && p.val[1] == other) || (p.val[0] == other && p.val[1] == x));
}

/* 0.5 x (1 + erf(x / sqrt(2))), or with the tanh formula, in any order. */
static bool match_gelu(NodeCall *c)
{
    Product p = product_here(c, -1);
    for (int i = 0; !p.large && i < p.n; i++) {
        int curve, x;
        bool exact;
        if (!sum_with(c, p.val[i], 1, &curve))
            continue;
        exact = erf_argument(c, curve, &x);
        if ((!exact && !tanh_argument(c, curve, &x)) || !is_product(c, 0.5, x, p.val[i]) || !keeps_rank(c, x))
            continue;
        Attrs a = call_defaults(OP_gelu);
        a.approximate = !exact;
        return call_give(c, 0, call_add(c, OP_gelu, &a, 1, pattern_input(c, x)));
    }
    return false;
}

/* min(max(x + 3, 0), 6); *x */
static bool clipped(const NodeCall *c, int val, int *x)
{
    const Made *m = made_by(c, val, "Clip");
    if (!m || m->nin < 1 || !sum_with(c, m->in[0], 3, x))
        return false;
    NodeCall at = *c;
    at.n = m->node;
    double lo = call_float(&at, "min", 1), hi = call_float(&at, "max", 0);
    if (m->nin == 3 && (!known_number(c, m->in[1], &lo) || !known_number(c, m->in[2], &hi)))
        return false;
    return lo == 0 && hi == 6;
}

static bool match_hard(NodeCall *c)
{
    Product p = product_here(c, -1);
    int x;
    for (int i = 0; !p.large && i < p.n; i++) {
        if (!clipped(c, p.val[i], &x) || x < 0 || !keeps_rank(c, x))
            continue;
        if (p.n == 1 && near(p.number, 1.0 / 6))
            return call_give(c, 0, call_add(c, OP_hard_sigmoid, NULL, 1, pattern_input(c, x)));
        if (is_product(c, 1.0 / 6, x, p.val[i]))
            return call_give(c, 0, call_add(c, OP_hard_swish, NULL, 1, pattern_input(c, x)));
    }
    return false;
}

/* max(x, alpha x) */
static bool match_leaky_relu(NodeCall *c)
{
    for (int i = 0; c->nin == 2 && i < 2; i++) {
        int x = c->in[i];
        Product p = x >= 0 ? product_of(c, c->in[1 - i], x) : (Product){0};
        if (p.large || p.n != 1 || p.val[0] != x || !(p.number > 0 && p.number < 1) || !keeps_rank(c, x))
            continue;
        Attrs a = call_defaults(OP_leaky_relu);
        a.alpha = short_number(p.number);
        return call_give(c, 0, call_add(c, OP_leaky_relu, &a, 1, pattern_input(c, x)));
    }
    return false;
}

/* ---- in the graph ---- */

/* The node that makes a value, where it is of that operator; NULL. */
static const Node *node_by(const NodeCall *c, ValueId v, Op op)
{
    const Graph *g = c->x->g;
    if (v < 0 || g->value.v[v].kind != VAL_NODE)
        return NULL;
    const Node *n = &g->node.v[g->value.v[v].node];
    return n->op == op ? n : NULL;
}

static ValueId operand_id(const NodeCall *c, int i)
{
    const OnnxValue *v = i < c->nin && c->in[i] >= 0 ? &c->x->val.v[c->in[i]] : NULL;
    return v && !v->broken && !v->k ? v->id : -1;
}

/* x sigmoid(x), x hard_sigmoid(x), x x */
static bool match_self_gated(NodeCall *c)
{
    static const struct { Op gate, whole; } pair[] = {{OP_sigmoid, OP_silu}, {OP_hard_sigmoid, OP_hard_swish}};
    ValueId v[2] = {operand_id(c, 0), operand_id(c, 1)};
    if (v[0] < 0 || v[1] < 0)
        return false;
    if (v[0] == v[1])
        return call_give(c, 0, call_add(c, OP_square, NULL, 1, v[0]));
    for (int i = 0; i < 2; i++)
        for (int k = 0; k < LEN(pair); k++) {
            const Node *gate = node_by(c, v[i], pair[k].gate);
            if (gate && gate->in[0] == v[1 - i])
                return call_give(c, 0, call_add(c, pair[k].whole, NULL, 1, v[1 - i]));
        }
    return false;
}

static bool constant_number(const NodeCall *c, ValueId v, double *number)
{
    const Value *k = &c->x->g->value.v[v];
    if (k->kind != VAL_CONST || type_elems(&k->type) != 1)
        return false;
    *number = short_number(tensor_at(k->tensor, 0));
    return true;
}

/* x + number; *x */
static bool plus_number(const NodeCall *c, ValueId v, ValueId *x, double *number)
{
    const Node *n = node_by(c, v, OP_add);
    for (int i = 0; n && i < 2; i++)
        if (constant_number(c, n->in[i], number)) {
            *x = n->in[1 - i];
            return true;
        }
    return false;
}

/* x - mean(x) over kept axes; *x and the axes. */
static bool centred(const NodeCall *c, ValueId v, ValueId *x, Ints *axes)
{
    const Node *sub = node_by(c, v, OP_sub), *mean = sub ? node_by(c, sub->in[1], OP_mean) : NULL;
    if (!mean || !mean->attr.keep || mean->in[0] != sub->in[0])
        return false;
    *x = sub->in[0];
    *axes = mean->attr.axes;
    return true;
}

/* sqrt(mean((x - mean(x))^2) + eps) */
static bool deviation(const NodeCall *c, ValueId v, ValueId x, const Ints *axes, double *eps)
{
    const Node *root = node_by(c, v, OP_sqrt), *mean, *square;
    ValueId sum, again;
    Ints over;
    if (!root || !plus_number(c, root->in[0], &sum, eps))
        return false;
    mean = node_by(c, sum, OP_mean);
    square = mean ? node_by(c, mean->in[0], OP_square) : NULL;
    return square && mean->attr.keep && ints_eq(&mean->attr.axes, axes) &&
           centred(c, square->in[0], &again, &over) && again == x && ints_eq(&over, axes);
}

/* Over one dimension, or over the last ones seen as one. */
static bool give_layer_norm(NodeCall *c, ValueId x, const Ints *axes, double eps)
{
    Type t = call_value_type(c, x);
    Attrs a = call_defaults(OP_layer_norm);
    a.eps = eps;
    a.axis = axes->v[0];
    if (axes->n == 1)
        return call_give(c, 0, call_add(c, OP_layer_norm, &a, 1, x));
    if (axes->v[0] + axes->n != t.rank)
        return false;
    int64_t dim[MAX_RANK], n = 1;
    memcpy(dim, t.dim, sizeof dim);
    for (int d = (int)axes->v[0]; d < t.rank; d++)
        n *= t.dim[d];
    dim[axes->v[0]] = n;
    ValueId v = call_add(c, OP_layer_norm, &a, 1, call_reshape(c, x, (int)axes->v[0] + 1, dim));
    return call_give(c, 0, call_reshape(c, v, t.rank, t.dim));
}

static bool match_layer_norm(NodeCall *c)
{
    ValueId v[2] = {operand_id(c, 0), operand_id(c, 1)}, x;
    bool quotient = !strcmp(c->n->type, "Div");
    Ints axes;
    double eps, one;
    for (int i = 0; i < (quotient ? 1 : 2); i++) {
        ValueId below = v[1 - i];
        const Node *turned = quotient ? NULL : node_by(c, below, OP_div);
        if (turned && constant_number(c, turned->in[0], &one) && one == 1)
            below = turned->in[1];
        else if (!quotient)
            continue;
        if (v[i] >= 0 && centred(c, v[i], &x, &axes) && deviation(c, below, x, &axes, &eps))
            return give_layer_norm(c, x, &axes, eps);
    }
    return false;
}

/* max(norm, eps) as exporters have it: behind Max, Clip and Expand; *eps. */
static ValueId at_least(const NodeCall *c, ValueId v, double *eps)
{
    const Node *n = node_by(c, v, OP_map);
    if (n)
        v = n->in[0];
    n = node_by(c, v, OP_maximum);
    for (int i = 0; n && i < 2; i++)
        if (constant_number(c, n->in[i], eps) && *eps > 0)
            return n->in[1 - i];
    return -1;
}

/* x / max(sqrt(sum(x^2)), eps) */
static bool match_l2_normalize(NodeCall *c)
{
    Attrs a = call_defaults(OP_l2_normalize);
    ValueId x = operand_id(c, 0), norm = at_least(c, operand_id(c, 1), &a.eps);
    const Node *root = node_by(c, norm, OP_sqrt), *sum = root ? node_by(c, root->in[0], OP_sum) : NULL;
    const Node *square = sum ? node_by(c, sum->in[0], OP_square) : NULL;
    if (!square || !sum->attr.keep || square->in[0] != x)
        return false;
    a.axes = sum->attr.axes;
    return call_give(c, 0, call_add(c, OP_l2_normalize, &a, 1, x));
}

bool recognize(NodeCall *c)
{
    const char *type = c->n->type;
    if (*c->n->domain || c->nin != 2 || c->n->nout != 1 || (call_known(c, 0) && call_known(c, 1)))
        return false;
    if (!strcmp(type, "Mul"))
        return match_gelu(c) || match_hard(c) || match_self_gated(c) || match_layer_norm(c);
    if (!strcmp(type, "Div"))
        return match_gelu(c) || match_hard(c) || match_layer_norm(c) || match_l2_normalize(c);
    return !strcmp(type, "Max") && match_leaky_relu(c);
}

/* [N,C,..] seen as [N,g,C/g,..], the two exchanged, seen as it was. */
ValueId recognize_view(NodeCall *c, ValueId v)
{
    const Node *last = node_by(c, v, OP_reshape), *swap = last ? node_by(c, last->in[0], OP_transpose) : NULL;
    const Node *first = swap ? node_by(c, swap->in[0], OP_reshape) : NULL;
    if (!first || swap->attr.perm.n < 3)
        return v;
    Type x = call_value_type(c, first->in[0]), parts = call_value_type(c, swap->in[0]), y = call_value_type(c, v);
    static const int64_t swapped[] = {0, 2, 1};
    bool shuffles = type_eq(&x, &y) && x.rank >= 2 && parts.dim[0] == x.dim[0] &&
                    parts.dim[1] * parts.dim[2] == x.dim[1];
    for (int d = 0; d < swap->attr.perm.n; d++)
        shuffles = shuffles && swap->attr.perm.v[d] == (d < 3 ? swapped[d] : d);
    if (!shuffles)
        return v;
    Attrs a = call_defaults(OP_channel_shuffle);
    a.groups = parts.dim[1];
    return call_add(c, OP_channel_shuffle, &a, 1, first->in[0]);
}
