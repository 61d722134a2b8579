/* The table of other frameworks' words: what it names must be there. */
#include "../../../compiler/spec/foreign.h"
#include "../../../ir/graph/graph.h"

#include <CUnit/CUnit.h>
#include <stdio.h>
#include <string.h>

void suite_foreign(void);

typedef struct Row { const char *where, *name, *ours, *say; } Row;
static const Row rows[] = {
#define FOREIGN(where, name, ours, say) {#where, name, ours, say},
#include "../../../compiler/spec/foreign.def"
#undef FOREIGN
};

static bool is_attribute(const char *word)
{
    static const char *const other[] = {"out", "bias", "weight", "running_mean", "running_var", "in", "as", "op",
                                        "when"};
    for (int i = 0; i < LEN(other); i++)
        if (!strcmp(word, other[i]))
            return true;
    return attr_by_name(word) >= 0;
}

/* Some operator of ours is spelt so when '_' is left out: it is found without a row. */
static bool is_operator_bare(const char *bare)
{
    for (int op = 0; op < NOPS; op++) {
        char name[64];
        size_t n = 0;
        for (const char *p = op_info[op].name; *p && n < sizeof name - 1; p++)
            if (*p != '_')
                name[n++] = *p;
        name[n] = 0;
        if (!strcmp(name, bare))
            return true;
    }
    return false;
}

/* Ours are words of a spec, theirs are bare and stand once in their place, and every row says something. */
static void test_table(void)
{
    for (int i = 0; i < LEN(rows); i++) {
        const Row *r = &rows[i];
        CU_ASSERT(*r->ours || *r->say);
        CU_ASSERT(strspn(r->name, "abcdefghijklmnopqrstuvwxyz0123456789") == strlen(r->name));
        for (int k = 0; k < i; k++)
            CU_ASSERT(strcmp(rows[k].where, r->where) || strcmp(rows[k].name, r->name));
        char ours[64];
        snprintf(ours, sizeof ours, "%s", r->ours);
        for (char *word = strtok(ours, "|"); word; word = strtok(NULL, "|")) {
            if (!strcmp(r->where, "OP"))
                CU_ASSERT(op_by_name(word) != OP_NONE || !strcmp(word, "constant"));
            if (!strcmp(r->where, "ATTR"))
                CU_ASSERT(is_attribute(word));
        }
        CU_ASSERT(strcmp(r->where, "OP") || !is_operator_bare(r->name));
    }
}

static void test_spellings(void)
{
    static const char *const ops[] = {"conv2d", "leaky_relu", "linear"};
    Arena *A = arena_new();
    const char *const said[] = {"Conv2D", "CONV_2D", "torch.nn.Conv2d(3, 64)", "nn.LeakyReLU(0.1)",
                                "keras.layers.Dense", "FULLY_CONNECTED"};
    const char *const hint[] = {"'conv2d'", "'conv2d'", "'conv2d'", "'leaky_relu'", "'linear'", "'linear'"};
    for (int i = 0; i < LEN(said); i++) {
        const char *h = foreign_hint(A, FOREIGN_OP, said[i], ops, LEN(ops));
        CU_ASSERT(h && strstr(h, hint[i]));
    }
    CU_ASSERT(!foreign_hint(A, FOREIGN_OP, "qqq", ops, LEN(ops)));
    CU_ASSERT(!foreign_hint(A, FOREIGN_ATTR, "padding", ops, LEN(ops))); /* no candidate takes it */
    arena_free(A);
}

void suite_foreign(void)
{
    CU_pSuite s = CU_add_suite("foreign words", NULL, NULL);
    CU_add_test(s, "table", test_table);
    CU_add_test(s, "spellings", test_spellings);
}
