/* Reads the text form that loop_print.c describes. Names, indices and types are resolved while reading; what makes a
   program meaningful beyond that is program_check's. Parsing stops at the first error. */
#include "loop_parse.h"

#include <string.h>

#include "functions_text.h"

enum { MAX_BLOCKS = 63 };

/* The name that an entity gets: as written, or made unique. */
static const char *new_name(Parser *P, Tok t, const char *name)
{
    if (!P->failed && !name_valid(name))
        lp_fail(P, t, "'%s' cannot be a name here", name);
    return name_unique(&P->taken, name);
}

/* ---- statements ---- */

static void parse_block(Parser *P, Block *out);

static void parse_for(Parser *P, Stmt *s, LoopKind kind)
{
    s->kind = ST_FOR;
    s->loop = kind;
    Tok t = lp_tok(P);
    const char *name = lp_name(P), *given = new_name(P, t, name);
    s->lo = lp_ix(P);
    lp_expect(P, "..");
    s->hi = lp_ix(P);
    s->step = lp_accept(P, "step") ? lp_int(P, LP_MAX_NUMBER) : 1;
    PUSH(P->A, &P->k->var, (KVar){given});
    s->var = P->k->var.n - 1;
    int mark = P->shadow.n;
    lp_scope_set(P, name, E_VAR, s->var);
    parse_block(P, &s->body);
    lp_scope_restore(P, mark);
}

static void parse_let(Parser *P, Stmt *s)
{
    s->kind = ST_LET;
    Tok t = lp_tok(P);
    const char *name = lp_name(P);
    Reg r = {.name = new_name(P, t, name)};
    if (lp_accept(P, "[")) {
        do {
            int64_t d = lp_int(P, LP_MAX_NUMBER);
            if (r.rank == LEN(r.dim))
                lp_fail(P, t, "a register of more than %d dimensions", LEN(r.dim));
            else
                r.dim[r.rank++] = d;
        } while (lp_accept(P, ","));
        lp_expect(P, "]");
    }
    lp_expect(P, ":");
    r.type = lp_vt(P);
    lp_expect(P, "=");
    s->val = lp_value(P, r.type.elem, r.type.lanes);
    PUSH(P->A, &P->k->reg, r);
    s->ref = P->k->reg.n - 1;
    lp_scope_set(P, name, E_REG, s->ref);
}

static void parse_set(Parser *P, Stmt *s)
{
    s->kind = ST_SET;
    Tok t = lp_tok(P);
    const char *name = lp_name(P);
    s->ref = lp_scope_find(P, name, E_REG);
    if (s->ref < 0) {
        lp_fail(P, t, "'%s' begins no statement and is not a register here", name);
        return;
    }
    if (lp_peek(P, "["))
        s->nix = lp_indices(P, s->ix);
    lp_expect(P, "=");
    VT type = P->k->reg.v[s->ref].type;
    s->val = lp_value(P, type.elem, type.lanes);
}

static void parse_store(Parser *P, Stmt *s)
{
    s->kind = ST_STORE;
    s->nix = lp_at(P, &s->ref, s->ix);
    s->n = lp_first(P);
    lp_expect(P, "=");
    if (P->failed)
        return;
    s->val = lp_value(P, P->k->param.v[ref_param(P->k, s->ref)].elem, 0);
    s->n = s->n ? s->n : s->val->type.lanes;
}

static void parse_index(Parser *P, Stmt *s)
{
    s->kind = ST_INDEX;
    Tok t = lp_tok(P);
    const char *name = lp_name(P);
    lp_expect(P, "=");
    s->nix = lp_at(P, &s->ref, s->ix);
    PUSH(P->A, &P->k->var, (KVar){new_name(P, t, name)});
    s->var = P->k->var.n - 1;
    lp_scope_set(P, name, E_VAR, s->var);
}

static void parse_ptr(Parser *P, Stmt *s)
{
    s->kind = ST_PTR;
    Tok t = lp_tok(P);
    const char *name = lp_name(P);
    lp_expect(P, "=");
    lp_expect(P, "&");
    s->nix = lp_at(P, &s->ref, s->ix);
    if (P->failed)
        return;
    PUSH(P->A, &P->k->ptr, (KPtr){new_name(P, t, name), ref_param(P->k, s->ref)});
    s->ptr = P->k->ptr.n - 1;
    lp_scope_set(P, name, E_PTR, s->ptr);
}

