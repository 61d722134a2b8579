/* loop-hoist: accesses to a parameter whose addresses differ by constants go through one pointer.

     for c 0..24 {                                       for c 0..24 {
       acc[0] = fma(splat(load in[y, x, c]), ...)          ptr in_at = &in[y, x, c]
       acc[1] = fma(splat(load in[y, x + 1, c]), ...) ->   acc[0] = fma(splat(load in_at[0]), ...)
       acc[2] = fma(splat(load in[y, x + 2, c]), ...)      acc[1] = fma(splat(load in_at[64]), ...)
     }                                                     acc[2] = fma(splat(load in_at[128]), ...)
                                                         }

   An address is linear in the parameter's row-major elements; what is left of it without its constant tells which
   accesses belong together. The pointer is the lowest of their addresses, so displacements are not negative, and it
   stands where the last of its variables is defined. A lone access in that very block gains nothing and stays; so do
   constant addresses. No pointer is carried into a parallel loop. Wants unrolled loops to have been expanded. */
#include "../../ir/loop/loop_facts.h"
#include "../../ir/loop/loop_impl.h"
#include "loop_passes.h"

/* A place in the kernel: behind statement pos of block, -1 at its start. */
typedef struct HoistPlace { Block *block; int depth, pos; } HoistPlace;

/* Accesses to one parameter that share the variable part of their address. */
typedef struct Addresses {
    int param;
    bool parallel;              /* within the parallel loop */
    const Ix *variable;
    int64_t lowest;             /* constant part, and the indices of that access */
    const Ix *const *ix;
    HoistPlace at;
    int count;
    bool deeper;                /* an access stands in a loop inside the pointer's block */
    int ptr;                    /* -1: not worth a pointer */
} Addresses;

typedef struct Hoist {
    Arena *A;
    Kernel *k;
    HoistPlace *def;                 /* of variables */
    VEC(Addresses) group;
    HoistPlace parallel;             /* start of the parallel loop's body */
    Dict names;
    int depth;                  /* of the block at work */
} Hoist;

/* The address of ref[ix...] in elements, where it varies with every variable that the indices mention; else NULL. */
static const Ix *address(Hoist *h, int ref, int n, const Ix *const *ix)
{
    if (ref < 0)
        return NULL;
    const Ix *sum = linear_offset(h->A, h->k, ref, n, ix);
    for (int v = 0; v < h->k->var.n; v++)
        for (int i = 0; i < n; i++)
            if (ix_uses(ix[i], v) && !ix_uses(sum, v))
                return NULL;
    return ix_is_const(sum) ? NULL : sum;
}

static Addresses *find_address(Hoist *h, int param, const Ix *variable)
{
    for (int i = 0; i < h->group.n; i++) {
        Addresses *g = &h->group.v[i];
        if (g->param == param && g->parallel == (h->parallel.block != NULL) && ix_eq(g->variable, variable))
            return g;
    }
    return NULL;
}

static HoistPlace innermost(const Hoist *h, const Ix *x)
{
    HoistPlace at = h->parallel.block ? h->parallel : (HoistPlace){&h->k->body, 0, -1};
    for (int v = 0; v < h->k->var.n; v++) {
        const HoistPlace *d = &h->def[v];
        if (ix_uses(x, v) && (d->depth > at.depth || (d->depth == at.depth && d->pos > at.pos)))
            at = *d;
    }
    return at;
}

static void collect(Hoist *h, int ref, int n, const Ix *const *ix)
{
    const Ix *a = address(h, ref, n, ix);
    if (!a)
        return;
    const Ix *variable = ix_addc(h->A, a, -a->c);
    Addresses *g = find_address(h, ref, variable);
    if (!g) {
        Addresses new = {.param = ref, .parallel = h->parallel.block != NULL, .variable = variable, .lowest = a->c,
                         .ix = ix, .at = innermost(h, variable), .ptr = -1};
        PUSH(h->A, &h->group, new);
        g = &h->group.v[h->group.n - 1];
    }
    if (a->c < g->lowest) {
        g->lowest = a->c;
        g->ix = ix;
    }
    g->count++;
    g->deeper |= h->depth > g->at.depth;
}

