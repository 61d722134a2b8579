/* Files in: whole, or mapped. */
#include "io.h"
#include "../base/cleanup.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

/* What a pipe may deliver before it counts as endless. */
#define SPOOL_MAX ((int64_t)4 << 30)

static bool fail(const char *path, const char *what)
{
    error_at(loc_file(diag_file(strcmp(path, "-") ? path : "<stdin>", NULL, 0)), "%s", what);
    return false;
}

static int open_in(const char *path)
{
    int fd = strcmp(path, "-") ? open(path, O_RDONLY | O_CLOEXEC) : dup(STDIN_FILENO);
    if (fd < 0)
        fail(path, strerror(errno));
    return fd;
}

/* read() that is not cut short by signals; fewer bytes than asked for mean the end. -1 on error. */
static int64_t read_fully(int fd, char *p, size_t n)
{
    size_t got = 0;
    while (got < n) {
        ssize_t k = read(fd, p + got, n - got);
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

char *read_file(Arena *a, const char *path, size_t max, size_t *n)
{
    int fd = open_in(path);
    if (fd < 0)
        return NULL;
    Buf b = {0};
    char chunk[16384], *text = NULL;
    int64_t k;
    while ((k = read_fully(fd, chunk, sizeof chunk)) > 0 && b.n + (size_t)k <= max)
        buf_write(&b, chunk, (size_t)k);
    if (k < 0) {
        fail(path, strerror(errno));
    } else if (k > 0) {
        char *what = arena_printf(a, "larger than %zu bytes, which is the limit here", max);
        fail(path, what);
    } else {
        text = arena_strndup(a, b.n ? b.s : "", b.n);
        *n = b.n;
    }
    buf_free(&b);
    close(fd);
    return text;
}

/* Copies a pipe into a file without a name, so that it can be mapped. */
static int spool(const char *path, int in, int64_t *size)
{
    FILE *tmp = temp_nameless();
    int fd = tmp ? dup(fileno(tmp)) : -1;
    char chunk[65536];
    int64_t k = 0, total = 0;
    bool ok = fd >= 0;
    while (ok && (k = read_fully(in, chunk, sizeof chunk)) > 0) {
        total += k;
        ok = total <= SPOOL_MAX && fwrite(chunk, 1, (size_t)k, tmp) == (size_t)k;
    }
    if (!ok || k < 0 || fflush(tmp)) {
        fail(path, total > SPOOL_MAX ? "more than 4 GiB through a pipe" : strerror(errno));
        if (fd >= 0)
            close(fd);
        fd = -1;
    }
    if (tmp)
        fclose(tmp);
    *size = total;
    return fd;
}

const uint8_t *map_file(const char *path, size_t *n)
{
    static const uint8_t empty[1];
    int fd = open_in(path);
    if (fd < 0)
        return NULL;
    struct stat st;
    const uint8_t *p = NULL;
    int64_t size = 0;
    if (fstat(fd, &st)) {
        fail(path, strerror(errno));
        goto done;
    }
    if (S_ISDIR(st.st_mode)) {
        fail(path, "is a directory, expected a file");
        goto done;
    }
    if (S_ISREG(st.st_mode)) {
        size = st.st_size;
    } else {
        int copy = spool(path, fd, &size);
        close(fd);
        fd = copy;
        if (fd < 0)
            return NULL;
    }
    *n = (size_t)size;
    p = empty;
    if (size) {
        void *m = mmap(NULL, (size_t)size, PROT_READ, MAP_PRIVATE, fd, 0);
        if (m == MAP_FAILED)
            fail(path, strerror(errno));
        p = m == MAP_FAILED ? NULL : m;
    }
done:
    close(fd);
    return p;
}

void unmap_file(const uint8_t *p, size_t n)
{
    if (p && n)
        munmap((void *)(uintptr_t)p, n);
}
