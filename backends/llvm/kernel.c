/* Kernels as functions: loops, registers, stores. A register's elements are stack slots here, of which the first pass
   makes values. */
#include "impl.h"

#include <string.h>

static void emit_block(LKern *k, const Block *b);

/* ---- the text's lines ---- */

static void at_line(LKern *k)
{
    if (k->line)
        l_debug_line(k->m, *k->line++);
}

/* Statements are counted also where none is made of them. */
static void skip_lines(LKern *k, const Block *b)
{
    for (int i = 0; k->line && i < b->n; i++) {
        k->line++;
        skip_lines(k, &b->v[i]->body);
    }
}

/* ---- statements ---- */

/* Whether the variable goes on from `next`. Where it meets its bound exactly the test is for that, from which code
   generation makes the shortest loops; constant bounds are moved to where it does. */
static LLVMValueRef goes_on(LKern *k, const Stmt *s, LLVMValueRef next, LLVMValueRef hi)
{
    if (LLVMIsConstant(hi) && ix_is_const(s->lo) && ix_is_const(s->hi))
        hi = l_int(k->m, s->lo->c + round_up(s->hi->c - s->lo->c, s->step));
    else if (s->step != 1)
        return LLVMBuildICmp(k->m->b, LLVMIntSLT, next, hi, "");
    return LLVMBuildICmp(k->m->b, LLVMIntNE, next, hi, "");
}

/* for var in lo..hi: tested at its end, and at its beginning where it may be empty. */
static void emit_loop(LKern *k, const Stmt *s, LLVMValueRef lo, LLVMValueRef hi, bool may_be_empty)
{
    LMod *m = k->m;
    LLVMBasicBlockRef before = LLVMGetInsertBlock(m->b);
    LLVMBasicBlockRef body = l_block(m, k->k->var.v[s->var].name), after = l_block(m, "after");
    if (may_be_empty)
        LLVMBuildCondBr(m->b, LLVMBuildICmp(m->b, LLVMIntSLT, lo, hi, ""), body, after);
    else
        LLVMBuildBr(m->b, body);
    LLVMPositionBuilderAtEnd(m->b, body);
    LLVMValueRef i = k->var[s->var] = LLVMBuildPhi(m->b, m->iptr, k->k->var.v[s->var].name);
    LLVMAddIncoming(i, &lo, &before, 1);
    loop_range(k->range, s);
    emit_block(k, &s->body);
    LLVMValueRef next = LLVMBuildNSWAdd(m->b, i, l_int(m, s->step), "");
    LLVMBasicBlockRef last = LLVMGetInsertBlock(m->b);
    LLVMBuildCondBr(m->b, goes_on(k, s, next, hi), body, after);
    LLVMAddIncoming(i, &next, &last, 1);
    LLVMMoveBasicBlockAfter(after, last);
    LLVMPositionBuilderAtEnd(m->b, after);
}

static void for_loop(LKern *k, const Stmt *s)
{
    Range lo = ix_range(k->range, s->lo), hi = ix_range(k->range, s->hi);
    bool known = lo.known && hi.known;
    if (known && lo.lo >= hi.hi)
        skip_lines(k, &s->body);
    else
        emit_loop(k, s, l_ix(k, s->lo), l_ix(k, s->hi), !known || lo.hi >= hi.lo);
}

static void let(LKern *k, const Stmt *s)
{
    LLVMValueRef x = l_expr(k, s->val);
    for (int64_t i = 0; i < reg_elems(&k->k->reg.v[s->ref]); i++)
        LLVMBuildStore(k->m->b, x, k->elem[s->ref][i]);
}

static void emit_set(LKern *k, const Stmt *s)
{
    LLVMValueRef x = l_expr(k, s->val);
    LLVMBuildStore(k->m->b, x, l_element(k, s->ref, s->nix, s->ix));
}

