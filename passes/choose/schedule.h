#ifndef DSQ_SCHEDULE_H
#define DSQ_SCHEDULE_H
/* Schedules from outside: their text, what a layer can have, and what else it could have. */
#include "../pass.h"

/* Reads what schedule_text prints. False after filling in what is wrong with which bytes of the text. The number of
   parts comes from --threads. */
typedef struct Misread { const char *wrong, *hint; int at, len; } Misread;
bool schedule_parse(Arena *, const char *text, Schedule *, Misread *);

/* What names a layer in a file: its name in the spec, and all that its kernel depends on. */
bool has_schedule(const Node *); /* is there something to choose? */
const char *layer_name(const Node *);
const char *layer_shape(Arena *, const Graph *, const Node *);

/* The choices of a file. A layer without one has the cost model's. */
typedef struct Chosen {
    const char *layer, *shape;
    Schedule s;
    Loc layer_at, shape_at, at;
} Chosen;
typedef struct Schedules { VEC(Chosen) layer; uint8_t sha256[32]; /* of the file */ } Schedules;
/* Replaces the cost model's choice s for node n by that of p->schedules, where it has one that is possible. Others are
   errors. (The one place where choose-kernels learns of them.) */
void schedules_take(Pass *, const Graph *, const Node *n, Schedule *s);
/* Choices for layers that the graph has not are errors. */
void schedules_check(Pass *, const Graph *);

/* NULL where the kernels of n can be built so, else why not. model: the cost model's choice, which always can. */
const char *schedule_wrong(const Pass *, const Graph *, const Node *n, const Schedule *model, const Schedule *);
/* Schedules that differ from `around` in one respect and that are possible, the most promising ones first. */
typedef struct ScheduleList { VEC(Schedule) s; } ScheduleList;
ScheduleList schedule_neighbours(Arena *, const Pass *, const Graph *, const Node *, const Schedule *model,
                                 const Schedule *around);
/* The same kernels, whatever the number of threads? */
bool schedule_eq(Arena *, const Schedule *, const Schedule *);

/* ---- of choose_conv.c ---- */
/* For a node n that reduces the map, with schedule s by rows: the rows of the map that its kernel reduces together.
   0: it cannot go by rows then. The sums of a map are few enough to be added up in no time. */
int64_t sum_rows(const Pass *, const Graph *, const Node *n, const Schedule *s);
/* As the cost model has it, does it read its input without a border? */
bool conv_peels(const Target *, const Graph *, const Node *);
#endif
