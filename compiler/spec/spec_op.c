/* One operator of a spec: attributes and parameter tensors as the operator table declares them. The words of the
   table's spec column are explained in ir/graph/op.def; two operators exist only here:
     {op: constant, value: 2.5}  {op: constant, value: [...], shape: [1, 3, 1, 1]}   a constant value
     {op: parameter, name: gamma, shape: [...]}                                      a trained tensor as a value
   A tensor's name is {tensor: NAME} in place of NAME where that is the whole name, without the scopes around. */
#include "foreign.h"
#include "spec_op.h"

#include "../../ir/ops/rnn.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const char *const own_op[] = {"constant", "parameter"};

bool op_exists(const char *name)
{
    return op_by_name(name) != OP_NONE || !strcmp(name, own_op[0]) || !strcmp(name, own_op[1]);
}

const char *const *op_names(Arena *a, int *n)
{
    const char **v = NEW(a, const char *, NOPS + LEN(own_op));
    *n = 0;
    for (int op = OP_NONE + 1; op < NOPS; op++)
        v[(*n)++] = op_info[op].name;
    for (int i = 0; i < LEN(own_op); i++)
        v[(*n)++] = own_op[i];
    return v;
}

Word *op_word(Call *c, const char *name)
{
    for (int i = 0; i < c->nword; i++)
        if (!strcmp(c->word[i].name, name))
            return &c->word[i];
    bug("op.def: %s has no spec word '%s'", c->info->name, name);
}

static void read_words(Call *c)
{
    Arena *a = c->cx.s->arena;
    for (const char *p = c->info->spec; *p;) {
        size_t n = strcspn(p, " ");
        char *text = arena_strndup(a, p, n);
        Word w = {.present = true};
        char *open = strchr(text, '[');
        if (open) {
            w.dims = arena_strndup(a, open + 1, strlen(open) - 2);
            *open = 0;
        }
        size_t len = strcspn(text, "!?-=");
        w.mode = text[len];
        w.present = w.mode != '-';
        if (w.mode == '=')
            w.ints = (Ints){1, {!strcmp(text + len + 1, "true") ? 1 : strtoll(text + len + 1, NULL, 10)}};
        text[len] = 0;
        w.name = w.tensor = text;
        if (c->nword == MAX_WORDS)
            bug("op.def: %s has more than %d spec words", c->info->name, MAX_WORDS);
        c->word[c->nword++] = w;
        p += n + strspn(p + n, " ");
    }
}

/* ---- keys ---- */

/* wanted: what may stand here besides these words, "an integer or ", or "". */
static bool read_enum(const Call *c, const AttrInfo *info, const char *wanted, const Yaml *y, int64_t *out)
{
    Arena *a = c->cx.s->arena;
    const char *text = eval_text(&c->cx, y), *cand[16];
    int n = 0;
    if (!text)
        return false;
    for (const char *p = info->choices; n < LEN(cand);) {
        size_t len = strcspn(p, "|");
        cand[n++] = arena_strndup(a, p, len);
        if (!strcmp(cand[n - 1], text)) {
            *out = n - 1;
            return true;
        }
        if (!p[len])
            break;
        p += len + 1;
    }
    const char *hint = foreign_hint(a, FOREIGN_VALUE, text, cand, n);
    spec_error(&c->cx, y->loc, hint ? hint : name_hint(a, text, cand, n), "expected %sone of %s, found %s", wanted,
               info->choices, spec_show(a, text));
    return false;
}

/* A word, or a parameter that is one; numbers and expressions are none. */
static bool is_word(const Call *c, const Yaml *y)
{
    if (y->kind != YAML_SCALAR || !*y->text)
        return false;
    if (*y->text == '$' && spec_identifier(y->text + 1)) {
        const Binding *b = env_find(c->cx.env, y->text + 1);
        return b && b->val.kind == PV_TEXT && !b->bad;
    }
    return spec_identifier(y->text);
}

