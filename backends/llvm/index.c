/* Index expressions as integers of pointer size, and addresses. */
#include "impl.h"

static LLVMValueRef quotient(LKern *k, const Atom *a, bool remainder)
{
    LLVMBuilderRef b = k->m->b;
    LLVMValueRef x = l_ix(k, a->a), by = l_int(k->m, a->k), zero = l_int(k->m, 0);
    Range range = ix_range(k->range, a->a);
    if (range.known && range.lo >= 0)
        return remainder ? LLVMBuildURem(b, x, by, "") : LLVMBuildUDiv(b, x, by, "");
    LLVMValueRef r = LLVMBuildSRem(b, x, by, "");
    LLVMValueRef below = LLVMBuildICmp(b, LLVMIntSLT, r, zero, "");
    if (remainder)
        return LLVMBuildSelect(b, below, LLVMBuildAdd(b, r, by, ""), r, "");
    return LLVMBuildAdd(b, LLVMBuildSDiv(b, x, by, ""), LLVMBuildSExt(b, below, k->m->iptr, ""), "");
}

static LLVMValueRef atom(LKern *k, const Atom *a)
{
    switch (a->kind) {
    case ATOM_VAR:
        return k->var[a->var];
    case ATOM_DIV:
    case ATOM_MOD:
        return quotient(k, a, a->kind == ATOM_MOD);
    default: {
        LLVMValueRef x[] = {l_ix(k, a->a), l_ix(k, a->b)};
        return l_intrinsic(k->m, a->kind == ATOM_MIN ? "llvm.smin" : "llvm.smax", k->m->iptr, x, 2);
    }
    }
}

LLVMValueRef l_ix(LKern *k, const Ix *x)
{
    LLVMBuilderRef b = k->m->b;
    LLVMValueRef sum = NULL;
    for (int i = 0; i < x->n; i++) {
        LLVMValueRef t = atom(k, &x->t[i].atom);
        if (x->t[i].k != 1)
            t = LLVMBuildNSWMul(b, t, l_int(k->m, x->t[i].k), "");
        sum = sum ? LLVMBuildNSWAdd(b, sum, t, "") : t;
    }
    if (!sum || x->c)
        sum = sum ? LLVMBuildNSWAdd(b, sum, l_int(k->m, x->c), "") : l_int(k->m, x->c);
    return sum;
}

/* The constant part comes last, where it becomes the displacement of the access. */
LLVMValueRef l_address(LKern *k, int ref, int nix, const Ix *const *ix)
{
    LMod *m = k->m;
    const Ix *at = linear_offset(m->A, k->k, ref, nix, ix);
    int param = ref < 0 ? k->k->ptr.v[~ref].param : ref;
    LLVMTypeRef elem = l_type(m, vt(k->k->param.v[param].elem, 1));
    LLVMValueRef p = ref < 0 ? k->ptr[~ref] : k->param[ref];
    if (at->n) {
        Ix variable = *at;
        variable.c = 0;
        LLVMValueRef i = l_ix(k, &variable);
        p = LLVMBuildGEP2(m->b, elem, p, &i, 1, "");
    }
    if (at->c) {
        LLVMValueRef c = l_int(m, at->c);
        p = LLVMBuildGEP2(m->b, elem, p, &c, 1, "");
    }
    return p;
}
