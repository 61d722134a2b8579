/* Which loops threads share, and what of the statements before them every thread repeats. */
#include "c.h"

#include <string.h>

bool c_stores(const Block *b)
{
    for (int i = 0; i < b->n; i++)
        if (b->v[i]->kind == ST_STORE || (b->v[i]->kind == ST_FOR && c_stores(&b->v[i]->body)))
            return true;
    return false;
}

Block c_without_stores(Arena *A, const Block *b)
{
    Block r = {.v = NEW(A, Stmt *, b->n + 1)};
    for (int i = 0; i < b->n; i++) {
        if (b->v[i]->kind == ST_STORE || b->v[i]->kind == ST_PREFETCH)
            continue;
        Stmt *s = NEW(A, Stmt, 1);
        *s = *b->v[i];
        if (s->kind == ST_FOR)
            s->body = c_without_stores(A, &s->body);
        r.v[r.n++] = s;
    }
    return r;
}

static int root(const Kernel *k, int ref)
{
    return ref < 0 ? k->ptr.v[~ref].param : ref;
}

static void find_stored(const Kernel *k, const Block *b, bool *stored)
{
    for (int i = 0; i < b->n; i++) {
        if (b->v[i]->kind == ST_STORE)
            stored[root(k, b->v[i]->ref)] = true;
        find_stored(k, &b->v[i]->body, stored);
    }
}

static void find_loaded_expr(const Kernel *k, const Expr *e, bool *loaded)
{
    if (e->op == X_load)
        loaded[root(k, e->ref)] = true;
    for (int i = 0; i < xop_info[e->op].arity; i++)
        find_loaded_expr(k, e->a[i], loaded);
}

static void find_loaded(const Kernel *k, const Block *b, bool *loaded)
{
    for (int i = 0; i < b->n; i++) {
        if (b->v[i]->kind == ST_INDEX)
            loaded[root(k, b->v[i]->ref)] = true;
        if (b->v[i]->val)
            find_loaded_expr(k, b->v[i]->val, loaded);
        find_loaded(k, &b->v[i]->body, loaded);
    }
}

/* What comes before the parallel loop is computed again by every part, its stores left out: they have been done by
   then. That is the same only if those statements do not read what they store. */
static bool repeatable(CFile *c, const Kernel *k, const Block *b)
{
    bool *stored = NEW(c->A, bool, k->param.n + 1), *loaded = NEW(c->A, bool, k->param.n + 1);
    find_stored(k, b, stored);
    find_loaded(k, b, loaded);
    for (int i = 0; i < k->param.n; i++)
        for (int j = 0; j < k->param.n; j++)
            if (stored[i] && loaded[j] && (i == j || (k->param.v[i].alias && k->param.v[j].alias)))
                return false;
    return true;
}

const Stmt *c_shared_loop(CFile *c, const Kernel *k)
{
    if (!c->o->threads || !k->body.n)
        return NULL;
    const Stmt *s = k->body.v[k->body.n - 1];
    if (s->kind != ST_FOR || s->loop != LOOP_PARALLEL || !ix_is_const(s->lo) || !ix_is_const(s->hi))
        return NULL;
    int64_t n = (s->hi->c - s->lo->c + s->step - 1) / s->step;
    Block before = k->body;
    before.n--;
    return n > 1 && n <= INT32_MAX && repeatable(c, k, &before) ? s : NULL;
}

void c_part_function(CFile *c, Buf *out, int kernel)
{
    const Kernel *k = &c->p->kernel.v[kernel];
    const KernelText *t = &c->kernel[kernel];
    Names member = names_new(c->A, c->isa, NULL);
    Buf call = {0};
    buf_printf(out, "\nstruct %s {\n", t->args_name);
    buf_printf(&call, "    %s(", t->name);
    for (int i = 0; i < k->param.n; i++) {
        const KParam *p = &k->param.v[i];
        const char *name = names_take(&member, p->name);
        buf_printf(out, "    %s%s *%s;\n", c_readonly(p->access), c_dtype(p->elem), name);
        c_wrap(&call, (int)strlen(t->name) + 5, arena_printf(c->A, "a->%s, ", name));
    }
    c_wrap(&call, (int)strlen(t->name) + 5, arena_printf(c->A, "(%s)begin, (%s)end);", t->index, t->index));
    buf_printf(out, "};\n\nstatic void %s(void *arg, size_t begin, size_t end)\n{\n", t->part_name);
    buf_printf(out, "    const struct %s *a = (const struct %s *)arg;\n%s\n}\n", t->args_name, t->args_name, call.s);
    buf_free(&call);
}
