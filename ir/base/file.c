/* Files in: whole, or mapped. */
#include "files.h"
#include "cleanup.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static bool read_error(const char *path, const char *what)
{
    error_at(loc_file(diag_file(strcmp(path, "-") ? path : "<stdin>", NULL, 0)), "%s", what);
    return false;
}

/* An open file. A pipe has delivered its first byte, or is open for writing elsewhere. */
typedef struct In { int fd; bool regular; int nfirst; char first; int64_t size; } In;

/* What kind of file cannot be read, and why; NULL: it can. A terminal is fine as standard input. */
static const char *refused(mode_t mode, int fd, const char *path)
{
    if (S_ISREG(mode) || S_ISFIFO(mode))
        return NULL;
    if (S_ISDIR(mode))
        return "is a directory, expected a file";
    if (!strcmp(path, "-") && (S_ISSOCK(mode) || isatty(fd)))
        return NULL;
    return S_ISSOCK(mode) ? "is a socket, expected a file" : "is a device, expected a file";
}

/* Opening a pipe must not wait for ever: within 0.8 seconds somebody must have opened it for writing. */
static bool await_writer(In *in)
{
    enum { TRIES = 40 };
    const struct timespec pause = {.tv_nsec = 20 * 1000 * 1000};
    for (int i = 0; i < TRIES; i++) {
        ssize_t k = read(in->fd, &in->first, 1);
        in->nfirst = k == 1;
        if (k == 1 || (k < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)))
            return true;
        nanosleep(&pause, NULL);
    }
    return false;
}

/* ---- what has been read ---- */

typedef struct Seen { dev_t dev; ino_t ino; struct timespec at; } Seen; /* at: another file may get its number */
static VEC(Seen) seen;
static char *replaced; /* the one place that may be read and written anew; it need not be there yet */

static bool was_seen(const struct stat *st)
{
    for (int i = 0; i < seen.n; i++)
        if (seen.v[i].dev == st->st_dev && seen.v[i].ino == st->st_ino && seen.v[i].at.tv_sec == st->st_mtim.tv_sec &&
            seen.v[i].at.tv_nsec == st->st_mtim.tv_nsec)
            return true;
    return false;
}

static void note_read(const struct stat *st)
{
    static Arena *kept; /* until the process ends */
    kept = kept ? kept : arena_new();
    if (!was_seen(st))
        PUSH(kept, &seen, ((Seen){st->st_dev, st->st_ino, st->st_mtim}));
}

bool file_was_read(const char *path)
{
    struct stat st;
    char *place = realpath(path, NULL), *again = replaced ? realpath(replaced, NULL) : NULL;
    bool ours = place && again && !strcmp(place, again);
    free(place);
    free(again);
    return !ours && !stat(path, &st) && S_ISREG(st.st_mode) && was_seen(&st);
}

void file_replaces(const char *path)
{
    free(replaced);
    replaced = strdup(path);
    if (!replaced)
        out_of_memory();
}

/* ---- reading ---- */

static bool open_in(const char *path, In *in)
{
    bool standard = !strcmp(path, "-");
    *in = (In){.fd = standard ? dup(STDIN_FILENO) : open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)};
    struct stat st;
    if (in->fd < 0)
        return read_error(path, strerror(errno));
    const char *why = fstat(in->fd, &st) ? strerror(errno) : refused(st.st_mode, in->fd, path);
    if (!why && !standard && S_ISFIFO(st.st_mode) && !await_writer(in))
        why = "is a pipe that nobody writes to";
    if (!why && !standard && fcntl(in->fd, F_SETFL, fcntl(in->fd, F_GETFL) & ~O_NONBLOCK))
        why = strerror(errno);
    if (why) {
        close(in->fd);
        return read_error(path, why);
    }
    in->regular = S_ISREG(st.st_mode);
    if (in->regular)
        note_read(&st);
    in->size = in->regular ? st.st_size : 0;
    return true;
}

/* read() that is not cut short by signals; fewer bytes than asked for mean the end. -1 on error. */
static int64_t read_fully(In *in, char *p, size_t n)
{
    size_t got = 0;
    if (in->nfirst && n) {
        p[got++] = in->first;
        in->nfirst = 0;
    }
    while (got < n) {
        ssize_t k = read(in->fd, p + got, n - got);
        if (k < 0 && errno == EINTR)
            continue;
        if (k < 0)
            return -1;
        if (k == 0)
            break;
        got += (size_t)k;
    }
    return (int64_t)got;
}

static bool file_too_large(const char *path, int64_t max)
{
    char what[80];
    snprintf(what, sizeof what, "larger than %lld bytes, which is the limit here", (long long)max);
    return read_error(path, what);
}

