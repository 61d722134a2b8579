/* Expressions as LLVM values. ir/loop/loop_op.def defines them, operation by operation. No operation carries a
   fast-math flag, so nothing is contracted or reassociated. */
#include "impl.h"

#include <string.h>

static LLVMValueRef build_constant(LMod *m, VT t, double x)
{
    LLVMValueRef c = t.elem == DT_F32 ? LLVMConstReal(m->f32, (double)(float)x)
                                      : LLVMConstInt(m->i32, (unsigned long long)(int64_t)x, true);
    if (t.lanes == 1)
        return c;
    LLVMValueRef lane[MAX_VECTOR];
    for (int i = 0; i < t.lanes; i++)
        lane[i] = c;
    return LLVMConstVector(lane, (unsigned)t.lanes);
}

/* ---- partial moves ---- */

static LLVMValueRef lanes_constant(LMod *m, const int *lane, int n)
{
    LLVMValueRef v[MAX_VECTOR];
    for (int i = 0; i < n; i++)
        v[i] = lane[i] < 0 ? LLVMGetPoison(m->i32) : LLVMConstInt(m->i32, (unsigned)lane[i], false);
    return LLVMConstVector(v, (unsigned)n);
}

static LLVMValueRef mask(LMod *m, int n, int lanes)
{
    LLVMValueRef v[MAX_VECTOR];
    for (int i = 0; i < lanes; i++)
        v[i] = LLVMConstInt(m->i1, i < n, false);
    return LLVMConstVector(v, (unsigned)lanes);
}

static LLVMValueRef masked(LMod *m, bool store, LLVMTypeRef type, LLVMValueRef *arg)
{
    static const char *const name[] = {"llvm.masked.load", "llvm.masked.store"};
    unsigned id = LLVMLookupIntrinsicID(name[store], strlen(name[store]));
    LLVMTypeRef over[] = {type, m->ptr};
    LLVMValueRef fn = LLVMGetIntrinsicDeclaration(m->mod, id, over, 2);
    return l_call(m, LLVMIntrinsicGetType(m->ctx, id, over, 2), fn, arg, 4);
}

static LLVMValueRef aligned_load(LMod *m, LLVMTypeRef type, LLVMValueRef at)
{
    LLVMValueRef x = LLVMBuildLoad2(m->b, type, at, "");
    LLVMSetAlignment(x, 4);
    return x;
}

static LLVMValueRef further(LMod *m, VT t, LLVMValueRef at, int elements)
{
    LLVMValueRef i = l_int(m, elements);
    return elements ? LLVMBuildGEP2(m->b, l_type(m, vt(t.elem, 1)), at, &i, 1, "") : at;
}

/* Four lanes move in halves and single lanes, for which every ISA has instructions; more under a mask. */
enum { FEW = 4 };

static LLVMValueRef load_part(LMod *m, VT t, LLVMValueRef at, int n)
{
    LLVMTypeRef type = l_type(m, t);
    if (t.lanes > FEW) {
        LLVMValueRef arg[] = {at, LLVMConstInt(m->i32, 4, false), mask(m, n, t.lanes), LLVMConstNull(type)};
        return masked(m, false, type, arg);
    }
    LLVMValueRef x = LLVMConstNull(type);
    int done = 0;
    if (n >= 2) {
        LLVMTypeRef half = l_type(m, vt(t.elem, 2));
        int wide[FEW] = {0, 1, 2, 3};
        LLVMValueRef lanes = lanes_constant(m, wide, t.lanes);
        x = LLVMBuildShuffleVector(m->b, aligned_load(m, half, at), LLVMConstNull(half), lanes, "");
        done = 2;
    }
    for (; done < n; done++) {
        LLVMValueRef e = aligned_load(m, l_type(m, vt(t.elem, 1)), further(m, t, at, done));
        x = LLVMBuildInsertElement(m->b, x, e, l_int(m, done), "");
    }
    return x;
}

static void aligned_store(LMod *m, LLVMValueRef x, LLVMValueRef at)
{
    LLVMSetAlignment(LLVMBuildStore(m->b, x, at), 4);
}

