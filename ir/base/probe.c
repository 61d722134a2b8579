/* Outputs that cannot be written are found before the work that they are to hold. */
#include "files.h"
#include "cleanup.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static bool probe_error(const char *path, int why)
{
    error_at(loc_file(diag_file(path, NULL, 0)), "cannot write: %s",
             why == ENOTDIR ? "it is a file, expected a directory" : strerror(why));
    return false;
}

/* 0, or why no file can be made in dir. */
static int no_file_in(const char *dir)
{
    Buf pattern = {0};
    int fd;
    buf_printf(&pattern, "%s/.dsqc-probe.XXXXXX", dir);
    Temp *t = temp_file(pattern.s, &fd);
    int why = errno;
    buf_free(&pattern);
    if (!t)
        return why;
    close(fd);
    temp_remove(t);
    return 0;
}

/* Cuts the last name off; what is left where there is one name only is "/" or ".". */
static void to_parent(char *dir)
{
    size_t n = strlen(dir);
    while (n > 1 && dir[n - 1] == '/')
        n--;
    while (n > 0 && dir[n - 1] != '/')
        n--;
    while (n > 1 && dir[n - 1] == '/')
        n--;
    if (!n)
        dir[n++] = '.';
    dir[n] = 0;
}

static bool is_top(const char *dir)
{
    return !strcmp(dir, "/") || !strcmp(dir, ".");
}

bool outdir_writable(const char *dir)
{
    struct stat st;
    Arena *A = arena_new();
    char *at = arena_strndup(A, *dir ? dir : ".", strlen(*dir ? dir : "."));
    int why;
    while ((why = no_file_in(at)) == ENOENT && lstat(at, &st) && !is_top(at))
        to_parent(at);
    if (why)
        probe_error(dir, why);
    arena_free(A);
    return !why;
}

/* Where a path that is not there yet will lead, "." and doubled slashes left out; names that are there are followed. */
static const char *place_of(Arena *A, const char *path)
{
    char *real = realpath(path, NULL), *above = arena_strndup(A, path, strlen(path));
    if (real) {
        const char *place = arena_strndup(A, real, strlen(real));
        free(real);
        return place;
    }
    to_parent(above);
    size_t n = strlen(path), end;
    while (n > 1 && path[n - 1] == '/')
        n--;
    for (end = n; n > 0 && path[n - 1] != '/';)
        n--;
    const char *name = arena_strndup(A, path + n, end - n), *before = strcmp(above, path) ? place_of(A, above) : above;
    return strcmp(name, ".") ? arena_printf(A, "%s/%s", strcmp(before, "/") ? before : "", name) : before;
}

/* Whether making `folder` makes the folder that path is in, which is not there. */
static bool comes_with(Arena *A, const char *path, const char *folder)
{
    struct stat st;
    char *in = arena_strndup(A, path, strlen(path));
    to_parent(in);
    if (!stat(in, &st) || errno != ENOENT)
        return false;
    const char *above = place_of(A, in), *place = place_of(A, folder);
    size_t n = strlen(above);
    return !strncmp(above, place, n) && (!place[n] || place[n] == '/');
}

bool out_writable(const char *path, const char *made)
{
    struct stat st;
    bool there = strcmp(path, "-") && !stat(path, &st);
    if (there && !S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode)) /* out_open leaves devices and pipes alone */
        return !access(path, W_OK) || probe_error(path, errno);
    Arena *A = arena_new();
    bool later = !there && made && comes_with(A, path, made);
    OutFile *o = later ? NULL : out_open(path);
    arena_free(A);
    out_abort(o);
    return later || o;
}
