/* Runs programs in loop IR as loop_op.def defines them: what compiled kernels are compared with. Kernels are turned
   into trees with every reference resolved and every intermediate value in its own place, then walked; nothing is
   allocated while they run. Parallel loops run in order, and marks on memory tell whether any other would do. */
#include <string.h>

#include "loop_interp.h"

/* ---- addresses ---- */

static inline int64_t value(const Interp *in, const AffineIx *a)
{
    const int64_t *var = in->r->var;
    if (a->slow)
        return ix_eval(a->slow, var);
    int64_t r = a->c;
    for (int i = 0; i < a->n; i++)
        r += a->t[i].k * var[a->t[i].var];
    return r;
}

static void add_variables(const Interp *in, Buf *b, const At *at)
{
    for (int v = 0; v < in->k->var.n; v++)
        for (int i = 0; i < at->n; i++)
            if (ix_uses(at->source[i], v)) {
                buf_printf(b, ", %s = %lld", in->k->var.v[v].name, (long long)in->r->var[v]);
                break;
            }
}

/* "kernel k30, call 2: load of 16 at in[y, x + 1]: index 1 is 30, dimension 30, y = 0, x = 29" */
static void violation(Interp *in, const At *at, const char *what, int n, const char *why)
{
    if (in->error)
        return;
    Buf b = {0};
    buf_printf(&b, "kernel %s, call %d: %s of %d at %s[", in->k->name, in->call, what, n,
               at->ref >= 0 ? at->param->name : in->k->ptr.v[~at->ref].name);
    for (int i = 0; i < at->n; i++) {
        buf_puts(&b, i ? ", " : "");
        ix_print(&b, in->k, at->source[i]);
    }
    buf_printf(&b, "]: %s", why);
    add_variables(in, &b, at);
    in->error = arena_printf(in->A, "%s", b.s);
    buf_free(&b);
}

static void bad_index(Interp *in, const At *at, const char *what, int n, int i, int64_t ix)
{
    violation(in, at, what, n,
              arena_printf(in->A, "index %d is %lld, dimension %lld", i, (long long)ix, (long long)at->dim[i]));
}

/* The memory of n elements, NULL after a violation. */
static char *locate(Interp *in, const At *at, const char *what, int n)
{
    int64_t linear = 0;
    if (at->base) {
        linear = *at->base + value(in, &at->ix[0]);
        if (linear < 0 || linear > at->elems - n) {
            violation(in, at, what, n, arena_printf(in->A, "element %lld of %s, which has %lld", (long long)linear,
                                                    at->param->name, (long long)at->elems));
            return NULL;
        }
        return *at->mem + linear * at->size;
    }
    for (int i = 0; i < at->n; i++) {
        int64_t x = value(in, &at->ix[i]), end = at->dim[i] - (i + 1 == at->n ? n : 1);
        if (x < 0 || x > end) {
            bad_index(in, at, what, n, i, x);
            return NULL;
        }
        linear = linear * at->dim[i] + x;
    }
    return *at->mem + linear * at->size;
}

/* Address of a pointer: may lie outside, since only what is accessed counts. */
static int64_t point(const Interp *in, const At *at)
{
    if (at->base)
        return *at->base + value(in, &at->ix[0]);
    int64_t linear = 0;
    for (int i = 0; i < at->n; i++)
        linear = linear * at->dim[i] + value(in, &at->ix[i]);
    return linear;
}

/* Number of a register's element; program_check has proven that there is one. */
static int64_t element(const Interp *in, const Reg *r, const AffineIx *ix)
{
    int64_t linear = 0;
    for (int i = 0; i < r->rank; i++)
        linear = linear * r->dim[i] + value(in, &ix[i]);
    return linear;
}

/* ---- independence of iterations ---- */

static const char *part_name(const Interp *in, uint32_t part)
{
    if (part == in->before)
        return "before the parallel loop";
    return arena_printf(in->A, "in iteration %u of the parallel loop", part - in->before - 1);
}

static bool stored_elsewhere(const Interp *in, const AccessMark *m)
{
    return m->stored >= in->before && m->stored != in->part;
}

/* An iteration is at work. */
static bool stored_by_another(const Interp *in, const AccessMark *m)
{
    return m->stored > in->before && m->stored != in->part;
}

static bool read_by_another(const Interp *in, const AccessMark *m)
{
    return m->read >= in->before && m->read != in->part;
}

