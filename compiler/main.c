/* dsqc: one command a file (cmd_*.c), all of them over driver.c. */
#include "cli/cmd.h"
#include "cli/help.h"
#include "cli/options.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "../backends/target.h"
#include "../ir/base/diag.h"

static const struct {
    const char *operand, *doc;
    CmdFn *fn;
    const char *text, *examples;
} commands[NCOMMANDS] = {
#define X(name, operand, doc) [CMD_INDEX_##name] = {operand, doc, cmd_##name, help_##name, examples_##name},
    COMMANDS(X)
#undef X
};

static void print_help(FILE *f)
{
    fprintf(f,
            "usage: dsqc COMMAND [options]\n\n"
            "DeepSquare compiles a network (YAML, ONNX, TensorFlow Lite), with its weights, ahead of time\n"
            "into plain C that needs nothing at run time.\n\ncommands:\n");
    for (int i = 0; i < NCOMMANDS; i++)
        fprintf(f, "  %-8s %-9s %s\n", command_names[i], commands[i].operand, commands[i].doc);
    fputs("\ntargets: native", f);
    for (int i = 0; i < ntargets; i++)
        fprintf(f, "%s%s", i == 7 ? ",\n" : ", ", targets[i].name);
    fputs("\n", f);
    fprintf(f,
            "\n'dsqc COMMAND --help' lists a command's options, 'dsqc help operators' what a spec is made of,\n"
            "'dsqc help targets' the machines to compile for. '-' is standard input or output\n"
            "wherever a file is meant. Exit status: 0 done; 1 the input or its numbers are wrong;\n"
            "2 the command line is wrong; 3 a fault of dsqc itself.\n");
}

static void print_command_help(int i)
{
    printf("usage: dsqc %s%s%s [options]\n\n%s\noptions:\n", command_names[i], *commands[i].operand ? " " : "",
           commands[i].operand, commands[i].text);
    options_help(1 << i);
    if (options_have(1 << i, "target")) {
        printf("\ntargets:\n");
        help_target_names();
    }
    printf("\nexamples:\n%s", commands[i].examples);
}

/* Results that did not arrive (a full disk, say) are a failure even where the work itself was done. */
static int flush_results(int status)
{
    if ((fflush(stdout) || ferror(stdout)) && !status) {
        error_at((Loc){0}, "cannot write to standard output: %s", strerror(errno));
        return 1;
    }
    return status;
}

static int run_command(Arena *A, int i, char **argv)
{
    Options o;
    if (!options_parse(A, 1 << i, argv, &o))
        return 2;
    if (o.help) {
        print_command_help(i);
        return 0;
    }
    if (options_ask_targets(&o)) {
        help_targets();
        return 0;
    }
    int status = commands[i].fn(A, &o);
    return status ? status : diag_errors() > 0;
}

static int dispatch(Arena *A, char **argv)
{
    const char *name = argv[0];
    if (!name) {
        print_help(stderr);
        return 2;
    }
    if (!strcmp(name, "--version")) {
        printf("dsqc %s\n", DSQ_VERSION);
        return 0;
    }
    bool help = !strcmp(name, "--help") || !strcmp(name, "-h") || !strcmp(name, "help");
    if (help && !argv[1]) {
        print_help(stdout);
        return 0;
    }
    const char *wanted = help ? argv[1] : name;
    if (help && (!strcmp(wanted, "targets") || !strcmp(wanted, "operators"))) {
        *wanted == 't' ? help_targets() : help_operators();
        return 0;
    }
    for (int i = 0; i < NCOMMANDS; i++) {
        if (strcmp(command_names[i], wanted))
            continue;
        if (help) {
            print_command_help(i);
            return 0;
        }
        return run_command(A, i, argv + 1);
    }
    if (*wanted == '-')
        return usage_error(0, "unknown option '%s'; options stand behind the command", wanted);
    return usage_error(0, "unknown command '%s'%s", wanted, did_you_mean(A, wanted, command_names, NCOMMANDS));
}

int main(int argc, char **argv)
{
    Arena *A = arena_new();
    int status = flush_results(dispatch(A, argv + (argc > 0)));
    diag_reset();
    arena_free(A);
    return status;
}
