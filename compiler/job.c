/* What stands before the first stage: options checked, the spec found, its weights bound. */
#include "driver.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- options ---- */

static bool is_loop_stage(const char *name)
{
    if (!strcmp(name, "lower"))
        return true;
    for (const LoopPass *p = loop_passes; p->name; p++)
        if (!strcmp(name, p->name))
            return true;
    return false;
}

/* Lowering wants what the required passes give; `dsqc opt` runs the passes named and no others. */
static const char *with_required(Arena *A, const char *passes)
{
    for (int i = 0; i < npass_info; i++)
        if (pass_info[i].required && !list_has(passes, pass_info[i].name))
            passes = arena_printf(A, "%s,%s", passes, pass_info[i].name);
    return passes;
}

/* Code for any number of threads is cut for so many, whatever the machine that compiles. */
enum { DEFAULT_THREADS = 4 };

PassOptions job_pass_options(const Job *j)
{
    const Options *o = j->opt;
    const char *dump = o->print_ir_after;
    const char *passes = o->passes && o->command != CMD_opt ? with_required(j->arena, o->passes) : o->passes;
    const char *wino = o->winograd;
    return (PassOptions){.target = j->target, .opt = o->level, .strict = o->strict, .verify_each = o->verify_each,
                         .threads = o->threads < 0 ? DEFAULT_THREADS : o->threads,
                         .winograd = !wino || !strcmp(wino, "auto") ? 0 : !strcmp(wino, "off") ? WINOGRAD_OFF : atoi(wino),
                         .time_passes = o->time_passes, .passes = passes, .disable = o->disable_pass,
                         .print_after = dump && is_loop_stage(dump) ? NULL : dump};
}

static int unknown_target(Arena *A, const Options *o)
{
    const char **names = NEW(A, const char *, ntargets + 1);
    Buf all = {0};
    int n = 0;
    for (int i = 0; i < ntargets; i++) {
        names[n++] = targets[i].name;
        buf_printf(&all, "%s%s", i ? ", " : "", targets[i].name);
    }
    const char *meant = did_you_mean(A, o->target, names, n);
    usage_error(o->command, "unknown target '%s'%s%s%s", o->target, meant, *meant ? "" : "; targets are ",
                *meant ? "" : all.s);
    buf_free(&all);
    return 2;
}

int job_open(Job *j, Arena *A, const Options *o)
{
    *j = (Job){.arena = A, .opt = o};
    j->target = target_find(o->target ? o->target : "native");
    if (!j->target)
        return unknown_target(A, o);
    const char *llvm = o->backend && !strcmp(o->backend, "llvm") ? "--backend=llvm"
                     : o->engine && !strcmp(o->engine, "llvm")   ? "--engine=llvm"
                     : list_has(o->emit, "llvm-ir")              ? "--emit=llvm-ir" : NULL;
    if (llvm)
        return usage_error(o->command, "%s: this dsqc was built without LLVM; the C backend is there (--backend=c)",
                           llvm);
    for (int i = 0; i < o->set.n; i++)
        if (!strchr(o->set.v[i], '=') || o->set.v[i][0] == '=')
            return usage_error(o->command, "--set takes NAME=VALUE, not '%s'", o->set.v[i]);
    PassOptions po = job_pass_options(j);
    return passes_check_options(&po) ? 0 : 2;
}

void job_close(Job *j)
{
    weights_close(&j->weights);
}

/* ---- reading ---- */

static bool exists(const char *path)
{
    return !access(path, F_OK);
}

/* The folder of the installed specs: share/dsqc/specs beside the binary's bin, or specs beside build. */
static const char *find_libdir(Arena *A)
{
    char exe[4096];
    ssize_t n = readlink("/proc/self/exe", exe, sizeof exe - 1);
    const char *env = getenv("DSQC_SPECS");
    if (env && *env)
        return env;
    if (n <= 0)
        return NULL;
    exe[n] = 0;
    char *slash = strrchr(exe, '/');
    if (!slash)
        return NULL;
    *slash = 0;
    static const char *const places[] = {"../share/dsqc/specs", "../specs"};
    for (int i = 0; i < LEN(places); i++) {
        char *real = realpath(arena_printf(A, "%s/%s", exe, places[i]), NULL);
        if (!real)
            continue;
        const char *dir = arena_strndup(A, real, strlen(real));
        free(real);
        return dir;
    }
    return NULL;
}

/* A name such as "resnet18" that is no file here means the installed spec of that name. */
static const char *find_spec(Arena *A, const char *name, const char *libdir)
{
    if (!libdir || *name == '/' || !strcmp(name, "-") || exists(name))
        return name;
    size_t n = strlen(name);
    const char *ext = n > 5 && !strcmp(name + n - 5, ".yaml") ? "" : ".yaml";
    const char *path = arena_printf(A, "%s/%s%s", libdir, name, ext);
    return exists(path) ? path : name;
}

/* Commands whose results do not depend on the numbers run on random ones where none are given. */
static const char *weights_source(const Job *j)
{
    const Options *o = j->opt;
    if (o->weights)
        return o->weights;
    if (j->spec->weights)
        return j->spec->weights;
    if (!(o->command & (CMD_compile | CMD_run)))
        return "random:0";
    error_at(loc_file(diag_file(j->spec->path, NULL, 0)),
             "the spec names no weights: give --weights FILE (.safetensors or .npz), or --weights random:SEED");
    return NULL;
}

bool job_read(Job *j)
{
    const Options *o = j->opt;
    Param *set = NEW(j->arena, Param, o->set.n);
    for (int i = 0; i < o->set.n; i++) {
        size_t n = strcspn(o->set.v[i], "=");
        set[i] = (Param){arena_strndup(j->arena, o->set.v[i], n), o->set.v[i] + n + 1};
    }
    const char *libdir = find_libdir(j->arena);
    j->spec = spec_load(j->arena, find_spec(j->arena, o->file, libdir), set, o->set.n, libdir);
    if (!j->spec)
        return false;
    const char *source = weights_source(j);
    if (!source || !weights_bind(j->arena, j->spec->graph, source, false, &j->weights))
        return false;
    j->written = j->spec->graph;
    return true;
}
