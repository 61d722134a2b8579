/* Which parts of a kernel somebody reads. A register, variable or pointer is live where a store needs it in the end;
   a statement is printed only if it defines something live. Found by going round until nothing new turns up. */
#include "loop_facts.h"

typedef struct LiveMark { Live *l; const Kernel *k; bool changed; } LiveMark;

static void set_flag(LiveMark *m, bool *flag)
{
    m->changed |= !*flag;
    *flag = true;
}

static void mark_ix(LiveMark *m, const Ix *x)
{
    for (int i = 0; i < x->n; i++) {
        const Atom *a = &x->t[i].atom;
        if (a->kind == ATOM_VAR) {
            set_flag(m, &m->l->var[a->var]);
            continue;
        }
        mark_ix(m, a->a);
        if (a->kind == ATOM_MIN || a->kind == ATOM_MAX)
            mark_ix(m, a->b);
    }
}

static void mark_access(LiveMark *m, int ref, int nix, const Ix *const *ix)
{
    set_flag(m, ref < 0 ? &m->l->ptr[~ref] : &m->l->param[ref]);
    for (int i = 0; i < nix; i++)
        mark_ix(m, ix[i]);
}

static void mark_expr(LiveMark *m, const Expr *e)
{
    if (e->op == X_reg)
        set_flag(m, &m->l->elem[e->ref][reg_offset(&m->k->reg.v[e->ref], e->nix, e->ix)]);
    else if (e->op == X_load)
        mark_access(m, e->ref, e->nix, e->ix);
    else if (e->op == X_index)
        mark_ix(m, e->ix[0]);
    for (int i = 0; i < xop_info[e->op].arity; i++)
        mark_expr(m, e->a[i]);
}

static bool any(const bool *b, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        if (b[i])
            return true;
    return false;
}

bool live_stmt(const Live *l, const Kernel *k, const Stmt *s)
{
    switch (s->kind) {
    case ST_FOR:
        for (int i = 0; i < s->body.n; i++)
            if (s->body.v[i]->kind != ST_COMMENT && live_stmt(l, k, s->body.v[i]))
                return true;
        return false;
    case ST_LET:
        return any(l->elem[s->ref], reg_elems(&k->reg.v[s->ref]));
    case ST_SET:
        return l->elem[s->ref][reg_offset(&k->reg.v[s->ref], s->nix, s->ix)];
    case ST_INDEX:
        return l->var[s->var];
    case ST_PTR:
        return l->ptr[s->ptr];
    default:
        return true;
    }
}

static void mark_block(LiveMark *m, const Block *b)
{
    for (int i = b->n - 1; i >= 0; i--) {
        const Stmt *s = b->v[i];
        if (s->kind == ST_COMMENT || !live_stmt(m->l, m->k, s))
            continue;
        if (s->kind == ST_FOR) {
            mark_block(m, &s->body);
            mark_ix(m, s->lo);
            mark_ix(m, s->hi);
            continue;
        }
        if (s->val)
            mark_expr(m, s->val);
        if (s->kind == ST_STORE || s->kind == ST_PREFETCH || s->kind == ST_PTR || s->kind == ST_INDEX)
            mark_access(m, s->ref, s->nix, s->ix);
    }
}

Live live_of(Arena *A, const Kernel *k, const Block *body)
{
    Live l = {
        .param = NEW(A, bool, k->param.n + 1),
        .var = NEW(A, bool, k->var.n + 1),
        .ptr = NEW(A, bool, k->ptr.n + 1),
        .elem = NEW(A, bool *, k->reg.n + 1),
    };
    for (int i = 0; i < k->reg.n; i++)
        l.elem[i] = NEW(A, bool, reg_elems(&k->reg.v[i]));
    LiveMark m = {.l = &l, .k = k, .changed = true};
    while (m.changed) {
        m.changed = false;
        mark_block(&m, body);
    }
    return l;
}
