/* The way of a model: its inputs and initializers, its nodes in their order, its outputs; then one message about all that
   cannot be compiled. */
#include "import.h"

#include <string.h>

#include "../../../ir/base/files.h"
#include "../../../passes/pass.h"

enum {
    OLDEST = 1, NEWEST = 21,         /* opsets */
    WORK = 1 << 18,                  /* nodes, those of functions each time that one is used */
    LISTED = 1000                    /* nodes in a message */
};

/* ---- what is wrong ---- */

void import_wrong(Import *x, int line, const char *what, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    if (x->wrong.n <= LISTED)
        PUSH(x->arena, &x->wrong, (Failure){line, what, arena_vprintf(x->arena, fmt, ap), NULL});
    va_end(ap);
}

static const char *show(const Import *x, const char *name)
{
    enum { MOST = 80 };
    return strlen(name) > MOST ? arena_printf(x->arena, "%.*s...", MOST, name) : name;
}

static const char *node_title(const Import *x, const Scope *s, const MNode *n)
{
    const char *name = *n->name ? n->name : n->nout ? n->out[0] : "";
    return arena_printf(x->arena, "%s%s", s->prefix, show(x, name));
}

static void list(const Import *x, const Failure *f, int n, const char *one, const char *many)
{
    error_at(loc_file(x->file), "%d %s", n, n == 1 ? one : many);
    for (int i = 0; i < n && i < LISTED; i++)
        error_more("  %s%s%s%s%s", f[i].what, *f[i].what ? ": " : "", f[i].why, f[i].help ? "; " : "",
                   f[i].help ? f[i].help : "");
    if (n > LISTED)
        error_more("  ... and %d more", n - LISTED);
}

/* ---- names ---- */

int import_find(const Scope *s, const char *name)
{
    int at = -1;
    for (; s && at == -1; s = s->up)
        at = map_get(&s->name, name);
    return at;
}

Val *import_new(Import *x, Scope *s, const char *name, int line, const char *what)
{
    if (map_get(&s->name, name) >= 0) {
        import_wrong(x, line, what, "a tensor '%s' is there already", show(x, name));
        return NULL;
    }
    map_put(&s->name, name, x->val.n);
    PUSH(x->arena, &x->val, (Val){.name = name, .id = -1, .failure = -1});
    return &x->val.v[x->val.n - 1];
}

/* ---- nodes ---- */

static void fail(Import *x, Val *v, Failure f)
{
    v->broken = true;
    if (f.why) {
        v->failure = x->failure.n;
        PUSH(x->arena, &x->failure, f);
    }
}

/* Enters the node's results; without a reason they are broken because an operand is. */
static void enter(NodeCall *c, const Made *made, bool ok)
{
    Import *x = c->x;
    int line = c->scope->line ? c->scope->line : c->n->line, failure = -1;
    const char *what = arena_printf(x->arena, "node '%s' (%s, opset %lld)", node_title(x, c->scope, c->n), c->n->type,
                                    (long long)c->opset);
    for (int i = 0; i < c->n->nout; i++) {
        Val *v = *c->n->out[i] ? import_new(x, c->scope, c->n->out[i], line, what) : NULL;
        if (!v)
            continue;
        v->made = made;
        v->k = c->given_k[i];
        v->id = c->given[i];
        if (v->k || v->id >= 0)
            continue;
        if (ok && !c->why)
            refuse(c, NULL, "its result '%s' is not computed here", show(x, c->n->out[i]));
        if (failure < 0)
            fail(x, v, (Failure){line, what, c->why, c->help});
        else
            v->broken = true, v->failure = failure;
        failure = v->failure;
    }
}

static const char *newer(const NodeCall *c)
{
    const Row *later = row_find(c->n->type, NEWEST + 1);
    return later ? arena_printf(c->x->arena, "ONNX has it since opset %d", later->since)
                 : "dsqc does not know the operator";
}

static bool translate(NodeCall *c)
{
    const MFunction *fn = find_function(c->x->m, c->n);
    if (fn)
        return import_function(c, fn);
    if (*c->n->domain)
        return refuse(c, "export with ONNX's own operators", "operators of the domain '%s' are not known",
                      show(c->x, c->n->domain));
    c->row = row_find(c->n->type, c->opset);
    if (!c->row)
        return refuse(c, NULL, "%s", newer(c));
    if (!c->row->fn)
        return refuse(c, c->row->help, "%s", c->row->why);
    return c->row->fn(c);
}

