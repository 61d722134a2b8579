/* The spec itself: its keys, inputs, outputs and labels, and how errors are said. */
#include "spec.h"

#include "../../backends/backend.h"
#include "foreign.h"
#include "../io/io.h"
#include "spec_impl.h"
#include "../weights/weights.h"

#include <ctype.h>
#include <math.h>
#include <string.h>

/* ---- errors ---- */

enum { SHOWN = 60, NOTES = 8 };

static bool said_before(SpecReader *s, Loc loc, const char *fmt)
{
    for (int i = 0; i < s->reported.n; i++) {
        const Reported *r = &s->reported.v[i];
        if (r->step != s->steps && r->loc.file == loc.file && r->loc.line == loc.line && r->loc.col == loc.col &&
            !strcmp(r->fmt, fmt))
            return true;
    }
    PUSH(s->arena, &s->reported, (Reported){loc, fmt, s->steps});
    return false;
}

void spec_error(const Cx *cx, Loc loc, const char *hint, const char *fmt, ...)
{
    Buf text = {0};
    va_list ap;
    if (cx && (spec_full() || said_before(cx->s, loc, fmt)))
        return;
    if (cx && cx->about)
        buf_printf(&text, "%s: ", cx->about);
    if (cx && cx->key)
        buf_printf(&text, "%s: ", cx->key);
    va_start(ap, fmt);
    buf_vprintf(&text, fmt, ap);
    va_end(ap);
    error_hint(loc, hint, "%s", text.s);
    buf_free(&text);
    int n = 0;
    for (const Use *u = cx ? cx->use : NULL; u; u = u->up)
        if (++n <= NOTES)
            note_at(u->loc, "in module '%s', used here", u->module->name);
    if (n > NOTES)
        error_more("     and %d modules further out", n - NOTES);
}

bool spec_full(void)
{
    return diag_errors() > SPEC_ERRORS;
}

const char *spec_show(Arena *a, const char *text)
{
    if (strlen(text) <= SHOWN)
        return arena_printf(a, "'%s'", text);
    size_t n = SHOWN;
    while (n > SHOWN - 4 && ((unsigned char)text[n] & 0xc0) == 0x80)
        n--;
    return arena_printf(a, "'%.*s...'", (int)n, text);
}

const char *spec_found(Arena *a, const Yaml *y)
{
    if (y->kind != YAML_SCALAR)
        return y->kind == YAML_LIST ? "a list" : "a map";
    return *y->text || y->quoted ? spec_show(a, y->text) : "nothing";
}

bool spec_identifier(const char *s)
{
    if (!isalpha((unsigned char)*s) && *s != '_')
        return false;
    while (isalnum((unsigned char)*s) || *s == '_')
        s++;
    return !*s;
}

const char *const step_kinds[5] = {"op", "repeat", "each", "sequential", "group"};
const char *const step_keys[6] = {"op", "name", "in", "as", "when", "shared"};

bool step_is_kind(const char *key)
{
    for (int i = 0; i < LEN(step_kinds); i++)
        if (!strcmp(key, step_kinds[i]))
            return true;
    return false;
}

/* The key that name begins with, such as pad for padding; NULL where none does. */
static const char *beginning(const char *name, const char *const *key, int n)
{
    enum { LETTERS = 3 };
    for (int i = 0; i < n; i++)
        if (strlen(key[i]) >= LETTERS && !strncmp(name, key[i], strlen(key[i])))
            return key[i];
    return NULL;
}

static bool one_of(const char *name, const char *const *key, int n)
{
    for (int i = 0; i < n; i++)
        if (!strcmp(key[i], name))
            return true;
    return false;
}

const char *key_hint(Arena *a, const char *name, const char *const *key, int n)
{
    bool spec = one_of("network", key, n), input = one_of("std", key, n);
    const char *hint = foreign_hint(a, spec ? FOREIGN_SPEC : input ? FOREIGN_INPUT : FOREIGN_ATTR, name, key, n);
    const char *begins = beginning(name, key, n);
    if (!hint)
        hint = name_hint(a, name, key, n);
    if (!hint && begins)
        hint = arena_printf(a, "did you mean '%s'?", begins);
    for (int i = 0; i < n && !hint; i++)
        if (!strcmp(key[i], "op") && step_is_kind(name))
            hint = arena_printf(a, "a step is one of 'op' and '%s', not both", name);
    return hint;
}

