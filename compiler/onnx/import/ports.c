/* What stands around the nodes: initializers, inputs with the sizes that --shape gives, outputs. */
#include "import.h"

#include <string.h>

/* ---- initializers and inputs ---- */

void import_initializers(OnnxImport *x, Scope *s, const MGraph *g)
{
    for (int i = 0; i < g->tensor.n; i++) {
        Tensor *t = NEW(x->arena, Tensor, 1);
        const char *why;
        if (!model_tensor(x->m, g->tensor.v[i], t, &why))
            continue;
        OnnxValue *v = import_new(x, s, t->name, 0, "initializer");
        if (!v)
            continue;
        v->k = why ? NULL : t;
        if (why)
            import_fail(x, v, (Failure){0, arena_printf(x->arena, "initializer '%s'", import_show(x, t->name)), why,
                                        NULL});
    }
    if (g->sparse)
        import_wrong(x, 0, "", "it has sparse initializers, which are not read");
}

/* The sizes that --shape gives a port or a dimension, or NULL. */
static const Ints *shape_said(OnnxImport *x, const char *name)
{
    for (int i = 0; i < x->nshape; i++)
        if (!strcmp(x->shape[i].name, name)) {
            x->shape_used[i] = true;
            return &x->shape[i].dim;
        }
    return NULL;
}

/* As --shape wants it: image=1,3,H,W. */
static const char *wanted_shape(const OnnxImport *x, const MPort *p)
{
    const char *text = arena_printf(x->arena, "--shape '%s=", p->name);
    for (int i = 0; i < p->rank; i++) {
        const MDim *d = &p->dim[i];
        text = d->dim > 0 ? arena_printf(x->arena, "%s%s%lld", text, i ? "," : "", (long long)d->dim)
             : i == 0     ? arena_printf(x->arena, "%s1", text)
                          : arena_printf(x->arena, "%s,%s", text, d->symbol && *d->symbol ? d->symbol : "?");
    }
    return arena_printf(x->arena, "%s%s'", text, p->shaped ? "" : "1,3,H,W");
}

static bool fits_said(OnnxImport *x, const MPort *p, const Ints *said)
{
    bool ok = said->n <= MAX_RANK && (!p->shaped || said->n == p->rank);
    for (int i = 0; ok && i < said->n; i++)
        ok = said->v[i] >= 1 && (!p->shaped || p->dim[i].dim <= 0 || p->dim[i].dim == said->v[i]);
    if (!ok)
        import_wrong(x, 0, "", "--shape does not fit the input '%s', %s is expected", import_show(x, p->name),
                     wanted_shape(x, p));
    return ok;
}

static bool port_type(OnnxImport *x, const MPort *p, Type *t)
{
    const Ints *said = shape_said(x, p->name);
    if (said && !fits_said(x, p, said))
        return false;
    *t = (Type){.dtype = DT_F32, .rank = said ? said->n : p->rank};
    bool open = !said && !p->shaped;
    for (int i = 0; i < t->rank; i++) {
        const MDim *d = &p->dim[i];
        const Ints *one = !said && d->dim <= 0 && d->symbol ? shape_said(x, d->symbol) : NULL;
        t->dim[i] = said ? said->v[i] : d->dim > 0 ? d->dim : one && one->n == 1 ? one->v[0] : i == 0 ? 1 : -1;
        open |= t->dim[i] < 1;
    }
    if (open)
        import_wrong(x, 0, "", "the input '%s' leaves sizes open: %s gives them", import_show(x, p->name),
                     wanted_shape(x, p));
    else if (!type_valid(t))
        import_wrong(x, 0, "", "the input '%s' is too large: %s", import_show(x, p->name), type_text(x->arena, t));
    return !open && type_valid(t);
}

