#ifndef DSQ_SCHEDULE_FILE_H
#define DSQ_SCHEDULE_FILE_H
/* SCHEDULE.json: the schedules of a network's layers on a target, and what dsqc tune has measured. */
#include "../../passes/choose/schedule.h"
#include "../driver.h"

/* A schedule that was measured for all layers like `layer`: its time over that of the cost model's choice, measured in
   turns, and how far that ratio varied. Again: once more, beside what is best for the other layers. */
typedef struct Measured { const char *layer, *shape, *schedule; double ratio, noise; bool again; } Measured;

typedef struct ScheduleFile {
    const char *version, *network, *target, *isa, *options;
    Loc version_at, network_at, target_at, options_at; /* where a file has them */
    Schedules layers;
    VEC(Measured) measured;
    bool complete;         /* nothing is left to measure */
} ScheduleFile;

/* NULL after a message; every place in the file is known to the messages that follow. text: n bytes and a 0. */
ScheduleFile *schedule_file_parse(Arena *, const char *path, const char *text, size_t n);
ScheduleFile *schedule_file_read(Arena *, const char *path);
void schedule_file_print(Buf *, Arena *, const ScheduleFile *);
bool schedule_file_write(Arena *, const char *path, const ScheduleFile *);
/* What the job's file says of itself: fills version, network, target, isa and options. */
ScheduleFile schedule_file_for(const Job *);
/* Is it for the job's network and target? False after a message. */
bool schedule_file_fits(const ScheduleFile *, const Job *);
#endif
