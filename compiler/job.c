/* What stands before the first stage: options checked, the spec found, its weights bound. */
#include "driver.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../backends/llvm/llvm.h"
#include "../passes/rules.h"

/* ---- options ---- */

bool is_loop_stage(const char *name)
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
    const char *dump = o->print_ir_after, *stop = o->stop_after;
    const char *passes = o->passes && o->command != CMD_opt ? with_required(j->arena, o->passes) : o->passes;
    const char *wino = o->winograd;
    return (PassOptions){.target = j->target, .opt = o->level, .strict = o->strict, .verify_each = o->verify_each,
                         .threads = o->threads < 0 ? DEFAULT_THREADS : o->threads,
                         .winograd = !wino || !strcmp(wino, "auto") ? 0 : !strcmp(wino, "off") ? WINOGRAD_OFF : atoi(wino),
                         .time_passes = o->time_passes, .rules = j->rules, .passes = passes, .disable = o->disable_pass,
                         .print_after = dump && is_loop_stage(dump) ? NULL : dump,
                         .stop_after = stop && o->command != CMD_opt && is_loop_stage(stop) ? NULL : stop};
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

static bool is_word(const char *said, const char *word)
{
    return said && !strcmp(said, word);
}

/* 0, or the exit status after a message. */
static int choose_backend(Job *j)
{
    const Options *o = j->opt;
    const char *asks = is_word(o->backend, "llvm") ? "--backend=llvm"
                     : is_word(o->engine, "llvm")  ? "--engine=llvm"
                     : list_has(o->emit, "llvm-ir") ? "--emit=llvm-ir" : NULL;
    const char *c = is_word(o->backend, "c")          ? "--backend=c"
                  : is_word(o->engine, "c")           ? "--engine=c"
                  : list_has(o->emit, "c")            ? "--emit=c"
                  : is_word(o->weights_as, "c")       ? "--weights-as=c" : NULL;
    const char *machine = o->triple ? "--triple" : o->cpu ? "--cpu" : o->features ? "--features" : NULL;
    j->llvm = asks;
    if (asks && !llvm_present())
        return usage_error(o->command, "%s: this dsqc was built without LLVM; install llvm-19-dev and build it again, "
                           "or take the C backend (--backend=c)", asks);
    if (asks && c)
        return usage_error(o->command, "%s and %s exclude each other", asks, c);
    if (machine && !asks)
        return usage_error(o->command, "%s is LLVM's: it needs --backend=llvm", machine);
    return 0;
}

int job_open(Job *j, Arena *A, const Options *o)
{
    *j = (Job){.arena = A, .opt = o};
    j->target = target_find(o->target ? o->target : o->triple ? "generic" : "native");
    if (!j->target)
        return unknown_target(A, o);
    int status = choose_backend(j);
    if (status)
        return status;
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
    if (!(o->command & (CMD_compile | CMD_run | CMD_export)))
        return "random:0";
    error_at(loc_file(diag_file(j->spec->path, NULL, 0)),
             "the spec names no weights: give --weights FILE (.safetensors or .npz), or --weights random:SEED");
    return NULL;
}

bool job_read_rules(Job *j)
{
    const TextList *files = &j->opt->rules;
    if (files->n)
        j->rules = rules_load(j->arena, files->v, files->n);
    return j->rules || !files->n;
}

bool job_read(Job *j)
{
    const Options *o = j->opt;
    if (!job_read_rules(j))
        return false;
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
