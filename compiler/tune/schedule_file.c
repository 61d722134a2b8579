/* SCHEDULE.json is read as YAML, in which every value knows its place, and written as JSON. */
#include "schedule_file.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "../io/io.h"
#include "../io/json.h"
#include "../spec/yaml.h"

static const char format[] = "dsqc schedule 1";
enum { MAX_BYTES = 4 << 20, MAX_RATIO = 1000000, THOUSANDS_OF_NODES = 500 };

/* ---- reading ---- */

static bool is_text(const Yaml *y) { return y && y->kind == YAML_SCALAR && y->quoted; }
static bool is_true(const Yaml *y) { return y && y->kind == YAML_SCALAR && !y->quoted && !strcmp(y->text, "true"); }

/* A text of a map; NULL after a message. */
static const char *text_of(const Yaml *map, const char *key, Loc *where)
{
    const Yaml *y = yaml_get(map, key);
    Loc loc = y ? y->loc : map->loc;
    if (where)
        *where = loc;
    if (is_text(y))
        return y->text;
    error_at(loc, y ? "\"%s\" is no text" : "\"%s\" is missing", key);
    return NULL;
}

static const Yaml *list_of(const Yaml *root, const char *key)
{
    const Yaml *y = yaml_get(root, key);
    if (y && y->kind == YAML_LIST)
        return y;
    error_at(y ? y->loc : loc_file(root->loc.file), y ? "\"%s\" is no list" : "\"%s\" is missing", key);
    return NULL;
}

/* The words of a schedule at m, in the file's text; the whole schedule where escapes move them. */
static Loc misread_loc(const char *file_text, Loc loc, const char *schedule, const Misread *m)
{
    const char *line = file_text;
    for (int i = 1; i < loc.line; i++)
        line = strchr(line, '\n') + 1;
    size_t end = (size_t)(m->at + m->len);
    if (m->len && !strncmp(line + loc.col, schedule, end)) /* behind the quotation mark */
        loc.col += 1 + m->at, loc.len = m->len;
    return loc;
}

/* known: index in `all` by name and shape */
static bool read_layer(Arena *A, const char *file_text, const Yaml *y, Schedules *all, Dict *known)
{
    Chosen c = {0};
    if (y->kind != YAML_MAP) {
        error_at(y->loc, "a layer is {\"layer\": ..., \"shape\": ..., \"schedule\": ...}");
        return false;
    }
    const char *text = NULL;
    if (!(c.layer = text_of(y, "layer", &c.layer_at)) || !(c.shape = text_of(y, "shape", &c.shape_at)) ||
        !(text = text_of(y, "schedule", &c.at)))
        return false;
    Misread m;
    if (!schedule_parse(A, text, &c.s, &m)) {
        error_hint(misread_loc(file_text, c.at, text, &m), m.hint, "layer '%s': %s", c.layer, m.wrong);
        return false;
    }
    const char *key = arena_printf(A, "%s\n%s", c.layer, c.shape);
    int before = dict_get(known, key);
    if (before >= 0) {
        error_at(c.layer_at, "layer '%s' stands twice", c.layer);
        note_at(all->layer.v[before].layer_at, "here for the first time");
        return false;
    }
    dict_put(known, key, all->layer.n);
    PUSH(A, &all->layer, c);
    return true;
}

static bool read_layers(Arena *A, const char *file_text, const Yaml *root, ScheduleFile *f)
{
    const Yaml *list = list_of(root, "layers");
    bool ok = list;
    Dict known = dict_new(A);
    for (int i = 0; list && i < list->n && !diag_full(); i++)
        ok = read_layer(A, file_text, list->item[i], &f->layers, &known) && ok;
    return ok;
}