bool spec_keys(const Cx *cx, const Yaml *map, const char *what, const char *const *key, int n)
{
    Arena *a = arena_new();
    bool ok = true;
    if (map->kind != YAML_MAP) {
        spec_error(cx, map->loc, NULL, "%s must be a map, found %s", what, spec_found(a, map));
        ok = false;
    }
    for (int i = 0; i < map->npair; i++) {
        int k = 0;
        while (k < n && strcmp(key[k], map->pair[i].key))
            k++;
        if (k < n)
            continue;
        spec_error(cx, map->pair[i].key_loc, key_hint(a, map->pair[i].key, key, n), "%s has no key %s", what,
                   spec_show(a, map->pair[i].key));
        ok = false;
    }
    arena_free(a);
    return ok;
}

bool spec_work(const Cx *cx, Loc loc, size_t bytes)
{
    SpecReader *s = cx->s;
    s->work += 1 + (int64_t)(bytes / 16);
    if (s->work <= SPEC_WORK)
        return true;
    if (!s->stop)
        spec_error(cx, loc, NULL, "the spec takes more than %d evaluations", SPEC_WORK);
    s->stop = true;
    return false;
}

/* ---- names that become C identifiers ---- */

/* Of an input or an output, which the text of loops names as C does. */
bool c_port_name(const char *s)
{
    return name_valid(s) && strcmp(s, "arena") && strlen(s) <= 64 && strncmp(s, "dsq_", 4) && s[0] != '_';
}

static bool check_c_name(const Cx *cx, const char *what, const char *name, Loc loc)
{
    if (c_port_name(name))
        return true;
    spec_error(cx, loc, NULL, "%s must be a C identifier that no keyword or 'arena' takes, found %s", what,
               spec_show(cx->s->arena, name));
    return false;
}

const char *spec_file_name(Arena *a, const char *path)
{
    const char *slash = strrchr(path, '/'), *base = slash ? slash + 1 : path, *why;
    size_t n = strcspn(base, ".");
    char *name = arena_printf(a, "%.*s", (int)imin((int64_t)n, 60), base);
    for (char *p = name; *p; p++)
        if (!isalnum((unsigned char)*p))
            *p = '_';
    if (!isalpha((unsigned char)*name))
        name = *name ? arena_printf(a, "net_%s", name) : "net";
    return c_model_name(a, name, &why);
}

/* The one place where the model's name in C, in files and in messages is made of the spec's. */
static bool read_name(const Cx *cx, const Yaml *y, const char *path)
{
    Spec *spec = cx->s->spec;
    const char *why, *want = y ? eval_text(cx, y) : NULL;
    if (!y)
        spec->name = spec_file_name(cx->s->arena, path);
    if (!y || !want)
        return !y;
    if (!spec_identifier(want) || *want == '_' || strlen(want) > 64) {
        spec_error(cx, y->loc, NULL, "name must be a C identifier of at most 64 characters that begins with a letter, "
                   "found %s", spec_show(cx->s->arena, want));
        return false;
    }
    spec->name = c_model_name(cx->s->arena, want, &why);
    if (why)
        warn_at(y->loc, "the model is called '%s' in C and in file names: '%s' %s", spec->name, want, why);
    return true;
}

/* ---- inputs ---- */

static bool read_input_type(const Cx *cx, const Yaml *y, Type *t)
{
    const char *text = eval_text(cx, y);
    if (!text)
        return false;
    int n = type_parse(text, t);
    if (!n || text[n]) {
        spec_error(cx, y->loc, NULL, "expected a type such as 'f32[1,3,224,224]', found %s",
                   spec_show(cx->s->arena, text));
        return false;
    }
    if (t->dtype != DT_F32) {
        spec_error(cx, y->loc, NULL, "inputs are f32, found %s", dtype_name(t->dtype));
        return false;
    }
    if (type_valid(t) && t->rank > 0)
        return true;
    if (!t->rank) {
        spec_error(cx, y->loc, NULL, "an input has at least one dimension, found %s: a single number is f32[1]", text);
        return false;
    }
    spec_error(cx, y->loc, NULL, "an input has sizes of at least 1, together at most 2^40 elements, found %s", text);
    return false;
}

static int64_t input_channels(const Type *t)
{
    return t->rank >= 3 ? t->dim[t->rank - 3] : 1;
}

