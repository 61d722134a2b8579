/* .npz: a ZIP archive of .npy files, one for each tensor, as numpy.savez and savez_compressed write it. */
#include "file.h"

#include "../io/io.h"
#include "zip.h"

#include <string.h>

static bool ends_with(const char *s, const char *end)
{
    size_t n = strlen(s), m = strlen(end);
    return n >= m && !strcmp(s + n - m, end);
}

static bool read_member(WeightFile *f, const ZipMember *m)
{
    const uint8_t *npy;
    const char *err = ends_with(m->name, ".npy") ? zip_read(f->arena, m, &npy)
        : arena_printf(f->arena, "member '%s' is not a .npy file", m->name);
    if (err) {
        error_at(loc_file(f->file), "%s", err);
        return false;
    }
    Entry e = {.name = arena_strndup(f->arena, m->name, strlen(m->name) - 4)};
    const char *path = arena_printf(f->arena, "%s/%s", diag_path(f->file), m->name);
    return npy_read(f->arena, npy, (size_t)m->size, path, &e.type, &e.data) && weight_file_add(f, e);
}

bool npz_read(WeightFile *f)
{
    Zip zip = {0};
    const char *err = zip_open(f->arena, f->map, f->n, &zip);
    for (int i = 0; i < zip.n && !err; i++)
        if (ends_with(zip.member[i].name, "/data.pkl")) {
            foreign_torch(f);
            return false;
        }
    if (err) {
        error_at(loc_file(f->file), "%s", err);
        return false;
    }
    bool ok = true;
    for (int i = 0; i < zip.n && !diag_full(); i++)
        ok = read_member(f, &zip.member[i]) && ok;
    return ok;
}
