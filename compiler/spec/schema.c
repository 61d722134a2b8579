/* JSON Schema (draft 2020-12) of spec and module files, from the operator and attribute tables. Integers, numbers and
   booleans may also be texts: expressions. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../io/json.h"
#include "spec.h"

static json_t *object(const char *key, json_t *value)
{
    json_t *o = js_object();
    js_put(o, key, value);
    return o;
}

static json_t *ref(const char *def)
{
    char path[128];
    snprintf(path, sizeof path, "#/$defs/%s", def);
    return object("$ref", js_text(path));
}

static json_t *type(const char *name)
{
    return object("type", js_text(name));
}

/* The value of that type, or an expression. */
static json_t *scalar(const char *name, const char *doc)
{
    json_t *o = object("type", js_pack("[s, s]", name, "string"));
    js_put(o, "description", js_text(doc));
    return o;
}

static json_t *list_of(json_t *item)
{
    return js_pack("{s:s, s:o}", "type", "array", "items", item);
}

/* One, or a list of them. */
static json_t *one_or_more(json_t *item)
{
    json_t *list = list_of(json_incref(item));
    return js_pack("{s:[o, o]}", "anyOf", item, list);
}

static json_t *closed(json_t *properties, json_t *required)
{
    return js_pack("{s:s, s:o, s:o, s:b}", "type", "object", "properties", properties, "required", required,
                     "additionalProperties", 0);
}

static void describe(json_t *o, const char *doc)
{
    js_put(o, "description", js_text(doc));
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
    json_t *o = js_pack("{s:o, s:o, s:o}", "in", ref("names"), "as", ref("names"), "when", ref("bool"));
    if (scope) {
        js_put(o, "name", ref("text"));
        js_put(o, "shared", shared_key());
    }
    return o;
}

/* {tensor: NAME}, or a value of these types. */
static json_t *tensor_name(json_t *types)
{
    json_t *whole = closed(object("tensor", ref("text")), js_pack("[s]", "tensor"));
    describe(whole, "a tensor's whole name, whatever the scope; several steps may have it");
    return js_pack("{s:[o, o]}", "anyOf", object("type", types), whole);
}

static json_t *enum_of(const char *choices)
{
    json_t *list = js_list();
    for (const char *p = choices; *p;) {
        size_t n = strcspn(p, "|");
        js_add(list, js_text_n(p, n));
        p += n + (p[n] == '|');
    }
    json_t *expression = js_pack("{s:s, s:s}", "type", "string", "pattern", "\\$");
    return js_pack("{s:[o, o]}", "anyOf", object("enum", list), expression);
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
            o = js_pack("{s:[o, o]}", "anyOf", o, enum_of(a->choices));
        break;
    case ATTR_ENUM: o = enum_of(a->choices); break;
    }
    describe(o, a->doc);
    return o;
}

static json_t *default_value(const AttrInfo *a, const char *text)
{
    json_error_t e;
    if (a->kind == ATTR_BOOL)
        return js_bool(!strcmp(text, "true"));
    if (a->kind == ATTR_INT || (a->kind == ATTR_INTS && *text != '['))
        return js_int(strtoll(text, NULL, 10));
    if (a->kind == ATTR_FLOAT)
        return js_real(strtod(text, NULL), 15);
    return js_read(text, strlen(text), &e);
}

/* Of "layers=1", the name of which has len bytes. */
static const char *word_default(const char *word, size_t n, size_t len)
{
    static char text[16];
    snprintf(text, sizeof text, "%.*s", (int)(n - len - 1), word + len + 1);
    return text;
}

