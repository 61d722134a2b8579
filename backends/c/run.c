/* NAME_run, NAME_run_mt and NAME_run_trace: the calls of the program, one after the other. */
#include "c.h"

#include <string.h>

static bool is_io(const PBuf *p)
{
    return p->kind != BUF_CONST;
}

/* Does this kind of run call an executor? */
static bool parallel(const CFile *c, RunKind kind)
{
    return kind == RUN_MT || (kind == RUN_TRACE && c->o->threads);
}

/* Inputs, outputs, arena, and what the kind of run wants besides. */
static void parameters(CFile *c, Buf *b, int indent, RunKind kind)
{
    for (BufKind want = BUF_INPUT; want <= BUF_OUTPUT; want++)
        for (int i = 0; i < c->p->buf.n; i++) {
            const PBuf *p = &c->p->buf.v[i];
            if (p->kind == want)
                c_wrap(b, indent, arena_printf(c->A, "%s%s *%s, ", want == BUF_INPUT ? "const " : "",
                                               c_dtype(p->type.dtype), c->buf[i]));
        }
    bool file = c->o->weights_as == WEIGHTS_FILE;
    c_wrap(b, indent, arena_printf(c->A, "void *%s%s", c->arena, file || kind != RUN ? ", " : ")"));
    if (file)
        c_wrap(b, indent, arena_printf(c->A, "const void *%s%s", c->weights, kind != RUN ? ", " : ")"));
    if (parallel(c, kind))
        c_wrap(b, indent, arena_printf(c->A, "const dsq_executor *%s%s", c->executor, kind == RUN_TRACE ? ", " : ")"));
    if (kind == RUN_TRACE)
        c_wrap(b, indent, arena_printf(c->A, "void (*%s)(void *%s, int call), void *%s)", c->hook, c->user, c->user));
}

void c_prototype(CFile *c, Buf *b, RunKind kind)
{
    static const char *const suffix[] = {"run", "run_mt", "run_trace"};
    size_t before = b->n;
    buf_printf(b, "int %s_%s(", c->model, suffix[kind]);
    parameters(c, b, (int)(b->n - before), kind);
}

/* ---- arguments ---- */

static void check_function(CFile *c, Buf *b)
{
    Buf null = {0}, bits = {0};
    int align = 1, n = 0;
    int indent = (int)strlen(c->arguments) + 12;
    buf_printf(b, "static int %s(", c->arguments);
    for (int i = 0; i < c->p->buf.n; i++) {
        const PBuf *p = &c->p->buf.v[i];
        if (!is_io(p))
            continue;
        c_wrap(b, indent, arena_printf(c->A, "const void *%s, ", c->buf[i]));
        c_wrap(&null, 11, arena_printf(c->A, "!%s || ", c->buf[i]));
        buf_printf(&bits, "%s(uintptr_t)%s", n++ ? " | " : "", c->buf[i]);
        align = (int)imax(align, dtype_size(p->type.dtype));
    }
    bool file = c->o->weights_as == WEIGHTS_FILE;
    c_wrap(b, indent, arena_printf(c->A, "const void *%s%s", c->arena, file ? ", " : ")"));
    if (file)
        c_wrap(b, indent, arena_printf(c->A, "const void *%s)", c->weights));
    buf_puts(b, "\n{\n");
    if (!c->p->arena_bytes)
        buf_printf(b, "    (void)%s;\n", c->arena);
    buf_printf(b, "    return %s", null.s ? null.s : "");
    if (c->p->arena_bytes)
        c_wrap(b, 11, arena_printf(c->A, "!%s || (uintptr_t)%s %% %lldu != 0 || ", c->arena, c->arena,
                                   (long long)c->p->arena_align));
    if (file)
        c_wrap(b, 11, arena_printf(c->A, "!%s || (uintptr_t)%s %% 64u != 0 || ", c->weights, c->weights));
    c_wrap(b, 11, arena_printf(c->A, "(%s) %% %du != 0;", bits.s ? bits.s : "0u", align));
    buf_puts(b, "\n}\n\n");
    buf_free(&null);
    buf_free(&bits);
}

static void print_check(CFile *c, Buf *b, RunKind kind)
{
    int indent = (int)strlen(c->arguments) + 9;
    buf_printf(b, "    if (%s(", c->arguments);
    for (int i = 0; i < c->p->buf.n; i++)
        if (is_io(&c->p->buf.v[i]))
            c_wrap(b, indent, arena_printf(c->A, "%s, ", c->buf[i]));
    bool file = c->o->weights_as == WEIGHTS_FILE;
    c_wrap(b, indent, file ? arena_printf(c->A, "%s, %s)", c->arena, c->weights) : arena_printf(c->A, "%s)", c->arena));
    if (parallel(c, kind))
        c_wrap(b, 8, arena_printf(c->A, " || !%s || !%s->parallel_for", c->executor, c->executor));
    if (kind == RUN_TRACE)
        c_wrap(b, 8, arena_printf(c->A, " || !%s", c->hook));
    buf_puts(b, ")\n        return DSQ_EINVAL;\n");
}

