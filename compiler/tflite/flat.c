/* FlatBuffers with every offset checked. */
#include "flat.h"

#include <string.h>

static const struct { const char *table, *name; int number; } fields[] = {
#define FIELD(table, name, number) {#table, #name, number},
#include "schema.def"
#undef FIELD
};

enum { PRICE = 16 }; /* of a table, vector or text besides its bytes */

void flat_bad(Flat *f, const char *fmt, ...)
{
    va_list ap;
    if (f->bad)
        return;
    va_start(ap, fmt);
    const char *what = arena_vprintf(f->arena, fmt, ap);
    va_end(ap);
    f->bad = *f->where ? arena_printf(f->arena, "%s: %s", f->where, what) : what;
}

static void bad_field(Flat *f, FlatField x, const char *what)
{
    flat_bad(f, "%s.%s %s", fields[x].table, fields[x].name, what);
}

static bool flat_inside(const Flat *f, size_t at, int64_t bytes)
{
    return bytes >= 0 && at <= f->n && (uint64_t)bytes <= f->n - at;
}

static uint64_t flat_number(const uint8_t *p, int bytes)
{
    uint64_t v = 0;
    for (int i = 0; i < bytes; i++)
        v |= (uint64_t)p[i] << (8 * i);
    return v;
}

static int64_t sign(uint64_t v, int bytes)
{
    int shift = 64 - 8 * bytes;
    return (int64_t)(v << shift) >> shift;
}

static bool charge(Flat *f, int64_t bytes)
{
    f->budget -= bytes + PRICE;
    if (f->budget < 0)
        flat_bad(f, "tables refer to the same bytes too often");
    return f->budget >= 0;
}

/* The table at a place; at 0 after a message. */
static FlatTable open_table(Flat *f, size_t at, const char *what)
{
    FlatTable none = {.f = f}, t = {.f = f, .at = at};
    if (f->bad || !charge(f, 0))
        return none;
    if (!flat_inside(f, at, 4)) {
        flat_bad(f, "%s lies outside the file", what);
        return none;
    }
    int64_t vtable = (int64_t)at - sign(flat_number(f->p + at, 4), 4);
    bool ok = vtable >= 0 && flat_inside(f, (size_t)vtable, 4);
    if (ok) {
        t.vtable = (size_t)vtable;
        t.vbytes = (int)flat_number(f->p + vtable, 2);
        t.bytes = (int)flat_number(f->p + vtable + 2, 2);
        ok = t.vbytes >= 4 && t.vbytes % 2 == 0 && flat_inside(f, t.vtable, t.vbytes) && t.bytes >= 4 &&
             flat_inside(f, at, t.bytes);
    }
    if (!ok)
        flat_bad(f, "%s has a vtable, or a size, that lies outside the file", what);
    return ok ? t : none;
}

bool flat_open(Flat *f, Arena *A, const uint8_t *p, size_t n, const char *identifier, FlatTable *root)
{
    *f = (Flat){.arena = A, .p = p, .n = n, .budget = 32 * (int64_t)n + (1 << 16), .where = ""};
    *root = (FlatTable){.f = f};
    if (n < 8 || memcmp(p + 4, identifier, 4)) {
        flat_bad(f, "it does not begin as one, with the identifier %s", identifier);
        return false;
    }
    *root = open_table(f, (size_t)flat_number(p, 4), "its root");
    return !f->bad;
}

/* Where a field of so many bytes lies, or 0. */
static size_t find_field(FlatTable t, FlatField x, int bytes)
{
    int slot = 4 + 2 * fields[x].number;
    if (!t.at || t.f->bad || slot + 2 > t.vbytes)
        return 0;
    int at = (int)flat_number(t.f->p + t.vtable + slot, 2);
    if (at && (at < 4 || at + bytes > t.bytes))
        bad_field(t.f, x, "lies outside its table");
    return at && !t.f->bad ? t.at + (size_t)at : 0;
}

bool flat_has(FlatTable t, FlatField x)
{
    return find_field(t, x, 1) != 0;
}

uint64_t flat_unsigned(FlatTable t, FlatField x, int bytes, uint64_t dflt)
{
    size_t at = find_field(t, x, bytes);
    return at ? flat_number(t.f->p + at, bytes) : dflt;
}

int64_t flat_int(FlatTable t, FlatField x, int bytes, int64_t dflt)
{
    size_t at = find_field(t, x, bytes);
    return at ? sign(flat_number(t.f->p + at, bytes), bytes) : dflt;
}

static float as_float(const uint8_t *p)
{
    uint32_t bits = (uint32_t)flat_number(p, 4);
    float v;
    memcpy(&v, &bits, sizeof v);
    return v;
}

float flat_float(FlatTable t, FlatField x, float dflt)
{
    size_t at = find_field(t, x, 4);
    return at ? as_float(t.f->p + at) : dflt;
}

/* What an offset in a table or vector leads to, at least 4 bytes; 0 after a message. An offset of 0 leads to itself. */
static size_t follow(Flat *f, size_t at)
{
    uint64_t offset = flat_number(f->p + at, 4);
    return offset >= 4 && flat_inside(f, at, (int64_t)offset + 4) ? at + (size_t)offset : 0;
}

FlatTable flat_table(FlatTable t, FlatField x)
{
    size_t at = find_field(t, x, 4);
    if (!at)
        return (FlatTable){.f = t.f};
    size_t to = follow(t.f, at);
    if (!to)
        bad_field(t.f, x, "lies outside the file");
    return to ? open_table(t.f, to, fields[x].name) : (FlatTable){.f = t.f};
}

FlatVector flat_vector(FlatTable t, FlatField x, int element_bytes)
{
    FlatVector none = {.f = t.f};
    size_t at = find_field(t, x, 4), to = at ? follow(t.f, at) : 0;
    if (!at)
        return none;
    int64_t n = to ? (int64_t)flat_number(t.f->p + to, 4) : 0;
    if (!to || !flat_inside(t.f, to + 4, n * element_bytes))
        bad_field(t.f, x, "reaches beyond the file's end");
    bool data = x == Buffer_data; /* looked at when a constant is used */
    if (t.f->bad || !charge(t.f, data ? 0 : n * element_bytes))
        return none;
    return (FlatVector){t.f, t.f->p + to + 4, n, to + 4};
}

const char *flat_text(FlatTable t, FlatField x)
{
    FlatVector v = flat_vector(t, x, 1);
    if (!v.p)
        return "";
    if (!flat_inside(t.f, v.at, v.n + 1) || v.p[v.n] || memchr(v.p, 0, (size_t)v.n)) {
        bad_field(t.f, x, "is no text with a byte of 0 at its end alone");
        return "";
    }
    return (const char *)v.p;
}

int64_t vector_int(FlatVector v, int64_t i, int bytes)
{
    return sign(flat_number(v.p + i * bytes, bytes), bytes);
}

float vector_float(FlatVector v, int64_t i)
{
    return as_float(v.p + i * 4);
}

FlatTable vector_table(FlatVector v, int64_t i)
{
    if (v.f->bad)
        return (FlatTable){.f = v.f};
    size_t to = follow(v.f, v.at + (size_t)i * 4);
    if (!to)
        flat_bad(v.f, "it lies outside the file");
    return to ? open_table(v.f, to, "it") : (FlatTable){.f = v.f};
}
