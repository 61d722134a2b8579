/* Constants meet their numbers, or one message says where the file and the graph differ. */
#include "file.h"

#include "../io/io.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

bool weight_file_add(WeightFile *f, Entry e)
{
    const char *what = !*e.name ? "a tensor without a name"
                       : dict_get(&f->index, e.name) >= 0 ? "is there twice" : NULL;
    for (const char *p = e.name; *p && !what; p++)
        if ((unsigned char)*p < 0x20)
            what = "a control character in its name";
    if (!what && !text_is_clean(e.name))
        what = "its name is not UTF-8";
    if (what) {
        error_at(loc_file(f->file), "tensor '%s': %s", e.name, what);
        return false;
    }
    dict_put(&f->index, e.name, f->entry.n);
    PUSH(f->arena, &f->entry, e);
    return true;
}

/* ---- finite numbers ---- */

/* The first element that is no number in f32, or -1. */
static int64_t first_bad(const Tensor *t)
{
    const int64_t n = type_elems(&t->type);
    const uint8_t *p = t->data;
    if (t->stored == DT_F32 || t->stored == DT_BF16) { /* the exponent is all ones; in the top bytes of both */
        const int size = dtype_size(t->stored);
        for (int64_t i = 0; i < n; i++)
            if ((p[i * size + size - 1] & 0x7f) == 0x7f && p[i * size + size - 2] & 0x80)
                return i;
        return -1;
    }
    if (t->stored != DT_F64 && t->stored != DT_F16)
        return -1;
    for (int64_t i = 0; i < n; i++)
        if (!isfinite((float)tensor_at(t, i)))
            return i;
    return -1;
}

static bool check_finite(const WeightFile *f, const Tensor *t)
{
    int64_t i = first_bad(t);
    if (i < 0)
        return true;
    int64_t index[MAX_RANK], rest = i;
    for (int d = t->type.rank - 1; d >= 0; d--) {
        index[d] = rest % t->type.dim[d];
        rest /= t->type.dim[d];
    }
    Buf at = {0};
    buf_puts(&at, "[");
    for (int d = 0; d < t->type.rank; d++)
        buf_printf(&at, "%s%lld", d ? "," : "", (long long)index[d]);
    double x = tensor_at(t, i);
    const char *what = isnan(x) ? "NaN" : isinf(x) ? "infinity" : "a number too large for f32";
    error_at(loc_file(f->file), "tensor '%s' holds %s at %s]", t->name, what, at.s);
    buf_free(&at);
    return false;
}

/* ---- names of the graph in the file ---- */

bool same_dims(const Type *a, const Type *b)
{
    Type t = *a;
    t.dtype = b->dtype;
    return type_eq(&t, b);
}

/* A counter of training steps, in every checkpoint of a network with batch norm. */
bool tensor_ignored(const char *name)
{
    const char *dot = strrchr(name, '.');
    return !strcmp(dot ? dot + 1 : name, "num_batches_tracked");
}

/* Members of archives are unpacked when they are wanted. */
static bool entry_load(WeightFile *f, Entry *e) { return e->data || !e->member || npz_load(f, e); }

/* "-backbone.": the file's names lack it. */
const char *name_in_file(Arena *a, const char *prefix, const char *name)
{
    if (!prefix)
        return name;
    if (*prefix != '-')
        return arena_printf(a, "%s%s", prefix, name);
    size_t n = strlen(prefix + 1);
    return strncmp(name, prefix + 1, n) ? name : name + n;
}

static bool prefix_known(const WeightFile *f, const char *prefix)
{
    bool known = !prefix || *prefix == '-' || !f->entry.n;
    for (int i = 0; i < f->entry.n && !known; i++)
        known = !strncmp(f->entry.v[i].name, prefix, strlen(prefix));
    if (!known)
        error_at(loc_file(f->file), "no tensor's name begins with '%s'; the first one is '%s'", prefix,
                 f->entry.v[0].name);
    return known;
}

