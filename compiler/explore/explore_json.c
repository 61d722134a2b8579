/* explore's figures as JSON, and the page that shows them: everything that it needs stands in the one file. */
#include "explore.h"

#include <string.h>

#include "../io/json.h"
#include "page_text.h"

static json_t *ms_or_null(double ms)
{
    return ms > 0 ? js_real(ms, 6) : json_null();
}

/* ---- the table ---- */

static json_t *variant_json(const Variant *v)
{
    json_t *r = js_object();
    js_put(r, "pass", js_text(v->pass ? v->pass->name : NULL));
    js_put(r, "kernels", js_int(v->kernels));
    js_put(r, "bytes_moved", js_int(v->bytes_moved));
    js_put(r, "arena_bytes", js_int(v->arena_bytes));
    js_put(r, "macs", js_int(v->macs));
    js_put(r, "code_bytes", v->code_bytes ? js_int(v->code_bytes) : json_null());
    js_put(r, "median_ms", ms_or_null(v->median_ms));
    return r;
}

static json_t *table_json(const Explore *e)
{
    const Job *j = e->job;
    json_t *r = js_object(), *off = js_list(), *on = js_list();
    js_put(r, "name", js_text(j->spec->name));
    js_put(r, "target", js_text(j->target->name));
    js_put(r, "opt_level", js_int(j->opt->level));
    js_put(r, "strict", js_bool(j->opt->strict));
    js_put(r, "runs", js_int(e->runs));
    js_put(r, "everything", variant_json(everything(e)));
    for (int i = 0; i < e->npass; i++)
        js_add(off, variant_json(without(e, i)));
    for (int i = 0; i <= e->npass; i++)
        js_add(on, variant_json(with_first(e, i)));
    js_put(r, "without", off);
    js_put(r, "one_after_another", on);
    if (e->costs)
        js_put(r, "costs", costs_json(j->arena, e->costs));
    return r;
}

void explore_json(Buf *b, const Explore *e)
{
    js_print(b, table_json(e), JSON_INDENT(2) | JSON_REAL_PRECISION(9));
    buf_putc(b, '\n');
}

/* ---- the page's data ---- */

/* The files that nodes come from, numbered by use; a path's last two parts tell them apart and name no machine's
   folders. */
typedef struct Files { VEC(int) file; json_t *json; Arena *arena; } Files;

static int file_index(Files *f, int file)
{
    for (int i = 0; i < f->file.n; i++)
        if (f->file.v[i] == file)
            return i;
    const char *path = diag_path(file), *shown = path + strlen(path);
    for (int slashes = 0; shown > path; shown--)
        if (shown[-1] == '/' && ++slashes == 2)
            break;
    size_t n;
    const char *text = diag_text(file, &n);
    json_t *o = js_object();
    js_put(o, "path", js_text(shown));
    js_put(o, "text", js_text_n(text ? text : "", n));
    js_add(f->json, o);
    PUSH(f->arena, &f->file, file);
    return f->file.n - 1;
}

static json_t *records_json(const Snapshots *s, Files *f)
{
    json_t *list = js_list();
    for (int i = 0; i < s->record.n; i++) {
        const NodeRecord *r = &s->record.v[i];
        json_t *o = js_object(), *loc = js_list(), *key = js_list();
        for (int k = 0; k < r->loc.n; k++) {
            Loc l = r->loc.v[k];
            js_add(loc, js_pack("[iiii]", file_index(f, l.file), l.line, l.col, l.len));
        }
        for (int k = 0; k < r->key.n; k++)
            js_add(key, js_int(r->key.v[k]));
        js_put(o, "text", js_text(r->text));
        js_put(o, "title", js_text(r->title));
        js_put(o, "loc", loc);
        js_put(o, "key", key);
        js_add(list, o);
    }
    return list;
}

static json_t *stages_json(const Snapshots *s)
{
    json_t *list = js_list();
    for (int i = 0; i < s->stage.n; i++) {
        const Stage *stage = &s->stage.v[i];
        json_t *o = js_object(), *nodes = js_list();
        for (int k = 0; k < stage->record.n; k++)
            js_add(nodes, js_int(stage->record.v[k]));
        js_put(o, "pass", js_text(stage->pass ? stage->pass->name : NULL));
        js_put(o, "doc", js_text(stage->pass ? stage->pass->doc : NULL));
        js_put(o, "ms", js_real(stage->ms, 3));
        js_put(o, "changed", js_bool(stage->changed));
        js_put(o, "nodes", nodes);
        js_add(list, o);
    }
    return list;
}

static json_t *constants_json(const Snapshots *s)
{
    json_t *o = js_object();
    for (int i = 0; i < s->constant.n; i++)
        js_put(o, s->constant.v[i].name, js_text(s->constant.v[i].type));
    return o;
}

static int position(const Explore *e, int node)
{
    return node >= 0 ? e->snapshots->at[node] : -1;
}

