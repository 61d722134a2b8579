/* Model, SubGraph, Tensor, Buffer and Operator of TensorFlow Lite's schema. */
#include "model.h"

#include <string.h>

static const struct { const char *name; int dtype; } types[] = {
    {"float32", DT_F32}, {"float16", DT_F16}, {"int32", DT_I32}, {"uint8", DT_U8}, {"int64", DT_I64}, {"string", -1},
    {"bool", DT_BOOL}, {"int16", DT_I16}, {"complex64", -1}, {"int8", DT_I8}, {"float64", DT_F64}, {"complex128", -1},
    {"uint64", DT_U64}, {"resource", -1}, {"variant", -1}, {"uint32", DT_U32}, {"uint16", DT_U16}, {"int4", -1},
    {"bfloat16", DT_BF16},
};

bool tensor_dtype(int64_t type, DType *d)
{
    if (type < 0 || type >= LEN(types) || types[type].dtype < 0)
        return false;
    *d = (DType)types[type].dtype;
    return true;
}

const char *tensor_type_name(int64_t type)
{
    return type < 0 || type >= LEN(types) ? "of unknown type" : types[type].name;
}

const char *operator_name(Arena *A, int64_t code)
{
    switch (code) {
#define OPERATOR(name, number) case number: return #name;
#include "operators.def"
#undef OPERATOR
    }
    return arena_printf(A, "operator code %lld", (long long)code);
}

bool tensor_quantized(const TflTensor *t)
{
    return t->quant.scale.n && t->type != TT_FLOAT32 && t->type != TT_FLOAT16;
}

const char *tensor_show(Arena *A, const char *name)
{
    enum { MOST = 80 };
    size_t n = strlen(name);
    char *s = arena_printf(A, "%.*s%s", MOST, name, n > MOST ? "..." : "");
    for (char *p = s; !text_is_clean(s) && *p; p++)
        if ((unsigned char)*p < 0x20 || (unsigned char)*p >= 0x7f)
            *p = '?';
    return s;
}

static Type tensor_type(const TflTensor *t, DType d)
{
    return type_make(d, t->rank, t->dim);
}

const char *tensor_text(Arena *A, const TflTensor *t)
{
    DType d;
    if (!tensor_dtype(t->type, &d))
        return tensor_type_name(t->type);
    Type type = tensor_type(t, d);
    const char *text = type_text(A, &type);
    char scale[32];
    if (!tensor_quantized(t))
        return text;
    if (t->quant.scale.n > 1)
        return arena_printf(A, "%s q(%lld scales, axis %d)", text, (long long)t->quant.scale.n, t->quant.axis);
    fmt_float(scale, vector_float(t->quant.scale, 0));
    return arena_printf(A, "%s q(%s:%lld)", text, scale,
                        (long long)(t->quant.zero.n ? vector_int(t->quant.zero, 0, 8) : 0));
}

/* ---- tensors ---- */

/* What messages call a tensor. */
static const char *tensor_title(TflModel *m, int i, const char *name)
{
    return arena_printf(m->flat.arena, "tensor %d '%s'", i, tensor_show(m->flat.arena, name));
}

static void read_dims(Flat *f, FlatTable t, TflTensor *x)
{
    FlatVector shape = flat_vector(t, Tensor_shape, 4), open = flat_vector(t, Tensor_shape_signature, 4);
    if (shape.n > MAX_RANK) {
        flat_bad(f, "it has %lld dimensions, at most %d are read", (long long)shape.n, MAX_RANK);
        return;
    }
    x->rank = (int)shape.n;
    for (int i = 0; i < x->rank; i++) {
        x->dim[i] = vector_int(shape, i, 4);
        if (x->dim[i] < 0)
            flat_bad(f, "dimension %d is %lld", i, (long long)x->dim[i]);
    }
    for (int64_t i = 0; i < open.n; i++)
        x->open |= vector_int(open, i, 4) < 0;
    Type type = tensor_type(x, DT_F32);
    if (!f->bad && type_elems(&type) > MAX_ELEMS)
        flat_bad(f, "it is too large");
}

static bool scale_fits(float scale)
{
    return scale >= 0 && scale <= 3.0e38f; /* no NaN, no infinity */
}

