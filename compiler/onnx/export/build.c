/* Names, initializers, nodes and attributes of an ONNX model, in the structs that protobuf-c makes of onnx.proto. */
#include "build.h"

#include <stdio.h>
#include <string.h>

#include "../../io/io.h"

static char *text(Onnx *x, const char *s)
{
    return arena_strndup(x->arena, s, strlen(s));
}

/* ---- names: ONNX has one space of them for all tensors ---- */

/* wanted, or wanted_2, wanted_3 ...; taken: per name the last number that was given behind it. */
static const char *fresh_among(Onnx *x, Dict *taken, const char *wanted)
{
    const char *name = wanted;
    int last = (int)imax(1, dict_get(taken, wanted));
    while (dict_get(taken, name) >= 0)
        name = arena_printf(x->arena, "%s_%d", wanted, ++last);
    dict_put(taken, wanted, last);
    dict_put(taken, name, 1);
    return name;
}

static const char *fresh(Onnx *x, const char *wanted)
{
    return fresh_among(x, &x->taken, wanted);
}

/* A layer that is used twice has one name, but runtimes take no two nodes of one. */
static void name_nodes_apart(Onnx *x)
{
    Dict taken = dict_new(x->arena);
    for (int i = 0; i < x->node.n; i++)
        x->node.v[i]->name = text(x, fresh_among(x, &taken, x->node.v[i]->name));
}

/* The layer's name, where the spec has one. */
static const char *plain_name(Onnx *x, const Value *v)
{
    const Node *n = &x->g->node.v[v->node];
    const char *name = n->name ? n->name : arena_printf(x->arena, "%s_%d", op_info[n->op].name, v->node);
    return n->nout > 1 ? arena_printf(x->arena, "%s.%d", name, v->out) : name;
}

/* ---- initializers ---- */

static Onnx__TensorProto *tensor(Onnx *x, const char *name, int type, const void *data, size_t bytes)
{
    Onnx__TensorProto *t = NEW(x->arena, Onnx__TensorProto, 1);
    onnx__tensor_proto__init(t);
    t->name = text(x, name);
    t->has_data_type = true;
    t->data_type = type;
    t->has_raw_data = true;
    t->raw_data.len = bytes;
    memcpy(&t->raw_data.data, &data, sizeof data); /* protobuf-c does not say const, but only reads */
    return t;
}

static void set_dims(Onnx *x, Onnx__TensorProto *t, const int64_t *dim, int rank)
{
    t->n_dims = (size_t)rank;
    t->dims = NEW(x->arena, int64_t, rank);
    memcpy(t->dims, dim, (size_t)rank * sizeof *dim);
}

static const char *add_initializer(Onnx *x, const char *key, Onnx__TensorProto *t)
{
    dict_put(&x->made, key, x->initializer.n);
    PUSH(x->arena, &x->initializer, t);
    return t->name;
}

/* The weight with so many dimensions of size 1 behind its own; the first use of a weight has its name. */
static const char *weight(Onnx *x, ValueId id, int ones)
{
    const char *key = arena_printf(x->arena, "weight %d, %d", id, ones);
    int at = dict_get(&x->made, key);
    if (at >= 0)
        return x->initializer.v[at]->name;
    const Value *v = &x->g->value.v[id];
    int64_t dim[MAX_RANK * 2];
    memcpy(dim, v->type.dim, sizeof v->type.dim);
    for (int i = 0; i < ones; i++)
        dim[v->type.rank + i] = 1;
    const char *name = x->value[id] ? fresh(x, v->name) : v->name;
    x->value[id] = name;
    Onnx__TensorProto *t = tensor(x, name, ONNX__TENSOR_PROTO__DATA_TYPE__FLOAT, tensor_f32(x->arena, v->tensor),
                                  (size_t)type_elems(&v->type) * sizeof(float));
    set_dims(x, t, dim, v->type.rank + ones);
    return add_initializer(x, key, t);
}

