/* JSON for other programs, written with Jansson. */
#include "report.h"

#include <string.h>

#include "../../passes/edit.h"
#include "../../passes/rules/rules.h"
#include "../../passes/choose/schedule.h"
#include "../io/io.h"
#include "../io/json.h"

static void print_json(Buf *b, json_t *root)
{
    js_print(b, root, JSON_INDENT(2) | JSON_REAL_PRECISION(9));
    buf_putc(b, '\n');
}

static void put_int(json_t *o, const char *key, int64_t v)
{
    js_put(o, key, js_int(v));
}

static void put_bool(json_t *o, const char *key, bool v)
{
    js_put(o, key, js_bool(v));
}

static void put_sha(json_t *o, const char *key, const uint8_t sum[32])
{
    char hex[65];
    sha256_hex(sum, hex);
    js_put_text(o, key, hex);
}

static json_t *shape_json(const Type *t)
{
    json_t *dims = js_list();
    for (int i = 0; i < t->rank; i++)
        js_add(dims, js_int(t->dim[i]));
    return dims;
}

/* "conv1 + bn1 + relu" as a list */
static json_t *layers_json(const char *layers)
{
    json_t *list = js_list();
    for (const char *p = layers; p && *p;) {
        const char *plus = strstr(p, " + ");
        size_t n = plus ? (size_t)(plus - p) : strlen(p);
        js_add(list, js_text_n(p, n));
        p += n + (plus ? 3 : 0);
    }
    return list;
}

/* The first value of the graph that the call completes, NULL where it completes none. */
static const Value *call_value(const Job *j, const Call *c)
{
    return c->out.n && c->out.v[0].value >= 0 ? &j->graph->value.v[c->out.v[0].value] : NULL;
}

static json_t *rules_sha_json(const Rules *rules)
{
    json_t *list = js_list();
    for (int i = 0; i < rules->file.n; i++) {
        char hex[65];
        sha256_hex(rules->file.v[i].sha256, hex);
        js_add(list, js_text(hex));
    }
    return list;
}

/* Rules in the order in which they fired first, and how often they did. */
static json_t *rules_json(const Graph *g)
{
    json_t *list = js_list();
    for (int i = 0; i < g->fired.n; i++) {
        const Fired *f = &g->fired.v[i];
        int first = 0, count = 0;
        while (strcmp(g->fired.v[first].rule, f->rule) || g->fired.v[first].loc.file != f->loc.file)
            first++;
        if (first < i)
            continue;
        for (int k = i; k < g->fired.n; k++)
            count += !strcmp(g->fired.v[k].rule, f->rule) && g->fired.v[k].loc.file == f->loc.file;
        json_t *e = js_object();
        js_put_text(e, "name", f->rule);
        put_int(e, "count", count);
        js_add(list, e);
    }
    return list;
}

static json_t *options_json(const Job *j)
{
    const Options *o = j->opt;
    json_t *opts = js_object(), *set = js_object();
    put_int(opts, "opt_level", o->level);
    put_bool(opts, "strict", o->strict);
    put_bool(opts, "threads", o->threads != 0);
    if (o->flush_to_zero)
        put_bool(opts, "flush_to_zero", true);
    if (o->weights_as)
        js_put_text(opts, "weights_as", o->weights_as);
    if (o->weights_extra)
        js_put_text(opts, "weights_extra", o->weights_extra);
    if (o->weights_prefix)
        js_put_text(opts, "weights_prefix", o->weights_prefix);
    if (o->passes)
        js_put_text(opts, "passes", o->passes);
    if (o->disable_pass)
        js_put_text(opts, "disable_pass", o->disable_pass);
    for (int i = 0; i < o->set.n; i++) {
        const char *text = o->set.v[i], *equals = strchr(text, '=');
        js_put_text(set, arena_strndup(j->arena, text, (size_t)(equals - text)), equals + 1);
    }
    js_put(opts, "set", set);
    if (o->rules.n)
        js_put(opts, "rules_sha256", rules_sha_json(j->rules));
    if (j->schedules)
        put_sha(opts, "schedule_sha256", j->schedules->sha256);
    return opts;
}

