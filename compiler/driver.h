#ifndef DSQ_DRIVER_H
#define DSQ_DRIVER_H
/* The way of one network through the compiler. */
#include "../backends/backend.h"
#include "../passes/pass.h"
#include "cli/options.h"
#include "spec/spec.h"
#include "weights/weights.h"

typedef struct Job {
    Arena *arena;
    const Options *opt;
    const Target *target;
    bool llvm;             /* the backend */
    Spec *spec;
    Weights weights;
    const struct Rules *rules; /* of --rules and the bundled ones; NULL without --rules */
    const struct Schedules *schedules; /* of --schedule; NULL without */
    const Graph *written;  /* as the spec says, with weights, untouched by passes: the reference evaluates it */
    Graph *graph;          /* after the passes */
    Program *program;      /* its kernels */
} Job;
/* The words of --emit. */
typedef struct Emit { bool c, obj, as, lib, shared, selftest, graph, loops, ir; } Emit;

/* Where not said otherwise: false after a message. */

/* ---- the page (driver.c) ---- */
bool job_read(Job *);      /* files -> rules, spec, weights, written, schedules */
/* written -> graph -> program, which stays NULL where --stop-after names a pass on graphs. */
bool job_build(Job *, const PassOptions *);
bool job_finish(Job *);    /* the same with the options of the command line */
bool job_compile(Job *);   /* all of that */
bool job_write(Job *, Emit, const char *dir); /* program -> files of a folder, all or none */
bool job_print(Job *, bool loops);            /* graph or program -> text on standard output */

/* ---- options (job.c, cli/option_rules.c) ---- */
/* Options that would change nothing. 0, or 2 after a message. */
int options_check(const Job *, const PassOptions *);
int options_check_loops(Arena *, const Options *); /* of opt --loops */
/* Checks what the option table cannot. 0, or the exit status after a message. */
int job_open(Job *, Arena *, const Options *);
void job_close(Job *);
PassOptions job_pass_options(const Job *);
bool is_loop_stage(const char *name); /* "lower", or a pass on loops */

/* ---- stages of job_read (read.c) ---- */
bool job_read_rules(Job *);
bool job_read_spec(Job *);
bool job_bind_weights(Job *);
bool job_read_schedules(Job *);

/* ---- limits (limits.c) ---- */
/* Whether every buffer of the program has sizes that the target's pointers reach. */
bool job_fits(const Job *);
/* Whether this machine's memory holds the graph's numbers, with its weights where they are random. */
bool job_fits_memory(const Job *, bool random);
/* Whether the files that the command makes can hold so many bytes of weights. */
bool job_holds(const Job *, int64_t bytes);
bool emits_code(const char *emit); /* a list of --emit; NULL, its default, does */
#endif
