/* Runs programs in loop IR as loop_op.def defines them: what compiled kernels are compared with. Kernels are turned
   into trees with every reference resolved and every intermediate value in its own place, then walked; nothing is
   allocated while they run. Parallel loops run in order, and marks on memory tell whether any other would do. */
#include "loop_impl.h"

#include <float.h>
#include <math.h>
#include <string.h>

/* An index expression; of variables only where slow is NULL. */
typedef struct Affine { int64_t c; int n; struct AffineTerm { int64_t k; int var; } *t; const Ix *slow; } Affine;

/* The parts of a call on a kernel with a parallel loop are numbered: what comes before the loop, then each iteration. Of
   four bytes that the kernel may store to: the part that stored them last, and the iteration that read them, or the number
   of what comes before the loop where several did. Numbers grow from call to call, so that marks of earlier ones are lower. */
typedef struct Mark { uint32_t stored, read; } Mark;

/* Where an access goes: a parameter's memory, and how far. base: elements before index 0 (through a pointer). */
typedef struct At {
    const KParam *param;
    char **mem;
    Mark **mark;            /* of mem; to NULL where nothing need be marked */
    int64_t *base;          /* NULL: param itself */
    int64_t elems;          /* of param */
    int size;               /* bytes of an element */
    int n;
    Affine *ix;
    int64_t dim[MAX_IX];
    const Ix *const *source;
    int ref;
} At;

typedef struct XNode {
    XOp op;
    bool integer;           /* the operands */
    struct Ready *function; /* of an operation of class math */
    int lanes, n;
    struct XNode *a[4];
    void *out;              /* the value: lanes x 4 bytes */
    Affine *ix;             /* reg, index */
    const Reg *reg;
    At at;
} XNode;

typedef struct SNode {
    StmtKind kind;
    Affine lo, hi;
    int64_t step, *var;     /* FOR, INDEX: the variable; PTR: the pointer */
    bool parallel;          /* FOR */
    struct SNode *body;
    int nbody, n, bytes;
    const Reg *reg;
    char *file;             /* the register's elements */
    int64_t elems;
    Affine *ix;
    At at;
    XNode *val;
} SNode;

typedef struct Ready {
    SNode *body;
    int nbody;
    int64_t *var, *ptr;
    char **mem, **file;
    Mark **mark;            /* of every mem; NULL where the kernel has no parallel loop or never stores there */
    const void *result;     /* of a function */
} Ready;
/* A function on vectors of so many lanes. */
typedef struct ReadyFn { XOp op; int lanes; Ready *r; } ReadyFn;

typedef struct Interp {
    Arena *A;
    const Program *p;
    const Kernel *k;
    Ready *r;               /* of the kernel at work */
    VEC(ReadyFn) function;
    int call;
    uint32_t before, part;  /* numbers of what comes before the parallel loop, and of what runs now */
    Mark *arena, **mark;    /* of the arena and of every PBuf */
    const char *error;
} Interp;

/* ---- preparation ---- */

static Affine affine(Interp *in, const Ix *x)
{
    Affine a = {.c = x->c, .n = x->n, .t = x->n ? NEW(in->A, struct AffineTerm, x->n) : NULL};
    for (int i = 0; i < x->n; i++) {
        if (x->t[i].atom.kind != ATOM_VAR)
            a.slow = x;
        a.t[i].k = x->t[i].k;
        a.t[i].var = x->t[i].atom.var;
    }
    return a;
}

static Affine *affines(Interp *in, int n, const Ix *const *ix)
{
    Affine *a = NEW(in->A, Affine, n + 1);
    for (int i = 0; i < n; i++)
        a[i] = affine(in, ix[i]);
    return a;
}

static At access_at(Interp *in, int ref, int n, const Ix *const *ix)
{
    int p = ref_param(in->k, ref);
    const KParam *param = &in->k->param.v[p];
    At at = {.param = param, .mem = &in->r->mem[p], .mark = &in->r->mark[p], .elems = 1, .size = dtype_size(param->elem),
             .base = ref < 0 ? &in->r->ptr[~ref] : NULL, .n = n, .ix = affines(in, n, ix), .source = ix, .ref = ref};
    for (int i = 0; i < param->rank; i++)
        at.elems *= at.dim[i] = param->dim[i];
    return at;
}

