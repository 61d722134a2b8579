/* Which dimension lies innermost in memory, chosen for who makes and who reads each value.

   Convolutions and pools make and want channels (dimension 1) side by side; products make and want the last
   dimension; softmax and other norms want the axis that they run along. Elementwise maps, norms, reductions and
   padding can be made either way, at a price: an operand that lies another way is read element by element, and an
   anchor that must have it in vectors reads a copy. Views have no choice: a transpose from [N,C,H,W] to [N,H,W,C]
   makes dimension 1 dimension 3. So what is between the convolutions of a network lies channels-last, and what is
   between its linear layers row-major.

   The sum of all prices, in elements, is lowered by one value at a time and by all values that hang together. */
#include "inner.h"

#include "../edit.h"
#include "../geometry/values.h"
#include "../movement/views.h"

typedef struct Inner {
    Pass *p;
    const Graph *g;
    InnerPrices price;
    int *dim;              /* per value */
    bool *chosen;          /* per value: its maker can make it either way */
    ValueId *root;         /* per value: what decides about it, behind views of it: itself where its maker does */
    int *node, *begin;     /* nodes that make or read value v, each once: node[begin[v]..begin[v + 1]) */
    int *last;             /* per value: the node that was entered last, from 1 on */
    int *seen, stamp;      /* per node: the count that it is part of */
} Inner;

static const Type *inner_type(const Inner *x, ValueId v) { return &x->g->value.v[v].type; }

static int last_dim(const Type *t)
{
    int d = imax(t->rank - 1, 0);
    while (d > 0 && t->dim[d] == 1)
        d--;
    return d;
}

/* ---- what a node makes ---- */

/* Channels side by side, whatever else there is. */
static bool makes_channels(const Node *n)
{
    return is_conv(n->op) || op_is(n->op, P_WINDOW) || is_resampling(n->op) ||
           (op_is(n->op, P_ANCHOR) && (node_reduces(n) || node_window(n)));
}

static bool makes_rows(const Node *n) { return n->op == OP_linear || n->op == OP_matmul; }

/* Of a value that kernels make, without a kernel of its own? */
static bool view(const Graph *g, const Node *n) { return view_op(n->op) && g->value.v[n->in[0]].kind == VAL_NODE; }

/* The dimension of a view, from that of its operand. */
static int of_view(const Inner *x, const Node *n)
{
    int d = view_dim(x->g, n, x->dim[n->in[0]]);
    return d >= 0 ? d : last_dim(inner_type(x, n->out[0].value));
}

static void start(Inner *x, const Node *n)
{
    for (int k = 0; k < n->nout; k++) {
        ValueId v = n->out[k].value;
        const Type *t = inner_type(x, v);
        if (!many_pixels(t) || makes_rows(n))
            x->dim[v] = view(x->g, n) ? of_view(x, n) : last_dim(t);
        else if (makes_channels(n))
            x->dim[v] = 1;
        else {
            bool moved = view(x->g, n) && view_dim(x->g, n, x->dim[n->in[0]]) >= 0;
            x->dim[v] = moved ? of_view(x, n) : 1;
            x->chosen[v] = !moved;
        }
        x->root[v] = view(x->g, n) && !x->chosen[v] ? x->root[n->in[0]] : v;
    }
}

/* ---- prices ---- */

/* Of reading v in a frame of that rank, whose dimension d is the inner one. */
static double reads(const Inner *x, ValueId v, int rank, int d, double price)
{
    const Type *t = inner_type(x, v);
    int own = d - (rank - t->rank);
    bool fits = x->dim[v] == ANY_DIM || own < 0 || t->dim[own] == 1 || x->dim[v] == own;
    return fits ? 0 : price * (double)type_elems(t);
}

static double reads_steps(const Inner *x, const Node *n, int rank, int d, double price)
{
    double sum = 0;
    for (int s = 0; s < n->nstep; s++)
        for (int k = 0; k < n->step[s].nin; k++)
            if (n->step[s].in[k] >= 0)
                sum += reads(x, n->step[s].in[k], rank, d, price);
    return sum;
}

/* A norm over axes, made with dimension d inside. */
static double norm_price(const Inner *x, const Node *n, int d)
{
    const Type *t = inner_type(x, n->in[0]);
    bool along = n->op == OP_l2_normalize ? ints_have(&n->attr.axes, d) : n->attr.axis == d;
    double other = n->op == OP_l2_normalize ? x->price.alone : x->price.across;
    return reads(x, n->in[0], t->rank, d, x->price.copied) + (along ? 0 : other * (double)type_elems(t));
}

/* The input's dimension that becomes dimension d of the result. */
static int reduced_from(const Node *n, int d)
{
    int from = 0;
    for (int kept = 0; !n->attr.keep; from++)
        if (!ints_have(&n->attr.axes, from) && kept++ == d)
            return from;
    return d;
}

