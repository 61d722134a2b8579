#ifndef DSQ_TEST_SPECS_H
#define DSQ_TEST_SPECS_H
/* Specs from text, what they make, and the messages of the last one. */
#include "../../../compiler/spec/spec.h"

#include <CUnit/CUnit.h>
#include <stdio.h>
#include <string.h>

static Arena *arena;
static Buf said; /* messages of the last spec */

static inline Spec *load_set(const char *text, const Param *set, int nset)
{
    arena_free(arena);
    arena = arena_new();
    buf_free(&said);
    diag_reset();
    diag_capture(&said);
    Spec *s = spec_parse(arena, "t.yaml", text, strlen(text), set, nset, NULL);
    diag_capture(NULL);
    return s;
}

static inline Spec *load(const char *text)
{
    Spec *s = load_set(text, NULL, 0);
    if (!s)
        fprintf(stderr, "%s\n%s", text, said.s);
    return s;
}

static inline const char *said_text(void)
{
    return said.s ? said.s : "";
}

/* The steps on f32[1,8,16,16]. */
static inline Spec *load_steps(const char *head, const char *steps)
{
    char text[8192];
    snprintf(text, sizeof text, "input: {x0: 'f32[1,8,16,16]'}\n%s\nnetwork: [%s]\n", head, steps);
    return load(text);
}

static inline const char *output_type(const Spec *s, int i)
{
    return s ? type_text(arena, &s->graph->value.v[s->graph->output.v[i]].type) : "none";
}

/* "conv1.weight f32[8,3,3,3] ..." */
static inline const char *constants(const Spec *s)
{
    const char *text = "";
    for (int i = 0; s && i < s->graph->value.n; i++) {
        const Value *v = &s->graph->value.v[i];
        if (v->kind == VAL_CONST)
            text = arena_printf(arena, "%s%s%s", text, *text ? " " : "", v->name);
    }
    return text;
}

static inline const char *nodes(const Spec *s)
{
    const char *text = "";
    for (int i = 0; s && i < s->graph->node.n; i++)
        text = arena_printf(arena, "%s%s%s", text, i ? " " : "", s->graph->node.v[i].name);
    return text;
}

#define SAME(a, b)                                                                                                     \
    do {                                                                                                               \
        const char *got = (a), *want = (b);                                                                            \
        if (strcmp(got, want))                                                                                         \
            fprintf(stderr, "found    %s\nexpected %s\n", got, want);                                                  \
        CU_ASSERT_STRING_EQUAL(got, want);                                                                             \
    } while (0)

static inline int clean(void)
{
    arena_free(arena);
    arena = NULL;
    buf_free(&said);
    diag_reset();
    return 0;
}
#endif