static Ready *prepare(Interp *in, const Kernel *k);

static Ready *function(Interp *in, XOp op, int lanes)
{
    for (int i = 0; i < in->function.n; i++)
        if (in->function.v[i].op == op && in->function.v[i].lanes == lanes)
            return in->function.v[i].r;
    Ready *r = prepare(in, xop_function(in->A, op, lanes));
    PUSH(in->A, &in->function, (ReadyFn){op, lanes, r});
    return r;
}

static XNode *prepare_expr(Interp *in, const Expr *e)
{
    XNode *x = NEW(in->A, XNode, 1);
    x->op = e->op;
    x->integer = (expr_arity(e) ? e->a[0] : e)->type.elem == DT_I32;
    if (xop_info[e->op].cls == XC_math)
        x->function = function(in, e->op, e->type.lanes);
    x->lanes = e->type.lanes;
    x->n = e->op == X_lane ? (int)e->imm : e->n;
    if (e->op == X_reg) {
        x->reg = &in->k->reg.v[e->ref];
        x->ix = affines(in, e->nix, e->ix);
        x->out = in->r->file[e->ref];
        return x;
    }
    x->out = arena_alloc(in->A, (size_t)x->lanes, 4, 64);
    if (e->op == X_load)
        x->at = access_at(in, e->ref, e->nix, e->ix);
    if (e->op == X_index)
        x->ix = affines(in, 1, e->ix);
    for (int i = 0; e->op == X_const && i < x->lanes; i++) {
        if (x->integer)
            ((int32_t *)x->out)[i] = (int32_t)e->imm;
        else
            ((float *)x->out)[i] = (float)e->imm;
    }
    for (int i = 0; i < expr_arity(e); i++)
        x->a[i] = prepare_expr(in, e->a[i]);
    return x;
}

static int prepare_block(Interp *in, const Block *b, SNode **out)
{
    SNode *v = NEW(in->A, SNode, b->n + 1);
    int n = 0;
    for (int i = 0; i < b->n; i++) {
        const Stmt *s = b->v[i];
        if (s->kind == ST_COMMENT)
            continue;
        SNode *d = &v[n++];
        *d = (SNode){.kind = s->kind, .step = s->step, .n = s->n};
        if (s->val)
            d->val = prepare_expr(in, s->val);
        if (s->kind == ST_FOR) {
            d->lo = affine(in, s->lo);
            d->hi = affine(in, s->hi);
            d->parallel = s->loop == LOOP_PARALLEL;
            d->nbody = prepare_block(in, &s->body, &d->body);
        } else if (s->kind == ST_LET || s->kind == ST_SET) {
            d->reg = &in->k->reg.v[s->ref];
            d->file = in->r->file[s->ref];
            d->bytes = d->reg->type.lanes * 4;
            d->elems = 1;
            for (int j = 0; j < d->reg->rank; j++)
                d->elems *= d->reg->dim[j];
            d->ix = affines(in, s->nix, s->ix);
        } else if (s->kind != ST_RETURN) {
            d->at = access_at(in, s->ref, s->nix, s->ix);
        }
        if (s->kind == ST_FOR || s->kind == ST_INDEX)
            d->var = &in->r->var[s->var];
        else if (s->kind == ST_PTR)
            d->var = &in->r->ptr[s->ptr];
    }
    *out = v;
    return n;
}

static Ready *prepare(Interp *in, const Kernel *k)
{
    const Kernel *outer_k = in->k;
    Ready *outer_r = in->r, *r = NEW(in->A, Ready, 1);
    in->k = k;
    in->r = r;
    r->var = NEW(in->A, int64_t, k->var.n + 1);
    r->ptr = NEW(in->A, int64_t, k->ptr.n + 1);
    r->mem = NEW(in->A, char *, k->param.n + 1);
    r->mark = NEW(in->A, Mark *, k->param.n + 1);
    r->file = NEW(in->A, char *, k->reg.n + 1);
    for (int i = 0; i < k->reg.n; i++) {
        const Reg *g = &k->reg.v[i];
        size_t n = (size_t)g->type.lanes;
        for (int j = 0; j < g->rank; j++)
            n *= (size_t)g->dim[j];
        r->file[i] = arena_alloc(in->A, n, 4, 64);
    }
    r->nbody = prepare_block(in, &k->body, &r->body);
    in->k = outer_k;
    in->r = outer_r;
    return r;
}

