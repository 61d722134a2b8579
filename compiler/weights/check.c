/* Numbers that an operator cannot take: found at the tensor that has them, not at what is computed from it. */
#include "weights.h"

#include <math.h>

/* The variance of a batch_norm, whose root is taken and divided by. */
static bool check_variance(const Graph *g, const Node *n, int file)
{
    const Value *v = &g->value.v[n->in[4]];
    if (v->kind != VAL_CONST || !v->tensor->data)
        return true;
    for (int64_t i = 0, count = type_elems(&v->type); i < count; i++) {
        double x = tensor_at(v->tensor, i);
        if (x + n->attr.eps > 0)
            continue;
        if (x < 0)
            error_at(loc_file(file), "tensor '%s' is negative at [%lld]: %g; a variance is not, and batch_norm takes "
                     "its root", v->name, (long long)i, x);
        else
            error_at(loc_file(file), "tensor '%s' is 0 at [%lld], and so is eps: batch_norm divides by the root of "
                     "both", v->name, (long long)i);
        note_at(n->loc, "used here");
        return false;
    }
    return true;
}

bool weights_check(const Graph *g, int file)
{
    bool ok = true;
    for (int i = 0; i < g->node.n; i++)
        if (g->node.v[i].op == OP_batch_norm)
            ok = check_variance(g, &g->node.v[i], file) && ok;
    return ok;
}
