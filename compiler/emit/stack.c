/* A bound on the stack of compiled code, from the loop IR alone, so that it is the same for every compiler.

   Frames hold what does not fit into registers. At most that is everything that is live at once, counted here as if
   there were no registers. What a function saves on entry comes on top. At most three functions are under way at a
   time: NAME_run, a kernel, and a helper or a routine of the compiler for arithmetic in software.
   tests/e2e/code/stack.sh holds the bound against gcc's and clang's -fstack-usage. */
#include "stack.h"

enum { FRAMES = 3, SAVED = 48 /* words a frame: registers saved on entry, addresses, arguments on the stack */ };

typedef struct Stack { const Kernel *k; int ptr_bytes; Arena *scratch; } Stack;

static void mark_expr(const Expr *e, int at, int *last)
{
    if (!e)
        return;
    if (e->op == X_reg)
        last[e->ref] = at;
    for (int i = 0; i < xop_info[e->op].arity; i++)
        mark_expr(e->a[i], at, last);
}

/* last[r] := at for every register that the statement or one inside it names. */
static void mark(const Stmt *s, int at, int *last)
{
    mark_expr(s->val, at, last);
    if (s->kind == ST_LET || s->kind == ST_SET)
        last[s->ref] = at;
    for (int i = 0; i < s->body.n; i++)
        mark(s->body.v[i], at, last);
}

static int64_t reg_bytes(const Reg *r)
{
    int64_t n = dtype_size(r->type.elem) * r->type.lanes;
    for (int d = 0; d < r->rank; d++)
        n *= r->dim[d];
    return n;
}

/* Bytes of registers, pointers and variables of the block that are live at once, those of inner blocks included. A
   register lives from its let to the last statement that names it. */
static int64_t live_bytes(const Stack *s, const Block *b)
{
    int *last = NEW(s->scratch, int, s->k->reg.n);
    int64_t live = 0, most = 0, *ending = NEW(s->scratch, int64_t, b->n);
    for (int i = 0; i < b->n; i++)
        mark(b->v[i], i, last);
    for (int i = 0; i < b->n; i++) {
        const Stmt *t = b->v[i];
        if (t->kind == ST_LET) {
            int64_t n = reg_bytes(&s->k->reg.v[t->ref]);
            live += n;
            ending[last[t->ref]] += n;
        } else if (t->kind == ST_PTR || t->kind == ST_INDEX) {
            live += s->ptr_bytes;
        }
        most = imax(most, live + (t->kind == ST_FOR ? s->ptr_bytes + live_bytes(s, &t->body) : 0));
        live -= ending[i];
    }
    return most;
}

int64_t stack_bound(const Program *p, const Target *t)
{
    int64_t most = 0;
    for (int i = 0; i < p->kernel.n; i++) {
        Stack s = {&p->kernel.v[i], t->ptr_bytes, arena_new()};
        most = imax(most, live_bytes(&s, &p->kernel.v[i].body));
        arena_free(s.scratch);
    }
    return round_up(FRAMES * SAVED * t->ptr_bytes + most, 64);
}