static void emit_store(LKern *k, const Stmt *s)
{
    LLVMValueRef x = l_expr(k, s->val);
    l_store_value(k, x, s->val->type, l_address(k, s->ref, s->nix, s->ix), s->n);
}

/* To be read, into L2, data: as the C has it. */
static void prefetch(LKern *k, const Stmt *s)
{
    LMod *m = k->m;
    LLVMValueRef arg[] = {l_address(k, s->ref, s->nix, s->ix), LLVMConstInt(m->i32, 0, false),
                          LLVMConstInt(m->i32, 2, false), LLVMConstInt(m->i32, 1, false)};
    l_intrinsic(m, "llvm.prefetch", m->ptr, arg, LEN(arg));
}

static void index_var(LKern *k, const Stmt *s)
{
    LMod *m = k->m;
    LLVMValueRef x = LLVMBuildLoad2(m->b, m->i32, l_address(k, s->ref, s->nix, s->ix), k->k->var.v[s->var].name);
    LLVMSetAlignment(x, 4);
    k->var[s->var] = LLVMBuildIntCast2(m->b, x, m->iptr, true, "");
    k->range[s->var] = (Range){0};
}

static void emit_statement(LKern *k, const Stmt *s)
{
    at_line(k);
    switch (s->kind) {
    case ST_FOR: for_loop(k, s); break;
    case ST_LET: let(k, s); break;
    case ST_SET: emit_set(k, s); break;
    case ST_STORE:
        if (!k->no_stores)
            emit_store(k, s);
        break;
    case ST_PREFETCH:
        if (!k->no_stores)
            prefetch(k, s);
        break;
    case ST_INDEX: index_var(k, s); break;
    case ST_PTR: k->ptr[s->ptr] = l_address(k, s->ref, s->nix, s->ix); break;
    case ST_COMMENT: break;
    case ST_RETURN: LLVMBuildRet(k->m->b, l_expr(k, s->val)); break;
    }
}

static void emit_block(LKern *k, const Block *b)
{
    for (int i = 0; i < b->n; i++)
        emit_statement(k, b->v[i]);
}

/* ---- functions ---- */

static LLVMTypeRef kernel_type(LMod *m, const Kernel *k, int more)
{
    LLVMTypeRef *t = NEW(m->A, LLVMTypeRef, k->param.n + more + 1);
    for (int i = 0; i < k->param.n + more; i++)
        t[i] = i < k->param.n ? m->ptr : m->iptr;
    return LLVMFunctionType(m->none, t, (unsigned)(k->param.n + more), false);
}

static void promise(LMod *m, LLVMValueRef fn, const Kernel *k)
{
    for (int i = 0; i < k->param.n; i++) {
        const KParam *p = &k->param.v[i];
        l_param_attribute(m, fn, i, "nocapture");
        if (!p->alias)
            l_param_attribute(m, fn, i, "noalias");
        if (p->access == ACC_RO || p->access == ACC_CONST)
            l_param_attribute(m, fn, i, "readonly");
        LLVMSetValueName2(LLVMGetParam(fn, (unsigned)i), p->name, strlen(p->name));
    }
}

/* A function with a place for every register. */
static LKern enter(LMod *m, const Kernel *src, const char *name, LLVMTypeRef type)
{
    LKern k = {.m = m, .k = src, .fn = l_function(m, name, type, false)};
    LLVMPositionBuilderAtEnd(m->b, LLVMAppendBasicBlockInContext(m->ctx, k.fn, ""));
    k.param = NEW(m->A, LLVMValueRef, src->param.n + 1);
    k.var = NEW(m->A, LLVMValueRef, src->var.n + 1);
    k.range = NEW(m->A, Range, src->var.n + 1);
    k.ptr = NEW(m->A, LLVMValueRef, src->ptr.n + 1);
    k.elem = NEW(m->A, LLVMValueRef *, src->reg.n + 1);
    for (int i = 0; i < src->reg.n; i++) {
        const Reg *r = &src->reg.v[i];
        k.elem[i] = NEW(m->A, LLVMValueRef, reg_elems(r) + 1);
        for (int64_t j = 0; j < reg_elems(r); j++)
            k.elem[i][j] = LLVMBuildAlloca(m->b, l_type(m, r->type), r->name);
    }
    return k;
}

