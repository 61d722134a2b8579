/* explore's figures as JSON, and the page that shows them: everything that it needs stands in the one file. */
#include "explore.h"

#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "page_text.h"

static json_t *text_or_null(const char *s)
{
    return s ? json_string(s) : json_null();
}

static json_t *ms_or_null(double ms)
{
    return ms > 0 ? json_real(round(ms * 1e6) / 1e6) : json_null();
}

static char *dump(json_t *root, size_t flags)
{
    char *s = root ? json_dumps(root, flags | JSON_REAL_PRECISION(9)) : NULL;
    if (!s)
        out_of_memory();
    json_decref(root);
    return s;
}

/* ---- the table ---- */

static json_t *variant_json(const Variant *v)
{
    json_t *r = json_object();
    json_object_set_new(r, "pass", text_or_null(v->pass ? v->pass->name : NULL));
    json_object_set_new(r, "kernels", json_integer(v->kernels));
    json_object_set_new(r, "bytes_moved", json_integer(v->bytes_moved));
    json_object_set_new(r, "arena_bytes", json_integer(v->arena_bytes));
    json_object_set_new(r, "macs", json_integer(v->macs));
    json_object_set_new(r, "code_bytes", v->code_bytes ? json_integer(v->code_bytes) : json_null());
    json_object_set_new(r, "median_ms", ms_or_null(v->median_ms));
    return r;
}

static json_t *table_json(const Explore *e)
{
    const Job *j = e->job;
    json_t *r = json_object(), *off = json_array(), *on = json_array();
    json_object_set_new(r, "name", json_string(j->spec->name));
    json_object_set_new(r, "target", json_string(j->target->name));
    json_object_set_new(r, "opt_level", json_integer(j->opt->level));
    json_object_set_new(r, "strict", json_boolean(j->opt->strict));
    json_object_set_new(r, "runs", json_integer(e->runs));
    json_object_set_new(r, "everything", variant_json(everything(e)));
    for (int i = 0; i < e->npass; i++)
        json_array_append_new(off, variant_json(without(e, i)));
    for (int i = 0; i <= e->npass; i++)
        json_array_append_new(on, variant_json(with_first(e, i)));
    json_object_set_new(r, "without", off);
    json_object_set_new(r, "one_after_another", on);
    return r;
}

void explore_json(Buf *b, const Explore *e)
{
    char *s = dump(table_json(e), JSON_INDENT(2));
    buf_puts(b, s);
    buf_putc(b, '\n');
    free(s);
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
    json_t *o = json_object();
    json_object_set_new(o, "path", json_string(shown));
    json_object_set_new(o, "text", json_stringn(text ? text : "", n));
    json_array_append_new(f->json, o);
    PUSH(f->arena, &f->file, file);
    return f->file.n - 1;
}

static json_t *records_json(const Snapshots *s, Files *f)
{
    json_t *list = json_array();
    for (int i = 0; i < s->record.n; i++) {
        const NodeRecord *r = &s->record.v[i];
        json_t *o = json_object(), *loc = json_array(), *key = json_array();
        for (int k = 0; k < r->loc.n; k++) {
            Loc l = r->loc.v[k];
            json_array_append_new(loc, json_pack("[iiii]", file_index(f, l.file), l.line, l.col, l.len));
        }
        for (int k = 0; k < r->key.n; k++)
            json_array_append_new(key, json_integer(r->key.v[k]));
        json_object_set_new(o, "text", json_string(r->text));
        json_object_set_new(o, "title", json_string(r->title));
        json_object_set_new(o, "loc", loc);
        json_object_set_new(o, "key", key);
        json_array_append_new(list, o);
    }
    return list;
}

static json_t *stages_json(const Snapshots *s)
{
    json_t *list = json_array();
    for (int i = 0; i < s->stage.n; i++) {
        const Stage *stage = &s->stage.v[i];
        json_t *o = json_object(), *nodes = json_array();
        for (int k = 0; k < stage->record.n; k++)
            json_array_append_new(nodes, json_integer(stage->record.v[k]));
        json_object_set_new(o, "pass", text_or_null(stage->pass ? stage->pass->name : NULL));
        json_object_set_new(o, "doc", text_or_null(stage->pass ? stage->pass->doc : NULL));
        json_object_set_new(o, "ms", json_real(round(stage->ms * 1e3) / 1e3));
        json_object_set_new(o, "changed", json_boolean(stage->changed));
        json_object_set_new(o, "nodes", nodes);
        json_array_append_new(list, o);
    }
    return list;
}

