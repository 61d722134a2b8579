/* .npz: a ZIP archive of .npy files, one for each tensor, as numpy.savez and savez_compressed write it. */
#include "file.h"

#include "../io/io.h"
#include "zip.h"

#include <string.h>

static const char *path_of(const WeightFile *f, const ZipMember *m)
{
    return arena_printf(f->arena, "%s/%s", diag_path(f->file), m->name);
}

static bool npz_error(const WeightFile *f, const char *err)
{
    if (err)
        error_at(loc_file(f->file), "%s", err);
    return !err;
}

enum { FIRST = 1 << 10, MOST_HEADER = 1 << 12 };

/* The shape of a member. Its header alone is unpacked, to scratch: a kilobyte is enough for all but strange ones. */
static bool member_shape(WeightFile *f, const ZipMember *m, uint8_t scratch[MOST_HEADER], Type *t)
{
    const uint8_t *start;
    int64_t need = FIRST;
    for (int64_t have = 0; have < imin(need, m->size);) {
        have = imin(need, m->size);
        if (!npz_error(f, zip_peek(f->arena, m, have, scratch, &start)))
            return false;
        need = npy_header_bytes(start, (size_t)have);
        if (need > MOST_HEADER) {
            error_at(loc_file(diag_file(path_of(f, m), NULL, 0)), "its header takes %lld bytes, of at most %d",
                     (long long)need, MOST_HEADER);
            return false;
        }
    }
    return npy_type(f->arena, start, (size_t)imin(need, m->size), m->size, path_of(f, m), t);
}

static bool read_member(WeightFile *f, const ZipMember *m, uint8_t scratch[MOST_HEADER])
{
    if (!text_ends_with(m->name, ".npy"))
        return npz_error(f, arena_printf(f->arena, "member '%s' is not a .npy file", m->name));
    Entry e = {.name = arena_strndup(f->arena, m->name, strlen(m->name) - 4), .member = m};
    return weight_file_add(f, e) && member_shape(f, m, scratch, &f->entry.v[f->entry.n - 1].type);
}

bool npz_load(WeightFile *f, Entry *e)
{
    const uint8_t *npy;
    Type t;
    return npz_error(f, zip_read(f->arena, e->member, &npy)) &&
           npy_read(f->arena, npy, (size_t)e->member->size, path_of(f, e->member), &t, &e->data);
}

bool npz_read(WeightFile *f)
{
    Zip zip = {0};
    const char *err = zip_open(f->arena, f->map, f->n, &zip);
    for (int i = 0; i < zip.n && !err; i++)
        if (text_ends_with(zip.member[i].name, "/data.pkl")) {
            foreign_torch(f);
            return false;
        }
    if (err) {
        error_at(loc_file(f->file), "%s", err);
        return false;
    }
    bool ok = true;
    uint8_t *scratch = NEW(f->arena, uint8_t, MOST_HEADER);
    for (int i = 0; i < zip.n && !diag_full(); i++)
        ok = read_member(f, &zip.member[i], scratch) && ok;
    return ok;
}