void l_store_value(LKern *k, LLVMValueRef x, VT t, LLVMValueRef at, int n)
{
    LMod *m = k->m;
    if (n == t.lanes) {
        aligned_store(m, x, at);
    } else if (t.lanes > FEW) {
        LLVMValueRef arg[] = {x, at, LLVMConstInt(m->i32, 4, false), mask(m, n, t.lanes)};
        masked(m, true, l_type(m, t), arg);
    } else {
        int done = 0, low[] = {0, 1};
        if (n >= 2) {
            LLVMValueRef none = LLVMGetPoison(l_type(m, t));
            aligned_store(m, LLVMBuildShuffleVector(m->b, x, none, lanes_constant(m, low, 2), ""), at);
            done = 2;
        }
        for (; done < n; done++)
            aligned_store(m, LLVMBuildExtractElement(m->b, x, l_int(m, done), ""), further(m, t, at, done));
    }
}

/* ---- operations ---- */

static LLVMValueRef greater(LMod *m, bool real, LLVMValueRef a, LLVMValueRef b)
{
    return real ? LLVMBuildFCmp(m->b, LLVMRealOGT, a, b, "") : LLVMBuildICmp(m->b, LLVMIntSGT, a, b, "");
}

static LLVMValueRef not_less(LMod *m, bool real, LLVMValueRef a, LLVMValueRef b)
{
    return real ? LLVMBuildFCmp(m->b, LLVMRealOGE, a, b, "") : LLVMBuildICmp(m->b, LLVMIntSGE, a, b, "");
}

/* max and min in the words of loop_op.def, which x86 has as MAXPS and MINPS. */
static LLVMValueRef larger(LMod *m, bool real, LLVMValueRef a, LLVMValueRef b)
{
    return LLVMBuildSelect(m->b, greater(m, real, a, b), a, b, "");
}

static LLVMValueRef smaller(LMod *m, bool real, LLVMValueRef a, LLVMValueRef b)
{
    LLVMValueRef less = real ? LLVMBuildFCmp(m->b, LLVMRealOLT, a, b, "") : LLVMBuildICmp(m->b, LLVMIntSLT, a, b, "");
    return LLVMBuildSelect(m->b, less, a, b, "");
}

/* The same, but a where that is NaN. */
static LLVMValueRef or_nan(LMod *m, bool real, LLVMValueRef a, LLVMValueRef other)
{
    return real ? LLVMBuildSelect(m->b, LLVMBuildFCmp(m->b, LLVMRealUNO, a, a, ""), a, other, "") : other;
}

static LLVMValueRef build_add(LMod *m, bool real, LLVMValueRef a, LLVMValueRef b)
{
    return real ? LLVMBuildFAdd(m->b, a, b, "") : LLVMBuildAdd(m->b, a, b, "");
}

/* Halves added (or compared) until one lane is left. */
static LLVMValueRef fold(LMod *m, bool sum, bool real, LLVMValueRef x, int lanes)
{
    for (int n = lanes / 2; n >= 1; n /= 2) {
        int low[MAX_VECTOR], high[MAX_VECTOR];
        for (int i = 0; i < n; i++) {
            low[i] = i;
            high[i] = n + i;
        }
        LLVMValueRef none = LLVMGetPoison(LLVMTypeOf(x));
        LLVMValueRef a = LLVMBuildShuffleVector(m->b, x, none, lanes_constant(m, low, n), "");
        LLVMValueRef b = LLVMBuildShuffleVector(m->b, x, none, lanes_constant(m, high, n), "");
        x = sum ? build_add(m, real, a, b) : larger(m, real, a, b);
    }
    return lanes > 1 ? LLVMBuildExtractElement(m->b, x, l_int(m, 0), "") : x;
}

static LLVMValueRef square_root(LMod *m, VT t, LLVMValueRef x)
{
    if (!m->soft_sqrt)
        return l_intrinsic(m, "llvm.sqrt", l_type(m, t), &x, 1);
    if (t.lanes == 1)
        return l_math(m, X_sqrt_soft, 1, &x);
    LLVMValueRef y = LLVMGetPoison(l_type(m, t));
    for (int i = 0; i < t.lanes; i++) {
        LLVMValueRef e = LLVMBuildExtractElement(m->b, x, l_int(m, i), "");
        y = LLVMBuildInsertElement(m->b, y, l_math(m, X_sqrt_soft, 1, &e), l_int(m, i), "");
    }
    return y;
}

static LLVMValueRef absolute(LMod *m, VT t, bool real, LLVMValueRef x)
{
    LLVMTypeRef type = l_type(m, t);
    if (real)
        return l_intrinsic(m, "llvm.fabs", type, &x, 1);
    LLVMValueRef below = LLVMBuildICmp(m->b, LLVMIntSLT, x, LLVMConstNull(type), "");
    return LLVMBuildSelect(m->b, below, LLVMBuildNeg(m->b, x, ""), x, "");
}