static bool read_pad(Call *c, const Yaml *y)
{
    enum { VALID, SAME, SAME_LOWER }; /* as in attr.def */
    int64_t word;
    if (!is_word(c, y)) {
        bool ok = eval_ints(&c->cx, y, &c->attr.pad);
        c->listed = c->attr.pad.n == 4;
        return ok;
    }
    if (!read_enum(c, &attr_info[A_pad], "an integer, a list of them or ", y, &word))
        return false;
    c->same = word != VALID;
    c->lower = word == SAME_LOWER;
    return true;
}

static bool read_attr(Call *c, Attr attr, const Yaml *y)
{
    const AttrInfo *info = &attr_info[attr];
    void *field = (char *)&c->attr + info->offset;
    if (attr == A_pad)
        return read_pad(c, y);
    switch (info->kind) {
    case ATTR_INT: return eval_int(&c->cx, y, field);
    case ATTR_FLOAT: return eval_num(&c->cx, y, field);
    case ATTR_BOOL: return eval_bool(&c->cx, y, field);
    case ATTR_INTS: return eval_ints(&c->cx, y, field);
    case ATTR_ENUM: return read_enum(c, info, "", y, field);
    }
    return false;
}

/* NAME of {tensor: NAME}; NULL after an error. */
static const char *read_whole_name(const Cx *cx, const Yaml *y)
{
    static const char *const keys[] = {"tensor"};
    const Yaml *name = yaml_get(y, "tensor");
    if (!spec_keys(cx, y, "a tensor's name", keys, LEN(keys)))
        return NULL;
    if (!name)
        spec_error(cx, y->loc, NULL, "expected {tensor: NAME}, found an empty map");
    return name ? eval_text(cx, name) : NULL;
}

/* `bias: false`, `bias: true`, `weight: alpha`, `weight: {tensor: head.alpha}` */
static bool read_tensor_word(Call *c, Word *w, const Yaml *y)
{
    Pval v;
    if (y->kind == YAML_MAP) {
        w->present = w->whole = true;
        return (w->tensor = read_whole_name(&c->cx, y));
    }
    if (!eval_any(&c->cx, y, &v))
        return false;
    if (v.kind == PV_BOOL && (w->mode || v.as.b)) {
        w->present = v.as.b;
        return true;
    }
    if (v.kind != PV_TEXT) {
        const char *wanted = w->mode ? "true, false or another name" : "another name";
        spec_error(&c->cx, y->loc, NULL, "expected %s for the tensor, found %s", wanted,
                   spec_found(c->cx.s->arena, y));
        return false;
    }
    w->present = true;
    w->tensor = v.as.text;
    return true;
}

static bool read_word(Call *c, Word *w, const YamlPair *p)
{
    w->given = true;
    w->loc = p->val->loc;
    if (w->dims)
        return read_tensor_word(c, w, p->val);
    int attr = attr_by_name(w->name);
    if (attr >= 0 && attr_info[attr].kind == ATTR_INTS)
        return eval_ints(&c->cx, p->val, &w->ints);
    w->ints.n = 1;
    bool on = false, is_bool = attr >= 0 && attr_info[attr].kind == ATTR_BOOL;
    bool ok = is_bool ? eval_bool(&c->cx, p->val, &on) : eval_int(&c->cx, p->val, &w->ints.v[0]);
    if (is_bool)
        w->ints.v[0] = on;
    return ok;
}

static bool unknown_key(const Call *c, const YamlPair *p)
{
    const char *cand[MAX_OP_ATTRS + MAX_WORDS + LEN(step_keys)];
    int n = 0;
    for (int i = 0; i < c->info->nattrs; i++)
        cand[n++] = attr_info[c->info->attrs[i].attr].name;
    for (int i = 0; i < c->nword; i++)
        cand[n++] = c->word[i].name;
    for (int i = 0; i < LEN(step_keys); i++)
        cand[n++] = step_keys[i];
    spec_error(&c->cx, p->key_loc, key_hint(c->cx.s->arena, p->key, cand, n), "unknown attribute %s",
               spec_show(c->cx.s->arena, p->key));
    return false;
}