int64_t file_begins(const char *path, char *text, size_t n)
{
    struct stat st;
    In in = {.fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY)};
    int64_t got = in.fd >= 0 && !fstat(in.fd, &st) && S_ISREG(st.st_mode) ? read_fully(&in, text, n - 1) : -1;
    text[got > 0 ? got : 0] = 0;
    if (in.fd >= 0)
        close(in.fd);
    return got;
}

char *read_within(Arena *a, const char *path, const FileLimit *limit, size_t *n)
{
    In in;
    if (!open_in(path, &in))
        return NULL;
    Buf b = {0};
    char chunk[16384], *text = NULL;
    int64_t k = 1, max = in.regular ? limit->file : limit->pipe;
    bool fits = in.size <= max, wanted = true;
    while (fits && wanted && (k = read_fully(&in, chunk, sizeof chunk)) > 0 && (fits = (int64_t)b.n + k <= max)) {
        wanted = b.n || limit->bytes((const uint8_t *)chunk, (size_t)k);
        buf_write(&b, chunk, (size_t)k);
    }
    if (k < 0) {
        read_error(path, strerror(errno));
    } else if (!fits) {
        file_too_large(path, max);
    } else {
        text = arena_strndup(a, b.n ? b.s : "", b.n);
        *n = b.n;
    }
    buf_free(&b);
    close(in.fd);
    return text;
}

static int64_t anything(const uint8_t *p, size_t n)
{
    (void)p, (void)n;
    return INT64_MAX;
}

char *read_file(Arena *a, const char *path, size_t max, size_t *n)
{
    const FileLimit limit = {.file = (int64_t)max, .pipe = (int64_t)max, .bytes = anything};
    return read_within(a, path, &limit, n);
}

/* What may come, as far as the first bytes tell; asked for as long as they do not. */
typedef struct Expected { int64_t bytes; Buf begin; } Expected;

static void expect(Expected *e, const FileLimit *limit, const char *chunk, int64_t k)
{
    if (e->bytes != ASK_AGAIN)
        return;
    buf_write(&e->begin, chunk, (size_t)k);
    e->bytes = limit->bytes((const uint8_t *)e->begin.s, e->begin.n);
    if (e->bytes != ASK_AGAIN)
        buf_free(&e->begin);
}

static bool too_long(const char *path, const FileLimit *limit, int64_t bytes)
{
    char what[80];
    if (bytes > limit->pipe)
        return file_too_large(path, limit->pipe);
    snprintf(what, sizeof what, "goes on after the %lld bytes that its header tells of", (long long)bytes);
    return read_error(path, what);
}

/* Copies a pipe into a file without a name, so that it can be mapped; the first bytes alone where they are not what is
   wanted. Returns its descriptor, or -1. */
static int spool(const char *path, In *in, const FileLimit *limit)
{
    FILE *tmp = temp_nameless();
    int fd = tmp ? dup(fileno(tmp)) : -1;
    char chunk[65536];
    int64_t k = 0;
    Expected e = {.bytes = ASK_AGAIN};
    bool ok = fd >= 0, fits = true;
    in->size = 0;
    while (ok && e.bytes && fits && (k = read_fully(in, chunk, sizeof chunk)) > 0) {
        expect(&e, limit, chunk, k);
        in->size += k;
        fits = !e.bytes || in->size <= imin(limit->pipe, e.bytes == ASK_AGAIN ? INT64_MAX : e.bytes);
        ok = fwrite(chunk, 1, (size_t)k, tmp) == (size_t)k;
    }
    buf_free(&e.begin);
    if (!fits) {
        ok = too_long(path, limit, e.bytes);
    } else if (!ok || k < 0 || fflush(tmp)) {
        ok = read_error(path, strerror(errno));
    }
    if (!ok && fd >= 0)
        close(fd);
    if (tmp)
        fclose(tmp);
    return ok ? fd : -1;
}

const uint8_t *map_within(const char *path, const FileLimit *limit, size_t *n)
{
    static const uint8_t empty[1];
    In in;
    if (!open_in(path, &in))
        return NULL;
    if (in.regular && in.size > limit->file) {
        close(in.fd);
        file_too_large(path, limit->file);
        return NULL;
    }
    int fd = in.regular ? in.fd : spool(path, &in, limit);
    if (fd != in.fd)
        close(in.fd);
    if (fd < 0)
        return NULL;
    void *m = in.size ? mmap(NULL, (size_t)in.size, PROT_READ, MAP_PRIVATE, fd, 0) : NULL;
    if (m == MAP_FAILED)
        read_error(path, strerror(errno));
    close(fd);
    *n = (size_t)in.size;
    return m == MAP_FAILED ? NULL : m ? m : empty;
}

const uint8_t *map_file(const char *path, size_t *n)
{
    static const FileLimit none = {.file = INT64_MAX, .pipe = (int64_t)4 << 30, .bytes = anything};
    return map_within(path, &none, n);
}

void unmap_file(const uint8_t *p, size_t n)
{
    if (p && n)
        munmap((void *)(uintptr_t)p, n);
}
