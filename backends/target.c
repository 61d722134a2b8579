/* Targets and instruction sets: the rows of isa/targets.def and isa/<isa>.def as tables, and how they are read. */
#include "target.h"

#include <string.h>
#include <unistd.h>

/* What every target's code is compiled with. Contraction would round otherwise than the loop IR says; without the
   other two, compilers keep branches and calls that C asks for and nobody reads. */
#define CFLAGS "-O2 -std=c99 -ffreestanding -ffp-contract=off -fno-math-errno -fno-trapping-math"

#if defined __aarch64__
#define AARCH64_CC NULL
#else
#define AARCH64_CC "aarch64-linux-gnu-gcc"
#endif

#define MACHINE(name, ...) static const Machine machine_##name = {#name, __VA_ARGS__};
#include "isa/machines.def"
#undef MACHINE

const Target targets[] = {
#define TARGET(name, isa, cc, flags, check, ...) {name, isa, CFLAGS flags, cc, check, __VA_ARGS__},
#include "isa/targets.def"
#undef TARGET
};
const int ntargets = LEN(targets);

typedef struct TargetDoc { const char *name, *doc; } TargetDoc;
static const TargetDoc docs[] = {
#define TARGET(...)
#define TARGET_DOC(name, doc) {name, doc},
#include "isa/targets.def"
#undef TARGET_DOC
#undef TARGET
};

const char *target_doc(const char *name)
{
    for (int i = 0; i < LEN(docs); i++)
        if (!strcmp(docs[i].name, name))
            return docs[i].doc;
    return "";
}

static const Target *target_row(const char *name)
{
    for (int i = 0; i < ntargets; i++)
        if (!strcmp(targets[i].name, name))
            return &targets[i];
    return NULL;
}

static const char *host_row(void)
{
#if defined __x86_64__
    __builtin_cpu_init();
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512cd") &&
        __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl"))
        return "x86-64-v4";
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
        return "x86-64-v3";
    return __builtin_cpu_supports("sse4.2") ? "x86-64-v2" : "generic";
#elif defined __aarch64__
    return "aarch64";
#else
    return "generic";
#endif
}

static int64_t cache_bytes(int which, int64_t unknown)
{
    long n = sysconf(which);
    return n > 0 ? n : unknown;
}

static const Target *native(void)
{
    static Target t;
    static Machine m;
    t = *target_row(host_row());
    m = *t.machine;
    t.machine = &m;
    t.name = "native";
    t.cc = NULL;
    t.cpu_check = "the machine that compiled it";
#if defined __x86_64__
    t.cflags = CFLAGS " -march=native";
#elif defined __aarch64__
    t.cflags = CFLAGS " -mcpu=native";
#endif
#if defined _SC_LEVEL1_DCACHE_SIZE
    m.l1 = cache_bytes(_SC_LEVEL1_DCACHE_SIZE, m.l1);
    m.l2 = cache_bytes(_SC_LEVEL2_CACHE_SIZE, m.l2);
#endif
    return &t;
}

const Target *target_find(const char *name)
{
    return strcmp(name, "native") ? target_row(name) : native();
}

/* ---- instruction sets ---- */

typedef struct Isa { const char *name, *extends, *prelude, *gcc; const IsaRow *row; int n; } Isa;

#define VT_f32 {DT_F32, 1}
#define VT_f32x4 {DT_F32, 4}
#define VT_f32x8 {DT_F32, 8}
#define VT_f32x16 {DT_F32, 16}
#define VT_i32 {DT_I32, 1}
#define VT_i32x4 {DT_I32, 4}
#define VT_i32x8 {DT_I32, 8}
#define VT_i32x16 {DT_I32, 16}
#define OPERATORS(type)                                                                                                \
    INSTR(add, type, "", "%a + %b")                                                                                    \
    INSTR(sub, type, "", "%a - %b")                                                                                    \
    INSTR(mul, type, "", "%a*%b")                                                                                      \
    INSTR(div, type, "", "%a/%b")                                                                                      \
    INSTR(neg, type, "", "-%a")
