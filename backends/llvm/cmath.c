/* The functions of runtime_min/dsq_math.h as LLVM IR, so that both backends compute the same bits from one text: a
   compiler for the C in which that header is written. It knows float, uint32_t, int32_t and structs of them,
   declarations, assignments, if, for and return; expressions have no side effects, so that && || ?: may evaluate
   everything. A function is compiled when it is first called, for vectors of as many lanes as the call has; conditions
   of if and for are scalar. */
#include "impl.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

typedef enum Kind { FLOAT, UINT, INT, BOOLEAN, STRUCT } Kind;
enum { MAX_MEMBERS = 4 };
typedef struct CStruct { const char *name, *member[MAX_MEMBERS]; Kind kind[MAX_MEMBERS]; int n; } CStruct;
typedef struct CType { Kind kind; const CStruct *of; } CType;
typedef struct CVal { LLVMValueRef v; CType type; } CVal;
typedef struct CVar { const char *name; LLVMValueRef at; CType type; } CVar;

typedef struct Reader {
    LMod *m;
    const char *s;         /* what comes next */
    int lanes;
    VEC(CVar) var;
    CType result;
    bool returned;         /* the block that is open has ended */
} Reader;

/* ---- words ---- */

/* The text without comments and preprocessor's lines. */
static const char *bare_text(Arena *A, const char *s, size_t n)
{
    char *out = NEW(A, char, n + 1), *o = out;
    for (const char *end = s + n; s < end;) {
        if (!strncmp(s, "/*", 2)) {
            s = strstr(s, "*/") + 2;
        } else if (*s == '#' && (o == out || o[-1] == '\n')) {
            while (*s != '\n' || s[-1] == '\\')
                s++;
        } else {
            *o++ = *s++;
        }
    }
    return out;
}

static const char *math_text(LMod *m)
{
    if (!m->math_text) {
        size_t n;
        const char *s = c_runtime_text("dsq_math.h", &n);
        m->math_text = bare_text(m->A, arena_strndup(m->A, s, n), n);
    }
    return m->math_text;
}

static void space(Reader *r)
{
    r->s += strspn(r->s, " \n\t");
}

static bool accept(Reader *r, const char *token)
{
    space(r);
    size_t n = strlen(token);
    bool word = isalpha((unsigned char)*token);
    if (strncmp(r->s, token, n) || (word && (isalnum((unsigned char)r->s[n]) || r->s[n] == '_')))
        return false;
    r->s += n;
    return true;
}

static void expect(Reader *r, const char *token)
{
    if (!accept(r, token))
        bug("dsq_math.h: '%s' expected at '%.40s'", token, r->s);
}

static const char *identifier(Reader *r)
{
    space(r);
    size_t n = 0;
    while (isalnum((unsigned char)r->s[n]) || r->s[n] == '_')
        n++;
    const char *name = arena_strndup(r->m->A, r->s, n);
    r->s += n;
    return name;
}

/* ---- types ---- */

static bool read_type(Reader *r, CType *t);

static const CStruct *find_struct(LMod *m, const char *name)
{
    const char *at = strstr(math_text(m), arena_printf(m->A, "typedef struct %s {", name));
    if (!at)
        return NULL;
    CStruct *c = NEW(m->A, CStruct, 1);
    Reader r = {.m = m, .s = strchr(at, '{') + 1};
    CType t;
    c->name = name;
    while (!accept(&r, "}")) {
        if (c->n == MAX_MEMBERS || !read_type(&r, &t))
            bug("dsq_math.h: struct %s", name);
        c->kind[c->n] = t.kind;
        c->member[c->n++] = identifier(&r);
        expect(&r, ";");
    }
    return c;
}

static bool read_type(Reader *r, CType *t)
{
    *t = (CType){FLOAT, NULL};
    if (accept(r, "float"))
        return true;
    t->kind = UINT;
    if (accept(r, "uint32_t"))
        return true;
    t->kind = INT;
    if (accept(r, "int32_t"))
        return true;
    const char *before = r->s, *name = identifier(r);
    t->kind = STRUCT;
    t->of = *name ? find_struct(r->m, name) : NULL;
    if (t->of)
        return true;
    r->s = before;
    return false;
}

