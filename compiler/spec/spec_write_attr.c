/* Texts and attributes in the text of a spec. */
#include "spec_impl.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

/* ---- text ---- */

static bool plain(const char *s)
{
    static const char *const words[] = {"true", "false", "null", "yes", "no", "on", "off", "y", "n"};
    if (!isalpha((unsigned char)*s) && *s != '_')
        return false;
    for (int i = 0; i < LEN(words); i++)
        if (!strcasecmp(s, words[i]))
            return false;
    for (; *s; s++)
        if (!isalnum((unsigned char)*s) && !strchr("_.", *s))
            return false;
    return true;
}

void put_text(Buf *b, const char *s)
{
    if (plain(s)) {
        buf_puts(b, s);
        return;
    }
    buf_putc(b, '\'');
    for (; *s; s++) {
        if (*s == '\'' || *s == '$')
            buf_putc(b, *s);
        buf_putc(b, *s);
    }
    buf_putc(b, '\'');
}

void put_int_list(Buf *b, const int64_t *v, int n)
{
    buf_putc(b, '[');
    for (int i = 0; i < n; i++)
        buf_printf(b, "%s%lld", i ? ", " : "", (long long)v[i]);
    buf_putc(b, ']');
}

/* ---- attributes ---- */

/* Lists that may be one number for all, or two for four. */
static Ints shortened(Attr a, Ints v)
{
    static const Attr spread[] = {A_kernel, A_stride, A_pad, A_dilation, A_scale, A_output_pad};
    bool may = false;
    for (int i = 0; i < LEN(spread); i++)
        may = may || spread[i] == a;
    if (!may)
        return v;
    if (v.n == 4 && v.v[0] == v.v[2] && v.v[1] == v.v[3])
        v.n = 2;
    if (v.n == 2 && v.v[0] == v.v[1])
        v.n = 1;
    return v;
}

static bool same(const Ints *x, const Ints *y)
{
    return x->n == y->n && !memcmp(x->v, y->v, (size_t)x->n * sizeof *x->v);
}

static const void *attr_at(const Attrs *t, Attr a)
{
    return (const char *)t + attr_info[a].offset;
}

static void put_choice(Buf *b, const char *choices, int64_t at)
{
    for (; at > 0; at--)
        choices = strchr(choices, '|') + 1;
    buf_write(b, choices, strcspn(choices, "|"));
}

void put_attr_list(Buf *b, Attr a, const Ints *given)
{
    Ints v = shortened(a, *given);
    buf_printf(b, ", %s: ", attr_info[a].name);
    if (v.n == 1 && a != A_shape)
        buf_printf(b, "%lld", (long long)v.v[0]);
    else
        put_int_list(b, v.v, v.n);
}

/* Attributes of a node have their normal form. */
void put_attr(Buf *b, const Node *n, Attr a, int rank)
{
    Attrs d;
    attrs_default(n->op, &d);
    const void *is = attr_at(&n->attr, a), *was = attr_at(&d, a);
    char text[32];
    switch (attr_info[a].kind) {
    case ATTR_INTS: {
        Ints v = shortened(a, *(const Ints *)is), dv = shortened(a, *(const Ints *)was);
        Ints kernel = shortened(A_kernel, n->attr.kernel);
        bool absent = a == A_stride && op_is(n->op, P_WINDOW) && same(&v, &kernel);
        if (!absent && !same(&v, &dv) && (v.n || dv.n))
            put_attr_list(b, a, &v);
        return;
    }
    case ATTR_INT: {
        int64_t x = *(const int64_t *)is, y = *(const int64_t *)was;
        if (x != y && !(a == A_axis && y < 0 && x == y + rank))
            buf_printf(b, ", %s: %lld", attr_info[a].name, (long long)x);
        return;
    }
    case ATTR_ENUM:
        if (*(const int64_t *)is != *(const int64_t *)was) {
            buf_printf(b, ", %s: ", attr_info[a].name);
            put_choice(b, attr_info[a].choices, *(const int64_t *)is);
        }
        return;
    case ATTR_BOOL:
        if (*(const bool *)is != *(const bool *)was)
            buf_printf(b, ", %s: %s", attr_info[a].name, *(const bool *)is ? "true" : "false");
        return;
    case ATTR_FLOAT: {
        bool required = false;
        for (int i = 0; i < op_info[n->op].nattrs; i++)
            required = required || (op_info[n->op].attrs[i].attr == a && op_info[n->op].attrs[i].required);
        fmt_double(text, *(const double *)is);
        if (required || *(const double *)is != *(const double *)was)
            buf_printf(b, ", %s: %s", attr_info[a].name, text);
    }
    }
}
