/* The way of a model: its inputs and initializers, its nodes in their order, its outputs; then one message about all
   that cannot be compiled. */
#include "import.h"

#include <string.h>

#include "../../../ir/base/files.h"

enum {
    OLDEST = 1, NEWEST = 21          /* opsets */
};

/* ---- what is wrong ---- */

void import_wrong(OnnxImport *x, int line, const char *what, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    if (x->wrong.n <= FAILURES_LISTED)
        PUSH(x->arena, &x->wrong, (Failure){line, what, arena_vprintf(x->arena, fmt, ap), NULL});
    va_end(ap);
}

const char *import_show(const OnnxImport *x, const char *name)
{
    enum { MOST = 80 };
    return strlen(name) > MOST ? arena_printf(x->arena, "%.*s...", MOST, name) : name;
}

static const char *onnx_title(const OnnxImport *x, const Scope *s, const MNode *n)
{
    const char *name = *n->name ? n->name : n->nout ? n->out[0] : "";
    return arena_printf(x->arena, "%s%s", s->prefix, import_show(x, name));
}

/* ---- names ---- */

int import_find(const Scope *s, const char *name)
{
    int at = -1;
    for (; s && at == -1; s = s->up)
        at = dict_get(&s->name, name);
    return at;
}

OnnxValue *import_new(OnnxImport *x, Scope *s, const char *name, int line, const char *what)
{
    if (dict_get(&s->name, name) >= 0) {
        import_wrong(x, line, what, "a tensor '%s' is there already", import_show(x, name));
        return NULL;
    }
    dict_put(&s->name, name, x->val.n);
    PUSH(x->arena, &x->val, (OnnxValue){.name = name, .id = -1, .failure = -1});
    return &x->val.v[x->val.n - 1];
}

/* ---- nodes ---- */

void import_fail(OnnxImport *x, OnnxValue *v, Failure f)
{
    v->broken = true;
    if (f.why) {
        v->failure = x->failure.n;
        PUSH(x->arena, &x->failure, f);
    }
}

static const char *full_title(const NodeCall *c)
{
    return arena_printf(c->x->arena, "node '%s' (%s, opset %lld)", onnx_title(c->x, c->scope, c->n),
                        import_show(c->x, c->n->type), (long long)c->opset);
}

/* Enters the node's results; without a reason they are broken because an operand is. */
static void enter_results(NodeCall *c, const Made *made, bool ok)
{
    OnnxImport *x = c->x;
    int line = c->make.loc.line, failure = -1;
    for (int i = 0; i < c->n->nout; i++) {
        OnnxValue *v = *c->n->out[i] ? import_new(x, c->scope, c->n->out[i], line, c->make.name) : NULL;
        if (!v)
            continue;
        v->made = made;
        v->k = c->given_k[i];
        v->id = c->given[i];
        v->kind = c->kind[i];
        if (v->k || v->id >= 0)
            continue;
        if (ok && !c->make.why)
            call_refuse(c, NULL, "%s", c->rest ? c->rest : "it has a result that is not computed here");
        if (failure < 0)
            import_fail(x, v, (Failure){line, c->make.why ? full_title(c) : "", c->make.why, c->make.help});
        else
            v->broken = true, v->failure = failure;
        failure = v->failure;
    }
}

static const char *unknown(const NodeCall *c)
{
    const OnnxRow *later = row_find(c->n->type, NEWEST + 1);
    return later ? arena_printf(c->x->arena, "ONNX has it since opset %d", later->since)
                 : "dsqc does not know the operator";
}

/* Is there a row for it? Nodes whose operands are broken are asked, too: one message lists all there is to list. */
static bool find_row(NodeCall *c)
{
    if (*c->n->domain)
        return call_refuse(c, "export with ONNX's own operators", "operators of the domain '%s' are not known",
                           import_show(c->x, c->n->domain));
    c->row = row_find(c->n->type, c->opset);
    if (!c->row)
        return call_refuse(c, NULL, "%s", unknown(c));
    return c->row->fn || call_refuse(c, c->row->help, "%s", c->row->why);
}

