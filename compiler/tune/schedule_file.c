/* Reading with Jansson, which checks the text but tells no places: those are found by walking the text again. */
#include "schedule_file.h"

#include <string.h>

#include "../io/io.h"
#include "../io/json.h"

static const char format[] = "dsqc schedule 1";
enum { MAX_BYTES = 4 << 20, MAX_RATIO = 1000000 };

/* ---- places ---- */

static const char *skip_space(const char *p) { return p + strspn(p, " \t\r\n"); }

static const char *skip_string(const char *p)
{
    for (p++; *p && *p != '"'; p++)
        p += *p == '\\' && p[1];
    return p + (*p == '"');
}

static const char *skip_value(const char *p)
{
    int depth = 0;
    p = skip_space(p);
    do {
        if (*p == '"')
            p = skip_string(p);
        else if (*p == '{' || *p == '[')
            depth++, p++;
        else if (*p == '}' || *p == ']')
            depth--, p++;
        else
            p += depth ? 1 : strcspn(p, ",]} \t\r\n");
    } while (*p && depth > 0);
    return p;
}

/* The value of a key of the object at p, or NULL. */
static const char *member(const char *p, const char *key)
{
    size_t n = strlen(key);
    p = skip_space(p);
    for (p = skip_space(p + 1); *p == '"';) {
        bool found = !strncmp(p + 1, key, n) && p[1 + n] == '"';
        const char *value = skip_space(skip_space(skip_string(p)) + 1);
        if (found)
            return value;
        p = skip_space(skip_value(value));
        p = skip_space(p + (*p == ','));
    }
    return NULL;
}

/* The first element of the list at p, and the one behind an element. */
static const char *first(const char *p) { return skip_space(p + 1); }
static const char *behind(const char *p)
{
    p = skip_space(skip_value(p));
    return skip_space(p + (*p == ','));
}

typedef struct Source { Arena *A; const char *text; int file; VEC(const char *) line; /* where each begins */ } Source;

static Loc place(const Source *s, const char *at)
{
    if (!at)
        return loc_file(s->file);
    int lo = 0;
    for (int hi = s->line.n; hi - lo > 1;) {
        int mid = lo + (hi - lo) / 2;
        if (s->line.v[mid] <= at)
            lo = mid;
        else
            hi = mid;
    }
    return (Loc){.file = s->file, .line = lo + 1, .col = (int)(at - s->line.v[lo]) + 1,
                 .len = (int)(skip_value(at) - at)};
}

/* ---- reading ---- */

/* A text of the object o, which stands at `at`; NULL after a message. */
static const char *text_of(const Source *s, const json_t *o, const char *at, const char *key, Loc *where)
{
    const json_t *v = json_object_get(o, key);
    const char *value = v ? member(at, key) : NULL;
    Loc loc = place(s, value ? value : at);
    if (where)
        *where = loc;
    if (json_is_string(v))
        return arena_strndup(s->A, json_string_value(v), strlen(json_string_value(v)));
    if (v)
        error_at(loc, "\"%s\" is no text", key);
    else
        error_at(loc, "\"%s\" is missing", key);
    return NULL;
}

static const json_t *list_of(const Source *s, const json_t *root, const char *key, const char **at)
{
    const json_t *v = json_object_get(root, key);
    *at = v ? member(s->text, key) : NULL;
    if (*at && json_is_array(v))
        return v;
    error_at(place(s, *at), *at ? "\"%s\" is no list" : "\"%s\" is missing", key);
    return NULL;
}

/* The bytes [from, from + len) of a text that stands at `whole`; all of it where escapes move them, or hid the text. */
static Loc part_of(const Source *s, Loc whole, int from, int len)
{
    const char *raw = s->line.v[whole.line - 1] + whole.col - 1;
    if (*raw == '"' && len && !memchr(raw, '\\', (size_t)whole.len))
        whole.col += 1 + from, whole.len = len;
    return whole;
}

/* known: index in `all` by name and shape */
static bool read_layer(const Source *s, const json_t *o, const char *at, Schedules *all, Map *known)
{
    Chosen c = {0};
    if (!json_is_object(o)) {
        error_at(place(s, at), "a layer is {\"layer\": ..., \"shape\": ..., \"schedule\": ...}");
        return false;
    }
    const char *text = NULL;
    if (!(c.layer = text_of(s, o, at, "layer", &c.layer_at)) || !(c.shape = text_of(s, o, at, "shape", &c.shape_at)) ||
        !(text = text_of(s, o, at, "schedule", &c.at)))
        return false;
    Misread m;
    if (!schedule_parse(s->A, text, &c.s, &m)) {
        error_hint(part_of(s, c.at, m.at, m.len), m.hint, "layer '%s': %s", c.layer, m.wrong);
        return false;
    }
    const char *key = arena_printf(s->A, "%s\n%s", c.layer, c.shape);
    int before = map_get(known, key);
    if (before >= 0) {
        error_at(c.layer_at, "layer '%s' stands twice", c.layer);
        note_at(all->layer.v[before].layer_at, "here for the first time");
        return false;
    }
    map_put(known, key, all->layer.n);
    PUSH(s->A, &all->layer, c);
    return true;
}