static json_t *kernel_json(const Job *j, const Figures *f, int i)
{
    const Program *p = j->program;
    const Call *c = &p->call.v[i];
    const Value *v = call_value(j, c);
    json_t *k = js_object();
    js_put_text(k, "name", p->kernel.v[c->kernel].name);
    js_put(k, "layers", layers_json(c->layers));
    js_put_text(k, "op", c->op);
    js_put_text(k, "epilogue", c->epilogue ? c->epilogue : "");
    js_put_text(k, "impl", c->impl);
    if (c->why)
        js_put_text(k, "remained", c->why);
    put_int(k, "macs", c->macs);
    put_int(k, "bytes_read", c->bytes_read);
    put_int(k, "bytes_written", c->bytes_written);
    put_int(k, "weights_bytes", f->call[i].weights_bytes);
    js_put(k, "output_shape", v ? shape_json(&v->type) : js_list());
    return k;
}

static json_t *arena_json(const Figures *f)
{
    json_t *map = js_list();
    for (int i = 0; i < f->use.n; i++) {
        const ArenaUse *u = &f->use.v[i];
        json_t *e = js_object();
        js_put_text(e, "what", u->what);
        if (u->more)
            put_int(e, "others", u->more);
        put_int(e, "offset", u->offset);
        put_int(e, "bytes", u->bytes);
        put_int(e, "first_kernel", u->first);
        put_int(e, "last_kernel", u->last);
        js_add(map, e);
    }
    return map;
}

static json_t *files_json(const OutDir *out, const char *report)
{
    json_t *list = js_list();
    const char *name;
    for (int i = 0; (name = outdir_name(out, i)); i++)
        js_add(list, js_text(name));
    js_add(list, js_text(report));
    return list;
}

void report_json(Buf *b, const Job *j, const Figures *f, const OutDir *out, const char *name)
{
    json_t *r = js_object(), *kernels = js_list();
    js_put_text(r, "name", j->spec->name);
    js_put_text(r, "version", DSQ_VERSION);
    js_put(r, "options", options_json(j));
    js_put_text(r, "target", j->target->name);
    js_put_text(r, "backend", j->llvm ? "llvm" : "c");
    put_sha(r, "spec_sha256", j->spec->sha256);
    put_sha(r, "weights_sha256", j->weights.sha256);
    put_int(r, "macs", f->macs);
    put_int(r, "parameters", f->parameters);
    put_int(r, "weights_bytes", f->weights_bytes);
    put_int(r, "arena_bytes", f->arena_bytes);
    put_int(r, "arena_lower_bound_bytes", f->arena_lower_bound);
    js_put_text(r, "arena_proof", f->arena_proof);
    put_int(r, "stack_bytes", f->stack_bytes);
    put_int(r, "bytes_moved", f->bytes_moved);
    for (int i = 0; i < j->program->call.n; i++)
        js_add(kernels, kernel_json(j, f, i));
    js_put(r, "kernels", kernels);
    js_put(r, "rules", rules_json(j->graph));
    js_put(r, "arena", arena_json(f));
    if (out)
        js_put(r, "files", files_json(out, name));
    print_json(b, r);
}

bool job_write_report(const Job *j)
{
    if (!j->opt->report || !j->program)
        return true;
    Figures f = figures(j);
    Buf b = {0};
    report_json(&b, j, &f, NULL, NULL);
    bool ok = write_file(j->opt->report, b.s, b.n);
    buf_free(&b);
    return ok;
}

static json_t *ports_json(const Graph *g, const ValueId *v, int n)
{
    json_t *list = js_list();
    for (int i = 0; i < n; i++) {
        json_t *p = js_object();
        js_put_text(p, "name", g->value.v[v[i]].name);
        js_put_text(p, "dtype", dtype_name(g->value.v[v[i]].type.dtype));
        js_put(p, "shape", shape_json(&g->value.v[v[i]].type));
        js_add(list, p);
    }
    return list;
}

static void put_time(json_t *o, const char *key, const Roofline *r, double v)
{
    js_put(o, key, r->threads ? js_real(v, 6) : json_null());
}

/* Figures that are not known are null. */
static void put_speed(json_t *o, const char *key, double gbs)
{
    js_put(o, key, gbs > 0 ? js_real(gbs, 3) : json_null());
}