static LLVMTypeRef llvm_type(const Reader *r, CType t)
{
    LLVMTypeRef member[MAX_MEMBERS];
    if (t.kind != STRUCT)
        return l_type(r->m, vt(t.kind == FLOAT ? DT_F32 : DT_I32, r->lanes));
    for (int i = 0; i < t.of->n; i++)
        member[i] = llvm_type(r, (CType){t.of->kind[i], NULL});
    return LLVMStructTypeInContext(r->m->ctx, member, (unsigned)t.of->n, false);
}

/* A comparison's result as the number that C makes of it. */
static CVal number(const Reader *r, CVal x)
{
    if (x.type.kind == BOOLEAN)
        x = (CVal){LLVMBuildZExt(r->m->b, x.v, llvm_type(r, (CType){UINT, NULL}), ""), {UINT, NULL}};
    return x;
}

static LLVMValueRef truth(const Reader *r, CVal x)
{
    return x.type.kind == BOOLEAN ? x.v : LLVMBuildICmp(r->m->b, LLVMIntNE, x.v, LLVMConstNull(LLVMTypeOf(x.v)), "");
}

/* ---- expressions ---- */

static CVal expression(Reader *r);

static CVal literal(Reader *r)
{
    char *end, *end_of_int;
    float f = strtof(r->s, &end);
    unsigned long u = strtoul(r->s, &end_of_int, 0);
    bool real = end > end_of_int || *end == 'f';
    LLVMValueRef v = real ? LLVMConstReal(r->m->f32, (double)f) : LLVMConstInt(r->m->i32, u, false);
    r->s = (real ? end : end_of_int) + strspn(real ? end : end_of_int, "fu");
    return (CVal){l_splat(r->m, v, r->lanes), {real ? FLOAT : UINT, NULL}};
}

static const CVar *find_variable(const Reader *r, const char *name)
{
    for (int i = r->var.n - 1; i >= 0; i--)
        if (!strcmp(r->var.v[i].name, name))
            return &r->var.v[i];
    bug("dsq_math.h: %s is not defined", name);
}

/* The variable or member that a name at the beginning of a statement or an expression means. */
static CVar place(Reader *r, const char *name)
{
    CVar v = *find_variable(r, name);
    if (!accept(r, "."))
        return v;
    const char *member = identifier(r);
    for (int i = 0; i < v.type.of->n; i++)
        if (!strcmp(v.type.of->member[i], member))
            return (CVar){name, LLVMBuildStructGEP2(r->m->b, llvm_type(r, v.type), v.at, (unsigned)i, ""),
                          {v.type.of->kind[i], NULL}};
    bug("dsq_math.h: no member %s", member);
}

static const MathFn *compile(LMod *, const char *name, int lanes, CType *result);

static CVal call(Reader *r, const char *name)
{
    LMod *m = r->m;
    LLVMValueRef arg[4];
    int n = 0;
    while (!accept(r, ")")) {
        arg[n++] = number(r, expression(r)).v;
        accept(r, ",");
    }
    bool bits = !strcmp(name, "dsq_bits");
    if (bits || !strcmp(name, "dsq_from_bits")) {
        CType t = {bits ? UINT : FLOAT, NULL};
        return (CVal){LLVMBuildBitCast(m->b, arg[0], llvm_type(r, t), ""), t};
    }
    CType t;
    const MathFn *f = compile(m, name, r->lanes, &t);
    return (CVal){l_call(m, f->type, f->fn, arg, n), t};
}

static CVal primary(Reader *r)
{
    CType t;
    space(r);
    if (isdigit((unsigned char)*r->s))
        return literal(r);
    if (accept(r, "(")) {
        if (!read_type(r, &t)) {
            CVal x = expression(r);
            expect(r, ")");
            return x;
        }
        expect(r, ")");
        CVal x = number(r, primary(r));
        if (t.kind == FLOAT && x.type.kind == INT)
            x.v = LLVMBuildSIToFP(r->m->b, x.v, llvm_type(r, t), "");
        else if (t.kind == FLOAT || x.type.kind == FLOAT)
            bug("dsq_math.h: a conversion");
        return (CVal){x.v, t};
    }
    const char *name = identifier(r);
    if (accept(r, "("))
        return call(r, name);
    CVar v = place(r, name);
    return (CVal){LLVMBuildLoad2(r->m->b, llvm_type(r, v.type), v.at, ""), v.type};
}

