/* The safetensors format (huggingface/safetensors, README "Format"): the header's length in 8 bytes, a JSON header
   { "name": {"dtype": "F32", "shape": [1, 2], "data_offsets": [begin, end]}, ... }, the numbers. Offsets count from
   the end of the header. Nothing in it is believed before it is checked; holes between tensors are let pass. */
#include "../io/io.h"
#include "../io/json.h"
#include "file.h"

#include <stdlib.h>
#include <string.h>

/* The format allows 100 MB. 40,000 tensors take 4, and what JSON parses into is some twenty times larger. */
enum { HEADER_MAX = 4 << 20 };

static const struct { const char *name; DType d; } dtype[] = {
    {"F32", DT_F32}, {"F64", DT_F64}, {"F16", DT_F16}, {"BF16", DT_BF16}, {"I8", DT_I8}, {"U8", DT_U8},
    {"I16", DT_I16}, {"U16", DT_U16}, {"I32", DT_I32}, {"U32", DT_U32}, {"I64", DT_I64}, {"U64", DT_U64},
    {"BOOL", DT_BOOL},
};

typedef struct ByteSpan { int64_t begin, end; const char *name; } ByteSpan;

/* The numbers of the file: [0, size). */
typedef struct Body { const uint8_t *data; int64_t size; } Body;

static bool tensor_error(const WeightFile *f, const char *name, const char *what)
{
    error_at(loc_file(f->file), "tensor '%s': %s", name, what);
    return false;
}

static bool tensor_shape(const WeightFile *f, const char *name, const json_t *shape, Type *t)
{
    if (!json_is_array(shape))
        return tensor_error(f, name, "its 'shape' is not a list");
    if (json_array_size(shape) > MAX_RANK)
        return tensor_error(f, name, arena_printf(f->arena, "it has %zu dimensions, at most %d are possible",
                                                  json_array_size(shape), MAX_RANK));
    t->rank = (int)json_array_size(shape);
    for (int i = 0; i < t->rank; i++) {
        const json_t *d = json_array_get(shape, (size_t)i);
        if (!json_is_integer(d) || json_integer_value(d) < 0)
            return tensor_error(f, name, "its 'shape' holds something else than sizes");
        t->dim[i] = json_integer_value(d);
    }
    if (type_elems(t) > MAX_ELEMS)
        return tensor_error(f, name, arena_printf(f->arena, "its shape %s is too large", type_text(f->arena, t)));
    return true;
}

static bool read_dtype(const WeightFile *f, const char *name, const json_t *j, Type *t)
{
    const char *s = json_string_value(j);
    if (!s)
        return tensor_error(f, name, "it has no 'dtype'");
    for (int i = 0; i < LEN(dtype); i++)
        if (!strcmp(s, dtype[i].name)) {
            t->dtype = dtype[i].d;
            return true;
        }
    return tensor_error(f, name, arena_printf(f->arena, "cannot read numbers of dtype '%s'", s));
}

static bool read_offsets(const WeightFile *f, const char *name, const json_t *j, const Body *body, const Type *t,
                         ByteSpan *s)
{
    const json_t *b = json_array_get(j, 0), *e = json_array_get(j, 1);
    if (json_array_size(j) != 2 || !json_is_integer(b) || !json_is_integer(e))
        return tensor_error(f, name, "its 'data_offsets' are not two numbers");
    *s = (ByteSpan){json_integer_value(b), json_integer_value(e), name};
    const char *range = arena_printf(f->arena, "[%lld, %lld]", (long long)s->begin, (long long)s->end);
    if (s->begin < 0 || s->begin > s->end)
        return tensor_error(f, name, arena_printf(f->arena, "its data_offsets %s are not a range", range));
    if (s->end > body->size)
        return tensor_error(f, name, arena_printf(f->arena, "its data_offsets %s lie beyond the file's %lld bytes of "
                                                            "numbers", range, (long long)body->size));
    int64_t want = type_elems(t) * dtype_size(t->dtype);
    if (s->end - s->begin != want)
        return tensor_error(f, name, arena_printf(f->arena, "its data_offsets %s span %lld bytes, %s takes %lld", range,
                                                  (long long)(s->end - s->begin), type_text(f->arena, t),
                                                  (long long)want));
    return true;
}

static bool read_tensor(WeightFile *f, const char *key, json_t *j, const Body *body, ByteSpan *span)
{
    const char *name = arena_strndup(f->arena, key, strlen(key));
    Type t = {0};
    if (!json_is_object(j))
        return tensor_error(f, name, "its entry in the header is not an object");
    if (!read_dtype(f, name, json_object_get(j, "dtype"), &t) ||
        !tensor_shape(f, name, json_object_get(j, "shape"), &t) ||
        !read_offsets(f, name, json_object_get(j, "data_offsets"), body, &t, span))
        return false;
    return weight_file_add(f, (Entry){name, t, body->data + span->begin, NULL});
}