static double reduce_price(const Inner *x, const Node *n, int d)
{
    const Type *t = inner_type(x, n->in[0]);
    int in = x->dim[n->in[0]], rank = inner_type(x, n->out[0].value)->rank;
    double price = in == ANY_DIM || in == reduced_from(n, d) ? 0
                   : ints_have(&n->attr.axes, in) ? x->price.folded : x->price.alone;
    return price * (double)type_elems(t) + reads_steps(x, n, rank, d, x->price.copied);
}

static double product_price(const Inner *x, const Node *n)
{
    int R = inner_type(x, n->out[0].value)->rank, B = inner_type(x, n->in[1])->rank;
    double b = n->op == OP_matmul ? reads(x, n->in[1], B, n->attr.transpose_b ? B - 2 : B - 1, x->price.copied) : 0;
    const Type *a = inner_type(x, n->in[0]);
    return b + reads(x, n->in[0], a->rank, a->rank - 1, x->price.scattered) +
           reads_steps(x, n, R, R - 1, x->price.copied);
}

static double move_price(const Inner *x, const Node *n, int d)
{
    double sum = 0;
    for (int k = 0; k < n->nin; k++)
        if (x->dim[n->in[k]] != ANY_DIM && view_dim(x->g, n, x->dim[n->in[k]]) != d)
            sum += x->price.scattered * (double)type_elems(inner_type(x, n->in[k]));
    return sum;
}

static double node_price(const Inner *x, const Node *n)
{
    int d = x->dim[n->out[0].value], rank = inner_type(x, n->out[0].value)->rank;
    if (makes_rows(n))
        return product_price(x, n);
    if (makes_channels(n))
        return (is_conv(n->op) && peels(n) ? 0 : reads(x, n->in[0], 4, 1, x->price.copied)) +
               reads_steps(x, n, 4, 1, x->price.copied);
    if (n->op == OP_map)
        return reads(x, n->in[0], rank, d, x->price.scattered) + reads_steps(x, n, rank, d, x->price.scattered);
    if (op_is(n->op, P_REDUCE))
        return reduce_price(x, n, d);
    return op_is(n->op, P_MOVE) ? move_price(x, n, d) : norm_price(x, n, d);
}

/* The caller's outputs are row-major. */
static double output_price(const Inner *x, ValueId v)
{
    const Type *t = inner_type(x, v);
    bool copy = many_pixels(t) && x->dim[v] != last_dim(t) && x->p->target->lanes > 1;
    return copy && value_outputs(x->g, v) ? x->price.copied * (double)type_elems(t) : 0;
}

/* ---- the search ---- */

static void each_use(const Inner *x, const Node *n, void (*use)(Inner *, ValueId, int node), int node)
{
    if (n->op == OP_NONE)
        return;
    for (int k = 0; k < n->nin; k++)
        use((Inner *)x, n->in[k], node);
    for (int k = 0; k < n->nout; k++)
        use((Inner *)x, n->out[k].value, node);
    for (int s = 0; s < n->nstep; s++)
        for (int k = 0; k < n->step[s].nin; k++)
            if (n->step[s].in[k] >= 0)
                use((Inner *)x, n->step[s].in[k], node);
}

static bool first_use(Inner *x, ValueId v, int node)
{
    bool first = x->last[v] != node + 1;
    x->last[v] = node + 1;
    return first;
}

static void count_use(Inner *x, ValueId v, int node) { x->begin[v + 1] += first_use(x, v, node); }

static void enter_use(Inner *x, ValueId v, int node)
{
    if (first_use(x, v, node))
        x->node[x->begin[v]++] = node;
}

static void index_uses(Inner *x)
{
    const Graph *g = x->g;
    for (int i = 0; i < g->node.n; i++)
        each_use(x, &g->node.v[i], count_use, i);
    for (int v = 0; v < g->value.n; v++)
        x->begin[v + 1] += x->begin[v], x->last[v] = 0;
    x->node = NEW(x->p->scratch, int, x->begin[g->value.n] + 1);
    for (int i = 0; i < g->node.n; i++)
        each_use(x, &g->node.v[i], enter_use, i);
    for (int v = g->value.n; v > 0; v--) /* each has advanced to the next one's begin */
        x->begin[v] = x->begin[v - 1];
    x->begin[0] = 0;
}

/* Values that change together: one that is chosen, or all that hang together, and the views of them. */
typedef VEC(ValueId) Values;

/* Enters v and the views of it, each behind what it shows. */
static void add_views(Inner *x, Values *set, ValueId v)
{
    int from = set->n;
    PUSH(x->p->scratch, set, v);
    for (; from < set->n; from++) {
        v = set->v[from];
        for (int i = x->begin[v]; i < x->begin[v + 1]; i++) {
            const Node *n = &x->g->node.v[x->node[i]];
            ValueId out = n->out[0].value;
            if (n->nin && n->in[0] == v && view(x->g, n) && out != v && !x->chosen[out])
                PUSH(x->p->scratch, set, out);
        }
    }
}

