/* TensorProto: numbers in raw_data, in a typed field, packed or not, or in a file beside the model. */
#include "model.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "../../../ir/base/files.h"

typedef struct Proto {
    const char *name;
    int64_t type;
    int rank;
    int64_t dim[MAX_RANK];
    WireBytes raw, msg;
    bool has_raw, external;
} Proto;

static bool tensor_bad(const OnnxModel *m, const char *name, const char *fmt, ...) PRINTF(3, 4);
static bool tensor_bad(const OnnxModel *m, const char *name, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    const char *what = arena_vprintf(m->arena, fmt, ap);
    va_end(ap);
    error_at(m->loc, "tensor '%s': %s", name, what);
    return false;
}

/* ---- the message ---- */

static bool add_dim(const OnnxModel *m, Proto *p, uint64_t v)
{
    int64_t dim = (int64_t)v;
    if (p->rank == MAX_RANK)
        return tensor_bad(m, p->name, "it has more than %d dimensions", MAX_RANK);
    if (dim < 0)
        return tensor_bad(m, p->name, "a dimension is %lld", (long long)dim);
    p->dim[p->rank++] = dim;
    return true;
}

static bool add_dims(const OnnxModel *m, Proto *p, WireBytes packed)
{
    Wire w = wire_open(packed);
    for (uint64_t v; w.p < w.end;)
        if (!wire_varint(&w, &v) || !add_dim(m, p, v))
            return w.bad ? tensor_bad(m, p->name, "in its dimensions %s", w.bad) : false;
    return true;
}

static bool read_name(OnnxModel *m, WireBytes msg, Proto *p)
{
    Wire w = wire_open(msg);
    *p = (Proto){.name = "", .msg = msg};
    for (WireField f; wire_next(&w, &f);)
        if (f.number == 8 && f.kind == WIRE_BYTES && !(p->name = model_text(m, f.bytes, "a tensor's name")))
            return false;
    return !w.bad || tensor_bad(m, p->name, "%s", w.bad);
}

static bool read_proto(OnnxModel *m, WireBytes msg, Proto *p)
{
    if (!read_name(m, msg, p))
        return false;
    Wire w = wire_open(msg);
    for (WireField f; wire_next(&w, &f);) {
        bool number = f.kind == WIRE_VARINT, bytes = f.kind == WIRE_BYTES;
        if (f.number == 1 && !(number ? add_dim(m, p, f.value) : !bytes || add_dims(m, p, f.bytes)))
            return false;
        if (f.number == 2 && number)
            p->type = (int64_t)f.value;
        if (f.number == 9 && bytes) {
            p->raw = f.bytes;
            p->has_raw = true;
        }
        if (f.number == 14 && number)
            p->external = f.value == 1;
    }
    return true;
}

/* ---- external data ---- */

typedef struct External { const char *location; int64_t offset, length; /* length -1: the rest */ } External;

static bool read_count(const OnnxModel *m, const Proto *p, const char *key, const char *text, int64_t *v)
{
    char *end;
    errno = 0;
    *v = strtoll(text, &end, 10);
    return (*text >= '0' && *text <= '9' && !*end && !errno) ||
           tensor_bad(m, p->name, "the %s of its external data is '%s', no number", key, text);
}

static bool read_entry(OnnxModel *m, const Proto *p, WireBytes msg, External *x)
{
    Wire w = wire_open(msg);
    const char *key = "", *value = "";
    for (WireField f; wire_next(&w, &f);) {
        if (f.number == 1 && f.kind == WIRE_BYTES && !(key = model_text(m, f.bytes, "a key")))
            return false;
        if (f.number == 2 && f.kind == WIRE_BYTES && !(value = model_text(m, f.bytes, "a value")))
            return false;
    }
    if (!strcmp(key, "location"))
        x->location = value;
    if (!strcmp(key, "offset"))
        return read_count(m, p, key, value, &x->offset);
    return strcmp(key, "length") || read_count(m, p, key, value, &x->length);
}

/* The file, where it lies in the model's folder or below, links followed; NULL after a message. */
static const char *external_path(OnnxModel *m, const Proto *p, const char *location)
{
    const char *slash = strrchr(m->path, '/');
    const char *folder = slash ? arena_strndup(m->arena, m->path, (size_t)(slash - m->path + 1)) : "./";
    char *top = realpath(folder, NULL), *file = realpath(arena_printf(m->arena, "%s%s", folder, location), NULL);
    const char *out = NULL;
    size_t n = top ? strlen(top) : 0;
    if (!*location || *location == '/' || (top && file && (strncmp(file, top, n) || (n > 1 && file[n] != '/'))))
        tensor_bad(m, p->name, "its external data, '%s', lie outside the model's folder", location);
    else if (!top || !file)
        tensor_bad(m, p->name, "its external data, '%s': %s", location, strerror(errno));
    else
        out = arena_strndup(m->arena, file, strlen(file));
    free(top);
    free(file);
    return out;
}

static bool open_external(OnnxModel *m, const char *path, WireBytes *out)
{
    for (int i = 0; i < m->external.n; i++)
        if (!strcmp(m->external.v[i].path, path)) {
            *out = m->external.v[i].map;
            return true;
        }
    struct MFile f = {.path = path};
    f.map.p = map_file(path, &f.map.n);
    if (f.map.p)
        PUSH(m->arena, &m->external, f);
    *out = f.map;
    return f.map.p;
}