static int by_begin(const void *a, const void *b)
{
    const ByteSpan *x = a, *y = b;
    if (x->begin != y->begin)
        return x->begin < y->begin ? -1 : 1;
    return (x->end > y->end) - (x->end < y->end);
}

static bool check_overlaps(const WeightFile *f, ByteSpan *s, int n)
{
    qsort(s, (size_t)n, sizeof *s, by_begin);
    for (int i = 1; i < n; i++)
        if (s[i].begin < s[i - 1].end)
            return tensor_error(f, s[i].name, arena_printf(f->arena, "it shares bytes with '%s'", s[i - 1].name));
    return true;
}

static bool read_tensors(WeightFile *f, json_t *root, const Body *body)
{
    ByteSpan *span = NEW(f->arena, ByteSpan, json_object_size(root));
    int n = 0;
    bool ok = true;
    const char *key;
    json_t *j;
    json_object_foreach(root, key, j) {
        if (!strcmp(key, "__metadata__"))
            continue;
        if (read_tensor(f, key, j, body, &span[n]))
            n++;
        else
            ok = false;
        if (diag_full())
            return false;
    }
    return check_overlaps(f, span, n) && ok;
}

/* ---- the header ---- */

/* The shortest entry has some 45 bytes, a list a rank's numbers or two offsets. */
enum { ENTRY_MIN = 32, LIST_MAX = 4 * MAX_RANK };

static const char *past_text(const char *p, const char *end)
{
    for (p++; p < end && *p != '"'; p++)
        p += *p == '\\';
    return p;
}

/* What a parser would need much memory for, and no header has: lists of lists or of objects, or long ones, and more
   objects than entries could be. NULL, or what is wrong. */
static const char *absurd(const char *text, size_t n)
{
    int64_t objects = 0, inside = 0;
    bool list = false;
    for (const char *p = text, *end = text + n; p < end; p++) {
        if (*p == '"')
            p = past_text(p, end);
        else if (list && (*p == '{' || *p == '[' || (*p == ',' && ++inside > LIST_MAX)))
            return "header: a list of more than numbers, or of too many";
        else if (*p == '[')
            list = true, inside = 0;
        else if (*p == ']')
            list = false;
        else if (*p == '{' && ++objects > 4 + (p - text) / ENTRY_MIN)
            return "header: more objects than there can be tensors";
    }
    return NULL;
}

static int64_t header_bytes(const uint8_t *p)
{
    uint64_t len = 0;
    for (int i = 0; i < 8; i++)
        len |= (uint64_t)p[i] << 8 * i;
    return len > INT64_MAX ? INT64_MAX : (int64_t)len;
}

/* The second number of "[1, 2]", or 0. */
static int64_t second_number(const char *p, const char *end)
{
    int64_t v = 0;
    bool second = false;
    for (; p < end && *p != ']'; p++) {
        second |= *p == ',';
        if (second && *p >= '0' && *p <= '9' && (!mul_ok(v, 10, &v) || !add_ok(v, *p - '0', &v)))
            return 0;
    }
    return v;
}

/* Where the last of the numbers ends. */
int64_t safetensors_bytes(const uint8_t *data, size_t n)
{
    static const char key[] = "\"data_offsets\"";
    int64_t len = header_bytes(data), last = 0;
    if (len > HEADER_MAX)
        return 0;
    if (len > (int64_t)n - 8)
        return ASK_AGAIN;
    const char *p = (const char *)data + 8, *end = p + len;
    if (absurd(p, (size_t)len))
        return 0;
    while ((p = memmem(p, (size_t)(end - p), key, sizeof key - 1)))
        last = imax(last, second_number(p += sizeof key - 1, end));
    int64_t whole;
    return add_ok(last, 8 + len, &whole) ? whole : 0;
}

bool safetensors_read(WeightFile *f)
{
    uint64_t len = f->n >= 8 ? (uint64_t)header_bytes(f->map) : 0;
    const char *text = (const char *)f->map + 8;
    const char *what = NULL;
    if (f->n < 10 || len < 2 || *text != '{')
        what = "is not a safetensors file";
    else if (len > HEADER_MAX)
        what = arena_printf(f->arena, "its header of %llu bytes is larger than %d, which is the limit here",
                            (unsigned long long)len, HEADER_MAX);
    else if (len > f->n - 8)
        what = arena_printf(f->arena, "its header of %llu bytes is longer than the file, which may have been cut off",
                            (unsigned long long)len);
    else
        what = absurd(text, (size_t)len);
    if (what) {
        error_at(loc_file(f->file), "%s", what);
        return false;
    }
    json_error_t e;
    json_t *root = js_read(text, (size_t)len, &e);
    if (!root) {
        Loc place = {diag_file(diag_path(f->file), text, (size_t)len), e.line > 0 ? e.line : 1, e.column, 1};
        error_at(place, "header: %s", e.text);
        return false;
    }
    const Body body = {f->map + 8 + len, (int64_t)(f->n - 8 - len)};
    bool ok = json_is_object(root) && read_tensors(f, root, &body);
    json_decref(root);
    return ok;
}
