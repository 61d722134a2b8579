/* Options that would change nothing are refused, with the reason: an option that is ignored in silence is a wrong
   result that nobody notices. The option table says which command has which option; what depends on other options, on
   the target or on the passes that run stands here. */
#include <stdlib.h>
#include <string.h>

#include "../driver.h"

/* The first option of the list, words with blanks between, that was given; NULL where none was. */
static const char *first_said(Arena *A, const Options *o, const char *list)
{
    for (const char *p = list; *p;) {
        size_t n = strcspn(p, " ");
        const char *name = arena_strndup(A, p, n);
        if (option_said(o, name))
            return name;
        p += n + (p[n] == ' ');
    }
    return NULL;
}

/* 0, or 2 after a message. */
static int idle(Arena *A, const Options *o, bool when, const char *list, const char *why)
{
    const char *name = when ? first_said(A, o, list) : NULL;
    return name ? usage_error(o->command, "--%s would change nothing: %s", name, why) : 0;
}

/* ---- by command ---- */

static int check_compile(const Job *j)
{
    const Options *o = j->opt;
    bool text = option_is(o->output, "-") || !emits_code(o->emit);
    bool early = o->stop_after && !is_loop_stage(o->stop_after);
    int status = idle(j->arena, o, text, "weights-as triple cpu features", "only a text of the IR is written");
    return status ? status : idle(j->arena, o, early, "report",
                                  "it tells of kernels, which a pass on the graph does not make");
}

static int check_run(const Job *j)
{
    return idle(j->arena, j->opt, option_is(j->opt->engine, "reference"),
                "backend target triple cpu features threads strict winograd schedule passes disable-pass rules "
                "print-ir-after verify-each time-passes report check",
                "--engine=reference evaluates the graph as it is written and compiles nothing");
}

static int check_verify(const Job *j)
{
    return idle(j->arena, j->opt, option_is(j->opt->engine, "loops"), "backend triple cpu features",
                "--engine=loops interprets the loops, no backend runs");
}

static int check_explore(const Job *j)
{
    const Options *o = j->opt;
    int status = idle(j->arena, o, o->no_time, "runs", "--no-time measures nothing");
    return status ? status : idle(j->arena, o, option_is(o->html, "-"), "json markdown",
                                  "--html=- writes the page to standard output");
}

static int check_opt(const Job *j)
{
    int status = idle(j->arena, j->opt, !j->opt->weights, "weights-prefix weights-extra", "no --weights are read");
    return status ? status : idle(j->arena, j->opt, !j->opt->passes,
                "target strict winograd disable-pass print-ir-after stop-after verify-each time-passes",
                "no pass runs without --passes");
}

int options_check_loops(Arena *A, const Options *o)
{
    static const char graphs[] =
        "weights target strict winograd disable-pass rules print-ir-after verify-each time-passes";
    int status = idle(A, o, true, graphs, "passes on loops know nothing of it");
    if (status || !o->stop_after || list_has(o->passes, o->stop_after))
        return status;
    return usage_error(o->command, "--stop-after=%s would change nothing: that pass is not in --passes", o->stop_after);
}

/* ---- by what passes run ---- */

static int stage_index(const char *name)
{
    return (int)(pass_find(name) - pass_info);
}

/* Why the stage does not run, or NULL. */
static const char *why_not(const Job *j, const PassOptions *po, const char *stage)
{
    const char *stop = j->opt->stop_after;
    if (j->opt->command == CMD_opt && is_loop_stage(stage))
        return "passes on loops run with --loops alone";
    if (!pass_runs(po, stage))
        return po->passes ? "that pass is not in --passes" : "that pass is disabled, or not run at this -O";
    return stop && stage_index(stage) > stage_index(stop) ? "--stop-after ends the work before it" : NULL;
}

static int check_stages(const Job *j, const PassOptions *po, const char *option, const char *list)
{
    for (const char *p = list; p && *p && strcmp(list, "all");) {
        size_t n = strcspn(p, ",");
        const char *name = arena_strndup(j->arena, p, n), *why = why_not(j, po, name);
        if (why)
            return usage_error(j->opt->command, "--%s=%s would change nothing: %s", option, name, why);
        p += n + (p[n] == ',');
    }
    return 0;
}

/* What choose-kernels and algebra alone read. */
static int check_readers(const Job *j, const PassOptions *po)
{
    const Options *o = j->opt;
    bool chooses = pass_runs(po, "choose-kernels");
    bool reads = o->command != CMD_opt || o->passes;
    int status = idle(j->arena, o, reads && !chooses, "winograd schedule costs",
                      "choose-kernels, which reads it, does not run");
    if (!status && reads && !pass_runs(po, "algebra"))
        status = idle(j->arena, o, true, "rules", "algebra, which applies them, does not run");
    return status;
}

/* --winograd=2 and the like ask for tiles that some targets never have. */
static int check_winograd(const Job *j)
{
    const Options *o = j->opt;
    if (!o->winograd || !strcmp(o->winograd, "auto") || !strcmp(o->winograd, "off"))
        return 0;
    if (j->target->mcu)
        return usage_error(o->command, "--winograd=%s would change nothing: %s is a microcontroller, which has no "
                           "memory for transformed weights", o->winograd, j->target->name);
    if (o->strict)
        return usage_error(o->command, "--strict and --winograd=%s exclude each other: Winograd's method rounds more",
                           o->winograd);
    return 0;
}

static int check_weights(const Job *j)
{
    const char *from = j->opt->weights;
    return idle(j->arena, j->opt, from && weights_random_source(from), "weights-prefix weights-extra",
                "random weights have the names that the network asks for");
}

int options_check(const Job *j, const PassOptions *po)
{
    const Options *o = j->opt;
    int status = o->command == CMD_compile   ? check_compile(j)
                 : o->command == CMD_run     ? check_run(j)
                 : o->command == CMD_verify  ? check_verify(j)
                 : o->command == CMD_explore ? check_explore(j)
                 : o->command == CMD_opt     ? check_opt(j) : 0;
    if (!status)
        status = check_weights(j);
    if (!status)
        status = check_winograd(j);
    if (!status && (o->command != CMD_run || !option_is(o->engine, "reference")))
        status = check_readers(j, po);
    if (!status)
        status = check_stages(j, po, "stop-after", o->stop_after);
    return status ? status : check_stages(j, po, "print-ir-after", o->print_ir_after);
}
