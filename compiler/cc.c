/* Runs the C compiler, without a shell between. */
#include "cc.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "io/io.h"

/* ---- the folder ---- */

static char workdir[512];
static pid_t workdir_owner;
static const int signals[] = {SIGINT, SIGTERM, SIGHUP};
static struct sigaction before[LEN(signals)];

static int remove_entry(const char *path, const struct stat *st, int type, struct FTW *w)
{
    (void)st, (void)type, (void)w;
    remove(path);
    return 0;
}

static void remove_workdir(void)
{
    if (*workdir && getpid() == workdir_owner)
        nftw(workdir, remove_entry, 8, FTW_DEPTH | FTW_PHYS);
    *workdir = 0;
}

/* A handler may not walk folders itself, but it may start a program. The earlier handler takes over afterwards. */
static void on_signal(int sig)
{
    if (*workdir && getpid() == workdir_owner) {
        pid_t child = fork();
        if (!child) {
            execl("/bin/rm", "rm", "-rf", "--", workdir, (char *)NULL);
            _exit(127);
        }
        while (waitpid(child, NULL, 0) < 0 && errno == EINTR)
            continue;
        *workdir = 0;
    }
    for (int i = 0; i < LEN(signals); i++)
        if (signals[i] == sig)
            sigaction(sig, &before[i], NULL);
    raise(sig);
}

/* The folder of this process, in which workdir_new makes its own. */
static bool make_workdir(Arena *A)
{
    const char *tmp = getenv("TMPDIR");
    const char *path = arena_printf(A, "%s/dsqc-XXXXXX", tmp && *tmp ? tmp : "/tmp");
    int file = diag_file(tmp && *tmp ? tmp : "/tmp", NULL, 0);
    if (strlen(path) >= sizeof workdir) {
        error_at(loc_file(file), "the name of the folder for temporary files is too long");
        return false;
    }
    strcpy(workdir, path);
    workdir_owner = getpid();
    if (!mkdtemp(workdir)) {
        error_at(loc_file(file), "cannot make a temporary folder: %s", strerror(errno));
        *workdir = 0;
        return false;
    }
    atexit(remove_workdir);
    for (int i = 0; i < LEN(signals); i++) {
        struct sigaction act = {.sa_handler = on_signal};
        if (!sigaction(signals[i], NULL, &before[i]) && before[i].sa_handler != SIG_IGN)
            sigaction(signals[i], &act, NULL);
    }
    return true;
}

const char *workdir_new(Arena *A)
{
    static int count;
    if (!*workdir && !make_workdir(A))
        return NULL;
    char *real = realpath(workdir, NULL);
    const char *name = arena_printf(A, "%s/%d", real ? real : workdir, count++);
    free(real);
    if (!mkdir(name, 0700))
        return name;
    error_at(loc_file(diag_file(name, NULL, 0)), "cannot make a temporary folder: %s", strerror(errno));
    return NULL;
}

void workdir_remove(const char *dir)
{
    nftw(dir, remove_entry, 8, FTW_DEPTH | FTW_PHYS);
}

/* ---- command lines ---- */

void words_add(Words *w, const char *text)
{
    for (const char *p = text + strspn(text, " "); *p; p += strspn(p, " ")) {
        size_t n = strcspn(p, " ");
        PUSH(w->arena, &w->word, arena_strndup(w->arena, p, n));
        p += n;
    }
}

Words cc_tool(Arena *A, const Target *t, const char *name)
{
    Words w = {.arena = A};
    if (!t->cc) {
        const char *env = getenv(!strcmp(name, "cc") ? "CC" : !strcmp(name, "ar") ? "AR" : "LD");
        words_add(&w, env && env[strspn(env, " ")] ? env : name);
        return w;
    }
    size_t n = strlen(t->cc);
    if (strcmp(name, "cc") && n > 3 && !strcmp(t->cc + n - 3, "gcc"))
        words_add(&w, arena_printf(A, "%.*s%s", (int)n - 3, t->cc, name));
    else
        words_add(&w, t->cc);
    return w;
}