/* The instruction that a function of ir/loop/functions.loops stands for; NULL: none, or this machine lacks it. */
static const char *instruction(const LMod *m, XOp op)
{
    switch (m->rounds ? op : X_const) {
    case X_rint: return "llvm.roundeven";
    case X_floor: return "llvm.floor";
    case X_ceil: return "llvm.ceil";
    case X_trunc: return "llvm.trunc";
    default: return NULL;
    }
}

static LLVMValueRef math(LMod *m, const Expr *e, LLVMValueRef *a)
{
    const char *one = instruction(m, e->op);
    return one ? l_intrinsic(m, one, l_type(m, e->type), a, 1) : l_math(m, e->op, e->type.lanes, a);
}

static LLVMValueRef operation(LKern *k, const Expr *e)
{
    LMod *m = k->m;
    LLVMBuilderRef b = m->b;
    LLVMValueRef a[4] = {0};
    for (int i = 0; i < xop_info[e->op].arity; i++)
        a[i] = l_expr(k, e->a[i]);
    bool real = e->type.elem == DT_F32;
    if (xop_info[e->op].cls == XC_math)
        return math(m, e, a);
    switch (e->op) {
    case X_splat: return l_splat(m, a[0], e->type.lanes);
    case X_add: return build_add(m, real, a[0], a[1]);
    case X_sub: return real ? LLVMBuildFSub(b, a[0], a[1], "") : LLVMBuildSub(b, a[0], a[1], "");
    case X_mul: return real ? LLVMBuildFMul(b, a[0], a[1], "") : LLVMBuildMul(b, a[0], a[1], "");
    case X_div: return LLVMBuildFDiv(b, a[0], a[1], "");
    case X_max: return larger(m, real, a[0], a[1]);
    case X_min: return smaller(m, real, a[0], a[1]);
    case X_maximum: return or_nan(m, real, a[0], larger(m, real, a[0], a[1]));
    case X_minimum: return or_nan(m, real, a[0], smaller(m, real, a[0], a[1]));
    case X_neg: return real ? LLVMBuildFNeg(b, a[0], "") : LLVMBuildNeg(b, a[0], "");
    case X_abs: return absolute(m, e->type, real, a[0]);
    case X_sqrt: return square_root(m, e->type, a[0]);
    case X_fma: return l_intrinsic(m, "llvm.fma", l_type(m, e->type), a, 3);
    case X_select_gt: return LLVMBuildSelect(b, greater(m, real, a[0], a[1]), a[2], a[3], "");
    case X_select_ge: return LLVMBuildSelect(b, not_less(m, real, a[0], a[1]), a[2], a[3], "");
    case X_and: return LLVMBuildAnd(b, a[0], a[1], "");
    case X_or: return LLVMBuildOr(b, a[0], a[1], "");
    case X_shl: return LLVMBuildShl(b, a[0], a[1], "");
    case X_shr: return LLVMBuildLShr(b, a[0], a[1], "");
    case X_bitcast: return LLVMBuildBitCast(b, a[0], l_type(m, e->type), "");
    case X_convert: return LLVMBuildSIToFP(b, a[0], l_type(m, e->type), "");
    case X_hsum: return fold(m, true, real, a[0], e->a[0]->type.lanes);
    case X_hmax: return fold(m, false, real, a[0], e->a[0]->type.lanes);
    case X_lane:
        return e->a[0]->type.lanes == 1 ? a[0] : LLVMBuildExtractElement(b, a[0], l_int(m, (int64_t)e->imm), "");
    default: bug("LLVM backend: operation %s", xop_info[e->op].name);
    }
}

LLVMValueRef l_expr(LKern *k, const Expr *e)
{
    LMod *m = k->m;
    switch (e->op) {
    case X_const:
        return build_constant(m, e->type, e->imm);
    case X_reg:
        return LLVMBuildLoad2(m->b, l_type(m, e->type), l_element(k, e->ref, e->nix, e->ix), "");
    case X_load: {
        LLVMValueRef at = l_address(k, e->ref, e->nix, e->ix);
        return e->n < e->type.lanes ? load_part(m, e->type, at, e->n) : aligned_load(m, l_type(m, e->type), at);
    }
    case X_index:
        return LLVMBuildIntCast2(m->b, l_ix(k, e->ix[0]), m->i32, true, "");
    default:
        return operation(k, e);
    }
}
