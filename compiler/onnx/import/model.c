/* onnx.proto's ModelProto, GraphProto, NodeProto, ValueInfoProto and FunctionProto. The numbers of their fields stand
   where they are read. */
#include "model.h"

#include <string.h>

static bool model_bad(const OnnxModel *m, const char *fmt, ...) PRINTF(2, 3);
static bool model_bad(const OnnxModel *m, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    error_at(m->loc, "%s", arena_vprintf(m->arena, fmt, ap));
    va_end(ap);
    return false;
}

/* Whether a message was walked to its end. */
static bool walked(const OnnxModel *m, const Wire *w, const char *what)
{
    return !w->bad || model_bad(m, "this is no ONNX model, or a part of one: in %s %s", what, w->bad);
}

const char *model_text(OnnxModel *m, WireBytes b, const char *what)
{
    if (b.n && memchr(b.p, 0, b.n)) {
        model_bad(m, "%s has a byte of 0 in it", what);
        return NULL;
    }
    return b.n ? arena_strndup(m->arena, (const char *)b.p, b.n) : "";
}

static bool is_text(const WireField *f, int number)
{
    return f->number == number && f->kind == WIRE_BYTES;
}

static bool is_varint(const WireField *f, int number)
{
    return f->number == number && f->kind == WIRE_VARINT;
}

/* ---- element types ---- */

static const struct { const char *name; int dtype; } types[] = {
    [ONNX_NONE] = {"undefined", -1}, [ONNX_FLOAT] = {"float", DT_F32}, [ONNX_UINT8] = {"uint8", DT_U8},
    [ONNX_INT8] = {"int8", DT_I8}, [ONNX_UINT16] = {"uint16", DT_U16}, [ONNX_INT16] = {"int16", DT_I16},
    [ONNX_INT32] = {"int32", DT_I32}, [ONNX_INT64] = {"int64", DT_I64}, [ONNX_STRING] = {"string", -1},
    [ONNX_BOOL] = {"bool", DT_BOOL}, [ONNX_FLOAT16] = {"float16", DT_F16}, [ONNX_DOUBLE] = {"double", DT_F64},
    [ONNX_UINT32] = {"uint32", DT_U32}, [ONNX_UINT64] = {"uint64", DT_U64}, [ONNX_COMPLEX64] = {"complex64", -1},
    [ONNX_COMPLEX128] = {"complex128", -1}, [ONNX_BFLOAT16] = {"bfloat16", DT_BF16},
};

bool onnx_dtype(int64_t type, DType *d)
{
    if (type < 0 || type >= LEN(types) || types[type].dtype < 0)
        return false;
    *d = (DType)types[type].dtype;
    return true;
}

const char *onnx_type_name(int64_t type)
{
    return type < 0 || type >= LEN(types) ? "of unknown type" : types[type].name;
}

/* ---- nodes ---- */

typedef VEC(const char *) Names;

static bool add_name(OnnxModel *m, Names *v, WireBytes b)
{
    const char *name = model_text(m, b, "a name");
    if (!name)
        return false;
    if (++m->names > MODEL_NAMES)
        return model_bad(m, "its nodes have more than %d operands and results", MODEL_NAMES);
    PUSH(m->arena, v, name);
    return true;
}

static bool read_attr(OnnxModel *m, WireBytes msg, MAttr *a)
{
    Wire w = wire_open(msg);
    *a = (MAttr){"", msg};
    for (WireField f; wire_next(&w, &f);)
        if (is_text(&f, 1) && !(a->name = model_text(m, f.bytes, "an attribute's name")))
            return false;
    return walked(m, &w, "an attribute");
}