static json_t *constants_json(const Snapshots *s)
{
    json_t *o = json_object();
    for (int i = 0; i < s->constant.n; i++)
        json_object_set_new(o, s->constant.v[i].name, json_string(s->constant.v[i].type));
    return o;
}

static int position(const Explore *e, int node)
{
    return node >= 0 ? e->snapshots->at[node] : -1;
}

static json_t *kernels_json(const Explore *e)
{
    const Program *p = e->job->program;
    json_t *list = json_array();
    for (int i = 0; i < p->call.n; i++) {
        const Call *c = &p->call.v[i];
        const CallFigures *f = &e->figures.call[i];
        json_t *o = json_object();
        json_object_set_new(o, "name", json_string(p->kernel.v[c->kernel].name));
        json_object_set_new(o, "layers", json_string(c->layers ? c->layers : c->op));
        json_object_set_new(o, "op", json_string(c->op));
        json_object_set_new(o, "impl", json_string(c->impl ? c->impl : ""));
        json_object_set_new(o, "shape", json_string(c->shape ? c->shape : ""));
        json_object_set_new(o, "macs", json_integer(c->macs));
        json_object_set_new(o, "read", json_integer(c->bytes_read));
        json_object_set_new(o, "written", json_integer(c->bytes_written));
        json_object_set_new(o, "weights", json_integer(f->weights_bytes));
        json_object_set_new(o, "live", json_integer(f->ram_bytes));
        json_object_set_new(o, "ms", ms_or_null(e->call_ms ? e->call_ms[i] : 0));
        json_object_set_new(o, "node", json_integer(position(e, f->node)));
        json_object_set_new(o, "code", json_integer(c->kernel));
        json_array_append_new(list, o);
    }
    return list;
}

static json_t *code_json(const Explore *e)
{
    const Job *j = e->job;
    BackendOptions o = {.target = j->target, .weights_as = WEIGHTS_ASM, .strict = j->opt->strict,
                        .version = DSQ_VERSION};
    const char **text = backend_c_kernels(j->arena, j->program, &o);
    json_t *list = json_array();
    for (int i = 0; i < j->program->kernel.n; i++)
        json_array_append_new(list, json_string(text[i]));
    return list;
}

static json_t *arena_json(const Explore *e)
{
    json_t *list = json_array();
    for (int i = 0; i < e->figures.use.n; i++) {
        const ArenaUse *u = &e->figures.use.v[i];
        json_t *o = json_object();
        json_object_set_new(o, "what", json_string(u->what));
        json_object_set_new(o, "offset", json_integer(u->offset));
        json_object_set_new(o, "bytes", json_integer(u->bytes));
        json_object_set_new(o, "first", json_integer(u->first));
        json_object_set_new(o, "last", json_integer(u->last));
        json_object_set_new(o, "node", json_integer(position(e, u->node)));
        json_array_append_new(list, o);
    }
    return list;
}

static json_t *set_json(const Options *o)
{
    json_t *list = json_array();
    for (int i = 0; i < o->set.n; i++)
        json_array_append_new(list, json_string(o->set.v[i]));
    return list;
}

static json_t *page_json(const Explore *e)
{
    const Figures *f = &e->figures;
    Files files = {.json = json_array(), .arena = e->job->arena};
    const Graph *g = e->job->written;
    json_t *r = table_json(e);
    /* the spec itself first: all of its steps may be modules */
    if (g->input.n && g->value.v[g->input.v[0]].loc.file > 0)
        file_index(&files, g->value.v[g->input.v[0]].loc.file);
    json_object_set_new(r, "version", json_string(DSQ_VERSION));
    json_object_set_new(r, "set", set_json(e->job->opt));
    json_object_set_new(r, "not_timed", text_or_null(e->not_timed));
    json_object_set_new(r, "parameters", json_integer(f->parameters));
    json_object_set_new(r, "weights_bytes", json_integer(f->weights_bytes));
    json_object_set_new(r, "arena_lower_bound_bytes", json_integer(f->arena_lower_bound));
    json_object_set_new(r, "records", records_json(e->snapshots, &files));
    json_object_set_new(r, "files", files.json);
    json_object_set_new(r, "stages", stages_json(e->snapshots));
    json_object_set_new(r, "constants", constants_json(e->snapshots));
    json_object_set_new(r, "kernels", kernels_json(e));
    json_object_set_new(r, "code", code_json(e));
    json_object_set_new(r, "arena", arena_json(e));
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
    char *s = dump(page_json(e), JSON_COMPACT);
    for (const char *p = s; *p;) {
        size_t n = strcspn(p, "<");
        buf_write(b, p, n);
        p += n;
        if (*p)
            buf_puts(b, "\\u003c"), p++;
    }
    free(s);
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
