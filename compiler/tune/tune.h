#ifndef DSQ_TUNE_H
#define DSQ_TUNE_H
/* The search for schedules that are faster than the cost model's. */
#include <signal.h>

#include "schedule_file.h"

typedef struct Tried { Schedule s; double ratio, noise; } Tried;
/* Layers that are the same kernel with the cost model's schedules. They share measurements. */
typedef struct TuneGroup {
    VEC(int) node;             /* nodes of Tune.g */
    const char *layer, *shape; /* of the first node */
    Schedule model, best, now; /* the cost model's, the best so far, the one in the build being measured */
    VEC(Tried) tried;
    double ratio, noise;       /* of best; 1 and 0 while that is the model's */
    double ms;                 /* time of all its layers with the model's schedule; 0: not measured yet */
    bool done, reported;
} TuneGroup;

typedef struct Tune {
    Job *job;
    const char *path;
    ScheduleFile file;
    const Graph *g;            /* as choose-kernels leaves it */
    Pass pass;
    VEC(TuneGroup) group;
    Dict of;                    /* a layer's name and shape -> its group */
    struct Model *base;        /* the network with the model's schedules */
    int *call_group;           /* from tune_groups_of_calls, for base */
    float **io;
    int run;                   /* traced runs in a stretch */
    double base_ms, tuned_ms;  /* of all layers, measured in turns at the end; 0 before */
    volatile sig_atomic_t *stop; /* not 0: stop soon */
} Tune;

/* Builds the network with the cost model's schedules, and reads what an earlier run left at path. False after a
   message. */
bool tune_open(Tune *, Job *, const char *path, volatile sig_atomic_t *stop);
/* Measures what is left and writes the file after every step. False after a message, or where *stop was set. */
bool tune_run(Tune *);
void tune_close(Tune *);
int tune_done(const Tune *); /* number of groups that are finished */
const char *tune_title(const Tune *, const TuneGroup *);  /* "layer1.0.conv1 and 3 others" */
const char *tune_result(const Tune *, const TuneGroup *); /* "A in place of B, 12 % faster" */

/* ---- tune_layers.c ---- */
void tune_keep_graph(void *tune, const PassInfo *, const Graph *, double ms, bool changed); /* a PassObserver */
void tune_make_groups(Tune *); /* of the job's graph and program */
TuneGroup *tune_group(const Tune *, const char *layer, const char *shape); /* NULL where there is none */
int *tune_groups_of_calls(const Tune *, const Job *); /* per call of its program, -1: none that can be tuned */
/* Sets now to the next schedule to try. If there is none, sets it to the best and returns false. */
bool tune_next(const Tune *, TuneGroup *);
void tune_learn(Tune *, TuneGroup *, const Schedule *, double ratio, double noise);
/* Enters the last measurement of the best schedule. If it is not better after all, the model's choice is the best
   again. */
void tune_confirm(TuneGroup *, double ratio, double noise);
void tune_keep_room(Tune *);   /* keeps the sum of Winograd's weights within its bound */
void tune_note(Tune *, const TuneGroup *, const Schedule *, double ratio, double noise, bool again); /* for the file */
bool tune_save(Tune *);
bool tune_same_work(const ScheduleFile *, const Job *); /* False after a message. */
bool tune_take_over(Tune *, const ScheduleFile *);
#endif