const char *onnx_value(Onnx *x, ValueId id)
{
    const Value *v = &x->g->value.v[id];
    if (v->kind == VAL_CONST)
        return weight(x, id, 0);
    if (!x->value[id])
        x->value[id] = fresh(x, plain_name(x, v));
    return x->value[id];
}

const char *onnx_param(Onnx *x, ValueId id, int axis, int rank)
{
    const Value *v = &x->g->value.v[id];
    int ones = rank - axis - 1;
    if (v->kind == VAL_CONST)
        return weight(x, id, ones);
    int64_t dim[MAX_RANK] = {v->type.dim[0]};
    for (int i = 1; i <= ones; i++)
        dim[i] = 1;
    return onnx_node(x, "Reshape", NULL,
                     (const char *[]){onnx_value(x, id), onnx_ints(x, dim, ones + 1), NULL})->output[0];
}

static const char *numbers(Onnx *x, const double *v, int n, bool scalar)
{
    Buf key = {0};
    buf_puts(&key, "f32");
    float *data = NEW(x->arena, float, n);
    for (int i = 0; i < n; i++) {
        char digits[32];
        data[i] = (float)v[i];
        snprintf(digits, sizeof digits, "%.9g", (double)data[i]);
        buf_printf(&key, "%c%s", i || scalar ? '_' : '[', digits);
    }
    const char *name = arena_printf(x->arena, "%s%s", key.s, scalar ? "" : "]");
    buf_free(&key);
    int at = dict_get(&x->made, name);
    if (at >= 0)
        return x->initializer.v[at]->name;
    Onnx__TensorProto *t = tensor(x, fresh(x, name), ONNX__TENSOR_PROTO__DATA_TYPE__FLOAT, data,
                                  (size_t)n * sizeof *data);
    set_dims(x, t, (int64_t[]){n}, scalar ? 0 : 1);
    return add_initializer(x, name, t);
}

const char *onnx_scalar(Onnx *x, double v)
{
    return numbers(x, &v, 1, true);
}

const char *onnx_floats(Onnx *x, const double *v, int n)
{
    return numbers(x, v, n, false);
}

const char *onnx_ints(Onnx *x, const int64_t *v, int n)
{
    Buf key = {0};
    buf_puts(&key, "i64[");
    for (int i = 0; i < n; i++)
        buf_printf(&key, "%s%lld", i ? "," : "", (long long)v[i]);
    const char *name = arena_printf(x->arena, "%s]", key.s);
    buf_free(&key);
    int at = dict_get(&x->made, name);
    if (at >= 0)
        return x->initializer.v[at]->name;
    int64_t *data = NEW(x->arena, int64_t, n);
    memcpy(data, v, (size_t)n * sizeof *v);
    Onnx__TensorProto *t = tensor(x, fresh(x, name), ONNX__TENSOR_PROTO__DATA_TYPE__INT64, data,
                                  (size_t)n * sizeof *data);
    set_dims(x, t, (int64_t[]){n}, 1);
    return add_initializer(x, name, t);
}

const char *onnx_tensor(Onnx *x, const char *name, const float *data, int rank, const int64_t *dim)
{
    const char *key = arena_printf(x->arena, "tensor %s", name);
    int at = dict_get(&x->made, key);
    if (at >= 0)
        return x->initializer.v[at]->name;
    Type type = type_make(DT_F32, rank, dim);
    Onnx__TensorProto *t = tensor(x, fresh(x, name), ONNX__TENSOR_PROTO__DATA_TYPE__FLOAT, data,
                                  (size_t)type_elems(&type) * sizeof *data);
    set_dims(x, t, dim, rank);
    return add_initializer(x, key, t);
}

const char *onnx_name(Onnx *x, const char *wanted) { return fresh(x, wanted); }

/* ---- nodes ---- */

static char **list(Onnx *x, const char *const *names, size_t *n)
{
    for (*n = 0; names[*n]; ++*n)
        continue;
    char **copy = NEW(x->arena, char *, *n);
    for (size_t i = 0; i < *n; i++)
        copy[i] = text(x, names[i]);
    return copy;
}