static bool read_key(Call *c, const YamlPair *p)
{
    for (int i = 0; i < LEN(step_keys); i++)
        if (!strcmp(p->key, step_keys[i]))
            return true;
    c->cx.key = p->key;
    for (int i = 0; i < c->info->nattrs; i++)
        if (!strcmp(p->key, attr_info[c->info->attrs[i].attr].name))
            return read_attr(c, c->info->attrs[i].attr, p->val);
    for (int i = 0; i < c->nword; i++)
        if (!strcmp(p->key, c->word[i].name))
            return read_word(c, &c->word[i], p);
    c->cx.key = NULL;
    return unknown_key(c, p);
}

static bool missing(const Call *c, const char *name)
{
    spec_error(&c->cx, c->step->loc, NULL, "'%s' is missing", name);
    return false;
}

static bool read_keys(Call *c)
{
    bool ok = true;
    const Yaml *keys = c->step->keys;
    attrs_default(c->op, &c->attr);
    for (int i = 0; keys && i < keys->npair; i++)
        ok = read_key(c, &keys->pair[i]) && ok;
    c->cx.key = NULL;
    for (int i = 0; i < c->info->nattrs; i++) {
        const char *name = attr_info[c->info->attrs[i].attr].name;
        if (c->info->attrs[i].required && !(keys && yaml_get(keys, name)))
            ok = missing(c, name);
    }
    for (int i = 0; i < c->nword; i++)
        if (c->word[i].mode == '!' && !c->word[i].given)
            ok = missing(c, c->word[i].name);
    return ok;
}

/* ---- operands ---- */

static bool check_arity(const Call *c)
{
    int least = c->info->min_in, most = c->info->max_in, n = c->step->nin;
    for (int i = 0; i < c->nword; i++)
        if (c->word[i].dims) {
            least -= !c->word[i].mode;
            most -= most > 0;
        }
    if (n >= least && (most < 0 || n <= most))
        return true;
    const char *hint = !c->step->in_given && least > 1 ? "name them: in: [a, b]" : NULL;
    if (most == least)
        spec_error(&c->cx, c->step->loc, hint, "%d input%s expected, %d given", least, least == 1 ? "" : "s", n);
    else
        spec_error(&c->cx, c->step->loc, hint, "%d or more inputs expected, %d given", least, n);
    return false;
}

/* One factor of a dimension: "C", "in", an integer attribute or a spec-only word (n numbers). */
static bool dim_factor(const Call *c, const char *name, Ints *out)
{
    out->n = 1;
    if (!strcmp(name, "C") || !strcmp(name, "in")) {
        int64_t axis = c->in.rank - 1;
        if (*name == 'C') {
            axis = 1;
            for (int i = 0; i < c->info->nattrs; i++)
                if (c->info->attrs[i].attr == A_axis)
                    axis = c->attr.axis < 0 ? c->attr.axis + c->in.rank : c->attr.axis;
        }
        if (axis < 0 || axis >= c->in.rank) {
            spec_error(&c->cx, c->step->loc, NULL, "input %s has no dimension %lld",
                       type_text(c->cx.s->arena, &c->in), (long long)axis);
            return false;
        }
        out->v[0] = c->in.dim[axis];
        return true;
    }
    for (int i = 0; i < c->nword; i++)
        if (!strcmp(name, c->word[i].name)) {
            const Word *w = &c->word[i];
            *out = w->ints;
            int attr = attr_by_name(name);
            if (attr >= 0 && attr_info[attr].kind == ATTR_INTS) { /* [height, width], one number means both */
                if (w->ints.n != 1 && w->ints.n != 2) {
                    spec_error(&c->cx, w->loc, NULL, "'%s' has %d numbers, 1 or 2 expected", name, w->ints.n);
                    return false;
                }
                out->n = 2;
                out->v[1] = w->ints.v[w->ints.n - 1];
            }
            for (int k = 0; k < out->n; k++)
                if (out->v[k] < 1) {
                    spec_error(&c->cx, w->loc, NULL, "'%s' is %lld, at least 1 expected", name,
                               (long long)out->v[k]);
                    return false;
                }
            return true;
        }
    int attr = attr_by_name(name);
    if (attr < 0 || attr_info[attr].kind != ATTR_INT)
        bug("op.def: %s has a tensor of unknown dimension '%s'", c->info->name, name);
    out->v[0] = *(const int64_t *)(const void *)((const char *)&c->attr + attr_info[attr].offset);
    if (out->v[0] >= 1)
        return true;
    spec_error(&c->cx, c->step->loc, NULL, "'%s' is %lld, at least 1 expected", name, (long long)out->v[0]);
    return false;
}

