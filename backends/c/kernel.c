/* Kernels as C functions: loops, registers as variables, stores. */
#include "c.h"

#include <string.h>

/* ---- statements ---- */

/* Is this where the thing is declared? Its scope is the block that is open. */
static bool declares(KPrint *k, int *at)
{
    if (*at)
        return false;
    *at = k->depth;
    return true;
}

static void close_scope(KPrint *k)
{
    c_end_line(k);
    k->depth--;
    names_release(&k->local, k->scope.v[--k->scope.n]);
    for (int i = 0; i < k->k->var.n; i++)
        k->var_at[i] = k->var_at[i] > k->depth ? 0 : k->var_at[i];
    for (int i = 0; i < k->k->ptr.n; i++)
        k->ptr_at[i] = k->ptr_at[i] > k->depth ? 0 : k->ptr_at[i];
    for (int i = 0; i < k->k->reg.n; i++)
        k->reg_at[i] = k->reg_at[i] > k->depth ? 0 : k->reg_at[i];
}

/* acc, acc3 and acc3_1, or acc0_3 where the name ends in a digit. */
static const char *element_name(KPrint *k, const Reg *r, const char *name, int64_t j)
{
    const char *s = "";
    for (int64_t d = r->rank - 1, rest = j; d >= 0; rest /= r->dim[d], d--)
        s = arena_printf(k->A, "_%lld%s", (long long)(rest % r->dim[d]), s);
    bool digit = strchr("0123456789", name[strlen(name) - 1]);
    return arena_printf(k->A, "%s%s", name, s + (*s && !digit));
}

/* A tile's elements all keep the short name, or none. */
static void name_register(KPrint *k, int reg)
{
    const Reg *r = &k->k->reg.v[reg];
    if (r->rank == 0) {
        k->elem[reg][0] = names_take_local(&k->local, r->name);
        return;
    }
    const char *name = names_short(k->A, r->name);
    int64_t n = reg_elems(r);
    for (int64_t j = 0; j < n; j++)
        if (names_taken(&k->local, element_name(k, r, name, j)))
            name = r->name;
    for (int64_t j = 0; j < n; j++)
        if (k->live.elem[reg][j])
            k->elem[reg][j] = names_take(&k->local, element_name(k, r, name, j));
}

/* The text of a let's value; of a load, with what the compiler is told of its register. */
static Buf initial(KPrint *k, const Stmt *s)
{
    bool address;
    const char *row = c_hold(k, s, &address);
    Buf init = {0}, b = {0};
    if (row && address)
        c_address(k, &init, s->val->ref, linear_offset(k->A, k->k, s->val->ref, s->val->nix, s->val->ix));
    else
        c_expr(k, &init, s->val, PREC_ANY);
    if (!row)
        return init;
    c_need(k->c, row);
    c_pattern(k, &b, row, &(Operands){.text = {init.s}, .p = init.s});
    buf_free(&init);
    return b;
}

/* The initial value is computed once; further elements of a tile copy the first. */
static void let(KPrint *k, const Stmt *s)
{
    const Reg *r = &k->k->reg.v[s->ref];
    const char *type = c_typename(k->c, r->type);
    Buf init = initial(k, s), b = {0};
    bool first = declares(k, &k->reg_at[s->ref]);
    if (first)
        name_register(k, s->ref);
    bool repeat = s->val->op == X_const && s->val->type.lanes == 1;
    const char *value = init.s;
    for (int64_t i = 0, n = 0; i < reg_elems(r); i++) {
        if (!k->live.elem[s->ref][i])
            continue;
        const char *name = k->elem[s->ref][i];
        buf_printf(&b, n++ ? first ? ", %s = %s" : "; %s = %s" : "%s = %s", name, value);
        value = repeat ? init.s : n == 1 ? name : value;
        k->defined = name;
    }
    buf_putc(&b, ';');
    if (first)
        c_put_definition(k, type, b.s);
    else
        c_put(k, b.s, GROUP_SET);
    buf_free(&b);
    buf_free(&init);
}

