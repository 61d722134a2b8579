/* NAME_run, NAME_run_mt and NAME_run_trace: what backends/c/run.c prints, as LLVM IR. */
#include "impl.h"

#include "../../runtime_min/dsq.h"

typedef struct RunBuild {
    LMod *m;
    RunKind kind;
    LLVMValueRef fn, *buf, arena, weights, more[3], *hook; /* more: executor; hook and user: at `hook` */
} RunBuild;

static bool by_argument(const LMod *m) { return m->weights_in == IN_ARGUMENT; }

static int ports(const Program *p)
{
    int n = 0;
    for (int i = 0; i < p->buf.n; i++)
        n += p->buf.v[i].kind != BUF_CONST;
    return n;
}

/* Does this kind of run call an executor? */
static bool parallel(const LMod *m, RunKind kind) { return kind == RUN_MT || (kind == RUN_TRACE && m->o->threads); }

static int extra(const LMod *m, RunKind kind) { return parallel(m, kind) + (kind == RUN_TRACE ? 2 : 0); }

static LLVMTypeRef run_type(LMod *m, RunKind kind)
{
    int n = ports(m->p) + 1 + by_argument(m) + extra(m, kind);
    LLVMTypeRef *t = NEW(m->A, LLVMTypeRef, n);
    for (int i = 0; i < n; i++)
        t[i] = m->ptr;
    return LLVMFunctionType(m->i32, t, (unsigned)n, false);
}

/* Parameters in the order of c_prototype: inputs, outputs, arena, weights, what the kind wants. */
static void take_parameters(RunBuild *r)
{
    LMod *m = r->m;
    unsigned n = 0;
    r->buf = NEW(m->A, LLVMValueRef, m->p->buf.n + 1);
    for (BufKind want = BUF_INPUT; want <= BUF_OUTPUT; want++)
        for (int i = 0; i < m->p->buf.n; i++)
            if (m->p->buf.v[i].kind == want)
                r->buf[i] = LLVMGetParam(r->fn, n++);
    r->arena = LLVMGetParam(r->fn, n++);
    r->weights = by_argument(m) ? LLVMGetParam(r->fn, n++) : m->weights;
    for (int i = 0; i < extra(m, r->kind); i++)
        r->more[i] = LLVMGetParam(r->fn, n++);
    r->hook = r->more + parallel(m, r->kind);
}

/* ---- arguments ---- */

static LLVMValueRef misaligned(LMod *m, LLVMValueRef p, int64_t align)
{
    LLVMValueRef bits = LLVMBuildPtrToInt(m->b, p, m->iptr, "");
    return LLVMBuildICmp(m->b, LLVMIntNE, LLVMBuildURem(m->b, bits, l_int(m, align), ""), l_int(m, 0), "");
}

static void refuse(LMod *m, LLVMValueRef *bad, LLVMValueRef p, int64_t align)
{
    *bad = LLVMBuildOr(m->b, *bad, LLVMBuildIsNull(m->b, p, ""), "");
    if (align > 1)
        *bad = LLVMBuildOr(m->b, *bad, misaligned(m, p, align), "");
}

static LLVMTypeRef executor_type(LMod *m)
{
    LLVMTypeRef member[] = {m->ptr, m->i32, m->ptr};
    return LLVMStructTypeInContext(m->ctx, member, LEN(member), false);
}

static LLVMValueRef executor_member(RunBuild *r, unsigned i)
{
    LMod *m = r->m;
    return LLVMBuildLoad2(m->b, m->ptr, LLVMBuildStructGEP2(m->b, executor_type(m), r->more[0], i, ""), "");
}

static void return_if(RunBuild *r, LLVMValueRef bad)
{
    LMod *m = r->m;
    LLVMBasicBlockRef no = l_block(m, "refuse"), yes = l_block(m, "run");
    LLVMBuildCondBr(m->b, bad, no, yes);
    LLVMPositionBuilderAtEnd(m->b, no);
    LLVMBuildRet(m->b, LLVMConstInt(m->i32, DSQ_EINVAL, false));
    LLVMPositionBuilderAtEnd(m->b, yes);
}

static void emit_check(RunBuild *r)
{
    LMod *m = r->m;
    LLVMValueRef bad = LLVMConstInt(m->i1, 0, false);
    for (int i = 0; i < m->p->buf.n; i++)
        if (r->buf[i])
            refuse(m, &bad, r->buf[i], dtype_size(m->p->buf.v[i].type.dtype));
    if (m->p->arena_bytes)
        refuse(m, &bad, r->arena, m->p->arena_align);
    if (by_argument(m))
        refuse(m, &bad, r->weights, 64);
    for (int i = 0; i < parallel(m, r->kind) + (r->kind == RUN_TRACE); i++)
        refuse(m, &bad, r->more[i], 1);
    return_if(r, bad);
    if (parallel(m, r->kind))
        return_if(r, LLVMBuildIsNull(m->b, executor_member(r, 2), ""));
}

static LLVMValueRef byte_offset(LMod *m, LLVMValueRef p, int64_t bytes)
{
    LLVMValueRef i = l_int(m, bytes);
    return bytes ? LLVMBuildGEP2(m->b, m->i8, p, &i, 1, "") : p;
}

static LLVMValueRef argument(RunBuild *r, const KParam *p, Arg a)
{
    LMod *m = r->m;
    if (a.buf == ARG_ARENA)
        return byte_offset(m, r->arena, a.offset);
    int64_t at = a.offset * dtype_size(p->elem);
    if (m->p->buf.v[a.buf].kind == BUF_CONST)
        return byte_offset(m, r->weights, m->blob.at[a.buf] + at);
    return byte_offset(m, r->buf[a.buf], at);
}