/* A dimension of a tensor: a factor, its multiple ("4*hidden"), or the quotient of two. */
static bool dim_value(const Call *c, const char *text, Ints *out)
{
    Arena *a = c->cx.s->arena;
    const char *slash = strchr(text, '/'), *times = strchr(text, '*');
    Ints by;
    if (times) {
        bool ok = dim_factor(c, times + 1, out);
        out->v[0] = mul_ok(out->v[0], strtoll(text, NULL, 10), &out->v[0]) ? out->v[0] : INT64_MAX;
        return ok;
    }
    if (!dim_factor(c, slash ? arena_strndup(a, text, (size_t)(slash - text)) : text, out))
        return false;
    if (!slash)
        return true;
    if (!dim_factor(c, slash + 1, &by))
        return false;
    if (out->v[0] % by.v[0]) {
        spec_error(&c->cx, c->step->loc, NULL, "%lld %s do not divide by '%s', which is %lld",
                   (long long)out->v[0], *text == 'C' ? "channels" : "outputs", slash + 1, (long long)by.v[0]);
        return false;
    }
    out->v[0] /= by.v[0];
    return true;
}

static bool tensor_type(const Call *c, const Word *w, Type *t)
{
    Arena *a = c->cx.s->arena;
    Ints dims = {0};
    for (const char *p = w->dims; *p;) {
        size_t n = strcspn(p, ",");
        Ints d;
        if (!dim_value(c, arena_strndup(a, p, n), &d))
            return false;
        for (int i = 0; i < d.n && dims.n < MAX_RANK; i++)
            dims.v[dims.n++] = d.v[i];
        p += n + (p[n] == ',');
    }
    *t = type_make(DT_F32, dims.n, dims.v);
    if (type_valid(t))
        return true;
    spec_error(&c->cx, c->step->loc, NULL, "tensor '%s' would have more than 2^40 elements: %s", w->tensor,
               type_text(a, t));
    return false;
}

static void note_tensor(SpecReader *s, const char *name, Loc loc, bool alone)
{
    map_put(&s->tensor_by_name, name, s->tensor.n);
    PUSH(s->arena, &s->tensor, ((struct SpecTensor){name, loc, alone}));
}

/* A tensor of an earlier step, where this one says that it shares it. */
static ValueId earlier_tensor(const Cx *cx, const char *name, bool shared, Loc loc, Type t)
{
    const SpecReader *s = cx->s;
    ValueId id = map_get(&s->graph->consts, name);
    const Type *made = &s->graph->value.v[id].type;
    struct SpecTensor *first = &s->tensor.v[map_get(&s->tensor_by_name, name)];
    first->alone = false;
    if (shared && type_eq(made, &t))
        return id;
    if (shared)
        spec_error(cx, loc, NULL, "the shared tensor '%s' is %s here, %s where it is made", name,
                   type_text(s->arena, &t), type_text(s->arena, made));
    else
        spec_error(cx, loc, "shared: true uses it again", "there is a tensor '%s' already", name);
    note_at(first->loc, "made here");
    return POISON;
}

