/* What is tuned: groups of layers, what is known of each, and the file that holds it between two runs. */
#include "tune.h"

#include <math.h>
#include <string.h>

#include "../../passes/choose/choose.h"
#include "../report/figures.h"

/* So many schedules are tried for a layer at most. */
enum { MOST_TRIED = 18 };
/* Below this a gain means nothing, however little the ratio varied. */
static const double least_gain = 0.02;

/* ---- layers and groups ---- */

static const char *key_of(Arena *A, const Graph *g, const Node *n)
{
    return arena_printf(A, "%s\n%s", layer_name(n), layer_shape(A, g, n));
}

TuneGroup *tune_group(const Tune *t, const char *layer, const char *shape)
{
    int i = dict_get(&t->of, arena_printf(t->job->arena, "%s\n%s", layer, shape));
    return i < 0 ? NULL : &t->group.v[i];
}

/* choose-kernels' graph and choices, before layouts change it. */
void tune_keep_graph(void *user, const PassInfo *info, const Graph *g, double ms, bool changed)
{
    (void)ms, (void)changed;
    Tune *t = user;
    if (info && !strcmp(info->name, "choose-kernels"))
        t->g = graph_clone(t->job->arena, g);
}

/* Nodes of Tune.g by the kernels that the base program makes of them. */
void tune_make_groups(Tune *t)
{
    const Job *j = t->job;
    Arena *A = j->arena;
    const CallFigures *call = figures(j).call;
    int *of_kernel = NEW(A, int, j->program->kernel.n);
    Dict kernel_of = dict_new(A);
    t->of = dict_new(A);
    for (int c = 0; c < j->program->call.n; c++)
        if (call[c].node >= 0 && has_schedule(&j->graph->node.v[call[c].node]))
            dict_put(&kernel_of, key_of(A, j->graph, &j->graph->node.v[call[c].node]), j->program->call.v[c].kernel);
    for (int i = 0; i < t->g->node.n; i++) {
        const Node *n = &t->g->node.v[i];
        const char *key = n->op != OP_NONE && has_schedule(n) ? key_of(A, t->g, n) : NULL;
        int kernel = key ? dict_get(&kernel_of, key) : -1;
        if (kernel < 0)
            continue;
        if (!of_kernel[kernel]) {
            Schedule s = *n->sched;
            s.parts = 0;
            PUSH(A, &t->group, (TuneGroup){.layer = layer_name(n), .shape = layer_shape(A, t->g, n), .model = s,
                                           .best = s, .ratio = 1});
            of_kernel[kernel] = t->group.n;
        }
        int group = of_kernel[kernel] - 1;
        PUSH(A, &t->group.v[group].node, i);
        dict_put(&t->of, key, group);
    }
}

/* The convolution that n reduces the sums of, where split-reduction has made n; NULL: it has not. */
static const Node *summed(const Graph *g, const Node *n)
{
    const Value *in = n->nin ? &g->value.v[n->in[0]] : NULL;
    const Node *conv = in && in->kind == VAL_NODE ? &g->node.v[in->node] : NULL;
    return op_is(n->op, P_REDUCE) && !n->nstep && conv && conv->sched && conv->sched->sum_rows ? conv : NULL;
}

/* The layer whose time a kernel counts for. Mostly it is its own. The kernel may also be a copy that assign-layout
   made for a layer, or what split-reduction left of a layer's reduction. Then it counts for that layer. */
static const Node *layer_of(const Graph *g, const Node *n)
{
    const Node *sums = summed(g, n);
    if (sums)
        return sums;
    bool copy = n->op == OP_map && !n->name && !n->layers && n->nout == 1;
    for (int i = 0; copy && i < g->node.n; i++)
        for (int k = 0; k < g->node.v[i].nin; k++)
            if (g->node.v[i].in[k] == n->out[0].value)
                return has_schedule(&g->node.v[i]) ? &g->node.v[i] : NULL;
    return has_schedule(n) ? n : NULL;
}