#define UNSIGNED(op, sign, type, u)                                                                                    \
    INSTR(op, type, "", #op "_" #type "(%a, %b)")                                                                      \
    HELPER(op##_##type, "static inline " #type " " #op "_" #type "(" #type " a, " #type " b) "                         \
                        "{ return (" #type ")((" #u ")a " sign " (" #u ")b); }\n")
#define CHOICE(op, sign, type)                                                                                         \
    INSTR(op, type, "", #op "_" #type "(%a, %b, %c, %d)")                                                              \
    HELPER(op##_##type, "static inline " #type " " #op "_" #type "(" #type " a, " #type " b, " #type " c, " #type      \
                        " d)\n{\n    " #type " m = (" #type ")(a " sign " b);\n    return (c & m) | (d & ~m);\n}\n")
#define INTEGERS(type, u)                                                                                              \
    UNSIGNED(add, "+", type, u)                                                                                        \
    UNSIGNED(sub, "-", type, u)                                                                                        \
    UNSIGNED(mul, "*", type, u)                                                                                        \
    UNSIGNED(and, "&", type, u)                                                                                        \
    UNSIGNED(or, "|", type, u)                                                                                         \
    UNSIGNED(shl, "<<", type, u)                                                                                       \
    UNSIGNED(shr, ">>", type, u)                                                                                       \
    CHOICE(select_gt, ">", type)                                                                                       \
    CHOICE(select_ge, ">=", type)                                                                                      \
    INSTR(max, type, "", "select_gt_" #type "(%a, %b, %a, %b)")                                                        \
    INSTR(min, type, "", "select_gt_" #type "(%b, %a, %a, %b)")                                                        \
    INSTR(bitcast, type, "", "(" #type ")%a")

#define EXTENDS(isa)
#define PRELUDE(text)
#define GCC(options)
#define INSTR(op, type, variant, ...) {ROW_INSTR, X_##op, VT_##type, variant, {__VA_ARGS__}},
#define TYPE(type, ...) {ROW_TYPE, NXOPS, VT_##type, NULL, {__VA_ARGS__}},
#define HELPER(name, c) {ROW_HELPER, NXOPS, {DT_F32, 0}, #name, {c}},
static const IsaRow generic_row[] = {
#include "isa/generic.def"
};
static const IsaRow sse42_row[] = {
#include "isa/sse42.def"
};
static const IsaRow avx2_row[] = {
#include "isa/avx2.def"
};
static const IsaRow avx512_row[] = {
#include "isa/avx512.def"
};
static const IsaRow neon_row[] = {
#include "isa/neon.def"
};
#undef EXTENDS
#undef PRELUDE
#undef GCC
#undef INSTR
#undef TYPE
#undef HELPER

#define INSTR(...)
#define TYPE(...)
#define HELPER(...)
#define EXTENDS(isa) .extends = isa,
#define PRELUDE(text) .prelude = text,
#define GCC(options) .gcc = options,
static const Isa isas[] = {
    {.name = "generic",
#include "isa/generic.def"
     .row = generic_row, .n = LEN(generic_row)},
    {.name = "sse42",
#include "isa/sse42.def"
     .row = sse42_row, .n = LEN(sse42_row)},
    {.name = "avx2",
#include "isa/avx2.def"
     .row = avx2_row, .n = LEN(avx2_row)},
    {.name = "avx512",
#include "isa/avx512.def"
     .row = avx512_row, .n = LEN(avx512_row)},
    {.name = "neon",
#include "isa/neon.def"
     .row = neon_row, .n = LEN(neon_row)},
};

static const Isa *isa_find(const char *name)
{
    for (int i = 0; name && i < LEN(isas); i++)
        if (!strcmp(isas[i].name, name))
            return &isas[i];
    return NULL;
}

static const IsaRow *find_isa_row(const char *isa, enum RowKind kind, XOp op, VT type, const char *name)
{
    for (const Isa *s = isa_find(isa); s; s = isa_find(s->extends))
        for (int i = 0; i < s->n; i++) {
            const IsaRow *r = &s->row[i];
            if (r->kind == kind && r->op == op && (kind == ROW_HELPER || vt_eq(r->type, type)) &&
                (kind == ROW_TYPE || !strcmp(r->name, name)))
                return r;
        }
    return NULL;
}

const IsaRow *isa_rows(int i, const char **isa, int *n)
{
    if (i >= LEN(isas))
        return NULL;
    *isa = isas[i].name;
    *n = isas[i].n;
    return isas[i].row;
}

const char *isa_instr(const char *isa, XOp op, VT type, const char *variant)
{
    const IsaRow *r = find_isa_row(isa, ROW_INSTR, op, type, variant);
    return r ? r->text[0] : NULL;
}

static const char *type_text_of(const char *isa, VT type, int which)
{
    const IsaRow *r = find_isa_row(isa, ROW_TYPE, NXOPS, type, NULL);
    return r ? r->text[which] : NULL;
}

const char *isa_type(const char *isa, VT type)
{
    return type_text_of(isa, type, 0);
}

const char *isa_load(const char *isa, VT type, bool partial)
{
    return type_text_of(isa, type, 1 + partial);
}

const char *isa_store(const char *isa, VT type, bool partial)
{
    return type_text_of(isa, type, 3 + partial);
}

const char *isa_helper(const char *isa, const char *name)
{
    const IsaRow *r = find_isa_row(isa, ROW_HELPER, NXOPS, (VT){DT_F32, 0}, name);
    return r ? r->text[0] : NULL;
}

const char *isa_prelude(const char *isa)
{
    for (const Isa *s = isa_find(isa); s; s = isa_find(s->extends))
        if (s->prelude)
            return s->prelude;
    return "";
}

const char *isa_gcc_options(const char *isa)
{
    for (const Isa *s = isa_find(isa); s; s = isa_find(s->extends))
        if (s->gcc)
            return s->gcc;
    return "";
}