static void clash(Interp *in, const At *at, const char *what, int n, const AccessMark *m)
{
    const char *other = stored_elsewhere(in, m) ? arena_printf(in->A, "stored %s", part_name(in, m->stored))
                        : m->read == in->before ? "read in several iterations of the parallel loop"
                                                : arena_printf(in->A, "read %s", part_name(in, m->read));
    violation(in, at, what, n,
              arena_printf(in->A, "element %lld of %s is %s, and accessed %s", (long long)(m - *at->mark),
                           at->param->name, other, part_name(in, in->part)));
}

static void mark_load(Interp *in, const At *at, const char *p, const char *what, int n)
{
    AccessMark *m = *at->mark + (p - *at->mem) / 4;
    if (in->part == in->before)
        return;
    for (int i = 0; i < n; i++, m++) {
        if (stored_by_another(in, m))
            clash(in, at, what, n, m);
        m->read = read_by_another(in, m) ? in->before : in->part;
    }
}

static void mark_store(Interp *in, const At *at, const char *p, int n)
{
    AccessMark *m = *at->mark + (p - *at->mem) / 4;
    for (int i = 0; i < n; i++, m++) {
        if (stored_elsewhere(in, m) || read_by_another(in, m))
            clash(in, at, "store", n, m);
        m->stored = in->part;
    }
}

/* ---- expressions ---- */

static void run_block(Interp *in, const SNode *v, int n);

static void call_math(Interp *in, const XNode *x, const void *const *a)
{
    Ready *caller = in->r, *f = x->function;
    for (int i = 0; i < xop_info[x->op].arity; i++)
        memcpy(f->file[i], a[i], (size_t)x->lanes * 4);
    in->r = f;
    run_block(in, f->body, f->nbody);
    in->r = caller;
    memcpy(x->out, f->result, (size_t)x->lanes * 4);
}

static const void *eval(Interp *in, const XNode *x)
{
    const void *a[4] = {NULL};
    switch (x->op) {
    case X_const:
        return x->out;
    case X_reg:
        return (char *)x->out + element(in, x->reg, x->ix) * x->lanes * 4;
    case X_load: {
        const char *p = locate(in, &x->at, "load", x->n);
        if (p && *x->at.mark)
            mark_load(in, &x->at, p, "load", x->n);
        if (p)
            memcpy(x->out, p, (size_t)x->n * 4);
        return x->out;
    }
    case X_index:
        *(int32_t *)x->out = (int32_t)(uint32_t)(uint64_t)value(in, x->ix);
        return x->out;
    default:
        break;
    }
    bool moves = x->op == X_lane || x->op == X_splat || x->op == X_bitcast;
    bool flush = in->p->flush_to_zero && !x->integer && !moves;
    float flushed[4][MAX_LANES];
    for (int i = 0; i < 4 && x->a[i]; i++) {
        a[i] = eval(in, x->a[i]);
        if (flush)
            a[i] = lanes_flush(flushed[i], a[i], x->a[i]->lanes);
    }
    if (x->function) {
        call_math(in, x, a);
    } else if (x->op == X_lane) {
        memcpy(x->out, (const char *)a[0] + 4 * x->n, 4);
    } else if (xop_info[x->op].cls == XC_cast) {
        lanes_cast(x, a[0]);
    } else if (x->op == X_hsum || x->op == X_hmax) {
        lanes_fold(x, a[0], x->a[0]->lanes, flush);
    } else if (x->integer) {
        lanes_i32(x->op, x->lanes, x->out, a[0], a[1], a[2], a[3]);
    } else {
        lanes_f32(x->op, x->lanes, x->out, a[0], a[1], a[2], a[3]);
    }
    if (flush)
        lanes_flush(x->out, x->out, x->lanes);
    return x->out;
}

/* ---- statements ---- */

static void run_for(Interp *in, const SNode *s)
{
    int64_t hi = value(in, &s->hi);
    for (int64_t i = value(in, &s->lo); i < hi && !in->error; i += s->step) {
        *s->var = i;
        in->part += s->parallel;
        run_block(in, s->body, s->nbody);
    }
}

