/* Files out. Everything is written under a name of its own beside its place and renamed when it is whole. What has not
   been renamed when the process ends, by exit or by a signal, is removed, and so are folders made for it. */
#include "io.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- what has to go if we end early ---- */

/* The newest first, so that files go before the folder that they are in. The signal handler reads this list at any
   moment: entries are complete before they are linked in, and the handler does not return. A child that failed to exec
   leaves its parent's files alone. */
typedef struct Doomed { struct Doomed *next; char *path; bool folder; pid_t owner; } Doomed;
static Doomed *volatile doomed;

static void remove_doomed(void)
{
    for (const Doomed *d = doomed; d; d = d->next) {
        if (d->owner != getpid())
            continue;
        if (d->folder)
            rmdir(d->path);
        else
            unlink(d->path);
    }
}

static void on_signal(int sig)
{
    remove_doomed();
    signal(sig, SIG_DFL);
    raise(sig);
}

static const int signals[] = {SIGINT, SIGTERM, SIGHUP};

static void guard(void)
{
    static bool on;
    if (on)
        return;
    on = true;
    atexit(remove_doomed);
    for (int i = 0; i < LEN(signals); i++) {
        struct sigaction old, act = {.sa_handler = on_signal};
        if (!sigaction(signals[i], NULL, &old) && !(old.sa_flags & SA_SIGINFO) && old.sa_handler == SIG_DFL)
            sigaction(signals[i], &act, NULL);
    }
}

/* Between making a file and listing it no signal may come in. */
static void hold_signals(sigset_t *old)
{
    sigset_t set;
    sigemptyset(&set);
    for (int i = 0; i < LEN(signals); i++)
        sigaddset(&set, signals[i]);
    sigprocmask(SIG_BLOCK, &set, old);
}

static char *join(const char *a, const char *b, const char *c)
{
    Buf s = {0};
    buf_puts(&s, a);
    buf_puts(&s, b);
    buf_puts(&s, c);
    return s.s;
}

/* Takes path over. */
static Doomed *doom(char *path, bool folder)
{
    Doomed *d = malloc(sizeof *d);
    if (!d)
        out_of_memory();
    *d = (Doomed){doomed, path, folder, getpid()};
    __atomic_signal_fence(__ATOMIC_SEQ_CST);
    doomed = d;
    return d;
}

static void spare(Doomed *d)
{
    if (doomed == d) {
        doomed = d->next;
    } else {
        Doomed *p = doomed;
        while (p->next != d)
            p = p->next;
        p->next = d->next;
    }
    __atomic_signal_fence(__ATOMIC_SEQ_CST);
    free(d->path);
    free(d);
}

static bool fail(const char *path, const char *what)
{
    error_at(loc_file(diag_file(path, NULL, 0)), "cannot write: %s", what);
    return false;
}

/* ---- one file ---- */

struct OutFile {
    char *path;    /* the place, symbolic links followed; NULL for standard output */
    Doomed *temp;  /* NULL: not a regular file, kept in buf until commit */
    FILE *f;
    Buf buf;
    bool failed;
};

/* A new file beside path, as rights an ordinary new file's, or those of the file that it will replace. */
static FILE *open_beside(const char *path, Doomed **temp)
{
    const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
    size_t folder = (size_t)(name - path);
    Buf t = {0};
    buf_write(&t, path, folder);
    buf_putc(&t, '.');
    buf_write(&t, name, (size_t)imin((int64_t)strlen(name), 200));
    buf_puts(&t, ".XXXXXX");
    guard();
    sigset_t old;
    hold_signals(&old);
    int fd = mkostemp(t.s, O_CLOEXEC);
    FILE *f = fd < 0 ? NULL : fdopen(fd, "wb");
    if (f)
        *temp = doom(t.s, false);
    sigprocmask(SIG_SETMASK, &old, NULL);
    if (!f) {
        fail(path, strerror(errno));
        if (fd >= 0) {
            close(fd);
            unlink(t.s);
        }
        buf_free(&t);
        return NULL;
    }
    struct stat st;
    mode_t mask = umask(0);
    umask(mask);
    mode_t mode = !lstat(path, &st) && S_ISREG(st.st_mode) ? st.st_mode & 0777 : 0666 & ~mask;
    if (fchmod(fd, mode)) {
        fail(path, strerror(errno));
        fclose(f);
        unlink((*temp)->path);
        spare(*temp);
        return NULL;
    }
    return f;
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
        o->path = join(path, "", "");
    struct stat st;
    if (!stat(o->path, &st) && !S_ISREG(st.st_mode)) {
        if (S_ISDIR(st.st_mode)) {
            fail(path, "it is a directory");
            out_abort(o);
            return NULL;
        }
        return o; /* a device or pipe must not be renamed over */
    }
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
        fail(o->path ? o->path : "<stdout>", strerror(errno));
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
    if (rename(o->temp->path, o->path))
        return write_fails(o);
    spare(o->temp);
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
    if (o->temp) {
        unlink(o->temp->path);
        spare(o->temp);
    }
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
    VEC(Doomed *) made; /* folders that were not there, outermost first */
    VEC(OutFile *) file;
    bool failed;
};