/* Part of the cost model's time: no more than a person would believe, and than is written as it was read. */
static bool read_ratio(const Yaml *map, const char *key, double *out)
{
    const Yaml *y = yaml_get(map, key);
    char *end = NULL;
    bool number = y && y->kind == YAML_SCALAR && !y->quoted && isdigit((unsigned char)*y->text) &&
                  !y->text[strspn(y->text, "0123456789+-.eE")];
    *out = number ? strtod(y->text, &end) : -1;
    if (number && !*end && *out <= MAX_RATIO)
        return true;
    error_at(y ? y->loc : map->loc, "what was measured has a \"ratio\" and a \"noise\", from 0 to %d", MAX_RATIO);
    return false;
}

static bool read_measured(Arena *A, const Yaml *root, ScheduleFile *f)
{
    if (!yaml_get(root, "measured")) /* written by a person */
        return true;
    const Yaml *list = list_of(root, "measured");
    for (int i = 0; list && i < list->n; i++) {
        const Yaml *y = list->item[i];
        Measured m = {.again = is_true(yaml_get(y, "again"))};
        if (!read_ratio(y, "ratio", &m.ratio) || !read_ratio(y, "noise", &m.noise) ||
            !(m.layer = text_of(y, "layer", NULL)) || !(m.shape = text_of(y, "shape", NULL)) ||
            !(m.schedule = text_of(y, "schedule", NULL)))
            return false;
        PUSH(A, &f->measured, m);
    }
    return list;
}

static bool read_head(const Yaml *root, ScheduleFile *f)
{
    const Yaml *kind = yaml_get(root, "format");
    if (!is_text(kind) || strcmp(kind->text, format)) {
        error_at(loc_file(root->loc.file), "no schedules of dsqc: \"format\" is not \"%s\"", format);
        return false;
    }
    f->complete = is_true(yaml_get(root, "complete"));
    return (f->version = text_of(root, "version", &f->version_at)) &&
           (f->network = text_of(root, "network", &f->network_at)) &&
           (f->target = text_of(root, "target", &f->target_at)) && (f->isa = text_of(root, "isa", NULL)) &&
           (f->options = text_of(root, "options", &f->options_at));
}

ScheduleFile *schedule_file_parse(Arena *A, const char *path, const char *text, size_t n)
{
    if (!strstr(text, format)) { /* nothing of it is shown: it is not ours */
        error_at(loc_file(diag_file(path, NULL, 0)), "no schedules of dsqc: \"format\" is not \"%s\"", format);
        return NULL;
    }
    int file = diag_file(path, text, n);
    const Yaml *root = yaml_parse_up_to(A, text, n, file, THOUSANDS_OF_NODES);
    if (root && root->kind != YAML_MAP)
        error_at(loc_file(file), "no schedules of dsqc");
    if (!root || root->kind != YAML_MAP)
        return NULL;
    ScheduleFile *f = NEW(A, ScheduleFile, 1);
    sha256(text, n, f->layers.sha256);
    return read_head(root, f) && read_layers(A, text, root, f) && read_measured(A, root, f) ? f : NULL;
}

ScheduleFile *schedule_file_read(Arena *A, const char *path)
{
    size_t n;
    const char *text = read_file(A, path, MAX_BYTES, &n);
    return text ? schedule_file_parse(A, path, text, n) : NULL;
}

/* ---- writing ---- */

/* An object a line: this is what people edit. */
static void put_list(Buf *b, const char *key, json_t *list)
{
    buf_printf(b, ",\n  \"%s\": [", key);
    for (size_t i = 0; i < json_array_size(list); i++) {
        buf_puts(b, i ? ",\n    " : "\n    ");
        js_print(b, json_incref(json_array_get(list, i)), JSON_REAL_PRECISION(6));
    }
    buf_puts(b, json_array_size(list) ? "\n  ]" : "]");
    json_decref(list);
}

static json_t *layers_list(Arena *A, const ScheduleFile *f)
{
    json_t *list = js_list();
    for (int i = 0; i < f->layers.layer.n; i++) {
        const Chosen *c = &f->layers.layer.v[i];
        json_t *o = js_object();
        Schedule s = c->s;
        s.parts = 0;
        js_put_text(o, "layer", c->layer);
        js_put_text(o, "schedule", schedule_text(A, &s));
        js_put_text(o, "shape", c->shape);
        js_add(list, o);
    }
    return list;
}