static bool read_layers(const Source *s, const json_t *root, ScheduleFile *f)
{
    const char *at;
    const json_t *list = list_of(s, root, "layers", &at);
    bool ok = list;
    Map known = map_new(s->A);
    at = list ? first(at) : NULL;
    for (size_t i = 0; i < json_array_size(list) && !diag_full(); i++, at = behind(at))
        ok = read_layer(s, json_array_get(list, i), at, &f->layers, &known) && ok;
    return ok;
}

/* Part of the cost model's time: no more than a person would believe, and than is written as it was read. */
static bool read_ratio(const json_t *o, const char *key, double *out)
{
    const json_t *v = json_object_get(o, key);
    *out = json_number_value(v);
    return json_is_number(v) && *out >= 0 && *out <= MAX_RATIO;
}

static bool read_measured(const Source *s, const json_t *root, ScheduleFile *f)
{
    const char *at;
    if (!json_object_get(root, "measured")) /* written by a person */
        return true;
    const json_t *list = list_of(s, root, "measured", &at);
    at = list ? first(at) : NULL;
    for (size_t i = 0; i < json_array_size(list); i++, at = behind(at)) {
        const json_t *o = json_array_get(list, i);
        Measured m = {.again = json_is_true(json_object_get(o, "again"))};
        if (!read_ratio(o, "ratio", &m.ratio) || !read_ratio(o, "noise", &m.noise)) {
            error_at(place(s, at), "what was measured has a \"ratio\" and a \"noise\", from 0 to %d", MAX_RATIO);
            return false;
        }
        if (!(m.layer = text_of(s, o, at, "layer", NULL)) || !(m.shape = text_of(s, o, at, "shape", NULL)) ||
            !(m.schedule = text_of(s, o, at, "schedule", NULL)))
            return false;
        PUSH(s->A, &f->measured, m);
    }
    return list;
}

static bool read_head(const Source *s, const json_t *root, ScheduleFile *f)
{
    const json_t *kind = json_object_get(root, "format");
    if (!json_is_string(kind) || strcmp(json_string_value(kind), format)) {
        error_at(loc_file(s->file), "no schedules of dsqc: \"format\" is not \"%s\"", format);
        return false;
    }
    f->complete = json_is_true(json_object_get(root, "complete"));
    return (f->version = text_of(s, root, s->text, "version", &f->version_at)) &&
           (f->network = text_of(s, root, s->text, "network", &f->network_at)) &&
           (f->target = text_of(s, root, s->text, "target", &f->target_at)) &&
           (f->isa = text_of(s, root, s->text, "isa", NULL)) &&
           (f->options = text_of(s, root, s->text, "options", &f->options_at));
}

ScheduleFile *schedule_file_parse(Arena *A, const char *path, const char *text, size_t n)
{
    json_error_t e;
    if (!strstr(text, format)) { /* nothing of it is shown: it is not ours */
        error_at(loc_file(diag_file(path, NULL, 0)), "no schedules of dsqc: \"format\" is not \"%s\"", format);
        return NULL;
    }
    Source s = {.A = A, .text = text, .file = diag_file(path, text, n)};
    PUSH(A, &s.line, s.text);
    for (const char *p = s.text; (p = strchr(p, '\n'));)
        PUSH(A, &s.line, ++p);
    json_t *root = js_read(s.text, n, &e);
    if (!root)
        error_at((Loc){.file = s.file, .line = (int)imax(e.line, 1), .col = (int)imax(e.column, 1), .len = 1}, "%s",
                 e.text);
    else if (!json_is_object(root))
        error_at(loc_file(s.file), "no schedules of dsqc");
    ScheduleFile *f = NEW(A, ScheduleFile, 1);
    bool ok = json_is_object(root) && read_head(&s, root, f) && read_layers(&s, root, f) && read_measured(&s, root, f);
    json_decref(root);
    sha256(s.text, n, f->layers.sha256);
    return ok ? f : NULL;
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
