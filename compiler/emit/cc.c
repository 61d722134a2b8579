/* Runs the C compiler, without a shell between. */
#include "cc.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../../ir/base/cleanup.h"
#include "../io/io.h"

/* ---- the folder ---- */

/* Of this process; workdir_new makes folders in it. */
static const char *workdir(Arena *A)
{
    static char *made;
    if (made)
        return made;
    const char *env = getenv("TMPDIR"), *tmp = env && *env ? env : "/tmp";
    Temp *t = temp_tree(arena_printf(A, "%s/dsqc-XXXXXX", tmp));
    if (t && (made = realpath(temp_path(t), NULL)))
        return made;
    error_at(loc_file(diag_file(tmp, NULL, 0)), "cannot make a temporary folder: %s", strerror(errno));
    return NULL;
}

const char *workdir_new(Arena *A)
{
    static int count;
    const char *dir = workdir(A), *name = dir ? arena_printf(A, "%s/%d", dir, count++) : NULL;
    if (!name || !mkdir(name, 0700))
        return name;
    error_at(loc_file(diag_file(name, NULL, 0)), "cannot make a temporary folder: %s", strerror(errno));
    return NULL;
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

/* Becomes argv in dir, where its temporary files go, too; what it prints goes to the descriptor log, and the errno of a
   failed exec to fd. */
NORETURN static void become(const char *const *argv, const char *dir, int log, int fd)
{
    int null = open("/dev/null", O_RDONLY);
    if (null >= 0 && dup2(null, 0) == 0 && dup2(log, 1) == 1 && dup2(log, 2) == 2 && !chdir(dir) &&
        !setenv("TMPDIR", dir, 1))
        execvp(argv[0], (char *const *)(uintptr_t)argv);
    int err = errno;
    _exit(write(fd, &err, sizeof err) == sizeof err ? 127 : 126);
}

/* Starts argv as `become` says. -1 with the reason in *why. */
static pid_t start_child(const char *const *argv, const char *dir, int log, int *why)
{
    int fd[2];
    if (pipe2(fd, O_CLOEXEC)) {
        *why = errno;
        return -1;
    }
    pid_t child = child_fork();
    if (!child)
        become(argv, dir, log, fd[1]);
    *why = errno;
    close(fd[1]);
    if (child > 0 && read(fd[0], why, sizeof *why) == (ssize_t)sizeof *why) {
        child_wait(child);
        child = -1;
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
    FILE *log = temp_nameless();
    if (!log) {
        error_at((Loc){0}, "cannot make a temporary file: %s", strerror(errno));
        buf_free(&shown);
        return false;
    }
    int why;
    pid_t child = start_child(w->word.v, dir, fileno(log), &why);
    int status = child > 0 ? child_wait(child) : 0;
    bool ok = child > 0 && WIFEXITED(status) && !WEXITSTATUS(status);
    if (child < 0)
        error_at((Loc){0}, "cannot start '%s': %s%s", w->word.v[0], strerror(why),
                 why == ENOENT ? "; is the compiler for this target installed? (CC names another)" : "");
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