static bool read_node(OnnxModel *m, WireBytes msg, MNode *n)
{
    Wire w = wire_open(msg);
    Names in = {0}, out = {0};
    VEC(MAttr) attr = {0};
    *n = (MNode){.name = "", .type = "", .domain = ""};
    for (WireField f; wire_next(&w, &f);) {
        MAttr a;
        bool ok = true;
        if (is_text(&f, 1))
            ok = add_name(m, &in, f.bytes);
        else if (is_text(&f, 2))
            ok = add_name(m, &out, f.bytes);
        else if (is_text(&f, 3))
            ok = (n->name = model_text(m, f.bytes, "a node's name"));
        else if (is_text(&f, 4))
            ok = (n->type = model_text(m, f.bytes, "an operator's name"));
        else if (is_text(&f, 7))
            ok = (n->domain = model_text(m, f.bytes, "a domain's name"));
        else if (is_text(&f, 5) && (ok = read_attr(m, f.bytes, &a)))
            PUSH(m->arena, &attr, a);
        if (!ok || attr.n > MODEL_NODES)
            return ok ? model_bad(m, "a node has more than %d attributes", MODEL_NODES) : false;
    }
    n->in = in.v, n->nin = in.n, n->out = out.v, n->nout = out.n, n->attr = attr.v, n->nattr = attr.n;
    if (!strcmp(n->domain, "ai.onnx"))
        n->domain = "";
    if (++m->nodes > MODEL_NODES)
        return model_bad(m, "it has more than %d nodes", MODEL_NODES);
    return walked(m, &w, "a node");
}

/* ---- inputs and outputs ---- */

static bool read_dim(OnnxModel *m, WireBytes msg, MDim *d)
{
    Wire w = wire_open(msg);
    *d = (MDim){-1, NULL};
    for (WireField f; wire_next(&w, &f);) {
        if (is_varint(&f, 1))
            *d = (MDim){(int64_t)f.value, NULL};
        else if (is_text(&f, 2) && !(d->symbol = model_text(m, f.bytes, "a dimension's name")))
            return false;
    }
    return walked(m, &w, "a dimension");
}

static bool read_port_shape(OnnxModel *m, WireBytes msg, MPort *p)
{
    Wire w = wire_open(msg);
    p->shaped = true;
    for (WireField f; wire_next(&w, &f);) {
        if (!is_text(&f, 1))
            continue;
        if (p->rank == MAX_RANK)
            return model_bad(m, "'%s' has more than %d dimensions", p->name, MAX_RANK);
        if (!read_dim(m, f.bytes, &p->dim[p->rank++]))
            return false;
    }
    return walked(m, &w, "a shape");
}

static bool read_tensor_type(OnnxModel *m, WireBytes msg, MPort *p)
{
    Wire w = wire_open(msg);
    p->tensor = true;
    for (WireField f; wire_next(&w, &f);) {
        if (is_varint(&f, 1))
            p->type = (int64_t)f.value;
        else if (is_text(&f, 2) && !read_port_shape(m, f.bytes, p))
            return false;
    }
    return walked(m, &w, "a type");
}

static bool read_type(OnnxModel *m, WireBytes msg, MPort *p)
{
    Wire w = wire_open(msg);
    for (WireField f; wire_next(&w, &f);)
        if (is_text(&f, 1) && !read_tensor_type(m, f.bytes, p))
            return false;
    return walked(m, &w, "a type");
}

static bool read_port(OnnxModel *m, WireBytes msg, MPort *p)
{
    Wire w = wire_open(msg);
    WireBytes type = {0};
    *p = (MPort){.name = ""};
    for (WireField f; wire_next(&w, &f);) {
        if (is_text(&f, 1) && !(p->name = model_text(m, f.bytes, "a name")))
            return false;
        if (is_text(&f, 2))
            type = f.bytes;
    }
    return walked(m, &w, "an input or output") && read_type(m, type, p);
}

/* ---- graphs ---- */

