/* What every program keeps to: its kernels (loop_check_kernel.c), its buffers, and calls that give each kernel memory
   of the right type and size. */
#include "loop_impl.h"

typedef struct ProgramCheck { const Program *p; const char *error; } ProgramCheck;

static void program_error(ProgramCheck *c, const char *fmt, ...) PRINTF(2, 3);
static void program_error(ProgramCheck *c, const char *fmt, ...)
{
    if (c->error)
        return;
    va_list ap;
    va_start(ap, fmt);
    c->error = arena_vprintf(c->p->arena, fmt, ap);
    va_end(ap);
}

static bool power_of_two(int64_t x)
{
    return x > 0 && (x & (x - 1)) == 0;
}

static void check_buffer(ProgramCheck *c, const PBuf *b)
{
    if (!type_valid(&b->type))
        program_error(c, "buffer %s has an impossible type", b->name);
    else if (b->align != 0 && !power_of_two(b->align))
        program_error(c, "buffer %s: alignment %d is not a power of two", b->name, b->align);
    else if (b->data && b->kind != BUF_CONST)
        program_error(c, "buffer %s has numbers and is no constant", b->name);
}

static int64_t param_elems(const KParam *p)
{
    int64_t n = 1;
    for (int i = 0; i < p->rank; i++)
        n *= p->dim[i];
    return n;
}

static bool writes(const KParam *p)
{
    return p->access == ACC_WO || p->access == ACC_RW;
}

static void check_arg(ProgramCheck *c, const Kernel *k, const KParam *q, const Arg *a)
{
    const Program *p = c->p;
    int64_t n = param_elems(q), end, size = dtype_size(q->elem);
    if (a->buf == ARG_ARENA) {
        if (q->access == ACC_CONST)
            program_error(c, "call of %s: parameter %s wants a constant", k->name, q->name);
        if (a->offset < 0 || a->offset % size || !add_ok(a->offset, n * size, &end) || end > p->arena_bytes)
            program_error(c, "call of %s: parameter %s at arena+%lld needs %lld bytes of an arena of %lld", k->name,
                          q->name, (long long)a->offset, (long long)(n * size), (long long)p->arena_bytes);
        return;
    }
    if (a->buf < 0 || a->buf >= p->buf.n) {
        program_error(c, "call of %s: parameter %s is given nothing", k->name, q->name);
        return;
    }
    const PBuf *b = &p->buf.v[a->buf];
    if (b->type.dtype != q->elem)
        program_error(c, "call of %s: parameter %s is not of buffer %s's type", k->name, q->name, b->name);
    if (a->offset < 0 || !add_ok(a->offset, n, &end) || end > type_elems(&b->type))
        program_error(c, "call of %s: parameter %s needs %lld elements of %s from %lld on", k->name, q->name,
                          (long long)n, b->name, (long long)a->offset);
    if (q->access == ACC_CONST && b->kind != BUF_CONST)
        program_error(c, "call of %s: parameter %s wants a constant, %s is none", k->name, q->name, b->name);
    if (writes(q) && b->kind != BUF_OUTPUT)
        program_error(c, "call of %s: parameter %s would write to %s", k->name, q->name, b->name);
}

/* Where one of two arguments is written, they lie apart or both parameters say alias. */
static void check_overlap(ProgramCheck *c, const Kernel *k, const Call *call, int i, int j)
{
    const KParam *p = &k->param.v[i], *q = &k->param.v[j];
    const Arg *a = &call->arg.v[i], *b = &call->arg.v[j];
    if (a->buf != b->buf || (!writes(p) && !writes(q)) || (p->alias && q->alias))
        return;
    int64_t na = param_elems(p), nb = param_elems(q);
    if (a->buf == ARG_ARENA) {
        na *= dtype_size(p->elem);
        nb *= dtype_size(q->elem);
    }
    if (a->offset < b->offset + nb && b->offset < a->offset + na)
        program_error(c, "call of %s: %s and %s share memory and do not say alias", k->name, p->name, q->name);
}

static void check_call(ProgramCheck *c, const Call *call)
{
    if (call->kernel < 0 || call->kernel >= c->p->kernel.n) {
        program_error(c, "a call of no kernel");
        return;
    }
    const Kernel *k = &c->p->kernel.v[call->kernel];
    if (call->arg.n != k->param.n) {
        program_error(c, "call of %s: %d arguments for %d parameters", k->name, call->arg.n, k->param.n);
        return;
    }
    for (int i = 0; i < call->arg.n && !c->error; i++)
        check_arg(c, k, &k->param.v[i], &call->arg.v[i]);
    for (int i = 0; i < call->arg.n && !c->error; i++)
        for (int j = 0; j < i; j++)
            check_overlap(c, k, call, i, j);
}

static void check_name(ProgramCheck *c, Dict *names, const char *what, const char *name)
{
    const char *wrong = name_refused(names, what, name);
    if (wrong)
        program_error(c, "%s", wrong);
}

const char *program_check(const Program *p)
{
    ProgramCheck c = {.p = p};
    Dict buffers = dict_new(p->arena), kernels = dict_new(p->arena);
    if (!name_valid(p->name))
        program_error(&c, "the program's name '%s' is not a free C identifier", p->name ? p->name : "");
    if (p->arena_bytes < 0 || !power_of_two(p->arena_align))
        program_error(&c, "arena of %lld bytes aligned to %lld", (long long)p->arena_bytes, (long long)p->arena_align);
    for (int i = 0; i < p->buf.n && !c.error; i++) {
        check_name(&c, &buffers, "buffer", p->buf.v[i].name);
        check_buffer(&c, &p->buf.v[i]);
    }
    for (int i = 0; i < p->kernel.n && !c.error; i++) {
        check_name(&c, &kernels, "kernel", p->kernel.v[i].name);
        if (!c.error)
            c.error = kernel_check(p->arena, &p->kernel.v[i]);
    }
    for (int i = 0; i < p->call.n && !c.error; i++)
        check_call(&c, &p->call.v[i]);
    return c.error;
}