/* A number for every channel, or one for all. */
static bool read_per_channel(const Cx *cx, const Yaml *y, const Type *t, double least, double out[4])
{
    int64_t channels = input_channels(t);
    int n = y->kind == YAML_LIST ? y->n : 1;
    if (y->kind == YAML_LIST && (n != channels || n > 4)) {
        spec_error(cx, y->loc, NULL, "%d numbers for %lld channels%s", n, (long long)channels,
                   channels > 4 ? ": more than 4 need one number for all" : "");
        return false;
    }
    for (int i = 0; i < 4; i++) {
        const Yaml *item = y->kind == YAML_LIST ? y->item[i < n ? i : n - 1] : y;
        if (!eval_num(cx, item, &out[i]))
            return false;
        if (out[i] <= least || fabs(out[i]) > 1e6) {
            spec_error(cx, item->loc, NULL, "expected a number %sbelow 1e6, found %s", least == 0 ? "above 0 and " : "",
                       spec_found(cx->s->arena, item));
            return false;
        }
    }
    return true;
}

static bool read_resize(const Cx *cx, const Yaml *y, InputSpec *in)
{
    int64_t n, h = in->type.rank >= 2 ? in->type.dim[in->type.rank - 2] : 1, w = in->type.dim[in->type.rank - 1];
    if (!eval_int(cx, y, &n))
        return false;
    in->resize = (int)n;
    if (n == 0 || (n >= imax(h, w) && n <= 65536))
        return true;
    spec_error(cx, y->loc, NULL, "resize %lld cannot give a crop of %lldx%lld; 0, or %lld to 65536 expected",
               (long long)n, (long long)h, (long long)w, (long long)imax(h, w));
    return false;
}

static bool read_input(const Cx *cx, const YamlPair *p, InputSpec *in)
{
    static const char *const keys[] = {"type", "mean", "std", "resize"};
    const Yaml *type = p->val;
    *in = (InputSpec){.name = p->key, .std = {1, 1, 1, 1}};
    bool ok = check_c_name(cx, "an input's name", p->key, p->key_loc);
    if (p->val->kind == YAML_MAP) {
        const Yaml *y;
        ok = spec_keys(cx, p->val, "an input", keys, LEN(keys)) && ok;
        if (!(type = yaml_get(p->val, "type"))) {
            spec_error(cx, p->key_loc, NULL, "input '%s' has no type", p->key);
            return false;
        }
        if (!read_input_type(cx, type, &in->type))
            return false;
        if ((y = yaml_get(p->val, "mean")))
            ok = read_per_channel(cx, y, &in->type, -HUGE_VAL, in->mean) && ok;
        if ((y = yaml_get(p->val, "std")))
            ok = read_per_channel(cx, y, &in->type, 0, in->std) && ok;
        if ((y = yaml_get(p->val, "resize")))
            ok = read_resize(cx, y, in) && ok;
        return ok;
    }
    return read_input_type(cx, type, &in->type) && ok;
}

static bool read_inputs(Cx *cx, const Yaml *y)
{
    SpecReader *s = cx->s;
    Spec *spec = s->spec;
    if (y->kind != YAML_MAP || y->npair < 1 || y->npair > 64) {
        spec_error(cx, y->loc, NULL, "expected inputs such as {image: {type: 'f32[1,3,224,224]'}}, found %s",
                   y->kind != YAML_MAP ? spec_found(s->arena, y) : y->npair ? "more than 64" : "none");
        return false;
    }
    bool ok = true;
    spec->input = NEW(s->arena, InputSpec, y->npair);
    for (int i = 0; i < y->npair; i++) {
        InputSpec *in = &spec->input[spec->ninput];
        if (!read_input(cx, &y->pair[i], in)) {
            ok = false;
            continue;
        }
        spec->ninput++;
        ValueId id = graph_input(s->graph, in->name, in->type, y->pair[i].key_loc);
        if (i && !strcmp(in->name, "x")) {
            spec_error(cx, y->pair[i].key_loc, NULL, "'x' stands for the first input: choose another name");
            ok = false;
        }
        map_put(cx->value, in->name, id);
        if (cx->cur == NO_VALUE) {
            cx->cur = id;
            map_put(cx->value, "x", id);
        }
    }
    return ok;
}

/* ---- outputs ---- */

static int find_output(const Graph *g, const char *name)
{
    int i = 0;
    while (i < g->output.n && strcmp(g->value.v[g->output.v[i]].name, name))
        i++;
    return i < g->output.n ? i : -1;
}

static bool is_input(const Graph *g, const char *name)
{
    for (int i = 0; i < g->input.n; i++)
        if (!strcmp(g->value.v[g->input.v[i]].name, name))
            return true;
    return false;
}

