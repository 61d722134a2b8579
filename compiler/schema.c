/* JSON Schema (draft 2020-12) of spec and module files, from the operator and attribute tables. Integers, numbers and
   booleans may also be texts: expressions. */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "spec.h"

static json_t *object(const char *key, json_t *value)
{
    json_t *o = json_object();
    json_object_set_new(o, key, value);
    return o;
}

static json_t *ref(const char *def)
{
    char path[128];
    snprintf(path, sizeof path, "#/$defs/%s", def);
    return object("$ref", json_string(path));
}

static json_t *type(const char *name)
{
    return object("type", json_string(name));
}

/* The value of that type, or an expression. */
static json_t *scalar(const char *name, const char *doc)
{
    json_t *o = object("type", json_pack("[s, s]", name, "string"));
    json_object_set_new(o, "description", json_string(doc));
    return o;
}

static json_t *list_of(json_t *item)
{
    return json_pack("{s:s, s:o}", "type", "array", "items", item);
}

/* One, or a list of them. */
static json_t *one_or_more(json_t *item)
{
    json_t *list = list_of(json_incref(item));
    return json_pack("{s:[o, o]}", "anyOf", item, list);
}

static json_t *closed(json_t *properties, json_t *required)
{
    return json_pack("{s:s, s:o, s:o, s:b}", "type", "object", "properties", properties, "required", required,
                     "additionalProperties", 0);
}

static void describe(json_t *o, const char *doc)
{
    json_object_set_new(o, "description", json_string(doc));
}

/* ---- operators ---- */

static json_t *shared_key(void)
{
    json_t *o = ref("bool");
    describe(o, "true: tensors whose names earlier steps have are those tensors");
    return o;
}

/* What the operators have in common with modules and blocks; scope: and what opens a scope. */
static json_t *step_keys(bool scope)
{
    json_t *o = json_pack("{s:o, s:o, s:o}", "in", ref("names"), "as", ref("names"), "when", ref("bool"));
    if (scope) {
        json_object_set_new(o, "name", ref("text"));
        json_object_set_new(o, "shared", shared_key());
    }
    return o;
}

/* {tensor: NAME}, or a value of these types. */
static json_t *tensor_name(json_t *types)
{
    json_t *whole = closed(object("tensor", ref("text")), json_pack("[s]", "tensor"));
    describe(whole, "a tensor's whole name, whatever the scope; several steps may have it");
    return json_pack("{s:[o, o]}", "anyOf", object("type", types), whole);
}

static json_t *enum_of(const char *choices)
{
    json_t *list = json_array();
    for (const char *p = choices; *p;) {
        size_t n = strcspn(p, "|");
        json_array_append_new(list, json_stringn(p, n));
        p += n + (p[n] == '|');
    }
    json_t *expression = json_pack("{s:s, s:s}", "type", "string", "pattern", "\\$");
    return json_pack("{s:[o, o]}", "anyOf", object("enum", list), expression);
}

static json_t *attr_schema(const AttrInfo *a)
{
    json_t *o = NULL;
    switch (a->kind) {
    case ATTR_INT: o = ref("int"); break;
    case ATTR_FLOAT: o = ref("number"); break;
    case ATTR_BOOL: o = ref("bool"); break;
    case ATTR_INTS:
        o = ref("ints");
        if (*a->choices)
            o = json_pack("{s:[o, o]}", "anyOf", o, enum_of(a->choices));
        break;
    case ATTR_ENUM: o = enum_of(a->choices); break;
    }
    describe(o, a->doc);
    return o;
}

static json_t *default_value(const AttrInfo *a, const char *text)
{
    if (a->kind == ATTR_BOOL)
        return json_boolean(!strcmp(text, "true"));
    if (a->kind == ATTR_INT || (a->kind == ATTR_INTS && *text != '['))
        return json_integer(strtoll(text, NULL, 10));
    if (a->kind == ATTR_FLOAT)
        return json_real(strtod(text, NULL));
    return json_loads(text, 0, NULL);
}

/* "out!", "bias?[out]" and the like. */
static void add_word(json_t *properties, json_t *required, const char *word, size_t n)
{
    char name[32];
    size_t len = strcspn(word, "!?-[ ");
    snprintf(name, sizeof name, "%.*s", (int)len, word);
    bool tensor = memchr(word, '[', n) != NULL;
    int attr = attr_by_name(name);
    json_t *o;
    if (tensor && (word[len] == '?' || word[len] == '-')) {
        o = tensor_name(json_pack("[s, s]", "boolean", "string"));
        describe(o, word[len] == '?' ? "false: without this tensor; a text: its name"
                                     : "true: with this tensor; a text: its name");
    } else if (tensor) {
        o = tensor_name(json_string("string"));
        describe(o, "another name for this tensor");
    } else if (attr >= 0) {
        o = attr_schema(&attr_info[attr]);
    } else {
        o = ref("int");
        describe(o, "number of channels or features of the result");
    }
    json_object_set_new(properties, name, o);
    if (!tensor)
        json_array_append_new(required, json_string(name));
}