static void run_stmt(Interp *in, const SNode *s)
{
    const void *v = s->val ? eval(in, s->val) : NULL;
    char *p;
    int64_t i;
    switch (s->kind) {
    case ST_FOR:
        run_for(in, s);
        return;
    case ST_LET:
        for (i = 0; i < s->elems; i++)
            memcpy(s->file + i * s->bytes, v, (size_t)s->bytes);
        return;
    case ST_SET:
        memmove(s->file + element(in, s->reg, s->ix) * s->bytes, v, (size_t)s->bytes);
        return;
    case ST_STORE:
        p = locate(in, &s->at, "store", s->n);
        if (p && *s->at.mark)
            mark_store(in, &s->at, p, s->n);
        if (p && !in->error)
            memcpy(p, v, (size_t)s->n * 4);
        return;
    case ST_INDEX: {
        int32_t x = 0;
        p = locate(in, &s->at, "index", 1);
        if (p && *s->at.mark)
            mark_load(in, &s->at, p, "index", 1);
        if (p)
            memcpy(&x, p, sizeof x);
        *s->var = x;
        return;
    }
    case ST_PTR:
        *s->var = point(in, &s->at);
        return;
    case ST_RETURN:
        in->r->result = v;
        return;
    case ST_PREFETCH:
    case ST_COMMENT:
        return;
    }
}

static void run_block(Interp *in, const SNode *v, int n)
{
    for (int i = 0; i < n && !in->error; i++)
        run_stmt(in, &v[i]);
}

/* Memory of every PBuf; NULL for constants without numbers. */
static char **buffers(Interp *in, float *const *io)
{
    char **mem = NEW(in->A, char *, in->p->buf.n + 1);
    int n = 0;
    for (int i = 0; i < in->p->buf.n; i++) {
        const PBuf *b = &in->p->buf.v[i];
        /* A constant is never stored to: program_check. */
        mem[i] = b->kind == BUF_CONST ? (char *)(uintptr_t)b->data : (char *)io[n++];
    }
    return mem;
}

/* Marks of n elements, all of them of no call. */
static AccessMark *marks(Interp *in, AccessMark *m, int64_t n)
{
    if (!m)
        return NEW(in->A, AccessMark, n + 1);
    memset(m, 0, (size_t)n * sizeof *m);
    return m;
}

static void forget_marks(Interp *in)
{
    in->arena = marks(in, in->arena, (in->p->arena_bytes + 3) / 4);
    for (int i = 0; i < in->p->buf.n; i++)
        if (in->p->buf.v[i].kind == BUF_OUTPUT)
            in->mark[i] = marks(in, in->mark[i], type_elems(&in->p->buf.v[i].type));
    in->part = 0;
}

/* Numbers for the parts of a call. The calls of a kernel have 2^31 at least, more than anyone waits for. */
static void new_parts(Interp *in)
{
    if (!in->arena || in->part > UINT32_MAX / 2)
        forget_marks(in);
    in->before = ++in->part;
}

static bool is_parallel(const Kernel *k)
{
    const Stmt *last = k->body.n ? k->body.v[k->body.n - 1] : NULL;
    return last && last->kind == ST_FOR && last->loop == LOOP_PARALLEL;
}

/* Only memory that a parameter stores to need be marked; a parameter that may be the same memory says alias. */
static bool is_marked(const KParam *p)
{
    return p->access == ACC_WO || p->access == ACC_RW || p->alias;
}

static void bind(Interp *in, const Call *c, char *const *mem, char *arena)
{
    bool parallel = is_parallel(in->k);
    if (parallel)
        new_parts(in);
    for (int j = 0; j < c->arg.n && !in->error; j++) {
        const Arg *a = &c->arg.v[j];
        bool marked = parallel && is_marked(&in->k->param.v[j]);
        if (a->buf == ARG_ARENA) {
            in->r->mem[j] = arena + a->offset;
            in->r->mark[j] = marked ? in->arena + a->offset / 4 : NULL;
            continue;
        }
        if (!mem[a->buf])
            in->error = arena_printf(in->A, "kernel %s, call %d: %s has no numbers", in->k->name, in->call,
                                     in->p->buf.v[a->buf].name);
        else
            in->r->mem[j] = mem[a->buf] + a->offset * dtype_size(in->k->param.v[j].elem);
        in->r->mark[j] = marked && in->mark[a->buf] ? in->mark[a->buf] + a->offset : NULL;
    }
}

const char *program_interp(const Program *p, float *const *io, void *arena, Arena *scratch)
{
    Interp in = {.A = scratch, .p = p, .mark = NEW(scratch, AccessMark *, p->buf.n + 1)};
    char **mem = buffers(&in, io);
    Ready **ready = NEW(scratch, Ready *, p->kernel.n + 1);
    for (int i = 0; i < p->call.n && !in.error; i++) {
        const Call *c = &p->call.v[i];
        in.call = i;
        in.k = &p->kernel.v[c->kernel];
        in.r = ready[c->kernel];
        if (!in.r)
            in.r = ready[c->kernel] = interp_prepare(&in, in.k);
        bind(&in, c, mem, arena);
        run_block(&in, in.r->body, in.error ? 0 : in.r->nbody);
    }
    return in.error;
}