/* The tensor "scope.name". Without `shared` it must be new. */
static ValueId make_tensor(const Cx *cx, const char *scope, const char *name, bool shared, Loc loc, Type t)
{
    SpecReader *s = cx->s;
    const char *full = scope_join(cx, scope, name, loc);
    if (!full)
        return POISON;
    if (map_get(&s->tensor_by_name, full) >= 0)
        return earlier_tensor(cx, full, shared, loc, t);
    note_tensor(s, full, loc, cx->shared);
    return graph_const(s->graph, full, t, loc);
}

static const char *pad_same(Call *c, const ValueId *in, int nin)
{
    const SpecReader *s = c->cx.s;
    Type *types = NEW(s->arena, Type, nin);
    for (int i = 0; i < nin; i++)
        types[i] = s->graph->value.v[in[i]].type;
    return attrs_pad_same(s->arena, c->op, &c->attr, types, nin, c->lower);
}

int op_node(Call *c, const char *name, const ValueId *from, int nin, const char *suffix, ValueId *out)
{
    SpecReader *s = c->cx.s;
    ValueId *in = NEW(s->arena, ValueId, nin + MAX_WORDS);
    memcpy(in, from, (size_t)nin * sizeof *in);
    c->in = s->graph->value.v[in[0]].type;
    const Word *absent = NULL;
    for (int i = 0; i < c->nword; i++) {
        const Word *w = &c->word[i];
        Type t;
        if (!w->dims || !w->present) {
            absent = w->dims ? w : absent;
            continue;
        }
        if (absent) { /* operands are told apart by their number */
            spec_error(&c->cx, w->given ? w->loc : c->step->loc, NULL, "'%s' is given without '%s'", w->name,
                       absent->name);
            return -1;
        }
        if (!tensor_type(c, w, &t))
            return -1;
        const char *tensor = w->whole ? w->tensor : arena_printf(s->arena, "%s%s", w->tensor, suffix);
        in[nin] = make_tensor(&c->cx, w->whole ? "" : c->step->tensor_scope, tensor, c->cx.shared || w->whole,
                              w->given ? w->loc : c->step->loc, t);
        if (in[nin++] == POISON)
            return -1;
    }
    const char *err = c->same ? pad_same(c, in, nin) : NULL;
    int node = err ? -1 : graph_add(s->graph, c->op, &c->attr, in, nin, name, c->step->loc, &err);
    if (node < 0) {
        spec_error(&c->cx, c->step->loc, NULL, "%s", err);
        spec_note_pads(&c->cx, c->listed ? &c->attr.pad : NULL, c->step, in, nin);
        return -1;
    }
    if (c->listed)
        PUSH(s->arena, &s->listed_pads, node);
    const Node *n = &s->graph->node.v[node];
    for (int i = 0; i < n->nout; i++)
        out[i] = n->out[i].value;
    return n->nout;
}

/* ---- constant and parameter ---- */

static bool read_shape(const Cx *cx, const Yaml *y, Type *t)
{
    Ints shape;
    if (!eval_ints(cx, y, &shape))
        return false;
    bool ok = shape.n <= MAX_RANK;
    if (ok) {
        *t = type_make(DT_F32, shape.n, shape.v);
        ok = type_valid(t);
    }
    if (!ok)
        spec_error(cx, y->loc, NULL, "a shape has up to %d sizes of at least 1, together at most 2^40 elements",
                   MAX_RANK);
    return ok;
}

static bool read_numbers(const Cx *cx, const Yaml *y, float **out, int *n)
{
    bool list = y->kind == YAML_LIST;
    *n = list ? y->n : 1;
    *out = NEW(cx->s->arena, float, *n);
    for (int i = 0; i < *n; i++) {
        const Yaml *item = list ? y->item[i] : y;
        double d;
        if (!eval_num(cx, item, &d))
            return false;
        (*out)[i] = (float)d;
        if (!isfinite((*out)[i])) {
            spec_error(cx, item->loc, NULL, "%s does not fit in f32", spec_found(cx->s->arena, item));
            return false;
        }
    }
    return true;
}