static bool make_folder(OutDir *o, const char *path)
{
    struct stat st;
    sigset_t old;
    hold_signals(&old);
    bool ok = !mkdir(path, 0777);
    int why = errno;
    if (ok)
        PUSH(o->arena, &o->made, doom(join(path, "", ""), true));
    sigprocmask(SIG_SETMASK, &old, NULL);
    if (ok)
        return true;
    if (!stat(path, &st))
        return S_ISDIR(st.st_mode) || fail(path, "it is a file, expected a directory");
    return fail(path, strerror(why));
}

OutDir *outdir_open(const char *dir)
{
    OutDir *o = calloc(1, sizeof *o);
    if (!o)
        out_of_memory();
    o->arena = arena_new();
    o->dir = arena_strndup(o->arena, *dir ? dir : ".", strlen(*dir ? dir : "."));
    guard();
    bool ok = true;
    for (char *slash = strchr(o->dir + 1, '/'); ok && slash; slash = strchr(slash + 1, '/')) {
        *slash = 0;
        ok = make_folder(o, o->dir);
        *slash = '/';
    }
    if (ok && make_folder(o, o->dir))
        return o;
    outdir_abort(o);
    return NULL;
}

/* Opens the temporary file beside the output `name`. */
static OutFile *begin(OutDir *o, const char *name)
{
    if (!*name || strchr(name, '/') || !strcmp(name, ".") || !strcmp(name, ".."))
        bug("output file '%s' would not be in its folder", name);
    if (o->failed)
        return NULL;
    OutFile *f = calloc(1, sizeof *f);
    if (!f)
        out_of_memory();
    f->path = join(o->dir, "/", name);
    PUSH(o->arena, &o->file, f);
    struct stat st;
    bool ok = lstat(f->path, &st) || !S_ISDIR(st.st_mode) || fail(f->path, "it is a directory");
    ok = ok && (f->f = open_beside(f->path, &f->temp));
    o->failed = !ok;
    return ok ? f : NULL;
}

bool outdir_add_pieces(OutDir *o, const char *name, const Piece *piece, int n)
{
    OutFile *f = begin(o, name);
    bool ok = f != NULL;
    for (int i = 0; i < n && ok; i++)
        ok = out_write(f, piece[i].p, piece[i].n);
    ok = ok && finish_temp(f);
    o->failed = !ok;
    return ok;
}

bool outdir_add(OutDir *o, const char *name, const void *p, size_t n)
{
    return outdir_add_pieces(o, name, &(Piece){p, n}, 1);
}

/* In pieces: a file may be larger than what the compiler should need. */
bool outdir_add_file(OutDir *o, const char *name, const char *path)
{
    char piece[1 << 16];
    FILE *in = fopen(path, "rb");
    if (!in)
        return fail(path, strerror(errno));
    OutFile *f = begin(o, name);
    bool ok = f != NULL;
    for (size_t n; ok && (n = fread(piece, 1, sizeof piece, in));)
        ok = out_write(f, piece, n);
    ok = ok && (!ferror(in) || fail(path, "it cannot be read")) && finish_temp(f);
    fclose(in);
    o->failed = !ok;
    return ok;
}

/* A rename fails only if the folder changes under us; new files are taken back then, replaced ones stay replaced. */
bool outdir_commit(OutDir *o)
{
    int done = 0;
    bool *fresh = NEW(o->arena, bool, o->file.n);
    for (; !o->failed && done < o->file.n; done += !o->failed) {
        struct stat st;
        fresh[done] = lstat(o->file.v[done]->path, &st) != 0;
        o->failed = !rename_temp(o->file.v[done]);
    }
    if (o->failed) {
        while (done-- > 0)
            if (fresh[done])
                unlink(o->file.v[done]->path);
        outdir_abort(o);
        return false;
    }
    for (int i = 0; i < o->made.n; i++)
        spare(o->made.v[i]);
    o->made.n = 0;
    outdir_abort(o);
    return true;
}

void outdir_abort(OutDir *o)
{
    if (!o)
        return;
    for (int i = 0; i < o->file.n; i++)
        out_abort(o->file.v[i]);
    for (int i = o->made.n - 1; i >= 0; i--) {
        rmdir(o->made.v[i]->path);
        spare(o->made.v[i]);
    }
    arena_free(o->arena);
    free(o);
}