static bool translate_node(NodeCall *c, bool whole)
{
    const MFunction *fn = find_function(c->x->m, c->n);
    if (fn)
        return whole && import_function(c, fn);
    if (!whole && (c->because >= 0 || evaluate_alone(c)))
        return false;
    if (!find_row(c) || !whole)
        return false;
    if (!call_has(c, 0))
        return call_refuse(c, NULL, "its first operand is missing");
    return kinds_fit(c) && c->row->fn(c);
}

NodeMaker import_maker(OnnxImport *x, const char *name, Loc loc)
{
    return (NodeMaker){.g = x->g, .name = name, .loc = loc, .made = &x->work, .most = IMPORT_WORK};
}

/* The operands; false where one is broken. *undefined: no earlier node makes one. */
static bool find_operands(NodeCall *c, int *in, bool *undefined)
{
    OnnxImport *x = c->x;
    bool whole = true;
    for (int i = 0; i < c->n->nin; i++) {
        const char *name = c->n->in[i];
        in[i] = *name ? import_find(c->scope, name) : -1;
        if (in[i] >= 0)
            whole = whole && !x->val.v[in[i]].broken;
        if (!*name || in[i] != -1)
            continue;
        int later = dict_get(&x->producer, name);
        import_wrong(x, c->n->line, arena_printf(x->arena, "node '%s' (%s)", onnx_title(x, c->scope, c->n), c->n->type),
                     later >= 0 ? "its operand '%s' is made by a node behind it, or from its own result"
                                : "its operand '%s' is neither an input nor an initializer, and no node makes it",
                     import_show(x, name));
        *undefined = true;
    }
    return whole && !*undefined;
}

/* Of the nodes that are made; what is longer than a name may be in a spec is cut. */
static const char *node_name(const OnnxImport *x, const Scope *s, const char *name)
{
    const char *text = arena_printf(x->arena, "%s%.160s", s->prefix, name);
    return text_is_clean(text) ? text : "node";
}

static void import_node(OnnxImport *x, Scope *s, const MNode *n)
{
    Made *made = NEW(x->arena, Made, 1);
    int *in = NEW(x->arena, int, n->nin + 1), line = s->line ? s->line : n->line;
    bool undefined = false;
    const char *name = *n->name ? n->name : n->nout ? n->out[0] : n->type;
    NodeCall c = {.x = x, .n = n, .scope = s, .opset = s->opset,
              .make = import_maker(x, node_name(x, s, name), (Loc){x->file, line, 1, (int)strlen(n->type)}),
              .nin = n->nin, .because = -1,
              .in = in, .given_k = NEW(x->arena, const Tensor *, n->nout + 1),
              .given = NEW(x->arena, ValueId, n->nout + 1), .kind = NEW(x->arena, DType, n->nout + 1)};
    for (int i = 0; i < n->nout; i++)
        c.given[i] = -1, c.kind[i] = (DType)-1;
    bool whole = find_operands(&c, in, &undefined);
    *made = (Made){n, n->nin, in};
    if (++x->work > IMPORT_WORK)
        call_refuse(&c, NULL, "the model has more than %d nodes, those of its functions counted each time",
                    IMPORT_WORK);
    bool ok = !c.make.why && !undefined &&
              (recognize(&c) || (whole && evaluate(&c)) || (!c.make.why && translate_node(&c, whole)));
    if (undefined)
        c.make.why = NULL;
    if (!ok && c.because >= 0) {
        in[0] = c.because;
        made->nin = 1;
    }
    if (!ok)
        for (int i = 0; i < n->nout; i++)
            c.given[i] = -1, c.given_k[i] = NULL;
    kinds_give(&c);
    enter_results(&c, made, ok);
}

void import_nodes(OnnxImport *x, Scope *s, const MNode *n, int count)
{
    for (int i = 0; i < count && x->work <= 2 * IMPORT_WORK; i++)
        import_node(x, s, &n[i]);
}

