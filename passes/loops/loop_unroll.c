/* loop-unroll: expands unrolled loops and serial loops of one iteration, drops loops that never run or do nothing.

     let acc[2]: f32x8 = 0                        let acc[2]: f32x8 = 0
     unroll p 0..2 {                              let x_0: f32x8 = load in[y*2, 0]
       let x: f32x8 = load in[y*2 + p, 0]   ->    acc[0] = mul(x_0, x_0)
       acc[p] = mul(x, x)                         let x_1: f32x8 = load in[y*2 + 1, 0]
     }                                            acc[1] = mul(x_1, x_1)

   Needs nothing. Afterwards no loop is marked unroll and every index of a register is a constant (program_check has
   proven that it would be). What an unrolled body defines has one copy per iteration. Keeps everything else in
   order; a parallel loop stays, even of one iteration, as it is what threads share. */
#include "../../ir/loop/loop_impl.h"
#include "loop_passes.h"

#define MAX_STATEMENTS 200000

static bool unroll_block(KernelCopy *c, Block *out, const Block *b);

/* Number of iterations where it does not depend on a variable, else -1. */
static int64_t trip_count(KernelCopy *c, const Stmt *s)
{
    const Ix *span = ix_sub(c->A, copy_ix(c, s->hi), copy_ix(c, s->lo));
    if (!ix_is_const(span))
        return -1;
    return span->c <= 0 ? 0 : (span->c - 1) / s->step + 1;
}

static void expand(KernelCopy *c, Block *out, const Stmt *s, int64_t trips)
{
    const Ix *lo = copy_ix(c, s->lo);
    const char *suffix = c->suffix;
    for (int64_t i = 0; i < trips; i++) {
        c->var[s->var] = ix_addc(c->A, lo, i * s->step);
        if (trips > 1)
            c->suffix = arena_printf(c->A, "%s_%lld", suffix, (long long)i);
        unroll_block(c, out, &s->body);
        c->suffix = suffix;
        if (c->statements + i > MAX_STATEMENTS)
            bug("kernel %s: unrolling makes more than %d statements", c->from->name, MAX_STATEMENTS);
    }
}

static bool unroll_for(KernelCopy *c, Block *out, const Stmt *s)
{
    int64_t trips = trip_count(c, s);
    bool once = s->loop == LOOP_SERIAL && trips == 1;
    if (trips == 0)
        return true;
    if (s->loop == LOOP_UNROLL && trips < 0)
        bug("kernel %s: unrolled loop %s has variable bounds", c->from->name, c->from->var.v[s->var].name);
    if (s->loop == LOOP_UNROLL || once) {
        expand(c, out, s, trips);
        return true;
    }
    int var = c->to.var.n;
    Stmt *r = copy_stmt(c, out, s);
    bool changed = unroll_block(c, &r->body, &s->body);
    if (r->body.n > 0)
        return changed;
    out->n--;
    c->to.var.n = var;
    return true;
}

static bool unroll_block(KernelCopy *c, Block *out, const Block *b)
{
    bool changed = false;
    for (int i = 0; i < b->n; i++) {
        if (b->v[i]->kind == ST_FOR)
            changed |= unroll_for(c, out, b->v[i]);
        else
            copy_stmt(c, out, b->v[i]);
    }
    return changed;
}

bool loop_unroll(Arena *A, Kernel *k)
{
    KernelCopy c = copy_begin(A, k);
    if (!unroll_block(&c, &c.to.body, &k->body))
        return false;
    *k = c.to;
    return true;
}