static CVal unary(Reader *r)
{
    LLVMBuilderRef b = r->m->b;
    if (accept(r, "-")) {
        CVal x = unary(r);
        return (CVal){x.type.kind == FLOAT ? LLVMBuildFNeg(b, x.v, "") : LLVMBuildNeg(b, x.v, ""), x.type};
    }
    if (accept(r, "~")) {
        CVal x = unary(r);
        return (CVal){LLVMBuildNot(b, x.v, ""), x.type};
    }
    if (accept(r, "!"))
        return (CVal){LLVMBuildNot(b, truth(r, unary(r)), ""), {BOOLEAN, NULL}};
    return primary(r);
}

/* Binary operators, by how tightly they bind; longer ones stand before those that they begin with. */
typedef struct Operator { const char *text; int level; LLVMOpcode real, integer; int real_pred, pred; } Operator;
static const Operator operators[] = {
    {"||", 1, 0, LLVMOr, 0, 0}, {"&&", 2, 0, LLVMAnd, 0, 0},
    {"==", 6, 0, 0, LLVMRealOEQ, LLVMIntEQ}, {"!=", 6, 0, 0, LLVMRealUNE, LLVMIntNE},
    {"<<", 8, 0, LLVMShl, 0, 0}, {">>", 8, 0, LLVMLShr, 0, 0},
    {"<=", 7, 0, 0, LLVMRealOLE, LLVMIntULE}, {">=", 7, 0, 0, LLVMRealOGE, LLVMIntUGE},
    {"<", 7, 0, 0, LLVMRealOLT, LLVMIntULT}, {">", 7, 0, 0, LLVMRealOGT, LLVMIntUGT},
    {"|", 3, 0, LLVMOr, 0, 0}, {"&", 5, 0, LLVMAnd, 0, 0},
    {"+", 9, LLVMFAdd, LLVMAdd, 0, 0}, {"-", 9, LLVMFSub, LLVMSub, 0, 0}, {"*", 10, LLVMFMul, LLVMMul, 0, 0},
    {"/", 10, LLVMFDiv, LLVMUDiv, 0, 0},
};

static CVal combine(Reader *r, const Operator *o, CVal x, CVal y)
{
    LLVMBuilderRef b = r->m->b;
    if (o->level <= 2)
        return (CVal){LLVMBuildBinOp(b, o->integer, truth(r, x), truth(r, y), ""), {BOOLEAN, NULL}};
    x = number(r, x), y = number(r, y);
    bool real = x.type.kind == FLOAT;
    if (real != (y.type.kind == FLOAT) || (real && !o->real && !o->real_pred))
        bug("dsq_math.h: operands of '%s'", o->text);
    if (o->real_pred || o->pred)
        return (CVal){real ? LLVMBuildFCmp(b, (LLVMRealPredicate)o->real_pred, x.v, y.v, "")
                           : LLVMBuildICmp(b, (LLVMIntPredicate)o->pred, x.v, y.v, ""), {BOOLEAN, NULL}};
    return (CVal){LLVMBuildBinOp(b, real ? o->real : o->integer, x.v, y.v, ""), x.type};
}

/* The operator that comes next, if it binds at least so tightly and no "=" makes an assignment of it. */
static const Operator *next_operator(Reader *r, int level)
{
    space(r);
    for (const Operator *o = operators; o < operators + LEN(operators); o++) {
        size_t n = strlen(o->text);
        if (strncmp(r->s, o->text, n))
            continue;
        if (o->level < level || (r->s[n] == '=' && o->level >= 8))
            return NULL;
        r->s += n;
        return o;
    }
    return NULL;
}