/* A result may be several outputs, an input or a constant may be one too; names are told apart. */
static bool add_output(const Cx *cx, const char *name, Loc loc, ValueId id)
{
    SpecReader *s = cx->s;
    Graph *g = s->graph;
    if (id == POISON || !check_c_name(cx, "an output's name", name, loc))
        return false;
    bool input = is_input(g, name);
    if (!input && find_output(g, name) < 0) {
        graph_output(g, name, id, loc);
        return true;
    }
    const char *other = arena_printf(s->arena, input ? "%s_out" : "%s_again", name);
    spec_error(cx, loc, arena_printf(s->arena, "output: {%s: %s} gives it another name", other, name),
               "%s has the name '%s' already", input ? "an input" : "an output", name);
    return false;
}

/* {name: result, ...} */
static bool read_named_outputs(const Cx *cx, const Yaml *y)
{
    bool ok = true;
    for (int i = 0; i < y->npair; i++) {
        const YamlPair *p = &y->pair[i];
        const char *result = eval_text(cx, p->val);
        if (!result)
            return false;
        ok = add_output(cx, p->key, p->key_loc, value_find(cx, result, p->val->loc)) && ok;
    }
    return ok;
}

/* An output that a name alone gives is made by a step; where none is (a step was skipped, `x` is the input), a network
   that returns its input is more likely a slip. The map form may name inputs. */
static bool is_made(const Cx *cx, const char *name, Loc loc, ValueId id)
{
    const Graph *g = cx->s->graph;
    const Value *v = id >= 0 ? &g->value.v[id] : NULL;
    if (!v || v->kind != VAL_INPUT || is_input(g, name))
        return true;
    spec_error(cx, loc, arena_printf(cx->s->arena, "output: {%s: %s} makes an output of it", name, v->name),
               "no step makes '%s', it is the input '%s'", name, v->name);
    return false;
}

static bool read_output(const Cx *cx, const Yaml *y, Loc network)
{
    Arena *a = cx->s->arena;
    if (!y && cx->cur >= 0 && cx->s->graph->value.v[cx->cur].kind == VAL_INPUT) {
        spec_error(cx, network, "output: {output: x} makes an output of the input", "no step makes a result");
        return false;
    }
    if (!y)
        return add_output(cx, "output", network, cx->cur);
    bool list = y->kind == YAML_LIST, ok = true;
    if ((list && !y->n) || (y->kind == YAML_MAP && !y->npair)) {
        spec_error(cx, y->loc, NULL, "expected a name or a list of names, found an empty %s", list ? "list" : "map");
        return false;
    }
    if (y->kind == YAML_MAP)
        return read_named_outputs(cx, y);
    for (int i = 0; i < (list ? y->n : 1); i++) {
        const Yaml *item = list ? y->item[i] : y;
        const char *name = eval_text(cx, item);
        if (!name)
            return false;
        ValueId id = list || map_get(cx->value, name) != -1 ? value_find(cx, name, item->loc) : cx->cur;
        ok = is_made(cx, name, item->loc, id) &&
             add_output(cx, arena_strndup(a, name, strlen(name)), item->loc, id) && ok;
    }
    return ok;
}

/* ---- labels and weights ---- */

static bool read_labels(const Cx *cx, const Yaml *y, const char *path)
{
    SpecReader *s = cx->s;
    VEC(const char *) label = {0};
    if (y->kind == YAML_LIST) {
        for (int i = 0; i < y->n; i++) {
            const char *text = eval_text(cx, y->item[i]);
            if (!text)
                return false;
            PUSH(s->arena, &label, text);
        }
    } else {
        const char *name = eval_text(cx, y), *found;
        size_t n;
        char *text = name ? spec_read(cx, path, name, y->loc, &found, &n) : NULL;
        if (!text)
            return false;
        for (char *p = text, *end = text + n; p < end;) {
            size_t len = strcspn(p, "\r\n");
            PUSH(s->arena, &label, arena_strndup(s->arena, p, len));
            p += len;
            p += *p == '\r';
            p += p < end && (*p == '\n' || !*p);
        }
    }
    s->spec->labels = (const char *const *)label.v;
    s->spec->nlabels = label.n;
    return true;
}