static json_t *op_schema(Op op)
{
    const OpInfo *info = &op_info[op];
    json_t *properties = step_keys(true), *required = json_pack("[s]", "op");
    json_object_set_new(properties, "op", object("const", json_string(info->name)));
    for (int i = 0; i < info->nattrs; i++) {
        const OpAttr *oa = &info->attrs[i];
        const AttrInfo *a = &attr_info[oa->attr];
        json_t *o = attr_schema(a);
        if (*oa->dflt)
            json_object_set_new(o, "default", default_value(a, oa->dflt));
        json_object_set_new(properties, a->name, o);
        if (oa->required)
            json_array_append_new(required, json_string(a->name));
    }
    for (const char *p = info->spec; *p;) {
        size_t n = strcspn(p, " ");
        add_word(properties, required, p, n);
        p += n + strspn(p + n, " ");
    }
    json_t *o = closed(properties, required);
    describe(o, info->doc);
    return o;
}

static json_t *own_op(const char *name, const char *doc)
{
    bool constant = *name == 'c';
    json_t *properties = json_pack("{s:o, s:o, s:o, s:o, s:o}", "op", object("const", json_string(name)), "name",
                                   ref("text"), "as", ref("names"), "when", ref("bool"), "shape", ref("ints"));
    if (constant)
        json_object_set_new(properties, "value", one_or_more(ref("number")));
    if (!constant) {
        json_object_set_new(properties, "shared", shared_key());
        json_object_set_new(properties, "tensor", ref("text"));
        describe(json_object_get(properties, "tensor"), "in place of name: the whole name, whatever the scope");
    }
    json_t *required = constant ? json_pack("[s, s]", "op", "value") : json_pack("[s, s]", "op", "shape");
    json_t *o = closed(properties, required);
    describe(o, doc);
    return o;
}

/* ---- steps ---- */

/* A use of a module: its keys are the module's parameters. */
static json_t *module_use(void)
{
    json_t *names = json_array(), *properties = step_keys(true);
    for (int op = OP_NONE + 1; op < NOPS; op++)
        json_array_append_new(names, json_string(op_info[op].name));
    json_array_append_new(names, json_string("constant"));
    json_array_append_new(names, json_string("parameter"));
    json_object_set_new(properties, "op", json_pack("{s:s, s:o}", "type", "string", "not", object("enum", names)));
    json_t *o = json_pack("{s:s, s:o, s:[s]}", "type", "object", "properties", properties, "required", "op");
    describe(o, "use of a module, with its parameters");
    return o;
}

static json_t *block(const char *kind, const char *doc)
{
    json_t *properties = step_keys(true);
    json_object_set_new(properties, kind, ref("body"));
    json_t *o = closed(properties, json_pack("[s]", kind));
    describe(o, doc);
    return o;
}

static json_t *loop(const char *kind, json_t *what, const char *doc)
{
    bool each = *kind == 'e';
    json_t *properties = step_keys(false), *required = json_pack("[s, s]", kind, "body");
    json_object_set_new(properties, kind, what);
    json_object_set_new(properties, "index", type("string"));
    json_object_set_new(properties, "body", ref("body"));
    if (each) {
        json_object_set_new(properties, "of", json_pack("{s:[s, s]}", "type", "array", "string"));
        json_array_append_new(required, json_string("of"));
    }
    json_t *o = closed(properties, required);
    describe(o, doc);
    return o;
}

static json_t *step_schema(json_t *defs)
{
    json_t *any = json_array(), *word = type("string");
    describe(word, "an operator or module without arguments");
    json_array_append_new(any, word);
    for (Op op = OP_NONE + 1; op < NOPS; op++) {
        char name[64];
        snprintf(name, sizeof name, "op_%s", op_info[op].name);
        json_object_set_new(defs, name, op_schema(op));
        json_array_append_new(any, ref(name));
    }
    json_array_append_new(any, own_op("constant", "numbers of the spec itself as a value"));
    json_array_append_new(any, own_op("parameter", "a trained tensor as a value"));
    json_array_append_new(any, module_use());
    json_array_append_new(any, block("sequential", "children named 0, 1, 2, ... as in torch.nn.Sequential"));
    json_array_append_new(any, block("group", "steps under a common name"));
    json_array_append_new(any, loop("repeat", ref("int"), "body so many times; index counts from 0"));
    json_array_append_new(any, loop("each", ref("names"), "body for every item of the list `of`"));
    return object("anyOf", any);
}