static void parse_stmt(Parser *P, Stmt *s)
{
    if (lp_accept(P, "parallel")) {
        lp_expect(P, "for");
        parse_for(P, s, LOOP_PARALLEL);
    } else if (lp_accept(P, "for")) {
        parse_for(P, s, LOOP_SERIAL);
    } else if (lp_accept(P, "unroll")) {
        parse_for(P, s, LOOP_UNROLL);
    } else if (lp_accept(P, "let")) {
        parse_let(P, s);
    } else if (lp_accept(P, "store")) {
        parse_store(P, s);
    } else if (lp_accept(P, "prefetch")) {
        s->kind = ST_PREFETCH;
        s->nix = lp_at(P, &s->ref, s->ix);
    } else if (lp_accept(P, "ptr")) {
        parse_ptr(P, s);
    } else if (lp_accept(P, "note")) {
        s->kind = ST_COMMENT;
        s->text = lp_string(P);
    } else if (lp_accept(P, "index")) {
        parse_index(P, s);
    } else if (P->result.lanes && lp_accept(P, "return")) {
        s->kind = ST_RETURN;
        s->val = lp_value(P, P->result.elem, P->result.lanes);
    } else {
        parse_set(P, s);
    }
}

static void parse_block(Parser *P, Block *out)
{
    lp_expect(P, "{");
    if (++P->blocks > MAX_BLOCKS)
        lp_fail(P, lp_tok(P), "loops nested deeper than %d", MAX_BLOCKS);
    int mark = P->shadow.n;
    while (!P->failed && !lp_peek(P, "}")) {
        Stmt *s = NEW(P->A, Stmt, 1);
        parse_stmt(P, s);
        block_push(P->A, out, s);
    }
    lp_scope_restore(P, mark);
    P->blocks--;
    lp_expect(P, "}");
}

/* ---- kernels, buffers, calls ---- */

static void parse_param(Parser *P)
{
    static const char *const access[] = {"ro", "wo", "rw", "const"};
    Tok t = lp_tok(P);
    const char *name = lp_name(P);
    KParam q = {.name = new_name(P, t, name)};
    lp_expect(P, ":");
    q.rank = lp_type(P, &q.elem, q.dim);
    int a = 0;
    while (a < LEN(access) && !lp_peek(P, access[a]))
        a++;
    if (a == LEN(access))
        lp_fail(P, lp_tok(P), "expected ro, wo, rw or const, found %s", lp_text(P, lp_tok(P)));
    else
        lp_accept(P, access[a]);
    q.access = (Access)a;
    q.alias = lp_accept(P, "alias");
    PUSH(P->A, &P->k->param, q);
    lp_scope_set(P, name, E_PARAM, P->k->param.n - 1);
}

static void parse_kernel(Parser *P, const Dict *kernels)
{
    Kernel k = {0};
    P->k = &k;
    P->taken = dict_new(P->A);
    lp_expect(P, "@");
    Tok t = lp_tok(P);
    k.name = lp_name(P);
    if (dict_get(kernels, k.name) >= 0)
        lp_fail(P, t, "kernel @%s is defined twice", k.name);
    if (lp_peek(P, "\""))
        k.title = lp_string(P);
    lp_expect(P, "(");
    while (!P->failed && !lp_peek(P, ")") && (k.param.n == 0 || lp_accept(P, ",")))
        parse_param(P);
    lp_expect(P, ")");
    parse_block(P, &k.body);
    lp_scope_restore(P, 0);
    PUSH(P->A, &P->prog->kernel, k);
    P->k = NULL;
}

/* ---- functions ---- */

static void parse_argument(Parser *P)
{
    Tok t = lp_tok(P);
    const char *name = lp_name(P);
    Reg r = {.name = new_name(P, t, name)};
    lp_expect(P, ":");
    r.type = lp_vt(P);
    PUSH(P->A, &P->k->reg, r);
    lp_scope_set(P, name, E_REG, P->k->reg.n - 1);
}

static const Kernel *parse_function(Parser *P)
{
    Kernel *k = P->k = NEW(P->A, Kernel, 1);
    P->taken = dict_new(P->A);
    lp_expect(P, "function");
    lp_expect(P, "@");
    k->name = lp_name(P);
    lp_expect(P, "(");
    do
        parse_argument(P);
    while (lp_accept(P, ","));
    k->args = k->reg.n;
    lp_expect(P, ")");
    lp_expect(P, ":");
    P->result = lp_vt(P);
    parse_block(P, &k->body);
    lp_scope_restore(P, 0);
    return k;
}

const Kernel *xop_function(Arena *A, XOp op, int lanes)
{
    const struct EmbeddedFile *f = &functions_text[0];
    const char *text = (const char *)f->text;
    Parser P = {.A = A, .x = lex_new(A, text, diag_file(f->name, text, f->n)), .scope = dict_new(A), .widen = lanes};
    const Kernel *k = NULL;
    while (lp_tok(&P).n && !P.failed && (!k || strcmp(k->name, xop_info[op].name)))
        k = parse_function(&P);
    const char *wrong = P.failed ? "it does not parse" : k ? kernel_check(A, k) : NULL;
    if (wrong || !k || strcmp(k->name, xop_info[op].name) || k->args != xop_info[op].arity)
        bug("function @%s: %s", xop_info[op].name, wrong ? wrong : "not in functions.loops with so many arguments");
    return k;
}

/* ---- kernels, buffers, calls ---- */