static bool read_weights(const Cx *cx, const Yaml *y, const char *path)
{
    const char *text = eval_text(cx, y);
    if (!text)
        return false;
    if (!*text) {
        spec_error(cx, y->loc, NULL, "expected a file or random:SEED, found nothing");
        return false;
    }
    uint64_t seed;
    if (weights_random_source(text) && !weights_random_seed(text, &seed)) {
        spec_error(cx, y->loc, NULL, "%s: " RANDOM_SEED, spec_show(cx->s->arena, text));
        return false;
    }
    cx->s->spec->weights = !weights_random_source(text) ? spec_beside(cx->s->arena, path, text) : text;
    return true;
}

/* ---- the whole ---- */

/* What is shared has two users: a name that only one step has is misspelt. */
static bool check_shared(const SpecReader *s)
{
    int alone = 0;
    while (alone < s->tensor.n && !s->tensor.v[alone].alone)
        alone++;
    if (alone == s->tensor.n)
        return true;
    const char **others = NEW(s->arena, const char *, s->tensor.n);
    int n = 0;
    for (int i = 0; i < s->tensor.n; i++)
        if (!s->tensor.v[i].alone)
            others[n++] = s->tensor.v[i].name;
    const struct SpecTensor *t = &s->tensor.v[alone];
    spec_error(NULL, t->loc, name_hint(s->arena, t->name, others, n),
               "'shared: true', but no other step has the tensor '%s'", t->name);
    return false;
}

static bool read_spec(SpecReader *s, const char *path, const Yaml *root, Loc file, const Param *set, int nset)
{
    static const char *const keys[] = {"name", "include", "params", "input", "labels", "weights", "network", "output",
                                       "modules"};
    const Yaml *input = yaml_get(root, "input"), *network = yaml_get(root, "network"), *y;
    bool ok = spec_keys(NULL, root, "a spec", keys, LEN(keys));
    if (root->kind != YAML_MAP)
        return false;
    if (!input || !network) {
        error_at(file, "the spec has no '%s'", input ? "network" : "input");
        ok = false;
    }
    if (!params_read(s, yaml_get(root, "params"), set, nset))
        return false;
    Map value = map_new(s->arena);
    Cx cx = {.s = s, .env = s->env, .value = &value, .scope = "", .cur = NO_VALUE};
    ok = read_name(&cx, yaml_get(root, "name"), path) && ok;
    ok = spec_modules(&cx, path, root) && ok;
    if (!ok)
        return false;
    s->graph = s->spec->graph = graph_new(s->arena, s->spec->name);
    if (!read_inputs(&cx, input))
        return false;
    expand_body(&cx, network);
    if (spec_full() || s->stop)
        return false;
    ok = check_shared(s);
    ok = read_output(&cx, yaml_get(root, "output"), network->loc) && ok;
    if ((y = yaml_get(root, "labels")))
        ok = read_labels(&cx, y, path) && ok;
    if ((y = yaml_get(root, "weights")))
        ok = read_weights(&cx, y, path) && ok;
    return ok;
}

Spec *spec_parse(Arena *a, const char *name, const char *text, size_t n, const Param *set, int nset, const char *libdir)
{
    int errors = diag_errors();
    bool std_in = !strcmp(name, "-");
    SpecReader s = {.arena = a, .spec = NEW(a, Spec, 1), .libdir = libdir, .file_seen = map_new(a),
                    .module_by_name = map_new(a), .tensor_by_name = map_new(a)};
    int file;
    s.spec->path = arena_strndup(a, name, strlen(name));
    const Yaml *root = spec_tree(&s, std_in ? "<stdin>" : name, text, n, &file);
    if (root) {
        spec_digest_text(&s, text, n);
        read_spec(&s, std_in ? "stdin" : s.spec->path, root, loc_file(file), set, nset);
    }
    if (diag_errors() > errors) {
        buf_free(&s.digest);
        return NULL;
    }
    if (!s.spec->graph || !s.spec->graph->output.n)
        bug("the spec gave no network, and no reason");
    spec_digest(&s, set, nset);
    return s.spec;
}

Spec *spec_load(Arena *a, const char *path, const Param *set, int nset, const char *libdir)
{
    size_t n;
    char *text = read_file(a, path, SPEC_BYTES, &n);
    return text ? spec_parse(a, path, text, n, set, nset, libdir) : NULL;
}

void spec_close(Spec *s)
{
    for (int i = 0; s && i < s->mapped.n; i++)
        unmap_file(s->mapped.v[i].p, s->mapped.v[i].n);
    if (s)
        s->mapped.n = 0;
}
