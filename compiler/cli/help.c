/* Tables of the compiler as text for people: targets, operators with their attributes. */
#include "help.h"

#include <stdio.h>
#include <string.h>

#include "../../ir/graph/graph.h"
#include "../emit/cc.h"
#include "term.h"

/* ---- targets ---- */

static void target_row(Table *t, const Target *target, const char *needs)
{
    const char *lacks = host_lacks(t->arena, target);
    table_cell(t, "%s", target->name);
    table_cell(t, "%s", needs);
    table_cell(t, "%s", lacks ? "no" : "yes");
    table_cell(t, "%s", target_doc(target->name));
}

void help_targets(void)
{
    Arena *A = arena_new();
    Table t = table_new(A, "llll");
    static const char *const heading[] = {"target", "what runs it", "here", "for"};
    for (int i = 0; i < LEN(heading); i++)
        table_cell(&t, "%s", heading[i]);
    target_row(&t, target_find("native"), "this machine");
    for (int i = 0; i < ntargets; i++)
        target_row(&t, &targets[i], targets[i].cpu_check);
    table_print(&t);
    arena_free(A);
}

void help_target_names(void)
{
    printf("  %-11s %s\n", "native", target_doc("native"));
    for (int i = 0; i < ntargets; i++)
        printf("  %-11s %s\n", targets[i].name, target_doc(targets[i].name));
}

/* ---- operators ---- */

static const char operators_head[] =
    "A step of a spec names an operator: `relu`, or {op: conv2d, name: conv1, out: 64, kernel: 3}. Every step may\n"
    "have `name` (scope of its tensors), `in` (what it takes, else the result before it), `as` (a name for its result) "
    "and\n"
    "`when` (false leaves it out). `shared: true` takes the tensors of an earlier step of its name. A tensor is named\n"
    "by the scopes and its own name, `conv1.weight`; `weight: w` gives another name, `weight: {tensor: 'a/b:0'}` the\n"
    "whole, without scopes, and so for `bias` and its like. C is the number of channels of the first operand.\n";

/* Operators of specs alone: compiler/spec/spec_op.c reads them. */
static const char operators_tail[] =
    "\nconstant\n"
    "    a value that stands in the spec\n"
    "    value             required        a number, or a list of them in row-major order\n"
    "    shape             default [n]     its sizes; one number fills them\n"
    "\nparameter\n"
    "    a trained tensor as a value\n"
    "    name              required        the tensor's name, behind the scope; {tensor: 'a/b:0'}: the whole\n"
    "    shape             required        its sizes\n";

static void attribute(const char *name, int len, const char *how, const char *doc)
{
    printf("    %-17.*s %-15s %s\n", len, name, how, doc);
}

/* "out!", "kernel!", "weight[out,C/groups,kernel]", "bias?[out]": ir/graph/op.def explains them. */
static void spec_word(const char *word, int n)
{
    int len = (int)strcspn(word, "!?-=[");
    const char *shape = memchr(word, '[', (size_t)n);
    char name[32], doc[128], how[32] = "required";
    snprintf(name, sizeof name, "%.*s", len, word);
    if (word[len] == '=')
        snprintf(how, sizeof how, "default %.*s", n - len - 1, word + len + 1);
    int attr = attr_by_name(name);
    if (!shape) {
        attribute(word, len, how, attr >= 0 ? attr_info[attr].doc : "channels or features of the result");
        return;
    }
    const char *choice = word[len] == '?' ? "; false: without it" : word[len] == '-' ? "; true: with it" : "";
    snprintf(doc, sizeof doc, "%.*s%s", n - (int)(shape - word), shape, choice);
    attribute(word, len, "tensor", doc);
}

static void op_attribute(const OpAttr *a)
{
    const AttrInfo *info = &attr_info[a->attr];
    char how[64], doc[256];
    snprintf(how, sizeof how, "%s%s", a->required ? "required" : *a->dflt ? "default " : "optional", a->dflt);
    snprintf(doc, sizeof doc, "%s%s%s", info->choices, *info->choices ? ": " : "", info->doc);
    attribute(info->name, (int)strlen(info->name), how, doc);
}

static void operator(Op op)
{
    const OpInfo *info = &op_info[op];
    printf("\n%s\n    %s\n", info->name, info->doc);
    for (const char *p = info->spec; *p;) {
        int n = (int)strcspn(p, " ");
        spec_word(p, n);
        p += n + (p[n] == ' ');
    }
    for (int i = 0; i < info->nattrs; i++)
        op_attribute(&info->attrs[i]);
}

void help_operators(void)
{
    fputs(operators_head, stdout);
    for (int op = OP_NONE + 1; op < NOPS; op++)
        operator(op);
    fputs(operators_tail, stdout);
}
