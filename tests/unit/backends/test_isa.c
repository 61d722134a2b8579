/* Every row of backends/isa: the C that it spells gives the bits of its meaning, which the loop interpreter computes,
   on every ISA that this machine can run or emulate. Of each ISA one C file is made, with a function for every row. A
   row that nothing ran is a failure. DSQ_SEED=n repeats the random numbers of a run. */
#include "../../../backends/c/c.h"
#include "cbackend_harness.h"
#include "isa_numbers.h"

#include <time.h>

void suite_isa(void);

/* Vectors of a partial move. */
enum { PARTS = 32 };

/* What one function and one kernel compute: output `item` of both. */
typedef struct Item { int row; const char *what; DType elem; int n; bool bits; } Item;

typedef struct Sheet {
    const Target *t;
    const IsaRow *row;
    int nrows;
    bool *ran;               /* per row */
    VEC(Item) item;
    CFile c;
    Buf code, main;          /* functions; what main does with them */
    Buf buffers, kernels;    /* loop IR */
} Sheet;

static const char *type_name(VT t)
{
    const char *elem = t.elem == DT_F32 ? "f32" : "i32";
    return t.lanes == 1 ? elem : arena_printf(A, "%sx%d", elem, t.lanes);
}

static char array_of(DType t) { return t == DT_F32 ? 'f' : 'i'; }

/* ---- a function of C and a kernel side by side: loops over v ---- */

static void open_item(Sheet *s, int row, const char *what, DType elem, int n, int times, bool bits)
{
    int k = s->item.n;
    PUSH(A, &s->item, ((Item){row, what, elem, n, bits}));
    const char *type = c_dtype(elem), *ir = type_name(vt(elem, 1));
    buf_printf(&s->code, "static %s r%d[%d];\nstatic void run%d(void)\n{\n    for (int v = 0; v < %d; v++) {\n",
               type, k, n, k, times);
    buf_printf(&s->main, "    run%d();\n    ok &= fwrite(r%d, sizeof r%d, 1, out);\n", k, k, k);
    buf_printf(&s->buffers, "  buffer %%r%d : %s[%d] output\n", k, ir, n);
    buf_printf(&s->kernels, "  kernel @k%d (f: f32[%d] ro, i: i32[%d] ro, r: %s[%d] wo) {\n    for v 0..%d {\n", k,
               4 * ELEMS, 5 * ELEMS, ir, n, times);
}

static void close_item(Sheet *s)
{
    buf_puts(&s->code, "    }\n}\n\n");
    buf_printf(&s->kernels, "    }\n  }\n  call @k%d (%%f, %%i, %%r%d)\n", s->item.n - 1, s->item.n - 1);
}

/* Defines register `name` with the next lanes of an array of inputs, or of the shift counts. */
static void define(Sheet *s, char name, VT t, int block)
{
    buf_printf(&s->code, "        %s %c;\n        memcpy(&%c, %c + %d*v + %d, sizeof %c);\n", c_typename(&s->c, t),
               name, name, array_of(t.elem), t.lanes, block * ELEMS, name);
    buf_printf(&s->kernels, "      let %c: %s = load %c[%d*v + %d]\n", name, type_name(t), array_of(t.elem), t.lanes,
               block * ELEMS);
}

static void spell(Sheet *s, const char *pattern, const char *p, int n)
{
    c_need(&s->c, pattern);
    c_pattern(NULL, &s->code, pattern, &(Operands){.text = {"a", "b", "c", "d"}, .p = p, .n = n});
}

/* r[times*v + at] = the pattern */
static void keep(Sheet *s, VT t, const char *pattern, const char *p, int n, int times, int at)
{
    buf_printf(&s->code, "        { %s x = ", c_typename(&s->c, t));
    spell(s, pattern, p, n);
    buf_printf(&s->code, "; memcpy(r%d + %d*v + %d, &x, sizeof x); }\n", s->item.n - 1, times, at);
}

/* ---- rows ---- */

static VT operand_type(const IsaRow *r, int k)
{
    bool scalar = r->op == X_splat || (k == 1 && !strcmp(r->name, "n"));
    DType elem = r->type.elem;
    if (xop_info[r->op].cls == XC_cast)
        elem = elem == DT_F32 ? DT_I32 : DT_F32;
    return vt(elem, scalar ? 1 : r->type.lanes);
}

/* What loop_op.def says of the row. */
static const char *default_meaning(const IsaRow *r, int lane)
{
    static const char *const operands[] = {"", "a", "a, b", "a, b, c", "a, b, c, d"};
    const char *name = xop_info[r->op].name;
    return r->op == X_lane ? arena_printf(A, "lane(a, %d)", lane)
                           : arena_printf(A, "%s(%s)", name, operands[xop_info[r->op].arity]);
}

