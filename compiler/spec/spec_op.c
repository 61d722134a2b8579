/* One operator of a spec: attributes and parameter tensors as the operator table declares them. The words of the
   table's spec column are explained in ir/graph/op.def; two operators exist only here:
     {op: constant, value: 2.5}  {op: constant, value: [...], shape: [1, 3, 1, 1]}   a constant value
     {op: parameter, name: gamma, shape: [...]}                                      a trained tensor as a value
   A tensor's name is {tensor: NAME} in place of NAME where that is the whole name, without the scopes around. */
#include "spec_op.h"

#include "../../ir/ops/rnn.h"

#include <math.h>
#include <string.h>

static const char *const own_op[] = {"constant", "parameter"};

bool op_exists(const char *name)
{
    return op_by_name(name) != OP_NONE || !strcmp(name, own_op[0]) || !strcmp(name, own_op[1]);
}

const char *const *op_names(Arena *a, int *n)
{
    const char **v = NEW(a, const char *, NOPS + LEN(own_op));
    *n = 0;
    for (int op = OP_NONE + 1; op < NOPS; op++)
        v[(*n)++] = op_info[op].name;
    for (int i = 0; i < LEN(own_op); i++)
        v[(*n)++] = own_op[i];
    return v;
}

/* ---- operands ---- */

static bool check_arity(const OpCase *c)
{
    int least = c->info->min_in, most = c->info->max_in, n = c->step->nin;
    for (int i = 0; i < c->nword; i++)
        if (c->word[i].dims) {
            least -= !c->word[i].mode;
            most -= most > 0;
        }
    if (n >= least && (most < 0 || n <= most))
        return true;
    const char *hint = !c->step->in_given && least > 1 ? "name them: in: [a, b]" : NULL;
    if (most == least)
        spec_error(&c->cx, c->step->loc, hint, "%d input%s expected, %d given", least, least == 1 ? "" : "s", n);
    else
        spec_error(&c->cx, c->step->loc, hint, "%d or more inputs expected, %d given", least, n);
    return false;
}

static const char *pad_same(OpCase *c, const ValueId *in, int nin)
{
    const SpecReader *s = c->cx.s;
    Type *types = NEW(s->arena, Type, nin);
    for (int i = 0; i < nin; i++)
        types[i] = s->graph->value.v[in[i]].type;
    return attrs_pad_same(s->arena, c->op, &c->attr, types, nin, c->lower);
}

int op_node(OpCase *c, const char *name, const ValueId *from, int nin, const char *suffix, ValueId *out)
{
    SpecReader *s = c->cx.s;
    ValueId *in = NEW(s->arena, ValueId, nin + MAX_WORDS);
    memcpy(in, from, (size_t)nin * sizeof *in);
    c->in = s->graph->value.v[in[0]].type;
    const SpecWord *absent = NULL;
    for (int i = 0; i < c->nword; i++) {
        const SpecWord *w = &c->word[i];
        Type t;
        if (!w->dims || !w->present) {
            absent = w->dims ? w : absent;
            continue;
        }
        if (absent) { /* operands are told apart by their number */
            spec_error(&c->cx, w->given ? w->loc : c->step->loc, NULL, "'%s' is given without '%s'", w->name,
                       absent->name);
            return -1;
        }
        if (!op_tensor_type(c, w, &t))
            return -1;
        const char *tensor = w->whole ? w->tensor : arena_printf(s->arena, "%s%s", w->tensor, suffix);
        in[nin] = tensor_make(&c->cx, w->whole ? "" : c->step->tensor_scope, tensor, c->cx.shared || w->whole,
                              w->given ? w->loc : c->step->loc, t);
        if (in[nin++] == POISON)
            return -1;
    }
    const char *err = c->same ? pad_same(c, in, nin) : NULL;
    int node = err ? -1 : graph_add(s->graph, c->op, &c->attr, in, nin, name, c->step->loc, &err);
    if (node < 0) {
        spec_error(&c->cx, c->step->loc, NULL, "%s", err);
        spec_note_pads(&c->cx, c->listed ? &c->attr.pad : NULL, c->step, in, nin);
        return -1;
    }
    if (c->listed)
        PUSH(s->arena, &s->listed_pads, node);
    const Node *n = &s->graph->node.v[node];
    for (int i = 0; i < n->nout; i++)
        out[i] = n->out[i].value;
    return n->nout;
}

/* ---- constant and parameter ---- */

static bool eval_shape(const Cx *cx, const Yaml *y, Type *t)
{
    Ints shape;
    if (!eval_ints(cx, y, &shape))
        return false;
    bool ok = shape.n <= MAX_RANK;
    if (ok) {
        *t = type_make(DT_F32, shape.n, shape.v);
        ok = type_valid(t);
    }
    if (!ok)
        spec_error(cx, y->loc, NULL, "a shape has up to %d sizes of at least 1, together at most 2^40 elements",
                   MAX_RANK);
    return ok;
}