static void read_quantization(Flat *f, FlatTable t, TflTensor *x)
{
    FlatTable q = flat_table(t, Tensor_quantization);
    x->quant = (TflQuant){flat_vector(q, QuantizationParameters_scale, 4),
                          flat_vector(q, QuantizationParameters_zero_point, 8),
                          (int)flat_int(q, QuantizationParameters_quantized_dimension, 4, 0)};
    int64_t n = x->quant.scale.n, zeros = x->quant.zero.n;
    if (flat_unsigned(q, QuantizationParameters_details_type, 1, 0))
        flat_bad(f, "its quantization is of a kind of its own");
    for (int64_t i = 0; i < n; i++)
        if (!scale_fits(vector_float(x->quant.scale, i)))
            flat_bad(f, "scale %lld is no number of 0 or more", (long long)i);
    if (zeros && zeros != n && n)
        flat_bad(f, "it has %lld scales and %lld zero points", (long long)n, (long long)zeros);
    if (n > 1 && (x->quant.axis < 0 || x->quant.axis >= x->rank || x->dim[x->quant.axis] != n))
        flat_bad(f, "it has %lld scales along axis %d, which has not as many elements", (long long)n, x->quant.axis);
}

/* The bytes of a buffer, which may lie behind the tables of the file. */
static void read_buffer(Flat *f, FlatVector buffers, uint64_t index, TflTensor *x)
{
    if (index >= (uint64_t)buffers.n) {
        if (index)
            flat_bad(f, "it is in buffer %llu of %lld", (unsigned long long)index, (long long)buffers.n);
        return;
    }
    FlatTable b = vector_table(buffers, (int64_t)index);
    FlatVector data = flat_vector(b, Buffer_data, 1);
    uint64_t offset = flat_unsigned(b, Buffer_offset, 8, 0), size = flat_unsigned(b, Buffer_size, 8, 0);
    if (offset > 1) {
        if (offset > f->n || size > f->n - offset) {
            flat_bad(f, "its buffer, %llu, reaches beyond the file's end", (unsigned long long)index);
            return;
        }
        data = (FlatVector){f, f->p + offset, (int64_t)size, offset};
    }
    x->constant = index && data.n > 0;
    x->data = data.p;
    x->bytes = data.n;
}

static void check_bytes(Flat *f, TflTensor *x)
{
    static const uint8_t nothing[8];
    DType d;
    if (f->bad || !tensor_dtype(x->type, &d) || x->sparse)
        return;
    Type type = tensor_type(x, d);
    int64_t want = type_elems(&type) * dtype_size(d);
    if (!want && !x->constant) { /* a shape of no dimensions */
        x->constant = true;
        x->data = nothing;
    }
    if (x->constant && x->bytes != want)
        flat_bad(f, "it is %s, which takes %lld bytes, and has %lld", type_text(f->arena, &type), (long long)want,
                 (long long)x->bytes);
}

static void read_tensor(TflModel *m, int i, FlatTable t, FlatVector buffers)
{
    Flat *f = &m->flat;
    TflTensor *x = &m->tensor[i];
    f->where = arena_printf(f->arena, "tensor %d", i);
    x->name = flat_text(t, Tensor_name);
    f->where = tensor_title(m, i, x->name);
    x->type = flat_int(t, Tensor_type, 1, TT_FLOAT32);
    x->variable = flat_unsigned(t, Tensor_is_variable, 1, 0);
    x->sparse = flat_has(t, Tensor_sparsity);
    read_dims(f, t, x);
    if (!f->bad)
        read_quantization(f, t, x);
    read_buffer(f, buffers, flat_unsigned(t, Tensor_buffer, 4, 0), x);
    check_bytes(f, x);
}

/* ---- lists of tensors ---- */

/* At most so many indices, of which -1 means none where that is allowed. */
static const int *read_indices(TflModel *m, FlatVector v, const char *what, bool optional, int most, int *n)
{
    Flat *f = &m->flat;
    *n = 0;
    if (f->bad || v.n > most) {
        flat_bad(f, "it has %lld %ss, at most %d are read", (long long)v.n, what, most);
        return NULL;
    }
    int *out = NEW(f->arena, int, v.n + 1);
    *n = (int)v.n;
    for (int i = 0; i < *n; i++) {
        out[i] = (int)vector_int(v, i, 4);
        if (out[i] >= m->ntensor || out[i] < (optional ? -1 : 0))
            flat_bad(f, "%s %d is tensor %d of %d", what, i, out[i], m->ntensor);
    }
    return out;
}

