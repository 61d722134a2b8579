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

/* option_rules.c: options that would change nothing. 0, or 2 after a message. */
int options_check(const Job *, const PassOptions *);
int options_check_loops(Arena *, const Options *); /* of opt --loops */
/* Checks what the option table cannot. 0, or the exit status after a message. */
int job_open(Job *, Arena *, const Options *);
void job_close(Job *);

bool job_read_rules(Job *); /* --rules: fills rules. False after a message. */
/* Rules, spec, weights and schedules: fills all of these and written. False after a message. */
bool job_read(Job *);
bool job_compile(Job *);   /* the whole way: fills everything. False after a message. */
bool job_begin(Job *);     /* its two halves: reading, with the time that it took, and the passes */
bool job_finish(Job *);
/* What job_compile does behind job_read; program stays NULL where --stop-after names a pass on graphs. */
bool job_build(Job *, const PassOptions *);
/* Whether every buffer of the program has sizes that the target's pointers reach. False after a message. */
bool job_fits(const Job *);
/* Whether the files that the command makes can hold so many bytes of weights. False after a message. */
bool job_holds(const Job *, int64_t bytes);
bool emits_code(const char *emit); /* a list of --emit; NULL, its default, does */
bool is_loop_stage(const char *name); /* "lower", or a pass on loops */
PassOptions job_pass_options(const Job *);
/* Makes the backend write the model's files into the folder. */
bool job_write_c(const Job *, const BackendOptions *, OutDir *);

/* The names that --print-ir-after and opt --loops know for the passes on loops, NULL behind the last. */
typedef struct LoopPass { const char *name; bool (*fn)(Arena *, Kernel *); } LoopPass;
extern const LoopPass loop_passes[];
#endif
