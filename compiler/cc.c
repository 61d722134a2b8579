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

const char *workdir_new(Arena *A)
{
    const char *tmp = getenv("TMPDIR");
    if (*workdir)
        bug("a second working folder");
    const char *path = arena_printf(A, "%s/dsqc-XXXXXX", tmp && *tmp ? tmp : "/tmp");
    int file = diag_file(tmp && *tmp ? tmp : "/tmp", NULL, 0);
    if (strlen(path) >= sizeof workdir) {
        error_at(loc_file(file), "the name of the folder for temporary files is too long");
        return NULL;
    }
    strcpy(workdir, path);
    workdir_owner = getpid();
    if (!mkdtemp(workdir)) {
        error_at(loc_file(file), "cannot make a temporary folder: %s", strerror(errno));
        *workdir = 0;
        return NULL;
    }
    atexit(remove_workdir);
    for (int i = 0; i < LEN(signals); i++) {
        struct sigaction act = {.sa_handler = on_signal};
        if (!sigaction(signals[i], NULL, &before[i]) && before[i].sa_handler != SIG_IGN)
            sigaction(signals[i], &act, NULL);
    }
    char *real = realpath(workdir, NULL);
    const char *name = arena_printf(A, "%s", real ? real : workdir);
    free(real);
    return name;
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

const char *cc_flags(Arena *A, const Target *t)
{
    return arena_printf(A, "-std=gnu99 -ffreestanding -ffp-contract=off%s%s", *t->cflags ? " " : "", t->cflags);
}

Words cc_tool(Arena *A, const Target *t, const char *name)
{
    Words w = {.arena = A};
    if (!t->cc) {
        const char *env = getenv(!strcmp(name, "cc") ? "CC" : "AR");
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

/* ---- what this machine runs ---- */

#if defined __x86_64__
static const char *x86_lacks(const char *target)
{
    static const struct { const char *level, *lacks; } no[] = {
        {"x86-64-v2", "SSE4.2"}, {"x86-64-v3", "AVX2 and FMA"}, {"x86-64-v4", "AVX-512"}};
    bool v2 = __builtin_cpu_supports("sse4.2") && __builtin_cpu_supports("popcnt");
    bool v3 = v2 && __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("bmi2");
    bool v4 = v3 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
              __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
    const bool has[] = {v2, v3, v4};
    for (int i = 0; i < LEN(no); i++)
        if (!strcmp(target, no[i].level))
            return has[i] ? NULL : no[i].lacks;
    return NULL;
}
#endif

const char *host_lacks(Arena *A, const Target *t)
{
    if (t->cc)
        return arena_printf(A, "target '%s' is for another machine", t->name);
#if defined __x86_64__
    const char *lacks = x86_lacks(t->name);
    if (lacks)
        return arena_printf(A, "target '%s' needs %s, which this processor has not", t->name, lacks);
#endif
    return NULL;
}