static bool read_numbers(const Cx *cx, const Yaml *y, float **out, int *n)
{
    bool list = y->kind == YAML_LIST;
    *n = list ? y->n : 1;
    *out = NEW(cx->s->arena, float, *n);
    for (int i = 0; i < *n; i++) {
        const Yaml *item = list ? y->item[i] : y;
        double d;
        if (!eval_num(cx, item, &d))
            return false;
        (*out)[i] = (float)d;
        if (!isfinite((*out)[i])) {
            spec_error(cx, item->loc, NULL, "%s does not fit in f32", spec_found(cx->s->arena, item));
            return false;
        }
    }
    return true;
}

static ValueId expand_constant(const Cx *cx, const OpStep *step)
{
    SpecReader *s = cx->s;
    const Yaml *value = step->keys ? yaml_get(step->keys, "value") : NULL;
    const Yaml *shape = step->keys ? yaml_get(step->keys, "shape") : NULL;
    float *v;
    int n;
    if (!value) {
        spec_error(cx, step->loc, NULL, "'value' is missing");
        return POISON;
    }
    if (!read_numbers(cx, value, &v, &n))
        return POISON;
    Type t = type_make(DT_F32, 1, (const int64_t[]){n});
    if (n < 1 || (shape && !eval_shape(cx, shape, &t))) {
        if (n < 1)
            spec_error(cx, value->loc, NULL, "the list of values is empty");
        return POISON;
    }
    int64_t elems = type_elems(&t);
    if ((elems != n && n != 1) || elems > 1 << 20) {
        spec_error(cx, value->loc, NULL, "%d values for %s", n, type_text(s->arena, &t));
        return POISON;
    }
    float *data = NEW(s->arena, float, elems);
    for (int64_t i = 0; i < elems; i++)
        data[i] = v[n == 1 ? 0 : i];
    ValueId id = graph_const_f32(s->graph, step->node_name, t, data);
    tensor_note(s, s->graph->value.v[id].name, step->loc, false);
    return id;
}

static ValueId expand_parameter(const Cx *cx, const OpStep *step)
{
    const Yaml *shape = step->keys ? yaml_get(step->keys, "shape") : NULL;
    const Yaml *name = step->keys ? yaml_get(step->keys, "name") : NULL;
    const Yaml *whole = step->keys ? yaml_get(step->keys, "tensor") : NULL;
    const char *own;
    Type t;
    if (name && whole) {
        spec_error(cx, whole->loc, NULL, "a parameter has a 'name' or a 'tensor', not both");
        return POISON;
    }
    name = whole ? whole : name;
    if (!shape || !name) {
        spec_error(cx, step->loc, NULL, "'%s' is missing", shape ? "name" : "shape");
        return POISON;
    }
    if (!eval_shape(cx, shape, &t) || !(own = eval_text(cx, name)))
        return POISON;
    return tensor_make(cx, whole ? "" : cx->scope, own, whole || cx->shared, name->loc, t);
}

static int expand_own(const Cx *cx, const OpStep *step, ValueId *out)
{
    static const char *const constant_keys[] = {"op", "name", "as", "when", "shape", "value"};
    static const char *const parameter_keys[] = {"op", "name", "as", "when", "shape", "shared", "tensor"};
    bool constant = !strcmp(step->op_name, "constant");
    const char *const *keys = constant ? constant_keys : parameter_keys;
    int nkeys = constant ? LEN(constant_keys) : LEN(parameter_keys);
    if (step->keys && !spec_keys(cx, step->keys, "the step", keys, nkeys))
        return -1;
    *out = constant ? expand_constant(cx, step) : expand_parameter(cx, step);
    return *out == POISON ? -1 : 1;
}

int op_expand(const Cx *cx, const OpStep *step, ValueId *out)
{
    OpCase c = {.cx = *cx, .step = step, .op = op_by_name(step->op_name)};
    c.cx.about = arena_printf(cx->s->arena, "%s '%s'", step->op_name, step->node_name);
    if (c.op == OP_NONE)
        return expand_own(&c.cx, step, out);
    c.info = &op_info[c.op];
    op_words(&c);
    if (!op_keys(&c))
        return -1;
    for (int i = 0; i < step->nin; i++)
        if (step->in[i] == POISON)
            return -1;
    if (is_recurrent(c.op))
        return rnn_expand(&c, out);
    if (!check_arity(&c))
        return -1;
    return op_node(&c, step->node_name, step->in, step->nin, "", out);
}