static bool moves(XOp op)
{
    return op == X_splat || op == X_lane || op == X_load || op == X_bitcast || op == X_select_gt ||
           op == X_select_ge || op == X_abs || op == X_neg;
}

static void add_instr(Sheet *s, int row, const char *meaning)
{
    const IsaRow *r = &s->row[row];
    bool fold = xop_info[r->op].cls == XC_fold, lane = r->op == X_lane, shift = r->op == X_shl || r->op == X_shr;
    int lanes = r->type.lanes, count = lane ? lanes : 1, stride = lane || !fold ? lanes : 1;
    const char *what = arena_printf(A, "%s %s %s", xop_info[r->op].name, type_name(r->type), r->name);
    const char *p = arena_printf(A, "(%c + %d*v)", array_of(r->type.elem), lanes);
    VT result = fold ? vt(r->type.elem, 1) : r->type;
    open_item(s, row, what, r->type.elem, ELEMS / lanes * stride, ELEMS / lanes, moves(r->op));
    for (int k = 0; k < (r->op == X_load ? 1 : xop_info[r->op].arity); k++)
        define(s, (char)('a' + k), operand_type(r, k), shift && k == 1 ? SHIFTS : k);
    if (r->op == X_load)
        buf_printf(&s->kernels, "      ptr p = &%c[%d*v]\n", array_of(r->type.elem), lanes);
    for (int i = 0; i < count; i++) {
        keep(s, result, r->text[0], p, i, stride, i);
        buf_printf(&s->kernels, "      let x%d: %s = %s\n      store r[%d*v + %d] = x%d\n", i,
                   type_name(result), meaning ? meaning : default_meaning(r, i), stride, i, i);
    }
    close_item(s);
}

/* What is read or stored ends at the end of memory. A whole vector may lie anywhere. */
static const char *at_edge(int n, VT t)
{
    return arena_printf(A, "((%s *)edge - %d%s)", c_dtype(t.elem), n, n == t.lanes ? " - v%2" : "");
}

static const char *move_row(Sheet *s, const IsaRow *r, int n, bool store)
{
    bool part = n < r->type.lanes;
    const char *row = r->text[(store ? 3 : 1) + part];
    return row ? row : arena_printf(A, store ? "%s(%%p, %%n, %%a)" : "%s(%%p, %%n)", c_part(&s->c, r->type, store));
}

static void add_load(Sheet *s, int row, int n)
{
    const IsaRow *r = &s->row[row];
    int lanes = r->type.lanes;
    const char *what = arena_printf(A, "load of %d of %s", n, type_name(r->type)), *p = at_edge(n, r->type);
    char array = array_of(r->type.elem);
    open_item(s, row, what, r->type.elem, PARTS * lanes, PARTS, true);
    buf_printf(&s->code, "        memcpy(%s, %c + %d*v, %d);\n", p, array, lanes, 4 * n);
    keep(s, r->type, move_row(s, r, n, false), p, n, lanes, 0);
    buf_printf(&s->kernels, "      let a: %s = load %c[%d*v] first %d\n      store r[%d*v] = a\n", type_name(r->type),
               array, lanes, n, lanes);
    close_item(s);
}

static void add_store(Sheet *s, int row, int n)
{
    const IsaRow *r = &s->row[row];
    int lanes = r->type.lanes;
    const char *what = arena_printf(A, "store of %d of %s", n, type_name(r->type)), *p = at_edge(n, r->type);
    open_item(s, row, what, r->type.elem, PARTS * lanes, PARTS, true);
    define(s, 'a', r->type, 0);
    buf_puts(&s->code, "        memset(edge - 256, 0x55, 256);\n        ");
    spell(s, move_row(s, r, n, true), p, n);
    const char *whole = n == lanes ? p : arena_printf(A, "edge - %d", 4 * lanes);
    buf_printf(&s->code, ";\n        memcpy(r%d + %d*v, %s, %d);\n", s->item.n - 1, lanes, whole, 4 * lanes);
    buf_printf(&s->kernels, "      store r[%d*v + %d] first %d = a\n", lanes, lanes - n, n);
    close_item(s);
}