static json_t *kernels_json(const Explore *e)
{
    const Program *p = e->job->program;
    json_t *list = js_list();
    for (int i = 0; i < p->call.n; i++) {
        const Call *c = &p->call.v[i];
        const CallFigures *f = &e->figures.call[i];
        json_t *o = js_object();
        js_put(o, "name", js_text(p->kernel.v[c->kernel].name));
        js_put(o, "layers", js_text(c->layers ? c->layers : c->op));
        js_put(o, "op", js_text(c->op));
        js_put(o, "impl", js_text(c->impl ? c->impl : ""));
        js_put(o, "shape", js_text(c->shape ? c->shape : ""));
        js_put(o, "macs", js_int(c->macs));
        js_put(o, "read", js_int(c->bytes_read));
        js_put(o, "written", js_int(c->bytes_written));
        js_put(o, "weights", js_int(f->weights_bytes));
        js_put(o, "live", js_int(f->ram_bytes));
        js_put(o, "ms", ms_or_null(e->call_ms ? e->call_ms[i] : 0));
        js_put(o, "node", js_int(position(e, f->node)));
        js_put(o, "code", js_int(c->kernel));
        js_add(list, o);
    }
    return list;
}

static json_t *code_json(const Explore *e)
{
    const Job *j = e->job;
    BackendOptions o = {.target = j->target, .weights_as = WEIGHTS_ASM, .strict = j->opt->strict,
                        .version = DSQ_VERSION};
    const char **text = backend_c_kernels(j->arena, j->program, &o);
    json_t *list = js_list();
    for (int i = 0; i < j->program->kernel.n; i++)
        js_add(list, js_text(text[i]));
    return list;
}

static json_t *arena_json(const Explore *e)
{
    json_t *list = js_list();
    for (int i = 0; i < e->figures.use.n; i++) {
        const ArenaUse *u = &e->figures.use.v[i];
        json_t *o = js_object();
        js_put(o, "what", js_text(u->what));
        js_put(o, "offset", js_int(u->offset));
        js_put(o, "bytes", js_int(u->bytes));
        js_put(o, "first", js_int(u->first));
        js_put(o, "last", js_int(u->last));
        js_put(o, "node", js_int(position(e, u->node)));
        js_add(list, o);
    }
    return list;
}

static json_t *set_json(const Options *o)
{
    json_t *list = js_list();
    for (int i = 0; i < o->set.n; i++)
        js_add(list, js_text(o->set.v[i]));
    return list;
}

static json_t *page_json(const Explore *e)
{
    const Figures *f = &e->figures;
    Files files = {.json = js_list(), .arena = e->job->arena};
    const Graph *g = e->job->written;
    json_t *r = table_json(e);
    /* the spec itself first: all of its steps may be modules */
    if (g->input.n && g->value.v[g->input.v[0]].loc.file > 0)
        file_index(&files, g->value.v[g->input.v[0]].loc.file);
    js_put(r, "version", js_text(DSQ_VERSION));
    js_put(r, "set", set_json(e->job->opt));
    js_put(r, "not_timed", js_text(e->not_timed));
    js_put(r, "parameters", js_int(f->parameters));
    js_put(r, "weights_bytes", js_int(f->weights_bytes));
    js_put(r, "arena_lower_bound_bytes", js_int(f->arena_lower_bound));
    js_put(r, "records", records_json(e->snapshots, &files));
    js_put(r, "files", files.json);
    js_put(r, "stages", stages_json(e->snapshots));
    js_put(r, "constants", constants_json(e->snapshots));
    js_put(r, "kernels", kernels_json(e));
    js_put(r, "code", code_json(e));
    js_put(r, "arena", arena_json(e));
    return r;
}

/* ---- the page ---- */

static void put_embedded(Buf *b, const char *suffix)
{
    for (int i = 0; i < LEN(page_text); i++)
        if (strstr(page_text[i].name, suffix))
            buf_write(b, page_text[i].text, page_text[i].n);
}

/* No tag may begin within a script, so no < is written as it is. */
static void put_data(Buf *b, const Explore *e)
{
    Buf data = {0};
    js_print(&data, page_json(e), JSON_COMPACT | JSON_REAL_PRECISION(9));
    for (const char *p = data.s; *p;) {
        size_t n = strcspn(p, "<");
        buf_write(b, p, n);
        p += n;
        if (*p)
            buf_puts(b, "\\u003c"), p++;
    }
    buf_free(&data);
}

/* The template with what stands for each {{word}}. */
void explore_page(Buf *b, const Explore *e)
{
    Buf page = {0};
    put_embedded(&page, ".html");
    buf_putc(&page, 0);
    for (const char *p = page.s, *hole; *p;) {
        hole = strstr(p, "{{");
        buf_write(b, p, hole ? (size_t)(hole - p) : strlen(p));
        if (!hole)
            break;
        if (!strncmp(hole, "{{style}}", 9))
            put_embedded(b, ".css");
        else if (!strncmp(hole, "{{script}}", 10))
            put_embedded(b, ".js");
        else if (!strncmp(hole, "{{data}}", 8))
            put_data(b, e);
        else if (!strncmp(hole, "{{name}}", 8))
            buf_puts(b, e->job->spec->name); /* a C identifier */
        else
            bug("the page wants %.12s", hole);
        p = strstr(hole, "}}") + 2;
    }
    buf_free(&page);
}
