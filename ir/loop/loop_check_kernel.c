/* What every kernel keeps to, whoever made it: a pass that is handed a kernel that was accepted here need not look
   again. Addresses are not checked against dims here (program_interp does that), but intervals prove that indices of
   registers stay in their tile, and that no index or address leaves 64 bits, so that passes may substitute and add
   without fear. */
#include "loop_check.h"

#include <string.h>

enum { MAX_TILE = 4096, MAX_REGISTER_LANES = 1 << 22, MAX_DEPTH = 64 };

/* ---- statements ---- */

static void check_block(KernelCheck *c, const Block *b);

/* Trip count 1, whatever the variables. */
static bool runs_once(const KernelCheck *c, const Stmt *s)
{
    const Ix *d = ix_sub(c->A, s->hi, s->lo);
    return ix_is_const(d) && d->c > 0 && d->c <= s->step;
}

static void check_for(KernelCheck *c, const Stmt *s)
{
    const char *name = s->var == c->nvar && s->var < c->k->var.n ? c->k->var.v[s->var].name : "";
    if (!*name) {
        lc_error(c, "variables are not numbered in the order of their definitions");
        return;
    }
    c->nvar++;
    if (s->step < 1 || s->step > LC_MAX_INDEX)
        lc_error(c, "loop %s steps by %lld", name, (long long)s->step);
    Range lo = lc_range(c, s->lo);
    lc_ix(c, s->hi);
    if (c->error)
        return;
    if (runs_once(c, s))
        c->range[s->var] = lo;
    else
        loop_range(c->range, s);
    bool outside_fixed = lc_is_fixed(c, s->lo) && lc_is_fixed(c, s->hi);
    if (s->loop == LOOP_UNROLL && !outside_fixed)
        lc_error(c, "unrolled loop %s has variable bounds", name);
    if (++c->depth >= MAX_DEPTH)
        lc_error(c, "loops nested deeper than %d", MAX_DEPTH);
    c->var[s->var] = true;
    c->fixed[s->var] = s->loop == LOOP_UNROLL || (s->loop == LOOP_SERIAL && outside_fixed && runs_once(c, s));
    check_block(c, &s->body);
    c->var[s->var] = false;
    c->depth--;
}

static void check_let(KernelCheck *c, const Stmt *s)
{
    if (s->ref != c->nreg || s->ref >= c->k->reg.n) {
        lc_error(c, "registers are not numbered in the order of their definitions");
        return;
    }
    const Reg *r = &c->k->reg.v[s->ref];
    int64_t n = 1;
    if (r->rank < 0 || r->rank > LEN(r->dim))
        lc_error(c, "register %s has rank %d", r->name, r->rank);
    for (int i = 0; i < r->rank && !c->error; i++)
        if (r->dim[i] < 1 || !mul_ok(n, r->dim[i], &n) || n > MAX_TILE)
            lc_error(c, "register %s must have 1 to %d elements", r->name, MAX_TILE);
    if (!c->error)
        lc_expr(c, s->val);
    if (!c->error && !vt_eq(r->type, s->val->type))
        lc_error(c, "register %s begins with a value of another type", r->name);
    if ((c->lanes += n * r->type.lanes) > MAX_REGISTER_LANES && !c->error)
        lc_error(c, "registers of more than %d lanes", MAX_REGISTER_LANES);
    c->nreg++;
    c->reg[s->ref] = true;
}

static void check_set(KernelCheck *c, const Stmt *s)
{
    lc_tile(c, s->ref, s->nix, s->ix);
    if (c->error)
        return;
    lc_expr(c, s->val);
    const Reg *r = &c->k->reg.v[s->ref];
    if (!c->error && !vt_eq(r->type, s->val->type))
        lc_error(c, "register %s set to a value of another type", r->name);
    if (c->outside && c->outside[s->ref])
        lc_error(c, "register %s is set inside the parallel loop and declared outside", r->name);
}

static void check_store(KernelCheck *c, const Stmt *s)
{
    int64_t far;
    const KParam *p = lc_at(c, s->ref, s->nix, s->ix, &far);
    if (!p)
        return;
    if (p->access != ACC_WO && p->access != ACC_RW)
        lc_error(c, "store to %s, which is read-only", p->name);
    lc_expr(c, s->val);
    if (c->error)
        return;
    if (s->val->type.elem != p->elem)
        lc_error(c, "store of %s elements to %s", dtype_name(s->val->type.elem), p->name);
    lc_count(c, s->n, s->val->type.lanes);
}

static void check_index(KernelCheck *c, const Stmt *s)
{
    int64_t far;
    const KParam *p = lc_at(c, s->ref, s->nix, s->ix, &far);
    if (!p)
        return;
    if (p->elem != DT_I32 || p->access == ACC_WO)
        lc_error(c, "index from %s, which is not a readable buffer of i32", p->name);
    if (s->var != c->nvar || s->var >= c->k->var.n) {
        lc_error(c, "variables are not numbered in the order of their definitions");
        return;
    }
    c->nvar++;
    c->range[s->var] = (Range){INT32_MIN, INT32_MAX, true};
    c->var[s->var] = true;
}

