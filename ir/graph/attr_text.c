/* Operators and attributes as words of the text forms. */
#include "attr_text.h"

#include <string.h>

bool text_ints(Lex *s, Ints *out)
{
    *out = (Ints){0};
    if (!lex_eat(s, "[")) {
        out->n = 1;
        return lex_int(s, &out->v[0]);
    }
    while (!lex_eat(s, "]")) {
        if (out->n && !lex_expect(s, ","))
            return false;
        if (out->n == LEN(out->v))
            return lex_error(s, lex_here(s, 1), NULL, "more than %d numbers", LEN(out->v));
        if (!lex_int(s, &out->v[out->n]))
            return false;
        out->n++;
    }
    return true;
}

/* The word that stands here, and its place. */
static const char *word(Lex *s, Loc *at)
{
    lex_skip(s);
    *at = lex_here(s, lex_word_length(s));
    return lex_word(s);
}

bool text_operator(Lex *s, Op *op, Loc *at)
{
    const char *w = word(s, at), *cand[NOPS];
    if (!*w)
        return lex_expected(s, "an operator");
    if ((*op = op_by_name(w)) != OP_NONE)
        return true;
    for (Op o = OP_NONE + 1; o < NOPS; o++)
        cand[o - 1] = op_info[o].name;
    return lex_error(s, *at, name_hint(s->arena, w, cand, NOPS - 1), "unknown operator '%s'", w);
}

static bool unknown_attr(Lex *s, Loc at, Op op, const char *w)
{
    const char *cand[MAX_OP_ATTRS];
    for (int i = 0; i < op_info[op].nattrs; i++)
        cand[i] = attr_info[op_info[op].attrs[i].attr].name;
    return lex_error(s, at, name_hint(s->arena, w, cand, op_info[op].nattrs), "%s: unknown attribute '%s'",
                     op_info[op].name, w);
}

bool text_attr_name(Lex *s, Op op, unsigned *given, int *row)
{
    Loc at;
    const char *w = word(s, &at);
    int i = 0;
    while (i < op_info[op].nattrs && strcmp(attr_info[op_info[op].attrs[i].attr].name, w))
        i++;
    if (i == op_info[op].nattrs)
        return *w ? unknown_attr(s, at, op, w) : lex_expected(s, "an attribute");
    if (*given & 1u << i)
        return lex_error(s, at, NULL, "%s stands twice", w);
    *given |= 1u << i;
    *row = i;
    return true;
}

static bool choice(Lex *s, const AttrInfo *info, int64_t *out)
{
    Loc at;
    const char *w = word(s, &at), *c = info->choices;
    for (int64_t i = 0; c; i++, c = strchr(c, '|') ? strchr(c, '|') + 1 : NULL)
        if (strcspn(c, "|") == strlen(w) && !strncmp(c, w, strlen(w))) {
            *out = i;
            return true;
        }
    return lex_error(s, at, NULL, "%s is one of %s", info->name, info->choices);
}

bool text_attr_value(Lex *s, Attr a, Attrs *t)
{
    void *f = (char *)t + attr_info[a].offset;
    switch (attr_info[a].kind) {
    case ATTR_INT: return lex_int(s, f);
    case ATTR_FLOAT: return lex_number(s, f);
    case ATTR_BOOL: return lex_bool(s, f);
    case ATTR_INTS: return text_ints(s, f);
    case ATTR_ENUM: return choice(s, &attr_info[a], f);
    }
    return false;
}

bool text_attrs_complete(const Lex *s, Op op, Loc at, unsigned given)
{
    for (int i = 0; i < op_info[op].nattrs; i++)
        if (op_info[op].attrs[i].required && !(given & 1u << i))
            return lex_error(s, at, NULL, "%s: attribute %s is missing", op_info[op].name,
                             attr_info[op_info[op].attrs[i].attr].name);
    return true;
}