static double price_of(Inner *x, const Values *set)
{
    double sum = 0;
    x->stamp++;
    for (int i = 0; i < set->n; i++) {
        sum += output_price(x, set->v[i]);
        for (int k = x->begin[set->v[i]]; k < x->begin[set->v[i] + 1]; k++)
            if (x->seen[x->node[k]] != x->stamp) {
                x->seen[x->node[k]] = x->stamp;
                sum += node_price(x, &x->g->node.v[x->node[k]]);
            }
    }
    return sum;
}

/* Chosen values get the other dimension; views, which stand behind what they show, follow. */
static void flip(Inner *x, const Values *set)
{
    for (int i = 0; i < set->n; i++) {
        ValueId v = set->v[i];
        x->dim[v] = x->chosen[v] ? 4 - x->dim[v] : of_view(x, &x->g->node.v[x->g->value.v[v].node]);
    }
}

static bool improve(Inner *x, const Values *set)
{
    double before = price_of(x, set);
    flip(x, set);
    if (price_of(x, set) < before)
        return true;
    flip(x, set);
    return false;
}

/* Enters what decides about the node's operands and results and is not done. */
static void add_roots(Inner *x, const Node *n, Values *roots, bool *done)
{
    for (int k = 0; k < n->nout + n->nin; k++) {
        ValueId w = x->root[k < n->nout ? n->out[k].value : n->in[k - n->nout]];
        if (x->chosen[w] && !done[w]) {
            done[w] = true;
            PUSH(x->p->scratch, roots, w);
        }
    }
}

/* All chosen values that v hangs together with through nodes that can make them, and their views; marks them in done.
   */
static Values together(Inner *x, ValueId v, bool *done)
{
    Values roots = {0}, set = {0};
    PUSH(x->p->scratch, &roots, v);
    done[v] = true;
    for (int i = 0, shown = 0; i < roots.n; i++) {
        add_views(x, &set, roots.v[i]);
        for (; shown < set.n; shown++)
            for (int k = x->begin[set.v[shown]]; k < x->begin[set.v[shown] + 1]; k++)
                add_roots(x, &x->g->node.v[x->node[k]], &roots, done);
    }
    return set;
}

static void search(Inner *x)
{
    enum { SWEEPS = 4 };
    int values = x->g->value.n;
    bool *done = NEW(x->p->scratch, bool, values), better = true;
    for (ValueId v = 0; v < values; v++)
        if (x->chosen[v] && !done[v]) {
            Values set = together(x, v, done);
            improve(x, &set);
        }
    for (int sweep = 0; sweep < SWEEPS && better; sweep++) {
        better = false;
        for (int i = 0; i < values; i++) {
            ValueId v = sweep % 2 ? values - 1 - i : i;
            Values set = {0};
            if (!x->chosen[v])
                continue;
            add_views(x, &set, v);
            better = improve(x, &set) || better;
        }
    }
}

int *inner_dims(Pass *p, const Graph *g, int more)
{
    Arena *A = p->scratch;
    Inner x = {.p = p, .g = g, .price = p->target->machine->inner,
               .dim = NEW(A, int, g->value.n + more), .chosen = NEW(A, bool, g->value.n),
               .root = NEW(A, ValueId, g->value.n), .begin = NEW(A, int, g->value.n + 1),
               .last = NEW(A, int, g->value.n), .seen = NEW(A, int, g->node.n)};
    for (int v = 0; v < g->value.n; v++)
        x.root[v] = v, x.dim[v] = g->value.v[v].kind == VAL_CONST ? ANY_DIM : last_dim(&g->value.v[v].type);
    for (int i = 0; i < g->node.n; i++)
        if (g->node.v[i].op != OP_NONE)
            start(&x, &g->node.v[i]);
    index_uses(&x);
    search(&x);
    return x.dim;
}

/* Otherwise vectors run along the sum, and their lanes are added up for every element of the result. Half of a matrix
   times its own transpose is computed. */
bool product_turns(const Target *t, const Graph *g, const Node *n)
{
    const Type *out = &g->value.v[n->out[0].value].type, *b = &g->value.v[n->in[1]].type;
    return n->op == OP_matmul && n->attr.transpose_b && t->lanes > 1 && n->in[0] != n->in[1] && out->rank > 1 &&
           b->dim[b->rank - 2] >= t->min_lanes && g->value.v[n->in[1]].kind == VAL_NODE &&
           (double)(type_elems(out) * t->lanes) >= t->machine->inner.turned * (double)type_elems(b);
}

bool product_copies(const Target *t, const Graph *g, const Node *n)
{
    Type out = node_step_type(g, n, 0);
    return out.rank > 1 && out.dim[out.rank - 2] >= t->machine->inner.few_rows;
}