static CVal binary(Reader *r, int level)
{
    CVal x = unary(r);
    const Operator *o;
    while ((o = next_operator(r, level)))
        x = combine(r, o, x, binary(r, o->level + 1));
    return x;
}

static CVal expression(Reader *r)
{
    CVal x = binary(r, 1);
    if (!accept(r, "?"))
        return x;
    CVal yes = number(r, expression(r));
    expect(r, ":");
    CVal no = number(r, expression(r));
    return (CVal){LLVMBuildSelect(r->m->b, truth(r, x), yes.v, no.v, ""), yes.type};
}

/* ---- statements ---- */

static void statement(Reader *r);

static LLVMValueRef slot(Reader *r, CType t, const char *name)
{
    LMod *m = r->m;
    LLVMBasicBlockRef here = LLVMGetInsertBlock(m->b), entry = LLVMGetEntryBasicBlock(LLVMGetBasicBlockParent(here));
    LLVMValueRef first = LLVMGetFirstInstruction(entry);
    if (first)
        LLVMPositionBuilderBefore(m->b, first);
    else
        LLVMPositionBuilderAtEnd(m->b, entry);
    CVar v = {name, LLVMBuildAlloca(m->b, llvm_type(r, t), name), t};
    LLVMPositionBuilderAtEnd(m->b, here);
    PUSH(m->A, &r->var, v);
    return v.at;
}

/* x = y, x op= y, x++, x--, without the semicolon. */
static void assignment(Reader *r)
{
    LLVMBuilderRef b = r->m->b;
    CVar to = place(r, identifier(r));
    CVal old = {LLVMBuildLoad2(b, llvm_type(r, to.type), to.at, ""), to.type};
    CVal one = {l_splat(r->m, LLVMConstInt(r->m->i32, 1, false), r->lanes), {UINT, NULL}};
    if (accept(r, "++") || accept(r, "--")) {
        LLVMValueRef x = LLVMBuildBinOp(b, r->s[-1] == '+' ? LLVMAdd : LLVMSub, old.v, one.v, "");
        LLVMBuildStore(b, x, to.at);
        return;
    }
    for (const Operator *o = operators; o < operators + LEN(operators); o++) {
        if (o->level < 8 || !accept(r, arena_printf(r->m->A, "%s=", o->text)))
            continue;
        CVal by = number(r, expression(r));
        LLVMBuildStore(b, combine(r, o, old, by).v, to.at);
        return;
    }
    expect(r, "=");
    LLVMBuildStore(b, number(r, expression(r)).v, to.at);
}

/* A declaration or an assignment, without the semicolon. */
static void simple(Reader *r)
{
    CType t;
    if (!read_type(r, &t)) {
        assignment(r);
        return;
    }
    do {
        const char *name = identifier(r);
        LLVMValueRef x = accept(r, "=") ? number(r, expression(r)).v : NULL, at = slot(r, t, name);
        if (x)
            LLVMBuildStore(r->m->b, x, at);
    } while (accept(r, ","));
}

static void enter(Reader *r, LLVMBasicBlockRef b)
{
    LLVMPositionBuilderAtEnd(r->m->b, b);
    r->returned = false;
}

static void leave(Reader *r, LLVMBasicBlockRef to)
{
    if (!r->returned)
        LLVMBuildBr(r->m->b, to);
}

static void if_statement(Reader *r)
{
    LMod *m = r->m;
    LLVMBasicBlockRef yes = l_block(m, "then"), no = l_block(m, "else"), after = l_block(m, "after");
    expect(r, "(");
    LLVMBuildCondBr(m->b, truth(r, expression(r)), yes, no);
    expect(r, ")");
    enter(r, yes);
    statement(r);
    leave(r, after);
    enter(r, no);
    if (accept(r, "else"))
        statement(r);
    leave(r, after);
    enter(r, after);
}

static void skip_to_parenthesis(Reader *r)
{
    for (int depth = 0; depth || *r->s != ')'; r->s++)
        depth += (*r->s == '(') - (*r->s == ')');
}

