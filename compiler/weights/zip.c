/* ZIP archives, with zlib for what is deflated. Section numbers are those of PKWARE's APPNOTE.TXT 6.3. */
#include "zip.h"

#include <stdlib.h>
#include <string.h>
#include <zlib.h>

enum { END_BYTES = 22, LOCATOR_BYTES = 20, END64_BYTES = 56, ENTRY_BYTES = 46, LOCAL_BYTES = 30 };
/* Deflate packs at best 258 bytes into 2 bits. */
enum { BEST_RATIO = 1032 };
#define TOTAL_MAX ((int64_t)8 << 30)

typedef struct Bytes { const uint8_t *p; int64_t n; } Bytes;

static uint64_t le(const uint8_t *p, int n)
{
    uint64_t v = 0;
    for (int i = 0; i < n; i++)
        v |= (uint64_t)p[i] << 8 * i;
    return v;
}

/* [at, at + n) of b, or NULL where it is not inside. */
static const uint8_t *part(Bytes b, uint64_t at, uint64_t n)
{
    return at <= (uint64_t)b.n && n <= (uint64_t)b.n - at ? b.p + at : NULL;
}

/* 4.3.16: the end record, searched backwards over the longest comment. */
static int64_t find_end(Bytes b)
{
    for (int64_t at = b.n - END_BYTES; at >= 0 && at >= b.n - END_BYTES - 65535; at--)
        if (!memcmp(b.p + at, "PK\5\6", 4) && at + END_BYTES + (int64_t)le(b.p + at + 20, 2) == b.n)
            return at;
    return -1;
}

typedef struct Directory { uint64_t entries, size, offset; } Directory;

static bool read_end(Bytes b, Directory *d)
{
    int64_t at = find_end(b);
    if (at < 0)
        return false;
    *d = (Directory){le(b.p + at + 10, 2), le(b.p + at + 12, 4), le(b.p + at + 16, 4)};
    if (d->entries != 0xffff && d->size != 0xffffffff && d->offset != 0xffffffff)
        return true;
    /* 4.3.15, 4.3.14: the ZIP64 locator in front, and the record that it points to */
    if (at < LOCATOR_BYTES || memcmp(b.p + at - LOCATOR_BYTES, "PK\6\7", 4))
        return true;
    const uint8_t *r = part(b, le(b.p + at - LOCATOR_BYTES + 8, 8), END64_BYTES);
    if (!r || memcmp(r, "PK\6\6", 4))
        return false;
    *d = (Directory){le(r + 32, 8), le(r + 40, 8), le(r + 48, 8)};
    return true;
}

/* 4.5.3: 64-bit values of those fields that are all ones, in this order. */
static bool read_zip64(Bytes extra, uint64_t *size, uint64_t *packed, uint64_t *offset)
{
    uint64_t *field[] = {size, packed, offset};
    for (int64_t at = 0; at + 4 <= extra.n;) {
        int64_t id = (int64_t)le(extra.p + at, 2), n = (int64_t)le(extra.p + at + 2, 2);
        at += 4;
        if (n > extra.n - at)
            return false;
        for (int i = 0; i < LEN(field) && id == 1; i++) {
            if (*field[i] != 0xffffffff)
                continue;
            if (n < 8)
                return false;
            *field[i] = le(extra.p + at, 8);
            at += 8;
            n -= 8;
        }
        at += n;
    }
    return true;
}

/* One entry of the directory at e (4.3.12) and its local header (4.3.7). */
static const char *read_entry(Arena *a, Bytes b, const uint8_t *e, Bytes name, Bytes extra, ZipMember *m)
{
    uint64_t packed = le(e + 20, 4), size = le(e + 24, 4), offset = le(e + 42, 4), flags = le(e + 8, 2);
    int method = (int)le(e + 10, 2);
    m->name = arena_strndup(a, (const char *)name.p, (size_t)name.n);
    if (memchr(name.p, 0, (size_t)name.n) || !name.n)
        return "a member's name is empty or holds a NUL";
    if (!read_zip64(extra, &size, &packed, &offset))
        return arena_printf(a, "member '%s': its ZIP64 field is damaged", m->name);
    if (flags & 1)
        return arena_printf(a, "member '%s' is encrypted", m->name);
    if (method != 0 && method != 8)
        return arena_printf(a, "member '%s' is packed by method %d, only stored and deflated can be read", m->name,
                            method);
    const uint8_t *local = part(b, offset, LOCAL_BYTES);
    if (!local || memcmp(local, "PK\3\4", 4))
        return arena_printf(a, "member '%s': its place in the archive is wrong", m->name);
    m->data = part(b, offset + LOCAL_BYTES + le(local + 26, 2) + le(local + 28, 2), packed);
    if (!m->data)
        return arena_printf(a, "member '%s' reaches beyond the end of the archive", m->name);
    if (size > (uint64_t)TOTAL_MAX || (method == 0 ? size != packed : size / BEST_RATIO > packed))
        return arena_printf(a, "member '%s' claims a size that it cannot have", m->name);
    m->packed = (int64_t)packed;
    m->size = (int64_t)size;
    m->crc = (uint32_t)le(e + 16, 4);
    m->deflated = method == 8;
    return NULL;
}

