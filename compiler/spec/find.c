/* The file that a command line means by a spec: a path, or the name of a bundled one. */
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "spec.h"

enum { MAX_BUNDLED = 1000 };

typedef VEC(const char *) Names;

/* A file or a pipe. */
static bool is_file(const char *path)
{
    struct stat st;
    return !stat(path, &st) && !S_ISDIR(st.st_mode);
}

const char *spec_libdir(Arena *A)
{
    char exe[4096];
    ssize_t n = readlink("/proc/self/exe", exe, sizeof exe - 1);
    const char *env = getenv("DSQC_SPECS");
    if (env && *env)
        return env;
    if (n <= 0)
        return NULL;
    exe[n] = 0;
    char *slash = strrchr(exe, '/');
    if (!slash)
        return NULL;
    *slash = 0;
    static const char *const places[] = {"../share/dsqc/specs", "../specs"};
    for (int i = 0; i < LEN(places); i++) {
        char *real = realpath(arena_printf(A, "%s/%s", exe, places[i]), NULL);
        if (!real)
            continue;
        const char *dir = arena_strndup(A, real, strlen(real));
        free(real);
        return dir;
    }
    return NULL;
}

static size_t stem(const char *name)
{
    size_t n = strlen(name);
    return n > 5 && !strcmp(name + n - 5, ".yaml") ? n - 5 : n > 4 && !strcmp(name + n - 4, ".yml") ? n - 4 : n;
}

/* The specs in libdir and one folder below, as a command line names them; modules are no specs. */
static void list_bundled(Arena *A, const char *libdir, const char *folder, Names *out)
{
    DIR *d = opendir(arena_printf(A, "%s/%s", libdir, folder));
    for (struct dirent *e; d && out->n < MAX_BUNDLED && (e = readdir(d));) {
        size_t n = stem(e->d_name);
        if (e->d_name[0] == '.')
            continue;
        if (e->d_name[n])
            PUSH(A, out, arena_printf(A, "%s%.*s", folder, (int)n, e->d_name));
        else if (!*folder && strcmp(e->d_name, "modules"))
            list_bundled(A, libdir, arena_printf(A, "%s/", e->d_name), out);
    }
    if (d)
        closedir(d);
}

/* The bundled spec that is nearest, with its folder or, of both, without; NULL where none is near. */
static const char *near_bundled(Arena *A, const char *name, const char *libdir)
{
    Names all = {0}, base = {0};
    list_bundled(A, libdir, "", &all);
    if (all.n)
        qsort(all.v, (size_t)all.n, sizeof *all.v, by_text);
    for (int i = 0; i < all.n; i++) {
        const char *slash = strrchr(all.v[i], '/');
        PUSH(A, &base, slash ? slash + 1 : all.v[i]);
    }
    const char *said = arena_strndup(A, name, stem(name)), *slash = strrchr(said, '/');
    const char *near = nearest_name(said, all.v, all.n);
    if (near)
        return near;
    near = nearest_name(slash ? slash + 1 : said, base.v, base.n);
    for (int i = 0; near && i < base.n; i++)
        if (base.v[i] == near)
            return all.v[i];
    return NULL;
}

const char *spec_find(Arena *A, const char *name, const char *libdir)
{
    struct stat st;
    if (!strcmp(name, "-") || is_file(name))
        return name;
    const char *path = libdir && *name != '/' ? arena_printf(A, "%s/%.*s.yaml", libdir, (int)stem(name), name) : NULL;
    if (path && is_file(path))
        return path;
    if (!stat(name, &st)) /* a folder: reading it says so */
        return name;
    const char *near = spec_near_file(A, "", name);
    if (!near || !near[stem(near)]) /* no YAML */
        near = path ? near_bundled(A, name, libdir) : NULL;
    error_at(loc_file(diag_file(name, NULL, 0)), "%s%s%s%s",
             path ? "neither a file nor a bundled spec" : strerror(ENOENT),
             near ? "; did you mean '" : "", near ? near : "", near ? "'?" : "");
    return NULL;
}