static bool same_element(const Expr *e, const Stmt *s)
{
    if (e->op != X_reg || e->ref != s->ref)
        return false;
    for (int i = 0; i < s->nix; i++)
        if (!ix_eq(e->ix[i], s->ix[i]))
            return false;
    return true;
}

/* acc = acc + x and acc = x + acc (addition commutes) as acc += x, where C's own operator is the spelling. */
static const Expr *increment(KPrint *k, const Stmt *s)
{
    const Expr *e = s->val;
    const char *row = isa_instr(k->c->isa, X_add, e->type, "");
    if (e->op != X_add || !row || strcmp(row, "%a + %b"))
        return NULL;
    return same_element(e->a[0], s) ? e->a[1] : same_element(e->a[1], s) ? e->a[0] : NULL;
}

static void print_set(KPrint *k, const Stmt *s)
{
    Buf b = {0};
    const Expr *by = increment(k, s);
    buf_printf(&b, "%s %s ", c_reg(k, s->ref, s->nix, s->ix), by ? "+=" : "=");
    c_expr(k, &b, by ? by : s->val, PREC_ANY);
    buf_putc(&b, ';');
    c_put_buf(k, &b, GROUP_SET);
}

static void print_store(KPrint *k, const Stmt *s)
{
    Buf b = {0}, v = {0}, p = {0};
    const Ix *at = linear_offset(k->A, k->k, s->ref, s->nix, s->ix);
    c_expr(k, &v, s->val, PREC_ANY);
    if (s->val->type.lanes == 1) {
        c_element(k, &b, s->ref, at);
        buf_printf(&b, " = %s", v.s);
    } else {
        c_address(k, &p, s->ref, at);
        const char *row = isa_store(k->c->isa, s->val->type, s->n < s->val->type.lanes);
        if (!row)
            row = arena_printf(k->A, "%s(%%p, %%n, %%a)", c_part(k->c, s->val->type, true));
        c_need(k->c, row);
        c_pattern(k, &b, row, &(Operands){.text = {v.s}, .p = p.s, .n = s->n});
    }
    buf_putc(&b, ';');
    c_put_buf(k, &b, GROUP_STORE);
    buf_free(&v);
    buf_free(&p);
}

static void print_return(KPrint *k, const Stmt *s)
{
    Buf b = {0};
    buf_puts(&b, "return ");
    c_expr(k, &b, s->val, PREC_ANY);
    buf_putc(&b, ';');
    c_put_buf(k, &b, GROUP_STORE);
}

static void prefetch(KPrint *k, const Stmt *s)
{
    Buf b = {0};
    buf_puts(&b, "__builtin_prefetch(");
    c_address(k, &b, s->ref, linear_offset(k->A, k->k, s->ref, s->nix, s->ix));
    buf_puts(&b, ", 0, 2);"); /* to be read; into L2 */
    c_put_buf(k, &b, GROUP_STORE);
}

static const char *index_type(const KPrint *k)
{
    return k->wide ? "long long" : "int";
}

static void index_var(KPrint *k, const Stmt *s)
{
    Buf b = {0};
    if (declares(k, &k->var_at[s->var])) {
        k->var[s->var] = names_take_local(&k->local, k->k->var.v[s->var].name);
        buf_printf(&b, "%s ", index_type(k));
    }
    buf_printf(&b, "%s = ", k->var[s->var]);
    c_element(k, &b, s->ref, linear_offset(k->A, k->k, s->ref, s->nix, s->ix));
    buf_putc(&b, ';');
    k->range[s->var] = (Range){0};
    c_put_buf(k, &b, GROUP_POINTER);
}

static void pointer(KPrint *k, const Stmt *s)
{
    const KParam *q = &k->k->param.v[k->k->ptr.v[s->ptr].param];
    Buf b = {0};
    if (declares(k, &k->ptr_at[s->ptr])) {
        k->ptr[s->ptr] = names_take_local(&k->local, k->k->ptr.v[s->ptr].name);
        buf_printf(&b, "%s%s *", c_readonly(q->access), c_dtype(q->elem));
    }
    buf_printf(&b, "%s = ", k->ptr[s->ptr]);
    c_address(k, &b, s->ref, linear_offset(k->A, k->k, s->ref, s->nix, s->ix));
    buf_putc(&b, ';');
    c_put_buf(k, &b, GROUP_POINTER);
}

