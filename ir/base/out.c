/* Files out. Everything is written under a name of its own beside its place and renamed when it is whole. What has not
   been renamed when the process ends, by exit or by a signal, is removed, and so are folders made for it. */
#include "files.h"
#include "cleanup.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static char *joined_text(const char *a, const char *b, const char *c)
{
    Buf s = {0};
    buf_puts(&s, a);
    buf_puts(&s, b);
    buf_puts(&s, c);
    return s.s;
}

static bool write_error(const char *path, const char *what)
{
    error_at(loc_file(diag_file(path, NULL, 0)), "cannot write: %s", what);
    return false;
}

/* ---- one file ---- */

struct OutFile {
    char *path;    /* the place, symbolic links followed; NULL for standard output */
    Temp *temp;    /* NULL: not a regular file, kept in buf until commit */
    FILE *f;
    Buf buf;
    bool failed;
};

/* A new file beside path, as rights an ordinary new file's, or those of the file that it will replace. */
static FILE *open_beside(const char *path, Temp **temp)
{
    const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
    Buf pattern = {0};
    buf_write(&pattern, path, (size_t)(name - path));
    buf_putc(&pattern, '.');
    buf_write(&pattern, name, (size_t)imin((int64_t)strlen(name), 200));
    buf_puts(&pattern, ".XXXXXX");
    int fd;
    *temp = temp_file(pattern.s, &fd);
    if (!*temp) {
        write_error(path, strerror(errno));
        buf_free(&pattern);
        return NULL;
    }
    buf_free(&pattern);
    struct stat st;
    mode_t mask = umask(0);
    umask(mask);
    mode_t mode = !lstat(path, &st) && S_ISREG(st.st_mode) ? st.st_mode & 0777 : 0666 & ~mask;
    FILE *f = fdopen(fd, "wb");
    if (!f)
        out_of_memory();
    if (!fchmod(fd, mode))
        return f;
    write_error(path, strerror(errno));
    fclose(f);
    temp_remove(*temp);
    *temp = NULL;
    return NULL;
}

OutFile *out_open(const char *path)
{
    OutFile *o = calloc(1, sizeof *o);
    if (!o)
        out_of_memory();
    if (!strcmp(path, "-"))
        return o;
    o->path = realpath(path, NULL);
    if (!o->path)
        o->path = joined_text(path, "", "");
    struct stat st;
    if (!stat(o->path, &st) && !S_ISREG(st.st_mode)) {
        if (S_ISDIR(st.st_mode)) {
            write_error(path, "it is a directory");
            out_abort(o);
            return NULL;
        }
        return o; /* a device or pipe must not be renamed over */
    }
    if (file_was_read(o->path))
        write_error(path, "this command reads it, too");
    else
        o->f = open_beside(o->path, &o->temp);
    if (!o->f) {
        out_abort(o);
        return NULL;
    }
    return o;
}

static bool write_fails(OutFile *o)
{
    if (!o->failed)
        write_error(o->path ? o->path : "<stdout>", strerror(errno));
    o->failed = true;
    return false;
}

bool out_write(OutFile *o, const void *p, size_t n)
{
    if (o->failed)
        return false;
    if (!o->f)
        buf_write(&o->buf, p, n);
    else if (n && fwrite(p, 1, n, o->f) != n)
        return write_fails(o);
    return true;
}

static bool write_through(OutFile *o)
{
    FILE *f = o->path ? fopen(o->path, "wb") : stdout;
    if (!f)
        return write_fails(o);
    bool ok = (!o->buf.n || fwrite(o->buf.s, 1, o->buf.n, f) == o->buf.n) && !fflush(f);
    if (!ok)
        write_fails(o);
    if (f != stdout)
        fclose(f);
    return ok;
}

/* Everything is on its way to the disk; the temporary name stays. */
static bool finish_temp(OutFile *o)
{
    FILE *f = o->f;
    o->f = NULL;
    return !fclose(f) || write_fails(o);
}

static bool rename_temp(OutFile *o)
{
    if (!temp_rename(o->temp, o->path))
        return write_fails(o);
    o->temp = NULL;
    return true;
}

bool out_commit(OutFile *o)
{
    bool ok = !o->failed && (o->temp ? finish_temp(o) && rename_temp(o) : write_through(o));
    out_abort(o);
    return ok;
}

void out_abort(OutFile *o)
{
    if (!o)
        return;
    if (o->f)
        fclose(o->f);
    if (o->temp)
        temp_remove(o->temp);
    free(o->path);
    buf_free(&o->buf);
    free(o);
}

bool write_file(const char *path, const void *p, size_t n)
{
    OutFile *o = out_open(path);
    if (!o)
        return false;
    if (out_write(o, p, n))
        return out_commit(o);
    out_abort(o);
    return false;
}

/* ---- a folder of files ---- */

struct OutDir {
    Arena *arena;
    char *dir;
    VEC(Temp *) made; /* folders that were not there, outermost first */
    VEC(OutFile *) file;
    VEC(const char *) old; /* what goes when they appear */
    int lock;              /* descriptor of the folder; -1: it is not locked */
    bool failed;
};

static bool make_folder(OutDir *o, const char *path)
{
    struct stat st;
    Temp *t = temp_folder(path);
    int why = errno;
    if (t)
        PUSH(o->arena, &o->made, t);
    else if (!stat(path, &st))
        return S_ISDIR(st.st_mode) || write_error(path, "it is a file, expected a directory");
    return t || write_error(path, strerror(why));
}

