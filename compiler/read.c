/* The stages of job_read: files and options become the graph as written. */
#include "driver.h"

#include <string.h>

#include "../passes/rules/rules.h"
#include "network.h"
#include "tune/schedule_file.h"

bool job_read_rules(Job *j)
{
    const TextList *files = &j->opt->rules;
    if (files->n)
        j->rules = rules_load(j->arena, files->v, files->n);
    return j->rules || !files->n;
}

bool job_read_spec(Job *j)
{
    const char *libdir = spec_libdir(j->arena), *path = spec_find(j->arena, j->opt->file, libdir);
    j->spec = path ? network_read(j->arena, path, j->opt, libdir) : NULL;
    return j->spec;
}

static bool wants_weights(const Graph *g)
{
    for (int i = 0; i < g->value.n; i++)
        if (g->value.v[i].kind == VAL_CONST && g->value.v[i].tensor && !g->value.v[i].tensor->data)
            return true;
    return false;
}

/* Commands whose results do not depend on the numbers run on random ones where none are given, and every command does
   where there are no parameters. */
static const char *weights_source(const Job *j)
{
    const Options *o = j->opt;
    if (o->weights)
        return o->weights;
    if (j->spec->weights)
        return j->spec->weights;
    if (!(o->command & (CMD_compile | CMD_run | CMD_export)) || !wants_weights(j->spec->graph))
        return "random:0";
    error_at(loc_file(diag_file(j->spec->path, NULL, 0)),
             "the spec names no weights: give --weights FILE (.safetensors or .npz), or --weights random:SEED");
    return NULL;
}

bool job_bind_weights(Job *j)
{
    const Options *o = j->opt;
    Graph *g = j->spec->graph;
    const char *source = weights_source(j);
    WeightsOptions use = {o->weights_extra && !strcmp(o->weights_extra, "ignore"), o->weights_prefix};
    int64_t bytes; /* at least; before anything is read or made */
    if (!mul_ok(graph_parameters(g), dtype_size(DT_F32), &bytes))
        bytes = INT64_MAX;
    if (!source || !job_fits_memory(j, weights_random_source(source)) || !job_holds(j, bytes) ||
        !weights_bind(j->arena, g, source, &use, &j->weights))
        return false;
    if (j->spec->model) /* the numbers came with it */
        memcpy(j->weights.sha256, j->spec->sha256, sizeof j->weights.sha256);
    g->flush_to_zero = o->flush_to_zero;
    j->written = g;
    return true;
}

bool job_read_schedules(Job *j)
{
    if (!j->opt->schedule)
        return true;
    const ScheduleFile *f = schedule_file_read(j->arena, j->opt->schedule);
    if (!f || !schedule_file_fits(f, j))
        return false;
    j->schedules = &f->layers;
    return true;
}