static bool graph_field(OnnxModel *m, const WireField *f, MGraph *g)
{
    MNode n;
    MPort p;
    switch (f->number) {
    case 1:
        if (!read_node(m, f->bytes, &n))
            return false;
        PUSH(m->arena, &g->node, n);
        return true;
    case 2: return (g->name = model_text(m, f->bytes, "the graph's name"));
    case 5: PUSH(m->arena, &g->tensor, f->bytes); break;
    case 11:
    case 12:
        if (!read_port(m, f->bytes, &p))
            return false;
        if (f->number == 11)
            PUSH(m->arena, &g->input, p);
        else
            PUSH(m->arena, &g->output, p);
        break;
    case 15: g->sparse = true; break;
    }
    int most = (int)imax(g->tensor.n, imax(g->input.n, g->output.n));
    return most <= MODEL_NODES || model_bad(m, "it has more than %d initializers, inputs or outputs", MODEL_NODES);
}

bool model_graph(OnnxModel *m, WireBytes msg, MGraph *g)
{
    Wire w = wire_open(msg);
    *g = (MGraph){.name = ""};
    for (WireField f; wire_next(&w, &f);)
        if (f.kind == WIRE_BYTES && !graph_field(m, &f, g))
            return false;
    return walked(m, &w, "a graph");
}

/* domain "": ai.onnx. version: of that domain only. */
static bool read_opset(OnnxModel *m, WireBytes msg, int64_t *version)
{
    Wire w = wire_open(msg);
    const char *domain = "";
    int64_t v = 0;
    for (WireField f; wire_next(&w, &f);) {
        if (is_text(&f, 1) && !(domain = model_text(m, f.bytes, "a domain's name")))
            return false;
        if (is_varint(&f, 2))
            v = (int64_t)f.value;
    }
    if (!*domain || !strcmp(domain, "ai.onnx"))
        *version = v;
    return walked(m, &w, "an opset");
}

static bool read_function(OnnxModel *m, WireBytes msg, MFunction *fn)
{
    Wire w = wire_open(msg);
    Names in = {0}, out = {0};
    *fn = (MFunction){.name = "", .domain = ""};
    for (WireField f; wire_next(&w, &f);) {
        MNode n;
        bool ok = true;
        if (is_text(&f, 1))
            ok = (fn->name = model_text(m, f.bytes, "a function's name"));
        else if (is_text(&f, 4))
            ok = add_name(m, &in, f.bytes);
        else if (is_text(&f, 5))
            ok = add_name(m, &out, f.bytes);
        else if (is_text(&f, 9))
            ok = read_opset(m, f.bytes, &fn->opset);
        else if (is_text(&f, 10))
            ok = (fn->domain = model_text(m, f.bytes, "a domain's name"));
        else if (is_text(&f, 7) && (ok = read_node(m, f.bytes, &n)))
            PUSH(m->arena, &fn->node, n);
        if (!ok)
            return false;
    }
    fn->in = in.v, fn->nin = in.n, fn->out = out.v, fn->nout = out.n;
    if (!strcmp(fn->domain, "ai.onnx"))
        fn->domain = "";
    return walked(m, &w, "a function");
}

bool model_parse(OnnxModel *m, WireBytes file)
{
    Wire w = wire_open(file);
    WireBytes graph = {0};
    m->producer = "";
    m->function_at = dict_new(m->arena);
    for (WireField f; wire_next(&w, &f);) {
        MFunction fn;
        if (is_varint(&f, 1))
            m->ir_version = (int64_t)f.value;
        if (is_text(&f, 2) && !(m->producer = model_text(m, f.bytes, "the producer's name")))
            return false;
        if (is_text(&f, 7))
            graph = f.bytes;
        if (is_text(&f, 8) && !read_opset(m, f.bytes, &m->opset))
            return false;
        if (is_text(&f, 25)) {
            if (!read_function(m, f.bytes, &fn))
                return false;
            if (m->function.n == MODEL_NODES)
                return model_bad(m, "it has more than %d functions", MODEL_NODES);
            dict_put(&m->function_at, arena_printf(m->arena, "%s:%s", fn.domain, fn.name), m->function.n);
            PUSH(m->arena, &m->function, fn);
        }
    }
    if (!walked(m, &w, "the model"))
        return false;
    return graph.p ? model_graph(m, graph, &m->graph) : model_bad(m, "this is no ONNX model: it has no graph");
}