/* With the folders above it. */
static bool make_folders(OutDir *o)
{
    bool ok = true;
    for (char *slash = strchr(o->dir + 1, '/'); ok && slash; slash = strchr(slash + 1, '/')) {
        *slash = 0;
        ok = make_folder(o, o->dir);
        *slash = '/';
    }
    return ok && make_folder(o, o->dir);
}

OutDir *outdir_open(const char *dir)
{
    OutDir *o = calloc(1, sizeof *o);
    if (!o)
        out_of_memory();
    o->arena = arena_new();
    o->lock = -1;
    o->dir = arena_strndup(o->arena, *dir ? dir : ".", strlen(*dir ? dir : "."));
    if (make_folders(o))
        return o;
    outdir_abort(o);
    return NULL;
}

/* Some file systems do not tell case. */
bool outdir_has(const OutDir *o, const char *name)
{
    for (int i = 0; i < o->file.n; i++)
        if (!strcasecmp(o->file.v[i]->path + strlen(o->dir) + 1, name))
            return true;
    return false;
}

/* Opens the temporary file beside the output `name`. */
OutFile *outdir_begin(OutDir *o, const char *name)
{
    if (!*name || strchr(name, '/') || !strcmp(name, ".") || !strcmp(name, ".."))
        bug("output file '%s' would not be in its folder", name);
    if (outdir_has(o, name))
        bug("output file '%s' would be written twice", name);
    if (o->failed)
        return NULL;
    OutFile *f = calloc(1, sizeof *f);
    if (!f)
        out_of_memory();
    f->path = joined_text(o->dir, "/", name);
    PUSH(o->arena, &o->file, f);
    struct stat st;
    /* Where nothing is in it yet, another process that found no folder and then failed may have taken it away. */
    bool ok = o->file.n > 1 || make_folders(o);
    ok = ok && (lstat(f->path, &st) || !S_ISDIR(st.st_mode) || write_error(f->path, "it is a directory"));
    ok = ok && (f->f = open_beside(f->path, &f->temp));
    o->failed = !ok;
    return ok ? f : NULL;
}

bool outdir_end(OutDir *o, OutFile *f)
{
    bool ok = f && !f->failed && finish_temp(f);
    o->failed = !ok;
    return ok;
}

bool outdir_add(OutDir *o, const char *name, const void *p, size_t n)
{
    OutFile *f = outdir_begin(o, name);
    if (f)
        out_write(f, p, n);
    return outdir_end(o, f);
}

/* In pieces: a file may be larger than what the compiler should need. */
bool outdir_add_file(OutDir *o, const char *name, const char *path)
{
    char piece[1 << 16];
    FILE *in = fopen(path, "rb");
    if (!in)
        return write_error(path, strerror(errno));
    OutFile *f = outdir_begin(o, name);
    bool ok = f != NULL;
    for (size_t n; ok && (n = fread(piece, 1, sizeof piece, in));)
        ok = out_write(f, piece, n);
    ok = ok && (!ferror(in) || write_error(path, "it cannot be read")) && finish_temp(f);
    fclose(in);
    o->failed = !ok;
    return ok;
}

const char *outdir_name(const OutDir *o, int i)
{
    return i < o->file.n ? strrchr(o->file.v[i]->path, '/') + 1 : NULL;
}

void outdir_drop(OutDir *o, const char *name)
{
    PUSH(o->arena, &o->old, arena_printf(o->arena, "%s/%s", o->dir, name));
}

/* Where a file system has no locks, things go on without. Nobody holds one for longer than a few renames take, but for
   a program that has locked the folder and waits for us. */
bool outdir_lock(OutDir *o)
{
    enum { TRIES = 1000 };
    const struct timespec pause = {.tv_nsec = 10 * 1000 * 1000};
    o->lock = open(o->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    for (int i = 0; o->lock >= 0 && flock(o->lock, LOCK_EX | LOCK_NB); i++) {
        if (errno != EWOULDBLOCK && errno != EINTR)
            break;
        if (i == TRIES)
            return write_error(o->dir, "another process has locked this folder");
        nanosleep(&pause, NULL);
    }
    return true;
}

/* A rename fails only if the folder changes under us; new files are taken back then, replaced ones stay replaced. */
static bool rename_all(OutDir *o)
{
    int done = 0;
    bool *fresh = NEW(o->arena, bool, o->file.n);
    for (; !o->failed && done < o->file.n; done += !o->failed) {
        struct stat st;
        fresh[done] = lstat(o->file.v[done]->path, &st) != 0;
        o->failed = !rename_temp(o->file.v[done]);
    }
    while (o->failed && done-- > 0)
        if (fresh[done])
            unlink(o->file.v[done]->path);
    return !o->failed;
}

static void remove_old(const OutDir *o)
{
    for (int i = 0; i < o->old.n; i++)
        if (unlink(o->old.v[i]) && errno != ENOENT)
            warn_at(loc_file(diag_file(o->old.v[i], NULL, 0)), "cannot remove this file of an earlier compilation: %s",
                    strerror(errno));
}

/* A signal comes before all of it or behind all of it. */
bool outdir_commit(OutDir *o)
{
    sigset_t before;
    signals_hold(&before);
    bool ok = rename_all(o);
    for (int i = 0; ok && i < o->made.n; i++)
        temp_keep(o->made.v[i]);
    if (ok)
        o->made.n = 0, remove_old(o);
    signals_release(&before);
    outdir_abort(o);
    return ok;
}

void outdir_abort(OutDir *o)
{
    if (!o)
        return;
    for (int i = 0; i < o->file.n; i++)
        out_abort(o->file.v[i]);
    for (int i = o->made.n - 1; i >= 0; i--)
        temp_remove(o->made.v[i]);
    if (o->lock >= 0)
        close(o->lock);
    arena_free(o->arena);
    free(o);
}