static void check_ptr(KernelCheck *c, const Stmt *s)
{
    int64_t far;
    const KParam *p = lc_at(c, s->ref, s->nix, s->ix, &far);
    if (!p)
        return;
    if (s->ptr != c->nptr || s->ptr >= c->k->ptr.n) {
        lc_error(c, "pointers are not numbered in the order of their definitions");
        return;
    }
    if (c->k->ptr.v[s->ptr].param != ref_param(c->k, s->ref))
        lc_error(c, "pointer %s does not point into its parameter", c->k->ptr.v[s->ptr].name);
    c->nptr++;
    c->far[s->ptr] = far;
    c->ptr[s->ptr] = true;
}

static void check_stmt(KernelCheck *c, const Stmt *s)
{
    switch (s->kind) {
    case ST_FOR: check_for(c, s); return;
    case ST_LET: check_let(c, s); return;
    case ST_SET: check_set(c, s); return;
    case ST_STORE: check_store(c, s); return;
    case ST_INDEX: check_index(c, s); return;
    case ST_PTR: check_ptr(c, s); return;
    case ST_PREFETCH: lc_at(c, s->ref, s->nix, s->ix, &(int64_t){0}); return;
    case ST_COMMENT:
        if (!s->text)
            lc_error(c, "a comment without text");
        return;
    case ST_RETURN:
        if (c->depth > 0 || s != c->k->body.v[c->k->body.n - 1])
            lc_error(c, "a return that is not the last statement");
        else
            lc_expr(c, s->val);
        return;
    }
    lc_error(c, "a statement of unknown kind");
}

static void check_block(KernelCheck *c, const Block *b)
{
    for (int i = 0; i < b->n && !c->error; i++) {
        const Stmt *s = b->v[i];
        bool parallel = s->kind == ST_FOR && s->loop == LOOP_PARALLEL;
        if (parallel && (c->depth > 0 || i + 1 < b->n)) {
            lc_error(c, "a parallel loop must be the last statement of the kernel");
            return;
        }
        if (parallel) {
            c->outside = NEW(c->A, bool, c->k->reg.n + 1);
            memcpy(c->outside, c->reg, (size_t)c->k->reg.n * sizeof *c->reg);
        }
        check_stmt(c, s);
    }
    /* What this block defined is out of sight behind it. */
    for (int i = 0; i < b->n && !c->error; i++) {
        const Stmt *s = b->v[i];
        if (s->kind == ST_LET)
            c->reg[s->ref] = false;
        else if (s->kind == ST_INDEX)
            c->var[s->var] = false;
        else if (s->kind == ST_PTR)
            c->ptr[s->ptr] = false;
    }
}

/* ---- the whole kernel ---- */

static void check_name(KernelCheck *c, Dict *names, const char *what, const char *name)
{
    const char *wrong = name_refused(names, what, name);
    if (wrong)
        lc_error(c, "%s", wrong);
}

static void check_param(KernelCheck *c, const KParam *p)
{
    int64_t n = 1;
    if (p->rank < 1 || p->rank > MAX_IX)
        lc_error(c, "parameter %s has rank %d", p->name, p->rank);
    for (int i = 0; i < p->rank && !c->error; i++)
        if (p->dim[i] < 1 || !mul_ok(n, p->dim[i], &n) || n > MAX_ELEMS)
            lc_error(c, "parameter %s: dimension %d is %lld", p->name, i, (long long)p->dim[i]);
    if ((int)p->elem < 0 || p->elem >= NDTYPES || (int)p->access < 0 || p->access > ACC_CONST)
        lc_error(c, "parameter %s has an unknown type or access", p->name);
}

const char *kernel_check(Arena *A, const Kernel *k)
{
    Dict names = dict_new(A);
    KernelCheck kc = {.A = A, .k = k}, *c = &kc;
    c->var = NEW(A, bool, k->var.n + 1);
    c->fixed = NEW(A, bool, k->var.n + 1);
    c->range = NEW(A, Range, k->var.n + 1);
    c->reg = NEW(A, bool, k->reg.n + 1);
    c->ptr = NEW(A, bool, k->ptr.n + 1);
    c->far = NEW(A, int64_t, k->ptr.n + 1);
    for (int i = 0; i < k->param.n; i++) {
        check_name(c, &names, "parameter", k->param.v[i].name);
        check_param(c, &k->param.v[i]);
    }
    for (int i = 0; i < k->var.n; i++)
        check_name(c, &names, "variable", k->var.v[i].name);
    for (int i = 0; i < k->reg.n; i++)
        check_name(c, &names, "register", k->reg.v[i].name);
    for (int i = 0; i < k->ptr.n; i++)
        check_name(c, &names, "pointer", k->ptr.v[i].name);
    c->nreg = k->args;
    for (int i = 0; i < k->args; i++)
        c->reg[i] = true;
    const Stmt *last = k->body.n ? k->body.v[k->body.n - 1] : NULL;
    if (!(last && last->kind == ST_RETURN) != !k->args)
        lc_error(c, "a function ends with a return, and nothing else does");
    if (!c->error)
        check_block(c, &k->body);
    if (c->nvar < k->var.n || c->nreg < k->reg.n || c->nptr < k->ptr.n)
        lc_error(c, "a variable, register or pointer without a definition");
    return c->error;
}
