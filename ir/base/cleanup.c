#include "cleanup.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* ---- what is listed ---- */

typedef enum TempKind { TEMP_FILE, TEMP_FOLDER, TEMP_TREE } TempKind;

/* The newest stands first, so that files go before the folder that they are in. Only the main thread changes the
   list, and signals are held meanwhile. A forked child that fails to exec leaves its parent's names alone. */
struct Temp {
    Temp *next;
    TempKind kind;
    pid_t owner;
    bool made;      /* by us: before that, the name may be somebody else's */
    char path[];
};

static Temp *volatile listed;
static volatile pid_t child_group;
static volatile sig_atomic_t *volatile interrupted;
/* Kept open for removing folders where all other descriptors are in use. */
static int reserve = -1;

/* ---- removing: nothing here asks for memory, since a signal may come at any moment ---- */

enum { PATH_BYTES = 4096, LIST_BYTES = 1024 };

static bool remove_entries(char *path, size_t n);

/* path: n characters in a buffer of PATH_BYTES. False where nothing went. */
static bool remove_path(char *path, size_t n)
{
    if (!unlink(path))
        return true;
    if (errno == ENOENT)
        return false;
    while (remove_entries(path, n))
        continue;
    return !rmdir(path);
}

/* Removes some entries of a folder. One descriptor is open at a time, and none while an entry is removed. */
static bool remove_entries(char *path, size_t n)
{
    _Alignas(struct dirent64) char list[LIST_BYTES];
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return false;
    ssize_t bytes = getdents64(fd, list, sizeof list);
    bool any = false;
    close(fd);
    for (ssize_t at = 0; at < bytes;) {
        const struct dirent64 *e = (const void *)(list + at);
        size_t m = strlen(e->d_name);
        at += e->d_reclen;
        if (!strcmp(e->d_name, ".") || !strcmp(e->d_name, "..") || n + m + 2 > PATH_BYTES)
            continue;
        path[n] = '/';
        memcpy(path + n + 1, e->d_name, m + 1);
        any = remove_path(path, n + 1 + m) || any;
        path[n] = 0;
    }
    return any;
}

void remove_tree(const char *root)
{
    char path[PATH_BYTES];
    size_t n = strlen(root);
    if (n >= sizeof path)
        return;
    memcpy(path, root, n + 1);
    remove_path(path, n);
}

static void remove_now(const Temp *t)
{
    if (!t->made || t->owner != getpid())
        return;
    if (t->kind == TEMP_FILE)
        unlink(t->path);
    else if (t->kind == TEMP_FOLDER)
        rmdir(t->path);
    else
        remove_tree(t->path);
}

/* Those that the child has started become our children when it ends (child_fork): all of the group are waited for, so
   that none makes a file behind our back. */
static void end_child(void)
{
    if (child_group <= 0)
        return;
    kill(-child_group, SIGKILL);
    while (waitpid(-child_group, NULL, 0) > 0 || errno == EINTR)
        continue;
    child_group = 0;
}

static void remove_all(void)
{
    end_child();
    if (reserve >= 0)
        close(reserve);
    reserve = -1;
    for (const Temp *t = listed; t; t = t->next)
        remove_now(t);
}

void leave(int status)
{
    remove_all();
    _exit(status);
}

/* ---- signals ---- */

void signals_hold(sigset_t *before)
{
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, before);
}

void signals_release(const sigset_t *before)
{
    pthread_sigmask(SIG_SETMASK, before, NULL);
}

/* The signal comes again when the handler returns, and then does what it does by default. */
static void on_signal(int sig)
{
    int err = errno;
    if (interrupted && !*interrupted && (sig == SIGINT || sig == SIGTERM)) {
        *interrupted = 1;
        if (child_group > 0)
            kill(-child_group, SIGKILL);
        errno = err;
        return;
    }
    remove_all();
    signal(sig, SIG_DFL);
    raise(sig);
}

/* Those that do not end a process by default, or cannot be caught. */
static bool is_harmless(int sig)
{
    static const int harmless[] = {SIGKILL, SIGSTOP, SIGCHLD, SIGCONT, SIGTSTP, SIGTTIN, SIGTTOU, SIGURG, SIGWINCH};
    for (int i = 0; i < LEN(harmless); i++)
        if (harmless[i] == sig)
            return true;
    return false;
}

static void (*by_default(int sig))(int)
{
    struct sigaction now;
    return sigaction(sig, NULL, &now) || (now.sa_flags & SA_SIGINFO) ? SIG_ERR : now.sa_handler;
}

/* A handler needs a stack also where the stack is used up. */
static void reserve_stack(void)
{
    static char stack[1 << 16];
    stack_t old, own = {.ss_sp = stack, .ss_size = sizeof stack};
    if (!sigaltstack(NULL, &old) && (old.ss_flags & SS_DISABLE))
        sigaltstack(&own, NULL);
}