static LKern begin(LMod *m, int kernel, const char *name, LLVMTypeRef type)
{
    const Kernel *src = &m->p->kernel.v[kernel];
    LKern k = enter(m, src, name, type);
    l_attribute(m, k.fn, "noinline", NULL);
    l_attribute(m, k.fn, "willreturn", NULL);
    promise(m, k.fn, src);
    k.line = m->lines ? m->lines->stmt[kernel] : NULL;
    l_debug_function(m, k.fn, name, m->lines ? m->lines->kernel[kernel] : 0);
    for (int i = 0; i < src->param.n; i++)
        k.param[i] = LLVMGetParam(k.fn, (unsigned)i);
    return k;
}

static void end(LKern *k)
{
    LLVMBuildRetVoid(k->m->b);
    l_debug_line(k->m, 0);
}

/* ---- operations of class math ---- */

static void define_math(LMod *m, MathFn *f, const char *name)
{
    const Kernel *src = xop_function(m->A, f->op, f->lanes);
    LLVMTypeRef *arg = NEW(m->A, LLVMTypeRef, src->args);
    for (int i = 0; i < src->args; i++)
        arg[i] = l_type(m, src->reg.v[i].type);
    f->type = LLVMFunctionType(l_type(m, src->body.v[src->body.n - 1]->val->type), arg, (unsigned)src->args, false);
    LKern k = enter(m, src, name, f->type);
    f->fn = k.fn;
    for (int i = 0; i < src->args; i++)
        LLVMBuildStore(m->b, LLVMGetParam(k.fn, (unsigned)i), k.elem[i][0]);
    emit_block(&k, &src->body);
    /* What has loops stays a function. */
    l_attribute(m, k.fn, LLVMCountBasicBlocks(k.fn) > 1 ? "noinline" : "alwaysinline", NULL);
}

static const MathFn *math_function(LMod *m, XOp op, int lanes)
{
    for (int i = 0; i < m->math.n; i++)
        if (m->math.v[i].op == op && m->math.v[i].lanes == lanes)
            return &m->math.v[i];
    MathFn f = {.op = op, .lanes = lanes};
    LLVMBuilderRef outside = m->b;
    m->b = LLVMCreateBuilderInContext(m->ctx);
    define_math(m, &f, arena_printf(m->A, lanes > 1 ? "dsq_%s_f32x%d" : "dsq_%s_f32", xop_info[op].name, lanes));
    LLVMDisposeBuilder(m->b);
    m->b = outside;
    PUSH(m->A, &m->math, f);
    return &m->math.v[m->math.n - 1];
}

LLVMValueRef l_math(LMod *m, XOp op, int lanes, LLVMValueRef *a)
{
    const MathFn *f = math_function(m, op, lanes);
    return l_call(m, f->type, f->fn, a, xop_info[op].arity);
}

/* ---- kernels that are divided among threads ---- */

/* NAME_k0_conv of k0_conv: l_stack_bytes knows kernels by it. */
static const char *kernel_name(const LMod *m, int kernel, const char *part)
{
    const char *name = m->p->kernel.v[kernel].name;
    return arena_printf(m->A, "%s_%s%s%s", m->model, *name == 'k' ? "" : "k_", name, part);
}