const char *zip_open(Arena *a, const uint8_t *data, size_t n, Zip *zip)
{
    Bytes b = {data, (int64_t)n};
    Directory d;
    if (!read_end(b, &d))
        return "the archive has no end, it may have been cut off";
    const uint8_t *p = part(b, d.offset, d.size);
    if (!p || d.entries > d.size / ENTRY_BYTES)
        return "the archive's directory does not fit into it";
    *zip = (Zip){NEW(a, ZipMember, d.entries), 0};
    Bytes dir = {p, (int64_t)d.size};
    int64_t at = 0, total = 0;
    while ((uint64_t)zip->n < d.entries) {
        const uint8_t *e = part(dir, (uint64_t)at, ENTRY_BYTES);
        if (!e || memcmp(e, "PK\1\2", 4))
            return "the archive's directory is damaged";
        Bytes name = {e + ENTRY_BYTES, (int64_t)le(e + 28, 2)}, extra = {name.p + name.n, (int64_t)le(e + 30, 2)};
        int64_t whole = ENTRY_BYTES + name.n + extra.n + (int64_t)le(e + 32, 2);
        if (!part(dir, (uint64_t)at, (uint64_t)whole))
            return "the archive's directory is damaged";
        ZipMember *m = &zip->member[zip->n];
        const char *err = read_entry(a, b, e, name, extra, m);
        if (err)
            return err;
        if ((total += m->size) > TOTAL_MAX)
            return "the archive would unpack to more than 8 GiB";
        zip->n++;
        at += whole;
    }
    return NULL;
}

/* Memory that does not fail: inflate() would call the data damaged. */
static void *zip_memory(void *user, uInt n, uInt size)
{
    size_t bytes;
    (void)user;
    if (__builtin_mul_overflow((size_t)n, size, &bytes))
        out_of_memory();
    return mem_alloc(bytes);
}

static void give_back(void *user, void *p)
{
    (void)user;
    free(p);
}

/* Inflates the first n bytes to out; where that is all, there must be no more. */
static bool inflate_member(const ZipMember *m, int64_t n, uint8_t *out)
{
    z_stream z = {.zalloc = zip_memory, .zfree = give_back};
    if (inflateInit2(&z, -MAX_WBITS) != Z_OK)
        out_of_memory();
    const int64_t most = 1 << 30;
    int64_t in = 0, made = 0;
    int rc = Z_OK;
    uint8_t none[1];
    while (rc == Z_OK) {
        int64_t give = imin(m->packed - in, most), room = imin(n - made, most);
        z.next_in = (Bytef *)(uintptr_t)(m->data + in);
        z.avail_in = (uInt)give;
        z.next_out = room ? out + made : none;
        z.avail_out = (uInt)imax(room, 1);
        rc = inflate(&z, Z_NO_FLUSH);
        in += give - z.avail_in;
        made += imax(room, 1) - z.avail_out;
        if (made > n || (made == n && n < m->size))
            break;
    }
    inflateEnd(&z);
    if (n < m->size)
        return made == n;
    return rc == Z_STREAM_END && made == m->size && in == m->packed;
}

static const char *damaged(Arena *a, const ZipMember *m)
{
    return arena_printf(a, "member '%s' cannot be unpacked, it is damaged", m->name);
}

const char *zip_peek(Arena *a, const ZipMember *m, int64_t n, uint8_t *room, const uint8_t **out)
{
    *out = m->deflated ? room : m->data;
    return !m->deflated || inflate_member(m, n, room) ? NULL : damaged(a, m);
}

const char *zip_read(Arena *a, const ZipMember *m, const uint8_t **out)
{
    *out = m->data;
    if (m->deflated) {
        uint8_t *mem = NEW(a, uint8_t, m->size);
        if (!inflate_member(m, m->size, mem))
            return damaged(a, m);
        *out = mem;
    }
    if (crc32_z(0, *out, (z_size_t)m->size) != m->crc)
        return arena_printf(a, "member '%s' is damaged, its checksum is wrong", m->name);
    return NULL;
}
