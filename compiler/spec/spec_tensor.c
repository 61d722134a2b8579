/* Tensors of an operator: their types, from the dimensions in its row, and their names. */
#include "spec_op.h"

#include <stdlib.h>
#include <string.h>

/* One factor of a dimension: "C", "in", an integer attribute or a spec-only word (n numbers). */
static bool dim_factor(const OpCase *c, const char *name, Ints *out)
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
            const SpecWord *w = &c->word[i];
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
static bool dim_value(const OpCase *c, const char *text, Ints *out)
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

bool op_tensor_type(const OpCase *c, const SpecWord *w, Type *t)
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

void tensor_note(SpecReader *s, const char *name, Loc loc, bool alone)
{
    dict_put(&s->tensor_by_name, name, s->tensor.n);
    PUSH(s->arena, &s->tensor, ((struct SpecTensor){name, loc, alone}));
}

/* A tensor of an earlier step, where this one says that it shares it. */
static ValueId earlier_tensor(const Cx *cx, const char *name, bool shared, Loc loc, Type t)
{
    const SpecReader *s = cx->s;
    ValueId id = dict_get(&s->graph->consts, name);
    const Type *made = &s->graph->value.v[id].type;
    struct SpecTensor *first = &s->tensor.v[dict_get(&s->tensor_by_name, name)];
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

ValueId tensor_make(const Cx *cx, const char *scope, const char *name, bool shared, Loc loc, Type t)
{
    SpecReader *s = cx->s;
    const char *full = scope_join(cx, scope, name, loc);
    if (!full)
        return POISON;
    if (dict_get(&s->tensor_by_name, full) >= 0)
        return earlier_tensor(cx, full, shared, loc, t);
    tensor_note(s, full, loc, cx->shared);
    return graph_const(s->graph, full, t, loc);
}