/* What is ignored (nohup) or handled stays so. SIGXFSZ is ignored: the write fails then, and somebody says why. */
static void handle_signals(void)
{
    for (int sig = 1; sig <= SIGRTMAX; sig++) {
        struct sigaction act = {.sa_handler = sig == SIGXFSZ ? SIG_IGN : on_signal};
        sigfillset(&act.sa_mask);
        if (sig == SIGSEGV || sig == SIGBUS)
            act.sa_flags = SA_ONSTACK;
        if (!is_harmless(sig) && by_default(sig) == SIG_DFL)
            sigaction(sig, &act, NULL);
    }
}

/* False with the reason in errno. */
static bool guard(void)
{
    static bool on;
    if (reserve < 0)
        reserve = open("/dev/null", O_RDONLY | O_CLOEXEC);
    if (reserve < 0)
        return false;
    if (on)
        return true;
    if (atexit(remove_all))
        out_of_memory();
    reserve_stack();
    handle_signals();
    prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
    return on = true;
}

void interrupt_sets(volatile sig_atomic_t *stop)
{
    guard();
    interrupted = stop;
}

/* ---- temporary names ---- */

static Temp *list_temp(const char *path, TempKind kind)
{
    if (!guard())
        return NULL;
    size_t n = strlen(path) + 1;
    Temp *t = mem_alloc(sizeof *t + n);
    *t = (Temp){.kind = kind, .owner = getpid()};
    memcpy(t->path, path, n);
    sigset_t before;
    signals_hold(&before);
    t->next = listed;
    listed = t;
    signals_release(&before);
    return t;
}

void temp_keep(Temp *t)
{
    sigset_t before;
    signals_hold(&before);
    Temp *p = listed;
    if (p == t)
        listed = t->next;
    while (p != t && p->next != t)
        p = p->next;
    if (p != t)
        p->next = t->next;
    signals_release(&before);
    free(t);
}

void temp_remove(Temp *t)
{
    remove_now(t);
    temp_keep(t);
}

/* The listed name comes into being: between that and its mark no signal is handled. */
static Temp *make(Temp *t, int *fd)
{
    sigset_t before;
    if (!t)
        return NULL;
    signals_hold(&before);
    if (t->kind == TEMP_FILE)
        t->made = (*fd = mkostemp(t->path, O_CLOEXEC)) >= 0;
    else
        t->made = t->kind == TEMP_FOLDER ? !mkdir(t->path, 0777) : mkdtemp(t->path) != NULL;
    signals_release(&before);
    if (t->made)
        return t;
    int why = errno;
    temp_keep(t);
    errno = why;
    return NULL;
}

Temp *temp_file(const char *pattern, int *fd) { return make(list_temp(pattern, TEMP_FILE), fd); }
Temp *temp_folder(const char *path) { return make(list_temp(path, TEMP_FOLDER), NULL); }
Temp *temp_tree(const char *pattern) { return make(list_temp(pattern, TEMP_TREE), NULL); }
const char *temp_path(const Temp *t) { return t->path; }

bool temp_rename(Temp *t, const char *path)
{
    if (rename(t->path, path))
        return false;
    temp_keep(t);
    return true;
}

FILE *temp_nameless(void)
{
    const char *dir = getenv("TMPDIR");
    Buf pattern = {0};
    buf_printf(&pattern, "%s/dsqc-XXXXXX", dir && *dir ? dir : "/tmp");
    int fd, why;
    Temp *t = temp_file(pattern.s, &fd);
    why = errno;
    buf_free(&pattern);
    if (t)
        temp_remove(t);
    FILE *f = t ? fdopen(fd, "w+b") : NULL;
    if (t && !f)
        out_of_memory();
    errno = why;
    return f;
}

/* ---- a program that was started ---- */

/* It is nobody's handler that runs between fork and exec. */
static void be_child(const sigset_t *mask)
{
    child_group = 0;
    setpgid(0, 0);
    prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
    for (int sig = 1; sig <= SIGRTMAX; sig++)
        if (by_default(sig) == on_signal || sig == SIGXFSZ)
            signal(sig, SIG_DFL);
    signals_release(mask);
}

pid_t child_fork(void)
{
    sigset_t before;
    if (!guard())
        return -1;
    signals_hold(&before);
    pid_t child = fork();
    if (!child) {
        be_child(&before);
        return 0;
    }
    int why = errno;
    if (child > 0) {
        setpgid(child, child); /* both do it: whoever comes first */
        child_group = child;
    }
    signals_release(&before);
    errno = why;
    return child;
}

/* The child's number is free for others once it has been waited for: no signal may come before we have forgotten it. */
int child_wait(pid_t child)
{
    siginfo_t info;
    sigset_t before;
    int status = 0;
    while (waitid(P_PID, (id_t)child, &info, WEXITED | WNOWAIT) && errno == EINTR)
        continue;
    signals_hold(&before);
    waitpid(child, &status, 0);
    child_group = 0;
    signals_release(&before);
    return status;
}
