/* Kernels as the interpreter walks them. */
#include "loop_interp.h"

static AffineIx affine(Interp *in, const Ix *x)
{
    AffineIx a = {.c = x->c, .n = x->n, .t = x->n ? NEW(in->A, struct AffineTerm, x->n) : NULL};
    for (int i = 0; i < x->n; i++) {
        if (x->t[i].atom.kind != ATOM_VAR)
            a.slow = x;
        a.t[i].k = x->t[i].k;
        a.t[i].var = x->t[i].atom.var;
    }
    return a;
}

static AffineIx *affines(Interp *in, int n, const Ix *const *ix)
{
    AffineIx *a = NEW(in->A, AffineIx, n + 1);
    for (int i = 0; i < n; i++)
        a[i] = affine(in, ix[i]);
    return a;
}

static At access_at(Interp *in, int ref, int n, const Ix *const *ix)
{
    int p = ref_param(in->k, ref);
    const KParam *param = &in->k->param.v[p];
    At at = {.param = param, .mem = &in->r->mem[p], .mark = &in->r->mark[p], .elems = 1,
             .size = dtype_size(param->elem), .base = ref < 0 ? &in->r->ptr[~ref] : NULL, .n = n,
             .ix = affines(in, n, ix), .source = ix, .ref = ref};
    for (int i = 0; i < param->rank; i++)
        at.elems *= at.dim[i] = param->dim[i];
    return at;
}

static Ready *function(Interp *in, XOp op, int lanes)
{
    for (int i = 0; i < in->function.n; i++)
        if (in->function.v[i].op == op && in->function.v[i].lanes == lanes)
            return in->function.v[i].r;
    Ready *r = interp_prepare(in, xop_function(in->A, op, lanes));
    PUSH(in->A, &in->function, (ReadyFn){op, lanes, r});
    return r;
}

static XNode *prepare_expr(Interp *in, const Expr *e)
{
    XNode *x = NEW(in->A, XNode, 1);
    x->op = e->op;
    x->integer = (expr_arity(e) ? e->a[0] : e)->type.elem == DT_I32;
    if (xop_info[e->op].cls == XC_math)
        x->function = function(in, e->op, e->type.lanes);
    x->lanes = e->type.lanes;
    x->n = e->op == X_lane ? (int)e->imm : e->n;
    if (e->op == X_reg) {
        x->reg = &in->k->reg.v[e->ref];
        x->ix = affines(in, e->nix, e->ix);
        x->out = in->r->file[e->ref];
        return x;
    }
    x->out = arena_alloc(in->A, (size_t)x->lanes, 4, 64);
    if (e->op == X_load)
        x->at = access_at(in, e->ref, e->nix, e->ix);
    if (e->op == X_index)
        x->ix = affines(in, 1, e->ix);
    for (int i = 0; e->op == X_const && i < x->lanes; i++) {
        if (x->integer)
            ((int32_t *)x->out)[i] = (int32_t)e->imm;
        else
            ((float *)x->out)[i] = (float)e->imm;
    }
    for (int i = 0; i < expr_arity(e); i++)
        x->a[i] = prepare_expr(in, e->a[i]);
    return x;
}

static int prepare_block(Interp *in, const Block *b, SNode **out)
{
    SNode *v = NEW(in->A, SNode, b->n + 1);
    int n = 0;
    for (int i = 0; i < b->n; i++) {
        const Stmt *s = b->v[i];
        if (s->kind == ST_COMMENT)
            continue;
        SNode *d = &v[n++];
        *d = (SNode){.kind = s->kind, .step = s->step, .n = s->n};
        if (s->val)
            d->val = prepare_expr(in, s->val);
        if (s->kind == ST_FOR) {
            d->lo = affine(in, s->lo);
            d->hi = affine(in, s->hi);
            d->parallel = s->loop == LOOP_PARALLEL;
            d->nbody = prepare_block(in, &s->body, &d->body);
        } else if (s->kind == ST_LET || s->kind == ST_SET) {
            d->reg = &in->k->reg.v[s->ref];
            d->file = in->r->file[s->ref];
            d->bytes = d->reg->type.lanes * 4;
            d->elems = 1;
            for (int j = 0; j < d->reg->rank; j++)
                d->elems *= d->reg->dim[j];
            d->ix = affines(in, s->nix, s->ix);
        } else if (s->kind != ST_RETURN) {
            d->at = access_at(in, s->ref, s->nix, s->ix);
        }
        if (s->kind == ST_FOR || s->kind == ST_INDEX)
            d->var = &in->r->var[s->var];
        else if (s->kind == ST_PTR)
            d->var = &in->r->ptr[s->ptr];
    }
    *out = v;
    return n;
}

Ready *interp_prepare(Interp *in, const Kernel *k)
{
    const Kernel *outer_k = in->k;
    Ready *outer_r = in->r, *r = NEW(in->A, Ready, 1);
    in->k = k;
    in->r = r;
    r->var = NEW(in->A, int64_t, k->var.n + 1);
    r->ptr = NEW(in->A, int64_t, k->ptr.n + 1);
    r->mem = NEW(in->A, char *, k->param.n + 1);
    r->mark = NEW(in->A, AccessMark *, k->param.n + 1);
    r->file = NEW(in->A, char *, k->reg.n + 1);
    for (int i = 0; i < k->reg.n; i++) {
        const Reg *g = &k->reg.v[i];
        size_t n = (size_t)g->type.lanes;
        for (int j = 0; j < g->rank; j++)
            n *= (size_t)g->dim[j];
        r->file[i] = arena_alloc(in->A, n, 4, 64);
    }
    r->nbody = prepare_block(in, &k->body, &r->body);
    in->k = outer_k;
    in->r = outer_r;
    return r;
}