/* ---- operators ---- */

/* Codes above 127 came when a byte was full: the larger of both fields counts. */
static void read_code(Flat *f, FlatTable code, TflOp *op)
{
    int64_t old = flat_int(code, OperatorCode_deprecated_builtin_code, 1, 0);
    op->code = imax(old, flat_int(code, OperatorCode_builtin_code, 4, 0));
    op->custom = op->code == TF_CUSTOM ? flat_text(code, OperatorCode_custom_code) : "";
    op->version = flat_int(code, OperatorCode_version, 4, 1);
    if (op->code < 0)
        flat_bad(f, "its operator code is %lld", (long long)op->code);
}

static void read_operator(TflModel *m, int i, FlatTable t, FlatVector codes)
{
    Flat *f = &m->flat;
    TflOp *op = &m->op[i];
    f->where = arena_printf(f->arena, "operator %d", i);
    uint64_t code = flat_unsigned(t, Operator_opcode_index, 4, 0);
    if (code >= (uint64_t)codes.n)
        flat_bad(f, "it is of operator code %llu of %lld", (unsigned long long)code, (long long)codes.n);
    if (f->bad)
        return;
    read_code(f, vector_table(codes, (int64_t)code), op);
    f->where = arena_printf(f->arena, "operator %d (%s)", i, operator_name(f->arena, op->code));
    op->in = read_indices(m, flat_vector(t, Operator_inputs, 4), "operand", true, MODEL_MOST, &op->nin);
    op->out = read_indices(m, flat_vector(t, Operator_outputs, 4), "result", false, MODEL_MOST, &op->nout);
    op->options_type = (int)flat_unsigned(t, Operator_builtin_options_type, 1, 0);
    op->options = flat_table(t, Operator_builtin_options);
}

/* ---- the model ---- */

static int count(Flat *f, FlatVector v, const char *what)
{
    if (v.n > MODEL_MOST)
        flat_bad(f, "it has %lld %s, at most %d are read", (long long)v.n, what, MODEL_MOST);
    return f->bad ? 0 : (int)v.n;
}

static void read_subgraph(TflModel *m, FlatTable root, FlatTable graph)
{
    Flat *f = &m->flat;
    FlatVector codes = flat_vector(root, Model_operator_codes, 4), buffers = flat_vector(root, Model_buffers, 4);
    FlatVector tensors = flat_vector(graph, SubGraph_tensors, 4), ops = flat_vector(graph, SubGraph_operators, 4);
    m->ntensor = count(f, tensors, "tensors");
    m->tensor = NEW(f->arena, TflTensor, m->ntensor + 1);
    m->nop = count(f, ops, "operators");
    m->op = NEW(f->arena, TflOp, m->nop + 1);
    m->input = read_indices(m, flat_vector(graph, SubGraph_inputs, 4), "input", false, MODEL_PORTS, &m->ninput);
    m->output = read_indices(m, flat_vector(graph, SubGraph_outputs, 4), "output", false, MODEL_PORTS, &m->noutput);
    for (int i = 0; i < m->ntensor && !f->bad; i++)
        read_tensor(m, i, vector_table(tensors, i), buffers);
    for (int i = 0; i < m->nop && !f->bad; i++)
        read_operator(m, i, vector_table(ops, i), codes);
}

bool tmodel_parse(TflModel *m, Arena *A, const char *path, const uint8_t *p, size_t n, Loc loc)
{
    Flat *f = &m->flat;
    FlatTable root;
    *m = (TflModel){.path = path};
    if (flat_open(f, A, p, n, "TFL3", &root)) {
        FlatVector graphs = flat_vector(root, Model_subgraphs, 4);
        uint64_t version = flat_unsigned(root, Model_version, 4, 0);
        if (version != 3)
            flat_bad(f, "it is of version %llu of the schema, 3 is read", (unsigned long long)version);
        else if (!graphs.n)
            flat_bad(f, "it has no graph");
        f->where = "subgraph 0";
        if (!f->bad)
            read_subgraph(m, root, vector_table(graphs, 0));
    }
    if (f->bad)
        error_at(loc, "this is no TensorFlow Lite model, or a part of one: %s", f->bad);
    f->where = "";
    return !f->bad;
}
