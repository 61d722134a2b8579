/* Which loop of a kernel threads share, and what of the statements before it every thread repeats. */
#include "loop_facts.h"
#include "loop_impl.h"

static bool stores(const Block *b)
{
    for (int i = 0; i < b->n; i++)
        if (b->v[i]->kind == ST_STORE || (b->v[i]->kind == ST_FOR && stores(&b->v[i]->body)))
            return true;
    return false;
}

static Block without_stores(Arena *A, const Block *b)
{
    Block r = {.v = NEW(A, Stmt *, b->n + 1)};
    for (int i = 0; i < b->n; i++) {
        if (b->v[i]->kind == ST_STORE || b->v[i]->kind == ST_PREFETCH)
            continue;
        Stmt *s = NEW(A, Stmt, 1);
        *s = *b->v[i];
        if (s->kind == ST_FOR)
            s->body = without_stores(A, &s->body);
        r.v[r.n++] = s;
    }
    return r;
}

static void find_stored(const Kernel *k, const Block *b, bool *stored)
{
    for (int i = 0; i < b->n; i++) {
        if (b->v[i]->kind == ST_STORE)
            stored[ref_param(k, b->v[i]->ref)] = true;
        find_stored(k, &b->v[i]->body, stored);
    }
}

static void find_loaded_expr(const Kernel *k, const Expr *e, bool *loaded)
{
    if (e->op == X_load)
        loaded[ref_param(k, e->ref)] = true;
    for (int i = 0; i < xop_info[e->op].arity; i++)
        find_loaded_expr(k, e->a[i], loaded);
}

static void find_loaded(const Kernel *k, const Block *b, bool *loaded)
{
    for (int i = 0; i < b->n; i++) {
        if (b->v[i]->kind == ST_INDEX)
            loaded[ref_param(k, b->v[i]->ref)] = true;
        if (b->v[i]->val)
            find_loaded_expr(k, b->v[i]->val, loaded);
        find_loaded(k, &b->v[i]->body, loaded);
    }
}

/* Does `reads` read what `writes` stores? */
static bool reads_stored(Arena *A, const Kernel *k, const Block *reads, const Block *writes)
{
    bool *stored = NEW(A, bool, k->param.n + 1), *loaded = NEW(A, bool, k->param.n + 1);
    find_stored(k, writes, stored);
    find_loaded(k, reads, loaded);
    for (int i = 0; i < k->param.n; i++)
        for (int j = 0; j < k->param.n; j++)
            if (stored[i] && loaded[j] && (i == j || (k->param.v[i].alias && k->param.v[j].alias)))
                return true;
    return false;
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

/* Of the statements before the parallel loop, those that a part computes again. Loops that leave nothing in registers
   are the head's alone. */
static Block repeated(Arena *A, const Kernel *k, const Block *before)
{
    Block r = {.v = NEW(A, Stmt *, before->n + 1)};
    for (int i = 0; i < before->n; i++) {
        bool *defined = NEW(A, bool, k->reg.n + 1);
        find_defined(&before->v[i]->body, defined);
        if (before->v[i]->kind != ST_FOR || sets_others(&before->v[i]->body, defined))
            r.v[r.n++] = before->v[i];
    }
    return r;
}

/* What comes before the parallel loop is computed again by every part, its stores left out: the head does them. That is
   the same only if what is repeated does not read what is stored there, or by a part that was faster. */
Shared kernel_shared(Arena *A, const Kernel *k)
{
    const Stmt *s = k->body.n ? k->body.v[k->body.n - 1] : NULL;
    if (!s || s->kind != ST_FOR || s->loop != LOOP_PARALLEL || !ix_is_const(s->lo) || !ix_is_const(s->hi))
        return (Shared){0};
    Shared r = {.loop = s, .iterations = (s->hi->c - s->lo->c + s->step - 1) / s->step, .before = k->body};
    r.before.n--;
    Block again = repeated(A, k, &r.before);
    bool same = !reads_stored(A, k, &again, &r.before) && !reads_stored(A, k, &again, &s->body);
    if (!same || r.iterations <= 1 || r.iterations > INT32_MAX)
        return (Shared){0};
    r.head = stores(&r.before);
    r.beside = r.head && !reads_stored(A, k, &s->body, &r.before) && !reads_stored(A, k, &r.before, &s->body);
    r.again = r.head ? without_stores(A, &r.before) : r.before;
    return r;
}