static json_t *measured_list(const ScheduleFile *f)
{
    json_t *list = js_list();
    for (int i = 0; i < f->measured.n; i++) {
        const Measured *m = &f->measured.v[i];
        json_t *o = js_object();
        js_put_text(o, "layer", m->layer);
        js_put_text(o, "schedule", m->schedule);
        js_put_real(o, "ratio", m->ratio, 4);
        js_put_real(o, "noise", m->noise, 4);
        if (m->again)
            js_put(o, "again", json_true());
        js_put_text(o, "shape", m->shape);
        js_add(list, o);
    }
    return list;
}

void schedule_file_print(Buf *b, Arena *A, const ScheduleFile *f)
{
    json_t *head = js_object();
    js_put_text(head, "format", format);
    js_put_text(head, "version", f->version);
    js_put_text(head, "network", f->network);
    js_put_text(head, "target", f->target);
    js_put_text(head, "isa", f->isa);
    js_put_text(head, "options", f->options);
    js_put(head, "complete", js_bool(f->complete));
    js_print(b, head, JSON_INDENT(2));
    b->n -= 2; /* "\n}" */
    put_list(b, "layers", layers_list(A, f));
    put_list(b, "measured", measured_list(f));
    buf_puts(b, "\n}\n");
}

bool schedule_file_write(Arena *A, const char *path, const ScheduleFile *f)
{
    Buf b = {0};
    schedule_file_print(&b, A, f);
    bool ok = write_file(path, b.s, b.n);
    buf_free(&b);
    return ok;
}

/* ---- whose it is ---- */

static void put_option(Buf *b, const char *name, const char *value)
{
    if (value)
        buf_printf(b, "%s--%s=%s", b->n ? " " : "", name, value);
}

/* What decides which schedules there are and how fast they run, as a command line has it. */
static const char *options_text(const Job *j)
{
    const Options *o = j->opt;
    Buf b = {0};
    buf_printf(&b, "-O%d", o->level);
    put_option(&b, "backend", j->llvm ? "llvm" : "c");
    put_option(&b, "triple", o->triple);
    put_option(&b, "cpu", o->cpu);
    put_option(&b, "features", o->features);
    put_option(&b, "winograd", o->winograd);
    put_option(&b, "passes", o->passes);
    put_option(&b, "disable-pass", o->disable_pass);
    for (int i = 0; i < o->set.n; i++)
        put_option(&b, "set", o->set.v[i]);
    for (int i = 0; i < o->rules.n; i++)
        put_option(&b, "rules", o->rules.v[i]);
    if (o->threads)
        buf_printf(&b, o->threads > 0 ? " --threads=%d" : " --threads", o->threads);
    if (o->strict)
        buf_puts(&b, " --strict");
    if (o->flush_to_zero)
        buf_puts(&b, " --flush-to-zero");
    Buf shown = {0}; /* as it is read back */
    buf_clean(&shown, b.s, b.n);
    const char *s = arena_strndup(j->arena, shown.s, shown.n);
    buf_free(&shown);
    buf_free(&b);
    return s;
}

ScheduleFile schedule_file_for(const Job *j)
{
    return (ScheduleFile){.version = DSQ_VERSION, .network = j->spec->name, .target = j->target->name,
                          .isa = j->target->isa, .options = options_text(j)};
}

bool schedule_file_fits(const ScheduleFile *f, const Job *j)
{
    if (strcmp(f->network, j->spec->name)) {
        error_at(f->network_at, "these are schedules of '%s', and the network is '%s'", f->network, j->spec->name);
        return false;
    }
    if (strcmp(f->target, j->target->name) || strcmp(f->isa, j->target->isa)) {
        error_at(f->target_at, "these are schedules for '%s' (%s), and the target is '%s' (%s)", f->target, f->isa,
                 j->target->name, j->target->isa);
        return false;
    }
    return true;
}
