/* A hash of kernels, for finding equal ones: kernels that kernel_eq calls equal have equal hashes. */
#include "loop_impl.h"

static uint64_t mix(uint64_t h, uint64_t x) { return mix64(h ^ x) + 0x9e3779b97f4a7c15u; }

static uint64_t hash_ix(uint64_t h, const Ix *x)
{
    h = mix(mix(h, (uint64_t)x->c), (uint64_t)x->n);
    for (int i = 0; i < x->n; i++) {
        const Atom *a = &x->t[i].atom;
        h = mix(mix(h, (uint64_t)x->t[i].k), (uint64_t)a->kind);
        if (a->kind == ATOM_VAR)
            h = mix(h, (uint64_t)a->var);
        else
            h = hash_ix(h, a->a);
    }
    return h;
}

static uint64_t hash_all_ix(uint64_t h, int n, const Ix *const *ix)
{
    for (int i = 0; i < n; i++)
        h = hash_ix(h, ix[i]);
    return mix(h, (uint64_t)n);
}

static uint64_t hash_expr(uint64_t h, const Expr *e)
{
    h = mix(mix(h, (uint64_t)e->op), (uint64_t)e->type.elem * 256 + (uint64_t)e->type.lanes);
    h = hash_all_ix(h, e->nix, e->ix);
    if (e->op == X_lane || e->op == X_const)
        h = mix(h, hash_bytes(&e->imm, sizeof e->imm, 0));
    if (e->op == X_reg || e->op == X_load)
        h = mix(h, (uint64_t)e->ref);
    for (int i = 0; i < expr_arity(e); i++)
        h = hash_expr(h, e->a[i]);
    return h;
}

static uint64_t hash_block(uint64_t h, const Block *b)
{
    for (int i = 0; i < b->n; i++) {
        const Stmt *s = b->v[i];
        h = hash_all_ix(mix(h, (uint64_t)s->kind), s->nix, s->ix);
        if (s->kind == ST_FOR)
            h = hash_block(hash_ix(hash_ix(mix(h, (uint64_t)s->step), s->lo), s->hi), &s->body);
        else if (s->kind != ST_COMMENT)
            h = mix(h, (uint64_t)s->ref);
        if (s->val)
            h = hash_expr(h, s->val);
    }
    return mix(h, (uint64_t)b->n);
}

uint64_t kernel_hash(const Kernel *k)
{
    uint64_t h = mix(0, (uint64_t)k->param.n);
    for (int i = 0; i < k->param.n; i++) {
        const KParam *p = &k->param.v[i];
        h = mix(mix(h, (uint64_t)p->elem), (uint64_t)p->access);
        for (int d = 0; d < p->rank; d++)
            h = mix(h, (uint64_t)p->dim[d]);
    }
    return hash_block(h, &k->body);
}
