/* Constants meet their numbers, or one message says where the file and the graph differ. */
#include "file.h"

#include "../io/io.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Rows of each kind that a report shows. */
enum { MAX_ROWS = 1000 };

bool weight_file_add(WeightFile *f, Entry e)
{
    const char *what = !*e.name ? "a tensor without a name" : map_get(&f->index, e.name) >= 0 ? "is there twice" : NULL;
    for (const char *p = e.name; *p && !what; p++)
        if ((unsigned char)*p < 0x20)
            what = "a control character in its name";
    if (what) {
        error_at(loc_file(f->file), "tensor '%s': %s", e.name, what);
        return false;
    }
    map_put(&f->index, e.name, f->entry.n);
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

/* ---- differences ---- */

typedef VEC(const char *) Names;

typedef struct Report {
    WeightFile *f;
    VEC(const Tensor *) missing, shape;
    Names unused;
} Report;

static const char *place(Arena *a, Loc loc, Loc *last)
{
    if (!loc.line || (loc.file == last->file && loc.line == last->line))
        return "";
    *last = loc;
    return arena_printf(a, "(%s:%d)", diag_path(loc.file), loc.line);
}

/* "  missing   name  type  (place)" in columns. `near`: names of the file that a missing one may have. */
static void print_expected(const Report *r, const Tensor *const *v, int n, int name_width, bool missing, Names near)
{
    Arena *a = r->f->arena;
    const char *kind = missing ? "missing" : "shape";
    int rows = (int)imin(n, MAX_ROWS), width = 0;
    const char **type = NEW(a, const char *, rows);
    for (int i = 0; i < rows; i++) {
        type[i] = type_text(a, &v[i]->type);
        if (!missing) {
            Type have = r->f->entry.v[map_get(&r->f->index, v[i]->name)].type;
            have.dtype = v[i]->type.dtype; /* the shape is what differs */
            type[i] = arena_printf(a, "%s in the file, %s expected", type_text(a, &have), type[i]);
        }
        width = (int)imax(width, (int64_t)strlen(type[i]));
    }
    Loc last = {0};
    for (int i = 0; i < rows; i++) {
        const char *where = place(a, v[i]->loc, &last), *like = nearest_name(v[i]->name, near.v, near.n);
        Buf row = {0};
        buf_printf(&row, "  %-9s %-*s  %-*s  %s", kind, name_width, v[i]->name, width, type[i], where);
        if (like)
            buf_printf(&row, "%sthe file has '%s'", *where ? "  " : "", like);
        while (row.s[row.n - 1] == ' ')
            row.s[--row.n] = 0;
        error_more("%s", row.s);
        buf_free(&row);
    }
    if (n > rows)
        error_more("  %-9s %d more", kind, n - rows);
}

static void print_unused(const Report *r, const char *const *wanted, int nwanted)
{
    for (int i = 0; i < r->unused.n && i < MAX_ROWS; i++) {
        const char *s = nearest_name(r->unused.v[i], wanted, nwanted);
        error_more("  not used  %s%s%s%s", r->unused.v[i], s ? "  did you mean '" : "", s ? s : "", s ? "'?" : "");
    }
    if (r->unused.n > MAX_ROWS)
        error_more("  not used  %d more", r->unused.n - MAX_ROWS);
}

static void count(Buf *b, int n, const char *one, const char *many)
{
    const char *noun = b->n ? "" : n == 1 ? "tensor " : "tensors ";
    if (n)
        buf_printf(b, "%s%d %s%s", b->n ? ", " : "", n, noun, n == 1 ? one : many);
}

static void print_report(const Report *r, bool surplus_ok)
{
    Arena *a = r->f->arena;
    const int unused = surplus_ok ? 0 : r->unused.n;
    Buf head = {0};
    count(&head, r->missing.n, "is missing", "are missing");
    count(&head, r->shape.n, "has another shape", "have another shape");
    count(&head, unused, "is not used", "are not used");
    error_at(loc_file(r->f->file), "%s", head.s);
    buf_free(&head);
    int width = 0;
    const char **wanted = NEW(a, const char *, r->missing.n);
    for (int i = 0; i < r->missing.n; i++) {
        wanted[i] = r->missing.v[i]->name;
        width = (int)imax(width, (int64_t)strlen(wanted[i]));
    }
    for (int i = 0; i < r->shape.n; i++)
        width = (int)imax(width, (int64_t)strlen(r->shape.v[i]->name));
    width = (int)imin(width, 60);
    print_expected(r, r->missing.v, r->missing.n, width, true, surplus_ok ? r->unused : (Names){0});
    print_expected(r, r->shape.v, r->shape.n, width, false, (Names){0});
    if (!surplus_ok)
        print_unused(r, wanted, r->missing.n);
}

static bool same_dims(const Type *a, const Type *b)
{
    Type t = *a;
    t.dtype = b->dtype;
    return type_eq(&t, b);
}

/* A counter of training steps, in every checkpoint of a network with batch norm. */
static bool ignored(const char *name)
{
    const char *dot = strrchr(name, '.');
    return !strcmp(dot ? dot + 1 : name, "num_batches_tracked");
}

/* Members of archives are unpacked when they are wanted. */
static bool entry_load(WeightFile *f, Entry *e) { return e->data || !e->member || npz_load(f, e); }

static bool bind_file(Graph *g, WeightFile *f, bool surplus_ok)
{
    Report r = {.f = f};
    bool *used = NEW(f->arena, bool, f->entry.n), finite = true;
    for (int i = 0; i < g->value.n; i++) {
        Tensor *t = g->value.v[i].kind == VAL_CONST ? g->value.v[i].tensor : NULL;
        if (!t)
            continue;
        int k = map_get(&f->index, t->name);
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
        }
    }
    for (int i = 0; i < f->entry.n; i++)
        if (!used[i] && !ignored(f->entry.v[i].name))
            PUSH(f->arena, &r.unused, f->entry.v[i].name);
    bool same = !r.missing.n && !r.shape.n && (surplus_ok || !r.unused.n);
    if (!same)
        print_report(&r, surplus_ok);
    return same && finite;
}

