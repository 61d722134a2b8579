/* What the functions of table.c ask of a node and give as its results. */
#include "import.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* ---- operands ---- */

static OnnxValue *onnx_operand(const NodeCall *c, int i)
{
    return i < c->nin && c->in[i] >= 0 ? &c->x->val.v[c->in[i]] : NULL;
}

bool call_has(const NodeCall *c, int i)
{
    return onnx_operand(c, i) != NULL;
}

const Tensor *call_known(const NodeCall *c, int i)
{
    const OnnxValue *v = onnx_operand(c, i);
    return v ? v->k : NULL;
}

Type call_type(const NodeCall *c, int i)
{
    const OnnxValue *v = onnx_operand(c, i);
    return !v ? (Type){0} : v->k ? v->k->type : call_value_type(c, v->id);
}

ValueId call_in(NodeCall *c, int i)
{
    const OnnxValue *v = onnx_operand(c, i);
    if (!v)
        return call_refuse(c, NULL, "operand %d is missing", i), -1;
    return v->k ? call_param(c, v->k, v->k->type.rank, v->k->type.dim) : v->id;
}

DType call_kind(const NodeCall *c, int i)
{
    const OnnxValue *v = onnx_operand(c, i);
    return !v ? DT_F32 : v->k ? v->k->stored : v->kind;
}

ValueId call_number(NodeCall *c, int i)
{
    const Tensor *k = call_known(c, i);
    if (!k || dtype_float(k->stored))
        return call_in(c, i);
    int64_t n = type_elems(&k->type);
    Tensor *t = konst(c, DT_F32, k->type.rank, k->type.dim);
    for (int64_t j = 0; t && j < n; j++) {
        if (fabs(tensor_at(k, j)) > 1 << 24)
            return call_refuse(c, NULL, "the constant '%s' holds integers that f32 has not", k->name), -1;
        tensor_put(t, j, tensor_at(k, j));
    }
    if (t)
        t->name = k->name;
    return t ? call_param(c, t, t->type.rank, t->type.dim) : -1;
}

static bool integers(NodeCall *c, const Tensor *t, const char *what, Ints *out)
{
    int64_t n = type_elems(&t->type);
    if (n > LEN(out->v))
        return call_refuse(c, NULL, "%s has %lld numbers, at most %d are expected", what, (long long)n, LEN(out->v));
    out->n = (int)n;
    for (int i = 0; i < n; i++)
        out->v[i] = tensor_int(t, i);
    return true;
}

bool call_ints_in(NodeCall *c, int i, Ints *out)
{
    const Tensor *t = call_known(c, i);
    if (!t)
        return call_refuse(c, "shapes are fixed when the network is compiled", "operand %d is computed from the input",
                           i);
    return integers(c, t, arena_printf(c->x->arena, "operand %d", i), out);
}

bool call_scalar_in(NodeCall *c, int i, double *v)
{
    const Tensor *t = call_known(c, i);
    if (!t)
        return call_refuse(c, NULL, "operand %d is computed from the input, a constant is expected", i);
    if (type_elems(&t->type) != 1)
        return call_refuse(c, NULL, "operand %d is %s, one number is expected", i, type_text(c->x->arena, &t->type));
    *v = tensor_at(t, 0);
    return true;
}

bool call_list(NodeCall *c, int i, const char *attr, Ints *out, bool *given)
{
    if (call_has(c, i)) {
        *given = true;
        return call_ints_in(c, i, out);
    }
    return call_ints(c, attr, out, given);
}

/* ---- attributes ---- */

static const MAttr *find_attr(const MNode *n, const char *name)
{
    for (int i = 0; i < n->nattr; i++)
        if (!strcmp(n->attr[i].name, name))
            return &n->attr[i];
    return NULL;
}

/* The name of the function's attribute that stands in place of this one, or NULL. */
static const char *referred(const NodeCall *c, WireBytes msg)
{
    Wire w = wire_open(msg);
    for (WireField f; wire_next(&w, &f);)
        if (f.number == 21 && f.kind == WIRE_BYTES && f.bytes.n)
            return arena_strndup(c->x->arena, (const char *)f.bytes.p, f.bytes.n);
    return NULL;
}

bool call_attr(const NodeCall *c, const char *name, WireBytes *msg)
{
    const MAttr *a = find_attr(c->n, name);
    const char *other = a ? referred(c, a->msg) : NULL;
    const Scope *s = c->scope;
    while (other && s && !s->call)
        s = s->up;
    if (other)
        return s && call_attr(s->call, other, msg);
    if (a)
        *msg = a->msg;
    return a != NULL;
}

static bool attr_field(const NodeCall *c, const char *name, int number, WireKind kind, WireField *out)
{
    WireBytes msg;
    bool found = false;
    if (!call_attr(c, name, &msg))
        return false;
    Wire w = wire_open(msg);
    for (WireField f; wire_next(&w, &f);)
        if (f.number == number && f.kind == kind) {
            *out = f;
            found = true;
        }
    return found;
}

bool call_attr_bytes(const NodeCall *c, const char *name, int number, WireBytes *out)
{
    WireField f;
    bool found = attr_field(c, name, number, WIRE_BYTES, &f);
    if (found)
        *out = f.bytes;
    return found;
}

int64_t call_int(const NodeCall *c, const char *name, int64_t dflt)
{
    WireField f;
    return attr_field(c, name, 3, WIRE_VARINT, &f) ? (int64_t)f.value : dflt;
}

static float bits_float(uint64_t v)
{
    uint32_t bits = (uint32_t)v;
    float f;
    memcpy(&f, &bits, sizeof f);
    return f;
}