OnnxNode *onnx_node(Onnx *x, const char *type, const char *const *out, const char *const *in)
{
    OnnxNode *n = NEW(x->arena, OnnxNode, 1);
    onnx__node_proto__init(n);
    const char *own[] = {out ? NULL : fresh(x, arena_printf(x->arena, "%s.%s", in[0], type)), NULL};
    n->op_type = text(x, type);
    n->input = list(x, in, &n->n_input);
    n->output = list(x, out ? out : own, &n->n_output);
    n->name = n->output[0];
    PUSH(x->arena, &x->node, n);
    return n;
}

static Onnx__AttributeProto *attribute(Onnx *x, OnnxNode *n, const char *name, Onnx__AttributeProto__AttributeType type)
{
    Onnx__AttributeProto *a = NEW(x->arena, Onnx__AttributeProto, 1);
    onnx__attribute_proto__init(a);
    a->name = text(x, name);
    a->has_type = true;
    a->type = type;
    Onnx__AttributeProto **grown = NEW(x->arena, Onnx__AttributeProto *, n->n_attribute + 1);
    for (size_t i = 0; i < n->n_attribute; i++)
        grown[i] = n->attribute[i];
    grown[n->n_attribute++] = a;
    n->attribute = grown;
    return a;
}

void onnx_int(Onnx *x, OnnxNode *n, const char *name, int64_t v)
{
    Onnx__AttributeProto *a = attribute(x, n, name, ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__INT);
    a->has_i = true;
    a->i = v;
}

void onnx_float(Onnx *x, OnnxNode *n, const char *name, double v)
{
    Onnx__AttributeProto *a = attribute(x, n, name, ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__FLOAT);
    a->has_f = true;
    a->f = (float)v;
}

void onnx_list(Onnx *x, OnnxNode *n, const char *name, const int64_t *v, int count)
{
    Onnx__AttributeProto *a = attribute(x, n, name, ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__INTS);
    a->n_ints = (size_t)count;
    a->ints = NEW(x->arena, int64_t, count);
    memcpy(a->ints, v, (size_t)count * sizeof *v);
}

void onnx_text(Onnx *x, OnnxNode *n, const char *name, const char *v)
{
    Onnx__AttributeProto *a = attribute(x, n, name, ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__STRING);
    a->has_s = true;
    a->s.len = strlen(v);
    a->s.data = (uint8_t *)text(x, v);
}

void onnx_texts(Onnx *x, OnnxNode *n, const char *name, const char *v)
{
    Onnx__AttributeProto *a = attribute(x, n, name, ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__STRINGS);
    a->n_strings = 1;
    a->strings = NEW(x->arena, ProtobufCBinaryData, 1);
    a->strings[0] = (ProtobufCBinaryData){strlen(v), (uint8_t *)text(x, v)};
}

/* ---- inputs and outputs ---- */

static Onnx__ValueInfoProto *port(Onnx *x, const char *name, const Type *type)
{
    Arena *A = x->arena;
    Onnx__ValueInfoProto *p = NEW(A, Onnx__ValueInfoProto, 1);
    onnx__value_info_proto__init(p);
    p->name = text(x, name);
    p->type = NEW(A, Onnx__TypeProto, 1);
    onnx__type_proto__init(p->type);
    Onnx__TypeProto__Tensor *t = NEW(A, Onnx__TypeProto__Tensor, 1);
    onnx__type_proto__tensor__init(t);
    p->type->value_case = ONNX__TYPE_PROTO__VALUE_TENSOR_TYPE;
    p->type->tensor_type = t;
    t->has_elem_type = true;
    t->elem_type = ONNX__TENSOR_PROTO__DATA_TYPE__FLOAT;
    t->shape = NEW(A, Onnx__TensorShapeProto, 1);
    onnx__tensor_shape_proto__init(t->shape);
    t->shape->n_dim = (size_t)type->rank;
    t->shape->dim = NEW(A, Onnx__TensorShapeProto__Dimension *, type->rank);
    for (int d = 0; d < type->rank; d++) {
        Onnx__TensorShapeProto__Dimension *dim = t->shape->dim[d] = NEW(A, Onnx__TensorShapeProto__Dimension, 1);
        onnx__tensor_shape_proto__dimension__init(dim);
        dim->value_case = ONNX__TENSOR_SHAPE_PROTO__DIMENSION__VALUE_DIM_VALUE;
        dim->dim_value = type->dim[d];
    }
    return p;
}