static bool uses_arena(const Program *p)
{
    for (int i = 0; i < p->call.n; i++)
        for (int j = 0; j < p->call.v[i].arg.n; j++)
            if (p->call.v[i].arg.v[j].buf == ARG_ARENA)
                return true;
    return false;
}

static const char *argument(CFile *c, const KParam *p, Arg a)
{
    if (a.buf != ARG_ARENA)
        return a.offset ? arena_printf(c->A, "%s + %lld", c->buf[a.buf], (long long)a.offset) : c->buf[a.buf];
    if (a.offset % 4)
        bug("C backend: arena offset %lld of %s is not a multiple of 4", (long long)a.offset, p->name);
    const char *at = a.offset ? arena_printf(c->A, "%s + %lld", c->mem, (long long)(a.offset / 4)) : c->mem;
    return p->elem == DT_F32 ? at : arena_printf(c->A, "(%s *)(void *)(%s)", c_dtype(p->elem), at);
}

/* ---- calls ---- */

static void arguments(CFile *c, Buf *b, int indent, const Call *call, const char *end)
{
    const Kernel *k = &c->p->kernel.v[call->kernel];
    for (int i = 0; i < call->arg.n; i++)
        c_wrap(b, indent, arena_printf(c->A, "%s%s", argument(c, &k->param.v[i], call->arg.v[i]),
                                       i == call->arg.n - 1 ? end : ", "));
}

static void plain_call(CFile *c, Buf *b, const char *name, const Call *call, const char *end)
{
    buf_printf(b, "    %s(", name);
    arguments(c, b, (int)strlen(name) + 5, call, end);
    buf_putc(b, '\n');
}

static void one_call(CFile *c, Buf *b, const Call *call, RunKind kind)
{
    const KernelText *t = &c->kernel[call->kernel];
    if (t->head && !(t->beside && parallel(c, kind)))
        plain_call(c, b, t->head_name, call, ");");
    if (!t->iterations)
        plain_call(c, b, t->name, call, ");");
    else if (!parallel(c, kind))
        plain_call(c, b, t->name, call, arena_printf(c->A, ", 0, %lld);", (long long)t->iterations));
    else {
        buf_puts(b, "    {\n");
        size_t start = b->n;
        buf_printf(b, "        struct %s args = {", t->args_name);
        arguments(c, b, (int)(b->n - start), call, "};");
        buf_printf(b, "\n        %s->parallel_for(%s->ctx, %lld, %s, &args);\n    }\n", c->executor, c->executor,
                   (long long)t->iterations + t->beside, t->part_name);
    }
}

/* In the mode of the caller: what it computes is none of the network's. */
static void call_hook(CFile *c, Buf *b, int call)
{
    if (c_flush_type(c))
        buf_printf(b, "    flush_set(%s);\n", c->mode);
    buf_printf(b, "    %s(%s, %d);\n", c->hook, c->user, call);
    if (c_flush_type(c))
        buf_puts(b, "    (void)flush_begin();\n");
}

static void run_function(CFile *c, Buf *b, RunKind kind)
{
    c_prototype(c, b, kind);
    buf_puts(b, "\n{\n");
    print_check(c, b, kind);
    if (uses_arena(c->p))
        buf_printf(b, "    float *const %s = (float *)%s;\n", c->mem, c->arena);
    if (kind == RUN_TRACE)
        buf_printf(b, "    %s(%s, -1);\n", c->hook, c->user);
    if (c_flush_type(c))
        buf_printf(b, "    const %s %s = flush_begin();\n", c_flush_type(c), c->mode);
    for (int i = 0; i < c->p->call.n; i++) {
        one_call(c, b, &c->p->call.v[i], kind);
        if (kind == RUN_TRACE)
            call_hook(c, b, i);
    }
    if (c_flush_type(c))
        buf_printf(b, "    flush_set(%s);\n", c->mode);
    buf_puts(b, "    return DSQ_OK;\n}\n");
}

void c_run(CFile *c, Buf *b)
{
    check_function(c, b);
    run_function(c, b, RUN);
    if (c->o->threads) {
        buf_putc(b, '\n');
        run_function(c, b, RUN_MT);
    }
    if (c->o->trace) {
        buf_putc(b, '\n');
        run_function(c, b, RUN_TRACE);
    }
}