static bool read_external(OnnxModel *m, Proto *p)
{
    External x = {.length = -1};
    Wire w = wire_open(p->msg);
    for (WireField f; wire_next(&w, &f);)
        if (f.number == 13 && f.kind == WIRE_BYTES && !read_entry(m, p, f.bytes, &x))
            return false;
    if (!x.location)
        return tensor_bad(m, p->name, "its data are external, and no file is named");
    const char *path = external_path(m, p, x.location);
    WireBytes file;
    if (!path || !open_external(m, path, &file))
        return false;
    if (x.offset < 0 || x.offset > (int64_t)file.n || x.length > (int64_t)file.n - x.offset)
        return tensor_bad(m, p->name, "its external data reach beyond the %zu bytes of '%s'", file.n, x.location);
    p->raw = (WireBytes){file.p + x.offset, x.length < 0 ? file.n - (size_t)x.offset : (size_t)x.length};
    return p->has_raw = true;
}

/* ---- typed fields ---- */

/* The field that holds numbers of a type, and the bytes of each where they are of fixed size. */
static int field_of(int64_t type, int *fixed)
{
    *fixed = type == ONNX_FLOAT ? 4 : type == ONNX_DOUBLE ? 8 : 0;
    switch (type) {
    case ONNX_FLOAT: return 4;
    case ONNX_INT64: return 7;
    case ONNX_DOUBLE: return 10;
    case ONNX_UINT32:
    case ONNX_UINT64: return 11;
    default: return 5;
    }
}

typedef struct Fill { uint8_t *data; int size; int64_t n, most; } Fill;

static void put(Fill *f, uint64_t v)
{
    for (int i = 0; f->n < f->most && i < f->size; i++)
        f->data[f->n * f->size + i] = (uint8_t)(v >> (8 * i));
    f->n++;
}

static void fill(Fill *out, WireBytes msg, int64_t type)
{
    int fixed, number = field_of(type, &fixed);
    Wire w = wire_open(msg);
    for (WireField f; wire_next(&w, &f);) {
        if (f.number != number)
            continue;
        if (f.kind != WIRE_BYTES) {
            put(out, f.value);
            continue;
        }
        Wire list = wire_open(f.bytes);
        for (uint64_t v; list.p < list.end && (fixed ? wire_fixed(&list, fixed, &v) : wire_varint(&list, &v));)
            put(out, v);
    }
}

/* One packed list of as many numbers as there should be: they lie there as we want them. */
static const void *as_it_lies(WireBytes msg, int64_t type, int64_t bytes)
{
    int fixed, number = field_of(type, &fixed), lists = 0;
    const void *at = NULL;
    Wire w = wire_open(msg);
    for (WireField f; wire_next(&w, &f);)
        if (f.number == number) {
            lists++;
            at = fixed && f.kind == WIRE_BYTES && f.bytes.n == (size_t)bytes ? f.bytes.p : NULL;
        }
    return lists == 1 ? at : NULL;
}

static bool read_typed(const OnnxModel *m, const Proto *p, Tensor *t)
{
    int64_t n = type_elems(&t->type);
    t->data = as_it_lies(p->msg, p->type, n * dtype_size(t->stored));
    if (t->data)
        return true;
    Fill count = {.size = dtype_size(t->stored)};
    fill(&count, p->msg, p->type); /* only counts: nothing is asked for that the file has not */
    if (count.n != n)
        return tensor_bad(m, p->name, "it is %s and holds %lld numbers", type_text(m->arena, &t->type),
                          (long long)count.n);
    Fill f = {NEW(m->arena, uint8_t, n * count.size + 1), count.size, 0, n};
    fill(&f, p->msg, p->type);
    t->data = f.data;
    return true;
}

bool model_tensor(OnnxModel *m, WireBytes msg, Tensor *t, const char **why)
{
    static const uint8_t nothing[8];
    Proto p;
    *why = NULL;
    if (!read_proto(m, msg, &p))
        return false;
    *t = (Tensor){.name = p.name, .loc = m->loc};
    t->type = type_make(DT_F32, p.rank, p.dim);
    if (!onnx_dtype(p.type, &t->type.dtype)) {
        *why = arena_printf(m->arena, "its elements are %s", onnx_type_name(p.type));
        return true;
    }
    t->stored = t->type.dtype;
    int64_t n = type_elems(&t->type);
    if (n > MAX_ELEMS)
        return tensor_bad(m, p.name, "its shape %s is too large", type_text(m->arena, &t->type));
    if (p.external && !read_external(m, &p))
        return false;
    if (!p.has_raw)
        return read_typed(m, &p, t);
    if ((int64_t)p.raw.n != n * dtype_size(t->stored))
        return tensor_bad(m, p.name, "it is %s, which takes %lld bytes, and has %zu", type_text(m->arena, &t->type),
                          (long long)(n * dtype_size(t->stored)), p.raw.n);
    t->data = n ? p.raw.p : nothing;
    return true;
}
