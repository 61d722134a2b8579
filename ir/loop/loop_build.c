/* Constructors of kernels: kb_* append statements to the block that is open, x_* make expressions. Mistakes of a caller
   that would be hard to find later (unbalanced loops, operands of different types) are bugs here already. */
#include "loop_impl.h"

#include <string.h>

/* ---- statements ---- */

KB kb_begin(Arena *A, Kernel *k)
{
    KB b = {.A = A, .k = k, .names = names_of(A, k)};
    b.stack[0] = &k->body;
    return b;
}

static const char *unique(KB *b, const char *name)
{
    return name_unique(&b->names, name);
}

static Stmt *emit(KB *b, StmtKind kind)
{
    Stmt *s = NEW(b->A, Stmt, 1);
    s->kind = kind;
    block_push(b->A, b->stack[b->depth], s);
    return s;
}

int kb_param(KB *b, const char *name, DType elem, Access access, int rank, const int64_t *dim)
{
    if (rank < 1 || rank > MAX_IX)
        bug("parameter %s of rank %d", name, rank);
    KParam p = {.name = unique(b, name), .elem = elem, .rank = rank, .access = access};
    memcpy(p.dim, dim, (size_t)rank * sizeof *dim);
    PUSH(b->A, &b->k->param, p);
    return b->k->param.n - 1;
}

static int new_var(KB *b, const char *name)
{
    PUSH(b->A, &b->k->var, (KVar){unique(b, name)});
    return b->k->var.n - 1;
}

int kb_for(KB *b, LoopKind kind, const char *name, const Ix *lo, const Ix *hi, int64_t step)
{
    if (b->depth + 1 >= LEN(b->stack))
        bug("kernel %s: loops nested deeper than %d", b->k->name, LEN(b->stack));
    if (step < 1)
        bug("kernel %s: loop %s steps by %lld", b->k->name, name, (long long)step);
    Stmt *s = emit(b, ST_FOR);
    s->loop = kind;
    s->var = new_var(b, name);
    s->lo = lo;
    s->hi = hi;
    s->step = step;
    b->stack[++b->depth] = &s->body;
    return s->var;
}

void kb_end(KB *b)
{
    if (b->depth == 0)
        bug("kernel %s: kb_end without kb_for", b->k->name);
    b->depth--;
}

static int new_reg(KB *b, Reg r, const Expr *init)
{
    r.name = unique(b, r.name);
    r.type = init->type;
    PUSH(b->A, &b->k->reg, r);
    Stmt *s = emit(b, ST_LET);
    s->ref = b->k->reg.n - 1;
    s->val = init;
    return s->ref;
}

int kb_let(KB *b, const char *name, const Expr *init)
{
    return new_reg(b, (Reg){.name = name}, init);
}

int kb_tile(KB *b, const char *name, int d0, int d1, const Expr *init)
{
    return new_reg(b, (Reg){.name = name, .rank = d1 ? 2 : 1, .dim = {d0, d1}}, init);
}

/* Copies the indices of register reg's element into ix, returns their number. */
int kb_tile_index(KB *b, int reg, const Ix *i, const Ix *j, const Ix **ix)
{
    int n = (i != NULL) + (j != NULL);
    if (n != b->k->reg.v[reg].rank)
        bug("kernel %s: register %s has rank %d, not %d", b->k->name, b->k->reg.v[reg].name, b->k->reg.v[reg].rank, n);
    ix[0] = i;
    ix[1] = j;
    return n;
}

void kb_set(KB *b, int reg, const Ix *i, const Ix *j, const Expr *val)
{
    if (!vt_eq(b->k->reg.v[reg].type, val->type))
        bug("kernel %s: register %s set to a value of another type", b->k->name, b->k->reg.v[reg].name);
    Stmt *s = emit(b, ST_SET);
    s->ref = reg;
    s->nix = kb_tile_index(b, reg, i, j, s->ix);
    s->val = val;
}

int kb_buffer_index(KB *b, int ref, const Ix *const *ix, const Ix **out)
{
    int n = ref_rank(b->k, ref);
    memcpy(out, ix, (size_t)n * sizeof *out);
    return n;
}

void kb_store(KB *b, int param, const Ix *const *ix, const Expr *val, int n)
{
    Stmt *s = emit(b, ST_STORE);
    s->ref = param;
    s->nix = kb_buffer_index(b, param, ix, s->ix);
    s->val = val;
    s->n = n ? n : val->type.lanes;
}

void kb_prefetch(KB *b, int param, const Ix *const *ix)
{
    Stmt *s = emit(b, ST_PREFETCH);
    s->ref = param;
    s->nix = kb_buffer_index(b, param, ix, s->ix);
}

int kb_index(KB *b, const char *name, int param, const Ix *const *ix)
{
    Stmt *s = emit(b, ST_INDEX);
    s->var = new_var(b, name);
    s->ref = param;
    s->nix = kb_buffer_index(b, param, ix, s->ix);
    return s->var;
}

void kb_comment(KB *b, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    emit(b, ST_COMMENT)->text = arena_vprintf(b->A, fmt, ap);
    va_end(ap);
}