/* Helpers of index expressions belong to no row. */
static void add_index_helpers(Sheet *s)
{
    static const struct { const char *helper, *x, *c, *ix; } use[] = {
        {"floor_div_i32", "int x = 37*v - 500", "floor_div_i32(x, 7)", "(37*v - 500)/7"},
        {"floor_mod_i32", "int x = 37*v - 500", "floor_mod_i32(x, 7)", "(37*v - 500)%7"},
        {"floor_div_i64", "long long x = 4000000001*v - 500000000000", "floor_div_i64(x, 1000003)",
         "(4000000001*v - 500000000000)/1000003"},
        {"floor_mod_i64", "long long x = 4000000001*v - 500000000000", "floor_mod_i64(x, 1000003)",
         "(4000000001*v - 500000000000)%1000003"},
        {"min_i64", "long long x = 4000000001*v - 500000000000", "min_i64(x, 3*v)",
         "min(4000000001*v - 500000000000, 3*v)"},
        {"max_i64", "long long x = 4000000001*v - 500000000000", "max_i64(x, 3*v)",
         "max(4000000001*v - 500000000000, 3*v)"},
    };
    for (int row = 0; row < s->nrows; row++)
        for (int i = 0; i < LEN(use); i++) {
            if (s->row[row].kind != ROW_HELPER || strcmp(s->row[row].name, use[i].helper))
                continue;
            open_item(s, row, use[i].helper, DT_I32, ELEMS, ELEMS, true);
            c_need(&s->c, use[i].c);
            buf_printf(&s->code, "        %s;\n        r%d[v] = (int)(%s);\n", use[i].x, s->item.n - 1, use[i].c);
            buf_printf(&s->kernels, "      store r[v] = index(%s)\n", use[i].ix);
            close_item(s);
        }
}

static void add_rows(Sheet *s)
{
    for (int i = 0; i < s->nrows; i++) {
        const IsaRow *r = &s->row[i];
        const char *meaning = r->kind == ROW_INSTR ? r->text[1] : NULL;
        if (meaning)
            add_instr(s, i, meaning);
        if (r->kind == ROW_INSTR && !*r->name) /* what the row says of its meaning is what the operation means */
            add_instr(s, i, NULL);
        for (int n = 1; r->kind == ROW_TYPE && n <= r->type.lanes; n++) {
            add_load(s, i, n);
            add_store(s, i, n);
        }
    }
    add_index_helpers(s);
    for (int i = 0; i < s->nrows; i++)
        s->ran[i] = s->row[i].kind == ROW_HELPER && dict_get(&s->c.needed, s->row[i].name) >= 0;
}

/* ---- meaning ---- */

static float **interpret_rows(Sheet *s, float *f, int32_t *x)
{
    const char *text = arena_printf(A, "program @rows arena 0 align 64 {\n  buffer %%f : f32[%d] input\n"
                                    "  buffer %%i : i32[%d] input\n%s%s}\n",
                                    4 * ELEMS, 5 * ELEMS, s->buffers.s, s->kernels.s);
    Program *p = program_parse(A, text, diag_file(s->t->isa, text, strlen(text)));
    const char *wrong = p ? program_check(p) : "a meaning is no expression of loop IR";
    float **io = NEW(A, float *, s->item.n + 2);
    io[0] = f;
    io[1] = (float *)(void *)x;
    for (int i = 0; i < s->item.n; i++) {
        io[i + 2] = NEW(A, float, s->item.v[i].n);
        memset(io[i + 2], 0x55, (size_t)s->item.v[i].n * 4);
    }
    wrong = wrong ? wrong : program_interp(p, io, NULL, A);
    CU_ASSERT_PTR_NULL(wrong);
    if (wrong)
        printf("%s: %s\n", s->t->isa, wrong);
    return wrong ? NULL : io + 2;
}

/* ---- spelling ---- */

static void write_rows(Sheet *s)
{
    Buf b = {0};
    buf_puts(&b, "#define _DEFAULT_SOURCE\n#include <stdio.h>\n#include <string.h>\n#include <sys/mman.h>\n");
    buf_printf(&b, "#pragma GCC optimize (\"fp-contract=off,no-tree-loop-distribute-patterns\")\n%s",
               isa_prelude(s->t->isa));
    c_special_macros(&s->c, &b);
    buf_printf(&b, "%s%sstatic float f[%d];\nstatic int i[%d];\nstatic unsigned char *edge;\n\n%s",
               s->c.types.n ? s->c.types.s : "", s->c.helpers.n ? s->c.helpers.s : "", 4 * ELEMS, 5 * ELEMS, s->code.s);
    buf_puts(&b, "int main(void)\n{\n    size_t page = 1 << 16, ok = 1;\n"
                 "    FILE *in = fopen(\"in.bin\", \"rb\"), *out = fopen(\"out.bin\", \"wb\");\n"
                 "    edge = mmap(NULL, 2 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);\n"
                 "    edge += page;\n    ok &= !mprotect(edge, page, PROT_NONE);\n"
                 "    ok &= fread(f, sizeof f, 1, in) & fread(i, sizeof i, 1, in);\n");
    buf_printf(&b, "%s    return fclose(out) || !ok;\n}\n", s->main.s);
    write_file_in("rows.c", b.s);
    buf_free(&b);
}