/* void part(void *args, size_t begin, size_t end) */
static void part_function(LMod *m, int kernel)
{
    const Kernel *k = &m->p->kernel.v[kernel];
    LKernel *l = &m->kernel[kernel];
    LLVMTypeRef type[] = {m->ptr, m->iptr, m->iptr}, *member = NEW(m->A, LLVMTypeRef, k->param.n + 1);
    LLVMValueRef *arg = NEW(m->A, LLVMValueRef, k->param.n + 2);
    for (int i = 0; i < k->param.n; i++)
        member[i] = m->ptr;
    l->args = LLVMStructTypeInContext(m->ctx, member, (unsigned)k->param.n, false);
    l->part = l_function(m, kernel_name(m, kernel, "_part"), LLVMFunctionType(m->none, type, 3, false), false);
    LLVMPositionBuilderAtEnd(m->b, LLVMAppendBasicBlockInContext(m->ctx, l->part, ""));
    for (int i = 0; i < k->param.n; i++) {
        LLVMValueRef at = LLVMBuildStructGEP2(m->b, l->args, LLVMGetParam(l->part, 0), (unsigned)i, "");
        arg[i] = LLVMBuildLoad2(m->b, m->ptr, at, "");
    }
    LLVMValueRef mode = l_flush_begin(m), first = LLVMGetParam(l->part, 1), last = LLVMGetParam(l->part, 2);
    if (l->beside) {
        LLVMValueRef zero = l_int(m, 0), one = l_int(m, 1), whole = LLVMBuildICmp(m->b, LLVMIntEQ, first, zero, "");
        LLVMBasicBlockRef head = l_block(m, "head"), rest = l_block(m, "rest");
        LLVMBuildCondBr(m->b, whole, head, rest);
        LLVMPositionBuilderAtEnd(m->b, head);
        l_call(m, l->head_type, l->head, arg, k->param.n);
        LLVMBuildBr(m->b, rest);
        LLVMPositionBuilderAtEnd(m->b, rest);
        first = LLVMBuildSelect(m->b, whole, zero, LLVMBuildSub(m->b, first, one, ""), "");
        last = LLVMBuildSub(m->b, last, one, "");
    }
    arg[k->param.n] = first;
    arg[k->param.n + 1] = last;
    l_call(m, l->type, l->fn, arg, k->param.n + 2);
    l_flush_end(m, mode);
    LLVMBuildRetVoid(m->b);
}

static LLVMValueRef bound(LKern *k, const Stmt *s, int param)
{
    LLVMValueRef i = LLVMGetParam(k->fn, (unsigned)(k->k->param.n + param));
    i = LLVMBuildNSWMul(k->m->b, i, l_int(k->m, s->step), "");
    return LLVMBuildNSWAdd(k->m->b, i, l_int(k->m, s->lo->c), "");
}

static void divided(LMod *m, int kernel, const Shared *s)
{
    const Kernel *src = &m->p->kernel.v[kernel];
    LKernel *l = &m->kernel[kernel];
    l->iterations = s->iterations, l->beside = s->beside;
    if (s->head) {
        l->head_type = kernel_type(m, src, 0);
        LKern h = begin(m, kernel, kernel_name(m, kernel, "_head"), l->head_type);
        l->head = h.fn;
        emit_block(&h, &s->before);
        end(&h);
    }
    l->type = kernel_type(m, src, 2);
    LKern k = begin(m, kernel, kernel_name(m, kernel, ""), l->type);
    l->fn = k.fn;
    k.no_stores = true;
    emit_block(&k, &s->before);
    k.no_stores = false;
    at_line(&k);
    emit_loop(&k, s->loop, bound(&k, s->loop, 0), bound(&k, s->loop, 1), true);
    end(&k);
    part_function(m, kernel);
}

void l_kernel(LMod *m, int kernel)
{
    const Kernel *src = &m->p->kernel.v[kernel];
    Shared s = m->o->threads ? kernel_shared(m->A, src) : (Shared){0};
    if (s.loop) {
        divided(m, kernel, &s);
        return;
    }
    LKernel *l = &m->kernel[kernel];
    l->type = kernel_type(m, src, 0);
    LKern k = begin(m, kernel, kernel_name(m, kernel, ""), l->type);
    l->fn = k.fn;
    emit_block(&k, &src->body);
    end(&k);
}
