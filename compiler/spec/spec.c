/* The spec itself: its keys, its name, labels and weights. */
#include "spec.h"

#include "../../backends/backend.h"
#include "../io/io.h"
#include "spec_impl.h"
#include "../weights/weights.h"

#include <ctype.h>
#include <string.h>

/* ---- the name ---- */

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
    Dict value = dict_new(s->arena);
    Cx cx = {.s = s, .env = s->env, .value = &value, .scope = "", .cur = NO_VALUE};
    ok = read_name(&cx, yaml_get(root, "name"), path) && ok;
    ok = spec_modules(&cx, path, root) && ok;
    if (!ok)
        return false;
    s->graph = s->spec->graph = graph_new(s->arena, s->spec->name);
    if (!spec_inputs(&cx, input))
        return false;
    expand_body(&cx, network);
    if (spec_full() || s->stop)
        return false;
    ok = check_shared(s);
    ok = spec_outputs(&cx, yaml_get(root, "output"), network->loc) && ok;
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
    SpecReader s = {.arena = a, .spec = NEW(a, Spec, 1), .libdir = libdir, .file_seen = dict_new(a),
                    .module_by_name = dict_new(a), .tensor_by_name = dict_new(a),
                    .output_by_name = dict_new(a)};
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
