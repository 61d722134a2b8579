#ifndef DSQ_SCHEDULE_FILE_H
#define DSQ_SCHEDULE_FILE_H
/* SCHEDULE.json: the schedules of a network's layers on a target, and what dsqc tune has measured. */
#include "../../passes/choose/schedule.h"
#include "../driver.h"

/* A measured schedule of all layers that are the same kernel as `layer`. ratio: its time divided by that of the cost
   model's choice, measured in turns. noise: how far the ratio varied. again: the last measurement, with the best
   schedule of every layer. */
typedef struct Measured { const char *layer, *shape, *schedule; double ratio, noise; bool again; } Measured;

typedef struct ScheduleFile {
    const char *version, *network, *target, *isa, *options;
    Loc version_at, network_at, target_at, options_at; /* their places in the file */
    Schedules layers;
    VEC(Measured) measured;
    bool complete;         /* nothing is left to measure */
} ScheduleFile;

/* NULL after a message. Later messages can point into the file. text: n bytes and a NUL. */
ScheduleFile *schedule_file_parse(Arena *, const char *path, const char *text, size_t n);
ScheduleFile *schedule_file_read(Arena *, const char *path);
void schedule_file_print(Buf *, Arena *, const ScheduleFile *);
bool schedule_file_write(Arena *, const char *path, const ScheduleFile *);
/* An empty file for the job, with version, network, target, isa and options. */
ScheduleFile schedule_file_for(const Job *);
/* Is the file for the job's network and target? False after a message. */
bool schedule_file_fits(const ScheduleFile *, const Job *);
#endif