static bool bind_file(Graph *g, WeightFile *f, const WeightsOptions *o)
{
    Differences r = {.f = f, .o = o};
    if (!prefix_known(f, o->prefix))
        return false;
    bool *used = NEW(f->arena, bool, f->entry.n), finite = true;
    for (int i = 0; i < g->value.n; i++) {
        Tensor *t = g->value.v[i].kind == VAL_CONST ? g->value.v[i].tensor : NULL;
        if (!t)
            continue;
        int k = dict_get(&f->index, name_in_file(f->arena, o->prefix, t->name));
        PUSH(f->arena, &r.wanted, t);
        if (k >= 0)
            used[k] = true;
        if (t->data)
            continue;
        if (k < 0) {
            PUSH(f->arena, &r.missing, t);
        } else if (!same_dims(&f->entry.v[k].type, &t->type)) {
            PUSH(f->arena, &r.shape, t);
        } else {
            if (!entry_load(f, &f->entry.v[k]))
                return false;
            t->data = f->entry.v[k].data;
            t->stored = f->entry.v[k].type.dtype;
            finite = check_finite(f, t) && finite;
            tensor_flush(f->arena, t);
        }
    }
    for (int i = 0; i < f->entry.n; i++)
        if (!used[i] && !tensor_ignored(f->entry.v[i].name))
            PUSH(f->arena, &r.unused, &f->entry.v[i]);
    bool same = !r.missing.n && !r.shape.n && (o->extra_ok || !r.unused.n);
    if (!same)
        differences_report(&r);
    return same && finite;
}

/* ---- sources ---- */

bool weights_random_source(const char *source)
{
    return !strncmp(source, "random:", strlen("random:"));
}

bool weights_random_seed(const char *source, uint64_t *seed)
{
    const char *digits = source + strlen("random:");
    char *end;
    errno = 0;
    *seed = strtoull(digits, &end, 10);
    return *digits >= '0' && *digits <= '9' && !*end && !errno;
}

static bool bind_random(Arena *a, Graph *g, const char *source, Weights *out)
{
    uint64_t seed;
    if (!weights_random_seed(source, &seed)) {
        error_at((Loc){0}, "weights '%s': " RANDOM_SEED, source);
        return false;
    }
    for (int i = 0; i < g->value.n; i++) {
        Tensor *t = g->value.v[i].kind == VAL_CONST ? g->value.v[i].tensor : NULL;
        if (t && !t->data)
            weights_random(a, t, seed);
    }
    sha256(source, strlen(source), out->sha256);
    return true;
}

static bool is_zip(const uint8_t *p, size_t n)
{
    return n >= 4 && (!memcmp(p, "PK\3\4", 4) || !memcmp(p, "PK\5\6", 4));
}

static bool is_safetensors(const uint8_t *p, size_t n) { return n >= 9 && p[8] == '{'; }

/* An archive says at its end what is in it. */
static int64_t weights_bytes(const uint8_t *p, size_t n)
{
    return is_zip(p, n) ? INT64_MAX : is_safetensors(p, n) ? safetensors_bytes(p, n) : 0;
}

static bool read_any(WeightFile *f)
{
    if (is_zip(f->map, f->n))
        return npz_read(f);
    if (is_safetensors(f->map, f->n))
        return safetensors_read(f);
    if (!foreign_report(f))
        error_at(loc_file(f->file), "is %s, expected .safetensors or .npz", f->n ? "of an unknown kind" : "empty");
    return false;
}

bool weights_bind(Arena *a, Graph *g, const char *source, const WeightsOptions *o, Weights *out)
{
    static const FileLimit limit = {.file = (int64_t)64 << 30, .pipe = (int64_t)4 << 30, .bytes = weights_bytes};
    *out = (Weights){0};
    if (weights_random_source(source))
        return bind_random(a, g, source, out);
    WeightFile *f = NEW(a, WeightFile, 1);
    f->arena = a;
    f->index = dict_new(a);
    f->map = map_within(source, &limit, &f->n);
    if (!f->map)
        return false;
    out->file = f;
    f->file = diag_file(strcmp(source, "-") ? source : "<stdin>", NULL, 0);
    if (!read_any(f) || !bind_file(g, f, o) || !weights_check(g, f->file)) {
        weights_close(out);
        return false;
    }
    sha256(f->map, f->n, out->sha256);
    return true;
}

/* The graph's constants must not be read any more. */
void weights_close(Weights *w)
{
    if (w->file)
        unmap_file(w->file->map, w->file->n);
    w->file = NULL;
}