/* 0.1 means 0.1 and not the float that is next to it. */
double short_number(double exact)
{
    char digits[32];
    double nice = 0;
    snprintf(digits, sizeof digits, "%.7g", exact);
    return sscanf(digits, "%lf", &nice) == 1 && (float)nice == (float)exact ? nice : exact;
}

double call_float(const NodeCall *c, const char *name, double dflt)
{
    WireField f;
    return attr_field(c, name, 2, WIRE_I32, &f) ? short_number((double)bits_float(f.value)) : dflt;
}

const char *call_text(const NodeCall *c, const char *name, const char *dflt)
{
    WireBytes b;
    return call_attr_bytes(c, name, 4, &b) ? arena_strndup(c->x->arena, (const char *)b.p, b.n) : dflt;
}

/* Counts the numbers of a list or, where out is there, enters them. */
static int64_t walk_list(WireBytes msg, int number, int fixed, Tensor *out)
{
    Wire w = wire_open(msg);
    int64_t n = 0;
    for (WireField f; wire_next(&w, &f);) {
        if (f.number != number)
            continue;
        Wire list = wire_open(f.bytes);
        uint64_t v = f.value;
        bool one = f.kind != WIRE_BYTES;
        while (one || (list.p < list.end && (fixed ? wire_fixed(&list, fixed, &v) : wire_varint(&list, &v)))) {
            if (out && fixed)
                tensor_put(out, n, (double)bits_float(v));
            else if (out)
                tensor_put_int(out, n, (int64_t)v);
            n++;
            if (one)
                break;
        }
    }
    return n;
}

Tensor *call_numbers(NodeCall *c, const char *name, DType d)
{
    WireBytes msg;
    bool floats = dtype_float(d);
    if (!call_attr(c, name, &msg))
        return NULL;
    int64_t n = walk_list(msg, floats ? 7 : 8, floats ? 4 : 0, NULL);
    Tensor *t = konst(c, d, 1, &n);
    if (t)
        walk_list(msg, floats ? 7 : 8, floats ? 4 : 0, t);
    return t;
}

bool call_ints(NodeCall *c, const char *name, Ints *out, bool *given)
{
    WireBytes msg;
    *out = (Ints){0};
    *given = call_attr(c, name, &msg);
    if (!*given)
        return true;
    const Tensor *t = call_numbers(c, name, DT_I64);
    return t && integers(c, t, name, out);
}

/* ---- the graph ---- */

ValueId call_transpose(NodeCall *c, ValueId v, int rank, const int *perm)
{
    Attrs a = call_defaults(OP_transpose);
    bool moves = false;
    a.perm.n = rank;
    for (int d = 0; d < rank; d++) {
        a.perm.v[d] = perm[d];
        moves |= perm[d] != d;
    }
    return moves ? call_add(c, OP_transpose, &a, 1, v) : v;
}

ValueId call_scalar(NodeCall *c, double v)
{
    float f = (float)v;
    char text[32];
    fmt_float(text, f);
    return graph_const_f32(c->x->g, text, type_make(DT_F32, 1, (int64_t[]){1}), &f);
}

/* ---- constants of the graph ---- */

/* Numbers that several nodes read are looked at once. */
static bool check_finite(NodeCall *c, const Tensor *t)
{
    int64_t n = type_elems(&t->type);
    const char *key = arena_printf(c->x->arena, "%p %lld", t->data, (long long)n);
    if (dict_get(&c->x->finite, key) >= 0)
        return true;
    if (!konst_steps(c, n))
        return false;
    dict_put(&c->x->finite, key, 1);
    const char *why = not_finite(c->x->arena, t);
    return !why || call_refuse(c, NULL, "%s", why);
}

ValueId call_param(NodeCall *c, const Tensor *t, int rank, const int64_t *dim)
{
    OnnxImport *x = c->x;
    Type type = type_make(DT_F32, rank, dim);
    if (!t || !dtype_float(t->stored))
        return t ? call_refuse(c, NULL, "the constant '%s' is %s, floats are expected", t->name,
                               dtype_name(t->stored)), -1 : -1;
    if (!type_valid(&type))
        return call_refuse(c, NULL, "the constant '%s' is %s: nothing is in it", t->name, type_text(x->arena, &type)),
               -1;
    const char *key = arena_printf(x->arena, "%p %s", t->data, type_text(x->arena, &type));
    ValueId id = dict_get(&x->param, key);
    if (id >= 0)
        return id;
    if (!check_finite(c, t))
        return -1;
    const char *name = *t->name && strlen(t->name) < 200 && text_is_clean(t->name) ? t->name : "constant";
    id = graph_const(x->g, fresh_const_name(x->arena, x->g, name), type, t->loc);
    Tensor *made = x->g->value.v[id].tensor;
    made->data = t->data;
    made->stored = t->stored;
    tensor_flush(x->arena, made);
    if (made->data != t->data && !konst_steps(c, 16 * type_elems(&type))) /* copied */
        return -1;
    dict_put(&x->param, key, id);
    return id;
}

/* ---- results ---- */

bool call_wanted(const NodeCall *c, int i)
{
    return i < c->n->nout && *c->n->out[i];
}

bool call_give(NodeCall *c, int i, ValueId v)
{
    if (v >= 0 && i < c->n->nout)
        c->given[i] = v;
    return v >= 0;
}

bool call_give_known(NodeCall *c, int i, const Tensor *t)
{
    if (t && i < c->n->nout)
        c->given_k[i] = t;
    return t != NULL;
}
