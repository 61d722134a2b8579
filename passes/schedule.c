/* What any reader of a schedule asks; choose/schedule.c reads its text. */
#include "schedule.h"

const char *schedule_text(Arena *A, const Schedule *s)
{
    static const char *const impl[] = {"generic", "conv_tile", "depthwise", "conv_group", "winograd"};
    if (s->impl == IMPL_GENERIC && s->px * s->nb == 1)
        return arena_printf(A, "%s lanes=%d", impl[s->impl], s->lanes);
    if (s->impl == IMPL_WINOGRAD)
        return arena_printf(A, "%s m=%d lanes=%d tile=%dx%dx%d%s%s%s", impl[s->impl], s->wino, s->lanes, s->rows, s->px,
                            s->nb, s->oc_outer ? " oc_outer" : "", s->peel ? " peel" : "",
                            s->parts > 1 ? arena_printf(A, " parts=%d", s->parts) : "");
    return arena_printf(A, "%s lanes=%d tile=%dx%dx%d%s%s%s", impl[s->impl], s->lanes, s->rows, s->px, s->nb,
                        s->oc_outer ? " oc_outer" : "", s->peel ? " peel" : "", s->symmetric ? " symmetric" : "");
}

Schedule *schedule_generic(Graph *g, const Target *t)
{
    Schedule *s = NEW(g->arena, Schedule, 1);
    *s = (Schedule){.impl = IMPL_GENERIC, .lanes = t->lanes, .px = 1, .rows = 1, .nb = 1};
    return s;
}

double node_tolerance(const Node *n)
{
    return n->sched && n->sched->impl == IMPL_WINOGRAD ? 1e-4 : 1e-5;
}
