/* Functions of the model and branches of If whose condition is a constant: their nodes in place of the one that
   stands for them. */
#include "import.h"

#include <string.h>

const MFunction *find_function(const OnnxModel *m, const MNode *n)
{
    if (!m->function.n)
        return NULL;
    int at = dict_get(&m->function_at, arena_printf(m->arena, "%s:%s", n->domain, n->type));
    return at >= 0 ? &m->function.v[at] : NULL;
}

static bool deep(NodeCall *c)
{
    return c->scope->depth < MODEL_DEPTH ||
           call_refuse(c, NULL, "functions and branches stand inside each other more than %d deep", MODEL_DEPTH);
}

static Scope *inner(NodeCall *c, const Scope *up)
{
    Scope *s = NEW(c->x->arena, Scope, 1);
    bool fits = strlen(c->make.name) < 200;
    *s = (Scope){.name = dict_new(c->x->arena), .up = up,
                 .prefix = fits ? arena_printf(c->x->arena, "%s/", c->make.name) : c->scope->prefix,
                 .opset = c->opset, .depth = c->scope->depth + 1, .line = c->make.loc.line};
    return s;
}

/* Why a tensor is broken: its own failure, or that of an operand of its maker, and so on. */
static const Failure *reason(const OnnxImport *x, int at)
{
    while (x->val.v[at].failure < 0) {
        const Made *m = x->val.v[at].made;
        int next = -1;
        for (int i = 0; m && i < m->nin && next < 0; i++)
            if (m->in[i] >= 0 && x->val.v[m->in[i]].broken)
                next = m->in[i];
        if (next < 0)
            return NULL;
        at = next;
    }
    return &x->failure.v[x->val.v[at].failure];
}

/* The results of inner nodes as those of this one. A broken one keeps its own reason. */
static bool give_results(NodeCall *c, const Scope *s, const char *const *name, int n)
{
    OnnxImport *x = c->x;
    for (int i = 0; i < n && i < c->n->nout; i++) {
        int at = import_find(s, name[i]);
        const OnnxValue *v = at < 0 ? NULL : &x->val.v[at];
        if (!v)
            return call_refuse(c, NULL, "nothing in it makes its result '%s'", name[i]);
        if (v->broken) {
            const Failure *f = reason(x, at);
            return call_refuse(c, f ? f->help : NULL, "in it, %s: %s", f ? f->what : "a node",
                               f ? f->why : "is malformed");
        }
        c->given[i] = v->id;
        c->given_k[i] = v->k;
        c->kind[i] = v->kind;
    }
    return true;
}

bool import_function(NodeCall *c, const MFunction *fn)
{
    Scope *s = inner(c, NULL);
    s->call = c;
    if (!deep(c))
        return false;
    if (fn->opset)
        s->opset = fn->opset;
    for (int i = 0; i < fn->nin; i++)
        if (i < c->nin && c->in[i] >= 0)
            dict_put(&s->name, fn->in[i], c->in[i]);
        else if (*fn->in[i])
            dict_put(&s->name, fn->in[i], LEFT_OUT);
    import_nodes(c->x, s, fn->node.v, fn->node.n);
    return give_results(c, s, fn->out, fn->nout);
}

bool import_if(NodeCall *c)
{
    const Tensor *k = call_known(c, 0);
    WireBytes msg;
    MGraph g;
    if (!k || type_elems(&k->type) != 1)
        return call_refuse(c, "a condition that is known when the network is compiled is folded",
                           "its condition is computed from the input");
    if (!call_attr_bytes(c, tensor_int(k, 0) ? "then_branch" : "else_branch", 6, &msg))
        return call_refuse(c, NULL, "it has no such branch");
    if (!deep(c))
        return false;
    if (!model_graph(c->x->m, msg, &g))
        return call_refuse(c, NULL, "its branch is malformed");
    Scope *s = inner(c, c->scope);
    import_initializers(c->x, s, &g);
    import_nodes(c->x, s, g.node.v, g.node.n);
    const char **out = NEW(c->x->arena, const char *, g.output.n + 1);
    for (int i = 0; i < g.output.n; i++)
        out[i] = g.output.v[i].name;
    return give_results(c, s, out, g.output.n);
}