static void for_statement(Reader *r)
{
    LMod *m = r->m;
    LLVMBasicBlockRef test = l_block(m, "test"), body = l_block(m, "body"), after = l_block(m, "after");
    expect(r, "(");
    if (!accept(r, ";")) {
        simple(r);
        expect(r, ";");
    }
    LLVMBuildBr(m->b, test);
    enter(r, test);
    LLVMBuildCondBr(m->b, truth(r, expression(r)), body, after);
    expect(r, ";");
    Reader step = *r;
    skip_to_parenthesis(r);
    expect(r, ")");
    enter(r, body);
    statement(r);
    if (!r->returned)
        assignment(&step);
    leave(r, test);
    enter(r, after);
}

static void statement(Reader *r)
{
    if (accept(r, "{")) {
        int variables = r->var.n;
        while (!accept(r, "}"))
            statement(r);
        r->var.n = variables;
    } else if (accept(r, "if")) {
        if_statement(r);
    } else if (accept(r, "for")) {
        for_statement(r);
    } else if (accept(r, "return")) {
        LLVMBuildRet(r->m->b, number(r, expression(r)).v);
        r->returned = true;
        expect(r, ";");
    } else {
        simple(r);
        expect(r, ";");
    }
}

/* ---- functions ---- */

/* Behind the parenthesis of its parameters. */
static const char *find_function(LMod *m, const char *name, CType *result)
{
    const char *wanted = arena_printf(m->A, " %s(", name);
    static const char head[] = "static inline ";
    for (const char *at = math_text(m); (at = strstr(at, head)); at++) {
        Reader r = {.m = m, .s = at + strlen(head)};
        if (read_type(&r, result) && !strncmp(r.s, wanted, strlen(wanted)))
            return r.s + strlen(wanted);
    }
    bug("dsq_math.h: no function %s", name);
}

static void define(LMod *m, const char *name, MathFn *f, const char *at, CType result)
{
    Reader r = {.m = m, .s = at, .lanes = f->lanes, .result = result};
    CType type[4];
    const char *param[4];
    LLVMTypeRef t[4];
    int n = 0;
    while (!accept(&r, ")")) {
        if (n == LEN(type) || !read_type(&r, &type[n]))
            bug("dsq_math.h: parameters of %s", name);
        param[n] = identifier(&r);
        t[n] = llvm_type(&r, type[n]);
        n++;
        accept(&r, ",");
    }
    f->type = LLVMFunctionType(llvm_type(&r, result), t, (unsigned)n, false);
    f->fn = l_function(m, arena_printf(m->A, f->lanes > 1 ? "%s_x%d" : "%s", name, f->lanes), f->type, false);
    LLVMPositionBuilderAtEnd(m->b, LLVMAppendBasicBlockInContext(m->ctx, f->fn, ""));
    for (int i = 0; i < n; i++) {
        LLVMValueRef to = slot(&r, type[i], param[i]);
        LLVMBuildStore(m->b, LLVMGetParam(f->fn, (unsigned)i), to);
    }
    statement(&r);
    if (!r.returned)
        LLVMBuildUnreachable(m->b);
    /* What has loops stays a function. */
    l_attribute(m, f->fn, LLVMCountBasicBlocks(f->fn) > 1 ? "noinline" : "alwaysinline", NULL);
}

static const MathFn *compile(LMod *m, const char *name, int lanes, CType *result)
{
    const char *at = find_function(m, name, result);
    for (int i = 0; i < m->math.n; i++)
        if (m->math.v[i].lanes == lanes && !strcmp(m->math.v[i].name, name))
            return &m->math.v[i];
    MathFn f = {.name = name, .lanes = lanes};
    LLVMBuilderRef outside = m->b;
    m->b = LLVMCreateBuilderInContext(m->ctx);
    define(m, name, &f, at, *result);
    LLVMDisposeBuilder(m->b);
    m->b = outside;
    PUSH(m->A, &m->math, f);
    return &m->math.v[m->math.n - 1];
}

LLVMValueRef l_math(LMod *m, const char *name, int lanes, LLVMValueRef x)
{
    CType result;
    const MathFn *f = compile(m, name, lanes, &result);
    return l_call(m, f->type, f->fn, &x, 1);
}