/* ---- addresses ---- */

static inline int64_t value(const Interp *in, const Affine *a)
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
static int64_t element(const Interp *in, const Reg *r, const Affine *ix)
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

static bool stored_elsewhere(const Interp *in, const Mark *m)
{
    return m->stored >= in->before && m->stored != in->part;
}

/* An iteration is at work. */
static bool stored_by_another(const Interp *in, const Mark *m)
{
    return m->stored > in->before && m->stored != in->part;
}

static bool read_by_another(const Interp *in, const Mark *m)
{
    return m->read >= in->before && m->read != in->part;
}

static void clash(Interp *in, const At *at, const char *what, int n, const Mark *m)
{
    const char *other = stored_elsewhere(in, m) ? arena_printf(in->A, "stored %s", part_name(in, m->stored))
                        : m->read == in->before ? "read in several iterations of the parallel loop"
                                                : arena_printf(in->A, "read %s", part_name(in, m->read));
    violation(in, at, what, n, arena_printf(in->A, "element %lld of %s is %s, and accessed %s", (long long)(m - *at->mark),
                                            at->param->name, other, part_name(in, in->part)));
}

static void mark_load(Interp *in, const At *at, const char *p, const char *what, int n)
{
    Mark *m = *at->mark + (p - *at->mem) / 4;
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
    Mark *m = *at->mark + (p - *at->mem) / 4;
    for (int i = 0; i < n; i++, m++) {
        if (stored_elsewhere(in, m) || read_by_another(in, m))
            clash(in, at, "store", n, m);
        m->stored = in->part;
    }
}

/* ---- arithmetic ---- */

#define LANES(expr)                                                                                                    \
    for (int l = 0; l < n; l++)                                                                                        \
        r[l] = (expr);                                                                                                 \
    return

static void lanes_f32(XOp op, int n, float *restrict r, const float *a, const float *b, const float *c, const float *d)
{
    switch (op) {
    case X_splat: LANES(a[0]);
    case X_add: LANES(a[l] + b[l]);
    case X_sub: LANES(a[l] - b[l]);
    case X_mul: LANES(a[l] * b[l]);
    case X_div: LANES(a[l] / b[l]);
    case X_max: LANES(a[l] > b[l] ? a[l] : b[l]);
    case X_min: LANES(a[l] < b[l] ? a[l] : b[l]);
    case X_maximum: LANES(a[l] > b[l] || isnan(a[l]) ? a[l] : b[l]);
    case X_minimum: LANES(a[l] < b[l] || isnan(a[l]) ? a[l] : b[l]);
    case X_neg: LANES(-a[l]);
    case X_abs: LANES(fabsf(a[l]));
    case X_sqrt: LANES(sqrtf(a[l]));
    case X_fma: LANES(fmaf(a[l], b[l], c[l]));
    case X_select_gt: LANES(a[l] > b[l] ? c[l] : d[l]);
    default: bug("interpreter: %s of f32", xop_info[op].name);
    }
}