/* Starts argv in dir with what it prints going to the descriptor log. Reports the errno of a failed exec. */
static pid_t start(const char *const *argv, const char *dir, int log, int *why)
{
    int fd[2];
    if (pipe2(fd, O_CLOEXEC)) {
        *why = errno;
        return -1;
    }
    pid_t child = fork();
    if (!child) {
        int null = open("/dev/null", O_RDONLY);
        if (null >= 0 && dup2(null, 0) == 0 && dup2(log, 1) == 1 && dup2(log, 2) == 2 && !chdir(dir))
            execvp(argv[0], (char *const *)(uintptr_t)argv);
        int err = errno;
        if (write(fd[1], &err, sizeof err) != sizeof err)
            _exit(126);
        _exit(127);
    }
    close(fd[1]);
    *why = 0;
    if (child > 0 && read(fd[0], why, sizeof *why) == (ssize_t)sizeof *why) {
        waitpid(child, NULL, 0);
        child = -1;
    } else if (child < 0) {
        *why = errno;
    }
    close(fd[0]);
    return child;
}

static void show_log(Arena *A, FILE *log)
{
    enum { MOST = 4000 };
    char *text = NEW(A, char, MOST + 1);
    rewind(log);
    text[fread(text, 1, MOST, log)] = 0;
    if (*text)
        error_more("%s", text);
}

bool cc_run(Words *w, const char *dir)
{
    PUSH(w->arena, &w->word, NULL);
    Buf shown = {0};
    for (int i = 0; w->word.v[i]; i++)
        buf_printf(&shown, "%s%s", i ? " " : "", w->word.v[i]);
    FILE *log = tmpfile();
    if (!log) {
        error_at((Loc){0}, "cannot make a temporary file: %s", strerror(errno));
        buf_free(&shown);
        return false;
    }
    int why, status = 0;
    pid_t child = start(w->word.v, dir, fileno(log), &why);
    if (child > 0)
        while (waitpid(child, &status, 0) < 0 && errno == EINTR)
            continue;
    bool ok = child > 0 && WIFEXITED(status) && !WEXITSTATUS(status);
    if (child < 0)
        error_at((Loc){0}, "cannot start '%s': %s; is the compiler for this target installed? (CC names another)",
                 w->word.v[0], strerror(why));
    else if (!ok)
        error_at((Loc){0}, "the C compiler failed: %s", shown.s);
    if (!ok)
        show_log(w->arena, log);
    fclose(log);
    buf_free(&shown);
    return ok;
}

bool cc_make(Words *w, const char *dir, const char *result)
{
    struct stat st;
    const char *path = arena_printf(w->arena, "%s/%s", dir, result);
    if (!cc_run(w, dir))
        return false;
    if (!stat(path, &st) && st.st_size)
        return true;
    error_at((Loc){0}, "'%s' ended with status 0 and made no %s", w->word.v[0], result);
    return false;
}

/* ---- what this machine runs ---- */

static int row_of(const char *name, const char *isa)
{
    for (int i = 0; i < ntargets; i++)
        if (!strcmp(isa ? targets[i].isa : targets[i].name, isa ? isa : name))
            return i;
    return -1;
}

/* The rows of one architecture stand in the order in which each has all that the ones before it have. */
const char *host_lacks(Arena *A, const Target *t)
{
    int row = row_of(t->name, NULL), host = row_of(NULL, target_find("native")->isa);
    bool foreign = t->cc;
#if !defined __x86_64__
    foreign |= !strncmp(t->name, "x86", 3);
#endif
    if (foreign)
        return arena_printf(A, "target '%s' is for another machine", t->name);
    if (row > host)
        return arena_printf(A, "target '%s' needs %s, which this processor lacks", t->name, t->cpu_check);
    return NULL;
}