static void collect_expr(Hoist *h, const Expr *e)
{
    if (e->op == X_load)
        collect(h, e->ref, e->nix, e->ix);
    for (int i = 0; i < expr_arity(e); i++)
        collect_expr(h, e->a[i]);
}

static bool is_parallel(const Stmt *s)
{
    return s->kind == ST_FOR && s->loop == LOOP_PARALLEL;
}

static void collect_block(Hoist *h, Block *b)
{
    for (int i = 0; i < b->n; i++) {
        Stmt *s = b->v[i];
        if (s->val)
            collect_expr(h, s->val);
        if (s->kind == ST_STORE || s->kind == ST_PREFETCH)
            collect(h, s->ref, s->nix, s->ix);
        if (s->kind == ST_INDEX)
            h->def[s->var] = (HoistPlace){b, h->depth, i};
        if (s->kind != ST_FOR)
            continue;
        h->def[s->var] = (HoistPlace){&s->body, ++h->depth, -1};
        if (is_parallel(s))
            h->parallel = h->def[s->var];
        collect_block(h, &s->body);
        h->depth--;
    }
}

/* Replaces ref[ix...] by pointer and displacement where its group has a pointer. */
static bool redirect(Hoist *h, int *ref, int *n, const Ix **ix)
{
    const Ix *a = address(h, *ref, *n, ix);
    Addresses *g = a ? find_address(h, *ref, ix_addc(h->A, a, -a->c)) : NULL;
    if (!g || g->ptr < 0)
        return false;
    *ref = ~g->ptr;
    *n = 1;
    ix[0] = ix_const(h->A, a->c - g->lowest);
    return true;
}

static const Expr *redirect_load(void *user, const Expr *e)
{
    Hoist *h = user;
    if (e->op != X_load)
        return NULL;
    Expr *r = NEW(h->A, Expr, 1);
    *r = *e;
    return redirect(h, &r->ref, &r->nix, r->ix) ? r : e;
}

/* Defines the pointers whose place this is. */
static void define(Hoist *h, Block *out, const Block *b, int pos)
{
    for (int i = 0; i < h->group.n; i++) {
        const Addresses *g = &h->group.v[i];
        if (g->ptr < 0 || g->at.block != b || g->at.pos != pos)
            continue;
        Stmt *s = NEW(h->A, Stmt, 1);
        *s = (Stmt){.kind = ST_PTR, .ref = g->param, .ptr = g->ptr, .nix = h->k->param.v[g->param].rank};
        for (int j = 0; j < s->nix; j++)
            s->ix[j] = g->ix[j];
        block_push(h->A, out, s);
    }
}

static void rewrite_block(Hoist *h, Block *b)
{
    Block out = {0};
    define(h, &out, b, -1);
    for (int i = 0; i < b->n; i++) {
        const Stmt *s = b->v[i];
        Stmt *r = NEW(h->A, Stmt, 1);
        *r = *s;
        block_push(h->A, &out, r);
        if (s->val)
            r->val = expr_swap(h->A, s->val, redirect_load, h);
        if (s->kind == ST_STORE || s->kind == ST_PREFETCH)
            redirect(h, &r->ref, &r->nix, r->ix);
        if (s->kind == ST_FOR) {
            if (is_parallel(s))
                h->parallel.block = &b->v[i]->body;
            rewrite_block(h, &b->v[i]->body);
            r->body = b->v[i]->body;
        }
        define(h, &out, b, i);
    }
    *b = out;
}

bool loop_hoist(Arena *A, Kernel *k)
{
    Hoist h = {.A = A, .k = k, .names = names_of(A, k)};
    h.def = NEW(A, HoistPlace, k->var.n + 1);
    collect_block(&h, &k->body);
    bool changed = false;
    for (int i = 0; i < h.group.n; i++) {
        Addresses *g = &h.group.v[i];
        if (g->count < 2 && !g->deeper)
            continue;
        const char *name = arena_printf(A, "%s_at", k->param.v[g->param].name);
        PUSH(A, &k->ptr, (KPtr){name_unique(&h.names, name), g->param});
        g->ptr = k->ptr.n - 1;
        changed = true;
    }
    if (!changed)
        return false;
    h.parallel = (HoistPlace){0};
    rewrite_block(&h, &k->body);
    kernel_renumber(A, k);
    return true;
}