/* ---- the whole ---- */

static void put_names(Buf *b, const char *const *name, int n)
{
    for (int i = 0; i < n; i++)
        buf_printf(b, "%s%s", i ? ", " : "", name[i]);
}

/* A line for every node: what errors and dumps point at. */
static void node_lines(OnnxImport *x)
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
            dict_put(&x->producer, n->out[k], n->line);
    }
    char *text = arena_strndup(x->arena, b.s ? b.s : "", b.n);
    x->file = diag_file(x->m->path, text, b.n);
    buf_free(&b);
}

static bool opset_known(OnnxImport *x)
{
    const OnnxModel *m = x->m;
    Loc at = loc_file(x->file);
    if (m->opset > NEWEST)
        warn_at(at, "opset %lld is newer than %d, the last one that is known: operators may mean something else",
                (long long)m->opset, NEWEST);
    if (m->opset >= OLDEST)
        return true;
    error_at(at, "it does not say of which opset it is");
    return false;
}

static bool shapes_used(const OnnxImport *x)
{
    for (int i = 0; i < x->nshape; i++)
        if (!x->shape_used[i])
            error_at(loc_file(x->file), "--shape: the model has neither an input nor an open dimension '%s'",
                     x->shape[i].name);
    for (int i = 0; i < x->nshape; i++)
        if (!x->shape_used[i])
            return false;
    return true;
}

static bool import_graph(OnnxImport *x)
{
    Scope top = {.name = dict_new(x->arena), .prefix = "", .opset = x->m->opset};
    int errors = diag_errors();
    if (!opset_known(x))
        return false;
    import_initializers(x, &top, &x->m->graph);
    for (int i = 0; i < x->m->external.n; i++)
        x->budget += 4 * (int64_t)x->m->external.v[i].map.n, x->steps += 32 * (int64_t)x->m->external.v[i].map.n;
    import_inputs(x, &top);
    if (!shapes_used(x) || diag_errors() > errors)
        return false;
    import_nodes(x, &top, x->m->graph.node.v, x->m->graph.node.n);
    import_outputs(x, &top);
    if (x->wrong.n)
        list_failures(x->file, x->wrong.v, x->wrong.n, "fault in the model", "faults in the model");
    if (x->failure.n)
        list_failures(x->file, x->failure.v, x->failure.n, "node cannot be compiled", "nodes cannot be compiled");
    if (!x->g->output.n && diag_errors() == errors)
        error_at(loc_file(x->file), "it has no output");
    return diag_errors() == errors;
}

Spec *onnx_parse(Arena *A, const char *path, const uint8_t *data, size_t n, const ModelShape *shape, int nshape)
{
    OnnxModel *m = NEW(A, OnnxModel, 1);
    *m = (OnnxModel){.arena = A, .path = path, .loc = loc_file(diag_file(path, NULL, 0))};
    Spec *spec = NEW(A, Spec, 1);
    spec->path = path;
    spec->model = true;
    spec->name = spec_file_name(A, path);
    OnnxImport x = {.arena = A, .m = m, .g = graph_new(A, spec->name), .shape = shape, .nshape = nshape,
                    .shape_used = NEW(A, bool, nshape + 1), .producer = dict_new(A), .param = dict_new(A),
                    .port = dict_new(A), .finite = dict_new(A), .steps = ((int64_t)1 << 25) + 32 * (int64_t)n,
                    .budget = ((int64_t)64 << 20) + 4 * (int64_t)n};
    bool ok = model_parse(m, (WireBytes){data, n});
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
    spec_of_graph(spec, x.g);
    sha256(data, n, spec->sha256);
    return spec;
}

bool onnx_known(const char *path)
{
    char first[3];
    return text_ends_with(path, ".onnx") ||
           (file_begins(path, first, sizeof first) >= 2 && first[0] == 8 && first[1] < 32);
}