int *tune_groups_of_calls(const Tune *t, const Job *j)
{
    const CallFigures *call = figures(j).call;
    int *group = NEW(j->arena, int, j->program->call.n);
    bool *found = NEW(j->arena, bool, t->group.n + 1);
    for (int c = 0; c < j->program->call.n; c++) {
        const Node *n = call[c].node < 0 ? NULL : layer_of(j->graph, &j->graph->node.v[call[c].node]);
        group[c] = n ? dict_get(&t->of, key_of(j->arena, j->graph, n)) : -1;
        if (group[c] >= 0)
            found[group[c]] = true;
    }
    for (int i = 0; i < t->group.n; i++)
        if (!found[i])
            bug("no kernel is that of layer '%s'", t->group.v[i].layer);
    return group;
}

/* ---- what is known ---- */

static bool tried(const Tune *t, const TuneGroup *g, const Schedule *s)
{
    for (int i = 0; i < g->tried.n; i++)
        if (schedule_eq(t->job->arena, &g->tried.v[i].s, s))
            return true;
    return schedule_eq(t->job->arena, &g->model, s);
}

static bool better(double ratio, double noise) { return 1 - ratio > fmax(least_gain, noise); }

static void prefer(TuneGroup *g, const Tried *k)
{
    if (k->ratio < g->ratio && better(k->ratio, k->noise))
        g->best = k->s, g->ratio = k->ratio, g->noise = k->noise;
}

static void prefer_model(TuneGroup *g) { g->best = g->model, g->ratio = 1, g->noise = 0; }

void tune_learn(Tune *t, TuneGroup *g, const Schedule *s, double ratio, double noise)
{
    Tried k = {*s, ratio, noise};
    PUSH(t->job->arena, &g->tried, k);
    prefer(g, &k);
}

/* What the last step found of the best: the model's choice comes back where it is not better after all. */
void tune_confirm(TuneGroup *g, double ratio, double noise)
{
    g->ratio = ratio, g->noise = noise;
    if (!better(ratio, noise))
        prefer_model(g);
}

/* The weights that the group's layers read, those that several share counted once. */
static int distinct_weights(const Tune *t, const TuneGroup *g)
{
    int count = 0;
    for (int i = 0; i < g->node.n; i++) {
        int k = 0;
        while (t->g->node.v[g->node.v[k]].in[1] != t->g->node.v[g->node.v[i]].in[1])
            k++;
        count += k == i;
    }
    return count;
}

/* Bytes by which the schedule's weights exceed the graph's. */
static int64_t growth(const Tune *t, const TuneGroup *g, const Schedule *s)
{
    const Node *n = &t->g->node.v[g->node.v[0]];
    WinoConv v;
    if (s->impl != IMPL_WINOGRAD || !winograd_conv(t->g, n, s->peel, &v))
        return 0;
    return distinct_weights(t, g) * winograd_growth(t->g, n, &v, s->lanes, s->wino);
}

/* May the weights of the layers grow by so much, whatever the others have? */
static bool has_room(const Tune *t, int64_t bytes) { return t->pass.winograd || bytes <= winograd_room(t->g).left; }

/* The best that was measured and grows by less than so many bytes, else the model's choice. */
static void next_best(const Tune *t, TuneGroup *g, int64_t bytes)
{
    prefer_model(g);
    for (int i = 0; i < g->tried.n; i++)
        if (growth(t, g, &g->tried.v[i].s) < bytes)
            prefer(g, &g->tried.v[i]);
}

/* Where Winograd's weights are bounded altogether, those that gain least have to become smaller. */
void tune_keep_room(Tune *t)
{
    int64_t room = winograd_room(t->g).left;
    for (int i = 0; i < t->group.n; i++)
        room -= growth(t, &t->group.v[i], &t->group.v[i].best);
    while (room < 0 && !t->pass.winograd) {
        TuneGroup *least = NULL;
        for (int i = 0; i < t->group.n; i++) {
            TuneGroup *g = &t->group.v[i];
            bool saves = growth(t, g, &g->best) > growth(t, g, &g->model);
            if (saves && (!least || g->ms * (1 - g->ratio) < least->ms * (1 - least->ratio)))
                least = g;
        }
        if (!least)
            return;
        int64_t bytes = growth(t, least, &least->best);
        next_best(t, least, bytes);
        room += bytes - growth(t, least, &least->best);
    }
}