/* ---- calls ---- */

static void hook(RunBuild *r, int call)
{
    LMod *m = r->m;
    LLVMTypeRef t[] = {m->ptr, m->i32};
    LLVMValueRef arg[] = {r->hook[1], LLVMConstInt(m->i32, (unsigned long long)call, true)};
    if (r->kind == RUN_TRACE)
        l_call(m, LLVMFunctionType(m->none, t, 2, false), r->hook[0], arg, 2);
}

/* executor->parallel_for(executor->ctx, iterations, part, &args) */
static void parallel_call(RunBuild *r, const LKernel *k, LLVMValueRef *arg, int n, LLVMValueRef args)
{
    LMod *m = r->m;
    for (int i = 0; i < n; i++)
        LLVMBuildStore(m->b, arg[i], LLVMBuildStructGEP2(m->b, k->args, args, (unsigned)i, ""));
    LLVMTypeRef t[] = {m->ptr, m->iptr, m->ptr, m->ptr};
    LLVMValueRef with[] = {executor_member(r, 0), l_int(m, k->iterations + k->beside), k->part, args};
    l_call(m, LLVMFunctionType(m->none, t, 4, false), executor_member(r, 2), with, 4);
}

static void one_call(RunBuild *r, const Call *c, LLVMValueRef args)
{
    LMod *m = r->m;
    const Kernel *src = &m->p->kernel.v[c->kernel];
    const LKernel *k = &m->kernel[c->kernel];
    int n = c->arg.n;
    LLVMValueRef *arg = NEW(m->A, LLVMValueRef, n + 2);
    for (int i = 0; i < n; i++)
        arg[i] = argument(r, &src->param.v[i], c->arg.v[i]);
    if (k->head && !(k->beside && parallel(m, r->kind)))
        l_call(m, k->head_type, k->head, arg, n);
    if (k->iterations && parallel(m, r->kind)) {
        parallel_call(r, k, arg, n, args);
        return;
    }
    arg[n] = l_int(m, 0);
    arg[n + 1] = l_int(m, k->iterations);
    l_call(m, k->type, k->fn, arg, n + (k->iterations ? 2 : 0));
}

static int most_arguments(const Program *p)
{
    int most = 0;
    for (int i = 0; i < p->kernel.n; i++)
        most = (int)imax(most, p->kernel.v[i].param.n);
    return most;
}

static const char *run_name(LMod *m, RunKind kind)
{
    static const char *const suffix[] = {"run", "run_mt", "run_trace"};
    return arena_printf(m->A, "%s_%s", m->model, suffix[kind]);
}

static void run_function(LMod *m, RunKind kind)
{
    const char *name = run_name(m, kind);
    RunBuild r = {.m = m, .kind = kind, .fn = l_function(m, name, run_type(m, kind), true)};
    LLVMPositionBuilderAtEnd(m->b, LLVMAppendBasicBlockInContext(m->ctx, r.fn, ""));
    l_debug_function(m, r.fn, name, 1);
    take_parameters(&r);
    LLVMValueRef args = NULL; /* of parts, one after the other */
    if (parallel(m, kind))
        args = LLVMBuildAlloca(m->b, LLVMArrayType2(m->ptr, (uint64_t)imax(1, most_arguments(m->p))), "args");
    emit_check(&r);
    hook(&r, -1);
    LLVMValueRef mode = l_flush_begin(m);
    for (int i = 0; i < m->p->call.n; i++) {
        l_debug_line(m, m->lines ? m->lines->call[i] : 0);
        one_call(&r, &m->p->call.v[i], args);
        if (kind == RUN_TRACE)
            l_flush_end(m, mode);
        hook(&r, i);
        if (kind == RUN_TRACE)
            l_flush_again(m, mode);
    }
    l_flush_end(m, mode);
    LLVMBuildRet(m->b, LLVMConstInt(m->i32, DSQ_OK, false));
    l_debug_line(m, 0);
}

void l_run(LMod *m)
{
    run_function(m, RUN);
    if (m->o->threads)
        run_function(m, RUN_MT);
    if (m->o->trace)
        run_function(m, RUN_TRACE);
}

/* ---- for this process: int dsqc_run(float *const *io, void *arena, ...) ---- */

static void adapter(LMod *m, RunKind kind, const char *name)
{
    int n = ports(m->p), more = extra(m, kind);
    LLVMTypeRef t[] = {m->ptr, m->ptr, m->ptr, m->ptr, m->ptr};
    LLVMValueRef fn = l_function(m, name, LLVMFunctionType(m->i32, t, (unsigned)(2 + more), false), true);
    LLVMValueRef *arg = NEW(m->A, LLVMValueRef, n + 1 + more);
    LLVMPositionBuilderAtEnd(m->b, LLVMAppendBasicBlockInContext(m->ctx, fn, ""));
    for (int i = 0; i < n; i++) {
        LLVMValueRef at = l_int(m, i);
        arg[i] = LLVMBuildLoad2(m->b, m->ptr, LLVMBuildGEP2(m->b, m->ptr, LLVMGetParam(fn, 0), &at, 1, ""), "");
    }
    for (int i = 0; i < 1 + more; i++)
        arg[n + i] = LLVMGetParam(fn, (unsigned)(1 + i));
    LLVMValueRef run = LLVMGetNamedFunction(m->mod, run_name(m, kind));
    LLVMBuildRet(m->b, l_call(m, run_type(m, kind), run, arg, n + 1 + more));
}

void l_adapters(LMod *m)
{
    adapter(m, RUN, "dsqc_run");
    if (m->o->threads)
        adapter(m, RUN_MT, "dsqc_run_mt");
    if (m->o->trace)
        adapter(m, RUN_TRACE, "dsqc_run_trace");
}
