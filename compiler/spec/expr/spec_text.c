/* Texts of the spec language: "$name", "${expression}", "$$". */
#include "spec_expr.h"

#include <ctype.h>
#include <string.h>

/* "$name", "${expression}" or "${name}" at e->p, which stands behind the '$'. */
static bool interpolate(SpecExpr *e, Pval *v)
{
    const char *start = e->p - 1;
    if (*e->p != '{')
        return expr_param(e, start, v);
    const char *end = expr_word_end(++e->p);
    bool ok = *end == '}' && end > e->p && !isdigit((unsigned char)*e->p) ? expr_param(e, start, v) : expr_whole(e, v);
    return ok && (expr_take(e, "}") || expr_expected(e, "'}'"));
}

const char *eval_text(const Cx *cx, const Yaml *y)
{
    Arena *a = cx->s->arena;
    if (y->kind != YAML_SCALAR || (!*y->text && !y->quoted)) {
        spec_error(cx, y->loc, NULL, "expected text, found %s", spec_found(a, y));
        return NULL;
    }
    if (!spec_work(cx, y->loc, strlen(y->text)))
        return NULL;
    SpecExpr e = expr_begin(cx, y);
    char out[SPEC_TEXT + 1];
    size_t n = 0;
    while (*e.p) {
        const char *piece = e.p, *at = e.p;
        size_t len = 1;
        if (*e.p++ == '$' && *e.p != '$') {
            Pval v;
            if (!interpolate(&e, &v))
                return NULL;
            piece = pval_text(a, &v);
            if (!piece) {
                spec_error(cx, expr_loc(&e, at, e.p), NULL, "expected text, found a list");
                return NULL;
            }
            len = strlen(piece);
        } else if (*at == '$') {
            e.p++; /* $$ */
        }
        if (len > SPEC_TEXT - n) {
            spec_error(cx, y->loc, NULL, "text becomes longer than %d bytes", SPEC_TEXT);
            return NULL;
        }
        memcpy(out + n, piece, len);
        n += len;
    }
    return spec_work(cx, y->loc, n) ? arena_strndup(a, out, n) : NULL;
}