static json_t *roofline_json(const Job *j, const Roofline *r)
{
    json_t *o = js_object(), *layers = js_list(), *speed = js_object();
    put_int(o, "threads", r->threads);
    put_time(o, "peak_gflops", r, r->peak.gflops);
    put_speed(speed, "L2", r->speed.l2);
    put_speed(speed, "L3", r->speed.l3);
    put_speed(speed, "memory", r->speed.memory);
    js_put(o, "read_gbs", speed);
    js_put_text(o, "weights_from", r->from);
    put_int(o, "macs", r->macs);
    put_int(o, "least_macs", r->least);
    put_int(o, "weights_bytes", r->weights_bytes);
    put_time(o, "direct_ms", r, r->direct_ms);
    put_time(o, "roofline_ms", r, r->ms);
    for (int i = 0; i < r->layer.n; i++) {
        const RoofLayer *l = &r->layer.v[i];
        const Node *n = &j->graph->node.v[l->node];
        json_t *e = js_object();
        js_put(e, "layers", layers_json(node_title(n)));
        js_put_text(e, "op", op_info[n->op].name);
        js_put_text(e, "cheapest", roofline_algorithm(j->arena, l));
        put_int(e, "macs", l->macs);
        put_int(e, "least_macs", l->least);
        put_int(e, "weights_bytes", l->weights_bytes);
        put_time(e, "compute_ms", r, l->compute_ms);
        put_time(e, "weights_ms", r, l->weights_ms);
        put_time(e, "ms", r, l->ms);
        js_add(layers, e);
    }
    js_put(o, "layers", layers);
    return o;
}

void info_json(Buf *b, const Job *j, const Figures *f, const Roofline *roof, const Costs *costs)
{
    const Graph *g = j->graph;
    json_t *r = js_object(), *layers = js_list();
    js_put_text(r, "name", j->spec->name);
    js_put_text(r, "target", j->target->name);
    js_put(r, "inputs", ports_json(g, g->input.v, g->input.n));
    js_put(r, "outputs", ports_json(g, g->output.v, g->output.n));
    put_int(r, "parameters", f->parameters);
    put_int(r, "macs", f->macs);
    put_int(r, "weights_bytes", f->weights_bytes);
    put_int(r, "arena_bytes", f->arena_bytes);
    put_int(r, "arena_lower_bound_bytes", f->arena_lower_bound);
    js_put_text(r, "arena_proof", f->arena_proof);
    put_int(r, "stack_bytes", f->stack_bytes);
    for (int i = 0; i < j->program->call.n; i++) {
        const Call *c = &j->program->call.v[i];
        const Value *v = call_value(j, c);
        json_t *l = js_object();
        js_put(l, "layers", layers_json(c->layers));
        js_put_text(l, "op", c->op);
        js_put(l, "output_shape", v ? shape_json(&v->type) : js_list());
        put_int(l, "macs", c->macs);
        put_int(l, "weights_bytes", f->call[i].weights_bytes);
        put_int(l, "ram_bytes", f->call[i].ram_bytes);
        js_add(layers, l);
    }
    js_put(r, "layers", layers);
    if (roof)
        js_put(r, "roofline", roofline_json(j, roof));
    if (costs)
        js_put(r, "costs", costs_json(j->arena, costs));
    print_json(b, r);
}

void bench_json(Buf *b, const Job *j, const BenchResult *m)
{
    json_t *r = js_object();
    js_put_text(r, "name", j->spec->name);
    js_put_text(r, "backend", j->llvm ? "llvm" : "c");
    js_put_text(r, "target", j->target->name);
    put_int(r, "threads", m->threads);
    put_int(r, "runs", m->runs);
    js_put_real(r, "median_ms", m->median_ms, 6);
    js_put_real(r, "min_ms", m->min_ms, 6);
    js_put_real(r, "p95_ms", m->p95_ms, 6);
    js_put_real(r, "gflop", m->gflop, 6);
    js_put_real(r, "gflops", m->gflops, 6);
    js_put_real(r, "peak_gflops", m->peak_gflops, 6);
    js_put_real(r, "direct_ms", m->roof.direct_ms, 6);
    js_put_real(r, "roofline_ms", m->roof.ms, 6);
    js_put_real(r, "roofline_share", m->roof.ms / m->median_ms, 6);
    if (m->layer_ms) {
        json_t *layers = js_list();
        for (int i = 0; i < j->program->call.n; i++) {
            const Call *c = &j->program->call.v[i];
            json_t *l = js_object();
            js_put(l, "layers", layers_json(c->layers));
            js_put_text(l, "op", c->op);
            js_put_text(l, "impl", c->impl);
            put_int(l, "macs", c->macs);
            js_put_real(l, "median_ms", m->layer_ms[i], 6);
            js_put_real(l, "gflops", m->layer_ms[i] > 0 ? 2e-6 * (double)c->macs / m->layer_ms[i] : 0, 6);
            js_add(layers, l);
        }
        js_put(r, "layers", layers);
    }
    if (m->costs)
        js_put(r, "costs", costs_json(j->arena, m->costs));
    print_json(b, r);
}
