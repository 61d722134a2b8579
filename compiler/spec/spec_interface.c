/* Inputs and outputs of a spec. */
#include "../../ir/loop/loops.h"
#include "spec_impl.h"

#include <math.h>
#include <string.h>

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

bool spec_inputs(Cx *cx, const Yaml *y)
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
        dict_put(cx->value, in->name, id);
        if (cx->cur == NO_VALUE) {
            cx->cur = id;
            dict_put(cx->value, "x", id);
        }
    }
    return ok;
}

/* ---- outputs ---- */

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
    if (!input && dict_get(&s->output_by_name, name) < 0) {
        dict_put(&s->output_by_name, name, g->output.n);
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

bool spec_outputs(const Cx *cx, const Yaml *y, Loc network)
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
        ValueId id = list || dict_get(cx->value, name) != -1 ? value_find(cx, name, item->loc) : cx->cur;
        ok = is_made(cx, name, item->loc, id) &&
             add_output(cx, arena_strndup(a, name, strlen(name)), item->loc, id) && ok;
    }
    return ok;
}
