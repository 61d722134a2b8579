/* libFuzzer target: text in loop IR of any kind must be refused with a message or read back equal once printed; what
   the checker accepts must run without touching memory outside its buffers, and the passes must not change what comes
   out. */
#include "../../ir/loop/loops.h"
#include "../../passes/loops/loop_passes.h"
#include "fuzz.h"

#include <stdlib.h>
#include <string.h>

enum { SMALL = 1 << 16, STEPS = 4000 };

static void must(const char *what, const char *err)
{
    if (err)
        bug("%s: %s", what, err);
}

static const char *round_trip(Arena *a, const Program *p)
{
    Buf b = {0};
    program_print(&b, p, true);
    Program *q = program_parse(a, b.s, diag_file("printed", b.s, b.n));
    const char *err = q ? program_diff(a, p, q) : "it does not parse";
    buf_free(&b);
    return err;
}

/* Statements that a run executes, or that unrolling makes, up to a limit. Every body counts at least once. False
   where that cannot be told beforehand. */
static bool count_block(const Block *b, int64_t *var, bool *read, int *steps)
{
    for (int i = 0; i < b->n; i++) {
        const Stmt *s = b->v[i];
        if (++*steps > STEPS)
            return false;
        if (s->kind == ST_INDEX) {
            var[s->var] = 0;
            read[s->var] = true;
        }
        if (s->kind != ST_FOR)
            continue;
        for (int v = 0; v <= s->var; v++)
            if (read[v] && (ix_uses(s->lo, v) || ix_uses(s->hi, v)))
                return false;
        int64_t lo = ix_eval(s->lo, var), hi = ix_eval(s->hi, var), x = lo;
        do {
            var[s->var] = x;
            if (++*steps > STEPS || !count_block(&s->body, var, read, steps))
                return false;
            x += s->step;
        } while (x < hi);
    }
    return true;
}

static bool is_small(Arena *a, const Program *p)
{
    int64_t bytes = p->arena_bytes, steps = 0;
    for (int i = 0; i < p->buf.n && bytes <= SMALL; i++)
        bytes += type_elems(&p->buf.v[i].type) * 8;
    if (bytes > SMALL || p->arena_align > SMALL)
        return false;
    for (int i = 0; i < p->kernel.n; i++) {
        const Kernel *k = &p->kernel.v[i];
        int n = 0;
        if (!count_block(&k->body, NEW(a, int64_t, k->var.n + 1), NEW(a, bool, k->var.n + 1), &n))
            return false;
        for (int j = 0; j < p->call.n; j++)
            steps += p->call.v[j].kernel == i ? n : 0;
    }
    return steps <= 4 * STEPS;
}

/* A buffer of its own, so that AddressSanitizer sees its ends. */
static void *block_of(int64_t bytes, int seed)
{
    char *p = malloc((size_t)bytes + 1);
    if (!p)
        out_of_memory();
    for (int64_t i = 0; i < bytes; i++)
        p[i] = (char)(i % 4 == 3 ? 63 : i * 37 + seed); /* floats near 1 */
    return p;
}

typedef struct Memory { void **buf; float **io; void *arena; int nio; } Memory;

static Memory memory_new(Arena *a, const Program *p)
{
    Memory m = {NEW(a, void *, p->buf.n + 1), NEW(a, float *, p->buf.n + 1), block_of(p->arena_bytes, 1), 0};
    for (int i = 0; i < p->buf.n; i++) {
        PBuf *b = &p->buf.v[i];
        int64_t bytes = type_elems(&b->type) * dtype_size(b->type.dtype);
        if (b->kind != BUF_CONST)
            m.io[m.nio++] = m.buf[i] = block_of(bytes, i);
        else if (!b->data)
            b->data = NEW(a, char, bytes);
    }
    return m;
}

static bool memory_differs(const Program *p, const Memory *m, const Memory *n)
{
    bool differs = memcmp(m->arena, n->arena, (size_t)p->arena_bytes) != 0;
    for (int i = 0; i < p->buf.n; i++) {
        const Type *t = &p->buf.v[i].type;
        size_t bytes = (size_t)type_elems(t) * (size_t)dtype_size(t->dtype);
        differs |= m->buf[i] && memcmp(m->buf[i], n->buf[i], bytes);
    }
    return differs;
}

static void memory_free(Memory *m)
{
    for (int i = 0; i < m->nio; i++)
        free(m->io[i]);
    free(m->arena);
}

static void transform(Arena *a, Program *p, bool (*pass)(Arena *, Kernel *))
{
    for (int i = 0; i < p->kernel.n; i++)
        pass(a, &p->kernel.v[i]);
    must("checker after a pass", program_check(p));
    must("text after a pass", round_trip(a, p));
}

static void exercise(Arena *a, Program *p, bool hoist_first)
{
    must("text", round_trip(a, p));
    if (!is_small(a, p))
        return;
    Memory m = memory_new(a, p), n = memory_new(a, p);
    const char *err = program_interp(p, m.io, m.arena, a);
    transform(a, p, loop_unroll);
    transform(a, p, hoist_first ? loop_hoist : loop_cse);
    transform(a, p, hoist_first ? loop_cse : loop_hoist);
    const char *after = program_interp(p, n.io, n.arena, a);
    if (!err && after)
        bug("a violation comes from the passes: %s", after);
    if (!err && memory_differs(p, &m, &n))
        bug("the passes change the numbers");
    memory_free(&m);
    memory_free(&n);
}

static void fuzz(Arena *a, const uint8_t *data, size_t n)
{
    char *text = arena_strndup(a, (const char *)data, n);
    Program *p = program_parse(a, text, diag_file("fuzz", text, n));
    if (!p && !diag_errors())
        bug("refused without a message");
    if (p && !program_check(p))
        exercise(a, p, n % 2);
}