/* Says where spelling and meaning differ. */
static bool same_item(const Sheet *s, int k, const float *want, const float *got)
{
    const Item *m = &s->item.v[k];
    int64_t at = first_difference(want, got, m->n, m->bits || m->elem == DT_I32);
    s->ran[m->row] = true;
    if (at < 0)
        return true;
    uint32_t w, g;
    memcpy(&w, &want[at], sizeof w);
    memcpy(&g, &got[at], sizeof g);
    printf("%s: %s, element %d: %#x, its meaning is %#x\n", s->t->isa, m->what, (int)at, g, w);
    return false;
}

static void run_rows(Sheet *s, float *f, int32_t *x, float **want)
{
    const char *cc = s->t->cc ? s->t->cc : "cc";
    write_rows(s);
    Buf in = {0};
    buf_write(&in, (const char *)f, 4 * 4 * ELEMS);
    buf_write(&in, (const char *)x, 4 * 5 * ELEMS);
    CU_ASSERT(write_file(arena_printf(A, "%s/in.bin", folder), in.s, in.n));
    buf_free(&in);
    MUST("%s %s %s -w -o rows rows.c -lm && timeout 60 %s ./rows", cc, s->t->cflags, s->t->cc ? "-static" : "",
         s->t->cc ? "qemu-aarch64" : "");
    FILE *out = fopen(arena_printf(A, "%s/out.bin", folder), "rb");
    int wrong = 0;
    for (int k = 0; k < s->item.n && out; k++) {
        float *got = NEW(A, float, s->item.v[k].n);
        if (fread(got, 4, (size_t)s->item.v[k].n, out) == (size_t)s->item.v[k].n)
            wrong += !same_item(s, k, want[k], got);
    }
    CU_ASSERT_EQUAL(wrong, 0);
    if (out)
        fclose(out);
}

/* ---- the whole ---- */

/* How many rows nothing ran. */
static int rows_left(const Sheet *s)
{
    int left = 0;
    for (int i = 0; i < s->nrows; i++) {
        const IsaRow *r = &s->row[i];
        if (s->ran[i])
            continue;
        left++;
        printf("%s: nothing ran %s %s\n", s->t->isa, r->kind == ROW_INSTR ? xop_info[r->op].name : "the row of",
               r->kind == ROW_HELPER ? r->name : type_name(r->type));
    }
    return left;
}

static const Target *target_with(const char *isa)
{
    for (int i = 0; i < ntargets; i++)
        if (!strcmp(targets[i].isa, isa))
            return &targets[i];
    bug("no target has ISA %s", isa);
}

static bool able(const Target *t)
{
    if (!strcmp(t->isa, "neon"))
        return !t->cc || (have(t->cc) && have("qemu-aarch64"));
    return runs_here(t->name);
}

static void check_isa(const Target *t, const IsaRow *row, int n, uint64_t seed)
{
    BackendOptions o = {.target = t};
    Sheet s = {.t = t, .row = row, .nrows = n, .ran = NEW(A, bool, n),
               .c = {.A = A, .o = &o, .isa = t->isa, .needed = dict_new(A)}};
    s.c.global = names_new(A, t->isa, NULL);
    float *f = NEW(A, float, 4 * ELEMS);
    int32_t *x = NEW(A, int32_t, 5 * ELEMS);
    fill(seed, f, x);
    add_rows(&s);
    float **want = interpret_rows(&s, f, x);
    if (want)
        run_rows(&s, f, x, want);
    CU_ASSERT_EQUAL(rows_left(&s), 0);
    Buf *const used[] = {&s.code, &s.main, &s.buffers, &s.kernels, &s.c.types, &s.c.helpers};
    for (int i = 0; i < LEN(used); i++)
        buf_free(used[i]);
}

static void test_rows(void)
{
    const char *given = getenv("DSQ_SEED"), *isa;
    uint64_t seed = given ? strtoull(given, NULL, 10) : (uint64_t)time(NULL);
    const IsaRow *row;
    int n;
    printf("# isa: DSQ_SEED=%llu\n", (unsigned long long)seed);
    for (int i = 0; (row = isa_rows(i, &isa, &n)); i++) {
        begin_test();
        const Target *t = target_with(isa);
        if (able(t))
            check_isa(t, row, n, seed);
        else
            skip(arena_printf(A, "rows of %s: neither this machine nor an emulator here runs them", isa));
        end_test();
    }
}

void suite_isa(void)
{
    CU_pSuite s = CU_add_suite("isa", NULL, NULL);
    CU_add_test(s, "spelling and meaning of every row", test_rows);
}
