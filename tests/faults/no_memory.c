/* To be preloaded. The request for memory number NO_MEMORY_AT, from 1 on, fails. With NO_MEMORY_ON=1 every one after
   it fails, too. The file NO_MEMORY_HIT is made when it does. The file NO_MEMORY_COUNT gets the number of requests at
   the end. Programs that the process starts are left alone. */
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

void *__libc_malloc(size_t);
void *__libc_calloc(size_t, size_t);
void *__libc_realloc(void *, size_t);
void *__libc_memalign(size_t, size_t);

static pid_t owner;
static long at;
static int on;
static const char *hit, *count;
static atomic_long requests;

static void begin(void)
{
    const char *n = getenv("NO_MEMORY_AT"), *all = getenv("NO_MEMORY_ON");
    owner = getpid();
    at = n ? atol(n) : 0;
    on = all && *all == '1';
    hit = getenv("NO_MEMORY_HIT");
    count = getenv("NO_MEMORY_COUNT");
    unsetenv("LD_PRELOAD");
}

static int fails(void)
{
    if (!owner)
        begin();
    if (getpid() != owner)
        return 0;
    long n = atomic_fetch_add(&requests, 1) + 1;
    if (!at || n < at || (n > at && !on))
        return 0;
    if (n == at && hit)
        close(open(hit, O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
    errno = ENOMEM;
    return 1;
}

__attribute__((destructor)) static void end(void)
{
    if (!count || getpid() != owner)
        return;
    char text[32];
    int fd = open(count, O_CREAT | O_TRUNC | O_WRONLY | O_CLOEXEC, 0600);
    int n = snprintf(text, sizeof text, "%ld\n", atomic_load(&requests));
    if (write(fd, text, (size_t)n) == n)
        close(fd);
}

void *malloc(size_t n) { return fails() ? NULL : __libc_malloc(n); }
void *calloc(size_t n, size_t size) { return fails() ? NULL : __libc_calloc(n, size); }
void *realloc(void *p, size_t n) { return fails() ? NULL : __libc_realloc(p, n); }
void *memalign(size_t align, size_t n) { return fails() ? NULL : __libc_memalign(align, n); }
void *aligned_alloc(size_t align, size_t n) { return memalign(align, n); }

int posix_memalign(void **p, size_t align, size_t n)
{
    void *q = memalign(align, n);
    if (!q)
        return ENOMEM;
    *p = q;
    return 0;
}

void *mmap(void *p, size_t n, int prot, int flags, int fd, off_t offset)
{
    return fails() ? MAP_FAILED : (void *)syscall(SYS_mmap, p, n, prot, flags, fd, offset);
}
