/* Vectors that a loop loads once and uses in several multiply-adds, and that must stay in a register meanwhile.

     w0 = load w[...]                                     f32x8 w0 = held_f32x8(_mm256_loadu_ps(w_at));
     acc0 = fma(x0, w0, acc0) ; acc1 = fma(x1, w0, acc1)

   gcc 12 lets every multiply-add load them anew: on AVX2 where biases that only stand around the loop would have to
   leave their registers for them, on AVX-512 with 16 registers free. A processor that loads one such vector a cycle
   then takes 20 cycles for 16 multiply-adds. Told that the vectors must be in registers, gcc keeps them on the stack
   instead, unless the biases are loaded afresh for each tile:

     b = load bias[...]                                   f32x8 b = fresh_f32x8(bias_at);

   Only where the loop's own registers are no more than there are; elsewhere a load in place of a register is what is
   wanted. */
#include "c.h"

typedef struct Element { int reg; int64_t at; } Element;
typedef struct Count {
    KPrint *k;
    const Block *b;
    VEC(Element) seen;     /* elements of registers that are vectors, each once */
} Count;

static void note(Count *c, int reg, int64_t at)
{
    if (c->k->k->reg.v[reg].type.lanes == 1)
        return;
    for (int i = 0; i < c->seen.n; i++)
        if (c->seen.v[i].reg == reg && c->seen.v[i].at == at)
            return;
    PUSH(c->k->A, &c->seen, ((Element){reg, at}));
}

static void note_expr(Count *c, const Expr *e)
{
    if (e->op == X_reg)
        note(c, e->ref, reg_offset(&c->k->k->reg.v[e->ref], e->nix, e->ix));
    for (int i = 0; i < xop_info[e->op].arity; i++)
        note_expr(c, e->a[i]);
}

/* How often the block multiplies by register reg. */
static int factors(const Block *b, int reg)
{
    int n = 0;
    for (int i = 0; i < b->n; i++) {
        const Expr *e = b->v[i]->kind == ST_SET ? b->v[i]->val : NULL;
        for (int k = 0; k < 2 && e && e->op == X_fma; k++)
            n += e->a[k]->op == X_reg && e->a[k]->ref == reg;
    }
    return n;
}

static bool whole_load(const Stmt *s)
{
    return s->kind == ST_LET && s->val->op == X_load && s->val->type.lanes > 1 && s->val->n == s->val->type.lanes;
}

static const char *held(const KPrint *k, const Block *b, const Stmt *s)
{
    const char *row = whole_load(s) ? isa_instr(k->c->isa, X_load, s->val->type, "held") : NULL;
    return row && factors(b, s->ref) > 1 ? row : NULL;
}

/* An innermost loop's block that has such loads, and no more vector registers than the machine. */
static bool holds(KPrint *k, const Block *b)
{
    Count c = {.k = k, .b = b};
    int passing = 0, loads = 0; /* passing: made for the statements that follow, which then have the register */
    for (int i = 0; i < b->n; i++) {
        const Stmt *s = b->v[i];
        if (s->kind == ST_FOR)
            return false;
        if (s->kind == ST_SET)
            note(&c, s->ref, reg_offset(&k->k->reg.v[s->ref], s->nix, s->ix));
        if (s->kind == ST_SET || s->kind == ST_LET || s->kind == ST_STORE)
            note_expr(&c, s->val);
        const Reg *r = s->kind == ST_LET ? &k->k->reg.v[s->ref] : NULL;
        bool vector = r && r->type.lanes > 1 && !r->rank, stays = vector && held(k, b, s);
        loads += stays;
        passing += vector && !stays;
    }
    return loads && c.seen.n - passing + 1 <= k->c->o->target->vregs;
}

static bool around(KPrint *k, const Block *b)
{
    for (int i = 0; i < b->n; i++)
        if (b->v[i]->kind == ST_FOR && (holds(k, &b->v[i]->body) || around(k, &b->v[i]->body)))
            return true;
    return false;
}

void c_hold_begin(KPrint *k, const Block *b)
{
    bool inner = k->depth > 1 && holds(k, b);
    k->held = inner ? b : NULL;
    k->fresh = !inner && k->depth > 1 && around(k, b);
}

const char *c_hold(KPrint *k, const Stmt *s, bool *address)
{
    *address = k->fresh && whole_load(s);
    return *address ? isa_instr(k->c->isa, X_load, s->val->type, "fresh") : k->held ? held(k, k->held, s) : NULL;
}