/* "out!", "layers=1", "bias?[out]" and the like. */
static void add_word(json_t *properties, json_t *required, const char *word, size_t n)
{
    char name[32];
    size_t len = strcspn(word, "!?-=[ ");
    snprintf(name, sizeof name, "%.*s", (int)len, word);
    bool tensor = memchr(word, '[', n) != NULL;
    int attr = attr_by_name(name);
    json_t *o;
    if (tensor && (word[len] == '?' || word[len] == '-')) {
        o = tensor_name(js_pack("[s, s]", "boolean", "string"));
        describe(o, word[len] == '?' ? "false: without this tensor; a text: its name"
                                     : "true: with this tensor; a text: its name");
    } else if (tensor) {
        o = tensor_name(js_text("string"));
        describe(o, "another name for this tensor");
    } else if (attr >= 0) {
        o = attr_schema(&attr_info[attr]);
        if (word[len] == '=')
            js_put(o, "default", default_value(&attr_info[attr], word_default(word, n, len)));
    } else {
        o = ref("int");
        describe(o, "number of channels or features of the result");
    }
    js_put(properties, name, o);
    if (word[len] == '!')
        js_add(required, js_text(name));
}

static json_t *op_schema(Op op)
{
    const OpInfo *info = &op_info[op];
    json_t *properties = step_keys(true), *required = js_pack("[s]", "op");
    js_put(properties, "op", object("const", js_text(info->name)));
    for (int i = 0; i < info->nattrs; i++) {
        const OpAttr *oa = &info->attrs[i];
        const AttrInfo *a = &attr_info[oa->attr];
        json_t *o = attr_schema(a);
        if (*oa->dflt)
            js_put(o, "default", default_value(a, oa->dflt));
        js_put(properties, a->name, o);
        if (oa->required)
            js_add(required, js_text(a->name));
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
    json_t *properties = js_pack("{s:o, s:o, s:o, s:o, s:o}", "op", object("const", js_text(name)), "name",
                                   ref("text"), "as", ref("names"), "when", ref("bool"), "shape", ref("ints"));
    if (constant)
        js_put(properties, "value", one_or_more(ref("number")));
    if (!constant) {
        js_put(properties, "shared", shared_key());
        js_put(properties, "tensor", ref("text"));
        describe(json_object_get(properties, "tensor"), "in place of name: the whole name, whatever the scope");
    }
    json_t *required = constant ? js_pack("[s, s]", "op", "value") : js_pack("[s, s]", "op", "shape");
    json_t *o = closed(properties, required);
    describe(o, doc);
    return o;
}

/* ---- steps ---- */

/* A use of a module: its keys are the module's parameters. */
static json_t *module_use(void)
{
    json_t *names = js_list(), *properties = step_keys(true);
    for (int op = OP_NONE + 1; op < NOPS; op++)
        js_add(names, js_text(op_info[op].name));
    js_add(names, js_text("constant"));
    js_add(names, js_text("parameter"));
    js_put(properties, "op", js_pack("{s:s, s:o}", "type", "string", "not", object("enum", names)));
    json_t *o = js_pack("{s:s, s:o, s:[s]}", "type", "object", "properties", properties, "required", "op");
    describe(o, "use of a module, with its parameters");
    return o;
}

static json_t *block_schema(const char *kind, const char *doc)
{
    json_t *properties = step_keys(true);
    js_put(properties, kind, ref("body"));
    json_t *o = closed(properties, js_pack("[s]", kind));
    describe(o, doc);
    return o;
}

static json_t *loop_schema(const char *kind, json_t *what, const char *doc)
{
    bool each = *kind == 'e';
    json_t *properties = step_keys(false), *required = js_pack("[s, s]", kind, "body");
    js_put(properties, kind, what);
    js_put(properties, "index", type("string"));
    js_put(properties, "body", ref("body"));
    if (each) {
        js_put(properties, "of", js_pack("{s:[s, s]}", "type", "array", "string"));
        js_add(required, js_text("of"));
    }
    json_t *o = closed(properties, required);
    describe(o, doc);
    return o;
}

static json_t *step_schema(json_t *defs)
{
    json_t *any = js_list(), *word = type("string");
    describe(word, "an operator or module without arguments");
    js_add(any, word);
    for (Op op = OP_NONE + 1; op < NOPS; op++) {
        char name[64];
        snprintf(name, sizeof name, "op_%s", op_info[op].name);
        js_put(defs, name, op_schema(op));
        js_add(any, ref(name));
    }
    js_add(any, own_op("constant", "numbers of the spec itself as a value"));
    js_add(any, own_op("parameter", "a trained tensor as a value"));
    js_add(any, module_use());
    js_add(any, block_schema("sequential", "children named 0, 1, 2, ... as in torch.nn.Sequential"));
    js_add(any, block_schema("group", "steps under a common name"));
    js_add(any, loop_schema("repeat", ref("int"), "body so many times; index counts from 0"));
    js_add(any, loop_schema("each", ref("names"), "body for every item of the list `of`"));
    return object("anyOf", any);
}

/* ---- files ---- */

static json_t *module_schema(void)
{
    json_t *properties = js_pack("{s:o, s:o, s:o, s:o, s:o}", "params", ref("params"), "inputs", ref("names"),
                                   "scope", ref("text"), "body", ref("body"), "output", ref("names"));
    return js_pack("{s:[o, o]}", "anyOf", ref("body"), closed(properties, js_pack("[s]", "body")));
}

static json_t *input_schema(void)
{
    json_t *properties = js_pack("{s:o, s:o, s:o, s:o}", "type", ref("text"), "resize", ref("int"),
                                   "mean", one_or_more(ref("number")), "std", one_or_more(ref("number")));
    describe(json_object_get(properties, "mean"), "subtracted per channel, in units of 0..1");
    describe(json_object_get(properties, "std"), "divided by per channel, in units of 0..1");
    describe(json_object_get(properties, "resize"), "shorter side of a picture before the centre crop; 0: no crop");
    return js_pack("{s:[o, o]}", "anyOf", ref("text"), closed(properties, js_pack("[s]", "type")));
}

static json_t *params_schema(void)
{
    static const char doc[] = "name: default, or in modules name: int, number, bool, module, text or list";
    json_t *value = object("type", js_pack("[s, s, s, s, s]", "integer", "number", "boolean", "string", "array"));
    json_t *o = js_pack("{s:s, s:o}", "type", "object", "additionalProperties", value);
    describe(o, doc);
    return o;
}

static json_t *map_of(json_t *value)
{
    return js_pack("{s:s, s:o}", "type", "object", "additionalProperties", value);
}

static json_t *output_schema(void)
{
    json_t *named = map_of(ref("text"));
    describe(named, "name of an output: the result, input or constant that it is");
    return js_pack("{s:[o, o]}", "anyOf", ref("names"), named);
}

static json_t *file_schema(bool spec)
{
    json_t *properties = js_pack("{s:o, s:o}", "include", ref("names"), "modules", map_of(ref("module")));
    json_t *required = js_list();
    if (spec) {
        js_put(properties, "name", ref("text"));
        js_put(properties, "params", ref("params"));
        js_put(properties, "input", map_of(ref("input")));
        js_put(properties, "labels", one_or_more(ref("text")));
        js_put(properties, "weights", ref("text"));
        js_put(properties, "network", ref("body"));
        js_put(properties, "output", output_schema());
        js_add(required, js_text("input"));
        js_add(required, js_text("network"));
    }
    json_t *o = closed(properties, required);
    describe(o, spec ? "a network" : "a file of modules");
    return o;
}

void spec_schema(Buf *out)
{
    json_t *defs = js_object();
    js_put(defs, "int", scalar("integer", "an integer or an expression"));
    js_put(defs, "number", scalar("number", "a number or an expression"));
    js_put(defs, "bool", scalar("boolean", "true, false or an expression"));
    js_put(defs, "text", object("type", js_pack("[s, s]", "string", "number")));
    js_put(defs, "names", one_or_more(ref("text")));
    js_put(defs, "ints", one_or_more(ref("int")));
    js_put(defs, "params", params_schema());
    js_put(defs, "body", list_of(ref("step")));
    js_put(defs, "step", step_schema(defs));
    js_put(defs, "module", module_schema());
    js_put(defs, "input", input_schema());
    json_t *root = js_pack("{s:s, s:s, s:[o, o], s:o}", "$schema", "https://json-schema.org/draft/2020-12/schema",
                             "title", "DeepSquare network spec", "anyOf", file_schema(true), file_schema(false),
                             "$defs", defs);
    js_print(out, root, JSON_INDENT(1) | JSON_REAL_PRECISION(15));
    buf_putc(out, '\n');
}
