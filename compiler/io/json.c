/* Values of Jansson, made so that none can get lost. */
#include "json.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "../../ir/base/diag.h"

/* Jansson reports memory that is used up as it reports wrong text, or not at all: here it never sees any. */
__attribute__((constructor)) static void use_memory_that_does_not_fail(void)
{
    json_set_alloc_funcs(mem_alloc, free);
}

/* What Jansson refuses although there is memory was wrong on our side. */
static json_t *made(json_t *v)
{
    if (!v)
        bug("Jansson makes no such value");
    return v;
}

static json_t *from_buf(Buf *b)
{
    json_t *v = made(json_stringn(b->n ? b->s : "", b->n));
    buf_free(b);
    return v;
}

json_t *js_text_n(const char *s, size_t n)
{
    Buf b = {0};
    buf_clean(&b, s, n);
    return from_buf(&b);
}

json_t *js_text(const char *s) { return s ? js_text_n(s, strlen(s)) : json_null(); }
json_t *js_int(int64_t v) { return made(json_integer(v)); }
json_t *js_bool(bool v) { return json_boolean(v); }
json_t *js_object(void) { return made(json_object()); }
json_t *js_list(void) { return made(json_array()); }

json_t *js_real(double v, int decimals)
{
    double unit = pow(10, decimals), rounded = round(v * unit) / unit;
    if (!isfinite(v))
        return json_null();
    return made(json_real(isfinite(rounded) ? rounded : v));
}

json_t *js_pack(const char *fmt, ...)
{
    va_list ap;
    json_error_t e;
    va_start(ap, fmt);
    json_t *v = json_vpack_ex(&e, 0, fmt, ap);
    va_end(ap);
    return made(v);
}

void js_put(json_t *o, const char *key, json_t *v)
{
    Buf b = {0};
    buf_clean(&b, key, strlen(key));
    if (json_object_set_new(o, b.n ? b.s : "", made(v)))
        bug("Jansson takes no value for \"%s\"", key);
    buf_free(&b);
}

void js_add(json_t *list, json_t *v)
{
    if (json_array_append_new(list, made(v)))
        bug("Jansson takes no further value");
}

/* YAML takes some characters raw for line breaks or for none of a text: they are escaped, so that all JSON is YAML. */
static size_t put_json_char(Buf *b, const char *s, size_t n)
{
    unsigned code;
    size_t len = utf8_char(s, n, &code);
    bool escaped = (code >= 0x7f && code < 0xa0) || code == 0x2028 || code == 0x2029 || code == 0xfeff ||
                   code == 0xfffe || code == 0xffff;
    if (escaped)
        buf_printf(b, "\\u%04x", code);
    else
        buf_write(b, s, len);
    return len;
}

void js_print(Buf *b, json_t *root, size_t flags)
{
    char *s = json_dumps(root, flags);
    if (!s)
        bug("Jansson does not print its own values");
    for (const char *p = s, *end = s + strlen(s); p < end;)
        p += put_json_char(b, p, (size_t)(end - p));
    free(s);
    json_decref(root);
}

json_t *js_read(const char *text, size_t n, json_error_t *e)
{
    return json_loadb(text, n, JSON_REJECT_DUPLICATES, e);
}

void js_put_text(json_t *object, const char *key, const char *s)
{
    js_put(object, key, js_text(s));
}

void js_put_real(json_t *object, const char *key, double v, int decimals)
{
    js_put(object, key, js_real(v, decimals));
}
