/* The operator and attribute tables, made from op.def and attr.def, and what is common to all operators. */
#include "../ops/ops.h"

#include <stdlib.h>
#include <string.h>

const AttrInfo attr_info[NATTRS] = {
#define ATTR(name, kind, choices, doc) {#name, ATTR_##kind, choices, doc, offsetof(Attrs, name)},
#include "attr.def"
#undef ATTR
};

static OpInfo table[NOPS] = {
    [OP_NONE] = {.name = "none"},
#define OP(id, family, props, lo, hi, attrs, words, text)                                                              \
    [OP_##id] = {.name = #id, .prop = (props), .min_in = (lo), .max_in = (hi), .spec = (words), .doc = (text),         \
                 .infer = infer_##id, .ref = ref_##id, .cost = cost_##id},
#include "op.def"
#undef OP
};
const OpInfo *const op_info = table;

static Attrs defaults[NOPS];

int attr_by_name(const char *name)
{
    for (int i = 0; i < NATTRS; i++)
        if (!strcmp(attr_info[i].name, name))
            return i;
    return -1;
}

Op op_by_name(const char *name)
{
    for (Op op = OP_NONE + 1; op < NOPS; op++)
        if (!strcmp(table[op].name, name))
            return op;
    return OP_NONE;
}

/* ---- the attribute column of op.def: "name", "name=default", "name!" ---- */

static void set_default(Attr a, Attrs *t, const char *text)
{
    void *field = (char *)t + attr_info[a].offset;
    switch (attr_info[a].kind) {
    case ATTR_INT: *(int64_t *)field = strtoll(text, NULL, 10); break;
    case ATTR_FLOAT: *(double *)field = strtod(text, NULL); break;
    case ATTR_BOOL: *(bool *)field = !strcmp(text, "true"); break;
    case ATTR_INTS: {
        Ints *v = field;
        char *end = NULL;
        for (const char *p = text + (*text == '['); *p && *p != ']'; p = end + (*end == ','))
            v->v[v->n++] = strtoll(p, &end, 10);
        break;
    }
    case ATTR_ENUM: bug("an enumerated attribute's default is its first choice");
    }
}

static void read_row(Arena *a, Op op, const char *text)
{
    OpInfo *info = &table[op];
    while (*text) {
        size_t n = strcspn(text, " ");
        char *word = arena_strndup(a, text, n);
        OpAttr attr = {.dflt = ""};
        size_t len = strcspn(word, "=!");
        attr.required = word[len] == '!';
        if (word[len] == '=')
            attr.dflt = word + len + 1;
        word[len] = 0;
        int at = attr_by_name(word);
        if (at < 0 || info->nattrs == MAX_OP_ATTRS)
            bug("op.def: %s has no room for attribute '%s', or attr.def does not know it", info->name, word);
        attr.attr = (Attr)at;
        if (*attr.dflt)
            set_default(attr.attr, &defaults[op], attr.dflt);
        info->attrs[info->nattrs++] = attr;
        text += n + strspn(text + n, " ");
    }
}

/* Before main, so that no part of the program can see the table half filled. */
static __attribute__((constructor)) void read_rows(void)
{
    static Arena *text;
    text = arena_new();
#define OP(name, family, props, lo, hi, attrs, ...) read_row(text, OP_##name, attrs);
#include "op.def"
#undef OP
}

void attrs_default(Op op, Attrs *t)
{
    *t = defaults[op];
}

static bool attr_eq(Attr a, const void *p, const void *q)
{
    switch (attr_info[a].kind) {
    case ATTR_INT:
    case ATTR_ENUM: return *(const int64_t *)p == *(const int64_t *)q;
    case ATTR_FLOAT: return *(const double *)p == *(const double *)q;
    case ATTR_BOOL: return *(const bool *)p == *(const bool *)q;
    case ATTR_INTS: {
        const Ints *x = p, *y = q;
        return x->n == y->n && !memcmp(x->v, y->v, (size_t)x->n * sizeof *x->v);
    }
    }
    return false;
}

bool attrs_eq(Op op, const Attrs *x, const Attrs *y)
{
    for (int i = 0; i < op_info[op].nattrs; i++) {
        Attr a = op_info[op].attrs[i].attr;
        size_t off = attr_info[a].offset;
        if (!attr_eq(a, (const char *)x + off, (const char *)y + off))
            return false;
    }
    return true;
}

/* ---- calls ---- */

static const char *check_operands(const OpCall *c)
{
    const OpInfo *info = &op_info[c->op];
    if (c->nin < info->min_in && info->max_in < 0)
        FAIL(c, "%d operands found, at least %d expected", c->nin, info->min_in);
    if (c->nin < info->min_in || (info->max_in >= 0 && c->nin > info->max_in)) {
        const char *more = info->max_in > info->min_in ? arena_printf(c->arena, " to %d", info->max_in) : "";
        FAIL(c, "%d operand%s found, %d%s expected", c->nin, c->nin == 1 ? "" : "s", info->min_in, more);
    }
    for (int i = 0; i < c->nin; i++) {
        const Type *t = &c->in[i];
        if (t->rank < 0 || t->rank > MAX_RANK || !type_valid(t))
            FAIL(c, "operand %d has no valid type", i);
        if (t->dtype != DT_F32 && t->dtype != DT_F64 && t->dtype != DT_F16 && t->dtype != DT_BF16)
            FAIL(c, "operand %s is not of a floating type", type_text(c->arena, t));
        if (t->dtype != c->in[0].dtype)
            FAIL(c, "operands %s and %s differ in type", type_text(c->arena, &c->in[0]), type_text(c->arena, t));
    }
    return NULL;
}

const char *op_infer(const OpCall *c, Type *out, int *nout)
{
    *nout = 0;
    if (c->op <= OP_NONE || c->op >= NOPS)
        FAIL(c, "no operator");
    const char *err = check_operands(c);
    if (err)
        return err;
    Attrs attr = *c->attr;
    if ((err = attrs_normalize(c->arena, c->op, &attr, c->in, c->nin)))
        return err;
    OpCall call = *c;
    call.attr = &attr;
    int n = 0;
    if ((err = op_info[c->op].infer(&call, out, &n)))
        return err;
    for (int i = 0; i < n; i++)
        if (!type_valid(&out[i]))
            FAIL(c, "result %s has more than 2^40 elements", type_text(c->arena, &out[i]));
    *nout = n;
    return NULL;
}

/* ---- what the families share ---- */

const char *ints_text(Arena *a, const Ints *v)
{
    const char *s = "";
    for (int i = 0; i < v->n; i++)
        s = arena_printf(a, "%s%s%lld", s, i ? "," : "", (long long)v->v[i]);
    return arena_printf(a, "[%s]", s);
}

int64_t mul_sat(int64_t a, int64_t b)
{
    int64_t r = INT64_MAX;
    mul_ok(a, b, &r);
    return r;
}

int64_t add_sat(int64_t a, int64_t b)
{
    int64_t r = INT64_MAX;
    add_ok(a, b, &r);
    return r;
}

int64_t elems_between(const Type *t, int from, int to)
{
    int64_t n = 1;
    for (int d = from; d < to; d++)
        n *= t->dim[d];
    return n;
}

void row_strides(const Type *t, int64_t stride[MAX_RANK])
{
    int64_t s = 1;
    for (int d = t->rank - 1; d >= 0; d--) {
        stride[d] = s;
        s *= t->dim[d];
    }
}

ElemWalk walk_over(const Type *shape)
{
    ElemWalk w = {.rank = shape->rank};
    memcpy(w.dim, shape->dim, sizeof w.dim);
    return w;
}