static void print_block(KPrint *k, const Block *b);

static void print_loop(KPrint *k, const Stmt *s, const char *begin, const char *end)
{
    if (ix_is_const(s->lo) && ix_is_const(s->hi) && s->lo->c >= s->hi->c)
        return;
    c_end_line(k);
    Buf b = {0};
    PUSH(k->A, &k->scope, k->local.order.n);
    const char *v = k->var[s->var] = names_take_local(&k->local, k->k->var.v[s->var].name);
    buf_printf(&b, "for (%s %s = ", index_type(k), v);
    if (begin)
        buf_puts(&b, begin);
    else
        c_ix(k, &b, s->lo, PREC_ANY);
    buf_printf(&b, "; %s < ", v);
    if (end)
        buf_puts(&b, end);
    else
        c_ix(k, &b, s->hi, PREC_ANY);
    buf_printf(&b, s->step == 1 ? "; %s++) {" : "; %s += %lld) {", v, (long long)s->step);
    c_put_buf(k, &b, GROUP_POINTER);
    c_end_line(k);
    loop_range(k->range, s);
    k->depth++;
    k->var_at[s->var] = k->depth;
    print_block(k, &s->body);
    close_scope(k);
    buf_printf(k->out, "%*s}\n", 4 * k->depth, "");
}

static void comment(KPrint *k, const char *text)
{
    c_end_line(k);
    buf_printf(k->out, "%*s/* ", 4 * k->depth, "");
    c_comment_text(k->out, text, 4 * k->depth + 3);
    buf_puts(k->out, " */\n");
}

static void print_statement(KPrint *k, const Stmt *s)
{
    if (!live_stmt(&k->live, k->k, s))
        return;
    switch (s->kind) {
    case ST_FOR: print_loop(k, s, NULL, NULL); break;
    case ST_LET: let(k, s); break;
    case ST_SET: print_set(k, s); break;
    case ST_STORE: print_store(k, s); break;
    case ST_INDEX: index_var(k, s); break;
    case ST_PTR: pointer(k, s); break;
    case ST_PREFETCH: prefetch(k, s); break;
    case ST_COMMENT: comment(k, s->text); break;
    case ST_RETURN: print_return(k, s); break;
    }
}

static void print_block(KPrint *k, const Block *b)
{
    const Block *held = k->held;
    bool fresh = k->fresh;
    c_hold_begin(k, b);
    for (int i = 0; i < b->n; i++)
        print_statement(k, b->v[i]);
    c_end_line(k);
    k->held = held, k->fresh = fresh;
}

/* ---- functions ---- */

static KPrint begin(CFile *c, Buf *out, const Kernel *m, const Block *body)
{
    Arena *A = c->A;
    KPrint k = {.c = c, .A = A, .k = m, .out = out, .depth = 1, .local = names_new(A, c->isa, &c->global)};
    k.live = live_of(A, m, body);
    k.param = NEW(A, const char *, m->param.n + 1);
    k.var = NEW(A, const char *, m->var.n + 1);
    k.ptr = NEW(A, const char *, m->ptr.n + 1);
    for (int i = 0; i < m->param.n; i++)
        k.param[i] = names_take(&k.local, m->param.v[i].name);
    k.elem = NEW(A, const char **, m->reg.n + 1);
    for (int i = 0; i < m->reg.n; i++)
        k.elem[i] = NEW(A, const char *, reg_elems(&m->reg.v[i]));
    k.var_at = NEW(A, int, m->var.n + 1);
    k.ptr_at = NEW(A, int, m->ptr.n + 1);
    k.reg_at = NEW(A, int, m->reg.n + 1);
    k.range = NEW(A, Range, m->var.n + 1);
    k.wide = !c_fits_int(&k, body);
    return k;
}