/* The operands; false where one is broken. *undefined: no earlier node makes one. */
static bool find_operands(NodeCall *c, int *in, bool *undefined)
{
    Import *x = c->x;
    bool whole = true;
    for (int i = 0; i < c->n->nin; i++) {
        const char *name = c->n->in[i];
        in[i] = *name ? import_find(c->scope, name) : -1;
        if (in[i] >= 0)
            whole = whole && !x->val.v[in[i]].broken;
        if (!*name || in[i] != -1)
            continue;
        int later = map_get(&x->producer, name);
        import_wrong(x, c->n->line, arena_printf(x->arena, "node '%s' (%s)", node_title(x, c->scope, c->n), c->n->type),
                     later >= 0 ? "its operand '%s' is made by a node behind it, or from its own result"
                                : "its operand '%s' is neither an input nor an initializer, and no node makes it",
                     show(x, name));
        *undefined = true;
    }
    return whole && !*undefined;
}

static void import_node(Import *x, Scope *s, const MNode *n)
{
    Made *made = NEW(x->arena, Made, 1);
    int *in = NEW(x->arena, int, n->nin + 1), line = s->line ? s->line : n->line;
    bool undefined = false;
    const char *name = *n->name ? n->name : n->nout ? n->out[0] : n->type;
    NodeCall c = {.x = x, .n = n, .scope = s, .opset = s->opset, .loc = {x->file, line, 1, (int)strlen(n->type)},
              .name = arena_printf(x->arena, "%s%s", s->prefix, text_is_clean(name) ? name : n->type), .nin = n->nin,
              .in = in, .given_k = NEW(x->arena, const Tensor *, n->nout + 1), .given = NEW(x->arena, ValueId, n->nout + 1)};
    for (int i = 0; i < n->nout; i++)
        c.given[i] = -1;
    bool whole = find_operands(&c, in, &undefined);
    *made = (Made){n, n->nin, in};
    if (++x->work > WORK)
        refuse(&c, NULL, "the model has more than %d nodes, those of its functions counted each time", WORK);
    bool ok = !c.why && !undefined && (recognize(&c) || (whole && (evaluate(&c) || (!c.why && translate(&c)))));
    if (undefined)
        c.why = NULL;
    if (!ok)
        for (int i = 0; i < n->nout; i++)
            c.given[i] = -1, c.given_k[i] = NULL;
    enter(&c, made, ok);
}

void import_nodes(Import *x, Scope *s, const MNode *n, int count)
{
    for (int i = 0; i < count && x->work <= WORK; i++)
        import_node(x, s, &n[i]);
}

/* ---- initializers and inputs ---- */

void import_initializers(Import *x, Scope *s, const MGraph *g)
{
    for (int i = 0; i < g->tensor.n; i++) {
        Tensor *t = NEW(x->arena, Tensor, 1);
        const char *why;
        if (!model_tensor(x->m, g->tensor.v[i], t, &why))
            continue;
        Val *v = import_new(x, s, t->name, 0, "initializer");
        if (!v)
            continue;
        v->k = why ? NULL : t;
        if (why)
            fail(x, v, (Failure){0, arena_printf(x->arena, "initializer '%s'", show(x, t->name)), why, NULL});
    }
    if (g->sparse)
        import_wrong(x, 0, "", "it has sparse initializers, which are not read");
}

/* The sizes that --shape gives a port or a dimension, or NULL. */
static const Ints *shape_said(Import *x, const char *name)
{
    for (int i = 0; i < x->nshape; i++)
        if (!strcmp(x->shape[i].name, name)) {
            x->shape_used[i] = true;
            return &x->shape[i].dim;
        }
    return NULL;
}

/* As --shape wants it: image=1,3,H,W. */
static const char *wanted_shape(const Import *x, const MPort *p)
{
    const char *text = arena_printf(x->arena, "--shape '%s=", p->name);
    for (int i = 0; i < p->rank; i++) {
        const MDim *d = &p->dim[i];
        text = d->dim > 0 ? arena_printf(x->arena, "%s%s%lld", text, i ? "," : "", (long long)d->dim)
             : i == 0     ? arena_printf(x->arena, "%s1", text)
                          : arena_printf(x->arena, "%s%s%s", text, i ? "," : "", d->symbol && *d->symbol ? d->symbol : "?");
    }
    return arena_printf(x->arena, "%s%s'", text, p->shaped ? "" : "1,3,H,W");
}

static bool fits_said(Import *x, const MPort *p, const Ints *said)
{
    bool ok = said->n <= MAX_RANK && (!p->shaped || said->n == p->rank);
    for (int i = 0; ok && i < said->n; i++)
        ok = said->v[i] >= 1 && (!p->shaped || p->dim[i].dim <= 0 || p->dim[i].dim == said->v[i]);
    if (!ok)
        import_wrong(x, 0, "", "--shape does not fit the input '%s', %s is expected", show(x, p->name), wanted_shape(x, p));
    return ok;
}