static void parse_data(Parser *P, PBuf *b)
{
    Tok t = lp_tok(P);
    int64_t want = type_elems(&b->type), n = 0;
    int size = dtype_size(b->type.dtype);
    Buf data = {0};
    lp_expect(P, "[");
    do {
        uint64_t bits = 0;
        lp_number(P, b->type.dtype, &bits);
        buf_write(&data, &bits, (size_t)size);
        n++;
    } while (!P->failed && n <= want && lp_accept(P, ","));
    if (!P->failed && (n != want || !lp_peek(P, "]")))
        lp_fail(P, t, "%s numbers than the %lld of %s", n < want ? "fewer" : "more", (long long)want, b->name);
    lp_expect(P, "]");
    if (!P->failed) {
        void *d = arena_alloc(P->A, data.n, 1, 64);
        memcpy(d, data.s, data.n);
        b->data = d;
    }
    buf_free(&data);
}

static void parse_buffer(Parser *P, Dict *buffers, bool constant)
{
    PBuf b = {.kind = BUF_CONST};
    lp_expect(P, constant ? "@" : "%");
    Tok t = lp_tok(P);
    b.name = lp_name(P);
    if (dict_get(buffers, b.name) >= 0)
        lp_fail(P, t, "buffer %s is defined twice", b.name);
    lp_expect(P, ":");
    t = lp_tok(P);
    b.type.rank = lp_type(P, &b.type.dtype, b.type.dim);
    if (!P->failed && !type_valid(&b.type))
        lp_fail(P, t, "an impossible type");
    if (!constant)
        b.kind = lp_accept(P, "input") ? BUF_INPUT : BUF_OUTPUT;
    if (b.kind == BUF_OUTPUT)
        lp_expect(P, "output");
    if (lp_accept(P, "align"))
        b.align = (int)lp_int(P, 1 << 30);
    if (constant && lp_accept(P, "="))
        parse_data(P, &b);
    dict_put(buffers, b.name, P->prog->buf.n);
    PUSH(P->A, &P->prog->buf, b);
}

static Arg parse_arg(Parser *P, const Dict *buffers)
{
    Arg a = {.buf = ARG_ARENA};
    if (!lp_accept(P, "arena")) {
        bool constant = lp_accept(P, "@");
        if (!constant)
            lp_expect(P, "%");
        Tok t = lp_tok(P);
        const char *name = lp_name(P);
        a.buf = dict_get(buffers, name);
        if (a.buf < 0 || (P->prog->buf.v[a.buf].kind == BUF_CONST) != constant)
            lp_fail(P, t, "there is no buffer %c%s", constant ? '@' : '%', name);
    }
    if (lp_accept(P, "+"))
        a.offset = lp_int(P, (int64_t)1 << 50);
    return a;
}

static void parse_prog_call(Parser *P, const Dict *buffers, const Dict *kernels)
{
    Call c = {0};
    lp_expect(P, "@");
    Tok t = lp_tok(P);
    const char *name = lp_name(P);
    c.loc = t.loc;
    c.kernel = dict_get(kernels, name);
    if (c.kernel < 0)
        lp_fail(P, t, "there is no kernel @%s", name);
    lp_expect(P, "(");
    while (!P->failed && !lp_peek(P, ")") && (c.arg.n == 0 || lp_accept(P, ",")))
        PUSH(P->A, &c.arg, parse_arg(P, buffers));
    lp_expect(P, ")");
    PUSH(P->A, &P->prog->call, c);
}

Program *program_parse(Arena *A, const char *text, int file)
{
    Program *prog = NEW(A, Program, 1);
    Parser P = {.A = A, .x = lex_new(A, text, file), .prog = prog, .scope = dict_new(A)};
    Dict buffers = dict_new(A), kernels = dict_new(A);
    prog->arena = A;
    lp_expect(&P, "program");
    lp_expect(&P, "@");
    prog->name = lp_name(&P);
    lp_expect(&P, "arena");
    prog->arena_bytes = lp_int(&P, (int64_t)1 << 50);
    lp_expect(&P, "align");
    prog->arena_align = lp_int(&P, LP_MAX_NUMBER);
    prog->flush_to_zero = lp_accept(&P, "flush_to_zero");
    lp_expect(&P, "{");
    while (!P.failed && !lp_accept(&P, "}")) {
        bool constant = lp_peek(&P, "const");
        if (lp_accept(&P, "buffer") || lp_accept(&P, "const")) {
            parse_buffer(&P, &buffers, constant);
        } else if (lp_accept(&P, "kernel")) {
            parse_kernel(&P, &kernels);
            dict_put(&kernels, prog->kernel.v[prog->kernel.n - 1].name, prog->kernel.n - 1);
        } else if (lp_accept(&P, "call")) {
            parse_prog_call(&P, &buffers, &kernels);
        } else {
            lp_fail(&P, lp_tok(&P), "expected buffer, const, kernel, call or '}', found %s", lp_text(&P, lp_tok(&P)));
        }
    }
    if (!P.failed && lp_tok(&P).n)
        lp_fail(&P, lp_tok(&P), "text after the program's end");
    return P.failed ? NULL : prog;
}
