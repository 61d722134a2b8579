/* The table of expressions, names within a kernel, equality and difference. */
#include "loop_impl.h"

#include <ctype.h>
#include <string.h>

const XInfo xop_info[NXOPS] = {
#define XOP(name, arity, cls, ...) {#name, arity, XC_##cls},
#include "loop_op.def"
#undef XOP
};

/* ---- names ---- */

/* Words of the text form and of C that nothing in a kernel may be called. */
static bool name_reserved(const char *s)
{
    static const char *const word[] = {
        /* the text form */
        "parallel", "unroll", "let", "store", "prefetch", "load", "index", "ptr", "note", "function", "inf", "nan",
        /* C11 */
        "auto", "break", "case", "char", "const", "continue", "default", "do", "double", "else", "enum", "extern",
        "float", "for", "goto", "if", "inline", "int", "long", "register", "restrict", "return", "short", "signed",
        "sizeof", "static", "struct", "switch", "typedef", "union", "unsigned", "void", "volatile", "while",
    };
    for (int i = 0; i < LEN(word); i++)
        if (strcmp(s, word[i]) == 0)
            return true;
    return false;
}

bool name_valid(const char *s)
{
    if (!s || !(isalpha((unsigned char)*s) || *s == '_'))
        return false;
    for (const char *p = s; *p; p++)
        if (!isalnum((unsigned char)*p) && *p != '_')
            return false;
    return !name_reserved(s);
}

Dict names_of(Arena *A, const Kernel *k)
{
    Dict m = dict_new(A);
    for (int i = 0; i < k->param.n; i++)
        dict_put(&m, k->param.v[i].name, 1);
    for (int i = 0; i < k->var.n; i++)
        dict_put(&m, k->var.v[i].name, 1);
    for (int i = 0; i < k->reg.n; i++)
        dict_put(&m, k->reg.v[i].name, 1);
    for (int i = 0; i < k->ptr.n; i++)
        dict_put(&m, k->ptr.v[i].name, 1);
    return m;
}

const char *name_unique(Dict *m, const char *name)
{
    const char *s = name;
    int next = dict_get(m, name);
    if (next >= 0 || name_reserved(name)) {
        next = next < 0 ? 1 : next;
        do
            s = arena_printf(m->arena, "%s_%d", name, next++);
        while (dict_get(m, s) >= 0);
        dict_put(m, name, next);
    }
    dict_put(m, s, 1);
    return s;
}

const char *name_refused(Dict *names, const char *what, const char *name)
{
    if (!name_valid(name))
        return arena_printf(names->arena, "%s '%s' is not a free C identifier", what, name ? name : "");
    if (dict_get(names, name) >= 0)
        return arena_printf(names->arena, "the name %s is given twice", name);
    dict_put(names, name, 1);
    return NULL;
}

/* ---- walking ---- */

void block_push(Arena *A, Block *b, Stmt *s)
{
    if (b->n == b->cap)
        b->v = vec_grow(A, b->v, &b->cap, sizeof *b->v);
    b->v[b->n++] = s;
}

int expr_arity(const Expr *e)
{
    return xop_info[e->op].arity;
}

/* ---- equality ---- */

static bool all_ix_eq(int n, const Ix *const *a, int m, const Ix *const *b)
{
    if (n != m)
        return false;
    for (int i = 0; i < n; i++)
        if (!ix_eq(a[i], b[i]))
            return false;
    return true;
}

static bool same_bits(double a, double b)
{
    return memcmp(&a, &b, sizeof a) == 0;
}

bool expr_eq(const Expr *a, const Expr *b)
{
    if (a == b)
        return true;
    if (a->op != b->op || !vt_eq(a->type, b->type) || !all_ix_eq(a->nix, a->ix, b->nix, b->ix))
        return false;
    if ((a->op == X_lane || a->op == X_const) && !same_bits(a->imm, b->imm))
        return false;
    if ((a->op == X_reg || a->op == X_load) && a->ref != b->ref)
        return false;
    if (a->op == X_load && a->n != b->n)
        return false;
    for (int i = 0; i < expr_arity(a); i++)
        if (!expr_eq(a->a[i], b->a[i]))
            return false;
    return true;
}

static bool text_eq(const char *a, const char *b)
{
    return strcmp(a ? a : "", b ? b : "") == 0;
}

static bool block_same(const Block *a, const Block *b, bool comments);

static bool stmt_same(const Stmt *a, const Stmt *b, bool comments)
{
    if (a->kind != b->kind || !all_ix_eq(a->nix, a->ix, b->nix, b->ix))
        return false;
    switch (a->kind) {
    case ST_FOR:
        return a->loop == b->loop && a->var == b->var && a->step == b->step && ix_eq(a->lo, b->lo) &&
               ix_eq(a->hi, b->hi) && block_same(&a->body, &b->body, comments);
    case ST_LET:
    case ST_SET:
        return a->ref == b->ref && expr_eq(a->val, b->val);
    case ST_STORE:
        return a->ref == b->ref && a->n == b->n && expr_eq(a->val, b->val);
    case ST_INDEX:
        return a->ref == b->ref && a->var == b->var;
    case ST_PTR:
        return a->ref == b->ref && a->ptr == b->ptr;
    case ST_PREFETCH:
        return a->ref == b->ref;
    case ST_COMMENT:
        return !comments || text_eq(a->text, b->text);
    case ST_RETURN:
        return expr_eq(a->val, b->val);
    }
    return false;
}

