/* Rewriting kernels: copies under substitution of variables, and expressions with parts exchanged. */
#include "loop_impl.h"

#include <string.h>

KernelCopy copy_begin(Arena *A, const Kernel *k)
{
    KernelCopy c = {.A = A, .from = k, .names = dict_new(A), .suffix = ""};
    c.to.name = k->name;
    c.to.title = k->title;
    for (int i = 0; i < k->param.n; i++) {
        PUSH(A, &c.to.param, k->param.v[i]);
        dict_put(&c.names, k->param.v[i].name, 1);
    }
    c.var = NEW(A, const Ix *, k->var.n + 1);
    c.reg = NEW(A, int, k->reg.n + 1);
    c.ptr = NEW(A, int, k->ptr.n + 1);
    return c;
}

const Ix *copy_ix(KernelCopy *c, const Ix *x)
{
    return ix_subst_all(c->A, x, c->var);
}

static void copy_indices(KernelCopy *c, int n, const Ix **to, const Ix *const *from)
{
    for (int i = 0; i < n; i++)
        to[i] = copy_ix(c, from[i]);
}

static int copy_ref(const KernelCopy *c, int ref)
{
    return ref >= 0 ? ref : ~c->ptr[~ref];
}

static const Expr *copy_expr(KernelCopy *c, const Expr *e)
{
    Expr *r = NEW(c->A, Expr, 1);
    *r = *e;
    copy_indices(c, e->nix, r->ix, e->ix);
    if (e->op == X_reg)
        r->ref = c->reg[e->ref];
    else if (e->op == X_load)
        r->ref = copy_ref(c, e->ref);
    for (int i = 0; i < expr_arity(e); i++)
        r->a[i] = copy_expr(c, e->a[i]);
    return r;
}

static const char *copy_name(KernelCopy *c, const char *name)
{
    return name_unique(&c->names, *c->suffix ? arena_printf(c->A, "%s%s", name, c->suffix) : name);
}

static int copy_var(KernelCopy *c, int var)
{
    PUSH(c->A, &c->to.var, (KVar){copy_name(c, c->from->var.v[var].name)});
    c->var[var] = ix_var(c->A, c->to.var.n - 1);
    return c->to.var.n - 1;
}

static int copy_reg(KernelCopy *c, int reg)
{
    Reg r = c->from->reg.v[reg];
    r.name = copy_name(c, r.name);
    PUSH(c->A, &c->to.reg, r);
    return c->reg[reg] = c->to.reg.n - 1;
}

static int copy_ptr(KernelCopy *c, int ptr)
{
    KPtr p = c->from->ptr.v[ptr];
    p.name = copy_name(c, p.name);
    PUSH(c->A, &c->to.ptr, p);
    return c->ptr[ptr] = c->to.ptr.n - 1;
}

Stmt *copy_stmt(KernelCopy *c, Block *out, const Stmt *s)
{
    Stmt *r = NEW(c->A, Stmt, 1);
    *r = *s;
    c->statements++;
    block_push(c->A, out, r);
    if (s->val)
        r->val = copy_expr(c, s->val);
    copy_indices(c, s->nix, r->ix, s->ix);
    switch (s->kind) {
    case ST_FOR:
        r->lo = copy_ix(c, s->lo);
        r->hi = copy_ix(c, s->hi);
        r->var = copy_var(c, s->var);
        r->body = (Block){0};
        break;
    case ST_LET:
        r->ref = copy_reg(c, s->ref);
        break;
    case ST_SET:
        r->ref = c->reg[s->ref];
        break;
    case ST_STORE:
    case ST_PREFETCH:
        r->ref = copy_ref(c, s->ref);
        break;
    case ST_INDEX:
        r->ref = copy_ref(c, s->ref);
        r->var = copy_var(c, s->var);
        break;
    case ST_PTR:
        r->ref = copy_ref(c, s->ref);
        r->ptr = copy_ptr(c, s->ptr);
        break;
    case ST_COMMENT:
    case ST_RETURN:
        break;
    }
    return r;
}

static void copy_block(KernelCopy *c, Block *out, const Block *b)
{
    for (int i = 0; i < b->n; i++) {
        Stmt *s = copy_stmt(c, out, b->v[i]);
        if (s->kind == ST_FOR)
            copy_block(c, &s->body, &b->v[i]->body);
    }
}

void kernel_renumber(Arena *A, Kernel *k)
{
    KernelCopy c = copy_begin(A, k);
    copy_block(&c, &c.to.body, &k->body);
    *k = c.to;
}

const Expr *expr_swap(Arena *A, const Expr *e, SwapFn *swap, void *user)
{
    const Expr *by = swap(user, e);
    if (by)
        return by;
    Expr *r = NULL;
    for (int i = 0; i < expr_arity(e); i++) {
        const Expr *a = expr_swap(A, e->a[i], swap, user);
        if (a == e->a[i])
            continue;
        if (!r) {
            r = NEW(A, Expr, 1);
            *r = *e;
        }
        r->a[i] = a;
    }
    return r ? r : e;
}
