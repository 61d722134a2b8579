/* What stands before the first stage: options checked, and what passes are told of them. */
#include "driver.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "../backends/llvm/llvm.h"
#include "io/io.h"
#include "cli/term.h"

/* ---- options ---- */

bool is_loop_stage(const char *name)
{
    const PassInfo *p = pass_find(name);
    return p && pass_is_late(p);
}

/* Code for any number of threads is cut for so many, whatever the machine that compiles. */
enum { DEFAULT_THREADS = 4 };

PassOptions job_pass_options(const Job *j)
{
    const Options *o = j->opt;
    const char *wino = o->winograd;
    bool opt = o->command == CMD_opt; /* which runs the passes named and no others */
    return (PassOptions){.target = j->target, .opt = o->level, .strict = o->strict, .verify_each = o->verify_each,
                         .threads = o->threads < 0 ? DEFAULT_THREADS : o->threads,
                         .winograd = !wino || !strcmp(wino, "auto") ? 0
                                     : !strcmp(wino, "off")         ? WINOGRAD_OFF
                                                                    : atoi(wino),
                         .time_passes = o->time_passes, .rules = j->rules, .schedules = j->schedules,
                         .passes = opt && !o->passes ? "" : o->passes, .and_required = !opt, .disable = o->disable_pass,
                         .print_after = o->print_ir_after, .stop_after = o->stop_after};
}

/* Does the text have it as a word of its own, in small letters or capitals? */
static bool has_word(const char *text, const char *word)
{
    size_t n = strlen(word);
    for (const char *p = text; (p = strcasestr(p, word)); p++)
        if (!isalnum((unsigned char)p[n]) && (p == text || !isalnum((unsigned char)p[-1])))
            return true;
    return false;
}

/* The target whose doc line names that processor, such as Cortex-M33, or NULL. */
static const char *target_for(const char *processor)
{
    enum { LETTERS = 4 };
    for (int i = 0; strlen(processor) >= LETTERS && i < ntargets; i++)
        if (has_word(target_doc(targets[i].name), processor))
            return targets[i].name;
    return NULL;
}

static int unknown_target(Arena *A, const Options *o)
{
    const char **names = NEW(A, const char *, ntargets + 1), *takes = target_for(o->target);
    Buf all = {0};
    buf_puts(&all, names[0] = "native");
    for (int i = 0; i < ntargets; i++)
        buf_printf(&all, ", %s", names[i + 1] = targets[i].name);
    const char *meant = takes ? arena_printf(A, "; take %s: %s", takes, target_doc(takes))
                              : did_you_mean(A, o->target, names, ntargets + 1);
    usage_error(o->command, "%s%s%s%s; targets are %s ('dsqc help targets' says what for)",
                *o->target ? "unknown target '" : "--target needs a name", o->target, *o->target ? "'" : "", meant,
                all.s);
    buf_free(&all);
    return 2;
}

/* 0, or the exit status after a message. */
static int choose_backend(Job *j)
{
    const Options *o = j->opt;
    const char *asks = option_is(o->backend, "llvm") ? "--backend=llvm"
                     : option_is(o->engine, "llvm")  ? "--engine=llvm"
                     : list_has(o->emit, "llvm-ir") ? "--emit=llvm-ir" : NULL;
    const char *c = option_is(o->backend, "c")          ? "--backend=c"
                  : option_is(o->engine, "c")           ? "--engine=c"
                  : list_has(o->emit, "c")            ? "--emit=c"
                  : option_is(o->weights_as, "c")       ? "--weights-as=c" : NULL;
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

/* Where compile writes; by default a folder of the model's name, which is not known yet: a report that goes into one
   below `generated` is taken to go there. */
static const char *output_folder(Arena *A, const Options *o)
{
    static const char usual[] = "generated/";
    size_t n = sizeof usual - 1;
    if (o->command != CMD_compile || o->stop_after || option_is(o->output, "-"))
        return NULL;
    if (o->output)
        return o->output;
    bool in = o->report && !strncmp(o->report, usual, n);
    return in ? arena_strndup(A, o->report, n + strcspn(o->report + n, "/")) : "generated";
}

/* Found now, not after the work that the file is to hold. `dsqc run` knows its files when it knows the network. */
static bool outputs_writable(Arena *A, const Options *o)
{
    bool ok = true;
    const char *folder = output_folder(A, o);
    if (folder)
        ok = outdir_writable(folder);
    else if (o->output)
        ok = out_writable(o->output, NULL);
    ok = (!o->report || out_writable(o->report, folder)) && ok;
    return (!o->html || out_writable(o->html, NULL)) && ok;
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
    uint64_t seed;
    if (o->weights && weights_random_source(o->weights) && !weights_random_seed(o->weights, &seed))
        return usage_error(o->command, "--weights=%s: " RANDOM_SEED, o->weights);
    if (o->quiet)
        progress_off();
    if (j->llvm && !llvm_open())
        return 1;
    if (o->flush_to_zero && j->target->flush == FLUSH_NONE)
        return usage_error(o->command, "--flush-to-zero: %s has no mode in which subnormal numbers are zeros; x86-64, "
                           "aarch64 and Cortex-M targets have one%s", o->triple ? o->triple : j->target->name,
                           o->triple ? ", where --target names them" : "");
    PassOptions po = job_pass_options(j);
    if (!passes_check_options(&po))
        return 2;
    status = options_check(j, &po);
    return status ? status : !outputs_writable(A, o);
}

void job_close(Job *j)
{
    weights_close(&j->weights);
    spec_close(j->spec);
}
