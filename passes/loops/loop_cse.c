/* loop-cse: what a block loads twice is loaded once, and what it splats twice is splatted once.

     a = fma(splat(load in[0]), w0, a)        let in_v: f32x8 = splat(load in[0])
     b = fma(splat(load in[0]), w1, b)   ->   a = fma(in_v, w0, a)
                                              b = fma(in_v, w1, b)

   Values are loads and splats of loads. One is known from where it first stands to the end of its block, or to the
   next loop (no register is kept alive across one), or to a store that may hit its memory. Such a store is to the
   same parameter, or both parameters say alias (calls share memory between no others: program_check). A let that
   holds just that value and is never set serves as the register. Wants unrolled loops to have been expanded.
   Evaluation order of everything else stays. */
#include "../../ir/loop/loop_impl.h"
#include "loop_passes.h"

typedef struct CseValue {
    const Expr *e;
    uint64_t hash;
    int param;
    int first;              /* statement in its block */
    int uses;
    int reg;                /* that holds it, -1 none yet */
    bool home;              /* reg is a let of the block: the first use defines it */
    bool known;             /* here, while scanning */
} CseValue;

typedef struct Cse {
    Arena *A;
    Kernel *k;
    bool *set;              /* registers that are set after their let */
    Dict names;
    bool changed;
    /* of the block at work */
    VEC(CseValue) value;
    VEC(int) use;           /* value of every use, in order */
    int next;               /* use to be rewritten next */
} Cse;

/* The load that a value consists of; NULL where e is not a value. */
static const Expr *load_of(const Expr *e)
{
    if (e->op == X_load)
        return e;
    return e->op == X_splat && e->a[0]->op == X_load ? e->a[0] : NULL;
}

static uint64_t hash_value(const Expr *e, const Expr *load)
{
    int64_t part[3 + MAX_IX] = {e->op, load->ref, e->type.lanes};
    for (int i = 0; i < load->nix; i++)
        part[3 + i] = load->ix[i]->c;
    return hash_bytes(part, sizeof part, 0);
}

static CseValue *find_value(Cse *c, const Expr *e, uint64_t hash)
{
    for (int i = c->value.n - 1; i >= 0; i--) {
        CseValue *v = &c->value.v[i];
        if (v->hash == hash && v->known && expr_eq(v->e, e))
            return v;
    }
    return NULL;
}

static void scan_expr(Cse *c, const Expr *e, int stmt)
{
    const Expr *load = load_of(e);
    for (int i = 0; !load && i < expr_arity(e); i++)
        scan_expr(c, e->a[i], stmt);
    if (!load)
        return;
    uint64_t hash = hash_value(e, load);
    CseValue *v = find_value(c, e, hash);
    if (!v) {
        CseValue new = {.e = e, .hash = hash, .first = stmt, .reg = -1, .known = true};
        new.param = ref_param(c->k, load->ref);
        PUSH(c->A, &c->value, new);
        v = &c->value.v[c->value.n - 1];
    }
    v->uses++;
    PUSH(c->A, &c->use, (int)(v - c->value.v));
}

/* A let of nothing but a value: its register holds it from now on. */
static void scan_let(Cse *c, const Stmt *s)
{
    if (c->k->reg.v[s->ref].rank > 0 || c->set[s->ref] || !load_of(s->val))
        return;
    CseValue *v = &c->value.v[c->use.v[c->use.n - 1]];
    if (v->uses == 1) {
        v->reg = s->ref;
        v->home = true;
    }
}

static void forget(Cse *c, int stored)
{
    const KParam *q = &c->k->param.v[stored];
    for (int i = 0; i < c->value.n; i++) {
        CseValue *v = &c->value.v[i];
        if (v->param == stored || (q->alias && c->k->param.v[v->param].alias))
            v->known = false;
    }
}

static void scan_block(Cse *c, const Block *b)
{
    for (int i = 0; i < b->n; i++) {
        const Stmt *s = b->v[i];
        if (s->val)
            scan_expr(c, s->val, i);
        if (s->kind == ST_LET)
            scan_let(c, s);
        if (s->kind == ST_STORE)
            forget(c, ref_param(c->k, s->ref));
        for (int j = 0; s->kind == ST_FOR && j < c->value.n; j++)
            c->value.v[j].known = false;
    }
}

static const Expr *use_register(void *user, const Expr *e)
{
    Cse *c = user;
    if (!load_of(e))
        return NULL;
    CseValue *v = &c->value.v[c->use.v[c->next++]];
    if (v->reg < 0)
        return e;
    if (v->home) {
        v->home = false; /* the let itself; later uses read it */
        return e;
    }
    Expr *r = NEW(c->A, Expr, 1);
    *r = (Expr){.op = X_reg, .type = e->type, .ref = v->reg};
    c->changed = true;
    return r;
}

/* Lets of the values that are used twice and first in statement stmt. values come in that order. */
static void define(Cse *c, Block *out, int stmt, int *value)
{
    for (; *value < c->value.n && c->value.v[*value].first == stmt; ++*value) {
        CseValue *v = &c->value.v[*value];
        if (v->uses < 2 || v->reg >= 0)
            continue;
        const char *name = arena_printf(c->A, "%s_v", c->k->param.v[v->param].name);
        PUSH(c->A, &c->k->reg, (Reg){.name = name_unique(&c->names, name), .type = v->e->type});
        v->reg = c->k->reg.n - 1;
        Stmt *s = NEW(c->A, Stmt, 1);
        *s = (Stmt){.kind = ST_LET, .ref = v->reg, .val = v->e};
        block_push(c->A, out, s);
    }
}

static void cse_block(Cse *c, Block *b)
{
    for (int i = 0; i < b->n; i++)
        if (b->v[i]->kind == ST_FOR)
            cse_block(c, &b->v[i]->body);
    c->value.n = c->use.n = c->next = 0;
    scan_block(c, b);
    Block out = {0};
    int value = 0;
    for (int i = 0; i < b->n; i++) {
        define(c, &out, i, &value);
        Stmt *r = NEW(c->A, Stmt, 1);
        *r = *b->v[i];
        if (r->val)
            r->val = expr_swap(c->A, r->val, use_register, c);
        block_push(c->A, &out, r);
    }
    *b = out;
}

static void find_set(Cse *c, const Block *b)
{
    for (int i = 0; i < b->n; i++) {
        if (b->v[i]->kind == ST_SET)
            c->set[b->v[i]->ref] = true;
        else if (b->v[i]->kind == ST_FOR)
            find_set(c, &b->v[i]->body);
    }
}

bool loop_cse(Arena *A, Kernel *k)
{
    Cse c = {.A = A, .k = k, .names = names_of(A, k)};
    c.set = NEW(A, bool, k->reg.n + 1);
    find_set(&c, &k->body);
    cse_block(&c, &k->body);
    if (c.changed)
        kernel_renumber(A, k);
    return c.changed;
}
