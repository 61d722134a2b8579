#ifndef DSQ_OPTIONS_H
#define DSQ_OPTIONS_H
/* The command line: rows of options.def become one struct, the parser, the help and the completion's list. */
#include "../../ir/base/base.h"

/* name, operand, function's one-line summary */
#define COMMANDS(X)                                                                                                    \
    X(compile, "SPEC", "compile a network into C that needs nothing at run time")                                      \
    X(run, "SPEC", "one inference: pictures or arrays in, labels or arrays out")                                       \
    X(verify, "SPEC", "compare every fused group of the compiled code with the reference")                             \
    X(bench, "SPEC", "latency, per layer on demand, and the share of this core's peak")                                \
    X(tune, "SPEC", "measure other schedules than the cost model's and keep the fastest")                              \
    X(explore, "SPEC", "what each pass buys, as a table and as a page for the browser")                                \
    X(info, "SPEC", "inputs, outputs, parameters, MACs, flash and RAM per layer")                                      \
    X(export, "SPEC", "write the network with its weights as an ONNX model")                                           \
    X(import, "MODEL", "make a spec of an ONNX or TFLite model, with its weights beside it")                           \
    X(opt, "FILE.dsq", "textual IR in, passes run, textual IR out")                                                    \
    X(schema, "", "JSON Schema of the spec format")
enum {
#define X(name, operand, doc) CMD_INDEX_##name,
    COMMANDS(X)
#undef X
    NCOMMANDS
};
#define X(name, operand, doc) CMD_##name = 1 << CMD_INDEX_##name,
enum { COMMANDS(X) CMD_ALL = (1 << NCOMMANDS) - 1 };
#undef X
enum {
    BUILDS = CMD_compile | CMD_run | CMD_verify | CMD_bench | CMD_explore,
    TAKES_SPEC = BUILDS | CMD_info | CMD_export | CMD_tune
};

enum { DEFAULT_LEVEL = 2 };

typedef struct TextList { const char **v; int n, cap; } TextList;
typedef bool OptCType_FLAG;
typedef const char *OptCType_TEXT, *OptCType_CHOICE, *OptCType_CHOICES;
typedef TextList OptCType_LIST;
typedef int OptCType_INT, OptCType_COUNT, OptCType_LEVEL;
typedef double OptCType_REAL;

/* The options that were given. One that was not is NULL, 0 or false; the level is 2. threads is -1 for --threads
   without a number. */
typedef struct Options {
    int command;             /* CMD_x */
    const char *file;        /* the operand; "-": standard input */
    OptCType_LIST set, shape, inputs, outputs, rules;
    OptCType_TEXT weights, weights_prefix, output, report, target, triple, cpu, features, passes, disable_pass,
        print_ir_after, stop_after, html, schedule;
    OptCType_CHOICE weights_as, weights_extra, engine, backend, winograd;
    OptCType_CHOICES emit;
    OptCType_INT top, seed, runs;
    OptCType_REAL tolerance;
    OptCType_COUNT threads;
    OptCType_LEVEL level;
    OptCType_FLAG check, layers, roofline, costs, json, markdown, no_time, strict, flush_to_zero, verify_each,
        time_passes, loops, print_data, quiet, help;
} Options;

extern const char *const command_names[NCOMMANDS];

/* Reads the arguments after the command's name. False after usage_error; the exit status is then 2. */
bool options_parse(Arena *, int command, char **argv, Options *);
bool options_have(int command, const char *name); /* has the command this option? */
/* Was the option given, with another value than its default? False for an option that the command does not have. */
bool option_said(const Options *, const char *name);
bool options_ask_targets(const Options *); /* was it --target=list? Then no other option counts */
bool option_is(const char *said, const char *word); /* said may be NULL: not given */
/* Does the comma-separated list (may be NULL) contain the word? */
bool list_has(const char *list, const char *word);
void options_help(int command);  /* the table of options, to standard output */

/* Prints "dsqc: error: ..." and points to the help. Returns 2, the exit status. command 0: no command was read yet. */
int usage_error(int command, const char *fmt, ...) PRINTF(2, 3);
/* "; did you mean 'x'?" or "" */
const char *did_you_mean(Arena *, const char *said, const char *const *names, int n);
#endif