static bool block_same(const Block *a, const Block *b, bool comments)
{
    if (a->n != b->n)
        return false;
    for (int i = 0; i < a->n; i++)
        if (!stmt_same(a->v[i], b->v[i], comments))
            return false;
    return true;
}

/* exact: names, titles and comments count too. */
static bool kernel_same(const Kernel *a, const Kernel *b, bool exact)
{
    if (a->param.n != b->param.n || a->var.n != b->var.n || a->reg.n != b->reg.n || a->ptr.n != b->ptr.n)
        return false;
    if (exact && (!text_eq(a->name, b->name) || !text_eq(a->title, b->title)))
        return false;
    for (int i = 0; i < a->param.n; i++) {
        const KParam *p = &a->param.v[i], *q = &b->param.v[i];
        if (p->elem != q->elem || p->rank != q->rank || memcmp(p->dim, q->dim, (size_t)p->rank * sizeof *p->dim) ||
            p->access != q->access || p->alias != q->alias || (exact && !text_eq(p->name, q->name)))
            return false;
    }
    for (int i = 0; i < a->var.n; i++)
        if (exact && !text_eq(a->var.v[i].name, b->var.v[i].name))
            return false;
    for (int i = 0; i < a->reg.n; i++) {
        const Reg *p = &a->reg.v[i], *q = &b->reg.v[i];
        if (!vt_eq(p->type, q->type) || p->rank != q->rank ||
            memcmp(p->dim, q->dim, (size_t)p->rank * sizeof *p->dim) || (exact && !text_eq(p->name, q->name)))
            return false;
    }
    for (int i = 0; i < a->ptr.n; i++)
        if (a->ptr.v[i].param != b->ptr.v[i].param || (exact && !text_eq(a->ptr.v[i].name, b->ptr.v[i].name)))
            return false;
    return block_same(&a->body, &b->body, exact);
}

bool kernel_eq(const Kernel *a, const Kernel *b)
{
    return kernel_same(a, b, false);
}

/* ---- difference ---- */

static const char *buf_diff(Arena *A, const PBuf *a, const PBuf *b)
{
    if (!text_eq(a->name, b->name))
        return arena_printf(A, "buffer %s against %s", a->name, b->name);
    const char *what = a->kind != b->kind            ? "kind"
                       : !type_eq(&a->type, &b->type) ? "type"
                       : a->align != b->align         ? "alignment"
                       : !a->data != !b->data         ? "presence of numbers"
                                                      : NULL;
    if (what)
        return arena_printf(A, "buffer %s: %s", a->name, what);
    size_t bytes = (size_t)type_elems(&a->type) * (size_t)dtype_size(a->type.dtype);
    if (a->data && memcmp(a->data, b->data, bytes))
        return arena_printf(A, "buffer %s: numbers", a->name);
    return NULL;
}

static const char *call_diff(Arena *A, int i, const Call *a, const Call *b)
{
    if (a->kernel != b->kernel || a->arg.n != b->arg.n)
        return arena_printf(A, "call %d: kernel or number of arguments", i);
    for (int j = 0; j < a->arg.n; j++)
        if (a->arg.v[j].buf != b->arg.v[j].buf || a->arg.v[j].offset != b->arg.v[j].offset)
            return arena_printf(A, "call %d: argument %d", i, j);
    return NULL;
}

/* The first line in which the two kernels' texts differ. */
static const char *kernel_diff(Arena *A, const Kernel *a, const Kernel *b)
{
    Buf s = {0}, t = {0};
    kernel_print(&s, a);
    kernel_print(&t, b);
    const char *p = s.s, *q = t.s, *r;
    int line = 1;
    for (; *p && *p == *q; p++, q++)
        line += *p == '\n';
    if (*p == *q) {
        r = arena_printf(A, "kernel %s: the numbering of its names", a->name);
    } else {
        while (p > s.s && p[-1] != '\n')
            p--, q--;
        r = arena_printf(A, "kernel %s, line %d: '%.*s' against '%.*s'", a->name, line, (int)strcspn(p, "\n"), p,
                         (int)strcspn(q, "\n"), q);
    }
    buf_free(&s);
    buf_free(&t);
    return r;
}

const char *program_diff(Arena *A, const Program *a, const Program *b)
{
    if (!text_eq(a->name, b->name))
        return arena_printf(A, "name %s against %s", a->name, b->name);
    if (a->arena_bytes != b->arena_bytes || a->arena_align != b->arena_align)
        return "arena's size or alignment";
    if (a->flush_to_zero != b->flush_to_zero)
        return "flush_to_zero";
    if (a->buf.n != b->buf.n || a->kernel.n != b->kernel.n || a->call.n != b->call.n)
        return "number of buffers, kernels or calls";
    const char *d = NULL;
    for (int i = 0; !d && i < a->buf.n; i++)
        d = buf_diff(A, &a->buf.v[i], &b->buf.v[i]);
    for (int i = 0; !d && i < a->kernel.n; i++)
        if (!kernel_same(&a->kernel.v[i], &b->kernel.v[i], true))
            d = kernel_diff(A, &a->kernel.v[i], &b->kernel.v[i]);
    for (int i = 0; !d && i < a->call.n; i++)
        d = call_diff(A, i, &a->call.v[i], &b->call.v[i]);
    return d;
}