static bool port_type(Import *x, const MPort *p, Type *t)
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
        import_wrong(x, 0, "", "the input '%s' leaves sizes open: %s gives them", show(x, p->name), wanted_shape(x, p));
    else if (!type_valid(t))
        import_wrong(x, 0, "", "the input '%s' is too large: %s", show(x, p->name), type_text(x->arena, t));
    return !open && type_valid(t);
}

static bool input_kind(Import *x, const MPort *p)
{
    DType d;
    if (!p->tensor)
        import_wrong(x, 0, "", "the input '%s' is no tensor", show(x, p->name));
    else if (!onnx_dtype(p->type, &d) || !dtype_float(d))
        import_wrong(x, 0, "", "the input '%s' is %s: inputs are floats", show(x, p->name), onnx_type_name(p->type));
    else if (!text_is_clean(p->name) || !*p->name)
        import_wrong(x, 0, "", "an input's name, '%s', is not UTF-8 or has control characters", show(x, p->name));
    else
        return true;
    return false;
}

/* Models of IR version 3 list initializers among their inputs. */
static void import_inputs(Import *x, Scope *s)
{
    const MGraph *g = &x->m->graph;
    for (int i = 0; i < g->input.n; i++) {
        const MPort *p = &g->input.v[i];
        int at = map_get(&s->name, p->name);
        Type t = {0};
        if (at >= 0 && (x->val.v[at].k || x->val.v[at].failure >= 0))
            continue;
        bool ok = input_kind(x, p) && port_type(x, p, &t);
        Val *v = import_new(x, s, p->name, 0, "input");
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

static bool name_taken(const Graph *g, const char *name)
{
    for (int i = 0; i < g->input.n; i++)
        if (!strcmp(g->value.v[g->input.v[i]].name, name))
            return true;
    for (int i = 0; i < g->output.n; i++)
        if (!strcmp(g->value.v[g->output.v[i]].name, name))
            return true;
    return false;
}

static void import_output(Import *x, Scope *s, const MPort *p, bool *seen, int *todo, int *ntodo)
{
    int at = map_get(&s->name, p->name);
    NodeCall c = {.x = x, .scope = s, .name = p->name, .loc = loc_file(x->file)};
    if (at < 0) {
        import_wrong(x, 0, "", "no node makes the output '%s'", show(x, p->name));
        return;
    }
    const Val *v = &x->val.v[at];
    if (v->broken) {
        if (!seen[at])
            seen[todo[(*ntodo)++] = at] = true;
        return;
    }
    if (v->k && !dtype_float(v->k->stored))
        refuse(&c, NULL, "it is %s, outputs are floats", dtype_name(v->k->stored));
    ValueId id = c.why ? -1 : v->k ? call_param(&c, v->k, v->k->type.rank, v->k->type.dim) : v->id;
    const char *name = p->name;
    while (name_taken(x->g, name))
        name = arena_printf(x->arena, "%s_out", name);
    if (id < 0)
        PUSH(x->arena, &x->unfit, (Failure){0, arena_printf(x->arena, "output '%s'", show(x, p->name)), c.why, c.help});
    else if (!text_is_clean(name) || !*name)
        import_wrong(x, 0, "", "an output's name, '%s', is not UTF-8 or has control characters", show(x, p->name));
    else
        graph_output(x->g, name, id, loc_file(x->file));
}

/* What keeps the outputs from being computed: the failures that they depend on, in the order of the nodes. */
static void import_outputs(Import *x, Scope *s)
{
    bool *seen = NEW(x->arena, bool, x->val.n + 1), *counts = NEW(x->arena, bool, x->failure.n + 1);
    int *todo = NEW(x->arena, int, x->val.n + 1), ntodo = 0;
    for (int i = 0; i < x->m->graph.output.n; i++)
        import_output(x, s, &x->m->graph.output.v[i], seen, todo, &ntodo);
    while (ntodo) {
        const Val *v = &x->val.v[todo[--ntodo]];
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

/* ---- the whole ---- */

static void put_names(Buf *b, const char *const *name, int n)
{
    for (int i = 0; i < n; i++)
        buf_printf(b, "%s%s", i ? ", " : "", name[i]);
}

/* A line for every node: what errors and dumps point at. */
static void node_lines(Import *x)
{
    Buf b = {0};
    MGraph *g = &x->m->graph;
    for (int i = 0; i < g->node.n; i++) {
        MNode *n = &g->node.v[i];
        size_t from = b.n;
        buf_printf(&b, "%s '%s' (", n->type, n->name);
        put_names(&b, n->in, n->nin);
        buf_puts(&b, ") -> ");
        put_names(&b, n->out, n->nout);
        for (size_t k = from; k < b.n; k++)
            if (b.s[k] == '\n')
                b.s[k] = ' ';
        buf_putc(&b, '\n');
        n->line = i + 1;
        for (int k = 0; k < n->nout; k++)
            map_put(&x->producer, n->out[k], n->line);
    }
    char *text = arena_strndup(x->arena, b.s ? b.s : "", b.n);
    x->file = diag_file(x->m->path, text, b.n);
    buf_free(&b);
}

static bool opset_known(Import *x)
{
    const Model *m = x->m;
    Loc at = loc_file(x->file);
    if (m->opset > NEWEST)
        warn_at(at, "opset %lld is newer than %d, the last one that is known: operators may mean something else",
                (long long)m->opset, NEWEST);
    if (m->opset >= OLDEST)
        return true;
    error_at(at, "it does not say of which opset it is");
    return false;
}

static bool shapes_used(const Import *x)
{
    for (int i = 0; i < x->nshape; i++)
        if (!x->shape_used[i])
            error_at(loc_file(x->file), "--shape: the model has neither an input nor an open dimension '%s'", x->shape[i].name);
    for (int i = 0; i < x->nshape; i++)
        if (!x->shape_used[i])
            return false;
    return true;
}

static bool import_graph(Import *x)
{
    Scope top = {.name = map_new(x->arena), .prefix = "", .opset = x->m->opset};
    int errors = diag_errors();
    if (!opset_known(x))
        return false;
    import_initializers(x, &top, &x->m->graph);
    for (int i = 0; i < x->m->external.n; i++)
        x->budget += 4 * (int64_t)x->m->external.v[i].map.n;
    import_inputs(x, &top);
    if (!shapes_used(x) || diag_errors() > errors)
        return false;
    import_nodes(x, &top, x->m->graph.node.v, x->m->graph.node.n);
    import_outputs(x, &top);
    if (x->wrong.n)
        list(x, x->wrong.v, x->wrong.n, "fault in the model", "faults in the model");
    if (x->failure.n)
        list(x, x->failure.v, x->failure.n, "node cannot be compiled", "nodes cannot be compiled");
    if (!x->g->output.n && diag_errors() == errors)
        error_at(loc_file(x->file), "it has no output");
    return diag_errors() == errors;
}

PassFn pass_dce;

static void drop_unused(Import *x)
{
    Pass p = {.scratch = x->arena};
    pass_dce(&p, x->g);
}

static void fill_inputs(Spec *s)
{
    const Graph *g = s->graph;
    s->ninput = g->input.n;
    s->input = NEW(g->arena, InputSpec, s->ninput + 1);
    for (int i = 0; i < s->ninput; i++) {
        const Value *v = &g->value.v[g->input.v[i]];
        s->input[i] = (InputSpec){.name = v->name, .type = v->type, .std = {1, 1, 1, 1}};
    }
}

Spec *onnx_parse(Arena *A, const char *path, const uint8_t *data, size_t n, const ModelShape *shape, int nshape)
{
    Model *m = NEW(A, Model, 1);
    *m = (Model){.arena = A, .path = path, .loc = loc_file(diag_file(path, NULL, 0))};
    Spec *spec = NEW(A, Spec, 1);
    spec->path = path;
    spec->model = true;
    spec->name = spec_file_name(A, path);
    Import x = {.arena = A, .m = m, .g = graph_new(A, spec->name), .shape = shape, .nshape = nshape,
                .shape_used = NEW(A, bool, nshape + 1), .producer = map_new(A), .param = map_new(A),
                .budget = ((int64_t)64 << 20) + 4 * (int64_t)n};
    bool ok = model_parse(m, (Bytes){data, n});
    if (ok) {
        node_lines(&x);
        ok = import_graph(&x);
    }
    for (int i = 0; i < m->external.n; i++)
        PUSH(A, &spec->mapped, ((struct Mapped){m->external.v[i].map.p, m->external.v[i].map.n}));
    if (!ok) {
        spec_close(spec);
        return NULL;
    }
    drop_unused(&x);
    spec->graph = x.g;
    fill_inputs(spec);
    sha256(data, n, spec->sha256);
    return spec;
}

bool onnx_known(const char *path)
{
    char first[3];
    return text_ends_with(path, ".onnx") || (file_begins(path, first, sizeof first) == 2 && first[0] == 8 && first[1] < 32);
}

Spec *onnx_read(Arena *A, const char *path, const ModelShape *shape, int nshape)
{
    size_t n;
    const uint8_t *p = map_file(path, &n);
    Spec *s = p ? onnx_parse(A, path, p, n, shape, nshape) : NULL;
    if (s)
        PUSH(A, &s->mapped, ((struct Mapped){p, n}));
    else
        unmap_file(p, n);
    return s;
}