static void print_signature(KPrint *k, const char *name, const char *more)
{
    buf_printf(k->out, "static void %s(", name);
    int indent = (int)strlen(name) + 13;
    for (int i = 0; i < k->k->param.n; i++) {
        const KParam *p = &k->k->param.v[i];
        bool last = i == k->k->param.n - 1;
        c_wrap(k->out, indent, arena_printf(k->A, "%s%s *%s%s%s", c_readonly(p->access),
                                            c_dtype(p->elem), p->alias ? "" : "restrict ", k->param[i],
                                            last && !*more ? "" : ", "));
    }
    c_wrap(k->out, indent, arena_printf(k->A, "%s)", more));
    buf_puts(k->out, "\n{\n");
    for (int i = 0; i < k->k->param.n; i++)
        if (!k->live.param[i])
            buf_printf(k->out, "    (void)%s;\n", k->param[i]);
}

static void end(KPrint *k)
{
    c_end_line(k);
    buf_puts(k->out, "}\n");
    buf_free(&k->line);
}

void c_function(CFile *c, Buf *out, const char *name, XOp op, int lanes)
{
    const Kernel *f = xop_function(c->A, op, lanes);
    KPrint k = begin(c, out, f, &f->body);
    buf_printf(out, "static inline %s %s(", c_typename(c, f->body.v[f->body.n - 1]->val->type), name);
    for (int i = 0; i < f->args; i++) {
        declares(&k, &k.reg_at[i]);
        name_register(&k, i);
        buf_printf(out, "%s%s %s", i ? ", " : "", c_typename(c, f->reg.v[i].type), k.elem[i][0]);
    }
    buf_puts(out, ")\n{\n");
    print_block(&k, &f->body);
    end(&k);
}

/* ---- kernels that are divided among threads ---- */

static const char *bound(const KPrint *k, const Stmt *s, const char *name)
{
    const char *scaled = s->step == 1 ? name : arena_printf(k->A, "%s*%lld", name, (long long)s->step);
    if (s->lo->c == 0)
        return scaled;
    return arena_printf(k->A, s->lo->c < 0 ? "%s - %lld" : "%s + %lld", scaled, (long long)imax(s->lo->c, -s->lo->c));
}

static void part_function(CFile *c, Buf *out, int kernel, const Shared *s)
{
    const Kernel *m = &c->p->kernel.v[kernel];
    KernelText *t = &c->kernel[kernel];
    t->iterations = s->iterations, t->head = s->head, t->beside = s->beside;
    if (s->head) {
        KPrint h = begin(c, out, m, &s->before);
        print_signature(&h, t->head_name, "");
        print_block(&h, &s->before);
        end(&h);
        buf_putc(out, '\n');
    }
    Block whole = {.v = NEW(c->A, Stmt *, s->again.n + 1), .n = s->again.n + 1};
    memcpy(whole.v, s->again.v, (size_t)s->again.n * sizeof *s->again.v);
    whole.v[s->again.n] = m->body.v[m->body.n - 1];
    KPrint k = begin(c, out, m, &whole);
    const char *first = names_take(&k.local, "begin"), *last = names_take(&k.local, "end");
    t->index = index_type(&k);
    print_signature(&k, t->name, arena_printf(c->A, "%s %s, %s %s", t->index, first, t->index, last));
    print_block(&k, &s->again);
    print_loop(&k, s->loop, bound(&k, s->loop, first), bound(&k, s->loop, last));
    end(&k);
    c_part_function(c, out, kernel);
}

void c_kernel(CFile *c, Buf *out, int kernel)
{
    const Kernel *m = &c->p->kernel.v[kernel];
    bug_context("c-backend", m->name);
    c_kernel_comment(c, out, kernel);
    Shared s = c->o->threads ? kernel_shared(c->A, m) : (Shared){0};
    if (s.loop)
        part_function(c, out, kernel, &s);
    else {
        KPrint k = begin(c, out, m, &m->body);
        print_signature(&k, c->kernel[kernel].name, "");
        print_block(&k, &m->body);
        end(&k);
    }
    bug_context(NULL, NULL);
}