static ValueId expand_constant(const Cx *cx, const OpStep *step)
{
    SpecReader *s = cx->s;
    const Yaml *value = step->keys ? yaml_get(step->keys, "value") : NULL;
    const Yaml *shape = step->keys ? yaml_get(step->keys, "shape") : NULL;
    float *v;
    int n;
    if (!value) {
        spec_error(cx, step->loc, NULL, "'value' is missing");
        return POISON;
    }
    if (!read_numbers(cx, value, &v, &n))
        return POISON;
    Type t = type_make(DT_F32, 1, (const int64_t[]){n});
    if (n < 1 || (shape && !read_shape(cx, shape, &t))) {
        if (n < 1)
            spec_error(cx, value->loc, NULL, "the list of values is empty");
        return POISON;
    }
    int64_t elems = type_elems(&t);
    if ((elems != n && n != 1) || elems > 1 << 20) {
        spec_error(cx, value->loc, NULL, "%d values for %s", n, type_text(s->arena, &t));
        return POISON;
    }
    float *data = NEW(s->arena, float, elems);
    for (int64_t i = 0; i < elems; i++)
        data[i] = v[n == 1 ? 0 : i];
    ValueId id = graph_const_f32(s->graph, step->node_name, t, data);
    note_tensor(s, s->graph->value.v[id].name, step->loc, false);
    return id;
}

static ValueId expand_parameter(const Cx *cx, const OpStep *step)
{
    const Yaml *shape = step->keys ? yaml_get(step->keys, "shape") : NULL;
    const Yaml *name = step->keys ? yaml_get(step->keys, "name") : NULL;
    const Yaml *whole = step->keys ? yaml_get(step->keys, "tensor") : NULL;
    const char *own;
    Type t;
    if (name && whole) {
        spec_error(cx, whole->loc, NULL, "a parameter has a 'name' or a 'tensor', not both");
        return POISON;
    }
    name = whole ? whole : name;
    if (!shape || !name) {
        spec_error(cx, step->loc, NULL, "'%s' is missing", shape ? "name" : "shape");
        return POISON;
    }
    if (!read_shape(cx, shape, &t) || !(own = eval_text(cx, name)))
        return POISON;
    return make_tensor(cx, whole ? "" : cx->scope, own, whole || cx->shared, name->loc, t);
}

static int expand_own(const Cx *cx, const OpStep *step, ValueId *out)
{
    static const char *const constant_keys[] = {"op", "name", "as", "when", "shape", "value"};
    static const char *const parameter_keys[] = {"op", "name", "as", "when", "shape", "shared", "tensor"};
    bool constant = !strcmp(step->op_name, "constant");
    const char *const *keys = constant ? constant_keys : parameter_keys;
    int nkeys = constant ? LEN(constant_keys) : LEN(parameter_keys);
    if (step->keys && !spec_keys(cx, step->keys, "the step", keys, nkeys))
        return -1;
    *out = constant ? expand_constant(cx, step) : expand_parameter(cx, step);
    return *out == POISON ? -1 : 1;
}

int op_expand(const Cx *cx, const OpStep *step, ValueId *out)
{
    Call c = {.cx = *cx, .step = step, .op = op_by_name(step->op_name)};
    c.cx.about = arena_printf(cx->s->arena, "%s '%s'", step->op_name, step->node_name);
    if (c.op == OP_NONE)
        return expand_own(&c.cx, step, out);
    c.info = &op_info[c.op];
    read_words(&c);
    if (!read_keys(&c))
        return -1;
    for (int i = 0; i < step->nin; i++)
        if (step->in[i] == POISON)
            return -1;
    if (is_recurrent(c.op))
        return rnn_expand(&c, out);
    if (!check_arity(&c))
        return -1;
    return op_node(&c, step->node_name, step->in, step->nin, "", out);
}