static bool input_kind(OnnxImport *x, const MPort *p)
{
    DType d;
    if (!p->tensor)
        import_wrong(x, 0, "", "the input '%s' is no tensor", import_show(x, p->name));
    else if (!onnx_dtype(p->type, &d) || !dtype_float(d))
        import_wrong(x, 0, "", "the input '%s' is %s: inputs are floats", import_show(x, p->name),
                     onnx_type_name(p->type));
    else if (!text_is_clean(p->name) || !*p->name)
        import_wrong(x, 0, "", "an input's name, '%s', is not UTF-8 or has control characters",
                     import_show(x, p->name));
    else
        return true;
    return false;
}

/* Models of IR version 3 list initializers among their inputs. */
void import_inputs(OnnxImport *x, Scope *s)
{
    const MGraph *g = &x->m->graph;
    for (int i = 0; i < g->input.n; i++) {
        const MPort *p = &g->input.v[i];
        int at = dict_get(&s->name, p->name);
        Type t = {0};
        if (at >= 0 && (x->val.v[at].k || x->val.v[at].failure >= 0))
            continue;
        bool ok = input_kind(x, p) && port_type(x, p, &t);
        OnnxValue *v = import_new(x, s, p->name, 0, "input");
        if (v && ok && t.rank)
            v->id = graph_input(x->g, p->name, t, loc_file(x->file));
        else if (v && ok) { /* a single number is f32[1] to us */
            v->id = graph_input(x->g, p->name, type_make(DT_F32, 1, (int64_t[]){1}), loc_file(x->file));
        } else if (v) {
            v->broken = true;
        }
    }
}

/* ---- outputs ---- */

static void import_output(OnnxImport *x, Scope *s, const MPort *p, bool *seen, int *todo, int *ntodo)
{
    int at = dict_get(&s->name, p->name);
    NodeCall c = {.x = x, .scope = s, .make = import_maker(x, p->name, loc_file(x->file))};
    if (at < 0) {
        import_wrong(x, 0, "", "no node makes the output '%s'", import_show(x, p->name));
        return;
    }
    const OnnxValue *v = &x->val.v[at];
    if (v->broken) {
        if (!seen[at])
            seen[todo[(*ntodo)++] = at] = true;
        return;
    }
    if (v->k && !dtype_float(v->k->stored))
        call_refuse(&c, NULL, "it is %s, outputs are floats", dtype_name(v->k->stored));
    ValueId id = c.make.why ? -1 : v->k ? call_param(&c, v->k, v->k->type.rank, v->k->type.dim) : v->id;
    const char *name = fresh_port_name(x->arena, &x->port, x->g, p->name);
    if (id < 0)
        PUSH(x->arena, &x->unfit,
             (Failure){0, arena_printf(x->arena, "output '%s'", import_show(x, p->name)), c.make.why, c.make.help});
    else if (!text_is_clean(name) || !*name)
        import_wrong(x, 0, "", "an output's name, '%s', is not UTF-8 or has control characters",
                     import_show(x, p->name));
    else
        graph_output(x->g, name, id, loc_file(x->file));
}

/* What keeps the outputs from being computed: the failures that they depend on, in the order of the nodes. */
void import_outputs(OnnxImport *x, Scope *s)
{
    bool *seen = NEW(x->arena, bool, x->val.n + 1), *counts = NEW(x->arena, bool, x->failure.n + 1);
    int *todo = NEW(x->arena, int, x->val.n + 1), ntodo = 0;
    for (int i = 0; i < x->m->graph.output.n; i++)
        import_output(x, s, &x->m->graph.output.v[i], seen, todo, &ntodo);
    while (ntodo) {
        const OnnxValue *v = &x->val.v[todo[--ntodo]];
        if (v->failure >= 0)
            counts[v->failure] = true;
        for (int i = 0; v->made && i < v->made->nin; i++) {
            int at = v->made->in[i];
            if (at >= 0 && x->val.v[at].broken && !seen[at])
                seen[todo[ntodo++] = at] = true;
        }
    }
    int n = 0;
    for (int i = 0; i < x->failure.n; i++)
        if (counts[i])
            x->failure.v[n++] = x->failure.v[i];
    x->failure.n = n;
    for (int i = 0; i < x->unfit.n; i++)
        PUSH(x->arena, &x->failure, x->unfit.v[i]);
}