/* Inputs and outputs keep their names whatever else is called so, then weights. */
static void take_names(Onnx *x)
{
    const Graph *g = x->g;
    for (int i = 0; i < g->input.n; i++)
        x->value[g->input.v[i]] = fresh(x, g->value.v[g->input.v[i]].name);
    for (int i = 0; i < g->output.n; i++)
        x->value[g->output.v[i]] = fresh(x, g->value.v[g->output.v[i]].name);
    for (int i = 0; i < g->value.n; i++)
        if (g->value.v[i].kind == VAL_CONST)
            dict_put(&x->taken, g->value.v[i].name, 0);
}

static void add_graph(Onnx *x)
{
    const Graph *g = x->g;
    take_names(x);
    for (int i = 0; i < g->input.n; i++)
        PUSH(x->arena, &x->input, port(x, x->value[g->input.v[i]], &g->value.v[g->input.v[i]].type));
    for (int i = 0; i < g->node.n; i++)
        if (g->node.v[i].op != OP_NONE)
            onnx_export_node(x, &g->node.v[i]);
    name_nodes_apart(x);
    for (int i = 0; i < g->output.n; i++)
        PUSH(x->arena, &x->output, port(x, onnx_value(x, g->output.v[i]), &g->value.v[g->output.v[i]].type));
}

/* ---- the file ---- */

typedef struct Stream { ProtobufCBuffer base; OutFile *file; } Stream;

static void append(ProtobufCBuffer *b, size_t n, const uint8_t *data)
{
    out_write(((Stream *)b)->file, data, n);
}

static bool write_model(const ProtobufCMessage *m, const char *path, int64_t bytes)
{
    if (bytes > INT32_MAX) {
        error_at(loc_file(diag_file(path, NULL, 0)),
                 "the model has %lld bytes; a file in protobuf's format has at most 2147483647", (long long)bytes);
        return false;
    }
    Stream s = {{append}, out_open(path)};
    if (!s.file)
        return false;
    protobuf_c_message_pack_to_buffer(m, &s.base);
    return out_commit(s.file);
}

bool onnx_write(Arena *A, const Graph *g, const char *path, OnnxSize *size)
{
    Onnx x = {.arena = A, .g = g, .taken = dict_new(A), .made = dict_new(A), .value = NEW(A, const char *, g->value.n)};
    add_graph(&x);
    Onnx__GraphProto graph = ONNX__GRAPH_PROTO__INIT;
    graph.name = text(&x, g->name);
    graph.n_node = (size_t)x.node.n;
    graph.node = x.node.v;
    graph.n_initializer = (size_t)x.initializer.n;
    graph.initializer = x.initializer.v;
    graph.n_input = (size_t)x.input.n;
    graph.input = x.input.v;
    graph.n_output = (size_t)x.output.n;
    graph.output = x.output.v;
    Onnx__OperatorSetIdProto opset = ONNX__OPERATOR_SET_ID_PROTO__INIT, *opsets[] = {&opset};
    opset.domain = text(&x, "");
    opset.has_version = true;
    opset.version = ONNX_OPSET;
    Onnx__ModelProto model = ONNX__MODEL_PROTO__INIT;
    model.has_ir_version = true;
    model.ir_version = ONNX_IR;
    model.n_opset_import = 1;
    model.opset_import = opsets;
    model.producer_name = text(&x, "dsqc");
    model.producer_version = text(&x, DSQ_VERSION);
    model.graph = &graph;
    *size = (OnnxSize){x.node.n, (int64_t)protobuf_c_message_get_packed_size(&model.base)};
    return write_model(&model.base, path, size->bytes);
}