/* The next schedule to try for the group; false where there is none. */
bool tune_next(const Tune *t, TuneGroup *g)
{
    g->now = g->best;
    if (g->done || g->tried.n >= MOST_TRIED)
        return false;
    const Node *n = &t->g->node.v[g->node.v[0]];
    ScheduleList near = schedule_neighbours(t->job->arena, &t->pass, t->g, n, &g->model, &g->best);
    for (int i = 0; i < near.s.n; i++)
        if (!tried(t, g, &near.s.v[i]) && has_room(t, growth(t, g, &near.s.v[i]))) {
            g->now = near.s.v[i];
            return true;
        }
    return false;
}

/* ---- the file ---- */

/* Is it a layer of that name and shape, used once more? One line is for both. */
static bool listed(const Schedules *all, int from, const char *layer, const char *shape)
{
    for (int i = from; i < all->layer.n; i++)
        if (!strcmp(all->layer.v[i].layer, layer) && !strcmp(all->layer.v[i].shape, shape))
            return true;
    return false;
}

bool tune_save(Tune *t)
{
    Arena *A = t->job->arena;
    t->file.layers.layer.n = 0;
    for (int i = 0; i < t->group.n; i++) {
        const TuneGroup *g = &t->group.v[i];
        int from = t->file.layers.layer.n;
        for (int k = 0; k < g->node.n; k++) {
            const Node *n = &t->g->node.v[g->node.v[k]];
            const char *layer = layer_name(n), *shape = layer_shape(A, t->g, n);
            if (!listed(&t->file.layers, from, layer, shape))
                PUSH(A, &t->file.layers.layer, (Chosen){.layer = layer, .shape = shape, .s = g->best});
        }
    }
    return schedule_file_write(A, t->path, &t->file);
}

void tune_note(Tune *t, const TuneGroup *g, const Schedule *s, double ratio, double noise, bool again)
{
    PUSH(t->job->arena, &t->file.measured,
         (Measured){g->layer, g->shape, schedule_text(t->job->arena, s), ratio, noise, again});
}

/* Does an earlier run's file belong to this one? */
bool tune_same_work(const ScheduleFile *f, const Job *j)
{
    ScheduleFile mine = schedule_file_for(j);
    if (strcmp(f->version, mine.version)) {
        error_at(f->version_at, "dsqc %s has measured this, and this is %s: remove it, or write another file",
                 f->version, mine.version);
        return false;
    }
    if (!schedule_file_fits(f, j))
        return false;
    if (strcmp(f->options, mine.options)) {
        error_at(f->options_at,
                 "this was measured with '%s', and the options are '%s': remove it, or write another file", f->options,
                 mine.options);
        return false;
    }
    return true;
}

/* Every layer of the file must be one of this network; then its measurements are taken over. */
bool tune_take_over(Tune *t, const ScheduleFile *f)
{
    for (int i = 0; i < f->layers.layer.n; i++) {
        const Chosen *c = &f->layers.layer.v[i];
        if (tune_group(t, c->layer, c->shape))
            continue;
        error_at(c->layer_at,
                 "this was measured for another network, in which '%s' is '%s': remove it, or write another file",
                 c->layer, c->shape);
        return false;
    }
    for (int i = 0; i < f->measured.n; i++) {
        const Measured *m = &f->measured.v[i];
        TuneGroup *g = tune_group(t, m->layer, m->shape);
        Schedule s;
        Misread misread;
        if (!g || !schedule_parse(t->job->arena, m->schedule, &s, &misread) ||
            schedule_wrong(&t->pass, t->g, &t->g->node.v[g->node.v[0]], &g->model, &s))
            continue; /* as if it had not been measured */
        tune_note(t, g, &s, m->ratio, m->noise, m->again);
        if (m->again)
            tune_confirm(g, m->ratio, m->noise);
        else
            tune_learn(t, g, &s, m->ratio, m->noise);
    }
    t->file.complete = f->complete;
    return true;
}