/* ---- sources ---- */

static bool bind_random(Arena *a, Graph *g, const char *source, Weights *out)
{
    const char *digits = source + strlen("random:");
    char *end;
    errno = 0;
    unsigned long long seed = strtoull(digits, &end, 10);
    if (*digits < '0' || *digits > '9' || *end || errno) {
        error_at((Loc){0}, "weights '%s': the seed must be a number from 0 to 18446744073709551615", source);
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

static bool may_be_weights(const uint8_t *p, size_t n) { return is_zip(p, n) || is_safetensors(p, n); }

static bool read_any(WeightFile *f)
{
    if (is_zip(f->map, f->n))
        return npz_read(f);
    if (is_safetensors(f->map, f->n))
        return safetensors_read(f);
    const char *what = f->n == 0 ? "is empty" : f->map[0] == 0x80 ? "is a Python pickle" : "is of an unknown kind";
    error_at(loc_file(f->file), "%s, expected .safetensors or .npz", what);
    return false;
}

bool weights_bind(Arena *a, Graph *g, const char *source, bool surplus_ok, Weights *out)
{
    static const FileLimit limit = {.file = (int64_t)64 << 30, .pipe = (int64_t)4 << 30, .wanted = may_be_weights};
    *out = (Weights){0};
    if (!strncmp(source, "random:", 7))
        return bind_random(a, g, source, out);
    WeightFile *f = NEW(a, WeightFile, 1);
    f->arena = a;
    f->index = map_new(a);
    f->map = map_within(source, &limit, &f->n);
    if (!f->map)
        return false;
    out->file = f;
    f->file = diag_file(strcmp(source, "-") ? source : "<stdin>", NULL, 0);
    if (!read_any(f) || !bind_file(g, f, surplus_ok)) {
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
