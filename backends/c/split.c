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

/* Does `reads` read what `writes` stores? */
static bool reads_stored(CFile *c, const Kernel *k, const Block *reads, const Block *writes)
{
    bool *stored = NEW(c->A, bool, k->param.n + 1), *loaded = NEW(c->A, bool, k->param.n + 1);
    find_stored(k, writes, stored);
    find_loaded(k, reads, loaded);
    for (int i = 0; i < k->param.n; i++)
        for (int j = 0; j < k->param.n; j++)
            if (stored[i] && loaded[j] && (i == j || (k->param.v[i].alias && k->param.v[j].alias)))
                return true;
    return false;
}

bool c_beside(CFile *c, const Kernel *k, const Block *before, const Stmt *loop)
{
    return !reads_stored(c, k, &loop->body, before) && !reads_stored(c, k, before, &loop->body);
}

static void find_defined(const Block *b, bool *defined)
{
    for (int i = 0; i < b->n; i++) {
        if (b->v[i]->kind == ST_LET)
            defined[b->v[i]->ref] = true;
        find_defined(&b->v[i]->body, defined);
    }
}

static bool sets_others(const Block *b, const bool *defined)
{
    for (int i = 0; i < b->n; i++)
        if ((b->v[i]->kind == ST_SET && !defined[b->v[i]->ref]) || sets_others(&b->v[i]->body, defined))
            return true;
    return false;
}

/* Of the statements before the parallel loop, those that a part computes again: loops that leave nothing in registers are
   the head's alone. */
static Block repeated(CFile *c, const Kernel *k, const Block *before)
{
    Block r = {.v = NEW(c->A, Stmt *, before->n + 1)};
    for (int i = 0; i < before->n; i++) {
        bool *defined = NEW(c->A, bool, k->reg.n + 1);
        find_defined(&before->v[i]->body, defined);
        if (before->v[i]->kind != ST_FOR || sets_others(&before->v[i]->body, defined))
            r.v[r.n++] = before->v[i];
    }
    return r;
}

/* What comes before the parallel loop is computed again by every part, its stores left out: the head does them. That is
   the same only if what is repeated does not read what is stored there, or by a part that was faster. */
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
    Block again = repeated(c, k, &before);
    bool same = !reads_stored(c, k, &again, &before) && !reads_stored(c, k, &again, &s->body);
    return same && n > 1 && n <= INT32_MAX ? s : NULL;
}

/* A call of a function of the kernel with the members of args, and more. */
static void call_with_members(CFile *c, Buf *out, int indent, const char *name, const Kernel *k, const char *more)
{
    Names member = names_new(c->A, c->isa, &c->global); /* constants may be macros */
    indent += (int)strlen(name) + 1;
    buf_printf(out, "%s(", name);
    for (int i = 0; i < k->param.n; i++)
        c_wrap(out, indent, arena_printf(c->A, "a->%s%s", names_take(&member, k->param.v[i].name),
                                         *more || i < k->param.n - 1 ? ", " : ");"));
    if (*more)
        c_wrap(out, indent, more);
}

void c_part_function(CFile *c, Buf *out, int kernel)
{
    const Kernel *k = &c->p->kernel.v[kernel];
    const KernelText *t = &c->kernel[kernel];
    Names member = names_new(c->A, c->isa, &c->global); /* constants may be macros */
    buf_printf(out, "\nstruct %s {\n", t->args_name);
    for (int i = 0; i < k->param.n; i++) {
        const KParam *p = &k->param.v[i];
        buf_printf(out, "    %s%s *%s;\n", c_readonly(p->access), c_dtype(p->elem), names_take(&member, p->name));
    }
    buf_printf(out, "};\n\nstatic void %s(void *arg, size_t begin, size_t end)\n{\n", t->part_name);
    buf_printf(out, "    const struct %s *a = (const struct %s *)arg;\n", t->args_name, t->args_name);
    const char *begin = "begin", *end = "end";
    if (c_flush_type(c))
        buf_printf(out, "    const %s mode = flush_begin();\n", c_flush_type(c));
    if (t->beside) {
        buf_puts(out, "    if (begin == 0)\n        ");
        call_with_members(c, out, 8, t->head_name, k, "");
        buf_putc(out, '\n');
        begin = "(begin - (begin > 0))", end = "(end - 1)";
    }
    buf_puts(out, "    ");
    call_with_members(c, out, 4, t->name, k, arena_printf(c->A, "(%s)%s, (%s)%s);", t->index, begin, t->index, end));
    buf_puts(out, c_flush_type(c) ? "\n    flush_set(mode);\n}\n" : "\n}\n");
}