/* Wrapping: on the bits, as unsigned. */
static void lanes_i32(XOp op, int n, int32_t *restrict r, const int32_t *a, const int32_t *b, const int32_t *c,
                      const int32_t *d)
{
    switch (op) {
    case X_splat: LANES(a[0]);
    case X_add: LANES((int32_t)((uint32_t)a[l] + (uint32_t)b[l]));
    case X_sub: LANES((int32_t)((uint32_t)a[l] - (uint32_t)b[l]));
    case X_mul: LANES((int32_t)((uint32_t)a[l] * (uint32_t)b[l]));
    case X_max:
    case X_maximum: LANES(a[l] > b[l] ? a[l] : b[l]);
    case X_min:
    case X_minimum: LANES(a[l] < b[l] ? a[l] : b[l]);
    case X_neg: LANES((int32_t)-(uint32_t)a[l]);
    case X_abs: LANES(a[l] < 0 ? (int32_t)-(uint32_t)a[l] : a[l]);
    case X_select_gt: LANES(a[l] > b[l] ? c[l] : d[l]);
    case X_and: LANES(a[l] & b[l]);
    case X_or: LANES(a[l] | b[l]);
    case X_shl: LANES((int32_t)((uint32_t)a[l] << (b[l] & 31)));
    case X_shr: LANES((int32_t)((uint32_t)a[l] >> (b[l] & 31)));
    default: bug("interpreter: %s of i32", xop_info[op].name);
    }
}

static void cast(const XNode *x, const void *a)
{
    if (x->op == X_convert)
        for (int l = 0; l < x->lanes; l++)
            ((float *)x->out)[l] = (float)((const int32_t *)a)[l];
    else
        memcpy(x->out, a, (size_t)x->lanes * 4);
}

/* What processors make of subnormal numbers in that mode. They differ in whether a result that rounds up to the least
   normal number is one. */
static const float *flush_lanes(float *r, const float *a, int n)
{
    for (int l = 0; l < n; l++)
        r[l] = fabsf(a[l]) < FLT_MIN ? copysignf(0, a[l]) : a[l];
    return r;
}

/* Halves added (or compared) until one lane is left. */
static void fold(const XNode *x, const void *a, int n, bool flush)
{
    union { float f[MAX_LANES]; int32_t i[MAX_LANES]; } v, half;
    XOp op = x->op == X_hsum ? X_add : X_max;
    memcpy(&v, a, (size_t)n * 4);
    for (n /= 2; n >= 1; n /= 2) {
        if (x->integer)
            lanes_i32(op, n, half.i, v.i, v.i + n, NULL, NULL);
        else
            lanes_f32(op, n, half.f, v.f, v.f + n, NULL, NULL);
        if (flush)
            flush_lanes(half.f, half.f, n);
        memcpy(&v, &half, (size_t)n * 4);
    }
    memcpy(x->out, &v, 4);
}

static void run_block(Interp *in, const SNode *v, int n);

static void call(Interp *in, const XNode *x, const void *const *a)
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
            a[i] = flush_lanes(flushed[i], a[i], x->a[i]->lanes);
    }
    if (x->function) {
        call(in, x, a);
    } else if (x->op == X_lane) {
        memcpy(x->out, (const char *)a[0] + 4 * x->n, 4);
    } else if (xop_info[x->op].cls == XC_cast) {
        cast(x, a[0]);
    } else if (x->op == X_hsum || x->op == X_hmax) {
        fold(x, a[0], x->a[0]->lanes, flush);
    } else if (x->integer) {
        lanes_i32(x->op, x->lanes, x->out, a[0], a[1], a[2], a[3]);
    } else {
        lanes_f32(x->op, x->lanes, x->out, a[0], a[1], a[2], a[3]);
    }
    if (flush)
        flush_lanes(x->out, x->out, x->lanes);
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
static Mark *marks(Interp *in, Mark *m, int64_t n)
{
    if (!m)
        return NEW(in->A, Mark, n + 1);
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
    Interp in = {.A = scratch, .p = p, .mark = NEW(scratch, Mark *, p->buf.n + 1)};
    char **mem = buffers(&in, io);
    Ready **ready = NEW(scratch, Ready *, p->kernel.n + 1);
    for (int i = 0; i < p->call.n && !in.error; i++) {
        const Call *c = &p->call.v[i];
        in.call = i;
        in.k = &p->kernel.v[c->kernel];
        in.r = ready[c->kernel];
        if (!in.r)
            in.r = ready[c->kernel] = prepare(&in, in.k);
        bind(&in, c, mem, arena);
        run_block(&in, in.r->body, in.error ? 0 : in.r->nbody);
    }
    return in.error;
}