/* ---- files ---- */

static json_t *module_schema(void)
{
    json_t *properties = json_pack("{s:o, s:o, s:o, s:o, s:o}", "params", ref("params"), "inputs", ref("names"),
                                   "scope", ref("text"), "body", ref("body"), "output", ref("names"));
    return json_pack("{s:[o, o]}", "anyOf", ref("body"), closed(properties, json_pack("[s]", "body")));
}

static json_t *input_schema(void)
{
    json_t *properties = json_pack("{s:o, s:o, s:o, s:o}", "type", ref("text"), "resize", ref("int"),
                                   "mean", one_or_more(ref("number")), "std", one_or_more(ref("number")));
    describe(json_object_get(properties, "mean"), "subtracted per channel, in units of 0..1");
    describe(json_object_get(properties, "std"), "divided by per channel, in units of 0..1");
    describe(json_object_get(properties, "resize"), "shorter side of a picture before the centre crop; 0: no crop");
    return json_pack("{s:[o, o]}", "anyOf", ref("text"), closed(properties, json_pack("[s]", "type")));
}

static json_t *params_schema(void)
{
    static const char doc[] = "name: default, or in modules name: int, number, bool, module, text or list";
    json_t *value = object("type", json_pack("[s, s, s, s, s]", "integer", "number", "boolean", "string", "array"));
    json_t *o = json_pack("{s:s, s:o}", "type", "object", "additionalProperties", value);
    describe(o, doc);
    return o;
}

static json_t *map_of(json_t *value)
{
    return json_pack("{s:s, s:o}", "type", "object", "additionalProperties", value);
}

static json_t *output_schema(void)
{
    json_t *named = map_of(ref("text"));
    describe(named, "name of an output: the result, input or constant that it is");
    return json_pack("{s:[o, o]}", "anyOf", ref("names"), named);
}

static json_t *file_schema(bool spec)
{
    json_t *properties = json_pack("{s:o, s:o}", "include", ref("names"), "modules", map_of(ref("module")));
    json_t *required = json_array();
    if (spec) {
        json_object_set_new(properties, "name", ref("text"));
        json_object_set_new(properties, "params", ref("params"));
        json_object_set_new(properties, "input", map_of(ref("input")));
        json_object_set_new(properties, "labels", one_or_more(ref("text")));
        json_object_set_new(properties, "weights", ref("text"));
        json_object_set_new(properties, "network", ref("body"));
        json_object_set_new(properties, "output", output_schema());
        json_array_append_new(required, json_string("input"));
        json_array_append_new(required, json_string("network"));
    }
    json_t *o = closed(properties, required);
    describe(o, spec ? "a network" : "a file of modules");
    return o;
}

void spec_schema(Buf *out)
{
    json_t *defs = json_object();
    json_object_set_new(defs, "int", scalar("integer", "an integer or an expression"));
    json_object_set_new(defs, "number", scalar("number", "a number or an expression"));
    json_object_set_new(defs, "bool", scalar("boolean", "true, false or an expression"));
    json_object_set_new(defs, "text", object("type", json_pack("[s, s]", "string", "number")));
    json_object_set_new(defs, "names", one_or_more(ref("text")));
    json_object_set_new(defs, "ints", one_or_more(ref("int")));
    json_object_set_new(defs, "params", params_schema());
    json_object_set_new(defs, "body", list_of(ref("step")));
    json_object_set_new(defs, "step", step_schema(defs));
    json_object_set_new(defs, "module", module_schema());
    json_object_set_new(defs, "input", input_schema());
    json_t *root = json_pack("{s:s, s:s, s:[o, o], s:o}", "$schema", "https://json-schema.org/draft/2020-12/schema",
                             "title", "DeepSquare network spec", "anyOf", file_schema(true), file_schema(false),
                             "$defs", defs);
    char *text = root ? json_dumps(root, JSON_INDENT(1) | JSON_REAL_PRECISION(15)) : NULL;
    if (!text)
        out_of_memory();
    buf_puts(out, text);
    buf_putc(out, '\n');
    free(text);
    json_decref(root);
}
